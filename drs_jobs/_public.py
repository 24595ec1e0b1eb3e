"""The module that public classes report, so that pickles and tracebacks do not name private modules."""

import sys
from collections.abc import Mapping


def set_public_module(namespace: Mapping[str, object], public: str = "drs_jobs") -> None:
    """Set the module of the classes in `namespace` that are public in `public`. Private modules call it at their end."""
    module = sys.modules[public]  # a package is imported before its modules
    for name in (*module.__all__, *getattr(module, "_ASYNCHRONOUS", ())):
        if isinstance(value := namespace.get(name), type):
            value.__module__ = public
