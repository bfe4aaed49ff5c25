"""From a classified coast to what it says: on the line, in kilometres, and beside an earlier one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from littoral.cli.door import CategoryTable, Layer, Overwrite, app, scheme, share_of, tell_renamed
from littoral.progress import bar
from littoral.vectors import (
    DRIVERS,
    check_output,
    qgis_style,
    read_provenance,
    read_vector,
    staged,
    trace,
    write_vector,
)

if TYPE_CHECKING:
    import pandas as pd

Level = Annotated[float, typer.Option(help="Of the intervals, per cent.")]
Correlation = Annotated[
    float, typer.Option(help="Metres along the shore over which the correlation of mistakes falls to 1/e.", min=0)
]
Label = Annotated[str, typer.Option(help="Field with the name of the class.")]
Table = Annotated[Path | None, typer.Option(help="Also write the kilometres, as CSV.")]

_PRINTED = ["ClassLabel", "km", "share", "expected_km", "low_km", "high_km"]


@app.command()
def summarise(
    classified: Annotated[Path, typer.Argument(help="What classify wrote.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Shoreline in colours to write (.gpkg, .parquet, …).")],
    shoreline: Annotated[
        Path | None, typer.Option(help="The shoreline to cut; without it the chords of the rectangles.")
    ] = None,
    areas: Annotated[Path | None, typer.Option(help="Polygons to sum by; the line is cut at their borders.")] = None,
    area_field: Annotated[str | None, typer.Option(help="Field with the names of the areas.")] = None,
    table: Table = None,
    smoothed: Annotated[bool, typer.Option("--smoothed", help="Take the answers along the chain.")] = False,
    level: Level = 95,
    correlation: Correlation = 3000,
    reach: Annotated[
        float, typer.Option(help="How far beyond its last rectangle a line belongs to it, metres.", min=0)
    ] = 100,
    class_label_field: Label = "ClassLabel",
    categories: CategoryTable = None,
    layer: Layer = None,
    overwrite: Overwrite = False,
) -> None:
    """The result of summarise is the shoreline itself, cut and coloured by category, and km with intervals."""
    from littoral.predictions import IntervalOptions, SummariseOptions
    from littoral.predictions import summarise as sum_up

    check_output(output, overwrite, DRIVERS, inputs=(classified, shoreline, areas))
    if table is not None:
        check_output(table, overwrite, (".csv",), inputs=(classified, shoreline, areas, categories))
    found = sum_up(
        read_vector(classified, layer),
        None if shoreline is None else read_vector(shoreline),
        None if areas is None else read_vector(areas),
        SummariseOptions(smoothed, area_field, reach, class_label_field),
        IntervalOptions(level, correlation),
        scheme=scheme(categories),
        track=bar,
    )
    for note in found.notes:
        print(f"  {note}")
    parameters = {"smoothed": smoothed, "level": level, "correlation": correlation, "reach": reach,
                  "area_field": area_field}  # fmt: skip
    write_vector(
        found.pieces,
        output,
        overwrite=overwrite,
        style=qgis_style(class_label_field, list(found.categories), text_values=True, geometry="line"),
        provenance=trace(
            "summarise",
            {"classified": classified, "shoreline": shoreline, "areas": areas, "categories": categories},
            parameters,
        ),
    )
    if table is not None:
        _write_csv(found.table, table)
    tell_renamed(found.pieces)
    for area, rows in found.table.groupby("area", sort=False):
        if found.table["area"].nunique() > 1:
            print(area)
        print(f"  {'':<22}{'km':>10} {'share':>7} {'expected':>10}   {level:g} % interval")
        for name, km, share, expected, low, high in zip(*(rows[column] for column in _PRINTED), strict=True):
            told = "" if low != low else f"{expected:>10.1f}   {low:.1f} to {high:.1f}"
            print(f"  {name:<22}{km:>10.1f} {share_of(share):>7} {told}".rstrip())
    print(f"{output}: {found.pieces['length_m'].sum() / 1000:.3f} km in {len(found.pieces)} pieces")


@app.command()
def change(
    before: Annotated[Path, typer.Argument(help="What classify wrote for the earlier date.")],
    after: Annotated[Path, typer.Argument(help="What classify wrote for the later date, with the same model.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Changes to write (.gpkg, .parquet, …).")],
    rate: Annotated[
        float | None,
        typer.Option(
            help="Share of the shore that is expected to have changed, e.g. 0.05.",
            show_default="the one that makes both coasts likeliest",
        ),
    ] = None,
    min_overlap: Annotated[float, typer.Option(help="Least overlap of the same place, intersection over union.")] = 0.3,
    table: Table = None,
    level: Level = 95,
    correlation: Correlation = 3000,
    class_label_field: Label = "ClassLabel",
    categories: CategoryTable = None,
    overwrite: Overwrite = False,
) -> None:
    """The result of change is where the category changed between two dates, with the probability that it did."""
    from littoral.predictions import STATUSES, ChangeOptions, IntervalOptions, notes_on_provenance
    from littoral.predictions import change as compare

    check_output(output, overwrite, DRIVERS, inputs=(before, after))
    if table is not None:
        check_output(table, overwrite, (".csv",), inputs=(before, after, categories))
    found = compare(
        read_vector(before),
        read_vector(after),
        ChangeOptions(rate, min_overlap, class_label_field),
        IntervalOptions(level, correlation),
        scheme=scheme(categories),
    )
    parameters = {"rate": rate, "min_overlap": min_overlap, "level": level, "correlation": correlation}
    write_vector(
        found.rectangles,
        output,
        overwrite=overwrite,
        style=qgis_style("change", list(STATUSES), text_values=True),
        provenance=trace("change", {"before": before, "after": after, "categories": categories}, parameters),
    )
    if table is not None:
        _write_csv(found.km, table)
    for status, count in found.rectangles["change"].value_counts().items():
        print(f"  {status:<22}{count:>8}")
    moved = found.km[found.km["before"] != found.km["after"]].sort_values("km", ascending=False, kind="stable")
    for row in moved.itertuples(index=False):
        print(f"    {row.before} to {row.after}: {row.km:.1f} km")
    low, high = found.interval_km
    if found.compared_km:
        print(f"  of {found.compared_km:.1f} km compared {found.changed_km:.1f} km are expected to have changed "
              f"({low:.1f} to {high:.1f} at {level:g} %)")  # fmt: skip
        if rate is None:
            print(f"  estimated prior probability of change: {found.rate:.3f}")
    for note in [*found.notes, *notes_on_provenance(read_provenance(before), read_provenance(after))]:
        print(f"  {note}")
    print(f"{output}: {len(found.rectangles)} rectangles")


def _write_csv(table: pd.DataFrame, path: Path) -> None:
    with staged(path) as stage:
        table.to_csv(stage, index=False, float_format="%.6f", lineterminator="\n")
