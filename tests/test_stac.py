"""STAC items, searches and fetched scenes, against a catalogue on loopback; offsets as catalogues tell them."""

from __future__ import annotations

import hashlib
import json
import logging
import re
import sys
import threading
import warnings
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pytest
import rasterio
import shapely
from hypothesis import given
from hypothesis import strategies as st

from littoral import export_tiles
from littoral.cli import main
from littoral.errors import InputError, LittoralError, LittoralWarning, MissingExtraError
from littoral.http import DownloadError, Patience
from littoral.imagery import (
    Scene,
    Window,
    fetch_scenes,
    open_item,
    open_items,
    open_scene,
    open_scenes,
    read_overview,
    read_windows,
    search_scenes,
    select_bands,
    stored_as,
    stream_windows,
    without_secrets,
    write_items,
)
from littoral.imagery.options import FetchScenesOptions, SceneOptions, SearchOptions
from littoral.imagery.stac import providers, redaction, signing
from littoral.imagery.stac.extent import enclosing_box, time_range
from littoral.imagery.stac.scaling import ScalingMetadata, baseline_of, reflectance_scaling
from littoral.imagery.stac.search import latest_versions
from littoral.tiles.options import CutOptions
from stac_server import ORIGIN, SIDE_M, Portal, cog, serving

pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]

QUICK = Patience(attempts=2, pause_s=0.0, timeout_s=5.0)
METRES = {"B02": 10, "B03": 10, "B04": 10, "B08": 10, "B11": 20}
EARTH_SEARCH = {"B02": "blue", "B03": "green", "B04": "red", "B08": "nir", "B11": "swir16", "SCL": "scl"}
LEVEL_2 = "S2A_MSIL2A_{day}T160000_N{baseline}_R097_T17RNJ_{day}T200000"


