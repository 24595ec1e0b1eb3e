"""CSV that spreadsheets, pandas and DuckDB read, and that no spreadsheet takes for formulas."""

import csv
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Final, TextIO, cast

from drs_jobs._text import one_line
from drs_jobs._time import nearest_utc

_MAX_CELL: Final = 32_000
"""The maximum number of characters in a cell. Spreadsheets accept 32,767."""

_FORMULA_STARTS: Final = tuple("=+-@\uff1d\uff0b\uff0d\uff20")
"""The characters with which a formula begins, also in their full-width forms.

Source: the OWASP page on CSV injection. Tabs and line breaks, which it lists too, are in no cell.
"""


class CsvWriter:
    """Writes rows with a header. Text is quoted, so that no separator in it begins another cell; numbers are not."""

    def __init__(self, file: TextIO, columns: Sequence[str]) -> None:
        """Write the header."""
        self._columns = columns
        self._writer = csv.writer(file, quoting=csv.QUOTE_NONNUMERIC, lineterminator="\n")
        self._writer.writerow(columns)

    def write(self, rows: Iterable[Mapping[str, object]]) -> None:
        """Write rows, which are values by column. A column that a row does not have is empty.

        A datetime is written in UTC, `None` as an empty cell, a list with spaces between.
        """
        for row in rows:
            self._writer.writerow([_cell(row.get(column)) for column in self._columns])


def _cell(value: object) -> str | int | float:
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return value
        case datetime():
            return nearest_utc(value).isoformat()
        case list() | tuple():
            parts = cast("Iterable[object]", value)
            return _text(" ".join("" if part is None else str(part) for part in parts))
        case _:
            return _text(str(value))


def _text(text: str) -> str:
    line = one_line(text, _MAX_CELL)
    # The apostrophe marks a text in spreadsheets.
    return f"'{line}" if line.startswith(_FORMULA_STARTS) else line
