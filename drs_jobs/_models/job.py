"""A job as DescribeJobs answers it, and what can be worked out from it alone.

Source of every field: the shape `Job` of the service model, and
https://docs.aws.amazon.com/drs/latest/APIReference/API_Job.html. An absent scalar is `None`, an absent list or map is empty.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, NamedTuple, TypeAlias
from urllib.parse import quote

import attrs

from drs_jobs._errors import JobFailedError, JobOutcomeError
from drs_jobs._models.base import Model, UnknownMember
from drs_jobs._models.enums import (
    InitiatedBy,
    JobStatus,
    JobType,
    LaunchActionCategory,
    LaunchActionParameterType,
    LaunchActionRunStatus,
    LaunchActionType,
    LaunchStatus,
    Outcome,
    UnknownValue,
)
from drs_jobs._models.html import job_html
from drs_jobs._timestamps import duration_between, utc_offset


@attrs.frozen(repr=False)
class SourceNetworkID(Model):
    """A participating resource that is a source network."""

    value: str
    """The source network's id, `sn-` and 17 letters or digits."""


ParticipatingResourceID: TypeAlias = SourceNetworkID | UnknownMember
"""What a participating resource is: a tagged union, open to members that AWS adds later."""


@attrs.frozen(repr=False, kw_only=True)
class LaunchActionParameter(Model):
    """One parameter of a post-launch action."""

    type: LaunchActionParameterType | UnknownValue | None = None
    """Where the value comes from."""
    value: str | None = None
    """The value, or the name under which it is stored."""


@attrs.frozen(repr=False, kw_only=True)
class LaunchAction(Model):
    """A post-launch action: something Systems Manager does on a launched instance."""

    action_code: str | None = None
    """The Systems Manager document that is run."""
    action_id: str | None = None
    """The action's id, a UUID."""
    action_version: str | None = None
    """The document's version: a number, `$DEFAULT` or `$LATEST`."""
    active: bool | None = None
    """Whether the action is switched on."""
    category: LaunchActionCategory | UnknownValue | None = None
    """What the action is for."""
    description: str | None = None
    """What the action does, in words."""
    name: str | None = None
    """The action's name."""
    optional: bool | None = None
    """Whether a launch counts as good although this action failed. Absent counts as not optional."""
    order: int | None = None
    """Place in the order of execution, 2 to 10,000."""
    parameters: Mapping[str, LaunchActionParameter] = attrs.field(factory=dict[str, LaunchActionParameter], hash=False)
    """The action's parameters by name."""
    type: LaunchActionType | UnknownValue | None = None
    """Which part of Systems Manager runs it."""


@attrs.frozen(repr=False, kw_only=True)
class LaunchActionRun(Model):
    """One run of a post-launch action on one server."""

    action: LaunchAction | None = None
    """What was run."""
    run_id: str | None = None
    """The run's id, a UUID."""
    status: LaunchActionRunStatus | UnknownValue | None = None
    """How far the run has come."""
    failure_reason: str | None = None
    """Why it failed, in AWS's words."""

    @property
    def name(self) -> str:
        """What to call it: the action's name or code, or the run's id."""
        action = self.action or LaunchAction()
        return action.name or action.action_code or self.run_id or "without a name"

    @property
    def is_optional(self) -> bool:
        """Whether this run may fail without failing the job."""
        return self.action is not None and self.action.optional is True

    @property
    def is_failed(self) -> bool:
        """Whether the run failed."""
        return self.status == LaunchActionRunStatus.FAILED


@attrs.frozen(repr=False, kw_only=True)
class LaunchActionsStatus(Model):
    """The post-launch actions of one server."""

    runs: tuple[LaunchActionRun, ...] = ()
    """The runs, in AWS's order."""
    ssm_agent_discovery_datetime: datetime | None = None
    """When the Systems Manager agent was first seen on the launched instance, UTC."""


@attrs.frozen(repr=False, kw_only=True)
class ParticipatingServer(Model):
    """A source server that a job works on."""

    source_server_id: str | None = None
    """The source server's id, `s-` and 17 letters or digits."""
    recovery_instance_id: str | None = None
    """The recovery instance's id, `i-…`. Often absent although the server launched: the job's log has it then."""
    launch_status: LaunchStatus | UnknownValue | None = None
    """How far this server has come."""
    launch_actions_status: LaunchActionsStatus | None = None
    """Its post-launch actions."""

    @property
    def runs(self) -> tuple[LaunchActionRun, ...]:
        """The runs of its post-launch actions; empty where there are none."""
        return self.launch_actions_status.runs if self.launch_actions_status is not None else ()

    @property
    def name(self) -> str:
        """What to call it: its id."""
        return self.source_server_id or "without an id"

    @property
    def is_failed(self) -> bool:
        """Whether the server's own launch status is `FAILED`."""
        return self.launch_status == LaunchStatus.FAILED


