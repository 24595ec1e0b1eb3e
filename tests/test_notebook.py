"""HTML, tables and charts for notebooks, with any jobs and with hostile text."""

import random
import shutil
import subprocess
import sys
import textwrap
import zoneinfo
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from drs_jobs import (
    InitiatedBy,
    Job,
    JobsClient,
    LaunchAction,
    LaunchActionRun,
    LaunchActionsStatus,
    Outcome,
    UnknownMember,
    UnknownValue,
)
from drs_jobs._models import html
from drs_jobs._models.labels import OUTCOME_COLOURS
from drs_jobs.reports import JobPhases, ParticipantPhases, Phase, PhaseName, phases
from drs_jobs.testing import LocalDrs, make_history, make_job, make_log_item, make_resource, make_run, make_server
from simulated_logs import item, simulate
from strategies import jobs as any_jobs
from strategies import log_items

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)
HOSTILE = (
    "$\\href{javascript:alert(1)}{x}$<script>alert('1')</script>\"'><img src=x onerror=alert(1)>\x1b[31m\n\u202e=cmd()&amp;"
)


def hostile_job() -> Job:
    """A job with hostile text in every field."""
    run = make_run(status="FAILED", name=HOSTILE, failure_reason=HOSTILE, run_id=HOSTILE)
    server = make_server(source_server_id=HOSTILE, recovery_instance_id=HOSTILE, launch_status="FAILED")
    server_with_run = make_server(source_server_id=HOSTILE, recovery_instance_id=HOSTILE)
    server_with_run = type(server_with_run)(
        source_server_id=HOSTILE,
        recovery_instance_id=HOSTILE,
        launch_status=UnknownValue(HOSTILE),
        launch_actions_status=type(server_with_run.launch_actions_status)(runs=(run,)),  # type: ignore[misc,call-arg]  # it is not None
    )
    return make_job(
        job_id=HOSTILE,
        arn=f"arn:aws:drs:eu-west-1:123456789012:job/{HOSTILE}",
        type=HOSTILE,
        status=HOSTILE,
        initiated_by=HOSTILE,
        participating_servers=(server, server_with_run),
        participating_resources=(make_resource(participating_resource_id=UnknownMember(HOSTILE)),),
        tags={"secretkey": "secretvalue"},
        end_date_time=NOON,
    )


