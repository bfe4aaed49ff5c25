"""Extract the shoreline from a scene."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from littoral.errors import counted
from littoral.imagery.options import SceneOptions
from littoral.options import Cli, File, Overwrite
from littoral.progress import Track, silent
from littoral.shoreline.options import ShorelineOptions
from littoral.verbs.parameters import SceneIn, VectorOut


@dataclass(frozen=True)
class ShorelineSummary:
    """A shoreline of an image."""

    output: Path
    """File written."""
    lines: int
    """Number of lines."""
    km: float
    """Their length."""
    index: str
    """Water index."""
    threshold: float
    """Its threshold."""
    date: str | None
    """When the image was taken; None: not known."""

    def __str__(self) -> str:
        taken = f" on {self.date}" if self.date else ", date not known"
        where = f"where {self.index} is {self.threshold:.3f}{taken}"
        return f"{self.output}: {counted(self.lines, 'line')}, {self.km:.1f} km, {where}"


def shoreline(
    scene: SceneIn,
    output: VectorOut,
    options: ShorelineOptions = ShorelineOptions(),
    opening: SceneOptions = SceneOptions(),
    *,
    cloud_mask: Annotated[str | Path | None, File("raster")] = None,
    sea: Annotated[str | Path | None, File("vector"), Cli(default="the largest water body is the sea")] = None,
    date: Annotated[str | None, Cli(default="from the file's tags or name")] = None,
    overwrite: Overwrite = False,
    track: Track = silent,
) -> ShorelineSummary:
    """Extract the shoreline from a satellite image.

    The lines run with the land on their left.

    Args:
        output: Shoreline to write: .gpkg, .parquet, .fgb, .geojson or .shp.
        options: How water is separated from land.
        opening: How the scene is opened.
        cloud_mask: Raster on the scene's grid that is not 0 where there is cloud, or a scene classification (SCL).
        sea: Polygons or points that lie in the sea.
        date: Date of the image, YYYY-MM-DD.
        track: Shows progress, a step per block of the scene.
    """
    from littoral.imagery import open_scene
    from littoral.shoreline import extract_shoreline
    from littoral.vectors import DRIVERS, check_output, read_vector, require_crs, write_vector

    output = Path(output)
    check_output(output, overwrite, DRIVERS, inputs=(scene, cloud_mask, sea))
    opened = open_scene(scene, opening)
    waters = None if sea is None else read_vector(sea, None)
    if waters is not None:
        require_crs(waters, sea)
    lines = extract_shoreline(opened, options, sea=waters, cloud=cloud_mask, taken=date, track=track)
    write_vector(lines, output, overwrite=overwrite)
    first = lines.iloc[0]
    return ShorelineSummary(
        output,
        len(lines),
        lines["length_m"].sum() / 1000,
        first["index"],
        first["threshold"],
        str(first["date"]) if lines["date"].notna().all() else None,
    )
