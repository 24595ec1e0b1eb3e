"""Analysis of jobs and their logs: phases, progress, failures, several jobs as one. Pure functions."""

from drs_jobs.analysis.failure import Cause, Explanation, Failure, explain, instance_ids
from drs_jobs.analysis.job_progress import Progress, SlowServer, progress
from drs_jobs.analysis.log import Phase, PhaseName
from drs_jobs.analysis.phase import JobPhases, ParticipantPhases, phases
from drs_jobs.analysis.several_jobs import CombinedJobs, Usage, active_jobs, busy_servers, combine, latest_snapshots, usage

__all__ = [
    "Cause",
    "CombinedJobs",
    "Explanation",
    "Failure",
    "JobPhases",
    "ParticipantPhases",
    "Phase",
    "PhaseName",
    "Progress",
    "SlowServer",
    "Usage",
    "active_jobs",
    "busy_servers",
    "combine",
    "explain",
    "instance_ids",
    "latest_snapshots",
    "phases",
    "progress",
    "usage",
]

for _value in [globals()[_name] for _name in __all__]:
    if isinstance(_value, type):
        _value.__module__ = __name__
