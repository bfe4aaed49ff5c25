"""Folders of tiles as other programs write them; recipes follow what is known of real exports (no real ones here)."""

from __future__ import annotations

import json
import os
import shutil
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
import rasterio.shutil
import shapely
from rasterio.errors import NotGeoreferencedWarning

from littoral import CATCOA, export_tiles, prepare_data, read_tiles
from littoral.errors import InputError, LittoralWarning
from littoral.tiles import read_tile
from littoral.tiles.labeled.layout import read_map
from littoral.tiles.options import CutOptions
from textured_coast import boxes, textured

Writer = Callable[..., Path]
CELL_M, SIZE = 10.0, 16
WEST, NORTH = 500_000.0, 3_000_000.0
DRIVERS = {".tif": "GTiff", ".jpg": "JPEG", ".png": "PNG"}
WORLD_FILES = {".tif": ".tfw", ".jpg": ".jgw", ".png": ".pgw"}


def write_image(path: Path, bands: int = 3, dtype: str = "uint8", size: int = SIZE, **options: Any) -> np.ndarray:
    values = np.random.default_rng(len(path.stem)).integers(1, 200, (bands, size, size)).astype(dtype)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", NotGeoreferencedWarning)
        with rasterio.open(path, "w", driver=DRIVERS[path.suffix], count=bands, height=size, width=size, dtype=dtype,
                           **options) as image:  # fmt: skip
            image.write(values)
    # What GDAL knows beyond the format it writes beside, and other programs do not.
    path.with_suffix(f"{path.suffix}.aux.xml").unlink(missing_ok=True)
    return values


def write_world_file(image: Path, number: int) -> None:
    """A world file says where the middle of the upper left pixel is."""
    x, y = WEST + number * 2 * SIZE * CELL_M + CELL_M / 2, NORTH - CELL_M / 2
    image.with_suffix(WORLD_FILES[image.suffix]).write_text(f"{CELL_M}\n0.0\n0.0\n{-CELL_M}\n{x}\n{y}\n")


def label_xml(name: str, *objects: str, version: str) -> str:
    found = "".join(
        f"    <object><name>{one}</name>\n        <bndbox><xmin>3.00</xmin><ymin>3.00</ymin><xmax>13.00</xmax>"
        "<ymax>13.00</ymax></bndbox>\n    </object>\n"
        for one in objects
    )
    return (
        f'<?xml version="1.0"?>\n<annotation>\n    <filename>{name}</filename>\n'
        f"    <source><annotation>ArcGIS Pro {version}</annotation></source>\n"
        f"    <size><width>{SIZE}</width><height>{SIZE}</height><depth>3</depth></size>\n{found}</annotation>\n"
    )


def pro_2_1(folder: Path, codes: Sequence[int] = (3, 7, 3, 7), suffix: str = ".jpg", wkid: int | None = 32617) -> Path:
    """8-bit pictures with world files; hints where values are not known; old keys; Windows' line ends and slashes."""
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for number, code in enumerate(codes):
        image = folder / "images" / f"{number:09d}{suffix}"
        write_image(image)
        write_world_file(image, number)
        label = folder / "labels" / f"{number:09d}.xml"
        label.write_text(label_xml(image.name, str(code), version="2.1"))
    lines = [f"images\\{n:09d}{suffix}  labels\\{n:09d}.xml \r\n" for n in range(len(codes))]
    (folder / "map.txt").write_bytes("".join(lines).encode())
    definition = {
        "Framework": "", "ModelConfiguration": "", "ModelType": "ObjectClassification", "ModelFile": "",
        "ImageHeight": "e.g. 256", "ImageWidth": "e.g. 256", "ExtractBands": [0, 1, 2], "DataRange": "e.g. [0.1, 1.0]",
        "ModelPadding": "e.g. 64", "BatchSize": "e.g. 8", "PerProcessGPUMemoryFraction": "e.g. 0.8",
        "Classes": [{"ClassValue": code, "ClassName": str(code)} for code in sorted(set(codes))],
    }  # fmt: skip
    (folder / "esri_model_definition.emd").write_text(json.dumps(definition, indent=1), encoding="utf-8-sig")
    place = {} if wkid is None else {"spatialReference": {"wkid": wkid, "latestWkid": wkid}}
    cell = {"x": CELL_M, "y": CELL_M, **place}
    statistics = {
        "Version": 1, "NumBands": 3, "TileSizeX": SIZE, "TileSizeY": SIZE, "NumClasses": len(set(codes)),
        "NumTiles": len(codes), "NextTileIndex": len(codes), "MinCellSize": cell, "MaxCellSize": cell,
    }  # fmt: skip
    (folder / "esri_accumulated_stats.json").write_text(json.dumps(statistics))
    (folder / "stats.txt").write_text(f"images = {len(codes)} *3*{SIZE}*{SIZE}\n")
    return folder


