"""The script in a package, run as the tool runs it: unpacked, loaded by name, fed blocks of pixels and masks."""

from __future__ import annotations

import ast
import importlib.util
import json
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
from numpy.typing import NDArray

from littoral import classify_objects
from littoral.classify import ClassifyOptions, DecisionOptions
from littoral.raster_function import SCRIPT, script
from textured_coast import boxes, textured

pytestmark = pytest.mark.slow

Block = tuple[NDArray[Any], NDArray[np.uint8]]


TORCH, KEEP = ClassifyOptions("torch"), DecisionOptions(keep_unlike=True)


class Tool:
    """Classify Objects Using Deep Learning, as far as its documented contract with a raster function goes."""

    def __init__(self, folder: Path, *, as_text: bool = False) -> None:
        (definition,) = folder.glob("*.emd")
        self.emd = json.loads(definition.read_text(encoding="utf-8"))
        path = folder / self.emd["InferenceFunction"]
        spec = importlib.util.spec_from_file_location(path.stem, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        # The class has the name of the file.
        self.function = getattr(module, path.stem)()
        text = definition.read_text(encoding="utf-8")
        self.function.initialize(model=text if as_text else str(definition), device=-1)
        self.parameters = self.function.getParameterInfo()
        self.fields = json.loads(self.function.getFields())["fields"]

    def classify(self, scene: Path, table: gpd.GeoDataFrame, **arguments: Any) -> list[dict[str, Any]]:
        """A row for each rectangle: what the function says of the pixels around it."""
        configuration = self.function.getConfiguration(**arguments)
        assert self.function.getGeometryType() == 4
        rows = []
        cut = list(self.blocks(scene, table, configuration))
        for start in range(0, len(cut), configuration["batch_size"]):
            batch = cut[start : start + configuration["batch_size"]]
            pixels, masks = (tuple(part) for part in zip(*batch, strict=True))
            answer = self.function.vectorize(rasters_pixels=pixels, rasters_mask=masks)
            features = json.loads(answer["output_vectors"])["features"]
            assert len(features) == len(batch)
            rows += features
        return rows

    @staticmethod
    def blocks(scene: Path, table: gpd.GeoDataFrame, configuration: dict[str, Any]) -> Iterator[Block]:
        """Around each rectangle's middle; beside the raster there is nothing, and the mask is 0."""
        tx, ty = configuration["tx"], configuration["ty"]
        with rasterio.open(scene) as image:
            bands = [band + 1 for band in configuration["extractBands"]]
            margin = ((0, 0), (ty, ty), (tx, tx))
            pixels = np.pad(image.read(bands), margin)
            masks = np.pad((image.read_masks(bands) != 0).astype(np.uint8), margin)
            for middle in table.geometry.centroid:
                column, row = ~image.transform @ (middle.x, middle.y)
                left, upper = round(column) - tx // 2 + tx, round(row) - ty // 2 + ty
                cut = np.s_[:, upper : upper + ty, left : left + tx]
                yield pixels[cut].copy(), masks[cut].copy()


@pytest.fixture(scope="module")
def unpacked(with_graph: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(with_graph) as archive:
        archive.extractall(folder)
    return folder


@pytest.fixture(scope="module")
def tool(unpacked: Path) -> Tool:
    return Tool(unpacked)


def test_the_script_needs_nothing_of_ours_and_no_new_python() -> None:
    tree = ast.parse(script().decode(), feature_version=(3, 9))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {str(node.module) for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names == {"__future__", "json", "os", "typing", "numpy", "onnxruntime"}


def test_what_the_tool_is_told(tool: Tool) -> None:
    assert tool.emd["InferenceFunction"] == SCRIPT
    assert tool.emd["ModelType"] == "ObjectClassification"
    assert [entry["name"] for entry in tool.parameters] == ["rasters", "model", "device", "batch_size"]
    assert [entry["required"] for entry in tool.parameters] == [True, True, False, False]
    told = {entry["name"]: entry["type"] for entry in tool.fields}
    assert told["OID"] == "esriFieldTypeOID"
    assert told["Class"] == told["Label"] == "esriFieldTypeString"
    assert told["Confidence"] == "esriFieldTypeDouble"
    assert told["Shape"] == "esriFieldTypeGeometry"
    configuration = tool.function.getConfiguration(batch_size="5")
    assert (configuration["tx"], configuration["ty"], configuration["batch_size"]) == (24, 24, 5)
    assert (configuration["extractBands"], configuration["inputMask"]) == ((0, 1, 2), True)


@pytest.mark.parametrize("batch_size", [1, 7, 64])
def test_labels_and_confidences_are_those_of_classify(
    tool: Tool, coast: tuple[Path, gpd.GeoDataFrame], with_graph: Path, batch_size: int
) -> None:
    expected = classify_objects(*coast, with_graph, options=TORCH, decisions=KEEP)
    rows = tool.classify(*coast, batch_size=batch_size)
    assert len(rows) == len(expected)
    assert [row["attributes"]["Label"] for row in rows] == expected["ClassLabel"].tolist()
    assert [row["attributes"]["Class"] for row in rows] == expected["ClassLabel"].tolist()
    confidences = [float(row["attributes"]["Confidence"]) for row in rows]
    assert np.abs(np.array(confidences) - expected["Confidence"]).max() < 1e-5
    assert rows[0]["geometry"]["rings"] == [[[0, 0], [23, 0], [23, 23], [0, 23]]]


def test_missing_pixels_count_as_in_classify(
    tool: Tool, tmp_path: Path, write_scene: Callable[..., Path], with_graph: Path
) -> None:
    """Pixels without data and tiles over the edge of the scene."""
    values = textured(size=200)
    values[:, :, 100:] = 0
    values[1, ::7] = 0
    scene = write_scene(tmp_path / "s.tif", values, nodata=0)
    table = boxes([(96, 40), (94, 150), (8, 8), (10, 190)], [3, 3, 3, 3], side_m=100)
    expected = classify_objects(scene, table, with_graph, options=TORCH, decisions=KEEP)
    assert expected["ClassLabel"].notna().all()
    rows = tool.classify(scene, table)
    assert [row["attributes"]["Label"] for row in rows] == expected["ClassLabel"].tolist()
    confidences = np.array([float(row["attributes"]["Confidence"]) for row in rows])
    assert np.abs(confidences - expected["Confidence"]).max() < 1e-5


def test_a_definition_as_text_and_flat_masks(unpacked: Path, coast: tuple[Path, gpd.GeoDataFrame]) -> None:
    """The tool may pass the text of the definition, and one mask for all bands."""
    tool, plain = Tool(unpacked, as_text=True), Tool(unpacked)
    pixels, mask = next(tool.blocks(*coast, tool.function.getConfiguration()))
    mask[:, 3:9] = 0
    answers = [
        each.function.vectorize(rasters_pixels=[pixels], rasters_mask=[given])["output_vectors"]
        for each, given in ((tool, mask), (plain, mask[0]))
    ]
    assert answers[0] == answers[1]


def test_blackened_and_smaller_tiles(unpacked: Path, tmp_path: Path, coast: tuple[Path, gpd.GeoDataFrame]) -> None:
    """Zeros around a feature are missing pixels; a tile of the feature's bounds lies in the middle of nothing."""
    for file in unpacked.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    emd = tmp_path / "m.emd"
    emd.write_text(json.dumps({**json.loads(emd.read_text()), "BlackenAroundFeature": 1}))
    black, plain = Tool(tmp_path), Tool(unpacked)
    assert black.function.getConfiguration()["BlackenAroundFeature"] == 1
    pixels, mask = next(plain.blocks(*coast, plain.function.getConfiguration()))
    inside = np.zeros((24, 24), bool)
    inside[6:18, 4:20] = True

    def answer(tool: Tool, pixels: NDArray[Any], mask: NDArray[Any]) -> Any:
        text = tool.function.vectorize(rasters_pixels=[pixels], rasters_mask=[mask])["output_vectors"]
        return json.loads(text)["features"][0]["attributes"]

    blackened = answer(black, pixels * inside, mask)
    assert blackened == answer(plain, pixels, mask * inside)
    assert blackened == answer(plain, pixels[:, 6:18, 4:20], mask[:, 6:18, 4:20])
    assert blackened != answer(plain, pixels, mask)
