"""Jobs that live: what a recovery or a clean-up looks like at any moment of its life, and what its log says by then.

A living job is a pure function of time. Its stages are those of a real drill, which takes about nine minutes.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from typing import Final

import attrs

from drs_jobs._models import (
    Job,
    JobLogEvent,
    JobLogEventData,
    JobLogItem,
    JobStatus,
    LaunchActionRun,
    LaunchActionRunStatus,
    LaunchActionsStatus,
    LaunchStatus,
    ParticipatingServer,
    UnknownValue,
)


@attrs.frozen
class BootFailure:
    """The server does not boot: its launch fails, and so does the job."""

    error: str = "The instance did not pass its status checks: it does not boot from its converted volume."
    """What the log's `rawError` says."""


@attrs.frozen
class LaunchActionFailure:
    """The server launches, but its post-launch action fails, and so does the job."""

    reason: str = "Step timed out while verifying that the instance answers."
    """What the run's `failureReason` says."""


InjectedFailure = BootFailure | LaunchActionFailure
"""What goes wrong with one server."""

# When each stage begins or ends, counted from the job's creation. A real drill was seen to take these times.
_STARTED: Final = timedelta(seconds=10)
_SNAPSHOT_START: Final = timedelta(seconds=20)
_SNAPSHOT_END: Final = timedelta(seconds=80)
_CONVERSION_START: Final = timedelta(seconds=90)
_CONVERSION_END: Final = timedelta(seconds=270)
_LAUNCH_START: Final = timedelta(seconds=280)
_LAUNCH_END: Final = timedelta(seconds=430)
_ACTION_END: Final = timedelta(seconds=520)
_RECOVERED: Final = timedelta(seconds=530)
_TERMINATED: Final = timedelta(seconds=60)
_STAGGER: Final = timedelta(seconds=5)
"""How much later each further server is than the one before."""


@attrs.frozen
class SimulatedRecovery:
    """A recovery or drill of some servers."""

    created: Job
    """The job as it was right after the call."""
    servers: tuple[ParticipatingServer, ...]
    """Each server as it is once all went well."""
    injected_failures: Mapping[str, InjectedFailure]
    """What goes wrong, by source server id."""

    def job_at(self, now: datetime) -> Job:
        """The job at a moment."""
        age = now - self._creation
        lag = _STAGGER * (len(self.servers) - 1)
        end = _RECOVERED + lag
        if age < _STARTED:
            return self.created
        servers = tuple(self._server_at(server, age - _STAGGER * number) for number, server in enumerate(self.servers))
        if age < end:
            return attrs.evolve(self.created, status=JobStatus.STARTED, participating_servers=servers)
        return attrs.evolve(
            self.created, status=JobStatus.COMPLETED, end_date_time=self._creation + end, participating_servers=servers
        )

    def log_at(self, now: datetime) -> tuple[JobLogItem, ...]:
        """The log at a moment, oldest first."""
        items = sorted(self._log(), key=lambda item: item.log_date_time or now)
        return tuple(item for item in items if item.log_date_time is not None and item.log_date_time <= now)

    @property
    def _creation(self) -> datetime:
        return _creation(self.created)

    def _failure_of(self, server: ParticipatingServer) -> InjectedFailure | None:
        return self.injected_failures.get(server.source_server_id or "")

    def _server_at(self, server: ParticipatingServer, age: timedelta) -> ParticipatingServer:
        failure = self._failure_of(server)
        waiting = ParticipatingServer(source_server_id=server.source_server_id, launch_actions_status=LaunchActionsStatus())
        if age < _SNAPSHOT_START:
            return attrs.evolve(waiting, launch_status=LaunchStatus.PENDING)
        if age < _LAUNCH_END:
            return attrs.evolve(waiting, launch_status=LaunchStatus.IN_PROGRESS)
        if isinstance(failure, BootFailure):
            return attrs.evolve(waiting, launch_status=LaunchStatus.FAILED)
        actions = server.launch_actions_status or LaunchActionsStatus()
        runs = tuple(self._run_at(run, age, failure) for run in actions.runs)
        return attrs.evolve(server, launch_actions_status=attrs.evolve(actions, runs=runs))

    def _run_at(self, run: LaunchActionRun, age: timedelta, failure: InjectedFailure | None) -> LaunchActionRun:
        if age < _ACTION_END:
            return attrs.evolve(run, status=LaunchActionRunStatus.IN_PROGRESS)
        if isinstance(failure, LaunchActionFailure):
            return attrs.evolve(run, status=LaunchActionRunStatus.FAILED, failure_reason=failure.reason)
        return run

    def _log(self) -> Iterator[JobLogItem]:
        end = _RECOVERED + _STAGGER * (len(self.servers) - 1)
        yield self._item(JobLogEvent.JOB_START, _STARTED)
        for number, server in enumerate(self.servers):
            lag = _STAGGER * number
            about = JobLogEventData(source_server_id=server.source_server_id)
            yield self._item(JobLogEvent.SNAPSHOT_START, _SNAPSHOT_START + lag, about)
            yield self._item(JobLogEvent.SNAPSHOT_END, _SNAPSHOT_END + lag, about)
            yield self._item(JobLogEvent.CONVERSION_START, _CONVERSION_START + lag, about)
            yield self._item(JobLogEvent.CONVERSION_END, _CONVERSION_END + lag, about)
            yield self._item(JobLogEvent.LAUNCH_START, _LAUNCH_START + lag, about)
            failure = self._failure_of(server)
            if isinstance(failure, BootFailure):
                yield self._item(JobLogEvent.LAUNCH_FAILED, _LAUNCH_END + lag, attrs.evolve(about, raw_error=failure.error))
            else:
                launched = attrs.evolve(about, target_instance_id=server.recovery_instance_id)
                # The service sends it, and its own model does not know it.
                yield self._item(UnknownValue("LAUNCH_END"), _LAUNCH_END + lag, launched)
        yield self._item(JobLogEvent.JOB_END, end)

    def _item(self, event: JobLogEvent | UnknownValue, age: timedelta, data: JobLogEventData | None = None) -> JobLogItem:
        return JobLogItem(event=event, event_data=data or JobLogEventData(), log_date_time=self._creation + age)


