"""Executes the steps of polling for an asynchronous client."""

from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable, Sequence
from contextlib import suppress

import anyio

from drs_jobs import _polling
from drs_jobs._errors import MalformedResponseError
from drs_jobs._models import Job
from drs_jobs._polling import DescribePhases, Poll, Sleep, Step, Watcher
from drs_jobs.aio._pager import TaskGuard


class AsyncWatch(AsyncIterator[Job]):
    """Executes the steps of polling, and returns the jobs.

    If a step is cancelled, the next `anext` executes it again. A sleep then takes the rest of its time.
    """

    def __init__(
        self,
        watcher: Watcher,
        fetch: Callable[[Sequence[str], Callable[[MalformedResponseError], object]], AsyncIterable[Job]],
        describe_phase: Callable[[Job], Awaitable[str | None]],
    ) -> None:
        """Create an iterator.

        Args:
            watcher: Returns the steps.
            fetch: Requests jobs by their ids. Its second argument is called with the error of each malformed job.
            describe_phase: Requests the log of a job, and returns in words which phase it is in; `None` if it is unknown.
        """
        self._watcher = watcher
        self._steps = watcher.steps()
        self._fetch = fetch
        self._describe_phase = describe_phase
        self._guard = TaskGuard()
        self._step: Step | None = None
        """The step that is executed, or that was cancelled."""
        self._is_closed = False

    async def __anext__(self) -> Job:
        with self._guard:
            while not self._is_closed:
                if self._step is None:
                    self._take_step()
                match self._step:
                    case Poll() as step:
                        await self._poll(step)
                    case Sleep() as step:
                        clock = self._watcher.clock
                        await clock.sleep(max(0.0, step.until - clock.now()))
                    case DescribePhases() as step:
                        await self._describe_phases(step)
                    case Job() as job:
                        self._step = None
                        return job
                    case None:
                        break
                self._step = None
        raise StopAsyncIteration

    def _take_step(self) -> None:
        try:
            self._step = next(self._steps, None)
        except BaseException:
            self._steps = self._watcher.steps()  # a generator that raised an exception looks as if all jobs were complete
            raise

    async def aclose(self) -> None:
        """End the watch, as `contextlib.aclosing` does."""
        self._is_closed = True

    async def _poll(self, step: Poll) -> None:
        malformed: list[MalformedResponseError] = []  # so that the jobs after a malformed one are received too
        try:
            async for job in self._fetch(step.job_ids, malformed.append):
                step.jobs[job.job_id] = job
            step.error = malformed[0] if malformed else None
        except Exception as error:  # noqa: BLE001  # a permanent one is raised again
            step.error = error

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
