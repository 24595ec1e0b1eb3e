"""Positions in a run, and their text form: cursors."""

import base64
import json
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any, Final

import attrs

from drs_jobs._text import fingerprint, quoted


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
        """Return the index of the next item in `items`, the page as it is now.

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


def encode_cursor(position: Position, identity: str) -> str:
    """Return the text of a position in a run of the query with this identity."""
    encoded = base64.urlsafe_b64encode(json.dumps(attrs.astuple(position)).encode()).decode()
    return f"{encoded}.{_checksum(encoded, identity)}"


def decode_cursor(cursor: str, identity: str, accepts_token: Callable[[str], bool]) -> Position:
    """Return the position of a cursor of a query with this identity, if the client accepts its page token."""
    encoded, _, checksum = cursor.partition(".")
    if checksum == _checksum(encoded, identity):
        with suppress(TypeError, ValueError, RecursionError):  # the checksum is not secret, so the rest can be anything
            token, anchor, offset, skipped, is_end = json.loads(base64.urlsafe_b64decode(encoded))
            position = Position(token, anchor, offset, skipped, is_end)
            if _is_valid(position, accepts_token):
                return position
    raise ValueError(
        f"cursor {quoted(cursor)} does not belong to this query: "
        "use it with the operation, filters, dates, region and endpoint of the run that it came from"
    )


def _is_valid(position: Any, accepts_token: Callable[[str], bool]) -> bool:
    """Return whether the fields have values that a run can have."""
    token, anchor = position.token, position.anchor
    return bool(position == END) or (
        position.is_end is False
        and (token is None or (isinstance(token, str) and token != "" and accepts_token(token)))
        and (anchor is None or isinstance(anchor, str))
        and all(type(number) is int and 0 <= number <= sys.maxsize for number in (position.offset, position.skipped))
        and (anchor is None) == (position.offset == 0)
    )


def _checksum(encoded: str, identity: str) -> str:
    """Return a checksum that detects a cursor of another query, and a damaged cursor."""
    return fingerprint(f"{encoded}\n{identity}")
