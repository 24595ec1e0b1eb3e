"""Conversion of raw items to attrs objects, with the table of names and a private, strict cattrs converter.

It is fast because it reads each item in one pass, without copies and without paths, with generated code for each class. Only
if a value does not match the schema, the path to it is collected while the error propagates.
"""

# The shape of the JSON is unknown, and isinstance leaves the types of its elements unknown.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import copy
import functools
import linecache
import operator
import re
import sysconfig
import types
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, NoReturn, TypeVar, Union, get_args, get_origin, get_type_hints

import attrs
import cattrs

from drs_jobs._models import (
    Job,
    JobLogItem,
    LaunchAction,
    LaunchActionParameter,
    SourceNetworkID,
    UnknownMember,
    UnknownValue,
)
from drs_jobs._redaction import MAX_NESTING, is_nested_too_deep
from drs_jobs._wire.errors import SchemaError
from drs_jobs._wire.names import NAMES, SDK_UNKNOWN_MEMBER, UNION_TAGS

T = TypeVar("T")


def structure_job(raw: Mapping[str, Any]) -> Job:
    """Return a typed `Job` for a dict in AWS's shape.

    Args:
        raw: The dict, from boto3, from the `items` of a response, or from `unstructure_job`. Unknown keys are ignored.

    Raises:
        MalformedResponseError: If the dict is not a job. The error has the path and the value.
    """
    return structure(_as_dict(raw), Job, "$")


def _as_dict(raw: object) -> object:
    return dict(raw) if isinstance(raw, Mapping) else raw


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
    if not isinstance(job, Job):
        raise TypeError(f"unstructure_job takes a Job, not {type(job).__name__}")
    from drs_jobs._wire.unstructuring import unstructure  # noqa: PLC0415  # most programs only structure

    return unstructure(job)


def structure_log_item(raw: Mapping[str, Any]) -> JobLogItem:
    """Return a typed `JobLogItem` for a dict in AWS's shape.

    Args:
        raw: The dict, from boto3, from the `items` of a response, or from `unstructure_log_item`. Unknown keys are ignored.

    Raises:
        MalformedResponseError: If the dict is not a log item. The error has the path and the value.
    """
    return structure(_as_dict(raw), JobLogItem, "$")


def unstructure_log_item(item: JobLogItem) -> dict[str, Any]:
    """Return a log item as a dict in AWS's shape, in the format of `unstructure_job`.

    Args:
        item: The log item.

    Raises:
        TypeError: If `item` is not a `JobLogItem`.
        ValueError: If a datetime is naive.
    """
    if not isinstance(item, JobLogItem):
        raise TypeError(f"unstructure_log_item takes a JobLogItem, not {type(item).__name__}")
    from drs_jobs._wire.unstructuring import unstructure  # noqa: PLC0415  # as in `unstructure_job`

    return unstructure(item)


def structure(raw: object, item_type: type[T], path: str) -> T:
    """Return `raw` as an instance of `item_type`.

    Raises:
        MalformedResponseError: If it does not match the schema. The path of the error starts with `path`.
    """
    try:
        item: T = _converter.structure(raw, item_type)
    except SchemaError as schema_error:
        error = schema_error.as_malformed(path)
    else:
        return item
    # Raised outside of the `except` block, because schema_error contains the value, even if it can contain tags.
    raise error


# ------------------------------------------------------------------ the converter

_Hook = Callable[[Any, Any], Any]

_SCALARS: Final[Mapping[type, str]] = {str: "a string", int: "a whole number", bool: "true or false"}
"""What is expected, by type, if a value does not have it."""


def _structure_scalar(value: Any, scalar_type: Any) -> Any:
    # Subclasses are accepted, except that a bool is no number. The first condition alone is fast.
    if value.__class__ is not scalar_type and (not isinstance(value, scalar_type) or isinstance(value, bool)):
        raise SchemaError(_SCALARS[scalar_type], value)
    return value


# `fromisoformat` alone accepts more: week dates, hours without minutes, any letter for the `T`. Both functions are constants,
# because an attribute access per timestamp would take time.
_is_timestamp: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII).fullmatch
_parse: Final = datetime.fromisoformat


