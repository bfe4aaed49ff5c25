"""The fast path: what a frozen body sees in each tile, computed once, and a head fitted on it.

The head is a logistic regression on standardised features. It is written into the layers of the network's own head, so
that what is saved, published and asked is the same network as one trained by epochs.
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
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score

from littoral.errors import InputError, MissingExtraError
from littoral.evaluation import fold_of, rows_of_classes, squares
from littoral.learn.batches import inputs
from littoral.learn.data import TileData
from littoral.learn.network import HIDDEN, Network
from littoral.learn.training import precision
from littoral.progress import Track, silent
from littoral.tiles import TileSet, turned
from littoral.tiles.splits import Ground, region_blocks, touching

try:
    import torch
    from torch import nn
except ImportError as error:
    raise MissingExtraError("learning", "learn") from error

Floats = NDArray[np.float32]
Whole = NDArray[np.int64]

STRENGTHS = tuple(10.0**power for power in range(-5, 2))
"""Of the head, from stiff to loose: scikit-learn's ``C``, the inverse of the penalty on its weights."""
FOLDS = 5
"""Parts of the training tiles that a strength is tried on; whole blocks of ground, or each a region."""
CHOOSING = 8192
"""Most views that strengths are tried with."""
IN_MEMORY = 2**29
"""Bytes of features beyond which they lie in a temporary file."""
_BATCH = 32


@dataclass(frozen=True)
class HeadFit:
    """How a head was fitted."""

    tiles: int
    """Learnt from."""
    turns: int
    """Views of each."""
    strength: float
    """Scikit-learn's ``C``."""
    tried: tuple[tuple[float, float], ...]
    """Each strength and its macro-F1 on training tiles that were left out; empty if the strength was given."""
    folds: int
    """In which they were left out."""

    def __str__(self) -> str:
        text = f"head fitted on {self.tiles} tiles"
        if self.turns > 1:
            text += f", each in {self.turns} turns"
        text += f"; strength {self.strength:g}"
        if self.tried:
            best = dict(self.tried)[self.strength]
            text += f", chosen by macro-F1 {best:.3f} in {self.folds} folds of the training tiles"
        return text


def fit_head(
    network: Network,
    data: TileData,
    *,
    oversample: bool = False,
    turns: bool = False,
    strength: float | None = None,
    track: Track = silent,
) -> HeadFit:
    """Fit the head on the training tiles; the body stays as it is, batch norms too.

    Args:
        network: Its head is replaced, in place.
        data: Tiles and their split; the validation part is not looked at.
        oversample: Classes count alike.
        turns: Learn from the flips and quarter turns of each tile too, as far as its kind allows.
        strength: Scikit-learn's ``C``; None: that of :data:`STRENGTHS` with the best macro-F1 on training tiles that
            are left out, whole regions or blocks of ground at a time. Of equals the stiffest.
        track: Shows progress, a step per tile.

    Raises:
        InputError: a strength that is not positive, more than 256 classes, or one place only to choose a strength in.

    Memory: 8 x channels bytes for each view (100,000 tiles of resnet34: 410 MB); beyond 512 MB in a temporary file,
    of which the system holds what it has room for. Choosing a strength takes twice that of 8,192 views.
    """
    if strength is not None and not (np.isfinite(strength) and strength > 0):
        raise InputError(f"strength {strength}", "is not positive", "pass e.g. 0.01, or none to have it chosen")
    if 2 * data.c > HIDDEN:
        raise InputError(f"{data.c} classes", f"are more than the {HIDDEN // 2} a head has room for", "train by epochs")
    views = data.preprocessing.tile.turns if turns else (0,)
    part = data.split.training
    norm: Any = cast(nn.Sequential, network.head)[2]
    with _array((len(part), len(views), norm.num_features)) as features:
        extract(network, data, part, views, features, track)
        return fit_features(network, data, features, oversample=oversample, strength=strength, track=track)


