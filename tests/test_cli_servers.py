"""Servers and their names on the command line: `--servers` and `--names`."""

import csv
import io
import json
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from command_line import run
from drs_jobs import JobsClient, SourceServer
from drs_jobs.cli.servers import ServerOption, names_of, parse_servers
from drs_jobs.testing import ErrorResponse, LocalDrs, make_history, make_job, make_log_item, make_server

ONE, TWO, THREE, FOUR = (f"s-{number:017}" for number in range(1, 5))
NAMES = {ONE: "db-01", TWO: "web-02"}


def source_server(server_id: str, **hints: str) -> dict[str, Any]:
    """Return a server as AWS returns it."""
    arn = f"arn:aws:drs:eu-west-1:123456789012:source-server/{server_id}"
    return {"sourceServerID": server_id, "arn": arn, "sourceProperties": {"identificationHints": hints}}


def objects(**keys: Callable[[str, str], object]) -> str:
    return json.dumps([{key: value(*pair) for key, value in keys.items()} for pair in NAMES.items()])


# ------------------------------------------------------------------ files

WITHOUT_NAMES = {
    "lines": f"{ONE}\n{TWO}\n",
    "a byte order mark and CRLF": f"\ufeff{ONE}\r\n{TWO}\r\n",
    "spaces and tabs": f"  {ONE}\t{TWO}",
    "commas": f"{ONE}, {TWO}",
    "semicolons": f"{ONE};{TWO};",
    "comments": f"# servers, all of them\n\n{ONE} # the first; of two\n#\n  {TWO}",
    "repeated": f"{ONE}\n{ONE} {TWO} {ONE}",
    "a header": f"sourceServerID\n{ONE}\n{TWO}\n",
    "a header with more columns": f"Region,Source_server-ID\nx,{ONE}\nx,{TWO}\n",
    "JSON": json.dumps([ONE, TWO]),
    "JSON objects": objects(id=lambda key, _: key),
}
WITH_NAMES = {
    "a header": f"id,name\n{ONE},db-01\n{TWO},web-02\n",
    "a byte order mark and CRLF": f"\ufeffid,name\r\n{ONE},db-01\r\n{TWO},web-02\r\n",
    "semicolons": f"id;name\n{ONE};db-01\n{TWO};web-02\n",
    "tabs": f"id\tname\n{ONE}\tdb-01\n{TWO}\tweb-02",
    "more columns": f"Host name,Region,Source_server-ID\ndb-01,x,{ONE}\nweb-02,x,{TWO}\n",
    "comments, blank lines, spaces": f"# id, name\n\n id , name\n\n {ONE} , db-01 \n#\n{TWO},web-02\n",
    "quotes": f'"id","name"\n"{ONE}","db-01"\n"{TWO}","web-02"\n',
    "repeated": f"id,name\n{ONE},db-01\n{ONE},db-01\n{ONE},\n{TWO},web-02\n",
    "a JSON object": json.dumps(NAMES),
    "JSON objects": objects(id=lambda key, _: key, name=lambda _, name: name),
    "JSON objects with AWS's key": objects(sourceServerID=lambda key, _: key, hostName=lambda _, name: name),
    "AWS's response": json.dumps({"items": [source_server(key, hostname=name) for key, name in NAMES.items()]}),
    "AWS's servers": json.dumps([source_server(key, hostname=name) for key, name in NAMES.items()], indent=4),
}
PAIRS = {
    "pairs": f"{ONE},db-01\n{TWO},web-02\n",
    "pairs with semicolons": f"{ONE};db-01\n{TWO};web-02\n",
    "pairs with tabs": f"{ONE}\tdb-01\n{TWO}\tweb-02",
    "pairs with an id without a name": f"{ONE},db-01\n{TWO},web-02\n{THREE},\n",
    "a JSON object with ids without a name": json.dumps({**NAMES, THREE: None, FOUR: " "}),
}


def parse_names(option: str, file: str) -> dict[str, str]:
    return names_of(parse_servers(option, file, has_pairs=True))


