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
from contenders import CONTENDERS, boto3_dicts

from drs_jobs import JobsClient
from drs_jobs._client import use_clock
from drs_jobs._polling import Clock
from drs_jobs.sweep import TargetJobs, sweep, targets
from drs_jobs.testing import LocalDrs, make_job

HERE: Final = Path(__file__).parent
ROUNDS: Final = 11
JOBS: Final = 1_000
KEYS: Final[Any] = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "eu-west-1"}


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
    lines = [head, tuple("-" * width for width in widths), *rows]
    printed = ["| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines]
    return f"## {title}\n\n" + "\n".join(printed) + "\n"


def jobs(drs: str) -> str:
    """The CPU time per job of each contender."""
    client = boto3.client("drs", endpoint_url=f"{drs}/big/{JOBS}", **KEYS)
    for run in CONTENDERS.values():
        run(client)
    # So that the garbage collector does not visit the objects of imported modules, such as pydantic and moto.
    gc.collect()
    gc.freeze()
    rows: list[tuple[str, ...]] = []
    for name, run in CONTENDERS.items():
        # In pairs, so that a slow moment of the machine affects both.
        pairs = [(cpu(lambda run=run: run(client)), cpu(lambda: boto3_dicts(client))) for _ in range(ROUNDS)]
        low, middle, high = statistics.quantiles((mine / boto3s for mine, boto3s in pairs), n=4)
        microseconds = statistics.median(mine for mine, _ in pairs) / JOBS * 1e6
        rows.append((name, f"{microseconds:.0f}", f"{middle:.2f}", f"{low:.2f} to {high:.2f}"))
    head = ("every field of every job", "CPU per job, us", "of boto3's dicts", "middle half of the rounds")
    return table("Reading jobs", head, rows)


STARTS: Final = {
    "boto3 alone": "import boto3; boto3.client('drs', region_name='eu-west-1')",
    "boto3, attrs and cattrs": (
        "import boto3, attrs, cattrs; cattrs.Converter(); boto3.client('drs', region_name='eu-west-1')"
    ),
    "drs_jobs": "from drs_jobs import JobsClient; JobsClient(region_name='eu-west-1')",
}


def _child(program: str, *arguments: str) -> float:
    """The CPU time of a new Python process, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", program, *arguments], check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def starts() -> str:
    """The CPU time of a process that imports the library and creates a client."""
    for program in STARTS.values():
        _child(program)
    rounds = [{name: _child(program) for name, program in STARTS.items()} for _ in range(ROUNDS)]
    rows: list[tuple[str, ...]] = []
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
        command = [sys.executable, "-c", STREAM, f"{drs}/small/{count}"]
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
        use_clock(client, clock=Clock(sleep, lambda: seconds_slept[0]))
        count("wait_all for 1,000 jobs, in five polls", lambda: client.wait_all(running, timeout=None))
    return table("Requests", ("query", "requests"), rows)


def sweeps(drs: str, sts: str) -> str:
    """The CPU time per target of `sweep`, and of code that creates one session per target."""
    os.environ.update(AWS_ENDPOINT_URL_STS=sts, AWS_ENDPOINT_URL_DRS=f"{drs}/small/1", AWS_ACCESS_KEY_ID="testing")
    os.environ.update(AWS_SECRET_ACCESS_KEY="testing", AWS_EC2_METADATA_DISABLED="true")
    regions = ["eu-west-1", "eu-central-1", "us-east-1", "ap-southeast-2"]

    def with_sweep(accounts: int) -> None:
        for result in sweep(targets([f"{n:012}" for n in range(accounts)], regions, role_name="DrsReader")):
            assert isinstance(result, TargetJobs)

    def with_one_session_each(accounts: int) -> None:
        for target in targets([f"{n:012}" for n in range(accounts)], regions, role_name="DrsReader"):
            sts_client = boto3.Session().client("sts", region_name=target.region)
            keys = sts_client.assume_role(RoleArn=target.role_arn, RoleSessionName="bench")["Credentials"]
            session = boto3.Session(keys["AccessKeyId"], keys["SecretAccessKey"], keys["SessionToken"])
            list(session.client("drs", region_name=target.region).get_paginator("describe_jobs").paginate())

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


def main() -> None:
    """Run all measurements."""
    os.environ.update(AWS_ACCESS_KEY_ID="testing", AWS_SECRET_ACCESS_KEY="testing")
    names = ("boto3", "botocore", "attrs", "cattrs", "pydantic", "msgspec")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names)
    head = (
        "# Benchmarks\n\n"
        f"Measured on {datetime.now(UTC):%Y-%m-%d} by `make bench`: CPython {platform.python_version()}, {versions}; "
        f"{ROUNDS} rounds of {JOBS:,} jobs of 5 KB, a server in another process.\n"
        "Absolute figures depend on the machine, so compare the ratios.\n"
    )
    parts = [head]
    print(head)
    with server() as (drs, sts):
        for measure in (lambda: jobs(drs), starts, lambda: memory(drs), requests, lambda: sweeps(drs, sts)):
            parts.append(measure())
            print(parts[-1], flush=True)
    (HERE.parent / "docs" / "benchmarks.md").write_text("\n".join(parts), encoding="utf-8")


if __name__ == "__main__":
    main()
