"""What is ours stays ours: the caller's own calls never change, and tags and credentials get out nowhere."""

import itertools
import json
import logging
import threading
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import attrs
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from drs_jobs import DrsJobsError, JobNotFoundError, JobsClient, MalformedResponseError, ServiceError
from drs_jobs._client import use_clock
from drs_jobs._polling import Clock
from drs_jobs.testing import CutOff, DropConnection, HtmlPage, LocalDrs, RawResponse, ServerError, make_job


def _theirs(client: Any) -> Any:
    """What the caller's own call returns, less what differs from call to call."""
    answer = client.describe_jobs()
    answer["ResponseMetadata"].pop("RequestId")
    answer["ResponseMetadata"].pop("HTTPHeaders")
    return answer


def test_the_callers_own_calls_never_change(boto_client: Any, local_drs: LocalDrs):
    """Before, during and after our use of their client, also in our callbacks and from another thread."""
    odd = {"items": [{"jobID": "j", "later": 1, "participatingResources": [{"participatingResourceID": {"later": 1}}]}, {}]}
    page = RawResponse(json.dumps(odd).encode())
    local_drs.inject(page, times=100)
    answers = [_theirs(boto_client)]
    seen: list[Any] = []
    client = JobsClient(boto_client)
    answers.append(_theirs(boto_client))
    stop = threading.Event()

    def call_meanwhile() -> None:
        while not stop.is_set() and len(seen) < 20:
            seen.append(_theirs(boto_client))

    thread = threading.Thread(target=call_meanwhile)
    thread.start()
    for _ in range(10):
        list(client.describe_jobs(on_malformed=lambda error: answers.append(_theirs(boto_client))))
        for _ in client.describe_jobs(on_malformed=lambda error: None):
            answers.append(_theirs(boto_client))
    stop.set()
    thread.join()
    answers.append(_theirs(boto_client))
    assert all(answer == answers[0] for answer in answers + seen)
    assert answers[0]["items"][0]["participatingResources"][0]["participatingResourceID"] == {
        "SDK_UNKNOWN_MEMBER": {"name": "later"}
    }


def test_the_callers_own_bad_answers_stay_as_they_are(boto_client: Any, local_drs: LocalDrs):
    """Even boto3's silent `{}` for an HTML page is not touched."""
    JobsClient(boto_client)
    local_drs.inject(HtmlPage())
    assert "items" not in _theirs(boto_client)
    local_drs.inject(ServerError(retry_after="soon"))
    with pytest.raises(ValueError, match="soon"):
        boto_client.describe_jobs()


def test_another_operation_called_within_ours_is_not_ours(boto_client: Any, local_drs: LocalDrs):
    """A handler of the caller's that calls something else of `drs` gets boto3's own parsing."""
    got: list[Any] = []

    def call_something_else(**_: Any) -> None:
        local_drs.inject(RawResponse(b'{"items": "characters", "other": 1}'))
        with pytest.raises(AttributeError):
            got.append(boto_client.describe_job_log_items(jobID="drsjob-00000000000000000"))

    boto_client.meta.events.register("before-send.drs.DescribeJobs", call_something_else)
    assert JobsClient(boto_client).describe_jobs().collect() == ()
    assert got == []


def test_many_clients_of_one_boto3_client_and_many_threads(boto_client: Any, local_drs: LocalDrs):
    """A JobsClient is safe to share, and so is the boto3 client below several of them."""
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


def test_tags_get_out_nowhere(client: JobsClient, local_drs: LocalDrs, caplog: pytest.LogCaptureFixture):
    """No repr, error text, error attribute, traceback or log record at DEBUG has a tag's key or value."""
    caplog.set_level(logging.DEBUG)
    tags = {"secretkey": "secretvalue"}
    local_drs.add_jobs(*(make_job(tags=tags) for _ in range(3)))
    jobs = client.describe_jobs().collect()
    assert tags == jobs[0].tags
    shown = [repr(jobs), *(repr(job) for job in jobs), *(repr(page) for page in client.describe_jobs().pages())]
    bad: list[Any] = [
        {"jobID": "j", "tags": {"secretkey": 5}},
        {"jobID": "j", "tags": {"secretkey": ["secretvalue"]}},
        {"jobID": "j", "tags": [tags]},
        {"jobID": "j", "tags": "secretkey"},
        {"tags": tags},
        [{"tags": tags}],
    ]
    faults = [RawResponse(json.dumps({"items": [job]}).encode()) for job in bad]
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
        with pytest.raises(ServiceError) as refused:
            client.describe_jobs().collect()
        shown += [str(vars(refused.value)), "".join(traceback.format_exception(refused.value))]
    for text in (*shown, caplog.text):
        assert "secret" not in text
    assert "Response body" in caplog.text


