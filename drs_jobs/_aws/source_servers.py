"""Source servers in the responses of DescribeSourceServers."""

# The shape of the JSON is unknown, and isinstance leaves the types of its elements unknown.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import re
from datetime import timedelta
from typing import Any, Final

from drs_jobs._aws.structure import SchemaError
from drs_jobs._models.source_server import SourceServer, is_source_server_id

_ID: Final = "sourceServerID"


def structure_source_server(raw: object, index: int) -> SourceServer:
    """Return a raw source server as a typed one. What is missing or has another type is `None`, except the id."""
    server_id = source_server_id_of(raw)
    if server_id is None or not is_source_server_id(server_id) or not isinstance(raw, dict):
        error = SchemaError("a source server with an id", None).as_malformed(f"$.items[{index}].{_ID}")
        del raw  # crash reporters send local variables, and a source server has tags
        raise error
    arn = _ARN.fullmatch(_text(raw, "arn") or "")
    return SourceServer(
        server_id,
        name=host_name_of(raw),
        account_id=None if arn is None else arn["account_id"],
        region=None if arn is None else arn["region"],
        replication_state=_text(raw, "dataReplicationInfo", "dataReplicationState"),
        lag=_parse_lag(_text(raw, "dataReplicationInfo", "lagDuration")),
    )


def source_server_id_of(raw: object) -> str | None:
    """Return the id of a raw source server; `None` if it has none."""
    return _text(raw, _ID) or None


def host_name_of(raw: object) -> str | None:
    """Return the host name of a raw source server, or else its fully qualified name; `None` if it has neither."""
    names = (_text(raw, "sourceProperties", "identificationHints", name) for name in ("hostname", "fqdn"))
    return next((name for name in names if name and name.strip()), None)


def _text(raw: Any, *keys: str) -> str | None:
    for key in keys:
        raw = raw.get(key) if isinstance(raw, dict) else None
    return raw if isinstance(raw, str) else None


_ARN: Final = re.compile(r"arn:[^:]+:drs:(?P<region>[^:]+):(?P<account_id>[0-9]{12}):.+", re.DOTALL)
_LAG: Final = re.compile(
    r"P(?:(?P<days>\d{1,6})D)?(?:T(?:(?P<hours>\d{1,9})H)?(?:(?P<minutes>\d{1,9})M)?(?:(?P<seconds>\d{1,9}(?:\.\d+)?)S)?)?",
    re.ASCII,
)


def _parse_lag(text: str | None) -> timedelta | None:
    """Return a duration of ISO 8601 with days, hours, minutes and seconds, such as `PT1H30M`; `None` for any other text."""
    match = _LAG.fullmatch(text or "")
    parts = {} if match is None else {unit: float(count) for unit, count in match.groupdict().items() if count}
    return timedelta(**parts) if parts else None
