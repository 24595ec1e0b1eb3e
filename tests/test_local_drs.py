"""LocalDrs, a DRS endpoint for any AWS client, and the functions that make jobs."""

import contextlib
import http.client
import json
import multiprocessing
import socket
import struct
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
    InternalServerException,
    JobsClient,
    JobStatus,
    JobType,
    LaunchActionsStatus,
    LaunchStatus,
    Outcome,
    ThrottlingException,
    UnknownValue,
    structure_job,
)
from drs_jobs.sweep.targets import drs_regions
from drs_jobs.testing import DropConnection, LocalDrs, ServerError, Throttle, make_job, make_resource, make_run, make_server
from drs_jobs.testing.backend import Backend
from drs_jobs.testing.service_model import check_request

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)


def test_paginator_of_boto3(boto_client: Any, client: JobsClient, local_drs: LocalDrs):
    jobs = [make_job() for _ in range(60)]
    local_drs.add_jobs(*jobs)
    pages = list(boto_client.get_paginator("describe_jobs").paginate(maxResults=7))
    assert len(pages) == 9
    raw = [job for page in pages for job in page["items"]]
    assert list(client.describe_jobs()) == [structure_job(job) for job in raw]
    assert sorted(jobs, key=lambda job: job.creation_date_time or NOON, reverse=True) == [structure_job(job) for job in raw]


def test_filters(client: JobsClient, local_drs: LocalDrs):
    """Filters combine. Dates are inclusive. Jobs without a creation date come last and match no date."""
    jobs = [make_job(creation_date_time=NOON + timedelta(days=n)) for n in range(4)]
    undated = make_job(creation_date_time=None)
    local_drs.add_jobs(undated, *jobs)
    ids = [job.job_id for job in jobs]

    def found(**filters: Any) -> list[int]:
        got = [job.job_id for job in client.describe_jobs(**filters)]
        return [ids.index(job_id) if job_id in ids else -1 for job_id in got]

    assert found() == [3, 2, 1, 0, -1]
    assert found(from_date=NOON + timedelta(days=1)) == [3, 2, 1]
    assert found(to_date=NOON + timedelta(days=1)) == [1, 0]
    assert found(from_date=NOON + timedelta(days=1), to_date=NOON + timedelta(days=2)) == [2, 1]
    assert found(job_ids=[ids[0], ids[2], "drsjob-00000000000000000"]) == [2, 0]
    assert found(job_ids=[ids[0], undated.job_id], from_date=NOON) == [0]


def test_token_belongs_to_one_query(boto_client: Any, local_drs: LocalDrs):
    """Any other query, region or account gets a ValidationException. Another key of the same account does not."""
    local_drs.accounts["another"] = "111122223333"
    local_drs.add_jobs(*(make_job() for _ in range(3)))
    token = boto_client.describe_jobs(maxResults=1)["nextToken"]
    for client in (boto_client, local_drs.client(access_key_id="renewed")):
        assert len(client.describe_jobs(nextToken=token)["items"]) == 2
    other_region = local_drs.client(region="eu-central-1")
    other_account = local_drs.client(access_key_id="another")
    with LocalDrs() as other:
        for client, request in (
            (boto_client, {"nextToken": "nonsense"}),
            (boto_client, {"nextToken": token[:-8] + "AAAAAAA="}),
            (boto_client, {"nextToken": "\N{SNOWMAN}"}),
            (boto_client, {"nextToken": token, "filters": {"fromDate": "2024-01-01T00:00:00Z"}}),
            (other_region, {"nextToken": token}),
            (other_account, {"nextToken": token}),
            (other.client(), {"nextToken": token}),
        ):
            with pytest.raises(client.exceptions.ValidationException) as caught:
                client.describe_jobs(**request)
            assert caught.value.response["fieldList"][0]["name"] == "nextToken"
        log_token = {"jobID": "drsjob-00000000000000000", "nextToken": token}
        with pytest.raises(boto_client.exceptions.ValidationException):
            boto_client.describe_job_log_items(**log_token)


