"""Configuration of Sphinx, which builds the documentation."""

import os
import sys
import types
from pathlib import Path
from typing import Any

from docutils.nodes import Element
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment
from sphinx.ext.napoleon import GoogleDocstring

import drs_jobs

sys.path.insert(0, str(Path(__file__).parent / "extensions"))

# aiobotocore pins botocore, so it is not in the environment of the documentation. These classes replace it in signatures.
sys.modules["aiobotocore"] = types.ModuleType("aiobotocore")
for name, cls in {"config": "AioConfig", "credentials": "AioCredentials", "session": "AioSession"}.items():
    module = sys.modules[f"aiobotocore.{name}"] = types.ModuleType(f"aiobotocore.{name}")
    setattr(module, cls, type(cls, (), {"__module__": module.__name__}))

project = "drs_jobs"
author = "the drs_jobs maintainers"
copyright = f"2026, {author}. Apache-2.0"  # noqa: A001  # the name that Sphinx reads
release = drs_jobs.__version__
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.viewcode",
    "sphinx_copybutton",
    "sphinxext.opengraph",
    "evidence_rules",
    "pictures",
    "public_modules",
]
exclude_patterns = ["_build"]

html_theme = "furo"
pygments_style = "friendly"
pygments_dark_style = "monokai"
html_title = "drs_jobs"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_show_sphinx = False
html_baseurl = os.environ.get("READTHEDOCS_CANONICAL_URL", "")

# The preview that other sites show of a link. An image needs an absolute address, which only a published site has.
ogp_site_url = html_baseurl
ogp_site_name = "drs_jobs: typed jobs of AWS Elastic Disaster Recovery"
ogp_social_cards = {"enable": False}
ogp_enable_meta_description = True

default_role = "code"  # a name between backticks in a docstring is code
napoleon_numpy_docstring = False  # docstrings are in Google style
napoleon_custom_sections = ["Source"]
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"
autodoc_default_options = {"members": True, "exclude-members": "__init__, __new__"}
python_maximum_signature_line_length = 100  # a longer signature has one line per parameter
viewcode_line_numbers = True

myst_enable_extensions = ["attrs_inline", "colon_fence"]
myst_heading_anchors = 3
suppress_warnings = ["ref.python"]
nitpicky = True  # each type of drs_jobs in a signature is a link
nitpick_ignore_regex = [  # types of Python and of other packages, and type variables
    ("py:.*", r"(_?pytest|abc|boto3|botocore|collections|concurrent|datetime|enum|os|plotly|pyarrow)\..*"),
    ("py:.*", r"(.*\.)?T(_co)?|Config|aiobotocore\..*"),
    ("py:.*", r"drs_jobs\.aio\._.*\.Async(PageIterator|Sweep|Watch)"),  # asynchronous iterators with `aclose`
    ("py:.*", r"drs_jobs\.testing\.(faults\.HttpResponse|simulated_jobs\..*)"),  # what faults and failures are made of
]
copybutton_prompt_text = "$ "


def parse_attribute(  # noqa: PLR0917  # the signature that Sphinx calls
    app: Sphinx, what: str, name: str, obj: object, options: Any, lines: list[str]
) -> None:
    """Parse the docstring of an attribute as Napoleon parses that of a method.

    Napoleon itself would read all text before the first colon as the type of the attribute, and find no sections.
    """
    if what in {"attribute", "data", "property"}:
        # An empty comment, because Napoleon looks for that colon in the first line.
        lines[:] = ["..", "", *GoogleDocstring(lines, app.config, app, "method", name, obj, options).lines()]


def resolve_defining_module(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: Element) -> Element | None:
    """Link a class that is named by the module that defines it to the name under which it is imported."""
    module, _, name = node["reftarget"].rpartition(".")
    public = ".".join(module.partition("._")[0].split(".")[:2])
    if public == module or not module.startswith("drs_jobs."):
        return None
    domain = env.get_domain("py")
    return domain.resolve_xref(env, node["refdoc"], app.builder, node["reftype"], f"{public}.{name}", node, content)


def setup(app: Sphinx) -> None:
    """Have attributes parsed before Napoleon, whose priority is 500, and types linked."""
    app.connect("autodoc-process-docstring", parse_attribute, priority=400)
    app.connect("missing-reference", resolve_defining_module)
