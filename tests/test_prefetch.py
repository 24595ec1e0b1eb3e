"""`prefetch=True` changes nothing but the time: items, cursors, errors and requests are those without it."""

import contextvars
import gc
import os
import random
import threading
from collections.abc import Iterator, Mapping
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import interruptions
from drs_jobs import DrsJobsError, Job, JobsClient, MalformedResponseError, PagerIterator
from drs_jobs.testing import HtmlPage, LocalDrs, make_job


class Script:
    """A fake client with pages, of which some requests fail at first. It records the tokens that are requested."""

    def __init__(self, pages: list[list[str]], failures: list[str], last_token: str | None) -> None:
        self.requests: list[str | None] = []
        self._pages = pages
        self._failures = failures.copy()
        self._last_token = last_token

    def describe_jobs(self, **request: Any) -> Mapping[str, Any]:
        """Return a page, or raise one of the failures that are left for its token."""
        token = request.get("nextToken")
        self.requests.append(token)
        if f"{token}" in self._failures:
            self._failures.remove(f"{token}")
            raise OSError(f"no response for {token}")
        number = int(token or "0")
        is_last = number + 1 == len(self._pages)
        following = self._last_token if is_last else f"{number + 1}"
        items = [{"jobID": job_id} if job_id != "malformed" else {} for job_id in self._pages[number]]
        return {"items": items, **({} if following is None else {"nextToken": following})}


def threads() -> list[threading.Thread]:
    # `enumerate` also returns a thread whose start was interrupted.
    return [thread for thread in threading.enumerate() if thread.name == "drs_jobs.prefetch" and thread.is_alive()]


@pytest.fixture(autouse=True)
def no_thread_is_left() -> Iterator[None]:
    """Check that no thread outlives its iterator."""
    yield
    gc.collect()
    assert threads() == []


def observe(run: PagerIterator[Job], by_page: list[bool]) -> list[object]:
    """Return what a caller sees who calls `next` on jobs and pages, and goes on after each error."""
    pages, seen = run.pages(), list[object]()
    for is_page in by_page:
        try:
            one = next(pages) if is_page else next(run)
            seen.append(one if isinstance(one, Job) else (one.items, one.cursor, one.next_token))
        except StopIteration:
            seen.append("end")
        except (DrsJobsError, OSError) as error:
            seen.append((repr(error), getattr(error, "cursor", None)))
        seen.append(run.cursor)
    return seen


def script(rng: random.Random) -> Script:
    names = iter(f"job-{number}" for number in range(100))
    pages = [
        [rng.choice([next(names), next(names), "malformed"]) for _ in range(rng.choice([0, 1, 2, 5]))]
        for _ in range(rng.randrange(1, 6))
    ]
    tokens = ["None", *map(str, range(1, len(pages)))]
    failures = [token for token in tokens for _ in range(rng.choice([0, 0, 0, 1, 2]))]
    return Script(pages, failures, rng.choice([None, None, "1" if len(pages) > 1 else None]))


@settings(max_examples=200)
@given(st.integers(), st.none() | st.integers(0, 12), st.booleans())
def test_same_as_without(seed: int, limit: int | None, skips: bool):  # noqa: FBT001  # hypothesis passes it by name
    """Any pages, failures, loops of tokens, limits, and mix of jobs and pages."""
    seen: list[Any] = []
    for prefetch in (False, True):
        rng = random.Random(seed)
        fake, errors = script(rng), list[str]()
        on_malformed = (lambda error, errors=errors: errors.append(str(error))) if skips else None
        pager = JobsClient(fake).describe_jobs(limit=limit, on_malformed=on_malformed, prefetch=prefetch)
        steps = observe(iter(pager), [rng.random() < 0.3 for _ in range(60)])
        seen.append((steps, errors, fake.requests))
    without, with_prefetch = seen
    assert without == with_prefetch


def test_first_makes_one_request():
    fake = Script([["a"], ["b"]], [], None)
    job = JobsClient(fake).describe_jobs(prefetch=True).first()
    assert job is not None
    assert (job.job_id, fake.requests) == ("a", [None])


