"""Reports: pure functions of jobs and logs, and JobsClient.explain, with the requests for both."""

import json
import sys
from collections.abc import Callable
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
    SourceNetworkData,
    UnknownMember,
    unstructure_job,
)
from drs_jobs.analysis import Cause, Failure, explain, instance_ids
from drs_jobs.evidence import assess
from drs_jobs.testing import (
    ErrorResponse,
    LocalDrs,
    RawResponse,
    make_job,
    make_log_item,
    make_resource,
    make_run,
    make_server,
)

pytestmark = pytest.mark.both_clients

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


def test_event_without_a_server_is_a_reason_for_all():
    job = make_job(participating_servers=(make_server(launch_status="FAILED"),))
    [failure] = explain(job, [JobLogItem(event=JobLogEvent.JOB_CANCEL)]).failures
    assert failure.reasons == ("JOB_CANCEL",)


def test_explanations_are_equal_and_hashable():
    """The error of the log does not count."""
    job = make_job()
    one, other = explain(job, []), attrs.evolve(explain(job, []), log_error=ValueError("x"))
    assert one == other
    assert hash(one) == hash(attrs.evolve(one, instance_ids={"s": "i"}))


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
        lambda: assess([job], as_of=datetime.now(UTC)),
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


# ------------------------------------------------------------------ jobs that fail without an event


def _failed(*servers: str, **fields: Any) -> Job:
    participants = tuple(make_server(source_server_id=server, launch_status="FAILED") for server in servers)
    return make_job(creation_date_time=NOON, participating_servers=participants, **fields)


SNAPSHOTS = [_item(0, "JOB_START"), _item(1, "SNAPSHOT_START", "s-1"), _item(2, "SNAPSHOT_END", "s-1"), _item(5, "JOB_END")]


def test_job_that_failed_without_an_event():
    """As measured three times: it ends three minutes after the snapshot."""
    explanation = explain(_failed("s-1"), SNAPSHOTS)
    reason = "ended after SNAPSHOT_END; conversion never began"
    assert explanation.failures == (Failure(participant="s-1", reasons=(reason,)),)
    assert explanation.causes == (Cause(reason=reason, participants=("s-1",)),)
    assert explanation.job_reasons == ()


def test_last_event_that_is_not_known():
    """The conversion can have been started again after its end, or before."""
    conversion = [
        _item(None, "CONVERSION_START", "s-1"),
        _item(3, "CONVERSION_END", "s-1"),
        _item(4, "CONVERSION_START", "s-1"),
    ]
    assert explain(_failed("s-1"), [*SNAPSHOTS, *conversion]).failures == (Failure(participant="s-1"),)


def test_participants_without_an_id_are_not_in_the_log():
    """So nothing is said about their phases."""
    servers = (make_server(source_server_id=None, launch_status="FAILED"),)
    resources = (make_resource(participating_resource_id=None, launch_status="FAILED"),)
    job = make_job(participating_servers=servers, participating_resources=resources)
    assert [failure.reasons for failure in explain(job, SNAPSHOTS).failures] == [(), ()]


@pytest.mark.parametrize(
    ("events", "fields", "reasons"),
    [
        (["CLEANUP_START", "CLEANUP_END"], {}, ("ended after CLEANUP_END; snapshot never began",)),
        (["SNAPSHOT_END", "CONVERSION_START"], {}, ("ended after CONVERSION_START; conversion never ended",)),
        (["CONVERSION_END"], {}, ("ended after CONVERSION_END; launch never began",)),
        (["USING_PREVIOUS_SNAPSHOT"], {}, ("ended after USING_PREVIOUS_SNAPSHOT; snapshot never ended",)),
        (["LAUNCH_START", "LAUNCH_END"], {}, ("ended after LAUNCH_END",)),
        (["CONVERSION_END"], {"type": "CREATE_CONVERTED_SNAPSHOT"}, ("ended after CONVERSION_END",)),
        (["CLEANUP_END"], {"type": "TERMINATE"}, ("ended after CLEANUP_END",)),
        (["SNAPSHOT_END"], {"type": "LATER"}, ("ended after SNAPSHOT_END",)),
        (["LATER_EVENT"], {}, ("ended before its first phase began",)),
        ([], {}, ("ended before its first phase began",)),
        (["SNAPSHOT_END"], {"status": "STARTED", "end_date_time": None}, ()),
    ],
)
def test_last_event(events: list[str], fields: dict[str, Any], reasons: tuple[str, ...]):
    log = [*(_item(n, event, "s-1") for n, event in enumerate(events)), _item(99, "JOB_END")]
    [failure] = explain(_failed("s-1", **fields), log).failures
    assert failure.reasons == reasons


