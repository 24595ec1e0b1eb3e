"""The rules of evidence: the only place that decides what a server has proven. Pure functions."""

import statistics
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, cast

import attrs

from drs_jobs._models import Job, LaunchActionRunStatus, Outcome
from drs_jobs._models.source_server import SourceServer, is_source_server_id
from drs_jobs._text import format_ago, format_count, format_day, format_duration, format_minute, one_line, quoted
from drs_jobs._time import to_utc
from drs_jobs.analysis import JobPhases, latest_snapshots
from drs_jobs.analysis.times import created
from drs_jobs.evidence.drills_and_recoveries import Evidence, Recovery, has_unknown_initiator, is_drill, newest_first, select
from drs_jobs.evidence.model import Assessment, DrillResult, Problem, RecoveryResult, ServerAssessment, Verdict, worst
from drs_jobs.evidence.wording import problem_label


def assess(
    jobs: Iterable[Job | JobPhases],
    *,
    as_of: datetime,
    drilled_within: timedelta | None = None,
    objective: timedelta | None = None,
    servers: Iterable[str | SourceServer] | None = None,
    since: datetime | None = None,
    problems: Iterable[Problem] = (),
) -> Assessment:
    """Return the verdict for each server: drilled within a time, and recovered within an objective.

    Args:
        jobs: The jobs of any kind, in any order, with their phases or without.
        as_of: The moment of the assessment, as an aware datetime. Jobs that were created later do not count, and jobs that
            ended later count as running.
        drilled_within: The time within which each server must have been drilled successfully, such as `timedelta(days=90)`.
            By default drills are not judged.
        objective: The recovery time objective (RTO), such as `timedelta(hours=4)`. By default recoveries are not judged.
        servers: The servers to judge, also those without jobs: ids such as `s-51d6b65c73391918f`, or `SourceServer` objects. By
            default all servers of drills and recoveries; then servers without jobs are not known.
        since: From when on jobs were read, as an aware datetime. By default all that AWS has.
        problems: What could not be read. Default nothing.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If a datetime is naive, a duration is not above 0, a server id is not of AWS's form, or `as_of` is before
            `since`.
    """
    if isinstance(jobs, Job | JobPhases):
        raise TypeError(f"jobs must be a list of jobs, not one {type(jobs).__name__}: write [job]")
    if isinstance(problems, Problem):
        raise TypeError("problems must be a list of Problem objects, not one: write [problem]")
    moment = _validated_time("as_of", as_of)
    start = None if since is None else _validated_time("since", since)
    if start is not None and moment < start:
        raise ValueError(f"as_of {moment.isoformat()} is before since {start.isoformat()}: swap them")
    validate_duration("drilled_within", drilled_within)
    validate_duration("objective", objective)
    given = None if servers is None else _validated_servers(servers)
    unread = tuple(problems)
    if not all(isinstance(problem, Problem) for problem in unread):
        raise TypeError("problems must be Problem objects: write Problem('what could not be read')")
    evidence = select(jobs, moment)
    recoveries = evidence.recoveries_of_servers()
    criteria = _Criteria(moment, start, drilled_within, objective, unread, evidence)
    places = _places(evidence.jobs)
    rows = given if given is not None else [SourceServer(server_id) for server_id in sorted(recoveries)]
    times = [time for job in evidence.jobs if (time := created(job)) is not None]
    counting = tuple(evidence.recoveries)
    return Assessment(
        servers=tuple(
            _assess_server(_placed(server, places), recoveries.get(server.source_server_id, []), criteria) for server in rows
        ),
        other_servers=() if given is None else tuple(sorted(recoveries.keys() - {row.source_server_id for row in rows})),
        as_of=moment,
        since=start,
        drilled_within=drilled_within,
        objective=objective,
        job_count=len(evidence.jobs),
        first_job_at=min(times, default=None),
        last_job_at=max(times, default=None),
        later_jobs=evidence.later_jobs,
        problems=unread,
        jobs=counting,
        phases=tuple(evidence.phases_by_job[job.job_id] for job in counting if job.job_id in evidence.phases_by_job),
        are_servers_given=given is not None,
    )


