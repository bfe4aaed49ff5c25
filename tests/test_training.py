"""The loop, what it is fed with, and what it says."""

from __future__ import annotations

import csv
import shutil
import signal
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from command_line import run_command
from littoral import FeatureClassifier, prepare_data
from littoral.errors import InputError, LittoralWarning
from littoral.learn.data import TileData
from littoral.learn.training import HEADING, Epoch, Schedule, rate_of
from littoral.learn.training.batches import Order, TileDataset
from littoral.learn.training.losses import Objective
from littoral.learn.training.rate_finder import _steepest
from small_training import small, state

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def tile_data(tiles_folder: Path) -> TileData:
    return prepare_data(tiles_folder, batch_size=8, val_split_pct=0.3, seed=1)


# Order


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=60).map(np.array),
    st.integers(2, 9),
    st.integers(1, 4),
    st.integers(0, 3),
    st.booleans(),
)
def test_processes_share_an_epoch(targets: np.ndarray, size: int, world: int, epoch: int, oversample: bool) -> None:
    order = Order(targets, size, True, oversample, seed=3)
    shares = [order.batches(epoch, rank, world) for rank in range(world)]
    drawn = sorted(chain.from_iterable(chain.from_iterable(shares)))
    alone = sorted(chain.from_iterable(order.batches(epoch)))
    assert drawn == alone
    assert [draw for draw, _ in drawn] == list(range(order.draws))
    assert {len(batches) for batches in shares} == {order.steps(world)}
    if order.draws >= 2 * world:
        assert min(len(batch) for batches in shares for batch in batches) >= 2
    if not oversample:
        assert sorted(index for _, index in drawn) == list(range(len(targets)))


def test_order_is_of_seed_and_epoch() -> None:
    targets = np.zeros(50, np.int64)
    orders = [Order(targets, 8, True, seed=seed).batches(epoch) for seed in (0, 1) for epoch in (0, 1)]
    assert all(one != other for number, one in enumerate(orders) for other in orders[:number])
    assert orders[0] == Order(targets, 8, True, seed=0).batches(0)


# Batches


def test_an_epoch_can_be_entered_anywhere(tile_data: TileData) -> None:
    loader = replace(tile_data, jitter=0.1).loader(tile_data.split.training, training=True, oversample=True)
    whole = list(loader.epoch(2))
    assert len(whole) == len(loader)
    for start in range(len(whole) + 1):
        for (x, y), (x2, y2) in zip(whole[start:], loader.epoch(2, start=start), strict=True):
            assert torch.equal(x, x2)
            assert torch.equal(y, y2)
    assert whole[0][0].is_contiguous(memory_format=torch.channels_last)
    assert not torch.equal(whole[0][0], next(loader.epoch(1))[0])


def test_jitter_is_a_gain_and_an_offset_for_each_band(tile_data: TileData) -> None:
    part = tile_data.split.training[:1]
    upright = replace(tile_data.preprocessing, tile=replace(tile_data.preprocessing.tile, space="pixel"))
    plain = TileDataset(tile_data.tiles, upright, part, augment=True)[0][0].flatten(1)
    lit = TileDataset(tile_data.tiles, upright, part, augment=True, jitter=0.2)
    gains, offsets = [], []
    for draw in range(400):
        x = lit.batch([(draw, 0)])[0][0].flatten(1)
        gain = (x.amax(1) - x.amin(1)) / (plain.amax(1) - plain.amin(1))
        offset = (x - gain[:, None] * plain).mean(1)
        assert torch.allclose(x, gain[:, None] * plain + offset[:, None], atol=1e-4)
        gains.append(gain.log().numpy())
        offsets.append(offset.numpy())
    between, within = np.mean(gains, axis=1), np.array(gains) - np.mean(gains, axis=1, keepdims=True)
    # ln g + ln h: variance s² + (s/2)²/3 of the mean over three bands, (s/2)² about it; offsets s.
    assert between.std() == pytest.approx(0.2 * np.sqrt(1 + 1 / 12), rel=0.1)
    assert np.sqrt((within**2).sum(axis=1).mean() / 2) == pytest.approx(0.1, rel=0.1)
    assert np.std(offsets) == pytest.approx(0.2, rel=0.1)


def test_missing_pixels_stay_at_the_mean(tile_data: TileData) -> None:
    class Holed:
        """The same tiles with a corner missing."""

        def __getattr__(self, name: str) -> Any:
            return getattr(tile_data.tiles, name)

        def read(self, position: int) -> Any:
            values, valid = tile_data.tiles.read(position)
            valid = valid.copy()
            valid[:16, :16] = False
            return values, valid

    dataset = TileDataset(Holed(), tile_data.preprocessing, tile_data.split.training, augment=True, jitter=0.3)  # type: ignore[arg-type]
    x, _ = dataset.batch([(index, index) for index in range(8)])
    assert ((x == 0).all(dim=1).flatten(1).sum(1) == 16 * 16).all()


