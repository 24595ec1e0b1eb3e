"""The evidence as an HTML page and as CSV: what they say is what the assessment says."""

import csv
import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from html import escape, unescape
from pathlib import Path
from typing import Any, get_type_hints

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drs_jobs
from browser import browse, needs_browser
from drs_jobs import Job, JobsClient, LaunchActionsStatus, Outcome, UnknownValue
from drs_jobs._text import format_age, format_instant, format_minute
from drs_jobs.analysis import JobPhases, explain, phases
from drs_jobs.evidence import Assessment, Problem, ServerRecord, SourceServer, Verdict, assess, render
from drs_jobs.evidence.csv import jobs_csv, records_csv
from drs_jobs.evidence.wording import replication_label
from drs_jobs.testing import LocalDrs, make_history, make_job, make_log_item, make_run, make_server
from html_outline import Outline
from strategies import jobs as any_job
from strategies import log_items as any_log_item

NOW = datetime(2024, 6, 15, 12, tzinfo=UTC)
DAYS = timedelta(days=1)
BOTH: Any = {"drilled_within": 60 * DAYS, "objective": timedelta(minutes=15)}
VERDICT_SYMBOLS = {Verdict.MET: "✓", Verdict.NOT_MET: "✗", Verdict.UNDETERMINED: "?"}
OUTCOME_SYMBOLS = {Outcome.SUCCEEDED: "✓", Outcome.FAILED: "✗", Outcome.RUNNING: "…", Outcome.UNDETERMINED: "?"}


@pytest.fixture(scope="module")
def world() -> tuple[Sequence[JobPhases], Sequence[SourceServer]]:
    """A year of drills and recoveries with their logs, and the source servers, read over HTTP."""
    with LocalDrs() as local:
        local.add_history(make_history(120, until=NOW, seed=11, logs=True))
        client = JobsClient(local.client())
        return [client.phases(job) for job in client.describe_jobs()], list(client.describe_source_servers())


@pytest.fixture(scope="module")
def assessment(world: Any) -> Assessment:
    """Of each verdict, with a reason to be undetermined for servers without a verdict of their own."""
    return assess(world[0], as_of=NOW, servers=world[1], **BOTH)


def server_id(name: object) -> str:
    return f"s-{name:0>17}"


def drill(days_ago: float = 1, launch_status: str = "LAUNCHED", *servers: object, **fields: Any) -> Job:
    participants = tuple(
        make_server(source_server_id=server_id(server), launch_status=launch_status) for server in servers or [1]
    )
    return make_job(**{"creation_date_time": NOW - days_ago * DAYS, "participating_servers": participants, **fields})


def outline(assessment: Assessment, **options: Any) -> Outline:
    return Outline(render(assessment, **options))


def server_rows(page: Outline) -> list[list[str]]:
    return page.table("Verdict", "Server")


# ------------------------------------------------------------------ what the page says


@pytest.mark.parametrize("criteria", [BOTH, {"drilled_within": 90 * DAYS}, {"objective": timedelta(hours=4)}, {}], ids=str)
def test_servers(world: Any, criteria: Any):
    """Each server has one row, the worst first, with verdict, name, id, drills, age, outcome and reasons."""
    assessment = assess(world[0], as_of=NOW, servers=world[1], **criteria)
    rows = server_rows(outline(assessment))
    assert len(rows) == len(world[1])
    for row, server in zip(rows, assessment.worst_first, strict=True):
        verdict, name, last_drill, success, recovery, reasons = row
        label = "-" if server.verdict is None else f"{VERDICT_SYMBOLS[server.verdict]} {server.verdict.label}"
        details = [each and each.label for each in (server.drilled, server.recovered)]
        assert verdict == (label if None in details else f"{label} drilled: {details[0]} recovered: {details[1]}")
        assert name == f"{server.server.name} {server.server.source_server_id} {replication_label(server.server)}"
        for cell, result in ((last_drill, server.last_drill), (success, server.last_success)):
            assert cell == "-" if result is None else cell.startswith(format_minute(result.created_at))
            assert result is None or cell.endswith(result.job.job_id)
        assert server.last_drill is None or server.last_drill.outcome.name in last_drill
        assert server.age is None or f" age {format_age(server.age)} " in success
        assert server.latest_recovery is None or server.latest_recovery.outcome.name in recovery
        assert reasons == (" ".join(" ".join(server.reasons).split()) or "-")


