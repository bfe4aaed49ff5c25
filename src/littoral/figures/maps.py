"""Draw outlines on a map with a scale bar and a north arrow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_rgba_array
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from numpy.typing import NDArray
from pyproj import Transformer

from littoral.figures.style import INK, QUIET, RULE, new_figure, wrapped
from littoral.figures.tiles import Image
from littoral.geodesy import ELLIPSOID
from littoral.vectors import require_crs

_HALO = withStroke(linewidth=3, foreground="white")
_PLATE: dict[str, Any] = {"facecolor": "white", "alpha": 0.8, "linewidth": 0, "boxstyle": "round,pad=0.2"}
_MANY_OUTLINES = 5000
"""More outlines than this are rasterised in SVG, since a page with as many vector shapes is slow to open."""


def plot_map(
    outlines: gpd.GeoDataFrame,
    colours: Sequence[str],
    *,
    legend: Sequence[tuple[str, str]] = (),
    background: tuple[Image, tuple[float, float, float, float]] | None = None,
    width_in: float = 7.0,
) -> Figure:
    """Draw polygons filled by colour, optionally over an image, with a scale bar and a north arrow.

    Args:
        outlines: Polygons in any CRS; the map is drawn in it.
        colours: Colour of each outline.
        legend: Pairs of name and colour.
        background: Image in the CRS of the outlines, and its left, right, bottom and top coordinates.
        width_in: Width of the figure, inches.

    Raises:
        InputError: the outlines have no CRS.
    """
    require_crs(outlines, "the table of outlines")
    shapes, index = shapely.get_parts(outlines.geometry.to_numpy(), return_index=True)
    rings = shapely.get_exterior_ring(shapes)
    drawn = np.isfinite(shapely.bounds(rings)).all(axis=1)
    left, bottom, right, top = _view(shapely.total_bounds(rings[drawn]) if drawn.any() else np.array([0, 0, 1, 1]))
    middle = ((left + right) / 2, (bottom + top) / 2)
    unit_m, north_deg, (longitude, latitude) = _on_ground(outlines, *middle, step=(right - left) / 100)
    # A degree of longitude is shorter than one of latitude by the cosine of the latitude.
    aspect = 1 / max(np.cos(np.radians(latitude)), 0.01) if outlines.crs.is_geographic else 1.0
    ratio = aspect * (top - bottom) / (right - left)
    columns = max(min(len(legend), int(width_in // 1.7)), 1)
    width_in = min(width_in, 8 / ratio)
    figure = new_figure(width_in, width_in * ratio + 0.3 + 0.22 * -(-len(legend) // columns))
    axes = figure.add_subplot()
    if background is not None:
        picture, extent = background
        # The image is made paler, so that the colours of the classes stand out.
        axes.imshow((picture * 0.6 + 255 * 0.4).astype(np.uint8), extent=extent)
    chosen = np.asarray(colours, dtype=object)[index[drawn]].tolist()
    vertices = [shapely.get_coordinates(ring) for ring in rings[drawn]]
    # Solid edges in a white rim stand out on any background; the transparent filling leaves the shore visible.
    filled = to_rgba_array(chosen, 0.55 if background is not None else 0.8)
    for width, edges, faces in ((2.8, "white", "none"), (1.5, chosen, filled)):
        collection = PolyCollection(vertices, facecolors=faces, edgecolors=edges, linewidths=width)
        collection.set_rasterized(len(vertices) > _MANY_OUTLINES)
        axes.add_collection(collection, autolim=False)
    axes.set(xlim=(left, right), ylim=(bottom, top), xticks=[], yticks=[])
    axes.set_aspect(aspect)
    axes.spines[:].set(color=RULE, linewidth=0.8)
    _scale_bar(axes, (right - left), unit_m)
    _north_arrow(axes, north_deg)
    axes.set_xlabel(f"middle: {_degrees(latitude, 'NS')}, {_degrees(longitude, 'EW')}", loc="right", fontsize=7,
                    color=QUIET)  # fmt: skip
    if legend:
        patches = [Patch(facecolor=c, edgecolor=QUIET, linewidth=0.5, label=wrapped(name, 24)) for name, c in legend]
        figure.legend(handles=patches, loc="outside lower left", ncols=columns, frameon=False, fontsize=8,
                      labelcolor=INK, handlelength=1.2, handleheight=1.0, columnspacing=1.4)  # fmt: skip
    return figure


def _view(bounds: NDArray[np.float64]) -> tuple[float, float, float, float]:
    """Bounds with a margin, the shorter side at least half the longer one.

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
    """At a point (x, y): metres on the ground per CRS unit along x, bearing of the y axis in degrees, and
    (longitude, latitude)."""
    to_lonlat = Transformer.from_crs(table.crs, "EPSG:4326", always_xy=True)
    longitudes, latitudes = to_lonlat.transform([x, x + step, x], [y, y, y + step])
    bearings, _, lengths = ELLIPSOID.inv(longitudes[:1] * 2, latitudes[:1] * 2, longitudes[1:], latitudes[1:])
    return lengths[0] / step, bearings[1], (longitudes[0], latitudes[0])


def _scale_bar(axes: Axes, width: float, unit_m: float) -> None:
    """Draw a scale bar, lower left: 1, 2 or 5 times a power of 10 metres, at most a quarter of the map's width."""
    most = width * unit_m / 4
    if not (np.isfinite(most) and most > 0):
        return
    power = 10 ** np.floor(np.log10(most))
    length_m = max(step * power for step in (1, 2, 5) if step * power <= most)
    label = f"{length_m / 1000:g} km" if length_m >= 1000 else f"{length_m:g} m"
    # The scale bar is the arrow of an annotation, with bars as heads: its length is exact.
    x = 0.04
    axes.annotate("", (x, 0.04), (x + length_m / unit_m / width, 0.04), "axes fraction", zorder=6,
                  arrowprops={"arrowstyle": "|-|,widthA=0.2,widthB=0.2", "color": INK, "shrinkA": 0, "shrinkB": 0,
                              "linewidth": 1.4, "path_effects": [_HALO]})  # fmt: skip
    axes.annotate(label, (x, 0.04), (2, 6), "axes fraction", "offset points", fontsize=8, color=INK, bbox=_PLATE,
                  zorder=5)  # fmt: skip


def _north_arrow(axes: Axes, y_axis_deg: float) -> None:
    """Draw a north arrow, upper right; ``y_axis_deg`` is the bearing of the y axis in degrees."""
    if not np.isfinite(y_axis_deg):
        return
    turn = np.radians(-y_axis_deg)
    # "<|-" puts the arrow's head at the text.
    axes.annotate("N", (0.955, 0.9), (24 * np.sin(turn), 24 * np.cos(turn)), "axes fraction", "offset points",
                  ha="center", va="center", fontsize=8, color=INK, bbox=_PLATE, zorder=6,
                  arrowprops={"arrowstyle": "<|-", "color": INK, "shrinkA": 0, "shrinkB": 0, "linewidth": 1.2,
                              "path_effects": [_HALO]})  # fmt: skip


def _degrees(value: float, letters: str) -> str:
    """Format degrees with a hemisphere letter.

    >>> _degrees(-80.1234, "EW")
    '80.123° W'
    """
    return f"{abs(value):.3f}° {letters[value < 0]}"
