"""Seeded schedules of faults: which response of a run has which fault, and which jobs the run lost or repeated.

A run that resumes from its cursor, or waits again, after each error returns every job exactly once.
"""

import itertools
import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from unittest import mock

import attrs
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from drs_jobs import DrsJobsError, Job, JobsClient, MalformedResponseError, Pager, WaitTimeoutError
from drs_jobs.testing import (
    CutOff,
    DropConnection,
    ErrorResponse,
    Fault,
    HtmlPage,
    LocalDrs,
    RawResponse,
    ServerError,
    Slow,
    Throttle,
    make_job,
)
from drs_jobs.testing.faults import HttpResponse
from simulated_time import SimulatedTime

LATER = "Wed, 21 Oct 2026 07:28:00 GMT"


class NoFault(Fault):
    """A response without a fault."""

    def apply(self, respond: Callable[[], HttpResponse]) -> HttpResponse:
        return respond()


class DropAfterBody(Fault):
    """The connection breaks after the whole response was sent, which has no effect on the client."""

    def apply(self, respond: Callable[[], HttpResponse]) -> HttpResponse:
        http_response = respond()
        return attrs.evolve(http_response, cut_connection_after=len(http_response.body))


FAULTS: dict[str, Fault] = {
    "throttled": Throttle(),
    "throttled for seconds": Throttle(2),
    "throttled until a date": Throttle(LATER),
    "a 500": ServerError(),
    "a 500 until a date": ServerError(LATER),
    "access denied": ErrorResponse("AccessDeniedException", 403),
    "expired": ErrorResponse("ExpiredTokenException", 403),
    "not initialized": ErrorResponse("UninitializedAccountException"),
    "dropped before the response": DropConnection(),
    "dropped within the body": DropConnection(in_body=True),
    "dropped after the body": DropAfterBody(),
    "cut off at once": CutOff(0),
    "cut off early": CutOff(0.1),
    "cut off in the middle": CutOff(),
    "cut off late": CutOff(0.99),
    "HTML": HtmlPage(),
    "HTML with 403": HtmlPage(403),
    "HTML with 503": HtmlPage(503),
    "HTML in Latin-1 with 502": RawResponse(b"<h1>\xe9</h1>", 502),
    "a list with 500": RawResponse(b"[]", 500),
    "a message": RawResponse(b'{"message": "sign in"}'),
    "null": RawResponse(b"null"),
    "late": Slow(0.001),
}
HARMLESS = {"late", "dropped after the body"}
"""Faults after which the client receives the whole response."""

ERRORS = (DrsJobsError, BotoCoreError)
"""The errors that a run can raise: those of drs_jobs, and transport errors of botocore."""


@attrs.define
class Tally:
    """The results of schedules."""

    schedules: int = 0
    expected: int = 0
    """Jobs that the runs should return."""
    lost: int = 0
    """Jobs that were not returned, or not in their last state."""
    repeated: int = 0
    """Jobs that a paged run returned twice, or that a watch yielded again without a change."""
    errors: Counter[str] = attrs.field(factory=Counter[str])
    """The number of errors, by the name of the class."""

    def add(self, expected: list[Job], got: list[Job]) -> None:
        self.schedules += 1
        self.expected += len(expected)
        counts = Counter(job.job_id for job in got)
        self.lost += sum(job not in got for job in expected)
        assert counts.keys() <= {job.job_id for job in expected}
        self.repeated += sum(count - 1 for count in counts.values())


def add_account(local: LocalDrs, seed: int) -> tuple[str, str]:
    """Return an access key and its account, which no other seed has."""
    key = f"key{seed}"
    local.accounts[key] = f"{seed:012}"
    return key, local.accounts[key]


def client_of(local: LocalDrs, rng: random.Random, key: str) -> JobsClient:
    """Return a client with this access key, with or without retries."""
    config = Config(retries={"total_max_attempts": rng.choice([1, 1, 3])})
    return JobsClient(local.client(access_key_id=key, config=config))