def test_head(assessment: Assessment):
    page = outline(assessment, title="Third quarter")
    assert page.texts["h1"] == page.texts["title"] == ["Third quarter"]
    assert page.texts["dd"] == [
        "drilled within 60d, recovered within 15m 00s",
        "2024-06-15 12:00:00 UTC",
        "123456789012",
        "eu-west-1",
        (
            f"120 jobs created {format_minute(assessment.first_job_at)} to {format_minute(assessment.last_job_at)} UTC; "
            f"drills and recoveries: {len(assessment.jobs)}"
        ),
        "all jobs that AWS has",
        f"drs_jobs {drs_jobs.__version__}",
    ]
    since = attrs.evolve(assessment, since=NOW - 400 * DAYS)
    assert "jobs created from 2023-05-12 12:00:00 UTC on" in outline(since).texts["dd"]
    assert outline(assessment, title=" ").texts["h1"] == outline(assessment).texts["h1"] == ["Disaster recovery evidence"]


def test_tiles_account_for_all_servers(assessment: Assessment):
    """A verdict that no server has is without its colour."""
    counts = list(assessment.counts.values())
    page = outline(assessment)
    assert page.texts["strong"] == ["not met", *map(str, counts)]
    assert sum(counts) == len(assessment.servers)
    assert f"drilled within 60d: {sum(row.drilled is Verdict.MET for row in assessment.servers)}" in page.texts["small"]
    tiles = [each for _, each in page.elements if each.get("class") == "tile"]
    assert [bool(each.get("style")) for each in tiles] == [count > 0 for count in counts]
    assert {0} < set(counts), "the history has a verdict without servers, and one with servers"


@pytest.mark.parametrize(
    ("criteria", "servers", "problems", "conclusion"),
    [
        ({}, [1], [], "no criterion: nothing was checked"),
        (BOTH, [], [], "undetermined: there are no servers"),
        ({"drilled_within": DAYS * 2}, [1], [], "met"),
        ({"drilled_within": DAYS * 2}, [1], [Problem("no access")], "undetermined: something could not be read"),
        ({"drilled_within": DAYS * 2}, [1, 2], [], "not met"),
        ({"drilled_within": DAYS * 2}, [1, 2], [Problem("no access")], "undetermined"),
    ],
)
def test_conclusion(criteria: Any, servers: list[int], problems: list[Problem], conclusion: str):
    assessment = assess([drill()], as_of=NOW, servers=map(server_id, servers), problems=problems, **criteria)
    assert outline(assessment).texts["strong"][0] == conclusion


@pytest.mark.parametrize("count", [0, 1, 60])
def test_number_of_servers(count: int):
    assessment = assess([], as_of=NOW, servers=map(server_id, range(count)), drilled_within=DAYS)
    page = outline(assessment)
    assert ("There are no servers." in page.text) == (count == 0)
    assert [row[1] for row in (server_rows(page) if count else [])] == [server_id(number) for number in range(count)]


def test_page_has_no_clock(world: Any):
    """The same assessment gives the same page at any time. Ages are measured to `as_of`."""
    jobs, servers = world
    for as_of in (NOW, NOW - 100 * DAYS, NOW + 1000 * DAYS):
        assessment = assess(jobs, as_of=as_of, servers=servers, **BOTH)
        rows = server_rows(outline(assessment))
        ages = [format_age(server.age) if server.last_success else "-" for server in assessment.worst_first]
        assert [row[3].partition(" age ")[2].partition(" ")[0] or "-" for row in rows] == ages
        assert render(assessment) == render(assess(jobs, as_of=as_of, servers=servers, **BOTH))


