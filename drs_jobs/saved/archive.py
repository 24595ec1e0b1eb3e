"""What is in files of jobs: lines of `save_jobs`, and what AWS's command line or Step Functions print."""

# The shape of the JSON is unknown, and isinstance leaves the types of its elements unknown.
# pyright: reportUnknownArgumentType=false, reportUnknownMemberType=false, reportUnknownVariableType=false

import codecs
import gzip
import hashlib
import io
import json
import math
import re
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeVar

import attrs

from drs_jobs._aws.responses import DECODER, decode
from drs_jobs._aws.structure import structure
from drs_jobs._errors import MalformedResponseError
from drs_jobs._models import Job, JobLogItem
from drs_jobs._time import to_utc
from drs_jobs.analysis.several_jobs import snapshot_rank

T = TypeVar("T")

_LINE_START: Final = b'{"version": 1, "'
_EXPECTED: Final = "expected lines of drs-jobs save, or what aws drs describe-jobs printed as JSON"


class Place(NamedTuple):
    """An account and a region; `None` if unknown."""

    account_id: str | None
    region: str | None

    def __str__(self) -> str:
        return " ".join(part for part in self if part) or "unknown account and region"


@attrs.frozen
class Entry:
    """One job in a file."""

    is_complete: bool
    has_log: bool
    has_whole_log: bool
    """Whether it has its log to the end."""
    rank: int
    age: float
    """Sorts jobs as AWS does, newest first; infinite without a creation time."""
    log_error: str | None
    """Why it has no log, if the log was requested."""
    place: Place
    line: bytes = attrs.field(repr=False)
    """The JSON object with `job` and, if it has one, `log`. Compressed, so that 100,000 jobs need 150 MB instead of 500."""


@attrs.frozen
class Run:
    """One run of `save_jobs` that came to its end, or that failed."""

    place: Place
    read_from: datetime | None
    saved_at: datetime
    job_count: int
    error: str | None
    """Why nothing could be read."""


