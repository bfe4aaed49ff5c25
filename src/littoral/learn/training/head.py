"""Fitting a head on features that a frozen body computes once for each tile.

The head is a logistic regression on standardised features. It is written into the layers of the network's own head, so
that a model trained this way is the same network as one trained in epochs.
"""

from __future__ import annotations

import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score
from torch import nn

from littoral.errors import InputError
from littoral.evaluation import fold_of, rows_of_classes, squares
from littoral.learn.data import TileData
from littoral.learn.network import HIDDEN, Network, precision
from littoral.learn.network.building import channels_last
from littoral.progress import Track, silent
from littoral.tiles import TileSet, turned
from littoral.tiles.splits import Ground, region_blocks, touching

Floats = NDArray[np.float32]
Whole = NDArray[np.int64]

REGULARISATIONS = tuple(10.0**power for power in range(-5, 2))
"""Inverse regularisation strengths (scikit-learn's ``C``) to choose from, from the strongest regularisation on."""
FOLDS = 5
"""Folds of the training tiles by which C is chosen: whole blocks of ground, or regions."""
CHOOSING = 8192
"""Most views of tiles that C is chosen on."""
IN_MEMORY = 2**29
"""Bytes of features above which they are held in a temporary file."""
_BATCH = 32


@dataclass(frozen=True)
class HeadFit:
    """How a head was fitted."""

    tiles: int
    """Training tiles."""
    turns: int
    """Views (flips and quarter turns) of each tile."""
    c: float
    """Inverse regularisation strength, scikit-learn's ``C``."""
    tried: tuple[tuple[float, float], ...]
    """Each C and its macro-F1 on training tiles that were left out; empty if C was given."""
    folds: int
    """Folds in which they were left out."""

    def __str__(self) -> str:
        text = f"head fitted on {self.tiles} tiles"
        if self.turns > 1:
            text += f", each in {self.turns} turns"
        text += f"; C {self.c:g}"
        if self.tried:
            best = dict(self.tried)[self.c]
            text += f", chosen by macro-F1 {best:.3f} in {self.folds} folds of the training tiles"
        return text


def fit_head(
    network: Network,
    data: TileData,
    *,
    oversample: bool = False,
    flips: bool = False,
    c: float | None = None,
    track: Track = silent,
) -> HeadFit:
    """Fit the head on the training tiles, in place; the body stays as it is, batch norms too.

    Args:
        network: Its head is replaced.
        data: Tiles and their split; the validation tiles are not used.
        oversample: Let all classes weigh the same.
        flips: Train on the flips and quarter turns of each tile too, those that its kind allows.
        c: Inverse regularisation strength, scikit-learn's ``C``; None: that of :data:`REGULARISATIONS` with the best
            macro-F1 on training tiles that are left out, whole regions or blocks of ground at a time. Of equals the
            smallest.
        track: Shows progress, a step per tile.

    Raises:
        InputError: a C that is not positive, more than 256 classes, or tiles of one place only to choose C on.

    Memory: 8 x channels bytes for each view (100,000 tiles of resnet34: 410 MB); above 512 MB in a temporary file,
    of which the system caches what it has room for. Choosing C takes twice that of 8,192 views.
    """
    if c is not None and not (np.isfinite(c) and c > 0):
        raise InputError(f"regularisation C {c}", "is not positive", "pass e.g. 0.01, or none to have it chosen")
    if 2 * data.c > HIDDEN:
        raise InputError(f"{data.c} classes", f"are more than the {HIDDEN // 2} a head has room for", "train in epochs")
    views = data.preprocessing.tile.turns if flips else (0,)
    part = data.split.training
    norm: Any = cast(nn.Sequential, network.head)[2]
    with _array((len(part), len(views), norm.num_features)) as features:
        extract(network, data, part, views, features, track)
        return fit_features(network, data, features, oversample=oversample, c=c, track=track)