def test_later_jobs_are_a_note(world: Any):
    """What happened after the moment is nowhere on the page."""
    as_of = NOW - 100 * DAYS
    assessment = assess(world[0], as_of=as_of, servers=world[1], **BOTH)
    text = render(assessment)
    assert f"<li>{assessment.later_jobs} jobs created after 2024-03-07 12:00:00 UTC not counted</li>" in text
    later = [each.job.job_id for each in world[0] if each.job.creation_date_time and each.job.creation_date_time > as_of]
    assert len(later) == assessment.later_jobs > 0
    assert [job_id for job_id in later if job_id in text] == []


def test_notes():
    jobs = [drill(1, "LAUNCHED", 1, 2)]
    given_servers = assess(jobs, as_of=NOW, servers=[server_id(1)], problems=[Problem("no access")])
    assert outline(given_servers).texts["li"][:2] == [
        "could not be read: no access",
        f"1 server in these jobs, but not in the list: {server_id(2)}",
    ]
    assert outline(assess(jobs, as_of=NOW)).texts["li"][0].startswith("no list of servers:")


def test_accounts():
    """With several, each has a row, also one that could not be read, and servers have their place."""
    servers = [SourceServer(server_id(n), account_id=f"{n:012}", region="eu-west-1") for n in (1, 2)]
    problems = [Problem("AccessDenied", account_id="000000000003", region="eu-west-1")]
    jobs = [drill(1, "LAUNCHED", 1)]
    assessment = assess(jobs, as_of=NOW, servers=[*servers, server_id(4)], problems=problems, drilled_within=2 * DAYS)
    page = outline(assessment)
    assert page.table("Account", "Verdict", "Servers", "Could not be read") == [
        ["000000000001", "✓ met", "1 server: 1 met", "-"],
        ["000000000002", "✗ not met", "1 server: 1 not met", "-"],
        ["000000000003", "? undetermined", "0 servers", "1"],
        ["unknown", "? undetermined", "1 server: 1 undetermined", "1"],
    ]
    assert f"{server_id(2)} 000000000002, eu-west-1" in [row[1] for row in server_rows(page)]
    assert page.table("Could not be read") == [["AccessDenied", "000000000003", "eu-west-1", "1"]]
    assert {table[0][0] for table in outline(assess(jobs, as_of=NOW)).tables} == {"Verdict", "Server"}


# ------------------------------------------------------------------ drills, phases, failures, limits


def test_grid_has_one_mark_per_drill_of_a_server(world: Any, assessment: Assessment):
    """With the outcome of the server. It differs from that of the job in some. The legend has each mark once."""
    expected = Counter(
        (report.job.job_id, report.job.outcome_of(server.source_server_id).name)  # type: ignore[union-attr]
        for report in world[0]
        for server in report.job.participating_servers
        if report.job.is_drill and server.source_server_id in {row.source_server_id for row in world[1]}
    )
    page = outline(assessment)
    marks = Counter(tuple(title.partition(" UTC, ")[2].split(": ")) for title in page.attributes("title"))
    assert marks == expected
    symbols = Counter(OUTCOME_SYMBOLS[Outcome[outcome]] for _, outcome in expected.elements())
    assert Counter(page.texts["i"]) == symbols + Counter(OUTCOME_SYMBOLS.values())


@pytest.mark.parametrize("days", [1, 36, 37, 100])
def test_grid_has_each_day_once(days: int):
    """The newest first, also in several grids. The drills of one day are in one column, those without a date in the last."""
    jobs = [drill(n + part / 10) for n in range(days) for part in range(2)]
    others = [drill(creation_date_time=None), drill(200, "LAUNCHED", "not-listed")]
    page = outline(assess([*jobs, *others], as_of=NOW, servers=[server_id(1)]))
    grids = [columns[1:] for [columns, *_] in page.tables if columns[0] == "Server"]
    dates = {job.creation_date_time.date().isoformat() for job in jobs if job.creation_date_time}
    assert [day for grid in grids for day in grid] == [*sorted(dates, reverse=True), "no date"]
    assert max(map(len, grids)) <= 36, "more do not fit on paper"


