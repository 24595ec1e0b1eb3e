"""An independent model of "Evidence: one verdict per server", and random worlds on which to compare `evidence.assess` with it.

A world is plain data: the arguments of one call of `assess`. `judge` is the model. It is written from the rules alone, and uses
neither `drs_jobs.evidence` nor `drs_jobs.analysis`. `arguments` makes the typed arguments of a world, `differences` compares an
assessment with the model. `AMBIGUITIES` lists what the rules leave open, and the reading of the model.

`python tests/evidence_model.py` prints how often each verdict and each rule occurs in 3,000 worlds.
"""

import random
import string
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from statistics import median
from typing import Any, Final, NamedTuple

import drs_jobs

# ------------------------------------------------------------------ a world


class Run(NamedTuple):
    """One run of a launch action. `optional` is None if it is absent, and there is no action at all without `has_action`."""

    status: str | None = "SUCCEEDED"
    optional: bool | None = None
    has_action: bool = True


class Entry(NamedTuple):
    """A server in the list of a job. A job can list a server twice, or list one without an id."""

    server: str | None
    status: str | None = "LAUNCHED"
    runs: tuple[Run, ...] = ()


class Event(NamedTuple):
    """One item of a log."""

    name: str
    server: str | None
    at: datetime


class Place(NamedTuple):
    """An account and a region. None: not known."""

    account: str | None = None
    region: str | None = None


class Snapshot(NamedTuple):
    """A job as it was read once. `log` is None if it comes without phases."""

    job: str
    created: datetime | None
    ended: datetime | None
    entries: tuple[Entry, ...]
    type: str | None = "LAUNCH"
    initiated_by: str | None = "START_DRILL"
    status: str | None = "COMPLETED"
    place: Place | None = None
    log: tuple[Event, ...] | None = None
    is_log_whole: bool = True


class GivenServer(NamedTuple):
    """A server that the caller names: as an id if `is_bare`, else as a `SourceServer`."""

    server: str
    place: Place = Place()
    is_bare: bool = True


class World(NamedTuple):
    """The arguments of `assess`. A problem is a `Place`. `servers` is None if they are not given."""

    as_of: datetime
    snapshots: tuple[Snapshot, ...] = ()
    drilled_within: timedelta | None = None
    objective: timedelta | None = None
    since: datetime | None = None
    servers: tuple[GivenServer, ...] | None = None
    problems: tuple[Place, ...] = ()


# ------------------------------------------------------------------ the result of the model


class Row(NamedTuple):
    """What the model says of one server. Verdicts and outcomes are names, a drill or a recovery is (job id, outcome)."""

    server: str
    verdict: str | None
    drilled: str | None
    recovered: str | None
    drills: int
    last_drill: tuple[str, str] | None
    last_completed_drill: tuple[str, str] | None
    last_success: tuple[str, str] | None
    age: timedelta | None
    recoveries: int
    latest_recovery: tuple[str, str] | None
    recovery_time: timedelta | None
    at_most: timedelta | None
    median_recovery_time: timedelta | None
    slowest_recovery_time: timedelta | None
    has_reasons: bool
    # Of the model alone:
    rules: tuple[str, ...] = ()  # the rules that decided
    unspecified: frozenset[str] = frozenset()  # fields that the rules leave open here


class Result(NamedTuple):
    """What the model says of a world. Rows are in the order of the given servers, else by id; `other_servers` are by id."""

    verdict: str | None
    rows: tuple[Row, ...]
    other_servers: tuple[str, ...]
    job_count: int
    first_job_at: datetime | None
    last_job_at: datetime | None
    later_jobs: int
    jobs: tuple[str, ...]


# ------------------------------------------------------------------ the model: jobs and servers as of a time

KNOWN_TYPES: Final = {"LAUNCH", "TERMINATE", "CREATE_CONVERTED_SNAPSHOT"}
KNOWN_INITIATORS: Final = {
    "START_RECOVERY",
    "START_DRILL",
    "FAILBACK",
    "DIAGNOSTIC",
    "TERMINATE_RECOVERY_INSTANCES",
    "TARGET_ACCOUNT",
    "CREATE_NETWORK_RECOVERY",
    "UPDATE_NETWORK_RECOVERY",
    "ASSOCIATE_NETWORK_RECOVERY",
}
LAUNCH_EVENTS: Final = {"LAUNCH_START", "LAUNCH_END", "LAUNCH_FAILED", "LAUNCH_FAIL"}
SEVERITY: Final = ("NOT_MET", "UNDETERMINED", "MET")  # the worst first


def is_unknown(value: str | None, known_values: Iterable[str]) -> bool:
    """Return whether a value is absent, or one that this version does not know."""
    return value is None or value not in known_values


def is_launch(snapshot: Snapshot) -> bool:
    return snapshot.type == "LAUNCH" or is_unknown(snapshot.type, KNOWN_TYPES)


def is_drill(snapshot: Snapshot) -> bool:
    return is_launch(snapshot) and snapshot.initiated_by == "START_DRILL"


def has_unknown_initiator(snapshot: Snapshot) -> bool:
    return is_launch(snapshot) and is_unknown(snapshot.initiated_by, KNOWN_INITIATORS)


def is_recovery(snapshot: Snapshot) -> bool:
    is_started = is_launch(snapshot) and snapshot.initiated_by == "START_RECOVERY"
    return is_drill(snapshot) or is_started or has_unknown_initiator(snapshot)


def is_complete(snapshot: Snapshot) -> bool:
    return snapshot.status == "COMPLETED" or snapshot.ended is not None


def chosen_snapshots(snapshots: Iterable[Snapshot]) -> list[Snapshot]:
    """Return the snapshot of each job that counts, in the order in which the ids were first given."""

    def rank(snapshot: Snapshot) -> int:
        return 3 if is_complete(snapshot) else {"STARTED": 2, "PENDING": 1}.get(snapshot.status or "", 0)

    chosen: dict[str, Snapshot] = {}
    for snapshot in snapshots:
        if snapshot.job not in chosen or rank(snapshot) >= rank(chosen[snapshot.job]):
            chosen[snapshot.job] = snapshot
    return list(chosen.values())


