"""The progress of a job, as a fraction and in words."""

import math
import os
import random
import statistics
from collections import Counter
from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_jobs import Job, JobLogItem, JobsClient, LaunchActionsStatus
from drs_jobs.analysis import PhaseName, phases, progress
from drs_jobs.analysis.job_progress import TYPICAL_SECONDS, slowest_phase
from drs_jobs.testing import (
    BootFailure,
    LaunchActionFailure,
    LocalDrs,
    PhaseFailure,
    RefusedCall,
    Stuck,
    make_job,
    make_resource,
    make_run,
    make_server,
)
from simulated_logs import NOON, SERVER_PHASES, SimulatedJob, item, simulate
from strategies import jobs, log_items, moments


def _at(seconds: float) -> datetime:
    return NOON + timedelta(seconds=seconds)


def _job(*servers: str, **fields: Any) -> Job:
    participants = tuple(make_server(source_server_id=each, launch_status="PENDING") for each in servers)
    running = {"creation_date_time": NOON, "status": "STARTED", "end_date_time": None, "participating_servers": participants}
    return make_job(**(running | fields))


def _fraction(job: Job, log: list[JobLogItem], now: datetime, **arguments: Any) -> float:
    return progress(phases(job, log), now=now, **arguments).fraction


# ------------------------------------------------------------------ the fraction


def _polls(rng: random.Random, truth: SimulatedJob) -> list[float]:
    """Random shares of the time of a job, in order."""
    return sorted(rng.random() for _ in range(10))


def _equal_steps(truth: SimulatedJob, log: list[JobLogItem]) -> float:
    """The progress of the method that most people use: 12.5 % per event of a server."""
    return min(1.0, len(log) / (2 + 6 * len(truth.servers)))


SIMULATED_JOBS = int(os.environ.get("DRS_JOBS_SIMULATED_JOBS", "100"))


@pytest.mark.parametrize(("trouble", "limit"), [(0.0, 0.08), (0.3, 0.14)])
def test_simulated_jobs(trouble: float, limit: float):
    """It never goes back, is 1.0 at the end only, and is nearer to the true share of time than equal steps are.

    `DRS_JOBS_SIMULATED_JOBS=500 pytest -k test_simulated_jobs -s` prints the mean errors of more jobs.
    """
    rng = random.Random(14)
    errors: dict[str, list[float]] = {"without earlier jobs": [], "with earlier jobs": [], "equal steps": []}
    for number in range(SIMULATED_JOBS):
        scale = rng.choice(["linux", "windows"])
        truth = simulate(rng, number, scale=scale, trouble=trouble)
        ids = [server.server_id for server in truth.servers]
        others = [simulate(rng, 1000 + n, servers=ids, scale=scale, trouble=trouble) for n in range(3)]
        earlier = [phases(other.job(), other.log()) for other in others]
        last = [0.0, 0.0]
        for share in _polls(rng, truth):
            now = truth.created + share * (truth.end - truth.created)
            log = truth.log(now)
            report = phases(truth.job(now), log)
            found = [progress(report, now=now).fraction, progress(report, now=now, earlier=earlier).fraction]
            assert all(before <= after < 1 for before, after in zip(last, found, strict=True))
            last = found
            for method, fraction in zip(errors, [*found, _equal_steps(truth, log)], strict=True):
                errors[method].append(abs(fraction - share))
        assert progress(phases(truth.job(), truth.log()), now=truth.end).fraction == 1.0
    means = {method: statistics.fmean(each) for method, each in errors.items()}
    print(f"trouble {trouble}: " + ", ".join(f"{method} {100 * mean:.1f} %" for method, mean in means.items()))
    assert means["with earlier jobs"] < means["without earlier jobs"] < limit < means["equal steps"] / 1.5


def test_late_logs_and_clocks_that_differ():
    """The log can be older or newer than `now`: with more of the log, or later, it is never less."""
    rng = random.Random(15)
    for number in range(60):
        truth = simulate(rng, number, trouble=0.7)
        log = truth.log()
        job = truth.job(truth.created)
        now, length, last = truth.created - timedelta(minutes=1), 0, 0.0
        while length < len(log):
            now += rng.choice([timedelta(0), timedelta(seconds=rng.uniform(0, 120))])
            length += rng.choice([0, 0, 1, 2, 7])
            fraction = _fraction(job, log[:length], now)
            assert last <= fraction < 1
            last = fraction