def test_phases_and_times(assessment: Assessment):
    page = outline(assessment)
    table = page.table("Server", "Recovery (UTC)", "Recovery time", "Median", "Slowest", "Phases")
    rows = {row[0].split()[-1]: row for row in table}
    recovered = [server for server in assessment.servers if server.latest_recovery is not None]
    assert rows.keys() == {server.server.source_server_id for server in recovered}
    for server in recovered:
        recovery = server.latest_recovery
        assert recovery is not None
        assert recovery.phases is not None
        row = rows[server.server.source_server_id]
        assert row[1] == f"{format_minute(recovery.created_at)}, {recovery.job.kind}"
        assert [name in row[5] for name in ("snapshot", "conversion", "launch")] == [
            any(phase.name == name for phase in recovery.phases.phases) for name in ("SNAPSHOT", "CONVERSION", "LAUNCH")
        ]
    assert "No log of the recoveries" in outline(assess(assessment.jobs, as_of=NOW)).text


def test_bars_fit_although_a_recovery_hangs_for_weeks(world: Any):
    """All bars are in their SVG, and most are long enough to be seen. So they are with a far objective."""
    stuck = drill(40, "PENDING", "stuck", status="STARTED")
    log = [make_log_item(event="CONVERSION_START", source_server_id=server_id("stuck"), log_date_time=NOW - 40 * DAYS)]
    jobs = [*world[0], phases(stuck, log)]
    for objective, line_count in ((timedelta(minutes=20), 1), (9 * DAYS, 0)):
        elements = outline(assess(jobs, as_of=NOW, objective=objective)).elements
        bars = [
            (float(each["x"] or 0), float(each["width"] or 0)) for tag, each in elements if "fill" in each and tag == "rect"
        ]
        assert all(0 <= x <= 1000 and x + width <= 1002 for x, width in bars)
        assert sum(width for _, width in bars) / len(bars) > 50
        assert len({each["x"] for tag, each in elements if (tag, each.get("class")) == ("rect", "line")}) == line_count


FAILURES = ("Cause", "Participants", "Jobs (UTC), newest first")


def test_failures_have_the_causes_of_explain(assessment: Assessment):
    """Each with what to do next, its participants and its jobs."""
    table = outline(assessment).table(*FAILURES)
    count = 0
    for report in assessment.phases:
        for cause in explain(report.job, report.log).causes:
            [row] = [row for row in table if report.job.job_id in row[2] and all(name in row[1] for name in cause.participants)]
            assert cause.summary.split(" (")[0] in row[0]
            assert ("Next: " in row[0]) == (cause.hint is not None)
            count += 1
    assert count > len(table) > 0


def log_with(error: str, *servers: object) -> list[Any]:
    return [
        make_log_item(event="LAUNCH_FAILED", source_server_id=server_id(server), raw_error=error, log_date_time=NOW - DAYS)
        for server in servers
    ]


def test_causes_of_several_jobs_are_one():
    """Also if the ids in the reasons differ. What to do next is for all of them."""
    action = (
        "User: x is not authorized to perform: ec2:DeleteVolume on resource: arn:aws:ec2:eu-west-1:123456789012:volume/vol-"
    )
    errors = [f"{action}0123456789abcdef1", f"{action}0123456789abcdef2", "snap-0123456789abcdef0 is gone"]
    jobs = [drill(days_ago, "FAILED", days_ago, job_id=f"drsjob-{days_ago}") for days_ago in (1, 2, 3)]
    reports = [phases(job, log_with(error, number)) for number, (job, error) in enumerate(zip(jobs, errors, strict=True), 1)]
    hint = "allow ec2:DeleteVolume on arn:aws:ec2:eu-west-1:123456789012:volume/* for whoever started the job"
    assert outline(assess(reports, as_of=NOW)).table(*FAILURES) == [
        [
            f"ec2:DeleteVolume refused LAUNCH_FAILED: {errors[0]} Next: {hint}",
            f"{server_id(1)} {server_id(2)}",
            "2024-06-14 12:00 drsjob-1 2024-06-13 12:00 drsjob-2",
        ],
        [f"LAUNCH_FAILED: {errors[2]}", server_id(3), "2024-06-12 12:00 drsjob-3"],
    ]


