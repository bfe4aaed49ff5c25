"""Measure how unlike the training tiles a place is, so that an inland car park does not become a confident mangrove.

There are fewer tiles than features, so the space of the network's last features is divided as in probabilistic
principal components (Tipping and Bishop, 1999, Journal of the Royal Statistical Society B 61): a few main directions,
and all the others, in which the training hardly varied. In the main ones the distance is that of Mahalanobis from the
nearest class (Lee and others, 2018, NeurIPS, "A simple unified framework for detecting out-of-distribution samples")
with a shrunk covariance (Ledoit and Wolf, 2004); in the others it is the length of the residual (Wang and others, 2022,
CVPR, "ViM"). Each is divided by its median over tiles left out of the fit, and the larger one is the score: in their
sum a place between the classes would be hidden by the many other directions. Nearest neighbours (Sun and others, 2022,
ICML) would do as well, but their record is the training itself.

Of a network's features the square roots are to be taken first: what a rectifier lets through is skewed, and roots are
nearer to the normal distribution that these distances take for granted (Tukey's ladder; Yang and others, 2021, ICLR,
"Free lunch for few-shot learning").

What is usual, and the thresholds, are quantiles of tiles left out in turn: of tiles that were fitted, distances are too
small. Whole places are left out, as the tiles of a place are near or far together. Of a new place that is like n of the
training, the chance to hold the farthest tile of all is one in n + 1, however many tiles there are: no threshold of a
few places keeps 1 %, and the record says how many there were. On real coasts (``docs/figures/real-coasts.md``) those of
ten places let pass 96 of 100 rectangles of unseen shore, and found 7 of 35 inland squares; no other score that was
tried does better in all.
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
"""Per cent of places like the training that a threshold lets pass."""
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
    """Learn what the training looks like.

    Args:
        features: (tiles, features) of the network's last layer before its answer.
        labels: (tiles,) the class of each; None: one for all.
        groups: (tiles,) the place of each: whole places are left out in turn, as tiles that share ground are more alike
            than an unseen coast. None: tiles are drawn, with seed 0.
        unseen: (others, features) of places that the network has not learnt from, either: it knows its training by
            heart, and so what is like it looks a little further away than tiles left out here. Of the two thresholds
            the larger one counts.

    Returns:
        A record of plain values, at most 200 kB as JSON; :func:`novelty` reads it.

    Raises:
        InputError: fewer than 20 tiles, or features that are no numbers.
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
    # Where no direction is left over, rounding must not count.
    least = 1e-4 * np.square(values - values.mean(axis=0)).sum(axis=1).mean()
    usual = np.maximum(np.median(left_out, axis=0), [1e-9, max(least, 1e-9)])
    record: dict[str, Any] = {name: _text(value) for name, value in {**_fitted(values, kind), "usual": usual}.items()}
    record["places"] = many
    known = [(left_out / usual).max(axis=1)] + ([] if unseen is None else [novelty_of(record, unseen)])
    # A tile that sets a threshold must not be beyond it by the last digits of another engine.
    record["thresholds"] = {str(level): 1.001 * max(_quantile(each, level) for each in known) for level in LEVELS}
    return record


def novelty_of(record: Mapping[str, Any], features: NDArray[np.floating[Any]]) -> Numbers:
    """Distance (tiles,) from the training, about 1 where it is usual; compare with :func:`novelty_threshold`.

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
    """The distance beyond which a place is unlike the training.

    Raises:
        InputError: no such level.
    """
    thresholds = record.get("thresholds", {})
    if str(level) not in thresholds:
        raise InputError(f"the level {level} %", "has no threshold", f"choose one of {', '.join(thresholds) or 'none'}")
    return float(thresholds[str(level)])


def novelty_places(record: Mapping[str, Any]) -> int:
    """By how many places the thresholds are: 0 where tiles were drawn one by one, or the record does not say."""
    places = record.get("places", 0)
    return places if isinstance(places, int) and places > 0 else 0


def _quantile(distances: Numbers, level: int) -> float:
    """That of tiles like these no more than 1 - level exceed, as in conformal prediction; of too few tiles for that the
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
    """(tiles, 2): squared Mahalanobis distance in the main directions, squared length of what is left over."""
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
