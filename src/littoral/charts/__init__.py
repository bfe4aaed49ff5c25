"""S-57 cells to a labelled coastline."""

from littoral.charts.cells import Cell, find_cells
from littoral.charts.coastline import COLUMNS, CRS, read_charts
from littoral.charts.download import FetchedCharts, fetch_charts
from littoral.charts.scales import cut_to_largest_scale, summarise_coast

__all__ = [
    "COLUMNS",
    "CRS",
    "Cell",
    "FetchedCharts",
    "cut_to_largest_scale",
    "fetch_charts",
    "find_cells",
    "read_charts",
    "summarise_coast",
]
