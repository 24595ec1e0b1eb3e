"""The contenders: functions that read every field of every job, as raw dicts, by cattrs as it comes, and by drs_jobs."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import attrs
import cattrs
import msgspec
from cattrs.gen import make_dict_structure_fn, override

from drs_jobs import JobsClient
from drs_jobs._aws import responses
from drs_jobs._aws.field_names import AWS_NAMES
from drs_jobs._pagination.pages import Request

KEYS = {cls.__name__: dict(names) for cls, names in AWS_NAMES.items()}
SHAPES: dict[str, dict[str, Any]] = {
    "LaunchActionParameter": {"type": str | None, "value": str | None},
    "LaunchAction": {
        "action_code": str | None,
        "action_id": str | None,
        "action_version": str | None,
        "active": bool | None,
        "category": str | None,
        "description": str | None,
        "name": str | None,
        "optional": bool | None,
        "order": int | None,
        "parameters": ("dict", "LaunchActionParameter"),
        "type": str | None,
    },
    "LaunchActionRun": {"action": "LaunchAction", "run_id": str | None, "status": str | None, "failure_reason": str | None},
    "LaunchActionsStatus": {"runs": ("list", "LaunchActionRun"), "ssm_agent_discovery_datetime": datetime | None},
    "ParticipatingServer": {
        "source_server_id": str | None,
        "recovery_instance_id": str | None,
        "launch_status": str | None,
        "launch_actions_status": "LaunchActionsStatus",
    },
    "Job": {
        "job_id": str,
        "arn": str | None,
        "type": str | None,
        "initiated_by": str | None,
        "creation_date_time": datetime | None,
        "end_date_time": datetime | None,
        "status": str | None,
        "participating_servers": ("list", "ParticipatingServer"),
        "tags": dict[str, str],
    },
}
"""The fields of each class, without unions and enums. drs_jobs checks more than these."""


def make_job_class(make: Callable[[str, dict[str, Any]], Any]) -> Any:
    """The class `Job` and the classes of its fields. `make` creates a class from its name and the types of its fields."""
    made: dict[str, Any] = {}

    def resolve(annotation: Any) -> Any:
        match annotation:
            case str(name):
                return made[name] | None
            case ("list", name):
                return list[made[name]]
            case ("dict", name):
                return dict[str, made[name]]
            case _:
                return annotation

    for name, fields in SHAPES.items():
        made[name] = make(name, {field: resolve(annotation) for field, annotation in fields.items()})
    return made["Job"]


def default_factory(annotation: Any) -> Any:
    """The factory of the default value; `None` if the default is `None`."""
    return {list: list, dict: dict}.get(getattr(annotation, "__origin__", None))


# ------------------------------------------------------------------ cattrs

_converter = cattrs.Converter()
_converter.register_structure_hook(datetime, lambda value, _: datetime.fromisoformat(value))


def _attrs_class(name: str, fields: dict[str, Any]) -> Any:
    def field(annotation: Any) -> Any:
        factory = default_factory(annotation)
        return attrs.field(type=annotation, factory=factory) if factory else attrs.field(type=annotation, default=None)

    cls = attrs.make_class(name, {key: field(annotation) for key, annotation in fields.items()}, frozen=True, slots=True)
    renamed = {key: override(rename=KEYS[name][key]) for key in fields}
    _converter.register_structure_hook(cls, make_dict_structure_fn(cls, _converter, **renamed))  # type: ignore[arg-type]  # mypy does not check the names in **renamed
    return cls


_AttrsJob = make_job_class(_attrs_class)

# ------------------------------------------------------------------ reading


def _read_raw(job: Any) -> None:
    for key in ("jobID", "arn", "type", "initiatedBy", "creationDateTime", "endDateTime", "status", "tags"):
        job.get(key)
    for server in job.get("participatingServers", []):
        server.get("sourceServerID"), server.get("recoveryInstanceID"), server.get("launchStatus")
        status = server.get("launchActionsStatus", {})
        status.get("ssmAgentDiscoveryDatetime")
        for run in status.get("runs", []):
            run.get("runId"), run.get("status"), run.get("failureReason")
            action = run.get("action", {})
            for key in KEYS["LaunchAction"].values():
                action.get(key)
            for parameter in action.get("parameters", {}).values():
                parameter.get("type"), parameter.get("value")


def make_reader(keys: dict[str, dict[str, str]]) -> Callable[[Any], None]:
    """A function that reads every field of a job, whose classes have the fields of `SHAPES` with the names in `keys`."""
    lines = ["def read(job):"]

    def add(name: str, variable: str, indent: str) -> None:
        for field, annotation in SHAPES[name].items():
            value = f"{variable}.{keys[name][field]}"
            match annotation:
                case str(inner):
                    lines.append(f"{indent}if ({inner} := {value}) is not None:")
                    add(inner, inner, f"{indent}    ")
                case (kind, str(inner)):
                    lines.append(f"{indent}for {inner} in {value}{'.values()' if kind == 'dict' else ''}:")
                    add(inner, inner, f"{indent}    ")
                case _:
                    lines.append(f"{indent}{value}")

    add("Job", "job", "    ")
    names: dict[str, Any] = {}
    exec("\n".join(lines), names)  # the names of the table above
    read: Callable[[Any], None] = names["read"]
    return read


read_typed = make_reader({name: {field: field for field in fields} for name, fields in SHAPES.items()})


def pages_of(client: Any) -> Any:
    return client.get_paginator("describe_jobs").paginate()


def boto3_dicts(client: Any) -> None:
    for page in pages_of(client):
        for job in page["items"]:
            _read_raw(job)


def each(structure: Callable[[Any], Any], read: Callable[[Any], None]) -> Callable[[Any], None]:
    """A contender that structures the dicts of boto3 one by one."""

    def contender(client: Any) -> None:
        for page in pages_of(client):
            for job in page["items"]:
                read(structure(job))

    return contender


def use_decoder(decode: Callable[[bytes], Any] | None) -> None:
    """Decode with this function instead of that of the extra `speed`; `None` for the standard library."""
    responses.fast_decoder = lambda: decode  # type: ignore[assignment]  # not cached


def drs_jobs_json(client: Any) -> None:
    use_decoder(None)
    _drs_jobs(client)


def drs_jobs_msgspec(client: Any) -> None:
    use_decoder(msgspec.json.Decoder().decode)
    _drs_jobs(client)


def _drs_jobs(client: Any) -> None:
    for job in JobsClient(client).describe_jobs():
        read_typed(job)


def fetch_all(client: Any) -> None:
    jobs_client = JobsClient(client)
    token: str | None = None
    while True:
        page = jobs_client._fetch(Request("DescribeJobs", {} if token is None else {"nextToken": token}))
        token = page.next_token
        if token is None:
            return


def call_and_json(client: Any) -> None:
    """The calls and the decoding of their JSON: drs_jobs without structuring."""
    use_decoder(None)
    fetch_all(client)


def call_and_msgspec(client: Any) -> None:
    use_decoder(msgspec.json.Decoder().decode)
    fetch_all(client)


CONTENDERS: dict[str, Callable[[Any], None]] = {
    "boto3, raw dicts": boto3_dicts,
    "boto3 and cattrs as it comes": each(lambda job: _converter.structure(job, _AttrsJob), read_typed),
    "drs_jobs": drs_jobs_json,
    "drs_jobs with the extra speed": drs_jobs_msgspec,
    "(only call and json)": call_and_json,
    "(only call and msgspec)": call_and_msgspec,
}
