"""Paging: every job exactly once, from every position, whatever the pages look like."""

import functools
import itertools
import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest
from hypothesis import given
from hypothesis import strategies as st

import drs_jobs
from drs_jobs import (
    InternalServerException,
    Items,
    Job,
    JobsClient,
    MalformedResponseError,
    Pager,
    PagerIterator,
    PaginationLoopError,
    _wire,
)
from drs_jobs.testing import LocalDrs, RawResponse, ServerError, make_job

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)


@pytest.fixture
def history() -> list[Job]:
    """Twelve jobs, newest first."""
    return [make_job(creation_date_time=NOON - timedelta(hours=n)) for n in range(12)]


@pytest.fixture
def paged(history: list[Job], client: JobsClient, local_drs: LocalDrs) -> JobsClient:
    """A client whose server has them on pages of which some are empty."""
    local_drs.add_jobs(*history)
    local_drs.page_sizes = (0, 3, 0, 0, 2, 1)
    return client


def test_all_jobs_come_newest_first(paged: JobsClient, history: list[Job]):
    """Empty pages that carry a token are followed."""
    assert history == list(paged.describe_jobs())


def test_every_iteration_starts_afresh(paged: JobsClient, history: list[Job]):
    """A pager can be iterated again and again, and two iterators do not disturb each other."""
    pager = paged.describe_jobs()
    first, second = iter(pager), iter(pager)
    mixed = [(a, b) for a, b in zip(first, second, strict=True)]
    assert [(job, job) for job in history] == mixed
    assert history == list(pager)
    assert iter(first) is first


def test_nothing_is_fetched_before_iteration_nor_by_repr(paged: JobsClient, local_drs: LocalDrs):
    """Making, printing and starting an iterator cost no request."""
    pager = paged.describe_jobs(from_date=NOON - timedelta(days=1), limit=3)
    iterator = iter(pager)
    assert "from_date=2024-06-14" in repr(pager)
    assert "limit=3" in repr(pager)
    assert "DescribeJobs" in repr(iterator)
    assert pager.cursor == iterator.cursor
    assert local_drs.requests == ()


def test_a_resume_from_every_position_gives_each_job_once(paged: JobsClient, history: list[Job]):
    """The cursor is right before the first job, in mid-page, after the last, and after a break."""
    for position in range(len(history) + 1):
        pager = paged.describe_jobs()
        iterator = iter(pager)
        got = list(itertools.islice(iterator, position))
        assert pager.cursor == iterator.cursor
        assert history == got + list(paged.describe_jobs(cursor=iterator.cursor))


def test_jobs_created_meanwhile_make_no_job_lost(paged: JobsClient, history: list[Job], local_drs: LocalDrs):
    """New jobs push the list on; a resumed run may repeat some jobs, but it loses none."""
    for position in range(len(history) + 1):
        iterator = iter(paged.describe_jobs())
        got = list(itertools.islice(iterator, position))
        local_drs.add_jobs(make_job(creation_date_time=NOON + timedelta(hours=position + 1)))
        rest = list(paged.describe_jobs(cursor=iterator.cursor))
        assert {job.job_id for job in history} <= {job.job_id for job in got + rest}


def test_a_finished_cursor_yields_nothing_and_makes_no_call(paged: JobsClient, history: list[Job], local_drs: LocalDrs):
    """After the last job there is nothing to ask for, also where nobody asked whether it was the last."""
    iterator = iter(paged.describe_jobs())
    for _ in history:
        next(iterator)
    calls = len(local_drs.requests)
    assert list(paged.describe_jobs(cursor=iterator.cursor)) == []
    assert calls == len(local_drs.requests)