@pytest.fixture(scope="session")
def images(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("cogs")
    made = {name: cog(folder / f"{name}.tif", seed, metres) for seed, (name, metres) in enumerate(METRES.items())}
    return {**made, "SCL": cog(folder / "SCL.tif", 9, 20, classes=True)}


@pytest.fixture(scope="session")
def contents(images: dict[str, Path]) -> dict[str, bytes]:
    return {name: file.read_bytes() for name, file in images.items()}


@pytest.fixture
def portal(monkeypatch: pytest.MonkeyPatch, contents: dict[str, bytes]) -> Iterator[Portal]:
    """A server that plays all three catalogues, its files in a public, a guarded and a keyed container."""
    with serving() as portal:
        for name, changes in {
            "earth-search": {},
            "planetary-computer": {"store": "127.0.0.1", "tokens": f"{portal.url}/sas/token"},
            "cdse": {},
        }.items():
            monkeypatch.setitem(providers.KNOWN, name, replace(providers.KNOWN[name], api=portal.api, **changes))
        monkeypatch.setattr(signing, "CDSE_ENDPOINT", portal.url)
        monkeypatch.setattr(signing, "_tokens", {})
        portal.guarded, portal.keyed = {"closed"}, {"eodata"}
        for container in ("open", "closed", "eodata"):
            portal.files |= {f"/{container}/{name}.tif": content for name, content in contents.items()}
        yield portal


def shape_of(metres: float) -> dict[str, Any]:
    size = int(SIDE_M / metres)
    return {"proj:shape": [size, size], "proj:transform": [metres, 0, ORIGIN[0], 0, -metres, ORIGIN[1]]}


def item_at(
    base: str,
    *,
    keys: dict[str, str] | None = None,
    day: str = "2024-06-01",
    baseline: str = "05.10",
    collection: str = "sentinel-2-l2a",
    declared: dict[str, float] | None = None,
    properties: dict[str, Any] | None = None,
    links: list[dict[str, str]] | None = None,
    tile: str = "17RNJ",
) -> dict[str, Any]:
    """An item of 10 km beside 81 W, its files ``base/<band>.tif``."""
    keys = keys or {name: name for name in (*METRES, "SCL")}
    assets: dict[str, Any] = {}
    for name, key in keys.items():
        asset = {
            "href": f"{base}/{name}.tif",
            "type": "image/tiff; application=geotiff; profile=cloud-optimized",
            "roles": ["data"],
            **shape_of(METRES.get(name, 20)),
        }
        if declared is not None and name != "SCL":
            asset["raster:bands"] = [{"data_type": "uint16", "nodata": 0, **declared}]
        assets[key] = asset
    west, south, east, north = (-81.0, 27.02, -80.89, 27.13)
    compact = day.replace("-", "")
    told = {"datetime": f"{day}T16:00:00.024Z", "proj:epsg": 32617, "eo:cloud_cover": 4.5, "platform": "sentinel-2a"}
    return {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": LEVEL_2.format(day=compact, baseline=baseline.replace(".", "")).replace("17RNJ", tile),
        "collection": collection,
        "bbox": [west, south, east, north],
        "geometry": shapely.geometry.mapping(shapely.box(west, south, east, north)),
        "properties": {**told, "s2:processing_baseline": baseline, "s2:mgrs_tile": tile, **(properties or {})},
        "links": links or [],
        "assets": assets,
    }


def earth_search(base: str, **changes: Any) -> dict[str, Any]:
    """As in sentinel-2-l2a: a visual picture and twins in JPEG 2000 beside the bands."""
    changes.setdefault("declared", {"scale": 0.0001, "offset": -0.1})
    item = item_at(base, keys=EARTH_SEARCH, **changes)
    twins = {f"{key}-jp2": {**asset, "type": "image/jp2"} for key, asset in item["assets"].items()}
    visual = {"href": f"{base}/TCI.tif", "type": "image/tiff", "roles": ["visual"], **shape_of(10)}
    aot = {"href": f"{base}/AOT.tif", "type": "image/tiff", "roles": ["data", "reflectance"], **shape_of(20)}
    thumbnail = {"href": f"{base}/preview.jpg", "type": "image/jpeg", "roles": ["thumbnail"]}
    item["assets"] |= {**twins, "visual": visual, "aot": aot, "thumbnail": thumbnail}
    return item


def planetary(portal: Portal, **changes: Any) -> dict[str, Any]:
    return item_at(f"{portal.url}/closed", links=[{"rel": "root", "href": portal.api}], **changes)


def cdse(**changes: Any) -> dict[str, Any]:
    """Keys with the pixel size, several sizes of a band, scale and offset at the asset, S3 addresses."""
    item = item_at("s3://eodata", **changes)
    assets = {}
    for name, asset in item["assets"].items():
        sizes = [size for size in (10, 20, 60) if size >= METRES.get(name, 20)]
        for size in sizes:
            scaling = {"raster:scale": 0.0001, "raster:offset": -0.1} if name != "SCL" else {}
            band = {"bands": [{"name": name}]} if name != "SCL" else {}
            kept = {**asset, "data_type": "uint16" if band else "uint8", **shape_of(size), **scaling, **band}
            kept["href"] = f"s3://eodata/{name}.tif" if size == sizes[0] else f"s3://eodata/{name}_{size}m.tif"
            assets[f"{name}_{size}m"] = kept
    del item["properties"]["proj:epsg"], item["properties"]["s2:processing_baseline"]
    item["properties"] |= {"proj:code": "EPSG:32617", "processing:version": changes.get("baseline", "05.10")}
    return {**item, "assets": assets}


# Offsets


TRAPS = [
    # Earth Search, sentinel-2-l2a: the flag counts, whatever raster:bands says.
    (ScalingMetadata(1e-4, -0.1, 5.09, applied=True), (1e-4, 0.0)),
    (ScalingMetadata(1e-4, -0.1, 4.0, applied=True), (1e-4, 0.0)),
    (ScalingMetadata(1e-4, 0.0, 5.09, applied=True), (1e-4, 0.0)),
    (ScalingMetadata(1e-4, -0.1, 5.09, applied=False), (1e-4, -0.1)),
    (ScalingMetadata(1e-4, -0.1, 5.09), (1e-4, -0.1)),
    (ScalingMetadata(None, None, 5.09, applied=True), (1e-4, 0.0)),
    (ScalingMetadata(None, None, 5.09, applied=False), (1e-4, -0.1)),
    # Before 04.00 nothing was added, and raster:bands says it all the same.
    (ScalingMetadata(1e-4, -0.1, 2.12, applied=False), (1e-4, 0.0)),
    (ScalingMetadata(1e-4, -0.1, 3.01), (1e-4, 0.0)),
    (ScalingMetadata(None, None, 0.01), (1e-4, 0.0)),
    # sentinel-2-c1-l2a and CDSE: once, as declared.
    (ScalingMetadata(1e-4, -0.1, 5.0), (1e-4, -0.1)),
    (ScalingMetadata(1e-4, 0.0, 2.07), (1e-4, 0.0)),
    (ScalingMetadata(2e-4, -0.2, 5.0), (2e-4, -0.2)),
    # Planetary Computer: nothing but the baseline.
    (ScalingMetadata(None, None, 4.0), (1e-4, -0.1)),
    (ScalingMetadata(None, None, 5.11), (1e-4, -0.1)),
    (ScalingMetadata(None, None, 3.01), (1e-4, 0.0)),
    # Harmonised by whoever declares it.
    (ScalingMetadata(1e-4, 0.0, 5.09), (1e-4, 0.0)),
    # Declared, with no baseline.
    (ScalingMetadata(1e-4, -0.1), (1e-4, -0.1)),
    (ScalingMetadata(1e-4, 0.0), (1e-4, 0.0)),
    # Nothing tells: no guess.
    (ScalingMetadata(), None),
    (ScalingMetadata(1e-4), None),
    (ScalingMetadata(applied=False), None),
]


@pytest.mark.parametrize(("told", "scaling"), TRAPS)
def test_offsets_of_all_catalogues(told: ScalingMetadata, scaling: tuple[float, float] | None) -> None:
    assert reflectance_scaling(told) == scaling


def test_an_offset_of_stored_values_is_refused() -> None:
    item = item_at("https://example.org", declared={"scale": 0.0001, "offset": -1000})
    with pytest.raises(InputError, match=r"^The item S2A\S+ declares an offset of -1000, which .*: write -0\.1 if"):
        open_item(item)
    # It does not count where the pixels were shifted, or nothing was added.
    assert reflectance_scaling(ScalingMetadata(1e-4, -1000.0, 5.09, applied=True)) == (1e-4, 0.0)
    assert reflectance_scaling(ScalingMetadata(1e-4, -1000.0, 2.12)) == (1e-4, 0.0)


@pytest.mark.parametrize(
    ("properties", "name", "baseline"),
    [
        ({"s2:processing_baseline": "04.00"}, "x", 4.0),
        ({"s2:processing_baseline": 4.0}, "x", 4.0),
        ({"s2:processing_baseline": "05.09"}, "x", 5.09),
        ({"s2:processing_baseline": 301}, "x", 3.01),
        ({"s2:processing_baseline": None}, "S2B_MSIL2A_20220413T150759_N0400_R025_T33XWJ_20220414T082126", 4.0),
        ({"s2:product_uri": "S2A_MSIL2A_20230628T070631_N0509_R106_T39QTA_20230628T113955.SAFE"}, "x", 5.09),
        ({"s2:datatake_id": "GS2A_20230701T103631_041904_N05.09"}, "x", 5.09),
        ({"processing:version": "05.11"}, "x", 5.11),
        ({"processing:version": "2.1.0"}, "x", None),
        ({"processing:version": "2.1"}, "x", None),
        ({"s2:processing_baseline": "unknown"}, "S2A_39QTA_20230628_0_L2A", None),
        ({}, "x", None),
    ],
)
def test_baselines_as_they_are_written(properties: dict[str, Any], name: str, baseline: float | None) -> None:
    assert baseline_of({"id": name, "properties": properties}) == baseline


def test_each_catalogue_puts_its_offset_into_the_bands(portal: Portal) -> None:
    flag = "earthsearch:boa_offset_applied"
    cases = [
        (earth_search(f"{portal.url}/open", properties={flag: True}), 0.0),
        (earth_search(f"{portal.url}/open"), -0.1),
        (earth_search(f"{portal.url}/open", baseline="02.12", properties={flag: False}), 0.0),
        (earth_search(f"{portal.url}/open", collection="sentinel-2-c1-l2a", baseline="05.00"), -0.1),
        (planetary(portal, baseline="04.00"), -0.1),
        (planetary(portal, baseline="03.01"), 0.0),
        (cdse(baseline="05.11"), -0.1),
        (cdse(baseline="02.14"), 0.0),
    ]
    for item, offset in cases:
        bands = open_item(item).bands
        assert {(band.scale, band.offset, band.nodata) for band in bands} == {(1e-4, offset, 0.0)}
        assert stored_as(bands[0]).add == round(offset * 10_000)
    assert not portal.asked
    other = item_at(f"{portal.url}/open", declared={"scale": 1e-4, "offset": -0.1, "nodata": 65535})
    assert {band.nodata for band in open_item(other).bands} == {65535.0}


def test_a_flag_that_may_be_wrong_is_warned_of(portal: Portal) -> None:
    false = earth_search(f"{portal.url}/open", properties={"earthsearch:boa_offset_applied": False})
    with pytest.warns(LittoralWarning, match=r"T17RNJ_20240601T200000 is said to hold the offset of -0.1 still"):
        assert open_item(false).bands[0].offset == -0.1
    with pytest.warns(LittoralWarning, match=r" and 1 more are said"):
        open_items([false, {**false, "id": "S2A_17RNK_20240601_0_L2A"}, earth_search(f"{portal.url}/open")])


def test_no_guess_where_nothing_tells(portal: Portal) -> None:
    item = item_at("https://example.org", declared={"scale": 0.0001})
    del item["properties"]["s2:processing_baseline"]
    with pytest.raises(InputError, match=r"B02 of the item a does not say whether 1000 was added .* another catalogue"):
        open_item({**item, "id": "a"})


# Names and grids


def test_bands_have_standard_names_whatever_the_keys(portal: Portal) -> None:
    for item in (earth_search(f"{portal.url}/open"), planetary(portal), cdse()):
        scene = open_item(item)
        assert [band.name for band in scene.bands] == ["B02", "B03", "B04", "B08", "B11"]
        assert [(mask.name, mask.role) for mask in scene.masks] == [("SCL", "scene classes")]
        assert (scene.width, scene.height, scene.cell_size) == (1024, 1024, (10.0, 10.0))
        assert scene.crs.to_epsg() == 32617
        assert [band.grid is None for band in (*scene.bands, *scene.masks)] == [True] * 4 + [False] * 2
        assert select_bands(scene, ["B11"])[0].grid.width == 512
        assert (scene.acquired, scene.tags["TILE"]) == ("2024-06-01", "17RNJ")
        assert (scene.tags["BASELINE"], scene.tags["SENSOR"], scene.tags["CLOUD_COVER"]) == (
            "05.10", "Sentinel-2A", "4.5",
        )  # fmt: skip
        assert {band.dtype for band in scene.bands} == {"uint16"}
        assert scene.masks[0].dtype == "uint8"


def test_names_from_what_assets_say_of_their_bands() -> None:
    eo = item_at("https://example.org", keys={"B02": "one", "B03": "two", "B11": "three", "B08": "four"})
    eo["assets"]["one"]["eo:bands"] = [{"name": "B02", "common_name": "blue"}]
    eo["assets"]["two"]["eo:bands"] = [{"name": "green", "common_name": "green"}]
    eo["assets"]["three"]["bands"] = [{"name": "B11", "eo:common_name": "swir16"}]
    eo["assets"]["four"]["bands"] = [{"name": "x", "eo:common_name": "nir"}]
    assert [band.name for band in open_item(eo).bands] == ["B02", "B03", "B08", "B11"]
    # One common name for three bands names none of them.
    eo["assets"]["four"]["bands"] = [{"name": "x", "eo:common_name": "rededge"}]
    assert [band.name for band in open_item(eo).bands] == ["B02", "B03", "B11"]
    narrow = item_at("https://example.org", keys={"B02": "nir08", "B03": "nir09", "B04": "rededge2", "B08": "b8a_20m"})
    assert [band.name for band in open_item(narrow).bands] == ["B06", "B8A", "B09"]


def test_no_cloud_is_a_finding() -> None:
    item = earth_search("https://example.org", collection="sentinel-2-c1-l2a")
    for key in ("cloud", "snow"):
        told = {"raster:bands": [{"nodata": 0, "data_type": "uint8"}], "roles": ["data", key], **shape_of(20)}
        item["assets"][key] = {"href": f"https://example.org/{key}.tif", "type": "image/tiff", **told}
    scene = open_item(item)
    assert [(mask.name, mask.role, mask.nodata, mask.dtype) for mask in scene.masks] == [
        ("SCL", "scene classes", None, "uint8"),
        ("CLDPRB", "cloud probability", None, "uint8"),
    ]


def test_cells_decide_which_size_of_a_band_is_read() -> None:
    assert {band.stem for band in open_item(cdse()).bands} == {"B02", "B03", "B04", "B08", "B11"}
    coarse = open_item(cdse(), SceneOptions(cell_size=20))
    assert [band.stem for band in coarse.bands] == ["B02_20m", "B03_20m", "B04_20m", "B08_20m", "B11"]
    assert (coarse.width, coarse.bands[0].grid) == (512, None)
    assert open_item(planetary_dict(), SceneOptions(cell_size=40)).cell_size == (40.0, 40.0)


def planetary_dict() -> dict[str, Any]:
    return item_at("https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2")


def test_who_signs_what() -> None:
    assert {band.access for band in open_item(planetary_dict()).bands} == {"planetary-computer"}
    assert {band.access for band in open_item(cdse()).bands} == {"cdse"}
    assert {band.access for band in open_item(earth_search("https://example.org")).bands} == {""}


def test_landsat_takes_the_names_of_the_same_wavelengths() -> None:
    assets = {
        key: {"href": f"https://example.org/LC09_L2SP_015041_20240601_20240602_02_T1_{file}.TIF", "type": "image/tiff",
              "proj:shape": [7000, 7000], "proj:transform": [30, 0, 399_985, 0, -30, 3_200_015]}
        for key, file in {"blue": "SR_B2", "green": "SR_B3", "nir08": "SR_B5", "swir16": "SR_B6", "lwir11": "ST_B10",
                          "qa_pixel": "QA_PIXEL", "SR_B4.TIF": "SR_B4", "atran": "ST_ATRAN"}.items()
    }  # fmt: skip
    item = {**item_at("x"), "id": "LC09_L2SP_015041_20240601_02_T1", "collection": "landsat-c2-l2", "assets": assets}
    scene = open_item(item)
    assert [band.name for band in scene.bands] == ["B02", "B03", "B8A", "B11", "B04"]
    assert {(band.scale, band.offset, band.nodata) for band in scene.bands} == {(2.75e-5, -0.2, 0.0)}
    assert [(mask.name, mask.role) for mask in scene.masks] == [("QA_PIXEL", "cloud bits")]


def test_other_collections_keep_their_keys(portal: Portal, images: dict[str, Path]) -> None:
    item = item_at(f"{portal.url}/open", collection="my-mosaics", keys={"B02": "sea", "B11": "land"})
    item |= {"id": "mosaic 7"}
    scene = open_item(item)
    assert [(band.name, band.scale, band.offset, band.nodata) for band in scene.bands] == [
        ("sea", 1.0, 0.0, None), ("land", 1.0, 0.0, None),
    ]  # fmt: skip
    item["assets"]["sea"]["raster:bands"] = [{"scale": 0.5, "offset": 3, "data_type": "uint16", "nodata": "nan"}]
    band = open_item(item).bands[0]
    assert (band.scale, band.offset, str(band.nodata)) == (0.5, 3.0, "nan")
    layers = {"bands": [{"name": "red"}, {"name": "green"}], "data_type": "uint8", "nodata": 0}
    item["assets"] = {"picture": {**item["assets"]["land"], **layers}}
    assert [(band.name, band.index) for band in open_item(item).bands] == [("red", 1), ("green", 2)]


def test_headers_are_read_where_the_item_is_silent(portal: Portal) -> None:
    item = earth_search(f"{portal.url}/open")
    whole = open_item(item)
    assert not portal.asked
    del item["properties"]["proj:epsg"]
    for asset in item["assets"].values():
        for key in ("proj:shape", "proj:transform"):
            asset.pop(key, None)
    assert open_item(item) == whole
    assert portal.sent <= 6 * 2**15


# What is no item


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "is not JSON"),
        ("<html>", "is not JSON"),
        ("[]", "is not a STAC item"),
        ('{"type": "Feature"}', "is not a STAC item"),
        ('{"type": "Feature", "id": "a", "properties": {}, "assets": {}}', "is an item without files"),
        ('{"type": "Feature", "id": "a", "properties": {}, "assets": {"x": {}}}', "is an item without files"),
        ('{"type": "FeatureCollection", "features": []}', "holds no items: widen the search"),
        ('{"type": "Catalog", "id": "a"}', "is the front page of a catalogue, not an item: look for items with"),
        ('{"type": "Collection", "id": "s2"}', r"is a collection \(s2\), not an item"),
        (
            '{"type": "Feature", "id": "a", "properties": {}, "assets": {"x": {"href": "a.txt"}}}',
            r"has no asset that is a band \(x\)",
        ),
    ],
)
def test_files_that_are_no_items(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=said):
        open_item(tmp_path / "a.json")


