"""The items of a query for asynchronous clients, as often as they are iterated."""

from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from typing import Any, TypeAlias, TypeVar

from drs_jobs._errors import MalformedResponseError
from drs_jobs._pagination.pager import PagerBase, PagerIteratorBase
from drs_jobs._pagination.pages import Items, Page, RawPage, Request
from drs_jobs._pagination.run import Query, State, early_stop_error

T = TypeVar("T")
R = TypeVar("R")

AsyncFetch: TypeAlias = Callable[[Request], Awaitable[RawPage]]
"""Sends a request, and returns the page."""


class TaskGuard:
    """A context manager that a second task cannot enter while the first one waits in it."""

    _is_entered = False

    def __enter__(self) -> None:
        if self._is_entered:
            raise RuntimeError("another task waits for the next value of this iterator: use one iterator per task")
        self._is_entered = True

    def __exit__(self, *_: object) -> None:
        self._is_entered = False


class AsyncPagerIterator(PagerIteratorBase[T], AsyncIterator[T]):
    """An asynchronous iterator over the items of a query: one run.

    A run can be continued after an exception or a cancellation. `anext` then repeats the request, or continues after the
    malformed item. One task at a time can wait for an item.
    """

    def __init__(self, query: Query[T], fetch: AsyncFetch) -> None:
        """Create a run. No request is sent before the first `anext`."""
        super().__init__(query, fetch)
        self._guard = TaskGuard()

    def __aiter__(self) -> "AsyncPagerIterator[T]":
        return self

    def __anext__(self) -> Coroutine[Any, Any, T]:
        """Return the next item, as `PagerIterator.__next__`; RuntimeError if another task waits for one."""
        return self._advance(self._run.next_item)

    def pages(self) -> "AsyncPageIterator[T]":
        """Return an asynchronous iterator over the remaining items, page by page, as `PagerIterator.pages`."""
        return AsyncPageIterator(lambda: self._advance(self._run.next_page))

    async def aclose(self) -> None:
        """Do nothing: an iterator that is not exhausted holds no connection. For `contextlib.aclosing`."""

    async def _advance(self, take: Callable[[], tuple[R, State] | None]) -> R:
        """Return the next item or page, whichever `take` takes from the current page."""
        run = self._run
        try:
            while (step := take()) is None and not run.is_finished:
                await self._fetch_page()
        except (StopIteration, StopAsyncIteration) as error:
            raise early_stop_error() from error
        if step is None:
            raise StopAsyncIteration
        value, run.state = step
        return value

    async def _fetch_page(self) -> None:
        run = self._run
        try:
            with self._guard:
                page = await self._fetch(run.next_request())
        except MalformedResponseError as error:
            error.cursor = run.cursor
            raise
        except RuntimeError as error:
            # Python converts a StopIteration that leaves a coroutine.
            if isinstance(error.__cause__, StopIteration):
                raise early_stop_error() from error.__cause__
            raise
        run.receive(page)


class AsyncPageIterator(AsyncIterator[Page[T]]):
    """An asynchronous iterator over the pages of a run, which shares its position."""

    def __init__(self, next_page: Callable[[], Coroutine[Any, Any, Page[T]]]) -> None:
        self._next_page = next_page

    def __anext__(self) -> Coroutine[Any, Any, Page[T]]:
        return self._next_page()

    async def aclose(self) -> None:
        """Do nothing: an iterator that is not exhausted holds no connection. For `contextlib.aclosing`."""


class AsyncPager(PagerBase[T, AsyncPagerIterator[T]]):
    """An asynchronous iterable over the items of a query. No request is sent before iteration. Each iteration starts anew.

    The methods of `AsyncJobsClient` that begin with `describe_` return it.
    """

    def __aiter__(self) -> AsyncPagerIterator[T]:
        """Return a new run, from the first item or from the cursor of the query. It does not affect earlier runs."""
        self._latest = iterator = self._new_run()
        return iterator

    def pages(self) -> AsyncPageIterator[T]:
        """Return an asynchronous iterator over the pages of a new run, as `Pager.pages`."""
        return aiter(self).pages()

    async def first(self) -> T | None:
        """Return the first item, or `None` if there is none, as `Pager.first`."""
        return await self._consume(lambda run: anext(run, None))

    async def collect(self) -> Items[T]:
        """Return all items, as `Pager.collect`."""

        async def collect(run: AsyncPagerIterator[T]) -> Items[T]:
            return Items([item async for item in run])

        return await self._consume(collect)

    async def _consume(self, consume: Callable[[AsyncPagerIterator[T]], Awaitable[R]]) -> R:
        self._latest, run = self._new_run(), self._new_run()
        result = await consume(run)
        self._latest = run
        return result

    def _new_run(self) -> AsyncPagerIterator[T]:
        return AsyncPagerIterator(self._query, self._fetch)
