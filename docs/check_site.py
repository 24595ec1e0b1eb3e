"""Check the built documentation: python docs/check_site.py docs/_build/html.

Links and anchors within the site lead somewhere, no page loads anything from another host, the search finds what people look
for, and the reference has all fields.
"""

import inspect
import json
import re
import sys
from collections.abc import Iterator, Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urldefrag

import attrs
import snowballstemmer

import drs_jobs.analysis
import drs_jobs.evidence
import drs_jobs.saved
import drs_jobs.sweep

SEARCHES = {
    "install": "tutorial",
    "slack": "waiting",
    "stuck": "waiting",
    "cron": "waiting",
    "github actions": "evidence",
    "RTO": "evidence",
    "audit": "evidence",
    "organisation": "sweep",
    "offline": "saved",
    "mock": "testing",
    "IAM": "aws",
    "lambda": "aws",
    "exit code": "command-line",
    "CSV": "command-line",
    "expired token": "errors",
    "excel": "notebook",
    "async": "asynchronous",
    "mypy": "types",
}
"""What people look for, and a page that the search must find."""

LOADED = {"script": "src", "img": "src", "iframe": "src", "source": "src", "image": "href", "use": "href"}
"""Elements whose resource a browser loads, and its attribute."""

REMOTE = re.compile(r"(?:https?:)?//")
CSS_ADDRESS = re.compile(r"(?:url\(|@import)\s*[\"']?((?:https?:)?//[^\"')]+)")


class _Page(HTMLParser):
    """The ids, links and loaded resources of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect what the tag has."""
        given = {name: value for name, value in attrs if value}
        self.ids.update(given[name] for name in ("id", "name") if name in given)
        if tag == "a" and "href" in given:
            self.links.append(given["href"])
        is_resource = tag == "link" and {"stylesheet", "icon", "preload"} & set(given.get("rel", "").split())
        name = "href" if is_resource else LOADED.get(tag)
        if name in given:
            self.loaded.append(given[name])


def link_problems(site: Path) -> Iterator[str]:
    """Yield each link that leads nowhere, and each resource that is missing or of another host."""
    pages = {path.resolve(): _Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    for path, page in pages.items():
        name = path.relative_to(site.resolve())
        for address in page.loaded:
            if REMOTE.match(address):
                yield f"{name} loads {address}"
        for address in [*page.links, *page.loaded]:
            if re.match(r"[a-z]+:|//", address):
                continue
            target, anchor = urldefrag(address)
            file = (path.parent / unquote(target.partition("?")[0])).resolve() if target else path
            if not file.exists():
                yield f"{name}: {address} does not exist"
            elif anchor and file in pages and unquote(anchor) not in pages[file].ids:
                yield f"{name}: {address} has no such anchor"


def style_problems(site: Path) -> Iterator[str]:
    """Yield each style that loads something from another host."""
    for path in [*site.rglob("*.css"), *site.rglob("*.html"), *site.rglob("*.svg")]:
        for address in CSS_ADDRESS.findall(path.read_text(encoding="utf-8")):
            yield f"{path.relative_to(site)} loads {address}"


def search_problems(site: Path) -> Iterator[str]:
    """Yield each entry of `SEARCHES` with which the search does not find its page, or finds the changelog."""
    text = (site / "searchindex.js").read_text(encoding="utf-8")
    index = json.loads(text.removeprefix("Search.setIndex(").removesuffix(")"))
    stem = snowballstemmer.stemmer("english").stemWord
    for query, page in SEARCHES.items():
        pages = set.intersection(*(_pages_with(index, stem(word.lower())) for word in query.split()))
        if page not in pages:
            yield f"the search for {query} does not find {page}"
        if "changelog" in pages:
            yield f"the search for {query} finds the changelog"


def _pages_with(index: Mapping[str, Any], term: str) -> set[str]:
    """Return the pages with a term in their text or titles."""
    entries = [index["terms"].get(term, []), index["titleterms"].get(term, [])]
    numbers = {number for entry in entries for number in ([entry] if isinstance(entry, int) else entry)}
    return {index["docnames"][number] for number in numbers}


def reference_problems(site: Path) -> Iterator[str]:
    """Yield each field of a public class that the reference does not have."""
    ids = {anchor for path in site.glob("reference*.html") for anchor in _Page(path.read_text(encoding="utf-8")).ids}
    for module in (drs_jobs, drs_jobs.analysis, drs_jobs.evidence, drs_jobs.saved, drs_jobs.sweep):
        for cls in filter(attrs.has, filter(inspect.isclass, (getattr(module, name) for name in module.__all__))):
            for field in attrs.fields(cls):
                name = f"{cls.__module__}.{cls.__name__}.{field.name}"
                if not field.name.startswith("_") and name not in ids:
                    yield f"the reference does not have {name}"


def main() -> int:
    """Print the problems of the site in the first argument; return 0 if there are none."""
    site = Path(sys.argv[1])
    problems = [*link_problems(site), *style_problems(site), *search_problems(site), *reference_problems(site)]
    print(*problems, f"{len(list(site.rglob('*.html')))} pages, {len(problems)} problems", sep="\n")
    return int(bool(problems))


if __name__ == "__main__":
    sys.exit(main())
