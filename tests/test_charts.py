"""Charts: what they show of which jobs, with any jobs and with hostile text, and what a browser makes of them."""

import copy
import json
import re
import warnings
import zoneinfo
from collections import Counter
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from browser import browse, needs_browser
from drs_jobs import InitiatedBy, Job, JobType, Outcome
from drs_jobs._html import OUTCOME_COLOURS
from drs_jobs.analysis import JobPhases, phases
from drs_jobs.evidence import assess
from drs_jobs.testing import make_history, make_job, make_resource, make_server
from hostile import HOSTILE, NOON, hostile_job
from simulated_logs import item
from strategies import jobs as any_jobs
from strategies import log_items

charts = pytest.importorskip("drs_jobs.notebook.charts")
go = pytest.importorskip("plotly.graph_objects")
pio = pytest.importorskip("plotly.io")
HOUR = timedelta(hours=1)
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)


def history(count: int) -> Sequence[Job]:
    return make_history(count, until=NOON) if count else ()


def read(count: int) -> list[JobPhases]:
    """The jobs of a history with their logs."""
    jobs = make_history(count, until=NOON, logs=True)
    return [phases(job, jobs.logs[job.job_id]) for job in jobs]


def job_at(created: datetime, minutes: float = 10, **fields: Any) -> Job:
    return make_job(creation_date_time=created, end_date_time=created + timedelta(minutes=minutes), **fields)


def server(server_id: str, status: str = "LAUNCHED") -> Any:
    return make_server(source_server_id=server_id, launch_status=status)


def title(figure: Any) -> str:
    """The title without its format."""
    return re.sub("<[^>]*>", "", figure.layout.title.text.replace("<br>", "\n"))


def words(figure: Any) -> str:
    """The title in one line."""
    return title(figure).replace("\n", " ")


def time_at(milliseconds: float) -> datetime:
    """The time at a position on an axis of dates."""
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def traces(figure: Any, kind: str) -> list[Any]:
    return [trace for trace in figure.data if trace.type == kind]


def hovers(figure: Any) -> Counter[str]:
    """The hover labels, by their number."""
    return Counter(text for trace in figure.data for text in trace.hovertext or () if text)


def every_chart(jobs: Sequence[Job], reports: Sequence[JobPhases]) -> Iterable[Any]:
    """All charts. The chart of phases is that of the last job."""
    names = {server.name: server.name for job in jobs for server in job.participating_servers}
    yield charts.timeline(jobs, now=NOON, names=names)
    yield charts.drill_history(jobs)
    yield charts.drill_grid(jobs, names=names)
    yield charts.recovery_chart(reports, objective=HOUR, names=names)
    for report in reports[-1:]:
        yield charts.phases_chart(report, now=NOON, names=names)


# ------------------------------------------------------------------ timeline


@pytest.mark.parametrize("count", [1, 50, 300])
def test_timeline(count: int):
    """One bar per job, coloured by outcome. The bar of a running job ends at `now`."""
    jobs = history(count)
    figure = charts.timeline(jobs, now=NOON)
    bars = traces(figure, "bar")
    assert sum(len(trace.y) for trace in bars) == count
    assert {trace.marker.color for trace in bars} == {OUTCOME_COLOURS[job.outcome] for job in jobs}
    for trace in bars:
        if trace.name.startswith("RUNNING"):
            ends = [time_at(base + x) for base, x in zip(trace.base, trace.x, strict=True)]
            assert all(abs(end - NOON) < timedelta(milliseconds=1) for end in ends)
            assert set(trace.marker.pattern.shape) == {"/"}
    assert title(figure).startswith(f"{count:,} job")
    assert figure.layout.height < 1_500


def counts_of(figure: Any) -> Counter[tuple[str, str]]:
    """The number of jobs per period and outcome in stacked bars."""
    counts: Counter[tuple[str, str]] = Counter()
    for trace in traces(figure, "bar"):
        for period, count in zip(trace.x, trace.y, strict=True):
            counts[period, trace.name.split()[0]] += count
    return +counts


@pytest.mark.parametrize("count", [301, 2_000])
def test_many_jobs_are_counted_per_week(count: int):
    """One panel per lane. The sums are in the titles and in the legend."""
    jobs = history(count)
    figure = charts.timeline(jobs, now=NOON)
    mondays = [(job, job.creation_date_time - timedelta(days=job.creation_date_time.weekday())) for job in jobs]
    assert counts_of(figure) == Counter((f"{monday:%Y-%m-%d}", job.outcome.name) for job, monday in mondays)
    assert title(figure).startswith(f"{count:,} jobs per week\n")
    kinds = Counter(job.kind for job in jobs)
    assert {note.text for note in figure.layout.annotations} == {f"{kind} ({total:,})" for kind, total in kinds.items()}
    legend = {trace.name for trace in figure.data if trace.showlegend}
    assert legend == {f"{outcome.name} ({total:,})" for outcome, total in Counter(job.outcome for job in jobs).items()}


