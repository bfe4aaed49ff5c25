from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from littoral import FeatureClassifier, prepare_data
from littoral.cli import main
from littoral.errors import InputError
from littoral.learn.data import TileData
from littoral.learn.network import HIDDEN, build_network, state_bytes
from littoral.learn.training import head
from littoral.learn.training.head import REGULARISATIONS, extract, fit_head, fit_linear, folds_of, write_head
from littoral.tiles import TileSpec, ground_pairs, turned

pytestmark = pytest.mark.slow

BACKBONE = "test_resnet"


@pytest.fixture(scope="module")
def tile_data(tiles_folder: Path) -> TileData:
    return prepare_data(tiles_folder, batch_size=8, val_split_pct=0.3, seed=1)


@pytest.fixture(scope="module")
def fitted(tile_data: TileData) -> FeatureClassifier:
    model = FeatureClassifier(tile_data, BACKBONE, pretrained=False)
    model.fit_head()
    return model


def of_tiles(data: TileData, network: torch.nn.Module, part: np.ndarray, turns: tuple[int, ...] = (0,)) -> np.ndarray:
    out = np.empty((len(part), len(turns), network.head[2].num_features), np.float32)
    extract(network, data, part, turns, out)
    return out


# The head


@pytest.mark.parametrize("classes", [2, 3, 256])
def test_a_linear_model_is_written_into_the_head(classes: int) -> None:
    torch.manual_seed(classes)
    rng = np.random.default_rng(classes)
    network = build_network(BACKBONE, 3, classes)
    count = network.head[2].num_features
    mean, variance = rng.normal(size=count), rng.uniform(0, 4, count)
    variance[:3] = 0
    coefficients, intercepts = rng.normal(size=(classes, count)), rng.normal(size=classes)
    write_head(network, mean, variance, coefficients, intercepts)
    x = rng.normal(size=(7, count)) * 3
    expected = (x - mean) / np.sqrt(variance + 1e-5) @ coefficients.T + intercepts
    with torch.inference_mode():
        found = network.eval().head[2:](torch.from_numpy(x).float()).double().numpy()
    assert np.abs(found - expected).max() < 2e-5 * np.abs(expected).max()


def test_more_classes_than_the_head_holds(tile_data: TileData) -> None:
    many = replace(tile_data.tiles, categories=tile_data.tiles.categories * 129)
    with pytest.raises(InputError, match=f"258 classes are more than the {HIDDEN // 2}"):
        fit_head(build_network(BACKBONE, 3, 258), replace(tile_data, tiles=many))


@pytest.mark.parametrize("kinds", [2, 3])
def test_the_linear_model_is_scikit_learns(kinds: int) -> None:
    rng = np.random.default_rng(0)
    x = StandardScaler().fit_transform(rng.normal(size=(60, 5)))
    targets = rng.integers(0, kinds, 60) * 2
    coefficients, intercepts = fit_linear(x, targets, np.ones(60), 0.1, 6)
    logits = x @ coefficients.T + intercepts
    share = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    oracle = LogisticRegression(C=0.1).fit(x, targets).predict_proba(x)
    assert share[:, np.unique(targets)] == pytest.approx(oracle, abs=1e-5)
    assert share[:, 1::2].max() < 1e-9


# Features


def test_features_are_those_the_head_sees(tile_data: TileData) -> None:
    torch.manual_seed(0)
    network = build_network(BACKBONE, 3, 2)
    part = tile_data.split.training[:3]
    found = of_tiles(tile_data, network, part)[:, 0]
    x = torch.from_numpy(np.stack([tile_data.preprocessing.apply(*tile_data.tiles.read(i)) for i in part]))
    with torch.inference_mode():
        maps = network.body.eval()(x)
    expected = torch.cat([maps.amax((2, 3)), maps.mean((2, 3))], 1).numpy()
    # bf16 has three digits.
    assert np.abs(found - expected).max() < 0.03 * np.abs(expected).max()


