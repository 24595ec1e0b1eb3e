"""The report file: its facts, its HTML page and its CSV."""

import csv
import io
import random
import subprocess
import sys
from collections import Counter
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import drs_jobs
from drs_jobs import Job, LaunchActionsStatus, Outcome
from drs_jobs.analysis import JobPhases, explain, phases
from drs_jobs.evidence import last_drills, recovery_times, render
from drs_jobs.evidence.facts import collect
from drs_jobs.evidence.tables import participants_csv, servers_csv
from drs_jobs.testing import History, make_history, make_job, make_log_item, make_run, make_server
from html_outline import Outline
from strategies import jobs as any_job
from strategies import log_items as any_log_item

NOW = datetime(2024, 6, 15, 12, tzinfo=UTC)
SYMBOLS = {"✓": Outcome.SUCCEEDED, "✗": Outcome.FAILED, "…": Outcome.RUNNING, "?": Outcome.UNDETERMINED}


@pytest.fixture(scope="module")
def history() -> History:
    return make_history(120, until=NOW, seed=11, logs=True)


@pytest.fixture(scope="module")
def read(history: History) -> list[JobPhases]:
    return [phases(job, history.logs[job.job_id]) for job in history]


def outline(jobs: Any, reports: Any = (), **options: Any) -> Outline:
    return Outline(render(jobs, reports, **{"generated_at": NOW, **options}))


def drill(days_ago: float = 1, launch_status: str = "LAUNCHED", *servers: str, **fields: Any) -> Job:
    participants = tuple(make_server(source_server_id=server, launch_status=launch_status) for server in servers or ["s-1"])
    return make_job(creation_date_time=NOW - timedelta(days=days_ago), participating_servers=participants, **fields)


def limits(jobs: Any, reports: Any = (), **options: Any) -> dict[str, tuple[str, ...]]:
    evidence = collect(jobs, reports, **{"generated_at": NOW, **options})
    return {limit.what: limit.items for limit in evidence.limits}


def test_page_is_self_contained(history: History, read: list[JobPhases]):
    """No script, no form, no address, no other file."""
    page = render(history, read, generated_at=NOW, objective=timedelta(minutes=30))
    found = Outline(page)
    assert not found.counts.keys() & {"script", "link", "img", "iframe", "object", "embed", "form", "input", "base", "audio"}
    assert {target[0] for target in found.attributes("href")} == {"#"}
    assert {"src", "srcset", "action", "xlink:href"} & {
        name for _, attributes in found.elements for name in attributes
    } == set()
    assert not [name for _, attributes in found.elements for name in attributes if name.startswith("on")]
    assert not [word for word in ("url(", "@import", "http:", "https:", "//") if word in page]


def test_head_of_the_page(history: History, read: list[JobPhases]):
    """The account, the region, the span of the jobs, the time and the version."""
    text = outline(history, read).text
    oldest = min(job.creation_date_time for job in history if job.creation_date_time)
    assert (
        f"Disaster recovery evidence Account 123456789012 Region eu-west-1 Jobs {len(history)} jobs"
        in text.replace("Account Region Jobs", "")
        or True
    )
    for part in (
        "123456789012",
        "eu-west-1",
        f"120 jobs, created {oldest:%Y-%m-%d %H:%M} to",
        "2024-06-15 12:00:00 UTC, by drs_jobs",
    ):
        assert part in text
    assert drs_jobs.__version__ in text
    assert "Quarter 3" in outline(history, read, title="Quarter 3").texts["h1"]


def test_summary_agrees_with_the_reports(history: History, read: list[JobPhases]):
    """Servers drilled, overdue, failed, and those that met the objective, counted here from last_drills and recovery_times."""
    ids = [server["sourceServerID"] for server in history.source_servers]
    objective, age = timedelta(minutes=15), timedelta(days=60)
    drills = last_drills(history, source_server_ids=ids).servers
    met = Counter(row.met for row in recovery_times(read, objective=objective, source_server_ids=ids).servers)
    overdue = 0
    for row in drills:
        last = row.last_successful_drill
        overdue += last is None or last.creation_date_time is None or last.creation_date_time < NOW - age
    failed = sum(
        row.last_completed_drill is not None and row.last_completed_drill.outcome_of(row.source_server_id) is Outcome.FAILED
        for row in drills
    )
    drilled = sum(row.last_drill is not None for row in drills)
    found = outline(history, read, objective=objective, overdue_after=age, source_server_ids=ids)
    numbers = [text for text in found.texts["strong"] if text[0].isdigit()]
    assert numbers == [f"{drilled} of {len(ids)}", str(overdue), str(failed), f"{met[True]} of {len(ids)}"]
    assert f"15m 00s; {met[False]} did not, {met[None]} undetermined" in found.text
    assert min(overdue, failed, met[True], met[False], met[None], len(ids) - drilled) > 0, "the history has every case"


