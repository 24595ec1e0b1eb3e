"""A job, as in the response of DescribeJobs, and the properties that are computed from it.

An absent scalar is `None`, and an absent list or map is empty.

Source: the shape `Job` of the service model, and
https://docs.aws.amazon.com/drs/latest/APIReference/API_Job.html, for every field.
"""

import re
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Final, TypeAlias
from urllib.parse import quote

import attrs

from drs_jobs import _html
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
from drs_jobs._time import duration_between, utc_offset


@attrs.frozen(repr=False)
class SourceNetworkID(Model):
    """A participating resource that is a source network."""

    value: str
    """The source network's id, `sn-` and 17 letters or digits."""


ParticipatingResourceID: TypeAlias = SourceNetworkID | UnknownMember
"""A participating resource: a tagged union, open to members that AWS adds later."""


@attrs.frozen(repr=False, kw_only=True)
class LaunchActionParameter(Model):
    """One parameter of a post-launch action."""

    type: LaunchActionParameterType | UnknownValue | None = None
    """The source of the value."""
    value: str | None = None
    """The value, or the name under which it is stored."""


@attrs.frozen(repr=False, kw_only=True)
class LaunchAction(Model):
    """A post-launch action, which AWS Systems Manager runs on a launched instance."""

    action_code: str | None = None
    """The Systems Manager document that is run."""
    action_id: str | None = None
    """The action's id, a UUID."""
    action_version: str | None = None
    """The document's version: a number, `$DEFAULT` or `$LATEST`."""
    active: bool | None = None
    """Whether the action is active."""
    category: LaunchActionCategory | UnknownValue | None = None
    """The purpose of the action."""
    description: str | None = None
    """The description of the action."""
    name: str | None = None
    """The action's name."""
    optional: bool | None = None
    """Whether a launch can succeed although this action failed. An absent value counts as not optional."""
    order: int | None = None
    """The position in the order of execution, 2 to 10,000."""
    parameters: Mapping[str, LaunchActionParameter] = attrs.field(factory=dict[str, LaunchActionParameter], hash=False)
    """The action's parameters by name."""
    type: LaunchActionType | UnknownValue | None = None
    """The part of Systems Manager that runs it."""


@attrs.frozen(repr=False, kw_only=True)
class LaunchActionRun(Model):
    """One run of a post-launch action on one server."""

    action: LaunchAction | None = None
    """The action."""
    run_id: str | None = None
    """The run's id, a UUID."""
    status: LaunchActionRunStatus | UnknownValue | None = None
    """The status of the run."""
    failure_reason: str | None = None
    """AWS's reason for the failure."""

    @property
    def name(self) -> str:
        """The name or code of the action, or the id of the run."""
        action = self.action or LaunchAction()
        return action.name or action.action_code or self.run_id or "without a name"

    @property
    def is_optional(self) -> bool:
        """Whether the job can succeed although this run failed."""
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
    """The time at which the Systems Manager agent was discovered on the launched instance, in UTC."""


@attrs.frozen(repr=False, kw_only=True)
class ParticipatingServer(Model):
    """A source server that a job works on."""

    source_server_id: str | None = None
    """The source server's id, `s-` and 17 letters or digits."""
    recovery_instance_id: str | None = None
    """The id of the recovery instance, `i-…`. It is often absent although the server launched. Then the job's log has it."""
    launch_status: LaunchStatus | UnknownValue | None = None
    """The launch status of this server."""
    launch_actions_status: LaunchActionsStatus | None = None
    """Its post-launch actions."""

    @property
    def runs(self) -> tuple[LaunchActionRun, ...]:
        """The runs of its post-launch actions; empty if there are none."""
        return self.launch_actions_status.runs if self.launch_actions_status is not None else ()

    @property
    def name(self) -> str:
        """The id of the server, or `without an id`."""
        return self.source_server_id or "without an id"

    @property
    def is_failed(self) -> bool:
        """Whether the server's own launch status is `FAILED`."""
        return self.launch_status == LaunchStatus.FAILED

    @property
    def has_failed_action(self) -> bool:
        """Whether a run of a non-optional launch action on it failed."""
        return any(run.is_failed and not run.is_optional for run in self.runs)


@attrs.frozen(repr=False, kw_only=True)
class ParticipatingResource(Model):
    """A resource other than a server that a job works on. The only kind today is a source network."""

    participating_resource_id: ParticipatingResourceID | None = None
    """The id of the resource, with its kind."""
    launch_status: LaunchStatus | UnknownValue | None = None
    """The launch status of this resource."""

    @property
    def is_failed(self) -> bool:
        """Whether its launch status is `FAILED`."""
        return self.launch_status == LaunchStatus.FAILED

    @property
    def name(self) -> str:
        """The id of the source network, or the kind of a resource that this version does not have, or `without an id`."""
        match self.participating_resource_id:
            case SourceNetworkID(value):
                return value
            case UnknownMember(name):
                return name
            case None:
                return "without an id"


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
"""The kind of job by initiator."""

