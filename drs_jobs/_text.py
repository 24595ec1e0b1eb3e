"""One bounded line of text: what `repr` and error messages are made of."""

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


def quoted(text: str, limit: int = 80) -> str:
    """`text` as a Python literal on one line, at most about `limit` characters long."""
    shown = text if len(text) <= limit else text[: limit - len(_ELLIPSIS)] + _ELLIPSIS
    # `str(…)`: an UnknownValue has a repr of its own.
    return one_line(repr(str(shown)), 4 * limit)
