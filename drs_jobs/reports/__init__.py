"""Reports on jobs and their logs: instances, failures with their reasons, the last drill of each server. Pure functions.

| module | responsibility |
|---|---|
| `_instances` | the EC2 instances that a job launched |
| `_failures` | the failed participants, with the reasons |
| `_drills` | the last drills of each server |
| `_combined` | several jobs as one |
| `_times` | the order of jobs and log items in time |
"""

from drs_jobs.reports._combined import active_jobs
from drs_jobs.reports._drills import DrillReport, ServerDrill, last_drills
from drs_jobs.reports._failures import Explanation, Failure, explain
from drs_jobs.reports._instances import instance_ids

__all__ = [
    "DrillReport",
    "Explanation",
    "Failure",
    "ServerDrill",
    "active_jobs",
    "explain",
    "instance_ids",
    "last_drills",
]


def _report_public_module() -> None:
    """Set the module of the public classes, so that pickles and tracebacks do not name private modules."""
    for name in __all__:
        if isinstance(value := globals()[name], type):
            value.__module__ = __name__


_report_public_module()
