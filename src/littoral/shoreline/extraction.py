"""Extract the shoreline of an image at sub-pixel accuracy.

A water index (:mod:`littoral.shoreline.water_index`) is contoured at its threshold
(:mod:`littoral.shoreline.threshold`), interpolated between pixel centres by scikit-image's marching squares (Lorensen
and Cline 1987). Water pixels that touch at a corner are connected, land pixels are not, both in the contours and in
the connected bodies (:mod:`littoral.shoreline.water_bodies`).
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import date
from pathlib import Path

import geopandas as gpd
import numpy as np
import shapely
from affine import Affine
from numpy.typing import NDArray
from skimage.measure import find_contours

from littoral.errors import InputError, LittoralWarning
from littoral.geodesy import DEGREES, line_lengths, segment_lengths
from littoral.imagery import Band, Scene, Window, cloudy, open_scene, read_windows, select_bands
from littoral.progress import Track, silent
from littoral.shoreline.index_grid import BESIDE_CLOUD, CLEAR, CLOUDY, LEVELS, MISSING, SEA, Field, spread
from littoral.shoreline.merge import merge_stretches
from littoral.shoreline.options import ShorelineOptions
from littoral.shoreline.threshold import find_threshold, refine, without_ice
from littoral.shoreline.water_bodies import drown_islets, mark_sea, marks_of
from littoral.shoreline.water_index import WaterIndex, choose_index
from littoral.vectors import require_crs

UNSEEN = (0, 1)
"""Classes of Sentinel-2's scene classification that are not used, besides clouds: no data, defective."""

_FINEST = 2.0**24
"""Points of lines are rounded to this fraction of a pixel, so that those found in two strips of rows are equal."""


