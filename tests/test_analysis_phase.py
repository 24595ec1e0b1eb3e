"""Phases of participants, and JobsClient.phases, with the requests for job and log."""

import itertools
import pickle
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_jobs import (
    Job,
    JobLogEvent,
    JobLogItem,
    JobNotFoundError,
    JobsClient,
    Outcome,
    SourceNetworkID,
    UnknownMember,
    structure_job,
)
from drs_jobs.analysis import JobPhases, ParticipantPhases, Phase, PhaseName, explain, phases
from drs_jobs.analysis.log import EFFECTS
from drs_jobs.evidence import Verdict, assess
from drs_jobs.testing import ErrorResponse, LocalDrs, make_job, make_resource, make_run, make_server
from simulated_logs import NOON, SERVER_PHASES, Attempt, SimulatedJob, SimulatedServer, item, simulate
from strategies import jobs, log_items

pytestmark = pytest.mark.both_clients


def _at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def _job(*servers: Any, is_running: bool = False, **fields: Any) -> Job:
    status = {"status": "STARTED", "end_date_time": None} if is_running else {}
    return make_job(creation_date_time=NOON, participating_servers=servers, **status, **fields)


def _server(server_id: str = "s-1", status: str = "LAUNCHED", **fields: Any) -> Any:
    return make_server(source_server_id=server_id, launch_status=status, **fields)


def _only(report: JobPhases) -> ParticipantPhases:
    [row] = report.participants
    return row


# ------------------------------------------------------------------ measured jobs

LINUX = (
    "2022-12-07T19:15:38.846723",
    "2022-12-07T19:24:32.155509",
    {
        "s-51d6b65c73391918f": "19:15:39.400 19:15:39.600 19:16:31.400 19:19:26.400 19:19:27.000 19:24:29.374504",
        "s-51d6b65c73391918e": "19:15:39.426 19:15:39.626 19:16:31.426 19:19:49.426 19:19:50.000 19:24:28.000",
    },
)
WINDOWS = (
    "2025-03-01T10:00:00.000000",
    "2025-03-01T10:23:56.000000",
    {
        "s-w0000000000000001": "10:00:00.500 10:00:03.500 10:03:14.500 10:17:20.500 10:17:21.000 10:22:48.000",
        "s-w0000000000000002": "10:00:00.526 10:00:03.026 10:03:14.526 10:17:20.526 10:17:22.500 10:23:53.500",
    },
)
EVENTS = ("SNAPSHOT_START", "SNAPSHOT_END", "CONVERSION_START", "CONVERSION_END", "LAUNCH_START", "LAUNCH_END")


def _measured(measured: Any) -> tuple[Job, list[JobLogItem]]:
    created, ended, servers = measured
    raw = {
        "jobID": "drsjob-556c7b1d99221f996",
        "type": "LAUNCH",
        "initiatedBy": "START_DRILL",
        "status": "COMPLETED",
        "creationDateTime": f"{created}+00:00",
        "endDateTime": f"{ended}+00:00",
        "participatingServers": [{"sourceServerID": server, "launchStatus": "LAUNCHED"} for server in servers],
    }
    log = [
        item(event, datetime.fromisoformat(f"{created[:10]}T{time}").replace(tzinfo=UTC), server)
        for server, times in servers.items()
        for event, time in zip(EVENTS, times.split(), strict=True)
    ]
    return structure_job(raw), [item("JOB_START", NOON), *log, item("JOB_END", NOON)]


