"""The garbage collector runs rarely during `collect`, and as before afterwards."""

import contextlib
import gc
import os
import threading
import weakref
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from drs_jobs._garbage_collector import rare_collections

import interruptions
from drs_jobs import Job, JobsClient, Pager, _garbage_collector

PAGES = 3


class Recorder:
    """A fake client with several pages, which records the thresholds at each request, and then calls `on_request`."""

    def __init__(self) -> None:
        self.thresholds: list[tuple[int, int, int]] = []

    def on_request(self) -> None:
        """Do nothing; for tests to replace."""

    def describe_jobs(self, **request: Any) -> Mapping[str, Any]:
        """Return a page with one job."""
        self.thresholds.append(gc.get_threshold())
        self.on_request()
        number = int(request.get("nextToken", "0"))
        return {"items": [{"jobID": str(number)}], **({"nextToken": str(number + 1)} if number + 1 < PAGES else {})}


@pytest.fixture(autouse=True)
def original() -> Iterator[tuple[int, int, int]]:
    """Return thresholds that no other code uses, and that every test leaves as they were."""
    before = gc.get_threshold()
    gc.set_threshold(690, 9, 8)
    yield gc.get_threshold()
    try:
        assert gc.get_threshold() == (690, 9, 8)
        assert _garbage_collector._active == set()
    finally:
        gc.set_threshold(*before)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def pager(recorder: Recorder) -> Pager[Job]:
    return JobsClient(recorder).describe_jobs()


def test_collect_raises_the_thresholds(pager: Pager[Job], recorder: Recorder):
    pager.collect()
    assert recorder.thresholds == [_garbage_collector._THRESHOLDS] * PAGES


def test_higher_thresholds_of_the_caller_are_kept(pager: Pager[Job], recorder: Recorder, original: tuple[int, int, int]):
    gc.set_threshold(200_000, 5, 70)
    pager.collect()
    assert recorder.thresholds == [(200_000, 20, 70)] * PAGES
    assert gc.get_threshold() == (200_000, 5, 70)
    gc.set_threshold(*original)


def test_pause_gc_false(pager: Pager[Job], recorder: Recorder, original: tuple[int, int, int]):
    pager.collect(pause_gc=False)
    assert recorder.thresholds == [original] * PAGES


def test_iteration_changes_nothing(pager: Pager[Job], recorder: Recorder, original: tuple[int, int, int]):
    assert [*pager, *pager.pages(), pager.first()]
    assert set(recorder.thresholds) == {original}


@pytest.mark.parametrize("error", [OSError, KeyboardInterrupt, GeneratorExit])
def test_restored_after_an_error(pager: Pager[Job], recorder: Recorder, error: type[BaseException]):
    def on_request() -> None:
        raise error

    recorder.on_request = on_request
    with pytest.raises(error):
        pager.collect()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")  # in code whose exceptions Python ignores
def test_restored_after_interruptions(original: tuple[int, int, int]):
    """By real signals, because no signal handler runs between the acquisition of a lock and the block that releases it."""
    tally = interruptions.run(lambda pager, got: got.extend(pager.collect()), 300)
    assert tally["interrupted"] == 300
    assert gc.get_threshold() == original


def test_disabled_collector(pager: Pager[Job], recorder: Recorder, original: tuple[int, int, int]):
    gc.disable()
    try:
        pager.collect()
        assert not gc.isenabled()
    finally:
        gc.enable()
    assert recorder.thresholds == [original] * PAGES


def test_collector_without_automatic_collections(pager: Pager[Job], recorder: Recorder, original: tuple[int, int, int]):
    gc.set_threshold(0)
    pager.collect()
    assert {first for first, *_ in recorder.thresholds} == {0}
    gc.set_threshold(*original)


def test_frozen_collector(pager: Pager[Job], recorder: Recorder, original: tuple[int, int, int]):
    gc.freeze()
    try:
        pager.collect()
    finally:
        gc.unfreeze()
    assert recorder.thresholds == [original] * PAGES


def test_thresholds_that_the_caller_sets_meanwhile_are_kept(
    pager: Pager[Job], recorder: Recorder, original: tuple[int, int, int]
):
    recorder.on_request = lambda: gc.set_threshold(555)
    pager.collect()
    assert gc.get_threshold()[0] == 555
    gc.set_threshold(*original)


def test_collector_that_the_caller_disables_meanwhile_stays_disabled(pager: Pager[Job], recorder: Recorder):
    recorder.on_request = gc.disable
    pager.collect()
    assert not gc.isenabled()
    gc.enable()


def test_nested(pager: Pager[Job], recorder: Recorder):
    inner = Recorder()
    recorder.on_request = lambda: JobsClient(inner).describe_jobs().collect()
    pager.collect()
    assert set(recorder.thresholds + inner.thresholds) == {_garbage_collector._THRESHOLDS}


def test_last_of_several_threads_restores():
    """Blocks that begin and end in every order."""
    barriers = [threading.Barrier(4) for _ in range(3)]

    def collect(number: int) -> None:
        for repetition in range(200):
            with rare_collections(), contextlib.ExitStack() as stack:
                if (repetition + number) % 3 == 0:
                    stack.enter_context(rare_collections())
                assert gc.get_threshold() == _garbage_collector._THRESHOLDS
        for barrier in barriers:
            with rare_collections():
                barrier.wait()

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(collect, range(4)))


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs os.fork")
def test_forked_process_ends_the_blocks_of_other_threads(original: tuple[int, int, int]):
    begun, end = threading.Event(), threading.Event()

    def block() -> None:
        with rare_collections():
            begun.set()
            end.wait()

    thread = threading.Thread(target=block)
    thread.start()
    begun.wait()
    if (child := os.fork()) == 0:
        with rare_collections():
            pass
        os._exit(0 if gc.get_threshold() == original else 1)
    _, status = os.waitpid(child, 0)
    end.set()
    thread.join()
    assert status == 0


def test_garbage_of_other_code_stays_bounded(pager: Pager[Job], recorder: Recorder):
    """Reference cycles that the caller's code makes meanwhile are freed before the end."""

    class Cycle:
        def __init__(self) -> None:
            self.me = self
            self.others = [[self] for _ in range(100)]

    alive: list[weakref.ref[Cycle]] = []

    def on_request() -> None:
        alive.extend(weakref.ref(Cycle()) for _ in range(2_000))

    recorder.on_request = on_request
    pager.collect()
    assert sum(ref() is not None for ref in alive) < len(alive) / 2
