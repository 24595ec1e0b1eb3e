"""What SECURITY.md promises beyond tags: no other network, and licences that let anybody use the package."""

import importlib.metadata
import itertools
import re
import socket
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.version import Version

from drs_jobs import JobsClient
from drs_jobs.testing import LocalDrs, make_job


def test_nobody_is_called_but_the_endpoint(local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    """Listing, reading a log, waiting and explaining open connections to the endpoint alone, and look up no name."""
    job = make_job()
    local_drs.add_jobs(job)
    called: set[Any] = set()
    connect, getaddrinfo = socket.socket.connect, socket.getaddrinfo

    def watched_connect(self: socket.socket, address: Any) -> None:
        called.add(address[1])
        connect(self, address)

    def watched_getaddrinfo(host: Any, *arguments: Any, **keywords: Any) -> Any:
        assert host == "127.0.0.1"
        return getaddrinfo(host, *arguments, **keywords)

    monkeypatch.setattr(socket.socket, "connect", watched_connect)
    monkeypatch.setattr(socket, "getaddrinfo", watched_getaddrinfo)
    client = JobsClient(region_name="eu-west-1")
    assert client.describe_jobs().collect() == (client.wait(job, timeout=0),)
    assert client.explain(job).job == job
    assert called == {int(local_drs.endpoint_url.rpartition(":")[2])}


FREE = re.compile(r"\b(Apache|BSD|MIT|ISC|PSF|Python Software Foundation|HPND|Unlicense|0BSD|Zlib)\b", re.IGNORECASE)


def _dependencies(name: str, seen: set[str]) -> set[str]:
    """The installed packages that a package and its extras bring."""
    try:
        requirements = importlib.metadata.distribution(name).requires or []
    except importlib.metadata.PackageNotFoundError:
        return seen  # an extra that is not installed, or a package for another platform
    for requirement in requirements:
        needed = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower().replace("_", "-")
        if needed not in seen and ("extra ==" not in requirement or name == "drs_jobs"):
            seen.add(needed)
            _dependencies(needed, seen)
    return seen


def test_every_dependency_has_a_permissive_licence():
    """What a user installs with any extra is under a licence that asks for little more than to be named."""
    names = _dependencies("drs_jobs", set())
    assert {"boto3", "botocore", "attrs", "cattrs", "typer", "rich", "werkzeug"} <= names
    for name in names:
        try:
            metadata = importlib.metadata.metadata(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        said = [
            metadata.get("License-Expression", ""),
            metadata.get("License", "")[:100],
            *(line for line in metadata.get_all("Classifier", []) if line.startswith("License")),
        ]
        assert FREE.search(" ".join(said)), (name, said)


def _versions(requirements: list[str], python: str) -> dict[str, Version]:
    """The one version that each requirement names, of those that apply to a Python."""
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    applicable = (each for each in map(Requirement, requirements) if each.marker is None or each.marker.evaluate(environment))
    return {each.name: Version(specifier.version) for each in applicable for specifier in each.specifier}


def test_the_lowest_versions_claimed_are_those_that_are_tested():
    """What requirements/lowest.txt locks is what pyproject.toml says is enough."""
    root = Path(__file__).parent.parent
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    claimed = [*project["dependencies"], *itertools.chain.from_iterable(project["optional-dependencies"].values())]
    lines = (root / "requirements" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    locked = [line.removesuffix("\\") for line in lines if "==" in line]
    pythons = re.findall(r"Python :: (3\.\d+)", " ".join(project["classifiers"]))
    assert pythons
    for python in pythons:
        assert _versions(claimed, python).items() <= _versions(locked, python).items()
