"""From when and until when the files of a `SavedJobs` cover the jobs: what `assess` needs beside the jobs."""

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import attrs

from drs_jobs._text import format_second
from drs_jobs.evidence import Problem
from drs_jobs.saved.archive import Archive, Place, Run
from drs_jobs.saved.client import SavedJobs


@attrs.frozen
class Coverage:
    """What files cover: arguments of `assess`, and what limits them."""

    as_of: datetime | None
    """The moment that was given, or the last that all places cover; `None` if no file has one."""
    since: datetime | None
    """The start of the time until `as_of` that all places cover without a gap; `None` for all jobs."""
    places: tuple[Place, ...]
    """The accounts and regions in the files."""
    problems: tuple[Problem, ...]
    """What is not covered, with its account and region."""
    notes: tuple[str, ...]
    """What else limits the jobs, one line each."""


class _Span(NamedTuple):
    """A time without a gap: all jobs that were created in it were read."""

    start: datetime
    end: datetime


_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
_MAX_LAG: Final = timedelta(days=1)
"""How much older the newest run of a place can be than that of another without a note."""


def coverage(saved: SavedJobs, as_of: datetime | None = None) -> Coverage:
    """Return what files cover until `as_of`, the moment of the assessment: by default the last that all places cover.

    A run of `save_jobs` covers the jobs that were created from its `readFrom` until its `savedAt`, when it began. The output of
    another tool does not say what it covers. It counts as all jobs until the last time that one of them has, or until `as_of`
    if that is given, and a note says so.
    """
    archive = saved.archive
    spans = _spans_by_place(archive.runs)
    printed = {place: time for place, time in archive.printed_places.items() if place not in spans}
    ends = {place: place_spans[-1].end for place, place_spans in spans.items()}
    moment = as_of or min((time for time in (*ends.values(), *printed.values()) if time is not None), default=None)
    since = _BEGINNING
    problems = [(place, "all jobs: no run that saves them has ended") for place in archive.saved_places if place not in spans]
    for file in archive.files:
        problems += [
            (place, f"jobs after the end of {file.name}, a page token") for place in file.cut_off if place not in spans
        ]
    latest = moment or _BEGINNING  # without a moment there are no spans
    for place, place_spans in spans.items():
        span = next((span for span in reversed(place_spans) if span.start <= latest), None)
        if span is None:
            problems.append((place, f"jobs created before {format_second(place_spans[0].start)} UTC: no run covers them"))
        else:
            since = max(since, span.start)
            if span.end < latest:
                problems.append((place, f"jobs created after {format_second(span.end)} UTC: no run covers them"))
    return Coverage(
        as_of=moment,
        since=None if since == _BEGINNING else since,
        places=tuple(dict.fromkeys([*spans, *printed, *archive.saved_places])),
        problems=tuple(Problem(text, account_id=place.account_id, region=place.region) for place, text in problems),
        notes=tuple(_notes(archive, ends, printed)),
    )


def _spans_by_place(runs: Iterable[Run]) -> dict[Place, list[_Span]]:
    """Return the spans of each place, the oldest first.

    A region without jobs does not show its account. Such a run is left out if another one of the region has an account.
    """
    known_regions = {run.place.region for run in runs if run.place.account_id is not None}
    spans: dict[Place, list[_Span]] = {}
    for run in sorted(runs, key=lambda run: run.saved_at):
        if run.place.account_id is None and run.job_count == 0 and run.place.region in known_regions:
            continue
        place_spans, start = spans.setdefault(run.place, []), run.read_from or _BEGINNING
        while place_spans and start <= place_spans[-1].end:
            start = min(start, place_spans.pop().start)
        place_spans.append(_Span(start, run.saved_at))
    return spans


def _notes(archive: Archive, ends: Mapping[Place, datetime], printed: Iterable[Place]) -> Iterator[str]:
    for file in archive.files:
        if file.has_half_line:
            yield f"{file.name} ends with half a line, which is left out: run drs-jobs save again"
    if ends:
        oldest, newest = min(ends, key=ends.__getitem__), max(ends, key=ends.__getitem__)
        if ends[newest] - ends[oldest] > _MAX_LAG:
            times = f"{format_second(ends[oldest])} UTC, but {newest} at {format_second(ends[newest])} UTC"
            yield f"{oldest} was last saved at {times}: run drs-jobs save for both"
    if names := ", ".join(map(str, printed)):
        yield f"{names}: printed by another tool, so later jobs, and those that a filter left out, are not known"
