"""Read scenes from STAC catalogues: search, open and download items.

* ``providers``: the built-in catalogues; ``item_files``: items as JSON.
* ``bands``, ``scaling``, ``asset_headers``: an item's bands, their scale and offset, and the pixels of its files;
  ``items`` makes scenes of them.
* ``extent``, ``search``: bounding boxes, times, and searches of a catalogue.
* ``signing``, ``redaction``: tokens and keys of stores, and their removal from everything that is shown or written.
* ``download``: whole files.

The public names are exported by :mod:`littoral.imagery`, not here, because ``raster_files`` imports ``signing`` and
``items`` imports ``raster_files``.
"""
