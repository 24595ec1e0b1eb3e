"""`drs-jobs show`: one job with its outcome, reasons, servers, actions and log, and in the formats for machines."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Annotated, Any, Final

import attrs
import typer
from rich.console import Console
from rich.table import Table
from rich.text import Text

from drs_jobs import Job, JobLogItem, JobsClient, JobType, LaunchActionRun, LaunchActionRunStatus, Outcome, unstructure_log_item
from drs_jobs._client import Watch, read_log
from drs_jobs._html import OUTCOME_COLOURS
from drs_jobs._polling import Clock, Watcher
from drs_jobs._text import format_ago, format_count, format_duration, format_minute, format_second, format_target_count
from drs_jobs._time import duration_between
from drs_jobs.analysis import Explanation, JobPhases, ParticipantPhases, Progress, active_jobs, phases, progress
from drs_jobs.analysis.several_jobs import WORST_FIRST
from drs_jobs.cli import output
from drs_jobs.cli.exit_status import ExitStatus, exit_if_pipe_closes, print_error, print_note, raise_usage_errors, status_of
from drs_jobs.cli.options import Connection, JobsOutputOption, Names, Saved, Tags, with_option_groups
from drs_jobs.cli.parsers import parse_job_id
from drs_jobs.cli.phases import PHASE_COLUMNS, phase_rows, phases_legend, phases_records, phases_table, read_earlier
from drs_jobs.cli.servers import ServerOption
from drs_jobs.cli.sources import JobSource
from drs_jobs.evidence import wording
from drs_jobs.evidence.csv import csv_text

_FAILED: Final = OUTCOME_COLOURS[Outcome.FAILED]


@with_option_groups
def show(
    connection: Connection,
    saved: Saved = None,
    job: Annotated[str | None, typer.Argument(help="The job's id. Default: the newest job that runs, else the newest.")] = None,
    output_format: JobsOutputOption = "table",
    has_log: Annotated[bool, typer.Option("--log", help="Show the log too. In JSON it always is there.")] = False,
    follows_log: Annotated[
        bool, typer.Option("--follow", help="With --log: show new items of the log until the job is complete.")
    ] = False,
    tags: Tags = False,
    names: Names = None,
) -> ExitStatus:
    """Show one job: outcome, reasons, servers with a bar per phase, launch actions. The exit status depends on its outcome."""
    with raise_usage_errors():
        if follows_log and (not has_log or output_format != "table" or saved):
            raise ValueError("--follow needs --log, a table and AWS: use drs-jobs show --log --follow")
        job_id = None if job is None else parse_job_id(job)
        name_option = ServerOption("--names", names)
        source = JobSource.from_options(connection, saved=saved, asks_aws=name_option.is_aws)
    source.print_notes()
    client = source.client or connection.make_client()
    if job_id is None and (job_id := _newest(client)) is None:
        print_note("no jobs")
        return ExitStatus.SUCCEEDED
    explanation = client.explain(job_id)
    names_by_id = name_option.resolve_names(client)
    now = datetime.now(UTC)
    state = None
    if output_format in {"table", "markdown"} and not explanation.job.is_complete:
        state = progress(explanation.phases, now=now, earlier=read_earlier(client, explanation.job, now))
    status = status_of([explanation.job])
    with exit_if_pipe_closes(status):
        match output_format:
            case "json":
                output.print_records([explanation_record(explanation, tags=tags, names=names_by_id)])
            case "csv":
                columns = [*PHASE_COLUMNS, *(["hostName"] if names_by_id else [])]
                typer.echo(csv_text(columns, phase_rows(explanation.phases, names_by_id)), nl=False)
            case "markdown":
                typer.echo("\n".join(markdown_lines(explanation, now=now, state=state, names=names_by_id)))
            case "table":
                console = output.console()
                print_explanation(console, explanation, now=now, state=state, tags=tags, names=names_by_id, has_log=has_log)
                if follows_log and not explanation.job.is_complete:
                    ended = follow_log(client, explanation, console, clock=Clock.real(), names=names_by_id)
                    _print_outcome(console, ended, now=datetime.now(UTC), tags=tags)
                    status = status_of([ended])
        output.print_log_error(explanation.log_error)
    return status


def _newest(client: JobsClient) -> str | None:
    """Return the id of the newest job that runs, else of the newest job; `None` without jobs. Print which others run."""
    jobs = client.describe_jobs(on_malformed=lambda error: print_error(str(error))).collect()
    running = active_jobs(jobs)
    if len(running) > 1:
        others = ", ".join(job.job_id for job in running[1:])
        print_note(f"{format_count(len(running), 'job')} run, this is the newest; also {others}")
    return next((job.job_id for job in (*running, *jobs)), None)


def follow_log(client: JobsClient, explanation: Explanation, console: Console, *, clock: Clock, names: output.HostNames) -> Job:
    """Print new items of the log of a running job until it is complete, and return it. `explanation` has the printed items."""
    job, printed = explanation.job, set(explanation.log)
    errors: set[str] = set()

    def print_new() -> None:
        items, error = read_log(client, job.job_id)
        if str(error) not in errors:  # each once, not at each poll
            output.print_log_error(error)
            errors.add(str(error))
        new = [item for item in phases(job, items).log if item not in printed]
        printed.update(new)
        if new:
            console.print(log_table(new, width=console.width, names=names, header=False))

    def sleep(seconds: float) -> None:
        clock.sleep(seconds)
        print_new()

    *_, job = Watch(client, Watcher([job.job_id], None, None, attrs.evolve(clock, sleep=sleep)))
    print_new()
    return job


def print_explanation(
    console: Console,
    explanation: Explanation,
    *,
    now: datetime,
    state: Progress | None = None,
    tags: bool = False,
    names: output.HostNames = output.NO_NAMES,
    has_log: bool = False,
) -> None:
    """Print a job: outcome, reasons, servers, launch actions and log.

    On a terminal, servers and reasons that do not fit on the screen are only counted, so that the first reason stays on it.
    """
    job, report = explanation.job, explanation.phases
    with console.capture() as capture:
        _print_outcome(console, job, now=now, tags=tags)
        if state is not None:
            console.print(Text(output.progress_label(state, names), style=_FAILED if state.slow else ""), soft_wrap=True)
        # The outcome and the most frequent reason, which are first, stay on the screen.
        height = max(1, console.height - 14) if console.is_terminal else 0
        output.print_reasons(console, explanation, names=names, height=height)
    head = capture.get()
    console.file.write(head)
    rows = shown = _worst_first(report)
    if console.is_terminal and not has_log:
        # Beside the rows there are an empty line, the header, the legend, the number of other servers, the launch actions,
        # and the next prompt. One row is shown in any case.
        shown = rows[: max(1, console.height - head.count("\n") - 6)]
    if shown:
        console.print()
        console.print(phases_table(report, shown, now=now, width=console.width, names=names))
        if report.phase_names:
            console.print(phases_legend(report, is_ascii=console.options.ascii_only), soft_wrap=True)
    if len(shown) < len(rows):
        print_note(f"{format_count(len(rows) - len(shown), 'more server')}: -o csv shows all")
    runs = [(server.name, run) for server in job.participating_servers for run in server.runs]
    if actions := [(server, run) for server, run in runs if run.status != LaunchActionRunStatus.SUCCEEDED]:
        console.print()
        console.print(actions_table(actions, width=console.width, names=names))
    if succeeded := len(runs) - len(actions):
        console.print(f"{format_count(succeeded, 'launch action')} succeeded")
    if has_log:
        console.print()
        console.print(log_table(explanation.log, width=console.width, names=names))


def _worst_first(report: JobPhases) -> list[ParticipantPhases]:
    return sorted(report.participants, key=lambda row: WORST_FIRST.index(row.outcome))


def _print_outcome(console: Console, job: Job, *, now: datetime, tags: bool) -> None:
    servers, times = _outcome_parts(job, now)
    console.print(output.text_cell(f"{job.job_id} {job.kind}"), output.outcome_cell(job, now=now) + output.text_cell(servers))
    for text in (times, job.console_url, output.tags_label(job) if tags else None):
        if text is not None:
            console.print(output.text_cell(text), soft_wrap=True)


def _outcome_parts(job: Job, now: datetime) -> tuple[str, str]:
    """Return what is known of a job besides its outcome: its servers, and its creation time and duration."""
    verb = "terminated" if job.type == JobType.TERMINATE else "launched"
    servers = f", {format_target_count(job)} servers {verb}" if job.participating_servers else ""
    times: list[str] = []
    if job.creation_date_time is not None:
        ago = format_ago(duration_between(job.creation_date_time, now))
        times.append(f"created {format_minute(job.creation_date_time)} UTC ({ago})")
    if (elapsed := job.elapsed(now)) is not None:
        times.append(f"{'took' if job.is_complete else 'running for'} {format_duration(elapsed)}")
    return servers, ", ".join(times)


def markdown_lines(
    explanation: Explanation, *, now: datetime, state: Progress | None, names: output.HostNames
) -> Iterator[str]:
    """Yield a job as the lines of a document in Markdown."""
    job, report = explanation.job, explanation.phases
    servers, times = _outcome_parts(job, now)
    yield f"### {output.markdown(f'{job.job_id} {job.kind} {output.outcome_cell(job, now=now)}{servers}')}"
    yield ""
    yield output.markdown(times)
    if job.console_url is not None:
        yield f"<{job.console_url}>"
    yield ""
    if state is not None:
        yield f"- {output.markdown(output.progress_label(state, names))}"
    for line in output.reason_lines(explanation, names):
        yield f"- {output.markdown(line)}"
    if report.participants:
        yield ""
        rows = (
            (output.server_label(row.participant, names), row.outcome.name, format_duration(row.recovery_time))
            for row in _worst_first(report)
        )
        yield from output.markdown_table(("server", "outcome", "recovered in"), rows)


def actions_table(actions: Sequence[tuple[str, LaunchActionRun]], *, width: int, names: output.HostNames) -> Table:
    """Return a table of launch actions, one row per server and action."""
    columns = [
        output.Column("server", lambda row: output.server_label(row[0], names)),
        output.Column("launch action", lambda row: row[1].name + " (optional)" * row[1].is_optional, rank=2, wraps=True),
        output.Column(
            "status", lambda row: output.text_cell(row[1].status or "-", style=_FAILED if row[1].is_failed else ""), rank=1
        ),
        output.Column("reason", lambda row: row[1].failure_reason or "", rank=3, wraps=True),
    ]
    return output.fitted_table(columns, actions, width=width)


def log_table(log: Sequence[JobLogItem], *, width: int, names: output.HostNames, header: bool = True) -> Table:
    """Return a table of the log of a job, one item per row."""
    columns = [
        output.Column("time (UTC)", lambda item: format_second(item.log_date_time), rank=3),
        output.Column("event", lambda item: item.event or "-"),
        output.Column(
            "server",
            lambda item: output.server_label((item.event_data and item.event_data.source_server_id) or "", names),
            rank=1,
        ),
        output.Column("error", lambda item: (item.event_data and item.event_data.raw_error) or "", rank=2, wraps=True),
    ]
    return output.fitted_table(columns, log, width=width, header=header)


def explanation_record(explanation: Explanation, *, tags: bool, names: output.HostNames) -> dict[str, Any]:
    """Return a job in AWS's shape, with its instances, failures, causes, phases and log under keys that AWS does not have."""
    servers = [row.participant for row in explanation.phases.participants]  # the job of a clean-up can have lost them
    host_names = {server: names[server] for server in servers if server in names}
    return {
        **output.job_to_json(explanation.job, tags=tags),
        **({"hostNames": host_names} if host_names else {}),
        "instanceIDs": dict(explanation.instance_ids),
        "failures": [{"participant": failure.participant, "reasons": failure.reasons} for failure in explanation.failures],
        "jobReasons": explanation.job_reasons,
        "causes": [
            {
                "reason": cause.reason,
                "participants": cause.participants,
                "refusedAction": cause.refused_action,
                "resource": cause.resource,
                "hint": cause.hint,
            }
            for cause in explanation.causes
        ],
        "phases": list(phases_records(explanation.phases, names)),
        "log": [unstructure_log_item(item) for item in explanation.log],
        "logError": wording.error_label(explanation.log_error) or None,
    }