def fit_features(
    network: Network,
    data: TileData,
    features: Floats,
    *,
    oversample: bool = False,
    strength: float | None = None,
    track: Track = silent,
) -> HeadFit:
    """The second half of :func:`fit_head`.

    Args:
        network: Its head is replaced, in place.
        data: As there.
        features: (training tiles, turns, 2 x channels), as :func:`extract` made them; standardised in place.
        oversample: As there.
        strength: As there.
        track: Shows progress, a step per fold and strength.

    Raises:
        InputError: one place only to choose a strength in.
    """
    part = data.split.training
    targets = data.tiles.targets[part]
    fold = None if strength is not None else folds_of(data.tiles.subset(part), data.split.kind, data.seed)
    if fold is not None and fold.max() < 1:
        raise InputError("the training tiles", "are all of one place, so no strength can be chosen", "pass a strength")
    norm: Any = cast(nn.Sequential, network.head)[2]
    rows = features.reshape(-1, features.shape[2])
    mean, variance = _moments(rows)
    for start in range(0, len(rows), CHOOSING):
        rows[start : start + CHOOSING] -= mean.astype(np.float32)
        rows[start : start + CHOOSING] /= np.sqrt(variance + norm.eps).astype(np.float32)
    tried: tuple[tuple[float, float], ...] = ()
    if fold is not None:
        tried = _try(features, targets, fold, data.tiles.footprints[part], oversample, data, track)
        strength = max(tried, key=lambda one: (round(one[1], 4), -one[0]))[0]
    assert strength is not None
    turns = features.shape[1]
    linear = fit_linear(rows, *_views_of(targets, turns, oversample), strength, data.c)
    write_head(network, mean, variance, *linear)
    return HeadFit(len(part), turns, strength, tried, 0 if fold is None else int(fold.max()) + 1)


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
                        maps = network.body(inputs(np.ascontiguousarray(turned(batch, turn))).to(device))
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
    x: Floats, targets: Whole, weights: Floats, strength: float, classes: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Logistic regression on standardised features: coefficients (classes, features) and intercepts (classes,).

    A class that does not occur gets an intercept that is never the answer. Deterministic.

    Args:
        x: (rows, features).
        targets: (rows,), class index.
        weights: (rows,).
        strength: Scikit-learn's ``C``.
        classes: How many.
    """
    with warnings.catch_warnings():
        # To stop early is to penalise a little more.
        warnings.simplefilter("ignore", ConvergenceWarning)
        model = LogisticRegression(C=strength, max_iter=500).fit(x, targets, weights)
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
    whose difference is ``w x``; what the others say is multiplied by 0 until a later training finds a use for them.

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
    """Macro-F1 of each strength on tiles (upright) of folds that were left out with all that share ground with them."""
    count, turns, _ = features.shape
    some = np.arange(count)
    if count * turns > CHOOSING:
        some = np.sort(np.random.default_rng(data.seed).permutation(count)[: max(CHOOSING // turns, 1)])
    ground = Ground(fold[some], touching(footprints[some]))
    answers = np.full((len(STRENGTHS), len(some)), -1)
    steps = [(held, place) for held in np.unique(fold[some]) for place in range(len(STRENGTHS))]
    held_before = -1
    for held, place in track(steps, len(steps), "choosing the strength"):
        if held != held_before:
            sides = ground.sides(np.arange(int(fold[some].max()) + 1) == held)
            learnt, held_before = some[sides.training], held
            known = features[learnt].reshape(-1, features.shape[2])
            asked = features[some[sides.validation], 0]
            given = _views_of(targets[learnt], turns, oversample)
        if len(np.unique(targets[learnt])) < 2:
            continue
        coefficients, intercepts = fit_linear(known, *given, STRENGTHS[place], data.c)
        answers[place, sides.validation] = (asked @ coefficients.T + intercepts).argmax(axis=1)
    labels = np.unique(targets[some])
    found = [f1_score(targets[some], one, labels=labels, average="macro", zero_division=0) for one in answers]
    return tuple(zip(STRENGTHS, map(float, found), strict=True))


def _views_of(targets: Whole, turns: int, balance: bool) -> tuple[Whole, Floats]:
    """Targets and weights (tiles x turns,): a tile weighs 1 whatever its turns, or all classes alike."""
    weights = np.ones(len(targets))
    if balance:
        weights = 1 / np.bincount(targets)[targets]
        weights /= weights.mean()
    return targets.repeat(turns), (weights / turns).repeat(turns).astype(np.float32)


def _moments(rows: Floats) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and variance (features,) of rows that may lie in a file."""
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
