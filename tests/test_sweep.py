"""Sweeps: one outcome for every target, on threads, on processes and on a Dask cluster, whatever fails."""

import gc
import itertools
import json
import multiprocessing
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import attrs
import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import EndpointConnectionError

import drs_jobs._thread_pool
import drs_jobs.sweep
from drs_jobs import MalformedResponseError, UninitializedAccountException, unstructure_job
from drs_jobs.sweep import Target, TargetFailure, TargetJobs, sweep, targets
from drs_jobs.testing import ErrorResponse, HtmlPage, LocalDrs, RawResponse, Slow, make_job

ROLE = "DrsReader"
ACCOUNTS = int(os.environ.get("DRS_JOBS_ACCOUNTS", "50"))
PATIENT = ACCOUNTS >= 500
"""Whether other processes wait for targets that hang: their time-outs are the real ones, so that it takes minutes."""


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits twenty seconds for a target that hangs."""
    monkeypatch.setattr(drs_jobs.sweep, "READ_TIMEOUT", 4)


@pytest.fixture
def world() -> Any:
    """A simulated world; its tests are marked, because it needs moto."""
    from simulated_accounts import world  # noqa: PLC0415  # needs moto

    return world


def _target(local: LocalDrs, region: str = "eu-west-1", **fields: Any) -> Target:
    return Target(region, endpoint_url=local.endpoint_url, **fields)


# ------------------------------------------------------------------ targets


def test_targets_are_made_account_by_account_as_they_are_asked_for():
    """An endless list of accounts will do."""
    found = targets((f"{n:012}" for n in itertools.count()), ["eu-west-1", "us-east-1"], role_name=ROLE, external_id="x")
    first, second, third = itertools.islice(found, 3)
    assert first == Target("eu-west-1", role_arn="arn:aws:iam::000000000000:role/DrsReader", external_id="x")
    assert second == attrs.evolve(first, region="us-east-1")
    assert third.role_arn == "arn:aws:iam::000000000001:role/DrsReader"


@pytest.mark.parametrize("regions", ["all", ["all"], ["eu-west-1", "all"]])
def test_all_stands_for_the_regions_where_botocore_has_drs(regions: Any):
    """Each once, in the partition that is meant."""
    found = [target.region for target in targets(["123456789012"], regions, role_name=ROLE)]
    assert sorted(boto3.Session().get_available_regions("drs")) == sorted(found)
    assert all("gov" not in region for region in found)
    gov = targets(["123456789012"], "all", role_name=ROLE, partition="aws-us-gov")
    assert {target.region.split("-")[1] for target in gov} == {"gov"}


@pytest.mark.parametrize(
    ("arguments", "error_class", "message"),
    [
        ({"accounts": "123456789012"}, TypeError, "accounts must be a list"),
        ({"regions": "eu-west-1"}, TypeError, "regions must be a list"),
        ({"role_name": "arn:aws:iam::123456789012:role/x"}, ValueError, "name of a role"),
        ({"role_name": ""}, ValueError, "name of a role"),
        ({"regions": "all", "partition": "mars"}, ValueError, "use one of aws"),
    ],
)
def test_targets_refuse_what_can_not_be_meant(arguments: Any, error_class: Any, message: str):
    """At the call, before any target."""
    with pytest.raises(error_class, match=message):
        targets(**{"accounts": ["123456789012"], "regions": ["eu-west-1"], "role_name": ROLE, **arguments})


def test_an_account_that_is_a_number_is_refused_when_it_is_reached():
    """Leading zeros would be lost."""
    found = targets(["123456789012", 12345678901], ["eu-west-1"], role_name=ROLE)  # type: ignore[list-item]
    assert next(found).region == "eu-west-1"
    with pytest.raises(TypeError, match="begin with 0"):
        next(found)


# ------------------------------------------------------------------ sweeps


@pytest.mark.needs_check_env
def test_every_target_has_one_outcome_on_threads(world: Any):
    """Jobs, or the error of each way to fail; one AssumeRole an account, also where it is refused."""
    with world(ACCOUNTS) as made:
        made.check(list(sweep(made.targets)))
        assert set(made.sts.assumed.values()) == {1}
        # Of the accounts in use only those have none of which every target is in a region that does not exist.
        assert len(made.sts.assumed) >= ACCOUNTS


@pytest.mark.needs_check_env
def test_every_target_has_one_outcome_on_processes(world: Any):
    """Tasks and outcomes pickle; each process assumes a role once."""
    with (
        world(ACCOUNTS, hanging=PATIENT) as made,
        ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("spawn")) as pool,
    ):
        made.check(list(sweep(made.targets, executor=pool)))
        assert max(made.sts.assumed.values()) <= 2


@pytest.mark.needs_check_env
def test_every_target_has_one_outcome_on_a_dask_cluster(world: Any):
    """Dask's executor is an executor like any other."""
    distributed = pytest.importorskip("distributed")
    arguments = {"n_workers": 2, "threads_per_worker": 4, "host": "127.0.0.1", "dashboard_address": "127.0.0.1:0"}
    with (
        world(ACCOUNTS, hanging=PATIENT) as made,
        distributed.LocalCluster(**arguments) as cluster,
        distributed.Client(cluster) as client,
    ):
        made.check(list(sweep(made.targets, executor=client.get_executor())))
        assert max(made.sts.assumed.values()) <= 2


