"""Charts of jobs as plotly figures.

All charts share their look: colours and symbols of outcomes, a title with the number of jobs, their dates, accounts and
regions, texts in the colours of the theme, and a text in place of the data if there are none.
"""

from drs_jobs.notebook.charts._drills import drill_grid
from drs_jobs.notebook.charts._history import drill_history
from drs_jobs.notebook.charts._phases import phases_chart
from drs_jobs.notebook.charts._recovery import recovery_chart
from drs_jobs.notebook.charts._timeline import timeline

__all__ = ["drill_grid", "drill_history", "phases_chart", "recovery_chart", "timeline"]