def test_log_that_was_cut_off():
    """It can lack the failure, so it is no evidence of what did not begin."""
    [failure] = explain(_failed("s-1"), SNAPSHOTS, log_error=OSError("gone")).failures
    assert failure.reasons == ()
    [unknown] = explain(_failed("s-2"), SNAPSHOTS[:-1]).failures
    assert unknown.reasons == ()


def test_retried_failure_is_no_last_event():
    log = [*SNAPSHOTS, _item(3, "CONVERSION_FAIL", "s-1"), _item(4, "CONVERSION_END", "s-1")]
    assert explain(_failed("s-1"), log).failures[0].reasons == ("CONVERSION_FAIL",)


# ------------------------------------------------------------------ the job as a whole


def test_network_recovery_that_lists_no_participant():
    network = SourceNetworkData(source_network_id="sn-1")
    error = "stack ROLLBACK_COMPLETE"
    job = make_job(participating_servers=(), initiated_by="CREATE_NETWORK_RECOVERY")
    listed = explain(job, [_item(1, "NETWORK_RECOVERY_FAIL", event_resource_data=network, raw_error=error)])
    assert listed.job_reasons == (f"sn-1: NETWORK_RECOVERY_FAIL: {error}",)
    assert listed.causes == (Cause(reason=f"NETWORK_RECOVERY_FAIL: {error}", participants=("sn-1",)),)
    unlisted = explain(job, [_item(1, "NETWORK_RECOVERY_FAIL", raw_error=error)])
    assert unlisted.job_reasons == (f"NETWORK_RECOVERY_FAIL: {error}",)
    assert unlisted.causes == (Cause(reason=f"NETWORK_RECOVERY_FAIL: {error}"),)


NETWORKS = [SourceNetworkData(source_network_id=f"sn-{n}") for n in (1, 2)]


def _network_job(**fields: Any) -> Job:
    return make_job(**({"participating_servers": (), "initiated_by": "CREATE_NETWORK_RECOVERY"} | fields))


def _network_log(*events: str) -> list[JobLogItem]:
    return [_item(n, event, event_resource_data=network) for network in NETWORKS for n, event in enumerate(events)]


def test_network_recovery_whose_phases_ended():
    """It lists no participant, so its outcome stays undetermined, and the text says what the log shows."""
    events = [f"{name}_CONFIGURATION_{step}" for name in ("DEPLOY_NETWORK", "UPDATE_NETWORK") for step in ("START", "END")]
    explanation = explain(_network_job(), _network_log(*events))
    reason = (
        "it lists no participant, but every phase in its log ended: deploy network configuration, update network configuration "
        "of sn-1, sn-2"
    )
    assert (explanation.job_reasons, explanation.causes, explanation.failures) == ((reason,), (), ())
    assert "undetermined" in explanation.text.splitlines()[0]
    assert f"job: {reason}" in explanation.text.splitlines()
    assert [row.participant for row in explanation.phases.participants] == ["sn-1", "sn-2"]


def test_network_recovery_with_one_phase_in_its_log():
    """It had others, which the log does not have, so nothing is said of every phase."""
    events = [f"DEPLOY_NETWORK_CONFIGURATION_{step}" for step in ("START", "END")]
    reason = "it lists no participant, and its log has only one phase, which ended: deploy network configuration of sn-1, sn-2"
    explanation = explain(_network_job(), _network_log(*events))
    assert explanation.job_reasons == (reason,)
    assert f"job: {reason}" in explanation.text.splitlines()


