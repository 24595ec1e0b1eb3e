"""What to use instead of an option or a command that does not exist."""

from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from typing import Final

_OPTIONS: Final[Mapping[str, Sequence[str]]] = {
    "--as-of --end --to --to-date --until": ["--until", "--as-of"],
    "--csv --json --junit --markdown --prometheus": ["-o {}"],
    "--days": ["--since 30d", "--drilled-within 90d"],
    "--drilled --within": ["--drilled-within"],
    "--format --output-format": ["-o"],
    "--from-date --start": ["--since"],
    "--html": ["drs-jobs report"],
    "--job --job-id --job-ids": ["the id as an argument"],
    "--last": ["--since 30d", "--limit"],
    "--max --max-items --max-results -n": ["--limit"],
    "--out --output-file": ["the file as an argument", "-o"],
    "--query": ["-o json with jq"],
    "--role --role-arn": ["--role-name"],
    "--rpo": ["--objective for the recovery time; jobs do not show the recovery point"],
    "--running": ["--outcome running"],
    "--state --status": ["--outcome"],
    "--type": ["--kind"],
    "--wait": ["drs-jobs watch"],
    "-f": ["--log --follow", "--failed"],
}
"""What to use instead of options that other programs have. What the command lacks is left out. A similar one needs no entry."""

_COMMANDS: Final = {
    "describe-jobs jobs ls": "list",
    "drills recovery": "check",
    "explain get phases status": "show",
    "export": "save",
    "help": "--help",
    "log logs": "show --log",
    "progress wait": "watch",
    "version": "--version",
}
"""The command to use instead of those that other programs have."""


def suggest_option(option: str, command: str, options_by_command: Mapping[str, Iterable[str]]) -> str:
    """Return what to use instead of an option that a command lacks, as a sentence; empty if nothing is known.

    The command is empty for an option before the command.
    """
    available = set(options_by_command[command])
    texts = [text.format(option[2:]) for names, texts in _OPTIONS.items() if option in names.split() for text in texts]
    if replacements := [text for text in texts if not text.startswith("-") or text.split()[0] in available]:
        return f"Use {' or '.join(replacements)}."
    if close := get_close_matches(option, sorted(available), n=1, cutoff=0.75):
        return f"Did you mean {close[0]}?"
    others = [name for name, options in options_by_command.items() if name and option in options]
    return f"It is an option of {' and '.join(others)}." if others else ""


def suggest_command(command: str, commands: Iterable[str]) -> str:
    """Return what to use instead of a command that does not exist, as a sentence; empty if nothing is known."""
    replacements = {name: replacement for names, replacement in _COMMANDS.items() for name in names.split()}
    close = get_close_matches(command, sorted({*commands, *replacements}), n=1)
    return f"Use drs-jobs {replacements.get(close[0], close[0])}." if close else ""


def suggest_region(region: str, regions: Iterable[str]) -> str:
    """Return the region that was probably meant, as a question; empty if none is similar."""
    close = get_close_matches(region.lower(), sorted(regions), n=1, cutoff=0.7)
    return f"did you mean {close[0]}?" if close else ""
