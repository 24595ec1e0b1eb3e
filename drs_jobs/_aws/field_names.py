"""AWS's names of fields, union members and operations. `tests/test_completeness.py` compares them with the service model."""

from collections.abc import Mapping
from typing import Final

import attrs

from drs_jobs import _models

_IRREGULAR_NAMES: Final[Mapping[str, str]] = {
    "conversion_server_id": "conversionServerID",
    "job_id": "jobID",
    "participating_resource_id": "participatingResourceID",
    "recovery_instance_id": "recoveryInstanceID",
    "source_network_id": "sourceNetworkID",
    "source_server_id": "sourceServerID",
    "target_instance_id": "targetInstanceID",
}
"""AWS's names of the fields that do not follow the rule."""


def _aws_name(name: str) -> str:
    """Return AWS's name of a field: in camel case, such as `runId` for `run_id`, if it is not irregular."""
    first, *others = name.split("_")
    return _IRREGULAR_NAMES.get(name, "".join([first, *map(str.capitalize, others)]))


AWS_NAMES: Final[Mapping[type, Mapping[str, str]]] = {
    cls: {field.name: _aws_name(field.name) for field in attrs.fields(cls)}
    for cls in (
        _models.Job,
        _models.ParticipatingServer,
        _models.ParticipatingResource,
        _models.LaunchActionsStatus,
        _models.LaunchActionRun,
        _models.LaunchAction,
        _models.LaunchActionParameter,
        _models.JobLogItem,
        _models.JobLogEventData,
        _models.ConversionProperties,
        _models.ProductCode,
        _models.SourceNetworkData,
    )
}
"""AWS's name of every field, by class and field."""

UNION_TAGS: Final[Mapping[type, str]] = {
    _models.SourceNetworkID: "sourceNetworkID",
    _models.SourceNetworkData: "sourceNetworkData",
}
"""AWS's name of each known union member."""

SDK_UNKNOWN_MEMBER: Final = "SDK_UNKNOWN_MEMBER"
"""botocore's key for a union member that it does not have. It keeps the member's name, without its value."""

METHODS: Final[Mapping[str, str]] = {
    "DescribeJobs": "describe_jobs",
    "DescribeJobLogItems": "describe_job_log_items",
    "DescribeSourceServers": "describe_source_servers",
}
"""boto3's method for each operation."""
