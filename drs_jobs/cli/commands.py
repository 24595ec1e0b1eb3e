"""The commands of `drs-jobs` and their options. A command imports its work when it runs, so that help is quick."""

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from drs_jobs.cli import help as help_texts
from drs_jobs.cli.exit_codes import ExitStatus, UsageError, print_note, usage_errors
from drs_jobs.cli.names import NameSource
from drs_jobs.cli.options import (
    IN_FLIGHT,
    Accounts,
    Connection,
    EndpointUrl,
    Fail,
    Failed,
    HostNames,
    InFlight,
    Kinds,
    Limit,
    NamesFile,
    Objective,
    OlderThan,
    OperatingSystem,
    Outcomes,
    Output,
    OutputOption,
    PollInterval,
    Profile,
    Region,
    ReportOutput,
    ReportOutputOption,
    Servers,
    Since,
    TableOutput,
    TableOutputOption,
    Tags,
    Timeout,
    Until,
    check_gate,
    pass_to_command,
    read_duration,
    read_ids,
    read_interval,
    read_job_id,
    read_moment,
    read_servers,
    read_span,
)

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
        from importlib.metadata import version

        typer.echo(f"drs-jobs {version('drs_jobs')}")
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
        ReportOutput | None,
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
    output_format: TableOutputOption = TableOutput.TABLE,
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
        span = read_span(since, until, now)
    from drs_jobs.cli.filters import JobFilter
    from drs_jobs.cli.listing import print_jobs

    connection, wanted = Connection(profile, region, endpoint_url), JobFilter.from_options(kinds, outcomes, failed=failed)
    print_jobs(connection, output_format, wanted=wanted, span=span, limit=limit, tags=tags, now=now)


@app.command()
def show(
    job: Annotated[str, typer.Argument(help="The job's id.")],
    profile: Profile = None,
    region: Region = None,
    endpoint_url: EndpointUrl = None,
    output_format: TableOutputOption = TableOutput.TABLE,
    tags: Tags = False,
    names: NamesFile = None,
    host_names: HostNames = False,
) -> ExitStatus:
    """Show one job: servers, launch actions, phases, failures with reasons, log. The exit status depends on its outcome."""
    with usage_errors():
        job_id = read_job_id(job)
        source = NameSource.from_options(names, host_names=host_names)
    from drs_jobs.cli.explanations import show_job

    return show_job(Connection(profile, region, endpoint_url), output_format, job_id=job_id, tags=tags, names=source)


@app.command()
def phases(
    job: Annotated[str, typer.Argument(help="The job's id.")],
    profile: Profile = None,
    region: Region = None,
    endpoint_url: EndpointUrl = None,
    output_format: TableOutputOption = TableOutput.TABLE,
    names: NamesFile = None,
    host_names: HostNames = False,
) -> ExitStatus:
    """Show the phases of one job, with a bar per phase for each server. The exit status depends on the outcome of the job."""
    with usage_errors():
        job_id = read_job_id(job)
        source = NameSource.from_options(names, host_names=host_names)
    from drs_jobs.cli.phases import show_phases

    return show_phases(Connection(profile, region, endpoint_url), output_format, job_id=job_id, names=source)


@app.command()
def watch(
    jobs: Annotated[list[str], typer.Argument(metavar="JOB...", help="The jobs' ids.")],
    timeout: Timeout = None,
    poll_interval: PollInterval = None,
    profile: Profile = None,
    region: Region = None,
    endpoint_url: EndpointUrl = None,
    output_format: OutputOption = Output.TABLE,
    names: NamesFile = None,
    host_names: HostNames = False,
) -> ExitStatus:
    """Wait until jobs are complete, and show their progress. The exit status depends on their outcomes."""
    with usage_errors():
        seconds = read_duration("--timeout", timeout)
        interval = read_interval("--poll-interval", poll_interval)
        job_ids = [read_job_id(job) for job in jobs]
        source = NameSource.from_options(names, host_names=host_names)
    from drs_jobs.cli.progress import watch_jobs

    connection = Connection(profile, region, endpoint_url)
    return watch_jobs(connection, output_format, job_ids=job_ids, timeout=seconds, poll_interval=interval, names=source)


@app.command()
def drills(
    profile: Profile = None,
    region: Region = None,
    endpoint_url: EndpointUrl = None,
    output_format: ReportOutputOption = ReportOutput.TABLE,
    since: Since = None,
    older_than: OlderThan = None,
    servers: Servers = None,
    names: NamesFile = None,
    host_names: HostNames = False,
    fail: Fail = False,
) -> ExitStatus:
    """Show the last drill of each server, its outcome for this server, and the time that the server took."""
    with usage_errors():
        now = datetime.now(UTC)
        start, limit = read_moment("--since", since, now), read_moment("--older-than", older_than, now)
        check_gate("--older-than", older_than, fail=fail)
        if start is not None and limit is not None and start > limit:
            raise ValueError(f"--since {since} is later than --older-than {older_than}: drills between them would not be found")
        ids = read_servers(servers, names)
        source = NameSource.from_options(names, host_names=host_names)
    from drs_jobs.cli.drills import report_drills

    connection = Connection(profile, region, endpoint_url)
    return report_drills(connection, output_format, since=start, limit=limit, now=now, server_ids=ids, names=source, fail=fail)


