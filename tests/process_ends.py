"""Processes that end while an iterator of drs_jobs is suspended: each iterator, moment and way out as a real process.

`python tests/process_ends.py` runs all of them with the running Python and prints the figures. A part of the name of a
cell, such as `sweep, building`, runs only those cells.
"""

import contextlib
import itertools
import os
import re
import select
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from typing import Any, Self

import attrs

from drs_jobs.testing import LocalDrs, make_job

JOB_ID = "drsjob-00000000000000001"
START_LIMIT = 60.0
"""The time limit, in seconds, for a process to reach its moment."""
GOOD_LIMIT, END_LIMIT = 2.0, 10.0
"""Seconds within which a process should end, and after which it hangs. Between them, the machine can be loaded."""

# ------------------------------------------------------------------ the matrix

ITERATORS = {
    "collect": "map(lambda _: client.describe_jobs().collect(), range(2))",
    "pager": "iter(client.describe_jobs())",
    "pages": "client.describe_jobs().pages()",
    "watch": "client.watch([JOB_ID], timeout=None, poll_interval=3600)",
    "sweep": "sweep(targets())",
    "sweep on processes": "sweep(targets(), executor=pool)",
    "aio pager": "aiter(client.describe_jobs())",
    "aio watch": "client.watch([JOB_ID], timeout=None, poll_interval=3600)",
    "aio sweep": "sweep(targets())",
}
"""Expressions of the iterators. `collect` suspends none of drs_jobs: it is for comparison."""

MOMENTS = ("idle", "request", "building")
"""Nothing is in flight, a request is in flight, or a client is being built."""

BODY = {
    "end, iterator in a global": "return",
    "end, iterator in a local": "return",
    "break": "break",
    "error": "raise_error()",
    "exit": "sys.exit(3)",
    "SIGINT": "pass",
    "SIGTERM": "pass",
    "fork": "leave_forked(); return",
    "fork, _exit": "leave_forked(os._exit); return",
}
"""The ways out of the body of a loop: what the body executes after it has waited. A signal arrives while it waits."""

NEXT = {
    "error": "signal.signal(signal.SIGUSR1, raise_error)",
    "exit": "signal.signal(signal.SIGUSR1, lambda *_: sys.exit(3))",
    "SIGINT": "pass",
    "SIGTERM": "pass",
}
"""The ways out of a call of `next`: what is executed before it. A signal interrupts the call."""

SIGNALS = {"SIGINT": signal.SIGINT, "SIGTERM": signal.SIGTERM}
STATUSES = {"error": 1, "exit": 3, "SIGINT": -signal.SIGINT, "SIGTERM": -signal.SIGTERM}
ERRORS = {"error": "Error: own", "SIGINT": "KeyboardInterrupt"}
"""The expected exit status and the last line of stderr, by way out. Those of the others are 0 and none."""


@attrs.frozen
class Cell:
    """One process."""

    iterator: str
    moment: str
    place: str
    """`body` if the process leaves the body of the loop, `next` if it leaves the call of `next`."""
    way: str

    def __str__(self) -> str:
        return f"{self.iterator}, {self.moment}, {self.place}: {self.way}"

    @property
    def is_async(self) -> bool:
        """Whether it needs aiobotocore."""
        return self.iterator.startswith("aio")

    @property
    def is_sweep(self) -> bool:
        """Whether drs_jobs works while the body of the loop runs."""
        return "sweep" in self.iterator

    @property
    def is_possible(self) -> bool:
        """Whether the iterator has such a moment, and only drs_jobs decides how the process ends."""
        is_pool = self.iterator == "sweep on processes"
        if self.way == "fork" and (self.is_async or is_pool):
            return False  # a forked process has no event loop, and Python waits for the processes of its parent
        if is_pool and (self.place == "next" or self.moment == "request"):
            # At its end, Python waits for the tasks of the pool, and without end if a signal handler raised in `submit`.
            return self.way == "SIGTERM"
        if self.place == "next" and self.is_async and self.way in {"error", "exit"}:
            return False  # asyncio does not support signal handlers that raise
        if self.place == "next":
            return self.moment != "idle" or self.iterator.endswith("watch")  # it sleeps
        # Otherwise another task of asyncio waits for the iterator, so there is no loop to break.
        return self.moment == "idle" or self.is_sweep or (self.is_async and self.way != "break")

    @property
    def signal(self) -> signal.Signals | None:
        """The signal that the process gets; `None` if a line on its standard input makes it leave."""
        return SIGNALS.get(self.way, signal.SIGUSR1 if self.place == "next" else None)


def cells() -> list[Cell]:
    """The whole matrix."""
    ways = [("body", way) for way in BODY] + [("next", way) for way in NEXT]
    every = (Cell(iterator, moment, *way) for iterator, moment, way in itertools.product(ITERATORS, MOMENTS, ways))
    return [cell for cell in every if cell.is_possible]


