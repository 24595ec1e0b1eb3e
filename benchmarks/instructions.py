"""`make bench-instructions`: the instructions of reading a job, counted by valgrind, as ratios to boto3's dicts.

The counts are the same on a loaded machine. The responses come from the process itself, so that no server is counted.
"""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any, Final

import boto3
import pages
from botocore.awsrequest import AWSResponse
from contenders import CONTENDERS

KINDS: Final = {"large": "four servers with two launch actions each", **pages.REAL}
"""The jobs that are read, and what they are."""
COMPARED: Final = ("boto3, raw dicts", "drs_jobs", "drs_jobs with the extra speed")
"""The contenders that read the jobs in the shape of real responses."""
JOBS: Final = 100
"""Jobs per page."""
PAGES: Final = (2, 6)
"""The numbers of pages of two runs, whose difference has no start-up."""


class Body:
    """The body of an HTTP response."""

    def __init__(self, body: bytes) -> None:
        """Create the body from its bytes."""
        self._body = body

    def stream(self) -> Iterator[bytes]:
        """Yield the body to botocore."""
        yield self._body


def read(kind: str, contender: str, count: int) -> None:
    """Read pages of jobs in this process."""
    bodies = [pages.page(kind, number * JOBS, JOBS, str(number + 1)) for number in range(count)]
    bodies[-1] = pages.page(kind, 0, JOBS, None)
    remaining = iter(bodies)
    client = boto3.client("drs", region_name="eu-west-1", aws_access_key_id="testing", aws_secret_access_key="testing")

    def respond(request: Any, **_: object) -> AWSResponse:
        return AWSResponse(request.url, 200, {}, Body(next(remaining)))

    client.meta.events.register("before-send.drs", respond)
    CONTENDERS[contender](client)


def count_instructions(kind: str, contender: str) -> float:
    """Return the number of instructions per job."""
    counts: list[int] = []
    valgrind = ("valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null")
    for count in PAGES:
        command = [*valgrind, sys.executable, __file__, kind, contender, str(count)]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        run = subprocess.run(command, check=True, capture_output=True, encoding="utf-8", env=environment)
        collected = re.search(r"Collected : (\d+)", run.stderr)
        assert collected is not None
        counts.append(int(collected[1]))
    return (counts[1] - counts[0]) / (PAGES[1] - PAGES[0]) / JOBS


def main() -> None:
    """Print the counts."""
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed (Debian: apt-get install valgrind)")
    for kind, description in KINDS.items():
        print(f"{description}:")
        first = 0.0
        for name in CONTENDERS if kind == "large" else COMPARED:
            instructions = count_instructions(kind, name)
            first = first or instructions
            ratio = f"{instructions / first:.2f} of boto3's dicts"
            print(f"  {name:<32} {instructions:>12,.0f} instructions per job, {ratio}", flush=True)


if __name__ == "__main__":
    if len(sys.argv) == 4:
        read(sys.argv[1], sys.argv[2], int(sys.argv[3]))
    else:
        main()
