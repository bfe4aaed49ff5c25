from .cells import Cell, find_cells
from .coastline import COLUMNS, CRS, read_charts
from .download import FetchedCharts, fetch_charts
from .options import ChartOptions, FetchChartsOptions
from .scales import cut_to_largest_scale, summarise_coast

__all__ = [
    "COLUMNS",
    "CRS",
    "Cell",
    "ChartOptions",
    "FetchChartsOptions",
    "FetchedCharts",
    "cut_to_largest_scale",
    "fetch_charts",
    "find_cells",
    "read_charts",
    "summarise_coast",
]