@pytest.fixture
def parse(tmp_path: Path) -> Callable[..., Any]:
    """Parse a text as a file."""

    def parse_text(parser: Callable[[str, str], Any], text: str) -> Any:
        file = tmp_path / "list"
        file.write_bytes(text.encode("utf-8", "surrogateescape"))
        return parser("--x", str(file))

    return parse_text


@pytest.mark.parametrize("form", WITHOUT_NAMES)
def test_servers(form: str, parse: Callable[..., Any]):
    assert parse(parse_servers, WITHOUT_NAMES[form]) == (SourceServer(ONE), SourceServer(TWO))


@pytest.mark.parametrize("form", WITH_NAMES)
def test_servers_with_names(form: str, parse: Callable[..., Any]):
    """AWS's output has the account and the region too."""
    place = {"account_id": "123456789012", "region": "eu-west-1"} if "AWS's" in form and "key" not in form else {}
    assert parse(parse_servers, WITH_NAMES[form]) == tuple(SourceServer(key, name=name, **place) for key, name in NAMES.items())
    assert parse(parse_names, WITH_NAMES[form]) == NAMES


@pytest.mark.parametrize("form", PAIRS)
def test_names(form: str, parse: Callable[..., Any]):
    assert parse(parse_names, PAIRS[form]) == NAMES


def test_file_without_servers(parse: Callable[..., Any]):
    for text in ("", "# none\n", "[]", "id,name\n", '{"items": []}'):
        assert parse(parse_servers, text) == ()
        assert parse(parse_names, text) == {}


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
            assert [server.name for server in parse_servers("--servers", file.name)] == list(expected.values())


WRONG = {
    "a host name": ("db-01\n", "line 1: 'db-01' is not a source server id: use s- and 17 letters or digits"),
    "an id that is too short": (f"{ONE}\n\n{TWO[:-1]}\n", f"line 3: '{TWO[:-1]}' is not a source server id"),
    "a name without a header": (f"{ONE},db-01\n", "line 1: 'db-01' is not a source server id"),
    "a tab and a host name": (f"# servers\n{ONE}\tdb-01\n", "line 2: 'db-01' is not a source server id"),
    "a CSV of something else": ("host,ip\ndb-01,10.0.0.1\n", "line 1: 'host' is not a source server id"),
    "a wrong id below a header": (f"name,id\ndb-01,{ONE}\n\ndb-02,i-1\n", "line 4: 'i-1' is not a source server id"),
    "an empty cell": ("id,name\n,db-01\n", "line 2: '' is not a source server id"),
    "too few columns": (f"name,id\ndb-01,{ONE}\ndb-02\n", "line 3 ('db-02') has too few columns"),
    "letters beyond ASCII": (f"s-{'ä' * 17}", "is not a source server id"),
    "a quote that is not closed": (f'id,name\n{ONE},"a\n', "it is not CSV"),
    "half of JSON": ("{", "it is not JSON"),
    "absurd nesting": ("[" * 100_000, "it is not JSON"),
    "a JSON number": ("[1]", "element 0: int is not a source server id"),
    "an element without an id": ('[{"name": "a"}]', "element 0 has no id"),
    "an element with a wrong id": (json.dumps([{"id": ONE}, {"id": "x"}]), "element 1: 'x' is not a source server id"),
    "a name that is a number": (json.dumps({ONE: 1}), f"key '{ONE}': the name of '{ONE}' is not a string"),
    "another JSON object": ('{"servers": []}', "key 'servers': 'servers' is not a source server id"),
    "a part of AWS's output": (json.dumps({"items": [], "nextToken": "x"}), "it has a nextToken, so it is not all servers"),
    "a part of the AWS CLI's output": (json.dumps({"items": [], "NextToken": "x"}), "it has a nextToken"),
    "two names": (f"id,name\n{ONE},a\n{ONE},b\n", f"two names for '{ONE}': 'a' and 'b'"),
    "not UTF-8": ("\udcff", "is not UTF-8"),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong_servers(name: str, parse: Callable[..., Any]):
    """Nothing is invented. The error names the option, the file, and the line or the element."""
    text, message = WRONG[name]
    with pytest.raises(ValueError, match=r"--x '.*list'") as caught:
        parse(parse_servers, text)
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (ONE, f"line 1 ('{ONE}') has too few columns: write an id, a comma and a name"),
        (f"{ONE},a\n\n{TWO}\n", f"line 3 ('{TWO}') has too few columns"),
        (f"id,region\n{ONE},x\n", "the header has no column of names"),
        ("db-01,a\n", "line 1: 'db-01' is not a source server id"),
        (f"{ONE},a\n{ONE},b\n", f"two names for '{ONE}': 'a' and 'b'"),
    ],
)
def test_wrong_names(text: str, message: str, parse: Callable[..., Any]):
    with pytest.raises(ValueError, match=r"--x '.*list'") as caught:
        parse(parse_names, text)
    assert message in str(caught.value)


