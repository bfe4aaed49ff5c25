"""What prepare_data makes of folders: bands, sizes, unreadable tiles, several folders, arguments."""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from littoral import FeatureClassifier, classify_objects, prepare_data
from littoral.cli import main
from littoral.errors import InputError, LittoralWarning
from littoral.learn.band_selection import band_positions, with_bands
from littoral.learn.data.unsupported import ELSEWHERE
from littoral.package import resize
from littoral.tiles import read_tile, read_tiles

USUAL = {"batch_size": 8, "val_split_pct": 0.3, "seed": 1}


@pytest.fixture
def folder(tiles_folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(tiles_folder, tmp_path / "tiles"))


def image(folder: Path, number: int) -> Path:
    return folder / "images" / f"{number:09d}.tif"


def rewrite(path: Path, change: object = None, **profile: object) -> None:
    """Write a tile's file again with other values or another profile."""
    with rasterio.open(path) as source:
        values, given, names = source.read(), source.profile, source.descriptions
    values = change(values) if callable(change) else values
    path.unlink()
    given |= {"count": len(values), "height": values.shape[1], "width": values.shape[2], "dtype": values.dtype}
    with rasterio.open(path, "w", **{**given, **profile}) as target:
        target.write(values)
        target.descriptions = names[: len(values)]


def rename_class(folder: Path, code: int, name: str) -> None:
    path = folder / "esri_model_definition.emd"
    content = json.loads(path.read_text())
    for entry in content["Classes"]:
        if entry["Value"] == code:
            entry["Name"] = name
    path.write_text(json.dumps(content))


# Resizing


@pytest.mark.parametrize("shape", [(16, 16), (20, 11), (64, 50), (32, 32), (7, 90)])
def test_resizing_is_pillows(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).normal(1000, 300, (2, 32, 32)).astype(np.float32)
    found, valid = resize(values, np.ones((32, 32), bool), shape)
    for plane, expected in zip(found, values, strict=True):
        oracle = np.asarray(Image.fromarray(expected).resize(shape[::-1], Image.Resampling.BILINEAR))
        assert np.allclose(plane, oracle, atol=1e-2)
    assert found.dtype == np.float32
    assert valid.all()


@given(
    st.integers(0, 2**32 - 1),
    st.tuples(st.integers(4, 20), st.integers(4, 20)),
    st.tuples(st.integers(2, 40), st.integers(2, 40)),
)
def test_resizing_leaves_missing_pixels_out(seed: int, old: tuple[int, int], new: tuple[int, int]) -> None:
    """What missing pixels hold, NaN included, changes nothing; a plane stays a plane of its value."""
    rng = np.random.default_rng(seed)
    valid = rng.random(old) < 0.7
    values = np.where(valid, 500.0, np.nan)[None]
    found, kept = resize(values, valid, new)
    again, kept_again = resize(np.where(valid, 500.0, -9e9)[None], valid, new)
    assert np.array_equal(found, again)
    assert np.array_equal(kept, kept_again)
    assert np.allclose(found[:, kept], 500.0)
    assert np.isfinite(found).all()


def test_resized_tiles_train_and_predict_alike(tiles_folder: Path) -> None:
    data = prepare_data(tiles_folder, resize_to=16, chip_size=12, **USUAL)
    given = data.preprocessing
    assert (given.resize_px, given.chip_px, given.tile.size_px) == (16, 12, 32)
    shapes = {x.shape[1:] for x, _ in data.loader(data.split.training, training=True)}
    assert shapes == {(3, 12, 12)}
    pixels = []
    for position in data.split.training:
        values, _ = read_tile(data.tiles.paths[position])
        planes = (Image.fromarray(plane.astype(np.float32)) for plane in values)
        small = np.stack([np.asarray(plane.resize((16, 16), Image.Resampling.BILINEAR)) for plane in planes])
        pixels.append(small.reshape(3, -1))
        middle = (small[:, 2:14, 2:14] - np.array(given.mean)[:, None, None]) / np.array(given.std)[:, None, None]
        assert np.allclose(given.apply(*data.tiles.read(position)), middle, atol=1e-3)
    together = np.concatenate(pixels, axis=1)
    assert given.mean == pytest.approx(together.mean(axis=1), rel=1e-5)
    assert given.std == pytest.approx(together.std(axis=1), rel=1e-4)
    # A tile of twice the ground is scaled by as much, and its middle taken.
    assert given.apply(np.ones((3, 64, 64)), np.ones((64, 64), bool)).shape == (3, 12, 12)


