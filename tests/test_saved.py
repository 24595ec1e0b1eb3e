"""Saved jobs: a file that is appended to, a client that reads it, and what it covers."""

import fcntl
import gzip
import hashlib
import itertools
import json
import os
import pickle
import random
import re
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import crash_reports
from drs_jobs import (
    DrsJobsError,
    InternalServerException,
    Job,
    JobsClient,
    JobStatus,
    MalformedResponseError,
    ValidationException,
    is_transient,
    structure_job,
)
from drs_jobs._pagination.pages import Request
from drs_jobs.evidence import Problem, assess
from drs_jobs.saved import SavedCount, SavedJobs, save_jobs, writing
from drs_jobs.saved.archive import Place
from drs_jobs.saved.coverage import coverage
from drs_jobs.saved.writing import JobsFile, UnsavedJobs
from drs_jobs.testing import ErrorResponse, LocalDrs, RawResponse, ServerError, make_history, make_job, make_log_item
from strategies import jobs as random_jobs
from strategies import log_items

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
SECRET = "S3CRET"
DRILL = {
    "arn": "arn:aws:drs:us-west-2:123456789012:job/drsjob-556c7b1d99221f996",
    "creationDateTime": "2022-12-07T19:15:38.846723+00:00",
    "endDateTime": "2022-12-07T19:24:32.155509+00:00",
    "initiatedBy": "START_DRILL",
    "jobID": "drsjob-556c7b1d99221f996",
    "participatingServers": [{"launchStatus": "LAUNCHED", "sourceServerID": "s-51d6b65c73391918f"}],
    "status": "COMPLETED",
    "tags": {},
    "type": "LAUNCH",
}
"""As the service sent it in 2022."""

PENDING = {
    "creationDateTime": "2024-09-16T04:42:46.324841+00:00",
    "jobID": "drsjob-30eb24d442e3c9e10",
    "participatingResources": [],
    "participatingServers": [
        {"launchActionsStatus": {"runs": []}, "launchStatus": "PENDING", "sourceServerID": "s-32c734b5ce47c6326"}
    ],
    "status": "PENDING",
    "tags": {"resourceArn": "arn:aws:drs:us-east-1:123456789012:job/drsjob-30eb24d442e3c9e10"},
}
"""As StartRecovery returned it in 2024."""

LOG = [
    {"event": "JOB_START", "eventData": {}, "logDateTime": "2022-12-07T19:15:39.1+00:00"},
    {
        "event": "LAUNCH_END",
        "eventData": {"sourceServerID": "s-51d6b65c73391918f", "targetInstanceID": "i-04506d5ee9a75c1e7"},
        "logDateTime": "2022-12-07T19:24:29.374504+00:00",
    },
    {"event": "JOB_END", "eventData": {}, "logDateTime": "2022-12-07T19:24:32.182+00:00"},
]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "jobs.jsonl"


@pytest.fixture
def client(boto_client: Any) -> JobsClient:
    return JobsClient(boto_client)


def lines(path: Path) -> list[Any]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def job_line(job: Any = DRILL, log: Any = LOG, **members: Any) -> dict[str, Any]:
    place = {"accountID": "123456789012", "region": "us-west-2"}
    return {"version": 1, "job": job, "log": log, "logError": None, **place, "savedAt": "2026-01-01T00:00:00Z", **members}


def run_line(saved_at: datetime, read_from: datetime | None = None, *, unfinished: Any = (), **members: Any) -> dict[str, Any]:
    run = {"readFrom": read_from and read_from.isoformat(), "savedAt": saved_at.isoformat(), "accountID": "123456789012"}
    return {"version": 1, "run": {**run, "region": "us-west-2", "jobs": 1, "unfinished": [*unfinished], **members}}


def write(path: Path, *values: Any) -> Path:
    path.write_text("".join(f"{json.dumps(value)}\n" for value in values), encoding="utf-8")
    return path


def respond(local_drs: LocalDrs, *responses: Any) -> None:
    for response in responses:
        local_drs.inject(RawResponse(json.dumps(response).encode()))


def log_requests(local_drs: LocalDrs) -> list[str]:
    return [request.body["jobID"] for request in local_drs.requests if request.operation == "DescribeJobLogItems"]


def saved_ids(path: Path) -> list[str]:
    """The ids of all jobs in the file that are complete, in the order of their lines."""
    return [line["job"]["jobID"] for line in lines(path) if "job" in line]


# ------------------------------------------------------------------ save_jobs


def test_file(client: JobsClient, local_drs: LocalDrs, path: Path):
    """One line per complete job as AWS sent it, and one per run, with the jobs that are not complete."""
    respond(local_drs, {"items": [{**DRILL, "later": [1]}, PENDING]}, {"items": LOG[:2], "nextToken": "2"}, {"items": LOG[2:]})
    before = datetime.now(UTC)
    assert save_jobs(client, path) == SavedCount(added=1, unfinished=1)
    job, run = lines(path)
    saved_at = run["run"]["savedAt"]
    assert before <= datetime.fromisoformat(saved_at) <= datetime.now(UTC)
    place = {"accountID": "123456789012", "region": "eu-west-1", "savedAt": saved_at}
    assert job == {"version": 1, "job": {**DRILL, "later": [1]}, "log": LOG, "logError": None, **place}
    assert run == {"version": 1, "run": {"readFrom": None, **place, "jobs": 2, "unfinished": [PENDING]}}
    assert path.read_bytes().count(b'{"version": 1, "') == 2


def test_next_runs(client: JobsClient, local_drs: LocalDrs, path: Path):
    """They request no log that the file has, and a job that has ended since gets its line."""
    running, *complete = [make_job(status=JobStatus.STARTED, end_date_time=None), *(make_job() for _ in range(3))]
    local_drs.add_jobs(running, *complete)
    assert save_jobs(client, path) == SavedCount(added=3, unfinished=1)
    local_drs.add_jobs(ended := attrs.evolve(running, status=JobStatus.COMPLETED, end_date_time=NOON), late := make_job())
    assert save_jobs(client, path) == SavedCount(added=2, kept=3)
    assert save_jobs(client, path) == SavedCount(kept=5)
    assert sorted(log_requests(local_drs)) == sorted(job.job_id for job in (*complete, ended, late))
    assert len(lines(path)) == 5 + 3
    assert JobsClient(SavedJobs(path)).get_job(ended.job_id) == ended