@attrs.frozen(repr=False, kw_only=True)
class ParticipatingResource(Model):
    """A resource other than a server that a job works on: a source network, so far."""

    participating_resource_id: ParticipatingResourceID | None = None
    """What it is."""
    launch_status: LaunchStatus | UnknownValue | None = None
    """How far it has come."""

    @property
    def is_failed(self) -> bool:
        """Whether its launch status is `FAILED`."""
        return self.launch_status == LaunchStatus.FAILED

    @property
    def name(self) -> str:
        """What to call it: the source network's id, or the tag of a kind that this version does not know."""
        match self.participating_resource_id:
            case SourceNetworkID(value):
                return value
            case UnknownMember(name):
                return name
            case None:
                return "without an id"


_TARGET_STATUSES: Final[Mapping[str, LaunchStatus]] = {
    JobType.LAUNCH: LaunchStatus.LAUNCHED,
    JobType.TERMINATE: LaunchStatus.TERMINATED,
}
"""Where a job of this type wants every participant to be. A type without an aim is not judged to have succeeded."""


@attrs.frozen(repr=False, kw_only=True)
class Job(Model):
    """A recovery, drill, failback or clean-up: an asynchronous job of AWS Elastic Disaster Recovery."""

    job_id: str
    """The job's id, `drsjob-` and 17 letters or digits. The one field that is always there."""
    arn: str | None = None
    """The job's Amazon Resource Name."""
    type: JobType | UnknownValue | None = None
    """What the job does."""
    initiated_by: InitiatedBy | UnknownValue | None = None
    """What started it."""
    creation_date_time: datetime | None = None
    """When it was created, UTC."""
    end_date_time: datetime | None = None
    """When it ended, UTC; absent while it runs."""
    status: JobStatus | UnknownValue | None = None
    """How far it has come. `COMPLETED` is not success: ask `outcome`."""
    participating_servers: tuple[ParticipatingServer, ...] = ()
    """The source servers it works on."""
    participating_resources: tuple[ParticipatingResource, ...] = ()
    """The other resources it works on."""
    tags: Mapping[str, str] = attrs.field(factory=dict[str, str], hash=False, repr=False)
    """The job's tags. The service marks them sensitive, so they are in no `repr`, log or error."""

    @property
    def is_complete(self) -> bool:
        """Whether the job has ended: status `COMPLETED`, or an end date whatever the status."""
        return self.status == JobStatus.COMPLETED or self.end_date_time is not None

    @property
    def is_drill(self) -> bool:
        """Whether it was started as a drill."""
        return self.initiated_by == InitiatedBy.START_DRILL

    @property
    def duration(self) -> timedelta | None:
        """From creation to end; `None` where either is unknown, so also while the job runs."""
        if self.creation_date_time is None or self.end_date_time is None:
            return None
        return duration_between(self.creation_date_time, self.end_date_time)

    def elapsed(self, now: datetime) -> timedelta | None:
        """How long the job took, or has been running at `now` (an aware datetime).

        `None` where that is unknown: without a creation date, or complete without an end date. ValueError for a naive `now`.
        """
        utc_offset(now, "now")
        if self.is_complete:
            return self.duration
        return None if self.creation_date_time is None else duration_between(self.creation_date_time, now)

    @property
    def outcome(self) -> Outcome:
        """What the job came to, from its participants and their post-launch actions.

        FAILED wins over doubt: one failed participant or non-optional action is enough. SUCCEEDED asks that everything
        arrived where this type of job aims: LAUNCH at LAUNCHED, TERMINATE at TERMINATED. A completed TERMINATE may list
        nobody (seen in the field); any other job that lists nobody is UNDETERMINED, as is whatever this version can't judge.
        """
        outcome = self._evaluate(self.participating_servers, self.participating_resources)
        is_empty = not self.participating_servers and not self.participating_resources
        if outcome is Outcome.SUCCEEDED and is_empty and self.type != JobType.TERMINATE:
            return Outcome.UNDETERMINED
        return outcome

    def outcome_of(self, source_server_id: str) -> Outcome | None:
        """What the job came to for one of its servers, which may differ from `outcome`; `None` where it takes no part."""
        servers = tuple(s for s in self.participating_servers if s.source_server_id == source_server_id)
        return self._evaluate(servers, ()) if servers else None

    def _evaluate(self, servers: tuple[ParticipatingServer, ...], resources: tuple[ParticipatingResource, ...]) -> Outcome:
        if not self.is_complete:
            return Outcome.RUNNING
        statuses = [*(server.launch_status for server in servers), *(resource.launch_status for resource in resources)]
        required = [run.status for server in servers for run in server.runs if not run.is_optional]
        if LaunchStatus.FAILED in statuses or LaunchActionRunStatus.FAILED in required:
            return Outcome.FAILED
        arrived = self._target_status is not None and all(status == self._target_status for status in statuses)
        acted = all(status == LaunchActionRunStatus.SUCCEEDED for status in required)
        return Outcome.SUCCEEDED if arrived and acted else Outcome.UNDETERMINED

    @property
    def arrived_servers(self) -> tuple[ParticipatingServer, ...]:
        """The servers that are where this type of job aims: launched, or terminated. Empty for a type without an aim."""
        aim = self._target_status
        return tuple(server for server in self.participating_servers if aim is not None and server.launch_status == aim)

    @property
    def _target_status(self) -> LaunchStatus | None:
        return None if self.type is None else _TARGET_STATUSES.get(self.type)

    @property
    def failed_servers(self) -> tuple[ParticipatingServer, ...]:
        """The servers whose own launch status is `FAILED`."""
        return tuple(server for server in self.participating_servers if server.is_failed)

    @property
    def failed_resources(self) -> tuple[ParticipatingResource, ...]:
        """The other resources whose launch status is `FAILED`."""
        return tuple(resource for resource in self.participating_resources if resource.is_failed)

    @property
    def failed_actions(self) -> tuple[LaunchActionRun, ...]:
        """The failed runs of post-launch actions, optional ones too: `run.action.optional` tells."""
        return tuple(run for server in self.participating_servers for run in server.runs if run.is_failed)

    @property
    def account_id(self) -> str | None:
        """The AWS account, 12 digits, from the ARN; `None` where the ARN has none."""
        return None if (arn := _read_arn(self.arn)) is None else arn.account_id

    @property
    def region(self) -> str | None:
        """The AWS region, from the ARN; `None` where the ARN has none."""
        return None if (arn := _read_arn(self.arn)) is None else arn.region

    @property
    def console_url(self) -> str | None:
        """Where the AWS console shows this job, in the partitions `aws` and `aws-us-gov`; else `None`."""
        arn = _read_arn(self.arn)
        domain = None if arn is None else _CONSOLE_DOMAINS.get(arn.partition)
        if arn is None or domain is None:
            return None
        # A lone surrogate has no UTF-8; a link must not be what dies of it.
        job_id = quote(self.job_id, safe="", errors="replace")
        return f"https://{arn.region}.{domain}/drs/home?region={arn.region}#/launchHistory/{job_id}"

    def raise_unless_succeeded(self) -> "Job":
        """Return this job if it succeeded.

        Raises `JobFailedError`, which names what failed and why, if it failed, and `JobOutcomeError` if it is still running
        or its outcome can't be told.
        """
        match self.outcome:
            case Outcome.SUCCEEDED:
                return self
            case Outcome.FAILED:
                raise JobFailedError(self._failure_text(), job=self)
            case Outcome.RUNNING:
                msg = f"job {self.job_id} is still running (status {self.status}): wait for it before asking whether it worked"
            case Outcome.UNDETERMINED:
                msg = f"job {self.job_id} ended, but whether it worked can't be told: {self._undetermined_reasons()}"
        raise JobOutcomeError(msg, job=self)

    def _repr_html_(self) -> str:
        """What a notebook shows: a row of what matters, its servers and launch actions folded below, no tags."""
        return job_html(self)

    def _undetermined_reasons(self) -> str:
        """Why the outcome of a complete job is undetermined."""
        if self._target_status is None:
            return f"its type is {self.type}, and this version does not know what that aims at"
        servers, resources = self.participating_servers, self.participating_resources
        participants = [*((s.name, s.launch_status) for s in servers), *((r.name, r.launch_status) for r in resources)]
        doubts = [f"{name} is {status}" for name, status in participants if status != self._target_status]
        doubts += [
            f"action {run.name} on {server.name} is {run.status}"
            for server in servers
            for run in server.runs
            if not run.is_optional and run.status != LaunchActionRunStatus.SUCCEEDED
        ]
        return "; ".join(doubts) or "it lists nobody"

    def _failure_text(self) -> str:
        missed = "did not launch" if self.type == JobType.LAUNCH else "failed"
        reasons = [
            *(f"server {server.name} {missed}" for server in self.failed_servers),
            *(f"resource {resource.name} failed" for resource in self.failed_resources),
            *(
                f"action {run.name} failed on {server.name}" + (f" ({run.failure_reason})" if run.failure_reason else "")
                for server in self.participating_servers
                for run in server.runs
                if run.is_failed and not run.is_optional
            ),
        ]
        places = "" if len(reasons) == 1 else f" in {len(reasons)} places"
        return f"job {self.job_id} failed{places}: {'; '.join(reasons)}"


class _Arn(NamedTuple):
    partition: str
    region: str
    account_id: str


# Strict, because the region becomes part of a host name in a link.
_ARN: Final = re.compile(r"arn:(aws[a-z-]*):drs:([a-z]{2}[a-z0-9-]*):([0-9]{12}):job/.+", re.DOTALL)
_CONSOLE_DOMAINS: Final = {"aws": "console.aws.amazon.com", "aws-us-gov": "console.amazonaws-us-gov.com"}


def _read_arn(arn: str | None) -> _Arn | None:
    match = _ARN.fullmatch(arn) if arn is not None else None
    return None if match is None else _Arn(*match.groups())
