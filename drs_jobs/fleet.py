"""Many accounts and regions: one outcome for every target, in order of completion, whatever fails.

A sweep runs on threads, or on any `concurrent.futures.Executor`: a pool of processes, or Dask's cluster. So a task and its
outcome can be pickled, and whoever works on a task builds the client for it: from one session a process, and with one
AssumeRole for all regions of an account until it must be renewed.
"""

import functools
import queue
import threading
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Executor, Future
from contextlib import closing
from datetime import UTC, datetime
from typing import Any, Final, final

import attrs
from botocore.config import Config
from botocore.exceptions import ClientError

from drs_jobs import _arguments
from drs_jobs.client import JobsClient
from drs_jobs.errors import ServiceError, UninitializedAccountException, may_pass, portable, service_error
from drs_jobs.models import Job

MAX_IN_FLIGHT: Final = 32
"""How many targets are asked at a time, where the caller says nothing."""

CONNECT_TIMEOUT: Final = 10
"""Seconds to connect to a target, an attempt."""

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
@attrs.frozen
class TargetError:
    """A target that did not answer, or not with jobs. What it had answered before is left out: part of it is not it."""

    target: Target
    """The target."""
    error: Exception
    """What went wrong: an error of drs_jobs, or botocore's own; without a traceback, which would hold the whole client."""

    @property
    def is_uninitialized(self) -> bool:
        """Whether Elastic Disaster Recovery was never set up there, which is not the same as no jobs, nor a failure."""
        return isinstance(self.error, UninitializedAccountException)

    def __reduce__(self) -> tuple[Any, ...]:
        # botocore's errors of transport may hold a live connection.
        return TargetError, (self.target, portable(self.error))


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
    import boto3  # noqa: PLC0415  # `import drs_jobs` does not import boto3

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
) -> Iterator[TargetJobs | TargetError]:
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
    most = _arguments.checked_count("max_in_flight", max_in_flight, 1)
    start, end = _arguments.checked_span(from_date, to_date)
    ask = functools.partial(_ask, uuid.uuid4().hex, start, end)
    return _sweep(iter(targets), ask, executor, most or MAX_IN_FLIGHT)


_Outcome = TargetJobs | TargetError


def _sweep(
    targets: Iterator[Target], ask: Callable[[Target], _Outcome], executor: Executor | None, most: int
) -> Iterator[_Outcome]:
    workers = _Threads(most) if executor is None else executor
    in_flight: dict[Future[_Outcome], Target] = {}
    done: queue.SimpleQueue[Future[_Outcome]] = queue.SimpleQueue()
    broken: Exception | None = None
    has_more = True
    try:
        while has_more or in_flight:
            while has_more and len(in_flight) < most:
                try:
                    target = next(targets, None)
                except Exception as error:  # noqa: BLE001  # whatever the caller's iterable raises, raised again below
                    target, broken = None, error
                if target is None:
                    has_more = False
                    break
                try:
                    future = workers.submit(ask, target)
                except Exception as error:  # noqa: BLE001  # a task that can't be pickled, a pool that broke
                    yield _failed(target, error)
                    continue
                in_flight[future] = target
                future.add_done_callback(done.put)
            if in_flight:
                future = done.get()
                yield _outcome(future, in_flight.pop(future))
        if broken is not None:
            raise broken
    finally:
        for future in in_flight:
            future.cancel()
        if executor is None:
            workers.shutdown(wait=False)


def _outcome(future: Future[_Outcome], target: Target) -> _Outcome:
    """What came of a target; an error of the executor itself, such as a process that died, is that target's error."""
    if future.cancelled():
        return TargetError(target, RuntimeError("cancelled by the executor"))
    error = future.exception()
    if isinstance(error, Exception):
        return _failed(target, error)
    if error is not None:
        raise error
    return future.result()


