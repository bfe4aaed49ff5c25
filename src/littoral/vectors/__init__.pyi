from .columns import find_column, free_names, numeric_column, require_column, require_crs
from .files import DRIVERS, read_vector, write_vector
from .filter import filter_rows
from .outputs import check_output, is_there, staged
from .provenance import read_provenance, trace
from .styles import qgis_style

__all__ = [
    "DRIVERS",
    "check_output",
    "filter_rows",
    "find_column",
    "free_names",
    "is_there",
    "numeric_column",
    "qgis_style",
    "read_provenance",
    "read_vector",
    "require_column",
    "require_crs",
    "staged",
    "trace",
    "write_vector",
]
