"""Read a classified table with its model, scene and true classes, and derive the values that the page shows."""

from __future__ import annotations

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
from littoral.classify.compatibility import trained_cell_m
from littoral.errors import InputError
from littoral.evaluation import Scores, score
from littoral.imagery import Scene, open_scene
from littoral.package import Package, read_package
from littoral.predictions import LABEL, UNCERTAIN, Predictions
from littoral.predictions.columns import CONFIDENCE, LINKS, VALUE, require_classified, smoothed_columns
from littoral.tiles import CLASSIFIED, ground_pairs
from littoral.tiles.splits.shared_ground import KM_PER_DEGREE
from littoral.vectors import read_vector, require_column, require_crs

Rows = NDArray[np.intp]


class LeftOut(Exception):  # noqa: N818 - not an error: the page goes on without the part
    """Why a part of the page is left out, and what to do."""


class Group(NamedTuple):
    """Number, length and mean confidence of the rectangles of a class or a status."""

    name: str
    colour: str
    rectangles: int
    km: float
    confidence: float
    """Mean, 0 to 1; NaN where there is none."""


@dataclass(frozen=True)
class CoastData:
    """A classified coast with the other inputs of the page; arrays have one entry for each rectangle."""

    table: gpd.GeoDataFrame
    label: str
    """Column with the class names."""
    predictions: Predictions
    """As read from the table."""
    truth_field: str | None
    package: Package | None
    scene: Scene | None

    def need(self, *, truth: bool = False, model: bool = False, scene: bool = False) -> None:
        """
        Raises:
            LeftOut: the page was written without one of these.
        """
        inputs = ((truth and self.truth_field is None, "the true classes", "--truth FIELD"),
                  (model and self.package is None, "the model", "--model FILE"),
                  (scene and self.scene is None, "the imagery", "--scene PATH"))  # fmt: skip
        lacking = [(what, option) for lacks, what, option in inputs if lacks]
        if lacking:
            raise LeftOut(f"needs {', '.join(what for what, _ in lacking)}: pass {' '.join(o for _, o in lacking)}")

    @cached_property
    def classified(self) -> NDArray[np.bool_]:
        """Which rectangles have a class."""
        return np.asarray(self.predictions.chosen >= 0, bool)

    @cached_property
    def code(self) -> NDArray[np.float64]:
        """Class code, NaN where there is none."""
        return _codes(self.predictions)

    @cached_property
    def by_person(self) -> NDArray[np.bool_]:
        """Which rectangles have a class that a person changed or removed."""
        changed = self.predictions.by_person
        return np.zeros(len(self.table), bool) if changed is None else changed

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        """Confidence of the model in the class, NaN where there is no class or a person gave it."""
        return np.where(self.classified & ~self.by_person, self.highest, np.nan)

    @cached_property
    def status(self) -> NDArray[np.object_]:
        return np.asarray(self.table["status"].astype(str), object)

    @cached_property
    def highest(self) -> NDArray[np.float64]:
        """Highest probability, also of rectangles without a class."""
        return numbers(self.table[CONFIDENCE])

    @cached_property
    def likeliest(self) -> list[str]:
        """Name of the class with the highest probability; empty where there are no probabilities."""
        values = self.predictions.probabilities
        if not values.size:
            return [""] * len(self.table)
        best, known = np.nan_to_num(values, nan=-1.0).argmax(axis=1), np.asarray(np.isfinite(values).all(axis=1))
        names = [self.scheme.category(code).name for code in self.predictions.codes]
        return [names[at] if there else "" for at, there in zip(best.tolist(), known.tolist(), strict=True)]

    @cached_property
    def _names(self) -> list[str]:
        columns, count = self.table.columns, len(self.table)
        names = [f"row {row + 1}" for row in range(count)]
        if set(LINKS[:2]) <= set(columns):
            pairs = zip(self.table["SeqId"].tolist(), self.table["GroupId"].tolist(), strict=True)
            names = [f"rectangle {place} of group {group}" for place, group in pairs]
        if "ID" in columns:
            known = self.table["ID"].tolist()
            names = [other if pd.isna(own) else f"rectangle {own}" for own, other in zip(known, names, strict=True)]
        return names

    def name_of(self, row: int) -> str:
        """Name of a rectangle: by its ID, else its place in the chain, else its row."""
        return self._names[row]

    def description(self, row: int) -> str:
        """Class and confidence of a rectangle; without a class its status and, if uncertain, the most probable class.

        The most probable class of a rectangle unlike the training is not named, as its probabilities are not valid.
        """
        if self.classified[row]:
            name = self.table[self.label].iloc[row]
            if pd.isna(name):
                name = self.scheme.category(int(self.code[row])).name
            return f"{name}, {'changed by a person' if self.by_person[row] else f'{self.confidence[row]:.0%}'}"
        if self.by_person[row]:
            return "class removed by a person"
        status = str(self.status[row])
        if status == UNCERTAIN and self.likeliest[row] and np.isfinite(self.highest[row]):
            return f"{status}: {self.likeliest[row]}, {self.highest[row]:.0%}"
        return status

    @cached_property
    def smoothed(self) -> NDArray[np.float64] | None:
        """Class code after smoothing, NaN where there is none; None in a table without it."""
        column = smoothed_columns(self.label)[1]
        return numbers(self.table[column]) if column in self.table.columns else None

    @cached_property
    def km(self) -> NDArray[np.float64] | None:
        """Shoreline in each rectangle; None in a table without ``line_m``."""
        return np.nan_to_num(numbers(self.table["line_m"])) / 1000 if "line_m" in self.table.columns else None

    @cached_property
    def model_classes(self) -> tuple[Category, ...]:
        """Classes of the model, in its order; without a model those of the table's probabilities or classes."""
        if self.package is not None:
            return self.package.manifest.categories
        return tuple(c for c in self.predictions.categories if c.code not in self.predictions.added)

    @cached_property
    def classes(self) -> tuple[Category, ...]:
        """Those of the model, then those that only a person gave."""
        codes = {c.code for c in self.model_classes}
        given = set(self.code[self.by_person & self.classified].astype(int).tolist())
        return (*self.model_classes, *(c for c in self.predictions.categories if c.code in given - codes))

    @cached_property
    def scheme(self) -> Scheme:
        """The classes, and the others of CATCOA, which the true classes may include."""
        codes = {c.code for c in self.classes}
        return Scheme((*self.classes, *(c for c in CATCOA.values() if c.code not in codes)))

    @cached_property
    def truth(self) -> NDArray[np.float64]:
        """True class code, NaN where it is not known."""
        self.need(truth=True)
        values = self.table[self.truth_field]
        codes = {value: self.scheme.code_of(value) for value in values.dropna().unique()}
        return np.array([np.nan if pd.isna(value) else codes[value] for value in values], np.float64)

    @cached_property
    def seen(self) -> NDArray[np.bool_] | None:
        """Which rectangles have tiles that share ground with the model's training tiles; None where the training area
        is not known.

        As in ``evaluate``, the ground of a rectangle is that of its tile, as large as in the training.
        """
        if self.package is None or not self.package.manifest.training_area:
            return None
        manifest = self.package.manifest
        shapes = self.table.geometry.to_crs(4326).to_numpy()
        cell = trained_cell_m(manifest)
        if cell is not None:
            width, height = (side * cell for side in manifest.preprocessing.tile.size)
            shapes = _tiles_around(shapes, width, height)
        area = shapely.get_parts(shapely.from_wkt(manifest.training_area))
        found = np.zeros(len(shapes), bool)
        found[ground_pairs(shapes, area)[0]] = True
        return found

    @cached_property
    def with_truth(self) -> Rows:
        """Rows that the model classified and whose true class is one of its classes."""
        known = (self.status == CLASSIFIED) & np.isin(self.truth, [c.code for c in self.model_classes])
        rows = np.flatnonzero(known)
        if not len(rows):
            raise LeftOut(f"no classified rectangle has one of the model's classes in {self.truth_field}: "
                           "choose another field")  # fmt: skip
        return rows

    @cached_property
    def scored(self) -> Rows:
        """Rows of ``with_truth`` that share no ground with the training area, if the model has one."""
        rows = self.with_truth if self.seen is None else self.with_truth[~self.seen[self.with_truth]]
        if not len(rows):
            raise LeftOut(f"all {len(self.with_truth)} rectangles with a true class lie on the model's training area, "
                           "where scores are not valid for other coasts: pass another coast")  # fmt: skip
        return rows

    @cached_property
    def on_scene(self) -> NDArray[np.bool_]:
        """Which rectangles have their middle on the scene."""
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
        """(rows, model classes), as the model gave them."""
        place = {code: at for at, code in enumerate(self.predictions.codes)}
        codes = [c.code for c in self.model_classes]
        given = np.asarray(np.isfinite(self.predictions.probabilities).any(axis=0))
        absent = [f"P_{code}" for code in codes
                  if code not in place or code in self.predictions.added or not given[place[code]]]  # fmt: skip
        if absent:
            raise LeftOut(f"the table lacks {', '.join(absent)}: pass it as littoral classify wrote it, and the "
                          "model that did")  # fmt: skip
        return self.predictions.probabilities[rows][:, [place[code] for code in codes]]

    def targets(self, rows: Rows) -> NDArray[np.int64]:
        """(rows,), position of the true class among the model's classes."""
        place = {c.code: i for i, c in enumerate(self.model_classes)}
        return np.array([place[int(code)] for code in self.truth[rows]], np.int64)

    @cached_property
    def scores(self) -> Scores:
        """Scores of the model's predictions in the scored rows."""
        return score(self.targets(self.scored), self.probabilities(self.scored), self.model_classes)

    def group(self, name: str, rows: NDArray[np.bool_], colour: str = "") -> Group:
        """Number, length and mean confidence of some rectangles."""
        km = float(self.km[rows].sum()) if self.km is not None else 0.0
        known = self.confidence[rows & np.isfinite(self.confidence)]
        return Group(name, colour, int(rows.sum()), km, float(known.mean()) if len(known) else float("nan"))


