"""A place that looks like nothing in the training gets no class; a coast that looks like it keeps its classes."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest

from littoral import FeatureClassifier, classify_objects, open_scene, prepare_data
from littoral.classify import DecisionOptions, open_ensemble
from littoral.errors import InputError
from littoral.learn.training import HeadTraining
from littoral.learn.training_summary import features, training_summary
from littoral.package import read_package, write_package
from littoral.package.manifest import MOST_NOVELTY
from littoral.predictions import UNLIKE, novelty_of, novelty_threshold, signed_sqrt
from littoral.tiles import cut_tiles
from textured_coast import boxes, textured, textured_boxes

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def model(tiles_folder: Path) -> FeatureClassifier:
    data = prepare_data(tiles_folder, batch_size=8, val_split_pct=0.3, seed=1, chip_size=24)
    model = FeatureClassifier(data, "test_resnet", pretrained=False, oversample=True)
    model.fit(4, 1e-2)
    return model


@pytest.fixture(scope="module")
def package(model: FeatureClassifier, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return model.save(tmp_path_factory.mktemp("model") / "m.dlpk")


def town(seed: int = 0, size: int = 640) -> np.ndarray:
    """Streets between roofs of many brightnesses, (3, size, size): what no training tile shows."""
    rng = np.random.default_rng(seed)
    roofs = np.kron(rng.uniform(500, 6500, (size // 16, size // 16)), np.ones((16, 16)))
    streets = (np.arange(size) % 16 < 4)[None, :] | (np.arange(size) % 16 < 4)[:, None]
    plane = np.where(streets, 300.0, roofs)
    return np.stack([plane * 0.7, plane, plane * 1.6]).clip(1).astype("uint16")


def test_an_unseen_coast_keeps_its_classes_and_a_town_gets_none(
    tmp_path: Path, write_scene: Callable[..., Path], package: Path
) -> None:
    table = textured_boxes()
    coast = classify_objects(write_scene(tmp_path / "unseen.tif", textured(seed=5)), table, package)
    strange = classify_objects(write_scene(tmp_path / "town.tif", town()), table, package)
    assert (coast["status"] == "classified").mean() > 0.9
    assert (coast["ClassValue"] == table["CATCOA"]).mean() > 0.85
    assert (strange["status"] == UNLIKE).mean() > 0.9
    odd = strange[strange["status"] == UNLIKE]
    assert odd[["ClassLabel", "ClassValue", "Confidence", "PredictionSet"]].isna().all(axis=None)
    # Its probabilities stay to be looked at: the network is sure where it should not be.
    assert np.allclose(odd["P_3"] + odd["P_7"], 1)
    assert (odd["Novelty"] > 1).all()
    assert coast["Novelty"].median() < 1 < strange["Novelty"].median()


def test_a_class_can_be_had_all_the_same(tmp_path: Path, write_scene: Callable[..., Path], package: Path) -> None:
    scene, table = write_scene(tmp_path / "town.tif", town()), textured_boxes().iloc[:8]
    told, kept = (
        classify_objects(scene, table, package),
        classify_objects(scene, table, package, decisions=DecisionOptions(keep_unlike=True)),
    )
    assert (kept["status"] == "classified").all()
    assert kept["ClassLabel"].notna().all()
    assert kept[["Novelty", "P_3", "P_7"]].equals(told[["Novelty", "P_3", "P_7"]])


def test_novelty_is_the_distance_of_upright_features_over_the_threshold(
    coast: tuple[Path, gpd.GeoDataFrame], model: FeatureClassifier
) -> None:
    found = classify_objects(coast[0], coast[1].iloc[:4], model)["Novelty"]
    spec, record = model.manifest.preprocessing.tile, model.manifest.novelty
    for tile in cut_tiles(open_scene(coast[0]), coast[1].iloc[:4], spec):
        seen = model.trained.predict_with_features(model.trained.prepare(tile.values, tile.valid)[None])[1]
        expected = novelty_of(record, signed_sqrt(seen))[0] / novelty_threshold(record)
        assert found.iloc[tile.position] == pytest.approx(expected, rel=1e-3)


def test_the_record_is_of_training_and_validation(model: FeatureClassifier) -> None:
    assert model.data is not None
    again = replace(model.manifest, **training_summary(model.trained, model.data, HeadTraining()))
    assert again == model.manifest
    assert len(json.dumps(again.novelty)) < MOST_NOVELTY
    # No validation tile is beyond the threshold, as there are fewer than a hundred.
    seen = features(model.trained, model.data, model.data.split.validation)
    assert (novelty_of(again.novelty, seen) <= novelty_threshold(again.novelty) * (1 + 1e-9)).all()
    assert seen.shape == (len(model.data.split.validation), 192)


def test_few_tiles_give_no_record(tmp_path: Path, model: FeatureClassifier) -> None:
    assert model.data is not None
    few = replace(model.data, split=replace(model.data.split, training=model.data.split.training[:19]))
    assert training_summary(model.trained, few, HeadTraining())["novelty"] == {}


def test_further_training_renews_the_record(tiles_folder: Path, package: Path) -> None:
    data = prepare_data(tiles_folder, batch_size=8, val_split_pct=0.3, seed=1, chip_size=24)
    model = FeatureClassifier.from_model(package, data)
    before = model.manifest.novelty
    assert before == read_package(package).manifest.novelty
    model.fit(1, 1e-3)
    assert model.manifest.novelty != before
    model.fit_head(regularisation_c=0.1)
    assert model.manifest.novelty["thresholds"]


def test_a_strangers_record_is_distrusted(tmp_path: Path, package: Path, coast: tuple[Path, gpd.GeoDataFrame]) -> None:
    given = read_package(package)

    def written(name: str, **change: object) -> Path:
        return write_package(tmp_path / f"{name}.dlpk", replace(given, manifest=replace(given.manifest, **change)))

    with pytest.raises(InputError, match="novelty is longer than"):
        read_package(written("long", novelty={"x": "y" * MOST_NOVELTY}))
    with pytest.raises(InputError, match="prior is no share"):
        read_package(written("prior", prior=(1.0,)))
    damaged = {**given.manifest.novelty, "mean": {"shape": [3], "float32": "!"}}
    with pytest.raises(InputError, match="record of the training's features is damaged"):
        classify_objects(*coast, written("damaged", novelty=damaged))


def test_the_graph_says_it_too(tmp_path: Path, model: FeatureClassifier, coast: tuple[Path, gpd.GeoDataFrame]) -> None:
    pytest.importorskip("onnxscript")
    path = model.save(tmp_path / "m.onnx", framework="onnx")
    by_torch, by_graph = (classify_objects(coast[0], coast[1].iloc[:8], each) for each in (model, path))
    assert by_graph["Novelty"].to_numpy() == pytest.approx(by_torch["Novelty"].to_numpy(), rel=1e-2)
    assert by_graph["status"].equals(by_torch["status"])
    with pytest.raises(InputError, match="processor cuda is torch's"):
        open_ensemble([path], processor="cuda")


def test_a_place_without_tile_has_no_novelty(package: Path, coast: tuple[Path, gpd.GeoDataFrame]) -> None:
    table = boxes([(40, 40), (2000, 40)], [3, 3])
    found = classify_objects(coast[0], table, package, decisions=DecisionOptions(keep_unlike=True))
    assert found["Novelty"].isna().tolist() == [False, True]
    assert found["status"].tolist() == ["classified", "outside imagery"]
