"""Arguments that are refused before any request, and arguments of unusual types that are accepted."""

from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from unittest.mock import Mock
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drs_jobs import Job, JobsClient
from drs_jobs.testing import LocalDrs, make_job

pytestmark = pytest.mark.both_clients

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)
JOB_ID = "drsjob-00000000000000001"

INVALID_QUERIES: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "str for job_ids": ({"job_ids": "drsjob-1"}, TypeError, r"\['drsjob-1'\]"),
    "int in job_ids": ({"job_ids": [JOB_ID, 5]}, TypeError, "int"),
    "None in job_ids": ({"job_ids": [None]}, TypeError, "NoneType"),
    "bytes for job_ids": ({"job_ids": b"drsjob-1"}, TypeError, "int"),
    "blank id": ({"job_ids": [JOB_ID, " \n"]}, TypeError, "blank"),
    "empty id": ({"job_ids": [""]}, TypeError, "blank"),
    "id that is too short": ({"job_ids": [JOB_ID, "drsjob-1"]}, ValueError, "is not a job id: use drsjob- and 17"),
    "1,001 ids": ({"job_ids": [f"drsjob-{n:017}" for n in range(1001)]}, ValueError, "1,000"),
    "str for from_date": ({"from_date": "2024-06-15"}, TypeError, "datetime"),
    "date without time": ({"to_date": date(2024, 6, 15)}, TypeError, "datetime"),
    "int for to_date": ({"to_date": 1718452800}, TypeError, "datetime"),
    "naive datetime": ({"from_date": datetime(2024, 6, 15)}, ValueError, "timezone.utc"),  # noqa: DTZ001  # the test needs a naive one
    "from_date after to_date": ({"from_date": NOON, "to_date": NOON - timedelta(seconds=1)}, ValueError, "after"),
    "date before year 1 in UTC": (
        {"from_date": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))},
        ValueError,
        "outside the years",
    ),
    "negative limit without ids": ({"job_ids": [], "limit": -1}, ValueError, "0 or more"),
    "int for job_ids": ({"job_ids": 5}, TypeError, "job_ids must be a list"),
    "from_date after to_date in a repeated hour": (
        {
            "from_date": datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
            "to_date": datetime(2024, 10, 27, 2, 45, fold=0, tzinfo=ZoneInfo("Europe/Berlin")),
        },
        ValueError,
        "after",
    ),
    "class for limit": ({"limit": int}, TypeError, "type"),
    "huge page_size": ({"page_size": 10**5000}, ValueError, "no more than"),
    "page_size 0": ({"page_size": 0}, ValueError, "1 or more"),
    "str for page_size": ({"page_size": "10"}, TypeError, "str"),
    "bool for page_size": ({"page_size": True}, TypeError, "bool"),
    "negative limit": ({"limit": -1}, ValueError, "0 or more"),
    "float for limit": ({"limit": 1.5}, TypeError, "float"),
    "int for cursor": ({"cursor": 5}, TypeError, "cursor"),
    "empty cursor": ({"cursor": ""}, ValueError, "does not belong"),
    "unknown cursor": ({"cursor": "unknown"}, ValueError, "does not belong"),
    "cursor that is not ASCII": ({"cursor": "ü.ß"}, ValueError, "does not belong"),
    "list for on_malformed": ({"on_malformed": []}, TypeError, "callable"),
}


@pytest.mark.parametrize("name", INVALID_QUERIES)
def test_describe_jobs_refuses_invalid_arguments(name: str, client: JobsClient, local_drs: LocalDrs):
    """In the call, not in the first iteration."""
    arguments, error_class, message = INVALID_QUERIES[name]
    with pytest.raises(error_class, match=message):
        client.describe_jobs(**arguments)
    assert local_drs.requests == ()


