"""Calibration: temperature scaling, conformal thresholds, and the prediction sets they give.

Temperature scaling divides all logits by one number, fitted by the likelihood of held-out tiles; the most probable
class stays the same (Guo et al. 2017, arXiv:1706.04599). Prediction sets are split conformal with the score 1 - p(true
class): a set has all classes whose 1 - p is at most a threshold, the quantile of that score among held-out tiles. For
tiles like those, the share of sets that contain the true class is at least their level (Sadinle et al. 2019,
doi:10.1080/01621459.2017.1395341; Angelopoulos and Bates 2021, arXiv:2107.07511).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax, softmax

from littoral.errors import InputError

Floats = NDArray[np.float64]

LEVELS = range(50, 100)
"""Levels of prediction sets that thresholds are fitted for, per cent."""
FEW_TILES = 20
"""With fewer validation tiles no temperature is fitted."""
_COOLEST, _HOTTEST = 0.05, 20.0


@dataclass(frozen=True)
class Calibration:
    """Calibration fitted on the validation tiles; the temperature is in the network's last layer already."""

    temperature: float = 1.0
    """Logits are divided by it; above 1 where the network was overconfident."""
    tiles: int = 0
    """Number of validation tiles it was fitted on."""
    thresholds: tuple[float, ...] = ()
    """Largest 1 - p of a class in a prediction set, for each of :data:`LEVELS`; empty if none was fitted."""
    notes: tuple[str, ...] = ()
    """What could not be fitted, a sentence for each."""

    def threshold(self, percent: int) -> float:
        """Largest 1 - p of a class in prediction sets of a level.

        Args:
            percent: Level, per cent.

        Raises:
            InputError: no threshold for that level.
        """
        if not self.thresholds:
            raise InputError("the model", "has no thresholds of prediction sets", "train it again")
        if percent not in LEVELS:
            raise InputError(f"level {percent}", "has no threshold", f"pass {LEVELS[0]} to {LEVELS[-1]} percent")
        return self.thresholds[LEVELS.index(percent)]

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values; thresholds by percent."""
        thresholds = dict(zip(map(str, LEVELS), self.thresholds, strict=False))
        return {**asdict(self), "thresholds": thresholds, "notes": list(self.notes)}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Calibration:
        """The reverse of :meth:`to_json`; an empty record means no calibration.

        Raises:
            InputError: not such a record.
        """
        if not record:
            return cls()
        try:
            thresholds = record["thresholds"]
            found = cls(
                float(record["temperature"]),
                int(record["tiles"]),
                tuple(float(thresholds[str(percent)]) for percent in LEVELS) if thresholds else (),
                tuple(map(str, record["notes"])),
            )
            if not (np.isfinite(found.temperature) and found.temperature > 0 and np.isfinite(found.thresholds).all()):
                raise ValueError("not finite")
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise InputError("the model", "holds a damaged calibration", "copy or train it again") from error
        return found


def tempered(probabilities: NDArray[np.floating[Any]], temperature: float) -> Floats:
    """Probabilities (tiles, classes) of the same logits divided by a temperature.

    >>> tempered(np.array([[0.8, 0.2]]), 2.0).round(3).tolist()
    [[0.667, 0.333]]
    """
    if temperature == 1:
        return np.asarray(probabilities, np.float64)
    return np.asarray(softmax(_logits(probabilities) / temperature, axis=1))


def fit_temperature(probabilities: NDArray[np.floating[Any]], truth: NDArray[np.int64]) -> tuple[float, str]:
    """The temperature of the greatest likelihood, and the reason where none can be fitted and it is 1.

    Args:
        probabilities: (tiles, classes), of a network as it was trained.
        truth: (tiles,), class index.
    """
    if len(truth) < FEW_TILES:
        return 1.0, f"{len(truth)} tiles are too few to fit a temperature"
    logits, rows = _logits(probabilities), np.arange(len(truth))

    def loss(log_temperature: float) -> float:
        return -float(log_softmax(logits / np.exp(log_temperature), axis=1)[rows, truth].mean())

    found = minimize_scalar(loss, bounds=(np.log(_COOLEST), np.log(_HOTTEST)), method="bounded",
                            options={"xatol": 1e-6})  # fmt: skip
    temperature = float(np.exp(found.x))
    if temperature < _COOLEST * 1.01:
        return 1.0, "all validation tiles are classified correctly, so no temperature can be fitted"
    return temperature, ""


def conformal_threshold(probabilities: Floats, truth: NDArray[np.int64], percent: int) -> float:
    """Threshold with which prediction sets of tiles like these contain the true class in ``percent`` of cases.

    It is the k-th smallest of the tiles' 1 - p(true class), k = ceil((n + 1) percent / 100); where there are fewer
    tiles than k it is 1, and sets have all classes.

    >>> conformal_threshold(np.array([[0.75, 0.25], [0.5, 0.5]]), np.array([0, 1]), 50), conformal_threshold(
    ...     np.array([[0.75, 0.25]]), np.array([0]), 60)
    (0.5, 1.0)
    """
    misses = np.sort(1 - probabilities[np.arange(len(truth)), truth])
    k = -(-(len(truth) + 1) * percent // 100)
    return float(misses[k - 1]) if k <= len(truth) else 1.0


def prediction_sets(probabilities: NDArray[np.float64], threshold: float) -> NDArray[np.bool_]:
    """Whether each class is in the prediction set of each row; the likeliest class always is, rows of NaN have none.

    Args:
        probabilities: (rows, classes).
        threshold: Largest 1 - p of a class in the set (:meth:`Calibration.threshold`).

    Returns:
        (rows, classes).

    >>> prediction_sets(np.array([[0.7, 0.2, 0.1], [0.5, 0.5, 0.0], [np.nan] * 3]), 0.8).tolist()
    [[True, True, False], [True, True, False], [False, False, False]]
    >>> prediction_sets(np.array([[0.4, 0.3, 0.3]]), 0.2).tolist()
    [[True, False, False]]
    """
    present = np.asarray(np.isfinite(probabilities).all(axis=1), np.bool_)
    # 1 - p is rounded, and so is a threshold that was computed as one.
    inside = 1 - probabilities <= threshold + 1e-12
    inside[np.arange(len(inside)), np.nan_to_num(probabilities, nan=-1.0).argmax(axis=1)] = True
    return np.asarray(inside & present[:, None])


def fit_calibration(
    probabilities: NDArray[np.floating[Any]], truth: NDArray[np.int64], classes: Sequence[str] = ()
) -> Calibration:
    """Temperature and thresholds of prediction sets, from validation tiles.

    Args:
        probabilities: (tiles, classes), of the network as it was trained.
        truth: (tiles,), class index.
        classes: Their names, for a note on those without a validation tile.
    """
    temperature, note = fit_temperature(probabilities, truth)
    notes = [note] if note else []
    absent = [name for index, name in enumerate(classes) if index not in set(truth.tolist())]
    if absent:
        notes.append(f"no validation tile of {', '.join(absent)}: their calibration is that of the other classes")
    after = tempered(probabilities, temperature)
    thresholds = tuple(conformal_threshold(after, truth, percent) for percent in LEVELS) if len(truth) else ()
    return Calibration(temperature, len(truth), thresholds, tuple(notes))


def cross_fitted(
    probabilities: NDArray[np.floating[Any]], truth: NDArray[np.int64], fold: NDArray[np.int64], percent: int
) -> tuple[Floats, NDArray[np.bool_]]:
    """Calibrated probabilities and prediction sets (tiles, classes), each fold calibrated on the other folds.

    So a calibration can be evaluated on the tiles that it was fitted on.

    Args:
        probabilities: (tiles, classes), of the network as it was trained.
        truth: (tiles,), class index.
        fold: (tiles,), number of each tile's fold; two folds or more.
        percent: Level of the sets.
    """
    after, sets = np.empty(probabilities.shape), np.empty(probabilities.shape, bool)
    for number in np.unique(fold):
        held = fold == number
        temperature, _ = fit_temperature(probabilities[~held], truth[~held])
        after[held] = tempered(probabilities[held], temperature)
        threshold = conformal_threshold(tempered(probabilities[~held], temperature), truth[~held], percent)
        sets[held] = prediction_sets(after[held], threshold)
    return after, sets


def _logits(probabilities: NDArray[np.floating[Any]]) -> Floats:
    """Logarithms of probabilities: logits up to a constant, which softmax ignores."""
    return np.asarray(np.log(np.maximum(probabilities, np.finfo(np.float64).tiny)), np.float64)
