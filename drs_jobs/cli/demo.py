"""`drs-jobs demo`: typed jobs over real HTTP, from an endpoint on this machine."""

import inspect
import sys
import textwrap

from rich.console import Console

from drs_jobs._client import JobsClient
from drs_jobs._errors import JobFailedError
from drs_jobs._models import Outcome
from drs_jobs.cli import progress, tables
from drs_jobs.testing import LocalDrs
from drs_jobs.testing.factories import JobFactory

_SPEED = 90
"""So many times as fast as a real one, the demo's drill takes six seconds."""


def print_failures(client: JobsClient) -> None:
    for job in client.describe_jobs():
        if job.outcome is Outcome.FAILED:
            try:
                job.raise_unless_succeeded()
            except JobFailedError as error:
                print(error)


def run() -> None:
    """Serve a believable history, list it as any program would, then follow a drill of which one server fails."""
    console = tables.console()
    with LocalDrs(page_sizes=(10,), speed=_SPEED) as local:
        local.add_jobs(*JobFactory("demo").history(30, until=local.now))
        client = JobsClient(local.client())
        _list(console, client, local)
        _drill(console, client, local)
    # As it was called: after `make demo` it is not on the PATH.
    command = "python -m drs_jobs" if sys.argv[0].endswith("__main__.py") else sys.argv[0]
    _say(console, "\nTry next")
    _show(console, f"  {command} list --region eu-west-1")
    _say(console, "your own jobs, with the credentials that boto3 finds;")
    _show(console, f"  {command} drills --older-than 90d")
    _say(console, "servers without a successful drill for 90 days;")
    _show(console, "  docs/tutorial.md")
    _say(console, "ten minutes, from nothing to your own script.")


def _list(console: Console, client: JobsClient, local: LocalDrs) -> None:
    _say(console, f"A DRS endpoint with made-up jobs answers at {local.endpoint_url} while this runs. Its jobs:\n")
    jobs = client.describe_jobs().collect()
    console.print(tables.jobs_table(jobs, now=local.now, tags=False, width=console.width))
    failed = sum(job.outcome is Outcome.FAILED for job in jobs)
    completed = sum(job.is_complete for job in jobs)
    _say(
        console,
        f"\n{len(jobs)} jobs came over HTTP through boto3, in {len(local.requests)} pages. {completed} of them are COMPLETED, "
        f"and {failed} of those failed all the same: AWS has no status for that. In Python:\n",
    )
    _show(console, textwrap.indent(inspect.getsource(print_failures), "    "))
    _say(console, "which prints:\n")
    print_failures(client)


def _drill(console: Console, client: JobsClient, local: LocalDrs) -> None:
    servers = [f"s-{number:017}" for number in range(1, 5)]
    local.fail_server(servers[2])
    job = local.client().start_recovery(isDrill=True, sourceServers=[{"sourceServerID": server} for server in servers])["job"]
    _say(
        console,
        f"\nNow a drill of {len(servers)} servers, {_SPEED} times as fast as a real one. JobsClient.watch follows it:\n",
    )
    progress.follow(client.watch([job], timeout=60, poll_interval=0.2), console=console, now=lambda: local.now)
    _say(console, "\nand JobsClient.explain says what went wrong:\n")
    tables.print_reasons(console, client.explain(job))


def _say(console: Console, text: str) -> None:
    """Prose, folded between words."""
    console.print(text, markup=False, width=min(console.width, 100))


def _show(console: Console, text: str) -> None:
    """Code and commands, not folded at all."""
    console.print(text, markup=False, soft_wrap=True)
