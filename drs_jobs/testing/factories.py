"""Believable jobs made with few words: no two alike, and the same in every run that makes them in the same order."""

import random
import string
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar

import attrs

from drs_jobs._models import (
    InitiatedBy,
    Job,
    JobLogEvent,
    JobLogEventData,
    JobLogItem,
    JobStatus,
    JobType,
    LaunchAction,
    LaunchActionCategory,
    LaunchActionRun,
    LaunchActionRunStatus,
    LaunchActionsStatus,
    LaunchActionType,
    LaunchStatus,
    ParticipatingResource,
    ParticipatingServer,
    SourceNetworkID,
    UnknownValue,
)

ACCOUNT_ID: Final = "123456789012"
"""The account that made-up jobs belong to."""

_FIRST_JOB: Final = datetime(2024, 6, 15, 3, 0, tzinfo=UTC)
_DRILL: Final = timedelta(minutes=9)
"""How long a drill takes, roughly; claimed of the real service."""

EnumT = TypeVar("EnumT", bound=StrEnum)


class JobFactory:
    """Makes jobs from its own seeded dice. `make_job` and its like share one."""

    def __init__(self, seed: int | str) -> None:
        """The same `seed` gives the same jobs, if they are made in the same order."""
        self._random = random.Random(seed)  # noqa: S311  # dice, not secrets
        self._next_creation = _FIRST_JOB
        self._next_log = _FIRST_JOB

    def job(self, *, region: str = "eu-west-1", **fields: Any) -> Job:
        """A job; unless `fields` say otherwise, a drill of one to three servers that succeeded.

        What is not said fits what is: a job that is PENDING has no end date and pending servers, a TERMINATE job has
        terminated ones. Enum fields also take plain strings. `region` goes into the ARN.
        """
        job_id = fields.setdefault("job_id", "drsjob-" + self._letters(17))
        fields.setdefault("arn", f"arn:aws:drs:{region}:{ACCOUNT_ID}:job/{job_id}")
        job_type = _member(JobType, fields.get("type", JobType.LAUNCH))
        status = _member(JobStatus, fields.get("status", JobStatus.COMPLETED))
        starter = InitiatedBy.TERMINATE_RECOVERY_INSTANCES if job_type == JobType.TERMINATE else InitiatedBy.START_DRILL
        starter = _member(InitiatedBy, fields.get("initiated_by", starter))
        fields |= {"type": job_type, "status": status, "initiated_by": starter}
        if "creation_date_time" not in fields:
            self._next_creation += timedelta(hours=6, seconds=self._random.uniform(-3600, 3600))
            fields["creation_date_time"] = self._next_creation
        created = fields["creation_date_time"]
        if "end_date_time" not in fields and status == JobStatus.COMPLETED and created is not None:
            fields["end_date_time"] = created + _DRILL * self._random.uniform(0.8, 1.4)
        if "participating_servers" not in fields:
            reached = _reached(job_type, status)
            servers = [self.server(launch_status=reached) for _ in range(self._random.randint(1, 3))]
            fields["participating_servers"] = tuple(servers)
        return Job(**fields)

    def server(self, **fields: Any) -> ParticipatingServer:
        """A server; unless `fields` say otherwise, one that launched, with one action that succeeded."""
        status = _member(LaunchStatus, fields.get("launch_status", LaunchStatus.LAUNCHED))
        fields["launch_status"] = status
        fields.setdefault("source_server_id", "s-" + self._letters(17))
        if status == LaunchStatus.LAUNCHED:
            fields.setdefault("recovery_instance_id", "i-" + self._hex(17))
            fields.setdefault("launch_actions_status", LaunchActionsStatus(runs=(self.run(),)))
        return ParticipatingServer(**fields)

    def resource(self, **fields: Any) -> ParticipatingResource:
        """A source network; unless `fields` say otherwise, one that launched."""
        fields["launch_status"] = _member(LaunchStatus, fields.get("launch_status", LaunchStatus.LAUNCHED))
        fields.setdefault("participating_resource_id", SourceNetworkID("sn-" + self._letters(17)))
        return ParticipatingResource(**fields)

    def run(self, *, optional: bool | None = False, name: str = "Validate disk space", **fields: Any) -> LaunchActionRun:
        """A run of a post-launch action; unless `fields` say otherwise, one that succeeded. `action=` replaces the action."""
        fields["status"] = _member(LaunchActionRunStatus, fields.get("status", LaunchActionRunStatus.SUCCEEDED))
        fields.setdefault("run_id", self._uuid())
        if "action" not in fields:
            fields["action"] = LaunchAction(
                action_code="AWSMigration-ValidateDiskSpace",
                action_id=self._uuid(),
                action_version="$DEFAULT",
                active=True,
                category=LaunchActionCategory.VALIDATION,
                name=name,
                optional=optional,
                order=2,
                type=LaunchActionType.SSM_AUTOMATION,
            )
        if fields["status"] == LaunchActionRunStatus.FAILED:
            fields.setdefault("failure_reason", "Step timed out while verifying that the instance responds")
        return LaunchActionRun(**fields)

    def log_item(self, **fields: Any) -> JobLogItem:
        """A log item; unless `fields` say otherwise, a JOB_START. Fields of its event data will do for `event_data`."""
        fields["event"] = _member(JobLogEvent, fields.get("event", JobLogEvent.JOB_START))
        about = {name: fields.pop(name) for name in attrs.fields_dict(JobLogEventData) if name in fields}
        fields.setdefault("event_data", JobLogEventData(**about))
        if "log_date_time" not in fields:
            self._next_log += timedelta(seconds=self._random.uniform(1, 60))
            fields["log_date_time"] = self._next_log
        return JobLogItem(**fields)

    def history(self, count: int, until: datetime) -> tuple[Job, ...]:
        """`count` jobs up to `until`, newest first: drills of a small fleet week by week, clean-ups, some failures."""
        fleet = ["s-" + self._letters(17) for _ in range(8)]
        jobs = [
            self.job(
                status=JobStatus.STARTED,
                creation_date_time=until - timedelta(minutes=4),
                participating_servers=self._drilled(fleet[:3], running=True),
            ),
        ]
        when = until - timedelta(days=1)
        while len(jobs) < count:
            servers = self._random.sample(fleet, self._random.randint(1, len(fleet)))
            launched = self._drilled(servers)
            starter = InitiatedBy.START_RECOVERY if self._random.random() < 0.1 else InitiatedBy.START_DRILL  # noqa: PLR2004
            cleaned = tuple(self.server(source_server_id=s, launch_status=LaunchStatus.TERMINATED) for s in servers)
            jobs += [
                self.job(type=JobType.TERMINATE, creation_date_time=when, participating_servers=cleaned),
                self.job(initiated_by=starter, creation_date_time=when - timedelta(hours=2), participating_servers=launched),
            ]
            when -= timedelta(days=7, hours=self._random.uniform(-12, 12))
        return tuple(jobs[:count])

    def _drilled(self, source_server_ids: Sequence[str], *, running: bool = False) -> tuple[ParticipatingServer, ...]:
        if running:
            first, *others = source_server_ids
            return (
                self.server(source_server_id=first),
                *(self.server(source_server_id=s, launch_status=LaunchStatus.IN_PROGRESS) for s in others),
            )
        dice = self._random.random()
        spoiled = self._random.choice(source_server_ids)
        servers: list[ParticipatingServer] = []
        for source_server_id in source_server_ids:
            if source_server_id == spoiled and dice < 0.2:  # noqa: PLR2004  # one drill in five has a server that fails
                servers.append(self.server(source_server_id=source_server_id, launch_status=LaunchStatus.FAILED))
            elif source_server_id == spoiled and dice < 0.35:  # noqa: PLR2004  # or one whose validation fails
                actions = LaunchActionsStatus(runs=(self.run(status=LaunchActionRunStatus.FAILED),))
                servers.append(self.server(source_server_id=source_server_id, launch_actions_status=actions))
            else:
                servers.append(self.server(source_server_id=source_server_id))
        return tuple(servers)

    def _letters(self, length: int) -> str:
        return "".join(self._random.choices(string.digits + string.ascii_lowercase, k=length))

    def _hex(self, length: int) -> str:
        return "".join(self._random.choices(string.hexdigits[:16], k=length))

    def _uuid(self) -> str:
        return "-".join(self._hex(length) for length in (8, 4, 4, 4, 12))


