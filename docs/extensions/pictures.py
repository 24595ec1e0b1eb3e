"""A Sphinx extension that makes the pictures of the documentation: what commands print, charts, and the report.

Each picture is made by the build from the same simulated year of jobs, at the same time, so that every build makes the same
pictures. A command that ends with another exit status than the page says, or a chart that raises an error, fails the build.
"""

import contextlib
import hashlib
import html
import io
import logging
import os
import re
import shlex
import tempfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, Final
from unittest import mock

from docutils import nodes
from docutils.parsers.rst import directives
from plotly.offline import get_plotlyjs
from rich.console import CONSOLE_SVG_FORMAT, Console
from rich.text import Text
from sphinx.application import Sphinx
from sphinx.errors import ExtensionError
from sphinx.util.docutils import SphinxDirective

from drs_jobs import Job, JobsClient, Outcome, notebook
from drs_jobs.analysis import JobPhases
from drs_jobs.cli import app, output
from drs_jobs.testing import History, LocalDrs, make_history

NOW: Final = datetime(2024, 6, 15, 12, tzinfo=UTC)
"""The time in all pictures."""

WIDTH: Final = 100
"""The default width of a terminal, in columns."""

REPORT: Final = "evidence.html"
REPORT_COMMAND: Final = (
    f"drs-jobs report {REPORT} --drilled-within 90d --objective 20m --servers servers.csv --title 'Drill evidence' --exit-zero"
)

CLOCK_READERS: Final = (
    "cli.evidence_reader",
    "cli.commands.list",
    "cli.commands.save",
    "cli.commands.show",
    "testing.backend",
)
"""The modules that read the current time."""

OBJECTIVE: Final = timedelta(minutes=20)

CHARTS: Final[dict[str, Callable[["Year"], Any]]] = {
    "timeline": lambda year: notebook.timeline(year.jobs, now=NOW),
    "drill_history": lambda year: notebook.drill_history(year.jobs),
    "drill_grid": lambda year: notebook.drill_grid(year.jobs, names=year.names),
    "phases_chart": lambda year: notebook.phases_chart(year.latest(Outcome.FAILED), now=NOW, names=year.names),
    "recovery_chart": lambda year: notebook.recovery_chart(year.phases, objective=OBJECTIVE, names=year.names),
}
"""The charts that a page can show, by name. Each is a function of the simulated year."""

# Without the font that rich loads from another host.
_SVG_FORMAT: Final = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)


class _FixedDatetime(datetime):
    """A `datetime` whose current time is `NOW`."""

    @classmethod
    def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]  # it returns a plain datetime
        return NOW.astimezone(tz)


class Year:
    """A year of simulated jobs at `NOW`, with their logs, in a LocalDrs; and a folder with the file that commands read."""

    def __init__(self, local: LocalDrs, folder: Path) -> None:
        """Fill the endpoint and the folder."""
        self.history: History = make_history(120, until=NOW, logs=True)
        self.folder = folder
        self._local = local
        local.add_history(self.history)
        servers = self.history.source_servers
        self.names: dict[str, str] = {
            each["sourceServerID"]: each["sourceProperties"]["identificationHints"]["hostname"] for each in servers
        }
        lines = ["id,name", *(f"{server},{name}" for server, name in self.names.items())]
        (folder / "servers.csv").write_text("\n".join(lines), encoding="utf-8")

    @property
    def jobs(self) -> tuple[Job, ...]:
        """All jobs, newest first."""
        return tuple(self.history)

    @cached_property
    def phases(self) -> list[JobPhases]:
        """The phases of all jobs, newest first."""
        client = JobsClient(self._local.client())
        return [client.phases(job) for job in self.jobs]

    def latest(self, outcome: Outcome) -> JobPhases:
        """The phases of the latest drill of several servers with an outcome."""
        drills = (each for each in self.phases if each.job.is_drill and each.job.outcome is outcome)
        return next(each for each in drills if len(each.participants) > 2)  # so that a chart shows several rows

    def run(self, command: str, *, width: int = WIDTH) -> tuple[int, str]:
        """Run a command line of `drs-jobs` in this process, in the folder, at `NOW`.

        Args:
            command: The command line, as in a shell.
            width: The width of the terminal, in columns.

        Returns:
            The exit status, and what was printed, with the escape sequences of a terminal.
        """
        name, *arguments = shlex.split(command)
        if name != "drs-jobs":
            raise ValueError(f"a picture shows drs-jobs, not {name}")
        printed = io.StringIO()
        console = Console(
            file=printed, width=width, force_terminal=True, color_system="truecolor", highlight=False, legacy_windows=False
        )
        with (
            mock.patch.dict(os.environ, self._local.environment),
            mock.patch.object(output, "console", return_value=console),
            _fixed_time(),
            contextlib.chdir(self.folder),
            contextlib.redirect_stdout(printed),
            contextlib.redirect_stderr(printed),
        ):
            status = app.invoke(arguments)
        return status, printed.getvalue()


@contextlib.contextmanager
def simulated_year() -> Iterator[Year]:
    """Yield a year, whose endpoint and folder exist until the end of the block."""
    with _fixed_time(), LocalDrs(speed=0) as local, tempfile.TemporaryDirectory() as folder:
        yield Year(local, Path(folder))


@contextlib.contextmanager
def _fixed_time() -> Iterator[None]:
    with contextlib.ExitStack() as stack:
        for module in CLOCK_READERS:
            stack.enter_context(mock.patch(f"drs_jobs.{module}.datetime", _FixedDatetime))
        yield