class Part(NamedTuple):
    """One server in one recovery, as of a time."""

    snapshot: Snapshot
    created: datetime | None
    outcome: str
    has_failed: bool  # the server, or a required action
    has_launched: bool | None  # None: not known
    recovery_time: timedelta | None
    at_most: timedelta | None

    @property
    def result(self) -> tuple[str, str]:
        return self.snapshot.job, self.outcome

    @property
    def has_whole_log(self) -> bool:
        return self.snapshot.log is not None and self.snapshot.is_log_whole


def part_of(snapshot: Snapshot, server: str, as_of: datetime) -> Part:
    ended_later = snapshot.ended is not None and snapshot.ended > as_of
    entries = [entry for entry in snapshot.entries if entry.server == server]
    if ended_later:
        entries = [Entry(server, status=None)]
    statuses = {entry.status for entry in entries}
    required = {run.status for entry in entries for run in entry.runs if run.optional is not True or not run.has_action}
    has_failed = "FAILED" in statuses or "FAILED" in required
    if ended_later or not is_complete(snapshot):
        outcome = "RUNNING"
    elif has_failed:
        outcome = "FAILED"
    elif snapshot.type == "LAUNCH" and statuses == {"LAUNCHED"} and required <= {"SUCCEEDED"}:
        outcome = "SUCCEEDED"
    else:
        outcome = "UNDETERMINED"

    has_launched = True if statuses == {"LAUNCHED"} else False if statuses <= {"PENDING", "IN_PROGRESS"} else None
    events = launch_events(snapshot, server, as_of)
    recovery_time = None
    if snapshot.created is not None and "FAILED" not in statuses and events and events[-1].name == "LAUNCH_END":
        recovery_time = events[-1].at - snapshot.created
    if recovery_time is not None and recovery_time >= timedelta():
        has_launched = True
    else:
        recovery_time = None
    is_log_whole = snapshot.log is not None and snapshot.is_log_whole
    if ended_later and is_log_whole and not any(event.name == "LAUNCH_END" for event in events):
        has_launched = False

    at_most = None
    is_ended = outcome != "RUNNING" and snapshot.created is not None and snapshot.ended is not None
    if is_ended and recovery_time is None and statuses == {"LAUNCHED"} and snapshot.ended >= snapshot.created:
        at_most = snapshot.ended - snapshot.created
    return Part(snapshot, snapshot.created, outcome, has_failed, has_launched, recovery_time, at_most)


def launch_events(snapshot: Snapshot, server: str, as_of: datetime) -> list[Event]:
    """Return the events of a server's launch until `as_of`, oldest first; none unless the whole log was read."""
    if snapshot.log is None or not snapshot.is_log_whole:
        return []
    events = [event for event in snapshot.log if event.server == server and event.at <= as_of]
    return sorted((event for event in events if event.name in LAUNCH_EVENTS), key=lambda event: event.at)


def newest_first(parts: Iterable[Part]) -> list[Part]:
    """Return the parts by creation time, then those without one, in their order."""
    parts = list(parts)
    dated = [part for part in parts if part.created is not None]
    return [*sorted(dated, key=lambda part: part.created, reverse=True), *(part for part in parts if part.created is None)]


# ------------------------------------------------------------------ the model: verdicts


def judge(world: World) -> Result:
    """Return the verdicts, and all that they are based on."""
    snapshots = chosen_snapshots(world.snapshots)
    counted = [snapshot for snapshot in snapshots if snapshot.created is None or snapshot.created <= world.as_of]
    recoveries = [snapshot for snapshot in counted if is_recovery(snapshot)]
    recovered_servers = sorted({entry.server for job in recoveries for entry in job.entries if entry.server is not None})
    if world.servers is None:
        servers, other_servers = [GivenServer(server) for server in recovered_servers], []
    else:
        servers = list(world.servers)
        other_servers = [server for server in recovered_servers if server not in {given.server for given in servers}]
    rows = tuple(judge_server(world, given, counted) for given in servers)
    dates = [snapshot.created for snapshot in counted if snapshot.created is not None]
    return Result(
        verdict=judge_all(world, rows),
        rows=rows,
        other_servers=tuple(other_servers),
        job_count=len(counted),
        first_job_at=min(dates, default=None),
        last_job_at=max(dates, default=None),
        later_jobs=len(snapshots) - len(counted),
        jobs=ordered_jobs((snapshot.created, snapshot.job) for snapshot in recoveries),
    )


def ordered_jobs(jobs: Iterable[tuple[datetime | None, str]]) -> tuple[str, ...]:
    """Return the ids, newest first. The place of jobs without a creation time is open: here they are last, by id."""
    jobs = list(jobs)
    dated = sorted(((created, job) for created, job in jobs if created is not None), reverse=True)
    return (*(job for _, job in dated), *sorted(job for created, job in jobs if created is None))


def judge_all(world: World, rows: Sequence[Row]) -> str | None:
    if world.drilled_within is None and world.objective is None:
        return None
    verdict = worst(row.verdict for row in rows)
    if verdict is None or (verdict == "MET" and world.problems):
        return "UNDETERMINED"
    return verdict


def worst(verdicts: Iterable[str | None]) -> str | None:
    return min((verdict for verdict in verdicts if verdict is not None), key=SEVERITY.index, default=None)