class _Threads(Executor):
    """Threads that a process does not wait for when it ends, as it does for ThreadPoolExecutor's: Ctrl-C stops at once."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._started = 0
        self._tasks: queue.SimpleQueue[tuple[Future[Any], Callable[[], Any]] | None] = queue.SimpleQueue()

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self._tasks.put((future, functools.partial(fn, *args, **kwargs)))
        if self._started < self._most:
            self._started += 1
            threading.Thread(target=self._work, name="drs_jobs.sweep", daemon=True).start()
        return future

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            future, call = task
            if future.set_running_or_notify_cancel():
                try:
                    future.set_result(call())
                except BaseException as error:  # noqa: BLE001  # it travels to whoever asks the future
                    future.set_exception(error)
            del task, future, call  # while waiting for the next one this thread holds on to nothing

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:  # noqa: ARG002, FBT001, FBT002  # Executor's own
        for _ in range(self._started):
            self._tasks.put(None)


# ------------------------------------------------------------------ what a worker does


def _ask(sweep_id: str, from_date: datetime | None, to_date: datetime | None, target: Target) -> _Outcome:
    """Ask one target, in whatever thread or process this is."""
    try:
        with closing(_accounts(sweep_id).client(target)) as client:
            return TargetJobs(target, tuple(JobsClient(client).describe_jobs(from_date=from_date, to_date=to_date)))
    except Exception as error:  # noqa: BLE001  # one target's trouble is no other's
        return _failed(target, error)


def _failed(target: Target, error: Exception) -> TargetError:
    """An error and what led to it, without the frames they came by: thousands of them must cost no thousands of clients."""
    link: BaseException | None = error
    while link is not None and link.__traceback__ is not None:  # so a chain that bites its own tail ends too
        link.__traceback__ = None
        link = link.__cause__ or link.__context__
    return TargetError(target, error)


_lock: Final = threading.RLock()
"""Making sessions and clients is not thread-safe, using clients is."""


@functools.lru_cache(maxsize=4)
def _accounts_of(sweep_id: str) -> "_Accounts":  # noqa: ARG001  # a key, nothing more
    return _Accounts()


def _accounts(sweep_id: str) -> "_Accounts":
    with _lock:
        return _accounts_of(sweep_id)


class _Accounts:
    """The sessions and credentials of one sweep in one process. A later sweep finds its own, as boto3 finds them by then."""

    def __init__(self) -> None:
        self._session = functools.cache(_make_session)
        self._sts = functools.lru_cache(maxsize=100)(_make_sts)
        # As many accounts as a sweep may go round; more would be as much memory as there are accounts.
        self._role = functools.lru_cache(maxsize=1_000)(_Role)

    def client(self, target: Target) -> Any:
        """A new boto3 client for a target."""
        with _lock:
            session = self._session(target.profile_name)
            if target.endpoint_url is None and target.region not in _known_regions(session):
                raise ValueError(f"botocore knows no DRS in region {target.region!r}: correct the name, or upgrade botocore")
            role = None if target.role_arn is None else self._role(target.profile_name, target.role_arn, target.external_id)
            sts = None if role is None else self._sts(session, target.region)
        credentials = {} if role is None else role.credentials(sts)
        with _lock:
            return session.client(
                "drs", region_name=target.region, endpoint_url=target.endpoint_url, config=_config(), **credentials
            )


def _make_session(profile_name: str | None) -> Any:
    import boto3  # noqa: PLC0415  # `import drs_jobs` does not import boto3

    return boto3.Session(profile_name=profile_name)


def _make_sts(session: Any, region: str) -> Any:
    return session.client("sts", region_name=region, config=_config())


def _config() -> Config:
    return Config(connect_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT)


@functools.lru_cache(maxsize=1)
def _known_regions(session: Any) -> frozenset[str]:
    partitions = session.get_available_partitions()
    return frozenset(
        region for partition in partitions for region in session.get_available_regions("drs", partition_name=partition)
    )


_RENEW: Final = 600.0
"""Seconds before their end that credentials are renewed: far longer than a target takes."""

_REFUSED: Final = 60.0
"""Seconds for which a role that was refused is not tried again: the account's other regions get the same error."""


class _Role:
    """The credentials of one role, assumed once for all regions."""

    def __init__(self, profile_name: str | None, role_arn: str, external_id: str | None) -> None:
        self._profile_name = profile_name
        self._request = {"RoleArn": role_arn, "RoleSessionName": "drs_jobs"}
        if external_id is not None:
            self._request["ExternalId"] = external_id
        self._lock = threading.Lock()
        self._until = 0.0
        self._found: dict[str, str] | ServiceError = {}

    def credentials(self, sts: Any) -> dict[str, str]:
        """What a client is made with. ServiceError where AWS refuses the role."""
        with self._lock:
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
            self._until = 0.0 if may_pass(self._found) else time.monotonic() + _REFUSED
            return
        self._found = {
            "aws_access_key_id": found["AccessKeyId"],
            "aws_secret_access_key": found["SecretAccessKey"],
            "aws_session_token": found["SessionToken"],
        }
        self._until = time.monotonic() + (found["Expiration"] - datetime.now(UTC)).total_seconds() - _RENEW
