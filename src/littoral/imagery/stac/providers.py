"""The built-in STAC catalogues: addresses of their APIs, default collections, and access to their files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Catalogue:
    """A STAC API and the store of its images."""

    name: str
    """Name for ``--source``."""
    api: str
    """Address of the API's landing page."""
    collection: str
    """Collection that is searched by default."""
    store: str = ""
    """Store whose files need a token or key: the end of its host name, or the start of its addresses (``s3://…``);
    "" if files are public."""
    tokens: str = ""
    """Address of the service that issues tokens for the store; account and container are appended."""

    def keeps(self, href: str) -> bool:
        """Whether an address is in the store of this catalogue."""
        if not self.store:
            return False
        return href.startswith(self.store) or urlsplit(href).netloc.partition(":")[0].endswith(self.store)


KNOWN = {
    catalogue.name: catalogue
    for catalogue in (
        # Collection 1 has ESA's original values. In sentinel-2-l2a the offset was removed from some scenes only, and
        # the flag for it is wrong for scenes of 2022 to 2025 (Element84/earth-search, issues 66 and 71).
        Catalogue("earth-search", "https://earth-search.aws.element84.com/v1", "sentinel-2-c1-l2a"),
        Catalogue(
            "planetary-computer",
            "https://planetarycomputer.microsoft.com/api/stac/v1",
            "sentinel-2-l2a",
            ".blob.core.windows.net",
            "https://planetarycomputer.microsoft.com/api/sas/v1/token",
        ),
        Catalogue("cdse", "https://stac.dataspace.copernicus.eu/v1", "sentinel-2-l2a", "s3://eodata/"),
    )
}
"""The catalogues by name."""

PUBLIC_BUCKETS = {"sentinel-cogs": "us-west-2", "e84-earth-search-sentinel-data": "us-west-2"}
"""Regions of public Amazon S3 buckets, which are read over https, by name."""


def access_of(href: str, item: Mapping[str, Any]) -> str:
    """Name of the catalogue whose token or key opens an asset, "" if none is needed.

    For http addresses the item's links decide as well, because other catalogues keep public images in the same stores.

    >>> blob = "https://sentinel2l2a01.blob.core.windows.net/sentinel2-l2/06/B02.tif"
    >>> access_of(blob, {"links": []})
    'planetary-computer'
    >>> access_of(blob, {"links": [{"rel": "root", "href": "https://stac.example.org"}]})
    ''
    >>> access_of("https://sentinel-cogs.s3.us-west-2.amazonaws.com/B02.tif", {"links": []})
    ''
    """
    links = [str(link["href"]) for link in item["links"]]
    homes = {urlsplit(link).netloc for link in links if link.startswith(("http://", "https://"))}
    for catalogue in KNOWN.values():
        if catalogue.keeps(href):
            s3 = href.startswith("s3://")
            return catalogue.name if s3 or not homes or urlsplit(catalogue.api).netloc in homes else ""
    return ""
