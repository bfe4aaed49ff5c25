"""Trainings that are killed, interrupted or run out of disk, and go on to the same bits."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from littoral import FeatureClassifier
from littoral.errors import InputError, WriteError
from littoral.learn.training import Checkpoints
from littoral.learn.training.losses import Objective
from platforms import posix_only
from small_training import STEPS, small, state

pytestmark = pytest.mark.slow

Weights = dict[str, torch.Tensor]


@pytest.fixture(scope="module")
def whole(tiles_folder: Path) -> FeatureClassifier:
    """A training that nothing stopped."""
    model = small(tiles_folder)
    model.fit(3, 1e-2)
    return model


@pytest.fixture
def at_step(monkeypatch: pytest.MonkeyPatch) -> Callable[[int, Callable[[], None]], None]:
    """Has something happen before a step, counted from 0, of all to come."""

    def arm(step: int, happens: Callable[[], None]) -> None:
        made: list[int] = []
        real = Objective.__call__

        def watched(self: Objective, *given: Any) -> torch.Tensor:
            if len(made) == step:
                happens()
            made.append(step)
            return real(self, *given)

        monkeypatch.setattr(Objective, "__call__", watched)

    return arm


def same(one: Weights, other: Weights) -> bool:
    return all(torch.equal(a, b) for a, b in zip(one.values(), other.values(), strict=True))


def same_rows(one: FeatureClassifier, other: FeatureClassifier) -> bool:
    rows = [[(e.number, e.train_loss, e.valid_loss, e.accuracy) for e in model.epochs] for model in (one, other)]
    return rows[0] == rows[1]


@posix_only
def test_a_killed_training_goes_on_to_the_same_bits(
    tiles_folder: Path, tmp_path: Path, whole: FeatureClassifier
) -> None:
    """Killed before the fifth step of the second epoch: it goes on from the fourth step."""
    script = Path(__file__).with_name("small_training.py")
    command = [sys.executable, script, tiles_folder, tmp_path, str(STEPS + 4)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == -signal.SIGKILL, result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["training.ckpt"]
    kept = torch.load(tmp_path / "training.ckpt", weights_only=True)["state"]
    # By the whole training's count steps 2, 4, 6, 8; and the end of the epoch, step 5.
    assert (kept["epoch"], kept["step"], len(kept["epochs"])) == (1, 3, 1)
    model = small(tiles_folder)
    model.fit(3, 1e-2, checkpoint=tmp_path, checkpoint_every=2, resume=True)
    assert same(state(model), state(whole))
    assert same_rows(model, whole)


@pytest.mark.parametrize("step", [0, 3, STEPS - 1, 2 * STEPS])
def test_ctrl_c_is_heard_after_the_step(
    tiles_folder: Path, tmp_path: Path, whole: FeatureClassifier, at_step: Any, step: int
) -> None:
    at_step(step, lambda: signal.raise_signal(signal.SIGINT))
    before = signal.getsignal(signal.SIGINT)
    model = small(tiles_folder)
    told = rf"after step {step % STEPS + 1} of epoch {step // STEPS}, kept in .*training.ckpt: .*--resume"
    with pytest.raises(KeyboardInterrupt, match=told):
        model.fit(3, 1e-2, checkpoint=tmp_path)
    assert signal.getsignal(signal.SIGINT) is before
    assert len(model.epochs) == step // STEPS
    again = small(tiles_folder)
    again.fit(3, 1e-2, resume=tmp_path)
    assert same(state(again), state(whole))
    assert same_rows(again, whole)


def test_ctrl_c_without_a_checkpoint(tiles_folder: Path, at_step: Any) -> None:
    model = small(tiles_folder)
    before = state(model)
    at_step(2, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt, match="kept nowhere; pass --checkpoint"):
        model.fit(1, 1e-2)
    # No epoch was complete, so the network is as it was.
    assert same(state(model), before)


def test_an_impatient_ctrl_c_stops_at_once(tiles_folder: Path, at_step: Any) -> None:
    def twice() -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    at_step(1, twice)
    with pytest.raises(KeyboardInterrupt):
        small(tiles_folder).fit(1, 1e-2)


@posix_only
def test_a_full_disk_keeps_the_checkpoint_before(
    tiles_folder: Path, tmp_path: Path, whole: FeatureClassifier, at_step: Any
) -> None:
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    at_step(2 * STEPS + 1, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, hard)))
    model = small(tiles_folder)
    try:
        with pytest.raises(WriteError, match=r"training.ckpt could not be written \(File too large\)"):
            model.fit(3, 1e-2, checkpoint=tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert [path.name for path in tmp_path.iterdir()] == ["training.ckpt"]
    # The table is whole all the same, and so are the weights of its best row.
    assert same_rows(model, whole)
    assert same(state(model), state(whole))
    again = small(tiles_folder)
    again.fit(3, 1e-2, checkpoint=tmp_path, resume=True)
    assert same(state(again), state(whole))


def test_another_training_is_not_gone_on_with(tiles_folder: Path, tmp_path: Path, at_step: Any) -> None:
    at_step(3, lambda: signal.raise_signal(signal.SIGINT))
    with pytest.raises(KeyboardInterrupt):
        small(tiles_folder).fit(2, 1e-2, checkpoint=tmp_path)
    content = (tmp_path / "training.ckpt").read_bytes()
    with pytest.raises(InputError, match=r"is of a training that is not finished: resume it with --resume"):
        small(tiles_folder).fit(2, 1e-2, checkpoint=tmp_path)
    for how, given, what in (
        ({}, {"epochs": 3}, "epochs"),
        ({}, {"lr": 1e-3}, "learning rate"),
        ({}, {"one_cycle": False}, "schedule"),
        ({}, {"mixed_precision": True}, "precision"),
        ({"focal_loss": True}, {}, "loss"),
        ({"oversample": False}, {}, "oversampling"),
    ):
        options: dict[str, Any] = {"epochs": 2, "lr": 1e-2, "mixed_precision": False, **given}
        if what != "precision":
            options["mixed_precision"] = None
        with pytest.raises(InputError, match=f"is of a training with other {what}"):
            _resumed(tiles_folder, tmp_path, how, options)
    model = small(tiles_folder)
    model.freeze()
    with pytest.raises(InputError, match=r"with other network \(or other frozen layers\)"):
        model.fit(2, 1e-2, checkpoint=tmp_path, resume=True)
    assert (tmp_path / "training.ckpt").read_bytes() == content


def _resumed(tiles: Path, folder: Path, how: dict[str, Any], options: dict[str, Any]) -> None:
    from littoral.learn.network import precision

    if options["mixed_precision"] and precision() != "32-true":
        options["mixed_precision"] = False
    small(tiles, **how).fit(checkpoint=folder, resume=True, **options)


def test_a_finished_training_may_be_resumed_and_overwritten(tiles_folder: Path, tmp_path: Path) -> None:
    model = small(tiles_folder)
    model.fit(1, checkpoint=tmp_path)
    again = small(tiles_folder)
    # The rate that was found is in the checkpoint.
    again.fit(1, checkpoint=tmp_path, resume=True)
    assert same(state(again), state(model))
    again.fit(1, 1e-3, checkpoint=tmp_path)
    assert not same(state(again), state(model))


def test_files_that_are_no_checkpoint(tiles_folder: Path, tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str, str]]:
            return (open, (str(tmp_path / "ran"), "w"))

    with pytest.raises(InputError, match=r"training\.ckpt does not exist"):
        Checkpoints(tmp_path, resume=True).read({})
    path = tmp_path / "training.ckpt"
    for content in (b"", b"x" * 50):
        path.write_bytes(content)
        with pytest.raises(InputError, match="is not a checkpoint that can be read"):
            Checkpoints(tmp_path).read({})
    torch.save({"format": 1, "state": Evil()}, path, pickle_module=pickle)
    with pytest.raises(InputError, match="is not a checkpoint that can be read"):
        Checkpoints(tmp_path, resume=True).read({})
    assert not (tmp_path / "ran").exists()
    torch.save({"format": 99}, path)
    with pytest.raises(InputError, match="of this version"):
        Checkpoints(tmp_path, resume=True).read({})
    with pytest.raises(InputError, match="checkpoint_every 0"):
        Checkpoints(tmp_path, every=0)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="gloo and its launcher are tried where the project is developed")
def test_two_processes_train_one_network(tiles_folder: Path, tmp_path: Path) -> None:
    import json

    script = Path(__file__).with_name("small_training.py")
    result = subprocess.run(
        [sys.executable, script, tiles_folder, tmp_path], capture_output=True, text=True, check=False, timeout=300
    )
    assert result.returncode == 0, result.stderr
    (drawn, sums, losses), other = json.loads((tmp_path / "told.json").read_text())
    # Each sees its own half of every batch, and both end with the same weights and the same table.
    assert other[0] == drawn
    assert other[1:] == [sums, losses]
    assert result.stdout.count("epoch | train_loss") == 1
    assert torch.load(tmp_path / "checkpoints" / "training.ckpt", weights_only=True)["run"]["processes"] == 2
