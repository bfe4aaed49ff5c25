"""Draw losses by epoch and by learning rate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from littoral.figures.style import LINE, MARK, QUIET, RULE, calm, new_figure, put_legend


def plot_losses(training: Sequence[float], validation: Sequence[float]) -> Figure:
    """Draw loss by epoch, counted from 0; a dot marks the epoch of the lowest validation loss."""
    figure = new_figure(6.4, 3.4)
    axes = calm(figure.add_subplot())
    for name, losses, colour in (("training", training, QUIET), ("validation", validation, LINE)):
        axes.plot(range(len(losses)), losses, color=colour, linewidth=1.8, label=name)
    known = np.asarray(validation, np.float64)
    if np.isfinite(known).any():
        best = int(np.nanargmin(np.where(np.isfinite(known), known, np.nan)))
        axes.plot(best, known[best], "o", color=MARK, markersize=6, label=f"lowest: {known[best]:.3g}")
    axes.set_xlabel("epoch")
    axes.set_ylabel("loss")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    put_legend(axes)
    return figure


def plot_learning_rates(rates: Sequence[float], losses: Sequence[float], suggestion: float) -> Figure:
    """Draw loss by learning rate on a logarithmic axis, with the suggested rate marked."""
    figure = new_figure(6.4, 3.4)
    axes = calm(figure.add_subplot())
    axes.plot(rates, losses, color=LINE, linewidth=1.8)
    nearest = int(np.abs(np.log(np.asarray(rates) / suggestion)).argmin())
    axes.axvline(suggestion, color=RULE, linewidth=1, zorder=0)
    axes.plot(rates[nearest], losses[nearest], "o", color=MARK, markersize=7, label=f"suggested: {suggestion:.1e}")
    axes.set_xscale("log")
    axes.set_xlabel("learning rate")
    axes.set_ylabel("loss")
    put_legend(axes)
    return figure
