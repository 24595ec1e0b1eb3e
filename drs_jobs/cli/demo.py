"""`drs-jobs demo`: a tour of the library against a local DRS endpoint, over real HTTP."""

import inspect
import sys
import textwrap

from rich.console import Console

from drs_jobs._client import JobsClient
from drs_jobs._errors import JobFailedError
from drs_jobs._models import Outcome
from drs_jobs.cli import progress, tables
from drs_jobs.testing import LocalDrs, make_history

_SPEED = 90
"""The factor by which the drill of the demo is faster than a real one; it takes about six seconds."""


def print_failures(client: JobsClient) -> None:
    for job in client.describe_jobs():
        if job.outcome is Outcome.FAILED:
            try:
                job.raise_unless_succeeded()
            except JobFailedError as error:
                print(error)


def run() -> None:
    """Start a local DRS endpoint with realistic jobs, list them, and watch a drill in which one server fails."""
    console = tables.console()
    with LocalDrs(page_sizes=(10,), speed=_SPEED) as local:
        local.add_jobs(*make_history(30, until=local.now))
        client = JobsClient(local.client())
        _show_list(console, client, local)
        _show_drill(console, client, local)
    # The command as it was run, because `drs-jobs` is not on the PATH after `make demo`.
    command = "python -m drs_jobs" if sys.argv[0].endswith("__main__.py") else sys.argv[0]
    _print_prose(console, "\nTry next")
    _print_code(console, f"  {command} list --region eu-west-1")
    _print_prose(console, "lists your own jobs, with the credentials that boto3 finds.")
    _print_code(console, f"  {command} drills --older-than 90d")
    _print_prose(console, "shows the servers without a successful drill for 90 days.")
    _print_code(console, "  docs/tutorial.md")
    _print_prose(console, "is a tutorial of ten minutes.")


def _show_list(console: Console, client: JobsClient, local: LocalDrs) -> None:
    _print_prose(console, f"The demo runs a local DRS endpoint with example jobs at {local.endpoint_url}. Its jobs:\n")
    jobs = client.describe_jobs().collect()
    console.print(tables.jobs_table(jobs, now=local.now, tags=False, width=console.width))
    failed = sum(job.outcome is Outcome.FAILED for job in jobs)
    completed = sum(job.is_complete for job in jobs)
    _print_prose(
        console,
        f"\n{len(jobs)} jobs came over HTTP through boto3, in {len(local.requests)} pages. {completed} of them are COMPLETED, "
        f"and {failed} of these failed. AWS has no status for failed jobs. In Python:\n",
    )
    _print_code(console, textwrap.indent(inspect.getsource(print_failures), "    "))
    _print_prose(console, "This prints:\n")
    print_failures(client)


def _show_drill(console: Console, client: JobsClient, local: LocalDrs) -> None:
    servers = [f"s-{number:017}" for number in range(1, 5)]
    local.fail_server(servers[2])
    job = local.client().start_recovery(isDrill=True, sourceServers=[{"sourceServerID": server} for server in servers])["job"]
    _print_prose(
        console,
        f"\nA drill of {len(servers)} servers, {_SPEED} times faster than in reality. JobsClient.watch yields its changes:\n",
    )
    follower = progress.Follower(client, console=console, now=lambda: local.now)
    follower.follow(client.watch([job], timeout=60, poll_interval=0.2))
    _print_prose(console, "\nJobsClient.explain returns the reasons of the failure:\n")
    tables.print_reasons(console, client.explain(job))


def _print_prose(console: Console, text: str) -> None:
    """Print prose, wrapped between words."""
    console.print(text, markup=False, width=min(console.width, 100))


def _print_code(console: Console, text: str) -> None:
    """Print code or a command, without wrapping."""
    console.print(text, markup=False, soft_wrap=True)
