"""STS and DRS of all regions on one server. It verifies signatures, and accepts the same credentials per region as AWS."""

import asyncio
import base64
import hashlib
import hmac
import importlib
import itertools
import json
import socket
import threading
import types
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from importlib.util import find_spec
from typing import Any, Self
from urllib.parse import parse_qsl, quote, urlsplit

import attrs
import pytest

from drs_jobs.testing._server import LocalServer

DEFAULT_REGIONS = {
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
}
"""The regions that are enabled in every account. An account must opt in to any other one."""

GLOBAL_HOST = "sts.amazonaws.com"
"""The host of the legacy STS. Only the default regions accept its credentials."""

KEY = "testing"
"""The access key, and the secret, of the process."""


@attrs.frozen
class Request:
    """A request of STS or DRS."""

    service: str
    """`sts` or `drs`."""
    region: str
    """The region of the signature."""
    account: str
    """The account of the role to assume, or of the credentials. Empty for `KEY`."""
    access_key: str
    attempt: int
    """The number of requests of this account to this service in this region so far, including this one."""
    is_global: bool
    """Whether it was sent to the legacy STS."""


@attrs.frozen
class Credentials:
    """Credentials that STS has returned, or `KEY`."""

    account: str
    secret: str
    token: str
    expiration: datetime
    is_global: bool = False


Refusal = tuple[int, str]
"""The HTTP status and the code of an error."""

DROPPED: Refusal = (0, "dropped")
"""The connection is closed without a response."""

CODES = {
    "unknown key": ("InvalidClientTokenId", "UnrecognizedClientException"),
    "wrong signature": ("SignatureDoesNotMatch", "InvalidSignatureException"),
    "expired": ("ExpiredToken", "ExpiredTokenException"),
}
"""The codes of errors, as STS and as DRS call them. Each has the status 403."""


class SimulatedAws:
    """STS and DRS of all regions. A role gets new credentials with each AssumeRole."""

    def __init__(
        self, refuse: Callable[[Request], Refusal | None] = lambda _: None, *, lifetime: float = 3600, pages: int = 1
    ) -> None:
        """Start the server.

        Args:
            refuse: Returns the error of a request that would be accepted otherwise; `None` to accept it.
            lifetime: The lifetime of the credentials of a role, in seconds.
            pages: The number of pages of DescribeJobs. Each has one job, with account, region and page in its id.
        """
        self.refuse, self.lifetime, self.pages = refuse, lifetime, pages
        self.requests: list[Request] = []
        self.assumed: Counter[str] = Counter()
        """Number of AssumeRole requests, by account."""
        self.refusals: Counter[str] = Counter()
        """Number of refused requests, by code."""
        self._credentials = {KEY: Credentials("", KEY, "", datetime.max.replace(tzinfo=UTC))}
        self._attempts: Counter[tuple[str, ...]] = Counter()
        self._serials = itertools.count()
        self._lock = threading.Lock()
        self._server = LocalServer(self._app, name="AWS")
        self.endpoint_url, self.stop = f"http://127.0.0.1:{self._server.port}", self._server.stop

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _app(self, environ: Any, start_response: Any) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        key, _, region, service, _ = _authorization(environ)["Credential"].split("/")
        arguments = dict(parse_qsl(body.decode())) if service == "sts" else json.loads(body or b"{}")
        credentials = self._credentials.get(key)
        account = arguments["RoleArn"].split(":")[4] if service == "sts" else credentials.account if credentials else ""
        with self._lock:
            self._attempts[service, account, region] += 1
            if service == "sts":
                self.assumed[account] += 1
            attempt, is_global = self._attempts[service, account, region], environ["HTTP_HOST"] == GLOBAL_HOST
            self.requests.append(request := Request(service, region, account, key, attempt, is_global))
        status, code = _problem(environ, body, credentials, request) or self.refuse(request) or (200, "")
        if code:
            with self._lock:
                self.refusals[code] += 1
        if (status, code) == DROPPED:
            environ["werkzeug.socket"].shutdown(socket.SHUT_RDWR)
        content_type = "text/xml" if service == "sts" else "application/json"
        start_response(f"{status} -", [("Content-Type", content_type), ("x-amzn-errortype", code)])
        if service == "sts":
            return [_error_xml(code) if code else self._assume_role(request)]
        return [json.dumps({"message": "refused"} if code else self._describe_jobs(request, arguments)).encode()]

    def _assume_role(self, request: Request) -> bytes:
        number = next(self._serials)
        key, secret, token = encode_key(request.account, number), f"secret{number}", f"token{number}"
        expiration = datetime.now(UTC) + timedelta(seconds=self.lifetime)
        self._credentials[key] = Credentials(request.account, secret, token, expiration, request.is_global)
        return (
            f"<AssumeRoleResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><AssumeRoleResult><Credentials>"
            f"<AccessKeyId>{key}</AccessKeyId><SecretAccessKey>{secret}</SecretAccessKey><SessionToken>{token}</SessionToken>"
            f"<Expiration>{expiration.isoformat()}</Expiration></Credentials></AssumeRoleResult></AssumeRoleResponse>"
        ).encode()

    def _describe_jobs(self, request: Request, arguments: dict[str, Any]) -> dict[str, Any]:
        page = int(arguments.get("nextToken", "0"))
        token = {"nextToken": str(page + 1)} if page + 1 < self.pages else {}
        return {"items": [{"jobID": f"{request.account}-{request.region}-{page}"}], **token}


