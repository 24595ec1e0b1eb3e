"""Check these programs with mypy and pyright in strict mode, as users would: with stubs for boto3 and without."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent.parent
BIN = Path(sys.executable).parent
STUBBED = BIN / "python"
UNSTUBBED = ROOT / ".venv-demo" / "bin" / "python"


def mypy(python: Path, *names: str) -> set[tuple[str, int]]:
    """Where mypy finds errors."""
    command = [
        BIN / "mypy",
        "--strict",
        "--config-file=",
        "--python-executable",
        python,
        "--cache-dir",
        ROOT / ".mypy_cache" / python.parts[-3],
    ]
    result = _run([*command, *(HERE / name for name in names)])
    print(result)
    return {(Path(file).name, int(line)) for file, line in re.findall(r"^(\S+?\.py):(\d+): error:", result, re.MULTILINE)}


def pyright(python: Path, *names: str) -> set[tuple[str, int]]:
    """Where pyright finds errors."""
    report = json.loads(_run([BIN / "pyright", "--outputjson", "--pythonpath", python, *(HERE / name for name in names)]))
    for found in report["generalDiagnostics"]:
        print(f"{found['file']}:{found['range']['start']['line'] + 1}: {found['message'][:200]}")
    return {
        (Path(found["file"]).name, found["range"]["start"]["line"] + 1)
        for found in report["generalDiagnostics"]
        if found["severity"] == "error"
    }


def _run(command: list[str | Path]) -> str:
    path = f"{Path(command[0]).parent}{os.pathsep}{os.environ['PATH']}"
    # In tests/, so that the package's own folder is not what gets imported.
    return subprocess.run(
        [str(part) for part in command],
        capture_output=True,
        encoding="utf-8",
        cwd=HERE,
        env={**os.environ, "PATH": path},
        check=False,
    ).stdout


def refused() -> set[tuple[str, int]]:
    """The lines that must be errors."""
    lines = (HERE / "refused.py").read_text(encoding="utf-8").splitlines()
    return {("refused.py", number) for number, line in enumerate(lines, 1) if line.endswith("# refused")}


def main() -> int:
    """Exit status 0 if every program is accepted, or refused, as it should be."""
    programs = ["api.py", "refused.py"]
    problems = [
        (f"{checker.__name__} with {'stubs' if python == STUBBED else 'no stubs'}", checker(python, *names) ^ refused())
        for checker, python, names in [
            (mypy, STUBBED, [*programs, "stubbed.py", "unstubbed.py"]),
            (pyright, STUBBED, [*programs, "stubbed.py", "unstubbed.py"]),
            (mypy, UNSTUBBED, [*programs, "unstubbed.py", "unstubbed_client.py"]),
            (pyright, UNSTUBBED, [*programs, "unstubbed.py"]),
        ]
    ]
    verified = _run([BIN / "pyright", "--verifytypes", "drs_jobs", "--ignoreexternal"])
    score = re.search(r"completeness score: (\S+)", verified)
    print(verified if score is None or score[1] != "100%" else "verifytypes: 100%")
    for name, wrong in problems:
        print(f"{name}: {'as it should be' if not wrong else f'not as it should be: {sorted(wrong)}'}")
    return int(any(wrong for _, wrong in problems) or score is None or score[1] != "100%")


if __name__ == "__main__":
    sys.exit(main())