def test_log_that_cannot_be_read(client: JobsClient, local_drs: LocalDrs, path: Path):
    """The next run requests it again, and writes a second line only if it has the log. Readers take that line."""
    local_drs.add_jobs(job := make_job())
    denied = ErrorResponse("AccessDeniedException", 403, "not authorized")
    local_drs.inject(denied, times=2, operation="DescribeJobLogItems")
    assert save_jobs(client, path) == SavedCount(added=1, without_log=1)
    assert save_jobs(client, path) == SavedCount(kept=1, without_log=1)
    saved = SavedJobs(path)
    assert JobsClient(saved).get_job(job.job_id) == job
    with pytest.raises(DrsJobsError, match=rf"the log of '{job.job_id}' was not saved: .*not authorized") as caught:
        JobsClient(saved).describe_job_log_items(job.job_id).collect()
    assert not is_transient(caught.value)
    assert save_jobs(client, path) == SavedCount(added=1)
    assert [line["log"] for line in lines(path) if "job" in line] == [None, []]
    assert [line["logError"] is None for line in lines(path) if "job" in line] == [False, True]
    assert JobsClient(SavedJobs(path)).describe_job_log_items(job.job_id).collect() == ()
    assert save_jobs(client, path) == SavedCount(kept=1)


@pytest.mark.parametrize("items", [[{"event": 5}], [None]])
def test_malformed_log(items: Any, client: JobsClient, local_drs: LocalDrs, path: Path):
    """It is not kept in part."""
    local_drs.add_jobs(make_job())
    local_drs.inject(RawResponse(json.dumps({"items": [*LOG, *items]}).encode()), operation="DescribeJobLogItems")
    assert save_jobs(client, path) == SavedCount(added=1, without_log=1)
    assert lines(path)[0]["log"] is None
    assert "$.items[3]" in lines(path)[0]["logError"]


def test_malformed_job(client: JobsClient, local_drs: LocalDrs, path: Path):
    """The others are saved, but no run: it would say that all jobs were read."""
    respond(local_drs, {"items": [{"jobID": 5, "tags": {SECRET: SECRET}}, DRILL]})
    with pytest.raises(MalformedResponseError, match=r"\$\.items\[0\]\.jobID"):
        save_jobs(client, path)
    assert [list(line) for line in lines(path)] == [list(job_line())]


def test_jobs_that_cannot_be_read(client: JobsClient, local_drs: LocalDrs, path: Path):
    local_drs.page_sizes = (1,)
    local_drs.add_jobs(make_job(), make_job())
    local_drs.inject(ServerError(), operation="DescribeJobs")
    with pytest.raises(InternalServerException):
        save_jobs(client, path)
    assert not path.exists(), "an empty file could not be read"
    assert save_jobs(client, path).added == 2


def test_first_call_that_is_refused(client: JobsClient, boto_client: Any, path: Path, tmp_path: Path):
    """It leaves no file."""
    saved = JobsClient(SavedJobs(write(tmp_path / "other.jsonl", job_line())))
    for wrong in (saved, boto_client):
        with pytest.raises((TypeError, ValueError)):
            save_jobs(wrong, path)
    with JobsFile(path) as file:
        assert file.saved == {}
    assert not path.exists()
    assert save_jobs(client, path) == SavedCount()
    assert len(lines(path)) == 1


@pytest.mark.parametrize("minutes", [-1, 0, 59, 61])
@pytest.mark.parametrize("has_end", [True, False])
def test_log_that_is_saved_before_its_end(minutes: int, client: JobsClient, local_drs: LocalDrs, path: Path, *, has_end: bool):
    """AWS adds JOB_END after the job is complete. It is requested again, and until then the file has what it had."""
    job = make_job(end_date_time=datetime.now(UTC) - timedelta(minutes=minutes))
    local_drs.add_jobs(job)
    events = [make_log_item(event=event) for event in ("JOB_START", *["JOB_END"] * has_end)]
    local_drs.add_log(job.job_id, *events)
    is_whole = has_end or minutes > 60
    assert save_jobs(client, path) == SavedCount(added=1, without_log=not is_whole)
    assert len(JobsClient(SavedJobs(path)).describe_job_log_items(job.job_id).collect()) == len(events)
    if not is_whole:
        local_drs.add_log(job.job_id, *events, make_log_item(event="JOB_END"))
    assert save_jobs(client, path) == SavedCount(added=not is_whole, kept=is_whole)
    read = JobsClient(SavedJobs(path)).describe_job_log_items(job.job_id).collect()
    assert read == client.describe_job_log_items(job.job_id).collect()
    requests = log_requests(local_drs)
    save_jobs(client, path)
    assert log_requests(local_drs) == requests


def test_from_date(client: JobsClient, local_drs: LocalDrs, path: Path):
    """Jobs from before are read too if the file has them without an end or without a log."""
    before = NOON - timedelta(days=9)
    dates: Any = {"creation_date_time": before, "end_date_time": before + timedelta(hours=1)}
    running = make_job(creation_date_time=before, status=JobStatus.STARTED, end_date_time=None)
    local_drs.add_jobs(running, make_job(**dates), make_job(**dates))
    local_drs.inject(ServerError(), operation="DescribeJobLogItems")
    assert save_jobs(client, path) == SavedCount(added=2, unfinished=1, without_log=1)
    without_log = lines(path)[0]["job"]["jobID"]
    local_drs.add_jobs(ended := attrs.evolve(running, status=JobStatus.COMPLETED, end_date_time=NOON), make_job(**dates))
    assert save_jobs(client, path, from_date=NOON) == SavedCount(added=2)
    assert {ended.job_id, without_log} == {*saved_ids(path)[-2:]}
    assert lines(path)[-1]["run"]["readFrom"] == "2026-03-01T12:00:00Z"
    assert save_jobs(client, path, from_date=NOON.astimezone()) == SavedCount()


def test_account_and_region(local_drs: LocalDrs, path: Path):
    """From an ARN, the client, or what the caller knows, such as the role; otherwise null."""
    jobs_client = JobsClient(local_drs.client("eu-central-1"))
    with JobsFile(path) as file:
        file.append([*UnsavedJobs(jobs_client, file.saved)])
        file.append([*UnsavedJobs(jobs_client, file.saved)], account_id="111122223333")
        local_drs.add_jobs(make_job(arn=None), region="eu-central-1")
        file.append([*UnsavedJobs(jobs_client, file.saved)], account_id="111122223333")
        local_drs.add_jobs(make_job(region="eu-central-1", account_id="444455556666"), region="eu-central-1")
        file.append([*UnsavedJobs(jobs_client, file.saved)], account_id="111122223333")
    places = [(line.get("run") or line)["accountID"] for line in lines(path)]
    assert places == [None, "111122223333", "111122223333", "111122223333", "444455556666", "444455556666"]
    assert {(line.get("run") or line)["region"] for line in lines(path)} == {"eu-central-1"}


class Fake:
    """A client without a region. Its jobs have no ARN."""

    def describe_jobs(self, **request: Any) -> dict[str, Any]:
        return {"items": [{"jobID": "drsjob-1", "status": "COMPLETED", "later": {"at": NOON}}, {"jobID": "drsjob-2"}]}


def test_fake_client(path: Path):
    """Whatever it returns is a line that can be read."""
    assert save_jobs(JobsClient(Fake()), path) == SavedCount(added=1, unfinished=1, without_log=1)
    assert lines(path)[1]["run"]["accountID"] is lines(path)[1]["run"]["region"] is None
    assert "describe_job_log_items" in lines(path)[0]["logError"]
    assert [job.job_id for job in JobsClient(SavedJobs(path)).describe_jobs()] == ["drsjob-1", "drsjob-2"]


