"""Asking: what is refused before any request, and what goes over the wire."""

import importlib.metadata
import subprocess
import sys
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any
from zoneinfo import ZoneInfo

import boto3
import pytest
from botocore.client import BaseClient
from botocore.config import Config
from botocore.exceptions import NoRegionError

import drs_jobs
from drs_jobs import JobNotFoundError, JobsClient
from drs_jobs.testing import LocalDrs, make_job

NOON = datetime(2024, 6, 15, 12, tzinfo=UTC)

REFUSED: dict[str, tuple[dict[str, Any], type[Exception], str]] = {
    "one id for a list": ({"job_ids": "drsjob-1"}, TypeError, r"\['drsjob-1'\]"),
    "a number among the ids": ({"job_ids": ["drsjob-1", 5]}, TypeError, "int"),
    "None among the ids": ({"job_ids": [None]}, TypeError, "NoneType"),
    "bytes": ({"job_ids": b"drsjob-1"}, TypeError, "int"),
    "a blank id": ({"job_ids": ["drsjob-1", " \n"]}, TypeError, "blank"),
    "an empty id": ({"job_ids": [""]}, TypeError, "blank"),
    "too many ids": ({"job_ids": [f"drsjob-{n:017}" for n in range(1001)]}, ValueError, "1,000"),
    "a string for a date": ({"from_date": "2024-06-15"}, TypeError, "datetime"),
    "a date without a time": ({"to_date": date(2024, 6, 15)}, TypeError, "datetime"),
    "a number for a date": ({"to_date": 1718452800}, TypeError, "datetime"),
    "a naive date": ({"from_date": datetime(2024, 6, 15)}, ValueError, "timezone.utc"),  # noqa: DTZ001  # that is the point
    "dates the wrong way round": ({"from_date": NOON, "to_date": NOON - timedelta(seconds=1)}, ValueError, "after"),
    "a date before the years": (
        {"from_date": datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14)))},
        ValueError,
        "outside the years",
    ),
    "a negative limit of nothing": ({"job_ids": [], "limit": -1}, ValueError, "0 or more"),
    "no list of ids": ({"job_ids": 5}, TypeError, "job_ids must be a list"),
    "dates the wrong way round in an hour that comes twice": (
        {
            "from_date": datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=ZoneInfo("Europe/Berlin")),
            "to_date": datetime(2024, 10, 27, 2, 45, fold=0, tzinfo=ZoneInfo("Europe/Berlin")),
        },
        ValueError,
        "after",
    ),
    "a class for a limit": ({"limit": int}, TypeError, "type"),
    "an absurd page": ({"page_size": 10**5000}, ValueError, "no more than"),
    "no page": ({"page_size": 0}, ValueError, "1 or more"),
    "a string for a page": ({"page_size": "10"}, TypeError, "str"),
    "true for a page": ({"page_size": True}, TypeError, "bool"),
    "a negative limit": ({"limit": -1}, ValueError, "0 or more"),
    "a fraction for a limit": ({"limit": 1.5}, TypeError, "float"),
    "a number for a cursor": ({"cursor": 5}, TypeError, "cursor"),
    "an empty cursor": ({"cursor": ""}, ValueError, "does not belong"),
    "nonsense for a cursor": ({"cursor": "nonsense"}, ValueError, "does not belong"),
    "other letters for a cursor": ({"cursor": "ü.ß"}, ValueError, "does not belong"),
    "a list for on_malformed": ({"on_malformed": []}, TypeError, "callable"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_wrong_argument_is_refused_before_any_request(name: str, client: JobsClient, local_drs: LocalDrs):
    """The method itself raises, and the message says what to do."""
    arguments, error_class, message = REFUSED[name]
    with pytest.raises(error_class, match=message):
        client.describe_jobs(**arguments)
    assert local_drs.requests == ()


def test_a_cursor_belongs_to_its_question(client: JobsClient, local_drs: LocalDrs):
    """Other filters refuse it, and so does a damaged one; other page sizes and limits, and another order of ids, do not."""
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


def test_what_is_not_given_is_not_sent(client: JobsClient, local_drs: LocalDrs):
    """A bare question is an empty object; each argument goes out under AWS's name, dates in UTC with Z."""
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


def test_an_hour_that_comes_twice_is_told_apart(client: JobsClient, local_drs: LocalDrs):
    """Dates are compared in UTC, not by the clock on the wall."""
    berlin = ZoneInfo("Europe/Berlin")
    first, second = datetime(2024, 10, 27, 2, 45, fold=0, tzinfo=berlin), datetime(2024, 10, 27, 2, 30, fold=1, tzinfo=berlin)
    client.describe_jobs(from_date=first, to_date=second).collect()
    assert local_drs.requests[0].body["filters"] == {"fromDate": "2024-10-27T00:45:00Z", "toDate": "2024-10-27T01:30:00Z"}


def test_an_iterable_of_ids_is_read_once(client: JobsClient, local_drs: LocalDrs):
    """A generator of ids makes a pager that can be iterated again."""
    jobs = [make_job(), make_job()]
    local_drs.add_jobs(*jobs)
    pager = client.describe_jobs(job_ids=(job.job_id for job in jobs))
    assert len(list(pager)) == len(list(pager)) == 2


def test_no_ids_means_no_jobs_and_no_call(client: JobsClient, local_drs: LocalDrs):
    """AWS would read an empty list as all jobs."""
    local_drs.add_jobs(make_job())
    pager = client.describe_jobs(job_ids=[])
    assert (list(pager), list(pager.pages()), pager.first(), pager.collect()) == ([], [], None, ())
    assert list(client.describe_jobs(job_ids=[], cursor=pager.cursor, limit=5)) == []
    assert local_drs.requests == ()


def test_an_int_of_another_kind_counts(client: JobsClient, local_drs: LocalDrs):
    """Whatever Python takes for an index, such as numpy's integers, is an int here too."""

    class Two:
        def __index__(self) -> int:
            return 2

    local_drs.add_jobs(*(make_job() for _ in range(5)))
    assert len(list(client.describe_jobs(limit=Two(), page_size=Two()))) == 2  # type: ignore[arg-type]
    assert local_drs.requests[0].body == {"maxResults": 2}


def test_get_job_finds_the_job_on_any_page(client: JobsClient, local_drs: LocalDrs):
    """Empty pages are followed, and an id that nobody has is an error that says so."""
    local_drs.page_sizes = (0, 0, 1)
    job = make_job()
    local_drs.add_jobs(job, make_job())
    assert job == client.get_job(job.job_id)
    with pytest.raises(JobNotFoundError, match="check the id") as caught:
        client.get_job("drsjob-00000000000000000")
    assert (caught.value.job_id, caught.value.last_seen) == ("drsjob-00000000000000000", None)
    for wrong in ("", "  ", None, 5):
        with pytest.raises(TypeError):
            client.get_job(wrong)  # type: ignore[arg-type]


def test_get_job_takes_no_other_job_for_it():
    """A server that ignores the filter does not make another job the one asked for."""

    class Ignorant:
        def describe_jobs(self, **_: Any) -> dict[str, Any]:
            return {"items": [{"jobID": "drsjob-other"}]}

    with pytest.raises(JobNotFoundError):
        JobsClient(Ignorant()).get_job("drsjob-mine")


# ------------------------------------------------------------------ clients


def test_a_client_beside_anything_else_is_a_type_error(boto_client: Any):
    """A client is given, or what one is built from."""
    for beside in (
        {"session": boto3.Session()},
        {"region_name": "eu-west-1"},
        {"profile_name": "x"},
        {"endpoint_url": "http://127.0.0.1:1"},
        {"config": Config()},
    ):
        with pytest.raises(TypeError, match="not both"):
            JobsClient(boto_client, **beside)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="session beside profile_name"):
        JobsClient(session=boto3.Session(), profile_name="x")


