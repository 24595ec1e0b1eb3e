"""A process ends at once and says nothing, whatever iterator is suspended and however the process leaves.

A test cannot see the end of its own interpreter, so each cell of the matrix is a process.
"""

import os

import pytest

from process_ends import ITERATORS, Cell, cells, run, run_all

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork and signals")

SOME = [
    Cell("sweep", "building", "body", "end, iterator in a global"),
    Cell("sweep", "building", "body", "error"),
    Cell("sweep", "request", "next", "SIGINT"),
    Cell("sweep", "request", "body", "fork"),
    Cell("pager", "request", "next", "SIGINT"),
    Cell("watch", "idle", "next", "exit"),
]
"""Cells that run with every test run."""


@pytest.mark.parametrize("cell", SOME, ids=str)
def test_cell(cell: Cell):
    end = run(cell)
    assert end.is_good, f"{end}\n{end.source}"


@pytest.mark.parametrize(
    "iterator",
    [
        pytest.param(name, marks=pytest.mark.needs_aiobotocore if name.startswith("aio") else pytest.mark.needs_check_env)
        for name in ITERATORS
    ],
)
def test_matrix(iterator: str):
    ends = run_all([cell for cell in cells() if cell.iterator == iterator])
    assert [end for end in ends if not end.is_good] == []