def test_pages_resume_too(paged: JobsClient, history: list[Job]):
    """Each page knows the place after itself, and pages and items are two views of one run."""
    pager = paged.describe_jobs()
    pages = list(pager.pages())
    assert history == [job for page in pages for job in page.items]
    assert [len(page.items) for page in pages] == [0, 3, 0, 0, 2, 1, 0, 3, 0, 0, 2, 1]
    for number, page in enumerate(pages):
        before = [job for page in pages[: number + 1] for job in page.items]
        assert history == before + list(paged.describe_jobs(cursor=page.cursor))
        assert (page.next_token is None) == (number == len(pages) - 1)
        assert page.request_id is not None
        assert len(page.items) == len(page.raw["items"])
    assert pages[-1].cursor == pager.cursor


def test_limit_counts_jobs_and_asks_no_more_than_it_needs(paged: JobsClient, history: list[Job], local_drs: LocalDrs):
    """A limit ends the run in mid-page, counts afresh after a resume, and costs no request past the last job."""
    for limit in range(len(history) + 2):
        pager = paged.describe_jobs(limit=limit)
        calls = len(local_drs.requests)
        assert history[:limit] == list(pager)
        assert [0, 2, 2, 2, 5, 5, 6, 8, 8, 8, 11, 11, 12, 12][limit] == len(local_drs.requests) - calls
        assert pager.cursor is not None
        assert history[limit : limit + 2] == list(paged.describe_jobs(cursor=pager.cursor, limit=2))
        assert history[:limit] == [job for page in paged.describe_jobs(limit=limit).pages() for job in page.items]


def test_first_and_collect(paged: JobsClient, history: list[Job]):
    """First is the newest job or None; collect is a tuple that counts itself."""
    assert history[0] == paged.describe_jobs().first()
    assert paged.describe_jobs(to_date=NOON - timedelta(days=9)).first() is None
    collected = paged.describe_jobs().collect()
    assert isinstance(collected, Items)
    assert tuple(history) == collected
    assert repr(collected) == "Items(<12>)"


def test_next_goes_on_after_an_error(paged: JobsClient, history: list[Job], local_drs: LocalDrs):
    """A failed fetch is tried again by the next `next`, and its cursor is right meanwhile."""
    iterator = iter(paged.describe_jobs())
    got: list[Job] = []
    for _ in range(3):
        local_drs.inject(ServerError())
        with pytest.raises(InternalServerException):
            got.extend(iterator)
        assert history == got + list(paged.describe_jobs(cursor=iterator.cursor))
        got.append(next(iterator))
    assert history == got + list(iterator)


# ------------------------------------------------------------------ tokens


class FakeDrs:
    """A hand-written fake: pages by token, and what it was asked."""

    def __init__(self, pages: dict[str | None, Any]) -> None:
        self.pages = pages
        self.asked: list[dict[str, Any]] = []

    def describe_jobs(self, **request: Any) -> dict[str, Any]:
        self.asked.append(request)
        return self.pages[request.get("nextToken")]


def _raw(*ids: str) -> list[dict[str, str]]:
    return [{"jobID": job_id} for job_id in ids]


@pytest.mark.parametrize("length", [1, 2, 5])
@pytest.mark.parametrize("lead", [0, 2])
def test_a_cycle_of_tokens_is_an_error(length: int, lead: int):
    """A token that comes again at any time ends the run loudly, after the jobs of the page that carried it."""
    tokens = [f"t{n}" for n in range(lead + length)]
    pages = {
        before: {"items": _raw(f"j{number}"), "nextToken": after}
        for number, (before, after) in enumerate(itertools.pairwise([None, *tokens, tokens[lead]]))
    }
    fake = FakeDrs(pages)
    client = JobsClient(fake)
    got: list[str] = []
    with pytest.raises(PaginationLoopError) as caught:
        for job in client.describe_jobs():
            got.append(job.job_id)
    assert [f"j{n}" for n in range(lead + length + 1)] == got
    assert tokens[lead] == caught.value.token
    assert lead + length + 1 == len(fake.asked)
    with pytest.raises(PaginationLoopError):
        list(client.describe_jobs().pages())
    # Once the service is well, the cursor leads on.
    pages[tokens[-1]] = {"items": _raw(f"j{lead + length}", "new"), "nextToken": None}
    assert [job.job_id for job in client.describe_jobs(cursor=caught.value.cursor)] == ["new"]