def test_outcomes_come_in_order_of_completion(local_drs: LocalDrs):
    """A slow target does not hold up the others."""
    released = threading.Event()

    class Held(HtmlPage):
        def apply(self, answer: Any) -> Any:
            released.wait(60)
            return answer()

    with LocalDrs() as slow:
        slow.inject(Held())
        late, soon = _target(slow), _target(local_drs)
        outcomes = sweep([late, soon])
        assert next(outcomes).target == soon
        released.set()
        assert [late] == [outcome.target for outcome in outcomes]


def test_dates_are_asked_for_and_jobs_come_whole(local_drs: LocalDrs):
    """All pages, of the time that was asked for."""
    start, end = datetime(2024, 6, 1, tzinfo=UTC), datetime(2024, 7, 1, tzinfo=UTC)
    jobs = [make_job(creation_date_time=datetime(2024, month, 15, tzinfo=UTC)) for month in (5, 6, 6, 6, 7)]
    local_drs.add_jobs(*jobs)
    local_drs.page_sizes = (1,)
    [outcome] = sweep([_target(local_drs)], from_date=start, to_date=end)
    assert isinstance(outcome, TargetJobs)
    assert set(jobs[1:4]) == set(outcome.jobs)
    assert "jobs=<3>" in repr(outcome)


@pytest.mark.needs_check_env
def test_an_account_that_was_never_set_up_is_no_empty_one(local_drs: LocalDrs, world: Any):
    """It is an error that says so."""
    with world(1) as made:
        first = next(target for target in made.targets if "True" in made.expected[target])
        [never, empty] = sorted(sweep([first, _target(local_drs)]), key=lambda outcome: isinstance(outcome, TargetJobs))
    assert isinstance(never, TargetFailure)
    assert never.is_uninitialized
    assert isinstance(never.error, UninitializedAccountException)
    assert TargetJobs(_target(local_drs), ()) == empty


class Counting(Executor):
    """Counts how many tasks are under way, and answers at once or when told."""

    def __init__(self) -> None:
        self.most = 0
        self.waiting: list[Future[Any]] = []

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        self.waiting.append(future)
        self.most = max(self.most, len(self.waiting))
        if len(self.waiting) == 7:
            for number, other in enumerate(self.waiting):
                other.set_result(TargetJobs(Target(str(number)), ()))
            self.waiting.clear()
        return future


def test_no_more_are_in_flight_than_was_said_and_targets_are_taken_lazily():
    """Any number of targets costs the memory of those in flight."""
    taken = itertools.count()
    pool = Counting()
    many = (Target("eu-west-1", role_arn=f"arn:aws:iam::{next(taken):012}:role/x") for _ in range(7 * 4_286))
    tracemalloc.start()
    peaks: list[int] = []
    for number, _ in enumerate(sweep(many, executor=pool, max_in_flight=7)):
        if number in (300, 29_999):
            peaks.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    assert pool.most == 7
    assert peaks[1] - peaks[0] < 100_000
    assert next(taken) == 30_002


