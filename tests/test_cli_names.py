"""Host names on the command line: `--names` and `--host-names`."""

import csv
import io
import json
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command_line import run
from drs_jobs import MalformedResponseError, PaginationLoopError
from drs_jobs.cli.names import NameSource, complete_names, fetch_host_names, parse_names
from drs_jobs.cli.options import Connection
from drs_jobs.testing import ErrorResponse, LocalDrs, make_history, make_job, make_log_item, make_server


def server_id(name: str) -> str:
    """Return an id that fits the service model."""
    return f"s-{name:0>17}"


def source_server(server_id: str, **hints: str) -> dict[str, Any]:
    return {"sourceServerID": server_id, "sourceProperties": {"identificationHints": hints}}


NAMES = {"s-1": "db-01", "s-2": "web-02"}
FILES = {
    "csv": "s-1,db-01\ns-2,web-02\n",
    "a byte order mark and CRLF": "\ufeffs-1,db-01\r\ns-2,web-02\r\n",
    "semicolons": "s-1;db-01\ns-2;web-02\n",
    "tabs": "s-1\tdb-01\ns-2\tweb-02",
    "a header": "id,name\ns-1,db-01\ns-2,web-02\n",
    "a header with more columns": "Host name,Region,Source_server-ID\ndb-01,x,s-1\nweb-02,x,s-2\n",
    "comments, blank lines, spaces": "# id, name\n\n s-1 , db-01 \ns-2,web-02\n",
    "quotes": '"s-1","db-01"\n"s-2","web-02"\n',
    "repeated": "s-1,db-01\ns-1,db-01\ns-2,web-02\n",
    "an id without a name": "s-1,db-01\ns-2,web-02\ns-3,\n",
    "a JSON object": json.dumps({**NAMES, "s-3": None, "s-4": " "}),
    "JSON objects": json.dumps([{"id": key, "name": name} for key, name in NAMES.items()]),
    "JSON objects with AWS's key": json.dumps([{"sourceServerID": key, "hostName": name} for key, name in NAMES.items()]),
    "AWS's response": json.dumps({"items": [source_server(key, hostname=name) for key, name in NAMES.items()]}),
    "AWS's servers": json.dumps([source_server(key, hostname=name) for key, name in NAMES.items()]),
}


@pytest.mark.parametrize("form", FILES)
def test_parse_names(form: str, tmp_path: Path):
    file = tmp_path / "names"
    file.write_bytes(FILES[form].encode())
    assert parse_names("--names", str(file)) == NAMES


@settings(max_examples=40)
@given(
    st.dictionaries(
        st.from_regex(r"s-[0-9a-z]{17}", fullmatch=True), st.from_regex(r"[a-z][a-z0-9.;, \"'-]{0,20}[a-z]", fullmatch=True)
    )
)
def test_names_survive_both_formats(names: dict[str, str]):
    """As Python's csv and json modules write them."""
    text = io.StringIO()
    csv.writer(text).writerows([("id", "name"), *names.items()])
    expected = {key: " ".join(name.split()) for key, name in names.items()}
    for content in (text.getvalue(), json.dumps(names)):
        with tempfile.NamedTemporaryFile("w", encoding="utf-8", newline="") as file:
            file.write(content)
            file.flush()
            assert parse_names("--names", file.name) == expected


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("s-1", "line 1 .'s-1'. has no name"),
        ("s-1,a\n\ns-2\n", "line 3 .'s-2'. has no name"),
        ("s-1,a\ns-1,b\n", "two names for 's-1': 'a' and 'b'"),
        ('s-1,"a\n', "is not CSV"),
        ("{", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ('{"s-1": 1}', "the name of 's-1' is not a string"),
        ('["s-1"]', "element 0 is not an object"),
        ('[{"name": "a"}]', "element 0 has no id"),
        ('[{"id": 1, "name": "a"}]', "element 0 is not a string"),
        ("\udcff", "is not UTF-8"),
    ],
)
def test_invalid_names(content: str, message: str, tmp_path: Path):
    file = tmp_path / "names"
    file.write_bytes(content.encode("utf-8", "surrogateescape"))
    with pytest.raises(ValueError, match=message) as caught:
        parse_names("--names", str(file))
    assert str(caught.value).startswith("--names ")


def test_invalid_file_is_found_before_any_request(local_drs: LocalDrs, tmp_path: Path):
    """One line, and exit status 2."""
    for command in (["drills"], ["show", "drsjob-00000000000000000"], ["report", "-o", str(tmp_path / "x.html")]):
        result = run(*command, "--names", "absent.csv")
        assert (result.returncode, result.stderr.count("\n"), result.stdout) == (2, 1, "")
        assert result.stderr.startswith("drs-jobs: --names 'absent.csv' cannot be read")
    assert list(local_drs.requests) == []


# ------------------------------------------------------------------ DescribeSourceServers