def test_an_endless_page_is_an_error_to_iterators_that_go_on():
    """Next after PaginationLoopError raises it again, and asks nothing."""
    fake = FakeDrs({None: {"items": [], "nextToken": "a"}, "a": {"items": [], "nextToken": "a"}})
    iterator = iter(JobsClient(fake).describe_jobs())
    for _ in range(3):
        with pytest.raises(PaginationLoopError):
            next(iterator)
    assert len(fake.asked) == 2


@pytest.mark.parametrize("by_page", [False, True])
def test_a_limit_that_is_reached_comes_before_an_endless_page(by_page):
    """Whoever has all that was asked for is not told of what would follow."""
    fake = FakeDrs({None: {"items": [], "nextToken": "a"}, "a": {"items": _raw("j", "k"), "nextToken": "a"}})
    assert list(_ids(JobsClient(fake).describe_jobs(limit=2), by_page=by_page)) == ["j", "k"]


def test_tokens_of_any_unicode_travel_in_cursors():
    """A cursor is ASCII, whatever the token is."""
    token = "ü\ud800\n"
    fake = FakeDrs({None: {"items": _raw("a"), "nextToken": token}, token: {"items": _raw("b", "c")}})
    client = JobsClient(fake)
    iterator = iter(client.describe_jobs())
    assert [next(iterator).job_id, next(iterator).job_id] == ["a", "b"]
    assert iterator.cursor.isascii()
    assert [job.job_id for job in client.describe_jobs(cursor=iterator.cursor)] == ["c"]


# ------------------------------------------------------------------ a page that changes between two looks at it

bad = st.sampled_from([None, {"status": "x"}, {"jobID": 5}])
unique_items = st.lists(
    bad | st.sampled_from(_raw(*"abcdefgh")), max_size=8, unique_by=lambda item: str(item) + str(item is None)
)


@given(before=unique_items, new=unique_items, position=st.integers(0, 8), data=st.data())
def test_a_page_that_changed_meanwhile_loses_no_job(before: list[Any], new: list[Any], position: int, data: st.DataObject):
    """Jobs and bad jobs come in front, others go: each job that was not handed out, and is still there, comes now."""
    fake = FakeDrs({None: {"items": before, "nextToken": "more"}, "more": {"items": []}})
    client = JobsClient(fake)
    iterator = iter(client.describe_jobs(on_malformed=lambda error: None))
    got = {job.job_id for job in itertools.islice(iterator, position)}
    stayed = [item for item in before if data.draw(st.booleans())]
    fake.pages[None] = {"items": [item for item in new if item not in before] + stayed}
    rest = {job.job_id for job in client.describe_jobs(cursor=iterator.cursor, on_malformed=lambda error: None)}
    due = {item["jobID"] for item in stayed if item and isinstance(item.get("jobID"), str)} - got
    assert due <= rest


items = st.lists(bad | st.sampled_from(_raw(*"abcd")), max_size=7)


@given(items=items, position=st.integers(0, 7))
def test_resuming_in_an_unchanged_page_is_exact(items: list[Any], position: int):
    """Good or bad, once or twice in the page: what follows the place follows the resume, and nothing else."""
    client = JobsClient(FakeDrs({None: {"items": items}}))
    whole = _run(iter(client.describe_jobs()), len(items) + 1)
    iterator = iter(client.describe_jobs())
    start = _run(iterator, position)
    assert whole == start + _run(iter(client.describe_jobs(cursor=iterator.cursor)), len(items) + 1)


def _run(iterator: PagerIterator[Job], steps: int) -> list[str]:
    """What so many calls of next give: ids, and the words "bad" for bad jobs."""
    got: list[str] = []
    for _ in range(steps):
        try:
            got.append(next(iterator).job_id)
        except MalformedResponseError:
            got.append("bad")
        except StopIteration:
            break
    return got