def _member(enum: type[EnumT], value: Any) -> Any:
    """An enum's member for a plain string, and an unknown value for one that is none."""
    if not isinstance(value, str) or isinstance(value, StrEnum | UnknownValue):
        return value
    return enum.__members__.get(value, UnknownValue(value))


def _reached(job_type: object, status: object) -> LaunchStatus:
    if status == JobStatus.PENDING:
        return LaunchStatus.PENDING
    if status == JobStatus.STARTED:
        return LaunchStatus.IN_PROGRESS
    return LaunchStatus.TERMINATED if job_type == JobType.TERMINATE else LaunchStatus.LAUNCHED


# Another seed for each maker, so that their ids never meet.
_default: Final = JobFactory(1)


def make_job(**fields: Any) -> Job:
    """A believable job; see `JobFactory.job`."""
    return _default.job(**fields)


def make_server(**fields: Any) -> ParticipatingServer:
    """A believable server; see `JobFactory.server`."""
    return _default.server(**fields)


def make_resource(**fields: Any) -> ParticipatingResource:
    """A believable source network; see `JobFactory.resource`."""
    return _default.resource(**fields)


def make_run(**fields: Any) -> LaunchActionRun:
    """A believable run of a post-launch action; see `JobFactory.run`."""
    return _default.run(**fields)


def make_log_item(**fields: Any) -> JobLogItem:
    """A believable log item; see `JobFactory.log_item`."""
    return _default.log_item(**fields)


def make_history(count: int = 30, *, until: datetime, seed: int = 20200226) -> tuple[Job, ...]:
    """A believable history of `count` jobs up to `until` (an aware datetime), newest first, with failures among them.

    The same arguments give the same history.
    """
    return JobFactory(f"{seed} {count} {until.isoformat()}").history(count, until)
