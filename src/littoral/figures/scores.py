"""Draw confusion matrices, reliability diagrams, and bars of the length of each class."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import LinearSegmentedColormap, to_rgb
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter
from matplotlib.transforms import ScaledTranslation
from numpy.typing import ArrayLike

from littoral.figures.style import INK, LINE, MARK, QUIET, RULE, calm, new_figure, wrapped

_SHADES = LinearSegmentedColormap.from_list("shares", ["#FFFFFF", "#BCD3E5", "#5E93BC", "#1F5582"])


class ReliabilityBin(Protocol):
    """One bar of a reliability diagram (:class:`littoral.evaluation.scores.Bin` is one); all shares are 0 to 1."""

    @property
    def low(self) -> float:
        """Lower bound of the confidence."""

    @property
    def high(self) -> float:
        """Upper bound of the confidence."""

    @property
    def count(self) -> int:
        """Number of predictions in the bin."""

    @property
    def confidence(self) -> float:
        """Mean confidence of these predictions."""

    @property
    def accuracy(self) -> float:
        """Share of these predictions that is correct."""


def plot_confusion_matrix(matrix: ArrayLike, names: Sequence[str], colours: Sequence[str] | None = None) -> Figure:
    """Draw a confusion matrix: counts, and their shares of the row, which determine how dark a cell is.

    Args:
        matrix: (classes, classes) counts; rows are true classes, columns predicted classes.
        names: Names of the classes.
        colours: Colours of the classes, drawn as a small square beside each name.
    """
    counts = np.asarray(matrix)
    size = len(names)
    side = max(0.56 * size, 1.7)
    figure = new_figure(side + 2.3, side + 1.5)
    axes = figure.add_subplot()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap=_SHADES, vmin=0, vmax=1)
    for row, column in np.ndindex(size, size):
        count = int(counts[row, column])
        colour = readable_on(_SHADES(shares[row, column])) if count else QUIET
        axes.text(column, row - 0.12 * bool(count), f"{count}", ha="center", va="center", color=colour,
                  fontsize=9 if count < 1e4 else 7)  # fmt: skip
    for row, column in np.argwhere(counts > 0).tolist():
        share = shares[row, column]
        axes.text(column, row + 0.24, f"{share:.0%}", ha="center", va="center", fontsize=6.5,
                  color=readable_on(_SHADES(share)))  # fmt: skip
    labels = [wrapped(name, 18) for name in names]
    axes.set_yticks(range(size), labels)
    axes.set_xticks(range(size), labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=RULE, linewidth=1)
    axes.tick_params(which="both", length=0, labelsize=9, labelcolor=INK)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("predicted", fontsize=9, color=QUIET)
    axes.set_ylabel("true", fontsize=9, color=QUIET)
    if colours is not None:
        axes.tick_params(which="major", pad=15)
        _squares_beside(axes, colours)
    return figure


def readable_on(background: Any) -> str:
    """Text colour for a background: the first of dark grey, white and black with a contrast of at least 4.5.

    Source: WCAG 2.2, success criterion 1.4.3. For every background, one of the three is sufficient.

    >>> readable_on("#FFFFFF") == INK, readable_on("#1F5582"), readable_on("#7F7F7F")
    (True, 'white', 'black')
    """

    def luminance(colour: Any) -> float:
        linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in to_rgb(colour)]
        return float(np.dot(linear, (0.2126, 0.7152, 0.0722)))

    def contrast(colour: str) -> float:
        dark, light = sorted((luminance(background), luminance(colour)))
        return (light + 0.05) / (dark + 0.05)

    return next((colour for colour in (INK, "white", "black") if contrast(colour) >= 4.5), "black")


def _squares_beside(axes: Axes, colours: Sequence[str]) -> None:
    """Draw a square of each class's colour next to its name, left of the rows and below the columns."""
    assert axes.figure is not None
    look: dict[str, Any] = {"marker": "s", "s": 52, "c": list(colours), "edgecolors": QUIET, "linewidths": 0.5,
                            "clip_on": False}  # fmt: skip
    places, zeros = np.arange(len(colours)), np.zeros(len(colours))
    aside = {"left": (axes.get_yaxis_transform(), (-8, 0)), "below": (axes.get_xaxis_transform(), (0, -8))}
    for side, (transform, (x, y)) in aside.items():
        moved = transform + ScaledTranslation(x / 72, y / 72, axes.figure.dpi_scale_trans)
        axes.scatter(*((zeros, places) if side == "left" else (places, zeros)), transform=moved, **look)
    axes.set(xlim=(-0.5, len(colours) - 0.5), ylim=(len(colours) - 0.5, -0.5))


