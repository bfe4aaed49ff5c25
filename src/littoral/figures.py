"""How a tile, a curve, a confusion matrix, a map is drawn: arrays in, matplotlib figures out.

Figures are made without pyplot, so nothing is global and nothing needs a screen. They share one quiet look: dark grey
text, light rules, colour only where it carries meaning.
"""

from __future__ import annotations

import base64
import io
import re
import sys
import textwrap
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from html import escape
from typing import Any, Protocol

import geopandas as gpd
import matplotlib
import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import LinearSegmentedColormap, to_rgba_array
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from matplotlib.ticker import FuncFormatter, MaxNLocator
from matplotlib.transforms import ScaledTranslation
from numpy.typing import ArrayLike, NDArray
from pyproj import Geod, Transformer
from scipy import ndimage

from littoral.vectors import require_crs

Image = NDArray[np.uint8]
"""(height, width, 3), red, green and blue, 0 to 255."""

MISSING_GREY = 221
"""Of missing pixels, in all three colours."""

_INK, _QUIET, _RULE, _LINE, _MARK = "#2B3238", "#6B757E", "#DDE2E6", "#2F6690", "#C4572E"
_SHADES = LinearSegmentedColormap.from_list("shares", ["#FFFFFF", "#BCD3E5", "#5E93BC", "#1F5582"])
_HALO = withStroke(linewidth=3, foreground="white")
_PLATE: dict[str, Any] = {"facecolor": "white", "alpha": 0.8, "linewidth": 0, "boxstyle": "round,pad=0.2"}
_SENTINEL_NAME = re.compile(r"B0?(\d{1,2}A?)", re.IGNORECASE)
_COLOUR_BANDS = (("4", "red"), ("3", "green"), ("2", "blue"))
_MANY_OUTLINES = 5000
"""More outlines than that are drawn as pixels: a page with each of them as a vector would be slow to open."""


class ReliabilityBin(Protocol):
    """One bar of a reliability diagram (``learn.evaluation.Bin`` is one); all shares are 0 to 1."""

    @property
    def low(self) -> float:
        """Confidence from."""

    @property
    def high(self) -> float:
        """Confidence to."""

    @property
    def count(self) -> int:
        """Answers in the bin."""

    @property
    def confidence(self) -> float:
        """Their mean confidence."""

    @property
    def accuracy(self) -> float:
        """Share of them that is right."""


class Picture(Figure):
    """A figure that a notebook shows without pyplot."""

    def _repr_png_(self) -> bytes:
        return _png(self, 110)


def rgb_bands(names: Sequence[str]) -> tuple[int, int, int]:
    """Positions of red, green and blue: B04, B03, B02 where the names have them, else the first three, or one thrice.

    >>> rgb_bands(["B02", "B03", "B04", "B08"]), rgb_bands(["b4", "b3", "b2"]), rgb_bands(["Blue", "Green", "Red"])
    ((2, 1, 0), (0, 1, 2), (2, 1, 0))
    >>> rgb_bands(["B11", "B08", "B03"]), rgb_bands(["VV", "VH"])
    ((0, 1, 2), (0, 0, 0))
    """
    plain = [_SENTINEL_NAME.sub(r"\1", name.strip()).casefold() for name in names]
    found = [next((i for i, name in enumerate(plain) if name in wanted), None) for wanted in _COLOUR_BANDS]
    red, green, blue = found
    if red is not None and green is not None and blue is not None:
        return red, green, blue
    return (0, 1, 2) if len(names) >= 3 else (0, 0, 0)


