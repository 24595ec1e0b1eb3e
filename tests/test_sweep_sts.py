"""What AWS decides for one target of a sweep decides nothing for the others, and each request is signed for its own target."""

import itertools
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import boto3
import botocore.session
import pytest

import frozen_time
from both_sweeps import both_sweeps, collect
from drs_jobs import JobsClient
from drs_jobs.sweep import Target, TargetFailure, TargetResult, clients, sweep, targets
from simulated_sts import DEFAULT_REGIONS, DROPPED, KEY, Refusal, Request, SimulatedAws, redirect_sts, skip_sleeps

ACCOUNT, OTHER = "123456789012", "210987654321"
ROLE = "DrsReader"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedAws]:
    """STS and DRS of all regions. There are three attempts, without sleeps, and the retries of a client are limited."""
    skip_sleeps(monkeypatch)
    with SimulatedAws() as aws:
        for name in ("AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_DRS"):
            monkeypatch.setenv(name, aws.endpoint_url)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, KEY)
        monkeypatch.setenv("AWS_RETRY_MODE", "standard")
        yield aws


def failures(results: list[Any]) -> list[TargetFailure]:
    """The failures. Every other target must have the jobs of its account and region. A target without a role has no account."""
    for result in results:
        if isinstance(result, TargetResult):
            account = (result.target.role_arn or "::::").split(":")[4]
            ids = [job.job_id for job in result.value]
            assert ids == [f"{account}-{result.target.region}-{page}" for page in range(len(ids))] != []
    return [result for result in results if isinstance(result, TargetFailure)]


def codes(results: list[Any]) -> Counter[str]:
    """The numbers of failures by the code of the error."""
    return Counter(getattr(failure.error, "code", type(failure.error).__name__) for failure in failures(results))


def refuse_in(*regions: str, code: str = "InvalidClientTokenId") -> Callable[[Request], Refusal | None]:
    """Regions that are not enabled in the account. Their STS and DRS refuse all requests."""

    def refuse(request: Request) -> Refusal | None:
        return (403, code if request.service == "sts" else "UnrecognizedClientException") if request.region in regions else None

    return refuse


def throttle(service: str, attempts: int) -> Callable[[Request], Refusal | None]:
    """The first attempts of each account are throttled."""
    refusal = {"sts": (400, "Throttling"), "drs": (429, "ThrottlingException")}[service]

    def refuse(request: Request) -> Refusal | None:
        return refusal if request.service == service and request.attempt <= attempts else None

    return refuse


# ------------------------------------------------------------------ regions


@pytest.mark.parametrize("code", ["InvalidClientTokenId", "RegionDisabledException", "AccessDenied"])
@both_sweeps
def test_refusal_of_one_region(sweep: Any, code: str, aws: SimulatedAws):
    aws.refuse = refuse_in("af-south-1", code=code)
    results = list(sweep(targets([ACCOUNT], "all", role_name=ROLE)))
    assert len(results) > 25  # the oldest botocore knows fewer regions
    assert [failure.target.region for failure in failures(results)] == ["af-south-1"]


@both_sweeps
def test_refusals_of_all_opt_in_regions(sweep: Any, aws: SimulatedAws):
    opt_in = set(boto3.Session().get_available_regions("drs")) - DEFAULT_REGIONS
    aws.refuse = refuse_in(*opt_in)
    results = list(sweep(targets([ACCOUNT], "all", role_name=ROLE)))
    assert sorted(failure.target.region for failure in failures(results)) == sorted(opt_in)


@both_sweeps
def test_refusal_is_kept_for_its_region(sweep: Any, aws: SimulatedAws):
    """The STS of the region is not requested again for other targets of the account. Other accounts are not refused."""
    aws.refuse = refuse_in("af-south-1")
    refused = [Target("af-south-1", role_arn=f"arn:aws:iam::{account}:role/{ROLE}") for account in [ACCOUNT] * 3 + [OTHER]]
    assert codes(list(sweep(refused))) == {"InvalidClientTokenId": 4}
    assert aws.assumed == {ACCOUNT: 1, OTHER: 1}


