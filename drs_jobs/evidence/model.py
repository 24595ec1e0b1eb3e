"""The classes of an assessment: verdicts, and what they rest on."""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Final, TypedDict

import attrs

from drs_jobs import _html
from drs_jobs._models import Job, Outcome
from drs_jobs._models.base import Model
from drs_jobs._models.source_server import SourceServer
from drs_jobs._text import format_instant
from drs_jobs._time import seconds_of
from drs_jobs.analysis import Explanation, JobPhases, ParticipantPhases, explain
from drs_jobs.evidence import wording


class Verdict(StrEnum):
    """Whether a criterion is met."""

    MET = "MET"
    """The criterion is met."""
    NOT_MET = "NOT_MET"
    """The criterion is not met."""
    UNDETERMINED = "UNDETERMINED"
    """What was read does not show whether the criterion is met."""

    @property
    def label(self) -> str:
        """The verdict for people: `met`, `not met` or `undetermined`."""
        return self.value.lower().replace("_", " ")


SEVERITY: Final = (Verdict.NOT_MET, Verdict.UNDETERMINED, Verdict.MET)
"""The verdicts, the worst first."""


def worst(verdicts: Sequence[Verdict]) -> Verdict | None:
    """Return the worst of several verdicts; `None` without any."""
    return min(verdicts, key=SEVERITY.index, default=None)


@attrs.frozen(repr=False)
class Problem(Model):
    """Something that could not be read, such as the jobs of one account and region."""

    text: str
    """What could not be read, and why."""
    account_id: str | None = attrs.field(default=None, kw_only=True)
    """The account that it concerns; `None` if it could concern any server."""
    region: str | None = attrs.field(default=None, kw_only=True)
    """The region that it concerns; `None` if it could concern any server."""

    def concerns(self, server: SourceServer) -> bool:
        """Return whether it could have hidden a job of a server: one of their places is not known, or both are equal."""
        places = (self.account_id, self.region), (server.account_id, server.region)
        return any(None in place for place in places) or places[0] == places[1]


@attrs.frozen(repr=False, kw_only=True)
class DrillResult(Model):
    """One drill of one server, as of the moment of the assessment."""

    job: Job
    """The job."""
    outcome: Outcome
    """The outcome for this server, which can differ from that of the job."""
    created_at: datetime | None = None
    """The creation time of the job, in UTC; `None` if it has none."""


@attrs.frozen(repr=False, kw_only=True)
class RecoveryResult(Model):
    """One recovery or drill of one server, as of the moment of the assessment."""

    job: Job
    """The job."""
    outcome: Outcome
    """The outcome for this server, which can differ from that of the job."""
    created_at: datetime | None = None
    """The creation time of the job, in UTC; `None` if it has none."""
    recovery_time: timedelta | None = None
    """The time from the creation of the job to the launch of the server; `None` if it is unknown."""
    at_most: timedelta | None = None
    """An upper limit if the time itself is unknown: the duration of the job, for a server that launched; else `None`."""
    phases: ParticipantPhases | None = None
    """The phases of the server; `None` if the job was given without its log."""


@attrs.frozen(repr=False, kw_only=True)
class ServerAssessment(Model):
    """The verdict for one server, and what it rests on."""

    server: SourceServer
    """The server. If only its id was given, account and region are those of its jobs."""
    drills: int = 0
    """The number of its drills, whatever their outcome."""
    last_drill: DrillResult | None = None
    """Its last drill; `None` without one."""
    last_completed_drill: DrillResult | None = None
    """Its last drill that is complete; `None` without one."""
    last_success: DrillResult | None = None
    """Its last successful drill; `None` without one."""
    age: timedelta | None = None
    """The time since the creation of `last_success`; `None` without one, or without its creation time."""
    recoveries: int = 0
    """The number of its recoveries, drills included."""
    latest_recovery: RecoveryResult | None = None
    """The recovery that was judged, else the latest; `None` without one."""
    median_recovery_time: timedelta | None = None
    """The median of its recovery times; `None` unless each complete recovery came with its whole log."""
    slowest_recovery_time: timedelta | None = None
    """The longest of its recovery times; `None` unless each complete recovery came with its whole log."""
    drilled: Verdict | None = None
    """Whether it was drilled successfully within the given time; `None` without that criterion."""
    recovered: Verdict | None = None
    """Whether its latest recovery was within the objective; `None` without that criterion."""
    verdict: Verdict | None = None
    """The worse of the two; `None` without a criterion."""
    reasons: tuple[str, ...] = ()
    """Why the verdict is not MET, or what contradicts it, as short sentences."""


