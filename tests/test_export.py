"""Folders of tiles: formats, numbers, classes, and what is refused. Interrupted exports are in test_resuming.py."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from matplotlib.image import imread

from littoral import export_tiles, open_scene, read_categories, read_tiles
from littoral.errors import InputError, WriteError
from littoral.tiles import read_tile
from littoral.tiles.options import ClassOptions, CutOptions, ExportOptions
from option_values import export_values
from textured_coast import boxes, textured

Writer = Callable[..., Path]


@pytest.fixture(scope="module")
def scene_path(tmp_path_factory: pytest.TempPathFactory, write_scene: Writer) -> Path:
    return write_scene(tmp_path_factory.mktemp("scene") / "scene.tif", textured(size=160), nodata=0)


@pytest.fixture(scope="module")
def bytes_path(tmp_path_factory: pytest.TempPathFactory, write_scene: Writer) -> Path:
    """A scene of 8-bit values whose 255 is missing."""
    values = (textured(size=160) % 255).astype("uint8")
    values[:, 50:60, 70:90] = 255
    return write_scene(tmp_path_factory.mktemp("bytes") / "bytes.tif", values, nodata=255)


TABLE = boxes([(80, 60), (40, 40), (120, 100)], [3, 7, 3])


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def written_json(folder: Path, name: str) -> dict[str, object]:
    return dict(json.loads((folder / name).read_text()))


# Images


@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32", "float64"])
def test_the_scenes_type_is_kept(tmp_path: Path, write_scene: Writer, dtype: str) -> None:
    values = (textured(size=160) % 251).astype(dtype)
    scene = write_scene(tmp_path / "s.tif", values)
    export_tiles(scene, TABLE, tmp_path / "t", CutOptions(tile_size=(32, 32)))
    again, valid = read_tile(tmp_path / "t" / "images" / "000000000.tif")
    assert again.dtype == dtype
    assert valid.all()
    assert (again == values[:, 44:76, 64:96]).all()
    stats = written_json(tmp_path / "t", "esri_accumulated_stats.json")
    pixels = np.concatenate(
        [read_tile(path)[0].reshape(3, -1) for path in sorted((tmp_path / "t" / "images").iterdir())], 1
    )
    for band, state in zip(pixels.astype(float), stats["BandStatsState"], strict=True):  # type: ignore[call-overload]
        told = [state[key] for key in ("Min", "Max", "Mean", "StdDev", "Num")]
        assert told == pytest.approx([band.min(), band.max(), band.mean(), band.std(), band.size])


def test_a_png_holds_it_all(tmp_path: Path, bytes_path: Path) -> None:
    export_tiles(bytes_path, TABLE, tmp_path / "tiff", CutOptions(tile_size=(32, 32)))
    export_tiles(
        bytes_path, TABLE, tmp_path / "png", CutOptions(tile_size=(32, 32)), export=ExportOptions(image_format="png")
    )
    assert sorted(path.name for path in (tmp_path / "png" / "images").glob("000000000.*")) == [
        "000000000.pgw", "000000000.png", "000000000.png.aux.xml", "000000000.png.msk",
    ]  # fmt: skip
    one, other = read_tiles(tmp_path / "tiff"), read_tiles(tmp_path / "png")
    assert (other.bands, other.cell_epsg, other.nodata) == (one.bands, one.cell_epsg, one.nodata)
    assert all(a.equals(b) for a, b in zip(one.footprints, other.footprints, strict=True))
    for a, b in zip(one.paths, other.paths, strict=True):
        (values, valid), (again, seen) = read_tile(a), read_tile(b)
        assert (values == again).all()
        assert (valid == seen).all()
        with rasterio.open(a) as image, rasterio.open(b) as picture:
            assert image.transform == picture.transform
            assert {**image.tags(), "AREA_OR_POINT": ""} == {**picture.tags(), "AREA_OR_POINT": ""}
        # Another reader sees the same picture.
        assert (np.round(imread(b) * 255).astype("uint8").transpose(2, 0, 1) == values).all()
    assert (tmp_path / "png" / "map.txt").read_text().startswith("images\\000000000.png  labels\\000000000.xml \n")
    label = ET.parse(tmp_path / "png" / "labels" / "000000000.xml")
    assert label.findtext("filename") == "000000000.png"


def test_a_png_of_16_bits_and_of_one_band(tmp_path: Path, scene_path: Path) -> None:
    export_tiles(
        scene_path,
        TABLE,
        tmp_path / "t",
        CutOptions(tile_size=(32, 32), bands=("B03",)),
        export=ExportOptions(image_format="png"),
    )
    values, _ = read_tile(tmp_path / "t" / "images" / "000000000.png")
    assert values.dtype == np.uint16
    assert (values == textured(size=160)[1:2, 44:76, 64:96]).all()


def test_a_jpeg_is_near(tmp_path: Path, write_scene: Writer) -> None:
    y, x = np.mgrid[0:160, 0:160]
    values = np.array([x / 2 + 60, y / 2 + 50, x / 4 + y / 4 + 30]).astype("uint8")
    scene = write_scene(tmp_path / "s.tif", values)
    export_tiles(
        scene, TABLE, tmp_path / "t", CutOptions(tile_size=(32, 32)), export=ExportOptions(image_format="jpeg")
    )
    again, valid = read_tile(tmp_path / "t" / "images" / "000000000.jpg")
    assert valid.all()
    assert np.abs(again.astype(int) - values[:, 44:76, 64:96]).max() <= 6
    with rasterio.open(tmp_path / "t" / "images" / "000000000.jpg") as image:
        assert image.crs.to_epsg() == 32617
        assert image.descriptions == ("B02", "B03", "B04")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"image_format": "png", "bands": [1, 2]}, "2 bands do not fit in PNG.*transparency: choose 1 or 3"),
        ({"image_format": "jpeg"}, "values of type uint16 do not fit in JPEG, which takes uint8"),
        ({"image_format": "mrf"}, "image format 'mrf' is not known: choose one of tiff, png, jpeg"),
    ],
)
def test_formats_that_do_not_fit(tmp_path: Path, scene_path: Path, asked: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        export_tiles(scene_path, TABLE, tmp_path / "t", **export_values(tile_size=32, **asked))  # type: ignore[arg-type]
    assert not (tmp_path / "t").exists()


def test_more_bands_or_shifted_values_do_not_fit_in_a_png(tmp_path: Path, write_scene: Writer) -> None:
    values = textured(size=160)
    four = write_scene(tmp_path / "four.tif", np.concatenate([values, values[:1]]), names=None)
    with pytest.raises(InputError, match="4 bands do not fit in PNG, which takes no more than 3"):
        export_tiles(
            four, TABLE, tmp_path / "t", CutOptions(tile_size=(32, 32)), export=ExportOptions(image_format="png")
        )
    shifted = write_scene(tmp_path / "shifted.tif", values, scales=(1e-4,) * 3, offsets=(-0.1,) * 3)
    with pytest.raises(InputError, match=r"int16 do not fit in PNG.*--raw for values as stored"):
        export_tiles(
            shifted, TABLE, tmp_path / "t", CutOptions(tile_size=(32, 32)), export=ExportOptions(image_format="png")
        )
    export_tiles(
        shifted,
        TABLE,
        tmp_path / "t",
        CutOptions(tile_size=(32, 32), raw=True),
        export=ExportOptions(image_format="png"),
    )
    assert (read_tile(tmp_path / "t" / "images" / "000000000.png")[0] == values[:, 44:76, 64:96]).all()


@pytest.mark.parametrize("placement", ["centred", "oriented"])
def test_world_files_say_what_the_tags_say(tmp_path: Path, scene_path: Path, placement: str) -> None:
    table = TABLE.assign(Angle=[30.0, 40.0, -120.0])
    export_tiles(
        scene_path,
        table,
        tmp_path / "t",
        CutOptions(tile_size=(32, 32)),
        export=ExportOptions(world_file=True, placement=placement),
    )  # type: ignore[arg-type]
    for path in (tmp_path / "t" / "images").glob("*.tif"):
        a, d, b, e, x, y = map(float, path.with_suffix(".tfw").read_text().split())
        with rasterio.open(path) as image:
            assert image.transform[:6] == pytest.approx((a, b, x - a / 2 - b / 2, d, e, y - d / 2 - e / 2))


# Labels and numbers


def test_imagenet_has_a_folder_for_each_class(tmp_path: Path, scene_path: Path) -> None:
    names = tmp_path / "names.csv"
    names.write_text("code,name,colour\n3,sandy shore,#112233\n7,mud/flat: wet?,#445566\n")
    scheme = read_categories(names)
    folder = tmp_path / "t"
    summary = export_tiles(
        scene_path,
        TABLE,
        folder,
        CutOptions(tile_size=(32, 32)),
        export=ExportOptions(metadata_format="Imagenet"),
        categories=scheme,
    )
    assert summary.per_class == {"mud/flat: wet?": 1, "sandy shore": 2}
    assert sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()) == [
        "esri_accumulated_stats.json", "esri_model_definition.emd", "images/mud_flat_ wet_/000000001.tif",
        "images/sandy shore/000000000.tif", "images/sandy shore/000000002.tif", "map.txt", "stats.txt",
    ]  # fmt: skip
    assert (folder / "map.txt").read_text().splitlines() == [
        "images\\sandy shore\\000000000.tif", "images\\mud_flat_ wet_\\000000001.tif",
        "images\\sandy shore\\000000002.tif",
    ]  # fmt: skip
    definition = written_json(folder, "esri_model_definition.emd")
    assert definition["MetaDataMode"] == "Imagenet"
    assert definition["Littoral"]["ClassFolders"] == {"3": "sandy shore", "7": "mud_flat_ wet_"}  # type: ignore[index]
    # The reader knows the classes by their folders, and takes what the map names.
    (folder / "images" / "sandy shore" / "000000009.tif").write_bytes(b"of an export that is being put in place")
    found = read_tiles(folder, categories=scheme)
    assert sorted(path.name for path in found.paths) == [f"00000000{number}.tif" for number in (0, 1, 2)]
    assert sorted(found.codes.tolist()) == [3, 3, 7]
    assert [category.name for category in found.categories] == ["mud/flat: wet?", "sandy shore"]
    # Appending goes on with the numbers, and with the folders.
    again = export_tiles(
        scene_path,
        boxes([(60, 90)], [7]),
        folder,
        CutOptions(tile_size=(32, 32)),
        export=ExportOptions(metadata_format="Imagenet"),
        categories=scheme,
    )
    assert again.written == 1
    assert (folder / "images" / "mud_flat_ wet_" / "000000003.tif").exists()
    form = ExportOptions(metadata_format="Imagenet")
    same = export_tiles(scene_path, TABLE, folder, CutOptions(tile_size=(32, 32)), export=form, categories=scheme)
    assert same.skipped["in the folder already"] == 3
    with pytest.raises(InputError, match="holds tiles of format Imagenet, these are of format Labeled_Tiles"):
        export_tiles(scene_path, TABLE, folder, CutOptions(tile_size=(32, 32)))


def test_two_classes_of_one_folder_name(tmp_path: Path, scene_path: Path) -> None:
    names = tmp_path / "names.csv"
    names.write_text("code,name,colour\n3,a/b,#112233\n7,a:b,#445566\n")
    export_tiles(
        scene_path,
        TABLE,
        tmp_path / "t",
        CutOptions(tile_size=(32, 32)),
        export=ExportOptions(metadata_format="Imagenet"),
        categories=read_categories(names),
    )
    assert sorted(path.name for path in (tmp_path / "t" / "images").iterdir()) == ["a_b", "a_b 7"]


def test_grid_tiles_without_a_class(tmp_path: Path, scene_path: Path) -> None:
    folder = tmp_path / "t"
    summary = export_tiles(
        scene_path,
        TABLE,
        folder,
        CutOptions(tile_size=(32, 32)),
        export=ExportOptions(placement="grid", stride=(32, 32), only_with_features=False),
    )
    features = export_tiles(
        scene_path,
        TABLE,
        tmp_path / "f",
        CutOptions(tile_size=(32, 32)),
        export=ExportOptions(placement="grid", stride=(32, 32)),
    )
    assert (summary.written, summary.without_class) == (25, 25 - features.written)
    assert str(summary).startswith("25 tiles (mangrove ")
    assert f"without class {summary.without_class})" in str(summary)
    stats = written_json(folder, "esri_accumulated_stats.json")
    assert (stats["NumTiles"], stats["FeatureStats"]["NumFeaturesTotal"]) == (25, features.written)  # type: ignore[index]
    assert len(read_tiles(folder)) == features.written
    assert any(
        f"{summary.without_class} images show no object and were left out" in n for n in read_tiles(folder).notes
    )
    empty = [path for path in (folder / "labels").iterdir() if ET.parse(path).find("object") is None]
    assert len(empty) == summary.without_class
    with rasterio.open(folder / "images" / f"{empty[0].stem}.tif") as image:
        assert "CLASS" not in image.tags()
        assert "RECTANGLE" not in image.tags()
    # The same grid again adds nothing, those without a class included.
    again = export_tiles(
        scene_path,
        TABLE,
        folder,
        CutOptions(tile_size=(32, 32)),
        export=ExportOptions(placement="grid", stride=(32, 32), only_with_features=False),
    )
    assert (again.written, again.skipped["in the folder already"]) == (0, 25)
    more = export_tiles(
        scene_path,
        TABLE,
        folder,
        CutOptions(tile_size=(32, 32)),
        export=ExportOptions(placement="grid", stride=(40, 40)),
    )
    assert more.written > 0
    counted = written_json(folder, "esri_accumulated_stats.json")
    assert counted["NumTiles"] == 25 + more.written
    assert "features per image = [min = 0" in (folder / "stats.txt").read_text()


@pytest.mark.parametrize("asked", [{"metadata_format": "Imagenet"}, {"per_category": True}])
def test_tiles_without_class_have_no_folder_of_one(tmp_path: Path, scene_path: Path, asked: dict[str, object]) -> None:
    with pytest.raises(InputError, match="no folder of a class"):
        export_tiles(
            scene_path,
            TABLE,
            tmp_path / "t",
            **export_values(tile_size=32, placement="grid", only_with_features=False, **asked),
        )  # type: ignore[arg-type]


def test_grid_labels_are_clipped_to_the_tile(tmp_path: Path, scene_path: Path) -> None:
    export_tiles(
        scene_path,
        boxes([(32, 16)], [3], side_m=240),
        tmp_path / "t",
        CutOptions(tile_size=(32, 32)),
        export=ExportOptions(placement="grid", stride=(32, 32)),
    )
    boxes_there = []
    for path in sorted((tmp_path / "t" / "labels").iterdir()):
        found = ET.parse(path).find("object/bndbox")
        assert found is not None
        boxes_there.append([float(side.text or "nan") for side in found])
    assert boxes_there == [[20, 4, 32, 28], [0, 4, 12, 28]]


def test_numbers_begin_where_asked_and_go_on(tmp_path: Path, scene_path: Path) -> None:
    export_tiles(
        scene_path, TABLE, tmp_path / "t", CutOptions(tile_size=(32, 32)), export=ExportOptions(start_index=41)
    )
    export_tiles(
        scene_path,
        boxes([(60, 90)], [3]),
        tmp_path / "t",
        CutOptions(tile_size=(32, 32)),
        export=ExportOptions(start_index=7),
    )
    names = sorted(path.name for path in (tmp_path / "t" / "images").iterdir())
    assert names == [f"{number:09d}.tif" for number in (41, 42, 43, 44)]
    assert written_json(tmp_path / "t", "esri_accumulated_stats.json")["NextTileIndex"] == 45
    with pytest.raises(InputError, match="start index -1 is less than 0"):
        export_tiles(scene_path, TABLE, tmp_path / "u", export=ExportOptions(start_index=-1))


@pytest.mark.parametrize("field", ["value", "ClassValue", "catcoa"])
def test_class_fields_are_found(tmp_path: Path, scene_path: Path, field: str) -> None:
    table = TABLE.rename(columns={"CATCOA": field}).assign(OTHER=1)
    assert export_tiles(scene_path, table, tmp_path / "t", CutOptions(tile_size=(32, 32))).per_class == {
        "mangrove": 1,
        "sandy shore": 2,
    }
    both = TABLE.assign(value=1)
    assert export_tiles(scene_path, both, tmp_path / "b", CutOptions(tile_size=(32, 32))).per_class == {
        "mangrove": 1,
        "sandy shore": 2,
    }


def test_points_and_lines_get_an_area(tmp_path: Path, scene_path: Path) -> None:
    points = TABLE.set_geometry(TABLE.centroid)
    export_tiles(
        scene_path,
        points,
        tmp_path / "t",
        CutOptions(tile_size=(32, 32)),
        export=ExportOptions(buffer_radius=80, blacken_around_feature=True),
    )
    _, valid = read_tile(tmp_path / "t" / "images" / "000000000.tif")
    assert valid.sum() == pytest.approx(np.pi * 8**2, rel=0.05)
    rows, columns = np.nonzero(valid)
    assert np.hypot(rows + 0.5 - 16, columns + 0.5 - 16).max() <= 8
    for wrong, message in (
        ((points, 0.0), r"holds Point: .*--buffer-radius"),
        ((TABLE, 80.0), "buffer radius 80 is for points and lines, and these are polygons"),
        ((points, -5.0), "buffer radius -5 is less than 0"),
    ):
        with pytest.raises(InputError, match=message):
            export_tiles(
                scene_path,
                wrong[0],
                tmp_path / "u",
                CutOptions(tile_size=(32, 32)),
                export=ExportOptions(buffer_radius=wrong[1]),
            )


def test_every_turn_is_a_tile(tmp_path: Path, scene_path: Path) -> None:
    summary = export_tiles(
        scene_path, TABLE, tmp_path / "t", CutOptions(tile_size=(32, 32)), export=ExportOptions(rotation_angle=120)
    )
    assert summary.per_class == {"mangrove": 3, "sandy shore": 6}
    turns = []
    for path in sorted((tmp_path / "t" / "images").iterdir()):
        with rasterio.open(path) as image:
            turns.append(image.tags().get("TURN_DEG", "0"))
    assert sorted(turns) == ["0"] * 3 + ["120"] * 3 + ["240"] * 3
    assert len(read_tiles(tmp_path / "t")) == 9
    # Turned tiles are told apart from upright ones at the same place.
    assert (
        export_tiles(
            scene_path, TABLE, tmp_path / "t", CutOptions(tile_size=(32, 32)), export=ExportOptions(rotation_angle=60)
        ).written
        == 9
    )


def test_masks_and_extents_are_counted(tmp_path: Path, scene_path: Path) -> None:
    mask = boxes([(80, 60)], [0], side_m=400)
    file = tmp_path / "mask.gpkg"
    mask.to_file(file)
    summary = export_tiles(scene_path, TABLE, tmp_path / "t", CutOptions(tile_size=(32, 32)), mask=file)
    assert str(summary) == "1 tiles (sandy shore 1); left out: 2 not inside the mask"
    summary = export_tiles(
        scene_path, TABLE, tmp_path / "e", CutOptions(tile_size=(32, 32)), export=ExportOptions(extent=file)
    )
    assert str(summary) == "1 tiles (sandy shore 1); left out: 2 outside the extent"
    summary = export_tiles(
        scene_path, TABLE, tmp_path / "i", CutOptions(tile_size=(32, 32)), export=ExportOptions(extent="intersection")
    )
    assert summary.written == 3


# Refusals


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"stride": 0, "placement": "grid"}, "stride 0 is less than 1 px"),
        ({"stride": (16, -1)}, "stride -1 is less than 1 px"),
        ({"tile_size": 4}, "tile size 4 is less than 8 px"),
        ({"tile_size": (32, 4)}, "tile size 4 is less than 8 px"),
        ({"placement": "random"}, "placement 'random' is not known: choose one of centred, oriented, grid"),
        ({"placement": "oriented"}, "has no field Angle"),
        ({"metadata_format": "KITTI"}, "metadata format 'KITTI' is not known: choose Labeled_Tiles or Imagenet"),
        ({"rotation_angle": 400}, "rotation angle 400"),
        ({"reference_system": "MAP_SPACE"}, "choose map or pixel"),
        ({"crop_mode": "BOUNDING_BOX"}, "choose fixed or bounding-box"),
        ({"only_with_features": False}, "choose --placement grid"),
        ({"class_field": "kind"}, "has no field 'kind'"),
        ({"extent": (0, 0, 1, 1)}, "the extent lies beside the scene"),
    ],
)
def test_bad_parameters(tmp_path: Path, scene_path: Path, asked: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=message):
        export_tiles(scene_path, TABLE, tmp_path / "t", **export_values(**{"tile_size": 32, **asked}))  # type: ignore[arg-type]
    assert list(tmp_path.iterdir()) == []


def test_no_class_field_at_all(tmp_path: Path, scene_path: Path) -> None:
    with pytest.raises(InputError, match="has no field CATCOA, value, classvalue"):
        export_tiles(scene_path, TABLE.drop(columns="CATCOA"), tmp_path / "t")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        ({"placement": "oriented"}, "holds tiles of placement centred, these are of placement oriented"),
        ({"placement": "grid"}, "these are of placement grid: append tiles of the same placement"),
        ({"crop_mode": "bounding-box"}, "crop fixed, these are of crop bounding-box"),
        ({"blacken_around_feature": True}, "shown surroundings, these are of blackened"),
        ({"reference_system": "pixel"}, "map space, these are of pixel space"),
        ({"image_format": "png"}, "format tiff, these are of format png"),
        ({"metadata_format": "Imagenet"}, "format Labeled_Tiles, these are of format Imagenet"),
        ({"tile_size": (32, 40)}, "32 x 32 pixels, these are of 32 x 40"),
        ({"raw": True}, "of int16 values .*, these are of uint16 values"),
    ],
)
def test_folders_of_one_kind(tmp_path: Path, write_scene: Writer, asked: dict[str, object], message: str) -> None:
    scene = write_scene(tmp_path / "s.tif", textured(size=160), scales=(1e-4,) * 3, offsets=(-0.1,) * 3)
    if asked.get("image_format") == "png":
        scene = write_scene(tmp_path / "s.tif", textured(size=160))
    table = TABLE.assign(Angle=[1.0, 2.0, 3.0])
    export_tiles(scene, table, tmp_path / "t", CutOptions(tile_size=(32, 32)))
    before = contents(tmp_path)
    with pytest.raises(InputError, match=message):
        export_tiles(scene, table, tmp_path / "t", **export_values(**{"tile_size": 32, **asked}))  # type: ignore[arg-type]
    assert contents(tmp_path) == before


def test_folders_of_earlier_versions_are_appended_to(tmp_path: Path, scene_path: Path) -> None:
    folder = tmp_path / "t"
    export_tiles(scene_path, TABLE.iloc[:2], folder, CutOptions(tile_size=(32, 32)))
    definition = written_json(folder, "esri_model_definition.emd")
    del definition["Littoral"]["Tile"]  # type: ignore[attr-defined]
    (folder / "esri_model_definition.emd").write_text(json.dumps(definition))
    assert export_tiles(scene_path, TABLE, folder, CutOptions(tile_size=(32, 32))).written == 1
    with pytest.raises(InputError, match="these are of blackened"):
        export_tiles(
            scene_path, TABLE, folder, CutOptions(tile_size=(32, 32)), export=ExportOptions(blacken_around_feature=True)
        )
    definition["Littoral"]["Tile"] = {"size_px": "x"}  # type: ignore[index]
    (folder / "esri_model_definition.emd").write_text(json.dumps(definition))
    with pytest.raises(InputError, match="does not say how its tiles were cut"):
        export_tiles(scene_path, TABLE, folder, CutOptions(tile_size=(32, 32)))


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"placement": "oriented", "rotation_angle": 100},
        {"placement": "grid", "only_with_features": False},
        {"metadata_format": "Imagenet", "world_file": True},
        {"per_category": True, "crop_mode": "bounding-box"},
    ],
)
def test_the_same_export_gives_the_same_bytes(tmp_path: Path, scene_path: Path, asked: dict[str, object]) -> None:
    table = TABLE.assign(Angle=[30.0, 40.0, -120.0])
    for name in ("a", "b"):
        export_tiles(open_scene(scene_path), table, tmp_path / name, **export_values(tile_size=32, **asked))  # type: ignore[arg-type]
    one, other = contents(tmp_path / "a"), contents(tmp_path / "b")
    assert one == other
    assert len(one) >= 7
    # Nothing is left beside.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "b"]


def test_nothing_to_write_leaves_nothing(tmp_path: Path, write_scene: Writer) -> None:
    values = np.zeros((3, 160, 160), "uint16")
    values[:, :5] = 7
    scene = write_scene(tmp_path / "s.tif", values, nodata=0)
    summary = export_tiles(scene, TABLE, tmp_path / "t", CutOptions(tile_size=(32, 32)))
    assert str(summary) == "0 tiles (none); left out: 3 nodata"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["s.tif"]


def test_a_place_without_rights_or_space(tmp_path: Path, scene_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path, *how: object, **more: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(WriteError, match="Permission denied"):
        export_tiles(scene_path, TABLE, tmp_path / "new" / "t", CutOptions(tile_size=(32, 32)))
    assert list(tmp_path.iterdir()) == []


def test_folders_cut_in_two_ways_are_not_one_set(tmp_path: Path, scene_path: Path) -> None:
    table = TABLE.assign(Angle=[30.0, 40.0, -120.0])
    export_tiles(scene_path, table, tmp_path / "a", CutOptions(tile_size=(32, 32)))
    export_tiles(
        scene_path, table, tmp_path / "b", CutOptions(tile_size=(32, 32)), export=ExportOptions(placement="oriented")
    )
    export_tiles(
        scene_path,
        table,
        tmp_path / "c",
        CutOptions(tile_size=(32, 32)),
        export=ExportOptions(blacken_around_feature=True),
    )
    with pytest.raises(InputError, match=r"b holds tiles of placement oriented, .*a of centred"):
        read_tiles([tmp_path / "a", tmp_path / "b"])
    with pytest.raises(InputError, match=r"c holds tiles of blacken True, .*a of False"):
        read_tiles([tmp_path / "a", tmp_path / "c"])


def test_tiles_of_pixel_space_have_a_place(tmp_path: Path, scene_path: Path) -> None:
    export_tiles(
        scene_path,
        TABLE,
        tmp_path / "t",
        CutOptions(tile_size=(32, 32)),
        export=ExportOptions(reference_system="pixel"),
    )
    assert written_json(tmp_path / "t", "esri_model_definition.emd")["ImageSpaceUsed"] == "PIXEL_SPACE"
    assert all(outline is not None for outline in read_tiles(tmp_path / "t").footprints)


def test_regions_go_with_the_tiles(tmp_path: Path, scene_path: Path) -> None:
    table = TABLE.assign(region=["north", None, "south"])
    export_tiles(scene_path, table, tmp_path / "t", CutOptions(tile_size=(32, 32)), ClassOptions(region_field="region"))
    assert read_tiles(tmp_path / "t").regions is not None
    assert list(read_tiles(tmp_path / "t").regions) == ["north", "", "south"]  # type: ignore[arg-type]


def test_rows_without_a_shape_lie_nowhere(tmp_path: Path, scene_path: Path) -> None:
    table = TABLE.set_geometry([TABLE.geometry.iloc[0], None, TABLE.geometry.iloc[2]], crs=TABLE.crs)
    summary = export_tiles(scene_path, table, tmp_path / "t", CutOptions(tile_size=(32, 32)))
    assert str(summary) == "2 tiles (sandy shore 2); left out: 1 outside imagery"


def test_a_fourth_band_of_bytes_is_no_transparency(tmp_path: Path, write_scene: Writer) -> None:
    values = np.random.default_rng(0).integers(1, 255, (4, 160, 160), dtype="uint8")
    path = write_scene(tmp_path / "scene.tif", values, names=("B02", "B03", "B04", "B08"))
    export_tiles(path, boxes([(80, 60)], [3]), tmp_path / "t", CutOptions(tile_size=(32, 32)))
    with rasterio.open(tmp_path / "t" / "images" / "000000000.tif") as image:
        assert rasterio.enums.ColorInterp.alpha not in image.colorinterp
        assert image.mask_flag_enums[0] == [rasterio.enums.MaskFlags.all_valid]