_TARGET_STATUSES: Final[Mapping[str, LaunchStatus]] = {
    JobType.LAUNCH: LaunchStatus.LAUNCHED,
    JobType.TERMINATE: LaunchStatus.TERMINATED,
}
"""The launch status of every participant of a job that succeeded, by type of job. Other types never count as succeeded."""


@attrs.frozen(repr=False, kw_only=True)
class Job(Model):
    """A recovery, drill, failback or clean-up: an asynchronous job of AWS Elastic Disaster Recovery."""

    job_id: str
    """The job's id, `drsjob-` and 17 letters or digits. The only field that is never `None` or empty."""
    arn: str | None = None
    """The job's Amazon Resource Name."""
    type: JobType | UnknownValue | None = None
    """The type of the job."""
    initiated_by: InitiatedBy | UnknownValue | None = None
    """The operation or account that started it."""
    creation_date_time: datetime | None = None
    """The time of its creation, in UTC."""
    end_date_time: datetime | None = None
    """The time of its end, in UTC; `None` while it runs."""
    status: JobStatus | UnknownValue | None = None
    """The status. `COMPLETED` does not mean success: see `outcome`."""
    participating_servers: tuple[ParticipatingServer, ...] = ()
    """The source servers it works on."""
    participating_resources: tuple[ParticipatingResource, ...] = ()
    """The other resources it works on."""
    tags: Mapping[str, str] = attrs.field(factory=dict[str, str], hash=False, repr=False)
    """The job's tags. The service model marks them sensitive, so no `repr`, log or error contains them."""

    @property
    def is_complete(self) -> bool:
        """Whether the job has ended: status `COMPLETED`, or an end date whatever the status."""
        return self.status == JobStatus.COMPLETED or self.end_date_time is not None

    @property
    def is_drill(self) -> bool:
        """Whether the job was started as a drill."""
        return self.initiated_by == InitiatedBy.START_DRILL

    @property
    def kind(self) -> str:
        """The kind of job in a few words, such as `drill`, `recovery` or `clean-up`; `-` if it is unknown."""
        if self.type == JobType.TERMINATE:
            return KINDS[InitiatedBy.TERMINATE_RECOVERY_INSTANCES]
        if self.initiated_by is None:
            return "-"
        return KINDS.get(self.initiated_by, self.initiated_by)

    @property
    def duration(self) -> timedelta | None:
        """The time from creation to end; `None` if either is unknown, as while the job runs."""
        if self.creation_date_time is None or self.end_date_time is None:
            return None
        return duration_between(self.creation_date_time, self.end_date_time)

    def elapsed(self, now: datetime) -> timedelta | None:
        """Return the duration of a complete job, or the time since the creation of one that runs.

        Args:
            now: The current time, as an aware datetime.

        Returns:
            The time; `None` without a creation date, or if the job is complete without an end date.

        Raises:
            ValueError: If `now` is naive.
        """
        utc_offset(now, "now")
        if self.is_complete:
            return self.duration
        return None if self.creation_date_time is None else duration_between(self.creation_date_time, now)

    @property
    def outcome(self) -> Outcome:
        """The outcome of the job, computed from its participants and their post-launch actions.

        The outcome of a complete job is the first of these that applies:

        - FAILED, if at least one participant or non-optional action failed.
        - SUCCEEDED, if every participant has the target status of the type of job (LAUNCH: LAUNCHED, TERMINATE: TERMINATED)
          and every non-optional action succeeded. A TERMINATE job without participants succeeded too, because real ones
          were observed to have none. Any other job without participants is UNDETERMINED.
        - UNDETERMINED in all other cases.
        """
        if not self.is_complete:
            return Outcome.RUNNING
        participants, target = self._participants, self._target_status
        runs = [run for _, run in self._required_runs]
        if any(participant.is_failed for participant in participants) or any(run.is_failed for run in runs):
            return Outcome.FAILED
        has_arrived = target is not None and all(participant.launch_status == target for participant in participants)
        has_acted = all(run.status == LaunchActionRunStatus.SUCCEEDED for run in runs)
        can_succeed = bool(participants) or self.type == JobType.TERMINATE
        return Outcome.SUCCEEDED if has_arrived and has_acted and can_succeed else Outcome.UNDETERMINED

    def outcome_of(self, source_server_id: str) -> Outcome | None:
        """Return the outcome for one server. It can differ from `outcome`. `None` if the job does not have the server.

        Args:
            source_server_id: The id of the source server.
        """
        servers = tuple(s for s in self.participating_servers if s.source_server_id == source_server_id)
        return attrs.evolve(self, participating_servers=servers, participating_resources=()).outcome if servers else None

    @property
    def undetermined_reasons(self) -> str:
        """Why the outcome of a complete job is undetermined, in one line; empty for any other outcome."""
        if self.outcome is not Outcome.UNDETERMINED:
            return ""
        target = self._target_status
        if target is None:
            return f"its type is {self.type}, for which drs_jobs has no target status"
        reasons = [f"{one.name} is {one.launch_status}" for one in self._participants if one.launch_status != target]
        reasons += [
            f"action {run.name} on {server.name} is {run.status}"
            for server, run in self._required_runs
            if run.status != LaunchActionRunStatus.SUCCEEDED
        ]
        return "; ".join(reasons) or "it has no participants"

    @property
    def servers_at_target(self) -> tuple[ParticipatingServer, ...]:
        """The servers with the target status of this type of job: launched, or terminated. Empty for any other type.

        A server with a failed, non-optional launch action is not one of them.
        """
        target = self._target_status  # `None` is the status of a server without one, not a target
        servers = self.participating_servers if target is not None else ()
        return tuple(server for server in servers if server.launch_status == target and not server.has_failed_action)

    @property
    def _target_status(self) -> LaunchStatus | None:
        return None if self.type is None else _TARGET_STATUSES.get(self.type)

    @property
    def _participants(self) -> tuple[ParticipatingServer | ParticipatingResource, ...]:
        return (*self.participating_servers, *self.participating_resources)

    @property
    def _required_runs(self) -> list[tuple[ParticipatingServer, LaunchActionRun]]:
        """The servers and runs of all non-optional actions."""
        return [(server, run) for server in self.participating_servers for run in server.runs if not run.is_optional]

    @property
    def failed_servers(self) -> tuple[ParticipatingServer, ...]:
        """The servers with the launch status `FAILED`."""
        return tuple(server for server in self.participating_servers if server.is_failed)

    @property
    def failed_resources(self) -> tuple[ParticipatingResource, ...]:
        """The other resources with the launch status `FAILED`."""
        return tuple(resource for resource in self.participating_resources if resource.is_failed)

    @property
    def failed_actions(self) -> tuple[LaunchActionRun, ...]:
        """The failed runs of post-launch actions, including optional ones (`run.is_optional`)."""
        return tuple(run for server in self.participating_servers for run in server.runs if run.is_failed)

    @property
    def account_id(self) -> str | None:
        """The AWS account id from the ARN, 12 digits; `None` if the ARN has none."""
        return self._arn_part("account_id")

    @property
    def region(self) -> str | None:
        """The AWS region from the ARN; `None` if the ARN has none."""
        return self._arn_part("region")

    @property
    def console_url(self) -> str | None:
        """The URL of this job in the AWS console, in the partitions `aws` and `aws-us-gov`; otherwise `None`."""
        region, domain = self.region, _CONSOLE_DOMAINS.get(self._arn_part("partition"))
        if domain is None:
            return None
        # A lone surrogate cannot be encoded as UTF-8, and must not raise an error here.
        job_id = quote(self.job_id, safe="", errors="replace")
        return f"https://{region}.{domain}/drs/home?region={region}#/launchHistory/{job_id}"

    def _arn_part(self, name: str) -> str | None:
        match = JOB_ARN.fullmatch(self.arn or "")
        return None if match is None else match[name]

    def raise_unless_succeeded(self) -> "Job":
        """Return this job if it succeeded.

        Raises:
            JobFailedError: If it failed. The message contains what failed, and the reasons.
            JobOutcomeError: If it is still running, or its outcome is undetermined.
        """
        from drs_jobs._errors import JobFailedError, JobOutcomeError  # noqa: PLC0415  # the errors know `Job`

        match self.outcome:
            case Outcome.SUCCEEDED:
                return self
            case Outcome.FAILED:
                raise JobFailedError(self._failure_text(), job=self)
            case Outcome.RUNNING:
                msg = f"job {self.job_id} is still running (status {self.status}): wait until it is complete"
            case Outcome.UNDETERMINED:
                msg = f"job {self.job_id} is complete, but its outcome is undetermined: {self.undetermined_reasons}"
        raise JobOutcomeError(msg, job=self)

    def _repr_html_(self) -> str:
        """Return the job as HTML for a notebook: one row, with its servers and launch actions collapsed below, and no tags."""
        return _html.jobs_html([self])

    def _failure_text(self) -> str:
        failure = "did not launch" if self.type == JobType.LAUNCH else "failed"
        reasons = [
            *(f"server {server.name} {failure}" for server in self.failed_servers),
            *(f"resource {resource.name} failed" for resource in self.failed_resources),
            *(
                f"action {run.name} failed on {server.name}" + (f" ({run.failure_reason})" if run.failure_reason else "")
                for server, run in self._required_runs
                if run.is_failed
            ),
        ]
        places = "" if len(reasons) == 1 else f" in {len(reasons)} places"
        return f"job {self.job_id} failed{places}: {'; '.join(reasons)}"


# Strict, because the region becomes a part of the host name of a link.
JOB_ARN: Final = re.compile(
    r"arn:(?P<partition>aws[a-z-]*):drs:(?P<region>[a-z]{2}[a-z0-9-]*):(?P<account_id>[0-9]{12}):job/(?P<job_id>.+)",
    re.DOTALL,
)
_CONSOLE_DOMAINS: Final[Mapping[str | None, str]] = {
    "aws": "console.aws.amazon.com",
    "aws-us-gov": "console.amazonaws-us-gov.com",
}
