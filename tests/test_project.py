"""The network access and the licences that SECURITY.md promises, the lowest versions."""

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

ROOT = Path(__file__).parent.parent
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def test_only_the_endpoint_is_called(local_drs: LocalDrs, monkeypatch: pytest.MonkeyPatch):
    """Listing, reading a log, waiting and explaining open connections to the endpoint alone and resolve no name."""
    job = make_job()
    local_drs.add_jobs(job)
    ports: set[Any] = set()
    connect, getaddrinfo = socket.socket.connect, socket.getaddrinfo

    def recording_connect(self: socket.socket, address: Any) -> None:
        ports.add(address[1])
        connect(self, address)

    def local_getaddrinfo(host: Any, *arguments: Any, **keywords: Any) -> Any:
        assert host == "127.0.0.1"
        return getaddrinfo(host, *arguments, **keywords)

    monkeypatch.setattr(socket.socket, "connect", recording_connect)
    monkeypatch.setattr(socket, "getaddrinfo", local_getaddrinfo)
    client = JobsClient(region_name="eu-west-1")
    assert client.describe_jobs().collect() == (client.wait(job, timeout=0),)
    assert client.explain(job).job == job
    assert ports == {int(local_drs.endpoint_url.rpartition(":")[2])}


PERMISSIVE = re.compile(r"\b(Apache|BSD|MIT|ISC|PSF|Python Software Foundation|HPND|Unlicense|0BSD|Zlib)\b", re.IGNORECASE)


def _dependencies(requirements: list[str]) -> set[str]:
    """Return the names of the packages that the requirements need here, directly or indirectly."""
    names: set[tuple[str, str]] = set()
    pending = [(Requirement(text), "") for text in requirements]
    while pending:
        requirement, extra = pending.pop()
        if requirement.marker is not None and not requirement.marker.evaluate({"extra": extra}):
            continue
        for extra in ("", *requirement.extras):
            if (requirement.name, extra) not in names:
                names.add((requirement.name, extra))
                needed = importlib.metadata.distribution(requirement.name).requires or []
                pending += [(Requirement(text), extra) for text in needed]
    return {name for name, _ in names}


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param(name, marks=[pytest.mark.needs_aiobotocore] * (name == "async"))
        for name in PROJECT["optional-dependencies"]
    ],
)
def test_every_dependency_has_a_permissive_licence(extra: str):
    names = _dependencies([*PROJECT["dependencies"], *PROJECT["optional-dependencies"][extra]])
    assert len(names) > len(PROJECT["dependencies"])
    for name in names:
        metadata = importlib.metadata.metadata(name)
        licences = [
            metadata.get("License-Expression", ""),
            metadata.get("License", "")[:100],
            *(line for line in metadata.get_all("Classifier", []) if line.startswith("License")),
        ]
        assert PERMISSIVE.search(" ".join(licences)), (name, licences)


def _versions(requirements: list[str], python: str) -> dict[str, Version]:
    """The version in each requirement that applies to a Python version."""
    environment = {"python_version": python, "python_full_version": f"{python}.0"}
    applicable = (each for each in map(Requirement, requirements) if each.marker is None or each.marker.evaluate(environment))
    return {each.name: Version(specifier.version) for each in applicable for specifier in each.specifier}


def test_lowest_versions():
    """Lower bounds in pyproject.toml are the versions in requirements/lowest.txt."""
    declared = [*PROJECT["dependencies"], *itertools.chain.from_iterable(PROJECT["optional-dependencies"].values())]
    lines = (ROOT / "requirements" / "lowest.txt").read_text(encoding="utf-8").splitlines()
    locked = [line.removesuffix("\\") for line in lines if "==" in line]
    pythons = re.findall(r"Python :: (3\.\d+)", " ".join(PROJECT["classifiers"]))
    assert pythons
    for python in pythons:
        assert _versions(declared, python).items() <= _versions(locked, python).items()
