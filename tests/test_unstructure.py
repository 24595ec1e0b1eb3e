"""Typed objects as dicts in AWS's shape."""

from datetime import datetime, timedelta, timezone

import pytest

from drs_jobs import Job, ParticipatingServer, UnknownMember, structure_job, unstructure_job


def test_unstructure_rejects_naive_datetimes():
    with pytest.raises(ValueError, match="time zone"):
        unstructure_job(Job(job_id="j", creation_date_time=datetime(2024, 6, 15)))  # noqa: DTZ001  # the case under test


def test_unstructure_omits_absent_and_converts_to_utc():
    tokyo = timezone(timedelta(hours=9))
    job = Job(
        job_id="j", creation_date_time=datetime(2024, 6, 15, 9, tzinfo=tokyo), participating_servers=(ParticipatingServer(),)
    )
    assert unstructure_job(job) == {"jobID": "j", "creationDateTime": "2024-06-15T00:00:00+00:00", "participatingServers": [{}]}
    assert structure_job(unstructure_job(job)) == job


def test_unknown_member_round_trips():
    """A member that botocore dropped has no value; it is unstructured as SDK_UNKNOWN_MEMBER."""
    whole = {"jobID": "j", "participatingResources": [{"participatingResourceID": {"laterID": {"a": [1]}}}]}
    dropped = {
        "jobID": "j",
        "participatingResources": [{"participatingResourceID": {"SDK_UNKNOWN_MEMBER": {"name": "laterID"}}}],
    }
    for raw, value in ((whole, {"a": [1]}), (dropped, None)):
        job = structure_job(raw)
        assert job.participating_resources[0].participating_resource_id == UnknownMember("laterID", value)
        assert raw == unstructure_job(job)


def test_unstructure_accepts_only_jobs():
    with pytest.raises(TypeError, match="takes a Job, not dict"):
        unstructure_job({"jobID": "j"})  # type: ignore[arg-type]  # the case under test