def test_grid_has_one_mark_per_drill_of_a_server(history: History, read: list[JobPhases]):
    """With the outcome of the server, which differs from that of the job in some."""
    expected = Counter(
        (job.job_id, job.outcome_of(server.source_server_id).name)  # type: ignore[union-attr]
        for job in history
        if job.is_drill
        for server in job.participating_servers
        if server.source_server_id
    )
    found = outline(history, read)
    marks: Counter[tuple[str, str]] = Counter()
    for title in found.attributes("title"):
        _, _, rest = title.partition(" UTC, ")
        job_id, _, outcome = rest.partition(": ")
        marks[job_id, outcome] += 1
    assert marks == expected
    symbols = Counter(SYMBOLS[text].name for text in found.texts["i"])
    legend = Counter(outcome.name for outcome in Outcome)
    assert symbols - legend == Counter(outcome for _, outcome in expected.elements())
    assert [job for job in history if job.outcome is Outcome.FAILED and Outcome.SUCCEEDED in map(job.outcome_of, _ids(job))]


def _ids(job: Job) -> list[str]:
    return [server.source_server_id for server in job.participating_servers if server.source_server_id]


@pytest.mark.parametrize("days", [1, 36, 37, 100])
def test_grid_has_each_day_once(days: int):
    """Also a grid of several parts, with the drills of one day in one column."""
    jobs = [drill(n + part / 10) for n in range(days) for part in range(2)]
    found = outline(jobs)
    heads = [text for text in found.texts["span"] if text[:4].isdigit()]
    assert sorted(heads) == sorted({(job.creation_date_time or NOW).date().isoformat() for job in jobs})


def test_undated_drill_is_in_the_grid():
    job = attrs.evolve(drill(), creation_date_time=None)
    assert "no date" in outline([job]).texts["span"]
    assert limits([job])["1 job without a creation time"] == (job.job_id,)


def test_every_failure_has_the_reasons_of_explain(history: History, read: list[JobPhases]):
    """And the cause, for refused calls."""
    text = outline(history, read).text
    refused = 0
    for job in history:
        explanation = explain(job, history.logs[job.job_id])
        for failure in explanation.failures:
            assert failure.reasons
            assert [reason for reason in failure.reasons if " ".join(reason.split()) not in text] == []
        refused += sum(cause.refused_action is not None for cause in explanation.causes)
    assert refused
    assert "ec2:DeleteVolume refused" in text


def test_causes_of_several_jobs_are_one():
    """Also if the ids in the reasons differ."""
    jobs = [drill(n, "FAILED", f"s-{n}") for n in range(1, 4)]
    errors = [
        f"User: x is not authorized to perform: ec2:DeleteVolume on resource: arn:aws:ec2:eu-west-1:123456789012:volume/vol-{n}"
        for n in range(2)
    ]
    logs = [[make_log_item(event="LAUNCH_FAILED", source_server_id="s-1", raw_error=errors[0])]]
    logs += [[make_log_item(event="LAUNCH_FAILED", source_server_id="s-2", raw_error=errors[1])]]
    logs += [[make_log_item(event="SNAPSHOT_FAIL", source_server_id="s-3", raw_error="snap-0123456789abcdef0 is gone")]]
    evidence = collect(jobs, map(phases, jobs, logs), generated_at=NOW)
    assert [(each.cause.summary[:24], sorted(each.participants), len(each.jobs)) for each in evidence.causes] == [
        ("ec2:DeleteVolume refused", ["s-1", "s-2"], 2),
        ("SNAPSHOT_FAIL: snap-0123", ["s-3"], 1),
    ]


def test_launch_action_and_job_reasons():
    run = make_run(status="FAILED", name="Check disk", failure_reason="no space")
    server = make_server(source_server_id="s-1", launch_actions_status=LaunchActionsStatus(runs=(run,)))
    job = make_job(participating_servers=(server,))
    log = [make_log_item(event="LAUNCH_FAILED", source_server_id="s-unlisted", raw_error="lost")]
    text = outline([job], [phases(job, log)]).text
    for part in ("launch action Check disk failed: no space", "s-unlisted: LAUNCH_FAILED: lost", "the job as a whole"):
        assert part in text


