"""What to do next about AWS's error texts."""

import random
import string

import pytest

from drs_jobs.analysis.hints import LAUNCH_ERRORS, hint_for, read_refusal

USER = "arn:aws:sts::123456789012:assumed-role/x/y"
VOLUME = "arn:aws:ec2:us-east-1:123456789012:volume/vol-0f7b020071835a43c"
VOLUMES = "arn:aws:ec2:us-east-1:123456789012:volume/*"
KEY = "arn:aws:kms:us-east-1:123456789012:key/0f7b0200-71a8-4a43-b0f7-b020071835a4"
CALL = "An error occurred ({}) when calling the {} operation: "
EXPLAINED = f"{CALL}User: {USER} is not authorized to perform: {{}} on resource: {VOLUME} "
ENCODED = "You are not authorized to perform this operation. Encoded authorization failure message: x_-Y"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("Conversion server launch failed", ["subnet", "Running On-Demand Standard instances", "permissions"]),
        ("Conversion failed", ["boot loader", "drivers", "Running On-Demand Standard instances"]),
        ("Failed to take snapshot", ["Snapshots per Region", "replicates"]),
        ("Failed to connect using HTTP channel", ["443"]),
        ("OS BYOL can only be used with EC2 Dedicated Hosts", ["BYOL", "Dedicated Host"]),
        ("The EBS encryption key could not be found in this account", ["KMS key", "kms:CreateGrant"]),
        ("instance not launched because server lifecycle state is not READY_FOR_TEST", ["initial synchronization"]),
        ("InvalidIPAddress.InUse: Address 10.0.1.5 is in use.", ["Copy private IP"]),
        (f"{CALL.format('VcpuLimitExceeded', 'RunInstances')}You have requested more", ["L-1216C47A"]),
        ("ended after SNAPSHOT_END; conversion never began", ["permissions", "CloudTrail"]),
    ],
)
def test_documented_errors(text: str, parts: list[str]):
    """In any case, and within a longer text."""
    for variant in (text, text.upper(), f"LAUNCH_FAILED: {text}, see the console."):
        hint = hint_for(variant)
        assert hint is not None
        assert [part for part in parts if part not in hint] == []


@pytest.mark.parametrize(
    ("text", "hint"),
    [
        (
            EXPLAINED.format("UnauthorizedOperation", "DeleteVolume", "ec2:DeleteVolume")
            + "because no identity-based policy allows the ec2:DeleteVolume action.",
            f"allow ec2:DeleteVolume on {VOLUMES} for {USER} in the identity-based policy",
        ),
        (
            EXPLAINED.format("UnauthorizedOperation", "DeleteVolume", "ec2:DeleteVolume")
            + "with an explicit deny in a service control policy",
            f"remove the explicit deny of ec2:DeleteVolume on {VOLUMES} for {USER} in the service control policy",
        ),
        (
            EXPLAINED.format("AccessDeniedException", "CreateGrant", "kms:CreateGrant") + "with an explicit deny",
            f"remove the explicit deny of kms:CreateGrant on {VOLUMES} for {USER}",
        ),
        (
            f"{CALL.format('AuthFailure', 'ModifySnapshotAttribute')}Not authorized to use key {KEY}.",
            f"allow the use of the key {KEY} in its key policy",
        ),
        (
            "Your IAM user do not have permission for ec2:CreateSecurityGroup",
            "allow ec2:CreateSecurityGroup for whoever started the job",
        ),
        (f"{CALL.format('UnauthorizedOperation', 'RunInstances')}no", "allow ec2:RunInstances for whoever started the job"),
        (f"{CALL.format('AccessDenied', 'PassRole')}no", "allow PassRole for whoever started the job"),
    ],
)
def test_refused_calls(text: str, hint: str):
    """The permission to add, for whom, on what, and where."""
    assert hint_for(text) == hint
    assert hint_for(f"CONVERSION_FAIL: {text}") == hint


def test_encoded_refusals():
    """What to add is in the encoded message, unless the sentence names it too."""
    for text, action in (
        (ENCODED, ""),
        (f"{CALL.format('UnauthorizedOperation', 'RunInstances')}{ENCODED}", "ec2:RunInstances"),
    ):
        hint = hint_for(text) or ""
        assert "sts:DecodeAuthorizationMessage" in hint
        assert action in hint
    both = EXPLAINED.format("UnauthorizedOperation", "DeleteVolume", "ec2:DeleteVolume") + ENCODED
    assert hint_for(both) == f"allow ec2:DeleteVolume on {VOLUMES} for {USER}"


def test_resources_of_several_participants():
    """Each has a volume of its own."""
    text = EXPLAINED.format("UnauthorizedOperation", "DeleteVolume", "ec2:DeleteVolume")
    hint = hint_for(text)
    assert hint == f"allow ec2:DeleteVolume on {VOLUME.rpartition('/')[0]}/* for {USER}"


@pytest.mark.parametrize(
    "verb", ["have permission for", "have permissions to perform", "have permission to", "have permissions for:"]
)
def test_words_of_refusals(verb: str):
    refusal = read_refusal(f"Your IAM user does not {verb} iam:PassRole")
    assert refusal is not None
    assert refusal.action == "iam:PassRole"


def test_unknown_texts():
    rng = random.Random(27)
    for text in (
        "",
        "The instance did not boot",
        "Conversion is going to fail",
        "snapshot taken",
        "LAUNCH_FAILED",
        "JOB_CANCEL",
    ):
        assert hint_for(text) is None
    for _ in range(1000):
        assert hint_for("".join(rng.choices(string.printable, k=rng.randint(0, 80)))) is None


def test_hints_are_one_short_line():
    hints = list(LAUNCH_ERRORS.values())
    hints.append(hint_for(EXPLAINED.format("AccessDenied", "X", "ec2:X").replace("/y", "/" + "y" * 9999)) or "")
    for hint in hints:
        assert hint.isprintable()
        assert len(hint) <= 300
