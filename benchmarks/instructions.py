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


def read(contender: str, count: int) -> None:
    """Read pages of jobs in this process."""
    bodies = [pages.page("large", number * JOBS, JOBS, str(number + 1)) for number in range(count)]
    bodies[-1] = pages.page("large", 0, JOBS, None)
    remaining = iter(bodies)
    client = boto3.client("drs", region_name="eu-west-1", aws_access_key_id="testing", aws_secret_access_key="testing")

    def respond(request: Any, **_: object) -> AWSResponse:
        return AWSResponse(request.url, 200, {}, Body(next(remaining)))

    client.meta.events.register("before-send.drs", respond)
    CONTENDERS[contender](client)


def count_instructions(contender: str) -> float:
    """Return the number of instructions per job."""
    counts: list[int] = []
    for count in PAGES:
        command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable, __file__, contender]
        environment = {**os.environ, "PYTHONHASHSEED": "0"}
        run = subprocess.run([*command, str(count)], check=True, capture_output=True, encoding="utf-8", env=environment)
        collected = re.search(r"Collected : (\d+)", run.stderr)
        assert collected is not None
        counts.append(int(collected[1]))
    return (counts[1] - counts[0]) / (PAGES[1] - PAGES[0]) / JOBS


def main() -> None:
    """Print the counts."""
    if shutil.which("valgrind") is None:
        sys.exit("valgrind is not installed (Debian: apt-get install valgrind)")
    first = 0.0
    for name in CONTENDERS:
        instructions = count_instructions(name)
        first = first or instructions
        print(
            f"{name:<32} {instructions:>12,.0f} instructions per job, {instructions / first:.2f} of boto3's dicts", flush=True
        )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        read(sys.argv[1], int(sys.argv[2]))
    else:
        main()