@pytest.mark.parametrize(
    ("before", "position", "now", "rest"),
    [
        ("abc", 1, "xabc", "bc"),  # a new one in front
        ("abc", 2, "bc", "c"),  # one in front is gone
        ("abcd", 2, "acd", "acd"),  # the place itself is gone, so the whole page comes again
        ("abac", 3, "abac", "c"),  # twice in the page: the second one is the place
        ("abac", 3, "aba", ""),  # and it is the last now
        ("a??b", 3, "acb", "cb"),  # the bad ones are mended
        ("a??b", 3, "ac?b", "c?b"),
        ("??b", 2, "c?b", "c?b"),
    ],
)
def test_resuming_in_a_page_that_changed_goes_on_behind_the_place(before: str, position: int, now: str, rest: str):
    """As exactly as the page allows; a question mark is a bad job."""

    def page(items: str) -> dict[str, Any]:
        return {"items": [{} if item == "?" else {"jobID": item} for item in items], "nextToken": "more"}

    fake = FakeDrs({None: page(before), "more": {"items": []}})
    client = JobsClient(fake)
    iterator = iter(client.describe_jobs())
    _run(iterator, position)
    fake.pages[None] = page(now)
    resumed = _run(iter(client.describe_jobs(cursor=iterator.cursor)), 9)
    assert list(rest) == ["?" if item == "bad" else item for item in resumed]


def test_pages_go_on_behind_a_bad_job_that_was_told():
    """It is raised once: asked for the rest, the same iterator gives what follows."""
    iterator = iter(JobsClient(FakeDrs({None: {"items": [*_raw("a"), {}, *_raw("b", "c")]}})).describe_jobs())
    pages: list[list[str]] = []
    with pytest.raises(MalformedResponseError):
        pages.extend([job.job_id for job in page.items] for page in iterator.pages())
    pages.extend([job.job_id for job in page.items] for page in iterator.pages())
    assert pages == [["a"], ["b", "c"]]


def test_a_page_says_how_many_items_and_what_follows():
    """It is data like a job: hashable, and its repr is a line that counts."""
    pages = JobsClient(
        FakeDrs({None: {"items": _raw("a"), "nextToken": "t" * 2000}, "t" * 2000: {"items": []}})
    ).describe_jobs()
    first, last = pages.pages()
    assert repr(first) == f"Page(items=<1>, next_token='{'t' * 79}…', request_id=None)"
    assert repr(last) == "Page(items=<0>, next_token=None, request_id=None)"
    assert len({first, last, first}) == 2


def test_a_bad_first_job_makes_no_empty_page(client: JobsClient, local_drs: LocalDrs):
    """There is nothing good before it, so pages raises at once; its cursor leads on."""
    local_drs.inject(RawResponse(json.dumps({"items": [{}, *_raw("a")]}).encode()), times=2)
    with pytest.raises(MalformedResponseError) as caught:
        next(client.describe_jobs().pages())
    assert [job.job_id for job in client.describe_jobs(cursor=caught.value.cursor)] == ["a"]


def test_the_page_before_a_bad_job_does_not_pass_it(client: JobsClient, local_drs: LocalDrs):
    """Whoever stops at the short page and resumes from it, or from the pager, meets the bad job."""
    local_drs.inject(RawResponse(json.dumps({"items": [*_raw("a"), {}, *_raw("b")]}).encode()), times=3)
    pager = client.describe_jobs()
    page = next(pager.pages())
    for cursor in (page.cursor, pager.cursor):
        with pytest.raises(MalformedResponseError):
            client.describe_jobs(cursor=cursor).first()


def test_an_on_malformed_that_raises_ends_the_run_behind_the_bad_job(client: JobsClient, local_drs: LocalDrs):
    """What on_malformed raises comes out, and the run can go on."""
    local_drs.inject(RawResponse(json.dumps({"items": [*_raw("a"), {}, *_raw("b")]}).encode()))

    def give_up(error: MalformedResponseError) -> None:
        raise KeyError(error.path)

    iterator = iter(client.describe_jobs(on_malformed=give_up))
    assert next(iterator).job_id == "a"
    with pytest.raises(KeyError, match="jobID"):
        next(iterator)
    assert next(iterator).job_id == "b"


