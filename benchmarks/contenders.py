"""The contenders: functions that read every field of every job, as raw dicts, or typed by one of four libraries."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import attrs
import cattrs
import msgspec
import pydantic
from cattrs.gen import make_dict_structure_fn, override

from drs_jobs import JobsClient
from drs_jobs._wire import NAMES

KEYS = {cls.__name__: dict(names) for cls, names in NAMES.items()}
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


def _make_job_class(make: Callable[[str, dict[str, Any]], Any]) -> Any:
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


def _default_factory(annotation: Any) -> Any:
    """The factory of the default value; `None` if the default is `None`."""
    return {list: list, dict: dict}.get(getattr(annotation, "__origin__", None))


# ------------------------------------------------------------------ cattrs

_converter = cattrs.Converter()
_converter.register_structure_hook(datetime, lambda value, _: datetime.fromisoformat(value))


def _attrs_class(name: str, fields: dict[str, Any]) -> Any:
    def field(annotation: Any) -> Any:
        factory = _default_factory(annotation)
        return attrs.field(type=annotation, factory=factory) if factory else attrs.field(type=annotation, default=None)

    cls = attrs.make_class(name, {key: field(annotation) for key, annotation in fields.items()}, frozen=True, slots=True)
    renamed = {key: override(rename=KEYS[name][key]) for key in fields}
    _converter.register_structure_hook(cls, make_dict_structure_fn(cls, _converter, **renamed))  # type: ignore[arg-type]  # mypy does not check the names in **renamed
    return cls


_AttrsJob = _make_job_class(_attrs_class)

# ------------------------------------------------------------------ pydantic and msgspec


def _pydantic_class(name: str, fields: dict[str, Any]) -> Any:
    def field(key: str, annotation: Any) -> Any:
        factory = _default_factory(annotation)
        alias = KEYS[name][key]
        default = pydantic.Field(alias=alias, default_factory=factory) if factory else pydantic.Field(None, alias=alias)
        return (annotation, default)

    return pydantic.create_model(name, **{key: field(key, annotation) for key, annotation in fields.items()})


_PydanticJob = _make_job_class(_pydantic_class)


def _msgspec_class(name: str, fields: dict[str, Any]) -> Any:
    def default(annotation: Any) -> Any:
        factory = _default_factory(annotation)
        return msgspec.field(default_factory=factory) if factory else None

    listed = [(key, annotation, default(annotation)) for key, annotation in fields.items()]
    return msgspec.defstruct(name, listed, rename=KEYS[name], frozen=True)


_MsgspecJob = _make_job_class(_msgspec_class)

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


def _read_typed(job: Any) -> None:
    job.job_id, job.arn, job.type, job.initiated_by, job.creation_date_time, job.end_date_time, job.status, job.tags
    for server in job.participating_servers:
        server.source_server_id, server.recovery_instance_id, server.launch_status
        status = server.launch_actions_status
        status.ssm_agent_discovery_datetime
        for run in status.runs:
            run.run_id, run.status, run.failure_reason
            action = run.action
            action.action_code, action.action_id, action.action_version, action.active, action.category, action.description
            action.name, action.optional, action.order, action.type
            for parameter in action.parameters.values():
                parameter.type, parameter.value


def _pages(client: Any) -> Any:
    return client.get_paginator("describe_jobs").paginate()


def boto3_dicts(client: Any) -> None:
    for page in _pages(client):
        for job in page["items"]:
            _read_raw(job)


def boto3_cattrs(client: Any) -> None:
    for page in _pages(client):
        for job in page["items"]:
            _read_typed(_converter.structure(job, _AttrsJob))


def boto3_pydantic(client: Any) -> None:
    for page in _pages(client):
        for job in page["items"]:
            _read_typed(_PydanticJob.model_validate(job))


def boto3_msgspec(client: Any) -> None:
    for page in _pages(client):
        for job in page["items"]:
            _read_typed(msgspec.convert(job, _MsgspecJob))


def drs_jobs(client: Any) -> None:
    for job in JobsClient(client).describe_jobs():
        _read_typed(job)


def call_and_decode(client: Any) -> None:
    """The calls and the decoding of their JSON: drs_jobs without structuring, as a lower limit."""
    jobs_client = JobsClient(client)
    token: str | None = None
    while True:
        page = jobs_client._fetch("DescribeJobs", {} if token is None else {"nextToken": token})
        token = page.next_token
        if token is None:
            return


CONTENDERS: dict[str, Callable[[Any], None]] = {
    "boto3, raw dicts": boto3_dicts,
    "boto3 and cattrs": boto3_cattrs,
    "boto3 and pydantic": boto3_pydantic,
    "boto3 and msgspec.convert": boto3_msgspec,
    "drs_jobs": drs_jobs,
    "(only call and decoding)": call_and_decode,
}
