"""Typed objects as dicts in AWS's shape, with the table of names and a private cattrs converter."""

import copy
import operator
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import cattrs

from drs_jobs._aws.field_names import AWS_NAMES, SDK_UNKNOWN_MEMBER, UNION_TAGS
from drs_jobs._models import Job, JobLogItem, SourceNetworkID, UnknownMember, UnknownValue
from drs_jobs._time import to_utc


def unstructure_job(job: Job) -> dict[str, Any]:
    """Return a `Job` as a dict in AWS's shape, for `json.dumps` and for `structure_job`.

    `None` and empty collections are omitted. Timestamps are ISO 8601 and end in `+00:00`. A union member whose value botocore
    dropped is written as `SDK_UNKNOWN_MEMBER`, as in botocore.

    Args:
        job: The job.

    Raises:
        TypeError: If `job` is not a `Job`.
        ValueError: If a datetime is naive, which is possible in a job that AWS did not send.
    """
    try:
        return _unstructure(job, Job, "unstructure_job")
    finally:
        del job  # crash reporters send local variables, and a raw job has tags


def unstructure_log_item(item: JobLogItem) -> dict[str, Any]:
    """Return a log item as a dict in AWS's shape, in the format of `unstructure_job`.

    Args:
        item: The log item.

    Raises:
        TypeError: If `item` is not a `JobLogItem`.
        ValueError: If a datetime is naive.
    """
    try:
        return _unstructure(item, JobLogItem, "unstructure_log_item")
    finally:
        del item  # it can be a raw job


def _unstructure(item: object, item_type: type, function: str) -> dict[str, Any]:
    try:
        if not isinstance(item, item_type):
            raise TypeError(f"{function} takes a {item_type.__name__}, not {type(item).__name__}")
        raw: dict[str, Any] = _converter.unstructure(item)
    except (TypeError, ValueError) as error:
        invalid = error.with_traceback(None)
    else:
        return raw
    del item
    raise invalid


_converter: Final = cattrs.Converter()
_converter.register_unstructure_hook(datetime, lambda time: to_utc(time).isoformat())
_converter.register_unstructure_hook(StrEnum, operator.attrgetter("value"))
_converter.register_unstructure_hook(UnknownValue, str)
_converter.register_unstructure_hook(tuple, lambda elements: [_converter.unstructure(element) for element in elements])
_converter.register_unstructure_hook(SourceNetworkID, lambda member: {UNION_TAGS[SourceNetworkID]: member.value})


@_converter.register_unstructure_hook
def _unstructure_unknown(member: UnknownMember) -> dict[str, Any]:
    return {SDK_UNKNOWN_MEMBER: {"name": member.name}} if member.value is None else {member.name: copy.deepcopy(member.value)}


@_converter.register_unstructure_hook_factory(AWS_NAMES.__contains__)
def _unstructure_class(cls: Any) -> Callable[[Any], Any]:
    def unstructure_instance(instance: Any) -> dict[str, Any]:
        values = {key: getattr(instance, name) for name, key in AWS_NAMES[cls].items()}
        raw = {key: _converter.unstructure(value) for key, value in values.items() if value not in (None, (), {})}
        return {UNION_TAGS[cls]: raw} if cls in UNION_TAGS else raw

    return unstructure_instance
