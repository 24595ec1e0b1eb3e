"""`drs-jobs save`, and the commands that read its file and what AWS's command line prints."""

import gzip
import json
import re
import stat
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from command_line import run
from drs_jobs import JobsClient
from drs_jobs.testing import ErrorResponse, LocalDrs, RawResponse, make_history, make_job, make_server
from simulated_accounts import deny_role
from simulated_sts import SimulatedAws


@pytest.fixture
def history(local_drs: LocalDrs) -> LocalDrs:
    """A year of complete jobs, with their logs."""
    jobs = make_history(60, until=local_drs.now - timedelta(hours=2), seed=5, logs=True)
    complete = [job for job in jobs if job.is_complete]
    local_drs.add_jobs(*complete)
    for job in complete:
        local_drs.add_log(job.job_id, *jobs.logs.get(job.job_id, ()))
    return local_drs


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def set_end(file: Path, time: datetime) -> None:
    """Let the last run in a file have ended at this time."""
    saved = lines(file)
    saved[-1]["run"]["savedAt"] = time.isoformat()
    file.write_text("".join(f"{json.dumps(line)}\n" for line in saved), encoding="utf-8")


CRITERIA = ("--drilled-within", "90d", "--objective", "4h")


def test_records_are_those_of_aws(history: LocalDrs, tmp_path: Path):
    """Byte for byte, for complete jobs and the same moment."""
    file = tmp_path / "jobs.jsonl"
    saved = run("save", str(file))
    assert saved.returncode == 0
    assert re.fullmatch(r"\d+ jobs added, 0 kept, 0 unfinished, 0 without a log\n", saved.stderr)
    as_of = lines(file)[-1]["run"]["savedAt"]
    requests = len(history.requests)
    for output in ("json", "csv", "markdown"):
        offline = run("check", "--from", str(file), "-o", output, *CRITERIA, AWS_ACCESS_KEY_ID="", AWS_DEFAULT_REGION="")
        assert len(history.requests) == requests
        direct = run("check", "--as-of", as_of, "-o", output, *CRITERIA)
        assert (offline.returncode, offline.stdout) == (direct.returncode, direct.stdout)
        assert offline.stdout
        requests = len(history.requests)
    folders = tmp_path / "offline", tmp_path / "direct"
    for folder, options in zip(folders, (["--from", str(file)], ["--as-of", as_of]), strict=True):
        folder.mkdir()
        run("report", str(folder / "evidence.html"), *options, *CRITERIA)
    for name in ("evidence.csv", "evidence-jobs.csv"):
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()
    assert re.search(
        r"jobs\.jsonl, SHA-256 <code>[0-9a-f]{64}</code>", (folders[0] / "evidence.html").read_text(encoding="utf-8")
    )
    for command in (["list", "-o", "json"], ["show", "-o", "json"]):
        assert run(*command, "--from", str(file)).stdout == run(*command).stdout


def test_outputs_of_the_aws_command_line(history: LocalDrs, tmp_path: Path):
    """The same list from one object, a list and gzip."""
    expected = run("list", "-o", "json").stdout
    items = [item for page in JobsClient(history.client()).describe_jobs().pages() for item in page.raw["items"]]
    (tmp_path / "object.json").write_text(json.dumps({"items": items}, indent=4), encoding="utf-8")
    (tmp_path / "list.json").write_text(json.dumps(items), encoding="utf-8")
    (tmp_path / "object.json.gz").write_bytes(gzip.compress((tmp_path / "object.json").read_bytes()))
    for name in ("object.json", "list.json", "object.json.gz"):
        assert run("list", "-o", "json", "--from", str(tmp_path / name)).stdout == expected
    both = run("list", "-o", "json", "--from", str(tmp_path / "object.json"), "--from", str(tmp_path / "list.json"))
    assert both.stdout == expected
    checked = run("check", "--from", str(tmp_path / "list.json"), "--drilled-within", "90d")
    assert "printed by another tool" in checked.stderr