@pytest.mark.parametrize("mode", ["legacy", "regional"])
@both_sweeps
def test_credentials_of_the_global_sts(sweep: Any, mode: str, aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch):
    """Regions that an account must opt in to do not accept them. With `legacy`, they come from the STS of default regions."""
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", mode)
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    redirect_sts(monkeypatch, aws.endpoint_url)
    default_regions_first = sorted(boto3.Session().get_available_regions("drs"), key=lambda name: name not in DEFAULT_REGIONS)
    assert codes(list(sweep(targets([ACCOUNT], default_regions_first, role_name=ROLE)))) == {}
    assert any(request.is_global for request in aws.requests) == (mode == "legacy")


@both_sweeps
def test_sts_that_does_not_respond(sweep: Any, aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(clients, "READ_TIMEOUT", 2)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    released = threading.Event()

    def refuse(request: Request) -> Refusal | None:
        return DROPPED if request.service == "sts" and request.region == "af-south-1" and released.wait(60) else None

    aws.refuse = refuse
    # One after the other. Otherwise all can share the credentials of another region.
    results = list(sweep(targets([ACCOUNT], ["af-south-1", "eu-west-1", "us-east-1"], role_name=ROLE), max_in_flight=1))
    released.set()
    assert codes(results) == {"ReadTimeoutError": 1}


# ------------------------------------------------------------------ retries


@pytest.mark.parametrize(("in_flight", "retry_mode"), [(32, "standard"), (300, "standard"), (300, "adaptive")])
@pytest.mark.parametrize("service", ["sts", "drs"])
@both_sweeps
def test_third_attempt_succeeds(
    sweep: Any, service: str, in_flight: int, retry_mode: str, aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch
):
    """In these modes botocore limits the retries of a client. The attempts of one account use up none of another one's."""
    monkeypatch.setenv("AWS_RETRY_MODE", retry_mode)
    aws.refuse = throttle(service, 2)
    accounts = (f"{number:012}" for number in range(300))
    results = list(sweep(targets(accounts, ["eu-west-1"], role_name=ROLE), max_in_flight=in_flight))
    assert len(results) == 300
    assert codes(results) == {}


@pytest.mark.parametrize("service", ["sts", "drs"])
@both_sweeps
def test_no_response_costs_the_attempts_of_one_call(sweep: Any, service: str, aws: SimulatedAws):
    aws.refuse = lambda request: DROPPED if request.service == service and request.account == OTHER else None
    accounts = [ACCOUNT] * 3 + [OTHER]
    assert codes(list(sweep(targets(accounts, ["eu-west-1"], role_name=ROLE), max_in_flight=1))) == {"ConnectionClosedError": 1}
    assert sum(request.service == service and request.account == OTHER for request in aws.requests) == 3


@pytest.mark.parametrize(
    "refusal",
    [(400, "Throttling"), (503, "ServiceUnavailable"), (403, "AccessDenied"), DROPPED],
    ids=lambda refusal: refusal[1],
)
@both_sweeps
def test_failed_renewal_keeps_valid_credentials(sweep: Any, refusal: Refusal, aws: SimulatedAws):
    """They are renewed for each target, because they are valid for ten minutes only."""
    aws.lifetime = 600
    aws.refuse = lambda request: refusal if (request.service == "sts" and request.attempt > 1) else None
    assert codes(list(sweep(targets([ACCOUNT] * 6, ["eu-west-1"], role_name=ROLE), max_in_flight=1))) == {}
    assert aws.assumed[ACCOUNT] > 1


@both_sweeps
def test_failed_renewal_drops_expired_credentials(sweep: Any, aws: SimulatedAws):
    """The error of a target is that of the renewal."""
    aws.lifetime = -1
    aws.refuse = lambda request: (400, "Throttling") if (request.service == "sts" and request.attempt > 1) else None
    results = list(sweep(targets([ACCOUNT] * 3, ["eu-west-1"], role_name=ROLE), max_in_flight=1))
    assert codes(results) == {"ExpiredTokenException": 1, "Throttling": 2}


@both_sweeps
def test_credentials_are_renewed_during_a_sweep(sweep: Any, aws: SimulatedAws):
    """No request is signed with expired ones."""
    aws.lifetime = 600
    assert codes(list(sweep(targets([ACCOUNT] * 20, ["eu-west-1", "us-east-1"], role_name=ROLE)))) == {}
    assert aws.assumed[ACCOUNT] == len({request.access_key for request in aws.requests}) - 1 > 20
    assert aws.refusals == {}


def test_one_session_for_all_threads(aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch):
    """Each reads the data files of botocore. That takes longer than to build a client."""
    every = [Target(region) for region in boto3.Session().get_available_regions("drs")]
    sessions: list[Any] = []
    create = botocore.session.Session.__init__

    def count(self: Any, **keywords: Any) -> None:
        sessions.append(self)
        create(self, **keywords)

    monkeypatch.setattr(botocore.session.Session, "__init__", count)
    assert failures(list(sweep(every))) == []
    assert len(sessions) == 1


# ------------------------------------------------------------------ signatures


@both_sweeps
def test_every_request_is_signed_for_its_own_role(sweep: Any, aws: SimulatedAws):
    """On 32 threads or tasks, which share four clients, while the credentials of each role are renewed again and again."""
    aws.lifetime, aws.pages = 600, 3
    accounts = [f"{number:012}" for number in range(60)]
    regions = ["eu-west-1", "eu-central-1", "us-east-1", "ap-southeast-2"]
    results = list(sweep(targets(accounts, regions, role_name=ROLE), max_in_flight=32))
    assert failures(results) == []
    assert aws.refusals == {}
    reads = Counter((request.account, request.region) for request in aws.requests if request.service == "drs")
    assert reads == dict.fromkeys(itertools.product(accounts, regions), 3)
    assert len(results) == sum(aws.assumed.values()) == len(reads)


@both_sweeps
def test_server_detects_a_wrong_signature(sweep: Any, aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch):
    """Otherwise the test above proves nothing."""
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "another")
    [assuming] = sweep([Target("eu-west-1", role_arn=f"arn:aws:iam::{ACCOUNT}:role/{ROLE}")])
    [reading] = sweep([Target("eu-west-1")])
    assert [assuming.error.code, reading.error.code] == ["SignatureDoesNotMatch", "InvalidSignatureException"]


