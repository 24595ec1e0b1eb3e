"""Longer runs of faults, interruptions and fuzzing: `make soak`, or `python tests/soak.py SCHEDULES MINUTES`."""

import logging
import random
import sys
import time
from collections import Counter

import fault_schedules
import interruptions
import malformed_bytes


def soak_schedules(count: int) -> None:
    """Run schedules of faults, and print the number of expected, lost and repeated jobs and of each error."""
    tally = fault_schedules.run(range(count))
    print(f"schedules run   {tally.schedules:>9,}")
    print(f"jobs expected   {tally.expected:>9,}")
    print(f"jobs lost       {tally.lost:>9,}")
    print(f"jobs repeated   {tally.repeated:>9,}")
    for name, times in tally.errors.most_common():
        print(f"  {name:<40}{times:>9,}")
    if tally.lost or tally.repeated:
        sys.exit(1)


def soak_bytes(minutes: float) -> None:
    """Read malformed responses for some minutes, and print how often each result occurred."""
    wire = malformed_bytes.Wire()
    results: Counter[str] = Counter()
    slowest = 0.0
    until = time.monotonic() + 60 * minutes
    while time.monotonic() < until:
        rng = random.Random(sum(results.values()))
        body = malformed_bytes.body(rng)
        status = rng.choice([200] * 9 + [rng.randrange(300, 600)])
        began = time.process_time()
        results[wire.read(body, status)] += 1
        slowest = max(slowest, time.process_time() - began)
    print(
        f"responses       {sum(results.values()):>9,}, in {minutes:g} minutes; the slowest took {1000 * slowest:.0f} ms of CPU"
    )
    for name, times in results.most_common():
        print(f"  {name:<40}{times:>9,}")


def soak_interruptions(count: int) -> None:
    """Interrupt runs over items and over pages with real signals, and print the number of lost and repeated jobs."""
    for consume in interruptions.CONSUMERS:
        tally = interruptions.interrupt(consume, count, from_cursor=True)
        print(f"{consume.__name__}: " + ", ".join(f"{number:,} {name}" for name, number in tally.items()))
        if tally["lost"] or tally["repeated"]:
            sys.exit(1)


if __name__ == "__main__":
    logging.getLogger("drs_jobs").setLevel(logging.ERROR)  # `watch` logs a warning for each transient error
    soak_interruptions(3000)
    soak_schedules(int(sys.argv[1]))
    soak_bytes(float(sys.argv[2]))
