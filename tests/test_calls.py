"""Event handlers on a boto3 client: the caller's own calls do not change, and tags and credentials are not shown."""

import itertools
import json
import logging
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from unittest.mock import Mock

import attrs
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from drs_jobs import DrsJobsError, JobNotFoundError, JobsClient, MalformedResponseError, ServiceError
from drs_jobs._aws.calls import Call
from drs_jobs._polling import Clock
from drs_jobs.testing import CutOff, DropConnection, HtmlPage, LocalDrs, RawResponse, ServerError, make_job


def _call(client: Any) -> Any:
    """Return the response to the caller's own call, without the metadata that differs between calls."""
    response = client.describe_jobs()
    response["ResponseMetadata"].pop("RequestId")
    response["ResponseMetadata"].pop("HTTPHeaders")
    return response


def test_callers_own_calls_do_not_change(boto_client: Any, local_drs: LocalDrs):
    """Before, during and after calls of JobsClient, also in callbacks and in another thread."""
    odd = {"items": [{"jobID": "j", "later": 1, "participatingResources": [{"participatingResourceID": {"later": 1}}]}, {}]}
    page = RawResponse(json.dumps(odd).encode())
    local_drs.inject(page, times=100)
    responses = [_call(boto_client)]
    seen: list[Any] = []
    client = JobsClient(boto_client)
    responses.append(_call(boto_client))
    stop = threading.Event()

    def call_in_a_thread() -> None:
        while not stop.is_set() and len(seen) < 20:
            seen.append(_call(boto_client))

    thread = threading.Thread(target=call_in_a_thread)
    thread.start()
    for _ in range(10):
        list(client.describe_jobs(on_malformed=lambda error: responses.append(_call(boto_client))))
        for _ in client.describe_jobs(on_malformed=lambda error: None):
            responses.append(_call(boto_client))
    stop.set()
    thread.join()
    responses.append(_call(boto_client))
    assert all(response == responses[0] for response in responses + seen)
    assert responses[0]["items"][0]["participatingResources"][0]["participatingResourceID"] == {
        "SDK_UNKNOWN_MEMBER": {"name": "later"}
    }


def test_callers_own_malformed_responses_do_not_change(boto_client: Any, local_drs: LocalDrs):
    """Not even the empty dict that boto3 returns for an HTML page."""
    JobsClient(boto_client)
    local_drs.inject(HtmlPage())
    assert "items" not in _call(boto_client)
    local_drs.inject(ServerError(retry_after="soon"))
    with pytest.raises(ValueError, match="soon"):
        boto_client.describe_jobs()


def test_callers_other_operation_within_a_call(boto_client: Any, local_drs: LocalDrs):
    """A handler of the caller that calls another operation of `drs` gets boto3's own parsing."""
    got: list[Any] = []

    def call_another_operation(**_: Any) -> None:
        local_drs.inject(RawResponse(b'{"items": "characters", "other": 1}'))
        with pytest.raises(AttributeError):
            got.append(boto_client.describe_job_log_items(jobID="drsjob-00000000000000000"))

    boto_client.meta.events.register("before-send.drs.DescribeJobs", call_another_operation)
    assert JobsClient(boto_client).describe_jobs().collect() == ()
    assert got == []


def test_clients_and_threads_share_a_boto3_client(boto_client: Any, local_drs: LocalDrs):
    jobs = {make_job() for _ in range(60)}
    local_drs.page_sizes = (25,)
    local_drs.add_jobs(*jobs)
    clients = [JobsClient(boto_client) for _ in range(3)]
    got: list[set[Any]] = []
    threads = [threading.Thread(target=lambda client=client: got.append(set(client.describe_jobs()))) for client in clients * 4]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [jobs] * 12 == got