@pytest.mark.parametrize("wrong", [object(), "drs", 5])
def test_a_client_must_have_describe_jobs(wrong: Any):
    """What can't describe jobs is refused at once."""
    with pytest.raises(TypeError, match="describe_jobs"):
        JobsClient(wrong)


def test_clients_are_built_from_what_boto3_takes(local_drs: LocalDrs):
    """Environment, region, session, endpoint and config all reach the boto3 client."""
    local_drs.add_jobs(make_job(), region="eu-central-1")
    assert JobsClient().describe_jobs().collect() == ()
    assert len(JobsClient(region_name="eu-central-1").describe_jobs().collect()) == 1
    assert len(JobsClient(session=boto3.Session(region_name="eu-central-1")).describe_jobs().collect()) == 1
    configured = JobsClient(endpoint_url=local_drs.endpoint_url, config=Config(region_name="eu-central-1"))
    assert len(configured.describe_jobs().collect()) == 1
    assert "eu-central-1" in repr(configured)
    assert [request.region for request in local_drs.requests] == ["eu-west-1", "eu-central-1", "eu-central-1", "eu-central-1"]


def test_no_region_is_botocores_own_error(local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    """What boto3 says about regions and credentials, it says itself."""
    monkeypatch.delenv("AWS_DEFAULT_REGION")
    monkeypatch.setenv("AWS_CONFIG_FILE", "/dev/null")
    with pytest.raises(NoRegionError):
        JobsClient()


def test_a_fake_that_returns_no_dict():
    """It is a TypeError, not an empty list."""

    class Nonsense:
        def describe_jobs(self, **_: Any) -> Any:
            return None

    client = JobsClient(Nonsense())
    assert repr(client) == "JobsClient(Nonsense)"
    with pytest.raises(TypeError, match="returned NoneType, not a dict"):
        client.describe_jobs().first()


def test_a_wrapper_round_the_client_has_the_last_word(boto_client: Any, local_drs: LocalDrs):
    """What a wrapper makes of boto3's answer is what is read."""
    local_drs.add_jobs(make_job(), make_job())

    class OnlyTheFirst:
        meta = boto_client.meta

        def describe_jobs(self, **request: Any) -> dict[str, Any]:
            answer = boto_client.describe_jobs(**request)
            return {**answer, "items": answer["items"][:1]}

    assert len(JobsClient(OnlyTheFirst()).describe_jobs().collect()) == 1


def test_importing_drs_jobs_does_not_import_boto3():
    """Only building a client does."""
    code = "import sys, drs_jobs; print(sorted({'boto3', 'werkzeug', 'typer', 'rich'} & set(sys.modules)))"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert result.stdout == "[]\n"


def test_close_closes_a_client_that_was_built(local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    """And none that was given."""
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


def test_the_version_is_that_of_the_metadata():
    assert drs_jobs.__version__ == importlib.metadata.version("drs_jobs")
    with pytest.raises(AttributeError, match="no attribute 'version'"):
        drs_jobs.version  # noqa: B018  # type: ignore[attr-defined]  # that is the point
