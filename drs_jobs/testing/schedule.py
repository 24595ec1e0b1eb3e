"""What to apply to the next requests: faults and canned responses, each for some number of requests of one operation or all."""

import threading
from typing import Generic, TypeVar

import attrs

T = TypeVar("T")


@attrs.define
class _Entry(Generic[T]):
    value: T
    operation: str | None
    """AWS's name of the operation; `None` for every operation."""
    remaining: int | None
    """The number of requests left; `None` for no limit."""

    def applies_to(self, operation: str | None) -> bool:
        return self.operation is None or self.operation == operation


@attrs.define
class Schedule(Generic[T]):
    """Values for the next requests, in the order in which they were added. Those without a limit come last. Thread-safe."""

    _entries: list[_Entry[T]] = attrs.field(factory=list[_Entry[T]], init=False)
    _lock: threading.Lock = attrs.field(factory=threading.Lock, init=False, repr=False)

    def add(self, value: T, *, times: int | None, operation: str | None) -> None:
        """Add a value.

        Args:
            value: The value.
            times: The number of requests that it is for. `None` is no limit: it replaces an earlier value without a limit of
                the same operation, and comes after all values with a limit.
            operation: AWS's name of the operation that it is for; `None` for every operation.

        Raises:
            ValueError: If `times` is negative.
        """
        if times is not None and times < 0:
            raise ValueError(f"times must be 0 or more, or None for every request, not {times}")
        with self._lock:
            if times is None:
                self._entries = [
                    entry for entry in self._entries if entry.remaining is not None or entry.operation != operation
                ]
            if times != 0:
                self._entries.append(_Entry(value, operation, times))

    def take(self, operation: str | None) -> T | None:
        """Return the value for a request of this operation, and count it; `None` if there is none.

        Of values without a limit, one for this operation precedes one for every operation.
        """
        with self._lock:
            candidates = [entry for entry in self._entries if entry.applies_to(operation)]
            limited = [entry for entry in candidates if entry.remaining is not None]
            for entry in (*limited, *sorted(candidates, key=lambda entry: entry.operation is None)):
                if entry.remaining is not None:
                    entry.remaining -= 1
                    if entry.remaining == 0:
                        self._entries.remove(entry)
                return entry.value
            return None

    def clear(self) -> None:
        """Remove all values."""
        with self._lock:
            self._entries.clear()