@pytest.mark.parametrize(
    ("sizes", "sentence"),
    [
        ({"resize_to": 4}, "resize_to 4 is no size for a tile"),
        ({"resize_to": 16, "chip_size": 20}, "chip_size 20 does not fit tiles resized to 16 pixels"),
    ],
)
def test_sizes_that_do_not_fit(tiles_folder: Path, sizes: dict[str, int], sentence: str) -> None:
    with pytest.raises(InputError, match=sentence):
        prepare_data(tiles_folder, **sizes)


# Bands


@pytest.mark.parametrize(
    ("wanted", "places"), [(["B04", "B02"], [2, 0]), (["b4"], [2]), ([3, "1"], [2, 0]), (["B3", 3], [1, 2])]
)
def test_bands_by_name_or_number(wanted: list[str | int], places: list[int]) -> None:
    assert band_positions(["B02", "B03", "B04"], wanted) == places


def test_some_bands_of_a_folder(tiles_folder: Path) -> None:
    every = prepare_data(tiles_folder, **USUAL)
    some = prepare_data(tiles_folder, bands=["B04", 1], **USUAL)
    assert some.tiles.bands == some.preprocessing.tile.bands == ("B04", "B02")
    assert np.array_equal(some.split.training, every.split.training)
    assert some.preprocessing.mean == tuple(every.preprocessing.mean[i] for i in (2, 0))
    values, valid = every.tiles.read(5)
    found, mask = some.tiles.subset(np.array([5])).read(0)
    assert np.array_equal(found, values[[2, 0]])
    assert np.array_equal(mask, valid)
    for wrong, sentence in ((["B08"], "have no band B08: choose among B02, B03, B04"), (["B02", 1], "one band twice")):
        with pytest.raises(InputError, match=sentence):
            prepare_data(tiles_folder, bands=wrong)


# Tiles that cannot be used


def test_unreadable_tiles_are_refused_by_name(folder: Path) -> None:
    rewrite(image(folder, 8), lambda values: np.zeros_like(values), nodata=0)
    with pytest.raises(InputError, match=r'000000008.tif has no valid pixel: take it out .*unreadable="skip"'):
        prepare_data(folder, **USUAL)
    whole = image(folder, 3).read_bytes()
    image(folder, 3).write_bytes(whole[: len(whole) - 2000])
    with pytest.raises(InputError, match=r"000000003.tif could not be read"):
        prepare_data(folder, **USUAL)


@pytest.mark.parametrize("packed", [False, True])
def test_unreadable_tiles_are_left_out_and_told(folder: Path, tmp_path: Path, packed: bool) -> None:
    whole = image(folder, 3).read_bytes()
    image(folder, 3).write_bytes(whole[: len(whole) - 2000])
    image(folder, 5).write_bytes(b"no image")
    rewrite(image(folder, 8), lambda values: np.zeros_like(values), nodata=0)
    with pytest.warns(LittoralWarning) as warned:
        data = prepare_data(folder, unreadable="skip", cache=tmp_path / "cache" if packed else None, **USUAL)
    assert len(data.tiles) == 49
    told = " ".join(data.notes)
    for number in (3, 5, 8):
        assert f"{number:09d}.tif" in told
        assert f"{number:09d}.tif" in data.describe()
        assert sum(f"{number:09d}.tif" in str(each.message) for each in warned) == 1
    every = [data.tiles.name(position) for position in range(49)]
    assert not any(name.endswith(f"{number:09d}.tif") for name in every for number in (3, 5, 8))
    assert sum(len(part) for part in (data.split.training, data.split.validation, data.split.set_aside)) == 49


def test_tiles_of_nan(folder: Path) -> None:
    for number in range(52):
        rewrite(image(folder, number), lambda values: values.astype(np.float32))
    rewrite(image(folder, 7), lambda values: np.full_like(values, np.nan))
    with pytest.raises(InputError, match=r"000000007.tif has no valid pixel"):
        prepare_data(folder, **USUAL)
    with pytest.warns(LittoralWarning, match=r"left out \(1\): .*000000007.tif \(no valid pixel\)"):
        data = prepare_data(folder, unreadable="skip", **USUAL)
    assert len(data.tiles) == 51
    assert np.isfinite(data.preprocessing.mean).all()


