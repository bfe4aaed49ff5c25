"""Rectangles and scenes to tiles: the one path from rectangle to array, Labeled_Tiles on disk, leak-free splits.

Training sets that others host are fetched here too.
"""

from littoral.tiles.combining import Merging, cut_planned, cut_tiles, plan_scenes
from littoral.tiles.cutting import CLASSIFIED, CLOUD, NODATA, OUTSIDE, Tile
from littoral.tiles.exporting import ExportSummary, export_tiles
from littoral.tiles.hosted import GIS, FetchedItem, fetch_item
from littoral.tiles.labeled import read_tile, read_tiles
from littoral.tiles.packed import open_pack, pack_files
from littoral.tiles.planning import Placed, Plan, plan_tiles
from littoral.tiles.specs import Layout, TileSpec
from littoral.tiles.splits import Split, UnplacedWarning, ground_pairs, split_tiles
from littoral.tiles.tileset import TileSet

__all__ = [
    "CLASSIFIED",
    "CLOUD",
    "GIS",
    "NODATA",
    "OUTSIDE",
    "ExportSummary",
    "FetchedItem",
    "Layout",
    "Merging",
    "Placed",
    "Plan",
    "Split",
    "Tile",
    "TileSet",
    "TileSpec",
    "UnplacedWarning",
    "cut_planned",
    "cut_tiles",
    "export_tiles",
    "fetch_item",
    "ground_pairs",
    "open_pack",
    "pack_files",
    "plan_scenes",
    "plan_tiles",
    "read_tile",
    "read_tiles",
    "split_tiles",
]
