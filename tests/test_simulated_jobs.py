"""Simulated jobs against the measured ones, and their failures."""

import copy
import itertools
import pickle
from collections import Counter, defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_jobs import (
    Job,
    JobFailedError,
    JobLogItem,
    JobsClient,
    JobStatus,
    JobType,
    LaunchStatus,
    Outcome,
    analysis,
    unstructure_job,
    unstructure_log_item,
)
from drs_jobs.testing import (
    BootFailure,
    LaunchActionFailure,
    LocalDrs,
    PhaseFailure,
    RefusedCall,
    SilentFailure,
    Stuck,
    make_job,
    make_log_item,
    make_server,
)
from drs_jobs.testing.failures import InjectedFailure
from drs_jobs.testing.simulated_jobs import LocalJob, SimulatedServer
from shape_failures import response_failures

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)
CREATED = make_job(job_id="drsjob-00000000000000001", status="PENDING", creation_date_time=NOON, participating_servers=())
LATER = NOON + timedelta(days=1)
SEEDS = range(150)
IDS = [f"s-{n:017}" for n in range(2)]

MEASURED = {
    "linux": {
        "snapshot": (0.15, 0.25),
        "waiting": (51, 52),
        "conversion": (175, 198),
        "launch": (278, 310),
        "job": (533, 539),
    },
    "windows": {
        "snapshot": (1, 3),
        "waiting": (67, 191),
        "conversion": (840, 846),
        "launch": (327, 391),
        "job": (1320, 1436),
    },
}
"""Shortest and longest durations in seconds: of two Linux jobs and two Windows jobs, each of two servers."""


def planned(*failures: InjectedFailure | None, cleaned: bool = False) -> tuple[SimulatedServer, ...]:
    """One server per failure, with or without an earlier instance."""
    return tuple(
        SimulatedServer(
            f"s-{n:017}", f"i-{n:017}", f"i-c{n:016}", previous_instance_id=f"i-e{n:016}" if cleaned else None, failure=failure
        )
        for n, failure in enumerate(failures)
    )


def recovery(*failures: InjectedFailure | None, cleaned: bool = False, seed: int = 1, **fields: Any) -> LocalJob:
    """A recovery of one server per failure. Its durations depend on the job's id."""
    created = attrs.evolve(CREATED, job_id=f"drsjob-{seed:017}")
    return LocalJob(created, planned(*failures, cleaned=cleaned), **fields)


def times(log: tuple[JobLogItem, ...]) -> Mapping[str, dict[str, datetime]]:
    """The times of the events by server; those of the job itself have the key "job"."""
    found: dict[str, dict[str, datetime]] = defaultdict(dict)
    for item in log:
        server = (item.event_data and item.event_data.source_server_id) or "job"
        assert item.event not in found[server], "each event occurs once"
        found[server][str(item.event)] = item.log_date_time
    return found


def outcome(job: Any) -> Job:
    """The job a day after its creation."""
    done = job.job_at(LATER)
    assert done is not None
    return done


def names(job: Any, now: datetime = LATER) -> list[str]:
    return [str(item.event) for item in job.log_at(now)]


# ------------------------------------------------------------------ as measured


@pytest.mark.parametrize("profile", MEASURED)
@pytest.mark.parametrize("count", [1, 2, 25])
def test_durations(profile: str, count: int):
    """Each is within the measured range, and they vary."""
    seen: dict[str, set[float]] = defaultdict(set)
    for seed in SEEDS:
        job = recovery(*[None] * count, profile=profile, seed=seed)
        for server, at in times(job.log_at(LATER)).items():
            if server == "job":
                assert timedelta(seconds=0.25) < at["JOB_START"] - NOON < timedelta(seconds=0.35)
                continue
            seen["snapshot"].add((at["SNAPSHOT_END"] - at["SNAPSHOT_START"]).total_seconds())
            seen["waiting"].add((at["CONVERSION_START"] - at["SNAPSHOT_END"]).total_seconds())
            seen["conversion"].add((at["CONVERSION_END"] - at["CONVERSION_START"]).total_seconds())
            seen["launch"].add((at["LAUNCH_END"] - at["LAUNCH_START"]).total_seconds())
        if count == 2:
            seen["job"].add(outcome(job).duration.total_seconds())
    for name, found in seen.items():
        low, high = MEASURED[profile][name]
        assert (low <= min(found), max(found) <= high, len(found) > 100) == (True, True, True), (name, min(found), max(found))