# ------------------------------------------------------------------ the programs

PROGRAM = """
import asyncio, os, signal, sys
import boto3
from concurrent.futures import ProcessPoolExecutor
from drs_jobs import JobsClient
from drs_jobs.sweep import Target, sweep

JOB_ID = {job_id!r}

def targets():
    if {moment!r} == "building":
        return [Target(region) for region in boto3.Session().get_available_regions("drs")]
    if {moment!r} == "idle":
        return [Target("eu-west-1", endpoint_url={responsive!r})] * 3
    role = Target("eu-west-1", role_arn="arn:aws:iam::123456789012:role/DrsReader")
    return [Target("eu-west-1", endpoint_url=url) for url in ({responsive!r}, {silent!r})] + [role] * 2

class Error(BaseException):  # botocore retries after other ones
    pass

def raise_error(*_):
    raise Error("own")

def leave_forked(end=None):
    if (pid := os.fork()) == 0:
        end and end(0)
    elif status := os.waitpid(pid, 0)[1]:
        sys.exit(f"status of the forked process: {{status}}")

def ready():
    print("ready", flush=True)
"""

ASYNCHRONOUS = """
client = JobsClient()
pool = ProcessPoolExecutor(2)

from drs_jobs.aio import AsyncJobsClient, sweep

async def wait():
    event = asyncio.Event()
    asyncio.get_running_loop().add_reader(sys.stdin, event.set)
    await event.wait()

async def consume(iterator):
    ready()
    async for _ in iterator:
        pass

async def build(iterator):
    await anext(iterator)
    ready()
    while True:
        async with AsyncJobsClient(region_name="us-east-1"):
            pass

async def run():
    global client
    async with AsyncJobsClient() as client:
        await main()
"""

SYNCHRONOUS = """
client = JobsClient()
pool = ProcessPoolExecutor(2)

def wait():
    sys.stdin.readline()

def consume(iterator):
    ready()
    for _ in iterator:
        pass

def build(iterator):
    next(iterator)
    ready()
    while True:
        JobsClient(region_name="us-east-1")
"""

LEAVE_BODY = """
async def main():
    {declaration}
    iterator = {iterator}
    async for _ in iterator:
        ready()
        await wait()
        {way}
"""

LEAVE_TASK = """
async def main():
    {declaration}
    iterator = {iterator}
    task = asyncio.create_task({task}(iterator))
    await wait()
    {way}
"""

LEAVE_NEXT = """
async def main():
    {way}
    iterator = {iterator}
    await {task}(iterator)
"""


def program(cell: Cell, responsive: str, silent: str) -> str:
    """The source code of a process, with the URLs of an endpoint that responds and of one that never does."""
    template = LEAVE_BODY if cell.moment == "idle" or cell.is_sweep else LEAVE_TASK
    main = (LEAVE_NEXT if cell.place == "next" else template).format(
        iterator=ITERATORS[cell.iterator],
        declaration="global iterator" if "global" in cell.way else "",
        task="build" if cell.moment == "building" and not cell.is_sweep else "consume",
        way=(NEXT if cell.place == "next" else BODY)[cell.way],
    )
    source = PROGRAM.format(moment=cell.moment, responsive=responsive, silent=silent, job_id=JOB_ID)
    if cell.is_async:
        return f"{source}{ASYNCHRONOUS}{main}\nasyncio.run(run())\n"
    return f"{source}{SYNCHRONOUS}{re.sub('async |await ', '', main)}\nmain()\n"


# ------------------------------------------------------------------ the servers


class SilentServer:
    """A server on 127.0.0.1 that accepts connections and never responds."""

    def __init__(self) -> None:
        self.requests = 0
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self._socket.getsockname()[1]}"
        self._thread = threading.Thread(target=self._accept, daemon=True)
        self._thread.start()

    def _accept(self) -> None:
        with contextlib.ExitStack() as connections, contextlib.suppress(OSError):  # at its end
            while True:
                connection = connections.enter_context(self._socket.accept()[0])
                connection.recv(1)
                self.requests += 1

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._socket.close()


