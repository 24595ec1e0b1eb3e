"""The operations of the local DRS endpoint, without HTTP."""

# isinstance narrows raw JSON to dict or list, with unknown types of keys and elements.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import copy
import logging
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias

import attrs

from drs_jobs._aws.unstructure import unstructure_job, unstructure_log_item
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
from drs_jobs._text import one_line
from drs_jobs.testing import aws_shapes
from drs_jobs.testing.account_region import AccountRegion, RecoveryInstance, Scope
from drs_jobs.testing.aws_errors import HookError, conflict, resource_not_found, unsupported, validation_error
from drs_jobs.testing.clock import LocalClock
from drs_jobs.testing.factories import JobFactory
from drs_jobs.testing.failures import InjectedFailure
from drs_jobs.testing.faults import Schedule
from drs_jobs.testing.page_tokens import Key, Pages
from drs_jobs.testing.service_model import input_shape, service_model
from drs_jobs.testing.simulated_jobs import BackendJob, LaunchedInstance, SimulatedRecovery, SimulatedTermination, StaticJob
from drs_jobs.testing.timelines import SimulatedServer
from drs_jobs.testing.validation import known_members, request_failures, require_valid, response_failures, shape_failures

Members: TypeAlias = dict[str, Any]
"""The members of a request or response, as JSON has them."""