@pytest.mark.parametrize("profile", MEASURED)
def test_order_of_events(profile: str):
    """As in the logs of two servers: phase by phase. The servers begin each phase in order, milliseconds apart."""
    phases = ["SNAPSHOT_START", "SNAPSHOT_END", "CONVERSION_START", "CONVERSION_END", "LAUNCH_START", "LAUNCH_END"]
    ends = set()
    for seed in SEEDS:
        log = recovery(None, None, profile=profile, seed=seed).log_at(LATER)
        assert [str(item.event) for item in log] == ["JOB_START", *(name for name in phases for _ in range(2)), "JOB_END"]
        servers = [item.event_data.source_server_id for item in log]
        assert servers[1:11:2] == ["s-00000000000000000"] * 5
        for first, second in zip(log[1:11:2], log[2:11:2], strict=True):
            assert timedelta(milliseconds=20) < second.log_date_time - first.log_date_time < timedelta(milliseconds=32)
        ends.add(tuple(servers[11:13]))
    assert len(ends) == 2, "servers finish in either order"


def test_phases_of_many_servers():
    """No server launches before the last conversion has ended, and none is converted before the last snapshot has."""
    events = names(recovery(*[None] * 25))
    for before, after in [("SNAPSHOT_END", "CONVERSION_START"), ("CONVERSION_END", "LAUNCH_START")]:
        assert events.index(after) == len(events) - events[::-1].index(before)


@pytest.mark.parametrize(("count", "cleaned", "items"), [(1, False, 8), (4, False, 26), (25, True, 202), (100, False, 602)])
def test_number_of_items(count: int, cleaned: bool, items: int):  # noqa: FBT001
    """2 + 6N, and 2 + 8N with clean-ups. All of these come before the snapshots."""
    log = recovery(*[None] * count, cleaned=cleaned).log_at(LATER)
    assert len(log) == items
    events = [str(item.event) for item in log]
    assert events[1 : 1 + 2 * count * cleaned].count("CLEANUP_END") == count * cleaned


@pytest.mark.parametrize("profile", MEASURED)
def test_end(profile: str):
    """`endDateTime` is 26 to 27 ms before JOB_END, and the last LAUNCH_END is 2 to 4 s before it."""
    for seed in SEEDS:
        job = recovery(*[None] * 25, profile=profile, seed=seed)
        *_, launched, ended = job.log_at(LATER)
        assert launched.event == "LAUNCH_END"
        end = outcome(job).end_date_time
        assert timedelta(milliseconds=26) <= ended.log_date_time - end <= timedelta(milliseconds=27)
        assert timedelta(seconds=2) <= end - launched.log_date_time <= timedelta(seconds=4)
        launches = [item.log_date_time for item in job.log_at(LATER) if item.event == "LAUNCH_END"]
        assert max(launches) - min(launches) <= timedelta(seconds=47)


def test_failed_launch_of_a_windows_server():
    """After 15:49, in a job of 31:01."""
    for seed in SEEDS:
        job = recovery(None, BootFailure(), profile="windows", seed=seed)
        at = times(job.log_at(LATER))["s-00000000000000001"]
        assert round((at["LAUNCH_FAILED"] - at["LAUNCH_START"]).total_seconds()) in (948, 949, 950)
        assert round(outcome(job).duration.total_seconds()) in range(1860, 1866)