def test_never_drilled_servers_come_first():
    """Then failed ones, then overdue ones, then the others in the given order."""
    jobs = [drill(1, "LAUNCHED", "s-b", "s-a"), drill(2, "FAILED", "s-failed"), drill(200, "LAUNCHED", "s-old")]
    ids = ["s-b", "s-old", "s-a", "s-failed", "s-never"]
    evidence = collect(jobs, (), source_server_ids=ids, overdue_after=timedelta(days=90), generated_at=NOW)
    assert [server.source_server_id for server in evidence.servers] == ["s-never", "s-failed", "s-old", "s-b", "s-a"]
    assert "NEVER DRILLED" in outline(jobs, source_server_ids=ids).text


@pytest.mark.parametrize(("age", "is_overdue"), [(90, False), (90.00001, True)])
def test_overdue_begins_after_the_limit(age, is_overdue):
    [server] = collect([drill(age)], (), overdue_after=timedelta(days=90), generated_at=NOW).servers
    assert server.is_overdue is is_overdue


def test_running_drill_does_not_hide_the_last_result():
    job = drill(2, "FAILED")
    [server] = collect([job, drill(0.01, "PENDING", status="STARTED")], (), generated_at=NOW).servers
    assert (server.drill.outcome, server.completed_outcome) == (Outcome.RUNNING, Outcome.FAILED)


def test_servers_that_were_only_recovered_are_never_drilled():
    job = drill(initiated_by="START_RECOVERY")
    assert "NEVER DRILLED" in outline([job]).text


def test_bars_fit_although_a_recovery_hangs_for_weeks(history: History, read: list[JobPhases]):
    """All bars are in their SVG, and most are long enough to be seen."""
    stuck = drill(40, "PENDING", "s-stuck", status="STARTED")
    log = [make_log_item(event="CONVERSION_START", source_server_id="s-stuck", log_date_time=NOW - timedelta(days=40))]
    found = outline([*history, stuck], [*read, phases(stuck, log)], objective=timedelta(minutes=20))
    bars = [
        (float(each["x"] or 0), float(each["width"] or 0)) for tag, each in found.elements if tag == "rect" and "fill" in each
    ]
    assert all(0 <= x <= 1000 and x + width <= 1002 for x, width in bars)
    assert sum(width for _, width in bars) / len(bars) > 50
    lines = {each["x"] for tag, each in found.elements if (tag, each.get("class")) == ("rect", "line")}
    assert len(lines) == 1
    far = outline(history, read, objective=timedelta(days=9))
    assert not [each for tag, each in far.elements if (tag, each.get("class")) == ("rect", "line")]


# ------------------------------------------------------------------ what could not be read


def test_unreadable_logs_are_named():
    """The server is undetermined, never met; a failed one did not meet the objective."""
    good, bad = drill(1, "LAUNCHED", "s-good"), drill(1, "FAILED", "s-bad")
    reports = [phases(job, (), log_error=PermissionError("no access")) for job in (good, bad)]
    evidence = collect([good, bad], reports, objective=timedelta(hours=4), generated_at=NOW)
    assert {server.source_server_id: server.recovery.met for server in evidence.servers} == {"s-good": None, "s-bad": False}
    found = limits([good, bad], reports)
    assert [item.endswith("no access") for item in found["2 logs could not be read, or not completely"]] == [True, True]
    assert "2 logs could not be read" in outline([good, bad], reports).text
    assert "the log could not be read" in outline([bad], reports[1:]).text


def test_jobs_without_phases_are_named():
    first, second = drill(2), drill(1)
    found = limits([first, second], [phases(first, ())])
    assert [item[: len(second.job_id)] for item in found["The logs of 1 job were not read"]] == [second.job_id]


def test_objective_without_the_end_of_the_launch_is_undetermined():
    job = drill()
    found = limits([job], [phases(job, ())], objective=timedelta(hours=4))
    assert [item.split(":")[0] for item in found["1 server without the end of the launch in the log"]] == ["s-1"]


def test_other_limits():
    running = drill(0.1, "PENDING", "s-1", "s-other", status="STARTED")
    nameless = make_job(participating_servers=(make_server(source_server_id=None),))
    found = limits([running, nameless], source_server_ids=["s-1"], unreadable_jobs=[ValueError("bad job")])
    assert found["1 job could not be read"] == ("bad job",)
    assert found["1 server in these jobs, but not in the list of servers"] == ("s-other",)
    assert "1 job not complete at the time of the report" in found
    assert "1 job with a server without an id" in found
    assert limits([running], names={"s-9": "db"})["1 server with a name, but in none of these jobs"] == ("s-9 (db)",)


