"""Many accounts and regions: one outcome for every target, in order of completion, whatever fails.

A sweep runs on threads, or on any `concurrent.futures.Executor`: a pool of processes, or Dask's cluster. So a task and its
outcome can be pickled, and whoever works on a task builds the client for it: from one session a process, and with one
AssumeRole for all regions of an account until it must be renewed.
"""

import codecs
import functools
import os
import queue
import threading
import time
import uuid
from collections.abc import Callable, Generator, Iterable, Iterator
from concurrent.futures import Executor, Future
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import Any, Final, final

import attrs
import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from drs_jobs import _arguments
from drs_jobs._client import JobsClient
from drs_jobs._errors import (
    MalformedResponseError,
    ServiceError,
    UninitializedAccountException,
    is_transient,
    make_picklable,
    service_error,
)
from drs_jobs._models import Job
from drs_jobs._thread_pool import DaemonThreadPool

# boto3 is imported above, and this codec, which the first connection needs, is imported here, so that no thread imports them:
# a process that is forked during an import inherits the lock of the module, and waits for it without end.
codecs.lookup("idna")

MAX_IN_FLIGHT: Final = 32
"""How many targets are asked at a time, where the caller says nothing."""

CONNECT_TIMEOUT: Final = 10
"""Seconds to connect to a target, an attempt."""

_WAIT_SLICE: Final = 0.5
"""Seconds after which a wait for the next result can be interrupted on Windows."""

READ_TIMEOUT: Final = 20
"""Seconds to wait for a target's answer, an attempt. How many attempts there are is botocore's to say."""


@attrs.frozen
class Target:
    """One region of one account, and how to get in."""

    region: str
    """The AWS region."""
    role_arn: str | None = None
    """The role to assume; `None` for the credentials that boto3 finds."""
    profile_name: str | None = None
    """The AWS profile whose credentials are used, or assume the role; `None` for those that boto3 finds."""
    external_id: str | None = None
    """The external id that the role's trust policy asks for."""
    endpoint_url: str | None = None
    """Another endpoint than AWS's, such as that of a `LocalDrs`."""


@final
@attrs.frozen(repr=False)
class TargetJobs:
    """A target that answered, with all its jobs: none, where there are none."""

    target: Target
    """The target."""
    jobs: tuple[Job, ...]
    """Its jobs, newest first."""

    def __repr__(self) -> str:
        """Count the jobs instead of printing them."""
        return f"TargetJobs({self.target!r}, jobs=<{len(self.jobs)}>)"


@final
@attrs.frozen(repr=False)
class TargetFailure:
    """A target whose jobs could not be read, or not all of them."""

    target: Target
    """The target; whatever was given in place of one."""
    error: Exception
    """What went wrong: an error of drs_jobs or of botocore, without a traceback, since that would hold the whole client."""
    jobs: tuple[Job, ...] = ()
    """The readable jobs of a target with malformed ones, whose first MalformedResponseError is `error`. Empty otherwise."""

    def __repr__(self) -> str:
        """Count the jobs instead of printing them."""
        jobs = f", jobs=<{len(self.jobs)}>" if self.jobs else ""
        return f"TargetFailure({self.target!r}, {self.error!r}{jobs})"

    @property
    def is_uninitialized(self) -> bool:
        """Whether Elastic Disaster Recovery was never set up there, which is not the same as no jobs, nor a failure."""
        return isinstance(self.error, UninitializedAccountException)

    def __reduce__(self) -> tuple[Any, ...]:
        # botocore's errors of transport may hold a live connection.
        return TargetFailure, (self.target, make_picklable(self.error), self.jobs)


