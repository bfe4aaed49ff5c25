"""Decide which class each rectangle gets, and when it gets none, from a model's probabilities."""

from __future__ import annotations

from dataclasses import replace

import geopandas as gpd
import numpy as np

from littoral.classify.ensemble import Ensemble
from littoral.classify.options import DecisionOptions
from littoral.errors import InputError
from littoral.predictions import UNCERTAIN, UNLIKE, Predictions, Transitions, novelty_places, smooth
from littoral.predictions.chains import read_chains_if_linked
from littoral.predictions.columns import LINKS
from littoral.tiles import CLASSIFIED
from littoral.vectors import find_column

FEW_PLACES = 20
"""With fewer training places the threshold of novelty is uncertain, and a note is given."""


def decide(
    predictions: Predictions,
    rectangles: gpd.GeoDataFrame,
    ensemble: Ensemble,
    options: DecisionOptions,
    transitions: Transitions | None = None,
) -> Predictions:
    """Add classes, prediction sets and smoothed probabilities; ``notes`` has sentences on what could not be computed.

    In this order: a rectangle unlike the training gets no class; the others get the most probable class and a
    prediction set; probabilities are smoothed; classes below the smallest confidence are removed, smoothed ones by the
    smoothed confidence.

    Args:
        predictions: Of the ensemble, a row for each rectangle.
        rectangles: For smoothing, with the columns that link neighbours.
        ensemble: The models.
        options: Level of the sets, smallest confidence, smoothing.
        transitions: For smoothing; None: those of the model.

    Raises:
        InputError: a level without a threshold in the model; as :func:`smoothing_transitions`.

    Memory: 24 bytes per rectangle and class.
    """
    notes = _notes(predictions, ensemble, options)
    threshold = ensemble.threshold(options.level)
    process = smoothing_transitions(ensemble, rectangles, options, transitions)
    out = predictions.by_code()
    if out.novelty is not None and not options.keep_unlike:
        unlike = (out.status == CLASSIFIED) & (out.novelty > 1)
        out = _without_class(out, unlike, UNLIKE)
    if threshold is not None:
        out = out.with_sets(threshold)
    if process is not None:
        manifest = ensemble.manifest
        codes = (category.code for category in manifest.categories)
        prior = dict(zip(codes, manifest.prior, strict=True)) if manifest.prior else None
        out = smooth(replace(out, chains=read_chains_if_linked(rectangles, "the table of rectangles")), process,
                     prior=prior)  # fmt: skip
    if options.min_confidence > 0:
        out = _withhold(out, options.min_confidence)
        if out.smoothed is not None:
            out = replace(out, smoothed=_withhold(out.smoothed, options.min_confidence))
    return replace(out, notes=notes)


def smoothing_transitions(
    ensemble: Ensemble, rectangles: gpd.GeoDataFrame, options: DecisionOptions, transitions: Transitions | None = None
) -> Transitions | None:
    """How the class changes along the coast, for smoothing; None without smoothing.

    Raises:
        InputError: no transitions given or in the model, or rectangles without the columns that link them.
    """
    if not options.smooth:
        if transitions is not None:
            raise InputError("--transitions", "goes with --smooth", "add that, or leave it out")
        return None
    lacking = [name for name in LINKS if find_column(rectangles, name) is None]
    if lacking:
        raise InputError(
            "the table of rectangles",
            f"has no {', '.join(lacking)}, which smoothing needs to find neighbours",
            "make it with littoral rectangles, or classify without --smooth",
        )
    codes = [category.code for category in ensemble.manifest.categories]
    if transitions is None and not ensemble.manifest.transitions:
        raise InputError(
            "the model",
            "has no transitions between classes, which smoothing needs",
            "pass --transitions with a labelled coast",
        )
    return (transitions or Transitions.from_json(ensemble.manifest.transitions)).restricted(codes)


def _withhold(predictions: Predictions, least: float) -> Predictions:
    doubtful = (predictions.status == CLASSIFIED) & (predictions.probabilities.max(axis=1) < least)
    return _without_class(predictions, doubtful, UNCERTAIN)


def _without_class(
    predictions: Predictions, rows: np.ndarray[tuple[int], np.dtype[np.bool_]], status: str
) -> Predictions:
    given = None if predictions.given is None else np.where(rows, -1, predictions.given)
    return replace(predictions, status=np.where(rows, status, predictions.status).astype(object), given=given)


def _notes(predictions: Predictions, ensemble: Ensemble, options: DecisionOptions) -> tuple[str, ...]:
    notes = []
    if ensemble.threshold(options.level) is None:
        notes.append("the model has no calibration, so there are no prediction sets")
    elif not ensemble.plain:
        notes.append(
            "prediction sets use the thresholds of a single model without flips and turns; how often they contain the "
            "true class for a mean over several was not measured"
        )
    if predictions.novelty is None and (predictions.status == CLASSIFIED).any():
        recorded = any(each.manifest.novelty for each in ensemble.members)
        why = (
            "the graph does not output its features"
            if recorded
            else "the model has no record of its training's features"
        )
        notes.append(f"{why}, so no rectangle is marked {UNLIKE}")
    places = [novelty_places(each.manifest.novelty) for each in ensemble.members if each.manifest.novelty]
    few = min((count for count in places if count), default=FEW_PLACES)
    if predictions.novelty is not None and few < FEW_PLACES:
        notes.append(
            f"the threshold for {UNLIKE} comes from only {few} training places: up to one in {few + 1} new places "
            "like them is marked wrongly, and many places unlike them are not marked"
        )
    return tuple(notes)
