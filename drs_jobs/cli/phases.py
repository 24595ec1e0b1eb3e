"""The phases of a job: a table with a bar for each phase, and records for JSON and CSV."""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, Final

import attrs
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from drs_jobs import Outcome
from drs_jobs._html import OUTCOME_COLOURS
from drs_jobs._text import format_duration
from drs_jobs._time import nearest_utc
from drs_jobs.analysis import JobPhases, ParticipantPhases, Phase, PhaseName, instance_ids
from drs_jobs.cli import output

_LETTERS: Final[Mapping[PhaseName, str]] = {
    PhaseName.CLEANUP: "░u",
    PhaseName.SNAPSHOT: "▒s",
    PhaseName.CONVERSION: "▓c",
    PhaseName.LAUNCH: "█l",
    PhaseName.DEPLOY_NETWORK_CONFIGURATION: "▒d",
    PhaseName.UPDATE_NETWORK_CONFIGURATION: "▓n",
    PhaseName.UPDATE_LAUNCH_TEMPLATE: "█t",
}
"""The character of each phase in a bar, and the one for a terminal that has only ASCII."""

_WAITING: Final = "·."


@attrs.frozen
class PhaseBar:
    """The phases of a participant on the time axis of the job. The character is the phase, the colour its outcome."""

    spans: tuple[tuple[float, float, Phase], ...]
    """The start and the end of each phase, as fractions of the time axis."""

    def __rich_console__(self, _: Console, options: ConsoleOptions) -> RenderResult:
        """Yield one character per column, each phase at least one, with the waiting times between them."""
        width, encoding = options.max_width, int(options.ascii_only)
        position = 0
        for number, (start, end, phase) in enumerate(self.spans):
            # The phases after this one need a column each.
            last = width - (len(self.spans) - number - 1)
            first = min(max(round(start * width), position), max(position, last - 1))
            stop = min(max(round(end * width), first + 1), max(first, last))
            yield Segment(_WAITING[encoding] * (first - position))
            yield Segment(_LETTERS[phase.name][encoding] * (stop - first), Style(color=OUTCOME_COLOURS[phase.outcome]))
            position = stop


def phases_table(
    report: JobPhases,
    rows: Sequence[ParticipantPhases],
    *,
    now: datetime,
    width: int,
    names: Mapping[str, str] = output.NO_NAMES,
) -> Table:
    """Return a table of some participants of a job, one per row, with a bar and the duration of each phase.

    Phases that are running reach until `now`.
    """
    phases = [phase for row in report.participants for phase in row.phases]
    created = report.job.creation_date_time
    times = [phase.started_at for phase in phases] + [_end(phase, now) for phase in phases]
    known_times = [nearest_utc(time) for time in (created, *times) if time is not None]
    start, end = min(known_times, default=now), max(known_times, default=now)
    instances = instance_ids(report.job, report.log)
    columns = [
        output.Column("participant", lambda row: output.server_label(row.participant, names)),
        output.Column("phases", lambda row: PhaseBar(tuple(_spans(row, start, end, now))), rank=3),
        *(
            output.Column(_label(name), functools.partial(_phase_cell, name, now), rank=len(PhaseName) + 4 - index)
            for index, name in enumerate(report.phase_names)
        ),
        output.Column("recovered in", lambda row: format_duration(row.recovery_time), rank=2),
        output.Column("instance", lambda row: instances.get(row.participant, "-"), rank=len(PhaseName) + 5),
        output.Column("outcome", lambda row: Text(row.outcome.name, style=OUTCOME_COLOURS[row.outcome]), rank=1),
    ]
    if not instances:
        del columns[-2]
    return output.fitted_table(columns, output.cells(columns, rows), width=width)


def phases_legend(report: JobPhases, *, is_ascii: bool) -> str:
    """Return the meaning of the characters in the bars."""
    letters = [f"{_LETTERS[name][is_ascii]} {_label(name)}" for name in report.phase_names]
    return "  ".join([*letters, f"{_WAITING[is_ascii]} waiting"])


def _label(name: PhaseName) -> str:
    return name.name.lower().replace("_", " ")


def _end(phase: Phase, now: datetime) -> datetime | None:
    """Return the end of a phase; the current time if it is running, and `None` if it is unknown."""
    return now if phase.outcome is Outcome.RUNNING and phase.ended_at is None else phase.ended_at


def _spans(row: ParticipantPhases, start: datetime, end: datetime, now: datetime) -> Iterator[tuple[float, float, Phase]]:
    for phase in row.phases:
        if phase.started_at is not None and end > start:
            stop = max(_end(phase, now) or phase.started_at, phase.started_at)
            yield (phase.started_at - start) / (end - start), (stop - start) / (end - start), phase


def _phase_cell(name: PhaseName, now: datetime, row: ParticipantPhases) -> Text:
    """Return a cell with the duration of one phase, and with what is unusual."""
    phase = next((phase for phase in row.phases if phase.name is name), None)
    if phase is None:
        return Text("-")
    end = _end(phase, now)
    duration = None if phase.started_at is None or end is None else end - phase.started_at
    attempts = f" ({phase.attempts} attempts)" if phase.attempts > 1 else ""
    outcome = "" if phase.outcome is Outcome.SUCCEEDED else f" {phase.outcome.name}"
    return Text(f"{format_duration(duration)}{attempts}{outcome}", style=OUTCOME_COLOURS[phase.outcome] if outcome else "")


# ------------------------------------------------------------------ records

HOST_NAME: Final = "hostName"


def phases_records(report: JobPhases, *, names: Mapping[str, str] = output.NO_NAMES) -> Iterator[dict[str, Any]]:
    """Yield one record per participant for JSON, with a list of its phases."""
    for row in report.participants:
        key = "sourceNetworkID" if row.participant.startswith("sn-") else "sourceServerID"
        yield {
            "jobID": report.job.job_id,
            key: row.participant,
            **({HOST_NAME: names[row.participant]} if row.participant in names else {}),
            "outcome": row.outcome.name,
            "launchedAt": row.launched_at,
            "recoverySeconds": output.seconds(row.recovery_time),
            "phases": [{key: value(phase) for key, value in _PHASE_VALUES.items()} for phase in row.phases],
            "logError": output.log_error_text(report.log_error),
        }


_PHASE_VALUES: Final[Mapping[str, Callable[[Phase], object]]] = {
    "name": lambda phase: phase.name.name,
    "startedAt": lambda phase: phase.started_at,
    "endedAt": lambda phase: phase.ended_at,
    "durationSeconds": lambda phase: output.seconds(phase.duration),
    "waitingBeforeSeconds": lambda phase: output.seconds(phase.waiting_before),
    "attempts": lambda phase: phase.attempts,
    "outcome": lambda phase: phase.outcome.name,
    "error": lambda phase: phase.error,
}
"""The values of a phase by key, in JSON and in CSV."""

PHASE_COLUMNS: Final = ("jobID", "participant", "participantOutcome", "recoverySeconds", *_PHASE_VALUES)
"""The columns of phases as CSV."""


def phase_rows(report: JobPhases, *, names: Mapping[str, str] = output.NO_NAMES) -> Iterator[dict[str, Any]]:
    """Yield one record per phase of a participant for CSV. A participant without phases has one record."""
    for row, record in zip(report.participants, phases_records(report, names=names), strict=True):
        for phase in record["phases"] or [{"outcome": None}]:
            yield {**record, "participant": row.participant, "participantOutcome": row.outcome.name, **phase}