def test_failures_without_a_reason():
    """What the job itself has is there, and that the log is missing."""
    run = make_run(status="FAILED", name="Check disk", failure_reason="no space")
    with_action = make_server(source_server_id=server_id(1), launch_actions_status=LaunchActionsStatus(runs=(run,)))
    failed = make_server(source_server_id=server_id(2), launch_status="FAILED")
    job = make_job(creation_date_time=NOW - DAYS, participating_servers=(with_action, failed))
    for report, text in (
        (job, "not known without the log"),
        (phases(job, (), log_error=PermissionError("no access")), "not known without the log"),
        (phases(job, ()), "no reason given"),
    ):
        assert [row[:2] for row in outline(assess([report], as_of=NOW)).table(*FAILURES)] == [
            ["launch action Check disk failed: no space", server_id(1)],
            [text, server_id(2)],
        ]
    log = [make_log_item(event="JOB_CANCEL", log_date_time=NOW - DAYS), *log_with("lost", "unlisted")]
    page = outline(assess([phases(drill(1), log)], as_of=NOW))
    assert [row[:2] for row in page.table(*FAILURES)] == [
        ["LAUNCH_FAILED: lost", server_id("unlisted")],
        ["JOB_CANCEL", "the job as a whole"],
    ]


def test_rows_that_grow_with_the_jobs_are_bounded():
    """The table of verdicts is not. The page says how many rows are not shown, and where they are."""
    log = [item for server in range(60) for item in log_with(f"error {server}", server)]
    start = {"event": "LAUNCH_START", "log_date_time": NOW - 1.05 * DAYS}
    log += [make_log_item(source_server_id=server_id(server), **start) for server in range(60)]
    reports = [phases(drill(1.1 + n, "FAILED", *range(60)), log) for n in range(120)]
    page = outline(assess(reports, as_of=NOW, **BOTH))
    assert len(server_rows(page)) == 60
    assert len(page.table(*FAILURES)) == 20
    assert [len(rows) for [columns, *rows] in page.tables if columns[0] == "Server"] == [50] * 4, "three grids, and the phases"
    text = page.text
    for count, nouns in ((10, "servers"), (12, "days with drills"), (40, "causes"), (110, "jobs")):
        assert f"and {count} more {nouns}: see FILE-jobs.csv" in text


def test_limits():
    unread, running, undated = drill(3), drill(0.1, "PENDING", status="STARTED"), drill(creation_date_time=None)
    broken = phases(drill(2), (), log_error=PermissionError())
    nameless = make_job(participating_servers=(make_server(source_server_id=None),), creation_date_time=NOW - DAYS)
    others = [phases(job, ()) for job in (running, undated, nameless)]
    entries = outline(assess([unread, broken, *others], as_of=NOW)).texts["li"]
    text = " ".join(entries)
    assert "1 job with a log that could not be read, or not completely: phases" in text
    assert f"{broken.job.job_id}, created 2024-06-13 12:00 UTC: PermissionError" in entries
    for part in (
        "1 job with a log that was not read",
        "1 job without an end",
        "1 job without a creation time",
        "without an id",
    ):
        assert part in text
    assert {f"{running.job_id}, created 2024-06-15 09:36 UTC", undated.job_id} <= set(entries)
    assert entries[-1].startswith("AWS does not document how long")


# ------------------------------------------------------------------ any input


HOSTILE = "<script>alert(1)</script>\"'>&{{ 7*7 }}{% x %}\x1b[31m\u202e\ud800\x00=cmd"


