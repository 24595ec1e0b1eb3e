"""Faults, interruptions and fuzzing for longer than the tests: `make soak`, or `python tests/soak.py SCHEDULES MINUTES`."""

import logging
import random
import sys
import time
from collections import Counter

import fault_schedules
import interruptions
import malformed_bytes


def soak_schedules(count: int) -> None:
    """Print what became of so many schedules of faults."""
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
    """Print what became of as many answers as so many minutes take."""
    wire = malformed_bytes.Wire()
    ends: Counter[str] = Counter()
    slowest = 0.0
    until = time.monotonic() + 60 * minutes
    while time.monotonic() < until:
        dice = random.Random(sum(ends.values()))
        body = malformed_bytes.body(dice)
        status = dice.choice([200] * 9 + [dice.randrange(300, 600)])
        began = time.process_time()
        ends[wire.read(body, status)] += 1
        slowest = max(slowest, time.process_time() - began)
    print(f"answers         {sum(ends.values()):>9,}, in {minutes:g} minutes; the slowest took {1000 * slowest:.0f} ms of CPU")
    for name, times in ends.most_common():
        print(f"  {name:<40}{times:>9,}")


def soak_interruptions(count: int) -> None:
    """Interrupt runs over items and over pages with real signals, and print how many jobs were lost."""
    for consume in (interruptions.items, interruptions.pages):
        tally = interruptions.run(consume, count)
        print(f"{consume.__name__}: " + ", ".join(f"{number:,} {name}" for name, number in tally.items()))
        if tally["lost"] or tally["repeated"]:
            sys.exit(1)


if __name__ == "__main__":
    logging.getLogger("drs_jobs").setLevel(logging.ERROR)  # a warning for every fault that a watch survives
    soak_interruptions(3000)
    soak_schedules(int(sys.argv[1]))
    soak_bytes(float(sys.argv[2]))
