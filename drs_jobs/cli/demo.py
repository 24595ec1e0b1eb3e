"""`drs-jobs demo`: typed jobs over real HTTP, from an endpoint on this machine."""

import textwrap

from rich.console import Console

from drs_jobs.cli import live, output
from drs_jobs.client import JobsClient
from drs_jobs.errors import JobFailedError
from drs_jobs.models import Outcome
from drs_jobs.testing import LocalDrs, make_history

_CODE = """\
from drs_jobs import JobFailedError, JobsClient, Outcome

for job in JobsClient().describe_jobs():
    if job.outcome is Outcome.FAILED:
        try:
            job.raise_unless_succeeded()
        except JobFailedError as error:
            print(error)"""

_NEXT = """\
Try next:
  drs-jobs list --region eu-west-1     your own jobs, with the credentials that boto3 finds
  drs-jobs drills --older-than 90d     servers without a successful drill for 90 days
  docs/tutorial.md                     ten minutes, from nothing to your own script"""


_SPEED = 90
"""So many times as fast as a real one, the demo's drill takes six seconds."""


def run() -> None:
    """Serve a believable history, list it as any program would, then follow a drill of which one server fails."""
    console = output.console()
    with LocalDrs(page_sizes=(10,), speed=_SPEED) as local:
        local.add_jobs(*make_history(30, until=local.now))
        client = JobsClient(local.client())
        console.print(f"A DRS endpoint with made-up jobs listens at {local.endpoint_url}. What AWS would show:\n")
        _list(console, client, local)
        _drill(console, client, local)
    console.print(f"\n{_NEXT}", markup=False)


def _list(console: Console, client: JobsClient, local: LocalDrs) -> None:
    jobs = client.describe_jobs().collect()
    console.print(output.jobs_table(jobs, now=local.now, tags=False, width=console.width))
    failed = [job for job in jobs if job.outcome is Outcome.FAILED]
    completed = sum(job.is_complete for job in jobs)
    pages = len(local.requests)
    console.print(f"\n{len(jobs)} jobs came over HTTP through boto3, in {pages} pages. {completed} of them are COMPLETED,")
    console.print(f"and {len(failed)} of those failed all the same: AWS has no status for that.\n")
    console.print("In Python that is\n")
    console.print(textwrap.indent(_CODE, "    "), markup=False)
    console.print("\nwhich prints\n")
    for job in failed:
        try:
            job.raise_unless_succeeded()
        except JobFailedError as error:
            console.print(textwrap.indent(str(error), "    "), markup=False)


def _drill(console: Console, client: JobsClient, local: LocalDrs) -> None:
    servers = [f"s-{number:017}" for number in range(1, 5)]
    local.fail_server(servers[2])
    job = local.client().start_recovery(isDrill=True, sourceServers=[{"sourceServerID": server} for server in servers])["job"]
    console.print(
        f"\nNow a drill of {len(servers)} servers, {_SPEED} times as fast as a real one. JobsClient.watch follows it:\n"
    )
    live.follow(client.watch([job], timeout=60, poll_interval=0.2), console=console, now=lambda: local.now)
    console.print("\nand JobsClient.explain says what went wrong:\n")
    output.print_failures(console, client.explain(job))
