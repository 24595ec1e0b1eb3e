"""The sessions, clients and credentials of a sweep, in each process that works for it."""

import codecs
import functools
import os
import threading
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from typing import Any, Final, NamedTuple, TypeVar

import botocore.session
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from botocore.parsers import ResponseParserError

from drs_jobs._aws.calls import decode_headers
from drs_jobs._aws.field_names import METHODS
from drs_jobs._aws.responses import fast_decoder
from drs_jobs._aws.signing import sign_with
from drs_jobs._errors import DrsJobsError, ServiceError, is_transient, service_error
from drs_jobs._time import machine_time, machine_timestamp
from drs_jobs.sweep.targets import Target

R = TypeVar("R")

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

_UNUSED_CACHE_LIFETIME: Final = 60.0
"""Seconds for which a worker process keeps an unused cache of a sweep. It gets no notification of the end of the sweep."""

_worker_caches: Final[dict[str, "ClientCache"]] = {}
"""The caches for sweeps that run in another process and use this process as a worker, by the id of the sweep."""


def worker_cache(sweep_id: str, max_in_flight: int) -> "ClientCache":
    """Return the cache that this process has for a sweep of another process."""
    # No lock is needed, because each step is atomic. A forked process could inherit a locked one.
    cache = _worker_caches.setdefault(sweep_id, ClientCache(sweep_id, max_in_flight))
    now = cache.last_use = machine_time()
    for other_id, other in list(_worker_caches.items()):
        if other.tasks == 0 and now - other.last_use > _UNUSED_CACHE_LIFETIME and _worker_caches.pop(other_id, None) is other:
            other.close()
    return cache


current_credentials: ContextVar[Credentials | None] = ContextVar("drs_jobs_credentials", default=None)
"""The credentials of the target whose request is made now; `None` for those of the client."""


class CredentialsAge:
    """Says when the credentials of a target are fetched again: a read of many logs can take longer than they are valid."""

    _fetched_at: float | None = None

    def is_due(self) -> bool:
        """Return whether they were not fetched in the last minute, and count them as fetched now."""
        now = machine_time()
        if self._fetched_at is not None and now - self._fetched_at < _RENEWAL_INTERVAL:
            return False
        self._fetched_at = now
        return True


class _TargetCredentials:
    """The credentials of a target, while it is read."""

    def __init__(self, fetch: Callable[[], Credentials | None]) -> None:
        self._fetch = fetch
        self._age = CredentialsAge()
        self._credentials: Credentials | None = None

    def get(self) -> Credentials | None:
        """Return the credentials."""
        if self._age.is_due():
            self._credentials = self._fetch()
        return self._credentials


class _TargetClient:
    """A shared client, whose requests are signed with the credentials of one target, in whatever thread they are made."""

    def __init__(self, client: Any, credentials: _TargetCredentials) -> None:
        self._client = client
        self._credentials = credentials

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._client, name)
        if name not in METHODS.values():
            return attribute

        def call(**request: Any) -> Any:
            token = current_credentials.set(self._credentials.get())
            try:
                return attribute(**request)
            finally:
                current_credentials.reset(token)

        return call


MAX_CLIENTS: Final = 100
"""More clients than a sweep needs at the same time: one per region, and one per region of STS."""


class ClientKey(NamedTuple):
    """What a client is built from. Targets with the same key share the client."""

    service_name: str
    profile_name: str | None
    region_name: str
    endpoint_url: str | None

    @classmethod
    def of_drs(cls, target: Target, known_regions: Callable[[], frozenset[str]]) -> "ClientKey":
        """Return the key of the client that reads the jobs of a target.

        Raises:
            ValueError: If the region is not one of `known_regions`, and the target has no endpoint of its own.
        """
        if target.endpoint_url is None and target.region not in known_regions():
            raise ValueError(f"botocore has no DRS in region {target.region!r}: correct the name, or upgrade botocore")
        return cls("drs", target.profile_name, target.region, target.endpoint_url)

    @classmethod
    def of_sts(cls, target: Target) -> "ClientKey":
        """Return the key of the client that assumes the role of a target."""
        return cls("sts", target.profile_name, target.region, None)

    def arguments(self, max_in_flight: int) -> dict[str, Any]:
        """Return the arguments with which a session builds the client."""
        config = Config(connect_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT, max_pool_connections=max_in_flight)
        return {"region_name": self.region_name, "endpoint_url": self.endpoint_url, "config": config}


