"""What AWS returns, as classes: frozen attrs classes, open enums and tagged unions. All of it is public in `drs_jobs`."""

from drs_jobs._models.base import UnknownMember
from drs_jobs._models.enums import *
from drs_jobs._models.job import *
from drs_jobs._models.log import *
from drs_jobs._models.source_server import SourceServer

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
    "SourceServer",
    "UnknownMember",
    "UnknownValue",
]
