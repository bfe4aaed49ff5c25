"""Vector files by suffix, the QGIS style inside a GeoPackage, where a file comes from, and checks of columns.

Every file is written beside its place and then renamed, so a reader never sees half of one. Files carry no clock time:
the same table gives the same bytes.
"""

from littoral.vectors.columns import find_column, free_names, require_column, require_crs
from littoral.vectors.files import DRIVERS, read_vector, write_vector
from littoral.vectors.outputs import check_output, staged
from littoral.vectors.provenance import read_provenance, trace
from littoral.vectors.styles import qgis_style

__all__ = [
    "DRIVERS",
    "check_output",
    "find_column",
    "free_names",
    "qgis_style",
    "read_provenance",
    "read_vector",
    "require_column",
    "require_crs",
    "staged",
    "trace",
    "write_vector",
]