def test_hostile_text_is_text():
    """The page has the same elements as with plain text, in every field that it shows."""

    def page(text: str) -> str:
        run = make_run(status="FAILED", name=text, failure_reason=text)
        actions = LaunchActionsStatus(runs=(run,))
        servers = [
            make_server(source_server_id=name, launch_status="FAILED", launch_actions_status=actions)
            for name in (text, server_id(1))
        ]
        job = make_job(
            job_id=text,
            arn=f"arn:aws:drs:eu-west-1:123456789012:job/{text}",
            status=text,
            type="LAUNCH",
            participating_servers=tuple(servers),
            tags={text: text},
            creation_date_time=NOW - DAYS,
            end_date_time=NOW,
        )
        log = [
            make_log_item(event="LAUNCH_FAILED", source_server_id=name, raw_error=text, log_date_time=NOW)
            for name in (text, "x")
        ]
        report = phases(job, log, log_error=ValueError(text))
        server = SourceServer(server_id(1), name=text, account_id=text, region=text, replication_state=text)
        problems = [Problem(text, account_id=text, region=text)]
        return render(assess([report], as_of=NOW, servers=[server], problems=problems, **BOTH), title=text)

    hostile, plain = page(HOSTILE), page("plain")
    assert Outline(hostile).counts == Outline(plain).counts
    assert hostile.encode()
    assert not [char for char in hostile if not char.isprintable() and char != "\n"]
    assert "&lt;script&gt;" in hostile
    assert "7*7" in hostile
    assert "<script" not in hostile


def test_page_is_self_contained(assessment: Assessment):
    """No script, no form, no address, no other file."""
    text = render(assessment)
    page = Outline(text)
    assert not page.counts.keys() & {"script", "link", "img", "iframe", "object", "embed", "form", "input", "base", "audio"}
    assert {target[0] for target in page.attributes("href")} == {"#"}
    names = {name for _, attributes in page.elements for name in attributes}
    assert not names & {"src", "srcset", "action", "xlink:href"}
    assert not [name for name in names if name.startswith("on")]
    assert not [word for word in ("url(", "@import", "http:", "https:", "//") if word in text]


def test_no_tags():
    job = drill(1, "FAILED", tags={"secret-key": "secret-value"})
    assessment = assess([phases(job, ())], as_of=NOW)
    assert "secret" not in render(assessment) + records_csv(assessment) + jobs_csv(assessment)


def test_unknown_values():
    """They are shown as what is not known, not as a success."""
    later = UnknownValue("LATER")
    job = drill(1, arn=None, initiated_by=later, type=later, status=later, end_date_time=NOW)
    assessment = assess([phases(job, [make_log_item(event=later)])], as_of=NOW, **BOTH)
    page = outline(assessment)
    assert page.texts["dd"][2:4] == ["unknown", "unknown"]
    [[verdict, *_]] = server_rows(page)
    assert verdict == "? undetermined drilled: undetermined recovered: undetermined"
    assert "UNDETERMINED" in server_rows(page)[0][4]


@settings(max_examples=30)
@given(st.lists(st.tuples(any_job, st.lists(any_log_item, max_size=4)), max_size=4), st.booleans())
def test_any_job_gives_a_page_and_csv(rows: list[tuple[Job, list[Any]]], has_logs: bool):  # noqa: FBT001  # a parameter of the test
    jobs: list[Any] = [phases(job, log) if has_logs else job for job, log in rows]
    assessment = assess(jobs, as_of=NOW, **BOTH)
    page = outline(assessment)
    assert not page.counts.keys() & {"script", "img"}
    assert len(server_rows(page) if assessment.servers else []) == len(assessment.servers)
    for text, least in ((records_csv(assessment), len(assessment.servers)), (jobs_csv(assessment), len(assessment.jobs))):
        assert len(list(csv.reader(io.StringIO(text)))) > least
        text.encode()