def logs_needed(
    jobs: Iterable[Job], *, as_of: datetime, objective: timedelta, servers: Iterable[str | SourceServer] | None = None
) -> tuple[Job, ...]:
    """Return the jobs whose log can change a verdict: the latest recoveries that run, have no end, or took too long.

    Args:
        jobs: The jobs of any kind, in any order.
        as_of: The moment of the assessment, as in `assess`.
        objective: The recovery time objective, as in `assess`.
        servers: The servers to judge, as in `assess`.

    Returns:
        The jobs, newest first, each once, as they were given.

    Raises:
        TypeError, ValueError: As in `assess`.
    """
    moment = _validated_time("as_of", as_of)
    validate_duration("objective", objective)
    wanted = None if servers is None else {server.source_server_id for server in _validated_servers(servers)}
    snapshots = {job.job_id: job for job in latest_snapshots(jobs)}
    evidence = select(snapshots.values(), moment)
    needed: dict[str, Job] = {}
    for server_id, recoveries in evidence.recoveries_of_servers().items():
        if wanted is None or server_id in wanted:
            for recovery in _until_first_complete(recoveries):
                duration = recovery.job.duration
                if duration is None or not timedelta(0) <= duration <= objective:
                    needed[recovery.job.job_id] = snapshots[recovery.job.job_id]
    return tuple(newest_first(needed.values()))


# ------------------------------------------------------------------ arguments


def _validated_servers(servers: Iterable[str | SourceServer]) -> list[SourceServer]:
    """Return the servers, each once."""
    if isinstance(servers, str | SourceServer):
        raise TypeError(f"servers must be a list of servers, not one {type(servers).__name__}: write [server]")
    rows: dict[str, SourceServer] = {}
    for server in servers:
        row = server if isinstance(server, SourceServer) else SourceServer(server)
        if not isinstance(row.source_server_id, str):
            raise TypeError(f"a server must be an id or a SourceServer, not {type(server).__name__}")
        if not is_source_server_id(row.source_server_id):
            raise ValueError(f"{quoted(row.source_server_id)} is not a source server id: use s- and 17 letters or digits")
        rows.setdefault(row.source_server_id, row)
    return list(rows.values())


def _validated_time(name: str, time: object) -> datetime:
    if not isinstance(time, datetime):
        raise TypeError(f"{name} must be a datetime with a time zone, not {type(time).__name__}")
    return to_utc(time, name)


def validate_duration(name: str, duration: object) -> None:
    """Check a criterion, which can be `None`.

    Raises:
        TypeError: If it is not a timedelta.
        ValueError: If it is not above 0.
    """
    if duration is None:
        return
    if not isinstance(duration, timedelta):
        text = one_line(repr(duration), 80)
        raise TypeError(f"{name} must be a timedelta, not {text}: write it with its unit, such as timedelta(hours=4)")
    if duration <= timedelta(0):
        raise ValueError(f"{name} must be above 0: write a duration, such as timedelta(hours=4)")


# ------------------------------------------------------------------ one server


@attrs.frozen
class _Criteria:
    """The arguments of `assess`, and the jobs that count."""

    as_of: datetime
    since: datetime | None
    drilled_within: timedelta | None
    objective: timedelta | None
    problems: tuple[Problem, ...]
    evidence: Evidence

    @property
    def drilled_since(self) -> datetime:
        """From when on a successful drill counts."""
        try:
            return self.as_of - (self.drilled_within or timedelta(0))
        except OverflowError:
            return datetime.min.replace(tzinfo=UTC)

    def ago(self, recovery: Recovery) -> str:
        """Return in words when a recovery was, and its job, such as `140 days ago, drsjob-556c7b1d99221f996`."""
        time = recovery.created_at
        return f"{'at an unknown time' if time is None else format_ago(self.as_of - time)}, {recovery.job.job_id}"


_Judgement = tuple[Verdict, list[str]]
"""A verdict, and its reasons."""


