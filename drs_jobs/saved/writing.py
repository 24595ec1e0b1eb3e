"""`save_jobs`, in two steps: `UnsavedJobs` reads what a file lacks, without the file, and `JobsFile` appends it."""

import errno
import itertools
import json
import os
import stat
import sys
import time
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, Self

import attrs

from drs_jobs import _queries
from drs_jobs._aws.responses import decode, job_id_of
from drs_jobs._client import JobsClient, region_of, source_of
from drs_jobs._errors import MalformedResponseError
from drs_jobs._models import Job
from drs_jobs._pagination.pages import Page
from drs_jobs._text import format_instant, one_line
from drs_jobs._time import machine_time
from drs_jobs.analysis.several_jobs import snapshot_rank
from drs_jobs.saved.archive import Archive, Place, is_half_line, is_line, without_frames
from drs_jobs.saved.client import SavedJobs

if sys.platform == "win32":
    import msvcrt
else:
    import fcntl


@attrs.frozen
class SavedCount:
    """The number of jobs that a run of `save_jobs` read."""

    added: int = 0
    """Complete jobs that were appended, also if the file had them without their log."""
    kept: int = 0
    """Complete jobs that the file had already."""
    unfinished: int = 0
    """Jobs that are not complete."""
    without_log: int = 0
    """Those of the complete jobs whose log could not be read to its end. The next run requests it again."""

    def __add__(self, other: "SavedCount") -> "SavedCount":
        """Return the sums."""
        return SavedCount(*map(sum, zip(attrs.astuple(self), attrs.astuple(other), strict=True)))


def save_jobs(client: JobsClient, path: str | os.PathLike[str], *, from_date: datetime | None = None) -> SavedCount:
    """Append each complete job that a file does not have, with its log, and then a line that says what was read.

    A line is a JSON object. Jobs that are not complete are in the line of the run. Logs that the file has are not requested
    again. If it is interrupted, the next run continues. Several processes can append to one file at the same time. A new file
    can be read by its owner only, because jobs have tags.

    Args:
        client: The client to read with.
        path: The path of the file. It is created if it does not exist. It cannot be compressed, or a symbolic link.
        from_date: From when on jobs are read, as in `JobsClient.describe_jobs`; by default all.

    Returns:
        How many jobs were added, and how many not.

    Raises:
        TypeError: If an argument has the wrong type.
        ValueError: If the file has anything but lines of `save_jobs`, if `client` reads saved jobs, or if `from_date` is naive.
            The file does not change.
        OSError: If the file cannot be appended to. Each line that was written is complete, but perhaps the last one.
        MalformedResponseError: If a job is malformed. The other jobs were appended, without a line of the run.
        ServiceError: If AWS returns an error for the jobs, as in `JobsClient.describe_jobs` with all its other errors.
    """
    from_date = _queries.validate_date("from_date", from_date)
    with JobsFile(path) as file:
        unsaved = UnsavedJobs(client, file.saved, from_date=from_date)
        count = sum((file.append([line]) for line in unsaved), SavedCount())
    if unsaved.malformed:
        raise unsaved.malformed[0]
    return count


# ------------------------------------------------------------------ reading


@attrs.frozen
class Line:
    """One line for a file. It can be pickled."""

    content: dict[str, Any] = attrs.field(repr=False)
    """The JSON object, with tags."""
    kept: int = 0
    """In the line of a run, the number of complete jobs that the file has with their logs."""


