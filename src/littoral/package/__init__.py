"""The self-describing file: a ``.dlpk`` is a zip with a model definition (``.emd``), weights and a manifest.

Weights are bytes here; nothing in a package is executed or unpickled by this room. Layout and keys of the ``.emd``
are those that GIS deep-learning tools write and read for a feature classifier; ``littoral.json`` is ours and holds all
that the ``.emd`` has no place for.
"""

from littoral.package.definition import definition_of
from littoral.package.files import METRICS_PAGE, Package, read_package, write_package
from littoral.package.inspection import Inspection, inspect_package
from littoral.package.manifest import FORMAT, MANIFEST, Manifest, manifest_json, manifest_of
from littoral.package.metrics import METRICS
from littoral.package.mlm import MLM_ITEM, stac_item
from littoral.package.preprocessing import Preprocessing, standardise
from littoral.package.resave import credited, renewed
from littoral.package.resizing import resize

__all__ = [
    "FORMAT",
    "MANIFEST",
    "METRICS",
    "METRICS_PAGE",
    "MLM_ITEM",
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
