from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import rasterio

from littoral import export_tiles, open_scene, read_tiles
from littoral.errors import InputError, WriteError
from littoral.tiles import (
    CLASSIFIED,
    NODATA,
    OUTSIDE,
    Tile,
    TileSpec,
    cut_tiles,
    ground_pairs,
    read_tile,
    split_tiles,
)
from littoral.tiles.options import ClassOptions, CutOptions, ExportOptions
from sample import CLIPS
from textured_coast import boxes, textured

Writer = Callable[..., Path]
SPEC = TileSpec(32, ("B02", "B03", "B04"))


@pytest.fixture
def scene_path(tmp_path: Path, write_scene: Writer) -> Path:
    return write_scene(tmp_path / "scene.tif", textured(size=160), nodata=0)


def in_order(tiles: Iterable[Tile]) -> list[Tile]:
    return sorted(tiles, key=lambda tile: tile.position)


def test_tile_is_centred_and_equals_rasterio(scene_path: Path) -> None:
    (tile,) = cut_tiles(open_scene(scene_path), boxes([(80, 60)], [3]), SPEC)
    with rasterio.open(scene_path) as image:
        plain = image.read()[:, 60 - 16 : 60 + 16, 80 - 16 : 80 + 16]
    assert (tile.values == plain).all()
    assert tile.box_px == pytest.approx((6, 6, 26, 26))
    assert (tile.status, tile.valid_share) == (CLASSIFIED, 1.0)
    assert tile.transform @ (0, 0) == open_scene(scene_path).transform @ (64, 44)


def test_own_pixels_decide(tmp_path: Path, write_scene: Writer) -> None:
    values = np.full((3, 100, 100), 500, "uint16")
    values[:, :, 50:] = 0
    scene = open_scene(write_scene(tmp_path / "s.tif", values, nodata=0))
    centres = [(20, 50), (0, 50), (-5, 50), (50, 50), (56, 50), (30, 50), (-400, 50)]
    tiles = in_order(cut_tiles(scene, boxes(centres, [1] * len(centres)), SPEC))
    statuses = [tile.status for tile in tiles]
    assert statuses == [CLASSIFIED, CLASSIFIED, OUTSIDE, CLASSIFIED, NODATA, CLASSIFIED, OUTSIDE]
    assert [tile.valid_share for tile in tiles] == pytest.approx([1, 0.5, 0.25, 0.5, 0.2, 1, 0])
    # The tile around the first one reaches beyond the scene; its own pixels are all there.
    beyond = tiles[1]
    assert not beyond.valid[:, :16].any()
    assert beyond.valid[:, 16:].all()
    assert all(tile.values.size == 0 for tile in tiles if tile.status != CLASSIFIED)
    strict = in_order(cut_tiles(scene, boxes(centres, [1] * len(centres)), TileSpec(32, SPEC.bands, min_valid=0.9)))
    assert [tile.status for tile in strict].count(CLASSIFIED) == 2


def test_rectangles_in_degrees_and_smaller_than_a_pixel(scene_path: Path) -> None:
    scene = open_scene(scene_path)
    here = boxes([(80, 60), (40, 40)], [3, 7])
    there = list(cut_tiles(scene, here.to_crs(4326), SPEC))
    for a, b in zip(cut_tiles(scene, here, SPEC), there, strict=True):
        assert (a.values == b.values).all()
    (tiny,) = cut_tiles(scene, boxes([(80.5, 60.5)], [3], side_m=1.0), SPEC)
    assert tiny.valid_share == 1.0


def test_learning_and_classifying_cut_the_same_bits(tmp_path: Path, write_scene: Writer) -> None:
    values = textured(size=160)
    values[:, 70:, :40] = 0
    scene = open_scene(write_scene(tmp_path / "s.tif", values, nodata=0, scales=(1e-4,) * 3, offsets=(-0.1,) * 3))
    table = boxes([(5, 5), (30, 60), (80, 80), (150, 150), (500, 0)], [3, 3, 7, 7, 7])
    export_tiles(scene, table, tmp_path / "tiles", CutOptions(tile_size=(32, 32)))
    used = [tile for tile in cut_tiles(scene, table, SPEC) if tile.status == CLASSIFIED]
    stored = read_tiles(tmp_path / "tiles")
    assert len(stored) == len(used) == 4
    assert stored.origin["Pixels"] == "reflectance x 10000"
    for path, tile in zip(stored.paths, used, strict=True):
        again, valid = read_tile(path)
        assert again.dtype == tile.values.dtype == np.int16
        assert (again == tile.values).all()
        assert (valid == tile.valid).all()
        with rasterio.open(path) as image:
            assert float(image.tags()["VALID_SHARE"]) == pytest.approx(tile.valid_share, abs=1e-4)


