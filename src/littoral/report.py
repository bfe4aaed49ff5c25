"""Classified coast and scores to one page: what a person looks at first.

The page is one HTML file that needs nothing else: no network, no script. A part that lacks an input is left out, and
the page names it and says what to pass.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import geopandas as gpd
import jinja2
import numpy as np
import pandas as pd
import shapely
from markupsafe import Markup
from matplotlib.figure import Figure
from numpy.typing import NDArray

from littoral import figures
from littoral.categories import CATCOA, UNKNOWN_COLOUR, Category, Scheme
from littoral.errors import InputError
from littoral.imagery import Band, Scene, open_scene, read_overview, select_bands
from littoral.learn.evaluation import Baselines, Scores, band_statistics, score
from littoral.package import Package, read_package
from littoral.progress import Track, silent
from littoral.tiles import CLASSIFIED, NODATA, OUTSIDE, TileSpec, cut_tiles
from littoral.vectors import check_output, read_vector, require_column, require_crs, staged

SAMPLES = 8
"""Most sample tiles of a kind."""
SAMPLE_PX = 256
"""Side of a sample tile, pixels, where no model says it."""
_MAP_PX, _LONGEST_PX = 1000, 3000
"""Pixels wanted across the ground of the map; most that are read of a scene for it."""

Rows = NDArray[np.intp]
Ground = tuple[figures.Image, tuple[float, float, float, float]]
Pick = tuple[str, Rows]


class _LeftOut(Exception):  # noqa: N818 - not an error: the page goes on without the part
    """Why a part of the page is left out, and what to do."""


class _Summary(NamedTuple):
    """A class, or a status, in figures."""

    name: str
    colour: str
    rectangles: int
    km: float
    confidence: float


@dataclass(frozen=True)
class _Coast:
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
            raise _LeftOut(f"needs {', '.join(what for what, _ in lacking)}: pass {' '.join(o for _, o in lacking)}")

    @cached_property
    def answered(self) -> NDArray[np.bool_]:
        return np.asarray((self.table["status"].astype(str) == CLASSIFIED) & self.table["ClassValue"].notna(), bool)

    @cached_property
    def answer(self) -> NDArray[np.float64]:
        """Class value, NaN where there is none."""
        return np.where(self.answered, _numbers(self.table["ClassValue"]), np.nan)

    @cached_property
    def confidence(self) -> NDArray[np.float64]:
        return np.where(self.answered, _numbers(self.table["Confidence"]), np.nan)

    @cached_property
    def km(self) -> NDArray[np.float64] | None:
        """Shoreline; None where the table does not know it."""
        return np.nan_to_num(_numbers(self.table["line_m"])) / 1000 if "line_m" in self.table.columns else None

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
            raise _LeftOut(f"no classified rectangle has one of the model's classes in {self.truth_field}: "
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

    def score(self, rows: Rows, probabilities: NDArray[np.float64] | None = None) -> Scores:
        """Scores on some of the scored rows: of the table's answers, or of others (rows, classes)."""
        if probabilities is None:
            fields = [f"P_{c.code}" for c in self.classes]
            if missing := [name for name in fields if name not in self.table.columns]:
                raise _LeftOut(f"the table lacks {', '.join(missing)}: pass it as littoral classify wrote it, and the "
                               "model that did")  # fmt: skip
            probabilities = np.column_stack([_numbers(self.table[name])[rows] for name in fields])
        place = {c.code: i for i, c in enumerate(self.classes)}
        return score(np.array([place[int(code)] for code in self.truth[rows]]), probabilities, self.classes)

    def summary(self, name: str, rows: NDArray[np.bool_], colour: str = "") -> _Summary:
        km = float(self.km[rows].sum()) if self.km is not None else 0.0
        known = self.confidence[rows & np.isfinite(self.confidence)]
        return _Summary(name, colour, int(rows.sum()), km, float(known.mean()) if len(known) else float("nan"))


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
        classified: Rectangles as ``littoral classify`` writes them, in any CRS: ``status``, ``ClassValue``, the class
            names, ``Confidence`` (0 to 1), ``P_<code>``, and ``line_m`` (metres of shoreline) if there is one.
        out: The HTML file.
        model: The package that classified them: names and colours of the classes, baselines, facts about the model.
        truth: Field of ``classified`` with the true class, as code or name; null where it is not known.
        scene: The imagery: ground of the map, sample tiles, baselines.
        class_label_field: Field with the name of each answer.
        overwrite: Replace ``out``.
        title: Heading of the page.
        track: Shows how far the cutting of tiles is.

    Raises:
        InputError: the table was not classified or lacks a field, a model of other classes, a scene elsewhere.
        ExistsError: ``out`` is there and ``overwrite`` is False.
        WriteError: the disk refused; an older page is still there.
    """
    out = Path(out)
    check_output(out, overwrite)
    coast = _coast(classified, model, truth, scene, class_label_field)
    left_out: dict[str, str] = {}

    def part(name: str, make: Callable[[_Coast], Any]) -> Any:
        try:
            return make(coast)
        except _LeftOut as reason:
            left_out[name] = str(reason)
            return None

    ground = part("imagery under the map", _ground)
    answers = _map(coast, coast.answer, "The answers", "not classified", ground)
    truths = part("map of the truth", lambda c: _map(c, c.truth, f"The truth ({truth})", "not known", ground))
    scores = part("confusion matrix, scores by class, reliability of the confidence", lambda c: c.score(c.scored))
    compared = part("comparison with simple models", _compared)
    picks = part("sample tiles", _picks)
    means, images = _cut(coast, compared, picks or (), track)
    status = coast.table["status"].astype(str).to_numpy()
    names = dict.fromkeys((CLASSIFIED, OUTSIDE, NODATA, *sorted(set(status))))
    page = {
        "title": title or "Classified coast",
        "counted": coast.km is None,
        "total": coast.summary("all", np.ones(len(status), bool)),
        "statuses": [coast.summary(name, status == name) for name in names],
        "shares": [coast.summary(c.name, coast.answer == c.code, c.colour) for c in coast.classes],
        "maps": [answers] + ([truths] if truths else []),
        "scores": scores,
        "scored": _scored(coast) if scores else "",
        "comparison": compared is not None and part("comparison with simple models", lambda c: _comparison(c, means)),
        "samples": picks and part("sample tiles", lambda c: _samples(c, picks, images)),
        "package": coast.package,
        "validation": part("scores of the model" if coast.package else "the model", _validation),
        "scheme": coast.scheme,
        "left_out": left_out,
        "figure": _figure,
        "figures": figures,
    }
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("littoral"), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    text = environment.get_template("report.html.j2").render(page)
    with staged(out) as stage:
        stage.write_text(text, encoding="utf-8")
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
            raise InputError(source, f"has no field {name!r}", "classify it first, with littoral classify")
    if table.empty:
        raise InputError(source, "has no rectangles", "classify some first, with littoral classify")
    coast = _Coast(
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


def _scored(coast: _Coast) -> str:
    """Which rectangles count, in words."""
    known = np.isfinite(coast.truth)
    foreign = coast.answered & known
    foreign[coast.scored] = False
    names = ", ".join(coast.scheme.category(int(code)).name for code in np.unique(coast.truth[foreign]))
    left = ((~coast.answered, "not classified"), (coast.answered & ~known, f"without {coast.truth_field}"),
            (foreign, f"of a class the model does not know ({names})"))  # fmt: skip
    text = "; ".join(f"{rows.sum()} {why}" for rows, why in left if rows.any())
    return f"{len(coast.scored)} of {len(known)} rectangles are scored" + (f"; left out: {text}." if text else ".")


def _ground(coast: _Coast) -> Ground:
    """The scene around the rectangles as a picture, and its left, right, bottom, top."""
    coast.need(scene=True)
    scene = coast.scene
    assert scene is not None
    if scene.transform.b or scene.transform.d:
        raise _LeftOut(f"the grid of {scene.name} is turned: pass it north up, e.g. from gdalwarp")
    bounds = shapely.bounds(coast.table.geometry.to_crs(scene.crs).to_numpy()[coast.on_scene])
    low, high = bounds[:, :2].min(axis=0), bounds[:, 2:].max(axis=0)
    margin = (high - low).max() / 2
    corners = np.array([low - margin, high + margin])
    columns, rows = (np.sort(pixels) for pixels in ~scene.transform @ (corners[:, 0], corners[:, 1]))
    wanted_px = _MAP_PX * max(scene.width, scene.height) / max(np.ptp(columns), np.ptp(rows))
    bands = [scene.bands[i] for i in dict.fromkeys(_rgb(scene.bands))]
    values, valid = read_overview(scene, bands, int(np.clip(wanted_px, _MAP_PX, _LONGEST_PX)))
    across, down = valid.shape[1] / scene.width, valid.shape[0] / scene.height
    first, last = np.clip(columns * across, 0, valid.shape[1]).round().astype(int)
    upper, lower = np.clip(rows * down, 0, valid.shape[0]).round().astype(int)
    x, y = scene.transform @ (np.array([first, last]) / across, np.array([lower, upper]) / down)
    picture = figures.stretch(values[:, upper:lower, first:last], valid[upper:lower, first:last])
    return picture, (float(x[0]), float(x[1]), float(y[0]), float(y[1]))


def _map(
    coast: _Coast, codes: NDArray[np.float64], caption: str, unknown: str, ground: Ground | None
) -> tuple[str, Markup]:
    shapes = coast.table.geometry
    outlines = gpd.GeoDataFrame(geometry=shapes.to_crs(coast.scene.crs if coast.scene else _local_crs(shapes)))
    used = [coast.scheme.category(int(code)) for code in np.unique(codes[np.isfinite(codes)])]
    legend = [(c.name, c.colour) for c in used] + ([(unknown, UNKNOWN_COLOUR)] if np.isnan(codes).any() else [])
    colour = {c.code: c.colour for c in used}
    colours = [colour.get(code, UNKNOWN_COLOUR) for code in codes.tolist()]
    drawn = figures.plot_map(outlines, colours, legend=legend, background=ground, width_in=5.2)
    return caption, _figure(drawn, f"Map: {caption}")


def _local_crs(shapes: gpd.GeoSeries) -> str:
    """True to scale around the middle of the shapes, wherever on Earth: on the antimeridian too."""
    lonlat = shapely.get_coordinates(shapes.to_crs(4326).to_numpy())
    longitude, latitude = np.radians(lonlat[np.isfinite(lonlat).all(axis=1)]).T
    middle = np.angle(np.exp(1j * longitude).mean())
    return f"+proj=aeqd +lon_0={np.degrees(middle)} +lat_0={np.degrees(latitude.mean())} +datum=WGS84"


def _compared(coast: _Coast) -> Rows:
    """Rows that the simple models are asked about."""
    coast.need(truth=True, model=True, scene=True)
    rows = coast.scored[coast.on_scene[coast.scored]]
    if coast.package is not None and not coast.package.manifest.baselines:
        raise _LeftOut("the package holds no simple models: train it again with littoral train")
    if not len(rows):
        raise _LeftOut("no scored rectangle lies on the scene: pass the scene they were classified with")
    return rows


def _picks(coast: _Coast) -> list[Pick]:
    """Headings and rows of the sample tiles, the most telling first."""
    rows = np.flatnonzero(coast.on_scene & coast.answered)
    rows = rows[np.argsort(-coast.confidence[rows], kind="stable")]
    if coast.truth_field:
        rows = rows[np.isin(rows, coast.scored)]
        right = coast.answer[rows] == coast.truth[rows]
        # The surest answers of all are often of one class; one of each class shows more.
        rank = pd.Series(coast.answer[rows[right]]).groupby(coast.answer[rows[right]]).cumcount().to_numpy()
        varied = rows[right][np.argsort(rank, kind="stable")]
        picks = [("Right, and most confident", varied), ("Wrong, and most confident", rows[~right])]
    else:
        picks = [("Most confident", rows[:SAMPLES]), ("Least confident", rows[SAMPLES:][::-1])]
    return [(heading, chosen[:SAMPLES]) for heading, chosen in picks]


def _cut(
    coast: _Coast, compared: Rows | None, picks: Iterable[Pick], track: Track
) -> tuple[dict[int, NDArray[np.float64]], dict[int, figures.Image]]:
    """Band statistics of the compared rows, pictures of the picked ones; one tile is held at a time."""
    means: dict[int, NDArray[np.float64]] = {}
    images: dict[int, figures.Image] = {}
    measured = set() if compared is None else set(compared.tolist())
    pictured = {row for _, rows in picks for row in rows.tolist()}
    rows = sorted(measured | pictured)
    if not rows or coast.scene is None:
        return means, images
    if coast.package is not None:
        spec = coast.package.manifest.preprocessing.tile
    else:
        names = [coast.scene.bands[i].name for i in dict.fromkeys(_rgb(coast.scene.bands))]
        spec = TileSpec(SAMPLE_PX, tuple(names), min_valid=0.0)
    rgb = _rgb(select_bands(coast.scene, spec.bands))
    tiles = track(cut_tiles(coast.scene, coast.table.iloc[rows], spec), len(rows), "cutting tiles")
    for tile in tiles:
        row = rows[tile.position]
        if tile.status == CLASSIFIED and row in measured:
            means[row] = band_statistics(tile.values, tile.valid)
        if tile.status == CLASSIFIED and row in pictured:
            images[row] = figures.stretch(tile.values, tile.valid, rgb)
    return means, images


def _comparison(coast: _Coast, means: Mapping[int, NDArray[np.float64]]) -> dict[str, Any]:
    """The network and the simple models on the very same rectangles."""
    assert coast.package is not None
    if not means:
        raise _LeftOut("the scene shows none of the scored rectangles: pass the scene they were classified with")
    rows, seen = np.array(sorted(means)), np.stack([means[row] for row in sorted(means)])
    simple = Baselines.from_json(coast.package.manifest.baselines).predict(seen)
    others = {name: coast.score(rows, probabilities) for name, probabilities in simple.items()}
    return {"network": coast.score(rows), "others": others, "best": max(others, key=lambda n: others[n].macro_f1)}


def _samples(coast: _Coast, picks: Iterable[Pick], images: Mapping[int, figures.Image]) -> list[tuple[str, Markup]]:
    truth = coast.truth if coast.truth_field else coast.answer

    def title(row: int) -> str:
        said, true = (coast.scheme.category(int(codes[row])).name for codes in (coast.answer, truth))
        return f"{said if said == true else f'{true} → {said}'}\n{coast.confidence[row]:.0%}"

    sheets = []
    for heading, rows in picks:
        shown = [row for row in rows.tolist() if row in images]
        if shown:
            titles = [title(row) for row in shown]
            colours = [coast.scheme.category(int(coast.answer[row])).colour for row in shown]
            drawn = figures.plot_tiles([images[row] for row in shown], titles, columns=4, colours=colours)
            sheets.append((heading, _figure(drawn, f"{heading}: {', '.join(titles)}")))
    if not sheets:
        raise _LeftOut("the scene shows none of the classified rectangles: pass the scene they were classified with")
    return sheets


def _validation(coast: _Coast) -> dict[str, Any]:
    """The model's own scores, on its validation tiles."""
    coast.need(model=True)
    assert coast.package is not None
    record = coast.package.scores
    if "network" not in record:
        raise _LeftOut("the package holds no scores: train it again with littoral train")
    try:
        others = {str(name): Scores.from_json(entry) for name, entry in record["baselines"].items()}
        return {"network": Scores.from_json(record["network"]), "others": others}
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"the model {coast.package.name}", f"has damaged scores ({error})", "train it again"
        ) from error


def _rgb(bands: Iterable[Band]) -> tuple[int, int, int]:
    """Bands that only were counted say nothing about their colour."""
    return figures.rgb_bands([band.name if band.described else "" for band in bands])


def _numbers(column: pd.Series[Any]) -> NDArray[np.float64]:
    """As floats, null as NaN."""
    return pd.to_numeric(column).to_numpy(np.float64, na_value=np.nan)


def _figure(figure: Figure, description: str) -> Markup:
    # Safe as it stands: matplotlib escapes the text it writes, and figures.svg the description.
    return Markup(figures.svg(figure, description))
