"""One run over the items or pages of a query. It can be interrupted at any instruction, and continue."""

import operator
from collections.abc import Callable, Generator, Iterator
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

import attrs

from drs_jobs._errors import MalformedResponseError, PaginationLoopError
from drs_jobs._formatting import fingerprint
from drs_jobs._pagination.cursors import END, Position, encode_cursor
from drs_jobs._pagination.pages import Page, RawPage

if TYPE_CHECKING:
    from drs_jobs._pagination.prefetch import Prefetcher

T = TypeVar("T")


@attrs.frozen
class Query(Generic[T]):
    """A query: what is requested, and how the responses are read."""

    text: str
    """The operation, its filters, region and endpoint. A cursor is valid for all queries with the same text."""
    summary: str
    """The operation and its filters in short, for `repr`."""
    fetch: Callable[[str | None], RawPage]
    """Returns the page of a token; `None` for the first page."""
    structure: Callable[[object, int], T]
    """Structures a raw item, given its index in the page. Raises MalformedResponseError."""
    identify: Callable[[object], str | None]
    """Returns the identity of a raw item within its page; `None` if it cannot be read."""


class _State(NamedTuple):
    """The state of a run between two items. It is immutable: each step of a run replaces it."""

    position: Position
    """The position at which the run continued in the current page."""
    remaining: int | None
    """The number of items that the limit still allows; `None` without a limit."""
    page: RawPage | None = None
    """The current page; `None` before it is fetched."""
    repeats_token: bool = False
    """Whether the current page has a token that was seen earlier in the run."""
    next_index: int = 0
    """The index of the next item in the current page."""
    is_delivered: bool = False
    """Whether the whole page was returned as a `Page`. Needed for a page with a repeated token and without items."""

    def after_item(self) -> "_State":
        remaining = None if self.remaining is None else self.remaining - 1
        return _State(self.position, remaining, self.page, self.repeats_token, self.next_index + 1)

    def after_bad_item(self) -> "_State":
        return self._replace(next_index=self.next_index + 1)


def _empty_generator() -> Generator[None, None, Any]:
    yield


_closed_generator: Final = _empty_generator()
_closed_generator.close()
_raise: Final[Callable[[Any], Any]] = _closed_generator.throw
"""Raises its argument. It runs in C, without Python instructions of its own."""

_stop_iteration: Final[Callable[[], Any]] = iter(()).__next__
"""Raises StopIteration. It runs in C, without Python instructions of its own."""


class _Delivery:
    """A value to return to the caller, with the states of the run before and after the return.

    A signal handler can raise an exception, such as KeyboardInterrupt, between any two Python instructions. If the value
    were returned and the state changed in two steps, an exception between them would lose an item or repeat one. Here both
    are one step: `deliver` is the C method `__next__` of an iterator over the value, and `state` depends on whether that
    iterator still has the value. So the return of the value is at the same time the change of the state.
    """

    __slots__ = ("_after", "_before", "_value", "deliver")

    def __init__(self, before: _State, after: _State, value: object, callback: Callable[[Any], Any] | None = None) -> None:
        """Create a delivery. `deliver` returns `value`, or the result of `callback(value)` if there is a callback."""
        self._before = before
        self._after = after
        self._value = iter((value,))
        self.deliver: Callable[[], Any] = (self._value if callback is None else map(callback, self._value)).__next__

    @property
    def state(self) -> _State:
        return self._before if operator.length_hint(self._value) else self._after


