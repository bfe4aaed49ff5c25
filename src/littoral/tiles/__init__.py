"""Rectangles and scenes to tiles: the one path from rectangle to array, Labeled_Tiles on disk, leak-free splits.

Training sets that others host are fetched here too.
"""

from littoral.tiles.cut import CLASSIFIED, CLOUD, NODATA, OUTSIDE, Tile
from littoral.tiles.export import ExportSummary, export_tiles
from littoral.tiles.labeled import read_tile, read_tiles
from littoral.tiles.multi_scene import Merging, cut_planned, cut_tiles, plan_scenes
from littoral.tiles.packed import open_pack, pack_files
from littoral.tiles.plan import Placed, Plan, plan_tiles
from littoral.tiles.portal import GIS, FetchedItem, fetch_item
from littoral.tiles.spec import Layout, TileSpec
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
