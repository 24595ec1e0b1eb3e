"""Seconds that pass only while somebody sleeps, so that hours of waiting take no time."""

from collections.abc import Callable

from drs_jobs._polling import Clock


class SimulatedTime:
    """What time it is, how long everybody slept, and what happens at which second."""

    def __init__(self) -> None:
        self.seconds = 0.0
        """How many have passed."""
        self.sleeps: list[float] = []
        self.events: list[tuple[float, Callable[[], object]]] = []

    def at(self, second: float, event: Callable[[], object]) -> None:
        self.events.append((second, event))
        self.events.sort(key=lambda pair: pair[0])

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.sleeps.append(seconds)
        self.seconds += seconds
        while self.events and self.events[0][0] <= self.seconds:
            self.events.pop(0)[1]()

    def clock(self, jitter: Callable[[], float] = lambda: 0.5) -> Clock:
        # A monotonic clock begins anywhere.
        return Clock(self.sleep, lambda: 4096.0 + self.seconds, jitter)
