"""Prediction sets: never empty, and as often right as asked."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from classified_tables import sequence
from littoral.errors import InputError
from littoral.evaluation import prediction_sets
from littoral.predictions import Predictions


@given(st.integers(0, 10_000), st.floats(0, 1))
def test_sets_hold_the_likeliest_and_grow_with_the_threshold(seed: int, threshold: float) -> None:
    probabilities = np.random.default_rng(seed).dirichlet([0.5] * 4, 20)
    inside = prediction_sets(probabilities, threshold)
    assert inside[np.arange(20), probabilities.argmax(axis=1)].all()
    assert (prediction_sets(probabilities, 1.0)).all()
    assert (prediction_sets(probabilities, min(threshold + 0.1, 1)) >= inside).all()
    # Of two classes the likelier one is never left out alone.
    least_in = np.where(inside, probabilities, np.inf).min(axis=1)
    most_out = np.where(inside, -np.inf, probabilities).max(axis=1)
    assert (least_in >= most_out).all()


def test_sets_keep_their_word_where_calibration_and_coast_are_alike() -> None:
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([0.6] * 3, 4000)
    truth = np.array([rng.choice(3, p=p) for p in probabilities])
    nonconformity = 1 - probabilities[np.arange(2000), truth[:2000]]
    threshold = np.sort(nonconformity)[int(np.ceil(2001 * 0.9)) - 1]
    inside = prediction_sets(probabilities[2000:], threshold)
    assert inside[np.arange(2000), truth[2000:]].mean() == pytest.approx(0.9, abs=0.03)


def test_columns() -> None:
    table = sequence(np.array([[0.2, 0.7, 0.1], [np.nan] * 3, [0.1, 0.0, 0.9]]))
    out = Predictions.from_table(table).with_sets(0.85).to_table(table)
    assert out["PredictionSet"].tolist()[0::2] == ["class 3; flat coast", "class 7"]
    assert out["PredictionSet"].isna().tolist() == [False, True, False]
    assert out["PredictionSetSize"].tolist()[0::2] == [2, 1]
    assert "PredictionSet" not in table
    again = Predictions.from_table(table).with_sets(0.85).to_table(out)
    assert again["PredictionSet_in"].equals(out["PredictionSet"])


def test_a_threshold_is_a_probability() -> None:
    with pytest.raises(InputError, match="threshold 3 is not from 0 to 1"):
        Predictions.from_table(sequence(np.array([[0.2, 0.5, 0.3]]))).with_sets(3.0)
