"""What a new model says of where it comes from."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest

from command_line import run_command
from littoral import FeatureClassifier, export_tiles, open_scene, prepare_data, read_tiles
from littoral.learn.data import TileData
from littoral.learn.provenance import acquired, configuration_hash, data_hash
from littoral.package import read_package
from littoral.tiles.options import CutOptions

BACKBONE = "test_convnext"


@pytest.fixture(scope="module")
def data(tiles_folder: Path) -> TileData:
    return prepare_data(tiles_folder, batch_size=8, val_split_pct=0.3, seed=1)


@pytest.mark.slow
def test_a_new_model_is_saved_with_licence_and_hashes(data: TileData, tmp_path: Path) -> None:
    model = FeatureClassifier(data, BACKBONE, pretrained=False)
    path = model.save(tmp_path / "m.dlpk", onnx=False, licence="CC-BY-4.0", attribution="Somebody")
    manifest = read_package(path).manifest
    assert (manifest.licence, manifest.attribution) == ("CC-BY-4.0", "Somebody")
    assert manifest.data_hash == data_hash(data)
    assert len(manifest.configuration_hash) == 64
    assert read_package(model.save(tmp_path / "n.dlpk", onnx=False)).manifest.licence == "CC-BY-4.0"
    names = zipfile.ZipFile(path).namelist()
    assert names == ["m.emd", "m.pth", "littoral.json", "metrics.json", "model_metrics.html", "stac-mlm.json"]
    page = read_package(path).page
    assert "macro-F1" in page
    assert "<svg" in page
    tile = data.tiles.read(0)[0]
    assert np.array_equal(FeatureClassifier.from_model(path).predict_proba(tile), model.predict_proba(tile))


@pytest.mark.slow
def test_the_days_of_the_images_are_kept(
    coast: tuple[Path, gpd.GeoDataFrame], tiles_folder: Path, data: TileData, tmp_path: Path
) -> None:
    scene, table = replace(open_scene(coast[0]), acquired="2024-05-01"), coast[1]
    packed = prepare_data(scene=scene, rectangles=table, tile_size=32, cache=tmp_path / "cache")
    export_tiles(scene, table, tmp_path / "tiles", CutOptions(tile_size=(32, 32)))
    for tiles in (packed.tiles, read_tiles(tmp_path / "tiles")):
        assert acquired(tiles) == ("2024-05-01", "2024-05-01")
    assert acquired(data.tiles) is None  # that scene has no date


def test_hashes_tell_trainings_apart(data: TileData, tiles_folder: Path, tmp_path: Path) -> None:
    same = prepare_data(tiles_folder, batch_size=8, val_split_pct=0.3, seed=1)
    assert data_hash(same) == data_hash(data)
    other_split = replace(data, split=replace(data.split, training=data.split.training[:-1]))
    other_pixels = replace(data, statistics=data.statistics + 1e-9)
    codes = data.tiles.codes.copy()
    codes[0] = 3 if codes[0] == 7 else 7
    other_labels = replace(data, tiles=replace(data.tiles, codes=codes))
    assert len({data_hash(each) for each in (data, other_split, other_pixels, other_labels)}) == 4

    weights = tmp_path / "w.pth"
    weights.write_bytes(b"one")
    of: Callable[..., str] = configuration_hash
    found = [of(BACKBONE, data, "none"), of("resnet18", data, "none"), of(BACKBONE, data, "hub"),
             of(BACKBONE, replace(data, seed=2), "none"), of(BACKBONE, data, weights)]  # fmt: skip
    weights.write_bytes(b"two")
    found.append(of(BACKBONE, data, weights))
    assert len(set(found)) == len(found)
    assert of(BACKBONE, same, "none") == found[0]


@pytest.mark.slow
def test_licence_and_attribution_at_the_command_line(tiles_folder: Path, tmp_path: Path) -> None:
    path = tmp_path / "m.dlpk"
    given = ["--backbone", BACKBONE, "--weights", "none", "--epochs", "1", "--lr", "0.001", "--val-share", "0.3"]
    said = run_command(["train", str(tiles_folder), "-o", str(path), *given, "--licence", "MIT", "--attribution", "Me"])
    assert said.exit_code == 0, said.output
    manifest = read_package(path).manifest
    assert (manifest.licence, manifest.attribution) == ("MIT", "Me")
    assert "attribution  " in run_command(["inspect", str(path)]).output
