"""The commands of `drs-jobs`."""

import importlib.metadata
import json
import os
import sys
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import attrs
import typer

from drs_jobs._errors import WaitTimeoutError
from drs_jobs._formatting import format_count
from drs_jobs._models import Job
from drs_jobs.cli import help as help_texts
from drs_jobs.cli import progress, tables
from drs_jobs.cli.exit_codes import (
    ExitStatus,
    UsageError,
    exit_if_pipe_closes,
    print_error,
    print_note,
    status_of,
    usage_errors,
)
from drs_jobs.cli.filters import JobFilter
from drs_jobs.cli.options import (
    Accounts,
    EndpointUrl,
    Failed,
    Kinds,
    Limit,
    OlderThan,
    OperatingSystem,
    Outcomes,
    Output,
    OutputOption,
    PollInterval,
    Profile,
    Region,
    Servers,
    Since,
    Tags,
    Timeout,
    Until,
    make_client,
    pass_to_command,
    read_duration,
    read_ids,
    read_interval,
    read_job_id,
    read_moment,
    read_span,
)
from drs_jobs.cli.sweep import check_setup, show_sweep
from drs_jobs.reports import Explanation, ServerDrill, last_drills
from drs_jobs.sweep import MAX_IN_FLIGHT, targets
from drs_jobs.sweep import sweep as run_sweep

_NAME: Final = "drs-jobs"

_COMPLETION_VARIABLE: Final = "_DRS_JOBS_COMPLETE"
"""The environment variable in which a shell says what it wants to complete."""

app: typer.Typer = typer.Typer(
    name=_NAME,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"drs-jobs {importlib.metadata.version('drs_jobs')}")
        raise typer.Exit


