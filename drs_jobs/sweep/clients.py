"""The sessions, clients and credentials of a sweep, in each process that works for it."""

import codecs
import functools
import os
import threading
import time
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import boto3
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from drs_jobs._aws.signing import sign_with
from drs_jobs._errors import ServiceError, is_transient, service_error

if TYPE_CHECKING:
    from drs_jobs.sweep.targets import Target

# What a JobsClient and its boto3 client import when they are built is imported above, and this codec, which the first
# connection needs, is imported here, so that no thread imports them: a process that is forked during an import inherits the
# lock of the module, and waits for it without end.
codecs.lookup("idna")

CONNECT_TIMEOUT: Final = 10
"""The time-out of a connection, in seconds per attempt."""

READ_TIMEOUT: Final = 20
"""The time-out of a response, in seconds per attempt. botocore sets the number of attempts."""

_lock: Final = threading.RLock()
"""Held while a session or client is created, which is not thread-safe.

Held during a fork too, because the creation of a client acquires locks of OpenSSL, which would stay locked in the child.
"""

if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)

_UNUSED_CACHE_LIFETIME: Final = 60.0
"""Seconds for which a worker process keeps an unused state of a sweep. It gets no notification of the end of the sweep."""

_worker_caches: Final[dict[str, "ClientCache"]] = {}
"""The states of sweeps that run in another process and use this process as a worker, by the id of the sweep."""


def worker_cache(sweep_id: str, max_in_flight: int) -> "ClientCache":
    """Return the state that this process has for a sweep of another process."""
    # No lock is needed, because each step is atomic. A forked process could inherit a locked one.
    state = _worker_caches.setdefault(sweep_id, ClientCache(sweep_id, max_in_flight))
    now = state.last_use = time.monotonic()
    for other_id, other in list(_worker_caches.items()):
        if other.tasks == 0 and now - other.last_use > _UNUSED_CACHE_LIFETIME and _worker_caches.pop(other_id, None) is other:
            other.close()
    return state


current_credentials: ContextVar[Credentials | None] = ContextVar("drs_jobs_credentials", default=None)
"""The credentials of the target that a thread or task reads now; `None` for those of the client."""

MAX_CLIENTS: Final = 100
"""More clients than a sweep needs at the same time: one per region, and one per region of STS."""


class ClientKey(NamedTuple):
    """What a client is built from. Targets with the same key share the client."""

    service_name: str
    profile_name: str | None
    region_name: str
    endpoint_url: str | None

    @classmethod
    def of_drs(cls, target: "Target", known_regions: Callable[[], frozenset[str]]) -> "ClientKey":
        """Return the key of the client that reads the jobs of a target.

        Raises:
            ValueError: If the region is not one of `known_regions`, and the target has no endpoint of its own.
        """
        if target.endpoint_url is None and target.region not in known_regions():
            raise ValueError(f"botocore has no DRS in region {target.region!r}: correct the name, or upgrade botocore")
        return cls("drs", target.profile_name, target.region, target.endpoint_url)

    @classmethod
    def of_sts(cls, target: "Target") -> "ClientKey":
        """Return the key of the client that assumes the role of a target."""
        return cls("sts", target.profile_name, target.region, None)

    def arguments(self, max_in_flight: int) -> dict[str, Any]:
        """Return the arguments with which a session builds the client."""
        config = Config(connect_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT, max_pool_connections=max_in_flight)
        return {"region_name": self.region_name, "endpoint_url": self.endpoint_url, "config": config}