class PagerIterator(Iterator[T]):
    """An iterator over the items of a query: one run.

    A run can be continued after an exception. `next` then repeats the failed request, or continues after the malformed item.
    """

    def __init__(
        self,
        query: Query[T],
        position: Position,
        limit: int | None,
        on_malformed: Callable[[MalformedResponseError], object] | None,
        *,
        prefetcher: "Prefetcher | None" = None,
    ) -> None:
        """Create a run that starts at `position`. No request is sent before the first `next`."""
        self._query = query
        self._prefetcher = prefetcher
        self._on_malformed = on_malformed
        self._seen: set[str] = set()  # fingerprints, because a token can have 2 KB, and a run can have thousands of tokens
        self._set_state(_State(position, limit))

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

            This is a property that returns `deliver`, because a Python method runs more instructions before it returns.
            """
            return _refuse_stop_iteration(self._next_item)

    @property
    def cursor(self) -> str:
        """The position after the last item returned, at any time: before the first item, after an exception, at the end.

        It is a JSON-safe string for the argument `cursor`, and valid as long as AWS's page token is.
        """
        return self._cursor_of(self._delivery.state)

    def __repr__(self) -> str:
        """Return a text with the query. No request is sent."""
        return f"PagerIterator({self._query.summary})"

    def pages(self) -> Iterator[Page[T]]:
        """Return an iterator over the remaining items, page by page.

        It shares the position of this iterator, so that items and pages can be mixed.
        """
        return _PageIterator(self)

    def _next_item(self) -> Callable[[], T]:
        while (current := self._current_page()) is not None:
            state, page = current
            if state.next_index >= len(page.items):
                self._set_state(self._after_page(state, page))
                continue
            try:
                item = self._query.structure(page.items[state.next_index], state.next_index)
            except MalformedResponseError as error:
                deliver = self._deliver_error(state, error)
            else:
                return self._deliver(state, state.after_item(), item)
            if self._on_malformed is None:
                return deliver
            deliver()
        return _stop_iteration

    def _next_page(self) -> Callable[[], Page[T]]:
        while (current := self._current_page()) is not None:
            state, page = current
            if state.next_index >= len(page.items) and (state.next_index > 0 or state.is_delivered):
                self._set_state(self._after_page(state, page))
                continue
            items: list[T] = []
            after = state
            while after.remaining != 0 and after.next_index < len(page.items):
                try:
                    item = self._query.structure(page.items[after.next_index], after.next_index)
                except MalformedResponseError as error:
                    if self._on_malformed is not None:
                        after = after.after_bad_item()
                        error.cursor = self._cursor_of(after)
                        self._on_malformed(error)
                        continue
                    if items:
                        break  # the next call raises it
                    return self._deliver_error(state, error)
                items.append(item)
                after = after.after_item()
            if after.next_index >= len(page.items):
                after = after._replace(is_delivered=True) if after.repeats_token else self._after_page(after, page)
            typed = Page(tuple(items), page.next_token, page.request_id, self._cursor_of(after), page.raw)
            return self._deliver(state, after, typed)
        return _stop_iteration

    def _deliver(self, before: _State, after: _State, value: object) -> Callable[[], Any]:
        self._delivery = _Delivery(before, after, value)
        return self._delivery.deliver

    def _deliver_error(self, before: _State, error: MalformedResponseError) -> Callable[[], Any]:
        after = before.after_bad_item()
        error.cursor = self._cursor_of(after)
        self._delivery = _Delivery(before, after, error, self._on_malformed or _raise)
        return self._delivery.deliver

    def _set_state(self, state: _State) -> None:
        self._delivery = _Delivery(state, state, None)

    def _current_page(self) -> tuple[_State, RawPage] | None:
        """Return the state and its page, fetched if necessary; `None` at the end of the run."""
        state = self._delivery.state
        if state.remaining == 0 or (state.page is None and state.position.is_end):
            return None
        if state.page is None:
            page = self._fetch(state)
            token = state.position.token
            if token is not None:
                self._seen.add(fingerprint(token))
            repeats_token = page.next_token is not None and fingerprint(page.next_token) in self._seen
            state = _State(
                state.position, state.remaining, page, repeats_token, state.position.index_in(page.items, self._query.identify)
            )
            self._set_state(state)
            self._start_prefetch(state, page)
            return state, page
        return state, state.page

    def _start_prefetch(self, state: _State, page: RawPage) -> None:
        """Start to fetch the next page, if the run needs it for certain, whatever items are malformed."""
        is_needed = state.remaining is None or state.remaining > len(page.items) - state.next_index
        if self._prefetcher is not None and page.next_token is not None and not state.repeats_token and is_needed:
            self._prefetcher.start(page.next_token)

    def _fetch(self, state: _State) -> RawPage:
        try:
            return (self._prefetcher or self._query).fetch(state.position.token)
        except MalformedResponseError as error:
            error.cursor = self._cursor_of(state)
            raise

    def _after_page(self, state: _State, page: RawPage) -> _State:
        """Return the state after the current page, before the next page is fetched.

        Raises:
            PaginationLoopError: If the page token was seen earlier in the run.
        """
        if state.repeats_token and page.next_token is not None:
            raise PaginationLoopError(page.next_token, cursor=self._cursor_of(state))
        return _State(self._position_of(state), state.remaining)

    def _cursor_of(self, state: _State) -> str:
        return encode_cursor(self._position_of(state), self._query.text)

    def _position_of(self, state: _State) -> Position:
        page = state.page
        if page is None:
            return state.position
        if state.next_index >= len(page.items) and not state.repeats_token:
            return END if page.next_token is None else Position(page.next_token)
        for offset in range(state.next_index, 0, -1):
            anchor = self._query.identify(page.items[offset - 1])
            if anchor is not None:
                return Position(state.position.token, anchor, offset, state.next_index - offset)
        return Position(state.position.token, skipped=state.next_index)


class _PageIterator(Iterator[Page[T]]):
    """An iterator over the pages of a run. Both share one position, so that `next` can be called on either at any time."""

    def __init__(self, run: PagerIterator[T]) -> None:
        self._run = run

    if TYPE_CHECKING:

        def __next__(self) -> Page[T]: ...

    else:

        @property
        def __next__(self) -> Callable[[], Page[T]]:
            return _refuse_stop_iteration(self._run._next_page)  # noqa: SLF001  # both belong to one run


def _refuse_stop_iteration(step: Callable[[], Callable[[], T]]) -> Callable[[], T]:
    """Return the result of `step`.

    Raises:
        RuntimeError: If the client or a callback raises StopIteration, which would end the iteration too early (PEP 479).
    """
    try:
        return step()
    except StopIteration as error:
        raise RuntimeError(
            "the client or on_malformed raised StopIteration, so this run is not complete; "
            "check whether the side_effect of a mock is too short"
        ) from error
