"""Items, pages and cursors over a `fetch` callable. Pure logic: no I/O of its own."""

import base64
import json
import operator
from collections.abc import Callable, Generator, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final, Generic, NamedTuple, TypeVar

import attrs

from drs_jobs._errors import MalformedResponseError, PaginationLoopError
from drs_jobs._formatting import fingerprint, one_line, quoted
from drs_jobs._models import Job
from drs_jobs._models.html import MAX_ROWS, jobs_html, text_html

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
R = TypeVar("R")


class RawPage(NamedTuple):
    """One response, as `fetch` returns it: the items are still raw."""

    items: list[object]
    """The raw items."""
    next_token: str | None
    """The token of the next page; `None` on the last."""
    request_id: str | None
    """AWS's id of the request."""
    raw: Mapping[str, Any]
    """The whole decoded response as the wire had it."""


@attrs.frozen
class Query(Generic[T]):
    """What is requested, and how to read the responses."""

    text: str
    """The operation, its filters, region and endpoint. Queries with the same text share their cursors."""
    summary: str
    """The same in short, for `repr`."""
    fetch: Callable[[str | None], RawPage]
    """Returns the page of a token; `None` for the first page."""
    structure: Callable[[object, int], T]
    """Structures a raw item, given its index in the page. Raises MalformedResponseError."""
    identify: Callable[[object], str | None]
    """Returns the identity of a raw item within its page; `None` if it cannot be read."""


@attrs.frozen
class _Position:
    """A position in a run: in the page of `token`, after the item `anchor` and `skipped` unidentifiable items behind it."""

    token: str | None = None
    anchor: str | None = None
    offset: int = 0
    """The anchor's place in its page, counted from 1; 0 without an anchor."""
    skipped: int = 0
    is_end: bool = False

    def index_in(self, items: list[object], identify: Callable[[object], str | None]) -> int:
        """The index to continue from in the page as it is now: never behind an item that was not handed out yet."""
        index = 0
        if self.anchor is not None:
            ids = [identify(item) for item in items]
            if self.offset <= len(ids) and ids[self.offset - 1] == self.anchor:
                index = self.offset
            elif self.anchor in ids:
                index = ids.index(self.anchor) + 1
            else:
                return 0
        for item in items[index : index + self.skipped]:
            if identify(item) is not None:
                break
            index += 1
        return index


_START: Final = _Position()
_END: Final = _Position(is_end=True)


def _encode(position: _Position, query: str) -> str:
    encoded = base64.urlsafe_b64encode(json.dumps(attrs.astuple(position)).encode()).decode()
    return f"{encoded}.{_checksum(encoded, query)}"


def _decode(cursor: str, query: str) -> _Position:
    encoded, _, checksum = cursor.partition(".")
    if checksum != _checksum(encoded, query):
        raise ValueError(
            f"cursor {quoted(cursor)} does not belong to this query: "
            "use it with the operation, filters, dates, region and endpoint of the run that it came from"
        )
    return _Position(*json.loads(base64.urlsafe_b64decode(encoded)))


def _checksum(encoded: str, query: str) -> str:
    """Detects a cursor of another query, and one that was damaged on its way."""
    return fingerprint(f"{encoded}\n{query}")


@attrs.frozen
class Page(Generic[T]):
    """One page of items, as one response carried it."""

    items: tuple[T, ...]
    """The typed items. Fewer than the response had if a limit, a cursor or a bad item cut the page short."""
    next_token: str | None
    """AWS's token of the next page; `None` on the last."""
    request_id: str | None
    """AWS's id of the request, for a support case."""
    cursor: str
    """The position after this page."""
    raw: Mapping[str, Any] = attrs.field(hash=False)
    """The decoded response as the wire had it, with the keys that drs_jobs does not know."""

    def __repr__(self) -> str:
        """Count the items instead of printing them."""
        token = None if self.next_token is None else quoted(self.next_token)
        return f"Page(items=<{len(self.items)}>, next_token={token}, request_id={self.request_id!r})"


class Items(tuple[T_co, ...]):
    """All items of a pager, as a tuple whose `repr` counts."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Count the items instead of printing them: a job of 200 servers would be half a megabyte."""
        return f"Items(<{len(self)}>)"

    def _repr_html_(self) -> str:
        """A table of jobs for a notebook, a bounded number of them; one line for each other item."""
        jobs = [item for item in self if isinstance(item, Job)]
        if len(jobs) == len(self):
            return jobs_html(jobs)
        more = f"<div>and {len(self) - MAX_ROWS:,} more</div>" if len(self) > MAX_ROWS else ""
        return "".join(text_html(repr(item)) for item in self[:MAX_ROWS]) + more


