"""The phases of a job: a table with a bar for each phase, records for JSON and CSV, and how they are read while jobs run."""

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any, Final

import attrs
from botocore.exceptions import BotoCoreError
from rich.console import Console, ConsoleOptions, RenderResult
from rich.segment import Segment
from rich.style import Style
from rich.table import Table
from rich.text import Text

from drs_jobs import DrsJobsError, Job, JobLogItem, JobsClient, Outcome, is_transient
from drs_jobs._client import read_log
from drs_jobs._html import OUTCOME_COLOURS
from drs_jobs._text import format_duration
from drs_jobs._time import seconds_of
from drs_jobs.analysis import JobPhases, ParticipantPhases, Phase, PhaseName, Progress, instance_ids, phases, progress
from drs_jobs.cli import output
from drs_jobs.evidence import wording
from drs_jobs.sweep.workers import DaemonThreadPool

_LETTERS: Final = dict(zip(PhaseName, ("░u", "▒s", "▓c", "█l", "▒d", "▓n", "█t"), strict=True))
"""The character of each phase in a bar, and the one for a terminal that has only ASCII."""

_WAITING: Final = "·."


@attrs.frozen
class PhaseBar:
    """The phases of a participant on the time axis of the table. The character is the phase, the colour its outcome."""

    spans: tuple[tuple[float, float, Phase], ...]
    """The start and the end of each phase, as fractions of the time axis."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
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
    report: JobPhases, rows: Sequence[ParticipantPhases], *, now: datetime, width: int, names: output.HostNames
) -> Table:
    """Return a table of some participants of a job, one per row, with a bar and the duration of each phase.

    Phases that are running reach until `now`.
    """
    rows = [attrs.evolve(row, phases=tuple(_until(phase, now) for phase in row.phases)) for row in rows]
    shown = [phase for row in rows for phase in row.phases]
    # The clock of this machine can be behind AWS's, so `now` is no start.
    starts = [*filter(None, (report.job.creation_date_time, *(phase.started_at for phase in shown)))]
    start = min(starts, default=now)
    end = max([*starts, *filter(None, (phase.ended_at for phase in shown))], default=now)
    instances = instance_ids(report.job, report.log)
    columns = [
        output.Column("participant", lambda row: output.server_label(row.participant, names)),
        output.Column("phases", lambda row: PhaseBar(tuple(_spans(row, start, end))), rank=3),
        *(
            output.Column(name.label, functools.partial(_phase_cell, name), rank=len(PhaseName) + 4 - index)
            for index, name in enumerate(report.phase_names)
        ),
        output.Column("recovered in", lambda row: format_duration(row.recovery_time), rank=2),
        output.Column("instance", lambda row: instances.get(row.participant, "-"), rank=len(PhaseName) + 5),
        output.Column("outcome", lambda row: Text(row.outcome.name, style=OUTCOME_COLOURS[row.outcome]), rank=1),
    ]
    if not instances:
        del columns[-2]
    return output.fitted_table(columns, rows, width=width)


def phases_legend(report: JobPhases, *, is_ascii: bool) -> str:
    """Return the meaning of the characters in the bars."""
    letters = [f"{_LETTERS[name][is_ascii]} {name.label}" for name in report.phase_names]
    return "  ".join([*letters, f"{_WAITING[is_ascii]} waiting"])


def _until(phase: Phase, now: datetime) -> Phase:
    """Return a phase that ends now if it is running."""
    return attrs.evolve(phase, ended_at=now) if phase.outcome is Outcome.RUNNING and phase.ended_at is None else phase


def _spans(row: ParticipantPhases, start: datetime, end: datetime) -> Iterator[tuple[float, float, Phase]]:
    for phase in row.phases:
        if phase.started_at is not None and end > start:
            stop = max(phase.ended_at or phase.started_at, phase.started_at)
            yield (phase.started_at - start) / (end - start), (stop - start) / (end - start), phase


def _phase_cell(name: PhaseName, row: ParticipantPhases) -> Text:
    """Return a cell with the duration of one phase, and with what is unusual."""
    phase = next((phase for phase in row.phases if phase.name is name), None)
    if phase is None:
        return Text("-")
    attempts = f" ({phase.attempts} attempts)" if phase.attempts > 1 else ""
    outcome = "" if phase.outcome is Outcome.SUCCEEDED else f" {phase.outcome.name}"
    style = OUTCOME_COLOURS[phase.outcome] if outcome else ""
    return Text(f"{format_duration(phase.duration)}{attempts}{outcome}", style=style)


# ------------------------------------------------------------------ records


def phases_records(report: JobPhases, names: output.HostNames) -> Iterator[dict[str, Any]]:
    """Yield one record per participant for JSON, with a list of its phases."""
    for row in report.participants:
        key = "sourceNetworkID" if row.participant.startswith("sn-") else "sourceServerID"
        yield {
            "jobID": report.job.job_id,
            key: row.participant,
            **({"hostName": names[row.participant]} if row.participant in names else {}),
            "outcome": row.outcome.name,
            "launchedAt": row.launched_at,
            "recoverySeconds": seconds_of(row.recovery_time),
            "phases": [{key: value(phase) for key, value in _PHASE_VALUES.items()} for phase in row.phases],
            "logError": wording.error_label(report.log_error) or None,
        }


_PHASE_VALUES: Final[Mapping[str, Callable[[Phase], object]]] = {
    "name": lambda phase: phase.name.name,
    "startedAt": lambda phase: phase.started_at,
    "endedAt": lambda phase: phase.ended_at,
    "durationSeconds": lambda phase: seconds_of(phase.duration),
    "waitingBeforeSeconds": lambda phase: seconds_of(phase.waiting_before),
    "attempts": lambda phase: phase.attempts,
    "outcome": lambda phase: phase.outcome.name,
    "error": lambda phase: phase.error,
}
"""The values of a phase by key, in JSON and in CSV."""

PHASE_COLUMNS: Final = ("jobID", "participant", "participantOutcome", "recoverySeconds", *_PHASE_VALUES)
"""The columns of phases as CSV."""


def phase_rows(report: JobPhases, names: output.HostNames) -> Iterator[dict[str, Any]]:
    """Yield one record per phase of a participant for CSV. A participant without phases has one record."""
    for row, record in zip(report.participants, phases_records(report, names), strict=True):
        for phase in record["phases"] or [{"outcome": None}]:
            yield {**record, "participant": row.participant, "participantOutcome": row.outcome.name, **phase}


# ------------------------------------------------------------------ while jobs run


class PhaseReader:
    """Reads logs on threads of its own, so that a log that is slow or cannot be read never delays the polls."""

    def __init__(self, client: JobsClient, now: Callable[[], datetime]) -> None:
        """Create a reader that has read nothing. `now` returns the current time."""
        self._client = client
        self._now = now
        self.executor: Executor = DaemonThreadPool(4)  # its threads do not keep the process alive
        self._reads: dict[str, Future[None]] = {}
        self._fractions: dict[str, float] = {}
        self._logs: dict[str, list[JobLogItem]] = {}
        self._log_errors: dict[str, Exception | None] = {}
        self._earlier: dict[str, Future[tuple[JobPhases, ...]]] = {}
        self.error: Exception | None = None
        """The first error of a log of a running job, else `None`."""

    def submit(self, jobs: Iterable[Job]) -> None:
        """Read on the threads, for running jobs: earlier jobs once, and again each log that is readable and not being read."""
        for job in jobs:
            read, error = self._reads.get(job.job_id), self._log_errors.get(job.job_id)
            if (read is None or read.done()) and (error is None or is_transient(error)):
                self._reads[job.job_id] = self.executor.submit(self._read, job)
            if job.job_id not in self._earlier and _server_ids(job):
                self._earlier[job.job_id] = self.executor.submit(read_earlier, self._client, job, self._now())

    def _read(self, job: Job) -> None:
        items, error = read_log(self._client, job.job_id)
        self._log_errors[job.job_id] = error
        self.error = self.error or error
        # After an error, the log that was read before can have more items.
        if error is None or len(items) > len(self._logs.get(job.job_id, ())):
            self._logs[job.job_id] = items

    def progress(self, job: Job) -> Progress | None:
        """Return how far a running job is; `None` if its log has not been read."""
        if (log := self._logs.get(job.job_id)) is None:
            return None
        # A log that could not be read again lacks what has happened since, so nothing in it is slow.
        report = phases(job, log, log_error=self._log_errors[job.job_id])
        read = self._earlier.get(job.job_id)
        earlier = read.result() if read is not None and read.done() and read.exception() is None else ()
        state = progress(report, now=self._now(), earlier=earlier)
        # Earlier jobs that were read later, and a log that lacks what the statuses show, can decrease it.
        fraction = self._fractions[job.job_id] = max(state.fraction, self._fractions.get(job.job_id, 0.0))
        return attrs.evolve(state, fraction=fraction)


def read_earlier(client: JobsClient, job: Job, now: datetime) -> tuple[JobPhases, ...]:
    """Return the phases of the latest complete jobs of the same servers. After an error, those that were read."""
    missing = Counter(dict.fromkeys(_server_ids(job), 3))  # enough for a median
    reports: list[JobPhases] = []
    if not missing:
        return ()
    with suppress(BotoCoreError, DrsJobsError):  # only the usual times and the time left are missing
        # With a limit, so that the list of a large account is not read to its end.
        for other in client.describe_jobs(from_date=now - timedelta(days=365), limit=1000, on_malformed=lambda _: None):
            servers = _server_ids(other) & missing.keys()
            if not servers or not other.is_complete or other.type != job.type or other.job_id == job.job_id:
                continue
            items, error = read_log(client, other.job_id)
            reports.append(phases(other, items, log_error=error))
            missing -= Counter(servers)  # keeps the servers that are above 0
            if len(reports) == 5 or not missing:
                break
    return tuple(reports)


def _server_ids(job: Job) -> set[str]:
    return {server.source_server_id for server in job.participating_servers if server.source_server_id}