def test_years_of_jobs_are_counted_per_month():
    jobs = [job_at(NOON + timedelta(days=10 * number)) for number in range(400)]
    figure = charts.timeline([*jobs, make_job(creation_date_time=None, end_date_time=None)])
    assert words(figure).startswith("400 jobs per month, and 1 job without a creation")
    assert counts_of(figure).total() == 400
    assert len(figure.data[0].x) == len(set(figure.data[0].x)) == 132


def test_title_of_a_timeline():
    """Dates, account and region, or how many there are."""
    day = datetime(2024, 6, 15, tzinfo=UTC)
    jobs = [job_at(day), job_at(day + timedelta(days=2))]
    assert title(charts.timeline(jobs[:1])) == "1 job\n2024-06-15 (UTC), account 123456789012, eu-west-1"
    assert title(charts.timeline(jobs)) == "2 jobs\n2024-06-15 to 2024-06-17 (UTC), account 123456789012, eu-west-1"
    other = job_at(day, arn="arn:aws:drs:us-east-1:210987654321:job/x")
    assert title(charts.timeline([*jobs, other])).endswith("(UTC), 2 accounts, 2 regions")


@pytest.mark.parametrize("days", [1, 30, 365])
def test_short_bars_have_a_marker(days: int):
    """Those that could not be seen, and no others. At a day the bars are long enough."""
    jobs = [job_at(NOON + timedelta(days=days) * number / 20, 15) for number in range(21)]
    figure = charts.timeline(jobs, now=NOON)
    low, high = figure.layout.xaxis.range
    is_short = timedelta(minutes=15) / timedelta(milliseconds=high - low) < 1 / 130
    [bar], markers = traces(figure, "bar"), traces(figure, "scatter")
    assert is_short is (days > 1)
    assert [len(trace.x) for trace in markers] == ([21] if is_short else [])
    assert all(trace.marker.size >= 8 for trace in markers)
    assert len(bar.x) == 21


@settings(max_examples=12)
@given(st.lists(st.tuples(st.integers(0, 40_000), st.integers(0, 3_000)), min_size=1, max_size=40))
def test_jobs_of_a_lane_do_not_overlap(times: list[tuple[int, int]]):
    """Nor do their markers."""
    jobs = [job_at(NOON + timedelta(minutes=start), length) for start, length in times]
    figure = charts.timeline(jobs, now=NOON)
    low, high = figure.layout.xaxis.range
    marker = (high - low) / 70
    rows: dict[float, list[tuple[float, float]]] = {}
    for trace in traces(figure, "bar"):
        for base, length, y in zip(trace.base, trace.x, trace.y, strict=True):
            end = base + length
            middle, half = (base + end) / 2, marker / 2
            rows.setdefault(y, []).append((min(base, middle - half), max(end, middle + half)))
    for spans in rows.values():
        assert all(end <= start for (_, end), (start, _) in pairwise(sorted(spans)))


def test_failures_are_on_top():
    """They are the last bars, and the last markers; no bar is higher than others."""
    figure = charts.timeline(history(50), now=NOON)
    for kind in ("bar", "scatter"):
        assert traces(figure, kind)[-1].name.startswith("FAILED")
    assert len({trace.width for trace in traces(figure, "bar")}) == 1


def test_jobs_at_the_same_time_have_rows():
    """Such as those of a recovery plan, with one job per server."""
    jobs = [job_at(NOON, participating_servers=(server(f"s-{number}", "FAILED"),)) for number in range(100)]
    figure = charts.timeline(jobs, now=NOON)
    [bar] = traces(figure, "bar")
    assert sorted(bar.y) == list(range(100))
    assert figure.layout.height < 1_200


def test_lanes():
    """One per kind, in a fixed order, with the number of jobs."""
    kinds = ("TERMINATE_RECOVERY_INSTANCES", "NEW_KIND", "START_DRILL", None, "START_DRILL", "START_RECOVERY")
    jobs = [job_at(NOON + number * HOUR, initiated_by=kind) for number, kind in enumerate(kinds)]
    labels = charts.timeline(jobs).layout.yaxis.ticktext
    assert list(labels) == ["drill (2)", "recovery (1)", "clean-up (1)", "other kinds (2)"]


def test_a_job_is_drawn_once():
    """With its latest snapshot, in all charts of jobs."""
    done = job_at(NOON, participating_servers=(server("s-1"),))
    started = attrs.evolve(done, status="STARTED", end_date_time=None)
    jobs = [started, done, started]
    assert title(charts.timeline(jobs)).startswith("1 job\n")
    assert title(charts.drill_history(jobs)).startswith("1 drill in 1 month\n")
    assert title(charts.drill_grid(jobs)).startswith("1 drill of 1 server\n")
    for figure in (charts.timeline(jobs), charts.drill_history(jobs), charts.drill_grid(jobs)):
        assert {trace.name for trace in figure.data if trace.showlegend is not False} == {"SUCCEEDED (1)"}


