"""What `drs-jobs watch` shows while jobs run and when they end, in simulated time."""

import functools
import io
import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import Executor, Future
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import attrs
import pytest
from rich.console import Console

import command_line
from conftest import ONE_ATTEMPT
from drs_jobs import Job, JobNotFoundError, JobsClient, LaunchActionsStatus, WaitTimeoutError, structure_job
from drs_jobs._polling import Clock, Poll, Watcher
from drs_jobs.analysis import Progress
from drs_jobs.cli.commands.watch import HEARTBEAT_INTERVAL, WatchDisplay, bars_table
from drs_jobs.cli.phases import PhaseReader
from drs_jobs.cli.servers import ServerOption
from drs_jobs.testing import (
    BootFailure,
    ErrorResponse,
    LaunchActionFailure,
    LocalDrs,
    RawResponse,
    Slow,
    Stuck,
    Throttle,
    make_job,
    make_run,
    make_server,
)
from simulated_time import SimulatedTime

SERVERS = [f"s-{number:017}" for number in range(1, 5)]
LOG = "DescribeJobLogItems"
NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)


class Immediate(Executor):
    """An executor that runs each call at once."""

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        future: Future[Any] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001  # as executors do
            future.set_exception(error)
        return future


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@attrs.define
class Watch:
    """A LocalDrs with a time that passes only in the sleeps of `follow`, and what was printed."""

    local: LocalDrs
    shown: io.StringIO = attrs.field(factory=io.StringIO)
    width: int = 10_000

    def start(self, *servers: str) -> str:
        request = {"isDrill": True, "sourceServers": [{"sourceServerID": server} for server in servers or SERVERS]}
        return self.local.client().start_recovery(**request)["job"]["jobID"]

    def follow(self, *job_ids: str, timeout: float = 7200, interval: float | None = None) -> WatchDisplay:
        simulated = SimulatedTime()

        def sleep(seconds: float) -> None:
            simulated.sleep(seconds)
            self.local.advance(seconds)

        console = Console(file=self.shown, width=self.width, force_terminal=isinstance(self.shown, Terminal))
        client = JobsClient(self.local.client(config=ONE_ATTEMPT))
        clock = Clock(sleep, simulated.clock().now, lambda: 0.5, lambda: self.local.now)
        display = WatchDisplay(client, Watcher(job_ids, timeout, interval, clock), console)
        display._reader.executor = Immediate()
        display.follow()
        return display

    @property
    def lines(self) -> list[str]:
        return self.shown.getvalue().splitlines()

    def times(self) -> list[datetime]:
        return [datetime.fromisoformat(" ".join(line.split()[:2])) for line in self.lines]

    def requests(self, operation: str) -> int:
        return sum(request.operation == operation for request in self.local.requests)


@pytest.fixture
def watch():
    with LocalDrs(speed=0) as local:
        yield Watch(local)


# ------------------------------------------------------------------ lines


def test_lines_have_phases(watch: Watch):
    """Each phase is shown, the fraction never decreases, and the last line has the outcome."""
    job_id = watch.start()
    watch.follow(job_id)
    assert {job_id} == {line.split()[2] for line in watch.lines}
    text = "\n".join(watch.lines)
    positions = [text.index(words) for words in ("no phase", "snapshot", "conversion 4 of 4", "launch 4 of 4", "COMPLETED")]
    assert positions == sorted(positions)
    fractions = [int(match[1]) for line in watch.lines if (match := re.search(r", (\d+)%", line))]
    assert fractions == sorted(fractions)
    assert (len(set(fractions)) > 5, max(fractions) < 100) == (True, True)
    assert re.search(r"COMPLETED SUCCEEDED 4/4 servers, \dm \d\ds$", watch.lines[-1])
    assert "left" not in text


