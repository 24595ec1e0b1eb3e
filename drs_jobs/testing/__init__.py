"""A DRS endpoint on this machine and believable jobs, to test code that reads disaster-recovery jobs. Extra `testing`.

| room | what it holds |
|---|---|
| `local_drs` | `LocalDrs`, the HTTP endpoint |
| `operations` | what each operation answers, without any HTTP |
| `living` | jobs that live: what they look like at any moment |
| `clock` | the time that living jobs live by |
| `validation` | requests checked against botocore's service model |
| `faults` | what can go wrong on demand |
| `factories` | jobs made with few words |
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
