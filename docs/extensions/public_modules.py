"""A Sphinx extension for classes that report a public module and are defined in a private one.

Sphinx looks for the docstrings of fields, and for the source, in the module that a class reports.
"""

import importlib
import inspect
import pkgutil
from functools import cache

from sphinx.application import Sphinx
from sphinx.pycode import ModuleAnalyzer

import drs_jobs


@cache
def defining_modules() -> dict[tuple[str, str], str]:
    """Return the module that defines each class, by the module that it reports and its name."""
    modules: dict[tuple[str, str], str] = {}
    for info in pkgutil.walk_packages(drs_jobs.__path__, "drs_jobs."):
        # The command line has no public module, and Sphinx cannot parse the f-strings in its annotations.
        if info.name.endswith(".__main__") or info.name.startswith("drs_jobs.cli"):
            continue
        tags = _analyzer(info.name).tags
        for name, value in vars(importlib.import_module(info.name)).items():
            if name in tags and inspect.isclass(value) and value.__module__ != info.name:
                modules[value.__module__, name] = info.name
    return modules


def _analyzer(module: str) -> ModuleAnalyzer:
    """Return Sphinx's analysis of a module, which Sphinx keeps."""
    analyzer = ModuleAnalyzer.for_module(module)
    analyzer.analyze()
    return analyzer


def copy_docstrings(_: Sphinx) -> None:
    """Add the docstrings of fields, and their order, to the analysis of the module that a class reports."""
    for (public, name), private in defining_modules().items():
        source, target = _analyzer(private), _analyzer(public)
        for (owner, field), lines in source.attr_docs.items():
            if owner == name:
                target.attr_docs[owner, field] = lines
        prefix = f"{name}."
        target.tagorder.update({tag: order for tag, order in source.tagorder.items() if tag.startswith(prefix)})


def find_source(_: Sphinx, module: str, attribute: str) -> str | None:
    """Return the module in which viewcode finds the source."""
    return defining_modules().get((module, attribute.partition(".")[0]))


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect both."""
    app.setup_extension("sphinx.ext.viewcode")
    app.connect("builder-inited", copy_docstrings)
    app.connect("viewcode-follow-imported", find_source)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
