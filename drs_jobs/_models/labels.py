"""Short texts and colours for jobs, used by terminals, HTML and charts."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from drs_jobs._enums import InitiatedBy, JobType, Outcome

if TYPE_CHECKING:
    from drs_jobs._models.job import Job

OUTCOME_COLOURS: Final[Mapping[Outcome, str]] = {
    Outcome.SUCCEEDED: "#009E73",
    Outcome.FAILED: "#D55E00",
    Outcome.RUNNING: "#56B4E9",
    Outcome.UNDETERMINED: "#E69F00",
}
"""One colour per outcome, from the palette of Okabe and Ito, which colour-blind readers can distinguish."""

KINDS: Final[Mapping[str, str]] = {
    InitiatedBy.START_DRILL: "drill",
    InitiatedBy.START_RECOVERY: "recovery",
    InitiatedBy.FAILBACK: "failback",
    InitiatedBy.DIAGNOSTIC: "diagnostic",
    InitiatedBy.TERMINATE_RECOVERY_INSTANCES: "clean-up",
    InitiatedBy.TARGET_ACCOUNT: "target account",
    InitiatedBy.CREATE_NETWORK_RECOVERY: "network",
    InitiatedBy.UPDATE_NETWORK_RECOVERY: "network",
    InitiatedBy.ASSOCIATE_NETWORK_RECOVERY: "network",
}


def job_kind(job: "Job") -> str:
    """Return the kind of a job as a short text, such as `drill`."""
    if job.initiated_by is None:
        return "clean-up" if job.type == JobType.TERMINATE else "-"
    return KINDS.get(job.initiated_by, job.initiated_by)


def arrived_count(job: "Job") -> str:
    """Return how many servers have reached the target status, of all servers, such as `3/8`."""
    return f"{len(job.arrived_servers)}/{len(job.participating_servers)}"
