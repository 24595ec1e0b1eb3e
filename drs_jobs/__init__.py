"""Typed jobs of AWS Elastic Disaster Recovery (DRS): a client library for DescribeJobs, based on boto3."""

from drs_jobs import _models
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
from drs_jobs._models import *
from drs_jobs._pagination.pager import Pager, PagerIterator
from drs_jobs._pagination.pages import Items, Page
from drs_jobs._queries import JobRef

__version__ = "0.1.0"

__all__ = [
    "AccessDeniedException",
    "DrsJobsError",
    "InternalServerException",
    "Items",
    "JobFailedError",
    "JobNotFoundError",
    "JobOutcomeError",
    "JobRef",
    "JobsClient",
    "MalformedResponseError",
    "Page",
    "Pager",
    "PagerIterator",
    "PaginationLoopError",
    "ServiceError",
    "SupportsDescribeJobs",
    "ThrottlingException",
    "UninitializedAccountException",
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
__all__ += _models.__all__

# Pickles and tracebacks name the public module of a class, not the private one that defines it.
for _value in [globals()[_name] for _name in __all__]:
    if isinstance(_value, type):
        _value.__module__ = __name__
