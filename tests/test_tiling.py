"""The verb tiles: every parameter of the export has its option."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import littoral.tiles
from littoral import read_tiles
from littoral.imagery.options import CombineOptions
from littoral.options import Options
from littoral.tiles import ExportSummary
from littoral.tiles.options import ClassOptions, CutOptions, ExportOptions
from littoral.vectors import write_vector
from textured_coast import boxes, textured

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory, write_scene: Callable[..., Path]) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    write_scene(folder / "scene.tif", textured(size=160), nodata=0)
    write_vector(boxes([(80, 60), (40, 40), (120, 100)], [3, 7, 3]), folder / "rects.gpkg")
    return folder


OPTIONS: dict[str, tuple[str, Any]] = {
    "class_field": ("--class-field CATCOA", "CATCOA"),
    "tile_size": ("--tile-size 48x32", (48, 32)),
    "placement": ("--placement grid", "grid"),
    "stride": ("--stride 24", (24, 24)),
    "only_with_features": ("--all-tiles", False),
    "min_overlap": ("--min-overlap 0.2", 0.2),
    "rotation_angle": ("--rotation-angle 90", 90.0),
    "buffer_radius": ("--buffer-radius 5", 5.0),
    "mask": ("--mask m.gpkg", "m.gpkg"),
    "extent": ("--extent 1,2.5,3,4", (1.0, 2.5, 3.0, 4.0)),
    "extent_crs": ("--extent-crs EPSG:4326", "EPSG:4326"),
    "cell_size": ("--cell-size 20", 20.0),
    "reference_system": ("--reference-system pixel", "pixel"),
    "blacken_around_feature": ("--blacken-around-feature", True),
    "crop_mode": ("--crop-mode bounding-box", "bounding-box"),
    "bands": ("--bands B04,1", ("B04", "1")),
    "classes": ("--classes 3,7", (3, 7)),
    "raw": ("--raw", True),
    "min_valid": ("--min-valid 0.25", 0.25),
    "max_cloud": ("--max-cloud 0.5", 0.5),
    "combine": ("--combine median", "median"),
    "near": ("--near 2024-06-13", "2024-06-13"),
    "min_purity": ("--min-purity 0.5", 0.5),
    "region_field": ("--region-field site", "site"),
    "metadata_format": ("--format Imagenet", "Imagenet"),
    "image_format": ("--image-format png", "png"),
    "world_file": ("--world-file", True),
    "start_index": ("--start-index 7", 7),
    "per_category": ("--per-category", True),
    "restart": ("--restart", True),
}


def test_every_parameter_has_its_option(run: Run, inputs: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: dict[str, Any] = {}

    def recorded(scenes: object, rectangles: object, out: Path, *options: Options, **given: Any) -> ExportSummary:
        asked.update(given)
        for each in options:
            asked.update(vars(each))
        return ExportSummary((out,), {}, {})

    monkeypatch.setattr(littoral.tiles, "export_tiles", recorded)
    code, _, err = run("tiles", inputs / "scene.tif", inputs / "rects.gpkg", "-o", "t",
                       *" ".join(option for option, _ in OPTIONS.values()).split())  # fmt: skip
    assert code == 0, err
    assert {name: asked[name] for name in OPTIONS} == {name: value for name, (_, value) in OPTIONS.items()}
    assert set(asked) - set(OPTIONS) == {"categories", "track"}
    asked.clear()
    run("tiles", inputs / "scene.tif", inputs / "rects.gpkg", "-o", "t")
    usual = {"mask": None, "cell_size": None}
    for options in (CutOptions(), ClassOptions(), ExportOptions(), CombineOptions()):
        usual |= vars(options)
    assert {name: asked[name] for name in OPTIONS} == usual


def test_a_grid_from_the_shell(run: Run, inputs: Path, tmp_path: Path) -> None:
    code, out, err = run("tiles", inputs / "scene.tif", inputs / "rects.gpkg", "-o", tmp_path / "t", "--tile-size", 32,
                         "--placement", "grid", "--all-tiles", "--extent", "union")  # fmt: skip
    assert code == 0, err
    assert "81 tiles (mangrove " in out
    assert "without class " in out
    assert len(read_tiles(tmp_path / "t")) < 81


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ("--tile-size big", "--tile-size big is not a number of pixels: write e.g. 256, or 256x128"),
        ("--stride 1.5 --placement grid", "--stride 1.5 is not a number of pixels"),
        ("--stride 0 --placement grid", "stride 0 is less than 1 px"),
        ("--tile-size -4", "tile size -4 is less than 8 px"),
        ("--extent nowhere", "nowhere does not exist"),
        ("--extent 1,2,3", "the extent 1 2 3 is no box"),
        ("--extent 5,5,6,6", "the extent lies beside the scene"),
        ("--mask none.gpkg", "none.gpkg does not exist"),
        ("--placement oriented", "has no field Angle"),
        ("--image-format jpeg", "do not fit in JPEG"),
        ("--cell-size 0", "cell size 0"),
    ],
)
def test_wrong_options(run: Run, inputs: Path, tmp_path: Path, options: str, complaint: str) -> None:
    code, _, err = run("tiles", inputs / "scene.tif", inputs / "rects.gpkg", "-o", tmp_path / "t", *options.split())
    assert code == 2
    assert complaint in err
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []


def test_the_documents_table_names_every_parameter() -> None:
    table = (Path(__file__).parents[1] / "docs" / "reference" / "export-parameters.md").read_text(encoding="utf-8")
    assert [name for name in OPTIONS if f"tiles.{name} " not in table] == []
    assert [
        number for number in range(1, 24) if not re.search(rf"^\|[^|]*\b{number}\b[^|]*\|", table, re.MULTILINE)
    ] == []