def test_a_users_transform_comes_last_and_repeats(tile_data: TileData) -> None:
    shapes: set[tuple[int, ...]] = set()

    def noisy(x: torch.Tensor) -> torch.Tensor:
        shapes.add(tuple(x.shape))
        return x + torch.randn_like(x)

    data = replace(tile_data, transforms=noisy)
    first = [next(data.loader(data.split.training, training=True).epoch(1))[0] for _ in range(2)]
    plain = next(tile_data.loader(data.split.training, training=True).epoch(1))[0]
    assert torch.equal(*first)
    assert (first[0] - plain).std() == pytest.approx(1, rel=0.05)
    assert shapes == {(3, 32, 32)}
    # It is for training: what is measured stays as it is.
    assert torch.equal(*(next(iter(d.loader(d.split.validation, training=False)))[0] for d in (data, tile_data)))
    wrong = replace(tile_data, transforms=lambda x: x[:, 1:])
    with pytest.raises(InputError, match=r"made a tile of shape \(3, 31, 32\) from one of \(3, 32, 32\)"):
        next(wrong.loader(data.split.training, training=True).epoch(0))


# Tiles that cannot be read


@pytest.fixture
def torn(tiles_folder: Path, tmp_path: Path) -> tuple[TileData, Path]:
    """Data of which a training tile loses its end after it was measured."""
    shutil.copytree(tiles_folder, tmp_path / "tiles")
    data = prepare_data(tmp_path / "tiles", batch_size=8, val_split_pct=0.3, seed=1)
    path = Path(data.tiles.name(int(data.split.training[3])))
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    return data, path


def test_a_torn_tile_is_named(torn: tuple[TileData, Path]) -> None:
    data, path = torn
    model = FeatureClassifier(data, "test_resnet", pretrained=False)
    with pytest.raises(InputError, match=rf"{path.name} could not be read"):
        model.fit(1, 1e-3)
    assert model.epochs == []


