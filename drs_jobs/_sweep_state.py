"""The sessions, clients and credentials of a sweep, in each process that works for it."""

import codecs
import functools
import os
import threading
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from drs_jobs import _json, _polling  # noqa: F401  # pyright: ignore[reportUnusedImport]  # so that no thread imports them
from drs_jobs._botocore.signing import sign_with
from drs_jobs._errors import ServiceError, is_transient, service_error

if TYPE_CHECKING:
    from drs_jobs.sweep import Target

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

_UNUSED_STATE_LIFETIME: Final = 60.0
"""Seconds for which a worker process keeps an unused state of a sweep. It gets no notification of the end of the sweep."""

_states: Final[dict[str, "SweepState"]] = {}
"""The states of sweeps that run in another process and use this process as a worker, by the id of the sweep."""


def _state_of(sweep_id: str, max_in_flight: int) -> "SweepState":
    """Return the state that this process has for a sweep of another process."""
    # No lock is needed, because each step is atomic. A forked process could inherit a locked one.
    state = _states.setdefault(sweep_id, SweepState(sweep_id, max_in_flight))
    now = state.last_use = time.monotonic()
    for other_id, other in list(_states.items()):
        if other.tasks == 0 and now - other.last_use > _UNUSED_STATE_LIFETIME and _states.pop(other_id, None) is other:
            other.close()
    return state


_credentials: ContextVar[Callable[[], Credentials] | None] = ContextVar("drs_jobs_credentials", default=None)
"""Returns the credentials of the target that a thread reads now; `None` for those of the client."""

_MAX_CLIENTS: Final = 100
"""More clients than a sweep needs at the same time: one per region, and one per region of STS."""


class SweepState:
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
        self._known_regions = functools.cache(_find_known_regions)
        self._clients: dict[tuple[object, ...], Any] = {}
        # More accounts than a sweep reads at the same time. Without a limit, the memory would grow with the accounts.
        self._role = functools.lru_cache(maxsize=1_000)(_RoleCredentials)

    def __reduce__(self) -> tuple[Any, ...]:
        return _state_of, self._arguments

    @contextmanager
    def client(self, target: "Target") -> Generator[Any]:
        """Return a context manager with a boto3 client, which signs with the credentials of the target in this thread.

        After a transient error, other targets get a new client, because a client makes fewer retries after each failed one:
        botocore limits the retries of a client in total.
        """
        with _lock:
            self.tasks += 1
        token = _credentials.set(None)
        try:
            client, credentials = self._client_and_credentials(target)
            _credentials.set(credentials)
            try:
                yield client
            except Exception as error:
                if is_transient(error):
                    self._close(lambda kept: kept is client)
                raise
        finally:
            _credentials.reset(token)
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

    def _client_and_credentials(self, target: "Target") -> tuple[Any, Callable[[], Credentials] | None]:
        with _lock:
            session = self._session(target.profile_name)
            if target.endpoint_url is None and target.region not in self._known_regions(session):
                raise ValueError(f"botocore has no DRS in region {target.region!r}: correct the name, or upgrade botocore")
            client = self._client("drs", target.profile_name, target.region, target.endpoint_url)
            if target.role_arn is None:
                return client, None
            sts = self._client("sts", target.profile_name, target.region, None)
            role = self._role(target.profile_name, target.role_arn, target.external_id)
        # Once for the whole target, because a failed renewal must not lose a target whose credentials are still valid.
        credentials = role.credentials(sts)
        return client, lambda: credentials

    def _client(self, service: str, profile_name: str | None, region: str, endpoint_url: str | None) -> Any:
        key = service, profile_name, region, endpoint_url
        if key not in self._clients:
            config = Config(connect_timeout=CONNECT_TIMEOUT, read_timeout=READ_TIMEOUT, max_pool_connections=self._arguments[1])
            client = self._session(profile_name).client(service, region_name=region, endpoint_url=endpoint_url, config=config)
            if service == "drs":
                sign_with(client, _current_credentials)
            if len(self._clients) >= _MAX_CLIENTS:
                self._clients.pop(next(iter(self._clients))).close()
            self._clients[key] = client
        return self._clients[key]


def _current_credentials() -> Credentials | None:
    get = _credentials.get()
    return None if get is None else get()


def _make_session(profile_name: str | None) -> Any:
    return boto3.Session(profile_name=profile_name)


def _find_known_regions(session: Any) -> frozenset[str]:
    partitions = session.get_available_partitions()
    return frozenset(
        region for partition in partitions for region in session.get_available_regions("drs", partition_name=partition)
    )


_RENEWAL_MARGIN: Final = 600.0
"""Seconds before their expiration at which credentials are renewed: much longer than one target takes."""

_REFUSAL_LIFETIME: Final = 60.0
"""Seconds for which a rejected role is not requested again: the other regions of the account get the same error."""


class _RoleCredentials:
    """The credentials of one role, which is assumed once for all regions."""

    def __init__(self, profile_name: str | None, role_arn: str, external_id: str | None) -> None:
        self._profile_name = profile_name
        self._request = {"RoleArn": role_arn, "RoleSessionName": "drs_jobs"}
        if external_id is not None:
            self._request["ExternalId"] = external_id
        self._renewal = threading.Lock()
        self._valid_until = 0.0
        self._result: Credentials | ServiceError | None = None

    def credentials(self, sts: Any) -> Credentials:
        """Return the credentials, which are renewed if they expire soon.

        Raises:
            ServiceError: If AWS rejects the role.
        """
        with self._renewal:
            if self._result is None or time.monotonic() >= self._valid_until:
                self._result = self._assume_role(sts)
            if isinstance(self._result, ServiceError):
                raise self._result
            return self._result

    def _assume_role(self, sts: Any) -> Credentials | ServiceError:
        try:
            credentials = sts.assume_role(**self._request)["Credentials"]
        except ClientError as error:
            refusal = service_error(error)
            self._valid_until = 0.0 if is_transient(refusal) else time.monotonic() + _REFUSAL_LIFETIME
            return refusal
        lifetime = (credentials["Expiration"] - datetime.now(UTC)).total_seconds()
        self._valid_until = time.monotonic() + lifetime - _RENEWAL_MARGIN
        return Credentials(credentials["AccessKeyId"], credentials["SecretAccessKey"], credentials["SessionToken"])
