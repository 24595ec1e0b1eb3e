"""The type of every public call, for type checkers in strict mode. This program is never run."""

# pyright: strict

import functools
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Executor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, assert_never, assert_type

from drs_jobs import (
    InitiatedBy,
    Items,
    Job,
    JobFailedError,
    JobLogEvent,
    JobLogItem,
    JobNotFoundError,
    JobOutcomeError,
    JobRef,
    JobsClient,
    JobStatus,
    JobType,
    LaunchActionParameter,
    LaunchActionRun,
    LaunchActionsStatus,
    LaunchStatus,
    MalformedResponseError,
    Outcome,
    Page,
    Pager,
    PagerIterator,
    PaginationLoopError,
    ParticipatingResource,
    ParticipatingResourceID,
    ParticipatingServer,
    ServiceError,
    SourceNetworkID,
    SourceServer,
    UnknownMember,
    UnknownValue,
    ValidationException,
    WaitTimeoutError,
    analysis,
    structure_job,
    unstructure_job,
)
from drs_jobs.analysis import Explanation, Failure, JobPhases, Phase, PhaseName
from drs_jobs.evidence import (
    Assessment,
    DrillResult,
    Problem,
    RecoveryResult,
    ServerAssessment,
    ServerRecord,
    Verdict,
    assess,
    logs_needed,
    render,
)
from drs_jobs.saved import SavedCount, SavedJobs, save_jobs
from drs_jobs.sweep import Target, TargetFailure, TargetResult, read_jobs, read_phases, sweep, targets


class HandMade:
    """A hand-written fake client."""

    def describe_jobs(self, **request: object) -> dict[str, Any]:
        return {"items": [], "nextToken": str(request)}


def skip(error: MalformedResponseError) -> None:
    assert_type(error.path, str)
    assert_type(error.cursor, str | None)


def listing() -> None:
    client = JobsClient(HandMade())
    pager = client.describe_jobs(
        job_ids=["a"],
        from_date=datetime.now(UTC),
        to_date=datetime.now(UTC),
        page_size=1,
        limit=1,
        cursor="c",
        on_malformed=skip,
    )
    assert_type(pager, Pager[Job])
    assert_type(pager.cursor, str | None)
    assert_type(pager.first(), Job | None)
    assert_type(pager.collect(), Items[Job])
    anything: Items[object] = pager.collect()
    assert len(anything) == len(pager.collect())
    assert_type(pager.pages(), Iterator[Page[Job]])
    iterator = iter(pager)
    assert_type(iterator, PagerIterator[Job])
    assert_type(iterator.cursor, str)
    assert_type(next(iterator), Job)
    for page in pager.pages():
        assert_type(page.items, tuple[Job, ...])
        assert_type(page.next_token, str | None)
        assert_type(page.request_id, str | None)
        assert_type(page.cursor, str)
        assert_type(page.raw, Mapping[str, Any])
    for collected in pager.collect():
        assert_type(collected, Job)
    assert_type(client.get_job("a"), Job)
    assert_type(structure_job({}), Job)
    assert_type(unstructure_job(structure_job({})), dict[str, Any])


def waiting(client: JobsClient, job: Job, raw: Mapping[str, Any]) -> None:
    assert_type(client.watch([job, "id", raw], timeout=60), Iterator[Job])
    assert_type(client.wait(job, timeout=timedelta(minutes=1), poll_interval=1), Job)
    assert_type(client.wait(raw, timeout=None), Job)
    assert_type(client.wait_all(["id"], timeout=1.5, poll_interval=timedelta(seconds=1)), tuple[Job, ...])
    reference: JobRef = job
    explanation = client.explain(reference)
    assert_type(explanation, Explanation)
    assert_type(explanation.job, Job)
    assert_type(explanation.instance_ids, Mapping[str, str])
    assert_type(explanation.log, tuple[JobLogItem, ...])
    assert_type(explanation.log_error, Exception | None)
    for failure in explanation.failures:
        assert_type(failure, Failure)
        assert_type(failure.participant, str)
        assert_type(failure.reasons, tuple[str, ...])
    assert_type(client.describe_job_log_items("id", page_size=1, limit=1, cursor="c", on_malformed=skip), Pager[JobLogItem])


