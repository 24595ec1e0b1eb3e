"""Raw items as typed objects.

Each class is structured by a loop over its fields in the table of names. A private, strict cattrs converter has the function
for each type of field. If a value does not match the schema, the path to it is collected while the error propagates.
"""

# The shape of the JSON is unknown, and isinstance leaves the types of its elements unknown.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import copy
import functools
import itertools
import re
import types
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Final, NoReturn, TypeAlias, TypeVar, get_args, get_type_hints

import attrs
import cattrs

from drs_jobs._aws.field_names import AWS_NAMES, SDK_UNKNOWN_MEMBER, UNION_TAGS
from drs_jobs._errors import MalformedResponseError
from drs_jobs._models import Job, JobLogItem, LaunchAction, LaunchActionsStatus, SourceNetworkID, UnknownMember, UnknownValue
from drs_jobs._text import MAX_NESTING, SENSITIVE_MEMBER, format_int, is_nested_too_deep, may_contain_tags, quoted, redact_value

T = TypeVar("T")


def structure_job(raw: Mapping[str, Any]) -> Job:
    """Return a typed `Job` for a dict in AWS's shape.

    Args:
        raw: The dict, from boto3, from the `items` of a response, or from `unstructure_job`. Unknown keys are ignored.

    Raises:
        MalformedResponseError: If the dict is not a job. The error has the path and the value.
    """
    try:
        return structure(_as_dict(raw, "jobID"), item_type=Job)
    finally:
        del raw  # crash reporters send local variables, and a raw job has tags


def structure_log_item(raw: Mapping[str, Any]) -> JobLogItem:
    """Return a typed `JobLogItem` for a dict in AWS's shape.

    Args:
        raw: The dict, from boto3, from the `items` of a response, or from `unstructure_log_item`. Unknown keys are ignored.

    Raises:
        MalformedResponseError: If the dict is not a log item. The error has the path and the value.
    """
    try:
        return structure(_as_dict(raw, "event"), item_type=JobLogItem)
    finally:
        del raw  # it can be a response with jobs


def _as_dict(raw: object, key: str) -> object:
    """Return a mapping as a dict. Raise an error for shapes of AWS that are easily confused with that of this key."""
    if not isinstance(raw, Mapping):
        return raw
    problem = None
    if key not in raw:
        names = {str(name)[:1].lower() + str(name)[1:] for name in raw}
        if "items" in names:
            problem = "a whole response: pass each of its items"
        elif "job" in names:
            problem = "the response of start_recovery: pass its job"
        elif key in names:
            problem = "keys with capital letters, as Step Functions writes them: pass the keys of boto3, such as jobID"
    if problem is None:
        return dict(raw)
    del raw
    raise MalformedResponseError(problem, path="$")


def structure(raw: object, index: int | None = None, *, item_type: type[T]) -> T:
    """Return a raw item as an instance of `item_type`. `index` is its index in a response, for the path of the error."""
    try:
        item: T = _converter.structure(raw, item_type)
    except SchemaError as schema_error:
        error = schema_error.as_malformed("$" if index is None else f"$.items[{index}]")
    else:
        return item
    # Raised outside of the `except` block, and without the raw item, because both can contain tags.
    del raw
    raise error


# ------------------------------------------------------------------ values that do not match the schema


class SchemaError(Exception):
    """A value does not match the schema. The path to the value is collected while the error propagates."""

    def __init__(self, expected: str, value: object) -> None:
        super().__init__(expected)
        self.expected = expected
        self.value = value
        self.found = f", found {_describe(value)}"
        self.steps: list[str] = []

    def at(self, step: object) -> "SchemaError":
        """Add a step to the path: the key or index of the value in its object, map or list. Return the error itself."""
        self.steps.append(_path_step(step))
        return self

    def at_member(self, key: str) -> "SchemaError":
        """Add a member of a structure to the path. Return the error itself."""
        if key == SENSITIVE_MEMBER:
            # The path ends here, because further steps are keys of tags.
            self.steps, self.value, self.found, self.expected = [], None, "", "an object of strings"
        return self.at(key)

    def as_malformed(self, path: str) -> MalformedResponseError:
        """Return the public error. `path` is the path of the item that contains the value."""
        full_path = path + "".join(reversed(self.steps))
        return MalformedResponseError(f"expected {self.expected}{self.found}", path=full_path, value=redact_value(self.value))


