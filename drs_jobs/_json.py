"""Decoding of JSON, with msgspec if it is installed (extra `speed`).

It is loaded with the first response, because `import drs_jobs` loads no package of an extra.
"""

import json
from collections.abc import Callable
from typing import Any, Final, NoReturn

_fast_decode: Callable[[bytes], Any] | None
try:
    import msgspec
except ImportError:
    _fast_decode = None
else:
    _fast_decode = msgspec.json.Decoder().decode


def _reject_constant(constant: str) -> NoReturn:
    msg = f"{constant} is not JSON"
    raise ValueError(msg)


_decoder: Final = json.JSONDecoder(parse_constant=_reject_constant)


def decode(body: bytes) -> object:
    """Return the value of a JSON text in UTF-8. Both decoders return equal values.

    Raises:
        ValueError, RecursionError: If it is not JSON, or is nested too deeply.
    """
    if _fast_decode is not None:
        try:
            return _fast_decode(body)
        except Exception:  # noqa: BLE001, S110  # msgspec refuses some JSON, such as a lone surrogate, so `json` decides
            pass
    return _decoder.decode(body.decode("utf-8"))
