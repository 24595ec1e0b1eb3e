"""The operations of the local DRS endpoint, without HTTP."""

# isinstance narrows raw JSON to dict or list, with unknown types of keys and elements.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import base64
import copy
import hmac
import itertools
import json
import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

import attrs
from botocore import xform_name

from drs_jobs._aws.unstructure import unstructure_job, unstructure_log_item
from drs_jobs._models import InitiatedBy, Job, JobStatus, JobType, LaunchStatus, ParticipatingServer
from drs_jobs._text import one_line
from drs_jobs.testing import aws_shapes
from drs_jobs.testing.account_region import AccountRegion, Scope, job_key
from drs_jobs.testing.clock import LocalClock
from drs_jobs.testing.factories import JobFactory
from drs_jobs.testing.failures import InjectedFailure
from drs_jobs.testing.faults import AwsError, HookError, Schedule, conflict, resource_not_found, validation_error
from drs_jobs.testing.service_model import (
    known_members,
    request_failures,
    require_valid,
    response_failures,
    service_model,
    shape_failures,
)
from drs_jobs.testing.simulated_jobs import LATEST, LaunchedInstance, SimulatedRecovery, SimulatedTermination, pending_server
from drs_jobs.testing.timelines import SimulatedServer

Members: TypeAlias = dict[str, Any]
"""The members of a request or response, as JSON has them."""

CannedResponse: TypeAlias = Mapping[str, Any] | Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""The members of a response, or a function that returns them for those of a request."""

Key: TypeAlias = tuple[Any, ...]
"""The sort key of an item, of JSON's types. A page begins after the key of the last item of the page before."""

T = TypeVar("T")

_MOMENT: Final = timedelta(microseconds=1)
_RESOURCE_IDS: Final = ("jobID", "recoveryInstanceID", "sourceServerID")

_logger: Final = logging.getLogger("drs_jobs")


class _Launch(NamedTuple):
    """A launch of a simulated recovery, for which the function of `on_launch` was not called yet."""

    at: datetime
    data: AccountRegion
    job_id: str
    instance: LaunchedInstance