def test_second_run_adds_what_is_new(local_drs: LocalDrs, tmp_path: Path):
    file = tmp_path / "jobs.jsonl"
    running = make_job(status="STARTED", end_date_time=None)
    local_drs.add_jobs(make_job(), running)
    local_drs.inject(ErrorResponse("AccessDeniedException", 403), times=1, operation="DescribeJobLogItems")
    first = run("save", str(file))
    assert first.returncode == 0
    count, reason = first.stderr.splitlines()
    assert count == "1 job added, 0 kept, 1 unfinished, 1 without a log"
    assert "a log could not be read, the next run requests it again: " in reason
    assert "AccessDeniedException" in reason
    assert "drs:DescribeJobLogItems" in reason  # what to allow
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert run("save", str(file)).stderr == "1 job added, 0 kept, 1 unfinished, 0 without a log\n"
    assert run("save", str(file)).stderr == "0 jobs added, 1 kept, 1 unfinished, 0 without a log\n"
    assert [("job" in line, "run" in line) for line in lines(file)].count((False, True)) == 3
    listed = run("list", "--from", str(file), "-o", "json").stdout.splitlines()
    assert {json.loads(line)["outcome"] for line in listed} == {"RUNNING", "SUCCEEDED"}


def test_later_moment_is_not_covered(history: LocalDrs, tmp_path: Path):
    """What happened after the last run is a problem, so that nothing is met because of missing jobs."""
    file = tmp_path / "jobs.jsonl"
    run("save", str(file))
    set_end(file, history.now - timedelta(days=3))
    result = run("check", "--from", str(file), *CRITERIA, "--as-of", (history.now - timedelta(days=1)).isoformat())
    assert "the files lack them" in result.stderr
    assert result.returncode in {1, 4}
    assert run("check", "--from", str(file), *CRITERIA).stderr.count("no run") == 0


def test_jobs_from_before_a_gap_count(local_drs: LocalDrs, tmp_path: Path):
    """A successful drill in the file is a fact, also if the runs since then do not reach back to it."""
    server = make_server(source_server_id="s-00000000000000001")
    drilled_at = local_drs.now - timedelta(days=20)
    drill = make_job(
        creation_date_time=drilled_at, end_date_time=drilled_at + timedelta(minutes=9), participating_servers=(server,)
    )
    local_drs.add_jobs(drill)
    file = tmp_path / "jobs.jsonl"
    run("save", str(file))
    set_end(file, local_drs.now - timedelta(days=10))
    run("save", str(file), "--since", "1d")
    checked = run("check", "--from", str(file), "--drilled-within", "90d", "-o", "json")
    [record] = [json.loads(line) for line in checked.stdout.splitlines()]
    assert (checked.returncode, record["verdict"], record["lastSuccessJobID"]) == (0, "MET", drill.job_id)
    assert record["since"] > record["lastSuccessAt"], "the gap is named"


def test_recovery_from_before_a_gap_is_not_the_latest(local_drs: LocalDrs, tmp_path: Path):
    """A later one that failed can be in the gap. A server with a recovery since the gap is not concerned."""
    servers = [make_server(source_server_id=f"s-0000000000000000{number}") for number in (1, 2)]
    for days, ids in ((20, servers), (0.5, servers[:1])):
        created_at = local_drs.now - timedelta(days=days)
        job = make_job(
            creation_date_time=created_at, end_date_time=created_at + timedelta(minutes=9), participating_servers=tuple(ids)
        )
        local_drs.add_jobs(job)
    file = tmp_path / "jobs.jsonl"
    run("save", str(file))
    set_end(file, local_drs.now - timedelta(days=10))
    run("save", str(file), "--since", "1d")
    checked = run("check", "--from", str(file), "--objective", "1h", "-o", "json")
    records = {record["sourceServerID"]: record for record in map(json.loads, checked.stdout.splitlines())}
    assert [records[server.source_server_id]["recovered"] for server in servers] == ["MET", "UNDETERMINED"]
    assert "one of them can be a later recovery" in records[servers[1].source_server_id]["reasons"]
    assert checked.returncode == 4


@pytest.mark.parametrize("output", ["table", "markdown", "junit", "prometheus"])
def test_old_run_of_a_region_is_named(output: str, local_drs: LocalDrs, tmp_path: Path):
    """It limits the moment of the assessment, so each output for people says it."""
    for region, days in (("eu-west-1", 0), ("us-east-1", 20)):
        job = make_job(arn=f"arn:aws:drs:{region}:123456789012:job/drsjob-0000000000000000{days:02}")
        local_drs.add_jobs(job, region=region)
        file = tmp_path / f"{region}.jsonl"
        run("save", str(file), AWS_DEFAULT_REGION=region)
        set_end(file, local_drs.now - timedelta(days=days))
    files = [option for path in sorted(tmp_path.iterdir()) for option in ("--from", str(path))]
    checked = run("check", *files, "--drilled-within", "90d", "-o", output)
    note = next(line for line in checked.stderr.splitlines() if "us-east-1" in line)
    assert output == "table" or note in checked.stdout


