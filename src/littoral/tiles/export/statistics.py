"""Statistics of a folder of tiles, kept so that further tiles only add to them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from littoral.imagery import Values


def measured(values: Values, valid: NDArray[np.bool_]) -> list[list[float]]:
    """For each band of a tile the number of valid pixels, their least and greatest value, their mean, and the sum of
    squares of what each is off it."""
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
    """Running statistics of valid pixels: mean (M1) and sum of squared deviations (M2), merged as Chan et al. do."""

    count: float
    minimum: NDArray[np.float64]
    maximum: NDArray[np.float64]
    mean: NDArray[np.float64]
    squares: NDArray[np.float64]

    @classmethod
    def of(cls, state: list[dict[str, float]], bands: int) -> BandStats:
        """What a folder says of its tiles; nothing, where there are none."""
        if not state:
            return cls(0.0, np.full(bands, np.inf), np.full(bands, -np.inf), np.zeros(bands), np.zeros(bands))
        columns = (np.array([float(band[key]) for band in state]) for key in ("Min", "Max", "M1", "M2"))
        return cls(float(state[0]["Num"]), *columns)

    def add(self, tile: list[list[float]]) -> None:
        """Take in what :func:`measured` says of a tile."""
        numbers, low, high, mean, squares = np.array(tile, np.float64).T
        number = float(numbers[0])
        delta, total = mean - self.mean, self.count + number
        self.squares += squares + delta**2 * self.count * number / total
        self.mean += delta * number / total
        self.minimum = np.minimum(self.minimum, low)
        self.maximum = np.maximum(self.maximum, high)
        self.count = total

    def state(self) -> list[dict[str, float]]:
        """As a folder says it."""
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
    """Area of features of one class in squared units of the CRS."""
    before = old if old and old.get("Count") else {"Min": math.inf, "Max": -math.inf, "Sum": 0.0, "Count": 0}
    total, count = before["Sum"] + math.fsum(new), int(before["Count"]) + len(new)
    low, high = min([before["Min"], *new]), max([before["Max"], *new])
    return {"Min": low, "Max": high, "Mean": total / count, "Sum": total, "Count": count}


def stats_text(accumulated: Mapping[str, Any]) -> str:
    """``stats.txt``: what has been accumulated, for people."""
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
