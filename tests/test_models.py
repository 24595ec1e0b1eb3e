"""The data classes and the derived properties of a job."""

import copy
import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import attrs
import pytest
from hypothesis import given, settings

from drs_jobs import (
    InitiatedBy,
    Job,
    JobFailedError,
    JobLogItem,
    JobOutcomeError,
    JobStatus,
    JobType,
    LaunchAction,
    LaunchActionRun,
    LaunchActionRunStatus,
    LaunchActionsStatus,
    LaunchStatus,
    Outcome,
    ParticipatingResource,
    ParticipatingServer,
    SourceNetworkID,
    UnknownMember,
    UnknownValue,
    structure_job,
    unstructure_job,
)
from drs_jobs.testing import make_job, make_resource, make_run, make_server
from strategies import jobs, log_items

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)


@given(jobs)
@settings(max_examples=200)
def test_job_round_trips(job: Job):
    """Pickle, deepcopy and JSON each give an equal job with an equal hash."""
    for other in (
        pickle.loads(pickle.dumps(job)),
        copy.deepcopy(job),
        structure_job(json.loads(json.dumps(unstructure_job(job)))),
    ):
        assert job == other
        assert hash(job) == hash(other)


@given(log_items)
@settings(max_examples=100)
def test_log_item_round_trips(item: JobLogItem):
    assert item == pickle.loads(pickle.dumps(item)) == copy.deepcopy(item)
    assert hash(item) == hash(copy.deepcopy(item))


@given(jobs)
def test_repr_is_one_bounded_line(job: Job):
    for record in (job, *job.participating_servers, *job.participating_resources, *job.failed_actions):
        assert len(repr(record)) < 3000
        assert repr(record).isprintable()


def test_repr_counts_servers_and_omits_tags():
    job = make_job(participating_servers=tuple(make_server() for _ in range(200)), tags={"Owner": "secret"})
    assert "participating_servers=<200>" in repr(job)
    assert "tags" not in repr(job)


def test_repr_of_an_unknown_member_omits_its_value():
    assert repr(UnknownMember("laterThing", {"a": "secret"})) == "UnknownMember(name='laterThing')"


def test_repr_of_large_numbers_is_short():
    """Only numbers of at most 64 bits are printed. Python raises ValueError when it prints the last one."""
    assert repr(LaunchAction(order=2**64 - 1)) == "LaunchAction(order=18446744073709551615)"
    assert repr(LaunchAction(order=2**64)) == "LaunchAction(order=<a number of 65 bits>)"
    assert repr(LaunchAction(order=10**5000)) == "LaunchAction(order=<a number of 16610 bits>)"


def test_jobs_are_frozen_and_slotted():
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        make_job().status = JobStatus.PENDING  # type: ignore[misc]
    assert not hasattr(make_job(), "__dict__")


def test_only_the_id_is_required():
    """Every other field can be absent. Nothing is made up for it."""
    job = structure_job({"jobID": "drsjob-1"})
    assert job == Job(job_id="drsjob-1")
    assert (job.participating_servers, job.tags, job.status) == ((), {}, None)
    assert (job.is_complete, job.is_drill, job.duration, job.elapsed(NOON)) == (False, False, None, None)
    assert (job.account_id, job.region, job.console_url) == (None, None, None)


def test_unknown_values_are_strings():
    value = structure_job({"jobID": "j", "status": "PAUSED"}).status
    assert isinstance(value, UnknownValue)
    assert value == "PAUSED"
    assert repr(value) == "UnknownValue('PAUSED')"
    assert str(value) == "PAUSED"


# ------------------------------------------------------------------ the outcome table

_DONE = {"status": JobStatus.COMPLETED, "end_date_time": NOON}


