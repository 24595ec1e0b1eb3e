"""`drs-jobs show`: one job with its servers, reasons and log, and the exit status for its outcome."""

import io
import json
from datetime import UTC, datetime
from pathlib import Path

import attrs
import pytest
from rich.console import Console

from command_line import run
from drs_jobs import Job, JobsClient, LaunchActionsStatus, structure_job
from drs_jobs.analysis import explain
from drs_jobs.cli.commands.show import follow_log, print_explanation
from drs_jobs.cli.output import print_reasons
from drs_jobs.testing import ErrorResponse, LocalDrs, make_job, make_log_item, make_run, make_server
from simulated_time import SimulatedTime

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)


def failed_job(local_drs: LocalDrs) -> Job:
    action = make_run(status="FAILED", name="Check disk", failure_reason="no space")
    servers = (
        make_server(source_server_id="s-good", recovery_instance_id="i-00000000"),
        make_server(source_server_id="s-bad", launch_status="FAILED"),
        make_server(source_server_id="s-invalid", launch_actions_status=LaunchActionsStatus(runs=(action,))),
    )
    job = make_job(participating_servers=servers, tags={"Owner": "me"})
    local_drs.add_jobs(job)
    local_drs.add_log(job.job_id, make_log_item(event="LAUNCH_FAILED", source_server_id="s-bad", raw_error="does not boot"))
    return job


def test_show_table(local_drs: LocalDrs):
    """Servers, instances, actions, reasons and log are there; tags are not. A failed job is exit status 1."""
    job = failed_job(local_drs)
    result = run("show", job.job_id)
    assert (result.returncode, result.stderr) == (1, "")
    for part in (
        "i-00000000",
        "Check disk",
        "failed: s-bad",
        "    LAUNCH_FAILED: does not boot",
        "failed: s-invalid",
        "no space",
    ):
        assert part in result.stdout
    assert "LAUNCH_FAILED" not in result.stdout.partition("participant")[2]
    assert "LAUNCH_FAILED" in run("show", job.job_id, "--log").stdout.partition("participant")[2]
    assert str(job.console_url) in result.stdout
    assert "Owner" not in result.stdout
    assert "Owner=me" in run("show", job.job_id, "--tags").stdout


def test_show_common_causes(local_drs: LocalDrs):
    """What several servers have in common, and what failed for the job as a whole."""
    servers = tuple(make_server(source_server_id=f"s-{n}", launch_status="FAILED") for n in range(2))
    job = make_job(participating_servers=servers)
    error = (
        "User: x is not authorized to perform: ec2:DeleteVolume on resource: arn:aws:ec2:eu-west-1:123456789012:volume/vol-{}"
    )
    items = [make_log_item(event="LAUNCH_FAILED", source_server_id=f"s-{n}", raw_error=error.format(n)) for n in range(2)]
    local_drs.add_jobs(job)
    local_drs.add_log(job.job_id, *items, make_log_item(event="LAUNCH_FAILED", source_server_id="s-9"))
    lines = run("show", job.job_id).stdout.splitlines()
    assert "failed: s-0, s-1" in lines
    assert [line for line in lines if line.startswith("    ec2:DeleteVolume refused: LAUNCH_FAILED: User: x")]
    assert [line for line in lines if line.startswith("    next: ") and "ec2:DeleteVolume" in line]
    assert "failed: s-9" in lines


def test_show_json(local_drs: LocalDrs):
    """One line with the job in AWS's shape, with its outcome, failures and log."""
    job = failed_job(local_drs)
    raw = json.loads(run("show", job.job_id, "--output", "json").stdout)
    assert attrs.evolve(job, tags={}) == structure_job(raw)
    assert (raw["outcome"], raw["logError"], len(raw["log"])) == ("FAILED", None, 1)
    assert raw["failures"][0] == {"participant": "s-bad", "reasons": ["LAUNCH_FAILED: does not boot"]}


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, 0),
        ({"participating_servers": (make_server(launch_status="FAILED"),)}, 1),
        ({"participating_servers": ()}, 4),
        ({"status": "STARTED"}, 0),
    ],
)
def test_exit_status_of_show(fields, status, local_drs: LocalDrs):
    """0 succeeded or running, 1 failed, 4 undetermined."""
    job = make_job(**fields)
    local_drs.add_jobs(job)
    for output in ("table", "json", "csv", "markdown"):
        assert status == run("show", job.job_id, "-o", output).returncode


@pytest.mark.usefixtures("local_drs")
def test_unknown_job():
    result = run("show", "drsjob-00000000000000000")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)


def test_show_without_an_id(local_drs: LocalDrs):
    """The newest job that runs, else the newest; without any, one line."""
    assert (run("show").returncode, run("show").stderr) == (0, "no jobs\n")
    running, other = make_job(status="STARTED"), make_job(status="PENDING")
    newest = make_job()
    for jobs, expected in (([make_job()], None), ([running], running), ([newest], running), ([other], other)):
        local_drs.add_jobs(*jobs)
        shown = run("show")
        assert shown.stdout.startswith((expected or jobs[0]).job_id)
    assert f"2 jobs run, this is the newest; also {running.job_id}" in shown.stderr


def test_reasons_stay_on_the_screen(local_drs: LocalDrs):
    """On a terminal, servers that do not fit are counted, the failed ones first."""
    servers = [make_server(launch_status="FAILED" if number == 20 else "LAUNCHED") for number in range(30)]
    job = make_job(participating_servers=tuple(servers))
    local_drs.add_jobs(job)
    explanation = JobsClient(local_drs.client()).explain(job.job_id)
    for height in (24, 60):
        shown = io.StringIO()
        console = Console(file=shown, width=80, height=height, force_terminal=True, color_system=None)
        print_explanation(console, explanation, now=local_drs.now)
        lines = shown.getvalue().splitlines()
        assert len(lines) <= height - 1
        rows = [line.split()[0] for line in lines if line.startswith("s-")]
        assert rows[0] == servers[20].source_server_id
        assert len(rows) == min(30, height - 11)


