"""Conversion of attrs objects to dicts in AWS's shape, with the table of names and a private cattrs converter."""

import copy
import operator
from collections.abc import Callable
from datetime import datetime
from enum import StrEnum
from typing import Any, Final

import cattrs

from drs_jobs._models import Job, JobLogItem, SourceNetworkID, UnknownMember, UnknownValue
from drs_jobs._timestamps import to_utc
from drs_jobs._wire.names import NAMES, SDK_UNKNOWN_MEMBER, UNION_TAGS


def unstructure(item: Job | JobLogItem) -> dict[str, Any]:
    """Return an item as a dict in AWS's shape, without `None` and empty collections.

    Raises:
        ValueError: If a datetime is naive.
    """
    raw: dict[str, Any] = _converter.unstructure(item)
    return raw


def _unstructure_class(cls: Any) -> Callable[[Any], Any]:
    names = NAMES[cls]
    tag = UNION_TAGS.get(cls)

    def unstructure_instance(instance: Any) -> dict[str, Any]:
        raw: dict[str, Any] = {}
        for name, key in names.items():
            value = getattr(instance, name)
            if value not in (None, (), {}):
                raw[key] = _converter.unstructure(value)
        return raw if tag is None else {tag: raw}

    return unstructure_instance


def _unstructure_datetime(moment: datetime) -> str:
    return to_utc(moment).isoformat()


def _unstructure_unknown(member: UnknownMember) -> dict[str, Any]:
    return {SDK_UNKNOWN_MEMBER: {"name": member.name}} if member.value is None else {member.name: copy.deepcopy(member.value)}


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    converter.register_unstructure_hook(datetime, _unstructure_datetime)
    converter.register_unstructure_hook(StrEnum, operator.attrgetter("value"))
    converter.register_unstructure_hook(UnknownValue, str)
    converter.register_unstructure_hook(tuple, lambda elements: [converter.unstructure(element) for element in elements])
    converter.register_unstructure_hook(SourceNetworkID, lambda member: {UNION_TAGS[SourceNetworkID]: member.value})
    converter.register_unstructure_hook(UnknownMember, _unstructure_unknown)
    converter.register_unstructure_hook_factory(NAMES.__contains__, _unstructure_class)
    return converter


_converter: Final = _make_converter()
