"""A local DRS endpoint and realistic jobs, to test code that reads disaster-recovery jobs. Requires the extra `testing`.

| module | content |
|---|---|
| `local_drs` | `LocalDrs`, the HTTP endpoint |
| `routes` | the operation and the members of an HTTP request |
| `backend` | the DRS operations, without HTTP |
| `account_region` | the data of one account in one region |
| `aws_shapes`, `recovery_snapshots` | source servers, recovery instances and recovery snapshots in AWS's shape |
| `page_tokens` | pages and their tokens |
| `aws_errors` | the error responses of AWS |
| `service_model`, `validation` | botocore's service model, and validation against it |
| `simulated_jobs` | jobs whose status and log change with time |
| `timelines`, `profiles` | the events of a simulated job, and the measured durations |
| `failures` | failures that can be injected into simulated jobs |
| `histories`, `fleets` | a history of jobs with their logs and source servers |
| `clock` | the clock of the simulated jobs |
| `faults`, `schedule` | faults that can be injected into responses, and their order |
| `factories` | functions that create realistic jobs |
| `pytest` | the fixtures `local_drs` and `local_drs_session`, to be imported in a `conftest.py` |
"""

from drs_jobs.testing.factories import make_job, make_log_item, make_resource, make_run, make_server
from drs_jobs.testing.failures import (
    BootFailure,
    LaunchActionFailure,
    PhaseFailure,
    RefusedCall,
    SilentFailure,
    Stuck,
)
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
