"""pydantic and msgspec read and write the data classes, unknown values and unions included."""

import copy
import json
import pickle
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

from drs_jobs import (
    Job,
    JobLogItem,
    JobStatus,
    LaunchActionsStatus,
    ParticipatingResourceID,
    SourceNetworkID,
    SourceServer,
    UnknownMember,
    UnknownValue,
    structure_job,
    unstructure_job,
)
from drs_jobs._models import EventResourceData, JobLogEventData, SourceNetworkData
from drs_jobs.testing import make_history, make_job, make_log_item, make_resource, make_run, make_server

pydantic = pytest.importorskip("pydantic", reason="needs pydantic")
msgspec = pytest.importorskip("msgspec", reason="needs msgspec")

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)


def resource(member: Any) -> Any:
    return make_resource(participating_resource_id=member)


JOBS = {
    "drill": make_job(tags={"wave": "1"}),
    "running": make_job(status="STARTED"),
    "empty": Job(job_id="drsjob-00000000000000000"),
    "unknown values": make_job(
        type="LATER",
        status="PAUSED",
        initiated_by="A_ROBOT",
        participating_servers=(make_server(launch_status="LOST"),),
    ),
    "network": make_job(
        participating_resources=(
            make_resource(),
            resource(None),
            resource(UnknownMember("vpcID", {"id": ["vpc-1", 2, None]})),
            resource(UnknownMember("vpcID", "vpc-1")),
            resource(UnknownMember("vpcID")),
        )
    ),
    "actions": make_job(
        participating_servers=(
            make_server(recovery_instance_id="i-00000000", launch_actions_status=LaunchActionsStatus(runs=(make_run(),))),
            make_server(launch_actions_status=None),
            make_server(launch_status="FAILED", source_server_id=None),
        )
    ),
}
LOG = [
    make_log_item(),
    make_log_item(event="LAUNCH_END", source_server_id="s-00000000000000001", target_instance_id="i-00000000"),
    make_log_item(event="LATER", event_data=None, log_date_time=None),
    *(
        make_log_item(event_data=JobLogEventData(event_resource_data=data))
        for data in (SourceNetworkData(), SourceNetworkData(stack_name="x"), UnknownMember("vpc", "text"), UnknownMember("x"))
    ),
]


@pytest.mark.parametrize("name", JOBS)
def test_pydantic_round_trip(name: str):
    """Equal, with the same types, as JSON and as dicts."""
    job, adapter = JOBS[name], pydantic.TypeAdapter(Job)
    for read in (adapter.validate_json(adapter.dump_json(job)), adapter.validate_python(adapter.dump_python(job))):
        assert (read, hash(read), repr(read)) == (job, hash(job), repr(job))
        assert [type(value) for value in (read.status, read.type)] == [type(value) for value in (job.status, job.type)]
        assert unstructure_job(read) == unstructure_job(job)
        assert copy.deepcopy(read) == pickle.loads(pickle.dumps(read)) == job
        assert read.outcome == job.outcome
    assert adapter.validate_python(job) is job


def test_pydantic_datetimes():
    """They are aware and in UTC."""
    adapter = pydantic.TypeAdapter(Job)
    fields = {"job_id": "drsjob-00000000000000001"}
    job = adapter.validate_python(fields | {"creation_date_time": "2024-06-15T12:00:00+02:00", "end_date_time": None})
    assert (job.creation_date_time, job.creation_date_time.tzinfo) == (datetime(2024, 6, 15, 10, tzinfo=UTC), UTC)
    for naive in (datetime(2024, 6, 15), "2024-06-15T12:00:00"):  # noqa: DTZ001
        with pytest.raises(pydantic.ValidationError, match=r"creation_date_time .* has no time zone"):
            adapter.validate_python(fields | {"creation_date_time": naive})


def test_pydantic_round_trip_of_a_history():
    adapter = pydantic.TypeAdapter(tuple[Job, ...])
    history = make_history(60, until=NOON, seed=3)
    assert adapter.validate_json(adapter.dump_json(history)) == history
    logs = make_history(10, until=NOON, logs=True).logs
    adapter = pydantic.TypeAdapter(dict[str, tuple[JobLogItem, ...]])
    assert adapter.validate_json(adapter.dump_json(dict(logs))) == logs