def _server(status: str | None, *runs: tuple[str | None, bool | None]) -> ParticipatingServer:
    made = tuple(
        LaunchActionRun(
            action=LaunchAction(optional=optional),
            status=LaunchActionRunStatus(value)
            if value in LaunchActionRunStatus.__members__
            else value and UnknownValue(value),
        )
        for value, optional in runs
    )
    launch_status = LaunchStatus(status) if status in LaunchStatus.__members__ else status and UnknownValue(status)
    return ParticipatingServer(launch_status=launch_status, launch_actions_status=LaunchActionsStatus(runs=made))


def _job(job_type: JobType | UnknownValue | None, *servers: ParticipatingServer, **fields: object) -> Job:
    return Job(job_id="drsjob-1", type=job_type, participating_servers=servers, **{**_DONE, **fields})


OUTCOMES = {
    "pending": (_job(JobType.LAUNCH, status=JobStatus.PENDING, end_date_time=None), Outcome.RUNNING),
    "started, and a server has failed": (
        _job(JobType.LAUNCH, _server("FAILED"), status=JobStatus.STARTED, end_date_time=None),
        Outcome.RUNNING,
    ),
    "no status": (_job(JobType.LAUNCH, status=None, end_date_time=None), Outcome.RUNNING),
    "unknown status": (_job(JobType.LAUNCH, status=UnknownValue("PAUSED"), end_date_time=None), Outcome.RUNNING),
    "unknown status with an end date": (
        _job(JobType.LAUNCH, _server("LAUNCHED"), status=UnknownValue("CLOSED")),
        Outcome.SUCCEEDED,
    ),
    "completed without an end date": (_job(JobType.LAUNCH, _server("LAUNCHED"), end_date_time=None), Outcome.SUCCEEDED),
    "launched": (_job(JobType.LAUNCH, _server("LAUNCHED"), _server("LAUNCHED")), Outcome.SUCCEEDED),
    "one of two failed": (_job(JobType.LAUNCH, _server("LAUNCHED"), _server("FAILED")), Outcome.FAILED),
    "a resource failed": (
        _job(JobType.LAUNCH, participating_resources=(ParticipatingResource(launch_status=LaunchStatus.FAILED),)),
        Outcome.FAILED,
    ),
    "a resource launched": (
        _job(JobType.LAUNCH, participating_resources=(ParticipatingResource(launch_status=LaunchStatus.LAUNCHED),)),
        Outcome.SUCCEEDED,
    ),
    "a server is still pending": (_job(JobType.LAUNCH, _server("LAUNCHED"), _server("PENDING")), Outcome.UNDETERMINED),
    "a server is in progress": (_job(JobType.LAUNCH, _server("IN_PROGRESS")), Outcome.UNDETERMINED),
    "a server has no status": (_job(JobType.LAUNCH, _server(None)), Outcome.UNDETERMINED),
    "a server has an unknown status": (_job(JobType.LAUNCH, _server("HIBERNATED")), Outcome.UNDETERMINED),
    "a launch that terminated": (_job(JobType.LAUNCH, _server("TERMINATED")), Outcome.UNDETERMINED),
    "a launch without servers": (_job(JobType.LAUNCH), Outcome.UNDETERMINED),
    "terminated": (_job(JobType.TERMINATE, _server("TERMINATED")), Outcome.SUCCEEDED),
    "a clean-up without servers": (_job(JobType.TERMINATE), Outcome.SUCCEEDED),
    "a clean-up that left a server": (_job(JobType.TERMINATE, _server("LAUNCHED")), Outcome.UNDETERMINED),
    "a clean-up that failed": (_job(JobType.TERMINATE, _server("FAILED")), Outcome.FAILED),
    "a type without a target status": (_job(JobType.CREATE_CONVERTED_SNAPSHOT, _server("LAUNCHED")), Outcome.UNDETERMINED),
    "a type without a target status and servers": (_job(JobType.CREATE_CONVERTED_SNAPSHOT), Outcome.UNDETERMINED),
    "an unknown type": (_job(UnknownValue("CLONE"), _server("LAUNCHED")), Outcome.UNDETERMINED),
    "an unknown type that failed": (_job(UnknownValue("CLONE"), _server("FAILED")), Outcome.FAILED),
    "no type": (_job(None, _server("LAUNCHED")), Outcome.UNDETERMINED),
    "no type, no servers": (_job(None), Outcome.UNDETERMINED),
    "an action succeeded": (_job(JobType.LAUNCH, _server("LAUNCHED", ("SUCCEEDED", False))), Outcome.SUCCEEDED),
    "an action failed": (_job(JobType.LAUNCH, _server("LAUNCHED", ("FAILED", False))), Outcome.FAILED),
    "an action without optional failed": (
        _job(JobType.LAUNCH, _server("LAUNCHED", ("FAILED", None))),
        Outcome.FAILED,
    ),
    "a run without an action failed": (
        _job(
            JobType.LAUNCH,
            ParticipatingServer(
                launch_status=LaunchStatus.LAUNCHED,
                launch_actions_status=LaunchActionsStatus(runs=(LaunchActionRun(status=LaunchActionRunStatus.FAILED),)),
            ),
        ),
        Outcome.FAILED,
    ),
    "an optional action failed": (_job(JobType.LAUNCH, _server("LAUNCHED", ("FAILED", True))), Outcome.SUCCEEDED),
    "an action is in progress": (_job(JobType.LAUNCH, _server("LAUNCHED", ("IN_PROGRESS", False))), Outcome.UNDETERMINED),
    "an optional action is in progress": (_job(JobType.LAUNCH, _server("LAUNCHED", ("IN_PROGRESS", True))), Outcome.SUCCEEDED),
    "an action has no status": (_job(JobType.LAUNCH, _server("LAUNCHED", (None, False))), Outcome.UNDETERMINED),
    "an action has an unknown status": (_job(JobType.LAUNCH, _server("LAUNCHED", ("SKIPPED", False))), Outcome.UNDETERMINED),
}


