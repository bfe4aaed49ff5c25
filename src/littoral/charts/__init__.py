"""S-57 cells to a labelled coastline."""

from littoral.charts.reading import COLUMNS, CRS, cut_to_largest_scale, find_cells, read_charts

__all__ = ["COLUMNS", "CRS", "cut_to_largest_scale", "find_cells", "read_charts"]
