"""The model of the rules of evidence is tested itself: on cases that the rules state, and on the worlds that it generates."""

from collections import Counter
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

import drs_jobs
from evidence_model import (
    Entry,
    Event,
    GivenServer,
    Place,
    Run,
    Snapshot,
    World,
    arguments,
    chosen_snapshots,
    differences,
    distribution,
    is_complete,
    judge,
    make_world,
    observed,
    part_of,
    without_logs,
)

AS_OF = datetime(2026, 8, 31, 12, tzinfo=UTC)
DAY = timedelta(days=1)
MINUTE = timedelta(minutes=1)
MICROSECOND = timedelta(microseconds=1)
SERVER = "s-11111111111111111"
OTHER = "s-22222222222222222"
IRELAND = Place("123456789012", "eu-west-1")
VIRGINIA = Place("123456789012", "us-east-1")

LAUNCHED = Entry(SERVER)
FAILED = Entry(SERVER, "FAILED")
PENDING = Entry(SERVER, "PENDING")
UNKNOWN = Entry(SERVER, None)
FAILED_ACTION = Entry(SERVER, "LAUNCHED", (Run("FAILED"),))


def job(age: timedelta | None, *entries: Entry, lasts: timedelta | None = 9 * MINUTE, **fields: Any) -> Snapshot:
    """Return a drill of this age, complete after `lasts`; without an end if that is None."""
    created = None if age is None else AS_OF - age
    ended = None if created is None or lasts is None else created + lasts
    return Snapshot(**{"job": f"drsjob-{age}", "created": created, "ended": ended, "entries": entries or (LAUNCHED,), **fields})


def running(age: timedelta, *entries: Entry, **fields: Any) -> Snapshot:
    return job(age, *entries, lasts=None, **{"status": "STARTED", **fields})


def with_log(snapshot: Snapshot, *launched_after: timedelta, whole: bool = True) -> Snapshot:
    """Return the snapshot with a log, with a LAUNCH_END at each of these times after the creation."""
    events = tuple(Event("LAUNCH_END", SERVER, snapshot.created + time) for time in launched_after)
    return snapshot._replace(log=events, is_log_whole=whole)


def world(*snapshots: Snapshot, **fields: Any) -> World:
    servers = (GivenServer(SERVER, IRELAND, is_bare=False),)
    return World(**{"as_of": AS_OF, "snapshots": snapshots, "servers": servers, **fields})


DRILLED = {
    "no job at all": ("NOT_MET", world()),
    "success at the start": ("MET", world(job(90 * DAY))),
    "success before the start": ("NOT_MET", world(job(90 * DAY + MICROSECOND))),
    "jobs read from later on": ("UNDETERMINED", world(since=AS_OF - 30 * DAY)),
    "success, read from later on": ("MET", world(job(20 * DAY), since=AS_OF - 30 * DAY)),
    "read from the start on": ("NOT_MET", world(since=AS_OF - 90 * DAY)),
    "failed after a success": ("MET", world(job(2 * DAY, FAILED), job(20 * DAY))),
    "success of another server": ("NOT_MET", world(job(2 * DAY, Entry(OTHER)))),
    "success in a job with a failure": ("MET", world(job(2 * DAY, LAUNCHED, Entry(OTHER, "FAILED")))),
    "clean-up started as a drill": ("NOT_MET", world(job(DAY, Entry(SERVER, "TERMINATED"), type="TERMINATE"))),
    "converted snapshot started as a drill": ("NOT_MET", world(job(DAY, type="CREATE_CONVERTED_SNAPSHOT"))),
    "drill of unknown type": ("UNDETERMINED", world(job(DAY, type="NEW"))),
    "failed drill of unknown type": ("NOT_MET", world(job(DAY, FAILED, type="NEW"))),
    "successful recovery": ("NOT_MET", world(job(DAY, initiated_by="START_RECOVERY"))),
    "failback": ("NOT_MET", world(job(DAY, initiated_by="FAILBACK"))),
    "launch of unknown initiator": ("UNDETERMINED", world(job(DAY, initiated_by="NEW"))),
    "failed launch of absent initiator": ("NOT_MET", world(job(DAY, FAILED, initiated_by=None))),
    "drill without a date": ("UNDETERMINED", world(job(None))),
    "failed drill without a date": ("NOT_MET", world(job(None, FAILED))),
    "running drill": ("NOT_MET", world(running(MINUTE))),
    "drill that ended later": ("NOT_MET", world(job(MINUTE))),
    "drill that was created later": ("NOT_MET", world(job(-MINUTE))),
    "optional action failed": ("MET", world(job(DAY, Entry(SERVER, "LAUNCHED", (Run("FAILED", optional=True),))))),
    "action failed, optional absent": ("NOT_MET", world(job(DAY, FAILED_ACTION))),
    "problem, no drill": ("UNDETERMINED", world(problems=(IRELAND,))),
    "problem, failed drill": ("UNDETERMINED", world(job(DAY, FAILED), problems=(Place(),))),
    "problem, success": ("MET", world(job(DAY), problems=(IRELAND,))),
    "problem in another region": ("NOT_MET", world(problems=(VIRGINIA,))),
    "problem, server that is nowhere": ("UNDETERMINED", world(servers=(GivenServer(SERVER),), problems=(VIRGINIA,))),
}


