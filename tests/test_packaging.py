"""The commands and environments of the Makefile, and the README on a package index."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


@pytest.fixture
def make_dry_run(tmp_path: Path):
    """A function that returns the output of `make --dry-run` in a folder with only the Makefile and the requirements."""
    shutil.copy(ROOT / "Makefile", tmp_path)
    shutil.copytree(ROOT / "requirements", tmp_path / "requirements")
    (tmp_path / "tests" / "javascript").mkdir(parents=True)
    shutil.copy(ROOT / "tests" / "javascript" / "package-lock.json", tmp_path / "tests" / "javascript")

    def dry_run(target: str, version: str, stamp: str | None = None, **variables: str) -> str:
        python = tmp_path / f"python-{version}"
        python.write_text(f"#!/bin/sh\necho {version}\n", encoding="utf-8")
        python.chmod(0o755)
        if stamp is not None:
            (tmp_path / stamp).parent.mkdir()
            (tmp_path / stamp).touch()
        environment = {name: value for name, value in os.environ.items() if name not in {"MAKEFLAGS", "MAKELEVEL", "PYTHON"}}
        make = shutil.which("make")
        assert make is not None
        command = [make, "--dry-run", target, f"PYTHON={python}"]
        environment.update(variables)
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, encoding="utf-8", check=True).stdout

    return dry_run


@pytest.mark.parametrize(
    ("target", "folder"),
    [("test", ".venv"), ("demo", ".venv"), ("lint", ".venv-check"), ("test-lowest", ".venv-lowest")],
)
def test_another_interpreter_sets_up_again(make_dry_run, target: str, folder: str):
    assert f"python-3.98.0 -m venv --clear {folder} " in make_dry_run(target, "3.98.0", stamp=f"{folder}/ready-3.99.0")
    assert "-m venv" not in make_dry_run(target, "3.99.0")


def test_latest_has_every_extra_and_the_given_interpreter(make_dry_run):
    commands = make_dry_run("latest", "3.98.0")
    assert commands.count("python-3.98.0 -m venv") == 2
    extras = re.findall(r"'\.\[(.*)\]'", commands)
    assert {extra for names in extras for extra in names.split(",")} == PROJECT["optional-dependencies"].keys()


def test_help_lists_every_target(make_dry_run, tmp_path: Path):
    targets = re.findall(r"^([a-z-]+):", (tmp_path / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    listed = subprocess.run(["make", "help"], cwd=tmp_path, capture_output=True, encoding="utf-8", check=True).stdout
    assert re.findall(r"^make (\S+) +\S", listed, re.MULTILINE) == targets
    for target in targets:
        (tmp_path / target).mkdir(exist_ok=True)  # a file with the name of a target does not replace its command
    assert "pytest" in make_dry_run("test", "3.98.0")


@pytest.mark.parametrize("programs", [(), ("node",), ("node", "npm")], ids=" ".join)
def test_javascript_is_set_up_only_with_node(programs: tuple[str, ...], make_dry_run, tmp_path: Path):
    """Without node and npm, the other checks run."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for program in programs:
        (folder / program).touch(mode=0o755)
    commands = make_dry_run("test-check", "3.98.0", PATH=str(folder))
    assert ("npm ci" in commands) is (programs == ("node", "npm"))
    assert "pytest -n 2 -m needs_check_env" in commands


LOCKS = [*sorted((ROOT / "requirements").glob("*.txt")), ROOT / "tests" / "javascript" / "package-lock.json"]


@pytest.mark.parametrize("lock", LOCKS, ids=lambda lock: lock.name)
def test_locks_have_hashes_and_no_addresses(lock: Path):
    """So a lock works with any package index."""
    text = lock.read_text(encoding="utf-8")
    assert "://" not in text
    assert "sha256:" in text or text.count('"integrity": "sha512-') == text.count('"node_modules/')


def test_no_version_is_locked_twice():
    test, check = ((ROOT / "requirements" / f"{name}.txt").read_text(encoding="utf-8") for name in ("test", "check"))
    name = re.compile(r"^([a-z0-9-]+)==", re.MULTILINE)
    assert {*name.findall(test)}.isdisjoint(name.findall(check))


def test_readme_has_no_relative_links():
    links = re.findall(r"\]\(([^)]*)\)|(?:href|src)=[\"']([^\"']*)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert [link for link in map("".join, links) if not link.startswith(("https://", "#"))] == []
