"""Every output names the same verdict for each server, and that of the independent model, in random worlds.

The environment variable DRS_JOBS_WORLDS is the number of worlds.
"""

import csv
import io
import itertools
import json
import os
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, TypeAlias

import attrs
import pytest
from prometheus_client.parser import text_string_to_metric_families

import drs_jobs
from command_line import run
from drs_jobs import notebook
from drs_jobs.cli.evidence_reader import EvidenceReader
from drs_jobs.cli.options import Connection, Criteria, Organisation
from drs_jobs.testing import LocalDrs
from drs_jobs.testing.faults import Fault, HttpResponse
from evidence_model import Place, Result, World, chosen_snapshots, judge, make_world, raw_job, raw_log_item, without_logs
from html_outline import Outline

COUNT = int(os.environ.get("DRS_JOBS_WORLDS", "12"))
LABELS = {"MET": "met", "NOT_MET": "not met", "UNDETERMINED": "undetermined"}
STATUSES = {"MET": 0, "NOT_MET": 1, "UNDETERMINED": 4, None: 0}
Verdicts: TypeAlias = dict[str, str | None]
"""The verdicts by server id."""

# ------------------------------------------------------------------ a world that is served


class _UnreadableItems(Fault):
    """Makes one item of each log malformed that has the event `UNREADABLE`."""

    def apply(self, respond: Any) -> HttpResponse:
        response = respond()
        return attrs.evolve(response, body=response.body.replace(b'"UNREADABLE"', b"7"))


class _MalformedJob(Fault):
    """Adds a job without an id to a response."""

    def apply(self, respond: Any) -> HttpResponse:
        response = respond()
        items = [{"status": "COMPLETED"}, *json.loads(response.body)["items"]]
        return attrs.evolve(response, body=json.dumps({"items": items}).encode())


def servable(world: World) -> World:
    """Return the world as a list of jobs and their logs can show it.

    Each job has one snapshot. A job without a log has an empty one. A problem is a malformed job. It concerns all servers.
    The command refuses a `since` that does not reach back.
    """
    since = world.since
    if since is not None and world.drilled_within is not None and world.as_of - since < world.drilled_within:
        since = None
    snapshots = [
        snapshot._replace(log=snapshot.log or ())
        for snapshot in chosen_snapshots(world.snapshots)
        if since is None or (snapshot.created is not None and snapshot.created >= since)
    ]
    problems = (Place(),) if world.problems else ()
    return world._replace(snapshots=tuple(snapshots), since=since, problems=problems)


def serve(world: World, local: LocalDrs) -> None:
    local.inject(_UnreadableItems(), times=None, operation="DescribeJobLogItems")
    for snapshot in world.snapshots:
        local.add_jobs(drs_jobs.structure_job(raw_job(snapshot)))
        items = [drs_jobs.structure_log_item(raw_log_item(event)) for event in snapshot.log or ()]
        if not snapshot.is_log_whole:
            items.append(drs_jobs.JobLogItem(event=drs_jobs.UnknownValue("UNREADABLE"), log_date_time=world.as_of))
        local.add_log(snapshot.job, *items)


def options_of(world: World, folder: Path) -> list[str]:
    options = ["--as-of", world.as_of.isoformat()]
    if world.since is not None:
        options += ["--since", world.since.isoformat()]
    if world.drilled_within is not None:
        options += ["--drilled-within", f"{world.drilled_within.days}d"]
    if world.objective is not None:
        options += ["--objective", f"{world.objective // timedelta(minutes=1)}m"]
    if world.servers is not None:
        file = folder / "servers.json"
        file.write_text(json.dumps([given.server for given in world.servers]), encoding="utf-8")
        options += ["--servers", str(file)]
    return options


# ------------------------------------------------------------------ what outputs say


def table(text: str) -> Verdicts:
    names = {label: name for name, label in LABELS.items()}
    rows = re.findall(r"^(met|not met|undetermined) +(s-\w{17})\b", text, re.MULTILINE)
    assert len(rows) == max(0, text.count("\n") - 1)
    return {server: names[label] for label, server in rows}


def records(text: str) -> Verdicts:
    return {row["sourceServerID"]: row["verdict"] for row in map(json.loads, text.splitlines())}


def rows(text: str) -> Verdicts:
    return {row["sourceServerID"]: row["verdict"] for row in csv.DictReader(io.StringIO(text))}


