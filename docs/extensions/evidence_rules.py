"""A Sphinx extension that shows the rules of evidence as tables, from `docs/evidence_rules.toml`. Its entries are tests too."""

import tomllib
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from drs_jobs.evidence import Verdict

FILE: Final = Path(__file__).parent.parent / "evidence_rules.toml"

_HEADER: Final = ("what was read", "verdict", "recovery time, reasons")
_WIDTHS: Final = (40, 20, 40)


class EvidenceRules(SphinxDirective):
    """A table of rules. The argument is a section of the file."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table, with one row per server of each rule."""
        [name] = self.arguments
        self.env.note_dependency(str(FILE))
        sections = tomllib.loads(FILE.read_text(encoding="utf-8"))
        if "rules" not in sections.get(name, {}):
            raise self.error(f"{FILE.name} has no rules in the section {name}")
        rows = [_row(*cells) for rule in sections[name]["rules"] for cells in _cells(rule)]
        group = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in _WIDTHS), cols=len(_WIDTHS))
        group += [nodes.thead("", _row(*([text] for text in _HEADER))), nodes.tbody("", *rows)]
        table = nodes.table("", group, classes=["evidence-rules"])
        self.set_source_info(table)
        return [table]


def _cells(rule: Mapping[str, Any]) -> Iterator[tuple[list[str], list[str], list[str]]]:
    """Yield the cells of each row of a rule, each as its lines."""
    titles = [rule["title"]]
    for row in rule.get("expected", [rule]):
        verdicts = {name: Verdict(row[name]).label for name in ("drilled", "recovered") if name in row}
        labels = [f"{name}: {label}" for name, label in verdicts.items()] if len(verdicts) > 1 else list(verdicts.values())
        times = [row["recovery_time"]] if "recovery_time" in row else []
        yield titles, labels or ["-"], times + row.get("reasons", [])
        titles = []
    if "all" in rule:
        yield titles, [f"all servers: {Verdict(rule['all']).label}"], []


def _row(*cells: Iterable[str]) -> nodes.row:
    return nodes.row("", *(nodes.entry("", *map(_paragraph, lines)) for lines in cells))


def _paragraph(text: str) -> nodes.paragraph:
    """Return a line. What is between backticks is code."""
    parts = enumerate(text.split("`"))
    return nodes.paragraph("", "", *(nodes.literal("", part) if number % 2 else nodes.Text(part) for number, part in parts))


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the directive."""
    app.add_directive("evidence-rules", EvidenceRules)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