EVENTS = [f"{name}_{suffix}" for name in PhaseName for suffix in ("START", "END", "FAIL")]


@given(
    st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 3000), st.sampled_from(["s-1", "s-2", "s-3"])), max_size=12),
    st.lists(st.integers(-100, 9000), min_size=2, max_size=2),
    st.integers(0, 12),
    st.sampled_from(["START_DRILL", "CREATE_NETWORK_RECOVERY"]),
    st.lists(st.sampled_from(["s-1", "s-2"]), unique=True),
)
def test_never_back(events: list[tuple[str, int, str]], times: list[int], length: int, initiated_by: str, servers: list[str]):
    """For any log, even one that no service sends."""
    job = _job(*servers, initiated_by=initiated_by)
    log = sorted(
        (item(event, _at(second), server) for event, second, server in events), key=lambda each: str(each.log_date_time)
    )
    before = _fraction(job, log[:length], _at(min(times)))
    assert 0 <= before <= _fraction(job, log, _at(max(times))) < 1


@given(jobs, st.lists(log_items, max_size=5), moments)
def test_any_job(job: Job, log: list[JobLogItem], now: datetime):
    """1.0 is the fraction of each complete job, and of no other."""
    report = phases(job, log)
    found = progress(report, now=now, earlier=[report])
    assert (found.fraction == 1.0) == job.is_complete
    assert 0 <= found.fraction <= 1
    assert sum(found.counts.values()) == len(report.participants)
    assert found.text


def test_running_phase_stays_within_its_share():
    """However long it takes, the end of the phase is more."""
    job, start = _job("s-1"), item("CONVERSION_START", _at(60), "s-1")
    shares = [_fraction(job, [start], _at(seconds)) for seconds in (0, 60, 100, 200, 10**7)]
    assert shares == sorted(shares)
    assert shares[0] == shares[1] < shares[2] < shares[3] < shares[4]
    assert shares[4] < _fraction(job, [start, item("CONVERSION_END", _at(61), "s-1")], _at(61))


def test_typical_durations_are_the_measured_ones():
    """The geometric means of the drills of Linux and of Windows servers: the snapshot, the wait, the conversion, the launch."""
    phases = (("SNAPSHOT", True), ("CONVERSION", False), ("CONVERSION", True), ("LAUNCH", True))
    typical = [TYPICAL_SECONDS[PhaseName(name), is_phase] for name, is_phase in phases]
    means = [math.sqrt(linux * windows) for linux, windows in ((0.2, 3), (51, 191), (186, 846), (294, 391))]
    assert typical == pytest.approx(means, rel=0.05)


def test_wait_counts_as_time():
    log = [item("SNAPSHOT_START", _at(0), "s-1"), item("SNAPSHOT_END", _at(1), "s-1")]
    shares = [_fraction(_job("s-1"), log, _at(seconds)) for seconds in (1, 30, 90, 9000)]
    assert shares == sorted(set(shares))
    assert shares[-1] < _fraction(_job("s-1"), [*log, item("CONVERSION_START", _at(90), "s-1")], _at(90))


