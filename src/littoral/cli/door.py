"""The application that the verbs hang on, and the options and words they share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from littoral import __version__
from littoral.categories import CATCOA, Scheme, read_categories
from littoral.imagery.options import SceneOptions

if TYPE_CHECKING:
    import geopandas as gpd
    import pandas as pd

    from littoral.imagery import Scene

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
        "product (.SAFE or .zip); a Landsat product's folder; a STAC item, by path or web address.",
    ),
]
AlsoScenes = Annotated[
    list[str] | None,
    typer.Option("--also", metavar="SCENE", help="Another scene; may be given again. The SCENE may also hold several."),
]
Combining = Annotated[
    Literal["best", "median"],
    typer.Option("--combine", help="Of several scenes: the clearest for each rectangle, or the median of all."),
]
Near = Annotated[
    str | None, typer.Option(metavar="DATE", help="Of scenes equally clear the one nearest to it, YYYY-MM-DD.")
]
SceneCrs = Annotated[str | None, typer.Option(help="CRS of a scene that does not say it, e.g. EPSG:32617.")]
BandNames = Annotated[
    str | None, typer.Option(help="Names of the scene's bands in order, e.g. B02,B03,B04, where it has none.")
]
CategoryTable = Annotated[
    Path | None, typer.Option(help="CSV with columns code,name,colour for a class field other than CATCOA.")
]
RasterFunction = Annotated[
    bool | None,
    typer.Option(
        "--raster-function/--no-raster-function",
        help="Let ArcGIS run the model by a script in it, on its ONNX graph.",
        show_default="unless ArcGIS can: resnet18, 34 and 50, tiles not resized",
    ),
]


@app.callback(invoke_without_command=True)
def root(version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False) -> None:
    """Says what kind of shore each stretch of coast is, from sea charts and Sentinel-2."""
    if version:
        print(f"littoral {__version__}")
        raise typer.Exit


def tell_renamed(table: gpd.GeoDataFrame) -> None:
    renamed = table.attrs["renamed"]
    if renamed:
        word, verb = ("field", "is") if len(renamed) == 1 else ("fields", "are")
        print(f"the input's {word} {', '.join(renamed)} {verb} kept as {', '.join(renamed.values())}")


def tell_kilometres(km: pd.Series[float]) -> None:
    """A line for each, with its share of all."""
    total = max(km.sum(), 1e-9)
    for name, length in km.items():
        print(f"  {name!s:<22}{length:>10.1f} km {share_of(length / total):>6}")


def share_of(part: float) -> str:
    """
    >>> share_of(0.5), share_of(0.0001), share_of(0.0)
    ('50.0%', '<0.1%', '0.0%')
    """
    return "<0.1%" if 0 < part < 0.0005 else f"{part:.1%}"


def counted(number: int, word: str) -> str:
    """
    >>> counted(1, "line"), counted(2, "line")
    ('1 line', '2 lines')
    """
    return f"{number} {word}{'' if number == 1 else 's'}"


def listed(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else tuple(part.strip() for part in text.split(",") if part.strip())


def box_or_file(text: str | None) -> str | tuple[float, ...] | None:
    """Words and files as they are, numbers as numbers.

    >>> box_or_file("1,2,3.5,4"), box_or_file("bay.gpkg")
    ((1.0, 2.0, 3.5, 4.0), 'bay.gpkg')
    """
    try:
        return text if text is None or "," not in text else tuple(float(part) for part in text.split(","))
    except ValueError:
        return text


def scheme(path: Path | None) -> Scheme:
    return CATCOA if path is None else read_categories(path)


def opened_scenes(
    sources: Sequence[str], crs: str | None, band_names: str | None, cell_size: float | None = None
) -> list[Scene]:
    """All the scenes that were given, in that order."""
    from littoral.imagery import open_scenes

    names = listed(band_names)
    return [
        one
        for source in sources
        for one in open_scenes(source, SceneOptions(crs=crs, band_names=names, cell_size=cell_size))
    ]


def describe_scenes(scenes: Sequence[Scene]) -> None:
    """Print what a user should check before a long run; of many scenes only what they are."""
    for scene in scenes:
        print(scene.describe() if len(scenes) <= 2 else scene.describe().splitlines()[0])