@pytest.mark.parametrize("item", LOG, ids=str)
def test_pydantic_round_trip_of_the_log(item: JobLogItem):
    adapter = pydantic.TypeAdapter(JobLogItem)
    assert adapter.validate_json(adapter.dump_json(item)) == item


def test_pydantic_fields():
    """In the user's own model, next to its own fields."""

    class Report(pydantic.BaseModel):
        job: Job
        server: SourceServer | None = None
        status: JobStatus | UnknownValue | None
        value: UnknownValue
        resource: ParticipatingResourceID
        data: EventResourceData
        log: list[JobLogItem]

    report = Report(
        job=JOBS["network"],
        server=SourceServer("s-00000000000000001", name="web"),
        status="PAUSED",
        value="COMPLETED",
        resource=UnknownMember("vpcID", "vpc-1"),
        data=SourceNetworkData(stack_name="x"),
        log=LOG,
    )
    assert (type(report.status), type(report.value)) == (UnknownValue, UnknownValue)
    assert Report.model_validate_json(report.model_dump_json()) == report
    assert Report.model_validate(report.model_dump()) == report
    for mode in ("validation", "serialization"):
        properties = Report.model_json_schema(mode=mode)["properties"]
        assert "job_id" in properties["job"]["properties"]
    assert json.loads(report.model_dump_json())["status"] == "PAUSED"


def test_pydantic_enums():
    """A value that the enum has is its member, however it is given."""
    adapter = pydantic.TypeAdapter(JobStatus | UnknownValue | None)
    given = {"COMPLETED": JobStatus, "PAUSED": UnknownValue, None: type(None)}
    for value, expected in given.items():
        for read in (adapter.validate_python(value), adapter.validate_json(json.dumps(value))):
            assert (read, type(read)) == (value, expected)
    assert adapter.validate_python(JobStatus.PENDING) is JobStatus.PENDING
    assert repr(adapter.validate_python(UnknownValue("X"))) == "UnknownValue('X')"


@pytest.mark.parametrize(
    ("value", "problem"),
    [
        ({}, "job_id\n  Field required"),
        ({"job_id": 1}, "job_id\n  Input should be a valid string"),
        ({"job_id": "x", "status": 5}, "status"),
        ({"job_id": "x", "participating_servers": [{"sourceServerID": "s"}]}, "sourceServerID\n  Extra inputs"),
        ({"jobID": "x"}, "jobID\n  Extra inputs"),
        ({"job_id": "x", "participating_resources": [{"participating_resource_id": {}}]}, "participating_resource_id"),
        (None, "dict"),
        ("x", "dict"),
    ],
)
def test_pydantic_refuses(value: Any, problem: str):
    with pytest.raises(pydantic.ValidationError) as caught:
        pydantic.TypeAdapter(Job).validate_python(value)
    assert problem in str(caught.value)


def test_no_import_of_pydantic():
    code = "import drs_jobs, sys; assert 'pydantic' not in sys.modules"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ------------------------------------------------------------------ msgspec


@pytest.mark.parametrize("name", JOBS)
def test_msgspec(name: str):
    """As docs/types.md says it: by the dicts of structure_job and unstructure_job."""
    data = msgspec.json.encode(unstructure_job(JOBS[name]))
    assert structure_job(msgspec.json.decode(data)) == JOBS[name]


@pytest.mark.parametrize("name", JOBS)
def test_msgspec_writes_the_fields(name: str):
    """With one hook, for unknown values."""
    assert msgspec.json.decode(msgspec.json.encode(JOBS[name], enc_hook=str))["job_id"] == JOBS[name].job_id


def test_msgspec_struct():
    """A field of a Struct, with hooks."""

    class Report(msgspec.Struct):
        title: str
        job: dict[str, Any]

    report = msgspec.json.decode(msgspec.json.encode(Report("x", unstructure_job(JOBS["network"]))), type=Report)
    assert structure_job(report.job) == JOBS["network"]
    assert isinstance(structure_job(report.job).participating_resources[0].participating_resource_id, SourceNetworkID)