def test_earlier_phases_of_the_same_server():
    """The launch took nine tenths of the time, so it is nine tenths of the progress."""
    job = _job("s-1")

    def earlier(conversion: float, launch: float, *, server: str = "s-1", **fields: Any) -> Any:
        moments = [_at(0), _at(conversion), _at(conversion), _at(conversion + launch)]
        events = ("CONVERSION_START", "CONVERSION_END", "LAUNCH_START", "LAUNCH_END")
        log = [item("SNAPSHOT_START", _at(0), server), item("SNAPSHOT_END", _at(0.001), server)]
        log += [item(event, moment, server) for event, moment in zip(events, moments, strict=True)]
        return phases(make_job(participating_servers=(make_server(source_server_id=server),), **fields), log)

    log = [item("CONVERSION_END", _at(1), "s-1")]
    usual = _fraction(job, log, _at(1))
    history = [earlier(10, 90), earlier(10, 90), earlier(500, 1)]
    assert _fraction(job, log, _at(1), earlier=iter(history)) == pytest.approx(0.099, abs=1e-5)
    others = [earlier(10, 90, job_id=job.job_id), earlier(10, 90, server="s-2")]
    assert _fraction(job, log, _at(1), earlier=[*others, *history]) == _fraction(job, log, _at(1), earlier=history)
    failed = phases(_job("s-1"), [item("CONVERSION_START", _at(0), "s-1"), item("CONVERSION_FAIL", _at(9), "s-1")])
    assert _fraction(job, log, _at(1), earlier=[failed]) == usual
    assert _fraction(job, log, _at(1), earlier=[earlier(10, 90, server="s-2")]) == usual
    assert _fraction(job, log, _at(1), earlier=[earlier(10, 90, job_id=job.job_id)]) == usual
    launched = [*log, item("LAUNCH_END", _at(2), "s-1")]
    assert _fraction(job, launched, _at(999), earlier=history) == pytest.approx(0.99)
    # A phase of no time has no share of its own.
    assert _fraction(job, log, _at(1), earlier=[earlier(0, 0)]) == pytest.approx(usual, abs=0.01)


def test_jobs_without_measured_phases():
    """Each of their phases has the same share."""
    network = {"eventResourceData": {"sourceNetworkData": {"sourceNetworkID": "sn-1"}}}
    log = [item("DEPLOY_NETWORK_CONFIGURATION_END", _at(1), **network)]
    job = _job(initiated_by="CREATE_NETWORK_RECOVERY")
    assert _fraction(job, log, _at(1)) == pytest.approx(0.33)
    assert _fraction(_job("s-1", type="TERMINATE"), [item("CLEANUP_END", _at(1), "s-1")], _at(1)) == pytest.approx(0.99)
    assert _fraction(_job("s-1", type="CREATE_CONVERTED_SNAPSHOT"), [item("CONVERSION_END", _at(1), "s-1")], _at(1)) > 0.9


def test_servers_that_the_job_does_not_list():
    """They do not change its progress."""
    log = [item("CONVERSION_END", _at(1), "s-1")]
    others = [item("SNAPSHOT_START", _at(1), "s-9")]
    assert _fraction(_job("s-1"), log, _at(2)) == _fraction(_job("s-1"), [*log, *others], _at(2))


def test_naive_now():
    with pytest.raises(ValueError, match="has no time zone"):
        progress(phases(_job("s-1"), []), now=NOON.replace(tzinfo=None))


# ------------------------------------------------------------------ the words


def test_words():
    """They are about the participants that are least far, and about the longest time of them."""
    job = _job("s-1", "s-2", "s-3", "s-4")
    log = [item("LAUNCH_START", _at(5), "s-1")]
    log += [item("CONVERSION_START", _at(8 * n), f"s-{n}") for n in (2, 3, 4)]
    found = progress(phases(job, log), now=_at(16 + 372))
    assert found.text == "conversion 3 of 4, 6m, usually 14m"
    assert found.counts == {PhaseName.CONVERSION: 3, PhaseName.LAUNCH: 1}
    assert progress(phases(job, log), now=_at(-9)).text == "conversion 3 of 4, 0s, usually 14m"


@pytest.mark.parametrize(
    ("log", "text", "counts"),
    [
        ([], "no phase has begun 1 of 1, 9s", {None: 1}),
        ([item("CONVERSION_START", None, "s-1")], "conversion 1 of 1", {PhaseName.CONVERSION: 1}),
        ([item("SNAPSHOT_END", _at(1), "s-1")], "after snapshot 1 of 1, 8s, usually 3m", {None: 1}),
        ([item(f"{name}_END", None, "s-1") for name in ("SNAPSHOT", "LAUNCH")], "after launch 1 of 1", {None: 1}),
        ([item("LAUNCH_FAILED", None, "s-1")], "launch failed 1 of 1 server", {None: 1}),
        ([item("CLEANUP_START", _at(1), "s-1")], "cleanup 1 of 1, 8s", {PhaseName.CLEANUP: 1}),
    ],
)
def test_words_of_one_server(log: list[JobLogItem], text: str, counts: Any):
    found = progress(phases(_job("s-1"), log), now=_at(9))
    assert (found.text, found.counts, found.slow) == (text, counts, ())


