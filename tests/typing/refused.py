"""Never run: every line marked `# refused` must be an error to mypy and to pyright, and no other line."""

# pyright: strict

from datetime import datetime
from typing import assert_never

from drs_jobs import Job, JobsClient, JobStatus, ParticipatingResourceID, SourceNetworkID, UnknownMember, UnknownValue


def forgets_unknown_values(job: Job) -> str:
    match job.status:
        case JobStatus.PENDING | JobStatus.STARTED:
            return "runs"
        case JobStatus.COMPLETED:
            return "ended"
        case None:
            return "nobody knows"
        case _ as never:
            assert_never(never)  # refused


def forgets_a_status(job: Job) -> str:
    match job.status:
        case JobStatus.PENDING:
            return "runs"
        case JobStatus.COMPLETED:
            return "ended"
        case UnknownValue() | None:
            return "nobody knows"
        case _ as never:
            assert_never(never)  # refused


def forgets_unknown_members(resource: ParticipatingResourceID) -> str:
    match resource:
        case SourceNetworkID(value):
            return value
        case _ as never:
            assert_never(never)  # refused


def forgets_networks(resource: ParticipatingResourceID) -> str:
    match resource:
        case UnknownMember(name):
            return name
        case _ as never:
            assert_never(never)  # refused


def mistakes(client: JobsClient, job: Job) -> None:
    job.status = JobStatus.PENDING  # refused
    print(job.jobID)  # refused
    client.describe_jobs(from_date="2024-06-15")  # refused
    client.describe_jobs(["drsjob-1"])  # refused
    client.describe_jobs(job_ids=[1])  # refused
    client.get_job(job)  # refused
    client.wait(job)  # refused
    client.wait(job, timeout="60")  # refused
    client.wait_all(job, timeout=60)  # refused
    Job(job_id=None)  # refused
    Job()  # refused
    JobsClient("drs")  # refused
    JobsClient(datetime)  # refused
    for page in client.describe_jobs().pages():
        page.items = ()  # refused
        print(page.items[0].arn.upper())  # refused
