"""The classified table in the terms of the page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import geopandas as gpd
import numpy as np
import pandas as pd
import shapely
from numpy.typing import NDArray

from littoral.categories import CATCOA, Category, Scheme
from littoral.errors import InputError
from littoral.evaluation import Scores, score
from littoral.imagery import Scene, open_scene
from littoral.package import Package, read_package
from littoral.predictions import UNCERTAIN
from littoral.vectors import read_vector, require_column, require_crs

Rows = NDArray[np.intp]


class LeftOut(Exception):  # noqa: N818 - not an error: the page goes on without the part
    """Why a part of the page is left out, and what to do."""


class Summary(NamedTuple):
    """A class, or a status, in figures."""

    name: str
    colour: str
    rectangles: int
    km: float
    confidence: float


@dataclass(frozen=True)
class Coast:
    """The classified table in the terms of this page; arrays have one entry for each rectangle."""

    table: gpd.GeoDataFrame
    label: str
    truth_field: str | None
    package: Package | None
    scene: Scene | None

    def need(self, *, truth: bool = False, model: bool = False, scene: bool = False) -> None:
        """Leave the part out if the page was written without one of these."""
        inputs = ((truth and self.truth_field is None, "the truth", "--truth FIELD"),
                  (model and self.package is None, "the model", "--model FILE"),
                  (scene and self.scene is None, "the imagery", "--scene PATH"))  # fmt: skip
        lacking = [(what, option) for lacks, what, option in inputs if lacks]
        if lacking:
            raise LeftOut(f"needs {', '.join(what for what, _ in lacking)}: pass {' '.join(o for _, o in lacking)}")

    @cached_property
    def answered(self) -> NDArray[np.bool_]:
        return np.asarray(self.table["ClassValue"].notna(), bool)

    @cached_property
    def answer(self) -> NDArray[np.float64]:
        """Class value, NaN where there is none."""
        return np.where(self.answered, numbers(self.table["ClassValue"]), np.nan)

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        return np.where(self.answered, numbers(self.table["Confidence"]), np.nan)

    @cached_property
    def status(self) -> NDArray[np.object_]:
        return np.asarray(self.table["status"].astype(str), object)

    @cached_property
    def highest(self) -> NDArray[np.float64]:
        """Of all probabilities, where there are any: also of rectangles whose class was withheld."""
        return numbers(self.table["Confidence"])

    @cached_property
    def likeliest(self) -> list[str]:
        """Name of the class with the highest probability; empty where there is none, or the table does not say."""
        fields = [f"P_{c.code}" for c in self.classes]
        if not fields or not set(fields) <= set(self.table.columns):
            return [""] * len(self.table)
        values = np.column_stack([numbers(self.table[name]) for name in fields])
        best = np.nan_to_num(values, nan=-1.0).argmax(axis=1)
        known = np.isfinite(values.sum(axis=1)).tolist()
        return [self.classes[at].name if there else "" for at, there in zip(best.tolist(), known, strict=True)]

    @cached_property
    def _names(self) -> list[str]:
        columns, count = self.table.columns, len(self.table)
        names = [f"row {row + 1}" for row in range(count)]
        if {"GroupId", "SeqId"} <= set(columns):
            pairs = zip(self.table["SeqId"].tolist(), self.table["GroupId"].tolist(), strict=True)
            names = [f"rectangle {place} of group {group}" for place, group in pairs]
        if "ID" in columns:
            known = self.table["ID"].tolist()
            names = [other if pd.isna(own) else f"rectangle {own}" for own, other in zip(known, names, strict=True)]
        return names

    @cached_property
    def _labels(self) -> list[Any]:
        return list(self.table[self.label].tolist())

    def said(self, row: int) -> str:
        """What the model says of a rectangle: class and confidence, or why there is none and what it may be.

        Of one that looks unlike the training the class is not told: nothing speaks for it.
        """
        if self.answered[row]:
            return f"{self._labels[row]}, {self.confidence[row]:.0%}"
        status = str(self.status[row])
        if status == UNCERTAIN and self.likeliest[row] and np.isfinite(self.highest[row]):
            return f"{status}: {self.likeliest[row]}, {self.highest[row]:.0%}"
        return status

    @cached_property
    def smoothed(self) -> NDArray[np.float64] | None:
        """Class value by the answers along the chain, NaN where there is none; None where nobody smoothed."""
        if "ClassValueSmoothed" not in self.table.columns:
            return None
        return numbers(self.table["ClassValueSmoothed"])

    def name_of(self, row: int) -> str:
        """What to call a rectangle: by its ID, or as its chain counts it, or by its row."""
        return self._names[row]

    @cached_property
    def km(self) -> NDArray[np.float64] | None:
        """Shoreline; None where the table does not know it."""
        return np.nan_to_num(numbers(self.table["line_m"])) / 1000 if "line_m" in self.table.columns else None

    @cached_property
    def classes(self) -> tuple[Category, ...]:
        """Of the model, in its order; without a model those of the table's probabilities, or else of its answers."""
        if self.package is not None:
            return self.package.manifest.categories
        pairs = self.table.loc[self.answered, ["ClassValue", self.label]].dropna()
        names = {int(code): str(name) for code, name in pairs.itertuples(index=False)}
        codes = [int(str(name)[2:]) for name in self.table.columns if re.fullmatch(r"P_-?\d+", str(name))]
        known = (CATCOA.category(code) for code in codes or sorted(names))
        return tuple(Category(c.code, names.get(c.code, c.name), c.colour) for c in known)

    @cached_property
    def scheme(self) -> Scheme:
        """The classes, and what else CATCOA has: the truth may know more than the model."""
        codes = {c.code for c in self.classes}
        return Scheme((*self.classes, *(c for c in CATCOA.values() if c.code not in codes)))

    @cached_property
    def truth(self) -> NDArray[np.float64]:
        """Class value by the truth field, NaN where it is not known."""
        self.need(truth=True)
        values = self.table[self.truth_field]
        codes = {value: self.scheme.code_of(value) for value in values.dropna().unique()}
        return np.array([np.nan if pd.isna(value) else codes[value] for value in values], np.float64)

    @cached_property
    def scored(self) -> Rows:
        """Rows with an answer whose truth is one of the classes."""
        rows = np.flatnonzero(self.answered & np.isin(self.truth, [c.code for c in self.classes]))
        if not len(rows):
            raise LeftOut(f"no classified rectangle has one of the model's classes in {self.truth_field}: "
                           "choose another field")  # fmt: skip
        return rows

    @cached_property
    def on_scene(self) -> NDArray[np.bool_]:
        """Which have their middle on the scene."""
        self.need(scene=True)
        assert self.scene is not None
        middles = shapely.centroid(self.table.geometry.to_crs(self.scene.crs).to_numpy())
        x, y = shapely.get_x(middles), shapely.get_y(middles)
        column, row = ~self.scene.transform @ (np.where(np.isfinite(x), x, np.nan), np.where(np.isfinite(y), y, np.nan))
        found = (column >= 0) & (column < self.scene.width) & (row >= 0) & (row < self.scene.height)
        if not found.any():
            raise InputError(f"the scene {self.scene.name}", "has none of the rectangles on it",
                             "pass the scene they were classified with")  # fmt: skip
        return np.asarray(found)

    def probabilities(self, rows: Rows) -> NDArray[np.float64]:
        """(rows, classes), as the table has them."""
        fields = [f"P_{c.code}" for c in self.classes]
        if missing := [name for name in fields if name not in self.table.columns]:
            raise LeftOut(f"the table lacks {', '.join(missing)}: pass it as littoral classify wrote it, and the "
                          "model that did")  # fmt: skip
        return np.column_stack([numbers(self.table[name])[rows] for name in fields])

    def targets(self, rows: Rows) -> NDArray[np.int64]:
        """(rows,), position of the truth among the classes, of some of the scored rows."""
        place = {c.code: i for i, c in enumerate(self.classes)}
        return np.array([place[int(code)] for code in self.truth[rows]], np.int64)

    @cached_property
    def scores(self) -> Scores:
        """Of all scored rows."""
        return score(self.targets(self.scored), self.probabilities(self.scored), self.classes)

    def summary(self, name: str, rows: NDArray[np.bool_], colour: str = "") -> Summary:
        km = float(self.km[rows].sum()) if self.km is not None else 0.0
        known = self.confidence[rows & np.isfinite(self.confidence)]
        return Summary(name, colour, int(rows.sum()), km, float(known.mean()) if len(known) else float("nan"))


