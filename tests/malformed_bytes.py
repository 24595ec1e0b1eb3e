"""Malformed response bodies: mutated pages, and a client that reads any bytes and checks the result."""

import itertools
import json
import random
from collections.abc import Callable, Iterator
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse
from botocore.config import Config

from drs_jobs import (
    JobsClient,
    LaunchActionsStatus,
    MalformedResponseError,
    PaginationLoopError,
    ServiceError,
    structure_job,
    unstructure_job,
)
from drs_jobs.testing import make_job, make_resource, make_run, make_server

SERVER = make_server(
    recovery_instance_id="i-00000000", launch_actions_status=LaunchActionsStatus(runs=(make_run(), make_run(status="FAILED")))
)
"""A launched server with all members."""

PAGE: Any = {
    "items": [
        unstructure_job(job)
        for job in (
            make_job(participating_servers=(SERVER, make_server()), tags={"Name": "web", "team": "dr"}),
            make_job(participating_servers=(make_server(launch_status="FAILED"), SERVER), status="LATER"),
            make_job(type="TERMINATE", participating_servers=(), participating_resources=(make_resource(),)),
        )
    ]
}
PAGE["items"][1]["participatingServers"][1]["launchActionsStatus"]["runs"].append(
    {"runId": "r", "status": "FAILED", "action": {"parameters": {"p": {"type": "DYNAMIC", "value": "v"}}, "order": 3}}
)
PAGE["items"][2]["participatingResources"].append({"participatingResourceID": {"laterID": {"a": [1, None]}}})

_JUNK: list[Callable[[random.Random], object]] = [
    lambda _: None,
    lambda _: True,
    lambda _: 0,
    lambda _: 1.5,
    lambda _: 10**40,
    lambda _: "",
    lambda _: "2024-06-15T25:00:00Z",
    lambda _: "\ud800",
    lambda _: "tags",
    lambda _: [],
    lambda _: {},
    lambda _: {"sourceNetworkID": "sn-1", "later": 1},
    lambda _: {"SDK_UNKNOWN_MEMBER": {"name": "x"}},
    lambda _: float("nan"),
    lambda _: float("-inf"),
    lambda rng: _nested(rng.choice([5, 99, 101, 2_000])),
    lambda rng: "".join(chr(rng.randrange(0xD800)) for _ in range(rng.randrange(30))),
]


def _nested(depth: int) -> object:
    value: object = 1
    for is_list in itertools.islice(itertools.cycle((False, True)), depth):
        value = [value] if is_list else {"a": value}
    return value


def body(rng: random.Random) -> bytes:
    """Return the bytes of a page after mutations of its structure, of its text and of its bytes."""
    page = json.loads(json.dumps(PAGE))
    for _ in range(rng.choice([0, 1, 1, 2, 5])):
        _mutate(page, rng)
    try:
        text = json.dumps(page, ensure_ascii=rng.random() < 0.7)
    except RecursionError:
        text = '{"items": ' + "[" * 5_000
    if rng.random() < 0.1:
        text = rng.choice(
            [f"[{text}]", f'{{"items": [], "items": {text}}}', text + text, f"\ufeff{text}", text.replace("{", " {\n")]
        )
    if rng.random() < 0.1:
        text = text.replace('"jobID"', rng.choice(['"jobid"', '"job\\u0049D"', '"items"', "'jobID'"]), 1)
    encoded = text.encode(rng.choice(["utf-8"] * 20 + ["utf-16", "utf-32"]), "surrogatepass")
    for _ in range(rng.choice([0, 0, 0, 1, 3])):
        encoded = _mutate_bytes(encoded, rng)
    return encoded


def _mutate(page: Any, rng: random.Random) -> None:
    """Change one random node of a page."""
    nodes = list(_nodes(page))
    if not nodes:
        return
    holder, key = rng.choice(nodes)
    match rng.randrange(6):
        case 0 if isinstance(holder, dict):
            del holder[key]
        case 1 if isinstance(holder, dict):
            holder[f"later{rng.randrange(9)}"] = holder.pop(key)
        case 2:
            holder[key] = [holder[key]]
        case 3 if isinstance(holder, list):
            holder.append(holder[key])
        case _:
            holder[key] = rng.choice(_JUNK)(rng)


def _nodes(value: Any, *, is_shallow: bool = False) -> Iterator[tuple[Any, Any]]:
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, member in list(members):
        yield value, key
        if is_shallow or _is_shallow(member):  # without the deep nesting of an earlier mutation
            yield from _nodes(member, is_shallow=True)


def _is_shallow(value: Any) -> bool:
    level = [value]
    for _ in range(20):
        level = [
            inner
            for part in level
            if isinstance(part, dict | list)
            for inner in (part.values() if isinstance(part, dict) else part)
        ]
    return not level


def _mutate_bytes(encoded: bytes, rng: random.Random) -> bytes:
    at = rng.randrange(len(encoded) + 1)
    match rng.randrange(5):
        case 0:
            return encoded[:at]
        case 1:
            return encoded[:at] + rng.randbytes(rng.randrange(1, 4)) + encoded[at:]
        case 2:
            return (
                encoded[:at] + rng.choice([b"[" * 2_000, b"{", b'"', b"\\u", b"9" * 5_000, b"e999", b"\0", b"-"]) + encoded[at:]
            )
        case 3:
            return encoded[:at] + encoded[at + rng.randrange(40) :]
        case _:
            return rng.randbytes(rng.randrange(50))


class Wire:
    """A boto3 client without a network: botocore does everything except sending, and `body` is the response."""

    def __init__(self) -> None:
        self.body = b""
        self.status = 200
        self.headers: dict[str, str] = {}
        boto_client = boto3.client(
            "drs",
            region_name="eu-west-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            config=Config(retries={"total_max_attempts": 1}),
        )
        boto_client.meta.events.register("before-send.drs", self._respond)
        self.client = JobsClient(boto_client)

    def _respond(self, request: Any, **_: object) -> AWSResponse:
        return AWSResponse(request.url, self.status, self.headers, self)

    def stream(self) -> Iterator[bytes]:
        """Yield the body to botocore."""
        yield self.body

    def read(self, body: bytes, status: int = 200) -> str:
        """Read a response, and return the kind of its result.

        Raises:
            AssertionError: If the result is not the correct one for these bytes.
        """
        self.body, self.status = body, status
        errors: list[MalformedResponseError] = []
        decoded = _decoded(body)
        try:
            jobs = self.client.describe_jobs(on_malformed=errors.append).collect()
        except ServiceError as error:
            assert error.status_code == status >= 300
            return "service error"
        except PaginationLoopError:
            assert decoded["nextToken"]
            return "loop"
        except MalformedResponseError as error:
            assert error.path in ("$", "$.items", "$.nextToken")
            assert error.cursor is not None
            return "malformed body"
        assert status < 300
        raw = decoded.get("items") or []
        assert len(raw) == len(jobs) + len(errors)
        malformed = {int(error.path.split("]")[0].removeprefix("$.items[")) for error in errors}
        valid = [item for index, item in enumerate(raw) if index not in malformed]
        for item, job in zip(valid, jobs, strict=True):
            assert item["jobID"] == job.job_id
            assert job == structure_job(unstructure_job(job))
        for error in errors:
            assert len(str(error)) < 1_000
        return "jobs" if not errors else "malformed jobs"


def _decoded(body: bytes) -> Any:
    """Return the bytes as Python's own decoder reads them; `None` if it cannot."""
    try:
        return json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        return None
