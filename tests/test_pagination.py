"""Pagination: order, limits, cursors, loops of tokens, pages that change, malformed jobs and interruptions."""

import base64
import itertools
import json
import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest.mock import Mock

import boto3
import pytest
from botocore.exceptions import ConnectionClosedError
from hypothesis import example, given
from hypothesis import strategies as st

import interruptions
from drs_jobs import (
    InternalServerException,
    Items,
    Job,
    JobsClient,
    MalformedResponseError,
    Pager,
    PagerIterator,
    PaginationLoopError,
    _queries,
)
from drs_jobs._aws.structure import structure
from drs_jobs._html import MAX_ROWS
from drs_jobs._pagination import cursor
from drs_jobs.testing import DropConnection, Fault, LocalDrs, RawResponse, ServerError, make_job

pytestmark = pytest.mark.both_clients

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)


@pytest.fixture
def history() -> list[Job]:
    """Twelve jobs, newest first."""
    return [make_job(creation_date_time=NOON - timedelta(hours=n)) for n in range(12)]


@pytest.fixture
def paged(history: list[Job], client: JobsClient, local_drs: LocalDrs) -> JobsClient:
    """A client whose server returns them in pages, some of which are empty."""
    local_drs.add_jobs(*history)
    local_drs.page_sizes = (0, 3, 0, 0, 2, 1)
    return client


def test_jobs_are_newest_first(paged: JobsClient, history: list[Job]):
    """Across empty pages that have a token."""
    assert history == list(paged.describe_jobs())


def test_each_iteration_starts_at_the_first_job(paged: JobsClient, history: list[Job]):
    """Two iterators of one pager are independent."""
    pager = paged.describe_jobs()
    first, second = iter(pager), iter(pager)
    mixed = [(a, b) for a, b in zip(first, second, strict=True)]
    assert [(job, job) for job in history] == mixed
    assert history == list(pager)
    assert iter(first) is first


def test_iter_and_repr_send_no_request(paged: JobsClient, local_drs: LocalDrs):
    pager = paged.describe_jobs(from_date=NOON - timedelta(days=1), limit=3)
    iterator = iter(pager)
    assert "from_date=2024-06-14" in repr(pager)
    assert "limit=3" in repr(pager)
    assert "DescribeJobs" in repr(iterator)
    assert pager.cursor == iterator.cursor
    assert local_drs.requests == ()


def test_resume_from_every_position(paged: JobsClient, history: list[Job]):
    """Before the first job, within a page, and after the last job."""
    for position in range(len(history) + 1):
        pager = paged.describe_jobs()
        iterator = iter(pager)
        got = list(itertools.islice(iterator, position))
        assert pager.cursor == iterator.cursor
        assert history == got + list(paged.describe_jobs(cursor=iterator.cursor))


def test_new_jobs_do_not_cause_lost_jobs(paged: JobsClient, history: list[Job], local_drs: LocalDrs):
    """They move the other jobs to later pages. A resumed run can repeat jobs, and loses none."""
    for position in range(len(history) + 1):
        iterator = iter(paged.describe_jobs())
        got = list(itertools.islice(iterator, position))
        local_drs.add_jobs(make_job(creation_date_time=NOON + timedelta(hours=position + 1)))
        rest = list(paged.describe_jobs(cursor=iterator.cursor))
        assert {job.job_id for job in history} <= {job.job_id for job in got + rest}


def test_finished_cursor_sends_no_request(paged: JobsClient, history: list[Job], local_drs: LocalDrs):
    """The cursor after the last job is finished before the iterator raises StopIteration."""
    iterator = iter(paged.describe_jobs())
    for _ in history:
        next(iterator)
    calls = len(local_drs.requests)
    assert list(paged.describe_jobs(cursor=iterator.cursor)) == []
    assert calls == len(local_drs.requests)


def test_pages_resume(paged: JobsClient, history: list[Job]):
    """The cursor of a page is the position after the page, also for iteration over jobs."""
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


