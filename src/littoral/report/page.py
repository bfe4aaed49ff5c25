"""Write the report page on a classified coast."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import jinja2
import numpy as np

from littoral import figures
from littoral.imagery import Scene
from littoral.package import Package
from littoral.progress import Track, silent
from littoral.report.coast import CoastData, LeftOut, read_coast
from littoral.report.elements import as_svg
from littoral.report.map_data import map_data
from littoral.report.maps import draw_map, ground_picture, names_without_class
from littoral.report.model_scores import compared_rows, comparison, scored_rectangles, validation
from littoral.report.options import ReportOptions
from littoral.report.review_list import first_places, rows_of
from littoral.report.samples import cut_samples, sample_picks, sample_sheets, thumbnails
from littoral.tiles import CLASSIFIED, NODATA, OUTSIDE
from littoral.vectors import check_output, staged


def write_report(
    classified: gpd.GeoDataFrame | str | Path,
    out: str | Path,
    options: ReportOptions | None = None,
    *,
    model: Package | str | Path | None = None,
    scene: Scene | str | Path | None = None,
    overwrite: bool = False,
    title: str | None = None,
    track: Track = silent,
) -> Path:
    """Write the page about a classified coast.

    Args:
        classified: Rectangles as ``littoral classify`` writes them, in any CRS: ``status``, ``ClassValue``, the class
            names, ``Confidence`` (0 to 1), ``P_<code>``, and ``line_m`` (metres of shoreline) if there is one.
        out: The HTML file.
        options: Columns of the table: that of the class names, and that of the true classes as codes or names, null
            where they are not known. A class that a person changed in the table is shown; the model's own prediction is
            scored.
        model: The package that classified them: names and colours of the classes, baselines, facts about the model, and
            its training area, whose rectangles are not scored.
        scene: The imagery: background of the map, sample tiles, baselines.
        overwrite: Replace ``out``.
        title: Heading of the page.
        track: Shows how far the cutting of tiles is.

    Raises:
        InputError: the table was not classified or lacks a column, a model of other classes, a scene elsewhere.
        ExistsError: ``out`` is there and ``overwrite`` is False.
        WriteError: the disk refused; an older page is still there.

    The page does not grow with the number of rectangles: its map shows at most
    :data:`~littoral.report.map_data.MOST` of them, 10 MB where they have four corners, and its pictures are few,
    4 MB where tiles are of 256 pixels. Memory: 4 KB for each row, the table included.
    """
    out = Path(out)
    check_output(out, overwrite)
    options = options or ReportOptions()
    truth = options.truth
    coast = read_coast(classified, model, truth, scene, options.class_label_field)
    left_out: dict[str, str] = {}

    def part(name: str, make: Callable[[CoastData], Any]) -> Any:
        try:
            return make(coast)
        except LeftOut as reason:
            left_out[name] = str(reason)
            return None

    ground = part("imagery under the map", ground_picture)
    predicted = draw_map(coast, coast.code, "Classes", names_without_class(coast), ground)
    true = part(
        "map of the true classes", lambda c: draw_map(c, c.truth, f"True classes ({truth})", "not known", ground)
    )
    first = first_places(coast)
    scores = part("confusion matrix, scores by class, reliability of the confidence", lambda c: c.scores)
    compared = part("comparison with simple models", compared_rows)
    picks = part("sample tiles", sample_picks)
    listed = rows_of(first)
    shown = listed[coast.on_scene[listed]] if coast.scene is not None else listed[:0]
    means, images = cut_samples(coast, compared, [*(picks or ()), ("", shown)], track)
    status = coast.status
    names = dict.fromkeys((CLASSIFIED, OUTSIDE, NODATA, *sorted(set(status))))
    page = {
        "title": title or "Classified coast",
        "counted": coast.km is None,
        "total": coast.group("all", np.ones(len(status), bool)),
        "statuses": [coast.group(name, status == name) for name in names],
        "shares": [coast.group(c.name, coast.code == c.code, c.colour) for c in coast.classes],
        "maps": [predicted, *([true] if true else [])],
        "first": first,
        "thumbnails": thumbnails(coast, shown.tolist(), images),
        "live": map_data(coast, ground, listed),
        "scores": scores,
        "scored": scored_rectangles(coast) if scores else [],
        "unseen": coast.seen is not None,
        "notes": coast.predictions.notes,
        "comparison": compared is not None and part("comparison with simple models", lambda c: comparison(c, means)),
        "samples": picks and part("sample tiles", lambda c: sample_sheets(c, picks, images)),
        "package": coast.package,
        "validation": part("scores of the model" if coast.package else "the model", validation),
        "scheme": coast.scheme,
        "left_out": left_out,
        "figure": as_svg,
        "figures": figures,
    }
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("littoral"), autoescape=True, trim_blocks=True, lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )  # fmt: skip
    text = environment.get_template("report.html.j2").render(page)
    with staged(out) as stage:
        stage.write_text(text, encoding="utf-8", newline="\n")
    return out
