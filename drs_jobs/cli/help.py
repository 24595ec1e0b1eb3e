"""What `--help` shows besides the options: one summary line per command, and examples."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

EXAMPLES: Final[Mapping[str, Sequence[str]]] = {
    "drs-jobs": (
        "drs-jobs list --since 90d --failed",
        "drs-jobs --region eu-west-1 show drsjob-556c7b1d99221f996",
        "drs-jobs demo",
    ),
    "list": (
        "drs-jobs list --since 90d --failed",
        "drs-jobs list --kind drill --outcome succeeded --limit 20",
        "drs-jobs list --since 2024-06-01 --until 2024-06-30 -o json",
    ),
    "show": (
        "drs-jobs show drsjob-556c7b1d99221f996",
        "drs-jobs show drsjob-556c7b1d99221f996 -o json",
    ),
    "phases": ("drs-jobs phases drsjob-556c7b1d99221f996",),
    "watch": (
        "drs-jobs watch drsjob-556c7b1d99221f996 --timeout 2h",
        "drs-jobs watch drsjob-556c7b1d99221f996 --poll-interval 10s",
    ),
    "drills": (
        "drs-jobs drills --older-than 90d",
        "drs-jobs drills --since 1y --servers servers.txt",
        "drs-jobs drills --older-than 90d --fail",
    ),
    "recovery": (
        "drs-jobs recovery --since 1y --objective 4h",
        "drs-jobs recovery --objective 4h --fail -o junit",
    ),
    "report": ("drs-jobs report --since 1y --objective 4h --older-than 90d --servers servers.txt -o evidence.html",),
    "sweep": (
        "drs-jobs sweep --accounts accounts.txt --role-name DrsReader",
        "drs-jobs sweep --accounts - --role-name DrsReader --regions eu-west-1 --failed",
    ),
    "demo": (
        "drs-jobs demo",
        "drs-jobs demo --serve",
    ),
    "local": (
        "drs-jobs local --history 100 --speed 60",
        "drs-jobs local --fail s-00000000000000001=LAUNCH",
    ),
}
"""Command lines by command."""


def complete_help(program: Any) -> None:
    """Add examples to the help of a program and of its commands, and complete summaries to its list of commands.

    Args:
        program: The command group of click. Its class depends on the version of typer.
    """
    program.epilog = _epilog(EXAMPLES["drs-jobs"])
    for name, command in program.commands.items():
        # An explicit summary, because click cuts off the one that it takes from the docstring.
        command.short_help = command.short_help or summary(command.help or "")
        if name in EXAMPLES:
            command.epilog = _epilog(EXAMPLES[name])


def summary(text: str) -> str:
    """Return the first sentence of a help text, on one line and without its full stop."""
    paragraph = " ".join(text.partition("\n\n")[0].split())
    return paragraph.partition(". ")[0].removesuffix(".")


def _epilog(lines: Sequence[str]) -> str:
    # click does not wrap a paragraph that begins with this control character.
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])
