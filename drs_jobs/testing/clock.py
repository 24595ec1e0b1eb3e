"""The clock of the simulated jobs: real time, accelerated time, or time that only `advance` changes."""

import threading
from datetime import UTC, datetime, timedelta
from typing import Final

from drs_jobs._time import machine_time

_MAX_SPEED: Final = 1_000_000  # so that a test of an hour ends before the year 9999


class LocalClock:
    """A clock that starts at the wall clock as the test sees it, runs at a multiple of real time and can be advanced."""

    def __init__(self, speed: float = 1.0) -> None:
        """Start the clock at the current time. `speed` is the number of its seconds per real second."""
        if not 0 <= speed <= _MAX_SPEED:
            raise ValueError(f"speed must be from 0 to {_MAX_SPEED:,}, not {speed:g}: time can't run backwards")
        self._speed = speed
        self._start = datetime.now(UTC)
        self._machine_start = machine_time()
        self._advanced = timedelta()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """Return the current time of this clock, in UTC."""
        # A library that freezes the time of a test replaces the other clocks, also after this one was started.
        elapsed = timedelta(seconds=(machine_time() - self._machine_start) * self._speed)
        return self._start + elapsed + self._advanced

    def advance(self, duration: timedelta) -> None:
        """Advance the clock by a duration of 0 or more."""
        if duration < timedelta():
            raise ValueError(f"duration must be 0 or more, not {duration}: time can't run backwards")
        with self._lock:
            self._advanced += duration
