"""`drs-jobs local`: a local DRS endpoint as a process, for tests in any language."""

import shlex
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from drs_jobs.cli.exit_status import print_note, raise_usage_errors

if TYPE_CHECKING:  # of the extra `testing`
    from drs_jobs.testing import LocalDrs


def local(
    history: Annotated[int, typer.Option(min=0, help="Begin with so many jobs of the past, and their logs.")] = 0,
    seed: Annotated[int, typer.Option(help="The seed of the history.")] = 0,
    speed: Annotated[float, typer.Option(min=0, help="Simulated seconds per real second.")] = 1,
    system: Annotated[
        Literal["linux", "windows"],
        typer.Option("--os", case_sensitive=False, help="Recoveries take as long as measured on these servers."),
    ] = "linux",
    server_failures: Annotated[
        list[str] | None,
        typer.Option(
            "--fail",
            metavar="SERVER=FAILURE",
            help="Make a server fail: in CLEANUP, SNAPSHOT, CONVERSION or LAUNCH, or STUCK or SILENT. Can be repeated.",
        ),
    ] = None,
) -> None:
    """Run a local DRS endpoint for tests, until Ctrl-C. It prints the variables with which AWS clients use it, for a shell.

    Do not use eval with it, which waits for its end: write the lines to a file, and read that in another shell.
    """
    from drs_jobs.testing import failures, local_drs, make_history  # noqa: PLC0415  # of another extra

    failure_by_name: dict[str, failures.InjectedFailure] = {
        **{phase: failures.PhaseFailure(phase) for phase in failures.PHASES},
        "STUCK": failures.Stuck(),
        "SILENT": failures.SilentFailure(),
    }
    with raise_usage_errors():
        server = local_drs.LocalDrs(speed=speed, profile=system, max_requests=0)
        for text in server_failures or ():
            server_id, _, name = text.partition("=")
            if name not in failure_by_name:
                raise ValueError(f"--fail {text!r} is not SERVER=FAILURE, with one of {', '.join(failure_by_name)}")
            server.fail_server(server_id, failure_by_name[name])
    if history:
        server.add_history(make_history(history, until=server.now, seed=seed, logs=True))
    with server:
        print_exports(server, local_drs.CONFLICTING_VARIABLES)
        threading.Event().wait()


def print_exports(server: "LocalDrs", conflicting_variables: Sequence[str]) -> None:
    """Print the commands of a shell that direct AWS clients to an endpoint, and on stderr what to do with them."""
    exports = [f"export {name}={shlex.quote(value)}" for name, value in server.environment.items()]
    typer.echo("\n".join([f"unset {' '.join(conflicting_variables)}", *exports]))
    print_note(f"DRS endpoint at {server.endpoint_url}: run these lines in another shell, stop with Ctrl-C")
