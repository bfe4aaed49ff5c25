"""Export tiles: cut one for each labelled rectangle, or a grid of tiles, and write them to a folder."""

from littoral.tiles.export.folder_files import MetadataFormat
from littoral.tiles.export.run import WherePlaced, export_tiles
from littoral.tiles.export.tile_files import ImageFormat
from littoral.tiles.export.writer import ExportSummary

__all__ = ["ExportSummary", "ImageFormat", "MetadataFormat", "WherePlaced", "export_tiles"]
