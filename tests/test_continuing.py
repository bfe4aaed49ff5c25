"""A model that was loaded and learns from other data says, and sees, what it should."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely
import torch

from command_line import run_command
from littoral import FeatureClassifier, export_tiles, prepare_data
from littoral.errors import InputError, LittoralWarning
from littoral.learn import training_run
from littoral.learn.data import TileData
from littoral.learn.provenance import data_hash
from littoral.learn.training.batches import Batches
from littoral.package import read_package
from littoral.tiles.options import CutOptions

pytestmark = pytest.mark.slow

BACKBONE = "test_resnet"


def prepared(tiles: Path, seed: int = 1, **how: object) -> TileData:
    torch.set_num_threads(1)
    return prepare_data(tiles, batch_size=8, val_split_pct=0.3, **{"seed": seed, **how})  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def saved(tiles_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """It sees two bands, resized and cropped."""
    data = prepared(tiles_folder, chip_size=24, resize_to=28, bands=["B04", "B02"])
    model = FeatureClassifier(data, BACKBONE, pretrained=False)
    model.fit(1, 1e-2)
    return model.save(tmp_path_factory.mktemp("saved") / "m.dlpk", onnx=False)


def test_other_data_is_seen_through_the_models_preprocessing(
    saved: Path, tiles_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = prepared(tiles_folder, 2, bands=["B04", "B02"])
    model = FeatureClassifier.from_model(saved, other)
    shown, real = [], Batches.epoch

    def noted(self: Batches, *given: object, **how: object):  # type: ignore[no-untyped-def]
        for x, y in real(self, *given, **how):  # type: ignore[arg-type]
            shown.append(x.shape)
            yield x, y

    monkeypatch.setattr(Batches, "epoch", noted)
    model.fit(1, 1e-3)
    assert {shape[1:] for shape in shown} == {(2, 24, 24)}
    assert model.data is not None
    assert model.data.preprocessing == model.manifest.preprocessing == read_package(saved).manifest.preprocessing
    assert 0 <= model.accuracy <= 1


def test_what_it_has_learnt_from_is_told(saved: Path, tiles_folder: Path, tmp_path: Path) -> None:
    before = read_package(saved).manifest
    other = prepared(tiles_folder, 2, bands=["B04", "B02"])
    assert data_hash(other) != before.data_hash
    model = FeatureClassifier.from_model(saved, other)
    assert model.manifest == before
    model.fit_head(regularisation_c=0.1)
    after = read_package(model.save(tmp_path / "n.dlpk", onnx=False)).manifest
    # Ground that either training has seen counts as seen, so it is not evaluated on.
    area = shapely.from_wkt(after.training_area)
    for outline in [shapely.from_wkt(before.training_area), *other.tiles.footprints[other.split.training]]:
        assert shapely.covers(shapely.buffer(area, 1e-5), outline)
    assert after.split == other.split.describe()
    assert after.seed == 2
    assert after.data_hash == data_hash(model.data)  # type: ignore[arg-type]
    assert len({before.configuration_hash, after.configuration_hash}) == 2
    again = FeatureClassifier.from_model(tmp_path / "n.dlpk").save(tmp_path / "o.dlpk", onnx=False)
    assert read_package(again).manifest.configuration_hash == after.configuration_hash


def test_data_that_the_model_cannot_see(
    saved: Path, coast: tuple[Path, gpd.GeoDataFrame], tiles_folder: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=r"the tiles have bands B02, B03, B04, the model B04, B02"):
        FeatureClassifier.from_model(saved, prepared(tiles_folder))
    export_tiles(*coast, tmp_path / "small", CutOptions(tile_size=(16, 16)))
    with pytest.raises(InputError, match="the tiles show 14 pixels a side where the model needs 24"):
        FeatureClassifier.from_model(saved, prepared(tmp_path / "small", bands=["B04", "B02"]))


def test_the_hash_tells_recipes_apart(tiles_folder: Path, tmp_path: Path) -> None:
    data = prepared(tiles_folder)

    def made(how: dict[str, object], **fit: object) -> str:
        model = FeatureClassifier(data, BACKBONE, pretrained=False, **how)  # type: ignore[arg-type]
        if fit:
            model.fit(**{"epochs": 1, "lr": 1e-3, **fit})  # type: ignore[arg-type]
        model.save(tmp_path / "m.dlpk", onnx=False)
        again = read_package(model.save(tmp_path / "m.dlpk", onnx=False)).manifest.configuration_hash
        assert again == model.manifest.configuration_hash
        return again

    different = [made({}), made({"focal_loss": True}, lr=1e-3), made({}, lr=1e-3), made({}, lr=2e-3),
                 made({}, epochs=2), made({"oversample": True}, lr=1e-3)]  # fmt: skip
    assert len(set(different)) == len(different)
    # Where it shows itself and what an argument is by default say nothing.
    assert made({"mixup": False}, log=tmp_path / "log", one_cycle=True, progress=False) == different[2]


def test_folds_of_a_loaded_model_are_refused_before_anything_is_said(
    saved: Path, tiles_folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = FeatureClassifier.from_model(saved, prepared(tiles_folder, bands=["B04", "B02"]))
    with pytest.raises(InputError, match="how it was trained is not known"):
        model.evaluate(folds=2)
    assert "fold" not in capsys.readouterr().out
    assert np.isfinite(model.accuracy)


def test_every_process_of_a_training_trains_the_folds(
    tiles_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folds: list[object] = []
    monkeypatch.setattr("littoral.learn.training.is_first_process", lambda: False)
    monkeypatch.setattr(training_run, "is_first_process", lambda: False)
    monkeypatch.setattr(training_run, "cross_validate", lambda *given, **how: folds.append(given[2]) or {})
    given = ["--weights", "none", "--backbone", BACKBONE, "--epochs", "1", "--lr", "0.001", "--folds", "2"]
    said = run_command(["train", str(tiles_folder), "-o", str(tmp_path / "m.dlpk"), *given])
    assert said.exit_code == 0, said.output
    # The first one waits for the others in each fold; it alone writes.
    assert folds == [2]
    assert not (tmp_path / "m.dlpk").exists()


@pytest.mark.filterwarnings("ignore:2 tiles could not be read and left out")
@pytest.mark.parametrize("how", ["fit", "fit_head"])
def test_tiles_damaged_since_they_were_measured_are_skipped_if_they_may(
    tiles_folder: Path, tmp_path: Path, how: str
) -> None:
    shutil.copytree(tiles_folder, tmp_path / "tiles")
    data = prepared(tmp_path / "tiles", unreadable="skip")
    for part in (data.split.training, data.split.validation):
        path = data.tiles.paths[int(part[0])]
        path.write_bytes(path.read_bytes()[:3000])
    model = FeatureClassifier(data, BACKBONE, pretrained=False)
    with pytest.warns(LittoralWarning, match=r"no longer be read \(2\)"):
        model.fit(1, 1e-3) if how == "fit" else model.fit_head(regularisation_c=0.1)
    assert model.evaluate()["tiles"] == len(data.split.validation) - 1
    fatal = FeatureClassifier(replace(data, unreadable="fatal"), BACKBONE, pretrained=False)
    with pytest.raises(InputError, match="could not be read"):
        fatal.fit_head(regularisation_c=0.1)
