"""Says which extra a wing of the package needs, in one line, when what it brings is not installed."""


def missing_extra_error(extra: str, error: ImportError) -> ImportError:
    """The error to raise for `error`, a failed import in a wing that needs `extra`: itself where something else is wrong."""
    package = (error.name or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or package == "drs_jobs":
        return error
    return ImportError(
        f"{package} is not installed, which the extra {extra!r} brings: pip install 'drs_jobs[{extra}]'", name=package
    )
