"""`drs-jobs demo`: typed jobs over real HTTP, from an endpoint on this machine."""

import textwrap
from datetime import UTC, datetime

from drs_jobs.cli import output
from drs_jobs.client import JobsClient
from drs_jobs.errors import JobFailedError
from drs_jobs.models import Outcome
from drs_jobs.testing import LocalDrs, make_history

_CODE = """\
from drs_jobs import JobFailedError, JobsClient, Outcome

for job in JobsClient().describe_jobs():
    if job.outcome is Outcome.FAILED:
        try:
            job.raise_unless_succeeded()
        except JobFailedError as error:
            print(error)"""

_NEXT = """\
Try next:
  drs-jobs list --region eu-west-1     your own jobs, with the credentials that boto3 finds
  docs/tutorial.md                     ten minutes, from nothing to your own script"""


def run() -> None:
    """Serve a believable history, and list it as any program would."""
    console = output.console()
    now = datetime.now(UTC)
    with LocalDrs(page_sizes=(10,)) as local:
        local.add_jobs(*make_history(30, until=now))
        console.print(f"A DRS endpoint with made-up jobs listens at {local.endpoint_url}. What AWS would show:\n")
        jobs = JobsClient(local.client()).describe_jobs().collect()
        console.print(output.jobs_table(jobs, now=now, tags=False, width=console.width))
        pages = len(local.requests)
    failed = [job for job in jobs if job.outcome is Outcome.FAILED]
    completed = sum(job.is_complete for job in jobs)
    console.print(f"\n{len(jobs)} jobs came over HTTP through boto3, in {pages} pages. {completed} of them are COMPLETED,")
    console.print(f"and {len(failed)} of those failed all the same: AWS has no status for that.\n")
    console.print("In Python that is\n")
    console.print(textwrap.indent(_CODE, "    "), markup=False)
    console.print("\nwhich prints\n")
    for job in failed:
        try:
            job.raise_unless_succeeded()
        except JobFailedError as error:
            console.print(textwrap.indent(str(error), "    "), markup=False)
    console.print(f"\n{_NEXT}", markup=False)
