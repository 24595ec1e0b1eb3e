"""LocalDrs: a DRS endpoint for any AWS client, and jobs made with few words."""

import json
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError

from drs_jobs import (
    InitiatedBy,
    InternalServerException,
    JobsClient,
    JobStatus,
    JobType,
    LaunchStatus,
    Outcome,
    ThrottlingException,
    UnknownValue,
    structure_job,
    unstructure_job,
)
from drs_jobs.testing import LocalDrs, ServerError, Throttle, make_history, make_job, make_resource, make_run, make_server
from drs_jobs.testing.validation import refusals

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)


def test_boto3s_paginator_sees_the_same_jobs(boto_client: Any, client: JobsClient, local_drs: LocalDrs):
    """Plain boto3 pages through LocalDrs as through AWS."""
    jobs = [make_job() for _ in range(60)]
    local_drs.add_jobs(*jobs)
    pages = list(boto_client.get_paginator("describe_jobs").paginate(maxResults=7))
    assert len(pages) == 9
    raw = [job for page in pages for job in page["items"]]
    assert [unstructure_job(job) for job in client.describe_jobs()] == raw
    assert sorted(jobs, key=lambda job: job.creation_date_time or NOON, reverse=True) == [structure_job(job) for job in raw]


def test_filters_by_id_and_by_inclusive_dates(client: JobsClient, local_drs: LocalDrs):
    """Filters combine; jobs without a creation date come last and match no date."""
    jobs = [make_job(creation_date_time=NOON + timedelta(days=n)) for n in range(4)]
    timeless = make_job(creation_date_time=None)
    local_drs.add_jobs(timeless, *jobs)
    ids = [job.job_id for job in jobs]

    def found(**filters: Any) -> list[int]:
        got = [job.job_id for job in client.describe_jobs(**filters)]
        return [ids.index(job_id) if job_id in ids else -1 for job_id in got]

    assert found() == [3, 2, 1, 0, -1]
    assert found(from_date=NOON + timedelta(days=1)) == [3, 2, 1]
    assert found(to_date=NOON + timedelta(days=1)) == [1, 0]
    assert found(from_date=NOON + timedelta(days=1), to_date=NOON + timedelta(days=2)) == [2, 1]
    assert found(job_ids=[ids[0], ids[2], "drsjob-00000000000000000"]) == [2, 0]
    assert found(job_ids=[ids[0], timeless.job_id], from_date=NOON) == [0]


def test_a_token_is_good_for_its_own_question_only(boto_client: Any, local_drs: LocalDrs):
    """Wrong, foreign and other questions' tokens get a ValidationException."""
    local_drs.add_jobs(*(make_job() for _ in range(3)))
    token = boto_client.describe_jobs(maxResults=1)["nextToken"]
    assert len(boto_client.describe_jobs(nextToken=token)["items"]) == 2
    elsewhere = local_drs.client(region="eu-central-1")
    somebody = local_drs.client(access_key_id="somebody")
    with LocalDrs() as other:
        for client, request in (
            (boto_client, {"nextToken": "nonsense"}),
            (boto_client, {"nextToken": token, "filters": {"fromDate": "2024-01-01T00:00:00Z"}}),
            (elsewhere, {"nextToken": token}),
            (somebody, {"nextToken": token}),
            (other.client(), {"nextToken": token}),
        ):
            with pytest.raises(client.exceptions.ValidationException) as caught:
                client.describe_jobs(**request)
            assert caught.value.response["fieldList"][0]["name"] == "nextToken"


def test_jobs_are_kept_by_region_and_access_key(local_drs: LocalDrs):
    """One endpoint is many accounts and regions; what no key is said for is seen by every key."""
    mine, ours, elsewhere = make_job(), make_job(), make_job()
    local_drs.add_jobs(mine, access_key_id="me")
    local_drs.add_jobs(ours)
    local_drs.add_jobs(elsewhere, region="us-east-1")
    assert {mine, ours} == set(JobsClient(local_drs.client(access_key_id="me")).describe_jobs())
    assert {ours} == set(JobsClient(local_drs.client(access_key_id="you")).describe_jobs())
    assert {elsewhere} == set(JobsClient(local_drs.client("us-east-1", access_key_id="me")).describe_jobs())
    assert [(request.region, request.access_key_id) for request in local_drs.requests] == [
        ("eu-west-1", "me"),
        ("eu-west-1", "you"),
        ("us-east-1", "me"),
    ]


