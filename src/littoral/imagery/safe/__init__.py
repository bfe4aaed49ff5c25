"""Open Sentinel-2 products as they are delivered (``.SAFE`` folder or zip) as scenes.

``files`` finds a product's files, ``metadata`` reads its XML, ``checksums`` verifies its files, and ``product`` opens
the scene. GDAL's driver for these products is not used, because it returns zeros where a band's file is missing.
"""

from littoral.imagery.safe.product import is_safe, open_safe, with_product_scaling

__all__ = ["is_safe", "open_safe", "with_product_scaling"]