# Several folders


def test_folders_are_merged_by_value_and_renaming_is_told(tiles_folder: Path, folder: Path) -> None:
    rename_class(folder, 3, "beach")
    data = prepare_data([folder, tiles_folder], **USUAL)
    assert data.class_mapping == {7: "mangrove", 3: "beach"}
    assert len(data.tiles) == 104
    (note,) = [note for note in data.notes if "is called" in note]
    assert (
        note == f"class 3 is called beach in {folder} and sandy shore in {tiles_folder}; the first name stands for both"
    )
    assert note in str(data)


def test_one_name_for_two_classes(folder: Path) -> None:
    rename_class(folder, 3, "mangrove")
    with pytest.raises(InputError, match=r"classes 3 and 7 are both called mangrove: give one another name"):
        prepare_data(folder)
    assert prepare_data(folder, class_mapping={3: "sand"}, **USUAL).classes == ["mangrove", "sand"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda values: values[:2], "has 2 bands"),
        (lambda values: values[:, :16, :16], "has 16 x 16 pixels"),
        (lambda values: (values >> 8).astype(np.uint8), "holds uint8 values"),
    ],
)
def test_folders_that_do_not_go_together(tiles_folder: Path, folder: Path, change: object, sentence: str) -> None:
    for number in range(52):
        rewrite(image(folder, number), change, nodata=None)
    with pytest.raises(InputError, match=sentence) as error:
        prepare_data([tiles_folder, folder])
    assert str(tiles_folder) in str(error.value)
    assert str(folder) in str(error.value)


# Arguments


@pytest.mark.parametrize("name", sorted(ELSEWHERE))
def test_arguments_of_the_original_are_answered(tiles_folder: Path, name: str) -> None:
    with pytest.raises(InputError, match=f"argument {name} is not taken here: {ELSEWHERE[name][:12]}"):
        prepare_data(tiles_folder, **{name: "anything"})


def test_unknown_arguments_name_the_nearest(tiles_folder: Path) -> None:
    with pytest.raises(TypeError, match="no argument 'batchsize': did you mean 'batch_size'"):
        prepare_data(tiles_folder, batchsize=3)
    with pytest.raises(TypeError, match=r"no argument 'zzz'$"):
        prepare_data(tiles_folder, zzz=3)
    for wrong, sentence in (
        ({"jitter": 2.0}, "jitter 2.0 is out of range"),
        ({"transforms": 3}, "transforms is a int"),
        ({"unreadable": "maybe"}, "unreadable 'maybe' is not known"),
    ):
        with pytest.raises(InputError, match=sentence):
            prepare_data(tiles_folder, **wrong)


# The whole line


def test_a_model_of_some_bands_and_resized_tiles_classifies_as_it_learnt(
    coast: tuple[Path, gpd.GeoDataFrame], tiles_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = Path(shutil.copytree(tiles_folder, tmp_path / "tiles"))
    image(folder, 4).write_bytes(b"no image")
    options = ["--backbone", "test_resnet", "--weights", "none", "--epochs", "1", "--lr", "1e-3", "--bands", "B04,B02"]
    options += ["--resize-to", "48", "--chip-size", "40", "--val-share", "0.3", "--batch-size", "16"]
    path = tmp_path / "m.dlpk"
    monkeypatch.setattr(sys, "argv", ["littoral", "train", str(folder), "-o", str(path), *options])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 2
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--unreadable", "skip"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert not ended.value.code
    model = FeatureClassifier.from_model(path)
    given = model.manifest.preprocessing
    assert (given.tile.bands, given.resize_px, given.chip_px, given.tile.size_px) == (("B04", "B02"), 48, 40, 32)
    # A folder with more bands is read by those the model knows.
    assert model.evaluate(tiles_folder, allow_seen=True)["tiles"] == 52

    scene, rectangles = coast
    table = classify_objects(scene, rectangles, path)
    found = table[[f"P_{category.code}" for category in model.manifest.categories]].to_numpy()
    tiles = with_bands(read_tiles(tiles_folder), ["B04", "B02"])
    every = [tiles.read(position) for position in range(52)]
    arrays = [np.ma.array(values, mask=np.broadcast_to(~valid, values.shape)) for values, valid in every]
    expected = np.stack([model.predict_proba(array) for array in arrays])
    assert np.allclose(found, expected, atol=1e-6)