CannedResponse: TypeAlias = Mapping[str, Any] | Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""The members of a response, or a function that returns them for those of a request."""

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
    """The DRS operations on data in memory. Thread-safe: each operation happens as a whole, or not at all."""

    pages: Pages
    clock: LocalClock = attrs.field(factory=LocalClock)
    """The clock of the simulated jobs."""
    profile: str = "linux"
    """The profile of the durations of simulated recoveries."""
    has_recovery_instance_ids: bool = False
    """Whether a completed job has recovery instance ids. Those of AWS have none."""
    injected_failures: dict[str, InjectedFailure] = attrs.field(factory=dict[str, InjectedFailure])
    """The failures of later recoveries, by source server id."""
    responses: Schedule[CannedResponse] = attrs.field(factory=Schedule[CannedResponse])
    """Canned responses, which take precedence over the operations."""
    on_launch: Callable[[str], str] | None = None
    """Returns the id of the instance that is launched for a source server. Default: LocalDrs makes one up."""
    _factory: JobFactory = attrs.field(factory=lambda: JobFactory(2), init=False)
    _data: dict[Scope, AccountRegion] = attrs.field(factory=dict[Scope, AccountRegion], init=False)
    _launches: list[_Launch] = attrs.field(factory=list[_Launch], init=False)
    """The next launches, soonest first."""
    _is_launching: bool = attrs.field(default=False, init=False)
    _mismatches: set[tuple[str, Scope]] = attrs.field(factory=set[tuple[str, Scope]], init=False)
    """The mismatches that were logged: the job, and the account and region of the request."""
    _lock: threading.RLock = attrs.field(factory=threading.RLock, init=False, repr=False)

    def call(self, operation: str, request: Any, scope: Scope) -> Members:
        """Validate a request against the service model and return the members of the response.

        Args:
            operation: AWS's name of the operation, such as `DescribeJobs`.
            request: The members of the request.
            scope: The account and region.

        Raises:
            AwsError: If AWS would return an error response, or there is no response for this operation.
            HookError: If a function of the test fails.
        """
        if failures := request_failures(operation, request):
            message = f"{len(failures)} validation errors, the first at {failures[0][0] or 'the body'}: {failures[0][1]}"
            raise validation_error(message, failures)
        request = known_members(input_shape(operation), request)
        self.launch_instances()
        canned = self.responses.take(operation, lambda response: callable(response) or _can_answer(response, request))
        if canned is not None:
            return _call_function(operation, canned, request) if callable(canned) else dict(canned)
        if (method_name := OPERATIONS.get(operation)) is None:
            raise unsupported(
                f"LocalDrs does not simulate {operation}: add a response with local.respond({operation!r}, {{...}})"
            )
        method: Callable[[Members, AccountRegion], Members] = getattr(self, method_name)
        with self._lock:
            return method(request, self._account_region(scope))

    def launch_instances(self) -> None:
        """Call `on_launch` for each instance whose launch has ended.

        It is called without the lock, because it can send requests. Until it returns, no request sees the launch: `_now` stops
        before it.

        Raises:
            HookError: If it raises, or returns no id of an instance.
        """
        while True:
            with self._lock:
                if self._is_launching or not self._launches or self._launches[0].at > self.clock.now():
                    return
                self._is_launching = True
                launch, function = self._launches[0], self.on_launch
            instance_id = launch.instance.instance_id
            try:
                if function is not None:
                    instance_id = _launched_instance_id(function, launch.instance.source_server_id)
            finally:
                with self._lock:
                    self._is_launching = False
                    if launch in self._launches:  # otherwise, `clear` was called
                        self._launches.remove(launch)
                        _replace_instance_id(launch, instance_id)

    def _now(self) -> datetime:
        """Return the time, which stops before a launch until the function of `on_launch` has returned."""
        now = self.clock.now()
        return min(now, self._launches[0].at - _MOMENT) if self._launches else now

    def add_jobs(self, jobs: Iterable[BackendJob], scope: Scope) -> None:
        """Add jobs, or replace the jobs with the same ids."""
        with self._lock:
            data = self._account_region(scope)
            for job in jobs:
                data.tags.pop(job.created.arn or "", None)
                data.add_job(job)

    def add_log(self, job_id: str, items: Sequence[JobLogItem], scope: Scope) -> None:
        """Add items to the log of a job.

        Raises:
            KeyError: If there is no such job in this account and region.
        """
        with self._lock:
            data = self._account_region(scope)
            job = data.jobs.get(job_id)
            if job is None:
                raise KeyError(f"account {scope.account_id} has no job {job_id} in {scope.region}: call add_jobs first")
            data.add_job(attrs.evolve(job, extra_log=(*job.extra_log, *items)))

    def add_source_servers(self, servers: Sequence[Mapping[str, Any]], scope: Scope) -> None:
        """Add source servers in AWS's shape, or replace those with the same ids."""
        with self._lock:
            data = self._account_region(scope)
            for server in servers:
                server_id = server["sourceServerID"]
                completed = aws_shapes.complete_source_server(server, scope)
                data.source_servers[server_id] = completed
                data.tags.pop(completed["arn"], None)
                data.configurations = {key: value for key, value in data.configurations.items() if key[1] != server_id}

    def clear(self) -> None:
        """Remove all data, injected failures, canned responses and the function of `on_launch`."""
        with self._lock:
            self._data.clear()
            self.injected_failures.clear()
            self.responses.clear()
            self.on_launch = None
            self._launches.clear()
            self._mismatches.clear()

    def warn_of_mismatches(self, request: Mapping[str, Any], scope: Scope, access_key_id: str) -> None:
        """Log one WARNING for each job of a request that only another account or region has, because AWS just returns nothing.

        Args:
            request: The valid members of a request of any operation.
            scope: The account and region of the request.
            access_key_id: The access key in its signature.
        """
        filters: Mapping[str, Any] = request.get("filters") or {}
        for job_id in (*(filters.get("jobIDs") or ()), *([request["jobID"]] if request.get("jobID") else ())):
            with self._lock:
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

    def _account_region(self, scope: Scope) -> AccountRegion:
        return self._data.setdefault(scope, AccountRegion(scope))

    # ------------------------------------------------------------------ jobs

    def describe_jobs(self, request: Members, data: AccountRegion) -> Members:
        """DescribeJobs: newest first, with inclusive dates. AWS documents neither the order nor the inclusion."""
        filters = request.get("filters") or {}
        now = self._now()

        def after(key: Key) -> Iterator[tuple[Key, Members]]:
            for job_key, job in data.jobs_after(key, filters.get("jobIDs") or (), _date_predicate(filters)):
                yield job_key, self._job_members(job, now, data)

        return self._page("DescribeJobs", request, data, after)

    def describe_job_log_items(self, request: Members, data: AccountRegion) -> Members:
        """DescribeJobLogItems: oldest first. The log of an unknown job is empty."""
        job = data.jobs.get(request["jobID"])
        log = () if job is None else job.log_at(self._now())

        def after(key: Key) -> Iterator[tuple[Key, Members]]:
            for index in range(key[0] + 1 if key else 0, len(log)):
                yield (index,), unstructure_log_item(log[index])

        return self._page("DescribeJobLogItems", request, data, after)

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
            participating_servers=tuple(_pending_server(one, LaunchActionsStatus()) for one in snapshot_ids),
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
        later = (_Launch(one.launched_at, data, created.job_id, one) for one in recovery.instances_at(_LATEST))
        self._launches = sorted([*self._launches, *later], key=lambda launch: launch.at)
        response = self._job_members(recovery, now, data)
        return {"job": response | {"tags": {**response["tags"], "resourceArn": created.arn}}}  # a pseudo-tag, as measured

    def terminate_recovery_instances(self, request: Members, data: AccountRegion) -> Members:
        """TerminateRecoveryInstances: starts a simulated termination. The error for an unknown instance is a guess."""
        now = self._now()
        instances = self._existing_instances(request["recoveryInstanceIDs"], data, now)
        # The response of the real service has no initiatedBy here.
        participants = tuple(_pending_server(one.instance.source_server_id) for one in instances)
        created = self._create_job(data, now, type=JobType.TERMINATE, initiated_by=None, participating_servers=participants)
        servers = tuple(
            SimulatedServer(
                source_server_id=one.instance.source_server_id,
                instance_id=self._factory.instance_id(),
                conversion_server_id=self._factory.instance_id(),
                previous_instance_id=one.instance.instance_id,
            )
            for one in instances
        )
        termination = SimulatedTermination(created, servers, profile=self.profile, seed=created.job_id)
        data.add_job(termination)
        return {"job": self._job_members(termination, now, data)}

    def delete_job(self, request: Members, data: AccountRegion) -> Members:
        """DeleteJob: deletes a completed job. That an unfinished one is a conflict is a guess."""
        job = self._find_job(request["jobID"], data)
        if not job.is_complete:
            raise conflict(f"job {job.job_id} is {job.status}: only a completed job can be deleted")
        data.delete_job(job.job_id)
        return {}

    def _create_job(self, data: AccountRegion, now: datetime, **fields: Any) -> Job:
        account_id, region = data.scope
        return self._factory.job(
            region=region, account_id=account_id, status=JobStatus.PENDING, creation_date_time=now, **fields
        )

    def _require_not_busy(self, source_server_ids: Iterable[str], data: AccountRegion, now: datetime) -> None:
        if busy := data.busy_server_ids(now).intersection(source_server_ids):
            raise conflict(f"{len(busy)} source servers are currently being processed by a Job, such as {min(busy)}")

    def _existing_instances(self, instance_ids: Sequence[str], data: AccountRegion, now: datetime) -> list[RecoveryInstance]:
        """Return the recovery instances with these ids, which no unfinished job processes."""
        by_id = {one.instance.instance_id: one for one in data.recovery_instances(now)}
        if unknown := set(instance_ids) - by_id.keys():
            raise conflict(f"{len(unknown)} recovery instances do not exist, such as {min(unknown)}")
        instances = [by_id[instance_id] for instance_id in dict.fromkeys(instance_ids)]
        self._require_not_busy((one.instance.source_server_id for one in instances), data, now)
        return instances

    def _find_job(self, job_id: str, data: AccountRegion) -> Job:
        if (job := data.jobs.get(job_id)) is None:
            raise resource_not_found("Job", job_id)
        return job.job_at(self._now())

    def _job_members(self, job: BackendJob, now: datetime, data: AccountRegion) -> Members:
        state = job.job_at(now)
        tags = data.tags.get(state.arn or "", dict(state.tags))
        # The service sends these empty collections.
        members = {"participatingResources": [], "participatingServers": []} | unstructure_job(state) | {"tags": tags}
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
        filters = request.get("filters") or {}
        now = self._now()

        def after(key: Key) -> Iterator[tuple[Key, Members]]:
            for index, server in enumerate(data.source_servers.values()):
                if (index,) > key and aws_shapes.matches_source_server(server, filters):
                    yield (index,), aws_shapes.source_server(server, data, now)

        return self._page("DescribeSourceServers", request, data, after)

    def describe_recovery_instances(self, request: Members, data: AccountRegion) -> Members:
        """DescribeRecoveryInstances: in the order of their launch. AWS documents no order."""
        filters = request.get("filters") or {}
        instance_ids, server_ids = filters.get("recoveryInstanceIDs"), filters.get("sourceServerIDs")
        now = self._now()

        def after(key: Key) -> Iterator[tuple[Key, Members]]:
            for one in data.recovery_instances(now):
                launched_at, instance_id = one.instance.launched_at.timestamp(), one.instance.instance_id
                is_match = (not instance_ids or instance_id in instance_ids) and (
                    not server_ids or one.instance.source_server_id in server_ids
                )
                if is_match and (launched_at, instance_id) > key:
                    yield (launched_at, instance_id), aws_shapes.recovery_instance(one, data)

        return self._page("DescribeRecoveryInstances", request, data, after)

    def describe_recovery_snapshots(self, request: Members, data: AccountRegion) -> Members:
        """DescribeRecoverySnapshots: oldest first unless `order` is DESC, a guess, as is the error for an unknown server."""
        server_id = request["sourceServerID"]
        if not data.knows_server(server_id):
            message = f"source server {server_id} does not exist"
            raise validation_error(message, [("sourceServerID", message)])
        filters = request.get("filters") or {}
        start, end = _date_filter(filters, "fromDateTime"), _date_filter(filters, "toDateTime")
        is_newest_first = request.get("order") == "DESC"
        snapshots = aws_shapes.recovery_snapshots(server_id, self._now())

        def after(key: Key) -> Iterator[tuple[Key, Members]]:
            for time, snapshot in reversed(snapshots) if is_newest_first else snapshots:
                position = (-time.timestamp() if is_newest_first else time.timestamp(),)
                if position > key and (start is None or start <= time) and (end is None or time <= end):
                    yield position, snapshot

        return self._page("DescribeRecoverySnapshots", request, data, after)

    def launch_configuration(self, request: Members, data: AccountRegion) -> Members:
        """GetLaunchConfiguration and UpdateLaunchConfiguration."""
        return _configuration("LaunchConfiguration", request, data)

    def replication_configuration(self, request: Members, data: AccountRegion) -> Members:
        """GetReplicationConfiguration and UpdateReplicationConfiguration."""
        return _configuration("ReplicationConfiguration", request, data)

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

    def _page(
        self, operation: str, request: Members, data: AccountRegion, items_after: Callable[[Key], Iterable[tuple[Key, Any]]]
    ) -> Members:
        query = {name: value for name, value in request.items() if name not in ("maxResults", "nextToken")}
        return self.pages.page([*data.scope, operation, _normalize(query)], request, items_after)


