"""Formatting of values as bounded, one-line text for `repr`, error messages, tables and HTML; fingerprints of texts."""

import hashlib
from typing import Final

_ELLIPSIS: Final = "…"


def one_line(text: str, limit: int = 300) -> str:
    """Return `text` without line breaks or control characters, at most `limit` characters long."""
    # The text is cut first, so that the work is bounded too. The following steps never make it longer.
    cut = text[: 4 * limit]
    printable = "".join(char if char.isprintable() else " " for char in cut)
    line = " ".join(printable.split())
    if len(line) > limit or len(cut) < len(text):
        return line[: limit - len(_ELLIPSIS)] + _ELLIPSIS
    return line


_MAX_QUOTED: Final = 80
"""The maximum number of characters that are quoted."""


def quoted(text: str) -> str:
    """Return `text` as a Python literal on one line. A long text is cut off at its end."""
    shown = text if len(text) <= _MAX_QUOTED else text[: _MAX_QUOTED - len(_ELLIPSIS)] + _ELLIPSIS
    # `str(…)`, because an UnknownValue has its own repr.
    return one_line(repr(str(shown)), 4 * _MAX_QUOTED)


_MAX_BITS: Final = 64
"""The size, in bits, up to which an integer is printed with its digits."""


def format_int(value: int) -> str:
    """Return an integer as text; if it is very large, its length, because Python does not print such integers."""
    return repr(value) if value.bit_length() <= _MAX_BITS else f"<a number of {value.bit_length()} bits>"


def format_count(count: int, noun: str) -> str:
    """A count with its noun: `1 job`, `1,200 jobs`."""
    return f"{count:,} {noun}" + ("" if count == 1 else "s")


def fingerprint(text: str) -> str:
    """Return a hash of `text` as 32 hexadecimal digits."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
