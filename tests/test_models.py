"""The data classes: what they are, and what a job says of itself."""

import copy
import json
import pickle
from datetime import UTC, datetime, timedelta, timezone
from types import MappingProxyType
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
    MalformedResponseError,
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
def test_a_job_survives_everything_that_carries_objects_about(job: Job):
    """Hash, equality, pickle, deepcopy and a trip through JSON all give back an equal job."""
    for other in (
        pickle.loads(pickle.dumps(job)),
        copy.deepcopy(job),
        structure_job(json.loads(json.dumps(unstructure_job(job)))),
    ):
        assert job == other
        assert hash(job) == hash(other)


@given(log_items)
@settings(max_examples=100)
def test_a_log_item_survives_pickle_and_deepcopy(item: JobLogItem):
    """Log items are data like jobs."""
    assert item == pickle.loads(pickle.dumps(item)) == copy.deepcopy(item)
    assert hash(item) == hash(copy.deepcopy(item))


@given(jobs)
def test_no_repr_is_longer_than_a_line(job: Job):
    """A repr is one bounded line, printable as it is."""
    for record in (job, *job.participating_servers, *job.participating_resources, *job.failed_actions):
        assert len(repr(record)) < 3000
        assert repr(record).isprintable()


def test_the_repr_of_a_job_of_200_servers_counts_them():
    """Counts, not contents."""
    job = make_job(participating_servers=tuple(make_server() for _ in range(200)), tags={"Owner": "secret"})
    assert "participating_servers=<200>" in repr(job)
    assert "tags" not in repr(job)


def test_the_repr_of_an_unknown_member_is_its_name():
    """What it holds may be anything."""
    assert repr(UnknownMember("laterThing", {"a": "secret"})) == "UnknownMember(name='laterThing')"


def test_a_number_of_any_size_has_a_short_repr():
    """What fits into 64 bits is printed; Python would refuse to print the largest."""
    assert repr(LaunchAction(order=2**64 - 1)) == "LaunchAction(order=18446744073709551615)"
    assert repr(LaunchAction(order=2**64)) == "LaunchAction(order=<a number of 65 bits>)"
    assert repr(LaunchAction(order=10**5000)) == "LaunchAction(order=<a number of 16610 bits>)"


def test_fields_can_not_be_assigned():
    """Jobs are frozen and slotted."""
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        make_job().status = JobStatus.PENDING  # type: ignore[misc]
    assert not hasattr(make_job(), "__dict__")


def test_only_the_id_is_required():
    """Everything else may be absent, and nothing is made up for it."""
    job = structure_job({"jobID": "drsjob-1"})
    assert job == Job(job_id="drsjob-1")
    assert (job.participating_servers, job.tags, job.status) == ((), {}, None)
    assert (job.is_complete, job.is_drill, job.duration, job.elapsed(NOON)) == (False, False, None, None)
    assert (job.account_id, job.region, job.console_url) == (None, None, None)


