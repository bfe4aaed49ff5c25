"""How a tile, a curve, a confusion matrix, a map is drawn: arrays in, matplotlib figures out.

Figures are made without pyplot, so nothing is global and nothing needs a screen: ``look`` is what they share;
``tiles``, ``curves``, ``scores`` and ``maps`` are what is drawn; ``giving`` is a figure for a notebook or a page.
"""

from littoral.figures.curves import plot_learning_rates, plot_losses
from littoral.figures.maps import plot_map
from littoral.figures.render import Picture, png_data_uri, show, svg
from littoral.figures.scores import ReliabilityBin, plot_class_shares, plot_confusion_matrix, plot_reliability
from littoral.figures.tiles import MISSING_GREY, Image, plot_tiles, rgb_bands, stretch

__all__ = [
    "MISSING_GREY",
    "Image",
    "Picture",
    "ReliabilityBin",
    "plot_class_shares",
    "plot_confusion_matrix",
    "plot_learning_rates",
    "plot_losses",
    "plot_map",
    "plot_reliability",
    "plot_tiles",
    "png_data_uri",
    "rgb_bands",
    "show",
    "stretch",
    "svg",
]