def test_interrupted_first_run(local_drs: LocalDrs, tmp_path: Path):
    """The error says what to do, although the jobs have times."""
    local_drs.add_jobs(make_job())
    file = tmp_path / "jobs.jsonl"
    run("save", str(file))
    file.write_text(f"{json.dumps(lines(file)[0])}\n", encoding="utf-8")
    checked = run("check", "--from", str(file), "--drilled-within", "90d")
    assert (checked.returncode, checked.stdout) == (2, "")
    assert "these files do not say when jobs were read: run drs-jobs save again, or give --as-of" in checked.stderr


def test_region_that_no_run_could_read(local_drs: LocalDrs, tmp_path: Path):
    """As with AWS, it concerns no server of another region, although its line has no account."""
    local_drs.add_history(make_history(20, until=local_drs.now, logs=True, seed=1))
    file = tmp_path / "jobs.jsonl"
    regions = ("--regions", "us-east-1,eu-west-1", "--in-flight", "1")
    local_drs.inject(ErrorResponse("AccessDeniedException"))
    assert run("save", str(file), *regions).returncode == 5
    local_drs.inject(ErrorResponse("AccessDeniedException"))
    results = run("check", *regions, *CRITERIA, "-o", "json"), run("check", "--from", str(file), *CRITERIA, "-o", "json")
    verdicts = [[json.loads(line)["verdict"] for line in result.stdout.splitlines()] for result in results]
    assert verdicts[0] == verdicts[1]
    assert "MET" in verdicts[0]
    assert all("could not be read: 123456789012 us-east-1: " in result.stderr for result in results)


def test_files_of_one_name_have_a_hash_each(local_drs: LocalDrs, tmp_path: Path):
    options: list[str] = []
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        local_drs.add_jobs(make_job(job_id=f"drsjob-0000000000000000{number}"))
        run("save", str(folder / "jobs.jsonl"))
        options += ["--from", str(folder / "jobs.jsonl")]
    run("report", str(tmp_path / "evidence.html"), *options, "--drilled-within", "90d")
    page = (tmp_path / "evidence.html").read_text(encoding="utf-8")
    assert len(set(re.findall(r"jobs\.jsonl, SHA-256 <code>([0-9a-f]{64})", page))) == 2
    assert "all jobs in the files" in page


def test_many_accounts(local_drs: LocalDrs, tmp_path: Path):
    """One file; a region that was never set up is counted, other failures are named, and what was read is kept."""
    sts = SimulatedAws(deny_role)
    local_drs.add_jobs(make_job())
    local_drs.add_jobs(make_job(arn="arn:aws:drs:us-east-1:123456789012:job/drsjob-00000000000000009"), region="us-east-1")
    file = tmp_path / "jobs.jsonl"
    options = ("save", str(file), "--accounts", "-", "--role-name", "DrsReader", "--regions", "eu-west-1,us-east-1")
    environment = {"AWS_ENDPOINT_URL_STS": sts.endpoint_url}
    first = run(*options, stdin=b"123456789012\n923456789012\n", **environment)
    sts.stop()
    assert first.returncode == 5
    assert "2 jobs added, 0 kept, 0 unfinished, 0 without a log" in first.stderr
    assert "2 regions failed with AccessDenied (923456789012 eu-west-1, 923456789012 us-east-1), the first: " in first.stderr
    runs = [line["run"] for line in lines(file) if "run" in line]
    assert {(entry["accountID"], entry["region"], entry.get("error", "")[:46]) for entry in runs} == {
        ("123456789012", "eu-west-1", ""),
        ("123456789012", "us-east-1", ""),
        ("923456789012", "eu-west-1", "ServiceError: An error occurred (AccessDenied)"),
        ("923456789012", "us-east-1", "ServiceError: An error occurred (AccessDenied)"),
    }
    checked = run("check", "--from", str(file), "--drilled-within", "90d")
    assert (
        "could not be read: 923456789012 eu-west-1: all jobs: ServiceError: An error occurred (AccessDenied)" in checked.stderr
    )


