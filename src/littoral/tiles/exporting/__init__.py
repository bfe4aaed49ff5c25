"""Writing tiles: cutting one for each labelled rectangle, or a grid of them, and the folder that takes them."""

from littoral.tiles.exporting.contents import MetadataFormat
from littoral.tiles.exporting.export import WherePlaced, export_tiles
from littoral.tiles.exporting.images import ImageFormat
from littoral.tiles.exporting.writing import ExportSummary

__all__ = ["ExportSummary", "ImageFormat", "MetadataFormat", "WherePlaced", "export_tiles"]
