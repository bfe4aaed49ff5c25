from .chain_order import Sort
from .table import FIELDS, rectangles_along_lines
from .walk import Lines, Tail, Walk, walk_lines

__all__ = [
    "FIELDS",
    "Lines",
    "Sort",
    "Tail",
    "Walk",
    "rectangles_along_lines",
    "walk_lines",
]
