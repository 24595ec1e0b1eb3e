"""The time of 1,000 concurrent calls of 50 ms with the asynchronous client, by `max_pool_connections`.

Run it with `.venv-async/bin/python benchmarks/connections.py`. It prints a line per number of connections.
"""

import asyncio
import multiprocessing
import time
from typing import Any, Final

from aiobotocore.config import AioConfig
from aiobotocore.session import AioSession

from drs_jobs.aio import AsyncJobsClient

CALLS: Final = 1_000
SECONDS: Final = 0.05
BODY: Final = b'{"items": []}'
RESPONSE: Final = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n%b" % (len(BODY), BODY)


async def respond(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Respond to each request of a connection after 50 ms."""
    try:
        while head := await reader.readuntil(b"\r\n\r\n"):
            length = next(line for line in head.lower().splitlines() if line.startswith(b"content-length:"))
            await reader.readexactly(int(length.partition(b":")[2]))
            await asyncio.sleep(SECONDS)
            writer.write(RESPONSE)
    except asyncio.IncompleteReadError:
        writer.close()


def serve(ports: Any) -> None:
    """Serve on a free port."""

    async def main() -> None:
        server = await asyncio.start_server(respond, "127.0.0.1", 0, backlog=CALLS)
        ports.put(server.sockets[0].getsockname()[1])
        await server.serve_forever()

    asyncio.run(main())


async def measure(url: str, connections: int) -> float:
    """Return the seconds of the calls, after one for the first connection."""
    keys: Any = {"aws_access_key_id": "testing", "aws_secret_access_key": "testing", "region_name": "eu-west-1"}
    config = AioConfig(max_pool_connections=connections)
    async with AioSession().create_client("drs", endpoint_url=url, config=config, **keys) as aio_client:
        client = AsyncJobsClient(aio_client)
        await client.describe_jobs().collect()
        began = time.perf_counter()
        await asyncio.gather(*(client.describe_jobs().collect() for _ in range(CALLS)))
        return time.perf_counter() - began


if __name__ == "__main__":
    ports = multiprocessing.Queue()
    server = multiprocessing.Process(target=serve, args=(ports,), daemon=True)
    server.start()
    url = f"http://127.0.0.1:{ports.get()}"
    for connections in (10, 50, 100, 1_000):
        print(connections, f"{min(asyncio.run(measure(url, connections)) for _ in range(3)):.1f}", sep="\t", flush=True)
    server.terminate()
