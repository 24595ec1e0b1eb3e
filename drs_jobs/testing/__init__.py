"""A local DRS endpoint and realistic jobs, to test code that reads disaster-recovery jobs. Requires the extra `testing`."""

from drs_jobs import _extras

try:
    from drs_jobs.testing.factories import make_job, make_log_item, make_resource, make_run, make_server
    from drs_jobs.testing.failures import BootFailure, LaunchActionFailure, PhaseFailure, RefusedCall, SilentFailure, Stuck
    from drs_jobs.testing.faults import (
        CutOff,
        DropConnection,
        ErrorResponse,
        Fault,
        HtmlPage,
        RawResponse,
        ServerError,
        Slow,
        Throttle,
    )
    from drs_jobs.testing.histories import History, make_history
    from drs_jobs.testing.local_drs import LocalDrs, RecordedRequest
except ImportError as _error:
    raise _extras.missing_extra_error("testing", _error) from _error

__all__ = [
    "BootFailure",
    "CutOff",
    "DropConnection",
    "ErrorResponse",
    "Fault",
    "History",
    "HtmlPage",
    "LaunchActionFailure",
    "LocalDrs",
    "PhaseFailure",
    "RawResponse",
    "RecordedRequest",
    "RefusedCall",
    "ServerError",
    "SilentFailure",
    "Slow",
    "Stuck",
    "Throttle",
    "make_history",
    "make_job",
    "make_log_item",
    "make_resource",
    "make_run",
    "make_server",
]
