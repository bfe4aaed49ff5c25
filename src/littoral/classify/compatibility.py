"""Check that a scene is like those the model was trained on: bands, kind of values, size of cells."""

from __future__ import annotations

import numpy as np
import shapely
from pyproj import CRS, Transformer
from pyproj.exceptions import CRSError

from littoral.errors import InputError
from littoral.geodesy import ELLIPSOID
from littoral.imagery import Scene, kept_as, same_scaling, select_bands
from littoral.package import Manifest, Preprocessing

ALIKE = 0.1
"""Largest relative difference of a cell's side from that of the training."""
_COARSE = 1.5
"""Ratio of a pixel's width to that of a training cell above which a note is given."""


def check_scene(scene: Scene, preprocessing: Preprocessing) -> None:
    """Refuse a scene whose values are not like those the model was trained on.

    Raises:
        InputError: a band is missing, or its values are of another kind.
    """
    needed = preprocessing.tile.bands
    there = {name.casefold() for name in (*(band.name for band in (*scene.bands, *scene.masks)), *scene.absent)}
    if lacking := [name for name in needed if name.casefold() not in there]:
        have = ", ".join(band.name for band in scene.bands)
        if any(band.described for band in scene.bands):
            what, remedy = f"has {have}, but no {', '.join(lacking)}", "pass a scene with them, or a model of its bands"
        else:
            what = f"does not name its bands, of which there are {len(scene.bands)}"
            remedy = (
                "name them in order, --band-names B02,B03,B04,B08,… (Landsat's blue, green, red and near infrared too)"
            )
        raise InputError(f"the model needs bands {', '.join(needed)} and the scene {scene.name}", what, remedy)
    bands = select_bands(scene, needed, exact=True)
    kept, trained = kept_as(bands, preprocessing.tile.raw), (preprocessing.pixels, preprocessing.dtype)
    if not same_scaling(kept, trained):
        raise InputError(
            f"the scene {scene.name}",
            f"has {kept[1]} values ({kept[0]}) where the model was trained on {trained[1]} ({trained[0]})",
            "bring it to the training scenes' scaling, or declare its scale and offset with gdal_edit -scale -offset",
        )


def check_cell_size(scene: Scene, manifest: Manifest) -> None:
    """Refuse a scene whose cells are larger or smaller on the ground than those of the training by a tenth or more.

    Without a record of the training cells in the model, every size is accepted.

    Raises:
        InputError: the sizes differ, so a tile would show a longer or shorter stretch of coast than in training.
    """
    side = manifest.preprocessing.tile.cell_size
    width, height = (side, side) if side is not None else scene.cell_size
    trained = trained_cell_m(manifest)
    if trained is None or manifest.preprocessing.tile.space == "pixel":
        return
    middle = scene.transform @ (scene.width / 2, scene.height / 2)
    found = cell_m(scene.crs, (width, height), middle)
    if abs(found / trained - 1) > ALIKE:
        cells = np.sqrt(np.prod(manifest.cell_size))
        raise InputError(
            f"the scene {scene.name}",
            f"has cells of {found:.3g} m where the model was trained on {trained:.3g} m",
            f"bring it to those with --cell-size {cells:.3g}, or go on with --any-cell-size",
        )


def coarser_than_trained(scene: Scene, manifest: Manifest) -> str:
    """A note if a scene's own pixels are much larger than the model's cells, else empty.

    Cells of 10 m resampled from pixels of 30 m have blocks that a model of finer imagery was not trained on. It is
    enough that one of the model's bands is fine. There is no note if the model was trained on resampled cells, because
    its training scenes may have been as coarse.
    """
    trained = trained_cell_m(manifest)
    if trained is None or manifest.preprocessing.tile.cell_size is not None:
        return ""
    middle = scene.transform @ (scene.width / 2, scene.height / 2)
    bands = select_bands(scene, manifest.preprocessing.tile.bands, exact=True)
    transforms = [scene.transform if band.grid is None else band.grid.transform for band in bands]
    found = min(cell_m(scene.crs, (np.hypot(each.a, each.d), np.hypot(each.b, each.e)), middle) for each in transforms)
    if found <= trained * _COARSE:
        return ""
    return (
        f"the pixels of {scene.name} are {found:.3g} m wide where the model was trained on {trained:.3g} m: its tiles "
        "are coarser than those of the training, so predictions may be poor"
    )


def trained_cell_m(manifest: Manifest) -> float | None:
    """Side of a training pixel on the ground; None where the model has no record of it."""
    if manifest.cell_epsg is None or min(manifest.cell_size) <= 0:
        return None
    try:
        crs = CRS.from_epsg(manifest.cell_epsg)
    except CRSError:
        # Other programs may use codes that PROJ does not have.
        return None
    middle = _place_in(crs, manifest.training_area)
    if middle is not None:
        return cell_m(crs, manifest.cell_size, middle)
    unit = crs.axis_info[0].unit_conversion_factor if crs.is_projected else None
    return None if unit is None else float(np.sqrt(np.prod(manifest.cell_size)) * unit)


def _place_in(crs: CRS, area: str) -> tuple[float, float] | None:
    """A point (x, y) of the training area inside the CRS's area of use, None if there is none. Training on many coasts
    has cells in one CRS, and some of its places may be outside that UTM zone."""
    use = crs.area_of_use
    for part in shapely.get_parts(shapely.from_wkt(area)) if area else ():
        place = part.representative_point()
        lon, lat = (place.x + 180) % 360 - 180, place.y
        if use is None or (use.west <= lon <= use.east and use.south <= lat <= use.north):
            x, y = Transformer.from_crs("EPSG:4326", crs, always_xy=True).transform(lon, lat)
            return float(x), float(y)
    return None


def cell_m(crs: CRS, size: tuple[float, float], middle: tuple[float, float]) -> float:
    """Side in metres on the ground of a square of the same area as a cell ``size`` (x, y) at ``middle`` (x, y).

    >>> round(cell_m(CRS(32631), (10.0, 10.0), (5e5, 4e6)), 2), round(cell_m(CRS(3857), (10.0, 10.0), (0, 8.4e6)), 2)
    (10.0, 5.01)
    """
    (x, y), (width, height) = middle, size
    lonlat = Transformer.from_crs(crs, "EPSG:4326", always_xy=True)
    lon, lat = lonlat.transform([x, x + width, x], [y, y, y + height])
    sides = [ELLIPSOID.inv(lon[0], lat[0], lon[at], lat[at])[2] for at in (1, 2)]
    return float(np.sqrt(np.prod(sides)))
