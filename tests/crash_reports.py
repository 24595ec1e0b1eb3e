"""What leaves the process with an error: what crash reporters, logs, and other processes get of it."""

import importlib.util
import pickle
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any

import attrs

from drs_jobs import Job

MAX_DEPTH = 5
"""The maximum depth of containers in reports of sentry_sdk."""

TESTS = Path(__file__).parent
WALKED: Counter[str] = Counter()
"""Number of errors and of frames that were walked."""


def texts(error: BaseException) -> Iterator[tuple[str, str]]:
    """Yield each place and its text, for an error and its causes, contexts and members of a group."""
    for link in _chain(error, set()):
        name = type(link).__name__
        WALKED["errors"] += 1
        yield f"str of {name}", str(link)
        yield f"repr of {name}", repr(link)
        for attribute, value in {"args": link.args, **vars(link)}.items():
            yield f"{name}.{attribute}", shown(value)
        yield f"pickle of {name}", _pickled(link)
        yield from _frame_texts(link)
    yield from _rich_texts(error)


def shown(value: object, depth: int = 0) -> str:
    """Return a value as sentry_sdk shows it. Fields of attrs are shown too, as rich shows them."""
    if isinstance(value, str | bytes | bytearray) or depth == MAX_DEPTH:
        return repr(value)
    if isinstance(value, Mapping):
        return str({shown(key, depth + 1): shown(member, depth + 1) for key, member in value.items()})
    if isinstance(value, Sequence | AbstractSet):
        return str([shown(member, depth + 1) for member in value])
    if attrs.has(type(value)):
        fields = [field for field in attrs.fields(type(value)) if field.repr is True]
        return repr(value) + str([shown(getattr(value, field.name), depth + 1) for field in fields])
    return repr(value)


def frames(traceback: TracebackType | None) -> Iterator[FrameType]:
    """Yield the frames of a traceback, without those of the tests."""
    while traceback is not None:
        if TESTS not in Path(traceback.tb_frame.f_code.co_filename).parents:
            yield traceback.tb_frame
        traceback = traceback.tb_next


def _chain(error: BaseException | None, seen: set[int]) -> Iterator[BaseException]:
    if error is None or id(error) in seen:
        return
    seen.add(id(error))
    yield error
    for other in (error.__cause__, error.__context__, *getattr(error, "exceptions", ())):
        yield from _chain(other, seen)


def _frame_texts(error: BaseException) -> Iterator[tuple[str, str]]:
    for frame in frames(error.__traceback__):
        WALKED["frames"] += 1
        file = "/".join(Path(frame.f_code.co_filename).parts[-2:])
        for name, value in frame.f_locals.items():
            yield f"{file}:{frame.f_code.co_name}:{name} ({type(error).__name__})", shown(value)


def _rich_texts(error: BaseException) -> Iterator[tuple[str, str]]:
    """Yield the local variables of rich.traceback with show_locals. It shows the fields of attrs classes."""
    if importlib.util.find_spec("rich") is None:
        return
    from rich.traceback import Traceback  # noqa: PLC0415  # not in .venv-async

    unlimited: dict[str, Any] = {"locals_max_length": 1_000_000, "locals_max_string": 1_000_000}
    trace = Traceback.extract(type(error), error, error.__traceback__, show_locals=True, **unlimited)
    for stack in trace.stacks:
        for frame in stack.frames:
            if TESTS not in Path(frame.filename).parents:
                for name, node in (frame.locals or {}).items():
                    yield f"rich: {'/'.join(Path(frame.filename).parts[-2:])}:{frame.name}:{name}", str(node)


def _pickled(error: BaseException) -> str:
    """Return the pickle of an error. The jobs that it carries for the caller have no tags in it."""
    kept = dict(vars(error))
    try:
        vars(error).update({name: _without_tags(value) for name, value in kept.items()})
        return repr(pickle.dumps(error))
    except Exception:  # noqa: BLE001  # an error of another package
        return ""
    finally:
        vars(error).update(kept)


def _without_tags(value: object) -> object:
    if isinstance(value, Job):
        return attrs.evolve(value, tags={})
    return tuple(map(_without_tags, value)) if isinstance(value, tuple) else value


def finds(secret: str, text: str) -> bool:
    """Return whether a text contains a secret, also in UTF-16 or as JSON escapes."""
    if secret in text:
        return True
    plain = text.replace("\0", "").replace("\\x00", "")
    return secret in re.sub(r"\\+u00([0-9a-f]{2})", lambda match: chr(int(match[1], 16)), plain)
