"""Where commands read: many accounts and regions, and the check of their configuration."""

import csv
import io
import json
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest
from botocore.exceptions import ClientError, NoCredentialsError, ReadTimeoutError

from command_line import run
from drs_jobs import structure_job
from drs_jobs._errors import service_error
from drs_jobs.cli.sources import JobSource
from drs_jobs.sweep import Target, TargetFailure
from drs_jobs.testing import ErrorResponse, LocalDrs, make_history, make_job, make_server
from simulated_accounts import deny_role
from simulated_sts import SimulatedAws
from test_cli_servers import source_server

MANY = ("--accounts", "-", "--role-name", "DrsReader")
NO_CREDENTIALS = {"AWS_ACCESS_KEY_ID": "", "AWS_SECRET_ACCESS_KEY": "", "AWS_EC2_METADATA_DISABLED": "true"}
ACCOUNTS = "123456789012\n123456789012 # twice\n210987654321\n"


@pytest.fixture
def sts():
    simulated = SimulatedAws(deny_role)
    yield {"AWS_ENDPOINT_URL_STS": simulated.endpoint_url}
    simulated.stop()


def test_list(tmp_path: Path, local_drs: LocalDrs, sts: dict[str, str]):
    """One list, newest first, with account and region. Failures are on stderr, with exit status 5."""
    failed = make_job(participating_servers=(make_server(launch_status="FAILED"),))
    local_drs.add_jobs(make_job(tags={"secret": "x"}), failed)
    elsewhere = make_job(status="STARTED", arn="arn:aws:drs:us-east-1:123456789012:job/drsjob-00000000000000009")
    local_drs.add_jobs(elsewhere, region="us-east-1")
    accounts = tmp_path / "accounts.txt"
    accounts.write_text(ACCOUNTS, encoding="utf-8")
    options = ("list", "--accounts", str(accounts), "--role-name", "DrsReader", "--regions")
    result = run(*options, "eu-west-1,us-east-1", **sts)
    assert (result.returncode, result.stderr) == (0, "")
    header, *rows = result.stdout.splitlines()
    assert header.split()[1:3] == ["account", "region"]
    assert Counter(tuple(row.split()[1:3]) for row in rows) == {
        ("123456789012", "eu-west-1"): 2,
        ("123456789012", "us-east-1"): 1,
    }, "the other account has no jobs"
    as_json = run(*options, "eu-west-1", "--output", "json", **sts)
    lines = [json.loads(line) for line in as_json.stdout.splitlines()]
    assert {(line["accountID"], line["region"]) for line in lines} == {("123456789012", "eu-west-1")}
    times = [structure_job(line).creation_date_time for line in lines]
    assert times == sorted(times, key=lambda time: time.timestamp() if time else 0, reverse=True)
    as_csv = run(*options, "eu-west-1", "--output", "csv", **sts)
    assert [row["jobID"] for row in csv.DictReader(io.StringIO(as_csv.stdout))] == [line["jobID"] for line in lines]
    assert [line["jobID"] for line in lines][:1] == [
        json.loads(line)["jobID"]
        for line in run(*options, "eu-west-1", "--limit", "1", "-o", "json", **sts).stdout.splitlines()
    ]
    assert "secret" not in as_json.stdout
    from_stdin = run("list", *MANY, "--regions", "eu-west-1", stdin=accounts.read_bytes(), **sts)
    assert (from_stdin.returncode, len(from_stdin.stdout.splitlines())) == (0, 3)
    one_account = run("list", "--regions", "eu-west-1,us-east-1", **sts)
    assert (one_account.returncode, len(one_account.stdout.splitlines())) == (0, 4)


def test_failures(tmp_path: Path, local_drs: LocalDrs, sts: dict[str, str]):
    """They are named on stderr, with exit status 5. A region that was never set up is only counted."""
    local_drs.add_jobs(make_job())
    options = ("list", *MANY, "--regions", "eu-west-1")
    failed = run(*options, stdin=b"923456789012\n123456789012\n", **sts)
    assert (failed.returncode, len(failed.stdout.splitlines())) == (5, 2)
    assert "1 region failed with AccessDenied (923456789012 eu-west-1), the first: " in failed.stderr
    local_drs.inject(ErrorResponse("UninitializedAccountException"))
    uninitialized = run(*options, stdin=b"123456789012", **sts)
    assert (uninitialized.returncode, "1 region never set up" in uninitialized.stderr) == (0, True)


def test_check_of_many_accounts(local_drs: LocalDrs, sts: dict[str, str], tmp_path: Path):
    """Each server once, in its account and region; what failed is a problem there, and criteria decide the exit status."""
    servers = {region: f"s-{number:017}" for number, region in enumerate(("eu-west-1", "us-east-1"))}
    for region, server in servers.items():
        arn = f"arn:aws:drs:{region}:123456789012:source-server/{server}"
        local_drs.add_source_servers({**source_server(server, hostname=f"host-{region}"), "arn": arn}, region=region)
        job = make_job(
            arn=f"arn:aws:drs:{region}:123456789012:job/drsjob-00000000000000009",
            creation_date_time=local_drs.now - timedelta(hours=1),
            end_date_time=local_drs.now - timedelta(minutes=50),
            participating_servers=(make_server(source_server_id=server),),
        )
        local_drs.add_jobs(job, region=region)
    options = ("check", *MANY, "--regions", "eu-west-1,us-east-1", "--drilled-within", "90d", "--servers", "aws", "-o", "json")
    met = run(*options, stdin=b"123456789012\n", **sts)
    records = [json.loads(line) for line in met.stdout.splitlines()]
    assert [(record["sourceServerID"], record["name"], record["region"], record["verdict"]) for record in records] == [
        (server, f"host-{region}", region, "MET") for region, server in servers.items()
    ]
    assert met.returncode == 0
    other = run(*options, stdin=b"123456789012\n923456789012\n", **sts)
    assert other.returncode == 4, "met, but servers of the other account could be missing"
    assert "could not be read: 923456789012 us-east-1: " in other.stderr
    without_criterion = run("check", *MANY, "--regions", "eu-west-1", stdin=b"123456789012\n923456789012\n", **sts)
    assert without_criterion.returncode == 5
    page = tmp_path / "evidence.html"
    report = run("report", str(page), *options[1:-2], stdin=b"123456789012\n923456789012\n", **sts)
    assert report.returncode == 4
    assert "923456789012" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("command", ["list", "check"])