def test_hover_of_a_timeline():
    """Kind, outcome, times, servers, account, and what failed with host names."""
    bad = tuple(server(f"s-{number}", "FAILED") for number in range(10))
    job = job_at(NOON, participating_servers=bad)
    [text] = hovers(charts.timeline([job], names={"s-0": "web"}))
    assert text.split("<br>") == [
        "drill FAILED",
        f"{job.job_id}, COMPLETED",
        "2024-06-15 12:00 to 2024-06-15 12:10 (UTC), 10m 00s",
        "0/10 servers",
        "123456789012, eu-west-1",
        "failed: web s-0",
        *(f"failed: s-{number}" for number in range(1, 8)),
        "and 2 more",
    ]


def test_timeline_counts_jobs_without_a_date():
    jobs = [make_job(creation_date_time=None, end_date_time=None), make_job(end_date_time=None)]
    assert words(charts.timeline(jobs)).startswith("1 job, and 1 job without a creation date")
    nameless = make_job(participating_resources=(make_resource(participating_resource_id=None, launch_status="FAILED"),))
    assert "failed: without an id" in next(iter(hovers(charts.timeline([nameless]))))
    with pytest.raises(ValueError, match="time zone"):
        charts.timeline(jobs, now=datetime(2024, 1, 1))  # noqa: DTZ001  # the case under test


def test_timeline_when_summer_time_ends():
    """Jobs are at their place in UTC, because an hour of local time is repeated."""
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    early, late = (datetime(2024, 10, 27, 2, minute, tzinfo=berlin, fold=fold) for minute, fold in ((50, 0), (10, 1)))
    jobs = [make_job(creation_date_time=when, end_date_time=when + timedelta(minutes=1)) for when in (late, early)]
    [bar] = traces(charts.timeline(jobs), "bar")
    assert sorted(time_at(base).isoformat()[11:16] for base in bar.base) == ["00:50", "01:10"]


# ------------------------------------------------------------------ drills


def test_drill_history():
    """Months without a drill are included. Running drills are not in the share. Recoveries and clean-ups are not counted."""

    def drill(month: int, minutes: int, **fields: Any) -> Job:
        return job_at(datetime(2024, month, 10, tzinfo=UTC), minutes, **fields)

    failed = (make_server(launch_status="FAILED"),)
    jobs = [
        drill(1, 10),
        drill(1, 20, participating_servers=failed),
        drill(1, 30),
        drill(3, 8),
        make_job(status="STARTED", creation_date_time=datetime(2024, 3, 20, tzinfo=UTC)),
        make_job(initiated_by="START_RECOVERY", creation_date_time=datetime(2024, 4, 20, tzinfo=UTC)),
        make_job(type="TERMINATE", creation_date_time=datetime(2024, 4, 20, tzinfo=UTC)),
        make_job(creation_date_time=None, end_date_time=None),
    ]
    figure = charts.drill_history(jobs)
    assert words(figure).startswith("5 drills in 3 months, and 1 drill without a creation date")
    assert {trace.name: list(trace.y) for trace in figure.data} == {
        "SUCCEEDED (3)": [2, 0, 1],
        "FAILED (1)": [1, 0, 0],
        "RUNNING (1)": [0, 0, 1],
        "share that succeeded, %": [pytest.approx(66.7, abs=0.1), None, 100],
        "median duration of the jobs": [20, None, 8],
    }
    assert [trace.name.split()[0] for trace in traces(figure, "bar")] == ["FAILED", "RUNNING", "SUCCEEDED"]
    assert hovers(figure) >= Counter(
        [
            "2024-01: 2 of 3 complete drills succeeded",
            "2024-01: median 20m 00s of 3 drills, slowest 30m 00s",
        ]
    )
    assert figure.layout.yaxis.dtick == 1


@pytest.mark.parametrize(
    ("months", "noun", "count"),
    [(1, "month", 1), (13, "month", 13), (120, "month", 120), (121, "quarter", 41), (10_000, "decade", 85)],
)
def test_periods_of_a_drill_history(months: int, noun: str, count: int):
    """A readable number of months, or of longer periods."""
    first = datetime(1999, 5, 1, tzinfo=UTC)
    years, month = divmod(4 + months - 1, 12)
    figure = charts.drill_history([job_at(first), job_at(datetime(1999 + years, month + 1, 1, tzinfo=UTC))])
    assert title(figure).startswith(f"2 drills in {count:,} {noun}")
    assert figure.layout.xaxis3.title.text == f"{noun} (UTC)"
    assert len(figure.data[0].x) == len(set(figure.data[0].x)) == count


def test_months_across_the_year_1000():
    """Months without a drill are included."""
    jobs = [job_at(datetime(year, month, 2, tzinfo=UTC)) for year, month in ((1000, 2), (999, 11))]
    figure = charts.drill_history(jobs)
    assert list(figure.data[0].x) == ["0999-11", "0999-12", "1000-01", "1000-02"]
    assert list(figure.data[0].y) == [1, 0, 0, 1]


