"""A figure as others want it: in a notebook, in a page, as a file."""

from __future__ import annotations

import base64
import io
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from html import escape

import matplotlib
from matplotlib.figure import Figure


class Picture(Figure):
    """A figure that a notebook shows without pyplot."""

    def _repr_png_(self) -> bytes:
        return png(self, 110)


def svg(figure: Figure, description: str = "") -> str:
    """The figure as an ``<svg>`` element to stand in a page; text stays text, equal figures give equal bytes.

    ``description`` is what a reader who cannot see it is told.
    """
    buffer = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "littoral"}), _any_script():
        figure.savefig(buffer, format="svg", transparent=True, dpi=120, metadata={"Date": None})
    text = buffer.getvalue()
    text = text[text.index("<svg") :]
    text = re.sub(r"<metadata>.*?</metadata>\s*", "", text, flags=re.DOTALL)
    # The names that matplotlib counts (axes_1) would stand in the page once for each figure; no one refers to them.
    text = re.sub(r' id="[A-Za-z][\w.]*_\d+"', "", text)
    return text.replace("<svg", f'<svg role="img" aria-label="{escape(description)}"', 1)


def png_data_uri(figure: Figure, dpi: int = 120) -> str:
    """The figure as a PNG in a ``data:`` address."""
    return f"data:image/png;base64,{base64.b64encode(png(figure, dpi)).decode('ascii')}"


def show(figure: Figure) -> None:
    """Show the figure where there is a notebook to show it in; elsewhere nothing happens."""
    notebook = sys.modules.get("IPython")
    if notebook is not None and notebook.get_ipython() is not None:
        notebook.display.display(figure)


def png(figure: Figure, dpi: int) -> bytes:
    """The figure as the bytes of a PNG; equal figures give equal bytes."""
    buffer = io.BytesIO()
    with _any_script():
        figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


@contextmanager
def _any_script() -> Iterator[None]:
    """A class may be named in a script that matplotlib's own font lacks; a browser has it."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
        yield
