"""`drs-jobs demo`: a tour of the library against a local DRS endpoint, over real HTTP."""

import inspect
import shlex
import shutil
import sys
import textwrap
import threading
from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Annotated, Final

import attrs
import typer

from drs_jobs import Job, JobFailedError, JobsClient, Outcome
from drs_jobs._polling import Clock, Watcher
from drs_jobs.analysis import busy_servers
from drs_jobs.cli import output
from drs_jobs.cli.commands.local import print_exports
from drs_jobs.cli.commands.watch import WatchDisplay
from drs_jobs.cli.exit_status import print_note

if TYPE_CHECKING:  # of the extra `testing`
    from drs_jobs.testing import LocalDrs

_SPEED: Final = 90
"""The factor by which the drill of the demo is faster than a real one; it takes about six seconds."""


def demo(
    is_served: Annotated[
        bool, typer.Option("--serve", help="Serve a year of jobs and a running drill, until Ctrl-C, for other programs.")
    ] = False,
) -> None:
    """Show the features without an AWS account, with a local DRS endpoint."""
    from drs_jobs.testing import local_drs, make_history  # noqa: PLC0415  # of another extra

    if is_served:
        with local_drs.LocalDrs(max_requests=0) as local:
            history = make_history(120, until=local.now, logs=True)  # a year of jobs
            local.add_history(history)
            job_id = _start_familiar_drill(local, history)
            print_exports(local, local_drs.CONFLICTING_VARIABLES)
            command, python = own_command(), shlex.quote(sys.executable)
            examples = [
                f"Then try, for example, with the running drill {job_id}:",
                f"{command} list --since 90d --failed",
                f"{command} watch {job_id}",
                f"{command} check --drilled-within 90d",
                f"aws drs describe-job-log-items --job-id {job_id}",
                f"""{python} -c "import boto3; print(boto3.client('drs').describe_jobs()['items'][0])\"""",
            ]
            print_note("\n  ".join(examples))
            threading.Event().wait()
        return
    console = output.console()
    with local_drs.LocalDrs(page_sizes=(10,), speed=_SPEED) as local:
        local.add_jobs(*make_history(30, until=local.now))
        client = JobsClient(local.client())
        typer.echo(f"The demo runs a local DRS endpoint at {local.endpoint_url}. Its example jobs:\n")
        jobs = client.describe_jobs().collect()
        output.print_table(output.jobs_table(jobs, now=local.now, width=console.width), console)
        completed = sum(job.is_complete for job in jobs)
        failed = sum(job.outcome is Outcome.FAILED for job in jobs)
        typer.echo(
            f"\n{len(jobs)} jobs came over HTTP through boto3, in {len(local.requests)} pages. {completed} of them are "
            f"COMPLETED,\nand {failed} of these failed. AWS has no status for failed jobs. In Python:\n"
        )
        typer.echo(textwrap.indent(inspect.getsource(print_failures), "    "))
        typer.echo("This prints:\n")
        print_failures(client)
        job_id = _start_drill(local, [f"s-{number:017}" for number in range(1, 5)])
        typer.echo(f"\nA drill of 4 servers, {_SPEED} times faster. JobsClient.watch yields its changes:\n")
        clock = attrs.evolve(Clock.real(), utc_now=lambda: local.now)
        WatchDisplay(client, Watcher([job_id], 60, 0.2, clock), console).follow()
        typer.echo("\nJobsClient.explain returns the reasons of the failure:\n")
        output.print_reasons(console, client.explain(job_id))
    command = own_command()
    typer.echo(
        f"\nTry next\n  {command} demo --serve\n"
        "serves a year of jobs and a running drill, for all commands, the AWS CLI, boto3.\n"
        f"  {command} --help\n"
        "lists the commands. With credentials that boto3 finds, they read your own jobs."
    )


def print_failures(client: JobsClient) -> None:
    for job in client.describe_jobs():
        if job.outcome is Outcome.FAILED:
            try:
                job.raise_unless_succeeded()
            except JobFailedError as error:
                print(error)


def own_command() -> str:
    """Return the command with which this program was run, so that a shell in another folder can run it too."""
    is_on_path = shutil.which("drs-jobs") == sys.argv[0]
    return "drs-jobs" if is_on_path else f"{shlex.quote(sys.executable)} -m drs_jobs"


def _start_drill(local: "LocalDrs", servers: Sequence[str]) -> str:
    """Start a drill in which the last server fails, so that there is a failure to explain, and return its id."""
    local.fail_server(servers[-1])
    source_servers = [{"sourceServerID": server} for server in servers]
    return str(local.client().start_recovery(isDrill=True, sourceServers=source_servers)["job"]["jobID"])


def _start_familiar_drill(local: "LocalDrs", history: Sequence[Job]) -> str:
    """Start a drill of servers that were drilled before, so that the time left is known, and return its id."""
    busy = busy_servers(history)
    earlier = (
        [server.name for server in job.participating_servers if server.name not in busy]
        for job in history
        # The drills of Linux servers are shorter, and those of Windows servers longer.
        if job.is_drill and job.outcome is Outcome.SUCCEEDED and (job.duration or timedelta.max) < timedelta(minutes=15)
    )
    return _start_drill(local, next(filter(None, earlier))[:4])
