"""The rules of evidence: the only place that decides what a server has proven. Pure functions."""

import itertools
import statistics
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

import attrs

from drs_jobs._models import InitiatedBy, Job, LaunchActionRunStatus, Outcome
from drs_jobs._models.source_server import SourceServer, is_source_server_id
from drs_jobs._text import format_ago, format_count, format_day, format_duration, format_minute, one_line, quoted
from drs_jobs._time import to_utc
from drs_jobs.analysis import JobPhases, latest_snapshots
from drs_jobs.analysis.times import EARLIEST, created, newest_first
from drs_jobs.evidence.drills_and_recoveries import Recovery, has_unknown_initiator, is_drill, select
from drs_jobs.evidence.model import Assessment, DrillResult, Problem, ServerAssessment, Verdict, worst
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
    as_of = _validated_time("as_of", as_of)
    since = None if since is None else _validated_time("since", since)
    if since is not None and as_of < since:
        raise ValueError(f"as_of {as_of.isoformat()} is before since {since.isoformat()}: swap them")
    validate_duration("drilled_within", drilled_within)
    validate_duration("objective", objective)
    listed = None if servers is None else _validated_servers(servers)
    problems = tuple(problems)
    if not all(isinstance(problem, Problem) for problem in problems):
        raise TypeError("problems must be Problem objects: write Problem('what could not be read')")
    evidence = select(jobs, as_of)
    recoveries = evidence.recoveries_by_server()
    rows = [SourceServer(server_id) for server_id in sorted(recoveries)] if listed is None else listed
    times = [time for job in evidence.jobs if (time := created(job)) is not None]
    counting = tuple(evidence.recoveries)
    assessment = Assessment(
        other_servers=tuple(sorted(recoveries.keys() - {row.source_server_id for row in rows})),
        as_of=as_of,
        since=since,
        drilled_within=drilled_within,
        objective=objective,
        job_count=len(evidence.jobs),
        first_job_at=min(times, default=None),
        last_job_at=max(times, default=None),
        later_jobs=evidence.later_jobs,
        problems=problems,
        jobs=counting,
        phases=tuple(evidence.phases_by_job[job.job_id] for job in counting if job.job_id in evidence.phases_by_job),
        are_servers_given=listed is not None,
    )
    servers_with_places = _with_places(rows, evidence.jobs)
    return attrs.evolve(
        assessment,
        servers=tuple(_assess_server(row, recoveries.get(row.source_server_id, []), assessment) for row in servers_with_places),
    )