@pytest.mark.parametrize(
    ("measured", "rows", "slowest"),
    [
        (
            LINUX,
            [
                (0.2, 51.8, 175.0, 0.6, 302.374504, 530.527781),
                (0.2, 51.8, 198.0, 0.574, 278.0, 529.153277),
            ],
            530.527781,
        ),
        (WINDOWS, [(3.0, 191.0, 846.0, 0.5, 327.0, 1368.0), (2.5, 191.5, 846.0, 1.974, 391.0, 1433.5)], 1433.5),
    ],
    ids=["linux", "windows"],
)
def test_measured_drills(measured: Any, rows: list[Sequence[float]], slowest: float):
    report = phases(*_measured(measured))
    found = []
    for row in report.participants:
        snapshot, conversion, launch = row.phases
        times = (snapshot.duration, conversion.waiting_before, conversion.duration, launch.waiting_before, launch.duration)
        found.append(tuple(time.total_seconds() for time in (*times, row.recovery_time) if time is not None))
        assert row.launched_at == launch.ended_at
        assert row.outcome is Outcome.SUCCEEDED
        assert snapshot.waiting_before is None
    assert rows == found
    assert report.recovery_time == timedelta(seconds=slowest)


def test_failed_server_of_a_measured_drill():
    """One of two Windows servers failed in its launch after 15:49."""
    log = [
        *(item(event, _at(n), server) for server in ("s-1", "s-2") for n, event in enumerate(EVENTS[:5])),
        item("LAUNCH_END", _at(4 + 342), "s-1"),
        item("LAUNCH_FAILED", _at(4 + 949), "s-2", rawError="boot"),
    ]
    report = phases(_job(_server("s-1"), _server("s-2", "FAILED")), log)
    first, second = report.participants
    assert (first.recovery_time, second.recovery_time, report.recovery_time) == (timedelta(seconds=346), None, None)
    assert second.phases[-1] == Phase(
        name=PhaseName.LAUNCH,
        started_at=_at(4),
        ended_at=_at(953),
        outcome=Outcome.FAILED,
        waiting_before=timedelta(seconds=1),
        error="boot",
    )
    assert second.phases[-1].duration == timedelta(seconds=949)
    assert (second.launched_at, second.outcome) == (None, Outcome.FAILED)


# ------------------------------------------------------------------ against the truth of simulated jobs


def _expected_phase(name: str, attempts: list[Attempt], unfinished: Outcome) -> dict[str, Any]:
    """What the log shows of a phase, from its attempts alone."""
    last = attempts[-1]
    outcome = unfinished if last.end is None else Outcome.FAILED if last.is_failed else Outcome.SUCCEEDED
    return {
        "name": name,
        "started_at": attempts[0].start,
        "ended_at": last.end,
        "outcome": outcome,
        "attempts": len(attempts),
        "duration": None if last.end is None else last.end - attempts[0].start,
    }


def _expected(truth: SimulatedJob, server: SimulatedServer, now: datetime | None) -> dict[str, Any]:
    is_complete = now is None or now >= truth.end
    failed = server.is_failed and is_complete
    unfinished = Outcome.FAILED if failed else Outcome.RUNNING
    attempts = server.until(now or datetime.max.replace(tzinfo=UTC))
    rows = [_expected_phase(name, attempts[name], unfinished) for name in SERVER_PHASES if name in attempts]
    after = server.failed_after_launch_at
    launched = rows[-1]["ended_at"] if rows and rows[-1]["name"] == "LAUNCH" and rows[-1]["outcome"] == "SUCCEEDED" else None
    if after is not None and (now is None or after <= now):
        rows[-1] |= {"outcome": Outcome.FAILED, "ended_at": after, "duration": after - rows[-1]["started_at"]}
    waits = [None]
    for before, row in itertools.pairwise(rows):
        waits.append(None if before["ended_at"] is None else row["started_at"] - before["ended_at"])
    is_recovered = launched is not None and not failed and rows[-1]["outcome"] is Outcome.SUCCEEDED
    return {
        "participant": server.server_id,
        "phases": [{**row, "waiting_before": wait} for row, wait in zip(rows, waits, strict=False)],
        "launched_at": launched,
        "recovery_time": launched - truth.created if is_recovered else None,
        "outcome": Outcome.RUNNING if not is_complete else Outcome.FAILED if failed else Outcome.SUCCEEDED,
    }


def _found(row: ParticipantPhases) -> dict[str, Any]:
    fields = ("name", "started_at", "ended_at", "outcome", "attempts", "duration", "waiting_before")
    return {
        "participant": row.participant,
        "phases": [{field: getattr(phase, field) for field in fields} for phase in row.phases],
        "launched_at": row.launched_at,
        "recovery_time": row.recovery_time,
        "outcome": row.outcome,
    }