def test_missing_extra():
    """The error has the name of the extra."""
    code = (
        "import sys; sys.modules['jinja2'] = None; from datetime import *; from drs_jobs.evidence import *\n"
        "render(assess((), as_of=datetime.now(timezone.utc)))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert "pip install 'drs_jobs[report]'" in result.stderr.splitlines()[-1]


# ------------------------------------------------------------------ CSV


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_records_csv_has_the_records(assessment: Assessment):
    """The same keys in the same order, and the same values."""
    text = records_csv(assessment)
    assert text.splitlines()[0] == ",".join(f'"{key}"' for key in get_type_hints(ServerRecord))
    expected = [{key: "" if value is None else str(value) for key, value in record.items()} for record in assessment.records()]
    assert rows_of(text) == expected


def test_jobs_csv_has_the_participants(assessment: Assessment):
    """One row for each, with its phases and the reasons of its failure."""
    rows = rows_of(jobs_csv(assessment))
    reports = {report.job.job_id: report for report in assessment.phases}
    expected = [(job.job_id, row.participant) for job in assessment.jobs for row in reports[job.job_id].participants]
    assert [(row["jobID"], row["participant"]) for row in rows] == expected
    names = {server.server.source_server_id: server.server.name for server in assessment.servers}
    for row in rows:
        report = reports[row["jobID"]]
        participant = next(each for each in report.participants if each.participant == row["participant"])
        durations = {f"{phase.name.lower()}Seconds": phase.duration for phase in participant.phases}
        assert row["name"] == (names.get(row["participant"]) or "")
        assert row["outcome"] == participant.outcome.name
        assert row["createdAt"] == format_instant(report.job.creation_date_time)
        assert {key: row[key] for key in durations} == {
            key: "" if duration is None else str(duration.total_seconds()) for key, duration in durations.items()
        }
        failures = explain(report.job, report.log).failures
        reasons = [reason for failure in failures if failure.participant == row["participant"] for reason in failure.reasons]
        assert row["reasons"] == " ".join("; ".join(reasons).split())
    assert any(row["causes"] for row in rows)


def test_jobs_csv_without_logs_and_participants():
    empty, failed = make_job(participating_servers=(), creation_date_time=NOW - DAYS), drill(2, "FAILED")
    first, second = rows_of(jobs_csv(assess([empty, phases(failed, (), log_error=ValueError())], as_of=NOW)))
    assert (first["jobID"], first["participant"], first["logError"]) == (empty.job_id, "", "the log was not read")
    assert (second["outcome"], second["reasons"], second["logError"]) == ("FAILED", "", "ValueError")


def test_csv_is_no_formula():
    names = ["=HYPERLINK(1)", "+1", "\t@x"]
    servers = [SourceServer(server_id(n), name=name) for n, name in enumerate(names)]
    assessment = assess([drill(1, "LAUNCHED", *range(3))], as_of=NOW, servers=servers)
    for text, key in ((records_csv(assessment), "name"), (jobs_csv(assessment), "name")):
        assert [row[key] for row in rows_of(text)] == ["'=HYPERLINK(1)", "'+1", "'@x"]


def test_pandas_reads_the_csv(assessment: Assessment):
    import pandas as pd  # noqa: PLC0415  # slow to import

    servers = pd.read_csv(io.StringIO(records_csv(assessment)), parse_dates=["lastDrillAt", "asOf"])
    assert len(servers) == len(assessment.servers)
    assert str(servers["recoverySeconds"].dtype) == "float64"
    assert servers["asOf"].dt.tz is not None


@pytest.mark.needs_check_env
def test_duckdb_reads_the_csv(assessment: Assessment, tmp_path: Path):
    import duckdb  # noqa: PLC0415  # only in the environment of all checks

    path = tmp_path / "jobs.csv"
    path.write_bytes(jobs_csv(assessment).encode())
    result = duckdb.sql(f"select count(distinct jobID), max(recoverySeconds) from read_csv('{path}')").fetchall()
    times = [row.recovery_time for report in assessment.phases for row in report.participants if row.recovery_time is not None]
    assert result == [(len(assessment.jobs), max(times).total_seconds())]


# ------------------------------------------------------------------ a real browser

MEASURE = """
<pre id="results"></pre>
<script>
const measure = async (frame) => {
  const page = frame.contentDocument, view = frame.contentWindow, main = page.querySelector("main");
  const width = page.documentElement.clientWidth, range = page.createRange();
  const texts = page.createTreeWalker(main, NodeFilter.SHOW_TEXT);
  let leastColumn = [width, ""];
  while (texts.nextNode()) {
    const text = texts.currentNode, block = text.parentElement.closest("td, th, li, dt, dd, p, small, h1, h2, div, main");
    range.selectNodeContents(text);
    if (block.closest(".scroll") || new Set([...range.getClientRects()].map((box) => box.top)).size < 2) continue;
    const style = view.getComputedStyle(block), padding = parseFloat(style.paddingLeft) + parseFloat(style.paddingRight);
    const column = [Math.round(block.getBoundingClientRect().width - padding), text.data];
    if (column[0] < leastColumn[0]) leastColumn = column;
  }
  const axe = document.getElementById("axe").textContent, script = page.createElement("script");
  script.textContent = axe;
  page.head.append(script);
  const { violations } = axe ? await view.axe.run(page) : { violations: [] };
  return {
    width: view.innerWidth,
    isDark: view.matchMedia("(prefers-color-scheme: dark)").matches,
    height: Math.round(main.getBoundingClientRect().height),
    leastColumn,
    scrolledWidth: page.documentElement.scrollWidth,
    violations: violations.map(({ id, impact, nodes }) => `${impact} ${id}: ${nodes[0].html}`),
  };
};
onload = async () => {
  const results = [];
  for (const frame of document.querySelectorAll("iframe")) results.push(await measure(frame));
  document.getElementById("results").textContent = JSON.stringify(results);
};
</script>
"""
"""Measures each frame: its height, its narrowest column of wrapped text, and what axe-core finds."""

AXE = Path(__file__).parent / "javascript" / "node_modules" / "axe-core" / "axe.min.js"


def history_page(count: int, text: str = "") -> str:
    """The page of a history, with a text in the title and in the name of each server."""
    history = make_history(count, until=NOW, seed=11, logs=True)
    servers = [
        SourceServer(
            raw["sourceServerID"],
            name=raw["sourceProperties"]["identificationHints"]["hostname"] + text,
            account_id=history.account_id,
            region=history.region,
        )
        for raw in history.source_servers
    ]
    reports = [phases(job, history.logs[job.job_id]) for job in history]
    return render(assess(reports, as_of=NOW, servers=servers, **BOTH), title=2 * text)


PAGES = {
    "none": (0, "", "dark", 1_500),
    "one": (1, "", "light", 7_000),
    "light": (50, "", "light", 11_000),
    "dark": (50, "", "dark", 11_000),
    "long": (50, "-long" * 20, "light", 14_000),
    "hostile": (50, HOSTILE, "dark", 13_000),
    "many": (2_000, "", "light", 50_000),
}


@needs_browser
@pytest.mark.parametrize(("count", "text", "theme", "max_height"), PAGES.values(), ids=PAGES)
def test_browser(count: int, text: str, theme: str, max_height: int, tmp_path: Path):
    """On phones and screens the page is of limited height, no column is narrow, and axe-core, if installed, finds nothing."""
    page, widths = escape(history_page(count, text)), [390, 480, 600, 1001, 1400]
    frames = "".join(f'<iframe srcdoc="{page}" style="border:0;width:{width}px;height:2000px"></iframe>' for width in widths)
    # With 2,000 jobs the page has the same elements as with 50, and axe-core takes a minute.
    axe = AXE.read_text(encoding="utf-8") if AXE.exists() and count <= 50 else ""
    dom, errors = browse(f'<script type="text/plain" id="axe">{axe}</script>{frames}{MEASURE}', tmp_path, theme)
    results = json.loads(unescape(dom.partition('<pre id="results">')[2].partition("</pre>")[0]))
    assert [result["width"] for result in results] == widths
    for result in results:
        assert result["isDark"] == (theme == "dark")
        assert result["scrolledWidth"] <= result["width"]
        assert result["height"] <= max_height
        assert result["leastColumn"][0] >= (200 if result["width"] <= 600 else 60), result["leastColumn"]
        assert result["violations"] == []
    assert errors == []
