"""Language: words that make English hard to read are as rare as in stamina, httpx, attrs, svcs and itsdangerous."""

import ast
import io
import re
import tokenize
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# Per 1,000 words of docstrings, comments and documentation: the highest figure of those projects.
AT_MOST = {
    ("answer", "answers", "answered"): 0.3,
    ("where",): 1.2,
    ("nobody", "whoever"): 0.0,
    ("tell", "tells", "told"): 0.5,
    ("room", "rooms", "house", "floor", "floors", "wing", "wings"): 0.0,
}
# And the lowest.
AT_LEAST = {("return", "returns", "raise", "raises"): 2.9}


def texts() -> Iterator[str]:
    """Docstrings and comments of the package and the tests, and the prose of the documentation."""
    for path in [*ROOT.glob("drs_jobs/**/*.py"), *ROOT.glob("tests/**/*.py")]:
        if path == Path(__file__):
            continue  # it has to name the words
        source = path.read_bytes()
        for node in ast.walk(ast.parse(source)):
            if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
                yield node.value.value
        tokens = tokenize.tokenize(io.BytesIO(source).readline)
        yield from (token.string for token in tokens if token.type == tokenize.COMMENT)
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("docs/reference/*.md")]:
        prose = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        yield re.sub(r"`[^`\n]*`", "", prose)


@pytest.fixture(scope="module")
def words() -> Counter[str]:
    return Counter(word for text in texts() for word in re.findall(r"[a-z'-]+", text.lower()))


@pytest.mark.parametrize("group", AT_MOST, ids="/".join)
def test_hard_words_are_rare(group: tuple[str, ...], words: Counter[str]):
    assert 1000 * sum(words[word] for word in group) / words.total() <= AT_MOST[group]


@pytest.mark.parametrize("group", AT_LEAST, ids="/".join)
def test_standard_words_are_common(group: tuple[str, ...], words: Counter[str]):
    assert 1000 * sum(words[word] for word in group) / words.total() >= AT_LEAST[group]
