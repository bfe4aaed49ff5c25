"""Scores: what a classifier gets right, how far its confidence can be believed, and what simple models reach.

No torch here, so that a report can be written without it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import confusion_matrix, precision_recall_fscore_support
from sklearn.preprocessing import StandardScaler

from littoral.categories import Category
from littoral.errors import InputError
from littoral.imagery import Values

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
    """How many are truly of this class."""
    predicted: int
    """How many were said to be."""
    precision: float
    """Right among those said to be, 0 if none was."""
    recall: float
    """Right among those that are, 0 if none is."""
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
    """Answers in the bin."""
    confidence: float
    """Their mean confidence."""
    accuracy: float
    """Share of them that is right."""


@dataclass(frozen=True)
class Scores:
    """How answers compare with the truth."""

    count: int
    """Answers scored."""
    accuracy: float
    """Share that is right."""
    macro_f1: float
    """Mean F1 of the classes that occur in the truth."""
    classes: tuple[ClassScore, ...]
    """All classes of the model, in the order of its outputs."""
    matrix: tuple[tuple[int, ...], ...]
    """Confusion matrix of counts; rows are the truth, columns the answer, both in the order of ``classes``."""
    calibration_error: float
    """Expected calibration error: mean distance of confidence and accuracy over the bins, weighted by count."""
    bins: tuple[Bin, ...]
    """Reliability; empty bins are left out."""

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Scores:
        """The reverse of :meth:`to_json`."""
        return cls(
            int(record["count"]),
            float(record["accuracy"]),
            float(record["macro_f1"]),
            tuple(ClassScore(**entry) for entry in record["classes"]),
            tuple(tuple(int(n) for n in row) for row in record["matrix"]),
            float(record["calibration_error"]),
            tuple(Bin(**entry) for entry in record["bins"]),
        )


def score(truth: NDArray[np.int64], probabilities: NDArray[np.floating[Any]], categories: Sequence[Category]) -> Scores:
    """Compare answers with the truth.

    Args:
        truth: (answers,), index into ``categories``.
        probabilities: (answers, classes).
        categories: Classes in the order of the columns.

    >>> from littoral.categories import CATCOA
    >>> result = score(np.array([0, 0, 1]), np.array([[.9, .1], [.4, .6], [.2, .8]]), [CATCOA[3], CATCOA[7]])
    >>> round(result.accuracy, 3), round(result.macro_f1, 3), result.matrix
    (0.667, 0.667, ((1, 1), (0, 1)))
    """
    labels = np.arange(len(categories))
    answer = probabilities.argmax(axis=1)
    matrix = confusion_matrix(truth, answer, labels=labels)
    precision, recall, f1, support = precision_recall_fscore_support(truth, answer, labels=labels, zero_division=0)
    right = answer == truth
    bins = _reliability(probabilities.max(axis=1), right)
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
        float(right.mean()) if len(truth) else 0.0,
        float(f1[support > 0].mean()) if len(truth) else 0.0,
        classes,
        tuple(tuple(int(n) for n in row) for row in matrix),
        sum(b.count * abs(b.confidence - b.accuracy) for b in bins) / max(len(truth), 1),
        bins,
    )


def _reliability(confidence: NDArray[np.floating[Any]], right: NDArray[np.bool_]) -> tuple[Bin, ...]:
    place = np.clip(np.ceil(confidence * BINS).astype(int) - 1, 0, BINS - 1)
    return tuple(
        Bin(i / BINS, (i + 1) / BINS, int(here.sum()), float(confidence[here].mean()), float(right[here].mean()))
        for i in range(BINS)
        if (here := place == i).any()
    )


def band_means(values: Values, valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(bands,), mean of a tile's valid pixels: all that the simple model sees.

    >>> band_means(np.array([[[1.0, 3.0]], [[5.0, 9.0]]]), np.array([[True, False]])).tolist()
    [1.0, 5.0]
    """
    return np.asarray(values[:, valid].mean(axis=1, dtype=np.float64))


@dataclass(frozen=True)
class Baselines:
    """What a network has to beat: the commonest class, and a logistic regression on band means."""

    shares: tuple[float, ...]
    """Share of each class among the training tiles."""
    mean: tuple[float, ...]
    """Of each band mean over the training tiles."""
    scale: tuple[float, ...]
    """Standard deviation, likewise."""
    coefficients: tuple[tuple[float, ...], ...]
    """(classes, bands) of the logistic regression."""
    intercepts: tuple[float, ...]
    """(classes,)."""

    NAMES = ("majority", "logistic regression on band means")

    def predict(self, means: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Probabilities (tiles, classes) of each baseline for band means (tiles, bands)."""
        logits = (means - self.mean) / self.scale @ np.array(self.coefficients).T + self.intercepts
        exponent = np.exp(logits - logits.max(axis=1, keepdims=True))
        simple = np.broadcast_to(self.shares, (len(means), len(self.shares)))
        return dict(zip(self.NAMES, (simple, exponent / exponent.sum(axis=1, keepdims=True)), strict=True))

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values."""
        return asdict(self)

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Baselines:
        """The reverse of :meth:`to_json`.

        Raises:
            InputError: not such a record.
        """
        try:
            found = cls(
                tuple(map(float, record["shares"])),
                tuple(map(float, record["mean"])),
                tuple(map(float, record["scale"])),
                tuple(tuple(map(float, row)) for row in record["coefficients"]),
                tuple(map(float, record["intercepts"])),
            )
            found.predict(np.zeros((1, len(found.mean))))
        except (KeyError, TypeError, ValueError, IndexError) as error:
            raise InputError("the model", "holds damaged baselines", "copy or train it again") from error
        return found


def fit_baselines(means: NDArray[np.float64], targets: NDArray[np.int64], classes: int) -> Baselines:
    """Fit both on the training tiles: band means (tiles, bands), class index (tiles,)."""
    shares = np.bincount(targets, minlength=classes) / len(targets)
    scaler = StandardScaler().fit(means)
    model = LogisticRegression(max_iter=2000, class_weight="balanced").fit(scaler.transform(means), targets)
    coefficients, intercepts = np.zeros((classes, means.shape[1])), np.full(classes, -1e9)
    if len(model.classes_) == 2:
        # scikit-learn gives two classes one row; half to each side is the same model.
        coefficients[model.classes_] = np.concatenate([-model.coef_, model.coef_]) / 2
        intercepts[model.classes_] = np.concatenate([-model.intercept_, model.intercept_]) / 2
    else:
        coefficients[model.classes_], intercepts[model.classes_] = model.coef_, model.intercept_
    return Baselines(
        tuple(shares.tolist()),
        tuple(scaler.mean_.tolist()),
        tuple(scaler.scale_.tolist()),
        tuple(tuple(row) for row in coefficients.tolist()),
        tuple(intercepts.tolist()),
    )
