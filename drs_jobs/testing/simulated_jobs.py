"""Simulated recoveries and clean-ups: the state and the log of each job at a given time.

They are a pure function of time. The stages are those of a real drill, which takes about nine minutes.
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
    """The server does not boot. Its launch fails, and so the job fails."""

    error: str = "The instance did not pass its status checks: it does not boot from its converted volume."
    """The `rawError` in the job's log."""


@attrs.frozen
class LaunchActionFailure:
    """The server launches, but its post-launch action fails, and so the job fails."""

    reason: str = "Step timed out while verifying that the instance responds."
    """The `failureReason` of the action's run."""


InjectedFailure = BootFailure | LaunchActionFailure
"""A failure that can be injected for one server."""

# Start or end of each stage, counted from the job's creation. These times were observed in a real drill.
_JOB_START: Final = timedelta(seconds=10)
_SNAPSHOT_START: Final = timedelta(seconds=20)
_SNAPSHOT_END: Final = timedelta(seconds=80)
_CONVERSION_START: Final = timedelta(seconds=90)
_CONVERSION_END: Final = timedelta(seconds=270)
_LAUNCH_START: Final = timedelta(seconds=280)
_LAUNCH_END: Final = timedelta(seconds=430)
_LAUNCH_ACTION_END: Final = timedelta(seconds=520)
_RECOVERY_END: Final = timedelta(seconds=530)
_CLEAN_UP_END: Final = timedelta(seconds=60)
_SERVER_DELAY: Final = timedelta(seconds=5)
"""How much later each server goes through the stages than the server before it."""


@attrs.frozen
class SimulatedRecovery:
    """A simulated recovery or drill."""

    created: Job
    """The job directly after its creation."""
    servers: tuple[ParticipatingServer, ...]
    """The servers as they are at the end if nothing fails."""
    injected_failures: Mapping[str, InjectedFailure]
    """The failures, by source server id."""

    def job_at(self, now: datetime) -> Job:
        """Return the job as it is at the time `now`."""
        age = now - self._creation
        if age < _JOB_START:
            return self.created
        servers = tuple(self._server_at(server, age - _SERVER_DELAY * index) for index, server in enumerate(self.servers))
        end = self._end
        if age < end:
            return attrs.evolve(self.created, status=JobStatus.STARTED, participating_servers=servers)
        return attrs.evolve(
            self.created, status=JobStatus.COMPLETED, end_date_time=self._creation + end, participating_servers=servers
        )

    def log_at(self, now: datetime) -> tuple[JobLogItem, ...]:
        """Return the log up to the time `now`, oldest first."""
        items = sorted(self._log(), key=lambda item: item.log_date_time or now)
        return tuple(item for item in items if item.log_date_time is not None and item.log_date_time <= now)

    @property
    def _creation(self) -> datetime:
        return _creation(self.created)

    @property
    def _end(self) -> timedelta:
        """The end of the job, counted from its creation."""
        return _RECOVERY_END + _SERVER_DELAY * (len(self.servers) - 1)

    def _failure_of(self, server: ParticipatingServer) -> InjectedFailure | None:
        return self.injected_failures.get(server.source_server_id or "")

    def _server_at(self, server: ParticipatingServer, age: timedelta) -> ParticipatingServer:
        failure = self._failure_of(server)
        unlaunched = ParticipatingServer(source_server_id=server.source_server_id, launch_actions_status=LaunchActionsStatus())
        if age < _SNAPSHOT_START:
            return attrs.evolve(unlaunched, launch_status=LaunchStatus.PENDING)
        if age < _LAUNCH_END:
            return attrs.evolve(unlaunched, launch_status=LaunchStatus.IN_PROGRESS)
        if isinstance(failure, BootFailure):
            return attrs.evolve(unlaunched, launch_status=LaunchStatus.FAILED)
        actions = server.launch_actions_status or LaunchActionsStatus()
        runs = tuple(self._run_at(run, age, failure) for run in actions.runs)
        return attrs.evolve(server, launch_actions_status=attrs.evolve(actions, runs=runs))

    def _run_at(self, run: LaunchActionRun, age: timedelta, failure: InjectedFailure | None) -> LaunchActionRun:
        if age < _LAUNCH_ACTION_END:
            return attrs.evolve(run, status=LaunchActionRunStatus.IN_PROGRESS)
        if isinstance(failure, LaunchActionFailure):
            return attrs.evolve(run, status=LaunchActionRunStatus.FAILED, failure_reason=failure.reason)
        return run

    def _log(self) -> Iterator[JobLogItem]:
        yield self._item(JobLogEvent.JOB_START, _JOB_START)
        for index, server in enumerate(self.servers):
            delay = _SERVER_DELAY * index
            data = JobLogEventData(source_server_id=server.source_server_id)
            yield self._item(JobLogEvent.SNAPSHOT_START, _SNAPSHOT_START + delay, data)
            yield self._item(JobLogEvent.SNAPSHOT_END, _SNAPSHOT_END + delay, data)
            yield self._item(JobLogEvent.CONVERSION_START, _CONVERSION_START + delay, data)
            yield self._item(JobLogEvent.CONVERSION_END, _CONVERSION_END + delay, data)
            yield self._item(JobLogEvent.LAUNCH_START, _LAUNCH_START + delay, data)
            failure = self._failure_of(server)
            if isinstance(failure, BootFailure):
                yield self._item(JobLogEvent.LAUNCH_FAILED, _LAUNCH_END + delay, attrs.evolve(data, raw_error=failure.error))
            else:
                launched = attrs.evolve(data, target_instance_id=server.recovery_instance_id)
                # The service sends LAUNCH_END, but its service model does not list it.
                yield self._item(UnknownValue("LAUNCH_END"), _LAUNCH_END + delay, launched)
        yield self._item(JobLogEvent.JOB_END, self._end)

    def _item(self, event: JobLogEvent | UnknownValue, age: timedelta, data: JobLogEventData | None = None) -> JobLogItem:
        return JobLogItem(event=event, event_data=data or JobLogEventData(), log_date_time=self._creation + age)