def fit_features(
    network: Network,
    data: TileData,
    features: Floats,
    *,
    oversample: bool = False,
    c: float | None = None,
    track: Track = silent,
) -> HeadFit:
    """Choose C and fit the head on computed features.

    Args:
        network: Its head is replaced, in place.
        data: As in :func:`fit_head`.
        features: (training tiles, turns, 2 x channels), as :func:`extract` made them; standardised in place.
        oversample: As in :func:`fit_head`.
        c: As in :func:`fit_head`.
        track: Shows progress, a step per fold and C.

    Raises:
        InputError: tiles of one place only to choose C on.
    """
    part = data.split.training
    targets = data.tiles.targets[part]
    fold = None if c is not None else folds_of(data.tiles.subset(part), data.split.kind, data.seed)
    if fold is not None and fold.max() < 1:
        raise InputError(
            "the training tiles", "are all of one place, so C cannot be chosen on them", "pass C (--regularisation-c)"
        )
    norm: Any = cast(nn.Sequential, network.head)[2]
    rows = features.reshape(-1, features.shape[2])
    mean, variance = _moments(rows)
    for start in range(0, len(rows), CHOOSING):
        rows[start : start + CHOOSING] -= mean.astype(np.float32)
        rows[start : start + CHOOSING] /= np.sqrt(variance + norm.eps).astype(np.float32)
    tried: tuple[tuple[float, float], ...] = ()
    if fold is not None:
        tried = _try(features, targets, fold, data.tiles.footprints[part], oversample, data, track)
        c = max(tried, key=lambda one: (round(one[1], 4), -one[0]))[0]
    assert c is not None
    turns = features.shape[1]
    linear = fit_linear(rows, *_views_of(targets, turns, oversample), c, data.c)
    write_head(network, mean, variance, *linear)
    return HeadFit(len(part), turns, c, tried, 0 if fold is None else int(fold.max()) + 1)


def extract(
    network: Network, data: TileData, part: Whole, turns: tuple[int, ...], out: Floats, track: Track = silent
) -> None:
    """Features of tiles, as the network's pooling makes them, into ``out`` (tiles, turns, 2 x channels): maxima, then
    means. In bf16 where the processor has it, else in 32 bits; the body's batch norms use their stored statistics.

    Args:
        network: Body and pooling.
        data: Whose tiles.
        part: (tiles,), positions.
        turns: 0 to 7, see :func:`littoral.tiles.turned`.
        out: Written to.
        track: Shows progress, a step per tile.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    kind = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}.get(precision())
    network.to(memory_format=torch.channels_last)
    network.to(device).eval()
    pool = cast(nn.Sequential, network.head)[:2]
    tiles: list[Floats] = []
    first = 0
    try:
        with torch.inference_mode():
            for number, position in enumerate(track(part, len(part), "computing features")):
                tiles.append(data.preprocessing.apply(*data.tiles.read(int(position))))
                if len(tiles) < _BATCH and number < len(part) - 1:
                    continue
                batch = np.stack(tiles)
                for place, turn in enumerate(turns):
                    with torch.autocast(device, kind, enabled=kind is not None):
                        maps = network.body(channels_last(np.ascontiguousarray(turned(batch, turn))).to(device))
                    out[first : number + 1, place] = pool(maps.float()).cpu().numpy()
                tiles, first = [], number + 1
    finally:
        network.cpu()


def folds_of(tiles: TileSet, kind: str, seed: int) -> Whole:
    """(tiles,), fold of each from 0: a region each where the split is by region, else whole blocks of ground."""
    if kind != "region":
        return fold_of(squares(tiles).of, tiles.targets, FOLDS, seed)
    block = np.unique(region_blocks(tiles)[1], return_inverse=True)[1]
    return np.asarray(block, np.int64) if block.max() < 3 * FOLDS else fold_of(block, tiles.targets, FOLDS, seed)


def fit_linear(
    x: Floats, targets: Whole, weights: Floats, c: float, classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logistic regression on standardised features: coefficients (classes, features) and intercepts (classes,).

    A class that does not occur gets an intercept with which it is never predicted. Deterministic.

    Args:
        x: (rows, features).
        targets: (rows,), class index.
        weights: (rows,).
        c: Scikit-learn's ``C``.
        classes: Number of classes.
    """
    with warnings.catch_warnings():
        # Stopping early is like a little more regularisation.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=c, max_iter=500).fit(x, targets, weights)
    return rows_of_classes(model, classes, -1e4)