def reporting(jobs: list[Job], log: list[JobLogItem]) -> None:
    assert_type(analysis.instance_ids(jobs[0], log), Mapping[str, str])
    assert_type(analysis.explain(jobs[0], log), Explanation)
    assert_type(analysis.active_jobs(jobs), tuple[Job, ...])
    assert_type(analysis.latest_snapshots(jobs), tuple[Job, ...])
    assert_type(analysis.busy_servers(jobs), Mapping[str, Job])
    assert_type(analysis.usage(jobs).concurrent_jobs, int)
    combined = analysis.combine(jobs, optional_servers=["s"])
    assert_type(combined.outcome, Outcome)
    assert_type(combined.duration, timedelta | None)
    assert_type(combined.failed_servers, tuple[ParticipatingServer, ...])
    assert_type(jobs[0].outcome_of("s"), Outcome | None)
    assert_type(jobs[0].servers_at_target, tuple[ParticipatingServer, ...])


def times(client: JobsClient, job: Job, log: list[JobLogItem], now: datetime) -> None:
    phases = analysis.phases(job, log)
    assert_type(phases, JobPhases)
    assert_type(client.phases(job), JobPhases)
    assert_type(phases.recovery_time, timedelta | None)
    for row in phases.participants:
        assert_type(row.current, Phase | None)
        assert_type(row.launched_at, datetime | None)
        assert_type(row.outcome, Outcome)
        for phase in row.phases:
            assert_type(phase.name, PhaseName)
            assert_type(phase.duration, timedelta | None)
            assert_type(phase.attempts, int)
            assert_type(phase.error, str | None)
    progress = analysis.progress(phases, now=now, earlier=[phases])
    assert_type(progress.fraction, float)
    assert_type(progress.counts, Mapping[PhaseName | None, int])
    for cause in client.explain(job).causes:
        assert_type(cause.participants, tuple[str, ...])
        assert_type(cause.refused_action, str | None)


def saved_jobs(client: JobsClient, now: datetime) -> None:
    assert_type(save_jobs(client, "jobs.jsonl", from_date=now), SavedCount)
    assert_type(save_jobs(client, Path("jobs.jsonl")).without_log, int)
    assert_type(JobsClient(SavedJobs("jobs.jsonl", Path("others.json"))).describe_jobs(), Pager[Job])


def evidence(client: JobsClient, jobs: list[Job], phases: list[JobPhases], now: datetime) -> None:
    servers: list[str | SourceServer] = [
        "s-51d6b65c73391918f",
        SourceServer("s-51d6b65c73391918f", name="db-01", lag=timedelta()),
    ]
    assessment = assess(
        [*jobs, *phases],
        as_of=now,
        drilled_within=timedelta(days=90),
        objective=timedelta(hours=4),
        servers=servers,
        since=now,
        problems=[Problem("text", region="eu-west-1")],
    )
    assert_type(assessment, Assessment)
    assert_type(assess(jobs, as_of=now), Assessment)
    assert_type(assess(phases, as_of=now, servers=client.describe_source_servers()), Assessment)
    assert_type(logs_needed(jobs, as_of=now, objective=timedelta(hours=4), servers=servers), tuple[Job, ...])
    assert_type(assessment.verdict, Verdict | None)
    assert_type(assessment.counts, Mapping[Verdict, int])
    assert_type(assessment.first_job_at, datetime | None)
    assert_type(assessment.jobs, tuple[Job, ...])
    assert_type(assessment.phases, tuple[JobPhases, ...])
    assert_type(assessment.records(), list[ServerRecord])
    assert_type(assessment.records()[0]["recoverySeconds"], float | None)
    assert_type(render(assessment, title="text"), str)
    for row in assessment.servers:
        assert_type(row, ServerAssessment)
        assert_type(row.server, SourceServer)
        assert_type(row.last_success, DrillResult | None)
        assert_type(row.latest_recovery, RecoveryResult | None)
        assert_type(row.age, timedelta | None)
        assert_type(row.drilled, Verdict | None)
        assert_type(row.reasons, tuple[str, ...])


