"""Packs: tiles cached in one memory-mapped file of pixels instead of a file for each tile.

A pack is a folder in the user's cache (``LITTORAL_CACHE``, else the system's cache folder: on Linux ``littoral`` in
``XDG_CACHE_HOME`` or ``~/.cache``). Its name is a hash of everything that determines its content: bytes of the scene,
outlines and labels of the rectangles, and the settings of the tiles::

    tiles/<key>/values.npy     (tiles, bands, height, width)
    tiles/<key>/valid.npy      (tiles, bytes): the masks, eight pixels a byte
    tiles/<key>/tiles.parquet  outline, class, rectangle, region and valid share of each
    tiles/<key>/header.json    meaning of the values, and sizes and checksums of the other files

A pack is always complete: one process writes it to a temporary folder and then renames it. It may be deleted at any
time; a process that is reading it can finish, and it is created again when needed.
"""

from littoral.tiles.packed.build import open_pack, pack_files
from littoral.tiles.packed.cache import cache_folder

__all__ = ["cache_folder", "open_pack", "pack_files"]