def test_host_names_of_every_page():
    """Servers without a host name are left out, or have their fully qualified name."""
    with LocalDrs(page_sizes=(2,)) as local:
        local.add_source_servers(*(source_server(f"s-{n:017}", hostname=f"host-{n}") for n in range(5)))
        local.add_source_servers(
            source_server(server_id("no")),
            source_server(server_id("fqdn"), fqdn="a.example.com"),
            {"sourceServerID": server_id("bare")},
        )
        names = dict(complete_names(fetch_host_names(local.client())))
        assert {**{f"s-{n:017}": f"host-{n}" for n in range(5)}, server_id("fqdn"): "a.example.com"} == names
        assert len(local.requests) == 4


def test_invalid_responses_are_errors(local_drs: LocalDrs):
    """Not an endless loop, and not no names."""
    client = local_drs.client()
    local_drs.respond("DescribeSourceServers", {"items": [], "nextToken": "again"})
    with pytest.raises(PaginationLoopError):
        list(fetch_host_names(client))

    class Fake:
        def describe_source_servers(self, **_: object) -> dict[str, Any]:
            return {"items": "none"}

    with pytest.raises(MalformedResponseError):
        list(fetch_host_names(Fake()))


def test_names_of_the_file_take_precedence(local_drs: LocalDrs):
    first, second = server_id("1"), server_id("2")
    local_drs.add_source_servers(source_server(first, hostname="aws-1"), source_server(second, hostname="aws-2"))
    connection = Connection(None, None, None)
    source = NameSource({first: "file-1"}, has_host_names=True)
    assert source.resolve(connection) == {first: "file-1", second: "aws-2"}
    assert NameSource({}, has_host_names=False).resolve(connection) == {}
    assert [request.operation for request in local_drs.requests] == ["DescribeSourceServers"]


def test_without_permission_there_are_only_ids(local_drs: LocalDrs):
    """One line on stderr, the same rows and the same exit status."""
    local_drs.add_history(make_history(8, until=local_drs.now, logs=True))
    plain = run("drills")
    local_drs.inject(
        ErrorResponse("AccessDeniedException", 403, "User: x is not authorized"), operation="DescribeSourceServers"
    )
    refused = run("drills", "--host-names")
    assert (refused.returncode, refused.stdout) == (plain.returncode, plain.stdout)
    assert refused.stderr.splitlines()[0].startswith("drs-jobs: no host names, only ids, because DescribeSourceServers failed")
    assert len(refused.stderr.splitlines()) == len(plain.stderr.splitlines()) + 1


# ------------------------------------------------------------------ commands


def test_commands_show_names(local_drs: LocalDrs, tmp_path: Path):
    """In tables beside the id, and in JSON under a key of their own. Ids without a name are shown as before."""
    one, two, three = map(server_id, ("1", "2", "3"))
    servers = tuple(make_server(source_server_id=server, launch_status="FAILED") for server in (one, two, three))
    job = make_job(participating_servers=servers)
    local_drs.add_jobs(job)
    local_drs.add_log(job.job_id, make_log_item(event="LAUNCH_FAILED", source_server_id=one, raw_error="no"))
    local_drs.add_source_servers(source_server(two, hostname="web-02"))
    names = tmp_path / "names.csv"
    names.write_text(f"{one},db-01\x1b[31m\ns-unknown,x\n", encoding="utf-8")
    options = ("--names", str(names), "--host-names")
    shown = run("show", job.job_id, *options)
    assert (shown.returncode, shown.stderr) == (1, "")
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert ["failed:", "db-01", "[31m", one] in lines
    assert ["failed:", "web-02", two] in lines
    assert ["failed:", three] in lines
    assert shown.stdout.count(f"db-01 [31m {one}") == 4, "in the tables of servers, phases and log, and in the reasons"
    watched = run("watch", job.job_id, *options)
    assert (watched.returncode, watched.stderr) == (1, "")
    assert ["failed:", "web-02", two] in [line.split() for line in watched.stdout.splitlines()]
    for command in (["phases", job.job_id], ["recovery"], ["drills"]):
        assert f"db-01 [31m {one}" in run(*command, *options).stdout
        rows = list(csv.DictReader(io.StringIO(run(*command, *options, "--output", "csv").stdout)))
        assert {row.get("sourceServerID") or row["participant"]: row["hostName"] for row in rows} == {
            one: "db-01 [31m",
            two: "web-02",
            three: "",
        }
        assert "hostName" not in run(*command, "--output", "csv").stdout
    drilled = run("drills", *options).stdout
    assert [line.split()[:2] for line in drilled.splitlines()[2:3]] == [["web-02", two]]
    [first, second, last] = [json.loads(line) for line in run("drills", *options, "--output", "json").stdout.splitlines()]
    assert (first["hostName"], second["hostName"], "hostName" in last) == ("db-01 [31m", "web-02", False)
    raw = json.loads(run("show", job.job_id, *options, "--output", "json").stdout)
    assert raw["hostNames"] == {one: "db-01 [31m", two: "web-02"}
    assert run("drills", "--names", "-", stdin=json.dumps({three: "third"}).encode()).stdout.count(f"third {three}") == 1
