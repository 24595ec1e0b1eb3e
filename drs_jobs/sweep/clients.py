"""The sessions, clients and credentials of a sweep, in each process that works for it."""

import codecs
import functools
import inspect
import math
import os
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
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
from drs_jobs._aws.signing import Signing, current_signing, sign_as_current
from drs_jobs._errors import DrsJobsError, is_transient, service_error
from drs_jobs._time import machine_time, machine_timestamp
from drs_jobs.sweep.targets import Target, drs_regions

R = TypeVar("R")
LockClass: TypeAlias = Callable[[], AbstractAsyncContextManager[Any]]

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
"""The time-out of a response, in seconds per attempt. botocore sets the number of attempts."""

_DEFAULT_ATTEMPTS: Final = 3
"""botocore's number of attempts in the retry modes that limit the retries of a client."""

# ------------------------------------------------------------------ for threads and for tasks


class ClientKey(NamedTuple):
    """What a client is built from. Targets with the same key share the client."""

    service_name: str
    profile_name: str | None
    region_name: str
    endpoint_url: str | None

    def arguments(self, max_in_flight: int) -> dict[str, Any]:
        """Return the arguments with which a session builds the client."""
        config = Config(connect_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT, max_pool_connections=max_in_flight)
        return {"region_name": self.region_name, "endpoint_url": self.endpoint_url, "config": config}


class SharedClients:
    """The sessions, clients and credentials of one sweep in one process. They are kept until the end of the sweep.

    There is one client per region for all accounts, and each request is signed with the credentials of its target. The methods
    are coroutines, for the tasks of an event loop. `ThreadClients` runs the same ones in threads.
    """

    def __init__(self, max_in_flight: int, lock_class: LockClass, credentials_class: type[Credentials]) -> None:
        """Create an empty cache for this many targets at the same time."""
        self._max_in_flight = max_in_flight
        self._lock = lock_class()  # held while a session or client is created
        self._clients: dict[ClientKey, Any] = {}
        # More accounts than a sweep reads at the same time. Without a limit, the memory would grow with the accounts.
        self._role = functools.lru_cache(maxsize=1_000)(functools.partial(Role, lock_class, credentials_class))

    async def open(self, target: Target) -> tuple[Any, Callable[..., Coroutine[Any, Any, Any]]]:
        """Return the metadata of a client of DRS, and a function that makes a call: of the method's name and its arguments.

        Each call uses the client that the region has at that time, and the credentials of the target, which are renewed.

        Raises:
            ValueError: If botocore does not know the region, and the target has no endpoint of its own.
            ServiceError: If the role of the target cannot be assumed.
        """
        async with self._lock:
            if target.endpoint_url is None and not any(target.region in regions for regions in drs_regions().values()):
                raise ValueError(f"botocore has no DRS in region {target.region!r}: correct the name, or upgrade botocore")
        key = ClientKey("drs", target.profile_name, target.region, target.endpoint_url)
        role = None
        if target.role_arn is not None:
            async with self._use(_sts_key(target)) as sts, self._lock:
                # Tokens of the global endpoint are not valid in opt-in regions, those of regional ones in all regions. So the
                # two kinds are kept apart. The global endpoint is used with `AWS_STS_REGIONAL_ENDPOINTS=legacy`.
                is_global = sts.meta.endpoint_url == "https://sts.amazonaws.com"
                role = self._role(target.role_arn, target.external_id, target.profile_name, is_global)
        credentials, check_at = await self._credentials(target, role)

        async def call(method: str, **request: Any) -> Any:
            nonlocal credentials, check_at
            if machine_time() >= check_at:
                credentials, check_at = await self._credentials(target, role)
            return await self._call(key, method, request, credentials)

        async with self._use(key) as client:
            return client.meta, call

    async def _credentials(self, target: Target, role: "Role | None") -> tuple[Credentials | None, float]:
        """Return the credentials of a target, and the time at which they are checked again."""
        if role is None:
            return None, math.inf
        async with role.lock:
            failure = None
            if role.needs_call(target.region):
                try:
                    role.store(await self._call(_sts_key(target), "assume_role", role.request))
                except _ROLE_ERRORS as error:
                    failure = role.store_error(target.region, error)
            if failure is not None:
                raise failure
            return role.credentials, role.check_at()

    async def _call(
        self, key: ClientKey, method: str, request: Mapping[str, Any], credentials: Credentials | None = None
    ) -> Any:
        """Return the response of a call. botocore limits the retries of a client in total, so another client makes the rest."""
        signing = Signing(credentials)
        while True:
            async with self._use(key) as client:
                token = current_signing.set(signing)
                try:
                    response = getattr(client, method)(**request)
                    return await response if inspect.isawaitable(response) else response
                except (ClientError, BotoCoreError) as error:
                    if not is_transient(_converted(error)):
                        raise
                    async with self._lock:  # other calls get a new client too
                        if self._clients.get(key) is client:
                            del self._clients[key]
                    if signing.attempts >= client.meta.config.retries.get("total_max_attempts", _DEFAULT_ATTEMPTS):
                        raise
                finally:
                    with suppress(ValueError):  # the garbage collector closes an abandoned coroutine outside of its context
                        current_signing.reset(token)

    def _use(self, key: ClientKey) -> AbstractAsyncContextManager[Any]:
        """Return a context manager with the client of a key, which is built if there is none, and closed if it is not kept."""
        raise NotImplementedError


