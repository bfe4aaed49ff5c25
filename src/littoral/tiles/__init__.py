"""Rectangles and scenes to tiles: the one path from rectangle to array, Labeled_Tiles on disk, leak-free splits."""

from littoral.tiles.cutting import CLASSIFIED, NODATA, OUTSIDE, Tile, TileSpec, cut_tiles
from littoral.tiles.exporting import ExportSummary, export_tiles
from littoral.tiles.labeled import read_tile, read_tiles
from littoral.tiles.packed import open_pack, pack_files
from littoral.tiles.splits import Split, ground_pairs, split_tiles
from littoral.tiles.tileset import TileSet

__all__ = [
    "CLASSIFIED",
    "NODATA",
    "OUTSIDE",
    "ExportSummary",
    "Split",
    "Tile",
    "TileSet",
    "TileSpec",
    "cut_tiles",
    "export_tiles",
    "ground_pairs",
    "open_pack",
    "pack_files",
    "read_tile",
    "read_tiles",
    "split_tiles",
]
