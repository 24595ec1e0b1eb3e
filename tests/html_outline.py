"""The elements, the attributes and the text of an HTML page, read by Python's parser."""

from collections import Counter
from html.parser import HTMLParser
from typing import Any

VOID = {"br", "meta", "rect"}


class Outline(HTMLParser):
    """What a page consists of. Raises AssertionError if its elements are not closed in order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: dict[str, list[str]] = {}
        """The texts by the innermost element."""
        self.tables: list[list[list[str]]] = []
        """The text of the cells of each row of each table, with single spaces."""
        self._open: list[str] = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag == "table":
            self.tables.append([])
        if tag == "tr":
            self.tables[-1].append([])
        if tag in {"td", "th"}:
            self.tables[-1][-1].append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self._open and data.strip():
            self.texts.setdefault(self._open[-1], []).append(data)
        if {"td", "th"} & set(self._open):
            row = self.tables[-1][-1]
            row[-1] = " ".join(f"{row[-1]} {data}".split())

    @property
    def text(self) -> str:
        """The text of the body, with single spaces."""
        return " ".join(" ".join(part for tag, parts in self.texts.items() if tag != "style" for part in parts).split())

    @property
    def counts(self) -> Counter[str]:
        """The number of elements by name."""
        return Counter(tag for tag, _ in self.elements)

    def table(self, *head: str) -> list[list[str]]:
        """The rows of the first table with these first columns, without its head."""
        return next(rows for [columns, *rows] in self.tables if tuple(columns[: len(head)]) == head)

    def attributes(self, name: str) -> list[Any]:
        """The values of an attribute, in the order of the elements."""
        return [attributes[name] for _, attributes in self.elements if name in attributes]
