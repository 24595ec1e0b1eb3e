"""One run over the items or pages of a query, without I/O. It can be interrupted at any moment, and continue."""

from collections.abc import Callable
from typing import Generic, NamedTuple, TypeVar

import attrs

from drs_jobs._errors import MalformedResponseError, PaginationLoopError
from drs_jobs._pagination.cursor import END, START, Position, encode_cursor
from drs_jobs._pagination.pages import Page, RawPage, Request

T = TypeVar("T")


@attrs.frozen
class Query(Generic[T]):
    """A query: what is requested, and how the responses are read."""

    identity: str
    """The operation, its filters, region and endpoint. A cursor is valid for all queries with the same identity."""
    description: str
    """The operation and its filters in short, for `repr`."""
    request: Callable[[str | None], Request]
    """Returns the request of the page of a token; `None` for the first page."""
    structure: Callable[[object, int], T]
    """Structures a raw item, given its index in the page. Raises MalformedResponseError."""
    identify: Callable[[object], str | None]
    """Returns the identity of a raw item within its page; `None` if it cannot be read."""
    start: Position = START
    """The start of each run."""
    limit: int | None = None
    """The maximum number of items of a run; `None` without a limit."""
    on_malformed: Callable[[MalformedResponseError], object] | None = None
    """Called with the error of each malformed item; `None` to raise it."""


class State(NamedTuple):
    """The state of a run between two items. It is immutable: each step of a run replaces it."""

    position: Position
    """Where the run continued in the current page."""
    remaining: int | None
    """The number of items that the limit still allows; `None` without a limit."""
    page: RawPage | None = None
    """The current page; `None` before it is fetched."""
    next_index: int = 0
    """The index of the next item in the current page."""

    def after_item(self) -> "State":
        remaining = None if self.remaining is None else self.remaining - 1
        return State(self.position, remaining, self.page, self.next_index + 1)


class Run(Generic[T]):
    """One run over the items or pages of a query, without I/O: it returns the next request, and receives the page.

    After an error of a request, the next request is the same one. After a malformed item, the run continues with the next one.

    The methods `next_item` and `next_page` return the value and the state after it. The caller sets `state` in the statement
    before it returns the value. CPython runs signal handlers only at calls, at jumps backwards and at the start of a function,
    so no handler runs between the two, and an exception in a handler loses or repeats no item. Therefore `state` is a plain
    slot: to set it calls nothing.
    """

    __slots__ = ("_reported", "_seen", "query", "state")

    def __init__(self, query: Query[T]) -> None:
        self.query = query
        self.state = State(query.start, query.limit)
        self._reported = 0
        """The index after the last malformed item of the current page that `next_page` has reported to `on_malformed`."""
        self._seen: set[str | None] = set()

    @property
    def cursor(self) -> str:
        return self._cursor_of(self.state)

    @property
    def is_finished(self) -> bool:
        """Whether there are no more items. If not, and there is no next item, the next page is needed."""
        return self.state.remaining == 0 or self.state.position.is_end

    def next_request(self) -> Request:
        """Return the request of the page that is needed."""
        return self.query.request(self.state.position.token)

    def receive(self, page: RawPage) -> None:
        """Continue with the page that was needed."""
        position = self.state.position
        self._seen.add(position.token)
        self._reported = 0
        index = position.index_in(page.items, self.query.identify)
        self.state = State(position, self.state.remaining, page, index)

    def next_item(self) -> tuple[T, State] | None:
        """Return the next item, and the state after it; `None` if the run is finished, or the next page is needed."""
        while (page := self.state.page) is not None and self.state.remaining != 0:
            index = self.state.next_index
            if index >= len(page.items):
                self.state = self._after_page(self.state, page)
                continue
            try:
                return self.query.structure(page.items[index], index), self.state.after_item()
            except MalformedResponseError as error:
                after = self.state._replace(next_index=index + 1)
                error.cursor = self._cursor_of(after)
                self.state = after
                if self.query.on_malformed is None:
                    raise
                self.query.on_malformed(error)
        return None

    def next_page(self) -> tuple[Page[T], State] | None:
        """Return the remaining items of the page, and the state after them. Otherwise it is as `next_item`."""
        while (page := self.state.page) is not None and self.state.remaining != 0:
            state = self.state
            # An empty page is returned once, and not at all if its token is repeated.
            if state.next_index >= len(page.items) and (state.next_index > 0 or self._repeats_token(page)):
                self.state = self._after_page(state, page)
                continue
            items: list[T] = []
            after = state
            while after.remaining != 0 and after.next_index < len(page.items):
                try:
                    items.append(self.query.structure(page.items[after.next_index], after.next_index))
                except MalformedResponseError as error:
                    if self.query.on_malformed is None and items:
                        break  # the next call raises it
                    after = after._replace(next_index=after.next_index + 1)
                    error.cursor = self._cursor_of(after)
                    if self.query.on_malformed is None:
                        self.state = after
                        raise
                    if after.next_index > self._reported:  # else the callback raised an error, and the page is read again
                        self._reported = after.next_index
                        self.query.on_malformed(error)
                else:
                    after = after.after_item()
            if after.next_index >= len(page.items) and not self._repeats_token(page):
                after = self._after_page(after, page)
            return Page(tuple(items), page.next_token, page.request_id, self._cursor_of(after), page.raw), after
        return None

    def _after_page(self, state: State, page: RawPage) -> State:
        """Return the state after the current page, before the next page is fetched."""
        if page.next_token is not None and page.next_token in self._seen:
            raise PaginationLoopError(page.next_token, cursor=self._cursor_of(state))
        return State(self._position_of(state), state.remaining)

    def _repeats_token(self, page: RawPage) -> bool:
        return page.next_token is not None and page.next_token in self._seen

    def _cursor_of(self, state: State) -> str:
        return encode_cursor(self._position_of(state), self.query.identity)

    def _position_of(self, state: State) -> Position:
        page = state.page
        if page is None:
            return state.position
        if state.next_index >= len(page.items) and not self._repeats_token(page):
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
