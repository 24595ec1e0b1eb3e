"""Positions in a run, and their text form: cursors."""

import base64
import json
from collections.abc import Callable
from typing import Final

import attrs

from drs_jobs._formatting import fingerprint, quoted


@attrs.frozen
class Position:
    """A position in a run: in the page of `token`, after the item `anchor` and `skipped` items without an identity."""

    token: str | None = None
    anchor: str | None = None
    offset: int = 0
    """The position of the anchor in its page, counted from 1; 0 without an anchor."""
    skipped: int = 0
    is_end: bool = False

    def index_in(self, items: list[object], identify: Callable[[object], str | None]) -> int:
        """Return the index at which to continue in `items`, the page as it is now.

        The page can have changed since the cursor was made. No item that was not returned before is skipped.
        """
        index = 0
        if self.anchor is not None:
            ids = [identify(item) for item in items]
            if self.offset <= len(ids) and ids[self.offset - 1] == self.anchor:
                index = self.offset
            elif self.anchor in ids:
                index = ids.index(self.anchor) + 1
            else:
                return 0
        for item in items[index : index + self.skipped]:
            if identify(item) is not None:
                break
            index += 1
        return index


START: Final = Position()
END: Final = Position(is_end=True)


def encode_cursor(position: Position, query: str) -> str:
    encoded = base64.urlsafe_b64encode(json.dumps(attrs.astuple(position)).encode()).decode()
    return f"{encoded}.{_checksum(encoded, query)}"


def decode_cursor(cursor: str, query: str) -> Position:
    encoded, _, checksum = cursor.partition(".")
    if checksum != _checksum(encoded, query):
        raise ValueError(
            f"cursor {quoted(cursor)} does not belong to this query: "
            "use it with the operation, filters, dates, region and endpoint of the run that it came from"
        )
    return Position(*json.loads(base64.urlsafe_b64decode(encoded)))


def _checksum(encoded: str, query: str) -> str:
    """Return a checksum that detects a cursor of another query, and a damaged cursor."""
    return fingerprint(f"{encoded}\n{query}")