class Archive:
    """The jobs and runs in files. Of several snapshots of a job one counts, as in `latest_snapshots`, then one with its log."""

    def __init__(self) -> None:
        """Create an archive without files."""
        self.files: list[tuple[str, str]] = []
        """The name and the SHA-256 of each file, as hexadecimal digits."""
        self.half_lines: list[str] = []
        """The names of files that end with half a line, of a run that was interrupted or that is writing. It was left out."""
        self.entries: dict[str, Entry] = {}
        self.runs: list[Run] = []
        self.saved_places: dict[Place, None] = {}
        """The places of jobs in lines of `save_jobs`."""
        self.printed_places: dict[Place, datetime | None] = {}
        """The places of all other jobs, with the last time that one of them shows."""
        self.cut_off: list[tuple[str, Place]] = []
        """The names of files, and the places of outputs in them that end with a page token, so not with the last job."""
        self._has_token: dict[Place, bool] = {}
        """Whether the last output of a place in the file that is read has one."""

    def read(self, path: Path) -> None:
        """Add a file. A ValueError for anything but jobs names the line. Use `without_frames` to call it."""
        digest = hashlib.sha256()
        count, self._has_token = 0, {}
        with path.open("rb") as file:
            is_encoded = file.peek(3).startswith((_GZIP, codecs.BOM_UTF8, *_UTF_16))
            lines = _hashed(file, digest)
            for number, value, text in _values(path, _decoded(path, b"".join(lines)) if is_encoded else lines):
                if text is None:
                    self.half_lines.append(path.name)
                    break
                count += 1
                try:
                    self.add(value, text)
                except (ValueError, RecursionError) as error:
                    raise ValueError(f"{path}: line {number}: {error}") from None
        if not count:
            raise ValueError(f"{path} is empty: {_EXPECTED}")
        self.files.append((path.name, digest.hexdigest()))
        self.cut_off += [(path.name, place) for place, has_token in self._has_token.items() if has_token]

    def add(self, value: Any, text: bytes) -> None:
        """Add what is in a JSON value. `text` is kept if it is a line of `save_jobs` with a job."""
        match value:
            case {"version": 1, "job": raw}:
                account_id, region, *_ = _texts(value, "accountID", "region", "logError", "savedAt")
                if not isinstance(value.get("log"), list | None):
                    raise ValueError("expected a list or null as log")
                for index, item in enumerate(value.get("log") or ()):
                    _structure(item, index, JobLogItem)
                place = Place(account_id, region)
                self._add_job(raw, None, place, value, text)
                self.saved_places[place] = None
            case {"version": 1, "run": {"savedAt": str(saved_at), "jobs": int(count), "unfinished": [*unfinished]} as run}:
                account_id, region, read_from, error = _texts(run, "accountID", "region", "readFrom", "error")
                place = Place(account_id, region)
                self.runs.append(Run(place, None if read_from is None else _time(read_from), _time(saved_at), count, error))
                for index, raw in enumerate(unfinished):
                    self._add_job(raw, index, place)
            case _ if is_line(value):
                raise ValueError("expected a line of version 1 of drs-jobs save: update drs_jobs if it is newer")
            case _:
                raw_jobs, has_token = _printed_jobs(value)
                places = [self._add_job(raw, index) for index, raw in enumerate(raw_jobs)]
                self._has_token |= dict.fromkeys(places or [Place(None, None)], has_token)

    def _add_job(
        self, raw: Any, index: int | None, place: Place | None = None, line: Any = None, text: bytes | None = None
    ) -> Place:
        """Add a job, and return its place. Without `place` it is not of `save_jobs`, and its ARN has the place."""
        job = _structure(raw, index, Job)
        if place is None:
            place = Place(job.account_id, job.region)
            times = (self.printed_places.get(place), job.creation_date_time, job.end_date_time)
            self.printed_places[place] = max((time for time in times if time is not None), default=None)
        line = {"job": raw} if line is None else line
        entry, rank, has_log = self.entries.get(job.job_id), snapshot_rank(job), line.get("log") is not None
        has_whole_log = has_log and not _is_cut_short(line["log"], line.get("savedAt"), job.end_date_time)
        if entry is None or (rank, has_log, has_whole_log) >= (entry.rank, entry.has_log, entry.has_whole_log):
            age = math.inf if job.creation_date_time is None else -job.creation_date_time.timestamp()
            compressed = zlib.compress(json.dumps(line).encode() if text is None else text, 1)
            entry = Entry(job.is_complete, has_log, has_whole_log, rank, age, line.get("logError"), place, compressed)
            self.entries[job.job_id] = entry
        return place


# ------------------------------------------------------------------ lines of `save_jobs`


def is_line(value: object) -> bool:
    """Return whether a JSON value is a line of `save_jobs`, of any version."""
    return isinstance(value, dict) and "version" in value and ("job" in value or "run" in value)


def is_half_line(text: bytes) -> bool:
    """Return whether the text at the end of a file is only the beginning of a line of `save_jobs`."""
    if b"\n" in text or not (text.startswith(_LINE_START) or _LINE_START.startswith(text)):
        return False
    try:
        DECODER.raw_decode(text.decode())
    except (ValueError, RecursionError):
        return True
    return False


def _texts(members: dict[str, Any], *names: str) -> list[str | None]:
    values = [members.get(name) for name in names]
    if not all(isinstance(value, str | None) for value in values):
        raise ValueError(f"expected texts or null as {', '.join(names)}")
    return values


def _is_cut_short(log: Sequence[Any], saved_at: str | None, ended_at: datetime | None) -> bool:
    """Return whether a log was saved before it had JOB_END, which AWS adds after a job is complete."""
    is_early = saved_at is not None and ended_at is not None and _time(saved_at) - ended_at < timedelta(hours=1)
    return is_early and bool(log) and all(item.get("event") != "JOB_END" for item in log)


def _structure(raw: Any, index: int | None, item_type: type[T]) -> T:
    try:
        return structure(raw, index, item_type=item_type)
    except MalformedResponseError as error:
        path = "$.log" if item_type is JobLogItem else "$.items"
        text = str(error).removeprefix("malformed response: ").replace("$.items", path)
        raise ValueError(f"{text}: {_EXPECTED}") from None


