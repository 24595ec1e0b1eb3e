"""`drs-jobs check`: one row per server and the verdict. All that it says is from the assessment and `evidence.wording`."""

import io
import math
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Annotated, Final

import junitparser
import prometheus_client
import typer
from rich.table import Table
from rich.text import Text

from drs_jobs._html import VERDICT_COLOURS
from drs_jobs._text import format_duration, format_instant, one_line
from drs_jobs._time import seconds_of
from drs_jobs.cli import output
from drs_jobs.cli.evidence_reader import EvidenceReader, status_of_verdict
from drs_jobs.cli.exit_status import ExitStatus, exit_if_pipe_closes, raise_usage_errors
from drs_jobs.cli.options import CheckOutput, Connection, Criteria, Organisation, Saved, with_option_groups
from drs_jobs.evidence import Assessment, ServerAssessment, Verdict, wording
from drs_jobs.evidence.csv import records_csv


@with_option_groups
def check(
    *,
    criteria: Criteria,
    connection: Connection,
    saved: Saved = None,
    organisation: Organisation,
    history: Annotated[
        bool, typer.Option("--history", help="Read the logs of all drills and recoveries, for the median and the slowest time.")
    ] = False,
    output_format: Annotated[
        CheckOutput,
        typer.Option(
            "--output",
            "-o",
            case_sensitive=False,
            help="A table, JSON with one object per line, CSV, Markdown, JUnit XML (which needs a criterion), or text for "
            "Prometheus's node exporter.",
        ),
    ] = "table",
) -> ExitStatus:
    """Check for each server whether it was drilled lately, and recovered in time. Without a criterion, only show the facts.

    The exit status is 0 if all servers meet the criteria, 1 if one does not, and 4 if that is undetermined. Without --servers,
    servers without jobs are not known.
    """
    with raise_usage_errors():
        if output_format == "junit" and criteria.drilled_within is None and criteria.objective is None:
            raise ValueError(
                "-o junit needs a criterion, because its tests would all succeed: give --drilled-within or --objective"
            )
        reader = EvidenceReader(criteria, connection, organisation, saved, history=history)
    assessment = reader.read()
    status = status_of_verdict(assessment, exit_zero=criteria.exit_zero)
    with exit_if_pipe_closes(status):
        match output_format:
            case "table":
                if assessment.servers:
                    console = output.console()
                    output.print_table(assessment_table(assessment, width=console.width), console)
            case "json":
                output.print_records(assessment.records())
            case "csv":
                typer.echo(records_csv(assessment), nl=False)
            case "markdown":
                typer.echo("\n".join(markdown_lines(assessment)))
            case "junit":
                typer.echo(junit_xml(assessment))
            case "prometheus":
                typer.echo(prometheus_text(assessment), nl=False)
    reader.print_notes(assessment)
    return status


def assessment_table(assessment: Assessment, *, width: int) -> Table:
    """Return a table with one server per row, the worst first, and the reasons of its verdict."""
    rows = assessment.worst_first

    def verdict(row: ServerAssessment) -> Text:
        return Text(wording.verdict_label(row.verdict), style=VERDICT_COLOURS.get(row.verdict or "", ""))

    columns = [
        output.Column("verdict", verdict),
        output.Column("server", lambda row: wording.server_label(row.server), wraps=True),
        output.Column("last drill", wording.last_drill_label, rank=3),
        output.Column("last success", wording.last_success_label, rank=1),
        output.Column("recovery time", lambda row: wording.recovery_time_label(row.latest_recovery), rank=2),
        output.Column("median", lambda row: format_duration(row.median_recovery_time), rank=4),
        output.Column("slowest", lambda row: format_duration(row.slowest_recovery_time), rank=5),
    ]
    left_out = {"verdict" if assessment.verdict is None else "last drill"}
    if all(row.median_recovery_time is None for row in rows):
        left_out |= {"median", "slowest"}
    columns = [column for column in columns if column.header not in left_out]
    if assessment.verdict is None:
        return output.fitted_table(columns, rows, width=width)
    return output.detailed_table(columns, rows, header="reasons", details=lambda row: row.reasons, width=width)


def markdown_lines(assessment: Assessment) -> Iterator[str]:
    """Yield an assessment as the lines of a document in Markdown, such as a summary of a GitHub workflow."""
    yield f"### {wording.DEFAULT_TITLE}: {output.markdown(wording.conclusion_label(assessment))}"
    yield ""
    yield output.markdown(wording.title_label(assessment))
    yield ""
    if assessment.servers:
        yield from output.markdown_table(wording.COLUMNS, map(wording.cells, assessment.worst_first))
        yield ""
    for note in wording.notes(assessment):
        yield f"- {output.markdown(note)}"


