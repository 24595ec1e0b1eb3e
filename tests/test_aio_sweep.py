"""Asynchronous sweeps: one result per target, whatever is cancelled, and no task or client that is left over.

What both sweeps do is in test_sweep.py and test_sweep_sts.py. Their cases run with both.
"""

import asyncio
import contextlib
import gc
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from botocore.client import BaseClient

pytest.importorskip("aiobotocore", reason="needs .venv-async")

import anyio
from aiobotocore.client import AioBaseClient

from drs_jobs.aio import sweep
from drs_jobs.aio._sweep import AsyncSweep, TaskClients
from drs_jobs.sweep import Target, TargetFailure, TargetResult
from drs_jobs.sweep import clients as sweep_clients
from drs_jobs.testing import ErrorResponse, LocalDrs, Slow, make_job
from simulated_accounts import simulate_accounts

pytestmark = pytest.mark.needs_aiobotocore

# ------------------------------------------------------------------ the iterator, without AWS


class Work:
    """Targets that are numbers. Each takes a random number of turns of the event loop, and every seventh one fails."""

    def __init__(self, count: int, max_in_flight: int = 5) -> None:
        self.taken = self.running = self.most = self.closed = 0
        self._random = random.Random(count)
        self.results: Any = AsyncSweep(self._targets(count), self._read, self._close, max_in_flight)

    def _targets(self, count: int) -> Any:
        for number in range(count):
            self.taken += 1
            yield number

    async def _read(self, number: int) -> tuple[int, str]:
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            for _ in range(self._random.randrange(5)):
                await asyncio.sleep(0)
        finally:
            self.running -= 1
        if number % 7 == 0:
            raise ValueError("bad")
        return number, "good"

    async def _close(self) -> None:
        assert self.running == 0
        self.closed += 1


def as_pair(result: Any) -> tuple[int, str]:
    return (result.target, str(result.error)) if isinstance(result, TargetFailure) else result


def expected(count: int) -> list[tuple[int, str]]:
    return [(number, "good" if number % 7 else "bad") for number in range(count)]


def run(main: Callable[[], Awaitable[None]]) -> None:
    """Run a coroutine function in an event loop. Afterwards no task is left."""

    async def checked() -> None:
        await main()
        for _ in range(10):
            await asyncio.sleep(0)
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(checked())


@pytest.mark.parametrize("max_in_flight", [1, 7, 5_000])
def test_bounded_and_lazy(max_in_flight: int):
    """Also results that were not taken count as targets in flight."""

    async def main() -> None:
        work = Work(1_000, max_in_flight)
        assert work.taken == 0
        found = []
        async for result in work.results:
            found.append(result)
            assert work.taken <= len(found) + max_in_flight
        assert expected(1_000) == sorted(map(as_pair, found))
        assert work.most == max_in_flight or 500 < work.most < max_in_flight
        assert work.closed == 1
        assert [await anext(work.results, None) for _ in range(2)] == [None, None]

    run(main)


def after_turns(turns: int, call: Callable[[], object]) -> None:
    """Call a function after this many turns of the event loop."""
    if turns == 0:
        call()
    else:
        asyncio.get_running_loop().call_soon(after_turns, turns - 1, call)


def cancelled_by_timeout(results: Any, turns: int) -> Any:
    async def take() -> Any:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(None) as scope:

                def end() -> None:
                    with contextlib.suppress(RuntimeError):  # it has ended before
                        scope.reschedule(0)

                after_turns(turns, end)
                return await anext(results, None)
        return "cancelled"

    return take()


def cancelled_by_anyio(results: Any, turns: int) -> Any:
    async def take() -> Any:
        with anyio.CancelScope() as scope:
            after_turns(turns, scope.cancel)
            return await anext(results, None)
        return "cancelled"

    return take()


def cancelled_task(results: Any, turns: int) -> Any:
    async def take() -> Any:
        task = asyncio.ensure_future(anext(results, None))
        for _ in range(turns):
            await asyncio.sleep(0)
        task.cancel()
        try:
            return await task
        except asyncio.CancelledError:
            return "cancelled"

    return take()


@pytest.mark.parametrize("take", [cancelled_by_timeout, cancelled_by_anyio, cancelled_task])
def test_cancelled_anext_loses_no_result(take: Any):
    """The next one continues."""

    async def main() -> None:
        work, found, chosen = Work(300), [], random.Random(1)
        count = 0
        while (result := await take(work.results, chosen.randrange(4))) is not None:
            count += 1
            found += [result] if result != "cancelled" else []
        assert expected(300) == sorted(map(as_pair, found))
        assert count > 310, "some were cancelled"

    run(main)


def test_cancellation_of_the_consumer_propagates():
    """The iterator of a consumer that is cancelled can be used by another task."""

    async def main() -> None:
        work = Work(100)
        found: list[Any] = []

        async def consume() -> None:
            async for result in work.results:
                found.append(result)

        task = asyncio.ensure_future(consume())
        for _ in range(30):
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert 0 < len(found) < 100
        await consume()
        assert expected(100) == sorted(map(as_pair, found))

    run(main)


