"""The sessions, clients and credentials of a sweep, in each process that works for it."""

import codecs
import functools
import inspect
import math
import os
import threading
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from contextvars import ContextVar
from types import SimpleNamespace
from typing import Any, Final, NamedTuple, TypeAlias, TypeVar

import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.parsers import ResponseParserError

from drs_jobs._aws.calls import decode_headers, register_handlers
from drs_jobs._aws.field_names import METHODS
from drs_jobs._aws.responses import fast_decoder
from drs_jobs._errors import DrsJobsError, is_transient, service_error
from drs_jobs._time import machine_time, machine_timestamp
from drs_jobs.sweep.targets import Target, drs_regions

R = TypeVar("R")
LockClass: TypeAlias = Callable[[], AbstractAsyncContextManager[Any]]
AssumeRole: TypeAlias = Callable[[Mapping[str, str]], Awaitable[Any]]
"""Calls AssumeRole with these arguments."""

# The first connection and the first response need these. They are imported here, so that no thread imports them: a process
# that is forked during an import inherits the lock of the module, and waits for it without end.
codecs.lookup("idna")
fast_decoder()

_building: Final = threading.RLock()
"""Held while a client is built, and during a fork: the locks of OpenSSL that it acquires would stay locked in the child."""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_building.acquire, after_in_parent=_building.release, after_in_child=_building.release)

CONNECT_TIMEOUT: Final = 10
"""The time-out of a connection, in seconds per attempt."""

READ_TIMEOUT: Final = 20
"""The time-out of a response, in seconds per attempt."""

MAX_CLIENTS: Final = 100
"""The number of clients that a sweep on threads keeps: each has an open connection, and 256 files is a usual limit of macOS."""

_MAX_ATTEMPTS: Final = 6
"""The largest number of attempts of a request. The pauses between them double: they are 31 seconds at most in total."""

_credentials: Final[ContextVar[Credentials | None]] = ContextVar("drs_jobs_credentials", default=None)
"""The credentials for the call that is being made; `None` for those of the client."""


def _on_sign(request: Any, **_: object) -> None:
    """Handle botocore's event for an attempt, in the thread or task that makes the call."""
    if (credentials := _credentials.get()) is not None:
        request.context.setdefault("signing", {})["request_credentials"] = credentials


# ------------------------------------------------------------------ for threads and for tasks


class ClientKey(NamedTuple):
    """What a client is built from. Targets with the same key share the client."""

    service_name: str
    profile_name: str | None
    region_name: str
    endpoint_url: str | None = None