def stretch(values: NDArray[Any], valid: NDArray[np.bool_], rgb: tuple[int, int, int] | None = None) -> Image:
    """Pixels to a picture: black at the 2nd and white at the 98th percentile of the valid pixels.

    The percentiles are common to the three bands, so that colours stay what they are.

    Args:
        values: (bands, height, width) of any type.
        valid: (height, width), False where a pixel is missing; it becomes light grey.
        rgb: Bands shown as red, green and blue; None: the first three, or the first alone as grey.

    >>> picture = stretch(np.array([[[0, 50, 100, 7]]]), np.array([[True, True, True, False]]))
    >>> picture[0, :, 0].tolist()
    [0, 127, 255, 221]
    """
    red, green, blue = rgb or ((0, 1, 2) if len(values) >= 3 else (0, 0, 0))
    shown = values[[red, green, blue]].astype(np.float64)
    valid = valid & np.isfinite(shown).all(axis=0)
    picture = np.full((*valid.shape, 3), MISSING_GREY, np.uint8)
    if valid.any():
        measured = shown[:, valid]
        low, high = np.percentile(measured, (2, 98))
        # A tile of one value has nothing to stretch: middle grey.
        scaled = (measured - low) / (high - low) if high > low else np.full_like(measured, 0.5)
        picture[valid] = (np.clip(scaled, 0, 1) * 255).astype(np.uint8).T
    return picture


