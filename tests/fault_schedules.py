"""Seeded schedules of faults: what goes wrong with which answer of a run, and what became of the run's jobs.

Whatever goes wrong, whoever goes on from the cursor, or waits again, ends with every job exactly once.
"""

import random
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime, timedelta
from unittest import mock

import attrs
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from drs_jobs import DrsJobsError, Job, JobsClient, MalformedResponseError, Pager, WaitTimeoutError
from drs_jobs._client import use_clock
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


class Fine(Fault):
    """Nothing goes wrong."""

    def apply(self, answer: Callable[[], HttpResponse]) -> HttpResponse:
        return answer()


class DropAfterBody(Fault):
    """The connection breaks once the whole answer is through, which is early enough for nobody to notice."""

    def apply(self, answer: Callable[[], HttpResponse]) -> HttpResponse:
        http_response = answer()
        return attrs.evolve(http_response, cut_connection_after=len(http_response.body))


FAULTS: dict[str, Fault] = {
    "throttled": Throttle(),
    "throttled for seconds": Throttle(2),
    "throttled until a date": Throttle(LATER),
    "a 500": ServerError(),
    "a 500 until a date": ServerError(LATER),
    "access denied": ErrorResponse("AccessDeniedException", 403),
    "expired": ErrorResponse("ExpiredTokenException", 403),
    "not set up": ErrorResponse("UninitializedAccountException"),
    "dropped before the answer": DropConnection(),
    "dropped in mid-body": DropConnection(in_body=True),
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
"""Faults after which the answer is there all the same."""

ERRORS = (DrsJobsError, BotoCoreError)
"""What may come instead of jobs: our own errors, and botocore's of transport. Nothing else may."""


@attrs.define
class Tally:
    """What became of some schedules."""

    schedules: int = 0
    expected: int = 0
    """Jobs that the runs should have given."""
    lost: int = 0
    """Jobs that no run gave, or not as they were in the end."""
    repeated: int = 0
    """Jobs that one run gave twice, or a watch without news of them."""
    errors: Counter[str] = attrs.field(factory=Counter[str])
    """How often each error was seen, by the name of its class."""

    def add(self, expected: list[Job], got: list[Job]) -> None:
        self.schedules += 1
        self.expected += len(expected)
        counts = Counter(job.job_id for job in got)
        self.lost += sum(job not in got for job in expected)
        assert counts.keys() <= {job.job_id for job in expected}
        self.repeated += sum(count - 1 for count in counts.values())


def client_of(local: LocalDrs, dice: random.Random, key: str) -> JobsClient:
    """A client with an account of its own, which retries or does not."""
    config = Config(retries={"total_max_attempts": dice.choice([1, 1, 3])})
    return JobsClient(local.client(access_key_id=key, config=config))


def inject(local: LocalDrs, dice: random.Random, answers: int) -> None:
    """Spoil some of the next answers."""
    rate = dice.choice([0.1, 0.3, 0.6])
    for _ in range(answers):
        local.inject(FAULTS[dice.choice(list(FAULTS))] if dice.random() < rate else Fine())


def paged_run(local: LocalDrs, seed: int, tally: Tally) -> None:
    """One run over a history in pages, resumed after every error, and now and then broken off for no reason."""
    dice = random.Random(f"paged {seed}")
    key = f"paged{seed}"
    newest = datetime(2024, 6, 15, tzinfo=UTC)
    history = [make_job(creation_date_time=newest - timedelta(hours=n)) for n in range(dice.randrange(8))]
    local.add_jobs(*history, access_key_id=key)
    local.page_sizes = (*(dice.randrange(4) for _ in range(dice.randrange(4))), dice.randrange(1, 4))
    client = client_of(local, dice, key)
    inject(local, dice, 10)
    got: list[Job] = []
    cursor: str | None = None
    is_over = False
    while not is_over:
        pager = client.describe_jobs(cursor=cursor)
        try:
            for jobs in _steps(pager, dice):
                got += jobs
                if dice.random() < 0.05:
                    break
            else:
                is_over = True
        except ERRORS as error:
            tally.errors[type(error).__name__] += 1
            told = error.cursor if isinstance(error, MalformedResponseError) else pager.cursor
            assert told == pager.cursor
        cursor = pager.cursor
    local.clear_faults()
    tally.add(history, got)


def _steps(pager: Pager[Job], dice: random.Random) -> Iterator[tuple[Job, ...]]:
    return (page.items for page in pager.pages()) if dice.random() < 0.5 else ((job,) for job in pager)


def watched_run(local: LocalDrs, seed: int, tally: Tally) -> None:
    """Jobs that appear, change and end while somebody watches, who watches again after every error."""
    dice = random.Random(f"watched {seed}")
    key = f"watched{seed}"
    time = SimulatedTime()
    ended: list[Job] = []
    for _ in range(dice.randrange(1, 4)):
        pending = make_job(status="PENDING")
        started = make_job(job_id=pending.job_id, creation_date_time=pending.creation_date_time, status="STARTED")
        done = make_job(job_id=pending.job_id, creation_date_time=pending.creation_date_time)
        appears = dice.choice([0, 0, dice.uniform(0, 40)])
        for second, job in ((appears, pending), (appears + dice.uniform(0, 60), started), (appears + 60 + dice.random(), done)):
            time.at(second, lambda job=job: local.add_jobs(job, access_key_id=key))
        ended.append(done)
    time.sleep(0)
    client = client_of(local, dice, key)
    use_clock(client, clock=time.clock(dice.random))
    local.page_sizes = (*(dice.randrange(3) for _ in range(dice.randrange(2))), dice.randrange(1, 4))
    inject(local, dice, 12)
    is_over = False
    while not is_over:
        seen: dict[str, Job] = {}
        try:
            for job in client.watch([job.job_id for job in ended], timeout=dice.choice([None, 0, dice.uniform(0, 200)])):
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
    """A paged run for every even seed, a watched one for every odd one."""
    tally = Tally()
    with LocalDrs() as local, mock.patch("time.sleep"):  # botocore's, between its attempts
        for seed in seeds:
            (watched_run if seed % 2 else paged_run)(local, seed, tally)
    return tally