def test_drill_grid():
    """The outcome of each server in each drill. Servers that need attention are at the top."""
    jobs = [
        job_at(NOON, participating_servers=(server("s-1"), server("s-2", "FAILED"), server("s-3"))),
        job_at(NOON + HOUR, participating_servers=(server("s-3"),)),
        job_at(NOON, initiated_by="START_RECOVERY", participating_servers=(server("s-4"),)),
        job_at(NOON, type="TERMINATE", participating_servers=(server("s-6", "TERMINATED"),)),
    ]
    figure = charts.drill_grid(reversed(jobs), names={"s-1": "web", "s-5": "db", "s-7": " "})
    assert list(figure.layout.yaxis.ticktext) == ["s-4", "db s-5", "s-7", "s-2", "web s-1", "s-3"]
    cells = {trace.name: set(zip(trace.x, trace.y, strict=True)) for trace in traces(figure, "scatter")}
    assert cells == {"SUCCEEDED (3)": {(0, 4), (0, 5), (1, 5)}, "FAILED (1)": {(0, 3)}}
    [undrilled] = traces(figure, "bar")
    assert (undrilled.text, undrilled.y) == ("no drill in these jobs", (0, 1, 2))
    assert title(figure).startswith("2 drills of 3 servers,\nand 3 servers without a drill in these jobs\n")


def test_drill_grid_agrees_with_the_assessment():
    """The same drills, and the same outcome of each server in its last one; servers of recoveries have a row in both."""
    jobs = history(30)  # with more than 30 drills, a column can have several
    figure = charts.drill_grid(jobs)
    rows = assess(jobs, as_of=LAST).servers
    assert {text.split()[-1] for text in figure.layout.yaxis.ticktext} == {row.server.source_server_id for row in rows}
    drills = {result.job.job_id for row in rows if (result := row.last_drill) is not None}
    marks = {
        (trace.name.split()[0], x, y) for trace in traces(figure, "scatter") for x, y in zip(trace.x, trace.y, strict=True)
    }
    for y, text in enumerate(figure.layout.yaxis.ticktext):
        [row] = (row for row in rows if row.server.source_server_id == text)
        last = max(((x, outcome) for outcome, x, mark_y in marks if mark_y == y), default=None)
        assert (last and last[1]) == (row.last_drill and row.last_drill.outcome.name)
        assert sum(mark_y == y for _, _, mark_y in marks) == row.drills
    assert len(drills) > 3


def test_drills_without_a_date():
    """They have the first columns, or a column of their own before the periods."""
    undated = make_job(creation_date_time=None, end_date_time=None, participating_servers=(server("s-1"),))
    few = charts.drill_grid([job_at(NOON, participating_servers=(server("s-1"),)), undated])
    assert list(few.layout.xaxis.ticktext) == ["no date", "2024-06-15"]
    many = [job_at(NOON + number * HOUR, participating_servers=(server("s-1"),)) for number in range(200)]
    figure = charts.drill_grid([undated, *many])
    assert list(figure.layout.xaxis.ticktext) == ["no date", "2024-06"]
    assert title(figure).startswith("201 drills of 1 server\n")


def test_drill_grid_of_many_drills():
    """A column is a month, and has the last outcome; the hover label has all."""
    servers = [(server("s-1", "FAILED"),), (server("s-1"),)]
    jobs = [job_at(NOON + number * HOUR, participating_servers=servers[number % 2]) for number in range(200)]
    figure = charts.drill_grid(jobs)
    assert figure.layout.xaxis.title.text == "last drill of each month (UTC)"
    [trace] = traces(figure, "scatter")
    assert (trace.name, list(trace.x)) == ("SUCCEEDED (1)", [0])
    assert trace.hovertext[0].count("FAILED") == 1
    assert trace.hovertext[0].endswith("<br>and 197 more")


def test_drill_grid_of_many_servers():
    """At most 60 rows, some of them for servers with drills."""
    never = {f"s-{number}": "web" for number in range(500)}
    drilled = tuple(server(f"s-a{number}") for number in range(100))
    figure = charts.drill_grid([job_at(NOON, participating_servers=drilled)], names=never)
    assert len(figure.layout.yaxis.ticktext) == 60
    assert [len(trace.y) for trace in figure.data] == [20, 40]
    counts = (
        "1 drill of 40 servers, and 20 servers without a drill in these jobs, and 540 servers not shown (480 without a drill)"
    )
    assert counts in words(figure)
    hidden = job_at(NOON + HOUR, participating_servers=(server("s-z", "LAUNCHED"),))
    shown = [job_at(NOON, participating_servers=tuple(server(f"s-a{number}", "FAILED") for number in range(60)))]
    assert words(charts.drill_grid([hidden, *shown])).startswith("1 drill of 60 servers, and 1 server not shown")


