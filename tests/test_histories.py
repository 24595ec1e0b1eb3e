"""make_history: its jobs, their logs and the source servers."""

import copy
import itertools
import pickle
from collections import Counter, defaultdict
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from drs_jobs import Job, JobsClient, JobType, Outcome, analysis, unstructure_job, unstructure_log_item
from drs_jobs.testing import History, LocalDrs, make_history, make_job
from drs_jobs.testing.failures import Stuck
from drs_jobs.testing.histories import WAVES
from shape_failures import response_failures

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)


@pytest.fixture(scope="module", params=range(3))
def history(request: pytest.FixtureRequest) -> History:
    """About a year."""
    return make_history(400, until=NOON, seed=request.param, logs=True)


def created(job: Job) -> datetime:
    assert job.creation_date_time is not None
    return job.creation_date_time


def test_same_arguments_same_history():
    first, same = (make_history(60, until=NOON, seed=7, logs=True) for _ in range(2))
    assert (first, dict(first.logs)) == (same, dict(same.logs))
    assert make_history(60, until=NOON, seed=7) == tuple(first)
    assert make_history(60, until=NOON.astimezone(timezone(timedelta(hours=9))), seed=7, logs=True) == first
    assert pickle.loads(pickle.dumps(first)) == copy.deepcopy(first) == first
    others = [make_history(30, until=NOON), make_history(30, until=NOON, seed=8), make_history(29, until=NOON)]
    assert len({job.job_id for jobs in others for job in jobs} | {make_job().job_id}) == 90


def test_another_end_moves_the_jobs():
    day = timedelta(days=1)
    history, later = (make_history(60, until=until) for until in (NOON, NOON + day))
    assert [(job.job_id, created(job) + day, job.outcome) for job in history] == [
        (job.job_id, created(job), job.outcome) for job in later
    ]


def test_defaults():
    assert make_history(until=NOON) == make_history(30, until=NOON, seed=0, logs=False)


@pytest.mark.parametrize("count", [0, 1, 2, 3, 5, 30, 1000])
def test_count(count: int):
    """Newest first; the first one runs."""
    jobs = make_history(count, until=NOON, logs=True)
    assert (len(jobs), len(jobs.logs), len({job.job_id for job in jobs})) == (count, count, count)
    assert sorted(map(created, jobs), reverse=True) == list(map(created, jobs))
    assert [job.outcome for job in jobs[:1]] == [Outcome.RUNNING] * min(count, 1)
    assert all(created(job) < NOON for job in jobs)
    assert repr(jobs).startswith(f"History(jobs=<{count}>, ")


def test_sequence():
    jobs = make_history(10, until=NOON, logs=True)
    whole = tuple(jobs)
    assert (jobs[3], jobs[-1], jobs[2:5], jobs[::-1]) == (whole[3], whole[-1], whole[2:5], whole[::-1])
    assert (whole[4] in jobs, jobs.index(whole[4]), make_job() in jobs) == (True, 4, False)
    assert list(jobs.logs) == [job.job_id for job in whole]
    assert jobs.logs is jobs.logs, "computed once"
    with pytest.raises(KeyError):
        jobs.logs["drsjob-absent"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"until": datetime(2024, 6, 15)}, ValueError, r"until \(2024-06-15.*no time zone"),  # noqa: DTZ001
        ({"until": "2024-06-15"}, TypeError, "until must be a datetime"),
        (
            {"until": datetime(1, 6, 15, tzinfo=UTC), "count": 300},
            ValueError,
            "300 jobs until .* not within the years",
        ),
        ({"until": datetime.max.replace(tzinfo=UTC)}, ValueError, "30 jobs until .* not within the years"),
        ({"until": datetime(9999, 12, 31, 23, 59, tzinfo=UTC)}, ValueError, "not within the years"),
        ({"until": NOON, "region": "eu-west-11"}, ValueError, "did you mean eu-west-1"),
        ({"until": NOON, "account_id": "12", "count": 0}, ValueError, "12 digits"),
        ({"until": NOON, "count": -1}, ValueError, "count must be 0 or more, not -1"),
    ],
)
@pytest.mark.parametrize("logs", [False, True])
def test_wrong_arguments(arguments: dict[str, Any], error: type[Exception], message: str, logs: bool):  # noqa: FBT001
    with pytest.raises(error, match=message):
        make_history(**arguments, logs=logs)


