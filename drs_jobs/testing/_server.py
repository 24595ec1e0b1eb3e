"""HTTP: a threaded WSGI server on a free port of 127.0.0.1, and the operation, members and credential of a request."""

# isinstance narrows raw JSON to dict, with unknown types of keys and values.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import base64
import contextlib
import functools
import json
import re
import socket
import threading
from typing import Any, Final

from werkzeug.exceptions import HTTPException
from werkzeug.routing import Map, Rule
from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
from werkzeug.wrappers import Request

from drs_jobs.testing.service_model import service_model

_ACCOUNT_KEY: Final = re.compile(r"(?:AKIA|ASIA)([Q-Z2-7][A-Z2-7]{15})")


class _QuietHandler(WSGIRequestHandler):
    """A request handler without a log. A ConnectionError of the application closes the connection."""

    def log(self, *_: object, **__: object) -> None:
        """Discard the message."""

    def connection_dropped(self, *_: object, **__: object) -> None:
        """Expect no other request on this connection."""
        self.close_connection = True


class LocalServer(ThreadedWSGIServer):
    """A server that runs in its own thread from its creation until `stop`."""

    daemon_threads = True

    def __init__(self, app: Any, *, name: str) -> None:
        super().__init__("127.0.0.1", 0, app, handler=_QuietHandler)
        self.stopping = threading.Event()
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name=name, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop the server. When this method returns, the port is closed and the serving thread has ended."""
        self.stopping.set()
        # A forked child process has a copy of the socket but not the thread, and shutdown() would block without the thread.
        if self._thread.is_alive():
            with contextlib.suppress(OSError):
                # close() alone leaves the port open while a forked child process has a copy of the socket.
                self.socket.shutdown(socket.SHUT_RDWR)
            self.shutdown()
            self._thread.join()
        self.server_close()


@functools.cache
def _routes() -> Map:
    """Return the routes, according to the method and URI of each operation in the service model."""
    operations = {name: service_model().operation_model(name).http for name in service_model().operation_names}
    # A value can contain slashes, as the ARN of a job does.
    rules = [
        Rule(re.sub(r"{(\w+)}", r"<path:\1>", http["requestUri"]), methods=[http["method"]], endpoint=name)
        for name, http in operations.items()
    ]
    return Map(rules, merge_slashes=False)


def parse_request(request: Request) -> tuple[str | None, Any]:
    """Return the operation of an HTTP request, and its members in the body, the path and the query.

    The operation is `None` if there is none with this method and path, and the members are if the body is not JSON.
    """
    try:
        body = json.loads(request.get_data() or b"{}")
    except (ValueError, RecursionError):
        body = None
    try:
        operation, path_members = _routes().bind("").match(request.path, request.method)
    except HTTPException:
        return None, body
    shape = service_model().operation_model(operation).input_shape
    if isinstance(body, dict) and shape is not None:
        body |= path_members
        for name, member in shape.members.items():
            if member.serialization.get("location") == "querystring" and name in request.args:
                # A text that is not a number stays one, for the validation.
                number = request.args.get(name, type=int) if member.type_name == "integer" else None
                text = request.args[name] if number is None else number
                body[name] = request.args.getlist(name) if member.type_name == "list" else text
    return operation, body


def parse_credential(request: Request) -> tuple[str, str] | None:
    """Return the access key and region of a request that is signed for the service `drs`; `None` for any other request."""
    # A presigned URL has the credential in its query.
    header = request.headers.get("Authorization", "").partition("Credential=")[2].partition(",")[0].strip()
    match (header or request.args.get("X-Amz-Credential", "")).split("/"):
        case [key, date, region, "drs", "aws4_request"] if key and len(date) == 8 and len(region) <= 64:
            return key, region
        case _:
            return None


def encoded_account(access_key_id: str) -> str | None:
    """Return the account that an access key of AWS or moto encodes; `None` for any other access key.

    The bits of the account are in the first six bytes of the base32 text after the fourth character.
    """
    if (match := _ACCOUNT_KEY.fullmatch(access_key_id)) is None:
        return None
    number = (int.from_bytes(base64.b32decode(match[1])[:6], "big") & 0x7FFFFFFFFF80) >> 7
    return f"{number:012}" if number < 10**12 else None
