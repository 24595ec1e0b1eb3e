"""LocalDrs: a DRS endpoint for any AWS client, and jobs made with few words."""

import contextlib
import json
import multiprocessing
import socket
import threading
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError, EndpointConnectionError, ProxyConnectionError

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
from drs_jobs.testing import local_drs as local_drs_module
from drs_jobs.testing.request_validation import validation_failures

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
    assert validation_failures("StartRecovery", {}) == [("sourceServers", "must not be absent")]
    assert validation_failures(
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


def is_listening(url: str) -> bool:
    """Whether the port of a URL accepts connections."""
    with socket.socket() as probe:
        probe.settimeout(5)
        return probe.connect_ex(("127.0.0.1", urllib.parse.urlsplit(url).port)) == 0


def serving_threads() -> int:
    """How many `LocalDrs` of this process serve, those of other tests' modules included."""
    return sum(thread.name == "LocalDrs" for thread in threading.enumerate())


def test_a_second_start_changes_nothing():
    before = serving_threads()
    local = LocalDrs().start()
    url = local.endpoint_url
    with local as same:
        assert same is local
        assert (local.endpoint_url, serving_threads()) == (url, before + 1)
    assert (is_listening(url), serving_threads()) == (False, before)


def test_stop_closes_the_port_before_it_returns():
    """Many times, because the port would stay open by a race."""
    before = serving_threads()
    local = LocalDrs()
    for _ in range(30):
        url = local.start().endpoint_url
        assert is_listening(url)
        local.stop()
        assert (is_listening(url), serving_threads()) == (False, before)


def test_a_stopped_one_starts_again_with_its_jobs():
    local = LocalDrs()
    job = make_job()
    local.add_jobs(job)
    for _ in range(2):
        with local:
            assert [job] == list(JobsClient(local.client()).describe_jobs())


# ------------------------------------------------------------------ forks


@contextlib.contextmanager
def forked(action: Callable[[], object]) -> Iterator[Any]:
    """A forked process that runs `action`; it does not outlive the block."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of a fork beside threads
        child = multiprocessing.get_context("fork").Process(target=action)
        child.start()
    try:
        yield child
    finally:
        child.kill()
        child.join()


def exit_status(action: Callable[[], object]) -> int | None:
    """The exit status of a forked process; `None` if it does not end."""
    with forked(action) as child:
        child.join(30)
        return child.exitcode


def test_a_forked_child_can_make_clients(local_drs: LocalDrs):
    """Also if a thread of the parent makes one at the moment of the fork."""
    with local_drs_module._session_lock:
        assert exit_status(lambda: local_drs.client().describe_jobs()) == 0
    assert len(local_drs.requests) == 1


def test_a_forked_child_that_stops_it_stops_only_its_own_copy(local_drs: LocalDrs):
    assert exit_status(local_drs.stop) == 0
    assert is_listening(local_drs.endpoint_url)


def test_a_forked_child_does_not_keep_the_port_open():
    with LocalDrs() as local, forked(lambda: time.sleep(60)) as child:
        url = local.endpoint_url
        local.stop()
        assert (child.is_alive(), is_listening(url)) == (True, False)


# ------------------------------------------------------------------ the environment and the shared AWS configuration

ELSEWHERE = "http://127.0.0.1:9"
CONFIGURATIONS = {
    "ignored endpoints": "ignore_configured_endpoint_urls = true",
    "another endpoint": f"endpoint_url = {ELSEWHERE}",
    "a service's endpoint": f"services = other\n[services other]\ndrs =\n  endpoint_url = {ELSEWHERE}",
    "a missing services section": "services = missing",
    "FIPS": "use_fips_endpoint = true",
    "dual stack": "use_dualstack_endpoint = true",
    "an odd region": "region = mars-north-1",
    "retries": "retry_mode = adaptive\nmax_attempts = 1",
    "a role": "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = mine",
}
VARIABLES = {
    "a profile": {"AWS_PROFILE": "nope"},
    "the older name of a profile": {"AWS_DEFAULT_PROFILE": "nope"},
    "ignored endpoints": {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
    "another endpoint": {"AWS_ENDPOINT_URL": ELSEWHERE},
    "another endpoint of the service": {"AWS_ENDPOINT_URL_DRS": ELSEWHERE},
    "FIPS": {"AWS_USE_FIPS_ENDPOINT": "true"},
    "dual stack": {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
    "an odd region": {"AWS_REGION": "mars-north-1", "AWS_DEFAULT_REGION": "mars-north-1"},
    "retries": {"AWS_RETRY_MODE": "adaptive", "AWS_MAX_ATTEMPTS": "1"},
    "proxies": {"HTTP_PROXY": ELSEWHERE, "HTTPS_PROXY": ELSEWHERE, "ALL_PROXY": ELSEWHERE},
    "proxies in lower case": {"http_proxy": ELSEWHERE, "https_proxy": ELSEWHERE, "all_proxy": ELSEWHERE},
    "an exception to proxies": {"HTTP_PROXY": ELSEWHERE, "NO_PROXY": "example.com", "no_proxy": "example.org"},
    "no proxy": {"HTTP_PROXY": ELSEWHERE, "NO_PROXY": "*"},
}
KEYS = "aws_access_key_id = x\naws_secret_access_key = x\n"


@pytest.fixture(params=[*CONFIGURATIONS, *(f"${name}" for name in VARIABLES)])
def surroundings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A shared AWS configuration or variables that lead elsewhere, in `[default]` and in the profile `mine`."""
    settings = CONFIGURATIONS.get(request.param, "")
    own, _, sections = settings.partition("\n[")
    config = tmp_path / "config"
    mine = "" if "role_arn" in own else own  # a profile that is named may get its credentials from elsewhere
    text = f"[default]\n{own}\n[profile mine]\n{KEYS}{mine}\n" + (f"[{sections}" if sections else "")
    config.write_text(text, encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    for name, value in VARIABLES.get(request.param.removeprefix("$"), {}).items() if not settings else ():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    local_drs_module._session.cache_clear()


CLIENTS: dict[str, Callable[[], Any]] = {
    "boto3.client": lambda: boto3.client("drs", config=ONE_ATTEMPT),
    "a session": lambda: boto3.Session().client("drs", config=ONE_ATTEMPT),
    "a session with a profile": lambda: boto3.Session(profile_name="mine").client("drs", config=ONE_ATTEMPT),
    "with a region": lambda: boto3.client("drs", region_name="us-east-1", config=ONE_ATTEMPT),
    "ours": lambda: JobsClient(config=ONE_ATTEMPT),
}
ONE_ATTEMPT = Config(retries={"total_max_attempts": 1}, connect_timeout=5)


@pytest.mark.usefixtures("surroundings")
def test_every_client_goes_to_the_fixture(request: pytest.FixtureRequest):
    """Whatever the environment and the shared configuration say."""
    local = request.getfixturevalue("local_drs")  # after the surroundings
    for name, make in CLIENTS.items():
        before = len(local.requests)
        client = make()
        client.describe_jobs() if name != "ours" else list(client.describe_jobs())
        assert len(local.requests) == before + 1, name


@pytest.mark.usefixtures("surroundings")
def test_its_own_client_goes_to_it():
    with LocalDrs() as local:
        assert list(JobsClient(local.client(config=ONE_ATTEMPT)).describe_jobs()) == []


def test_the_callers_configuration_wins():
    with LocalDrs() as local:
        client = local.client(config=Config(read_timeout=7, proxies={"http": ELSEWHERE}, retries={"total_max_attempts": 1}))
        assert client.meta.config.read_timeout == 7
        with pytest.raises(ProxyConnectionError):
            client.describe_jobs()


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
    from drs_jobs.testing.request_validation import _validation_failures  # noqa: PLC0415  # the same rules, for an answer

    for job in make_history(60, until=NOON):
        raw = unstructure_job(job)
        for name in ("creationDateTime", "endDateTime"):  # every real timestamp breaks the model's own pattern
            raw.pop(name, None)
        assert list(_validation_failures(model.shape_for("Job"), raw, "")) == []


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
