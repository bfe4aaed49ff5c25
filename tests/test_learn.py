from __future__ import annotations

import io
import json
import pickle
import shutil
from dataclasses import replace
from itertools import chain
from pathlib import Path

import numpy as np
import pytest
import shapely
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score
from torch import nn

from littoral import CATCOA, FeatureClassifier, prepare_data
from littoral.errors import InputError
from littoral.evaluation import Baselines, Calibration, before_calibration, fit_baselines, score
from littoral.learn.data import TileData
from littoral.learn.model_evaluation import predict_tiles
from littoral.learn.network import HIDDEN, build_network, load_state_bytes, precision, state_bytes
from littoral.learn.training import HEADING, Schedule
from littoral.learn.training.batches import Order, TileDataset
from littoral.package import read_package
from littoral.tiles import ground_pairs, read_tile

pytestmark = pytest.mark.slow

BACKBONE = "test_resnet"


@pytest.fixture(scope="module")
def tile_data(tiles_folder: Path) -> TileData:
    return prepare_data(tiles_folder, batch_size=8, val_split_pct=0.3, seed=1)


@pytest.fixture(scope="module")
def trained(tile_data: TileData) -> FeatureClassifier:
    model = FeatureClassifier(tile_data, BACKBONE, pretrained=False)
    model.fit(8, 3e-3)
    return model


# Data


def test_data_is_measured_on_the_training_part(tile_data: TileData) -> None:
    pixels = np.concatenate(
        [read_tile(tile_data.tiles.paths[i])[0].reshape(3, -1) for i in tile_data.split.training], axis=1
    ).astype(float)
    assert tile_data.preprocessing.mean == pytest.approx(pixels.mean(axis=1))
    assert tile_data.preprocessing.std == pytest.approx(pixels.std(axis=1))
    assert tile_data.class_mapping == {7: "mangrove", 3: "sandy shore"}
    assert (tile_data.c, tile_data.chip_size) == (2, 32)
    # What a notebook shows of them fits a line.
    assert repr(tile_data) == "TileData(52 tiles of 2 classes: mangrove, sandy shore)"
    assert repr(tile_data.tiles) == "TileSet(52 tiles of 32 px, bands B02, B03, B04, 2 classes)"
    footprints = tile_data.tiles.footprints
    split = tile_data.split
    assert ground_pairs(footprints[split.training], footprints[split.validation]).shape[1] == 0


def test_description_counts_every_tile(tile_data: TileData) -> None:
    rows = tile_data.describe().splitlines()[1:3]
    assert sum(int(number) for row in rows for number in row.split()[-3:]) == len(tile_data.tiles)


def test_training_batches_are_views_of_the_tiles(tile_data: TileData) -> None:
    loader = tile_data.loader(tile_data.split.training, training=True)
    x, y = next(iter(loader))
    assert x.shape == (8, 3, 32, 32)
    assert x.dtype == torch.float32
    assert set(y.tolist()) <= {0, 1}
    known = [tile_data.preprocessing.apply(*read_tile(tile_data.tiles.paths[i])) for i in tile_data.split.training]
    for image in x.numpy():
        turned = [np.rot90(image, k, (1, 2)) for k in range(4)]
        turned += [t[:, :, ::-1] for t in turned]
        assert any(np.array_equal(t, tile) for t in turned for tile in known)


@pytest.mark.parametrize(
    ("count", "sizes"), [(17, [8, 9]), (16, [8, 8]), (18, [8, 8, 2]), (9, [9]), (3, [3]), (1, [1])]
)
def test_a_last_batch_of_one_joins_the_one_before(count: int, sizes: list[int]) -> None:
    order = Order(np.zeros(count, int), 8, shuffle=False)
    batches = order.batches(0)
    assert [len(batch) for batch in batches] == sizes
    assert order.steps() == len(sizes)
    assert sorted(chain.from_iterable(batches)) == [(index, index) for index in range(count)]


def test_oversampling_draws_classes_equally() -> None:
    targets = np.array([0] * 900 + [1] * 100)
    order = Order(targets, 64, shuffle=True, oversample=True)
    drawn = targets[[index for _, index in chain.from_iterable(order.batches(0))]]
    assert len(drawn) == 1800
    assert 0.45 < drawn.mean() < 0.55