INVALID_WAITS: dict[str, tuple[Any, dict[str, Any], type[Exception], str]] = {
    "no jobs": ([], {"timeout": 1}, ValueError, "at least one"),
    "str for jobs": ("drsjob-1", {"timeout": 1}, TypeError, r"\[job\]"),
    "Job for jobs": (make_job(), {"timeout": 1}, TypeError, r"\[job\]"),
    "dict for jobs": ({"jobID": "drsjob-1"}, {"timeout": 1}, TypeError, r"\[job\]"),
    "blank id": ([" "], {"timeout": 1}, TypeError, "blank"),
    "int in jobs": ([5], {"timeout": 1}, TypeError, "int"),
    "Job with an empty id": ([Job(job_id="")], {"timeout": 1}, TypeError, "blank"),
    "dict with an empty id": ([{"jobID": ""}], {"timeout": 1}, TypeError, "blank"),
    "huge timeout": ([JOB_ID], {"timeout": 10**400}, ValueError, "no more than"),
    "huge poll_interval": ([JOB_ID], {"timeout": 1, "poll_interval": 1e300}, ValueError, "no more than"),
    "id that is too short": (["foo"], {"timeout": 1}, ValueError, "is not a job id: use drsjob- and 17"),
    "ARN of another region": (
        [f"arn:aws:drs:us-east-1:123456789012:job/{JOB_ID}"],
        {"timeout": 1},
        ValueError,
        "is in us-east-1, but this client reads eu-west-1",
    ),
    "whole response of start_recovery": ([{"job": {"jobID": "x"}}], {"timeout": 1}, TypeError, "'job'"),
    "negative timeout": ([JOB_ID], {"timeout": -1}, ValueError, "; None"),
    "negative timedelta": ([JOB_ID], {"timeout": timedelta(seconds=-1)}, ValueError, "0 seconds or more"),
    "infinite timeout": ([JOB_ID], {"timeout": float("inf")}, ValueError, "; None"),
    "NaN for timeout": ([JOB_ID], {"timeout": float("nan")}, ValueError, "finite"),
    "str for timeout": ([JOB_ID], {"timeout": "60"}, TypeError, "seconds or a timedelta"),
    "bool for timeout": ([JOB_ID], {"timeout": True}, TypeError, "bool"),
    "poll_interval 0": ([JOB_ID], {"timeout": 1, "poll_interval": 0}, ValueError, "more than 0"),
    "negative poll_interval": ([JOB_ID], {"timeout": 1, "poll_interval": -5}, ValueError, "0 seconds or more"),
    "str for poll_interval": ([JOB_ID], {"timeout": 1, "poll_interval": "5"}, TypeError, "str"),
}


@pytest.mark.parametrize("name", INVALID_WAITS)
def test_watch_and_wait_all_refuse_invalid_arguments(name: str, client: JobsClient, local_drs: LocalDrs):
    """In the call, not in the first iteration."""
    jobs, arguments, error_class, message = INVALID_WAITS[name]
    for method in (client.watch, client.wait_all):
        with pytest.raises(error_class, match=message):
            method(jobs, **arguments)
    assert local_drs.requests == ()


def test_wait_requires_a_timeout(client: JobsClient, local_drs: LocalDrs):
    with pytest.raises(TypeError, match="timeout"):
        client.wait("drsjob-1")  # type: ignore[call-arg]
    assert local_drs.requests == ()


@pytest.mark.parametrize(
    ("job_id", "error_class"), [("", TypeError), ("  ", TypeError), (None, TypeError), (5, TypeError), ("foo", ValueError)]
)
def test_get_job_refuses_an_invalid_id(job_id: Any, error_class: Any, client: JobsClient, local_drs: LocalDrs):
    with pytest.raises(error_class, match="job id"):
        client.get_job(job_id)
    assert local_drs.requests == ()


def test_every_reference_to_a_job(client: JobsClient, local_drs: LocalDrs):
    """Its id or ARN, a `Job`, and the dicts of boto3 and of Step Functions."""
    local_drs.add_jobs(job := make_job())
    for reference in (job, job.job_id, job.arn, {"jobID": job.job_id}, {"JobID": job.job_id}):
        assert client.wait(reference, timeout=0) == client.explain(reference).job == job


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(max_size=60) | st.from_regex("drsjob-[0-9a-zA-Z]{15,20}", fullmatch=True))
def test_any_id_that_is_too_long_or_too_short(text: str, client: JobsClient, local_drs: LocalDrs):
    """It is refused by each method, with the form of an id. AWS refuses one of the right length with other characters."""
    if len(text) == len(JOB_ID):
        return
    for call in (
        lambda: client.describe_jobs(job_ids=[JOB_ID, text]),
        lambda: client.get_job(text),
        lambda: client.describe_job_log_items(text),
        lambda: client.watch([JOB_ID, text], timeout=1),
        lambda: client.wait({"JobID": text}, timeout=1),
        lambda: client.wait_all([Job(job_id=text)], timeout=1),
        lambda: client.explain(text),
        lambda: client.phases(f"arn:aws:drs:eu-west-1:123456789012:job/{text}"),
    ):
        with pytest.raises(
            (TypeError, ValueError), match=r"a job id must be a non-blank str|is not a job id: use drsjob- and 17"
        ):
            call()
    assert local_drs.requests == ()


