"""The catalogues that littoral knows by name: where they answer, and who may read what they point to."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit


@dataclass(frozen=True)
class Catalogue:
    """A STAC API and the store of its images."""

    name: str
    """What users call it."""
    api: str
    """Address of its front page."""
    collection: str
    """What is searched where the user names none."""
    store: str = ""
    """Images that need a signature: the end of their server's name, or the start of their address (``s3://…``)."""
    tokens: str = ""
    """Where tokens for its store are handed out; account and container are appended."""

    def keeps(self, href: str) -> bool:
        """Whether an address leads into the store that it signs for."""
        if not self.store:
            return False
        return href.startswith(self.store) or urlsplit(href).netloc.partition(":")[0].endswith(self.store)


KNOWN = {
    catalogue.name: catalogue
    for catalogue in (
        # Collection 1 has ESA's own pixels. In sentinel-2-l2a some scenes are shifted and some are not, and what the
        # items say of it is wrong for scenes of 2022 to 2025 (Element84/earth-search, issues 66 and 71).
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
"""By name."""

PUBLIC_BUCKETS = {"sentinel-cogs": "us-west-2", "e84-earth-search-sentinel-data": "us-west-2"}
"""Buckets of Amazon S3 that anyone may read over https, and their regions."""


def access_of(href: str, item: Mapping[str, Any]) -> str:
    """Name of the catalogue that signs an asset's address, "" where none does.

    An item that names its catalogue is believed: other catalogues keep public images in the same stores.

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
