"""What the answers are worth beside the truth and beside simple models, and what the model said of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from littoral.errors import InputError
from littoral.evaluation import Baselines, Blocks, ScoredPredictions, Scores, evaluation_record, text
from littoral.report.coast import Coast, LeftOut, Rows
from littoral.tiles.splits import square_blocks


def scored_words(coast: Coast) -> str:
    """Which rectangles count, in words."""
    known = np.isfinite(coast.truth)
    foreign = coast.answered & known
    foreign[coast.scored] = False
    names = ", ".join(coast.scheme.category(int(code)).name for code in np.unique(coast.truth[foreign]))
    left = ((~coast.answered, "not classified"), (coast.answered & ~known, f"without {coast.truth_field}"),
            (foreign, f"of a class the model does not know ({names})"))  # fmt: skip
    text = "; ".join(f"{rows.sum()} {why}" for rows, why in left if rows.any())
    return f"{len(coast.scored)} of {len(known)} rectangles are scored" + (f"; left out: {text}." if text else ".")


def compared_rows(coast: Coast) -> Rows:
    """Rows that the simple models are asked about."""
    coast.need(truth=True, model=True, scene=True)
    rows = coast.scored[coast.on_scene[coast.scored]]
    if coast.package is not None and not coast.package.manifest.baselines:
        raise LeftOut("the package holds no simple models: train it again with littoral train")
    if not len(rows):
        raise LeftOut("no scored rectangle lies on the scene: pass the scene they were classified with")
    return rows


def comparison(coast: Coast, statistics: Mapping[int, NDArray[np.float64]]) -> dict[str, Any]:
    """The network and the simple models on the very same rectangles: rows of a table, and sentences.

    Intervals are over squares of four rectangles a side.
    """
    assert coast.package is not None
    if not statistics:
        raise LeftOut("the scene shows none of the scored rectangles: pass the scene they were classified with")
    rows, seen = np.array(sorted(statistics)), np.stack([statistics[row] for row in sorted(statistics)])
    network = coast.probabilities(rows)
    simple = Baselines.from_json(coast.package.manifest.baselines).predict(seen)
    block, side_km = square_blocks(coast.table.geometry.iloc[rows].to_crs(4326).to_numpy(), None)
    blocks = Blocks(block, f"squares of {side_km:.1f} km")
    record = evaluation_record(ScoredPredictions(coast.targets(rows), network, network, simple, blocks), coast.classes,
                   coast.package.manifest.seed)  # fmt: skip
    return {"count": len(rows), **told_of(record)}


def validation(coast: Coast) -> dict[str, Any]:
    """The model's own scores, on its validation tiles."""
    coast.need(model=True)
    assert coast.package is not None
    record = coast.package.scores
    if "network" not in record:
        raise LeftOut("the package holds no scores: train it again with littoral train")
    try:
        for entry in (record["network"], *record["baselines"].values()):
            Scores.from_json(entry)
        sentences = (*text.left_out(record), text.confidence(record), text.sets(record))
        return {**told_of(record), "more": [text for text in sentences if text]}
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(
            f"the model {coast.package.name}", f"has damaged scores ({error})", "train it again"
        ) from error


def told_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """A record of scores in the parts that the page shows."""
    return {
        "record": record,
        "standing": text.standing_rows(record),
        "beats": bool(record.get("beats_baselines", True)),
        "verdict": text.verdict(record),
        "doubts": text.doubts(record),
    }
