"""The operations of the local DRS endpoint, without HTTP."""

# isinstance narrows raw JSON to dict or list, with unknown types of keys and elements.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

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
from drs_jobs.testing import aws_shapes
from drs_jobs.testing.account_region import AccountRegion, RecoveryInstance, Scope
from drs_jobs.testing.aws_errors import conflict, resource_not_found, unsupported, validation_error
from drs_jobs.testing.clock import LocalClock
from drs_jobs.testing.factories import JobFactory
from drs_jobs.testing.failures import InjectedFailure
from drs_jobs.testing.page_tokens import Key, Pages
from drs_jobs.testing.recovery_snapshots import recovery_snapshots
from drs_jobs.testing.schedule import Schedule
from drs_jobs.testing.simulated_jobs import (
    BackendJob,
    SimulatedFailback,
    SimulatedRecovery,
    SimulatedServer,
    SimulatedTermination,
    StaticJob,
)
from drs_jobs.testing.validation import request_failures

Members = dict[str, Any]
"""The members of a request or response, as JSON has them."""


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
    responses: Schedule[Mapping[str, Any]] = attrs.field(factory=Schedule[Mapping[str, Any]])
    """Canned responses, which take precedence over the operations."""
    _factory: JobFactory = attrs.field(factory=lambda: JobFactory(2), init=False)
    _data: dict[Scope, AccountRegion] = attrs.field(factory=dict[Scope, AccountRegion], init=False)
    _lock: threading.RLock = attrs.field(factory=threading.RLock, init=False, repr=False)

    def call(self, operation: str, request: Any, scope: Scope) -> Members:
        """Validate a request against the service model and return the members of the response.

        Args:
            operation: AWS's name of the operation, such as `DescribeJobs`.
            request: The members of the request.
            scope: The account and region.

        Raises:
            AwsError: If AWS would return an error response, or there is no response for this operation.
        """
        if failures := request_failures(operation, request):
            message = f"{len(failures)} validation errors, the first at {failures[0][0] or 'the body'}: {failures[0][1]}"
            raise validation_error(message, failures)
        with self._lock:
            if (canned := self.responses.take(operation)) is not None:
                return dict(canned)
            if (method_name := OPERATIONS.get(operation)) is None:
                raise unsupported(
                    f"LocalDrs does not simulate {operation}: add a response with local.respond({operation!r}, {{...}})"
                )
            method: Callable[[Members, AccountRegion], Members] = getattr(self, method_name)
            return method(request, self._account_region(scope))

    def add_jobs(self, jobs: Iterable[BackendJob], scope: Scope) -> None:
        """Add jobs, or replace the jobs with the same ids."""
        with self._lock:
            data = self._account_region(scope)
            for job in jobs:
                data.forget_tags(job.created.arn)
                data.add_job(job)

    def add_log(self, job_id: str, items: Sequence[JobLogItem], scope: Scope) -> None:
        """Add items to the log of a job.

        Raises:
            KeyError: If there is no such job in this account and region.
        """
        with self._lock:
            data = self._account_region(scope)
            job = data.find_job(job_id, self.clock.now())
            if job is None:
                raise KeyError(f"account {scope.account_id} has no job {job_id} in {scope.region}: call add_jobs first")
            data.add_job(attrs.evolve(job, extra_log=(*job.extra_log, *items)))

    def add_source_servers(self, servers: Sequence[Mapping[str, Any]], scope: Scope) -> None:
        """Add source servers in AWS's shape, or replace those with the same ids."""
        with self._lock:
            data = self._account_region(scope)
            for server in servers:
                completed = aws_shapes.complete_source_server(server, scope)
                data.forget_tags(completed["arn"])
                data.source_servers[server["sourceServerID"]] = completed

    def clear(self) -> None:
        """Remove all data, injected failures and canned responses."""
        with self._lock:
            self._data.clear()
            self.injected_failures.clear()
            self.responses.clear()

    def scopes_of(self, job_id: str) -> list[Scope]:
        """Return the accounts and regions that have a job with this id."""
        now = self.clock.now()
        with self._lock:
            return [scope for scope, data in self._data.items() if data.find_job(job_id, now) is not None]

    def _account_region(self, scope: Scope) -> AccountRegion:
        return self._data.setdefault(scope, AccountRegion(scope))

    # ------------------------------------------------------------------ jobs

    def describe_jobs(self, request: Members, data: AccountRegion) -> Members:
        """DescribeJobs: newest first, with inclusive dates. AWS documents neither the order nor the inclusion."""
        filters = request.get("filters") or {}
        now = self.clock.now()

        def after(key: Key) -> Iterator[tuple[Key, Members]]:
            for job_key, job in data.jobs_after(key, filters.get("jobIDs") or (), _date_predicate(filters)):
                if (state := job.job_at(now)) is not None:
                    yield job_key, _job_members(job, state, data)

        return self._page("DescribeJobs", request, data, after)

    def describe_job_log_items(self, request: Members, data: AccountRegion) -> Members:
        """DescribeJobLogItems: oldest first. The log of an unknown job is empty."""
        now = self.clock.now()
        job = data.find_job(request["jobID"], now)
        log = () if job is None else job.log_at(now)

        def after(key: Key) -> Iterator[tuple[Key, Members]]:
            for index in range(key[0] + 1 if key else 0, len(log)):
                yield (index,), unstructure_log_item(log[index])

        return self._page("DescribeJobLogItems", request, data, after)

    def start_recovery(self, request: Members, data: AccountRegion) -> Members:
        """StartRecovery: starts a simulated recovery. The error for an unknown source server is a guess."""
        ids = list(dict.fromkeys(server["sourceServerID"] for server in request["sourceServers"]))
        if unknown := [server_id for server_id in ids if not data.knows_server(server_id)]:
            raise conflict(f"source server {unknown[0]} does not exist: add it with local.add_source_servers")
        now = self.clock.now()
        self._require_not_busy(ids, data, now)
        created = self._create_job(
            data,
            now,
            type=JobType.LAUNCH,
            initiated_by=InitiatedBy.START_DRILL if request.get("isDrill") else InitiatedBy.START_RECOVERY,
            participating_servers=tuple(map(_pending_server, ids)),
            tags=request.get("tags") or {},
        )
        recovery = SimulatedRecovery(
            created,
            tuple(self._plan(server_id, data, now) for server_id in ids),
            profile=self.profile,
            seed=created.job_id,
            has_recovery_instance_ids=self.has_recovery_instance_ids,
        )
        return self._start(recovery, data)

    def _plan(self, source_server_id: str, data: AccountRegion, now: datetime) -> SimulatedServer:
        previous = data.recovery_instance(source_server_id, now)
        return SimulatedServer(
            source_server_id=source_server_id,
            instance_id=self._factory.instance_id(),
            conversion_server_id=self._factory.instance_id(),
            previous_instance_id=None if previous is None else previous.instance.instance_id,
            failure=self.injected_failures.get(source_server_id),
        )

    def terminate_recovery_instances(self, request: Members, data: AccountRegion) -> Members:
        """TerminateRecoveryInstances: starts a simulated termination. The error for an unknown instance is a guess."""
        now = self.clock.now()
        instances = self._existing_instances(request["recoveryInstanceIDs"], data, now)
        # The response of the real service has no initiatedBy here.
        created = self._create_job(data, now, type=JobType.TERMINATE, initiated_by=None, participating_servers=())
        return self._start(
            SimulatedTermination(created, self._plans(instances), profile=self.profile, seed=created.job_id), data
        )

    def start_failback_launch(self, request: Members, data: AccountRegion) -> Members:
        """StartFailbackLaunch: starts a simulated failback. No failback was observed, so that all of it is a guess."""
        now = self.clock.now()
        instances = self._existing_instances(request["recoveryInstanceIDs"], data, now)
        servers = tuple(
            ParticipatingServer(
                source_server_id=one.instance.source_server_id,
                recovery_instance_id=one.instance.instance_id,
                launch_status=LaunchStatus.PENDING,
            )
            for one in instances
        )
        created = self._create_job(
            data,
            now,
            type=JobType.LAUNCH,
            initiated_by=InitiatedBy.FAILBACK,
            participating_servers=servers,
            tags=request.get("tags") or {},
        )
        return self._start(SimulatedFailback(created, self._plans(instances), profile=self.profile, seed=created.job_id), data)

    def _plans(self, instances: Iterable[RecoveryInstance]) -> tuple[SimulatedServer, ...]:
        """Return the plans of the servers of existing instances."""
        return tuple(
            SimulatedServer(
                source_server_id=one.instance.source_server_id,
                instance_id=self._factory.instance_id(),
                conversion_server_id=self._factory.instance_id(),
                previous_instance_id=one.instance.instance_id,
            )
            for one in instances
        )

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

    def _start(self, job: BackendJob, data: AccountRegion) -> Members:
        data.add_job(job)
        return {"job": _job_members(job, job.created, data)}

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
        now = self.clock.now()
        job = data.find_job(job_id, now)
        state = None if job is None else job.job_at(now)
        if state is None:
            raise resource_not_found("Job", job_id)
        return state

    # ------------------------------------------------------------------ servers and instances

    def describe_source_servers(self, request: Members, data: AccountRegion) -> Members:
        """DescribeSourceServers: in the order in which they were added. AWS documents no order."""
        filters = request.get("filters") or {}
        now = self.clock.now()

        def after(key: Key) -> Iterator[tuple[Key, Members]]:
            for index, server in enumerate(data.source_servers.values()):
                if (index,) > key and aws_shapes.matches_source_server(server, filters):
                    yield (index,), aws_shapes.source_server(server, data, now)

        return self._page("DescribeSourceServers", request, data, after)

    def describe_recovery_instances(self, request: Members, data: AccountRegion) -> Members:
        """DescribeRecoveryInstances: in the order of their launch. AWS documents no order."""
        filters = request.get("filters") or {}
        instance_ids, server_ids = filters.get("recoveryInstanceIDs"), filters.get("sourceServerIDs")
        now = self.clock.now()

        def after(key: Key) -> Iterator[tuple[Key, Members]]:
            for one in data.recovery_instances(now):
                launched_at, instance_id = one.instance.launched_at.timestamp(), one.instance.instance_id
                is_match = (not instance_ids or instance_id in instance_ids) and (
                    not server_ids or one.instance.source_server_id in server_ids
                )
                if is_match and (launched_at, instance_id) > key:
                    yield (launched_at, instance_id), aws_shapes.recovery_instance(one, data, now)

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
        snapshots = recovery_snapshots(server_id, self.clock.now())

        def after(key: Key) -> Iterator[tuple[Key, Members]]:
            for time, snapshot in reversed(snapshots) if is_newest_first else snapshots:
                position = (-time.timestamp() if is_newest_first else time.timestamp(),)
                if position > key and (start is None or start <= time) and (end is None or time <= end):
                    yield position, snapshot

        return self._page("DescribeRecoverySnapshots", request, data, after)

    # ------------------------------------------------------------------ tags

    def tag_resource(self, request: Members, data: AccountRegion) -> Members:
        """TagResource."""
        arn = request["resourceArn"]
        data.set_tags(arn, self._tags(arn, data) | request["tags"])
        return {}

    def untag_resource(self, request: Members, data: AccountRegion) -> Members:
        """UntagResource."""
        arn = request["resourceArn"]
        tags = self._tags(arn, data)
        data.set_tags(arn, {key: value for key, value in tags.items() if key not in request["tagKeys"]})
        return {}

    def list_tags_for_resource(self, request: Members, data: AccountRegion) -> Members:
        """ListTagsForResource."""
        return {"tags": self._tags(request["resourceArn"], data)}

    def _tags(self, arn: str, data: AccountRegion) -> dict[str, str]:
        """Return the tags of the job, source server or recovery instance with this ARN."""
        resource_type, _, resource_id = arn.rpartition(":")[2].partition("/")
        now = self.clock.now()
        if resource_type == "job":
            job = self._find_job(resource_id, data)
            if job.arn == arn:
                return data.tags(arn, dict(job.tags))
        elif resource_type == "source-server":
            server = data.source_servers.get(resource_id, {})
            if server.get("arn") == arn:
                return data.tags(arn, server.get("tags") or {})
        elif resource_type == "recovery-instance":
            for one in data.recovery_instances(now):
                if arn == aws_shapes.recovery_instance_arn(one.instance.instance_id, data.scope):
                    return data.tags(arn, {})
        raise resource_not_found(resource_type or "resource", arn)

    def _page(
        self, operation: str, request: Members, data: AccountRegion, items_after: Callable[[Key], Iterable[tuple[Key, Any]]]
    ) -> Members:
        query = {name: value for name, value in request.items() if name not in {"maxResults", "nextToken"}}
        return self.pages.page([*data.scope, operation, _normalize(query)], request, items_after)


