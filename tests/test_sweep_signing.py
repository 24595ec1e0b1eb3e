"""Every request of a sweep is signed with the credentials of its own role: checked by a server that verifies signatures."""

import hashlib
import hmac
import itertools
import json
import threading
import urllib.parse
from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest

from both_sweeps import both_sweeps
from drs_jobs.sweep import Target, TargetJobs, clients, targets
from drs_jobs.testing._server import LocalServer
from simulated_accounts import assume_role_response

ACCOUNTS = [f"{number:012}" for number in range(60)]
REGIONS = ["eu-west-1", "eu-central-1", "us-east-1", "ap-southeast-2"]
PAGES = 3
LIFETIME = 0.001
"""Seconds after which a sweep renews the credentials of a role."""


def signature(environ: Any, secret: str, body: bytes) -> tuple[str, str]:
    """Return the signature of a request, and the one that Signature Version 4 requires, written from AWS's description."""
    parts = dict(part.strip().split("=", 1) for part in environ["HTTP_AUTHORIZATION"].partition(" ")[2].split(","))
    _, *scope = parts["Credential"].split("/")
    signed = parts["SignedHeaders"].split(";")
    names = [name.upper().replace("-", "_") for name in signed]
    values = [environ.get(f"HTTP_{name}", environ.get(name)) for name in names]
    headers = "".join(f"{name}:{' '.join(value.split())}\n" for name, value in zip(signed, values, strict=True))
    path = urllib.parse.quote(environ["PATH_INFO"])
    request = "\n".join(["POST", path, "", headers, ";".join(signed), hashlib.sha256(body).hexdigest()])
    digest = hashlib.sha256(request.encode()).hexdigest()
    text = "\n".join(["AWS4-HMAC-SHA256", environ["HTTP_X_AMZ_DATE"], "/".join(scope), digest])
    key = f"AWS4{secret}".encode()
    for step in [*scope, text]:
        key = hmac.new(key, step.encode(), hashlib.sha256).digest()
    return parts["Signature"], key.hex()


class Aws:
    """STS and DRS on one server. A role gets new keys with each AssumeRole, and a job's id has the account of the keys."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.keys_by_account: dict[str, set[str]] = {}
        self.regions: set[str] = set()
        self._roles: dict[str, tuple[str, str, str]] = {"testing": ("", "testing", "")}
        """Account, secret and session token by access key."""
        self._numbers = itertools.count()
        self._lock = threading.Lock()
        self._server = LocalServer(self._app, name="signing")
        self.url, self.stop = self._server.url, self._server.stop

    def _app(self, environ: Any, start_response: Any) -> Any:
        body = environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))
        access_key, _, region, *_ = environ["HTTP_AUTHORIZATION"].partition("Credential=")[2].split("/")
        account, secret, session_token = self._roles[access_key]
        given, expected = signature(environ, secret, body)
        is_right = given == expected and environ.get("HTTP_X_AMZ_SECURITY_TOKEN", "") == session_token
        with self._lock:
            self.counts["requests"] += 1
            self.counts["wrong signatures"] += not is_right
        if environ["PATH_INFO"] != "/DescribeJobs":
            start_response("200 OK", [("Content-Type", "text/xml")])
            return [self._assume_role(dict(urllib.parse.parse_qsl(body.decode()))["RoleArn"].split(":")[4])]
        with self._lock:
            self.keys_by_account.setdefault(account, set()).add(access_key)
            self.regions.add(region)
        page = int(json.loads(body or b"{}").get("nextToken", "0"))
        items = [{"jobID": f"{account}-{region}-{page}"}]
        start_response("200 OK", [("Content-Type", "application/json")])
        return [json.dumps({"items": items, **({"nextToken": str(page + 1)} if page + 1 < PAGES else {})}).encode()]

    def _assume_role(self, account: str) -> bytes:
        number = next(self._numbers)
        key, secret, token = f"ASIA{number:016}", f"secret{number}", f"token{number}"
        with self._lock:
            self.counts["AssumeRole"] += 1
            self._roles[key] = account, secret, token
        return assume_role_response(key, secret, token, clients._RENEWAL_MARGIN + LIFETIME)


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    aws = Aws()
    for name in ("AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_DRS"):
        monkeypatch.setenv(name, aws.url)
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    yield aws
    aws.stop()


@both_sweeps
def test_every_request_is_signed_for_its_own_role(sweep: Any, aws: Aws):
    """On 32 threads or tasks, which share four clients, while the credentials of each role are renewed again and again."""
    results = list(sweep(targets(ACCOUNTS, REGIONS, role_name="DrsReader"), max_in_flight=32))
    assert len(results) == len(ACCOUNTS) * len(REGIONS)
    for result in results:
        assert isinstance(result, TargetJobs)
        account = str(result.target.role_arn).split(":")[4]
        expected = [f"{account}-{result.target.region}-{page}" for page in range(PAGES)]
        assert [job.job_id for job in result.jobs] == expected
    assert aws.counts["wrong signatures"] == 0
    assert aws.counts["requests"] == len(results) * PAGES + aws.counts["AssumeRole"]
    assert aws.counts["AssumeRole"] > len(ACCOUNTS)
    assert max(map(len, aws.keys_by_account.values())) > 1
    assert aws.regions == set(REGIONS)
    print(f"{dict(aws.counts)}, {len(ACCOUNTS)} roles")


@both_sweeps
def test_server_detects_a_wrong_signature(sweep: Any, aws: Aws, monkeypatch: pytest.MonkeyPatch):
    """Otherwise the test above proves nothing."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    list(sweep(targets(ACCOUNTS[:1], REGIONS[:1], role_name="DrsReader")))
    assert aws.counts["wrong signatures"] == 1  # of AssumeRole


@both_sweeps
def test_targets_without_a_role_are_signed_with_the_keys_of_the_client(sweep: Any, aws: Aws):
    mixed = [Target("eu-west-1"), *targets(ACCOUNTS[:2], ["eu-west-1"], role_name="DrsReader")] * 10
    results = list(sweep(mixed, max_in_flight=8))
    for result in results:
        assert isinstance(result, TargetJobs)
        account = "" if result.target.role_arn is None else result.target.role_arn.split(":")[4]
        assert {job.job_id.partition("-")[0] for job in result.jobs} == {account}
    assert aws.counts["wrong signatures"] == 0