class ClientCache:
    """The sessions, clients and credentials of one sweep in one process. They are kept until the end of the sweep.

    There is one client per region for all accounts, and each request is signed with the credentials of its target.
    Unpickling the state in another process returns the state that this process has for the same sweep.
    """

    def __init__(self, sweep_id: str, max_in_flight: int) -> None:
        self.last_use = time.monotonic()
        self.tasks = 0
        """The number of targets that are read now."""
        self._arguments = sweep_id, max_in_flight
        self._session = functools.cache(_make_session)
        self._known_regions = functools.cache(find_known_regions)
        self._clients: dict[ClientKey, Any] = {}
        # More accounts than a sweep reads at the same time. Without a limit, the memory would grow with the accounts.
        self._role = functools.lru_cache(maxsize=1_000)(ThreadRole)

    def __reduce__(self) -> tuple[Any, ...]:
        return worker_cache, self._arguments

    @contextmanager
    def client(self, target: "Target") -> Generator[Any]:
        """Return a context manager with a boto3 client, which signs with the credentials of the target in this thread.

        After a transient error, other targets get a new client, because a client makes fewer retries after each failed one:
        botocore limits the retries of a client in total.
        """
        with _lock:
            self.tasks += 1
        token = current_credentials.set(None)
        try:
            client, credentials = self._client_and_credentials(target)
            current_credentials.set(credentials)
            try:
                yield client
            except Exception as error:
                if is_transient(error):
                    self._close(lambda kept: kept is client)
                raise
        finally:
            current_credentials.reset(token)
            with _lock:
                self.tasks -= 1
                self.last_use = time.monotonic()

    def close(self) -> None:
        """Close the clients. A request in flight is not interrupted."""
        self._close(lambda _: True)

    def _close(self, is_unwanted: Callable[[Any], bool]) -> None:
        with _lock:
            unwanted = {key: client for key, client in self._clients.items() if is_unwanted(client)}
            for key in unwanted:
                del self._clients[key]
        for client in unwanted.values():
            client.close()

    def _client_and_credentials(self, target: "Target") -> tuple[Any, Credentials | None]:
        with _lock:
            session = self._session(target.profile_name)
            client = self._client(ClientKey.of_drs(target, lambda: self._known_regions(session)))
            if target.role_arn is None:
                return client, None
            sts = self._client(ClientKey.of_sts(target))
            role = self._role(target.profile_name, target.role_arn, target.external_id)
        return client, role.fetch_credentials(sts)

    def _client(self, key: ClientKey) -> Any:
        if key not in self._clients:
            session = self._session(key.profile_name)
            client = session.client(key.service_name, **key.arguments(self._arguments[1]))
            if key.service_name == "drs":
                sign_with(client, current_credentials.get)
            if len(self._clients) >= MAX_CLIENTS:
                self._clients.pop(next(iter(self._clients))).close()
            self._clients[key] = client
        return self._clients[key]


def _make_session(profile_name: str | None) -> Any:
    return boto3.Session(profile_name=profile_name)


def find_known_regions(session: Any) -> frozenset[str]:
    """Return the regions with DRS in the botocore of a session of boto3."""
    partitions = session.get_available_partitions()
    return frozenset(
        region for partition in partitions for region in session.get_available_regions("drs", partition_name=partition)
    )


_RENEWAL_MARGIN: Final = 600.0
"""Seconds before their expiration at which credentials are renewed: much longer than one target takes."""

_REFUSAL_LIFETIME: Final = 60.0
"""Seconds for which a rejected role is not requested again: the other regions of the account get the same error."""


class Role:
    """The credentials of one role, which is assumed once for all regions. It makes no calls.

    The credentials are taken once per target, because a failed renewal must not lose a target whose credentials are valid.
    """

    credentials_class: type[Credentials] = Credentials

    _result: Credentials | ServiceError
    """What AssumeRole returned last."""

    def __init__(self, profile_name: str | None, role_arn: str, external_id: str | None) -> None:  # noqa: ARG002  # of the cache
        self.request = {"RoleArn": role_arn, "RoleSessionName": "drs_jobs"}
        """The arguments of AssumeRole."""
        if external_id is not None:
            self.request["ExternalId"] = external_id
        self._valid_until = 0.0  # not valid yet

    def needs_refresh(self) -> bool:
        """Return whether AssumeRole must be called: for the first time, for a renewal, or after a refusal."""
        return time.monotonic() >= self._valid_until

    def store(self, response: Mapping[str, Any]) -> None:
        """Keep the credentials in the response of AssumeRole until they expire soon."""
        keys = response["Credentials"]
        lifetime = (keys["Expiration"] - datetime.now(UTC)).total_seconds()
        self._valid_until = time.monotonic() + lifetime - _RENEWAL_MARGIN
        self._result = self.credentials_class(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])

    def store_error(self, error: ClientError) -> None:
        """Keep an error of AssumeRole: a refusal for a minute, a transient error not at all."""
        self._result = service_error(error)
        self._valid_until = 0.0 if is_transient(self._result) else time.monotonic() + _REFUSAL_LIFETIME

    def credentials(self) -> Credentials:
        """Return the credentials.

        Raises:
            ServiceError: If AWS rejected the role.
        """
        if isinstance(self._result, ServiceError):
            raise self._result
        return self._result


class ThreadRole(Role):
    """A role that threads assume."""

    def __init__(self, profile_name: str | None, role_arn: str, external_id: str | None) -> None:
        super().__init__(profile_name, role_arn, external_id)
        self._renewal = threading.Lock()

    def fetch_credentials(self, sts: Any) -> Credentials:
        """Return the credentials, which are renewed if they expire soon.

        Raises:
            ServiceError: If AWS rejects the role.
        """
        with self._renewal:
            if self.needs_refresh():
                try:
                    self.store(sts.assume_role(**self.request))
                except ClientError as error:
                    self.store_error(error)
            return self.credentials()
