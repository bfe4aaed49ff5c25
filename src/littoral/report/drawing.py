"""Figures as elements of the page, and which bands they show."""

from __future__ import annotations

from collections.abc import Iterable

from markupsafe import Markup
from matplotlib.figure import Figure

from littoral import figures
from littoral.imagery import Band


def rgb_of(bands: Iterable[Band]) -> tuple[int, int, int]:
    """Bands that only were counted say nothing about their colour."""
    return figures.rgb_bands([band.name if band.described else "" for band in bands])


def as_svg(figure: Figure, description: str) -> Markup:
    """The figure as an element of the page."""
    # Safe as it stands: matplotlib escapes the text it writes, and figures.svg the description.
    return Markup(figures.svg(figure, description))
