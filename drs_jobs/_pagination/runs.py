"""One run over the items or pages of a query, without I/O. It can be interrupted at any instruction, and continue."""

import operator
from collections.abc import Callable, Generator
from typing import Any, Final, Generic, NamedTuple, TypeVar

import attrs

from drs_jobs._errors import MalformedResponseError, PaginationLoopError
from drs_jobs._formatting import fingerprint
from drs_jobs._pagination.cursors import END, START, Position, encode_cursor
from drs_jobs._pagination.pages import Page, RawPage, Request

T = TypeVar("T")


@attrs.frozen
class Query(Generic[T]):
    """A query: what is requested, and how the responses are read."""

    text: str
    """The operation, its filters, region and endpoint. A cursor is valid for all queries with the same text."""
    summary: str
    """The operation and its filters in short, for `repr`."""
    request: Callable[[str | None], Request]
    """Returns the request of the page of a token; `None` for the first page."""
    structure: Callable[[object, int], T]
    """Structures a raw item, given its index in the page. Raises MalformedResponseError."""
    identify: Callable[[object], str | None]
    """Returns the identity of a raw item within its page; `None` if it cannot be read."""
    start: Position = START
    """The position at which each run begins."""
    limit: int | None = None
    """The maximum number of items of a run; `None` without a limit."""
    on_malformed: Callable[[MalformedResponseError], object] | None = None
    """Called with the error of each malformed item; `None` to raise it."""


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


class Run(Generic[T]):
    """One run over the items or pages of a query, without I/O: it says which page it wants, and accepts it.

    After an error of a request, the run still wants the same page. After a malformed item, it continues with the next one.
    """

    def __init__(self, query: Query[T]) -> None:
        self.query = query
        self._seen: set[str] = set()  # fingerprints, because a token can have 2 KB, and a run can have thousands of tokens
        self._set_state(_State(query.start, query.limit))

    @property
    def cursor(self) -> str:
        return self._cursor_of(self._delivery.state)

    def wanted(self) -> Request:
        """Return the request of the page that is wanted, after `take_item` or `take_page` has returned `None`."""
        return self.query.request(self._delivery.state.position.token)

    def accept(self, page: RawPage) -> None:
        """Continue with the page that was wanted."""
        state = self._delivery.state
        token = state.position.token
        if token is not None:
            self._seen.add(fingerprint(token))
        repeats_token = page.next_token is not None and fingerprint(page.next_token) in self._seen
        index = state.position.index_in(page.items, self.query.identify)
        self._set_state(_State(state.position, state.remaining, page, repeats_token, index))

    def wanted_later(self) -> Request | None:
        """Return the request of the page after the current one, if the run will want it for certain, whatever is malformed."""
        state, page = self._delivery.state, self._delivery.state.page
        if page is None or page.next_token is None or state.repeats_token:
            return None
        is_certain = state.remaining is None or state.remaining > len(page.items) - state.next_index
        return self.query.request(page.next_token) if is_certain else None

    def take_item(self) -> Callable[[], T] | None:
        """Return a function that returns the next item, or raises its error or StopIteration. `None`: a page is wanted."""
        while (current := self._current_page()) is not None:
            state, page = current
            if state.next_index >= len(page.items):
                self._set_state(self._after_page(state, page))
                continue
            try:
                item = self.query.structure(page.items[state.next_index], state.next_index)
            except MalformedResponseError as error:
                deliver = self._deliver_error(state, error)
            else:
                return self._deliver(state, state.after_item(), item)
            if self.query.on_malformed is None:
                return deliver
            deliver()
        return self._at_end_of_page()

    def take_page(self) -> Callable[[], Page[T]] | None:
        """Return a function that returns the remaining items of the page. Otherwise it is as `take_item`."""
        while (current := self._current_page()) is not None:
            state, page = current
            if state.next_index >= len(page.items) and (state.next_index > 0 or state.is_delivered):
                self._set_state(self._after_page(state, page))
                continue
            items: list[T] = []
            after = state
            while after.remaining != 0 and after.next_index < len(page.items):
                try:
                    item = self.query.structure(page.items[after.next_index], after.next_index)
                except MalformedResponseError as error:
                    if self.query.on_malformed is not None:
                        after = after.after_bad_item()
                        error.cursor = self._cursor_of(after)
                        self.query.on_malformed(error)
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
        return self._at_end_of_page()

    def _current_page(self) -> tuple[_State, RawPage] | None:
        """Return the state and its page; `None` if a page is wanted, and at the end of the run."""
        state = self._delivery.state
        return None if state.remaining == 0 or state.page is None else (state, state.page)

    def _at_end_of_page(self) -> Callable[[], Any] | None:
        """Return a function that raises StopIteration at the end of the run. `None`: a page is wanted."""
        state = self._delivery.state
        return _stop_iteration if state.remaining == 0 or state.position.is_end else None

    def _deliver(self, before: _State, after: _State, value: object) -> Callable[[], Any]:
        self._delivery = _Delivery(before, after, value)
        return self._delivery.deliver

    def _deliver_error(self, before: _State, error: MalformedResponseError) -> Callable[[], Any]:
        after = before.after_bad_item()
        error.cursor = self._cursor_of(after)
        self._delivery = _Delivery(before, after, error, self.query.on_malformed or _raise)
        return self._delivery.deliver

    def _set_state(self, state: _State) -> None:
        self._delivery = _Delivery(state, state, None)

    def _after_page(self, state: _State, page: RawPage) -> _State:
        """Return the state after the current page, before the next page is fetched.

        Raises:
            PaginationLoopError: If the page token was seen earlier in the run.
        """
        if state.repeats_token and page.next_token is not None:
            raise PaginationLoopError(page.next_token, cursor=self._cursor_of(state))
        return _State(self._position_of(state), state.remaining)

    def _cursor_of(self, state: _State) -> str:
        return encode_cursor(self._position_of(state), self.query.text)

    def _position_of(self, state: _State) -> Position:
        page = state.page
        if page is None:
            return state.position
        if state.next_index >= len(page.items) and not state.repeats_token:
            return END if page.next_token is None else Position(page.next_token)
        for offset in range(state.next_index, 0, -1):
            anchor = self.query.identify(page.items[offset - 1])
            if anchor is not None:
                return Position(state.position.token, anchor, offset, state.next_index - offset)
        return Position(state.position.token, skipped=state.next_index)


def early_stop_error() -> RuntimeError:
    """Return the error for a StopIteration of the client or a callback, which would end the iteration too early (PEP 479)."""
    return RuntimeError(
        "the client or on_malformed raised StopIteration, so this run is not complete; "
        "check whether the side_effect of a mock is too short"
    )
