"""Jobs and evidence as Arrow tables and as charts. They need the extra `notebook`."""

from drs_jobs import _extras

try:
    from drs_jobs.notebook.charts import drill_grid, drill_history, phases_chart, recovery_chart, timeline
    from drs_jobs.notebook.tables import action_runs_table, evidence_table, jobs_table, phases_table, servers_table, to_excel
except ImportError as _error:
    raise _extras.missing_extra_error("notebook", _error) from _error

__all__ = [
    "action_runs_table",
    "drill_grid",
    "drill_history",
    "evidence_table",
    "jobs_table",
    "phases_chart",
    "phases_table",
    "recovery_chart",
    "servers_table",
    "timeline",
    "to_excel",
]