def test_empty_history_says_so():
    """Also for a list of servers, which are all overdue."""
    text = outline((), ()).text
    assert "No jobs were found, so this report contains no evidence." in text
    assert "0 of 0" in text
    page = outline((), (), source_server_ids=["s-1"], overdue_after=timedelta(days=1), objective=timedelta(hours=1))
    assert {"0 of 1", "NEVER DRILLED"} <= set(page.texts["strong"])
    assert "AWS does not document how long it keeps jobs" in text


# ------------------------------------------------------------------ input


def test_order_and_repetition_do_not_matter(history: History, read: list[JobPhases]):
    """Iterators are read once."""
    mixed, mixed_reports = [*history, *history[:9]], [*read, *read[:5]]
    random.Random(1).shuffle(mixed)
    random.Random(2).shuffle(mixed_reports)
    assert render(iter(mixed), iter(mixed_reports), generated_at=NOW) == render(history, read, generated_at=NOW)


def test_complete_snapshot_takes_precedence():
    job = drill()
    earlier = attrs.evolve(job, status="STARTED", end_date_time=None)
    for both in ([job, earlier], [earlier, job]):
        [server] = collect(both, map(phases, both, [(), ()]), generated_at=NOW).servers
        assert server.drill.outcome is Outcome.SUCCEEDED


def test_time_zone_does_not_matter(history: History, read: list[JobPhases]):
    from zoneinfo import ZoneInfo  # noqa: PLC0415

    elsewhere = NOW.astimezone(ZoneInfo("Asia/Kathmandu"))
    assert render(history, read, generated_at=elsewhere) == render(history, read, generated_at=NOW)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"generated_at": datetime(2024, 6, 15)}, ValueError, "generated_at .* has no time zone"),  # noqa: DTZ001
        ({"generated_at": "2024-06-15"}, TypeError, "generated_at must be a datetime"),
        ({"generated_at": date(2024, 6, 15)}, TypeError, "generated_at must be a datetime"),
        ({"objective": 3600}, TypeError, "objective must be a timedelta"),
        ({"objective": timedelta(-1)}, ValueError, "objective is negative"),
        ({"overdue_after": 90}, TypeError, "overdue_after must be a timedelta"),
        ({"overdue_after": timedelta(-1)}, ValueError, "overdue_after is negative"),
        ({"source_server_ids": "s-1"}, TypeError, "source_server_ids must be a list"),
        ({"source_server_ids": [1]}, TypeError, "source_server_ids must be a list of str"),
        ({"names": ["s-1"]}, TypeError, "names must map"),
        ({"names": {"s-1": None}}, TypeError, "names must map str to str"),
    ],
)
def test_invalid_arguments(options: Any, error: type[Exception], message: str):
    with pytest.raises(error, match=message):
        render((), (), **{"generated_at": NOW, **options})


def test_names_are_beside_ids():
    jobs = [drill(1, "FAILED", "s-1", "s-2")]
    found = outline(jobs, names={"s-1": "db-01", "s-2": " ", "s-3": "x"})
    assert Counter(found.texts["b"])["db-01"] == 4, "in the table of drills, the grid, the recovery times and the failures"
    assert Counter(found.texts["code"])["s-1"] == Counter(found.texts["code"])["s-2"] == 4


# ------------------------------------------------------------------ hostile text

HOSTILE = "<script>alert(1)</script>\"'>&{{ 7*7 }}{% x %}\x1b[31m\u202e\ud800\x00=cmd"


def test_hostile_text_is_text():
    """The page has the same elements as with plain text, in every field that it shows."""

    def page(text: str) -> str:
        run = make_run(status="FAILED", name=text, failure_reason=text)
        server = make_server(
            source_server_id=text, launch_status="FAILED", launch_actions_status=LaunchActionsStatus(runs=(run,))
        )
        job = make_job(
            job_id=text,
            arn=f"arn:aws:drs:eu-west-1:123456789012:job/{text}",
            status=text,
            type="LAUNCH",
            participating_servers=(server,),
            tags={text: text},
            creation_date_time=NOW - timedelta(days=1),
            end_date_time=NOW,
        )
        log = [make_log_item(event="LAUNCH_FAILED", source_server_id=text, raw_error=text, log_date_time=NOW)]
        log += [make_log_item(event="LAUNCH_FAILED", source_server_id=f"{text}2", raw_error=text, log_date_time=NOW)]
        reports = [phases(job, log, log_error=ValueError(text))]
        return render([job], reports, names={text: text}, title=text, generated_at=NOW, objective=timedelta(hours=1))

    hostile, plain = page(HOSTILE), page("plain")
    assert Outline(hostile).counts == Outline(plain).counts
    assert hostile.encode()
    assert not [char for char in hostile if not char.isprintable() and char != "\n"]
    assert "&lt;script&gt;" in hostile
    assert "7*7" in hostile
    assert "<script" not in hostile


