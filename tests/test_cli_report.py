"""`drs-jobs report`: its files, messages and exit status."""

import csv
import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

import command_line
from drs_jobs.cli.commands.report import ReportFiles
from drs_jobs.cli.exit_status import UsageError
from drs_jobs.testing import ErrorResponse, LocalDrs, RawResponse, make_history, make_job, make_server
from html_outline import Outline

SPARE = "s-00000000000000099"
FILES = ["evidence-jobs.csv", "evidence.csv", "evidence.html"]


def run(folder: Path, *arguments: str, stdin: bytes = b"") -> subprocess.CompletedProcess[str]:
    """Run `drs-jobs report` in a folder."""
    return command_line.run("report", *arguments, folder=folder, stdin=stdin)


def page(folder: Path, name: str = "evidence.html") -> Outline:
    return Outline((folder / name).read_text(encoding="utf-8"))


def files(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(folder.iterdir()) if path.is_file()}


@pytest.fixture
def local_history(local_drs: LocalDrs) -> LocalDrs:
    local_drs.add_history(make_history(40, until=local_drs.now, seed=3, logs=True))
    return local_drs


def test_report(local_history: LocalDrs, tmp_path: Path):
    """The page and both CSV files, with every option. The status is that of the verdict."""
    history = make_history(40, until=local_history.now, seed=3)
    ids = sorted({server.name for job in history for server in job.participating_servers})
    (tmp_path / "list.csv").write_text("\n".join(["id,name", f"{SPARE},old-01", *(f"{id_}," for id_ in ids)]), encoding="utf-8")
    options = "--since 3650d --objective 4h --drilled-within 90d --servers list.csv --names aws --title Audit"
    result = run(tmp_path, "evidence.html", *options.split())
    assert (result.returncode, result.stdout) == (1, "")
    verdict, *notes = result.stderr.splitlines()
    assert verdict.startswith(f"not met; {len(ids) + 1} servers: ")
    assert notes == ["written to evidence.html, evidence.csv, evidence-jobs.csv"]
    outline = page(tmp_path)
    assert outline.texts["h1"] == ["Audit"]
    assert "old-01" in outline.texts["b"]
    assert "eu-west-1" in outline.text
    rows = list(csv.DictReader(files(tmp_path)["evidence.csv"].splitlines()))
    assert [row["sourceServerID"] for row in rows] == [SPARE, *ids]
    assert all(row["name"] for row in rows)
    assert sorted(files(tmp_path)) == [*FILES, "list.csv"]


def test_status_is_that_of_check(local_drs: LocalDrs, tmp_path: Path):
    """With --exit-zero it is 0. The files are written whatever the verdict is."""
    at = datetime.now(UTC) - timedelta(days=1)
    local_drs.add_jobs(make_job(creation_date_time=at, end_date_time=at + timedelta(minutes=9)))
    for number, (options, status) in enumerate(
        (
            ("--drilled-within 90d", 0),
            ("--drilled-within 1h", 1),
            ("--objective 1m", 4),
            ("--objective 1m --exit-zero", 0),
            ("", 0),
        )
    ):
        result = run(tmp_path, f"{number}.html", *options.split())
        assert (result.returncode, command_line.run("check", *options.split()).returncode) == (status, status)
        assert (tmp_path / f"{number}-jobs.csv").exists()
        assert ("nothing was checked: give --drilled-within or --objective\n" in result.stderr) == (not options)


def test_all_logs_are_read(local_history: LocalDrs, tmp_path: Path):
    """Of drills and recoveries, so the page has medians."""
    run(tmp_path, "evidence.html")
    read = {request.body["jobID"] for request in local_history.requests if request.operation == "DescribeJobLogItems"}
    history = make_history(40, until=local_history.now, seed=3)
    assert read == {job.job_id for job in history if job.initiated_by in {"START_DRILL", "START_RECOVERY"}}
    assert "Median" in page(tmp_path).texts["th"]


# ------------------------------------------------------------------ files that cannot be written


@pytest.mark.parametrize("existing", FILES)
def test_files_that_exist_are_kept(existing: str, local_drs: LocalDrs, tmp_path: Path):
    """Before any request. With --force they are replaced."""
    (tmp_path / existing).write_text("old", encoding="utf-8")
    result = run(tmp_path, "evidence.html")
    assert (result.returncode, files(tmp_path)) == (2, {existing: "old"})
    assert f"'{existing}' exists: give another name, or --force to replace it" in result.stderr
    assert (result.stderr.count("\n"), list(local_drs.requests)) == (1, [])
    assert run(tmp_path, "evidence.html", "--force").returncode == 0
    assert files(tmp_path)[existing] != "old"


