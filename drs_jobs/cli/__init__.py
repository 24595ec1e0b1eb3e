"""The command line `drs-jobs`. Extra `cli`.

| room | what it holds |
|---|---|
| `commands` | the commands and their options |
| `output` | tables and JSON lines |
| `live` | following jobs until they are complete |
| `exits` | errors to one line and an exit status |
| `sweep` | `drs-jobs sweep`: many accounts and regions |
| `demo` | `drs-jobs demo` |
"""

from drs_jobs._extras import missing

try:
    from drs_jobs.cli.commands import app
    from drs_jobs.cli.exits import run
except ImportError as _error:
    raise missing("cli", _error) from _error

__all__ = ["app", "run"]