NOISE = ("LATER_EVENT", "SNAPSHOT_LATER", "JOB_LATER", "START", "_START", "")


def _with_noise(rng: random.Random, truth: SimulatedJob, log: list[JobLogItem]) -> list[JobLogItem]:
    """Return the log with repeated items and unknown events, in another order."""
    servers = [server.server_id for server in truth.servers]
    unknown = [
        item(rng.choice(NOISE), rng.choice([None, truth.created]), rng.choice(servers)) for _ in range(rng.randint(0, 5))
    ]
    noisy = [*log, *rng.choices(log, k=rng.randint(0, len(log))), *unknown, JobLogItem()]
    rng.shuffle(noisy)
    return noisy


def test_thousand_random_logs():
    """Retries, failures, silent ends, repeated items and any order: the phases are those that the log was made from."""
    rng = random.Random(14)
    for number in range(1000):
        truth = simulate(rng, number, trouble=0.6)
        now = rng.choice([None, truth.created + rng.random() * (truth.end - truth.created)])
        report = phases(truth.job(now), _with_noise(rng, truth, truth.log(now)))
        expected = [_expected(truth, server, now) for server in truth.servers]
        assert expected == [_found(row) for row in report.participants]
        times = [row["recovery_time"] for row in expected]
        assert report.recovery_time == (None if None in times else max(times))


def test_missing_times_invent_nothing():
    """Each time that is shown is true; each outcome is true, or UNDETERMINED."""
    rng = random.Random(14)
    known = 0
    for number in range(1000):
        truth = simulate(rng, number, trouble=0.6)
        now = rng.choice([None, truth.created + rng.random() * (truth.end - truth.created)])
        log = truth.log(now)
        rng.shuffle(log)
        # One of each event, because two equal items without a time are one repeated item.
        chosen = {(each.event, str(each.event_data)): index for index, each in enumerate(log) if rng.random() < 0.3}
        for index in chosen.values():
            log[index] = attrs.evolve(log[index], log_date_time=None)
        report = phases(truth.job(now), log)
        for server, row in zip(truth.servers, report.participants, strict=True):
            expected = _expected(truth, server, now)
            assert row.recovery_time in (None, expected["recovery_time"])
            known += row.recovery_time is not None
            true_phases = {each["name"]: each for each in expected["phases"]}
            assert true_phases.keys() == {phase.name for phase in row.phases}
            for phase in row.phases:
                true = true_phases[phase.name]
                assert phase.started_at in (None, true["started_at"])
                assert phase.outcome in (true["outcome"], Outcome.UNDETERMINED)
                assert phase.ended_at in (None, true["ended_at"])
                assert phase.waiting_before in (None, true["waiting_before"])
                assert phase.attempts <= true["attempts"]
    assert known > 500


def test_missing_items():
    """Without retries, a phase without its start has no start, and one without its end is UNDETERMINED."""
    rng = random.Random(14)
    for number in range(300):
        truth = simulate(rng, number, trouble=0)
        log = truth.log()
        kept = rng.sample(log, rng.randint(0, len(log)))
        for server, row in zip(truth.servers, phases(truth.job(), kept).participants, strict=True):
            shown = {(each.event, each.event_data.source_server_id) for each in kept if each.event_data is not None}
            has = lambda event, server=server, shown=shown: (event, server.server_id) in shown  # noqa: E731  # short
            names = [name for name in server.phases if has(f"{name}_START") or has(f"{name}_END")]
            assert names == [phase.name for phase in row.phases]
            for phase in row.phases:
                [attempt] = server.phases[phase.name]
                assert phase.started_at == (attempt.start if has(f"{phase.name}_START") else None)
                assert phase.ended_at == (attempt.end if has(f"{phase.name}_END") else None)
                assert phase.outcome == (Outcome.SUCCEEDED if phase.ended_at else Outcome.UNDETERMINED)
            assert (row.recovery_time is not None) == has("LAUNCH_END")


