"""The EC2 instances that a job launched."""

from collections.abc import Iterable, Mapping

from drs_jobs._models import Job, JobLogItem
from drs_jobs.reports._times import logged_at


def instance_ids(job: Job, log: Iterable[JobLogItem]) -> Mapping[str, str]:
    """Return the EC2 instance ids by source server id, as far as the job or its log has them.

    The `recovery_instance_id` of the job is often missing. Then the newest `target_instance_id` of the log is used.

    Args:
        job: The job.
        log: The log of the job, in any order.
    """
    instance_id_by_server: dict[str, str] = {}
    # An item without a time can belong to any attempt, so every item with a time has priority over it.
    for item in sorted(log, key=logged_at):
        data = item.event_data
        if data is not None and data.source_server_id and data.target_instance_id:
            instance_id_by_server[data.source_server_id] = data.target_instance_id
    for server in job.participating_servers:
        if server.source_server_id and server.recovery_instance_id:
            instance_id_by_server[server.source_server_id] = server.recovery_instance_id
    return instance_id_by_server
