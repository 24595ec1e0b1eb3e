"""The server of the benchmarks, run as another process: an endpoint of DRS with prepared pages, and one of STS.

It prints the two URLs, and exits when its standard input is closed.
"""

import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final

import attrs

from drs_jobs import (
    Job,
    LaunchActionParameter,
    LaunchActionParameterType,
    LaunchActionRun,
    LaunchActionsStatus,
    unstructure_job,
)
from drs_jobs.testing import make_job, make_run, make_server

sys.path.append(str(Path(__file__).parent.parent / "tests"))
from simulated_accounts import Sts

PAGE: Final = 100
"""Jobs per page."""


def realistic_job() -> Job:
    """A drill of four servers with two post-launch actions each: 5 KB of JSON."""
    parameter = LaunchActionParameter(type=LaunchActionParameterType.SSM_STORE, value="/drs/validation/timeout")

    def run() -> LaunchActionRun:
        made = make_run()
        action = made.action and attrs.evolve(
            made.action, description="Checks the free disk space", parameters={"Timeout": parameter}
        )
        return attrs.evolve(made, action=action)

    job = make_job(tags={"Name": "weekly drill", "team": "dr"})
    status = LaunchActionsStatus(runs=(run(), run()), ssm_agent_discovery_datetime=job.creation_date_time)
    return attrs.evolve(job, participating_servers=tuple(make_server(launch_actions_status=status) for _ in range(4)))


PAGES: Final = {
    "big": b", ".join(json.dumps(unstructure_job(realistic_job())).encode() for _ in range(PAGE)),
    "small": b", ".join(json.dumps(unstructure_job(make_job())).encode() for _ in range(PAGE)),
}


class Handler(BaseHTTPRequestHandler):
    """Returns COUNT jobs, in pages, for `/KIND/COUNT/DescribeJobs`."""

    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:  # the name that http.server calls
        """Send a page of jobs."""
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        _, kind, count, _ = self.path.split("/")
        number = int(request.get("nextToken", 0)) + 1
        token = b"" if number * PAGE >= int(count) else b', "nextToken": "%d"' % number
        body = b'{"items": [' + PAGES[kind] + b"]" + token + b"}"
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
    print(f"http://127.0.0.1:{server.server_port}", Sts().endpoint_url, flush=True)
    sys.stdin.read()


if __name__ == "__main__":
    main()
