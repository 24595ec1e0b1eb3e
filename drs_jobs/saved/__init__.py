"""Saved jobs: jobs and logs in a file, and a client that reads them without AWS."""

from drs_jobs.saved.client import SavedJobs
from drs_jobs.saved.writing import SavedCount, save_jobs

__all__ = ["SavedCount", "SavedJobs", "save_jobs"]

for _value in (SavedCount, SavedJobs):
    _value.__module__ = __name__