OPERATIONS: Final = {
    "DeleteJob": "delete_job",
    "DescribeJobLogItems": "describe_job_log_items",
    "DescribeJobs": "describe_jobs",
    "DescribeRecoveryInstances": "describe_recovery_instances",
    "DescribeRecoverySnapshots": "describe_recovery_snapshots",
    "DescribeSourceServers": "describe_source_servers",
    "ListTagsForResource": "list_tags_for_resource",
    "StartFailbackLaunch": "start_failback_launch",
    "StartRecovery": "start_recovery",
    "TagResource": "tag_resource",
    "TerminateRecoveryInstances": "terminate_recovery_instances",
    "UntagResource": "untag_resource",
}
"""The method of `Backend` for each simulated operation."""


def _job_members(job: BackendJob, state: Job, data: AccountRegion) -> Members:
    if state.arn is not None:
        state = attrs.evolve(state, tags=data.tags(state.arn, dict(state.tags)))
    members = unstructure_job(state)
    if not isinstance(job, StaticJob):
        # The service sends these empty collections.
        members = {"tags": {}, "participatingResources": [], "participatingServers": []} | members
        for server in members["participatingServers"]:
            server["launchActionsStatus"] = {"runs": []} | server.get("launchActionsStatus", {})
    return members


def _pending_server(source_server_id: str) -> ParticipatingServer:
    return ParticipatingServer(
        source_server_id=source_server_id, launch_status=LaunchStatus.PENDING, launch_actions_status=LaunchActionsStatus()
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
