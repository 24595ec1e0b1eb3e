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
    """A request handler without a log. A ConnectionError of the application closes the connection."""

    def log(self, type: str, message: str, *args: object) -> None:  # noqa: A002  # werkzeug's own name
        """Discard the message."""

    def connection_dropped(self, error: BaseException, environ: Any = None) -> None:  # noqa: ARG002  # werkzeug's own method
        """Expect no other request on this connection."""
        self.close_connection = True


class LocalServer(ThreadedWSGIServer):
    """A server that runs in its own thread from its creation until `stop`."""

    daemon_threads = True

    def __init__(self, app: Any, *, name: str) -> None:
        """Bind a free port and start the serving thread, with this name."""
        super().__init__("127.0.0.1", 0, app, handler=_QuietHandler)
        self.stopping = threading.Event()
        """Set as soon as `stop` is called."""
        self._thread = threading.Thread(target=self.serve_forever, args=(0.02,), name=name, daemon=True)
        self._thread.start()

    @property
    def url(self) -> str:
        """The base URL, such as `http://127.0.0.1:40123`."""
        return f"http://127.0.0.1:{self.port}"

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
