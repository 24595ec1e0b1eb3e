"""What one STS, region or throttled request decides for one target decides nothing for other targets of a sweep."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest

import drs_jobs.sweep.clients
from both_sweeps import both_sweeps
from drs_jobs.sweep import Target, TargetFailure, TargetJobs, targets
from simulated_sts import DEFAULT_REGIONS, DROPPED, KEY, Refusal, Request, SimulatedAws, redirect_sts, skip_sleeps

ACCOUNT, OTHER = "123456789012", "210987654321"
ROLE = "DrsReader"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[SimulatedAws]:
    """STS and DRS of all regions. There are three attempts, without sleeps, and the retries of a client are limited."""
    skip_sleeps(monkeypatch)
    with SimulatedAws() as aws:
        for name in ("AWS_ENDPOINT_URL_STS", "AWS_ENDPOINT_URL_DRS"):
            monkeypatch.setenv(name, aws.url)
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
            monkeypatch.setenv(name, KEY)
        monkeypatch.setenv("AWS_RETRY_MODE", "standard")
        yield aws


def failures(results: list[Any]) -> list[TargetFailure]:
    """The failures. Every other target must have the jobs of its account and region."""
    for result in results:
        if isinstance(result, TargetJobs):
            account = str(result.target.role_arn).split(":")[4]
            assert [job.job_id for job in result.jobs] == [f"{account}-{result.target.region}-0"]
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
    assert len(results) > 30
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
    assert aws.assumed() == {ACCOUNT: 1, OTHER: 1}


@pytest.mark.parametrize("mode", ["legacy", "regional"])
@both_sweeps
def test_credentials_of_the_global_sts(sweep: Any, mode: str, aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch):
    """Regions that an account must opt in to do not accept them. With `legacy`, they come from the STS of default regions."""
    monkeypatch.setenv("AWS_STS_REGIONAL_ENDPOINTS", mode)
    monkeypatch.delenv("AWS_ENDPOINT_URL_STS")
    redirect_sts(monkeypatch, aws.url)
    default_regions_first = sorted(boto3.Session().get_available_regions("drs"), key=lambda name: name not in DEFAULT_REGIONS)
    assert codes(list(sweep(targets([ACCOUNT], default_regions_first, role_name=ROLE)))) == {}
    assert any(request.is_global for request in aws.requests) == (mode == "legacy")


@both_sweeps
def test_sts_that_does_not_respond(sweep: Any, aws: SimulatedAws, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(drs_jobs.sweep.clients, "READ_TIMEOUT", 0.2)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    released = threading.Event()

    def refuse(request: Request) -> Refusal | None:
        return DROPPED if request.service == "sts" and request.region == "af-south-1" and released.wait(60) else None

    aws.refuse = refuse
    results = list(sweep(targets([ACCOUNT], ["af-south-1", "eu-west-1", "us-east-1"], role_name=ROLE)))
    released.set()
    assert codes(results) == {"ReadTimeoutError": 1}


# ------------------------------------------------------------------ retries


@pytest.mark.parametrize("service", ["sts", "drs"])
@both_sweeps
def test_third_attempt_succeeds(sweep: Any, service: str, aws: SimulatedAws):
    """The retries of a client are limited in total, but the attempts of one account use up none of another one's."""
    aws.refuse = throttle(service, 2)
    results = list(sweep(targets((f"{number:012}" for number in range(200)), ["eu-west-1"], role_name=ROLE)))
    assert len(results) == 200
    assert codes(results) == {}


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
    assert aws.assumed()[ACCOUNT] > 1


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
    assert aws.assumed()[ACCOUNT] == len({request.access_key for request in aws.requests}) - 1 > 20
    assert aws.refusals == {}
