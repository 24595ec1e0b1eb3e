"""What to do next about AWS's error texts: the calls that AWS refused, and the launch errors that it documents."""

import re
from collections.abc import Mapping
from typing import Final, NamedTuple

from drs_jobs._text import one_line

_INSTANCES_QUOTA: Final = "EC2's quota Running On-Demand Standard instances (L-1216C47A)"
_SNAPSHOTS_QUOTA: Final = "EBS's quota Snapshots per Region (L-309BACF6)"
_KEY_PERMISSIONS: Final = "is enabled and allows DRS kms:CreateGrant and kms:DescribeKey"

LAUNCH_ERRORS: Final[Mapping[str, str]] = {
    # Source: https://docs.aws.amazon.com/drs/latest/userguide/launch-conversion-errors.html
    "Failed to connect using HTTP channel": "allow TCP 443 from the staging area subnet to the endpoints of DRS, S3 and EC2: "
    "check its route table, security group, network ACL and DNS",
    "Conversion server launch failed": "check the subnet and the permissions of the staging area, and "
    f"{_INSTANCES_QUOTA}; then launch again",
    "Conversion failed": "check that boot loader, file systems and drivers of the server are supported, and the subnet and "
    f"the permissions of the staging area, and {_INSTANCES_QUOTA}; then launch again",
    "Failed to take snapshot": f"check that the server replicates, {_SNAPSHOTS_QUOTA}, and that a KMS key of your own "
    f"{_KEY_PERMISSIONS}; then launch again",
    # Source: https://docs.aws.amazon.com/drs/latest/userguide/launch-configuration-errors.html
    "lifecycle state is not READY_FOR_": "wait until the initial synchronization of the server is finished, and repair its "
    "replication if it is stalled or disconnected; then launch again",
    "OS BYOL can only be used with EC2 Dedicated Hosts": "turn off BYOL (OS licensing) in the launch settings of the server, "
    "or set a Dedicated Host in its EC2 launch template",
    "EBS encryption key could not be found in this account": "check that the KMS key of the replication settings exists, is "
    f"shared with this account, {_KEY_PERMISSIONS}",
    # Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/errors-overview.html
    "InvalidIPAddress.InUse": "turn off Copy private IP in the launch settings for a drill beside the original, or set "
    "another subnet in the EC2 launch template",
    "VcpuLimitExceeded": f"request an increase of {_INSTANCES_QUOTA}, or terminate instances",
    "SnapshotLimitExceeded": f"request an increase of {_SNAPSHOTS_QUOTA}, or delete snapshots",
    # Source: measured on real jobs
    "ended after SNAPSHOT_END; conversion never began": "check the EC2 permissions of whoever started the job, and look for "
    "refused calls in CloudTrail: jobs that ended like this lacked permissions",
}
"""What to do next about each documented launch error, by a part of its text in any case.

Refused calls are not here: see `read_refusal`.
"""


class Refusal(NamedTuple):
    """A call that AWS refused, as far as its text names it."""

    action: str | None
    """The action, such as `ec2:DeleteVolume`, or only the operation, such as `DeleteVolume`."""
    resource: str | None
    """The ARN of the resource."""
    code: str | None
    """The error code."""


# Source: error messages of AWS's services, such as "An error occurred (UnauthorizedOperation) when calling the DeleteVolume
# operation: You are not authorized to perform this operation. User: … is not authorized to perform: ec2:DeleteVolume on
# resource: arn:… because no identity-based policy allows the ec2:DeleteVolume action.", and of DRS, such as "Your IAM user do
# not have permission for ec2:CreateSecurityGroup".
_CALL: Final = re.compile(r"\(([\w.]{1,100})\) when calling the (\w{1,100}) operation")
_ACTION: Final = re.compile(
    r"(?:not authorized to perform|not have permissions? (?:for|to(?: perform)?)):? [\"'`]?([\w-]{1,64}:[\w*]{1,100})",
    re.IGNORECASE,
)
_RESOURCE: Final = re.compile(r"(?:on resource:?|to use key) (arn:[^\s\"']+)", re.IGNORECASE)
_PRINCIPAL: Final = re.compile(r"\bUser: (arn:\S+) is not authorized", re.IGNORECASE)
POLICY: Final = re.compile(
    r"because no ([a-z -]{3,60}) allows|with an explicit deny(?: in an? ([a-z -]{3,60}))?", re.IGNORECASE
)
_KEY: Final = re.compile(r"not authorized to use key\b", re.IGNORECASE)
_ENCODED: Final = re.compile(r"Encoded authorization failure message", re.IGNORECASE)
_REFUSALS: Final = {"UnauthorizedOperation", "AuthFailure", "AccessDenied", "AccessDeniedException"}
_RESOURCE_ID: Final = re.compile(r"(?<=/)[a-z]{1,16}-[0-9a-zA-Z]{8,}$")


def read_refusal(text: str) -> Refusal | None:
    """Return the call that AWS refused, from its error text; `None` if it refused none."""
    call, action = _CALL.search(text), _ACTION.search(text)
    code, operation = call.groups() if call is not None else (None, None)
    if action is None and code not in _REFUSALS and _KEY.search(text) is None and _ENCODED.search(text) is None:
        return None
    resource = _RESOURCE.search(text)
    return Refusal(
        action=operation if action is None else action[1],
        resource=None if resource is None else resource[1].rstrip(".,;:)"),
        code=code,
    )


def hint_for(text: str, *, caller: str = "whoever started the job", service: str | None = None) -> str | None:
    """Return what to do next about an error text of AWS, as one bounded line; `None` if the text is not a documented one."""
    # The text can lack the user and the service of the action. DRS calls EC2 as whoever started the job.
    refusal = read_refusal(text)
    if refusal is not None:
        return one_line(_refusal_hint(refusal, text, caller, service))
    return next((hint for error, hint in LAUNCH_ERRORS.items() if error.lower() in text.lower()), None)


def _refusal_hint(refusal: Refusal, text: str, caller: str, service: str | None) -> str:
    action, resource = refusal.action, refusal.resource
    if _KEY.search(text):
        return f"allow the use of the key {resource or ''} in its key policy"
    if action is not None and ":" not in action:
        service = service or ("ec2" if refusal.code in {"UnauthorizedOperation", "AuthFailure"} else None)
        action = action if service is None else f"{service}:{action}"
        if _ENCODED.search(text):
            return f"read what to allow for {action}: {_DECODE}"
    if action is None:
        return f"read what to allow: {_DECODE}"
    if resource is not None:  # the next attempt has other volumes, snapshots and instances
        resource = _RESOURCE_ID.sub("*", resource)
    principal, policy = _PRINCIPAL.search(text), POLICY.search(text)
    target = action if resource is None else f"{action} on {resource}"
    target += f" for {caller if principal is None else principal[1]}"
    missing, denying = (None, None) if policy is None else policy.groups()
    location = missing or denying
    verb = "allow" if policy is None or missing else "remove the explicit deny of"
    return f"{verb} {target}" + (f" in the {location}" if location else "")


_DECODE: Final = (
    "aws sts decode-authorization-message --encoded-message ... shows it to whoever is allowed sts:DecodeAuthorizationMessage"
)