def inject(local: LocalDrs, rng: random.Random, responses: int) -> None:
    """Inject faults into some of the next responses."""
    rate = rng.choice([0.1, 0.3, 0.6])
    for _ in range(responses):
        local.inject(FAULTS[rng.choice(list(FAULTS))] if rng.random() < rate else NoFault())


def paged_run(local: LocalDrs, seed: int, tally: Tally) -> None:
    """Iterate over jobs in pages. Resume after each error, and sometimes after a break without an error."""
    rng = random.Random(f"paged {seed}")
    key, account_id = add_account(local, seed)
    newest = datetime(2024, 6, 15, tzinfo=UTC)
    history = [make_job(creation_date_time=newest - timedelta(hours=n)) for n in range(rng.randrange(8))]
    local.add_jobs(*history, account_id=account_id)
    local.page_sizes = (*(rng.randrange(4) for _ in range(rng.randrange(4))), rng.randrange(1, 4))
    client = client_of(local, rng, key)
    inject(local, rng, 10)
    got: list[Job] = []
    cursor: str | None = None
    is_over = False
    while not is_over:
        pager = client.describe_jobs(cursor=cursor)
        try:
            for jobs in _parts(pager, rng):
                got += jobs
                if rng.random() < 0.05:
                    break
            else:
                is_over = True
        except ERRORS as error:
            tally.errors[type(error).__name__] += 1
            cursor = error.cursor if isinstance(error, MalformedResponseError) else pager.cursor
            assert cursor == pager.cursor
        cursor = pager.cursor
    local.clear_faults()
    tally.add(history, got)


def _parts(pager: Pager[Job], rng: random.Random) -> Iterator[tuple[Job, ...]]:
    return (page.items for page in pager.pages()) if rng.random() < 0.5 else ((job,) for job in pager)


def watched_run(local: LocalDrs, seed: int, tally: Tally) -> None:
    """Watch jobs that appear, change and end. Watch again after each error."""
    rng = random.Random(f"watched {seed}")
    key, account_id = add_account(local, seed)
    time = SimulatedTime()
    ended: list[Job] = []
    for _ in range(rng.randrange(1, 4)):
        pending = make_job(status="PENDING")
        started = make_job(job_id=pending.job_id, creation_date_time=pending.creation_date_time, status="STARTED")
        done = make_job(job_id=pending.job_id, creation_date_time=pending.creation_date_time)
        appears = rng.choice([0, 0, rng.uniform(0, 40)])
        for second, job in ((appears, pending), (appears + rng.uniform(0, 60), started), (appears + 60 + rng.random(), done)):
            time.at(second, lambda job=job: local.add_jobs(job, account_id=account_id))
        ended.append(done)
    time.sleep(0)
    client = client_of(local, rng, key)
    client._clock = time.clock(rng.random)
    local.page_sizes = (*(rng.randrange(3) for _ in range(rng.randrange(2))), rng.randrange(1, 4))
    inject(local, rng, 12)
    is_over = False
    while not is_over:
        seen: dict[str, Job] = {}
        try:
            for job in client.watch([job.job_id for job in ended], timeout=rng.choice([None, 0, rng.uniform(0, 200)])):
                tally.repeated += seen.get(job.job_id) == job
                seen[job.job_id] = job
            is_over = True
        except ERRORS as error:
            tally.errors[type(error).__name__] += 1
            if isinstance(error, WaitTimeoutError):
                assert seen == {job.job_id: job for job in error.jobs}
            time.sleep(1)
    local.clear_faults()
    tally.add(ended, list(seen.values()))


def run(seeds: Iterable[int]) -> Tally:
    """Run paged runs and watched runs in turn, and return their results."""
    tally = Tally()
    with LocalDrs() as local, mock.patch("time.sleep"):  # botocore's, between its attempts
        for seed, run_schedule in zip(seeds, itertools.cycle((paged_run, watched_run)), strict=False):
            run_schedule(local, seed, tally)
    return tally
