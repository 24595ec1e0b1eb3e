"""Runs the command line: in a process of its own, or in this process, half a second faster."""

import functools
import io
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TextIO

import pytest
import typer.main

from drs_jobs.cli.app import invoke
from drs_jobs.cli.main import main

# A process builds the commands once, which takes 20 ms.
typer.main.get_command = functools.cache(typer.main.get_command)

COMMAND = [sys.executable, "-m", "drs_jobs"]
DEFAULTS = {"AWS_MAX_ATTEMPTS": "1", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}


def run(
    *arguments: str,
    stdin: bytes = b"",
    stdout: TextIO | None = None,
    stderr: TextIO | None = None,
    folder: Path | None = None,
    **environment: str,
) -> subprocess.CompletedProcess[str]:
    """Run the command line in this process, with its own standard streams and its handling of errors.

    Args:
        arguments: The arguments.
        stdin: What it can read. Default: nothing.
        stdout: Where it writes its output. Default: into the result.
        stderr: Where it writes its errors. Default: into the result.
        folder: The working directory. Default: that of the tests.
        environment: Environment variables. One with an empty value is removed.
    """
    streams = io.BytesIO(stdin), io.BytesIO(), io.BytesIO()
    files = [
        file or io.TextIOWrapper(stream, encoding="utf-8") for file, stream in zip((None, stdout, stderr), streams, strict=True)
    ]
    status = _exit_status(arguments, {**DEFAULTS, **environment}, files, folder)
    return subprocess.CompletedProcess(arguments, status, *(stream.getvalue().decode() for stream in streams[1:]))


def _exit_status(arguments: Sequence[str], environment: dict[str, str], streams: Sequence[TextIO], folder: Path | None) -> int:
    interruption = signal.getsignal(signal.SIGINT)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            if value:
                patch.setenv(name, value)
            else:
                patch.delenv(name, raising=False)
        if folder is not None:
            patch.chdir(folder)
        patch.setattr(sys, "argv", ["drs-jobs", *arguments])
        patch.setattr(threading, "excepthook", threading.excepthook)
        for name, stream in zip(("stdin", "stdout", "stderr"), streams, strict=True):
            patch.setattr(sys, name, stream)
        try:
            main()
        except SystemExit as exit_:
            assert isinstance(exit_.code, int)
            return exit_.code
        finally:
            signal.signal(signal.SIGINT, interruption)
            for stream in streams[1:]:
                stream.flush()  # as Python does when it exits


def run_apart(*arguments: str, stdin: bytes = b"", **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line as `run` does, but in a process of its own."""
    merged = {name: value for name, value in {**os.environ, **DEFAULTS, **environment}.items() if value}
    return run_process([*COMMAND, *arguments], stdin=stdin, env=merged)


def run_process(command: list[str], stdin: bytes = b"", env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run a command in a process of its own, by default with the environment of this one."""
    result = subprocess.run(command, input=stdin, capture_output=True, timeout=300, env=env, check=False)
    return subprocess.CompletedProcess(command, result.returncode, result.stdout.decode(), result.stderr.decode())


def run_here(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command line in this process, and return its exit status, stdout and stderr. Errors are raised."""
    status = invoke(arguments)
    captured = capsys.readouterr()
    return status, captured.out, captured.err
