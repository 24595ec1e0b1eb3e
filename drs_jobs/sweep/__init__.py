"""Jobs of many accounts and regions: one result per target, in order of completion. An error is the result of its target.

A sweep runs on threads, or on any `concurrent.futures.Executor`, such as a pool of processes or a Dask cluster. Therefore
its tasks and results can be pickled. Each process has one session per profile and one client per region, which signs each
request with the credentials of its target. It calls AssumeRole once for all regions of an account, until the credentials must
be renewed. `drs_jobs.aio.sweep` does the same with the tasks of one asyncio event loop.
"""

from drs_jobs.sweep.targets import Target, TargetFailure, TargetResult, targets
from drs_jobs.sweep.workers import read_jobs, read_phases, sweep

__all__ = ["Target", "TargetFailure", "TargetResult", "read_jobs", "read_phases", "sweep", "targets"]

for _value in (Target, TargetFailure, TargetResult):
    _value.__module__ = __name__
