"""Imagery or raw lines to one clean line, merged, measured and labelled."""

from littoral.shoreline.merging import Stretches, merge_lines, merge_stretches, require_lines

__all__ = ["Stretches", "merge_lines", "merge_stretches", "require_lines"]