@pytest.mark.parametrize("name", DRILLED)
def test_drilled(name: str):
    expected, case = DRILLED[name]
    assert judge(case._replace(drilled_within=90 * DAY)).rows[0].drilled == expected


RECOVERED = {
    "no recovery": ("UNDETERMINED", world()),
    "job lasted as long as the objective": ("MET", world(job(DAY, lasts=20 * MINUTE))),
    "job lasted longer": ("UNDETERMINED", world(job(DAY, lasts=21 * MINUTE))),
    "launched in time, job lasted longer": ("MET", world(with_log(job(DAY, lasts=21 * MINUTE), 20 * MINUTE))),
    "launched too late": ("NOT_MET", world(with_log(job(DAY, lasts=21 * MINUTE), 20 * MINUTE + MICROSECOND))),
    "page 2 of the log not read": ("UNDETERMINED", world(with_log(job(DAY, lasts=21 * MINUTE), 9 * MINUTE, whole=False))),
    "launched in time, but an action failed": ("NOT_MET", world(with_log(job(DAY, FAILED_ACTION), 9 * MINUTE))),
    "newest failed, of absent type": ("NOT_MET", world(job(DAY, FAILED, type=None), job(2 * DAY))),
    "newest failed, of unknown type": ("NOT_MET", world(job(DAY, FAILED, type="NEW"), job(2 * DAY))),
    "retried": ("MET", world(job(DAY), job(DAY + MINUTE, FAILED))),
    "newest succeeded, of absent initiator": ("MET", world(job(DAY, initiated_by=None), job(2 * DAY, FAILED))),
    "newest is a failback": ("NOT_MET", world(job(DAY, initiated_by="FAILBACK"), job(2 * DAY, FAILED))),
    "ended before its creation": ("UNDETERMINED", world(job(DAY, lasts=-MINUTE))),
    "complete without an end": ("UNDETERMINED", world(job(DAY, lasts=None))),
    "running, as old as the objective": ("MET", world(running(20 * MINUTE, PENDING), job(DAY))),
    "running too long": ("NOT_MET", world(running(20 * MINUTE + MICROSECOND, PENDING), job(DAY))),
    "running too long, launched at some time": ("UNDETERMINED", world(running(DAY), job(2 * DAY))),
    "running too long, launched in time": ("MET", world(with_log(running(DAY), 9 * MINUTE), job(2 * DAY))),
    "running, launched too late": ("NOT_MET", world(with_log(running(DAY), 21 * MINUTE), job(2 * DAY))),
    "running, failed": ("NOT_MET", world(running(MINUTE, FAILED), job(DAY))),
    "running, action failed": ("NOT_MET", world(running(MINUTE, FAILED_ACTION), job(DAY))),
    "running, nothing before": ("UNDETERMINED", world(running(MINUTE, PENDING))),
    "ended later, launch not known": ("UNDETERMINED", world(job(DAY, FAILED, lasts=2 * DAY), job(2 * DAY))),
    "ended later, launched later": ("NOT_MET", world(with_log(job(DAY, lasts=2 * DAY), DAY + MICROSECOND), job(2 * DAY))),
    "ended later, launched in time": ("MET", world(with_log(job(DAY, FAILED, lasts=2 * DAY), MINUTE), job(2 * DAY))),
    "failed without a date": ("UNDETERMINED", world(job(DAY), job(None, FAILED))),
    "succeeded without a date": ("MET", world(job(DAY), job(None))),
    "only one without a date": ("UNDETERMINED", world(job(None))),
    "failed, and another without a date": ("NOT_MET", world(job(DAY, FAILED), job(None, FAILED))),
    "launch status absent": ("UNDETERMINED", world(job(DAY, UNKNOWN))),
    "launch status absent, launched too late": ("NOT_MET", world(with_log(job(DAY, UNKNOWN), 21 * MINUTE))),
    "problem, success": ("UNDETERMINED", world(job(DAY), problems=(IRELAND,))),
    "problem, failed": ("NOT_MET", world(job(DAY, FAILED), problems=(IRELAND,))),
}


