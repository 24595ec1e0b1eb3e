"""The operations of the local DRS endpoint, without HTTP."""

import copy
import functools
import hashlib
import itertools
import json
import logging
import secrets
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

import attrs
from botocore import xform_name

from drs_jobs._aws.unstructure import unstructure_job, unstructure_log_item
from drs_jobs._models import InitiatedBy, Job, JobType, LaunchStatus
from drs_jobs._text import one_line
from drs_jobs._time import machine_time
from drs_jobs.testing.account_region import AccountRegion, Members, identification_hints, job_key, recovery_snapshots
from drs_jobs.testing.factories import JobFactory
from drs_jobs.testing.failures import InjectedFailure
from drs_jobs.testing.faults import AwsError, HookError, Schedule, conflict, resource_not_found, validation_error
from drs_jobs.testing.service_model import Scope, check_request, require_response, require_valid, service_model
from drs_jobs.testing.simulated_jobs import LATEST, LocalJob, SimulatedServer

CannedResponse: TypeAlias = Mapping[str, Any] | Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""The members of a response, or a function that returns them for those of a request."""

Key: TypeAlias = list[Any]
"""The sort key of an item, of JSON's types. A page begins after the key of the last item of the page before."""

T = TypeVar("T")

_MAX_SPEED: Final = 1_000_000  # so that a test of an hour ends before the year 9999
_MOMENT: Final = timedelta(microseconds=1)
_RESOURCE_IDS: Final = ("jobID", "recoveryInstanceID", "sourceServerID")

_logger: Final = logging.getLogger("drs_jobs")


