"""The process of the command line: its streams, its exit status, interruptions, and missing packages."""

import contextlib
import os
import shlex
import sys
import unittest.mock
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

import pytest

from command_line import COMMAND, run, run_apart, run_process
from drs_jobs.testing import LocalDrs, make_job, make_server


def test_ascii_output(local_drs: LocalDrs):
    """Letters that an ASCII terminal does not have are escaped."""
    local_drs.add_jobs(make_job(job_id="drsjob-\u00fc"))
    result = run_apart("list", PYTHONIOENCODING="ascii")
    assert (result.returncode, "drsjob-\\xfc" in result.stdout) == (0, True)


def test_head_is_no_error(local_drs: LocalDrs):
    """A reader that closes the pipe early is no error."""
    local_drs.add_jobs(*(make_job() for _ in range(500)))
    result = run_process(["bash", "-c", f"{shlex.join(COMMAND)} list --output json | head -n 1; exit ${{PIPESTATUS[0]}}"])
    assert (result.returncode, result.stderr, result.stdout.count("\n")) == (0, "", 1)


def test_exit_status_after_a_closed_pipe(local_drs: LocalDrs):
    """`show` exits with the outcome, and `watch` with the status that shells have for SIGPIPE."""
    failed = make_job(participating_servers=(make_server(launch_status="FAILED"),))
    running = make_job(status="STARTED")
    local_drs.add_jobs(failed, running)
    for command, status in ((f"show {failed.job_id}", 1), (f"watch {failed.job_id} {running.job_id} --timeout 9s", 141)):
        with _closed_pipe() as pipe:
            result = run(*command.split(), stdout=pipe)
        assert (status, "") == (result.returncode, result.stderr)
    closed = run_process(["bash", "-c", f"{shlex.join(COMMAND)} list >&-"])
    assert (closed.returncode, closed.stderr) == (0, "")


@contextlib.contextmanager
def _closed_pipe() -> Iterator[TextIO]:
    """A pipe without a reader any more."""
    reader, writer = os.pipe()
    os.close(reader)
    with open(writer, "w", encoding="utf-8") as pipe:  # noqa: PTH123  # a descriptor
        yield pipe


def test_missing_extras():
    """The error is one line with the name of the extra and the command that installs it."""
    program = """
import os, sys
import drs_jobs
package, *sys.argv[1:] = sys.argv[1:]
for package in package.split():
    if os.fork() == 0:
        sys.modules[package] = None
        from drs_jobs.__main__ import main
        main()
    print(os.waitstatus_to_exitcode(os.wait()[1]), flush=True)
"""
    packages = ("typer", "rich", "junitparser", "prometheus_client")
    result = run_process([sys.executable, "-c", program, " ".join(packages), "list"])
    assert result.stdout.split() == ["2"] * len(packages)
    for package, line in zip(packages, result.stderr.splitlines(), strict=True):
        assert line.startswith(f"drs-jobs: {package} is not installed: ")
        assert "pip install 'drs_jobs[cli]'" in line
    result = run_process([sys.executable, "-c", program, "werkzeug", "demo"])
    assert (result.stdout, result.stderr.count("\n")) == ("2\n", 1)
    assert "pip install 'drs_jobs[testing]'" in result.stderr
    code = "import sys; sys.modules['werkzeug.serving'] = None; import drs_jobs.testing"
    result = run_process([sys.executable, "-c", code])
    assert "werkzeug is not installed" in result.stderr.splitlines()[-1]
    assert "pip install 'drs_jobs[testing]'" in result.stderr.splitlines()[-1]


FULL = Path("/dev/full")


SUCCEEDED_JOB = "drsjob-00000000000000001"


FAILED_JOB = "drsjob-00000000000000002"


UNDETERMINED_JOB = "drsjob-00000000000000003"


RUNNING_JOB = "drsjob-00000000000000004"