def test_credentials_get_out_nowhere(local_drs: LocalDrs, caplog: pytest.LogCaptureFixture):
    """Our own logger says nothing of them, and neither does any error."""
    caplog.set_level(logging.DEBUG, "drs_jobs")
    client = JobsClient(local_drs.client(access_key_id="AKIAEXAMPLE", config=Config(retries={"total_max_attempts": 1})))
    use_clock(client, clock=Clock(lambda _: None, itertools.count().__next__))
    local_drs.inject(ServerError(), times=2)
    with pytest.raises(JobNotFoundError):
        client.wait("drsjob-00000000000000000", timeout=None)
    assert "still waiting" in caplog.text
    local_drs.inject(ServerError())
    with pytest.raises(DrsJobsError) as caught:
        client.describe_jobs().first()
    assert "AKIAEXAMPLE" not in caplog.text
    assert "AKIAEXAMPLE" not in "".join(traceback.format_exception(caught.value)) + str(vars(caught.value)) + repr(client)


def test_a_call_of_the_callers_within_ours_is_the_callers(local_drs: LocalDrs):
    """Whatever event of botocore's it is made from: it gets boto3's own answer, and ours goes on as if it had not been."""
    odd = RawResponse(json.dumps({"items": [{"jobID": "j", "later": 1}], "later": 1}).encode())
    for event in (
        "provide-client-params",
        "before-parameter-build",
        "before-call",
        "request-created",
        "before-send",
        "before-parse",
        "after-call",
    ):
        local = local_drs.client()
        within: list[Any] = []

        def call_again(local: Any = local, within: list[Any] = within, **_: Any) -> None:
            if not within:
                within.append(None)
                within[0] = _theirs(local)
                local.describe_job_log_items(jobID="drsjob-00000000000000000")

        client = JobsClient(local)
        local.meta.events.register(f"{event}.drs.DescribeJobs", call_again)
        local_drs.inject(odd, times=3)
        [page] = client.describe_jobs().pages()
        assert within[0]["items"] == [{"jobID": "j"}], event
        assert "later" not in within[0]
        assert page.raw["later"] == 1, event


def test_a_call_within_ours_that_fails_blinds_nobody(local_drs: LocalDrs):
    """Whether it is refused before it is sent or breaks on the way: our own answer is looked at all the same."""
    for event in ("provide-client-params", "before-call", "before-send"):
        for asked in ({}, {"maxResults": "x"}):
            if event == "before-send" and asked:
                continue  # refused so late, it leaves no trace that botocore would show
            local = local_drs.client(config=Config(retries={"total_max_attempts": 1}))
            within: list[Any] = []

            def call_again(local: Any = local, within: list[Any] = within, asked: Any = asked, **_: Any) -> None:
                if not within:
                    within.append(None)
                    with pytest.raises(BotoCoreError):
                        local.describe_jobs(**asked)

            client = JobsClient(local)
            local.meta.events.register(f"{event}.drs.DescribeJobs", call_again)
            if not asked:
                local_drs.inject(DropConnection())
            local_drs.inject(RawResponse(b"[]"))
            with pytest.raises(MalformedResponseError, match="expected an object"):
                client.describe_jobs().collect()
            assert within, event


def test_a_message_that_merely_speaks_of_tags_is_shown(client: JobsClient, local_drs: LocalDrs):
    """AWS's own sentences are evidence; only what may hold a job is kept back."""
    local_drs.inject(RawResponse(b'{"message": "not authorized to see tags"}', 403))
    with pytest.raises(ServiceError, match="not authorized to see tags"):
        client.describe_jobs().first()


def test_a_client_that_hides_boto3_is_not_believed_to_have_no_jobs(boto_client: Any, local_drs: LocalDrs):
    """Where we can't look at the bytes, an answer of nothing is not taken for an empty one."""

    class Hidden:
        def describe_jobs(self, **request: Any) -> Any:
            return boto_client.describe_jobs(**request)

    class Threaded(Hidden):
        meta = boto_client.meta

        def describe_jobs(self, **request: Any) -> Any:
            with ThreadPoolExecutor() as pool:
                return pool.submit(boto_client.describe_jobs, **request).result()

    for wrapper in (Hidden, Threaded):
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


def test_a_wrappers_tokens_are_its_own(boto_client: Any, local_drs: LocalDrs):
    """A wrapper may change any part of an answer, or answer for boto3; what it says is what counts."""
    local_drs.page_sizes = (2,)
    jobs = [make_job() for _ in range(5)]
    local_drs.add_jobs(*jobs)

    class Router:
        meta = boto_client.meta

        def describe_jobs(self, **request: Any) -> Any:
            if "nextToken" in request:
                request["nextToken"] = request["nextToken"].removeprefix("eu:")
            answer = boto_client.describe_jobs(**request)
            return {**answer, **({"nextToken": "eu:" + answer["nextToken"]} if "nextToken" in answer else {})}

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


BAD_BODIES = {
    "HTML": HtmlPage(),
    "cut off": CutOff(),
    "a message": RawResponse(b'{"message": "sign in"}'),
    "a list": RawResponse(b"[]"),
    "null": RawResponse(b"null"),
    "items that are no list": RawResponse(b'{"items": "characters"}'),
    "nothing": RawResponse(b""),
}


