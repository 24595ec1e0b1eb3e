"""The items of a query, as often as they are iterated."""

from collections.abc import Callable, Iterator
from typing import Any, Generic, TypeVar

from drs_jobs import _html
from drs_jobs._errors import MalformedResponseError
from drs_jobs._pagination.pages import Items, Page, Request
from drs_jobs._pagination.run import Query, Run, State, early_stop_error

T = TypeVar("T")
R = TypeVar("R")


class PagerIteratorBase(Generic[T]):
    """One run over the items of a query, for synchronous and asynchronous iterators."""

    def __init__(self, query: Query[T], fetch: Callable[[Request], Any]) -> None:
        """Create a run. `fetch` sends a request, and returns the page, or an awaitable of it. No request is sent yet."""
        self._run = Run(query)
        self._fetch = fetch

    @property
    def cursor(self) -> str:
        """The position after the last item returned, at any time: before the first item, after an exception, at the end.

        It is a JSON-safe string for the argument `cursor`, and valid as long as AWS's page token is.
        """
        return self._run.cursor

    def __repr__(self) -> str:
        """Return a text with the query. No request is sent."""
        return f"{type(self).__name__}({self._run.query.description})"


class PagerIterator(PagerIteratorBase[T], Iterator[T]):
    """An iterator over the items of a query: one run.

    A run can be continued after an exception. `next` then repeats the failed request, or continues after the malformed item.
    """

    def __iter__(self) -> "PagerIterator[T]":
        return self

    def __next__(self) -> T:
        """Return the next item, from the current page or from the next one.

        Raises:
            StopIteration: If there are no more items.
            ServiceError, MalformedResponseError, PaginationLoopError: As in `JobsClient.describe_jobs`.
        """
        item, self._run.state = self._next(self._run.next_item)
        return item

    def pages(self) -> Iterator[Page[T]]:
        """Return an iterator over the remaining items, page by page.

        It shares the position of this iterator, so that items and pages can be mixed.
        """
        return _PageIterator(self._run, lambda: self._next(self._run.next_page))

    def _next(self, next_step: Callable[[], tuple[R, State] | None]) -> tuple[R, State]:
        """Return the next step of the run, an item or a page, and fetch pages until there is one."""
        run = self._run
        try:
            while (step := next_step()) is None and not run.is_finished:
                try:
                    page = self._fetch(run.next_request())
                except MalformedResponseError as error:
                    error.cursor = run.cursor
                    raise
                run.receive(page)
        except StopIteration as error:
            raise early_stop_error() from error
        if step is None:
            raise StopIteration
        return step


class _PageIterator(Iterator[Page[T]]):
    """An iterator over the pages of a run. Both share one position, so that `next` can be called on either at any time."""

    def __init__(self, run: Run[T], next_step: Callable[[], tuple[Page[T], State]]) -> None:
        self._run = run
        self._next = next_step

    def __next__(self) -> Page[T]:
        page, self._run.state = self._next()
        return page


IteratorT = TypeVar("IteratorT", bound=PagerIteratorBase[Any])


class PagerBase(Generic[T, IteratorT]):
    """Any number of runs over the items of a query, for synchronous and asynchronous pagers."""

    def __init__(self, query: Query[T], fetch: Callable[[Request], Any]) -> None:
        self._query = query
        self._fetch = fetch
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
        return f"{type(self).__name__}({self._query.description})"

    def _repr_html_(self) -> str:
        """Return the query as HTML, for a notebook. No request is sent."""
        return f"<pre>{_html.text(f'{self!r}: iterate over it, or call collect()')}</pre>"


class Pager(PagerBase[T, PagerIterator[T]]):
    """An iterable over the items of a query. No request is sent before iteration. Each iteration starts at the beginning.

    The methods of `JobsClient` that begin with `describe_` return it.
    """

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
        return self._consume(lambda run: next(run, None))

    def collect(self) -> Items[T]:
        """Return all items. If an error is raised, `cursor` is still the start of the run, because no item was returned.

        Raises:
            ServiceError, MalformedResponseError, PaginationLoopError: As in `JobsClient.describe_jobs`.
        """
        return self._consume(Items)

    def _consume(self, consume: Callable[[PagerIterator[T]], R]) -> R:
        self._latest, run = self._new_run(), self._new_run()
        result = consume(run)
        self._latest = run
        return result

    def _new_run(self) -> PagerIterator[T]:
        return PagerIterator(self._query, self._fetch)
