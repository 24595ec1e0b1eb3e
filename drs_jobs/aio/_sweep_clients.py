"""The sessions, clients and credentials of an asynchronous sweep, in one event loop."""

import asyncio
import functools
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiobotocore.credentials import AioCredentials
from aiobotocore.session import AioSession

from drs_jobs._aws.async_clients import follow_no_redirects
from drs_jobs._aws.calls import register_handlers
from drs_jobs._aws.signing import sign_as_current
from drs_jobs.sweep.clients import ClientKey, SharedClients, bind
from drs_jobs.sweep.targets import Target


class TaskClients(SharedClients):
    """The clients of a sweep in an event loop, over aiobotocore."""

    def __init__(self, max_in_flight: int) -> None:
        super().__init__(max_in_flight, asyncio.Lock, AioCredentials)
        self._session = functools.cache(_make_session)
        # Unlike in boto3, closing a client interrupts its requests.
        self._users = Counter[Any]()
        """The number of calls that use each client now."""
        self._is_closed = False

    async def client(self, target: Target) -> Any:
        """Return an object with the methods of a client of aiobotocore of DRS for a target."""
        return bind(*await self.open(target))

    async def close(self) -> None:
        """Close the clients, which no target uses any more. A cancellation meanwhile leaves no client open."""
        self._is_closed = True
        while self._clients:
            _, client = self._clients.popitem()
            # asyncio.run() cancels this task again at its end. A cancelled close of aiohttp has closed its connections already.
            with suppress(asyncio.CancelledError):
                await client.close()

    @asynccontextmanager
    async def _use(self, key: ClientKey) -> AsyncGenerator[Any]:
        async with self._lock:
            if self._is_closed:
                raise RuntimeError("this sweep has ended: return what is needed from the function of the sweep")
            client = self._clients.get(key)
            if client is None:
                client = self._clients[key] = await self._build(key)
            self._users[client] += 1
        try:
            yield client
        finally:
            self._users[client] -= 1
            if self._users[client] == 0 and self._clients.get(key) is not client:
                await client.close()

    async def _build(self, key: ClientKey) -> Any:
        session: Any = self._session(key.profile_name)
        client = await session.create_client(key.service_name, **key.arguments(self._max_in_flight)).__aenter__()
        sign_as_current(client)
        if key.service_name == "drs":
            register_handlers(client)
        follow_no_redirects(client, calls_of_drs_jobs_only=False)
        return client


def _make_session(profile_name: str | None) -> AioSession:
    return AioSession(profile=profile_name)
