"""The Python blocks of README and docs run in a Python prompt. A text block after one has its output."""

import ast
import code
import contextlib
import http.server
import inspect
import io
import json
import re
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser

import drs_jobs

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


class _Prompt(code.InteractiveConsole):
    """A Python prompt for one document. It raises errors instead of printing them."""

    def showsyntaxerror(self, filename: str | None = None, **_: object) -> None:  # the signature of InteractiveConsole
        raise  # noqa: PLE0704  # called in an except block

    def showtraceback(self) -> None:
        raise  # noqa: PLE0704  # called in an except block


def _run(example: Example) -> None:
    """Run a block line by line, as it is pasted. A blank line must end an indented block."""
    printed = io.StringIO()
    prompt = _Prompt(example.namespace, str(example.path))
    with contextlib.redirect_stdout(printed):
        for line in [*example.parsed.splitlines(), ""]:
            is_open = prompt.push(line)
    assert not is_open, f"line {example.line}: the block does not end"
    example.namespace["_printed"] = printed.getvalue()


def _compare(example: Example) -> None:
    assert example.parsed.strip() == example.namespace["_printed"].strip()


SYBIL = Sybil([CodeBlockParser("python", _run), CodeBlockParser("text", _compare)], path=str(ROOT))


AIO = pytest.mark.needs_aiobotocore
CHECK = pytest.mark.needs_check_env
MARKS = {
    "docs/asynchronous.md": [AIO],
    "docs/notebook.md": [CHECK],
    "docs/sweep.md": [CHECK],
}
"""Pages with examples of aiobotocore, and of Dask, Polars and DuckDB."""


def _parameter(path: Path) -> Any:
    name = path.relative_to(ROOT).as_posix()
    return pytest.param(path, id=name, marks=MARKS.get(name, []))


class _Webhook(http.server.BaseHTTPRequestHandler):
    """A webhook of a chat. It refuses what is not JSON with a text."""

    def do_POST(self) -> None:
        """Read the message."""
        message = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.send_response(200 if message["text"] else 400)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Print nothing."""


@pytest.fixture
def webhook() -> Iterator[str]:
    """The address of a webhook."""
    with http.server.HTTPServer(("127.0.0.1", 0), _Webhook) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("path", [_parameter(path) for path in DOCUMENTS])
def test_examples_of_a_document(path: Path, local_drs, webhook: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """All blocks run in one prompt, in an empty folder, with a LocalDrs as AWS."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SLACK_WEBHOOK_URL", webhook)
    for example in SYBIL.parse(path).examples():
        example.evaluate()


def test_documents_have_examples():
    """Without examples the tests above would pass."""
    assert all(list(SYBIL.parse(ROOT / name).examples()) for name in ("README.md", "docs/tutorial.md", "docs/testing.md"))


GUESS = re.compile(r"guess|AWS documents n|claimed|was ever seen", re.IGNORECASE)


def _guesses(tree: ast.Module | ast.ClassDef | ast.FunctionDef, name: str) -> Iterator[str]:
    """Yield the name of each module, class, function and attribute with a docstring that says "guess"."""
    owner = name
    for statement in tree.body:
        match statement:
            case ast.Expr(ast.Constant(str(text))) if GUESS.search(text):
                yield owner
            case ast.AnnAssign(target=ast.Name(owner)) | ast.Assign(targets=[ast.Name(owner)]):
                pass
            case ast.ClassDef() | ast.FunctionDef():
                yield from _guesses(statement, statement.name)


def test_every_guess_of_local_drs_is_documented():
    """docs/testing.md names the docstring of each."""
    sources = Path(inspect.getfile(drs_jobs)).parent.joinpath("testing").glob("*.py")
    guesses = {
        f"{path.stem}.{name}" for path in sources for name in _guesses(ast.parse(path.read_text(encoding="utf-8")), path.stem)
    }
    page = (ROOT / "docs" / "testing.md").read_text(encoding="utf-8")
    rows = page.partition("| guess | in the code |\n|---|---|\n")[2].partition("\n\n")[0].splitlines()
    assert {name for row in rows for name in re.findall(r"`([^`]+)`", row.split("|")[2])} == guesses


def test_files_that_contributing_names_exist():
    rows = [line for line in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    names = {name for row in rows for name in re.findall(r"`([a-z_/]+(?:/|\.py|\.toml))`", row)}
    assert len(names) > 30
    assert [name for name in sorted(names) if not any((ROOT / folder / name).exists() for folder in ("", "drs_jobs"))] == []
