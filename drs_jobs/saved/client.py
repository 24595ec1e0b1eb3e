"""`SavedJobs`: boto3's two methods over files of jobs."""

import bisect
import json
import math
import os
import sys
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar

from botocore.exceptions import ClientError

from drs_jobs._aws.responses import decode
from drs_jobs._errors import DrsJobsError
from drs_jobs._pagination.cursor import Position, decode_cursor, encode_cursor
from drs_jobs._queries import query_identity
from drs_jobs._text import quoted
from drs_jobs._time import to_utc
from drs_jobs.saved.archive import Archive, Entry, without_frames

T = TypeVar("T")

_MAX_PAGE_SIZE: Final = 1_000
_PAGING: Final = frozenset({"maxResults", "nextToken"})


class SavedJobs:
    """A client over files instead of AWS, with boto3's `describe_jobs` and `describe_job_log_items`. Thread-safe.

    A file has lines of `save_jobs`, or what `aws drs describe-jobs` printed as JSON: objects with `items`, lists, or lines. It
    can be compressed with gzip. The capital letters of Step Functions are accepted too. Of several snapshots of a job in all
    files, one counts, as in `analysis.latest_snapshots`, and of complete ones one that has its log.
    """

    def __init__(self, *paths: str | os.PathLike[str]) -> None:
        """Read files. Half a line at the end of one, which an interrupted `save_jobs` leaves, is left out.

        Args:
            paths: The paths of the files, at least one.

        Raises:
            TypeError: If there is no path.
            ValueError: If a file is empty, or has anything but jobs. The error names the file and the line.
            OSError: If a file cannot be read.
        """
        if not paths:
            raise TypeError("SavedJobs needs the path of at least one file")
        self.archive: Archive = Archive()
        for path in paths:
            without_frames(self.archive.read, Path(path))
        self._order: list[str] = sorted(self.archive.entries, key=self._key)

    def _key(self, job_id: str) -> tuple[Any, ...]:
        """Return the position of a job in AWS's order."""
        return self.archive.entries[job_id].age, job_id

    def describe_jobs(self, **request: Any) -> dict[str, Any]:
        """Return a page of jobs in AWS's shape, newest first. Dates are inclusive.

        Args:
            request: `filters` (`jobIDs`, `fromDate`, `toDate`), `maxResults` and `nextToken`, as in boto3.

        Raises:
            TypeError: If there is another argument or filter.
            botocore.exceptions.ClientError: A ValidationException, if a value is invalid.
        """
        filters: Mapping[str, Any] = request.get("filters") or {}
        _check_names(request, {"filters", *_PAGING})
        _check_names(filters, {"jobIDs", "fromDate", "toDate"})
        entries, order = self.archive.entries, self._order
        if not isinstance(filters.get("jobIDs"), list | tuple | None):
            raise _validation_error("DescribeJobs", "filters.jobIDs", "must be a list of ids")
        if job_ids := set[str](filters.get("jobIDs") or ()):
            order = [job_id for job_id in order if job_id in job_ids]
        if "fromDate" in filters or "toDate" in filters:
            # By default from the oldest job that has a creation time.
            oldest, newest = _age(filters, "fromDate", sys.float_info.max), _age(filters, "toDate", -math.inf)
            order = [job_id for job_id in order if newest <= entries[job_id].age <= oldest]
        page, token = _page("DescribeJobs", request, order, self._key)
        return {"items": [_load(entries[job_id])["job"] for job_id in page], **token}

    def describe_job_log_items(self, **request: Any) -> dict[str, Any]:
        """Return a page of the log of a job in AWS's shape.

        Args:
            request: `jobID`, `maxResults` and `nextToken`, as in boto3.

        Raises:
            TypeError: If there is no `jobID`, or another argument.
            DrsJobsError: If the log was not saved.
            botocore.exceptions.ClientError: A ValidationException, if another value is invalid.
        """
        _check_names(request, {"jobID", *_PAGING})
        job_id = request.get("jobID")
        if not isinstance(job_id, str):
            raise TypeError("describe_job_log_items needs the id of a job as jobID")
        entry = self.archive.entries.get(job_id)
        if entry is None or not entry.has_log:
            raise DrsJobsError(f"the log of {quoted(job_id)} was not saved: {_reason_without_log(entry)}")
        items: list[Any] = _load(entry)["log"]
        page, token = _page("DescribeJobLogItems", request, list(enumerate(items)), lambda item: item[:1])
        return {"items": [item for _, item in page], **token}


def _load(entry: Entry) -> Any:
    return decode(zlib.decompress(entry.line))


def _reason_without_log(entry: Entry | None) -> str:
    if entry is None:
        return "the files do not have this job"
    if not entry.is_complete:
        return "the job was not complete, save it again"
    return entry.log_error or "the files have the job alone"


# ------------------------------------------------------------------ requests


def _page(
    operation: str, request: Mapping[str, Any], items: Sequence[T], key: Callable[[T], tuple[Any, ...]]
) -> tuple[Sequence[T], dict[str, str]]:
    """Return the items of a page, and `nextToken` if there are more. The key of an item is its position in AWS's order."""
    size, token = request.get("maxResults"), request.get("nextToken")
    if not isinstance(size, int | None) or (size is not None and size < 1):
        raise _validation_error(operation, "maxResults", "must be a number from 1 on")
    size = min(size or _MAX_PAGE_SIZE, _MAX_PAGE_SIZE)
    identity = query_identity(operation, {name: value for name, value in request.items() if name not in _PAGING})
    start = 0
    if token:
        try:
            # It has the key of the last item of the page before, so it stays valid if the files change.
            last = tuple(json.loads(decode_cursor(token, identity, bool).anchor or ""))
            start = bisect.bisect_right(items, last, key=key)
        except (AttributeError, TypeError, ValueError):
            raise _validation_error(operation, "nextToken", "was not returned for this query") from None
    end = start + size
    if end >= len(items):
        return items[start:], {}
    position = Position(anchor=json.dumps(key(items[end - 1])), offset=1)
    return items[start:end], {"nextToken": encode_cursor(position, identity)}


def _age(filters: Mapping[str, Any], name: str, default: float) -> float:
    """Return the age of jobs that were created at a date."""
    text = filters.get(name)
    try:
        return default if text is None else -to_utc(datetime.fromisoformat(text)).timestamp()
    except (TypeError, ValueError):
        raise _validation_error("DescribeJobs", f"filters.{name}", "must be a date such as 2024-06-15T12:00:00Z") from None


def _check_names(members: Iterable[str], accepted: Iterable[str]) -> None:
    if unknown := set(members).difference(accepted):
        raise TypeError(f"unknown argument {quoted(min(unknown))}: use {', '.join(sorted(accepted))}")


def _validation_error(operation: str, field: str, problem: str) -> ClientError:
    response: Any = {
        "Error": {"Code": "ValidationException", "Message": f"{field} {problem}"},
        "ResponseMetadata": {"HTTPStatusCode": 400},
        "reason": "fieldValidationFailed",
        "fieldList": [{"name": field, "message": problem}],
    }
    return ClientError(response, operation)