def judge_server(world: World, given: GivenServer, counted: Sequence[Snapshot]) -> Row:
    server = given.server
    jobs = [job for job in counted if server in {entry.server for entry in job.entries}]
    recoveries = newest_first(part_of(job, server, world.as_of) for job in jobs if is_recovery(job))
    drills = [part for part in recoveries if is_drill(part.snapshot)]
    completed = [part for part in drills if part.outcome != "RUNNING"]
    successes = [part for part in drills if part.outcome == "SUCCEEDED"]

    drilled, drilled_rule = judge_drilled(world, drills, recoveries)
    recovered, judged, recovered_rule = judge_recovered(world, recoveries)
    rules = [rule for rule in (drilled_rule, recovered_rule) if rule is not None]
    if is_concerned(place_of(given, jobs), world.problems):
        if drilled == "NOT_MET":
            drilled = "UNDETERMINED"
            rules.append("problem: drilled")
        if recovered == "MET":
            recovered = "UNDETERMINED"
            rules.append("problem: recovered")

    failed_later = bool(successes) and any(
        part.outcome == "FAILED" and is_later(part.created, successes[0].created) for part in drills
    )
    if drilled == "MET" and failed_later:
        rules.append("drilled: met, but a later drill failed")
    latest = judged or next(iter(recoveries), None)
    complete_recoveries = [part for part in recoveries if part.outcome != "RUNNING"]
    times = [part.recovery_time for part in complete_recoveries if part.recovery_time is not None]
    if not all(part.has_whole_log for part in complete_recoveries):
        times = []
    verdict = worst([drilled, recovered])
    return Row(
        server=server,
        verdict=verdict,
        drilled=drilled,
        recovered=recovered,
        drills=len(drills),
        last_drill=result_of(drills),
        last_completed_drill=result_of(completed),
        last_success=result_of(successes),
        age=world.as_of - successes[0].created if successes and successes[0].created is not None else None,
        recoveries=len(recoveries),
        latest_recovery=None if latest is None else latest.result,
        recovery_time=None if latest is None else latest.recovery_time,
        at_most=None if latest is None else latest.at_most,
        median_recovery_time=median(times) if times else None,
        slowest_recovery_time=max(times, default=None),
        has_reasons=verdict in {"NOT_MET", "UNDETERMINED"} or (drilled == "MET" and failed_later),
        rules=tuple(rules),
        unspecified=frozenset(
            name
            for name, parts in (
                ("last_drill", drills),
                ("last_completed_drill", completed),
                ("last_success", successes),
                ("latest_recovery", [] if judged else recoveries),
            )
            if len(parts) > 1 and all(part.created is None for part in parts)
        ),
    )


def result_of(parts: Sequence[Part]) -> tuple[str, str] | None:
    return parts[0].result if parts else None


def is_later(created: datetime | None, other: datetime | None) -> bool:
    return created is not None and other is not None and created > other


def judge_drilled(world: World, drills: Sequence[Part], recoveries: Sequence[Part]) -> tuple[str | None, str | None]:
    """Return the verdict and the name of the rule."""
    if world.drilled_within is None:
        return None, None
    start = world.as_of - world.drilled_within

    def is_within(part: Part) -> bool:
        return part.created is not None and part.created >= start

    if any(part.outcome == "SUCCEEDED" and is_within(part) for part in drills):
        return "MET", "drilled: met"
    if any(part.outcome == "UNDETERMINED" and is_within(part) for part in drills):
        return "UNDETERMINED", "drilled: undetermined outcome"
    if any(part.outcome in {"SUCCEEDED", "UNDETERMINED"} and part.created is None for part in drills):
        return "UNDETERMINED", "drilled: drill without a date"
    possible = [part for part in recoveries if has_unknown_initiator(part.snapshot)]
    possible = [part for part in possible if part.outcome in {"SUCCEEDED", "UNDETERMINED"}]
    if any(part.created is None or is_within(part) for part in possible):
        return "UNDETERMINED", "drilled: could be a drill"
    if world.since is not None and world.since > start:
        return "UNDETERMINED", "drilled: not read far enough"
    return "NOT_MET", "drilled: not met"


def judge_recovered(world: World, recoveries: Sequence[Part]) -> tuple[str | None, Part | None, str | None]:
    """Return the verdict, the recovery that was judged, and the name of the rule."""
    if world.objective is None:
        return None, None, None
    for part in recoveries:
        if part.created is None:
            continue
        judgement = (judge_running if part.outcome == "RUNNING" else judge_complete)(world, part)
        if judgement is None:
            continue
        verdict, rule = judgement
        undated = [other for other in recoveries if other.created is None]
        if verdict == "MET" and any(other.outcome in {"FAILED", "UNDETERMINED"} for other in undated):
            return "UNDETERMINED", part, "recovered: a recovery without a date did not succeed"
        return verdict, part, rule
    return "UNDETERMINED", None, "recovered: none left" if recoveries else "recovered: no recovery"


def judge_complete(world: World, part: Part) -> tuple[str, str]:
    time = part.recovery_time
    if part.outcome == "FAILED":
        return "NOT_MET", "recovered: failed"
    if time is not None and time > world.objective:
        return "NOT_MET", "recovered: above the objective"
    if part.outcome != "SUCCEEDED":
        return "UNDETERMINED", "recovered: undetermined outcome"
    if time is not None:
        return "MET", "recovered: within the objective"
    if part.at_most is not None and part.at_most <= world.objective:
        return "MET", "recovered: at most the objective"
    return "UNDETERMINED", "recovered: time not known"


def judge_running(world: World, part: Part) -> tuple[str, str] | None:
    """Return the verdict and the name of the rule; None if the recovery before it is judged."""
    if part.has_failed:
        return "NOT_MET", "recovered: running, failed"
    if part.recovery_time is not None:
        return ("NOT_MET", "recovered: running, above the objective") if part.recovery_time > world.objective else None
    if world.as_of - part.created <= world.objective:
        return None
    if part.has_launched is False:
        return "NOT_MET", "recovered: running, not launched in time"
    return "UNDETERMINED", "recovered: running, launch in time not known"


def place_of(given: GivenServer, jobs: Iterable[Snapshot]) -> Place:
    """Return the account and region that the caller gave, else those in the ARNs of the server's jobs."""
    places = {job.place for job in jobs if job.place is not None}
    place = places.pop() if len(places) == 1 else Place()
    return Place(given.place.account or place.account, given.place.region or place.region)


def is_concerned(place: Place, problems: Iterable[Place]) -> bool:
    return any(None in place or None in problem or place == problem for problem in problems)


# ------------------------------------------------------------------ comparison with an assessment


def arguments(
    world: World, *, source_server: Callable[..., Any], problem: Callable[..., Any]
) -> tuple[list[Any], dict[str, Any]]:
    """Return the jobs and the keyword arguments of `assess`.

    Args:
        world: The world.
        source_server: The class `SourceServer`.
        problem: The class `Problem`.
    """
    jobs: list[Any] = []
    for snapshot in world.snapshots:
        job = drs_jobs.structure_job(raw_job(snapshot))
        if snapshot.log is None:
            jobs.append(job)
            continue
        log = [drs_jobs.structure_log_item(raw_log_item(event)) for event in snapshot.log]
        log_error = None if snapshot.is_log_whole else TimeoutError("page 2 of the log could not be read")
        jobs.append(drs_jobs.analysis.phases(job, log, log_error=log_error))
    servers = None
    if world.servers is not None:
        servers = [
            given.server
            if given.is_bare
            else source_server(source_server_id=given.server, account_id=given.place.account, region=given.place.region)
            for given in world.servers
        ]
    return jobs, {
        "as_of": world.as_of,
        "drilled_within": world.drilled_within,
        "objective": world.objective,
        "since": world.since,
        "servers": servers,
        "problems": [
            problem(text="could not be read", account_id=place.account, region=place.region) for place in world.problems
        ],
    }


