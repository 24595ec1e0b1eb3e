"""The local DRS endpoint without HTTP: validation, canned responses, accounts and regions, pages, time and launches."""

# isinstance narrows raw JSON to dict or list, with unknown types of keys and elements.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import contextlib
import copy
import hashlib
import itertools
import json
import logging
import secrets
import threading
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, TypeAlias

import attrs
from botocore import xform_name

from drs_jobs._queries import query_identity
from drs_jobs._text import one_line
from drs_jobs._time import machine_time
from drs_jobs.testing.account_region import AccountRegion, Entries, Members
from drs_jobs.testing.factories import JobFactory
from drs_jobs.testing.failures import InjectedFailure
from drs_jobs.testing.faults import AwsError, HookError, Schedule, validation_error
from drs_jobs.testing.service_model import Scope, check_request, require_response, require_valid, service_model
from drs_jobs.testing.simulated_jobs import LATEST, LocalJob

CannedResponse: TypeAlias = Mapping[str, Any] | Callable[[Mapping[str, Any]], Mapping[str, Any]]
"""The members of a response, or a function that returns them for those of a request."""

_LAST_TIME: Final = datetime(9999, 1, 1, tzinfo=UTC)  # the jobs that start then end before the year 10000
_RESOURCE_IDS: Final = ("jobID", "recoveryInstanceID", "resourceId", "sourceServerID")

_logger: Final = logging.getLogger("drs_jobs")


class _Launch(NamedTuple):
    """A launch of a simulated recovery, for which the function of `on_launch` was not called yet."""

    scope: Scope
    job_id: str
    source_server_id: str


