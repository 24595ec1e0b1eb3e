"""Saved jobs: jobs and logs in a file, and a client that reads them without AWS.

| module | contents |
|---|---|
| `archive` | what is in files: lines of `save_jobs`, and what AWS's command line prints |
| `client` | `SavedJobs`: boto3's two methods over files |
| `writing` | `save_jobs`, and its two steps: what a file lacks of an account and region, and appending it |
| `coverage` | which jobs the runs in files cover, and until when |
"""

from drs_jobs.saved.client import SavedJobs
from drs_jobs.saved.writing import SavedCount, save_jobs

__all__ = ["SavedCount", "SavedJobs", "save_jobs"]

for _value in (SavedCount, SavedJobs):
    _value.__module__ = __name__
