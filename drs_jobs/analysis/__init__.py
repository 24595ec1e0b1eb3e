"""Analysis of jobs and their logs: phases, progress, failures, several jobs as one. Pure functions.

| module | contents |
|---|---|
| `log` | the log, read once: phases, failures and instance of each participant |
| `phase` | the phases of each participant, with their times |
| `job_progress` | the progress of a job, as a fraction and in words |
| `failure` | the failed participants with the reasons, and the EC2 instances that a job launched |
| `cause` | the same reason of several participants |
| `hints` | what to do next about AWS's error texts, and refused calls |
| `several_jobs` | several jobs as one, busy servers, and what the quotas count |
| `times` | the order of jobs and log items in time |
"""

from drs_jobs.analysis.cause import Cause
from drs_jobs.analysis.failure import Explanation, Failure, explain, instance_ids
from drs_jobs.analysis.job_progress import Progress, SlowServer, progress
from drs_jobs.analysis.log import PhaseName
from drs_jobs.analysis.phase import JobPhases, ParticipantPhases, Phase, phases
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
