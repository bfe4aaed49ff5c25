"""Files and sources that verbs read, opened in the same way by all of them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from littoral.errors import InputError
from littoral.imagery.options import SceneOptions
from littoral.progress import Say
from littoral.vectors.options import TableOptions

if TYPE_CHECKING:
    import geopandas as gpd

    from littoral.categories import Scheme
    from littoral.imagery import Scene


def read_table(path: str | Path, options: TableOptions) -> gpd.GeoDataFrame:
    """Rows of a vector file for which the condition of the options holds.

    Raises:
        InputError: the file cannot be read, the condition cannot be understood, or no row is left.
    """
    from littoral.vectors import filter_rows, read_vector

    return filter_rows(read_vector(path, options.layer), options.where, path)


def read_lines(path: str | Path, options: TableOptions) -> gpd.GeoDataFrame:
    """Lines of a vector file; what is wrong with them is said of the file.

    Raises:
        InputError: as :func:`read_table`; what is there is not lines.
    """
    from littoral.shoreline import require_lines

    table = read_table(path, options)
    require_lines(table, path)
    return table


def read_scheme(categories: Path | None) -> Scheme:
    """Categories of a CSV file; without one CATCOA."""
    from littoral.categories import CATCOA, read_categories

    return CATCOA if categories is None else read_categories(categories)


def open_all_scenes(sources: Sequence[str | Path], options: SceneOptions, say: Say | None = None) -> list[Scene]:
    """All scenes of several sources, in their order.

    Args:
        sources: Scenes, or what holds several.
        options: How they are opened.
        say: Called with a description of each, of many only with its first line.
    """
    from littoral.imagery import open_scenes

    scenes = [scene for source in sources for scene in open_scenes(source, options)]
    if say is not None:
        for scene in scenes:
            say(scene.describe() if len(scenes) <= 2 else scene.describe().splitlines()[0])
    return scenes


def require_suffix(path: Path, *suffixes: str) -> None:
    """
    Raises:
        InputError: the name of an output has another suffix.
    """
    if path.suffix not in suffixes:
        raise InputError(
            path, f"does not end in {' or '.join(suffixes)}", f"write e.g. -o {path.with_suffix(suffixes[0])}"
        )


def coast_style(table: gpd.GeoDataFrame, geometry: str = "fill") -> str | None:
    """QGIS style with the colours of CATCOA, where the table has that field in any spelling."""
    from littoral.categories import CATCOA
    from littoral.vectors import find_column, qgis_style

    field = find_column(table, "CATCOA")
    return None if field is None else qgis_style(field, list(CATCOA.values()), text_values=False, geometry=geometry)


def keep_classes(
    table: gpd.GeoDataFrame, field: str, classes: Sequence[int], source: str | Path, scheme: Scheme | None = None
) -> gpd.GeoDataFrame:
    """Rows of some classes.

    Args:
        table: Rows with a class.
        field: Its column.
        classes: Codes to keep.
        source: What the rows were read from, for messages.
        scheme: Names of the codes; None: CATCOA.

    Raises:
        InputError: no row has any of the classes.
    """
    from littoral.categories import CATCOA

    known = scheme or CATCOA
    values = table[field]
    kept = table[
        [there and known.code_of(value) in classes for value, there in zip(values, values.notna(), strict=True)]
    ]
    if kept.empty:
        raise InputError(source, f"has no row of class {', '.join(map(str, classes))}", "choose other --classes")
    kept.attrs = table.attrs
    return kept
