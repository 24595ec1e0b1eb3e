"""A name that drs_jobs does not have is refused when it is imported. This program is never run."""

# pyright: strict

from drs_jobs import Nope  # refused

__all__ = ["Nope"]
