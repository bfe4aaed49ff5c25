"""Running statistics of a folder of tiles, which can be updated with further tiles."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from littoral.imagery import Values


def measured(values: Values, valid: NDArray[np.bool_]) -> list[list[float]]:
    """Statistics of each band of a tile: number of valid pixels, minimum, maximum, mean, sum of squared deviations."""
    whole = bool(valid.all())
    out = []
    for plane in values:
        pixels = (plane if whole else plane[valid]).astype(np.float64).ravel()
        low, high, mean = float(pixels.min()), float(pixels.max()), float(pixels.mean())
        pixels -= mean
        np.square(pixels, out=pixels)
        out.append([float(len(pixels)), low, high, mean, float(pixels.sum())])
    return out


@dataclass
class BandStats:
    """Running statistics of valid pixels by band, merged by the method of Chan et al."""

    count: float
    """Number of pixels."""
    minimum: NDArray[np.float64]
    """(bands,)."""
    maximum: NDArray[np.float64]
    """(bands,)."""
    mean: NDArray[np.float64]
    """(bands,), M1 in the files."""
    squares: NDArray[np.float64]
    """(bands,), sum of squared deviations from the mean, M2 in the files."""

    @classmethod
    def of(cls, state: list[dict[str, float]], bands: int) -> BandStats:
        """Statistics from the ``BandStatsState`` of a folder; for an empty one, statistics of no pixels."""
        if not state:
            return cls(0.0, np.full(bands, np.inf), np.full(bands, -np.inf), np.zeros(bands), np.zeros(bands))
        columns = (np.array([float(band[key]) for band in state]) for key in ("Min", "Max", "M1", "M2"))
        return cls(float(state[0]["Num"]), *columns)

    def add(self, tile: list[list[float]]) -> None:
        """Add the statistics of a tile from :func:`measured`."""
        numbers, low, high, mean, squares = np.array(tile, np.float64).T
        number = float(numbers[0])
        delta, total = mean - self.mean, self.count + number
        self.squares += squares + delta**2 * self.count * number / total
        self.mean += delta * number / total
        self.minimum = np.minimum(self.minimum, low)
        self.maximum = np.maximum(self.maximum, high)
        self.count = total

    def state(self) -> list[dict[str, float]]:
        """As ``BandStatsState`` of a folder."""
        return [
            {
                "Min": low,
                "Max": high,
                "Mean": mean,
                "StdDev": math.sqrt(m2 / self.count),
                "M1": mean,
                "M2": m2,
                "Num": self.count,
            }
            for low, high, mean, m2 in zip(
                self.minimum.tolist(), self.maximum.tolist(), self.mean.tolist(), self.squares.tolist(), strict=True
            )
        ]


def merged_areas(old: Mapping[str, float] | None, new: list[float]) -> dict[str, float]:
    """Statistics of feature areas of one class, with new areas added, in squared units of the CRS."""
    before = old if old and old.get("Count") else {"Min": math.inf, "Max": -math.inf, "Sum": 0.0, "Count": 0}
    total, count = before["Sum"] + math.fsum(new), int(before["Count"]) + len(new)
    low, high = min([before["Min"], *new]), max([before["Max"], *new])
    return {"Min": low, "Max": high, "Mean": total / count, "Sum": total, "Count": count}


def stats_text(accumulated: Mapping[str, Any]) -> str:
    """Content of ``stats.txt``: the accumulated statistics as a readable table."""
    features = accumulated["FeatureStats"]
    size = f"{accumulated['NumBands']}*{accumulated['TileSizeY']}*{accumulated['TileSizeX']}"
    sizes = "".join(f"{name:>14}" for name in ("min size", "mean size", "max size"))
    heading = f"{'cls name':<24}{'cls value':>10}{'images':>10}{'features':>10}{sizes}"
    rows = [
        f"{entry['ClassName']:<24}{entry['ClassValue']:>10}{count:>10}{count:>10}"
        f"{area['Min']:>14.2f}{area['Mean']:>14.2f}{area['Max']:>14.2f}"
        for entry, count, area in zip(
            accumulated["Classes"], features["NumFeaturesPerClass"], features["FeatureAreaPerClass"], strict=True
        )
    ]
    each = features["NumFeaturesPerImage"]
    head = [
        f"images = {accumulated['NumTiles']} *{size}",
        f"features = {features['NumFeaturesTotal']}",
        f"features per image = [min = {each['Min']}, mean = {each['Mean']:.2f}, max = {each['Max']}]",
        f"classes = {len(rows)}",
    ]
    return "\n".join([*head, heading, *rows]) + "\n"