def test_addresses_that_are_no_items(portal: Portal, tmp_path: Path) -> None:
    portal.items = [earth_search(f"{portal.url}/open")]
    name = portal.items[0]["id"]
    assert open_item(f"{portal.api}/collections/sentinel-2-l2a/items/{name}").name == name
    with pytest.raises(
        InputError, match=r"/stac is the front page of a catalogue.*littoral search --source earth-search"
    ):
        open_item(portal.api)
    with pytest.raises(DownloadError, match=r"items/none does not exist on the server \(HTTP 404"):
        open_item(f"{portal.api}/collections/sentinel-2-l2a/items/none")
    portal.bodies["/stac/page/items/a"] = b"<html>sign in</html>"
    with pytest.raises(DownloadError, match="did not answer with JSON"):
        open_item(f"{portal.api}/page/items/a?sig=SECRET", patience=QUICK)
    portal.statuses["/stac"] = [500, 500]
    with pytest.raises(DownloadError, match=r"could not be fetched \(HTTP 500"):
        open_item(portal.api, patience=QUICK)
    with pytest.raises(DownloadError, match="cannot be reached"):
        open_item("http://127.0.0.1:1/items/a", patience=QUICK)
    with pytest.raises(InputError, match="does not exist"):
        open_item(tmp_path / "none.json")
    with pytest.raises(InputError, match="holds 2 items: open them with open_items"):
        open_item([portal.items[0], portal.items[0]])
    with pytest.raises(InputError, match=r"has files at relative addresses \(\./B02.tif\)"):
        open_item(item_at("."))


def test_relative_addresses(portal: Portal, tmp_path: Path, images: dict[str, Path]) -> None:
    item = item_at(".")
    portal.bodies["/open/item.json"] = json.dumps(item).encode()
    assert open_item(f"{portal.url}/open/item.json").bands[0].href == f"{portal.url}/open/B02.tif"
    with_self = {**item, "links": [{"rel": "self", "href": f"{portal.url}/open/item.json"}]}
    assert open_item(with_self).bands[0].href == f"{portal.url}/open/B02.tif"
    for name in ("B02", "B03", "SCL"):
        (tmp_path / f"{name}.tif").write_bytes(images[name].read_bytes())
    (tmp_path / "item.json").write_text(json.dumps(item))
    scene = open_scene(tmp_path / "item.json")
    assert [band.href for band in scene.bands] == [str(tmp_path / "B02.tif"), str(tmp_path / "B03.tif")]
    assert scene.absent == {"B04": "B04.tif", "B08": "B08.tif", "B11": "B11.tif"}
    assert open_scene(tmp_path) == scene
    with pytest.raises(InputError, match=r"band B04 of .* is listed by the product and its file B04.tif is not there"):
        select_bands(scene, ["B04"])
    cog(tmp_path / "B02.tif", 1, 10, side_m=5120)
    with pytest.raises(InputError, match=r"B02.tif has 512 x 512 pixels .* and its item says 1024 x 1024"):
        open_item(tmp_path / "item.json")
    for file in tmp_path.glob("*.tif"):
        file.unlink()
    with pytest.raises(InputError, match=r"has no file of its 6 bands: fetch it again"):
        open_item(tmp_path / "item.json")


WORDS = st.sampled_from(["", "B02", "04.00", "x/y", "href"])
ANY = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 5) | st.floats(allow_nan=False) | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(WORDS, inner, max_size=3),
    max_leaves=4,
)


@given(st.data())
def test_a_damaged_item_is_a_scene_or_a_sentence(data: st.DataObject) -> None:
    item: Any = earth_search("http://127.0.0.1:1")
    place: Any = item
    while True:
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        key = data.draw(st.sampled_from(keys))
        if not isinstance(place[key], dict | list) or not place[key] or data.draw(st.booleans()):
            break
        place = place[key]
    place[key] = data.draw(ANY)
    for asset in item["assets"].values() if isinstance(item["assets"], dict) else ():
        if isinstance(asset, dict) and data.draw(st.booleans()) and place is not asset:
            asset["proj:epsg"] = 32617
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", LittoralWarning)
        with suppress(LittoralError):
            assert isinstance(open_item(item), Scene)


# Reading over the network


def local_scene(images: dict[str, Path], offset: float) -> Scene:
    scene = open_scene({name: images[name] for name in METRES})
    return replace(scene, bands=tuple(replace(band, scale=1e-4, offset=offset, nodata=0.0) for band in scene.bands))