class _State(NamedTuple):
    """The state of a run between two items. Immutable: a run moves on by replacing it."""

    position: _Position
    """The beginning of the current page."""
    left: int | None
    """The number of items that the limit still allows."""
    page: RawPage | None = None
    """The current page; `None` before it is fetched."""
    is_looped: bool = False
    """Whether the current page carries a token that was seen earlier in the run."""
    next_index: int = 0
    """The index of the next item in the current page."""
    is_handed_out: bool = False
    """Whether the whole page was handed out as a `Page`. Needed for a looped page without items."""

    def after_item(self) -> "_State":
        left = None if self.left is None else self.left - 1
        return _State(self.position, left, self.page, self.is_looped, self.next_index + 1)

    def after_bad_item(self) -> "_State":
        return self._replace(next_index=self.next_index + 1)


def _generate_nothing() -> Generator[None, None, Any]:
    yield


_closed_generator: Final = _generate_nothing()
_closed_generator.close()
_raise: Final[Callable[[Any], Any]] = _closed_generator.throw
"""Raises its argument, without a Python frame of its own."""

_stop_iteration: Final[Callable[[], Any]] = iter(()).__next__
"""Raises StopIteration, without a Python frame of its own."""


class _Handover:
    """A value on its way to the caller, and the state of the run before and after its delivery.

    `deliver` runs in C, so no exception of a signal handler can come between the delivery and the change of `state`, as it
    could between two instructions of Python. An interruption neither loses an item nor repeats one.
    """

    __slots__ = ("_after", "_before", "_value", "deliver")

    def __init__(self, before: _State, after: _State, value: object, through: Callable[[Any], Any] | None = None) -> None:
        """Deliver `value` as it is, or by a call of `through` with it."""
        self._before = before
        self._after = after
        self._value = iter((value,))
        self.deliver: Callable[[], Any] = (self._value if through is None else map(through, self._value)).__next__

    @property
    def state(self) -> _State:
        return self._before if operator.length_hint(self._value) else self._after


class PagerIterator(Iterator[T]):
    """One run over the items. It can continue after an exception: `next` repeats the request, or passes the bad item."""

    def __init__(
        self,
        query: Query[T],
        position: _Position,
        limit: int | None,
        on_malformed: Callable[[MalformedResponseError], object] | None,
    ) -> None:
        """Begin at `position`; nothing is fetched yet."""
        self._query = query
        self._on_malformed = on_malformed
        self._seen: set[str] = set()  # fingerprints, since a token can have 2 KB, and a run can have thousands
        self._move_to(_State(position, limit))

    def __iter__(self) -> "PagerIterator[T]":
        """Return itself."""
        return self

    if TYPE_CHECKING:

        def __next__(self) -> T:
            """Return the next item, from the current page or from the next one."""
            ...

    else:

        @property
        def __next__(self) -> Callable[[], T]:
            """Return the next item, from the current page or from the next one.

            A property that returns `deliver`, since a method has instructions between its last step and its return.
            """
            return _refuse_stop_iteration(self._next_item)

    @property
    def cursor(self) -> str:
        """The position after the last item handed out: JSON-safe text for `cursor=`, valid as long as AWS's page token is."""
        return self._cursor_of(self._handover.state)

    def __repr__(self) -> str:
        """Show the query; nothing is fetched."""
        return f"PagerIterator({self._query.summary})"

    def pages(self) -> Iterator[Page[T]]:
        """The remaining items, page by page."""
        return _PageIterator(self)

    def _next_item(self) -> Callable[[], T]:
        while (current := self._current_page()) is not None:
            state, page = current
            if state.next_index >= len(page.items):
                self._move_to(self._after_page(state, page))
                continue
            try:
                item = self._query.structure(page.items[state.next_index], state.next_index)
            except MalformedResponseError as error:
                deliver = self._hand_over_error(state, error)
            else:
                return self._hand_over(state, state.after_item(), item)
            if self._on_malformed is None:
                return deliver
            deliver()
        return _stop_iteration

    def _next_page(self) -> Callable[[], Page[T]]:
        while (current := self._current_page()) is not None:
            state, page = current
            if state.next_index >= len(page.items) and (state.next_index > 0 or state.is_handed_out):
                self._move_to(self._after_page(state, page))
                continue
            items: list[T] = []
            after = state
            while after.left != 0 and after.next_index < len(page.items):
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
                    return self._hand_over_error(state, error)
                items.append(item)
                after = after.after_item()
            if after.next_index >= len(page.items):
                after = after._replace(is_handed_out=True) if after.is_looped else self._after_page(after, page)
            typed = Page(tuple(items), page.next_token, page.request_id, self._cursor_of(after), page.raw)
            return self._hand_over(state, after, typed)
        return _stop_iteration

    def _hand_over(self, before: _State, after: _State, value: object) -> Callable[[], Any]:
        self._handover = _Handover(before, after, value)
        return self._handover.deliver

    def _hand_over_error(self, before: _State, error: MalformedResponseError) -> Callable[[], Any]:
        after = before.after_bad_item()
        error.cursor = self._cursor_of(after)
        self._handover = _Handover(before, after, error, self._on_malformed or _raise)
        return self._handover.deliver

    def _move_to(self, state: _State) -> None:
        self._handover = _Handover(state, state, None)

    def _current_page(self) -> tuple[_State, RawPage] | None:
        """The state and its page, fetched if need be; `None` at the end of the run."""
        state = self._handover.state
        if state.left == 0 or (state.page is None and state.position.is_end):
            return None
        if state.page is None:
            page = self._fetch(state)
            token = state.position.token
            if token is not None:
                self._seen.add(fingerprint(token))
            is_looped = page.next_token is not None and fingerprint(page.next_token) in self._seen
            state = _State(
                state.position, state.left, page, is_looped, state.position.index_in(page.items, self._query.identify)
            )
            self._move_to(state)
            return state, page
        return state, state.page

    def _fetch(self, state: _State) -> RawPage:
        try:
            return self._query.fetch(state.position.token)
        except MalformedResponseError as error:
            error.cursor = self._cursor_of(state)
            raise

    def _after_page(self, state: _State, page: RawPage) -> _State:
        """The state before the next page is fetched."""
        if state.is_looped and page.next_token is not None:
            raise PaginationLoopError(page.next_token, cursor=self._cursor_of(state))
        return _State(self._position_of(state), state.left)

    def _cursor_of(self, state: _State) -> str:
        return _encode(self._position_of(state), self._query.text)

    def _position_of(self, state: _State) -> _Position:
        page = state.page
        if page is None:
            return state.position
        if state.next_index >= len(page.items) and not state.is_looped:
            return _END if page.next_token is None else _Position(page.next_token)
        for offset in range(state.next_index, 0, -1):
            anchor = self._query.identify(page.items[offset - 1])
            if anchor is not None:
                return _Position(state.position.token, anchor, offset, state.next_index - offset)
        return _Position(state.position.token, skipped=state.next_index)


