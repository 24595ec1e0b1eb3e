"""The public names: loaded on first use, and the module that their classes report."""

import copy
import pickle
import subprocess
import sys
from datetime import UTC, datetime
from typing import Any

import pytest

import drs_jobs
from drs_jobs import Outcome, Page, UnknownValue, analysis, structure_job
from drs_jobs.testing import make_job


def run(code: str, data: bytes = b"") -> bytes:
    """Run code in a new process, which has no module of drs_jobs yet, and return its output."""
    return subprocess.run([sys.executable, "-c", code], input=data, capture_output=True, check=True).stdout


@pytest.mark.parametrize(
    ("module", "public"),
    [
        *((f"drs_jobs.{name}", drs_jobs) for name in ("_enums", "_errors", "_models.job", "_models.log", "_models.base")),
        *((f"drs_jobs._pagination.{name}", drs_jobs) for name in ("pages", "pager")),
        ("drs_jobs._client", drs_jobs),
        ("drs_jobs.sweep", drs_jobs),
        ("drs_jobs.analysis.phase", reports),
    ],
)
def test_classes_report_the_public_module(module: str, public: Any):
    """Also if a program has imported only a private module, or another public one."""
    code = f"""
import sys, {module}
for name, value in vars(sys.modules[{module!r}]).items():
    if isinstance(value, type) and name in {public.__all__!r}:
        print(name, value.__module__)"""
    found = dict(line.split() for line in run(code).decode().splitlines())
    assert found == dict.fromkeys(found, public.__name__)
    assert found


def test_pickles_name_the_public_module():
    page = Page(items=(1,), next_token=None, request_id=None, cursor="", raw={})
    values = [make_job(), Outcome.FAILED, UnknownValue("NEW"), page]
    assert b"drs_jobs._" not in pickle.dumps(values)
    assert values == pickle.loads(pickle.dumps(values))


def test_unpickling_in_a_new_process():
    job = make_job(creation_date_time=datetime(2024, 6, 15, tzinfo=UTC))
    code = "import pickle, sys; sys.stdout.buffer.write(pickle.dumps(pickle.load(sys.stdin.buffer)))"
    assert pickle.loads(run(code, pickle.dumps(job))) == copy.deepcopy(job) == copy.copy(job)
    assert Outcome.FAILED is pickle.loads(run(code, pickle.dumps(Outcome.FAILED)))


def test_first_use_in_many_threads():
    code = """
import random, threading, drs_jobs
names = [*drs_jobs.__all__, "reports"] * 8
random.Random(1).shuffle(names)
barrier, found = threading.Barrier(len(names)), []
def use(name):
    barrier.wait()
    found.append((name, getattr(drs_jobs, name)))
threads = [threading.Thread(target=use, args=[name]) for name in names]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
assert len(found) == len(names)
assert all(value is getattr(drs_jobs, name) for name, value in found if name != "__version__")"""
    run(code)


def test_unknown_name():
    with pytest.raises(AttributeError, match="module 'drs_jobs' has no attribute 'jobs'"):
        drs_jobs.jobs  # noqa: B018  # type: ignore[attr-defined]  # the test needs the wrong name
    with pytest.raises(ImportError, match="cannot import name 'jobs' from 'drs_jobs'"):
        from drs_jobs import jobs  # noqa: F401, PLC0415  # type: ignore[attr-defined]  # as above


def test_submodules_are_attributes():
    """After an import of them, as for any package."""
    run("import drs_jobs.sweep; from drs_jobs import sweep, testing, analysis; assert drs_jobs.sweep is sweep")
    assert structure_job({"jobID": "j"}).job_id == "j"