@pytest.mark.parametrize("name", OUTCOMES)
def test_outcome(name: str):
    job, expected = OUTCOMES[name]
    assert expected is job.outcome


def test_raise_unless_succeeded():
    """It returns a succeeded job, raises JobFailedError for a failed one and JobOutcomeError for any other."""
    assert make_job().raise_unless_succeeded().outcome is Outcome.SUCCEEDED
    for name, (job, outcome) in OUTCOMES.items():
        if outcome is Outcome.SUCCEEDED:
            assert job is job.raise_unless_succeeded(), name
        else:
            with pytest.raises(JobOutcomeError) as caught:
                job.raise_unless_succeeded()
            assert job is caught.value.job
            assert (outcome is Outcome.FAILED) == isinstance(caught.value, JobFailedError)


def test_message_has_what_failed_and_why():
    """The message has each failed server, resource and action, and AWS's reason. Optional actions are not in it."""
    failed = make_server(launch_status="FAILED")
    run = make_run(status="FAILED", name="Check disk", failure_reason="no space")
    optional = make_run(status="FAILED", name="Nice to have", optional=True)
    invalid = make_server(launch_actions_status=LaunchActionsStatus(runs=(run, optional)))
    network = make_resource(launch_status="FAILED")
    later = make_resource(launch_status="FAILED", participating_resource_id=UnknownMember("laterThing", {}))
    nameless = make_resource(launch_status="FAILED", participating_resource_id=None)
    job = make_job(participating_servers=(failed, invalid), participating_resources=(network, later, nameless))
    with pytest.raises(JobFailedError) as caught:
        job.raise_unless_succeeded()
    message = str(caught.value)
    for part in (
        job.job_id,
        failed.source_server_id,
        invalid.source_server_id,
        "Check disk",
        "no space",
        "5 places",
        "laterThing",
    ):
        assert part in message
    assert "Nice to have" not in message
    assert ((failed,), (network, later, nameless), (run, optional)) == (
        job.failed_servers,
        job.failed_resources,
        job.failed_actions,
    )


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (OUTCOMES["a launch without servers"][0], "it has no participants"),
        (OUTCOMES["an unknown type"][0], "its type is CLONE"),
        (_job(JobType.LAUNCH, make_server(source_server_id="s-1", launch_status="PENDING")), "s-1 is PENDING"),
        (OUTCOMES["an action is in progress"][0], "action without a name on without an id is IN_PROGRESS"),
        (OUTCOMES["pending"][0], "still running"),
    ],
)
def test_message_has_why_undetermined(job: Job, message: str):
    with pytest.raises(JobOutcomeError, match=message):
        job.raise_unless_succeeded()