def test_unknown_values_are_strings_of_a_class_of_their_own():
    """They compare as strings and say in their repr what they are."""
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
    "started, and a server failed already": (
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
    "nobody launched": (_job(JobType.LAUNCH), Outcome.UNDETERMINED),
    "terminated": (_job(JobType.TERMINATE, _server("TERMINATED")), Outcome.SUCCEEDED),
    "a clean-up that lists nobody": (_job(JobType.TERMINATE), Outcome.SUCCEEDED),
    "a clean-up that left a server": (_job(JobType.TERMINATE, _server("LAUNCHED")), Outcome.UNDETERMINED),
    "a clean-up that failed": (_job(JobType.TERMINATE, _server("FAILED")), Outcome.FAILED),
    "a type without an aim": (_job(JobType.CREATE_CONVERTED_SNAPSHOT, _server("LAUNCHED")), Outcome.UNDETERMINED),
    "a type without an aim that lists nobody": (_job(JobType.CREATE_CONVERTED_SNAPSHOT), Outcome.UNDETERMINED),
    "an unknown type": (_job(UnknownValue("CLONE"), _server("LAUNCHED")), Outcome.UNDETERMINED),
    "an unknown type that failed": (_job(UnknownValue("CLONE"), _server("FAILED")), Outcome.FAILED),
    "no type": (_job(None, _server("LAUNCHED")), Outcome.UNDETERMINED),
    "no type, nobody": (_job(None), Outcome.UNDETERMINED),
    "an action succeeded": (_job(JobType.LAUNCH, _server("LAUNCHED", ("SUCCEEDED", False))), Outcome.SUCCEEDED),
    "an action failed": (_job(JobType.LAUNCH, _server("LAUNCHED", ("FAILED", False))), Outcome.FAILED),
    "an action that says nothing of optional failed": (
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
def test_each_row_of_the_outcome_table(name: str):
    """The outcome is what design promises, row by row."""
    job, expected = OUTCOMES[name]
    assert expected is job.outcome


def test_raise_unless_succeeded_gives_the_job_back_only_if_it_succeeded():
    """Success passes; failure, running and doubt raise, failure as the narrower error."""
    assert make_job().raise_unless_succeeded().outcome is Outcome.SUCCEEDED
    for name, (job, outcome) in OUTCOMES.items():
        if outcome is Outcome.SUCCEEDED:
            assert job is job.raise_unless_succeeded(), name
        else:
            with pytest.raises(JobOutcomeError) as caught:
                job.raise_unless_succeeded()
            assert job is caught.value.job
            assert (outcome is Outcome.FAILED) == isinstance(caught.value, JobFailedError)


def test_a_failed_job_names_what_failed_and_why():
    """The error says which server and which action, and gives the reason AWS gave."""
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
    ("job", "words"),
    [
        (OUTCOMES["nobody launched"][0], "it has no participants"),
        (OUTCOMES["an unknown type"][0], "its type is CLONE"),
        (_job(JobType.LAUNCH, make_server(source_server_id="s-1", launch_status="PENDING")), "s-1 is PENDING"),
        (OUTCOMES["an action is in progress"][0], "action without a name on without an id is IN_PROGRESS"),
        (OUTCOMES["pending"][0], "still running"),
    ],
)
def test_doubts_are_named(job: Job, words: str):
    """Whoever is told that an outcome is undetermined is told why."""
    with pytest.raises(JobOutcomeError, match=words):
        job.raise_unless_succeeded()


def test_all_doubts_are_named_and_nothing_else():
    """Neither what succeeded, nor what is optional."""
    runs = (make_run(name="Done"), make_run(name="Doubtful", status="IN_PROGRESS"))
    runs += (make_run(name="Optional", status="IN_PROGRESS", optional=True),)
    doubtful = make_server(source_server_id="s-1", launch_actions_status=LaunchActionsStatus(runs=runs))
    idle = make_server(source_server_id="s-2", launch_status="PENDING")
    network = make_resource(participating_resource_id=SourceNetworkID("sn-1"), launch_status="PENDING")
    job = make_job(participating_servers=(doubtful, idle), participating_resources=(network, make_resource()))
    with pytest.raises(
        JobOutcomeError, match=r"undetermined: s-2 is PENDING; sn-1 is PENDING; action Doubtful on s-1 is IN_PROGRESS$"
    ):
        job.raise_unless_succeeded()


def test_a_single_failure_is_not_counted():
    """Where there is one place, it says which, and not how many."""
    job = make_job(participating_servers=(make_server(source_server_id="s-1", launch_status="FAILED"), make_server()))
    with pytest.raises(JobFailedError, match=f"^job {job.job_id} failed: server s-1 did not launch$"):
        job.raise_unless_succeeded()


def test_what_went_well_is_in_no_list_of_failures():
    """Neither a server, nor a resource, nor a run."""
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
def test_a_run_is_called_by_the_best_name_there_is(fields: dict[str, Any], name: str):
    """The action's name, else its code, else the run's id."""
    assert name == LaunchActionRun(**fields).name


@pytest.mark.parametrize(
    ("job_type", "arrived"), [(JobType.LAUNCH, ["1"]), (JobType.TERMINATE, ["2"]), (UnknownValue("CLONE"), []), (None, [])]
)
def test_arrived_servers_are_where_the_job_aims(job_type: JobType | UnknownValue | None, arrived: list[str]):
    """Launched by a launch, terminated by a clean-up; of a type whose aim nobody knows, and of no type, none."""
    states = (("1", "LAUNCHED"), ("2", "TERMINATED"), ("3", "FAILED"), ("4", None))
    servers = (make_server(source_server_id=server_id, launch_status=status) for server_id, status in states)
    job = _job(job_type, *servers)
    assert arrived == [server.source_server_id for server in job.arrived_servers]


def test_the_outcome_for_one_server_is_its_own():
    """One failed, one launched, one has nothing to do with the job."""
    good, bad = make_server(), make_server(launch_status="FAILED")
    job = make_job(participating_servers=(good, bad), participating_resources=(make_resource(launch_status="FAILED"),))
    outcomes = [job.outcome_of(str(server.source_server_id)) for server in (good, bad)]
    assert outcomes == [Outcome.SUCCEEDED, Outcome.FAILED]
    assert job.outcome_of("s-other") is None


def test_a_failed_clean_up_is_not_told_as_a_failed_launch():
    """The words fit the type of job."""
    job = make_job(type="TERMINATE", participating_servers=(make_server(source_server_id="s-1", launch_status="FAILED"),))
    with pytest.raises(JobFailedError, match="server s-1 failed"):
        job.raise_unless_succeeded()


# ------------------------------------------------------------------ times and places


def test_duration_and_elapsed():
    """Duration needs an end; elapsed counts up to now while the job runs and no further once it is complete."""
    created, now = NOON, NOON + timedelta(hours=1)
    running = Job(job_id="j", creation_date_time=created, status=JobStatus.STARTED)
    done = Job(job_id="j", creation_date_time=created, end_date_time=created + timedelta(minutes=9))
    endless = Job(job_id="j", creation_date_time=created, status=JobStatus.COMPLETED)
    assert (None, timedelta(hours=1)) == (running.duration, running.elapsed(now))
    assert (timedelta(minutes=9), timedelta(minutes=9)) == (done.duration, done.elapsed(now))
    assert (endless.duration, endless.elapsed(now)) == (None, None)
    assert timedelta(hours=1) == running.elapsed(now.astimezone(timezone(timedelta(hours=9))))
    with pytest.raises(ValueError, match="time zone"):
        running.elapsed(datetime(2024, 6, 15))  # noqa: DTZ001  # that is the point


def test_is_drill():
    """A drill is what START_DRILL started."""
    assert make_job(initiated_by="START_DRILL").is_drill
    assert not make_job(initiated_by=InitiatedBy.START_RECOVERY).is_drill


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
def test_account_region_and_link_come_from_the_arn(arn, account_id, region, url):
    """What the ARN does not say is None, and no ARN makes a link to somewhere else."""
    job = Job(job_id="drsjob-1", arn=arn)
    assert (account_id, region, url) == (job.account_id, job.region, job.console_url)


def test_a_link_quotes_the_id():
    """An id with markup or a lone surrogate makes a harmless link."""
    job = Job(job_id='<"\ud800>', arn="arn:aws:drs:us-west-2:123456789012:job/x")
    assert job.console_url is not None
    assert job.console_url.endswith("#/launchHistory/%3C%22%3F%3E")


def test_unstructure_refuses_a_naive_datetime():
    """A hand-made job without a time zone would be a guess."""
    with pytest.raises(ValueError, match="time zone"):
        unstructure_job(Job(job_id="j", creation_date_time=datetime(2024, 6, 15)))  # noqa: DTZ001  # that is the point


def test_unstructure_leaves_out_what_is_absent_and_converts_to_utc():
    """None and empty collections are left out; timestamps end in +00:00, whatever zone a hand-made job has."""
    tokyo = timezone(timedelta(hours=9))
    job = Job(
        job_id="j", creation_date_time=datetime(2024, 6, 15, 9, tzinfo=tokyo), participating_servers=(ParticipatingServer(),)
    )
    assert unstructure_job(job) == {"jobID": "j", "creationDateTime": "2024-06-15T00:00:00+00:00", "participatingServers": [{}]}
    assert structure_job(unstructure_job(job)) == job


def test_an_unknown_member_keeps_its_value_where_there_is_one():
    """From the wire it keeps tag and value; where botocore dropped the value, the tag, and goes out as it came."""
    whole = {"jobID": "j", "participatingResources": [{"participatingResourceID": {"laterID": {"a": [1]}}}]}
    dropped = {
        "jobID": "j",
        "participatingResources": [{"participatingResourceID": {"SDK_UNKNOWN_MEMBER": {"name": "laterID"}}}],
    }
    for raw, value in ((whole, {"a": [1]}), (dropped, None)):
        job = structure_job(raw)
        assert job.participating_resources[0].participating_resource_id == UnknownMember("laterID", value)
        assert raw == unstructure_job(job)


def test_a_job_shares_nothing_with_the_dict_it_came_from():
    """Changing the raw dict afterwards does not change the job."""
    raw = {"jobID": "j", "tags": {"a": "b"}, "participatingResources": [{"participatingResourceID": {"laterID": {"a": [1]}}}]}
    job = structure_job(raw)
    raw["tags"]["a"] = "c"
    raw["participatingResources"][0]["participatingResourceID"]["laterID"]["a"].append(2)
    assert job.tags == {"a": "b"}
    assert job.participating_resources[0].participating_resource_id == UnknownMember("laterID", {"a": [1]})


def test_a_map_made_by_hand_may_have_keys_that_json_has_not():
    """They are malformed, not a crash."""
    for key in (None, 5, ("a",)):
        with pytest.raises(MalformedResponseError):
            structure_job({"jobID": "j", "tags": {key: "x"}})


def test_any_mapping_will_do_for_a_job():
    """What boto3 hands out is a dict; what others keep it in may be none."""
    assert structure_job(MappingProxyType({"jobID": "j"})) == Job(job_id="j")


def test_only_jobs_are_unstructured():
    """A dict is what comes out, not what goes in."""
    with pytest.raises(TypeError, match="takes a Job, not dict"):
        unstructure_job({"jobID": "j"})  # type: ignore[arg-type]  # that is what is wrong with it


@pytest.mark.parametrize("dropped", [None, {}, {"name": 5}, "x"])
def test_what_botocore_dropped_has_a_name(dropped: object):
    """Else nobody knows what it was."""
    union = {"SDK_UNKNOWN_MEMBER": dropped}
    with pytest.raises(MalformedResponseError):
        structure_job({"jobID": "j", "participatingResources": [{"participatingResourceID": union}]})