def test_tags_are_not_shown(client: JobsClient, local_drs: LocalDrs, caplog: pytest.LogCaptureFixture):
    """No repr, error text, error attribute, traceback or log record at DEBUG has a tag's key or value."""
    caplog.set_level(logging.DEBUG)
    tags = {"secretkey": "secretvalue"}
    local_drs.add_jobs(*(make_job(tags=tags) for _ in range(3)))
    jobs = client.describe_jobs().collect()
    assert tags == jobs[0].tags
    shown = [repr(jobs), *(repr(job) for job in jobs), *(repr(page) for page in client.describe_jobs().pages())]
    malformed_jobs: list[Any] = [
        {"jobID": "j", "tags": {"secretkey": 5}},
        {"jobID": "j", "tags": {"secretkey": ["secretvalue"]}},
        {"jobID": "j", "tags": [tags]},
        {"jobID": "j", "tags": "secretkey"},
        {"tags": tags},
        [{"tags": tags}],
    ]
    faults = [RawResponse(json.dumps({"items": [job]}).encode()) for job in malformed_jobs]
    faults += [RawResponse(json.dumps({"items": {"tags": tags}}).encode()), RawResponse(json.dumps([{"tags": tags}]).encode())]
    faults += [RawResponse(json.dumps({"tags": tags}).encode()), RawResponse(json.dumps({"a": [{"tags": tags}]}).encode())]
    faults += [RawResponse(json.dumps({"tags": tags}).encode("utf-16"))]
    page = json.dumps({"items": [{"jobID": "j", "tags": tags}]})
    faults += [
        RawResponse(json.dumps(body).encode()) for body in ({"items": page}, {"items": [page]}, {page: 1}, {"body": page}, page)
    ]
    faults.append(RawResponse(page.replace("tags", "\\u0074ags")[:-2].encode()))
    for fault in [*faults, CutOff(share=0.9)]:
        local_drs.inject(fault)
        with pytest.raises(MalformedResponseError) as caught:
            client.describe_jobs().collect()
        assert caught.value.__context__ is None
        shown += [
            str(caught.value),
            repr(caught.value),
            str(vars(caught.value)),
            "".join(traceback.format_exception(caught.value)),
        ]
    for fault in [
        RawResponse(page[:-2].encode(), 500),
        RawResponse(f"[{page}]".encode(), 500),
        RawResponse(json.dumps(page).encode(), 400),
        RawResponse(page.encode(), 500),
        RawResponse(json.dumps({"message": page}).encode(), 400),
        RawResponse(json.dumps({"message": "m", "fieldList": [{"name": "n", "message": page}]}).encode(), 400),
        RawResponse(page.replace("tags", "Tags").encode(), 400),
    ]:
        local_drs.inject(fault)
        with pytest.raises(ServiceError) as service_error:
            client.describe_jobs().collect()
        shown += [str(vars(service_error.value)), "".join(traceback.format_exception(service_error.value))]
    for text in (*shown, caplog.text):
        assert "secret" not in text
    assert "Response body" in caplog.text


def test_credentials_are_not_shown(local_drs: LocalDrs, caplog: pytest.LogCaptureFixture):
    """Neither in the log records of drs_jobs nor in errors."""
    caplog.set_level(logging.DEBUG, "drs_jobs")
    client = JobsClient(local_drs.client(access_key_id="AKIAEXAMPLE", config=Config(retries={"total_max_attempts": 1})))
    client._clock = Clock(lambda _: None, itertools.count().__next__)
    local_drs.inject(ServerError(), times=2)
    with pytest.raises(JobNotFoundError):
        client.wait("drsjob-00000000000000000", timeout=None)
    assert "still waiting" in caplog.text
    local_drs.inject(ServerError())
    with pytest.raises(DrsJobsError) as caught:
        client.describe_jobs().first()
    assert "AKIAEXAMPLE" not in caplog.text
    assert "AKIAEXAMPLE" not in "".join(traceback.format_exception(caught.value)) + str(vars(caught.value)) + repr(client)


def test_callers_call_within_a_call_can_fail(local_drs: LocalDrs):
    """Before it is sent or later. The response of the outer call is checked as usual."""
    for event in ("provide-client-params", "before-call", "before-send"):
        for arguments in ({}, {"maxResults": "x"}):
            if event == "before-send" and arguments:
                continue  # botocore emits no event for a request that is refused so late
            local = local_drs.client(config=Config(retries={"total_max_attempts": 1}))
            inner: list[Any] = []

            def call_again(local: Any = local, inner: list[Any] = inner, arguments: Any = arguments, **_: Any) -> None:
                if not inner:
                    inner.append(None)
                    with pytest.raises(BotoCoreError):
                        local.describe_jobs(**arguments)

            client = JobsClient(local)
            local.meta.events.register(f"{event}.drs.DescribeJobs", call_again)
            if not arguments:
                local_drs.inject(DropConnection())
            local_drs.inject(RawResponse(b"[]"))
            with pytest.raises(MalformedResponseError, match="expected an object"):
                client.describe_jobs().collect()
            assert inner, event


def test_message_about_tags_is_shown(client: JobsClient, local_drs: LocalDrs):
    """AWS's own messages are shown. Only text that can contain a job is not."""
    local_drs.inject(RawResponse(b'{"message": "not authorized to see tags"}', 403))
    with pytest.raises(ServiceError, match="not authorized to see tags"):
        client.describe_jobs().first()


