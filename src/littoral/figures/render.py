"""Write figures as SVG or PNG, and show them in notebooks."""

from __future__ import annotations

import base64
import io
import re
import sys
import warnings
from functools import lru_cache
from html import escape

import matplotlib
from matplotlib import font_manager
from matplotlib.figure import Figure
from matplotlib.font_manager import get_font
from matplotlib.text import Text

from littoral.errors import LittoralWarning

_NO_GLYPH = "Glyph .* missing from font"


class Picture(Figure):
    """A figure that notebooks display without pyplot."""

    def _repr_png_(self) -> bytes:
        return png(self, 110)


def svg(figure: Figure, description: str = "") -> str:
    """The figure as an ``<svg>`` element for an HTML page; text stays text, equal figures give equal bytes.

    ``description`` is the text alternative for screen readers.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "littoral"}), warnings.catch_warnings():
        # The text is drawn by the browser, which has further fonts.
        warnings.filterwarnings("ignore", message=_NO_GLYPH, category=UserWarning)
        figure.savefig(buffer, format="svg", transparent=True, dpi=120, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    # matplotlib's ids (axes_1) are not referred to, and would not be unique in a page with several figures.
    text = re.sub(r' id="[A-Za-z][\w.]*_\d+"', "", text)
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1)


def png_data_uri(figure: Figure, dpi: int = 120) -> str:
    """The figure as a PNG in a ``data:`` URI."""
    return f"data:image/png;base64,{base64.b64encode(png(figure, dpi)).decode('ascii')}"


def show(figure: Figure) -> None:
    """Display the figure in a notebook; do nothing elsewhere."""
    notebook = sys.modules.get("IPython")
    if notebook is not None and notebook.get_ipython() is not None:
        notebook.display.display(figure)


def png(figure: Figure, dpi: int) -> bytes:
    """The figure as the bytes of a PNG; equal figures give equal bytes.

    Characters that matplotlib's own font lacks are drawn in a system font that has them.

    Warns:
        LittoralWarning: no system font has some characters; they are drawn as boxes.
    """
    content, complete = _saved(figure, dpi)
    if complete:
        return content
    lacking = _use_fonts_with_all_characters(figure)
    if lacking:
        text = "".join(sorted(lacking))
        warnings.warn(
            f"no font on this system has the characters {text[:40]}, which the figure shows as boxes: "
            "install a font that has them, e.g. one of the Noto family",
            LittoralWarning,
            stacklevel=2,
        )
    return _saved(figure, dpi)[0]


def _saved(figure: Figure, dpi: int) -> tuple[bytes, bool]:
    """The PNG, and whether the fonts have all characters."""
    buffer = io.BytesIO()
    with warnings.catch_warnings(record=True) as caught:
        warnings.filterwarnings("always", message=_NO_GLYPH, category=UserWarning)
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue(), not caught


def _use_fonts_with_all_characters(figure: Figure) -> set[str]:
    """Add system fonts to texts that matplotlib's own font cannot draw; returns the characters that no font has."""
    own = _characters(font_manager.findfont("DejaVu Sans"))
    lacking: set[str] = set()
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        missing = {ord(character) for character in text.get_text() if not character.isspace()} - own
        if missing:
            names, left = _fonts_for(frozenset(missing))
            text.set_fontfamily(["DejaVu Sans", *names])
            lacking |= {chr(code) for code in left}
    return lacking


@lru_cache(maxsize=64)
def _fonts_for(missing: frozenset[int]) -> tuple[tuple[str, ...], frozenset[int]]:
    """System fonts, sorted by file, that together have the characters, and the characters that no font has."""
    names = []
    for font in sorted(font_manager.fontManager.ttflist, key=lambda entry: entry.fname):
        # matplotlib's "Last Resort" font has only boxes.
        usable = font.style == "normal" and not font.name.startswith("Last Resort")
        if missing and usable and missing & _characters(font.fname):
            names.append(font.name)
            missing -= _characters(font.fname)
    return tuple(names), missing


@lru_cache(maxsize=256)
def _characters(path: str) -> frozenset[int]:
    """Code points that a font file has glyphs for."""
    return frozenset(get_font(path).get_charmap())