# ------------------------------------------------------------------ phases and recovery times


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def phases_of_a_failure() -> JobPhases:
    """Two servers: one launched after 9 minutes with a wait of one, the other's launch failed after 20, the second attempt."""
    job = job_at(NOON, 21, participating_servers=(server("s-1"), server("s-2", "FAILED")))
    log = [
        *(item(f"SNAPSHOT_{step}", at(0), name) for step in ("START", "END") for name in ("s-1", "s-2")),
        *(item("CONVERSION_START", at(1), name) for name in ("s-1", "s-2")),
        *(item("CONVERSION_END", at(4), name) for name in ("s-1", "s-2")),
        *(item("LAUNCH_START", at(4), name) for name in ("s-1", "s-2")),
        item("LAUNCH_END", at(9), "s-1"),
        item("LAUNCH_START", at(10), "s-2"),
        item("LAUNCH_FAILED", at(20), "s-2", rawError="no <capacity>"),
    ]
    return phases(job, log)


def test_phases_chart():
    """The slowest server first. Bars have the times of the phases, and gaps are waits."""
    figure = charts.phases_chart(phases_of_a_failure(), names={"s-2": "db"})
    assert list(figure.layout.yaxis.ticktext) == ["db s-2", "s-1"]
    bars = {trace.name: sorted(zip(trace.y, trace.base, trace.x, strict=True)) for trace in traces(figure, "bar")}
    assert bars == {
        "snapshot": [(0, 0, 0), (1, 0, 0)],
        "conversion": [(0, 1, 3), (1, 1, 3)],
        "launch": [(0, 4, 16), (1, 4, 5)],
    }
    [launch] = (trace for trace in traces(figure, "bar") if trace.name == "launch")
    assert dict(zip(launch.y, launch.marker.line.width, strict=True)) == {0: 3, 1: 0}
    assert launch.marker.line.color == OUTCOME_COLOURS[Outcome.FAILED]
    assert dict(zip(launch.y, launch.marker.pattern.shape, strict=True)) == {0: "x", 1: ""}
    assert list(figure.layout.yaxis2.ticktext) == ["FAILED", "9m 00s"]
    [text] = (text for text in hovers(figure) if "attempts" in text)
    assert text.startswith("db s-2<br>")
    assert "2 attempts<br>no &lt;capacity&gt;" in text
    assert "waited 1m 00s before it" in next(text for text in hovers(figure) if "conversion" in text)
    assert "FAILED, created 2024-06-15 12:00 (UTC), 123456789012, eu-west-1" in title(figure)


@pytest.mark.parametrize(("status", "end"), [("STARTED", 30), ("COMPLETED", 21)])
def test_unfinished_phases_are_hatched(status: str, end: int):
    """To `now`, or to the end of the job."""
    job = job_at(NOON, 21, status=status, participating_servers=(server("s-1", "PENDING"), server("s-2")))
    job = job if status == "COMPLETED" else attrs.evolve(job, end_date_time=None)
    figure = charts.phases_chart(phases(job, [item("CONVERSION_START", at(2), "s-1")]), now=at(30))
    [bar] = traces(figure, "bar")
    assert (bar.base, bar.x, bar.marker.pattern.shape) == ((2,), (end - 2,), ("/" if status == "STARTED" else ".",))
    assert list(figure.layout.yaxis.ticktext) == ["s-1", "s-2"]
    assert words(figure).startswith(f"phases of 1 participant, drill {job.job_id}, and 1 participant without phases in the log")


def test_phases_chart_is_bounded():
    report = phases(job_at(NOON, participating_servers=tuple(server(f"s-{number}") for number in range(3_000))), [])
    figure = charts.phases_chart(report)
    assert len(figure.layout.yaxis.ticktext) == 60
    assert "2,940 participants not shown" in words(figure)


def test_recovery_chart():
    """A point per server and job, with its verdict. A failure without a time is in the band above the longest time."""
    report = phases_of_a_failure()
    running = phases(make_job(status="STARTED", creation_date_time=NOON, participating_servers=(server("s-1"),)), [])
    lost = phases(job_at(NOON + 9 * HOUR, participating_servers=(server("s-3"),)), [])
    cleanup = phases(job_at(NOON, type="TERMINATE", initiated_by="TERMINATE_RECOVERY_INSTANCES"), [])
    undated = phases(make_job(creation_date_time=None, participating_servers=(server("s-4"),)), [])
    reports = [report, report, running, lost, cleanup, undated]
    figure = charts.recovery_chart(reports, objective=timedelta(minutes=8), names={"s-2": "db"})
    assert points_of(figure) == {"undetermined (1)": [9 * 1.22], "not met (2)": [9, 9 * 1.22]}
    assert figure.layout.yaxis.ticktext[-1] == "no time"
    assert figure.layout.yaxis.range[1] > 9 * 1.22
    assert words(figure).startswith(
        "recovery times of 3 servers in 2 jobs, and 1 job without a creation date, and 1 job running 2024"
    )
    assert any("db s-2: not met, FAILED, recovery time -" in text for text in hovers(figure))
    assert points_of(charts.recovery_chart([report])) == {"SUCCEEDED (1)": [9], "FAILED (1)": [9 * 1.22]}
    assert "met (1)" in points_of(charts.recovery_chart([report], objective=timedelta(minutes=9)))
    with pytest.raises(TypeError, match="objective must be a timedelta"):
        charts.recovery_chart([], objective=8)
    with pytest.raises(ValueError, match="objective must be above 0"):
        charts.recovery_chart([], objective=timedelta(0))


