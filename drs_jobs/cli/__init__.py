"""The command line `drs-jobs`. It needs the extra `cli`.

| module | contents |
|---|---|
| `commands` | commands and their options |
| `options` | the types of options, and how their texts are read |
| `filters` | filters of jobs by kind and outcome |
| `help` | examples and summaries in `--help` |
| `tables` | tables, and jobs as JSON |
| `formats` | JSON lines, CSV, JUnit and Prometheus, and the gate `--fail` |
| `drills`, `recovery`, `phases`, `explanations` | what `drills`, `recovery`, `phases` and `show` print |
| `logs` | the logs of many jobs, a few at a time |
| `progress` | progress of jobs until they are complete: bars or lines |
| `phase_reader` | the phases of running jobs, read beside the polls |
| `exit_codes` | exit statuses, errors as one line, closed and full streams |
| `names` | host names of source servers |
| `report` | `drs-jobs report` |
| `sweep` | `drs-jobs sweep`: many accounts and regions |
| `demo` | `drs-jobs demo` |
| `local` | `drs-jobs local` |
"""

import sys
from typing import NoReturn

from drs_jobs._extras import missing_extra_error
from drs_jobs.cli import exit_codes


def main() -> NoReturn:
    """Run the command line with the arguments in `sys.argv`, and exit with its status."""
    exit_codes.run(_invoke)


def _invoke() -> int:
    try:
        # Imported here, because it needs an extra, and so that an interruption of the import has an exit status too.
        from drs_jobs.cli.commands import invoke  # noqa: PLC0415
    except ImportError as error:
        raise missing_extra_error("cli", error) from error
    return invoke(sys.argv[1:])
