"""Configuration of Sphinx, which builds the documentation."""

from typing import Any

from sphinx.application import Sphinx
from sphinx.ext.napoleon import GoogleDocstring

project = "drs_jobs"
author = "the drs_jobs maintainers"
extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
nb_execution_mode = "off"  # the tests run it
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "drs_jobs"
default_role = "code"  # a name between backticks in a docstring is code
napoleon_numpy_docstring = False  # docstrings are in Google style
napoleon_custom_sections = ["Source"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"
autodoc_default_options = {"members": True, "show-inheritance": True, "exclude-members": "__init__, __new__"}
myst_enable_extensions = ["colon_fence"]
nitpicky = False
suppress_warnings = ["ref.python"]


def parse_attribute(  # noqa: PLR0917  # the signature that Sphinx calls
    app: Sphinx, what: str, name: str, obj: object, options: Any, lines: list[str]
) -> None:
    """Parse the docstring of an attribute as Napoleon parses that of a method.

    Napoleon itself would read all text before the first colon as the type of the attribute, and find no sections.
    """
    if what in {"attribute", "data", "property"}:
        # An empty comment, because Napoleon looks for that colon in the first line.
        lines[:] = ["..", "", *GoogleDocstring(lines, app.config, app, "method", name, obj, options).lines()]


def setup(app: Sphinx) -> None:
    """Have attributes parsed before Napoleon, whose priority is 500."""
    app.connect("autodoc-process-docstring", parse_attribute, priority=400)
