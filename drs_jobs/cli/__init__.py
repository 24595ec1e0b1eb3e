"""The command line `drs-jobs`. It needs the extra `cli`.

| module | contents |
|---|---|
| `commands` | commands and their options; each imports the module that does its work |
| `options` | the types of options, and how their texts are read |
| `help` | examples and summaries in `--help` |
| `names` | host names from a file, and where else to find them |
| `exit_codes` | exit statuses, errors and notes as lines on stderr |
| `process` | runs a command: its exit status, closed and full streams |
| `errors` | the exit status and the message for each error |
| `listing`, `explanations`, `progress` | what `list`, `show` and `watch` do |
| `phases`, `drills`, `recovery`, `report`, `sweep`, `demo`, `local` | what the commands with these names do |
| `filters` | filters of jobs by kind and outcome |
| `tables` | tables, and jobs as JSON |
| `formats` | JSON lines, CSV, JUnit and Prometheus, and the gate `--fail` |
| `logs` | the logs of many jobs, a few at a time |
| `phase_reader` | the phases of running jobs, read beside the polls |
| `host_names` | host names from AWS |

The modules up to `process` import neither boto3, attrs nor rich, so that help, completion and wrong arguments are quick.
"""

import sys
from typing import NoReturn

from drs_jobs._extras import missing_extra_error
from drs_jobs.cli import process


def main() -> NoReturn:
    """Run the command line with the arguments in `sys.argv`, and exit with its status."""
    process.run(_invoke)


def _invoke() -> int:
    try:
        # Imported here, because it needs an extra, and so that an interruption of the import has an exit status too.
        from drs_jobs.cli.commands import invoke  # noqa: PLC0415

        return invoke(sys.argv[1:])
    except ImportError as error:
        raise missing_extra_error("cli", error) from error