@pytest.mark.parametrize("interval", [None, 5, 45, 60, 300])
def test_heartbeat(interval: float | None, watch: Watch):
    """There is a line at least every minute, however long the interval and however long nothing happens."""
    watch.local.fail_server(SERVERS[0], Stuck())
    job_id = watch.start()
    with pytest.raises(WaitTimeoutError):
        watch.follow(job_id, timeout=600, interval=interval)
    times = watch.times()
    gaps = [(later - earlier).total_seconds() for earlier, later in pairwise(times)]
    assert max(gaps) <= HEARTBEAT_INTERVAL + 2
    assert 600 - (times[-1] - times[0]).total_seconds() <= HEARTBEAT_INTERVAL + 2
    assert len(times) <= 600 / HEARTBEAT_INTERVAL + 25
    assert "conversion 1 of 4, " in watch.lines[-1]


def test_time_in_phase(watch: Watch):
    """It is the time since the phase began, by AWS's clock."""
    watch.local.fail_server(SERVERS[0], Stuck())
    job_id = watch.start(SERVERS[0])
    with pytest.raises(WaitTimeoutError):
        watch.follow(job_id, timeout=1800)
    items = watch.local.client().describe_job_log_items(jobID=job_id)["items"]
    [began] = [item["logDateTime"] for item in items if item["event"] == "CONVERSION_START"]
    seconds = (watch.times()[-1] - datetime.fromisoformat(began)).total_seconds()
    [minutes] = re.findall(r"conversion 1 of 1, (\d+)m", watch.lines[-1])
    assert 0 <= seconds - 60 * int(minutes) + 1.5 < 63


def _left(line: str) -> float | None:
    match = re.search(r"about (?:(\d+)h )?(\d+)m(?: (\d+)s)? left", line)
    return (
        None
        if match is None
        else sum(int(part or 0) * factor for part, factor in zip(match.groups(), (3600, 60, 1), strict=True))
    )


@pytest.mark.parametrize("profile", ["linux", "windows"])
def test_time_left(profile: str):
    """With an earlier drill of the same servers: it only decreases, and is about right."""
    with LocalDrs(speed=0, profile=profile, page_sizes=(9, 0)) as local:
        watch = Watch(local)
        for _ in range(2):
            watch.start()
            local.advance(3 * 3600)
        watch.start("s-00000000000000009")
        local.advance(3 * 3600)
        watch.follow(watch.start())
    *running, last = zip(watch.times(), watch.lines, strict=True)
    pairs = [((last[0] - time).total_seconds(), left) for time, line in running if (left := _left(line)) is not None]
    total = (last[0] - running[0][0]).total_seconds()
    assert len(pairs) > 5
    assert [left for _, left in pairs] == sorted((left for _, left in pairs), reverse=True)
    assert max(abs(actual - left) for actual, left in pairs) < 0.3 * total


def test_earlier_drills_of_other_servers(watch: Watch):
    watch.start("s-00000000000000009")
    watch.local.advance(3600)
    watch.follow(watch.start())
    assert not any(map(_left, watch.lines))


def test_few_logs_of_earlier_drills(watch: Watch):
    """A long history costs few requests: three jobs of the same servers are enough."""
    watch.local.page_sizes = (1,)
    for _ in range(12):
        watch.start()
        watch.local.advance(1800)
        watch.start("s-00000000000000009")
        watch.local.advance(1800)
    job_id = watch.start()
    before = watch.requests(LOG)
    watch.follow(job_id, interval=300)
    listed = [request for request in watch.local.requests if request.operation == "DescribeJobs"]
    assert len([request for request in listed if "jobIDs" not in request.body["filters"]]) == 7
    read = [request.body["jobID"] for request in watch.local.requests if request.operation == LOG][before:]
    assert len({other for other in read if other != job_id}) == 3


def test_fraction_never_goes_back():
    """Earlier jobs are read once, and their durations change the fraction."""
    with LocalDrs(speed=0, profile="windows") as slow:
        watch = Watch(slow)
        earlier = watch.start()
        slow.advance(3 * 3600)
        watch.follow(watch.start())
        logs = [request.body["jobID"] for request in slow.requests if request.operation == LOG]
    fractions = [int(match[1]) for line in watch.lines if (match := re.search(r", (\d+)%", line))]
    assert len(set(fractions)) > 5
    assert fractions == sorted(fractions)
    assert logs.count(earlier) == 1