def points_of(figure: Any) -> dict[str, list[float]]:
    """The heights of the points of a recovery chart, by their name in the legend."""
    return {trace.name: list(trace.y) for trace in figure.data if trace.mode == "markers"}


@pytest.mark.parametrize(("minutes", "is_drawn"), [(1, True), (36, True), (37, False), (240, False)])
def test_a_long_objective_is_not_drawn(minutes: int, *, is_drawn: bool):
    """Beyond four times the longest recovery, of 9 minutes, it is in the title only."""
    figure = charts.recovery_chart([phases_of_a_failure()], objective=timedelta(minutes=minutes))
    lines = [shape.y0 for shape in figure.layout.shapes if shape.type == "line"]
    assert lines == ([minutes] if is_drawn else [])
    assert ("is beyond the chart" in words(figure)) is not is_drawn
    assert figure.layout.yaxis.range[1] < 36 * 1.31


def test_recovery_chart_agrees_with_the_assessment():
    """The verdict of the last recovery of each server."""
    reports = read(40)
    objective = timedelta(minutes=20)
    rows = assess(reports, as_of=LAST, objective=objective).servers
    judged = {
        (row.server.source_server_id, row.latest_recovery.job.job_id): row.recovered for row in rows if row.latest_recovery
    }
    text = "<br>".join(hovers(charts.recovery_chart(reports, objective=objective)))
    lines = re.findall(r"(s-\w+): (not met|met|undetermined)[^;]*; \w+ (drsjob-\w+)", text)
    drawn = {(server_id, job_id): label for server_id, label, job_id in lines}
    assert {key: verdict.label for key, verdict in judged.items() if verdict is not None and key in drawn} == {
        key: drawn[key] for key in judged if key in drawn
    }
    assert len(judged.keys() & drawn.keys()) > 5


def test_points_that_cover_each_other_are_one():
    """It has the worst result, and all hover labels."""
    jobs = [job_at(NOON + number * HOUR, participating_servers=(server("s-1"), server("s-2"))) for number in (0, 24 * 365)]
    log = [item(f"LAUNCH_{step}", NOON + HOUR / 6, name) for step in ("START", "END") for name in ("s-1", "s-2")]
    slower = [*log[:-1], item("LAUNCH_END", NOON + HOUR / 6 + timedelta(seconds=1), "s-2")]
    figure = charts.recovery_chart([phases(jobs[0], slower), phases(jobs[1], [])], objective=HOUR / 6)
    # The second job took 10 minutes, so both servers launched in at most 10 minutes.
    assert points_of(figure) == {"met (3)": [pytest.approx(10 * 1.22, abs=0.1)], "not met (1)": [pytest.approx(10 + 1 / 60)]}
    [text] = (text for text in hovers(figure) if "not met" in text)
    slow, fast = (f"{name}, SUCCEEDED, recovery time {time}" for name, time in (("not met", "10m 01s"), ("met", "10m 00s")))
    assert text.index(f"s-2: {slow}") < text.index(f"s-1: {fast}")
    assert any("recovery time at most 10m 00s" in text for text in hovers(figure))


# ------------------------------------------------------------------ all charts


def test_charts_without_data_say_so():
    """Also with jobs that have no creation date."""
    undated = [make_job(creation_date_time=None, end_date_time=None, participating_servers=())]
    for jobs, text in (([], "no jobs"), (undated, "no jobs with a creation date")):
        figures = every_chart(jobs, [phases(job, []) for job in jobs])
        assert [figure.layout.annotations[0].text for figure in figures] == [
            text,
            f"no drills with a creation date in {len(jobs)} job{'s' * (len(jobs) != 1)}",
            f"no servers in {len(jobs)} job{'s' * (len(jobs) != 1)}",
            "no complete recoveries or drills with a creation date",
            *(["no participants in the job and its log"] if jobs else []),
        ]


@pytest.mark.parametrize("theme", ["plotly", "plotly_dark"])
def test_style(theme: str, monkeypatch: pytest.MonkeyPatch):
    """White, unless another default was set in plotly. As wide as the page, with titles for a phone."""
    monkeypatch.setattr(pio.templates, "default", theme)
    for figure in every_chart(history(50), read(50)):
        assert figure.layout.width is None
        assert (figure.layout.template.layout.paper_bgcolor == "white") is (theme == "plotly")
        assert figure.layout.font.color is None  # that of the theme
        assert all(len(line) <= 63 for line in title(figure).splitlines())


@pytest.mark.needs_check_env
def test_size_of_charts():
    """Of 50,000 jobs, and of the logs of 1,000: less than 5 MB of HTML with plotly.js, which has 4.8 MB."""
    jobs = history(50_000)
    reports = read(1_000)
    figures = [charts.timeline(jobs, now=NOON), charts.drill_history(jobs), charts.drill_grid(jobs)]
    figures += [charts.recovery_chart(reports), charts.recovery_chart(reports, objective=HOUR)]
    assert max(len(figure.to_html()) for figure in figures) < 5_000_000