def targets(
    accounts: Iterable[str], regions: Iterable[str], *, role_name: str, partition: str = "aws", external_id: str | None = None
) -> Iterator[Target]:
    """A target for each region of each account, account by account, as they are asked for.

    `accounts`: account ids, of 12 digits, taken one by one. `regions`: region names; `"all"`, alone or among them, stands for
    those of the `partition` where botocore has DRS. `role_name`: the role to assume in each account, with its path if it has
    one. TypeError for a bare str of accounts or regions, and when it comes to it for an account that is no str.
    """
    if isinstance(accounts, str):
        raise TypeError(f"accounts must be a list of account ids, not one str: write [{accounts!r}]")
    if isinstance(regions, str) and regions != "all":
        raise TypeError(f'regions must be a list of region names, or "all", not one str: write [{regions!r}]')
    if not role_name or role_name.startswith("arn:"):
        raise ValueError(f"role_name must be the name of a role, such as 'DrsReader', not {role_name!r}")
    names: list[str] = []
    for region in ("all",) if isinstance(regions, str) else regions:
        names += _regions(partition) if region == "all" else [region]
    return _targets(accounts, tuple(dict.fromkeys(names)), f"arn:{partition}:iam::{{}}:role/{role_name}", external_id)


def _targets(accounts: Iterable[str], regions: tuple[str, ...], arn: str, external_id: str | None) -> Iterator[Target]:
    for account in accounts:
        if not isinstance(account, str):
            raise TypeError(f"an account id must be a str of 12 digits, because some begin with 0, not {account!r}")
        for region in regions:
            yield Target(region, role_arn=arn.format(account), external_id=external_id)


@functools.cache
def _regions(partition: str) -> tuple[str, ...]:
    """Where botocore has DRS. ValueError for a partition that has none."""
    found = tuple(boto3.Session().get_available_regions("drs", partition_name=partition))
    if not found:
        known = ", ".join(boto3.Session().get_available_partitions())
        raise ValueError(f"partition {partition!r} has no region with DRS: give one of {known}")
    return found


def sweep(
    targets: Iterable[Target],
    *,
    from_date: datetime | None = None,
    to_date: datetime | None = None,
    executor: Executor | None = None,
    max_in_flight: int = MAX_IN_FLIGHT,
) -> Iterator[TargetJobs | TargetFailure]:
    """Ask every target for its jobs. There is one outcome for each, in order of completion, and none ends the sweep.

    `targets` are taken as room comes up, so that there may be any number; an error of the iterable itself is raised once
    what is in flight is through. `from_date`, `to_date`: as in `JobsClient.describe_jobs`. `executor`: threads where none is
    given; any other, such as a ProcessPoolExecutor or `dask.distributed.Client.get_executor()`, is the caller's to shut down.
    `max_in_flight`: how many targets are asked at a time; a smaller executor asks fewer.

    A connection may take 10 seconds and an answer 20, an attempt; attempts are botocore's, 3 or as `AWS_MAX_ATTEMPTS` says.
    TypeError or ValueError at the call for an argument that can't be meant.
    """
    if isinstance(targets, str | Target):
        raise TypeError(f"targets must be a list of Target, not one {type(targets).__name__}: write [target]")
    if executor is not None and not callable(getattr(executor, "submit", None)):
        raise TypeError(
            f"executor must have a submit method, as concurrent.futures.Executor has; {type(executor).__name__} has none"
        )
    most = _arguments.validate_count("max_in_flight", max_in_flight, 1)
    start, end = _arguments.validate_date_range(from_date, to_date)
    read = functools.partial(_read_target, _SweepState(uuid.uuid4().hex), start, end)
    return _sweep(iter(targets), read, executor, most or MAX_IN_FLIGHT)


_Result = TargetJobs | TargetFailure