def pro_3_5(
    folder: Path, codes: Sequence[int] = (3, 7, 3, 7), bands: Sequence[str] = ("Blue", "Green", "Red", "NearInfrared")
) -> Path:
    """GeoTIFFs of 16 bits with world files; new keys, names of bands."""
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    for number, code in enumerate(codes):
        image = folder / "images" / f"{number:09d}.tif"
        place = rasterio.Affine(CELL_M, 0, WEST + number * 2 * SIZE * CELL_M, 0, -CELL_M, NORTH)
        write_image(image, len(bands), "uint16", crs="EPSG:32617", transform=place)
        write_world_file(image, number)
        (folder / "labels" / f"{number:09d}.xml").write_text(label_xml(image.name, str(code), version="3.5"))
    lines = [f"images\\{number:09d}.tif  labels\\{number:09d}.xml \n" for number in range(len(codes))]
    (folder / "map.txt").write_text("".join(lines))
    properties = {"RasterCount": len(bands), "SensorName": "Sentinel-2", "BandNames": list(bands)}
    names = {3: "Sandy Shore", 7: "mangrove"}
    definition = {
        "Framework": "", "ModelConfiguration": "", "ModelType": "ObjectClassification", "ModelFile": "",
        "MetaDataMode": "Labeled_Tiles", "ImageHeight": SIZE, "ImageWidth": SIZE,
        "ExtractBands": list(range(len(bands))), "ImageSpaceUsed": "MAP_SPACE",
        "WellKnownBandNames (FYI, these band names can be used in ExtractBands)": ["Red", "Green", "Blue"],
        "InputRastersProps": properties,
        "AllTilesStats": [{"BandName": band, "Min": 1, "Max": 199, "Mean": 100, "StdDev": 50} for band in bands],
        "Classes": [{"Value": code, "Name": names[code], "Color": [-1, -1, -1]} for code in sorted(set(codes))],
    }  # fmt: skip
    (folder / "esri_model_definition.emd").write_text(json.dumps(definition))
    cell = {"x": CELL_M, "y": CELL_M, "spatialReference": {"wkid": 32617, "latestWkid": 32617}}
    statistics = {
        "Version": 1, "NumBands": len(bands), "TileSizeX": SIZE, "TileSizeY": SIZE, "NumClasses": len(set(codes)),
        "NumTilesAsDouble": float(len(codes)), "NextTileIndex": len(codes), "OutputFeatures": True,
        "MetaDataMode": "Labeled_Tiles", "MinCellSize": cell, "MaxCellSize": cell, "InputRastersProps": properties,
        "Classes": [{"ClassValue": code, "ClassName": names[code]} for code in sorted(set(codes))],
    }  # fmt: skip
    (folder / "esri_accumulated_stats.json").write_text(json.dumps(statistics))
    return folder


def amend(path: Path, **changes: object) -> None:
    """Set keys of a JSON file; None takes one away."""
    content = json.loads(path.read_text(encoding="utf-8-sig"))
    content |= changes
    path.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))


def outline(number: int) -> shapely.Polygon:
    """Of a recipe's tile, in the recipe's CRS."""
    left = WEST + number * 2 * SIZE * CELL_M
    return shapely.box(left, NORTH - SIZE * CELL_M, left + SIZE * CELL_M, NORTH)


def to_plane(footprints: np.ndarray) -> np.ndarray:
    from pyproj import Transformer

    transformer = Transformer.from_crs(4326, 32617, always_xy=True)
    return shapely.transform(footprints, lambda xy: np.column_stack(transformer.transform(*xy.T)))


# Whole folders


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif"])
def test_a_folder_as_pro_2_1_wrote_it(tmp_path: Path, suffix: str) -> None:
    tiles = read_tiles(pro_2_1(tmp_path / "t", suffix=suffix))
    assert tiles.codes.tolist() == [3, 7, 3, 7]
    assert [category.name for category in tiles.categories] == ["mangrove", "sandy shore"]
    assert (tiles.bands, tiles.size_px, tiles.dtype, tiles.nodata) == (("B1", "B2", "B3"), SIZE, "uint8", None)
    assert tiles.notes == ()
    for number, found in enumerate(to_plane(tiles.footprints)):
        assert shapely.hausdorff_distance(found, outline(number)) < 1e-3
    values, valid = tiles.read(2)
    assert (values == read_tile(tmp_path / "t" / "images" / f"000000002{suffix}")[0]).all()
    assert valid.all()
    assert tiles.name(2).endswith(f"000000002{suffix}")


def test_a_folder_as_pro_3_5_writes_it(tmp_path: Path) -> None:
    tiles = read_tiles(pro_3_5(tmp_path / "t"))
    assert tiles.bands == ("Blue", "Green", "Red", "NearInfrared")
    assert [(c.code, c.name, c.colour) for c in tiles.categories] == [
        (3, "Sandy Shore", CATCOA[3].colour), (7, "mangrove", CATCOA[7].colour),
    ]  # fmt: skip
    assert (tiles.cell_epsg, tiles.cell_size, tiles.notes) == (32617, (10.0, 10.0), ())
    assert tiles.read(0)[0].dtype == np.uint16


