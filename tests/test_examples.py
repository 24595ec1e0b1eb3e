"""Every Python block in README and docs runs, and prints what the text block behind it says."""

import contextlib
import io
from pathlib import Path

import pytest
from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser

ROOT = Path(__file__).parent.parent
DOCUMENTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def _run(example: Example) -> None:
    printed = io.StringIO()
    # Without the examples' own file name there would be no telling which block failed.
    code = compile("\n" * (example.line - 1) + example.parsed, example.path, "exec", dont_inherit=True)
    with contextlib.redirect_stdout(printed):
        exec(code, example.namespace)
    example.namespace["_printed"] = printed.getvalue()


def _compare(example: Example) -> None:
    assert example.parsed.strip() == example.namespace["_printed"].strip()


SYBIL = Sybil([CodeBlockParser("python", _run), CodeBlockParser("text", _compare)], path=str(ROOT))


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.name)
def test_the_examples_of_a_document_run(path: Path, local_drs):
    """Block after block in one namespace, as a reader types them; AWS is a LocalDrs."""
    for example in SYBIL.parse(path).examples():
        example.evaluate()


def test_there_are_examples():
    """A parser that finds nothing would pass everything."""
    assert all(list(SYBIL.parse(ROOT / name).examples()) for name in ("README.md", "docs/tutorial.md", "docs/testing.md"))
