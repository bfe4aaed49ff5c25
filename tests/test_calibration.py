"""Temperature, reliability and prediction sets, on answers whose truth is drawn by known probabilities."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import softmax

from littoral import FeatureClassifier, prepare_data
from littoral.categories import CATCOA
from littoral.errors import InputError
from littoral.evaluation import (
    Blocks,
    Calibration,
    ScoredPredictions,
    before_calibration,
    conformal_threshold,
    evaluation_record,
    fit_calibration,
    fit_temperature,
    prediction_sets,
    score,
    tempered,
)
from littoral.evaluation.calibration import LEVELS, cross_fitted
from littoral.learn.model_evaluation import predict_tiles
from littoral.learn.network import build_network, divide_logits
from littoral.package import read_package


def drawn(count: int, seed: int, classes: int = 4) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and truth drawn by their softmax: perfectly calibrated."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 2, (count, classes))
    shares = softmax(logits, axis=1)
    truth = (shares.cumsum(axis=1) < rng.random((count, 1))).sum(axis=1).clip(0, classes - 1)
    return logits, truth


# Temperature


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_a_known_temperature_is_recovered(temperature: float) -> None:
    logits, truth = drawn(20_000, 0)
    found, note = fit_temperature(softmax(logits * temperature, axis=1), truth)
    assert found == pytest.approx(temperature, rel=0.05)
    assert note == ""


def test_temperature_has_the_least_loss() -> None:
    logits, truth = drawn(500, 1)
    probabilities = softmax(logits * 2, axis=1)
    found, _ = fit_temperature(probabilities, truth)

    def loss(temperature: float) -> float:
        return -float(np.log(tempered(probabilities, temperature)[np.arange(500), truth]).mean())

    grid = np.exp(np.linspace(np.log(0.1), np.log(10), 400))
    assert loss(found) <= min(map(loss, grid)) + 1e-9


@pytest.mark.slow
@given(st.floats(0.1, 10), st.integers(0, 1000))
def test_tempering_keeps_answers_and_can_be_undone(temperature: float, seed: int) -> None:
    probabilities = softmax(np.random.default_rng(seed).normal(0, 3, (20, 5)), axis=1)
    after = tempered(probabilities, temperature)
    assert after.sum(axis=1) == pytest.approx(np.ones(20))
    assert (after.argmax(axis=1) == probabilities.argmax(axis=1)).all()
    assert before_calibration(after, Calibration(temperature)) == pytest.approx(probabilities)


def test_what_cannot_be_fitted_is_said() -> None:
    logits, truth = drawn(19, 2)
    assert fit_temperature(softmax(logits, axis=1), truth) == (1.0, "19 tiles are too few to fit a temperature")
    logits, _ = drawn(100, 2)
    temperature, note = fit_temperature(softmax(logits, axis=1), logits.argmax(axis=1))
    assert temperature == 1
    assert "all validation tiles are classified correctly" in note
    calibration = fit_calibration(softmax(logits, axis=1), np.zeros(100, int), ["a", "b", "c", "d"])
    assert "no validation tile of b, c, d" in calibration.notes[-1]
    # Answers that know nothing are made as unsure as can be, not left as sure as they are.
    rng = np.random.default_rng(0)
    assert fit_temperature(softmax(rng.normal(0, 3, (3000, 4)), axis=1), rng.integers(0, 4, 3000))[0] > 5


# Prediction sets


@pytest.mark.parametrize("percent", [60, 90, 95])
def test_sets_hold_the_truth_as_often_as_asked(percent: int) -> None:
    """Split conformal: over many draws of exchangeable tiles the mean coverage is at least the level, and at most
    1 / (n + 1) more, but for the likeliest class that is always let in."""
    coverage, bare = [], []
    for seed in range(300):
        logits, truth = drawn(150, seed)
        # As badly calibrated as one likes: the guarantee does not need it.
        probabilities = softmax(logits * 3, axis=1)
        threshold = conformal_threshold(probabilities[:50], truth[:50], percent)
        rows = np.arange(100)
        coverage.append(prediction_sets(probabilities[50:], threshold)[rows, truth[50:]].mean())
        bare.append((1 - probabilities[50:][rows, truth[50:]] <= threshold).mean())
    deviation = np.std(coverage) / np.sqrt(300)
    assert np.mean(coverage) >= percent / 100 - 3 * deviation
    assert np.mean(bare) <= percent / 100 + 1 / 51 + 3 * deviation


@given(st.integers(1, 60), st.sampled_from([50, 66, 90, 99]), st.integers(0, 100))
def test_threshold_is_the_quantile_of_the_formula(count: int, percent: int, seed: int) -> None:
    logits, truth = drawn(count, seed)
    probabilities = softmax(logits, axis=1)
    misses = 1 - probabilities[np.arange(count), truth]
    k = int(np.ceil(round((count + 1) * percent / 100, 9)))
    expected = sorted(misses)[k - 1] if k <= count else 1.0
    assert conformal_threshold(probabilities, truth, percent) == expected


@given(st.integers(0, 1000), st.floats(0, 1), st.floats(0, 1))
def test_sets_are_never_empty_and_grow_with_the_threshold(seed: int, one: float, other: float) -> None:
    probabilities = softmax(np.random.default_rng(seed).normal(0, 2, (15, 6)), axis=1)
    low, high = sorted((one, other))
    small, large = prediction_sets(probabilities, low), prediction_sets(probabilities, high)
    assert small[np.arange(15), probabilities.argmax(axis=1)].all()
    assert (large | ~small).all()
    assert prediction_sets(probabilities, 1.0).all()


# What is stored


def test_calibration_comes_back() -> None:
    logits, truth = drawn(300, 5)
    found = fit_calibration(softmax(logits * 2, axis=1), truth, ["a", "b", "c", "d", "e"])
    again = Calibration.from_json(json.loads(json.dumps(found.to_json())))
    assert again == found
    assert len(found.thresholds) == len(LEVELS) == 50
    assert list(found.thresholds) == sorted(found.thresholds)
    after = tempered(softmax(logits * 2, axis=1), found.temperature)
    assert found.threshold(90) == conformal_threshold(after, truth, 90)
    with pytest.raises(InputError, match="level 49 has no threshold"):
        found.threshold(49)
    assert Calibration.from_json({}) == Calibration()
    with pytest.raises(InputError, match="has no thresholds"):
        Calibration().threshold(90)


@pytest.mark.parametrize(
    "change",
    [
        {"temperature": 0},
        {"temperature": "x"},
        {"temperature": float("nan")},
        {"thresholds": {"90": 0.1}},
        {"thresholds": [1]},
        {"tiles": None},
        {"notes": 3},
    ],
)
def test_damaged_calibration_is_a_sentence(change: dict[str, object]) -> None:
    logits, truth = drawn(50, 5)
    with pytest.raises(InputError, match="damaged calibration"):
        Calibration.from_json({**fit_calibration(softmax(logits, axis=1), truth).to_json(), **change})


# Judged where it was fitted


def test_cross_fitting_is_the_loop_written_out() -> None:
    logits, truth = drawn(200, 6)
    probabilities = softmax(logits * 3, axis=1)
    fold = np.random.default_rng(0).integers(0, 4, 200)
    after, sets = cross_fitted(probabilities, truth, fold, 90)
    for number in range(4):
        others = fit_calibration(probabilities[fold != number], truth[fold != number])
        here = tempered(probabilities[fold == number], others.temperature)
        assert (after[fold == number] == here).all()
        assert (sets[fold == number] == prediction_sets(here, others.threshold(90))).all()


def test_record_says_errors_before_and_after() -> None:
    classes = [CATCOA[code] for code in (1, 2, 3, 4)]
    logits, truth = drawn(2000, 7)
    raw = softmax(logits * 3, axis=1)
    calibration = fit_calibration(raw, truth)
    blocks = Blocks(np.repeat(np.arange(100), 20), "squares of 1.0 km")
    given_ = ScoredPredictions(
        truth, tempered(raw, calibration.temperature), raw, {"majority": softmax(logits * 0, axis=1)}, blocks
    )
    record = evaluation_record(given_.cross_calibrated(calibration, 0), classes, 0)["calibration"]
    assert "each of 5 folds" in record["fitted"]
    assert record["error_before"] == pytest.approx(by_hand(raw, truth))
    assert record["error_before"] > 0.1 > 0.04 > record["error_after"]
    sets = evaluation_record(given_.cross_calibrated(calibration, 0), classes, 0)["prediction_sets"]
    assert sets["coverage"] == pytest.approx(0.9, abs=0.03)
    assert 1 <= sets["mean_size"] < 4
    # One region held out: folds are made of squares in it.
    alone = ScoredPredictions(truth, given_.network, raw, given_.baselines, Blocks(truth * 0, "regions"))
    assert "5 folds of squares of 1.0 km" in alone.cross_calibrated(calibration, 0, blocks).fitted
    # In one block nothing can be parted, and that is said.
    assert "so these figures are too optimistic" in alone.cross_calibrated(calibration, 0).fitted
    assert evaluation_record(given_.calibrated_by(Calibration()), classes, 0)["prediction_sets"] is None


def by_hand(probabilities: np.ndarray, truth: np.ndarray) -> float:
    """Expected calibration error, tile by tile."""
    total = 0.0
    for number in range(10):
        here = [
            (row.max(), row.argmax() == true)
            for row, true in zip(probabilities, truth, strict=True)
            if number / 10 < row.max() <= (number + 1) / 10
        ]
        if here:
            confidence, right = np.array(here, float).T
            total += len(here) * abs(confidence.mean() - right.mean())
    return total / len(truth)


@pytest.mark.slow
@given(st.integers(0, 500))
def test_calibration_error_is_the_loop_written_out(seed: int) -> None:
    logits, truth = drawn(80, seed)
    probabilities = softmax(logits, axis=1)
    classes = [CATCOA[code] for code in (1, 2, 3, 4)]
    assert score(truth, probabilities, classes).calibration_error == pytest.approx(by_hand(probabilities, truth))


# In the network


def test_last_layer_is_divided() -> None:
    torch.manual_seed(0)
    network = build_network("resnet10t", 3, 4).eval()
    x = torch.randn(3, 3, 32, 32)
    with torch.inference_mode():
        before = network(x)
        divide_logits(network, 1.0)
        assert torch.equal(network(x), before)
        divide_logits(network, 2.5)
        assert torch.allclose(network(x) * 2.5, before, atol=1e-5)
        divide_logits(network, 1 / 2.5)
        assert torch.allclose(network(x), before, atol=1e-5)


@pytest.mark.slow
def test_a_trained_model_is_calibrated_and_says_so(tiles_folder: Path, tmp_path: Path) -> None:
    data = prepare_data(tiles_folder, batch_size=8, val_split_pct=0.45, seed=1)
    assert len(data.split.validation) >= 20
    model = FeatureClassifier(data, "resnet10t", pretrained=False)
    model.fit(1, 1e-3)
    part = data.tiles.subset(data.split.validation)
    calibration = Calibration.from_json(model.manifest.calibration)
    assert calibration.tiles == len(part)
    assert calibration.temperature != 1
    stored = predict_tiles(model.trained, part)[0]
    # Fitted again on what the stored weights say, nothing is left to do.
    assert fit_temperature(stored, part.targets)[0] == pytest.approx(1, abs=0.01)
    # A tile's probabilities are those of the stored weights.
    assert model.predict_proba(part.paths[0]) == pytest.approx(stored[0])
    path = model.save(tmp_path / "m.dlpk")
    package = read_package(path)
    assert Calibration.from_json(package.manifest.calibration) == calibration
    record = json.loads(json.dumps(package.scores))
    assert record["calibration"]["temperature"] == calibration.temperature
    assert 0 <= record["prediction_sets"]["coverage"] <= 1
    # Judged anew from the package, with its data, the record is the same.
    again = FeatureClassifier.from_model(path, data).evaluate()
    assert again["calibration"]["error_before"] == pytest.approx(record["calibration"]["error_before"], abs=1e-4)
    assert again["network"]["matrix"] == tuple(map(tuple, record["network"]["matrix"]))
    assert model.plot_reliability().axes

    # Going on, the temperature is taken out first, and fitted anew after.
    model.fit(1, 1e-3)
    assert fit_temperature(predict_tiles(model.trained, part)[0], part.targets)[0] == pytest.approx(1, abs=0.01)
    table = model.per_class_metrics()
    assert list(table.columns) == ["class", "precision", "recall", "f1", "support"]
    assert table["class"].tolist() == data.classes
    assert table["support"].sum() == len(part)
    assert model.accuracy == model.scores().accuracy
