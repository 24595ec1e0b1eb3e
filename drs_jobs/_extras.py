"""The error for a missing extra: one line that names the extra to install."""

import importlib
from typing import Any


def import_with_extra(module: str, extra: str) -> Any:
    """Import a module that needs an extra. Raise ImportError if the extra is not installed."""
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise missing_extra_error(extra, error) from error


def missing_extra_error(extra: str, error: ImportError) -> ImportError:
    """Return the error for a failed import. It is `error` itself if it has another cause than the missing extra."""
    package = (error.name or "").partition(".")[0]
    if not isinstance(error, ModuleNotFoundError) or package == "drs_jobs":
        return error
    return ImportError(
        f"{package} is not installed: install drs_jobs with its extra {extra!r}, such as pip install 'drs_jobs[{extra}]', "
        f"or in its source folder pip install '.[{extra}]'",
        name=package,
    )
