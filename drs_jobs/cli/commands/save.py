"""`drs-jobs save`: keeps jobs and logs in a file."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Annotated

import attrs
import typer

from drs_jobs import JobsClient, MalformedResponseError
from drs_jobs._text import format_count
from drs_jobs.cli.exit_status import ExitStatus, print_error, print_note, raise_usage_errors
from drs_jobs.cli.options import Connection, Organisation, Since, with_option_groups
from drs_jobs.cli.parsers import parse_moment
from drs_jobs.cli.sources import JobSource, place_of, track
from drs_jobs.saved.archive import Place
from drs_jobs.saved.writing import JobsFile, Line, SavedCount, UnsavedJobs, failed_run


@with_option_groups
def save(
    file: Annotated[
        str,
        typer.Argument(metavar="FILE", help="The file to append to, such as jobs.jsonl. A new one is created."),
    ],
    connection: Connection,
    organisation: Organisation,
    since: Since = None,
) -> ExitStatus:
    """Append each complete job, with its log, that a file does not have yet, and what was read. It can be interrupted.

    AWS does not document how long it keeps jobs. Other commands read the file with --from. It has the tags of jobs, which AWS
    marks as sensitive, so only its owner can read it.
    """
    with raise_usage_errors():
        from_date = parse_moment("--since", since, datetime.now(UTC))
        source = JobSource.from_options(connection, organisation)
        jobs_file = JobsFile(file)
    with jobs_file:
        count, errors = SavedCount(), list[tuple[Place, MalformedResponseError]]()

        def append(place: Place, unsaved: _Unsaved) -> None:
            nonlocal count
            count += jobs_file.append(unsaved.lines, account_id=place.account_id)
            errors.extend((place, error) for error in unsaved.malformed[:1])

        if source.client is None:
            reading = source.read(_Read(jobs_file.saved, from_date), append)
            for failure in reading.failures:
                jobs_file.append([failed_run(failure.error, place_of(failure.target))])
            status = reading.status
            reading.print_notes()
        else:
            unsaved = UnsavedJobs(source.client, jobs_file.saved, from_date=from_date)
            for line in track(unsaved, total=len(unsaved), description="reading logs"):
                count += jobs_file.append([line])
            status = ExitStatus.SUCCEEDED
            if unsaved.malformed:
                errors.append((Place(None, None), unsaved.malformed[0]))
    print_note(
        f"{format_count(count.added, 'job')} added, {count.kept:,} kept, {count.unfinished:,} unfinished, "
        f"{count.without_log:,} without a log"
    )
    for place, error in errors:
        print_error(f"{place}: not all jobs could be read: {error}".removeprefix(": "))
    return ExitStatus.SERVICE if errors else status


@attrs.frozen
class _Unsaved:
    """What a file lacks of one account and region."""

    lines: list[Line]
    malformed: list[MalformedResponseError]


@attrs.frozen
class _Read:
    """Reads what a file lacks of one account and region."""

    saved: Mapping[str, bool]
    from_date: datetime | None

    def __call__(self, client: JobsClient) -> _Unsaved:
        unsaved = UnsavedJobs(client, self.saved, from_date=self.from_date)
        return _Unsaved(list(unsaved), unsaved.malformed)
