"""The STAC item of a model, held against STAC's own schema and two other implementations of the extension."""

from __future__ import annotations

import json
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import jsonschema
import numpy as np
import pystac
import pytest
import referencing
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pystac.extensions.mlm import MLMExtension
from pystac.validation.local_validator import get_local_schema_cache
from stac_model.schema import MLModelProperties

from littoral.package import MLM_ITEM, Manifest, Package, stac_item, write_package
from littoral.package.mlm import MLM, geographic
from littoral.raster_function import SCRIPT
from small_package import MODEL

AREA = "MULTIPOLYGON (((-80.2 25.6, -80.1 25.6, -80.1 25.7, -80.2 25.7, -80.2 25.6)))"
KNOWN = replace(
    MODEL.manifest,
    training_area=AREA,
    acquired=("2024-05-01", "2024-06-30"),
    licence="CC-BY-4.0",
    attribution="Contains modified Copernicus Sentinel data 2024",
    versions={"torch": "2.14.1+cpu"},
)
ITEM = "https://schemas.stacspec.org/v1.1.0/item-spec/json-schema/item.json"


def check(item: dict[str, Any]) -> None:
    """By STAC's schema, by stac-model and by pystac's extension."""
    item = json.loads(json.dumps(item))
    schemas = get_local_schema_cache()
    registry = referencing.Registry().with_resources(
        (uri, referencing.Resource.from_contents(schema)) for uri, schema in schemas.items()
    )
    jsonschema.Draft7Validator(schemas[ITEM], registry=registry).validate(item)
    by_model = json.loads(MLModelProperties(**item["properties"]).model_dump_json(by_alias=True))
    for key in ("mlm:input", "mlm:output", "mlm:name", "mlm:architecture"):
        assert _without_nothing(by_model[key]) == _without_nothing(item["properties"][key])
    # pystac knows version 1.4, of which this is a superset.
    older = json.loads(json.dumps(item).replace(MLM, "https://stac-extensions.github.io/mlm/v1.4.0/schema.json"))
    read = pystac.Item.from_dict(older)
    extension = MLMExtension.ext(read)
    assert extension.mlm_name == item["properties"]["mlm:name"]
    assert extension.input[0].input.shape == item["properties"]["mlm:input"][0]["input"]["shape"]
    assert [asset.roles for asset in read.assets.values() if "mlm:model" in (asset.roles or [])]


def _without_nothing(value: Any) -> Any:
    if isinstance(value, dict):
        return {
            key: sorted(each) if key == "tasks" else _without_nothing(each)
            for key, each in value.items()
            if each not in (None, [])
        }
    return [_without_nothing(each) for each in value] if isinstance(value, list) else value


@pytest.mark.parametrize("manifest", [KNOWN, MODEL.manifest], ids=["known", "nothing known"])
def test_other_implementations_read_it(manifest: Manifest, tmp_path: Path) -> None:
    path = write_package(tmp_path / "bay.dlpk", Package("bay", manifest, b"", {}))
    with zipfile.ZipFile(path) as archive:
        item = json.loads(archive.read(MLM_ITEM))
        names = archive.namelist()
    check(item)
    assert {asset["href"].removeprefix("./") for asset in item["assets"].values()} <= set(names)


def test_graph_and_script_are_among_its_assets_where_they_are_there() -> None:
    for files in ((), ("bay.onnx",), ("bay.onnx", SCRIPT)):
        item = stac_item("bay", KNOWN, files)
        check(item)
        told = {asset["href"].removeprefix("./") for asset in item["assets"].values()}
        assert told == {"bay.pth", "bay.emd", *files}


def test_a_model_that_resizes_says_so() -> None:
    resizing = replace(KNOWN, preprocessing=replace(KNOWN.preprocessing, resize_px=96))
    item = stac_item("bay", resizing)
    check(item)
    (taken,) = item["properties"]["mlm:input"]
    assert taken["resize_type"] == "interpolation-linear"
    assert "64 x 64 pixels of 10 x 10 units, resized to 96" in taken["description"]


def test_it_says_what_the_model_is() -> None:
    said = stac_item("bay", KNOWN)["properties"]
    taken = said["mlm:input"][0]
    assert taken["input"]["shape"] == [-1, 2, 48, 48]
    assert taken["bands"] == [band["name"] for band in said["bands"]] == ["B02", "B03"]
    # Its scaling, taken as written, is what the model applies.
    pixels = np.array([90.0, 260.0])
    by_item = [(x - s["mean"]) / s["stddev"] for x, s in zip(pixels, taken["value_scaling"], strict=True)]
    tile = np.tile(pixels[:, None, None], (1, 64, 64))
    assert by_item == pytest.approx(KNOWN.preprocessing.apply(tile, np.ones((64, 64), bool))[:, 0, 0])
    assert taken["resize_type"] == "crop"
    given_out = said["mlm:output"][0]
    assert given_out["result"]["shape"] == [-1, 2]
    assert [(c["value"], c["description"], c["color_hint"]) for c in given_out["classification:classes"]] == [
        (7, "mangrove", "052D30"),
        (3, "sandy shore", "F7F73C"),
    ]
    assert (said["mlm:framework"], said["mlm:framework_version"]) == ("PyTorch", "2.14.1+cpu")
    assert said["license"] == "CC-BY-4.0"
    assert (said["start_datetime"], said["end_datetime"]) == ("2024-05-01T00:00:00Z", "2024-06-30T23:59:59Z")


def test_what_is_not_known_is_not_made_up() -> None:
    item = stac_item("m", MODEL.manifest)
    assert item["geometry"] is None
    assert "bbox" not in item
    said = item["properties"]
    assert said["license"] == "other"
    assert "dates of the training imagery are not recorded" in said["description"]
    assert "mlm:framework_version" not in said  # "2" is none
    assert said["mlm:name"] == "littoral-m"
    spoken = stac_item("m", replace(MODEL.manifest, licence="ask the harbour office"))["properties"]
    assert spoken["license"] == "other"


@given(st.floats(-179, 179), st.floats(0.1, 5), st.floats(-80, 80), st.sampled_from([-360, 0, 360]))
def test_places_are_within_the_world(west: float, width: float, south: float, turn: float) -> None:
    box = shapely.box(west + turn, south, west + turn + width, south + 1)
    area = geographic(shapely.to_wkt(box, rounding_precision=-1))
    assert area is not None
    low_x, _, high_x, _ = area.bounds
    assert -180 <= low_x <= high_x <= 180
    assert area.area == pytest.approx(box.area)
    item = stac_item("m", replace(MODEL.manifest, training_area=shapely.to_wkt(box, rounding_precision=-1)))
    left, bottom, right, top = item["bbox"]
    assert (right - left) % 360 == pytest.approx(width)
    assert (bottom, top) == pytest.approx((south, south + 1))
