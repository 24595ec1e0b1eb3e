"""Runs the command line in a process of its own, or in this process, which is faster."""

import os
import subprocess
import sys

import pytest

from drs_jobs.cli.commands import invoke


def run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run the command line. A variable with an empty value is removed from the environment."""
    defaults = {"AWS_MAX_ATTEMPTS": "1", "AWS_CONFIG_FILE": os.devnull, "AWS_SHARED_CREDENTIALS_FILE": os.devnull}
    merged = {name: value for name, value in {**os.environ, **defaults, **environment}.items() if value}
    return run_process([sys.executable, "-m", "drs_jobs", *arguments], env=merged)


def run_process(command: list[str], env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, encoding="utf-8", timeout=300, env=env, check=False)


def run_here(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str, str]:
    """Run the command line in this process, and return its exit status, stdout and stderr. Errors are raised."""
    status = invoke(arguments)
    captured = capsys.readouterr()
    return status, captured.out, captured.err