@both_sweeps
def test_targets_without_a_role_are_signed_with_the_keys_of_the_client(sweep: Any, aws: SimulatedAws):
    mixed = [Target("eu-west-1"), *targets([ACCOUNT, OTHER], ["eu-west-1"], role_name=ROLE)] * 10
    results = list(sweep(mixed, max_in_flight=8))
    assert len(results) == 30
    assert failures(results) == []
    assert aws.refusals == {}


def test_threads_of_a_read_sign_for_its_target(aws: SimulatedAws):
    """Whatever threads the function of the caller starts: a thread inherits no context. Also after the target is complete."""
    aws.pages = 3
    regions = ["eu-west-1", "us-east-1"]

    def read(client: JobsClient) -> tuple[set[str], JobsClient]:
        with ThreadPoolExecutor(4) as pool:
            pages = pool.map(lambda _: client.describe_jobs().collect(), range(4))
            return {job.job_id for jobs in pages for job in jobs}, client

    results = list(sweep([*targets([ACCOUNT, OTHER], regions, role_name=ROLE), Target("eu-west-1")], read))
    assert aws.refusals == {}
    for result in results:
        assert isinstance(result, TargetResult)
        account = (result.target.role_arn or "::::").split(":")[4]
        ids, client = result.value
        assert ids == {f"{account}-{result.target.region}-{page}" for page in range(3)}
        assert {job.job_id for job in client.describe_jobs()} == ids
    assert len(results) == 5
    assert aws.assumed == {ACCOUNT: 1, OTHER: 1}


