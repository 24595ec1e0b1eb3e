"""Measured durations of real jobs, in seconds, and how the durations of a simulated job are drawn from them.

The measurements are of two jobs of two Linux servers each (2022) and two jobs of two Windows servers each (2025, one server of
which failed). Guesses, because they were never measured: the duration of a clean-up, of post-launch actions and of a failure in
any other phase than the launch of a Windows server; the time between two phases without another measurement.
"""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from random import Random
from typing import Final, NamedTuple, TypeAlias

from drs_jobs.testing.failures import PHASES

Range: TypeAlias = tuple[float, float]
"""The shortest and the longest duration, in seconds."""


class Profile(NamedTuple):
    """The durations of the jobs of one operating system."""

    snapshot: Range  # SNAPSHOT_START to SNAPSHOT_END
    waiting: Range  # SNAPSHOT_END to CONVERSION_START
    conversion: Range  # CONVERSION_START to CONVERSION_END
    launch: Range  # LAUNCH_START to LAUNCH_END
    failed_launch: Range  # LAUNCH_START to LAUNCH_FAILED
    job: Range  # creation to end of a job without clean-ups and post-launch actions, if its short steps take the average time
    failed_job: Range  # the same if a launch fails


PROFILES: Final[Mapping[str, Profile]] = {
    "linux": Profile(
        snapshot=(0.16, 0.24),
        waiting=(51, 52),
        conversion=(175, 198),
        launch=(278, 310),
        failed_launch=(278, 310),  # a guess
        job=(534.2, 537.8),
        failed_job=(534.2, 537.8),
    ),
    "windows": Profile(
        snapshot=(1, 2.99),
        waiting=(67, 191),
        conversion=(840, 846),
        launch=(327, 391),
        failed_launch=(948.5, 949.5),
        job=(1380, 1434),
        failed_job=(1861, 1862),
    ),
}
"""The profiles by name."""

JOB_START: Final[Range] = (0.29, 0.31)  # creation to JOB_START
CLEANUP: Final[Range] = (20, 40)  # CLEANUP_START to CLEANUP_END
BETWEEN_PHASES: Final[Range] = (0.05, 0.15)  # JOB_START, CLEANUP_END and CONVERSION_END to the next phase
LAUNCH_ACTIONS: Final[Range] = (80, 100)  # LAUNCH_END to the end of the post-launch actions
LAST_STEP: Final[Range] = (2.1, 3.9)  # the last event of a server to JOB_END
SILENT_STEP: Final[Range] = (178, 182)  # the last SNAPSHOT_END to JOB_END in a job that fails without any event
JOB_END: Final[Range] = (0.026, 0.027)  # `endDateTime` to JOB_END
BETWEEN_SERVERS: Final[Range] = (0.024, 0.028)  # the start of a phase of one server to that of the next server
_SPREAD: Final = 43.0
"""How much earlier than the slowest server another one can be launched, so that 25 servers are below the measured 47 s."""


def draw(duration: Range, random: Random) -> timedelta:
    """Return a random duration within a range."""
    return timedelta(seconds=random.uniform(*duration))


def draw_spans(
    profile: Profile, cleans_up: Sequence[bool], launch_fails: Sequence[bool], start: datetime, random: Random
) -> Iterator[list[tuple[str, datetime, datetime]]]:
    """Yield the phases of each server after JOB_START, each with its start and end, as if nothing failed.

    They are within the measured ranges, and so is the duration of the job. The servers begin each phase one soon after the
    other, and only the launch takes a different time for each, as measured. No snapshot begins before all clean-ups have ended.
    """
    failing = [index for index, fails in enumerate(launch_fails) if fails]
    slowest = random.choice(failing or range(len(launch_fails)))
    launch, job = (profile.failed_launch, profile.failed_job) if failing else (profile.launch, profile.job)
    ranges = (profile.snapshot, profile.waiting, profile.conversion, launch)
    shortest, longest = (sum(limits) for limits in zip(*ranges, strict=True))
    other_steps = sum(JOB_START) / 2 + sum(BETWEEN_PHASES) + sum(LAST_STEP) / 2  # on average
    # Each duration is at the same position between its limits, so that their sum is the drawn one.
    position = (random.uniform(*job) - other_steps - shortest) / (longest - shortest)
    snapshot, waiting, conversion, slowest_launch = (low + position * (high - low) for low, high in ranges)
    clean_ups = [random.uniform(*CLEANUP) if cleans else 0 for cleans in cleans_up]
    delays = list(itertools.accumulate((random.uniform(*BETWEEN_SERVERS) for _ in clean_ups[1:]), initial=0.0))
    clean_up_begin = snapshot_begin = random.uniform(*BETWEEN_PHASES)
    if any(clean_ups):
        snapshot_begin += delays[-1] + max(clean_ups) + random.uniform(*BETWEEN_PHASES)
    conversion_begin = snapshot_begin + snapshot + waiting
    launch_begin = conversion_begin + delays[-1] + conversion + random.uniform(*BETWEEN_PHASES)
    begins = (clean_up_begin, snapshot_begin, conversion_begin, launch_begin)
    for index, (delay, clean_up, fails) in enumerate(zip(delays, clean_ups, launch_fails, strict=True)):
        low, high = profile.failed_launch if fails else profile.launch
        high = min(high, slowest_launch)
        length = slowest_launch if index == slowest else random.uniform(max(low, high - _SPREAD), high)
        spans = zip(PHASES, begins, (clean_up, snapshot, conversion, length), strict=True)
        yield [
            (phase, start + timedelta(seconds=begin + delay), start + timedelta(seconds=begin + delay + seconds))
            for phase, begin, seconds in spans
            if seconds
        ]
