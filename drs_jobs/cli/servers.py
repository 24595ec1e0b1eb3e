"""The options `--servers` and `--names`: source servers and their names, from a file or from AWS."""

# The shape of the JSON is unknown, and isinstance leaves the types of its elements unknown.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import Any, Final

from botocore.exceptions import BotoCoreError

from drs_jobs import DrsJobsError, JobsClient, SourceServer
from drs_jobs._aws.source_servers import structure_source_server
from drs_jobs._models.source_server import is_source_server_id
from drs_jobs._text import format_count, one_line, quoted
from drs_jobs.cli.exit_status import UsageError, describe_error, print_error
from drs_jobs.cli.parsers import read_option_file, words


class ServerOption:
    """The option `--servers` or `--names`: its file is read already, AWS is requested when it is read."""

    def __init__(self, option: str, value: str | None) -> None:
        """Read the file, unless the value is `aws`. It is a ValueError if the file is invalid."""
        self.is_aws: bool = value == "aws"
        self.servers: tuple[SourceServer, ...] | None = None
        """The servers in the file; `None` without a file."""
        if value is not None and not self.is_aws:
            self.servers = parse_servers(option, value, has_pairs=option == "--names")
        self.names: dict[str, str] = names_of(self.servers or ())
        """The names by source server id: those in the file, and those of AWS that have been read."""
        self._errors: list[Exception] = []

    def read_servers(self, client: JobsClient) -> tuple[SourceServer, ...] | None:
        """Return the servers; `None` without the option."""
        return tuple(client.describe_source_servers()) if self.is_aws else self.servers

    def read_names(self, client: JobsClient) -> Mapping[str, str]:
        """Return the names, with those of AWS for the account and region of a client."""
        try:
            self.names.update(names_of(self.read_servers(client) or ()))
        except (BotoCoreError, DrsJobsError) as error:
            self._errors = sorted([*self._errors, error], key=str)  # not in the order of the threads that read
        return self.names

    def resolve_names(self, client: JobsClient) -> Mapping[str, str]:
        """Return the names, and print why AWS did not return them."""
        names = self.read_names(client)
        self.print_errors()
        return names

    def require_names(self, names: Iterable[str]) -> None:
        """Check that each of the names is that of a server. Otherwise the error of AWS is raised, or a UsageError."""
        existing = {name.casefold() for name in self.names.values()}
        for name in names:
            if name.casefold() in existing:
                continue
            if self._errors:
                raise self._errors[0]
            raise UsageError(f"no server is named {quoted(name)}: correct --server, or give an id, s- and 17 letters or digits")

    def print_errors(self) -> None:
        """Print on stderr why AWS did not return names, as one line; nothing without an error."""
        if self._errors:
            where = f" in {format_count(len(self._errors), 'region')}, the first" if len(self._errors) > 1 else ""
            first = describe_error(self._errors[0])[0]
            print_error(f"no names, only ids, because DescribeSourceServers failed{where}: {first}")


_MAX_NAME_LENGTH: Final = 100


def names_of(servers: Iterable[SourceServer]) -> dict[str, str]:
    """Return the names of servers by id, each as one line. Servers without a name are left out."""
    names = {server.source_server_id: one_line(server.name or "", _MAX_NAME_LENGTH) for server in servers}
    return {server_id: name for server_id, name in names.items() if name}


def parse_servers(option: str, file: str, *, has_pairs: bool = False) -> tuple[SourceServer, ...]:
    """Return the servers in a file, each once.

    The file has ids, separated by white space, commas or semicolons; or CSV with a header; or JSON, as a list of ids, as a list
    of objects, as an object of names by id, or as the response of DescribeSourceServers. CSV and JSON can have names.

    With `has_pairs`, a text without a header has an id and a name per line, separated by a comma, a semicolon or a tab, instead
    of ids, and a header must have a column of names. A ValueError for anything else, or for two names of one id, has the line.
    """
    text = read_option_file(option, file)
    is_json = text.lstrip()[:1] in {"{", "["}
    servers: dict[str, SourceServer] = {}
    try:
        for place, server in _json_servers(text) if is_json else _text_servers(text, has_pairs=has_pairs):
            other = servers.setdefault(server.source_server_id, server)
            if other.name and server.name and other.name != server.name:
                raise ValueError(
                    f"{place}: two names for {quoted(server.source_server_id)}: {quoted(other.name)} and {quoted(server.name)}"
                )
            if server.name:
                servers[server.source_server_id] = server
    except ValueError as error:
        raise ValueError(f"{option} {quoted(file)}: {error}") from None
    return tuple(servers.values())


