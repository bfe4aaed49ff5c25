"""From a server to a folder of charts, of scenes or of training tiles."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from littoral.charts.options import FetchChartsOptions
from littoral.cli.door import CategoryTable, Overwrite, app, listed, scheme
from littoral.imagery.options import FetchScenesOptions
from littoral.progress import bar

fetch = typer.Typer(
    help="The result of fetch is a folder of files as they are published.",
    no_args_is_help=True,
    rich_markup_mode=None,
)
app.add_typer(fetch, name="fetch")


@fetch.callback()
def kinds() -> None:
    """The result of fetch is a folder of files as they are published."""


@fetch.command("charts")
def fetch_charts_verb(
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to make or to bring up to date.")],
    cell: Annotated[
        list[str] | None, typer.Option(metavar="NAME", help="Name of a cell; may be given again. Always taken.")
    ] = None,
    state: Annotated[
        list[str] | None,
        typer.Option(metavar="CODE", help="Cells of a state, e.g. FL; may be given again: any of them."),
    ] = None,
    bbox: Annotated[
        tuple[float, float, float, float] | None,
        typer.Option(
            metavar="W S E N",
            help="Cells in a box, degrees; W greater than E across the antimeridian. With --state: only cells in both.",
        ),
    ] = None,
    band: Annotated[
        list[int] | None,
        typer.Option(
            metavar="1-6",
            min=1,
            max=6,
            help="Of these, only usage band 1 (overview) to 6 (berthing); may be given again.",
        ),
    ] = None,
    base_url: Annotated[
        str, typer.Option(help="Where catalogue and zips are; NOAA's addresses in a catalogue are looked for here.")
    ] = "https://charts.noaa.gov/ENCs/",
    catalogue: Annotated[
        str, typer.Option(help="Its file name there, or an address: NOAA's plain form, or ISO 19115.")
    ] = "ENCProdCat.xml",
) -> None:
    """The result of fetch charts is a folder of S-57 cells; run again, it fetches what changed since."""
    from littoral.charts import fetch_charts

    summary = fetch_charts(
        output,
        FetchChartsOptions(
            cells=tuple(cell or ()),
            states=tuple(state or ()),
            bbox=bbox,
            bands=tuple(band or ()),
            base_url=base_url,
            catalogue=catalogue,
        ),
        track=bar,
        say=print,
    )
    print(f"{output}: {summary}")


@fetch.command("scenes")
def fetch_scenes_verb(
    items: Annotated[str, typer.Argument(help="What search wrote, or an item's file or address.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to make or to bring up to date.")],
    bands: Annotated[
        str | None, typer.Option(help="Names, e.g. B02,B03,B04,B08; cloud masks come always.", show_default="all")
    ] = None,
    cell_size: Annotated[
        float | None,
        typer.Option(
            help="Cells in which they will be read: where bands come in several sizes.", show_default="finest"
        ),
    ] = None,
) -> None:
    """The result of fetch scenes is a folder per scene: whole files and item.json, which opens offline."""
    from littoral.imagery import fetch_scenes

    fetched = fetch_scenes(items, output, FetchScenesOptions(bands=listed(bands), cell_size=cell_size), track=bar)
    print(f"{output}: {fetched}")


@fetch.command("item")
def fetch_item_verb(
    item_id: Annotated[str, typer.Argument(metavar="ITEM_ID", help="Its 32 digits, as after id= in its address.")],
    output: Annotated[Path, typer.Option("-o", "--output", help="Folder to make or to bring up to date.")],
    portal: Annotated[
        str | None,
        typer.Option(
            metavar="URL",
            help="ArcGIS Enterprise or an organisation's portal; else $LITTORAL_PORTAL, else ArcGIS Online.",
            show_default=False,
        ),
    ] = None,
    token: Annotated[
        str | None,
        typer.Option(
            help="For an item that is not public; $LITTORAL_PORTAL_TOKEN keeps it out of the list of processes.",
            show_default=False,
        ),
    ] = None,
    categories: CategoryTable = None,
    overwrite: Overwrite = False,
) -> None:
    """The result of fetch item is a portal's item by its id, unpacked; run again, it fetches nothing that is there."""
    from littoral.tiles import fetch_item

    fetched = fetch_item(
        item_id, output, portal=portal, token=token, overwrite=overwrite, categories=scheme(categories), track=bar
    )
    for one in fetched.folders:
        print(f"  {one}")
    if fetched.path.is_dir() and not fetched.folders:
        print("  no folder of labelled tiles is in it")
    if fetched.item.attribution:
        print(f"credits: {fetched.item.attribution}")
    print(f"{fetched.path}: {fetched}")