@pytest.fixture
def jobs_of_all_outcomes(local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch) -> LocalDrs:
    monkeypatch.delenv(
        "PYTHONUNBUFFERED", raising=False
    )  # it would flush at once; the tests need output that is buffered until the exit
    local_drs.add_jobs(
        make_job(job_id=SUCCEEDED_JOB),
        make_job(job_id=FAILED_JOB, participating_servers=(make_server(launch_status="FAILED"),)),
        make_job(job_id=UNDETERMINED_JOB, participating_servers=()),
        make_job(job_id=RUNNING_JOB, status="STARTED"),
    )
    return local_drs


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
@pytest.mark.parametrize(
    "command",
    [
        "list",
        "list --output json",
        f"show {SUCCEEDED_JOB}",
        f"show {FAILED_JOB} --output json",
        f"watch {SUCCEEDED_JOB}",
        f"watch {UNDETERMINED_JOB} --output json",
        "check",
        "check --output json",
        "check --output csv",
        "check --output markdown",
        "check --objective 4h --output junit",
        "check --output prometheus",
        f"show {FAILED_JOB} --log",
        "demo",
        "--help",
        "save --help",
        "--version",
    ],
)
@pytest.mark.usefixtures("jobs_of_all_outcomes")
def test_full_stdout_exits_5(command: str):
    """One line is on stderr. If that line cannot be written, the status is still 5."""
    with FULL.open("w", encoding="utf-8") as full:
        result = run(*command.split(), stdout=full)
        assert (result.returncode, result.stderr.count("\n"), "Traceback" in result.stderr) == (5, 1, False)
        assert "No space left" in result.stderr
    with FULL.open("w", encoding="utf-8") as full, FULL.open("w", encoding="utf-8") as errors:
        assert run(*command.split(), stdout=full, stderr=errors).returncode == 5


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
@pytest.mark.usefixtures("jobs_of_all_outcomes")
def test_full_stdout_of_a_process():
    """What Python flushes when it exits does not change the status."""
    result = run_process(["bash", "-c", f"{shlex.join(COMMAND)} list >/dev/full"])
    assert (result.returncode, result.stderr.count("\n"), "No space left" in result.stderr) == (5, 1, True)
    assert run_process(["bash", "-c", f"{shlex.join(COMMAND)} list >/dev/full 2>/dev/full"]).returncode == 5


STATUSES = {
    "list": 0,
    "check": 0,
    "": 2,
    "nonsense": 2,
    "list --since x": 2,
    f"show {FAILED_JOB}": 1,
    f"show {FAILED_JOB} --log": 1,
    "check --drilled-within 90d": 1,
    "check --objective 1m": 1,
    f"watch {RUNNING_JOB} --timeout 0": 3,
    f"watch {UNDETERMINED_JOB}": 4,
    "list --endpoint-url http://127.0.0.1:9": 5,
}


@pytest.mark.skipif(not FULL.exists(), reason="no /dev/full")
@pytest.mark.parametrize("command", STATUSES)
@pytest.mark.usefixtures("jobs_of_all_outcomes")
def test_full_stderr_keeps_the_status(command: str):
    """With an error to print or without one."""
    with FULL.open("w", encoding="utf-8") as full:
        assert run(*command.split(), stderr=full).returncode == STATUSES[command]


@pytest.mark.parametrize("command", ["nonsense", f"show {FAILED_JOB}"])
@pytest.mark.usefixtures("jobs_of_all_outcomes")
def test_closed_streams_keep_the_status(command: str):
    """As some daemons start a process."""
    process = run_process(["bash", "-c", f"{shlex.join(COMMAND)} {command} <&- >&- 2>&-"])
    assert process.returncode == STATUSES[command]


@pytest.mark.parametrize(
    ("error", "place"),
    [
        (RuntimeError, "typer.main.get_command"),
        (TypeError, "drs_jobs.cli.output.jobs_table"),
        (ValueError, "drs_jobs._pagination.pager.Pager.__iter__"),
        (RecursionError, "drs_jobs._pagination.pager.Pager.__iter__"),
    ],
)
def test_unexpected_error_exits_5(error: type[Exception], place: str, local_drs: LocalDrs):
    """There is one line on stderr, for every class of error."""
    local_drs.add_jobs(make_job())
    with unittest.mock.patch(place, side_effect=error("boom\nbang")):
        result = run("list")
    assert (result.returncode, result.stdout) == (5, "")
    assert result.stderr.startswith(f"drs-jobs: unexpected {error.__name__}: ")
    assert result.stderr.count("\n") == 1


@pytest.mark.parametrize("place", ["typer.main.get_command", "drs_jobs._pagination.pager.Pager.__iter__"])
@pytest.mark.usefixtures("local_drs")
def test_interruption_exits_130(place: str):
    with unittest.mock.patch(place, side_effect=KeyboardInterrupt):
        result = run("list")
    assert (result.returncode, result.stderr) == (130, "drs-jobs: interrupted\n")


def test_interruption_of_the_import_exits_130():
    code = """
import builtins, sys
sys.argv = ["drs-jobs", "list"]
real = builtins.__import__
def interrupted(name, *args, **keywords):
    if name == "typer":
        raise KeyboardInterrupt
    return real(name, *args, **keywords)
builtins.__import__ = interrupted
from drs_jobs.__main__ import main; main()"""
    result = run_process([sys.executable, "-c", code])
    assert (result.returncode, result.stderr) == (130, "drs-jobs: interrupted\n")


@pytest.mark.parametrize(
    "command", ["--help", "--version", "check", "check --output json", "check --output markdown", "list --output csv", "demo"]
)
@pytest.mark.usefixtures("jobs_of_all_outcomes")
def test_closed_pipe_is_no_error(command: str):
    with _closed_pipe() as pipe:
        result = run(*command.split(), stdout=pipe)
    assert (result.returncode, "Traceback" in result.stderr) == (0, False)