def test_network_recovery_whose_networks_have_different_phases():
    log = _network_log("DEPLOY_NETWORK_CONFIGURATION_END")
    log.append(_item(5, "UPDATE_NETWORK_CONFIGURATION_END", event_resource_data=NETWORKS[1]))
    reason = (
        "it lists no participant, but every phase in its log ended: deploy network configuration of sn-1; "
        "deploy network configuration, update network configuration of sn-2"
    )
    assert explain(_network_job(), log).job_reasons == (reason,)


@pytest.mark.parametrize(
    ("events", "fields", "log_error"),
    [
        (["DEPLOY_NETWORK_CONFIGURATION_START"], {}, None),
        (["DEPLOY_NETWORK_CONFIGURATION_END", "DEPLOY_NETWORK_CONFIGURATION_FAILED"], {}, None),
        (["DEPLOY_NETWORK_CONFIGURATION_END", "NETWORK_RECOVERY_FAIL"], {}, None),
        ([], {}, None),
        (["DEPLOY_NETWORK_CONFIGURATION_END"], {"status": "STARTED", "end_date_time": None}, None),
        (["DEPLOY_NETWORK_CONFIGURATION_END"], {}, OSError("cut off")),
        (["DEPLOY_NETWORK_CONFIGURATION_END"], {"initiated_by": "START_RECOVERY"}, None),
        (["DEPLOY_NETWORK_CONFIGURATION_END"], {"participating_resources": (make_resource(),)}, None),
    ],
)
def test_network_recovery_of_which_that_is_not_known(events: list[str], fields: dict[str, Any], log_error: Exception | None):
    reasons = explain(_network_job(**fields), _network_log(*events), log_error=log_error).job_reasons
    assert not [reason for reason in reasons if "lists no participant" in reason]


def test_job_reasons():
    """The job as a whole, and servers that it does not list, oldest first. A repeated item counts once."""
    log = [
        _item(None, "JOB_CANCEL", raw_error="undated"),
        _item(7, "JOB_CANCEL"),
        _item(3, "LAUNCH_FAILED", "s-other"),
        _item(1, "LAUNCH_FAILED", "s-1"),
    ]
    explanation = explain(_failed("s-1"), [*log, *log])
    assert explanation.job_reasons == ("s-other: LAUNCH_FAILED", "JOB_CANCEL", "JOB_CANCEL: undated")
    assert explanation.failures[0].reasons == ("LAUNCH_FAILED", "JOB_CANCEL", "JOB_CANCEL: undated")
    assert len(explanation.log) == 8


# ------------------------------------------------------------------ causes

REFUSED = (
    "An error occurred (UnauthorizedOperation) when calling the DeleteVolume operation: You are not authorized to perform this "
    "operation. User: arn:aws:sts::123456789012:assumed-role/x/y is not authorized to perform: ec2:DeleteVolume on resource: "
    "arn:aws:ec2:us-east-1:123456789012:volume/{} because no identity-based policy allows the ec2:DeleteVolume action."
)
KEY = "arn:aws:kms:us-east-1:123456789012:key/0f7b0200-71a8-4a43-b0f7-b020071835a4"
KEY_REFUSED = (
    f"An error occurred (AuthFailure) when calling the ModifySnapshotAttribute operation: Not authorized to use key {KEY}."
)
ENCODED = (
    "An error occurred (UnauthorizedOperation) when calling the {} operation: You are not authorized to perform this "
    "operation. Encoded authorization failure message: {}"
)


