"""The asynchronous client, with fakes: mistakes, cancellation, many tasks, event loops."""

import asyncio
from typing import Any

import pytest

from drs_jobs import AsyncJobsClient


class FakeDrs:
    """An asynchronous fake client: pages by token, and the requests so far."""

    def __init__(self, pages: dict[str | None, Any]) -> None:
        self.pages = pages
        self.requests: list[dict[str, Any]] = []

    async def describe_jobs(self, **request: Any) -> Any:
        self.requests.append(request)
        await asyncio.sleep(0)
        return self.pages[request.get("nextToken")]


def test_client_of_another_event_loop():
    client = AsyncJobsClient(FakeDrs({None: {"items": [{"jobID": "a"}]}}))

    async def read() -> list[str]:
        return [job.job_id async for job in client.describe_jobs()]

    assert asyncio.run(read()) == ["a"]
    with pytest.raises(RuntimeError, match="another event loop"):
        asyncio.run(read())
