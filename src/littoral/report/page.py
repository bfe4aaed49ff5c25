"""The page put together."""

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
from littoral.report.coast import Coast, LeftOut, read_coast
from littoral.report.elements import as_svg
from littoral.report.map_data import map_data
from littoral.report.maps import draw_map, ground_picture, unanswered
from littoral.report.review_list import first_places, rows_of
from littoral.report.samples import cut_samples, sample_picks, sample_sheets, thumbnails
from littoral.report.scores import compared_rows, comparison, scored_words, validation
from littoral.tiles import CLASSIFIED, NODATA, OUTSIDE
from littoral.vectors import check_output, staged


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

    The page does not grow with the number of rectangles: its map shows at most
    :data:`~littoral.report.map_data.MOST` of them, 10 MB where they have four corners, and its pictures are few,
    4 MB where tiles are of 256 pixels. Memory: 4 KB for each row, the table included.
    """
    out = Path(out)
    check_output(out, overwrite)
    coast = read_coast(classified, model, truth, scene, class_label_field)
    left_out: dict[str, str] = {}

    def part(name: str, make: Callable[[Coast], Any]) -> Any:
        try:
            return make(coast)
        except LeftOut as reason:
            left_out[name] = str(reason)
            return None

    ground = part("imagery under the map", ground_picture)
    answers = draw_map(coast, coast.answer, "The answers", unanswered(coast), ground)
    truths = part("map of the truth", lambda c: draw_map(c, c.truth, f"The truth ({truth})", "not known", ground))
    first = first_places(coast)
    scores = part("confusion matrix, scores by class, reliability of the confidence", lambda c: c.scores)
    compared = part("comparison with simple models", compared_rows)
    picks = part("sample tiles", sample_picks)
    told = rows_of(first)
    seen = told[coast.on_scene[told]] if coast.scene is not None else told[:0]
    means, images = cut_samples(coast, compared, [*(picks or ()), ("", seen)], track)
    status = coast.status
    names = dict.fromkeys((CLASSIFIED, OUTSIDE, NODATA, *sorted(set(status))))
    page = {
        "title": title or "Classified coast",
        "counted": coast.km is None,
        "total": coast.summary("all", np.ones(len(status), bool)),
        "statuses": [coast.summary(name, status == name) for name in names],
        "shares": [coast.summary(c.name, coast.answer == c.code, c.colour) for c in coast.classes],
        "maps": [answers] + ([truths] if truths else []),
        "first": first,
        "thumbnails": thumbnails(coast, seen.tolist(), images),
        "live": map_data(coast, ground, told),
        "scores": scores,
        "scored": scored_words(coast) if scores else "",
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
