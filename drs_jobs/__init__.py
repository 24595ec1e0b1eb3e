"""Typed jobs of AWS Elastic Disaster Recovery (DRS): a client library for DescribeJobs, based on boto3."""

import typing as _typing
from importlib import import_module as _import_module

if _typing.TYPE_CHECKING:
    from drs_jobs import reports as reports
    from drs_jobs._arguments import JobRef
    from drs_jobs._async_client import AsyncJobsClient as AsyncJobsClient
    from drs_jobs._async_client import SupportsAsyncDescribeJobs as SupportsAsyncDescribeJobs
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
    from drs_jobs._pagination import Items, Page, Pager, PagerIterator
    from drs_jobs._pagination.async_pager import AsyncPager as AsyncPager
    from drs_jobs._pagination.async_pager import AsyncPagerIterator as AsyncPagerIterator
    from drs_jobs._wire import structure_job, structure_log_item, unstructure_job, unstructure_log_item

    __version__: str
else:

    def __getattr__(name: str) -> object:
        """Return a public name, `reports` or `__version__`, loaded on first use, so that `drs-jobs --help` is quick."""
        if name == "reports":
            return _import_module("drs_jobs.reports")
        if name == "__version__":
            return _import_module("importlib.metadata").version(__name__)
        if name in __all__ or name in _ASYNCHRONOUS:
            modules = "_errors", "_models", "_pagination", "_wire", "_arguments", "_client"
            for private in modules if name in __all__ else ("_async_client", "_pagination.async_pager"):
                module = _import_module(f"{__name__}.{private}")
                if hasattr(module, name):
                    return globals().setdefault(name, getattr(module, name))
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        """Return the names of the module, for completion in a shell or notebook."""
        is_asynchronous = _import_module("importlib.util").find_spec("anyio") is not None
        return sorted({*globals(), *__all__, "reports", *(_ASYNCHRONOUS if is_asynchronous else ())})


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
    "SupportsDescribeJobs",
    "ThrottlingException",
    "UninitializedAccountException",
    "UnknownMember",
    "UnknownValue",
    "ValidationException",
    "WaitTimeoutError",
    "__version__",
    "is_transient",
    "structure_job",
    "structure_log_item",
    "unstructure_job",
    "unstructure_log_item",
]

_ASYNCHRONOUS = ("AsyncJobsClient", "AsyncPager", "AsyncPagerIterator", "SupportsAsyncDescribeJobs")
"""Public names that need the extra `async`, so `import *` does not load them."""
