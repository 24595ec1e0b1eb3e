"""The causes of failures: the same reason of several participants once, and AWS's sentences about refused calls."""

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

import attrs

from drs_jobs._models import JobLogEventData, JobLogItem
from drs_jobs._models.base import Model


@attrs.frozen(repr=False, kw_only=True)
class Cause(Model):
    """One cause of failure, with each participant that it affects.

    Two reasons are one cause if AWS refused the same action with the same error, or if their texts differ only in attempts
    and in ids of resources.
    """

    reason: str
    """The reason of the first participant."""
    participants: tuple[str, ...] = ()
    """The participants, in the order of the failures; empty if it is a reason of the job as a whole, without participants."""
    refused_action: str | None = None
    """The action that AWS refused, such as `ec2:DeleteVolume`; `None` if nothing was refused.

    If AWS's sentence names only the operation, such as `DeleteVolume`, it is that.
    """
    resource: str | None = None
    """The ARN in the sentence about the refused action, that of the first participant; `None` if it has none."""

    @property
    def summary(self) -> str:
        """A short text, such as `ec2:DeleteVolume refused`; the reason if nothing was refused."""
        return self.reason if self.refused_action is None else f"{self.refused_action} refused"


class Reason(NamedTuple):
    """One reason for the failure of one participant, or of the job as a whole."""

    text: str
    """The text, with the attempt."""
    event: str = ""
    """The event of the log item; empty if the reason is not from the log."""
    error: str | None = None
    """The error message of the service."""


def reason_of(item: JobLogItem) -> Reason:
    """Return a failure in the log as a reason."""
    data = item.event_data or JobLogEventData()
    event = item.event or "error"
    attempt = "" if data.attempt_count is None else f" (attempt {data.attempt_count} of {data.max_attempts_count or '?'})"
    return Reason(f"{event}{attempt}{f': {data.raw_error}' if data.raw_error else ''}", event, data.raw_error)


def causes_of(reasons: Iterable[tuple[str | None, Reason]]) -> tuple[Cause, ...]:
    """Return each cause once, the one with the most participants first.

    Args:
        reasons: The reasons with their participants; `None` for the job as a whole.
    """
    causes: dict[object, Cause] = {}
    participants: dict[object, dict[str, None]] = {}
    for participant, reason in reasons:
        refusal = _read_refusal(reason.error or "")
        key = _key(reason, refusal)
        if key not in causes:
            # Without the attempt, because the cause is that of all attempts.
            text = f"{reason.event}{f': {reason.error}' if reason.error else ''}" if reason.event else reason.text
            causes[key] = Cause(
                reason=text,
                refused_action=None if refusal is None else refusal.action,
                resource=None if refusal is None else refusal.resource,
            )
            participants[key] = {}
        if participant is not None:
            participants[key][participant] = None
    merged = [attrs.evolve(cause, participants=tuple(participants[key])) for key, cause in causes.items()]
    return tuple(sorted(merged, key=lambda cause: -len(cause.participants)))


def cause_key(cause: Cause) -> str:
    """Return a text that is equal for the same cause in several jobs."""
    if cause.refused_action is None:
        return _IDS.sub("…", cause.reason)
    return f"{cause.refused_action.rpartition(':')[2]} refused"


# Source: error messages of AWS's services, such as "An error occurred (UnauthorizedOperation) when calling the DeleteVolume
# operation: You are not authorized to perform this operation. User: … is not authorized to perform: ec2:DeleteVolume on
# resource: arn:… because no identity-based policy allows the ec2:DeleteVolume action."
_CALL: Final = re.compile(r"\(([\w.]{1,100})\) when calling the (\w{1,100}) operation")
_ACTION: Final = re.compile(r"not authorized to perform:? ([\w-]{1,64}:[\w*]{1,100})", re.IGNORECASE)
_RESOURCE: Final = re.compile(r"(?:on resource:?|to use key) (arn:[^\s\"']+)", re.IGNORECASE)
_KEY: Final = re.compile(r"not authorized to use key\b", re.IGNORECASE)
_REFUSALS: Final = {"UnauthorizedOperation", "AuthFailure", "AccessDenied", "AccessDeniedException"}
_IDS: Final = re.compile(r"\b[a-z]{1,16}-(?=[a-zA-Z]*\d)[0-9a-zA-Z]{8,}\b|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b")


class _Refusal(NamedTuple):
    action: str | None
    resource: str | None
    code: str | None


def _read_refusal(error: str) -> _Refusal | None:
    call, action = _CALL.search(error), _ACTION.search(error)
    code, operation = call.groups() if call is not None else (None, None)
    if action is None and code not in _REFUSALS and _KEY.search(error) is None:
        return None
    resource = _RESOURCE.search(error)
    return _Refusal(
        action=operation if action is None else action[1],
        resource=None if resource is None else resource[1].rstrip(".,;:)"),
        code=code,
    )


def _key(reason: Reason, refusal: _Refusal | None) -> object:
    """Return what is equal for reasons with the same cause."""
    if refusal is None or refusal.action is None:
        return reason.event, _IDS.sub("…", reason.error or reason.text)
    # Some sentences have the action with its service, others only the operation.
    return refusal.action.rpartition(":")[2], refusal.code