@given(jobs, st.lists(log_items, max_size=6))
def test_any_log(job: Job, log: list[JobLogItem]):
    """Nothing raises, the order of dated items is irrelevant, repeated items change nothing, and each report has HTML."""
    report = phases(job, log)
    assert report == phases(job, [*log, *log])
    assert (
        report.participants == phases(job, log[::-1] if None not in {each.log_date_time for each in log} else log).participants
    )
    assert [row.participant for row in report.participants[: len(job.participating_servers)]] or not job.participating_servers
    for row in report.participants:
        assert sum(phase.outcome is Outcome.RUNNING for phase in row.phases) <= (not job.is_complete)
        for phase in row.phases:
            assert phase.duration is None or phase.duration >= timedelta(0)
            assert phase.waiting_before is None or phase.waiting_before >= timedelta(0)
        assert row.recovery_time is None or row.recovery_time >= timedelta(0)
    assert explain(job, log).phases == report
    assert report._repr_html_()
    assert explain(job, log)._repr_html_()
    assert pickle.loads(pickle.dumps(report)) == report


# ------------------------------------------------------------------ rules


def test_every_event_has_an_effect_or_none():
    """An event that AWS adds is either in the table, or named here."""
    assert {event for event in JobLogEvent if event not in EFFECTS} == {"JOB_START", "JOB_END", "JOB_CANCEL", "SERVER_SKIPPED"}


@pytest.mark.parametrize("name", PhaseName)
@pytest.mark.parametrize("suffix", ["FAIL", "FAILED"])
def test_failure_ends_every_phase(name: PhaseName, suffix: str):
    log = [item(f"{name}_START", _at(1), "s-1"), item(f"{name}_{suffix}", _at(3), "s-1", rawError="x")]
    [phase] = _only(phases(_job(_server(), is_running=True), log)).phases
    assert (phase.name, phase.outcome, phase.duration, phase.error) == (name, Outcome.FAILED, timedelta(seconds=2), "x")


def test_previous_snapshot():
    """It keeps the phase going; its failure ends the phase."""
    log = [
        item("SNAPSHOT_START", _at(1), "s-1"),
        item("SNAPSHOT_FAIL", _at(2), "s-1"),
        item("USING_PREVIOUS_SNAPSHOT", _at(3), "s-1"),
    ]
    job = _job(_server(), is_running=True)
    [going] = _only(phases(job, log)).phases
    assert (going.outcome, going.ended_at, going.attempts) == (Outcome.RUNNING, None, 1)
    [ended] = _only(phases(job, [*log, item("SNAPSHOT_END", _at(9), "s-1")])).phases
    assert (ended.outcome, ended.duration) == (Outcome.SUCCEEDED, timedelta(seconds=8))
    [failed] = _only(phases(job, [*log, item("USING_PREVIOUS_SNAPSHOT_FAILED", _at(5), "s-1", rawError="old")])).phases
    assert (failed.outcome, failed.ended_at, failed.error) == (Outcome.FAILED, _at(5), "old")


def test_attempts():
    """They are the starts, or the attempt count of AWS. The error of an earlier attempt is shown until the phase succeeds."""
    start, fail = item("LAUNCH_START", _at(1), "s-1"), item("LAUNCH_FAILED", _at(2), "s-1", rawError="boot")
    again = item("LAUNCH_START", _at(3), "s-1")
    job = _job(_server(), is_running=True)
    running = _only(phases(job, [start, fail, again, again, start]))
    assert running.current == running.phases[0]
    assert (running.phases[0].attempts, running.phases[0].error, running.phases[0].ended_at) == (2, "boot", None)
    [ended] = _only(phases(job, [start, fail, again, item("LAUNCH_END", _at(9), "s-1")])).phases
    assert (ended.attempts, ended.error, ended.duration) == (2, None, timedelta(seconds=8))
    [counted] = _only(phases(job, [item("LAUNCH_FAILED", _at(2), "s-1", attemptCount=3)])).phases
    assert (counted.attempts, counted.started_at) == (3, None)


