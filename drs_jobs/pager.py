"""Items, pages and cursors over a `fetch` callable: the rules of paging as pure logic, without any I/O of its own."""

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, Generic, NamedTuple, TypeVar

import attrs

from drs_jobs._text import fingerprint, one_line, quoted
from drs_jobs.errors import MalformedResponseError, PaginationLoopError

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class Batch(NamedTuple):
    """One answer, as `fetch` returns it: the items are still raw."""

    items: list[object]
    """The raw items."""
    next_token: str | None
    """The token of the next page; `None` on the last."""
    request_id: str | None
    """AWS's id of the request."""
    raw: Mapping[str, Any]
    """The whole answer as the wire had it."""


@attrs.frozen
class Question(Generic[T]):
    """What is asked, and how to read the answers."""

    text: str
    """The operation and its filters. Two runs with the same text ask the same question, so a cursor fits both."""
    summary: str
    """The same in a few words, for `repr`."""
    fetch: Callable[[str | None], Batch]
    """Gets the page of a token; `None` for the first page."""
    structure: Callable[[object, int], T]
    """A raw item and its index in the page, as a typed item. MalformedResponseError where that can't be."""
    identify: Callable[[object], str | None]
    """What tells a raw item from others in its page; `None` where it can't be read."""


@attrs.frozen
class _Place:
    """A place in a run: in the page of `token`, after `skipped` unidentifiable items after the item `anchor`."""

    token: str | None = None
    anchor: str | None = None
    offset: int = 0
    """Where the anchor was in its page, counted from 1; 0 without an anchor."""
    skipped: int = 0
    is_end: bool = False

    def index_in(self, items: list[object], identify: Callable[[object], str | None]) -> int:
        """Where to go on in the page as it is now: never behind an item that was not handed out yet."""
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


_START: Final = _Place()
_END: Final = _Place(is_end=True)


def _encode(place: _Place, question: str) -> str:
    encoded = base64.urlsafe_b64encode(json.dumps(attrs.astuple(place)).encode()).decode()
    return f"{encoded}.{_seal(encoded, question)}"


def _decode(cursor: str, question: str) -> _Place:
    encoded, _, seal = cursor.partition(".")
    if seal != _seal(encoded, question):
        msg = (
            f"cursor {quoted(cursor)} does not belong to this question: "
            "use it with the operation, filters and dates of the run that it came from"
        )
        raise ValueError(msg)
    return _Place(*json.loads(base64.urlsafe_b64decode(encoded)))


def _seal(encoded: str, question: str) -> str:
    """What tells a cursor of another question, and one that was damaged on its way."""
    return fingerprint(f"{encoded}\n{question}")


@attrs.frozen
class Page(Generic[T]):
    """One page of items, as one request brought it."""

    items: tuple[T, ...]
    """The typed items. Fewer than the answer held where a limit, a cursor or a bad item cut the page short."""
    next_token: str | None
    """AWS's token of the next page; `None` on the last."""
    request_id: str | None
    """AWS's id of the request, for a support case."""
    cursor: str
    """The place after this page."""
    raw: Mapping[str, Any] = attrs.field(hash=False)
    """The decoded answer as the wire had it, with what drs_jobs doesn't know."""

    def __repr__(self) -> str:
        """Count the items instead of printing them."""
        token = None if self.next_token is None else quoted(self.next_token)
        return f"Page(items=<{len(self.items)}>, next_token={token}, request_id={self.request_id!r})"


class Collected(tuple[T_co, ...]):
    """Everything a pager had, as a tuple whose `repr` counts."""

    __slots__ = ()

    def __repr__(self) -> str:
        """Count the items instead of printing them: a job of 200 servers would be half a megabyte."""
        return f"Collected(<{len(self)}>)"

    def _repr_html_(self) -> str:
        """What a notebook shows: a table of jobs, a bounded number of them; of anything else, a line each."""
        from drs_jobs.notebook.html import collected_html  # noqa: PLC0415  # only a notebook needs it

        return collected_html(self)


