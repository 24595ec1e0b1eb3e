"""`make bench`: the cost of drs_jobs compared with boto3, as ratios. Prints the tables, and writes them to docs/benchmarks.md.

The server is another process, so only the CPU of the client is measured. Each round of a contender is followed by a round of
boto3's raw dicts. A ratio is the median of the ratios of the rounds, because measurements vary.
"""

import contextlib
import gc
import importlib.metadata
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import boto3
import pages
from contenders import CONTENDERS, boto3_dicts, use_decoder
from peers import PEERS

from drs_jobs import JobsClient
from drs_jobs._polling import Clock
from drs_jobs.sweep import TargetResult, sweep, targets
from drs_jobs.testing import LocalDrs, make_job

HERE: Final = Path(__file__).parent
ROUNDS: Final = 11
JOBS: Final = 1_000
MANY_JOBS: Final = 100_000
KEYS: Final[Any] = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "eu-west-1"}
HEAD: Final = """# Benchmarks

Measured on {date} by `make bench`: CPython {python}, {versions}; {rounds} rounds of {jobs:,} jobs, a server in another process.
Absolute figures depend on the machine, so compare the ratios, which are medians of rounds that are measured in turn.

Each contender reads every field of every job from the same responses over HTTP, with the same client of boto3. No two jobs have
the same ids or timestamps, but their post-launch actions are the same, as in an account. The timestamps are text, as AWS sends
them. The first three shapes of jobs have the members of real responses.

What is not fair:

- boto3's dicts are not checked, and keep timestamps as text. drs_jobs checks every value, and returns datetimes and enums. The
  other libraries return datetimes, but text for enums, and lose unknown members of unions. All of them read a truncated body or
  an HTML page with status 200 as no jobs.
- boto3-dataclass-drs converts a member when it is read, so it is also measured without reading.
- "only call and msgspec, to Structs" has neither the dicts that boto3's events and `Page.raw` need, nor a check of the members
  that it does not have. It is no lower limit: other jobs and other classes need more or less.
- In "Collecting jobs", every row is a new process, and the memory includes fragmentation.
- CPU times depend on the load of the machine. `make bench-instructions` counts instructions with valgrind: the same on a loaded
  machine, but slow ones, such as misses of the cache, count as others.
"""


@contextlib.contextmanager
def server() -> Iterator[tuple[str, str]]:
    """Start the server, and yield the URLs of DRS and STS."""
    process = subprocess.Popen(
        [sys.executable, HERE / "server.py"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    )
    assert process.stdin is not None
    assert process.stdout is not None
    drs, sts = process.stdout.readline().split()
    yield drs, sts
    process.stdin.close()
    process.wait()


def cpu(run: Callable[[], object]) -> float:
    """The CPU time of a call, in seconds."""
    began = time.process_time()
    run()
    return time.process_time() - began


def table(title: str, head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    """A table in Markdown."""
    widths = [max(len(row[column]) for row in [head, *rows]) for column in range(len(head))]
    lines = [
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)) + " |" for row in [head, *rows]
    ]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return f"## {title}\n\n" + "\n".join(lines) + "\n"


def _pairs(contender: str, client: Any, rounds: int) -> list[tuple[float, float]]:
    """The CPU times of a contender and of boto3's dicts in turn, so that a slow moment of the machine affects both."""
    run = {**CONTENDERS, **PEERS}[contender]
    run(client), boto3_dicts(client)
    return [(cpu(lambda: run(client)), cpu(lambda: boto3_dicts(client))) for _ in range(rounds)]


def _ratios(pairs: list[tuple[float, float]]) -> tuple[float, float, float]:
    """The quartiles of the ratios."""
    low, middle, high = statistics.quantiles((mine / boto3s for mine, boto3s in pairs), n=4)
    return low, middle, high


def _client(url: str) -> Any:
    return boto3.client("drs", endpoint_url=url, **KEYS)


