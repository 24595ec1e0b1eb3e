"""`drs-jobs local`: a local DRS endpoint as a process, for tests in any language."""

import shlex
import sys
import threading
from collections.abc import Sequence
from typing import Final

from drs_jobs.cli.exit_codes import UsageError, print_note
from drs_jobs.testing import LocalDrs, PhaseFailure, SilentFailure, Stuck, make_history
from drs_jobs.testing.failures import PHASES, InjectedFailure
from drs_jobs.testing.local_drs import CONFLICTING_VARIABLES

_FAILURES: Final[dict[str, InjectedFailure]] = {
    **{phase: PhaseFailure(phase) for phase in PHASES},
    "STUCK": Stuck(),
    "SILENT": SilentFailure(),
}
"""The failures by their name on the command line."""


def serve(*, speed: float, profile: str, history: int, seed: int, failures: Sequence[str]) -> None:
    """Serve until the process is interrupted. Prints the commands of a shell that direct AWS clients to the endpoint.

    Args:
        speed: Simulated seconds per real second.
        profile: The durations of simulated recoveries, `linux` or `windows`.
        history: The number of jobs of the past, with their logs and source servers. 0 is none.
        seed: The seed of the history.
        failures: Servers whose recoveries fail, each as `SERVER=FAILURE`.

    Raises:
        UsageError: If an argument is invalid.
    """
    try:
        local = LocalDrs(speed=speed, profile=profile)
    except ValueError as error:
        raise UsageError(f"--speed: {error}") from None
    for text in failures:
        server_id, _, name = text.partition("=")
        if name not in _FAILURES:
            raise UsageError(f"--fail {text!r} is not SERVER=FAILURE, with one of {', '.join(_FAILURES)}")
        try:
            local.fail_server(server_id, _FAILURES[name])
        except ValueError as error:
            raise UsageError(f"--fail {text!r}: {error}") from None
    if history:
        local.add_history(make_history(history, until=local.now, seed=seed, logs=True))
    with local:
        print_exports(local)
        threading.Event().wait()


def print_exports(local: LocalDrs) -> None:
    """Print the commands of a shell that direct AWS clients to an endpoint, and on stderr what to do with them."""
    exports = [f"export {name}={shlex.quote(value)}" for name, value in local.environment.items()]
    sys.stdout.write("\n".join([f"unset {' '.join(CONFLICTING_VARIABLES)}", *exports, ""]))
    sys.stdout.flush()
    print_note(f"DRS endpoint at {local.endpoint_url}: run these lines in another shell, stop with Ctrl-C")
