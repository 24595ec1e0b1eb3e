"""A text and a job that break whatever does not escape them."""

from datetime import UTC, datetime

from drs_jobs import Job, UnknownMember, UnknownValue
from drs_jobs.testing import make_job, make_resource, make_run, make_server

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)
HOSTILE = (
    "$\\href{javascript:alert(1)}{x}$<script>alert('1')</script>\"'><img src=x onerror=alert(1)>\x1b[31m\n\u202e=cmd()&amp;"
)


def hostile_job() -> Job:
    """A job with hostile text in every field."""
    run = make_run(status="FAILED", name=HOSTILE, failure_reason=HOSTILE, run_id=HOSTILE)
    server = make_server(source_server_id=HOSTILE, recovery_instance_id=HOSTILE, launch_status="FAILED")
    server_with_run = make_server(source_server_id=HOSTILE, recovery_instance_id=HOSTILE)
    server_with_run = type(server_with_run)(
        source_server_id=HOSTILE,
        recovery_instance_id=HOSTILE,
        launch_status=UnknownValue(HOSTILE),
        launch_actions_status=type(server_with_run.launch_actions_status)(runs=(run,)),  # type: ignore[misc,call-arg]  # it is not None
    )
    return make_job(
        job_id=HOSTILE,
        arn=f"arn:aws:drs:eu-west-1:123456789012:job/{HOSTILE}",
        type=HOSTILE,
        status=HOSTILE,
        initiated_by=HOSTILE,
        participating_servers=(server, server_with_run),
        participating_resources=(make_resource(participating_resource_id=UnknownMember(HOSTILE)),),
        tags={"secretkey": "secretvalue"},
        end_date_time=NOON,
    )
