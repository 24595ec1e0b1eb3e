"""Clients of aiobotocore: each belongs to one event loop, and is built in a coroutine."""

# aiobotocore has no types of its own.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any
from urllib.parse import urlsplit

import anyio
import botocore.session
from aiobotocore.session import AioSession
from anyio.lowlevel import current_token
from botocore.client import BaseClient
from botocore.exceptions import ClientError

from drs_jobs._aws.calls import current_call, is_own_response, method_name, register_handlers


class ClientHandle:
    """A client that was passed in, or a fake."""

    def __init__(self, client: object) -> None:
        """Register the handlers of drs_jobs with a client.

        Raises:
            TypeError: If it is a client of boto3.
        """
        if isinstance(client, BaseClient) and not inspect.iscoroutinefunction(getattr(type(client), "_make_api_call", None)):
            raise TypeError(f"{type(client).__name__} is a synchronous client: use JobsClient, or pass a client of aiobotocore")
        _register(client)
        self.metadata_client: Any = client
        """An object with the region and the endpoint, which are known before the first request."""
        self._loop: object = None
        with suppress(RuntimeError):  # there is no event loop yet
            self._loop = current_token()

    async def ready(self) -> Any:
        """Return the client.

        Raises:
            RuntimeError: If it belongs to another event loop, or is closed.
        """
        self._check_loop()
        _check_http_session(self.metadata_client)
        return self.metadata_client

    def _check_loop(self) -> None:
        loop = current_token()
        if self._loop is None:
            self._loop = loop
        elif self._loop != loop:
            raise RuntimeError(
                "this client belongs to another event loop: create one client in each event loop, and each asyncio.run() is one"
            )

    async def close(self) -> None:
        """Leave the client open."""


class OwnedClientHandle(ClientHandle):
    """A client that is built at its first use."""

    def __init__(self, session: AioSession, **arguments: Any) -> None:
        """Prepare a client with the arguments of `create_client`.

        Raises:
            botocore.exceptions.BotoCoreError: If it cannot be built, such as `NoRegionError`.
        """
        self.metadata_client = _create_metadata_client(session, **arguments)
        arguments["region_name"] = self.metadata_client.meta.region_name  # the environment can change before the first use
        self._session, self._arguments = session, arguments
        self._loop = None
        self._client: Any = None
        self._is_closed = False
        self._lock = anyio.Lock()  # for tasks that use the client for the first time together

    async def ready(self) -> Any:
        self._check_loop()
        if self._client is not None and not self._is_closed:
            return self._client
        async with self._lock:
            if self._client is None and not self._is_closed:
                context: Any = self._session.create_client("drs", **self._arguments)
                client = await context.__aenter__()
                _check_http_session(client)
                _register(client)
                self._client = client
        if self._is_closed:
            await self.close()  # it can have been built during an earlier `close`
            raise RuntimeError("this client is closed: create a new one, and use it within `async with`")
        return self._client

    async def close(self) -> None:
        """Close the client. It cannot be used again."""
        self._is_closed = True
        if (client := self._client) is not None:
            await client.close()
            self._client = None


def _register(client: Any) -> None:
    """Register the handlers of drs_jobs with a client, and one for the redirects that aiohttp follows."""
    register_handlers(client)
    if isinstance(client, BaseClient):
        client.meta.events.register_first("needs-retry.drs", _on_redirect, unique_id="drs_jobs_redirect")


def _on_redirect(response: Any, request_dict: Any, operation: Any, **_: object) -> None:
    """Refuse the response of another host. boto3 does not follow redirects: it raises an error for their status."""
    current = current_call.get()
    if response is None or current is None or not is_own_response(current, operation.name):
        return
    requested_host, actual_host = _host(request_dict["url"]), _host(response[0].url)
    if requested_host is not None and actual_host is not None and requested_host != actual_host:
        message = f"the request was redirected from {requested_host} to {actual_host}, such as by a proxy"
        raise ClientError({"Error": {"Code": "Redirect", "Message": message}}, operation.name)


def _host(url: object) -> str | None:
    """Return the host and the port of a URL; `None` if it is not known, or in a script that aiohttp encodes."""
    parts = urlsplit(url if isinstance(url, str) else "")
    host = parts.hostname or ""
    return f"{host}:{parts.port or {'http': 80, 'https': 443}.get(parts.scheme)}" if host and host.isascii() else None


def _check_http_session(client: Any) -> None:
    """Check that the HTTP session of aiohttp is open, and can be used in this event loop.

    Raises:
        RuntimeError: If not. Otherwise each request would raise an error that looks like one of the connection.
    """
    http_session = getattr(getattr(client, "_endpoint", None), "http_session", None)
    if type(http_session).__name__ != "AIOHTTPSession":
        return
    if getattr(http_session, "_sessions", http_session) is None:
        raise RuntimeError("this client is closed: create a new one, and use it within `async with`")
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError("aiohttp needs asyncio: in trio, use AioConfig(http_session_cls=HttpxSession)") from None


def make_session(session: Any, profile_name: str | None) -> AioSession:
    """Return the session with which to build a client.

    Raises:
        TypeError: If `session` is not one of aiobotocore, or if `profile_name` is given beside it.
    """
    if session is None:
        return AioSession(profile=profile_name)
    if profile_name is not None:
        raise TypeError("session beside profile_name: create the session with AioSession(profile=…) and pass only that")
    if not isinstance(session, AioSession):
        kind = f"{type(session).__module__}.{type(session).__name__}"
        raise TypeError(f"session must be an aiobotocore.session.AioSession, not {kind}")
    return session


def _create_metadata_client(session: AioSession, **arguments: Any) -> Any:
    """Return a synchronous client with the region and endpoint of the asynchronous one, which only a coroutine can build.

    It makes no calls, and searches for no credentials.
    """
    metadata_client: Any = botocore.session.Session(profile=session.profile)
    metadata_client.register_component(
        "data_loader", session.get_component("data_loader")
    )  # which keeps the files that it has read
    if (config := session.get_default_client_config()) is not None:
        metadata_client.set_default_client_config(config)
    for name, value in session.instance_variables().items():
        metadata_client.set_config_variable(name, value)
    return metadata_client.create_client("drs", aws_access_key_id="unused", aws_secret_access_key="unused", **arguments)  # noqa: S106  # no secret


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
