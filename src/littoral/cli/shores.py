"""From lines and imagery to a labelled shoreline, and rectangles along it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from littoral.categories import CATCOA, read_mapping
from littoral.cli.door import (
    BandNames,
    CategoryTable,
    Layer,
    Overwrite,
    SceneArgument,
    SceneCrs,
    app,
    counted,
    listed,
    scheme,
    tell_kilometres,
    tell_renamed,
)
from littoral.errors import InputError
from littoral.imagery.options import SceneOptions
from littoral.progress import bar
from littoral.rectangles.options import RectangleOptions
from littoral.shoreline.options import LabelOptions, ShorelineOptions
from littoral.vectors import (
    DRIVERS,
    check_output,
    find_column,
    qgis_style,
    read_vector,
    require_column,
    require_crs,
    write_vector,
)

if TYPE_CHECKING:
    import geopandas as gpd

_THIN = 0.2
"""Of its length: a rectangle that stands for less line is mostly beyond the end of a short one."""


@app.command()
def shoreline(
    scene: SceneArgument,
    output: Annotated[Path, typer.Option("-o", "--output", help="Shoreline to write (.gpkg, .parquet, .fgb, …).")],
    index: Annotated[
        Literal["auto", "MNDWI", "NDWI", "ratios", "RGB"],
        typer.Option(help="Water index; auto takes the first whose bands the scene has. RGB is a last resort."),
    ] = "auto",
    threshold: Annotated[
        float | None, typer.Option(help="Of the index, the same everywhere.", show_default="Otsu's, refined locally")
    ] = None,
    min_area: Annotated[float, typer.Option(help="Leave out islands that are smaller, square metres.")] = 10_000.0,
    min_length: Annotated[float, typer.Option(help="Leave out lines that are shorter, metres.")] = 0.0,
    cloud_buffer: Annotated[float, typer.Option(help="No shore so near to cloud, metres.")] = 100.0,
    cloud_mask: Annotated[
        Path | None, typer.Option(help="Image on the scene's grid that is not 0 where cloud is, or an SCL.")
    ] = None,
    sea: Annotated[
        Path | None, typer.Option(help="Polygons or points that lie in the sea.", show_default="the largest water")
    ] = None,
    date: Annotated[
        str | None, typer.Option(help="When the image was taken, YYYY-MM-DD.", show_default="from tags or name")
    ] = None,
    cell_size: Annotated[
        float | None, typer.Option(help="Of the scene, units of its CRS.", show_default="that of its finest band")
    ] = None,
    scene_crs: SceneCrs = None,
    band_names: BandNames = None,
    overwrite: Overwrite = False,
) -> None:
    """The result of shoreline is where the sea met the land in an image: lines with the land on their left."""
    from littoral.imagery import open_scene
    from littoral.shoreline import extract_shoreline

    check_output(output, overwrite, DRIVERS, inputs=(scene, cloud_mask, sea))
    opened = open_scene(scene, SceneOptions(crs=scene_crs, band_names=listed(band_names), cell_size=cell_size))
    waters = None if sea is None else read_vector(sea, None)
    if waters is not None:
        require_crs(waters, sea)
    options = ShorelineOptions(index, threshold, min_area, min_length, cloud_buffer)
    lines = extract_shoreline(opened, options, sea=waters, cloud=cloud_mask, taken=date, track=bar)
    write_vector(lines, output, overwrite=overwrite)
    name, level = lines["index"].iloc[0], lines["threshold"].iloc[0]
    taken = f" on {lines['date'].iloc[0]}" if lines["date"].notna().all() else ", date not known"
    length = lines["length_m"].sum() / 1000
    print(f"{output}: {counted(len(lines), 'line')}, {length:.1f} km, where {name} is {level:.3f}{taken}")


@app.command()
def label(
    line: Annotated[Path, typer.Argument(help="Line to label: what shoreline wrote, or any layer of lines.")],
    coast: Annotated[Path, typer.Argument(help="Labelled lines: what charts wrote, or any with the class field.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Labelled line to write (.gpkg, .parquet, .fgb, …).")],
    within: Annotated[float, typer.Option(help="Farthest that a charted line may be, metres.")] = 200.0,
    ratio: Annotated[float, typer.Option(help="How many times farther a line of another label must be.")] = 1.5,
    class_field: Annotated[str, typer.Option(help="Field of the labelled lines.")] = "CATCOA",
    layer: Layer = None,
    coast_layer: Annotated[str | None, typer.Option(help="Layer of the labelled lines.")] = None,
    overwrite: Overwrite = False,
) -> None:
    """The result of label is the line, cut where its label changes; labels are those of the nearest charted line."""
    from littoral.shoreline import TOO_FAR, transfer_labels

    check_output(output, overwrite, DRIVERS, inputs=(line, coast))
    bare, charted = _read_lines(line, layer), _read_lines(coast, coast_layer)
    field = require_column(charted, class_field, coast)
    pieces = transfer_labels(bare, charted, LabelOptions(within_m=within, class_field=field, ratio=ratio), track=bar)
    if (pieces["label_status"] == TOO_FAR).all():
        raise InputError(
            line,
            f"lies nowhere within {within:g} m of {coast}",
            "check that they show the same coast, or pass a larger --within",
        )
    write_vector(pieces, output, overwrite=overwrite, style=_style_of(pieces, geometry="line"))
    tell_renamed(pieces)
    km = pieces["length_m"] / 1000
    print(f"{output}: {counted(len(pieces), 'piece')}, {km.sum():.1f} km")
    tell_kilometres(km.groupby(pieces["label_status"]).sum())


@app.command()
def lines(
    file: Annotated[Path, typer.Argument(help="Lines of your own, or what charts or label wrote.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Line to write (.gpkg, .parquet, .fgb, …).")],
    class_field: Annotated[
        str, typer.Option(help="Field with the class: codes, names, or whatever the mapping lists.")
    ] = "CATCOA",
    mapping: Annotated[
        Path | None, typer.Option(help="CSV with columns value,category: what your values mean; * for all others.")
    ] = None,
    min_length: Annotated[float, typer.Option(help="Leave out merged lines that are shorter, metres.")] = 0.0,
    categories: CategoryTable = None,
    layer: Layer = None,
    overwrite: Overwrite = False,
) -> None:
    """The result of lines is one clean line: merged where lines meet, cut where the category changes, measured."""
    from littoral.shoreline import map_categories, merge_lines

    check_output(output, overwrite, DRIVERS, inputs=(file, mapping, categories))
    table = _read_lines(file, layer)
    known = scheme(categories)
    field = require_column(table, class_field, file)
    table = map_categories(table, field, None if mapping is None else read_mapping(mapping, known), known)
    tell_renamed(table)
    merged = merge_lines(table, "CATCOA", min_length_m=min_length)
    if merged.empty:
        least = f"of {min_length:g} m or more" if min_length else "longer than zero"
        raise InputError(file, f"holds no line {least}", "pass lines along the coast, or a smaller --min-length")
    style = qgis_style("CATCOA", list(known.values()), text_values=False, geometry="line")
    write_vector(merged, output, overwrite=overwrite, style=style)
    tell_renamed(merged)
    km = merged["length_m"] / 1000
    chains = counted(merged["chain"].nunique(), "chain")
    print(f"{output}: {counted(len(merged), 'line')} in {chains}, {km.sum():.1f} km")
    tell_kilometres(km.groupby(merged["category"].fillna("no category")).sum().sort_values(ascending=False))


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
    min_line: Annotated[
        float, typer.Option(help="Leave out merged lines that are shorter, metres: islets, slips of a class.")
    ] = 0.0,
    merge_by: Annotated[
        str | None,
        typer.Option(
            help="Class field: only lines with equal values are walked as one; '' for all.",
            show_default="CATCOA if it is there",
        ),
    ] = None,
    labelled_only: Annotated[
        bool,
        typer.Option("--labelled-only", help="No rectangles where the line has no class; purity still counts it."),
    ] = False,
    layer: Layer = None,
    overwrite: Overwrite = False,
) -> None:
    """The result of rectangles is a chain of equal boxes along each line, with the line's own fields."""
    from littoral.rectangles import rectangles_along_lines

    check_output(output, overwrite, DRIVERS, inputs=(lines,))
    table = _read_lines(lines, layer)
    boxes = rectangles_along_lines(
        table,
        RectangleOptions(
            length_m=length,
            width_m=width,
            sort=sort,
            class_field=merge_by,
            overlap=overlap,
            spacing_m=spacing,
            tail=tail,
            min_line_m=min_line,
            labelled_only=labelled_only,
        ),
        track=bar,
    )
    write_vector(boxes, output, overwrite=overwrite, style=_style_of(boxes))
    tell_renamed(boxes)
    groups = counted(boxes["GroupId"].nunique(), "group")
    km = boxes["line_m"].sum() / 1000
    print(f"{output}: {counted(len(boxes), 'rectangle')} in {groups} along {km:.1f} km of line")
    if "purity" in boxes:
        mixed = int((boxes["purity"] < 0.75).sum())
        print(f"  in {mixed} of them less than three quarters of the line has their class (purity below 0.75)")
    thin = int((boxes["line_m"] < _THIN * length).sum())
    if thin > 0.1 * len(boxes):
        print(f"  {thin} of them stand for less than {_THIN * length:g} m of line: --min-line leaves short lines out")


def _read_lines(path: Path, layer: str | None) -> gpd.GeoDataFrame:
    """Lines from a file, checked here so that what is wrong names it."""
    from littoral.shoreline import require_lines

    table = read_vector(path, layer)
    require_lines(table, path)
    return table


def _style_of(table: gpd.GeoDataFrame, geometry: str = "fill") -> str | None:
    """Colours by CATCOA, however it is spelt, where the table has it."""
    field = find_column(table, "CATCOA")
    if field is None:
        return None
    return qgis_style(field, list(CATCOA.values()), text_values=False, geometry=geometry)
