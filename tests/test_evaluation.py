"""Scores, intervals and what is said of them; oracles are scikit-learn and loops written out."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, cohen_kappa_score, confusion_matrix, f1_score

from littoral.categories import CATCOA
from littoral.evaluation import (
    Baselines,
    Blocks,
    Record,
    ScoredPredictions,
    Scores,
    band_statistics,
    bins_before,
    block_bootstrap,
    evaluation_record,
    fit_baselines,
    pooled,
    record_text,
    score,
    text,
    verdict,
)
from littoral.evaluation.intervals import accuracies, interval, kappas, macro_f1s
from littoral.evaluation.record import BEATS, LOSES, NOT_SHOWN
from littoral.learn.metrics_page import metrics_page
from littoral.package import Manifest, Preprocessing
from littoral.tiles import TileSpec

CLASSES = tuple(CATCOA[code] for code in (3, 7, 8))


def sure(answer: np.ndarray, classes: int = 3, confidence: float = 0.9) -> np.ndarray:
    """Probabilities (tiles, classes) of answers given with a confidence."""
    out = np.full((len(answer), classes), (1 - confidence) / (classes - 1))
    out[np.arange(len(answer)), answer] = confidence
    return out


def answers(
    truth: np.ndarray, network: np.ndarray, simple: np.ndarray, block: np.ndarray, unit: str = "squares of 4.0 km"
) -> ScoredPredictions:
    majority = np.zeros_like(truth)
    baselines = {"majority": sure(majority), "simple": sure(simple)}
    return ScoredPredictions(truth, sure(network), sure(network), baselines, Blocks(block, unit))


# Measures


@given(st.integers(1, 5), st.integers(0, 2**32 - 1))
def test_measures_are_scikit_learns(classes: int, seed: int) -> None:
    rng = np.random.default_rng(seed)
    truth, said = rng.integers(0, classes, (2, 40))
    # One class in both is where scikit-learn has no kappa to give.
    if len(set(truth) | set(said)) < 2:
        said = (truth + 1) % 2
    matrix = confusion_matrix(truth, said, labels=range(5))
    assert accuracies(matrix) == pytest.approx(accuracy_score(truth, said))
    assert kappas(matrix) == pytest.approx(cohen_kappa_score(truth, said))
    occurring = sorted(set(truth.tolist()))
    expected = f1_score(truth, said, labels=occurring, average="macro", zero_division=0)
    assert macro_f1s(matrix) == pytest.approx(expected)
    found = score(truth, np.eye(5)[said], [CATCOA[code] for code in (1, 2, 3, 4, 6)])
    assert (found.accuracy, found.macro_f1, found.kappa) == pytest.approx(
        (float(accuracies(matrix)), float(macro_f1s(matrix)), float(kappas(matrix)))
    )


def test_kappa_where_chance_is_always_right() -> None:
    assert kappas(np.array([[5, 0], [0, 0]])) == 0
    assert kappas(np.zeros((2, 2), int)) == 0


def test_records_without_kappa_are_read() -> None:
    found = score(np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]]), CLASSES[:2])
    record = json.loads(json.dumps(found.to_json()))
    del record["kappa"]
    assert Scores.from_json(record) == found


# Intervals


def test_bootstrap_is_the_loop_written_out() -> None:
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 3, 120)
    said = {"a": np.where(rng.random(120) < 0.7, truth, rng.integers(0, 3, 120)), "b": rng.integers(0, 3, 120)}
    block = rng.integers(0, 9, 120) * 10
    found = block_bootstrap(truth, said, block, 3, seed=5, replicates=50)
    names, place = np.unique(block, return_inverse=True)
    drawn = np.random.default_rng(5).integers(len(names), size=(50, len(names)))
    for replicate, chosen in enumerate(drawn):
        rows = np.concatenate([np.flatnonzero(place == number) for number in chosen])
        for name, given_ in said.items():
            here, there = truth[rows], given_[rows]
            assert found[name]["accuracy"][replicate] == pytest.approx(accuracy_score(here, there))
            assert found[name]["kappa"][replicate] == pytest.approx(cohen_kappa_score(here, there))
            f1 = f1_score(here, there, labels=sorted(set(here.tolist())), average="macro", zero_division=0)
            assert found[name]["macro_f1"][replicate] == pytest.approx(f1)


def test_draws_do_not_depend_on_how_many_are_held(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(1)
    truth, said, block = rng.integers(0, 3, (3, 200))
    whole = block_bootstrap(truth, {"a": said}, block, 3, seed=1, replicates=64)
    monkeypatch.setattr("littoral.evaluation.intervals._AT_ONCE", 30)
    parts = block_bootstrap(truth, {"a": said}, block, 3, seed=1, replicates=64)
    assert all((whole["a"][measure] == parts["a"][measure]).all() for measure in whole["a"])


def test_whole_blocks_make_wider_intervals_than_tiles() -> None:
    """Tiles of a block that are right or wrong together are fewer witnesses than they seem."""
    rng = np.random.default_rng(2)
    block = np.repeat(np.arange(20), 50)
    truth = rng.integers(0, 3, 1000)
    said = np.where(np.repeat(rng.random(20) < 0.7, 50), truth, (truth + 1) % 3)
    by_block, by_tile = (
        interval(block_bootstrap(truth, {"a": said}, of, 3, seed=0)["a"]["accuracy"]) for of in (block, np.arange(1000))
    )
    assert by_block[1] - by_block[0] > 4 * (by_tile[1] - by_tile[0])
    assert by_block[0] < (said == truth).mean() < by_block[1]


def test_interval_holds_the_true_accuracy_about_as_often_as_it_says() -> None:
    hits = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        block = np.repeat(np.arange(40), 10)
        truth = rng.integers(0, 3, 400)
        right = rng.random(400) < np.repeat(rng.beta(7, 3, 40), 10)
        said = np.where(right, truth, (truth + 1) % 3)
        low, high = interval(block_bootstrap(truth, {"a": said}, block, 3, seed=0, replicates=300)["a"]["accuracy"])
        hits += low <= 0.7 <= high
    assert 51 <= hits <= 60


# Baselines


def test_band_statistics_leave_out_missing_pixels() -> None:
    values = np.random.default_rng(0).integers(0, 10_000, (3, 8, 8)).astype(np.uint16)
    valid = np.random.default_rng(1).random((8, 8)) < 0.5
    plain = values.astype(float)[:, valid]
    assert band_statistics(values, valid) == pytest.approx([*plain.mean(axis=1), *plain.std(axis=1)])


def test_baseline_sees_texture() -> None:
    """Classes of equal means and other deviations: the fair opponent tells them apart."""
    rng = np.random.default_rng(3)
    targets = rng.integers(0, 2, 200)
    statistics = np.column_stack([rng.normal(1000, 10, 200), 50 + 100 * targets + rng.normal(0, 5, 200)])
    found = fit_baselines(statistics, targets, 2).predict(statistics)
    assert (found[Baselines.NAMES[1]].argmax(axis=1) == targets).all()
    scaled = (statistics - statistics.mean(axis=0)) / statistics.std(axis=0)
    plain = LogisticRegression(max_iter=2000, class_weight="balanced").fit(scaled, targets).predict_proba(scaled)
    assert found[Baselines.NAMES[1]] == pytest.approx(plain, abs=1e-6)


def test_baselines_of_older_models_know_means_only() -> None:
    rng = np.random.default_rng(4)
    targets = rng.integers(0, 2, 100)
    means = rng.normal(0, 1, (100, 3)) + targets[:, None]
    older = Baselines.from_json(json.loads(json.dumps(fit_baselines(means, targets, 2).to_json())))
    statistics = np.column_stack([means, rng.normal(0, 1, (100, 3))])
    found = older.predict(statistics)
    assert list(found) == ["majority", "logistic regression on band means"]
    (_, expected) = older.predict(means).values()
    assert (found[Baselines.OF_MEANS] == expected).all()


# The record


@pytest.fixture
def truth() -> np.ndarray:
    return np.random.default_rng(7).integers(0, 3, 300)


BLOCK = np.repeat(np.arange(30), 10)


def test_record_says_all(truth: np.ndarray) -> None:
    rng = np.random.default_rng(8)
    network = np.where(rng.random(300) < 0.8, truth, 0)
    simple = np.where(rng.random(300) < 0.4, truth, 1)
    record = evaluation_record(answers(truth, network, simple, BLOCK), CLASSES, seed=3)
    assert json.loads(json.dumps(record, allow_nan=False)) == json.loads(json.dumps(record))
    assert record["network"]["kappa"] == pytest.approx(cohen_kappa_score(truth, network))
    replicates = block_bootstrap(truth, {"n": network, "m": truth * 0, "s": simple}, BLOCK, 3, seed=3)
    for measure in ("accuracy", "macro_f1", "kappa"):
        low, high = record["intervals"]["of"]["network"][measure]
        assert [low, high] == pytest.approx(np.percentile(replicates["n"][measure], [2.5, 97.5]))
        assert low < record["network"][measure] < high
    comparison = record["comparison"]
    gap = record["network"]["macro_f1"] - record["baselines"]["simple"]["macro_f1"]
    assert (comparison["baseline"], comparison["verdict"]) == ("simple", BEATS)
    assert comparison["macro_f1_difference"] == pytest.approx(gap)
    differences = replicates["n"]["macro_f1"] - replicates["s"]["macro_f1"]
    assert comparison["interval"] == pytest.approx(np.percentile(differences, [2.5, 97.5]))
    assert record["beats_baselines"]
    assert record["intervals"]["note"] == ""
    assert (record["intervals"]["blocks"], record["intervals"]["unit"]) == (30, "squares of 4.0 km")


@pytest.mark.parametrize(
    ("network", "simple", "expected", "words"),
    [
        (0.9, 0.3, BEATS, "the network beats simple"),
        (0.62, 0.6, NOT_SHOWN, "the network is NOT SIGNIFICANTLY BETTER than simple"),
        (0.3, 0.9, LOSES, "the network LOSES to simple"),
    ],
)
def test_verdict(truth: np.ndarray, network: float, simple: float, expected: str, words: str) -> None:
    # The same draw for both, so that what is right at a lower share is right at a higher one.
    luck = np.random.default_rng(9).permutation(np.linspace(0, 1, 300))
    said = [np.where(luck < share, truth, (truth + 1) % 3) for share in (network, simple)]
    noise = np.random.default_rng(10).permutation(300)
    said[1] = said[1] if expected != NOT_SHOWN else np.where(luck[noise] < simple, truth, (truth + 1) % 3)
    record = evaluation_record(answers(truth, said[0], said[1], BLOCK), CLASSES, seed=0)
    assert record["comparison"]["verdict"] == expected
    assert words in verdict(record)
    assert record["beats_baselines"] == (expected == BEATS)


def test_an_equal_network_is_not_shown_to_beat(truth: np.ndarray) -> None:
    record = evaluation_record(answers(truth, truth, truth, BLOCK), CLASSES, seed=0)
    assert record["comparison"]["interval"] == [0, 0]
    assert record["comparison"]["verdict"] == NOT_SHOWN


@pytest.mark.parametrize(("blocks", "words"), [(1, "the scores have no intervals"), (4, "are not reliable"), (5, "")])
def test_few_blocks_are_said(truth: np.ndarray, blocks: int, words: str) -> None:
    block = np.arange(300) % blocks
    record = evaluation_record(answers(truth, truth, (truth + 1) % 3, block), CLASSES, seed=0)
    ends = record["intervals"]["of"]["network"]["accuracy"]
    assert (ends is None) == (blocks == 1)
    assert words in record["intervals"]["note"]
    assert bool(record["intervals"]["note"]) == (blocks < 5)
    assert words in record_text(whole(record))
    # Without an interval nothing is shown, however large the difference.
    assert record["comparison"]["verdict"] == (NOT_SHOWN if blocks == 1 else BEATS)


def test_pooled_answers_are_those_of_one_set(truth: np.ndarray) -> None:
    rng = np.random.default_rng(11)
    network, simple = rng.integers(0, 3, (2, 300))
    all_at_once = replace(answers(truth, network, simple, BLOCK), sets=sure(network) > 0.5)
    order = rng.permutation(300)
    parts = [order[:100], order[100:]]
    several = [
        replace(answers(truth[part], network[part], simple[part], BLOCK[part]), sets=sure(network[part]) > 0.5)
        for part in parts
    ]
    found = evaluation_record(pooled(several, Blocks(BLOCK[order], "squares of 4.0 km")), CLASSES, seed=2)
    expected = evaluation_record(all_at_once, CLASSES, seed=2)
    for record in (found, expected):
        del record["calibration"]["fitted"], record["prediction_sets"]["fitted"]
    assert found["intervals"] == expected["intervals"]
    assert found["network"]["matrix"] == expected["network"]["matrix"]
    assert found["prediction_sets"] == expected["prediction_sets"]


# What is told


def whole(record: dict[str, object]) -> Record:
    calibration = {**record["calibration"], "temperature": 1.5, "notes": []}  # type: ignore[dict-item]
    counts = {"tiles": 300, "set_aside": 2, "other_classes": 0, "split": "words"}
    return Record({**counts, **record, "calibration": calibration})


def test_a_printed_record_is_a_table(truth: np.ndarray) -> None:
    record = whole(evaluation_record(answers(truth, truth, truth, BLOCK), CLASSES, seed=0))
    lines = str(record).splitlines()
    assert lines[0] == "300 tiles scored, 2 set aside because they share ground with training"
    (row,) = (line for line in lines if line.startswith("this model"))
    assert row.split()[2:] == ["1.000", "1.000", "to", "1.000"] * 3
    (row,) = (line for line in lines if line.startswith("mangrove"))
    assert row.split() == ["mangrove", "1.000", "1.000", "1.000", str((truth == 1).sum())]


def test_few_scored_classes_are_said() -> None:
    one = np.zeros(50, int)
    record = whole(evaluation_record(answers(one, one, one + 1, np.arange(50)), CLASSES, seed=0))
    assert "not in the scores: mangrove, marshy shore" in str(record)
    assert "only 1 of 3 classes are scored" in str(record)
    assert [row[1:] for row in text.class_rows(record)[2:]] == [["–", "–", "–", "0"]] * 2


def test_records_of_older_packages_are_told() -> None:
    own = score(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), CLASSES[:2]).to_json()
    del own["kappa"]
    old = {
        "tiles": 3,
        "set_aside": 0,
        "other_classes": 1,
        "left_out": [],
        "network": own,
        "baselines": {"majority": own},
        "beats_baselines": False,
    }
    text = record_text(old)
    assert "does NOT beat the better baseline" in text
    assert "1 tiles are of classes that the model does not have" in text
    assert bins_before(old) == ()


class Text(HTMLParser):
    """What stands on a page, and which elements it has."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.text, self.tags = "", []  # type: ignore[var-annotated]
        self.feed(source)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)
        self.text += " "

    def handle_data(self, data: str) -> None:
        self.text += data


