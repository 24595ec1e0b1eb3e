"""AWS's error responses, and faults to inject: `LocalDrs.inject(Throttle(), times=2)` spoils the next two responses."""

import json
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import attrs
from attrs import validators

T = TypeVar("T")


@attrs.frozen
class HttpResponse:
    """An HTTP response before it is sent."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    cut_connection_after: int | None = None  # number of body bytes; 0 closes it before the status line, `None` not at all
    delay: float = 0.0  # seconds to wait before the response is sent


@attrs.define(eq=False)
class AwsError(Exception):
    """An error response of AWS."""

    code: str
    status: int
    message: str
    members: Mapping[str, Any] = attrs.field(factory=dict[str, Any], kw_only=True)  # besides the message
    headers: Mapping[str, str] = attrs.field(factory=dict[str, str], kw_only=True)

    @property
    def response(self) -> HttpResponse:
        """The response in the format of AWS's rest-json protocol."""
        headers = {"Content-Type": "application/json", "x-amzn-errortype": self.code, **self.headers}
        return HttpResponse(self.status, headers, json.dumps({"message": self.message, **self.members}).encode())


def validation_error(message: str, fields: Sequence[tuple[str, str]] = (), reason: str = "fieldValidationFailed") -> AwsError:
    """Return a ValidationException. `fields` are pairs of name and message for AWS's `fieldList`."""
    field_list = [{"name": name, "message": text} for name, text in fields]
    return AwsError("ValidationException", 400, message, members={"reason": reason, "fieldList": field_list})


def conflict(message: str) -> AwsError:
    """Return a ConflictException."""
    return AwsError("ConflictException", 409, message)


def resource_not_found(resource_type: str, resource_id: str) -> AwsError:
    """Return a ResourceNotFoundException."""
    message = f"{resource_type} {resource_id} does not exist in this account and region"
    members = {"resourceId": resource_id, "resourceType": resource_type}
    return AwsError("ResourceNotFoundException", 404, message, members=members)


class HookError(RuntimeError):
    """A function of the test, given to `respond` or `on_launch`, raised or returned something invalid."""


class Fault(ABC):
    """Base class of the faults that `LocalDrs.inject` applies to responses."""

    @abstractmethod
    def apply(self, respond: Callable[[], HttpResponse], /) -> HttpResponse:
        """Return the response to send instead of the correct one.

        Args:
            respond: Processes the request and returns the correct response. If it is not called, the request has no effect.
        """


@attrs.frozen
class ErrorResponse(Fault):
    """An error response with this error code. The request is not processed."""

    code: str
    status: int = 400
    message: str = "This error was injected by a test"
    retry_after: int | str | None = None
    """Value of the header `Retry-After`: seconds or an HTTP date. Default: no header."""

    def apply(self, _respond: Callable[[], HttpResponse], /) -> HttpResponse:
        """Return the error response."""
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        return AwsError(self.code, self.status, self.message, headers=headers).response


@attrs.frozen
class Throttle(ErrorResponse):
    """A ThrottlingException (429), with or without `Retry-After`. The request is not processed."""

    code: str = attrs.field(default="ThrottlingException", init=False)
    status: int = attrs.field(default=429, init=False)
    message: str = attrs.field(default="Rate exceeded", init=False)


@attrs.frozen
class ServerError(ErrorResponse):
    """An InternalServerException (500), with or without `Retry-After`. The request is not processed."""

    code: str = attrs.field(default="InternalServerException", init=False)
    status: int = attrs.field(default=500, init=False)
    message: str = attrs.field(default="Internal failure", init=False)


@attrs.frozen
class RawResponse(Fault):
    """A response with exactly this body, status and headers. The request is not processed."""

    body: bytes = b""
    status: int = 200
    headers: Mapping[str, str] = attrs.field(factory=lambda: {"Content-Type": "application/json"})

    def apply(self, _respond: Callable[[], HttpResponse], /) -> HttpResponse:
        """Return the response, unchanged."""
        return HttpResponse(self.status, self.headers, self.body)


_SIGN_IN_PAGE = b"<!DOCTYPE html><html><head><title>Sign in</title></head><body><h1>Sign in to the network</h1></body></html>"


@attrs.frozen
class HtmlPage(RawResponse):
    """An HTML sign-in page, as a captive portal or a proxy sends it. The request is not processed."""

    body: bytes = attrs.field(default=_SIGN_IN_PAGE, init=False, repr=False)
    headers: Mapping[str, str] = attrs.field(factory=lambda: {"Content-Type": "text/html"}, init=False, repr=False)


@attrs.frozen
class CutOff(Fault):
    """A response with a truncated body. Its headers do not show the truncation."""

    share: float = attrs.field(default=0.5, validator=[validators.ge(0), validators.le(1)])
    """The fraction of the body that is sent, 0 to 1. Default 0.5."""

    def apply(self, respond: Callable[[], HttpResponse], /) -> HttpResponse:
        """Return the correct response with a truncated body."""
        http_response = respond()
        return attrs.evolve(http_response, body=http_response.body[: int(len(http_response.body) * self.share)])


@attrs.frozen
class DropConnection(Fault):
    """A connection that is closed before the response or in the middle of its body."""

    in_body: bool = False
    """Whether it is closed in the middle of the body. Default: before the status line, as always if the body is empty."""

    def apply(self, respond: Callable[[], HttpResponse], /) -> HttpResponse:
        """Return the correct response, with the position at which the connection is closed."""
        http_response = respond()
        return attrs.evolve(http_response, cut_connection_after=len(http_response.body) // 2 if self.in_body else 0)


@attrs.frozen
class Slow(Fault):
    """A correct response after a delay."""

    seconds: float = attrs.field(validator=validators.ge(0))
    """Seconds to wait before the response is sent."""

    def apply(self, respond: Callable[[], HttpResponse], /) -> HttpResponse:
        """Return the correct response with the delay."""
        return attrs.evolve(respond(), delay=self.seconds)


@attrs.define
class _Entry(Generic[T]):
    value: T
    operation: str | None  # `None` for every operation
    remaining: int | None  # the number of requests left; `None` for no limit


@attrs.define
class Schedule(Generic[T]):
    """Faults or canned responses for the next requests, in the order in which they were added. Thread-safe.

    Those without a limit come last. Of these, one for the operation precedes one for every operation, and a later one an
    earlier one.
    """

    _entries: list[_Entry[T]] = attrs.field(factory=list[_Entry[T]], init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    def add(self, value: T, *, times: int | None, operation: str | None) -> None:
        """Add a value for a number of requests of one operation; `None` is no limit, or every operation."""
        if times is not None and times < 0:
            raise ValueError(f"times must be 0 or more, or None for every request, not {times}")
        with self._lock:
            self._entries.append(_Entry(value, operation, times))

    def take(self, operation: str | None, is_match: Callable[[T], bool] = lambda _: True) -> T | None:
        """Return the value for a request of this operation, and count it; `None` if there is none that matches."""
        with self._lock:
            self._entries = [entry for entry in self._entries if entry.remaining != 0]
            matching = [one for one in self._entries if one.operation in (None, operation) and is_match(one.value)]
            for entry in matching:
                if entry.remaining is not None:
                    entry.remaining -= 1
                    return entry.value
            # Of several maxima, max returns the first one.
            last = max(reversed(matching), key=lambda entry: entry.operation is not None, default=None)
            return None if last is None else last.value

    def clear(self) -> None:
        """Remove all values."""
        with self._lock:
            self._entries.clear()
