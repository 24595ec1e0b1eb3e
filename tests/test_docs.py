"""Every Python block in README and docs can be pasted into a prompt, and prints what the text block behind it says."""

import code
import contextlib
import io
import warnings
from pathlib import Path
from typing import Any

import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


class _Prompt(code.InteractiveConsole):
    """A Python prompt into which a block is pasted; an error is an error."""

    def showsyntaxerror(self, filename: str | None = None, **_: object) -> None:  # the console's own signature
        raise  # noqa: PLE0704  # called while it is handled

    def showtraceback(self) -> None:
        raise  # noqa: PLE0704  # called while it is handled


def _run(example: Example) -> None:
    """Line by line, as it is pasted: a blank line ends a block, and nothing may follow one without it."""
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


NEED_CHECK_ENV = {"sweep.md", "notebook.md"}
"""They show Dask, Polars and DuckDB."""


@pytest.mark.parametrize(
    "path",
    [
        pytest.param(path, id=path.name, marks=[pytest.mark.needs_check_env] if path.name in NEED_CHECK_ENV else [])
        for path in DOCUMENTS
    ],
)
def test_the_examples_of_a_document_run(path: Path, local_drs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Block after block into one prompt, in an empty folder; AWS is a LocalDrs."""
    monkeypatch.chdir(tmp_path)
    for example in SYBIL.parse(path).examples():
        example.evaluate()


@pytest.fixture
def tour() -> Any:
    """The notebook, executed."""
    import nbclient  # noqa: PLC0415  # needs the check environment
    import nbformat  # noqa: PLC0415  # needs the check environment

    notebook = nbformat.read(ROOT / "docs" / "tour.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells), "commit it without outputs"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Jupyter's own
        nbclient.NotebookClient(notebook, timeout=120).execute()
    return notebook


@pytest.mark.needs_check_env
def test_the_tour_runs_and_shows_what_it_says(tour: Any):
    """Tables, charts and a report: each cell that ends in a value shows something."""
    shown = [output for cell in tour.cells for output in cell.get("outputs", [])]
    kinds = [kind for output in shown for kind in output.get("data", {})]
    assert kinds.count("text/html") == 5
    assert kinds.count("application/vnd.plotly.v1+json") == 2
    assert "100 jobs, " in shown[-1]["text"]


def test_there_are_examples():
    """A parser that finds nothing would pass everything."""
    assert all(list(SYBIL.parse(ROOT / name).examples()) for name in ("README.md", "docs/tutorial.md", "docs/testing.md"))