def test_limit_sends_no_more_requests_than_needed(paged: JobsClient, history: list[Job], local_drs: LocalDrs):
    """A limit can end within a page. A resumed run has its own limit."""
    requests = [0, 2, 2, 2, 5, 5, 6, 8, 8, 8, 11, 11, 12, 12]
    for limit, expected_requests in enumerate(requests):
        pager = paged.describe_jobs(limit=limit)
        calls = len(local_drs.requests)
        assert history[:limit] == list(pager)
        assert len(local_drs.requests) - calls == expected_requests
        assert pager.cursor is not None
        assert history[limit : limit + 2] == list(paged.describe_jobs(cursor=pager.cursor, limit=2))
        assert history[:limit] == [job for page in paged.describe_jobs(limit=limit).pages() for job in page.items]


def test_first_and_collect(paged: JobsClient, history: list[Job]):
    """`first` returns the newest job or None. The repr of `collect` has the number of jobs."""
    assert history[0] == paged.describe_jobs().first()
    assert paged.describe_jobs(to_date=NOON - timedelta(days=9)).first() is None
    collected = paged.describe_jobs().collect()
    assert isinstance(collected, Items)
    assert tuple(history) == collected
    assert repr(collected) == "Items(<12>)"


def test_next_after_an_error_continues(paged: JobsClient, history: list[Job], local_drs: LocalDrs):
    """The next call of `next` sends the failed request again. The cursor stays correct in between."""
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
    """A fake client: pages by token, and the requests so far."""

    def __init__(self, pages: dict[str | None, Any]) -> None:
        self.pages = pages
        self.requests: list[dict[str, Any]] = []

    def describe_jobs(self, **request: Any) -> dict[str, Any]:
        self.requests.append(request)
        return self.pages[request.get("nextToken")]


def _raw_jobs(*ids: str) -> list[dict[str, str]]:
    return [{"jobID": job_id} for job_id in ids]


@pytest.mark.parametrize("length", [1, 2, 5])
@pytest.mark.parametrize("lead", [0, 2])
def test_repeated_token_is_an_error(length: int, lead: int):
    """After the jobs of the page that has the repeated token."""
    tokens = [f"t{n}" for n in range(lead + length)]
    pages = {
        before: {"items": _raw_jobs(f"j{number}"), "nextToken": after}
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
    assert lead + length + 1 == len(fake.requests)
    with pytest.raises(PaginationLoopError):
        list(client.describe_jobs().pages())
    # When the service works again, the cursor continues.
    pages[tokens[-1]] = {"items": _raw_jobs(f"j{lead + length}", "new"), "nextToken": None}
    assert [job.job_id for job in client.describe_jobs(cursor=caught.value.cursor)] == ["new"]


def test_next_repeats_the_pagination_loop_error():
    """Without another request."""
    fake = FakeDrs({None: {"items": [], "nextToken": "a"}, "a": {"items": [], "nextToken": "a"}})
    iterator = iter(JobsClient(fake).describe_jobs())
    for _ in range(3):
        with pytest.raises(PaginationLoopError):
            next(iterator)
    assert len(fake.requests) == 2


@pytest.mark.parametrize("by_page", [False, True])
def test_limit_is_reached_before_a_pagination_loop(by_page):
    """A run that has reached its limit does not raise PaginationLoopError."""
    fake = FakeDrs({None: {"items": [], "nextToken": "a"}, "a": {"items": _raw_jobs("j", "k"), "nextToken": "a"}})
    assert list(_job_ids(JobsClient(fake).describe_jobs(limit=2), by_page=by_page)) == ["j", "k"]


def test_cursor_of_any_unicode_token_is_ascii():
    token = "ü\ud800\n"
    fake = FakeDrs({None: {"items": _raw_jobs("a"), "nextToken": token}, token: {"items": _raw_jobs("b", "c")}})
    client = JobsClient(fake)
    iterator = iter(client.describe_jobs())
    assert [next(iterator).job_id, next(iterator).job_id] == ["a", "b"]
    assert iterator.cursor.isascii()
    assert [job.job_id for job in client.describe_jobs(cursor=iterator.cursor)] == ["c"]


# ------------------------------------------------------------------ forged cursors

values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-3, 3)
    | st.sampled_from([2**63, 1.5, "", "a", "b", "t", "x", "\ud800", "x" * 5_000]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=3,
)
positions = st.tuples(
    st.sampled_from([None, "t"]) | values,
    st.sampled_from([None, *"abcde"]) | values,
    st.integers(-1, 5) | values,
    st.integers(-1, 5) | values,
    st.booleans() | values,
).map(list)
payloads = positions | st.lists(values, max_size=6) | values
FORGED_PAGES = {
    None: {"items": [*_raw_jobs("a"), {}, *_raw_jobs(*"bc")], "nextToken": "t"},
    "t": {"items": [{}, *_raw_jobs("d"), {}, {}, *_raw_jobs("e")]},
}


