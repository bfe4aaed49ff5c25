"""From lines and imagery to a labelled shoreline, and rectangles along it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from littoral.categories import CATCOA
from littoral.cli.door import (
    Layer,
    Overwrite,
    app,
    tell_renamed,
)
from littoral.progress import bar
from littoral.vectors import DRIVERS, check_output, qgis_style, read_vector, require_column, write_vector


@app.command()
def rectangles(
    lines: Annotated[Path, typer.Argument(help="Coastline: what charts wrote, or any layer of lines.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Rectangles to write (.gpkg, .parquet, .fgb, …).")],
    length: Annotated[float, typer.Option(help="Length along the line, metres.")] = 1000.0,
    width: Annotated[float, typer.Option(help="Length perpendicular to the line, metres.")] = 1000.0,
    sort: Annotated[Literal["UL", "UR", "LL", "LR"], typer.Option(help="Corner where each group starts.")] = "UL",
    overlap: Annotated[
        float | None, typer.Option(help="Part of a box that the next one covers again, 0 up to 1.", show_default="0")
    ] = None,
    spacing: Annotated[
        float | None, typer.Option(help="Or: metres from one start to the next.", show_default="the length")
    ] = None,
    tail: Annotated[
        Literal["full", "drop", "shift_back"],
        typer.Option(help="The rest of a line: a box beyond its end, none, or one that ends with the line."),
    ] = "full",
    min_line: Annotated[float, typer.Option(help="Leave out merged lines that are shorter, metres.")] = 0.0,
    merge_by: Annotated[
        str | None,
        typer.Option(
            help="Class field: only lines with equal values are walked as one; '' for all.",
            show_default="CATCOA if it is there",
        ),
    ] = None,
    layer: Layer = None,
    overwrite: Overwrite = False,
) -> None:
    """The result of rectangles is a chain of equal boxes along each line, with the line's own fields."""
    from littoral.rectangles import rectangles_along_lines

    check_output(output, overwrite, DRIVERS)
    table = read_vector(lines, layer)
    # A name given by hand must be there; CATCOA is only expected.
    by = "CATCOA" if merge_by is None else require_column(table, merge_by, lines) if merge_by else None
    boxes = rectangles_along_lines(
        table,
        length,
        width,
        sort=sort,
        by=by,
        overlap=overlap,
        spacing_m=spacing,
        tail=tail,
        min_line_m=min_line,
        track=bar,
    )
    style = qgis_style("CATCOA", list(CATCOA.values()), text_values=False) if "CATCOA" in boxes else None
    write_vector(boxes, output, overwrite=overwrite, style=style)
    tell_renamed(boxes)
    groups = boxes["GroupId"].nunique()
    print(f"{output}: {len(boxes)} rectangles in {groups} groups along {boxes['line_m'].sum() / 1000:.1f} km of line")
    if "purity" in boxes:
        mixed = int((boxes["purity"] < 0.75).sum())
        print(f"  in {mixed} of them less than three quarters of the line has their class (purity below 0.75)")