def test_token_of_the_same_ids_in_another_order(boto_client: Any, local_drs: LocalDrs):
    jobs = [make_job() for _ in range(3)]
    local_drs.add_jobs(*jobs)
    ids = [job.job_id for job in jobs]
    token = boto_client.describe_jobs(maxResults=2, filters={"jobIDs": ids})["nextToken"]
    rest = boto_client.describe_jobs(maxResults=2, filters={"jobIDs": ids[::-1]}, nextToken=token)
    assert [job["jobID"] for job in rest["items"]] == [jobs[0].job_id]


def test_jobs_by_region_and_account():
    """Access keys without an account share one."""
    mine, shared, other_region = make_job(), make_job(), make_job()
    with LocalDrs(accounts={"me": "111122223333", "me2": "111122223333"}) as local:
        local.add_jobs(mine, account_id="111122223333")
        local.add_jobs(shared)
        local.add_jobs(shared, account_id="123456789012")
        local.add_jobs(other_region, region="us-east-1")
        found = {
            (region, key): set(JobsClient(local.client(region, access_key_id=key)).describe_jobs())
            for region, key in (
                ("eu-west-1", "me"),
                ("eu-west-1", "me2"),
                ("eu-west-1", "you"),
                ("eu-west-1", "she"),
                ("us-east-1", "me"),
                ("us-east-1", "you"),
            )
        }
        assert list(found.values()) == [{mine}, {mine}, {shared}, {shared}, set(), {other_region}]
        assert [(one.region, one.access_key_id) for one in local.requests] == list(found)
        assert [one.account_id for one in local.requests] == [local.accounts.get(key, "123456789012") for _, key in found]


def test_unknown_account_and_region(local_drs: LocalDrs):
    """The error says what is wrong. Any account of 12 digits is possible."""
    for call in (
        lambda **scope: local_drs.add_jobs(make_job(), **scope),
        lambda **scope: local_drs.add_log("drsjob-00000000000000000", **scope),
        local_drs.add_source_servers,
    ):
        with pytest.raises(ValueError, match="12 digits"):
            call(account_id="99")
        with pytest.raises(ValueError, match="did you mean eu-west-1"):
            call(region="eu-wset-1")
    with pytest.raises(ValueError, match="12 digits"):
        LocalDrs(accounts={"key": "me"})
    with pytest.raises(ClientError, match="did you mean eu-west-1"):
        local_drs.client("eu-wset-1", config=ONE_ATTEMPT).describe_jobs()


def test_adding_a_job_again_replaces_it(client: JobsClient, local_drs: LocalDrs):
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
        ("/tags/arn:aws:drs:eu-west-1:123456789012:job/x", b"{}", SIGNED, 400, "ValidationException"),
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
def test_request_validation(path, body, authorization, status, error, local_drs: LocalDrs):
    """Signature scope, JSON, types, patterns and limits."""
    assert (status, error) == _post(local_drs.endpoint_url + path, body, authorization)[:2]


def nested(depth: int) -> bytes:
    """The text of a member of a request, as deep as that."""
    return b'{"a":' * depth + b"1" + b"}" * depth


@pytest.mark.parametrize("depth", [10, 200, 480, 700, 950, 2_000, 20_000, 200_000])
def test_nesting(depth: int, local_drs: LocalDrs):
    """Members that the service model lacks are ignored, or refused if they are too deep. Deep ones that it has are refused."""
    local_drs.add_jobs(make_job(), make_job())
    for body in (b'{"x": %s}', b'{"filters": {"x": %s}, "maxResults": 1}', b'{"x": [[%s]], "maxResults": 1}'):
        status, error, members = _post(local_drs.endpoint_url + "/DescribeJobs", body % nested(depth), SIGNED)
        assert (status, error) in ((200, None), (400, "ValidationException")), members
        assert status == 200 or depth > 200
    for body in (b'{"filters": {"jobIDs": [%s]}}', b'{"filters": %s, "maxResults": %s}', b'{"filters": {"jobIDs": %s}}'):
        status, error, _ = _post(local_drs.endpoint_url + "/DescribeJobs", body.replace(b"%s", nested(depth)), SIGNED)
        assert (status, error) == (400, "ValidationException")
    for path, body in (("/StartRecovery", b'{"sourceServers": [{"sourceServerID": %s}]}'), ("/DescribeJobs", b"%s")):
        status, error, _ = _post(local_drs.endpoint_url + path, body % nested(depth), SIGNED)
        assert status in (200, 400)


