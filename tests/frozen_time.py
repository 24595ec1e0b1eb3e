"""The time of this process, frozen as freezegun does it: its functions are replaced in every module that has them."""

import asyncio
import datetime as dt
import sys
import time
from typing import Any

import pytest

NOON = dt.datetime(2012, 1, 14, 12, tzinfo=dt.UTC)
REAL_MONOTONIC = time.monotonic
IGNORED = ("threading", "multiprocessing", "queue", "_pytest", "frozen_time", "simulated_sts")
"""Modules in which freezegun replaces nothing, this one, and AWS with its own clock."""


class _FrozenType(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, dt.datetime)


class FrozenDatetime(dt.datetime, metaclass=_FrozenType):
    """A `datetime` that is always noon."""

    @classmethod
    def now(cls, tz: Any = None) -> Any:
        return NOON.astimezone(tz) if tz else NOON.replace(tzinfo=None)

    @classmethod
    def utcnow(cls) -> Any:
        return NOON.replace(tzinfo=None)


FROZEN = {
    id(time.monotonic): lambda: 1_000.0,
    id(time.time): NOON.timestamp,
    id(time.time_ns): lambda: int(NOON.timestamp()) * 10**9,
    id(time.perf_counter): lambda: 1_000.0,
    id(dt.datetime): FrozenDatetime,
}


def freeze(monkeypatch: pytest.MonkeyPatch, *, real_asyncio: bool = False) -> None:
    """Freeze the time. `real_asyncio` leaves the clock of event loops alone, as `freeze_time(real_asyncio=True)` does."""
    if real_asyncio:
        monkeypatch.setattr(asyncio.BaseEventLoop, "time", lambda _: REAL_MONOTONIC())
    for name, module in list(sys.modules.items()):
        if not name.startswith(IGNORED) and module is not None:
            for attribute, value in list(vars(module).items()):
                if id(value) in FROZEN:
                    monkeypatch.setattr(module, attribute, FROZEN[id(value)])