@attrs.frozen
class SimulatedCleanUp:
    """A clean-up of recovery instances. Once complete it lists nobody, as the real one was seen to do."""

    created: Job
    """The job as it was right after the call."""

    def job_at(self, now: datetime) -> Job:
        """The job at a moment."""
        age = now - _creation(self.created)
        if age < _STARTED:
            return self.created
        if age < _TERMINATED:
            return attrs.evolve(self.created, status=JobStatus.STARTED)
        return attrs.evolve(self.created, status=JobStatus.COMPLETED, end_date_time=_creation(self.created) + _TERMINATED)

    def log_at(self, now: datetime) -> tuple[JobLogItem, ...]:
        """The log at a moment, oldest first."""
        creation = _creation(self.created)
        stages = {
            JobLogEvent.JOB_START: _STARTED,
            JobLogEvent.CLEANUP_START: _STARTED,
            JobLogEvent.CLEANUP_END: _TERMINATED,
            JobLogEvent.JOB_END: _TERMINATED,
        }
        return tuple(
            JobLogItem(event=event, event_data=JobLogEventData(), log_date_time=creation + age)
            for event, age in stages.items()
            if creation + age <= now
        )


@attrs.frozen
class StaticJob:
    """A job that does not live: it was added as it is, with the log that was added for it."""

    created: Job
    """The job."""
    log: tuple[JobLogItem, ...] = ()
    """Its log."""

    def job_at(self, now: datetime) -> Job:  # noqa: ARG002  # the same at any moment
        """The job."""
        return self.created

    def log_at(self, now: datetime) -> tuple[JobLogItem, ...]:  # noqa: ARG002  # the same at any moment
        """Its log."""
        return self.log


BackendJob = SimulatedRecovery | SimulatedCleanUp | StaticJob
"""A job of `LocalDrs`."""


def _creation(job: Job) -> datetime:
    if job.creation_date_time is None:
        raise ValueError(f"job {job.job_id} can't live without a creation date")
    return job.creation_date_time
