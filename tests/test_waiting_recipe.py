"""The recipe of docs/waiting.md, for each way in which a wait can end."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import NoCredentialsError

from drs_jobs import JobsClient
from drs_jobs.testing import ErrorResponse, LocalDrs, RawResponse, make_job, make_log_item, make_server
from simulated_time import SimulatedTime

PAGE = Path(__file__).parent.parent / "docs" / "waiting.md"
LOG = "DescribeJobLogItems"
FAILED = (make_server(source_server_id="s-bad", launch_status="FAILED"),)


@pytest.fixture(scope="module")
def recipe() -> Callable[..., int]:
    [source, *_] = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    exec(compile(source, str(PAGE), "exec"), names)
    recipe: Callable[..., int] = names["wait_and_report"]
    return recipe


def _client(local: LocalDrs) -> JobsClient:
    client = JobsClient(local.client())
    client._clock = SimulatedTime().clock()
    return client


@pytest.mark.parametrize(
    ("fields", "status", "words"),
    [
        ({}, 0, "succeeded: "),
        ({"participating_servers": FAILED}, 1, "failed: s-bad LAUNCH_FAILED: no boot"),
        ({"participating_servers": ()}, 4, "undetermined: "),
        ({"status": "STARTED"}, 3, "not complete in time: "),
    ],
)
def test_outcomes(fields, status, words, recipe, local_drs: LocalDrs, capsys: pytest.CaptureFixture[str]):
    job = make_job(**fields)
    local_drs.add_jobs(job)
    local_drs.add_log(job.job_id, make_log_item(event="LAUNCH_FAILED", source_server_id="s-bad", raw_error="no boot"))
    assert status == recipe(_client(local_drs), job)
    assert words in capsys.readouterr().out


ERRORS = {
    "denied": ErrorResponse("AccessDeniedException", 403),
    "expired": ErrorResponse("ExpiredTokenException", 403),
    "not set up": ErrorResponse("UninitializedAccountException"),
    "malformed": RawResponse(b'{"items": [{"jobID": 1}]}'),
    "outage": ErrorResponse("InternalServerException", 500),
}


@pytest.mark.parametrize("name", ERRORS)
def test_permanent_errors(name: str, recipe, local_drs: LocalDrs, capsys: pytest.CaptureFixture[str]):
    """A transient error is one too, if there is no response before it."""
    local_drs.inject(ERRORS[name], times=None)
    assert recipe(_client(local_drs), make_job()) == 5
    assert capsys.readouterr().out.startswith("unknown, because the job could not be read: ")


def test_unknown_job(recipe, local_drs: LocalDrs, capsys: pytest.CaptureFixture[str]):
    assert recipe(_client(local_drs), "drsjob-00000000000000000") == 5
    assert "drsjob-00000000000000000 was not found" in capsys.readouterr().out


def test_errors_without_a_request(recipe, capsys: pytest.CaptureFixture[str]):
    class NoCredentials:
        def describe_jobs(self, **_: Any) -> Any:
            raise NoCredentialsError

    assert recipe(JobsClient(NoCredentials()), make_job()) == 5
    assert "NoCredentialsError" in capsys.readouterr().out


@pytest.mark.parametrize("operation", [LOG, None])
def test_failed_job_without_reasons(operation: str | None, recipe, local_drs: LocalDrs, capsys: pytest.CaptureFixture[str]):
    """The job failed, whether or not its log, or the job itself, can be read again."""
    job = make_job(participating_servers=FAILED)
    local_drs.add_jobs(job)
    local_drs.add_log(job.job_id, make_log_item(event="LAUNCH_FAILED", source_server_id="s-bad", raw_error="no boot"))
    client = _client(local_drs)
    real = client.wait

    def wait(*args: Any, **keywords: Any) -> Any:
        ended = real(*args, **keywords)
        local_drs.inject(ErrorResponse("AccessDeniedException", 403), times=None, operation=operation)
        return ended

    client.wait = wait  # type: ignore[method-assign]
    assert recipe(client, job) == 1
    printed = capsys.readouterr().out
    assert "s-bad did not launch" in printed
    assert "could not be read" in printed
    assert "no boot" not in printed
