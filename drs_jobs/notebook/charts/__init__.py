"""Charts of jobs as plotly figures, as wide as the page.

All charts share their look: colours and markers of outcomes, a title with the number of what is drawn, dates, accounts and
regions, texts in the colours of the theme, and a text in place of the data if there are none.
"""

from drs_jobs.notebook.charts._jobs import drill_grid, drill_history, timeline
from drs_jobs.notebook.charts._phases import phases_chart, recovery_chart

__all__ = ["drill_grid", "drill_history", "phases_chart", "recovery_chart", "timeline"]
