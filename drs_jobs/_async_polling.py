"""Executes the steps of polling for an asynchronous client."""

from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Generator, Sequence
from contextlib import suppress

import anyio

from drs_jobs import _polling
from drs_jobs._models import Job
from drs_jobs._polling import Clock, DescribePhases, Poll, Sleep, Step
from drs_jobs._task_guard import TaskGuard


class AsyncWatch(AsyncIterator[Job]):
    """Executes the steps of polling, and returns the jobs.

    If a step is cancelled, the next `anext` executes it again. A sleep then takes the rest of its time.
    """

    def __init__(
        self,
        steps: Generator[Step],
        fetch: Callable[[Sequence[str]], AsyncIterable[Job]],
        describe_phase: Callable[[Job], Awaitable[str | None]],
        clock: Clock,
    ) -> None:
        """Create an iterator, with the arguments of `_polling.watch`."""
        self._steps = steps
        self._fetch = fetch
        self._describe_phase = describe_phase
        self._clock = clock
        self._guard = TaskGuard()
        self._step: Step | None = None
        """The step that is executed, or that was cancelled."""
        self._sleep_start: float | None = None

    async def __anext__(self) -> Job:
        with self._guard:
            while (step := self._step or next(self._steps, None)) is not None:
                self._step = step
                match step:
                    case Poll():
                        await self._poll(step)
                    case Sleep():
                        await self._sleep(step)
                    case DescribePhases():
                        await self._describe_phases(step)
                    case Job():
                        self._step = None
                        return step
                self._step = None
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End the watch, as `contextlib.aclosing` does."""
        self._step = None
        self._steps.close()

    async def _poll(self, step: Poll) -> None:
        try:
            async for job in self._fetch(step.job_ids):
                step.jobs[job.job_id] = job
        except Exception as error:  # noqa: BLE001  # a permanent one is raised again
            step.error = error

    async def _sleep(self, step: Sleep) -> None:
        now = self._clock.now()
        if self._sleep_start is None:
            self._sleep_start = now
        await self._clock.sleep(max(0.0, step.seconds - (now - self._sleep_start)))
        self._sleep_start = None

    async def _describe_phases(self, step: DescribePhases) -> None:
        waiting = deque(step.jobs)

        async def describe() -> None:
            while waiting:
                job = waiting.popleft()
                with suppress(Exception):  # a log that cannot be read must not hide the time-out
                    if (phase := await self._describe_phase(job)) is not None:
                        step.phases[job.job_id] = phase

        with anyio.move_on_after(_polling.DESCRIPTION_TIMEOUT):
            async with anyio.create_task_group() as group:
                for _ in range(_polling.MAX_LOGS_AT_A_TIME):
                    group.start_soon(describe)
