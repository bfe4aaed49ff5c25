"""A model's answers as columns of a table: what is said of each rectangle, and what is withheld."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from littoral.categories import Category, Scheme
from littoral.classify.answers import Answers
from littoral.classify.ensemble import Panel
from littoral.errors import InputError
from littoral.predictions import UNCERTAIN, Transitions, add_prediction_sets, novelty_places, smooth
from littoral.tiles import CLASSIFIED
from littoral.vectors import find_column, free_names

UNLIKE = "unlike training"
"""Status of a rectangle that looks like nothing the model has learnt from: it gets no class."""
FEW_PLACES = 20
"""With fewer in the training, what is called unlike it depends on which they were, and a note says so."""

_SAID = re.compile(r"PS?_-?\d+")


@dataclass(frozen=True)
class Saying:
    """What is said of each rectangle.

    Raises:
        InputError: a confidence that is no share.
    """

    level: int = 90
    """Per cent of rectangles whose prediction set is to hold the true class."""
    min_confidence: float = 0.0
    """Below it the status is ``uncertain``, and there is no class."""
    keep_unlike: bool = False
    """Give a class to rectangles that are unlike the training too."""
    smooth: bool = False
    """Add the answers along the chain of rectangles."""
    transitions: Transitions | None = None
    """How the coast changes from class to class, for smoothing; None: as the model knows it."""

    def __post_init__(self) -> None:
        if not 0 <= self.min_confidence <= 1:
            raise InputError(f"min_confidence {self.min_confidence}", "is no share", "pass a number from 0 to 1")

    def transitions_of(self, panel: Panel, rectangles: gpd.GeoDataFrame) -> Transitions | None:
        """For smoothing; None if nobody asks for it.

        Raises:
            InputError: nobody knows them, or rectangles do not know their neighbours.
        """
        if not self.smooth:
            return None
        lacking = [name for name in ("GroupId", "SeqId", "Previous", "Next") if find_column(rectangles, name) is None]
        if lacking:
            raise InputError(
                "the table of rectangles",
                f"has no {', '.join(lacking)}, so nothing says what lies beside what",
                "make it with littoral rectangles, or classify without --smooth",
            )
        codes = [category.code for category in panel.manifest.categories]
        if self.transitions is not None:
            return self.transitions.restricted(codes)
        if not panel.manifest.transitions:
            raise InputError(
                "the model",
                "does not know how the coast changes from class to class",
                "pass --transitions with a labelled coast",
            )
        return Transitions.from_json(panel.manifest.transitions).restricted(codes)


def say(
    rectangles: gpd.GeoDataFrame,
    answers: Answers,
    panel: Panel,
    saying: Saying,
    *,
    class_label_field: str = "ClassLabel",
) -> gpd.GeoDataFrame:
    """Add to rectangles what a panel of models answered.

    Args:
        rectangles: Any table; not changed.
        answers: A row for each.
        panel: Whose answers they are.
        saying: What is to be said.
        class_label_field: Name of the field for the class name.

    Returns:
        As :func:`littoral.classify.classify_objects`; ``.attrs`` has ``renamed`` and ``notes``, sentences on what could
        not be said.

    Raises:
        InputError: a label field that is taken, a level that the model does not know, or a chain that cannot be
            followed.

    Memory: 16 bytes per rectangle, class and column.
    """
    categories = panel.manifest.categories
    transitions = saying.transitions_of(panel, rectangles)
    threshold, notes = panel.threshold(saying.level), _notes(panel, answers, saying)
    status = answers.status.copy()
    if answers.novelty is not None and not saying.keep_unlike:
        status[(status == CLASSIFIED) & (answers.novelty > 1)] = UNLIKE
    out, renamed = _cleared(rectangles, categories, class_label_field)
    _add_answers(out, answers, status, categories, class_label_field)
    own: dict[str, Any] = {"class_label_field": class_label_field, "scheme": Scheme(categories)}
    if threshold is not None:
        out = add_prediction_sets(out, threshold, **own)
    if transitions is not None:
        prior = (
            dict(zip((c.code for c in categories), panel.manifest.prior, strict=True)) if panel.manifest.prior else None
        )
        out = smooth(out, transitions, prior=prior, **own)
    if saying.min_confidence > 0:
        _withhold(out, saying.min_confidence, class_label_field)
    out.attrs["renamed"], out.attrs["notes"] = renamed, notes
    return out


def _cleared(
    rectangles: gpd.GeoDataFrame, categories: tuple[Category, ...], label: str
) -> tuple[gpd.GeoDataFrame, dict[str, str]]:
    """The table with all names free that classifying may write: what an earlier run said must not stand beside it."""
    fields = [label, "ClassValue", "Confidence", "Novelty", "PredictionSet", "PredictionSetSize"]
    fields += [f"{label}Smoothed", "ClassValueSmoothed", "ConfidenceSmoothed"]
    fields += ["ValidShare", "CloudShare", "Scene", "SceneDate", "status"]
    fields += [f"{begin}_{category.code}" for category in categories for begin in ("P", "PS")]
    if len({field.casefold() for field in fields}) < len(fields) or not label.strip():
        raise InputError(f"class label field {label!r}", "is the name of another output field", "choose another")
    # A GeoPackage keeps fid and geom for itself.
    if label.casefold() in {rectangles.geometry.name.casefold(), "fid", "geom"}:
        raise InputError(f"class label field {label!r}", "is a name that files keep for themselves", "choose another")
    # Probabilities of classes that this model does not know would be taken for its own.
    return free_names(rectangles, [*fields, *(str(n) for n in rectangles.columns if _SAID.fullmatch(str(n)))])


def _add_answers(
    out: gpd.GeoDataFrame, answers: Answers, status: NDArray[Any], categories: tuple[Category, ...], label: str
) -> None:
    known = status == CLASSIFIED
    best = np.where(known, np.nan_to_num(answers.probabilities, nan=-1.0).argmax(axis=1), 0)
    out[label] = _text(np.take([c.name for c in categories], best), out).mask(~known)
    out["ClassValue"] = pd.Series(np.take([c.code for c in categories], best), out.index, dtype="Int64").mask(~known)
    out["Confidence"] = np.where(known, answers.probabilities.max(axis=1), np.nan)
    # A model has its classes in the order of their names; a table is read by their numbers.
    for place in sorted(range(len(categories)), key=lambda at: categories[at].code):
        out[f"P_{categories[place].code}"] = answers.probabilities[:, place]
    if answers.novelty is not None:
        out["Novelty"] = answers.novelty
    out["ValidShare"], out["CloudShare"] = answers.valid_share, answers.cloud_share
    for name, told in {"Scene": answers.scene, "SceneDate": answers.acquired}.items():
        text = _text(told, out)
        out[name] = text.mask(text == "")
    out["status"] = _text(status, out)


def _withhold(out: gpd.GeoDataFrame, least: float, label: str) -> None:
    """Take the class from rectangles of less confidence, raw and smoothed each by its own, in place."""
    doubtful = (out["status"] == CLASSIFIED) & (out["Confidence"] < least)
    out[[label, "ClassValue"]] = out[[label, "ClassValue"]].mask(doubtful)
    out["status"] = out["status"].mask(doubtful, UNCERTAIN)
    if "ConfidenceSmoothed" in out:
        fields = [f"{label}Smoothed", "ClassValueSmoothed"]
        out[fields] = out[fields].mask(out["ConfidenceSmoothed"] < least)


def _notes(panel: Panel, answers: Answers, saying: Saying) -> list[str]:
    """What cannot be said, or not be relied on, in sentences."""
    notes = []
    if panel.threshold(saying.level) is None:
        notes.append("the model carries no thresholds, so there are no prediction sets")
    elif not panel.plain:
        notes.append(
            "prediction sets use the thresholds of one model that is asked once; how often they hold the true class "
            "where several are asked, or flips and turns too, was not measured"
        )
    if answers.novelty is None and (answers.status == CLASSIFIED).any():
        known = any(each.manifest.novelty for each in panel.members)
        why = (
            "the graph does not give its features" if known else "the model does not say what its training looked like"
        )
        notes.append(f"{why}, so nothing is called unlike training")
    places = [novelty_places(each.manifest.novelty) for each in panel.members if each.manifest.novelty]
    few = min((count for count in places if count), default=FEW_PLACES)
    if answers.novelty is not None and few < FEW_PLACES:
        notes.append(
            f"what is unlike the training is judged by {few} places of the training: of new places like them up to "
            f"one in {few + 1} is called so by chance, and many that are unlike them pass"
        )
    return notes


def _text(values: Any, table: gpd.GeoDataFrame) -> pd.Series[str]:
    return pd.Series(values, table.index, dtype="string")