def test_folder_is_as_other_tools_write_it(tmp_path: Path, scene_path: Path) -> None:
    folder = tmp_path / "tiles"
    summary = export_tiles(
        scene_path, boxes([(80, 60), (40, 40), (99, 99)], [3, 7, None]), folder, CutOptions(tile_size=(32, 32))
    )
    assert str(summary) == "2 tiles (mangrove 1, sandy shore 1); left out: 1 without CATCOA"
    assert sorted(p.name for p in folder.iterdir()) == [
        "esri_accumulated_stats.json", "esri_model_definition.emd", "images", "labels", "map.txt", "stats.txt",
    ]  # fmt: skip
    lines = (folder / "map.txt").read_bytes().decode().split("\n")
    assert lines == [
        "images\\000000000.tif  labels\\000000000.xml ", "images\\000000001.tif  labels\\000000001.xml ", "",
    ]  # fmt: skip
    label = (folder / "labels" / "000000001.xml").read_text()
    assert "<object><name>7</name>" in label
    assert "<xmin>6.00</xmin><ymin>6.00</ymin><xmax>26.00</xmax><ymax>26.00</ymax>" in label
    stats = json.loads((folder / "esri_accumulated_stats.json").read_text())
    assert (stats["NumTiles"], stats["NextTileIndex"], stats["NumBands"]) == (2, 2, 3)
    pixels = np.concatenate([read_tile(p)[0].reshape(3, -1) for p in read_tiles(folder).paths], axis=1)
    for band, state in zip(pixels, stats["BandStatsState"], strict=True):
        assert (state["Min"], state["Max"]) == (band.min(), band.max())
        assert state["Mean"] == pytest.approx(band.mean())
        assert state["StdDev"] == pytest.approx(band.std())
    emd = json.loads((folder / "esri_model_definition.emd").read_text())
    assert emd["Classes"][1] == {"Value": 7, "Name": "mangrove", "Color": [5, 45, 48]}
    assert emd["InputRastersProps"]["BandNames"] == ["B02", "B03", "B04"]


def test_appending_continues_numbers_and_statistics(tmp_path: Path, scene_path: Path) -> None:
    table = boxes([(80, 60), (40, 40), (100, 100), (60, 120)], [3, 7, 3, 1])
    export_tiles(scene_path, table.iloc[:2], tmp_path / "two", CutOptions(tile_size=(32, 32)))
    export_tiles(scene_path, table.iloc[2:], tmp_path / "two", CutOptions(tile_size=(32, 32)))
    export_tiles(scene_path, table, tmp_path / "one", CutOptions(tile_size=(32, 32)))
    one, two = (json.loads((tmp_path / n / "esri_accumulated_stats.json").read_text()) for n in ("one", "two"))
    for a, b in zip(one.pop("BandStatsState"), two.pop("BandStatsState"), strict=True):
        assert a == pytest.approx(b)
    assert one == two
    for name in ("map.txt", "stats.txt"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert read_tiles(tmp_path / "two").codes.tolist() == [3, 7, 3, 1]


def test_the_same_export_again_adds_nothing(tmp_path: Path, scene_path: Path) -> None:
    table = boxes([(80, 60), (40, 40)], [3, 7])
    export_tiles(scene_path, table, tmp_path / "t", CutOptions(tile_size=(32, 32)))
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    again = export_tiles(scene_path, table, tmp_path / "t", CutOptions(tile_size=(32, 32)))
    assert str(again) == "0 tiles (none); left out: 2 in the folder already"
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    # Another class on the same window is another statement, another rectangle another tile.
    more = export_tiles(scene_path, boxes([(80, 60), (99, 99)], [7, 3]), tmp_path / "t", CutOptions(tile_size=(32, 32)))
    assert more.written == 2


def test_appending_other_kinds_is_refused(tmp_path: Path, scene_path: Path, write_scene: Writer) -> None:
    table = boxes([(80, 60)], [3])
    folder = tmp_path / "tiles"
    export_tiles(scene_path, table, folder, CutOptions(tile_size=(32, 32)))
    before = {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()}
    with pytest.raises(InputError, match="tiles of 32 x 32 pixels, these are of 64 x 64"):
        export_tiles(scene_path, table, folder, CutOptions(tile_size=(64, 64)))
    with pytest.raises(InputError, match="bands B02, B03, B04, these are of bands B04"):
        export_tiles(scene_path, table, folder, CutOptions(tile_size=(32, 32), bands=("B04",)))
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "mine.txt").write_text("x")
    with pytest.raises(InputError, match="is no folder of tiles"):
        export_tiles(scene_path, table, tmp_path / "other")
    assert {p: p.read_bytes() for p in folder.rglob("*") if p.is_file()} == before