class _PageIterator(Iterator[Page[T]]):
    """The pages of a run. It shares the run's position, so `next` on the run and on its pages can be mixed."""

    def __init__(self, run: PagerIterator[T]) -> None:
        self._run = run

    if TYPE_CHECKING:

        def __next__(self) -> Page[T]: ...

    else:

        @property
        def __next__(self) -> Callable[[], Page[T]]:
            return _refuse_stop_iteration(self._run._next_page)  # noqa: SLF001  # two views of one run


def _refuse_stop_iteration(step: Callable[[], Callable[[], T]]) -> Callable[[], T]:
    """Call `step`. A StopIteration from the client or a callback would end the iteration as if it were complete (PEP 479)."""
    try:
        return step()
    except StopIteration as error:
        raise RuntimeError(
            "the client or on_malformed raised StopIteration, so this run is not complete; does a mock's side_effect run out?"
        ) from error


class Pager(Generic[T]):
    """The items of a query, page after page. Nothing is fetched before iteration, and every iteration starts afresh."""

    def __init__(
        self,
        query: Query[T],
        *,
        limit: int | None = None,
        cursor: str | None = None,
        on_malformed: Callable[[MalformedResponseError], object] | None = None,
    ) -> None:
        """Raises ValueError if `cursor` does not belong to `query`."""
        self._query = query
        self._limit = limit
        self._start = _START if cursor is None else _decode(cursor, query.text)
        self._on_malformed = on_malformed
        self._latest: PagerIterator[T] | None = None

    def __iter__(self) -> PagerIterator[T]:
        """A new run, from the start or from the given cursor. It does not disturb earlier ones."""
        self._latest = iterator = self._new_run()
        return iterator

    @property
    def cursor(self) -> str | None:
        """The position of the latest iterator; `None` before the first one.

        It is meant for one thread, such as after a `for` loop that was left. Threads that iterate one pager at a time read
        the `cursor` of their own iterator.
        """
        return None if self._latest is None else self._latest.cursor

    def pages(self) -> Iterator[Page[T]]:
        """A new run, page by page. The good items before a bad one come as a page; then MalformedResponseError is raised."""
        return iter(self).pages()

    def first(self) -> T | None:
        """The first item, or `None` if there is none. Costs one request, and one for each empty page before it."""
        return self._consume(lambda run: next(run, None))

    def collect(self) -> Items[T]:
        """All items at once. If it raises, `cursor` is still the start: nothing was handed out."""
        return self._consume(Items)

    def _consume(self, consume: Callable[[PagerIterator[T]], R]) -> R:
        self._latest, run = self._new_run(), self._new_run()
        result = consume(run)
        self._latest = run
        return result

    def _new_run(self) -> PagerIterator[T]:
        return PagerIterator(self._query, self._start, self._limit, self._on_malformed)

    def __repr__(self) -> str:
        """Show the query; nothing is fetched."""
        limit = "" if self._limit is None else f", limit={self._limit}"
        return f"Pager({one_line(self._query.summary)}{limit})"

    def _repr_html_(self) -> str:
        """The query, for a notebook; nothing is fetched."""
        return text_html(f"{self!r}: iterate over it, or call collect()")
