"""Class predictions of rectangles as arrays, and their form as columns of a table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from littoral.categories import CATCOA, Category, Scheme
from littoral.errors import InputError, counted
from littoral.evaluation import prediction_sets
from littoral.predictions import columns
from littoral.predictions.chains import RectangleChains, read_chains_if_linked
from littoral.predictions.corrections import WrittenClasses, read_classes
from littoral.tiles import CLASSIFIED, OUTSIDE
from littoral.vectors import find_column, free_names

Integers = NDArray[np.int64]
Numbers = NDArray[np.float64]

_FROM_MODEL = ("probabilities", "status", "valid_share", "cloud_share", "scene", "acquired", "novelty")
"""Fields that a model and the imagery fill."""
_SUM_ROUNDING = 0.005
"""Most that rounding to two decimals takes from a probability."""


@dataclass(frozen=True)
class Predictions:
    """Class probabilities of rectangles and the classes chosen from them; arrays have one entry per rectangle."""

    categories: tuple[Category, ...]
    """The classes, in the order of the columns of ``probabilities``."""
    probabilities: Numbers
    """(rows, classes), 0 to 1, as the model gave them; NaN where there are none."""
    status: NDArray[Any]
    """(rows,) text: ``classified``, or the reason why there is no class."""
    valid_share: Numbers | None = None
    """(rows,), share of the rectangle's own pixels that are valid."""
    cloud_share: Numbers | None = None
    """(rows,), share of the rectangle's own pixels under cloud; NaN where the scene has no masks."""
    scene: NDArray[Any] | None = None
    """(rows,) text, name of the scene; empty outside the imagery."""
    acquired: NDArray[Any] | None = None
    """(rows,) text, date of the scene, ``YYYY-MM-DD``; empty where it is not known."""
    novelty: Numbers | None = None
    """(rows,), distance from the training tiles; above 1 for 1 % of places like them. None: not measured."""
    sets: NDArray[np.bool_] | None = None
    """(rows, classes), which classes are in the prediction set. None: the model has no calibration."""
    smoothed: Predictions | None = None
    """Probabilities, status and classes after smoothing along the coast. None: not smoothed."""
    given: Integers | None = None
    """(rows,), position in ``categories`` of the class that a table has, -1 where it has none. None: the class is the
    most probable one wherever the status is ``classified``."""
    by_person: NDArray[np.bool_] | None = None
    """(rows,), whether a person gave or removed the class in the table. None: no row has such a class."""
    named: frozenset[int] = frozenset()
    """Codes of the classes whose names were in the table; the other names are the scheme's."""
    added: frozenset[int] = frozenset()
    """Codes of classes that the model does not have and a person gave."""
    chains: RectangleChains | None = None
    """Order of the rectangles along the coast. None: the table does not have it."""
    notes: tuple[str, ...] = ()
    """Sentences about classes that a person changed."""

    @property
    def codes(self) -> tuple[int, ...]:
        """Class codes in the order of ``categories``."""
        return tuple(category.code for category in self.categories)

    @cached_property
    def chosen(self) -> Integers:
        """(rows,), position of the class in ``categories``, -1 where there is none."""
        if self.given is not None:
            return self.given
        best = np.nan_to_num(self.probabilities, nan=-1.0).argmax(axis=1)
        return np.where(self.status == CLASSIFIED, best, -1)

    @cached_property
    def evidence(self) -> Numbers:
        """(rows, classes), sum 1: the probabilities, 1 for a class that a person gave; NaN where there is no class."""
        out: Numbers = self.probabilities / self.probabilities.sum(axis=1, keepdims=True)
        out[self.chosen < 0] = np.nan
        if self.by_person is not None:
            own = np.flatnonzero(self.by_person & (self.chosen >= 0))
            out[own] = np.arange(len(self.categories)) == self.chosen[own, None]
        return out

    def with_sets(self, threshold: float) -> Predictions:
        """Add the prediction set of each row that has a class.

        Args:
            threshold: Largest 1 - p of a class in a set, that of a level in the model's calibration
                (:meth:`littoral.evaluation.Calibration.threshold`).

        Raises:
            InputError: a threshold that is not from 0 to 1.
        """
        if not 0 <= threshold <= 1:
            raise InputError(f"the threshold {threshold:g}", "is not from 0 to 1", "calibrate the model again")
        return replace(self, sets=prediction_sets(self.evidence, threshold))

    @classmethod
    def empty(cls, count: int, categories: tuple[Category, ...]) -> Predictions:
        """Predictions of rectangles outside all scenes, to be filled with :meth:`put`.

        Memory: 56 bytes for each rectangle and 8 for each of its classes; texts are shared.
        """
        return cls(
            categories,
            np.full((count, len(categories)), np.nan),
            np.full(count, OUTSIDE, object),
            np.zeros(count),
            np.full(count, np.nan),
            np.full(count, "", object),
            np.full(count, "", object),
            np.full(count, np.nan),
        )

    def put(self, rows: Integers, others: Predictions) -> None:
        """Copy what a model predicted for some rows into their places."""
        for field in _FROM_MODEL:
            mine, theirs = getattr(self, field), getattr(others, field)
            if mine is not None and theirs is not None:
                mine[rows] = theirs

    def take(self, rows: Integers) -> Predictions:
        """Predictions of some rows, by position; a row may be repeated."""
        arrays = {field: getattr(self, field) for field in _FROM_MODEL}
        taken = {field: None if values is None else values[rows] for field, values in arrays.items()}
        return Predictions(self.categories, **taken)  # type: ignore[arg-type]

    def by_code(self) -> Predictions:
        """The same with the classes in the order of their codes, which is that of a table's columns."""
        order = np.argsort(self.codes, kind="stable")
        return replace(
            self,
            categories=tuple(self.categories[at] for at in order),
            probabilities=self.probabilities[:, order],
            sets=None if self.sets is None else self.sets[:, order],
            smoothed=None if self.smoothed is None else self.smoothed.by_code(),
            given=np.append(np.argsort(order), -1)[self.chosen],
        )

    @classmethod
    def from_table(
        cls,
        table: gpd.GeoDataFrame,
        *,
        class_label_field: str = columns.LABEL,
        scheme: Scheme = CATCOA,
        source: object = "the classified table",
        need_probabilities: bool = True,
    ) -> Predictions:
        """Read predictions from the columns that classifying wrote.

        A class that a person changed in the table replaces the model's
        (:mod:`littoral.predictions.corrections`). Classes that only a person gave come after those of the model.

        Args:
            table: With ``status``, ``ClassValue``, a column of class names, ``P_<code>`` and, smoothed, ``PS_<code>``.
            class_label_field: Column with the class names.
            scheme: Colours, and names of classes that no row has.
            source: Name of the table in messages.
            need_probabilities: Refuse a table without ``P_<code>``.

        Raises:
            InputError: not such a table, probabilities that do not sum to 1, or a row whose class
                name and class code are of different classes.

        >>> from shapely import box
        >>> table = gpd.GeoDataFrame({"ClassValue": [3, 7, 7], "ClassLabel": ["sandy shore", "mangrove", "mangrove"],
        ...     "P_3": [0.9, 0.6, 0.2], "P_7": [0.1, 0.4, 0.8], "status": "classified"},
        ...     geometry=[box(0, 0, 1, 1)] * 3, crs=32631)
        >>> found = Predictions.from_table(table)
        >>> found.codes, found.chosen.tolist(), found.by_person.tolist(), found.evidence.tolist()[1]
        ((3, 7), [0, 1, 1], [False, True, False], [0.0, 1.0])
        """
        status = table[columns.require_classified(table, source)].astype("string").fillna("").to_numpy(object)
        known = np.asarray(status == CLASSIFIED, bool)
        raw = _read_probabilities(table, known, source, smoothed=False)
        if not raw and need_probabilities:
            raise InputError(source, "has no field P_<code>", "pass what littoral classify wrote")
        found = read_classes(table, (class_label_field, columns.VALUE), raw, known, scheme, source)
        own, names = [(raw, known, found)], dict(found.names)
        if columns.probability_columns(table.columns, smoothed=True):
            label, value, _ = columns.smoothed_columns(class_label_field)
            if (column := find_column(table, value)) is not None:
                known = table[column].notna().to_numpy(bool)
            along = _read_probabilities(table, known, source, smoothed=True)
            own.append((along, known, read_classes(table, (label, value), along, known, scheme, source).after(found)))
            names = {**own[1][2].names, **names}
        written = {int(code) for _, _, each in own for code in each.code[np.isfinite(each.code)]}
        codes = [*raw, *sorted({*written, *own[-1][0]} - set(raw))]
        categories = tuple(Category(c.code, names.get(c.code, c.name), c.colour) for c in map(scheme.category, codes))
        chains = read_chains_if_linked(table, source)
        read = [
            cls(
                categories,
                _matrix(values, codes, len(table)),
                status if values is raw else np.where(known, CLASSIFIED, columns.UNCERTAIN).astype(object),
                given=each.position(codes),
                by_person=each.by_person,
                named=frozenset(names),
                added=frozenset(codes) - frozenset(raw) if raw else frozenset(),
                chains=chains,
            )
            for values, known, each in own
        ]
        column = find_column(table, columns.NOVELTY)
        novelty = None if column is None else pd.to_numeric(table[column]).to_numpy(float, na_value=np.nan)
        notes = _notes(table, status, found)
        return replace(read[0], smoothed=read[1] if len(read) > 1 else None, novelty=novelty, notes=notes)

    def to_table(self, rectangles: gpd.GeoDataFrame, *, class_label_field: str = columns.LABEL) -> gpd.GeoDataFrame:
        """Add the predictions to a table of the same rectangles.

        Args:
            rectangles: One row for each; not changed. Columns that collide with new ones, compared without case, are
                renamed to ``<name>_in``, which ``.attrs["renamed"]`` lists.
            class_label_field: Column for the class names.

        Raises:
            InputError: a label column whose name is used by another column.

        Memory: 16 bytes for each rectangle and class.
        """
        own, label = self.by_code(), class_label_field
        # A GeoPackage keeps fid and geom for itself.
        if label.casefold() in {rectangles.geometry.name.casefold(), "fid", "geom"}:
            raise InputError(
                f"class label field {label!r}", "is a name that files keep for themselves", "choose another"
            )
        # Probabilities of an earlier model's other classes must not be read as this model's.
        earlier = [name for smoothed in (False, True)
                   for name in columns.probability_columns(rectangles.columns, smoothed=smoothed).values()]  # fmt: skip
        out, renamed = free_names(rectangles, [*columns.written_columns(label, own.codes), *earlier])
        own._add_classes(out, (label, columns.VALUE, columns.CONFIDENCE), smoothed=False)
        for name, values in (
            (columns.NOVELTY, own.novelty), (columns.VALID_SHARE, own.valid_share),
            (columns.CLOUD_SHARE, own.cloud_share), (columns.SCENE, own.scene), (columns.SCENE_DATE, own.acquired),
            (columns.STATUS, own.status),
        ):  # fmt: skip
            if values is not None:
                text = values.dtype == object
                out[name] = pd.Series(values, out.index, dtype="string").replace("", pd.NA) if text else values
        if own.sets is not None:
            size = own.sets.sum(axis=1)
            order = np.argsort(-np.nan_to_num(own.probabilities, nan=-1.0), axis=1, kind="stable")
            names = np.array([category.name for category in own.categories], object)
            ranked = np.take_along_axis(own.sets, order, axis=1)
            texts = ["; ".join(names[places[there]]) for places, there in zip(order, ranked, strict=True)]
            out[columns.SET] = pd.Series(texts, out.index, dtype="string").mask(size == 0)
            out[columns.SET_SIZE] = pd.Series(size, out.index, dtype="Int64").mask(size == 0)
        if own.smoothed is not None:
            own.smoothed._add_classes(out, columns.smoothed_columns(label), smoothed=True)
        out.attrs["renamed"] = renamed
        return out

    def _add_classes(self, out: gpd.GeoDataFrame, names: tuple[str, str, str], *, smoothed: bool) -> None:
        """Add class name, class code, confidence and probabilities, in place."""
        label, value, confidence = names
        none = self.chosen < 0
        texts = np.take([category.name for category in self.categories], self.chosen)
        out[label] = pd.Series(texts, out.index, dtype="string").mask(none)
        out[value] = pd.Series(np.take(self.codes, self.chosen), out.index, dtype="Int64").mask(none)
        looked = np.isin(self.status, (CLASSIFIED, columns.UNCERTAIN))
        out[confidence] = np.where(looked, self.probabilities.max(axis=1), np.nan)
        for code, values in zip(self.codes, self.probabilities.T, strict=True):
            out[columns.probability_column(code, smoothed=smoothed)] = values