class WithModel(FakeDrs):
    """A fake client that refuses a page token as botocore does."""

    meta = boto3.client("drs", "eu-west-1").meta

    def describe_jobs(self, **request: Any) -> dict[str, Any]:
        assert len(request.get("nextToken", "")) <= 2_048
        return super().describe_jobs(**request)


def _forge(payload: bytes, client: Any) -> str:
    """Return a cursor with any payload, and with the checksum of this client's query."""
    encoded = base64.urlsafe_b64encode(payload).decode()
    request = iter(client.describe_jobs())._run.query
    return f"{encoded}.{cursor._checksum(encoded, request.identity)}"


@given(payload=payloads.map(lambda value: json.dumps(value).encode()) | st.binary(max_size=9))
@example(b"[" * 100_000)
@example(b'[null,null,0,0,{"a":NaN}]')
@example(b"[null,null,0," + b"9" * 5_000 + b",false]")
def test_forged_cursor(payload: bytes):
    """It is a ValueError, or the rest of the jobs from a position on. An unknown page token is refused by the service."""
    client = JobsClient(WithModel(FORGED_PAGES))
    forged = _forge(payload, client)
    try:
        pager = client.describe_jobs(cursor=forged, on_malformed=lambda _: None)
    except ValueError as error:
        assert "does not belong to this query" in str(error)
        return
    try:
        got = "".join(job.job_id for job in pager)
    except KeyError as error:
        assert error.args[0] not in FORGED_PAGES
    else:
        assert "abcde".endswith(got)
        assert len(set(got)) == len(got)


@given(position=st.integers(0, 5))
def test_forged_cursor_can_be_valid(position: int):
    """Otherwise the test above proves nothing."""
    client = JobsClient(WithModel(FORGED_PAGES))
    iterator = iter(client.describe_jobs(on_malformed=lambda _: None))
    for _ in range(position):
        next(iterator)
    payload = base64.urlsafe_b64decode(iterator.cursor.partition(".")[0])
    assert _forge(payload, client) == iterator.cursor
    rest = client.describe_jobs(cursor=iterator.cursor, on_malformed=lambda _: None)
    assert "".join(job.job_id for job in rest) == "abcde"[position:]


# ------------------------------------------------------------------ a page that changes between two requests

malformed = st.sampled_from([None, {"status": "x"}, {"jobID": 5}])
unique_items = st.lists(
    malformed | st.sampled_from(_raw_jobs(*"abcdefgh")), max_size=8, unique_by=lambda item: str(item) + str(item is None)
)


@given(before=unique_items, new=unique_items, position=st.integers(0, 8), data=st.data())
def test_changed_page_loses_no_job(before: list[Any], new: list[Any], position: int, data: st.DataObject):
    """Items are added in front, others are removed. Every remaining job that was not returned before is returned."""
    fake = FakeDrs({None: {"items": before, "nextToken": "more"}, "more": {"items": []}})
    client = JobsClient(fake)
    iterator = iter(client.describe_jobs(on_malformed=lambda error: None))
    got = {job.job_id for job in itertools.islice(iterator, position)}
    remaining = [item for item in before if data.draw(st.booleans())]
    fake.pages[None] = {"items": [item for item in new if item not in before] + remaining}
    rest = {job.job_id for job in client.describe_jobs(cursor=iterator.cursor, on_malformed=lambda error: None)}
    expected = {item["jobID"] for item in remaining if item and isinstance(item.get("jobID"), str)} - got
    assert expected <= rest


items = st.lists(malformed | st.sampled_from(_raw_jobs(*"abcd")), max_size=7)


