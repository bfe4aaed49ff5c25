"""Search a catalogue for scenes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from littoral.errors import counted
from littoral.imagery.options import SearchOptions
from littoral.options import Cli, File, Number, Overwrite
from littoral.progress import Say, quiet
from littoral.vectors.options import TableOptions


@dataclass(frozen=True)
class SearchSummary:
    """What a search found."""

    output: Path
    """File written."""
    items: Sequence[dict[str, Any]]
    """STAC items."""

    def __str__(self) -> str:
        from littoral.imagery.stac.item_files import cloud_cover, taken, tile_of
        from littoral.imagery.stac.scaling import baseline_of

        text = [f"{'date':<12}{'tile':<9}{'cloud':>7}  {'baseline':<10}item"]
        for item in self.items:
            cover, baseline = cloud_cover(item), baseline_of(item)
            cloud = "" if cover is None else f"{cover:.0f} %"
            version = "" if baseline is None else f"{baseline:05.2f}"
            text.append(f"{taken(item)[:10]:<12}{tile_of(item):<9}{cloud:>7}  {version:<10}{item['id']}")
        return "\n".join([*text, f"{self.output}: {counted(len(self.items), 'scene')}"])


def search(
    output: Annotated[str | Path, File("items", "out"), Cli(short="-o")],
    options: SearchOptions = SearchOptions(),
    table: TableOptions = TableOptions(),
    *,
    bbox: Annotated[
        tuple[float, float, float, float] | None, Number(-360, 360, unit="degrees"), Cli(metavar="W S E N")
    ] = None,
    around: Annotated[str | Path | None, File("vector")] = None,
    overwrite: Overwrite = False,
    say: Say = quiet,
) -> SearchSummary:
    """Search a catalogue for scenes of a place.

    Each acquisition is listed once. No pixels are fetched.

    Args:
        output: STAC items to write (.json); a GIS shows their footprints.
        options: Which scenes are listed.
        table: Rows of the file given with around.
        bbox: Scenes that touch a box: west, south, east, north in degrees; west greater than east across the
            antimeridian.
        around: Rectangles or lines, instead of a box: scenes that show the middle of any of them.
        overwrite: Replace the output if it exists.
        say: Called with remarks on the search.
    """
    from littoral.imagery import search_scenes, write_items
    from littoral.vectors import check_output
    from littoral.verbs.inputs import read_table

    output = Path(output)
    check_output(output, overwrite, (".json", ".geojson"), inputs=(around,))
    places = None if around is None else read_table(around, table)
    items = search_scenes(bbox, around=places, options=options, say=say)
    write_items(items, output, overwrite=overwrite)
    return SearchSummary(output, items)
