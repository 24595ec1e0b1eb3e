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

from drs_jobs import _public
from drs_jobs.reports._causes import Cause
from drs_jobs.reports._combined import CombinedJobs, Usage, active_jobs, busy_servers, combine, usage
from drs_jobs.reports._drills import DrillReport, ServerDrill, last_drills
from drs_jobs.reports._failures import Explanation, Failure, explain
from drs_jobs.reports._instances import instance_ids
from drs_jobs.reports._log import PhaseName
from drs_jobs.reports._phases import JobPhases, ParticipantPhases, Phase, phases
from drs_jobs.reports._progress import Progress, progress
from drs_jobs.reports._recovery import RecoveryReport, ServerRecovery, recovery_times

__all__ = [
    "Cause",
    "CombinedJobs",
    "DrillReport",
    "Explanation",
    "Failure",
    "JobPhases",
    "ParticipantPhases",
    "Phase",
    "PhaseName",
    "Progress",
    "RecoveryReport",
    "ServerDrill",
    "ServerRecovery",
    "Usage",
    "active_jobs",
    "busy_servers",
    "combine",
    "explain",
    "instance_ids",
    "last_drills",
    "phases",
    "progress",
    "recovery_times",
    "usage",
]

_public.set_public_module(globals(), __name__)
