"""Cut sample tiles for the page, and compute the band statistics that the simple models need."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import numpy as np
import pandas as pd
from markupsafe import Markup, escape
from numpy.typing import NDArray

from littoral import figures
from littoral.evaluation import band_statistics
from littoral.imagery import select_bands
from littoral.progress import Track
from littoral.report.coast import CoastData, LeftOut, Rows
from littoral.report.elements import as_svg, corners, jpeg, rgb_of
from littoral.tiles import CLASSIFIED, TileSpec, cut_tiles

SAMPLES = 8
"""Most sample tiles of a kind."""
SAMPLE_PX = 256
"""Side of a sample tile without a model, pixels."""

THUMBNAIL_PX = 128
"""Side of the picture of a place to review, pixels."""

Pick = tuple[str, Rows]


class Cutout(NamedTuple):
    """A tile as a picture."""

    picture: figures.Image
    outline: NDArray[np.float64]
    """(corners, 2), column and row of the rectangle's outline, pixels from the upper left corner."""


def sample_picks(coast: CoastData) -> list[Pick]:
    """Headings and rows of the sample tiles, by confidence."""
    rows = np.flatnonzero(coast.on_scene & coast.classified & ~coast.by_person)
    rows = rows[np.argsort(-coast.confidence[rows], kind="stable")]
    if coast.truth_field:
        rows = rows[np.isin(rows, coast.scored)]
        right = coast.code[rows] == coast.truth[rows]
        # The most confident predictions are often of one class; one of each class shows more.
        rank = pd.Series(coast.code[rows[right]]).groupby(coast.code[rows[right]]).cumcount().to_numpy()
        varied = rows[right][np.argsort(rank, kind="stable")]
        picks = [("Right, and most confident", varied), ("Wrong, and most confident", rows[~right])]
    else:
        picks = [("Most confident", rows[:SAMPLES]), ("Least confident", rows[SAMPLES:][::-1])]
    return [(heading, chosen[:SAMPLES]) for heading, chosen in picks]


def cut_samples(
    coast: CoastData, compared: Rows | None, picks: Iterable[Pick], track: Track
) -> tuple[dict[int, NDArray[np.float64]], dict[int, Cutout]]:
    """Band statistics of the compared rows, pictures of the picked ones; one tile is held at a time."""
    means: dict[int, NDArray[np.float64]] = {}
    images: dict[int, Cutout] = {}
    measured = set() if compared is None else set(compared.tolist())
    pictured = {row for _, rows in picks for row in rows.tolist()}
    rows = sorted(measured | pictured)
    if not rows or coast.scene is None:
        return means, images
    if coast.package is not None:
        spec = coast.package.manifest.preprocessing.tile
    else:
        names = [coast.scene.bands[i].name for i in dict.fromkeys(rgb_of(coast.scene.bands))]
        spec = TileSpec(SAMPLE_PX, tuple(names), min_valid=0.0)
    rgb = rgb_of(select_bands(coast.scene, spec.bands))
    shapes = coast.table.geometry.to_crs(coast.scene.crs)
    tiles = track(cut_tiles(coast.scene, coast.table.iloc[rows], spec), len(rows), "cutting tiles")
    for tile in tiles:
        row = rows[tile.position]
        if tile.status == CLASSIFIED and row in measured:
            means[row] = band_statistics(tile.values, tile.valid)
        if tile.status == CLASSIFIED and row in pictured:
            outline = corners(shapes.iloc[row])
            placed = np.column_stack(~tile.transform @ (outline[:, 0], outline[:, 1]))
            images[row] = Cutout(figures.stretch(tile.values, tile.valid, rgb), placed)
    return means, images


def thumbnails(coast: CoastData, rows: Iterable[int], images: Mapping[int, Cutout]) -> dict[int, Markup]:
    """Small pictures of places, each with the outline of its rectangle, as elements of the page."""
    found = {}
    for row in rows:
        if row not in images:
            continue
        picture, outline = images[row]
        step = max(1, round(max(picture.shape[:2]) / THUMBNAIL_PX))
        height, width = picture.shape[:2]
        corner = " ".join(f"{x:.1f},{y:.1f}" for x, y in outline.tolist())
        held = jpeg(picture[::step, ::step])
        label = escape(f"{coast.name_of(row)} in the imagery")
        # Two strokes, so that the outline is visible on snow and on the dark sea.
        found[row] = Markup(
            f'<svg class="thumb" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">'
            f'<image href="{held}" width="{width}" height="{height}"/>'
            f'<polygon points="{corner}" class="under"/><polygon points="{corner}" class="over"/></svg>'
        )
    return found


def sample_sheets(coast: CoastData, picks: Iterable[Pick], images: Mapping[int, Cutout]) -> list[tuple[str, Markup]]:
    truth = coast.truth if coast.truth_field else coast.code

    def title(row: int) -> str:
        predicted, true = (coast.scheme.category(int(codes[row])).name for codes in (coast.code, truth))
        return f"{predicted if predicted == true else f'{true} → {predicted}'}\n{coast.confidence[row]:.0%}"

    sheets = []
    for heading, rows in picks:
        shown = [row for row in rows.tolist() if row in images]
        if shown:
            titles = [title(row) for row in shown]
            colours = [coast.scheme.category(int(coast.code[row])).colour for row in shown]
            drawn = figures.plot_tiles([images[row].picture for row in shown], titles, columns=4, colours=colours)
            sheets.append((heading, as_svg(drawn, f"{heading}: {', '.join(titles)}")))
    if not sheets:
        raise LeftOut("the scene shows none of the classified rectangles: pass the scene they were classified with")
    return sheets
