"""Convert pixel values to pictures, and draw tiles side by side."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy import ndimage

from littoral.figures.style import INK, QUIET, RULE, new_figure, wrapped

Image = NDArray[np.uint8]
"""Picture (height, width, 3): red, green and blue, 0 to 255."""

MISSING_GREY = 221
"""Value of missing pixels in red, green and blue."""

_TWO_COLOURS = "frame: true class left and above, predicted class right and below"

_SENTINEL_NAME = re.compile(r"B0?(\d{1,2}A?)", re.IGNORECASE)
_COLOUR_BANDS = (("4", "red"), ("3", "green"), ("2", "blue"))


def rgb_bands(names: Sequence[str]) -> tuple[int, int, int]:
    """Positions of the red, green and blue bands: B04, B03 and B02 if there are bands of these names or colours.

    Otherwise the first three bands, or the first band three times if there are fewer than three.

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
    """Convert pixel values to a picture: black at the 2nd and white at the 98th percentile of the valid pixels.

    The percentiles are common to the three bands, so that hues are preserved.

    Args:
        values: (bands, height, width) of any type.
        valid: (height, width), False for missing pixels, which become light grey.
        rgb: Positions of the red, green and blue bands; None: the first three, or the first in grey if there are fewer.

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
        # If all values are equal, the tile is middle grey.
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
    """Draw tiles side by side, each with a title above.

    Args:
        images: Pictures of the tiles.
        titles: Title of each tile; long lines are broken.
        columns: Tiles per row.
        colours: Frame colour of each tile, or two: that of the true class is drawn left and above, that of the
            predicted class right and below, and a line under the tiles explains it.
        heat: Map (height, width) of values 0 to 1 for each tile, of any resolution: pixels are darker towards 0, and a
            contour line is drawn at 0.5.
    """
    columns = max(min(columns, len(images)), 1)
    rows = max(-(-len(images) // columns), 1)
    lines = max((len(wrapped(title, 24).splitlines()) for title in titles), default=1)
    figure = new_figure(1.85 * columns, (1.75 + 0.2 * lines) * rows)
    for position, (image, title) in enumerate(zip(images, titles, strict=True)):
        axes = figure.add_subplot(rows, columns, position + 1)
        if heat is None:
            axes.imshow(image, interpolation="antialiased")
        else:
            _lit(axes, image, heat[position])
        axes.set(xticks=[], yticks=[])
        axes.set_title(wrapped(title, 24), fontsize=8, color=INK, loc="left", pad=4)
        axes.spines[:].set(color=RULE, linewidth=3 if colours else 0.8)
        if colours:
            given = colours[position]
            first, second = (given, given) if isinstance(given, str) else given
            for side, colour in {"left": first, "top": first, "right": second, "bottom": second}.items():
                axes.spines[side].set_color(colour)
    if colours and not all(isinstance(given, str) for given in colours):
        figure.supxlabel(_TWO_COLOURS, x=0.01, ha="left", fontsize=7.5, color=QUIET)
    return figure


def _lit(axes: Axes, image: Image, heat: NDArray[np.float32]) -> None:
    """Draw a picture that is dark where ``heat`` is 0, with a contour line at 0.5."""
    height, width = image.shape[:2]
    scale = (height / heat.shape[0], width / heat.shape[1])
    strength = np.clip(ndimage.zoom(heat, scale, order=1, mode="nearest", grid_mode=True), 0, 1)
    axes.imshow((image * (0.3 + 0.7 * strength[..., None])).astype(np.uint8), interpolation="antialiased")
    if strength.min() < 0.5 < strength.max():
        axes.contour(strength, levels=[0.5], colors="white", linewidths=1.2)
