"""HTML and tables for notebooks, with any jobs and with hostile text."""

import importlib
import random
import subprocess
import sys
import textwrap
from datetime import UTC, datetime, timedelta, timezone
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from browser import browse, needs_browser
from drs_jobs import (
    InitiatedBy,
    Job,
    JobsClient,
    LaunchAction,
    LaunchActionRun,
    LaunchActionsStatus,
    Outcome,
    _html,
)
from drs_jobs._html import OUTCOME_COLOURS
from drs_jobs.analysis import JobPhases, ParticipantPhases, Phase, PhaseName, phases
from drs_jobs.evidence import Problem, ServerRecord, SourceServer, assess
from drs_jobs.testing import LocalDrs, make_history, make_job, make_log_item, make_resource, make_run, make_server
from hostile import HOSTILE, NOON, hostile_job
from simulated_logs import item, simulate
from strategies import jobs as any_jobs
from strategies import log_items


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
    good = make_server(launch_actions_status=LaunchActionsStatus(runs=(make_run(),)))
    bad = make_server(source_server_id="s-bad", launch_status="FAILED")
    job = make_job(participating_servers=(good, bad), creation_date_time=NOON, end_date_time=NOON + timedelta(minutes=9))
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
    local_drs.add_jobs(*(make_job() for _ in range(_html.MAX_ROWS + 7)))
    collected = client.describe_jobs().collect()
    shown = collected._repr_html_()
    assert "107 jobs" in shown
    assert "and 7 more" in shown
    assert shown.count("<details>") == _html.MAX_ROWS
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
    _check(_html.jobs_html([hostile_job()] * 3))


@pytest.mark.parametrize("package", ["pyarrow", "plotly"])
def test_html_needs_no_extra(package: str):
    """Tables and charts need the extra, and the ImportError has its name."""
    program = f"""
        import sys
        sys.modules.update(dict.fromkeys(("{package}", "werkzeug", "typer", "rich", "boto3")))
        from drs_jobs import Job
        print("j-1" in Job(job_id="j-1")._repr_html_())
        try:
            import drs_jobs.notebook
        except ImportError as error:
            print(error)
    """
    result = subprocess.run([sys.executable, "-c", textwrap.dedent(program)], capture_output=True, encoding="utf-8", check=True)
    is_shown, message = result.stdout.splitlines()
    assert is_shown == "True"
    assert message.startswith(f"{package} is not installed: install drs_jobs with its extra 'notebook'")


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
    job_table, server_table, run_table = (
        make(jobs) for make in (tables.jobs_table, tables.servers_table, tables.action_runs_table)
    )
    servers = [(job, server) for job in jobs for server in job.participating_servers]
    assert [table.num_rows for table in (job_table, server_table, run_table)] == [
        len(jobs),
        len(servers),
        sum(len(server.runs) for _, server in servers),
    ]
    rows = job_table.to_pylist()
    assert [(row["job_id"], row["outcome"], row["duration"], row["status"]) for row in rows] == [
        (job.job_id, job.outcome.name, job.duration, job.status) for job in jobs
    ]
    assert [row["creation_date_time"] for row in rows] == [job.creation_date_time for job in jobs]
    joined = run_table.join(server_table.select(["job_id", "server_number", "launch_status"]), ["job_id", "server_number"])
    assert joined.num_rows == run_table.num_rows
    assert joined["launch_status"].null_count == 0


def test_outcomes_of_servers(tables: Any):
    """Each row has the server's own outcome, and the date and the kind of the job; also if the server has no id."""
    ids, statuses = ("s-1", "s-2", None, None), ("LAUNCHED", "FAILED", "FAILED", "LAUNCHED")
    servers = tuple(
        make_server(source_server_id=name, launch_status=status) for name, status in zip(ids, statuses, strict=True)
    )
    jobs = [
        make_job(creation_date_time=NOON, participating_servers=servers),
        make_job(creation_date_time=None, initiated_by="START_RECOVERY", status="STARTED", participating_servers=servers[:1]),
        make_job(creation_date_time=NOON, type="TERMINATE", participating_servers=servers[:1]),  # not a drill
    ]
    rows = tables.servers_table(jobs).to_pylist()
    assert [(row["creation_date_time"], row["is_drill"], row["outcome"]) for row in rows] == [
        (NOON, True, "SUCCEEDED"),
        (NOON, True, "FAILED"),
        (NOON, True, "FAILED"),
        (NOON, True, "SUCCEEDED"),
        (None, False, "RUNNING"),
        (NOON, False, "UNDETERMINED"),
    ]
    history = _history()
    table = tables.servers_table(history).to_pylist()
    by_server = {row["source_server_id"]: row["outcome"] for row in reversed(table) if row["is_drill"]}
    rows = assess(history, as_of=LAST).servers
    assert by_server == {row.server.source_server_id: row.last_drill.outcome.name for row in rows if row.last_drill}


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
            "is_drill": report.job.initiated_by == "START_DRILL",
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
    table = tables.phases_table(reports)
    servers = tables.servers_table(report.job for report in reports).select(["job_id", "source_server_id", "launch_status"])
    joined = table.join(servers, ["job_id", "participant"], ["job_id", "source_server_id"])
    assert joined.num_rows == table.num_rows > 100
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


