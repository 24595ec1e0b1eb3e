"""A job's log as DescribeJobLogItems answers it.

Source of every field: the shape `JobLog` of the service model, and
https://docs.aws.amazon.com/drs/latest/APIReference/API_JobLog.html. An absent scalar is `None`, an absent list or map is empty.
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
    """Whether it is in force."""


@attrs.frozen(repr=False, kw_only=True)
class ConversionProperties(Model):
    """How the conversion server turned a server's volumes into bootable ones."""

    volume_to_conversion_map: Mapping[str, Mapping[str, str]] = attrs.field(factory=dict[str, Mapping[str, str]], hash=False)
    """For each volume, the converted snapshot's id by the id of the snapshot it was made from."""
    root_volume_name: str | None = None
    """The name of the volume that the server boots from."""
    force_uefi: bool | None = None
    """Whether the volume uses UEFI."""
    data_timestamp: str | None = None
    """When the converted snapshot was taken. The service model promises no format, so it is kept as text."""
    volume_to_volume_size: Mapping[str, int] = attrs.field(factory=dict[str, int], hash=False)
    """For each volume its size. The service model gives no unit."""
    volume_to_product_codes: Mapping[str, tuple[ProductCode, ...]] = attrs.field(
        factory=dict[str, tuple[ProductCode, ...]], hash=False
    )
    """For each volume its product codes."""


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
    """The CloudFormation stack that was deployed to recover it."""


EventResourceData: TypeAlias = SourceNetworkData | UnknownMember
"""The resource that a log item is about: a tagged union, open to members that AWS adds later."""


@attrs.frozen(repr=False, kw_only=True)
class JobLogEventData(Model):
    """What a log item tells beside its event."""

    source_server_id: str | None = None
    """The source server it is about."""
    conversion_server_id: str | None = None
    """The EC2 instance id of the conversion server."""
    target_instance_id: str | None = None
    """The EC2 instance id of the recovery instance; often the only link from a server to its instance."""
    raw_error: str | None = None
    """What went wrong, in the service's own words."""
    conversion_properties: ConversionProperties | None = None
    """How the volumes were converted."""
    event_resource_data: EventResourceData | None = None
    """The resource it is about, where that is not a server."""
    attempt_count: int | None = None
    """Which attempt at the operation this was, 0 to 9."""
    max_attempts_count: int | None = None
    """How many attempts will be made, 0 to 9."""


@attrs.frozen(repr=False, kw_only=True)
class JobLogItem(Model):
    """One line of a job's log."""

    event: JobLogEvent | UnknownValue | None = None
    """What happened."""
    event_data: JobLogEventData | None = None
    """What it happened to, and how."""
    log_date_time: datetime | None = None
    """When it was logged, UTC."""