@pytest.mark.parametrize("moment", ["last job", "end"])
def test_jobs_that_are_added(moment: str):
    """Each is returned once, whether it is added with the last complete job or at the end."""
    jobs = [make_job(), make_job()]
    watcher = Watcher([jobs[0].job_id], None, None, SimulatedTime().clock())
    returned: list[Job] = []
    while (step := watcher.next_step()) is not None or len(returned) < 2:
        if isinstance(step, Poll):
            step.jobs.update((job.job_id, job) for job in jobs if job.job_id in step.job_ids)
        if isinstance(step, Job):
            returned.append(step)
        if step is None or (isinstance(step, Job) and moment == "last job"):
            watcher.add([jobs[1].job_id])
    assert returned == jobs
    assert watcher.next_step() is None


def test_job_that_is_not_visible(watch: Watch, capsys: pytest.CaptureFixture[str]):
    """It can be a new job, or a mistyped id, so it is named at once, and once."""
    absent, there = "drsjob-00000000000000000", watch.start()
    with pytest.raises(JobNotFoundError):
        watch.follow(absent, there)
    assert [line.partition(";")[0] for line in capsys.readouterr().err.splitlines()] == [f"not visible yet: {absent}"]
    watch.follow(there)
    assert capsys.readouterr().err == ""


class Later(Executor):
    """An executor that runs calls when it is told so."""

    def __init__(self) -> None:
        self.calls: list[tuple[Future[Any], Callable[[], Any]]] = []

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        self.calls.append((Future(), functools.partial(fn, *args, **kwargs)))
        return self.calls[-1][0]

    def run(self, index: int) -> None:
        future, call = self.calls.pop(index)
        future.set_result(call())


def _running(watch: Watch) -> tuple[Job, PhaseReader, Later]:
    """Return a job in its conversion that has an earlier one, and a reader of its phases."""
    watch.start(SERVERS[0])
    watch.local.advance(3 * 3600)
    job_id = watch.start(SERVERS[0])
    watch.local.advance(120)
    client = JobsClient(watch.local.client(config=ONE_ATTEMPT))
    reader = PhaseReader(client, lambda: watch.local.now)
    reader.executor = later = Later()
    return client.get_job(job_id), reader, later


def test_phases_do_not_wait_for_earlier_jobs(watch: Watch):
    """Their logs can be slow. When they are there, they change the time left, but the fraction does not decrease."""
    job, reader, later = _running(watch)
    reader.submit([job])
    later.run(0)
    first = reader.progress(job)
    assert first is not None
    assert (first.text.startswith("conversion 1 of 1"), first.remaining) == (True, None)
    later.run(0)
    second = reader.progress(job)
    assert second is not None
    assert second.remaining is not None
    assert second.fraction >= first.fraction


def test_servers_that_appear_later(watch: Watch):
    """The earlier jobs are those of the servers, so they are read when the job has some."""
    job, reader, later = _running(watch)
    reader.submit([attrs.evolve(job, participating_servers=())])
    later.run(0)
    assert later.calls == []
    reader.submit([job])
    while later.calls:
        later.run(0)
    state = reader.progress(job)
    assert state is not None
    assert state.remaining is not None


def test_status_ahead_of_a_log_that_fails(watch: Watch):
    """Without its log the status counts. When the log is back, and behind, the fraction stays."""
    job, reader, later = _running(watch)
    launching = attrs.evolve(job, participating_servers=(make_server(source_server_id=SERVERS[0], launch_status="LAUNCHED"),))
    fractions: list[float] = []
    for fault in (None, Throttle(), None):
        if fault is not None:
            watch.local.inject(fault, operation=LOG)
        reader.submit([launching])
        while later.calls:
            later.run(0)
        state = reader.progress(launching)
        assert state is not None
        fractions.append(state.fraction)
    assert fractions[0] < fractions[1] == fractions[2]


