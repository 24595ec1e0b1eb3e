"""Pages and their tokens: a token belongs to one query of one account and region."""

import base64
import hashlib
import hmac
import itertools
import json
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

import attrs

from drs_jobs.testing.aws_errors import validation_error

Key = tuple[Any, ...]
"""The sort key of an item, of JSON's types. A page begins after the key of the last item of the page before."""

ItemsAfter = Callable[[Key], Iterable[tuple[Key, Any]]]
"""Returns the items after a key, each with its own key. The empty tuple is before the first."""


@attrs.define
class Pages:
    """Divides lists into pages."""

    sizes: tuple[int, ...]
    """Sizes of the pages, repeated in a cycle; 0 is an empty page with a token."""
    _secret: bytes = attrs.field(factory=lambda: secrets.token_bytes(32), init=False, repr=False)
    """Signs the tokens, so that a token of another endpoint is invalid."""

    def page(self, query: list[Any], request: Mapping[str, Any], items_after: ItemsAfter) -> dict[str, Any]:
        """Return the members of one page: `items`, and `nextToken` unless it is the last.

        Args:
            query: What the token belongs to, of JSON's types: account, region, operation and filters.
            request: The members of the request, with `maxResults` and `nextToken`.
            items_after: The items.

        Raises:
            AwsError: If the token belongs to something else.
        """
        query_digest = hashlib.sha256(json.dumps(query, sort_keys=True).encode()).hexdigest()
        after, number = self._read_token(request.get("nextToken"), query_digest)
        size = self.sizes[number % len(self.sizes)]
        size = min(size, request.get("maxResults") or size)
        entries = list(itertools.islice(items_after(after), size + 1))
        page: dict[str, Any] = {"items": [item for _, item in entries[:size]]}
        if len(entries) > size:
            last = entries[size - 1][0] if size else after
            page["nextToken"] = self._write_token(query_digest, last, number + 1)
        return page

    def _write_token(self, query_digest: str, after: Key, number: int) -> str:
        state = json.dumps([query_digest, after, number]).encode()
        return base64.urlsafe_b64encode(self._sign(state) + state).decode()

    def _read_token(self, token: str | None, query_digest: str) -> tuple[Key, int]:
        """Return the key after which the page begins, and the number of the page."""
        if not token:
            return (), 0
        try:
            signed = base64.b64decode(token, altchars=b"-_", validate=True)
        except ValueError:
            signed = b""
        signature, state = signed[:_SIGNATURE_SIZE], signed[_SIGNATURE_SIZE:]
        if hmac.compare_digest(signature, self._sign(state)):
            token_digest, after, number = json.loads(state)
            if token_digest == query_digest:
                return tuple(after), number
        message = "the token was not returned for this query, account and region"
        raise validation_error(message, [("nextToken", message)])

    def _sign(self, state: bytes) -> bytes:
        return hmac.digest(self._secret, state, "sha256")


_SIGNATURE_SIZE: Final = 32
