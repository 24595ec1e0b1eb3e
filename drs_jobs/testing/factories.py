"""Functions that create realistic jobs. No two jobs are equal, and the same calls in the same order create the same jobs."""

import functools
import random
import string
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, TypeVar, get_args

import attrs

from drs_jobs._models import (
    Job,
    JobLogEventData,
    JobLogItem,
    LaunchAction,
    LaunchActionRun,
    LaunchActionsStatus,
    ParticipatingResource,
    ParticipatingServer,
    SourceNetworkID,
    UnknownValue,
)
from drs_jobs.testing.service_model import ACCOUNT_ID, require_scope

T = TypeVar("T", bound=attrs.AttrsInstance)

_FIRST_DATE: Final = datetime(2024, 6, 15, 3, 0, tzinfo=UTC)
_DRILL_DURATION: Final = timedelta(minutes=9)
"""Approximate duration of a drill in the real service."""


@functools.cache
def _enums(model: type[attrs.AttrsInstance]) -> dict[str, type[StrEnum]]:
    """Return the enum of each field that has one."""
    types = ((field.name, member) for field in attrs.fields(model) for member in get_args(field.type))
    return {name: member for name, member in types if isinstance(member, type) and issubclass(member, StrEnum)}


def make(model: type[T], **fields: Any) -> T:
    """Return an instance of a model class. Plain strings become enum members, or an `UnknownValue` if there is none."""
    for name, enum in _enums(model).items():
        if type(value := fields.get(name)) is str:
            fields[name] = enum.__members__.get(value, UnknownValue(value))
    return model(**fields)


DISK_SPACE_VALIDATION: Final = make(
    LaunchAction,
    action_code="AWSMigration-ValidateDiskSpace",
    action_id="6f0b1b0e-6f0e-4a4e-9d0c-2f6f3a5c7d11",
    action_version="$DEFAULT",
    active=True,
    category="VALIDATION",
    name="Validate disk space",
    optional=False,
    order=2,
    type="SSM_AUTOMATION",
)
"""A post-launch action."""


class JobFactory:
    """Creates jobs from its own seeded random generator. `make_job` and the similar functions are methods of one factory."""

    def __init__(self, seed: int | str) -> None:
        """Create a factory. The same seed and the same order of calls create the same jobs."""
        self._random = random.Random(seed)
        self._next_creation = _FIRST_DATE
        self._next_log = _FIRST_DATE

    def job(self, *, region: str = "eu-west-1", account_id: str = ACCOUNT_ID, **fields: Any) -> Job:
        """Return a job, by default a successful drill of one to three servers.

        Args:
            region: The region in the ARN. Default `eu-west-1`.
            account_id: The account in the ARN. Default 123456789012.
            fields: Fields of `Job`. Enum fields also accept plain strings. The defaults of the other fields are consistent
                with the given ones: a PENDING job has no end date and pending servers, a TERMINATE job has terminated servers.

        Raises:
            ValueError: If the region is unknown or the account id does not have 12 digits.
        """
        job_id = fields.setdefault("job_id", "drsjob-" + self._letters(17))
        fields.setdefault("arn", require_scope(account_id, region).arn("job", job_id))
        is_termination = fields.setdefault("type", "LAUNCH") == "TERMINATE"
        status = fields.setdefault("status", "COMPLETED")
        fields.setdefault("initiated_by", None if is_termination else "START_DRILL")  # as measured
        if "creation_date_time" not in fields:
            self._next_creation += timedelta(hours=6, seconds=self._random.uniform(-3600, 3600))
            fields["creation_date_time"] = self._next_creation
        created = fields["creation_date_time"]
        if "end_date_time" not in fields and status == "COMPLETED" and created is not None:
            fields["end_date_time"] = created + _DRILL_DURATION * self._random.uniform(0.8, 1.4)
        if "participating_servers" not in fields:
            statuses = {"PENDING": "PENDING", "STARTED": "IN_PROGRESS"}
            launch_status = statuses.get(status, "TERMINATED" if is_termination else "LAUNCHED")
            servers = [self.server(launch_status=launch_status) for _ in range(self._random.randint(1, 3))]
            fields["participating_servers"] = tuple(servers)
        return make(Job, **fields)

    def server(self, **fields: Any) -> ParticipatingServer:
        """Return a server, by default launched: as in AWS, without an instance id. `fields` are those of the class."""
        fields.setdefault("source_server_id", self.source_server_id())
        if fields.setdefault("launch_status", "LAUNCHED") == "LAUNCHED":
            fields.setdefault("launch_actions_status", LaunchActionsStatus())
        return make(ParticipatingServer, **fields)

    def resource(self, **fields: Any) -> ParticipatingResource:
        """Return a source network, by default a launched one. `fields` are fields of `ParticipatingResource`."""
        fields.setdefault("launch_status", "LAUNCHED")
        fields.setdefault("participating_resource_id", SourceNetworkID("sn-" + self._letters(17)))
        return make(ParticipatingResource, **fields)

    def run(self, *, optional: bool | None = False, name: str = "Validate disk space", **fields: Any) -> LaunchActionRun:
        """Return a run of a post-launch action, by default a successful one.

        Args:
            optional: Whether the action is optional. Default `False`.
            name: The name of the action.
            fields: Fields of `LaunchActionRun`. If `action` is given, `optional` and `name` are ignored.
        """
        fields.setdefault("run_id", self._uuid())
        if "action" not in fields:
            fields["action"] = attrs.evolve(DISK_SPACE_VALIDATION, action_id=self._uuid(), name=name, optional=optional)
        if fields.setdefault("status", "SUCCEEDED") == "FAILED":
            fields.setdefault("failure_reason", "Step timed out while verifying that the instance responds")
        return make(LaunchActionRun, **fields)

    def log_item(self, **fields: Any) -> JobLogItem:
        """Return a log item, by default a JOB_START.

        Args:
            fields: Fields of `JobLogItem`. Fields of `JobLogEventData` are accepted in place of `event_data`.
        """
        data = {name: fields.pop(name) for name in attrs.fields_dict(JobLogEventData) if name in fields}
        fields.setdefault("event", "JOB_START")
        fields.setdefault("event_data", JobLogEventData(**data))
        if "log_date_time" not in fields:
            self._next_log += timedelta(seconds=self._random.uniform(1, 60))
            fields["log_date_time"] = self._next_log
        return make(JobLogItem, **fields)

    def source_server_id(self) -> str:
        """Return a new source server id."""
        return "s-" + self._letters(17)

    def instance_id(self) -> str:
        """Return a new EC2 instance id."""
        return f"i-{self._random.getrandbits(17 * 4):017x}"

    def _letters(self, length: int) -> str:
        return "".join(self._random.choices(string.digits + string.ascii_lowercase, k=length))

    def _uuid(self) -> str:
        return "-".join("".join(self._random.choices("0123456789abcdef", k=length)) for length in (8, 4, 4, 4, 12))


# Each factory has its own seed, so that ids do not collide: `Backend` uses 2.
_default_factory: Final = JobFactory(1)
make_job: Callable[..., Job] = _default_factory.job
make_server: Callable[..., ParticipatingServer] = _default_factory.server
make_resource: Callable[..., ParticipatingResource] = _default_factory.resource
make_run: Callable[..., LaunchActionRun] = _default_factory.run
make_log_item: Callable[..., JobLogItem] = _default_factory.log_item
