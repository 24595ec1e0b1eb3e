"""A simulated world of accounts: LocalDrs endpoints that answer or fail in every way, and moto's STS, all over HTTP."""

import contextlib
import io
import os
import re
import urllib.parse
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import attrs
from moto.server import DomainDispatcherApplication, create_backend_app

from drs_jobs.sweep import Target, TargetFailure, TargetJobs
from drs_jobs.testing import ErrorResponse, HtmlPage, LocalDrs, Slow, make_job
from drs_jobs.testing._server import LocalServer

REGIONS = ("eu-west-1", "eu-central-1", "us-east-1", "ap-southeast-2")
ROLE = "DrsReader"
DENIED = "9"
"""Accounts that begin with it do not let anybody in."""


class Sts:
    """moto's STS over HTTP, which counts the roles that are assumed, and refuses some."""

    def __init__(self) -> None:
        self.assumed: Counter[str] = Counter()
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._server = LocalServer(self._app, name="STS")
        self.endpoint_url = self._server.url
        self.stop = self._server.stop

    def _app(self, environ: Any, start_response: Any) -> Any:
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        asked = dict(urllib.parse.parse_qsl(body.decode()))
        if asked.get("Action") == "AssumeRole":
            account = asked["RoleArn"].split(":")[4]
            self.assumed[account] += 1
            if account.startswith(DENIED):
                start_response("403 Forbidden", [("Content-Type", "text/xml")])
                error = "<Type>Sender</Type><Code>AccessDenied</Code><Message>not authorized: sts:AssumeRole</Message>"
                return [f"<ErrorResponse><Error>{error}</Error><RequestId>r</RequestId></ErrorResponse>".encode()]
        environ["wsgi.input"] = io.BytesIO(body)
        return self._moto(environ, start_response)


@attrs.define
class World:
    """Targets, and what should become of each."""

    sts: Sts
    targets: list[Target] = attrs.field(factory=list[Target])
    expected: dict[Target, str] = attrs.field(factory=dict[Target, str])
    """How many jobs, or the name of the error."""

    def check(self, outcomes: list[TargetJobs | TargetFailure]) -> None:
        """Exactly one outcome a target, and the right one."""
        assert len(outcomes) == len(self.targets)
        told = {outcome.target: told_of(outcome) for outcome in outcomes}
        wrong = [(word, self.expected[target], target) for target, word in told.items() if word != self.expected[target]]
        assert not wrong, wrong[:3]
        assert told.keys() == self.expected.keys()


def told_of(outcome: TargetJobs | TargetFailure) -> str:
    """An outcome in a word."""
    if isinstance(outcome, TargetJobs):
        return f"{len(outcome.jobs)} jobs"
    return f"uninitialized {outcome.is_uninitialized}, {type(outcome.error).__name__}"


FAILING: dict[str, tuple[Callable[[LocalDrs], object], str]] = {
    "not set up": (
        lambda local: local.inject(ErrorResponse("UninitializedAccountException"), times=None),
        "uninitialized True, UninitializedAccountException",
    ),
    "HTML": (lambda local: local.inject(HtmlPage(), times=None), "uninitialized False, MalformedResponseError"),
    "expires": (
        lambda local: local.inject(ErrorResponse("ExpiredTokenException", 403), times=None),
        "uninitialized False, ServiceError",
    ),
    "denied": (
        lambda local: local.inject(ErrorResponse("AccessDeniedException", 403), times=None),
        "uninitialized False, AccessDeniedException",
    ),
    "hangs": (lambda local: local.inject(Slow(60), times=None), "uninitialized False, ReadTimeoutError"),
}


@contextlib.contextmanager
def world(accounts: int, *, hanging: bool = True) -> Iterator[World]:
    """So many accounts in four regions, of whose targets one in a hundred fails in each way."""
    with contextlib.ExitStack() as stack:
        sts = Sts()
        stack.callback(sts.stop)
        good = stack.enter_context(LocalDrs())
        good.page_sizes = (2,)
        for number, region in enumerate(REGIONS):
            good.add_jobs(*(make_job() for _ in range(number)), region=region)
        spoiled: dict[str, LocalDrs] = {}
        for name, (apply, _) in FAILING.items():
            spoiled[name] = stack.enter_context(LocalDrs())
            apply(spoiled[name])
        environment = {
            "AWS_ENDPOINT_URL_STS": sts.endpoint_url,
            "AWS_ACCESS_KEY_ID": "testing",
            "AWS_SECRET_ACCESS_KEY": "testing",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_MAX_ATTEMPTS": "1",
        }
        before = {name: os.environ.get(name) for name in environment}
        os.environ.update(environment)
        stack.callback(lambda: [os.environ.pop(n) if v is None else os.environ.update({n: v}) for n, v in before.items()])
        made = World(sts)
        ways = [name for name in FAILING if hanging or name != "hangs"]
        for number in range(accounts * len(REGIONS)):
            account, region = f"1{number // len(REGIONS):011}", REGIONS[number % len(REGIONS)]
            way = ways[number % 100] if number % 100 < len(ways) else None
            endpoint, expected = good.endpoint_url, f"{number % len(REGIONS)} jobs"
            if way is not None:
                endpoint, expected = spoiled[way].endpoint_url, FAILING[way][1]
            elif number % 100 == 50:
                region, endpoint, expected = "mars-north-1", None, "uninitialized False, ValueError"
            elif number % 400 in (60, 61, 62, 63):
                account, expected = re.sub("^1", DENIED, account), "uninitialized False, ServiceError"
            target = Target(region, role_arn=f"arn:aws:iam::{account}:role/{ROLE}", endpoint_url=endpoint)
            made.targets.append(target)
            made.expected[target] = expected
        yield made