def reading(drs: str) -> str:
    """The CPU time per job of each contender."""
    client = _client(f"{drs}/large/100/{JOBS}")
    rows: list[tuple[str, ...]] = []
    for name in [*CONTENDERS, *PEERS]:
        pairs = _pairs(name, client, ROUNDS)
        low, middle, high = _ratios(pairs)
        microseconds = statistics.median(mine for mine, _ in pairs) / JOBS * 1e6
        rows.append((name, f"{microseconds:.0f}", f"{middle:.2f} ({low:.2f}-{high:.2f})"))
    head = ("every field of every job", "CPU per job, us", "of boto3's dicts (middle half of the rounds)")
    return table("Reading jobs", head, rows)


def shapes(drs: str) -> str:
    """The CPU time of jobs of several shapes and of small and large pages, compared with boto3's dicts."""
    sizes = [*((kind, 100) for kind in pages.REAL), *((kind, size) for kind in ("large", "small") for size in (10, 1_000))]
    rows: list[tuple[str, ...]] = []
    for kind, size in sizes:
        client = _client(f"{drs}/{kind}/{size}/{JOBS}")
        ratios = [_ratios(_pairs(name, client, ROUNDS))[1] for name in ("drs_jobs", "drs_jobs with the extra speed")]
        name, kilobytes = pages.REAL.get(kind, kind), f"{pages.size(kind) / 1000:.1f}"
        rows.append((name, kilobytes, f"{size:,}", *(f"{ratio:.2f}" for ratio in ratios)))
    head = ("jobs", "KB per job", "jobs per page", "drs_jobs, of boto3's dicts", "with the extra speed")
    return table("Shapes of jobs, and page sizes", head, rows)


COLLECT: Final = """
import gc, resource, sys, time
import boto3
from drs_jobs import JobsClient
from drs_jobs._aws import responses
responses.fast_decoder = lambda: None
client = boto3.client("drs", endpoint_url=sys.argv[1], region_name="eu-west-1")
jobs_client = JobsClient(client)
dicts = lambda: [job for page in client.get_paginator("describe_jobs").paginate() for job in page["items"]]
runs = {
    "dicts": dicts,
    "collect": lambda: jobs_client.describe_jobs().collect(),
    "stream": lambda: sum(1 for _ in jobs_client.describe_jobs()),
}
client.describe_jobs(maxResults=1)
gc.collect()
seconds, pause, began = 0.0, 0.0, 0.0
def watch(phase, _):
    global seconds, pause, began
    if phase == "start":
        began = time.process_time()
    else:
        seconds += time.process_time() - began
        pause = max(pause, time.process_time() - began)
gc.callbacks.append(watch)
memory = lambda: int(open("/proc/self/statm").read().split()[1]) * resource.getpagesize()
before, start = memory(), time.process_time()
kept = runs[sys.argv[2]]()
total = time.process_time() - start
print(total, seconds, pause, memory() - before)
"""


def collecting(drs: str) -> str:
    """The CPU time and the memory of a list of all jobs, with the garbage collector as Python sets it."""
    rows: list[tuple[str, ...]] = []
    first = 0.0
    names = {
        "boto3's dicts in a list": "dicts",
        "collect()": "collect",
        "one by one": "stream",
    }
    for name, run in names.items():
        command = [sys.executable, "-c", COLLECT, f"{drs}/large/100/{MANY_JOBS}", run]
        printed = subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout.split()
        total, collector, pause, memory = map(float, printed)
        first = first or total
        rows.append(
            (
                name,
                f"{total / MANY_JOBS * 1e6:.0f}",
                f"{total / first:.2f}",
                f"{collector / total:.0%}",
                f"{pause:.2f}",
                f"{memory / MANY_JOBS / 1000:.1f}" if run in {"dicts", "collect"} else "",
            )
        )
    head = (
        f"{MANY_JOBS:,} jobs",
        "CPU per job, us",
        "of boto3's dicts",
        "of it the collector",
        "its longest pause, s",
        "KB per job",
    )
    return table("Collecting jobs", head, rows)