def _assess_server(server: SourceServer, recoveries: Sequence[Recovery], criteria: _Criteria) -> ServerAssessment:
    drills = [recovery for recovery in recoveries if is_drill(recovery.job)]
    success = next((drill for drill in drills if drill.outcome is Outcome.SUCCEEDED), None)
    verdicts: list[Verdict] = []
    reasons: list[str] = []
    drilled = recovered = None
    judged = recoveries[0] if recoveries else None
    problems = [problem for problem in criteria.problems if problem.concerns(server)]
    unread = [f"could not be read: {problem_label(problem)}" for problem in problems]
    if criteria.objective is not None:
        (recovered, reasons), judged = _judge_recoveries(recoveries, criteria.objective, criteria)
        if problems and recovered is not Verdict.NOT_MET:
            recovered, reasons = Verdict.UNDETERMINED, [*unread, *reasons]
        verdicts.append(recovered)
    if criteria.drilled_within is not None:
        # What failed in the recovery that was judged is in its own reasons.
        explained = judged if criteria.objective is not None else None
        drilled, drill_reasons = _judge_drills(drills, recoveries, criteria, explained)
        if problems and drilled is not Verdict.MET:
            drilled, drill_reasons = Verdict.UNDETERMINED, [*unread, *drill_reasons]
        verdicts.append(drilled)
        reasons = [*drill_reasons, *reasons]
    median, slowest = _recovery_times(recoveries)
    return ServerAssessment(
        server=server,
        drills=len(drills),
        last_drill=_drill_result(drills[0] if drills else None),
        last_completed_drill=_drill_result(next((drill for drill in drills if drill.job.is_complete), None)),
        last_success=_drill_result(success),
        age=None if success is None or success.created_at is None else criteria.as_of - success.created_at,
        recoveries=len(recoveries),
        latest_recovery=_recovery_result(judged),
        median_recovery_time=median,
        slowest_recovery_time=slowest,
        drilled=drilled,
        recovered=recovered,
        verdict=worst(verdicts),
        reasons=tuple(dict.fromkeys(reasons)),
    )


def _drill_result(drill: Recovery | None) -> DrillResult | None:
    return None if drill is None else DrillResult(job=drill.job, outcome=drill.outcome, created_at=drill.created_at)


def _recovery_result(recovery: Recovery | None) -> RecoveryResult | None:
    if recovery is None:
        return None
    return RecoveryResult(
        job=recovery.job,
        outcome=recovery.outcome,
        created_at=recovery.created_at,
        recovery_time=recovery.recovery_time,
        at_most=recovery.at_most,
        phases=recovery.phases,
    )


def _recovery_times(recoveries: Iterable[Recovery]) -> tuple[timedelta | None, timedelta | None]:
    """Return the median and the longest recovery time; `None` unless each complete recovery came with its whole log."""
    complete = [recovery for recovery in recoveries if recovery.job.is_complete]
    times = [recovery.recovery_time for recovery in complete if recovery.recovery_time is not None]
    if not times or not all(recovery.is_log_whole for recovery in complete):
        return None, None
    return statistics.median(cast("list[Any]", times)), max(times)


# ------------------------------------------------------------------ drilled


def _judge_drills(
    drills: Sequence[Recovery], recoveries: Sequence[Recovery], criteria: _Criteria, explained: Recovery | None
) -> _Judgement:
    """Return whether a server was drilled successfully within the time, and why not."""
    start = criteria.drilled_since
    success = next((drill for drill in drills if drill.outcome is Outcome.SUCCEEDED and drill.created_at), None)
    if success is not None and (success.created_at or start) >= start:
        later = drills[: drills.index(success)]
        failed = next((drill for drill in later if drill.outcome is Outcome.FAILED), None)
        return Verdict.MET, [] if failed is None else [_failed_drill(failed, criteria, explained)]
    doubts = list(_drill_doubts(recoveries, start, criteria))
    missing = f"no successful drill since {_start_label(start, success)} ({_last_success(success, drills, criteria)})"
    return (Verdict.UNDETERMINED if doubts else Verdict.NOT_MET), [
        *doubts,
        missing,
        *_other_drills(recoveries, start, criteria, explained),
    ]


def _start_label(start: datetime, success: Recovery | None) -> str:
    """Return the day from which on drills count, and the minute if the last success was earlier on that day."""
    time = None if success is None else success.created_at
    return f"{format_minute(start)} UTC" if time is not None and format_day(time) == format_day(start) else format_day(start)


def _drill_doubts(recoveries: Iterable[Recovery], start: datetime, criteria: _Criteria) -> Iterator[str]:
    """Yield why it is not known that there was no successful drill."""
    if criteria.since is not None and criteria.since > start:
        yield f"jobs were read from {format_day(criteria.since)} on only, after {format_day(start)}"
    for recovery in recoveries:
        time = recovery.created_at
        if not recovery.job.is_complete or recovery.outcome is Outcome.FAILED or (time is not None and time < start):
            continue
        if has_unknown_initiator(recovery.job):
            yield f"a launch of unknown initiator could be a drill ({criteria.ago(recovery)})"
        elif is_drill(recovery.job) and time is None:
            yield f"a drill has no creation time ({recovery.job.job_id})"
        elif is_drill(recovery.job) and recovery.outcome is Outcome.UNDETERMINED:
            yield f"the outcome of a drill is undetermined ({criteria.ago(recovery)})"


