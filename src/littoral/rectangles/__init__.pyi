from .options import RectangleOptions, Sort, Tail
from .table import FIELDS, rectangles_along_lines
from .walk import Lines, Walk, walk_lines

__all__ = [
    "FIELDS",
    "Lines",
    "RectangleOptions",
    "Sort",
    "Tail",
    "Walk",
    "rectangles_along_lines",
    "walk_lines",
]