def test_event_data():
    """The conversion server at CONVERSION_END, the instance at LAUNCH_END, none at JOB_START and JOB_END."""
    log = [unstructure_log_item(item) for item in recovery(None).log_at(LATER)]
    server = {"sourceServerID": "s-00000000000000000"}
    assert [item["eventData"] for item in log] == [
        {},
        *[server] * 3,
        {**server, "conversionServerID": "i-c0000000000000000"},
        server,
        {**server, "targetInstanceID": "i-00000000000000000"},
        {},
    ]
    assert all(item["logDateTime"][19] == "." for item in log)


def test_completed_job():
    """AWS leaves out `recoveryInstanceID`, and no action ran."""
    [server] = unstructure_job(outcome(recovery(None)))["participatingServers"]
    assert server == {"sourceServerID": "s-00000000000000000", "launchStatus": "LAUNCHED", "launchActionsStatus": {}}


def test_launch_actions():
    """The run begins at LAUNCH_END, and the job waits for its failure."""
    job = recovery(LaunchActionFailure())
    launched = times(job.log_at(LATER))["s-00000000000000000"]["LAUNCH_END"]
    just_launched, done = job.job_at(launched), outcome(job)
    assert [run.status for run in just_launched.participating_servers[0].runs] == ["IN_PROGRESS"]
    assert [run.status for run in done.participating_servers[0].runs] == ["FAILED"]
    assert (done.outcome, just_launched.outcome) == (Outcome.FAILED, Outcome.RUNNING)
    assert done.end_date_time - launched > timedelta(minutes=1)


# ------------------------------------------------------------------ invariants

phase_names = st.sampled_from(["CLEANUP", "SNAPSHOT", "CONVERSION", "LAUNCH"])
any_failure = st.one_of(
    st.none(),
    st.just(BootFailure()),
    st.builds(PhaseFailure, phase_names),
    st.just(PhaseFailure("LAUNCH", instance_exists=True)),
    st.builds(RefusedCall, phase=phase_names),
    st.just(LaunchActionFailure()),
    st.just(SilentFailure()),
    st.builds(Stuck, phase_names),
)
any_recovery = st.builds(
    lambda failures, **fields: recovery(*failures, **fields),
    st.lists(any_failure, min_size=1, max_size=5),
    cleaned=st.booleans(),
    profile=st.sampled_from(list(MEASURED)),
    seed=st.integers(0, 10**17 - 1),
)
STATUS_ORDER = [JobStatus.PENDING, JobStatus.STARTED, JobStatus.COMPLETED]
LAUNCH_ORDER = {"PENDING": 0, "IN_PROGRESS": 1, "LAUNCHED": 2, "FAILED": 2}


def status_in_log(events: Mapping[str, datetime]) -> str:
    """The launch status of a server as its events say it."""
    if any(name in events for name in ("CLEANUP_FAIL", "SNAPSHOT_FAIL", "CONVERSION_FAIL", "LAUNCH_FAILED")):
        return "FAILED"
    return "LAUNCHED" if "LAUNCH_END" in events else "IN_PROGRESS" if "LAUNCH_START" in events else "PENDING"


@given(any_recovery, st.lists(st.floats(0, 2500), min_size=2, max_size=12))
def test_jobs_only_go_forward(job: LocalJob, ages: list[float]):
    """An earlier log is a prefix of a later one; statuses never go back, and agree with the log."""
    whole = job.log_at(LATER)
    assert all(a.log_date_time <= b.log_date_time for a, b in itertools.pairwise(whole))
    moments = (
        [NOON + timedelta(seconds=age) for age in ages]
        + [item.log_date_time for item in whole]
        + [outcome(job).end_date_time or NOON]
    )
    described = []
    for now in sorted(moments):
        log, state = job.log_at(now), job.job_at(now)
        assert log == tuple(item for item in whole if item.log_date_time <= now)
        end = outcome(job).end_date_time
        assert state.is_complete == (end is not None and end <= now)
        assert (state.status == "PENDING") == (not log)
        events = times(log)
        if not state.is_complete and log:
            assert [s.launch_status for s in state.participating_servers] == [
                status_in_log(events[s.source_server_id]) for s in state.participating_servers
            ]
        assert {i.source_server_id for i in job.instances_at(now)} >= {
            name for name, at in events.items() if "LAUNCH_END" in at
        }
        cleaned = [s.source_server_id for s in job.servers or () if "CLEANUP_END" in events[s.source_server_id]]
        assert job.cleaned_servers_at(now) == set(cleaned)
        described.append(state)
    for before, after in itertools.pairwise(described):
        assert STATUS_ORDER.index(before.status) <= STATUS_ORDER.index(after.status)
        for old, new in zip(before.participating_servers, after.participating_servers, strict=False):
            assert LAUNCH_ORDER[old.launch_status] <= LAUNCH_ORDER[new.launch_status]