@pytest.mark.parametrize("name", RECOVERED)
def test_recovered(name: str):
    expected, case = RECOVERED[name]
    assert judge(case._replace(objective=20 * MINUTE)).rows[0].recovered == expected


def test_snapshot_that_counts():
    """A complete one, then one that is STARTED, then the last."""
    complete = [job(DAY), job(DAY, FAILED)]
    unfinished = [running(DAY), running(DAY, PENDING, status="PENDING")]
    assert chosen_snapshots([complete[0], *unfinished]) == [complete[0]]
    assert chosen_snapshots([*complete, *unfinished]) == [complete[1]]
    assert chosen_snapshots(unfinished) == [unfinished[0]]


def test_facts():
    """Ages are measured to `as_of`, later jobs are only counted, and drills are not the only recoveries."""
    recovery = with_log(job(DAY, lasts=8 * MINUTE, initiated_by="START_RECOVERY"), 7 * MINUTE)
    failed = with_log(job(2 * DAY, FAILED_ACTION), 5 * MINUTE)
    drill = with_log(job(3 * DAY), 6 * MINUTE)
    result = judge(world(job(-DAY), running(MINUTE, PENDING), recovery, failed, drill, drilled_within=90 * DAY))
    (row,) = result.rows
    assert (result.later_jobs, result.job_count, result.jobs[1:]) == (1, 4, (recovery.job, failed.job, drill.job))
    assert (row.drills, row.recoveries, row.age, row.has_reasons) == (3, 4, 3 * DAY, True)
    assert row.last_drill == row.latest_recovery == (result.jobs[0], "RUNNING")
    assert (row.last_completed_drill, row.last_success) == ((failed.job, "FAILED"), (drill.job, "SUCCEEDED"))
    assert (row.median_recovery_time, row.slowest_recovery_time) == (6 * MINUTE, 7 * MINUTE)


def test_latest_recovery_is_the_judged():
    case = world(running(MINUTE, PENDING), job(DAY), objective=20 * MINUTE)
    (row,) = judge(case).rows
    assert (row.latest_recovery, row.recovery_time, row.at_most) == ((case.snapshots[1].job, "SUCCEEDED"), None, 9 * MINUTE)


def test_median_needs_all_logs():
    case = world(with_log(job(DAY), MINUTE), job(2 * DAY), running(MINUTE, PENDING))
    assert judge(case).rows[0].median_recovery_time is None
    assert judge(case._replace(snapshots=case.snapshots[::2])).rows[0].median_recovery_time == MINUTE


def test_verdict_of_all():
    """The worst of all. A problem elsewhere leaves the row as it is, but not the whole."""
    criteria = {"drilled_within": 90 * DAY, "objective": 20 * MINUTE}
    case = world(job(DAY), **criteria)
    assert judge(case).verdict == "MET"
    elsewhere = judge(case._replace(problems=(VIRGINIA,)))
    assert (elsewhere.verdict, elsewhere.rows[0].verdict) == ("UNDETERMINED", "MET")
    both = judge(case._replace(servers=(GivenServer(OTHER), GivenServer(SERVER))))
    assert (both.verdict, [row.verdict for row in both.rows]) == ("NOT_MET", ["NOT_MET", "MET"])
    assert judge(case._replace(servers=())).verdict == "UNDETERMINED"
    assert judge(world(job(DAY))).verdict is None


def test_rows():
    """Given servers have rows in their order. Others of drills and recoveries are named."""
    jobs = (job(DAY, Entry(OTHER), LAUNCHED, Entry(None)), job(2 * DAY, Entry("s-3"), type="TERMINATE"))
    not_given = judge(world(*jobs, servers=None))
    assert ([row.server for row in not_given.rows], not_given.other_servers) == ([SERVER, OTHER], ())
    given = judge(world(*jobs, servers=(GivenServer("s-4"), GivenServer(SERVER))))
    assert ([row.server for row in given.rows], given.other_servers) == (["s-4", SERVER], (OTHER,))


def test_place_from_arns():
    case = world(job(DAY, FAILED, place=IRELAND), servers=None, drilled_within=90 * DAY, problems=(VIRGINIA,))
    assert judge(case).rows[0].drilled == "NOT_MET"
    assert judge(case._replace(problems=(IRELAND,))).rows[0].drilled == "UNDETERMINED"