@attrs.define
class Backend:
    """The DRS operations on data in memory, each as a method with its name in boto3.

    Thread-safe: each operation happens as a whole, or not at all.
    """

    clock: LocalClock
    profile: str  # of the durations of simulated recoveries
    has_recovery_instance_ids: bool
    page_sizes: tuple[int, ...] = (1000,)
    injected_failures: dict[str, InjectedFailure] = attrs.field(factory=dict[str, InjectedFailure])  # by source server id
    responses: Schedule[CannedResponse] = attrs.field(factory=Schedule[CannedResponse])
    on_launch: Callable[[str], str] | None = None
    _factory: JobFactory = attrs.field(factory=lambda: JobFactory(2), init=False)
    _data: dict[Scope, AccountRegion] = attrs.field(factory=dict[Scope, AccountRegion], init=False)
    _launches: list[_Launch] = attrs.field(factory=list[_Launch], init=False)
    """The next launches, soonest first."""
    _is_launching: bool = attrs.field(default=False, init=False)
    _mismatches: set[tuple[str, Scope]] = attrs.field(factory=set[tuple[str, Scope]], init=False)
    """The mismatches that were logged: the job, and the account and region of the request."""
    _secret: bytes = attrs.field(factory=lambda: secrets.token_bytes(32), init=False, repr=False)
    """Signs each token with its query, so that a token of another query or endpoint is invalid."""
    lock: threading.RLock = attrs.field(factory=threading.RLock, init=False, repr=False)

    def call(self, operation: str, request: Any, scope: Scope, access_key_id: str) -> Members:
        """Validate the members of a request against the service model and return those of the response.

        Raises:
            AwsError: If AWS would return an error response, or there is no response for this operation.
            HookError: If a function of the test fails.
        """
        if failures := request_failures(operation, request):
            message = f"{len(failures)} validation errors, the first at {failures[0][0] or 'the body'}: {failures[0][1]}"
            raise validation_error(message, failures)
        request = known_members(service_model().operation_model(operation).input_shape, request)
        self._warn_of_mismatches(request, scope, access_key_id)
        self.launch_instances()
        canned = self.responses.take(operation, lambda response: callable(response) or _can_answer(response, request))
        if canned is not None:
            return _call_function(operation, canned, request) if callable(canned) else dict(canned)
        method: Callable[[Members, AccountRegion], Members] | None = getattr(self, xform_name(operation), None)
        if method is None:
            message = f"LocalDrs does not simulate {operation}: add a response with local.respond({operation!r}, {{...}})"
            raise AwsError("UnknownOperationException", 404, message)
        with self.lock:
            return method(request, self.account_region(scope))

    def launch_instances(self) -> None:
        """Call `on_launch` for each instance whose launch has ended: without the lock, because it can send requests.

        Raises:
            HookError: If it raises, or returns no id of an instance.
        """
        while True:
            with self.lock:
                if self._is_launching or not self._launches or self._launches[0].at > self.clock.now():
                    return
                self._is_launching = True
                launch, function = self._launches[0], self.on_launch
            instance_id = None
            try:
                if function is not None:
                    instance_id = _launched_instance_id(function, launch.instance.source_server_id)
            finally:
                with self.lock:
                    self._is_launching = False
                    if launch in self._launches:  # otherwise, `clear` was called
                        self._launches.remove(launch)
                        if instance_id is not None:
                            _replace_instance_id(launch, instance_id)

    def _now(self) -> datetime:
        """Return the time, which stops before a launch until the function of `on_launch` has returned."""
        now = self.clock.now()
        return min(now, self._launches[0].at - _MOMENT) if self._launches else now

    def account_region(self, scope: Scope) -> AccountRegion:
        """Return the data of an account and region, to be used with the lock."""
        return self._data.setdefault(scope, AccountRegion(scope))

    def clear(self) -> None:
        """Remove all data, injected failures, canned responses and the function of `on_launch`."""
        with self.lock:
            self._data.clear()
            self.injected_failures.clear()
            self.responses.clear()
            self.on_launch = None
            self._launches.clear()
            self._mismatches.clear()

    def _warn_of_mismatches(self, request: Members, scope: Scope, access_key_id: str) -> None:
        """Log one WARNING for each job that only another account or region has, because AWS returns nothing."""
        for job_id in [resource_id for kind, resource_id in _resource_ids(request) if kind == "jobID"]:
            with self.lock:
                owners = [owner for owner, data in self._data.items() if job_id in data.jobs]
                if not owners or scope in owners or (job_id, scope) in self._mismatches:
                    continue
                self._mismatches.add((job_id, scope))
            _logger.warning(
                "LocalDrs: job %s belongs to account %s in %s, but the access key %s of the request to account %s in %s: "
                "correct the access key or the region",
                one_line(job_id, 80),
                *owners[0],
                one_line(access_key_id, 80),
                *scope,
            )

    # ------------------------------------------------------------------ jobs

    def describe_jobs(self, request: Members, data: AccountRegion) -> Members:
        """DescribeJobs: newest first, with inclusive dates. AWS documents neither the order nor the inclusion."""
        filters = request.get("filters") or {}
        is_match, now = _date_range(filters, "fromDate", "toDate"), self._now()
        ids = filters.get("jobIDs") or data.jobs
        jobs = [job for job in map(data.jobs.get, set(ids)) if job and is_match(job.created.creation_date_time)]
        keys = sorted(map(job_key, jobs))
        return self._page(
            "DescribeJobs", request, data, ((key, key[1]) for key in keys), lambda one: self._job_members(one, now, data)
        )

    def describe_job_log_items(self, request: Members, data: AccountRegion) -> Members:
        """DescribeJobLogItems: oldest first. The log of an unknown job is empty."""
        job = data.jobs.get(request["jobID"])
        log = () if job is None else job.log_at(self._now())
        items = (((index,), item) for index, item in enumerate(log))
        return self._page("DescribeJobLogItems", request, data, items, unstructure_log_item)

    def start_recovery(self, request: Members, data: AccountRegion) -> Members:
        """StartRecovery: starts a simulated recovery. The errors for an unknown source server or snapshot are guesses."""
        snapshot_ids = {server["sourceServerID"]: server.get("recoverySnapshotID") for server in request["sourceServers"]}
        if unknown := [server_id for server_id in snapshot_ids if not data.knows_server(server_id)]:
            raise conflict(f"source server {unknown[0]} does not exist: add it with local.add_source_servers")
        now = self._now()
        self._require_not_busy(snapshot_ids, data, now)
        snapshot_times = {server_id: _snapshot_time(server_id, snapshot_ids[server_id], now) for server_id in snapshot_ids}
        created = self._create_job(
            data,
            now,
            type=JobType.LAUNCH,
            initiated_by=InitiatedBy.START_DRILL if request.get("isDrill") else InitiatedBy.START_RECOVERY,
            participating_servers=tuple(map(pending_server, snapshot_ids)),
            tags=request.get("tags") or {},
        )
        servers: list[SimulatedServer] = []
        for server_id, snapshot_at in snapshot_times.items():
            previous = data.recovery_instance(server_id, now)
            servers.append(
                SimulatedServer(
                    source_server_id=server_id,
                    instance_id=self._factory.instance_id(),
                    conversion_server_id=self._factory.instance_id(),
                    previous_instance_id=None if previous is None else previous.instance.instance_id,
                    failure=self.injected_failures.get(server_id),
                    snapshot_at=snapshot_at,
                )
            )
        recovery = SimulatedRecovery(created, tuple(servers), profile=self.profile, seed=created.job_id)
        data.add_job(recovery)
        later = (_Launch(one.launched_at, data, created.job_id, one) for one in recovery.instances_at(LATEST))
        self._launches = sorted([*self._launches, *later], key=lambda launch: launch.at)
        response = self._job_members(created.job_id, now, data)
        return {"job": response | {"tags": {**response["tags"], "resourceArn": created.arn}}}  # a pseudo-tag, as measured

    def terminate_recovery_instances(self, request: Members, data: AccountRegion) -> Members:
        """TerminateRecoveryInstances: starts a simulated termination. The error for an unknown instance is a guess."""
        now = self._now()
        by_id = {one.instance.instance_id: one.instance for one in data.recovery_instances(now)}
        if unknown := set(request["recoveryInstanceIDs"]) - by_id.keys():
            raise conflict(f"{len(unknown)} recovery instances do not exist, such as {min(unknown)}")
        instances = [by_id[instance_id] for instance_id in dict.fromkeys(request["recoveryInstanceIDs"])]
        self._require_not_busy((one.source_server_id for one in instances), data, now)
        # The response of the real service has no initiatedBy here.
        participants = tuple(
            ParticipatingServer(source_server_id=one.source_server_id, launch_status=LaunchStatus.PENDING) for one in instances
        )
        created = self._create_job(data, now, type=JobType.TERMINATE, initiated_by=None, participating_servers=participants)
        servers = tuple(
            SimulatedServer(one.source_server_id, "", "", previous_instance_id=one.instance_id) for one in instances
        )
        termination = SimulatedTermination(created, servers, profile=self.profile, seed=created.job_id)
        data.add_job(termination)
        return {"job": self._job_members(created.job_id, now, data)}

    def delete_job(self, request: Members, data: AccountRegion) -> Members:
        """DeleteJob: deletes a completed job. That an unfinished one is a conflict is a guess."""
        job = self._find_job(request["jobID"], data)
        if not job.is_complete:
            raise conflict(f"job {job.job_id} is {job.status}: only a completed job can be deleted")
        del data.jobs[job.job_id]
        return {}

    def _create_job(self, data: AccountRegion, now: datetime, **fields: Any) -> Job:
        account_id, region = data.scope
        return self._factory.job(
            region=region, account_id=account_id, status=JobStatus.PENDING, creation_date_time=now, **fields
        )

    def _require_not_busy(self, source_server_ids: Iterable[str], data: AccountRegion, now: datetime) -> None:
        if busy := [server_id for server_id in source_server_ids if data.is_busy(server_id, now)]:
            raise conflict(f"{len(busy)} source servers are currently being processed by a Job, such as {min(busy)}")

    def _find_job(self, job_id: str, data: AccountRegion) -> Job:
        if (job := data.jobs.get(job_id)) is None:
            raise resource_not_found("Job", job_id)
        return job.job_at(self._now())

    def _job_members(self, job_id: str, now: datetime, data: AccountRegion) -> Members:
        job = data.jobs[job_id]
        state = job.job_at(now)
        tags = data.tags.get(state.arn or "", dict(state.tags))
        # The service sends these empty collections.
        members: Members = {"participatingResources": [], "participatingServers": [], **unstructure_job(state), "tags": tags}
        instance_ids: dict[str, str] = {}
        if self.has_recovery_instance_ids and isinstance(job, SimulatedRecovery):
            instance_ids = {one.source_server_id: one.instance_id for one in job.instances_at(now)}
        for server in members["participatingServers"]:
            if "launchActionsStatus" in server:
                server["launchActionsStatus"] = {"runs": []} | server["launchActionsStatus"]
            if server.get("launchStatus") == LaunchStatus.LAUNCHED and server.get("sourceServerID") in instance_ids:
                server["recoveryInstanceID"] = instance_ids[server["sourceServerID"]]
        return members

    # ------------------------------------------------------------------ servers and instances

    def describe_source_servers(self, request: Members, data: AccountRegion) -> Members:
        """DescribeSourceServers: in the order in which they were added. AWS documents no order."""
        filters, now = request.get("filters") or {}, self._now()
        servers = (
            ((index,), server)
            for index, server in enumerate(data.source_servers.values())
            if aws_shapes.matches_source_server(server, filters)
        )
        return self._page(
            "DescribeSourceServers", request, data, servers, lambda server: aws_shapes.source_server(server, data, now)
        )

    def describe_recovery_instances(self, request: Members, data: AccountRegion) -> Members:
        """DescribeRecoveryInstances: in the order of their launch. AWS documents no order."""
        filters = request.get("filters") or {}
        instance_ids, server_ids = filters.get("recoveryInstanceIDs"), filters.get("sourceServerIDs")
        instances = (
            ((one.instance.launched_at.timestamp(), one.instance.instance_id), one)
            for one in data.recovery_instances(self._now())
            if not instance_ids or one.instance.instance_id in instance_ids
            if not server_ids or one.instance.source_server_id in server_ids
        )
        return self._page(
            "DescribeRecoveryInstances", request, data, instances, lambda one: aws_shapes.recovery_instance(one, data)
        )

    def describe_recovery_snapshots(self, request: Members, data: AccountRegion) -> Members:
        """DescribeRecoverySnapshots: oldest first unless `order` is DESC, a guess, as is the error for an unknown server."""
        server_id = request["sourceServerID"]
        if not data.knows_server(server_id):
            message = f"source server {server_id} does not exist"
            raise validation_error(message, [("sourceServerID", message)])
        is_match = _date_range(request.get("filters") or {}, "fromDateTime", "toDateTime")
        sign = -1 if request.get("order") == "DESC" else 1
        snapshots = [
            ((sign * time.timestamp(),), snapshot)
            for time, snapshot in aws_shapes.recovery_snapshots(server_id, self._now())
            if is_match(time)
        ]
        return self._page("DescribeRecoverySnapshots", request, data, snapshots[::sign], dict)

    def update_launch_configuration(self, request: Members, data: AccountRegion) -> Members:
        """UpdateLaunchConfiguration and, with nothing to change, GetLaunchConfiguration."""
        return _configuration("LaunchConfiguration", request, data)

    def update_replication_configuration(self, request: Members, data: AccountRegion) -> Members:
        """UpdateReplicationConfiguration and, with nothing to change, GetReplicationConfiguration."""
        return _configuration("ReplicationConfiguration", request, data)

    get_launch_configuration = update_launch_configuration
    get_replication_configuration = update_replication_configuration

    # ------------------------------------------------------------------ tags

    def tag_resource(self, request: Members, data: AccountRegion) -> Members:
        """TagResource."""
        arn = request["resourceArn"]
        data.tags[arn] = self._tags(arn, data) | request["tags"]
        return {}

    def untag_resource(self, request: Members, data: AccountRegion) -> Members:
        """UntagResource."""
        arn = request["resourceArn"]
        tags = self._tags(arn, data)
        data.tags[arn] = {key: value for key, value in tags.items() if key not in request["tagKeys"]}
        return {}

    def list_tags_for_resource(self, request: Members, data: AccountRegion) -> Members:
        """ListTagsForResource."""
        return {"tags": self._tags(request["resourceArn"], data)}

    def _tags(self, arn: str, data: AccountRegion) -> dict[str, str]:
        """Return the tags of the job, source server or recovery instance with this ARN."""
        resource_type, _, resource_id = arn.rpartition(":")[2].partition("/")
        if resource_type == "job":
            job = self._find_job(resource_id, data)
            if job.arn == arn:
                return data.tags.get(arn, dict(job.tags))
        elif resource_type == "source-server":
            server = data.source_servers.get(resource_id, {})
            if server.get("arn") == arn:
                return data.tags.get(arn, server.get("tags") or {})
        elif resource_type == "recovery-instance":
            for one in data.recovery_instances(self._now()):
                if arn == aws_shapes.arn_of("recovery-instance", one.instance.instance_id, data.scope):
                    return data.tags.get(arn, {})
        raise resource_not_found(resource_type or "resource", arn)

    # ------------------------------------------------------------------ pages

    def _page(
        self,
        operation: str,
        request: Members,
        data: AccountRegion,
        items: Iterable[tuple[Key, T]],
        members_of: Callable[[T], Members],
    ) -> Members:
        """Return the members of one page of the items, which are in the order of their keys."""
        query = {name: value for name, value in request.items() if name not in ("maxResults", "nextToken")}
        query_text = json.dumps([*data.scope, operation, _normalize(query)], sort_keys=True).encode()
        after, number = self._read_token(request.get("nextToken"), query_text)
        size = self.page_sizes[number % len(self.page_sizes)]
        size = min(size, request.get("maxResults") or size)
        entries = list(itertools.islice((entry for entry in items if entry[0] > after), size + 1))
        page: Members = {"items": [members_of(item) for _, item in entries[:size]]}
        if len(entries) > size:
            state = json.dumps([entries[size - 1][0] if size else after, number + 1]).encode()
            page["nextToken"] = base64.urlsafe_b64encode(self._sign(query_text, state) + state).decode()
        return page

    def _read_token(self, token: str | None, query_text: bytes) -> tuple[Key, int]:
        """Return the key after which the page begins, and the number of the page."""
        if not token:
            return (), 0
        try:
            signed = base64.b64decode(token, altchars=b"-_", validate=True)
        except ValueError:
            signed = b""
        signature, state = signed[:32], signed[32:]
        if not hmac.compare_digest(signature, self._sign(query_text, state)):
            message = "the token was not returned for this query, account and region"
            raise validation_error(message, [("nextToken", message)])
        after, number = json.loads(state)
        return tuple(after), number

    def _sign(self, query_text: bytes, state: bytes) -> bytes:
        return hmac.digest(self._secret, query_text + state, "sha256")


