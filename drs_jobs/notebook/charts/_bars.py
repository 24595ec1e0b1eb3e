"""Horizontal bars in rows. A bar that is too narrow to be seen has a marker on it."""

# plotly has no types.
# pyright: reportMissingTypeStubs=false, reportUnknownArgumentType=false, reportUnknownMemberType=false
# pyright: reportUnknownParameterType=false, reportUnknownVariableType=false

import math
from collections.abc import Sequence
from typing import Any, Final

import attrs
import plotly.graph_objects as go

from drs_jobs._html import OUTCOME_COLOURS
from drs_jobs._models import Outcome
from drs_jobs.notebook.charts import _style

_FAILED_COLOUR: Final = OUTCOME_COLOURS[Outcome.FAILED]
_FAILED_EDGE: Final = 3
"""The width of the outline of a failed bar, in pixels."""


@attrs.frozen
class Look:
    """The look of the bars and markers with one item in the legend."""

    rank: int
    """The position in the legend. Those with a higher rank are drawn over the others."""
    name: str
    colour: str
    symbol: str


@attrs.define(eq=False)  # so that a bar can be a key
class Bar:
    """A bar in a row, in the units of the x axis."""

    look: Look
    start: float
    end: float
    hover: str
    pattern: str = ""
    has_failed: bool = False
    """Whether it has a red outline."""
    row: int = 0


def add_bars(
    figure: go.Figure,
    bars: Sequence[Bar],
    *,
    per_pixel: float,
    min_width: float,
    height: float,
    marker_size: float,
    marker_distance: float = 0,
) -> None:
    """Draw bars, then the markers of all narrow ones, so that no bar covers a marker.

    Args:
        figure: The figure.
        bars: The bars.
        per_pixel: The units of the x axis per pixel.
        min_width: The width of a bar below which it has a marker, in pixels.
        height: The height of the bars, as a part of the height of a row.
        marker_size: The size of the markers, in pixels.
        marker_distance: The distance between two markers in a row, in pixels. Default 0.
    """
    marker_positions = _marker_positions(bars, min_width * per_pixel, marker_distance * per_pixel)
    markers: list[go.Scatter] = []
    for look in sorted({bar.look for bar in bars}, key=lambda look: look.rank):
        # The legend has the outline and the pattern of the first bar.
        members = sorted((bar for bar in bars if bar.look == look), key=lambda bar: (bar.has_failed, bar.pattern))
        narrow = [bar for bar in members if bar in marker_positions]
        shared = {"name": look.name, "legendgroup": look.name, "legendrank": look.rank, "hoverinfo": "text"}
        figure.add_bar(
            orientation="h",
            base=[bar.start for bar in members],
            x=[bar.end - bar.start for bar in members],
            y=[bar.row for bar in members],
            width=height,
            marker={
                "color": look.colour,
                "line": _edges(members, 0),
                "pattern": _style.bar_pattern([bar.pattern for bar in members]),
            },
            hovertext=[bar.hover for bar in members],
            showlegend=len(narrow) < len(members),
            **shared,
        )
        if narrow:
            marker = {"color": look.colour, "symbol": look.symbol, "size": marker_size, "opacity": 1}
            markers.append(
                go.Scatter(
                    mode="markers",
                    x=[marker_positions[bar] for bar in narrow],
                    y=[bar.row for bar in narrow],
                    marker={**marker, "line": _edges(narrow, 1)},
                    hovertext=[bar.hover for bar in narrow],
                    showlegend=len(narrow) == len(members),
                    **shared,
                )
            )
    figure.add_traces(markers)
    figure.update_layout(barmode="overlay")


def _marker_positions(bars: Sequence[Bar], min_length: float, distance: float) -> dict[Bar, float]:
    """Return the position of the marker of each narrow bar: its middle, or further right if another marker is there."""
    positions: dict[Bar, float] = {}
    taken: dict[int, float] = {}
    for bar in sorted(bars, key=lambda bar: bar.start):
        if bar.end - bar.start < min_length:
            positions[bar] = max((bar.start + bar.end) / 2, taken.get(bar.row, -math.inf))
            taken[bar.row] = positions[bar] + distance
    return positions


def _edges(bars: Sequence[Bar], width: int) -> dict[str, Any]:
    """Return the outlines of bars. A failed bar in the colour of failures needs none."""
    outlined = [bar.has_failed and bar.look.colour != _FAILED_COLOUR for bar in bars]
    return {
        "color": [_FAILED_COLOUR if is_outlined else _style.FADED for is_outlined in outlined],
        "width": [_FAILED_EDGE if is_outlined else width for is_outlined in outlined],
    }