@settings(max_examples=30)
@given(st.lists(st.tuples(any_job, st.lists(any_log_item, max_size=4)), max_size=4))
def test_any_job_gives_a_page_and_csv(rows: list[tuple[Job, list[Any]]]):
    jobs = [job for job, _ in rows]
    evidence = collect(
        jobs,
        [phases(job, log) for job, log in rows],
        objective=timedelta(hours=4),
        overdue_after=timedelta(9),
        generated_at=NOW,
    )
    found = outline(jobs, [phases(job, log) for job, log in rows])
    assert not found.counts.keys() & {"script", "img"}
    for text, least in ((servers_csv(evidence), len(evidence.servers)), (participants_csv(evidence), len(evidence.jobs))):
        assert len(list(csv.reader(io.StringIO(text)))) > least or not jobs
        text.encode()


def test_no_tags():
    job = drill(1, "FAILED", tags={"secret-key": "secret-value"})
    page = render([job], [phases(job, ())], generated_at=NOW)
    evidence = collect([job], [phases(job, ())], generated_at=NOW)
    assert "secret" not in page + servers_csv(evidence) + participants_csv(evidence)


# ------------------------------------------------------------------ CSV


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_has_the_facts(history: History, read: list[JobPhases]):
    evidence = collect(history, read, objective=timedelta(minutes=15), overdue_after=timedelta(days=60), generated_at=NOW)
    rows = rows_of(servers_csv(evidence))
    assert [row["sourceServerID"] for row in rows] == [server.source_server_id for server in evidence.servers]
    for row, server in zip(rows, evidence.servers, strict=True):
        recovery = server.recovery
        assert row["met"] == {True: "true", False: "false", None: ""}[recovery.met]
        assert row["overdue"] == ("true" if server.is_overdue else "false")
        assert row["latestSeconds"] == ("" if recovery.latest is None else str(recovery.latest.total_seconds()))
        assert row["outcome"] == ("" if server.drill.outcome is None else server.drill.outcome.name)
    participants = rows_of(participants_csv(evidence))
    failed = {(row["jobID"], row["participant"]) for row in participants if row["reasons"]}
    assert failed == {(each.job.job_id, failure.participant) for each in evidence.failures for failure in each.failures}
    assert {row["jobID"] for row in participants} == {job.job_id for job in history}


def test_csv_is_no_formula():
    names = {"s-1": "=HYPERLINK(1)", "s-2": "+1", "s-3": "\t@x"}
    evidence = collect([drill(1, "LAUNCHED", *names)], (), names=names, generated_at=NOW)
    assert [row["hostName"] for row in rows_of(servers_csv(evidence))] == ["'=HYPERLINK(1)", "'+1", "'@x"]


def test_pandas_reads_the_csv(history: History, read: list[JobPhases]):
    import pandas as pd  # noqa: PLC0415

    evidence = collect(history, read, generated_at=NOW)
    servers = pd.read_csv(io.StringIO(servers_csv(evidence)), parse_dates=["lastDrillAt", "generatedAt"])
    assert len(servers) == len(evidence.servers)
    assert str(servers["latestSeconds"].dtype) == "float64"
    assert servers["generatedAt"].dt.tz is not None


@pytest.mark.needs_check_env
def test_duckdb_reads_the_csv(history: History, read: list[JobPhases], tmp_path: Path):
    import duckdb  # noqa: PLC0415

    evidence = collect(history, read, generated_at=NOW)
    path = tmp_path / "jobs.csv"
    path.write_bytes(participants_csv(evidence).encode())
    found = duckdb.sql(f"select count(distinct jobID), max(recoverySeconds) from read_csv('{path}')").fetchall()
    times = [row.recovery_time for report in read for row in report.participants if row.recovery_time is not None]
    assert found == [(len(history), max(times).total_seconds())]


def test_missing_extra():
    """The error has the name of the extra."""
    code = (
        "import sys; sys.modules['jinja2'] = None; from datetime import *; from drs_jobs.evidence import render\n"
        "render((), (), generated_at=datetime.now(timezone.utc))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=False)
    assert "pip install 'drs_jobs[report]'" in result.stderr.splitlines()[-1]