def read_coast(
    classified: gpd.GeoDataFrame | str | Path,
    model: Package | str | Path | None,
    truth: str | None,
    scene: Scene | str | Path | None,
    label: str,
) -> Coast:
    source = classified if isinstance(classified, str | Path) else "the classified table"
    table = read_vector(classified) if isinstance(classified, str | Path) else classified
    require_crs(table, source)
    for name in ("status", "ClassValue", "Confidence"):
        if name not in table.columns:
            raise InputError(source, f"has no field {name!r}", "classify it first, with littoral classify")
    if table.empty:
        raise InputError(source, "has no rectangles", "classify some first, with littoral classify")
    if not np.isfinite(shapely.bounds(table.geometry.to_numpy())).all(axis=1).any():
        raise InputError(source, "has no rectangle that lies anywhere", "pass rectangles with an outline")
    coast = Coast(
        table,
        require_column(table, label, source),
        None if truth is None else require_column(table, truth, source),
        read_package(model) if isinstance(model, str | Path) else model,
        open_scene(scene) if isinstance(scene, str | Path) else scene,
    )
    strange = set(coast.answer[coast.answered].astype(int).tolist()) - {c.code for c in coast.classes}
    if strange:
        raise InputError(source, f"has class values {sorted(strange)} that are none of the model's classes",
                         "pass the model that classified it")  # fmt: skip
    return coast


def numbers(column: pd.Series[Any]) -> NDArray[np.float64]:
    """As floats, null as NaN."""
    return pd.to_numeric(column).to_numpy(np.float64, na_value=np.nan)
