"""Evidence of drills and recoveries: one verdict per server, as data and as an HTML page."""

from drs_jobs import _extras
from drs_jobs._models.source_server import SourceServer
from drs_jobs.evidence.model import (
    Assessment,
    DrillResult,
    Problem,
    RecoveryResult,
    ServerAssessment,
    ServerRecord,
    Verdict,
)
from drs_jobs.evidence.verdicts import assess, logs_needed

__all__ = [
    "Assessment",
    "DrillResult",
    "Problem",
    "RecoveryResult",
    "ServerAssessment",
    "ServerRecord",
    "SourceServer",
    "Verdict",
    "assess",
    "logs_needed",
    "render",
]


def render(assessment: Assessment, *, title: str | None = None) -> str:
    """Return an assessment as one self-contained HTML page.

    The page has no script and needs no other file. It contains no tags of jobs. Text from AWS is escaped.

    Args:
        assessment: The assessment, from `assess`.
        title: The title of the page. Default `Disaster recovery evidence`.

    Raises:
        ImportError: If the extra `report` is not installed.
    """
    page: str = _extras.import_with_extra("drs_jobs.evidence.page", "report").page(assessment, title)
    return page


for _value in (Assessment, DrillResult, Problem, RecoveryResult, ServerAssessment, ServerRecord, Verdict):
    _value.__module__ = __name__