@pytest.mark.parametrize(("client", "path", "error"), [(Fake(), "x", TypeError), (JobsClient(Fake()), 5, TypeError)])
def test_wrong_arguments(client: Any, path: Any, error: type[Exception], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(error):
        save_jobs(client, path)
    with pytest.raises(ValueError, match=r"from_date .* has no time zone"):
        save_jobs(JobsClient(Fake()), "x", from_date=NOON.replace(tzinfo=None))
    with pytest.raises(TypeError, match="at least one file"):
        SavedJobs()


def test_saving_a_file_again(path: Path, tmp_path: Path):
    """It would say that AWS has no other jobs now."""
    with pytest.raises(ValueError, match="copy the file"):
        save_jobs(JobsClient(SavedJobs(write(path, job_line()))), tmp_path / "copy.jsonl")


def test_lines_are_read_in_other_processes(client: JobsClient, local_drs: LocalDrs, path: Path):
    """What a sweep sends: what the file has, and the lines. No repr has tags."""
    local_drs.add_jobs(make_job(tags={SECRET: SECRET}), make_job())
    with JobsFile(path) as file:
        unsaved = UnsavedJobs(client, pickle.loads(pickle.dumps(file.saved)))
        found = list(unsaved)
        assert len(unsaved) == len(found) == 3
        assert SECRET not in repr(found)
        assert file.append(pickle.loads(pickle.dumps(found))) == SavedCount(added=2)
        assert file.append(found) == SavedCount(kept=2)


# ------------------------------------------------------------------ the file


def test_mode(client: JobsClient, path: Path):
    """Only the owner can read a new file. That of another file stays."""
    umask = os.umask(0)
    try:
        save_jobs(client, path)
    finally:
        os.umask(umask)
    assert path.stat().st_mode & 0o777 == 0o600
    path.chmod(0o640)
    save_jobs(client, path)
    assert path.stat().st_mode & 0o777 == 0o640


CONTENTS = {
    "indented JSON": b'{\n "a": 1}\n',
    "a page": b"<html>\n<body>login</body>",
    "half a page": b"<html>",
    "output of AWS": json.dumps({"items": [DRILL]}).encode(),
    "a job": json.dumps(DRILL).encode() + b"\n",
    "bytes": bytes(range(256)),
    "gzip": gzip.compress(json.dumps(job_line()).encode()),
    "a newer version": json.dumps({**job_line(), "version": 2}).encode() + b"\n",
    "a bad line": json.dumps(job_line()).encode() + b"\nnot JSON\n" + json.dumps(job_line()).encode() + b"\n",
    "not a job": json.dumps(job_line({"jobID": 5})).encode() + b"\n",
    "not a job at the end": json.dumps(job_line({"jobID": 5})).encode(),
    "a line and half a line": json.dumps(job_line()).encode() + json.dumps(job_line()).encode()[:50],
    "a job without an id": json.dumps(job_line({})).encode() + b"\n",
    "two lines as one": json.dumps(job_line()).encode() * 2 + b"\n",
}


@pytest.mark.parametrize("content", CONTENTS.values(), ids=CONTENTS)
def test_other_files_stay(content: bytes, client: JobsClient, local_drs: LocalDrs, path: Path):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=r"jobs\.jsonl: line \d: .*give another file") as caught:
        save_jobs(client, path)
    assert len(re.findall(r"line \d", str(caught.value))) == 1
    assert path.read_bytes() == content
    assert not local_drs.requests


def test_files_that_cannot_be_appended_to(client: JobsClient, local_drs: LocalDrs, path: Path, tmp_path: Path):
    """No request is sent, and no link is followed."""
    target = write(tmp_path / "target", job_line())
    path.symlink_to(target)
    (tmp_path / "dangling").symlink_to(tmp_path / "new")
    os.mkfifo(tmp_path / "pipe")
    for name in ("jobs.jsonl", "dangling", "pipe", ".", "missing/jobs.jsonl", "target/x"):
        with pytest.raises(OSError, match=name):
            save_jobs(client, tmp_path / name)
    with pytest.raises(ValueError, match="compress it later"):
        save_jobs(client, tmp_path / "jobs.jsonl.gz")
    assert lines(target) == [job_line()]
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["dangling", "jobs.jsonl", "pipe", "target"]
    assert not local_drs.requests


@pytest.mark.parametrize("change", ["truncate", "shorten", "remove", "rename", "replace"])
def test_file_that_another_program_changes(change: str, client: JobsClient, local_drs: LocalDrs, path: Path):
    """During a run. The file keeps what the other program has left."""
    local_drs.add_jobs(make_job())
    save_jobs(client, path)
    local_drs.add_jobs(make_job())
    content = path.read_bytes()
    with JobsFile(path) as file:
        unsaved = list(UnsavedJobs(client, file.saved))
        if change in {"truncate", "shorten"}:
            os.truncate(path, 0 if change == "truncate" else len(content) - 9)
        elif change == "remove":
            path.unlink()
        else:
            path.rename(path.with_suffix(".old"))
            if change == "replace":
                path.write_bytes(content)
        left = path.read_bytes() if path.exists() else None
        for _ in range(2):
            with pytest.raises(OSError, match=r"another program has changed it, save again: .*jobs\.jsonl"):
                file.append(unsaved)
    assert (path.read_bytes() if path.exists() else None) == left
    if path.exists():
        assert save_jobs(client, path).added in {1, 2}
        assert b"\0" not in path.read_bytes()


