from .cut import CLASSIFIED, CLOUD, NODATA, OUTSIDE, Tile
from .export import ExportSummary, export_tiles
from .labeled import read_tile, read_tiles
from .multi_scene import cut_planned, cut_tiles, plan_scenes
from .packed import open_pack, pack_files
from .plan import Placed, Plan, plan_tiles
from .portal import GIS, FetchedItem, fetch_item
from .selection import select_tiles
from .spec import Layout, TileSpec
from .splits import Split, UnplacedWarning, ground_pairs, split_tiles
from .tileset import TileSet
from .turns import turned

__all__ = [
    "CLASSIFIED",
    "CLOUD",
    "GIS",
    "NODATA",
    "OUTSIDE",
    "ExportSummary",
    "FetchedItem",
    "Layout",
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
    "select_tiles",
    "split_tiles",
    "turned",
]
