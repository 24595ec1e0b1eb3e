"""The web page of docs/fastapi.md, with LocalDrs and a real server."""

import asyncio
import importlib.util
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("aiobotocore", reason="needs .venv-async")

from drs_jobs import JobNotFoundError
from drs_jobs.aio import AsyncJobsClient
from drs_jobs.testing import ErrorResponse, LocalDrs, PhaseFailure

pytestmark = [pytest.mark.needs_aiobotocore, pytest.mark.needs_trio]

EXAMPLE = Path(__file__).parent.parent / "docs" / "examples" / "fastapi_progress.py"
SERVERS = ["s-00000000000000001", "s-00000000000000002"]

Open = Callable[[str], Any]


@pytest.fixture
def local(local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    """An endpoint whose time stops until `advance` is called, with one server that fails."""
    with LocalDrs(speed=0) as local:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DRS", local.endpoint_url)
        local.fail_server(SERVERS[1], PhaseFailure("CONVERSION", "<b>no disk space</b>"))
        yield local


@pytest.fixture
def job_id(local: LocalDrs) -> str:
    servers = [{"sourceServerID": server} for server in SERVERS]
    job_id: str = local.client().start_recovery(isDrill=True, sourceServers=servers)["job"]["jobID"]
    local.advance(120)
    return job_id


def serve(local: LocalDrs, use: Callable[[Open], Awaitable[None]], **arguments: Any) -> None:
    """Run the application while `use` runs, which opens its paths. Afterwards, no task is left."""
    import aiohttp  # noqa: PLC0415  # needs the environment of aiobotocore
    import uvicorn  # noqa: PLC0415  # needs the environment of aiobotocore

    spec = importlib.util.spec_from_file_location("fastapi_progress", EXAMPLE)
    assert spec is not None
    assert spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)

    async def main() -> None:
        app = example.create_app(now=lambda: local.now, **arguments)
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, timeout_graceful_shutdown=1))
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110  # uvicorn has no event for it
            await asyncio.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        # Connections that `use` leaves open are closed here after the server has ended.
        async with asyncio.timeout(20), aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:
            try:
                await use(session.get)
            finally:
                server.should_exit = True
            await serving
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(main())


@asynccontextmanager
async def updates(get: Open, job_id: str) -> AsyncIterator[AsyncIterator[dict[str, Any]]]:
    """The updates that one browser receives. It closes its connection at the end."""
    async with get(f"/jobs/{job_id}/events") as response:
        assert response.headers["Content-Type"].startswith("text/event-stream")
        yield (json.loads(line[6:]) async for line in response.content if line.startswith(b"data: "))


def feeds(job_id: str) -> int:
    """The number of background tasks for a job."""
    return sum(task.get_name() == job_id for task in asyncio.all_tasks())


async def last(get: Open, job_id: str) -> dict[str, Any]:
    """The last update of a job, after which the server closes the connection."""
    async with updates(get, job_id) as stream:
        return [update async for update in stream][-1]


def test_progress_then_outcome(local: LocalDrs, job_id: str):
    async def use(get: Open) -> None:
        seen: list[dict[str, Any]] = []
        async with updates(get, job_id) as stream:
            async for update in stream:
                if update["fraction"] > 0 and len({each["fraction"] for each in seen}) < 4:
                    local.advance(60)
                elif update["fraction"] > 0:
                    local.advance(3600)
                seen.append(update)
        fractions = [update["fraction"] for update in seen]
        assert fractions == sorted(fractions)
        assert "conversion 2 of 2, 1m" in str(seen)
        assert {update["outcome"] for update in seen[:-1]} == {"RUNNING"}
        assert seen[-1]["outcome"] == "FAILED"
        assert seen[-1]["reasons"] == [f"{SERVERS[1]}: CONVERSION_FAIL: <b>no disk space</b>"]

    serve(local, use, interval=0.02)


def test_browsers_share_one_task(local: LocalDrs, job_id: str):
    """It makes three requests per interval, for any number of browsers, and ends after the last browser."""

    async def use(get: Open) -> None:
        before = len(local.requests)
        async with updates(get, job_id) as first:
            async with updates(get, job_id) as second:
                for stream in (first, second):
                    while (await anext(stream))["fraction"] == 0:
                        pass
                assert feeds(job_id) == 1
            async with updates(get, job_id) as late:
                assert (await anext(late))["fraction"] > 0  # without a request
            assert feeds(job_id) == 1
        while feeds(job_id):  # noqa: ASYNC110  # the server notices a closed connection later
            await asyncio.sleep(0.01)
        made = [request.operation for request in local.requests[before:]]
        assert sorted(made) == ["DescribeJobLogItems", "DescribeJobs", "DescribeJobs"]

    serve(local, use, interval=60)


def test_shutdown_with_an_open_page(local: LocalDrs, job_id: str):
    """The server closes the connection, and the task ends."""
    opened: list[Any] = []

    async def use(get: Open) -> None:
        opened.append(updates(get, job_id))
        opened.append(await opened[0].__aenter__())
        await anext(opened[1])
        assert feeds(job_id) == 1

    serve(local, use, interval=60)


def test_refused_credentials(local: LocalDrs, job_id: str):
    async def use(get: Open) -> None:
        local.inject(ErrorResponse("AccessDeniedException", 403), times=None)
        update = await last(get, job_id)
        assert update["outcome"] == "UNKNOWN"
        assert "AccessDeniedException" in update["text"]

    serve(local, use)


def test_timeout(local: LocalDrs, job_id: str):
    async def use(get: Open) -> None:
        update = await last(get, job_id)
        assert update["outcome"] == "UNKNOWN"
        assert update["text"].startswith("Not complete in time: ")

    serve(local, use, timeout=0)


def test_job_that_is_not_found(local: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    """A new job can be invisible, so `wait` raises only after a minute."""
    has_waited = asyncio.Event()

    async def wait(_: AsyncJobsClient, job: str, **__: Any) -> None:
        await has_waited.wait()
        raise JobNotFoundError(job)

    async def use(get: Open) -> None:
        async with updates(get, "drsjob-00000000000000009") as stream:
            while "was not found" not in (update := await anext(stream))["text"]:
                pass
            assert update["outcome"] == "RUNNING"
            has_waited.set()
            while update["outcome"] == "RUNNING":
                update = await anext(stream)
            assert update["outcome"] == "UNKNOWN"
            assert "JobNotFoundError: job drsjob-00000000000000009 was not found" in update["text"]

    monkeypatch.setattr(AsyncJobsClient, "wait", wait)
    serve(local, use, interval=0.02)


def test_unreadable_log(local: LocalDrs, job_id: str):
    """The status is shown instead, and the outcome is known nevertheless."""

    async def use(get: Open) -> None:
        local.inject(ErrorResponse("AccessDeniedException", 403), times=None, operation="DescribeJobLogItems")
        async with updates(get, job_id) as stream:
            while not (update := await anext(stream))["text"].startswith("STARTED, the log cannot be read: "):
                pass
            local.advance(3600)
            while update["outcome"] == "RUNNING":
                update = await anext(stream)
        assert update["outcome"] == "FAILED"

    serve(local, use, interval=0.02)


def test_wrong_id_makes_no_request(local: LocalDrs):
    async def use(get: Open) -> None:
        async with get("/jobs/nonsense/events") as response:
            assert response.status == 422
        assert list(local.requests) == []

    serve(local, use)


def test_page(local: LocalDrs):
    async def use(get: Open) -> None:
        async with get("/") as response:
            assert response.content_type == "text/html"
            assert "<progress" in await response.text()

    serve(local, use)
