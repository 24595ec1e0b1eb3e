"""The log of a job, as in the response of DescribeJobLogItems.

An absent scalar is `None`, and an absent list or map is empty.

Source: the shape `JobLog` of the service model, and
https://docs.aws.amazon.com/drs/latest/APIReference/API_JobLog.html, for every field.
"""

from collections.abc import Mapping
from datetime import datetime
from typing import TypeAlias

import attrs

from drs_jobs._models.base import Model, UnknownMember
from drs_jobs._models.enums import JobLogEvent, ProductCodeMode, UnknownValue


@attrs.frozen(repr=False, kw_only=True)
class ProductCode(Model):
    """A product code of a volume, such as one from AWS Marketplace."""

    product_code_id: str | None = None
    """The product code's id, 25 letters or digits."""
    product_code_mode: ProductCodeMode | UnknownValue | None = None
    """Whether it is enabled."""


@attrs.frozen(repr=False, kw_only=True)
class ConversionProperties(Model):
    """The conversion of a server's volumes into bootable ones by the conversion server."""

    volume_to_conversion_map: Mapping[str, Mapping[str, str]] = attrs.field(factory=dict[str, Mapping[str, str]], hash=False)
    """For each volume, the id of the converted snapshot by the id of the original snapshot."""
    root_volume_name: str | None = None
    """The name of the volume from which the server boots."""
    force_uefi: bool | None = None
    """Whether the volume uses UEFI."""
    data_timestamp: str | None = None
    """The time of the converted snapshot. It is text, because the service model defines no format."""
    volume_to_volume_size: Mapping[str, int] = attrs.field(factory=dict[str, int], hash=False)
    """The size of each volume. The service model defines no unit."""
    volume_to_product_codes: Mapping[str, tuple[ProductCode, ...]] = attrs.field(
        factory=dict[str, tuple[ProductCode, ...]], hash=False
    )
    """The product codes of each volume."""


@attrs.frozen(repr=False, kw_only=True)
class SourceNetworkData(Model):
    """The source network that a log item is about."""

    source_network_id: str | None = None
    """The source network's id, `sn-` and 17 letters or digits."""
    source_vpc: str | None = None
    """The id of the VPC that the source network protects."""
    target_vpc: str | None = None
    """The id of the recovered VPC."""
    stack_name: str | None = None
    """The name of the CloudFormation stack that was deployed to recover it."""


EventResourceData: TypeAlias = SourceNetworkData | UnknownMember
"""The resource that a log item is about: a tagged union, open to members that AWS adds later."""


@attrs.frozen(repr=False, kw_only=True)
class JobLogEventData(Model):
    """The data of a log item, in addition to its event."""

    source_server_id: str | None = None
    """The id of the source server."""
    conversion_server_id: str | None = None
    """The EC2 instance id of the conversion server."""
    target_instance_id: str | None = None
    """The EC2 instance id of the recovery instance; often the only link from a server to its instance."""
    raw_error: str | None = None
    """The error message of the service."""
    conversion_properties: ConversionProperties | None = None
    """The conversion of the volumes."""
    event_resource_data: EventResourceData | None = None
    """The resource that the item is about, if it is not a server."""
    attempt_count: int | None = None
    """The number of this attempt at the operation, 0 to 9."""
    max_attempts_count: int | None = None
    """The maximum number of attempts, 0 to 9."""


@attrs.frozen(repr=False, kw_only=True)
class JobLogItem(Model):
    """One item of a job's log."""

    event: JobLogEvent | UnknownValue | None = None
    """The event."""
    event_data: JobLogEventData | None = None
    """The data of the event."""
    log_date_time: datetime | None = None
    """The time of the event, in UTC."""
