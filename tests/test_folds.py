"""Blocks of ground and the folds made of them: nothing is learnt on ground that is scored."""

from __future__ import annotations

import json
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from littoral import FeatureClassifier, prepare_data, read_tiles
from littoral.cli.values import value_of
from littoral.declarations import read_verb
from littoral.errors import InputError
from littoral.evaluation import Calibration, fold_of, fold_tiles, ground_blocks
from littoral.learn.data import TileData
from littoral.package import read_package
from littoral.tiles import TileSet, ground_pairs, split_tiles
from littoral.verbs import train

pytestmark = pytest.mark.slow

BACKBONE = "resnet10t"


@pytest.fixture(scope="module")
def tiles(tiles_folder: Path) -> TileSet:
    return read_tiles(tiles_folder)


def in_regions(tiles: TileSet, count: int = 3) -> TileSet:
    """The same tiles, parted by their longitude in regions a, b, c …"""
    x = np.array([outline.centroid.x for outline in tiles.footprints])
    rank = np.argsort(np.argsort(x, kind="stable"))
    names = np.array([chr(97 + int(number)) for number in rank * count // len(x)], object)
    return replace(tiles, regions=names)


# Blocks


def test_blocks_are_those_that_the_split_held_out(tiles: TileSet) -> None:
    split = split_tiles(tiles, 0.3, seed=1)
    blocks = ground_blocks(tiles, split)
    assert blocks.unit == f"squares of {split.block_km:.1f} km"
    assert not set(blocks.of[split.validation]) & set(blocks.of[split.training])
    assert ground_blocks(tiles).unit == blocks.unit
    regional = in_regions(tiles)
    held = split_tiles(regional, 0.3, kind="region", seed=1, val_regions=["b"])
    assert ground_blocks(regional, held).subset(held.validation).count == 1
    assert (ground_blocks(regional).unit, ground_blocks(regional).count) == ("regions", 3)
    # Where some tiles do not say their region, or all are of one, squares are compared.
    for names in (np.where(regional.regions == "a", "", regional.regions), np.full(len(tiles), "a", object)):
        assert ground_blocks(replace(regional, regions=names)).unit == blocks.unit


def test_folds_hold_whole_blocks_and_even_classes() -> None:
    rng = np.random.default_rng(0)
    block = rng.integers(0, 60, 600)
    targets = rng.choice(3, 600, p=[0.6, 0.3, 0.1])
    fold = fold_of(block, targets, 5, seed=1)
    assert all(len(set(fold[block == number])) == 1 for number in range(60))
    counts = np.array([np.bincount(targets[fold == number], minlength=3) for number in range(5)])
    assert (np.abs(counts / counts.sum(axis=1, keepdims=True) - [0.6, 0.3, 0.1]) < 0.07).all()
    assert (fold_of(block, targets, 5, seed=1) == fold).all()
    assert set(fold_of(np.array([3, 3, 9, 9]), np.array([0, 1, 0, 1]), 5, seed=0)) == {0, 1}
    assert set(fold_of(np.zeros(4, int), np.array([0, 1, 0, 1]), 5, seed=0)) == {0}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(set(fold_of(np.arange(12), np.array([0] * 11 + [1]), 5, seed=0))) == 5


# Folds of tiles


@pytest.mark.parametrize("folds", [3, "region"])
def test_every_tile_is_held_once_and_its_ground_is_not_learnt(tiles: TileSet, folds: int | str) -> None:
    given = in_regions(tiles)
    parts, blocks = fold_tiles(given, folds, seed=2)  # type: ignore[arg-type]
    assert len(parts) == 3
    assert sorted(np.concatenate([part.held for part in parts]).tolist()) == list(range(len(tiles)))
    for part in parts:
        pairs = ground_pairs(given.footprints[part.held], given.footprints[part.learnt])
        assert pairs.shape[1] == 0
        assert len(part.held) + len(part.learnt) + part.set_aside == len(tiles)
        assert not set(blocks.of[part.held]) & set(blocks.of[part.learnt])
    if folds == "region":
        assert [part.name for part in parts] == ["a", "b", "c"]
        # Neighbours across the border of two regions touch, so some are set aside.
        assert blocks.unit == "regions"


def test_tiles_without_a_region_are_only_learnt(tiles: TileSet) -> None:
    given = in_regions(tiles)
    given = replace(given, regions=np.where(given.regions == "c", "", given.regions))
    parts, _ = fold_tiles(given, "region", seed=0)
    assert [part.name for part in parts] == ["a", "b"]


def test_folds_that_cannot_be(tiles: TileSet) -> None:
    with pytest.raises(InputError, match="folds 1 is too few"):
        fold_tiles(tiles, 1, seed=0)
    with pytest.raises(InputError, match="folds 500 are more than the"):
        fold_tiles(tiles, 500, seed=0)
    with pytest.raises(InputError, match="have no region"):
        fold_tiles(tiles, "region", seed=0)
    with pytest.raises(InputError, match="all of one region"):
        fold_tiles(in_regions(tiles, 1), "region", seed=0)
    apart = replace(tiles, regions=np.where(tiles.codes == 3, "a", "b").astype(object))
    with pytest.raises(InputError, match="fewer than two classes"):
        fold_tiles(apart, "region", seed=0)


# A model scored by folds


@pytest.fixture(scope="module")
def judged(tiles_folder: Path) -> tuple[FeatureClassifier, TileData, dict[str, object]]:
    data = prepare_data(tiles_folder, batch_size=8, val_split_pct=0.3, seed=1)
    model = FeatureClassifier(data, BACKBONE, pretrained=False)
    model.fit(1, 3e-3)
    return model, data, model.evaluate(folds=2)


def test_folds_are_reported_and_pooled(judged: tuple[FeatureClassifier, TileData, dict[str, object]]) -> None:
    _, data, record = judged
    assert json.loads(json.dumps(record, allow_nan=False))["tiles"] == len(data.tiles)
    each = record["each"]
    assert [fold["name"] for fold in each] == ["1", "2"]  # type: ignore[attr-defined,index]
    matrices = [np.array(fold["network"]["matrix"]) for fold in each]  # type: ignore[attr-defined,index]
    assert (np.sum(matrices, axis=0) == record["network"]["matrix"]).all()  # type: ignore[index]
    assert sum(fold["tiles"] for fold in each) == len(data.tiles)  # type: ignore[attr-defined,index]
    assert set(record["baselines"]) == set(each[0]["baselines"])  # type: ignore[index,call-overload]
    assert "fold 2:" in str(record)
    assert "a network whose training tiles share no ground with it" in str(record)


def test_a_fold_is_what_training_without_it_gives(
    judged: tuple[FeatureClassifier, TileData, dict[str, object]],
) -> None:
    """Made by hand from the rest of the tiles, through the public door, the network says the same."""
    _, data, record = judged
    parts, _ = fold_tiles(data.tiles, 2, seed=data.seed, block_km=data.split.block_km)
    share = len(data.split.validation) / (len(data.split.validation) + len(data.split.training))
    rest = prepare_data(data.tiles.subset(parts[0].learnt), batch_size=8, val_split_pct=share, seed=1,
                        block_km=data.split.block_km)  # fmt: skip
    model = FeatureClassifier(rest, BACKBONE, pretrained=False)
    model.fit(1, 3e-3)
    found = model.evaluate(data.tiles.subset(parts[0].held))
    expected = record["each"][0]  # type: ignore[index]
    assert found["set_aside"] == 0
    assert found["network"] == expected["network"]
    assert found["baselines"] == expected["baselines"]


def test_folds_stay_with_the_scores(
    judged: tuple[FeatureClassifier, TileData, dict[str, object]], tmp_path: Path
) -> None:
    model, data, record = judged
    package = read_package(model.save(tmp_path / "m.dlpk"))
    assert package.scores["folds"] == json.loads(json.dumps(record))
    assert "Each fold" in package.page
    loaded = FeatureClassifier.from_model(tmp_path / "m.dlpk", data)
    with pytest.raises(InputError, match="was loaded, so how it was trained is not known"):
        loaded.evaluate(folds=2)
    with pytest.raises(InputError, match="leave the tiles away"):
        model.evaluate(data.tiles, folds=2)
    assert Calibration.from_json(package.manifest.calibration).tiles == len(data.split.validation)


def folds_of(text: str) -> object:
    """Of ``train --folds``."""
    verb = read_verb(train, "Tiles and training")
    declared = next(each for each in verb.parameters if each.name == "folds")
    return verb.arguments({"folds": value_of(declared, text)})["folds"]


@pytest.mark.parametrize(("text", "folds"), [("region", "region"), ("5", 5)])
def test_folds_on_the_command_line(text: str, folds: int | str) -> None:
    assert folds_of(text) == folds


@pytest.mark.parametrize("text", ["1", "-3", "many", "2.5", ""])
def test_folds_that_are_none(text: str) -> None:
    with pytest.raises(InputError, match=r"folds 1 is less than 2|--folds .* cannot be read: write K\|region"):
        folds_of(text)