class UnsavedJobs:
    """The lines that a file lacks of one account and region: an iterable, with its length. It does not need the file.

    Jobs are read when it is created, and a log with its line. The last line is that of the run. A sweep can read many accounts
    with `list(UnsavedJobs(client, file.saved))`, and append each result.
    """

    def __init__(self, client: JobsClient, saved: Mapping[str, bool], *, from_date: datetime | None = None) -> None:
        """Read the jobs, those before `from_date` too if `saved` has them without the complete job and its log."""
        if not isinstance(client, JobsClient):
            raise TypeError(f"client must be a JobsClient, not {type(client).__name__}: write JobsClient(client)")
        if isinstance(source_of(client), SavedJobs):
            raise ValueError("saved jobs cannot be saved again, because AWS can have more now: copy the file")
        # Before the first request, because a job that is created later can be missing in the responses.
        saved_at = format_instant(datetime.now(UTC))
        self._client = client
        self.malformed: list[MalformedResponseError] = []
        """The errors of malformed jobs. If there is one, there is no line of the run."""
        self._jobs: dict[str, tuple[Job, Any]] = {}
        """The jobs, also as AWS sent them, with members that this version does not know."""
        self._read(from_date=from_date)
        # Otherwise a job from before `from_date` would run for ever in the file.
        pending = [job_id for job_id in saved if not saved[job_id] and job_id not in self._jobs] if from_date else []
        for start in range(0, len(pending), _queries.MAX_JOB_IDS):
            self._read(job_ids=pending[start : start + _queries.MAX_JOB_IDS])
        self._lines = list(self._make_lines(saved, format_instant(from_date), saved_at))

    def __len__(self) -> int:
        return len(self._lines)

    def __iter__(self) -> Iterator[Line]:
        for line in self._lines:
            if "job" in line.content:
                line.content["log"], line.content["logError"] = self._read_log(line.content["job"]["jobID"])
            yield line

    def _read(self, **query: Any) -> None:
        for page in self._client.describe_jobs(**query, on_malformed=self.malformed.append).pages():
            self._keep(page)

    def _keep(self, page: Page[Job]) -> None:
        # Not in `_read`: an error of the next page has its local variables.
        raw_jobs = {job_id_of(raw): raw for raw in page.raw.get("items") or ()}
        for job in page.items:
            earlier = self._jobs.get(job.job_id)
            if earlier is None or snapshot_rank(job) >= snapshot_rank(earlier[0]):
                self._jobs[job.job_id] = job, raw_jobs[job.job_id]

    def _make_lines(self, saved: Mapping[str, bool], read_from: str | None, saved_at: str | None) -> Iterator[Line]:
        jobs = [job for job, _ in self._jobs.values()]
        # Without any job since `from_date`, an earlier one shows the account.
        shown = jobs or self._client.describe_jobs(limit=1, on_malformed=lambda _: None)
        place = {
            "accountID": next((job.account_id for job in shown if job.account_id is not None), None),
            "region": region_of(self._client) or next((job.region for job in jobs if job.region is not None), None),
        }
        complete = [job.job_id for job in jobs if job.is_complete]
        unsaved = [job_id for job_id in complete if not saved.get(job_id)]
        for job_id in unsaved:
            raw = self._jobs[job_id][1]
            yield Line({"version": 1, "job": raw, "log": None, "logError": None, **place, "savedAt": saved_at})
        if not self.malformed:
            unfinished = [raw for job, raw in self._jobs.values() if not job.is_complete]
            run = {"readFrom": read_from, "savedAt": saved_at, **place, "jobs": len(jobs), "unfinished": unfinished}
            yield Line({"version": 1, "run": run}, kept=len(complete) - len(unsaved))

    def _read_log(self, job_id: str) -> tuple[list[Any] | None, str | None]:
        """Return a log as AWS sent it, or why it could not be read."""
        items: list[Any] = []
        errors: list[Exception] = []
        try:
            for page in self._client.describe_job_log_items(job_id, on_malformed=errors.append).pages():
                items += page.raw.get("items") or ()
        except Exception as error:  # noqa: BLE001  # the job is known, so any error of its log is only reported
            errors.append(error)
        return (None, one_line(str(errors[0]) or type(errors[0]).__name__, 600)) if errors else (items, None)


def failed_run(error: Exception, place: Place) -> Line:
    """Return the line of a run that could not read an account and region."""
    run = {"savedAt": format_instant(datetime.now(UTC)), "accountID": place.account_id, "region": place.region, "jobs": 0}
    text = one_line(f"{type(error).__name__}: {error}", 600)
    return Line({"version": 1, "run": {"readFrom": None, **run, "unfinished": [], "error": text}})


# ------------------------------------------------------------------ appending