def markdown(text: str) -> Verdicts:
    names = {label: name for name, label in LABELS.items()}
    return {server: names[label] for label, server in re.findall(r"^\| ([a-z ]+) \| (s-\w{17}) \|", text, re.MULTILINE)}


def junit(text: str) -> Verdicts:
    names = {"failure": "NOT_MET", "error": "UNDETERMINED"}
    cases = {str(case.get("name")): [result.tag for result in case] for case in ET.fromstring(text).iter("testcase")}
    cases.pop("all servers", None)
    return {name: names.get(tags[0], "MET") if tags else "MET" for name, tags in cases.items()}


def prometheus(text: str) -> Verdicts:
    [samples] = [family.samples for family in text_string_to_metric_families(text) if family.name == "drs_server_verdict"]
    return {sample.labels["source_server_id"]: sample.labels["verdict"] for sample in samples if sample.value == 1}


def page(text: str) -> Verdicts:
    outline = Outline(text)
    if "There are no servers." in outline.text:
        return {}
    names = {label: name for name, label in LABELS.items()}
    found = [re.match(r"\S (not met|met|undetermined)", verdict) for verdict, *_ in outline.table("Verdict", "Server")]
    servers = [re.search(r"s-\w{17}", server) for _, server, *_ in outline.table("Verdict", "Server")]
    return {server[0]: names[verdict[1]] for server, verdict in zip(servers, found, strict=True) if server and verdict}


def notebook_table(local: LocalDrs, options: list[str]) -> Verdicts:
    """Read the same jobs and logs for `notebook.evidence_table`."""
    values = {name.removeprefix("--").replace("-", "_"): value for name, value in zip(options[::2], options[1::2], strict=True)}
    connection = Connection(endpoint_url=local.endpoint_url, region="eu-west-1")
    reader = EvidenceReader(Criteria(**values), connection, Organisation(), None, history=True)
    table = notebook.evidence_table(reader.read())
    return {row["sourceServerID"]: row["verdict"] for row in table.to_pylist()}


READERS = {"table": table, "json": records, "csv": rows, "markdown": markdown, "junit": junit, "prometheus": prometheus}


def verdicts_of(result: Result) -> Verdicts:
    return {row.server: row.verdict for row in result.rows}


# ------------------------------------------------------------------ tests


def worlds() -> Iterator[tuple[int, World]]:
    """Yield the worlds that have a criterion."""
    for seed in itertools.count():
        world = make_world(seed)
        if world.drilled_within is not None or world.objective is not None:
            yield seed, servable(world)


WORLDS: Mapping[int, World] = dict(itertools.islice(worlds(), COUNT))


@pytest.mark.parametrize("seed", WORLDS)
def test_outputs_agree(seed: int, local_drs: LocalDrs, tmp_path: Path):
    world = WORLDS[seed]
    serve(world, local_drs)
    options = options_of(world, tmp_path)

    def add_problem() -> None:
        if world.problems:
            local_drs.inject(_MalformedJob(), operation="DescribeJobs")

    def command(*arguments: str) -> str:
        add_problem()
        result = run(*arguments, *options)
        assert result.returncode == STATUSES[expected.verdict], result.stderr
        return result.stdout

    expected = judge(world)
    for name, read in READERS.items():
        assert read(command("check", "--history", "-o", name)) == verdicts_of(expected), name
    command("report", str(tmp_path / "evidence.html"))
    assert page((tmp_path / "evidence.html").read_text(encoding="utf-8")) == verdicts_of(expected)
    add_problem()
    assert notebook_table(local_drs, options) == verdicts_of(expected)
    assert (tmp_path / "evidence.csv").read_text(encoding="utf-8") == command("check", "--history", "-o", "csv")


@pytest.mark.parametrize("seed", WORLDS)
def test_needed_logs_are_enough(seed: int, local_drs: LocalDrs, tmp_path: Path):
    """Without --history the verdicts are those of the model with the logs that were read."""
    world = WORLDS[seed]
    serve(world, local_drs)
    if world.problems:
        local_drs.inject(_MalformedJob(), operation="DescribeJobs")
    text = run("check", "-o", "json", *options_of(world, tmp_path)).stdout
    read = {request.body["jobID"] for request in local_drs.requests if request.operation == "DescribeJobLogItems"}
    assert records(text) == verdicts_of(judge(without_logs(world, read)))