@given(items=items, position=st.integers(0, 7))
def test_resume_in_an_unchanged_page_is_exact(items: list[Any], position: int):
    """Also if a page has malformed jobs, or one job twice."""
    client = JobsClient(FakeDrs({None: {"items": items}}))
    whole = _run(iter(client.describe_jobs()), len(items) + 1)
    iterator = iter(client.describe_jobs())
    start = _run(iterator, position)
    assert whole == start + _run(iter(client.describe_jobs(cursor=iterator.cursor)), len(items) + 1)


def _run(iterator: PagerIterator[Job], steps: int) -> list[str]:
    """Return the results of `steps` calls of `next`: job ids, and "malformed" for MalformedResponseError."""
    got: list[str] = []
    for _ in range(steps):
        try:
            got.append(next(iterator).job_id)
        except MalformedResponseError:
            got.append("malformed")
        except StopIteration:
            break
    return got


@pytest.mark.parametrize(
    ("before", "position", "now", "rest"),
    [
        ("abc", 1, "xabc", "bc"),  # a new job in front
        ("abc", 2, "bc", "c"),  # a job in front was removed
        ("abcd", 2, "acd", "acd"),  # the last returned job was removed, so the whole page is returned again
        ("abac", 3, "abac", "c"),  # one job twice: the second one is the position
        ("abac", 3, "aba", ""),  # it is the last job now
        ("a??b", 3, "acb", "cb"),  # the malformed jobs were corrected
        ("a??b", 3, "ac?b", "c?b"),
        ("??b", 2, "c?b", "c?b"),
    ],
)
def test_resume_in_a_changed_page(before: str, position: int, now: str, rest: str):
    """A question mark is a malformed job."""

    def page(items: str) -> dict[str, Any]:
        return {"items": [{} if item == "?" else {"jobID": item} for item in items], "nextToken": "more"}

    fake = FakeDrs({None: page(before), "more": {"items": []}})
    client = JobsClient(fake)
    iterator = iter(client.describe_jobs())
    _run(iterator, position)
    fake.pages[None] = page(now)
    resumed = _run(iter(client.describe_jobs(cursor=iterator.cursor)), 9)
    assert list(rest) == ["?" if item == "malformed" else item for item in resumed]


def test_pages_continue_after_a_malformed_job():
    """The same iterator raises the error once."""
    iterator = iter(JobsClient(FakeDrs({None: {"items": [*_raw_jobs("a"), {}, *_raw_jobs("b", "c")]}})).describe_jobs())
    pages: list[list[str]] = []
    with pytest.raises(MalformedResponseError):
        pages.extend([job.job_id for job in page.items] for page in iterator.pages())
    pages.extend([job.job_id for job in page.items] for page in iterator.pages())
    assert pages == [["a"], ["b", "c"]]


def test_page_repr_is_short_and_pages_are_hashable():
    pages = JobsClient(
        FakeDrs({None: {"items": _raw_jobs("a"), "nextToken": "t" * 2000}, "t" * 2000: {"items": []}})
    ).describe_jobs()
    first, last = pages.pages()
    assert repr(first) == f"Page(items=<1>, next_token='{'t' * 79}…', request_id=None)"
    assert repr(last) == "Page(items=<0>, next_token=None, request_id=None)"
    assert len({first, last, first}) == 2


def test_malformed_first_job_makes_no_empty_page(client: JobsClient, local_drs: LocalDrs):
    """`pages` raises at once. The cursor of the error continues after the malformed job."""
    local_drs.inject(RawResponse(json.dumps({"items": [{}, *_raw_jobs("a")]}).encode()), times=2)
    with pytest.raises(MalformedResponseError) as caught:
        next(client.describe_jobs().pages())
    assert [job.job_id for job in client.describe_jobs(cursor=caught.value.cursor)] == ["a"]


def test_page_cursor_is_before_the_malformed_job(client: JobsClient, local_drs: LocalDrs):
    """A run that resumes from the short page, or from the pager, raises MalformedResponseError."""
    local_drs.inject(RawResponse(json.dumps({"items": [*_raw_jobs("a"), {}, *_raw_jobs("b")]}).encode()), times=3)
    pager = client.describe_jobs()
    page = next(pager.pages())
    for position in (page.cursor, pager.cursor):
        with pytest.raises(MalformedResponseError):
            client.describe_jobs(cursor=position).first()