def test_metrics_page_has_the_numbers_and_escapes_names(truth: np.ndarray) -> None:
    evil = "<script>alert('x')</script> & \"Söhne\" $5"
    classes = (replace(CLASSES[0], name=evil), *CLASSES[1:])
    simple = np.where(np.arange(300) % 2 == 0, truth, 0)
    record = whole(
        evaluation_record(replace(answers(truth, truth, simple, BLOCK), sets=sure(truth) > 0.5), classes, seed=0)
    )
    record["folds"] = {**record, "method": f"2 {evil}", "each": [{"name": evil, **record}]}
    preprocessing = Preprocessing(TileSpec(64, ("B02",)), 64, (1.0,), (1.0,), "uint16", "as stored")
    manifest = Manifest(
        "resnet18", preprocessing, classes, (10.0, 10.0), 32617, f"split {evil}", (), "", {}, {evil: "1"}
    )
    page = metrics_page(evil, manifest, record)
    found = Text(page)
    assert "script" not in found.tags
    assert found.tags.count("svg") == 4
    words = " ".join(found.text.split())
    for expected in (
        evil,
        "The network beats simple in macro-F1",
        "Prediction sets of level 90%: 100.0% contain the true class, 1.00 classes on average",
        "1000 draws of 30 blocks",
        "Expected calibration error",
        "Each fold",
    ):
        assert expected in words
    ends = text.span(record["intervals"]["of"]["simple"]["macro_f1"])
    assert ends in words
    assert metrics_page("m", manifest, {})