class ClientCache:
    """The sessions, clients and credentials of one sweep in one process. They are kept until the end of the sweep.

    There is one client per region for all accounts, and each request is signed with the credentials of its target.
    Unpickling the cache in another process returns the cache that this process has for the same sweep.
    """

    def __init__(self, sweep_id: str, max_in_flight: int) -> None:
        """Create an empty cache.

        Args:
            sweep_id: The id of the sweep, the same in all its processes.
            max_in_flight: The maximum number of targets that are read at the same time.
        """
        self.last_use: float = machine_time()
        self.tasks: int = 0
        """The number of targets that are read now."""
        self._arguments = sweep_id, max_in_flight
        self._lock = threading.Lock()  # held while a session or client is created, which is not thread-safe
        import boto3  # noqa: PLC0415  # `import drs_jobs.sweep` does not import it, and no thread does

        self._session = functools.cache(functools.partial(_make_session, boto3.Session))
        self._has_credentials = functools.cache(_has_credentials)
        self._known_regions = functools.cache(find_known_regions)
        self._clients: dict[ClientKey, Any] = {}
        # More accounts than a sweep reads at the same time. Without a limit, the memory would grow with the accounts.
        self._role = functools.lru_cache(maxsize=1_000)(ThreadRole)

    def __reduce__(self) -> tuple[Any, ...]:
        return worker_cache, self._arguments

    def read(self, target: Target, function: Callable[[Any], R]) -> R:
        """Return the result of a function of a boto3 client, which signs with the credentials of the target.

        The function is called again with a new client, if the client had no retries left.
        """
        self._count_task(1)
        try:
            with self._lock:
                key = ClientKey.of_drs(target, lambda: self._known_regions(self._session(target.profile_name)))
            credentials = _TargetCredentials(self._fetch_function(target))
            credentials.get()  # outside of `_call`, which concerns the errors of DRS
            return self._call(key, lambda client: function(_TargetClient(client, credentials)))
        finally:
            self._count_task(-1)
            self.last_use = machine_time()

    def close(self) -> None:
        """Close the clients. A request in flight is not interrupted."""
        clients, self._clients = self._clients, {}
        for client in clients.values():
            client.close()

    def _count_task(self, change: int) -> None:
        with self._lock:
            self.tasks += change

    def _fetch_function(self, target: Target) -> Callable[[], Credentials | None]:
        """Return a function that returns the credentials of a target, and renews them if they expire soon."""
        if target.role_arn is None:
            return lambda: None
        key = ClientKey.of_sts(target)
        client, _ = self._client(key)
        role = self._role(target.profile_name, target.role_arn, target.external_id, is_global_endpoint(client))

        def assume_role(request: dict[str, str]) -> Any:
            return self._call(key, lambda sts: sts.assume_role(**request))

        return functools.partial(role.fetch_credentials, target.region, assume_role)

    def _call(self, key: ClientKey, function: Callable[[Any], R]) -> R:
        """Return the result of a function of a client. After a transient error, other calls get a new client."""
        for is_last_try in (False, True):
            client, is_new = self._client(key)
            try:
                return function(client)
            except (ClientError, BotoCoreError) as error:
                is_permanent = not is_transient(as_service_error(error))
                if not is_permanent:
                    self._discard(key, client)
                if is_last_try or is_permanent or is_new or not can_lack_retries(error):
                    raise
        raise AssertionError("the second try returns or raises")

    def _client(self, key: ClientKey) -> tuple[Any, bool]:
        """Return the client of a key, and whether it is new."""
        with self._lock:
            if (client := self._clients.get(key)) is not None:
                return client, False
            session = self._session(key.profile_name)
            if not self._has_credentials(session):
                raise NoCredentialsError
            with _building:
                client = session.client(key.service_name, **key.arguments(self._arguments[1]))
            if key.service_name == "drs":
                sign_with(client, current_credentials.get)
            else:
                client.meta.events.register("before-send.sts", decode_headers)
            if len(self._clients) >= MAX_CLIENTS:
                self._clients.pop(next(iter(self._clients))).close()
            self._clients[key] = client
            return client, True

    def _discard(self, key: ClientKey, client: Any) -> None:
        with self._lock:
            if self._clients.get(key) is client:
                del self._clients[key]
        client.close()


def as_service_error(error: Exception) -> Exception:
    """Return an error of botocore as an error of drs_jobs, if it is one of the service."""
    return service_error(error) if isinstance(error, ClientError) and not isinstance(error, ServiceError) else error


_MALFORMED: Final = (ResponseParserError, ValueError)
"""botocore's errors for a response of AssumeRole that it cannot parse. Their text has the body, with the credentials."""

ROLE_ERRORS: Final = (BotoCoreError, ClientError, DrsJobsError, *_MALFORMED)
"""The errors of AssumeRole, and of its response."""


def can_lack_retries(error: Exception) -> bool:
    """Return whether botocore may have made fewer attempts than configured, because the retries of a client are limited.

    botocore says so in the metadata of a response, and not at all if there was no response.
    """
    if isinstance(error, ClientError):
        metadata: Mapping[str, Any] = error.response.get("ResponseMetadata", {})
        return bool(metadata.get("RetryQuotaReached"))
    return True


def is_global_endpoint(sts: Any) -> bool:
    """Return whether a client of STS uses the global endpoint, as with `AWS_STS_REGIONAL_ENDPOINTS=legacy`.

    Its tokens are not valid in opt-in regions, those of regional endpoints are valid in all regions.
    """
    return bool(sts.meta.endpoint_url == "https://sts.amazonaws.com")