@app.command()
def recovery(
    profile: Profile = None,
    region: Region = None,
    endpoint_url: EndpointUrl = None,
    output_format: ReportOutputOption = ReportOutput.TABLE,
    since: Since = None,
    until: Until = None,
    objective: Objective = None,
    servers: Servers = None,
    names: NamesFile = None,
    host_names: HostNames = False,
    fail: Fail = False,
) -> ExitStatus:
    """Show the recovery times of each server: the latest, the median and the slowest, and the phase that took longest."""
    with usage_errors():
        span = read_span(since, until, datetime.now(UTC))
        limit = read_duration("--objective", objective)
        check_gate("--objective", objective, fail=fail)
        ids = read_servers(servers, names)
        source = NameSource.from_options(names, host_names=host_names)
    from drs_jobs.cli.recovery import report_recoveries

    connection = Connection(profile, region, endpoint_url)
    return report_recoveries(connection, output_format, span=span, objective=limit, server_ids=ids, names=source, fail=fail)


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
    output_format: TableOutputOption = TableOutput.TABLE,
    since: Since = None,
    until: Until = None,
    kinds: Kinds = None,
    outcomes: Outcomes = None,
    failed: Failed = False,
    tags: Tags = False,
    in_flight: InFlight = IN_FLIGHT,
) -> ExitStatus:
    """List the jobs of many accounts and regions. It continues after failures, and prints a summary of them at the end."""
    with usage_errors():
        span = read_span(since, until, datetime.now(UTC))
        names = [name.strip() for name in regions.split(",") if name.strip()]
        ids = list(dict.fromkeys(read_ids("--accounts", accounts)))
    from drs_jobs.cli.filters import JobFilter
    from drs_jobs.cli.sweep import Role, sweep_accounts

    return sweep_accounts(
        Connection(profile, None, endpoint_url),
        output_format,
        account_ids=ids,
        regions=names,
        role=Role(role_name, partition, external_id),
        wanted=JobFilter.from_options(kinds, outcomes, failed=failed),
        span=span,
        tags=tags,
        in_flight=in_flight,
    )


@app.command()
def report(
    file: Annotated[
        Path | None,
        typer.Option(
            "-o", "--output-file", metavar="FILE", help="Required. The HTML page to write. CSV files are written beside it."
        ),
    ] = None,
    profile: Profile = None,
    region: Region = None,
    endpoint_url: EndpointUrl = None,
    since: Since = None,
    until: Until = None,
    objective: Objective = None,
    older_than: OlderThan = None,
    servers: Servers = None,
    names: NamesFile = None,
    host_names: HostNames = False,
    title: Annotated[str | None, typer.Option("--title", help="The title of the page.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
) -> ExitStatus:
    """Write the drills, recovery times and failures of servers as one HTML page and as CSV, for an audit."""
    if file is None:  # not a required option, because typer 0.16 with click 8.5 ignores that
        raise UsageError("Missing option '-o': name the HTML page, such as -o evidence.html. Try drs-jobs report --help")
    with usage_errors():
        now = datetime.now(UTC)
        span = read_span(since, until, now)
        rto = read_duration("--objective", objective)
        limit = None if older_than is None else read_moment("--older-than", older_than, now)
        if limit is not None and limit > now:
            raise ValueError(f"--older-than {older_than} is in the future: use a date in the past, or 90d")
        ids = read_servers(servers, names)
        source = NameSource.from_options(names, host_names=host_names)
    from drs_jobs.cli.report import ReportFiles, write_report

    return write_report(
        Connection(profile, region, endpoint_url),
        ReportFiles(file, can_replace=force),
        span=span,
        objective=rto,
        overdue_after=None if limit is None else now - limit,
        server_ids=ids,
        names=source,
        title=title,
    )


@app.command()
def demo(
    is_served: Annotated[
        bool, typer.Option("--serve", help="Serve a year of jobs and a running drill, until Ctrl-C, for other programs.")
    ] = False,
) -> None:
    """Show the features without an AWS account, with a local DRS endpoint."""
    from drs_jobs.cli.demo import run, serve

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
    from drs_jobs.cli.local import serve

    serve(speed=speed, profile=system, history=history, seed=seed, failures=failures or ())


def invoke(arguments: Sequence[str]) -> int:
    """Run one command line, and return its exit status. `process.run` handles its errors."""
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
