"""The rules of evidence: each entry of docs/evidence_rules.toml, as in the documentation, and the independent model."""

import html
import io
import re
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import attrs
import pytest

from drs_jobs import Job, JobLogEventData, SourceServer, structure_job, structure_log_item
from drs_jobs.analysis import JobPhases, phases
from drs_jobs.evidence import Assessment, Problem, ServerAssessment, Verdict, assess
from drs_jobs.evidence.wording import recovery_time_label
from drs_jobs.testing import make_job, make_log_item, make_server
from evidence_model import arguments, differences, judge, make_world, observed

DOCS: Final = Path(__file__).parent.parent / "docs"
SECTIONS: Final = tomllib.loads((DOCS / "evidence_rules.toml").read_text(encoding="utf-8"))
DEFAULTS: Final = SECTIONS.pop("defaults")
RULES: Final = [
    pytest.param(section, rule, id=f"{name}: {rule['title']}")
    for name, section in SECTIONS.items()
    for rule in section["rules"]
]


def _members(raw: Mapping[str, Any], defaults: Mapping[str, Any]) -> dict[str, Any]:
    """Return a raw object with the members that all have in common, without those that are absent."""
    members = {**defaults, **raw}
    for key, value in raw.items():
        if isinstance(value, dict):
            members[key] = {**defaults.get(key, {}), **value}
    return {key: value for key, value in members.items() if value != "absent"}


def _job(raw: Mapping[str, Any]) -> Job:
    job = _members(raw, DEFAULTS["job"])
    job["participatingServers"] = [_members(server, DEFAULTS["server"]) for server in job["participatingServers"]]
    return structure_job(job)


def _jobs(rule: Mapping[str, Any]) -> Iterator[Job | JobPhases]:
    for raw in rule.get("jobs", []):
        job = _job(raw)
        log = rule.get("logs", {}).get(job.job_id)
        if log is None:
            yield job
        else:
            error = OSError("a page of the log") if job.job_id in rule.get("unread_logs", []) else None
            yield phases(job, [structure_log_item(_members(item, DEFAULTS["log_item"])) for item in log], log_error=error)


def _assess(section: Mapping[str, Any], rule: Mapping[str, Any]) -> Assessment:
    criteria = {name: timedelta(**span) for name, span in rule.get("criteria", section["criteria"]).items()}
    return assess(
        _jobs(rule),
        as_of=DEFAULTS["as_of"],
        servers=rule.get("servers"),
        since=rule.get("since"),
        problems=[Problem(**problem) for problem in rule.get("problems", [])],
        **criteria,
    )


def _expected(row: Mapping[str, Any]) -> dict[str, Any]:
    verdicts = {name: Verdict(row[name]) if name in row else None for name in ("drilled", "recovered", "verdict")}
    server = row.get("server", DEFAULTS["server"]["sourceServerID"])
    return {"server": server, **verdicts, "reasons": row.get("reasons", []), "time": row.get("recovery_time", "-")}


def _observed(row: ServerAssessment) -> dict[str, Any]:
    verdicts = {"drilled": row.drilled, "recovered": row.recovered, "verdict": row.verdict}
    time = recovery_time_label(row.latest_recovery)
    return {"server": row.server.source_server_id, **verdicts, "reasons": list(row.reasons), "time": time}


@pytest.mark.parametrize(("section", "rule"), RULES)
def test_rule(section: Mapping[str, Any], rule: Mapping[str, Any]):
    assessment = _assess(section, rule)
    assert [_observed(row) for row in assessment.worst_first] == [_expected(row) for row in rule.get("expected", [rule])]
    verdict = rule.get("all", rule.get("verdict"))
    assert assessment.verdict == (None if verdict is None else Verdict(verdict))
    assert assessment.later_jobs == rule.get("later_jobs", 0)
    assert list(assessment.other_servers) == rule.get("other_servers", [])