LONG = "x" * 250


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["absent/evidence.html"], "'absent/evidence.html' cannot be written: No such file"),
        (["folder.html"], "'folder.html' exists and is not a regular file: give another name"),
        (["other.html"], "'other.csv' exists and is not a regular file"),
        (["file/evidence.html"], "cannot be written: Not a directory"),
        (["evidence.csv"], "is not the name of an HTML page: give one that ends in .html, such as evidence.html"),
        ([""], "is not the name of an HTML page"),
        (["-"], "is not the name of an HTML page"),
        (["."], "is not the name of an HTML page"),
        (["folder.html/"], "is not a regular file"),
        ([f"{LONG}x.html"], "cannot be written: File name too long"),
        ([f"{LONG}.html"], "cannot be written: File name too long"),
        ([], "Missing argument 'FILE.html'"),
        (["e.html", "-o", "json"], "report has no option -o"),
        (["e.html", "--objective", "soon"], "--objective 'soon' is not a duration"),
        (["e.html", "--as-of", "2999-01-01"], "in the future"),
        (["e.html", "--servers", "absent"], "cannot be read"),
        (["e.html", "--servers", "-", "--names", "-"], "only one of --servers and --names can be read from stdin"),
    ],
)
@pytest.mark.parametrize("force", [[], ["--force"]], ids=["", "force"])
def test_usage_errors(arguments: list[str], force: list[str], message: str, local_drs: LocalDrs, tmp_path: Path):
    """One line, exit status 2, no request, and no file."""
    (tmp_path / "folder.html").mkdir()
    (tmp_path / "other.csv").mkdir()
    (tmp_path / "file").touch()
    result = run(tmp_path, *arguments, *force)
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert message in result.stderr
    assert list(local_drs.requests) == []
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder.html", "other.csv"]


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("target", ["secret", "absent"])
def test_planted_link(name: str, target: str, local_drs: LocalDrs, tmp_path: Path):
    """Nothing is written through it, also with --force, and also if it leads nowhere."""
    (tmp_path / "secret").write_text("old", encoding="utf-8")
    (tmp_path / name).symlink_to(tmp_path / target)
    result = run(tmp_path, "evidence.html", "--force")
    assert (result.returncode, f"'{name}' exists and is not a regular file" in result.stderr) == (2, True)
    assert list(local_drs.requests) == []
    assert (tmp_path / "secret").read_text(encoding="utf-8") == "old"
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([name, "secret"])


def test_link_planted_meanwhile(tmp_path: Path):
    """After the first check: the second one refuses it."""
    report = ReportFiles(tmp_path / "evidence.html", can_replace=True)
    report.check()
    report.page.symlink_to(tmp_path / "secret")
    with pytest.raises(UsageError, match="not a regular file"):
        report.write("x", "y", "z")
    assert [path.name for path in tmp_path.iterdir()] == ["evidence.html"]


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no mode there")
def test_drafts_are_in_a_private_folder(tmp_path: Path):
    """With a name that cannot be foreseen, so no link can be planted there. The files have the usual permissions."""
    report = ReportFiles(tmp_path / "evidence.html", can_replace=True)
    seen: list[tuple[str, int]] = []

    class Watched(str):
        __slots__ = ()

        def encode(self, *_: object) -> bytes:
            seen.extend((path.name, path.stat().st_mode & 0o777) for path in tmp_path.iterdir())
            return b"x"

    report.write(Watched("x"), "y", "z")
    [(name, mode)] = seen
    assert (name.startswith(".drs-jobs-"), len(name) > 15, mode) == (True, True, 0o700)
    plain = tmp_path / "plain"
    plain.touch()
    assert {path.stat().st_mode for path in report.paths} == {plain.stat().st_mode}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["evidence-jobs.csv", "evidence.csv", "evidence.html", "plain"]


@pytest.mark.parametrize("option", ["--servers", "--names"])
@pytest.mark.parametrize("name", ["evidence.csv", "evidence-jobs.csv", "link.csv"])
def test_output_that_is_an_input(option: str, name: str, local_drs: LocalDrs, tmp_path: Path):
    """It is kept, also with --force, under any of its names."""
    (tmp_path / "folder").mkdir()
    for path in ("evidence.csv", "evidence-jobs.csv"):
        (tmp_path / path).write_text("id,name\n", encoding="utf-8")
    os.link(tmp_path / "evidence.csv", tmp_path / "link.csv")
    before = files(tmp_path)
    result = run(tmp_path, "evidence.html", option, str(tmp_path / "folder" / ".." / name), "--force")
    assert (result.returncode, "is read by this command: give another name" in result.stderr) == (2, True)
    assert (files(tmp_path), list(local_drs.requests)) == (before, [])


