"""What synchronous and asynchronous pagers have in common."""

from typing import Any, Generic, TypeVar

from drs_jobs._pagination.runs import Query, Run

T = TypeVar("T")


class PagerIteratorBase(Generic[T]):
    """One run over the items of a query."""

    def __init__(self, query: Query[T]) -> None:
        self._run = Run(query)

    @property
    def cursor(self) -> str:
        """The position after the last item returned, at any time: before the first item, after an exception, at the end.

        It is a JSON-safe string for the argument `cursor`, and valid as long as AWS's page token is.
        """
        return self._run.cursor

    def __repr__(self) -> str:
        """Return a text with the query. No request is sent."""
        return f"{type(self).__name__}({self._run.query.summary})"


IteratorT = TypeVar("IteratorT", bound=PagerIteratorBase[Any])


class PagerBase(Generic[T, IteratorT]):
    """Any number of runs over the items of a query."""

    def __init__(self, query: Query[T]) -> None:
        self._query = query
        self._latest: IteratorT | None = None

    @property
    def cursor(self) -> str | None:
        """The position of the latest iterator; `None` before the first one.

        Use it in one thread or task, for example after a loop that ended early. If several iterate over one pager, each one
        reads the `cursor` of its own iterator.
        """
        return None if self._latest is None else self._latest.cursor

    def __repr__(self) -> str:
        """Return a text with the query. No request is sent."""
        return f"{type(self).__name__}({self._query.summary})"

    def _repr_html_(self) -> str:
        """Return the query as HTML, for a notebook. No request is sent."""
        from drs_jobs._models.html import text_html  # noqa: PLC0415  # only notebooks need it

        return text_html(f"{self!r}: iterate over it, or call collect()")
