"""Baselines that a network is compared with: the commonest class, and a linear model on band statistics.

A linear model on mean and standard deviation of each band is the published baseline for Sentinel-2 patches: accuracy
0.88 on eurosat-spatial (torchgeo-bench, "plain image statistics"), at a hundred thousand tiles a second.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from littoral.errors import InputError
from littoral.imagery import Values


def band_statistics(values: Values, valid: NDArray[np.bool_]) -> NDArray[np.float64]:
    """Means and then standard deviations (2 x bands,) of a tile's valid pixels, the features of the linear baseline.

    >>> band_statistics(np.array([[[1.0, 3.0]], [[5.0, 9.0]]]), np.array([[True, True]])).tolist()
    [2.0, 7.0, 1.0, 2.0]
    """
    pixels = values[:, valid]
    return np.concatenate([pixels.mean(axis=1, dtype=np.float64), pixels.std(axis=1, dtype=np.float64)])


@dataclass(frozen=True)
class Baselines:
    """The commonest class, and a logistic regression on band statistics."""

    shares: tuple[float, ...]
    """Share of each class among the training tiles."""
    mean: tuple[float, ...]
    """Mean of each statistic over the training tiles; models of early versions have the band means only."""
    scale: tuple[float, ...]
    """Standard deviation of each statistic."""
    coefficients: tuple[tuple[float, ...], ...]
    """(classes, statistics) of the logistic regression."""
    intercepts: tuple[float, ...]
    """(classes,)."""

    NAMES = ("majority", "logistic regression on band statistics")
    OF_MEANS = "logistic regression on band means"

    def predict(self, statistics: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
        """Probabilities (tiles, classes) of each baseline for band statistics (tiles, 2 x bands)."""
        count = len(self.mean)
        name = self.NAMES[1] if count == statistics.shape[1] else self.OF_MEANS
        scaled = (statistics[:, :count] - self.mean) / self.scale
        probabilities = softmax(scaled @ np.array(self.coefficients).T + self.intercepts, axis=1)
        simple = np.broadcast_to(self.shares, (len(statistics), len(self.shares)))
        return {self.NAMES[0]: simple, name: probabilities}

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


def fit_baselines(statistics: NDArray[np.float64], targets: NDArray[np.int64], classes: int) -> Baselines:
    """Fit both baselines on the training tiles.

    Args:
        statistics: Band statistics (tiles, 2 x bands).
        targets: (tiles,), class index.
        classes: Number of classes.
    """
    shares = np.bincount(targets, minlength=classes) / len(targets)
    scaler = StandardScaler().fit(statistics)
    model = LogisticRegression(max_iter=2000, class_weight="balanced").fit(scaler.transform(statistics), targets)
    coefficients, intercepts = rows_of_classes(model, classes, -1e9)
    return Baselines(
        tuple(shares.tolist()),
        tuple(scaler.mean_.tolist()),
        tuple(scaler.scale_.tolist()),
        tuple(tuple(row) for row in coefficients.tolist()),
        tuple(intercepts.tolist()),
    )


def rows_of_classes(
    model: LogisticRegression, classes: int, absent: float
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Coefficients (classes, features) and intercepts (classes,) of a fitted model.

    Args:
        model: Fitted on class indices, some of which may not have occurred.
        classes: Number of classes.
        absent: Intercept of a class that did not occur, so low that it is never predicted.
    """
    coefficients, intercepts = np.zeros((classes, model.coef_.shape[1])), np.full(classes, absent)
    if len(model.classes_) == 2:
        # For two classes scikit-learn fits one row; half of it with each sign is the same model.
        coefficients[model.classes_] = np.concatenate([-model.coef_, model.coef_]) / 2
        intercepts[model.classes_] = np.concatenate([-model.intercept_, model.intercept_]) / 2
    else:
        coefficients[model.classes_], intercepts[model.classes_] = model.coef_, model.intercept_
    return coefficients, intercepts
