"""From rectangles to tiles."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Annotated, Literal

import typer

from littoral.cli.door import (
    AlsoScenes,
    BandNames,
    CategoryTable,
    Combining,
    Layer,
    Near,
    SceneArgument,
    SceneCrs,
    app,
    box_or_file,
    describe_scenes,
    listed,
    opened_scenes,
    scheme,
)
from littoral.errors import InputError
from littoral.progress import bar
from littoral.vectors import read_vector


@app.command()
def tiles(
    scene: SceneArgument,
    rectangles: Annotated[Path, typer.Argument(help="Labelled rectangles: what rectangles wrote.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to write; appended to if it exists.")],
    class_field: Annotated[
        str | None,
        typer.Option(help="Field with the class: whole numbers, or names.", show_default="CATCOA, value or classvalue"),
    ] = None,
    tile_size: Annotated[str, typer.Option(metavar="PX", help="Of a tile, pixels; 256x128: width and height.")] = "256",
    placement: Annotated[
        Literal["centred", "oriented", "grid"],
        typer.Option(help="One tile on each rectangle, upright or turned along the shore; or a grid of tiles."),
    ] = "centred",
    stride: Annotated[
        str | None,
        typer.Option(metavar="PX", help="Steps of a grid, pixels; 128x64: x and y.", show_default="half a tile"),
    ] = None,
    all_tiles: Annotated[
        bool, typer.Option("--all-tiles", help="Of a grid, those without a rectangle too; their labels are empty.")
    ] = False,
    min_overlap: Annotated[float, typer.Option(help="Least share of a rectangle in a tile to count there.")] = 0.0,
    rotation_angle: Annotated[float, typer.Option(help="Tiles at each multiple of it too, degrees.")] = 0.0,
    buffer_radius: Annotated[
        float, typer.Option(help="Makes discs of points and bands of lines; units of their CRS.")
    ] = 0.0,
    mask: Annotated[Path | None, typer.Option(help="Polygons that tiles must lie in as a whole.")] = None,
    extent: Annotated[
        str | None,
        typer.Option(help="intersection or union of the inputs, a vector file, or west,south,east,north."),
    ] = None,
    extent_crs: Annotated[str | None, typer.Option(help="Of an extent in numbers.", show_default="the scene's")] = None,
    cell_size: Annotated[
        float | None, typer.Option(help="To bring the scene to, units of its CRS.", show_default="its own")
    ] = None,
    reference_system: Annotated[
        Literal["map", "pixel"], typer.Option(help="North up, or along the rows of a scene that is turned.")
    ] = "map",
    blacken_around_feature: Annotated[
        bool, typer.Option("--blacken-around-feature", help="Pixels outside the rectangle count as missing.")
    ] = False,
    crop_mode: Annotated[
        Literal["fixed", "bounding-box"], typer.Option(help="One size for all, or that of each rectangle.")
    ] = "fixed",
    bands: Annotated[str | None, typer.Option(help="Names or numbers, e.g. B02,B03,B04.", show_default="all")] = None,
    min_valid: Annotated[float, typer.Option(help="Least valid share of a rectangle's own pixels.")] = 0.5,
    min_purity: Annotated[
        float, typer.Option(help="Least share of a rectangle's own class among the line inside it (its purity).")
    ] = 0.0,
    region_field: Annotated[
        str | None, typer.Option(help="Field with the region, by which a split can hold tiles out.")
    ] = None,
    raw: Annotated[bool, typer.Option("--raw", help="Keep stored values where a Sentinel-2 offset is known.")] = False,
    metadata_format: Annotated[
        Literal["Labeled_Tiles", "Imagenet"],
        typer.Option("--format", help="A label beside each image, or a folder for each class."),
    ] = "Labeled_Tiles",
    image_format: Annotated[
        Literal["tiff", "png", "jpeg"],
        typer.Option(help="tiff takes all; png 1 or 3 bands of 8 or 16 bits; jpeg of 8 bits, and loses some."),
    ] = "tiff",
    world_file: Annotated[bool, typer.Option("--world-file", help="One beside each GeoTIFF too.")] = False,
    start_index: Annotated[int, typer.Option(help="Number of the first tile of a new folder.")] = 0,
    per_category: Annotated[
        bool, typer.Option("--per-category", help="One folder Category_<code> for each category.")
    ] = False,
    restart: Annotated[
        bool, typer.Option("--restart", help="Drop what an interrupted run left, instead of going on with it.")
    ] = False,
    max_cloud: Annotated[
        float, typer.Option(help="Largest share of its own pixels that may be cloud, where the scene has masks.")
    ] = 1.0,
    also: AlsoScenes = None,
    combine: Combining = "best",
    near: Near = None,
    categories: CategoryTable = None,
    scene_crs: SceneCrs = None,
    band_names: BandNames = None,
    layer: Layer = None,
) -> None:
    """The result of tiles is a folder of images with one class each; interrupted and run again, it goes on."""
    from littoral.tiles import export_tiles

    opened = opened_scenes([scene, *(also or ())], scene_crs, band_names, cell_size)
    describe_scenes(opened)
    summary = export_tiles(
        opened,
        read_vector(rectangles, layer),
        output,
        class_field=class_field,
        tile_size=_size("tile size", tile_size),
        placement=placement,
        stride=None if stride is None else _size("stride", stride),
        only_with_features=not all_tiles,
        min_overlap=min_overlap,
        rotation_angle=rotation_angle,
        buffer_radius=buffer_radius,
        mask=mask,
        extent=box_or_file(extent),
        extent_crs=extent_crs,
        cell_size=cell_size,
        reference_system=reference_system,
        blacken_around_feature=blacken_around_feature,
        crop_mode=crop_mode,
        bands=listed(bands),
        raw=raw,
        min_valid=min_valid,
        max_cloud=max_cloud,
        combine=combine,
        near=near,
        min_purity=min_purity,
        region_field=region_field,
        metadata_format=metadata_format,
        image_format=image_format,
        world_file=world_file,
        start_index=start_index,
        per_category=per_category,
        categories=scheme(categories),
        restart=restart,
        track=bar,
    )
    print(f"{output}: {summary}")


def _size(name: str, text: str) -> tuple[int, int]:
    """Pixels of both axes, or of each."""
    found = re.fullmatch(r"(-?\d+)(?:[x,](-?\d+))?", text.strip())
    if found is None:
        raise InputError(f"{name} {text!r}", "is no number of pixels", "write e.g. 256, or 256x128")
    return int(found[1]), int(found[2] or found[1])
