"""Other libraries as contenders: functions that read every field of every job with them."""

import dataclasses
from collections.abc import Callable
from datetime import datetime
from typing import Any

import adaptix
import boto3_dataclass_drs
import dacite
import mashumaro.codecs
import msgspec
import pydantic
from contenders import KEYS, default_factory, each, fetch_all, make_job_class, make_reader, pages_of, read_typed, use_decoder

# ------------------------------------------------------------------ pydantic and msgspec


def _pydantic_class(name: str, fields: dict[str, Any]) -> Any:
    def field(key: str, annotation: Any) -> Any:
        factory = default_factory(annotation)
        alias = KEYS[name][key]
        default = pydantic.Field(alias=alias, default_factory=factory) if factory else pydantic.Field(None, alias=alias)
        return (annotation, default)

    return pydantic.create_model(name, **{key: field(key, annotation) for key, annotation in fields.items()})


_PydanticJob = make_job_class(_pydantic_class)


def _msgspec_class(name: str, fields: dict[str, Any]) -> Any:
    def default(annotation: Any) -> Any:
        factory = default_factory(annotation)
        return msgspec.field(default_factory=factory) if factory else None

    listed = [(key, annotation, default(annotation)) for key, annotation in fields.items()]
    return msgspec.defstruct(name, listed, rename=KEYS[name], frozen=True)


_MsgspecJob = make_job_class(_msgspec_class)
_decode_structs = msgspec.json.Decoder(msgspec.defstruct("Response", [("items", list[_MsgspecJob])])).decode

# ------------------------------------------------------------------ dataclasses: dacite, mashumaro, adaptix


def _dataclass(name: str, fields: dict[str, Any]) -> Any:
    """A dataclass whose fields have AWS's names, because dacite cannot rename them."""

    def default(annotation: Any) -> Any:
        factory = default_factory(annotation)
        return dataclasses.field(default_factory=factory) if factory else dataclasses.field(default=None)

    listed = [(KEYS[name][key], annotation, default(annotation)) for key, annotation in fields.items()]
    return dataclasses.make_dataclass(name, listed, frozen=True)


_DataclassJob = make_job_class(_dataclass)
_dacite_config = dacite.Config(type_hooks={datetime: datetime.fromisoformat})
_mashumaro_decode = mashumaro.codecs.BasicDecoder(_DataclassJob).decode
_adaptix_load = adaptix.Retort(strict_coercion=False).get_loader(_DataclassJob)
_pydantic_validate = pydantic.TypeAdapter(list[_PydanticJob]).validate_python


# ------------------------------------------------------------------ reading

_read_dataclass = make_reader(KEYS)


def boto3_pydantic(client: Any) -> None:
    for page in pages_of(client):
        for job in _pydantic_validate(page["items"]):
            read_typed(job)


def boto3_dataclass(client: Any, *, reads: bool = True) -> None:
    """Its objects convert a value when it is read."""
    caster = boto3_dataclass_drs.caster
    for page in pages_of(client):
        # Its objects raise KeyError for an absent member, so only what every job has is read.
        for job in caster.describe_jobs(page).items:
            if reads:
                job.jobID, job.arn, job.type, job.initiatedBy, job.creationDateTime, job.endDateTime, job.status, job.tags
                for server in job.participatingServers:
                    server.sourceServerID, server.recoveryInstanceID, server.launchStatus
                    if "launchActionsStatus" in server.boto3_raw_data:
                        status = server.launchActionsStatus
                        status.ssmAgentDiscoveryDatetime
                        for run in status.runs:
                            run.runId, run.status
                            action = run.action
                            action.actionCode, action.actionId, action.actionVersion, action.active, action.category
                            action.description, action.name, action.optional, action.order, action.type
                            for parameter in action.boto3_raw_data["parameters"].values():
                                parameter["type"], parameter["value"]


def call_and_structs(client: Any) -> None:
    """A typed decoder alone: its objects are decoded, and the dicts that boto3's events need are not made."""
    empty: dict[str, Any] = {"items": []}
    use_decoder(lambda body: (_decode_structs(body), {**empty, **_token_of(body)})[1])
    fetch_all(client)


def _token_of(body: bytes) -> dict[str, str]:
    _, _, end = body[-40:].partition(b'"nextToken": "')
    return {"nextToken": end.partition(b'"')[0].decode()} if end else {}


PEERS: dict[str, Callable[[Any], None]] = {
    "boto3 and pydantic": boto3_pydantic,
    "boto3 and msgspec.convert": each(lambda job: msgspec.convert(job, _MsgspecJob), read_typed),
    "boto3 and mashumaro": each(_mashumaro_decode, _read_dataclass),
    "boto3 and adaptix": each(_adaptix_load, _read_dataclass),
    "boto3 and dacite": each(lambda job: dacite.from_dict(_DataclassJob, job, _dacite_config), _read_dataclass),
    "boto3-dataclass-drs": boto3_dataclass,
    "boto3-dataclass-drs, not read": lambda client: boto3_dataclass(client, reads=False),
    "(only call and msgspec, to Structs)": call_and_structs,
}
