"""Reports on jobs and their logs: failures, phases, recovery times, progress, drills, several jobs as one. Pure functions.

| module | responsibility |
|---|---|
| `_log` | the log, read once: phases, failures and instance of each participant |
| `_phases` | the phases of each participant, with their times |
| `_recovery` | recovery times, compared with an objective |
| `_progress` | the progress of a job, as a fraction and in words |
| `_failures` | the failed participants, with the reasons |
| `_causes` | the same reason of several participants, and refused calls |
| `_instances` | the EC2 instances that a job launched |
| `_drills` | the last drills of each server |
| `_combined` | several jobs as one, busy servers, and what the quotas count |
| `_html` | reports as HTML for notebooks |
| `_times` | the order of jobs and log items in time |
"""

from drs_jobs.analysis.cause import Cause
from drs_jobs.analysis.combined import CombinedJobs, Usage, active_jobs, busy_servers, combine, usage
from drs_jobs.analysis.failure import Explanation, Failure, explain
from drs_jobs.analysis.instances import instance_ids
from drs_jobs.analysis.job_progress import Progress, progress
from drs_jobs.analysis.log import PhaseName
from drs_jobs.analysis.phase import JobPhases, ParticipantPhases, Phase, phases

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
    "Usage",
    "active_jobs",
    "busy_servers",
    "combine",
    "explain",
    "instance_ids",
    "phases",
    "progress",
    "usage",
]

for _value in [globals()[_name] for _name in __all__]:
    if isinstance(_value, type):
        _value.__module__ = __name__
