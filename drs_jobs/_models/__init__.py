"""The data classes: frozen attrs classes, open enums and tagged unions.

| module | contents |
|---|---|
| `base` | the base class of the data classes, and `UnknownMember` |
| `enums` | AWS's values, `UnknownValue` and `Outcome` |
| `job` | `Job` and the classes of its fields, as in the response of DescribeJobs |
| `log` | `JobLogItem` and the classes of its fields, as in the response of DescribeJobLogItems |
"""

from drs_jobs._models.base import UnknownMember
from drs_jobs._models.enums import *
from drs_jobs._models.job import (
    Job,
    LaunchAction,
    LaunchActionParameter,
    LaunchActionRun,
    LaunchActionsStatus,
    ParticipatingResource,
    ParticipatingResourceID,
    ParticipatingServer,
    SourceNetworkID,
)
from drs_jobs._models.log import (
    ConversionProperties,
    EventResourceData,
    JobLogEventData,
    JobLogItem,
    ProductCode,
    SourceNetworkData,
)

__all__ = [
    "ConversionProperties",
    "EventResourceData",
    "InitiatedBy",
    "Job",
    "JobLogEvent",
    "JobLogEventData",
    "JobLogItem",
    "JobStatus",
    "JobType",
    "LaunchAction",
    "LaunchActionCategory",
    "LaunchActionParameter",
    "LaunchActionParameterType",
    "LaunchActionRun",
    "LaunchActionRunStatus",
    "LaunchActionType",
    "LaunchActionsStatus",
    "LaunchStatus",
    "Outcome",
    "ParticipatingResource",
    "ParticipatingResourceID",
    "ParticipatingServer",
    "ProductCode",
    "ProductCodeMode",
    "SourceNetworkData",
    "SourceNetworkID",
    "UnknownMember",
    "UnknownValue",
]