def _can_answer(response: Mapping[str, Any], request: Mapping[str, Any]) -> bool:
    """Return whether a canned response can be that to a request: it is not about other servers, instances or jobs only."""
    requested, named = set(_resource_ids(request)), set(_resource_ids(response))
    kinds_in_both = {kind for kind, _ in requested} & {kind for kind, _ in named}
    return kinds_in_both <= {kind for kind, _ in requested & named}


def _resource_ids(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the ids of resources that are anywhere in the members of a request or response, each after its kind."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            yield from _resource_ids(member, key)
    elif isinstance(value, list):
        for element in value:
            yield from _resource_ids(element, name)
    elif (kind := name.removesuffix("s")) in _RESOURCE_IDS:
        yield kind, value


def _call_function(operation: str, function: Callable[[Mapping[str, Any]], Mapping[str, Any]], request: Members) -> Members:
    """Return the response of a function of `respond`, checked against the service model."""
    try:
        response = function(copy.deepcopy(request))
        if not isinstance(response, Mapping):
            raise TypeError(f"it returned {response!r}, not the members of a response")
        require_valid(response_failures(operation, dict(response)), "what it returned")
    except BaseException as error:  # pytest.fail raises one that is no Exception
        raise HookError(f"the function of respond({operation!r}, ...) failed: {error!r}") from error
    return dict(response)


def _launched_instance_id(function: Callable[[str], str], source_server_id: str) -> str:
    """Return the result of the function of `on_launch`, if it is the id of an instance."""
    try:
        instance_id = function(source_server_id)
        require_valid(list(shape_failures(service_model().shape_for("RecoveryInstanceID"), instance_id)), repr(instance_id))
    except BaseException as error:  # pytest.fail raises one that is no Exception
        raise HookError(f"the function of on_launch failed for {source_server_id}: {error!r}") from error
    return instance_id


def _replace_instance_id(launch: _Launch, instance_id: str) -> None:
    job = launch.data.jobs.get(launch.job_id)
    if isinstance(job, SimulatedRecovery):  # otherwise, it was replaced
        servers = tuple(
            attrs.evolve(server, instance_id=instance_id) if server.instance_id == launch.instance.instance_id else server
            for server in job.servers
        )
        launch.data.add_job(attrs.evolve(job, servers=servers))


def _snapshot_time(source_server_id: str, snapshot_id: str | None, now: datetime) -> datetime | None:
    """Return the time of a recovery snapshot of a server; `None` without one."""
    if snapshot_id is None:
        return None
    for time, snapshot in aws_shapes.recovery_snapshots(source_server_id, now):
        if snapshot["snapshotID"] == snapshot_id:
            return time
    raise conflict(f"source server {source_server_id} has no recovery snapshot {snapshot_id}")


def _configuration(shape: str, request: Members, data: AccountRegion) -> Members:
    """Return a configuration of a source server, changed by the members of the request."""
    server_id: str = request["sourceServerID"]
    if not data.knows_server(server_id):
        raise resource_not_found("SourceServer", server_id)
    current = data.configurations.get((shape, server_id)) or aws_shapes.default_configuration(shape, server_id, data)
    data.configurations[shape, server_id] = current | request
    return data.configurations[shape, server_id]


def _normalize(query: Any) -> Any:
    """Return a query in a form that is equal for equal queries: without empty filters, ids sorted and without repetition."""
    if isinstance(query, dict):
        normalized = {name: _normalize(value) for name, value in query.items()}
        return {name: value for name, value in normalized.items() if value or value is False}
    return sorted(set(query)) if isinstance(query, list) else query


def _date_range(filters: Mapping[str, Any], start_name: str, end_name: str) -> Callable[[datetime | None], bool]:
    """Return whether a time is within two filters, inclusive. A time that is not known is if there are no filters."""
    start, end = _date(filters, start_name), _date(filters, end_name)

    def is_match(time: datetime | None) -> bool:
        if time is None:
            return start is None and end is None
        return (start is None or start <= time) and (end is None or time <= end)

    return is_match


def _date(filters: Mapping[str, Any], name: str) -> datetime | None:
    text = filters.get(name)
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError:
        raise validation_error("not a date", [(f"filters.{name}", "not a date")]) from None