def raw_job(snapshot: Snapshot) -> dict[str, Any]:
    """Return a snapshot as AWS sends it."""
    raw = {
        "jobID": snapshot.job,
        "type": snapshot.type,
        "initiatedBy": snapshot.initiated_by,
        "status": snapshot.status,
        "creationDateTime": None if snapshot.created is None else snapshot.created.isoformat(timespec="microseconds"),
        "endDateTime": None if snapshot.ended is None else snapshot.ended.isoformat(timespec="microseconds"),
        "participatingServers": [_raw_entry(entry) for entry in snapshot.entries],
    }
    if snapshot.place is not None:
        raw["arn"] = f"arn:aws:drs:{snapshot.place.region}:{snapshot.place.account}:job/{snapshot.job}"
    return {key: value for key, value in raw.items() if value is not None}


def _raw_entry(entry: Entry) -> dict[str, Any]:
    raw: dict[str, Any] = {"sourceServerID": entry.server, "launchStatus": entry.status}
    if entry.runs:
        raw["launchActionsStatus"] = {"runs": [_raw_run(run, number) for number, run in enumerate(entry.runs)]}
    return {key: value for key, value in raw.items() if value is not None}


def _raw_run(run: Run, number: int) -> dict[str, Any]:
    action = {"name": f"action {number}", "optional": run.optional}
    raw = {
        "runID": f"run-{number}",
        "status": run.status,
        "action": {key: value for key, value in action.items() if value is not None} if run.has_action else None,
    }
    return {key: value for key, value in raw.items() if value is not None}


def raw_log_item(event: Event) -> dict[str, Any]:
    """Return an item of a log as AWS sends it."""
    data = {} if event.server is None else {"sourceServerID": event.server}
    return {"event": event.name, "eventData": data, "logDateTime": event.at.isoformat(timespec="microseconds")}


def observed(world: World, assessment: Any) -> Result:
    """Return an `Assessment` in the form of the model. Its order counts only if the servers were given."""

    def name(value: Any) -> str | None:
        return None if value is None else str(value)

    def result(value: Any) -> tuple[str, str] | None:
        return None if value is None else (value.job.job_id, str(value.outcome))

    rows = [
        Row(
            server=row.server.source_server_id,
            verdict=name(row.verdict),
            drilled=name(row.drilled),
            recovered=name(row.recovered),
            drills=row.drills,
            last_drill=result(row.last_drill),
            last_completed_drill=result(row.last_completed_drill),
            last_success=result(row.last_success),
            age=row.age,
            recoveries=row.recoveries,
            latest_recovery=result(row.latest_recovery),
            recovery_time=None if row.latest_recovery is None else row.latest_recovery.recovery_time,
            at_most=None if row.latest_recovery is None else row.latest_recovery.at_most,
            median_recovery_time=row.median_recovery_time,
            slowest_recovery_time=row.slowest_recovery_time,
            has_reasons=bool(row.reasons),
        )
        for row in assessment.servers
    ]
    if world.servers is None:
        rows.sort(key=lambda row: row.server)
    dated = [job for job in assessment.jobs if job.creation_date_time is not None]
    undated = [job for job in assessment.jobs if job.creation_date_time is None]
    return Result(
        verdict=name(assessment.verdict),
        rows=tuple(rows),
        other_servers=tuple(sorted(assessment.other_servers)),
        job_count=assessment.job_count,
        first_job_at=assessment.first_job_at,
        last_job_at=assessment.last_job_at,
        later_jobs=assessment.later_jobs,
        jobs=(*(job.job_id for job in dated), *sorted(job.job_id for job in undated)),
    )


def differences(expected: Result, actual: Result) -> list[str]:
    """Return one line per difference. Fields that the rules leave open are not compared."""
    lines = [
        f"{field}: expected {getattr(expected, field)!r}, is {getattr(actual, field)!r}"
        for field in Result._fields
        if field != "rows" and getattr(expected, field) != getattr(actual, field)
    ]
    if [row.server for row in expected.rows] != [row.server for row in actual.rows]:
        return [*lines, f"servers: expected {[row.server for row in expected.rows]}, are {[row.server for row in actual.rows]}"]
    for row, other in zip(expected.rows, actual.rows, strict=True):
        for field in Row._fields:
            is_compared = field not in {"rules", "unspecified", *row.unspecified}
            if is_compared and getattr(row, field) != getattr(other, field):
                rules = "; ".join(row.rules)
                lines.append(f"{row.server} {field}: expected {getattr(row, field)!r}, is {getattr(other, field)!r} ({rules})")
    return lines


def without_logs(world: World, kept: Iterable[str] = ()) -> World:
    """Return the same world without the phases of all jobs but those with the ids `kept`."""
    kept = set(kept)
    snapshots = (job if job.job in kept else job._replace(log=None, is_log_whole=True) for job in world.snapshots)
    return world._replace(snapshots=tuple(snapshots))


# ------------------------------------------------------------------ random worlds

ALPHABET: Final = string.digits + string.ascii_letters
MICROSECOND: Final = timedelta(microseconds=1)
SECOND: Final = timedelta(seconds=1)
PLACES: Final = [
    Place("123456789012", "eu-west-1"),
    Place("123456789012", "us-east-1"),
    Place("210987654321", "eu-west-1"),
    Place("210987654321", "us-east-1"),
]
NEW_VALUE: Final = "NEW_VALUE"
"""A value that AWS's enums do not have."""


def make_world(seed: int) -> World:
    """Return the random world of a seed."""
    return _Generator(seed).world()