class Checker(HTMLParser):
    """Collects the tags, attributes and links of HTML, and checks that each tag is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.seen |= {tag, *(name for name, _ in attrs)}
        self.links += [value for name, value in attrs if name == "href"]
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


ALLOWED = {"div", "table", "tr", "th", "td", "a", "span", "details", "summary", "ul", "li", "pre"}
ALLOWED |= {"style", "href", "rel", "target", "colspan"}


def _check(text: str) -> Checker:
    checker = Checker(text)
    assert checker.seen <= ALLOWED
    assert checker.open == []
    assert "secret" not in text
    assert all(char.isprintable() for char in text)
    assert all(link.startswith("https://eu-west-1.console.aws.amazon.com/") for link in checker.links)
    return checker


# ------------------------------------------------------------------ HTML


def test_html_of_a_job():
    """It has the servers in a folded element, the outcome as word and colour, and a link to the console."""
    bad = make_server(source_server_id="s-bad", launch_status="FAILED")
    job = make_job(
        participating_servers=(make_server(), bad), creation_date_time=NOON, end_date_time=NOON + timedelta(minutes=9)
    )
    shown = job._repr_html_()
    for text in (
        job.job_id,
        "COMPLETED",
        "drill",
        "2024-06-15 12:00",
        "9m 00s",
        "1/2",
        "FAILED",
        OUTCOME_COLOURS[Outcome.FAILED],
    ):
        assert text in shown
    assert "<details>" in shown
    assert "2 servers, 1 failed<" in shown
    assert "s-bad" in shown
    acted = make_job(
        participating_servers=(make_server(launch_actions_status=LaunchActionsStatus(runs=(make_run(status="FAILED"),))),)
    )
    assert "1 server, 0 failed, launch actions failed: 1<" in acted._repr_html_()
    network = make_job(participating_servers=(), participating_resources=(make_resource(launch_status="FAILED"),))
    assert "0 servers, 0 failed, other resources failed: 1<" in network._repr_html_()
    assert network._repr_html_().count(OUTCOME_COLOURS[Outcome.FAILED]) == 2
    assert "Validate disk space" in shown
    assert _check(shown).links == [job.console_url]


def test_html_of_jobs_is_bounded(client: JobsClient, local_drs: LocalDrs):
    """The rest is counted. The same jobs give the same HTML."""
    local_drs.add_jobs(*(make_job() for _ in range(html.MAX_ROWS + 7)))
    collected = client.describe_jobs().collect()
    shown = collected._repr_html_()
    assert "107 jobs" in shown
    assert "and 7 more" in shown
    assert shown.count("<details>") == html.MAX_ROWS
    assert shown == collected._repr_html_()
    _check(shown)
    assert "no jobs" in client.describe_jobs(job_ids=[]).collect()._repr_html_()


def test_html_of_a_pager_makes_no_request(client: JobsClient, local_drs: LocalDrs):
    assert "DescribeJobs" in client.describe_jobs()._repr_html_()
    assert local_drs.requests == ()


def test_html_of_a_log(client: JobsClient, local_drs: LocalDrs):
    job = make_job()
    local_drs.add_jobs(job)
    local_drs.add_log(job.job_id, *(make_log_item(raw_error=HOSTILE, event="LAUNCH_FAILED") for _ in range(3)))
    shown = client.describe_job_log_items(job.job_id).collect()._repr_html_()
    assert shown.count("LAUNCH_FAILED") == 3
    _check(shown)


def test_html_of_a_job_is_bounded():
    server = make_server()
    job = make_job(participating_servers=(server,) * 500, participating_resources=(make_resource(),) * 80)
    assert "and 480 more" in job._repr_html_()


@settings(max_examples=50)
@given(any_jobs)
def test_html_of_any_job(job: Job):
    """With absent fields, any Unicode and unknown values."""
    checker = Checker(job._repr_html_())
    assert checker.seen <= ALLOWED
    assert checker.open == []


def test_html_escapes_hostile_text():
    """Scripts, quotes, escape codes, newlines and direction marks in every field."""
    _check(hostile_job()._repr_html_())
    _check(html.jobs_html([hostile_job()] * 3))


def test_html_needs_no_extra():
    """Tables and charts need the extra, and the ImportError has its name."""
    program = """
        import sys
        sys.modules.update(dict.fromkeys(("pyarrow", "pandas", "plotly", "werkzeug", "typer", "rich", "boto3")))
        from drs_jobs import Job
        print("j-1" in Job(job_id="j-1")._repr_html_())
        for name in ("jobs_table", "timeline"):
            try:
                getattr(__import__("drs_jobs.notebook").notebook, name)
            except ImportError as error:
                print(error)
    """
    result = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, encoding="utf-8", check=True)
    assert result.stdout.splitlines() == [
        "True",
        "pyarrow is not installed; it is part of the extra 'notebook': pip install 'drs_jobs[notebook]'",
        "plotly is not installed; it is part of the extra 'notebook': pip install 'drs_jobs[notebook]'",
    ]


def test_unknown_attribute():
    from drs_jobs import notebook  # noqa: PLC0415  # the case under test

    with pytest.raises(AttributeError, match="nonsense"):
        notebook.nonsense  # noqa: B018  # the case under test


# ------------------------------------------------------------------ tables


@pytest.fixture
def tables() -> Any:
    """The module drs_jobs.notebook."""
    from drs_jobs import notebook  # noqa: PLC0415  # needs the extra

    return notebook


def _history() -> tuple[Job, ...]:
    return make_history(200, until=NOON)


def test_rows_of_tables(tables: Any):
    """One row per job, per server and per run. Ids join the three tables."""
    jobs = _history()
    found = tables.jobs_table(jobs), tables.servers_table(jobs), tables.action_runs_table(jobs)
    servers = [(job, server) for job in jobs for server in job.participating_servers]
    assert [table.num_rows for table in found] == [
        len(jobs),
        len(servers),
        sum(len(server.runs) for _, server in servers),
    ]
    rows = found[0].to_pylist()
    assert [(row["job_id"], row["outcome"], row["duration"], row["status"]) for row in rows] == [
        (job.job_id, job.outcome.name, job.duration, job.status) for job in jobs
    ]
    assert [row["creation_date_time"] for row in rows] == [job.creation_date_time for job in jobs]
    joined = found[2].join(found[1].select(["job_id", "server_number", "launch_status"]), ["job_id", "server_number"])
    assert joined.num_rows == found[2].num_rows
    assert joined["launch_status"].null_count == 0


def test_schema_of_tables(tables: Any):
    """It is the same without jobs. Tags are there only with include_tags."""
    jobs = _history()
    for make in (tables.jobs_table, tables.servers_table, tables.action_runs_table):
        assert make([]).schema == make(jobs).schema
    assert tables.phases_table([]).schema == tables.phases_table(_phases()).schema
    tagged = [make_job(tags={"Name": "web"}), make_job()]
    assert "tags" not in tables.jobs_table(tagged).column_names
    assert tables.jobs_table(tagged, include_tags=True)["tags"].to_pylist() == [[("Name", "web")], []]
    assert tables.jobs_table([], include_tags=True).schema == tables.jobs_table(tagged, include_tags=True).schema


@settings(max_examples=50)
@given(any_jobs)
def test_tables_of_any_job(job: Job):
    """With lone surrogates, unknown values and absent fields, from any iterable."""
    from drs_jobs import notebook  # noqa: PLC0415  # needs the extra

    for make in (notebook.jobs_table, notebook.servers_table, notebook.action_runs_table):
        make(iter([job])).validate(full=True)
    notebook.jobs_table([job], include_tags=True).validate(full=True)


def _phases(count: int = 40) -> list[JobPhases]:
    """The phases of a history, with unfinished, failed and retried ones."""
    history = make_history(count, until=NOON, logs=True)
    return [phases(job, history.logs[job.job_id]) for job in history]


def test_rows_of_phases(tables: Any):
    """One row per phase, in order. The values of participant and job are repeated."""
    reports = _phases()
    rows = tables.phases_table(iter(reports)).to_pylist()
    assert rows == [
        {
            "job_id": report.job.job_id,
            "creation_date_time": report.job.creation_date_time,
            "is_drill": report.job.is_drill,
            "participant": participant.participant,
            "participant_outcome": participant.outcome.name,
            "launched_at": participant.launched_at,
            "recovery_time": participant.recovery_time,
            "phase_number": number,
            "phase": phase.name,
            "outcome": phase.outcome.name,
            "started_at": phase.started_at,
            "ended_at": phase.ended_at,
            "duration": phase.duration,
            "waiting_before": phase.waiting_before,
            "attempts": phase.attempts,
            "error": phase.error,
        }
        for report in reports
        for participant in report.participants
        for number, phase in enumerate(participant.phases)
    ]
    assert {row["outcome"] for row in rows} == {"RUNNING", "SUCCEEDED", "FAILED"}


def test_phases_have_the_times_of_the_simulation(tables: Any):
    """The simulation is independent of the report. Times in the table are equal to the microsecond."""
    rng = random.Random(5)
    jobs = [simulate(rng, number, trouble=0.0) for number in range(20)]
    rows = tables.phases_table(phases(job.job(), job.log()) for job in jobs).to_pylist()
    assert [(row["job_id"], row["participant"], row["phase"], row["started_at"], row["ended_at"]) for row in rows] == [
        (job.job_id, server.server_id, name, attempt.start, attempt.end)
        for job in jobs
        for server in job.servers
        for name, [attempt] in server.phases.items()
    ]


def test_phases_join_the_servers(tables: Any):
    """By job_id, and participant and source_server_id. A completed clean-up lists no servers."""
    reports = [report for report in _phases() if report.job.participating_servers]
    found = tables.phases_table(reports)
    servers = tables.servers_table(report.job for report in reports).select(["job_id", "source_server_id", "launch_status"])
    joined = found.join(servers, ["job_id", "participant"], ["job_id", "source_server_id"])
    assert joined.num_rows == found.num_rows > 100
    assert joined["launch_status"].null_count == 0


@settings(max_examples=50)
@given(any_jobs, st.lists(log_items, max_size=6))
def test_phases_of_any_log(job: Job, log: list[Any]):
    """With lone surrogates, unknown events, absent times and any number of attempts."""
    from drs_jobs import notebook  # noqa: PLC0415  # needs the extra

    report = phases(job, log)
    table = notebook.phases_table([report])
    table.validate(full=True)
    assert table.schema == notebook.phases_table([]).schema
    assert table.num_rows == sum(len(row.phases) for row in report.participants)


def test_phases_without_times(tables: Any):
    """They are null, and so are the durations."""
    job = make_job(participating_servers=(make_server(source_server_id="s-1"), make_server(source_server_id="s-2")))
    log = [item("SNAPSHOT_START", None, "s-1"), item("SNAPSHOT_END", None, "s-1"), item("CONVERSION_START", NOON, "s-1")]
    rows = tables.phases_table([phases(job, log), phases(job, [])]).to_pylist()
    assert [(row["participant"], row["phase"], row["started_at"], row["ended_at"]) for row in rows] == [
        ("s-1", "SNAPSHOT", None, None),
        ("s-1", "CONVERSION", NOON, None),
    ]
    for name in ("duration", "waiting_before", "launched_at", "recovery_time"):
        assert [row[name] for row in rows] == [None, None]


def test_hostile_text_in_phases(tables: Any):
    """Text is not changed, except for lone surrogates."""
    job = make_job(job_id=HOSTILE, participating_servers=(make_server(source_server_id=HOSTILE, launch_status="FAILED"),))
    log = [item("LAUNCH_START", NOON, HOSTILE), item("LAUNCH_FAILED", NOON, HOSTILE, rawError=f"{HOSTILE}\ud800")]
    [row] = tables.phases_table([phases(job, log)]).to_pylist()
    assert (row["job_id"], row["participant"], row["error"]) == (HOSTILE, HOSTILE, f"{HOSTILE}?")


@pytest.mark.parametrize("attempts", [1, 2**63 - 1, 2**63, 10**400])
def test_attempts_beyond_64_bits_are_null(attempts: int, tables: Any):
    log = [item("SNAPSHOT_START", NOON, "s-1", attemptCount=attempts)]
    [row] = tables.phases_table([phases(make_job(), log)]).to_pylist()
    assert row["attempts"] == (attempts if attempts < 2**63 else None)


EAST, WEST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
FAR_MOMENTS = [
    (FIRST, "0001-01-01 00:00"),
    (LAST, "9999-12-31 23:59"),
    (datetime(1, 1, 1, 5, tzinfo=EAST), "0001-01-01 00:00"),  # the year 0 in UTC, which datetime does not have
    (datetime(9999, 12, 31, 20, tzinfo=WEST), "9999-12-31 23:59"),  # the year 10000 in UTC
    (datetime(1, 1, 1, 20, tzinfo=EAST), "0001-01-01 06:00"),
    (datetime(9, 9, 1, tzinfo=WEST), "0009-09-01 12:00"),
    (datetime(999, 5, 6, 7, tzinfo=UTC), "0999-05-06 07:00"),
]
"""The first and last moments and years of fewer than four digits, and their text."""


@pytest.mark.parametrize(("when", "shown"), FAR_MOMENTS)
def test_far_years(when: datetime, shown: str, tables: Any):
    job = make_job(creation_date_time=when, end_date_time=when)
    assert shown in job._repr_html_()
    [row] = tables.jobs_table([job]).to_pylist()
    assert f"{row['creation_date_time'].isoformat(' ')[:16]}" == shown
    assert row["duration"] == timedelta()
    history = tables.drill_history([job])
    assert list(history.data[0].x) == [shown[:7]]
    launch = Phase(name=PhaseName.LAUNCH, started_at=when, ended_at=when)
    server = ParticipantPhases(participant="s-1", phases=(launch,), launched_at=when)
    [row] = tables.phases_table([JobPhases(job=job, participants=(server,))]).to_pylist()
    names = ("creation_date_time", "launched_at", "started_at", "ended_at")
    assert [row[name].isoformat(" ")[:16] for name in names] == [shown] * 4
    [bar] = tables.timeline([job], now=when).data
    assert bar.base[0].isoformat(" ")[:16] == shown
    assert history.to_json()


def test_months_across_the_year_1000(tables: Any):
    """Months without a drill are included."""
    jobs = [make_job(creation_date_time=datetime(year, month, 2, tzinfo=UTC)) for year, month in ((1000, 2), (999, 11))]
    history = tables.drill_history(jobs)
    assert list(history.data[0].x) == ["0999-11", "0999-12", "1000-01", "1000-02"]
    assert list(history.data[0].y) == [1, 0, 0, 1]


@pytest.mark.parametrize("order", [-(2**63) - 1, -(2**63), -1, 2**63 - 1, 2**63, 10**400])
def test_order_beyond_64_bits_is_null(order: int, tables: Any):
    run = LaunchActionRun(action=LaunchAction(order=order))
    job = make_job(participating_servers=(make_server(launch_actions_status=LaunchActionsStatus(runs=(run,))),))
    table = tables.action_runs_table([job])
    assert table["order"].to_pylist() == [order if -(2**63) <= order < 2**63 else None]
    assert table.schema == tables.action_runs_table([]).schema


def test_lone_surrogates_in_tags(tables: Any):
    """They become question marks. If two keys become equal, both are kept."""
    job = make_job(tags={"\ud800": "\udfff!", "?": "x", "Name": "web"})
    assert tables.jobs_table([job], include_tags=True)["tags"].to_pylist() == [[("?", "?!"), ("?", "x"), ("Name", "web")]]


@pytest.mark.needs_check_env
def test_tables_in_parquet_duckdb_polars_and_pandas(tables: Any, tmp_path: Any):
    """Counts, timestamps and enums do not change."""
    import duckdb  # noqa: PLC0415  # needs the check environment
    import polars as pl  # noqa: PLC0415  # needs the check environment
    import pyarrow.parquet  # noqa: PLC0415  # needs the extra

    jobs = _history()
    file = tmp_path / "jobs.parquet"
    pyarrow.parquet.write_table(tables.jobs_table(jobs), file)
    query = f"select outcome, count(*) n, min(creation_date_time) first from '{file}' group by outcome"
    rows = duckdb.connect().sql(query).to_arrow_table().to_pylist()
    assert {row["outcome"] for row in rows} == {job.outcome.name for job in jobs}
    for row in rows:
        group = [job for job in jobs if job.outcome.name == row["outcome"]]
        assert row["n"] == len(group)
        assert row["first"] == min(job.creation_date_time for job in group if job.creation_date_time)
    frame = pl.read_parquet(file)
    assert frame["creation_date_time"].to_list() == [job.creation_date_time for job in jobs]
    assert frame["status"].cast(pl.String).to_list() == [job.status for job in jobs]
    pandas_frame = tables.jobs_table(jobs).to_pandas()
    assert list(pandas_frame["outcome"].astype(str)) == [job.outcome.name for job in jobs]
    assert pandas_frame["creation_date_time"].dt.tz is not None


@pytest.mark.needs_check_env
def test_phases_in_parquet_duckdb_polars_and_pandas(tables: Any, tmp_path: Any):
    """The longest duration of each phase. Parquet has no type for durations, so DuckDB reads microseconds from it."""
    import duckdb  # noqa: PLC0415  # needs the check environment
    import polars as pl  # noqa: PLC0415  # needs the check environment
    import pyarrow.parquet  # noqa: PLC0415  # needs the extra

    reports = _phases()
    durations: dict[str, list[timedelta]] = {}
    for report in reports:
        for phase in (phase for row in report.participants for phase in row.phases if phase.duration is not None):
            durations.setdefault(phase.name, []).append(phase.duration or timedelta())
    longest = {name: max(each) for name, each in durations.items()}
    table = tables.phases_table(reports)
    file = tmp_path / "phases.parquet"
    pyarrow.parquet.write_table(table, file)
    query = "select phase, max(duration) from {} group by phase"
    connection = duckdb.connect()
    connection.register("phases", table)
    assert dict(connection.sql(query.format("phases")).fetchall()) == longest
    in_microseconds = dict(connection.sql(query.format(f"'{file}'")).fetchall())
    assert {name: timedelta(microseconds=each) for name, each in in_microseconds.items()} == longest
    for frame in (pl.DataFrame(table), pl.read_parquet(file)):
        assert dict(frame.group_by(pl.col("phase").cast(pl.String)).agg(pl.max("duration")).iter_rows()) == longest
    pandas_frame = table.to_pandas().groupby("phase", observed=True)["duration"].max()
    assert {name: pandas_frame[name].to_pytimedelta() for name in pandas_frame.index} == longest


# ------------------------------------------------------------------ charts


@pytest.mark.parametrize("count", [0, 1, 50, 2_000])
def test_timeline(count: int, tables: Any):
    """One bar per job, coloured by outcome. The bar of a running job ends at `now`."""
    jobs = make_history(count, until=NOON) if count else ()
    figure = tables.timeline(jobs, now=NOON)
    assert sum(len(trace.y) for trace in figure.data) == count
    assert {trace.marker.color for trace in figure.data} == {OUTCOME_COLOURS[job.outcome] for job in jobs}
    for trace in figure.data:
        if trace.name.startswith("RUNNING"):
            assert trace.base[0] + timedelta(milliseconds=trace.x[0]) == NOON
            assert trace.marker.pattern.shape == "/"
    assert f"{count:,} job" in figure.layout.title.text
    assert figure.layout.height < 2_000
    figure.to_json()


def test_timeline_counts_jobs_without_a_date(tables: Any):
    jobs = [make_job(creation_date_time=None, end_date_time=None), make_job(end_date_time=None)]
    figure = tables.timeline(jobs)
    assert figure.layout.title.text == "1 job, and 1 without a creation date"
    nameless = make_job(participating_resources=(make_resource(participating_resource_id=None, launch_status="FAILED"),))
    assert "failed: without an id" in tables.timeline([nameless]).data[0].hovertext[0]
    with pytest.raises(ValueError, match="time zone"):
        tables.timeline(jobs, now=datetime(2024, 1, 1))  # noqa: DTZ001  # the case under test


def test_drill_history(tables: Any):
    """Months without a drill are included. Running drills are not in the share, and recoveries are not counted."""

    def drill(month: int, minutes: int, **fields: Any) -> Job:
        created = datetime(2024, month, 10, tzinfo=UTC)
        return make_job(creation_date_time=created, end_date_time=created + timedelta(minutes=minutes), **fields)

    failed = (make_server(launch_status="FAILED"),)
    jobs = [
        drill(1, 10),
        drill(1, 20, participating_servers=failed),
        drill(1, 30),
        drill(3, 8),
        make_job(status="STARTED", creation_date_time=datetime(2024, 3, 20, tzinfo=UTC)),
        make_job(initiated_by="START_RECOVERY", creation_date_time=datetime(2024, 4, 20, tzinfo=UTC)),
        make_job(creation_date_time=None, end_date_time=None),
    ]
    history = tables.drill_history(jobs)
    assert history.layout.title.text == "5 drills in 3 months, and 1 without a creation date"
    traces = {trace.name: list(trace.y) for trace in history.data}
    assert traces == {
        "SUCCEEDED": [2, 0, 1],
        "FAILED": [1, 0, 0],
        "RUNNING": [0, 0, 1],
        "share that succeeded, %": [pytest.approx(66.7, abs=0.1), None, 100],
        "median duration, minutes": [20, None, 8],
    }
    assert "0 drills" in tables.drill_history([]).layout.title.text


def test_timeline_when_summer_time_ends(tables: Any):
    """Jobs are ordered by UTC, because an hour of local time is repeated."""
    berlin = zoneinfo.ZoneInfo("Europe/Berlin")
    early, late = (datetime(2024, 10, 27, 2, minute, tzinfo=berlin, fold=fold) for minute, fold in ((50, 0), (10, 1)))
    jobs = [make_job(job_id=name, creation_date_time=when) for name, when in (("late", late), ("early", early))]
    assert list(tables.timeline(jobs).layout.yaxis.ticktext) == ["early", "late"]


@settings(max_examples=50)
@given(any_jobs)
def test_charts_of_any_job(job: Job):
    charts = pytest.importorskip("drs_jobs.notebook.charts")
    drill = attrs.evolve(job, initiated_by=InitiatedBy.START_DRILL)
    is_dated = job.creation_date_time is not None
    for figure in (charts.timeline([job], now=NOON), charts.drill_history([drill])):
        assert ("without a creation date" in figure.layout.title.text) is not is_dated
        figure.to_json()


def test_charts_escape_hostile_text(tables: Any):
    """Plotly interprets some HTML and TeX in labels."""
    figure = tables.timeline([hostile_job()], now=NOON)

    def texts(values: Iterable[Any]) -> Iterable[str]:
        return (text for text in values if isinstance(text, str))

    for text in [*texts(figure.data[0].hovertext), *texts(figure.layout.yaxis.ticktext)]:
        assert "<" not in text.replace("<br>", "")
        assert "$" not in text  # TeX for MathJax, which can make links
        assert text.isprintable()
        assert "secret" not in text


# ------------------------------------------------------------------ a real browser

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
"""The content security policy of the page: a request is blocked, and is an error on the console."""


def _browse(body: str, folder: Path, theme: str = "light") -> tuple[str, list[str]]:
    """The DOM of a page in a browser, and the lines of the console."""
    page = folder / "page.html"
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    page.write_text(f'{head}<body style="color-scheme:{theme}">{body}', encoding="utf-8")
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    command += ["--disable-background-networking", "--disable-component-update", f"--user-data-dir={folder / 'profile'}"]
    command += ["--enable-logging=stderr", "--virtual-time-budget=5000", "--dump-dom", page.as_uri()]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=300, check=True)
    return result.stdout, [line for line in result.stderr.splitlines() if "CONSOLE" in line]


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: Debian's chromium")
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_browser_has_no_errors_and_requests(theme: str, tables: Any, tmp_path: Path):
    """With jobs, hostile jobs and both charts. No script in the data runs."""
    jobs = _history()
    parts = [html.jobs_html(jobs), hostile_job()._repr_html_()]
    parts += [figure.to_html(full_html=False) for figure in (tables.timeline(jobs, now=NOON), tables.drill_history(jobs))]
    shown, console = _browse("".join(parts), tmp_path, theme)
    assert console == []
    assert shown.count('class="main-svg"') >= 2
    with_servers = [job for job in [*jobs[: html.MAX_ROWS], hostile_job()] if job.participating_servers]
    assert shown.count("<details>") == len(with_servers)
    assert "onerror=alert" not in shown.replace("&lt;img src=x onerror=alert(1)&gt;", "")


@pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: Debian's chromium")
@pytest.mark.parametrize("body", ['<img src="http://127.0.0.1:9/x.png">', "<script>throw Error('x')</script>"])
def test_browser_errors_are_found(body: str, tmp_path: Path):
    """A request and a failing script are on the console, so the test above can fail."""
    assert _browse(body, tmp_path)[1]


def test_naive_datetimes_are_refused(tables: Any):
    """Tables, charts and HTML raise the same error as unstructure_job."""
    job = make_job(creation_date_time=datetime(2024, 6, 15, 12))  # noqa: DTZ001  # the naive datetime is tested
    drill = attrs.evolve(job, initiated_by=InitiatedBy.START_DRILL)
    for use in (
        lambda: tables.jobs_table([job]),
        lambda: tables.timeline([job], now=NOON),
        lambda: tables.drill_history([drill]),
        job._repr_html_,
    ):
        with pytest.raises(ValueError, match="has no time zone"):
            use()
