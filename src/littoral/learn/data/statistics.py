"""Band statistics of each tile, and mean and standard deviation of the training tiles."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from littoral.errors import InputError, LittoralWarning
from littoral.evaluation import band_statistics
from littoral.package import Preprocessing
from littoral.progress import Track
from littoral.tiles import TileSet

_MOST_NAMED = 20


def measured(tiles: TileSet, training: NDArray[np.int64], draft: Preprocessing, track: Track
             ) -> tuple[NDArray[np.float64], Preprocessing]:  # fmt: skip
    """Band statistics (tiles, 2 x bands) of every tile as it was cut, and the preprocessing with mean and standard
    deviation of each band over the training tiles' valid pixels, after resizing.

    Raises:
        InputError: a tile that cannot be read or has no valid pixel, or a band of one value.
    """
    bands = len(tiles.bands)
    statistics = np.zeros((len(tiles), 2 * bands))
    count, total, squares = 0, np.zeros(bands), np.zeros(bands)
    for_training = np.zeros(len(tiles), bool)
    for_training[training] = True
    for position in track(range(len(tiles)), len(tiles), "measuring tiles"):
        values, valid = tiles.read(position)
        resized, usable = draft.resized(values, valid)
        if not usable.any():
            raise InputError(
                tiles.name(position),
                "has no valid pixel",
                "take it out of the set (out of map.txt), or leave such tiles out with --unreadable skip "
                '(unreadable="skip")',
            )
        statistics[position] = band_statistics(values, valid)
        if for_training[position]:
            pixels = resized[:, usable].astype(np.float64)
            # Chan's update: deviations from each tile's own mean, so that a large offset costs no precision.
            number, middle = pixels.shape[1], pixels.mean(axis=1)
            delta = middle - (total / count if count else middle)
            squares += ((pixels - middle[:, None]) ** 2).sum(axis=1) + delta**2 * count * number / (count + number)
            total += pixels.sum(axis=1)
            count += number
    std = np.sqrt(squares / count)
    flat = [name for name, deviation in zip(tiles.bands, std, strict=True) if not deviation > 0]
    if flat:
        raise InputError(f"band {flat[0]}", "has the same value in all training tiles", "leave it out with --bands")
    return statistics, replace(draft, mean=tuple((total / count).tolist()), std=tuple(std.tolist()))


def without_unreadable(tiles: TileSet, draft: Preprocessing, track: Track) -> TileSet:
    """The tiles that can be read whole and have a valid pixel; a note of the set names those that are left out.

    Warns:
        LittoralWarning: some were left out.

    Raises:
        InputError: none can be used.
    """
    lost = []
    keep = np.ones(len(tiles), bool)
    for position in track(range(len(tiles)), len(tiles), "checking tiles"):
        try:
            keep[position] = draft.resized(*tiles.read(position))[1].any()
            why = "no valid pixel"
        except InputError as error:
            keep[position], why = False, error.what
        if not keep[position]:
            lost.append(f"{tiles.name(position)} ({why})")
    if not lost:
        return tiles
    if not keep.any():
        raise InputError(f"all {len(tiles)} tiles", f"are unreadable, first {lost[0]}", "export them again")
    more = f" and {len(lost) - _MOST_NAMED} more" if len(lost) > _MOST_NAMED else ""
    named = f"{', '.join(lost[:_MOST_NAMED])}{more}"
    note = f"tiles that cannot be read or have no valid pixel were left out ({len(lost)}): {named}"
    warnings.warn(note, LittoralWarning, stacklevel=3)
    left = tiles.subset(keep)
    present = set(left.codes.tolist())
    categories = tuple(category for category in tiles.categories if category.code in present)
    return replace(left, categories=categories, notes=(*tiles.notes, note))
