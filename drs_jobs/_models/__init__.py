"""The data: frozen attrs classes, open enums and tagged unions, with the questions a job can answer about itself.

| room | what it holds |
|---|---|
| `enums` | the values AWS names, and `UnknownValue` for those it names later |
| `job` | `Job` and all that hangs from it, as DescribeJobs answers it |
| `log` | `JobLogItem` and all that hangs from it, as DescribeJobLogItems answers it |
"""

from drs_jobs._models.base import UnknownMember
from drs_jobs._models.enums import (
    InitiatedBy,
    JobLogEvent,
    JobStatus,
    JobType,
    LaunchActionCategory,
    LaunchActionParameterType,
    LaunchActionRunStatus,
    LaunchActionType,
    LaunchStatus,
    Outcome,
    ProductCodeMode,
    UnknownValue,
)
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