def test_a_broken_off_sweep_takes_no_more_targets(local_drs: LocalDrs):
    """Leaving the loop cancels what has not begun."""
    taken: list[int] = []
    some = (taken.append(n) or _target(local_drs) for n in range(1000))
    outcomes = sweep(some, max_in_flight=4)
    next(outcomes)
    outcomes.close()  # type: ignore[attr-defined]  # a generator, as an Iterator may be
    assert len(taken) <= 5


def test_an_error_of_the_iterable_is_raised_once_the_others_are_through(local_drs: LocalDrs):
    """What was taken before is not lost."""

    def some() -> Any:
        yield from [_target(local_drs)] * 3
        raise KeyError("file ends")

    got: list[Any] = []
    with pytest.raises(KeyError, match="file ends"):
        for outcome in sweep(some()):
            got += [outcome]
    assert [TargetJobs(_target(local_drs), ())] * 3 == got


@attrs.frozen
class Unpicklable(Target):
    """A target that can't travel."""

    lock: Any = attrs.field(factory=threading.Lock)


class Refusing(ThreadPoolExecutor):
    """Pickles when a task is submitted, as Dask does."""

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Any:
        pickle.dumps((fn, args, kwargs))
        return super().submit(fn, *args, **kwargs)


@pytest.mark.parametrize("kind", [ProcessPoolExecutor, Refusing])
def test_a_task_that_can_not_be_pickled_is_its_targets_error(kind: Any, local_drs: LocalDrs):
    """Whether the executor tells at once or later."""
    bad = Unpicklable("eu-west-1", endpoint_url=local_drs.endpoint_url)
    good = _target(local_drs)
    arguments = {"mp_context": multiprocessing.get_context("spawn")} if kind is ProcessPoolExecutor else {}
    with kind(1, **arguments) as pool:
        outcomes = {outcome.target: outcome for outcome in sweep([bad, good], executor=pool)}
    assert isinstance(outcomes[bad], TargetFailure)
    assert outcomes[good] == TargetJobs(good, ())


def test_a_process_that_dies_takes_only_its_own_targets_along():
    """The rest of the sweep is told of the broken pool, target by target."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        pool.submit(os._exit, 1)
        outcomes = list(sweep([Target("eu-west-1")] * 40, executor=pool, max_in_flight=4))
    assert [type(outcome) for outcome in outcomes] == [TargetFailure] * 40


def test_an_error_with_a_live_connection_pickles():
    """What it says travels where it can't."""
    error = EndpointConnectionError(endpoint_url="http://127.0.0.1:1", error=threading.Lock())
    outcome = TargetFailure(Target("eu-west-1"), error)
    other = pickle.loads(pickle.dumps(outcome))
    assert other.target == outcome.target
    assert "EndpointConnectionError" in str(other.error)
    assert "http://127.0.0.1:1" in str(other.error)


def test_credentials_are_renewed_before_they_end(monkeypatch: pytest.MonkeyPatch):
    """Ten minutes before; a refusal is remembered for a minute, throttling not at all."""
    now = [0.0]
    monkeypatch.setattr(drs_jobs.sweep.time, "monotonic", lambda: now[0])
    asked: list[dict[str, str]] = []
    answers: list[Any] = []

    class FakeSts:
        def assume_role(self, **request: str) -> Any:
            asked.append(request)
            if isinstance(answers[0], Exception):
                raise answers.pop(0)
            lifetime = answers.pop(0)
            expiration = datetime.fromtimestamp(time.time() + lifetime, UTC)
            found = {"AccessKeyId": str(len(asked)), "SecretAccessKey": "s", "SessionToken": "t", "Expiration": expiration}
            return {"Credentials": found}

    role = drs_jobs.sweep._RoleCredentials(None, "arn:aws:iam::123456789012:role/x", "ext")
    sts: Any = FakeSts()
    answers += [3600, 3600]
    keys = []
    for seconds in (1, 2900, 3010):
        now[0] = seconds
        keys.append(role.credentials(sts)["aws_access_key_id"])
    assert keys == ["1", "1", "2"]
    assert asked[0] == {"RoleArn": "arn:aws:iam::123456789012:role/x", "RoleSessionName": "drs_jobs", "ExternalId": "ext"}
    for code, expected in (("AccessDenied", [1, 1, 2]), ("Throttling", [1, 2, 3])):
        refused = drs_jobs.sweep._RoleCredentials(None, "arn", None)
        asked.clear()
        counts = []
        for seconds in (10_000, 10_050, 10_061):
            now[0] = seconds
            answers[:] = [drs_jobs.sweep.ClientError({"Error": {"Code": code}}, "AssumeRole")]
            with pytest.raises(drs_jobs.sweep.ServiceError):
                refused.credentials(sts)
            counts.append(len(asked))
        assert expected == counts


