"""Maps of the predicted and of the true classes, over the imagery where there is one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import shapely
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray

from littoral import figures
from littoral.categories import UNKNOWN_COLOUR
from littoral.errors import InputError
from littoral.imagery import Scene, read_overview
from littoral.package import Package
from littoral.predictions import UNLIKE
from littoral.report.coast import CoastData, LeftOut, read_coast
from littoral.report.elements import as_svg, rgb_of

_MAP_PX, _LONGEST_PX = 1000, 3000
"""Pixels across the map's imagery; most pixels that are read of a scene for it."""

UNLIKE_COLOUR = "#FF6D00"
"""Colour of rectangles unlike the training: not that of a category, and visible on sea, sand and forest."""

Ground = tuple[figures.Image, tuple[float, float, float, float]]


def plot_classified(
    classified: gpd.GeoDataFrame | str | Path,
    *,
    model: Package | str | Path | None = None,
    scene: Scene | str | Path | None = None,
    class_label_field: str = "ClassLabel",
    width_in: float = 7.0,
) -> Figure:
    """Draw a map of the classes, for a notebook.

    Args:
        classified: Rectangles as :func:`littoral.classify_objects` returns them or ``littoral classify`` writes them.
        model: The package that classified them, for names and colours of classes that are not CATCOA's.
        scene: The imagery, shown under them.
        class_label_field: Column with the class names.
        width_in: Width of the figure, inches.

    Raises:
        InputError: the table was not classified or has no CRS, a model of other classes, a scene elsewhere or turned.
    """
    coast = read_coast(classified, model, None, scene, class_label_field)
    try:
        ground = None if coast.scene is None else ground_picture(coast)
    except LeftOut as reason:
        assert coast.scene is not None
        raise InputError(f"the scene {coast.scene.name}", "is turned", "pass it north up, or leave it out") from reason
    return _map(coast, coast.code, names_without_class(coast), ground, width_in)


def names_without_class(coast: CoastData) -> NDArray[np.str_]:
    """(rows,), name in the legend of a rectangle without a class: ``unlike training``, or ``not classified``."""
    unlike = (coast.table["status"].astype("string") == UNLIKE).fillna(False).to_numpy(bool)
    return np.where(unlike, UNLIKE, "not classified")


def colour_without_class(name: str) -> str:
    """Colour of a legend entry that is not a class: a status, or "not known"."""
    return UNLIKE_COLOUR if name == UNLIKE else UNKNOWN_COLOUR


def ground_picture(coast: CoastData) -> Ground:
    """The scene around the rectangles as a picture, and its left, right, bottom, top."""
    coast.need(scene=True)
    scene = coast.scene
    assert scene is not None
    if scene.transform.b or scene.transform.d:
        raise LeftOut(f"the grid of {scene.name} is turned: pass it north up, e.g. from gdalwarp")
    bounds = shapely.bounds(coast.table.geometry.to_crs(scene.crs).to_numpy()[coast.on_scene])
    low, high = bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)
    margin = (high - low).max() / 2
    corners = np.array([low - margin, high + margin])
    columns, rows = (np.sort(pixels) for pixels in ~scene.transform @ (corners[:, 0], corners[:, 1]))
    wanted_px = _MAP_PX * max(scene.width, scene.height) / max(np.ptp(columns), np.ptp(rows))
    bands = [scene.bands[i] for i in dict.fromkeys(rgb_of(scene.bands))]
    values, valid = read_overview(scene, bands, int(np.clip(wanted_px, _MAP_PX, _LONGEST_PX)))
    across, down = valid.shape[1] / scene.width, valid.shape[0] / scene.height
    first, last = np.clip(columns * across, 0, valid.shape[1]).round().astype(int)
    upper, lower = np.clip(rows * down, 0, valid.shape[0]).round().astype(int)
    x, y = scene.transform @ (np.array([first, last]) / across, np.array([lower, upper]) / down)
    picture = figures.stretch(values[:, upper:lower, first:last], valid[upper:lower, first:last])
    return picture, (float(x[0]), float(x[1]), float(y[0]), float(y[1]))


def draw_map(
    coast: CoastData,
    codes: NDArray[np.float64],
    caption: str,
    unknown: str | NDArray[np.str_],
    ground: Ground | None,
) -> tuple[str, Markup]:
    """A map of class codes, NaN where there is none; ``unknown`` is the name of NaN, for all rows or for each."""
    return caption, as_svg(_map(coast, codes, unknown, ground, 5.2), f"Map: {caption}")


def _map(
    coast: CoastData,
    codes: NDArray[np.float64],
    unknown: str | NDArray[np.str_],
    ground: Ground | None,
    width_in: float,
) -> Figure:
    shapes = coast.table.geometry
    outlines = gpd.GeoDataFrame(geometry=shapes.to_crs(map_crs(coast)))
    used = [coast.scheme.category(int(code)) for code in np.unique(codes[np.isfinite(codes)])]
    none = np.isnan(codes)
    why = np.broadcast_to(unknown, codes.shape)
    grey = {name: colour_without_class(name) for name in sorted(set(why[none].tolist()))}
    legend = [(c.name, c.colour) for c in used] + list(grey.items())
    colour = {c.code: c.colour for c in used}
    colours = [grey[name] if lacks else colour[code] for code, lacks, name in zip(codes, none, why, strict=True)]
    return figures.plot_map(outlines, colours, legend=legend, background=ground, width_in=width_in)


def map_crs(coast: CoastData) -> Any:
    """The scene's, or one that is true to scale around the rectangles."""
    return coast.scene.crs if coast.scene is not None else _local_crs(coast.table.geometry)


def _local_crs(shapes: gpd.GeoSeries) -> str:
    """True to scale around the middle of the shapes, wherever on Earth: on the antimeridian too."""
    lonlat = shapely.get_coordinates(shapes.to_crs(4326).to_numpy())
    longitude, latitude = np.radians(lonlat[np.isfinite(lonlat).all(axis=1)]).T
    middle = np.angle(np.exp(1j * longitude).mean())
    return f"+proj=aeqd +lon_0={np.degrees(middle)} +lat_0={np.degrees(latitude.mean())} +datum=WGS84"
