"""The server of the benchmarks, run as another process: an endpoint of DRS with distinct jobs, and one of STS.

It prints the two URLs, and exits when its standard input is closed.
"""

import functools
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pages

sys.path.append(str(Path(__file__).parent.parent / "tests"))
from simulated_sts import SimulatedAws

make_page = functools.lru_cache(maxsize=2_000)(pages.page)


class Handler(BaseHTTPRequestHandler):
    """Returns COUNT jobs, SIZE per page, for `/KIND/SIZE/COUNT/DescribeJobs`."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_POST(self) -> None:  # the name that http.server calls
        """Send a page of jobs."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        _, kind, size, count, _ = self.path.split("/")
        first, following = int(request.get("nextToken", 0)), int(request.get("nextToken", 0)) + int(size)
        body = make_page(kind, first, min(int(size), int(count) - first), str(following) if following < int(count) else None)
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Log nothing."""


def main() -> None:
    """Serve until standard input is closed."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print(f"http://127.0.0.1:{server.server_port}", SimulatedAws().endpoint_url, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