@pytest.mark.parametrize(
    ("arguments", "error_class"),
    [
        ({"targets": Target("eu-west-1")}, TypeError),
        ({"targets": "eu-west-1"}, TypeError),
        ({"max_in_flight": 0}, ValueError),
        ({"max_in_flight": 1.5}, TypeError),
        ({"executor": object()}, TypeError),
        ({"from_date": datetime(2024, 1, 1)}, ValueError),  # noqa: DTZ001  # that is what is wrong with it
    ],
)
def test_a_wrong_argument_is_refused_at_the_call(arguments: Any, error_class: Any):
    """Before any target is taken."""
    with pytest.raises(error_class):
        sweep(**{"targets": [], **arguments})


def test_no_targets_are_no_outcomes():
    """And no thread."""
    before = threading.active_count()
    assert list(sweep([])) == []
    assert before == threading.active_count()


def test_ctrl_c_stops_at_once(local_drs: LocalDrs):
    """Also while a target hangs: the process is gone long before the time-outs are."""
    local_drs.inject(Slow(60), times=None)
    program = f"""
        from drs_jobs.sweep import Target, sweep
        print("begun", flush=True)
        list(sweep([Target("eu-west-1", endpoint_url={local_drs.endpoint_url!r})] * 3))
    """
    process = subprocess.Popen([sys.executable, "-c", textwrap.dedent(program)], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdout is not None
    process.stdout.readline()
    while not local_drs.requests:
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=40)  # three attempts of 20 seconds take longer


def test_html_after_a_good_page_is_no_shorter_list(local_drs: LocalDrs):
    """Part of a target's jobs is not its jobs."""
    local_drs.add_jobs(make_job(), make_job())
    local_drs.page_sizes = (1,)

    class SecondAnswer(HtmlPage):
        def apply(self, answer: Any) -> Any:
            return super().apply(answer) if len(local_drs.requests) == 2 else answer()

    local_drs.inject(SecondAnswer(), times=None)
    [outcome] = sweep([_target(local_drs)])
    assert isinstance(outcome, TargetFailure)


class Odd(Executor):
    """Cancels what it gets, or dies of it."""

    def __init__(self, error: BaseException | None) -> None:
        self.error = error

    def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        if self.error is None:
            future.cancel()
            future.set_running_or_notify_cancel()
        else:
            future.set_exception(self.error)
        return future


def test_what_an_executor_cancels_is_that_targets_error():
    """As a cluster does that loses a worker."""
    [outcome] = sweep([Target("eu-west-1")], executor=Odd(None))
    assert isinstance(outcome, TargetFailure)
    assert "cancelled" in str(outcome.error)


def test_an_interruption_in_a_worker_ends_the_sweep():
    """Ctrl-C is no target's trouble."""
    with pytest.raises(KeyboardInterrupt):
        list(sweep([Target("eu-west-1")], executor=Odd(KeyboardInterrupt())))


def test_a_thread_goes_on_after_a_task_that_raised_or_was_cancelled():
    """Its future has the error; the next task is done by the same thread."""
    pool = drs_jobs._thread_pool.DaemonThreadPool(1)
    hold = threading.Event()
    first = pool.submit(hold.wait)
    cancelled = pool.submit(print)
    assert cancelled.cancel()
    raising = pool.submit(divmod, 1, 0)
    last = pool.submit(divmod, 7, 2)
    hold.set()
    assert first.result(5)
    with pytest.raises(ZeroDivisionError):
        raising.result(5)
    assert last.result(5) == (3, 1)
    pool.shutdown()