def extract_shoreline(
    scene: Scene | str | Path,
    options: ShorelineOptions | None = None,
    *,
    sea: gpd.GeoDataFrame | None = None,
    cloud: Scene | str | Path | None = None,
    taken: str | None = None,
    track: Track = silent,
) -> gpd.GeoDataFrame:
    """Extract the shoreline of a scene: the boundary of sea and land at the time of the image.

    Sea is the largest body of water, and each other body of at least a fiftieth of its size that reaches the edge of
    the image; with ``sea``, every body of water that one of its geometries touches. All other water counts as land.
    Missing and cloudy pixels and the edge of the image are no shore: lines end there. If the scene has only visible
    bands, the RGB index is used with a :class:`LittoralWarning`.

    Args:
        scene: A scene, or the path to one. Bands are named as in Sentinel-2. An index is a ratio, so an offset of the
            reflectances that is not declared in the file makes it wrong. Clouds are taken from the scene's masks
            (SCL, cloud probability, QA_PIXEL).
        options: How water is separated from land, and which lines are kept.
        sea: Polygons or points that lie in the sea, in any CRS.
        cloud: An image on the scene's grid: Sentinel-2's SCL, or any band whose values other than 0 mean cloud.
        taken: Date of the image, ``YYYY-MM-DD``; if None, read from the file's tags or name.
        track: Shows progress, one step per strip of 256 rows.

    Returns:
        One row per line in the scene's CRS, with land on the left of the line, sorted from north to south by starting
        point; a ring starts at its northernmost point. Fields: ``length_m`` (geodesic), ``scene``, ``date`` (null if
        unknown), ``index``, ``threshold`` (of the whole scene; Otsu's threshold is then refined locally),
        ``land_side``.

    Raises:
        InputError: bands of the index are missing; there is no valid pixel or no shore; the sea mask has no CRS or
            touches no water; the cloud image has another grid; or the date is not valid.

    Memory: 3 bytes per pixel of the scene, 60 per pixel of a strip, and 200 per point of the lines: 0.6 GB for
    10980 × 10980 pixels, and GDAL's block cache (GDAL_CACHEMAX, by default a twentieth of the machine's memory).
    """
    scene = scene if isinstance(scene, Scene) else open_scene(scene)
    options = options or ShorelineOptions()
    day = (scene.acquired or None) if taken is None else _checked(taken)
    try:
        index = choose_index(options.index, [band.name for band in scene.bands])
    except InputError as error:
        if not scene.absent:
            raise
        missing = f"{error.what}; the product lists {', '.join(scene.absent)}, and their files are not there"
        remedy = "complete the download, or open it at a cell size whose files are there (--cell-size 60)"
        raise InputError(f"the scene {scene.name}", missing, remedy) from error
    if options.index == "auto" and index.name == "RGB":
        sentence = (
            f"{scene.name} has no near infrared; by its visible bands alone turbid or shallow water passes for land "
            "and dark vegetation for water: look at the line before you use it."
        )
        warnings.warn(LittoralWarning(sentence), stacklevel=2)
    hidden = _cloud_bands(scene, cloud)
    if sea is not None:
        require_crs(sea, "the sea mask")
    across_m, down_m = _pixel_size(scene)

    field = Field.empty(scene.height, scene.width)
    _measure(scene, index, field, track)
    for source, band in hidden:
        _hide(field, source, band)
    if hidden:
        _keep_away(field, round(options.cloud_buffer_m / down_m), round(options.cloud_buffer_m / across_m))
    if not any(field.clear(rows).any() for rows in field.strips()):
        raise InputError(scene.name, "has no valid, cloudless pixel", "choose another scene")
    given = index.threshold if options.threshold is None else options.threshold
    threshold = find_threshold(field, scene.name) if given is None else given
    _take_off(field, threshold)
    if given is None:
        unmixed = without_ice(scene, index, field)
        if unmixed is not None:
            index = unmixed
            _measure(scene, index, field, track)
            threshold = find_threshold(field, scene.name)
            _take_off(field, threshold)
        refine(scene, index, field, threshold, track)
    mark_sea(field, scene.transform, None if sea is None else marks_of(sea, scene.crs))
    drown_islets(field, options.min_area_m2 / (across_m * down_m))

    lines = _placed(_contours(field, track), scene.transform)
    table = merge_stretches(gpd.GeoDataFrame(geometry=lines, crs=scene.crs)).table
    table = gpd.GeoDataFrame(geometry=_in_order(table.geometry.to_numpy()), crs=scene.crs)
    table["length_m"] = line_lengths(table)
    table = table[table["length_m"] >= options.min_length_m].reset_index(drop=True)
    if table.empty:
        share = sum(int(np.count_nonzero(field.state[rows] == SEA)) for rows in field.strips()) / field.state.size
        raise InputError(
            scene.name,
            f"shows no shore: {share:.0%} of it is sea at {index.name} above {threshold:.3f}",
            "give another --index or --threshold, or a smaller --min-area or --min-length",
        )
    same = {"scene": scene.name, "date": day, "index": index.name, "threshold": float(threshold), "land_side": "left"}
    return table.assign(**same)[["length_m", *same, "geometry"]].astype({"date": "string"})


def _checked(taken: str) -> str:
    try:
        return date.fromisoformat(taken).isoformat()
    except ValueError as error:
        raise InputError(f"the date {taken!r}", "is none", "write it like 2023-06-13") from error


def _cloud_bands(scene: Scene, cloud: Scene | str | Path | None) -> list[tuple[Scene, Band]]:
    """Cloud masks as pairs of image and band: those of the scene, and that of the image ``cloud``."""
    found = [(scene, band) for band in scene.masks]
    if cloud is not None:
        mask = cloud if isinstance(cloud, Scene) else open_scene(cloud)
        if (mask.crs, mask.transform, mask.height, mask.width) != (
            scene.crs,
            scene.transform,
            scene.height,
            scene.width,
        ):
            raise InputError(mask.name, f"lies on another grid than {scene.name}", "warp it there, e.g. with gdalwarp")
        found.append((mask, (*mask.masks, *mask.bands)[0]))
    return found


def _pixel_size(scene: Scene) -> tuple[float, float]:
    """Width and height on the ground, metres, of the central pixel; also for a CRS in degrees or not true to scale."""
    column, row = scene.width / 2, scene.height / 2
    corners = [scene.transform @ at for at in ((column, row), (column + 1, row), (column, row), (column, row + 1))]
    places = gpd.GeoSeries.from_xy(*np.transpose(corners), crs=scene.crs).to_crs(DEGREES)
    across, _, down = segment_lengths(shapely.get_coordinates(places.to_numpy()))
    return float(across), float(down)


