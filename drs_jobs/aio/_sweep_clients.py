"""The sessions, clients and credentials of an asynchronous sweep, in one event loop."""

import asyncio
import functools
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, TypeVar, cast

import attrs
import boto3
from aiobotocore.credentials import AioCredentials
from aiobotocore.session import AioSession
from botocore.credentials import Credentials
from botocore.exceptions import BotoCoreError, ClientError

from drs_jobs._aws.async_clients import follow_no_redirects
from drs_jobs._aws.field_names import METHODS
from drs_jobs._aws.signing import sign_with
from drs_jobs._errors import is_transient
from drs_jobs.aio._client import AsyncJobsClient
from drs_jobs.sweep import clients
from drs_jobs.sweep.clients import (
    ROLE_ERRORS,
    ClientKey,
    CredentialsAge,
    Role,
    as_service_error,
    can_lack_retries,
    current_credentials,
    is_global_endpoint,
)
from drs_jobs.sweep.targets import Target

R = TypeVar("R")


@attrs.define(eq=False)
class _BorrowedClient:
    """A client of aiobotocore, and the number of calls that use it now.

    Unlike in boto3, closing a client interrupts its requests.
    """

    client: Any
    users: int = 0
    is_new: bool = True


class _TargetCredentials:
    """The credentials of a target, while it is read."""

    def __init__(self, fetch: Callable[[], Awaitable[Credentials | None]]) -> None:
        self._fetch = fetch
        self._age = CredentialsAge()
        self._credentials: Credentials | None = None

    async def get(self) -> Credentials | None:
        """Return the credentials."""
        if self._age.is_due():
            self._credentials = await self._fetch()
        return self._credentials


class _TargetClient:
    """A shared client, whose requests are signed with the credentials of one target."""

    def __init__(self, client: Any, credentials: _TargetCredentials) -> None:
        self._client = client
        self._credentials = credentials

    def __getattr__(self, name: str) -> Any:
        attribute = getattr(self._client, name)
        if name not in METHODS.values():
            return attribute

        async def call(**request: Any) -> Any:
            token = current_credentials.set(await self._credentials.get())
            try:
                return await attribute(**request)
            finally:
                with suppress(ValueError):  # the garbage collector closes an abandoned coroutine outside of its context
                    current_credentials.reset(token)

        return call


class AsyncClientCache:
    """The sessions, clients and credentials of one sweep. They are kept until its end. It decides as `ClientCache` does."""

    def __init__(self, max_in_flight: int) -> None:
        self._max_in_flight = max_in_flight
        self._session = functools.cache(_make_session)
        self._known_regions = functools.cache(_find_known_regions)
        self._clients: dict[ClientKey, _BorrowedClient] = {}
        self._building = asyncio.Lock()  # held while a client is built, so that there is one per key
        self._role = functools.lru_cache(maxsize=1_000)(_TaskRole)

    async def read(self, target: Target, function: Callable[[AsyncJobsClient], Awaitable[R]]) -> R:
        """Return the result of a function of a client, which signs with the credentials of the target.

        The function is called again with a new client, if the client had no retries left.
        """
        key = ClientKey.of_drs(target, lambda: self._known_regions(target.profile_name))
        credentials = _TargetCredentials(await self._fetch_function(target))
        await credentials.get()  # outside of `_call`, which concerns the errors of DRS
        return await self._call(
            key, lambda borrowed: function(AsyncJobsClient(cast("Any", _TargetClient(borrowed.client, credentials))))
        )

    async def close(self) -> None:
        """Close the clients, which no target uses any more. A cancellation meanwhile leaves no client open."""
        while self._clients:
            _, borrowed = self._clients.popitem()
            # asyncio.run() cancels this task again at its end. A cancelled close of aiohttp has closed its connections already.
            with suppress(asyncio.CancelledError):
                await borrowed.client.close()

    async def _fetch_function(self, target: Target) -> Callable[[], Awaitable[Credentials | None]]:
        """Return a function that returns the credentials of a target, and renews them if they expire soon."""
        if target.role_arn is None:
            return _no_credentials
        key = ClientKey.of_sts(target)
        async with self._borrow(key) as sts:
            is_global = is_global_endpoint(sts.client)
        role = self._role(target.profile_name, target.role_arn, target.external_id, is_global)

        def assume_role(request: dict[str, str]) -> Awaitable[Any]:
            return self._call(key, lambda sts: sts.client.assume_role(**request))

        return functools.partial(role.fetch_credentials, target.region, assume_role)

    async def _call(self, key: ClientKey, function: Callable[[_BorrowedClient], Awaitable[R]]) -> R:
        """Return the result of a function of a client. After a transient error, other calls get a new client."""
        for is_last_try in (False, True):
            async with self._borrow(key) as borrowed:
                is_new, borrowed.is_new = borrowed.is_new, False
                try:
                    return await function(borrowed)
                except (ClientError, BotoCoreError) as error:
                    is_permanent = not is_transient(as_service_error(error))
                    if not is_permanent and self._clients.get(key) is borrowed:
                        del self._clients[key]
                    if is_last_try or is_permanent or is_new or not can_lack_retries(error):
                        raise
        raise AssertionError("the second try returns or raises")

    @asynccontextmanager
    async def _borrow(self, key: ClientKey) -> AsyncGenerator[_BorrowedClient]:
        """Return a context manager with the client of a key. A client that is no longer kept is closed after its last use."""
        async with self._building:
            borrowed = self._clients.get(key) or await self._build(key)
            borrowed.users += 1
        try:
            yield borrowed
        finally:
            borrowed.users -= 1
            if borrowed.users == 0 and self._clients.get(key) is not borrowed:
                await borrowed.client.close()

    async def _build(self, key: ClientKey) -> _BorrowedClient:
        session: Any = self._session(key.profile_name)
        client = await session.create_client(key.service_name, **key.arguments(self._max_in_flight)).__aenter__()
        if key.service_name == "drs":
            sign_with(client, current_credentials.get)
        follow_no_redirects(client, calls_of_drs_jobs_only=False)
        borrowed = self._clients[key] = _BorrowedClient(client)
        if len(self._clients) > clients.MAX_CLIENTS:
            oldest = self._clients.pop(next(iter(self._clients)))
            if oldest.users == 0:
                await oldest.client.close()
        return borrowed


async def _no_credentials() -> None:
    """Return `None`: a target without a role is read with the client's own credentials."""


def _make_session(profile_name: str | None) -> AioSession:
    return AioSession(profile=profile_name)


def _find_known_regions(profile_name: str | None) -> frozenset[str]:
    return clients.find_known_regions(boto3.Session(profile_name=profile_name))


class _TaskRole(Role):
    """A role that tasks assume."""

    credentials_class = AioCredentials

    def __init__(self, *key: Any) -> None:
        super().__init__(*key)
        self._renewal = asyncio.Lock()

    async def fetch_credentials(
        self, region: str, assume_role: Callable[[dict[str, str]], Awaitable[Any]]
    ) -> Credentials | None:
        """Return the credentials, as `ThreadRole.fetch_credentials` does."""
        async with self._renewal:
            failure = None
            if self.needs_call(region):
                try:
                    self.store(await assume_role(self.request))
                except ROLE_ERRORS as error:
                    failure = self.store_error(region, error)
            if failure is not None:
                raise failure
            return self.credentials()
