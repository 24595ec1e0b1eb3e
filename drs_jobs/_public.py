"""The module that public classes report, so that pickles and tracebacks do not name private modules."""

import sys
from collections.abc import Mapping


def set_public_module(namespace: Mapping[str, object], public: str = "drs_jobs") -> None:
    """Set the module of the classes in `namespace` that `__all__` of `public` lists. Private modules call it at their end."""
    for name in sys.modules[public].__all__:  # a package is imported before its modules
        if isinstance(value := namespace.get(name), type):
            value.__module__ = public