def test_link_that_is_planted_meanwhile(path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    path.symlink_to(tmp_path / "new")
    monkeypatch.setattr(Path, "is_symlink", lambda _: False)
    with pytest.raises(OSError, match="symbolic links"):
        JobsFile(path)
    assert not (tmp_path / "new").exists()


def test_every_half_line(client: JobsClient, local_drs: LocalDrs, path: Path):
    """The file is cut after each byte of its last lines. Readers leave out half a line, and the next run removes it."""
    local_drs.add_jobs(make_job(), make_job(status=JobStatus.STARTED, end_date_time=None), late := make_job())
    save_jobs(client, path)
    whole = path.read_bytes()
    starts = [0, *(index + 1 for index, byte in enumerate(whole) if byte == ord("\n"))]
    for size in [*range(starts[1], starts[1] + 20), *range(starts[1] + 20, len(whole), 40), *range(len(whole) - 9, len(whole))]:
        path.write_bytes(whole[:size])
        is_cut = size not in starts and size + 1 not in starts
        saved = SavedJobs(path)
        assert bool(saved.archive.half_lines) is is_cut, size
        assert bool([note for note in coverage(saved).notes if "half a line" in note]) is is_cut
        assert len(JobsClient(saved).describe_jobs().collect()) == [1, 2, 3][sum(size + 1 >= start for start in starts[2:])]
        save_jobs(client, path)
        assert len(saved_ids(path)) == len({*saved_ids(path)}) == 2
        assert path.read_bytes().startswith(whole[: max(start for start in starts if start <= size + 1)])
        assert not SavedJobs(path).archive.half_lines
    assert late.job_id in saved_ids(path)


def test_file_of_half_a_line(client: JobsClient, path: Path):
    for size in (1, 5, 14, 15, 40):
        path.write_bytes(json.dumps(job_line()).encode()[:size])
        with pytest.raises(ValueError, match="is empty"):
            SavedJobs(path)
        save_jobs(client, path)
        assert len(lines(path)) == 1


CHILD = """
import sys
import boto3
from botocore.config import Config
from drs_jobs import JobsClient
from drs_jobs.saved import save_jobs

url, path, limit = sys.argv[1:]
config = Config(proxies={}, retries={"total_max_attempts": 1})
client = boto3.client("drs", region_name="eu-west-1", endpoint_url=url, aws_access_key_id="testing",
    aws_secret_access_key="testing", config=config)
if int(limit):
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(limit), int(limit)))
print("ready", flush=True)
try:
    print(save_jobs(JobsClient(client), path))
except OSError as error:
    print("OSError", error.errno, error.filename)
"""


def start_child(local_drs: LocalDrs, path: Path, limit: int = 0) -> subprocess.Popen[str]:
    """Start a process that saves the jobs, and wait until it begins."""
    command = [sys.executable, "-c", CHILD, local_drs.endpoint_url, str(path), str(limit)]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, encoding="utf-8")
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


KILLS = int(os.environ.get("DRS_JOBS_KILLS", "3"))
JOBS = 500 if KILLS > 3 else 60


def test_kill(path: Path):
    """At random moments. Each job is there once, and no line is unreadable."""
    moments, half_lines, counts = random.Random(1), 0, list[int]()
    with LocalDrs(speed=0) as local:
        local.add_history(make_history(JOBS, until=local.now, logs=True))
        client = JobsClient(local.client())
        complete = sorted(job.job_id for job in client.describe_jobs() if job.is_complete)
        for _ in range(KILLS):
            path.unlink(missing_ok=True)
            with start_child(local, path) as process:
                threading.Event().wait(moments.uniform(0, JOBS / 250))
                process.kill()
            counts.append(0)
            if path.exists() and path.stat().st_size:
                half_lines += not path.read_bytes().endswith(b"\n")
                counts[-1] = len(JobsClient(SavedJobs(path)).describe_jobs().collect())
            save_jobs(client, path)
            assert sorted(saved_ids(path)) == complete
            assert lines(path)[-1]["run"]["jobs"] == JOBS
    print(f"\n{KILLS} kills, {half_lines} half lines, jobs in the files: {sorted(counts)}")


def test_full_disk(client: JobsClient, local_drs: LocalDrs, path: Path):
    """What was written stays readable, and the next run continues."""
    local_drs.add_history(make_history(30, until=NOON, logs=True))
    with start_child(local_drs, path, 50_000) as process:
        assert process.communicate()[0] == f"OSError 27 {path}\n"
    assert path.stat().st_size == 50_000
    saved = SavedJobs(path)
    assert saved.archive.half_lines == [path.name]
    assert 0 < len(JobsClient(saved).describe_jobs().collect()) < 30
    save_jobs(client, path)
    assert len(JobsClient(SavedJobs(path)).describe_jobs().collect()) == 30
    assert len(saved_ids(path)) == len({*saved_ids(path)})


def test_two_processes(client: JobsClient, local_drs: LocalDrs, path: Path):
    local_drs.add_history(make_history(60, until=NOON, logs=True))
    children = [start_child(local_drs, path) for _ in range(2)]
    assert all("added" in child.communicate()[0] for child in children)
    complete = {job.job_id for job in client.describe_jobs() if job.is_complete}
    assert sorted(saved_ids(path)) == sorted(complete)
    assert sum("run" in line for line in lines(path)) == 2


def test_many_writers(client: JobsClient, local_drs: LocalDrs, path: Path):
    """Of one process. The counts of all are those of the file."""
    local_drs.add_jobs(*(make_job() for _ in range(30)))
    with ThreadPoolExecutor(8) as pool:
        counts = list(pool.map(lambda _: save_jobs(client, path), range(8)))
    assert sum(count.added for count in counts) == 30
    assert {count.added + count.kept for count in counts} == {30}
    assert len(saved_ids(path)) == len({*saved_ids(path)}) == 30


def test_lock_of_another_process(client: JobsClient, path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(writing, "_LOCK_TIMEOUT", 0)
    write(path, job_line())
    with path.open("rb") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(BlockingIOError, match="another process is writing to it"):
            save_jobs(client, path)
    assert lines(path) == [job_line()]
    assert save_jobs(client, path) == SavedCount()


def test_file_of_an_editor(client: JobsClient, path: Path):
    """Without the end of the last line, and with an empty line. Nothing is lost."""
    path.write_text(json.dumps(job_line()) + "\n\n" + json.dumps(run_line(NOON)), encoding="utf-8")
    save_jobs(client, path)
    text = path.read_text(encoding="utf-8")
    assert [json.loads(line) for line in text.splitlines() if line][:2] == [job_line(), run_line(NOON)]
    assert len(SavedJobs(path).archive.runs) == 2


# ------------------------------------------------------------------ SavedJobs


EARLIEST = datetime.fromisoformat("1000-01-02")


@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data(), jobs=st.lists(random_jobs, max_size=6), page_sizes=st.lists(st.integers(1, 4), min_size=1, max_size=3))
def test_answers_are_those_of_aws(data: st.DataObject, jobs: list[Job], page_sizes: list[int], tmp_path: Path):
    """For random jobs, logs, filters and sizes of pages."""
    path = tmp_path / "jobs.jsonl"
    path.unlink(missing_ok=True)
    ids = [f"drsjob-{number:017}" for number in range(8)]
    jobs = [attrs.evolve(job, job_id=job_id) for job, job_id in zip(jobs, ids, strict=False)]
    # The service model does not accept earlier dates as filters.
    moments = st.none() | st.datetimes(EARLIEST, timezones=st.just(UTC))
    if dates := sorted(
        job.creation_date_time for job in jobs if job.creation_date_time and job.creation_date_time.year >= 1000
    ):
        moments |= st.sampled_from(dates)
    with LocalDrs(page_sizes=page_sizes) as local:
        local.add_jobs(*jobs)
        logs = {job.job_id: data.draw(st.lists(log_items, max_size=3)) for job in jobs if job.is_complete}
        for job_id, log in logs.items():
            local.add_log(job_id, *log)
        direct = JobsClient(local.client())
        save_jobs(direct, path)
        from_file = JobsClient(SavedJobs(path))
        for _ in range(5):
            start, end = data.draw(moments), data.draw(moments)
            if start is not None and end is not None and start > end:
                start, end = end, start
            query: Any = {
                "from_date": start,
                "to_date": end,
                "job_ids": data.draw(st.none() | st.lists(st.sampled_from(ids), max_size=5)),
                "page_size": data.draw(st.none() | st.integers(1, 4)),
                "limit": data.draw(st.none() | st.integers(0, 4)),
            }
            expected = list(direct.describe_jobs(**query))
            assert expected == list(from_file.describe_jobs(**query))
            if expected:
                cut = data.draw(st.integers(0, len(expected) - 1))
                iterator = iter(from_file.describe_jobs(**query))
                assert expected[:cut] == [next(iterator) for _ in range(cut)]
                resumed = from_file.describe_jobs(**{**query, "limit": None}, cursor=iterator.cursor)
                assert expected[cut:] == list(resumed)[: len(expected) - cut]
        for job_id in logs:
            size = data.draw(st.none() | st.integers(1, 4))
            assert list(direct.describe_job_log_items(job_id)) == list(from_file.describe_job_log_items(job_id, page_size=size))


