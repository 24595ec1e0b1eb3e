"""Check the Python code of README and documentation with mypy in strict mode and ruff, one module per page."""

import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from sybil import Sybil
from sybil.parsers.markdown import CodeBlockParser

ROOT = Path(__file__).parent.parent.parent
BIN = Path(sys.executable).parent
DOCS = ROOT / "docs"
PAGES = [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]
SYBIL = Sybil([CodeBlockParser("python", lambda _: None)], path=str(ROOT))

# Dask has a py.typed file, although most of its functions have no types.
MYPY_CONFIGURATION = """\
[mypy]
strict = True
untyped_calls_exclude = distributed
"""
MYPY = ["mypy", "--config-file=mypy.ini"]
RUFF = ["ruff", "check", "--isolated", "--select=F", "--output-format=concise"]


def code(page: Path) -> str:
    """Return the Python code of a page, with its line numbers."""
    lines: list[str] = []
    for example in SYBIL.parse(page).examples():
        lines += [""] * (example.line - len(lines)) + example.parsed.splitlines()
    return "\n".join(lines)


def problems(command: list[str], modules: dict[str, str]) -> list[str]:
    """Return the lines of a tool's output about the modules, with the name of the page instead of the module."""
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "mypy.ini").write_text(MYPY_CONFIGURATION, encoding="utf-8")
        for module, text in modules.items():
            (Path(folder) / module).write_text(f"{text}\n", encoding="utf-8")
        cache = {"MYPY_CACHE_DIR": str(ROOT / ".mypy_cache" / "documents"), "RUFF_NO_CACHE": "true", "NO_COLOR": "1"}
        result = subprocess.run(
            [str(BIN / command[0]), *command[1:], *modules],
            capture_output=True,
            encoding="utf-8",
            cwd=folder,
            env={**os.environ, **cache},
            check=False,
        )
    found = [line for line in result.stdout.splitlines() if line.split(":")[0] in modules]
    if result.returncode and not found:  # the tool itself failed
        found = [result.stdout + result.stderr]
    return [re.sub(r"^(\w+)_md\.py", r"\1.md", line) for line in found]


def main() -> int:
    """Return 0 if no page has a problem; else 1."""
    # A suffix, because a module named types.py would hide Python's own.
    modules = {f"{re.sub('[^A-Za-z0-9]', '_', str(page.relative_to(ROOT)))}.py": text for page in PAGES if (text := code(page))}
    found = [problem for command in (MYPY, RUFF) for problem in problems(command, modules)]
    print(*found, f"code of {len(modules)} pages: {len(found)} problems", sep="\n")
    return int(bool(found) or not modules)


if __name__ == "__main__":
    sys.exit(main())