def _read_probabilities(
    table: gpd.GeoDataFrame, known: NDArray[np.bool_], source: object, *, smoothed: bool
) -> dict[int, Numbers]:
    """(rows,) for each class code; NaN in rows that are not ``known``.

    Raises:
        InputError: a known row whose probabilities do not sum to 1.
    """
    found = columns.probability_columns(table.columns, smoothed=smoothed)
    if not found:
        return {}
    values = np.column_stack([pd.to_numeric(table[name]).to_numpy(float, na_value=np.nan) for name in found.values()])
    wrong = known & ~(np.isfinite(values).all(axis=1) & (values >= 0).all(axis=1) & (values.sum(axis=1) > 0))
    if wrong.any():
        raise InputError(
            source, f"has row {int(np.flatnonzero(wrong)[0])} classified with no probability", "classify it again"
        )
    total = values.sum(axis=1)
    short = known & (np.abs(total - 1) > max(_SUM_ROUNDING * len(found), 0.01))
    if short.any():
        row = int(np.flatnonzero(short)[0])
        raise InputError(
            source,
            f"has probabilities that sum to {total[row]:.2f} in row {row}: a column P_<code> is missing or was changed",
            "pass the file as littoral classify wrote it",
        )
    return dict(zip(found, values.T, strict=True))