def test_pixels_are_those_of_the_file_less_the_offset(portal: Portal, images: dict[str, Path]) -> None:
    windows = [Window(500, 100, 64, 64), Window(-5, -5, 20, 20), Window(900, 1000, 200, 50)]
    scene = open_item(planetary(portal, baseline="04.00"))
    here = local_scene(images, -0.1)
    told = list(read_windows(scene, scene.bands, windows))
    for (values, valid), (expected, seen) in zip(told, read_windows(here, here.bands, windows), strict=True):
        np.testing.assert_array_equal(values, expected)
        np.testing.assert_array_equal(valid, seen)
    raw = rasterio.open(images["B02"]).read(1)[500:564, 100:164].astype(int)
    np.testing.assert_array_equal(told[0][0][0], raw - 1000)
    assert told[0][0].min() < 0
    assert not told[1][1][5:13, 5:13].any()


def test_bytes_served_are_those_of_the_blocks_touched(portal: Portal, tmp_path: Path) -> None:
    content = cog(tmp_path / "big.tif", 5, 10, side_m=20_480).read_bytes()
    with rasterio.open(tmp_path / "big.tif") as image:
        assert image.block_shapes == [(512, 512)]
        sizes = {
            (row, column): int(image.get_tag_item(f"BLOCK_SIZE_{column}_{row}", "TIFF", bidx=1))
            for row in range(4)
            for column in range(4)
        }
    along_shore = [Window(200 + 90 * step, 100 + 75 * step, 256, 256) for step in range(18)]
    row_of_blocks = [Window(600, column, 256, 256) for column in range(0, 1700, 200)]
    for number, windows in enumerate(([Window(700, 700, 100, 100)], row_of_blocks, along_shore)):
        path = f"/open/big{number}.tif"
        portal.files[path] = content
        item = item_at(f"{portal.url}/open", keys={"B02": "B02"})
        item["assets"]["B02"] |= {"href": portal.url + path, **shape_of(10), "proj:shape": [2048, 2048]}
        scene, sent = open_item(item), portal.sent
        assert len(list(stream_windows(scene, scene.bands, windows))) == len(windows)
        touched = {
            (row, column)
            for window in windows
            for row in range(window.row // 512, (window.row + window.height - 1) // 512 + 1)
            for column in range(window.column // 512, (window.column + window.width - 1) // 512 + 1)
        }
        headers = 2**15  # a file is opened by each thread; GDAL remembers what it read of it
        assert portal.sent - sent <= 1.1 * sum(sizes[block] for block in touched) + headers
    assert {path for path in portal.paths() if "/open/" in path} == {f"/open/big{number}.tif" for number in range(3)}


def test_the_token_is_seen_nowhere(
    portal: Portal, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    portal.items = [planetary(portal), planetary(portal, day="2024-06-06")]
    del portal.files["/closed/B04.tif"]
    items = search_scenes((-81, 27, -80.9, 27.1), options=SearchOptions(source="planetary-computer"))
    write_items(items, tmp_path / "scenes.json")
    scenes = open_items(tmp_path / "scenes.json")
    said = [repr(scenes), *(scene.describe() for scene in scenes)]
    bands = select_bands(scenes[0], ["B02", "B03"])
    values, _ = next(read_windows(scenes[0], bands, [Window(0, 0, 600, 600)]))
    assert values.any()
    for name in ("B04",):
        with pytest.raises(InputError, match=r"/closed/B04.tif cannot be read \(HTTP response code: 404\)") as error:
            next(read_windows(scenes[0], select_bands(scenes[0], [name]), [Window(0, 0, 10, 10)]))
        said.append(str(error.getrepr(style="long")))
    with pytest.raises(
        InputError, match=r"1 of 1 scenes could not be fetched, 0 were .*B04.tif does not exist"
    ) as error:
        fetch_scenes([items[0]], tmp_path / "scenes", FetchScenesOptions(bands=["B02", "B04"]), patience=QUICK)
    said.append(str(error.getrepr(style="long")))
    fetch_scenes([items[0]], tmp_path / "scenes", FetchScenesOptions(bands=["B02"]), patience=QUICK)
    written = [file.read_bytes() for file in tmp_path.rglob("*") if file.is_file() and file.suffix != ".tif"]
    assert len(written) >= 4
    assert portal.tokens
    streams = capsys.readouterr()
    for text in (*said, caplog.text, streams.out, streams.err, *(content.decode() for content in written)):
        assert "SECRET" not in text
    assert any("sig=SECRET" in query for _, _, query, _ in portal.asked)


def test_a_file_that_the_store_refuses(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = open_item(planetary(portal))
    monkeypatch.setattr(portal, "tokens", property(lambda self: []))
    monkeypatch.setattr(
        signing,
        "_tokens",
        {f"{portal.url}/sas/token/127/closed": signing._Token("sig=OLD", datetime.max.replace(tzinfo=UTC))},
    )
    portal.tokens = []
    with pytest.raises(InputError, match=r"/closed/B02.tif cannot be read \(HTTP response code: 403\).*your rights"):
        next(read_windows(scene, scene.bands, [Window(0, 0, 10, 10)]))


def test_one_token_serves_all_threads_until_it_ages(portal: Portal) -> None:
    href, access = f"{portal.url}/closed/B02.tif", "planetary-computer"
    with ThreadPoolExecutor(8) as pool:
        queries = {url for url, _ in pool.map(lambda _: signing.signed_address(href, access), range(32))}
    assert queries == {f"{href}?se=1&sig=SECRET0"}
    portal.token_life = timedelta(minutes=4)
    signing._tokens.clear()
    assert [signing.signed_address(href, access)[0][-1] for _ in range(3)] == ["1", "2", "3"]


def test_a_token_service_that_fails(portal: Portal) -> None:
    path = "/sas/token/127/closed"
    href = f"{portal.url}/closed/B02.tif"
    portal.statuses[path] = [500, 500]
    with pytest.raises(DownloadError, match=r"sas/token/127/closed could not be fetched \(HTTP 500"):
        signing.signed_address(href, "planetary-computer", patience=QUICK)
    portal.statuses[path] = [503]
    assert "SECRET0" in signing.signed_address(href, "planetary-computer", patience=QUICK)[0]
    signing._tokens.clear()
    for body in (b"[]", b'{"token": "a"}', b'{"token": "a", "msft:expiry": "soon"}'):
        portal.bodies[path] = body
        with pytest.raises(DownloadError, match="did not hand out a token: see whether planetary-computer is at work"):
            signing.signed_address(href, "planetary-computer", patience=QUICK)


def test_keys_of_cdse(portal: Portal, monkeypatch: pytest.MonkeyPatch, images: dict[str, Path]) -> None:
    scene = open_item(cdse())
    for name in ("CDSE_S3_ACCESS_KEY", "CDSE_S3_SECRET_KEY", "CDSE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match=r"CDSE_S3_ACCESS_KEY and CDSE_S3_SECRET_KEY are not set: make keys at"):
        next(read_windows(scene, scene.bands, [Window(0, 0, 10, 10)]))
    monkeypatch.setenv("CDSE_S3_ACCESS_KEY", "ACCESS")
    with pytest.raises(InputError, match=r"and CDSE_S3_SECRET_KEY is not set"):
        next(read_windows(scene, scene.bands, [Window(0, 0, 10, 10)]))
    monkeypatch.setenv("CDSE_S3_SECRET_KEY", "HIDDEN")
    values, _ = next(read_windows(scene, scene.bands, [Window(500, 100, 64, 64)]))
    here = local_scene(images, -0.1)
    np.testing.assert_array_equal(values, next(read_windows(here, here.bands, [Window(500, 100, 64, 64)]))[0])
    assert "HIDDEN" not in repr(portal.asked) + repr(scene)


def test_presigned_addresses_are_amazons_own_example() -> None:
    """Amazon S3 API Reference, Authenticating Requests: Using Query Parameters, the example."""
    url = signing.presign(
        "https://examplebucket.s3.amazonaws.com/test.txt",
        "AKIAIOSFODNN7EXAMPLE",
        "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
        "us-east-1",
        datetime(2013, 5, 24, tzinfo=UTC),
    )
    assert url.endswith("&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404")


def test_what_others_signed_is_kept_out_of_scenes(portal: Portal) -> None:
    portal.guarded, portal.tokens = {"closed"}, ["sig=GIVEN"]
    item = item_at(f"{portal.url}/closed", keys={"B02": "B02"}, links=[{"rel": "root", "href": "https://example.org"}])
    item["assets"]["B02"]["href"] += "?sig=GIVEN"
    scene = open_item(item)
    assert (scene.bands[0].href, scene.bands[0].access) == (f"{portal.url}/closed/B02.tif", "")
    assert next(read_windows(scene, scene.bands, [Window(20, 20, 10, 10)]))[1].all()


def test_plain_addresses(portal: Portal, images: dict[str, Path], tmp_path: Path) -> None:
    portal.tokens = ["sig=SECRET"]
    for address in (f"{portal.url}/open/B02.tif", f"{portal.url}/closed/B02.tif?sig=SECRET"):
        scene = open_scene(address)
        assert scene.bands[0].href == address.partition("?")[0]
        values, _ = next(read_windows(scene, scene.bands, [Window(500, 100, 64, 64)]))
        np.testing.assert_array_equal(values[0], rasterio.open(images["B02"]).read(1)[500:564, 100:164])
    with pytest.raises(InputError, match=r"/closed/B03.tif cannot be read \(HTTP response code: 403\)") as error:
        open_scene(f"{portal.url}/closed/B03.tif?sig=OTHER")
    assert "OTHER" not in str(error.value)
    portal.items = [earth_search(f"{portal.url}/open")]
    scene = open_scene(f"{portal.api}/collections/c/items/{portal.items[0]['id']}", SceneOptions(cell_size=20))
    assert (scene.cell_size, scene.bands[0].offset) == ((20.0, 20.0), -0.1)


@pytest.mark.parametrize(
    "secret",
    [
        "apikey=SECRET.KEY.Z",
        "api%5Fkey=SECRET.a",
        "jwt=SECRET.a.b",
        "subscription-key=SECRET.x",
        "X-Amz-Date=20260101&X-Amz-Security-Token=SECRET&X-Amz-Signature=SECRET",
        "Expires=1&Signature=SECRET&Key-Pair-Id=SECRET.K",
        "sv=1&sig=SECRET",
        "authToken=SECRET",
        "password=SECRET",
    ],
)
def test_keys_are_in_no_scene_and_no_tile(portal: Portal, tmp_path: Path, secret: str) -> None:
    portal.guarded, portal.tokens = {"closed"}, [secret, f"version=2.1&{secret}"]
    shown = f"{portal.url}/closed/B02.tif"
    for address, bare in ((f"{shown}?{secret}", shown), (f"{shown}?version=2.1&{secret}", f"{shown}?version=2.1")):
        scene = open_scene(address)
        assert (scene.name, scene.bands[0].name, scene.bands[0].href) == ("B02", "B02", bare)
        assert next(read_windows(scene, scene.bands, [Window(20, 20, 10, 10)]))[1].all()
        assert "SECRET" not in repr(scene) + scene.describe()
    place = gpd.GeoDataFrame({"ID": [1], "CATCOA": [3]}, geometry=[shapely.box(501e3, 2998e3, 5012e2, 29982e2)])
    export_tiles(scene, place.set_crs("EPSG:32617"), tmp_path / "tiles", CutOptions(tile_size=(32, 32)))
    written = [file.read_bytes() for file in (tmp_path / "tiles").rglob("*") if file.is_file()]
    assert len(written) > 2
    assert not any(b"SECRET" in content for content in written)


def test_users_are_in_no_scene_and_no_message(portal: Portal, tmp_path: Path) -> None:
    at = portal.url.replace("://", "://user:SECRET@")
    for address in (f"{at}/open/B02.tif", f"/vsicurl/{at}/open/B02.tif?key=SECRET"):
        scene = open_scene(address)
        assert "SECRET" not in repr(scene)
        assert scene.name == "B02"
        assert next(read_windows(scene, scene.bands, [Window(20, 20, 10, 10)]))[1].all()
    profile = {"driver": "GTiff", "width": 9, "height": 9, "count": 1, "dtype": "uint8"}
    with rasterio.open(tmp_path / "bare.tif", "w", transform=rasterio.Affine(10, 0, 0, 0, -10, 0), **profile) as bare:
        bare.write(np.ones((1, 9, 9), "uint8"))
    portal.files["/open/bare.tif"] = (tmp_path / "bare.tif").read_bytes()
    with pytest.raises(InputError, match=r"/open/bare.tif has no coordinate reference system") as error:
        open_scene(f"{at}/open/bare.tif?key=SECRET")
    assert "SECRET" not in str(error.value)


def test_parameters_that_are_no_secrets_stay() -> None:
    for query in ("version=2", "authority=EPSG&author=me", "keywords=sea", "sigma=1", "design=2", "key=a/B02.tif", "v"):
        address = f"https://example.org/get?{query}"
        assert redaction.without_signature(address) == address
        assert redaction.without_signature(f"{address}&token=a&st=1#page=2") == f"{address}#page=2"
        assert signing.gdal_name(f"{address}#page=2") == f"/vsicurl/{address}&token=a&st=1#page=2"
    for path in ("scenes/a?key=1.tif", "C:\\scenes\\a?key=1.tif"):
        assert redaction.without_signature(path) == path


def test_messages_without_secrets() -> None:
    for text in (
        "HTTP error 403 for https://a.blob.core.windows.net/c/B02.tif?st=1&sig=SECRET",
        '/vsicurl/https://u:SECRET@example.org/B02.tif?token=SECRET": not recognized',
        "BlobEndpoint=https://x;SharedAccessSignature=sv=1&sig=SECRET",
        "Authorization: Bearer SECRET.SECRET",
        'GET /eodata/B02.jp2?X-Amz-Credential=K&X-Amz-Signature=SECRET HTTP/1.1" 403 0',
    ):
        assert "SECRET" not in without_secrets(text)
    assert without_secrets("Is it B02.tif? No: 404") == "Is it B02.tif? No: 404"


# Searching


@pytest.fixture
def stocked(portal: Portal) -> Portal:
    days = ("2024-05-30", "2024-06-01", "2024-06-06", "2024-06-11", "2024-07-01")
    portal.items = [planetary(portal, day=day, properties={"eo:cloud_cover": 20.0 * n}) for n, day in enumerate(days)]
    older = planetary(portal, day="2024-06-06", baseline="05.00", properties={"eo:cloud_cover": 40.0})
    older["properties"]["datetime"] = "2024-06-06T16:00:00.500Z"
    other_pass = planetary(portal, day="2024-06-06", tile="17RNK")
    portal.items += [older, other_pass]
    return portal


def days_of(items: list[dict[str, Any]]) -> list[str]:
    return [item["properties"]["datetime"][:10] for item in items]


BOX = (-81.0, 27.0, -80.9, 27.1)


@pytest.mark.parametrize("posts", [True, False])
def test_pages_by_post_and_by_get(stocked: Portal, posts: bool) -> None:
    stocked.posts = posts
    said: list[str] = []
    items = search_scenes(
        BOX, say=said.append, options=SearchOptions(datetime="2024-06", max_cloud=60, source="planetary-computer")
    )
    assert days_of(items) == ["2024-06-01", "2024-06-06", "2024-06-06", "2024-06-11"]
    assert said == [
        f"1 earlier versions of the same scenes left out ({LEVEL_2.format(day='20240606', baseline='0500')})"
    ]
    assert stocked.paths("/stac/search").count("/stac/search") >= 3
    assert (
        search_scenes(
            BOX,
            options=SearchOptions(datetime="2024-06", max_cloud=60, source=stocked.api, collection="sentinel-2-l2a"),
        )
        == items
    )


def test_cloud_is_looked_at_where_the_catalogue_cannot(stocked: Portal) -> None:
    stocked.conforms = ("/core", "/item-search", "/item-search#filter")
    search_scenes(BOX, options=SearchOptions(max_cloud=15, source="planetary-computer"))
    asked = json.loads(next(query for method, _, query, _ in stocked.asked if method == "POST"))
    assert asked["filter"] == {"op": "<=", "args": [{"property": "eo:cloud_cover"}, 15]}
    stocked.conforms = ("/core", "/item-search")
    assert days_of(search_scenes(BOX, options=SearchOptions(max_cloud=15, source="planetary-computer"))) == [
        "2024-05-30",
        "2024-06-06",
    ]
    del stocked.items[0]["properties"]["eo:cloud_cover"]
    assert days_of(search_scenes(BOX, options=SearchOptions(max_cloud=15, source="planetary-computer"))) == [
        "2024-06-06"
    ]
    assert len(search_scenes(BOX, options=SearchOptions(source="planetary-computer"))) == 6


def test_more_than_the_limit_is_said(stocked: Portal) -> None:
    with pytest.warns(LittoralWarning, match="has more than 2 such scenes, the rest is left out"):
        items = search_scenes(BOX, options=SearchOptions(source="planetary-computer", limit=2))
    assert days_of(items) == ["2024-06-11", "2024-07-01"]
    with pytest.raises(InputError, match="limit 0 is less than 1"):
        search_scenes(BOX, options=SearchOptions(limit=0))


def test_across_the_antimeridian_each_scene_once(portal: Portal) -> None:
    west, east, far = (planetary(portal, day=f"2024-06-0{n}") for n in (1, 2, 3))
    both = planetary(portal, day="2024-06-04")
    for item, box in ((west, [179, -17, 179.9, -16]), (east, [-179.9, -17, -179, -16]), (far, [0, -17, 1, -16])):
        item["bbox"], item["geometry"] = box, shapely.geometry.mapping(shapely.box(*box))
    both["bbox"] = [-180, -17, 180, -16]
    portal.items = [west, east, far, both]
    found = search_scenes((179.5, -17, -179.5, -16), options=SearchOptions(source="planetary-computer"))
    assert days_of(found) == ["2024-06-01", "2024-06-02", "2024-06-04"]


@given(st.lists(st.tuples(st.floats(-180, 180), st.floats(-90, 90)), min_size=1, max_size=8))
def test_a_box_holds_its_points(places: list[tuple[float, float]]) -> None:
    points = np.array(places)
    west, south, east, north = enclosing_box(points)
    across = (points[:, 0] - west) % 360
    width = (east - west) % 360
    assert (across <= width + 1e-9).all() or np.isclose(across.max(), 360)
    assert width <= np.ptp(points[:, 0]) + 1e-9
    assert (south, north) == (points[:, 1].min(), points[:, 1].max())


def test_around_rectangles(portal: Portal) -> None:
    near, far = planetary(portal), planetary(portal, day="2024-06-02")
    far["geometry"] = shapely.geometry.mapping(shapely.box(-80.95, 27.05, -80.949, 27.051))
    portal.items = [near, far]
    corners = [(500_500, 2_990_500), (509_000, 2_999_000)]
    table = gpd.GeoDataFrame(geometry=[shapely.box(x, y, x + 500, y + 500) for x, y in corners], crs=32617)
    assert [item["id"] for item in search_scenes(around=table, options=SearchOptions(source="planetary-computer"))] == [
        near["id"]
    ]
    body = json.loads(next(query for method, path, query, _ in portal.asked if method == "POST"))
    np.testing.assert_allclose(body["bbox"], [-80.992, 27.038, -80.907, 27.12], atol=0.01)
    for wrong, said in (
        (table.set_crs(None, allow_override=True), "has no coordinate reference"),
        (table[:0], "has no geometries"),
    ):
        with pytest.raises(InputError, match=said):
            search_scenes(around=wrong, options=SearchOptions(source="planetary-computer"))
    with pytest.raises(InputError, match="needs a place, said once"):
        search_scenes(BOX, around=table)
    with pytest.raises(InputError, match="needs a place, said once"):
        search_scenes()


def test_versions_of_one_acquisition() -> None:
    def version(name: str, **properties: Any) -> dict[str, Any]:
        told = {"datetime": "2023-07-01T10:46:30.262Z", "grid:code": "MGRS-31UFU", **properties}
        return {"id": name, "collection": "sentinel-2-l2a", "properties": told}

    older = version("S2A_31UFU_20230701_0_L2A", **{"s2:processing_baseline": "05.09"})
    newer = version("S2A_31UFU_20230701_1_L2A", **{"s2:processing_baseline": "05.09"})
    best = version("S2A_31UFU_20230701_0_L2A_b", **{"s2:processing_baseline": "05.10"})
    assert latest_versions([older, newer])[0] == [newer]
    assert latest_versions([best, newer, older]) == ([best], sorted([newer["id"], older["id"]]))
    later_strip = version("S2A_31UFU_20230701_2_L2A", datetime="2023-07-01T10:46:44.9Z")
    other_tile = version("S2A_31UFT_20230701_0_L2A", **{"grid:code": "MGRS-31UFT"})
    nameless = {"id": "x", "properties": {}}
    assert len(latest_versions([older, later_strip, other_tile, nameless, {**nameless, "id": "y"}])[0]) == 5
    made = [version(f"S2_{n}", **{"s2:generation_time": f"2023-07-0{n}"}) for n in (3, 1)]
    assert latest_versions(made)[0] == made[:1]


def test_halves_of_a_tile_are_no_versions() -> None:
    def half(name: str, west: float, east: float, baseline: str = "05.09") -> dict[str, Any]:
        told = {"datetime": "2023-07-01T10:46:30Z", "grid:code": "MGRS-31UFU", "s2:processing_baseline": baseline}
        ring = [[west, 50.0], [east, 50.0], [east, 51.0], [west, 51.0], [west, 50.0]]
        geometry = {"type": "Polygon", "coordinates": [ring]}
        return {"id": name, "collection": "sentinel-2-l2a", "properties": told, "geometry": geometry}

    left, right, whole = half("left", 3.0, 3.6), half("right", 3.55, 4.0), half("whole", 3.0, 4.0, "05.10")
    kept, dropped = latest_versions([left, right])
    assert ([item["id"] for item in kept], dropped) == (["left", "right"], [])
    kept, dropped = latest_versions([left, right, whole])
    assert ([item["id"] for item in kept], dropped) == (["whole"], ["left", "right"])
    # An older whole is not shown by one newer half, but by two.
    older = half("older", 3.0, 4.0, "04.00")
    assert len(latest_versions([left, older])[0]) == 2
    assert [item["id"] for item in latest_versions([left, right, older])[0]] == ["left", "right"]
    again = half("again", 3.0, 3.59, "05.10")
    assert [item["id"] for item in latest_versions([left, again, right])[0]] == ["again", "right"]


@pytest.mark.parametrize(
    "change",
    [
        {"proj:transform": [10, 0, ORIGIN[0] + 5, 0, -10, ORIGIN[1]]},
        {"proj:transform": [20, 0, ORIGIN[0], 0, -20, ORIGIN[1]]},
        {"proj:shape": [512, 1024]},
        {"raster:bands": [{"data_type": "int16", "nodata": 0}]},
        {"proj:epsg": 32618},
    ],
    ids=["half a pixel", "twice the ground", "half the rows", "another type", "another zone"],
)
def test_what_an_item_says_of_a_file_on_a_server_is_checked_when_it_is_read(
    portal: Portal, images: dict[str, Path], change: dict[str, Any]
) -> None:
    item = earth_search(f"{portal.url}/open")
    key = next(key for key, asset in item["assets"].items() if "B03" in asset["href"])
    item["assets"] = {key: {**item["assets"][key], **change}}
    scene = open_item(item)
    for read in (
        lambda: list(read_windows(scene, scene.bands, [Window(0, 0, 50, 50)])),
        lambda: list(stream_windows(scene, scene.bands, [Window(0, 0, 50, 50)])),
        lambda: read_overview(scene, scene.bands, 50),
    ):
        with pytest.raises(InputError, match=r"and its item says .* pass the address of the file itself"):
            read()


def test_the_six_numbers_in_gdals_order_are_left_to_the_file(portal: Portal, images: dict[str, Path]) -> None:
    item = earth_search(f"{portal.url}/open")
    whole = open_item(item)
    for asset in (asset for asset in item["assets"].values() if "proj:transform" in asset):
        a, b, c, d, e, f = asset["proj:transform"][:6]
        asset["proj:transform"] = [c, a, b, f, d, e]
    assert open_item(item) == whole


@pytest.mark.parametrize(
    ("item", "bands"),
    [
        ({"properties": {"platform": "landsat-8"}, "keys": ("B3", "B5")}, {"B3": "B03", "B5": "B8A"}),
        ({"properties": {"platform": "landsat-5"}, "keys": ("SR_B2", "SR_B4")}, {"SR_B2": "B03", "SR_B4": "B8A"}),
        ({"properties": {"instruments": ["msi"]}, "keys": ("B03", "B08")}, {"B03": "B03", "B08": "B08"}),
        ({"properties": {}, "keys": ("B03", "B05")}, {}),
    ],
)
def test_numbers_of_other_collections_are_those_of_their_sensor(item: dict[str, Any], bands: dict[str, str]) -> None:
    content = {**item_at("https://example.org"), "id": "mosaic 7", "collection": "my-mosaics"}
    kept = {key: value for key, value in content["properties"].items() if key.startswith(("proj:", "datetime"))}
    content["properties"] = {**kept, **item["properties"]}
    one = next(iter(content["assets"].values()))
    place = {"type": "image/tiff", "proj:epsg": 32617, "proj:shape": [10, 10], "proj:transform": [30, 0, 0, 0, -30, 0]}
    raster = [{"data_type": "uint16", "nodata": 0}]
    content["assets"] = {
        key: {**one, **place, "raster:bands": raster, "href": f"https://example.org/{key}.tif"} for key in item["keys"]
    }
    scene = open_item(content)
    if bands:
        assert [band.name for band in scene.bands] == list(bands.values())
        assert select_bands(scene, list(bands.values()), exact=True)
    else:
        assert not any(band.described for band in scene.bands)


def test_digital_earth_africa_and_aws_keep_no_offset() -> None:
    africa = {**item_at("https://example.org"), "id": "c9c0ae5b-8a6b", "collection": "s2_l2a"}
    for key in [key for key in africa["properties"] if key.startswith(("s2:", "earthsearch:"))]:
        del africa["properties"][key]
    africa["properties"] |= {"sentinel:boa_offset_applied": False, "sentinel:processing_baseline": "05.10"}
    with pytest.warns(LittoralWarning, match="said to hold the offset"):
        scene = open_item(africa)
    assert {(band.scale, band.offset) for band in scene.bands} == {(1e-4, -0.1)}


@pytest.mark.parametrize(
    "body",
    [
        b"<!DOCTYPE html><html>sign in</html>",
        bytes(5000),
        b'{"error": "expired"}',
        b"",
        "cut",
        "VRT",
    ],
    ids=["page", "zeros", "json", "empty", "cut", "vrt"],
)
def test_what_is_fetched_is_a_raster(
    portal: Portal, images: dict[str, Path], tmp_path: Path, body: bytes | str
) -> None:
    item = earth_search(f"{portal.url}/open")
    key = next(key for key, asset in item["assets"].items() if "B03" in asset["href"])
    path = item["assets"][key]["href"].removeprefix(portal.url)
    whole = portal.files[path]
    if body == "VRT":
        body = b"<VRTDataset rasterXSize='1' rasterYSize='1'></VRTDataset>"
    portal.files[path] = whole[: len(whole) // 2] if body == "cut" else bytes(body)
    quick = Patience(attempts=1, pause_s=0)
    with pytest.raises(InputError, match=r"did not come as a raster|came empty"):
        fetch_scenes(item, tmp_path / "out", FetchScenesOptions(bands=["B03"]), patience=quick)
    assert not list((tmp_path / "out").rglob("*.tif"))
    portal.files[path] = whole
    digest = hashlib.sha256(whole).hexdigest()
    item["assets"][key]["file:checksum"] = f"1220{digest[::-1]}"
    with pytest.raises(InputError, match=r"came with another checksum .sha256. than its item says"):
        fetch_scenes(item, tmp_path / "out", FetchScenesOptions(bands=["B03"]), patience=quick)
    item["assets"][key]["file:checksum"] = f"1220{digest}"
    assert len(fetch_scenes(item, tmp_path / "out", FetchScenesOptions(bands=["B03"]), patience=quick).items) == 1


def test_two_processes_fetch_into_one_folder_one_after_the_other(portal: Portal, tmp_path: Path) -> None:
    item = earth_search(f"{portal.url}/open")
    errors: list[BaseException] = []

    def fetch() -> None:
        try:
            fetch_scenes(item, tmp_path / "out", patience=Patience(attempts=1, pause_s=0))
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=fetch) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors
    assert open_scene(tmp_path / "out" / item["id"]).bands


@pytest.mark.parametrize(
    ("text", "range_"),
    [
        ("2024", "2024-01-01T00:00:00Z/2024-12-31T23:59:59Z"),
        ("2024-06", "2024-06-01T00:00:00Z/2024-06-30T23:59:59Z"),
        ("2024-06-01", "2024-06-01T00:00:00Z/2024-06-01T23:59:59Z"),
        ("2024-06-01/2024-06-30", "2024-06-01T00:00:00Z/2024-06-30T23:59:59Z"),
        ("2023/2024-02", "2023-01-01T00:00:00Z/2024-02-29T23:59:59Z"),
        ("../2024", "../2024-12-31T23:59:59Z"),
        ("2024-06/", "2024-06-01T00:00:00Z/.."),
        ("2024-06-01T10:00:00Z", "2024-06-01T10:00:00Z"),
        ("2024-06-01T12:00:00+02:00/2024-06-02", "2024-06-01T10:00:00Z/2024-06-02T23:59:59Z"),
        (" 2024-06-01 / 2024-06-02 ", "2024-06-01T00:00:00Z/2024-06-02T23:59:59Z"),
    ],
)
def test_times_as_people_write_them(text: str, range_: str) -> None:
    from pystac_client import ItemSearch

    assert time_range(text) == range_
    oracle = ItemSearch("https://example.org", datetime=text.replace(" ", "")).get_parameters()["datetime"]
    if "+02" not in text:
        assert range_ == oracle


@pytest.mark.parametrize(
    "text", ["", "..", "../..", "June 2024", "2024-13", "2024-06-31", "24-06-01", "01/06/2024", "2024-06/2024-05",
             "2024-06-01/2024-06-02/2024-06-03", "2024-W10", "20240601"]
)  # fmt: skip
def test_what_is_no_time(text: str) -> None:
    with pytest.raises(InputError, match=r"^The time .* write a day, month or year, or a range of two"):
        time_range(text)


@given(st.text(alphabet="0123456789-/.T:Z ", max_size=24))
def test_any_text_is_a_time_or_a_sentence(text: str) -> None:
    try:
        first, _, last = time_range(text).partition("/")
    except InputError:
        return
    assert not last or ".." in (first, last) or first <= last


def test_catalogues_that_fail(stocked: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(said: str, source: str = "planetary-computer", **how: Any) -> None:
        with pytest.raises(InputError, match=said):
            search_scenes(BOX, patience=QUICK, options=SearchOptions(source=source, **how))

    refused(r"has no collection sentinel-3: choose among sentinel-2-l2a", collection="sentinel-3")
    refused(r"has no such scene in sentinel-2-l2a: widen the place", datetime="1999")
    refused(r"has no collection sentinel-2-c1-l2a", source="earth-search")
    for box in ((-81, 27, -81, 28), (-81, 28, -80, 27), (-181, 27, -80, 28), (-81, -91, -80, 28), (np.nan, 0, 1, 1)):
        with pytest.raises(InputError, match="is none on the globe"):
            search_scenes(box, options=SearchOptions(source="planetary-computer"))
    refused(r"'sentinel' is not known: choose among earth-search, planetary-computer, cdse", source="sentinel")
    for status, said in ((500, "could not answer"), (403, "is not open to you"), (400, r"400: .*check collection")):
        stocked.statuses["/stac/search"] = [status, status]
        refused(said)
    stocked.statuses["/stac/search"] = [503]
    assert search_scenes(BOX, patience=QUICK, options=SearchOptions(source="planetary-computer"))
    refused(r"is not there \(HTTP 404\): pass the address", source=f"{stocked.url}/nothing")
    refused("cannot be reached", source="http://127.0.0.1:1/stac")
    for body in (b"<html>", b"[]", b"{}", b'{"type": "Feature", "id": "a"}', json.dumps(planetary(stocked)).encode()):
        stocked.bodies["/other"] = body
        refused("pass the address of a STAC API", source=f"{stocked.url}/other")
    stocked.conforms = ("/core",)
    refused(r"cannot be searched .*not of a catalogue of files")
    monkeypatch.setitem(sys.modules, "pystac_client", None)
    with pytest.raises(MissingExtraError, match=r'pip install "littoral\[stac\]"'):
        search_scenes(BOX, options=SearchOptions(source="planetary-computer"))


def test_items_need_no_extra(portal: Portal, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("pystac", "pystac_client"):
        monkeypatch.setitem(sys.modules, name, None)
    assert open_item(planetary(portal)).bands


def test_no_secret_is_written_with_items(portal: Portal, tmp_path: Path) -> None:
    portal.guarded, portal.tokens = {"closed"}, ["api_key=SECRET"]
    item = item_at(f"{portal.url}/closed", keys={"B02": "B02"}, links=[
        {"rel": "self", "href": "https://example.org/item.json?api_key=SECRET"},
        {"rel": "about", "href": "https://user:SECRET@example.org/about?version=2"},
    ])  # fmt: skip
    asset = item["assets"]["B02"]
    asset["href"] += "?api_key=SECRET"
    asset["alternate"] = {"https": {"href": "https://example.org/B02.tif?jwt=SECRET"}}
    write_items([item], tmp_path / "scenes.json")
    assert "SECRET" not in (tmp_path / "scenes.json").read_text()
    (written,) = json.loads((tmp_path / "scenes.json").read_text())["features"]
    assert written["links"][1]["href"] == "https://example.org/about?version=2"
    assert written["geometry"]["type"] == "Polygon"
    scene = open_item(tmp_path / "scenes.json")
    assert next(read_windows(scene, scene.bands, [Window(20, 20, 10, 10)]))[1].all()
    (fetched,) = fetch_scenes([item], tmp_path / "fetched", patience=QUICK).items
    assert "SECRET" not in fetched.read_text()


def test_an_alternate_address_comes_with_its_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CDSE_S3_ACCESS_KEY", raising=False)
    monkeypatch.setenv("CDSE_TOKEN", "HIDDEN")
    whole = "https://example.org/B02.tif?jwt=a"
    bare = redaction.without_signature(whole)
    assert signing.signed_address("s3://eodata/B02.jp2", "cdse", alternate=bare)[0] == whole


def test_searching_says_no_key(capsys: pytest.CaptureFixture[str], portal: Portal, tmp_path: Path) -> None:
    portal.statuses["/stac"] = [400]
    portal.bodies["/front/stac"] = b"{}"
    for source in (
        "http://127.0.0.1:1/stac?apikey=SECRET",
        "http://user:SECRET@127.0.0.1:1/stac",
        f"{portal.api}?apikey=SECRET",
        f"{portal.url}/front/stac?apikey=SECRET",
        "ftp://user:SECRET@example.org/stac",
    ):
        assert run("search", "--bbox", *BOX, "--source", source, "-o", tmp_path / "scenes.json") == 2
        with pytest.raises(InputError) as error:
            search_scenes(BOX, patience=QUICK, options=SearchOptions(source=source))
        told = capsys.readouterr()
        assert "SECRET" not in told.out + told.err + str(error.value)
        assert error.value.__suppress_context__ or error.value.__context__ is None


def test_a_gis_opens_what_search_wrote(stocked: Portal, tmp_path: Path) -> None:
    items = search_scenes(BOX, options=SearchOptions(source="planetary-computer"))
    write_items(items, tmp_path / "scenes.json")
    table = gpd.read_file(tmp_path / "scenes.json")
    assert len(table) == len(items)
    assert table.crs.to_epsg() == 4326
    assert table["eo:cloud_cover"].tolist() == [item["properties"]["eo:cloud_cover"] for item in items]
    assert [scene.name for scene in open_scenes(tmp_path / "scenes.json")] == [item["id"] for item in items]
    with pytest.raises(LittoralError, match="exists already"):
        write_items(items, tmp_path / "scenes.json")
    with pytest.raises(InputError, match="suffix"):
        write_items(items, tmp_path / "scenes.txt")


# Fetching


def test_fetched_scenes_open_offline_with_the_same_offsets(
    portal: Portal, tmp_path: Path, images: dict[str, Path]
) -> None:
    shifted = earth_search(f"{portal.url}/open", properties={"earthsearch:boa_offset_applied": True})
    items = [shifted, planetary(portal, day="2024-06-06")]
    fetched = fetch_scenes(items, tmp_path / "scenes", FetchScenesOptions(bands=["b2", "B11"]))
    assert str(fetched) == f"2 scenes, 6 files fetched ({fetched.size / 1e6:.1f} MB), 0 unchanged"
    for item, path in zip(items, fetched.items, strict=True):
        assert path == tmp_path / "scenes" / item["id"] / "item.json"
        for name in ("B02", "B11", "SCL"):
            assert (path.parent / f"{name}.tif").read_bytes() == images[name].read_bytes()
    asked = len(portal.asked)
    scenes = open_scenes(tmp_path / "scenes")
    assert [scene.bands[0].offset for scene in scenes] == [0.0, -0.1]
    for scene, item in zip(scenes, items, strict=True):
        assert scene == open_item(tmp_path / "scenes" / item["id"] / "item.json")
        assert [band.name for band in (*scene.bands, *scene.masks)] == ["B02", "B11", "SCL"]
        live = open_item(item)
        assert (scene.grid, scene.tags, scene.acquired) == (live.grid, live.tags, live.acquired)
        values, _ = next(read_windows(scene, scene.bands, [Window(500, 100, 64, 64)]))
    assert len(portal.asked) == asked
    raw = rasterio.open(images["B02"]).read(1)[500:564, 100:164].astype(int)
    np.testing.assert_array_equal(values[0], raw - 1000)

    sent = portal.sent
    assert str(fetch_scenes(items, tmp_path / "scenes", FetchScenesOptions(bands=["B02", "B11"]))) == (
        "2 scenes, 0 files fetched (0.0 MB), 6 unchanged"
    )
    assert portal.sent == sent


def test_one_bad_scene_does_not_lose_the_others(portal: Portal, tmp_path: Path) -> None:
    good, bad = planetary(portal), planetary(portal, day="2024-06-06")
    bad["assets"]["B03"]["href"] = f"{portal.url}/closed/gone.tif"
    with pytest.raises(InputError, match=r"1 of 2 scenes could not be fetched, 1 were .*gone.tif does not exist"):
        fetch_scenes([bad, good], tmp_path, patience=QUICK)
    assert (tmp_path / good["id"] / "item.json").is_file()
    assert not (tmp_path / bad["id"] / "item.json").exists()
    with pytest.raises(InputError, match=r"has no band B05: choose among B02, B03, B04, B08, B11"):
        fetch_scenes([good], tmp_path, FetchScenesOptions(bands=["B02", "B05"]))
    portal_gone = item_at("http://127.0.0.1:1/open")
    with pytest.raises(InputError, match=r"1 of 1 scenes could not be fetched, 0 were .*cannot be reached"):
        fetch_scenes([portal_gone], tmp_path, patience=QUICK)
    with pytest.raises(InputError, match=r"is in a bucket that wants an account of yours: copy it with"):
        fetch_scenes([item_at("s3://sentinel-s2-l1c")], tmp_path)


def test_fetching_from_cdse(portal: Portal, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    item = cdse()
    for name in ("CDSE_S3_ACCESS_KEY", "CDSE_S3_SECRET_KEY", "CDSE_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match="CDSE_S3_ACCESS_KEY and CDSE_S3_SECRET_KEY are not set"):
        fetch_scenes([item], tmp_path / "a", FetchScenesOptions(bands=["B02"]))
    monkeypatch.setenv("CDSE_S3_ACCESS_KEY", "ACCESS")
    monkeypatch.setenv("CDSE_S3_SECRET_KEY", "HIDDEN")
    (path,) = fetch_scenes([item], tmp_path / "a", FetchScenesOptions(bands=["B02"])).items
    assert open_item(path).bands[0].offset == -0.1
    monkeypatch.delenv("CDSE_S3_SECRET_KEY")
    monkeypatch.setenv("CDSE_TOKEN", "HIDDEN")
    for key in ("B02_10m", "SCL_20m"):
        item["assets"][key]["alternate"] = {"https": {"href": f"{portal.url}/open/{key.partition('_')[0]}.tif"}}
    (path,) = fetch_scenes([item], tmp_path / "b", FetchScenesOptions(bands=["B02"])).items
    assert portal.asked[-1][3]["Authorization"] == "Bearer HIDDEN"
    written = "".join(file.read_text() for file in tmp_path.rglob("*.json"))
    assert not re.search("HIDDEN|X-Amz|ACCESS", written)


# The command line


def run(*arguments: object) -> int:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["littoral", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
    return int(ended.value.code or 0)


def test_from_search_to_fetched_scenes(stocked: Portal, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scenes = tmp_path / "scenes.json"
    options = ["--source", "planetary-computer", "--datetime", "2024-06-01/2024-06-06", "--max-cloud", 50, "-o", scenes]
    assert run("search", "--bbox", *BOX, *options) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("1 earlier versions of the same scenes left out (S2A_MSIL2A_20240606T160000_N0500")
    assert lines[1].split() == ["date", "tile", "cloud", "baseline", "item"]
    name = LEVEL_2.format(day="20240601", baseline="0510")
    assert lines[2].split() == ["2024-06-01", "17RNJ", "20", "%", "05.10", name]
    assert lines[-1] == f"{scenes}: 3 scenes"
    assert run("search", "--bbox", *BOX, *options) == 2
    assert "exists already" in capsys.readouterr().err
    assert run("fetch", "scenes", scenes, "-o", tmp_path / "fetched", "--bands", "B02") == 0
    assert "3 scenes, 6 files fetched" in capsys.readouterr().out
    assert (
        run("fetch", "scenes", f"{stocked.api}/collections/c/items/{name}", "-o", tmp_path / "one", "--bands", "B02")
        == 0
    )
    assert (tmp_path / "one" / name / "item.json").is_file()
    assert run("search", "--bbox", *BOX, "--datetime", "June", "-o", tmp_path / "x.json") == 2
    assert "littoral: The time 'June' is not a date" in capsys.readouterr().err