def logs_needed(
    jobs: Iterable[Job], *, as_of: datetime, objective: timedelta, servers: Iterable[str | SourceServer] | None = None
) -> tuple[Job, ...]:
    """Return the jobs with a log that can change a verdict: the latest recoveries that run, have no end, or took too long.

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
    validate_duration("objective", objective)
    wanted = None if servers is None else {server.source_server_id for server in _validated_servers(servers)}
    snapshots = {job.job_id: job for job in latest_snapshots(jobs)}
    evidence = select(snapshots.values(), _validated_time("as_of", as_of))
    needed: dict[str, Job] = {}
    for server_id, recoveries in evidence.recoveries_by_server().items():
        for recovery in recoveries if wanted is None or server_id in wanted else ():
            if recovery.created_at is None:
                continue
            duration = recovery.job.duration
            if duration is None or not timedelta(0) <= duration <= objective:
                needed[recovery.job.job_id] = snapshots[recovery.job.job_id]
            if recovery.job.is_complete:
                break
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
    """Check that a criterion is `None`, or a timedelta above 0."""
    if duration is None:
        return
    if not isinstance(duration, timedelta):
        text = one_line(repr(duration), 80)
        raise TypeError(f"{name} must be a timedelta, not {text}: write it with its unit, such as timedelta(hours=4)")
    if duration <= timedelta(0):
        raise ValueError(f"{name} must be above 0: write a duration, such as timedelta(hours=4)")


def _with_places(servers: Iterable[SourceServer], jobs: Iterable[Job]) -> Iterator[SourceServer]:
    """Yield the servers, with the account and the region of their jobs if their own are not known and all jobs agree."""
    places: dict[str | None, set[tuple[str | None, str | None]]] = {}
    for job in jobs:
        for entry in job.participating_servers if job.account_id is not None else ():
            places.setdefault(entry.source_server_id, set()).add((job.account_id, job.region))
    for server in servers:
        candidates = places.get(server.source_server_id, set())
        account_id, region = next(iter(candidates)) if len(candidates) == 1 else (None, None)
        yield attrs.evolve(server, account_id=server.account_id or account_id, region=server.region or region)


# ------------------------------------------------------------------ one server


_Judgement = tuple[Verdict, list[str]]
"""A verdict, and its reasons."""


def _assess_server(server: SourceServer, recoveries: Sequence[Recovery], criteria: Assessment) -> ServerAssessment:
    drills = [recovery for recovery in recoveries if is_drill(recovery.job)]
    success = _first(drills, lambda drill: drill.outcome is Outcome.SUCCEEDED)
    problems = [f"could not be read: {problem_label(problem)}" for problem in criteria.problems if problem.concerns(server)]
    drilled = recovered = judged = None
    drill_reasons, reasons = list[str](), list[str]()
    if criteria.objective is not None:
        judgement, judged = _judge_recoveries(recoveries, criteria.objective, criteria)
        recovered, reasons = _with_problems(judgement, problems, certain=Verdict.NOT_MET)
    if criteria.drilled_within is not None:
        judgement = _judge_drills(recoveries, criteria.drilled_within, criteria, judged)
        drilled, drill_reasons = _with_problems(judgement, problems, certain=Verdict.MET)
    latest = judged or next(iter(recoveries), None)
    complete = [recovery for recovery in recoveries if recovery.job.is_complete]
    times = [recovery.recovery_time for recovery in complete if recovery.recovery_time is not None]
    are_times_known = bool(times) and all(recovery.is_log_whole for recovery in complete)
    return ServerAssessment(
        server=server,
        drills=len(drills),
        last_drill=_drill_result(next(iter(drills), None)),
        last_completed_drill=_drill_result(_first(drills, lambda drill: drill.job.is_complete)),
        last_success=_drill_result(success),
        age=None if success is None or success.created_at is None else criteria.as_of - success.created_at,
        recoveries=len(recoveries),
        latest_recovery=None if latest is None else latest.result,
        median_recovery_time=statistics.median(cast("list[Any]", times)) if are_times_known else None,
        slowest_recovery_time=max(times) if are_times_known else None,
        drilled=drilled,
        recovered=recovered,
        verdict=worst([verdict for verdict in (drilled, recovered) if verdict is not None]),
        reasons=tuple(dict.fromkeys([*drill_reasons, *reasons])),
    )


def _first(recoveries: Iterable[Recovery], condition: Callable[[Recovery], bool]) -> Recovery | None:
    return next(filter(condition, recoveries), None)


def _drill_result(drill: Recovery | None) -> DrillResult | None:
    return None if drill is None else DrillResult(job=drill.job, outcome=drill.outcome, created_at=drill.created_at)


def _with_problems(judgement: _Judgement, problems: list[str], *, certain: Verdict) -> _Judgement:
    """Return a judgement as undetermined if something could not be read. It does not change the verdict `certain`."""
    verdict, reasons = judgement
    return judgement if not problems or verdict is certain else (Verdict.UNDETERMINED, [*problems, *reasons])


# ------------------------------------------------------------------ drilled


def _judge_drills(
    recoveries: Sequence[Recovery], within: timedelta, criteria: Assessment, judged: Recovery | None
) -> _Judgement:
    """Return whether a server was drilled successfully within the time, and why not."""
    start = EARLIEST if within > criteria.as_of - EARLIEST else criteria.as_of - within
    recent = [recovery for recovery in recoveries if (time := recovery.created_at) is not None and time >= start]
    recent_drills = [recovery for recovery in recent if is_drill(recovery.job)]
    later = list(itertools.takewhile(lambda drill: drill.outcome is not Outcome.SUCCEEDED, recent_drills))
    failed = _first(later, lambda drill: drill.outcome is Outcome.FAILED)
    failures = []
    if failed is not None:
        # What failed in the recovery that was judged is in its own reasons.
        failures = [f"last drill failed {_ago(failed, criteria)}{'' if failed is judged else _failure(failed)}"]
    if len(later) < len(recent_drills):
        return Verdict.MET, failures
    doubts = list(_drill_doubts(recoveries, start, criteria))
    reasons = [*doubts, _missing_drill(recoveries, start, criteria), *failures]
    if (running := _first(recent_drills, lambda drill: not drill.job.is_complete)) is not None:
        reasons.append(f"a drill is running, started {_ago(running, criteria)}")
    others = (recovery for recovery in recent if recovery.job.initiated_by == InitiatedBy.START_RECOVERY)
    if (recovery := _first(others, lambda recovery: recovery.outcome is Outcome.SUCCEEDED)) is not None:
        reasons.append(f"recovered {_ago(recovery, criteria)}, which is not a drill")
    return Verdict.UNDETERMINED if doubts else Verdict.NOT_MET, reasons


def _missing_drill(recoveries: Iterable[Recovery], start: datetime, criteria: Assessment) -> str:
    """Return that there is no successful drill since a moment, and what there is instead."""
    drills = [recovery for recovery in recoveries if is_drill(recovery.job)]
    success = _first(drills, lambda drill: drill.outcome is Outcome.SUCCEEDED and drill.created_at is not None)
    since = format_day(start)
    if success is not None and success.created_at is not None:
        # The last success can be on the day of the start, but before it.
        since = f"{format_minute(start)} UTC" if format_day(success.created_at) == since else since
        return f"no successful drill since {since} (last one {_ago(success, criteria)})"
    first, last = criteria.first_job_at, criteria.last_job_at
    span = "" if first is None or last is None else f" from {format_day(first)} to {format_day(last)}"
    subject = "no success" if drills else "no drill"
    return f"no successful drill since {since} ({subject} in {format_count(criteria.job_count, 'job')}{span})"


def _drill_doubts(recoveries: Iterable[Recovery], start: datetime, criteria: Assessment) -> Iterator[str]:
    """Yield why it is not known that there was no successful drill."""
    if criteria.since is not None and criteria.since > start:
        yield f"jobs were read from {format_day(criteria.since)} on only, after {format_day(start)}"
    for recovery in recoveries:
        time = recovery.created_at
        if not recovery.job.is_complete or recovery.outcome is Outcome.FAILED or (time is not None and time < start):
            continue
        if has_unknown_initiator(recovery.job):
            yield f"a launch of unknown initiator could be a drill ({_ago(recovery, criteria)})"
        elif is_drill(recovery.job) and time is None:
            yield f"a drill has no creation time ({recovery.job.job_id})"
        elif is_drill(recovery.job) and recovery.outcome is Outcome.UNDETERMINED:
            yield f"the outcome of a drill is undetermined ({_ago(recovery, criteria)})"


# ------------------------------------------------------------------ recovered


def _judge_recoveries(
    recoveries: Sequence[Recovery], objective: timedelta, criteria: Assessment
) -> tuple[_Judgement, Recovery | None]:
    """Return whether a server recovered within the objective, why not, and the recovery that was judged."""
    undated = [recovery for recovery in recoveries if recovery.created_at is None]
    for recovery in recoveries[: len(recoveries) - len(undated)]:
        judge = _judge_complete if recovery.job.is_complete else _judge_running
        judgement = judge(recovery, objective, criteria)
        if judgement is None:
            continue
        doubt = _first(undated, lambda recovery: recovery.job.is_complete and recovery.outcome is not Outcome.SUCCEEDED)
        if judgement[0] is Verdict.MET and doubt is not None:
            reason = f"a recovery without a creation time could be later, and did not succeed ({doubt.job.job_id})"
            judgement = Verdict.UNDETERMINED, [reason]
        return judgement, recovery
    latest = next(iter(recoveries), None)
    if latest is None:
        reason = f"no recovery in {format_count(criteria.job_count, 'job')}"
    elif latest.created_at is None:
        reason = f"no recovery with a creation time ({latest.job.job_id} has none)"
    else:
        reason = f"no complete recovery (one is running, started {_ago(latest, criteria)})"
    return (Verdict.UNDETERMINED, [reason]), None


def _judge_complete(recovery: Recovery, objective: timedelta, criteria: Assessment) -> _Judgement:
    verdict, ago = recovery.verdict(objective), _ago(recovery, criteria)
    if verdict is Verdict.MET:
        return verdict, []
    if recovery.outcome is Outcome.FAILED and any(entry.is_failed for entry in recovery.entries):
        reason = f"last recovery failed {ago}{_failure(recovery)}"
    elif recovery.outcome is Outcome.FAILED:
        time = "" if recovery.recovery_time is None else f" in {format_duration(recovery.recovery_time)}"
        reason = f"launched{time}, but {_failed_actions(recovery)} ({ago})"
    elif verdict is Verdict.NOT_MET:
        reason = f"{_too_late(recovery, objective)} ({ago})"
    elif recovery.outcome is Outcome.SUCCEEDED:
        log = "has no end of the launch" if recovery.is_log_whole else "could not be read completely"
        reason = f"recovery time unknown ({ago}): the log {'was not read' if recovery.phases is None else log}"
    else:
        reason = f"outcome of the last recovery is undetermined ({ago}): {_undetermined_outcome(recovery)}"
    return verdict, [reason]


def _judge_running(recovery: Recovery, objective: timedelta, criteria: Assessment) -> _Judgement | None:
    """Return the judgement of a running recovery; `None` if the one before it is to be judged."""
    elapsed = criteria.as_of - (recovery.created_at or criteria.as_of)
    times = f"{format_duration(elapsed)}, objective {format_duration(objective)}"
    ago = _ago(recovery, criteria)
    if recovery.has_failed:
        return Verdict.NOT_MET, [f"running recovery failed, started {ago}{_failure(recovery)}"]
    if recovery.recovery_time is not None and recovery.recovery_time > objective:
        return Verdict.NOT_MET, [f"{_too_late(recovery, objective)} (running, started {ago})"]
    if elapsed <= objective or recovery.has_launched:
        return None
    if recovery.has_launched is False:
        return Verdict.NOT_MET, [f"not launched after {times} (running, started {ago})"]
    return Verdict.UNDETERMINED, [f"running for {times}, and it is not known when it launched ({ago})"]


# ------------------------------------------------------------------ reasons


def _ago(recovery: Recovery, criteria: Assessment) -> str:
    """Return in words when a recovery was, and its job, such as `140 days ago, drsjob-556c7b1d99221f996`."""
    time = recovery.created_at
    return f"{'at an unknown time' if time is None else format_ago(criteria.as_of - time)}, {recovery.job.job_id}"


def _failure(recovery: Recovery) -> str:
    """Return what failed, for the end of a sentence."""
    if not any(entry.is_failed for entry in recovery.entries):
        return f": {_failed_actions(recovery)}"
    phases = () if recovery.phases is None else recovery.phases.phases
    phase = next((phase for phase in phases if phase.outcome is Outcome.FAILED), None)
    if phase is None:
        return ": did not launch"
    return f": {phase.name.label} failed" + (f", {one_line(phase.error, 200)}" if phase.error else "")


def _failed_actions(recovery: Recovery) -> str:
    """Return which required launch actions failed, and why."""
    runs = [run for entry in recovery.entries for run in entry.runs if run.is_failed and not run.is_optional]
    texts = [f"{run.name} failed" + (f", {one_line(run.failure_reason, 200)}" if run.failure_reason else "") for run in runs]
    return f"{'the action' if len(runs) == 1 else 'the actions'} {'; '.join(texts)}"


def _too_late(recovery: Recovery, objective: timedelta) -> str:
    """Return that a launch was later than the objective, and by how much if both read alike."""
    time = recovery.recovery_time or timedelta(0)
    label, limit = format_duration(time), format_duration(objective)
    difference = f"{(time - objective).total_seconds():.0f} s above the " if label == limit else ""
    return f"launched in {label}, {difference}objective {limit}"


def _undetermined_outcome(recovery: Recovery) -> str:
    """Return what an undetermined outcome depends on: the type, the launch status and the actions that did not succeed."""
    return ", ".join(
        [
            f"job type {recovery.job.type or 'absent'}",
            *(f"launch status {entry.launch_status or 'absent'}" for entry in recovery.entries),
            *(
                f"action {run.name} is {run.status or 'without a status'}"
                for entry in recovery.entries
                for run in entry.runs
                if not run.is_optional and run.status != LaunchActionRunStatus.SUCCEEDED
            ),
        ]
    )
