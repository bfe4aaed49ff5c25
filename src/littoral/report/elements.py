"""Make figures, pictures and outlines into elements of the page, and choose the bands of pictures."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable
from typing import Any

import matplotlib.image
import numpy as np
import shapely
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray

from littoral import figures
from littoral.imagery import Band

_CORNERS = 32


def rgb_of(bands: Iterable[Band]) -> tuple[int, int, int]:
    """Positions of the red, green and blue band. Names that are only numbers are not used."""
    return figures.rgb_bands([band.name if band.described else "" for band in bands])


def as_svg(figure: Figure, description: str) -> Markup:
    """The figure as an element of the page."""
    # Safe as it stands: matplotlib escapes the text it writes, and figures.svg the description.
    return Markup(figures.svg(figure, description))


def jpeg(picture: figures.Image) -> str:
    """The picture in a ``data:`` address."""
    held = io.BytesIO()
    matplotlib.image.imsave(held, np.ascontiguousarray(picture), format="jpeg", pil_kwargs={"quality": 80})
    return f"data:image/jpeg;base64,{base64.b64encode(held.getvalue()).decode('ascii')}"


def corners(shape: Any) -> NDArray[np.float64]:
    """(corners, 2), outline of the largest part without the closing corner; empty for a shape without area."""
    parts = [part for part in shapely.get_parts(shape) if part.geom_type == "Polygon" and not part.is_empty]
    if not parts:
        return np.empty((0, 2))
    points = shapely.get_coordinates(max(parts, key=shapely.area).exterior)[:-1]
    # At most this many corners, e.g. of a circle.
    return points[:: -(-len(points) // _CORNERS)]