@pytest.mark.parametrize("end", ["break", "aclosing", "error"])
def test_no_task_is_left(end: str):
    """After a break, the deletion of the iterator cancels the tasks."""
    closed = []

    async def main() -> None:
        work = Work(1_000)
        manager: Any = contextlib.aclosing(work.results) if end != "break" else contextlib.nullcontext(work.results)
        with contextlib.suppress(KeyError):
            async with manager as results:
                async for _ in results:
                    if end == "error":
                        raise KeyError
                    break
        if end != "break":
            assert work.closed == 1
            assert [result async for result in results] == []
        del results, manager
        del work.results
        for _ in range(1_000):
            await asyncio.sleep(0.001)
            if work.closed:
                break
        closed.append(work.closed)
        assert work.taken < 20

    run(main)
    assert closed == [1]


def test_closed_while_a_task_waits():
    async def main() -> None:
        forever = asyncio.Event()
        results = AsyncSweep(range(9), lambda _: forever.wait(), lambda: asyncio.sleep(0), 3)
        waiting = asyncio.ensure_future(anext(results, "end"))
        await asyncio.sleep(0)
        with pytest.raises(RuntimeError, match="another task waits"):
            await anext(results)
        await asyncio.gather(results.aclose(), results.aclose())
        assert await waiting == "end"
        await AsyncSweep([], lambda _: forever.wait(), forever.wait, 3).aclose()

    run(main)


def test_tasks_cancelled_by_other_code():
    """A cancelled target is a failure. A sweep in a cancelled task does not end as if it were complete."""

    async def main() -> None:
        work = Work(3)
        first = await anext(work.results)
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            if task.get_name() != "drs_jobs.aio.sweep":
                task.cancel()
        found = list(map(as_pair, [first, *[result async for result in work.results]]))
        assert sorted(number for number, _ in found) == [0, 1, 2]
        assert {text for _, text in found[1:]} <= {"the task of this target was cancelled", "good", "bad"}
        assert "the task of this target was cancelled" in {text for _, text in found}

        work = Work(50)
        await anext(work.results)
        [task] = [task for task in asyncio.all_tasks() if task.get_name() == "drs_jobs.aio.sweep"]
        task.cancel()
        with pytest.raises(RuntimeError, match="other code cancelled"):
            [_ async for _ in work.results]
        assert work.closed == 1

    run(main)


@pytest.mark.parametrize("is_async", [False, True])
def test_error_of_the_targets_is_raised_last(is_async: Any):
    def some() -> Any:
        yield from range(8)
        raise KeyError("file ends")

    async def some_async() -> AsyncIterator[int]:
        for number in some():
            await asyncio.sleep(0)
            yield number

    async def main() -> None:
        work = Work(0)
        targets = some_async() if is_async else some()
        results = AsyncSweep(targets, work._read, work._close, 3)
        found = []
        with pytest.raises(KeyError, match="file ends"):
            async for result in results:
                found.append(result)
        assert expected(8) == sorted(map(as_pair, found))
        assert await anext(results, None) is None

    run(main)


def test_other_event_loops_and_none():
    work = Work(50)
    with pytest.raises(RuntimeError, match="needs a running event loop of asyncio"):
        anext(work.results).__await__().send(None)
    with asyncio.Runner() as runner:

        async def take() -> Any:
            return await anext(work.results)

        runner.run(take())
        with pytest.raises(RuntimeError, match="another event loop"):
            thread_result(lambda: asyncio.run(take()))
        runner.run(work.results.aclose())


def thread_result(call: Callable[[], Any]) -> Any:
    """Return or raise what a call returns or raises in another thread."""
    with ThreadPoolExecutor(1) as threads:
        return threads.submit(call).result()


# ------------------------------------------------------------------ sweeps over HTTP


def target_of(local: LocalDrs, region: str = "eu-west-1") -> Target:
    return Target(region, endpoint_url=local.endpoint_url)


def test_every_target_has_one_result():
    """Of 300 targets, with failures of each kind. Each role is assumed once."""
    with simulate_accounts(75, hanging=False) as accounts:

        async def listed() -> AsyncIterator[Target]:
            for target in accounts.targets:
                yield target

        async def main() -> None:
            accounts.check([result async for result in sweep(listed())])

        run(main)
        accounts.check_roles()


def test_every_target_has_one_result_after_cancellations():
    """Of `anext`, at random moments."""
    with simulate_accounts(25, hanging=False) as accounts:

        async def main() -> None:
            results, found, chosen = sweep(accounts.targets, max_in_flight=8), [], random.Random(2)
            while (result := await cancelled_task(results, chosen.randrange(60))) is not None:
                found += [result] if result != "cancelled" else []
            accounts.check(found)

        run(main)
        accounts.check_roles()