def _windows(field: Field) -> list[Window]:
    return [Window(rows.start, 0, rows.stop - rows.start, field.index.shape[1]) for rows in field.strips()]


def _measure(scene: Scene, index: WaterIndex, field: Field, track: Track) -> None:
    """Set the index of each pixel, and the state of valid pixels to CLEAR."""
    read = read_windows(scene, select_bands(scene, index.bands, exact=True), _windows(field))
    strips = field.strips()
    for rows, (values, seen) in track(zip(strips, read, strict=True), len(strips), "measuring water"):
        field.index[rows] = np.round(index.of(*np.maximum(values, 0).astype(np.float32)) * LEVELS)
        field.state[rows][seen & (field.state[rows] == MISSING)] = CLEAR


def _take_off(field: Field, threshold: float) -> None:
    np.subtract(field.index, np.int16(round(threshold * LEVELS)), out=field.index)


def _hide(field: Field, source: Scene, band: Band) -> None:
    """Set the state of cloudy pixels to CLOUDY."""
    read = read_windows(source, [band], _windows(field), raw=True)
    for rows, (values, seen) in zip(field.strips(), read, strict=True):
        if band.role == "measured":
            cloud = seen & (values[0] != 0)
        else:
            cloud = cloudy(values[0], band.role)
            if band.role == "scene classes":
                cloud |= ~seen | np.isin(values[0], UNSEEN)
        field.state[rows][cloud & field.clear(rows)] = CLOUDY


def _keep_away(field: Field, down: int, across: int) -> None:
    """Set the state of pixels within ``down`` rows and ``across`` columns of a cloudy pixel to BESIDE_CLOUD."""
    for rows in field.strips():
        wide, own = field.around(rows, down)
        near = spread(field.state[wide] == CLOUDY, down, across)[own]
        field.state[rows][near & field.clear(rows)] = BESIDE_CLOUD


def _contours(field: Field, track: Track) -> Iterator[NDArray[np.float64]]:
    """Contours (points, 2) in rows and columns of pixel centres, sea on their right; one strip of rows at a time."""
    strips = field.strips()
    for rows in track(strips, len(strips), "following the water's edge"):
        # Strips overlap by one row, so that their lines meet there.
        wide = slice(rows.start, min(rows.stop + 1, len(field.index)))
        away = np.maximum(np.abs(field.index[wide].astype(np.float64)), 0.5)
        # Ponds count as land and small islands as sea: the sign of their index is inverted.
        height = np.where(field.state[wide] == SEA, away, -away)
        if min(height.shape) < 2:
            continue
        found = find_contours(height, 0.0, fully_connected="high", mask=field.clear(wide))  # type: ignore[no-untyped-call]
        for line in found:
            yield np.round((line + (rows.start, 0)) * _FINEST) / _FINEST


def _placed(lines: Iterator[NDArray[np.float64]], transform: Affine) -> NDArray[np.object_]:
    """Convert lines of rows and columns to LineStrings in the CRS of ``transform``."""
    a, b, c, d, e, f = transform[:6]
    out = []
    for line in lines:
        row, column = line.T + 0.5
        out.append(shapely.LineString(np.column_stack([a * column + b * row + c, d * column + e * row + f])))
    return np.array(out, object)


def _in_order(lines: NDArray[np.object_]) -> NDArray[np.object_]:
    """Let rings begin at their northernmost (then westernmost) point; sort lines by first point, north to south.

    >>> ring, line = shapely.from_wkt(["LINESTRING (0 0, 1 0, 0 1, 0 0)", "LINESTRING (5 9, 6 9)"])
    >>> [line.wkt for line in _in_order(np.array([ring, line]))]
    ['LINESTRING (5 9, 6 9)', 'LINESTRING (0 1, 0 0, 1 0, 0 1)']
    """
    out = np.array(lines, object)
    for number in np.flatnonzero(shapely.is_closed(lines)):
        points = shapely.get_coordinates(lines[number])[:-1]
        points = np.roll(points, -np.lexsort((points[:, 0], -points[:, 1]))[0], axis=0)
        out[number] = shapely.LineString(np.concatenate([points, points[:1]]))
    x, y = shapely.get_coordinates(shapely.get_point(out, 0)).T
    return np.asarray(out[np.lexsort((x, -y))])
