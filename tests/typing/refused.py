"""Wrong code: each line marked `# refused`, and no other, must be an error in each type checker. It is never run."""

# pyright: strict

from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Any, assert_never

import drs_jobs
from drs_jobs import (
    InitiatedBy,
    Job,
    JobLogItem,
    JobsClient,
    JobStatus,
    LaunchStatus,
    Outcome,
    Page,
    ParticipatingResourceID,
    ParticipatingServer,
    SourceNetworkID,
    SourceServer,
    UnknownMember,
    UnknownValue,
    analysis,
)
from drs_jobs.evidence import Problem, Verdict, assess
from drs_jobs.sweep import Target, TargetFailure, TargetResult, sweep, targets


def match_without_unknown_values(job: Job) -> str:
    match job.status:
        case JobStatus.PENDING | JobStatus.STARTED:
            return "running"
        case JobStatus.COMPLETED:
            return "ended"
        case None:
            return "absent"
        case _:
            assert_never(job.status)  # refused


def match_without_one_status(job: Job) -> str:
    match job.status:
        case JobStatus.PENDING:
            return "running"
        case JobStatus.COMPLETED:
            return "ended"
        case UnknownValue() | None:
            return "unknown"
        case _:
            assert_never(job.status)  # refused


def match_without_an_absent_status(status: LaunchStatus | UnknownValue | None) -> str:
    match status:
        case LaunchStatus() | UnknownValue():
            return status
        case _:
            assert_never(status)  # refused


def if_without_unknown_values(server: ParticipatingServer) -> str:
    if server.launch_status is None:
        return "absent"
    if isinstance(server.launch_status, LaunchStatus):
        return server.launch_status.name
    assert_never(server.launch_status)  # refused


def match_without_one_outcome(job: Job) -> str:
    match job.outcome:
        case Outcome.SUCCEEDED:
            return "good"
        case Outcome.FAILED:
            return "bad"
        case Outcome.RUNNING:
            return "running"
        case _:
            assert_never(job.outcome)  # refused


def match_without_unknown_members(resource: ParticipatingResourceID) -> str:
    match resource:
        case SourceNetworkID(value):
            return value
        case _:
            assert_never(resource)  # refused


def match_without_networks(resource: ParticipatingResourceID) -> str:
    match resource:
        case UnknownMember(name):
            return name
        case _:
            assert_never(resource)  # refused


def match_without_failed_targets(result: TargetResult[tuple[Job, ...]] | TargetFailure) -> int:
    match result:
        case TargetResult(value=jobs):
            return len(jobs)
        case _:
            assert_never(result)  # refused


def if_without_targets_with_jobs(result: TargetResult[tuple[Job, ...]] | TargetFailure) -> str:
    if isinstance(result, TargetFailure):
        return str(result.error)
    assert_never(result)  # refused


class MoreJobs(TargetResult[int]):  # refused
    pass


class AnotherError(TargetFailure):  # refused
    pass


class AsyncClient:
    """A client of aiobotocore."""

    async def describe_jobs(self, **request: object) -> dict[str, Any]:
        return {"items": [], "nextToken": str(request)}


class ListClient:
    """A client with a method that returns a list."""

    def describe_jobs(self, **request: object) -> list[object]:
        return [request]


class NoClient:
    """A client of another service."""

    def describe_instances(self) -> dict[str, Any]:
        return {}


def clients() -> None:
    JobsClient("drs")  # refused
    JobsClient(datetime)  # refused
    JobsClient(AsyncClient())  # refused
    JobsClient(ListClient())  # refused
    JobsClient(NoClient())  # refused
    JobsClient(region_name=1)  # refused
    JobsClient(region="eu-west-1")  # refused


def requests(client: JobsClient, job: Job) -> None:
    client.describe_jobs(from_date="2024-06-15")  # refused
    client.describe_jobs(["drsjob-1"])  # refused
    client.describe_jobs(job_ids=[1])  # refused
    client.describe_jobs(job_ids=[job])  # refused
    client.describe_jobs(limit="1")  # refused
    client.describe_jobs(on_malformed="skip")  # refused
    client.get_job(job)  # refused
    client.get_job(job).status.upper()  # refused
    client.describe_job_log_items(job)  # refused


def waits(client: JobsClient, job: Job) -> None:
    client.wait(job)  # refused
    client.wait(job, 60)  # refused
    client.wait(job, timeout="60")  # refused
    client.wait(None, timeout=60)  # refused
    client.wait([job], timeout=60)  # refused
    client.wait_all(job, timeout=60)  # refused
    client.watch([job])  # refused


def fields(job: Job, server: ParticipatingServer) -> None:
    job.status = JobStatus.PENDING  # refused
    job.outcome = Outcome.FAILED  # refused
    server.launch_status = None  # refused
    print(job.jobID)  # refused
    print(job.type.name)  # refused
    print(job.creation_date_time.date())  # refused
    print(job.duration.total_seconds())  # refused
    job.participating_servers.append(server)  # refused
    job.tags["owner"] = "me"  # refused
    Job(job_id=None)  # refused
    Job()  # refused
    Job(job_id="j", status="PENDING")  # refused
    Job(job_id="j", initiated_by=JobStatus.PENDING)  # refused
    Job(job_id="j", participating_servers=[server])  # refused
    print(InitiatedBy.START_DRIL)  # refused


def pages(client: JobsClient, page: Page[Job]) -> None:
    page.items = ()  # refused
    print(client.describe_jobs().first().job_id)  # refused
    print(client.describe_jobs().collect().append)  # refused
    log_items: list[JobLogItem] = list(client.describe_jobs())  # refused
    print(log_items)


def optional_arn(page: Page[Job]) -> None:
    print(page.items[0].arn.upper())  # refused


def pure_functions(job: Job, log: Iterable[JobLogItem]) -> None:
    analysis.explain(job)  # refused
    analysis.explain(log, job)  # refused
    assess([job])  # refused
    assess([job], as_of="2026-08-31")  # refused
    assess(job, as_of=datetime.now(UTC))  # refused
    assess([job], as_of=datetime.now(UTC), objective=14400)  # refused
    analysis.phases(log, job)  # refused
    analysis.combine(job)  # refused
    analysis.progress(analysis.phases(job, log))  # refused


def assessing(job: Job, now: datetime) -> None:
    assess([job], as_of=now, servers=SourceServer("s"))  # refused
    assess([job], as_of=now, problems=["access denied"])  # refused
    Problem("access denied", "123456789012")  # refused
    SourceServer()  # refused
    for record in assess([job], as_of=now).records():
        print(record["lastDrill"])  # refused


def match_without_one_verdict(verdict: Verdict) -> str:
    match verdict:
        case Verdict.MET:
            return "good"
        case Verdict.NOT_MET:
            return "bad"
        case _:
            assert_never(verdict)  # refused


def sweeps(result: TargetResult[tuple[Job, ...]] | TargetFailure) -> None:
    sweep([None])  # refused
    sweep(["eu-west-1"])  # refused
    sweep([result])  # refused
    Target()  # refused
    Target("eu-west-1", role="r")  # refused
    targets([123456789012], ["eu-west-1"], role_name="r")  # refused
    targets(["123456789012"], ["eu-west-1"])  # refused
    print(result.is_uninitialized)  # refused
    print(result.error)  # refused


def unknown_name() -> None:
    drs_jobs.JobClient()  # refused