def test_chips_smaller_than_tiles(tiles_folder: Path) -> None:
    data = prepare_data(tiles_folder, batch_size=4, chip_size=24, val_split_pct=0.3)
    x, _ = next(iter(data.loader(data.split.training, training=True)))
    assert x.shape[2:] == (24, 24)
    with pytest.raises(InputError, match="chip_size 64 does not fit tiles of 32"):
        prepare_data(tiles_folder, chip_size=64)


def relabelled(source: Path, target: Path, codes: dict[int, int]) -> Path:
    """A copy of a folder in which some tiles (by number) have another class."""
    shutil.copytree(source, target)
    for number, code in codes.items():
        label = target / "labels" / f"{number:09d}.xml"
        text = label.read_text()
        label.write_text(text[: text.index("<name>")] + f"<name>{code}</name>" + text[text.index("</name>") + 7 :])
    emd = target / "esri_model_definition.emd"
    content = json.loads(emd.read_text())
    content["Classes"] += [{"Value": code, "Name": CATCOA[code].name} for code in set(codes.values()) - {3, 7}]
    emd.write_text(json.dumps(content))
    return target


def test_a_class_with_one_tile(tiles_folder: Path, tmp_path: Path) -> None:
    folder = relabelled(tiles_folder, tmp_path / "t", {0: 4})
    with pytest.raises(InputError, match=r"class stony shore has one tile.*--drop-rare"):
        prepare_data(folder)
    data = prepare_data(folder, drop_rare=True, val_split_pct=0.3)
    assert data.classes == ["mangrove", "sandy shore"]
    assert len(data.tiles) == 51


def test_one_class_only(tiles_folder: Path, tmp_path: Path) -> None:
    folder = relabelled(tiles_folder, tmp_path / "t", dict.fromkeys(range(52), 3))
    with pytest.raises(InputError, match=r"all of one class \(sandy shore\)"):
        prepare_data(folder)


# Network


@pytest.mark.parametrize(("backbone", "bands"), [("resnet18", 3), ("resnet18", 13), ("mobilenetv2_050", 2)])
def test_head_is_that_of_the_spec(backbone: str, bands: int) -> None:
    torch.manual_seed(0)
    network = build_network(backbone, bands, 5).eval()
    state = network.state_dict()
    features = network.body.num_features
    assert state["1.4.weight"].shape == (HIDDEN, 2 * features)
    assert state["1.8.bias"].shape == (5,)
    x = torch.randn(2, bands, 64, 64)
    with torch.inference_mode():
        found = network(x)
        body = network.body(x)
        pooled = torch.cat([nn.AdaptiveMaxPool2d(1)(body), nn.AdaptiveAvgPool2d(1)(body)], 1).flatten(1)
        hidden = nn.functional.batch_norm(
            pooled, state["1.2.running_mean"], state["1.2.running_var"], state["1.2.weight"], state["1.2.bias"]
        )
        hidden = torch.relu(nn.functional.linear(hidden, state["1.4.weight"], state["1.4.bias"]))
        hidden = nn.functional.batch_norm(
            hidden, state["1.6.running_mean"], state["1.6.running_var"], state["1.6.weight"], state["1.6.bias"]
        )
        expected = nn.functional.linear(hidden, state["1.8.weight"], state["1.8.bias"])
    assert torch.allclose(found, expected, atol=1e-5)


def test_resnet_weights_have_torchvisions_positions() -> None:
    torchvision = pytest.importorskip("torchvision")
    torch.manual_seed(0)
    network = build_network("resnet18", 3, 4).eval()
    stored = torch.load(io.BytesIO(state_bytes(network, "resnet18")), weights_only=True)
    assert len(stored) == 134
    body = nn.Sequential(*list(torchvision.models.resnet18(weights=None).children())[:-2]).eval()
    body.load_state_dict({key[2:]: value for key, value in stored.items() if key.startswith("0.")})
    x = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.allclose(body(x), network.body(x), atol=1e-5)


