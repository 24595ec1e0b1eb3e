"""The command line `drs-jobs`. Extra `cli`.

| module | what it holds |
|---|---|
| `commands` | the commands and their options |
| `output` | tables and JSON lines |
| `live` | following jobs until they are complete |
| `exits` | exit statuses, errors as one line, closed and full streams |
| `sweep` | `drs-jobs sweep`: many accounts and regions |
| `demo` | `drs-jobs demo` |
"""

import sys
from typing import NoReturn

from drs_jobs._extras import missing
from drs_jobs.cli import exits


def main() -> NoReturn:
    """Run the command line on `sys.argv`, and exit with its status."""
    exits.run(_invoke)


def _invoke() -> int:
    try:
        # Imported here, because what it needs is an extra, and because an interruption of the import has a status too.
        from drs_jobs.cli.commands import invoke  # noqa: PLC0415
    except ImportError as error:
        raise missing("cli", error) from error
    return invoke(sys.argv[1:])
