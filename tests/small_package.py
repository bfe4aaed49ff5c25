"""A model package without a network: a manifest, four-letter weights; and a package with changed members."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

from littoral import CATCOA
from littoral.package import Manifest, Package, Preprocessing
from littoral.tiles import TileSpec

PREPROCESSING = Preprocessing(TileSpec(64, ("B02", "B03")), 48, (100.0, 200.0), (10.0, 20.0), "uint16", "as stored")


MODEL = Package(
    "m",
    Manifest(
        "resnet18",
        PREPROCESSING,
        (CATCOA[7], CATCOA[3]),
        (10.0, 10.0),
        32617,
        "words",
        (7,),
        "",
        {"shares": [1.0]},
        {"torch": "2"},
        3,
    ),
    b"weights",
    {"network": {}},
)


def rewrite(path: Path, change: Callable[[dict[str, bytes]], None]) -> None:
    with zipfile.ZipFile(path) as archive:
        files = {name: archive.read(name) for name in archive.namelist()}
    change(files)
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