class SharedClients:
    """The sessions, clients and credentials of one sweep in one process.

    There is one client per region for all accounts, and each request is signed with the credentials of its target. The methods
    are coroutines, for the tasks of an event loop. `ThreadClients` runs the same ones in threads.
    """

    lock_class: LockClass
    credentials_class: type[Credentials] = Credentials

    def __init__(self, max_in_flight: int, make_session: Callable[[str | None], Any]) -> None:
        """Create an empty cache for this many targets at the same time. `make_session` makes the session of a profile."""
        self._max_in_flight = max_in_flight
        self._session = functools.cache(make_session)
        self._lock, self._role_lock = self.lock_class(), self.lock_class()  # held while a client is created, or a role
        self._clients: dict[ClientKey, Any] = {}
        # More accounts than a sweep reads at the same time. Without a limit, the memory would grow with the accounts.
        self._role = functools.lru_cache(maxsize=1_000)(functools.partial(Role, self.lock_class, self.credentials_class))

    async def bind(self, target: Target, wrap: Callable[[Any], Any] = lambda call: call) -> Any:
        """Return an object with the methods of a client of DRS for a target. Raise the error if its role cannot be assumed.

        The credentials are renewed before they expire. `wrap` changes the function that makes the calls.
        """
        key = ClientKey("drs", target.profile_name, target.region, target.endpoint_url)
        meta = (await self._client(key)).meta
        credentials, check_at, check = None, math.inf, None
        if target.role_arn is not None:
            sts_key = ClientKey("sts", target.profile_name, target.region)
            # Tokens of the global endpoint are not valid in opt-in regions, those of regional ones in all regions. So the two
            # kinds are kept apart. The global endpoint is used with `AWS_STS_REGIONAL_ENDPOINTS=legacy`.
            is_global = (await self._client(sts_key)).meta.endpoint_url == "https://sts.amazonaws.com"
            async with self._role_lock:
                role = self._role(target.role_arn, target.external_id, target.profile_name, is_global)
            assume_role = functools.partial(self._call, sts_key, "assume_role")
            check = functools.partial(role.credentials, target.region, assume_role)
            credentials, check_at = await check()

        async def call(method: str, **request: Any) -> Any:
            nonlocal credentials, check_at
            if check is not None and machine_time() >= check_at:
                credentials, check_at = await check()
            return await self._call(key, method, request, credentials)

        return SimpleNamespace(meta=meta, **{method: functools.partial(wrap(call), method) for method in METHODS.values()})

    async def _call(
        self, key: ClientKey, method: str, request: Mapping[str, Any], credentials: Credentials | None = None
    ) -> Any:
        client = await self._client(key)
        token = _credentials.set(credentials)
        try:
            return await _result(getattr(client, method)(**request))
        finally:
            with suppress(ValueError):  # the garbage collector closes an abandoned coroutine outside of its context
                _credentials.reset(token)

    async def _client(self, key: ClientKey) -> Any:
        if (client := self._clients.get(key)) is None:  # no lock for one that is there: to find credentials can take long
            async with self._lock:
                client = self._clients.get(key) or await self._create(key)
                self._clients[key] = client
        return client

    async def _create(self, key: ClientKey) -> Any:
        is_drs = key.service_name == "drs"
        if is_drs and key.endpoint_url is None and not any(key.region_name in names for names in drs_regions().values()):
            raise ValueError(f"botocore has no DRS in region {key.region_name!r}: correct the name, or upgrade botocore")
        session = self._session(key.profile_name)
        if session is None:
            raise NoCredentialsError
        attempts = session.get_config_variable("max_attempts")  # `AWS_MAX_ATTEMPTS`, or that of the profile
        attempts = 3 if attempts is None else min(attempts, _MAX_ATTEMPTS)
        config = Config(
            connect_timeout=CONNECT_TIMEOUT,
            read_timeout=READ_TIMEOUT,
            max_pool_connections=self._max_in_flight,
            # In the other modes, botocore limits the retries of a client in total, so that one account uses up those of others.
            retries={"mode": "legacy", "total_max_attempts": attempts},
        )
        client = await self._build(
            session, key.service_name, region_name=key.region_name, endpoint_url=key.endpoint_url, config=config
        )
        client.meta.events.register("before-sign", _on_sign)
        if is_drs:
            register_handlers(client)
        return client

    async def _build(self, session: Any, service_name: str, **arguments: Any) -> Any:
        raise NotImplementedError


async def _result(response: Any) -> Any:
    """Return the response of a client, synchronous or not."""
    return await response if inspect.isawaitable(response) else response


# ------------------------------------------------------------------ roles

_MALFORMED: Final = (AttributeError, LookupError, ResponseParserError, TypeError, ValueError)
"""The errors for a response of AssumeRole that is none, such as an HTML page. Text and frames can have the credentials."""

_ROLE_ERRORS: Final = (BotoCoreError, ClientError, DrsJobsError, *_MALFORMED)
"""The errors of AssumeRole, and of its response."""

_RENEWAL_MARGIN: Final = 600.0
"""Seconds before their expiration at which credentials are renewed: longer than a request takes with all its attempts."""

_RENEWAL_INTERVAL: Final = 60.0
"""Seconds after a failed renewal before the next one, and after which a target checks its credentials, while they are valid."""

_REFUSAL_LIFETIME: Final = 60.0
"""Seconds for which a region of STS that rejected a role is not called again."""