def test_order_and_waits_of_phases():
    """A phase without a start has the place of its end. A wait can take no time, and phases that overlap have none."""
    log = [
        item("LAUNCH_START", _at(9), "s-1"),
        item("CONVERSION_END", _at(9), "s-1"),
        item("CLEANUP_START", _at(1), "s-1"),
        item("CLEANUP_END", _at(5), "s-1"),
        item("SNAPSHOT_START", _at(3), "s-1"),
    ]
    row = _only(phases(_job(_server()), log))
    assert [phase.name for phase in row.phases] == ["CLEANUP", "SNAPSHOT", "CONVERSION", "LAUNCH"]
    assert [phase.waiting_before for phase in row.phases] == [None, None, None, timedelta(0)]


def test_items_of_one_instant():
    """A start and the end before or after it can have the same time, in any order."""
    start, end = item("SNAPSHOT_START", _at(1), "s-1"), item("SNAPSHOT_END", _at(1), "s-1")
    fail, again = item("SNAPSHOT_FAIL", _at(5), "s-1"), item("SNAPSHOT_START", _at(5), "s-1")
    for log in ([start, end], [end, start]):
        [phase] = _only(phases(_job(_server()), log)).phases
        assert (phase.outcome, phase.duration, phase.attempts) == (Outcome.SUCCEEDED, timedelta(0), 1)
    for log in ([start, fail, again], [start, again, fail]):
        [phase] = _only(phases(_job(_server(), is_running=True), log)).phases
        assert (phase.outcome, phase.attempts) == (Outcome.RUNNING, 2)
    # After the end of the phase both are possible, so the order of the log counts.
    ended = item("SNAPSHOT_END", _at(3), "s-1")
    [phase] = _only(phases(_job(_server(), is_running=True), [start, ended, fail, again])).phases
    assert (phase.outcome, phase.last_started_at, phase.ended_at) == (Outcome.RUNNING, _at(5), None)


def test_last_start():
    """It is unknown if a start has no time."""
    log = [item("LAUNCH_START", _at(n), "s-1") for n in (1, 9)]
    job = _job(_server(), is_running=True)
    assert _only(phases(job, log)).phases[0].last_started_at == _at(9)
    [phase] = _only(phases(job, [*log, item("LAUNCH_START", None, "s-1")])).phases
    assert (phase.started_at, phase.last_started_at) == (None, None)
    assert _only(phases(job, [])).phases == ()


@pytest.mark.parametrize(
    ("status", "outcome"), [("FAILED", Outcome.FAILED), ("LAUNCHED", Outcome.UNDETERMINED), ("PENDING", Outcome.UNDETERMINED)]
)
def test_phase_that_did_not_end(status: str, outcome: Outcome):
    log = [item("CONVERSION_START", _at(1), "s-1")]
    row = _only(phases(_job(_server(status=status)), log))
    assert (row.phases[0].outcome, row.current) == (outcome, None)
    running = _only(phases(_job(_server(status=status), is_running=True), log))
    assert (running.phases[0].outcome, running.current) == (Outcome.RUNNING, running.phases[0])
    # The log was cut off, so it can lack the end.
    cut_off = phases(_job(_server(status=status)), log, log_error=OSError("gone"))
    assert _only(cut_off).phases[0].outcome is Outcome.UNDETERMINED


@pytest.mark.parametrize("is_running", [True, False])
def test_only_the_last_phase_can_be_unfinished(is_running: bool):  # noqa: FBT001  # an example
    """The log lacks the end of the snapshot, and the conversion shows that it ended."""
    log = [item("SNAPSHOT_START", _at(1), "s-1"), item("CONVERSION_START", _at(1), "s-1")]
    last = Outcome.RUNNING if is_running else Outcome.FAILED
    for order in (log, log[::-1]):
        row = _only(phases(_job(_server(status="FAILED"), is_running=is_running), order))
        assert [(phase.name, phase.outcome) for phase in row.phases] == [
            (PhaseName.SNAPSHOT, Outcome.UNDETERMINED),
            (PhaseName.CONVERSION, last),
        ]


