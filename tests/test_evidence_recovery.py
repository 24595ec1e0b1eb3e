"""Recovery times of servers over several jobs."""

import random
import statistics
from datetime import timedelta
from typing import Any

import attrs
import pytest

from drs_jobs import Job, JobStatus, Outcome
from drs_jobs.analysis import JobPhases, ParticipantPhases, phases
from drs_jobs.evidence import RecoveryReport, ServerRecovery, recovery_times
from drs_jobs.testing import make_job, make_server
from simulated_logs import NOON, SimulatedJob, SimulatedServer, item, simulate

HOUR = timedelta(hours=1)


def _recovered(day: int, *minutes: float | None, status: str = "LAUNCHED", **fields: Any) -> JobPhases:
    """Return the phases of a job whose servers s-0, s-1, … launched after so many minutes, or without a log."""
    created = NOON + timedelta(days=day)
    servers = tuple(make_server(source_server_id=f"s-{n}", launch_status=status) for n in range(len(minutes)))
    job = make_job(**({"creation_date_time": created, "participating_servers": servers} | fields))
    log = [
        item("LAUNCH_END", created + timedelta(minutes=each), f"s-{n}") for n, each in enumerate(minutes) if each is not None
    ]
    return phases(job, log)


def _only(*reports: JobPhases, objective: timedelta | None = HOUR) -> ServerRecovery:
    [row] = recovery_times(reports, objective=objective).servers
    return row


def test_recovery_times():
    reports = [_recovered(1, 10, 50), _recovered(3, 61, 30), _recovered(2, 20)]
    report = recovery_times(iter(reports), objective=HOUR)
    minutes = [timedelta(minutes=n) for n in (61, 30, 20, 40)]
    assert report == RecoveryReport(
        servers=(
            ServerRecovery(
                source_server_id="s-0",
                measured=3,
                latest_job=reports[1].job,
                latest=minutes[0],
                median=minutes[2],
                slowest=minutes[0],
                met=False,
            ),
            ServerRecovery(
                source_server_id="s-1",
                measured=2,
                latest_job=reports[1].job,
                latest=minutes[1],
                median=minutes[3],
                slowest=timedelta(minutes=50),
                met=True,
            ),
        ),
        objective=HOUR,
        first_job_at=NOON + timedelta(days=1),
        last_job_at=NOON + timedelta(days=3),
        job_count=3,
    )


@pytest.mark.parametrize(
    ("report", "met"),
    [
        (_recovered(1, 60), True),
        (_recovered(1, 60.001), False),
        (_recovered(1, None), None),  # its log is gone
        (_recovered(1, None, status="FAILED"), False),
        (_recovered(1, 30, status="FAILED"), False),
        (_recovered(1, None, status="PENDING"), None),
        (_recovered(1, None, status="PENDING", end_date_time=None), None),
    ],
)
def test_met(report: JobPhases, met: bool | None):  # noqa: FBT001  # the expected value
    """Only a measured launch is evidence that the objective was met, and only the latest recovery counts."""
    assert _only(report).met is met
    assert _only(_recovered(0, 10), report).met is met
    assert _only(report, objective=None).met is None
    assert _only(_recovered(2, 10), report).met is True


def test_running_recovery():
    """It is the latest, although it has no time yet."""
    running = _recovered(2, None, status="PENDING")
    running = phases(attrs.evolve(running.job, status=None, end_date_time=None), [])
    row = _only(_recovered(1, 10), running)
    assert (row.latest_job, row.latest, row.met, row.median) == (running.job, None, None, timedelta(minutes=10))


@pytest.mark.parametrize(
    ("fields", "counts"),
    [
        ({"initiated_by": "START_RECOVERY"}, True),
        ({"initiated_by": "START_DRILL"}, True),
        ({"initiated_by": "FAILBACK"}, False),
        ({"initiated_by": "DIAGNOSTIC"}, False),
        ({"initiated_by": None}, True),
        ({"initiated_by": "LATER"}, True),
        ({"type": "TERMINATE"}, False),
        ({"type": "CREATE_CONVERTED_SNAPSHOT"}, False),
        ({"type": "LATER"}, False),
    ],
)
def test_which_jobs_are_recoveries(fields: dict[str, Any], counts: bool):  # noqa: FBT001  # the expected value
    report = recovery_times([_recovered(1, 10, **fields)])
    assert (report.job_count, len(report.servers)) == (1, counts)
    assert recovery_times([_recovered(2, 10, **fields), _recovered(1, 10)]).servers[0].measured == 1 + counts


def test_job_that_is_given_twice():
    """It counts once: as complete, then with the most recovery times."""
    complete = _recovered(1, 10)
    without_log = phases(complete.job, [])
    running = phases(attrs.evolve(complete.job, status=None, end_date_time=None), [])
    for reports in ([complete, complete], [running, complete, without_log], [without_log, complete, running]):
        report = recovery_times(reports, objective=HOUR)
        assert (report.job_count, report.servers[0].measured, report.servers[0].met) == (1, 1, True)


