"""The last drills of each server."""

import random
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from drs_jobs import Job, LaunchActionsStatus, Outcome
from drs_jobs.evidence import DrillReport, ServerDrill, last_drills
from drs_jobs.testing import make_history, make_job, make_run, make_server

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)


def _drill(day: int | None, *servers: Any, **fields: Any) -> Job:
    when = None if day is None else NOON + timedelta(days=day)
    return make_job(creation_date_time=when, participating_servers=servers, **fields)


def _server(server_id: str, status: str = "LAUNCHED", run: str = "SUCCEEDED", *, optional: bool = False) -> Any:
    runs = LaunchActionsStatus(runs=(make_run(status=run, optional=optional),))
    return make_server(source_server_id=server_id, launch_status=status, launch_actions_status=runs)


def test_outcome_per_server():
    """A server that launched in a failed drill succeeded. One that failed keeps its last success."""
    first = _drill(1, _server("s-a"), _server("s-b"))
    second = _drill(
        2, _server("s-a"), _server("s-b", "FAILED"), _server("s-c", run="FAILED"), _server("s-d", run="FAILED", optional=True)
    )
    running = _drill(3, _server("s-d", "PENDING"), status="STARTED", end_date_time=None)
    recovery = _drill(4, _server("s-a"), _server("s-z"), initiated_by="START_RECOVERY")
    report = last_drills([running, first, recovery, second])
    assert report == DrillReport(
        servers=(
            ServerDrill(
                source_server_id="s-a",
                outcome=Outcome.SUCCEEDED,
                last_drill=second,
                last_completed_drill=second,
                last_successful_drill=second,
            ),
            ServerDrill(
                source_server_id="s-b",
                outcome=Outcome.FAILED,
                last_drill=second,
                last_completed_drill=second,
                last_successful_drill=first,
            ),
            ServerDrill(source_server_id="s-c", outcome=Outcome.FAILED, last_drill=second, last_completed_drill=second),
            ServerDrill(
                source_server_id="s-d",
                outcome=Outcome.RUNNING,
                last_drill=running,
                last_completed_drill=second,
                last_successful_drill=second,
            ),
        ),
        first_job_at=NOON + timedelta(days=1),
        last_job_at=NOON + timedelta(days=4),
        job_count=4,
    )


def test_requested_servers():
    """One row per requested server, in that order. A server without a drill has no outcome."""
    job = _drill(1, _server("s-a"), _server("s-b"), make_server(source_server_id=None))
    report = last_drills(iter([job]), source_server_ids=iter(["s-never", "s-b", "s-never"]))
    assert report.servers == (
        ServerDrill(source_server_id="s-never"),
        ServerDrill(
            source_server_id="s-b",
            outcome=Outcome.SUCCEEDED,
            last_drill=job,
            last_completed_drill=job,
            last_successful_drill=job,
        ),
    )
    assert last_drills([]) == DrillReport()
    with pytest.raises(TypeError, match="not one str"):
        last_drills([], source_server_ids="s-a")


def test_server_listed_twice_in_one_job():
    """It failed if any of its entries failed."""
    [row] = last_drills([_drill(1, _server("s-a"), _server("s-a", "FAILED"))]).servers
    assert row.outcome is Outcome.FAILED


def test_order_of_jobs_does_not_matter():
    """A job without a creation date counts as older than any other."""
    jobs = [*make_history(60, until=NOON), _drill(None, _server("s-undated"))]
    expected = last_drills(jobs)
    generator = random.Random(1)
    for _ in range(5):
        generator.shuffle(jobs)
        assert expected == last_drills(jobs)
    assert [row.last_drill for row in expected.servers if row.source_server_id == "s-undated"] == [
        jobs[[j.creation_date_time for j in jobs].index(None)]
    ]


def test_last_drills_keeps_few_jobs():
    """It reads the jobs once, and keeps at most three per server."""
    references: list[weakref.ref[Job]] = []
    most_kept = 0

    def jobs() -> Iterator[Job]:
        nonlocal most_kept
        for day in range(500):
            job = _drill(day, _server("s-a"), _server("s-b"))
            references.append(weakref.ref(job))
            most_kept = max(most_kept, sum(reference() is not None for reference in references))
            yield job

    report = last_drills(jobs())
    assert (report.job_count, len(report.servers)) == (500, 2)
    assert most_kept <= 7  # three per server and the newest


def test_last_drills_when_summer_time_ends():
    """In the repeated hour a later wall time can be the earlier moment. The report's dates are in UTC."""
    berlin = ZoneInfo("Europe/Berlin")
    first = make_job(creation_date_time=datetime(2024, 10, 27, 2, 30, tzinfo=berlin), participating_servers=(make_server(),))
    later = make_job(
        creation_date_time=datetime(2024, 10, 27, 2, 10, tzinfo=berlin, fold=1),
        participating_servers=first.participating_servers,
    )
    report = last_drills([first, later])
    assert report.servers[0].last_drill is later
    assert (str(report.first_job_at), str(report.last_job_at)) == ("2024-10-27 00:30:00+00:00", "2024-10-27 01:10:00+00:00")


def test_two_drills_of_one_instant():
    """The first one counts, because AWS sends the newest first."""
    servers = (make_server(),)
    first, second = (make_job(creation_date_time=NOON, participating_servers=servers) for _ in range(2))
    [row] = last_drills([first, second]).servers
    assert (row.last_drill, row.last_successful_drill) == (first, first)


def test_server_without_an_id_has_no_row():
    assert last_drills([make_job(participating_servers=(make_server(source_server_id=None),))]).servers == ()


def test_source_server_ids_is_keyword_only():
    with pytest.raises(TypeError):
        last_drills([], ["s-1"])  # type: ignore[misc]  # the case under test


def test_running_drill_does_not_hide_the_last_result():
    complete = _drill(1, _server("s-a", "FAILED"))
    running = _drill(2, _server("s-a", "PENDING"), status="STARTED", end_date_time=None)
    for jobs in ([running, complete], [complete, running]):
        [row] = last_drills(jobs).servers
        assert (row.last_drill, row.last_completed_drill, row.last_successful_drill) == (running, complete, None)
    assert last_drills([running]).servers[0].last_completed_drill is None


def test_html_of_a_drill_report():
    report = last_drills([_drill(1, _server("s-a"))], source_server_ids=["s-a", "s-<never>"])
    shown = report._repr_html_()
    assert "SUCCEEDED" in shown
    assert "s-&lt;never&gt;" in shown
    assert "never drilled" in shown
    assert "drills in 1 job, 2024-06-16 12:00" in shown
    assert ">no drills in 0 jobs<" in DrillReport()._repr_html_()


@pytest.mark.parametrize("order", [1, -1])
def test_two_snapshots_of_one_drill(order: int):
    """The complete one counts, in either order, as `watch` yields them."""
    complete = _drill(1, _server("s-a"))
    running = _drill(1, _server("s-a", "PENDING"), job_id=complete.job_id, status="STARTED")
    [row] = last_drills([running, complete][::order]).servers
    assert (row.outcome, row.last_drill) == (Outcome.SUCCEEDED, complete)
