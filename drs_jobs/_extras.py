"""Says which extra a wing of the package needs, in one line, when what it brings is not installed."""


def missing(extra: str, error: ImportError) -> ImportError:
    """The error to raise instead of `error`, a failed import of something that `extra` brings."""
    return ImportError(
        f"{error.name} is not installed, which the extra {extra!r} brings: pip install 'drs_jobs[{extra}]'", name=error.name
    )
