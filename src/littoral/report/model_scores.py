"""Score the model and simple models against the true classes, and read the model's scores on its validation tiles."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from littoral.errors import InputError
from littoral.evaluation import Baselines, Blocks, ScoredPredictions, Scores, evaluation_record, score, text
from littoral.report.coast import CoastData, LeftOut, Rows
from littoral.tiles import CLASSIFIED
from littoral.tiles.splits import square_blocks


def scored_rectangles(coast: CoastData) -> list[str]:
    """Sentences on which rectangles are scored, and on the scores of those in the training area."""
    known, predicted = np.isfinite(coast.truth), coast.status == CLASSIFIED
    foreign = predicted & known
    foreign[coast.with_truth] = False
    seen = np.zeros(len(known), bool) if coast.seen is None else coast.seen & ~foreign & known & predicted
    names = ", ".join(coast.scheme.category(int(code)).name for code in np.unique(coast.truth[foreign]))
    left = ((~predicted, "not classified"), (predicted & ~known, f"without {coast.truth_field}"),
            (foreign, f"of a class that the model does not have ({names})"),
            (seen, "on the model's training area"))  # fmt: skip
    reasons = "; ".join(f"{rows.sum()} {why}" for rows, why in left if rows.any())
    sentences = [f"{len(coast.scored)} of {len(known)} rectangles are scored"
                 + (f"; left out: {reasons}." if reasons else ".")]  # fmt: skip
    if seen.any():
        rows = np.flatnonzero(seen)
        own = score(coast.targets(rows), coast.probabilities(rows), coast.model_classes)
        sentences.append(f"On the training area the accuracy is {own.accuracy:.3f} and macro-F1 {own.macro_f1:.3f}, "
                         "which is not valid for other coasts.")  # fmt: skip
    if coast.seen is None:
        why = "without the model" if coast.package is None else "as the model has no record of its training area"
        sentences.append(
            f"Rectangles on the training area could not be left out, {why}, so the scores may be too high."
        )
    if changed := int(coast.by_person[coast.scored].sum()):
        sentences.append(f"In {changed} of them a person changed the class; the model's prediction is scored.")
    return sentences


def compared_rows(coast: CoastData) -> Rows:
    """Rows on which the simple models are scored too."""
    coast.need(truth=True, model=True, scene=True)
    rows = coast.scored[coast.on_scene[coast.scored]]
    if coast.package is not None and not coast.package.manifest.baselines:
        raise LeftOut("the package holds no simple models: train it again with littoral train")
    if not len(rows):
        raise LeftOut("no scored rectangle lies on the scene: pass the scene they were classified with")
    return rows


def comparison(coast: CoastData, statistics: Mapping[int, NDArray[np.float64]]) -> dict[str, Any]:
    """Compare the network with the simple models on the same rectangles: rows of a table, and sentences.

    Intervals are by bootstrap over squares with sides of four rectangles.
    """
    assert coast.package is not None
    if not statistics:
        raise LeftOut("the scene shows none of the scored rectangles: pass the scene they were classified with")
    rows, inputs = np.array(sorted(statistics)), np.stack([statistics[row] for row in sorted(statistics)])
    network = coast.probabilities(rows)
    simple = Baselines.from_json(coast.package.manifest.baselines).predict(inputs)
    block, side_km = square_blocks(coast.table.geometry.iloc[rows].to_crs(4326).to_numpy(), None)
    blocks = Blocks(block, f"squares of {side_km:.1f} km")
    predictions = ScoredPredictions(coast.targets(rows), network, network, simple, blocks)
    record = evaluation_record(predictions, coast.model_classes, coast.package.manifest.seed)
    return {"count": len(rows), **scores_of(record)}


def validation(coast: CoastData) -> dict[str, Any]:
    """Scores of the model on its validation tiles."""
    coast.need(model=True)
    assert coast.package is not None
    record = coast.package.scores
    if "network" not in record:
        raise LeftOut("the package holds no scores: train it again with littoral train")
    try:
        for entry in (record["network"], *record["baselines"].values()):
            Scores.from_json(entry)
        sentences = (*text.left_out(record), text.confidence(record), text.sets(record))
        return {**scores_of(record), "more": [text for text in sentences if text]}
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise InputError(
            f"the model {coast.package.name}", f"has damaged scores ({error})", "train it again"
        ) from error


def scores_of(record: Mapping[str, Any]) -> dict[str, Any]:
    """The tables and sentences of a record of scores that the page shows."""
    return {
        "record": record,
        "standing": text.standing_rows(record),
        "beats": bool(record.get("beats_baselines", True)),
        "verdict": text.verdict(record),
        "doubts": text.doubts(record),
    }