@pytest.mark.needs_check_env
@pytest.mark.filterwarnings("ignore")  # of Sphinx and docutils
def test_page_has_every_rule(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from sphinx.application import Sphinx  # noqa: PLC0415  # needs the check environment
    from sphinx.util.docutils import docutils_namespace  # noqa: PLC0415  # needs the check environment

    monkeypatch.syspath_prepend(DOCS / "extensions")
    source, site = tmp_path / "source", tmp_path / "site"
    source.mkdir()
    shutil.copy(DOCS / "evidence.md", source / "index.md")
    settings = {"extensions": ["myst_parser", "evidence_rules"]}
    with docutils_namespace():
        Sphinx(source, None, site, tmp_path / "doctrees", "html", settings, status=None, warning=io.StringIO()).build()
    page = " ".join(re.sub(r"<[^>]+>", "", (site / "index.html").read_text(encoding="utf-8")).split())
    rules = [rule for section in SECTIONS.values() for rule in section["rules"]]
    texts = [rule["title"].replace("`", "") for rule in rules]
    texts += [reason for rule in rules for row in rule.get("expected", [rule]) for reason in row.get("reasons", [])]
    assert [text for text in texts if html.escape(text, quote=False) not in page] == []


@pytest.mark.parametrize("start", range(0, 3000, 500))
def test_independent_model(start: int):
    """In random worlds it gives each server the same verdicts and facts."""
    for seed in range(start, start + 500):
        world = make_world(seed)
        jobs, options = arguments(world, source_server=SourceServer, problem=Problem)
        assert differences(judge(world), observed(world, assess(jobs, **options))) == [], seed


def _one(number: int, minute: int, status: str = "LAUNCHED", **fields: Any) -> Job:
    created = AS_OF - timedelta(days=40, minutes=minute)
    servers = (make_server(source_server_id=SERVER, launch_status=status),)
    return make_job(
        job_id=f"drsjob-{number:017}",
        creation_date_time=created,
        end_date_time=created + timedelta(hours=1),
        participating_servers=servers,
        **fields,
    )


AS_OF = datetime(2026, 8, 31, 12, tzinfo=UTC)
SERVER = "s-00000000000000001"


def test_order_of_jobs_of_one_moment_does_not_count():
    jobs = [_one(1, 0), _one(2, 0, status="FAILED")]
    for order in (jobs, jobs[::-1]):
        assert assess(order, as_of=AS_OF, objective=timedelta(hours=4)).verdict is Verdict.NOT_MET


def test_launch_at_an_unknown_time():
    """The log has its end, so it is not said that the server has not launched, whatever the status is."""
    created_at = AS_OF - timedelta(days=40)
    servers = (make_server(source_server_id=SERVER, launch_status="IN_PROGRESS"),)
    job = make_job(status="STARTED", creation_date_time=created_at, participating_servers=servers)
    for times in ((None, timedelta(minutes=20)), (timedelta(minutes=1), None)):
        log = [
            make_log_item(event=event, source_server_id=SERVER, log_date_time=None if time is None else created_at + time)
            for event, time in zip(("LAUNCH_START", "LAUNCH_END"), times, strict=True)
        ]
        [row] = assess([phases(job, log)], as_of=created_at + timedelta(hours=2), objective=timedelta(hours=1)).servers
        assert row.verdict is Verdict.UNDETERMINED
        assert "not known when it launched" in row.reasons[0]


def test_reasons_say_by_how_much():
    """Also if the day, or the duration, reads like that of the criterion."""
    row = assess([_one(1, 60)], as_of=AS_OF, drilled_within=timedelta(days=40)).servers[0]
    assert row.reasons[0].startswith("no successful drill since 2026-07-22 12:00 UTC (last one 40 days ago")
    data = JobLogEventData(source_server_id=SERVER)
    log = [make_log_item(event=event, event_data=data) for event in ("LAUNCH_START", "LAUNCH_END")]
    job = attrs.evolve(_one(1, 0), end_date_time=AS_OF)
    log = [attrs.evolve(item, log_date_time=job.creation_date_time + timedelta(hours=4, seconds=50)) for item in log]
    row = assess([phases(job, log)], as_of=AS_OF, objective=timedelta(hours=4)).servers[0]
    assert row.reasons[0].startswith("launched in 4h 00m, 50 s above the objective 4h 00m")


def test_cause_of_a_failed_drill_is_named_unless_its_recovery_is_judged():
    drill, recovery = _one(1, 9, status="FAILED"), _one(2, 1, initiated_by="START_RECOVERY")
    criteria = {"as_of": AS_OF, "drilled_within": timedelta(days=90), "objective": timedelta(hours=4)}
    assert "did not launch" in assess([drill, recovery], **criteria).servers[0].reasons[1]
    reasons = assess([drill], **criteria).servers[0].reasons
    assert sum("did not launch" in reason for reason in reasons) == 1
