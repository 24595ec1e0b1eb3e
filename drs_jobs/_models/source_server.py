"""What is known of a source server apart from its jobs."""

import re
from datetime import timedelta

import attrs

from drs_jobs._models.base import Model


def is_source_server_id(text: str) -> bool:
    """Return whether AWS's service model allows a text as the id of a source server."""
    return re.fullmatch(r"s-[0-9a-zA-Z]{17}", text) is not None


@attrs.frozen(repr=False)
class SourceServer(Model):
    """A source server. A job has only its id.

    Source: the shape `SourceServer` of the service model, and
    https://docs.aws.amazon.com/drs/latest/APIReference/API_SourceServer.html.
    """

    source_server_id: str
    """The source server's id, `s-` and 17 letters or digits."""
    name: str | None = attrs.field(default=None, kw_only=True)
    """The host name; `None` if it is unknown."""
    account_id: str | None = attrs.field(default=None, kw_only=True)
    """The AWS account id, 12 digits; `None` if it is unknown."""
    region: str | None = attrs.field(default=None, kw_only=True)
    """The AWS region; `None` if it is unknown."""
    replication_state: str | None = attrs.field(default=None, kw_only=True)
    """The state of the replication, such as `CONTINUOUS`; `None` if it is unknown."""
    lag: timedelta | None = attrs.field(default=None, kw_only=True)
    """How far the replication is behind; `None` if it is unknown."""
