from .category_mapping import map_categories
from .extraction import extract_shoreline
from .label_transfer import TOO_FAR, transfer_labels
from .merge import MEASURES, Stretches, merge_lines, merge_stretches, require_lines
from .options import LabelOptions, LineOptions, ShorelineOptions

__all__ = [
    "MEASURES",
    "TOO_FAR",
    "LabelOptions",
    "LineOptions",
    "ShorelineOptions",
    "Stretches",
    "extract_shoreline",
    "map_categories",
    "merge_lines",
    "merge_stretches",
    "require_lines",
    "transfer_labels",
]
