"""Starts and ends the process: its exit status, its error as one line, and missing, closed or full standard streams."""

import io
import os
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, NoReturn

from drs_jobs._extras import import_with_extra
from drs_jobs.cli.exit_status import ExitStatus, describe_error, exit_if_pipe_closes, is_closed_pipe, print_error


def main() -> NoReturn:
    """Run the command line with the arguments in `sys.argv`, and exit with its status."""
    # Imported in `run`, so that a missing extra and an interruption of the import have an exit status too.
    run(lambda: import_with_extra("drs_jobs.cli.app", "cli").invoke(sys.argv[1:]))


def run(command: Callable[[], int]) -> NoReturn:
    """Run a command, and exit with the status that it returns, or with the status for its error."""
    status: int
    try:
        _open_missing_streams()
        threading.excepthook = _print_thread_error
        # End as after Ctrl-C, so that the cursor of the terminal is visible again.
        signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(ExitStatus.TERMINATED))
        status = command()
        with exit_if_pipe_closes(status):
            pass
    except SystemExit as exit_:
        status = exit_.code if isinstance(exit_.code, int) else ExitStatus.SERVICE
    except BaseException as error:  # noqa: BLE001  # every error is shown as one line, without a traceback
        if is_closed_pipe(error):
            status = ExitStatus.SUCCEEDED
        else:
            message, status = describe_error(error)
            print_error(message)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # so that a second interruption does not change the status
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except OSError:
            # Discard its buffer, because the flush at the exit of Python would exit with 120.
            with suppress(OSError):
                null = os.open(os.devnull, os.O_WRONLY)
                os.dup2(null, stream.fileno())
                os.close(null)
    sys.exit(status)


def _print_thread_error(args: threading.ExceptHookArgs) -> None:
    # The thread that redraws bars writes to the terminal too. The main thread gets the same error when it next writes.
    if args.exc_value is not None:
        print_error(describe_error(args.exc_value)[0])


def _open_missing_streams() -> None:
    """Open the null device for each standard stream that was closed before the process started, as by some daemons."""
    # In the order of the descriptors, because `open` uses the lowest free one. No later file or socket must get it.
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, os.fdopen(os.open(os.devnull, os.O_RDWR), mode, encoding="utf-8"))
    stdout: Any = sys.stdout
    if isinstance(stdout, io.TextIOWrapper):
        # Characters that the encoding of the terminal does not have are shown as escapes.
        stdout.reconfigure(errors="backslashreplace")
