"""Sample tiles, and band statistics of the rectangles that simple models are asked about."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import pandas as pd
from markupsafe import Markup
from numpy.typing import NDArray

from littoral import figures
from littoral.imagery import select_bands
from littoral.learn.evaluation import band_statistics
from littoral.progress import Track
from littoral.report.coast import Coast, LeftOut, Rows
from littoral.report.drawing import as_svg, rgb_of
from littoral.tiles import CLASSIFIED, TileSpec, cut_tiles

SAMPLES = 8
"""Most sample tiles of a kind."""
SAMPLE_PX = 256
"""Side of a sample tile, pixels, where no model says it."""

Pick = tuple[str, Rows]


def sample_picks(coast: Coast) -> list[Pick]:
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


def cut_samples(
    coast: Coast, compared: Rows | None, picks: Iterable[Pick], track: Track
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
        names = [coast.scene.bands[i].name for i in dict.fromkeys(rgb_of(coast.scene.bands))]
        spec = TileSpec(SAMPLE_PX, tuple(names), min_valid=0.0)
    rgb = rgb_of(select_bands(coast.scene, spec.bands))
    tiles = track(cut_tiles(coast.scene, coast.table.iloc[rows], spec), len(rows), "cutting tiles")
    for tile in tiles:
        row = rows[tile.position]
        if tile.status == CLASSIFIED and row in measured:
            means[row] = band_statistics(tile.values, tile.valid)
        if tile.status == CLASSIFIED and row in pictured:
            images[row] = figures.stretch(tile.values, tile.valid, rgb)
    return means, images


def sample_sheets(coast: Coast, picks: Iterable[Pick], images: Mapping[int, figures.Image]) -> list[tuple[str, Markup]]:
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
            sheets.append((heading, as_svg(drawn, f"{heading}: {', '.join(titles)}")))
    if not sheets:
        raise LeftOut("the scene shows none of the classified rectangles: pass the scene they were classified with")
    return sheets
