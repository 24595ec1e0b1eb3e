"""A program of a user. `make rehearsal` checks it with mypy and runs it with the installed package."""

from datetime import UTC, datetime, timedelta
from typing import assert_type

from drs_jobs import JobsClient, Outcome
from drs_jobs.evidence import Verdict, assess
from drs_jobs.testing import LocalDrs, make_history

with LocalDrs() as local, JobsClient(local.client()) as client:
    local.add_jobs(*make_history(30, until=datetime.now(UTC)))
    jobs = client.describe_jobs().collect()
    failed = [job.job_id for job in jobs if job.outcome is Outcome.FAILED]
    assessment = assess(jobs, as_of=datetime.now(UTC), drilled_within=timedelta(days=90))
    assert_type((failed, assessment.verdict), tuple[list[str], Verdict | None])
    print(f"{len(failed)} of {len(jobs)} jobs failed; drilled within 90 days: {assessment.verdict}")