def _sweep(
    targets: Iterator[Target], read: Callable[[Target], _Result], executor: Executor | None, most: int
) -> Iterator[_Result]:
    workers = DaemonThreadPool(most) if executor is None else executor
    in_flight: dict[Future[_Result], Target] = {}
    done: queue.SimpleQueue[Future[_Result]] = queue.SimpleQueue()
    broken: Exception | None = None
    has_more = True
    try:
        while has_more or in_flight:
            while has_more and len(in_flight) < most:
                try:
                    target = next(targets)
                except StopIteration:
                    has_more = False
                    break
                except Exception as error:  # noqa: BLE001  # raised below, after the targets in flight
                    has_more, broken = False, error
                    break
                future = _submit(workers, read, target)
                in_flight[future] = target
                future.add_done_callback(done.put)
            if in_flight:
                future = _next_done(done)
                yield _outcome(future, in_flight.pop(future))
        if broken is not None:
            raise broken
    finally:
        for future in in_flight:
            future.cancel()
        if executor is None:
            workers.shutdown(wait=False)


def _submit(workers: Executor, read: Callable[[Target], _Result], target: Target) -> Future[_Result]:
    """The future result of a target, which already is a failure if the target cannot be submitted."""
    try:
        if not isinstance(target, Target):
            raise TypeError(f"expected a Target, not {type(target).__name__}")
        return workers.submit(read, target)
    except Exception as error:  # noqa: BLE001  # a task that cannot be pickled, a pool that is broken
        future: Future[_Result] = Future()
        future.set_result(_failure(target, error))
        return future


def _next_done(done: "queue.SimpleQueue[Future[_Result]]") -> Future[_Result]:
    while True:
        try:
            # With a time-out, since Windows does not interrupt a wait without one on Ctrl-C.
            return done.get(timeout=_WAIT_SLICE)
        except queue.Empty:
            continue


def _outcome(future: Future[_Result], target: Target) -> _Result:
    """The result of a target. An error of the executor, such as a process that died, is the target's failure."""
    if future.cancelled():
        return TargetFailure(target, RuntimeError("cancelled by the executor"))
    error = future.exception()
    if isinstance(error, Exception):
        return _failure(target, error)
    if error is not None:
        raise error
    return future.result()


# ------------------------------------------------------------------ what a worker does


def _read_target(state: "_SweepState", from_date: datetime | None, to_date: datetime | None, target: Target) -> _Result:
    """The result for one target, in whatever thread or process this is."""
    malformed: list[MalformedResponseError] = []
    try:
        with state.client(target) as client:
            pager = JobsClient(client).describe_jobs(from_date=from_date, to_date=to_date, on_malformed=malformed.append)
            jobs = tuple(pager)
    except Exception as error:  # noqa: BLE001  # an error of one target must not end the sweep
        return _failure(target, error)
    return _failure(target, malformed[0], jobs) if malformed else TargetJobs(target, jobs)


def _failure(target: Target, error: Exception, jobs: tuple[Job, ...] = ()) -> TargetFailure:
    """A failure whose error, and what led to it, have no frames: thousands of them would hold thousands of clients."""
    link: BaseException | None = error
    while link is not None and link.__traceback__ is not None:  # so a chain that bites its own tail ends too
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return TargetFailure(target, error, jobs)


_lock: Final = threading.RLock()
"""Held while a session or client is made, since that is not thread-safe.

Held during a fork too: making a client takes locks of OpenSSL, which would stay locked in the child.
"""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)

_KEPT_UNUSED: Final = 60.0
"""Seconds that another process keeps the state of a sweep without a task: it is not notified of the sweep's end."""

_states: Final[dict[str, "_SweepState"]] = {}
"""The states of the sweeps that this process works for on behalf of another process, by the sweep's id."""


def _state_of(sweep_id: str) -> "_SweepState":
    """This process's state of a sweep that another process runs."""
    # Without a lock, which a forked process could inherit locked: each step is atomic.
    state = _states.setdefault(sweep_id, _SweepState(sweep_id))
    now = state.last_use = time.monotonic()
    for other_id, other in list(_states.items()):
        if other.tasks == 0 and now - other.last_use > _KEPT_UNUSED:
            _states.pop(other_id, None)
    return state