def _last_success(success: Recovery | None, drills: Sequence[Recovery], criteria: _Criteria) -> str:
    if success is not None:
        return f"last one {criteria.ago(success)}"
    evidence = criteria.evidence
    times = sorted(time for job in evidence.jobs if (time := created(job)) is not None)
    span = f" from {format_day(times[0])} to {format_day(times[-1])}" if times else ""
    subject = "no success" if drills else "no drill"
    return f"{subject} in {format_count(len(evidence.jobs), 'job')}{span}"


def _other_drills(
    recoveries: Iterable[Recovery], start: datetime, criteria: _Criteria, explained: Recovery | None
) -> Iterator[str]:
    """Yield what changes nothing, but explains: the last failed drill, a running drill, and a successful recovery."""
    within = [recovery for recovery in recoveries if (time := recovery.created_at) is not None and time >= start]
    drills = [recovery for recovery in within if is_drill(recovery.job)]
    if (failed := next((drill for drill in drills if drill.outcome is Outcome.FAILED), None)) is not None:
        yield _failed_drill(failed, criteria, explained)
    if (running := next((drill for drill in drills if not drill.job.is_complete), None)) is not None:
        yield f"a drill is running, started {criteria.ago(running)}"
    others = (recovery for recovery in within if not is_drill(recovery.job) and not has_unknown_initiator(recovery.job))
    if (recovery := next((one for one in others if one.outcome is Outcome.SUCCEEDED), None)) is not None:
        yield f"recovered {criteria.ago(recovery)}, which is not a drill"


def _failed_drill(drill: Recovery, criteria: _Criteria, explained: Recovery | None) -> str:
    return f"last drill failed {criteria.ago(drill)}{'' if drill is explained else _failure(drill)}"


def _failure(recovery: Recovery) -> str:
    """Return what failed, for the end of a sentence."""
    if any(entry.is_failed for entry in recovery.entries):
        phase = (
            None if recovery.phases is None else next((p for p in recovery.phases.phases if p.outcome is Outcome.FAILED), None)
        )
        failure = "did not launch" if phase is None else f"{phase.name.label} failed"
        error = "" if phase is None or not phase.error else f", {one_line(phase.error, 200)}"
        return f": {failure}{error}"
    return f": {_failed_actions(recovery)}"


def _failed_actions(recovery: Recovery) -> str:
    """Return which required launch actions failed, and why."""
    runs = [run for entry in recovery.entries for run in entry.runs if run.is_failed and not run.is_optional]
    texts = [f"{run.name} failed" + (f", {one_line(run.failure_reason, 200)}" if run.failure_reason else "") for run in runs]
    return f"{'the action' if len(runs) == 1 else 'the actions'} {'; '.join(texts)}"


# ------------------------------------------------------------------ recovered


def _judge_recoveries(
    recoveries: Sequence[Recovery], objective: timedelta, criteria: _Criteria
) -> tuple[_Judgement, Recovery | None]:
    """Return whether a server recovered within the objective, why not, and the recovery that was judged, else the latest."""
    dated = [recovery for recovery in recoveries if recovery.created_at is not None]
    for recovery in dated:
        judge = _judge_complete if recovery.job.is_complete else _judge_running
        judgement = judge(recovery, objective, criteria)
        if judgement is None:
            continue
        undated = [r for r in recoveries if r.created_at is None and r.job.is_complete and r.outcome is not Outcome.SUCCEEDED]
        if judgement[0] is Verdict.MET and undated:
            doubt = f"a recovery without a creation time could be later, and did not succeed ({undated[0].job.job_id})"
            judgement = Verdict.UNDETERMINED, [doubt]
        return judgement, recovery
    latest = recoveries[0] if recoveries else None
    if latest is None:
        reason = f"no recovery in {format_count(len(criteria.evidence.jobs), 'job')}"
    elif latest.created_at is None:
        reason = f"no recovery with a creation time ({latest.job.job_id} has none)"
    else:
        reason = f"no complete recovery (one is running, started {criteria.ago(latest)})"
    return (Verdict.UNDETERMINED, [reason]), latest


