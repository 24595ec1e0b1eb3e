"""AWS's enums, one per shape of the service model, and `Outcome`.

The enums are open: a value that AWS adds later is an `UnknownValue`. Known values are `StrEnum` members, so they are equal
to the string in the response.

Source: botocore's model of the service, `drs` 2020-02-26, for every member.
"""

from enum import StrEnum
from typing import Any


class UnknownValue(str):
    """An enum value that this version of drs_jobs does not have: the unchanged string from the response.

    It is a `str` in comparisons, hashes and output. A strict type checker requires that an exhaustive `match` handles it.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        """Return a text that distinguishes it from a plain string."""
        return f"UnknownValue({str.__repr__(self)})"

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: object, _handler: object) -> dict[str, Any]:
        """Return the schema of pydantic for validation and serialization: any text that no other member of its union has."""
        text = {"type": "function-after", "function": {"type": "no-info", "function": cls}, "schema": {"type": "str"}}
        return {"type": "lax-or-strict", "lax_schema": text, "strict_schema": {"type": "is-instance", "cls": cls}}


class JobStatus(StrEnum):
    """The status of a job. `COMPLETED` means that it ended, not that it succeeded: see `Job.outcome`."""

    PENDING = "PENDING"
    STARTED = "STARTED"
    COMPLETED = "COMPLETED"


class JobType(StrEnum):
    """What a job does to its participants."""

    LAUNCH = "LAUNCH"
    TERMINATE = "TERMINATE"
    CREATE_CONVERTED_SNAPSHOT = "CREATE_CONVERTED_SNAPSHOT"


class InitiatedBy(StrEnum):
    """The operation or account that started a job."""

    START_RECOVERY = "START_RECOVERY"
    START_DRILL = "START_DRILL"
    FAILBACK = "FAILBACK"
    DIAGNOSTIC = "DIAGNOSTIC"
    TERMINATE_RECOVERY_INSTANCES = "TERMINATE_RECOVERY_INSTANCES"
    TARGET_ACCOUNT = "TARGET_ACCOUNT"
    CREATE_NETWORK_RECOVERY = "CREATE_NETWORK_RECOVERY"
    UPDATE_NETWORK_RECOVERY = "UPDATE_NETWORK_RECOVERY"
    ASSOCIATE_NETWORK_RECOVERY = "ASSOCIATE_NETWORK_RECOVERY"


class LaunchStatus(StrEnum):
    """The launch status of one participant of a job."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    LAUNCHED = "LAUNCHED"
    FAILED = "FAILED"
    TERMINATED = "TERMINATED"


class LaunchActionCategory(StrEnum):
    """The purpose of a post-launch action."""

    MONITORING = "MONITORING"
    VALIDATION = "VALIDATION"
    CONFIGURATION = "CONFIGURATION"
    SECURITY = "SECURITY"
    OTHER = "OTHER"


class LaunchActionType(StrEnum):
    """The part of AWS Systems Manager that runs a post-launch action."""

    SSM_AUTOMATION = "SSM_AUTOMATION"
    SSM_COMMAND = "SSM_COMMAND"


class LaunchActionRunStatus(StrEnum):
    """The status of one run of a post-launch action."""

    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class LaunchActionParameterType(StrEnum):
    """The source of the value of a post-launch action's parameter."""

    SSM_STORE = "SSM_STORE"
    DYNAMIC = "DYNAMIC"


class JobLogEvent(StrEnum):
    """An event in a job's log. The service sends others too, often `LAUNCH_END`. Each of these is an `UnknownValue`."""

    JOB_START = "JOB_START"
    SERVER_SKIPPED = "SERVER_SKIPPED"
    CLEANUP_START = "CLEANUP_START"
    CLEANUP_END = "CLEANUP_END"
    CLEANUP_FAIL = "CLEANUP_FAIL"
    SNAPSHOT_START = "SNAPSHOT_START"
    SNAPSHOT_END = "SNAPSHOT_END"
    SNAPSHOT_FAIL = "SNAPSHOT_FAIL"
    USING_PREVIOUS_SNAPSHOT = "USING_PREVIOUS_SNAPSHOT"
    USING_PREVIOUS_SNAPSHOT_FAILED = "USING_PREVIOUS_SNAPSHOT_FAILED"
    CONVERSION_START = "CONVERSION_START"
    CONVERSION_END = "CONVERSION_END"
    CONVERSION_FAIL = "CONVERSION_FAIL"
    LAUNCH_START = "LAUNCH_START"
    LAUNCH_FAILED = "LAUNCH_FAILED"
    JOB_CANCEL = "JOB_CANCEL"
    JOB_END = "JOB_END"
    DEPLOY_NETWORK_CONFIGURATION_START = "DEPLOY_NETWORK_CONFIGURATION_START"
    DEPLOY_NETWORK_CONFIGURATION_END = "DEPLOY_NETWORK_CONFIGURATION_END"
    DEPLOY_NETWORK_CONFIGURATION_FAILED = "DEPLOY_NETWORK_CONFIGURATION_FAILED"
    UPDATE_NETWORK_CONFIGURATION_START = "UPDATE_NETWORK_CONFIGURATION_START"
    UPDATE_NETWORK_CONFIGURATION_END = "UPDATE_NETWORK_CONFIGURATION_END"
    UPDATE_NETWORK_CONFIGURATION_FAILED = "UPDATE_NETWORK_CONFIGURATION_FAILED"
    UPDATE_LAUNCH_TEMPLATE_START = "UPDATE_LAUNCH_TEMPLATE_START"
    UPDATE_LAUNCH_TEMPLATE_END = "UPDATE_LAUNCH_TEMPLATE_END"
    UPDATE_LAUNCH_TEMPLATE_FAILED = "UPDATE_LAUNCH_TEMPLATE_FAILED"
    NETWORK_RECOVERY_FAIL = "NETWORK_RECOVERY_FAIL"


class ProductCodeMode(StrEnum):
    """Whether a product code of a volume is enabled."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class Outcome(StrEnum):
    """The outcome of a job. AWS has no such field: `Job.outcome` computes it."""

    RUNNING = "RUNNING"
    """Not complete yet."""
    SUCCEEDED = "SUCCEEDED"
    """Complete, every participant has the target status of this type of job, and every non-optional action succeeded."""
    FAILED = "FAILED"
    """Complete, and a participant or a non-optional action failed."""
    UNDETERMINED = "UNDETERMINED"
    """Complete, without a failure, but not all participants and actions are known to have succeeded. Check the job itself."""
