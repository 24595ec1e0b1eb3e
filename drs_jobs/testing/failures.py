"""Failures that can be injected into simulated jobs, by server."""

import random
from collections.abc import Mapping
from typing import Any, Final, TypeAlias

import attrs

from drs_jobs._models import Job

PHASES: Final[Mapping[str, str]] = {
    "CLEANUP": "CLEANUP_FAIL",
    "SNAPSHOT": "SNAPSHOT_FAIL",
    "CONVERSION": "CONVERSION_FAIL",
    "LAUNCH": "LAUNCH_FAILED",
}
"""The phases of a server in a recovery, in order, with the event of their failure. `_START` and `_END` are the same for all."""


def _check_phase(_: Any, __: Any, phase: Any) -> None:
    if not isinstance(phase, str) or phase not in PHASES:
        raise ValueError(f"phase must be one of {', '.join(PHASES)}, not {phase!r}")


def _check_instance_exists(failure: Any, _: Any, instance_exists: Any) -> None:
    if instance_exists and failure.phase != "LAUNCH":
        raise ValueError(f"instance_exists needs phase='LAUNCH', not {failure.phase!r}: only that phase creates an instance")


@attrs.frozen
class PhaseFailure:
    """The server fails in one phase. Its log ends with the event of this failure."""

    phase: str = attrs.field(validator=_check_phase)
    """`CLEANUP`, `SNAPSHOT`, `CONVERSION` or `LAUNCH`. A server that fails in CLEANUP has this phase in its first drill too."""
    error: str = "This failure was injected by a test."
    """The `rawError` in the job's log."""
    instance_exists: bool = attrs.field(default=False, validator=_check_instance_exists)
    """Whether the EC2 instance exists although the launch failed. Default `False`."""

    def raw_error(self, _job: Job, _source_server_id: str, /) -> str:
        """Return the `rawError` in the job's log."""
        return self.error


@attrs.frozen
class BootFailure(PhaseFailure):
    """The server does not boot. Its launch fails, and so the job fails."""

    error: str = "The instance did not pass its status checks: it does not boot from its converted volume."
    phase: str = attrs.field(default="LAUNCH", init=False)
    instance_exists: bool = attrs.field(default=False, init=False)


def _check_action(_: Any, __: Any, action: Any) -> None:
    if not isinstance(action, str):
        raise TypeError(f"action must be a str such as 'ec2:DeleteVolume', not {action!r}")
    if not all(action.partition(":")):
        raise ValueError(f"action must be a service and an operation such as 'ec2:DeleteVolume', not {action!r}")


@attrs.frozen
class RefusedCall(PhaseFailure):
    """A call of AWS, made with the permissions of who started the job, is refused. Its `rawError` is AWS's own sentence."""

    action: str = attrs.field(default="ec2:DeleteVolume", validator=_check_action)
    """The action in IAM's notation, a service and an operation. Default `ec2:DeleteVolume`."""
    resource: str | None = None
    """The ARN in the sentence. Default: a volume of the server, another one for each server."""
    phase: str = attrs.field(default="LAUNCH", validator=_check_phase)
    """The phase in which it is refused, as in `PhaseFailure`. Default `LAUNCH`."""
    error: str = attrs.field(default="", init=False)
    """Empty, because the sentence depends on the job and the server."""
    instance_exists: bool = attrs.field(
        default=attrs.Factory(lambda call: (call.action, call.phase) == ("ec2:DeleteVolume", "LAUNCH"), takes_self=True),
        init=False,
    )
    """Whether the EC2 instance exists: only for `ec2:DeleteVolume` in the phase LAUNCH, whose last step it is."""

    def raw_error(self, job: Job, source_server_id: str, /) -> str:
        """Return AWS's sentence about the refused call, with the job's own account and the server's own volume."""
        service, _, operation = self.action.partition(":")
        _, partition, _, region, account_id, _ = (job.arn or "arn:aws:drs:eu-west-1:123456789012:job/").split(":", 5)
        volume = f"{random.Random(source_server_id).getrandbits(64):016x}"
        resource = self.resource or f"arn:{partition}:ec2:{region}:{account_id}:volume/vol-0{volume}"
        code, detail = "AccessDeniedException", ""
        if service == "ec2":
            code, detail = "UnauthorizedOperation", "You are not authorized to perform this operation. "
        return (
            f"An error occurred ({code}) when calling the {operation} operation: {detail}User: "
            f"arn:{partition}:sts::{account_id}:assumed-role/DrsOperator/drill is not authorized to perform: {self.action} on "
            f"resource: {resource} because no identity-based policy allows the {self.action} action."
        )


@attrs.frozen
class LaunchActionFailure:
    """The server launches, but its post-launch action fails, and so the job fails."""

    reason: str = "Step timed out while verifying that the instance responds."
    """The `failureReason` of the action's run."""


@attrs.frozen
class SilentFailure:
    """The whole job fails without any event of a failure: it ends three minutes after SNAPSHOT_END, and no server launches."""


@attrs.frozen
class Stuck:
    """Nothing follows the start of one phase of the server, and the job never ends. A guess: its other servers launch."""

    phase: str = attrs.field(default="CONVERSION", validator=_check_phase)
    """The phase, as in `PhaseFailure`. Default `CONVERSION`."""


InjectedFailure: TypeAlias = PhaseFailure | LaunchActionFailure | SilentFailure | Stuck
"""A failure that can be injected for one server. `BootFailure` and `RefusedCall` are failures of a phase."""
