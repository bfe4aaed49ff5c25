from .definition import definition_of
from .files import METRICS_PAGE, Package, read_package, write_package
from .inspection import Inspection, inspect_package
from .manifest import FORMAT, MANIFEST, MOST_CLASSES, Manifest, manifest_json, manifest_of
from .metrics import METRICS
from .mlm import MLM_ITEM, stac_item
from .preprocessing import Preprocessing, standardise
from .resave import credited, renewed
from .resizing import resize

__all__ = [
    "FORMAT",
    "MANIFEST",
    "METRICS",
    "METRICS_PAGE",
    "MLM_ITEM",
    "MOST_CLASSES",
    "Inspection",
    "Manifest",
    "Package",
    "Preprocessing",
    "credited",
    "definition_of",
    "inspect_package",
    "manifest_json",
    "manifest_of",
    "read_package",
    "renewed",
    "resize",
    "stac_item",
    "standardise",
    "write_package",
]