def test_raw_answers(local_drs: LocalDrs, boto_client: Any, path: Path):
    """For those who call boto3's methods."""
    local_drs.add_history(make_history(30, until=NOON, logs=True))
    save_jobs(JobsClient(boto_client), path)
    saved = SavedJobs(path)
    for request in (
        {},
        {"maxResults": 1},
        {"filters": {}},
        {"filters": {"jobIDs": []}},
        {"filters": {"jobIDs": ["drsjob-00000000000000000"]}},
        {"filters": {"fromDate": "2026-01-01T00:00:00Z", "toDate": "2026-02-01T00:00:00.5Z"}},
    ):
        assert boto_client.describe_jobs(**request)["items"] == saved.describe_jobs(**request)["items"]
    job_id = saved.describe_jobs(filters={"toDate": "2026-02-20T00:00:00Z"}, maxResults=1)["items"][0]["jobID"]
    assert boto_client.describe_job_log_items(jobID=job_id)["items"] == saved.describe_job_log_items(jobID=job_id)["items"]
    saved.describe_jobs()["items"][0].clear()
    assert len(JobsClient(saved).describe_jobs().collect()) == 30


def test_tokens(path: Path):
    """A token belongs to a query, and stays valid if more jobs are saved."""
    jobs = [{"jobID": f"drsjob-{number}", "creationDateTime": f"2026-01-0{number}T00:00:00Z"} for number in range(1, 7)]
    write(path, jobs[1:5])
    saved = SavedJobs(path)
    token = saved.describe_jobs(maxResults=2)["nextToken"]
    write(path, jobs)
    later = SavedJobs(path).describe_jobs(maxResults=2, nextToken=token)
    assert [job["jobID"] for job in later["items"]] == ["drsjob-3", "drsjob-2"]
    ids = [f"drsjob-{number}" for number in range(1, 7)]
    requests: list[Any] = [{"nextToken": token, "filters": {"jobIDs": ids}}, {"nextToken": "x"}, {"nextToken": 5}]
    for request in [*requests, {"maxResults": 0}, {"maxResults": "1"}, {"filters": {"fromDate": "2026-01-01T00:00:00"}}]:
        with pytest.raises(ClientError, match="ValidationException") as caught:
            saved.describe_jobs(**request)
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400
    for request in ({"filters": {"toDate": 5}}, {"filters": {"toDate": "soon"}}, {"filters": {"jobIDs": "drsjob-1"}}):
        with pytest.raises(ClientError, match="ValidationException"):
            saved.describe_jobs(**request)
    for request in ({"MaxResults": 1}, {"filters": {"jobIds": ["drsjob-1"]}}, {"jobID": "drsjob-1"}):
        with pytest.raises(TypeError, match="unknown argument"):
            saved.describe_jobs(**request)


@pytest.mark.parametrize("count", range(6))
@pytest.mark.parametrize(
    "changed",
    [
        lambda jobs: jobs[2:],
        lambda jobs: jobs[:3],
        lambda jobs: [{**jobs[3], "creationDateTime": None}, *jobs[:3], *jobs[4:]],
        lambda jobs: [{"jobID": "drsjob-7", "creationDateTime": "2026-02-01T00:00:00Z"}, *jobs],
    ],
    ids=["older jobs removed", "newer jobs removed", "a job without its creation time", "a newer job"],
)
def test_cursor_over_files_that_changed(changed: Any, count: int, path: Path):
    """No job that was not returned is lost."""
    jobs = [{"jobID": f"drsjob-{number}", "creationDateTime": f"2026-01-0{number}T00:00:00Z"} for number in range(1, 7)]
    iterator = iter(JobsClient(SavedJobs(write(path, jobs))).describe_jobs(page_size=2))
    returned = {next(iterator).job_id for _ in range(count)}
    write(path, changed(jobs))
    remaining = [job.job_id for job in JobsClient(SavedJobs(path)).describe_jobs(page_size=2, cursor=iterator.cursor)]
    older = {job["jobID"] for job in changed(jobs)} - {"drsjob-7"}
    assert older - returned <= set(remaining)


def test_validation_exception_in_a_client(path: Path):
    client = JobsClient(SavedJobs(write(path, [DRILL])))
    with pytest.raises(ValidationException) as caught:
        client._fetch(Request("DescribeJobs", {"nextToken": "x"}))
    assert caught.value.fields == {"nextToken": "was not returned for this query"}
    assert not is_transient(caught.value)


def test_logs_that_were_not_saved(path: Path):
    """They are never an empty log."""
    write(path, job_line(log=None), run_line(NOON, unfinished=[PENDING]))
    client = JobsClient(SavedJobs(path))
    for job_id, reason in (
        (DRILL["jobID"], "the job alone"),
        (PENDING["jobID"], "the job was not complete"),
        ("drsjob-00000000000000000", "do not have this job"),
    ):
        with pytest.raises(DrsJobsError, match=reason):
            client.describe_job_log_items(str(job_id)).collect()
    phases = client.phases(str(DRILL["jobID"]))
    assert phases.log_error is not None
    assert phases.participants[0].recovery_time is None
    with pytest.raises(TypeError, match="jobID"):
        SavedJobs(path).describe_job_log_items()


def test_snapshots(path: Path, tmp_path: Path):
    """Of several files and lines, the complete job with its log counts, wherever it is; of equal ones the last."""
    pending, started = ({**DRILL, "status": status, "endDateTime": None} for status in ("PENDING", "STARTED"))
    values = [job_line(), job_line(log=None), run_line(NOON, unfinished=[started]), [pending]]
    for number in range(20):
        order = random.Random(number).sample(values, len(values))
        files = [write(tmp_path / str(start), *order[start::2]) for start in (0, 1)]
        client = JobsClient(SavedJobs(*files))
        assert client.describe_jobs().collect() == (structure_job(DRILL),)
        assert len(client.describe_job_log_items(str(DRILL["jobID"])).collect()) == 3
    later = {**started, "tags": {"later": "1"}}
    write(path, [started], run_line(NOON, unfinished=[later]), [pending])
    assert JobsClient(SavedJobs(path)).describe_jobs().collect() == (structure_job(later),)


