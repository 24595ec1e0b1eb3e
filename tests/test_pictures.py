"""The pictures of the documentation, and the check of the built site."""

import importlib.util
import io
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from drs_jobs import Outcome

DOCS = Path(__file__).parent.parent / "docs"
REMOTE = re.compile(r"(?:src|href)=\"https?://|url\((?!#)|@import")


def _load(path: Path) -> ModuleType:
    specification = importlib.util.spec_from_file_location(path.stem, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def pictures() -> Any:
    return _load(DOCS / "extensions" / "pictures.py")


@pytest.fixture(scope="module")
def year(pictures: Any) -> Iterator[Any]:
    with pictures.simulated_year() as year:
        yield year


@pytest.mark.needs_check_env
@pytest.mark.parametrize("command", ["list --since 30d", "check --objective 20m", "show {failed}"])
def test_terminal_is_the_same_in_each_build(command: str, pictures: Any, year: Any):
    """In another LocalDrs, on another port and at another time."""
    line = f"drs-jobs {command}".format(failed=year.latest(Outcome.FAILED).job.job_id)
    with pictures.simulated_year() as other:
        first, second = (pictures.terminal_svg(line, each.run(line)[1]) for each in (year, other))
    assert first == second
    assert first.startswith("<svg")
    assert line.split()[1] in first
    assert REMOTE.search(first) is None


@pytest.mark.needs_check_env
def test_terminal_has_colours(pictures: Any, year: Any):
    command = "drs-jobs list --failed"
    status, printed = year.run(command)
    assert status == 0
    assert "#d55e00" in pictures.terminal_svg(command, printed)


@pytest.mark.needs_check_env
@pytest.mark.parametrize("is_dark", [False, True])
def test_chart_is_the_same_in_each_build(*, is_dark: bool, pictures: Any, year: Any):
    """And loads nothing from another host."""
    for name in pictures.CHARTS:
        first, second = (pictures.themed_chart_html(name, year, is_dark=is_dark) for _ in range(2))
        assert first == second
        assert REMOTE.search(first) is None


@pytest.fixture
def build(tmp_path: Path, pictures: Any, monkeypatch: pytest.MonkeyPatch):
    """A function that builds a site of one page with directives, and returns its warnings and its HTML."""
    from sphinx.application import Sphinx  # noqa: PLC0415  # needs the check environment
    from sphinx.util.docutils import docutils_namespace  # noqa: PLC0415  # needs the check environment

    monkeypatch.setitem(sys.modules, "pictures", pictures)

    def build(*directives: str) -> tuple[str, str]:
        source, site, warnings = tmp_path / "source", tmp_path / "site", io.StringIO()
        source.mkdir()
        page = "\n\n".join(["# A page", *(f"```{{{directive}\n```" for directive in directives)])
        (source / "index.md").write_text(page, encoding="utf-8")
        (source / "conf.py").write_text('extensions = ["myst_parser", "pictures"]\n', encoding="utf-8")
        with docutils_namespace():
            Sphinx(source, source, site, tmp_path / "doctrees", "html", status=None, warning=warnings).build()
        return warnings.getvalue(), (site / "index.html").read_text(encoding="utf-8")

    return build


@pytest.mark.needs_check_env
@pytest.mark.filterwarnings("ignore")  # of Sphinx and docutils
def test_wrong_picture_is_a_warning(build: Any):
    """`make docs` fails with it."""
    problems = {
        "terminal} drs-jobs list --sinse 30d": "UsageError",
        "terminal} drs-jobs show drsjob-00000000000000000": "JobNotFoundError",
        "terminal} drs-jobs check --drilled-within 90d": "exit status 1 instead of 0",
        "terminal} rm -r folder": "a picture shows drs-jobs, not rm",
        "chart} no_chart": "no chart no_chart",
    }
    warnings, _ = build(*problems)
    assert [problem for problem in problems.values() if problem not in warnings] == []


@pytest.mark.needs_check_env
@pytest.mark.filterwarnings("ignore")  # of Sphinx and docutils
def test_pictures_are_on_the_page(build: Any):
    """The line after the last one is cut."""
    warnings, page = build(
        "terminal} drs-jobs check --drilled-within 90d\n:status: 1\n:lines: 1", "chart} timeline", "report} 500"
    )
    assert warnings == ""
    assert page.index("<svg") < page.index("plotly-graph-div") < page.index('src="_static/evidence.html"')
    assert page.index("plotly.min.js") < page.index("plotly-graph-div")
    assert "s-uvep0vnvy58ucswzt" not in page[: page.index("</svg>")]


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """A site without problems."""
    (tmp_path / "index.html").write_text('<a href="other.html#part">other</a><img src="picture.svg">', encoding="utf-8")
    (tmp_path / "other.html").write_text('<p id="part">a part</p><a href="https://example.com">out</a>', encoding="utf-8")
    (tmp_path / "picture.svg").write_text("<svg></svg>", encoding="utf-8")
    return tmp_path


@pytest.mark.needs_check_env
@pytest.mark.parametrize(
    ("html", "problem"),
    [
        ("", None),
        ('<a href="absent.html">', "absent.html does not exist"),
        ('<a href="other.html#absent">', "other.html#absent has no such anchor"),
        ('<a href="#absent">', "#absent has no such anchor"),
        ('<script src="https://cdn.example/x.js">', "loads https://cdn.example/x.js"),
        ('<link rel="stylesheet" href="//cdn.example/x.css">', "loads //cdn.example/x.css"),
        ("<style>@font-face { src: url(https://cdn.example/x.woff) }</style>", "loads https://cdn.example/x.woff"),
    ],
)
def test_problems_of_a_site(html: str, problem: str | None, site: Path):
    check = _load(DOCS / "check_site.py")
    with (site / "index.html").open("a", encoding="utf-8") as page:
        page.write(html)
    found = [*check.link_problems(site), *check.style_problems(site)]
    assert found == ([] if problem is None else [f"index.html{':' if 'loads' not in problem else ''} {problem}"])


@pytest.mark.needs_check_env
@pytest.mark.parametrize("page", ["README.md"])
def test_console_of_a_page(page: str, year: Any):
    """A package index shows no pictures of this project, so README has the first lines of one."""
    from rich.text import Text  # noqa: PLC0415  # needs the check environment

    blocks = re.findall(r"```console\n\$ ([^\n]*)\n(.*?)```", (DOCS.parent / page).read_text(encoding="utf-8"), re.DOTALL)
    assert blocks
    for command, expected in blocks:
        status, printed = year.run(command)
        lines = [line.rstrip() for line in Text.from_ansi(printed).plain.splitlines()]
        *shown, end = expected.splitlines()
        assert (1, shown, "…") == (status, lines[: len(shown)], end)
