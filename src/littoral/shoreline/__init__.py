"""Imagery or raw lines to one clean line, merged, measured and labelled."""

from littoral.shoreline.category_mapping import map_categories
from littoral.shoreline.extraction import Rules, extract_shoreline
from littoral.shoreline.label_transfer import TOO_FAR, transfer_labels
from littoral.shoreline.merge import MEASURES, Stretches, merge_lines, merge_stretches, require_lines

__all__ = [
    "MEASURES",
    "TOO_FAR",
    "Rules",
    "Stretches",
    "extract_shoreline",
    "map_categories",
    "merge_lines",
    "merge_stretches",
    "require_lines",
    "transfer_labels",
]
