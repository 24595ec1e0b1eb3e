"""The items of a query, as often as they are iterated."""

from collections.abc import Callable, Iterator
from contextlib import nullcontext
from typing import TYPE_CHECKING, TypeAlias, TypeVar

from drs_jobs._errors import MalformedResponseError
from drs_jobs._pagination.base import PagerBase, PagerIteratorBase
from drs_jobs._pagination.pages import Items, Page, RawPage, Request
from drs_jobs._pagination.runs import Query, early_stop_error

if TYPE_CHECKING:
    from drs_jobs._pagination.prefetch import Prefetcher

T = TypeVar("T")
R = TypeVar("R")

Fetch: TypeAlias = Callable[[Request], RawPage]
"""Sends a request, and returns the page."""


class PagerIterator(PagerIteratorBase[T], Iterator[T]):
    """An iterator over the items of a query: one run.

    A run can be continued after an exception. `next` then repeats the failed request, or continues after the malformed item.
    """

    def __init__(self, query: Query[T], fetch: Fetch, *, prefetcher: "Prefetcher | None" = None) -> None:
        """Create a run. No request is sent before the first `next`."""
        super().__init__(query)
        self._fetch = fetch
        self._prefetcher = prefetcher

    def __iter__(self) -> "PagerIterator[T]":
        return self

    if TYPE_CHECKING:

        def __next__(self) -> T:
            """Return the next item, from the current page or from the next one.

            Raises:
                StopIteration: If there are no more items.
                ServiceError, MalformedResponseError, PaginationLoopError: As in `JobsClient.describe_jobs`.
            """
            ...

    else:

        @property
        def __next__(self) -> Callable[[], T]:
            """Return the next item, from the current page or from the next one.

            This is a property that returns a C function, because a Python method runs more instructions before it returns.
            """
            return self._take(self._run.take_item)

    def pages(self) -> Iterator[Page[T]]:
        """Return an iterator over the remaining items, page by page.

        It shares the position of this iterator, so that items and pages can be mixed.
        """
        return _PageIterator(self)

    def _take(self, take: Callable[[], Callable[[], R] | None]) -> Callable[[], R]:
        """Return the result of `take`, after the requests for the pages that the run wants."""
        try:
            while (deliver := take()) is None:
                self._fetch_page()
        except StopIteration as error:
            raise early_stop_error() from error
        return deliver

    def _fetch_page(self) -> None:
        run, prefetcher = self._run, self._prefetcher
        try:
            page = (self._fetch if prefetcher is None else prefetcher.fetch)(run.wanted())
        except MalformedResponseError as error:
            error.cursor = run.cursor
            raise
        run.accept(page)
        if prefetcher is not None and (request := run.wanted_later()) is not None:
            prefetcher.start(request)


class _PageIterator(Iterator[Page[T]]):
    """An iterator over the pages of a run. Both share one position, so that `next` can be called on either at any time."""

    def __init__(self, items: PagerIterator[T]) -> None:
        self._items = items

    if TYPE_CHECKING:

        def __next__(self) -> Page[T]: ...

    else:

        @property
        def __next__(self) -> Callable[[], Page[T]]:
            return self._items._take(self._items._run.take_page)  # noqa: SLF001  # both belong to one run


class Pager(PagerBase[T, PagerIterator[T]]):
    """An iterable over the items of a query. No request is sent before iteration. Each iteration starts at the beginning.

    It is returned by `JobsClient.describe_jobs` and `JobsClient.describe_job_log_items`.
    """

    def __init__(self, query: Query[T], fetch: Fetch, *, prefetch: bool = False) -> None:
        super().__init__(query)
        self._fetch = fetch
        self._prefetch = prefetch

    def __iter__(self) -> PagerIterator[T]:
        """Return a new run, from the first item or from the cursor of the query. It does not affect earlier runs."""
        self._latest = iterator = self._new_run()
        return iterator

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

            prefetcher = Prefetcher(self._fetch)
        return PagerIterator(self._query, self._fetch, prefetcher=prefetcher)