STARTS: Final = {
    "boto3 alone": ("-c", "import boto3; boto3.client('drs', region_name='eu-west-1')"),
    "boto3, attrs and cattrs": (
        "-c",
        "import boto3, attrs, cattrs; cattrs.Converter(); boto3.client('drs', region_name='eu-west-1')",
    ),
    "drs_jobs": ("-c", "from drs_jobs import JobsClient; JobsClient(region_name='eu-west-1')"),
    "drs-jobs --version": ("-m", "drs_jobs", "--version"),
    "drs-jobs --help": ("-m", "drs_jobs", "--help"),
}


def _child(*arguments: str) -> float:
    """The CPU time of a new Python process, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, *arguments]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def starts() -> str:
    """The CPU time of a process that imports the library and creates a client."""
    rows: list[tuple[str, ...]] = []
    for program in STARTS.values():
        _child(*program)
    rounds = [{name: _child(*program) for name, program in STARTS.items()} for _ in range(ROUNDS)]
    for name in STARTS:
        of_both = statistics.median(taken[name] / taken["boto3, attrs and cattrs"] for taken in rounds)
        of_boto3 = statistics.median(taken[name] / taken["boto3 alone"] for taken in rounds)
        milliseconds = statistics.median(taken[name] for taken in rounds) * 1e3
        rows.append((name, f"{milliseconds:.0f}", f"{of_both:.2f}", f"{of_boto3:.2f}"))
    head = ("import and first client", "CPU, ms", "of boto3, attrs and cattrs", "of boto3 alone")
    return table("Starting", head, rows)


STREAM: Final = """
import resource, sys
from drs_jobs import JobsClient
count = sum(1 for _ in JobsClient(endpoint_url=sys.argv[1], region_name="eu-west-1").describe_jobs())
print(count, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def memory(drs: str) -> str:
    """The peak memory of a process that streams jobs."""
    rows: list[tuple[str, ...]] = []
    first = 0.0
    for count in (20_000, 200_000):
        command = [sys.executable, "-c", STREAM, f"{drs}/small/100/{count}"]
        printed = subprocess.run(command, check=True, capture_output=True, encoding="utf-8").stdout.split()
        assert int(printed[0]) == count
        megabytes = int(printed[1]) / 1024
        first = first or megabytes
        rows.append((f"{count:,}", f"{megabytes:.1f}", f"{megabytes - first:+.1f}"))
    return table("Streaming", ("jobs", "peak memory, MB", "more, MB"), rows)


def requests() -> str:
    """The number of requests of some queries."""
    rows: list[tuple[str, ...]] = []
    with LocalDrs(page_sizes=(100,)) as local:
        running = [make_job(status="STARTED") for _ in range(1_000)]
        local.add_jobs(*running)
        client = JobsClient(local.client())

        def count(query: str, run: Callable[[], object]) -> None:
            before = len(local.requests)
            run()
            rows.append((query, str(len(local.requests) - before)))

        count("first() of 1,000 jobs, 100 per page", lambda: client.describe_jobs().first())
        count("limit=250", lambda: client.describe_jobs(limit=250).collect())
        count("limit=0, job_ids=[]", lambda: [*client.describe_jobs(limit=0), *client.describe_jobs(job_ids=[])])
        local.page_sizes = (1_000,)
        seconds_slept = [0.0]

        def sleep(seconds: float) -> None:
            seconds_slept[0] += seconds
            if len(local.requests) % 5 == 4:
                local.add_jobs(*(make_job(job_id=job.job_id, creation_date_time=job.creation_date_time) for job in running))

        while len(local.requests) % 5:
            client.describe_jobs().first()
        client._clock = Clock(sleep, lambda: seconds_slept[0])
        count("wait_all for 1,000 jobs, in five polls", lambda: client.wait_all(running, timeout=None))
    return table("Requests", ("query", "requests"), rows)


def sweeps(drs: str, sts: str) -> str:
    """The CPU time per target of `sweep`, and of code that creates one session per target."""
    os.environ.update(AWS_ENDPOINT_URL_STS=sts, AWS_ENDPOINT_URL_DRS=f"{drs}/small/100/100", AWS_ACCESS_KEY_ID="testing")
    os.environ.update(AWS_SECRET_ACCESS_KEY="testing", AWS_EC2_METADATA_DISABLED="true")
    regions = ["eu-west-1", "eu-central-1", "us-east-1", "ap-southeast-2"]
    use_decoder(None)  # the last contender before has another one

    # Both keep the jobs of one target at a time, and count them.
    def with_sweep(accounts: int) -> None:
        for result in sweep(targets([f"{n:012}" for n in range(accounts)], regions, role_name="DrsReader")):
            assert isinstance(result, TargetResult)
            assert len(result.value) == 100

    def with_one_session_each(accounts: int) -> None:
        for target in targets([f"{n:012}" for n in range(accounts)], regions, role_name="DrsReader"):
            sts_client = boto3.Session().client("sts", region_name=target.region)
            keys = sts_client.assume_role(RoleArn=target.role_arn, RoleSessionName="bench")["Credentials"]
            session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
            responses = session.client("drs", region_name=target.region).get_paginator("describe_jobs").paginate()
            assert len([job for response in responses for job in response["items"]]) == 100

    with_sweep(1)
    with_one_session_each(1)
    rounds = [(cpu(lambda: with_sweep(100)) / 400, cpu(lambda: with_one_session_each(5)) / 20) for _ in range(3)]
    rows = [
        ("sweep", f"{statistics.median(one for one, _ in rounds) * 1e3:.1f}", "1.00"),
        (
            "one session per target",
            f"{statistics.median(other for _, other in rounds) * 1e3:.1f}",
            f"{statistics.median(other / one for one, other in rounds):.1f}",
        ),
    ]
    return table("Sweeping", ("100 jobs per target", "CPU per target, ms", "of sweep"), rows)


def asynchronous(drs: str) -> str:
    """The CPU time of the asynchronous client and of the synchronous one, in the environment of aiobotocore."""
    command = [HERE.parent / ".venv-async" / "bin" / "python", HERE / "asynchronous.py", f"{drs}/large/100/{JOBS}"]
    output = subprocess.run(command, check=True, stdout=subprocess.PIPE, encoding="utf-8").stdout
    rows = [tuple(line.split("\t")) for line in output.splitlines()]
    head = ("every field of every job", "CPU per job, us", "of the raw dicts of the same library")
    return table("Reading jobs in asynchronous code", head, rows)


def main() -> None:
    """Run all measurements, or those whose names are given."""
    os.environ.update(AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing", PYTHONHASHSEED="0")
    names = ("boto3", "botocore", "attrs", "cattrs", "msgspec", "pydantic", "mashumaro", "adaptix", "dacite")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    head = HEAD.format(
        date=f"{datetime.now(UTC):%Y-%m-%d}", python=platform.python_version(), versions=versions, rounds=ROUNDS, jobs=JOBS
    )
    parts = [head]
    print(head)
    with server() as (drs, sts):
        measures: dict[str, Callable[[], str]] = {
            "reading": lambda: reading(drs),
            "shapes": lambda: shapes(drs),
            "collecting": lambda: collecting(drs),
            "memory": lambda: memory(drs),
            "starts": starts,
            "sweeps": lambda: sweeps(drs, sts),
            "requests": requests,
            "asynchronous": lambda: asynchronous(drs),
        }
        wanted = sys.argv[1:] or list(measures)
        # So that the garbage collector does not visit the objects of imported modules, such as pydantic and moto.
        gc.collect()
        gc.freeze()
        for name in wanted:
            parts.append(measures[name]())
            print(parts[-1], flush=True)
    if len(wanted) == len(measures):
        (HERE.parent / "docs" / "benchmarks.md").write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
