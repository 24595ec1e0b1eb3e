"""The sessions, clients and credentials of an asynchronous sweep, in one event loop."""

import asyncio
import functools
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import attrs
import boto3
from aiobotocore.credentials import AioCredentials
from aiobotocore.session import AioSession
from botocore.credentials import Credentials
from botocore.exceptions import ClientError

from drs_jobs._aws.signing import sign_with
from drs_jobs._errors import is_transient
from drs_jobs.aio._client import AsyncJobsClient
from drs_jobs.sweep import clients
from drs_jobs.sweep.clients import ClientKey, Role, current_credentials

if TYPE_CHECKING:
    from drs_jobs.sweep.targets import Target


@attrs.define(eq=False, slots=False)  # for the cached property
class _BorrowedClient:
    """A client of aiobotocore, and the number of targets that use it now.

    To close a client would interrupt their requests, which is not so in boto3.
    """

    client: Any
    users: int = 0

    @functools.cached_property
    def jobs_client(self) -> AsyncJobsClient:
        """Created once for all targets, because each creation registers the handlers of drs_jobs again."""
        return AsyncJobsClient(self.client)


class AsyncClientCache:
    """The sessions, clients and credentials of one sweep. They are kept until its end. It decides as `ClientCache` does."""

    def __init__(self, max_in_flight: int) -> None:
        self._max_in_flight = max_in_flight
        self._session = functools.cache(_make_session)
        self._known_regions = functools.cache(_find_known_regions)
        self._clients: dict[ClientKey, _BorrowedClient] = {}
        self._building = asyncio.Lock()  # held while a client is built, so that there is one per key
        self._role = functools.lru_cache(maxsize=1_000)(_TaskRole)

    @asynccontextmanager
    async def client(self, target: "Target") -> AsyncGenerator[AsyncJobsClient]:
        """Return a context manager with a client, which signs with the credentials of the target in this task.

        After a transient error, other targets get a new client, as with `ClientCache.client`.
        """
        key = ClientKey.of_drs(target, lambda: self._known_regions(target.profile_name))
        async with self._borrow(key) as shared:
            if target.role_arn is not None:
                role = self._role(target.profile_name, target.role_arn, target.external_id)
                async with self._borrow(ClientKey.of_sts(target)) as sts:
                    # They stay set, because the context of the task ends with the target.
                    current_credentials.set(await role.fetch_credentials(sts.client))
            try:
                yield shared.jobs_client
            except Exception as error:
                if is_transient(error) and self._clients.get(key) is shared:
                    del self._clients[key]
                raise

    async def close(self) -> None:
        """Close the clients, which no target uses any more. A cancellation meanwhile leaves no client open."""
        while self._clients:
            _, shared = self._clients.popitem()
            # asyncio.run() cancels this task again at its end. A cancelled close of aiohttp has closed its connections already.
            with suppress(asyncio.CancelledError):
                await shared.client.close()

    @asynccontextmanager
    async def _borrow(self, key: ClientKey) -> AsyncGenerator[_BorrowedClient]:
        """Return a context manager with the client of a key. A client that is no longer kept is closed after its last use."""
        async with self._building:
            shared = self._clients.get(key) or await self._build(key)
            shared.users += 1
        try:
            yield shared
        finally:
            shared.users -= 1
            if shared.users == 0 and self._clients.get(key) is not shared:
                await shared.client.close()

    async def _build(self, key: ClientKey) -> _BorrowedClient:
        session: Any = self._session(key.profile_name)
        client = await session.create_client(key.service_name, **key.arguments(self._max_in_flight)).__aenter__()
        if key.service_name == "drs":
            sign_with(client, current_credentials.get)
        shared = self._clients[key] = _BorrowedClient(client)
        if len(self._clients) > clients.MAX_CLIENTS:
            oldest = self._clients.pop(next(iter(self._clients)))
            if oldest.users == 0:
                await oldest.client.close()
        return shared


def _make_session(profile_name: str | None) -> AioSession:
    return AioSession(profile=profile_name)


def _find_known_regions(profile_name: str | None) -> frozenset[str]:
    return clients.find_known_regions(boto3.Session(profile_name=profile_name))


class _TaskRole(Role):
    """A role that tasks assume."""

    credentials_class = AioCredentials

    def __init__(self, profile_name: str | None, role_arn: str, external_id: str | None) -> None:
        super().__init__(profile_name, role_arn, external_id)
        self._renewal = asyncio.Lock()

    async def fetch_credentials(self, sts: Any) -> Credentials:
        """Return the credentials, as `_RoleCredentials.credentials` does."""
        async with self._renewal:
            if self.needs_refresh():
                try:
                    self.store(await sts.assume_role(**self.request))
                except ClientError as error:
                    self.store_error(error)
            return self.credentials()