class Role:
    """The credentials of one role, which are the same for all regions.

    A failed renewal loses no target while the credentials are still valid. A refusal counts only for the region of STS that
    gave it: an opt-in region that is not enabled refuses every role.
    """

    def __init__(
        self, lock: LockClass, credentials_class: type[Credentials], role_arn: str, external_id: str | None, *_: object
    ) -> None:
        """Create a role without credentials. The last arguments are only parts of the key of its cache."""
        self._lock = lock()  # held while the credentials are renewed
        self._credentials_class = credentials_class
        self._request = {"RoleArn": role_arn, "RoleSessionName": "drs_jobs"}
        if external_id is not None:
            self._request["ExternalId"] = external_id
        self._credentials: Credentials | None = None
        self._expires_at = self._renew_at = -math.inf
        self._refusals: dict[str, tuple[Exception, float]] = {}
        """The refusals by region, and until when they count."""

    async def credentials(self, region: str, assume_role: AssumeRole) -> tuple[Credentials | None, float]:
        """Return the credentials for a target in a region, and the time at which the target must check them again.

        Raise the error of STS only if there are no valid credentials.
        """
        async with self._lock:
            failure = None
            if machine_time() >= self._renew_at:
                failure, refused_until = self._refusals.get(region, (None, -math.inf))
                if machine_time() >= refused_until:
                    failure = await self._renew(region, assume_role)
            now = machine_time()
            if now < self._expires_at:
                return self._credentials, min(now + _RENEWAL_INTERVAL, self._expires_at)
            if failure is not None:
                raise failure
            # They have expired already, so the clock of this machine is wrong, and a renewal would not help.
            return self._credentials, now + _RENEWAL_INTERVAL

    async def _renew(self, region: str, assume_role: AssumeRole) -> Exception | None:
        """Renew the credentials. Return the error if that fails, without the context of botocore's error."""
        try:
            self._store(await assume_role(self._request))
        except _ROLE_ERRORS as error:
            failure = service_error(error) if isinstance(error, ClientError) else error
            if isinstance(error, _MALFORMED):
                failure = DrsJobsError("AssumeRole returned no credentials: check the endpoint of STS")
        else:
            return None
        now = machine_time()
        if not is_transient(failure):
            self._refusals[region] = failure, now + _REFUSAL_LIFETIME
        if now < self._expires_at:
            self._renew_at = now + _RENEWAL_INTERVAL
        return failure

    def _store(self, response: Mapping[str, Any]) -> None:
        keys = response["Credentials"]
        lifetime = keys["Expiration"].timestamp() - machine_timestamp()
        self._credentials = self._credentials_class(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
        self._expires_at = machine_time() + lifetime
        self._renew_at = self._expires_at - _RENEWAL_MARGIN


# ------------------------------------------------------------------ threads


class _ThreadLock:
    """A lock for `async with` that blocks the thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    async def __aenter__(self) -> None:
        self._lock.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()


def run_without_loop(coroutine: Coroutine[Any, Any, R]) -> R:
    """Return the result of a coroutine that never waits for an event loop, such as those of `ThreadClients`."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: R = end.value
        return result
    raise AssertionError("the coroutine waits for an event loop")


class ThreadClients(SharedClients):
    """The clients of a sweep on threads, over botocore.

    Unpickling it in another process returns the object that this process has for the same sweep.
    """

    lock_class: LockClass = _ThreadLock

    def __init__(self, sweep_id: str, max_in_flight: int) -> None:
        """Create an empty cache. The id of a sweep is the same in all its processes."""
        super().__init__(max_in_flight, _make_session)
        self._sweep_id = sweep_id

    def __reduce__(self) -> tuple[Any, ...]:
        return _worker_clients, (self._sweep_id, self._max_in_flight)

    def client(self, target: Target) -> Any:
        """Return an object with the methods of a client of DRS for a target. It can be used in any thread."""

        def without_loop(call: Callable[..., Coroutine[Any, Any, Any]]) -> Callable[..., Any]:
            return lambda *arguments, **request: run_without_loop(call(*arguments, **request))

        return run_without_loop(self.bind(target, without_loop))

    def close(self) -> None:
        """Close the clients. A request in flight is not interrupted."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()

    async def _build(self, session: Any, service_name: str, **arguments: Any) -> Any:
        if len(self._clients) >= MAX_CLIENTS:
            self._clients.pop(next(iter(self._clients))).close()  # a request in flight is not interrupted
        with _building:
            client = session.create_client(service_name, **arguments)
        if service_name == "sts":
            client.meta.events.register("before-send.sts", decode_headers)
        return client


def _make_session(profile_name: str | None) -> Any:
    """Return a session; `None` if it finds no credentials."""
    with _building:
        session: Any = botocore.session.Session(profile=profile_name)
        session.get_component("credential_provider")  # it is built at its first use, with a context of OpenSSL
    # This can make requests, so no fork waits for it.
    return None if session.get_credentials() is None else session


_MAX_WORKER_CLIENTS: Final = 64
"""The number of sweeps with clients that a worker process keeps. It gets no notification of the end of a sweep."""

_clients_of_sweeps: Final[dict[str, ThreadClients]] = {}
"""The clients for sweeps that run in another process and use this process as a worker, by the id of the sweep."""


def _worker_clients(sweep_id: str, max_in_flight: int) -> ThreadClients:
    with _building:  # which no forked process inherits locked
        clients = _clients_of_sweeps.pop(sweep_id, None) or ThreadClients(sweep_id, max_in_flight)
        _clients_of_sweeps[sweep_id] = clients  # the latest is the last one
        if len(_clients_of_sweeps) > _MAX_WORKER_CLIENTS:
            del _clients_of_sweeps[next(iter(_clients_of_sweeps))]
    return clients