def test_several_jobs(watch: Watch):
    """Each line is of one job, and one that is complete has no heartbeat."""
    watch.local.fail_server(SERVERS[3], Stuck())
    quick, stuck = watch.start(SERVERS[0]), watch.start(SERVERS[3])
    with pytest.raises(WaitTimeoutError):
        watch.follow(quick, stuck, timeout=1500)
    ended = [number for number, line in enumerate(watch.lines) if quick in line][-1]
    assert "COMPLETED SUCCEEDED 1/1" in watch.lines[ended]
    assert len([line for line in watch.lines[ended + 1 :] if stuck in line]) > 12


def test_heartbeat_of_each_job(watch: Watch):
    """Lines of another job do not replace it."""
    for server in SERVERS[:2]:
        watch.local.fail_server(server, Stuck())
    first = watch.start(SERVERS[0])
    watch.local.advance(30)
    second = watch.start(SERVERS[1])
    with pytest.raises(WaitTimeoutError):
        watch.follow(first, second, timeout=600)
    for job_id in (first, second):
        times = [time for time, line in zip(watch.times(), watch.lines, strict=True) if job_id in line]
        assert max(later - earlier for earlier, later in pairwise(times)).total_seconds() <= HEARTBEAT_INTERVAL + 2


# ------------------------------------------------------------------ logs that cannot be read


FAULTS = {"denied": ErrorResponse("AccessDeniedException", 403, "not you"), "throttled": Throttle()}


@pytest.mark.parametrize("fault", FAULTS)
def test_unreadable_log(fault: str, watch: Watch, capsys: pytest.CaptureFixture[str]):
    """It costs only the phases: the lines, the heartbeat and the end are there, and one line on stderr."""
    watch.local.inject(FAULTS[fault], times=None, operation=LOG)
    job_id = watch.start()
    assert [job.outcome.name for job in watch.follow(job_id)._latest.values()] == ["SUCCEEDED"]
    assert len(watch.lines) >= 9
    assert not [line for line in watch.lines if "%" in line or "phase" in line]
    assert capsys.readouterr().err.count("the log could not be read") == 1
    if fault == "denied":
        assert watch.requests(LOG) == 1


def test_log_is_readable_again(watch: Watch):
    watch.local.inject(Throttle(), times=9, operation=LOG)
    watch.follow(watch.start())
    assert "launch 4 of 4, " in "\n".join(watch.lines)


def test_earlier_jobs_that_cannot_be_read(watch: Watch):
    """Only the time left is missing."""
    job_id = watch.start()
    reader = PhaseReader(JobsClient(watch.local.client()), lambda: watch.local.now)
    reader.executor = Immediate()
    job = JobsClient(watch.local.client()).get_job(job_id)
    watch.local.inject(ErrorResponse("AccessDeniedException", 403), times=None, operation="DescribeJobs")
    reader.submit([job])
    state = reader.progress(job)
    assert state is not None
    assert (reader.error, state.remaining) == (None, None)


def test_slow_log_does_not_delay_the_deadline(local_drs: LocalDrs):
    """The log is read on another thread. It does not keep the process alive."""
    job = make_job(status="STARTED")
    local_drs.add_jobs(job)
    local_drs.inject(Slow(50), times=None, operation=LOG)
    code = f"""
import sys
from drs_jobs import _polling
from drs_jobs.cli.main import main
_polling.DESCRIPTION_TIMEOUT = 0.1
sys.argv[1:] = ["watch", {job.job_id!r}, "--timeout", "1s", "--poll-interval", "1s"]
main()"""
    result = command_line.run_process([sys.executable, "-c", code])
    assert (result.returncode, result.stderr.count("\n")) == (3, 1)


# ------------------------------------------------------------------ the end