def test_next_continues_after_on_malformed_raises(client: JobsClient, local_drs: LocalDrs):
    local_drs.inject(RawResponse(json.dumps({"items": [*_raw_jobs("a"), {}, *_raw_jobs("b")]}).encode()))

    def give_up(error: MalformedResponseError) -> None:
        raise KeyError(error.path)

    iterator = iter(client.describe_jobs(on_malformed=give_up))
    assert next(iterator).job_id == "a"
    with pytest.raises(KeyError, match="jobID"):
        next(iterator)
    assert next(iterator).job_id == "b"


# ------------------------------------------------------------------ interruptions


@pytest.mark.parametrize("by_page", [False, True])
def test_keyboard_interrupt_at_any_job_loses_none(by_page, monkeypatch: pytest.MonkeyPatch):
    """Ctrl-C while a job is structured. The job was not returned, so the cursor is before it."""
    client = JobsClient(
        FakeDrs({None: {"items": _raw_jobs("a", "b", "c"), "nextToken": "t"}, "t": {"items": _raw_jobs("d", "e")}})
    )
    for position in range(5):
        calls = itertools.count()

        def interrupted(*arguments: Any, calls: Any = calls, position: int = position, **keywords: Any) -> Any:
            if next(calls) == position:
                raise KeyboardInterrupt
            return structure(*arguments, **keywords)

        with monkeypatch.context() as context:
            context.setattr(_queries, "structure", interrupted)
            pager = client.describe_jobs()
            got: list[str] = []
            with pytest.raises(KeyboardInterrupt):
                got.extend(_job_ids(pager, by_page=by_page))
        assert got + [job.job_id for job in client.describe_jobs(cursor=pager.cursor)] == list("abcde")


def _job_ids(pager: Any, *, by_page: bool) -> Iterator[str]:
    for items in (page.items for page in pager.pages()) if by_page else ((job,) for job in pager):
        yield from (job.job_id for job in items)


def test_on_malformed_that_raises_loses_no_page():
    """A resumed run returns the jobs that `pages` had not returned."""
    client = JobsClient(FakeDrs({None: {"items": [*_raw_jobs("a", "b"), {}, *_raw_jobs("c")]}}))

    def give_up(_: MalformedResponseError) -> None:
        raise KeyError

    pager = client.describe_jobs(on_malformed=give_up)
    with pytest.raises(KeyError):
        list(pager.pages())
    assert [job.job_id for job in client.describe_jobs(cursor=pager.cursor, on_malformed=lambda _: None)] == ["a", "b", "c"]


def test_pages_continue_after_on_malformed_raises():
    """Each malformed item is reported once."""
    client = JobsClient(FakeDrs({None: {"items": [*_raw_jobs("a"), {}, *_raw_jobs("b"), {}, *_raw_jobs("c")]}}))
    paths: list[str] = []

    def give_up(error: MalformedResponseError) -> None:
        paths.append(error.path)
        raise KeyError

    pages = client.describe_jobs(on_malformed=give_up).pages()
    for _ in range(2):
        with pytest.raises(KeyError):
            next(pages)
    assert [[job.job_id for job in page.items] for page in pages] == [["a", "b", "c"]]
    assert paths == ["$.items[1].jobID", "$.items[3].jobID"]


def test_fewer_malformed_jobs_hide_no_good_job():
    """The position was after two malformed jobs, and one of them was removed."""
    fake = FakeDrs({None: {"items": [*_raw_jobs("a"), {}, {}, *_raw_jobs("b")]}})
    client = JobsClient(fake)
    iterator = iter(client.describe_jobs())
    assert _run(iterator, 3) == ["a", "malformed", "malformed"]
    fake.pages[None] = {"items": [*_raw_jobs("a"), {}, *_raw_jobs("b")]}
    assert _run(iter(client.describe_jobs(cursor=iterator.cursor)), 5) == ["b"]


def _items(pager: Pager[Job], got: list[str]) -> None:
    """Iterate over jobs, and continue after each malformed one."""
    iterator = iter(pager)
    while True:
        try:
            got.append(next(iterator).job_id)
        except MalformedResponseError:
            got.append("malformed")
        except StopIteration:
            return


