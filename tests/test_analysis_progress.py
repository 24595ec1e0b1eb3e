"""The progress of a job, as a fraction and in words."""

import math
import os
import random
import statistics
from datetime import datetime, timedelta
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_jobs import Job, JobLogItem
from drs_jobs.analysis import PhaseName, phases, progress
from drs_jobs.analysis.job_progress import TYPICAL_DURATIONS, slowest_phase
from drs_jobs.testing import make_job, make_resource, make_server
from simulated_logs import NOON, SimulatedJob, item, simulate
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
    typical = [seconds for name in ("SNAPSHOT", "CONVERSION", "LAUNCH") for seconds in TYPICAL_DURATIONS[PhaseName(name)]]
    means = [math.sqrt(linux * windows) for linux, windows in ((0, 0), (0.2, 3), (51, 191), (186, 846), (0, 0), (294, 391))]
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
    """They are about the participants that are least far, and about the first of them."""
    job = _job("s-1", "s-2", "s-3", "s-4")
    log = [item("LAUNCH_START", _at(5), "s-1")]
    log += [item("CONVERSION_START", _at(8 * n), f"s-{n}") for n in (2, 3, 4)]
    found = progress(phases(job, log), now=_at(16 + 372))
    assert found.text == "conversion 3 of 4 servers, 6m 12s in it"
    assert found.counts == {PhaseName.CONVERSION: 3, PhaseName.LAUNCH: 1}
    assert progress(phases(job, log), now=_at(-9)).text == "conversion 3 of 4 servers, 0m 00s in it"


@pytest.mark.parametrize(
    ("log", "text", "counts"),
    [
        ([], "no phase has begun, 0 of 1 server", {None: 1}),
        ([item("CONVERSION_START", None, "s-1")], "conversion 1 of 1 server", {PhaseName.CONVERSION: 1}),
        ([item("SNAPSHOT_END", _at(1), "s-1")], "after snapshot, 1 of 1 server", {None: 1}),
        ([item(f"{name}_END", None, "s-1") for name in ("SNAPSHOT", "LAUNCH")], "after launch, 1 of 1 server", {None: 1}),
    ],
)
def test_words_without_a_time(log: list[JobLogItem], text: str, counts: Any):
    found = progress(phases(_job("s-1"), log), now=_at(9))
    assert (found.text, found.counts) == (text, counts)


def test_words_of_other_jobs():
    complete = attrs.evolve(_job("s-1"), status="COMPLETED", end_date_time=_at(9))
    assert progress(phases(complete, []), now=_at(9)).text == "complete, undetermined"
    network = _job(participating_resources=(make_resource(),))
    assert progress(phases(network, []), now=_at(9)).text == "no phase has begun, 0 of 1 participant"


@pytest.mark.parametrize(
    ("statuses", "log_error", "fraction", "text"),
    [
        (("PENDING", "PENDING"), None, 0.0, "no phase has begun, 0 of 2 servers"),
        (("PENDING", "PENDING"), LookupError(), 0.0, "the log could not be read, 0 of 2 servers"),
        (("LAUNCHED", "PENDING"), LookupError(), 0.495, "the log could not be read, 0 of 2 servers"),
        (("LAUNCHED", "LAUNCHED"), LookupError(), 0.99, "the log could not be read, 0 of 2 servers"),
    ],
)
def test_progress_without_a_log(statuses: tuple[str, ...], log_error: Exception | None, fraction: float, text: str):
    """It is what the job alone shows."""
    servers = tuple(make_server(source_server_id=f"s-{n}", launch_status=status) for n, status in enumerate(statuses))
    job = attrs.evolve(_job("s-0", "s-1"), participating_servers=servers)
    found = progress(phases(job, [], log_error=log_error), now=_at(9))
    assert (found.fraction, found.text) == (pytest.approx(fraction), text)


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
    assert progress(found, now=_at(700)).text == "after conversion, 1 of 2 servers"


def test_words_are_about_the_jobs_own_servers():
    log = [item("CONVERSION_START", _at(8), server) for server in ("s-1", "s-other", "s-another")]
    found = phases(_job("s-1"), log)
    assert progress(found, now=_at(68)).text == "conversion 1 of 1 server, 1m 00s in it"
    assert slowest_phase(found, now=_at(68)) == "conversion of s-1 for 1m 00s"


def test_status_ahead_of_the_log():
    """It does not count, because a failure would take it back."""
    log = [item("SNAPSHOT_END", _at(2), "s-1"), item("CONVERSION_START", _at(60), "s-1")]
    fractions = []
    for status in ("PENDING", "IN_PROGRESS", "FAILED"):
        servers = (make_server(source_server_id="s-1", launch_status=status),)
        job = attrs.evolve(_job("s-1"), participating_servers=servers)
        fractions.append(progress(phases(job, log), now=_at(100)).fraction)
    assert len(set(fractions)) == 1