def test_message_has_all_reasons_why_undetermined():
    """Actions that succeeded or are optional are not in it."""
    runs = (make_run(name="Done"), make_run(name="Unfinished", status="IN_PROGRESS"))
    runs += (make_run(name="Optional", status="IN_PROGRESS", optional=True),)
    unfinished = make_server(source_server_id="s-1", launch_actions_status=LaunchActionsStatus(runs=runs))
    idle = make_server(source_server_id="s-2", launch_status="PENDING")
    network = make_resource(participating_resource_id=SourceNetworkID("sn-1"), launch_status="PENDING")
    job = make_job(participating_servers=(unfinished, idle), participating_resources=(network, make_resource()))
    with pytest.raises(
        JobOutcomeError, match=r"undetermined: s-2 is PENDING; sn-1 is PENDING; action Unfinished on s-1 is IN_PROGRESS; "
    ):
        job.raise_unless_succeeded()


def test_message_of_a_single_failure_has_no_count():
    job = make_job(participating_servers=(make_server(source_server_id="s-1", launch_status="FAILED"), make_server()))
    with pytest.raises(
        JobFailedError, match=f"^job {job.job_id} failed: server s-1 did not launch; drs-jobs show {job.job_id}, "
    ):
        job.raise_unless_succeeded()


def test_succeeded_job_has_no_failures():
    job = make_job(participating_resources=(make_resource(),))
    assert (job.failed_servers, job.failed_resources, job.failed_actions) == ((), (), ())


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({"action": LaunchAction(name="Check", action_code="Code"), "run_id": "id"}, "Check"),
        ({"action": LaunchAction(action_code="Code"), "run_id": "id"}, "Code"),
        ({"action": LaunchAction(action_code="Code")}, "Code"),
        ({"action": LaunchAction(), "run_id": "id"}, "id"),
        ({"run_id": "id"}, "id"),
        ({}, "without a name"),
    ],
)
def test_name_of_a_run(fields: dict[str, Any], name: str):
    """It is the action's name, else its code, else the run's id."""
    assert name == LaunchActionRun(**fields).name


@pytest.mark.parametrize(
    ("job_type", "expected"), [(JobType.LAUNCH, ["1"]), (JobType.TERMINATE, ["2"]), (UnknownValue("CLONE"), []), (None, [])]
)
def test_servers_at_target(job_type: JobType | UnknownValue | None, expected: list[str]):
    """They are LAUNCHED after a LAUNCH and TERMINATED after a TERMINATE. Other types have none.

    A server with a failed non-optional action is not one of them.
    """
    states = (("1", "LAUNCHED"), ("2", "TERMINATED"), ("3", "FAILED"), ("4", None))
    servers = [make_server(source_server_id=server_id, launch_status=status) for server_id, status in states]
    failed = LaunchActionsStatus(runs=(make_run(status="FAILED", optional=False),))
    servers += [make_server(launch_status=status, launch_actions_status=failed) for status in ("LAUNCHED", "TERMINATED")]
    job = _job(job_type, *servers)
    assert expected == [server.source_server_id for server in job.servers_at_target]


def test_outcome_of_one_server():
    """Failures of other servers and of resources do not count."""
    good, bad = make_server(), make_server(launch_status="FAILED")
    job = make_job(participating_servers=(good, bad), participating_resources=(make_resource(launch_status="FAILED"),))
    outcomes = [job.outcome_of(str(server.source_server_id)) for server in (good, bad)]
    assert outcomes == [Outcome.SUCCEEDED, Outcome.FAILED]
    assert job.outcome_of("s-other") is None


