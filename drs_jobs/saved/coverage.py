"""From when and until when the files of a `SavedJobs` cover the jobs: what `assess` needs besides the jobs."""

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
    since: datetime | None = None
    """The start of the time until `as_of` that all places cover without a gap; `None` for all jobs."""
    places: tuple[Place, ...] = ()
    problems: tuple[Problem, ...] = ()
    """What is not covered, with its account and region."""
    notes: tuple[str, ...] = ()
    """What else limits the jobs, one line each."""


class _Span(NamedTuple):
    """A time without a gap: all jobs that were created in it were read."""

    start: datetime
    end: datetime


_BEGINNING: Final = datetime.min.replace(tzinfo=UTC)
_MAX_LAG: Final = timedelta(days=1)
"""How much earlier a place can be covered until than another without a note."""


def coverage(saved: SavedJobs, as_of: datetime | None = None) -> Coverage:
    """Return what files cover until `as_of`, the moment of the assessment: by default the last that all places cover.

    A run of `save_jobs` covers the jobs that were created from its `readFrom` until its `savedAt`, when it began. The output of
    another tool does not say what it covers. It counts as all jobs until the last time that one has, and a note says so.
    """
    archive = saved.archive
    spans = _spans_by_place(archive)
    printed = [place for place in archive.printed_places if not spans.get(place)]
    cut_off = [(name, place) for name, place in archive.cut_off if not spans.get(place)]
    problems = [(place, f"jobs after the end of {name}, a page token") for name, place in cut_off]
    spans |= {place: [_Span(_BEGINNING, time)] if (time := archive.printed_places[place]) else [] for place in printed}
    ends = {place: place_spans[-1].end for place, place_spans in spans.items() if place_spans}
    moment = as_of or min(ends.values(), default=None)
    since = _BEGINNING
    errors = {place: run.error for place, run in _places_of_runs(archive) if run.error is not None}
    latest = moment or _BEGINNING  # without a moment there are no spans
    for place, place_spans in spans.items():
        span = next((span for span in reversed(place_spans) if span.start <= latest), None)
        if not place_spans:
            problems.append((place, f"all jobs: {errors.get(place, 'no run that saves them has ended')}"))
        elif span is None:
            problems.append((place, f"jobs created before {format_second(place_spans[0].start)} UTC: the files lack them"))
        else:
            since = max(since, span.start)
            if span.end < latest:
                problems.append((place, f"jobs created after {format_second(span.end)} UTC: the files lack them"))
    return Coverage(
        as_of=moment,
        since=None if since == _BEGINNING else since,
        places=tuple(spans),
        problems=tuple(Problem(text, **place._asdict()) for place, text in problems),
        notes=tuple(_notes(archive, ends, printed)),
    )


def _spans_by_place(archive: Archive) -> dict[Place, list[_Span]]:
    """Return the spans of each place of `save_jobs`, the oldest first."""
    spans: dict[Place, list[_Span]] = {place: [] for place in archive.saved_places}
    for place, run in _places_of_runs(archive):
        place_spans, start = spans.setdefault(place, []), run.read_from or _BEGINNING
        if run.error is None:
            while place_spans and start <= place_spans[-1].end:
                start = min(start, place_spans.pop().start)
            place_spans.append(_Span(start, run.saved_at))
    return spans


def _places_of_runs(archive: Archive) -> Iterator[tuple[Place, Run]]:
    """Yield each run with its place, the oldest first.

    A region without jobs does not show its account. Such a run is of the account that the region has in the files. If it has
    several, the run is left out.
    """
    places = {*(run.place for run in archive.runs), *archive.saved_places}
    for run in sorted(archive.runs, key=lambda run: run.saved_at):
        accounts = {run.place.account_id}
        if run.place.account_id is None and run.job_count == 0:
            accounts = {place.account_id for place in places if place.region == run.place.region} - {None} or {None}
        if len(accounts) == 1:
            yield Place(accounts.pop(), run.place.region), run


def _notes(archive: Archive, ends: Mapping[Place, datetime], printed: Iterable[Place]) -> Iterator[str]:
    for name in archive.half_lines:
        yield f"{name} ends with half a line, which is left out: run drs-jobs save again"
    if ends:
        oldest, newest = min(ends, key=ends.__getitem__), max(ends, key=ends.__getitem__)
        if ends[newest] - ends[oldest] > _MAX_LAG:
            times = f"{format_second(ends[oldest])} UTC, but {newest} until {format_second(ends[newest])} UTC"
            yield f"{oldest} is covered until {times}: run drs-jobs save for both"
    if names := ", ".join(map(str, printed)):
        yield f"{names}: printed by another tool, so later jobs, and those that a filter left out, are not known"