def test_empty_response_of_an_opaque_wrapper(boto_client: Any, local_drs: LocalDrs):
    """An empty dict is not treated as an empty page if the handlers did not receive the bytes."""

    class Opaque:
        def describe_jobs(self, **request: Any) -> Any:
            return boto_client.describe_jobs(**request)

    class Threaded(Opaque):
        meta = boto_client.meta

        def describe_jobs(self, **request: Any) -> Any:
            with ThreadPoolExecutor() as pool:
                return pool.submit(boto_client.describe_jobs, **request).result()

    for wrapper in (Opaque, Threaded):
        client = JobsClient(wrapper())
        assert client.describe_jobs().collect() == ()
        local_drs.inject(RawResponse(b'{"nextToken": ""}'))
        assert client.describe_jobs().collect() == ()
        local_drs.inject(
            RawResponse(b'{"items": [{"jobID": "j", "participatingResources": [{"participatingResourceID": {}}]}]}')
        )
        with pytest.raises(MalformedResponseError):
            client.describe_jobs().collect()
        local_drs.inject(HtmlPage())
        with pytest.raises(MalformedResponseError, match="could not check"):
            client.describe_jobs().collect()


def test_wrapper_can_change_any_part_of_a_response(boto_client: Any, local_drs: LocalDrs):
    """Its tokens, its items, or the whole response."""
    local_drs.page_sizes = (2,)
    jobs = [make_job() for _ in range(5)]
    local_drs.add_jobs(*jobs)

    class Router:
        meta = boto_client.meta

        def describe_jobs(self, **request: Any) -> Any:
            if "nextToken" in request:
                request["nextToken"] = request["nextToken"].removeprefix("eu:")
            response = boto_client.describe_jobs(**request)
            return {**response, **({"nextToken": "eu:" + response["nextToken"]} if "nextToken" in response else {})}

    class Fallback(Router):
        def describe_jobs(self, **request: Any) -> Any:
            try:
                return boto_client.describe_jobs(**request)
            except MalformedResponseError:
                return {"items": [{"jobID": "cached"}]}

    class Envelope(Router):
        def describe_jobs(self, **request: Any) -> Any:
            boto_client.describe_jobs(**request)
            return {"message": "throttled"}

    assert set(jobs) == set(JobsClient(Router()).describe_jobs())
    local_drs.inject(HtmlPage())
    assert [job.job_id for job in JobsClient(Fallback()).describe_jobs()] == ["cached"]
    local_drs.inject(RawResponse(b"{}"))
    with pytest.raises(MalformedResponseError):
        JobsClient(Envelope()).describe_jobs().collect()


MALFORMED_BODIES = {
    "HTML": HtmlPage(),
    "cut off": CutOff(),
    "a message": RawResponse(b'{"message": "sign in"}'),
    "a list": RawResponse(b"[]"),
    "null": RawResponse(b"null"),
    "items that are no list": RawResponse(b'{"items": "characters"}'),
    "nothing": RawResponse(b""),
}


@pytest.mark.parametrize("name", MALFORMED_BODIES)
@pytest.mark.parametrize("position", [0, 1, 2])
def test_malformed_body_in_a_wrapper_that_merges_pages(name: str, position: int, boto_client: Any, local_drs: LocalDrs):
    """The error is raised inside the wrapper's own call. The wrapper can handle it."""
    jobs = [make_job() for _ in range(3)]
    local_drs.add_jobs(*jobs)
    local_drs.page_sizes = (1,)

    class Merging:
        meta = boto_client.meta

        def __init__(self) -> None:
            self.retries = False
            self.caught: list[MalformedResponseError] = []

        def one_page(self, **request: Any) -> Any:
            try:
                return boto_client.describe_jobs(**request)
            except MalformedResponseError as error:
                self.caught.append(error)
                if not self.retries:
                    raise
                return boto_client.describe_jobs(**request)

        def describe_jobs(self, **request: Any) -> Any:
            items: list[Any] = []
            while True:
                page = self.one_page(**request)
                items += page["items"]
                if not (token := page.get("nextToken")):
                    return {"items": items}
                request["nextToken"] = token

    class AtPosition(type(MALFORMED_BODIES[name])):  # type: ignore[misc]  # any fault
        def apply(self, respond: Any) -> Any:
            return super().apply(respond) if len(local_drs.requests) == position + 1 else respond()

    fault = MALFORMED_BODIES[name]
    fields = {field.name: getattr(fault, field.name) for field in attrs.fields(type(fault)) if field.init}
    local_drs.inject(AtPosition(**fields), times=None)
    wrapper = Merging()
    client = JobsClient(wrapper)
    with pytest.raises(MalformedResponseError) as caught:
        client.describe_jobs().collect()
    assert wrapper.caught == [caught.value]
    assert not any("/botocore/" in frame.filename for frame in traceback.extract_tb(caught.value.__traceback__))
    local_drs._requests.clear()
    wrapper.retries = True
    assert set(client.describe_jobs()) == set(jobs)