def test_message_of_a_failed_clean_up():
    """The message does not mention a launch."""
    job = make_job(type="TERMINATE", participating_servers=(make_server(source_server_id="s-1", launch_status="FAILED"),))
    with pytest.raises(JobFailedError, match="server s-1 failed"):
        job.raise_unless_succeeded()


# ------------------------------------------------------------------ times, account, region


def test_duration_and_elapsed():
    """The duration needs an end date. The elapsed time grows until the job is complete."""
    created, now = NOON, NOON + timedelta(hours=1)
    running = Job(job_id="j", creation_date_time=created, status=JobStatus.STARTED)
    done = Job(job_id="j", creation_date_time=created, end_date_time=created + timedelta(minutes=9))
    endless = Job(job_id="j", creation_date_time=created, status=JobStatus.COMPLETED)
    assert (None, timedelta(hours=1)) == (running.duration, running.elapsed(now))
    assert (timedelta(minutes=9), timedelta(minutes=9)) == (done.duration, done.elapsed(now))
    assert (endless.duration, endless.elapsed(now)) == (None, None)
    assert timedelta(hours=1) == running.elapsed(now.astimezone(timezone(timedelta(hours=9))))
    with pytest.raises(ValueError, match="time zone"):
        running.elapsed(datetime(2024, 6, 15))  # noqa: DTZ001  # the case under test


def test_is_drill():
    assert make_job(initiated_by="START_DRILL").is_drill
    assert not make_job(initiated_by=InitiatedBy.START_RECOVERY).is_drill


@pytest.mark.parametrize(
    ("job_type", "initiated_by", "kind"),
    [
        ("LAUNCH", "START_DRILL", "drill"),
        ("LAUNCH", "CREATE_NETWORK_RECOVERY", "network"),
        ("TERMINATE", "TERMINATE_RECOVERY_INSTANCES", "clean-up"),
        ("TERMINATE", None, "clean-up"),
        ("LAUNCH", None, "-"),
        ("LAUNCH", "LATER", "LATER"),
    ],
)
def test_kind(job_type: str, initiated_by: str | None, kind: str):
    assert kind == make_job(type=job_type, initiated_by=initiated_by).kind


@pytest.mark.parametrize(
    ("arn", "account_id", "region", "url"),
    [
        (
            "arn:aws:drs:us-west-2:123456789012:job/drsjob-1",
            "123456789012",
            "us-west-2",
            "https://us-west-2.console.aws.amazon.com/drs/home?region=us-west-2#/launchHistory/drsjob-1",
        ),
        (
            "arn:aws-us-gov:drs:us-gov-west-1:123456789012:job/drsjob-1",
            "123456789012",
            "us-gov-west-1",
            "https://us-gov-west-1.console.amazonaws-us-gov.com/drs/home?region=us-gov-west-1#/launchHistory/drsjob-1",
        ),
        ("arn:aws-cn:drs:cn-north-1:123456789012:job/drsjob-1", "123456789012", "cn-north-1", None),
        ("arn:aws:drs:evil.example/x:123456789012:job/drsjob-1", None, None, None),
        ("arn:aws:drs:us-west-2:12:job/drsjob-1", None, None, None),
        ("no arn", None, None, None),
        ("", None, None, None),
    ],
)
def test_account_region_and_url_from_the_arn(arn, account_id, region, url):
    """An invalid ARN gives None. No ARN gives a URL outside the console."""
    job = Job(job_id="drsjob-1", arn=arn)
    assert (account_id, region, url) == (job.account_id, job.region, job.console_url)


def test_console_url_quotes_the_id():
    job = Job(job_id='<"\ud800>', arn="arn:aws:drs:us-west-2:123456789012:job/x")
    assert job.console_url is not None
    assert job.console_url.endswith("#/launchHistory/%3C%22%3F%3E")