# ------------------------------------------------------------------ what files can have


def capital(value: Any) -> Any:
    """As Step Functions writes it. The keys of maps stay as they are."""
    if isinstance(value, list):
        return [capital(element) for element in value]
    if not isinstance(value, dict):
        return value
    maps = {"tags": lambda tags: tags, "parameters": lambda found: {name: capital(member) for name, member in found.items()}}
    return {name[0].upper() + name[1:]: maps.get(name, capital)(member) for name, member in value.items()}


ACTION = {"name": "x", "active": True, "parameters": {"aKey": {"type": "DYNAMIC", "value": "v"}, "tags": {"value": "w"}}}
WITH_ALL = {
    **DRILL,
    "tags": {"owner": "me", "jobID": "x"},
    "participatingResources": [{"participatingResourceID": {"sourceNetworkID": "sn-1"}}],
    "participatingServers": [{"launchActionsStatus": {"runs": [{"runId": "r", "action": ACTION}]}}],
}
JOBS_IN_FILES = [WITH_ALL, PENDING]
PRINTED: dict[str, Any] = {
    "an object": json.dumps({"items": JOBS_IN_FILES}, indent=4),
    "an object on one line": json.dumps({"items": JOBS_IN_FILES, "ResponseMetadata": {"HTTPStatusCode": 200}}),
    "a list": json.dumps(JOBS_IN_FILES, indent=1),
    "lines": "".join(f"{json.dumps(job)}\r\n" for job in JOBS_IN_FILES),
    "jobs": "\n".join(json.dumps(job, indent=2) for job in JOBS_IN_FILES),
    "pages": "\n".join(json.dumps({"items": [job], "NextToken": "x"}, indent=4) for job in JOBS_IN_FILES) + '{"items": []}\n',
    "glued pages": "".join(json.dumps({"items": [job]}) for job in JOBS_IN_FILES),
    "a line and a page": json.dumps(WITH_ALL) + "\n" + json.dumps({"items": [PENDING]}, indent=4),
    "Step Functions": json.dumps(capital({"items": JOBS_IN_FILES})),
    "one job of Step Functions": json.dumps({"Job": capital(WITH_ALL)}) + json.dumps(capital(PENDING)),
    "start_recovery": json.dumps({"job": WITH_ALL}) + "\n" + json.dumps({"job": PENDING}, indent=4),
    "lines of save_jobs": json.dumps(job_line(WITH_ALL)) + "\n\n" + json.dumps(run_line(NOON, unfinished=[PENDING])),
}
ENCODINGS: dict[str, Any] = {
    "UTF-8": str.encode,
    "BOM": lambda text: text.encode("utf-8-sig"),
    "UTF-16": lambda text: text.encode("utf-16"),  # of PowerShell
    "big endian": lambda text: b"\xfe\xff" + text.encode("utf-16-be"),
    "gzip": lambda text: gzip.compress(text.encode()),
    "members of gzip": lambda text: gzip.compress(text.encode()[:99]) + gzip.compress(text.encode()[99:]),
    "gzip of UTF-16": lambda text: gzip.compress(text.encode("utf-16")),
}


@pytest.mark.parametrize("encode", ENCODINGS.values(), ids=ENCODINGS)
@pytest.mark.parametrize("text", PRINTED.values(), ids=PRINTED)
def test_printed_by_other_tools(text: str, encode: Any, path: Path):
    """Their jobs are those of AWS, with tags and names of parameters as they are."""
    path.write_bytes(encode(text))
    saved = SavedJobs(path)
    assert JobsClient(saved).describe_jobs().collect() == tuple(map(structure_job, (PENDING, WITH_ALL)))
    assert saved.archive.files == [(path.name, hashlib.sha256(path.read_bytes()).hexdigest())]


def test_no_jobs(path: Path):
    assert JobsClient(SavedJobs(write(path, {"items": []}))).describe_jobs().collect() == ()
    assert JobsClient(SavedJobs(write(path, []))).describe_jobs().collect() == ()


HALF = json.dumps({"items": JOBS_IN_FILES}, indent=4)
INVALID = {
    "nothing": ("", "jsonl is empty"),
    "white space": (" \n\n", "jsonl is empty"),
    "a page": ("<!DOCTYPE html>\n<html>", "line 1: it is not JSON"),
    "a table": ("----\n|  DescribeJobs |", "line 1: it is not JSON"),
    "half an output": (HALF[: len(HALF) // 2], rf"line {HALF[: len(HALF) // 2].count(chr(10)) + 1}: it is not JSON"),
    "half an output on one line": (json.dumps({"items": JOBS_IN_FILES})[:-9], "line 1: it is not JSON"),
    "half a line in the middle": (f"{json.dumps(job_line())[:50]}\n{json.dumps(job_line())}\n", "line 1: it is not JSON"),
    "a log": (json.dumps({"items": LOG}), r"line 1: .*\$\.items\[0\]\.jobID"),
    "servers": (json.dumps([{"sourceServerID": "s-1", "arn": "x"}]), r"line 1: .*\$\.items\[0\]\.jobID"),
    "another job": (
        f"\n{json.dumps(DRILL)}\n{json.dumps([DRILL, {'jobID': 5}])}",
        r"line 3: .*found 5 at \$\.items\[1\]\.jobID",
    ),
    "a number": (f"{json.dumps(DRILL)}\n\n5\n", "line 3: expected lines of drs-jobs save"),
    "a text": ('"drsjob-1"', "line 1: expected lines of drs-jobs save"),
    "null": ("null", "line 1: expected lines of drs-jobs save"),
    "another object": ("{}", "line 1: expected lines of drs-jobs save"),
    "an error": ('{"message": "denied"}', "line 1: expected lines of drs-jobs save"),
    "null as items": ('{"items": null}', "line 1: expected lines of drs-jobs save"),
    "null in items": ('{"items": [null]}', r"line 1: expected an object, found nothing at \$\.items\[0\]"),
    "tags": (json.dumps({**DRILL, "tags": {SECRET: 5}}), r"line 1: expected an object of strings at .*tags"),
    "a date": (json.dumps(job_line({**DRILL, "creationDateTime": "today"})), r"line 1: .*\$\.creationDateTime"),
    "nesting": ("[" * 100_000, "line 1: it is not JSON"),
    "a newer version": (json.dumps({**job_line(), "version": 2}), "line 1: .*update drs_jobs"),
    "another log": (json.dumps(job_line(log="x")), "line 1: expected a list or null as log"),
    "log items": (json.dumps(job_line(log=[*LOG, 1])), r"line 1: expected an object, found 1 at \$\.log\[3\]"),
    "an event": (json.dumps(job_line(log=[{"event": 5}])), r"line 1: .*\$\.log\[0\]\.event"),
    "another account": (json.dumps(job_line(accountID=5)), "line 1: expected texts or null as accountID"),
    "no run": (json.dumps({"version": 1, "run": None}), "line 1: expected a line of version 1"),
    "no time": (json.dumps(run_line(NOON, savedAt=None)), "line 1: "),
    "a time without a zone": (json.dumps(run_line(NOON, readFrom="2026-01-01T00:00:00")), "line 1: .*no time zone"),
    "an unfinished text": (json.dumps(run_line(NOON, unfinished=["x"])), r"line 1: .*\$\.items\[0\]"),
}


@pytest.mark.parametrize("encode", [str.encode, ENCODINGS["UTF-16"], ENCODINGS["gzip"]], ids=["UTF-8", "UTF-16", "gzip"])
@pytest.mark.parametrize(("text", "message"), INVALID.values(), ids=INVALID)
def test_files_without_jobs(text: str, message: str, encode: Any, path: Path):
    path.write_bytes(encode(text))
    with pytest.raises(ValueError, match=message) as caught:
        SavedJobs(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b'{"items": [{"jobID": "\n\xff"}]}', "line 2: it is not text in UTF-8 or UTF-16"),
        (b"\x89PNG\r\n\x1a\n", "line 1: it is not text"),
        (gzip.compress(json.dumps(DRILL).encode())[:-9], "damaged"),
        (b"\x1f\x8bxxxxxxxxxxxxxxxxxxxxxx", "damaged"),
        (gzip.compress(b"\xff"), "damaged"),
        (b"\xff\xfe{", "damaged"),
    ],
    ids=map(str, range(6)),
)
def test_damaged_files(content: bytes, message: str, path: Path):
    path.write_bytes(content)
    with pytest.raises(ValueError, match=message):
        SavedJobs(path)