@attrs.define
class Backend:
    """Dispatches requests to accounts and regions. Thread-safe: each operation happens as a whole, or not at all."""

    speed: float = 1.0  # simulated seconds per real second
    profile: str = "linux"  # of the durations of simulated recoveries
    has_recovery_instance_ids: bool = False
    page_sizes: tuple[int, ...] = (1000,)
    injected_failures: dict[str, InjectedFailure] = attrs.field(factory=dict[str, InjectedFailure])  # by source server id
    responses: Schedule[CannedResponse] = attrs.field(factory=Schedule[CannedResponse])
    on_launch: Callable[[str], str] | None = None
    factory: JobFactory = attrs.field(factory=lambda: JobFactory(2))
    _start: datetime = attrs.field(factory=lambda: datetime.now(UTC), init=False)  # the wall clock, and what was advanced
    _machine_start: float = attrs.field(factory=machine_time, init=False)
    _data: dict[Scope, AccountRegion] = attrs.field(factory=dict[Scope, AccountRegion], init=False)
    _launches: dict[_Launch, datetime] = attrs.field(factory=dict[_Launch, datetime], init=False)  # with their time
    _is_launching: bool = attrs.field(default=False, init=False)
    _function_threads: list[int] = attrs.field(factory=list[int], init=False)  # those in a function of the test
    _mismatches: set[tuple[str, Scope]] = attrs.field(factory=set[tuple[str, Scope]], init=False)
    """The mismatches that were logged: the job, and the account and region of the request."""
    _secret: bytes = attrs.field(factory=lambda: secrets.token_bytes(32), init=False, repr=False)
    """Signs each token with its query, so that a token of another query or endpoint is invalid."""
    lock: threading.Condition = attrs.field(factory=threading.Condition, init=False, repr=False)

    def call(self, operation: str, request: Any, scope: Scope, access_key_id: str) -> Mapping[str, Any]:
        """Validate the members of a request against the service model and return those of the response."""
        request, failures = check_request(operation, request)
        if failures:
            message = f"{len(failures)} validation errors, the first at {failures[0][0] or 'the body'}: {failures[0][1]}"
            raise validation_error(message, failures)
        self._warn_of_mismatches(request, scope, access_key_id)
        self.launch_instances()
        canned = self.responses.take(operation, lambda response: callable(response) or _can_answer(response, request))
        if canned is not None:
            if not callable(canned):
                return canned
            with self._function_of_test(f"respond({operation!r}, ...) failed"):
                members: object = canned(copy.deepcopy(request))
                if not isinstance(members, Mapping):
                    raise TypeError(f"it returned {members!r}, not the members of a response")
                return require_response(operation, dict(members), "what it returned")
        with self.lock:
            method = getattr(self.account_region(scope), xform_name(operation), None)
            if method is None:
                message = (
                    f"LocalDrs does not simulate {operation}, and a response that names other resources is not used: "
                    f"add a response with local.respond({operation!r}, {{...}})"
                )
                raise AwsError("UnknownOperationException", 404, message)
            response: Any = method(request)
            return response if isinstance(response, dict) else self._page(operation, request, scope, response)

    def add_jobs(self, jobs: Iterable[LocalJob], scope: Scope, *, lag: timedelta = timedelta()) -> None:
        """Add jobs, or replace the jobs with the same ids. What they launch from now on is launched by `on_launch`."""
        with self.lock:
            data, now = self.account_region(scope), self.now()
            for job in jobs:
                job_id = job.created.job_id
                data.tags.pop(job.created.arn or "", None)
                data.add_job(attrs.evolve(job, lag=lag))
                self._launches = {launch: at for launch, at in self._launches.items() if launch[:2] != (scope, job_id)}
                is_over = job.servers is None or job.job_at(now - lag).is_complete
                for instance in () if is_over else job.instances_at(LATEST):
                    if instance.launched_at + lag > now:
                        self._launches[_Launch(scope, job_id, instance.source_server_id)] = instance.launched_at + lag

    def launch_instances(self, *, wait: bool = False) -> None:
        """Call `on_launch` for each launch that has ended, without the lock, because it sends requests. `wait` for others."""
        while True:
            with self.lock:
                if wait:
                    self.lock.wait_for(lambda: not self._is_launching)
                launch = min(self._launches, key=self._launches.__getitem__, default=None)
                if self._is_launching or launch is None or self._launches[launch] > self.time():
                    return
                self._is_launching, function = True, self.on_launch
            instance_id = None
            try:
                if function is not None:
                    with self._function_of_test(f"on_launch failed for {launch.source_server_id}"):
                        created_id = function(launch.source_server_id)
                        shape = service_model().shape_for("RecoveryInstanceID")
                        instance_id = require_valid(shape, created_id, repr(created_id))
                        self._require_new_instance(launch, instance_id)
            finally:
                with self.lock:
                    self._is_launching = False
                    self.lock.notify_all()
                    # Otherwise, the job was removed or replaced.
                    if self._launches.pop(launch, None) is not None and instance_id is not None:
                        self._replace_instance_id(launch, instance_id)

    def _require_new_instance(self, launch: _Launch, instance_id: Any) -> None:
        with self.lock:
            instance = self.account_region(launch.scope).recovery_instances(self.time()).get(instance_id, {})
        if (server_id := instance.get("sourceServerID", launch.source_server_id)) != launch.source_server_id:
            raise ValueError(f"it returned {instance_id}, the existing instance of {server_id}: create one for each server")

    @contextlib.contextmanager
    def _function_of_test(self, problem: str) -> Generator[None]:
        """Raise a HookError for any error of a function of the test."""
        self._function_threads.append(threading.get_ident())
        try:
            yield
        except BaseException as error:  # pytest.fail raises one that is no Exception
            # A signal, such as Ctrl-C, reaches only the main thread, which serves no requests.
            if isinstance(error, KeyboardInterrupt | SystemExit) and threading.current_thread() is threading.main_thread():
                raise
            raise HookError(f"the function of {problem}: {error!r}") from error
        finally:
            self._function_threads.remove(threading.get_ident())

    def _replace_instance_id(self, launch: _Launch, instance_id: str) -> None:
        data = self._data[launch.scope]
        job = data.jobs[launch.job_id]
        servers = tuple(
            attrs.evolve(server, instance_id=instance_id) if server.source_server_id == launch.source_server_id else server
            for server in job.servers or ()
        )
        data.add_job(attrs.evolve(job, servers=servers))

    def time(self) -> datetime:
        """Return the simulated time, in UTC."""
        # A library that freezes the time of a test replaces the other clocks, also after this one was started.
        return self._start + timedelta(seconds=(machine_time() - self._machine_start) * self.speed)

    def now(self) -> datetime:
        """Return the time of jobs, which stops before a launch until the function of `on_launch` has returned."""
        return min([self.time(), *(at - timedelta(microseconds=1) for at in self._launches.values())])

    def advance(self, seconds: timedelta | float) -> None:
        """Advance the time, and launch the instances that are due."""
        with self.lock:
            # A timedelta overflows beyond these limits, which are refused.
            duration = seconds if isinstance(seconds, timedelta) else timedelta(seconds=min(max(seconds, -1), 1e12))
            if not timedelta() <= duration <= _LAST_TIME - self.time():
                raise ValueError(f"time can't run backwards, nor beyond {_LAST_TIME:%Y-%m-%d}: seconds can't be {seconds!r}")
            self._start += duration
        # A function of the test does not wait: two that wait for each other would never end.
        self.launch_instances(wait=threading.get_ident() not in self._function_threads)

    def account_region(self, scope: Scope) -> AccountRegion:
        """Return the data of an account and region, to be used with the lock."""
        return self._data.setdefault(scope, AccountRegion(scope, self))

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

    def _page(self, operation: str, request: Members, scope: Scope, entries: Entries) -> Members:
        """Return the members of one page of the items."""
        query = {name: value for name, value in request.items() if name not in ("maxResults", "nextToken")}
        query_text = query_identity(operation, query, scope)
        token = request.get("nextToken", "")
        state = token.partition(".")[0]
        if token and token != self._token(state, query_text):
            message = "the token was not returned for this query, account and region"
            raise validation_error(message, [("nextToken", message)])
        after, number = json.loads(bytes.fromhex(state)) if token else ([], 0)
        size = self.page_sizes[number % len(self.page_sizes)]
        size = min(size, request.get("maxResults", size))
        following = list(itertools.islice((entry for entry in entries if entry[0] > after), size + 1))
        page: Members = {"items": [make_item() for _, make_item in following[:size]]}
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
    return all(one in named for one in requested if one[0] in kinds_in_both)


def _resource_ids(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Yield the ids of resources that are anywhere in the members of a request or response, each after its kind."""
    if isinstance(value, Mapping):
        for key, member in value.items():
            if key != "tags":  # their keys are the user's
                yield from _resource_ids(member, key)
    elif isinstance(value, list):
        for element in value:
            yield from _resource_ids(element, name)
    elif (kind := name.removesuffix("s")) in _RESOURCE_IDS:
        yield kind, value
