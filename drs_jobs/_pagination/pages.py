"""Pages and collections of items."""

from collections.abc import Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import attrs

from drs_jobs import _html
from drs_jobs._models import Job
from drs_jobs._text import quoted

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Request(NamedTuple):
    """The request of one page."""

    operation: str
    """The operation, such as DescribeJobs."""
    arguments: Mapping[str, Any]
    """The arguments for the method of the client, in AWS's names."""


@attrs.frozen
class RawPage:
    """One response with raw items. No `repr` contains them, because they have tags."""

    items: list[object] = attrs.field(repr=False)
    """The raw items."""
    next_token: str | None
    """The token of the next page; `None` on the last."""
    request_id: str | None
    """AWS's id of the request."""
    raw: Mapping[str, Any] = attrs.field(repr=False)
    """The whole decoded response, unchanged."""


@attrs.frozen
class Page(Generic[T]):
    """The items of one response."""

    items: tuple[T, ...] = attrs.field(repr=lambda items: f"<{len(items)}>")
    """The typed items. A limit, a cursor or a malformed item can make them fewer than in the response."""
    next_token: str | None = attrs.field(repr=lambda token: "None" if token is None else quoted(token))
    """AWS's token of the next page; `None` on the last."""
    request_id: str | None
    """AWS's id of the request, for a support case."""
    cursor: str = attrs.field(repr=False)
    """The position after this page."""
    raw: Mapping[str, Any] = attrs.field(hash=False, repr=False)
    """The whole decoded response, unchanged, with the keys that drs_jobs ignores."""


class Items(tuple[T_co, ...]):
    """All items of a pager, as a tuple that is shown as a table in a notebook."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Return a text with the number of items instead of the items, because thousands of jobs would be a very long text."""
        return f"Items(<{len(self)}>)"

    def _repr_html_(self) -> str:
        """Return a table with at most 100 jobs, for a notebook. Other items are shown as one line each."""
        jobs = [item for item in self if isinstance(item, Job)]
        if len(jobs) == len(self):
            return _html.jobs_html(jobs)
        lines = "".join(f"<pre>{_html.text(repr(item))}</pre>" for item in self[: _html.MAX_ROWS])
        return lines + _html.more_html(len(self), _html.MAX_ROWS)