def test_old_and_new_folders_are_one_set_where_they_agree(tmp_path: Path) -> None:
    one = pro_2_1(tmp_path / "a" / "one")
    other = pro_2_1(tmp_path / "a" / "two", codes=(7, 8))
    amend(other / "esri_model_definition.emd",
          Classes=[{"Value": 7, "Name": "Mangal", "Color": [1, 2, 3]}, {"Value": 8, "Name": "Marsh"}])  # fmt: skip
    for given in (tmp_path / "a", [one, other]):
        tiles = read_tiles(given)
        assert tiles.codes.tolist() == [3, 7, 3, 7, 7, 8]
        # The first name of a value wins.
        assert [category.name for category in tiles.categories] == ["Marsh", "mangrove", "sandy shore"]
    with pytest.raises(InputError, match=r"has 4 bands, .* has 3: train on tiles of the same bands"):
        read_tiles([one, pro_3_5(tmp_path / "new")])


def test_training_on_such_a_folder(tmp_path: Path) -> None:
    data = prepare_data(pro_3_5(tmp_path / "t", codes=(3, 7) * 10), val_split_pct=0.3, batch_size=4, block_km=0.2)
    assert data.preprocessing.tile.bands == ("Blue", "Green", "Red", "NearInfrared")
    assert {3, 7} == set(data.tiles.codes[data.split.validation])


# Where tiles lie


def test_world_files_need_a_crs_of_the_folder(tmp_path: Path) -> None:
    unplaced = read_tiles(pro_2_1(tmp_path / "none", wkid=None))
    assert all(one is None for one in unplaced.footprints)
    assert (unplaced.cell_epsg, unplaced.cell_size) == (None, (10.0, 10.0))
    assert all(one is None for one in read_tiles(pro_2_1(tmp_path / "odd", wkid=7)).footprints)
    two = pro_2_1(tmp_path / "two")
    amend(two / "esri_accumulated_stats.json", MaxCellSize={"x": 9, "y": 9, "spatialReference": {"wkid": 32618}})
    assert all(one is None for one in read_tiles(two).footprints)
    # Esri's own number for a CRS that EPSG numbers anew.
    mercator = pro_2_1(tmp_path / "mercator")
    cell = {"x": 10, "y": 10, "spatialReference": {"wkid": 102100, "latestWkid": 3857}}
    amend(mercator / "esri_accumulated_stats.json", MinCellSize=cell, MaxCellSize=cell)
    assert read_tiles(mercator).cell_epsg == 3857


def test_tiles_of_image_space_have_no_place(tmp_path: Path) -> None:
    folder = pro_3_5(tmp_path / "t")
    amend(folder / "esri_model_definition.emd", ImageSpaceUsed="PIXEL_SPACE")
    assert all(one is None for one in read_tiles(folder).footprints)


def test_a_picture_without_world_file_has_no_place(tmp_path: Path) -> None:
    folder = pro_2_1(tmp_path / "t")
    (folder / "images" / "000000001.jgw").unlink()
    assert [one is None for one in read_tiles(folder).footprints] == [False, True, False, False]


# Bands