class JobsFile:
    """A file of `save_jobs`, open for appending. It is a context manager, and not thread-safe.

    Lines are appended under a lock of the file (`flock`), after the lines of other processes were read. Half a line at the end,
    of a process that was interrupted, is removed then.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open a file, and read which jobs it has. The first `append` creates it. The errors are those of `save_jobs`."""
        self._path = Path(path)
        if self._path.suffix == ".gz":
            raise ValueError(
                f"{path} cannot be appended to, because it is compressed: save to another name, and compress it later"
            )
        if self._path.is_symlink():
            raise OSError(errno.ELOOP, "a symbolic link, give the path of the file itself", str(path))
        self._archive = Archive()
        self._descriptor = -1
        self._end = self._line_count = 0
        self._line_end = b""
        """What the last line lacks, as an editor can leave it."""
        try:
            self._open()
        except FileNotFoundError as error:
            if not os.access(self._path.parent, os.W_OK | os.X_OK):
                error.strerror = f"{error.strerror}, and none can be created there"
                raise

    def _open(self, flags: int = 0) -> None:
        # O_NOFOLLOW, because another user can plant a link in a shared folder.
        flags |= os.O_RDWR | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
        self._descriptor = os.open(self._path, flags, 0o600)
        try:
            if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
                raise OSError(errno.EINVAL, "not a regular file", str(self._path))
            without_frames(self._read_new_lines)
        except BaseException:
            self.__exit__()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    @property
    def saved(self) -> dict[str, bool]:
        """The ids of the jobs in the file, and whether it has the complete job and its log to the end."""
        return {job_id: entry.is_complete and entry.has_whole_log for job_id, entry in self._archive.entries.items()}

    def append(self, lines: Iterable[Line], *, account_id: str | None = None) -> SavedCount:
        """Append lines of one account and region, without the jobs that another process has appended since.

        `account_id`, such as that of the role, is for lines without an account. The errors are those of `save_jobs`.
        """
        try:
            if self._descriptor < 0:
                self._open(os.O_CREAT)
            with _locked(self._descriptor, self._path):
                without_frames(self._read_new_lines)
                os.ftruncate(self._descriptor, self._end)
                return sum((without_frames(self._append, line, account_id) for line in lines), SavedCount())
        except OSError as error:
            error.filename = error.filename or str(self._path)  # as of a full disk
            raise

    def _append(self, line: Line, account_id: str | None) -> SavedCount:
        content = line.content
        if "run" in content:
            run = content["run"]
            # After a power failure, there is no line of a run without the jobs before it.
            os.fsync(self._descriptor)
            self._write({**content, "run": {**run, "accountID": run["accountID"] or account_id}})
            os.fsync(self._descriptor)
            return SavedCount(kept=line.kept, unfinished=len(run["unfinished"]))
        job_id, entries = content["job"]["jobID"], self._archive.entries
        entry = entries.get(job_id)
        if entry is not None and entry.is_complete and (entry.has_whole_log or content["log"] is None):
            return SavedCount(kept=1, without_log=int(not entry.has_whole_log))
        self._write({**content, "accountID": content["accountID"] or account_id})
        return SavedCount(added=1, without_log=int(not entries[job_id].has_whole_log))

    def _write(self, content: dict[str, Any]) -> None:
        rest = self._line_end + json.dumps(content, default=str).encode() + b"\n"
        while rest:
            rest = rest[os.write(self._descriptor, rest) :]
        self._read_new_lines()

    def _read_new_lines(self) -> None:
        """Read the lines that were appended since the last one, without half a line at the end."""
        status = os.fstat(self._descriptor)
        if status.st_size < self._end or not (self._path.exists() and os.path.samestat(status, self._path.stat())):
            raise OSError(errno.ESTALE, "another program has changed it, save again", str(self._path))
        with open(self._descriptor, "rb", closefd=False) as file:
            file.seek(self._end)
            for text in itertools.takewhile(lambda text: not is_half_line(text), file):
                try:
                    if not text.isspace():
                        line: Any = decode(text)
                        if not is_line(line):
                            raise ValueError("it is not a line of drs-jobs save")
                        self._archive.add(line, b"")
                except (ValueError, RecursionError) as error:
                    place = f"{self._path}: line {self._line_count + 1}"
                    hint = "give another file, only lines of drs-jobs save can be appended to"
                    # The text of a JSONDecodeError has a line number of its own.
                    problem = "it is not JSON" if isinstance(error, json.JSONDecodeError) else error
                    raise ValueError(f"{place}: {problem}: {hint}") from None
                self._end += len(text)
                self._line_count += text.count(b"\n")
                self._line_end = b"" if text.endswith(b"\n") else b"\n"


_LOCK_TIMEOUT: Final = 30.0
"""Seconds to wait for another process. It has the lock while it appends lines, not while it reads from AWS."""


@contextmanager
def _locked(descriptor: int, path: Path) -> Generator[None]:
    """Lock a file. The lock ends with its process, however that ends."""
    deadline = machine_time() + _LOCK_TIMEOUT
    while True:
        try:
            _set_lock(descriptor, is_locked=True)
            break
        except (BlockingIOError, PermissionError):  # the second on Windows
            if machine_time() >= deadline:
                raise BlockingIOError(errno.EAGAIN, "another process is writing to it, try again later", str(path)) from None
        time.sleep(0.02)
    try:
        yield
    finally:
        _set_lock(descriptor, is_locked=False)


def _set_lock(descriptor: int, *, is_locked: bool) -> None:
    if sys.platform == "win32":
        # A byte far behind the lines, because nobody can read a locked one.
        os.lseek(descriptor, 2**31 - 2, os.SEEK_SET)
        msvcrt.locking(descriptor, msvcrt.LK_NBLCK if is_locked else msvcrt.LK_UNLCK, 1)
    else:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB if is_locked else fcntl.LOCK_UN)
