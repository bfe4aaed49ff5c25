"""Parameters that several verbs share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from littoral.options import Cli, File, Help

VectorOut = Annotated[
    str | Path, File("vector", "out"), Help("File to write: .gpkg, .parquet, .fgb, .geojson or .shp."), Cli(short="-o")
]
FolderOut = Annotated[
    str | Path, File("folder", "out"), Help("Folder to write; brought up to date if it exists."), Cli(short="-o")
]
SceneIn = Annotated[
    str | Path,
    File("scene"),
    Help(
        "GeoTIFF, COG, VRT or JPEG 2000, by path or web address; a folder with one file per band; a Sentinel-2 product "
        "(.SAFE or .zip); the folder of a Landsat product; a STAC item, by path or web address."
    ),
]
AlsoScenes = Annotated[
    Sequence[str | Path],
    File("scene"),
    Help("Another scene; may be given again. SCENE itself may hold several, too."),
    Cli(metavar="SCENE"),
]
TilesIn = Annotated[Sequence[str | Path], File("tiles"), Help("Labeled_Tiles folders.")]
ModelIn = Annotated[str | Path, File("model"), Help("Model, a .dlpk.")]
KilometreTable = Annotated[str | Path | None, File("table", "out"), Help("Write the kilometres to this CSV file too.")]
