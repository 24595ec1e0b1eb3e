"""Pagination: items, pages and cursors. Only the pager sends requests."""