class _Generator:
    def __init__(self, seed: int):
        self.rng = random.Random(seed)
        rng = self.rng
        self.as_of = datetime(2026, 8, 31, tzinfo=UTC) - rng.uniform(0, 1000) * timedelta(days=1)
        self.within = timedelta(days=self.choose({1: 1, 7: 2, 30: 3, 90: 6, 180: 2}))
        self.objective = timedelta(minutes=self.choose({5: 1, 15: 3, 60: 4, 240: 4, 2880: 1}))
        self.start = self.as_of - self.within
        self.noise = self.choose({0.0: 3, 0.03: 4, 0.1: 3, 0.4: 1})
        places = [rng.choice(PLACES)] if rng.random() < 0.5 else rng.sample(PLACES, 2)
        servers = [f"s-{self.identifier()}" for _ in range(rng.randint(1, 6))]
        self.homes = {server: rng.choice(places) for server in servers}
        self.creation_times: set[datetime] = set()

    def world(self) -> World:
        rng = self.rng
        jobs = [self.snapshots_of_job() for _ in range(self.choose({0: 1, 1: 3, 2: 4, 3: 5, 5: 5, 8: 4, 12: 2}))]
        if rng.random() < 0.7:
            early = datetime.min.replace(tzinfo=UTC)
            jobs.sort(key=lambda snapshots: snapshots[0].created or early, reverse=True)
        snapshots = [snapshot for job in jobs for snapshot in job]
        if rng.random() < 0.3:
            rng.shuffle(snapshots)
        return World(
            as_of=self.as_of,
            snapshots=tuple(snapshots),
            drilled_within=None if rng.random() < 0.08 else self.within,
            objective=None if rng.random() < 0.08 else self.objective,
            since=self.since(),
            servers=self.given_servers(),
            problems=self.problems(),
        )

    def choose(self, weights: dict[Any, float]) -> Any:
        return self.rng.choices(list(weights), weights=list(weights.values()))[0]

    def identifier(self) -> str:
        return "".join(self.rng.choices(ALPHABET, k=17))

    def is_odd(self) -> bool:
        return self.rng.random() < self.noise

    def around(self, value: Any) -> Any:
        """Return a time or duration, or the one a microsecond before or after it."""
        return value + self.rng.choice([-MICROSECOND, 0 * MICROSECOND, MICROSECOND])

    def between(self, low: timedelta, high: timedelta) -> timedelta:
        return low + self.rng.random() * (high - low)

    # The arguments other than the jobs

    def since(self) -> datetime | None:
        match self.choose({"none": 12, "early": 5, "boundary": 2, "late": 2, "as_of": 0.3}):
            case "none":
                return None
            case "early":
                return self.start - self.between(SECOND, self.within)
            case "boundary":
                return self.around(self.start)
            case "late":
                return self.start + self.between(SECOND, self.within)
        return self.as_of

    def given_servers(self) -> tuple[GivenServer, ...] | None:
        rng = self.rng
        if rng.random() < 0.45:
            return None
        if rng.random() < 0.04:
            return ()
        servers = [server for server in self.homes if rng.random() < 0.85]
        unused = {f"s-{self.identifier()}": rng.choice(PLACES) for _ in range(self.choose({0: 10, 1: 2, 2: 1}))}
        servers += unused
        rng.shuffle(servers)
        return tuple(self.given_server(server, {**self.homes, **unused}[server]) for server in servers)

    def given_server(self, server: str, home: Place) -> GivenServer:
        match self.choose({"id": 4, "place": 5, "account": 1, "region": 1, "unplaced": 1}):
            case "id":
                return GivenServer(server)
            case "place":
                return GivenServer(server, home, is_bare=False)
            case "account":
                return GivenServer(server, Place(home.account, None), is_bare=False)
            case "region":
                return GivenServer(server, Place(None, home.region), is_bare=False)
        return GivenServer(server, is_bare=False)

    def problems(self) -> tuple[Place, ...]:
        rng = self.rng
        problems: list[Place] = []
        for _ in range(self.choose({0: 8, 1: 2, 2: 1})):
            place = rng.choice([*self.homes.values(), *PLACES])
            match self.choose({"place": 6, "none": 1, "account": 1, "region": 1}):
                case "place":
                    problems.append(place)
                case "none":
                    problems.append(Place())
                case "account":
                    problems.append(Place(place.account, None))
                case _:
                    problems.append(Place(None, place.region))
        return tuple(problems)

    # Jobs

    def snapshots_of_job(self) -> list[Snapshot]:
        """Return the snapshots of one job, all with one creation time, in any order."""
        last = self.last_snapshot()
        snapshots = [last]
        # An absent or unknown status is not ordered before or after PENDING.
        if self.rng.random() < 0.25 and (is_complete(last) or last.status in {"STARTED", "PENDING"}):
            for _ in range(self.rng.randint(1, 2)):
                snapshots.append(self.other_snapshot(last))
        self.rng.shuffle(snapshots)
        return snapshots

    def other_snapshot(self, last: Snapshot) -> Snapshot:
        """Return another snapshot of a job, earlier or equally far."""
        entries = tuple(Entry(entry.server, self.launch_status(is_running=True)) for entry in last.entries)
        log = None
        if last.log is not None and self.rng.random() < 0.3:
            log = tuple(event for event in last.log if event.name not in LAUNCH_EVENTS)
        earlier = last._replace(ended=None, entries=entries, log=log)
        if not is_complete(last):
            # Without an end, only the status orders them.
            return earlier._replace(status="PENDING", log=last.log)
        if self.rng.random() < 0.25:
            return last._replace(entries=tuple(entry._replace(status=self.launch_status()) for entry in last.entries))
        return earlier._replace(status=self.choose({"STARTED": 2, "PENDING": 1}))

    def last_snapshot(self) -> Snapshot:
        rng = self.rng
        created = self.created()
        began = created or self.as_of - self.between(SECOND, 2 * self.within)
        place = rng.choice(list(self.homes.values()))
        servers: list[str | None] = [server for server, home in self.homes.items() if home == place and rng.random() < 0.85]
        if self.is_odd():
            servers.append(None)
        if servers and self.is_odd():
            servers.append(rng.choice(servers))
        launched_at = {server: began + self.launch_time(began) for server in servers}
        ended, status, is_running = self.end(began, max(launched_at.values(), default=began))
        entries = tuple(
            Entry(server, self.launch_status(is_running=is_running), self.runs(is_running=is_running)) for server in servers
        )
        snapshot = Snapshot(
            job=f"drsjob-{self.identifier()}",
            created=created,
            ended=ended,
            entries=entries,
            type=self.type(),
            initiated_by=self.initiator(),
            status=status,
            place=None if rng.random() < 0.2 else place,
        )
        if rng.random() < 0.25:
            return snapshot
        log = self.log(began, ended, entries, launched_at)
        match self.choose({"whole": 16, "cut off": 2, "error": 1, "empty": 1}):
            case "cut off":
                return snapshot._replace(log=log[: rng.randint(0, len(log))], is_log_whole=False)
            case "error":
                return snapshot._replace(log=log, is_log_whole=False)
            case "empty":
                return snapshot._replace(log=())
        if rng.random() < 0.1:
            log = tuple(rng.sample(log, len(log)))
        return snapshot._replace(log=log)

    def created(self) -> datetime | None:
        kinds = {"within": 8, "recent": 5, "start": 4, "objective": 4, "before": 3, "later": 1.5, "none": 1.5, "as_of": 1}
        match self.choose(kinds):
            case "none":
                return None
            case "within":
                created = self.start + self.between(SECOND, self.within)
            case "recent":
                created = self.as_of - self.between(SECOND, 3 * self.objective)
            case "start":
                created = self.around(self.start)
            case "objective":
                created = self.around(self.as_of - self.objective)
            case "before":
                created = self.start - self.between(SECOND, self.within)
            case "later":
                created = self.as_of + self.between(SECOND, self.within)
            case _:
                created = self.around(self.as_of)
        # The rules do not order jobs of one moment.
        while created in self.creation_times:
            created += self.between(-SECOND, SECOND)
        self.creation_times.add(created)
        return created

    def launch_time(self, began: datetime) -> timedelta:
        """Return the time from creation to the end of the launch, in the log."""
        match self.choose({"within": 20, "above": 3, "objective": 3, "as_of": 1}):
            case "within":
                return self.between(SECOND, self.objective)
            case "above":
                return self.between(self.objective, 3 * self.objective)
            case "as_of" if began < self.as_of:
                return max(self.around(self.as_of - began), 8 * MICROSECOND)
        return self.around(self.objective)

    def end(self, began: datetime, launched_at: datetime) -> tuple[datetime | None, str | None, bool]:
        """Return the end, the status, and whether the job runs."""
        rng = self.rng
        match self.choose({"usual": 15, "objective": 2, "as_of": 1, "negative": 0.6}):
            case "usual":
                ended = launched_at + self.between(SECOND, 60 * SECOND)
            case "objective":
                ended = self.around(began + self.objective)
            case "as_of":
                ended = self.around(self.as_of)
            case _:
                ended = began - self.between(MICROSECOND, self.within)
        # If it ended after `as_of`, some jobs were read before their end, and some after it.
        if rng.random() < (0.06 if ended <= self.as_of else 0.4):
            return None, self.choose({"STARTED": 6, "PENDING": 3, None: 0.6, NEW_VALUE: 0.6}), True
        status = self.choose({"STARTED": 2, "PENDING": 1, None: 1, NEW_VALUE: 1}) if self.is_odd() else "COMPLETED"
        if rng.random() < 0.05:
            return None, "COMPLETED", False
        return ended, status, False

    def type(self) -> str | None:
        if self.is_odd():
            return self.choose({None: 2, NEW_VALUE: 2, "TERMINATE": 2, "CREATE_CONVERTED_SNAPSHOT": 1})
        return self.choose({"LAUNCH": 20, "TERMINATE": 1})

    def initiator(self) -> str | None:
        if self.is_odd():
            return self.choose({None: 4, NEW_VALUE: 4, **dict.fromkeys(sorted(KNOWN_INITIATORS), 1)})
        return self.choose({"START_DRILL": 12, "START_RECOVERY": 4, "FAILBACK": 0.5, None: 0.5})

    def launch_status(self, *, is_running: bool = False) -> str | None:
        if self.is_odd():
            return self.rng.choice(["PENDING", "IN_PROGRESS", "LAUNCHED", "FAILED", "TERMINATED", None, NEW_VALUE])
        if is_running:
            return self.choose({"PENDING": 6, "IN_PROGRESS": 4, "LAUNCHED": 4, "FAILED": 1, None: 0.5})
        return self.choose({"LAUNCHED": 14, "FAILED": 3, "TERMINATED": 0.3, None: 0.3})

    def runs(self, *, is_running: bool) -> tuple[Run, ...]:
        if self.rng.random() < 0.6:
            return ()
        weights = {"SUCCEEDED": 20, "FAILED": 1.5, "IN_PROGRESS": 10 if is_running else 0.5, None: 0.3, NEW_VALUE: 0.3}
        return tuple(
            Run(
                status=self.choose(weights),
                optional=self.choose({True: 2, False: 2, None: 2}),
                has_action=self.rng.random() < 0.9,
            )
            for _ in range(self.rng.randint(1, 3))
        )

    def log(
        self, began: datetime, ended: datetime | None, entries: Iterable[Entry], launched_at: dict[str | None, datetime]
    ) -> tuple[Event, ...]:
        """Return the log of a job, oldest first."""
        events = [Event("JOB_START", None, began + 0.3 * SECOND)]
        for server, status in {entry.server: entry.status for entry in entries if entry.server is not None}.items():
            end = launched_at[server]
            step = (end - began) / 8
            names = ["SNAPSHOT_START", "SNAPSHOT_END", "CONVERSION_START", "CONVERSION_END"]
            events += [Event(name, server, began + step * number) for number, name in enumerate(names, 1)]
            kinds = {"launched": 4, "failed": 1, "not begun": 1, "unfinished": 1}
            if status == "FAILED":
                kinds = {"failed": 6, "failed after launch": 1, "not begun": 2, "launched": 1}
            elif status in {"PENDING", "IN_PROGRESS"}:
                kinds = {"not begun": 4, "unfinished": 4, "launched": 1}
            elif status == "LAUNCHED":
                kinds = {"launched": 20, "retried": 3, "unfinished": 0.5, "failed after launch": 0.2, "launched twice": 0.5}
            endings = {
                "launched": [("LAUNCH_START", 6), ("LAUNCH_END", 8)],
                "retried": [("LAUNCH_START", 5), ("LAUNCH_FAILED", 6), ("LAUNCH_START", 7), ("LAUNCH_END", 8)],
                "failed": [("LAUNCH_START", 6), ("LAUNCH_FAILED", 8)],
                "failed after launch": [("LAUNCH_START", 6), ("LAUNCH_END", 7), ("LAUNCH_FAILED", 8)],
                "launched twice": [("LAUNCH_START", 5), ("LAUNCH_END", 6), ("LAUNCH_START", 7), ("LAUNCH_END", 8)],
                "unfinished": [("LAUNCH_START", 6)],
                "not begun": [],
            }
            for name, number in endings[self.choose(kinds)]:
                events.append(Event(name, server, end if number == 8 else began + step * number))
        if ended is not None:
            events.append(Event("JOB_END", None, ended + 0.026 * SECOND))
        return tuple(sorted(events, key=lambda event: event.at))


