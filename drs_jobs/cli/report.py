"""`drs-jobs report`: the report file of one account and region, with its CSV files beside it."""

import os
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import attrs
import boto3

from drs_jobs._errors import MalformedResponseError
from drs_jobs._text import format_count, format_minute, quoted
from drs_jobs.cli.exit_codes import ExitStatus, UsageError, print_error, print_note, usage_errors
from drs_jobs.cli.logs import read_phases
from drs_jobs.cli.names import NameSource
from drs_jobs.cli.options import Connection, Span
from drs_jobs.evidence import page_function
from drs_jobs.evidence.facts import collect
from drs_jobs.evidence.tables import participants_csv, servers_csv


@attrs.frozen
class ReportFiles:
    """The files of a report. They are written as a whole, so that an error leaves no half of a file."""

    page: Path
    """The HTML page."""
    can_replace: bool
    """Whether files that exist can be replaced."""

    @property
    def servers(self) -> Path:
        """The CSV file of the servers, beside the page."""
        return self.page.with_suffix(".csv")

    @property
    def jobs(self) -> Path:
        """The CSV file of the participants of all jobs, beside the page."""
        return self.page.with_name(f"{self.page.stem}-jobs.csv")

    def check(self) -> None:
        """Check that the files can be written, without changing any.

        Raises:
            UsageError: If a file exists and cannot be replaced, or if the folder cannot be written.
        """
        given = quoted(str(self.page))
        if self.servers == self.page or not self.page.name:
            raise UsageError(f"-o {given} is not the name of an HTML page: give one such as evidence.html")
        for path in (self.page, self.servers, self.jobs):
            if path.exists() and not path.is_file():
                raise UsageError(f"-o {given}: {path.name} is not a file: give another name")
            if path.exists() and not self.can_replace:
                raise UsageError(f"-o {given}: {path.name} exists: give another name, or --force to replace it")
        try:
            with tempfile.TemporaryFile(dir=self.page.parent):
                pass
        except OSError as error:
            raise UsageError(f"-o {given} cannot be written: {error.strerror or error}") from None

    def write(self, texts: Mapping[Path, str]) -> None:
        """Write the text of each file.

        Raises:
            UsageError: If a file was created since the check, and cannot be replaced.
            OSError: If a file cannot be written.
        """
        self.check()
        drafts: dict[Path, Path] = {}
        try:
            for path, text in texts.items():
                drafts[path] = draft = path.with_name(f".{path.name}.{os.getpid()}")
                # Bytes, because the CSV has its own line ends.
                draft.write_bytes(text.encode("utf-8", "replace"))
            for path, draft in drafts.items():
                draft.replace(path.resolve())
        finally:
            for draft in drafts.values():
                draft.unlink(missing_ok=True)


def write_report(
    connection: Connection,
    files: ReportFiles,
    *,
    span: Span,
    objective: timedelta | None,
    overdue_after: timedelta | None,
    server_ids: Sequence[str] | None,
    names: NameSource,
    title: str | None,
) -> ExitStatus:
    """Read the jobs and their logs, write the files of the report, and print what could not be read on stderr.

    Args:
        connection: How to read the jobs of one account and region.
        files: The files to write.
        span: The first and the last moment of the jobs.
        objective: The recovery time objective.
        overdue_after: The time from which a server is overdue.
        server_ids: The servers of the report; `None` for all.
        names: The host names.
        title: The title; `None` for the default.

    Returns:
        SERVICE if a job could not be read, although the report is written. SUCCEEDED otherwise, also without some logs.
    """
    with usage_errors():
        client = connection.make_client()
    region = connection.region or boto3.Session(profile_name=connection.profile).region_name
    make_page = page_function()
    files.check()
    unreadable: list[MalformedResponseError] = []
    from_date, to_date = span
    jobs = list(client.describe_jobs(from_date=from_date, to_date=to_date, on_malformed=unreadable.append))
    known_names = names.resolve(connection)
    reports = read_phases(client, jobs)
    limits = (("since", from_date), ("until", to_date))
    dates = "".join(f" {word} {format_minute(moment)} UTC" for word, moment in limits if moment)
    evidence = collect(
        jobs,
        reports,
        objective=objective,
        overdue_after=overdue_after,
        source_server_ids=server_ids,
        names=known_names,
        title=title,
        generated_at=datetime.now(UTC),
        requested={"Requested": f"jobs created{dates or ' at any time'}" + (f", region {region}" if region else "")},
        unreadable_jobs=unreadable,
    )
    files.write({files.page: make_page(evidence), files.servers: servers_csv(evidence), files.jobs: participants_csv(evidence)})
    if unreadable:
        print_error(f"{format_count(len(unreadable), 'job')} could not be read, the first: {unreadable[0]}")
    written = ", ".join(path.name for path in (files.page, files.servers, files.jobs))
    servers = format_count(len(evidence.servers), "server")
    print_note(f"{servers}, {format_count(len(evidence.jobs), 'job')}, written to {written}")
    return ExitStatus.SERVICE if unreadable else ExitStatus.SUCCEEDED
