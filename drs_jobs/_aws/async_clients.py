"""Clients of aiobotocore: each belongs to one event loop, and is built in a coroutine."""

# aiobotocore has no types of its own.
# pyright: reportMissingTypeStubs=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import asyncio
import functools
import inspect
import os
from collections.abc import Awaitable, Callable
from contextlib import suppress
from types import SimpleNamespace
from typing import Any, Final

import anyio
import botocore.session
from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession
from anyio.lowlevel import current_token
from botocore.client import BaseClient
from botocore.config import Config
from botocore.configprovider import ConstantProvider
from botocore.utils import get_environ_proxies

from drs_jobs._aws.calls import current_call, method_name, register_handlers


class ClientHandle:
    """A client that was passed in, or a fake."""

    def __init__(self, client: object) -> None:
        """Register the handlers of drs_jobs with a client. Raise TypeError if it is a client of boto3."""
        if isinstance(client, BaseClient) and not inspect.iscoroutinefunction(getattr(type(client), "_make_api_call", None)):
            raise TypeError(f"{type(client).__name__} is a synchronous client: use JobsClient, or pass a client of aiobotocore")
        _register(client)
        self.metadata_client: Any = client
        """An object with the region and the endpoint, which are known before the first request."""
        self._loop: object = None
        with suppress(RuntimeError):  # there is no event loop yet
            self._loop = current_token()

    async def ready(self) -> Any:
        """Return the client. Raise RuntimeError if it belongs to another event loop, or is closed."""
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
        """Prepare a client with the arguments of `create_client`. Raise BotoCoreError if it cannot be built."""
        self.metadata_client = _create_metadata_client(session, **arguments)
        self._session, self._arguments = session, _resolve_configuration(session, self.metadata_client, arguments["config"])
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
                _register(client)
                _check_http_session(client)
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
    """Register the handlers of drs_jobs with a client, and have its HTTP session follow no redirects of our requests."""
    register_handlers(client)
    follow_no_redirects(client, calls_of_drs_jobs_only=True)


def _aiohttp_session(client: Any) -> Any:
    """Return the HTTP session of a client of aiobotocore; `None` for another transport or a fake."""
    http_session = getattr(getattr(client, "_endpoint", None), "http_session", None)
    return http_session if type(http_session).__name__ == "AIOHTTPSession" else None


def follow_no_redirects(client: Any, *, calls_of_drs_jobs_only: bool) -> None:
    """Have the HTTP session of a client return each redirect as a response like any other, as in boto3.

    aiohttp follows redirects by default, and would send the session token to another host.
    """
    http_session = _aiohttp_session(client)
    if http_session is None:
        return
    get_session = http_session._get_session  # noqa: SLF001  # aiobotocore has no option for it

    async def get_session_without_redirects(proxy_url: str | None) -> Any:
        session = await get_session(proxy_url)
        current = current_call.get()
        if calls_of_drs_jobs_only and (current is None or not current.is_own_request):
            return session
        return SimpleNamespace(request=functools.partial(session.request, allow_redirects=False))

    vars(http_session).setdefault("_get_session", get_session_without_redirects)


def _check_http_session(client: Any) -> None:
    """Raise RuntimeError if the HTTP session of aiohttp is closed, or cannot be used in this event loop.

    Otherwise each request would raise an error that looks like one of the connection.
    """
    http_session = _aiohttp_session(client)
    if http_session is None:
        return
    if getattr(http_session, "_sessions", http_session) is None:
        raise RuntimeError("this client is closed: create a new one, and use it within `async with`")
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise RuntimeError("aiohttp needs asyncio: in trio, use AioConfig(http_session_cls=HttpxSession)") from None


def make_session(session: Any, profile_name: str | None) -> AioSession:
    """Return the session with which to build a client. Raise TypeError if `session` is not one of aiobotocore."""
    if session is None:
        new_session = AioSession(profile=profile_name)
        # The profile of this moment, because the client is built later, and then finds the credentials of the profile.
        new_session.get_component("config_store").set_config_provider("profile", ConstantProvider(new_session.profile))
        return new_session
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
    synchronous: Any = botocore.session.Session(profile=session.profile)
    # The loader keeps the files that it has read.
    synchronous.register_component("data_loader", session.get_component("data_loader"))
    if (config := session.get_default_client_config()) is not None:
        synchronous.set_default_client_config(config)
    for name, value in session.instance_variables().items():
        synchronous.set_config_variable(name, value)
    credentials = dict.fromkeys(("aws_access_key_id", "aws_secret_access_key"), "unused")
    return synchronous.create_client("drs", **credentials, **arguments)


def _resolve_configuration(session: AioSession, metadata_client: Any, config: Config | None) -> dict[str, Any]:
    """Return arguments of `create_client` that read nothing from the environment or from files but the credentials.

    The client is created at its first use, when these can have changed.
    """
    meta = metadata_client.meta
    names = ("connect_timeout", "read_timeout", "max_pool_connections", "tcp_keepalive", "proxies_config")
    # The endpoint is one of FIPS or of dual stack already.
    resolved = AioConfig(
        **{name: getattr(meta.config, name) for name in names},
        retries={"total_max_attempts": _DEFAULT_ATTEMPTS[meta.config.retries["mode"]], **meta.config.retries},
        proxies=get_environ_proxies(meta.endpoint_url) if meta.config.proxies is None else meta.config.proxies,
        use_fips_endpoint=False,
        use_dualstack_endpoint=False,
    )
    verify = session.get_config_variable("ca_bundle")
    return {
        "region_name": meta.region_name,
        "endpoint_url": meta.endpoint_url,
        "verify": (os.environ.get("REQUESTS_CA_BUNDLE") or True) if verify is None else verify,
        "config": (AioConfig() if config is None else config).merge(resolved),
    }


_DEFAULT_ATTEMPTS: Final = {"legacy": 5, "standard": 3, "adaptive": 3}
"""botocore's number of attempts, by its mode of retries. Without a number, it reads `AWS_MAX_ATTEMPTS` again."""


def require_awaitable(method: Callable[..., Any], response: Any) -> Awaitable[object]:
    """Return what the method of an asynchronous client has returned. Raise TypeError if it is a synchronous client."""
    if inspect.isawaitable(response):
        return response
    kind = type(response).__name__
    del response  # crash reporters send local variables, and its jobs have tags
    raise TypeError(
        f"{method_name(method)} returned {kind}, not an awaitable: this is a synchronous client: "
        "use JobsClient, or pass a client of aiobotocore"
    )
