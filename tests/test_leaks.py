"""What leaves the process with an error: no tags, no credentials, no password. And no request to another host."""

import asyncio
import json
import logging
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import attrs
import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import EndpointConnectionError, HTTPClientError, ReadTimeoutError

import crash_reports
import malformed_bytes
from both_sweeps import both_sweeps
from drs_jobs import (
    JobNotFoundError,
    JobOutcomeError,
    JobsClient,
    MalformedResponseError,
    PaginationLoopError,
    ServiceError,
    WaitTimeoutError,
    is_transient,
    structure_job,
    structure_log_item,
    unstructure_job,
    unstructure_log_item,
)
from drs_jobs.sweep import Target, TargetFailure, targets
from drs_jobs.testing import (
    CutOff,
    DropConnection,
    ErrorResponse,
    Fault,
    HtmlPage,
    LocalDrs,
    RawResponse,
    ServerError,
    Slow,
    Throttle,
    make_job,
)
from drs_jobs.testing._server import LocalServer
from simulated_sts import KEY, SimulatedAws, skip_sleeps
from simulated_time import SimulatedTime

pytestmark = pytest.mark.both_clients

SECRET = "S3CRET"
TAGS = {f"key {SECRET * 5}": f"<{SECRET * 30}>"}
"""Any part of the page that has a part of a tag has the secret."""

JOB_ID = "drsjob-00000000000000001"
FOUND: Counter[str] = Counter()


@pytest.fixture(scope="module", autouse=True)
def totals() -> Iterator[None]:
    """Print the totals with `pytest -s`."""
    yield
    print(f"\n{crash_reports.WALKED['errors']:,} errors, {crash_reports.WALKED['frames']:,} frames, {len(FOUND)} secrets found")


@pytest.fixture
def client(local_drs: LocalDrs, client_kind: str) -> JobsClient:
    return make_client(local_drs)


def make_client(local_drs: LocalDrs, read_timeout: float = 60) -> JobsClient:
    """A client with a secret key and a session token that are secrets too. There is one attempt, and time passes at once."""
    boto_client = boto3.client(
        "drs",
        region_name="eu-west-1",
        endpoint_url=local_drs.endpoint_url,
        aws_access_key_id="testing",
        aws_secret_access_key=f"key-{SECRET}",
        aws_session_token=f"token-{SECRET}",
        config=Config(retries={"total_max_attempts": 1}, read_timeout=read_timeout, proxies={}),
    )
    client = JobsClient(boto_client)
    client._clock = SimulatedTime().clock()
    return client


def error_of(call: Callable[[], object]) -> BaseException:
    with pytest.raises(BaseException) as caught:
        call()
    return caught.value


def secrets_in(*errors: BaseException) -> list[str]:
    """The places of secrets in errors."""
    places = [place for error in errors for place, text in crash_reports.texts(error) if crash_reports.finds(SECRET, text)]
    FOUND.update(places)
    return places


def page_of(*jobs: Any, **members: Any) -> Any:
    """The members of a response: these jobs, and one with tags before and after them."""
    before, after = (unstructure_job(make_job(tags=TAGS)) for _ in range(2))
    return {"items": [before, *jobs, after], **members}


def response_of(members: Any, status: int = 200) -> Fault:
    return RawResponse(json.dumps(members).encode(), status)


def raw_job(**members: Any) -> Any:
    return {**unstructure_job(make_job(job_id=JOB_ID, participating_servers=(malformed_bytes.SERVER,), tags=TAGS)), **members}


# ------------------------------------------------------------------ the walk itself