# ------------------------------------------------------------------ evidence

SERVERS = (SourceServer("s-00000000000000001", name="web\ud800", lag=timedelta(seconds=2)), SourceServer("s-00000000000000002"))


def test_rows_of_evidence(tables: Any):
    """Those of the records, in their order. Times are datetimes."""
    report = phases(
        make_job(creation_date_time=NOON, participating_servers=(make_server(source_server_id=SERVERS[0].source_server_id),)),
        [item("LAUNCH_START", NOON, SERVERS[0].source_server_id), item("LAUNCH_END", NOON, SERVERS[0].source_server_id)],
    )
    assessment = assess(
        [report],
        as_of=NOON + timedelta(days=1, microseconds=1),
        since=NOON - timedelta(days=9),
        drilled_within=timedelta(days=2),
        objective=timedelta(hours=4),
        servers=SERVERS,
        problems=[Problem("not read: =cmd()", account_id="123456789012", region="eu-west-2")],
    )
    table = tables.evidence_table(assessment)
    table.validate(full=True)
    times = {"asOf", "since", "lastDrillAt", "lastCompletedDrillAt", "lastSuccessAt", "recoveryAt", "firstJobAt", "lastJobAt"}
    expected = [
        {
            key: datetime.fromisoformat(value) if key in times and isinstance(value, str) else value
            for key, value in record.items()
        }
        for record in assessment.records()
    ]
    expected[0]["name"] = "web?"
    assert table.to_pylist() == expected
    assert [row["verdict"] for row in expected] == ["MET", "UNDETERMINED"]
    assert expected[0]["lastSuccessAgeSeconds"] == timedelta(days=1, microseconds=1).total_seconds()
    assert {name for name in table.column_names if str(table.schema.field(name).type) == "timestamp[us, tz=UTC]"} == times


def test_schema_of_evidence(tables: Any):
    """The keys of a record, in their order; the same without servers."""
    assessment = assess(_history(), as_of=NOON)
    table = tables.evidence_table(assessment)
    assert table.num_rows == len(assessment.servers) > 10
    assert table.schema == tables.evidence_table(assess([], as_of=NOON)).schema
    assert table.column_names == list(ServerRecord.__annotations__)
    by_type = {str(kind): table.schema.types.count(kind) for kind in table.schema.types}
    assert by_type.keys() == {"string", "timestamp[us, tz=UTC]", "double", "int64"}


def test_names_of_the_module(tables: Any):
    """Those of the functions, and the two modules that have them."""
    assert {name for name in dir(tables) if not name.startswith("_")} == {*tables.__all__, "charts", "tables"}


EAST, WEST = timezone(timedelta(hours=14)), timezone(timedelta(hours=-12))
FIRST, LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
FAR_MOMENTS = [
    (FIRST, "0001-01-01 00:00"),
    (LAST, "9999-12-31 23:59"),
    (datetime(1, 1, 1, 5, tzinfo=EAST), "0001-01-01 00:00"),  # the year 0 in UTC; datetime does not have it
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
    bar, _ = tables.timeline([job], now=when).data
    # A chart rounds to milliseconds, and so the last moment up to a year that datetime does not have.
    base = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=min(bar.base[0], 253402300799999))
    assert base.isoformat(" ")[:16] == shown
    assert history.to_json()


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
    longest = {name: max(values) for name, values in durations.items()}
    table = tables.phases_table(reports)
    file = tmp_path / "phases.parquet"
    pyarrow.parquet.write_table(table, file)
    query = "select phase, max(duration) from {} group by phase"
    connection = duckdb.connect()
    connection.register("phases", table)
    assert dict(connection.sql(query.format("phases")).fetchall()) == longest
    in_microseconds = dict(connection.sql(query.format(f"'{file}'")).fetchall())
    assert {name: timedelta(microseconds=value) for name, value in in_microseconds.items()} == longest
    for frame in (pl.DataFrame(table), pl.read_parquet(file)):
        assert dict(frame.group_by(pl.col("phase").cast(pl.String)).agg(pl.max("duration")).iter_rows()) == longest
    pandas_frame = table.to_pandas().groupby("phase", observed=True)["duration"].max()
    assert {name: pandas_frame[name].to_pytimedelta() for name in pandas_frame.index} == longest


# ------------------------------------------------------------------ a real browser