def test_failure_after_the_launch():
    """The time of the launch remains, but it is no recovery time."""
    log = [item("LAUNCH_START", _at(1), "s-1"), item("LAUNCH_END", _at(5), "s-1"), item("LAUNCH_FAILED", _at(7), "s-1")]
    row = _only(phases(_job(_server(status="PENDING"), is_running=True), log))
    assert (row.launched_at, row.recovery_time, row.phases[0].outcome) == (_at(5), None, Outcome.FAILED)


_FAILED_ACTION = attrs.evolve(_server().launch_actions_status, runs=(make_run(status="FAILED"),))


@pytest.mark.parametrize("is_running", [True, False])
def test_server_whose_launch_failed_has_no_recovery_time(is_running: bool):  # noqa: FBT001  # an example
    log = [item("LAUNCH_END", _at(5), "s-1")]
    report = phases(_job(_server(status="FAILED"), is_running=is_running), log)
    assert (_only(report).launched_at, _only(report).recovery_time, report.recovery_time) == (_at(5), None, None)


@pytest.mark.parametrize("is_running", [True, False])
def test_server_whose_launch_action_failed_has_one(is_running: bool):  # noqa: FBT001  # an example
    """It was launched, although its outcome is FAILED."""
    log = [item("LAUNCH_END", _at(5), "s-1")]
    report = phases(_job(_server(launch_actions_status=_FAILED_ACTION), is_running=is_running), log)
    row = _only(report)
    assert (row.recovery_time, report.recovery_time) == (timedelta(seconds=5), timedelta(seconds=5))
    assert row.outcome is (Outcome.RUNNING if is_running else Outcome.FAILED)
    assert assess([report], as_of=_at(7200), objective=timedelta(hours=1)).verdict is Verdict.NOT_MET


def test_recovery_time_needs_creation_and_launch():
    log = [item("LAUNCH_END", _at(5), "s-1")]
    assert _only(phases(_job(_server()), log)).recovery_time == timedelta(seconds=5)
    assert _only(phases(attrs.evolve(_job(_server()), creation_date_time=None), log)).recovery_time is None
    assert _only(phases(attrs.evolve(_job(_server()), creation_date_time=_at(5)), log)).recovery_time == timedelta(0)
    assert _only(phases(attrs.evolve(_job(_server()), creation_date_time=_at(6)), log)).recovery_time is None
    undated = _only(phases(_job(_server()), [item("LAUNCH_END", None, "s-1")]))
    assert (undated.launched_at, undated.recovery_time, undated.phases[0].outcome) == (None, None, Outcome.SUCCEEDED)
    assert _only(phases(_job(_server()), [])) == ParticipantPhases(participant="s-1", outcome=Outcome.SUCCEEDED)


def test_recovery_time_of_the_job():
    """It is that of the slowest server which the job lists; servers of other jobs do not count."""
    log = [item("LAUNCH_END", _at(n), f"s-{n}") for n in (2, 9, 5)]
    assert phases(_job(_server("s-2"), _server("s-5")), log).recovery_time == timedelta(seconds=5)
    assert phases(_job(_server("s-2"), _server("s-7")), log).recovery_time is None
    assert phases(_job(), log).recovery_time == timedelta(seconds=9)
    assert phases(_job(), []).recovery_time is None
    network = item(
        "DEPLOY_NETWORK_CONFIGURATION_END", _at(9), eventResourceData={"sourceNetworkData": {"sourceNetworkID": "sn"}}
    )
    assert phases(_job(), [*log, network]).recovery_time == timedelta(seconds=9)


def test_undated_items():
    """Phases are known, their times are not, and they come in the usual order."""
    log = [item(event, None, "s-1") for event in reversed(EVENTS)]
    row = _only(phases(_job(_server()), log))
    assert row.phases == tuple(
        Phase(name=PhaseName(name), outcome=Outcome.SUCCEEDED, has_ended=True) for name in SERVER_PHASES[1:]
    )
    partly = _only(phases(_job(_server()), [*log[:2], *log[4:], item("CONVERSION_END", _at(5), "s-1")]))
    assert [phase.name for phase in partly.phases] == ["SNAPSHOT", "CONVERSION", "LAUNCH"]


