"""Classified coast and scores to one page: what a person looks at first.

The page is one HTML file that needs nothing else: no network, no script. What it cannot show for want of an input is
left out and named, with what to pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import geopandas as gpd
import jinja2
import numpy as np
import pandas as pd
import shapely
from markupsafe import Markup
from numpy.typing import NDArray

from littoral import figures
from littoral.categories import CATCOA, UNKNOWN_COLOUR, Category, Scheme
from littoral.errors import InputError
from littoral.imagery import Scene, open_scene, read_overview, select_bands
from littoral.learn.evaluation import Baselines, Scores, band_means, score
from littoral.package import Package, read_package
from littoral.progress import Track, silent
from littoral.tiles import CLASSIFIED, NODATA, OUTSIDE, TileSpec, cut_tiles
from littoral.vectors import check_output, read_vector, require_column, require_crs, staged

STATUSES = (CLASSIFIED, OUTSIDE, NODATA)
SAMPLES = 8
"""Most sample tiles of a kind."""
SAMPLE_PX = 256
"""Side of a sample tile where no model says it."""
_MAP_PX, _LONGEST_PX = 1000, 3000
"""Pixels wanted across the map's ground; most that are read of a scene for it."""


class _LeftOutError(Exception):
    """A part of the page lacks an input: why, and what to do."""


@dataclass(frozen=True)
class _Coast:
    """The classified table in the terms of this page; arrays have one entry for each rectangle."""

    table: gpd.GeoDataFrame
    """As given."""
    label: str
    """Field with the names of classes."""
    truth_field: str | None
    """Field with the truth."""
    package: Package | None
    """The model that answered."""
    scene: Scene | None
    """The scene to show."""

    @cached_property
    def status(self) -> NDArray[np.object_]:
        return np.asarray(self.table["status"].astype(str), dtype=object)

    @cached_property
    def answered(self) -> NDArray[np.bool_]:
        """Where there is an answer."""
        return np.asarray((self.status == CLASSIFIED) & self.table["ClassValue"].notna().to_numpy())

    @cached_property
    def answer(self) -> NDArray[np.int64]:
        """Class value; meaningless where there is no answer."""
        return _numbers(self.table["ClassValue"], 0).astype(np.int64)

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        return _numbers(self.table["Confidence"], np.nan)

    @cached_property
    def amount(self) -> NDArray[np.float64]:
        """Kilometres of shoreline, or 1 for each rectangle where the table does not know them."""
        return _numbers(self.table["line_m"], 0) / 1000 if self.unit == "km" else np.ones(len(self.table))

    @cached_property
    def unit(self) -> str:
        return "km" if "line_m" in self.table.columns else "rectangles"

    @cached_property
    def classes(self) -> tuple[Category, ...]:
        """The model's; without a model those of the table, in the order of its probabilities."""
        if self.package is not None:
            return self.package.manifest.categories
        names = dict(zip(self.answer[self.answered].tolist(), self.table[self.label][self.answered], strict=True))
        codes = [int(name[2:]) for name in self.table.columns if re.fullmatch(r"P_-?\d+", str(name))]
        made_up = {code: CATCOA.category(code) for code in codes or sorted(names)}
        return tuple(Category(code, str(names.get(code, c.name)), c.colour) for code, c in made_up.items())

    @cached_property
    def scheme(self) -> Scheme:
        """The classes, and of CATCOA what they leave free: the truth may know more classes than the model."""
        known = {c.code for c in self.classes}
        return Scheme(self.classes + tuple(c for c in CATCOA.values() if c.code not in known))

    @cached_property
    def truth(self) -> NDArray[np.float64]:
        """Class value by the truth field, NaN where it has none."""
        if self.truth_field is None:
            raise _LeftOutError("needs the truth: pass --truth FIELD (truth=…)")
        values = self.table[self.truth_field]
        codes = {value: self.scheme.code_of(value) for value in values.dropna().unique()}
        return np.array([np.nan if pd.isna(value) else codes[value] for value in values], np.float64)

    @cached_property
    def scored(self) -> NDArray[np.intp]:
        """Rows with an answer whose truth is one of the classes."""
        rows = np.flatnonzero(self.answered & np.isin(self.truth, [c.code for c in self.classes]))
        if not len(rows):
            raise _LeftOutError(f"needs classified rectangles whose {self.truth_field} is one of the model's classes; "
                                "there is none: choose another field")  # fmt: skip
        return rows

    @cached_property
    def target(self) -> NDArray[np.int64]:
        """Truth of the scored rows as an index into the classes."""
        place = {c.code: i for i, c in enumerate(self.classes)}
        return np.array([place[int(code)] for code in self.truth[self.scored]], np.int64)

    @cached_property
    def scores(self) -> Scores:
        fields = [f"P_{c.code}" for c in self.classes]
        if missing := [name for name in fields if name not in self.table.columns]:
            raise _LeftOutError(f"needs the probabilities; the table has no {', '.join(missing)}: "
                                "pass it as littoral classify wrote it, with the model that did")  # fmt: skip
        rows = self.scored
        probabilities = np.column_stack([_numbers(self.table[name], 0)[rows] for name in fields])
        return score(self.target, probabilities, self.classes)

    @cached_property
    def on_scene(self) -> NDArray[np.bool_]:
        """Which rectangles have their middle on the scene."""
        if self.scene is None:
            raise _LeftOutError("needs the imagery: pass --scene PATH (scene=…)")
        middles = self.table.geometry.to_crs(self.scene.crs).centroid
        column, row = ~self.scene.transform @ (middles.x.to_numpy(), middles.y.to_numpy())
        with np.errstate(invalid="ignore"):
            found = (column >= 0) & (column < self.scene.width) & (row >= 0) & (row < self.scene.height)
        if not found.any():
            raise InputError(f"the scene {self.scene.name}", "has none of the rectangles on it",
                             "pass the scene that they were classified with")  # fmt: skip
        return np.asarray(found)

    @cached_property
    def spec(self) -> TileSpec:
        """How the page cuts tiles: as the model did."""
        if self.package is not None:
            return self.package.manifest.preprocessing.tile
        assert self.scene is not None
        shown = figures.rgb_bands([b.name if b.described else "" for b in self.scene.bands])
        return TileSpec(SAMPLE_PX, tuple(dict.fromkeys(self.scene.bands[i].name for i in shown)), min_valid=0.0)