class PagerIterator(Iterator[T]):
    """One run over the items. After an exception it can go on: `next` asks again, or passes the bad item."""

    def __init__(
        self,
        question: Question[T],
        place: _Place,
        limit: int | None,
        on_malformed: Callable[[MalformedResponseError], object] | None,
    ) -> None:
        """Begin at `place`; nothing is fetched yet."""
        self._question = question
        self._place = place
        self._left = limit
        self._on_malformed = on_malformed
        self._batch: Batch | None = None
        self._index = 0
        self._seen: set[str] = set()  # fingerprints, as tokens may be 2 KB each, and a run may have thousands
        self._looped = False

    def __iter__(self) -> "PagerIterator[T]":
        """An iterator is its own iterator."""
        return self

    def __next__(self) -> T:
        """The next item, from the page at hand or from the next one."""
        while (batch := self._at_hand()) is not None:
            if self._index >= len(batch.items):
                self._turn()
                continue
            try:
                return self._take(batch)
            except MalformedResponseError as error:
                if self._report(error) is not None:
                    raise
        raise StopIteration

    @property
    def cursor(self) -> str:
        """The place after the last item handed out: JSON-safe text for `cursor=`, good for minutes while the token lives."""
        return _encode(self._here(), self._question.text)

    def __repr__(self) -> str:
        """Say what it asks; nothing is fetched."""
        return f"PagerIterator({self._question.summary})"

    def pages(self) -> Iterator[Page[T]]:
        """What is left, page by page."""
        while (batch := self._at_hand()) is not None:
            begin, left = self._index, self._left
            items: list[T] = []
            bad: MalformedResponseError | None = None
            try:
                while self._left != 0 and self._index < len(batch.items) and bad is None:
                    try:
                        items.append(self._take(batch))
                    except MalformedResponseError as error:
                        bad = self._report(error)
            except BaseException:
                # Whatever it was, nothing of this page was handed out.
                self._index, self._left = begin, left
                raise
            if bad is None:
                yield self._page(batch, items)
            else:
                if items:
                    # Until it is raised, the bad item is not behind us.
                    self._index -= 1
                    yield self._page(batch, items)
                    self._index += 1
                raise bad
            if self._index >= len(batch.items) and self._left != 0:
                self._turn()

    def _page(self, batch: Batch, items: list[T]) -> Page[T]:
        return Page(tuple(items), batch.next_token, batch.request_id, self.cursor, batch.raw)

    def _at_hand(self) -> Batch | None:
        """The page at hand, fetched if need be; `None` when there is nothing more to hand out."""
        if self._left == 0 or (self._batch is None and self._place.is_end):
            return None
        if self._batch is None:
            try:
                batch = self._question.fetch(self._place.token)
            except MalformedResponseError as error:
                error.cursor = self.cursor
                raise
            if self._place.token is not None:
                self._seen.add(fingerprint(self._place.token))
            self._looped = batch.next_token is not None and fingerprint(batch.next_token) in self._seen
            self._index = self._place.index_in(batch.items, self._question.identify)
            self._batch = batch
        return self._batch

    def _take(self, batch: Batch) -> T:
        # Passed only once it is structured, or can't be: after any other exception it comes again.
        try:
            item = self._question.structure(batch.items[self._index], self._index)
        except MalformedResponseError:
            self._index += 1
            raise
        self._index += 1
        if self._left is not None:
            self._left -= 1
        return item

    def _report(self, error: MalformedResponseError) -> MalformedResponseError | None:
        """Tell `on_malformed` of a bad item that is behind us; where there is none, give back what has to be raised."""
        error.cursor = self.cursor
        if self._on_malformed is None:
            return error
        self._on_malformed(error)
        return None

    def _turn(self) -> None:
        """Leave the page at hand behind."""
        if self._looped and self._batch is not None and self._batch.next_token is not None:
            raise PaginationLoopError(self._batch.next_token, cursor=self.cursor)
        self._place = self._here()
        self._batch = None

    def _here(self) -> _Place:
        batch = self._batch
        if batch is None:
            return self._place
        if self._index >= len(batch.items) and not self._looped:
            return _END if batch.next_token is None else _Place(batch.next_token)
        for offset in range(self._index, 0, -1):
            anchor = self._question.identify(batch.items[offset - 1])
            if anchor is not None:
                return _Place(self._place.token, anchor, offset, self._index - offset)
        return _Place(self._place.token, skipped=self._index)


class Pager(Generic[T]):
    """The items of a question, page after page. Nothing is fetched before iteration, and every iteration starts afresh."""

    def __init__(
        self,
        question: Question[T],
        *,
        limit: int | None = None,
        cursor: str | None = None,
        on_malformed: Callable[[MalformedResponseError], object] | None = None,
    ) -> None:
        """ValueError where `cursor` does not belong to `question`."""
        self._question = question
        self._limit = limit
        self._start = _START if cursor is None else _decode(cursor, question.text)
        self._on_malformed = on_malformed
        self._latest: PagerIterator[T] | None = None

    def __iter__(self) -> PagerIterator[T]:
        """A new run, from the start or from the cursor that was given; it does not disturb earlier ones."""
        iterator = PagerIterator(self._question, self._start, self._limit, self._on_malformed)
        self._latest = iterator
        return iterator

    @property
    def cursor(self) -> str | None:
        """The place of the latest iterator, in reach after a `for` loop broke; `None` while there is no iterator."""
        return None if self._latest is None else self._latest.cursor

    def pages(self) -> Iterator[Page[T]]:
        """A new run, page by page. The good items before a bad one come as a page; then MalformedResponseError is raised."""
        return iter(self).pages()

    def first(self) -> T | None:
        """The first item, or `None` where there is none. Costs one request, or as many as there are empty pages first."""
        return next(iter(self), None)

    def collect(self) -> Collected[T]:
        """All items at once."""
        return Collected(self)

    def __repr__(self) -> str:
        """Say what it asks; nothing is fetched."""
        limit = "" if self._limit is None else f", limit={self._limit}"
        return f"Pager({one_line(self._question.summary)}{limit})"

    def _repr_html_(self) -> str:
        """What a notebook shows: what it would ask; nothing is fetched."""
        from drs_jobs.notebook.html import text_html  # noqa: PLC0415  # only a notebook needs it

        return text_html(f"{self!r}: iterate over it, or call collect()")