def _structure_datetime(value: object, _: object) -> datetime:
    if isinstance(value, str) and _is_timestamp(value):
        try:
            # `fromisoformat` ignores digits beyond microseconds.
            moment = _parse(value)
            return moment if moment.tzinfo is UTC else moment.astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise SchemaError("a timestamp like 2024-06-15T15:00:00.000Z", value)


_HEAD: Final = """
def structure_instance(value, _):
    if not isinstance(value, dict):
        raise SchemaError("an object", value)
    instance = new({instance_class})
    try:
"""
_FIELD: Final = """
        key = {key!r}
        member = value.get({key!r})
        {assignment}
"""
_MEMBER: Final = "{known} {absent} if member is None else hook_{name}(member, type_{name})"
_TAIL: Final = """
    except SchemaError as schema_error:
        raise schema_error.at_member(key) from None
"""

_SHARED_TEXTS: Final = {
    LaunchAction: ("action_code", "action_id", "action_version", "description", "name"),
    LaunchActionParameter: ("value",),
}
"""The fields whose texts repeat in every run of an action. Equal texts are one object, which saves a third of the memory."""

_share: Final = functools.lru_cache(maxsize=1_000)(str)
"""Returns its argument, or an equal text of an earlier call."""

_uses_mutable_class = not sysconfig.get_config_var("Py_GIL_DISABLED")
"""Whether an instance is created with a mutable class of the same slots, and its `__class__` is then set to the frozen class.

To set attributes of the mutable class takes about a third of the time that the descriptors of the slots take. The descriptors
work for a frozen class too. They are used on a free-threaded build, because a change of `__class__` stops all threads there.
"""


def _structure_class(cls: Any) -> _Hook:
    """Return generated code that structures a class field by field, as attrs and cattrs generate code.

    It checks the fields itself, so it does not call the `__init__` of attrs.
    """
    fields = attrs.fields(cls)
    mutable_class = type(cls.__name__, cls.__bases__, {"__slots__": [field.name for field in fields]})
    source: str = _HEAD.format(instance_class="mutable_class" if _uses_mutable_class else "cls")
    names: dict[str, Any] = {"SchemaError": SchemaError, "cls": cls, "mutable_class": mutable_class, "share": _share}
    names["new"] = object.__new__
    hints = get_type_hints(cls)
    for name, key in NAMES[cls].items():
        field_type = _without_none(hints[name])
        default = getattr(fields, name).default
        known = ""
        if field_type in _SCALARS:
            value = "share(member)" if name in _SHARED_TEXTS.get(cls, ()) else "member"
            known = f"{value} if member.__class__ is {field_type.__name__} else"
        elif _is_open_enum(field_type):
            known = f"known_{name}[member] if member.__class__ is str and member in known_{name} else"
            names[f"known_{name}"] = _known_values(field_type)
        absent = repr(default) if default in (None, ()) else f"absent_{name}()"
        value = _MEMBER.format(name=name, known=known, absent=absent)
        assignment = f"instance.{name} = {value}" if _uses_mutable_class else f"set_{name}(instance, {value})"
        source += _FIELD.format(key=key, assignment=assignment)
        names[f"set_{name}"] = cls.__dict__[name].__set__
        names[f"absent_{name}"] = _raise_missing if default is attrs.NOTHING else getattr(default, "factory", None)
        names[f"hook_{name}"] = _converter.get_structure_hook(field_type)
        names[f"type_{name}"] = field_type
    change_class = "    instance.__class__ = cls\n" if _uses_mutable_class else ""
    source += f"{_TAIL}{change_class}    return instance\n"
    # As attrs and cattrs do, so that a traceback shows the lines of generated code.
    filename = f"<drs_jobs structures {cls.__name__}>"
    linecache.cache[filename] = (len(source), None, list[str](source.splitlines(keepends=True)), filename)
    exec(compile(source, filename, "exec"), names)  # noqa: S102  # the source contains only names of the table
    structure_instance: _Hook = names["structure_instance"]
    return structure_instance


def _raise_missing() -> NoReturn:
    raise SchemaError("a value", None)


def _without_none(annotation: Any) -> Any:
    members = [member for member in get_args(annotation) if member is not types.NoneType]
    return functools.reduce(operator.or_, members) if _is_union(annotation) else annotation


