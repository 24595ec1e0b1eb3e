"""Simulated accounts for sweeps: LocalDrs endpoints with jobs or with one kind of failure each, and an STS, over HTTP."""

import contextlib
import itertools
from collections.abc import Iterator
from typing import Any

import attrs
import pytest

from drs_jobs.sweep import Target, TargetFailure, TargetResult
from drs_jobs.testing import ErrorResponse, HtmlPage, LocalDrs, Slow, make_job
from simulated_sts import KEY, Refusal, Request, SimulatedAws

ROLE = "DrsReader"
DENIED_PREFIX = "9"
"""First digit of the accounts with a role that cannot be assumed."""

JOBS = {"eu-west-1": 0, "eu-central-1": 1, "us-east-1": 2, "ap-southeast-2": 3}
"""Number of jobs per region, the same in each account."""

FAULTS = {
    "not set up": ErrorResponse("UninitializedAccountException"),
    "HTML": HtmlPage(),
    "expired credentials": ErrorResponse("ExpiredTokenException", 403),
    "access denied": ErrorResponse("AccessDeniedException", 403),
    "hangs": Slow(60),
}
"""The fault of every response, by case."""

ERRORS = {
    "not set up": "uninitialized True, UninitializedAccountException",
    "HTML": "uninitialized False, MalformedResponseError",
    "expired credentials": "uninitialized False, ServiceError",
    "access denied": "uninitialized False, AccessDeniedException",
    "hangs": "uninitialized False, ReadTimeoutError",
    "unknown region": "uninitialized False, ValueError",
    "role denied": "uninitialized False, ServiceError",
}
"""The expected result, by case. The other targets are `ok` and return their jobs."""

ACCOUNTS = [
    ("not set up", "ok", "ok", "ok"),
    ("ok", "HTML", "ok", "ok"),
    ("ok", "ok", "expired credentials", "ok"),
    ("ok", "ok", "ok", "access denied"),
    ("hangs", "ok", "ok", "ok"),
    ("ok", "ok", "unknown region", "ok"),
    ("role denied", "role denied", "role denied", "role denied"),
    *[("ok", "ok", "ok", "ok")] * 18,
]
"""The cases of 25 accounts, by region: 100 targets, of which one fails in each way. More accounts repeat them."""


def deny_role(request: Request) -> Refusal | None:
    """Deny the role of some accounts."""
    return (403, "AccessDenied") if request.service == "sts" and request.account.startswith(DENIED_PREFIX) else None


@attrs.define
class SimulatedAccounts:
    """Targets, and the expected result of each."""

    sts: SimulatedAws
    targets: list[Target] = attrs.field(factory=list[Target])
    expected: dict[Target, str] = attrs.field(factory=dict[Target, str])
    """The number of jobs, or the name of the error, as `describe` returns them."""

    def add(self, account: str, region: str, endpoint_url: str | None, expected: str) -> None:
        """Add a target."""
        target = Target(region, role_arn=f"arn:aws:iam::{account}:role/{ROLE}", endpoint_url=endpoint_url)
        self.targets.append(target)
        self.expected[target] = expected

    def check(self, results: list[TargetResult[Any] | TargetFailure]) -> None:
        """Check that there is exactly one result per target, and the expected one."""
        assert len(results) == len(self.targets)
        found = {result.target: describe(result) for result in results}
        wrong = [
            (target, found.get(target), expected) for target, expected in self.expected.items() if found.get(target) != expected
        ]
        assert not wrong, wrong[:3]

    def check_roles(self, processes: int = 1) -> None:
        """Check that each process assumed each role at most once. A role that is denied is tried once in each region."""
        assert self.sts.assumed.keys() == {str(target.role_arn).split(":")[4] for target in self.targets}
        for account, count in self.sts.assumed.items():
            assert count <= processes * (len(JOBS) if account.startswith(DENIED_PREFIX) else 1), account


def describe(result: TargetResult[Any] | TargetFailure) -> str:
    """The number of jobs of a result, or the name of its error."""
    if isinstance(result, TargetResult):
        return f"{len(result.value)} jobs"
    return f"uninitialized {result.is_uninitialized}, {type(result.error).__name__}"


@contextlib.contextmanager
def simulate_accounts(count: int, *, hanging: bool = True) -> Iterator[SimulatedAccounts]:
    """A number of accounts in four regions, with the environment variables that boto3 needs.

    Args:
        count: Number of accounts.
        hanging: Whether some targets do not respond; otherwise these are `ok`.
    """
    with contextlib.ExitStack() as stack:
        sts = stack.enter_context(SimulatedAws(deny_role))
        endpoints = {case: stack.enter_context(LocalDrs()) for case in ("ok", *FAULTS)}
        endpoints["ok"].page_sizes = (2,)
        for case, fault in FAULTS.items():
            endpoints[case].inject(fault, times=None)
        environment = stack.enter_context(pytest.MonkeyPatch.context())
        for name, value in {
            "AWS_ENDPOINT_URL_STS": sts.endpoint_url,
            "AWS_ACCESS_KEY_ID": KEY,
            "AWS_SECRET_ACCESS_KEY": KEY,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }.items():
            environment.setenv(name, value)
        accounts = SimulatedAccounts(sts)
        for number, cases in enumerate(itertools.islice(itertools.cycle(ACCOUNTS), count)):
            for region, case in zip(JOBS, cases, strict=True):
                if case == "unknown region":
                    accounts.add(f"1{number:011}", "mars-north-1", None, ERRORS[case])
                elif case == "role denied":
                    accounts.add(f"{DENIED_PREFIX}{number:011}", region, endpoints["ok"].endpoint_url, ERRORS[case])
                elif case == "ok" or (case == "hangs" and not hanging):
                    account = f"1{number:011}"
                    jobs = (make_job() for _ in range(JOBS[region]))
                    endpoints["ok"].add_jobs(*jobs, region=region, account_id=account)
                    accounts.add(account, region, endpoints["ok"].endpoint_url, f"{JOBS[region]} jobs")
                else:
                    accounts.add(f"1{number:011}", region, endpoints[case].endpoint_url, ERRORS[case])
        yield accounts