def test_secrets_are_found():
    """In the locals of a frame, in attributes, in a cause, and in any encoding."""
    namespace: dict[str, Any] = {}
    exec(compile("def fail(value):\n    raise ValueError from KeyError(value)", "other.py", "exec"), namespace)
    found = secrets_in(error_of(lambda: namespace["fail"]({"a": [SECRET]})))
    assert {"other.py:fail:value (ValueError)", "str of KeyError", "repr of KeyError", "KeyError.args"} <= set(found)
    for text in (SECRET, str(SECRET.encode("utf-16")), f"\\u00{ord('S'):02x}3CRET"):
        assert crash_reports.finds(SECRET, text)
    FOUND.clear()


# ------------------------------------------------------------------ malformed responses


def test_malformed_jobs(client: JobsClient, local_drs: LocalDrs):
    """Each node of jobs that have all members is a wrong value once. The other jobs on the page have tags."""
    errors: list[BaseException] = []
    whole = [{**job, "tags": TAGS} for job in malformed_bytes.PAGE["items"]]
    for holder_of in range(len(whole)):
        for index in range(len(list(malformed_bytes._nodes(whole[holder_of])))):
            job = json.loads(json.dumps(whole[holder_of]))
            holder, key = list(malformed_bytes._nodes(job))[index]
            holder[key] = [5] if isinstance(holder[key], int | str) else 5
            local_drs.inject(response_of(page_of(job)))
            try:
                client.describe_jobs().collect()
            except MalformedResponseError as error:
                errors.append(error)
            else:
                assert "later" in str(job)  # a member that is unknown, and can have any value
    for job in ({"tags": TAGS}, {"jobID": None, "tags": TAGS}, [raw_job()], json.dumps(raw_job()), None, 5):
        local_drs.inject(response_of(page_of(job)))
        errors.append(error_of(lambda: client.describe_jobs().collect()))
    assert len(errors) > 60
    assert secrets_in(*errors) == []


def test_malformed_bodies(client: JobsClient, local_drs: LocalDrs):
    page = page_of(raw_job())
    text = json.dumps(page)
    members: list[Any] = [
        *({"items": items} for items in (page, raw_job(), text, [text], {"a": page["items"]})),
        *({**page, "nextToken": token} for token in (7, ["t"], page, [text])),
        *({key: page["items"]} for key in ("Items", "jobs", "tags", "body", "message", text)),
        *({"message": text}, raw_job(), TAGS | {"tags": 1}, [page], [[page]], text, None, 5),
    ]
    bodies = [json.dumps(body).encode() for body in members]
    bodies += [text.encode("utf-16"), text.replace("tags", "\\u0074ags").encode()[:-2], text.replace("true", "NaN").encode()]
    bodies += [b"", b"<html>", b"[" * 5_000, text.encode() * 2, b"\xff" + text.encode(), text.encode() + b"<p>proxy</p>"]
    errors = []
    for fault in [*(RawResponse(body) for body in bodies), HtmlPage(), CutOff(), CutOff(0.9)]:
        local_drs.inject(fault)
        errors.append(error_of(lambda: client.describe_jobs().collect()))
    assert {type(error) for error in errors} == {MalformedResponseError}
    assert secrets_in(*errors) == []