@dataclass(frozen=True)
class _Cut:
    """What is kept of the tiles that were cut once more."""

    means: dict[int, NDArray[np.float64]] = field(default_factory=dict)
    """Band means by row."""
    images: dict[int, figures.Image] = field(default_factory=dict)
    """Pictures by row."""


def write_report(
    classified: gpd.GeoDataFrame | str | Path,
    out: str | Path,
    *,
    model: Package | str | Path | None = None,
    truth: str | None = None,
    scene: Scene | str | Path | None = None,
    class_label_field: str = "ClassLabel",
    overwrite: bool = False,
    title: str | None = None,
    track: Track = silent,
) -> Path:
    """Write the page about a classified coast.

    Args:
        classified: Rectangles as ``littoral classify`` writes them, in any CRS: ``status``, ``ClassValue``,
            ``ClassLabel``, ``Confidence`` (0 to 1), ``P_<code>``; ``line_m`` (metres of shoreline) if there is one.
        out: The HTML file.
        model: The package that classified them: for the names and colours of the classes, the baselines, and a part
            about the model itself.
        truth: Field of ``classified`` with the true class, a code or a name; null where it is not known.
        scene: The imagery, for the map's ground, sample tiles and baselines.
        class_label_field: Field with the name of each answer.
        overwrite: Replace ``out``.
        title: Heading of the page.
        track: Shows how far the cutting of tiles is.

    Raises:
        InputError: the table was not classified, a field it lacks, a model of other classes, or a scene elsewhere.
        ExistsError: ``out`` is there and ``overwrite`` is False.
        WriteError: the disk refused; an older page is still there.
    """
    out = Path(out)
    check_output(out, overwrite)
    coast = _coast(classified, model, truth, scene, class_label_field)
    left_out: dict[str, str] = {}

    def part(name: str, make: Callable[[], Any]) -> Any:
        try:
            return make()
        except _LeftOutError as reason:
            left_out[name] = str(reason)
            return None

    scores = part("confusion matrix, scores by class and reliability of the confidence", lambda: coast.scores)
    picks = part("sample tiles", lambda: _picks(coast))
    rows = part("comparison with simple models", lambda: _comparable(coast))
    cut = _cut_again(coast, rows, picks, track) if picks or rows is not None else _Cut()
    page = {
        "title": title or "Classified coast",
        "coast": coast,
        "total": _count(coast, np.ones(len(coast.table), bool)),
        "statuses": [(name, _count(coast, coast.status == name)) for name in _statuses(coast)],
        "confidence": _mean(coast.confidence[coast.answered]),
        "scores": scores,
        "scoring": _scoring(coast) if scores else "",
        "maps": _maps(coast, left_out),
        "shares": _shares(coast),
        "matrix": scores and _svg(figures.plot_confusion_matrix(scores.matrix, [c.name for c in coast.classes]),
                                  "Confusion matrix; the table beside it has the scores"),  # fmt: skip
        "reliability": scores and _svg(figures.plot_reliability(scores.bins), "Share of right answers by confidence"),
        "baselines": part("comparison with simple models", lambda: _baselines(coast, cut)) if rows is not None else None,
        "samples": part("sample tiles", lambda: _samples(coast, cut, picks)) if picks else None,
        "model": part("the model", lambda: _model(coast)),
        "left_out": left_out,
    }
    with staged(out) as stage:
        stage.write_text(_template().render(page), encoding="utf-8")
    return out


def _coast(
    classified: gpd.GeoDataFrame | str | Path,
    model: Package | str | Path | None,
    truth: str | None,
    scene: Scene | str | Path | None,
    label: str,
) -> _Coast:
    source = classified if isinstance(classified, str | Path) else "the classified table"
    table = read_vector(classified) if isinstance(classified, str | Path) else classified
    require_crs(table, source)
    for name in ("status", "ClassValue", "Confidence"):
        if name not in table.columns:
            raise InputError(source, f"has no field {name!r}", "classify it first with littoral classify")
    if table.empty:
        raise InputError(source, "has no rectangles", "classify some first with littoral classify")
    label = require_column(table, label, source)
    truth = None if truth is None else require_column(table, truth, source)
    package = read_package(model) if isinstance(model, str | Path) else model
    coast = _Coast(table, label, truth, package, open_scene(scene) if isinstance(scene, str | Path) else scene)
    unknown = set(coast.answer[coast.answered].tolist()) - {c.code for c in coast.classes}
    if unknown:
        raise InputError(source, f"has the class values {sorted(unknown)}, which the model does not know",
                         "pass the model that classified it")  # fmt: skip
    return coast
