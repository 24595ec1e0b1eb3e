"""The items of a query, as often as they are iterated."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import Generic, TypeVar

from drs_jobs._errors import MalformedResponseError
from drs_jobs._formatting import one_line
from drs_jobs._pagination.cursors import START, decode_cursor
from drs_jobs._pagination.pages import Items, Page
from drs_jobs._pagination.runs import PagerIterator, Query

T = TypeVar("T")
R = TypeVar("R")


class Pager(Generic[T]):
    """An iterable over the items of a query. No request is sent before iteration. Each iteration starts at the beginning.

    It is returned by `JobsClient.describe_jobs` and `JobsClient.describe_job_log_items`.
    """

    def __init__(
        self,
        query: Query[T],
        *,
        limit: int | None = None,
        cursor: str | None = None,
        on_malformed: Callable[[MalformedResponseError], object] | None = None,
        prefetch: bool = False,
    ) -> None:
        """Create a pager, with the arguments of `JobsClient.describe_jobs`.

        Raises:
            ValueError: If `cursor` does not belong to `query`.
        """
        self._query = query
        self._limit = limit
        self._start = START if cursor is None else decode_cursor(cursor, query.text)
        self._on_malformed = on_malformed
        self._prefetch = prefetch
        self._latest: PagerIterator[T] | None = None

    def __iter__(self) -> PagerIterator[T]:
        """Return a new run, from the first item or from the cursor of the query. It does not affect earlier runs."""
        self._latest = iterator = self._new_run()
        return iterator

    @property
    def cursor(self) -> str | None:
        """The position of the latest iterator; `None` before the first one.

        Use it in one thread, for example after a `for` loop that ended early. If several threads iterate over one pager,
        each one reads the `cursor` of its own iterator.
        """
        return None if self._latest is None else self._latest.cursor

    def pages(self) -> Iterator[Page[T]]:
        """Return an iterator over the pages of a new run.

        The items before a malformed one are returned as a page. The next call of `next` raises MalformedResponseError.
        """
        return iter(self).pages()

    def first(self) -> T | None:
        """Return the first item, or `None` if there is none. Sends one request, and one more per empty page before the item.

        Raises:
            ServiceError, MalformedResponseError, PaginationLoopError: As in `JobsClient.describe_jobs`.
        """
        return self._consume(lambda run: next(run, None), self._new_run(prefetch=False))

    def collect(self, *, pause_gc: bool = True) -> Items[T]:
        """Return all items. If an error is raised, `cursor` is still the start of the run, because no item was returned.

        Args:
            pause_gc: Whether Python's garbage collector makes no full collections meanwhile, by default yes. They would visit
                all items again and again. Nothing is changed if the collector is disabled or has frozen objects.

        Raises:
            ServiceError, MalformedResponseError, PaginationLoopError: As in `JobsClient.describe_jobs`.
        """
        from drs_jobs._garbage_collector import rare_collections  # noqa: PLC0415  # only collect() needs it

        with rare_collections() if pause_gc else nullcontext():
            return self._consume(Items, self._new_run())

    def _consume(self, consume: Callable[[PagerIterator[T]], R], run: PagerIterator[T]) -> R:
        self._latest = self._new_run(prefetch=False)
        result = consume(run)
        self._latest = run
        return result

    def _new_run(self, *, prefetch: bool = True) -> PagerIterator[T]:
        prefetcher = None
        if prefetch and self._prefetch:
            from drs_jobs._pagination.prefetch import Prefetcher  # noqa: PLC0415  # most runs do not need it

            prefetcher = Prefetcher(self._query.fetch)
        return PagerIterator(self._query, self._start, self._limit, self._on_malformed, prefetcher=prefetcher)

    def __repr__(self) -> str:
        """Return a text with the query. No request is sent."""
        limit = "" if self._limit is None else f", limit={self._limit}"
        return f"Pager({one_line(self._query.summary)}{limit})"

    def _repr_html_(self) -> str:
        """Return the query as HTML, for a notebook. No request is sent."""
        from drs_jobs._models.html import text_html  # noqa: PLC0415  # only notebooks need it

        return text_html(f"{self!r}: iterate over it, or call collect()")