def write_head(
    network: Network,
    mean: NDArray[np.float64],
    variance: NDArray[np.float64],
    coefficients: NDArray[np.float64],
    intercepts: NDArray[np.float64],
) -> None:
    """Make the head compute ``coefficients @ (x - mean) / sqrt(variance + eps) + intercepts``, to rounding.

    Its first batch norm standardises. Of the 512 hidden units two are a class's, ``relu(w x)`` and ``relu(-w x)``,
    whose difference is ``w x``; the other units are multiplied by 0, and later training may use them.

    Args:
        network: Of at most 256 classes.
        mean: (features,).
        variance: (features,).
        coefficients: (classes, features), of standardised features.
        intercepts: (classes,).
    """
    layers: list[Any] = list(cast(nn.Sequential, network.head))
    _, _, first, _, hidden, _, second, _, last = layers
    classes = len(intercepts)
    signed = np.concatenate([coefficients, -coefficients])
    recombined = np.concatenate([np.eye(classes), -np.eye(classes)], axis=1)
    with torch.no_grad():
        for norm in (first, second):
            norm.reset_parameters()
        first.running_mean.copy_(torch.from_numpy(mean))
        first.running_var.copy_(torch.from_numpy(variance))
        second.running_var.fill_(1 - second.eps)
        hidden.weight[: 2 * classes] = torch.from_numpy(signed).float()
        hidden.bias.zero_()
        last.weight.zero_()
        last.weight[:, : 2 * classes] = torch.from_numpy(recombined).float()
        last.bias.copy_(torch.from_numpy(intercepts))


def _try(
    features: Floats,
    targets: Whole,
    fold: Whole,
    footprints: NDArray[np.object_],
    oversample: bool,
    data: TileData,
    track: Track,
) -> tuple[tuple[float, float], ...]:
    """Macro-F1 of each C on upright tiles of folds, each left out with all tiles that share ground with it."""
    count, turns, _ = features.shape
    some = np.arange(count)
    if count * turns > CHOOSING:
        some = np.sort(np.random.default_rng(data.seed).permutation(count)[: max(CHOOSING // turns, 1)])
    ground = Ground(fold[some], touching(footprints[some]))
    predicted = np.full((len(REGULARISATIONS), len(some)), -1)
    steps = [(held, place) for held in np.unique(fold[some]) for place in range(len(REGULARISATIONS))]
    held_before = -1
    for held, place in track(steps, len(steps), "choosing the regularisation"):
        if held != held_before:
            sides = ground.sides(np.arange(int(fold[some].max()) + 1) == held)
            learnt, held_before = some[sides.training], held
            seen = features[learnt].reshape(-1, features.shape[2])
            held_out = features[some[sides.validation], 0]
            given = _views_of(targets[learnt], turns, oversample)
        if len(np.unique(targets[learnt])) < 2:
            continue
        coefficients, intercepts = fit_linear(seen, *given, REGULARISATIONS[place], data.c)
        predicted[place, sides.validation] = (held_out @ coefficients.T + intercepts).argmax(axis=1)
    labels = np.unique(targets[some])
    found = [f1_score(targets[some], one, labels=labels, average="macro", zero_division=0) for one in predicted]
    return tuple(zip(REGULARISATIONS, map(float, found), strict=True))


def _views_of(targets: Whole, turns: int, balance: bool) -> tuple[Whole, Floats]:
    """Targets and weights (tiles x turns,): each tile weighs the same, or each class."""
    weights = np.ones(len(targets))
    if balance:
        weights = 1 / np.bincount(targets)[targets]
        weights /= weights.mean()
    return targets.repeat(turns), (weights / turns).repeat(turns).astype(np.float32)


def _moments(rows: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance (features,) of rows that may be in a file."""
    parts = range(0, len(rows), CHOOSING)
    mean = sum(rows[start : start + CHOOSING].sum(axis=0, dtype=np.float64) for start in parts) / len(rows)
    squares = sum(((rows[start : start + CHOOSING] - mean) ** 2).sum(axis=0) for start in parts)
    return np.asarray(mean, np.float64), np.asarray(squares / len(rows), np.float64)


@contextmanager
def _array(shape: tuple[int, ...]) -> Iterator[Floats]:
    """An array in memory, or in a temporary file if it is large."""
    if 4 * int(np.prod(shape)) <= IN_MEMORY:
        yield np.empty(shape, np.float32)
        return
    with tempfile.TemporaryDirectory(prefix="littoral-") as folder:
        held: Any = np.memmap(Path(folder) / "features", np.float32, "w+", shape=shape)
        yield held
        del held