# ------------------------------------------------------------------ whatever interrupts


@pytest.mark.parametrize("by_page", [False, True])
def test_an_interruption_at_any_job_loses_none(by_page, monkeypatch: pytest.MonkeyPatch):
    """Ctrl-C while a job is being structured: it was not handed out, so it comes again."""
    client = JobsClient(FakeDrs({None: {"items": _raw("a", "b", "c"), "nextToken": "t"}, "t": {"items": _raw("d", "e")}}))
    structure = _wire.structure
    for position in range(5):
        calls = itertools.count()

        def interrupted(*arguments: Any, calls: Any = calls, position: int = position) -> Any:
            if next(calls) == position:
                raise KeyboardInterrupt
            return structure(*arguments)

        monkeypatch.setattr(_wire, "structure", interrupted)
        pager = client.describe_jobs()
        got: list[str] = []
        with pytest.raises(KeyboardInterrupt):
            got.extend(_ids(pager, by_page=by_page))
        monkeypatch.setattr(_wire, "structure", structure)
        assert got + [job.job_id for job in client.describe_jobs(cursor=pager.cursor)] == list("abcde")


def _ids(pager: Any, *, by_page: bool) -> Iterator[str]:
    for items in (page.items for page in pager.pages()) if by_page else ((job,) for job in pager):
        yield from (job.job_id for job in items)


def test_an_on_malformed_that_raises_takes_no_page_with_it():
    """What pages had not handed out comes again, the bad job too."""
    client = JobsClient(FakeDrs({None: {"items": [*_raw("a", "b"), {}, *_raw("c")]}}))

    def give_up(_: MalformedResponseError) -> None:
        raise KeyError

    pager = client.describe_jobs(on_malformed=give_up)
    with pytest.raises(KeyError):
        list(pager.pages())
    assert [job.job_id for job in client.describe_jobs(cursor=pager.cursor, on_malformed=lambda _: None)] == ["a", "b", "c"]


def test_fewer_bad_jobs_than_before_hide_no_good_one():
    """The place was behind two bad jobs; one of them is gone, so what follows the other comes."""
    fake = FakeDrs({None: {"items": [*_raw("a"), {}, {}, *_raw("b")]}})
    client = JobsClient(fake)
    iterator = iter(client.describe_jobs())
    assert _run(iterator, 3) == ["a", "bad", "bad"]
    fake.pages[None] = {"items": [*_raw("a"), {}, *_raw("b")]}
    assert _run(iter(client.describe_jobs(cursor=iterator.cursor)), 5) == ["b"]


# ------------------------------------------------------------------ interruptions at every instruction


class Interrupted(BaseException):
    """Raised by the tracer, as a signal handler raises KeyboardInterrupt."""


class InterruptAt:
    """Raises Interrupted at the nth instruction that the package executes."""

    def __init__(self, instruction: int) -> None:
        self.left = instruction
        self.before = sys.gettrace()

    def __enter__(self) -> None:
        sys.settrace(self.trace)

    def __exit__(self, *_: object) -> None:
        sys.settrace(self.before)

    def trace(self, frame: Any, event: str, _: object) -> Any:
        if PACKAGE not in frame.f_code.co_filename:
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            self.left -= 1
            if self.left < 0:
                raise Interrupted
        return self.trace


def _in_a_thread(test: Callable[..., None]) -> Callable[..., None]:
    """Run in a thread of its own, since such an interruption can leave an exception behind as the context of later ones."""

    @functools.wraps(test)
    def run(*arguments: Any, **keywords: Any) -> None:
        with ThreadPoolExecutor(1) as pool:
            pool.submit(test, *arguments, **keywords).result()

    return run


