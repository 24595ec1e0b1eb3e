"""The values that AWS names, one open enum a shape of the service model, and what a job came to.

An enum here is open: a value that AWS adds tomorrow arrives as `UnknownValue`. Known values are `StrEnum` members, so they
compare equal to the string on the wire. Source of every member: botocore's model of the service, `drs` 2020-02-26.
"""

from enum import StrEnum


class UnknownValue(str):
    """An enum value that this version does not know: the string from the wire, kept as it was.

    It is a `str`, so it compares, hashes and prints as one; a strict type checker makes an exhaustive `match` handle it.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        """Tell an unknown value from a plain string."""
        return f"UnknownValue({str.__repr__(self)})"


class JobStatus(StrEnum):
    """How far a job has come. `COMPLETED` says that it ended, not that it worked: ask `Job.outcome`."""

    PENDING = "PENDING"
    STARTED = "STARTED"
    COMPLETED = "COMPLETED"


class JobType(StrEnum):
    """What a job does to its participants."""

    LAUNCH = "LAUNCH"
    TERMINATE = "TERMINATE"
    CREATE_CONVERTED_SNAPSHOT = "CREATE_CONVERTED_SNAPSHOT"


class InitiatedBy(StrEnum):
    """Which operation, or whom, a job was started by."""

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
    """How far one participant of a job has come."""

    PENDING = "PENDING"
    IN_PROGRESS = "IN_PROGRESS"
    LAUNCHED = "LAUNCHED"
    FAILED = "FAILED"
    TERMINATED = "TERMINATED"


class LaunchActionCategory(StrEnum):
    """What a post-launch action is for."""

    MONITORING = "MONITORING"
    VALIDATION = "VALIDATION"
    CONFIGURATION = "CONFIGURATION"
    SECURITY = "SECURITY"
    OTHER = "OTHER"


class LaunchActionType(StrEnum):
    """Which part of AWS Systems Manager runs a post-launch action."""

    SSM_AUTOMATION = "SSM_AUTOMATION"
    SSM_COMMAND = "SSM_COMMAND"


class LaunchActionRunStatus(StrEnum):
    """How far one run of a post-launch action has come."""

    IN_PROGRESS = "IN_PROGRESS"
    SUCCEEDED = "SUCCEEDED"
    FAILED = "FAILED"


class LaunchActionParameterType(StrEnum):
    """Where the value of a post-launch action's parameter comes from."""

    SSM_STORE = "SSM_STORE"
    DYNAMIC = "DYNAMIC"


class JobLogEvent(StrEnum):
    """What a line of a job's log tells. The service sends others too, `LAUNCH_END` every day; they arrive as `UnknownValue`."""

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
    """Whether a product code of a volume is in force."""

    ENABLED = "ENABLED"
    DISABLED = "DISABLED"


class Outcome(StrEnum):
    """What a job came to. AWS has no such field: `Job.outcome` works it out."""

    RUNNING = "RUNNING"
    """Not complete yet."""
    SUCCEEDED = "SUCCEEDED"
    """Complete, and every participant and every non-optional action got where this type of job aims."""
    FAILED = "FAILED"
    """Complete, and a participant or a non-optional action failed."""
    UNDETERMINED = "UNDETERMINED"
    """Complete, and nothing failed, but not everything is known to have worked either. FetchJobs at the job."""
