"""Jobs as Arrow tables and as charts. They need the extra `notebook`.

| module | contents |
|---|---|
| `tables` | `jobs_table`, `servers_table`, `action_runs_table`, `phases_table` |
| `charts` | `timeline`, `drill_history`, `drill_grid`, `phases_chart`, `recovery_chart` |
"""

# pyarrow and plotly have no types.
# pyright: reportUnknownVariableType=false

import importlib
from typing import TYPE_CHECKING, Any, Final

from drs_jobs._extras import missing_extra_error

if TYPE_CHECKING:
    from drs_jobs.notebook.charts import drill_grid, drill_history, phases_chart, recovery_chart, timeline
    from drs_jobs.notebook.tables import action_runs_table, jobs_table, phases_table, servers_table

__all__ = [
    "action_runs_table",
    "drill_grid",
    "drill_history",
    "jobs_table",
    "phases_chart",
    "phases_table",
    "recovery_chart",
    "servers_table",
    "timeline",
]

_MODULES: Final = {
    "action_runs_table": "tables",
    "drill_grid": "charts",
    "drill_history": "charts",
    "jobs_table": "tables",
    "phases_chart": "charts",
    "phases_table": "tables",
    "recovery_chart": "charts",
    "servers_table": "tables",
    "timeline": "charts",
}


def __getattr__(name: str) -> Any:
    """Import the module of a function at its first use, because tables and charts need different packages."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        module = importlib.import_module(f"{__name__}.{_MODULES[name]}")
    except ImportError as error:
        raise missing_extra_error("notebook", error) from error
    return getattr(module, name)
