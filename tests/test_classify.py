from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest

from conftest import boxes, textured
from littoral import (
    FeatureClassifier,
    classify_objects,
    export_tiles,
    open_scene,
    prepare_data,
    read_vector,
    write_classified,
)
from littoral.errors import InputError
from littoral.package import read_package
from littoral.tiles import TileSpec, cut_tiles, read_tile

Writer = Callable[..., Path]


@pytest.fixture(scope="module")
def model(tiles_folder: Path) -> FeatureClassifier:
    data = prepare_data(tiles_folder, batch_size=8, val_split_pct=0.3, seed=1)
    model = FeatureClassifier(data, "resnet10t", pretrained=False)
    model.fit(8, 3e-3)
    return model


@pytest.fixture(scope="module")
def package(model: FeatureClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model.save(tmp_path_factory.mktemp("model") / "m.dlpk")


def test_statements_are_the_models(
    coast: tuple[Path, gpd.GeoDataFrame], model: FeatureClassifier, package: Path
) -> None:
    scene, table = coast
    out = classify_objects(scene, table, package)
    assert (out["status"] == "classified").all()
    assert list(out.columns[:3]) == list(table.columns)
    for tile in cut_tiles(open_scene(scene), table.iloc[:5], TileSpec(32, ("B02", "B03", "B04"))):
        alone = model.predict_proba(tile.values)
        row = out.iloc[tile.position]
        assert [row["P_7"], row["P_3"]] == pytest.approx(list(alone), abs=1e-5)
        assert row["Confidence"] == pytest.approx(alone.max(), abs=1e-5)
        assert row["ClassValue"] == (7, 3)[int(alone.argmax())]
        assert row["ClassLabel"] == ("mangrove", "sandy shore")[int(alone.argmax())]
    assert (out["ClassValue"] == table["CATCOA"]).mean() > 0.9
    assert np.allclose(out["P_7"] + out["P_3"], 1)


def test_rectangles_that_cannot_be_judged_say_so(tmp_path: Path, write_scene: Writer, package: Path) -> None:
    values = textured(size=200)
    values[:, :, 100:] = 0
    scene = write_scene(tmp_path / "s.tif", values, nodata=0)
    table = boxes([(40, 40), (150, 40), (2000, 40), (-8, 40)], [3, 3, 3, 3]).set_index([[10, 20, 30, 40]])
    out = classify_objects(scene, table, package)
    assert out["status"].tolist() == ["classified", "nodata", "outside imagery", "outside imagery"]
    nulls = out[["ClassLabel", "ClassValue", "Confidence", "P_3", "P_7"]].isna()
    assert nulls.all(axis=1).tolist() == [False, True, True, True]
    assert out.index.tolist() == [10, 20, 30, 40]
    assert table.columns.tolist() == ["ID", "CATCOA", "geometry"]


def test_colliding_fields_are_kept(coast: tuple[Path, gpd.GeoDataFrame], package: Path) -> None:
    table = coast[1].iloc[:3].assign(classlabel="mine", Status=1)
    out = classify_objects(coast[0], table, package)
    assert out.attrs["renamed"] == {"classlabel": "classlabel_in", "Status": "Status_in"}
    assert out["classlabel_in"].tolist() == ["mine"] * 3
    with pytest.raises(InputError, match="another output field"):
        classify_objects(coast[0], table, package, class_label_field="confidence")


def test_file_has_integers_nulls_and_style(coast: tuple[Path, gpd.GeoDataFrame], package: Path, tmp_path: Path) -> None:
    out = classify_objects(coast[0], coast[1], package, class_label_field="Kind")
    categories = read_package(package).manifest.categories
    path = write_classified(out, tmp_path / "c.gpkg", categories, class_label_field="Kind")
    back = read_vector(path)
    assert back["ClassValue"].dtype == "Int64"
    assert back["Kind"].tolist() == out["Kind"].tolist()
    assert b"mangrove" in path.read_bytes()
    again = write_classified(out, tmp_path / "c2.gpkg", categories, class_label_field="Kind")
    assert len(again.read_bytes()) == len(path.read_bytes())


def test_scene_must_be_like_the_training_scenes(tmp_path: Path, write_scene: Writer, package: Path) -> None:
    table = boxes([(40, 40)], [3])
    values = textured(size=100)
    with pytest.raises(InputError, match="the model needs bands B02, B03, B04 and s has no band B02"):
        classify_objects(write_scene(tmp_path / "s.tif", values, names=None), table, package)
    floats = write_scene(tmp_path / "f.tif", (values / 1e4).astype("float32"))
    with pytest.raises(InputError, match=r"float32 values \(as stored\) where the model was trained on uint16"):
        classify_objects(floats, table, package)
    eight = write_scene(tmp_path / "e.tif", (values // 64).astype("uint8"))
    with pytest.raises(InputError, match="uint8 values"):
        classify_objects(eight, table, package)
    far = boxes([(99_999, 40)], [3])
    with pytest.raises(InputError, match="overlaps none"):
        classify_objects(write_scene(tmp_path / "g.tif", values), far, package)


def test_many_rectangles_in_batches_equal_one_by_one(coast: tuple[Path, gpd.GeoDataFrame], package: Path) -> None:
    whole = classify_objects(coast[0], coast[1], package)
    single = [classify_objects(coast[0], coast[1].iloc[[i]], package) for i in (0, 33, 51)]
    for i, one in zip((0, 33, 51), single, strict=True):
        assert one["Confidence"].iloc[0] == pytest.approx(whole["Confidence"].iloc[i], abs=1e-5)


def test_an_offset_is_not_lost_between_training_and_classifying(
    tmp_path: Path, write_scene: Writer, coast: tuple[Path, gpd.GeoDataFrame]
) -> None:
    values = textured()
    shifted = write_scene(tmp_path / "shifted.tif", values, scales=(1e-4,) * 3, offsets=(-0.1,) * 3)
    export_tiles(shifted, coast[1], tmp_path / "tiles", tile_size=32)
    data = prepare_data(tmp_path / "tiles", batch_size=8, val_split_pct=0.3, seed=1)
    model = FeatureClassifier(data, "resnet10t", pretrained=False)
    with pytest.raises(InputError, match=r"trained on int16 \(reflectance x 10000\)"):
        classify_objects(coast[0], coast[1], model)
    assert (classify_objects(shifted, coast[1], model)["status"] == "classified").all()
    # The same pixels from a file and as an array, fill included.
    path = data.tiles.paths[0]
    values, valid = read_tile(path)
    values[:, :9] = -32768
    valid[:9] = False
    by_hand = model.predict_inputs(data.preprocessing.apply(values, valid)[None])[0]
    assert (model.predict_proba(values) == by_hand).all()
    assert (model.predict_proba(np.ma.masked_array(values, values == -32768)) == by_hand).all()