# ------------------------------------------------------------------ figures


def distribution(worlds: Iterable[World]) -> dict[str, Counter[str]]:
    """Return how often each verdict and each rule occurs: the keys are drilled, recovered, verdict, world, rules."""
    counters: dict[str, Counter[str]] = {key: Counter() for key in ("drilled", "recovered", "verdict", "world", "rules")}
    for world in worlds:
        result = judge(world)
        counters["world"][str(result.verdict)] += 1
        for row in result.rows:
            for key in ("drilled", "recovered", "verdict"):
                counters[key][str(getattr(row, key))] += 1
            counters["rules"].update(row.rules)
    return counters


def main() -> None:
    for title, counter in distribution(map(make_world, range(3000))).items():
        print(f"{title}: {counter.total():,}")
        for name, count in counter.most_common():
            print(f"  {count:6,} {count / counter.total():6.1%}  {name}")


# ------------------------------------------------------------------ what the rules leave open

AMBIGUITIES: Final = """
Each entry: the question; the reading of the model; the reason. "Not generated": the worlds avoid it, so no comparison
rests on it. "As of" means as of `as_of`. Figures are worlds of 3,000 in which the other reading changes a drilled or
recovered verdict.

Snapshots
 1. Rank of an absent or unknown status without an end. Below PENDING, because it is not known to be further on. "The one
    further on" orders only STARTED and PENDING. Not generated among several snapshots of one job.
 2. Is the snapshot chosen before or after `as_of` is applied? Before: the complete snapshot counts, also if its job ended
    after `as_of`. Then the job runs as of `as_of`, although an earlier snapshot may have had launch statuses that were
    true then. No snapshot has the time at which it was read, so an earlier one cannot be known to be right as of `as_of`.
 3. Several complete snapshots: the last given. Nothing compares their ends.
 4. Job and JobPhases of the same id: the phases belong to their snapshot. A log that came with a snapshot that does not
    count is not used. Not generated: snapshots of equal rank of which only one has a log. There the literal rule loses
    the log if the bare Job is given last (`[*phases, *jobs]`). An implementation should prefer the one with the log, as
    saved files do.
 5. Snapshots of one job with different creation times. Not generated. The model takes that of the chosen snapshot, and
    chooses before it drops jobs created after `as_of`.

As of
 6. A job created exactly at `as_of` counts. A job that ended exactly at `as_of` is complete. A log item exactly at
    `as_of` counts. The rules say "after".
 7. Job that ended after `as_of`: "its servers' launch status is not known". The model takes its launch actions as not
    known too. They run after the launch, and their statuses are those of the end, so a FAILED action can have failed
    after `as_of`. The literal reading is NOT_MET by an action that may not have run yet. (56)
 8. Status COMPLETED without an end: complete, whatever `as_of` is. Likewise a job that runs in its snapshot: its statuses
    are taken as those of `as_of`, although it can have been read later.
 9. Status STARTED, PENDING, absent or unknown with an end at or before `as_of`: complete ("an end date whatever the
    status").
10. No creation time, ended after `as_of`: it counts (it is not known to be created later), and it runs.
11. Created after `as_of`, ended before it: a later job. The creation decides.
12. `later_jobs` counts job ids, of every type and initiator, not snapshots.
13. `job_count`, `first_job_at`, `last_job_at`: of all jobs that count, of every type and initiator, each once. Later jobs
    are not among them, because they "do not count".
14. `phases` of the assessment and of a RecoveryResult, `longestPhase`: the rules do not say that they are cut off at
    `as_of`. "Log items after it do not count" asks for it. Not compared. The same of `job` in a result: its
    `end_date_time`, `duration` and `outcome` can be later than `as_of`, so no output may read them. Outcomes of results
    are compared: RUNNING if it ended later.

What counts
15. A launch of absent type started by FAILBACK, DIAGNOSTIC, TERMINATE_RECOVERY_INSTANCES, TARGET_ACCOUNT or a network
    operation: a launch, but no recovery.
16. A drill of absent or unknown type: a drill. It cannot succeed, because success asks for type LAUNCH. It can fail.
    Within D it is a drill of undetermined outcome.
17. The outcome in a job is always the server's own: "a complete drill of undetermined outcome", "that did not fail", "is
    not SUCCEEDED" too.
18. A server that a job lists twice: it FAILED if any entry did, SUCCEEDED if all did, it launched if all entries are
    LAUNCHED, it has not launched if all are PENDING or IN_PROGRESS, else that is not known. This continues the rule of
    outcomes. (4 for another reading of the launch.) The job is one drill.
19. A run without its action counts as not optional, as `optional` absent does. A run of a required action without a
    status, or of unknown status, makes the outcome UNDETERMINED.
20. Entries without an id: no row, no `other_servers`, no effect, although each could be any server.
21. Jobs of one moment: not generated. The order of the rules is by creation time alone.
22. Jobs without a creation time come after all others in "newest first", in the given order. They are in `drills`,
    `recoveries`, `jobs`, and can be `last_drill`, `last_success` and so on if no drill with a date is. With two or more,
    and none with a date, the field is `unspecified` and not compared.

Drilled
23. "Within D": created at or after `as_of - D`, at or before `as_of`.
24. A running drill never counts, also if its server is LAUNCHED or its log has LAUNCH_END, and also if it ended after
    `as_of`.
25. A complete drill without a creation time that did not fail: UNDETERMINED, also if it ended before `as_of - D` and so
    was surely created before. The rules have no such exception. (46)
26. A success within D counts also if it was created before `since`.
27. `since` exactly at `as_of - D` reaches back far enough. `since` None means that all jobs were read.
28. With `since` later, a server is UNDETERMINED also if its drills within the part that was read failed.
29. "If a later drill failed": created after the latest success, own outcome FAILED. A running drill whose server FAILED,
    and a failed drill without a creation time, are none. `last drill failed` in the example suggests that only the last
    one counts; the model takes any drill after the latest success, because after a failed one a running or undetermined
    one restores nothing.
30. `has_reasons`: true exactly for rows whose verdict is not MET, and for drilled MET with a later failed drill (also if
    the row is MET as a whole). The rules do not forbid reasons of other MET rows, but they would sort above plain MET.

Recovered
31. Known time: from the creation to the last launch event until `as_of`, if that is LAUNCH_END. So a launch that was
    started again or failed after its LAUNCH_END has none (12 for "any LAUNCH_END"), and after two launches the last
    counts. None without a creation time, without phases, or with a `log_error`, even if LAUNCH_END is among the items
    that were read (69).
32. "`None` if it did not launch": if its launch status is FAILED. With any other status, PENDING and absent included, the
    log decides. (28 for: only if its status is LAUNCHED or not known.)
33. LAUNCH_END before the creation: no known time. Log items without a time: neither is generated. An undated LAUNCH_END
    should at least prevent "its whole log shows no LAUNCH_END".
34. Known time above O of a complete server of undetermined outcome: NOT_MET, because the rule asks for NOT_MET first.
35. The job's duration as an upper limit counts also if the whole log lacks LAUNCH_END, and if the log could not be read.
36. `at_most`: for a complete job of known, not negative duration, if the server's status is LAUNCHED and its time is not
    known. Also if an action failed or the type is unknown: "for a server that launched". (131 worlds differ in the field
    for: only if it SUCCEEDED. No verdict does.) TERMINATED is not "launched".
37. "Older than O": `as_of - created > O`. At exactly O it can still launch in time.
38. "Has not launched" of a running job: its status is PENDING or IN_PROGRESS. LAUNCHED without a known time, TERMINATED,
    absent and unknown: "whether it launched in time is not known".
39. Status PENDING or IN_PROGRESS, but a known time within O: it launched in time, the recovery before is judged. Status
    LAUNCHED in a running job and a known time within O: likewise. It is not MET, because its actions can still fail.
40. "A job that ended after `as_of` has not launched if its whole log shows no LAUNCH_END until then": only such jobs. In
    a job that runs in its snapshot, with an absent status, a whole log without LAUNCH_END proves nothing, because it can
    have been read before `as_of`. (41)
41. "Whole log": given with phases and without `log_error`. An empty log is whole. So a job that ended after `as_of`, with
    an empty log and older than O, is NOT_MET. A log without any item may rather mean that AWS has none any more. (6)
42. The whole log has no LAUNCH_END at all, but the final status is LAUNCHED: has not launched, literally. The log proves
    only that it lacks the event. UNDETERMINED is arguably right. (11)
43. LAUNCH_FAILED until `as_of` in the log of a job that ended after it: not "the server FAILED", which is a launch
    status. If it is not older than O, the recovery before is judged. It could have been retried. (50)
44. LAUNCH_END and then LAUNCH_FAILED until `as_of` in such a job: the log shows a LAUNCH_END, so it is not known whether
    it launched in time. (4)
45. A FAILED server, or required action, in a running job: NOT_MET, also before O has passed, also if its launch was in
    time.
46. Recoveries without a creation time: "if a complete one is not SUCCEEDED, MET becomes UNDETERMINED" covers FAILED too.
    NOT_MET stays. A running one has no effect.
47. Only recoveries without a creation time: "none left", UNDETERMINED. `latest_recovery` is then one of them.
48. `since` has no effect on `recovered`: without a recovery it is UNDETERMINED anyway.
49. "The one that was judged, else the latest": without an objective nothing is judged, so the latest, running ones and
    ones without a date included.
50. Median and slowest: over the known times of the complete recoveries, whatever their outcome (an action can have failed
    after the launch); None if there is no time. Those that failed to launch, or without a creation time, have no time,
    but need their log. (Field differs in 309 worlds for: only successes; in 359 for: running ones that launched too.)

What could not be read
51. A problem with only an account or only a region: it lacks one of the two, so it is "one without" and concerns all. The
    other reading: it concerns the servers that match the known one. (52)
52. "A server whose account or region is not known is concerned by every problem": literally, also if the known one
    differs. (9)
53. Place of a server: what the caller gave, per field; the rest from the ARNs of its jobs that count, of any type and
    initiator. (9 for: only of drills and recoveries.) ARNs of later jobs are not used. Jobs in two places: not known; not
    generated. A given place that contradicts an ARN: the given one; not generated.
54. "A NOT_MET that rests on a job that was read": never that of drilled, because it rests on the absence of a success,
    also if a drill within D failed. (65 for: it stays if the last completed drill failed within D.) Always that of
    recovered.
55. Verdict of all: MET with problems is UNDETERMINED also if the problems concern none of the rows. NOT_MET stays.
56. "Regions that were never set up are counted": `assess` has no argument for them. Not modelled.

Rows
57. `other_servers`: servers of drills and recoveries that count, as the rows if no servers are given. "Servers that only
    jobs have" can also mean those of a clean-up or failback. (24 worlds differ.) Empty if no servers are given.
58. Order of rows if no servers are given, and of `other_servers`: open. Compared by id.
59. A server given twice: one row or two is open. Not generated. Ids in jobs that are not of the form `s-...`: not
    generated.
60. `servers=[]`: given, so no rows; with a criterion UNDETERMINED. Without a criterion the verdict is None, also without
    servers.
61. `jobs`: all drills and recoveries that count, also those of servers without a row, and those without any server.
62. TypeError and ValueError are not modelled. `as_of - D` before year 1 is not generated.

logs_needed (not modelled; use `without_logs` to test that other logs change no verdict)
63. "Have no end, or took longer than O" omits a complete job that ended before its creation. Its log can make
    UNDETERMINED into MET or NOT_MET, so it is needed.
64. A log can contradict the job: LAUNCH_END later than the end of the job. Then the time is above O although the duration
    is within O, and the log can change a verdict although it is not needed. Such logs are generated.
65. "The latest recoveries": the running ones that are newer than the first complete one, and that one; of each server
    with a row.
"""


if __name__ == "__main__":
    main()