def plot_reliability(bins: Sequence[ReliabilityBin], *, before: Sequence[ReliabilityBin] = ()) -> Figure:
    """Draw a reliability diagram: accuracy by confidence; on the dashed line both are equal.

    Args:
        bins: Bins of the calibrated confidence.
        before: Bins of the confidence before calibration, drawn as a line with hollow dots.
    """
    figure = new_figure(4.4, 4.2)
    grid = figure.add_gridspec(2, 1, height_ratios=(3, 1))
    axes = calm(figure.add_subplot(grid[0]))
    below = calm(figure.add_subplot(grid[1], sharex=axes))
    axes.plot((0, 1), (0, 1), linestyle=(0, (4, 3)), color=QUIET, linewidth=1, zorder=3)
    for bar in bins:
        width = bar.high - bar.low
        axes.bar(bar.low, bar.accuracy, width * 0.94, align="edge", color=LINE, alpha=0.75)
        below.bar(bar.low, bar.count, width * 0.94, align="edge", color=RULE)
        below.annotate(f"{bar.count}", (bar.low + width / 2, bar.count), (0, 2), textcoords="offset points",
                       ha="center", fontsize=7, color=QUIET)  # fmt: skip
    dots: dict[str, Any] = {"color": MARK, "markersize": 5, "marker": "o", "zorder": 5}
    axes.plot([bar.confidence for bar in bins], [bar.accuracy for bar in bins], linestyle="none",
              label="after temperature scaling", **dots)  # fmt: skip
    if before:
        axes.plot([bar.confidence for bar in before], [bar.accuracy for bar in before], linewidth=0.9, alpha=0.9,
                  markerfacecolor="white", label="before", **{**dots, "zorder": 4})  # fmt: skip
        figure.legend(loc="outside upper left", ncols=2, frameon=False, fontsize=8, labelcolor=INK)
    axes.set(xlim=(0, 1), ylim=(0, 1.03))
    axes.set_ylabel("share correct")
    axes.tick_params(labelbottom=False)
    below.set(ylim=(0, max((bar.count for bar in bins), default=1) * 1.35), yticks=[])
    below.set_xlabel("confidence")
    below.set_ylabel("rectangles")
    below.spines["left"].set_visible(False)
    below.grid(visible=False)
    for axis in (axes.yaxis, below.xaxis):
        axis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.0%}"))
    return figure


def plot_class_shares(names: Sequence[str], km: Sequence[float], colours: Sequence[str], *, unit: str = "km") -> Figure:
    """Draw a horizontal bar of the length ``km`` of each class, the first on top; ``unit`` follows the numbers."""
    figure = new_figure(5.6, 0.34 * max(len(names), 1) + 0.35)
    axes = figure.add_subplot()
    places = range(len(names))
    axes.barh(places, km, color=list(colours), edgecolor=QUIET, linewidth=0.5, height=0.66)
    for place, length in zip(places, km, strict=True):
        text = f"{length:.0f}" if length >= 100 or float(length).is_integer() else f"{length:.1f}"
        axes.annotate(f"{text} {unit}", (length, place), (5, 0), textcoords="offset points", va="center",
                      fontsize=9, color=INK)  # fmt: skip
    axes.set_yticks(places, [wrapped(name, 26) for name in names])
    axes.set(xticks=[], xlim=(0, max([*km, 0]) * 1.22 or 1), ylim=(len(names) - 0.4, -0.6))
    axes.tick_params(length=0, labelsize=9, labelcolor=INK)
    axes.spines[:].set_visible(False)
    axes.spines["left"].set(visible=True, color=RULE)
    return figure