class LocalClock:
    """A clock that starts at the wall clock as the test sees it, runs at a multiple of real time and can be advanced."""

    def __init__(self, speed: float = 1.0) -> None:
        """Start the clock at the current time. `speed` is the number of its seconds per real second."""
        if not 0 <= speed <= _MAX_SPEED:
            raise ValueError(f"speed must be from 0 to {_MAX_SPEED:,}, not {speed:g}: time can't run backwards")
        self._speed = speed
        self._start = datetime.now(UTC)
        self._machine_start = machine_time()
        self._advanced = timedelta()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the current time of this clock, in UTC."""
        # A library that freezes the time of a test replaces the other clocks, also after this one was started.
        elapsed = timedelta(seconds=(machine_time() - self._machine_start) * self._speed)
        return self._start + elapsed + self._advanced

    def advance(self, duration: timedelta) -> None:
        """Advance the clock by a duration of 0 or more."""
        if duration < timedelta():
            raise ValueError(f"duration must be 0 or more, not {duration}: time can't run backwards")
        with self._lock:
            self._advanced += duration


class _Launch(NamedTuple):
    """A launch of a simulated recovery, for which the function of `on_launch` was not called yet."""

    scope: Scope
    job_id: str
    source_server_id: str


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
    _launches: dict[_Launch, datetime] = attrs.field(
        factory=dict[_Launch, datetime], init=False
    )  # the next ones, with their time
    _is_launching: bool = attrs.field(default=False, init=False)
    _mismatches: set[tuple[str, Scope]] = attrs.field(factory=set[tuple[str, Scope]], init=False)
    """The mismatches that were logged: the job, and the account and region of the request."""
    _secret: bytes = attrs.field(factory=lambda: secrets.token_bytes(32), init=False, repr=False)
    """Signs each token with its query, so that a token of another query or endpoint is invalid."""
    lock: threading.RLock = attrs.field(factory=threading.RLock, init=False, repr=False)

    def call(self, operation: str, request: Any, scope: Scope, access_key_id: str) -> Mapping[str, Any]:
        """Validate the members of a request against the service model and return those of the response.

        Raises:
            AwsError: If AWS would return an error response, or there is no response for this operation.
            HookError: If a function of the test fails.
        """
        request, failures = check_request(operation, request)
        if failures:
            message = f"{len(failures)} validation errors, the first at {failures[0][0] or 'the body'}: {failures[0][1]}"
            raise validation_error(message, failures)
        self._warn_of_mismatches(request, scope, access_key_id)
        self.launch_instances()
        canned = self.responses.take(operation, lambda response: callable(response) or _can_answer(response, request))
        if canned is not None:
            return _call_function(operation, canned, request) if callable(canned) else canned
        method: Callable[[Members, AccountRegion], Members] | None = getattr(self, xform_name(operation), None)
        if method is None:
            message = f"LocalDrs does not simulate {operation}: add a response with local.respond({operation!r}, {{...}})"
            raise AwsError("UnknownOperationException", 404, message)
        with self.lock:
            return method(request, self.account_region(scope))

    def add_jobs(self, jobs: Iterable[LocalJob], scope: Scope, *, lag: timedelta = timedelta()) -> None:
        """Add jobs, or replace the jobs with the same ids. What they launch from now on is launched by `on_launch`."""
        with self.lock:
            data, now = self.account_region(scope), self._now()
            for job in jobs:
                job_id = job.created.job_id
                data.tags.pop(job.created.arn or "", None)
                data.add_job(attrs.evolve(job, lag=lag))
                self._launches = {launch: at for launch, at in self._launches.items() if launch[:2] != (scope, job_id)}
                if not job.job_at(now - lag).is_complete:
                    for instance in job.instances_at(LATEST):
                        if instance.launched_at + lag > now:
                            self._launches[_Launch(scope, job_id, instance.source_server_id)] = instance.launched_at + lag

    def launch_instances(self) -> None:
        """Call `on_launch` for each instance whose launch has ended: without the lock, because it can send requests.

        Raises:
            HookError: If it raises, or returns no id of an instance.
        """
        while True:
            with self.lock:
                launch = min(self._launches, key=self._launches.__getitem__, default=None)
                if self._is_launching or launch is None or self._launches[launch] > self.clock.now():
                    return
                self._is_launching, function = True, self.on_launch
            instance_id = None
            try:
                if function is not None:
                    instance_id = _launched_instance_id(function, launch.source_server_id)
            finally:
                with self.lock:
                    self._is_launching = False
                    # Otherwise, the job was removed or replaced.
                    if self._launches.pop(launch, None) is not None and instance_id is not None:
                        self._replace_instance_id(launch, instance_id)

    def _replace_instance_id(self, launch: _Launch, instance_id: str) -> None:
        data = self._data[launch.scope]
        job = data.jobs[launch.job_id]
        servers = tuple(
            attrs.evolve(server, instance_id=instance_id) if server.source_server_id == launch.source_server_id else server
            for server in job.servers or ()
        )
        data.add_job(attrs.evolve(job, servers=servers))

    def _now(self) -> datetime:
        """Return the time, which stops before a launch until the function of `on_launch` has returned."""
        return min([self.clock.now(), *(at - _MOMENT for at in self._launches.values())])

    def account_region(self, scope: Scope) -> AccountRegion:
        """Return the data of an account and region, to be used with the lock."""
        return self._data.setdefault(scope, AccountRegion(scope))

    def clear(self) -> None:
        """Remove all data, injected failures, canned responses and the function of `on_launch`."""
        with self.lock:
            for collection in (self._data, self.injected_failures, self.responses, self._launches, self._mismatches):
                collection.clear()
            self.on_launch = None

    def _warn_of_mismatches(self, request: Members, scope: Scope, access_key_id: str) -> None:
        """Log one WARNING for each job that only another account or region has, because AWS returns nothing."""
        for kind, job_id in _resource_ids(request):
            with self.lock:
                owners = [owner for owner, data in self._data.items() if kind == "jobID" and job_id in data.jobs]
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
        filters, now = request.get("filters", {}), self._now()
        is_match = _date_range(filters, "fromDate", "toDate")
        jobs = map(data.jobs.get, set(filters.get("jobIDs") or data.jobs))
        keys = sorted(job_key(job) for job in jobs if job is not None and is_match(job.created.creation_date_time))
        entries = (([*key], key[1]) for key in keys)
        return self._page("DescribeJobs", request, data, entries, lambda job_id: self._job_members(job_id, now, data))

    def describe_job_log_items(self, request: Members, data: AccountRegion) -> Members:
        """DescribeJobLogItems: oldest first. The log of an unknown job is empty."""
        job = data.jobs.get(request["jobID"])
        log = () if job is None else job.log_at(self._now())
        entries = (([index], item) for index, item in enumerate(log))
        return self._page("DescribeJobLogItems", request, data, entries, unstructure_log_item)

    def start_recovery(self, request: Members, data: AccountRegion) -> Members:
        """StartRecovery: starts a simulated recovery. The errors for an unknown source server or snapshot are guesses."""
        now = self._now()
        snapshot_ids = {server["sourceServerID"]: server.get("recoverySnapshotID") for server in request["sourceServers"]}
        for server_id in snapshot_ids:
            if not data.knows_server(server_id):
                raise conflict(f"source server {server_id} does not exist: add it with local.add_source_servers")
        self._require_not_busy(snapshot_ids, data, now)
        snapshot_times = {server_id: _snapshot_time(server_id, snapshot_ids[server_id], now) for server_id in snapshot_ids}
        created = self._factory.created_job(
            data.scope,
            now,
            snapshot_ids,
            type=JobType.LAUNCH,
            initiated_by=InitiatedBy.START_DRILL if request.get("isDrill") else InitiatedBy.START_RECOVERY,
            tags=request.get("tags", {}),
        )
        existing = {server_id: data.recovery_instance(server_id, now) for server_id in snapshot_ids}
        servers = [
            SimulatedServer(
                source_server_id=server_id,
                instance_id=self._factory.instance_id(),
                conversion_server_id=self._factory.instance_id(),
                previous_instance_id=None if previous is None else previous.instance.instance_id,
                failure=self.injected_failures.get(server_id),
                snapshot_at=snapshot_times[server_id],
            )
            for server_id, previous in existing.items()
        ]
        job = self._start_job(created, servers, data)
        return {"job": job | {"tags": job["tags"] | {"resourceArn": created.arn}}}  # a pseudo-tag, as measured

    def terminate_recovery_instances(self, request: Members, data: AccountRegion) -> Members:
        """TerminateRecoveryInstances: starts a simulated termination. The error for an unknown instance is a guess."""
        now = self._now()
        server_ids = {one.instance.instance_id: one.instance.source_server_id for one in data.recovery_instances(now)}
        if unknown := set(request["recoveryInstanceIDs"]) - server_ids.keys():
            raise conflict(f"{len(unknown)} recovery instances do not exist, such as {min(unknown)}")
        instance_ids = {server_ids[instance_id]: instance_id for instance_id in request["recoveryInstanceIDs"]}
        self._require_not_busy(instance_ids, data, now)
        # The response of the real service has no initiatedBy here.
        created = self._factory.created_job(data.scope, now, instance_ids, type=JobType.TERMINATE, initiated_by=None)
        servers = [SimulatedServer(server_id, previous_instance_id=one) for server_id, one in instance_ids.items()]
        return {"job": self._start_job(created, servers, data)}

    def delete_job(self, request: Members, data: AccountRegion) -> Members:
        """DeleteJob: deletes a completed job. That an unfinished one is a conflict is a guess."""
        job_id = request["jobID"]
        if job_id not in data.jobs:
            raise resource_not_found("Job", job_id)
        job = data.jobs[job_id].job_at(self._now())
        if not job.is_complete:
            raise conflict(f"job {job_id} is {job.status}: only a completed job can be deleted")
        del data.jobs[job_id]
        return {}

    def _require_not_busy(self, source_server_ids: Iterable[str], data: AccountRegion, now: datetime) -> None:
        if busy := [server_id for server_id in source_server_ids if data.is_busy(server_id, now)]:
            raise conflict(f"{len(busy)} source servers are currently being processed by a Job, such as {min(busy)}")

    def _start_job(self, created: Job, servers: Iterable[SimulatedServer], data: AccountRegion) -> Members:
        assert created.creation_date_time is not None
        job = LocalJob(created, tuple(servers), profile=self.profile, seed=created.job_id)
        self.add_jobs([job], data.scope)
        return self._job_members(created.job_id, created.creation_date_time, data)

    def _job_members(self, job_id: str, now: datetime, data: AccountRegion) -> Members:
        job = data.jobs[job_id]
        state = job.job_at(now)
        tags = data.tags.get(state.arn or "", dict(state.tags))
        # The service sends these empty collections.
        members: Members = {"participatingResources": [], "participatingServers": [], **unstructure_job(state), "tags": tags}
        instance_ids: dict[str, str] = {}
        if self.has_recovery_instance_ids and job.servers is not None:
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
        filters, now = request.get("filters", {}), self._now()
        servers = enumerate(server for server in data.source_servers.values() if _matches_source_server(server, filters))
        entries = (([index], server["sourceServerID"]) for index, server in servers)
        return self._page(
            "DescribeSourceServers", request, data, entries, lambda server_id: data.source_server_at(server_id, now)
        )

    def describe_recovery_instances(self, request: Members, data: AccountRegion) -> Members:
        """DescribeRecoveryInstances: in the order of their launch. AWS documents no order."""
        filters = request.get("filters", {})
        instance_ids, server_ids = filters.get("recoveryInstanceIDs"), filters.get("sourceServerIDs")
        entries = (
            ([one.instance.launched_at.timestamp(), one.instance.instance_id], one)
            for one in data.recovery_instances(self._now())
            if not instance_ids or one.instance.instance_id in instance_ids
            if not server_ids or one.instance.source_server_id in server_ids
        )
        return self._page("DescribeRecoveryInstances", request, data, entries, data.recovery_instance_members)

    def describe_recovery_snapshots(self, request: Members, data: AccountRegion) -> Members:
        """DescribeRecoverySnapshots: oldest first unless `order` is DESC, a guess, as is the error for an unknown server."""
        server_id = request["sourceServerID"]
        if not data.knows_server(server_id):
            message = f"source server {server_id} does not exist"
            raise validation_error(message, [("sourceServerID", message)])
        is_match = _date_range(request.get("filters", {}), "fromDateTime", "toDateTime")
        sign = -1 if request.get("order") == "DESC" else 1
        snapshots = recovery_snapshots(server_id, self._now())
        entries = [([sign * time.timestamp()], snapshot) for time, snapshot in snapshots.items() if is_match(time)]
        return self._page("DescribeRecoverySnapshots", request, data, entries[::sign], dict)

    def _update_configuration(self, shape: str, request: Members, data: AccountRegion) -> Members:
        """Change a configuration of a source server and return it; with nothing to change, only return it."""
        return data.update_configuration(shape, request)

    get_launch_configuration = functools.partialmethod(_update_configuration, "LaunchConfiguration")
    update_launch_configuration = get_launch_configuration
    get_replication_configuration = functools.partialmethod(_update_configuration, "ReplicationConfiguration")
    update_replication_configuration = get_replication_configuration

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
        tags: Mapping[str, str] = {}
        if resource_type == "job" and resource_id in data.jobs:
            job = data.jobs[resource_id].created
            existing_arn, tags = job.arn, job.tags
        elif resource_type == "source-server" and resource_id in data.source_servers:
            server = data.source_servers[resource_id]
            existing_arn, tags = server["arn"], server["tags"]
        else:
            instances = (data.recovery_instance_members(one) for one in data.recovery_instances(self._now()))
            existing_arn = next((one["arn"] for one in instances if one["arn"] == arn), None)
        if arn != existing_arn:
            raise resource_not_found(resource_type or "resource", arn)
        return data.tags.get(arn, dict(tags))

    # ------------------------------------------------------------------ pages

    def _page(
        self,
        operation: str,
        request: Members,
        data: AccountRegion,
        entries: Iterable[tuple[Key, T]],
        members_of: Callable[[T], Members],
    ) -> Members:
        """Return the members of one page of the items, which are in the order of their keys."""
        query = {name: value for name, value in request.items() if name not in ("maxResults", "nextToken")}
        query_text = json.dumps([*data.scope, operation, _normalize(query)], sort_keys=True)
        token = request.get("nextToken", "")
        state = token.partition(".")[0]
        if token and token != self._token(state, query_text):
            message = "the token was not returned for this query, account and region"
            raise validation_error(message, [("nextToken", message)])
        after, number = json.loads(bytes.fromhex(state)) if token else ([], 0)
        size = self.page_sizes[number % len(self.page_sizes)]
        size = min(size, request.get("maxResults", size))
        following = list(itertools.islice((entry for entry in entries if entry[0] > after), size + 1))
        page: Members = {"items": [members_of(item) for _, item in following[:size]]}
        if len(following) > size:
            last = [following[size - 1][0] if size else after, number + 1]
            page["nextToken"] = self._token(json.dumps(last).encode().hex(), query_text)
        return page

    def _token(self, state: str, query_text: str) -> str:
        """Return a token of the key after which a page begins, and its number. It is valid for this query and endpoint only."""
        digest = hashlib.sha256(self._secret + json.dumps([state, query_text]).encode())
        return f"{state}.{digest.hexdigest()}"


def _can_answer(response: Mapping[str, Any], request: Members) -> bool:
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
        return require_response(operation, dict(response), "what it returned")
    except BaseException as error:  # pytest.fail raises one that is no Exception
        raise HookError(f"the function of respond({operation!r}, ...) failed: {error!r}") from error


def _launched_instance_id(function: Callable[[str], str], source_server_id: str) -> str:
    """Return the result of the function of `on_launch`, if it is the id of an instance."""
    try:
        instance_id = function(source_server_id)
        require_valid(service_model().shape_for("RecoveryInstanceID"), instance_id, repr(instance_id))
    except BaseException as error:  # pytest.fail raises one that is no Exception
        raise HookError(f"the function of on_launch failed for {source_server_id}: {error!r}") from error
    return instance_id


def _snapshot_time(source_server_id: str, snapshot_id: str | None, now: datetime) -> datetime | None:
    """Return the time of a recovery snapshot of a server; `None` without one."""
    if snapshot_id is None:
        return None
    for time, snapshot in recovery_snapshots(source_server_id, now).items():
        if snapshot["snapshotID"] == snapshot_id:
            return time
    raise conflict(f"source server {source_server_id} has no recovery snapshot {snapshot_id}")


def _matches_source_server(server: Members, filters: Members) -> bool:
    """Return whether a source server matches the filters of DescribeSourceServers. An absent or empty filter matches all."""
    ids, hardware_id, accounts = (filters.get(name) for name in ("sourceServerIDs", "hardwareId", "stagingAccountIDs"))
    hints = identification_hints(server)
    return (
        (not ids or server["sourceServerID"] in ids)
        and (not hardware_id or hardware_id in (hints.get("vmWareUuid"), hints.get("awsInstanceID")))
        and (not accounts or server.get("stagingArea", {}).get("stagingAccountID") in accounts)
    )


def _normalize(query: Any) -> Any:
    """Return a query in a form that is equal for equal queries: without empty filters, ids sorted and without repetition."""
    if isinstance(query, dict):
        normalized = {name: _normalize(value) for name, value in query.items()}
        return {name: value for name, value in normalized.items() if value or value is False}
    return sorted(set(query)) if isinstance(query, list) else query


def _date_range(filters: Members, start_name: str, end_name: str) -> Callable[[datetime | None], bool]:
    """Return whether a time is within two filters, inclusive. A time that is not known is if there are no filters."""
    start = datetime.fromisoformat(filters.get(start_name, "0001-01-01T00:00:00Z"))
    end = datetime.fromisoformat(filters.get(end_name, "9999-12-31T23:59:59.999999Z"))
    return lambda time: not filters.keys() & {start_name, end_name} if time is None else start <= time <= end