def test_reasons(local_drs: LocalDrs):
    """Each job that did not succeed has the reasons that show prints, also if another one is not complete in time."""
    with LocalDrs(speed=3000) as local:
        local.fail_server(SERVERS[0], BootFailure("no boot device"))
        local.fail_server(SERVERS[1], LaunchActionFailure("no space"))
        local.fail_server(SERVERS[2], Stuck())
        watch = Watch(local)
        bad, stuck = watch.start(*SERVERS[:2]), watch.start(SERVERS[2])
        undetermined = make_job(participating_servers=())
        local.add_jobs(undetermined)

        def run(*arguments: str) -> subprocess.CompletedProcess[str]:
            return command_line.run(*arguments, **local.environment)

        watched = run("watch", bad, undetermined.job_id, "--poll-interval", "1s")
        assert (watched.returncode, watched.stderr) == (1, "")
        reasons = watched.stdout.partition(f"\n{bad} FAILED\n")[2].partition("\n\n")[0]
        assert "no boot device" in reasons
        assert reasons in run("show", bad).stdout
        assert "no space" in watched.stdout
        assert "it has no participants" in watched.stdout.rpartition(f"\n{undetermined.job_id} UNDETERMINED\n")[2]
        late = run("watch", bad, stuck, "--timeout", "2s", "--poll-interval", "1s")
        assert (late.returncode, "no boot device" in late.stdout, stuck in late.stderr) == (3, True, True)
        as_json = run("watch", bad, "-o", "json")
        assert (as_json.returncode, len(as_json.stdout.splitlines())) == (1, 1)


def test_reasons_without_log_and_job(watch: Watch, capsys: pytest.CaptureFixture[str]):
    """Failing to read them costs only what the log has."""
    run = make_run(status="FAILED", name="Check disk", failure_reason="no space")
    server = make_server(launch_actions_status=LaunchActionsStatus(runs=(run,)))
    job = make_job(participating_servers=(server,))
    watch.local.add_jobs(job)
    display = watch.follow(job.job_id)
    watch.local.inject(ErrorResponse("AccessDeniedException", 403), times=None)
    display.print_reasons(ServerOption("--names", None))
    assert "no space" in watch.shown.getvalue()
    assert capsys.readouterr().err.count("\n") == 1


@pytest.mark.parametrize(("optional", "arrived"), [(None, "0/1"), (False, "0/1"), (True, "1/1")])
def test_failed_launch_action_is_not_arrived(optional, arrived, watch: Watch):
    """Unless the action is optional."""
    run = make_run(status="FAILED", optional=optional)
    server = make_server(launch_actions_status=LaunchActionsStatus(runs=(run,)))
    job = make_job(participating_servers=(server,))
    watch.local.add_jobs(job)
    watch.follow(job.job_id)
    assert f"{arrived} servers" in watch.lines[-1]


# ------------------------------------------------------------------ bars


@pytest.mark.parametrize("width", [24, 60, 80, 140])
@pytest.mark.parametrize("count", [1, 3])
def test_bars_have_phases(count: int, width: int):
    """Below the table, each running job has a line that continues under its column."""
    with LocalDrs(speed=0) as local:
        watch = Watch(local, Terminal(), width)
        watch.start()
        local.advance(3600)
        job_ids = [watch.start(server) for server in SERVERS[:count]]
        display = watch.follow(job_ids[0])
        running = [JobsClient(local.client()).get_job(job_id) for job_id in job_ids]
        assert all(job.is_complete for job in running)
        later = [watch.start(server) for server in SERVERS[:count]]
        local.advance(200)
        for job_id in later:
            display._latest[job_id] = JobsClient(local.client()).get_job(job_id)
        display._reader.submit(display._running())
        shown = io.StringIO()
        Console(file=shown, width=width).print(display._bars())
    lines = [line.rstrip() for line in shown.getvalue().splitlines()]
    assert max(map(len, lines)) <= width
    words = " ".join(shown.getvalue().split())
    assert words.count("about") == words.count("left") == count
    assert words.count("conversion") == count


def test_bars_before_the_first_job(local_drs: LocalDrs):
    """It does not look hung while a new job is not visible yet."""
    watch = Watch(local_drs, Terminal(), 80)
    with pytest.raises(WaitTimeoutError):
        watch.follow("drsjob-00000000000000000", timeout=20)
    assert "waiting until a job is visible" in watch.shown.getvalue()