def test_one_cause_of_twelve_servers():
    """The sentences differ in the volume and in the attempt."""
    servers = [f"s-{n}" for n in range(12)]
    log = [
        _item(attempt, "LAUNCH_FAILED", server, raw_error=REFUSED.format(f"vol-0f7b02007183{n:04}"), attempt_count=attempt)
        for n, server in enumerate(servers)
        for attempt in (1, 2)
    ]
    [cause] = explain(_failed(*servers), log).causes
    assert cause == Cause(
        reason=f"LAUNCH_FAILED: {REFUSED.format('vol-0f7b020071830000')}",
        participants=tuple(servers),
        refused_action="ec2:DeleteVolume",
        resource="arn:aws:ec2:us-east-1:123456789012:volume/vol-0f7b020071830000",
    )
    assert cause.summary == "ec2:DeleteVolume refused"


@pytest.mark.parametrize(
    ("error", "action", "resource"),
    [
        (
            KEY_REFUSED,
            "ModifySnapshotAttribute",
            KEY,
        ),
        (ENCODED.format("RunInstances", "x_-Y" * 3000), "RunInstances", None),
        ("User: arn:aws:iam::123456789012:user/x is not authorized to perform: kms:CreateGrant", "kms:CreateGrant", None),
        (
            "An error occurred (AccessDeniedException) when calling the CreateGrant operation (reached max retries: 4): no",
            "CreateGrant",
            None,
        ),
        ('is not authorized to perform: s3:* on resource: "arn:aws:s3:::b/k" with an explicit deny', "s3:*", None),
        ("is not authorized to perform: s3:Get on resource: arn:aws:s3:::b/k, as of now", "s3:Get", "arn:aws:s3:::b/k"),
        ("An error occurred (VolumeInUse) when calling the DeleteVolume operation: in use", None, None),
        ("Not authorized to use key", None, None),
        (f"Not authorized to use key {KEY}", None, KEY),
        ("not authorized to perform: ", None, None),
        ("Your IAM user do not have permission for ec2:CreateSecurityGroup", "ec2:CreateSecurityGroup", None),
        ("Encoded authorization failure message: x_-Y", None, None),
        ("The instance did not boot", None, None),
    ],
)
def test_refused_calls(error: str, action: str | None, resource: str | None):
    [cause] = explain(_failed("s-1"), [_item(1, "LAUNCH_FAILED", "s-1", raw_error=error)]).causes
    assert (cause.refused_action, cause.resource, cause.reason) == (action, resource, f"LAUNCH_FAILED: {error}")


@pytest.mark.parametrize(
    ("errors", "count"),
    [
        ([REFUSED.format("vol-0a"), ENCODED.format("DeleteVolume", "abc"), ENCODED.format("DeleteVolume", "def")], 1),
        ([ENCODED.format("DeleteVolume", "abc"), ENCODED.format("RunInstances", "abc")], 2),
        ([REFUSED.format("vol-0a"), REFUSED.format("vol-0a").replace("UnauthorizedOperation", "AccessDenied")], 2),
        (["vol-0f7b020071835a43c is in use", "vol-0f7b020071835a43d is in use"], 1),
        (["request 0f7b0200-71a8-4a43-b0f7-b020071835a4", "request 1f7b0200-71a8-4a43-b0f7-b020071835a4"], 1),
        (["Address 10.0.1.5 is in use.", "Address 10.0.1.77 is in use."], 1),
        (["Address fd00:1::5 is in use", "Address fd00:1::a6 is in use"], 1),
        (["snap-0f7b020071835a43c of i-0f7b020071835a43c", "snap-1f7b020071835a43c of i-1f7b020071835a43c"], 1),
        (["no (Request ID: 7CE7C4A1B2)", "no (Request ID: 7CE7C4A1B3)"], 1),
        (["no (RequestId 0F7B0200-71A8-4A43-B0F7-B020071835A4)", "no (RequestId 1F7B0200-71A8-4A43-B0F7-B020071835A4)"], 1),
        (["Encoded authorization failure message: a_-1", "Encoded authorization failure message: b_-2"], 1),
        (["do not have permission for ec2:RunInstances", "do not have permission for ec2:CreateSecurityGroup"], 2),
        (["quota of 20 jobs", "quota of 500 servers"], 2),
        (["subnet is full", "subnet is gone"], 2),
        (["point-in-time is gone", "point-in-space is gone"], 2),
    ],
)
def test_same_cause(errors: list[str], count: int):
    servers = [f"s-{n}" for n in range(len(errors))]
    log = [_item(1, "LAUNCH_FAILED", server, raw_error=error) for server, error in zip(servers, errors, strict=True)]
    causes = explain(_failed(*servers), log).causes
    assert len(causes) == count
    assert sorted(participant for cause in causes for participant in cause.participants) == servers


