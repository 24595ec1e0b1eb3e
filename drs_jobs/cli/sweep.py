"""`drs-jobs sweep`: what many accounts and regions answered, with a bar while they do."""

import json
import sys
from collections import Counter
from collections.abc import Iterable

import attrs
import typer
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

from drs_jobs.cli import output
from drs_jobs.cli.exits import ExitStatus, complain
from drs_jobs.fleet import Target, TargetError, TargetJobs
from drs_jobs.models import Outcome

_NAMED = 3
"""How many targets are named for each kind of failure."""


@attrs.define
class FleetFailures:
    """The targets that did not answer, by the name of the error; and how many accounts and regions were never set up."""

    targets: dict[str, list[TargetError]] = attrs.field(factory=dict[str, list[TargetError]])
    uninitialized: int = 0

    def add(self, outcome: TargetError) -> None:
        """Count one more."""
        if outcome.is_uninitialized:
            self.uninitialized += 1
        else:
            self.targets.setdefault(type(outcome.error).__name__, []).append(outcome)

    @property
    def status(self) -> ExitStatus:
        """The exit status of the sweep."""
        return ExitStatus.SERVICE if self.targets else ExitStatus.SUCCEEDED

    def complain(self) -> None:
        """Sum them up on stderr, a line for each kind, in the same order whoever answered first."""
        if self.uninitialized:
            typer.echo(f"{self.uninitialized} targets were never set up for Elastic Disaster Recovery", err=True)
        for name, unsorted in sorted(self.targets.items(), key=lambda item: (-len(item[1]), item[0])):
            outcomes = sorted(unsorted, key=lambda outcome: _name(outcome.target))
            named = ", ".join(_name(outcome.target) for outcome in outcomes[:_NAMED])
            more = f" and {len(outcomes) - _NAMED} more" if len(outcomes) > _NAMED else ""
            complain(f"{len(outcomes)} targets failed with {name} ({named}{more}), the first: {outcomes[0].error}")


def show_sweep(outcomes: Iterable[TargetJobs | TargetError], *, total: int, as_json: bool, tags: bool) -> FleetFailures:
    """Show each outcome: jobs as JSON lines as they come, or a table of the targets at the end. Failures go to stderr."""
    failures = FleetFailures()
    rows: dict[tuple[str, str], Counter[Outcome]] = {}
    columns = ("{task.description}", BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), disable=not sys.stderr.isatty(), transient=True) as progress:
        for outcome in progress.track(outcomes, total=total, description="asking"):
            if isinstance(outcome, TargetError):
                failures.add(outcome)
            elif as_json:
                _print_json(outcome, tags=tags)
            else:
                rows[_account(outcome.target), outcome.target.region] = Counter(job.outcome for job in outcome.jobs)
    if not as_json:
        output.console().print(output.targets_table(dict(sorted(rows.items()))))
    jobs = "" if as_json else f", {sum(counts.total() for counts in rows.values())} jobs"
    typer.echo(f"{total} targets{jobs}", err=True)
    failures.complain()
    return failures


def _print_json(outcome: TargetJobs, *, tags: bool) -> None:
    where = {"account": _account(outcome.target), "region": outcome.target.region}
    for job in outcome.jobs:
        typer.echo(json.dumps({**output.json_of(job, tags=tags), **where}))
    sys.stdout.flush()


def _account(target: Target) -> str:
    """The account in a role's ARN."""
    return (target.role_arn or "::::").split(":")[4]


def _name(target: Target) -> str:
    return f"{_account(target)} {target.region}"
