"""Typed jobs of AWS Elastic Disaster Recovery (DRS): a client library for DescribeJobs, based on boto3."""

from drs_jobs import analysis as analysis
from drs_jobs._aws.structure import structure_job, structure_log_item
from drs_jobs._aws.unstructure import unstructure_job, unstructure_log_item
from drs_jobs._client import JobsClient, SupportsDescribeJobs
from drs_jobs._errors import (
    AccessDeniedException,
    DrsJobsError,
    InternalServerException,
    JobFailedError,
    JobNotFoundError,
    JobOutcomeError,
    MalformedResponseError,
    PaginationLoopError,
    ServiceError,
    ThrottlingException,
    UninitializedAccountException,
    ValidationException,
    WaitTimeoutError,
    is_transient,
)
from drs_jobs._models import (
    ConversionProperties,
    EventResourceData,
    InitiatedBy,
    Job,
    JobLogEvent,
    JobLogEventData,
    JobLogItem,
    JobStatus,
    JobType,
    LaunchAction,
    LaunchActionCategory,
    LaunchActionParameter,
    LaunchActionParameterType,
    LaunchActionRun,
    LaunchActionRunStatus,
    LaunchActionsStatus,
    LaunchActionType,
    LaunchStatus,
    Outcome,
    ParticipatingResource,
    ParticipatingResourceID,
    ParticipatingServer,
    ProductCode,
    ProductCodeMode,
    SourceNetworkData,
    SourceNetworkID,
    UnknownMember,
    UnknownValue,
)
from drs_jobs._models.source_server import SourceServer
from drs_jobs._pagination.pager import Pager, PagerIterator
from drs_jobs._pagination.pages import Items, Page
from drs_jobs._queries import JobRef

__version__ = "0.1.0"

__all__ = [
    "AccessDeniedException",
    "ConversionProperties",
    "DrsJobsError",
    "EventResourceData",
    "InitiatedBy",
    "InternalServerException",
    "Items",
    "Job",
    "JobFailedError",
    "JobLogEvent",
    "JobLogEventData",
    "JobLogItem",
    "JobNotFoundError",
    "JobOutcomeError",
    "JobRef",
    "JobStatus",
    "JobType",
    "JobsClient",
    "LaunchAction",
    "LaunchActionCategory",
    "LaunchActionParameter",
    "LaunchActionParameterType",
    "LaunchActionRun",
    "LaunchActionRunStatus",
    "LaunchActionType",
    "LaunchActionsStatus",
    "LaunchStatus",
    "MalformedResponseError",
    "Outcome",
    "Page",
    "Pager",
    "PagerIterator",
    "PaginationLoopError",
    "ParticipatingResource",
    "ParticipatingResourceID",
    "ParticipatingServer",
    "ProductCode",
    "ProductCodeMode",
    "ServiceError",
    "SourceNetworkData",
    "SourceNetworkID",
    "SourceServer",
    "SupportsDescribeJobs",
    "ThrottlingException",
    "UninitializedAccountException",
    "UnknownMember",
    "UnknownValue",
    "ValidationException",
    "WaitTimeoutError",
    "__version__",
    "analysis",
    "is_transient",
    "structure_job",
    "structure_log_item",
    "unstructure_job",
    "unstructure_log_item",
]

# Pickles and tracebacks name the public module of a class, not the private one that defines it.
for _value in [globals()[_name] for _name in __all__]:
    if isinstance(_value, type):
        _value.__module__ = __name__