def test_counted_names_are_no_names(tmp_path: Path) -> None:
    assert read_tiles(pro_3_5(tmp_path / "t", bands=("Band_1", "Band_2"))).bands == ("B1", "B2")
    assert read_tiles(pro_3_5(tmp_path / "u", bands=("Red", "Red", "Blue"))).bands == ("B1", "B2", "B3")


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_a_transparent_band_masks_and_a_named_one_measures(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    stored = write_image(path, bands=4)
    with rasterio.open(path) as image:
        assert image.count == 4
    values, valid = read_tile(path)
    assert (values == stored[:3]).all()
    assert (valid == (stored[3] > 0)).all()
    path = tmp_path / "x.tif"
    stored = write_image(path, bands=4)
    stored[3, 0] = 0
    with rasterio.open(path, "r+") as image:
        assert image.colorinterp[3].name == "alpha"
        image.write(stored)
        image.descriptions = ("B02", "B03", "B04", "B08")
    values, valid = read_tile(path)
    assert (values == stored).all()
    assert valid.all()


# map.txt


@pytest.mark.parametrize(
    "line",
    [
        "images\\{n}.jpg  labels\\{n}.xml \r\n",
        "images/{n}.jpg labels/{n}.xml\n",
        "images/{n}.jpg\tlabels/{n}.xml\n",
        "\timages\\{n}.jpg \t labels\\{n}.xml\t \n\n",
        "images\\{n}.jpg  images2\\{n}.jpg  labels\\{n}.xml \n",
        "images\\{n}.jpg  labels\\{n}.XML \n",
    ],
)
@pytest.mark.parametrize("mark", ["utf-8", "utf-8-sig"])
def test_maps_are_read_as_they_come(tmp_path: Path, line: str, mark: str) -> None:
    folder = tmp_path / "t"
    folder.mkdir()
    (folder / "map.txt").write_bytes("".join(line.format(n=n) for n in ("00", "01")).encode(mark))
    found = [(image, label and label.lower()) for _, image, label in read_map(folder)]
    assert found == [("images/00.jpg", "labels/00.xml"), ("images/01.jpg", "labels/01.xml")]


def test_labels_that_are_images(tmp_path: Path) -> None:
    folder = pro_2_1(tmp_path / "t")
    (folder / "map.txt").write_text("images\\000000000.jpg  labels\\000000000.tif \n")
    with pytest.raises(InputError, match="has no label in line 1: each line names an image and a label"):
        read_tiles(folder)


# What is not there, and what is more than there should be


def test_missing_labels_and_images_are_counted_and_named(tmp_path: Path) -> None:
    folder = pro_2_1(tmp_path / "t", codes=(3, 7) * 5)
    for number in (0, 2, 3, 5):
        (folder / "labels" / f"{number:09d}.xml").unlink()
    (folder / "images" / "000000009.jpg").unlink()
    (folder / "labels" / "000000008.xml").write_text(label_xml("000000008.jpg", "3", "7", "7", version="2.1"))
    tiles = read_tiles(folder)
    assert (len(tiles), tiles.missing_labels) == (5, 4)
    assert tiles.codes.tolist() == [7, 3, 3, 7, 3]
    images = folder / "images"
    assert tiles.notes == (
        f"4 images have no label file and were left out: {images}/000000000.jpg, {images}/000000002.jpg, "
        f"{images}/000000003.jpg and 1 more",
        f"1 images in the map are not there and were left out: {images}/000000009.jpg",
        f"1 labels name several objects, of which the first counts: {folder}/labels/000000008.xml",
    )
    data = prepare_data(folder, val_split_pct=0.3, block_km=0.2, batch_size=2)
    assert "4 images have no label file and were left out: " in data.describe()
    for label in (folder / "labels").iterdir():
        label.unlink()
    with pytest.raises(InputError, match=r"holds no labelled tile \(9 images have no label file"):
        read_tiles(folder)


@pytest.mark.parametrize("key", ["NumTiles", "NumTilesAsDouble"])
def test_a_folder_that_states_other_than_it_lists(tmp_path: Path, key: str) -> None:
    folder = pro_2_1(tmp_path / "t")
    amend(folder / "esri_accumulated_stats.json", NumTiles=None)
    amend(folder / "esri_accumulated_stats.json", **{key: 482.0})
    assert read_tiles(folder).notes == (f"{folder} states 482 tiles and lists 4",)


def test_a_folder_without_a_definition(tmp_path: Path) -> None:
    folder = pro_3_5(tmp_path / "t")
    (folder / "esri_model_definition.emd").unlink()
    assert [category.name for category in read_tiles(folder).categories] == ["Sandy Shore", "mangrove"]
    (folder / "esri_accumulated_stats.json").unlink()
    with pytest.raises(InputError, match=r"esri_model_definition.emd is not there"):
        read_tiles(folder)


@pytest.mark.parametrize(("name", "code"), [("3", 3), ("3.0", 3), (" 7 ", 7), ("mangrove", 7)])
def test_classes_by_value_or_name(tmp_path: Path, name: str, code: int) -> None:
    folder = pro_3_5(tmp_path / "t")
    (folder / "labels" / "000000000.xml").write_text(label_xml("0.tif", name, version="3.5"))
    assert read_tiles(folder).codes[0] == code


@pytest.mark.parametrize("name", ["9", "swamp", "", "3;7"])
def test_a_class_that_is_not_listed(tmp_path: Path, name: str) -> None:
    folder = pro_3_5(tmp_path / "t")
    (folder / "labels" / "000000000.xml").write_text(label_xml("0.tif", name, version="3.5"))
    with pytest.raises(InputError, match=r"000000000.xml names (class|no class)"):
        read_tiles(folder)


def with_labels(folder: Path, names: Sequence[str]) -> Path:
    for number, name in enumerate(names):
        (folder / "labels" / f"{number:09d}.xml").write_text(label_xml("x", name, version="3.5"))
    return folder


@pytest.mark.parametrize(
    ("labels", "codes"),
    [
        (["10", "20", "10", "20"], [1, 2, 1, 2]),
        ([" 10 ", "20", "10", "20"], [1, 2, 1, 2]),
        (["1", "2", "1", "2"], [1, 2, 1, 2]),
    ],
)
def test_names_that_are_numbers(tmp_path: Path, labels: list[str], codes: list[int]) -> None:
    """Labels are values where all of them can be; else names, where all of them are."""
    folder = with_labels(pro_3_5(tmp_path / "t"), labels)
    entries = [{"Value": 1, "Name": " 10"}, {"Value": 2, "Name": "20\t"}]
    amend(folder / "esri_model_definition.emd", Classes=entries)
    tiles = read_tiles(folder)
    assert tiles.codes.tolist() == codes
    assert [category.name for category in tiles.categories] == ["10", "20"]
    with pytest.raises(InputError, match="names class '30'"):
        read_tiles(with_labels(folder, ["10", "30"]))


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
def test_text_files_in_other_encodings(tmp_path: Path, encoding: str) -> None:
    folder = with_labels(pro_3_5(tmp_path / "t"), ["Grève", "mangrove"] * 2)
    amend(folder / "esri_model_definition.emd", Classes=[{"Value": 3, "Name": "Grève"}, {"Value": 7, "Name": "7"}])
    for file in (folder / "esri_model_definition.emd", folder / "map.txt", *(folder / "labels").iterdir()):
        text = file.read_text(encoding="utf-8")
        content = json.dumps(json.loads(text), ensure_ascii=False) if file.suffix == ".emd" else text
        file.write_bytes(content.replace('<?xml version="1.0"?>', "").strip().encode(encoding))
    tiles = read_tiles(folder)
    assert [category.name for category in tiles.categories] == ["Grève", "mangrove"]
    assert tiles.codes.tolist() == [3, 7, 3, 7]


@pytest.mark.parametrize(
    "start", ["C:\\export\\tiles\\", "\\\\server\\share\\images\\tiles\\", "/home/me/labels/t/", ".\\", ""]
)
def test_maps_of_other_computers(tmp_path: Path, start: str) -> None:
    """Absolute paths, and names in another letter case, as on a file system that does not tell them apart."""
    folder = pro_3_5(tmp_path / "t")
    content = (folder / "map.txt").read_text().upper().replace("IMAGES", f"{start}IMAGES")
    (folder / "map.txt").unlink()
    (folder / "MAP.TXT").write_text(content.replace("LABELS", f"{start}LABELS"))
    (folder / "esri_model_definition.emd").rename(folder / "Esri_Model_Definition.EMD")
    assert read_tiles(folder).codes.tolist() == [3, 7, 3, 7]
    assert read_tiles(folder.parent).codes.tolist() == [3, 7, 3, 7]


@pytest.mark.parametrize("path", ["..\\other\\images\\000000000.tif", "images/../../other/images/000000000.tif"])
def test_maps_stay_in_their_folder(tmp_path: Path, path: str) -> None:
    folder = pro_3_5(tmp_path / "t")
    pro_3_5(tmp_path / "other")
    (folder / "map.txt").write_text(f"{path}  labels\\000000000.xml \n")
    with pytest.raises(InputError, match="has a path in line 1 that leads out of the folder"):
        read_tiles(folder)


@pytest.mark.parametrize("name", ["a\u200fb", "a\tb", "a\nb", "\ue000", "x" * 201, "a\x1b[2J"])
def test_class_names_that_no_package_may_hold(tmp_path: Path, name: str) -> None:
    folder = pro_3_5(tmp_path / "t")
    amend(folder / "esri_model_definition.emd", Classes=[{"Value": 3, "Name": name}, {"Value": 7, "Name": "ok"}])
    with pytest.raises(InputError, match="is not 1 to 200 letters") as caught:
        read_tiles(folder)
    assert str(caught.value).isprintable()


def test_numbers_of_other_types(tmp_path: Path) -> None:
    """Numbers as text are numbers; where they decide nothing, other values are passed over."""
    folder = pro_3_5(tmp_path / "t")
    amend(folder / "esri_model_definition.emd", Classes=[{"Value": "3", "Name": "a"}, {"Value": 7.0, "Name": "b"}])
    cell = {"x": "ten", "y": [], "spatialReference": {"wkid": "32617"}}
    amend(folder / "esri_accumulated_stats.json", MinCellSize=cell, MaxCellSize=7, NumTilesAsDouble="four")
    assert read_tiles(folder).codes.tolist() == [3, 7, 3, 7]
    for value in ("three", 3.5, None, [3], 2**31, 1e300):
        entries = [{"Value": value, "Name": "a"}, {"Value": 7, "Name": "b"}]
        (folder / "esri_model_definition.emd").write_text(json.dumps({"Classes": entries}))
        with pytest.raises(InputError, match=r"cannot be read|beyond 32 bits"):
            read_tiles(folder)
    (folder / "esri_model_definition.emd").write_text('{"a":' * 100_000)
    with pytest.raises(InputError, match="nested too deep"):
        read_tiles(folder)


def test_class_mapping_by_value(tmp_path: Path) -> None:
    folder = pro_3_5(tmp_path / "t", codes=(3, 7) * 4)

    def names(mapping: dict[Any, Any]) -> list[tuple[int, str]]:
        data = prepare_data(folder, val_split_pct=0.3, block_km=0.2, batch_size=2, class_mapping=mapping)
        return [(category.code, category.name) for category in data.tiles.categories]

    for key in (3, "3", 3.0, " 3 ", np.int64(3)):
        assert names({key: "zzz"}) == [(7, "mangrove"), (3, "zzz")]
    for wrong in ({"sand": 3}, {3: 4}, {"x": "y"}, {True: "a"}, {3.5: "a"}, {3: None}):
        with pytest.raises(InputError, match=r"class_mapping maps .*: write it as class value to name"):
            names(wrong)
    with pytest.raises(InputError, match="names 5, of which there are no tiles: the classes of the tiles are 3 Sandy"):
        names({5: "pier"})
    with pytest.warns(LittoralWarning, match="class_mapping names 5, 9, of which there are no tiles"):
        assert names({9: "reef", 3: "zzz", "5": "pier"}) == [(7, "mangrove"), (3, "zzz")]
    with pytest.raises(InputError, match=r"class name 'a.nb' is not 1 to 200 letters"):
        names({3: "a\nb"})


# How others cut


@pytest.mark.parametrize(
    ("changes", "cut", "fill"),
    [
        ({"BlackenAroundFeature": 1}, {"blacken": True}, 0.0),
        ({"BlackenAroundFeature": "true"}, {"blacken": True}, 0.0),
        ({"BlackenAroundFeature": "BLACKEN_AROUND_FEATURE"}, {"blacken": True}, 0.0),
        ({"BlackenAroundFeature": False}, {"blacken": False}, None),
        ({"BlackenAroundFeature": "e.g. 0"}, {}, None),
        ({"CropTileMode": "BOUNDING_BOX"}, {"crop": "bounding-box"}, None),
        ({"CropSizeFixed": 0}, {"crop": "bounding-box"}, None),
        ({"CropSizeFixed": 1.0, "CropTileMode": "FIXED_SIZE"}, {"crop": "fixed"}, None),
        ({"ImageSpaceUsed": "PIXEL_SPACE"}, {"space": "pixel"}, None),
    ],
)
@pytest.mark.filterwarnings("ignore::littoral.tiles.splits.UnplacedWarning")
def test_how_others_cut_is_how_the_model_cuts(
    tmp_path: Path, changes: dict[str, Any], cut: dict[str, Any], fill: float | None
) -> None:
    folder = pro_3_5(tmp_path / "t", codes=(3, 7) * 4)
    amend(folder / "esri_model_definition.emd", **changes)
    given = prepare_data(folder, val_split_pct=0.3, block_km=0.2, batch_size=2).preprocessing
    usual = {"blacken": False, "crop": "fixed", "space": "map"}
    assert {name: getattr(given.tile, name) for name in usual} == usual | cut
    assert given.fill == fill


@pytest.mark.parametrize("masked", [False, True], ids=["black", "masked"])
def test_blackened_tiles_and_what_is_classified_look_alike(tmp_path: Path, masked: bool) -> None:
    """Ground outside the rectangle is 0 to the network, in tiles of others and in what a model cuts itself."""
    folder = pro_3_5(tmp_path / "t", codes=(3, 7) * 4)
    amend(folder / "esri_model_definition.emd", BlackenAroundFeature=1)
    inside = np.zeros((SIZE, SIZE), bool)
    inside[4:12, 2:14] = True
    whole = {}
    for image in sorted((folder / "images").glob("*.tif")):
        with rasterio.open(image, "r+") as file:
            whole[image.name] = file.read()
            file.write(np.where(inside, whole[image.name], 0).astype("uint16"))
            if masked:
                file.write_mask(inside)
    data = prepare_data(folder, val_split_pct=0.3, block_km=0.2, batch_size=2)
    given = data.preprocessing
    for position in range(len(data.tiles)):
        values = whole[Path(data.tiles.name(position)).name]
        expected = np.where(inside, values, 0.0)
        scaled = (expected - np.array(given.mean)[:, None, None]) / np.array(given.std)[:, None, None]
        np.testing.assert_allclose(given.apply(*data.tiles.read(position)), scaled, rtol=1e-4, atol=1e-4)
        np.testing.assert_allclose(given.apply(values, inside), scaled, rtol=1e-4, atol=1e-4)


def test_ways_to_cut_that_nobody_knows_or_that_differ(tmp_path: Path) -> None:
    one, other = pro_3_5(tmp_path / "a" / "one"), pro_3_5(tmp_path / "a" / "two")
    amend(other / "esri_model_definition.emd", BlackenAroundFeature=1)
    with pytest.raises(InputError, match=r"holds tiles of blacken True, .* of False: train on tiles that were cut in"):
        read_tiles(tmp_path / "a")
    amend(one / "esri_model_definition.emd", BlackenAroundFeature="perhaps")
    with pytest.raises(InputError, match="has the unknown BlackenAroundFeature"):
        read_tiles(one)


# Files that are not what their names say


@pytest.mark.parametrize(
    "where", ["images/000000000.tif", "labels/000000000.xml", "map.txt", "esri_model_definition.emd"]
)
def test_pipes_do_not_hang(tmp_path: Path, where: str) -> None:
    folder = pro_3_5(tmp_path / "t")
    (folder / where).unlink()
    os.mkfifo(folder / where)
    with pytest.raises(InputError, match=r"is not a file|not a file"):
        read_tiles(folder)


def test_images_that_refer_to_other_files(tmp_path: Path) -> None:
    folder = pro_3_5(tmp_path / "t")
    image, secret = folder / "images" / "000000000.tif", tmp_path / "secret.tif"
    good = image.read_bytes()
    image.rename(secret)
    with rasterio.open(secret) as source:
        vrt = rasterio.shutil.copy(source, tmp_path / "x.vrt", driver="VRT") or (tmp_path / "x.vrt").read_bytes()
    image.write_bytes(
        vrt.replace(b'relativeToVRT="1"', b'relativeToVRT="0"').replace(b">secret", f">{tmp_path}/secret".encode())
    )
    with rasterio.open(image) as opened:
        assert opened.driver == "VRT"
    with pytest.raises(InputError, match=r"000000000\.tif could not be read"):
        read_tiles(folder)
    wms = b"<GDAL_WMS><Service name='WMS'><ServerUrl>http://127.0.0.1:9/x?</ServerUrl></Service></GDAL_WMS>"
    image.write_bytes(wms)
    with pytest.raises(InputError, match=r"000000000\.tif could not be read"):
        read_tiles(folder)
    image.write_bytes(good)
    for suffix, content in ((".msk", vrt), (".ovr", vrt), (".aux.xml", b'<MDI key="OVERVIEW_FILE">/vsicurl/x</MDI>')):
        beside = image.with_name(image.name + suffix)
        beside.write_bytes(content)
        with pytest.raises(InputError, match="refers to other files"):
            read_tiles(folder)
        beside.unlink()
    assert len(read_tiles(folder)) == 4
    mrf = folder / "images" / "000000000.mrf"
    mrf.write_bytes(b"<MRF_META><CachedSource><Source>http://127.0.0.1:9/x.tif</Source></CachedSource></MRF_META>")
    (folder / "map.txt").write_text("images\\000000000.mrf  labels\\000000000.xml \n")
    with pytest.raises(InputError, match="refers to other files"):
        read_tiles(folder)
    (folder / "map.txt").write_text("..\\x.vrt".replace("..", "images") + "  labels\\000000000.xml \n")
    (folder / "images" / "x.vrt").write_bytes(vrt)
    with pytest.raises(InputError, match="is in no format that tiles have"):
        read_tiles(folder)


@pytest.mark.parametrize("kind", ["Classified_Tiles", "PASCAL_VOC_rectangles", "MultiLabeled_Tiles"])
def test_tiles_of_other_kinds_are_refused(tmp_path: Path, kind: str) -> None:
    folder = pro_3_5(tmp_path / "t")
    amend(folder / "esri_model_definition.emd", MetaDataMode=kind)
    with pytest.raises(InputError, match=f"holds tiles of the kind {kind}: export Imagenet or Labeled_Tiles"):
        read_tiles(folder)


def test_tiles_cropped_to_their_rectangles_are_refused(tmp_path: Path) -> None:
    folder = pro_3_5(tmp_path / "t")
    write_image(folder / "images" / "000000002.tif", 4, "uint16", size=SIZE + 3)
    with pytest.raises(InputError, match=r"has 19 x 19 pixels, .* has 16 x 16: export tiles of one fixed size"):
        read_tiles(folder)


# Imagenet


def imagenet(folder: Path, classes: Sequence[str], *, definition: bool = True) -> Path:
    for number, name in enumerate(classes):
        (folder / "images" / name).mkdir(parents=True, exist_ok=True)
        image = folder / "images" / name / f"{number:09d}.jpg"
        write_image(image)
        write_world_file(image, number)
    if definition:
        entries = [{"Value": 3, "Name": "Sandy Shore"}, {"Value": 20, "Name": "Sea wall", "Color": [9, 8, 7]}]
        (folder / "esri_model_definition.emd").write_text(json.dumps({"MetaDataMode": "Imagenet", "Classes": entries}))
    return folder


def test_imagenet_folders_have_no_labels(tmp_path: Path) -> None:
    tiles = read_tiles(imagenet(tmp_path / "names", ["sandy shore", "Sea wall", "Sandy Shore"]))
    assert sorted(tiles.codes.tolist()) == [3, 3, 20]
    assert [(c.name, c.colour) for c in tiles.categories] == [
        ("Sandy Shore", CATCOA[3].colour), ("Sea wall", "#090807"),
    ]  # fmt: skip
    assert read_tiles(imagenet(tmp_path / "values", ["3", "20", "3"])).codes.tolist() == [20, 3, 3]
    plain = read_tiles(imagenet(tmp_path / "plain", ["mangrove", "3", "77"], definition=False))
    assert plain.codes.tolist() == [3, 77, 7]
    assert [category.name for category in plain.categories] == ["category 77", "mangrove", "sandy shore"]
    # A map beside it says nothing more.
    folder = imagenet(tmp_path / "mapped", ["3", "20"])
    (folder / "map.txt").write_text("images\\3\\000000000.jpg \nimages\\20\\000000001.jpg \n")
    assert sorted(read_tiles(folder).codes.tolist()) == [3, 20]


def test_imagenet_folders_of_no_class(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="swamp is named after no class"):
        read_tiles(imagenet(tmp_path / "a", ["3", "swamp"]))
    with pytest.raises(InputError, match="class 'swamp' is neither a whole number nor a name"):
        read_tiles(imagenet(tmp_path / "b", ["3", "swamp"], definition=False))


@pytest.mark.filterwarnings("ignore::rasterio.errors.NotGeoreferencedWarning")
def test_plain_class_folders(tmp_path: Path) -> None:
    """``<class>/*.png``, as image datasets come."""
    for number, name in enumerate(["dune", "cliff", "dune", "harbour"]):
        (tmp_path / "a" / name).mkdir(parents=True, exist_ok=True)
        write_image(tmp_path / "a" / name / f"{number}.png")
    tiles = read_tiles(tmp_path / "a")
    assert [(category.code, category.name) for category in tiles.categories] == [
        (1, "cliff"), (2, "dune"), (3, "harbour"),
    ]  # fmt: skip
    assert tiles.codes.tolist() == [1, 2, 2, 3]
    assert tiles.notes == ("classes are numbered in the order of their folders' names: 1 cliff, 2 dune, 3 harbour",)
    (tmp_path / "a" / "dune").rename(tmp_path / "a" / "mangrove")
    with pytest.raises(InputError, match="class 'cliff' is neither a whole number nor a name"):
        read_tiles(tmp_path / "a")
    (tmp_path / "a" / "cliff").rename(tmp_path / "a" / "3")
    (tmp_path / "a" / "harbour").rename(tmp_path / "a" / "Coral Reef")
    assert sorted(read_tiles(tmp_path / "a").codes.tolist()) == [3, 7, 7, 9]


# The wrong folder


def test_one_level_too_low_or_too_high(tmp_path: Path) -> None:
    folder = pro_2_1(tmp_path / "a" / "b" / "c" / "tiles")
    with pytest.raises(InputError, match=rf"pass the folder one level up, {folder}"):
        read_tiles(folder / "images")
    other = imagenet(tmp_path / "imagenet", ["3", "20"])
    with pytest.raises(InputError, match=rf"pass the folder two levels up, {other}"):
        read_tiles(other / "images" / "3")
    assert len(read_tiles(folder.parent)) == 4
    with pytest.raises(InputError, match=rf"the tiles lie further down, pass {folder}"):
        read_tiles(folder.parents[1])
    with pytest.raises(InputError, match=r"pass the folder that holds map\.txt"):
        read_tiles(folder.parents[2])


def test_an_interrupted_export_is_said(tmp_path: Path) -> None:
    stage = pro_2_1(tmp_path / ".tiles.unfinished")
    with pytest.raises(InputError, match="an export to it was interrupted: run that export again"):
        read_tiles(tmp_path / "tiles")
    with pytest.raises(InputError, match="an export into it was interrupted: run that export again"):
        read_tiles(tmp_path)
    # Beside a folder that is whole, it is none of the reader's business.
    shutil.copytree(stage, tmp_path / "tiles")
    assert len(read_tiles(tmp_path)) == len(read_tiles(tmp_path / "tiles")) == 4
    with pytest.raises(InputError, match="is not a folder"):
        read_tiles(tmp_path / "nowhere")


# Our own


def test_regions_of_our_own_tiles(tmp_path: Path, write_scene: Writer) -> None:
    scene = write_scene(tmp_path / "s.tif", textured(size=320))
    table = boxes([(40 * n, 40) for n in range(1, 8)], [3, 7, 3, 7, 3, 7, 3])
    export_tiles(scene, table, tmp_path / "t", CutOptions(tile_size=(32, 32)))
    assert read_tiles(tmp_path / "t").regions is None
    for number in range(4):
        with rasterio.open(tmp_path / "t" / "images" / f"{number:09d}.tif", "r+") as image:
            image.update_tags(REGION="bay")
    assert read_tiles(tmp_path / "t").regions.tolist() == ["bay"] * 4 + [""] * 3
    data = prepare_data(tmp_path / "t", split="region", val_regions=["bay"])
    assert data.split.validation.tolist() == [0, 1, 2, 3]
    assert "held out as a whole: bay" in data.describe()
