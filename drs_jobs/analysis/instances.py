"""The EC2 instances that a job launched."""

from collections.abc import Iterable, Mapping

from drs_jobs._models import Job, JobLogItem
from drs_jobs.analysis.log import LogRecord, read_log


def instance_ids(job: Job, log: Iterable[JobLogItem]) -> Mapping[str, str]:
    """Return the EC2 instance ids by source server id, as far as the job or its log has them.

    The `recovery_instance_id` of the job is often missing. Then the newest `target_instance_id` of the log is used.

    Args:
        job: The job.
        log: The log of the job, in any order.
    """
    return instance_ids_from(job, read_log(log))


def instance_ids_from(job: Job, record: LogRecord) -> Mapping[str, str]:
    """Return the instance ids from a log that has been read; see `instance_ids`."""
    logged = {
        name: participant.instance_id
        for name, participant in record.participants.items()
        if participant.is_server and participant.instance_id
    }
    listed = {
        server.source_server_id: server.recovery_instance_id
        for server in job.participating_servers
        if server.source_server_id and server.recovery_instance_id
    }
    return logged | listed