def _pages(pager: Pager[Job], got: list[str]) -> None:
    """Iterate over pages, and continue after each malformed job."""
    iterator = pager.pages()
    while True:
        try:
            got.extend(job.job_id for job in next(iterator).items)
        except MalformedResponseError:
            got.append("malformed")
        except StopIteration:
            return


SIGNALS = int(os.environ.get("DRS_JOBS_SIGNALS", "300"))
"""The number of signals in each of the following tests."""


@pytest.mark.synchronous  # asyncio.run turns Ctrl-C into a cancellation
@pytest.mark.parametrize("from_cursor", [False, True])
@pytest.mark.parametrize("consume", interruptions.CONSUMERS)
def test_signals_lose_no_job(consume: interruptions.Consume, from_cursor: Any):
    """Real ones. Their handler raises an exception. The loop continues with the same iterator, or from its cursor."""
    tally = interruptions.interrupt(consume, SIGNALS, from_cursor=from_cursor)
    assert tally["caught"] == tally["signals"] >= SIGNALS
    assert (tally["lost"], tally["repeated"], tally["unfinished calls"]) == (0, 0, 0)


def test_pages_and_next_mixed_skip_no_job():
    """A malformed job is raised once, by either of the two."""
    page = {"items": [*_raw_jobs("a"), {}, *_raw_jobs("b")]}
    iterator = iter(JobsClient(FakeDrs({None: page})).describe_jobs())
    pages = iterator.pages()
    assert [job.job_id for job in next(pages).items] == ["a"]
    with pytest.raises(MalformedResponseError):
        next(iterator)
    assert [job.job_id for job in next(pages).items] == ["b"]
    assert list(pages) == list(iterator) == []


@given(
    items=st.lists(malformed | st.sampled_from(_raw_jobs(*"abcd")), max_size=6), by_page=st.lists(st.booleans(), max_size=12)
)
def test_any_mix_of_pages_and_next_keeps_the_order(items: list[Any], by_page: list[bool]):
    half = len(items) // 2
    fake = FakeDrs({None: {"items": items[:half], "nextToken": "t"}, "t": {"items": items[half:]}})
    client = JobsClient(fake)
    iterator, got = iter(client.describe_jobs()), list[str]()
    pages = iterator.pages()
    for use_pages in [*by_page, *[False] * (len(items) + 1)]:
        try:
            got += [job.job_id for job in next(pages).items] if use_pages else [next(iterator).job_id]
        except MalformedResponseError:
            got.append("malformed")
        except StopIteration:
            break
    assert got == _run(iter(client.describe_jobs()), len(items) + 1)


@pytest.mark.parametrize("consume", [_items, _pages, lambda pager, _: pager.first(), lambda pager, _: pager.collect()])
def test_stop_iteration_from_a_client_is_a_runtime_error(consume: Any):
    """As from a mock whose side_effect has no more values (PEP 479)."""
    fake = Mock(spec=["describe_jobs"])
    fake.describe_jobs.side_effect = iter([{"items": [], "nextToken": "t"}])
    with pytest.raises(RuntimeError, match="raised StopIteration"):
        consume(JobsClient(fake).describe_jobs(), [])


@pytest.mark.parametrize("consume", [_items, _pages])
def test_stop_iteration_from_on_malformed(consume: Any):
    """It becomes a RuntimeError, and the cursor continues with the next job."""
    client = JobsClient(FakeDrs({None: {"items": [{}, *_raw_jobs("a")]}}))
    pager = client.describe_jobs(on_malformed=Mock(side_effect=[]))
    with pytest.raises(RuntimeError, match="raised StopIteration"):
        consume(pager, [])
    assert [job.job_id for job in client.describe_jobs(cursor=pager.cursor, on_malformed=lambda _: None)] == ["a"]


