from .raster_files import date_of
from .resampling import at_cell_size
from .scene import (
    AS_STORED,
    REFLECTANCE,
    Band,
    Grid,
    Scene,
    Stored,
    Values,
    Window,
    cloudy,
    dtype_of,
    kept_as,
    same_scaling,
    select_bands,
    stored_as,
    valid_values,
)
from .sources import Scenes, Source, as_scenes, open_scene, open_scenes
from .stac.download import FetchedScenes, fetch_scenes
from .stac.items import open_item, open_items
from .stac.redaction import without_secrets
from .stac.search import search_scenes, write_items
from .stac.signing import gdal_environment, gdal_name, gdal_options
from .streaming import stream_windows
from .windows import read_overview, read_windows

__all__ = [
    "AS_STORED",
    "REFLECTANCE",
    "Band",
    "FetchedScenes",
    "Grid",
    "Scene",
    "Scenes",
    "Source",
    "Stored",
    "Values",
    "Window",
    "as_scenes",
    "at_cell_size",
    "cloudy",
    "date_of",
    "dtype_of",
    "fetch_scenes",
    "gdal_environment",
    "gdal_name",
    "gdal_options",
    "kept_as",
    "open_item",
    "open_items",
    "open_scene",
    "open_scenes",
    "read_overview",
    "read_windows",
    "same_scaling",
    "search_scenes",
    "select_bands",
    "stored_as",
    "stream_windows",
    "valid_values",
    "without_secrets",
    "write_items",
]