def test_time_out(local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(sweep_clients, "READ_TIMEOUT", 0.02)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    local_drs.inject(Slow(0.2))

    async def main() -> None:
        [result] = [result async for result in sweep([target_of(local_drs)])]
        assert isinstance(result, TargetFailure)
        assert type(result.error).__name__ == "ReadTimeoutError"

    run(main)


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 4, 6, 10])
def test_break_before_the_event_loop_ends(turns: int, local_drs: LocalDrs):
    """No client is left open, at whichever moment asyncio.run cancels the rest. Otherwise aiohttp warns."""

    async def main() -> None:
        many = [target_of(local_drs, region) for region in ("eu-west-1", "us-east-1")] * 20
        async for _ in sweep(many, max_in_flight=4):
            break
        for _ in range(turns):
            await asyncio.sleep(0)

    asyncio.run(main())
    gc.collect()


@pytest.fixture
def clients(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """The numbers of clients of aiobotocore that are made and closed."""
    found: Counter[str] = Counter()
    make, close = BaseClient.__init__, AioBaseClient.close

    def count_made(self: Any, *args: Any, **kwargs: Any) -> None:
        make(self, *args, **kwargs)
        found["made"] += isinstance(self, AioBaseClient)

    async def count_closed(self: Any) -> None:
        await close(self)
        found["closed"] += 1

    monkeypatch.setattr(BaseClient, "__init__", count_made)
    monkeypatch.setattr(AioBaseClient, "close", count_closed)
    return found


def test_one_client_per_region(local_drs: LocalDrs, clients: Counter[str]):
    """It is closed at the end, after errors too."""
    local_drs.inject(ErrorResponse("AccessDeniedException", 403), times=3)

    async def main() -> None:
        many = [target_of(local_drs, region) for region in ("eu-west-1", "us-east-1") * 20]
        assert len([result async for result in sweep(many)]) == 40
        assert clients == {"made": 2, "closed": 2}

    run(main)


def test_client_that_outlives_its_sweep(local_drs: LocalDrs, clients: Counter[str]):
    """Nothing would close the client that it would build."""

    async def return_client(client: Any) -> Any:
        return client

    async def main() -> None:
        [result] = [result async for result in sweep([target_of(local_drs)], return_client)]
        assert isinstance(result, TargetResult)
        with pytest.raises(RuntimeError, match="this sweep has ended"):
            await result.value.get_job("drsjob-00000000000000001")
        assert clients == {"made": 1, "closed": 1}

    run(main)


def test_tasks_of_a_read(local_drs: LocalDrs):
    """They read at the same time, and are cancelled with the sweep."""
    local_drs.add_jobs(make_job(), make_job())
    cancelled = []

    async def read(client: Any) -> int:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(client.describe_jobs().collect()) for _ in range(5)]
        return sum(len(task.result()) for task in tasks)

    async def wait(_: Any) -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.append(1)
            raise

    async def main() -> None:
        assert [getattr(result, "value", None) async for result in sweep([target_of(local_drs)], read)] == [10]
        async with contextlib.aclosing(sweep([target_of(local_drs)] * 3, wait)) as results:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(anext(results), 0.5)
        assert cancelled == [1, 1, 1]

    run(main)


def test_close_continues_after_a_cancellation():
    """asyncio.run can cancel the task that closes the clients."""

    class FakeClient:
        is_closed = False

        async def close(self) -> None:
            self.is_closed = True
            await asyncio.sleep(0)

    async def main() -> None:
        state, fakes = TaskClients(2), [FakeClient() for _ in range(5)]
        state._clients = {sweep_clients.ClientKey("drs", None, str(number)): fake for number, fake in enumerate(fakes)}
        task = asyncio.ensure_future(state.close())
        for _ in range(5):
            await asyncio.sleep(0)
            task.cancel()
        await task
        assert all(fake.is_closed for fake in fakes)

    run(main)


def test_time_outs_and_connections_of_clients(local_drs: LocalDrs):
    async def main() -> None:
        clients = TaskClients(7)
        client = await clients._client(sweep_clients.ClientKey("drs", None, "eu-west-1", local_drs.endpoint_url))
        config = client.meta.config
        assert (config.connect_timeout, config.read_timeout, config.max_pool_connections) == (10, 20, 7)
        await clients.close()

    run(main)


def test_unknown_profile_and_region_are_failures(local_drs: LocalDrs):
    async def main() -> None:
        bad = [Target("eu-west-1", profile_name="missing"), Target("mars-north-1")]
        results = {result.target: result async for result in sweep([*bad, target_of(local_drs)])}
        errors = [type(getattr(results[target], "error", None)).__name__ for target in bad]
        assert errors == ["ProfileNotFound", "ValueError"]
        assert results[target_of(local_drs)] == TargetResult(target_of(local_drs), ())

    run(main)


def test_exit_while_a_target_is_read(local_drs: LocalDrs):
    """As of a signal handler, which runs in whatever code the event loop runs."""

    async def read(_: Any) -> None:
        raise SystemExit(143)

    async def main() -> None:
        async for _ in sweep([Target("eu-west-1", endpoint_url=local_drs.endpoint_url)] * 3, read):
            pass

    with pytest.raises(SystemExit, match="143"):
        asyncio.run(main())
