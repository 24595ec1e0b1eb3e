"""Clients of aiobotocore: each belongs to one event loop, and is built in a coroutine."""

# aiobotocore has no types of its own.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import inspect
from collections.abc import Awaitable, Callable, Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import anyio
import botocore.session
from anyio.lowlevel import current_token

from drs_jobs._botocore.calls import is_asynchronous, method_name, register_handlers

if TYPE_CHECKING:
    from aiobotocore.session import AioSession


class AsyncClient:
    """A client that was passed in, or a fake."""

    def __init__(self, client: object, operations: Iterable[str]) -> None:
        """Register the handlers of drs_jobs with a client.

        Raises:
            TypeError: If it is a client of boto3.
        """
        # The methods of a fake can be functions that return awaitables.
        if hasattr(client, "_make_api_call") and not is_asynchronous(client, ()):
            kind = type(client).__name__
            raise TypeError(f"{kind} is a synchronous client: use JobsClient, or pass a client of aiobotocore")
        register_handlers(client, operations)
        self.known: Any = client
        """An object with the region and the endpoint, which are known before the first request."""
        self._loop: object = None
        with suppress(RuntimeError):  # there is no event loop yet
            self._loop = current_token()

    async def ready(self) -> Any:
        """Return the client.

        Raises:
            RuntimeError: If it belongs to another event loop, or is closed.
        """
        loop = current_token()
        if self._loop is None:
            self._loop = loop
        elif self._loop != loop:
            raise RuntimeError(
                "this client belongs to another event loop: create one client in each event loop, and each asyncio.run() is one"
            )
        return self.known

    async def close(self) -> None:
        """Leave the client open."""


class BuiltAsyncClient(AsyncClient):
    """A client that is built at its first use."""

    def __init__(self, session: "AioSession", operations: Iterable[str], **arguments: Any) -> None:
        """Prepare a client with the arguments of `create_client`.

        Raises:
            botocore.exceptions.BotoCoreError: If it cannot be built, such as `NoRegionError`.
        """
        self.known = _make_twin(session, **arguments)
        self._session, self._operations, self._arguments = session, operations, arguments
        self._loop = None
        self._client: Any = None
        self._is_closed = False
        self._lock = anyio.Lock()  # for tasks that use the client for the first time together

    async def ready(self) -> Any:
        await super().ready()
        async with self._lock:
            if self._is_closed:
                raise RuntimeError("this client is closed: create a new one, and use it within `async with`")
            if self._client is None:
                context: Any = self._session.create_client("drs", **self._arguments)
                client = await context.__aenter__()
                register_handlers(client, self._operations)
                self._client = client
            return self._client

    async def close(self) -> None:
        """Close the client. It cannot be used again."""
        self._is_closed = True
        client, self._client = self._client, None
        if client is not None:
            await client.close()


def make_session(session: Any, profile_name: str | None) -> "AioSession":
    """Return the session with which to build a client.

    Raises:
        TypeError: If `session` is not one of aiobotocore, or if `profile_name` is given beside it.
    """
    from aiobotocore.session import AioSession  # noqa: PLC0415  # a client that is passed in can be a fake

    if session is None:
        return AioSession(profile=profile_name)
    if profile_name is not None:
        raise TypeError("session beside profile_name: create the session with AioSession(profile=…) and pass only that")
    if not isinstance(session, AioSession):
        kind = f"{type(session).__module__}.{type(session).__name__}"
        raise TypeError(f"session must be an aiobotocore.session.AioSession, not {kind}")
    return session


def _make_twin(session: "AioSession", **arguments: Any) -> Any:
    """Return a synchronous client with the region and endpoint of the asynchronous one, which only a coroutine can build.

    It makes no calls, and searches for no credentials.
    """
    twin: Any = botocore.session.Session(profile=session.profile)
    twin.register_component("data_loader", session.get_component("data_loader"))  # which keeps the files that it has read
    if (config := session.get_default_client_config()) is not None:
        twin.set_default_client_config(config)
    arguments["region_name"] = arguments["region_name"] or session.get_config_variable("region")
    return twin.create_client("drs", aws_access_key_id="unused", aws_secret_access_key="unused", **arguments)  # noqa: S106


def require_awaitable(method: Callable[..., Any], response: Any) -> Awaitable[object]:
    """Return what the method of an asynchronous client has returned.

    Raises:
        TypeError: If it is a synchronous client.
    """
    if inspect.isawaitable(response):
        return response
    raise TypeError(
        f"{method_name(method)} returned {type(response).__name__}, not an awaitable: this is a synchronous client: "
        "use JobsClient, or pass a client of aiobotocore"
    )