@pytest.mark.parametrize(
    ("arguments", "environment", "message"),
    [
        (["--regions", "eu-west-1"], NO_CREDENTIALS, "no AWS credentials"),
        (["--regions", "eu-west-1", "--profile", "absent"], {}, "absent"),
        (["--regions", "eu-west-1,eu-wset-1"], {}, "'eu-wset-1' of partition 'aws': did you mean eu-west-1?"),
        (["--regions", "eu-west-1", "--partition", "aws-us-gov"], {}, "'eu-west-1'"),
        (["--regions", "eu-west-1", "--endpoint-url", "nonsense"], {}, "nonsense"),
        (["--regions", "eu-west-1"], {"AWS_RETRY_MODE": "nonsense"}, "nonsense"),
        (["--regions", "eu-west-1", "--role-name", ""], {}, "role_name"),
        (["--regions", ""], {}, "--regions has no name: give one"),
        (["--partition", "mars"], {}, "use one of aws"),
        (["--region", "eu-west-1"], {}, "--region beside --accounts: use --regions eu-west-1"),
        (["--from", "jobs.jsonl"], {}, "--from reads files, not AWS: leave out --accounts, --role-name"),
    ],
)
def test_configuration_is_checked_first(command, arguments, environment, message, local_drs: LocalDrs):
    """One line, exit status 2, and no request to DRS or STS."""
    sts = {"AWS_ENDPOINT_URL_STS": local_drs.endpoint_url}
    result = run(command, *MANY, *arguments, stdin=b"123456789012\n210987654321\n", **sts, **environment)
    assert (result.returncode, result.stdout, result.stderr.count("\n"), len(local_drs.requests)) == (2, "", 1, 0)
    assert message in result.stderr


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--accounts", "-"], "--accounts needs --role-name"),
        (["--role-name", "x"], "--role-name: give --accounts too"),
        (["--regions", "eu-west-1", "--role-name", "x"], "need --accounts"),
        (["--accounts", "-", "--role-name", "x"], "line 2: '12345' is not an account id: use 12 digits"),
        (["--from", "absent.jsonl", "--region", "eu-west-1"], "leave out --region"),
    ],
)
def test_options_of_many_accounts(arguments: list[str], message: str, local_drs: LocalDrs):
    result = run("check", *arguments, stdin=b"123456789012\n12345\n")
    assert (result.returncode, result.stdout, result.stderr.count("\n"), len(local_drs.requests)) == (2, "", 1, 0)
    assert message in result.stderr


def _status_of(*errors: Exception) -> int:
    return JobSource(failures=[TargetFailure(Target("eu-west-1"), error) for error in errors]).status


def _service_error(code: str) -> Exception:
    return service_error(ClientError({"Error": {"Code": code, "Message": "m"}}, "AssumeRole"))


def test_exit_status_of_failures():
    """2 if all failures are of credentials or configuration; 5 with any other failure."""
    expired, refused = _service_error("ExpiredToken"), _service_error("InvalidClientTokenId")
    timeout = ReadTimeoutError(endpoint_url="http://127.0.0.1:9")
    assert _status_of() == 0
    assert _status_of(expired, refused, NoCredentialsError()) == 2
    for other in (_service_error("AccessDenied"), timeout, ValueError("x"), RuntimeError("x")):
        assert _status_of(expired, other) == 5
        assert _status_of(other) == 5


def test_region_that_fails_concerns_no_server_of_another(local_drs: LocalDrs):
    """The account is not in the options, but in the jobs of the other region."""
    local_drs.add_history(make_history(20, until=local_drs.now, logs=True, seed=1))
    criteria = ("check", "--drilled-within", "90d", "--objective", "1h", "-o", "json")
    alone = run(*criteria, "--regions", "eu-west-1")
    local_drs.inject(ErrorResponse("AccessDeniedException"))
    both = run(*criteria, "--regions", "us-east-1,eu-west-1", "--in-flight", "1")
    verdicts = [
        {record["sourceServerID"]: record["verdict"] for record in map(json.loads, result.stdout.splitlines())}
        for result in (alone, both)
    ]
    assert verdicts[0] == verdicts[1]
    assert "MET" in verdicts[0].values()
    assert "could not be read: 123456789012 us-east-1: the jobs: " in both.stderr


def test_one_job_id_in_two_regions(local_drs: LocalDrs):
    """Each row has its own region."""
    for region in ("eu-west-1", "us-east-1"):
        job = make_job(arn=f"arn:aws:drs:{region}:123456789012:job/drsjob-00000000000000001", job_id="drsjob-00000000000000001")
        local_drs.add_jobs(job, region=region)
    listed = run("list", "--regions", "eu-west-1,us-east-1", "-o", "csv")
    assert sorted(row["region"] for row in csv.DictReader(io.StringIO(listed.stdout))) == ["eu-west-1", "us-east-1"]
