"""The options `--names` and `--host-names`: host names in a CSV or JSON file, and those that AWS has."""

# The shape of the JSON is unknown, and isinstance leaves the types of its elements unknown.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final, NamedTuple, TypeAlias

from botocore.exceptions import BotoCoreError, ClientError

from drs_jobs import DrsJobsError, Pager
from drs_jobs._aws import source_servers
from drs_jobs._aws.calls import register_handlers, start_call
from drs_jobs._aws.requests import page_request
from drs_jobs._pagination.pages import RawPage, Request
from drs_jobs._pagination.run import Query
from drs_jobs._text import one_line, quoted
from drs_jobs.cli.exit_status import describe_error, print_error
from drs_jobs.cli.options import Connection, read_option_file

HostName: TypeAlias = tuple[str | None, str | None]
"""The id and the host name of a source server. Each can be absent."""


class NameSource(NamedTuple):
    """The options `--names` and `--host-names`: the file is read already, AWS is requested by `resolve`."""

    file: Mapping[str, str]
    """The names in the file by source server id."""
    has_host_names: bool
    """Whether to request host names from AWS too. The names in the file take precedence."""

    @classmethod
    def from_options(cls, file: str | None, *, host_names: bool) -> "NameSource":
        """Read the file.

        Raises:
            ValueError: If the file cannot be read, or does not contain names.
        """
        return cls({} if file is None else parse_names("--names", file), host_names)

    def resolve(self, connection: Connection) -> dict[str, str]:
        """Return the names by source server id. If AWS does not return host names, the reason is one line on stderr."""
        if not self.has_host_names:
            return dict(self.file)
        return {**dict(complete_names(find_host_names(connection))), **self.file}


def parse_names(option: str, file: str) -> dict[str, str]:
    """Return the names in a file by source server id. Servers without a name are left out.

    A CSV file has an id and a name per line, separated by commas, semicolons or tabs. If it has a header, it can have more
    columns. A JSON file is an object of names by id, a list of objects with an id and a name, or the response of
    DescribeSourceServers.

    Args:
        option: The name of the option, for error messages.
        file: The path of the file; `-` is stdin.

    Raises:
        ValueError: If the file cannot be read, is not of these forms, or has two names for one id.
    """
    text = read_option_file(option, file)
    pairs = _json_pairs(text) if text.lstrip()[:1] in {"{", "["} else _csv_pairs(text)
    names: dict[str, str] = {}
    try:
        for server_id, name in complete_names(pairs):
            if names.setdefault(server_id, name) != name:
                raise ValueError(f"two names for {quoted(server_id)}: {quoted(names[server_id])} and {quoted(name)}")
    except ValueError as error:
        raise ValueError(f"{option} {quoted(file)}: {error}") from None
    return names


def complete_names(pairs: Iterable[HostName]) -> Iterator[tuple[str, str]]:
    """Yield the pairs that have both an id and a name, the name as one line."""
    for server_id, name in pairs:
        if server_id and name and (line := one_line(name, 100)):
            yield server_id, line


_ID_HEADERS: Final = {"id", "serverid", "sourceserver", "sourceserverid"}
_NAME_HEADERS: Final = {"name", "host", "hostname", "servername"}
"""The headers and the keys of ids and of names, in lower case, without spaces, underscores and hyphens."""


def _normalized(header: str) -> str:
    return "".join(char for char in header.lower() if char not in " _-")


def _position(headers: Iterable[str], accepted: set[str]) -> int | None:
    return next((index for index, header in enumerate(headers) if _normalized(header) in accepted), None)


def _csv_pairs(text: str) -> Iterator[tuple[str, str]]:
    """Yield the id and the name of each line. Blank lines, and those that begin with `#`, are left out."""
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    delimiter = next((char for char in "\t;," if char in first), ",")
    columns: tuple[int, int] | None = None
    try:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
        for row in reader:
            cells = [cell.strip() for cell in row]
            if not any(cells) or cells[0].startswith("#"):
                continue
            if columns is None:
                id_column, name_column = _position(cells, _ID_HEADERS), _position(cells, _NAME_HEADERS)
                if id_column is not None and name_column is not None:
                    columns = id_column, name_column
                    continue
                columns = 0, 1
            if len(cells) <= max(columns):
                raise ValueError(f"line {reader.line_num} ({quoted(row[0])}) has no name: write an id, a comma and a name")
            yield cells[columns[0]], cells[columns[1]]
    except csv.Error as error:
        raise ValueError(f"it is not CSV: {error}") from None


def _json_pairs(text: str) -> Iterator[HostName]:
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON: {error}") from None
    entries = source_servers.source_servers_of(raw)
    if entries is None and isinstance(raw, dict):
        for server_id, name in raw.items():
            if name is not None and not isinstance(name, str):
                raise ValueError(f"the name of {quoted(server_id)} is not a string")
            yield server_id, name
        return
    for index, entry in enumerate(raw if entries is None else entries):
        if not isinstance(entry, dict):
            raise ValueError(f"element {index} is not an object with an id and a name")
        keys = list(entry)
        id_key, name_key = _position(keys, _ID_HEADERS), _position(keys, _NAME_HEADERS)
        if id_key is None:
            raise ValueError(f"element {index} has no id: write its id under the key id, and its name under the key name")
        server_id = entry[keys[id_key]]
        name = source_servers.host_name_of(entry) if name_key is None else entry[keys[name_key]]
        if not isinstance(server_id, str) or not isinstance(name, str | None):
            raise ValueError(f"the id or the name in element {index} is not a string")
        yield server_id, name


# ------------------------------------------------------------------ DescribeSourceServers


def find_host_names(connection: Connection) -> list[HostName]:
    """Return the host names of all source servers. If AWS does not return them, the reason is one line on stderr."""
    try:
        session = connection.make_session()
        client = session.client("drs", region_name=connection.region, endpoint_url=connection.endpoint_url)
        return list(fetch_host_names(client))
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