def _path_step(step: object) -> str:
    if isinstance(step, int):
        return f"[{step}]"
    if not isinstance(step, str):
        return f"[{quoted(repr(step))}]"  # only in a dict that is not decoded JSON
    return f".{step}" if step.isascii() and step.isidentifier() else f"[{quoted(step)}]"


def _describe(value: object) -> str:
    """Return the type of a value in terms of JSON, or the value itself if it is a number or a short string."""
    if isinstance(value, str):
        return "a string" if may_contain_tags(value) else quoted(value)
    if isinstance(value, int):
        return format_int(value)
    if isinstance(value, float):
        return repr(value)
    return _TYPE_NAMES.get(type(value), f"a {type(value).__name__}")


_SCALARS: Final = (str, int, bool)
_TYPE_NAMES: Final[Mapping[type, str]] = {
    str: "a string",
    int: "a whole number",
    bool: "true or false",
    dict: "an object",
    list: "a list",
    types.NoneType: "nothing",
}
"""The types of JSON, as an error calls them."""


def _require(value: Any, required_type: Any) -> Any:
    """Return the value, if it has this type or a subclass of it. A bool is no number."""
    if not isinstance(value, required_type) or (isinstance(value, bool) and required_type is not bool):
        raise SchemaError(_TYPE_NAMES[required_type], value)
    return value


# ------------------------------------------------------------------ one function per type

_Hook: TypeAlias = Callable[[Any, Any], Any]
"""Structures a value as a type."""

_converter: Final = cattrs.Converter()
# Factories only, also for unions, because cattrs tries the latest factory first, and prefers any factory to a hook that is
# registered for a union.
_register: Final = _converter.register_structure_hook_factory


# `fromisoformat` alone accepts more: week dates, hours without minutes, any letter for the `T`.
_TIMESTAMP: Final = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)", re.ASCII)


def _structure_datetime(value: object, _: object) -> datetime:
    if isinstance(value, str) and _TIMESTAMP.fullmatch(value):
        try:
            # `fromisoformat` ignores digits beyond microseconds.
            return datetime.fromisoformat(value).astimezone(UTC)
        except (ValueError, OverflowError):
            pass
    raise SchemaError("a timestamp like 2024-06-15T15:00:00.000Z", value)


def _structure_class(cls: Any) -> _Hook:
    """Return the function that structures a class, field by field.

    It sets the slots of a new object, because `__init__` of a frozen attrs class takes twice as long.
    """
    hints = get_type_hints(cls)
    fields: list[tuple[Any, ...]] = []
    for name, key in AWS_NAMES[cls].items():
        # The class of `X | None`. Absent members are not structured.
        members = [member for member in get_args(hints[name]) if member is not types.NoneType]
        field_type = members[0] if len(members) == 1 else hints[name]
        # A value of exactly this class is used as it is. `hook` structures all others.
        scalar = field_type if field_type in _SCALARS else None
        set_slot, hook = cls.__dict__[name].__set__, _converter.get_structure_hook(field_type)
        default = getattr(attrs.fields(cls), name).default
        # A function that returns the default, if it is a new object for each instance.
        make_default = _raise_missing if default is attrs.NOTHING else getattr(default, "factory", None)
        fields.append((key, set_slot, scalar, hook, field_type, default, make_default))
    new = object.__new__

    def structure_instance(value: Any, _: object) -> Any:
        _require(value, dict)
        instance = new(cls)
        key = ""
        try:
            for key, set_slot, scalar, hook, field_type, default, make_default in fields:
                member = value.get(key)
                if member is None:
                    member = default if make_default is None else make_default()
                elif member.__class__ is not scalar:
                    member = hook(member, field_type)
                set_slot(instance, member)
        except SchemaError as schema_error:
            raise schema_error.at_member(key) from None
        return instance

    return structure_instance