@pytest.mark.parametrize("seed", range(5))
def test_default_history_has_all_outcomes(seed: int):
    outcomes = Counter(job.outcome for job in make_history(until=NOON, seed=seed))
    assert (outcomes[Outcome.SUCCEEDED] > 10, outcomes[Outcome.FAILED] > 2, outcomes[Outcome.RUNNING] > 0) == (True,) * 3


def test_content(history: History):
    """A year of drills in waves, recoveries, clean-ups, and failures of every kind, Linux and Windows."""
    assert timedelta(days=300) < NOON - created(history[-1]) < timedelta(days=430)
    assert {(job.type, job.initiated_by) for job in history} == {
        ("LAUNCH", "START_DRILL"),
        ("LAUNCH", "START_RECOVERY"),
        ("TERMINATE", None),
    }
    events = {str(item.event) for log in history.logs.values() for item in log}
    assert {"CLEANUP_FAIL", "SNAPSHOT_FAIL", "CONVERSION_FAIL", "LAUNCH_FAILED", "CLEANUP_END", "LAUNCH_END"} <= events
    recoveries = [job for job in history.jobs if not job.is_termination]
    assert {job.profile for job in recoveries} == {"linux", "windows"}
    stuck = [job for job in recoveries if any(isinstance(server.failure, Stuck) for server in job.servers)]
    assert [len(job.servers) for job in stuck] == [1], "one that keeps few servers from later drills"
    silent = [
        job
        for job in history
        if job.failed_servers and not any(str(item.event).endswith(("FAIL", "FAILED")) for item in history.logs[job.job_id])
    ]
    assert silent
    assert [job for job in history if job.outcome is Outcome.FAILED and not job.failed_servers], "failed actions"
    refused = [job for job in history if any("DeleteVolume" in text for text in errors(history, job))]
    assert any(len(job.participating_servers) > 1 for job in refused)
    share = sum(job.outcome is Outcome.FAILED for job in history) / sum(job.type == JobType.LAUNCH for job in history)
    assert 0.15 < share < 0.4
    gaps = [created(newer) - created(older) for newer, older in itertools.pairwise(history)]
    assert sum(gap < timedelta(minutes=2) for gap in gaps) > len(history) / 3, "waves of several jobs"


def errors(history: History, job: Job) -> list[str]:
    """The errors in the log of a job."""
    return [item.event_data.raw_error for item in history.logs[job.job_id] if item.event_data and item.event_data.raw_error]


def test_fleet(history: History):
    """It grows and shrinks, and some servers were never drilled."""
    members = [server for server in history.source_servers if server["lastLaunchResult"] != "NOT_STARTED"]
    seen: dict[str, list[datetime]] = defaultdict(list)
    for job in history:
        for server in job.participating_servers:
            seen[server.source_server_id].append(created(job))
    assert seen.keys() == {server["sourceServerID"] for server in members}
    assert len(history.source_servers) - len(members) >= 2
    middle = created(history[-1]) + (NOON - created(history[-1])) / 2
    assert any(min(moments) > middle for moments in seen.values())
    assert any(max(moments) < middle for moments in seen.values())
    systems = {server["sourceProperties"]["os"]["fullString"].split()[0] for server in history.source_servers}
    assert {"Microsoft", "Ubuntu"} < systems
    names = [server["sourceProperties"]["identificationHints"]["hostname"] for server in history.source_servers]
    assert len(set(names)) == len(names)
    assert {server["tags"]["Wave"] for server in history.source_servers} == {wave.tag for wave in WAVES}


def test_no_server_is_in_two_jobs_at_once(history: History):
    """AWS refuses that. A job that never ends keeps its servers."""
    busy_until: dict[str, datetime] = {}
    for job in reversed(history):
        for server in job.participating_servers:
            assert busy_until.get(server.source_server_id, created(job)) <= created(job)
            busy_until[server.source_server_id] = job.end_date_time or datetime.max.replace(tzinfo=UTC)