# Without register_first and is_early: of two handlers that are registered first, botocore calls the earlier one first.
@pytest.mark.parametrize(("register", "is_early"), [("register_first", False), ("register", False), ("register", True)])
@pytest.mark.parametrize(
    "event",
    [
        "provide-client-params",
        "before-parameter-build",
        "before-call",
        "request-created",
        "before-send",
        "before-parse",
        "after-call",
        "needs-retry",
    ],
)
@pytest.mark.parametrize("scope", ["", ".drs.DescribeJobs"])
def test_callers_handler_of_any_event_can_call(register: str, is_early: Any, event: str, scope: str, local_drs: LocalDrs):
    """Its response is boto3's own, and the outer one is read as usual. It is registered before or after those of drs_jobs."""
    odd = RawResponse(json.dumps({"items": [{"jobID": "j", "later": 1}], "later": 1}).encode())
    local = local_drs.client()
    inner: list[Any] = []

    def call_again(**_: Any) -> None:
        if not inner:
            inner.append(None)
            inner[0] = _call(local)
            local.describe_job_log_items(jobID="drsjob-00000000000000000")

    def register_handler() -> None:
        getattr(local.meta.events, register)(event + scope, call_again)

    if is_early:
        register_handler()
    client = JobsClient(local)
    if not is_early:
        register_handler()
    local_drs.inject(odd, times=3)
    [page] = client.describe_jobs().pages()
    assert inner[0]["items"] == [{"jobID": "j"}]
    assert "later" not in inner[0]
    assert page.raw["later"] == 1


def test_callers_handler_can_change_the_body(local_drs: LocalDrs):
    """The changed body is read, also if the handler is registered later."""
    local = local_drs.client()
    client = JobsClient(local)
    local.meta.events.register(
        "before-parse", lambda response_dict, **_: response_dict.update(body=b'{"items": [{"jobID": "j"}]}')
    )
    local_drs.inject(HtmlPage())
    assert [job.job_id for job in client.describe_jobs()] == ["j"]


def test_many_threads_register_handlers_once(local_drs: LocalDrs):
    """Two registrations would count each call twice, and treat a valid response as malformed."""

    class Slow(dict[str, Any]):
        def __contains__(self, key: object) -> bool:
            found = super().__contains__(key)
            time.sleep(0.001)  # other threads run between the check and the registration
            return found

    boto_client = local_drs.client()
    emitter = boto_client.meta.events._emitter
    emitter._unique_id_handlers = Slow(emitter._unique_id_handlers)
    start = threading.Barrier(8)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: (start.wait(), JobsClient(boto_client)), range(8)))
    handlers = emitter._handlers.prefix_search("before-parse.drs.DescribeJobs")
    assert sum(getattr(handler, "__module__", "") == "drs_jobs._aws.calls" for handler in handlers) == 1
    assert JobsClient(boto_client).describe_jobs().collect() == ()


@pytest.mark.parametrize(
    "body", [b'{"items": [{"jobID": "j", "tags": {"k": "SECRET"}}], "nextToken": 7}', b'{"tags": {"k": "SECRET"}}']
)
def test_traceback_has_no_tags(body: bytes, client: JobsClient, local_drs: LocalDrs):
    """A program that prints tracebacks with local variables, or keeps them, has no body."""
    local_drs.inject(RawResponse(body))
    with pytest.raises(MalformedResponseError) as caught:
        client.describe_jobs().first()
    in_package = [frame for frame, _ in traceback.walk_tb(caught.value.__traceback__) if "drs_jobs" in frame.f_code.co_filename]
    calls = [value for frame in in_package for value in frame.f_locals.values() if isinstance(value, Call)]
    assert calls
    assert not any("SECRET" in repr((call, call.body, call.response)) for call in calls)


def test_error_of_a_fake_with_the_name_of_one_of_botocore():
    """It is the caller's own, so it is permanent."""

    class ResponseParserError(Exception):
        pass

    error = ResponseParserError("permanent")
    client = JobsClient(Mock(describe_jobs=Mock(side_effect=error)))
    with pytest.raises(ResponseParserError) as caught:
        client.wait("drsjob-00000000000000001", timeout=0)
    assert caught.value is error