def _matrix(values: Mapping[int, Numbers], codes: list[int], count: int) -> Numbers:
    """(rows, classes) in the order of the codes; 0 for a class that the model does not have."""
    if not values:
        return np.full((count, len(codes)), np.nan)
    absent = np.sum(list(values.values()), axis=0) * 0.0
    return np.column_stack([values.get(code, absent) for code in codes])


def _notes(table: gpd.GeoDataFrame, status: NDArray[Any], found: WrittenClasses) -> tuple[str, ...]:
    notes = []
    given = found.by_person & np.isfinite(found.code)
    if given.any():
        notes.append(
            f"{counted(int(given.sum()), 'rectangle')} with a class that a person gave (not the most probable by "
            "P_<code>), used with probability 1"
        )
    if (removed := found.by_person & ~given).any():
        notes.append(
            f"{counted(int(removed.sum()), 'rectangle')} with status {CLASSIFIED} whose class a person removed"
        )
    column = find_column(table, columns.VALUE)
    if column is not None and (others := table[column].notna().to_numpy(bool) & (status != CLASSIFIED)).any():
        notes.append(
            f"{counted(int(others.sum()), 'rectangle')} with a {columns.VALUE} that is not used, as the status is not "
            f"{CLASSIFIED}"
        )
    return tuple(notes)
