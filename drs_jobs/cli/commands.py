"""The commands of `drs-jobs`."""

import importlib.metadata
import json
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import attrs
import boto3
import typer

from drs_jobs._errors import WaitTimeoutError
from drs_jobs._models import Job
from drs_jobs.cli import help as help_texts
from drs_jobs.cli import progress, tables
from drs_jobs.cli.drills import DrillView, read_times, show_drills
from drs_jobs.cli.exit_codes import (
    ExitStatus,
    UsageError,
    exit_if_pipe_closes,
    print_error,
    print_note,
    status_of,
    usage_errors,
)
from drs_jobs.cli.explanations import PARTICIPANT_COLUMNS, explanation_record, participant_rows
from drs_jobs.cli.filters import JobFilter
from drs_jobs.cli.formats import (
    Fail,
    ReportOutput,
    ReportOutputOption,
    TableOutput,
    TableOutputOption,
    check_gate,
    gate_status,
    job_columns,
    job_record,
    print_records,
    print_span,
    with_host_name,
)
from drs_jobs.cli.names import HostNames, NamesFile, NameSource, check_stdin
from drs_jobs.cli.options import (
    Accounts,
    EndpointUrl,
    Failed,
    Kinds,
    Limit,
    Objective,
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
from drs_jobs.cli.phases import PHASE_COLUMNS, phase_rows, phases_records, print_phases
from drs_jobs.cli.recovery import RecoveryView, read_recoveries, show_recoveries
from drs_jobs.cli.sweep import check_setup, show_sweep
from drs_jobs.reports import Explanation, last_drills, recovery_times
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
        start, end = read_span(since, until, now)
        wanted = JobFilter.from_options(kinds, outcomes, failed=failed)
        client = make_client(profile, region, endpoint_url)
        listed = client.describe_jobs(from_date=start, to_date=end, limit=None if wanted else limit)
    jobs = wanted.first(listed, limit)
    if output_format is TableOutput.JSON:
        tables.print_json(jobs, tags=tags)
    elif output_format is TableOutput.CSV:
        print_records((job_record(job, tags=tags) for job in jobs), columns=job_columns(tags=tags))
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
    output_format: TableOutputOption = TableOutput.TABLE,
    tags: Tags = False,
    names: NamesFile = None,
    host_names: HostNames = False,
) -> ExitStatus:
    """Show one job: servers, launch actions, phases, failures with reasons, log. The exit status depends on its outcome."""
    with usage_errors():
        job_id = read_job_id(job)
        source = NameSource.from_options(names, host_names=host_names)
        client = make_client(profile, region, endpoint_url)
    explanation = client.explain(job_id)
    known_names = source.resolve(profile, region, endpoint_url)
    status = status_of([explanation.job])
    with exit_if_pipe_closes(status):
        if output_format is TableOutput.JSON:
            print_records([explanation_record(explanation, tags=tags, names=known_names)])
        elif output_format is TableOutput.CSV:
            print_records(
                participant_rows(explanation, names=known_names), columns=with_host_name(PARTICIPANT_COLUMNS, known_names)
            )
        else:
            _print_explanation(explanation, tags=tags, names=known_names)
    return status


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
        client = make_client(profile, region, endpoint_url)
    report = client.phases(job_id)
    known_names = source.resolve(profile, region, endpoint_url)
    status = status_of([report.job])
    with exit_if_pipe_closes(status):
        if output_format is TableOutput.JSON:
            print_records(phases_records(report, names=known_names))
        elif output_format is TableOutput.CSV:
            print_records(phase_rows(report, names=known_names), columns=with_host_name(PHASE_COLUMNS, known_names))
        elif report.participants:
            print_phases(tables.console(), report, now=datetime.now(UTC), names=known_names)
        else:
            print_note("no participants")
        _print_log_error(report.log_error)
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
    names: NamesFile = None,
    host_names: HostNames = False,
) -> ExitStatus:
    """Wait until jobs are complete, and show their progress. The exit status depends on their outcomes."""
    with usage_errors():
        seconds = read_duration("--timeout", timeout)
        interval = read_interval("--poll-interval", poll_interval)
        job_ids = [read_job_id(job) for job in jobs]
        source = NameSource.from_options(names, host_names=host_names)
        client = make_client(profile, region, endpoint_url)
        follower = progress.Follower(client, console=tables.console(), now=lambda: datetime.now(UTC))
        snapshots = client.watch(job_ids, timeout=seconds, poll_interval=interval)
    with exit_if_pipe_closes(ExitStatus.CLOSED_PIPE):
        if output_format is Output.JSON:
            return status_of(_each_as_json(snapshots))
        try:
            follower.follow(snapshots)
        except WaitTimeoutError:
            follower.print_reasons(lambda: source.resolve(profile, region, endpoint_url))
            raise
        follower.print_reasons(lambda: source.resolve(profile, region, endpoint_url))
    return status_of(follower.ended)


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
        check_stdin(servers, names)
        ids = None if servers is None else read_ids("--servers", servers)
        source = NameSource.from_options(names, host_names=host_names)
        client = make_client(profile, region, endpoint_url)
        jobs = client.describe_jobs(from_date=start)
    report = last_drills(jobs, source_server_ids=ids)
    known_names = source.resolve(profile, region, endpoint_url)
    view = DrillView(report=report, limit=limit, now=now, names=known_names)
    view = attrs.evolve(view, times=read_times(client, view.rows_with_times(output_format)))
    status = gate_status(view.checks) if fail else ExitStatus.SUCCEEDED
    with exit_if_pipe_closes(status):
        show_drills(view, output_format)
    print_span(report, len(view.rows))
    return status


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
        start, end = read_span(since, until, datetime.now(UTC))
        limit = read_duration("--objective", objective)
        check_gate("--objective", objective, fail=fail)
        check_stdin(servers, names)
        ids = None if servers is None else read_ids("--servers", servers)
        source = NameSource.from_options(names, host_names=host_names)
        client = make_client(profile, region, endpoint_url)
        jobs = client.describe_jobs(from_date=start, to_date=end)
    reports = read_recoveries(client, jobs, servers=ids)
    report = recovery_times(reports, objective=limit, source_server_ids=ids)
    known_names = source.resolve(profile, region, endpoint_url)
    view = RecoveryView(report=report, phases={each.job.job_id: each for each in reports}, names=known_names)
    status = gate_status(view.checks) if fail else ExitStatus.SUCCEEDED
    with exit_if_pipe_closes(status):
        show_recoveries(view, output_format)
    print_span(report, len(report.servers))
    return status


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
        return show_sweep(matching, total=len(wanted), output=output_format, tags=tags).status


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
    from drs_jobs.cli.report import ReportFiles, write_report  # noqa: PLC0415  # only this command needs the report

    if file is None:  # not a required option, because typer 0.16 with click 8.5 ignores that
        raise UsageError("Missing option '-o': name the HTML page, such as -o evidence.html. Try drs-jobs report --help")
    with usage_errors():
        now = datetime.now(UTC)
        start, end = read_span(since, until, now)
        rto = read_duration("--objective", objective)
        limit = None if older_than is None else read_moment("--older-than", older_than, now)
        if limit is not None and limit > now:
            raise ValueError(f"--older-than {older_than} is in the future: use a date in the past, or 90d")
        check_stdin(servers, names)
        ids = None if servers is None else read_ids("--servers", servers)
        source = NameSource.from_options(names, host_names=host_names)
        client = make_client(profile, region, endpoint_url)
    return write_report(
        client,
        ReportFiles(file, can_replace=force),
        start=start,
        end=end,
        objective=rto,
        overdue_after=None if limit is None else now - limit,
        source_server_ids=ids,
        find_names=lambda: source.resolve(profile, region, endpoint_url),
        title=title,
        region=region or boto3.Session(profile_name=profile).region_name,
    )


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


def _print_explanation(explanation: Explanation, *, tags: bool, names: Mapping[str, str]) -> None:
    console = tables.console()
    now = datetime.now(UTC)
    console.print(tables.jobs_table([explanation.job], now=now, tags=tags, width=console.width))
    if explanation.job.console_url is not None:
        console.print(tables.text_cell(explanation.job.console_url), soft_wrap=True)
    if explanation.job.participating_servers:
        console.print()
        console.print(tables.servers_table(explanation, width=console.width, names=names))
    if any(row.phases for row in explanation.phases.participants):
        console.print()
        print_phases(console, explanation.phases, now=now, names=names)
    console.print()
    tables.print_reasons(console, explanation, names=names)
    if explanation.log:
        console.print(tables.log_table(explanation.log, width=console.width, names=names))
    _print_log_error(explanation.log_error)


def _print_log_error(error: Exception | None) -> None:
    if error is not None:
        print_error(f"the log could not be read completely: {error}")