def environment(cell: Cell, local: LocalDrs, silent: SilentServer) -> dict[str, str]:
    """The environment variables of a process."""
    variables = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | local.environment
    variables |= {"AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull, "AWS_ENDPOINT_URL_STS": silent.url}
    if cell.moment == "request":
        variables["AWS_ENDPOINT_URL_DRS"] = silent.url
    return variables


# ------------------------------------------------------------------ running

TRACEBACK = re.compile(r"Traceback \(most recent call last\):\n(?:  .*\n|\n)+(\S.*)\n")
LINK = re.compile(
    r"\n(?:During handling of the above exception, another exception occurred"
    r"|The above exception was the direct cause of the following exception):\n\n"
)


@attrs.frozen
class End:
    """How a process has ended."""

    cell: Cell
    seconds: float
    """From the moment it leaves to its end."""
    status: int | None
    """The exit status; `None` if it did not end within the limit, or did not reach the moment."""
    stderr: str
    source: str = attrs.field(repr=False)

    @property
    def extra_lines(self) -> list[str]:
        """The lines on stderr, if that is anything else than the traceback of the caller's own error."""
        tracebacks = [TRACEBACK.fullmatch(part) for part in LINK.split(self.stderr)]
        error = ERRORS.get(self.cell.way)
        is_expected = all(tracebacks) and tracebacks[-1][1] == error if self.stderr else error is None
        return [] if is_expected else self.stderr.splitlines() or ["no traceback"]

    @property
    def is_good(self) -> bool:
        """Whether the status and stderr are the expected ones."""
        lines = self.extra_lines
        if self.cell.iterator == "sweep on processes" and "OSError: [Errno 9] Bad file descriptor" in lines:
            lines = []  # a race of Python's own pool: its threads write to a queue that the end of the process has closed
        return self.status == STATUSES.get(self.cell.way, 0) and not lines


def run(cell: Cell, limit: float = END_LIMIT) -> End:
    """Start a process, make it leave at the moment of the cell, and wait this many seconds for its end."""
    with contextlib.ExitStack() as stack:
        local, silent = stack.enter_context(LocalDrs()), stack.enter_context(SilentServer())
        local.add_jobs(make_job(job_id=JOB_ID, status="STARTED"), make_job())
        stderr = stack.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8"))
        source = program(cell, local.endpoint_url, silent.url)
        process = subprocess.Popen(
            [sys.executable, "-W", "ignore::DeprecationWarning", "-c", source],  # Python 3.12 warns of a fork with threads
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=stderr,
            env=environment(cell, local, silent),
            start_new_session=True,
        )
        stack.enter_context(process)
        stack.callback(_kill, process)
        start = time.monotonic()
        if _reaches_moment(cell, process, local, silent):
            start = time.monotonic()
            if cell.signal is not None:
                process.send_signal(cell.signal)
            else:
                process.stdin.write(b"\n")
                process.stdin.flush()
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(limit)
            if process.returncode is None and cell.moment == "idle" and cell.place == "next":
                # It sleeps for an hour. Python handles a signal that arrives just before a sleep only after the sleep, in about
                # one of 600 cases, also without drs_jobs. Another signal wakes it.
                process.send_signal(cell.signal)
                with contextlib.suppress(subprocess.TimeoutExpired):
                    process.wait(limit)
        seconds, status = time.monotonic() - start, process.returncode
        stderr.seek(0)
        return End(cell, seconds, status, stderr.read(), source)


def _reaches_moment(cell: Cell, process: Any, local: LocalDrs, silent: SilentServer) -> bool:
    readable, _, _ = select.select([process.stdout], [], [], START_LIMIT)
    if not readable or process.stdout.readline() != b"ready\n":
        return False
    if cell.moment == "idle":
        return _becomes_true(lambda: len(local.requests) >= (3 if cell.is_sweep else 1))
    return cell.moment == "building" or _becomes_true(lambda: silent.requests >= (2 if cell.is_sweep else 1))


def _becomes_true(condition: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + START_LIMIT
    while not (result := condition()) and time.monotonic() < deadline:
        time.sleep(0.01)
    return result


def _kill(process: "subprocess.Popen[bytes]") -> None:
    """End a process and those that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def run_all(some: Sequence[Cell]) -> list[End]:
    """Run cells, one per processor at a time, and print the figures."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        ends = list(threads.map(run, some))
    for end in ends:
        if not end.is_good:
            print(f"{end.cell}: status {end.status} after {end.seconds:.1f} s", *end.extra_lines, sep="\n    ")
    slowest = max(ends, key=lambda end: end.seconds)
    print(
        f"Python {sys.version.split()[0]}: {len(ends)} cells, {sum(not end.is_good for end in ends)} bad, "
        f"{sum(end.status is None for end in ends)} hangs, {sum(len(end.extra_lines) for end in ends)} lines on stderr beyond "
        f"the caller's own error, {sum(end.seconds > GOOD_LIMIT for end in ends)} took longer than {GOOD_LIMIT:.0f} s; "
        f"the slowest end took {slowest.seconds:.1f} s ({slowest.cell})"
    )
    return ends


if __name__ == "__main__":
    part, has_aiobotocore = " ".join(sys.argv[1:]), find_spec("aiobotocore") is not None
    ends = run_all([cell for cell in cells() if part in str(cell) and (has_aiobotocore or not cell.is_async)])
    sys.exit(not all(end.is_good for end in ends))
