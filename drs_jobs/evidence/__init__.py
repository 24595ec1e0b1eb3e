"""Evidence of drills and recoveries: the last drills and the recovery times of each server, as data and as an HTML page.

| module | contents |
|---|---|
| `drills` | the last drills of each server |
| `recovery` | the recovery times of each server, compared with an objective |
| `facts` | the facts of a report, without their form |
| `limits` | what could not be read, and what that means |
| `page` | the facts as an HTML page, with the extra `report`; `templates/` has its HTML and CSS |
| `tables` | the facts as CSV |
| `csv` | CSV for spreadsheets |
"""

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime, timedelta

from drs_jobs import Job
from drs_jobs._extras import missing_extra_error
from drs_jobs.analysis import JobPhases
from drs_jobs.evidence.drills import DrillReport, ServerDrill, last_drills
from drs_jobs.evidence.facts import Evidence, collect
from drs_jobs.evidence.recovery import RecoveryReport, ServerRecovery, recovery_times

__all__ = [
    "DrillReport",
    "RecoveryReport",
    "ServerDrill",
    "ServerRecovery",
    "last_drills",
    "recovery_times",
    "render",
]


def render(
    jobs: Iterable[Job],
    phases: Iterable[JobPhases],
    *,
    objective: timedelta | None = None,
    overdue_after: timedelta | None = None,
    source_server_ids: Iterable[str] | None = None,
    names: Mapping[str, str] | None = None,
    title: str | None = None,
    generated_at: datetime,
) -> str:
    """Return one self-contained HTML page with the drills, the recovery times and the failures of servers.

    The page has no script and needs no other file. It contains no tags of jobs. Text from AWS is escaped.

    Args:
        jobs: The jobs of any kind, in any order. A job that is given twice is counted once.
        phases: The phases of these jobs, such as from `JobsClient.phases`. Jobs without phases are named in the page.
        objective: The recovery time objective (RTO), such as `timedelta(hours=4)`. By default no server is compared with it.
        overdue_after: The time after its last successful drill from which a server is overdue, such as `timedelta(days=90)`.
            By default no server is overdue.
        source_server_ids: The servers of the report, including those without a drill. By default all servers in `jobs`.
        names: Host names by source server id, shown beside the id.
        title: The title of the page. Default `Disaster recovery evidence`.
        generated_at: The time of the report, as an aware datetime. The ages of drills are measured to it.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If `generated_at` is naive, or if `objective` or `overdue_after` is negative.
        ImportError: If the extra `report` is not installed.
    """
    evidence = collect(
        jobs,
        phases,
        objective=objective,
        overdue_after=overdue_after,
        source_server_ids=source_server_ids,
        names=names,
        title=title,
        generated_at=generated_at,
    )
    return page_function()(evidence)


def page_function() -> Callable[[Evidence], str]:
    """Return the function that returns the facts of a report as an HTML page.

    Raises:
        ImportError: If the extra `report` is not installed.
    """
    try:
        from drs_jobs.evidence.page import page  # noqa: PLC0415  # the CSV files do not need the extra
    except ImportError as error:
        raise missing_extra_error("report", error) from error
    return page


for _value in (DrillReport, RecoveryReport, ServerDrill, ServerRecovery):
    _value.__module__ = __name__