def test_turned_features_are_those_of_turned_tiles(tile_data: TileData) -> None:
    torch.manual_seed(0)
    network = build_network(BACKBONE, 3, 2)
    part = tile_data.split.training[:2]
    found = of_tiles(tile_data, network, part, (0, 5))
    x = np.stack([tile_data.preprocessing.apply(*tile_data.tiles.read(i)) for i in part])
    x = np.ascontiguousarray(np.rot90(x, 1, (2, 3))[..., ::-1])
    with torch.inference_mode():
        expected = network.head[:2](network.body(torch.from_numpy(x))).numpy()
    assert np.abs(found[:, 1] - expected).max() < 0.03 * np.abs(expected).max()
    assert not np.array_equal(found[:, 0], found[:, 1])


def test_turns_that_a_tile_allows() -> None:
    spec = TileSpec(16, ("B02",))
    assert spec.turns == tuple(range(8))
    assert replace(spec, placement="oriented").turns == (0, 2, 4, 6)
    assert replace(spec, space="pixel").turns == (0,)
    x = np.arange(6.0).reshape(1, 2, 3)
    assert len({tuple(turned(x, turn).flatten().tolist() + [turned(x, turn).shape[1]]) for turn in range(8)}) == 8
    assert all(turned(x, turn).shape == x.shape for turn in (0, 2, 4, 6))


# Fitting


def test_it_learns_what_band_means_cannot_tell(fitted: FeatureClassifier) -> None:
    record = fitted.evaluate()
    assert record["network"]["macro_f1"] > 0.9
    assert record["beats_baselines"]


def test_what_is_fitted_is_what_is_asked(tile_data: TileData) -> None:
    model = FeatureClassifier(tile_data, BACKBONE, pretrained=False, oversample=True)
    model.fit_head(regularisation_c=0.01)
    part = tile_data.split.training
    x = of_tiles(tile_data, model.network, part)[:, 0].astype(np.float64)
    scale = np.sqrt(x.var(axis=0) + 1e-5)
    oracle = LogisticRegression(C=0.01, class_weight="balanced", max_iter=500)
    oracle.fit((x - x.mean(axis=0)) / scale, tile_data.tiles.targets[part])
    asked = np.stack([model.predict_proba(tile_data.tiles.paths[i]) for i in part])
    # Features in bf16 against features in 32 bits.
    assert asked == pytest.approx(oracle.predict_proba((x - x.mean(axis=0)) / scale), abs=0.02)


def test_same_seed_same_bits_and_the_body_stays(tile_data: TileData) -> None:
    before = {}
    states = []
    for _ in range(2):
        model = FeatureClassifier(tile_data, BACKBONE, pretrained=False)
        before = {key: value.clone() for key, value in model.network.body.state_dict().items()}
        model.fit_head(flips=True, regularisation_c=0.01)
        states.append(state_bytes(model.network, BACKBONE))
        after = model.network.body.state_dict()
        assert all(torch.equal(before[key], after[key]) for key in before)
    assert states[0] == states[1]


def test_the_line_it_prints(tile_data: TileData, capsys: pytest.CaptureFixture[str]) -> None:
    model = FeatureClassifier(tile_data, BACKBONE, pretrained=False)
    model.fit_head(flips=True)
    line = capsys.readouterr().out.strip()
    assert line.startswith(f"head fitted on {len(tile_data.split.training)} tiles, each in 8 turns; C ")
    assert "chosen by macro-F1" in line
    model.fit_head(regularisation_c=0.5)
    assert capsys.readouterr().out.strip().endswith("tiles; C 0.5")


def test_the_regularisation_is_chosen_among_folds_that_share_no_ground(tile_data: TileData) -> None:
    tiles = tile_data.tiles.subset(tile_data.split.training)
    fold = folds_of(tiles, "spatial", 0)
    assert 2 <= fold.max() + 1 <= head.FOLDS
    found = fit_head(build_network(BACKBONE, 3, 2), tile_data)
    assert [c for c, _ in found.tried] == list(REGULARISATIONS)
    best = max(round(score, 4) for _, score in found.tried)
    assert found.c == min(c for c, score in found.tried if round(score, 4) == best)