def test_mixed_rectangles_can_be_left_out(scene_path: Path, tmp_path: Path) -> None:
    table = boxes([(80, 60), (40, 40), (99, 99)], [3, 7, 7]).assign(purity=[0.7, 0.9, 1.0])
    summary = export_tiles(
        scene_path, table, tmp_path / "t", CutOptions(tile_size=(32, 32)), ClassOptions(min_purity=0.9)
    )
    assert (summary.written, summary.skipped["of mixed classes"]) == (2, 1)
    with pytest.raises(InputError, match="min purity 2"):
        export_tiles(scene_path, table, tmp_path / "t", labels=ClassOptions(min_purity=2))
    with pytest.raises(InputError, match="purity"):
        export_tiles(
            scene_path,
            table.drop(columns="purity"),
            tmp_path / "t",
            CutOptions(tile_size=(32, 32)),
            ClassOptions(min_purity=0.5),
        )


def test_one_folder_per_category(tmp_path: Path, scene_path: Path) -> None:
    table = boxes([(80, 60), (40, 40), (100, 100)], [3, 7, 3])
    summary = export_tiles(
        scene_path, table, tmp_path / "t", CutOptions(tile_size=(32, 32)), export=ExportOptions(per_category=True)
    )
    assert [p.name for p in summary.folders] == ["Category_3", "Category_7"]
    whole = read_tiles(tmp_path / "t")
    listed = read_tiles([tmp_path / "t" / "Category_7", tmp_path / "t" / "Category_3"])
    assert whole.codes.tolist() == [3, 3, 7]
    assert listed.codes.tolist() == [7, 3, 3]
    assert [c.code for c in whole.categories] == [7, 3]


