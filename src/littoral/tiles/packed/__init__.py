"""Tiles kept together: one memory-mapped file of pixels instead of a file for each tile.

A pack is a folder in the user's cache (``LITTORAL_CACHE``, else where the system keeps caches: on Linux ``littoral`` in
``XDG_CACHE_HOME`` or ``~/.cache``), named after all that decides what is in it: bytes of the scene, outlines and labels
of the rectangles, how tiles are cut::

    tiles/<key>/values.npy     (tiles, bands, height, width)
    tiles/<key>/valid.npy      (tiles, bytes): the masks, eight pixels a byte
    tiles/<key>/tiles.parquet  outline, class, rectangle, region and valid share of each
    tiles/<key>/header.json    what the values mean, sizes and checksums of the others

A pack that is there is whole: it is written beside its place, by one process at a time, and then renamed. It may be
deleted at any time; who reads it then has it until the end, and who wants it next makes it anew.
"""

from littoral.tiles.packed.build import open_pack, pack_files
from littoral.tiles.packed.cache import cache_folder

__all__ = ["cache_folder", "open_pack", "pack_files"]
