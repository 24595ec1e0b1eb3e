"""The asynchronous client and the asynchronous sweep, over aiobotocore. They need the extra `async`."""

from drs_jobs import _extras

try:
    from drs_jobs.aio._client import AsyncJobsClient, SupportsAsyncDescribeJobs
    from drs_jobs.aio._pager import AsyncPager, AsyncPagerIterator
    from drs_jobs.aio._sweep import read_jobs, read_phases, sweep
except ImportError as _error:
    raise _extras.missing_extra_error("async", _error) from _error

__all__ = [
    "AsyncJobsClient",
    "AsyncPager",
    "AsyncPagerIterator",
    "SupportsAsyncDescribeJobs",
    "read_jobs",
    "read_phases",
    "sweep",
]

for _value in (AsyncJobsClient, AsyncPager, AsyncPagerIterator, SupportsAsyncDescribeJobs):
    _value.__module__ = __name__