def test_worlds_are_varied():
    """Each verdict is at least 8 % of the verdicts, and each rule decides at least 50 times."""
    counters = distribution(map(make_world, range(3000)))
    for key in ("drilled", "recovered"):
        shares = {verdict: counters[key][verdict] / counters[key].total() for verdict in ("MET", "NOT_MET", "UNDETERMINED")}
        assert min(shares.values()) >= 0.08, (key, shares)
    assert (len(counters["rules"]), min(counters["rules"].values()) >= 50) == (22, True), counters["rules"]


def test_worlds_are_reproducible():
    assert make_world(7) == make_world(7) != make_world(8)


def typed(case: World) -> tuple[list[Any], dict[str, Any]]:
    return arguments(case, source_server=SimpleNamespace, problem=SimpleNamespace)


def test_typed_jobs_are_the_same():
    """The conversion loses nothing: outcomes and recovery times equal those of the typed jobs and their logs."""
    compared: Counter[str] = Counter()
    for case in map(make_world, range(500)):
        jobs, options = typed(case)
        assert (options["as_of"], options["since"]) == (case.as_of, case.since)
        for snapshot, typed_job in zip(case.snapshots, jobs, strict=True):
            plain = typed_job if snapshot.log is None else typed_job.job
            assert plain.is_complete == is_complete(snapshot)
            assert (plain.initiated_by, plain.type) == (snapshot.initiated_by, snapshot.type)
            assert (plain.account_id, plain.region) == (snapshot.place or Place())
            if snapshot.type == "TERMINATE" or (snapshot.ended is not None and snapshot.ended > case.as_of):
                continue  # the model has only launches, and not the typed job after `as_of`
            log = [item for item in getattr(typed_job, "log", ()) if item.log_date_time <= case.as_of]
            rows = {row.participant: row for row in drs_jobs.analysis.phases(plain, log).participants}
            for server in {entry.server for entry in snapshot.entries if entry.server is not None}:
                part = part_of(snapshot, server, case.as_of)
                assert rows[server].outcome == part.outcome
                compared[part.outcome] += 1
                if part.has_whole_log:
                    assert rows[server].recovery_time == part.recovery_time
                    compared["time" if part.recovery_time else "no time"] += 1
    assert min(compared[key] for key in ("RUNNING", "SUCCEEDED", "FAILED", "UNDETERMINED", "time", "no time")) > 100, compared


def assessment_of(case: World) -> Any:
    """Return the result of the model in the form of an `Assessment`, to test the comparison."""
    result = judge(case)

    def named(pair: tuple[str, str] | None, **fields: Any) -> Any:
        return None if pair is None else SimpleNamespace(job=SimpleNamespace(job_id=pair[0]), outcome=pair[1], **fields)

    servers = []
    for row in result.rows:
        latest = named(row.latest_recovery, recovery_time=row.recovery_time, at_most=row.at_most)
        drills = {name: named(getattr(row, name)) for name in ("last_drill", "last_completed_drill", "last_success")}
        fields = {**row._asdict(), **drills, "latest_recovery": latest, "reasons": ("no drill",) * row.has_reasons}
        servers.append(SimpleNamespace(**{**fields, "server": SimpleNamespace(source_server_id=row.server)}))
    created = {snapshot.job: snapshot.created for snapshot in case.snapshots}
    jobs = tuple(SimpleNamespace(job_id=name, creation_date_time=created[name]) for name in result.jobs)
    return SimpleNamespace(**{**result._asdict(), "servers": tuple(servers), "jobs": jobs})


def test_differences():
    """An assessment that is equal has none. One with another verdict has it."""
    assert [case for case in map(make_world, range(300)) if differences(judge(case), observed(case, assessment_of(case)))] == []
    case = world(job(DAY), objective=20 * MINUTE)
    assessment = assessment_of(case)
    assessment.servers[0].recovered = "NOT_MET"
    assessment.verdict = "NOT_MET"
    verdict, recovered = differences(judge(case), observed(case, assessment))
    assert verdict == "verdict: expected 'MET', is 'NOT_MET'"
    assert recovered == f"{SERVER} recovered: expected 'MET', is 'NOT_MET' (recovered: at most the objective)"


def test_without_logs():
    case = world(with_log(job(DAY, lasts=21 * MINUTE), MINUTE), with_log(job(2 * DAY), MINUTE), objective=20 * MINUTE)
    newest, oldest = case.snapshots
    assert without_logs(case, [newest.job]).snapshots == (newest, oldest._replace(log=None))
    assert [judge(given).rows[0].recovered for given in (case, without_logs(case))] == ["MET", "UNDETERMINED"]