@attrs.frozen(repr=False, kw_only=True)
class Assessment(Model):
    """The verdict for each server, and what was read. AWS does not document how long it keeps jobs."""

    servers: tuple[ServerAssessment, ...] = ()
    """One row per server: the given servers in their order, else those of drills and recoveries, sorted by id."""
    other_servers: tuple[str, ...] = ()
    """The ids of servers that drills and recoveries have, but that were not given, sorted; empty if none were given."""
    as_of: datetime
    """The moment of the assessment, in UTC. All ages are measured to it."""
    since: datetime | None = None
    """From when on jobs were read, in UTC; `None` for all that AWS has."""
    drilled_within: timedelta | None = None
    """The criterion for drills; `None` without it."""
    objective: timedelta | None = None
    """The recovery time objective (RTO); `None` without it."""
    job_count: int = 0
    """The number of jobs of any kind that count."""
    first_job_at: datetime | None = None
    """The creation time of the first of these jobs, in UTC; `None` without one."""
    last_job_at: datetime | None = None
    """The creation time of the last of these jobs, in UTC; `None` without one."""
    later_jobs: int = 0
    """The number of jobs that were created after `as_of`, and do not count."""
    problems: tuple[Problem, ...] = ()
    """What could not be read."""
    jobs: tuple[Job, ...] = ()
    """The drills and recoveries that count, newest first, each once. Those that ended after `as_of` are running in them."""
    phases: tuple[JobPhases, ...] = ()
    """The phases of those of these jobs that were given with phases, until `as_of`."""
    are_servers_given: bool = False
    """Whether the servers were given. If not, servers without jobs are not known, and servers that left are still judged."""
    source_notes: tuple[str, ...] = ()
    """What else limits the evidence, such as of saved jobs: one sentence each. `assess` leaves it empty."""

    @property
    def verdict(self) -> Verdict | None:
        """The worst verdict of all servers; `None` without a criterion. MET with problems is UNDETERMINED.

        Without any server it is UNDETERMINED.
        """
        if self.drilled_within is None and self.objective is None:
            return None
        verdict = worst([server.verdict for server in self.servers if server.verdict is not None])
        if verdict is None or (verdict is Verdict.MET and self.problems):
            return Verdict.UNDETERMINED
        return verdict

    @property
    def counts(self) -> Mapping[Verdict, int]:
        """The number of servers with each verdict, the worst first."""
        counts = Counter(server.verdict for server in self.servers)
        return {verdict: counts[verdict] for verdict in SEVERITY}

    @property
    def worst_first(self) -> tuple[ServerAssessment, ...]:
        """The servers, the worst verdict first. A server that is MET with a reason is before those without."""
        return tuple(sorted(self.servers, key=lambda row: (SEVERITY.index(row.verdict or Verdict.MET), not row.reasons)))

    @property
    def unread_logs(self) -> tuple[JobPhases, ...]:
        """Those of `phases` with a log that could not be read completely."""
        return tuple(report for report in self.phases if report.log_error is not None)

    def explanations(self) -> list[Explanation]:
        """Return the explanation of each of `jobs`, from its log until `as_of`."""
        # A log that was not read is like one that could not be read, because nothing can be concluded from what it lacks.
        unread = LookupError("the log was not read")
        reports = {job.job_id: JobPhases(job=job, log_error=unread) for job in self.jobs}
        reports.update((report.job.job_id, report) for report in self.phases if report.job.job_id in reports)
        return [explain(report.job, report.log, log_error=report.log_error) for report in reports.values()]

    def records(self) -> list["ServerRecord"]:
        """Return one flat dict per server, the same keys in every row, in the order of `servers`."""
        log_errors: dict[str | None, list[str]] = {}
        for report in self.unread_logs:
            for server_id in {server.source_server_id for server in report.job.participating_servers}:
                log_errors.setdefault(server_id, []).append(wording.log_error_label(report))
        return [_record(self, row, log_errors.get(row.server.source_server_id, [])) for row in self.servers]

    def _repr_html_(self) -> str:
        """Return a table for a notebook, with one row per server, the worst first."""
        rows: list[list[str]] = []
        for row in self.worst_first:
            label, *cells = wording.cells(row)
            coloured = _html.coloured_html(label, _html.VERDICT_COLOURS.get(row.verdict or ""))
            rows.append([coloured, *map(_html.text, cells)])
        table = _html.table_html(wording.title_label(self), wording.COLUMNS, rows)
        return table + _html.list_html("notes", list(wording.notes(self)))


