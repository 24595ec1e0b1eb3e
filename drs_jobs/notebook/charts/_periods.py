"""Periods of time, such as months. A chart has a readable number of them."""

from collections.abc import Iterable
from datetime import datetime
from typing import Final

import attrs

from drs_jobs._time import nearest_utc

_SIZES: Final = {1: "month", 3: "quarter", 12: "year", 120: "decade", 1_200: "period"}
"""The nouns of periods by their length, in months."""


@attrs.frozen
class Periods:
    """Periods of equal length, numbered from the year 0."""

    months: int
    """The length of a period, in months."""
    numbers: range
    """The numbers of the periods, from the first to the last."""

    @classmethod
    def of(cls, times: Iterable[datetime], most: int) -> "Periods":
        """Return the shortest periods of which there are at most `most` from the first time to the last."""
        months = [_month_of(time) for time in times]
        first, last = min(months, default=0), max(months, default=-1)
        size = next((size for size in _SIZES if last // size - first // size < most), max(_SIZES))
        return cls(size, range(first // size, last // size + 1))

    @property
    def noun(self) -> str:
        """What a period is called."""
        return _SIZES[self.months]

    def number_of(self, time: datetime) -> int:
        """Return the number of the period of a time."""
        return _month_of(time) // self.months

    def label(self, number: int) -> str:
        """Return the period in words, such as `2024-06`, `2024 Q2`, `2024` or `2020 to 2029`."""
        year, month = divmod(number * self.months, 12)
        match self.noun:
            case "month":
                return f"{year:04}-{month + 1:02}"
            case "quarter":
                return f"{year:04} Q{month // 3 + 1}"
            case "year":
                return f"{year:04}"
            case _:
                return f"{year:04} to {year + self.months // 12 - 1:04}"


def _month_of(time: datetime) -> int:
    utc = nearest_utc(time)
    return utc.year * 12 + utc.month - 1
