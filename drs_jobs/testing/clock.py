"""The time that living jobs live by: real, accelerated, or stepped by hand."""

import threading
import time
from datetime import UTC, datetime, timedelta


class LocalClock:
    """A clock that runs `speed` times as fast as the machine's, and can be moved on by hand."""

    def __init__(self, speed: float = 1.0) -> None:
        """`speed` 60 makes a minute of a second; 0 stands still, but for `advance`. ValueError for a negative one."""
        if speed < 0:
            raise ValueError(f"speed must be 0 or more, not {speed:g}: a job can't go back")
        self._speed = speed
        self._start = datetime.now(UTC)
        self._began = time.monotonic()
        self._stepped = timedelta()
        self._lock = threading.Lock()

    def now(self) -> datetime:
        """What time it is, UTC."""
        passed = timedelta(seconds=(time.monotonic() - self._began) * self._speed) if self._speed else timedelta()
        return self._start + passed + self._stepped

    def advance(self, duration: timedelta) -> None:
        """Move on by `duration`. ValueError for a negative one."""
        if duration < timedelta():
            raise ValueError("the clock can't be turned back: a job can't go back")
        with self._lock:
            self._stepped += duration