def fields(job: Job, now: datetime) -> None:
    assert_type(job.job_id, str)
    assert_type(job.arn, str | None)
    assert_type(job.type, JobType | UnknownValue | None)
    assert_type(job.initiated_by, InitiatedBy | UnknownValue | None)
    assert_type(job.creation_date_time, datetime | None)
    assert_type(job.end_date_time, datetime | None)
    assert_type(job.status, JobStatus | UnknownValue | None)
    assert_type(job.participating_servers, tuple[ParticipatingServer, ...])
    assert_type(job.participating_resources, tuple[ParticipatingResource, ...])
    assert_type(job.tags, Mapping[str, str])
    assert_type(job.is_complete, bool)
    assert_type(job.is_drill, bool)
    assert_type(job.duration, timedelta | None)
    assert_type(job.outcome, Outcome)
    assert_type(job.failed_servers, tuple[ParticipatingServer, ...])
    assert_type(job.failed_resources, tuple[ParticipatingResource, ...])
    assert_type(job.failed_actions, tuple[LaunchActionRun, ...])
    assert_type(job.account_id, str | None)
    assert_type(job.region, str | None)
    assert_type(job.console_url, str | None)
    assert_type(job.elapsed(now), timedelta | None)
    assert_type(job.raise_unless_succeeded(), Job)
    for server in job.participating_servers:
        assert_type(server.launch_status, LaunchStatus | UnknownValue | None)
        assert_type(server.launch_actions_status, LaunchActionsStatus | None)
        for run in server.runs:
            if run.action is not None:
                assert_type(run.action.parameters, Mapping[str, LaunchActionParameter])
    Job(job_id="j", status=JobStatus.PENDING, participating_servers=(ParticipatingServer(source_server_id="s"),))


def matching(job: Job, resource: ParticipatingResourceID) -> str:
    match job.status:
        case JobStatus.PENDING | JobStatus.STARTED:
            word = "running"
        case JobStatus.COMPLETED:
            word = "ended"
        case UnknownValue() as unknown:
            word = unknown
        case None:
            word = "absent"
        case _:
            assert_never(job.status)
    match resource:
        case SourceNetworkID(value):
            return word + value
        case UnknownMember(name):
            return word + name
        case _:
            assert_never(resource)


def outcomes(job: Job) -> str:
    match job.outcome:
        case Outcome.SUCCEEDED:
            return "good"
        case Outcome.FAILED:
            return "bad"
        case Outcome.RUNNING | Outcome.UNDETERMINED:
            return "open"


def comparing(job: Job) -> str:
    """Narrowing without `match`."""
    if job.status is None:
        return "absent"
    if isinstance(job.status, UnknownValue):
        return job.status
    if job.status is JobStatus.COMPLETED:
        return "ended"
    if job.status == JobStatus.PENDING or job.status == JobStatus.STARTED:  # noqa: PLR1714  # not every checker narrows by `in`
        return "running"
    assert_never(job.status)


