"""Common style of the figures: dark grey text, light grid lines, colour only for data."""

from __future__ import annotations

import textwrap

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from littoral.figures.render import Picture

INK, QUIET, RULE, LINE, MARK = "#2B3238", "#6B757E", "#DDE2E6", "#2F6690", "#C4572E"


def new_figure(width_in: float, height_in: float) -> Figure:
    """An empty figure of the given size in inches."""
    return Picture(figsize=(width_in, height_in), layout="constrained", facecolor="white")


def calm(axes: Axes) -> Axes:
    """Style axes in place, with two light spines and a light grid, and return them."""
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(RULE)
    axes.tick_params(which="both", color=RULE, labelcolor=QUIET, labelsize=8)
    axes.grid(axis="y", color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set(color=QUIET, fontsize=9)
    return axes


def put_legend(axes: Axes) -> None:
    """Add a legend without a frame."""
    axes.legend(frameon=False, fontsize=9, labelcolor=INK)


def wrapped(text: str, width: int) -> str:
    """Break the lines of a text at ``width`` characters; dollar signs are escaped, so that they start no formula."""
    text = text.replace("$", r"\$")
    return "\n".join("\n".join(textwrap.wrap(line, width)) or line for line in text.split("\n"))