def test_recovery_instances(history: History):
    """A server has the phase CLEANUP exactly if an earlier instance of it exists, or if its clean-up fails.

    What exists is read from the logs alone, and agrees with `recoveryInstanceId` of the source servers.
    """
    existing: dict[str, str] = {}
    for job in reversed(history):
        log = history.logs[job.job_id]
        if job.type == JobType.TERMINATE:
            assert {item.event_data.source_server_id for item in log} - {None} == existing.keys()
            existing.clear()
            continue
        by_server: dict[str, list[Any]] = defaultdict(list)
        for item in log:
            by_server[item.event_data.source_server_id].append(item)
        for server in job.participating_servers:
            items = {str(item.event): item for item in by_server[server.source_server_id]}
            assert ("CLEANUP_START" in items) == (server.source_server_id in existing or "CLEANUP_FAIL" in items)
            if "CLEANUP_END" in items:
                del existing[server.source_server_id]
            for item in items.values():
                if item.event_data.target_instance_id:
                    existing[server.source_server_id] = item.event_data.target_instance_id
    described = {s["sourceServerID"]: s["recoveryInstanceId"] for s in history.source_servers if "recoveryInstanceId" in s}
    assert described == existing


def test_instances_agree_with_the_simulation(history: History):
    """What later jobs clean up is what `instances_at` and `cleaned_servers_at` leave over."""
    existing: dict[str, str] = {}
    for job in reversed(history.jobs):
        previous = {s.source_server_id: s.previous_instance_id for s in job.servers or () if s.previous_instance_id}
        assert previous.items() <= existing.items()
        for server_id in job.cleaned_servers_at(NOON):
            assert existing.pop(server_id) == previous[server_id]
        existing |= {instance.source_server_id: instance.instance_id for instance in job.instances_at(NOON)}


def test_explanations(history: History):
    """Every failed job has a reason."""
    for job in history:
        if job.outcome is Outcome.FAILED:
            assert analysis.explain(job, history.logs[job.job_id]).failures


def test_source_servers_agree_with_the_jobs(history: History):
    """In their last launch and its result."""
    for server in history.source_servers:
        server_id = server["sourceServerID"]
        jobs = [job for job in history if any(s.source_server_id == server_id for s in job.participating_servers)]
        launch = server["lifeCycle"].get("lastLaunch")
        assert (launch is None) == (not jobs)
        if launch is None:
            continue
        [status] = [s.launch_status for s in jobs[0].participating_servers if s.source_server_id == server_id]
        assert (launch["initiated"]["jobID"], launch["status"]) == (jobs[0].job_id, status)
        assert launch["initiated"]["type"] == ("DRILL" if jobs[0].is_drill else "RECOVERY")
        assert server["lastLaunchResult"] == {"LAUNCHED": "SUCCEEDED", "FAILED": "FAILED"}.get(status, "PENDING")
        assert server["lifeCycle"]["addedToServiceDateTime"] < launch["initiated"]["apiCallDateTime"]


def test_service_model(history: History):
    """Everything matches it, except for LAUNCH_END and the format of timestamps in jobs and logs, as in the service."""
    for server in history.source_servers:
        # Timestamps end in +00:00 there too.
        assert [failure for failure in response_failures("SourceServer", server) if "DateTime is" not in failure] == []
    for job in history[::3]:
        assert response_failures("Job", unstructure_job(job)) == []
        for item in history.logs[job.job_id]:
            assert response_failures("JobLog", unstructure_log_item(item)) == []


def test_long_history():
    """The years are as many as its jobs need at one drill in six hours."""
    history = make_history(6000, until=NOON)
    assert timedelta(days=365) < NOON - created(history[-1]) < timedelta(days=500)


def test_history_over_http():
    """The jobs that a client reads are those of the history."""
    history = make_history(50, until=NOON, logs=True)
    with LocalDrs() as local:
        local.add_jobs(*history)
        assert JobsClient(local.client()).describe_jobs().collect() == tuple(history)
