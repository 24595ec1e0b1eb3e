"""`drs-jobs check`: one row per server and the verdict."""

from typing import Annotated

import typer

from drs_jobs.cli.commands.check_formats import show_assessment
from drs_jobs.cli.evidence_reader import EvidenceReader, print_notes, status_of_verdict
from drs_jobs.cli.exit_status import ExitStatus, exit_if_pipe_closes, raise_usage_errors
from drs_jobs.cli.options import CheckOutput, Connection, Criteria, Organisation, Saved, with_option_groups


@with_option_groups
def check(
    criteria: Criteria,
    connection: Connection,
    saved: Saved,
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
    ] = CheckOutput.TABLE,
) -> ExitStatus:
    """Check for each server whether it was drilled lately, and recovered in time. Without a criterion, only show the facts.

    The exit status is 0 if all servers meet the criteria, 1 if one does not, and 4 if that is undetermined. Without --servers,
    servers without jobs are not known.
    """
    with raise_usage_errors():
        if output_format is CheckOutput.JUNIT and criteria.drilled_within is None and criteria.objective is None:
            raise ValueError(
                "-o junit needs a criterion, because its tests would all succeed: give --drilled-within or --objective"
            )
        reader = EvidenceReader.from_options(criteria, connection, organisation, saved, history=history)
    assessment = reader.read()
    status = status_of_verdict(assessment, exit_zero=criteria.exit_zero)
    with exit_if_pipe_closes(status):
        show_assessment(assessment, output_format)
    print_notes(assessment, reader)
    return status