@settings(max_examples=5)
@given(any_jobs, st.lists(log_items, max_size=6))
def test_charts_of_any_job(job: Job, log: list[Any]):
    drill = attrs.evolve(job, initiated_by=InitiatedBy.START_DRILL, type=JobType.LAUNCH)
    is_dated = job.creation_date_time is not None
    figures = list(every_chart([drill], [phases(drill, log)]))
    for figure in figures:
        json.loads(figure.to_json())
    for figure in figures[:2]:
        assert ("without a creation date" in words(figure)) is not is_dated


@pytest.mark.parametrize("created", [FIRST, LAST - HOUR])
def test_far_years(created: datetime):
    """The first and the last hour, also in one chart."""
    servers = (server("s-1"),)
    jobs = [job_at(created, participating_servers=servers), job_at(FIRST, 9, participating_servers=servers)]
    for subset in (jobs[:1], jobs):
        log = [item("LAUNCH_START", created, "s-1"), item("LAUNCH_END", created + timedelta(minutes=9), "s-1")]
        for figure in every_chart(subset, [phases(job, log) for job in subset]):
            json.loads(figure.to_json())
            assert figure.data


def test_charts_escape_hostile_text():
    """Plotly interprets some HTML and TeX in labels. The length is bounded."""
    job = hostile_job()
    log = [item("LAUNCH_START", NOON, HOSTILE), item("LAUNCH_FAILED", NOON, HOSTILE, rawError=HOSTILE * 500)]
    drill = attrs.evolve(job, initiated_by=InitiatedBy.START_DRILL, type=JobType.LAUNCH)
    names = {HOSTILE: HOSTILE * 500}
    reports = [phases(drill, log)]
    figures = [
        charts.timeline([job], now=NOON, names=names),
        charts.drill_grid([drill], names=names),
        charts.phases_chart(reports[0], names=names),
        charts.recovery_chart(reports, names=names),
    ]
    for figure in figures:
        layout = figure.layout
        notes = [note.text for note in layout.annotations]
        bars = [text for trace in figure.data for text in (*(trace.text or ()), trace.name)]
        for text in [*hovers(figure), *(layout.yaxis.ticktext or ()), *notes, *bars, words(figure)]:
            assert "<" not in (text or "").replace("<br>", "")
            assert "$" not in (text or "")  # TeX for MathJax, which can make links
            assert (text or "").isprintable()
            assert "secret" not in (text or "")
            assert all(len(line) < 300 for line in (text or "").split("<br>"))


@pytest.mark.parametrize("names", [["s-1"], {"s-1": 1}])
def test_names_are_checked(names: Any):
    for draw in (charts.timeline, charts.drill_grid, charts.recovery_chart):
        with pytest.raises(TypeError, match="names must map"):
            draw([], names=names)


# ------------------------------------------------------------------ a real browser

HOVER = """
<pre id="result"></pre>
<script>
(async () => {
  const results = [];
  for (const chart of document.querySelectorAll('.js-plotly-plot')) {
    const wanted = new Set(chart.data.flatMap(trace => (trace.hovertext || []).filter(text => text)));
    const seen = new Set();
    chart.on('plotly_hover', event => event.points.forEach(point => seen.add(point.hovertext)));
    for (const shape of chart.querySelectorAll('.barlayer .point path, .scatterlayer .points path')) {
      const {x, y, width, height} = shape.getBoundingClientRect();
      const place = {clientX: x + width / 2, clientY: y + height / 2, bubbles: true};
      const hit = document.elementFromPoint(place.clientX, place.clientY);
      if (hit) hit.dispatchEvent(new MouseEvent('mousemove', place));
      await new Promise(resolve => setTimeout(resolve, 60));  // plotly ignores moves within 50 ms
    }
    results.push([wanted.size, [...wanted].filter(text => !seen.has(text)).length]);
  }
  document.getElementById('result').textContent = JSON.stringify(results);
})();
</script>
"""


def in_one_page(figures: Iterable[Any]) -> str:
    """The figures as HTML, with one copy of plotly.js."""
    return "".join(figure.to_html(full_html=False, include_plotlyjs=not number) for number, figure in enumerate(figures))


def hover(figures: Iterable[Any], folder: Path) -> list[list[int]]:
    """How many hover labels each figure has, and how many of them no pointer on a bar or a marker shows."""
    page, _ = browse(in_one_page(figures) + HOVER, folder, budget=300_000)
    match = re.search(r'<pre id="result">(.*?)</pre>', page)
    assert match is not None
    results: list[list[int]] = json.loads(match[1])
    return results