def test_follow(local_drs: LocalDrs):
    """New items of the log are printed until the job is complete, each once."""
    job_id = local_drs.client().start_recovery(isDrill=True, sourceServers=[{"sourceServerID": "s-00000000000000001"}])["job"][
        "jobID"
    ]
    client = JobsClient(local_drs.client())
    explanation = client.explain(job_id)
    shown = io.StringIO()
    console = Console(file=shown, width=200)
    time = SimulatedTime()

    def sleep(seconds: float) -> None:
        time.sleep(seconds)
        local_drs.advance(seconds)

    job = follow_log(client, explanation, console, clock=attrs.evolve(time.clock(), sleep=sleep), names={})
    assert job.is_complete
    events = [line.split()[2] for line in shown.getvalue().splitlines()]
    log = list(client.describe_job_log_items(job_id))
    assert events == [item.event for item in log if item not in explanation.log]
    wrong = run("show", "--follow")
    assert (wrong.returncode, "--log --follow" in wrong.stderr) == (2, True)


def test_show_without_a_log(local_drs: LocalDrs):
    """The job is shown, and the error of the log is on stderr."""
    job = make_job()
    local_drs.add_jobs(job)
    local_drs.inject(ErrorResponse("AccessDeniedException", 403), operation="DescribeJobLogItems")
    result = run("show", job.job_id)
    assert (result.returncode, job.job_id in result.stdout) == (0, True)
    assert "the log could not be read" in result.stderr


@pytest.mark.parametrize("height", [10, 24, 40])
def test_many_reasons_do_not_hide_the_first(height: int):
    """On a terminal, the outcome and the first reason, with what to do next, stay on the screen, and the others are counted."""
    servers = tuple(make_server(launch_status="FAILED") for _ in range(30))
    errors = ["User: x is not authorized to perform: ec2:DeleteVolume on resource: y " + "word " * 200]
    errors += [f"reason {number}" for number in range(1, 30)]
    items = [
        make_log_item(event="LAUNCH_FAILED", source_server_id=server.source_server_id, raw_error=error)
        for server, error in zip(servers, errors, strict=True)
    ]
    shown = io.StringIO()
    console = Console(file=shown, width=80, height=height, force_terminal=True, color_system=None)
    print_explanation(console, explain(make_job(participating_servers=servers), items), now=NOON)
    lines = shown.getvalue().splitlines()
    assert len(lines) <= max(height - 3, 17)
    assert "FAILED" in lines[0]
    assert [line for line in lines[:12] if line.startswith("    next: allow ec2:DeleteVolume")]
    [index] = [index for index, line in enumerate(lines) if line.startswith("and ")]
    count = sum(line.startswith("failed: ") for line in lines)
    assert lines[index] == f"and {30 - count} more reasons: -o json"
    assert count == 1 or lines[index - 1].strip() == f"LAUNCH_FAILED: reason {count - 1}"  # no reason is cut


def test_one_long_reason_is_shown_with_its_hint():
    """Nothing is counted if there is only one."""
    names = {f"s-{number}": f"payments-db-{number}.prod.eu-west-1.example.com" for number in range(5)}
    resource = "arn:aws:kms:eu-west-1:123456789012:key/11111111-2222-3333-4444-555555555555"
    error = f"User: x is not authorized to perform: kms:CreateGrant on resource: {resource} " + "word " * 100
    items = [make_log_item(event="LAUNCH_FAILED", source_server_id=server, raw_error=error) for server in names]
    servers = tuple(make_server(source_server_id=server, launch_status="FAILED") for server in names)
    explanation = explain(make_job(participating_servers=servers), items)
    shown = io.StringIO()
    console = Console(file=shown, width=60, height=20, force_terminal=True, color_system=None)
    print_explanation(console, explanation, now=NOON, names=names)
    [cause] = explanation.causes
    assert "".join(str(cause.hint).split()) in "".join(shown.getvalue().split())
    assert "and 1 more" not in shown.getvalue()
    assert shown.getvalue().count("word") < 100
    print_reasons(console, explanation, names=names)  # as at the end of `watch`, where nothing follows
    assert "word " * 3 in shown.getvalue().rpartition("failed: ")[2]
    assert shown.getvalue().rpartition("failed: ")[2].count("word") == 100


def test_names_of_servers_that_only_the_log_has(local_drs: LocalDrs, tmp_path: Path):
    """A job of a clean-up has no servers when it is complete."""
    job = make_job(type="TERMINATE", initiated_by="TERMINATE_RECOVERY_INSTANCES", participating_servers=())
    local_drs.add_jobs(job)
    for event in ("CLEANUP_START", "CLEANUP_END"):
        local_drs.add_log(job.job_id, make_log_item(event=event, source_server_id="s-00000000000000001"))
    (tmp_path / "names.csv").write_text("id,name\ns-00000000000000001,web-1\ns-00000000000000002,web-2\n", encoding="utf-8")
    raw = json.loads(run("show", job.job_id, "-o", "json", "--names", str(tmp_path / "names.csv")).stdout)
    assert raw["hostNames"] == {"s-00000000000000001": "web-1"}
    assert [row["hostName"] for row in raw["phases"]] == ["web-1"]
