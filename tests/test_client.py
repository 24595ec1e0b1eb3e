"""JobsClient: requests, get_job, the boto3 client that it is given or builds, and close."""

import importlib.metadata
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import boto3
import pytest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import NoRegionError

import drs_jobs
from drs_jobs import JobNotFoundError, JobsClient
from drs_jobs.testing import LocalDrs, make_job

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)


def test_cursor_belongs_to_its_query(client: JobsClient, local_drs: LocalDrs):
    """The ids in any order, and the dates. Not the page size, and not the limit."""
    local_drs.add_jobs(*(make_job(creation_date_time=NOON + timedelta(days=n)) for n in range(5)))
    ids = [job.job_id for job in client.describe_jobs()]
    iterator = iter(client.describe_jobs(job_ids=ids, from_date=NOON))
    next(iterator)
    cursor = iterator.cursor
    for other in (
        {},
        {"job_ids": ids},
        {"job_ids": ids[:4], "from_date": NOON},
        {"job_ids": ids, "from_date": NOON, "to_date": NOON},
    ):
        with pytest.raises(ValueError, match="does not belong"):
            client.describe_jobs(cursor=cursor, **other)
    for damaged in (cursor[:-1], cursor[1:], "A" + cursor[1:], cursor + "A", cursor.split(".")[0]):
        with pytest.raises(ValueError, match="does not belong"):
            client.describe_jobs(cursor=damaged, job_ids=ids, from_date=NOON)
    tokyo = NOON.astimezone(timezone(timedelta(hours=9)))
    rest = client.describe_jobs(cursor=cursor, job_ids=set(ids), from_date=tokyo, page_size=2, limit=9)
    assert ids[1:] == [job.job_id for job in rest]


def test_request_contains_only_given_arguments(client: JobsClient, local_drs: LocalDrs):
    """Under AWS's names, with dates in UTC and a Z."""
    ids = (f"drsjob-{n:017}" for n in range(2))
    tokyo = timezone(timedelta(hours=9))
    client.describe_jobs().collect()
    client.describe_jobs(
        job_ids=ids,
        from_date=datetime(2024, 6, 15, 9, tzinfo=tokyo),
        to_date=datetime(2024, 6, 15, 9, 0, 0, 250000, tzinfo=tokyo),
        page_size=7,
    ).collect()
    filters = {
        "jobIDs": ["drsjob-00000000000000000", "drsjob-00000000000000001"],
        "fromDate": "2024-06-15T00:00:00Z",
        "toDate": "2024-06-15T00:00:00.250000Z",
    }
    assert [{}, {"filters": filters, "maxResults": 7}] == [request.body for request in local_drs.requests]


def test_empty_list_of_ids_sends_no_request(client: JobsClient, local_drs: LocalDrs):
    """AWS would return all jobs for an empty list."""
    local_drs.add_jobs(make_job())
    pager = client.describe_jobs(job_ids=[])
    assert (list(pager), list(pager.pages()), pager.first(), pager.collect()) == ([], [], None, ())
    assert list(client.describe_jobs(job_ids=[], cursor=pager.cursor, limit=5)) == []
    assert local_drs.requests == ()


def test_get_job_reads_all_pages(client: JobsClient, local_drs: LocalDrs):
    local_drs.page_sizes = (0, 0, 1)
    job = make_job()
    local_drs.add_jobs(job, make_job())
    assert job == client.get_job(job.job_id)
    with pytest.raises(JobNotFoundError, match="check the id") as caught:
        client.get_job("drsjob-00000000000000000")
    assert (caught.value.job_id, caught.value.last_seen) == ("drsjob-00000000000000000", None)


def test_get_job_ignores_jobs_with_another_id():
    """As a fake without filters returns them."""

    class WithoutFilters:
        def describe_jobs(self, **_: Any) -> dict[str, Any]:
            return {"items": [{"jobID": "drsjob-other"}]}

    with pytest.raises(JobNotFoundError):
        JobsClient(WithoutFilters()).get_job("drsjob-mine")


# ------------------------------------------------------------------ clients


def test_client_and_other_arguments_are_a_type_error(boto_client: Any):
    for others in (
        {"session": boto3.Session()},
        {"region_name": "eu-west-1"},
        {"profile_name": "x"},
        {"endpoint_url": "http://127.0.0.1:1"},
        {"config": Config()},
    ):
        with pytest.raises(TypeError, match="not both"):
            JobsClient(boto_client, **others)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match=r"session.* profile_name"):
        JobsClient(session=boto3.Session(), profile_name="x")


@pytest.mark.parametrize("wrong", [object(), "drs", 5])
def test_client_must_have_describe_jobs(wrong: Any):
    with pytest.raises(TypeError, match="describe_jobs"):
        JobsClient(wrong)


def test_client_is_built_from_boto3_arguments(local_drs: LocalDrs):
    """From the environment, the region, the session, the endpoint and the config."""
    local_drs.add_jobs(make_job(), region="eu-central-1")
    assert JobsClient().describe_jobs().collect() == ()
    assert len(JobsClient(region_name="eu-central-1").describe_jobs().collect()) == 1
    assert len(JobsClient(session=boto3.Session(region_name="eu-central-1")).describe_jobs().collect()) == 1
    configured = JobsClient(endpoint_url=local_drs.endpoint_url, config=Config(region_name="eu-central-1"))
    assert len(configured.describe_jobs().collect()) == 1
    assert "eu-central-1" in repr(configured)
    assert [request.region for request in local_drs.requests] == ["eu-west-1", "eu-central-1", "eu-central-1", "eu-central-1"]


def test_no_region_is_a_botocore_error(local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(NoRegionError):
        JobsClient()


def test_fake_that_returns_none_is_a_type_error():
    class ReturnsNone:
        def describe_jobs(self, **_: Any) -> Any:
            return None

    client = JobsClient(ReturnsNone())
    assert repr(client) == "JobsClient(ReturnsNone)"
    with pytest.raises(TypeError, match="returned NoneType, not a dict"):
        client.describe_jobs().first()


def test_wrapper_can_change_the_response(boto_client: Any, local_drs: LocalDrs):
    local_drs.add_jobs(make_job(), make_job())

    class OnlyTheFirst:
        meta = boto_client.meta

        def describe_jobs(self, **request: Any) -> dict[str, Any]:
            response = boto_client.describe_jobs(**request)
            return {**response, "items": response["items"][:1]}

    assert len(JobsClient(OnlyTheFirst()).describe_jobs().collect()) == 1


def test_close_closes_only_a_client_that_was_built(local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    closed: list[Any] = []
    monkeypatch.setattr(BaseClient, "close", lambda self: closed.append(id(self)))
    given = local_drs.client()
    with JobsClient(given) as client:
        assert client.describe_jobs().collect() == ()
    client.close()
    assert closed == []
    with JobsClient(endpoint_url=local_drs.endpoint_url) as client:
        assert closed == []
        client.describe_jobs().collect()
    assert len(closed) == 1
    with pytest.raises(KeyError), JobsClient(session=boto3.Session()):
        raise KeyError
    assert len(closed) == 2


def test_version_equals_the_metadata():
    assert drs_jobs.__version__ == importlib.metadata.version("drs_jobs")
    with pytest.raises(AttributeError, match="no attribute 'version'"):
        drs_jobs.version  # noqa: B018  # type: ignore[attr-defined]  # the test needs the wrong name
