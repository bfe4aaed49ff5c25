"""Calls as notebooks of the original have them: they work, or end in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torchvision
from matplotlib.figure import Figure

from littoral import FeatureClassifier, figures, prepare_data
from littoral.errors import InputError, WriteError
from littoral.learn.data import TileData


@pytest.fixture(scope="module")
def data(tiles_folder: Path) -> TileData:
    return prepare_data(tiles_folder, batch_size=8, val_split_pct=0.3, seed=1)


@pytest.fixture(scope="module")
def trained(data: TileData) -> FeatureClassifier:
    model = FeatureClassifier(data, "test_resnet", False)
    model.fit(1, 3e-3, True, False, False, False, "valid_loss", False)
    return model


@pytest.fixture
def shown(monkeypatch: pytest.MonkeyPatch) -> list[Figure]:
    found: list[Figure] = []
    monkeypatch.setattr(figures, "show", found.append)
    return found


def test_arguments_by_position(data: TileData) -> None:
    model = FeatureClassifier(data, "test_resnet", False, True, True, "pytorch")
    assert (model._step.mixup, model._step.oversample) == (True, True)
    with pytest.raises(InputError, match="backend 'tensorflow' is not supported: leave it out"):
        FeatureClassifier(data, "test_resnet", False, backend="tensorflow")


def test_a_function_of_torchvision_as_backbone(data: TileData) -> None:
    made, named = (FeatureClassifier(data, each, False) for each in (torchvision.models.resnet18, "resnet18"))
    assert made.manifest.backbone == named.manifest.backbone == "resnet18"
    with pytest.raises(InputError, match="backbone is a int: pass a name"):
        FeatureClassifier(data, 34, False)  # type: ignore[arg-type]
    with pytest.raises(InputError, match="is not one of timm's"):
        FeatureClassifier(data, torchvision.models.video.r3d_18, False)


def test_pictures_are_shown_where_they_are_asked_for(
    trained: FeatureClassifier, data: TileData, shown: list[Figure]
) -> None:
    path = data.tiles.paths[0]
    plain = trained.predict(path)
    assert not shown
    assert trained.predict(path, visualize=True) == plain
    (axes,) = shown[-1].axes
    assert axes.get_title("left") == f"{plain[0]}\n{plain[1]:.0%}"
    assert trained.predict(data.tiles.read(0)[0], True) == plain
    assert trained.plot_losses(show=True) is shown[-1]
    rate = trained.lr_find(False)
    assert 0 < rate < 1
    assert len(shown) == 3


def test_saving_and_loading_as_the_original_does(trained: FeatureClassifier, data: TileData, tmp_path: Path) -> None:
    path = trained.save(tmp_path / "new_folder" / "x.dlpk", "PyTorch", False, None)
    assert path.exists()
    again = FeatureClassifier(data, "test_resnet", False)
    again.load(path)
    tile = data.tiles.paths[0]
    np.testing.assert_array_equal(again.predict_proba(tile), trained.predict_proba(tile))
    with pytest.raises(InputError, match="publish is not supported, as littoral uploads nothing"):
        trained.save(tmp_path / "y.dlpk", publish=True, gis=object())
    with pytest.raises(InputError, match="save_optimizer is not supported"):
        trained.save(tmp_path / "y.dlpk", save_optimizer=True)
    assert not (tmp_path / "y.dlpk").exists()
    (tmp_path / "file").touch()
    with pytest.raises(WriteError, match="could not be written"):
        trained.save(tmp_path / "file" / "x.dlpk")
    trained.save("by name")
    again.load("by name")
