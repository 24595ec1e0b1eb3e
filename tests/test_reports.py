"""Reports: pure functions of jobs and logs, and JobsClient.explain, which fetches both."""

import json
import random
import weakref
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import attrs
import pytest
from botocore.exceptions import EndpointConnectionError

from drs_jobs import (
    AccessDeniedException,
    Job,
    JobLogEvent,
    JobLogItem,
    JobNotFoundError,
    JobsClient,
    LaunchActionsStatus,
    MalformedResponseError,
    Outcome,
    SourceNetworkData,
    UnknownMember,
    unstructure_job,
)
from drs_jobs.reports import DrillReport, ServerDrill, active_jobs, explain, instance_ids, last_drills
from drs_jobs.testing import (
    ErrorResponse,
    LocalDrs,
    RawResponse,
    make_history,
    make_job,
    make_log_item,
    make_resource,
    make_run,
    make_server,
)

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)


def _item(minute: int | None, event: str, server: str | None = None, **fields: Any) -> JobLogItem:
    when = None if minute is None else NOON + timedelta(minutes=minute)
    return make_log_item(event=event, source_server_id=server, log_date_time=when, **fields)


# ------------------------------------------------------------------ instances


def test_instance_ids():
    """The job's own id is preferred, then the newest in the log. Servers that only the log has are included."""
    own = make_server(source_server_id="s-own", recovery_instance_id="i-own")
    logged = make_server(source_server_id="s-logged", recovery_instance_id=None)
    nameless = make_server(source_server_id=None)
    blank = make_server(source_server_id="s-elsewhere", recovery_instance_id="")
    log = [
        _item(9, "LAUNCH_END", "s-logged", target_instance_id="i-newer"),
        _item(3, "LAUNCH_END", "s-logged", target_instance_id="i-older"),
        _item(3, "LAUNCH_END", "s-own", target_instance_id="i-other"),
        _item(5, "LAUNCH_END", "s-elsewhere", target_instance_id="i-elsewhere"),
        _item(5, "LAUNCH_START", "s-elsewhere"),
        _item(None, "LAUNCH_END", "s-logged", target_instance_id="i-undated"),
        _item(99, "LAUNCH_END", "s-logged", target_instance_id=""),
        JobLogItem(),
    ]
    found = instance_ids(make_job(participating_servers=(own, logged, nameless, blank)), iter(log))
    assert found == {"s-own": "i-own", "s-logged": "i-newer", "s-elsewhere": "i-elsewhere"}
    assert instance_ids(make_job(participating_servers=()), []) == {}


# ------------------------------------------------------------------ explanations


def test_explain_reasons():
    """Reasons from the log come first, oldest first; then launch actions, with optional ones marked."""
    run = make_run(status="FAILED", name="Check disk", failure_reason="no space")
    optional = make_run(status="FAILED", name="Nice to have", optional=True, failure_reason=None)
    bad = make_server(
        source_server_id="s-bad", launch_status="FAILED", launch_actions_status=LaunchActionsStatus(runs=(optional,))
    )
    invalid = make_server(source_server_id="s-invalid", launch_actions_status=LaunchActionsStatus(runs=(run, make_run())))
    good = make_server(source_server_id="s-good", launch_actions_status=LaunchActionsStatus(runs=(optional,)))
    network = make_resource(launch_status="FAILED")
    later = make_resource(launch_status="FAILED", participating_resource_id=UnknownMember("laterID", 5))
    nameless = make_resource(launch_status="FAILED", participating_resource_id=None)
    log = [
        _item(8, "LAUNCH_FAILED", "s-bad", raw_error="boot", attempt_count=2, max_attempts_count=3),
        _item(4, "CONVERSION_FAIL", "s-bad", attempt_count=1),
        _item(5, "SNAPSHOT_END", "s-bad"),
        _item(6, "LATER_FAILED", "s-bad", raw_error="new event"),
        _item(7, "LAUNCH_FAILED", "s-good", raw_error="retried and launched"),
        _item(None, "SERVER_SKIPPED", "s-bad"),
        _item(
            1, "NETWORK_RECOVERY_FAIL", event_resource_data=SourceNetworkData(source_network_id=network.name), raw_error="stack"
        ),
        _item(2, "LATER_FAILED", event_resource_data=UnknownMember("laterID", 5), raw_error="unknown kind"),
        _item(9, "JOB_CANCEL"),
        JobLogItem(),
    ]
    job = make_job(participating_servers=(good, bad, invalid), participating_resources=(network, later, nameless))
    explanation = explain(job, iter(log))
    assert job is explanation.job
    assert {
        "s-bad": (
            "CONVERSION_FAIL (attempt 1 of ?)",
            "LATER_FAILED: new event",
            "LAUNCH_FAILED (attempt 2 of 3): boot",
            "JOB_CANCEL",
            "SERVER_SKIPPED",
            "optional launch action Nice to have failed",
        ),
        "s-invalid": ("JOB_CANCEL", "launch action Check disk failed: no space"),
        network.name: ("NETWORK_RECOVERY_FAIL: stack", "JOB_CANCEL"),
        "laterID": ("LATER_FAILED: unknown kind", "JOB_CANCEL"),
        "without an id": ("JOB_CANCEL",),
    } == {failure.participant: failure.reasons for failure in explanation.failures}
    assert "failures=<5>" in repr(explanation)


