"""The credentials with which a client signs."""

from collections.abc import Callable
from typing import Any


def sign_with(client: Any, credentials: Callable[[], object | None]) -> None:
    """Have each request of a DRS client signed with the credentials that `credentials` returns; `None` means its own.

    It is called for each attempt of a request, in the thread that makes the call.
    """

    def on_sign(request: Any, **_: object) -> None:
        if (chosen := credentials()) is not None:
            request.context.setdefault("signing", {})["request_credentials"] = chosen

    client.meta.events.register("before-sign.drs", on_sign)
