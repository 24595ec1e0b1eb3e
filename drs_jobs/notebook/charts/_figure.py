"""The figure of all charts, which shows itself in notebooks and in files made from them."""

# plotly has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownVariableType=false, reportUntypedBaseClass=false

from typing import Any, Final

import plotly.graph_objects as go
import plotly.io as pio
from plotly.offline import get_plotlyjs_version

_PLOTLY_MIMETYPE: Final = "plotly_mimetype"
"""Plotly's default renderer in Jupyter: JSON, which JupyterLab and VS Code draw, and which nbconvert leaves out."""

_LOADER: Final = (
    "<script>window.Plotly || document.write("
    '\'<script src="https://cdn.plot.ly/plotly-{version}.min.js" charset="utf-8"><\\/script>\')</script>'
)
"""Loads plotly.js if the page does not have it, such as after the cell with the first chart was deleted."""


class Chart(go.Figure):  # type: ignore[misc]  # plotly has no types
    """A plotly figure that nbconvert, JupyterLab and VS Code show.

    With plotly's default renderer in Jupyter, an output has HTML beside plotly's own JSON. The first chart of a process embeds
    plotly.js, 5 MB, so that a page with the charts needs no network. Other renderers of plotly are used unchanged.
    """

    def show(self, *args: Any, **kwargs: Any) -> None:
        """Show the figure; for the arguments see plotly's `Figure.show`."""
        if args or kwargs or not _is_default_of_jupyter():
            super().show(*args, **kwargs)
        else:
            from IPython.display import display  # noqa: PLC0415  # only Jupyter has this renderer

            display(self._repr_mimebundle_(), raw=True)  # type: ignore[no-untyped-call]  # IPython has no types here

    def _ipython_display_(self) -> None:
        if _is_default_of_jupyter() and pio.renderers.render_on_display:
            self.show()
        else:
            super()._ipython_display_()

    def _repr_mimebundle_(self, *args: Any, **kwargs: Any) -> dict[str, Any]:
        bundle: dict[str, Any] = super()._repr_mimebundle_(*args, **kwargs)
        return {**bundle, "text/html": _html(self)} if _is_default_of_jupyter() else bundle


def _is_default_of_jupyter() -> bool:
    return bool(pio.renderers.default == _PLOTLY_MIMETYPE)


_embedded: Final[set[str]] = set()
"""The version of plotly.js that an output of this process has; empty if none has it."""


def _html(figure: go.Figure) -> str:
    version = get_plotlyjs_version()
    is_first = version not in _embedded
    _embedded.add(version)
    html: str = figure.to_html(full_html=False, include_plotlyjs=is_first)
    return html if is_first else _LOADER.format(version=version) + html