def read_coast(
    classified: gpd.GeoDataFrame | str | Path,
    model: Package | str | Path | None = None,
    truth: str | None = None,
    scene: Scene | str | Path | None = None,
    label: str = LABEL,
) -> CoastData:
    """Read the inputs of a page.

    Raises:
        InputError: not a classified table, a column that is missing, or a model of other classes.
    """
    source = classified if isinstance(classified, str | Path) else "the classified table"
    table = read_vector(classified) if isinstance(classified, str | Path) else classified
    require_crs(table, source)
    require_classified(table, source)
    for name in (VALUE, CONFIDENCE):
        if name not in table.columns:
            raise InputError(source, f"has no field {name!r}", "classify it first, with littoral classify")
    if table.empty:
        raise InputError(source, "has no rectangles", "classify some first, with littoral classify")
    if not np.isfinite(shapely.bounds(table.geometry.to_numpy())).all(axis=1).any():
        raise InputError(source, "has no rectangle with an outline", "pass rectangles with an outline")
    label = require_column(table, label, source)
    coast = CoastData(
        table,
        label,
        Predictions.from_table(table, class_label_field=label, source=source, need_probabilities=False),
        None if truth is None else require_column(table, truth, source),
        read_package(model) if isinstance(model, str | Path) else model,
        open_scene(scene) if isinstance(scene, str | Path) else scene,
    )
    own = coast.code[coast.classified & ~coast.by_person].astype(int)
    if foreign := set(own.tolist()) - {c.code for c in coast.model_classes}:
        raise InputError(source, f"has class values {sorted(foreign)} that are none of the model's classes",
                         "pass the model that classified it")  # fmt: skip
    return coast


def _codes(predictions: Predictions) -> NDArray[np.float64]:
    return np.where(predictions.chosen < 0, np.nan, np.take([*predictions.codes, 0], predictions.chosen))


def _tiles_around(shapes: NDArray[np.object_], width_m: float, height_m: float) -> NDArray[np.object_]:
    """Boxes of that size, metres, around the middles of shapes; all in longitude and latitude."""
    middles = shapely.centroid(shapes)
    x, y = shapely.get_x(middles), shapely.get_y(middles)
    down = height_m / 2000 / KM_PER_DEGREE
    across = width_m / 2000 / KM_PER_DEGREE / np.maximum(np.cos(np.radians(y)), 1e-6)
    return np.asarray(shapely.box(x - across, y - down, x + across, y + down))


def numbers(column: pd.Series[Any]) -> NDArray[np.float64]:
    """As floats, null as NaN."""
    return pd.to_numeric(column).to_numpy(np.float64, na_value=np.nan)
