"""Cut labelled tiles from scenes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from littoral.imagery.options import CombineOptions, SceneOptions
from littoral.options import Cli, File
from littoral.progress import Say, Track, quiet, silent
from littoral.tiles.options import ClassOptions, CutOptions, ExportOptions
from littoral.vectors.options import CategoryTable, TableOptions
from littoral.verbs.parameters import AlsoScenes, SceneIn

if TYPE_CHECKING:
    from littoral.tiles import ExportSummary


@dataclass(frozen=True)
class TilesSummary:
    """A folder of tiles."""

    output: Path
    """The folder."""
    exported: ExportSummary
    """Tiles written, and rectangles left out."""

    def __str__(self) -> str:
        return f"{self.output}: {self.exported}"


def tiles(
    scene: SceneIn,
    rectangles: Annotated[str | Path, File("vector")],
    output: Annotated[str | Path, File("tiles", "out"), Cli(short="-o")],
    labels: ClassOptions = ClassOptions(),
    cut: CutOptions = CutOptions(),
    export: ExportOptions = ExportOptions(),
    combine: CombineOptions = CombineOptions(),
    opening: SceneOptions = SceneOptions(),
    table: TableOptions = TableOptions(),
    *,
    also: AlsoScenes = (),
    mask: Annotated[str | Path | None, File("vector")] = None,
    categories: CategoryTable = None,
    track: Track = silent,
    say: Say = quiet,
) -> TilesSummary:
    """Cut labelled tiles from a scene, for training.

    An interrupted run is resumed when the same command is run again.

    Args:
        rectangles: Labelled rectangles: what rectangles wrote, or other polygons; with a buffer radius also points
            and lines.
        output: Folder of tiles to write; appended to if it exists.
        labels: Which rectangles are used.
        cut: How a tile is cut.
        export: Which tiles are written, and in which form.
        combine: What is taken of several scenes.
        opening: How scenes are opened.
        table: Rows of the rectangles.
        mask: Polygons that tiles must lie in as a whole.
        track: Shows progress, a step per tile.
        say: Called with a description of each scene.
    """
    from littoral.tiles import export_tiles
    from littoral.verbs.inputs import open_all_scenes, read_scheme, read_table

    output = Path(output)
    scenes = open_all_scenes([scene, *also], opening, say)
    exported = export_tiles(
        scenes,
        read_table(rectangles, table),
        output,
        cut,
        labels,
        export,
        combine,
        mask=mask,
        cell_size=opening.cell_size,
        categories=read_scheme(categories),
        track=track,
    )
    return TilesSummary(output, exported)