@pytest.mark.parametrize(
    "arn",
    [
        "arn:aws:ec2:eu-west-1:123456789012:instance/i-00000000000000001",
        "arn:aws:drs:eu-west-1:123456789012:source-server/s-00000000000000001",
        "arn:aws:drs:eu-west-1:123456789012:job/",
        f"arn:aws:drs::123456789012:job/{JOB_ID}",
        f"arn:aws:drs:eu-west-1:123456789012:job/{JOB_ID}/x",
        f"ARN:aws:drs:eu-west-1:123456789012:job/{JOB_ID}",
    ],
)
def test_arn_of_something_else(arn: str, client: JobsClient, local_drs: LocalDrs):
    for call in (lambda: client.wait(arn, timeout=1), lambda: client.explain(arn), lambda: client.phases({"jobID": arn})):
        with pytest.raises(ValueError, match="is not a job id: use drsjob- and 17"):
            call()
    assert local_drs.requests == ()


@pytest.mark.parametrize("partition", ["aws", "aws-us-gov", "aws-cn"])
def test_arn_of_any_partition(partition: str, client: JobsClient, local_drs: LocalDrs):
    local_drs.add_jobs(job := make_job())
    assert client.wait(f"arn:{partition}:drs:eu-west-1:123456789012:job/{job.job_id}", timeout=0) == job


@pytest.mark.parametrize(
    "response", [{"job": {"jobID": JOB_ID}}, {"Job": {"JobID": JOB_ID}}, {"items": [{"jobID": JOB_ID}]}, {}]
)
def test_whole_response_is_no_reference(response: Any, client: JobsClient, local_drs: LocalDrs):
    for call in (lambda: client.wait(response, timeout=1), lambda: client.explain(response), lambda: client.phases(response)):
        with pytest.raises(
            TypeError, match=r"this dict has no jobID: pass the job itself, such as start_recovery\(…\)\['job'\]"
        ):
            call()
    assert local_drs.requests == ()


def test_fake_accepts_any_id():
    fake = Mock(spec=["describe_jobs"], describe_jobs=lambda **_: {"items": [{"jobID": "j"}]})
    assert JobsClient(fake).get_job("j").job_id == "j"


def test_dates_in_a_repeated_hour_are_compared_in_utc(client: JobsClient, local_drs: LocalDrs):
    berlin = ZoneInfo("Europe/Berlin")
    first, second = datetime(2024, 10, 27, 2, 45, fold=0, tzinfo=berlin), datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=berlin)
    client.describe_jobs(from_date=first, to_date=second).collect()
    assert local_drs.requests[0].body["filters"] == {"fromDate": "2024-10-27T00:45:00Z", "toDate": "2024-10-27T01:30:00Z"}


def test_generator_of_ids_is_read_once(client: JobsClient, local_drs: LocalDrs):
    """The pager can be iterated again."""
    jobs = [make_job(), make_job()]
    local_drs.add_jobs(*jobs)
    pager = client.describe_jobs(job_ids=(job.job_id for job in jobs))
    assert len(list(pager)) == len(list(pager)) == 2


def test_any_object_with_index_is_an_int(client: JobsClient, local_drs: LocalDrs):
    """As NumPy's integers are."""

    class Two:
        def __index__(self) -> int:
            return 2

    local_drs.add_jobs(*(make_job() for _ in range(5)))
    assert len(list(client.describe_jobs(limit=Two(), page_size=Two()))) == 2  # type: ignore[arg-type]
    assert local_drs.requests[0].body == {"maxResults": 2}
