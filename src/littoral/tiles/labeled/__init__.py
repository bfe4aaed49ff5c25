"""Read ``Labeled_Tiles`` and ``Imagenet`` folders: images with one class each, as GIS deep-learning tools export them.

Layout::

    images/000000000.tif     9-digit running number; GeoTIFF with band names and, where pixels are missing, a mask
    labels/000000000.xml     PASCAL-VOC-style, one object whose name is the class value
    map.txt                  one line per tile: images\\000000000.tif␠␠labels\\000000000.xml␠
    stats.txt                for people
    esri_accumulated_stats.json, esri_model_definition.emd

``map.txt`` is written last: a tile is in the folder when it is in the map. ``Imagenet`` folders have no labels, and
need no map: an image's class is the name of its folder, ``images/<class>/…`` or ``<class>/…``.

Folders of other programs come in several versions and encodings. What was left out of one or interpreted is in the
``notes`` of the set.
"""

from littoral.tiles.labeled.images import ImageFiles, origin_of, read_tile
from littoral.tiles.labeled.layout import ACCUMULATED, DEFINITION, MAP, STATS, decoded, read_json, read_text
from littoral.tiles.labeled.read import read_tiles
from littoral.tiles.tileset import TileSet

__all__ = [
    "ACCUMULATED",
    "DEFINITION",
    "MAP",
    "STATS",
    "ImageFiles",
    "TileSet",
    "decoded",
    "origin_of",
    "read_json",
    "read_text",
    "read_tile",
    "read_tiles",
]