def _sts_key(target: Target) -> ClientKey:
    return ClientKey("sts", target.profile_name, target.region, None)


def _converted(error: Exception) -> Exception:
    return service_error(error) if isinstance(error, ClientError) else error


def bind(meta: Any, call: Callable[..., Any]) -> Any:
    """Return an object with the methods of a client of DRS, which make a call."""
    return SimpleNamespace(meta=meta, **{method: functools.partial(call, method) for method in METHODS.values()})


# ------------------------------------------------------------------ roles

_MALFORMED: Final = (ResponseParserError, ValueError)
"""botocore's errors for a response of AssumeRole that it cannot parse. Their text has the body, with the credentials."""

_ROLE_ERRORS: Final = (BotoCoreError, ClientError, DrsJobsError, *_MALFORMED)
"""The errors of AssumeRole, and of its response."""

_RENEWAL_MARGIN: Final = 600.0
"""Seconds before their expiration at which credentials are renewed: longer than a request takes with all its attempts."""

_RENEWAL_INTERVAL: Final = 60.0
"""Seconds after a failed renewal before the next one, and after which a target checks its credentials, while they are valid."""

_REFUSAL_LIFETIME: Final = 60.0
"""Seconds for which a region of STS that rejected a role is not called again."""


class Role:
    """The credentials of one role, which are the same for all regions. It makes no calls.

    A failed renewal loses no target while the credentials are still valid. A refusal counts only for the region of STS that
    gave it: an opt-in region that is not enabled refuses every role.
    """

    def __init__(
        self, lock_class: LockClass, credentials_class: type[Credentials], role_arn: str, external_id: str | None, *_: object
    ) -> None:
        """Create a role without credentials. The last arguments are only parts of the key of its cache."""
        self.lock = lock_class()
        """Held while the credentials are renewed."""
        self.request = {"RoleArn": role_arn, "RoleSessionName": "drs_jobs"}
        """The arguments of AssumeRole."""
        if external_id is not None:
            self.request["ExternalId"] = external_id
        self.credentials: Credentials | None = None
        self._credentials_class = credentials_class
        self._expires_at = self._renew_at = -math.inf
        self._refusals: dict[str, tuple[Exception, float]] = {}
        """The refusals by region, and until when they count."""

    def needs_call(self, region: str) -> bool:
        """Return whether AssumeRole must be called for a target in this region.

        Raises:
            ServiceError: If this region of STS has rejected the role, and there are no valid credentials.
        """
        now = machine_time()
        if now < self._renew_at:
            return False
        refusal, until = self._refusals.get(region, (None, 0.0))
        if refusal is not None and now < until:
            if now >= self._expires_at:
                raise refusal
            return False
        return True

    def store(self, response: Mapping[str, Any]) -> None:
        """Keep the credentials in the response of AssumeRole."""
        try:
            keys = response["Credentials"]
            lifetime = keys["Expiration"].timestamp() - machine_timestamp()
            self.credentials = self._credentials_class(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
        except (AttributeError, LookupError, TypeError):
            # Without the local variables, because crash reporters send them, and they have the secret key.
            response = keys = {}
            raise _no_credentials_error() from None
        self._expires_at = machine_time() + lifetime
        self._renew_at = self._expires_at - _RENEWAL_MARGIN

    def check_at(self) -> float:
        """Return the time at which a target that uses the credentials must check whether they were renewed."""
        now = machine_time()
        # If they have expired already, the clock of this machine is wrong, and a renewal would not help.
        return now + _RENEWAL_INTERVAL if now >= self._expires_at else min(now + _RENEWAL_INTERVAL, self._expires_at)

    def store_error(self, region: str, error: Exception) -> Exception | None:
        """Keep a refusal of AssumeRole, and the credentials while they are valid.

        Returns:
            The error to raise, without the context of `error`; `None` if the credentials are valid.
        """
        error = _no_credentials_error() if isinstance(error, _MALFORMED) else _converted(error)
        now = machine_time()
        if not is_transient(error):
            self._refusals[region] = error, now + _REFUSAL_LIFETIME
        if now >= self._expires_at:
            return error
        self._renew_at = now + _RENEWAL_INTERVAL
        return None


def _no_credentials_error() -> DrsJobsError:
    return DrsJobsError("AssumeRole returned no credentials: check the endpoint of STS")


# ------------------------------------------------------------------ threads


class _ThreadLock:
    """A lock for `async with` that blocks the thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()

    async def __aenter__(self) -> None:
        self._lock.acquire()

    async def __aexit__(self, *_: object) -> None:
        self._lock.release()


def _run(coroutine: Coroutine[Any, Any, R]) -> R:
    """Return the result of a coroutine that never waits for an event loop, such as those of `ThreadClients`."""
    try:
        coroutine.send(None)
    except StopIteration as end:
        result: R = end.value
        return result
    raise AssertionError("the coroutine waits for an event loop")


class ThreadClients(SharedClients):
    """The clients of a sweep on threads, over boto3.

    Unpickling it in another process returns the object that this process has for the same sweep.
    """

    def __init__(self, sweep_id: str, max_in_flight: int) -> None:
        """Create an empty cache. The id of a sweep is the same in all its processes."""
        import boto3  # noqa: PLC0415  # `import drs_jobs.sweep` does not import it, and no thread does

        super().__init__(max_in_flight, _ThreadLock, Credentials)
        self.is_in_worker = False
        """Whether the sweep runs in another process."""
        self._sweep_id = sweep_id
        self._session = functools.cache(functools.partial(_make_session, boto3.Session))
        self._has_credentials = functools.cache(_has_credentials)

    def __reduce__(self) -> tuple[Any, ...]:
        return _worker_clients, (self._sweep_id, self._max_in_flight)

    def client(self, target: Target) -> Any:
        """Return an object with the methods of a boto3 client of DRS for a target. It can be used in any thread."""
        meta, call = _run(self.open(target))

        def call_in_thread(method: str, **request: Any) -> Any:
            return _run(call(method, **request))

        return bind(meta, call_in_thread)

    def close(self) -> None:
        """Close the clients. A request in flight is not interrupted."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()

    @asynccontextmanager
    async def _use(self, key: ClientKey) -> AsyncGenerator[Any]:
        async with self._lock:
            client = self._clients.get(key)
            if client is None:
                client = self._clients[key] = self._build(key)
        try:
            yield client
        finally:
            if self._clients.get(key) is not client:
                client.close()  # which interrupts no request of another thread

    def _build(self, key: ClientKey) -> Any:
        session = self._session(key.profile_name)
        if not self._has_credentials(session):
            raise NoCredentialsError
        with _building:
            client = session.client(key.service_name, **key.arguments(self._max_in_flight))
        sign_as_current(client)
        if key.service_name == "drs":
            register_handlers(client)
        else:
            client.meta.events.register("before-send.sts", decode_headers)
        return client


def _make_session(session_class: Callable[..., Any], profile_name: str | None) -> Any:
    with _building:
        core = botocore.session.Session(profile=profile_name)
        core.get_component("credential_provider")  # it is built at its first use, with a context of OpenSSL
        return session_class(botocore_session=core)


def _has_credentials(session: Any) -> bool:
    """Return whether a session finds credentials. It can make requests, so no fork waits for it."""
    return session.get_credentials() is not None


_MAX_WORKER_CLIENTS: Final = 8
"""The number of sweeps whose clients a worker process keeps. It gets no notification of the end of a sweep."""

_clients_of_sweeps: Final[dict[str, ThreadClients]] = {}
"""The clients for sweeps that run in another process and use this process as a worker, by the id of the sweep."""


def _worker_clients(sweep_id: str, max_in_flight: int) -> ThreadClients:
    with _building:  # which no forked process inherits locked
        clients = _clients_of_sweeps.pop(sweep_id, None) or ThreadClients(sweep_id, max_in_flight)
        clients.is_in_worker = True
        _clients_of_sweeps[sweep_id] = clients  # the latest is the last one
        if len(_clients_of_sweeps) > _MAX_WORKER_CLIENTS:
            del _clients_of_sweeps[next(iter(_clients_of_sweeps))]
    return clients
