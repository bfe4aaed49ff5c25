"""Options of reading and fetching charts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar

from littoral.options import Cli, Number, Options


@dataclass(frozen=True)
class ChartOptions(Options):
    """Which lines of the cells are read."""

    GROUP: ClassVar[str] = "Lines"

    keep_all_scales: bool = False
    """Keep lines that a cell of larger scale covers; a place may then have several lines."""
    constructed: bool = False
    """Read shoreline constructions (SLCONS) too, as category 100."""
    skip_broken: Annotated[bool, Cli(advanced=True)] = False
    """Leave out cells that cannot be read, with a warning for each, instead of stopping."""


@dataclass(frozen=True)
class FetchChartsOptions(Options):
    """Which cells of an office are fetched."""

    GROUP: ClassVar[str] = "Cells"

    cells: Annotated[tuple[str, ...], Cli("--cell", metavar="NAME")] = ()
    """Name of a cell; may be given again. Always fetched, whatever the other options leave out."""
    states: Annotated[tuple[str, ...], Cli("--state", metavar="CODE")] = ()
    """Cells of a US state, e.g. FL; may be given again."""
    bbox: Annotated[
        tuple[float, float, float, float] | None, Number(-360, 360, unit="degrees"), Cli(metavar="W S E N")
    ] = None
    """Cells in a box: west, south, east, north in degrees; west greater than east across the antimeridian. With a
    state: only cells that are in both."""
    bands: Annotated[tuple[int, ...], Number(1, 6), Cli("--band", metavar="1-6")] = ()
    """Only cells of this usage band, 1 (overview) to 6 (berthing); may be given again."""
    base_url: Annotated[str, Cli(advanced=True)] = "https://charts.noaa.gov/ENCs/"
    """Address of the folder with the catalogue and the zips. NOAA's addresses in a catalogue are looked up here."""
    catalogue: Annotated[str, Cli(advanced=True)] = "ENCProdCat.xml"
    """File name of the product catalogue there, or its address: NOAA's plain form, or ISO 19115."""