def _judge_complete(recovery: Recovery, objective: timedelta, criteria: _Criteria) -> _Judgement:
    time, ago = recovery.recovery_time, criteria.ago(recovery)
    verdict = recovery.verdict(objective)
    if verdict is Verdict.MET:
        return verdict, []
    if recovery.outcome is Outcome.FAILED:
        if any(entry.is_failed for entry in recovery.entries):
            return verdict, [f"last recovery failed {ago}{_failure(recovery)}"]
        launched = "launched" if time is None else f"launched in {format_duration(time)}"
        return verdict, [f"{launched}, but {_failed_actions(recovery)} ({ago})"]
    if verdict is Verdict.NOT_MET:
        return verdict, [f"{_too_late(recovery, objective)} ({ago})"]
    if recovery.outcome is Outcome.SUCCEEDED:
        return verdict, [f"recovery time unknown ({ago}){_unknown_time(recovery)}"]
    return verdict, [f"outcome of the last recovery is undetermined ({ago}){_undetermined_outcome(recovery)}"]


def _too_late(recovery: Recovery, objective: timedelta) -> str:
    """Return that a launch was later than the objective, and by how much if both read alike."""
    time = recovery.recovery_time or timedelta(0)
    label, limit = format_duration(time), format_duration(objective)
    difference = f"{(time - objective).total_seconds():.0f} s above the " if label == limit else ""
    return f"launched in {label}, {difference}objective {limit}"


def _unknown_time(recovery: Recovery) -> str:
    """Return why a recovery time is not known, for the end of a sentence."""
    if recovery.phases is None:
        return ": the log was not read"
    return ": the log has no end of the launch" if recovery.is_log_whole else ": the log could not be read completely"


def _undetermined_outcome(recovery: Recovery) -> str:
    """Return why an outcome is undetermined, for the end of a sentence."""
    unfinished = [
        f"action {run.name} is {run.status or 'without a status'}"
        for entry in recovery.entries
        for run in entry.runs
        if not run.is_optional and run.status != LaunchActionRunStatus.SUCCEEDED
    ]
    statuses = [f"launch status {entry.launch_status or 'absent'}" for entry in recovery.entries]
    type_text = [f"job type {recovery.job.type or 'absent'}"]
    return f": {', '.join([*type_text, *statuses, *unfinished])}"


def _judge_running(recovery: Recovery, objective: timedelta, criteria: _Criteria) -> _Judgement | None:
    """Return the judgement of a running recovery; `None` if the one before it is to be judged."""
    time, created_at = recovery.recovery_time, recovery.created_at
    ago, limit = criteria.ago(recovery), format_duration(objective)
    if recovery.has_failed:
        return Verdict.NOT_MET, [f"running recovery failed, started {ago}{_failure(recovery)}"]
    if time is not None and time > objective:
        return Verdict.NOT_MET, [f"{_too_late(recovery, objective)} (running, started {ago})"]
    if created_at is None or criteria.as_of - created_at <= objective or recovery.has_launched:
        return None
    elapsed = format_duration(criteria.as_of - created_at)
    if recovery.has_launched is False:
        return Verdict.NOT_MET, [f"not launched after {elapsed}, objective {limit} (running, started {ago})"]
    return Verdict.UNDETERMINED, [f"running for {elapsed}, objective {limit}, and it is not known when it launched ({ago})"]


def _until_first_complete(recoveries: Iterable[Recovery]) -> Iterator[Recovery]:
    """Yield the running recoveries that are newer than the latest complete one, and that one."""
    for recovery in recoveries:
        if recovery.created_at is not None:
            yield recovery
            if recovery.job.is_complete:
                return


# ------------------------------------------------------------------ accounts and regions


_Place = tuple[str | None, str | None]
"""An account and a region."""


def _places(jobs: Iterable[Job]) -> Mapping[str, _Place]:
    """Return the account and the region of each server, from its jobs. One that several jobs disagree about is `None`."""
    places: dict[str, _Place] = {}
    for job in jobs:
        for server in job.participating_servers:
            if server.source_server_id and (job.account_id, job.region) != (None, None):
                place = (job.account_id, job.region)
                if places.setdefault(server.source_server_id, place) != place:
                    places[server.source_server_id] = None, None
    return places


def _placed(server: SourceServer, places: Mapping[str, _Place]) -> SourceServer:
    """Return a server with the account and the region of its jobs, if its own are not known."""
    account_id, region = places.get(server.source_server_id, (None, None))
    return attrs.evolve(server, account_id=server.account_id or account_id, region=server.region or region)