def test_wrong_file_is_found_before_any_request(local_drs: LocalDrs, tmp_path: Path):
    """One line, and exit status 2."""
    for command in (["check"], ["list"], ["show", "drsjob-00000000000000000"], ["report", str(tmp_path / "x.html")]):
        result = run(*command, "--names", "absent.csv")
        assert (result.returncode, result.stderr.count("\n"), result.stdout) == (2, 1, "")
        assert result.stderr.startswith("drs-jobs: --names 'absent.csv' cannot be read")
    assert list(local_drs.requests) == []


# ------------------------------------------------------------------ DescribeSourceServers


def test_servers_of_every_page():
    """With names, account and region. Servers without a host name have their fully qualified name, or none."""
    ids = [f"s-{number:017}" for number in range(5)]
    with LocalDrs(page_sizes=(2,)) as local:
        local.add_source_servers(*(source_server(server_id, hostname=f"host-{server_id[-1]}") for server_id in ids[:3]))
        local.add_source_servers(source_server(ids[3]), source_server(ids[4], fqdn="a.example.com"))
        client = JobsClient(local.client())
        servers = ServerOption("--servers", "aws").read_servers(client)
        names = ["host-0", "host-1", "host-2", None, "a.example.com"]
        assert [(row.source_server_id, row.name, row.region) for row in servers or ()] == [
            (server_id, name, "eu-west-1") for server_id, name in zip(ids, names, strict=True)
        ]
        assert len(local.requests) == 3
        assert ServerOption("--names", "aws").resolve_names(client) == {
            key: name for key, name in zip(ids, names, strict=True) if name
        }


def test_without_permission(local_drs: LocalDrs):
    """Names are left out, with one line on stderr. Servers are an error, because their list is what is judged."""
    local_drs.add_history(make_history(8, until=local_drs.now, logs=True))
    plain = run("check")
    denied = ErrorResponse("AccessDeniedException", 403, "User: x is not authorized")
    local_drs.inject(denied, times=None, operation="DescribeSourceServers")
    refused = run("check", "--names", "aws")
    assert (refused.returncode, refused.stdout) == (plain.returncode, plain.stdout)
    assert refused.stderr.splitlines()[0].startswith("drs-jobs: no names, only ids, because DescribeSourceServers failed")
    assert len(refused.stderr.splitlines()) == len(plain.stderr.splitlines()) + 1
    without_servers = run("check", "--servers", "aws")
    assert (without_servers.returncode, without_servers.stdout, without_servers.stderr.count("\n")) == (5, "", 1)
    assert "not authorized" in without_servers.stderr


def test_servers_and_names_are_one_request(local_drs: LocalDrs):
    local_drs.add_source_servers(source_server(ONE, hostname="db-01"))
    assert f"db-01 {ONE}" in run("check", "--servers", "aws", "--names", "aws").stdout
    assert [request.operation for request in local_drs.requests] == ["DescribeSourceServers", "DescribeJobs"]


# ------------------------------------------------------------------ commands