def test_bar_shows_the_fraction():
    """It has the fraction of a running job, else the servers that have arrived. It is full at the end."""
    running, complete = make_job(status="STARTED"), make_job(participating_servers=(make_server(launch_status="FAILED"),))
    half = make_job(status="STARTED", participating_servers=(make_server(), make_server(launch_status="PENDING")))
    now = max(job.creation_date_time for job in (running, complete, half) if job.creation_date_time) + timedelta(minutes=1)
    table = bars_table([running, complete, half], {running.job_id: Progress(fraction=0.25)}, now=now, width=140)
    assert [bar.completed for bar in table.columns[1].cells] == [0.25, 1.0, 0.5]  # type: ignore[union-attr]


# ------------------------------------------------------------------ the command


def test_watch_without_a_terminal(local_drs: LocalDrs):
    """One line per change, then the reasons; as JSON, only one line per change. The exit status is that of the outcome."""
    good, bad = make_job(), make_job(participating_servers=(make_server(launch_status="FAILED"),))
    local_drs.add_jobs(good, bad)
    result = command_line.run("watch", good.job_id, bad.job_id, "--timeout", "30s")
    lines, _, reasons = result.stdout.partition("\n\n")
    assert (result.returncode, result.stderr, len(lines.splitlines())) == (1, "", 2)
    assert "COMPLETED SUCCEEDED" in lines
    assert reasons.splitlines()[:2] == [f"{bad.job_id} FAILED", f"failed: {bad.participating_servers[0].name}"]
    assert (0, [good]) == (
        (alone := command_line.run("watch", good.job_id, "--output", "json")).returncode,
        [structure_job(json.loads(line)) for line in alone.stdout.splitlines()],
    )


def test_watch_timeout(local_drs: LocalDrs):
    """Exit status 3, and a line with the jobs that are not complete."""
    job = make_job(status="STARTED")
    local_drs.add_jobs(job)
    result = command_line.run("watch", job.job_id, "--timeout", "0")
    assert (result.returncode, len(result.stdout.splitlines())) == (3, 1)
    assert job.job_id in result.stderr
    assert command_line.run("watch", job.job_id, "--timeout", "soon").returncode == 2


@pytest.mark.parametrize("width", [80, 140])
def test_watch_on_a_terminal(width: int, local_drs: LocalDrs):
    """One line with a bar per job on wide and narrow terminals, with complete ids."""
    servers = (*(make_server() for _ in range(110)), make_server(launch_status="PENDING"))
    job = make_job(participating_servers=servers, end_date_time=NOON, creation_date_time=NOON - timedelta(minutes=13))
    other = make_job(participating_servers=servers, end_date_time=NOON, creation_date_time=NOON - timedelta(minutes=13))
    shown = Terminal()
    console = Console(file=shown, force_terminal=True, width=width)
    clock = attrs.evolve(Clock.real(), utc_now=lambda: NOON)
    local_drs.add_jobs(job, other)
    watcher = Watcher([job.job_id, other.job_id], 0, None, clock)
    WatchDisplay(JobsClient(local_drs.client()), watcher, console).follow()
    assert set(watcher.snapshots.values()) == {job, other}
    lines = re.sub("\x1b\\[[0-9;?]*[a-zA-Z]", "", shown.getvalue()).strip().splitlines()[-2:]
    for line, one in zip(lines, watcher.snapshots.values(), strict=True):
        assert one.job_id in line
        assert "110/111 servers" in line
        assert "UNDETERMINED" in line
        assert "━" in line
        assert len(line.rstrip()) <= width


def test_watch_without_an_id(local_drs: LocalDrs):
    """All jobs that run; one line and exit status 0 if none does."""
    local_drs.add_jobs(make_job())
    none = command_line.run("watch")
    assert (none.returncode, none.stdout, none.stderr) == (0, "", "no job runs: drs-jobs list shows the latest\n")
    local_drs.inject(RawResponse(b'{"items": [{"status": "STARTED"}]}'), operation="DescribeJobs")
    unknown = command_line.run("watch")  # the malformed job can be one that runs
    assert (unknown.returncode, unknown.stdout, unknown.stderr.count("\n")) == (5, "", 1)
    assert "malformed response" in unknown.stderr
    running = [make_job(status="STARTED"), make_job(status="PENDING")]
    local_drs.add_jobs(*running)
    watched = command_line.run("watch", "--timeout", "0")
    assert watched.returncode == 3
    assert {line.split()[2] for line in watched.stdout.splitlines()} == {job.job_id for job in running}


