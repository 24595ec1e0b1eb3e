"""A web page with the progress of a job. All browsers that show a job share one background task.

Run it with: uvicorn --timeout-graceful-shutdown 1 --factory fastapi_progress:create_app
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path as File
from typing import Annotated, Any

from fastapi import Depends, FastAPI, Path, Request
from fastapi.responses import HTMLResponse
from fastapi.sse import EventSourceResponse

from drs_jobs import WaitTimeoutError
from drs_jobs.aio import AsyncJobsClient
from drs_jobs.analysis import progress

PAGE = File(__file__).with_suffix(".html").read_text(encoding="utf-8")


@dataclass(frozen=True)
class Update:
    """What the page shows."""

    text: str = "Reading the job."
    fraction: float = 0.0
    outcome: str = "RUNNING"  # UNKNOWN if the job cannot be followed any longer
    reasons: tuple[str, ...] = ()


@dataclass(eq=False)
class Feed:
    """The updates of one job, for any number of readers."""

    client: AsyncJobsClient
    job_id: str
    timeout: float
    interval: float
    now: Callable[[], datetime]
    readers: int = 0
    task: asyncio.Task[None] = field(init=False)
    latest: Update = Update()
    has_changed: asyncio.Event = field(default_factory=asyncio.Event)

    async def updates(self) -> AsyncIterator[Update]:
        """The latest update, and each later one. A slow reader gets only the latest of them."""
        while True:
            update, has_changed = self.latest, self.has_changed
            yield update
            if update.outcome != "RUNNING":
                return
            await has_changed.wait()

    async def follow(self) -> None:
        """Publish the progress until the job is complete, and then its outcome, or why it is not known."""
        async with asyncio.TaskGroup() as group:
            progress_task = group.create_task(self._publish_progress())
            last = await self._last_update()
            progress_task.cancel()
        self._publish(last)

    def _publish(self, update: Update) -> None:
        has_changed = self.has_changed
        self.latest, self.has_changed = update, asyncio.Event()
        has_changed.set()

    async def _publish_progress(self) -> None:
        while True:
            try:
                phases = await self.client.phases(self.job_id)
                current = progress(phases, now=self.now())
                if phases.log_error is None:
                    update = Update(current.text, current.fraction)
                else:  # without the log the fraction would begin at 0 again
                    update = replace(self.latest, text=f"{phases.job.status}, the log cannot be read: {phases.log_error}")
            except Exception as error:  # the next request can succeed
                update = replace(self.latest, text=f"Trying again after an error: {error}")
            self._publish(update)
            await asyncio.sleep(self.interval)

    async def _last_update(self) -> Update:
        try:
            job = await self.client.wait(self.job_id, timeout=self.timeout, poll_interval=self.interval)
        except WaitTimeoutError as error:
            return replace(self.latest, text=f"Not complete in time: {error}", outcome="UNKNOWN")
        except Exception as error:  # JobNotFoundError, ServiceError or an error of the connection
            return replace(self.latest, text=f"The job cannot be read: {type(error).__name__}: {error}", outcome="UNKNOWN")
        text = "" if job.duration is None else f"after {job.duration.total_seconds() / 60:.0f} minutes"
        try:
            explanation = await self.client.explain(job)
        except Exception as error:  # the outcome is known nevertheless
            return Update(text, 1.0, job.outcome, (f"The reasons cannot be read: {error}",))
        failures = [f"{failure.participant}: {'; '.join(failure.reasons)}" for failure in explanation.failures]
        return Update(text, 1.0, job.outcome, (*failures, *explanation.job_reasons))


def create_app(
    *,
    timeout: float = 4 * 60 * 60,
    interval: float = 15.0,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> FastAPI:
    """The application.

    Args:
        timeout: The seconds after which the page shows that a job is not complete in time.
        interval: The seconds between two requests for a job.
        now: The current time.
    """
    feeds: dict[str, Feed] = {}

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[dict[str, Any]]:
        async with AsyncJobsClient() as client, asyncio.TaskGroup() as group:
            yield {"client": client, "group": group}

    app = FastAPI(lifespan=lifespan)

    async def feed_of(
        request: Request, job_id: Annotated[str, Path(pattern="^drsjob-[0-9a-zA-Z]{17}$")]
    ) -> AsyncIterator[Feed]:
        """The feed of a job. Its task starts with the first reader, and is cancelled after the last one."""
        feed = feeds.get(job_id)
        if feed is None:
            feed = feeds[job_id] = Feed(request.state.client, job_id, timeout, interval, now)
            feed.task = request.state.group.create_task(feed.follow(), name=job_id)
        feed.readers += 1
        try:
            yield feed
        finally:
            feed.readers -= 1
            if not feed.readers:
                del feeds[job_id]
                feed.task.cancel()

    @app.get("/", response_class=HTMLResponse)
    async def page() -> str:
        return PAGE

    @app.get("/jobs/{job_id}/events", response_class=EventSourceResponse)
    async def events(feed: Annotated[Feed, Depends(feed_of)]) -> AsyncIterator[Update]:
        async for update in feed.updates():
            yield update

    return app