@attrs.frozen
class SimulatedCleanUp:
    """A simulated clean-up of recovery instances. Once complete, it lists no servers, as observed in the real service."""

    created: Job
    """The job directly after its creation."""

    def job_at(self, now: datetime) -> Job:
        """Return the job as it is at the time `now`."""
        age = now - _creation(self.created)
        if age < _JOB_START:
            return self.created
        if age < _CLEAN_UP_END:
            return attrs.evolve(self.created, status=JobStatus.STARTED)
        return attrs.evolve(self.created, status=JobStatus.COMPLETED, end_date_time=_creation(self.created) + _CLEAN_UP_END)

    def log_at(self, now: datetime) -> tuple[JobLogItem, ...]:
        """Return the log up to the time `now`, oldest first."""
        creation = _creation(self.created)
        stages = {
            JobLogEvent.JOB_START: _JOB_START,
            JobLogEvent.CLEANUP_START: _JOB_START,
            JobLogEvent.CLEANUP_END: _CLEAN_UP_END,
            JobLogEvent.JOB_END: _CLEAN_UP_END,
        }
        return tuple(
            JobLogItem(event=event, event_data=JobLogEventData(), log_date_time=creation + age)
            for event, age in stages.items()
            if creation + age <= now
        )


@attrs.frozen
class StaticJob:
    """A job that does not change with time, and its log."""

    created: Job
    """The job."""
    log: tuple[JobLogItem, ...] = ()
    """The log, in the order in which its items were added."""

    def job_at(self, now: datetime) -> Job:  # noqa: ARG002  # the job does not change with time
        """Return the job."""
        return self.created

    def log_at(self, now: datetime) -> tuple[JobLogItem, ...]:  # noqa: ARG002  # the job does not change with time
        """Return the log."""
        return self.log


BackendJob = SimulatedRecovery | SimulatedCleanUp | StaticJob
"""A job in `Backend`."""


def _creation(job: Job) -> datetime:
    if job.creation_date_time is None:
        raise ValueError(f"job {job.job_id} has no creation_date_time: a simulated job needs one")
    return job.creation_date_time
