"""Hypothesis strategies for every data class, built from its annotations."""

import types
from collections.abc import Mapping
from datetime import UTC, datetime
from enum import Enum
from typing import Any, Union, get_args, get_origin, get_type_hints

import attrs
from hypothesis import strategies as st

from drs_jobs import Job, JobLogItem, SourceNetworkID, UnknownMember, UnknownValue

# Any Unicode, with lone surrogates, because JSON can contain them.
text = st.text(st.characters(), max_size=8)
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(text, inner, max_size=2),
    max_leaves=4,
)
unknown_members = st.builds(UnknownMember, text.map(lambda name: f"later{name}"), json_values)
moments = st.datetimes(timezones=st.just(UTC))


def values_of(annotation: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for the values of a field's type."""
    members = get_args(annotation)
    if annotation in (str, bool, int, datetime):
        return {str: text, bool: st.booleans(), int: st.integers(), datetime: moments}[annotation]
    if annotation is UnknownMember:
        return unknown_members
    if annotation is UnknownValue:
        return text.map(lambda value: UnknownValue(f"LATER{value}"))
    if annotation is types.NoneType:
        return st.none()
    if annotation is SourceNetworkID:
        return st.builds(SourceNetworkID, text)
    if get_origin(annotation) in (Union, types.UnionType):
        return st.one_of([values_of(member) for member in members])
    if get_origin(annotation) is tuple:
        return st.lists(values_of(members[0]), max_size=2).map(tuple)
    if get_origin(annotation) is Mapping:
        return st.dictionaries(text, values_of(members[1]), max_size=2)
    if issubclass(annotation, Enum):
        return st.sampled_from(list(annotation))
    return records(annotation)


def records(cls: Any) -> st.SearchStrategy[Any]:
    """Return a strategy for the instances of a data class."""
    hints = get_type_hints(cls)
    return st.builds(cls, **{field.name: values_of(hints[field.name]) for field in attrs.fields(cls)})


jobs = records(Job)
log_items = records(JobLogItem)
