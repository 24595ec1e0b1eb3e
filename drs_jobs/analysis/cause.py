"""The causes of failures: the same reason of several participants once."""

import re
from collections.abc import Iterable
from typing import Final, TypeAlias

import attrs

from drs_jobs._models import JobLogEventData, JobLogItem
from drs_jobs._models.base import Model
from drs_jobs.analysis.hints import hint_for, read_refusal, refusal_key


@attrs.frozen(repr=False, kw_only=True)
class Cause(Model):
    """One cause of failure, with each participant that it affects.

    Two reasons are one cause if AWS refused the same action with the same error, or if their texts differ only in attempts,
    ids of resources and requests, and IP addresses.
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

    @property
    def text(self) -> str:
        """The reason for people, with what AWS refused first."""
        return self.reason if self.refused_action is None else f"{self.summary}: {self.reason}"

    @property
    def hint(self) -> str | None:
        """What to do next, such as which permission to add; `None` if AWS documents nothing about this reason."""
        return hint_for(self.reason)


Reason: TypeAlias = tuple[str, str]
"""A reason for the failure of one participant, or of the job as a whole: with the attempt, and without it as a cause."""


def reason_of(item: JobLogItem) -> Reason:
    """Return a failure in the log as a reason. The cause is that of all attempts."""
    data = item.event_data or JobLogEventData()
    event, error = item.event or "error", f": {data.raw_error}" if data.raw_error else ""
    attempt = "" if data.attempt_count is None else f" (attempt {data.attempt_count} of {data.max_attempts_count or '?'})"
    return f"{event}{attempt}{error}", f"{event}{error}"


def causes_of(reasons: Iterable[tuple[str | None, Reason]]) -> tuple[Cause, ...]:
    """Return each cause once, the one with the most participants first. A reason of the job as a whole has no participant."""
    causes: dict[str, Cause] = {}
    participants: dict[str, dict[str, None]] = {}
    for participant, (_, text) in reasons:
        action, resource, _ = read_refusal(text) or (None, None, None)
        key = cause_key(text)
        causes.setdefault(key, Cause(reason=text, refused_action=action, resource=resource))
        participants.setdefault(key, {}).update({} if participant is None else {participant: None})
    merged = [attrs.evolve(cause, participants=tuple(participants[key])) for key, cause in causes.items()]
    return tuple(sorted(merged, key=lambda cause: -len(cause.participants)))


def cause_key(reason: str) -> str:
    """Return a text that is equal for reasons with the same cause: without ids and IP addresses, or what AWS refused."""
    refusal = read_refusal(reason)
    return _IDS.sub("…", reason) if refusal is None or refusal.action is None else str(refusal_key(refusal, reason))


_IDS: Final = re.compile(
    r"""
    \b[a-z]{1,16}-(?:(?=[a-zA-Z]*\d)[0-9a-zA-Z]{8,}|[0-9a-f]{8}|[0-9a-f]{17})\b  # of a resource
    | \bip-\d{1,3}(?:-\d{1,3}){3}\b  # a host name of AWS
    | \b(?i:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\b  # a UUID
    | \b(?i:request[ -]?id)[:=]?\s*[\"']?(?=[\w-]*\d)[\w-]{6,}
    | (?<=(?i:authorization\ failure\ message:\ ))[\w-]+
    | \b\d{1,3}(?:\.\d{1,3}){3}\b  # IPv4
    | (?<![\w:])(?:[0-9a-fA-F]{0,4}:){2,7}[0-9a-fA-F]{0,4}(?![\w:])  # IPv6, or a time of day
    """,
    re.VERBOSE,
)
