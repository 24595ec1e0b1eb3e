"""One bounded line of text: what `repr` and error messages are made of. And a short name for a long text."""

import hashlib
from typing import Final

_ELLIPSIS: Final = "…"


def one_line(text: str, limit: int = 300) -> str:
    """`text` without line breaks or control characters, at most `limit` characters long."""
    # Cutting before cleaning keeps the work bounded too; cleaning never makes text longer.
    cut = text[: 4 * limit]
    printable = "".join(char if char.isprintable() else " " for char in cut)
    line = " ".join(printable.split())
    if len(line) > limit or len(cut) < len(text):
        return line[: limit - len(_ELLIPSIS)] + _ELLIPSIS
    return line


def may_hold_tags(text: str) -> bool:
    """Whether a text that nobody could read as an answer may hold a job's tags, which are sensitive.

    Better once too often: an escape may spell the word, and a zero between letters may hide it.
    """
    return "tags" in text.replace("\0", "").lower() or "\\u" in text


_QUOTED: Final = 80
"""How many characters of a text are quoted."""


def quoted(text: str) -> str:
    """`text` as a Python literal on one line, its end cut off where it is long."""
    shown = text if len(text) <= _QUOTED else text[: _QUOTED - len(_ELLIPSIS)] + _ELLIPSIS
    # `str(…)`: an UnknownValue has a repr of its own.
    return one_line(repr(str(shown)), 4 * _QUOTED)


_LONG: Final = 64
"""How many bits of a whole number are printed as it is."""


def number(value: int) -> str:
    """A whole number as it is, or how long it is: Python refuses to print the longest."""
    return repr(value) if value.bit_length() <= _LONG else f"<a number of {value.bit_length()} bits>"


def fingerprint(text: str) -> str:
    """32 hexadecimal digits that no other text has."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