def test_a_full_disk_leaves_the_folder_as_it_was(
    tmp_path: Path, scene_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "tiles"
    export_tiles(scene_path, boxes([(80, 60), (40, 40)], [3, 7]), folder, CutOptions(tile_size=(32, 32)))
    table = boxes([(81, 61), (41, 41), (101, 101)], [3, 7, 3])
    before = {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    written = Path.write_bytes

    def full(path: Path, content: bytes) -> int:
        # By name: two threads write, and whichever comes first, the first new tile is never whole.
        if path.name in ("000000002.xml", "000000000.xml"):
            raise OSError(28, "No space left on device")
        return written(path, content)

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(WriteError, match="No space left on device"):
        export_tiles(scene_path, table, folder, CutOptions(tile_size=(32, 32)))
    assert {p: p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()} == before
    with pytest.raises(WriteError):
        export_tiles(scene_path, table, tmp_path / "new", CutOptions(tile_size=(32, 32)))
    assert not (tmp_path / "new").exists()


def test_bad_export_input(tmp_path: Path, scene_path: Path) -> None:
    table = boxes([(80, 60)], [3])
    out = tmp_path / "tiles"
    with pytest.raises(InputError, match="has no field 'kind'"):
        export_tiles(scene_path, table, out, labels=ClassOptions(class_field="kind"))
    with pytest.raises(InputError, match="is null in every row"):
        export_tiles(scene_path, boxes([(80, 60)], [None]), out)
    with pytest.raises(InputError, match="overlaps none of the rectangles"):
        export_tiles(scene_path, boxes([(9999, 60)], [3]), out)
    with pytest.raises(InputError, match="has no coordinate reference system"):
        export_tiles(scene_path, gpd.GeoDataFrame(table, crs=None).set_crs(None, allow_override=True), out)
    with pytest.raises(InputError, match="neither a whole number nor a name"):
        export_tiles(scene_path, table.assign(CATCOA=["rocks"]), out)
    assert not out.exists()
    export_tiles(scene_path, table.assign(CATCOA=["Stony Shore"]), out)
    assert read_tiles(out).codes.tolist() == [4]


def foreign(folder: Path, *, classes: list[dict[str, object]], name: str = "3", separator: str = "\\") -> Path:
    """A folder as another program writes it: no georeference, JPEG, its own spellings."""
    for part in ("images", "labels"):
        (folder / part).mkdir(parents=True)
    picture = np.full((3, 16, 16), 90, "uint8")
    for number in range(2):
        with rasterio.open(
            folder / "images" / f"{number:09d}.tif", "w", driver="GTiff", count=3, height=16, width=16, dtype="uint8",
            transform=rasterio.Affine(10, 0, 1e3 * number, 0, -10, 0), crs="EPSG:32617",
        ) as image:  # fmt: skip
            image.write(picture)
    (folder / "labels" / "000000000.xml").write_text(f"<annotation><object><name>{name}</name></object></annotation>")
    rows = [f"images{separator}{n:09d}.tif\tlabels{separator}{n:09d}.xml" for n in range(2)]
    (folder / "map.txt").write_text("\r\n".join(rows), encoding="utf-8-sig")
    (folder / "esri_model_definition.emd").write_text(json.dumps({"Classes": classes}))
    return folder


def test_folders_of_other_programs(tmp_path: Path) -> None:
    old = foreign(tmp_path / "old", classes=[{"ClassValue": 3, "ClassName": "3"}], separator="/")
    tiles = read_tiles(old)
    assert (len(tiles), tiles.missing_labels) == (1, 1)
    assert tiles.categories[0].name == "sandy shore"
    own = foreign(tmp_path / "own", classes=[{"Value": 3, "Name": "Dune", "Color": [1, 2, 3]}], name="Dune")
    assert (read_tiles(own).categories[0].name, read_tiles(own).categories[0].colour) == ("Dune", "#010203")
    with pytest.raises(InputError, match="names class '9'"):
        read_tiles(foreign(tmp_path / "bad", classes=[{"Value": 3, "Name": "3"}], name="9"))
    with pytest.raises(InputError, match="lists no Classes"):
        read_tiles(foreign(tmp_path / "none", classes=[]))


def test_wrong_folders_are_explained(tmp_path: Path, tiles_folder: Path) -> None:
    with pytest.raises(InputError, match="one level up"):
        read_tiles(tiles_folder / "images")
    (tmp_path / "x").mkdir()
    with pytest.raises(InputError, match=r"no map.txt"):
        read_tiles(tmp_path / "x")
    assert len(read_tiles(tiles_folder.parent)) == len(read_tiles(tiles_folder))


def test_truncated_tile_is_named(tmp_path: Path, scene_path: Path) -> None:
    export_tiles(scene_path, boxes([(80, 60)], [3]), tmp_path / "t", CutOptions(tile_size=(32, 32)))
    path = tmp_path / "t" / "images" / "000000000.tif"
    path.write_bytes(path.read_bytes()[:3000])
    with pytest.raises(InputError, match=r"000000000.tif could not be read"):
        read_tile(path)


def test_two_clips_of_one_place_in_two_zones(sample_or_real: Path, data_is_real: bool, tmp_path: Path) -> None:
    table = gpd.read_file(sample_or_real / "realcoast" / "realcoast.gpkg", layer="rectangles")
    table["CATCOA"] = table["CATCOA"].astype("Int64")
    for name in ("unalakleet_alaska", "unalakleet_alaska_l9") if data_is_real else CLIPS:
        clip, own = sample_or_real / "realcoast" / f"{name}.tif", table[table["image"] == f"{name}.tif"]
        export_tiles(clip, own, tmp_path / "t", CutOptions(tile_size=(64, 64), bands=("B02", "B03", "B04")))
    tiles = read_tiles(tmp_path / "t")
    zones = np.array([_zone(path) for path in tiles.paths])
    assert set(zones) == {32603, 32604}
    a, b = ground_pairs(tiles.footprints, tiles.footprints)
    assert (zones[a] != zones[b]).any()
    split = split_tiles(tiles, 0.3)
    assert len(split.validation)
    assert ground_pairs(tiles.footprints[split.training], tiles.footprints[split.validation]).shape[1] == 0


def _zone(path: Path) -> int:
    with rasterio.open(path) as image:
        return int(image.crs.to_epsg())


def test_scalings_that_do_not_mix(tmp_path: Path, write_scene: Writer) -> None:
    values = textured(size=100)
    table = boxes([(50, 50)], [3])
    plain = write_scene(tmp_path / "plain.tif", values)
    shifted = write_scene(tmp_path / "shifted.tif", values, scales=(1e-4,) * 3, offsets=(-0.1,) * 3)
    stated = write_scene(tmp_path / "stated.tif", values, scales=(1e-4,) * 3)
    floats = write_scene(tmp_path / "floats.tif", values.astype("float32"))
    folder = tmp_path / "tiles"
    export_tiles(stated, table, folder, CutOptions(tile_size=(32, 32)))
    export_tiles(shifted, table, folder, CutOptions(tile_size=(32, 32)))
    assert len(read_tiles(folder)) == 2
    with pytest.raises(InputError, match=r"these are of float32 values \(as stored\)"):
        export_tiles(floats, table, folder, CutOptions(tile_size=(32, 32)))
    export_tiles(shifted, table, tmp_path / "s", CutOptions(tile_size=(32, 32)))
    with pytest.raises(InputError, match=r"holds tiles of int16 values \(reflectance x 10000\), these are of uint16"):
        export_tiles(plain, table, tmp_path / "s", CutOptions(tile_size=(32, 32)))
    export_tiles(plain, table, tmp_path / "p", CutOptions(tile_size=(32, 32)))
    with pytest.raises(InputError, match="train on tiles of one scaling"):
        read_tiles([tmp_path / "p", tmp_path / "s"])


def test_one_bands_nodata_is_not_anothers(tmp_path: Path, write_scene: Writer) -> None:
    """Two files, one of which has a nodata value; the other's zeros are measurements."""
    folder = tmp_path / "scene"
    folder.mkdir()
    values = np.full((1, 100, 100), 7, "uint16")
    write_scene(folder / "a_B02.tif", values, names=None, nodata=0)
    write_scene(folder / "b_B03.tif", values * 0, names=None)
    table = boxes([(50, 50)], [3])
    export_tiles(folder, table, tmp_path / "t", CutOptions(tile_size=(32, 32)))
    (tile,) = cut_tiles(open_scene(folder), table, TileSpec(32, ("B02", "B03")))
    again, valid = read_tile(read_tiles(tmp_path / "t").paths[0])
    assert (again == tile.values).all()
    assert (valid == tile.valid).all()
    assert valid.all()


def test_places_that_cannot_take_tiles(tmp_path: Path, scene_path: Path) -> None:
    table = boxes([(80, 60)], [3])
    (tmp_path / "file").write_text("x")
    for place in (tmp_path / "file", tmp_path / "file" / "tiles"):
        with pytest.raises(InputError, match="is a file, not a folder"):
            export_tiles(scene_path, table, place, CutOptions(tile_size=(32, 32)))
    export_tiles(scene_path, table, tmp_path / "t", CutOptions(tile_size=(32, 32)))
    with pytest.raises(InputError, match="--per-category"):
        export_tiles(
            scene_path, table, tmp_path / "t", CutOptions(tile_size=(32, 32)), export=ExportOptions(per_category=True)
        )
    with pytest.raises(InputError, match="is empty"):
        list(cut_tiles(open_scene(scene_path), table.iloc[:0], SPEC))
    with pytest.raises(InputError, match="holds Point"):
        list(cut_tiles(open_scene(scene_path), table.set_geometry(table.centroid), SPEC))


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("map.txt", b"images\\\xff\xfe.tif"),
        ("map.txt", b"images\\000000000.tif"),
        ("esri_model_definition.emd", b'{"Classes": "foo"}'),
        ("esri_model_definition.emd", b'{"Classes": [{"Value": 3, "Name": "x", "Color": ["a", 1, 2]}]}'),
        ("esri_model_definition.emd", b"[1]"),
        ("labels/000000000.xml", b"<annotation>"),
        ("labels/000000000.xml", b"<annotation><object></object></annotation>"),
    ],
)
def test_damaged_folders_are_sentences(tmp_path: Path, scene_path: Path, name: str, content: bytes) -> None:
    export_tiles(scene_path, boxes([(80, 60)], [3]), tmp_path / "t", CutOptions(tile_size=(32, 32)))
    (tmp_path / "t" / name).write_bytes(content)
    with pytest.raises(InputError, match=Path(name).name.replace(".", r"\.")):
        read_tiles(tmp_path / "t")
