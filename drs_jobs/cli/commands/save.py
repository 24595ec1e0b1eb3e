"""`drs-jobs save`: keeps jobs and logs in a file."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from drs_jobs import JobsClient, MalformedResponseError
from drs_jobs._client import region_of
from drs_jobs._text import format_count
from drs_jobs.cli.exit_status import ExitStatus, print_error, print_note, raise_usage_errors
from drs_jobs.cli.options import Connection, Organisation, Since, with_option_groups
from drs_jobs.cli.parsers import parse_moment
from drs_jobs.cli.sources import JobSource, place_of, print_incomplete, track
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
        now = datetime.now(UTC)
        from_date = parse_moment("--since", since, now)
        if from_date is not None and from_date > now:
            raise ValueError(f"--since {since} is in the future: use a date in the past, or leave it out")
        source = JobSource.from_options(connection, organisation)
        jobs_file = JobsFile(file)
    with jobs_file:
        saved, count = jobs_file.saved, SavedCount()
        errors: list[tuple[Place, MalformedResponseError]] = []
        log_errors: set[str] = set()

        def read(client: JobsClient) -> tuple[list[Line], list[MalformedResponseError]]:
            unsaved = UnsavedJobs(client, saved, from_date=from_date)
            return list(unsaved), unsaved.malformed

        def append(place: Place, unsaved: tuple[list[Line], list[MalformedResponseError]]) -> None:
            nonlocal count
            lines, malformed = unsaved
            count += jobs_file.append(lines, account_id=place.account_id)
            log_errors.update(filter(None, (line.content.get("logError") for line in lines)))
            errors.extend((place, error) for error in malformed[:1])

        if source.client is None:
            source.read(read, append)
            for failure in source.failures:
                jobs_file.append([failed_run(failure.error, place_of(failure.target))])
            source.print_notes()
        else:
            unsaved = UnsavedJobs(source.client, saved, from_date=from_date)
            here = Place(None, region_of(source.client))
            for line in track(unsaved, total=len(unsaved), description="reading logs"):
                append(here, ([line], []))
            errors += [(here, error) for error in unsaved.malformed[:1]]
    print_note(
        f"{format_count(count.added, 'job')} added, {count.kept:,} kept, {count.unfinished:,} unfinished, "
        f"{count.without_log:,} without a log"
    )
    for log_error in sorted(log_errors)[:3]:
        print_error(f"a log could not be read, the next run requests it again: {log_error}")
    print_incomplete(errors)
    return ExitStatus.SERVICE if errors else source.status
