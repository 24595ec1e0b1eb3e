"""CSV that spreadsheets do not take for formulas."""

import csv
import io
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_jobs.evidence.csv import csv_text


def _written(*values: object) -> str:
    return csv_text(["value"], ({"value": value} for value in values))


def _cells(*values: object) -> list[str]:
    header, *rows = csv.reader(io.StringIO(_written(*values)))
    assert header == ["value"]
    return [row[0] for row in rows]


@given(st.text())
def test_text_is_one_cell_and_no_formula(text: str):
    """In every spreadsheet, whatever its separator. The text is otherwise unchanged, apart from white space."""
    [cell] = _cells(text)
    assert not cell.startswith(("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20"))
    assert cell.isprintable()
    assert cell.removeprefix("'") == " ".join("".join(c if c.isprintable() else " " for c in text).split()).removeprefix("'")
    assert _written(text).splitlines()[1:] == ['"' + cell.replace('"', '""') + '"']


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", " =1", "\t=1", "\r\n=1", '=cmd|"/c calc"!A0', "\uff1d1"])
def test_formulas_become_text(text: str):
    assert _cells(text) == ["'" + text.strip()]


def test_values():
    """Times are in UTC; numbers are not quoted, so that they stay numbers."""
    noon = datetime(2024, 6, 15, 12, tzinfo=timezone(timedelta(hours=2)))
    values = [None, True, False, -1.5, 3, noon, ["a", None, "b"]]
    expected = ["", "true", "false", "-1.5", "3", "2024-06-15T10:00:00+00:00", "a b"]
    assert expected == _cells(*values)
    assert _written(-1.5) == '"value"\n-1.5\n'


def test_absent_columns_are_empty():
    assert csv_text(["a", "b"], [{"b": 1, "c": 2}]) == '"a","b"\n"",1\n'