def test_words_of_other_jobs():
    complete = attrs.evolve(_job("s-1"), status="COMPLETED", end_date_time=_at(9))
    assert progress(phases(complete, []), now=_at(9)).text == "complete, undetermined"
    network = _job(participating_resources=(make_resource(),))
    assert progress(phases(network, []), now=_at(9)).text == "no phase has begun 1 of 1, 9s"
    failed = _job(participating_resources=(make_resource(launch_status="FAILED"),))
    assert progress(phases(failed, []), now=_at(9)).text == "failed 1 of 1 participant"
    assert progress(phases(_job(), []), now=_at(9)).text == "no phase has begun, 9s"
    assert progress(phases(_job(creation_date_time=None), []), now=_at(9)).text == "no phase has begun"
    deploying = item(
        "DEPLOY_NETWORK_CONFIGURATION_START", _at(1), eventResourceData={"sourceNetworkData": {"sourceNetworkID": "n"}}
    )
    recovery = phases(_job(initiated_by="CREATE_NETWORK_RECOVERY"), [deploying])
    assert progress(recovery, now=_at(86400)).text == "deploy network configuration 1 of 1, 23h 59m"
    assert progress(recovery, now=_at(86400)).slow == ()


@pytest.mark.parametrize(
    ("statuses", "log_error", "fraction", "text"),
    [
        (("PENDING", "PENDING"), None, 0.0, "no phase has begun 2 of 2, 9s"),
        (("PENDING", "PENDING"), LookupError(), 0.0, "the log could not be read"),
        (("LAUNCHED", "PENDING"), LookupError(), 0.495, "after launch 1 of 2; the log could not be read"),
        (("LAUNCHED", "LAUNCHED"), LookupError(), 0.99, "after launch 2 of 2; the log could not be read"),
        (("IN_PROGRESS", "FAILED"), LookupError(), 0.27, "failed 1 of 2 servers; launch 1 of 2; the log could not be read"),
        (("LAUNCHED", "IN_PROGRESS"), None, 0.0, "launch 1 of 2"),
    ],
)
def test_progress_without_a_log(statuses: tuple[str, ...], log_error: Exception | None, fraction: float, text: str):
    """It is what the job alone shows."""
    servers = tuple(make_server(source_server_id=f"s-{n}", launch_status=status) for n, status in enumerate(statuses))
    job = attrs.evolve(_job("s-0", "s-1"), participating_servers=servers)
    found = progress(phases(job, [], log_error=log_error), now=_at(9))
    assert (found.fraction, found.text) == (pytest.approx(fraction, abs=0.03), text)


def test_log_that_could_not_be_read_completely():
    """It can lack the end of the conversion, so nothing is slow and no usual time is compared."""
    report = phases(_job("s-1", "s-2"), [item("CONVERSION_START", _at(0), "s-1")], log_error=LookupError())
    found = progress(report, now=_at(7200))
    assert found.text == "conversion 1 of 2, 2h 00m; the log could not be read completely"
    assert (found.slow, found.remaining) == ((), None)


FAILED_ACTION = attrs.evolve(make_server().launch_actions_status or LaunchActionsStatus(), runs=(make_run(status="FAILED"),))


@pytest.mark.parametrize(
    ("events", "fields", "text"),
    [
        (["CONVERSION_START"], {"launch_status": "FAILED"}, "conversion failed 1 of 1 server"),
        (["SNAPSHOT_END"], {"launch_status": "FAILED"}, "failed after snapshot 1 of 1 server"),
        (["LAUNCH_END"], {"launch_actions_status": FAILED_ACTION}, "failed after launch 1 of 1 server"),
        (["LAUNCH_END", "LAUNCH_FAILED"], {"launch_status": "LAUNCHED"}, "launch failed 1 of 1 server"),
        (["LAUNCH_FAILED", "LAUNCH_START"], {}, "launch 1 of 1, 8s, usually 6m"),
        (["SNAPSHOT_FAIL", "USING_PREVIOUS_SNAPSHOT"], {}, "snapshot 1 of 1"),
        (["SNAPSHOT_FAIL", "CONVERSION_START"], {}, "conversion 1 of 1, 8s, usually 14m"),
        (["CONVERSION_START", "USING_PREVIOUS_SNAPSHOT"], {}, "snapshot 1 of 1"),
        (["LATER_START", "NETWORK_RECOVERY_FAIL"], {}, "failed 1 of 1 server"),
    ],
)
def test_words_of_odd_logs(events: list[str], fields: dict[str, Any], text: str):
    job = _job(participating_servers=(make_server(**({"source_server_id": "s-1", "launch_status": "PENDING"} | fields)),))
    log = [item(event, _at(n), "s-1") for n, event in enumerate(events)]
    assert progress(phases(job, log), now=_at(9)).text == text