def test_a_torn_tile_may_be_skipped_and_is_told(torn: tuple[TileData, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    data, path = torn
    shown: list[int] = []
    real = Objective.__call__

    def counted(self: Objective, network: Any, x: torch.Tensor, y: torch.Tensor, rng: Any) -> torch.Tensor:
        assert (x.flatten(1).abs().amax(1) > 0).all()
        shown.append(len(y))
        return real(self, network, x, y, rng)

    monkeypatch.setattr(Objective, "__call__", counted)
    model = FeatureClassifier(replace(data, unreadable="skip"), "test_resnet", pretrained=False)
    with pytest.warns(LittoralWarning, match=path.name) as told:
        model.fit(1, 1e-3)
    during, after = (str(each.message) for each in told)
    assert during.startswith("a tile could not be read and left out: ")
    assert after.startswith("tiles that can no longer be read (1): ")
    assert sum(shown) == len(data.split.training) - 1


def test_a_batch_of_skipped_tiles(torn: tuple[TileData, Path]) -> None:
    data, path = torn
    part = data.split.training[2:4]
    dataset = TileDataset(data.tiles, data.preprocessing, part, augment=True, unreadable="skip")
    # Batch normalisation needs two.
    x, y = dataset.batch([(0, 0), (1, 1)])
    assert (len(x), len(y), dataset.skipped) == (2, 2, [str(path)])
    with pytest.raises(InputError, match=rf"{path.name} and all other tiles of its batch cannot be read"):
        dataset.batch([(1, 1)])


# The loop


@pytest.mark.parametrize("mixed", [False, True])
def test_a_rate_that_is_too_high_leaves_no_trace(tiles_folder: Path, mixed: bool) -> None:
    model = small(tiles_folder, mixup=False)
    before = state(model)
    with pytest.raises(
        InputError,
        match=r"diverged \(the loss is not finite, or far above .* predictions\): pass a lower learning rate",
    ):
        model.fit(5, 1e20, one_cycle=False, mixed_precision=mixed)
    if not model.epochs:
        assert all(torch.equal(before[key], value) for key, value in state(model).items())
    assert all(torch.isfinite(value).all() for value in state(model).values() if value.is_floating_point())


def test_a_loss_that_is_none_stops_in_the_middle_of_an_epoch(
    tiles_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """… and reaches no checkpoint."""
    made: list[int] = []
    real = Objective.__call__

    def broken(self: Objective, *given: Any) -> torch.Tensor:
        made.append(1)
        return real(self, *given) * (float("nan") if len(made) == 8 else 1)

    monkeypatch.setattr(Objective, "__call__", broken)
    model = small(tiles_folder)
    with pytest.raises(InputError, match="diverged"):
        model.fit(2, 1e-3, checkpoint=tmp_path, checkpoint_every=1)
    assert len(made) <= 9
    assert len(model.epochs) == 1
    kept = torch.load(tmp_path / "training.ckpt", weights_only=True)["state"]
    assert (kept["epoch"], kept["step"]) == (1, 2)
    assert all(torch.isfinite(value).all() for value in kept["network"].values())


def test_stopping_early(tiles_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Schedule, "best", lambda self, epochs: 1 if len(epochs) > 1 else 0)
    model = small(tiles_folder)
    model.fit(20, 1e-3, early_stopping=2)
    assert len(model.epochs) == 4


def test_the_best_of_some_epochs() -> None:
    rows = [Epoch(n, 1.0, loss, right, 1.0) for n, (loss, right) in enumerate([(3, 0.2), (1, 0.5), (1, 0.9), (2, 0.9)])]
    assert Schedule(1, None).best(rows) == 1
    assert Schedule(1, None, monitor="accuracy").best(rows) == 2
    for wrong in ({"monitor": "f1"}, {"patience": -1}, {"epochs": 0}):
        with pytest.raises(InputError):
            Schedule(**{"epochs": 1, "rate": None, **wrong})


def test_a_second_fit_goes_on_from_the_first(tiles_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    model = small(tiles_folder)
    model.fit(1, 1e-3, one_cycle=False)
    model.fit(1, slice(1e-4, 1e-3))
    assert capsys.readouterr().out.splitlines() == [HEADING, str(model.epochs[0]), HEADING, str(model.epochs[1])]
    assert [row.number for row in model.epochs] == [0, 0]
    assert model.plot_losses().axes


def test_options_leave_their_mark_and_unknown_ones_are_refused(tiles_folder: Path) -> None:
    found = []
    for how in ({}, {"mixup": True}, {"focal_loss": True}, {"label_smoothing": 0.2}, {"class_weights": [1.0, 3.0]}):
        model = small(tiles_folder, **{"mixup": False, **how})
        model.fit(1, 1e-3)
        found.append(model.epochs[0].train_loss)
    assert len(set(found)) == len(found)
    with pytest.raises(TypeError, match="focal"):
        small(tiles_folder, focal=True)
    with pytest.raises(TypeError, match="patience"):
        small(tiles_folder).fit(1, 1e-3, patience=3)  # type: ignore[call-arg]


def test_logs(tiles_folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    model = small(tiles_folder)
    model.fit(2, 1e-3, log=tmp_path / "log", tensorboard=True, progress=True)
    rows = list(csv.DictReader((tmp_path / "log" / "epochs.csv").read_text().splitlines()))
    assert [int(row["number"]) for row in rows] == [0, 1]
    assert [float(row["valid_loss"]) for row in rows] == [row.valid_loss for row in model.epochs]
    assert all(0 <= row.waited_s <= row.steps_s <= row.seconds for row in model.epochs)
    events = EventAccumulator(str(tmp_path / "log")).Reload()
    assert [event.value for event in events.Scalars("accuracy")] == pytest.approx([r.accuracy for r in model.epochs])
    out = capsys.readouterr().out.splitlines()
    assert out == [HEADING, *map(str, model.epochs)]


def test_rates() -> None:
    rates, losses = np.geomspace(1e-6, 1, 30).tolist(), [3.0] * 15 + [2.9, 2.5, 1.5, 1.4] + [1.4] * 11
    assert _steepest(rates, losses) in rates[15:19]
    with pytest.raises(InputError, match="found no rate"):
        _steepest(rates, sorted(losses))
    for wrong in (0, -1.0, float("nan"), slice(0.0, 1e-3)):
        with pytest.raises(InputError, match="is not positive"):
            rate_of(wrong)


def test_a_range_test_of_few_tiles_is_short(tiles_folder: Path) -> None:
    model = small(tiles_folder)
    model.lr_find(allow_plot=False)
    assert 10 <= len(model.lr_figure.axes[0].lines[0].get_xdata()) <= 30


# The command line


def test_train_goes_on_where_it_was_stopped(
    tiles_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["train", str(tiles_folder), "--backbone", "test_resnet", "--weights", "none", "--epochs", "2", "--lr",
               "0.001", "--batch-size", "8", "--seed", "1", "--focal-loss", "--class-weights", "3=1,mangrove=2",
               "--checkpoint", str(tmp_path / "kept"), "--log", str(tmp_path / "log")]  # fmt: skip
    assert run_command([*command, "-o", str(tmp_path / "whole.dlpk"), "--early-stopping", "9"]).exit_code == 0
    made: list[int] = []
    real = Objective.__call__

    def stopped(self: Objective, *given: Any) -> torch.Tensor:
        made.append(1)
        if len(made) == 3:
            signal.raise_signal(signal.SIGINT)
        return real(self, *given)

    monkeypatch.setattr(Objective, "__call__", stopped)
    out = tmp_path / "m.dlpk"
    result = run_command([*command, "-o", str(out), "--early-stopping", "9"])
    assert result.exit_code == 130
    assert "littoral: training stopped after step 3 of epoch 0, kept in" in result.stderr
    assert not out.exists()
    result = run_command([*command, "-o", str(out), "--early-stopping", "9", "--resume"])
    assert result.exit_code == 0
    assert out.exists()
    one, other = (FeatureClassifier.from_model(tmp_path / f"{name}.dlpk") for name in ("whole", "m"))
    assert all(torch.equal(a, b) for a, b in zip(state(one).values(), state(other).values(), strict=True))
    for wrong, what in (
        (["--resume", "--weights", "none"], "--resume goes with --checkpoint"),
        (["--class-weights", "3"], "--class-weights 3 cannot be read"),
    ):
        result = run_command(["train", str(tiles_folder), "-o", str(tmp_path / "n.dlpk"), *wrong])
        assert what in result.output
