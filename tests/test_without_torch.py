"""Classifying where torch cannot be imported: in a process of its own, in which it is not to be found."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest

from littoral import ClassifyOptions, classify_objects, read_vector
from littoral.package import read_package, write_package

pytestmark = pytest.mark.slow

HIDDEN = ("torch", "torchvision", "timm", "lightning", "torchmetrics", "safetensors", "onnx", "onnxscript")
RUN = f"""
import sys

class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {HIDDEN!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Hidden())
from littoral.cli import main
try:
    main()
finally:
    assert not set({HIDDEN!r}) & set(sys.modules)
"""


def without_torch(*words: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", RUN, *map(str, words)], capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def rectangles(coast: tuple[Path, gpd.GeoDataFrame], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("boxes") / "boxes.parquet"
    coast[1].to_parquet(path)
    return path


def test_the_same_coast_without_torch(
    coast: tuple[Path, gpd.GeoDataFrame], rectangles: Path, with_graph: Path, tmp_path: Path
) -> None:
    expected = classify_objects(*coast, with_graph, options=ClassifyOptions("torch"))
    first, second = tmp_path / "1" / "coast.gpkg", tmp_path / "2" / "coast.gpkg"
    for path in (first, second):
        path.parent.mkdir()
        done = without_torch("classify", coast[0], rectangles, with_graph, "-o", path)
        assert done.returncode == 0, done.stderr
    assert first.read_bytes() == second.read_bytes()
    found = read_vector(first)
    assert found["ClassLabel"].fillna("").tolist() == expected["ClassLabel"].fillna("").tolist()
    for column in ("P_3", "P_7", "Confidence"):
        assert np.abs(found[column] - expected[column]).max() < 1e-5


def test_a_package_without_graph_says_what_to_do(
    coast: tuple[Path, gpd.GeoDataFrame], rectangles: Path, with_graph: Path, tmp_path: Path
) -> None:
    bare = write_package(tmp_path / "bare.dlpk", replace(read_package(with_graph), files={}))
    done = without_torch("classify", coast[0], rectangles, bare, "-o", tmp_path / "c.gpkg")
    assert done.returncode == 2
    assert done.stderr == (
        f"littoral: {bare} holds no ONNX graph, and torch is not installed: run: "
        'pip install "littoral[learn]", or where torch is: littoral export MODEL -o NEW.dlpk.\n'
    )
    assert not (tmp_path / "c.gpkg").exists()
    done = without_torch("classify", coast[0], rectangles, with_graph, "-o", tmp_path / "c.gpkg", "--engine", "torch")
    assert done.returncode == 2
    assert 'pip install "littoral[learn]"' in done.stderr
