"""A local DRS endpoint and realistic jobs, to test code that reads disaster-recovery jobs. Requires the extra `testing`.

| module | content |
|---|---|
| `local_drs` | `LocalDrs`, the HTTP endpoint |
| `backend` | the DRS operations, without HTTP |
| `simulated_jobs` | jobs whose status and log change with time |
| `clock` | the clock of the simulated jobs |
| `request_validation` | validation of requests against botocore's service model |
| `faults` | faults that can be injected into responses |
| `factories` | functions that create realistic jobs |
| `pytest` | the fixture `local_drs`, to be imported in a `conftest.py` |
"""

from drs_jobs.testing.factories import make_history, make_job, make_log_item, make_resource, make_run, make_server
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
from drs_jobs.testing.local_drs import LocalDrs, RecordedRequest
from drs_jobs.testing.simulated_jobs import BootFailure, LaunchActionFailure

__all__ = [
    "BootFailure",
    "CutOff",
    "DropConnection",
    "ErrorResponse",
    "Fault",
    "HtmlPage",
    "LaunchActionFailure",
    "LocalDrs",
    "RawResponse",
    "RecordedRequest",
    "ServerError",
    "Slow",
    "Throttle",
    "make_history",
    "make_job",
    "make_log_item",
    "make_resource",
    "make_run",
    "make_server",
]
