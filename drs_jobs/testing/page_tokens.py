"""Pages and their tokens: a token belongs to one query of one account and region."""

import base64
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
    """Signs each token with its query, so that a token of another query or endpoint is invalid."""

    def page(self, query: list[Any], request: Mapping[str, Any], items_after: ItemsAfter) -> dict[str, Any]:
        """Return the members of one page: `items`, and `nextToken` unless it is the last.

        Args:
            query: What the token belongs to, of JSON's types: account, region, operation and filters.
            request: The members of the request, with `maxResults` and `nextToken`.
            items_after: The items.

        Raises:
            AwsError: If the token belongs to something else.
        """
        after, number = self._read_token(request.get("nextToken"), query)
        size = self.sizes[number % len(self.sizes)]
        size = min(size, request.get("maxResults") or size)
        entries = list(itertools.islice(items_after(after), size + 1))
        page: dict[str, Any] = {"items": [item for _, item in entries[:size]]}
        if len(entries) > size:
            state = json.dumps([entries[size - 1][0] if size else after, number + 1]).encode()
            page["nextToken"] = base64.urlsafe_b64encode(self._sign(state, query) + state).decode()
        return page

    def _read_token(self, token: str | None, query: list[Any]) -> tuple[Key, int]:
        """Return the key after which the page begins, and the number of the page."""
        if not token:
            return (), 0
        try:
            signed = base64.b64decode(token, altchars=b"-_", validate=True)
        except ValueError:
            signed = b""
        signature, state = signed[:_SIGNATURE_SIZE], signed[_SIGNATURE_SIZE:]
        if not hmac.compare_digest(signature, self._sign(state, query)):
            message = "the token was not returned for this query, account and region"
            raise validation_error(message, [("nextToken", message)])
        after, number = json.loads(state)
        return tuple(after), number

    def _sign(self, state: bytes, query: list[Any]) -> bytes:
        return hmac.digest(self._secret, json.dumps(query, sort_keys=True).encode() + state, "sha256")


_SIGNATURE_SIZE: Final = 32
