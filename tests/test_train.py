"""``littoral.train`` and the verb ``train`` are one path; ``TrainedModel`` is a value."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch

import littoral
from command_line import run_command
from littoral import prepare_data
from littoral.errors import InputError
from littoral.learn import TileData, TrainedModel, calibrate, cross_validate, load_model, save_model
from littoral.learn.methods import finished, new_model, train_head
from littoral.learn.options import BodyOptions, HeadOptions, NetworkOptions, PackageOptions, SampleOptions
from littoral.learn.training import EpochTraining, HeadTraining
from littoral.learn.training_run import training_step
from littoral.package import manifest_json
from littoral.tiles.options import CutOptions, SplitOptions

BACKBONE = "resnet10t"
SPLIT, SAMPLE = SplitOptions(val_share=0.3), SampleOptions(batch_size=8, seed=1)
HEAD = HeadTraining(regularisation_c=0.1)


@pytest.fixture(scope="module")
def data(tiles_folder: Path) -> TileData:
    return prepare_data(tiles_folder, batch_size=8, val_split_pct=0.3, seed=1)


def head_model(data: TileData) -> TrainedModel:
    model = new_model(data, BACKBONE, "none")
    return finished(train_head(model, data, HEAD), data, HEAD)


@pytest.mark.parametrize(
    ("words", "options"),
    [
        (
            ["--epochs", "1", "--lr", "0.001", "--no-oversample", "--mixup"],
            {"network": NetworkOptions(epochs=1, lr=0.001, mixup=True), "samples": SampleOptions(oversample=False)},
        ),
        (
            ["--method", "head", "--strength", "0.1", "--folds", "2"],
            {"body": BodyOptions("head", BACKBONE, "none"), "head": HeadOptions(regularisation_c=0.1), "folds": 2},
        ),
    ],
)
def test_the_verb_and_python_write_the_same_bytes(
    tiles_folder: Path, tmp_path: Path, words: list[str], options: dict[str, object]
) -> None:
    (tmp_path / "verb").mkdir()
    path = tmp_path / "verb" / "m.dlpk"
    command = ["train", str(tiles_folder), "-o", str(path), "--backbone", BACKBONE, "--weights", "none", *words]
    done = run_command([*command, "--attribution", "Somebody"])
    assert done.exit_code == 0, done.output
    model = littoral.train(tiles_folder, **({"body": BodyOptions(None, BACKBONE, "none")} | options))  # type: ignore[arg-type]
    again = save_model(model, tmp_path / "m.dlpk", PackageOptions(attribution="Somebody"))
    assert again.read_bytes() == path.read_bytes()


def test_the_defaults_are_those_of_the_command_line() -> None:
    step, backbone, _ = training_step(SampleOptions(), BodyOptions(), HeadOptions(), NetworkOptions())
    assert (step, backbone) == (HeadTraining(oversample=True), "mobilenetv2_100/8")
    step, backbone, _ = training_step(SampleOptions(), BodyOptions(weights="none"), HeadOptions(), NetworkOptions())
    assert isinstance(step, EpochTraining)
    assert (step.oversample, step.frozen, step.schedule.epochs, backbone) == (True, False, 20, "resnet34")
    assert (SampleOptions().batch_size, SplitOptions().val_share) == (32, 0.2)


def test_options_of_the_other_method_are_refused(tiles_folder: Path) -> None:
    with pytest.raises(InputError, match="--mixup goes with --method network"):
        littoral.train(tiles_folder, network=NetworkOptions(mixup=True))
    with pytest.raises(InputError, match="--flips goes with --method head"):
        littoral.train(tiles_folder, body=BodyOptions(weights="none"), head=HeadOptions(flips=True))
    with pytest.raises(InputError, match="--resume goes with --checkpoint"):
        littoral.train(tiles_folder, body=BodyOptions(weights="none"), network=NetworkOptions(resume=True))
    with pytest.raises(InputError, match="min_valid goes with a scene"):
        littoral.train(tiles_folder, cut=CutOptions(min_valid=0.9))


def test_tiles_that_are_split_already(data: TileData) -> None:
    model = littoral.train(data, body=BodyOptions("head", BACKBONE, "none"), head=HeadOptions(regularisation_c=0.1),
                           samples=SampleOptions(oversample=False))  # fmt: skip
    assert model.scores == head_model(data).scores
    with pytest.raises(InputError, match="cannot be split or cut again"):
        littoral.train(data, split=SPLIT)


def test_training_and_calibrating_leave_the_model_as_it_was(data: TileData, tmp_path: Path) -> None:
    before = new_model(data, BACKBONE, "none")
    weights = {name: value.clone() for name, value in before.network.state_dict().items()}
    model = finished(train_head(before, data, HEAD), data, HEAD)
    assert all(torch.equal(weights[name], value) for name, value in before.network.state_dict().items())
    assert before.scores is None
    assert before.manifest.calibration == {}
    again = calibrate(model, data)
    assert again.calibration == model.calibration
    assert again.network is not model.network
    loaded = load_model(save_model(model, tmp_path / "m.dlpk", PackageOptions(onnx=False)))
    assert json.dumps(manifest_json(loaded.manifest)) == json.dumps(manifest_json(model.manifest))
    assert loaded.history is None
    assert not math.isnan(littoral.evaluate(loaded, data.tiles)["network"]["accuracy"])


def test_cross_validation_takes_any_training(data: TileData) -> None:
    seen: list[int] = []

    def train(part: TileData) -> TrainedModel:
        seen.append(len(part.tiles))
        return head_model(part)

    record = cross_validate(train, data, 2)
    assert len(seen) == 2
    assert max(seen) < len(data.tiles)
    assert record["tiles"] == len(data.tiles)


def test_classes_that_are_chosen(tiles_folder: Path) -> None:
    everything = prepare_data(tiles_folder)
    codes = [category.code for category in everything.categories]
    assert len(prepare_data(tiles_folder, classes=codes).tiles) == len(everything.tiles)
    with pytest.raises(InputError, match="class 99 has no tile"):
        prepare_data(tiles_folder, classes=[99])
    with pytest.raises(InputError, match="are all of one class"):
        prepare_data(tiles_folder, classes=codes[:1])
