"""littoral says what kind of shore each stretch of coast is, from sea charts and Sentinel-2.

The names here are loaded when they are first used: ``import littoral`` loads neither torch nor rasterio.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from littoral.categories import CATCOA, Category, Scheme, read_categories
    from littoral.charts import fetch_charts, read_charts
    from littoral.classify import Saying, classify_objects, write_classified
    from littoral.errors import LittoralError
    from littoral.imagery import fetch_scenes, open_scene, open_scenes, search_scenes
    from littoral.learn import FeatureClassifier, prepare_data
    from littoral.rectangles import rectangles_along_lines
    from littoral.report import plot_classified, write_report
    from littoral.shoreline import extract_shoreline, merge_lines, transfer_labels
    from littoral.tiles import GIS, export_tiles, fetch_item, read_tiles
    from littoral.vectors import read_vector, write_vector

__version__ = "0.1.0"

_HOMES = {
    "CATCOA": "categories",
    "Category": "categories",
    "FeatureClassifier": "learn",
    "GIS": "tiles",
    "LittoralError": "errors",
    "Saying": "classify",
    "Scheme": "categories",
    "classify_objects": "classify",
    "export_tiles": "tiles",
    "extract_shoreline": "shoreline",
    "fetch_charts": "charts",
    "fetch_item": "tiles",
    "fetch_scenes": "imagery",
    "merge_lines": "shoreline",
    "open_scene": "imagery",
    "open_scenes": "imagery",
    "plot_classified": "report",
    "prepare_data": "learn",
    "read_categories": "categories",
    "read_charts": "charts",
    "read_tiles": "tiles",
    "read_vector": "vectors",
    "rectangles_along_lines": "rectangles",
    "search_scenes": "imagery",
    "transfer_labels": "shoreline",
    "write_classified": "classify",
    "write_report": "report",
    "write_vector": "vectors",
}

__all__ = [
    "CATCOA",
    "GIS",
    "Category",
    "FeatureClassifier",
    "LittoralError",
    "Saying",
    "Scheme",
    "classify_objects",
    "export_tiles",
    "extract_shoreline",
    "fetch_charts",
    "fetch_item",
    "fetch_scenes",
    "merge_lines",
    "open_scene",
    "open_scenes",
    "plot_classified",
    "prepare_data",
    "read_categories",
    "read_charts",
    "read_tiles",
    "read_vector",
    "rectangles_along_lines",
    "search_scenes",
    "transfer_labels",
    "write_classified",
    "write_report",
    "write_vector",
]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'littoral' has no attribute {name!r}")
    return getattr(import_module(f"littoral.{_HOMES[name]}"), name)


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
