"""What can go wrong on demand: `LocalDrs.inject(Throttle(), times=2)` spoils the next two answers."""

import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any

import attrs

from drs_jobs.testing.backend import AwsError


@attrs.frozen
class HttpResponse:
    """An HTTP answer before it is sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut_connection_after: int | None = None
    """Bytes of the body after which the connection is cut; -1 cuts it before the status line."""
    delay: float = 0.0
    """Seconds to wait before it is sent."""

    @classmethod
    def of(cls, members: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> "HttpResponse":
        """A JSON answer."""
        return cls(status, {"Content-Type": "application/json", **(headers or {})}, json.dumps(members).encode())

    @classmethod
    def of_error(cls, error: AwsError) -> "HttpResponse":
        """An error as AWS's rest-json protocol tells it."""
        return cls.of(
            {"message": error.message, **error.members}, error.status, {"x-amzn-errortype": error.code, **error.headers}
        )


class Fault(ABC):
    """One thing that goes wrong with an answer."""

    @abstractmethod
    def apply(self, answer: Callable[[], HttpResponse]) -> HttpResponse:
        """The answer that goes out instead of `answer()`, the one that should."""


@attrs.frozen
class ErrorResponse(Fault):
    """AWS answers with an error of this name; the request is not carried out."""

    code: str
    status: int = 400
    message: str = "refused on demand"
    retry_after: int | str | None = None
    """The header `Retry-After` as it is sent: seconds, or an HTTP date."""

    def apply(self, answer: Callable[[], HttpResponse]) -> HttpResponse:  # noqa: ARG002  # the real answer is not wanted
        """An error answer."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return HttpResponse.of_error(AwsError(self.code, self.status, self.message, headers=headers))


@attrs.frozen
class Throttle(Fault):
    """Too many requests (429), with or without `Retry-After`."""

    retry_after: int | str | None = None
    """The header `Retry-After` as it is sent: seconds, or an HTTP date."""

    def apply(self, answer: Callable[[], HttpResponse]) -> HttpResponse:
        """A ThrottlingException."""
        return ErrorResponse("ThrottlingException", 429, "Rate exceeded", self.retry_after).apply(answer)


@attrs.frozen
class ServerError(Fault):
    """The service fails (500), with or without `Retry-After`."""

    retry_after: int | str | None = None
    """The header `Retry-After` as it is sent: seconds, or an HTTP date."""

    def apply(self, answer: Callable[[], HttpResponse]) -> HttpResponse:
        """An InternalServerException."""
        return ErrorResponse("InternalServerException", 500, "Internal failure", self.retry_after).apply(answer)


@attrs.frozen
class RawResponse(Fault):
    """These bytes with this status; the request is not carried out."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = attrs.field(factory=lambda: {"Content-Type": "application/json"})

    def apply(self, answer: Callable[[], HttpResponse]) -> HttpResponse:  # noqa: ARG002  # the real answer is not wanted
        """The bytes as they are."""
        return HttpResponse(self.status, self.headers, self.body)


@attrs.frozen
class HtmlPage(Fault):
    """A page in HTML, as a captive portal or a proxy sends it."""

    status: int = 200

    def apply(self, answer: Callable[[], HttpResponse]) -> HttpResponse:
        """The page."""
        return RawResponse(_SIGN_IN, self.status, {"Content-Type": "text/html"}).apply(answer)


_SIGN_IN = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Sign in to the network</h1></body></html>"


@attrs.frozen
class CutOff(Fault):
    """The answer ends in the middle of its body, and nothing in its headers says so."""

    share: float = 0.5
    """How much of the body arrives, 0 to 1."""

    def apply(self, answer: Callable[[], HttpResponse]) -> HttpResponse:
        """The first part of the right answer."""
        http_response = answer()
        return attrs.evolve(http_response, body=http_response.body[: int(len(http_response.body) * self.share)])


@attrs.frozen
class DropConnection(Fault):
    """The connection breaks: before the answer, or in the middle of its body."""

    in_body: bool = False

    def apply(self, answer: Callable[[], HttpResponse]) -> HttpResponse:
        """The right answer, as far as it gets."""
        http_response = answer()
        return attrs.evolve(http_response, cut_connection_after=len(http_response.body) // 2 if self.in_body else -1)


@attrs.frozen
class Slow(Fault):
    """The right answer comes late."""

    seconds: float

    def apply(self, answer: Callable[[], HttpResponse]) -> HttpResponse:
        """The right answer, after a while."""
        return attrs.evolve(answer(), delay=self.seconds)
