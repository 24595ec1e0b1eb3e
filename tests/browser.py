"""Pages in a real browser, Debian's chromium, if it is installed."""

import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"
"""The content security policy of the page: a request is blocked, and is an error on the console."""


def browse(body: str, folder: Path, theme: str = "light", *, budget: int = 5_000) -> tuple[str, list[str]]:
    """The DOM of a page in a browser, and the lines of the console."""
    page = folder / "page.html"
    head = f'<meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="{POLICY}">'
    page.write_text(f'{head}<body style="color-scheme:{theme}">{body}', encoding="utf-8")
    command = [str(CHROMIUM), "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-sync"]
    command += ["--disable-background-networking", "--disable-component-update", f"--user-data-dir={folder / 'profile'}"]
    command += [
        "--enable-logging=stderr",
        f"--virtual-time-budget={budget}",
        "--window-size=1200,6000",
        "--dump-dom",
        page.as_uri(),
    ]
    result = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=300, check=True)
    return result.stdout, [line for line in result.stderr.splitlines() if "CONSOLE" in line]


def needs_browser(test: Callable[..., None]) -> Callable[..., None]:
    """Mark a test that needs a browser. `make check` runs it, so that `make test` takes the same time with a browser."""
    has_none = pytest.mark.skipif(CHROMIUM is None, reason="needs a browser: Debian's chromium")
    return pytest.mark.needs_check_env(has_none(test))