def test_half_written_files_are_removed(tmp_path: Path):
    """An error while a file is written leaves the earlier files unchanged."""
    report = ReportFiles(tmp_path / "e.html", can_replace=True)
    report.page.write_text("old", encoding="utf-8")

    class Unwritable(str):
        __slots__ = ()

        def encode(self, *_: object) -> bytes:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space"):
        report.write("new", Unwritable("x"), "z")
    assert files(tmp_path) == {"e.html": "old"}
    assert len(list(tmp_path.iterdir())) == 1


def test_file_created_meanwhile_is_kept(tmp_path: Path):
    report = ReportFiles(tmp_path / "e.html", can_replace=False)
    report.check()
    report.page.write_text("new", encoding="utf-8")
    with pytest.raises(UsageError, match="exists"):
        report.write("x", "y", "z")
    assert files(tmp_path) == {"e.html": "new"}


# ------------------------------------------------------------------ what could not be read


def test_empty_history(local_drs: LocalDrs, tmp_path: Path):
    """A report that says so."""
    result = run(tmp_path, "evidence.html", "--objective", "4h")
    assert (result.returncode, result.stderr.split(";")[:2]) == (4, ["undetermined: there are no servers", " 0 servers"])
    assert "There are no servers." in page(tmp_path).text
    assert len(local_drs.requests) == 1


def test_logs_that_cannot_be_read(local_history: LocalDrs, tmp_path: Path):
    """They cost only the recovery times, and all files and stderr name them."""
    denied = ErrorResponse("AccessDeniedException", 403, "not you")
    local_history.inject(denied, times=None, operation="DescribeJobLogItems")
    result = run(tmp_path, "evidence.html", "--objective", "4h", "--names", "aws")
    logs = sum(request.operation == "DescribeJobLogItems" for request in local_history.requests)
    assert f"{logs} logs could not be read completely, the first is the log of drsjob-" in result.stderr
    texts = files(tmp_path)
    assert all("not you" in texts[name] for name in FILES)


def test_malformed_jobs(local_drs: LocalDrs, tmp_path: Path):
    """The page is written without them and names them, and the verdict is undetermined."""
    body = b'{"items": [{"jobID": 7}, {"jobID": "drsjob-00000000000000001"}]}'
    for options, status in (([], 5), (["--drilled-within", "90d"], 4)):
        local_drs.inject(RawResponse(body))
        result = run(tmp_path, "evidence.html", "--force", *options)
        assert result.returncode == status
        assert ": a job, because of a malformed response: " in result.stderr
        assert ": a job, because of a malformed response: " in page(tmp_path).text


def test_no_file_without_jobs(local_drs: LocalDrs, tmp_path: Path):
    """If AWS refuses the list, no file is written."""
    local_drs.inject(ErrorResponse("AccessDeniedException", 403))
    assert run(tmp_path, "evidence.html").returncode == 5
    assert list(tmp_path.iterdir()) == []


def test_running_job_that_is_deleted_meanwhile(local_drs: LocalDrs, tmp_path: Path):
    """Its log is named as unreadable."""
    servers = [{"sourceServerID": SPARE, "launchStatus": "PENDING"}]
    job = {"jobID": "drsjob-00000000000000001", "status": "STARTED", "type": "LAUNCH", "initiatedBy": "START_DRILL"}
    local_drs.respond("DescribeJobs", {"items": []})
    local_drs.respond("DescribeJobs", {"items": [{**job, "participatingServers": servers}]}, times=1)
    result = run(tmp_path, "evidence.html")
    assert result.returncode == 0
    assert "1 log could not be read completely, the first is the log of drsjob-00000000000000001: " in result.stderr
    assert "drsjob-00000000000000001" in page(tmp_path).text


def test_missing_extra(local_drs: LocalDrs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """It is found before any request."""
    monkeypatch.delitem(sys.modules, "drs_jobs.evidence.page", raising=False)
    monkeypatch.setitem(sys.modules, "jinja2", None)
    result = run(tmp_path, "evidence.html")
    assert (result.returncode, "pip install 'drs_jobs[report]'" in result.stderr) == (2, True)
    assert list(local_drs.requests) == []


def test_hostile_servers(local_drs: LocalDrs, tmp_path: Path):
    """Control characters are on no line of stderr."""
    text = "\x1b[31m\n<b>"
    local_drs.add_jobs(make_job(participating_servers=(make_server(source_server_id=text),)))
    result = run(tmp_path, "evidence.html", "--servers", "-", stdin=SPARE.encode())
    assert all(line.isprintable() for line in result.stderr.splitlines())
    assert "1 server in these jobs, but not in the list: [31m <b>" in result.stderr
