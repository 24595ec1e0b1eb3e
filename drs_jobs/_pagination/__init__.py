"""Pagination: items, pages and cursors.

| module | responsibility |
|---|---|
| `pages` | `Request`, `RawPage`, `Page`, and `Items`, the result of `collect()` |
| `cursors` | positions in a run, and their text form |
| `runs` | `Query`, and `Run`: one run over its items or pages, without I/O |
| `base` | what synchronous and asynchronous pagers have in common |
| `prefetch` | fetching of one page ahead |
| `pager` | `Pager`, and its `PagerIterator`, which sends the requests of a run |
| `async_pager` | the same for asynchronous clients |
"""

from drs_jobs._pagination.cursors import START, decode_cursor
from drs_jobs._pagination.pager import Pager, PagerIterator
from drs_jobs._pagination.pages import Items, Page, RawPage, Request
from drs_jobs._pagination.runs import Query
from drs_jobs._public import set_public_module

__all__ = ["START", "Items", "Page", "Pager", "PagerIterator", "Query", "RawPage", "Request", "decode_cursor"]

set_public_module(globals())