@pytest.mark.parametrize("status", [200, 300, 403, 500])
def test_bodies_that_were_cut_off(status: int, client: JobsClient, local_drs: LocalDrs):
    """At any position of the head, of the tail, or of both."""
    body = json.dumps({"items": [{"jobID": JOB_ID, "tags": {f"<{SECRET * 2}>": f"<{SECRET * 2}>"}}]}).encode()
    parts = [body[start:] for start in range(1, len(body))] + [body[:end] for end in range(len(body))]
    parts += [body[start:-start] for start in range(1, len(body) // 2)]
    errors = []
    for part in parts:
        local_drs.inject(RawResponse(part, status))
        errors.append(error_of(lambda: client.describe_jobs().collect()))
    assert len(errors) > 200
    assert secrets_in(*errors) == []


# ------------------------------------------------------------------ errors of the service and of the connection

CALLS: dict[str, Callable[[Any], object]] = {
    "collect": lambda client: client.describe_jobs().collect(),
    "first": lambda client: client.describe_jobs().first(),
    "next": lambda client: next(iter(client.describe_jobs())),
    "pages": lambda client: list(client.describe_jobs().pages()),
    "get_job": lambda client: client.get_job(JOB_ID),
    "log": lambda client: client.describe_job_log_items(JOB_ID).collect(),
    "log pages": lambda client: list(client.describe_job_log_items(JOB_ID).pages()),
    "watch": lambda client: list(client.watch([raw_job()], timeout=600)),
    "wait": lambda client: client.wait(raw_job(), timeout=600),
    "wait_all": lambda client: client.wait_all([raw_job()], timeout=600),
    "explain": lambda client: client.explain(raw_job()),
    "phases": lambda client: client.phases(raw_job()),
    "on_malformed": lambda client: client.describe_jobs(on_malformed=Mock(side_effect=ValueError)).collect(),
    "on_malformed of pages": lambda client: list(client.describe_jobs(on_malformed=Mock(side_effect=ValueError)).pages()),
}

FAULTS: dict[str, Fault] = {
    "a malformed job": response_of(page_of({"tags": TAGS})),
    "a malformed body": response_of({"items": page_of()}),
    "a page that was cut off": RawResponse(json.dumps(page_of()).encode()[:-9]),
    "a page with status 300": response_of(page_of(), 300),
    "a page with status 400": response_of(page_of(), 400),
    "a page with status 500": response_of(page_of(), 500),
    "another page": response_of(page_of(nextToken="t")),
    "a redirect": RawResponse(b"", 302, {"Location": "/"}),
    "throttling": Throttle(retry_after=1),
    "a failure": ServerError(),
    "no permission": ErrorResponse("AccessDeniedException", 403),
    "no initialization": ErrorResponse("UninitializedAccountException"),
    "a refused argument": ErrorResponse("ValidationException"),
    "another code": ErrorResponse("ExpiredTokenException", 403),
    "no response": DropConnection(),
    "half a response": DropConnection(in_body=True),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_every_call(fault: str, client: JobsClient, local_drs: LocalDrs, caplog: pytest.LogCaptureFixture):
    """With each fault in all of its responses."""
    caplog.set_level(logging.DEBUG, "drs_jobs")
    local_drs.add_jobs(*(make_job(job_id=f"{JOB_ID[:-1]}{number}", tags=TAGS) for number in range(9)))
    local_drs.inject(FAULTS[fault], times=None)
    errors = {}
    for name, call in CALLS.items():
        try:
            call(client)
        except Exception as error:  # noqa: BLE001  # each is walked
            errors[name] = error
    assert "collect" in errors or fault == "half a response"
    assert secrets_in(*errors.values()) == []
    assert not crash_reports.finds(SECRET, str([vars(record) for record in caplog.records]))


def test_connection_that_closes_in_the_body(client: JobsClient, local_drs: LocalDrs):
    """The frames of the HTTP client have a part of the body."""
    local_drs.add_jobs(*(make_job(tags=TAGS) for _ in range(300)))
    local_drs.inject(DropConnection(in_body=True))
    error = error_of(lambda: client.describe_jobs().collect())
    assert is_transient(error)
    assert secrets_in(error) == []


def test_late_response(client: JobsClient, local_drs: LocalDrs):
    local_drs.inject(Slow(0.4), times=2)
    client = make_client(local_drs, read_timeout=0.1)
    errors = [error_of(lambda call=call: call(client)) for call in (CALLS["collect"], CALLS["explain"])]
    assert {type(error) for error in errors} == {ReadTimeoutError}
    assert secrets_in(*errors) == []


def test_no_connection(local_drs: LocalDrs, client: JobsClient):
    local_drs.stop()
    error = error_of(lambda: client.describe_jobs().collect())
    assert isinstance(error, EndpointConnectionError)
    assert secrets_in(error) == []


def test_earlier_error_keeps_its_locals(client: JobsClient, local_drs: LocalDrs):
    """The error that the caller handles during a call is not one of the call."""

    def fail(detail: str) -> None:
        raise LookupError(detail)

    def call() -> None:
        try:
            fail("kept")
        except LookupError:
            client.describe_jobs().collect()

    local_drs.inject(DropConnection())
    error = error_of(call)
    while not isinstance(error, LookupError):
        error = error.__context__
    assert error.__traceback__.tb_next.tb_frame.f_locals["detail"] == "kept"


@pytest.mark.synchronous
def test_error_that_is_raised_again(client: JobsClient):
    """While the caller handles it, the next call raises the same object."""
    stored = ConnectionError("down")
    client._client.meta.events.register("before-send.drs.DescribeJobs", Mock(side_effect=stored))
    assert error_of(client.describe_jobs().collect) is stored
    try:
        client.describe_jobs().collect()
    except ConnectionError:
        assert error_of(client.describe_jobs().collect) is stored
    assert secrets_in(stored) == []


def test_stack_is_kept(client: JobsClient, local_drs: LocalDrs):
    """Without its local variables."""
    local_drs.inject(DropConnection())
    files = [frame.f_code.co_filename for frame in crash_reports.frames(error_of(client.describe_jobs().collect).__traceback__)]
    assert any("botocore/endpoint.py" in file for file in files)


@pytest.mark.parametrize("error_class", [KeyboardInterrupt, asyncio.CancelledError, MemoryError])
def test_interruptions(error_class: Any, client: JobsClient, local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    """Of a request, or of the decoding of a body."""
    local_drs.inject(response_of(page_of()), times=None)
    monkeypatch.setattr("drs_jobs._aws.calls.parse_page", Mock(side_effect=error_class))
    error = error_of(lambda: client.describe_jobs().collect())
    assert isinstance(error, error_class)
    assert secrets_in(error) == []


# ------------------------------------------------------------------ other errors


def test_pagination_loop(client: JobsClient, local_drs: LocalDrs):
    local_drs.inject(response_of(page_of(nextToken="t")), times=None)
    pager = client.describe_jobs()
    errors = [error_of(call) for call in (pager.collect, lambda: list(pager), lambda: list(pager.pages()))]
    assert {type(error) for error in errors} == {PaginationLoopError}
    assert secrets_in(*errors) == []


@pytest.mark.parametrize("seen", [False, True])
def test_job_that_is_not_found(seen, client: JobsClient, local_drs: LocalDrs):
    if seen:
        local_drs.inject(response_of(page_of(raw_job(status="STARTED", endDateTime=None))))
    local_drs.inject(response_of(page_of()), times=None)
    errors = [error_of(lambda call=call: call(client)) for call in list(CALLS.values())[7:10]]
    errors += [error_of(lambda call=call: call(client)) for call in (CALLS["get_job"], CALLS["explain"])]
    assert {type(error) for error in errors} == {JobNotFoundError}
    assert secrets_in(*errors) == []


def test_job_that_does_not_end(client: JobsClient, local_drs: LocalDrs):
    local_drs.add_jobs(make_job(job_id=JOB_ID, status="STARTED", tags=TAGS))
    errors = [error_of(lambda call=call: call(client)) for call in list(CALLS.values())[7:10]]
    assert {type(error) for error in errors} == {WaitTimeoutError}
    assert secrets_in(*errors) == []


@pytest.mark.synchronous
@pytest.mark.parametrize("fields", [{"status": "STARTED"}, {"status": "COMPLETED", "participating_servers": ()}])
def test_outcome(fields: Any):
    error = error_of(make_job(tags=TAGS, **fields).raise_unless_succeeded)
    assert isinstance(error, JobOutcomeError)
    assert secrets_in(error) == []


REFERENCES = {
    "without an id": {"tags": TAGS},
    "refused id": raw_job(jobID="foo"),
    "blank id": raw_job(jobID=" "),
    "whole response": {"job": raw_job()},
}


@pytest.mark.parametrize("name", REFERENCES)
def test_references_that_are_refused(name: str, client: JobsClient):
    job: Any = REFERENCES[name]
    calls = [
        lambda: client.watch([job], timeout=1),
        lambda: client.wait(job, timeout=1),
        lambda: client.wait_all([job], timeout=1),
        lambda: client.watch(job, timeout=1),
        lambda: client.wait_all(job, timeout=1),
        lambda: client.watch((reference for reference in [job]), timeout=1),
        lambda: client.explain(job),
        lambda: client.phases(job),
        lambda: client.wait(raw_job(), timeout=-1),
        lambda: client.wait_all([raw_job()], timeout=1, poll_interval=-1),
    ]
    errors = [error_of(call) for call in calls]
    assert {type(error) for error in errors} <= {TypeError, ValueError}
    assert secrets_in(*errors) == []


class Fake:
    """A client with this response, or error."""

    def __init__(self, response: Any) -> None:
        self._response = response

    def describe_jobs(self, **_: Any) -> Any:
        if isinstance(self._response, Exception):
            raise self._response
        return self._response


RESPONSES = [
    [raw_job()],
    {"items": [raw_job(type=5)]},
    {"items": raw_job()},
    {"Items": [raw_job()]},
    json.dumps(page_of()),
    StopIteration(),
    LookupError(),
    HTTPClientError(error="x", request=TAGS, response=TAGS),
]


@pytest.mark.parametrize("response", RESPONSES, ids=lambda response: type(response).__name__)
def test_fakes(response: Any, client_kind: str):
    client = JobsClient(Fake(response))
    client._clock = SimulatedTime().clock()
    errors = [error_of(lambda name=name: CALLS[name](client)) for name in ("collect", "pages", "wait", "explain")]
    if isinstance(response, HTTPClientError):
        errors = [error.__cause__ or error for error in errors]
        assert [error.request for error in errors] == [TAGS] * 4
    else:
        assert secrets_in(*errors) == []


@pytest.mark.needs_aiobotocore
@pytest.mark.synchronous
def test_synchronous_client_in_an_asynchronous_one():
    from drs_jobs.aio import AsyncJobsClient  # noqa: PLC0415  # needs aiobotocore

    client: Any = AsyncJobsClient(Fake(page_of()))  # type: ignore[arg-type]  # the mistake
    error = error_of(lambda: asyncio.run(client.get_job(JOB_ID)))
    assert isinstance(error, TypeError)
    assert secrets_in(error) == []


@pytest.mark.synchronous
def test_structure_and_unstructure():
    naive = datetime(2024, 6, 15)  # noqa: DTZ001  # the mistake
    job = make_job(tags=TAGS)
    action_status = attrs.evolve(job.participating_servers[0].launch_actions_status, ssm_agent_discovery_datetime=naive)
    server = attrs.evolve(job.participating_servers[0], launch_actions_status=action_status)
    capital = {f"J{key[1:]}" if key == "jobID" else key: value for key, value in raw_job().items()}
    raw: list[Any] = [
        {"tags": TAGS},
        raw_job(arn=5),
        raw_job(tags={SECRET: 5}),
        page_of(),
        {"job": raw_job()},
        capital,
        [raw_job()],
    ]
    calls: list[Callable[[], object]] = []
    for value in raw:
        calls += [lambda value=value: structure_job(value), lambda value=value: unstructure_job(value)]
        calls += [lambda value=value: unstructure_log_item(value)]
    calls += [lambda: structure_log_item(page_of()), lambda: structure_log_item([raw_job()])]
    calls += [lambda: structure_log_item({"event": 5, "tags": TAGS})]
    for invalid in ({"creation_date_time": naive}, {"participating_servers": (server,)}):
        calls += [lambda invalid=invalid: unstructure_job(attrs.evolve(job, **invalid))]
    errors = [error_of(call) for call in calls]
    assert {type(error) for error in errors} == {MalformedResponseError, TypeError, ValueError}
    assert secrets_in(*errors) == []


def test_repr_has_no_password(local_drs: LocalDrs):
    for credentials in (f"user:{SECRET}@", f"{SECRET}@", f"user:{SECRET}@{SECRET}@", f"user:%40{SECRET}:@"):
        url = local_drs.endpoint_url.replace("//", f"//{credentials}")
        client = JobsClient(region_name="eu-west-1", endpoint_url=url)
        assert repr(client).endswith(f"(region=eu-west-1, endpoint={local_drs.endpoint_url})")
        client.close()
        target = Target("eu-west-1", endpoint_url=url)
        assert crash_reports.shown([target, TargetFailure(target, ValueError())]).count(local_drs.endpoint_url) > 1
        assert SECRET not in crash_reports.shown([target, TargetFailure(target, ValueError())])


def test_log_has_no_password(local_drs: LocalDrs, caplog: pytest.LogCaptureFixture):
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        url = f"http://user:{SECRET}@127.0.0.1:{reserved.getsockname()[1]}"
        config = Config(retries={"total_max_attempts": 1}, proxies={})
        client = JobsClient(region_name="eu-west-1", endpoint_url=url, config=config)
        client._clock = SimulatedTime().clock()
        error_of(lambda: client.wait(JOB_ID, timeout=600))
        client.close()
    assert "still waiting for 1 jobs" in caplog.text
    assert not crash_reports.finds(SECRET, "".join(record.getMessage() for record in caplog.records))


# ------------------------------------------------------------------ sweeps


@pytest.mark.synchronous
@pytest.mark.parametrize("fault", FAULTS)
@both_sweeps
def test_failures_of_a_sweep(sweep: Any, fault: str, local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    """The jobs that could be read are in the failure, as in a result."""
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", f"key-{SECRET}")
    monkeypatch.setenv("AWS_SESSION_TOKEN", f"token-{SECRET}")
    local_drs.add_jobs(*(make_job(tags=TAGS) for _ in range(300)))
    local_drs.inject(FAULTS[fault], times=None)
    [failure] = sweep([Target("eu-west-1", endpoint_url=local_drs.endpoint_url)])
    assert isinstance(failure, TargetFailure)
    assert secrets_in(failure.error) == []
    assert not crash_reports.finds(SECRET, crash_reports.shown([failure]))


class MalformedSts(SimulatedAws):
    """AWS with changed responses of STS."""

    change: Callable[[bytes], bytes]

    def _assume_role(self, request: Any) -> bytes:
        return self.change(super()._assume_role(request).replace(b"secret", f"{SECRET}-secret".encode()))


ASSUMED: dict[str, Callable[[bytes], bytes]] = {
    "no expiration": lambda body: body.replace(b"Expiration>", b"Later>"),
    "no date": lambda body: body.replace(b"<Expiration>2", b"<Expiration>x"),
    "no token": lambda body: body.replace(b"SessionToken>", b"Later>"),
    "no key": lambda body: body.replace(b"AccessKeyId>", b"Later>"),
    "no credentials": lambda body: body.replace(b"Credentials>", b"Later>"),
    "cut off": lambda body: body[:-30],
    "cut off in the token": lambda body: body[: body.index(b"token")],
    "cut off at the head": lambda body: body[body.index(b"<SecretAccessKey>") :],
    "two documents": lambda body: body + body,
    "JSON": lambda body: json.dumps({"body": body.decode()}).encode(),
    "HTML": lambda _: b"<html><p>sign in<br></html>",
    "XHTML": lambda _: b"<html><p>sign in</p></html>",
    "another response": lambda body: body.replace(b"AssumeRole", b"GetSessionToken"),
    "an empty result": lambda body: body.replace(b"<Credentials>", b"</AssumeRoleResult><x>").replace(
        b"</Credentials>", b"</x><AssumeRoleResult>"
    ),
    "two results": lambda body: body.replace(b"<Credentials>", b"</AssumeRoleResult><AssumeRoleResult><Credentials>"),
    "nothing": lambda _: b"",
}


@pytest.mark.synchronous
@pytest.mark.parametrize("name", ASSUMED)
@both_sweeps
def test_malformed_response_of_sts(sweep: Any, name: str, monkeypatch: pytest.MonkeyPatch):
    """The secret key and the session token are in no failure, and it says what is wrong."""
    skip_sleeps(monkeypatch)
    with MalformedSts() as aws:
        aws.change = ASSUMED[name]
        for service in ("STS", "DRS"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{service}", aws.endpoint_url)
        for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(variable, KEY)
        [failure] = sweep(targets(["123456789012"], ["eu-west-1"], role_name="DrsReader"))
    assert secrets_in(failure.error) == []
    assert str(failure.error) == "AssumeRole returned no credentials: check the endpoint of STS"


# ------------------------------------------------------------------ other hosts

STATUSES = [301, 302, 303, 307, 308]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("to", ["same host", "other host", "loop", "https", "file", "no location"])
def test_redirects(to: str, status: int, client: JobsClient, local_drs: LocalDrs, tmp_path: Path):
    """Each is the same permanent error, and no second request is sent."""
    page = tmp_path / "page.json"
    page.write_text('{"items": []}', encoding="utf-8")
    with LocalDrs() as other:
        location = {
            "same host": f"{local_drs.endpoint_url}/other",
            "other host": f"{other.endpoint_url}/DescribeJobs",
            "loop": f"{local_drs.endpoint_url}/DescribeJobs",
            "https": f"https://127.0.0.1:{other.endpoint_url.rsplit(':', 1)[1]}/DescribeJobs",
            "file": page.as_uri(),
        }
        headers = {"Location": location[to]} if to in location else {}
        local_drs.inject(RawResponse(b"", status, headers), times=None)
        for call in (CALLS["collect"], CALLS["wait"], CALLS["log"]):
            error = error_of(lambda call=call: call(client))
            assert type(error) is ServiceError
            assert error.status_code == status
            assert "a redirect, which is not followed" in str(error)
            assert not is_transient(error)
        assert (len(local_drs.requests), len(other.requests)) == (3, 0)


@pytest.mark.synchronous
@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("service", ["sts", "drs"])
@both_sweeps
def test_redirects_of_a_sweep(sweep: Any, service: str, status: int, monkeypatch: pytest.MonkeyPatch):
    """The requests of STS have credentials too."""
    requests: Counter[str] = Counter()

    def app(environ: Any, start_response: Any) -> Any:
        requests["elsewhere"] += 1
        start_response("200 OK", [])
        return [b"{}"]

    elsewhere = LocalServer(app, name="elsewhere")
    with SimulatedAws() as aws:
        respond = aws._app

        def redirect(environ: Any, start_response: Any) -> Any:
            if f"/{service}/aws4_request" not in environ["HTTP_AUTHORIZATION"]:
                return respond(environ, start_response)
            requests[service] += 1
            start_response(f"{status} -", [("Location", f"http://127.0.0.1:{elsewhere.port}/")])
            return [b""]

        aws._server.app = redirect
        for name in ("STS", "DRS"):
            monkeypatch.setenv(f"AWS_ENDPOINT_URL_{name}", aws.endpoint_url)
        for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(variable, KEY)
        [failure] = sweep(targets(["123456789012"], ["eu-west-1"], role_name="DrsReader"))
    elsewhere.stop()
    assert not is_transient(failure.error)
    assert getattr(failure.error, "status_code", status) == status
    assert requests == {service: 1}