@pytest.mark.parametrize("interval", [30, 600])
def test_watch_of_jobs_that_start_meanwhile(interval: int):
    """With --all they are watched too, also if the others end in the same interval, and the watch ends when none runs."""
    with LocalDrs(speed=0) as local:
        watch = Watch(local)
        first = watch.start(SERVERS[0])
        started: list[str] = []
        simulated = SimulatedTime()

        def sleep(seconds: float) -> None:
            simulated.sleep(seconds)
            local.advance(seconds)
            if len(started) < 2 and local.now >= start + timedelta(minutes=3 + 20 * len(started)):
                started.append(watch.start(SERVERS[1 + len(started)]))

        start = local.now
        clock = Clock(sleep, simulated.clock().now, lambda: 0.5, lambda: local.now)
        display = WatchDisplay(
            JobsClient(local.client()),
            Watcher([first], 7200, interval, clock),
            Console(file=watch.shown, width=10_000),
            follows_new=True,
        )
        display._reader.executor = Immediate()
        display.follow()
    assert [job.job_id for job in display._latest.values()] == [first, started[0]]
    assert all(job.is_complete for job in display._latest.values())


def test_slow_list_of_new_jobs_does_not_delay_polls(local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    """It is read on another thread, so the deadline and the interval are those that were given."""
    job = make_job(status="STARTED")
    local_drs.add_jobs(job)
    lists: list[Future[Any]] = []

    class Deferred(Immediate):
        def submit(self, fn: Any, /, *args: Any, **kwargs: Any) -> Future[Any]:
            if fn.__name__ != "_running_ids":
                return super().submit(fn, *args, **kwargs)
            lists.append(Future())
            return lists[-1]

    clock = SimulatedTime().clock()
    start = clock.now()
    display = WatchDisplay(
        JobsClient(local_drs.client()),
        Watcher([job.job_id], 60, 10, attrs.evolve(clock, utc_now=lambda: local_drs.now)),
        Console(file=io.StringIO(), width=10_000),
        follows_new=True,
    )
    display._reader.executor = Deferred()
    with pytest.raises(WaitTimeoutError):
        display.follow()
    polls = [request for request in local_drs.requests if request.body.get("filters", {}).get("jobIDs")]
    assert (len(lists), clock.now() - start) == (1, 60)
    assert len(polls) >= 6


def test_terminated_watch_shows_the_cursor_again(local_drs: LocalDrs):
    """With exit status 143, and without a traceback."""
    job = make_job(status="STARTED")
    local_drs.add_jobs(job)
    environment = {**os.environ, **command_line.DEFAULTS, "TERM": "xterm"}
    controller, terminal = pytest.importorskip("pty").openpty()
    process = subprocess.Popen([*command_line.COMMAND, "watch"], stdout=terminal, stderr=terminal, env=environment)
    os.close(terminal)
    shown = b""
    while job.job_id.encode() not in shown:
        shown += os.read(controller, 4096)
    process.terminate()
    with suppress(OSError):  # Linux raises it at the end of a terminal
        while more := os.read(controller, 4096):
            shown += more
    os.close(controller)
    assert process.wait(30) == 143
    assert shown.rindex(b"\x1b[?25h") > shown.rindex(b"\x1b[?25l")
    assert b"Traceback" not in shown


def test_watch_ignores_force_color(local_drs: LocalDrs):
    """Many CI systems set FORCE_COLOR. Bars drawn into a file for hours would fill the disk."""
    job = make_job()
    local_drs.add_jobs(job)
    result = command_line.run("watch", job.job_id, FORCE_COLOR="1", TTY_COMPATIBLE="1")
    assert (result.returncode, len(result.stdout.splitlines())) == (0, 1)
