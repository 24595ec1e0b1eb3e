"""A job in a few words and a colour: the same in terminal, HTML and charts."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

from drs_jobs.models import InitiatedBy, Job, JobType, Outcome

COLOURS: Final[Mapping[Outcome, str]] = {
    Outcome.SUCCEEDED: "#009E73",
    Outcome.FAILED: "#D55E00",
    Outcome.RUNNING: "#56B4E9",
    Outcome.UNDETERMINED: "#E69F00",
}
"""One colour an outcome, from Okabe and Ito's palette, which colour-blind readers can tell apart."""

_KINDS: Final[Mapping[str, str]] = {
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


def kind(job: Job) -> str:
    """What the job is, in a word."""
    if job.initiated_by is None:
        return "clean-up" if job.type == JobType.TERMINATE else "-"
    return _KINDS.get(job.initiated_by, job.initiated_by)


def servers(job: Job) -> str:
    """How many servers arrived, of how many: `3/8`."""
    return f"{len(job.arrived_servers)}/{len(job.participating_servers)}"


def span(duration: timedelta | None) -> str:
    """A duration to the second: `9m 12s`."""
    if duration is None:
        return "-"
    minutes, seconds = divmod(max(0, int(duration.total_seconds())), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}h {minutes:02}m" if hours else f"{minutes}m {seconds:02}s"


def in_utc(when: datetime) -> datetime:
    """The instant in UTC; the nearest one that a datetime can hold, if UTC is in the year 0 or 10000 by then."""
    try:
        return when.astimezone(UTC)
    except OverflowError:
        return datetime.min.replace(tzinfo=UTC) if when.year == 1 else datetime.max.replace(tzinfo=UTC)


def month(when: datetime) -> str:
    """The month in UTC: `2024-06`."""
    # strftime does not pad a year below 1000 on every platform.
    return in_utc(when).isoformat()[:7]


def minute(when: datetime | None) -> str:
    """The time to the minute, in UTC: `2024-06-15 12:00`."""
    return "-" if when is None else in_utc(when).isoformat(" ", "minutes")[:16]
