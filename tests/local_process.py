"""`drs-jobs local` as a process, and the environment that its lines give to another process."""

import contextlib
import os
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import attrs
import boto3

from drs_jobs.testing.service_model import local_session

TIMEOUT = 60


@attrs.frozen
class LocalProcess:
    """A running `drs-jobs local`."""

    process: subprocess.Popen[str]
    lines: Path
    """The file with its output."""

    @property
    def environment(self) -> dict[str, str]:
        """The variables in the lines."""
        words = (shlex.split(line) for line in self.lines.read_text(encoding="utf-8").splitlines())
        return dict(word.split("=", 1) for command, *exports in words if command == "export" for word in exports)

    def client(self) -> Any:
        """A boto3 client of this process for the endpoint."""
        variables = self.environment
        return boto3.Session(botocore_session=local_session()).client(
            "drs",
            region_name=variables["AWS_REGION"],
            endpoint_url=variables["AWS_ENDPOINT_URL_DRS"],
            aws_access_key_id=variables["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=variables["AWS_SECRET_ACCESS_KEY"],
        )

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a command in a shell that has read the lines."""
        script = 'set -eu; . "$0"; exec "$@"'
        env: Any = {**os.environ, **environment}
        return subprocess.run(
            ["sh", "-c", script, str(self.lines), *command],
            capture_output=True,
            encoding="utf-8",
            timeout=TIMEOUT,
            env=env,
            check=False,
        )

    def stop(self, number: signal.Signals = signal.SIGINT) -> tuple[int, str]:
        """Send a signal, and return the exit status and what is left on stderr."""
        self.process.send_signal(number)
        _, stderr = self.process.communicate(timeout=TIMEOUT)
        return self.process.returncode, stderr


@contextlib.contextmanager
def local_process(folder: Path, *options: str) -> Iterator[LocalProcess]:
    """Start `drs-jobs local` with its output in a file, and wait until it says that it serves."""
    lines = folder / "env.sh"
    with lines.open("w", encoding="utf-8") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "drs_jobs", "local", *options], stdout=output, stderr=subprocess.PIPE, encoding="utf-8"
        )
    with process:
        try:
            assert process.stderr is not None
            assert process.stderr.readline().startswith("DRS endpoint at http://127.0.0.1:")
            yield LocalProcess(process, lines)
        finally:
            process.kill()