_ID_HEADERS: Final = {"id", "server", "serverid", "sourceserver", "sourceserverid"}
_NAME_HEADERS: Final = {"name", "host", "hostname", "servername"}
"""The headers and the keys of ids and of names, in lower case, without spaces, underscores and hyphens."""


def _position(headers: Iterable[str], accepted: set[str]) -> int | None:
    normalized = ("".join(char for char in header.lower() if char not in " _-") for header in headers)
    return next((index for index, header in enumerate(normalized) if header in accepted), None)


def _server(place: str, server_id: object, name: object = None) -> tuple[str, SourceServer]:
    """Return a server with its place, the line or the element, after a check of its id and its name."""
    if not isinstance(server_id, str) or not is_source_server_id(server_id):
        text = quoted(server_id) if isinstance(server_id, str) else type(server_id).__name__
        raise ValueError(f"{place}: {text} is not a source server id: use s- and 17 letters or digits")
    if not isinstance(name, str | None):
        raise ValueError(f"{place}: the name of {quoted(server_id)} is not a string")
    return place, SourceServer(server_id, name=one_line(name or "", _MAX_NAME_LENGTH) or None)


def _text_servers(text: str, *, has_pairs: bool) -> Iterator[tuple[str, SourceServer]]:
    """Yield the servers of a CSV file with a header, of pairs of ids and names, or of a list of ids."""
    first = next((line for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")), "")
    delimiter = next((char for char in "\t;," if char in first), ",")
    headers = [cell.strip(' "') for cell in first.split(delimiter)]
    id_column, name_column = _position(headers, _ID_HEADERS), _position(headers, _NAME_HEADERS)
    header_count = 1
    if id_column is None:
        if not has_pairs:
            yield from (_server(f"line {number}", word) for number, word in words(text))
            return
        id_column, name_column, header_count = 0, 1, 0
    elif has_pairs and name_column is None:
        raise ValueError("the header has no column of names: name it name")
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    rows = ([cell.strip() for cell in row] for row in reader)
    try:
        for cells in islice((row for row in rows if any(row) and not row[0].startswith("#")), header_count, None):
            if len(cells) <= max(id_column, name_column or 0):
                raise ValueError(
                    f"line {reader.line_num} ({quoted(cells[0])}) has too few columns: write an id, a comma and a name"
                )
            yield _server(f"line {reader.line_num}", cells[id_column], None if name_column is None else cells[name_column])
    except csv.Error as error:
        raise ValueError(f"it is not CSV: {error}") from None


def _json_servers(text: str) -> Iterator[tuple[str, SourceServer]]:
    try:
        raw = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ValueError(f"it is not JSON: {error}") from None
    if isinstance(raw, dict) and isinstance(raw.get("items"), list):
        if raw.get("nextToken") or raw.get("NextToken"):
            raise ValueError("it has a nextToken, so it is not all servers: read them without a limit")
        raw = raw["items"]
    if isinstance(raw, dict):
        yield from (_server(f"key {quoted(server_id)}", server_id, name) for server_id, name in raw.items())
    else:
        yield from (_json_server(index, entry) for index, entry in enumerate(raw))


def _json_server(index: int, entry: Any) -> tuple[str, SourceServer]:
    place = f"element {index}"
    if not isinstance(entry, dict):
        return _server(place, entry)
    keys = list(entry)
    id_key, name_key = _position(keys, _ID_HEADERS), _position(keys, _NAME_HEADERS)
    if id_key is None:
        raise ValueError(f"{place} has no id: write it under the key id, and the name under the key name")
    _, server = _server(place, entry[keys[id_key]], None if name_key is None else entry[keys[name_key]])
    # AWS has the name and the place of a server in other members. Its replication is not taken, because a file can be old.
    aws = structure_source_server({**entry, "sourceServerID": server.source_server_id}, index)
    name = server.name or one_line(aws.name or "", _MAX_NAME_LENGTH) or None
    return place, SourceServer(server.source_server_id, name=name, account_id=aws.account_id, region=aws.region)
