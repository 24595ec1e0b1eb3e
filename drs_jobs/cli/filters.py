"""Filters of jobs by kind and outcome. AWS has no such filters, so they are applied to the jobs in its responses."""

from collections.abc import Iterable, Iterator
from itertools import islice

import attrs

from drs_jobs._models import Job, Outcome
from drs_jobs.cli.options import Kind


@attrs.frozen
class JobFilter:
    """A filter of jobs."""

    kinds: frozenset[Kind] = frozenset()
    """The kinds of the jobs to keep; empty for all."""
    outcomes: frozenset[Outcome] = frozenset()
    """The outcomes of the jobs to keep; empty for all."""

    @classmethod
    def from_options(cls, kinds: Iterable[Kind] | None, outcomes: Iterable[Outcome] | None, *, failed: bool) -> "JobFilter":
        """Return a filter from the options of the command line."""
        return cls(frozenset(kinds or ()), frozenset([*(outcomes or ()), *([Outcome.FAILED] if failed else [])]))

    def __bool__(self) -> bool:
        """Whether it can drop a job."""
        return bool(self.kinds or self.outcomes)

    def first(self, jobs: Iterable[Job], limit: int | None) -> Iterator[Job]:
        """Return the first `limit` jobs that match, all if it is `None`. No further job is read from `jobs`."""
        return islice(filter(self.matches, jobs), limit)

    def matches(self, job: Job) -> bool:
        """Return whether a job is one of the jobs to keep."""
        return (not self.kinds or job.kind in self.kinds) and (not self.outcomes or job.outcome in self.outcomes)