def test_commands_show_names(local_drs: LocalDrs, tmp_path: Path):
    """In tables next to the id, and in JSON and CSV. Ids without a name are shown as before."""
    servers = tuple(make_server(source_server_id=server, launch_status="FAILED") for server in (ONE, TWO, THREE))
    job = make_job(participating_servers=servers)
    local_drs.add_jobs(job)
    local_drs.add_log(job.job_id, make_log_item(event="LAUNCH_FAILED", source_server_id=ONE, raw_error="no"))
    file = tmp_path / "names.csv"
    file.write_text(f"{ONE},db-01\x1b[31m\n{TWO},web-02\n{FOUR},x\n", encoding="utf-8")
    options = ("--names", str(file))
    shown = run("show", job.job_id, "--log", *options)
    assert (shown.returncode, shown.stderr) == (1, "")
    lines = [line.split() for line in shown.stdout.splitlines()]
    assert ["failed:", "db-01", "[31m", ONE] in lines
    assert ["failed:", "web-02", f"{TWO},", THREE] in lines, "both without a reason"
    assert shown.stdout.count(f"db-01 [31m {ONE}") == 3, "in the tables of servers and log, and in the reasons"
    watched = run("watch", job.job_id, *options)
    assert (watched.returncode, watched.stderr) == (1, "")
    assert ["failed:", "web-02", f"{TWO},", THREE] in [line.split() for line in watched.stdout.splitlines()]
    for command, key, name in (["show", job.job_id], "participant", "hostName"), (["check"], "sourceServerID", "name"):
        assert f"db-01 [31m {ONE}" in run(*command, *options).stdout
        rows = list(csv.DictReader(io.StringIO(run(*command, *options, "--output", "csv").stdout)))
        assert {row[key]: row[name] for row in rows} == {ONE: "db-01 [31m", TWO: "web-02", THREE: ""}
    assert "hostName" not in run("show", job.job_id, "--output", "csv").stdout
    for command in (["show", job.job_id], ["list"]):
        raw = json.loads(run(*command, *options, "--output", "json").stdout)
        assert raw["hostNames"] == {ONE: "db-01 [31m", TWO: "web-02"}
    listed = run("list", *options).stdout
    assert f"db-01 [31m, web-02, {THREE}" in listed
    [row] = csv.DictReader(io.StringIO(run("list", *options, "--output", "csv").stdout))
    assert row["hostNames"] == f"db-01 [31m; web-02; {THREE}"
    assert "hostNames" not in run("list", "--output", "csv").stdout
    assert run("check", "--names", "-", stdin=json.dumps({THREE: "third"}).encode()).stdout.count(f"third {THREE}") == 1


def test_unknown_name(local_drs: LocalDrs, tmp_path: Path):
    """A server without jobs is no error, but no list of jobs answers for a name that no server has."""
    local_drs.add_jobs(make_job(participating_servers=(make_server(source_server_id=ONE),)))
    file = tmp_path / "names.json"
    file.write_text(json.dumps(NAMES), encoding="utf-8")
    assert run("list", "--server", "WEB-02", "--names", str(file)).returncode == 0
    wrong = run("list", "--server", "web02", "--names", str(file))
    assert (wrong.returncode, wrong.stdout, "no server is named 'web02'" in wrong.stderr) == (2, "", True)
    local_drs.inject(ErrorResponse("AccessDeniedException"), operation="DescribeSourceServers")
    refused = run("list", "--server", "web-02", "--names", "aws")
    assert (refused.returncode, refused.stdout, "AccessDeniedException" in refused.stderr) == (5, "", True)


@pytest.mark.parametrize(
    ("command", "options"),
    [("list", ("--accounts", "--names")), ("check", ("--accounts", "--servers")), ("check", ("--servers", "--names"))],
)
def test_stdin_is_one_file(command: str, options: tuple[str, str], local_drs: LocalDrs):
    given = [text for option in options for text in (option, "-")]
    result = run(command, *given, "--role-name", "DrsReader", stdin=b"123456789012\n")
    assert (result.returncode, len(local_drs.requests)) == (2, 0)
    assert f"only one of {' and '.join(options)} can be read from stdin" in result.stderr
