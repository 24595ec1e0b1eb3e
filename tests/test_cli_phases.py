"""The phases of one job in `drs-jobs show`: bars, durations and records."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from command_line import run, run_here
from drs_jobs import Job, JobsClient, Outcome, SourceNetworkID
from drs_jobs.analysis import JobPhases, Phase, PhaseName, phases
from drs_jobs.cli.phases import PhaseBar, phases_table
from drs_jobs.testing import LocalDrs, make_history, make_job, make_log_item, make_resource, make_server

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)


def _reports(seed: int = 0) -> list[JobPhases]:
    history = make_history(30, until=NOON, seed=seed, logs=True)
    return [phases(job, history.logs[job.job_id]) for job in history if job.participating_servers]


def _shown(renderable: Any, width: int) -> str:
    console = Console(file=io.StringIO(), width=width)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


fractions = st.floats(min_value=0, max_value=1)


@given(st.lists(st.tuples(fractions, fractions), min_size=1, max_size=4), st.integers(min_value=8, max_value=200))
def test_bar_shows_every_phase(times: list[tuple[float, float]], width: int):
    """In order, each with at least one column, however short it is and whatever the times are."""
    names = list(PhaseName)[: len(times)]
    spans = tuple((min(pair), max(pair), Phase(name=name)) for pair, name in zip(times, names, strict=True))
    bar = _shown(PhaseBar(spans), width).rstrip("\n")
    assert len(bar) <= width
    letters = [letter for letter in bar if letter != "·"]
    assert list(dict.fromkeys(letters)) == ["░", "▒", "▓", "█"][: len(times)]
    assert "".join(letters) == "".join(sorted(letters, key="░▒▓█".index))


def test_bar_is_to_scale():
    """Half of the time is half of the columns."""
    spans = ((0.0, 0.25, Phase(name=PhaseName.SNAPSHOT)), (0.5, 1.0, Phase(name=PhaseName.LAUNCH)))
    assert _shown(PhaseBar(spans), 40).rstrip("\n") == "▒" * 10 + "·" * 10 + "█" * 20


@pytest.mark.parametrize("width", [*range(10, 200, 7), 10_000])
def test_table_fits_every_width(width: int):
    for report in _reports()[:6]:
        lines = _shown(phases_table(report, report.participants, now=NOON, width=width, names={}), width).splitlines()
        assert max(len(line.rstrip()) for line in lines) <= width
        if width >= 60:
            assert [row.participant for row in report.participants] == [line.split()[0] for line in lines[1:]]
            assert [row.outcome.name for row in report.participants] == [line.split()[-1] for line in lines[1:]]
            assert all(set(line) & set("░▒▓█") for line, row in zip(lines[1:], report.participants, strict=True) if row.phases)


def test_clock_behind_that_of_aws():
    """The bars of a running job begin at its creation, whatever the time of this machine is."""
    server = make_server(launch_status="PENDING")
    job = make_job(creation_date_time=NOON, status="STARTED", participating_servers=(server,))
    times = {"SNAPSHOT_START": 5, "SNAPSHOT_END": 10, "CONVERSION_START": 60}
    log = [
        make_log_item(event=event, source_server_id=server.source_server_id, log_date_time=NOON + timedelta(seconds=seconds))
        for event, seconds in times.items()
    ]
    report = phases(job, log)
    bars = [_bar(report, NOON - timedelta(minutes=minutes)) for minutes in (0, 3, 60)]
    assert len(set(bars)) == 1
    assert "▒" in bars[0][: len(bars[0]) // 4]


def _bar(report: JobPhases, now: datetime) -> str:
    shown = _shown(phases_table(report, report.participants, now=now, width=110, names={}), 110)
    return next("".join(char for char in line if char in "·░▒▓█") for line in shown.splitlines() if "▒" in line)


def test_running_phase_grows_until_now():
    """Its duration is the time since its start."""
    job = make_job(
        status="STARTED",
        creation_date_time=NOON,
        end_date_time=None,
        participating_servers=(make_server(source_server_id="s-1", launch_status="PENDING"),),
    )
    start = make_log_item(event="CONVERSION_START", source_server_id="s-1", log_date_time=NOON + timedelta(minutes=1))
    report = phases(job, [start])
    shown = _shown(phases_table(report, report.participants, now=NOON + timedelta(minutes=4), width=120, names={}), 120)
    assert "3m 00s RUNNING" in shown


@pytest.fixture
def failed(local_drs: LocalDrs) -> Job:
    history = make_history(60, until=local_drs.now, seed=7, logs=True)
    local_drs.add_history(history)
    return next(job for job in history if job.failed_servers)


def test_records(failed: Job, local_drs: LocalDrs, capsys: pytest.CaptureFixture[str]):
    """JSON has one object per server; CSV has one row per phase; both have the times of `JobsClient.phases`."""
    report = JobsClient(local_drs.client()).phases(failed.job_id)
    status, output, errors = run_here(capsys, "show", failed.job_id, "-o", "json")
    lines = json.loads(output)["phases"]
    assert (status, errors) == (1, "")
    assert [line["sourceServerID"] for line in lines] == [row.participant for row in report.participants]
    expected = [
        (phase.name.name, phase.started_at and phase.started_at.isoformat(), phase.duration, phase.outcome.name)
        for row in report.participants
        for phase in row.phases
    ]
    assert expected == [
        (
            phase["name"],
            phase["startedAt"],
            None if phase["durationSeconds"] is None else timedelta(seconds=phase["durationSeconds"]),
            phase["outcome"],
        )
        for line in lines
        for phase in line["phases"]
    ]
    rows = list(csv.DictReader(io.StringIO(run_here(capsys, "show", failed.job_id, "-o", "csv")[1])))
    with_phases = [row for row in rows if row["name"]]
    assert [(row["name"], row["startedAt"], row["outcome"]) for row in with_phases] == [
        (name, start or "", outcome) for name, start, _, outcome in expected
    ]
    assert {row["participant"] for row in rows} == {row.participant for row in report.participants}


def test_networks_have_their_own_key(local_drs: LocalDrs, capsys: pytest.CaptureFixture[str]):
    network = SourceNetworkID("sn-12345678901234567")
    job = make_job(participating_servers=(), participating_resources=(make_resource(participating_resource_id=network),))
    local_drs.add_jobs(job)
    [record] = json.loads(run_here(capsys, "show", job.job_id, "-o", "json")[1])["phases"]
    assert (record["sourceNetworkID"], "sourceServerID" in record) == (network.value, False)


def test_ascii_terminal(failed: Job):
    """Letters, with their meaning below."""
    output = io.TextIOWrapper(io.BytesIO(), encoding="ascii")
    run("show", failed.job_id, stdout=output)
    output.seek(0)
    shown = output.read()
    assert "\\u" not in shown
    assert "c conversion  l launch" in shown
    assert Outcome.FAILED.name in shown
