"""`drs-jobs sweep`: the jobs of many accounts and regions."""

from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from drs_jobs.cli.exit_status import ExitStatus, raise_usage_errors
from drs_jobs.cli.options import (
    Connection,
    EndpointUrl,
    Failed,
    JobFilter,
    Kinds,
    Outcomes,
    Profile,
    Since,
    TableOutput,
    TableOutputOption,
    Tags,
    Until,
)
from drs_jobs.cli.parsers import parse_accounts, parse_span

IN_FLIGHT: Final = 32
"""The default of `drs_jobs.sweep`, which is not imported here, because it imports boto3."""


def sweep(
    accounts: Annotated[
        str, typer.Option("--accounts", metavar="FILE", help="A file of account ids, one per line; - for stdin.")
    ],
    role_name: Annotated[str, typer.Option("--role-name", help="The name of the role to assume in each account.")],
    regions: Annotated[str, typer.Option("--regions", help="Region names, separated by commas, or all.")] = "all",
    external_id: Annotated[
        str | None, typer.Option("--external-id", help="The external id that the trust policy of the role requires.")
    ] = None,
    partition: Annotated[str, typer.Option("--partition", help="The AWS partition: aws, aws-us-gov or aws-cn.")] = "aws",
    profile: Profile = None,
    endpoint_url: EndpointUrl = None,
    output_format: TableOutputOption = TableOutput.TABLE,
    since: Since = None,
    until: Until = None,
    kinds: Kinds = None,
    outcomes: Outcomes = None,
    failed: Failed = False,
    tags: Tags = False,
    in_flight: Annotated[
        int, typer.Option("--in-flight", min=1, help="The maximum number of targets that are read at the same time.")
    ] = IN_FLIGHT,
) -> ExitStatus:
    """List the jobs of many accounts and regions. It continues after failures, and prints a summary of them at the end."""
    with raise_usage_errors():
        span = parse_span(since, until, datetime.now(UTC))
        region_names = [name.strip() for name in regions.split(",") if name.strip()]
        account_ids = parse_accounts("--accounts", accounts)
    from drs_jobs.cli.commands.sweep_targets import Role, sweep_accounts  # noqa: PLC0415  # it imports boto3

    return sweep_accounts(
        Connection(profile, None, endpoint_url),
        output_format,
        account_ids=account_ids,
        regions=region_names,
        role=Role(role_name, partition, external_id),
        job_filter=JobFilter.from_options(kinds, outcomes, failed=failed),
        span=span,
        tags=tags,
        in_flight=in_flight,
    )