def test_explain_without_reasons():
    """No reason is made up."""
    job = make_job(participating_servers=(make_server(launch_status="FAILED"),))
    [failure] = explain(job, []).failures
    assert failure.reasons == ()
    [nameless] = explain(
        make_job(participating_servers=(make_server(source_server_id=None, launch_status="FAILED"),)), []
    ).failures
    assert nameless.participant == "without an id"
    assert explain(make_job(), []).failures == ()


def test_explain_fetches_job_and_log(client: JobsClient, local_drs: LocalDrs):
    """It accepts an id, a job or a dict, and always fetches the job."""
    job = make_job(participating_servers=(make_server(source_server_id="s-1", launch_status="FAILED"),))
    local_drs.add_jobs(job)
    local_drs.add_log(job.job_id, _item(1, "LAUNCH_FAILED", "s-1", raw_error="boot"))
    for ref in (job.job_id, make_job(job_id=job.job_id), {"jobID": job.job_id}):
        explanation = client.explain(ref)
        assert (job, None) == (explanation.job, explanation.log_error)
        assert [failure.reasons for failure in explanation.failures] == [("LAUNCH_FAILED: boot",)]
    with pytest.raises(JobNotFoundError):
        client.explain("drsjob-00000000000000000")


def test_explain_with_half_a_log(client: JobsClient, local_drs: LocalDrs):
    """The explanation has the error, the job and the log items before the error."""
    local_drs.page_sizes = (1,)
    job = make_job(participating_servers=(make_server(source_server_id="s-1", launch_status="FAILED"),))
    local_drs.add_jobs(job)
    local_drs.add_log(job.job_id, _item(1, "SNAPSHOT_FAIL", "s-1"), _item(2, "LAUNCH_FAILED", "s-1"))

    def deny_second_page(**_: Any) -> None:
        if sum(request.operation == "DescribeJobLogItems" for request in local_drs.requests) == 1:
            local_drs.inject(ErrorResponse("AccessDeniedException", 403))

    client._client.meta.events.register("before-send.drs.DescribeJobLogItems", deny_second_page)  # type: ignore[attr-defined]
    explanation = client.explain(job)
    assert isinstance(explanation.log_error, AccessDeniedException)
    assert [failure.reasons for failure in explanation.failures] == [("SNAPSHOT_FAIL",)]


@pytest.mark.parametrize(
    "error", [NotImplementedError("no log"), ConnectionResetError("gone"), EndpointConnectionError(endpoint_url="x")]
)
def test_explain_with_any_log_error(error: Exception):
    """A hand-written client can raise any exception."""

    class Fake:
        def describe_jobs(self, **_: Any) -> Any:
            return {"items": [{"jobID": "j"}]}

        def describe_job_log_items(self, **_: Any) -> Any:
            raise error

    explanation = JobsClient(Fake()).explain("j")
    assert (explanation.job.job_id, explanation.log_error) == ("j", error)


def test_explain_with_a_client_without_logs():
    job = make_job()

    class JobsOnly:
        def describe_jobs(self, **_: Any) -> Any:
            return {"items": [unstructure_job(job)]}

    explanation = JobsClient(JobsOnly()).explain(job)
    assert (job, True) == (explanation.job, isinstance(explanation.log_error, TypeError))


def test_explain_with_a_malformed_log_item(client: JobsClient, local_drs: LocalDrs):
    """The error is in log_error, and the other items are used."""
    job = make_job(participating_servers=(make_server(source_server_id="s-1", launch_status="FAILED"),))
    local_drs.add_jobs(job)

    def inject_malformed_item(**_: Any) -> None:
        local_drs.inject(
            RawResponse(b'{"items": [{"event": 5}, {"event": "LAUNCH_FAILED", "eventData": {"sourceServerID": "s-1"}}]}')
        )

    client._client.meta.events.register("before-send.drs.DescribeJobLogItems", inject_malformed_item)  # type: ignore[attr-defined]
    explanation = client.explain(job)
    assert isinstance(explanation.log_error, MalformedResponseError)
    assert [failure.reasons for failure in explanation.failures] == [("LAUNCH_FAILED",)]


# ------------------------------------------------------------------ drills


