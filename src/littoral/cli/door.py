"""The application that the verbs hang on, and the options and words they share."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from littoral import __version__
from littoral.categories import CATCOA, Scheme, read_categories

if TYPE_CHECKING:
    import geopandas as gpd

app = typer.Typer(
    help="Says what kind of shore each stretch of coast is, from sea charts and Sentinel-2.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)

Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace the output if it exists.")]
Layer = Annotated[str | None, typer.Option(help="Layer of the vector file; needed where it has several.")]
SceneArgument = Annotated[
    str,
    typer.Argument(
        metavar="SCENE",
        help="GeoTIFF, COG, VRT or JPEG 2000, by path or web address; a folder with one file per band; a Sentinel-2 "
        "product (.SAFE or .zip); a Landsat product's folder.",
    ),
]
SceneCrs = Annotated[str | None, typer.Option(help="CRS of a scene that does not say it, e.g. EPSG:32617.")]
BandNames = Annotated[
    str | None, typer.Option(help="Names of the scene's bands in order, e.g. B02,B03,B04, where it has none.")
]
CategoryTable = Annotated[
    Path | None, typer.Option(help="CSV with columns code,name,colour for a class field other than CATCOA.")
]


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    """Says what kind of shore each stretch of coast is, from sea charts and Sentinel-2."""
    if version:
        print(f"littoral {__version__}")
        raise typer.Exit


def tell_renamed(table: gpd.GeoDataFrame) -> None:
    for old, new in table.attrs["renamed"].items():
        print(f"the input's field {old} is kept as {new}")


def listed(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",") if part.strip()]


def scheme(path: Path | None) -> Scheme:
    return CATCOA if path is None else read_categories(path)
