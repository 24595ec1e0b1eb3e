"""Check these programs with six type checkers in strict mode, and the code of the documentation with mypy and ruff."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import documents

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
BIN = Path(sys.executable).parent
STUBBED = BIN / "python"
UNSTUBBED = ROOT / ".venv-async" / "bin" / "python"
"""An interpreter with boto3 and aiobotocore, and without their stubs."""

CHECKERS = {
    "mypy": ["mypy", "--strict", "--config-file=", "--cache-dir={cache}", "--python-executable={python}"],
    "pyright": ["pyright", "--pythonpath={python}"],
    "basedpyright": ["basedpyright", "--pythonpath={python}"],
    # ty only warns of a missing `await`.
    "ty": ["ty", "check", "--error=unused-awaitable", "--output-format=concise", "--python={python}"],
    # Without a preset or a configuration, pyrefly checks little.
    "pyrefly": ["pyrefly", "check", "--preset=strict", "--output-format=min-text", "--python-interpreter-path={python}"],
    "zuban": ["zuban", "mypy", "--strict", "--python-executable={python}"],
}
"""The command of each checker. For pyright and basedpyright a comment in the programs sets strict mode."""

ERROR = re.compile(r"^\s*(?P<pyrefly>ERROR )?(?:\S*/)?(\w+\.py):(\d+)\S*(?(pyrefly) | (?:- )?error)")
"""The first line of an error in the output of a checker."""

Lines = set[tuple[str, int]]


def programs(checker: str, python: Path) -> list[str]:
    """Return the names of the programs for a checker and an environment."""
    names = [
        "api.py",
        "async_api.py",
        "refused.py",
        "async_refused.py",
        "unknown_import.py",
        "unstubbed.py",
        "async_unstubbed.py",
    ]
    if python == STUBBED:
        return [*names, "stubbed.py", "async_stubbed.py"]
    # Without stubs these clients are partly unknown. That is an error in the strict mode of pyright.
    return names if checker.endswith("pyright") else [*names, "unstubbed_client.py"]


def errors(checker: str, python: Path, names: list[str]) -> Lines:
    """Return the lines that a checker refuses. It runs in a folder without a configuration."""
    with tempfile.TemporaryDirectory() as folder:
        for name in names:
            shutil.copy(HERE / name, folder)
        command = [part.format(python=python, cache=ROOT / ".mypy_cache" / python.parts[-3]) for part in CHECKERS[checker]]
        output = _run([str(BIN / command[0]), *command[1:], *names], folder)
    found = [match for line in output.splitlines() if (match := ERROR.match(line))]
    return {(match[2], int(match[3])) for match in found}


def statements(names: list[str]) -> Lines:
    """Return the first line of each statement."""
    trees = {name: ast.parse((HERE / name).read_text(encoding="utf-8")) for name in names}
    return {(name, node.lineno) for name, tree in trees.items() for node in ast.walk(tree) if isinstance(node, ast.stmt)}


def refused(names: list[str]) -> Lines:
    """Return the lines that must be errors."""
    texts = {name: (HERE / name).read_text(encoding="utf-8") for name in names}
    lines = {(name, number): line for name, text in texts.items() for number, line in enumerate(text.splitlines(), 1)}
    return {place for place, line in lines.items() if line.endswith("# refused")}


def check(checker: str, python: Path) -> bool:
    """Print a row of the table and each line that the checker judges wrongly; return whether there are no such lines."""
    names = programs(checker, python)
    found, bad = errors(checker, python, names), refused(names)
    good = statements(names) - bad
    stubs = "with stubs" if python == STUBBED else "no stubs"
    print(f"{checker:13} {stubs:11} {len(good - found):4} of {len(good)} good, {len(bad & found):3} of {len(bad)} bad")
    for name, number in sorted(found ^ bad):
        problem = "is refused" if (name, number) in found else "is accepted"
        print(f"  {name}:{number} {problem}: {(HERE / name).read_text(encoding='utf-8').splitlines()[number - 1].strip()}")
    return found == bad


def is_completely_typed() -> bool:
    """Return whether every public name of the package has a known type in pyright."""
    output = _run([str(BIN / "pyright"), "--verifytypes", "drs_jobs", "--ignoreexternal"], str(HERE))
    score = re.search(r"completeness score: (\S+)", output)
    complete = score is not None and score[1] == "100%"
    print("verifytypes: 100%" if complete else output)
    return complete


def _run(command: list[str], folder: str) -> str:
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"
    environment = {**os.environ, "PATH": path, "NO_COLOR": "1"}
    result = subprocess.run(command, capture_output=True, encoding="utf-8", cwd=folder, env=environment, check=False)
    return result.stdout


def main() -> int:
    """Return 0 if every checker accepts each good line and refuses each bad one, and no page has a problem; else 1."""
    print("accepted good lines and refused bad lines")
    results = [check(checker, python) for checker in CHECKERS for python in (STUBBED, UNSTUBBED)]
    return int(not all([*results, is_completely_typed(), documents.main() == 0]))


if __name__ == "__main__":
    sys.exit(main())