@pytest.mark.needs_check_env
def test_tables_in_excel(tables: Any, tmp_path: Path):
    """Times are in UTC, durations are such, text is never a formula or a link, and every table can be written."""
    import openpyxl  # noqa: PLC0415  # needs the check environment

    file = tmp_path / "table.xlsx"

    def written(table: Any) -> list[dict[str, Any]]:
        tables.to_excel(table, file)
        names, *rows = openpyxl.load_workbook(file).active.iter_rows()
        return [{name.value: cell for name, cell in zip(names, row, strict=True)} for row in rows]

    end = NOON + timedelta(hours=30, minutes=9)
    early = datetime(1899, 12, 31, 23, tzinfo=UTC)
    tags = {"Name": "web", "url": "https://example.com"}
    job = make_job(job_id="=cmd()\x1b<&>", arn="https://x", creation_date_time=NOON, end_date_time=end, tags=tags)
    row, old = written(tables.jobs_table([job, make_job(creation_date_time=early)], include_tags=True))
    assert (row["job_id"].data_type, row["job_id"].value[:6]) == ("s", "=cmd()")
    assert (row["arn"].hyperlink, row["tags"].value) == (None, "Name=web, url=https://example.com")
    assert (row["creation_date_time"].value, row["end_date_time"].value) == (
        NOON.replace(tzinfo=None),
        end.replace(tzinfo=None),
    )
    assert (row["duration"].value, row["duration"].number_format) == (end - NOON, "[h]:mm:ss")
    assert old["creation_date_time"].value == "1899-12-31 23:00:00+00:00"
    assessment = assess(_phases(), as_of=NOON, drilled_within=timedelta(days=90), objective=timedelta(minutes=20))
    cells, records = written(tables.evidence_table(assessment)), tables.evidence_table(assessment).to_pylist()
    assert [(row["verdict"].value, row["reasons"].value or "") for row in cells] == [
        (record["verdict"], record["reasons"]) for record in records
    ]
    for row, record in zip(cells, records, strict=True):
        assert row["asOf"].value == NOON.replace(tzinfo=None)
        assert row["lastSuccessAgeSeconds"].value == pytest.approx(record["lastSuccessAgeSeconds"])
    for table in (tables.servers_table(_history()), tables.action_runs_table(_history()), tables.phases_table([])):
        assert len(written(table)) == table.num_rows


def test_sheets_of_excel_are_bounded(tables: Any, tmp_path: Path):
    """More rows than a sheet has would be left out without an error."""
    import pyarrow as pa  # noqa: PLC0415  # needs the extra

    with pytest.raises(ValueError, match="1,048,575 rows, not 1,048,576"):
        tables.to_excel(pa.table({"x": range(2**20)}), tmp_path / "table.xlsx")


@pytest.mark.needs_check_env
@pytest.mark.parametrize("use_jedi", [False, True])
@pytest.mark.parametrize("module", ["drs_jobs", "drs_jobs.analysis", "drs_jobs.evidence", "drs_jobs.notebook"])
def test_completion_in_jupyter(module: str, *, use_jedi: bool):
    """It has every public name, and no other names than those of files."""
    from IPython.core.completer import provisionalcompleter  # noqa: PLC0415  # needs the check environment
    from IPython.core.interactiveshell import InteractiveShell  # noqa: PLC0415  # needs the check environment
    from traitlets.config import Config  # noqa: PLC0415  # needs the check environment

    namespace: dict[str, Any] = {}
    exec(f"import {module}", namespace)  # as a cell does
    shell = InteractiveShell(user_ns=namespace, config=Config({"HistoryManager": {"enabled": False}}))
    completer = shell.Completer
    completer.use_jedi = use_jedi
    public = importlib.import_module(module)
    files = {path.stem for path in Path(public.__path__[0]).iterdir()}
    for line in (f"{module}.", f"from {module} import "):
        with provisionalcompleter():
            names = {completion.text.lstrip(".") for completion in completer.completions(line, len(line))}
        assert {name for name in names - files if not name.startswith("_")} == set(public.__all__) - files - {"__version__"}


@needs_browser
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_browser_has_no_errors_and_requests(theme: str, tmp_path: Path):
    """With jobs and hostile jobs. No script in the data runs."""
    jobs = _history()
    shown, console = browse(_html.jobs_html(jobs) + hostile_job()._repr_html_(), tmp_path, theme)
    assert console == []
    with_servers = [job for job in [*jobs[: _html.MAX_ROWS], hostile_job()] if job.participating_servers]
    assert shown.count("<details>") == len(with_servers)
    assert "onerror=alert" not in shown.replace("&lt;img src=x onerror=alert(1)&gt;", "")


@needs_browser
@pytest.mark.parametrize("body", ['<img src="http://127.0.0.1:9/x.png">', "<script>throw Error('x')</script>"])
def test_browser_errors_are_found(body: str, tmp_path: Path):
    """A request and a failing script are on the console, so the test above can fail."""
    assert browse(body, tmp_path)[1]


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
