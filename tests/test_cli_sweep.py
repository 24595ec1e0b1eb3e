"""`drs-jobs sweep`: its output, its exit status, and the check of its configuration."""

import csv
import io
import json
from collections import Counter
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError

from command_line import run
from drs_jobs import structure_job
from drs_jobs._errors import service_error
from drs_jobs.cli.commands.sweep import IN_FLIGHT
from drs_jobs.cli.commands.sweep_targets import SweepFailures
from drs_jobs.sweep import Target, TargetFailure
from drs_jobs.sweep.workers import MAX_IN_FLIGHT
from drs_jobs.testing import ErrorResponse, LocalDrs, make_job, make_server
from simulated_accounts import deny_role
from simulated_sts import SimulatedAws

SWEEP = ("sweep", "--accounts", "-", "--role-name", "DrsReader")


NO_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}


def _run_with_input(content: bytes, *arguments: str, **environment: str) -> tuple[int, str, str]:
    result = run(*arguments, stdin=content, **environment)
    return result.returncode, result.stdout, result.stderr


def test_sweep(tmp_path: Path, local_drs: LocalDrs):
    """A table of targets, or JSON lines with account and region. Failures are on stderr, with exit status 5."""
    sts = SimulatedAws(deny_role)
    local_drs.add_jobs(make_job(tags={"secret": "x"}), make_job(participating_servers=(make_server(launch_status="FAILED"),)))
    local_drs.add_jobs(make_job(status="STARTED"), region="us-east-1")
    accounts = tmp_path / "accounts.txt"
    accounts.write_text("123456789012\n123456789012 # twice\n210987654321\n", encoding="utf-8")
    common = ("sweep", "--accounts", str(accounts), "--role-name", "DrsReader")
    environment = {"AWS_ENDPOINT_URL_STS": sts.endpoint_url}
    result = run(*common, "--regions", "eu-west-1,us-east-1", **environment)
    # rich 13.9 prints an empty line for a disabled bar.
    assert (result.returncode, result.stderr.lstrip()) == (0, "4 targets, 6 jobs\n")
    assert [line.split() for line in result.stdout.splitlines()[1:3]] == [
        ["123456789012", "eu-west-1", "2", "-", "1", "1", "-"],
        ["123456789012", "us-east-1", "1", "1", "-", "-", "-"],
    ]
    as_json = run(*common, "--regions", "eu-west-1", "--output", "json", **environment)
    lines = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert {(line["account"], line["region"]) for line in lines} == {
        ("123456789012", "eu-west-1"),
        ("210987654321", "eu-west-1"),
    }
    assert all(structure_job(line).is_complete for line in lines)
    assert [line["outcome"] for line in lines].count("FAILED") == sum(bool(line["failedServers"]) for line in lines) > 0
    as_csv = run(*common, "--regions", "eu-west-1", "--output", "csv", **environment)
    rows = list(csv.DictReader(io.StringIO(as_csv.stdout)))
    assert Counter(row["account"] for row in rows) == Counter(line["account"] for line in lines)
    assert {(row["jobID"], row["outcome"]) for row in rows} == {(line["jobID"], line["outcome"]) for line in lines}
    assert "secret" not in as_json.stdout
    from_stdin = _run_with_input(accounts.read_bytes(), *SWEEP, "--regions", "eu-west-1", **environment)
    assert (from_stdin[0], from_stdin[2].lstrip()) == (0, "2 targets, 4 jobs\n")
    accounts.write_text("923456789012\n123456789012\n", encoding="utf-8")
    failed = run(*common, "--regions", "eu-west-1", **environment)
    assert failed.returncode == 5
    assert (
        "1 target failed with ServiceError (923456789012 eu-west-1), the first: An error occurred (AccessDenied)"
        in failed.stderr
    )
    local_drs.inject(ErrorResponse("UninitializedAccountException"))
    accounts.write_text("123456789012", encoding="utf-8")
    uninitialized = run(*common, "--regions", "eu-west-1", **environment)
    assert (uninitialized.returncode, "1 target never set up" in uninitialized.stderr) == (0, True)
    for wrong, message in ((["--regions", ""], "no targets"), (["--partition", "mars"], "use one of aws")):
        refused = run(*common, *wrong, **environment)
        assert (refused.returncode, message in refused.stderr) == (2, True)
    sts.stop()


@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--regions", "eu-west-1"], NO_CREDENTIALS, "no AWS credentials"),
        (["--regions", "eu-west-1", "--profile", "absent"], {}, "absent"),
        (["--regions", "eu-west-1,eu-wset-1"], {}, "'eu-wset-1'"),
        (["--regions", "eu-west-1", "--partition", "aws-us-gov"], {}, "'eu-west-1'"),
        (["--regions", "eu-west-1", "--endpoint-url", "nonsense"], {}, "nonsense"),
        (["--regions", "eu-west-1"], {"AWS_RETRY_MODE": "nonsense"}, "nonsense"),
        (["--regions", "eu-west-1", "--role-name", ""], {}, "role_name"),
    ],
)
def test_sweep_checks_its_configuration_first(arguments, environment, message, local_drs: LocalDrs):
    """One line, exit status 2, and no request to DRS or STS."""
    sts = {"AWS_ENDPOINT_URL_STS": local_drs.endpoint_url}
    status, output, errors = _run_with_input(b"123456789012\n210987654321\n", *SWEEP, *arguments, **sts, **environment)
    assert (status, output, errors.count("\n"), len(local_drs.requests)) == (2, "", 1, 0)
    assert message in errors


def _status_of(*errors: Exception) -> int:
    failures = SweepFailures()
    for error in errors:
        failures.add(TargetFailure(Target("eu-west-1"), error))
    return failures.status


def _service_error(code: str) -> Exception:
    return service_error(ClientError({"Error": {"Code": code, "Message": "m"}}, "AssumeRole"))


def test_exit_status_of_sweep():
    """2 if all failures are of credentials or configuration; 5 with any other failure."""
    expired, refused = _service_error("ExpiredToken"), _service_error("InvalidClientTokenId")
    timeout = ReadTimeoutError(endpoint_url="http://127.0.0.1:9")
    assert _status_of() == 0
    assert _status_of(_service_error("UninitializedAccountException")) == 0
    assert _status_of(expired, refused, NoCredentialsError()) == 2
    for other in (_service_error("AccessDenied"), timeout, ValueError("x"), RuntimeError("x")):
        assert _status_of(expired, other) == 5
        assert _status_of(other) == 5


def test_default_of_in_flight():
    """The command line has a copy, because it does not import `drs_jobs.sweep` for its help."""
    assert MAX_IN_FLIGHT == IN_FLIGHT
