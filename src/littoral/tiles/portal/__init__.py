"""Download training sets: items of a portal (ArcGIS Online or ArcGIS Enterprise), by their id.

A portal's REST interface: ``<portal>/sharing/rest/content/items/<id>?f=json`` describes an item, ``…/<id>/data`` is its
file, often by way of a redirect to a signed address of a store. Errors come with status 200, as
``{"error": {"code": 498, "message": …}}``. Items that are not public need ``token=`` in the query.
"""

from littoral.tiles.portal.fetch import FetchedItem, TileFolder, fetch_item
from littoral.tiles.portal.gis import GIS, Content
from littoral.tiles.portal.items import Item
from littoral.tiles.portal.rest import ONLINE, PORTAL_VARIABLE, TOKEN_VARIABLE, NoItemError, Portal, find_portal

__all__ = [
    "GIS",
    "ONLINE",
    "PORTAL_VARIABLE",
    "TOKEN_VARIABLE",
    "Content",
    "FetchedItem",
    "Item",
    "NoItemError",
    "Portal",
    "TileFolder",
    "fetch_item",
    "find_portal",
]
