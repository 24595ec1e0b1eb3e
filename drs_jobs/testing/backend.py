"""The operations of the local DRS endpoint, without HTTP: jobs by account, filters, order, pages and tokens."""

# isinstance narrows raw JSON to dict or list, with unknown types of keys and elements.
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
from drs_jobs._models import (
    InitiatedBy,
    Job,
    JobLogItem,
    JobStatus,
    JobType,
    LaunchActionsStatus,
    LaunchStatus,
    ParticipatingServer,
)
from drs_jobs.testing.clock import LocalClock
from drs_jobs.testing.factories import JobFactory
from drs_jobs.testing.failures import InjectedFailure
from drs_jobs.testing.request_validation import validation_failures
from drs_jobs.testing.simulated_jobs import BackendJob, SimulatedRecovery, SimulatedServer, SimulatedTermination


class AwsError(Exception):
    """An error response of AWS."""

    def __init__(
        self,
        code: str,
        status: int,
        message: str,
        *,
        members: Mapping[str, Any] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        """Create the error.

        Args:
            code: AWS's name of the error, such as `ConflictException`.
            status: The HTTP status.
            message: The `message` in the body.
            members: Further members of the body. Default: none.
            headers: Further HTTP headers. Default: none.
        """
        super().__init__(f"{code}: {message}")
        self.code = code
        self.status = status
        self.message = message
        self.members: Mapping[str, Any] = members or {}
        self.headers: Mapping[str, str] = headers or {}


def validation_error(message: str, fields: Sequence[tuple[str, str]] = (), reason: str = "fieldValidationFailed") -> AwsError:
    """Return a ValidationException. `fields` are pairs of name and message for AWS's `fieldList`."""
    field_list = [{"name": name, "message": text} for name, text in fields]
    return AwsError("ValidationException", 400, message, members={"reason": reason, "fieldList": field_list})


class Caller(NamedTuple):
    """The region and access key in a request's signature. Each pair has its own jobs, as an account has in each region."""

    region: str
    access_key_id: str | None
    """`None` for jobs that are visible to every access key."""


class _Position(NamedTuple):
    """The sort key of a job: newest first. Jobs without a creation date come last."""

    age: float
    job_id: str


class _PageToken(NamedTuple):
    """The state that a page token refers to."""

    caller: Caller
    query: str
    after: _Position | int
    """The position of the last job returned so far, or the number of log items returned so far."""
    page_number: int


_BEFORE_FIRST: Final = _Position(float("-inf"), "")


@attrs.define
class Backend:
    """The DRS operations on jobs in memory. Thread-safe."""

    page_sizes: tuple[int, ...] = (1000,)
    """Sizes of the pages, repeated in a cycle; 0 is an empty page with a token."""
    clock: LocalClock = attrs.field(factory=LocalClock)
    """The clock of the simulated jobs."""
    injected_failures: dict[str, InjectedFailure] = attrs.field(factory=dict[str, InjectedFailure])
    """The failures of later recoveries, by source server id."""
    _factory: JobFactory = attrs.field(factory=lambda: JobFactory(2), init=False)
    _jobs: dict[Caller, dict[str, BackendJob]] = attrs.field(factory=dict[Caller, dict[str, BackendJob]], init=False)
    _order: dict[Caller, list[_Position]] = attrs.field(factory=dict[Caller, list[_Position]], init=False)
    _page_tokens: dict[str, _PageToken] = attrs.field(factory=dict[str, _PageToken], init=False)
    _terminated: set[str] = attrs.field(factory=set[str], init=False)
    _lock: threading.RLock = attrs.field(factory=threading.RLock, init=False, repr=False)

    def call(self, operation: str, request: Any, caller: Caller) -> dict[str, Any]:
        """Validate a request against the service model and return the members of the response.

        Args:
            operation: A key of `OPERATIONS`.
            request: The decoded body.
            caller: The region and access key in the signature.

        Raises:
            AwsError: If AWS would return an error response.
        """
        if failures := validation_failures(operation, request):
            message = f"{len(failures)} validation errors, the first at {failures[0][0] or 'the body'}: {failures[0][1]}"
            raise validation_error(message, failures)
        method: Callable[[dict[str, Any], Caller], dict[str, Any]] = getattr(self, OPERATIONS[operation])
        with self._lock:
            return method(request, caller)

    def add_job(self, job: BackendJob, caller: Caller) -> None:
        """Add a job, or replace the job with the same id."""
        with self._lock:
            order = self._order.setdefault(caller, [])
            jobs = self._jobs.setdefault(caller, {})
            if (old := jobs.get(job.created.job_id)) is not None:
                order.remove(_position(old.created))
            jobs[job.created.job_id] = job
            bisect.insort(order, _position(job.created))

    def add_log(self, job_id: str, items: Sequence[JobLogItem], caller: Caller) -> None:
        """Add items to the log of a job.

        Raises:
            KeyError: If there is no job with this id and the same caller.
        """
        with self._lock:
            job = self._jobs.get(caller, {}).get(job_id)
            if job is None:
                raise KeyError(f"no job {job_id} was added to {caller.region}: add_jobs first")
            self._jobs[caller][job_id] = attrs.evolve(job, extra_log=(*job.extra_log, *items))

    # ------------------------------------------------------------------ reading

    def describe_jobs(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """DescribeJobs: newest first, with inclusive dates. AWS documents neither the order nor the inclusion."""
        filters = request.get("filters") or {}
        query = _wire.query_text("DescribeJobs", {"filters": filters})
        page_token = self._page_token(request, _PageToken(caller, query, _BEFORE_FIRST, 0))
        size = self._size(request, page_token)
        matching = filter(_filter_predicate(filters), self._after(page_token.after, caller))
        found = list(itertools.islice(matching, size + 1))
        after = _position(found[size - 1]) if 0 < size <= len(found) else page_token.after
        return self._page([_wire.unstructure_job(job) for job in found[:size]], page_token, after, is_last=len(found) <= size)

    def describe_job_log_items(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """DescribeJobLogItems: oldest first. The log of an unknown job is empty."""
        query = _wire.query_text("DescribeJobLogItems", {"jobID": request["jobID"]})
        page_token = self._page_token(request, _PageToken(caller, query, 0, 0))
        size = self._size(request, page_token)
        job = self._find(request["jobID"], caller)
        log = () if job is None else job.log_at(self.clock.now())
        start = page_token.after if isinstance(page_token.after, int) else 0
        items = [_wire.unstructure_log_item(item) for item in log[start : start + size]]
        return self._page(items, page_token, start + size, is_last=len(log) <= start + size)

    def _page(self, items: list[Any], page_token: _PageToken, after: _Position | int, *, is_last: bool) -> dict[str, Any]:
        if is_last:
            return {"items": items}
        following = page_token._replace(after=after, page_number=page_token.page_number + 1)
        # The same position has the same token, so that repeated requests do not use more memory.
        token = hashlib.sha256(json.dumps([id(self), following]).encode()).hexdigest()
        self._page_tokens[token] = following
        return {"items": items, "nextToken": token}

    def _page_token(self, request: dict[str, Any], start: _PageToken) -> _PageToken:
        token = request.get("nextToken")
        if not token:
            return start
        page_token = self._page_tokens.get(token)
        if page_token is None or page_token.query != start.query or page_token.caller != start.caller:
            message = "the token was not returned for this query"
            raise validation_error(message, [("nextToken", message)])
        return page_token

    def _size(self, request: dict[str, Any], page_token: _PageToken) -> int:
        size = self.page_sizes[page_token.page_number % len(self.page_sizes)]
        return min(size, request.get("maxResults") or size)

    def _after(self, position: _Position | int, caller: Caller) -> Iterator[Job]:
        """Iterate over the caller's jobs after a position: those of its access key and those visible to every access key."""
        now = self.clock.now()
        own = self._jobs.get(caller, {})
        scopes = (self._scope_after(position, scope) for scope in _scopes(caller))
        # A job of this access key replaces the job with the same id that is visible to every access key.
        for _, job in heapq.merge(*scopes, key=operator.itemgetter(0)):
            if own.get(job.created.job_id, job) is job:
                described = job.job_at(now)
                if described is not None:
                    yield described

    def _scope_after(self, position: _Position | int, scope: Caller) -> Iterator[tuple[_Position, BackendJob]]:
        order = self._order.get(scope, [])
        for index in range(bisect.bisect_right(order, position), len(order)):
            yield order[index], self._jobs[scope][order[index].job_id]

    def _find(self, job_id: str, caller: Caller) -> BackendJob | None:
        found = (self._jobs.get(scope, {}).get(job_id) for scope in _scopes(caller))
        return next((job for job in found if job is not None), None)

    # ------------------------------------------------------------------ starting

    def start_recovery(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """StartRecovery: starts a simulated job. ConflictException if a server is already in an unfinished job."""
        ids = list(dict.fromkeys(server["sourceServerID"] for server in request["sourceServers"]))
        if busy := {server_id for job in self._unfinished(caller) for server_id in _server_ids(job)} & set(ids):
            raise AwsError("ConflictException", 409, f"{len(busy)} source servers take part in a job already: {min(busy)}")
        initiated_by = InitiatedBy.START_DRILL if request.get("isDrill") else InitiatedBy.START_RECOVERY
        pending = tuple(
            ParticipatingServer(
                source_server_id=server_id, launch_status=LaunchStatus.PENDING, launch_actions_status=LaunchActionsStatus()
            )
            for server_id in ids
        )
        created = self._create(
            caller,
            type=JobType.LAUNCH,
            initiated_by=initiated_by,
            participating_servers=pending,
            tags=request.get("tags") or {},
        )
        servers = tuple(
            SimulatedServer(
                server_id,
                instance_id=self._factory.instance_id(),
                conversion_server_id=self._factory.instance_id(),
                failure=self.injected_failures.get(server_id),
            )
            for server_id in ids
        )
        self.add_job(SimulatedRecovery(created, servers, has_recovery_instance_ids=True), caller)
        return {"job": _wire.unstructure_job(created)}

    def terminate_recovery_instances(self, request: dict[str, Any], caller: Caller) -> dict[str, Any]:
        """TerminateRecoveryInstances: starts a simulated job. ConflictException if an instance does not exist."""
        known = {
            server.recovery_instance_id for job in self._after(_BEFORE_FIRST, caller) for server in job.participating_servers
        }
        if unknown := set(request["recoveryInstanceIDs"]) - known | self._terminated & set(request["recoveryInstanceIDs"]):
            raise AwsError("ConflictException", 409, f"{len(unknown)} recovery instances do not exist: {min(unknown)}")
        # The response of the real service has no initiatedBy here.
        created = self._create(caller, type=JobType.TERMINATE, initiated_by=None, participating_servers=())
        servers = tuple(
            SimulatedServer("", instance_id="", conversion_server_id="", previous_instance_id=instance_id)
            for instance_id in request["recoveryInstanceIDs"]
        )
        self.add_job(SimulatedTermination(created, servers), caller)
        self._terminated |= set(request["recoveryInstanceIDs"])
        return {"job": _wire.unstructure_job(created)}

    def _create(self, caller: Caller, **fields: Any) -> Job:
        now = self.clock.now()
        return self._factory.job(region=caller.region, status=JobStatus.PENDING, creation_date_time=now, **fields)

    def _unfinished(self, caller: Caller) -> list[Job]:
        return [job for job in self._after(_BEFORE_FIRST, caller) if not job.is_complete]


OPERATIONS: Final = {
    "DescribeJobs": "describe_jobs",
    "DescribeJobLogItems": "describe_job_log_items",
    "StartRecovery": "start_recovery",
    "TerminateRecoveryInstances": "terminate_recovery_instances",
}
"""The method of `Backend` for each operation. The HTTP path of an operation is its name."""


def _scopes(caller: Caller) -> tuple[Caller, Caller]:
    return caller, caller._replace(access_key_id=None)


def _server_ids(job: Job) -> set[str]:
    return {server.source_server_id for server in job.participating_servers if server.source_server_id is not None}


def _position(job: Job) -> _Position:
    created = job.creation_date_time
    return _Position(float("inf") if created is None else -created.timestamp(), job.job_id)


def _filter_predicate(filters: Mapping[str, Any]) -> Callable[[Job], bool]:
    ids: frozenset[str] = frozenset(filters.get("jobIDs") or [])
    start, end = _date_filter(filters, "fromDate"), _date_filter(filters, "toDate")

    def matches(job: Job) -> bool:
        created = job.creation_date_time
        if ids and job.job_id not in ids:
            return False
        if created is None:
            return start is None and end is None
        return (start is None or created >= start) and (end is None or created <= end)

    return matches


def _date_filter(filters: Mapping[str, Any], name: str) -> datetime | None:
    text = filters.get(name)
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError:
        raise validation_error("not a date", [(f"filters.{name}", "not a date")]) from None