@pytest.mark.parametrize(
    ("log", "expected"),
    [
        ("1START ?END", (None, None, "SUCCEEDED", 1)),
        ("?START 4END", (None, None, "SUCCEEDED", 1)),
        ("1START 2FAIL 3START ?END", (None, None, "UNDETERMINED", 2)),
        ("1START ?START", (None, None, "RUNNING", 2)),
        # It can have been started again after the end.
        ("?START 2END 3START", (None, None, "UNDETERMINED", 2)),
        ("1START 2END 3START ?START", (None, None, "UNDETERMINED", 3)),
        ("?FAIL", (None, None, "FAILED", 1)),
        # The failure can be before the start or the end, or after it.
        ("?START 2FAIL 3START 4END", (None, None, "UNDETERMINED", 2)),
        ("1START 2FAIL ?START", (None, None, "UNDETERMINED", 2)),
        ("1START ?FAIL", (None, None, "UNDETERMINED", 1)),
        ("1START 4END ?FAIL", (None, None, "UNDETERMINED", 1)),
    ],
)
def test_phase_with_an_undated_item(log: str, expected: tuple[float | None, float | None, str, int]):
    """It has no times, and its outcome is known if that does not depend on the order."""
    items = [item(f"CONVERSION_{part[1:]}", None if part[0] == "?" else _at(int(part[0])), "s-1") for part in log.split()]
    for order in (items, items[::-1]):
        [phase] = _only(phases(_job(_server(), is_running=True), order)).phases
        times = [None if moment is None else (moment - NOON).total_seconds() for moment in (phase.started_at, phase.ended_at)]
        assert (*times, phase.outcome, phase.attempts) == expected


def test_order_of_participants():
    """Servers of the job, other resources, then those that only the log has. Each is there once."""
    job = _job(
        _server("s-2"),
        _server("s-1"),
        _server("s-2", "FAILED"),
        make_server(source_server_id=None),
        participating_resources=(make_resource(participating_resource_id=SourceNetworkID("sn-1")),),
    )
    log = [
        item("SNAPSHOT_START", _at(9), "s-3"),
        item("SNAPSHOT_START", None, "s-5"),
        item("LATER_EVENT", _at(8), "s-4"),
        item("SNAPSHOT_START", _at(1), "s-1"),
    ]
    report = phases(job, log)
    assert [row.participant for row in report.participants] == ["s-2", "s-1", "without an id", "sn-1", "s-4", "s-3", "s-5"]
    outcomes = [row.outcome for row in report.participants]
    assert outcomes == [Outcome.FAILED, *[Outcome.SUCCEEDED] * 3, *[Outcome.UNDETERMINED] * 3]


def test_networks():
    """The participant is the source network, or the kind of a resource that is not known."""
    network = {"eventResourceData": {"sourceNetworkData": {"sourceNetworkID": "sn-1"}}}
    log = [
        item("DEPLOY_NETWORK_CONFIGURATION_START", _at(1), **network),
        item("DEPLOY_NETWORK_CONFIGURATION_END", _at(3), **network),
        item("UPDATE_LAUNCH_TEMPLATE_START", _at(4), **network),
        item("NETWORK_RECOVERY_FAIL", _at(3.5), **network),
        item("SNAPSHOT_START", _at(6), eventResourceData={"laterData": {}}),
        item("SNAPSHOT_START", _at(6), eventResourceData={"sourceNetworkData": {}}),
    ]
    listed = make_resource(participating_resource_id=UnknownMember("laterData"), launch_status="LAUNCHED")
    later, network_row = phases(_job(participating_resources=(listed,)), log).participants
    assert (later.participant, later.phases[0].name, later.outcome) == ("laterData", "SNAPSHOT", Outcome.SUCCEEDED)
    assert (network_row.participant, network_row.outcome) == ("sn-1", Outcome.FAILED)
    deployed, updated = network_row.phases
    assert (deployed.duration, deployed.outcome) == (timedelta(seconds=2), Outcome.SUCCEEDED)
    assert (updated.waiting_before, updated.outcome) == (timedelta(seconds=1), Outcome.FAILED)


