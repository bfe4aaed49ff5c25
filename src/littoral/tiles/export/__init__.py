"""Writing tiles: cutting one for each labelled rectangle, or a grid of them, and the folder that takes them."""

from littoral.tiles.export.run import export_tiles
from littoral.tiles.export.writer import ExportSummary

__all__ = ["ExportSummary", "export_tiles"]
