"""Host names of source servers from DescribeSourceServers."""

from typing import Any, TypeAlias

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from drs_jobs._aws import source_servers
from drs_jobs._aws.calls import register_handlers, start_call
from drs_jobs._aws.requests import page_request
from drs_jobs._errors import DrsJobsError
from drs_jobs._pagination.pager import Pager
from drs_jobs._pagination.pages import RawPage, Request
from drs_jobs._pagination.run import Query
from drs_jobs.cli.errors import describe_error
from drs_jobs.cli.exit_codes import print_error
from drs_jobs.cli.options import Connection

HostName: TypeAlias = tuple[str | None, str | None]
"""The id and the host name of a source server, as far as AWS has them."""


def find_host_names(connection: Connection) -> list[HostName]:
    """Return the host names of all source servers. If AWS does not return them, the reason is one line on stderr."""
    profile, region, endpoint_url = connection
    try:
        session: Any = boto3.Session(profile_name=profile)
        return list(fetch_host_names(session.client("drs", region_name=region, endpoint_url=endpoint_url)))
    except (BotoCoreError, ClientError, DrsJobsError) as error:
        print_error(f"no host names, only ids, because DescribeSourceServers failed: {describe_error(error)[0]}")
        return []


def fetch_host_names(client: Any) -> Pager[HostName]:
    """Return a pager over the host names of all source servers. The errors are raised when it is iterated.

    Args:
        client: A boto3 client of `drs`.

    Raises:
        ClientError: If AWS returns an error.
        MalformedResponseError: If a response is invalid.
        PaginationLoopError: If the service repeats a page token.
    """
    operation = source_servers.SOURCE_SERVERS_OPERATION
    register_handlers(client)
    query = Query[HostName](
        identity=operation,
        description=operation,
        request=lambda token: page_request(operation, {}, None, token),
        structure=lambda raw, _: (source_servers.source_server_id_of(raw), source_servers.host_name_of(raw)),
        identify=source_servers.source_server_id_of,
    )

    def fetch(request: Request) -> RawPage:
        with start_call(client, operation) as call:
            call.response = call.method(**request.arguments)
        return call.page()

    return Pager(query, fetch)