def _problem(environ: Any, body: bytes, credentials: Credentials | None, request: Request) -> Refusal | None:
    """Return the error of a request with wrong credentials."""
    if credentials is None or (credentials.is_global and request.region not in DEFAULT_REGIONS):
        problem = "unknown key"
    elif credentials.expiration < datetime.now(UTC):
        problem = "expired"
    elif (
        environ.get("HTTP_X_AMZ_SECURITY_TOKEN", "") != credentials.token
        or signature(environ, credentials.secret, body) != _authorization(environ)["Signature"]
    ):
        problem = "wrong signature"
    else:
        return None
    return 403, CODES[problem][request.service == "drs"]


def _authorization(environ: Any) -> dict[str, str]:
    return dict(part.strip().split("=", 1) for part in environ["HTTP_AUTHORIZATION"].partition(" ")[2].split(","))


def signature(environ: Any, secret: str, body: bytes) -> str:
    """Return the signature that Signature Version 4 requires, written from AWS's description."""
    authorization = _authorization(environ)
    _, *scope = authorization["Credential"].split("/")
    signed = authorization["SignedHeaders"].split(";")
    names = [name.upper().replace("-", "_") for name in signed]
    values = [environ.get(f"HTTP_{name}", environ.get(name)) for name in names]
    headers = "".join(f"{name}:{' '.join(value.split())}\n" for name, value in zip(signed, values, strict=True))
    path = quote(environ["PATH_INFO"])
    request = "\n".join(["POST", path, "", headers, ";".join(signed), hashlib.sha256(body).hexdigest()])
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", environ["HTTP_X_AMZ_DATE"], "/".join(scope), digest])
    key = f"AWS4{secret}".encode()
    for step in [*scope, text]:
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    return key.hex()


def encode_key(account: str, serial: int) -> str:
    """Return an access key in AWS's form. It contains the account."""
    number = (1 << 79) | (int(account) << 39) | serial
    return "ASIA" + base64.b32encode(number.to_bytes(10, "big")).decode()


def _error_xml(code: str) -> bytes:
    error = f"<Type>Sender</Type><Code>{code}</Code><Message>refused</Message>"
    return f"<ErrorResponse><Error>{error}</Error><RequestId>r</RequestId></ErrorResponse>".encode()


def redirect_sts(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    """Send the requests for hosts of AWS's STS to a server, with the header `Host` of AWS's host."""
    classes = [("botocore.httpsession", "URLLib3Session")]
    classes += [("aiobotocore.httpsession", "AIOHTTPSession")] if find_spec("aiobotocore") else []
    for module, name in classes:
        http_session = getattr(importlib.import_module(module), name)

        def send(self: Any, request: Any, send: Any = http_session.send) -> Any:
            parts = urlsplit(request.url)
            if parts.netloc.startswith("sts."):
                request.headers["Host"], request.url = parts.netloc, f"{url}{parts.path}"
            return send(self, request)

        monkeypatch.setattr(http_session, "send", send)


def skip_sleeps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let botocore make its attempts at once."""
    monkeypatch.setattr("time.sleep", lambda _: None)
    if find_spec("aiobotocore"):

        async def sleep(_: float) -> None:
            pass

        importlib.import_module("aiobotocore.session")  # older versions cannot import aiobotocore.endpoint first
        monkeypatch.setattr("aiobotocore.endpoint.asyncio", types.SimpleNamespace(**{**vars(asyncio), "sleep": sleep}))