OPERATIONS: Final = {
    "DeleteJob": "delete_job",
    "DescribeJobLogItems": "describe_job_log_items",
    "DescribeJobs": "describe_jobs",
    "DescribeRecoveryInstances": "describe_recovery_instances",
    "DescribeRecoverySnapshots": "describe_recovery_snapshots",
    "DescribeSourceServers": "describe_source_servers",
    "GetLaunchConfiguration": "launch_configuration",
    "GetReplicationConfiguration": "replication_configuration",
    "ListTagsForResource": "list_tags_for_resource",
    "StartRecovery": "start_recovery",
    "TagResource": "tag_resource",
    "TerminateRecoveryInstances": "terminate_recovery_instances",
    "UntagResource": "untag_resource",
    "UpdateLaunchConfiguration": "launch_configuration",
    "UpdateReplicationConfiguration": "replication_configuration",
}
"""The method of `Backend` for each simulated operation."""


_LATEST: Final = datetime.max.replace(tzinfo=UTC)


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


def _pending_server(source_server_id: str, actions: LaunchActionsStatus | None = None) -> ParticipatingServer:
    return ParticipatingServer(
        source_server_id=source_server_id, launch_status=LaunchStatus.PENDING, launch_actions_status=actions
    )


def _normalize(query: Any) -> Any:
    """Return a query in a form that is equal for equal queries: without empty filters, ids sorted and without repetition."""
    if isinstance(query, dict):
        return {name: _normalize(value) for name, value in query.items() if value or value is False}
    return sorted(set(query)) if isinstance(query, list) else query


def _date_predicate(filters: Mapping[str, Any]) -> Callable[[Job], bool]:
    start, end = _date_filter(filters, "fromDate"), _date_filter(filters, "toDate")

    def is_match(job: Job) -> bool:
        if start is None and end is None:
            return True
        created = job.creation_date_time
        return created is not None and (start is None or start <= created) and (end is None or created <= end)

    return is_match


def _date_filter(filters: Mapping[str, Any], name: str) -> datetime | None:
    text = filters.get(name)
    try:
        return None if text is None else datetime.fromisoformat(text)
    except ValueError:
        raise validation_error("not a date", [(f"filters.{name}", "not a date")]) from None