def test_attempts_are_one_cause():
    """Also without an error, and the reasons of the server have both."""
    log = [_item(attempt, "LAUNCH_FAILED", "s-1", attempt_count=attempt, max_attempts_count=2) for attempt in (1, 2)]
    explanation = explain(_failed("s-1"), log)
    assert explanation.causes == (Cause(reason="LAUNCH_FAILED", participants=("s-1",)),)
    assert explanation.failures[0].reasons == ("LAUNCH_FAILED (attempt 1 of 2)", "LAUNCH_FAILED (attempt 2 of 2)")


def test_refused_call_of_a_launch_action():
    reason = "User: arn:aws:iam::123456789012:user/x is not authorized to perform: ssm:StartAutomationExecution"
    run = make_run(status="FAILED", name="Check disk", failure_reason=reason)
    server = make_server(source_server_id="s-1", launch_actions_status=LaunchActionsStatus(runs=(run,)))
    [cause] = explain(make_job(participating_servers=(server,)), []).causes
    assert cause.refused_action == "ssm:StartAutomationExecution"
    assert cause.hint == "allow ssm:StartAutomationExecution for arn:aws:iam::123456789012:user/x"


def test_causes_with_most_participants_come_first():
    """A failure of the job as a whole is a cause for each failed participant; launch actions and last events are causes too."""
    run = make_run(status="FAILED", name="Check disk", failure_reason="no space")
    acted = make_server(source_server_id="s-9", launch_actions_status=LaunchActionsStatus(runs=(run,)))
    job = _failed("s-1", "s-2", "s-3")
    job = attrs.evolve(job, participating_servers=(*job.participating_servers, acted))
    log = [_item(n, "CONVERSION_START", f"s-{n}") for n in (2, 3)] + [_item(1, "LAUNCH_FAILED", "s-1", raw_error="boot")]
    causes = [(cause.reason, cause.participants) for cause in explain(job, log).causes]
    assert causes == [
        ("ended after CONVERSION_START; conversion never ended", ("s-2", "s-3")),
        ("LAUNCH_FAILED: boot", ("s-1",)),
        ("launch action Check disk failed: no space", ("s-9",)),
    ]
    [cancelled, *_] = explain(job, [*log, _item(9, "JOB_CANCEL")]).causes
    assert cancelled == Cause(reason="JOB_CANCEL", participants=("s-1", "s-2", "s-3", "s-9"))


# ------------------------------------------------------------------ the text


def test_text_of_a_failed_job():
    """The outcome, then each cause with its participants and the next step."""
    log = [_item(1, "LAUNCH_FAILED", f"s-{n}", raw_error=REFUSED.format(f"vol-0f7b02007183{n:04}")) for n in range(5)]
    log += [_item(2, "CONVERSION_FAIL", "s-5", raw_error="unknown")]
    job = _failed(*(f"s-{n}" for n in range(6)), initiated_by="START_DRILL", end_date_time=NOON + timedelta(minutes=31))
    explanation = explain(attrs.evolve(job, participating_servers=(*job.participating_servers, make_server())), log)
    head, refused, next_step, unknown, console = explanation.text.splitlines()
    assert head == f"drill {job.job_id}: failed after 31m 00s, 6 of 7 servers failed"
    assert refused.startswith("s-0, s-1, s-2 and 2 more: ec2:DeleteVolume refused: LAUNCH_FAILED: An error occurred")
    assert next_step == (
        "next: allow ec2:DeleteVolume on arn:aws:ec2:us-east-1:123456789012:volume/* for "
        "arn:aws:sts::123456789012:assumed-role/x/y in the identity-based policy"
    )
    assert unknown == "s-5: CONVERSION_FAIL: unknown"
    assert console == f"console: {job.console_url}"
    assert str(explanation) == explanation.text