def test_failed_collect_keeps_the_cursor_at_its_start():
    """Also `first`, and also in a resumed run."""
    pages: dict[str | None, Any] = {
        None: {"items": _raw_jobs("a", "b"), "nextToken": "t"},
        "t": {"items": [], "nextToken": "u"},
    }
    client = JobsClient(FakeDrs(pages))
    iterator = iter(client.describe_jobs())
    next(iterator), next(iterator)
    whole, resumed, resumed_first = (client.describe_jobs(cursor=cursor) for cursor in (None, *[iterator.cursor] * 2))
    for consume in (whole.collect, resumed.collect, resumed_first.first):
        with pytest.raises(KeyError):
            consume()
    pages["u"] = {"items": _raw_jobs("c")}
    for pager, expected in ((whole, "abc"), (resumed, "c"), (resumed_first, "c")):
        assert [job.job_id for job in client.describe_jobs(cursor=pager.cursor)] == list(expected)
    assert whole.collect() == (*client.describe_jobs(),)
    assert list(client.describe_jobs(cursor=whole.cursor)) == []


def test_cursor_belongs_to_its_region_and_endpoint(local_drs: LocalDrs):
    """Also a finished cursor: in another region it would return no jobs."""
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


def test_pages_with_on_malformed_are_whole():
    """A bad job does not split its page."""
    page = {"items": [*_raw_jobs("a"), {}, *_raw_jobs("b")]}
    [only] = JobsClient(FakeDrs({None: page})).describe_jobs(on_malformed=lambda _: None).pages()
    assert [job.job_id for job in only.items] == ["a", "b"]


def test_pages_skip_a_page_that_next_finished():
    """Its items were handed out, so there is no empty page for it. A page that was empty in the response is one."""
    fake = FakeDrs(
        {None: {"items": _raw_jobs("a"), "nextToken": "t"}, "t": {"items": [], "nextToken": "u"}, "u": {"items": []}}
    )
    iterator = iter(JobsClient(fake).describe_jobs())
    next(iterator)
    assert [page.next_token for page in iterator.pages()] == ["u", None]


def test_items_in_a_notebook():
    """A table of jobs; one line for each other item, up to a limit."""
    jobs = JobsClient(FakeDrs({None: {"items": _raw_jobs("job-a", "job-b")}})).describe_jobs().collect()
    assert "2 jobs" in jobs._repr_html_()
    for count, more in ((MAX_ROWS, 0), (MAX_ROWS + 2, 2)):
        shown = Items(f"line {number}" for number in range(count))._repr_html_()
        assert (shown.count("<pre>"), f"and {more} more" in shown) == (MAX_ROWS, more > 0)
        assert ("more" in shown) is (more > 0)


@pytest.mark.parametrize(
    ("fault", "error_class"),
    [
        (DropConnection(), ConnectionClosedError),
        # Older versions of botocore check the length of a body. With newer ones, half a body is a malformed body.
        (DropConnection(in_body=True), (ConnectionClosedError, MalformedResponseError)),
    ],
)
def test_broken_connection_loses_no_job(fault: Fault, error_class: Any, client: JobsClient, local_drs: LocalDrs):
    """The error is botocore's. The same iterator continues after it."""
    local_drs.page_sizes = (25,)
    jobs = [make_job() for _ in range(30)]
    local_drs.add_jobs(*jobs)
    iterator = iter(client.describe_jobs())
    got = [next(iterator) for _ in range(25)]
    local_drs.inject(fault)
    with pytest.raises(error_class):
        next(iterator)
    got += iterator
    assert sorted(jobs, key=lambda job: job.job_id) == sorted(got, key=lambda job: job.job_id)


@pytest.mark.synchronous
def test_error_of_a_callback_keeps_its_cursor():
    """It is of another query, or after the malformed job: a run that resumes there ends."""
    items = [{"jobID": "a"}, {"jobID": "b", "status": 5}, {"jobID": "c"}]
    drs = FakeDrs({None: {"items": items}})
    drs.describe_job_log_items = lambda **_: {"items": [7]}
    client = JobsClient(drs)
    with pytest.raises(MalformedResponseError) as of_the_log:
        list(client.describe_jobs(on_malformed=lambda _: list(client.describe_job_log_items("b"))))
    assert list(client.describe_job_log_items("b", cursor=of_the_log.value.cursor)) == []

    def give_up(error: MalformedResponseError) -> None:
        raise error

    with pytest.raises(MalformedResponseError) as of_the_job:
        list(client.describe_jobs(on_malformed=give_up).pages())
    rest = client.describe_jobs(cursor=of_the_job.value.cursor, on_malformed=give_up)
    assert [job.job_id for job in rest] == ["c"]
