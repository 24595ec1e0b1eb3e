"""The targets of a sweep, and the result of each."""

import copy
import functools
import os
import pickle
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from typing import Any, Generic, TypeVar, final

import attrs
import botocore.session
from botocore.exceptions import BotoCoreError, ClientError

from drs_jobs._errors import (
    DrsJobsError,
    MalformedResponseError,
    UninitializedAccountException,
    chain_of,
    drop_request,
    make_picklable,
)
from drs_jobs._models import Job
from drs_jobs._text import one_line, redact_passwords

T_co = TypeVar("T_co", covariant=True)


@attrs.frozen
class Target:
    """One region of one account, and the credentials to use."""

    region: str
    """The AWS region."""
    role_arn: str | None = None
    """The ARN of the role to assume; `None` to assume no role."""
    profile_name: str | None = None
    """The AWS profile of the credentials for reading jobs, or for assuming the role; `None` for those that boto3 finds."""
    external_id: str | None = None
    """The external id that the trust policy of the role requires."""
    endpoint_url: str | None = attrs.field(default=None, repr=lambda url: redact_passwords(repr(url)))
    """Another endpoint than AWS's, such as that of a `LocalDrs`."""


def _short_repr(value: Any) -> str:
    return f"<{len(value)}>" if issubclass(type(value), tuple | list) else one_line(repr(value), 100)


@final
@attrs.frozen
class TargetResult(Generic[T_co]):
    """What was read of a target."""

    target: Target
    """The target."""
    value: T_co = attrs.field(repr=_short_repr)
    """What the function of the sweep returned: by default a tuple of the jobs, newest first."""

    def __copy__(self) -> "TargetResult[T_co]":
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> "TargetResult[T_co]":
        return TargetResult(self.target, copy.deepcopy(self.value, memo))

    def __reduce__(self) -> tuple[Any, ...]:
        # A value that does not load would end a pool of processes, and Dask would wait without end for one without a pickle.
        try:
            return _load_result, (self.target, _pickle(self.value))
        except Exception as error:  # noqa: BLE001  # a class can raise any exception
            return failure_of(self.target, error).__reduce__()


def _pickle(value: object) -> bytes:
    with suppress(Exception):
        return pickle.dumps(value)
    # The pickle of Dask can send what a notebook has defined too.
    pickled: bytes = getattr(sys.modules.get("cloudpickle"), "dumps", pickle.dumps)(value)
    return pickled


def _load_result(target: Target, pickled: bytes) -> "TargetResult[Any] | TargetFailure":
    try:
        return TargetResult(target, pickle.loads(pickled))  # noqa: S301  # of `TargetResult`
    except Exception as error:  # noqa: BLE001  # a class can raise any exception
        reason = one_line(f"{type(error).__name__}: {error}", 300)
        return TargetFailure(target, TypeError(f"the result of read cannot be unpickled ({reason}): return plain data"))


@final
@attrs.frozen
class TargetFailure:
    """A target that could not be read, or not completely."""

    target: Target
    """The target, or the object that was given instead of one."""
    error: Exception
    """The error, of drs_jobs, of botocore, or of the function of the sweep.

    It has no traceback, which would keep the client in memory. Unless it is of drs_jobs or botocore, a note has its text.
    """
    jobs: tuple[Job, ...] = attrs.field(default=(), repr=_short_repr)
    """The readable jobs, if `read_jobs` raised the MalformedResponseError of the first malformed job. Empty otherwise."""

    @property
    def is_uninitialized(self) -> bool:
        """Whether Elastic Disaster Recovery was never set up there. This is not the same as no jobs."""
        return isinstance(self.error, UninitializedAccountException)

    def __reduce__(self) -> tuple[Any, ...]:
        # Transport errors of botocore can contain an open connection.
        return TargetFailure, (self.target, make_picklable(self.error), self.jobs)


def targets(
    accounts: Iterable[str], regions: Iterable[str], *, role_name: str, partition: str = "aws", external_id: str | None = None
) -> Iterator[Target]:
    """Return an iterator over a target for each region of each account, account by account.

    Args:
        accounts: The account ids, each a str of 12 digits. They are read one at a time, during iteration.
        regions: The region names. `"all"`, alone or as an element, means all regions of the partition with DRS in botocore.
        role_name: The name of the role to assume in each account, with its path if it has one.
        partition: The AWS partition; by default `aws`.
        external_id: The external id that the trust policies of the roles require; by default none.

    Raises:
        TypeError: If `accounts` or `regions` is a single str; during iteration, if an account id is not a str.
        ValueError: If `role_name` is empty or an ARN, or if the partition has no region with DRS.
    """
    if isinstance(accounts, str):
        raise TypeError(f"accounts must be a list of account ids, not one str: write [{accounts!r}]")
    if isinstance(regions, str) and regions != "all":
        raise TypeError(f'regions must be a list of region names, or "all", not one str: write [{regions!r}]')
    if not role_name or role_name.startswith("arn:"):
        raise ValueError(f"role_name must be the name of a role, such as 'DrsReader', not {role_name!r}")
    regions = (regions,) if isinstance(regions, str) else tuple(regions)
    if "all" in regions and partition not in drs_regions():
        raise ValueError(f"partition {partition!r} has no region with DRS: use one of {', '.join(drs_regions())}")
    names = [name for region in regions for name in (drs_regions()[partition] if region == "all" else (region,))]
    return _targets(accounts, tuple(dict.fromkeys(names)), f"arn:{partition}:iam::{{}}:role/{role_name}", external_id)


def _targets(accounts: Iterable[str], regions: tuple[str, ...], arn: str, external_id: str | None) -> Iterator[Target]:
    for account in accounts:
        if not isinstance(account, str):
            raise TypeError(f"an account id must be a str of 12 digits, because some begin with 0, not {account!r}")
        for region in regions:
            yield Target(region, role_arn=arn.format(account), external_id=external_id)


def session_without_configuration() -> botocore.session.Session:
    """Return a botocore session that ignores the shared AWS configuration, and the profile variables of the environment."""
    no_file = (None, None, os.devnull, None)
    session_vars = {"profile": (None, None, None, None), "config_file": no_file, "credentials_file": no_file}
    return botocore.session.Session(session_vars=session_vars)


@functools.cache
def drs_regions() -> Mapping[str, tuple[str, ...]]:
    """Return the regions with DRS in botocore, by partition, without partitions that have none."""
    # It has the data of `AWS_DATA_PATH` too, but needs no profile and no file, which can be missing or malformed.
    session: Any = session_without_configuration()
    regions = {name: tuple(session.get_available_regions("drs", name)) for name in session.get_available_partitions()}
    return {name: names for name, names in regions.items() if names}


def failure_of(target: Target, error: BaseException) -> TargetFailure:
    """Return a failure. The tracebacks of the error and its causes are removed, because they reference whole clients."""
    if not isinstance(error, Exception):  # such as KeyboardInterrupt, which a terminal sends to worker processes too
        error = RuntimeError(f"{type(error).__name__} in the worker")
    # Several targets can have the same error, and its class can have any `add_note`.
    if error.__traceback__ is not None and not isinstance(error, DrsJobsError | ClientError | BotoCoreError):
        with suppress(Exception):
            if not getattr(error, "__notes__", ()):
                error.add_note("".join(["Traceback of the target:\n", *traceback.format_tb(error.__traceback__)]))
    for link in chain_of(error):
        link.__traceback__ = None
        drop_request(link)
    return TargetFailure(target, error, error.jobs if isinstance(error, MalformedResponseError) else ())
