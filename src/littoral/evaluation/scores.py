"""Scores: confusion matrix, accuracy, macro-F1, kappa, scores of each class, and reliability of the confidence."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

from littoral.categories import Category
from littoral.evaluation.intervals import kappas

BINS = 10
"""Equal-width bins of confidence."""


@dataclass(frozen=True)
class ClassScore:
    """One class in a set of scores."""

    code: int
    """Class value."""
    name: str
    """Class name."""
    colour: str
    """``#RRGGBB``."""
    support: int
    """Number whose true class this is."""
    predicted: int
    """Number predicted as this class."""
    precision: float
    """Share of those predicted as this class that is correct, 0 if none was."""
    recall: float
    """Share of those truly of this class that is predicted so, 0 if none is."""
    f1: float
    """Harmonic mean of precision and recall."""


@dataclass(frozen=True)
class Bin:
    """One bar of a reliability diagram."""

    low: float
    """Confidence from, exclusive."""
    high: float
    """Confidence to, inclusive."""
    count: int
    """Number of predictions in the bin."""
    confidence: float
    """Their mean confidence."""
    accuracy: float
    """Share of them that is correct."""


@dataclass(frozen=True)
class Scores:
    """Scores of predictions against the truth."""

    count: int
    """Number of predictions."""
    accuracy: float
    """Share that is correct."""
    macro_f1: float
    """Mean F1 of the classes that occur in the truth."""
    kappa: float
    """Cohen's kappa: 1 if all are correct, 0 at the agreement expected by chance."""
    classes: tuple[ClassScore, ...]
    """All classes of the model, in the order of its outputs."""
    matrix: tuple[tuple[int, ...], ...]
    """Confusion matrix of counts; rows are the truth, columns the prediction, both in the order of ``classes``."""
    calibration_error: float
    """Expected calibration error: mean difference of confidence and accuracy over the bins, weighted by count."""
    bins: tuple[Bin, ...]
    """Reliability diagram; empty bins are left out."""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Scores:
        """The reverse of :meth:`to_json`; records of versions that did not write kappa are read too."""
        matrix = tuple(tuple(int(n) for n in row) for row in record["matrix"])
        return cls(
            int(record["count"]),
            float(record["accuracy"]),
            float(record["macro_f1"]),
            float(kappas(np.array(matrix))),
            tuple(ClassScore(**entry) for entry in record["classes"]),
            matrix,
            float(record["calibration_error"]),
            tuple(Bin(**entry) for entry in record["bins"]),
        )


def score(truth: NDArray[np.int64], probabilities: NDArray[np.floating[Any]], categories: Sequence[Category]) -> Scores:
    """Score predictions against the truth.

    Args:
        truth: (predictions,), index into ``categories``.
        probabilities: (predictions, classes).
        categories: Classes in the order of the columns.

    >>> from littoral.categories import CATCOA
    >>> result = score(np.array([0, 0, 1]), np.array([[.9, .1], [.4, .6], [.2, .8]]), [CATCOA[3], CATCOA[7]])
    >>> round(result.accuracy, 3), round(result.macro_f1, 3), result.matrix
    (0.667, 0.667, ((1, 1), (0, 1)))
    >>> round(result.kappa, 3)
    0.4
    """
    labels = np.arange(len(categories))
    predicted = probabilities.argmax(axis=1)
    matrix = confusion_matrix(truth, predicted, labels=labels)
    precision, recall, f1, support = precision_recall_fscore_support(truth, predicted, labels=labels, zero_division=0)
    correct = predicted == truth
    bins = _reliability(probabilities.max(axis=1), correct)
    classes = tuple(
        ClassScore(
            c.code,
            c.name,
            c.colour,
            int(support[i]),
            int(matrix[:, i].sum()),
            float(precision[i]),
            float(recall[i]),
            float(f1[i]),
        )
        for i, c in enumerate(categories)
    )
    return Scores(
        len(truth),
        float(correct.mean()) if len(truth) else 0.0,
        float(f1[support > 0].mean()) if len(truth) else 0.0,
        float(kappas(matrix)),
        classes,
        tuple(tuple(int(n) for n in row) for row in matrix),
        sum(b.count * abs(b.confidence - b.accuracy) for b in bins) / max(len(truth), 1),
        bins,
    )


def _reliability(confidence: NDArray[np.floating[Any]], correct: NDArray[np.bool_]) -> tuple[Bin, ...]:
    place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    return tuple(
        Bin(i / BINS, (i + 1) / BINS, int(here.sum()), float(confidence[here].mean()), float(correct[here].mean()))
        for i in range(BINS)
        if (here := place == i).any()
    )


def bins_before(record: Mapping[str, Any]) -> tuple[Bin, ...]:
    """Reliability before temperature scaling, in a record of ``evaluation_record``; empty in those of older
    packages."""
    return tuple(Bin(**entry) for entry in record.get("calibration", {}).get("bins_before", ()))


def class_table(scores: Scores) -> pd.DataFrame:
    """A row for each class, in the order of the model's: class, precision, recall, f1, support.

    Where a divisor is 0 (precision of a class that was never predicted, recall of one without tiles) there is NaN.
    """
    rows = [
        (
            entry.name,
            entry.precision if entry.predicted else np.nan,
            *((entry.recall, entry.f1) if entry.support else (np.nan,) * 2),
            entry.support,
        )
        for entry in scores.classes
    ]
    return pd.DataFrame(rows, columns=["class", "precision", "recall", "f1", "support"])
