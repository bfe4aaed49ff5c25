"""A classifier judged on tiles: its own validation part, others that it has not seen, or folds of its own."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import shapely
from numpy.typing import NDArray

from littoral.errors import InputError
from littoral.evaluation import (
    Answers,
    Baselines,
    Calibration,
    Folds,
    Record,
    band_statistics,
    before_calibration,
    fit_calibration,
    fold_tiles,
    ground_blocks,
    judge,
    pooled,
    squares,
    tempered,
)
from littoral.imagery import same_scaling
from littoral.learn.band_selection import with_bands
from littoral.learn.data import TileData
from littoral.learn.data.statistics import measured
from littoral.learn.network.temperature import divide_logits
from littoral.learn.recipe import must_be_whole, repeat
from littoral.learn.training import is_first_process
from littoral.package import Manifest
from littoral.progress import Track, silent
from littoral.tiles import TileSet, ground_pairs, read_tiles, split_tiles, turned
from littoral.tiles.splits import Kind

if TYPE_CHECKING:
    from littoral.learn.feature_classifier import FeatureClassifier

BATCH = 32
"""Tiles per forward pass: memory is bounded by it."""

Floats = NDArray[np.float64]


def answers(
    model: FeatureClassifier, tiles: TileSet, track: Track = silent, *, tta: bool = False
) -> tuple[Floats, Floats]:
    """Probabilities (tiles, classes) and band statistics (tiles, 2 x bands); ``tta``: the mean of a tile's flips and
    turns, as far as its kind allows.

    Memory: :data:`BATCH` tiles, and 8 bytes for each number returned.
    """
    turns = model.manifest.preprocessing.tile.turns if tta else (0,)
    probabilities, statistics, batch = [], [], []
    for position in track(range(len(tiles)), len(tiles), "scoring tiles"):
        values, valid = tiles.read(position)
        statistics.append(band_statistics(values, valid))
        batch.append(model.manifest.preprocessing.apply(values, valid))
        if len(batch) == BATCH or position == len(tiles) - 1:
            stacked = np.stack(batch)
            views = [model.predict_inputs(np.ascontiguousarray(turned(stacked, turn))) for turn in turns]
            probabilities.append(np.mean(views, axis=0))
            batch.clear()
    return np.concatenate(probabilities), np.stack(statistics)


def calibrate(model: FeatureClassifier, data: TileData) -> Floats:
    """Fit temperature and thresholds on the validation tiles and put the temperature in the last layer.

    The network must be as it was trained.

    Returns:
        Its probabilities (validation tiles, classes) as it was.
    """
    tiles = data.tiles.subset(data.split.validation)
    probabilities = answers(model, tiles)[0]
    calibration = fit_calibration(probabilities, tiles.targets, data.classes)
    divide_logits(model.network, calibration.temperature)
    model.manifest = replace(model.manifest, calibration=calibration.to_json())
    return probabilities


def uncalibrate(model: FeatureClassifier) -> None:
    """Take the temperature out of the last layer again, to train on."""
    divide_logits(model.network, 1 / Calibration.from_json(model.manifest.calibration).temperature)
    model.manifest = replace(model.manifest, calibration={})


def judge_validation(
    model: FeatureClassifier, data: TileData, uncalibrated: Floats | None = None, track: Track = silent
) -> Record:
    """Scores of the validation part.

    Temperature and sets were fitted on these very tiles; so that they are not judged by what they were fitted on, each
    fold of the part's blocks is calibrated anew by the others (:class:`littoral.evaluation.Answers`).

    Args:
        model: The model.
        data: What it was trained on.
        uncalibrated: What :func:`calibrate` returned, if the tiles need not be read again.
        track: Shows progress.
    """
    part, calibration = data.split.validation, Calibration.from_json(model.manifest.calibration)
    if uncalibrated is None:
        uncalibrated = before_calibration(answers(model, data.tiles.subset(part), track)[0], calibration)
    given = Answers(
        data.tiles.targets[part],
        tempered(uncalibrated, calibration.temperature),
        uncalibrated,
        _simple(model.manifest, data.statistics[part]),
        ground_blocks(data.tiles, data.split).subset(part),
    )
    given = given.calibrated_by_each_other(calibration, model.manifest.seed, squares(data.tiles).subset(part))
    return _record(model.manifest, given, set_aside=len(data.split.set_aside))


def judge_unseen(
    model: FeatureClassifier,
    tiles: TileSet | str | Path | Iterable[str | Path],
    *,
    allow_seen: bool,
    tta: bool = False,
    track: Track = silent,
) -> Record:
    """Scores of other tiles; those that share ground with training tiles are set aside unless ``allow_seen``.

    ``tta``: of the mean answer to the flips and turns of each.

    Raises:
        InputError: tiles the model cannot read, or none that it has not seen.
    """
    given = tiles if isinstance(tiles, TileSet) else read_tiles(tiles, track=track)
    if set(own := model.manifest.preprocessing.tile.bands) < set(given.bands):
        given = with_bands(given, own)
    check(model.manifest, given)
    chosen, aside, other = _unseen(model.manifest, given, allow_seen)
    found = _answered(model, chosen, track, tta=tta).calibrated_by(Calibration.from_json(model.manifest.calibration))
    return _record(model.manifest, found, set_aside=aside, other_classes=other)


def judge_folds(model: FeatureClassifier, data: TileData, folds: Folds, track: Track = silent) -> Record:
    """Scores of every fold, by a network trained anew without it and without the ground it shares.

    Each is made as the model was made (:mod:`littoral.learn.recipe`), with a validation part of its own for the best
    epoch and the calibration, so the fold held out is not seen before it is scored.

    Returns:
        The record of all tiles together, and ``each`` fold's.

    Raises:
        InputError: a model that was loaded, folds that leave too little to learn from.
    """
    must_be_whole(model._recipe)
    parts, blocks = fold_tiles(data.tiles, folds, seed=data.seed, block_km=data.split.block_km or None)
    found, each = [], []
    for fold in track(parts, len(parts), "training folds"):
        if is_first_process():
            print(
                f"fold {fold.name}: {len(fold.held)} tiles held out, {fold.set_aside} set aside beside them", flush=True
            )
        other = repeat(type(model), model._recipe, _without(data, fold.learnt, fold.name))
        held = data.tiles.subset(fold.held)
        given = replace(_answered(other, held, silent), blocks=blocks.subset(fold.held))
        given = given.calibrated_by(Calibration.from_json(other.manifest.calibration))
        each.append({"name": fold.name, **_record(other.manifest, given, set_aside=fold.set_aside)})
        found.append(given)
    everything = pooled(found, blocks.subset(np.concatenate([fold.held for fold in parts])))
    kind = "regions left out one at a time" if folds == "region" else f"{len(parts)} folds of whole {blocks.unit}"
    method = f"{kind}; a network trained anew for each, on tiles that share no ground with it"
    record = judge(everything, data.categories, data.seed)
    counts = {"tiles": len(everything.truth), "set_aside": 0, "other_classes": 0, "split": method, "method": method}
    return Record({**counts, **record, "each": each})


def check(manifest: Manifest, tiles: TileSet) -> None:
    """
    Raises:
        InputError: tiles of other bands or values than the model's, or smaller than its input.
    """
    given = manifest.preprocessing
    if tiles.bands != given.tile.bands:
        raise InputError(
            "the tiles",
            f"have bands {', '.join(tiles.bands)}, the model {', '.join(given.tile.bands)}",
            "export them with --bands as the model's",
        )
    kept, trained = (tiles.pixels, tiles.dtype), (given.pixels, given.dtype)
    if not same_scaling(kept, trained):
        raise InputError(
            "the tiles",
            f"hold {kept[1]} values ({kept[0]}) where the model was trained on {trained[1]} ({trained[0]})",
            "export them as the training tiles were",
        )
    scale = given.resize_px / given.tile.size_px if given.resize_px else 1
    if (side := round(tiles.size_px * scale)) < given.chip_px:
        raise InputError(
            "the tiles", f"show {side} pixels a side where the model needs {given.chip_px}", "cut larger tiles"
        )


def _answered(model: FeatureClassifier, tiles: TileSet, track: Track, *, tta: bool = False) -> Answers:
    manifest = model.manifest
    codes = [category.code for category in manifest.categories]
    truth = np.array([codes.index(int(code)) for code in tiles.codes])
    probabilities, statistics = answers(model, tiles, track, tta=tta)
    return Answers(
        truth,
        probabilities,
        before_calibration(probabilities, Calibration.from_json(manifest.calibration)),
        _simple(manifest, statistics),
        ground_blocks(tiles),
    )


def _simple(manifest: Manifest, statistics: Floats) -> dict[str, Floats]:
    """Probabilities of each baseline; another program's model comes without any."""
    return Baselines.from_json(manifest.baselines).predict(statistics) if manifest.baselines else {}