def classifying(server: ParticipatingServer, initiated_by: InitiatedBy | UnknownValue | None) -> str:
    """Matching by class, and by groups of members."""
    match server.launch_status:
        case LaunchStatus():
            word = server.launch_status.name
        case UnknownValue() | None:
            word = "unknown"
        case _:
            assert_never(server.launch_status)
    match initiated_by:
        case InitiatedBy.START_DRILL | InitiatedBy.START_RECOVERY | InitiatedBy.FAILBACK | InitiatedBy.TARGET_ACCOUNT:
            return word + "recovery"
        case InitiatedBy.DIAGNOSTIC | InitiatedBy.TERMINATE_RECOVERY_INSTANCES:
            return word + "other"
        case InitiatedBy.CREATE_NETWORK_RECOVERY | InitiatedBy.UPDATE_NETWORK_RECOVERY | InitiatedBy.ASSOCIATE_NETWORK_RECOVERY:
            return word + "network"
        case UnknownValue() as value:  # pyrefly and zuban do not accept UnknownValue(value), but do accept str(value)
            return word + value
        case None:
            return word
        case _:
            assert_never(initiated_by)


def reading_the_log(item: JobLogItem) -> None:
    assert_type(item.event, JobLogEvent | UnknownValue | None)
    if item.event_data is not None:
        assert_type(item.event_data.target_instance_id, str | None)
        assert_type(item.event_data.attempt_count, int | None)


def failing(client: JobsClient, handler: Callable[[ServiceError], None]) -> None:
    try:
        client.get_job("a")
    except ValidationException as error:
        assert_type(error.reason, str | None)
        assert_type(error.fields, Mapping[str, str])
    except ServiceError as error:
        assert_type(error.code, str)
        assert_type(error.message, str)
        assert_type(error.status_code, int)
        assert_type(error.request_id, str | None)
        assert_type(error.retry_after, float | None)
        handler(error)
    except PaginationLoopError as error:
        assert_type(error.token, str)
        assert_type(error.cursor, str)
    except JobNotFoundError as error:
        assert_type(error.job_id, str)
        assert_type(error.last_seen, Job | None)
    except JobFailedError as error:
        assert_type(error.job, Job)
    except JobOutcomeError as error:
        assert_type(error.job, Job)
    except WaitTimeoutError as error:
        assert_type(error.jobs, tuple[Job, ...])


def sweeping(executor: Executor, now: datetime) -> None:
    found = targets(["123456789012"], "all", role_name="DrsReader", partition="aws", external_id=None)
    assert_type(found, Iterator[Target])
    for outcome in sweep(found, executor=executor, max_in_flight=10):
        match outcome:
            case TargetResult(target, jobs):
                assert_type(target, Target)
                assert_type(jobs, tuple[Job, ...])
            case TargetFailure():
                assert_type(outcome.error, Exception)
                assert_type(outcome.is_uninitialized, bool)
            case _:
                assert_never(outcome)
    newer = sweep(found, functools.partial(read_jobs, from_date=now))
    assert_type(newer, Iterator[TargetResult[tuple[Job, ...]] | TargetFailure])
    assert_type(sweep(found, read_phases), Iterator[TargetResult[tuple[JobPhases, ...]] | TargetFailure])
    assert_type(sweep(found, count_jobs), Iterator[TargetResult[int] | TargetFailure])


def count_jobs(client: JobsClient) -> int:
    return len(client.describe_jobs().collect())


def narrowing_results(result: TargetResult[tuple[Job, ...]] | TargetFailure) -> tuple[Job, ...]:
    """The two results of a sweep, narrowed without `match`."""
    if isinstance(result, TargetResult):
        assert_type(result, TargetResult[tuple[Job, ...]])
        return result.value
    assert_type(result, TargetFailure)
    raise result.error


def matching_results(result: TargetResult[tuple[Job, ...]] | TargetFailure) -> int:
    """The two results of a sweep, matched by class in the other order."""
    match result:
        case TargetFailure(error=error):
            assert_type(error, Exception)
            return 0
        case TargetResult():
            assert_type(result, TargetResult[tuple[Job, ...]])
            return len(result.value)
        case _:
            assert_never(result)


def html(job: Job, collected: Items[Job]) -> None:
    assert_type(job._repr_html_(), str)  # pyright: ignore[reportPrivateUsage]  # notebooks call it
    assert_type(collected._repr_html_(), str)  # pyright: ignore[reportPrivateUsage]  # the same
