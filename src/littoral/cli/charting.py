"""From charts to a coastline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import pandas as pd
import typer

from littoral.categories import CATCOA
from littoral.charts.options import ChartOptions
from littoral.cli.door import Overwrite, app, counted, share_of, tell_kilometres
from littoral.errors import InputError
from littoral.progress import bar
from littoral.vectors import DRIVERS, check_output, qgis_style, write_vector


@app.command()
def charts(
    cells: Annotated[
        list[Path], typer.Argument(help="S-57 base cells (.000; updates beside them), zips, or folders of them.")
    ],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Coastline to write (.gpkg, .parquet, .fgb, …).")
    ] = None,
    keep_all_scales: Annotated[
        bool,
        typer.Option("--keep-all-scales", help="Keep lines that a cell of larger scale covers; one place, many lines."),
    ] = False,
    constructed: Annotated[
        bool, typer.Option("--constructed", help="Read shoreline constructions (SLCONS) too, as category 100.")
    ] = False,
    summary: Annotated[bool, typer.Option("--summary", help="Print km and share per category and per cell.")] = False,
    skip_broken: Annotated[
        bool, typer.Option("--skip-broken", help="Leave out cells that cannot be read, and say which.")
    ] = False,
    overwrite: Overwrite = False,
) -> None:
    """The result of charts is a coastline: one row per line, with CATCOA and where it comes from."""
    from littoral.charts import read_charts, summarise_coast

    if output is None and not summary:
        raise InputError("charts", "has nothing to do", "pass -o coast.gpkg, --summary, or both")
    if output is not None:
        check_output(output, overwrite, DRIVERS, inputs=cells)
    coast = read_charts(
        cells,
        ChartOptions(keep_all_scales=keep_all_scales, constructed=constructed, skip_broken=skip_broken),
        track=bar,
    )
    if coast.empty:
        raise InputError(", ".join(map(str, cells)), "holds no coastline", "pass cells that show a coast")
    if output is not None:
        style = qgis_style("CATCOA", list(CATCOA.values()), text_values=False, geometry="line")
        write_vector(coast, output, overwrite=overwrite, style=style)
    replaced = pd.DataFrame.from_dict(coast.attrs["replaced_km"], orient="index").fillna(0.0)
    for cell, length in replaced.sum(axis=1).items():
        print(f"{cell}: {length:.1f} km replaced by cells of larger scale")
    km = summarise_coast(coast)
    total = km.T["all"]
    lines, of_cells = counted(len(coast), "line"), counted(coast["cell"].nunique(), "cell")
    print(f"{output or 'coastline'}: {lines} of {of_cells}, {total.sum():.1f} km")
    tell_kilometres(total)
    if summary:
        print(_by_cell(km))
        if len(replaced):
            print("replaced by cells of larger scale:")
            replaced.loc["all"] = replaced.sum()
            print(_by_cell(replaced))


def _by_cell(km: pd.DataFrame) -> str:
    """A table of km and shares: a row per cell, a column per category."""
    width = max(len("cell"), *(len(str(cell)) for cell in km.index))
    sizes = [max(len(str(name)), 15) for name in km.columns]
    head = "".join(f"  {name!s:>{size}}" for name, size in zip(km.columns, sizes, strict=True))
    lines = [f"{'cell':<{width}}{'km':>10}{head}"]
    for cell, row in zip(km.index, km.to_numpy(), strict=True):
        whole = row.sum()
        shares = (f"{part:.1f} {share_of(part / max(whole, 1e-9)):>6}" for part in row)
        told = "".join(f"  {share:>{size}}" for share, size in zip(shares, sizes, strict=True))
        lines.append(f"{cell!s:<{width}}{whole:>10.1f}{told}")
    return "\n".join(lines)
