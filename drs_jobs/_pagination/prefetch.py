"""Fetching of one page ahead, in a thread, while the caller works with the items of the page before it."""

import contextlib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from contextvars import copy_context

from drs_jobs._pagination.pages import RawPage, Request


class Prefetcher:
    """Fetches pages, and at most one of them ahead. It belongs to one run.

    Its thread ends before the prefetcher is deleted. It is a daemon thread, so that the end of a process does not wait for it.
    """

    _thread: threading.Thread | None = None

    def __init__(self, fetch: Callable[[Request], RawPage]) -> None:
        self._fetch = fetch
        self._request: Request | None = None
        """The request of the page that is fetched ahead."""
        self._page: Future[RawPage] | None = None

    def start(self, request: Request) -> None:
        """Start to fetch the page of a request."""
        page: Future[RawPage] = Future()
        # With the context variables of the caller, such as a trace, and without a reference to this prefetcher.
        arguments = _fetch_into, page, self._fetch, request
        self._thread = threading.Thread(target=copy_context().run, args=arguments, name="drs_jobs.prefetch", daemon=True)
        with contextlib.suppress(RuntimeError):  # no thread can be started now, so `fetch` makes the request
            self._thread.start()
            self._request, self._page = request, page

    def fetch(self, request: Request) -> RawPage:
        """Return the page of a request, or raise its error. After an error, the next call makes a new request."""
        page, thread = self._page, self._thread
        # In a forked process, the thread does not exist.
        if page is None or thread is None or request != self._request or not (thread.is_alive() or page.done()):
            return self._fetch(request)
        try:
            raw_page = page.result()
        except BaseException:
            # An interruption of the wait leaves the page to the next call.
            if page.done() and page.exception() is not None:
                self._page = None
            raise
        self._page = None
        return raw_page

    def __del__(self) -> None:
        if self._thread is not None and self._thread.is_alive() and self._thread is not threading.current_thread():
            self._thread.join()


def _fetch_into(page: "Future[RawPage]", fetch: Callable[[Request], RawPage], request: Request) -> None:
    try:
        page.set_result(fetch(request))
    except BaseException as error:  # noqa: BLE001  # `result()` raises it in the thread of the caller
        page.set_exception(error)
