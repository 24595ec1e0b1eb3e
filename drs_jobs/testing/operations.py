"""What each operation of the local DRS answers, without any HTTP: jobs by account, filters, order, pages and tokens."""

# What isinstance finds in raw JSON is a dict or a list of nobody knows what.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import bisect
import hashlib
import heapq
import itertools
import json
import operator
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final, NamedTuple

import attrs

from drs_jobs import _wire
from drs_jobs.models import Job
from drs_jobs.testing.validation import refusals


class AwsError(Exception):
    """An error that AWS answers with."""

    def __init__(
        self,
        code: str,
        status: int,
        message: str,
        *,
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """`members` go into the body beside the message."""
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = status
        self.message = message
        self.members: Mapping[str, Any] = members or {}
        self.headers: Mapping[str, str] = headers or {}


def validation_error(message: str, fields: Sequence[tuple[str, str]] = (), reason: str = "fieldValidationFailed") -> AwsError:
    """A ValidationException with AWS's `fieldList`."""
    listed = [{"name": name, "message": text} for name, text in fields]
    return AwsError("ValidationException", 400, message, members={"reason": reason, "fieldList": listed})


class Caller(NamedTuple):
    """Who asks, as the request's signature tells: one access key in one region is one account's view."""

    region: str
    access_key_id: str | None
    """`None` for jobs that every access key sees."""


class _Position(NamedTuple):
    """Where a job stands in the order newest first. Jobs without a creation date come last."""

    age: float
    job_id: str


class _Bookmark(NamedTuple):
    """What a page token stands for."""

    caller: Caller
    question: str
    after: _Position
    page_number: int


_FIRST: Final = _Position(float("-inf"), "")


@attrs.define
class Operations:
    """The operations, over jobs in memory. Safe to call from many threads."""

    page_sizes: Sequence[int]
    """Items in the first page, the second and so on, round and round; 0 makes an empty page that carries a token."""
    _jobs: dict[Caller, dict[str, Job]] = attrs.field(factory=dict, init=False)
    _order: dict[Caller, list[_Position]] = attrs.field(factory=dict, init=False)
    _bookmarks: dict[str, _Bookmark] = attrs.field(factory=dict, init=False)
    _lock: Any = attrs.field(factory=threading.RLock, init=False, repr=False)

    def call(self, operation: str, request: Any, caller: Caller) -> dict[str, Any]:
        """Check a request against the service model and answer it. AwsError where AWS would answer with one."""
        if wrong := refusals(operation, request):
            message = f"{len(wrong)} validation errors, the first at {wrong[0][0] or 'the body'}: {wrong[0][1]}"
            raise validation_error(message, wrong)
        answer: Callable[[dict[str, Any], Caller], dict[str, Any]] = getattr(self, OPERATIONS[operation])
        with self._lock:
            return answer(request, caller)

    def add_job(self, job: Job, caller: Caller) -> None:
        """Add a job, or replace the one with its id."""
        with self._lock:
            order = self._order.setdefault(caller, [])
            jobs = self._jobs.setdefault(caller, {})
            if (old := jobs.get(job.job_id)) is not None:
                order.remove(_position(old))
            jobs[job.job_id] = job
            bisect.insort(order, _position(job))

    def describe_jobs(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """DescribeJobs: newest first; both dates are inclusive here (AWS documents neither)."""
        filters = request.get("filters") or {}
        question = _wire.question_text("DescribeJobs", {"filters": filters})
        bookmark = self._bookmark(request, caller, question)
        size = self.page_sizes[bookmark.page_number % len(self.page_sizes)]
        size = min(size, request.get("maxResults") or size)
        matching = filter(_matcher(filters), self._after(bookmark.after, caller))
        found = list(itertools.islice(matching, size + 1))
        items, more = found[:size], found[size:]
        answer: dict[str, Any] = {"items": [_wire.unstructure_job(job) for job in items]}
        if more:
            after = _position(items[-1]) if items else bookmark.after
            answer["nextToken"] = self._token(_Bookmark(caller, question, after, bookmark.page_number + 1))
        return answer

    def _after(self, position: _Position, caller: Caller) -> Iterator[Job]:
        """The caller's jobs after a position: those of its access key, and those that every key sees."""
        scopes = (self._scope_after(position, scope) for scope in (caller, caller._replace(access_key_id=None)))
        return (job for _, job in heapq.merge(*scopes, key=operator.itemgetter(0)))

    def _scope_after(self, position: _Position, scope: Caller) -> Iterator[tuple[_Position, Job]]:
        order = self._order.get(scope, [])
        for index in range(bisect.bisect_right(order, position), len(order)):
            yield order[index], self._jobs[scope][order[index].job_id]

    def _bookmark(self, request: dict[str, Any], caller: Caller, question: str) -> _Bookmark:
        token = request.get("nextToken")
        if not token:
            return _Bookmark(caller, question, _FIRST, 0)
        bookmark = self._bookmarks.get(token)
        if bookmark is None or bookmark.question != question or bookmark.caller != caller:
            message = "the token is not one that this question was answered with"
            raise validation_error(message, [("nextToken", message)])
        return bookmark

    def _token(self, bookmark: _Bookmark) -> str:
        # The same place gets the same token, so that asking again and again fills no memory.
        token = hashlib.sha256(json.dumps([id(self), bookmark]).encode()).hexdigest()
        self._bookmarks[token] = bookmark
        return token


OPERATIONS: Final = {"DescribeJobs": "describe_jobs"}
"""The method of `Operations` that answers each operation. An operation's HTTP path is its name."""


def _position(job: Job) -> _Position:
    created = job.creation_date_time
    return _Position(float("inf") if created is None else -created.timestamp(), job.job_id)


def _matcher(filters: Mapping[str, Any]) -> Callable[[Job], bool]:
    ids: frozenset[str] = frozenset(filters.get("jobIDs") or [])
    start, end = _date(filters, "fromDate"), _date(filters, "toDate")

    def matches(job: Job) -> bool:
        created = job.creation_date_time
        if ids and job.job_id not in ids:
            return False
        if created is None:
            return start is None and end is None
        return (start is None or created >= start) and (end is None or created <= end)

    return matches


def _date(filters: Mapping[str, Any], name: str) -> datetime | None:
    text = filters.get(name)
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError:
        raise validation_error("not a date", [(f"filters.{name}", "not a date")]) from None