def _raise_missing() -> NoReturn:
    raise SchemaError("a value", None)


_register(AWS_NAMES.__contains__)(_structure_class)  # it is called below: the decorator of cattrs 24.1 returns nothing


@_register(lambda annotation: annotation is LaunchAction)
def _structure_launch_action(_: object) -> _Hook:
    """Return the function that structures a launch action. Equal actions, one per server and job, are one object."""
    structure_action = _structure_class(LaunchAction)

    @functools.lru_cache(maxsize=1_000)
    def first_equal(action: LaunchAction) -> LaunchAction:
        return action

    return lambda value, action_type: first_equal(structure_action(value, action_type))


@_register(lambda annotation: annotation is LaunchActionsStatus)
def _structure_launch_actions_status(_: object) -> _Hook:
    """Return the function that structures the launch actions of a server. Servers without any share one object."""
    structure_status, without_runs = _structure_class(LaunchActionsStatus), LaunchActionsStatus()
    return lambda value, status_type: without_runs if value == {"runs": []} else structure_status(value, status_type)


@_register(lambda annotation: UnknownValue in get_args(annotation))
def _structure_open_enum(annotation: Any) -> _Hook:
    members: dict[str, Any] = {member.value: member for member in next(t for t in get_args(annotation) if issubclass(t, Enum))}

    def structure_value(value: Any, _: object) -> Any:
        member = members.get(value) if value.__class__ is str else None
        return UnknownValue(_require(value, str)) if member is None else member

    return structure_value


@_register(lambda annotation: UnknownMember in get_args(annotation))
def _structure_tagged_union(annotation: Any) -> _Hook:
    types_by_tag = {UNION_TAGS[member]: member for member in get_args(annotation) if member in UNION_TAGS}

    def structure_member(value: Any, _: object) -> Any:
        _require(value, dict)
        # As in botocore, null members and `__type` do not count.
        members = [name for name, member in value.items() if member is not None and name != "__type"]
        if len(members) != 1:
            raise SchemaError(f"one member, not {len(members)}", value)
        [name] = members
        try:
            if name == SDK_UNKNOWN_MEMBER:
                dropped = value[name]
                if not isinstance(dropped, dict) or not isinstance(dropped.get("name"), str):
                    raise SchemaError("an object with a name", dropped)
                return UnknownMember(dropped["name"])
            if name not in types_by_tag:
                if is_nested_too_deep(value[name]):
                    raise SchemaError(f"a value nested at most {MAX_NESTING} deep", value[name])
                return UnknownMember(name, copy.deepcopy(value[name]))
            return _converter.structure(value[name], types_by_tag[name])
        except SchemaError as schema_error:
            raise schema_error.at(name) from None

    return structure_member


@_register(lambda annotation: getattr(annotation, "__origin__", None) is tuple)
def _structure_tuple(annotation: Any) -> _Hook:
    element_type = get_args(annotation)[0]
    hook = _converter.get_structure_hook(element_type)

    def structure_elements(value: Any, _: object) -> Any:
        _require(value, list)
        elements: list[Any] = []
        try:
            elements.extend(map(hook, value, itertools.repeat(element_type)))  # keeps the elements before an error
        except SchemaError as schema_error:
            raise schema_error.at(len(elements)) from None
        return tuple(elements)

    return structure_elements


@_register(lambda annotation: getattr(annotation, "__origin__", None) is Mapping)
def _structure_mapping(annotation: Any) -> _Hook:
    value_type = get_args(annotation)[1]
    hook = _converter.get_structure_hook(value_type)

    def structure_values(value: Any, _: object) -> Any:
        _require(value, dict)
        values: dict[str, Any] = {}
        key = ""
        try:
            for key, element in value.items():
                values[_require(key, str)] = hook(element, value_type)
        except SchemaError as schema_error:
            raise schema_error.at(key) from None
        return values

    return structure_values


for _scalar in _SCALARS:
    _converter.register_structure_hook(_scalar, _require)
_converter.register_structure_hook(datetime, _structure_datetime)
_converter.register_structure_hook(SourceNetworkID, lambda value, _: SourceNetworkID(_require(value, str)))
