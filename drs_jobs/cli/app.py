"""The program `drs-jobs`: its commands, the options before them, and what `--help` shows."""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Final

import attrs
import typer

import drs_jobs
from drs_jobs.cli.commands.check import check
from drs_jobs.cli.commands.demo import demo
from drs_jobs.cli.commands.list import list_jobs
from drs_jobs.cli.commands.local import local
from drs_jobs.cli.commands.report import report
from drs_jobs.cli.commands.save import save
from drs_jobs.cli.commands.show import show
from drs_jobs.cli.commands.watch import watch
from drs_jobs.cli.exit_status import ExitStatus, UsageError, print_note
from drs_jobs.cli.options import CheckOutput, Connection, with_option_groups
from drs_jobs.cli.suggestions import suggest_command, suggest_option

_NAME: Final = "drs-jobs"

_COMMANDS: Final[Mapping[str, Callable[..., Any]]] = {
    "list": list_jobs,
    "show": show,
    "watch": watch,
    "check": check,
    "report": report,
    "save": save,
    "demo": demo,
    "local": local,
}
"""The commands, in the order of `--help`."""

_EXAMPLES: Final = """\
drs-jobs list --since 90d --failed
drs-jobs --region eu-west-1 show drsjob-556c7b1d99221f996
drs-jobs demo

drs-jobs list --since 90d --failed
drs-jobs list --kind drill --outcome succeeded --limit 20
drs-jobs list --since 2024-06-01 --until 2024-06-30 -o json

drs-jobs show drsjob-556c7b1d99221f996
drs-jobs show drsjob-556c7b1d99221f996 -o json

drs-jobs watch drsjob-556c7b1d99221f996 --timeout 2h
drs-jobs watch drsjob-556c7b1d99221f996 --poll-interval 10s

drs-jobs check --drilled-within 90d --objective 4h --servers aws
drs-jobs check --drilled-within 90d --as-of 2024-06-30 --servers servers.csv -o csv
drs-jobs check --drilled-within 90d --accounts accounts.txt --role-name DrsReader
drs-jobs check --since 1y --history

drs-jobs report evidence.html --drilled-within 90d --objective 4h --servers servers.csv
drs-jobs report evidence.html --from jobs.jsonl --as-of 2024-06-30 --drilled-within 90d

drs-jobs save jobs.jsonl
drs-jobs save jobs.jsonl --accounts accounts.txt --role-name DrsReader

drs-jobs demo
drs-jobs demo --serve

drs-jobs local --history 100 --speed 60
drs-jobs local --fail s-00000000000000001=LAUNCH"""

EXAMPLES: Final[Mapping[str, Sequence[str]]] = {
    name: lines.splitlines() for name, lines in zip((_NAME, *_COMMANDS), _EXAMPLES.split("\n\n"), strict=True)
}
"""Command lines of the program and of each command, for their help."""


def _epilog(name: str) -> str:
    # click does not wrap a paragraph that begins with this control character.
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in EXAMPLES[name])])


app: typer.Typer = typer.Typer(
    name=_NAME,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    epilog=_epilog(_NAME),
)

for _name, _command in _COMMANDS.items():
    # An explicit summary, the first sentence, because click cuts off the one that it takes from the docstring.
    _summary = (_command.__doc__ or "").splitlines()[0].partition(". ")[0].removesuffix(".")
    app.command(_name, short_help=_summary, epilog=_epilog(_name))(_command)


def _print_version(requested: bool) -> None:
    if requested:
        typer.echo(f"{_NAME} {drs_jobs.__version__}")
        raise typer.Exit


@app.callback()
@with_option_groups
def callback(
    context: typer.Context,
    *,
    _version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version.")
    ] = False,
    connection: Connection,
    output_format: Annotated[
        CheckOutput | None,
        typer.Option("--output", "-o", case_sensitive=False, help="The format of the output. See the help of each command."),
    ] = None,
) -> None:
    """Read the jobs of AWS Elastic Disaster Recovery: recoveries, drills, failbacks and clean-ups.

    These options can be given before or after the command.
    """
    values = {**attrs.asdict(connection), "output_format": output_format}
    options = {name: value for name, value in values.items() if value is not None}
    program: Any = context.command
    command = program.commands[context.invoked_subcommand]
    lacking = options.keys() - {parameter.name for parameter in command.params}
    if unknown := [parameter.opts[0] for parameter in program.params if parameter.name in lacking]:
        raise UsageError(f"{command.name} has no option {', '.join(unknown)}: see {_NAME} {command.name} --help")
    context.default_map = {str(context.invoked_subcommand): options}


def invoke(arguments: Sequence[str]) -> int:
    """Run one command line, and return its exit status. `main.run` handles its errors."""
    program: Any = typer.main.get_command(app)
    if os.environ.get("_DRS_JOBS_COMPLETE"):
        program.main(prog_name=_NAME)  # prints what a shell can complete, and exits
    try:
        # Not `app()`, because it exits with 1 if the pipe is closed.
        with program.make_context(_NAME, [*arguments]) as context:
            return program.invoke(context) or ExitStatus.SUCCEEDED
    except typer.Exit as error:
        return error.exit_code
    except Exception as error:
        # A usage error of click. Its class is not compared, because some versions of typer contain their own copy of click.
        usage_error: Any = error
        if not hasattr(usage_error, "format_message"):
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            print_note(usage_error.format_message())
            return ExitStatus.USAGE
        # Some errors of click do not know their command.
        given = [argument for argument in arguments if argument in program.commands]
        path = getattr(getattr(error, "ctx", None), "command_path", " ".join([_NAME, *given[:1]]))
        raise UsageError(_usage_message(usage_error, program, path)) from error


def _usage_message(error: Any, program: Any, path: str) -> str:
    """Return the message for a usage error of click, with what to do. `path` is the program and the command."""
    message = error.format_message().strip().replace("Value error, ", "")  # of pydantic, in some versions of typer
    hint = ""
    if type(error).__name__ == "NoSuchOption":
        options = {
            name: [option for parameter in command.params for option in parameter.opts]
            for name, command in (("", program), *program.commands.items())
        }
        name = path.removeprefix(_NAME).strip()
        message = f"{name} has no option {error.option_name}" if name else f"there is no option {error.option_name}"
        hint = suggest_option(error.option_name, name, options)
    elif (unknown := re.fullmatch(r"No such command '(.*)'\..*", message)) is not None:
        message, hint = f"there is no command {unknown[1]!r}", suggest_command(unknown[1], program.commands)
    elif (extra := re.search(r"unexpected extra arguments? *\(?s?\)? *\((.*)\)", message)) is not None:
        hint = f"Put a value with a space in quotes, and leave out {extra[1]} otherwise."
    end = "" if message.endswith((".", "?", "!")) else "."
    return f"{message}{end} {hint or f'Try {path} --help'}"