def test_a_job_of_ones_own_hides_everybodys(local_drs: LocalDrs):
    """Added for all and again for one, it is listed once."""
    job = make_job(status="PENDING")
    local_drs.add_jobs(job)
    local_drs.add_jobs(make_job(job_id=job.job_id), access_key_id="me")
    assert [job.status for job in JobsClient(local_drs.client(access_key_id="me")).describe_jobs()] == ["COMPLETED"]
    assert [job.status for job in JobsClient(local_drs.client(access_key_id="you")).describe_jobs()] == ["PENDING"]


def test_adding_a_job_again_replaces_it(client: JobsClient, local_drs: LocalDrs):
    """A job's id is its identity."""
    job = make_job(status="PENDING")
    local_drs.add_jobs(job)
    done = make_job(job_id=job.job_id)
    local_drs.add_jobs(done)
    assert [done] == list(client.describe_jobs())


def _post(url: str, body: bytes, authorization: str = "") -> tuple[int, str | None, dict[str, Any]]:
    request = urllib.request.Request(url, data=body, headers={"Authorization": authorization}, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=5) as response:
            return response.status, None, json.load(response)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["x-amzn-errortype"], json.load(error)


SIGNED = "AWS4-HMAC-SHA256 Credential=testing/20240615/eu-west-1/drs/aws4_request, SignedHeaders=host, Signature=0"


@pytest.mark.parametrize(
    ("path", "body", "authorization", "status", "error"),
    [
        ("/DescribeJobs", b"{}", SIGNED, 200, None),
        ("/DescribeJobs", b"", SIGNED, 200, None),
        ("/DescribeJobs", b"{}", "", 403, "MissingAuthenticationTokenException"),
        ("/DescribeJobs", b"{}", SIGNED.replace("/drs/", "/ec2/"), 403, "MissingAuthenticationTokenException"),
        ("/Nonsense", b"{}", SIGNED, 404, "UnknownOperationException"),
        ("/DescribeJobs", b"nonsense", SIGNED, 400, "ValidationException"),
        ("/DescribeJobs", b"[" * 100_000, SIGNED, 400, "ValidationException"),
        ("/DescribeJobs", b"[]", SIGNED, 400, "ValidationException"),
        ("/DescribeJobs", b'{"maxResults": 0}', SIGNED, 400, "ValidationException"),
        ("/DescribeJobs", b'{"maxResults": true}', SIGNED, 400, "ValidationException"),
        ("/DescribeJobs", b'{"filters": {"jobIDs": "x"}}', SIGNED, 400, "ValidationException"),
        ("/DescribeJobs", b'{"filters": {"fromDate": "2024-06-15T00:00:00+00:00"}}', SIGNED, 400, "ValidationException"),
        ("/DescribeJobs", b'{"filters": {"fromDate": "2024-02-31T00:00:00Z"}}', SIGNED, 400, "ValidationException"),
        ("/DescribeJobs", b'{"filters": null, "nextToken": null, "unknown": 1}', SIGNED, 200, None),
    ],
)
def test_requests_are_checked_as_the_service_checks_them(path, body, authorization, status, error, local_drs: LocalDrs):
    """Signature scope, JSON, types, patterns and limits."""
    assert (status, error) == _post(local_drs.endpoint_url + path, body, authorization)[:2]


def test_the_cap_on_ids_is_the_service_models(local_drs: LocalDrs):
    """1,000 ids are taken, 1,001 are not."""
    ids = [f"drsjob-{n:017}" for n in range(1001)]
    for count, status in ((1000, 200), (1001, 400)):
        body = json.dumps({"filters": {"jobIDs": ids[:count]}}).encode()
        got = _post(local_drs.endpoint_url + "/DescribeJobs", body, SIGNED)
        assert status == got[0]
    assert got[2]["fieldList"] == [{"name": "filters.jobIDs", "message": "must be 1000 or less, in value or length"}]


def test_other_shapes_are_checked_by_the_same_rules():
    """Maps and required members, too, come from the service model."""
    assert refusals("StartRecovery", {}) == [("sourceServers", "must not be absent")]
    assert refusals(
        "StartRecovery", {"sourceServers": [{"sourceServerID": "s-" + "0" * 17}], "tags": {"a": "x" * 257}, "isDrill": True}
    ) == [("tags.value", "must be 256 or less, in value or length")]


def test_faults_spoil_the_next_answers_in_turn(client: JobsClient, local_drs: LocalDrs):
    """inject(…, times=2) spoils two answers, and then all is well."""
    local_drs.inject(Throttle(), times=2)
    for _ in range(2):
        with pytest.raises(ClientError):
            client.describe_jobs().first()
    assert client.describe_jobs().first() is None