@pytest.mark.parametrize(("limit", "requests"), [(0, 0), (1, 1), (3, 1), (4, 2), (6, 2), (7, 3)])
def test_limit_makes_no_request_more(limit: int, requests: int, client: JobsClient, local_drs: LocalDrs):
    local_drs.add_jobs(*(make_job() for _ in range(9)))
    local_drs.page_sizes = (3,)
    assert len(client.describe_jobs(limit=limit, prefetch=True).collect()) == limit
    assert len(local_drs.requests) == requests


def test_next_page_is_requested_during_the_work():
    """While the caller has the first job, the second page arrives."""
    requested = threading.Event()

    class Fake(Script):
        def describe_jobs(self, **request: Any) -> Mapping[str, Any]:
            if request:
                requested.set()
            return super().describe_jobs(**request)

    run = iter(JobsClient(Fake([["a"], ["b"]], [], None)).describe_jobs(prefetch=True))
    next(run)
    assert requested.wait(10)
    assert [job.job_id for job in run] == ["b"]


def test_loop_that_ends_early_waits_for_the_request():
    released, ended = threading.Event(), threading.Event()

    class Fake(Script):
        def describe_jobs(self, **request: Any) -> Mapping[str, Any]:
            if request:
                released.wait()
                ended.set()
            return super().describe_jobs(**request)

    pager = JobsClient(Fake([["a"], ["b"]], [], None)).describe_jobs(prefetch=True)
    for _ in pager:
        break
    assert len(threads()) == 1
    threading.Timer(0.01, released.set).start()
    del pager
    gc.collect()
    assert ended.is_set()
    assert threads() == []


def test_context_variables_of_the_caller():
    variable = contextvars.ContextVar("variable", default="default")
    seen: list[str] = []

    class Fake(Script):
        def describe_jobs(self, **request: Any) -> Mapping[str, Any]:
            seen.append(variable.get())
            return super().describe_jobs(**request)

    variable.set("of the caller")
    JobsClient(Fake([["a"], ["b"], ["c"]], [], None)).describe_jobs(prefetch=True).collect()
    assert seen == ["of the caller"] * 3


# An interruption can come in code whose exceptions Python ignores, such as `__del__`.
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_interrupted_at_random_times(monkeypatch: pytest.MonkeyPatch):
    """By a signal, and resumed: no job is lost or repeated."""
    describe_jobs = JobsClient.describe_jobs
    monkeypatch.setattr(JobsClient, "describe_jobs", lambda self, **query: describe_jobs(self, prefetch=True, **query))
    assert interruptions.run(interruptions.items, 50) == {"interrupted": 50, "lost": 0, "repeated": 0}
    for thread in threads():
        thread.join()


def test_no_thread_can_be_started(monkeypatch: pytest.MonkeyPatch):
    def start(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(threading.Thread, "start", start)
    jobs = JobsClient(Script([["a"], ["b"]], [], None)).describe_jobs(prefetch=True).collect()
    assert [job.job_id for job in jobs] == ["a", "b"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_run_continues_in_a_forked_process():
    """The thread of the request does not exist there."""
    released = threading.Event()

    class Fake(Script):
        def describe_jobs(self, **request: Any) -> Mapping[str, Any]:
            if request and threading.current_thread() is not threading.main_thread():
                released.wait()
            return super().describe_jobs(**request)

    run = iter(JobsClient(Fake([["a"], ["b"]], [], None)).describe_jobs(prefetch=True))
    next(run)
    if (child := os.fork()) == 0:
        os._exit(0 if [job.job_id for job in run] == ["b"] else 1)
    _, status = os.waitpid(child, 0)
    released.set()
    assert status == 0
    assert [job.job_id for job in run] == ["b"]


def test_malformed_body_is_raised_with_the_cursor_of_its_page(client: JobsClient, local_drs: LocalDrs):
    local_drs.add_jobs(make_job(), make_job())
    local_drs.page_sizes = (1,)
    run = iter(client.describe_jobs(prefetch=True))
    local_drs.inject(HtmlPage(), times=1)
    with pytest.raises(MalformedResponseError) as caught:
        next(run)
    assert caught.value.cursor == run.cursor
    assert len(list(run)) == 2