PACKAGE = str(Path(drs_jobs.__file__).parent)
INTERRUPTED_PAGES = {
    None: {"items": [*_raw("a"), {}, *_raw("b")], "nextToken": "t"},
    "t": {"items": [], "nextToken": "u"},
    "u": {"items": _raw("c")},
}


def _items(pager: Pager[Job], got: list[str]) -> None:
    """Iterate over items, past each bad one."""
    iterator = iter(pager)
    while True:
        try:
            got.append(next(iterator).job_id)
        except MalformedResponseError:
            got.append("bad")
        except StopIteration:
            return


def _pages(pager: Pager[Job], got: list[str]) -> None:
    """Iterate over pages, past each bad item."""
    iterator = pager.pages()
    while True:
        try:
            got.extend(job.job_id for job in next(iterator).items)
        except MalformedResponseError:
            got.append("bad")
        except StopIteration:
            return


def _mixed(pager: Pager[Job], got: list[str]) -> None:
    """One item, one page, one item, and so on."""
    iterator = iter(pager)
    pages = iterator.pages()
    while True:
        try:
            got.append(next(iterator).job_id)
            got.extend(job.job_id for job in next(pages).items)
        except MalformedResponseError:
            got.append("bad")
        except StopIteration:
            return


@pytest.mark.parametrize("consume", [_items, _pages, _mixed])
@_in_a_thread
def test_interruption_at_every_instruction(consume: Callable[[Pager[Job], list[str]], None]):
    """What was not handed out comes after the cursor, and nothing else."""
    client = JobsClient(FakeDrs(INTERRUPTED_PAGES))
    for instruction in itertools.count():
        pager = client.describe_jobs()
        got: list[str] = []
        try:
            with InterruptAt(instruction):
                consume(pager, got)
        except Interrupted:
            consume(client.describe_jobs(cursor=pager.cursor), got)
            assert got == ["a", "bad", "b", "c"], instruction
        else:
            break
    assert instruction > 500


@pytest.mark.parametrize("consume", [_items, _pages])
@_in_a_thread
def test_interruption_at_every_instruction_with_on_malformed(consume: Callable[[Pager[Job], list[str]], None]):
    """No job is lost or repeated, and `on_malformed` is called with each bad one."""
    client = JobsClient(FakeDrs(INTERRUPTED_PAGES))
    for instruction in itertools.count():
        bad: list[str] = []
        pager = client.describe_jobs(on_malformed=lambda error, bad=bad: bad.append(error.path))
        got: list[str] = []
        try:
            with InterruptAt(instruction):
                consume(pager, got)
        except Interrupted:
            consume(client.describe_jobs(cursor=pager.cursor, on_malformed=lambda error, bad=bad: bad.append(error.path)), got)
            assert got == ["a", "b", "c"], instruction
            assert set(bad) == {"$.items[1].jobID"}, instruction
        else:
            break
    assert instruction > 500


@_in_a_thread
def test_iteration_after_an_interruption_continues():
    """The same iterator goes on, by item and by page."""
    client = JobsClient(FakeDrs(INTERRUPTED_PAGES))
    for instruction in itertools.count():
        iterator, got = iter(client.describe_jobs(on_malformed=lambda _: None)), []
        pages = iterator.pages()
        try:
            with InterruptAt(instruction):
                got.append(next(iterator).job_id)
                got.extend(job.job_id for job in next(pages).items)
        except Interrupted:
            got.extend(job.job_id for page in pages for job in page.items)
            assert got == ["a", "b", "c"], instruction
        else:
            break


def test_pages_and_next_mixed_skip_nothing():
    """A bad job is passed once, whichever of the two raises for it."""
    page = {"items": [*_raw("a"), {}, *_raw("b")]}
    iterator = iter(JobsClient(FakeDrs({None: page})).describe_jobs())
    pages = iterator.pages()
    assert [job.job_id for job in next(pages).items] == ["a"]
    with pytest.raises(MalformedResponseError):
        next(iterator)
    assert [job.job_id for job in next(pages).items] == ["b"]
    assert list(pages) == list(iterator) == []