def test_failures_come_first():
    """In the order of the phases. A server that waits hides behind no other one."""
    log = [item("LAUNCH_FAILED", _at(300), "s-1"), item("LAUNCH_FAILED", _at(900), "s-2"), item("SNAPSHOT_FAIL", _at(2), "s-3")]
    log += [item("SNAPSHOT_END", _at(0), "s-4"), item("LAUNCH_START", _at(300), "s-5")]
    found = progress(phases(_job(*(f"s-{n}" for n in range(1, 6))), log), now=_at(28 * 60))
    assert found.text == "snapshot failed 1 of 5 servers; launch failed 2 of 5 servers; after snapshot 1 of 5, 28m, usually 3m"
    waiting, launching = found.slow
    assert (waiting.participant, waiting.phase, waiting.elapsed, waiting.usual) == (
        "s-4",
        None,
        _minutes(28),
        _minutes(191 / 60),
    )
    assert (launching.participant, launching.phase, launching.elapsed) == ("s-5", PhaseName.LAUNCH, _minutes(23))


def test_all_launches_failed():
    found = progress(phases(_job("s-1", "s-2"), [item("LAUNCH_FAILED", _at(1), f"s-{n}") for n in (1, 2)]), now=_at(9))
    assert (found.text, found.slow, found.remaining) == ("launch failed 2 of 2 servers", (), None)


def _minutes(minutes: float) -> timedelta:
    return timedelta(minutes=minutes)


@pytest.mark.parametrize(
    ("usual", "limit"), [(_minutes(1), _minutes(6)), (_minutes(5), _minutes(10)), (_minutes(20), _minutes(40))]
)
def test_slow(usual: timedelta, limit: timedelta):
    """Longer than twice the usual time, and longer than it by five minutes."""
    job, start = _job("s-1"), item("CONVERSION_START", _at(0), "s-1")
    earlier = phases(
        make_job(participating_servers=(make_server(source_server_id="s-1"),)),
        [start, item("CONVERSION_END", NOON + usual, "s-1")],
    )
    assert progress(phases(job, [start]), now=NOON + limit, earlier=[earlier]).slow == ()
    late = progress(phases(job, [start]), now=NOON + limit + timedelta(seconds=1), earlier=iter([earlier]))
    assert [(slow.participant, slow.phase, slow.usual) for slow in late.slow] == [("s-1", PhaseName.CONVERSION, usual)]


def test_phase_that_was_started_again_is_slow_by_its_latest_attempt():
    """Its whole time is that of several attempts. If the start of the latest is not known, it is not slow."""
    first = [item("CONVERSION_START", _at(0), "s-1"), item("CONVERSION_FAIL", _at(3000), "s-1")]
    again = item("CONVERSION_START", _at(3000), "s-1")
    found = progress(phases(_job("s-1"), [*first, again]), now=_at(3060))
    assert (found.slow, found.text) == ((), "conversion 1 of 1, 1m, usually 14m")
    late = progress(phases(_job("s-1"), [*first, again]), now=_at(6000))
    assert [slow.elapsed for slow in late.slow] == [timedelta(seconds=3000)]
    undated = progress(phases(_job("s-1"), [*first, item("CONVERSION_START", None, "s-1")]), now=_at(6000))
    assert (undated.slow, undated.text) == ((), "conversion 1 of 1")
    # Its fraction counts from the first start, so that it never decreases.
    assert found.fraction >= progress(phases(_job("s-1"), first[:1]), now=_at(2999)).fraction