@app.callback()
def callback(
    context: typer.Context,
    version: Annotated[  # noqa: ARG001  # its callback prints it
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
    profile: Profile = None,
    region: Region = None,
    endpoint_url: EndpointUrl = None,
    output_format: Annotated[
        Output | None,
        typer.Option("--output", "-o", case_sensitive=False, help="The format of the output. See the help of each command."),
    ] = None,
) -> None:
    """Read the jobs of AWS Elastic Disaster Recovery: recoveries, drills, failbacks and clean-ups.

    These options can be given before or after the command.
    """
    given = {"profile": profile, "region": region, "endpoint_url": endpoint_url, "output_format": output_format}
    with usage_errors():
        pass_to_command(context, given)


@app.command("list")
def list_jobs(
    profile: Profile = None,
    region: Region = None,
    endpoint_url: EndpointUrl = None,
    output_format: OutputOption = Output.TABLE,
    since: Since = None,
    until: Until = None,
    limit: Limit = None,
    kinds: Kinds = None,
    outcomes: Outcomes = None,
    failed: Failed = False,
    tags: Tags = False,
) -> None:
    """List jobs, newest first."""
    with usage_errors():
        now = datetime.now(UTC)
        start, end = read_span(since, until, now)
        wanted = JobFilter.from_options(kinds, outcomes, failed=failed)
        client = make_client(profile, region, endpoint_url)
        listed = client.describe_jobs(from_date=start, to_date=end, limit=None if wanted else limit)
    jobs = wanted.first(listed, limit)
    if output_format is Output.JSON:
        tables.print_json(jobs, tags=tags)
    elif found := list(jobs):
        console = tables.console()
        console.print(tables.jobs_table(found, now=now, tags=tags, width=console.width))
    else:
        print_note("no jobs")


@app.command()
def show(
    job: Annotated[str, typer.Argument(help="The job's id.")],
    profile: Profile = None,
    region: Region = None,
    endpoint_url: EndpointUrl = None,
    output_format: OutputOption = Output.TABLE,
    tags: Tags = False,
) -> ExitStatus:
    """Show one job: servers, launch actions, failures with reasons, log. The exit status depends on its outcome."""
    with usage_errors():
        job_id = read_job_id(job)
        client = make_client(profile, region, endpoint_url)
    explanation = client.explain(job_id)
    status = status_of([explanation.job])
    with exit_if_pipe_closes(status):
        if output_format is Output.JSON:
            typer.echo(json.dumps(tables.json_of_explanation(explanation, tags=tags)))
        else:
            _print_explanation(explanation, tags=tags)
    return status


@app.command()
def watch(
    jobs: Annotated[list[str], typer.Argument(metavar="JOB...", help="The jobs' ids.")],
    timeout: Timeout = None,
    poll_interval: PollInterval = None,
    profile: Profile = None,
    region: Region = None,
    endpoint_url: EndpointUrl = None,
    output_format: OutputOption = Output.TABLE,
) -> ExitStatus:
    """Wait until jobs are complete, and show their progress. The exit status depends on their outcomes."""
    with usage_errors():
        seconds = read_duration("--timeout", timeout)
        interval = read_interval("--poll-interval", poll_interval)
        job_ids = [read_job_id(job) for job in jobs]
        client = make_client(profile, region, endpoint_url)
        follower = progress.Follower(client, console=tables.console(), now=lambda: datetime.now(UTC))
        snapshots = client.watch(job_ids, timeout=seconds, poll_interval=interval)
    with exit_if_pipe_closes(ExitStatus.CLOSED_PIPE):
        if output_format is Output.JSON:
            return status_of(_each_as_json(snapshots))
        try:
            follower.follow(snapshots)
        except WaitTimeoutError:
            follower.print_reasons()
            raise
        follower.print_reasons()
    return status_of(follower.ended)


@app.command()
def drills(
    profile: Profile = None,
    region: Region = None,
    endpoint_url: EndpointUrl = None,
    output_format: OutputOption = Output.TABLE,
    since: Since = None,
    older_than: OlderThan = None,
    servers: Servers = None,
) -> None:
    """Show the last drill of each server, and its outcome for this server."""
    with usage_errors():
        now = datetime.now(UTC)
        limit = None if older_than is None else read_moment("--older-than", older_than, now)
        start = read_moment("--since", since, now)
        ids = None if servers is None else read_ids("--servers", servers)
        jobs = make_client(profile, region, endpoint_url).describe_jobs(from_date=start)
    report = last_drills(jobs, source_server_ids=ids)
    rows = [row for row in report.servers if limit is None or _is_overdue(row, limit)]
    if output_format is Output.JSON:
        for row in rows:
            typer.echo(json.dumps(tables.json_of_drill(row, report)))
    elif rows:
        console = tables.console()
        console.print(tables.drills_table(rows, width=console.width))
    first, last = (tables.time_cell(moment) for moment in (report.first_job_at, report.last_job_at))
    print_note(
        f"{format_count(len(rows), 'server')}, from {format_count(report.job_count, 'job')} created {first} to {last} UTC"
    )


@app.command()
def sweep(
    accounts: Accounts,
    role_name: Annotated[str, typer.Option("--role-name", help="The name of the role to assume in each account.")],
    regions: Annotated[str, typer.Option("--regions", help="Region names, separated by commas, or all.")] = "all",
    external_id: Annotated[
        str | None, typer.Option("--external-id", help="The external id that the trust policy of the role requires.")
    ] = None,
    partition: Annotated[str, typer.Option("--partition", help="The AWS partition: aws, aws-us-gov or aws-cn.")] = "aws",
    profile: Profile = None,
    endpoint_url: EndpointUrl = None,
    output_format: OutputOption = Output.TABLE,
    since: Since = None,
    until: Until = None,
    kinds: Kinds = None,
    outcomes: Outcomes = None,
    failed: Failed = False,
    tags: Tags = False,
    in_flight: Annotated[
        int, typer.Option("--in-flight", min=1, help="The maximum number of targets that are read at the same time.")
    ] = MAX_IN_FLIGHT,
) -> ExitStatus:
    """List the jobs of many accounts and regions. It continues after failures, and prints a summary of them at the end."""
    with usage_errors():
        start, end = read_span(since, until, datetime.now(UTC))
        chosen = [name.strip() for name in regions.split(",") if name.strip()]
        ids = list(dict.fromkeys(read_ids("--accounts", accounts)))
        found = targets(ids, chosen, role_name=role_name, partition=partition, external_id=external_id)
        wanted = [attrs.evolve(target, profile_name=profile, endpoint_url=endpoint_url) for target in found]
        if not wanted:
            raise ValueError(f"no targets: {len(ids)} accounts, {len(chosen)} regions")
        check_setup(wanted, role_name=role_name, partition=partition)
        matches = JobFilter.from_options(kinds, outcomes, failed=failed).matches
        results = run_sweep(wanted, from_date=start, to_date=end, max_in_flight=in_flight)
        matching = (attrs.evolve(result, jobs=tuple(filter(matches, result.jobs))) for result in results)
    with exit_if_pipe_closes(ExitStatus.CLOSED_PIPE):
        return show_sweep(matching, total=len(wanted), as_json=output_format is Output.JSON, tags=tags).status


@app.command()
def demo(
    is_served: Annotated[
        bool, typer.Option("--serve", help="Serve a year of jobs and a running drill, until Ctrl-C, for other programs.")
    ] = False,
) -> None:
    """Show the features without an AWS account, with a local DRS endpoint."""
    from drs_jobs.cli.demo import run, serve  # noqa: PLC0415  # only this command and local need the extra `testing`

    if is_served:
        serve()
    else:
        run()


@app.command()
def local(
    history: Annotated[int, typer.Option("--history", min=0, help="Begin with so many jobs of the past, and their logs.")] = 0,
    seed: Annotated[int, typer.Option("--seed", help="The seed of the history.")] = 0,
    speed: Annotated[float, typer.Option("--speed", min=0, help="Simulated seconds per real second.")] = 1,
    system: Annotated[
        OperatingSystem,
        typer.Option("--os", case_sensitive=False, help="Recoveries take as long as measured on these servers."),
    ] = OperatingSystem.LINUX,
    failures: Annotated[
        list[str] | None,
        typer.Option(
            "--fail",
            metavar="SERVER=FAILURE",
            help="Make a server fail: in CLEANUP, SNAPSHOT, CONVERSION or LAUNCH, or STUCK or SILENT. Can be repeated.",
        ),
    ] = None,
) -> None:
    """Run a local DRS endpoint for tests, until Ctrl-C. It prints the variables with which AWS clients use it, for a shell.

    Do not use eval with it, which waits for its end: write the lines to a file, and read that in another shell.
    """
    from drs_jobs.cli.local import serve  # noqa: PLC0415  # only this command and demo need the extra `testing`

    serve(speed=speed, profile=system, history=history, seed=seed, failures=failures or ())


def invoke(arguments: Sequence[str]) -> int:
    """Run one command line, and return its exit status. `exit_codes.run` handles its errors."""
    command = typer.main.get_command(app)
    help_texts.complete_help(command)
    if os.environ.get(_COMPLETION_VARIABLE):
        command.main(prog_name=_NAME)  # prints completions for a shell, and exits
    try:
        # Not `app()`, because it exits with 1 if the pipe is closed.
        with command.make_context(_NAME, [*arguments]) as context:
            return command.invoke(context) or ExitStatus.SUCCEEDED
    except typer.Exit as error:
        return error.exit_code
    except Exception as error:
        # A usage error of click. Its class is not compared, because some versions of typer contain their own copy of click.
        usage_error: Any = error
        if not hasattr(usage_error, "format_message"):
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            print_note(usage_error.format_message())
            return ExitStatus.USAGE
        path = getattr(getattr(error, "ctx", None), "command_path", _NAME)
        message = usage_error.format_message().strip()
        raise UsageError(f"{message if message.endswith(('.', '?', '!')) else message + '.'} Try {path} --help") from error


def _each_as_json(snapshots: Iterable[Job]) -> list[Job]:
    ended: list[Job] = []
    for job in snapshots:
        typer.echo(json.dumps(tables.json_of(job, tags=False)))
        sys.stdout.flush()  # so that a reader of a pipe gets each line at once
        ended += [job] if job.is_complete else []
    return ended


def _print_explanation(explanation: Explanation, *, tags: bool) -> None:
    console = tables.console()
    now = datetime.now(UTC)
    console.print(tables.jobs_table([explanation.job], now=now, tags=tags, width=console.width))
    if explanation.job.console_url is not None:
        console.print(tables.text_cell(explanation.job.console_url), soft_wrap=True)
    if explanation.job.participating_servers:
        console.print()
        console.print(tables.servers_table(explanation, width=console.width))
    console.print()
    tables.print_reasons(console, explanation)
    if explanation.log:
        console.print(tables.log_table(explanation.log, width=console.width))
    if explanation.log_error is not None:
        print_error(f"the log could not be read completely: {explanation.log_error}")


def _is_overdue(row: ServerDrill, limit: datetime) -> bool:
    last = row.last_successful_drill
    return last is None or last.creation_date_time is None or last.creation_date_time < limit
