"""How Sphinx builds the documentation."""

project = "drs_jobs"
author = "the drs_jobs maintainers"
extensions = ["myst_nb", "sphinx.ext.autodoc"]
nb_execution_mode = "off"  # the tests run it
exclude_patterns = ["_build"]
html_theme = "furo"
html_title = "drs_jobs"
default_role = "code"  # a name between backticks in a docstring is code
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"
autodoc_default_options = {"members": True, "show-inheritance": True, "exclude-members": "__init__, __new__"}
myst_enable_extensions = ["colon_fence"]
nitpicky = False
suppress_warnings = ["ref.python"]