def test_files_that_cannot_be_read(tmp_path: Path):
    for name in (".", "missing"):
        with pytest.raises(OSError, match=name):
            SavedJobs(tmp_path / name)


def test_errors_have_no_tags(client: JobsClient, local_drs: LocalDrs, path: Path, monkeypatch: pytest.MonkeyPatch):
    """Nor have the local variables of their frames."""
    secret = {**DRILL, "tags": {SECRET: SECRET}}
    errors: list[BaseException] = []

    def fail(function: Any, *arguments: Any) -> None:
        with pytest.raises(Exception) as caught:  # each is checked elsewhere
            function(*arguments)
        errors.append(caught.value)

    for values in (
        [job_line(secret), 5],
        [[secret, {**secret, "tags": {SECRET: 5}}]],
        [secret, {**job_line(secret), "version": 2}],
    ):
        fail(SavedJobs, write(path, *values))
        fail(save_jobs, client, path)
    path.write_text(json.dumps({"items": [secret]}, indent=1) + "x", encoding="utf-8")
    fail(SavedJobs, path)
    saved = SavedJobs(write(path, job_line(secret, log=None)))
    fail(lambda: saved.describe_job_log_items(jobID=DRILL["jobID"]))
    fail(lambda: saved.describe_jobs(nextToken="x"))
    for operation in ("DescribeJobs", "write"):
        path.unlink(missing_ok=True)
        local_drs.page_sizes = (1,)
        local_drs.add_jobs(*(make_job(tags={SECRET: SECRET}) for _ in range(2)))
        if operation == "write":
            monkeypatch.setattr(os, "write", lambda *_: os.truncate("", 0))
        else:
            respond(local_drs, {"items": [secret, 5], "nextToken": "x"})
        fail(save_jobs, client, path)
    assert [(type(error), place) for error in errors for place, text in crash_reports.texts(error) if SECRET in text] == []
    assert len(errors) == 11


# ------------------------------------------------------------------ what files cover

DAY = timedelta(days=1)
WEST = Place("123456789012", "us-west-2")
EAST = {"region": "us-east-1"}


def covered(path: Path, *values: Any, as_of: datetime | None = None) -> Any:
    return coverage(SavedJobs(write(path, *values)), as_of)


def test_one_run(path: Path):
    """It covers all jobs until it began."""
    found = covered(path, job_line(), run_line(NOON))
    assert (found.as_of, found.since, found.places, found.problems, found.notes) == (NOON, None, (WEST,), (), ())
    found = covered(path, run_line(NOON), as_of=NOON - DAY)
    assert (found.as_of, found.since, found.problems) == (NOON - DAY, None, ())
    [problem] = covered(path, run_line(NOON), as_of=NOON + timedelta(seconds=1)).problems
    assert (problem.account_id, problem.region) == WEST
    assert problem.text == "jobs created after 2026-03-01 12:00:00 UTC: the files lack them"


@pytest.mark.parametrize(
    ("spans", "as_of", "since", "is_covered"),
    [
        ([(-9, 0)], 0, -9, True),
        ([(-9, 0)], -9, -9, True),
        ([(-9, 0)], -10, None, False),  # before the first
        ([(-9, -5), (-5, 0)], 0, -9, True),
        ([(-9, -5), (-4, 0)], 0, -4, True),  # a gap
        ([(-9, -5), (-4, 0)], -6, -9, True),
        ([(-9, -5), (-4, 0)], -4.5, -9, False),
        ([(-9, -5), (-4, 0), (-6, 0)], 0, -9, True),  # closed later
        ([(-9, -5), (-4, 0), (None, -7)], 0, -4, True),
        ([(-9, -5), (-4, 0), (None, -5)], -5, None, True),
        ([(-9, -5), (-4, 0), (None, 1)], 0, None, True),
        ([(-2, -1), (-8, 0), (-5, -3)], 0, -8, True),
        ([(1, 0)], 0, None, False),  # from the future
    ],
)
def test_spans(spans: Any, as_of: float, since: float | None, is_covered: bool, path: Path):  # noqa: FBT001
    """Days before and after noon, in any order of lines."""
    values = [run_line(NOON + end * DAY, None if start is None else NOON + start * DAY) for start, end in spans]
    for order in itertools.permutations(values):
        found = covered(path, *order, as_of=NOON + as_of * DAY)
        assert found.since == (None if since is None else NOON + since * DAY)
        assert (not found.problems) is is_covered


def test_several_places(path: Path, tmp_path: Path):
    """The last moment that all cover, since the last of their starts. One that is a day behind is named."""
    east = run_line(NOON - 2 * DAY, NOON - 90 * DAY, **EAST)
    files = [write(path, run_line(NOON), job_line()), write(tmp_path / "east.jsonl", east)]
    found = coverage(SavedJobs(*files))
    assert (found.as_of, found.since, found.problems) == (NOON - 2 * DAY, NOON - 90 * DAY, ())
    assert {*found.places} == {WEST, Place("123456789012", "us-east-1")}
    [note] = found.notes
    assert note.startswith("123456789012 us-east-1 is covered until 2026-02-27 12:00:00 UTC, but 123456789012 us-west-2 until")
    [problem] = coverage(SavedJobs(*files), NOON).problems
    assert (problem.region, problem.account_id) == ("us-east-1", "123456789012")
    assert covered(path, run_line(NOON), run_line(NOON - DAY, **EAST)).notes == ()


