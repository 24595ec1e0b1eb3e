"""The sessions, clients and credentials of a sweep, in each process that works for it."""

import codecs
import functools
import os
import threading
import time
from collections.abc import Generator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from drs_jobs import _json, _polling  # noqa: F401  # pyright: ignore[reportUnusedImport]  # so that no thread imports them
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


def _state_of(sweep_id: str) -> "SweepState":
    """Return the state that this process has for a sweep of another process."""
    # No lock is needed, because each step is atomic. A forked process could inherit a locked one.
    state = _states.setdefault(sweep_id, SweepState(sweep_id))
    now = state.last_use = time.monotonic()
    for other_id, other in list(_states.items()):
        if other.tasks == 0 and now - other.last_use > _UNUSED_STATE_LIFETIME:
            _states.pop(other_id, None)
    return state


class SweepState:
    """The sessions and credentials of one sweep in one process. They are kept until the end of the sweep.

    Unpickling it in another process returns the state that this process has for the same sweep.
    """

    def __init__(self, sweep_id: str) -> None:
        self.last_use = time.monotonic()
        self.tasks = 0
        """The number of clients in use."""
        self._sweep_id = sweep_id
        self._session = functools.cache(_make_session)
        self._known_regions = functools.cache(_find_known_regions)
        self._sts = functools.lru_cache(maxsize=100)(_make_sts)
        # More accounts than a sweep reads at the same time. Without a limit, the memory would grow with the accounts.
        self._role = functools.lru_cache(maxsize=1_000)(_RoleCredentials)

    def __reduce__(self) -> tuple[Any, ...]:
        return _state_of, (self._sweep_id,)

    @contextmanager
    def client(self, target: "Target") -> Generator[Any]:
        """Return a context manager with a new boto3 client for a target, which closes the client at its end."""
        with _lock:
            self.tasks += 1
        try:
            with closing(self._make_client(target)) as client:
                yield client
        finally:
            with _lock:
                self.tasks -= 1
                self.last_use = time.monotonic()

    def _make_client(self, target: "Target") -> Any:
        with _lock:
            session = self._session(target.profile_name)
            if target.endpoint_url is None and target.region not in self._known_regions(session):
                raise ValueError(f"botocore has no DRS in region {target.region!r}: correct the name, or upgrade botocore")
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
        self._result: dict[str, str] | ServiceError = {}

    def credentials(self, sts: Any) -> dict[str, str]:
        """Return the keyword arguments with which boto3 builds a client.

        Raises:
            ServiceError: If AWS rejects the role.
        """
        with self._renewal:
            if time.monotonic() >= self._valid_until:
                self._assume_role(sts)
            if isinstance(self._result, ServiceError):
                raise self._result
            return self._result

    def _assume_role(self, sts: Any) -> None:
        try:
            credentials = sts.assume_role(**self._request)["Credentials"]
        except ClientError as error:
            self._result = service_error(error)
            self._valid_until = 0.0 if is_transient(self._result) else time.monotonic() + _REFUSAL_LIFETIME
            return
        self._result = {
            "aws_access_key_id": credentials["AccessKeyId"],
            "aws_secret_access_key": credentials["SecretAccessKey"],
            "aws_session_token": credentials["SessionToken"],
        }
        lifetime = (credentials["Expiration"] - datetime.now(UTC)).total_seconds()
        self._valid_until = time.monotonic() + lifetime - _RENEWAL_MARGIN
