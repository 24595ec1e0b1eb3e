"""`drs-jobs report`: its files, messages and exit status."""

import csv
import subprocess
from datetime import timedelta
from pathlib import Path

import pytest

import command_line
from drs_jobs import JobsClient
from drs_jobs.cli.commands.report import ReportFiles
from drs_jobs.cli.exit_status import UsageError
from drs_jobs.evidence import last_drills
from drs_jobs.testing import ErrorResponse, LocalDrs, RawResponse, make_history, make_job, make_server
from html_outline import Outline


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run `drs-jobs report` in a folder."""
    return command_line.run("report", *arguments, folder=folder)


def page(folder: Path, name: str = "evidence.html") -> Outline:
    return Outline((folder / name).read_text(encoding="utf-8"))


@pytest.fixture
def local_history(local_drs: LocalDrs) -> LocalDrs:
    local_drs.add_history(make_history(40, until=local_drs.now, seed=3, logs=True))
    return local_drs


def test_report(local_history: LocalDrs, tmp_path: Path):
    """The page and both CSV files, with every option."""
    drills = last_drills(JobsClient(local_history.client()).describe_jobs()).servers
    (tmp_path / "servers.txt").write_text("\n".join([*(row.source_server_id for row in drills), "s-never"]), encoding="utf-8")
    (tmp_path / "names.csv").write_text("s-never,old-01\n", encoding="utf-8")
    options = "--since 3650d --objective 4h --older-than 90d --servers servers.txt --names names.csv --host-names --title Audit"
    result = run(tmp_path, *options.split(), "-o", "evidence.html")
    count = len(drills) + 1
    assert (result.returncode, result.stdout) == (0, "")
    assert result.stderr == f"{count} servers, 40 jobs, written to evidence.html, evidence.csv, evidence-jobs.csv\n"
    outline = page(tmp_path)
    assert outline.texts["h1"] == ["Audit"]
    assert f"{len(drills)} of {count}" in outline.texts["strong"]
    assert "old-01" in outline.texts["b"]
    assert "region eu-west-1" in outline.text
    assert "jobs created since" in outline.text
    with (tmp_path / "evidence.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == count
    assert all(row["hostName"] for row in rows)
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "evidence-jobs.csv",
        "evidence.csv",
        "evidence.html",
        "names.csv",
        "servers.txt",
    ]


@pytest.mark.parametrize("existing", ["evidence.html", "evidence.csv", "evidence-jobs.csv"])
def test_files_that_exist_are_kept(existing: str, local_drs: LocalDrs, tmp_path: Path):
    """Before any request. With --force they are replaced."""
    (tmp_path / existing).write_text("old", encoding="utf-8")
    result = run(tmp_path, "-o", "evidence.html")
    assert (result.returncode, (tmp_path / existing).read_text(encoding="utf-8")) == (2, "old")
    assert f"{existing} exists: give another name, or --force" in result.stderr
    assert (result.stderr.count("\n"), list(local_drs.requests)) == (1, [])
    assert run(tmp_path, "-o", "evidence.html", "--force").returncode == 0
    assert (tmp_path / existing).read_text(encoding="utf-8") != "old"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["-o", "absent/evidence.html"], "cannot be written: No such file"),
        (["-o", "folder"], "is not a file"),
        (["-o", "evidence.csv"], "give one such as evidence.html"),
        ([], "Missing option '-o'"),
        (["-o", "e.html", "--objective", "soon"], "--objective 'soon' is not a duration"),
        (["-o", "e.html", "--older-than", "2999-01-01"], "in the future"),
        (["-o", "e.html", "--since", "1h", "--until", "2h"], "swap"),
        (["-o", "e.html", "--servers", "absent"], "cannot be read"),
        (["-o", "e.html", "--servers", "-", "--names", "-"], "cannot both be read from stdin"),
    ],
)
def test_usage_errors(arguments: list[str], message: str, local_drs: LocalDrs, tmp_path: Path):
    """One line, exit status 2, no request, and no file."""
    (tmp_path / "folder").mkdir()
    result = run(tmp_path, *arguments)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert message in result.stderr
    assert list(local_drs.requests) == []
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_empty_history(local_drs: LocalDrs, tmp_path: Path):
    """A report that says so."""
    result = run(tmp_path, "-o", "evidence.html")
    assert (result.returncode, result.stderr.split(",")[:2]) == (0, ["0 servers", " 0 jobs"])
    assert "No jobs were found, so this report contains no evidence." in page(tmp_path).text
    assert len(local_drs.requests) == 1


def test_logs_that_cannot_be_read(local_history: LocalDrs, tmp_path: Path):
    """They cost only the recovery times, and the page and stderr name them."""
    denied = ErrorResponse("AccessDeniedException", 403, "not you")
    local_history.inject(denied, times=None, operation="DescribeJobLogItems")
    result = run(tmp_path, "-o", "evidence.html", "--objective", "4h")
    assert (result.returncode, result.stderr.count("\n")) == (0, 2)
    assert "40 logs could not be read" in result.stderr
    outline = page(tmp_path)
    assert "40 logs could not be read" in outline.text
    assert outline.text.count("not you") >= 40
    assert "0 of" in outline.text


def test_malformed_jobs(local_drs: LocalDrs, tmp_path: Path):
    """The page is written without them and names them, and the exit status is 5."""
    job = make_job()
    local_drs.add_jobs(job)
    body = f'{{"items": [{{"jobID": 7}}, {{"jobID": "{job.job_id}"}}]}}'
    local_drs.inject(RawResponse(body=body.encode()))
    result = run(tmp_path, "-o", "evidence.html")
    assert (result.returncode, result.stderr.count("\n")) == (5, 2)
    assert "1 job could not be read, the first: " in result.stderr
    assert "1 job could not be read" in page(tmp_path).text


def test_no_file_without_jobs(local_drs: LocalDrs, tmp_path: Path):
    """If AWS refuses the list, no file is written."""
    local_drs.inject(ErrorResponse("AccessDeniedException", 403))
    assert run(tmp_path, "-o", "evidence.html").returncode == 5
    assert list(tmp_path.iterdir()) == []


def test_running_job_that_is_deleted_meanwhile(local_drs: LocalDrs, tmp_path: Path):
    """Its log is named as unreadable."""
    job = make_job(status="STARTED", participating_servers=(make_server(source_server_id="s-1", launch_status="PENDING"),))
    local_drs.add_jobs(job)
    local_drs.respond("DescribeJobs", {"items": []})
    local_drs.respond("DescribeJobs", {"items": [{"jobID": job.job_id, "status": "STARTED"}]}, times=1)
    result = run(tmp_path, "-o", "evidence.html")
    assert result.returncode == 0
    assert "1 log could not be read" in result.stderr


def test_half_written_files_are_removed(tmp_path: Path):
    """An error while a file is written leaves the earlier files unchanged."""
    files = ReportFiles(tmp_path / "e.html", can_replace=True)
    files.page.write_text("old", encoding="utf-8")

    class Unwritable(str):
        __slots__ = ()

        def encode(self, *_: object) -> bytes:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        files.write({files.page: "new", files.servers: Unwritable("x")})
    assert {path.name: path.read_text(encoding="utf-8") for path in tmp_path.iterdir()} == {"e.html": "old"}


def test_file_created_meanwhile_is_kept(tmp_path: Path):
    files = ReportFiles(tmp_path / "e.html", can_replace=False)
    files.check()
    files.page.write_text("new", encoding="utf-8")
    with pytest.raises(UsageError, match="exists"):
        files.write({files.page: "x"})
    assert files.page.read_text(encoding="utf-8") == "new"


def test_objective_and_age_reach_the_page(local_history: LocalDrs, tmp_path: Path):
    result = run(tmp_path, "-o", "evidence.html", "--objective", "1s", "--older-than", "36500d")
    assert result.returncode == 0
    text = page(tmp_path).text
    assert "Recovery time of each server, objective 0m 01s" in text
    assert f"no successful drill for {timedelta(days=36500).days}d" in text