@needs_browser
def test_every_bar_and_marker_has_a_hover_label(tmp_path: Path):
    """Over a year and a month. Without markers most bars have none, so that the test can fail."""
    last_month = [job for job in history(2_000) if (job.creation_date_time or NOON) > NOON - timedelta(days=30)]
    figures = [
        *every_chart(history(50), read(50)),
        charts.timeline(last_month, now=NOON),  # a long bar and many markers
        charts.phases_chart(read(50)[-1]).update_layout(width=390),  # short bars and markers
    ]
    without_markers = charts.timeline(history(50), now=NOON)
    without_markers.data = traces(without_markers, "bar")
    *results, (count, missing) = hover([*figures, without_markers], tmp_path)
    assert results == [[len(hovers(figure)), 0] for figure in figures]
    assert missing > count // 2


WIDTHS = """
<pre id="result"></pre>
<script>
const rights = [...document.querySelectorAll('.gtitle')].map(title => title.getBoundingClientRect().right);
document.getElementById('result').textContent = JSON.stringify(rights);
</script>
"""


@needs_browser
def test_titles_fit_on_a_phone(tmp_path: Path):
    """Their lines end within the 374 pixels between the margins of a page of 390."""
    figures = [figure.update_layout(width=374) for figure in every_chart(history(50), read(50))]
    page, _ = browse(in_one_page(figures) + WIDTHS, tmp_path)
    match = re.search(r'<pre id="result">(.*?)</pre>', page)
    assert match is not None
    rights = json.loads(match[1])
    assert len(rights) == len(figures)
    assert max(rights) <= 8 + 374


@needs_browser
def test_browser_has_no_errors_and_requests(tmp_path: Path):
    """With jobs, hostile jobs, far years and without data, wide and narrow. No script in the data runs."""
    far = [job_at(FIRST), job_at(LAST - HOUR)]
    figures = [
        figure.update_layout(width=width)
        for jobs, width in ((history(50), None), (far, None), ([hostile_job()], 390), ([], 390), (history(301), 390))
        for figure in every_chart(jobs, [phases(job, []) for job in jobs])
    ]
    shown, console = browse(in_one_page(figures), tmp_path)
    # plotly says so if long labels leave a narrow chart little space.
    assert [line for line in console if "Too many auto-margin redraws" not in line] == []
    assert shown.count('class="plot-container') == len(figures)


# ------------------------------------------------------------------ notebooks and files

CELLS = (
    """
from datetime import datetime, timezone
from drs_jobs.notebook import drill_history, timeline
from drs_jobs.testing import make_history
jobs = make_history(10, until=datetime(2024, 6, 15, tzinfo=timezone.utc))
timeline(jobs)
""",
    "drill_history(jobs).show()",
    "drill_history(jobs).show(renderer='json')",
    "import plotly.io; plotly.io.renderers.default = 'json'; timeline(jobs)",
)


@pytest.fixture(scope="module")
def notebook() -> Any:
    """A notebook with four charts, executed."""
    import nbclient  # noqa: PLC0415  # needs the check environment
    import nbformat  # noqa: PLC0415  # needs the check environment

    book = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(cell) for cell in CELLS])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of Jupyter
        nbclient.NotebookClient(book, timeout=120).execute()
    return book


@pytest.mark.needs_check_env
def test_outputs_of_charts(notebook: Any):
    """HTML and plotly's JSON; plotly.js once. Another renderer is used as it is."""
    outputs = [output["data"] for cell in notebook.cells for output in cell.outputs]
    plotly = {"application/vnd.plotly.v1+json", "text/html"}
    assert [set(data) for data in outputs] == [plotly, plotly, {"application/json"}, {"application/json"}]
    assert [len(data["text/html"]) > 1_000_000 for data in outputs[:2]] == [True, False]


@pytest.mark.needs_check_env
@needs_browser
@pytest.mark.parametrize("first", [0, 1])
def test_nbconvert_keeps_the_charts(first: int, notebook: Any, tmp_path: Path):
    """Without a network. Without the cell that has plotly.js, the page asks for it."""
    import nbconvert  # noqa: PLC0415  # needs the check environment

    book = copy.copy(notebook)
    book.cells = notebook.cells[first:2]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # warnings of Jupyter
        page, _ = nbconvert.HTMLExporter(template_name="basic").from_notebook_node(book)
    shown, console = browse(page, tmp_path)
    assert shown.count('class="plot-container') == (0 if first else 2)
    assert any("cdn.plot.ly/plotly-" in line for line in console) is bool(first)


@needs_browser
def test_static_picture(tmp_path: Path):
    """A drawing that has the title and the outcomes."""
    pytest.importorskip("kaleido")
    file = tmp_path / "timeline.svg"
    charts.timeline(history(50), now=NOON).write_image(file)
    picture = file.read_text(encoding="utf-8")
    assert picture.startswith("<svg")
    assert all(text in picture for text in ("50 jobs", "FAILED (10)", "clean-up (7)"))


def test_charts_are_figures_of_plotly():
    """Outside Jupyter they show themselves as those do."""
    figure = charts.timeline(history(1), now=NOON)
    assert isinstance(figure, go.Figure)
    assert type(go.Figure(figure)) is go.Figure
    assert copy.deepcopy(figure) == figure
    assert figure._repr_mimebundle_() == go.Figure(figure)._repr_mimebundle_()