@given(items=st.lists(bad | st.sampled_from(_raw(*"abcd")), max_size=6), by_page=st.lists(st.booleans(), max_size=12))
def test_any_mix_of_pages_and_next_gives_each_item_once(items: list[Any], by_page: list[bool]):
    """The order of the items, whoever hands them out."""
    half = len(items) // 2
    fake = FakeDrs({None: {"items": items[:half], "nextToken": "t"}, "t": {"items": items[half:]}})
    client = JobsClient(fake)
    iterator, got = iter(client.describe_jobs()), list[str]()
    pages = iterator.pages()
    for use_pages in [*by_page, *[False] * (len(items) + 1)]:
        try:
            got += [job.job_id for job in next(pages).items] if use_pages else [next(iterator).job_id]
        except MalformedResponseError:
            got.append("bad")
        except StopIteration:
            break
    assert got == _run(iter(client.describe_jobs()), len(items) + 1)


@pytest.mark.parametrize("consume", [_items, _pages, lambda pager, _: pager.first(), lambda pager, _: pager.collect()])
def test_stop_iteration_from_a_client_is_no_end(consume: Any):
    """A mock whose side_effect runs out (PEP 479)."""
    fake = Mock(spec=["describe_jobs"])
    fake.describe_jobs.side_effect = iter([{"items": [], "nextToken": "t"}])
    with pytest.raises(RuntimeError, match="raised StopIteration"):
        consume(JobsClient(fake).describe_jobs(), [])


@pytest.mark.parametrize("consume", [_items, _pages])
def test_stop_iteration_from_on_malformed_is_no_end(consume: Any):
    """It is a RuntimeError, and the cursor leads to the rest."""
    client = JobsClient(FakeDrs({None: {"items": [{}, *_raw("a")]}}))
    pager = client.describe_jobs(on_malformed=Mock(side_effect=[]))
    with pytest.raises(RuntimeError, match="raised StopIteration"):
        consume(pager, [])
    assert [job.job_id for job in client.describe_jobs(cursor=pager.cursor, on_malformed=lambda _: None)] == ["a"]


def test_a_failed_collect_leaves_the_cursor_at_its_start():
    """Nothing of it was handed out; the same for `first`, and for a resumed run."""
    pages: dict[str | None, Any] = {None: {"items": _raw("a", "b"), "nextToken": "t"}, "t": {"items": [], "nextToken": "u"}}
    client = JobsClient(FakeDrs(pages))
    iterator = iter(client.describe_jobs())
    next(iterator), next(iterator)
    whole, resumed, resumed_first = (client.describe_jobs(cursor=cursor) for cursor in (None, *[iterator.cursor] * 2))
    for consume in (whole.collect, resumed.collect, resumed_first.first):
        with pytest.raises(KeyError):
            consume()
    pages["u"] = {"items": _raw("c")}
    for pager, expected in ((whole, "abc"), (resumed, "c"), (resumed_first, "c")):
        assert [job.job_id for job in client.describe_jobs(cursor=pager.cursor)] == list(expected)
    assert whole.collect() == (*client.describe_jobs(),)
    assert list(client.describe_jobs(cursor=whole.cursor)) == []


def test_a_cursor_belongs_to_its_region_and_endpoint(local_drs: LocalDrs):
    """A finished one too: it would say that another region has no jobs."""
    finished, halfway = (iter(JobsClient(local_drs.client("eu-west-1")).describe_jobs()) for _ in range(2))
    local_drs.add_jobs(make_job(), make_job())
    next(halfway)
    list(finished)
    with LocalDrs() as other:
        for iterator in (finished, halfway):
            for client in (local_drs.client("us-east-1"), other.client("eu-west-1")):
                with pytest.raises(ValueError, match="region and endpoint"):
                    JobsClient(client).describe_jobs(cursor=iterator.cursor)
            JobsClient(local_drs.client("eu-west-1")).describe_jobs(cursor=iterator.cursor)
