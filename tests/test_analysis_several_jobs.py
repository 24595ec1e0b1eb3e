"""Several jobs as one: combine, active_jobs, busy_servers and usage."""

from datetime import timedelta
from typing import Any

import attrs
import pytest

from drs_jobs import Job, Outcome
from drs_jobs.analysis import Usage, active_jobs, busy_servers, combine, latest_snapshots, usage
from drs_jobs.testing import make_job, make_server
from simulated_logs import NOON


def _job(minute: int, *servers: str, status: str = "LAUNCHED", **fields: Any) -> Job:
    participants = tuple(make_server(source_server_id=server, launch_status=status) for server in servers)
    return make_job(
        creation_date_time=NOON + timedelta(minutes=minute),
        end_date_time=NOON + timedelta(minutes=minute + 20),
        participating_servers=participants,
        **fields,
    )


SUCCEEDED = _job(0, "s-a", "s-b")
FAILED = _job(5, "s-c", status="FAILED")
RUNNING = attrs.evolve(_job(7, "s-d", status="PENDING"), status="STARTED", end_date_time=None)
UNDETERMINED = _job(9, "s-e", status="PENDING")


@pytest.mark.parametrize(
    ("jobs", "outcome"),
    [
        ([SUCCEEDED], Outcome.SUCCEEDED),
        ([SUCCEEDED, UNDETERMINED], Outcome.UNDETERMINED),
        ([SUCCEEDED, UNDETERMINED, RUNNING], Outcome.RUNNING),
        ([SUCCEEDED, UNDETERMINED, RUNNING, FAILED], Outcome.FAILED),
    ],
)
def test_combined_outcome(jobs: list[Job], outcome: Outcome):
    assert combine(iter(jobs)).outcome == combine(jobs[::-1]).outcome == outcome


def test_combined_times_and_servers():
    combined = combine([FAILED, SUCCEEDED, _job(2, "s-a", "s-f")])
    assert combined.created_at == NOON
    assert combined.ended_at == NOON + timedelta(minutes=25)
    assert combined.duration == timedelta(minutes=25)
    assert combined.server_count == 4
    assert combined.failed_servers == FAILED.participating_servers


def test_combined_times_are_not_made_up():
    running = combine([SUCCEEDED, RUNNING])
    assert (running.created_at, running.ended_at, running.duration) == (NOON, None, None)
    endless = combine([SUCCEEDED, attrs.evolve(FAILED, end_date_time=None, status="COMPLETED")])
    assert (endless.ended_at, endless.duration) == (None, None)
    undated = combine([SUCCEEDED, attrs.evolve(FAILED, creation_date_time=None)])
    assert (undated.created_at, undated.duration) == (NOON, None)
    with pytest.raises(ValueError, match="no jobs"):
        combine([])


def test_each_server_counts_with_its_latest_launch():
    """A retry that succeeded is a success, as in a recovery plan, and a clean-up hides no failure."""
    retry = _job(30, "s-c")
    assert combine([FAILED, retry]).outcome is Outcome.SUCCEEDED
    assert combine([retry, FAILED]).failed_servers == ()
    clean_up = _job(60, "s-c", status="TERMINATED", type="TERMINATE", initiated_by="TERMINATE_RECOVERY_INSTANCES")
    assert combine([FAILED, clean_up]).outcome is Outcome.FAILED
    assert combine([FAILED, clean_up]).failed_servers == FAILED.participating_servers
    other = attrs.evolve(clean_up, participating_servers=(make_server(source_server_id="s-c", launch_status="FAILED"),))
    assert combine([retry, other]).outcome is Outcome.FAILED


def test_jobs_without_servers_count_by_themselves():
    network = _job(1, initiated_by="CREATE_NETWORK_RECOVERY")
    assert combine([SUCCEEDED, network]).outcome is Outcome.UNDETERMINED
    assert combine([SUCCEEDED, _job(1, type="TERMINATE")]).outcome is Outcome.SUCCEEDED
    without_id = attrs.evolve(FAILED, participating_servers=(make_server(source_server_id=None, launch_status="FAILED"),))
    assert combine([without_id, _job(9, "s-z")]).outcome is Outcome.FAILED