def test_errors_of_an_executor_have_no_frames_either():
    """Neither one that it raises when it is asked, nor one that it gives a future."""
    with pytest.raises(RuntimeError) as caught:
        raise RuntimeError("broken")  # so that it has a frame
    bad = Unpicklable("eu-west-1")
    with Refusing(1) as refusing:
        outcomes = [*sweep([bad], executor=refusing), *sweep([bad], executor=Odd(caught.value))]
    assert [outcome.error.__traceback__ for outcome in outcomes if isinstance(outcome, TargetFailure)] == [None, None]


def test_errors_hold_on_to_no_client(local_drs: LocalDrs):
    """What a caller collects of thousands of failed targets are errors, not the frames and clients they came from."""
    local_drs.inject(ErrorResponse("AccessDeniedException", 403), times=None)
    [outcome] = sweep([_target(local_drs)])
    assert isinstance(outcome, TargetFailure)
    link: BaseException | None = outcome.error
    links = 0
    while link is not None:
        assert link.__traceback__ is None
        link, links = link.__cause__ or link.__context__, links + 1
    assert links == 2


@pytest.mark.parametrize("bad", [None, "eu-west-1", 5, {"region": "eu-west-1"}, Target])
def test_what_is_no_target_is_a_failure_of_its_own(bad: Any, local_drs: LocalDrs):
    """The rest is swept, also from an iterator that ends with one."""
    good = _target(local_drs)
    outcomes = list(sweep([good, bad, good, bad]))
    failures = [outcome for outcome in outcomes if isinstance(outcome, TargetFailure)]
    assert outcomes.count(TargetJobs(good, ())) == len(failures) == 2
    assert [failure.target for failure in failures] == [bad, bad]
    for failure in failures:
        assert isinstance(failure.error, TypeError)
        assert "expected a Target" in str(failure.error)


def test_a_malformed_job_leaves_the_others_to_the_failure(local_drs: LocalDrs):
    """The failure carries them, on threads and over a pickle."""
    jobs = [make_job() for _ in range(4)]
    pages: list[Any] = [[unstructure_job(jobs[0]), {}, unstructure_job(jobs[1])], [{"jobID": 5}], [unstructure_job(jobs[2])]]
    for number, items in enumerate(pages):
        token = {"nextToken": str(number)} if number + 1 < len(pages) else {}
        local_drs.inject(RawResponse(json.dumps({"items": items, **token}).encode()))
    [failure] = sweep([_target(local_drs)])
    assert isinstance(failure, TargetFailure)
    assert isinstance(failure.error, MalformedResponseError)
    assert failure.error.path == "$.items[1].jobID"
    assert failure.jobs == tuple(jobs[:3])
    assert failure.error.__traceback__ is None
    assert pickle.loads(pickle.dumps(failure)).jobs == failure.jobs
    assert "jobs=<3>" in repr(failure)


def test_an_unreadable_page_leaves_no_jobs(local_drs: LocalDrs):
    """Part of a list is not the readable jobs of a whole one."""
    local_drs.inject(RawResponse(json.dumps({"items": [{"jobID": "a"}, {}], "nextToken": "t"}).encode()))
    local_drs.inject(HtmlPage())
    [failure] = sweep([_target(local_drs)])
    assert isinstance(failure, TargetFailure)
    assert failure.error.path == "$"  # type: ignore[attr-defined]  # a MalformedResponseError
    assert failure.jobs == ()


