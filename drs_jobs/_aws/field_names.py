"""AWS's names of fields, union members and operations. They are a table, because AWS's casing is irregular."""

from collections.abc import Mapping
from typing import Final

from drs_jobs._models import (
    ConversionProperties,
    Job,
    JobLogEventData,
    JobLogItem,
    LaunchAction,
    LaunchActionParameter,
    LaunchActionRun,
    LaunchActionsStatus,
    ParticipatingResource,
    ParticipatingServer,
    ProductCode,
    SourceNetworkData,
    SourceNetworkID,
)

AWS_NAMES: Final[Mapping[type, Mapping[str, str]]] = {
    Job: {
        "job_id": "jobID",
        "arn": "arn",
        "type": "type",
        "initiated_by": "initiatedBy",
        "creation_date_time": "creationDateTime",
        "end_date_time": "endDateTime",
        "status": "status",
        "participating_servers": "participatingServers",
        "participating_resources": "participatingResources",
        "tags": "tags",
    },
    ParticipatingServer: {
        "source_server_id": "sourceServerID",
        "recovery_instance_id": "recoveryInstanceID",
        "launch_status": "launchStatus",
        "launch_actions_status": "launchActionsStatus",
    },
    ParticipatingResource: {
        "participating_resource_id": "participatingResourceID",
        "launch_status": "launchStatus",
    },
    LaunchActionsStatus: {
        "runs": "runs",
        "ssm_agent_discovery_datetime": "ssmAgentDiscoveryDatetime",
    },
    LaunchActionRun: {
        "action": "action",
        "run_id": "runId",
        "status": "status",
        "failure_reason": "failureReason",
    },
    LaunchAction: {
        "action_code": "actionCode",
        "action_id": "actionId",
        "action_version": "actionVersion",
        "active": "active",
        "category": "category",
        "description": "description",
        "name": "name",
        "optional": "optional",
        "order": "order",
        "parameters": "parameters",
        "type": "type",
    },
    LaunchActionParameter: {
        "type": "type",
        "value": "value",
    },
    JobLogItem: {
        "event": "event",
        "event_data": "eventData",
        "log_date_time": "logDateTime",
    },
    JobLogEventData: {
        "source_server_id": "sourceServerID",
        "conversion_server_id": "conversionServerID",
        "target_instance_id": "targetInstanceID",
        "raw_error": "rawError",
        "conversion_properties": "conversionProperties",
        "event_resource_data": "eventResourceData",
        "attempt_count": "attemptCount",
        "max_attempts_count": "maxAttemptsCount",
    },
    ConversionProperties: {
        "volume_to_conversion_map": "volumeToConversionMap",
        "root_volume_name": "rootVolumeName",
        "force_uefi": "forceUefi",
        "data_timestamp": "dataTimestamp",
        "volume_to_volume_size": "volumeToVolumeSize",
        "volume_to_product_codes": "volumeToProductCodes",
    },
    ProductCode: {
        "product_code_id": "productCodeId",
        "product_code_mode": "productCodeMode",
    },
    SourceNetworkData: {
        "source_network_id": "sourceNetworkID",
        "source_vpc": "sourceVpc",
        "target_vpc": "targetVpc",
        "stack_name": "stackName",
    },
}
"""AWS's name of every field, by class and field."""

UNION_TAGS: Final[Mapping[type, str]] = {SourceNetworkID: "sourceNetworkID", SourceNetworkData: "sourceNetworkData"}
"""AWS's name of each known union member."""

SDK_UNKNOWN_MEMBER: Final = "SDK_UNKNOWN_MEMBER"
"""botocore's key for a union member that it does not have. It keeps the member's name, without its value."""

METHODS: Final[Mapping[str, str]] = {
    "DescribeJobs": "describe_jobs",
    "DescribeJobLogItems": "describe_job_log_items",
    "DescribeSourceServers": "describe_source_servers",
}
"""boto3's method for each operation."""
