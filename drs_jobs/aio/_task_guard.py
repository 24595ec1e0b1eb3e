"""A guard against two tasks in one asynchronous iterator."""


class TaskGuard:
    """A context manager that a second task cannot enter while the first one waits in it."""

    def __init__(self) -> None:
        self._is_entered = False

    def __enter__(self) -> None:
        if self._is_entered:
            raise RuntimeError("another task waits for the next value of this iterator: use one iterator per task")
        self._is_entered = True

    def __exit__(self, *_: object) -> None:
        self._is_entered = False