def test_token_ignores_unknown_members(local_drs: LocalDrs):
    local_drs.add_jobs(make_job(), make_job())
    url = local_drs.endpoint_url + "/DescribeJobs"
    token = _post(url, b'{"maxResults": 1, "unknown": [[1]], "filters": {"jobIDs": [], "later": {}}}', SIGNED)[2]["nextToken"]
    same = {"nextToken": token, "other": 1, "filters": {"jobIDs": []}}
    assert _post(url, json.dumps(same).encode(), SIGNED)[0] == 200


LONG = 65_000


@pytest.mark.parametrize(
    "header",
    [
        "Credential=" * (LONG // 11),
        "Credential=" + "a" * LONG,
        "Credential=a/20240615/" + "b" * LONG + "/drs/aws4_request",
        "Credential=a/20240615/eu-west-1/drs/" * (LONG // 36),
        "Credential=" + "a/" * (LONG // 2),
        "AWS4-HMAC-SHA256 Credential=testing/20240615/" + "eu-west-" * (LONG // 8) + "/drs/aws4_request",
    ],
)
def test_long_header(header: str, local_drs: LocalDrs):
    """It takes no longer than to read it."""
    cpu = time.process_time()
    assert _post(local_drs.endpoint_url + "/DescribeJobs", b"{}", header)[0] == 403
    assert time.process_time() - cpu < 0.5


@pytest.mark.parametrize("member", ["nextToken", "filters"])
def test_long_value(member: str, local_drs: LocalDrs):
    cpu = time.process_time()
    value = "a" * 2_000_000 if member == "nextToken" else {"fromDate": "1" * 2_000_000}
    body = json.dumps({member: value}).encode()
    assert _post(local_drs.endpoint_url + "/DescribeJobs", body, SIGNED)[:2] == (400, "ValidationException")
    assert time.process_time() - cpu < 0.5


def _post_to_host(local: LocalDrs, host: str | None, path: str = "/DescribeJobs") -> int:
    connection = http.client.HTTPConnection("127.0.0.1", urllib.parse.urlsplit(local.endpoint_url).port, timeout=5)
    try:
        connection.putrequest("POST", path, skip_host=True)
        for name, value in {"Host": host, "Authorization": SIGNED, "Content-Length": "2"}.items():
            if value is not None:
                connection.putheader(name, value)
        connection.endheaders(b"{}")
        return connection.getresponse().status
    finally:
        connection.close()


def test_host(local_drs: LocalDrs):
    """A page in a browser that reaches it by a name of its own cannot read or change anything."""
    port = urllib.parse.urlsplit(local_drs.endpoint_url).port
    own = [f"127.0.0.1:{port}", f"localhost:{port}", f"LocalHost:{port}"]
    assert [_post_to_host(local_drs, host) for host in own] == [200] * 3
    others = (
        "127.0.0.1",
        "localhost",
        "",
        f"127.0.0.1:{port + 1}",
        f"evil.example:{port}",
        f"127.0.0.1.evil.example:{port}",
        f"localhost.evil.example:{port}",
        f"evil.example@127.0.0.1:{port}",
        f"0.0.0.0:{port}",
        f"[::1]:{port}",
        "drs.eu-west-1.amazonaws.com",
    )
    assert {host: _post_to_host(local_drs, host) for host in others} == dict.fromkeys(others, 421)
    assert len(local_drs.requests) == 3
    local_drs.inject(Throttle())
    assert _post_to_host(local_drs, f"evil.example:{port}") == 421
    assert _post_to_host(local_drs, own[0]) == 429, "a refused request uses no fault"


@pytest.mark.parametrize("header", ["Origin", "Sec-Fetch-Site"])
def test_page_in_a_browser(header: str, local_drs: LocalDrs):
    """It can send a request that needs no permission, with the credential in the query, and would start a recovery."""
    query = urllib.parse.urlencode({"X-Amz-Credential": "testing/20240615/eu-west-1/drs/aws4_request"})
    body = json.dumps({"sourceServers": [{"sourceServerID": "s-00000000000000001"}]}).encode()
    url, headers = f"{local_drs.endpoint_url}/StartRecovery?{query}", {"Content-Type": "text/plain"}
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(urllib.request.Request(url, body, {**headers, header: "null"}))
    assert (local_drs.requests, local_drs.client().describe_jobs()["items"]) == ((), [])
    assert urllib.request.urlopen(urllib.request.Request(url, body, headers)).status == 202


def test_last_requests():
    for count, kept in ((None, 7), (3, 3), (0, 0)):
        with LocalDrs(max_requests=count) as local:
            for number in range(1, 8):
                local.client().describe_jobs(maxResults=number)
            assert [request.body["maxResults"] for request in local.requests] == list(range(8 - kept, 8))


HEAD = "POST /DescribeJobs HTTP/1.1\r\nHost: {host}\r\nAuthorization: " + SIGNED + "\r\n"
BEGINNINGS = {
    "no request": "",
    "half of a line": "POST /Desc",
    "half of the headers": HEAD[:80],
    "no body": HEAD + "Content-Length: 100\r\n\r\n",
    "half of a body": HEAD + "Content-Length: 100\r\n\r\n{{",
    "half of a chunk": HEAD + "Transfer-Encoding: chunked\r\n\r\n5\r\n{{",
    "a wrong chunk": HEAD + "Transfer-Encoding: chunked\r\n\r\nzz\r\n",
    "before 100 Continue": HEAD + "Expect: 100-continue\r\nContent-Length: 5\r\n\r\n",
    "TLS": "\x16\x03\x01\x02\x00\x01",
    "before the response": HEAD + "Content-Length: 2\r\n\r\n{{}}",
    "half of the response": HEAD + "Content-Length: 2\r\n\r\n{{}}",
}


@pytest.mark.parametrize("reset", [False, True], ids=["closed", "reset"])
@pytest.mark.parametrize("moment", BEGINNINGS)
def test_client_that_dies(moment: str, reset: bool, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture):  # noqa: FBT001
    """Nothing is on stderr, and the other clients go on."""
    count = 3000 if moment == "half of the response" else 1  # more than the buffers of a connection hold
    with LocalDrs(page_sizes=(count,)) as local:
        local.add_jobs(*(make_job() for _ in range(count)))
        address = urllib.parse.urlsplit(local.endpoint_url)
        before = threading.active_count()
        with socket.create_connection((address.hostname, address.port)) as client:
            client.sendall(BEGINNINGS[moment].format(host=address.netloc).encode())
            if moment == "half of the response":
                client.recv(100)
            if reset:
                client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        deadline = time.monotonic() + 20
        assert len(local.client().describe_jobs()["items"]) == count
        while threading.active_count() > before:
            assert time.monotonic() < deadline
    assert (capfd.readouterr().err, caplog.records) == ("", [])


def test_limit_of_ids(local_drs: LocalDrs):
    ids = [f"drsjob-{n:017}" for n in range(1001)]
    for count, status in ((1000, 200), (1001, 400)):
        body = json.dumps({"filters": {"jobIDs": ids[:count]}}).encode()
        got = _post(local_drs.endpoint_url + "/DescribeJobs", body, SIGNED)
        assert status == got[0]
    assert got[2]["fieldList"] == [{"name": "filters.jobIDs", "message": "must be 1000 or less, in value or length"}]


def test_validation_of_maps_and_required_members():
    assert check_request("StartRecovery", {})[1] == [("sourceServers", "must not be absent")]
    assert check_request(
        "StartRecovery", {"sourceServers": [{"sourceServerID": "s-" + "0" * 17}], "tags": {"a": "x" * 257}, "isDrill": True}
    )[1] == [("tags.value", "must be 256 or less, in value or length")]


def test_faults_apply_in_turn(client: JobsClient, local_drs: LocalDrs):
    local_drs.inject(Throttle(), times=2)
    for _ in range(2):
        with pytest.raises(ClientError):
            client.describe_jobs().first()
    assert client.describe_jobs().first() is None


@pytest.mark.parametrize("in_body", [False, True])
def test_dropped_connection(in_body: bool, local_drs: LocalDrs):  # noqa: FBT001
    """No response arrives whole, also if it has no body or one of two bytes."""
    local_drs.add_jobs(job := make_job())
    local_drs.respond("DisconnectSourceServer", {})
    for path, members in (
        ("/DescribeJobs", {}),
        ("/DisconnectSourceServer", {"sourceServerID": "s-00000000000000001"}),
        ("/DeleteJob", {"jobID": job.job_id}),
    ):
        local_drs.inject(DropConnection(in_body=in_body))
        with pytest.raises((http.client.RemoteDisconnected, http.client.IncompleteRead)):
            _post(local_drs.endpoint_url + path, json.dumps(members).encode(), SIGNED)


def test_runs_only_within_its_block():
    """Outside of it, client() raises RuntimeError and the port is closed."""
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


@pytest.mark.parametrize("sizes", [(), (0,), (0, 0), (5, -1), (1.5,), ("1",)])
def test_page_sizes_need_a_page_with_jobs(sizes):
    """Pages that are all empty would never end."""
    with pytest.raises(ValueError, match="page_sizes"):
        LocalDrs(page_sizes=sizes)


def test_add_jobs_rejects_invalid_jobs():
    """A list of jobs and a job that cannot be serialized raise at once, not in the server."""
    local = LocalDrs()
    with pytest.raises(TypeError, match=r"add_jobs\(\*jobs\)"):
        local.add_jobs([make_job()])  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="time zone"):
        local.add_jobs(make_job(creation_date_time=NOON.replace(tzinfo=None)))


def test_start_and_stop():
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


def test_second_start_changes_nothing():
    before = serving_threads()
    local = LocalDrs().start()
    url = local.endpoint_url
    with local as same:
        assert same is local
        assert (local.endpoint_url, serving_threads()) == (url, before + 1)
    assert (is_listening(url), serving_threads()) == (False, before)


def test_stop_closes_the_port_before_it_returns():
    """It is stopped many times, because a port that stays open would be a race."""
    before = serving_threads()
    local = LocalDrs()
    for _ in range(30):
        url = local.start().endpoint_url
        assert is_listening(url)
        local.stop()
        assert (is_listening(url), serving_threads()) == (False, before)


def test_restart_keeps_jobs():
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
        warnings.simplefilter("ignore", DeprecationWarning)  # Python warns of a fork with threads
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


def test_forked_child_makes_clients(local_drs: LocalDrs):
    """Threads of the parent make some at the moment of the fork."""
    stop = threading.Event()

    def make() -> None:
        while not stop.is_set():
            local_drs.client()

    threads = [threading.Thread(target=make) for _ in range(2)]
    for thread in threads:
        thread.start()
    try:
        assert [exit_status(lambda: local_drs.client().describe_jobs()) for _ in range(5)] == [0] * 5
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert len(local_drs.requests) == 5


def test_stop_in_a_forked_child(local_drs: LocalDrs):
    """The server of the parent goes on."""
    assert exit_status(local_drs.stop) == 0
    assert is_listening(local_drs.endpoint_url)


def test_forked_child_does_not_keep_the_port_open():
    with LocalDrs() as local, forked(lambda: time.sleep(60)) as child:
        url = local.endpoint_url
        local.stop()
        assert (child.is_alive(), is_listening(url)) == (True, False)


# ------------------------------------------------------------------ the environment and the shared AWS configuration

OTHER_ENDPOINT = "http://127.0.0.1:9"
CONFIGURATIONS = {
    "ignored endpoints": "ignore_configured_endpoint_urls = true",
    "another endpoint": f"endpoint_url = {OTHER_ENDPOINT}",
    "a service's endpoint": f"services = other\n[services other]\ndrs =\n  endpoint_url = {OTHER_ENDPOINT}",
    "a missing services section": "services = missing",
    "FIPS": "use_fips_endpoint = true",
    "dual stack": "use_dualstack_endpoint = true",
    "an unknown region": "region = mars-north-1",
    "retries": "retry_mode = adaptive\nmax_attempts = 1",
    "a role": "role_arn = arn:aws:iam::123456789012:role/x\nsource_profile = mine",
}
VARIABLES = {
    "a profile": {"AWS_PROFILE": "nope"},
    "the older name of a profile": {"AWS_DEFAULT_PROFILE": "nope"},
    "ignored endpoints": {"AWS_IGNORE_CONFIGURED_ENDPOINT_URLS": "true"},
    "another endpoint": {"AWS_ENDPOINT_URL": OTHER_ENDPOINT},
    "another endpoint of the service": {"AWS_ENDPOINT_URL_DRS": OTHER_ENDPOINT},
    "FIPS": {"AWS_USE_FIPS_ENDPOINT": "true"},
    "dual stack": {"AWS_USE_DUALSTACK_ENDPOINT": "true"},
    "an unknown region": {"AWS_REGION": "mars-north-1", "AWS_DEFAULT_REGION": "mars-north-1"},
    "retries": {"AWS_RETRY_MODE": "adaptive", "AWS_MAX_ATTEMPTS": "1"},
    "proxies": {"HTTP_PROXY": OTHER_ENDPOINT, "HTTPS_PROXY": OTHER_ENDPOINT, "ALL_PROXY": OTHER_ENDPOINT},
    "proxies in lower case": {"http_proxy": OTHER_ENDPOINT, "https_proxy": OTHER_ENDPOINT, "all_proxy": OTHER_ENDPOINT},
    "an exception to proxies": {"HTTP_PROXY": OTHER_ENDPOINT, "NO_PROXY": "example.com", "no_proxy": "example.org"},
    "no proxy": {"HTTP_PROXY": OTHER_ENDPOINT, "NO_PROXY": "*"},
}
KEYS = "aws_access_key_id = x\naws_secret_access_key = x\n"


@pytest.fixture(params=[*CONFIGURATIONS, *(f"${name}" for name in VARIABLES)])
def surroundings(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """An AWS configuration or variables with other endpoints, in `[default]` and in the profile `mine`."""
    settings = CONFIGURATIONS.get(request.param, "")
    own, _, sections = settings.partition("\n[")
    config = tmp_path / "config"
    mine = "" if "role_arn" in own else own  # a named profile can get its credentials from another source
    text = f"[default]\n{own}\n[profile mine]\n{KEYS}{mine}\n" + (f"[{sections}" if sections else "")
    config.write_text(text, encoding="utf-8")
    monkeypatch.setenv("AWS_CONFIG_FILE", str(config))
    for name, value in VARIABLES.get(request.param.removeprefix("$"), {}).items() if not settings else ():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)


CLIENTS: dict[str, Callable[[], Any]] = {
    "boto3.client": lambda: boto3.client("drs", config=ONE_ATTEMPT),
    "session": lambda: boto3.Session().client("drs", config=ONE_ATTEMPT),
    "session with a profile": lambda: boto3.Session(profile_name="mine").client("drs", config=ONE_ATTEMPT),
    "with a region": lambda: boto3.client("drs", region_name="us-east-1", config=ONE_ATTEMPT),
    "JobsClient": lambda: JobsClient(config=ONE_ATTEMPT),
}
ONE_ATTEMPT = Config(retries={"total_max_attempts": 1}, connect_timeout=5)


@pytest.mark.usefixtures("surroundings")
def test_fixture_receives_every_request(request: pytest.FixtureRequest):
    """The environment and the shared AWS configuration do not matter."""
    local = request.getfixturevalue("local_drs")  # after the surroundings
    for name, make in CLIENTS.items():
        before = len(local.requests)
        client = make()
        client.describe_jobs() if name != "JobsClient" else list(client.describe_jobs())
        assert len(local.requests) == before + 1, name


@pytest.mark.usefixtures("surroundings")
def test_own_client():
    with LocalDrs() as local:
        assert list(JobsClient(local.client(config=ONE_ATTEMPT)).describe_jobs()) == []


def test_configuration_of_the_caller():
    with LocalDrs() as local:
        client = local.client(
            config=Config(read_timeout=7, proxies={"http": OTHER_ENDPOINT}, retries={"total_max_attempts": 1})
        )
        assert client.meta.config.read_timeout == 7
        with pytest.raises(ProxyConnectionError):
            client.describe_jobs()


# ------------------------------------------------------------------ make_job


def test_make_job_defaults_are_consistent():
    """Defaults depend on the given fields. Enums can be given as strings."""
    assert make_job().outcome is Outcome.SUCCEEDED
    assert make_job() != make_job()
    assert make_job(region="eu-central-1").region == "eu-central-1"
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
    ) == (JobType.TERMINATE, None, Outcome.SUCCEEDED)
    assert make_job(status="STARTED").participating_servers[0].launch_status is LaunchStatus.IN_PROGRESS
    assert isinstance(make_job(type="LATER").type, UnknownValue)
    assert make_server(launch_status=None).launch_status is None
    launched = make_server()
    assert (launched.recovery_instance_id, launched.launch_actions_status) == (None, LaunchActionsStatus()), "as measured"
    assert make_run(status="FAILED").failure_reason
    assert make_resource().launch_status is LaunchStatus.LAUNCHED


def test_error_in_local_drs_itself(boto_client: Any, local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    """A client gets an error response that names it."""
    monkeypatch.setattr(Backend, "call", lambda *_: {}["absent"])
    with pytest.raises(boto_client.exceptions.InternalServerException, match=r"LocalDrs failed: KeyError\('absent'\)"):
        boto_client.describe_jobs()


def test_lasting_fault(client: JobsClient, local_drs: LocalDrs):
    """Every response fails until clear_faults(). Earlier faults come first."""
    local_drs.inject(Throttle())
    local_drs.inject(ServerError(), times=None)
    for error_class in (ThrottlingException, InternalServerException, InternalServerException):
        with pytest.raises(error_class):
            client.describe_jobs().first()
    local_drs.clear_faults()
    assert client.describe_jobs().first() is None


@pytest.mark.parametrize("operation", ["describe_jobs", "describe_job_log_items"])
def test_mismatch_is_logged(operation: str, caplog: pytest.LogCaptureFixture):
    """The response is that of AWS, and one warning per job names both accounts and regions."""
    job = make_job()
    with LocalDrs(accounts={"OTHER": "111122223333"}) as local:
        local.add_jobs(job)
        request: Any = {"filters": {"jobIDs": [job.job_id]}} if operation == "describe_jobs" else {"jobID": job.job_id}
        assert getattr(local.client(), operation)(**request) is not None
        assert not caplog.records
        for client in (local.client(access_key_id="OTHER"), local.client("us-east-1")):
            for _ in range(2):
                with contextlib.suppress(ClientError):
                    assert getattr(client, operation)(**request)["items"] == []
        texts = [record.getMessage() for record in caplog.records]
        unknown: Any = {"filters": {"jobIDs": ["drsjob-00000000000000000"]}}
        local.client().describe_jobs(**unknown)
    assert len(caplog.records) == len(texts) == 2
    assert all(word in texts[0] for word in (job.job_id, "123456789012", "111122223333", "OTHER"))
    assert all(word in texts[1] for word in (job.job_id, "eu-west-1", "us-east-1"))


def test_mismatch_is_logged_again_after_clear(caplog: pytest.LogCaptureFixture):
    """So that each test of a shared endpoint gets its own warnings."""
    job = make_job()
    with LocalDrs() as local:
        for count in (1, 2):
            local.add_jobs(job)
            for _ in range(2):
                local.client("us-east-1").describe_job_log_items(jobID=job.job_id)
            assert len(caplog.records) == count
            local.clear()


def test_no_file_of_credentials_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Nor for the names of the regions."""
    for name in ("AWS_SHARED_CREDENTIALS_FILE", "AWS_CONFIG_FILE"):
        (tmp_path / name).write_text("aws_access_key_id = x\n", encoding="utf-8")  # without a section
        monkeypatch.setenv(name, str(tmp_path / name))
    with LocalDrs() as local:
        assert local.client().describe_jobs()["items"] == []
    assert "eu-west-1" in drs_regions.__wrapped__()["aws"]  # without its cache
