"""Faults: any fault in any response is a typed error or is retried, and no job is lost or repeated."""

from collections.abc import Callable
from typing import Any
from unittest import mock

import pytest
from botocore.config import Config

import fault_schedules
from drs_jobs import Job, JobsClient, MalformedResponseError, testing
from drs_jobs.testing import CutOff, Fault, LocalDrs, Slow, make_job
from fault_schedules import ERRORS, FAULTS, HARMLESS, NoFault
from simulated_time import SimulatedTime

SCHEDULES = 100
PER_TEST = 50


def test_schedules_have_every_fault():
    """Faults that LocalDrs gets later have to be added."""
    public = {getattr(testing, name) for name in testing.__all__} - {Fault}
    assert {cls for cls in public if isinstance(cls, type) and issubclass(cls, Fault)} <= {type(f) for f in FAULTS.values()}


@pytest.mark.parametrize("by_page", [False, True])
@pytest.mark.parametrize("position", range(3), ids=["first", "middle", "last"])
@pytest.mark.parametrize("name", FAULTS)
def test_run_resumes_after_a_fault_on_any_page(name, position, by_page, client: JobsClient, local_drs: LocalDrs):
    """The jobs before the fault were returned, and the cursor continues with the next job."""
    jobs = [make_job() for _ in range(6)][::-1]
    local_drs.add_jobs(*jobs)
    local_drs.page_sizes = (2,)
    local_drs.inject(NoFault(), times=position)
    local_drs.inject(FAULTS[name])
    pager = client.describe_jobs()
    got: list[Job] = []
    try:
        for jobs_of_page in (page.items for page in pager.pages()) if by_page else ((job,) for job in pager):
            got += jobs_of_page
    except ERRORS as error:
        assert name not in HARMLESS
        assert jobs[: 2 * position] == got
        assert pager.cursor is not None
        assert not isinstance(error, MalformedResponseError) or error.cursor == pager.cursor
        got += client.describe_jobs(cursor=pager.cursor)
    else:
        assert name in HARMLESS
    assert jobs == got


@pytest.mark.parametrize("attempts", [1, 3])
@pytest.mark.parametrize("position", range(3), ids=["first", "middle", "last"])
@pytest.mark.parametrize("name", FAULTS)
def test_wait_with_a_fault_in_any_poll(name, position, attempts, local_drs: LocalDrs):
    """A transient error is retried. Another error is raised at once, and a second wait succeeds."""
    client = JobsClient(local_drs.client(config=Config(retries={"total_max_attempts": attempts})))
    time = SimulatedTime()
    client._clock = time.clock()
    job = make_job(status="STARTED")
    done = make_job(job_id=job.job_id, creation_date_time=job.creation_date_time)
    local_drs.add_jobs(job)
    time.at(15, lambda: local_drs.add_jobs(done))
    local_drs.inject(NoFault(), times=position)
    local_drs.inject(FAULTS[name])
    with mock.patch("time.sleep"):  # botocore's, between its attempts
        try:
            assert done == client.wait(job, timeout=None)
        except ERRORS as error:
            assert name in {"access denied", "expired", "not initialized", "HTML with 403"}, error
            assert done == client.wait(job, timeout=None)


@pytest.mark.parametrize("start", range(0, SCHEDULES, PER_TEST))
def test_no_schedule_loses_or_repeats_a_job(start: int, caplog: Any):
    """Seeded runs over pages and polls, resumed after each error. caplog captures the warnings."""
    tally = fault_schedules.run(range(start, start + PER_TEST))
    assert (tally.schedules, tally.lost, tally.repeated) == (PER_TEST, 0, 0)
    # Schedules without errors would show nothing.
    assert len(tally.errors) > 3


@pytest.mark.parametrize(
    ("make_fault", "error"),
    [
        (lambda: CutOff(2), ValueError),
        (lambda: CutOff(-1), ValueError),
        (lambda: CutOff(float("nan")), ValueError),
        (lambda: Slow(-1), ValueError),
        (lambda: Slow("x"), TypeError),
    ],
)
def test_invalid_fault(make_fault: Callable[[], object], error: type[Exception]):
    with pytest.raises(error):
        make_fault()
