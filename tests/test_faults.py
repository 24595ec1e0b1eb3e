"""Faults: whatever goes wrong with whichever answer, no job is lost, and nobody takes a part for the whole."""

from typing import Any
from unittest import mock

import pytest
from botocore.config import Config

import fault_schedules
from drs_jobs import Job, JobsClient, MalformedResponseError, testing
from drs_jobs._client import use_clock
from drs_jobs.testing import Fault, LocalDrs, make_job
from fault_schedules import ERRORS, FAULTS, HARMLESS, Fine
from simulated_time import SimulatedTime

SCHEDULES = 1_000
PER_TEST = 100


def test_every_fault_is_in_the_schedules():
    """A fault that LocalDrs learns later has to be tried too."""
    known = {getattr(testing, name) for name in testing.__all__} - {Fault}
    assert {cls for cls in known if isinstance(cls, type) and issubclass(cls, Fault)} <= {type(f) for f in FAULTS.values()}


@pytest.mark.parametrize("by_page", [False, True])
@pytest.mark.parametrize("spoiled", range(3), ids=["first", "middle", "last"])
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_on_any_page_is_an_error_that_resumes(name, spoiled, by_page, client: JobsClient, local_drs: LocalDrs):
    """What came before the fault stays, the error is typed, and its cursor leads to exactly the rest."""
    jobs = [make_job() for _ in range(6)][::-1]
    local_drs.add_jobs(*jobs)
    local_drs.page_sizes = (2,)
    local_drs.inject(Fine(), times=spoiled)
    local_drs.inject(FAULTS[name])
    pager = client.describe_jobs()
    got: list[Job] = []
    try:
        for some in (page.items for page in pager.pages()) if by_page else ((job,) for job in pager):
            got += some
    except ERRORS as error:
        assert name not in HARMLESS
        assert jobs[: 2 * spoiled] == got
        assert pager.cursor is not None
        assert not isinstance(error, MalformedResponseError) or error.cursor == pager.cursor
        got += client.describe_jobs(cursor=pager.cursor)
    else:
        assert name in HARMLESS
    assert jobs == got


@pytest.mark.parametrize("attempts", [1, 3])
@pytest.mark.parametrize("spoiled", range(3), ids=["first", "middle", "last"])
@pytest.mark.parametrize("name", FAULTS)
def test_a_fault_on_any_poll_is_survived_or_told(name, spoiled, attempts, local_drs: LocalDrs):
    """A watch goes on over trouble that may pass; other trouble it tells at once, and a second watch sees the end."""
    client = JobsClient(local_drs.client(config=Config(retries={"total_max_attempts": attempts})))
    time = SimulatedTime()
    use_clock(client, clock=time.clock())
    job = make_job(status="STARTED")
    done = make_job(job_id=job.job_id, creation_date_time=job.creation_date_time)
    local_drs.add_jobs(job)
    time.at(15, lambda: local_drs.add_jobs(done))
    local_drs.inject(Fine(), times=spoiled)
    local_drs.inject(FAULTS[name])
    with mock.patch("time.sleep"):  # botocore's, between its attempts
        try:
            assert done == client.wait(job, timeout=None)
        except ERRORS as error:
            assert name in {"access denied", "expired", "not set up", "HTML with 403"}, error
            assert done == client.wait(job, timeout=None)


@pytest.mark.parametrize("start", range(0, SCHEDULES, PER_TEST))
def test_no_schedule_of_faults_loses_or_repeats_a_job(start: int, caplog: Any):
    """Seeded runs, resumed after each error, broken off at will, over pages and watches; caplog keeps the warnings quiet."""
    tally = fault_schedules.run(range(start, start + PER_TEST))
    assert (tally.schedules, tally.lost, tally.repeated) == (PER_TEST, 0, 0)
    # If nothing went wrong, nothing was shown.
    assert len(tally.errors) > 3