def _drill(day: int | None, *servers: Any, **fields: Any) -> Job:
    when = None if day is None else NOON + timedelta(days=day)
    return make_job(creation_date_time=when, participating_servers=servers, **fields)


def _server(server_id: str, status: str = "LAUNCHED", run: str = "SUCCEEDED", *, optional: bool = False) -> Any:
    runs = LaunchActionsStatus(runs=(make_run(status=run, optional=optional),))
    return make_server(source_server_id=server_id, launch_status=status, launch_actions_status=runs)


def test_outcome_per_server():
    """A server that launched in a failed drill succeeded. One that failed keeps its last success."""
    first = _drill(1, _server("s-a"), _server("s-b"))
    second = _drill(
        2, _server("s-a"), _server("s-b", "FAILED"), _server("s-c", run="FAILED"), _server("s-d", run="FAILED", optional=True)
    )
    running = _drill(3, _server("s-d", "PENDING"), status="STARTED", end_date_time=None)
    recovery = _drill(4, _server("s-a"), _server("s-z"), initiated_by="START_RECOVERY")
    report = last_drills([running, first, recovery, second])
    assert report == DrillReport(
        servers=(
            ServerDrill(
                source_server_id="s-a",
                outcome=Outcome.SUCCEEDED,
                last_drill=second,
                last_completed_drill=second,
                last_successful_drill=second,
            ),
            ServerDrill(
                source_server_id="s-b",
                outcome=Outcome.FAILED,
                last_drill=second,
                last_completed_drill=second,
                last_successful_drill=first,
            ),
            ServerDrill(source_server_id="s-c", outcome=Outcome.FAILED, last_drill=second, last_completed_drill=second),
            ServerDrill(
                source_server_id="s-d",
                outcome=Outcome.RUNNING,
                last_drill=running,
                last_completed_drill=second,
                last_successful_drill=second,
            ),
        ),
        first_job_at=NOON + timedelta(days=1),
        last_job_at=NOON + timedelta(days=4),
        job_count=4,
    )


def test_requested_servers():
    """One row per requested server, in that order. A server without a drill has no outcome."""
    job = _drill(1, _server("s-a"), _server("s-b"), make_server(source_server_id=None))
    report = last_drills(iter([job]), source_server_ids=iter(["s-never", "s-b", "s-never"]))
    assert report.servers == (
        ServerDrill(source_server_id="s-never"),
        ServerDrill(
            source_server_id="s-b",
            outcome=Outcome.SUCCEEDED,
            last_drill=job,
            last_completed_drill=job,
            last_successful_drill=job,
        ),
    )
    assert last_drills([]) == DrillReport()
    with pytest.raises(TypeError, match="not one str"):
        last_drills([], source_server_ids="s-a")


def test_server_listed_twice_in_one_job():
    """It failed if any of its entries failed."""
    [row] = last_drills([_drill(1, _server("s-a"), _server("s-a", "FAILED"))]).servers
    assert row.outcome is Outcome.FAILED


def test_order_of_jobs_does_not_matter():
    """A job without a creation date counts as older than any other."""
    jobs = [*make_history(60, until=NOON), _drill(None, _server("s-undated"))]
    expected = last_drills(jobs)
    generator = random.Random(1)
    for _ in range(5):
        generator.shuffle(jobs)
        assert expected == last_drills(jobs)
    assert [row.last_drill for row in expected.servers if row.source_server_id == "s-undated"] == [
        jobs[[j.creation_date_time for j in jobs].index(None)]
    ]


def test_last_drills_keeps_few_jobs():
    """It reads the jobs once, and keeps at most three per server."""
    references: list[weakref.ref[Job]] = []
    most_kept = 0

    def jobs() -> Iterator[Job]:
        nonlocal most_kept
        for day in range(500):
            job = _drill(day, _server("s-a"), _server("s-b"))
            references.append(weakref.ref(job))
            most_kept = max(most_kept, sum(reference() is not None for reference in references))
            yield job

    report = last_drills(jobs())
    assert (report.job_count, len(report.servers)) == (500, 2)
    assert most_kept <= 7  # three per server and the newest


def test_last_drills_when_summer_time_ends():
    """In the repeated hour a later wall time can be the earlier moment. The report's dates are in UTC."""
    berlin = ZoneInfo("Europe/Berlin")
    first = make_job(creation_date_time=datetime(2024, 10, 27, 2, 30, tzinfo=berlin), participating_servers=(make_server(),))
    later = make_job(
        creation_date_time=datetime(2024, 10, 27, 2, 10, tzinfo=berlin, fold=1),
        participating_servers=first.participating_servers,
    )
    report = last_drills([first, later])
    assert report.servers[0].last_drill is later
    assert (str(report.first_job_at), str(report.last_job_at)) == ("2024-10-27 00:30:00+00:00", "2024-10-27 01:10:00+00:00")