@pytest.mark.parametrize(
    ("event", "fields"),
    [
        ("CLEANUP_START", {}),
        ("CLEANUP_END", {}),
        ("CONVERSION_END", {}),
        ("LAUNCH_END", {}),
        ("LAUNCH_START", {"initiated_by": "FAILBACK"}),
        ("CONVERSION_START", {"status": "COMPLETED"}),
    ],
)
def test_what_was_never_measured_is_not_slow(event: str, fields: dict[str, Any]):
    assert progress(phases(_job("s-1", **fields), [item(event, _at(0), "s-1")]), now=_at(10**7)).slow == ()


def test_time_left():
    """That of the server with the most left, by its earlier jobs. Without one of them, or with a slow one, it is not known."""
    job, start = _job("s-1", "s-2"), [item("SNAPSHOT_START", _at(0), f"s-{n}") for n in (1, 2)]

    def earlier(server: str, launch: float) -> Any:
        log = [item("SNAPSHOT_START", _at(0), server), item("SNAPSHOT_END", _at(1), server)]
        log += [item("CONVERSION_START", _at(100), server), item("CONVERSION_END", _at(300), server)]
        log += [item("LAUNCH_START", _at(300), server), item("LAUNCH_END", _at(300 + launch), server)]
        return phases(make_job(participating_servers=(make_server(source_server_id=server),)), log)

    both = [earlier("s-1", 300), earlier("s-2", 200)]
    left = progress(phases(job, start), now=_at(0), earlier=both).remaining
    assert left == timedelta(seconds=600)
    assert progress(phases(job, start), now=_at(0), earlier=both[:1]).remaining is None
    assert progress(phases(job, start), now=_at(1000), earlier=both).remaining is None
    first_launched = [*start, item("LAUNCH_END", _at(1), "s-1"), item("LAUNCH_START", _at(1), "s-2")]
    assert progress(phases(job, first_launched), now=_at(101), earlier=both[1:]).remaining == timedelta(seconds=100)
    assert (
        progress(phases(job, [*first_launched, item("LAUNCH_FAILED", _at(2), "s-2")]), now=_at(9), earlier=both).remaining
        is None
    )


# ------------------------------------------------------------------ the words, against an oracle

WINDOWS = {"SNAPSHOT": 3.0, "after SNAPSHOT": 191.0, "CONVERSION": 846.0, "LAUNCH": 391.0}
"""The longest times of service-facts, in seconds; the wait after a phase has the name of that phase."""


def _spans(log: list[JobLogItem]) -> dict[tuple[str, str], float]:
    """The seconds of each phase and wait of each server that ended in a log."""
    found: dict[tuple[str, str], float] = {}
    for server in {each.event_data.source_server_id for each in log if each.event_data}:
        events = [
            (str(each.event), each.log_date_time)
            for each in log
            if each.event_data and each.event_data.source_server_id == server
        ]
        events.sort(key=lambda each: each[1])
        for name in SERVER_PHASES:
            times = [when for event, when in events if event.startswith(f"{name}_")]
            if times and [event for event, _ in events if event.startswith(f"{name}_")][-1] == f"{name}_END":
                found[str(server), name] = (times[-1] - times[0]).total_seconds()
                before = [each for each in events if each[1] < times[0]]
                if before and before[-1][0].endswith("_END"):
                    found[str(server), f"after {before[-1][0].removesuffix('_END')}"] = (
                        times[0] - before[-1][1]
                    ).total_seconds()
    return found