def test_every_client_is_closed(local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    """After success, after an error, and where nothing could be requested."""
    made, closed = [], []
    make, close = BaseClient.__init__, BaseClient.close
    monkeypatch.setattr(BaseClient, "__init__", lambda self, *a, **k: (make(self, *a, **k), made.append(id(self)))[0])
    monkeypatch.setattr(BaseClient, "close", lambda self: (close(self), closed.append(id(self)))[0])
    local_drs.inject(ErrorResponse("AccessDeniedException", 403), times=3)
    local_drs.inject(HtmlPage(), times=2)
    assert len(list(sweep([_target(local_drs)] * 12, max_in_flight=3))) == 12
    assert sorted(made) == sorted(closed)
    assert len(closed) == 12


def test_many_sweeps_at_a_time_share_no_session_and_make_no_more_than_one(local_drs: LocalDrs, monkeypatch: Any):
    """One session per sweep, however many sweeps there are."""
    sessions = itertools.count()
    make = drs_jobs.sweep._make_session
    monkeypatch.setattr(drs_jobs.sweep, "_make_session", lambda profile: (next(sessions), make(profile))[1])
    sweeps = [sweep([_target(local_drs)] * 6, max_in_flight=1) for _ in range(9)]
    rounds = [[next(one) for one in sweeps] for _ in range(6)]
    assert all(isinstance(outcome, TargetJobs) for outcomes in rounds for outcome in outcomes)
    assert next(sessions) == 9


def test_the_state_of_a_sweep_lives_as_long_as_the_sweep(local_drs: LocalDrs):
    """On threads nothing is left of it."""
    list(sweep([_target(local_drs)]))
    for thread in threading.enumerate():
        if thread.name == "drs_jobs.sweep":
            thread.join()
    gc.collect()
    assert not [thing for thing in gc.get_objects() if isinstance(thing, drs_jobs.sweep._SweepState)]
    assert drs_jobs.sweep._states == {}


def test_another_process_has_one_state_per_sweep_while_it_works(monkeypatch: pytest.MonkeyPatch):
    """Sweeps that take turns keep theirs; one that has not worked for a minute loses it, unless a task is under way."""
    now = [1000.0]
    monkeypatch.setattr(drs_jobs.sweep.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(drs_jobs.sweep, "_states", {})
    sweeps = [pickle.dumps(drs_jobs.sweep._SweepState(str(number))) for number in range(50)]
    states = [pickle.loads(sent) for sent in sweeps]
    assert [pickle.loads(sent) for sent in sweeps] == states
    assert len(set(map(id, states))) == 50
    now[0] += 30
    assert pickle.loads(sweeps[0]) is states[0]
    states[1].tasks = 1
    now[0] += 45
    pickle.loads(sweeps[2])
    assert set(drs_jobs.sweep._states) == {"0", "1", "2"}


FORK_BESIDE_THREADS = """
    import multiprocessing, sys, threading
    from concurrent.futures import ProcessPoolExecutor
    from drs_jobs.sweep import Target, TargetJobs, sweep

    many = [Target("eu-west-1", endpoint_url=sys.argv[1])] * 40
    def on_threads():
        assert all(isinstance(outcome, TargetJobs) for outcome in sweep(many))
    threads = [threading.Thread(target=on_threads) for _ in range(2)]
    for thread in threads:
        thread.start()
    with ProcessPoolExecutor(3, mp_context=multiprocessing.get_context("fork")) as pool:
        print(sum(isinstance(outcome, TargetJobs) for outcome in sweep(many, executor=pool)))
    for thread in threads:
        thread.join()
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
def test_a_forked_pool_beside_threads_does_not_deadlock(local_drs: LocalDrs):
    """The first imports and connections of the process happen on the threads, while it forks."""
    for _ in range(3):
        command = [sys.executable, "-W", "ignore", "-c", textwrap.dedent(FORK_BESIDE_THREADS), local_drs.endpoint_url]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, start_new_session=True)
        try:
            assert process.communicate(timeout=60)[0].split() == [b"40"]
        finally:
            os.killpg(process.pid, signal.SIGKILL) if process.poll() is None else None


def test_an_idle_wait_wakes_up_now_and_then(monkeypatch: pytest.MonkeyPatch, local_drs: LocalDrs):
    """Windows interrupts no wait without a time-out; results that come late are not lost."""
    monkeypatch.setattr(drs_jobs.sweep, "_INTERRUPT_INTERVAL", 0.001)
    local_drs.inject(Slow(0.05))
    assert list(sweep([_target(local_drs)])) == [TargetJobs(_target(local_drs), ())]