@both_sweeps
def test_long_read_renews_its_credentials(sweep: Any, aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch):
    """A read of many logs can take longer than credentials are valid. They are renewed before they expire."""
    passed = [0.0]
    machine_time = clients.machine_time
    monkeypatch.setattr(clients, "machine_time", lambda: machine_time() + passed[0])

    async def read(client: Any) -> list[int]:
        numbers = []
        for _ in range(60):  # minutes
            numbers.append(len(await collect(client.describe_jobs())))
            passed[0] += 61
        return numbers

    [result] = sweep(targets([ACCOUNT], ["eu-west-1"], role_name=ROLE), read)
    assert result.value == [1] * 60
    assert aws.assumed[ACCOUNT] == 2
    assert len({request.access_key for request in aws.requests if request.service == "drs"}) == 2


@both_sweeps
def test_credentials_expire_within_a_read(sweep: Any, aws: SimulatedAws):
    """By the clock of the machine, and of AWS."""
    aws.lifetime = 0.3

    async def read(client: Any) -> int:
        jobs = 0
        for number in range(3):
            jobs += len(await collect(client.describe_jobs()))
            if number < 2:
                threading.Event().wait(0.4)
        return jobs

    [result] = sweep(targets([ACCOUNT], ["eu-west-1"], role_name=ROLE), read)
    assert result.value == 3
    assert aws.assumed[ACCOUNT] == 3
    assert aws.refusals == {}


@both_sweeps
def test_failed_renewal_within_a_read(sweep: Any, aws: SimulatedAws):
    """Valid credentials are used. With expired ones, the error of the renewal is that of the request."""
    aws.lifetime = 0.5
    aws.refuse = lambda request: (403, "AccessDenied") if (request.service == "sts" and request.attempt > 1) else None

    async def read(client: Any) -> int:
        jobs = len(await collect(client.describe_jobs())) + len(await collect(client.describe_jobs()))
        assert jobs == 2
        threading.Event().wait(0.6)
        return len(await collect(client.describe_jobs()))

    [failure] = sweep(targets([ACCOUNT], ["eu-west-1"], role_name=ROLE), read)
    assert (failure.error.code, failure.error.operation_name) == ("AccessDenied", "AssumeRole")
    assert type(failure.error.__cause__) is not type(failure.error)


@both_sweeps
def test_role_that_is_denied_calls_no_function(sweep: Any, aws: SimulatedAws):
    aws.refuse = lambda request: (403, "AccessDenied") if request.service == "sts" else None
    calls: list[int] = []

    async def read(_: Any) -> None:
        calls.append(1)

    assert codes(list(sweep(targets([ACCOUNT], ["eu-west-1"], role_name=ROLE), read))) == {"AccessDenied": 1}
    assert calls == []


# ------------------------------------------------------------------ frozen time


@both_sweeps
def test_frozen_time(sweep: Any, aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch):
    """Credentials are renewed when they expire by the clock of the machine, and each target has its result."""
    frozen_time.freeze(monkeypatch, real_asyncio=True)
    aws.lifetime = 600
    assert codes(list(sweep(targets([ACCOUNT] * 3, ["eu-west-1"], role_name=ROLE), max_in_flight=1))) == {}
    assert aws.assumed == {ACCOUNT: 3}
    aws.lifetime = 3600
    assert codes(list(sweep(targets([OTHER] * 3, ["eu-west-1"], role_name=ROLE), max_in_flight=1))) == {}
    assert aws.assumed == {ACCOUNT: 3, OTHER: 1}
