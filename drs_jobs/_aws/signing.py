"""The credentials with which the requests of a call are signed."""

from contextvars import ContextVar
from typing import Any, Final

import attrs


@attrs.define(eq=False, repr=False)
class Signing:
    """How a call is signed, and how many attempts were made. A call can be made with several clients, one after the other."""

    credentials: object | None
    """The credentials; `None` for those of the client."""
    attempts: int = 0


current_signing: Final[ContextVar[Signing | None]] = ContextVar("drs_jobs_signing", default=None)
"""The signing of the call that is being made."""


def sign_as_current(client: Any) -> None:
    """Have each request of a client of one service signed with the credentials in `current_signing`, and counted there."""
    client.meta.events.register("before-sign", _on_sign)


def _on_sign(request: Any, **_: object) -> None:
    """Handle botocore's event for an attempt, in the thread or task that makes the call."""
    if (signing := current_signing.get()) is not None:
        signing.attempts += 1
        if signing.credentials is not None:
            request.context.setdefault("signing", {})["request_credentials"] = signing.credentials
