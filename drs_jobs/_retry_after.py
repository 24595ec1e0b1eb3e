"""The header `Retry-After`."""

import math
import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import Final

_SECONDS: Final = re.compile(r"[0-9]+(\.[0-9]+)?")


def parse_retry_after(retry_after: str, date: str | None) -> float | None:
    """Return `Retry-After` in seconds, or `None` if it is invalid.

    An HTTP date is compared with the `Date` of the same response, so that a wrong local clock has no effect.
    """
    retry_after = retry_after.strip()
    if _SECONDS.fullmatch(retry_after):
        seconds = float(retry_after)
        return seconds if math.isfinite(seconds) else None
    until = _parse_http_date(retry_after)
    if until is None:
        return None
    now = _parse_http_date(date) or datetime.now(UTC)
    return max(0.0, (until - now).total_seconds())


def _parse_http_date(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError, OverflowError):
        return None
    # RFC 9110: an HTTP date is in GMT, also in the obsolete formats without a time zone.
    return date.replace(tzinfo=UTC) if date.tzinfo is None else date