def _time(text: str) -> datetime:
    return to_utc(datetime.fromisoformat(text))


def without_frames(function: Callable[..., T], *arguments: Any) -> T:
    """Call a function, and raise its errors without its frames: they have jobs with tags, and crash reporters send them."""
    try:
        return function(*arguments)
    except (OSError, ValueError) as error:
        failure = error.with_traceback(None)
    failure.__context__ = None
    raise failure


# ------------------------------------------------------------------ what other tools print


def _printed_jobs(value: Any) -> tuple[list[Any], bool]:
    """Return the jobs in the output of another tool, and whether it has a page token."""
    members = {_lower(name): member for name, member in value.items()} if isinstance(value, dict) else {"items": value}
    jobs = [value] if "jobID" in members else [members["job"]] if "job" in members else members.get("items")
    if not isinstance(jobs, list):
        raise ValueError(_EXPECTED)
    raw_jobs = [_with_aws_names(job) if isinstance(job, dict) and "JobID" in job else job for job in jobs]
    return raw_jobs, bool(members.get("nextToken"))


def _with_aws_names(value: Any, name: str = "") -> Any:
    """Return a value in AWS's shape that Step Functions has written with capital letters. The keys of maps stay."""
    if isinstance(value, list):
        return [_with_aws_names(element) for element in value]
    if not isinstance(value, dict) or name == "tags":
        return value
    names = {key: key if name == "parameters" else _lower(key) for key in value}
    return {names[key]: _with_aws_names(member, "" if name == "parameters" else names[key]) for key, member in value.items()}


def _lower(name: str) -> str:
    return name[:1].lower() + name[1:]


# ------------------------------------------------------------------ bytes

_GZIP: Final = b"\x1f\x8b"
_UTF_16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


def _hashed(lines: Iterable[bytes], digest: Any) -> Iterator[bytes]:
    for line in lines:
        digest.update(line)
        yield line


def _decoded(path: Path, content: bytes) -> Iterator[bytes]:
    """Return the lines in UTF-8 of a content that is compressed, or in UTF-16, as PowerShell's `>` writes it."""
    try:
        content = gzip.decompress(content) if content.startswith(_GZIP) else content
        return io.BytesIO(content.decode("utf-16" if content.startswith(_UTF_16) else "utf-8-sig").encode())
    except (EOFError, OSError, zlib.error, UnicodeError) as error:
        raise ValueError(f"{path} is damaged ({error}): {_EXPECTED}") from None


_NOT_SPACE: Final = re.compile(r"[^\s\ufeff]")


def _values(path: Path, lines: Iterator[bytes]) -> Iterator[tuple[int, Any, bytes | None]]:
    """Yield each JSON value with the number of its line and its text. Half a line at the end has no text."""
    number = 0
    for number, line in enumerate(lines, 1):
        if not line.isspace():
            try:
                value = decode(line)
            except (ValueError, RecursionError):
                break
            yield number, value, line
    else:
        return
    # From here on, a value can have several lines, and a line several values.
    content = b"".join([line, *lines])
    try:
        text = content.decode()
    except UnicodeDecodeError as error:
        number += content.count(b"\n", 0, error.start)
        raise ValueError(f"{path}: line {number}: it is not text in UTF-8 or UTF-16: {_EXPECTED}") from None
    end = 0
    while (match := _NOT_SPACE.search(text, end)) is not None:
        start = match.start()
        number += text.count("\n", end, start)
        try:
            value, end = DECODER.raw_decode(text, start)
        except (ValueError, RecursionError) as error:
            if is_half_line(text[start:].encode()):
                yield number, None, None
                return
            number += text.count("\n", start, getattr(error, "pos", start))
            raise ValueError(f"{path}: line {number}: it is not JSON: {_EXPECTED}") from None
        yield number, value, text[start:end].encode()
        number += text.count("\n", start, end)
