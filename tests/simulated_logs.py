"""Simulated jobs with their logs, and the truth about them, which the logs are made from."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import attrs

from drs_jobs import Job, JobLogItem, structure_job, structure_log_item

NOON: Final = datetime(2024, 6, 15, 12, tzinfo=UTC)
SERVER_PHASES: Final = ("CLEANUP", "SNAPSHOT", "CONVERSION", "LAUNCH")
FAILURES: Final = {
    "CLEANUP": "CLEANUP_FAIL",
    "SNAPSHOT": "SNAPSHOT_FAIL",
    "CONVERSION": "CONVERSION_FAIL",
    "LAUNCH": "LAUNCH_FAILED",
}
SCALES: Final = {"linux": (0.2, 51.5, 186.0, 294.0), "windows": (2.0, 130.0, 843.0, 380.0)}
"""Seconds of the snapshot, the wait after it, the conversion and the launch."""


@attrs.frozen
class Attempt:
    """One attempt at a phase. It ended at `end`, or never if that is `None`."""

    start: datetime
    end: datetime | None
    is_failed: bool = False


@attrs.define
class SimulatedServer:
    """The truth about one server: its attempts by phase, in order."""

    server_id: str
    phases: dict[str, list[Attempt]] = attrs.Factory(dict[str, list[Attempt]])
    is_failed: bool = False
    failed_after_launch_at: datetime | None = None

    def until(self, moment: datetime) -> dict[str, list[Attempt]]:
        """Return the attempts as they are at `moment`."""
        found: dict[str, list[Attempt]] = {}
        for name, attempts in self.phases.items():
            for attempt in attempts:
                if attempt.start <= moment:
                    end = attempt.end if attempt.end is not None and attempt.end <= moment else None
                    found.setdefault(name, []).append(Attempt(attempt.start, end, attempt.is_failed and end is not None))
        return found


@attrs.define
class SimulatedJob:
    """The truth about one job."""

    job_id: str
    created: datetime
    end: datetime
    servers: list[SimulatedServer]

    def job(self, now: datetime | None = None) -> Job:
        """Return the job, complete, or as it is at `now`."""
        is_complete = now is None or now >= self.end
        return structure_job(
            {
                "jobID": self.job_id,
                "type": "LAUNCH",
                "initiatedBy": "START_DRILL",
                "creationDateTime": self.created.isoformat(),
                **({"endDateTime": self.end.isoformat()} if is_complete else {}),
                "status": "COMPLETED" if is_complete else "STARTED",
                "participatingServers": [
                    {
                        "sourceServerID": server.server_id,
                        "launchStatus": ("FAILED" if server.is_failed else "LAUNCHED") if is_complete else "PENDING",
                    }
                    for server in self.servers
                ],
            }
        )

    def log(self, now: datetime | None = None) -> list[JobLogItem]:
        """Return the log, oldest first, until `now`."""
        items = [item("JOB_START", self.created + timedelta(milliseconds=300))]
        items.append(item("JOB_END", self.end + timedelta(milliseconds=27)))
        for server in self.servers:
            for name, attempts in server.phases.items():
                for number, attempt in enumerate(attempts, 1):
                    items.append(item(f"{name}_START", attempt.start, server.server_id))
                    if attempt.end is not None:
                        event = FAILURES[name] if attempt.is_failed else f"{name}_END"
                        error = {"rawError": f"attempt {number} of {name}"} if attempt.is_failed else {}
                        items.append(item(event, attempt.end, server.server_id, **error))
            if server.failed_after_launch_at is not None:
                items.append(item("LAUNCH_FAILED", server.failed_after_launch_at, server.server_id, rawError="volumes"))
        items.sort(key=lambda each: each.log_date_time or NOON)
        return [each for each in items if now is None or (each.log_date_time or NOON) <= now]


def item(event: str, moment: datetime | None = None, server: str | None = None, **data: Any) -> JobLogItem:
    """Return a log item. `data` has the other keys of its event data."""
    raw = {"event": event, "eventData": {**({"sourceServerID": server} if server else {}), **data}}
    return structure_log_item(raw if moment is None else {**raw, "logDateTime": moment.isoformat()})


def simulate(
    rng: random.Random, number: int, *, servers: Sequence[str] | None = None, scale: str | None = None, trouble: float = 0.3
) -> SimulatedJob:
    """Return a job with random durations, retries and failures.

    Args:
        rng: The random generator.
        number: The number of the job, which sets its id and creation.
        servers: The ids of its servers. By default one to six.
        scale: The kind of its servers. By default a random one.
        trouble: The probability that a server has retries or failures.
    """
    created = NOON + timedelta(days=number, seconds=rng.uniform(0, 3600))
    ids = servers or [f"s-{number}-{index}" for index in range(rng.randint(1, 6))]
    snapshot, wait, conversion, launch = (each * rng.uniform(0.7, 1.4) for each in SCALES[scale or rng.choice([*SCALES])])
    lengths = {"CLEANUP": (0.0, 20.0), "SNAPSHOT": (0.3, snapshot), "CONVERSION": (wait, conversion), "LAUNCH": (0.0, launch)}
    simulated = []
    for server_id in ids:
        server = SimulatedServer(server_id)
        clock = created + timedelta(milliseconds=rng.randint(300, 900))
        has_trouble = rng.random() < trouble
        for name in SERVER_PHASES[rng.random() < 0.7 :]:
            before, length = (seconds * rng.uniform(0.9, 1.1) for seconds in lengths[name])
            clock += timedelta(seconds=before)
            attempts = server.phases.setdefault(name, [])
            retries = rng.choice([0, 0, 0, 1, 2]) if has_trouble else 0
            for attempt in range(retries + 1):
                end = clock + timedelta(seconds=length)
                is_failed = attempt < retries or (has_trouble and rng.random() < 0.1)
                attempts.append(Attempt(clock, end, is_failed))
                clock = end + timedelta(seconds=rng.uniform(0.5, 5))
            if attempts[-1].is_failed:
                server.is_failed = True
            elif has_trouble and rng.random() < 0.05:  # it ends without any event
                server.is_failed = True
                if rng.random() < 0.5:
                    attempts[-1] = attrs.evolve(attempts[-1], end=None)
            elif name == "LAUNCH" and has_trouble and rng.random() < 0.1:
                server.is_failed = True
                server.failed_after_launch_at = clock
                clock += timedelta(seconds=1)
            if server.is_failed:
                break
        simulated.append((server, clock))
    end = max(clock for _, clock in simulated) + timedelta(seconds=3)
    return SimulatedJob(f"drsjob-{number}", created, end, [server for server, _ in simulated])