def _is_union(annotation: Any) -> bool:
    return get_origin(annotation) in (Union, types.UnionType)


def _is_open_enum(annotation: Any) -> bool:
    return _is_union(annotation) and UnknownValue in get_args(annotation)


def _is_tagged_union(annotation: Any) -> bool:
    return _is_union(annotation) and UnknownMember in get_args(annotation)


def _is_tuple(annotation: Any) -> bool:
    return get_origin(annotation) is tuple


def _is_mapping(annotation: Any) -> bool:
    return get_origin(annotation) is Mapping


def _known_values(annotation: Any) -> dict[str, Enum]:
    enum = next(member for member in get_args(annotation) if issubclass(member, Enum))
    return {member.value: member for member in enum}


def _structure_open_enum(annotation: Any) -> _Hook:
    known = _known_values(annotation)

    def structure_value(value: Any, _: object) -> Any:
        member = known.get(_structure_scalar(value, str))
        return UnknownValue(value) if member is None else member

    return structure_value


def _structure_tagged_union(annotation: Any) -> _Hook:
    known = {UNION_TAGS[member]: member for member in get_args(annotation) if member is not UnknownMember}

    def structure_member(value: Any, _: object) -> Any:
        if not isinstance(value, dict):
            raise SchemaError("an object", value)
        # As in botocore, null members and `__type` do not count.
        members = [name for name, member in value.items() if member is not None and name != "__type"]
        if len(members) != 1:
            raise SchemaError(f"one member, not {len(members)}", value)
        [name] = members
        try:
            if name == SDK_UNKNOWN_MEMBER:
                return UnknownMember(_unknown_member_name(value[name]))
            if name not in known:
                if is_nested_too_deep(value[name]):
                    raise SchemaError(f"a value nested at most {MAX_NESTING} deep", value[name])
                return UnknownMember(name, copy.deepcopy(value[name]))
            return _converter.structure(value[name], known[name])
        except SchemaError as schema_error:
            raise schema_error.at(name) from None

    return structure_member


def _unknown_member_name(value: object) -> str:
    name = value.get("name") if isinstance(value, dict) else None
    if not isinstance(name, str):
        raise SchemaError("an object with a name", value)
    return name


def _structure_tuple(annotation: Any) -> _Hook:
    element_type = get_args(annotation)[0]
    hook = _converter.get_structure_hook(element_type)

    def structure_elements(value: Any, _: object) -> Any:
        if not isinstance(value, list):
            raise SchemaError("a list", value)
        elements: list[Any] = []
        try:
            for element in value:
                elements.append(hook(element, element_type))  # noqa: PERF401  # the error needs the index of the element
        except SchemaError as schema_error:
            raise schema_error.at(len(elements)) from None
        return tuple(elements)

    return structure_elements


def _structure_mapping(annotation: Any) -> _Hook:
    value_type = get_args(annotation)[1]
    hook = _converter.get_structure_hook(value_type)

    def structure_values(value: Any, _: object) -> Any:
        if not isinstance(value, dict):
            raise SchemaError("an object", value)
        values: dict[str, Any] = {}
        key = ""
        try:
            for key, element in value.items():
                values[key if key.__class__ is str else _structure_scalar(key, str)] = hook(element, value_type)
        except SchemaError as schema_error:
            raise schema_error.at(key) from None
        return values

    return structure_values


def _make_converter() -> cattrs.Converter:
    converter = cattrs.Converter()
    for scalar_type in _SCALARS:
        converter.register_structure_hook(scalar_type, _structure_scalar)
    converter.register_structure_hook(datetime, _structure_datetime)
    converter.register_structure_hook(SourceNetworkID, lambda value, _: SourceNetworkID(_structure_scalar(value, str)))
    # Factories only, also for unions, because cattrs tries the latest factory first, and prefers any factory to a hook that
    # is registered for a union.
    converter.register_structure_hook_factory(_is_tuple, _structure_tuple)
    converter.register_structure_hook_factory(_is_mapping, _structure_mapping)
    converter.register_structure_hook_factory(_is_open_enum, _structure_open_enum)
    converter.register_structure_hook_factory(_is_tagged_union, _structure_tagged_union)
    converter.register_structure_hook_factory(NAMES.__contains__, _structure_class)
    return converter


_converter: Final = _make_converter()