class ServerRecord(TypedDict):
    """A server of an assessment as a flat dict, for JSON, CSV and tables. Times are ISO 8601 in UTC and end in `Z`.

    What is not known, or does not exist, is `None`.
    """

    sourceServerID: str
    """The id of the server."""
    name: str | None
    """The host name, if it is known."""
    accountID: str | None
    """The AWS account id, 12 digits."""
    region: str | None
    """The AWS region."""
    verdict: str | None
    """`MET`, `NOT_MET` or `UNDETERMINED`: the worse of `drilled` and `recovered`; `None` without a criterion."""
    drilled: str | None
    """Whether it was drilled successfully within the given time; `None` without that criterion."""
    recovered: str | None
    """Whether its latest recovery was within the objective; `None` without that criterion."""
    reasons: str
    """The reasons of the verdict, for people, separated by semicolons."""
    problems: str
    """What could not be read and concerns the server, logs included, separated by semicolons."""
    drills: int
    """The number of drills, whatever their outcome."""
    lastDrillAt: str | None
    """The creation time of the last drill."""
    lastDrillJobID: str | None
    """The job id of the last drill."""
    lastDrillOutcome: str | None
    """The outcome of the last drill for this server: a name of `Outcome`."""
    lastCompletedDrillAt: str | None
    """The creation time of the last drill that is complete."""
    lastCompletedDrillJobID: str | None
    """The job id of the last drill that is complete."""
    lastCompletedDrillOutcome: str | None
    """The outcome of the last drill that is complete, for this server."""
    lastSuccessAt: str | None
    """The creation time of the last successful drill."""
    lastSuccessJobID: str | None
    """The job id of the last successful drill."""
    lastSuccessAgeSeconds: float | None
    """The time from the creation of the last successful drill to `asOf`."""
    recoveries: int
    """The number of recoveries, drills included."""
    recoveryAt: str | None
    """The creation time of the recovery that was judged, else of the latest. The following keys are of the same recovery."""
    recoveryAgeSeconds: float | None
    """The time from its creation to `asOf`."""
    recoveryJobID: str | None
    """Its job id."""
    recoveryOutcome: str | None
    """Its outcome for this server."""
    recoverySeconds: float | None
    """Its recovery time: from the creation of the job to the launch of the server; `None` if it is unknown."""
    recoverySecondsAtMost: float | None
    """An upper limit if `recoverySeconds` is unknown: the duration of the job, for a server that launched."""
    longestPhase: str | None
    """The name of its phase that took longest: a name of `PhaseName`; `None` without its log."""
    longestPhaseSeconds: float | None
    """The duration of that phase."""
    medianRecoverySeconds: float | None
    """The median of the recovery times; `None` unless each complete recovery came with its whole log."""
    slowestRecoverySeconds: float | None
    """The longest of the recovery times; `None` unless each complete recovery came with its whole log."""
    replicationState: str | None
    """The state of the replication, such as `CONTINUOUS`, when the server was read."""
    lagSeconds: float | None
    """How far the replication was behind, when the server was read."""
    asOf: str
    """The moment of the assessment."""
    since: str | None
    """From when on jobs were read; `None` for all that AWS has."""
    drilledWithinSeconds: float | None
    """The criterion for drills."""
    objectiveSeconds: float | None
    """The recovery time objective (RTO)."""
    firstJobAt: str | None
    """The creation time of the first job that counts, of any server and kind."""
    lastJobAt: str | None
    """The creation time of the last job that counts, of any server and kind."""
    jobCount: int
    """The number of jobs that count, of any server and kind."""
    laterJobs: int
    """The number of jobs that were created after `asOf`, and do not count."""


