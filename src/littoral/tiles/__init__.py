"""Rectangles and scenes to tiles: the one path from rectangle to array, Labeled_Tiles on disk, leak-free splits."""

from littoral.tiles.cutting import CLASSIFIED, NODATA, OUTSIDE, Tile, cloud_shares, cut_planned, cut_tiles
from littoral.tiles.exporting import ExportSummary, export_tiles
from littoral.tiles.labeled import TileSet, read_tile, read_tiles
from littoral.tiles.planning import Placed, Plan, plan_tiles
from littoral.tiles.specs import Layout, TileSpec
from littoral.tiles.splits import Split, ground_pairs, split_tiles

__all__ = [
    "CLASSIFIED",
    "NODATA",
    "OUTSIDE",
    "ExportSummary",
    "Layout",
    "Placed",
    "Plan",
    "Split",
    "Tile",
    "TileSet",
    "TileSpec",
    "cloud_shares",
    "cut_planned",
    "cut_tiles",
    "export_tiles",
    "ground_pairs",
    "plan_tiles",
    "read_tile",
    "read_tiles",
    "split_tiles",
]
