"""Pagination: items, pages and cursors.

| module | responsibility |
|---|---|
| `pages` | `Request`, `RawPage`, `Page`, and `Items`, the result of `collect()` |
| `cursor` | positions in a run, and their text form |
| `run` | `Query`, and `Run`: one run over its items or pages, without I/O |
| `pager` | `Pager`, and its `PagerIterator`, which sends the requests of a run |
"""
