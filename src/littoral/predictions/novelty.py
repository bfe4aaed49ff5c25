"""Novelty: how far a tile's features are from those of the training tiles (out-of-distribution detection).

There are fewer tiles than features, so the space of the network's last features is divided as in probabilistic
principal components (Tipping and Bishop, 1999, Journal of the Royal Statistical Society B 61): a few principal
directions, and the others, in which the training features hardly vary. In the principal directions the distance is the
Mahalanobis distance from the nearest class (Lee and others, 2018, NeurIPS, "A simple unified framework for detecting
out-of-distribution samples") with a shrunk covariance (Ledoit and Wolf, 2004); in the others it is the length of the
residual (Wang and others, 2022, CVPR, "ViM"). Each is divided by its median over tiles left out of the fit, and the
larger one is the score; in their sum, a tile between the classes would be hidden by the many other directions. Nearest
neighbours (Sun and others, 2022, ICML) do as well, but would need all training features in the package.

Square roots of the network's features are taken first: features after a rectifier are skewed, and their roots are
closer to the normal distribution that these distances assume (Tukey's ladder; Yang and others, 2021, ICLR, "Free lunch
for few-shot learning").

Medians and thresholds are quantiles over tiles left out in turn (cross-validation), because distances of fitted tiles
are too small. Whole places are left out, because tiles of one place have similar distances. A new place that is like
the n training places has the largest distance of all with probability 1 / (n + 1), however many tiles there are. So
with few places the false alarms exceed 1 %, and the record has the number of places. On real coasts
(``docs/figures/real-coasts.md``) thresholds of ten places accepted 96 of 100 rectangles of unseen shore and rejected 7
of 35 inland squares; no other score that was tried did better overall.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.covariance import ledoit_wolf
from sklearn.model_selection import GroupKFold, KFold

from littoral.errors import InputError

Numbers = NDArray[np.float64]

LEVELS = (95, 99)
"""Levels of the thresholds: per cent of places like the training with a smaller distance."""
_MOST_DIRECTIONS, _MOST_VALUES = 32, 30_000
"""Of the record: 30,000 values of 4 bytes are 160 KB as text."""
_FOLDS = 5
_FEWEST = 20


def signed_sqrt(features: NDArray[np.floating[Any]]) -> Numbers:
    """Square roots that keep the sign, for a network's features before :func:`fit_novelty` and :func:`novelty_of`.

    >>> signed_sqrt(np.array([[4.0, -9.0]])).tolist()
    [[2.0, -3.0]]
    """
    values = np.asarray(features, np.float64)
    return np.asarray(np.sign(values) * np.sqrt(np.abs(values)))


def fit_novelty(
    features: NDArray[np.floating[Any]],
    labels: NDArray[Any] | None = None,
    groups: NDArray[Any] | None = None,
    unseen: NDArray[np.floating[Any]] | None = None,
) -> dict[str, Any]:
    """Fit the distribution of the training features.

    Args:
        features: (tiles, features) of the network's last layer before the classifier.
        labels: (tiles,) the class of each; None: all of one class.
        groups: (tiles,) the place of each; whole places are left out in turn, because tiles that share ground are more
            similar than those of an unseen coast. None: random tiles are left out, with seed 0.
        unseen: (others, features) of places that the network was not trained on. Its features of training tiles are
            overfitted, so distances of new places are a little larger than of tiles left out here. The larger of the
            two thresholds is used.

    Returns:
        A record of plain values, at most 200 kB as JSON, for :func:`novelty_of`.

    Raises:
        InputError: fewer than 20 tiles, or features that are not finite.
    """
    values = np.asarray(features, np.float64)
    if values.ndim != 2 or len(values) < _FEWEST or not np.isfinite(values).all():
        raise InputError(
            f"features of shape {values.shape}", "are not finite numbers of 20 tiles or more", "train on more tiles"
        )
    kind = np.zeros(len(values), np.int64) if labels is None else np.unique(np.asarray(labels), return_inverse=True)[1]
    places = None if groups is None else np.unique(np.asarray(groups), return_inverse=True)[1]
    left_out = np.empty((len(values), 2))
    many = 0 if places is None else int(places.max()) + 1
    many = many if many > 1 else 0
    folds = GroupKFold(min(_FOLDS, many)) if many else KFold(_FOLDS, shuffle=True, random_state=0)
    for train, test in folds.split(values, groups=places if many else None):
        left_out[test] = _distances(_fitted(values[train], kind[train]), values[test])
    # With no direction left over, the residual is rounding error only.
    least = 1e-4 * np.square(values - values.mean(axis=0)).sum(axis=1).mean()
    usual = np.maximum(np.median(left_out, axis=0), [1e-9, max(least, 1e-9)])
    record: dict[str, Any] = {name: _text(value) for name, value in {**_fitted(values, kind), "usual": usual}.items()}
    record["places"] = many
    known = [(left_out / usual).max(axis=1)] + ([] if unseen is None else [novelty_of(record, unseen)])
    # The tile that sets a threshold must stay below it with another engine's rounding.
    record["thresholds"] = {str(level): 1.001 * max(_quantile(each, level) for each in known) for level in LEVELS}
    return record


def novelty_of(record: Mapping[str, Any], features: NDArray[np.floating[Any]]) -> Numbers:
    """Distance (tiles,) from the training features, about 1 for typical tiles; compare with :func:`novelty_threshold`.

    Raises:
        InputError: a damaged record, or features of another network.
    """
    try:
        fitted = {name: _array(record[name]) for name in ("mean", "directions", "centres", "precision", "usual")}
    except (KeyError, TypeError, ValueError) as error:
        raise InputError("the record of the training's features", f"is damaged ({error})", "train again") from error
    values = np.asarray(features, np.float64)
    if values.ndim != 2 or values.shape[1] != len(fitted["mean"]):
        raise InputError(
            f"features of shape {values.shape}", f"are not the {len(fitted['mean'])} of the training", "use its network"
        )
    return np.asarray((_distances(fitted, values) / fitted["usual"]).max(axis=1))


def novelty_threshold(record: Mapping[str, Any], level: int = 99) -> float:
    """The distance above which a tile is unlike the training.

    Raises:
        InputError: no such level.
    """
    thresholds = record.get("thresholds", {})
    if str(level) not in thresholds:
        raise InputError(f"the level {level} %", "has no threshold", f"choose one of {', '.join(thresholds) or 'none'}")
    return float(thresholds[str(level)])


def novelty_places(record: Mapping[str, Any]) -> int:
    """Number of places that the thresholds were fitted on; 0 if single tiles were left out or it is not recorded."""
    places = record.get("places", 0)
    return places if isinstance(places, int) and places > 0 else 0


def _quantile(distances: Numbers, level: int) -> float:
    """Distance that at most 1 - level of similar tiles exceed, as in conformal prediction; with too few tiles the
    largest."""
    ordered = np.sort(distances)
    return float(ordered[min(int(np.ceil((len(ordered) + 1) * level / 100)), len(ordered)) - 1])


def _fitted(values: Numbers, kind: NDArray[np.int64]) -> dict[str, Numbers]:
    """Mean (features,), directions (some, features), centres (classes, some), precision (some, some)."""
    tiles, size = values.shape
    mean = values.mean(axis=0)
    centred = values - mean
    _, spread, directions = np.linalg.svd(centred, full_matrices=False)
    some = max(
        1, min(_MOST_DIRECTIONS, _MOST_VALUES // size - 1, tiles // 5, int((spread > 1e-9 * spread.max()).sum()))
    )
    directions = directions[:some]
    inner = centred @ directions.T
    present, of = np.unique(kind, return_inverse=True)
    centres = np.stack([inner[of == each].mean(axis=0) for each in range(len(present))])
    covariance = ledoit_wolf(inner - centres[of], assume_centered=True)[0]
    # A spread of zero would make any difference infinite.
    covariance += np.eye(some) * max(1e-6 * np.trace(covariance) / some, 1e-12)
    return {"mean": mean, "directions": directions, "centres": centres, "precision": np.linalg.inv(covariance)}


def _distances(fitted: Mapping[str, Numbers], values: Numbers) -> Numbers:
    """(tiles, 2): squared Mahalanobis distance in the main directions, squared length of the residual."""
    centred = values - fitted["mean"]
    inner = centred @ fitted["directions"].T
    outside = np.maximum(np.square(centred).sum(axis=1) - np.square(inner).sum(axis=1), 0.0)
    gap = inner[:, None] - fitted["centres"]
    inside = np.einsum("nki,ij,nkj->nk", gap, fitted["precision"], gap).min(axis=1)
    return np.column_stack([inside, outside])


def _text(values: Numbers) -> dict[str, Any]:
    return {"shape": list(values.shape), "float32": base64.b64encode(values.astype("<f4").tobytes()).decode("ascii")}


def _array(content: Mapping[str, Any]) -> Numbers:
    values = np.frombuffer(base64.b64decode(content["float32"], validate=True), "<f4")
    return values.reshape(content["shape"]).astype(np.float64)