@given(any_recovery)
def test_outcome(job: LocalJob):
    """A job with a failure never succeeds, and every failure has a reason that `explain` finds."""
    failures = [server.failure for server in job.servers]
    done = outcome(job)
    is_silent = any(isinstance(failure, SilentFailure) for failure in failures)
    reached = ("CLEANUP", "SNAPSHOT") if is_silent else ("CLEANUP", "SNAPSHOT", "CONVERSION", "LAUNCH")
    if any(isinstance(failure, Stuck) and failure.phase in reached for failure in failures):
        assert (done.end_date_time, done.outcome) == (None, Outcome.RUNNING)
        return
    if not any(failures):
        assert done.outcome is Outcome.SUCCEEDED
        return
    assert done.outcome is Outcome.FAILED
    texts = {failure.participant: " ".join(failure.reasons) for failure in analysis.explain(done, job.log_at(LATER)).failures}
    for server in job.servers:
        if isinstance(server.failure, PhaseFailure | RefusedCall) and server.failure.phase in reached:
            assert server.failure.raw_error(job.created, server.source_server_id)[:20] in texts[server.source_server_id]


@given(any_recovery)
def test_same_plan_is_the_same_job(job: LocalJob):
    same = copy.deepcopy(pickle.loads(pickle.dumps(job)))
    assert (same, hash(same)) == (job, hash(job))
    assert (same.job_at(LATER), same.log_at(LATER)) == (job.job_at(LATER), job.log_at(LATER))


def test_job_id_changes_the_durations():
    """So that the jobs of one LocalDrs differ."""
    assert len({outcome(recovery(None, seed=seed)).duration for seed in range(4)}) == 4


@given(any_recovery)
def test_service_model(job: LocalJob):
    """Jobs and log items match the service model, except for LAUNCH_END and the format of timestamps, as in the service."""
    assert response_failures("Job", unstructure_job(outcome(job))) == []
    for item in job.log_at(LATER):
        assert response_failures("JobLog", unstructure_log_item(item)) == []


# ------------------------------------------------------------------ failures


@pytest.mark.parametrize(
    ("phase", "event"),
    [
        ("CLEANUP", "CLEANUP_FAIL"),
        ("SNAPSHOT", "SNAPSHOT_FAIL"),
        ("CONVERSION", "CONVERSION_FAIL"),
        ("LAUNCH", "LAUNCH_FAILED"),
    ],
)
def test_phase_failure(phase: str, event: str):
    """The failure is the last event of its server. The other server launches."""
    job = recovery(PhaseFailure(phase, "no disk"), None)
    failed, launched = (list(times(job.log_at(LATER))[f"s-{n:017}"]) for n in range(2))
    assert (failed[-2:], launched[-1]) == ([f"{phase}_START", event], "LAUNCH_END")
    assert [server.launch_status for server in outcome(job).participating_servers] == ["FAILED", "LAUNCHED"]
    assert [i.instance_id for i in job.instances_at(LATER)] == ["i-00000000000000001"]
    assert analysis.explain(outcome(job), job.log_at(LATER)).failures[0].reasons == (f"{event}: no disk",)


def test_failure_after_the_instance_exists():
    job = recovery(PhaseFailure("LAUNCH", instance_exists=True))
    [instance] = job.instances_at(LATER)
    assert outcome(job).failed_servers
    assert instance.instance_id == "i-00000000000000000"
    assert (job.instances_at(instance.launched_at - timedelta(microseconds=1)), names(job)[-2]) == ((), "LAUNCH_FAILED")


