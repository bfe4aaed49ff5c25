"""From charts to a coastline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from littoral.categories import CATCOA
from littoral.cli.door import (
    Overwrite,
    app,
)
from littoral.progress import bar
from littoral.vectors import DRIVERS, check_output, qgis_style, write_vector


@app.command()
def charts(
    cells: Annotated[
        list[Path], typer.Argument(help="S-57 base cells (.000; updates beside them) or folders of them.")
    ],
    output: Annotated[Path, typer.Option("-o", "--output", help="Coastline to write (.gpkg, .parquet, .fgb, …).")],
    keep_all_scales: Annotated[
        bool,
        typer.Option("--keep-all-scales", help="Keep lines that a cell of larger scale covers; one place, many lines."),
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """The result of charts is a coastline: one row per line, with CATCOA and where it comes from."""
    from littoral.charts import read_charts
    from littoral.geodesy import line_lengths

    check_output(output, overwrite, DRIVERS)
    coast = read_charts(cells, keep_all_scales=keep_all_scales, track=bar)
    style = qgis_style("CATCOA", list(CATCOA.values()), text_values=False, geometry="line")
    write_vector(coast, output, overwrite=overwrite, style=style)
    for cell, length in coast.attrs["replaced_km"].items():
        print(f"{cell}: {length:.1f} km replaced by cells of larger scale")
    km = line_lengths(coast) / 1000
    print(f"{output}: {len(coast)} lines of {coast['cell'].nunique()} cells, {km.sum():.1f} km")
    shares = km.groupby(coast["category"].fillna("no category")).sum().sort_values(ascending=False)
    for name, length in shares.items():
        print(f"  {name:<22}{length:>10.1f} km {length / max(km.sum(), 1e-9):>6.1%}")