def test_optional_servers_never_fail_the_whole():
    combined = combine([SUCCEEDED, FAILED], optional_servers=["s-c"])
    assert (combined.outcome, combined.failed_servers) == (Outcome.SUCCEEDED, FAILED.participating_servers)
    assert combine([SUCCEEDED, RUNNING], optional_servers=["s-d"]).outcome is Outcome.RUNNING
    assert combine([SUCCEEDED, UNDETERMINED], optional_servers=["s-e"]).outcome is Outcome.SUCCEEDED
    assert combine([FAILED], optional_servers=["s-c"]).outcome is Outcome.UNDETERMINED
    with pytest.raises(TypeError, match=r"write \['s-c'\]"):
        combine([FAILED], optional_servers="s-c")


def test_the_snapshot_that_is_further_on_counts():
    pending = attrs.evolve(RUNNING, status="PENDING")
    complete = attrs.evolve(RUNNING, status="COMPLETED")
    later = attrs.evolve(complete, end_date_time=NOON)
    assert latest_snapshots([RUNNING, SUCCEEDED, pending]) == (RUNNING, SUCCEEDED)
    assert latest_snapshots([complete, RUNNING]) == latest_snapshots([pending, complete]) == (complete,)
    assert latest_snapshots([complete, later]) == (later,)


def test_snapshots_of_one_job_count_once():
    """A complete snapshot counts before a running one, whatever the order, as in a list of what `watch` yields."""
    complete = attrs.evolve(RUNNING, status="COMPLETED", end_date_time=NOON + timedelta(hours=1))
    for jobs in ([RUNNING, complete], [complete, RUNNING], [complete, complete]):
        assert combine(jobs).jobs == (complete,)
        assert active_jobs(jobs) == ()
        assert busy_servers(jobs) == {}
        assert usage(jobs) == Usage()
    assert usage([RUNNING, RUNNING]) == Usage(concurrent_jobs=1, servers_in_largest_job=1, servers_in_active_jobs=1)


def test_busy_servers():
    """Of two jobs the newest counts. Complete jobs and servers without an id do not."""
    older, newer = (attrs.evolve(RUNNING, job_id=str(n), creation_date_time=NOON + timedelta(hours=n)) for n in range(2))
    nameless = make_job(status="PENDING", participating_servers=(make_server(source_server_id=None),))
    for jobs in ([older, newer, SUCCEEDED, nameless], [nameless, newer, older]):
        assert busy_servers(jobs) == {"s-d": newer}


def test_usage():
    """A server that a job lists twice counts once, and one without an id counts."""
    twice = attrs.evolve(
        RUNNING,
        job_id="twice",
        participating_servers=tuple(make_server(source_server_id=each) for each in ("s-1", "s-1", "s-2", None, "")),
    )
    assert usage([SUCCEEDED, twice, RUNNING]) == Usage(concurrent_jobs=2, servers_in_largest_job=4, servers_in_active_jobs=5)
    assert usage([SUCCEEDED]) == Usage()


def test_active_jobs():
    """Pending and started jobs, and those of an unknown status that have not ended."""
    jobs = [make_job(status=status, end_date_time=None) for status in ("PENDING", "STARTED", "LATER", "COMPLETED")]
    assert tuple(jobs[:3]) == active_jobs(iter(jobs))


def test_launch_without_a_creation_time_could_be_the_latest():
    undated = attrs.evolve(FAILED, creation_date_time=None)
    retry = _job(30, "s-c")
    assert combine([undated, retry]).outcome is combine([retry, undated]).outcome is Outcome.UNDETERMINED
    running = attrs.evolve(undated, status="STARTED", end_date_time=None)
    assert combine([running, retry]).outcome is Outcome.RUNNING
    assert combine([attrs.evolve(retry, job_id="drsjob-2", creation_date_time=None), retry]).outcome is Outcome.SUCCEEDED


def test_of_launches_of_one_moment_the_worse_counts():
    retry = _job(5, "s-c")
    assert combine([FAILED, retry]).outcome is combine([retry, FAILED]).outcome is Outcome.FAILED