@pytest.mark.parametrize("name", BAD_BODIES)
@pytest.mark.parametrize("position", [0, 1, 2])
def test_a_bad_body_reaches_a_wrapper_that_merges_pages(name: str, position: int, boto_client: Any, local_drs: LocalDrs):
    """It is raised inside the wrapper's own call: let through, or handled there."""
    jobs = [make_job() for _ in range(3)]
    local_drs.add_jobs(*jobs)
    local_drs.page_sizes = (1,)

    class Merging:
        meta = boto_client.meta

        def __init__(self) -> None:
            self.is_patient = False
            self.caught: list[MalformedResponseError] = []

        def one_page(self, **request: Any) -> Any:
            try:
                return boto_client.describe_jobs(**request)
            except MalformedResponseError as error:
                self.caught.append(error)
                if not self.is_patient:
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

    class AtPosition(type(BAD_BODIES[name])):  # type: ignore[misc]  # any fault
        def apply(self, answer: Any) -> Any:
            return super().apply(answer) if len(local_drs.requests) == position + 1 else answer()

    fault = BAD_BODIES[name]
    local_drs.inject(AtPosition(**attrs.asdict(fault)), times=None)
    wrapper = Merging()
    client = JobsClient(wrapper)
    with pytest.raises(MalformedResponseError) as caught:
        client.describe_jobs().collect()
    assert wrapper.caught == [caught.value]
    assert not any("/botocore/" in frame.filename for frame in traceback.extract_tb(caught.value.__traceback__))
    local_drs._requests.clear()
    wrapper.is_patient = True
    assert set(client.describe_jobs()) == set(jobs)


# Of two that are registered first of all, botocore calls the earlier one first: that combination is left out.
@pytest.mark.parametrize(("register", "is_early"), [("register_first", False), ("register", False), ("register", True)])
@pytest.mark.parametrize(
    "event", ["provide-client-params", "request-created", "before-send", "before-parse", "after-call", "needs-retry"]
)
@pytest.mark.parametrize("scope", ["", ".drs", ".drs.DescribeJobs"])
def test_a_callers_handler_of_any_event_makes_a_call_of_its_own(
    register: str, is_early: Any, event: str, scope: str, local_drs: LocalDrs
):
    """Registered before ours or after, for the event's first word or its whole name: it gets boto3's own response."""
    odd = RawResponse(json.dumps({"items": [{"jobID": "j", "later": 1}], "later": 1}).encode())
    local = local_drs.client()
    within: list[Any] = []

    def call_again(**_: Any) -> None:
        if not within:
            within.append(None)
            within[0] = _theirs(local)

    def register_theirs() -> None:
        getattr(local.meta.events, register)(event + scope, call_again)

    if is_early:
        register_theirs()
    client = JobsClient(local)
    if not is_early:
        register_theirs()
    local_drs.inject(odd, times=3)
    [page] = client.describe_jobs().pages()
    assert within[0]["items"] == [{"jobID": "j"}]
    assert "later" not in within[0]
    assert page.raw["later"] == 1


def test_a_callers_handler_of_a_failed_call_makes_a_call_of_its_own(local_drs: LocalDrs):
    """Ours is over only after theirs, so their call is not taken for ours."""
    local = local_drs.client(config=Config(retries={"total_max_attempts": 1}))
    client = JobsClient(local)
    within: list[Any] = []
    local.meta.events.register("after-call-error", lambda **_: within.append(_theirs(local)))
    local_drs.inject(DropConnection())
    local_drs.inject(RawResponse(json.dumps({"items": [{"jobID": "j", "later": 1}]}).encode()))
    with pytest.raises(BotoCoreError):
        client.describe_jobs().collect()
    assert within[0]["items"] == [{"jobID": "j"}]


def test_a_callers_call_that_is_refused_before_ours_is_sent(local_drs: LocalDrs):
    """It leaves no event behind that says that it is over; ours is read all the same."""
    local = local_drs.client()
    client = JobsClient(local)

    def call_badly(**_: Any) -> None:
        with pytest.raises(BotoCoreError):
            local.describe_jobs(maxResults="x")

    local.meta.events.register("request-created", call_badly)
    local_drs.inject(RawResponse(b'{"items": [], "later": 1}'))
    [page] = client.describe_jobs().pages()
    assert page.raw["later"] == 1


def test_a_callers_handler_that_changes_the_body(local_drs: LocalDrs):
    """What it makes of the bytes is what is read, although it was registered later."""
    local = local_drs.client()
    client = JobsClient(local)
    local.meta.events.register(
        "before-parse", lambda response_dict, **_: response_dict.update(body=b'{"items": [{"jobID": "j"}]}')
    )
    local_drs.inject(HtmlPage())
    assert [job.job_id for job in client.describe_jobs()] == ["j"]


def test_handlers_are_registered_once_by_many_threads(local_drs: LocalDrs):
    """Twice registered, they would count each call twice, and take a good response for a malformed one."""

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
    assert sum(getattr(handler, "__module__", "") == "drs_jobs._botocore" for handler in handlers) == 1
    assert JobsClient(boto_client).describe_jobs().collect() == ()
