"""The tests do not depend on the machine that runs them."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = [path for folder in ("drs_jobs", "tests", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))]


def calls_without_encoding(source: str) -> list[str]:
    """The calls that read or write text with the encoding of the locale."""
    calls = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)]
    found = []
    for call in calls:
        name = getattr(call.func, "attr", getattr(call.func, "id", ""))
        if name not in {"open", "read_text", "write_text"} and "text" not in {keyword.arg for keyword in call.keywords}:
            continue  # most calls; the rest takes time
        function = ast.unparse(call.func)
        keywords = {keyword.arg: ast.unparse(keyword.value) for keyword in call.keywords}
        is_text = name in {"open", "read_text", "write_text"} and function != "os.open"
        is_text = is_text and "'rb'" not in map(ast.unparse, call.args)
        if (is_text or keywords.get("text") == "True") and "encoding" not in keywords:
            found.append(ast.unparse(call))
    return found


def test_text_has_an_encoding():
    found = {path.name: calls_without_encoding(path.read_text(encoding="utf-8")) for path in SOURCES}
    assert {name: calls for name, calls in found.items() if calls} == {}


@pytest.mark.parametrize("call", ["p.read_text()", "p.write_text('x')", "open('f')", "p.open('w')", "run(c, text=True)"])
def test_missing_encoding_is_found(call: str):
    assert calls_without_encoding(call) == [call]


def test_unusual_environment(tmp_path: Path):
    """Tests pass with another terminal, locale, proxy, profile and time zone, and with SIGINT ignored."""
    config = tmp_path / "config"
    config.write_text("[default]\nignore_configured_endpoint_urls = true\nuse_fips_endpoint = true\n", encoding="utf-8")
    environment = {
        "TERM": "dumb",
        "LC_ALL": "C",
        "PYTHONUTF8": "0",
        "HTTP_PROXY": "http://127.0.0.1:9",
        "AWS_PROFILE": "absent",
        "AWS_CONFIG_FILE": str(config),
        "TZ": "Asia/Tokyo",
        "COLUMNS": "37",
        "FORCE_COLOR": "1",
    }
    tests = [
        "tests/test_cli_main.py::test_ascii_output",
        "tests/test_cli_list.py::test_list_table",
        "tests/test_cli_watch.py::test_watch_on_a_terminal",
        "tests/test_project.py::test_lowest_versions",
        "tests/test_sweep.py::test_ctrl_c_stops_at_once",
    ]
    command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-p", "no:xdist", *tests]
    ignoring = ["sh", "-c", "trap '' INT; exec \"$@\"", "sh", *command]
    result = subprocess.run(
        ignoring, cwd=ROOT, env=os.environ | environment, capture_output=True, encoding="utf-8", check=False
    )
    assert (result.returncode, "skipped" in result.stdout) == (0, False), result.stdout
