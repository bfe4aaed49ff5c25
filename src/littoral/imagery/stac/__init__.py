"""Images as STAC catalogues offer them: items to scenes, searches, signatures, whole files.

`known` declares the catalogues; `documents` reads items as they are written down; `bands` knows which assets are bands,
`scaling` how their values are stored, `pixels` what a file has; `items` makes scenes of it all. `extents` knows boxes
and times, `searching` asks a catalogue; `signing` opens what wants a token or a key, `addresses` keeps those out of all
that is said and written; `fetching` copies whole files.
Their names are gathered in :mod:`littoral.imagery`, not here: `opening` needs `signing`, and `items` needs `opening`.
"""