def test_silent_failure():
    """JOB_START, SNAPSHOT_START, SNAPSHOT_END, and JOB_END three minutes later. It affects the whole job."""
    job = recovery(None, SilentFailure())
    assert Counter(names(job)) == {"JOB_START": 1, "SNAPSHOT_START": 2, "SNAPSHOT_END": 2, "JOB_END": 1}
    *_, snapshot, end = job.log_at(LATER)
    assert round((end.log_date_time - snapshot.log_date_time).total_seconds() / 60) == 3
    assert {s.launch_status for s in outcome(job).participating_servers} == {LaunchStatus.FAILED}
    assert job.instances_at(LATER) == ()


@pytest.mark.parametrize("phase", ["CLEANUP", "SNAPSHOT", "CONVERSION", "LAUNCH"])
def test_stuck(phase: str):
    """Nothing follows the start of the phase, and the job never ends."""
    job = recovery(Stuck(phase))
    assert names(job, datetime.max.replace(tzinfo=UTC))[-1] == f"{phase}_START"
    assert (outcome(job).status, outcome(job).end_date_time) == ("STARTED", None)
    assert outcome(job).participating_servers[0].launch_status == ("IN_PROGRESS" if phase == "LAUNCH" else "PENDING")
    others = outcome(recovery(Stuck(phase), None, None)).participating_servers[1:]
    assert [server.launch_status for server in others] == ["LAUNCHED", "LAUNCHED"]


def test_refused_call():
    """The error is AWS's sentence, with the server's own volume."""
    job = recovery(RefusedCall(), RefusedCall())
    errors = [i.event_data.raw_error for i in job.log_at(LATER) if i.event == "LAUNCH_FAILED"]
    assert errors[0] != errors[1]
    before, _, after = errors[0].partition("volume/vol-")
    assert before == (
        "An error occurred (UnauthorizedOperation) when calling the DeleteVolume operation: You are not authorized to perform "
        "this operation. User: arn:aws:sts::123456789012:assumed-role/DrsOperator/drill is not authorized to perform: "
        "ec2:DeleteVolume on resource: arn:aws:ec2:eu-west-1:123456789012:"
    )
    assert after[17:] == " because no identity-based policy allows the ec2:DeleteVolume action."
    assert len(job.instances_at(LATER)) == 2, "removing the temporary volumes is the last step of the launch"
    other = recovery(RefusedCall("kms:CreateGrant", "arn:aws:kms:x", "CONVERSION"))
    [error] = [i.event_data.raw_error for i in other.log_at(LATER) if i.event == "CONVERSION_FAIL"]
    assert error.startswith("An error occurred (AccessDeniedException) when calling the CreateGrant operation: User: arn:")
    assert "perform: kms:CreateGrant on resource: arn:aws:kms:x because" in error
    assert other.instances_at(LATER) == ()


def test_refused_call_in_another_partition():
    """The ARNs in the sentence are those of the job's region and account."""
    arn = "arn:aws-us-gov:drs:us-gov-west-1:210987654321:job/drsjob-00000000000000001"
    error = RefusedCall().raw_error(attrs.evolve(CREATED, arn=arn), "s-00000000000000000")
    assert "arn:aws-us-gov:sts::210987654321:assumed-role/" in error
    assert "arn:aws-us-gov:ec2:us-gov-west-1:210987654321:volume/vol-" in error
    assert "arn:aws:ec2:eu-west-1:123456789012:volume/" in RefusedCall().raw_error(attrs.evolve(CREATED, arn=None), "s-0")


def test_launch_action_failure():
    job = recovery(LaunchActionFailure("no response"), None)
    done = outcome(job)
    assert (done.outcome, done.failed_servers) == (Outcome.FAILED, ())
    assert [(run.name, run.failure_reason) for run in done.failed_actions] == [("Validate disk space", "no response")]
    assert [len(server.runs) for server in done.participating_servers] == [1, 0]
    with pytest.raises(JobFailedError, match="no response"):
        done.raise_unless_succeeded()


