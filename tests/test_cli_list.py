"""`drs-jobs list`: its table, JSON lines, tags and dates."""

import json
from datetime import UTC, datetime

from command_line import run, run_apart
from drs_jobs import structure_job
from drs_jobs.testing import LocalDrs, make_history, make_job

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)


def test_list_table(local_drs: LocalDrs):
    """Newest first."""
    local_drs.add_jobs(*make_history(30, until=NOON, seed=3))
    result = run_apart("list", "--limit", "5", "--region", "eu-west-1")
    header, *rows = result.stdout.splitlines()
    assert (result.returncode, result.stderr) == (0, "")
    assert header.split() == ["job", "kind", "created", "(UTC)", "age", "servers", "took", "outcome"]
    assert [row.split()[1] for row in rows] == [*["drill"] * 4, "clean-up"]
    ends = (" RUNNING long", " FAILED", *[" SUCCEEDED"] * 3)
    assert all(row.rstrip().endswith(end) for row, end in zip(rows, ends, strict=True))


def test_list_json(local_drs: LocalDrs):
    """structure_job accepts each line. Tags are there only with --tags."""
    jobs = [make_job(tags={"Owner": "me"}), make_job()]
    local_drs.add_jobs(*jobs)
    without = [json.loads(line) for line in run("list", "--output", "json").stdout.splitlines()]
    assert [job.job_id for job in reversed(jobs)] == [raw["jobID"] for raw in without]
    assert not any("tags" in raw for raw in without)
    lines = run("list", "--output", "json", "--tags").stdout.splitlines()
    assert set(jobs) == {structure_job(json.loads(line)) for line in lines}
    assert "Owner=me" in run("list", "--tags").stdout
    assert "Owner" not in run("list").stdout


def test_list_since_until(local_drs: LocalDrs):
    run("list", "--since", "2024-06-01", "--until", "2024-06-15T12:00+02:00")
    [request] = local_drs.requests
    assert request.body == {"filters": {"fromDate": "2024-06-01T00:00:00Z", "toDate": "2024-06-15T10:00:00Z"}}
    assert (run("list").returncode, run("list").stderr) == (0, "no jobs\n")


def test_since_and_until_of_one_date(local_drs: LocalDrs):
    assert run("list", "--since", "2024-06-15", "--until", "2024-06-15").returncode == 0
    [request] = local_drs.requests
    assert request.body == {"filters": {"fromDate": "2024-06-15T00:00:00Z", "toDate": "2024-06-15T23:59:59.999999Z"}}
