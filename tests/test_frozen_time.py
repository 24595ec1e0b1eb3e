"""LocalDrs under freezegun and time-machine: made before the time of a test is replaced, and while it is."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import freezegun
import pytest
import time_machine

from drs_jobs import JobsClient, Outcome
from drs_jobs.testing import LocalDrs, make_history

# freezegun reads each attribute of each module. pydantic would load modules then, and keep the frozen types in them.
freezegun.configure(extend_ignore_list=["pydantic"])

NOON = datetime(2012, 1, 14, 12, tzinfo=UTC)
SERVER = "s-00000000000000001"
MINUTE = timedelta(minutes=1)
LIBRARIES: dict[str, Callable[[], AbstractContextManager[Any]]] = {
    "freezegun": lambda: freezegun.freeze_time(NOON),
    "freezegun, ticking": lambda: freezegun.freeze_time(NOON, tick=True),
    "freezegun, from 1970": lambda: freezegun.freeze_time("1970-01-02"),
    "time-machine": lambda: time_machine.travel(NOON, tick=False),
    "time-machine, ticking": lambda: time_machine.travel(NOON),
}


@pytest.fixture(params=LIBRARIES)
def replaced(request: pytest.FixtureRequest) -> Callable[[], AbstractContextManager[Any]]:
    """Replaces the time."""
    return LIBRARIES[request.param]


def drill(local: LocalDrs, server: str = SERVER) -> tuple[datetime, datetime]:
    """Start a drill and wait for its end. Return its dates."""
    boto_client = local.client()
    started = boto_client.start_recovery(isDrill=True, sourceServers=[{"sourceServerID": server}])["job"]
    client = JobsClient(boto_client)
    job = client.wait(started, timeout=60, poll_interval=0.02)
    assert job.outcome is Outcome.SUCCEEDED
    assert timedelta(minutes=8) < job.duration < timedelta(minutes=10)
    assert len(client.describe_job_log_items(job.job_id).collect()) == 8
    assert job in client.describe_jobs(from_date=job.creation_date_time, to_date=job.creation_date_time)
    return job.creation_date_time, job.end_date_time


def test_made_before(replaced: Callable[[], AbstractContextManager[Any]]):
    """Its dates go on from the wall clock of its start, whatever the test then sees."""
    with LocalDrs(speed=3000) as local:
        before = local.now
        with replaced():
            created_at, ended_at = drill(local)
        assert before <= created_at < ended_at <= local.now
        assert local.now - before < timedelta(days=3)


def test_made_inside(replaced: Callable[[], AbstractContextManager[Any]]):
    """Its dates go on from the time that the test sees at its start, also after the time of the test is real again."""
    with replaced():
        start = datetime.now(UTC)
        local = LocalDrs(speed=3000).start()
        created_at, ended_at = drill(local)
    with local:
        assert start - MINUTE <= created_at < ended_at <= local.now < start + timedelta(days=3)
        assert start <= drill(local, SERVER[:-1] + "2")[0] < start + timedelta(days=3)


def test_time_that_stands(replaced: Callable[[], AbstractContextManager[Any]]):
    """With speed=0, only `advance` changes it, whatever the test does to its clock."""
    with LocalDrs(speed=0) as local:
        start = local.now
        with replaced():
            assert local.now == start
            local.advance(3600)
        assert local.now == start + timedelta(hours=1)


def test_moved_while_it_runs():
    """A test that moves its own time does not move that of LocalDrs."""
    with freezegun.freeze_time(NOON) as frozen, LocalDrs() as local:
        frozen.move_to("2031-01-01")
        assert NOON <= local.now < NOON + MINUTE
    with time_machine.travel(NOON, tick=False) as traveller, LocalDrs() as local:
        traveller.move_to(datetime(2031, 1, 1, tzinfo=UTC))
        assert NOON <= local.now < NOON + MINUTE


def test_real_time_passes(replaced: Callable[[], AbstractContextManager[Any]]):
    with replaced(), LocalDrs(speed=1000) as local:
        before = local.now
        deadline = time.clock_gettime(time.CLOCK_MONOTONIC) + 10
        while local.now - before < MINUTE:
            assert time.clock_gettime(time.CLOCK_MONOTONIC) < deadline


WINDOWS = """
import time
del time.clock_gettime
import freezegun
from drs_jobs._time import machine_time, machine_timestamp
from drs_jobs.testing import LocalDrs
with LocalDrs() as local:
    before, times = local.now, (machine_time(), machine_timestamp())
    with freezegun.freeze_time("2012-01-14"):
        assert 0 <= (local.now - before).total_seconds() < 60
        assert [0 <= now - then < 60 for now, then in zip((machine_time(), machine_timestamp()), times)] == [True] * 2
"""


def test_without_clock_gettime():
    """As on Windows."""
    subprocess.run([sys.executable, "-c", WINDOWS], check=True)


@pytest.fixture
def local_made_first(local_drs: LocalDrs) -> Iterator[LocalDrs]:
    with freezegun.freeze_time(NOON):
        yield local_drs


def test_fixture_before(local_made_first: LocalDrs):
    """The fixture of pytest is made first, as a decorator of a test does it."""
    job = local_made_first.client().start_recovery(sourceServers=[{"sourceServerID": SERVER}])["job"]
    assert datetime.now(UTC) == NOON
    assert abs(local_made_first.now - datetime.fromisoformat(job["creationDateTime"])) < MINUTE


@freezegun.freeze_time(NOON)
def test_decorator_of_freezegun(local_drs: LocalDrs):
    job = local_drs.client().start_recovery(sourceServers=[{"sourceServerID": SERVER}])["job"]
    assert abs(local_drs.now - datetime.fromisoformat(job["creationDateTime"])) < MINUTE


@time_machine.travel(NOON)
def test_decorator_of_time_machine(local_drs: LocalDrs):
    job = local_drs.client().start_recovery(sourceServers=[{"sourceServerID": SERVER}])["job"]
    assert abs(local_drs.now - datetime.fromisoformat(job["creationDateTime"])) < MINUTE


@pytest.fixture
def frozen() -> Iterator[None]:
    with freezegun.freeze_time(NOON):
        yield


def test_fixture_inside(frozen: None, local_drs: LocalDrs):
    """A history that ends now is found by a caller who filters by the frozen time."""
    local_drs.add_history(make_history(12, until=local_drs.now, logs=True))
    client = JobsClient(region_name="eu-west-1")
    assert len(client.describe_jobs(to_date=datetime.now(UTC)).collect()) == 12
    [running] = [job for job in client.describe_jobs() if not job.is_complete]
    assert timedelta(0) < running.elapsed(datetime.now(UTC)) < timedelta(minutes=10)
