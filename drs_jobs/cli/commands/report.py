"""`drs-jobs report`: the report file of one account and region, with its CSV files beside it."""

import os
import tempfile
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import attrs
import typer

from drs_jobs import MalformedResponseError
from drs_jobs._text import format_count, format_minute, quoted
from drs_jobs.cli.exit_status import ExitStatus, UsageError, print_error, print_note, raise_usage_errors
from drs_jobs.cli.logs import read_phases
from drs_jobs.cli.names import NameSource
from drs_jobs.cli.options import (
    Connection,
    EndpointUrl,
    HostNames,
    NamesFile,
    Objective,
    OlderThan,
    Profile,
    Region,
    Servers,
    Since,
    Until,
    parse_duration,
    parse_moment,
    parse_servers,
    parse_span,
)
from drs_jobs.evidence import page_function
from drs_jobs.evidence.facts import collect
from drs_jobs.evidence.tables import participants_csv, servers_csv


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
    connection = Connection(profile, region, endpoint_url)
    with raise_usage_errors():
        now = datetime.now(UTC)
        from_date, to_date = parse_span(since, until, now)
        time_limit = parse_duration("--objective", objective)
        limit = None if older_than is None else parse_moment("--older-than", older_than, now)
        if limit is not None and limit > now:
            raise ValueError(f"--older-than {older_than} is in the future: use a date in the past, or 90d")
        server_ids = parse_servers(servers, names)
        name_source = NameSource.from_options(names, host_names=host_names)
        client = connection.make_client()
    aws_region = region or connection.make_session().region_name
    make_page = page_function()
    files = ReportFiles(file, can_replace=force)
    files.check()
    unreadable: list[MalformedResponseError] = []
    jobs = list(client.describe_jobs(from_date=from_date, to_date=to_date, on_malformed=unreadable.append))
    names_by_id = name_source.resolve(connection)
    reports = read_phases(client, jobs)
    limits = (("since", from_date), ("until", to_date))
    dates = "".join(f" {word} {format_minute(date)} UTC" for word, date in limits if date)
    evidence = collect(
        jobs,
        reports,
        objective=time_limit,
        overdue_after=None if limit is None else now - limit,
        source_server_ids=server_ids,
        names=names_by_id,
        title=title,
        generated_at=datetime.now(UTC),
        requested={"Requested": f"jobs created{dates or ' at any time'}" + (f", region {aws_region}" if aws_region else "")},
        unreadable_jobs=unreadable,
    )
    files.write({files.page: make_page(evidence), files.servers: servers_csv(evidence), files.jobs: participants_csv(evidence)})
    if unreadable:
        print_error(f"{format_count(len(unreadable), 'job')} could not be read, the first: {unreadable[0]}")
    written = ", ".join(path.name for path in (files.page, files.servers, files.jobs))
    count = format_count(len(evidence.servers), "server")
    print_note(f"{count}, {format_count(len(evidence.jobs), 'job')}, written to {written}")
    return ExitStatus.SERVICE if unreadable else ExitStatus.SUCCEEDED


@attrs.frozen
class ReportFiles:
    """The files of a report. Each is written atomically."""

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
        name = quoted(str(self.page))
        if self.servers == self.page or not self.page.name:
            raise UsageError(f"-o {name} is not the name of an HTML page: give one such as evidence.html")
        for path in (self.page, self.servers, self.jobs):
            if path.exists() and not path.is_file():
                raise UsageError(f"-o {name}: {path.name} is not a file: give another name")
            if path.exists() and not self.can_replace:
                raise UsageError(f"-o {name}: {path.name} exists: give another name, or --force to replace it")
        try:
            with tempfile.TemporaryFile(dir=self.page.parent):
                pass
        except OSError as error:
            raise UsageError(f"-o {name} cannot be written: {error.strerror or error}") from None

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
