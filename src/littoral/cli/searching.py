"""From a catalogue to a list of scenes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from littoral.cli.door import Layer, Overwrite, app
from littoral.imagery.options import SearchOptions
from littoral.vectors import check_output, read_vector

if TYPE_CHECKING:
    from littoral.imagery.stac.item_files import Item


@app.command()
def search(
    output: Annotated[Path, typer.Option("-o", "--output", help="Items to write (.json); a GIS shows the footprints.")],
    bbox: Annotated[
        tuple[float, float, float, float] | None,
        typer.Option(metavar="W S E N", help="A box, degrees; W greater than E across the antimeridian."),
    ] = None,
    around: Annotated[
        Path | None, typer.Option(help="Rectangles or lines instead: scenes that show the middle of any of them.")
    ] = None,
    datetime: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="A day, month or year (2024-06), or a range (2024-06-01/2024-06-30, 2023/..)."
        ),
    ] = None,
    max_cloud: Annotated[float | None, typer.Option(metavar="PERCENT", min=0, max=100, help="Of a scene.")] = None,
    source: Annotated[
        str, typer.Option(metavar="NAME|URL", help="earth-search, planetary-computer, cdse, or a STAC API's address.")
    ] = "earth-search",
    collection: Annotated[str | None, typer.Option(help="Of the catalogue.", show_default="Sentinel-2 L2A")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Most scenes.")] = 100,
    layer: Layer = None,
    overwrite: Overwrite = False,
) -> None:
    """The result of search is a list of scenes, each acquisition once; nothing is fetched."""
    from littoral.imagery import search_scenes, write_items

    check_output(output, overwrite, (".json", ".geojson"))
    items = search_scenes(
        bbox,
        around=None if around is None else read_vector(around, layer),
        say=print,
        options=SearchOptions(
            datetime=datetime, max_cloud=max_cloud, source=source, collection=collection, limit=limit
        ),
    )
    write_items(items, output, overwrite=overwrite)
    print(_table(items))
    print(f"{output}: {len(items)} scenes")


def _table(items: list[Item]) -> str:
    from littoral.imagery.stac.item_files import cloud_cover, taken, tile_of
    from littoral.imagery.stac.scaling import baseline_of

    lines = [f"{'date':<12}{'tile':<9}{'cloud':>7}  {'baseline':<10}item"]
    for item in items:
        cover, baseline = cloud_cover(item), baseline_of(item)
        cloud = "" if cover is None else f"{cover:.0f} %"
        version = "" if baseline is None else f"{baseline:05.2f}"
        lines.append(f"{taken(item)[:10]:<12}{tile_of(item):<9}{cloud:>7}  {version:<10}{item['id']}")
    return "\n".join(lines)