def test_it_runs_only_within_its_block():
    """Outside, it says so, and nobody listens."""
    local = LocalDrs()
    with pytest.raises(RuntimeError, match="with LocalDrs"):
        local.client()
    assert repr(local) == "LocalDrs(not running)"
    with local:
        boto_client = local.client(config=Config(retries={"total_max_attempts": 1}, connect_timeout=2))
        assert boto_client.describe_jobs()["items"] == []
        assert local.endpoint_url in repr(local)
    with pytest.raises(EndpointConnectionError):
        boto_client.describe_jobs()


@pytest.mark.parametrize("sizes", [(), (0,), (0, 0), (5, -1)])
def test_page_sizes_must_lead_somewhere(sizes):
    """Pages that are all empty would never end."""
    with pytest.raises(ValueError, match="page_sizes"):
        LocalDrs(page_sizes=sizes)


def test_what_is_no_job_is_refused_when_it_is_added():
    """A list of jobs, and a job that could not be sent, are told at once and not by the server."""
    local = LocalDrs()
    with pytest.raises(TypeError, match=r"add_jobs\(\*jobs\)"):
        local.add_jobs([make_job()])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="time zone"):
        local.add_jobs(make_job(creation_date_time=NOON.replace(tzinfo=None)))


def test_it_can_be_started_and_stopped_by_hand():
    """In a notebook there is no block to put it in."""
    local = LocalDrs().start()
    assert local.client().describe_jobs()["items"] == []
    local.stop()
    local.stop()
    assert "not running" in repr(local)


# ------------------------------------------------------------------ jobs made with few words


def test_made_jobs_are_unique_and_seeded():
    """No two are alike, and the same seed gives the same ones."""
    histories = [
        make_history(30, until=NOON),
        make_history(30, until=NOON + timedelta(days=1)),
        make_history(30, until=NOON, seed=8),
    ]
    assert histories[0] == make_history(30, until=NOON)
    assert len({job.job_id for history in histories for job in history} | {make_job().job_id}) == 91
    assert make_job() != make_job()
    assert make_job(region="eu-central-1").region == "eu-central-1"


def test_made_jobs_fit_together():
    """What is not said fits what is, and plain strings will do for enums."""
    assert make_job().outcome is Outcome.SUCCEEDED
    pending = make_job(status="PENDING")
    assert (
        pending.status,
        pending.end_date_time,
        pending.participating_servers[0].launch_status,
    ) == (JobStatus.PENDING, None, LaunchStatus.PENDING)
    cleaned = make_job(type="TERMINATE")
    assert (
        cleaned.type,
        cleaned.initiated_by,
        cleaned.outcome,
    ) == (JobType.TERMINATE, InitiatedBy.TERMINATE_RECOVERY_INSTANCES, Outcome.SUCCEEDED)
    assert make_job(status="STARTED").participating_servers[0].launch_status is LaunchStatus.IN_PROGRESS
    assert isinstance(make_job(type="LATER").type, UnknownValue)
    assert make_server(launch_status=None).launch_status is None
    assert make_run(status="FAILED").failure_reason
    assert make_resource().launch_status is LaunchStatus.LAUNCHED


def test_made_jobs_are_what_the_service_could_send(boto_client: Any, local_drs: LocalDrs):
    """Each made job fits the patterns and limits of the service model."""
    model = boto_client.meta.service_model
    from drs_jobs.testing.validation import _refusals  # noqa: PLC0415  # the same rules, for an answer

    for job in make_history(60, until=NOON):
        raw = unstructure_job(job)
        for name in ("creationDateTime", "endDateTime"):  # every real timestamp breaks the model's own pattern
            raw.pop(name, None)
        assert list(_refusals(model.shape_for("Job"), raw, "")) == []


def test_a_made_history_is_one_to_look_at():
    """Successes, failures, something running, newest first."""
    history = make_history(30, until=NOON)
    assert {Outcome.SUCCEEDED, Outcome.FAILED, Outcome.RUNNING} == {job.outcome for job in history}
    created = [job.creation_date_time for job in history if job.creation_date_time]
    assert sorted(created, reverse=True) == created
    assert len(history) == 30


def test_a_fault_may_last(client: JobsClient, local_drs: LocalDrs):
    """From then on every answer is spoiled, until the faults are cleared; earlier ones come first."""
    local_drs.inject(Throttle())
    local_drs.inject(ServerError(), times=None)
    for error_class in (ThrottlingException, InternalServerException, InternalServerException):
        with pytest.raises(error_class):
            client.describe_jobs().first()
    local_drs.clear_faults()
    assert client.describe_jobs().first() is None