_RESULTS: Final = {Verdict.NOT_MET: junitparser.Failure, Verdict.UNDETERMINED: junitparser.Error}


def junit_xml(assessment: Assessment) -> str:
    """Return a JUnit test suite with one test case per server: NOT_MET is a failure, UNDETERMINED an error.

    If all is undetermined although no server is, such as without servers, one more test case is an error.
    """
    properties = [
        ("verdict", wording.conclusion_label(assessment)),
        ("asOf", format_instant(assessment.as_of)),
        ("since", format_instant(assessment.since)),
        ("drilledWithinSeconds", seconds_of(assessment.drilled_within)),
        ("objectiveSeconds", seconds_of(assessment.objective)),
        ("jobCount", assessment.job_count),
        ("firstJobAt", format_instant(assessment.first_job_at)),
        ("lastJobAt", format_instant(assessment.last_job_at)),
        ("laterJobs", assessment.later_jobs),
        ("problems", "; ".join(map(wording.problem_label, assessment.problems))),
        *(("note", note) for note in wording.notes(assessment)),
    ]
    cases = [
        (wording.server_label(row.server), row.verdict, wording.reasons_label(row), seconds_of(_recovery_time(row)))
        for row in assessment.servers
    ]
    if assessment.verdict not in {row.verdict for row in assessment.servers}:
        cases.append(("all servers", assessment.verdict, wording.conclusion_label(assessment), None))
    title = "drs-jobs check"
    suite = junitparser.TestSuite(title)
    for name, value in properties:
        suite.add_property(name, "" if value is None else one_line(str(value), 5000))
    for name, verdict, reasons, seconds in cases:
        # XML 1.0 cannot hold control characters, and junitparser does not remove them.
        text = one_line(reasons, 5000)
        time = None if seconds is None else round(seconds, 3)
        case = junitparser.TestCase(one_line(name), classname=title, time=time)
        if verdict is not None and verdict in _RESULTS:
            case.result = [_RESULTS[verdict](text, verdict.value)]
        elif text:
            case.system_out = text
        suite.add_testcase(case)
    xml = junitparser.JUnitXml()
    xml.add_testsuite(suite)
    content = io.BytesIO()
    xml.write(content, pretty=True)  # pyright: ignore[reportUnknownMemberType]  # its type is IO without a parameter
    # Character references are valid XML whatever the encoding of stdout is.
    return content.getvalue().decode("utf-8").strip().encode("ascii", "xmlcharrefreplace").decode("ascii")


def _recovery_time(row: ServerAssessment) -> timedelta | None:
    return None if row.latest_recovery is None else row.latest_recovery.recovery_time


_LABELS: Final = {"source_server_id": "source_server_id", "name": "name", "account": "account_id", "region": "region"}
"""The fields of a server by label."""


def prometheus_text(assessment: Assessment) -> str:
    """Return gauges for the text file collector of Prometheus's node exporter. Its comments are the notes of the assessment."""
    registry = prometheus_client.CollectorRegistry()
    rows = [
        (row, {label: one_line(getattr(row.server, field) or "") for label, field in _LABELS.items()})
        for row in assessment.servers
    ]

    def add(name: str, help_text: str, value: Callable[[ServerAssessment], float | None]) -> None:
        """Add a gauge with the value of each server. A server without a value is left out."""
        gauge = prometheus_client.Gauge(name, help_text, [*_LABELS], registry=registry)
        for row, labels in rows:
            if (number := value(row)) is not None:
                gauge.labels(**labels).set(number)

    if assessment.verdict is not None:
        verdicts = prometheus_client.Gauge(
            "drs_server_verdict", "1 for the verdict of the server, 0 for the others.", (*_LABELS, "verdict"), registry=registry
        )
        for row, labels in rows:
            for verdict in Verdict:
                verdicts.labels(**labels, verdict=verdict.value).set(row.verdict is verdict)
    add(
        "drs_last_successful_drill_age_seconds",
        "Seconds since the last successful drill was started; +Inf if the jobs that were read have none.",
        lambda row: math.inf if row.age is None else row.age.total_seconds(),
    )
    add(
        "drs_recovery_seconds",
        "Recovery time of the recovery or drill that was judged, else of the latest; absent if it is unknown.",
        lambda row: seconds_of(_recovery_time(row)),
    )
    if (objective := seconds_of(assessment.objective)) is not None:
        add("drs_recovery_objective_seconds", "Recovery time objective.", lambda _: objective)
    as_of = assessment.as_of.timestamp()
    add("drs_assessment_timestamp_seconds", "Unix time of the moment of the assessment.", lambda _: as_of)
    comments = (f"# {one_line(text, 1000)}\n" for text in (wording.summary_label(assessment), *wording.notes(assessment)))
    return "".join(comments) + prometheus_client.generate_latest(registry).decode("utf-8")