def _make_session(session_class: Callable[..., Any], profile_name: str | None) -> Any:
    with _building:
        core = botocore.session.Session(profile=profile_name)
        core.get_component("credential_provider")  # it is built at its first use, with a context of OpenSSL
        return session_class(botocore_session=core)


def _has_credentials(session: Any) -> bool:
    """Return whether a session finds credentials. It can make requests, so no fork waits for it."""
    return session.get_credentials() is not None


def find_known_regions(session: Any) -> frozenset[str]:
    """Return the regions with DRS in the botocore of a session of boto3."""
    partitions = session.get_available_partitions()
    return frozenset(
        region for partition in partitions for region in session.get_available_regions("drs", partition_name=partition)
    )


_RENEWAL_MARGIN: Final = 600.0
"""Seconds before their expiration at which credentials are renewed: longer than a request takes with all its attempts."""

_RENEWAL_INTERVAL: Final = 60.0
"""Seconds after a failed renewal before the next one, while the credentials are still valid."""

_REFUSAL_LIFETIME: Final = 60.0
"""Seconds for which a region of STS that rejected a role is not called again."""


class Role:
    """The credentials of one role, which are the same for all regions. It makes no calls.

    A failed renewal loses no target while the credentials are still valid.
    A refusal counts only for the region of STS that gave it: an opt-in region that is not enabled refuses every role.
    """

    credentials_class: type[Credentials] = Credentials

    # The profile and the kind of endpoint are only parts of the key of its cache.
    def __init__(self, _profile: str | None, role_arn: str, external_id: str | None, _is_global: bool) -> None:  # noqa: FBT001
        """Create a role without credentials.

        Args:
            _profile: The profile that assumes the role; `None` for the default.
            role_arn: The ARN of the role.
            external_id: The external id for its trust policy; `None` for none.
            _is_global: Whether the role is assumed at the global endpoint of STS.
        """
        self.request: dict[str, str] = {"RoleArn": role_arn, "RoleSessionName": "drs_jobs"}
        """The arguments of AssumeRole."""
        if external_id is not None:
            self.request["ExternalId"] = external_id
        self._credentials: Credentials | None = None
        self._expires_at = self._renew_at = 0.0
        self._refusals: dict[str, tuple[Exception, float]] = {}
        """The refusals by region, and until when they count."""

    def needs_call(self, region: str) -> bool:
        """Return whether AssumeRole must be called for a target in this region.

        Raises:
            ServiceError: If this region of STS has rejected the role, and there are no credentials.
        """
        now = machine_time()
        if self._credentials is not None and now < self._renew_at:
            return False
        refusal, until = self._refusals.get(region, (None, 0.0))
        if refusal is None or now >= until:
            return True
        if self._has_expired():
            raise refusal
        return False

    def store(self, response: Mapping[str, Any]) -> None:
        """Keep the credentials in the response of AssumeRole."""
        try:
            keys = response["Credentials"]
            lifetime = keys["Expiration"].timestamp() - machine_timestamp()
            self._credentials = self.credentials_class(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
        except (AttributeError, LookupError, TypeError):
            # Without the local variables, because crash reporters send them, and they have the secret key.
            response = keys = {}
            raise _no_credentials_error() from None
        self._expires_at = machine_time() + lifetime
        self._renew_at = self._expires_at - _RENEWAL_MARGIN

    def store_error(self, region: str, error: Exception) -> Exception | None:
        """Keep a refusal of AssumeRole, and the credentials while they are valid.

        Returns:
            The error to raise, without the context of `error`; `None` if the credentials are valid.
        """
        error = _no_credentials_error() if isinstance(error, _MALFORMED) else as_service_error(error)
        now = machine_time()
        if not is_transient(error):
            self._refusals[region] = error, now + _REFUSAL_LIFETIME
        if self._has_expired():
            return error
        self._renew_at = now + _RENEWAL_INTERVAL
        return None

    def credentials(self) -> Credentials | None:
        """Return the credentials."""
        return self._credentials

    def _has_expired(self) -> bool:
        return self._credentials is None or machine_time() >= self._expires_at


def _no_credentials_error() -> DrsJobsError:
    return DrsJobsError("AssumeRole returned no credentials: check the endpoint of STS")


class ThreadRole(Role):
    """A role that threads assume."""

    def __init__(self, *key: Any) -> None:
        """Create a role without credentials, with the arguments of `Role`."""
        super().__init__(*key)
        self._renewal = threading.Lock()

    def fetch_credentials(self, region: str, assume_role: Callable[[dict[str, str]], Any]) -> Credentials | None:
        """Return the credentials, which are renewed if they expire soon.

        Raises:
            ServiceError: If AWS rejects the role.
            BotoCoreError: If there is no connection.
        """
        with self._renewal:
            failure = None
            if self.needs_call(region):
                try:
                    self.store(assume_role(self.request))
                except ROLE_ERRORS as error:
                    failure = self.store_error(region, error)
            if failure is not None:
                raise failure
            return self.credentials()