def test_active_jobs():
    """Pending and started jobs, and those of an unknown status that have not ended."""
    jobs = [make_job(status=status, end_date_time=None) for status in ("PENDING", "STARTED", "LATER", "COMPLETED")]
    assert tuple(jobs[:3]) == active_jobs(iter(jobs))


def test_event_without_a_server_is_a_reason_for_all():
    job = make_job(participating_servers=(make_server(launch_status="FAILED"),))
    [failure] = explain(job, [JobLogItem(event=JobLogEvent.JOB_CANCEL)]).failures
    assert failure.reasons == ("JOB_CANCEL",)


def test_two_drills_of_one_instant():
    """The first one counts, because AWS sends the newest first."""
    servers = (make_server(),)
    first, second = (make_job(creation_date_time=NOON, participating_servers=servers) for _ in range(2))
    [row] = last_drills([first, second]).servers
    assert (row.last_drill, row.last_successful_drill) == (first, first)


def test_server_without_an_id_has_no_row():
    assert last_drills([make_job(participating_servers=(make_server(source_server_id=None),))]).servers == ()


def test_explanations_are_equal_and_hashable():
    """The error of the log does not count."""
    job = make_job()
    one, other = explain(job, []), attrs.evolve(explain(job, []), log_error=ValueError("x"))
    assert one == other
    assert hash(one) == hash(attrs.evolve(one, instance_ids={"s": "i"}))


def test_source_server_ids_is_keyword_only():
    with pytest.raises(TypeError):
        last_drills([], ["s-1"])  # type: ignore[misc]  # the case under test


BERLIN = ZoneInfo("Europe/Berlin")
FIRST_HOUR = datetime(2024, 10, 27, 2, 50, tzinfo=BERLIN, fold=0)
SECOND_HOUR = datetime(2024, 10, 27, 2, 10, tzinfo=BERLIN, fold=1)
"""Twenty minutes later, although the wall clock shows forty minutes less."""


def test_log_items_when_summer_time_ends():
    """They are ordered in UTC: the newer instance counts, and reasons come oldest first."""
    server = "s-00000000000000001"
    items = [
        make_log_item(
            event="LAUNCH_FAILED", raw_error=name, source_server_id=server, target_instance_id=name, log_date_time=when
        )
        for name, when in (("i-new", SECOND_HOUR), ("i-old", FIRST_HOUR))
    ]
    for log in (items, items[::-1]):
        assert instance_ids(make_job(participating_servers=()), log) == {server: "i-new"}
        job = make_job(participating_servers=(make_server(source_server_id=server, launch_status="FAILED"),))
        assert explain(job, log).failures[0].reasons == ("LAUNCH_FAILED: i-old", "LAUNCH_FAILED: i-new")


def test_durations_when_summer_time_ends():
    job = make_job(creation_date_time=FIRST_HOUR, end_date_time=SECOND_HOUR)
    assert job.duration == job.elapsed(SECOND_HOUR) == timedelta(minutes=20)
    running = make_job(status="STARTED", creation_date_time=FIRST_HOUR)
    assert running.elapsed(SECOND_HOUR) == timedelta(minutes=20)


NAIVE = datetime(2024, 6, 15, 12)  # noqa: DTZ001  # the case under test


def test_naive_datetimes_are_rejected():
    """The error is the same as that of unstructure_job."""
    job = make_job(creation_date_time=NAIVE)
    log = [make_log_item(log_date_time=NAIVE), make_log_item()]
    for use in (
        lambda: unstructure_job(job),
        lambda: job.duration,
        lambda: make_job(status="STARTED", creation_date_time=NAIVE).elapsed(datetime.now(UTC)),
        lambda: make_job().elapsed(NAIVE),
        lambda: last_drills([job]),
        lambda: instance_ids(job, log),
        lambda: explain(make_job(), log),
    ):
        with pytest.raises(ValueError, match="has no time zone"):
            use()
    assert "2024-06-15T12:00:00" in repr(job)


def test_explain_has_the_first_error_of_the_log(client: JobsClient, local_drs: LocalDrs):
    job = make_job()
    local_drs.add_jobs(job)
    log = {"items": [{"event": 1}, {"event": "JOB_START"}, {"event": 2}]}
    response = RawResponse(json.dumps(log).encode())

    class OnlyLog(RawResponse):
        def apply(self, respond: Any) -> Any:
            return super().apply(respond) if local_drs.requests[-1].operation == "DescribeJobLogItems" else respond()

    local_drs.inject(OnlyLog(response.body), times=None)
    explanation = client.explain(job)
    assert isinstance(explanation.log_error, MalformedResponseError)
    assert explanation.log_error.path == "$.items[0].event"
    assert len(explanation.log) == 1
