"""Pagination: items, pages and cursors. Pure logic: pages are fetched by a callable.

| module | responsibility |
|---|---|
| `pages` | `Page`, `RawPage`, and `Items`, the result of `collect()` |
| `cursors` | positions in a run, and their text form |
| `runs` | `PagerIterator`: one run over the items or pages of a query |
| `prefetch` | fetching of one page ahead |
| `pager` | `Pager`: any number of runs |
"""

from drs_jobs._pagination.pager import Pager
from drs_jobs._pagination.pages import Items, Page, RawPage
from drs_jobs._pagination.runs import PagerIterator, Query
from drs_jobs._public import set_public_module

__all__ = ["Items", "Page", "Pager", "PagerIterator", "Query", "RawPage"]

set_public_module(globals())