def _short(seconds: float) -> str:
    minutes, hours, days = int(seconds // 60), int(seconds // 3600), int(seconds // 86400)
    if days >= 2:
        return f"{days}d {hours % 24:02}h"
    return f"{hours}h {minutes % 60:02}m" if hours else f"{minutes}m" if minutes else f"{int(seconds)}s"


def expected_words(job: Job, log: list[JobLogItem], now: datetime, earlier: list[list[JobLogItem]]) -> tuple[str, list[Any]]:
    """The text and the slow servers, from the events alone: each server is where its last event left it."""
    total = len(job.participating_servers)
    failed: dict[int, list[str]] = {}
    going: dict[tuple[int, int], list[tuple[bool, float, float | None, str]]] = {}
    slow: list[Any] = []
    for server in job.participating_servers:
        own = sorted(
            (each for each in log if each.event_data and each.event_data.source_server_id == server.source_server_id),
            key=lambda each: each.log_date_time or NOON,
        )
        last = str(own[-1].event) if own else ""
        name, _, step = last.rpartition("_")
        rank = SERVER_PHASES.index(name) if name else -1
        has_failed = server.launch_status == "FAILED" or any(run.status == "FAILED" for run in server.runs)
        if step.startswith("FAIL") or has_failed:
            words = "failed" if not name else f"failed after {name.lower()}" if step == "END" else f"{name.lower()} failed"
            failed.setdefault(2 * rank + (step == "END"), []).append(words)
            continue
        begin = [each for each in own if each.event == f"{name}_START"]
        since = job.creation_date_time if not own else begin[-1].log_date_time if step == "START" else own[-1].log_date_time
        assert since is not None
        elapsed = (now - since).total_seconds()
        what = name if step == "START" else f"after {name}"
        times = [spans[key] for each in earlier if (key := (str(server.source_server_id), what)) in (spans := _spans(each))]
        usual = timedelta(seconds=statistics.median(times)).total_seconds() if times else WINDOWS.get(what)
        is_slow = usual is not None and elapsed > 2 * usual and elapsed > usual + 300
        if is_slow:
            slow.append((server.source_server_id, name if step == "START" else None, elapsed, usual))
        words = what.replace(name, name.lower()) if name else "no phase has begun"
        going.setdefault((rank, step == "END"), []).append((is_slow, elapsed, usual, words))
    parts = [f"{words[0]} {len(words)} of {total} server{'s' * (total > 1)}" for _, words in sorted(failed.items())]
    if going:
        least = going[min(going)]
        _, elapsed, usual, words = max(least, key=lambda each: each[:2])
        parts.append(
            f"{words} {len(least)} of {total}, {_short(elapsed)}" + ("" if usual is None else f", usually {_short(usual)}")
        )
    return "; ".join(parts), slow


def _check_words(
    job: Job, log: list[JobLogItem], now: datetime, earlier: list[tuple[Job, list[JobLogItem]]]
) -> tuple[bool, ...]:
    found = progress(phases(job, log), now=now, earlier=[phases(*each) for each in earlier])
    text, slow = expected_words(job, log, now, [each for _, each in earlier])
    assert found.text == text
    assert [(each.participant, each.phase, each.elapsed.total_seconds()) for each in found.slow] == [each[:3] for each in slow]
    assert [each.usual.total_seconds() for each in found.slow] == pytest.approx([each[3] for each in slow], abs=1e-5)
    assert found.remaining is None or not slow
    return ("failed" in text, bool(slow), "after" in text, found.remaining is not None)


SIMULATED_MOMENTS = int(os.environ.get("DRS_JOBS_SIMULATED_MOMENTS", "200"))


def test_words_of_simulated_jobs():
    """Failures, stuck phases and waits, and earlier drills, at random moments.

    `DRS_JOBS_SIMULATED_MOMENTS=2000 pytest -k test_words_of_simulated_jobs -s` prints the counts of more moments.
    """
    rng = random.Random(27)
    moments = 0
    counts: Counter[tuple[bool, ...]] = Counter()
    while moments < SIMULATED_MOMENTS:
        servers = [f"s-{n:017}" for n in range(rng.randint(1, 5))]
        with LocalDrs(speed=0, profile=rng.choice(["linux", "windows"])) as local:
            client = JobsClient(local.client())
            request: Any = {"isDrill": True, "sourceServers": [{"sourceServerID": server} for server in servers]}
            earlier = []
            for _ in range(rng.randint(0, 3)):
                job_id = local.client().start_recovery(**request)["job"]["jobID"]
                local.advance(3600)
                earlier.append((client.get_job(job_id), list(client.describe_job_log_items(job_id))))
            for server in servers:
                kind = rng.choice([None, None, None, BootFailure, PhaseFailure, RefusedCall, Stuck, LaunchActionFailure])
                if kind is not None:
                    phase = rng.choice([*SERVER_PHASES])
                    local.fail_server(server, kind(phase) if kind in {PhaseFailure, Stuck} else kind())
            job_id = local.client().start_recovery(**request)["job"]["jobID"]
            for _ in range(12):
                local.advance(rng.choice([0.1, 1.0, 60.0, 200.0]) * rng.uniform(0.5, 1.5))
                job, log = client.get_job(job_id), list(client.describe_job_log_items(job_id))
                if job.is_complete:
                    break
                # As if nothing followed: every wait and every phase can be stuck.
                for now in (local.now, local.now + timedelta(seconds=rng.choice([100, 1000, 10_000, 10**6]) * rng.random())):
                    counts.update([_check_words(job, log, now, earlier)])
                    moments += 1
    for number, name in enumerate(("failed", "slow", "waiting", "time left")):
        print(f"{name}: {sum(count for key, count in counts.items() if key[number])} of {moments}")
        assert sum(count for key, count in counts.items() if key[number]) > moments / 40


def test_words_of_jobs_with_retries():
    """As above, with jobs that the tests simulate: retries, failures after the launch, servers that end silently."""
    rng = random.Random(28)
    for number in range(SIMULATED_MOMENTS // 2):
        truth = simulate(rng, number, trouble=0.6)
        ids = [server.server_id for server in truth.servers]
        others = [simulate(rng, 10**5 + n, servers=ids, trouble=rng.choice([0.0, 0.5])) for n in range(rng.randint(0, 3))]
        now = truth.created + rng.random() * (truth.end - truth.created)
        log = truth.log(now)
        rng.shuffle(log)
        late = now + timedelta(seconds=rng.choice([0, 3000]) * rng.random())
        _check_words(truth.job(now), log, late, [(other.job(), other.log()) for other in others])


def test_phase_that_was_started_again_after_a_later_one():
    """It is the latest phase, although it began first."""
    log = [item("SNAPSHOT_END", _at(2), "s-1"), item("LAUNCH_START", _at(241), "s-1"), item("LAUNCH_FAILED", _at(500), "s-1")]
    log += [item("CONVERSION_START", _at(60), "s-1"), item("CONVERSION_START", _at(600), "s-1")]
    log += [item("LAUNCH_START", _at(241), "s-2"), item("LAUNCH_END", _at(500), "s-2")]
    found = phases(_job("s-1", "s-2"), log)
    assert slowest_phase(found, now=_at(700)).startswith("conversion of s-1 for ")
    log += [item("CONVERSION_END", _at(650), "s-1")]
    found = phases(_job("s-1", "s-2"), log)
    assert slowest_phase(found, now=_at(700)) == "after conversion of s-1 for 0m 50s"
    assert progress(found, now=_at(700)).text == "after conversion 1 of 2, 50s"


def test_words_are_about_the_jobs_own_servers():
    log = [item("CONVERSION_START", _at(8), server) for server in ("s-1", "s-other", "s-another")]
    found = phases(_job("s-1"), log)
    assert progress(found, now=_at(68)).text == "conversion 1 of 1, 1m, usually 14m"
    assert slowest_phase(found, now=_at(68)) == "conversion of s-1 for 1m 00s"


def test_slowest_phase_of_servers_without_one():
    assert slowest_phase(phases(_job("s-1"), []), now=_at(9)) == "no phase of s-1 has begun for 0m 09s"
    failed = [item("LAUNCH_FAILED", _at(1), "s-1")]
    assert slowest_phase(phases(_job("s-1"), failed), now=_at(9)) == "launch failed 1 of 1 server"
    assert slowest_phase(phases(_job(), []), now=_at(9)) == "no phase has begun, 9s"


def test_status_ahead_of_the_log():
    """It does not count, because a failure would take it back."""
    log = [item("SNAPSHOT_END", _at(2), "s-1"), item("CONVERSION_START", _at(60), "s-1")]
    fractions = []
    for status in ("PENDING", "IN_PROGRESS", "FAILED"):
        servers = (make_server(source_server_id="s-1", launch_status=status),)
        job = attrs.evolve(_job("s-1"), participating_servers=servers)
        fractions.append(progress(phases(job, log), now=_at(100)).fraction)
    assert len(set(fractions)) == 1
