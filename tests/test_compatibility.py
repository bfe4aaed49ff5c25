"""Whether a scene is of the kind that a model was trained on, and what is said of one that is not."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import rasterio

from littoral.classify import check_cell_size, check_scene
from littoral.classify.compatibility import coarser_than_trained, trained_cell_m
from littoral.errors import InputError
from littoral.imagery import open_scene
from littoral.imagery.options import SceneOptions
from littoral.package import Manifest, Preprocessing
from littoral.tiles import TileSpec

Writer = Callable[..., Path]
DARWIN, MIAMI = (
    "((131 -12.2, 131.1 -12.2, 131.1 -12.1, 131 -12.2))",
    "((-80.2 25.7, -80.1 25.7, -80.1 25.8, -80.2 25.7))",
)


def manifest(area: str = "", epsg: int | None = 32617, cell: float = 10.0) -> Manifest:
    spec = TileSpec(256, ("B02", "B03", "B04"))
    given = Preprocessing(spec, 256, (0.0,) * 3, (1.0,) * 3, "uint16", "as stored", None)
    return Manifest("resnet18", given, (), (cell, cell), epsg, "", (), area, {})


@pytest.mark.parametrize("parts", [[MIAMI], [DARWIN, MIAMI], [MIAMI, DARWIN], [DARWIN]])
def test_cells_are_measured_where_their_zone_is(parts: list[str]) -> None:
    """A training on coasts of the whole world has its cells in the zone of one of them."""
    assert trained_cell_m(manifest(f"MULTIPOLYGON ({', '.join(parts)})")) == pytest.approx(10.0, rel=2e-3)


def test_cells_of_a_projection_that_stretches() -> None:
    north = "POLYGON ((5 60, 5.1 60, 5.1 60.1, 5 60))"
    assert trained_cell_m(manifest(north, 3857)) == pytest.approx(5.0, rel=0.01)
    assert trained_cell_m(manifest("", 3857)) == pytest.approx(10.0)
    assert trained_cell_m(manifest("", 4326, 1e-4)) is None
    # A place beyond the antimeridian is the same place.
    beyond = "POLYGON ((183 65, 183.1 65, 183.1 65.1, 183 65))"
    assert trained_cell_m(manifest(beyond, 32601)) == pytest.approx(10.0, rel=2e-3)
    assert trained_cell_m(manifest(beyond, None)) is None


def test_a_scene_of_another_sensor_is_told_what_to_do(data: Path, tmp_path: Path) -> None:
    model = manifest()
    landsat_8 = data / "scenes" / "klamath_CA_2017-10-02_L8_30m_6band.tif"
    landsat_7 = data / "scenes" / "landsat7-olinda" / "L7_ETMs.tif"
    named = ["B02", "B03", "B04", "B08", "B11"]
    for path in (landsat_8, landsat_7):
        with pytest.raises(
            InputError,
            match=r"needs bands B02, B03, B04 and .* does not name its bands, .* 6: .*--band-names B02,B03,B04,B08",
        ):
            check_scene(open_scene(path), model.preprocessing)
    for path, kind in ((landsat_8, "float32"), (landsat_7, "uint8")):
        scene = open_scene(path, SceneOptions(band_names=[*named, "QA" if path == landsat_8 else "B12"]))
        with pytest.raises(InputError, match=rf"has {kind} values .* where the model was trained on uint16"):
            check_scene(scene, model.preprocessing)
    wide = replace(model.preprocessing, tile=TileSpec(256, ("B04", "B11", "B12")))
    with pytest.raises(InputError, match=r"has B02, B03, B04, B08, but no B11, B12: pass a scene with them"):
        check_scene(open_scene(data / "realcoast" / "unalakleet_alaska_l9.tif"), wide)
    # The same as reflectance x 10000 differs by its cells alone.
    with rasterio.open(landsat_8) as source:
        values = np.nan_to_num(source.read() * 10_000, nan=0, neginf=0).clip(0, 65534).astype("uint16")
        profile = source.profile | {"dtype": "uint16", "nodata": 0}
    with rasterio.open(tmp_path / "scaled.tif", "w", **profile) as target:
        target.write(values)
    scene = open_scene(tmp_path / "scaled.tif", SceneOptions(band_names=[*named, "QA"]))
    check_scene(scene, model.preprocessing)
    with pytest.raises(InputError, match=r"cells of 30 m where the model was trained on 10 m: .*--cell-size 10"):
        check_cell_size(scene, model)
    brought = open_scene(tmp_path / "scaled.tif", SceneOptions(band_names=[*named, "QA"], cell_size=10))
    check_cell_size(brought, model)
    assert "pixels of scaled are 30 m wide where the model was trained on 10 m" in coarser_than_trained(brought, model)
    alike = replace(model.preprocessing, tile=replace(model.preprocessing.tile, cell_size=10.0))
    assert coarser_than_trained(brought, replace(model, preprocessing=alike)) == ""


def test_a_landsat_scene_that_was_brought_to_the_models_cells_is_accepted(data: Path) -> None:
    scene = open_scene(data / "realcoast" / "unalakleet_alaska_l9.tif")
    check_scene(scene, manifest().preprocessing)
    check_cell_size(scene, manifest())
    assert coarser_than_trained(scene, manifest()) == ""
