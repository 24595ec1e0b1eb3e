"""Measure LocalDrs with many jobs and their logs: memory, pages, and eight clients beside a writer.

Run `.venv/bin/python benchmarks/local_drs.py [number of jobs]` on a quiet machine.
"""

import contextlib
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from botocore.exceptions import ClientError

from drs_jobs.testing import LocalDrs, make_history, make_job

COUNT = int(sys.argv[1]) if len(sys.argv) > 1 else 50_000
CLIENTS = 8
NOW = datetime.now(UTC)


def memory() -> float:
    """Return the resident memory of this process, in MB."""
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    return int(status.partition("VmRSS:")[2].split()[0]) / 1024


def pages(client: Any, operation: str, **request: Any) -> Iterator[tuple[list[Any], float]]:
    """Yield the items of each page of an operation, and the seconds that the page took."""
    token: dict[str, str] | None = {}
    while token is not None:
        start = time.perf_counter()
        response = getattr(client, operation)(**request, **token)
        yield response["items"], time.perf_counter() - start
        token = {"nextToken": response["nextToken"]} if "nextToken" in response else None


def job_ids(client: Any) -> list[str]:
    """Return the ids of all jobs, in the order of the pages."""
    return [job["jobID"] for page, _ in pages(client, "describe_jobs") for job in page]


def report(name: str, seconds: list[float]) -> None:
    print(f"{name}: median {statistics.median(seconds):.3f} s, longest {max(seconds):.3f} s, of {len(seconds)}")


def write(local: LocalDrs, stop: threading.Event, written: list[str]) -> None:
    """Add jobs and start recoveries until `stop` is set."""
    client = local.client()
    servers = [server["sourceServerID"] for page, _ in pages(client, "describe_source_servers") for server in page]
    while not stop.wait(0.02):
        job = make_job(creation_date_time=local.now)
        local.add_jobs(job)
        written.append(job.job_id)
        if servers:
            with contextlib.suppress(ClientError):  # a server of the running job is busy
                started = client.start_recovery(sourceServers=[{"sourceServerID": servers.pop()}])
                written.append(started["job"]["jobID"])


def main() -> None:
    """Print the measurements, and fail if a client misses a job."""
    before, start = memory(), time.perf_counter()
    history = make_history(COUNT, until=NOW, logs=True)
    print(f"make_history({COUNT}, logs=True): {time.perf_counter() - start:.1f} s, {memory() - before:.0f} MB")
    with LocalDrs() as local:
        start = time.perf_counter()
        local.add_history(history)
        print(f"add_history: {time.perf_counter() - start:.1f} s, {memory() - before:.0f} MB in all")
        client = local.client()
        for run in ("first", "second"):
            report(f"page of 1000 jobs, {run} time", [seconds for _, seconds in pages(client, "describe_jobs")])
        some = job_ids(client)[:: COUNT // 50]
        logs = [sum(seconds for _, seconds in pages(client, "describe_job_log_items", jobID=job_id)) for job_id in some]
        report("log of a job", logs)
        print(f"after all pages: {memory() - before:.0f} MB")
        stop, written = threading.Event(), list[str]()
        writer = threading.Thread(target=write, args=(local, stop, written))
        writer.start()
        start = time.perf_counter()
        with ThreadPoolExecutor(CLIENTS) as executor:
            runs = list(executor.map(job_ids, [local.client() for _ in range(CLIENTS)]))
        print(f"{CLIENTS} clients read all jobs in {time.perf_counter() - start:.1f} s, beside {len(written)} new jobs")
        stop.set()
        writer.join()
        old = {job.job_id for job in history}
        for ids in runs:
            assert len(ids) == len(set(ids)), "a job is twice in one run"
            assert old <= set(ids), "a job is missing"
        assert {*written, *old} == set(job_ids(client)), "a new job is missing"


if __name__ == "__main__":
    main()
