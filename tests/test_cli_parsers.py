"""How the texts of options are parsed: durations, moments, job ids and accounts."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drs_jobs.cli.parsers import (
    parse_accounts,
    parse_as_of,
    parse_duration,
    parse_job_id,
    parse_moment,
    parse_positive_duration,
    parse_span,
)

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)
JOB = "drsjob-556c7b1d99221f996"
UNITS = {"y": 31536000, "w": 604800, "d": 86400, "h": 3600, "m": 60, "s": 1}

# ------------------------------------------------------------------ durations


@given(st.fixed_dictionaries({unit: st.integers(0, 200) for unit in UNITS}), st.sets(st.sampled_from(list(UNITS)), min_size=1))
def test_units(counts: dict[str, int], units: set[str]):
    """Any of them, from long to short, in any case."""
    chosen = {unit: counts[unit] for unit in UNITS if unit in units}
    text = "".join(f"{count}{unit}" for unit, count in chosen.items())
    expected = timedelta(seconds=sum(count * UNITS[unit] for unit, count in chosen.items()))
    for written in (text, text.upper()):
        assert parse_duration("--x", written) == expected
        if units <= set("hdwy"):
            assert parse_moment("--x", written, NOON) == NOON - expected


@pytest.mark.parametrize(
    "text", ["", "h", "-1h", "1.5h", "soon", "1q", "30m1h", "1h1h", "1h 30m", "1h30", "\u0661h", "9999999999d", "1h\n"]
)
def test_invalid_durations(text: str):
    for bare_seconds in (False, True):
        with pytest.raises(ValueError, match=r"--x .* is (not a duration|too long)"):
            parse_duration("--x", text, bare_seconds=bare_seconds)


def test_unit_is_required():
    """Only time-outs can be bare seconds. The error shows what could be meant."""
    assert parse_duration("--timeout", "90", bare_seconds=True) == timedelta(seconds=90)
    for parse in (parse_duration, parse_positive_duration):
        with pytest.raises(ValueError, match=r"--objective '4' has no unit: use 4h for hours, or 4d for days"):
            parse("--objective", "4")


def test_positive_durations():
    assert parse_positive_duration("--objective", None) is None
    assert parse_positive_duration("--objective", "4h") == timedelta(hours=4)
    for text in ("0h", "0d0h"):
        with pytest.raises(ValueError, match=r"--objective '0.*h' must be above 0: use 4h or 90d"):
            parse_positive_duration("--objective", text)
    with pytest.raises(ValueError, match=r"must be above 0: use 1s"):
        parse_positive_duration("--poll-interval", "0", bare_seconds=True)


# ------------------------------------------------------------------ moments


@pytest.mark.parametrize(
    "text",
    ["5m", "5M", "90s", "90", "1q", "w", "1.5y", "1y6m", "9999y", "999999999w", "", "0001-01-01T00:00+01:00", "2024-06-16"],
)
def test_invalid_moments(text: str):
    """5m could mean minutes or months. No job is from the future."""
    with pytest.raises(ValueError, match=r"--since"):
        parse_moment("--since", text, NOON)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (None, None),
        ("2d", datetime(2024, 6, 13, 12, tzinfo=UTC)),
        ("1d12h", datetime(2024, 6, 14, tzinfo=UTC)),
        ("2024-06-01", datetime(2024, 6, 1, tzinfo=UTC)),
        ("2024-06-01T02:00+02:00", datetime(2024, 6, 1, tzinfo=UTC)),
    ],
)
def test_parse_moment(text: str | None, expected: datetime | None):
    """A number of days or hours ago, or a date, in UTC unless it has another time zone."""
    assert expected == parse_moment("--since", text, NOON)


DAYS = ["2024-06-14", "20240614", "2024-W24-5", "2024W245"]
"""One day in every form of ISO 8601."""


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        *((text, "2024-06-14T23:59:59.999999+00:00") for text in DAYS),
        ("9999-12-31", "9999-12-31T23:59:59.999999+00:00"),
        ("2024-06-14T00:00", "2024-06-14T00:00:00+00:00"),
        ("2024-06-14T00:00+02:00", "2024-06-13T22:00:00+00:00"),
        ("1d", "2024-06-14T12:00:00+00:00"),
    ],
)
def test_until_includes_the_day(text: str, expected: str):
    """A time is not changed, and --since is the first instant of a date."""
    until = parse_moment("--until", text, NOON, whole_day=True)
    assert until == datetime.fromisoformat(expected)
    since = parse_moment("--since", text, NOON)
    assert since == (datetime.fromisoformat(expected[:10] + "T00:00+00:00") if expected.endswith("999999+00:00") else until)
    if text[:4] != "9999":
        assert parse_as_of(text, NOON) == until


@pytest.mark.parametrize("text", ["2024-06-15", "20240615", "0d", "2024-06-15T12:00", "2024-06-15T14:00+02:00"])
def test_as_of_now(text: str):
    """Today's date is now, because its end is in the future."""
    assert parse_as_of(text, NOON) == NOON
    assert parse_as_of(None, NOON) is None


@pytest.mark.parametrize("text", ["2024-06-16", "9999-12-31", "2024-06-15T12:00:01", "2024-06-15T12:00-01:00"])
def test_as_of_in_the_future(text: str):
    with pytest.raises(ValueError, match=r"--as-of .* is in the future"):
        parse_as_of(text, NOON)


def test_span():
    assert parse_span("2d", "2024-06-13", NOON) == (
        NOON - timedelta(days=2),
        datetime(2024, 6, 14, tzinfo=UTC) - timedelta.resolution,
    )
    with pytest.raises(ValueError, match=r"--since 1h is later than --until 2h: swap them"):
        parse_span("1h", "2h", NOON)


# ------------------------------------------------------------------ ids


@pytest.mark.parametrize("text", ["", "nonsense", "drsjob-", JOB[:-1], f"{JOB}0", f"{JOB}\n", "drsjob-0000000000000000\u0660"])
def test_invalid_job_ids(text: str):
    assert parse_job_id(JOB) == JOB
    with pytest.raises(ValueError, match=r"drsjob- and 17"):
        parse_job_id(text)


def test_accounts(tmp_path: Path):
    """Each once, in their order."""
    file = tmp_path / "accounts"
    file.write_text("\ufeff123456789012 # production\n\n# and\n000000000001, 210987654321\n123456789012", encoding="utf-8")
    assert parse_accounts("--accounts", str(file)) == ["123456789012", "000000000001", "210987654321"]
    for account in ("12345678901", "1234567890123", "1234-5678-9012", "\u0661" * 12, "id"):
        file.write_text(f"# accounts\n123456789012\n{account}\n", encoding="utf-8")
        with pytest.raises(
            ValueError, match=rf"--accounts '.*accounts': line 3: '{account}' is not an account id: use 12 digits"
        ):
            parse_accounts("--accounts", str(file))