def test_weights_come_back_and_wrong_ones_do_not() -> None:
    torch.manual_seed(0)
    one, two = build_network(BACKBONE, 3, 4).eval(), build_network(BACKBONE, 3, 4).eval()
    content = state_bytes(one, BACKBONE)
    load_state_bytes(two, BACKBONE, content, "m")
    assert all(torch.equal(a, b) for a, b in zip(one.state_dict().values(), two.state_dict().values(), strict=True))
    with pytest.raises(InputError, match="other shapes"):
        load_state_bytes(build_network(BACKBONE, 4, 4), BACKBONE, content, "m")
    with pytest.raises(InputError, match="do not fit"):
        load_state_bytes(build_network("resnet18", 3, 4), "resnet18", content, "m")
    for bad in (b"", b"x" * 100):
        with pytest.raises(InputError, match="cannot be read safely"):
            load_state_bytes(two, BACKBONE, bad, "m")


def test_a_pickle_that_would_run_code_does_not(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return (open, (str(tmp_path / "ran"), "w"))  # type: ignore[return-value]

    buffer = io.BytesIO()
    torch.save({"x": Evil()}, buffer, pickle_module=pickle)
    with pytest.raises(InputError, match="cannot be read safely"):
        load_state_bytes(build_network(BACKBONE, 3, 2), BACKBONE, buffer.getvalue(), "m")
    assert not (tmp_path / "ran").exists()


def test_bad_backbone_and_weights(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="'resnett34' is not one of timm's"):
        build_network("resnett34", 3, 2)
    with pytest.raises(InputError, match="does not end in a map"):
        build_network("pit_ti_224", 3, 2)
    with pytest.raises(InputError, match="does not exist as a file"):
        build_network(BACKBONE, 3, 2, tmp_path / "none.pth")
    (tmp_path / "x.safetensors").write_bytes(b"no")
    with pytest.raises(InputError, match="not a safetensors file"):
        build_network(BACKBONE, 3, 2, tmp_path / "x.safetensors")
    torch.save({"conv1.weight": torch.zeros(1)}, tmp_path / "x.pth")
    with pytest.raises(InputError, match="does not fit the backbone"):
        build_network(BACKBONE, 3, 2, tmp_path / "x.pth")


@pytest.mark.parametrize("bands", [3, 4])
def test_real_pretrained_weights(data: Path, bands: int) -> None:
    path = data / "weights" / "mobilenetv2_100_onnxzoo_in1k" / "model.safetensors"
    network = build_network("mobilenetv2_100", bands, 4, path)
    from safetensors.torch import load_file

    stem = load_file(path)["conv_stem.weight"]
    own = network.state_dict()["0.conv_stem.weight"]
    assert own.shape[1] == bands
    if bands == 3:
        assert torch.equal(own, stem)
    assert torch.equal(
        network.state_dict()["0.blocks.0.0.conv_dw.weight"], load_file(path)["blocks.0.0.conv_dw.weight"]
    )


# Training


def test_training_learns_what_the_baseline_cannot(trained: FeatureClassifier) -> None:
    record = trained.evaluate()
    assert record["network"]["accuracy"] > 0.9
    assert record["baselines"][Baselines.NAMES[1]]["accuracy"] < 0.8
    assert record["beats_baselines"]
    assert record["tiles"] == len(trained.data.split.validation)  # type: ignore[union-attr]


def test_table_is_printed(tile_data: TileData, capsys: pytest.CaptureFixture[str]) -> None:
    model = FeatureClassifier(tile_data, BACKBONE, pretrained=False)
    model.fit(2, slice(1e-4, 1e-3))
    rows = capsys.readouterr().out.splitlines()
    assert rows[0] == HEADING == "epoch | train_loss | valid_loss | accuracy | time"
    assert [row.split(" | ")[0].strip() for row in rows[1:]] == ["0", "1"]
    assert all(len(row.split("|")) == 5 for row in rows)


def test_same_seed_same_bits(tile_data: TileData) -> None:
    states = []
    for _ in range(2):
        model = FeatureClassifier(tile_data, BACKBONE, pretrained=False, oversample=True)
        model.fit(1, 1e-3)
        states.append(model.network.state_dict())
    assert all(torch.equal(a, b) for a, b in zip(states[0].values(), states[1].values(), strict=True))


def test_best_epoch_is_kept(tile_data: TileData, monkeypatch: pytest.MonkeyPatch) -> None:
    # Which epoch is the best depends on the machine's rounding; so one is named.
    monkeypatch.setattr(Schedule, "best", lambda _, epochs: min(1, len(epochs) - 1))
    model = FeatureClassifier(tile_data, BACKBONE, pretrained=False)
    model.fit(4, 3e-2, mixed_precision=False)
    tiles = tile_data.tiles.subset(tile_data.split.validation)
    calibration = Calibration.from_json(model.manifest.calibration)
    probabilities = before_calibration(predict_tiles(model.trained, tiles)[0], calibration)
    loss = -np.log(probabilities[np.arange(len(tiles)), tiles.targets]).mean()
    alike = [epoch.number for epoch in model.epochs if loss == pytest.approx(epoch.valid_loss, rel=1e-3)]
    assert alike == [1]


def test_learning_rate_is_found_and_leaves_no_trace(tile_data: TileData) -> None:
    model = FeatureClassifier(tile_data, BACKBONE, pretrained=False)
    before = {key: value.clone() for key, value in model.network.state_dict().items()}
    rate = model.lr_find(steps=30)
    assert 1e-6 < rate < 1
    assert all(torch.equal(before[key], value) for key, value in model.network.state_dict().items())
    assert model.lr_figure.axes[0].get_xscale() == "log"


def test_freezing(tile_data: TileData) -> None:
    model = FeatureClassifier(tile_data, BACKBONE, pretrained=False)
    model.freeze()
    before = {key: value.clone() for key, value in model.network.state_dict().items()}
    model.fit(1, 1e-2)
    after = model.network.state_dict()
    moved = {key for key in before if not torch.equal(before[key], after[key])}
    assert "1.8.weight" in moved
    assert not any(key.startswith("0.") and before[key].ndim == 4 for key in moved)
    model.unfreeze()
    assert all(parameter.requires_grad for parameter in model.network.parameters())


def test_bad_training_input(tile_data: TileData) -> None:
    model = FeatureClassifier(tile_data, BACKBONE, pretrained=False)
    with pytest.raises(InputError, match="learning rate"):
        model.fit(1, -1.0)
    with pytest.raises(InputError, match="epochs 0"):
        model.fit(0, 1e-3)
    with pytest.raises(InputError, match="diverged"):
        model.fit(5, 1e12)


@pytest.mark.parametrize(("has", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_precision_is_what_the_processor_does(monkeypatch: pytest.MonkeyPatch, has: bool, expected: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.cpu, "_is_avx512_bf16_supported", lambda: has, raising=False)
    assert precision() == expected


# Scores


def test_scores_against_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 4, 300)
    probabilities = rng.dirichlet(np.ones(5), 300)
    probabilities[np.arange(300), truth] += 0.3
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    categories = [CATCOA[code] for code in (1, 2, 3, 4, 6)]
    result = score(truth, probabilities, categories)
    answer = probabilities.argmax(axis=1)
    assert result.accuracy == pytest.approx(accuracy_score(truth, answer))
    assert result.macro_f1 == pytest.approx(f1_score(truth, answer, labels=range(4), average="macro"))
    assert np.array(result.matrix).sum() == 300
    assert result.classes[4].support == 0
    assert sum(b.count for b in result.bins) == 300
    by_hand = sum(
        abs((answer == truth)[here].mean() - probabilities.max(axis=1)[here].mean()) * here.sum()
        for low in np.arange(10) / 10
        if (here := (probabilities.max(axis=1) > low) & (probabilities.max(axis=1) <= low + 0.1)).any()
    )
    assert result.calibration_error == pytest.approx(by_hand / 300)
    assert type(result).from_json(json.loads(json.dumps(result.to_json()))) == result


@pytest.mark.parametrize("classes", [2, 3])
def test_baseline_is_scikit_learns(classes: int) -> None:
    rng = np.random.default_rng(1)
    targets = rng.integers(0, classes, 200)
    means = rng.normal(0, 1, (200, 3)) * [1, 5, 20] + targets[:, None]
    found = fit_baselines(means, targets, classes + 1)
    scaled = (means - means.mean(axis=0)) / means.std(axis=0)
    plain = LogisticRegression(max_iter=2000, class_weight="balanced").fit(scaled, targets).predict_proba(scaled)
    again = Baselines.from_json(json.loads(json.dumps(found.to_json()))).predict(means)
    assert again[Baselines.NAMES[1]][:, :classes] == pytest.approx(plain, abs=1e-6)
    assert again[Baselines.NAMES[1]][:, classes].max() == 0
    assert (again[Baselines.NAMES[0]].argmax(axis=1) == np.bincount(targets).argmax()).all()


# Package


def test_loading_gives_equal_scores(trained: FeatureClassifier, tmp_path: Path) -> None:
    path = trained.save(tmp_path / "m.dlpk")
    loaded = FeatureClassifier.from_model(path)
    for tile in trained.data.tiles.paths[:6]:  # type: ignore[union-attr]
        assert (loaded.predict_proba(tile) == trained.predict_proba(tile)).all()
    (tmp_path / "again").mkdir()
    assert loaded.save(tmp_path / "again" / "m.dlpk").read_bytes() == path.read_bytes()


def test_save_by_name_and_answers(
    trained: FeatureClassifier, tile_data: TileData, capsys: pytest.CaptureFixture[str]
) -> None:
    path = trained.save("shores")
    assert path == tile_data.folder / "models" / "shores" / "shores.dlpk"
    assert capsys.readouterr().out.startswith("Computing model metrics...\n")
    loaded = FeatureClassifier.from_model(path.parent)
    values, _ = read_tile(tile_data.tiles.paths[0])
    assert (loaded.predict_proba(values) == loaded.predict_proba(tile_data.tiles.paths[0])).all()
    assert loaded.predict_proba(values).sum() == pytest.approx(1)
    name, confidence = loaded.predict(values)
    assert name in tile_data.classes
    assert confidence == loaded.predict_proba(values).max()
    with pytest.raises(InputError, match="loaded without data"):
        loaded.fit(1)
    package = read_package(path)
    assert package.scores["network"]["accuracy"] == trained.scores().accuracy
    assert "accuracy" in package.page
    assert shapely.from_wkt(package.manifest.training_area).area > 0


def test_evaluate_sets_seen_ground_aside(trained: FeatureClassifier, tiles_folder: Path) -> None:
    record = trained.evaluate(tiles_folder)
    assert trained.data is not None
    tiles, training = trained.data.tiles, trained.data.split.training
    # By plain geometry: whatever touches a training tile's outline was seen.
    seen = [any(a.intersects(b) for b in tiles.footprints[training]) for a in tiles.footprints]
    assert 0 < record["tiles"] == seen.count(False)
    assert record["set_aside"] == seen.count(True)
    everything = trained.evaluate(tiles_folder, allow_seen=True)
    assert (everything["tiles"], everything["set_aside"]) == (52, 0)


def test_figures(trained: FeatureClassifier, tile_data: TileData) -> None:
    assert len(trained.plot_losses().axes[0].lines) >= 2
    assert trained.plot_confusion_matrix().axes
    assert sum(len(axes.images) for axes in trained.show_results(rows=2).axes) == min(
        10, len(tile_data.split.validation)
    )
    assert sum(len(axes.images) for axes in tile_data.show_batch(rows=1).axes) == 5


@pytest.mark.parametrize(("how", "turns"), [({}, 8), ({"placement": "oriented"}, 4), ({"space": "pixel"}, 1)])
def test_training_turns_tiles_only_as_they_may_lie(tile_data: TileData, how: dict[str, str], turns: int) -> None:
    """An oriented tile goes on showing the shore along its rows, one of pixel space stays upright."""
    given = tile_data.preprocessing
    part = tile_data.split.training[:1]
    told = replace(given, tile=replace(given.tile, **how))
    plain = TileDataset(tile_data.tiles, told, part, augment=False)[0][0]
    dataset = TileDataset(tile_data.tiles, told, part, augment=True)
    seen = {dataset.batch([(draw, 0)])[0][0].contiguous().numpy().tobytes() for draw in range(60)}
    assert len(seen) == turns
    assert plain.numpy().tobytes() in seen
    if turns == 4:
        assert seen == {flipped.contiguous().numpy().tobytes() for flipped in (plain, plain.flip(1), plain.flip(2),
                                                                             plain.flip(1, 2))}  # fmt: skip
