"""A threaded WSGI server on a free port of 127.0.0.1, for `LocalDrs` and for the tests."""

import contextlib
import socket
import threading
from typing import Any

from drs_jobs._extras import missing_extra_error

try:
    from werkzeug.serving import ThreadedWSGIServer, WSGIRequestHandler
except ImportError as _error:
    raise missing_extra_error("testing", _error) from _error


class _QuietHandler(WSGIRequestHandler):
    """A request handler that logs nothing."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  # werkzeug's own name
        """Log nothing."""


class LocalServer(ThreadedWSGIServer):
    """A server that serves in a thread of its own from its creation until `stop`."""

    daemon_threads = True

    def __init__(self, app: Any, *, name: str) -> None:
        """Bind a port and start to serve.

        Args:
            app: The WSGI application.
            name: The name of the serving thread.
        """
        super().__init__("127.0.0.1", 0, app, handler=_QuietHandler)
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name=name, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The base URL, such as `http://127.0.0.1:40123`."""
        return f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        """Stop serving. When it returns, the port is closed and the serving thread has ended."""
        # A forked child has a copy of the socket, but not the thread: there, waiting for the thread would never end.
        if self._thread.is_alive():
            with contextlib.suppress(OSError):
                # Closing the socket does not close the port while a forked child has a copy of the socket.
                self.socket.shutdown(socket.SHUT_RDWR)
            self.shutdown()
            self._thread.join()
        self.server_close()
