"""The recovery snapshots (points in time) of a source server. A guess: one each ten minutes, hour and day, as AWS's default."""

import hashlib
import string
from datetime import UTC, datetime, timedelta
from typing import Any, Final

_RETENTION: Final = ((timedelta(minutes=10), 6), (timedelta(hours=1), 24), (timedelta(days=1), 7))
"""Interval and number of the snapshots that are kept: AWS's default policy of points in time."""

_EPOCH: Final = datetime(2020, 1, 1, tzinfo=UTC)
_ALPHABET: Final = string.ascii_lowercase + string.digits


def recovery_snapshots(source_server_id: str, now: datetime) -> list[tuple[datetime, dict[str, Any]]]:
    """Return the snapshots of a source server that exist at a time, oldest first, each with its time.

    Args:
        source_server_id: The id of the source server.
        now: The time.
    """
    times: set[datetime] = set()
    for interval, count in _RETENTION:
        latest = now - (now - _EPOCH) % interval
        times.update(latest - interval * index for index in range(count))
    return [(time, _snapshot(source_server_id, time)) for time in sorted(times)]


def _snapshot(source_server_id: str, time: datetime) -> dict[str, Any]:
    digest = hashlib.sha256(f"{source_server_id} {time.isoformat()}".encode()).digest()
    return {
        "snapshotID": "pit-" + "".join(_ALPHABET[byte % len(_ALPHABET)] for byte in digest[:17]),
        "sourceServerID": source_server_id,
        "expectedTimestamp": time.isoformat(),
        "timestamp": time.isoformat(),
        "ebsSnapshots": [f"snap-{digest[-9:-1].hex()}0"],
    }