def test_run_that_did_not_end(path: Path):
    """Nothing says that the jobs are all."""
    found = covered(path, job_line())
    assert (found.as_of, found.since, found.places) == (None, None, (WEST,))
    assert [(problem.text, problem.region) for problem in found.problems] == [
        ("all jobs: no run that saves them has ended", "us-west-2")
    ]
    found = covered(path, job_line(**EAST), run_line(NOON))
    assert (found.as_of, [problem.region for problem in found.problems]) == (NOON, ["us-east-1"])


def test_unknown_account(path: Path):
    """Before its first job, a region does not show its account."""
    unknown = run_line(NOON - 9 * DAY, accountID=None, jobs=0)
    found = covered(path, unknown)
    assert (found.as_of, found.places, found.problems) == (NOON - 9 * DAY, (Place(None, "us-west-2"),), ())
    [problem] = covered(path, unknown, as_of=NOON).problems
    assert (problem.account_id, problem.region) == (None, "us-west-2")
    found = covered(path, unknown, run_line(NOON, NOON - DAY))
    assert (found.as_of, found.since, found.places, found.problems) == (NOON, NOON - DAY, (WEST,), ())
    # It can be another account.
    found = covered(path, run_line(NOON - 9 * DAY, accountID=None), run_line(NOON))
    assert (found.as_of, len(found.places)) == (NOON - 9 * DAY, 2)
    assert covered(path, unknown, run_line(NOON, **EAST)).as_of == NOON - 9 * DAY


def test_output_of_another_tool(path: Path):
    """It counts as all jobs, until the last time that it has or a given moment, with a note."""
    ended_at = datetime(2022, 12, 7, 19, 24, 32, 155509, tzinfo=UTC)
    found = covered(path, [DRILL])
    assert (found.as_of, found.since, found.places, found.problems) == (ended_at, None, (WEST,), ())
    assert found.notes == (
        "123456789012 us-west-2: printed by another tool, so later jobs, and those that a filter left out, are not known",
    )
    found = covered(path, [DRILL], as_of=NOON)
    assert (found.as_of, len(found.notes)) == (NOON, 1)
    assert [problem.text for problem in found.problems] == ["jobs created after 2022-12-07 19:24:32 UTC: the files lack them"]
    assert covered(path, [DRILL], as_of=ended_at - DAY).problems == ()
    [problem] = covered(path, [{"jobID": "drsjob-1"}], as_of=NOON).problems
    assert problem.account_id is problem.region is None
    found = covered(path, [DRILL], run_line(NOON))
    assert (found.as_of, found.problems, found.notes) == (NOON, (), ())
    found = covered(path, [DRILL], run_line(NOON, **EAST))
    assert found.as_of == ended_at
    assert found.notes[0].startswith("123456789012 us-west-2 is covered until 2022-12-07 19:24:32 UTC, but")
    found = covered(path, [])
    assert (found.as_of, found.places, found.problems, found.notes) == (None, (), (), ())
    found = covered(path, [{"jobID": "drsjob-1"}])
    assert (found.as_of, found.places) == (None, (Place(None, None),))
    assert found.notes[0].startswith("unknown account and region: ")


def test_page_token_at_the_end(path: Path):
    """The output has not all jobs."""
    for name in ("NextToken", "nextToken"):
        [problem] = covered(path, {"items": [DRILL], name: "x"}).problems
        assert problem == Problem(
            "jobs after the end of jobs.jsonl, a page token", account_id="123456789012", region="us-west-2"
        )
    assert covered(path, {"items": [DRILL], "NextToken": "x"}, {"items": [DRILL]}).problems == ()
    assert covered(path, {"items": [DRILL], "NextToken": "x"}, run_line(NOON)).problems == ()
    [problem] = covered(path, {"items": [], "NextToken": "x"}).problems
    assert problem.account_id is problem.region is None
    # The output of another region is not its next page.
    east = {**DRILL, "jobID": "drsjob-1", "arn": DRILL["arn"].replace("us-west-2", "us-east-1")}
    found = covered(path, {"items": [DRILL], "NextToken": "x"}, {"items": [east]})
    assert [problem.region for problem in found.problems] == ["us-west-2"]


def test_runs_that_find_no_jobs(path: Path):
    """They do not show their account, but cover the one that their region has in the files."""
    empty = [run_line(NOON - day * DAY, accountID=None, jobs=0) for day in (9, 0)]
    for values in ([empty[0], run_line(NOON - DAY), empty[1]], [job_line(), *empty]):
        for order in itertools.permutations(values):
            found = covered(path, *order)
            assert (found.as_of, found.since, found.places, found.problems) == (NOON, None, (WEST,), ())
    # With several accounts, it is not known which.
    found = covered(path, run_line(NOON - DAY), run_line(NOON - 2 * DAY, accountID="210987654321"), *empty)
    assert (found.as_of, len(found.places)) == (NOON - 2 * DAY, 2)


def test_runs_that_failed(path: Path):
    """They cover nothing, but their account and region is known."""
    error = {"jobs": 0, "error": "AccessDeniedException: no"}
    found = covered(path, run_line(NOON), run_line(NOON, **EAST, **error))
    assert found.problems == (Problem("all jobs: AccessDeniedException: no", account_id="123456789012", region="us-east-1"),)
    assert found.as_of == NOON
    # One that succeeded counts, whatever failed before or after it.
    failed = run_line(NOON + DAY, accountID=None, **error)
    found = covered(path, run_line(NOON - DAY, accountID=None, **error), run_line(NOON), failed)
    assert (found.as_of, found.places, found.problems) == (NOON, (WEST,), ())
    [problem] = covered(path, run_line(NOON), failed, as_of=NOON + DAY).problems
    assert (problem.text, problem.account_id) == (
        "jobs created after 2026-03-01 12:00:00 UTC: the files lack them",
        "123456789012",
    )


def test_evidence_from_a_file(client: JobsClient, local_drs: LocalDrs, path: Path):
    """It is that of AWS, if it is judged at the same moment."""
    history = make_history(60, until=local_drs.now, logs=True)
    local_drs.add_history(history)
    save_jobs(client, path)
    saved = SavedJobs(path)
    found = coverage(saved)
    assert found.problems == ()
    assert found.as_of is not None

    def records(source: JobsClient) -> Any:
        jobs = [source.phases(job) if job.is_complete else job for job in source.describe_jobs()]
        criteria: Any = {"drilled_within": 90 * DAY, "objective": timedelta(hours=4), "as_of": found.as_of}
        return assess(jobs, **criteria, since=found.since, problems=found.problems).records()

    assert records(client) == records(JobsClient(saved))
    assert len(records(client)) > 5
