"""`drs-jobs local`: a local DRS endpoint as a process, for tests in any language."""

import shlex
import sys
import threading

from drs_jobs.cli.exit_codes import print_note
from drs_jobs.testing import LocalDrs, make_history


def serve(*, speed: float, profile: str, history: int, seed: int) -> None:
    """Serve until the process is interrupted. Prints one `export` line per environment variable of AWS clients.

    Args:
        speed: Simulated seconds per real second.
        profile: The durations of simulated recoveries, `linux` or `windows`.
        history: The number of jobs of the past, with their logs and source servers. 0 is none.
        seed: The seed of the history.

    Raises:
        ValueError: If an argument is out of range.
    """
    with LocalDrs(speed=speed, profile=profile) as local:
        if history:
            local.add_history(make_history(history, until=local.now, seed=seed, logs=True))
        for name, value in local.environment.items():
            sys.stdout.write(f"export {name}={shlex.quote(value)}\n")
        sys.stdout.flush()
        print_note(f"DRS endpoint at {local.endpoint_url}: run the export lines in another shell, stop with Ctrl-C")
        threading.Event().wait()
