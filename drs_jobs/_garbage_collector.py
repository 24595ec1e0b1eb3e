"""Python's garbage collector, which runs rarely while many jobs are built.

Jobs form no reference cycles, so the collector frees none of them. But every full collection visits all of them. With Python's
own thresholds, it takes more than half of the time in which a list of 100,000 jobs is built.
"""

import gc
import os
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

_THRESHOLDS: Final = (100_000, 20, 50)
"""Thresholds for `gc.set_threshold`: the collector visits new objects at every 100,000 allocations, and all at 100 million.

So the garbage of other code has a bounded number of objects. Each job is visited once or twice.
"""

_MAX_FROZEN_BY_PYTHON: Final = 1_000
"""More objects than Python 3.12 freezes itself at its start, and fewer than `gc.freeze()` freezes in any program."""

_lock: Final = threading.RLock()  # reentrant, for a signal handler that collects jobs too
_active: Final[set[int]] = set()
"""The ids of the blocks that run, in any thread."""
_original = _raised = gc.get_threshold()


@contextmanager
def rare_collections() -> Generator[None]:
    """Return a context manager in which the garbage collector runs rarely.

    Blocks can be nested, and run in several threads: the last one to end restores the thresholds. Nothing is changed if the
    collector is disabled or has frozen objects, because the caller then controls it.
    """
    block = _Block()
    try:
        block.begin()
        yield
    finally:
        block.end()


class _Block:
    """A block in which the thresholds are raised. It ends at the latest when it is deleted, if its end was interrupted."""

    def begin(self) -> None:
        global _original, _raised  # noqa: PLW0603  # the collector is global, too
        with _lock:
            if not gc.isenabled() or gc.get_threshold()[0] == 0 or gc.get_freeze_count() > _MAX_FROZEN_BY_PYTHON:
                return
            is_first = not _active
            if is_first:
                _original = first, second, third = gc.get_threshold()
                _raised = max(first, _THRESHOLDS[0]), max(second, _THRESHOLDS[1]), max(third, _THRESHOLDS[2])
            _active.add(id(self))
            if is_first:  # not in a later block, because the caller can have set other thresholds in the meantime
                gc.set_threshold(*_raised)

    def end(self) -> None:
        with _lock:
            if id(self) in _active:
                _restore_without(id(self))

    __del__ = end


def _restore_without(block_id: int) -> None:
    """Remove a block, and restore the thresholds after the last one, unless the caller has set others in the meantime."""
    # Without the third, which Python 3.14 reports as 0.
    if _active == {block_id} and gc.get_threshold()[:2] == _raised[:2]:
        gc.set_threshold(*_original)
    _active.discard(block_id)


def _after_fork() -> None:
    """End the blocks of the other threads, which do not continue in a forked process."""
    for block_id in list(_active):
        _restore_without(block_id)
    _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_after_fork)