def test_requested_servers():
    """One row per requested server, in that order. Servers of other jobs, networks and servers without an id have no row."""
    job = make_job(creation_date_time=NOON, participating_servers=(make_server(source_server_id=None),))
    report = _recovered(1, 10, 20)
    log_only = phases(job, [item("LAUNCH_END", NOON + HOUR, "s-9")])
    assert recovery_times([log_only]).servers == ()
    rows = recovery_times([report, log_only], source_server_ids=iter(["s-1", "s-never", "s-1"]), objective=HOUR).servers
    assert [(row.source_server_id, row.met, row.measured) for row in rows] == [("s-1", True, 1), ("s-never", None, 0)]
    assert recovery_times([], objective=HOUR) == RecoveryReport(objective=HOUR)
    with pytest.raises(TypeError, match="not one str"):
        recovery_times([], source_server_ids="s-1")


@pytest.mark.parametrize("objective", [14400, 4.0, True, "4h", NOON])
def test_objective_without_a_unit(objective: Any):
    with pytest.raises(TypeError, match=r"write it with its unit, such as timedelta\(hours=4\)"):
        recovery_times([], objective=objective)


def test_negative_objective():
    with pytest.raises(ValueError, match=r"objective is negative \(-1h 00m\)"):
        recovery_times([], objective=-HOUR)
    assert recovery_times([], objective=timedelta(0)).objective == timedelta(0)


def _launched_after(truth: SimulatedJob, server: SimulatedServer) -> timedelta | None:
    """The true recovery time."""
    launch = server.phases.get("LAUNCH")
    return None if server.is_failed or launch is None or launch[-1].end is None else launch[-1].end - truth.created


def test_random_histories():
    """Over logs with retries and failures, some of them gone: the times, and whether the latest met the objective."""
    rng = random.Random(14)
    for number in range(100):
        ids = [f"s-{n}" for n in range(5)]
        truths = [simulate(rng, 20 * number + n, servers=rng.sample(ids, rng.randint(1, 5)), trouble=0.5) for n in range(8)]
        is_gone = [rng.random() < 0.2 for _ in truths]
        logs = [[] if gone else truth.log()[::-1] for truth, gone in zip(truths, is_gone, strict=True)]
        objective = timedelta(minutes=rng.uniform(5, 30))
        reports = [phases(truth.job(), log) for truth, log in zip(truths, logs, strict=True)]
        order = rng.sample(reports, len(reports))
        rows = {row.source_server_id: row for row in recovery_times(order, objective=objective).servers}
        expected: dict[str, list[tuple[Job, timedelta | None, bool]]] = {}
        for truth, gone, report in zip(truths, is_gone, reports, strict=True):
            for server in truth.servers:
                time = None if gone else _launched_after(truth, server)
                expected.setdefault(server.server_id, []).append((report.job, time, server.is_failed))
        assert rows.keys() == expected.keys()
        for server_id, history in expected.items():
            times = [time.total_seconds() for _, time, _ in history if time is not None]
            job, time, is_failed = history[-1]
            met = False if is_failed else None if time is None else time <= objective
            row = rows[server_id]
            assert (row.latest_job, row.latest, row.met, row.measured) == (job, time, met, len(times))
            if times:
                assert row.slowest == timedelta(seconds=max(times))
                assert row.median is not None
                assert abs(row.median.total_seconds() - statistics.median(times)) < 1e-5


def test_html_of_a_recovery_report():
    reports = [_recovered(1, 10, 70, None)]
    shown = recovery_times(reports, objective=HOUR, source_server_ids=["s-0", "s-1", "s-2", "s-<x>"])._repr_html_()
    assert "objective 1h 00m" in shown
    assert "s-&lt;x&gt;" in shown
    assert [shown.count(words) for words in (">met<", ">not met<", ">undetermined<")] == [1, 1, 2]
    failed, running = _recovered(2, None, status="FAILED"), _recovered(2, None, status="PENDING", end_date_time=None)
    running = phases(attrs.evolve(running.job, status=JobStatus.STARTED), [])
    for report, words in ((failed, ">not met: it failed<"), (running, ">RUNNING<")):
        assert words in recovery_times([report], objective=HOUR)._repr_html_()
    assert "objective" not in recovery_times(reports)._repr_html_()
    assert "and 50 more" in recovery_times([_recovered(1, *[1.0] * 150)])._repr_html_()


def test_phases_that_were_made_by_hand():
    """A failed participant did not meet the objective, whatever its time."""
    job = make_job(participating_servers=(make_server(source_server_id="s-0"),))
    row = ParticipantPhases(participant="s-0", recovery_time=timedelta(minutes=1), outcome=Outcome.FAILED)
    assert _only(JobPhases(job=job, participants=(row,))).met is False
