"""The rules of evidence: each entry of docs/evidence_rules.toml, from which the page of the documentation is made."""

import tomllib
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest

from drs_jobs import Job, structure_job, structure_log_item
from drs_jobs.analysis import JobPhases, phases
from drs_jobs.evidence import Assessment, Problem, ServerAssessment, Verdict, assess
from drs_jobs.evidence.wording import recovery_time_label

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


def test_page_has_every_section():
    page = (DOCS / "evidence.md").read_text(encoding="utf-8")
    assert [name for name in SECTIONS if f"```{{evidence-rules}} {name}\n" not in page] == []
