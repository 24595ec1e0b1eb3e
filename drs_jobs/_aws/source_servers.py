"""Host names in the responses of DescribeSourceServers, which are not structured."""

# The shape of the JSON is unknown, and isinstance leaves the types of its elements unknown.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

from typing import Final

SOURCE_SERVERS_OPERATION: Final = "DescribeSourceServers"
"""The operation that returns the source servers."""

SOURCE_SERVERS_METHOD: Final = "describe_source_servers"
"""boto3's method for the operation."""

_ID: Final = "sourceServerID"
_HINTS: Final = ("sourceProperties", "identificationHints")
_NAMES: Final = ("hostname", "fqdn")


def source_server_id_of(raw: object) -> str | None:
    """Return the id of a raw source server; `None` if it has none."""
    server_id = raw.get(_ID) if isinstance(raw, dict) else None
    return server_id if isinstance(server_id, str) and server_id else None


def host_name_of(raw: object) -> str | None:
    """Return the host name of a raw source server, or else its fully qualified name; `None` if it has neither."""
    for key in _HINTS:
        raw = raw.get(key) if isinstance(raw, dict) else None
    names = (raw.get(name) for name in _NAMES) if isinstance(raw, dict) else ()
    return next((name for name in names if isinstance(name, str) and name.strip()), None)


def source_servers_of(raw: object) -> list[object] | None:
    """Return the raw source servers in a whole response, as AWS's command line prints it; `None` if it is none."""
    items = raw.get("items") if isinstance(raw, dict) else None
    return items if isinstance(items, list) else None
