"""A simulated clock. Its time passes only in `sleep`, so that tests of long waits are fast."""

from collections.abc import Callable

from drs_jobs._polling import Clock


class SimulatedTime:
    """The simulated time, the sleeps so far, and the events to come."""

    def __init__(self) -> None:
        self.seconds = 0.0
        """Seconds since the start."""
        self.sleeps: list[float] = []
        self.events: list[tuple[float, Callable[[], object]]] = []

    def at(self, second: float, event: Callable[[], object]) -> None:
        """Call `event` during the sleep that reaches `second`."""
        self.events.append((second, event))
        self.events.sort(key=lambda pair: pair[0])

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.sleeps.append(seconds)
        self.seconds += seconds
        while self.events and self.events[0][0] <= self.seconds:
            self.events.pop(0)[1]()

    def clock(self, jitter: Callable[[], float] = lambda: 0.5) -> Clock:
        # Not 0, because the start of a monotonic clock is arbitrary.
        return Clock(self.sleep, lambda: 4096.0 + self.seconds, jitter)