def _record(manifest: Manifest, given: Answers, *, set_aside: int, other_classes: int = 0) -> Record:
    calibration = Calibration.from_json(manifest.calibration)
    record = judge(given, manifest.categories, manifest.seed)
    record["calibration"] |= {"temperature": calibration.temperature, "notes": list(calibration.notes)}
    counts = {"tiles": len(given.truth), "set_aside": set_aside, "other_classes": other_classes}
    return Record({**counts, "split": manifest.split, **record})


def _unseen(manifest: Manifest, tiles: TileSet, allow_seen: bool) -> tuple[TileSet, int, int]:
    """Tiles of known classes on ground the model has not seen; how many were set aside, how many are unknown."""
    known = np.isin(tiles.codes, [category.code for category in manifest.categories])
    seen = np.zeros(len(tiles), bool)
    if manifest.training_area and not allow_seen:
        area = shapely.get_parts(shapely.from_wkt(manifest.training_area))
        seen[ground_pairs(tiles.footprints, area)[0]] = True
    if not known.any():
        raise InputError("the tiles", "are of no class the model knows", "evaluate on tiles of its classes")
    if not (known & ~seen).any():
        raise InputError(
            "the tiles",
            "all share ground with the model's training tiles",
            "evaluate on another place, or pass --allow-seen for a score that flatters",
        )
    return tiles.subset(known & ~seen), int((known & seen).sum()), int((~known).sum())


def _without(data: TileData, learnt: NDArray[np.int64], fold: str) -> TileData:
    """The data that a fold leaves: split as the whole was, measured on its own training part."""
    tiles, split = data.tiles.subset(learnt), data.split
    share = len(split.validation) / (len(split.validation) + len(split.training))
    parts = split_tiles(tiles, share, kind=cast(Kind, split.kind), seed=data.seed, block_km=split.block_km or None)
    if len(np.unique(tiles.targets[parts.training])) < 2:
        raise InputError(
            f"fold {fold}", "leaves fewer than two classes to learn from", "pass other folds or more tiles"
        )
    statistics, preprocessing = measured(tiles, parts.training, data.preprocessing, silent)
    return replace(data, tiles=tiles, split=parts, preprocessing=preprocessing, statistics=statistics)
