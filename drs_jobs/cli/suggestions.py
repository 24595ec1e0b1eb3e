"""What to use instead of an option or a command that does not exist."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Final

_OPTIONS: Final[Mapping[str, Sequence[str]]] = {
    "--account": ("--accounts",),
    "--as-of": ("--until",),
    "--csv": ("-o csv",),
    "--days": ("--since 30d", "--drilled-within 90d"),
    "--drilled": ("--drilled-within",),
    "--end": ("--until", "--as-of"),
    "--follow": ("--log --follow",),
    "--format": ("-o",),
    "--from-date": ("--since",),
    "--html": ("drs-jobs report",),
    "--interval": ("--poll-interval",),
    "--job": ("the id as an argument",),
    "--job-id": ("the id as an argument",),
    "--job-ids": ("the ids as arguments",),
    "--json": ("-o json",),
    "--junit": ("-o junit",),
    "--last": ("--since 30d", "--limit"),
    "--markdown": ("-o markdown",),
    "--max": ("--limit",),
    "--max-items": ("--limit",),
    "--max-results": ("--limit",),
    "--out": ("the file as an argument", "-o"),
    "--output-file": ("the file as an argument",),
    "--output-format": ("-o",),
    "--query": ("-o json with jq",),
    "--role": ("--role-name",),
    "--role-arn": ("--role-name",),
    "--rpo": ("--objective for the recovery time; jobs do not show the recovery point",),
    "--server-id": ("--server", "--servers"),
    "--start": ("--since",),
    "--state": ("--outcome",),
    "--status": ("--outcome",),
    "--to": ("--until", "--as-of"),
    "--to-date": ("--until", "--as-of"),
    "--type": ("--kind",),
    "--until": ("--as-of",),
    "--wait": ("drs-jobs watch",),
    "--within": ("--drilled-within",),
    "--running": ("--outcome running",),
    "-f": ("--log --follow", "--failed"),
    "-n": ("--limit",),
}
"""What to use instead of an option that other programs have. Options that the command lacks are left out."""

_COMMANDS: Final[Mapping[str, str]] = {
    "describe-jobs": "list",
    "drills": "check",
    "explain": "show",
    "export": "save",
    "help": "--help",
    "get": "show",
    "jobs": "list",
    "log": "show --log",
    "logs": "show --log",
    "ls": "list",
    "phases": "show",
    "progress": "watch",
    "recovery": "check",
    "status": "show",
    "sweep": "list --accounts",
    "version": "--version",
    "wait": "watch",
}
"""The command to use instead of one that other programs, or earlier versions, have."""


def suggest_option(option: str, command: str, options_by_command: Mapping[str, Iterable[str]]) -> str:
    """Return what to use instead of an option that a command lacks, as a sentence; empty if nothing is known.

    The command is empty for an option before the command.
    """
    available = set(options_by_command.get(command, ()))
    replacements = [text for text in _OPTIONS.get(option, ()) if not text.startswith("-") or text.split()[0] in available]
    if replacements:
        return f"Use {' or '.join(replacements)}."
    if close := get_close_matches(option, sorted(available), n=1, cutoff=0.75):
        return f"Did you mean {close[0]}?"
    others = [name for name, options in options_by_command.items() if name and option in options]
    return f"It is an option of {' and '.join(others)}." if others else ""


def suggest_command(command: str, commands: Iterable[str]) -> str:
    """Return what to use instead of a command that does not exist, as a sentence; empty if nothing is known."""
    close = next(iter(get_close_matches(command, sorted({*commands, *_COMMANDS}), n=1)), None)
    name = _COMMANDS.get(command) or (close and _COMMANDS.get(close, close))
    return "" if name is None else f"Use drs-jobs {name}."


def suggest_region(region: str, regions: Iterable[str]) -> str:
    """Return the region that was probably meant, as a question; empty if none is similar."""
    close = get_close_matches(region.lower(), sorted(regions), n=1, cutoff=0.7)
    return f"did you mean {close[0]}?" if close else ""
