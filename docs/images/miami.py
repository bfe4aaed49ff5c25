"""Draw ``miami.png``: imagery with the charted shoreline beside the same line with the predicted categories.

Run after the commands of ``docs/figures/real-coasts.md`` ("Miami, from chart to report"), with the files they wrote:
``python docs/images/miami.py SCENE coast.gpkg km.gpkg``. The pixels and the lines are public data; their
attribution is drawn into the picture.
"""

from __future__ import annotations

import sys
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import shapely
from matplotlib.axes import Axes
from matplotlib.patches import Patch
from matplotlib.patheffects import withStroke
from PIL import Image

from littoral import CATCOA, open_scene, read_vector
from littoral.figures import stretch
from littoral.imagery import read_overview

HERE = Path(__file__).parent
INK, NO_CATEGORY, NONE = "#20302F", "#FFFFFF", -1
TITLES = ("category in the chart", "category predicted by littoral")
CREDIT = "Contains modified Copernicus Sentinel data 2024–2025 · shoreline: NOAA ENC, not official · not for navigation"


def main(scene_path: str, coast_path: str, km_path: str) -> None:
    """Write the picture beside this file."""
    scene = open_scene(scene_path)
    values, valid = read_overview(scene, [scene.bands[at] for at in (2, 1, 0)], 900)
    picture = brightened(stretch(values, valid))
    right, bottom = scene.transform @ (scene.width, scene.height)
    left, top = scene.transform @ (0, 0)
    image = shapely.box(left, bottom, right, top)
    coast, predicted = (read_vector(Path(path)).to_crs(scene.crs).clip(image) for path in (coast_path, km_path))

    figure, axes = plt.subplots(1, 2, figsize=(9.6, 5.3), layout="constrained")
    for ax, title, lines, field in zip(axes, TITLES, (coast, predicted), ("CATCOA", "ClassValue"), strict=True):
        ax.imshow(picture, extent=(left, right, bottom, top), interpolation="bilinear")
        for code, own in lines.groupby(lines[field].fillna(NONE)):
            colour, width = (NO_CATEGORY, 1.4) if code == NONE else (CATCOA[int(code)].colour, 3.0)
            own.plot(ax=ax, color=INK if code == NONE else "white", linewidth=width + 2, zorder=2)
            own.plot(ax=ax, color=colour, linewidth=width, zorder=3)
        ax.set(xticks=[], yticks=[], xlabel="", ylabel="", xlim=(left, right), ylim=(bottom, top))
        ax.set_title(title, loc="left", pad=8, fontsize=11, color=INK, fontweight="bold")
        ax.spines[:].set_visible(False)
        scale_bar(ax, left, bottom)
    codes = sorted({int(code) for code in [*coast["CATCOA"].dropna(), *predicted["ClassValue"].dropna()]})
    legend = [(CATCOA[code].colour, CATCOA[code].name) for code in codes] + [(NO_CATEGORY, "no category")]
    handles = [Patch(facecolor=colour, edgecolor=INK, linewidth=0.5, label=name) for colour, name in legend]
    figure.legend(handles=handles, loc="outside lower left", ncols=4, frameon=False, fontsize=9, labelcolor=INK)
    figure.text(0.995, 0.006, CREDIT, ha="right", va="bottom", fontsize=6, color="#5A6A69")
    figure.savefig(HERE / "miami.png", dpi=120, bbox_inches="tight", pad_inches=0.1)
    Image.open(HERE / "miami.png").convert("RGB").quantize(256).save(HERE / "miami.png", optimize=True)


def brightened(picture: np.ndarray) -> np.ndarray:
    """A picture with lighter shadows, so that dark water and mangrove keep their detail."""
    return (255 * (picture / 255) ** 0.75).astype(np.uint8)


def scale_bar(ax: Axes, left: float, bottom: float) -> None:
    """One kilometre, lower left; the map's unit is the metre."""
    x, y = left + 250, bottom + 300
    ax.plot([x, x + 1000], [y, y], color="white", linewidth=3, solid_capstyle="butt",
            path_effects=[withStroke(linewidth=5, foreground=INK)])  # fmt: skip
    ax.text(x, y + 130, "1 km", color="white", fontsize=8, path_effects=[withStroke(linewidth=2, foreground=INK)])


if __name__ == "__main__":
    main(*sys.argv[1:])