def plot_tiles(
    images: Sequence[Image],
    titles: Sequence[str],
    *,
    columns: int = 5,
    colours: Sequence[str] | Sequence[tuple[str, str]] | None = None,
    heat: Sequence[NDArray[np.float32]] | None = None,
) -> Figure:
    """Tiles side by side, each under its title.

    Args:
        images: Their pictures.
        titles: A text each; lines are broken.
        columns: Tiles in a row.
        colours: Of their frames; of two colours, the first is left and above, the second right and below.
        heat: (height, width) maps of 0 to 1 laid over them, of any resolution: strong places stay lit, weak ones
            darken, and a line runs where it is half.
    """
    columns = max(min(columns, len(images)), 1)
    rows = max(-(-len(images) // columns), 1)
    lines = max((len(_wrapped(title, 24).splitlines()) for title in titles), default=1)
    figure = _figure(1.85 * columns, (1.75 + 0.2 * lines) * rows)
    for position, (image, title) in enumerate(zip(images, titles, strict=True)):
        axes = figure.add_subplot(rows, columns, position + 1)
        if heat is None:
            axes.imshow(image, interpolation="antialiased")
        else:
            _lit(axes, image, heat[position])
        axes.set(xticks=[], yticks=[])
        axes.set_title(_wrapped(title, 24), fontsize=8, color=_INK, loc="left", pad=4)
        axes.spines[:].set(color=_RULE, linewidth=3 if colours else 0.8)
        if colours:
            given = colours[position]
            first, second = (given, given) if isinstance(given, str) else given
            for side, colour in {"left": first, "top": first, "right": second, "bottom": second}.items():
                axes.spines[side].set_color(colour)
    return figure


def _lit(axes: Axes, image: Image, heat: NDArray[np.float32]) -> None:
    """A picture that is dark where ``heat`` is 0."""
    height, width = image.shape[:2]
    scale = (height / heat.shape[0], width / heat.shape[1])
    strength = np.clip(ndimage.zoom(heat, scale, order=1, mode="nearest", grid_mode=True), 0, 1)
    axes.imshow((image * (0.3 + 0.7 * strength[..., None])).astype(np.uint8), interpolation="antialiased")
    if strength.min() < 0.5 < strength.max():
        axes.contour(strength, levels=[0.5], colors="white", linewidths=1.2)


def plot_losses(training: Sequence[float], validation: Sequence[float]) -> Figure:
    """Loss by epoch, from 0 as in the table of a training; a dot marks the epoch of the lowest validation loss."""
    figure = _figure(6.4, 3.4)
    axes = _calm(figure.add_subplot())
    for name, losses, colour in (("training", training, _QUIET), ("validation", validation, _LINE)):
        axes.plot(range(len(losses)), losses, color=colour, linewidth=1.8, label=name)
    known = np.asarray(validation, np.float64)
    if np.isfinite(known).any():
        best = int(np.nanargmin(np.where(np.isfinite(known), known, np.nan)))
        axes.plot(best, known[best], "o", color=_MARK, markersize=6, label=f"lowest: {known[best]:.3g}")
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend(axes)
    return figure


def plot_learning_rates(rates: Sequence[float], losses: Sequence[float], suggestion: float) -> Figure:
    """Loss by learning rate on a logarithmic axis, with the suggested rate marked."""
    figure = _figure(6.4, 3.4)
    axes = _calm(figure.add_subplot())
    axes.plot(rates, losses, color=_LINE, linewidth=1.8)
    nearest = int(np.abs(np.log(np.asarray(rates) / suggestion)).argmin())
    axes.axvline(suggestion, color=_RULE, linewidth=1, zorder=0)
    axes.plot(rates[nearest], losses[nearest], "o", color=_MARK, markersize=7, label=f"suggested: {suggestion:.1e}")
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    _legend(axes)
    return figure


def plot_confusion_matrix(matrix: ArrayLike, names: Sequence[str], colours: Sequence[str] | None = None) -> Figure:
    """Counts by class, and their share of the row: rows are what it is, columns what was said; the darker, the larger
    the share.

    Args:
        matrix: (truth, answer) counts.
        names: Of the classes.
        colours: Of the classes, shown as a small square beside each name.
    """
    counts = np.asarray(matrix)
    size = len(names)
    side = max(0.56 * size, 1.7)
    figure = _figure(side + 2.3, side + 1.5)
    axes = figure.add_subplot()
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap=_SHADES, vmin=0, vmax=1)
    for row, column in np.ndindex(size, size):
        count, share = int(counts[row, column]), shares[row, column]
        colour = "white" if share > 0.6 else (_INK if count else "#B8C0C7")
        axes.text(column, row - 0.12 * bool(count), f"{count}", ha="center", va="center", color=colour,
                  fontsize=9 if count < 1e4 else 7)  # fmt: skip
    for row, column in np.argwhere(counts > 0).tolist():
        share = shares[row, column]
        axes.text(column, row + 0.24, f"{share:.0%}", ha="center", va="center", fontsize=6.5,
                  color="white" if share > 0.6 else _QUIET)  # fmt: skip
    labels = [_wrapped(name, 18) for name in names]
    axes.set_yticks(range(size), labels)
    axes.set_xticks(range(size), labels, rotation=45, ha="right", rotation_mode="anchor")
    axes.set_xticks(np.arange(size + 1) - 0.5, minor=True)
    axes.set_yticks(np.arange(size + 1) - 0.5, minor=True)
    axes.grid(which="minor", color=_RULE, linewidth=1)
    axes.tick_params(which="both", length=0, labelsize=9, labelcolor=_INK)
    axes.spines[:].set_visible(False)
    axes.set_xlabel("said to be", fontsize=9, color=_QUIET)
    axes.set_ylabel("truly", fontsize=9, color=_QUIET)
    if colours is not None:
        axes.tick_params(which="major", pad=15)
        _squares_beside(axes, colours)
    return figure


def _squares_beside(axes: Axes, colours: Sequence[str]) -> None:
    """A square of each class's colour between the matrix and its name, left of the rows and below the columns."""
    assert axes.figure is not None
    look: dict[str, Any] = {"marker": "s", "s": 52, "c": list(colours), "edgecolors": _QUIET, "linewidths": 0.5,
                            "clip_on": False}  # fmt: skip
    places, zeros = np.arange(len(colours)), np.zeros(len(colours))
    aside = {"left": (axes.get_yaxis_transform(), (-8, 0)), "below": (axes.get_xaxis_transform(), (0, -8))}
    for side, (transform, (x, y)) in aside.items():
        moved = transform + ScaledTranslation(x / 72, y / 72, axes.figure.dpi_scale_trans)
        axes.scatter(*((zeros, places) if side == "left" else (places, zeros)), transform=moved, **look)
    axes.set(xlim=(-0.5, len(colours) - 0.5), ylim=(len(colours) - 0.5, -0.5))


def plot_reliability(bins: Sequence[ReliabilityBin], *, before: Sequence[ReliabilityBin] = ()) -> Figure:
    """Share of right answers by confidence; bars on the dashed line mean that confidence can be taken at its word.

    Args:
        bins: Confidence as it is given.
        before: The same before it was calibrated, drawn as a line of hollow dots.
    """
    figure = _figure(4.4, 4.2)
    grid = figure.add_gridspec(2, 1, height_ratios=(3, 1))
    axes = _calm(figure.add_subplot(grid[0]))
    below = _calm(figure.add_subplot(grid[1], sharex=axes))
    axes.plot((0, 1), (0, 1), linestyle=(0, (4, 3)), color=_QUIET, linewidth=1, zorder=3)
    for bar in bins:
        width = bar.high - bar.low
        axes.bar(bar.low, bar.accuracy, width * 0.94, align="edge", color=_LINE, alpha=0.75)
        below.bar(bar.low, bar.count, width * 0.94, align="edge", color=_RULE)
        below.annotate(f"{bar.count}", (bar.low + width / 2, bar.count), (0, 2), textcoords="offset points",
                       ha="center", fontsize=7, color=_QUIET)  # fmt: skip
    dots: dict[str, Any] = {"color": _MARK, "markersize": 5, "marker": "o", "zorder": 5}
    axes.plot([bar.confidence for bar in bins], [bar.accuracy for bar in bins], linestyle="none",
              label="after temperature scaling", **dots)  # fmt: skip
    if before:
        axes.plot([bar.confidence for bar in before], [bar.accuracy for bar in before], linewidth=0.9, alpha=0.9,
                  markerfacecolor="white", label="before", **{**dots, "zorder": 4})  # fmt: skip
        figure.legend(loc="outside upper left", ncols=2, frameon=False, fontsize=8, labelcolor=_INK)
    axes.set(xlim=(0, 1), ylim=(0, 1.03))
    axes.set_ylabel("share that is right")
    axes.tick_params(labelbottom=False)
    below.set(ylim=(0, max((bar.count for bar in bins), default=1) * 1.35), yticks=[])
    below.set_xlabel("confidence")
    below.set_ylabel("answers")
    below.spines["left"].set_visible(False)
    below.grid(visible=False)
    for axis in (axes.yaxis, below.xaxis):
        axis.set_major_formatter(FuncFormatter(lambda share, _: f"{share:.0%}"))
    return figure


def plot_class_shares(names: Sequence[str], km: Sequence[float], colours: Sequence[str], *, unit: str = "km") -> Figure:
    """A horizontal bar for each class, the first on top; ``unit`` stands behind the numbers."""
    figure = _figure(5.6, 0.34 * max(len(names), 1) + 0.35)
    axes = figure.add_subplot()
    places = range(len(names))
    axes.barh(places, km, color=list(colours), edgecolor=_QUIET, linewidth=0.5, height=0.66)
    for place, length in zip(places, km, strict=True):
        text = f"{length:.0f}" if length >= 100 or float(length).is_integer() else f"{length:.1f}"
        axes.annotate(f"{text} {unit}", (length, place), (5, 0), textcoords="offset points", va="center",
                      fontsize=9, color=_INK)  # fmt: skip
    axes.set_yticks(places, [_wrapped(name, 26) for name in names])
    axes.set(xticks=[], xlim=(0, max([*km, 0]) * 1.22 or 1), ylim=(len(names) - 0.4, -0.6))
    axes.tick_params(length=0, labelsize=9, labelcolor=_INK)
    axes.spines[:].set_visible(False)
    axes.spines["left"].set(visible=True, color=_RULE)
    return figure


def plot_map(
    outlines: gpd.GeoDataFrame,
    colours: Sequence[str],
    *,
    legend: Sequence[tuple[str, str]] = (),
    background: tuple[Image, tuple[float, float, float, float]] | None = None,
    width_in: float = 7.0,
) -> Figure:
    """Rectangles filled by colour, over the scene where there is one, with a scale bar and an arrow to the north.

    Args:
        outlines: Polygons in any CRS; the map is drawn in it.
        colours: One for each outline.
        legend: Names and colours, in order.
        background: A picture in the CRS of the outlines and its left, right, bottom, top.
        width_in: Width of the figure, inches.

    Raises:
        InputError: the outlines do not say which CRS they are in.
    """
    require_crs(outlines, "the table of outlines")
    shapes, index = shapely.get_parts(outlines.geometry.to_numpy(), return_index=True)
    rings = shapely.get_exterior_ring(shapes)
    drawn = np.isfinite(shapely.bounds(rings)).all(axis=1)
    left, bottom, right, top = _view(shapely.total_bounds(rings[drawn]) if drawn.any() else np.array([0, 0, 1, 1]))
    middle = ((left + right) / 2, (bottom + top) / 2)
    unit_m, north_deg, (longitude, latitude) = _on_ground(outlines, *middle, step=(right - left) / 100)
    # Degrees of longitude are shorter than those of latitude.
    aspect = 1 / max(np.cos(np.radians(latitude)), 0.01) if outlines.crs.is_geographic else 1.0
    ratio = aspect * (top - bottom) / (right - left)
    columns = max(min(len(legend), int(width_in // 1.7)), 1)
    width_in = min(width_in, 8 / ratio)
    figure = _figure(width_in, width_in * ratio + 0.3 + 0.22 * -(-len(legend) // columns))
    axes = figure.add_subplot()
    if background is not None:
        picture, extent = background
        # Washed out a little, so that the colours of the classes come forward.
        axes.imshow((picture * 0.6 + 255 * 0.4).astype(np.uint8), extent=extent)
    chosen = np.asarray(colours, dtype=object)[index[drawn]].tolist()
    vertices = [shapely.get_coordinates(ring) for ring in rings[drawn]]
    # Solid edges in a white rim are told apart on any ground; through the filling the shore can be seen.
    filled = to_rgba_array(chosen, 0.55 if background is not None else 0.8)
    for width, edges, faces in ((2.8, "white", "none"), (1.5, chosen, filled)):
        collection = PolyCollection(vertices, facecolors=faces, edgecolors=edges, linewidths=width)
        collection.set_rasterized(len(vertices) > _MANY_OUTLINES)
        axes.add_collection(collection, autolim=False)
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
    axes.set_aspect(aspect)
    axes.spines[:].set(color=_RULE, linewidth=0.8)
    _scale_bar(axes, (right - left), unit_m)
    _north_arrow(axes, north_deg)
    axes.set_xlabel(f"middle: {_degrees(latitude, 'NS')}, {_degrees(longitude, 'EW')}", loc="right", fontsize=7,
                    color=_QUIET)  # fmt: skip
    if legend:
        patches = [Patch(facecolor=c, edgecolor=_QUIET, linewidth=0.5, label=_wrapped(name, 24)) for name, c in legend]
        figure.legend(handles=patches, loc="outside lower left", ncols=columns, frameon=False, fontsize=8,
                      labelcolor=_INK, handlelength=1.2, handleheight=1.0, columnspacing=1.4)  # fmt: skip
    return figure


def svg(figure: Figure, description: str = "") -> str:
    """The figure as an ``<svg>`` element to stand in a page; text stays text, equal figures give equal bytes.

    ``description`` is what a reader who cannot see it is told.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "littoral"}), _any_script():
        figure.savefig(buffer, format="svg", transparent=True, dpi=120, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    # The names that matplotlib counts (axes_1) would stand in the page once for each figure; no one refers to them.
    text = re.sub(r' id="[A-Za-z][\w.]*_\d+"', "", text)
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1)


def png_data_uri(figure: Figure, dpi: int = 120) -> str:
    """The figure as a PNG in a ``data:`` address."""
    return f"data:image/png;base64,{base64.b64encode(_png(figure, dpi)).decode('ascii')}"


def show(figure: Figure) -> None:
    """Show the figure where there is a notebook to show it in; elsewhere nothing happens."""
    notebook = sys.modules.get("IPython")
    if notebook is not None and notebook.get_ipython() is not None:
        notebook.display.display(figure)


def _png(figure: Figure, dpi: int) -> bytes:
    buffer = io.BytesIO()
    with _any_script():
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


@contextmanager
def _any_script() -> Iterator[None]:
    """A class may be named in a script that matplotlib's own font lacks; a browser has it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        yield


def _figure(width_in: float, height_in: float) -> Figure:
    return Picture(figsize=(width_in, height_in), layout="constrained", facecolor="white")


def _calm(axes: Axes) -> Axes:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_RULE)
    axes.tick_params(which="both", color=_RULE, labelcolor=_QUIET, labelsize=8)
    axes.grid(axis="y", color=_RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    for axis in (axes.xaxis, axes.yaxis):
        axis.label.set(color=_QUIET, fontsize=9)
    return axes


def _legend(axes: Axes) -> None:
    axes.legend(frameon=False, fontsize=9, labelcolor=_INK)


def _wrapped(text: str, width: int) -> str:
    """Each of its lines broken where it is longer than ``width``; a dollar is a dollar, not the start of a formula."""
    text = text.replace("$", r"\$")
    return "\n".join("\n".join(textwrap.wrap(line, width)) or line for line in text.split("\n"))


def _view(bounds: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Bounds with a margin, neither a sliver nor a point: a side is at least half the other.

    >>> _view(np.array([0.0, 0.0, 80.0, 8.0]))
    (-4.0, -18.0, 84.0, 26.0)
    """
    left, bottom, right, top = (float(value) for value in bounds)
    longest = max(right - left, top - bottom) or 1.0
    half_width, half_height = (
        max((side + 0.1 * longest) / 2, 0.275 * longest) for side in (right - left, top - bottom)
    )
    x, y = (left + right) / 2, (bottom + top) / 2
    return x - half_width, y - half_height, x + half_width, y + half_height


def _on_ground(table: gpd.GeoDataFrame, x: float, y: float, step: float) -> tuple[float, float, tuple[float, float]]:
    """Metres on the ground per unit of the CRS along x, bearing of the y axis in degrees, longitude and latitude."""
    to_lonlat = Transformer.from_crs(table.crs, "EPSG:4326", always_xy=True)
    longitudes, latitudes = to_lonlat.transform([x, x + step, x], [y, y, y + step])
    geod = Geod(ellps="WGS84")
    bearings, _, lengths = geod.inv(longitudes[:1] * 2, latitudes[:1] * 2, longitudes[1:], latitudes[1:])
    return lengths[0] / step, bearings[1], (longitudes[0], latitudes[0])


def _scale_bar(axes: Axes, width: float, unit_m: float) -> None:
    """A round length of at most a quarter of the map, lower left."""
    most = width * unit_m / 4
    if not (np.isfinite(most) and most > 0):
        return
    power = 10 ** np.floor(np.log10(most))
    length_m = max(step * power for step in (1, 2, 5) if step * power <= most)
    label = f"{length_m / 1000:g} km" if length_m >= 1000 else f"{length_m:g} m"
    # The arrow of an annotation with bars for heads is the scale bar: its ends lie where they should.
    x = 0.04
    axes.annotate("", (x, 0.04), (x + length_m / unit_m / width, 0.04), "axes fraction", zorder=6,
                  arrowprops={"arrowstyle": "|-|,widthA=0.2,widthB=0.2", "color": _INK, "shrinkA": 0, "shrinkB": 0,
                              "linewidth": 1.4, "path_effects": [_HALO]})  # fmt: skip
    axes.annotate(label, (x, 0.04), (2, 6), "axes fraction", "offset points", fontsize=8, color=_INK, bbox=_PLATE,
                  zorder=5)  # fmt: skip


def _north_arrow(axes: Axes, y_axis_deg: float) -> None:
    """``y_axis_deg``: bearing of the map's up."""
    if not np.isfinite(y_axis_deg):
        return
    turn = np.radians(-y_axis_deg)
    # The head is at the text's end of the arrow.
    axes.annotate("N", (0.955, 0.9), (24 * np.sin(turn), 24 * np.cos(turn)), "axes fraction", "offset points",
                  ha="center", va="center", fontsize=8, color=_INK, bbox=_PLATE, zorder=6,
                  arrowprops={"arrowstyle": "<|-", "color": _INK, "shrinkA": 0, "shrinkB": 0, "linewidth": 1.2,
                              "path_effects": [_HALO]})  # fmt: skip


def _degrees(value: float, letters: str) -> str:
    """
    >>> _degrees(-80.1234, "EW")
    '80.123° W'
    """
    return f"{abs(value):.3f}° {letters[value < 0]}"