def test_region_that_fails_once(local_drs: LocalDrs, tmp_path: Path):
    """The file says what AWS would say, until a run reads the region."""
    file = tmp_path / "jobs.jsonl"
    for region in ("eu-west-1", "us-east-1"):
        arn = f"arn:aws:drs:{region}:123456789012:job/drsjob-{region:0<17}"
        local_drs.add_jobs(
            make_job(
                job_id=arn[-24:],
                arn=arn,
                creation_date_time=local_drs.now - timedelta(days=5),
                participating_servers=[make_server(source_server_id=f"s-{region:0<17}")],
            ),
            region=region,
        )
    options = ("--regions", "eu-west-1,us-east-1", "--in-flight", "1")
    local_drs.inject(ErrorResponse("AccessDeniedException"), times=1)
    statuses = []
    for _ in range(2):
        run("save", str(file), *options)
        statuses.append(run("check", "--from", str(file), "--drilled-within", "90d").returncode)
        listed = run("list", "--from", str(file)).stderr
        assert ("could not be read: eu-west-1: all jobs: AccessDenied" in listed) is (len(statuses) == 1)
    assert statuses == [4, 0]


def test_jobs_without_an_arn(local_drs: LocalDrs, tmp_path: Path):
    """They keep the region where they were read."""
    local_drs.add_jobs(make_job(arn=None))
    file = tmp_path / "jobs.jsonl"
    run("save", str(file))
    for options in (("--from", str(file)), ("--regions", "eu-west-1")):
        listed = json.loads(run("list", "-o", "json", *options).stdout)
        assert (listed.get("arn"), listed["region"]) == (None, "eu-west-1")


def test_first_save_that_is_refused(local_drs: LocalDrs, tmp_path: Path):
    local_drs.inject(ErrorResponse("AccessDeniedException"), times=1)
    file = tmp_path / "jobs.jsonl"
    assert run("save", str(file)).returncode == 5
    assert not file.exists()


def test_page_token(tmp_path: Path):
    """An empty list of what the file has is not an empty list of jobs."""
    file = tmp_path / "page.json"
    file.write_text('{"items": [{"jobID": "drsjob-00000000000000001"}], "NextToken": "x"}', encoding="utf-8")
    listed = run("list", "--failed", "--from", str(file))
    assert (listed.returncode, listed.stdout) == (0, "")
    assert "could not be read: jobs after the end of page.json, a page token" in listed.stderr


@pytest.mark.parametrize(
    ("content", "command", "status", "message"),
    [
        ("<html>", ["list", "--from", "FILE"], 2, "line 1: it is not JSON"),
        (
            '{"items": [{"x": 1}]}',
            ["check", "--from", "FILE"],
            2,
            "line 1: expected a value, found nothing at $.items",
        ),
        ("<html>", ["save", "FILE"], 2, "only lines of drs-jobs save can be appended to"),
        (None, ["list", "--from", "FILE"], 2, "cannot be read: No such file"),
        (None, ["list", "--from", "2024-06-01"], 2, "cannot be read: No such file"),
        ("", ["list", "--from", "FILE", "--endpoint-url", "x"], 2, "leave out --endpoint-url"),
        ("", ["check", "--from", "FILE", "--servers", "aws"], 2, "reads files, not AWS"),
        ("", ["list", "--from", "FILE", "--names", "aws"], 2, "reads files, not AWS"),
        (None, ["save", "FILE", "--since", "9999-01-01"], 2, "--since 9999-01-01 is in the future"),
        (None, ["save", "absent/jobs.jsonl"], 5, "No such file or directory"),
    ],
)
def test_bad_files(content, command, status, message, tmp_path: Path, local_drs: LocalDrs):
    """One line, no request, and the file is not changed."""
    file = tmp_path / "jobs.jsonl"
    if content is not None:
        file.write_text(content, encoding="utf-8")
    result = run(*[str(file) if part == "FILE" else part for part in command], folder=tmp_path)
    assert (result.returncode, result.stdout, result.stderr.count("\n"), len(local_drs.requests)) == (status, "", 1, 0)
    assert message in result.stderr
    assert content is None or file.read_text(encoding="utf-8") == content


def test_malformed_job(local_drs: LocalDrs, tmp_path: Path):
    """The others are saved, but no line says that all was read."""
    body = b'{"items": [{"jobID": 7}, {"jobID": "drsjob-00000000000000001", "status": "COMPLETED"}]}'
    local_drs.inject(RawResponse(body), times=1)
    file = tmp_path / "jobs.jsonl"
    result = run("save", str(file))
    assert (result.returncode, ["job" in line for line in lines(file)]) == (5, [True])
    assert "not all jobs could be read: malformed response" in result.stderr