@pytest.mark.parametrize(
    ("make", "error", "message"),
    [
        (lambda: PhaseFailure("BOOT"), ValueError, "CLEANUP, SNAPSHOT, CONVERSION, LAUNCH, not 'BOOT'"),
        (lambda: Stuck("launch"), ValueError, "CLEANUP, SNAPSHOT, CONVERSION, LAUNCH, not 'launch'"),
        (lambda: Stuck(["LAUNCH"]), ValueError, "not \\['LAUNCH'\\]"),
        (lambda: RefusedCall(phase=None), ValueError, "not None"),
        (lambda: RefusedCall("DeleteVolume"), ValueError, "'ec2:DeleteVolume', not 'DeleteVolume'"),
        (lambda: RefusedCall(3), TypeError, "action must be a str"),
        (lambda: PhaseFailure("SNAPSHOT", instance_exists=True), ValueError, "needs phase='LAUNCH', not 'SNAPSHOT'"),
    ],
)
def test_wrong_arguments(make: Any, error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        make()


# ------------------------------------------------------------------ other kinds of jobs


def test_termination():
    """It cleans up its instances, lists its servers until it is complete, and succeeds."""
    server = make_server(launch_status="PENDING")
    created = make_job(type=JobType.TERMINATE, status="PENDING", creation_date_time=NOON, participating_servers=(server,))
    job = LocalJob(created, planned(None, None, cleaned=True))
    assert names(job) == ["JOB_START", *["CLEANUP_START"] * 2, *["CLEANUP_END"] * 2, "JOB_END"]
    assert (outcome(job).outcome, outcome(job).participating_servers) == (Outcome.SUCCEEDED, ())
    running = job.job_at(NOON + timedelta(seconds=5))
    assert (running.status, running.participating_servers) == ("STARTED", (server,))
    assert (job.cleaned_servers_at(LATER), job.cleaned_servers_at(NOON)) == (set(IDS[:2]), set())
    assert job.instances_at(LATER) == ()
    assert timedelta(seconds=20) < outcome(job).duration < timedelta(seconds=60)


def test_static_job():
    """Its log is sorted, oldest first. Items without a time come first."""
    late, early, undated = (make_log_item(log_date_time=moment) for moment in (LATER, NOON, None))
    job = LocalJob(make_job(), extra_log=(late, undated, early))
    assert job.log_at(NOON) == (undated, early, late)


def test_added_items():
    """They appear at their time, between the items of the simulation."""
    minute = make_log_item(event="USING_PREVIOUS_SNAPSHOT", log_date_time=NOON + timedelta(seconds=30))
    job = attrs.evolve(recovery(None), extra_log=(minute,))
    assert minute not in job.log_at(NOON + timedelta(seconds=29))
    assert names(job)[:5] == ["JOB_START", "SNAPSHOT_START", "SNAPSHOT_END", "USING_PREVIOUS_SNAPSHOT", "CONVERSION_START"]


@pytest.mark.parametrize(
    ("failure", "reason"),
    [
        (PhaseFailure("CONVERSION", "no disk"), "CONVERSION_FAIL: no disk"),
        (RefusedCall(), "ec2:DeleteVolume"),
        (LaunchActionFailure("timed out"), "timed out"),
    ],
)
def test_failures_over_http(failure: InjectedFailure, reason: str):
    """`explain` has the reason of a failure of a drill."""
    server = "s-00000000000000000"
    with LocalDrs(speed=0) as local:
        local.fail_server(server, failure)
        boto_client = local.client()
        started = boto_client.start_recovery(isDrill=True, sourceServers=[{"sourceServerID": server}])["job"]
        local.advance(timedelta(hours=1))
        explanation = JobsClient(boto_client).explain(started)
    assert explanation.job.outcome is Outcome.FAILED
    assert reason in explanation.failures[0].reasons[0]