def _record(assessment: Assessment, row: ServerAssessment, log_errors: Sequence[str]) -> ServerRecord:
    server, recovery = row.server, row.latest_recovery
    last_drill_at, last_drill_job, last_drill_outcome = _result_values(row.last_drill)
    completed_at, completed_job, completed_outcome = _result_values(row.last_completed_drill)
    success_at, success_job, _ = _result_values(row.last_success)
    recovery_at, recovery_job, recovery_outcome = _result_values(recovery)
    recovered_at = None if recovery is None else recovery.created_at
    problems = [wording.problem_label(problem) for problem in assessment.problems if problem.concerns(server)]
    phases = () if recovery is None or recovery.phases is None else recovery.phases.phases
    durations = [(phase.duration, phase.name.name) for phase in phases if phase.duration is not None]
    longest, longest_phase = max(durations, key=lambda item: item[0], default=(None, None))
    return ServerRecord(
        sourceServerID=server.source_server_id,
        name=server.name,
        accountID=server.account_id,
        region=server.region,
        verdict=row.verdict,
        drilled=row.drilled,
        recovered=row.recovered,
        reasons=wording.reasons_label(row),
        problems="; ".join([*problems, *log_errors]),
        drills=row.drills,
        lastDrillAt=last_drill_at,
        lastDrillJobID=last_drill_job,
        lastDrillOutcome=last_drill_outcome,
        lastCompletedDrillAt=completed_at,
        lastCompletedDrillJobID=completed_job,
        lastCompletedDrillOutcome=completed_outcome,
        lastSuccessAt=success_at,
        lastSuccessJobID=success_job,
        lastSuccessAgeSeconds=seconds_of(row.age),
        recoveries=row.recoveries,
        recoveryAt=recovery_at,
        recoveryAgeSeconds=None if recovered_at is None else seconds_of(assessment.as_of - recovered_at),
        recoveryJobID=recovery_job,
        recoveryOutcome=recovery_outcome,
        recoverySeconds=None if recovery is None else seconds_of(recovery.recovery_time),
        recoverySecondsAtMost=None if recovery is None else seconds_of(recovery.at_most),
        longestPhase=longest_phase,
        longestPhaseSeconds=seconds_of(longest),
        medianRecoverySeconds=seconds_of(row.median_recovery_time),
        slowestRecoverySeconds=seconds_of(row.slowest_recovery_time),
        replicationState=server.replication_state,
        lagSeconds=seconds_of(server.lag),
        asOf=str(format_instant(assessment.as_of)),
        since=format_instant(assessment.since),
        drilledWithinSeconds=seconds_of(assessment.drilled_within),
        objectiveSeconds=seconds_of(assessment.objective),
        firstJobAt=format_instant(assessment.first_job_at),
        lastJobAt=format_instant(assessment.last_job_at),
        jobCount=assessment.job_count,
        laterJobs=assessment.later_jobs,
    )


def _result_values(result: DrillResult | RecoveryResult | None) -> tuple[str | None, str | None, str | None]:
    """Return the creation time, the job id and the outcome of a drill or recovery."""
    return (None, None, None) if result is None else (format_instant(result.created_at), result.job.job_id, result.outcome.name)
