"""Export tiles: cut one for each labelled rectangle, or a grid of tiles, and write them to a folder."""

from littoral.tiles.export.run import export_tiles
from littoral.tiles.export.writer import ExportSummary

__all__ = ["ExportSummary", "export_tiles"]
