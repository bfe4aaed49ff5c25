"""A Sentinel-2 product as it is downloaded (.SAFE, a folder or a zip) to a scene, by its own metadata.

`places` knows where a product's files lie, `metadata` what its XML says, `opening` makes the scene. The XML is read
here and not by GDAL's driver, which gives zeros where a band's file is missing.
"""

from littoral.imagery.safe.product import as_product_says, is_safe, open_safe

__all__ = ["as_product_says", "is_safe", "open_safe"]