def terminal_svg(command: str, printed: str, *, width: int = WIDTH) -> str:
    """Return a picture of a terminal with a command and what it printed.

    Args:
        command: The command line.
        printed: The output, with the escape sequences of a terminal.
        width: The width of the terminal, in columns.
    """
    console = Console(record=True, file=io.StringIO(), width=width, legacy_windows=False)
    console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
    console.print(Text.from_ansi(printed.rstrip("\n")))
    digest = hashlib.sha256(f"{command}\n{printed}".encode()).hexdigest()[:12]
    return console.export_svg(title="", code_format=_SVG_FORMAT, unique_id=f"terminal-{digest}")


class _Picture(SphinxDirective):
    """What the directives have in common."""

    @property
    def year(self) -> Year:
        """The simulated year of this build."""
        year: Year = self.env.app.drs_jobs_year  # type: ignore[attr-defined]  # set by `_start`
        return year

    def raw(self, text: str) -> list[nodes.Node]:
        """Return HTML as a node that no search indexes."""
        node = nodes.raw("", text, format="html")
        self.set_source_info(node)
        return [node]

    def static(self, name: str) -> str:
        """Return the address of a static file from this page."""
        return "../" * self.env.docname.count("/") + f"_static/{name}"


class Terminal(_Picture):
    """A picture of a terminal: the argument is the command line.

    The option `status` is the expected exit status, by default 0. `lines` is the number of lines after which the picture ends,
    and `width` the number of columns.
    """

    required_arguments = 1
    final_argument_whitespace = True
    option_spec: ClassVar[Any] = {
        "status": directives.nonnegative_int,
        "lines": directives.positive_int,
        "width": directives.positive_int,
    }

    def run(self) -> list[nodes.Node]:
        """Run the command, and return its picture."""
        [command] = self.arguments
        width, expected = self.options.get("width", WIDTH), self.options.get("status", 0)
        try:
            status, printed = self.year.run(command, width=width)
        except Exception as error:
            raise self.error(f"{command}: {type(error).__name__}: {error}") from error
        if status != expected:
            raise self.error(f"{command}: exit status {status} instead of {expected}\n{Text.from_ansi(printed).plain}")
        lines = printed.splitlines(keepends=True)
        if len(lines) > self.options.get("lines", len(lines)):
            printed = "".join([*lines[: self.options["lines"]], "…"])
        label = html.escape(f"A terminal with the output of: {command}", quote=True)
        return self.raw(
            f'<div class="terminal" role="img" aria-label="{label}">{terminal_svg(command, printed, width=width)}</div>'
        )


class Chart(_Picture):
    """An interactive chart: the argument is its name in `CHARTS`."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the chart as HTML, which uses the plotly.js of the site."""
        [name] = self.arguments
        if name not in CHARTS:
            raise self.error(f"no chart {name}: it is one of {', '.join(CHARTS)}")
        return self.raw("".join(themed_chart_html(name, self.year, is_dark=is_dark) for is_dark in (False, True)))


class Report(_Picture):
    """The report, as the page that `REPORT_COMMAND` writes, in a frame. The argument is its height in pixels."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the frame, and a link to the page."""
        address, height = self.static(REPORT), directives.positive_int(self.arguments[0])
        return self.raw(
            f'<iframe class="report" src="{address}" title="The report" loading="lazy" height="{height}"></iframe>'
            f'<p class="report-link"><a href="{address}">Open the report</a></p>'
        )


def themed_chart_html(name: str, year: Year, *, is_dark: bool) -> str:
    """Return a chart for light or for dark pages; the theme of the site hides it on the others."""
    theme = "dark" if is_dark else "light"
    figure = CHARTS[name](year)
    if is_dark:
        figure.update_layout(template="plotly_dark")
    fragment = figure.to_html(full_html=False, include_plotlyjs=False, div_id=f"chart-{name}-{theme}")
    return f'<div class="only-{theme}"><div class="chart">{fragment}</div></div>'


def _add_plotly(
    _app: Sphinx,
    _page: str,
    _template: str,
    context: dict[str, Any],
    *_: object,
) -> None:
    """Load plotly.js before the first chart of a page, and only on pages with charts."""
    if 'class="chart"' in context.get("body", ""):
        script = f'<script src="{context["pathto"]("_static/plotly.min.js", resource=True)}"></script>'
        context["body"] = script + context["body"]


def _start(app: Sphinx) -> None:
    """Create the year, and write the files that pages use."""
    stack = contextlib.ExitStack()
    year = app.drs_jobs_year = stack.enter_context(simulated_year())  # type: ignore[attr-defined]  # for the directives
    app.connect("build-finished", lambda *_: stack.close())
    if app.builder.format == "html":
        status, printed = year.run(REPORT_COMMAND)
        if status != 0:
            raise ExtensionError(f"{REPORT_COMMAND}: exit status {status}\n{printed}")
        static = Path(app.outdir) / "_static"
        static.mkdir(parents=True, exist_ok=True)
        for path in year.folder.glob("evidence*"):
            (static / path.name).write_bytes(path.read_bytes())
        (static / "plotly.min.js").write_text(get_plotlyjs(), encoding="utf-8")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directives."""
    logging.getLogger("botocore").setLevel(logging.WARNING)  # one line per client
    app.add_directive("terminal", Terminal)
    app.add_directive("chart", Chart)
    app.add_directive("report", Report)
    app.connect("builder-inited", _start)
    app.connect("html-page-context", _add_plotly)
    return {"parallel_read_safe": False, "parallel_write_safe": True}