def test_regions_are_folds(tile_data: TileData) -> None:
    regions = np.array(["a", "b", "c"] * 20, object)[: len(tile_data.tiles)]
    fold = folds_of(replace(tile_data.tiles, regions=regions), "region", 0)
    assert all(len(set(fold[regions == name])) == 1 for name in "abc")
    assert fold.max() == 2


def test_neighbours_of_left_out_tiles_are_not_learnt_from(tile_data: TileData, monkeypatch: pytest.MonkeyPatch) -> None:
    part = tile_data.split.training
    seen = []
    monkeypatch.setattr(head, "fit_linear", lambda x, *_: seen.append(x[:, 0]) or (np.zeros((2, 1)), np.zeros(2)))
    number = np.arange(len(part), dtype=np.float32)[:, None, None]
    fold = folds_of(tile_data.tiles.subset(part), "spatial", 0)
    outlines = tile_data.tiles.footprints[part]
    head._try(number, tile_data.tiles.targets[part], fold, outlines, False, tile_data, lambda items, *_: items)
    assert len(seen) == (fold.max() + 1) * len(REGULARISATIONS)
    for held, learnt in enumerate(seen[:: len(REGULARISATIONS)]):
        assert ground_pairs(outlines[learnt.astype(int)], outlines[fold == held]).shape[1] == 0


def test_many_features_lie_in_a_file(tile_data: TileData, monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    one, other = build_network(BACKBONE, 3, 2), build_network(BACKBONE, 3, 2)
    other.load_state_dict(one.state_dict())
    fit_head(one, tile_data, c=0.1)
    monkeypatch.setattr(head, "IN_MEMORY", 0)
    fit_head(other, tile_data, c=0.1)
    assert state_bytes(one, BACKBONE) == state_bytes(other, BACKBONE)


def test_what_cannot_be_fitted(tile_data: TileData, fitted: FeatureClassifier) -> None:
    with pytest.raises(InputError, match="regularisation C 0 is not positive"):
        fitted.fit_head(regularisation_c=0)
    one_place = replace(
        tile_data, tiles=replace(tile_data.tiles, footprints=tile_data.tiles.footprints[[0] * len(tile_data.tiles)])
    )
    with pytest.raises(InputError, match="are all of one place, so C cannot be chosen on them: pass C"):
        fit_head(build_network(BACKBONE, 3, 2), one_place)


def test_a_fitted_head_can_be_saved_and_trained_on(fitted: FeatureClassifier, tmp_path: Path) -> None:
    again = FeatureClassifier.from_model(fitted.save(tmp_path / "m.dlpk"), fitted.data)
    x = fitted.manifest.preprocessing.apply(*fitted.data.tiles.read(0))[None]
    assert np.array_equal(again.trained.predict_inputs(x), fitted.trained.predict_inputs(x))
    again.fit(1, 1e-3)
    assert again.evaluate()["network"]["accuracy"] > 0.4


def test_the_command_line(
    tiles_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def run(*options: str) -> tuple[int, str, str]:
        given = ["littoral", "train", str(tiles_folder), "--backbone", "resnet10t/8", "--weights", "none", *options]
        monkeypatch.setattr("sys.argv", [*given, "-o", str(tmp_path / "m.dlpk")])
        with pytest.raises(SystemExit) as ended:
            main()
        return int(ended.value.code or 0), *capsys.readouterr()

    code, out, _ = run("--method", "head", "--turns")
    assert code == 0
    assert "each in 8 turns; C" in out
    assert FeatureClassifier.from_model(tmp_path / "m.dlpk").manifest.backbone == "resnet10t/8"
    for wrong in (["--method", "head", "--lr", "0.1"], ["--turns"], ["--strength", "2"]):
        code, _, err = run(*wrong, "--overwrite")
        assert (code, "goes with --method" in err) == (2, True)