def test_server_that_only_the_log_has():
    retried = [item("LAUNCH_FAILED", _at(1), "s-1"), item("LAUNCH_END", _at(3), "s-1")]
    skipped = [item("SERVER_SKIPPED", _at(1), "s-1")]
    failed = [item("CONVERSION_FAIL", _at(1), "s-1")]
    for log, outcome in ((retried, Outcome.UNDETERMINED), (skipped, Outcome.UNDETERMINED), (failed, Outcome.FAILED)):
        assert _only(phases(_job(), log)).outcome is outcome
        assert _only(phases(_job(is_running=True), log)).outcome is Outcome.RUNNING


def test_items_without_a_server():
    assert phases(_job(), [item("SNAPSHOT_START", _at(1)), JobLogItem(), item("JOB_CANCEL", _at(2))]).participants == ()


def test_html_of_phases():
    """It is escaped and bounded."""
    log = [
        item("CONVERSION_START", _at(1), "s-<1>"),
        item("CONVERSION_FAIL", _at(2), "s-<1>"),
        item("CONVERSION_START", _at(3), "s-<1>"),
        item("CONVERSION_END", _at(63), "s-<1>"),
    ]
    shown = phases(_job(_server("s-<1>")), log, log_error=OSError("<gone>"))._repr_html_()
    assert "s-&lt;1&gt;" in shown
    assert "1m 02s (2 attempts)" in shown
    assert "conversion" in shown
    assert "&lt;gone&gt;" in shown
    running = _job(_server("s-1"), is_running=True)
    assert ">RUNNING (2 attempts)<" in phases(running, [item("LAUNCH_START", _at(n), "s-1") for n in (1, 2)])._repr_html_()
    many = phases(_job(*(_server(f"s-{n}") for n in range(150))), [])._repr_html_()
    assert many.count("<tr>") == 101
    assert "and 50 more" in many


# ------------------------------------------------------------------ the client


def test_client_phases(client: JobsClient, local_drs: LocalDrs):
    """A complete job is not fetched again; an id, a dict and a running job are."""
    job = _job(_server())
    local_drs.add_jobs(job)
    local_drs.add_log(job.job_id, item("LAUNCH_END", _at(5), "s-1"))
    for ref, operations in (
        (job, ["DescribeJobLogItems"]),
        (job.job_id, ["DescribeJobs", "DescribeJobLogItems"]),
        ({"jobID": job.job_id}, ["DescribeJobs", "DescribeJobLogItems"]),
        (attrs.evolve(job, status=None, end_date_time=None), ["DescribeJobs", "DescribeJobLogItems"]),
    ):
        before = len(local_drs.requests)
        report = client.phases(ref)
        assert operations == [request.operation for request in local_drs.requests[before:]]
        assert (report.job, report.recovery_time, report.log_error) == (job, timedelta(seconds=5), None)
    with pytest.raises(JobNotFoundError):
        client.phases("drsjob-00000000000000000")


def test_client_phases_without_a_log(client: JobsClient, local_drs: LocalDrs):
    """The error is in the report, with what the job alone says."""
    job = _job(_server())
    local_drs.inject(ErrorResponse("InternalServerException", 500))
    report = client.phases(job)
    assert type(report.log_error).__name__ == "InternalServerException"
    assert report.participants == (ParticipantPhases(participant="s-1", outcome=Outcome.SUCCEEDED),)
    assert report == phases(job, [])


def test_phases_survive_pickle():
    report = phases(*_measured(LINUX))
    assert pickle.loads(pickle.dumps(report)) == report
    assert hash(report) == hash(attrs.evolve(report, log_error=OSError()))
    assert "participants=<2>" in repr(report)
    assert {cls.__module__ for cls in (JobPhases, ParticipantPhases, Phase, PhaseName)} == {"drs_jobs.analysis"}