@pytest.mark.parametrize(
    ("job", "log", "error", "lines"),
    [
        (make_job(initiated_by=None, type="LAUNCH", end_date_time=None, status="STARTED"), [], None, ["job {}: running"]),
        (
            _failed("s-1", initiated_by="START_RECOVERY", end_date_time=None, status="COMPLETED", arn=None),
            [],
            LookupError(),
            [
                "recovery {}: failed, 1 of 1 server failed",
                "s-1: not known without the log",
                "the log could not be read: LookupError",
            ],
        ),
        (
            make_job(participating_servers=(), initiated_by="START_RECOVERY", end_date_time=None, status="COMPLETED", arn=None),
            [_item(1, "JOB_CANCEL"), _item(2, "LAUNCH_FAILED", "s-9")],
            None,
            ["recovery {}: undetermined: it has no participants", "s-9: LAUNCH_FAILED", "job: JOB_CANCEL"],
        ),
    ],
)
def test_text_of_other_jobs(job: Job, log: list[JobLogItem], error: Exception | None, lines: list[str]):
    found = explain(job, log, log_error=error).text.splitlines()
    if job.console_url is not None:
        assert found.pop() == f"console: {job.console_url}"
    assert found == [line.format(job.job_id) for line in lines]


def test_text_is_bounded():
    """In lines and in their length, whatever the job and its log contain."""
    servers = [f"s-\n{n:03}{'x' * 500}" for n in range(200)]
    errors = [("a" * 1000) + ("b" * n) for n in range(200)]
    log = [_item(1, "LAUNCH_FAILED", server, raw_error=error) for server, error in zip(servers, errors, strict=True)]
    lines = explain(_failed(*servers), log).text.split("\n")
    assert len(lines) == 22
    assert lines[20] == "and 181 more lines"
    assert all(line.isprintable() and len(line) <= 300 for line in lines)


def test_html_of_an_explanation():
    log = [_item(1, "LAUNCH_FAILED", f"s-{n}", raw_error=REFUSED.format(f"vol-<{n}>")) for n in range(3)]
    shown = explain(_failed("s-0", "s-1", "s-2"), [*log, _item(2, "JOB_CANCEL", raw_error="<b>")])._repr_html_()
    assert "s-0, s-1, s-2: ec2:DeleteVolume refused: " in shown
    assert "3 of 3 servers failed" in shown
    assert "JOB_CANCEL: &lt;b&gt;" in shown
    assert "next: allow ec2:DeleteVolume on " in shown
    assert "phases of job" in shown
    assert "<b>" not in shown


def _calls(run: Callable[[], object]) -> int:
    """Return how many functions are called. It does not depend on the machine."""
    count = 0

    def count_call(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in {"call", "c_call"}

    sys.setprofile(count_call)
    try:
        run()
    finally:
        sys.setprofile(None)
    return count


def test_large_logs_are_read_in_linear_time():
    counts: list[int] = []
    for size in (40, 400):
        servers = [f"s-{n}" for n in range(size)]
        log = [_item(n, event, server) for server in servers for n, event in enumerate(("SNAPSHOT_START", "LAUNCH_FAILED"))]
        job = _failed(*servers)
        counts.append(_calls(lambda job=job, log=log: explain(job, log)))
    assert counts[1] < 11 * counts[0]


@pytest.mark.parametrize(
    "ids", [("s-Xa1b2c3d4e5f6a7b8", "s-Qb1b2c3d4e5f6a7b9"), ("s-0a1b2c3d4e5f6a7b8", "s-1a1b2c3d4e5f6a7b9")]
)
def test_causes_ignore_ids_of_any_case(ids: tuple[str, str]):
    log = [_item(n, "LAUNCH_FAILED", name, raw_error=f"Server {name} did not boot") for n, name in enumerate(ids)]
    assert [cause.participants for cause in explain(_failed(*ids), log).causes] == [ids]
