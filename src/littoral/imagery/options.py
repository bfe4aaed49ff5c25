"""Options of opening, combining, searching and fetching scenes."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Annotated, ClassVar, Literal

from littoral.errors import InputError
from littoral.options import Cli, Number, Options

Combine = Literal["best", "median"]
"""What is taken of several scenes of a place."""


@dataclass(frozen=True)
class SceneOptions(Options):
    """How a scene is opened, where the file does not say it."""

    GROUP: ClassVar[str] = "Scene"

    crs: Annotated[str | None, Cli("--scene-crs")] = None
    """CRS of a scene that has none, e.g. EPSG:32617."""
    band_names: Annotated[tuple[str, ...] | None, Cli(metavar="NAME,NAME")] = None
    """Names of the scene's bands in order, e.g. B02,B03,B04, where the file does not name them."""
    cell_size: Annotated[float | None, Number(above=0), Cli(default="that of the finest band")] = None
    """Cell size that the scene is brought to, units of its CRS."""
    verify: bool = False
    """Read a Sentinel-2 product whole and compare the checksums in its manifest.safe."""


@dataclass(frozen=True)
class CombineOptions(Options):
    """How several scenes of a place are combined."""

    GROUP: ClassVar[str] = "Several scenes"

    combine: Combine = "best"
    """The clearest scene for each rectangle, or the median of all scenes, pixel by pixel, clouds left out."""
    near: Annotated[str | None, Cli(metavar="DATE")] = None
    """Of scenes that are equally clear take the one nearest to this date, YYYY-MM-DD."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.near is not None:
            try:
                date.fromisoformat(self.near)
            except ValueError as error:
                raise InputError(f"the date {self.near!r}", "is not a date", "write it like 2024-06-13") from error


@dataclass(frozen=True)
class SearchOptions(Options):
    """Which scenes a search returns."""

    GROUP: ClassVar[str] = "Search"

    datetime: Annotated[str | None, Cli(metavar="TIME")] = None
    """A day, month or year (2024-06), or a range (2024-06-01/2024-06-30, 2023/..)."""
    max_cloud: Annotated[float | None, Number(0, 100, unit="%")] = None
    """Largest cloud cover of a scene, per cent."""
    source: Annotated[str, Cli(metavar="NAME|URL")] = "earth-search"
    """Catalogue: earth-search, planetary-computer, cdse, or the address of a STAC API."""
    collection: Annotated[str | None, Cli(default="Sentinel-2 L2A")] = None
    """Collection of the catalogue."""
    limit: Annotated[int, Number(1)] = 100
    """Largest number of scenes."""


@dataclass(frozen=True)
class FetchScenesOptions(Options):
    """Which files of the scenes are fetched."""

    GROUP: ClassVar[str] = "Files"

    bands: Annotated[tuple[str, ...] | None, Cli(metavar="NAME,NAME", default="all")] = None
    """Names of bands, e.g. B02,B03,B04,B08; cloud masks are always fetched."""
    cell_size: Annotated[float | None, Number(above=0), Cli(default="that of the finest band")] = None
    """Cell size in which the scenes will be read: decides where a band comes in several sizes."""
