"""Warnings about jobs of another account or region than that of the request, for which AWS only returns nothing."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import attrs

from drs_jobs._text import one_line
from drs_jobs.testing.account_region import Scope

_logger: Final = logging.getLogger("drs_jobs")


@attrs.define
class MismatchWarnings:
    """Logs one WARNING on the logger `drs_jobs` per job and account and region that requested it in vain."""

    scopes_of: Callable[[str], Sequence[Scope]]
    """Returns the accounts and regions that have a job with this id."""
    _seen: set[tuple[str, Scope]] = attrs.field(factory=set[tuple[str, Scope]], init=False)

    def check(self, members: Mapping[str, Any], scope: Scope, access_key_id: str) -> None:
        """Log a warning if a request names a job that only another account or region has.

        Args:
            members: The valid members of a request of any operation.
            scope: The account and region of the request.
            access_key_id: The access key in its signature.
        """
        filters: Mapping[str, Any] = members.get("filters") or {}
        job_ids: list[str] = [*(filters.get("jobIDs") or ()), *([members["jobID"]] if members.get("jobID") else [])]
        for job_id in job_ids:
            owners = self.scopes_of(job_id)
            if not owners or scope in owners or (job_id, scope) in self._seen:
                continue
            self._seen.add((job_id, scope))
            _logger.warning(
                "LocalDrs: job %s belongs to account %s in %s, but the access key %s of the request to account %s in %s: "
                "correct the access key or the region",
                one_line(job_id, 80),
                *owners[0],
                one_line(access_key_id, 80),
                *scope,
            )

    def clear(self) -> None:
        """Forget which warnings were logged."""
        self._seen.clear()
