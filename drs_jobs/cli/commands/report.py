"""`drs-jobs report`: the assessment of `drs-jobs check` as a page and two CSV files."""

import stat
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

import attrs
import typer

from drs_jobs._extras import import_with_extra
from drs_jobs._text import quoted
from drs_jobs.cli.evidence_reader import EvidenceReader, status_of_verdict
from drs_jobs.cli.exit_status import ExitStatus, UsageError, print_note, raise_usage_errors
from drs_jobs.cli.options import Connection, Criteria, Organisation, Saved, with_option_groups
from drs_jobs.evidence.csv import jobs_csv, records_csv


@with_option_groups
def report(
    file: Annotated[
        str, typer.Argument(metavar="FILE.html", help="The page to write. FILE.csv and FILE-jobs.csv are written too.")
    ],
    *,
    criteria: Criteria,
    connection: Connection,
    saved: Saved = None,
    organisation: Organisation,
    title: Annotated[str | None, typer.Option(help="The title of the page.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace files that exist.")] = False,
) -> ExitStatus:
    """Write the evidence of servers as one HTML page and as CSV, for an audit. The exit status is that of drs-jobs check.

    FILE.csv has one row per server, and FILE-jobs.csv one per server and job. The logs of all drills and recoveries are read.
    """
    page: Any = import_with_extra("drs_jobs.evidence.page", "report")  # before the requests
    with raise_usage_errors():
        inputs = (criteria.servers, criteria.names, organisation.accounts, *(saved or ()))
        files = ReportFiles(Path(file), can_replace=force, inputs=[Path(path) for path in inputs if path])
        files.check()
        reader = EvidenceReader(criteria, connection, organisation, saved, history=True)
    assessment = reader.read()
    saved_files = () if reader.source.saved is None else reader.source.saved.archive.files
    text = page.page(assessment, title, files=saved_files)
    files.write(text, records_csv(assessment), jobs_csv(assessment))
    reader.print_notes(assessment)
    print_note(f"written to {', '.join(path.name for path in files.paths)}")
    return status_of_verdict(assessment, exit_zero=criteria.exit_zero)


@attrs.frozen
class ReportFiles:
    """The files of a report. Each is written atomically."""

    page: Path
    can_replace: bool
    inputs: Sequence[Path] = ()
    """Files that the command reads. They are never replaced."""

    @property
    def paths(self) -> tuple[Path, Path, Path]:
        """The page, and next to it the CSV file of the servers, and that of the servers in each job."""
        return self.page, self.page.with_suffix(".csv"), self.page.with_name(f"{self.page.stem}-jobs.csv")

    def check(self) -> None:
        """Check that the files can be written, without changing any. If not, it is a UsageError."""
        name = quoted(str(self.page))
        if self.page.suffix.lower() not in {".html", ".htm"}:
            raise UsageError(f"{name} is not the name of an HTML page: give one that ends in .html, such as evidence.html")
        try:
            for path in self.paths:
                self._check_path(path)
            with tempfile.TemporaryDirectory(dir=self.page.parent):
                pass
        except OSError as error:
            raise UsageError(f"{name} cannot be written: {error.strerror or error}") from None

    def _check_path(self, path: Path) -> None:
        try:
            mode = path.lstat().st_mode  # other than `exists`, it raises an error for a name that is too long
        except FileNotFoundError:
            return
        name = quoted(path.name)
        if not stat.S_ISREG(mode):
            raise UsageError(f"{name} exists and is not a regular file: give another name")
        if any(file.exists() and path.samefile(file) for file in self.inputs):
            raise UsageError(f"{name} is read by this command: give another name")
        if not self.can_replace:
            raise UsageError(f"{name} exists: give another name, or --force to replace it")

    def write(self, *texts: str) -> None:
        """Write the text of each of `paths`, after another check, because a file can have been created since the first one."""
        self.check()
        # In a fresh folder, which no other user can write, so that no link can be planted. It is on the same file system.
        with tempfile.TemporaryDirectory(dir=self.page.parent, prefix=".drs-jobs-") as folder:
            drafts = [Path(folder) / path.name for path in self.paths]
            for draft, text in zip(drafts, texts, strict=True):
                # Bytes, because the CSV has its own line ends.
                draft.write_bytes(text.encode("utf-8", "replace"))
            for draft, path in zip(drafts, self.paths, strict=True):
                draft.replace(path)