class _SweepState:
    """The sessions and credentials of one sweep in one process. They live as long as the sweep.

    In another process it arrives as that process's own state of the same sweep.
    """

    def __init__(self, sweep_id: str) -> None:
        self.last_use = time.monotonic()
        self.tasks = 0
        """The number of clients in use."""
        self._sweep_id = sweep_id
        self._session = functools.cache(_make_session)
        self._known_regions = functools.cache(_find_known_regions)
        self._sts = functools.lru_cache(maxsize=100)(_make_sts)
        # As many accounts as a sweep is likely to alternate between; more would cost the memory of all accounts.
        self._role = functools.lru_cache(maxsize=1_000)(_RoleCredentials)

    def __reduce__(self) -> tuple[Any, ...]:
        return _state_of, (self._sweep_id,)

    @contextmanager
    def client(self, target: Target) -> Generator[Any]:
        """A new boto3 client for a target, closed at the end."""
        with _lock:
            self.tasks += 1
        try:
            with closing(self._make_client(target)) as client:
                yield client
        finally:
            with _lock:
                self.tasks -= 1
                self.last_use = time.monotonic()

    def _make_client(self, target: Target) -> Any:
        with _lock:
            session = self._session(target.profile_name)
            if target.endpoint_url is None and target.region not in self._known_regions(session):
                raise ValueError(f"botocore knows no DRS in region {target.region!r}: correct the name, or upgrade botocore")
            role = None if target.role_arn is None else self._role(target.profile_name, target.role_arn, target.external_id)
            sts = None if role is None else self._sts(session, target.region)
        credentials = {} if role is None else role.credentials(sts)
        with _lock:
            return session.client(
                "drs", region_name=target.region, endpoint_url=target.endpoint_url, config=_config(), **credentials
            )


def _make_session(profile_name: str | None) -> Any:
    return boto3.Session(profile_name=profile_name)


def _make_sts(session: Any, region: str) -> Any:
    return session.client("sts", region_name=region, config=_config())


def _config() -> Config:
    return Config(connect_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT)


def _find_known_regions(session: Any) -> frozenset[str]:
    partitions = session.get_available_partitions()
    return frozenset(
        region for partition in partitions for region in session.get_available_regions("drs", partition_name=partition)
    )


_RENEW_BEFORE_EXPIRY: Final = 600.0
"""Seconds before their end that credentials are renewed: far longer than a target takes."""

_REFUSAL_KEPT_FOR: Final = 60.0
"""Seconds for which a role that was refused is not tried again: the account's other regions get the same error."""


class _RoleCredentials:
    """The credentials of one role, assumed once for all regions."""

    def __init__(self, profile_name: str | None, role_arn: str, external_id: str | None) -> None:
        self._profile_name = profile_name
        self._request = {"RoleArn": role_arn, "RoleSessionName": "drs_jobs"}
        if external_id is not None:
            self._request["ExternalId"] = external_id
        self._renewal = threading.Lock()
        self._until = 0.0
        self._found: dict[str, str] | ServiceError = {}

    def credentials(self, sts: Any) -> dict[str, str]:
        """What a client is made with. ServiceError where AWS refuses the role."""
        with self._renewal:
            if time.monotonic() >= self._until:
                self._assume(sts)
            if isinstance(self._found, ServiceError):
                raise self._found
            return self._found

    def _assume(self, sts: Any) -> None:
        try:
            found = sts.assume_role(**self._request)["Credentials"]
        except ClientError as error:
            self._found = service_error(error)
            self._until = 0.0 if is_transient(self._found) else time.monotonic() + _REFUSAL_KEPT_FOR
            return
        self._found = {
            "aws_access_key_id": found["AccessKeyId"],
            "aws_secret_access_key": found["SecretAccessKey"],
            "aws_session_token": found["SessionToken"],
        }
        self._until = time.monotonic() + (found["Expiration"] - datetime.now(UTC)).total_seconds() - _RENEW_BEFORE_EXPIRY
