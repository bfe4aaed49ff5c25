"""Real coasts, whole sites held out: every trial that was made to classify shores of places never seen.

Rectangles of ``realcoast`` with CATCOA 2, 3 or 7; its README says how labels were made and what they are worth. Each
site is asked of classifiers that never saw it. What such a classifier chooses (its strength C, and in the last rows the
recipe itself) is chosen by leaving out one after another of its own training sites. Intervals are 95 %, by bootstrap
over sites; those of differences are paired. The same under a random split shows what a leaking split claims.

``docs/figures/trials.md`` holds the table. Run: ``python benchmarks/trials.py --cache FOLDER``; ``--only PATTERN`` for
some questions. Features and answers are kept in the folder: delete it when this file changes.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import shapely
import timm
import torch
from figures import print_figures
from numpy.typing import NDArray
from safetensors.torch import load_file
from scipy import ndimage
from scipy.optimize import minimize
from skimage.feature import graycomatrix, graycoprops
from sklearn.metrics import log_loss
from sklearn.model_selection import StratifiedKFold

from littoral import read_vector
from littoral.imagery import open_scene
from littoral.tiles import TileSpec, cut_tiles

Floats = NDArray[np.float64]
BANDS = ("B02", "B03", "B04")
SIZE = 256
STRENGTHS = tuple(10.0**power for power in range(-5, 2))
IMAGENET = np.array([[0.406, 0.456, 0.485], [0.225, 0.224, 0.229]], np.float32)
"""Mean and deviation of blue, green and red."""
NETWORKS = {
    "onnx": ("mobilenetv2_100_onnxzoo_in1k", {}),
    "slim": ("mobilenetv2_100_tfslim_in1k", {"pad_type": "same", "bn_eps": 1e-3}),
}
CLASSES = (2, 3, 7)
DRAWS = 5000


@dataclass(frozen=True)
class Coast:
    """All rectangles, with the tile around each."""

    table: pd.DataFrame
    """(tiles,), as realcoast has it, in the order of the shore at each site."""
    upright: NDArray[np.float32]
    """(tiles, bands, 256, 256), reflectance x 10000; NaN where pixels are missing."""
    oriented: NDArray[np.float32]
    """The same, turned: the shore along the rows."""

    @property
    def sites(self) -> NDArray[np.object_]:
        """(tiles,)"""
        return self.table["site"].to_numpy(object)

    def subset(self, keep: NDArray[np.bool_]) -> Coast:
        """The chosen tiles."""
        return Coast(self.table[keep].reset_index(drop=True), self.upright[keep], self.oriented[keep])

    def tiles(self, placement: str, size: int) -> NDArray[np.float32]:
        """(tiles, bands, size, size), the middle."""
        edge = (SIZE - size) // 2
        return getattr(self, placement)[:, :, edge : edge + size, edge : edge + size]


def read_coast(folder: Path, keep: Path) -> Coast:
    """Cut all tiles, once."""
    table = read_vector(folder / "realcoast.gpkg", "rectangles")
    place = keep / "tiles.npz"
    if not place.exists():
        cut = {}
        for placement in ("centred", "oriented"):
            tiles = np.full((len(table), len(BANDS), SIZE, SIZE), np.nan, np.float32)
            spec = TileSpec(SIZE, BANDS, placement=placement, min_valid=0.0)
            for image, part in table.groupby("image"):
                rows = np.flatnonzero(table["image"] == image)
                for tile in cut_tiles(open_scene(folder / str(image)), part.assign(Angle=_azimuth(part)), spec):
                    tiles[rows[tile.position]] = np.where(tile.valid, tile.values.astype(np.float32), np.nan)
            cut[placement] = tiles
        np.savez(place, upright=cut["centred"], oriented=cut["oriented"])
    with np.load(place) as held:
        coast = Coast(pd.DataFrame(table.drop(columns="geometry")), held["upright"], held["oriented"])
    middles = [part.to_crs(int(epsg)).geometry.centroid for epsg, part in table.groupby("epsg")]
    middle = pd.concat([pd.DataFrame({"x": one.x, "y": one.y}) for one in middles])
    return replace(coast, table=coast.table.join(middle))


def _azimuth(rectangles) -> Floats:
    """Degrees clockwise from north of the first side of each rectangle, which follows the shore."""
    metres = rectangles.to_crs(int(rectangles["epsg"].iloc[0])).geometry
    ring = shapely.get_coordinates(metres.to_numpy()).reshape(len(metres), 5, 2)
    side = ring[:, 1] - ring[:, 0]
    return np.degrees(np.arctan2(side[:, 0], side[:, 1]))


# Features


@dataclass(frozen=True)
class Features:
    """What is computed of a tile."""

    size: int = 150
    placement: str = "upright"
    scaling: str = "train"
    """``train``: mean and deviation of the training sites; ``scene``: of the tile's own site; ``tile``: its own;
    ``imagenet``: reflectance 0 to 0.3 as 0 to 1, then ImageNet's."""
    network: str = "onnx"
    """Or ``bands`` (mean and deviation), ``texture``, ``ratios``: made without a network."""
    layers: tuple[int, ...] = (7,)
    """0 to 6: after that block of the network; 7: the last."""
    pool: str = "max+mean"
    zoom: float = 1.0
    """The tile is enlarged by it."""
    turns: tuple[int, ...] = (0,)
    """0 to 7: quarter turns, mirrored from 4 on."""
    jitter: int = 0
    """Copies with another atmosphere, sun and sensor, after the turns."""


class Backbone:
    """Pooled maps of all layers of a network that is never trained."""

    def __init__(self, folder: Path, name: str) -> None:
        where, options = NETWORKS[name]
        self.body = timm.create_model("mobilenetv2_100", pretrained=False, num_classes=0, **options)
        self.body.load_state_dict(load_file(folder / where / "model.safetensors"), strict=False)
        self.body.eval()

    def __call__(self, x: NDArray[np.float32]) -> list[NDArray[np.float32]]:
        """For each layer (tiles, 2 x channels): maximum, then mean."""
        pooled = []
        with torch.inference_mode():
            maps = torch.from_numpy(np.ascontiguousarray(x[:, ::-1])).contiguous(memory_format=torch.channels_last)
            maps = self.body.bn1(self.body.conv_stem(maps))
            for block in self.body.blocks:
                maps = block(maps)
                pooled.append(torch.cat([maps.amax((2, 3)), maps.mean((2, 3))], 1).numpy())
            maps = self.body.bn2(self.body.conv_head(maps))
            pooled.append(torch.cat([maps.amax((2, 3)), maps.mean((2, 3))], 1).numpy())
        return pooled


def contrast(backbone: Backbone, tiles: NDArray[np.float32], steps: int = 80, batch: int = 32, side: int = 96) -> None:
    """Teach the first three blocks, in place, that two views of a tile are one place (SimCLR); no label is used.

    Views are crops, turned, under another sky, standardised one by one.
    """
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    body = torch.nn.Sequential(backbone.body.conv_stem, backbone.body.bn1, backbone.body.blocks[:3])
    head = torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.ReLU(), torch.nn.Linear(64, 32))
    rate = torch.optim.AdamW([{"params": body.parameters(), "lr": 1e-4}, {"params": head.parameters(), "lr": 1e-3}])
    nobody = np.zeros(2 * batch, bool)
    for _ in range(steps):
        chosen = np.tile(rng.permutation(len(tiles))[:batch], 2)
        views = np.empty((2 * batch, len(BANDS), side, side), np.float32)
        for place, (tile, top, left) in enumerate(
            zip(chosen, *rng.integers(40, SIZE - side - 40, (2, 2 * batch)), strict=True)
        ):
            view = tiles[tile, :, top : top + side, left : left + side]
            views[place] = np.rot90(view, int(rng.integers(4)), (1, 2))
        x = scaled(jittered(views, int(rng.integers(2**31))), "tile", nobody.astype(object), nobody)
        maps = body(torch.from_numpy(np.ascontiguousarray(x[:, ::-1])).contiguous(memory_format=torch.channels_last))
        seen = torch.nn.functional.normalize(head(torch.cat([maps.amax((2, 3)), maps.mean((2, 3))], 1)))
        alike = (seen @ seen.T / 0.2).fill_diagonal_(-1e9)
        loss = torch.nn.functional.cross_entropy(alike, (torch.arange(2 * batch) + batch) % (2 * batch))
        rate.zero_grad()
        loss.backward()
        rate.step()


class Lab:
    """Computes features once, and keeps them in a folder."""

    def __init__(self, coast: Coast, weights: Path, keep: Path, every: Coast | None = None) -> None:
        self.coast, self.weights, self.keep, self.every = coast, weights, keep, every
        self.held: dict[str, list[NDArray[np.float32]]] = {}

    @cache  # noqa: B019
    def backbone(self, name: str) -> Backbone:
        found = Backbone(self.weights, name.removeprefix("contrast "))
        if name.startswith("contrast"):
            assert self.every is not None
            contrast(found, self.every.upright)
        return found

    def of(self, what: Features, training: NDArray[np.bool_]) -> Floats:
        """(tiles, views, features), views being turns, then jittered copies.

        Args:
            what: Features.
            training: (tiles,), whose statistics may be used where ``scaling`` asks for them.
        """
        if what.network in MADE:
            return self._made(what)[:, None]
        views = []
        for view in [("turn", turn) for turn in what.turns] + [("jitter", copy) for copy in range(what.jitter)]:
            layers = self._layers(what, training, view)
            chosen = [layers[layer] for layer in what.layers]
            if what.pool == "mean":
                chosen = [one[:, one.shape[1] // 2 :] for one in chosen]
            views.append(np.concatenate(chosen, 1))
        return np.stack(views, 1).astype(np.float64)

    def _made(self, what: Features) -> Floats:
        told = [what.network, what.size, what.placement]
        return self.kept(told, lambda: [MADE[what.network](self.coast.tiles(what.placement, what.size))])[0]

    def _layers(self, what: Features, training: NDArray[np.bool_], view: tuple[str, int]) -> list[NDArray[np.float32]]:
        own = what.scaling in ("scene", "tile", "imagenet")
        told = [what.size, what.placement, what.scaling, what.network, what.zoom, view]
        told.append(None if own else training.tolist())
        return self.kept(told, lambda: self._computed(what, training, view))

    def _computed(
        self, what: Features, training: NDArray[np.bool_], view: tuple[str, int]
    ) -> list[NDArray[np.float32]]:
        x = self._turned(scaled(self._view(what, view), what.scaling, self.coast.sites, training), view)
        if what.zoom != 1:
            side = round(what.size * what.zoom)
            x = torch.nn.functional.interpolate(torch.from_numpy(x), (side, side), mode="bicubic").numpy()
        pooled = [self.backbone(what.network)(x[start : start + 16]) for start in range(0, len(x), 16)]
        return [np.concatenate(layer) for layer in zip(*pooled, strict=True)]

    def kept(self, told: list[object], make: Callable[[], list[Any]]) -> list[Any]:
        """What ``make`` returns, from memory or the folder if it was made before."""
        told = [*told, self.coast.table["rect_id"].tolist()]
        key = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:20]
        if key not in self.held:
            place = self.keep / f"{key}.npz"
            if not place.exists():
                np.savez(place, *make())
            with np.load(place) as held:
                self.held[key] = [held[name] for name in held.files]
        return self.held[key]

    def _view(self, what: Features, view: tuple[str, int]) -> NDArray[np.float32]:
        tiles = self.coast.tiles(what.placement, what.size)
        return jittered(tiles, view[1]) if view[0] == "jitter" else tiles

    def _turned(self, x: NDArray[np.float32], view: tuple[str, int]) -> NDArray[np.float32]:
        if view[0] == "jitter":
            return x
        x = np.rot90(x, view[1] % 4, (2, 3))
        return np.ascontiguousarray(x[..., ::-1] if view[1] >= 4 else x)


def scaled(
    x: NDArray[np.float32], how: str, sites: NDArray[np.object_], training: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Standardised tiles, 0 where pixels are missing."""
    axes = (0, 2, 3)
    if how == "imagenet":
        mean, std = IMAGENET[0][:, None, None], IMAGENET[1][:, None, None]
        out = (np.clip(x / 3000, 0, 1) - mean) / std
    elif how == "tile":
        out = (x - np.nanmean(x, (2, 3), keepdims=True)) / (np.nanstd(x, (2, 3), keepdims=True) + 1)
    elif how == "scene":
        out = np.empty_like(x)
        for site in np.unique(sites):
            part = x[sites == site]
            out[sites == site] = (part - np.nanmean(part, axes, keepdims=True)) / np.nanstd(part, axes, keepdims=True)
    else:
        part = x[training]
        out = (x - np.nanmean(part, axes, keepdims=True)) / np.nanstd(part, axes, keepdims=True)
    return np.nan_to_num(out, nan=0.0).astype(np.float32)


def jittered(x: NDArray[np.float32], copy: int) -> NDArray[np.float32]:
    """Each tile under another sky: haze that falls with the wavelength, another sun, another sensor's gains."""
    rng = np.random.default_rng(copy + 1)
    many = (len(x), 1, 1, 1)
    sun = np.exp(rng.normal(0, 0.25, many))
    gains = np.exp(rng.normal(0, 0.07, (len(x), len(BANDS), 1, 1)))
    haze = rng.uniform(-300, 500, many) * np.array([1.0, 0.55, 0.3])[None, :, None, None]
    return (np.maximum(x * sun * gains + haze, 1)).astype(np.float32)


# Features without a network


def bands_of(x: NDArray[np.float32]) -> Floats:
    """Mean and deviation of each band: the baseline."""
    return np.concatenate([np.nanmean(x, (2, 3)), np.nanstd(x, (2, 3))], 1).astype(np.float64)


def ratios_of(x: NDArray[np.float32]) -> Floats:
    """Of each normalised difference: mean, deviation and five quantiles."""
    out = []
    for one, other in ((0, 1), (0, 2), (1, 2)):
        index = (x[:, one] - x[:, other]) / (x[:, one] + x[:, other] + 1)
        quantiles = np.nanquantile(index, (0.05, 0.25, 0.5, 0.75, 0.95), axis=(1, 2))
        out += [np.nanmean(index, (1, 2)), np.nanstd(index, (1, 2)), *quantiles]
    return np.stack(out, 1).astype(np.float64)


def texture_of(x: NDArray[np.float32]) -> Floats:
    """Local deviations and gradients at four scales, and co-occurrence of the tile's own grey levels."""
    out = []
    for tile in x:
        grey = tile.mean(0)
        grey = np.where(np.isfinite(grey), grey, np.nanmean(grey))
        low, high = np.quantile(grey, (0.02, 0.98))
        grey = np.clip((grey - low) / (high - low + 1), 0, 1)
        row: list[float] = []
        for sigma in (0.0, 1.0, 2.0, 4.0):
            smooth = ndimage.gaussian_filter(grey, sigma)
            detail = smooth - ndimage.gaussian_filter(grey, 2 * sigma + 1)
            slope = ndimage.gaussian_gradient_magnitude(grey, sigma + 0.7)
            row += [detail.std(), np.abs(detail).mean(), *np.quantile(slope, (0.5, 0.9)), slope.std()]
        counts = graycomatrix((grey * 15).astype(np.uint8), [1, 3, 8], [0, np.pi / 2], 16, symmetric=True, normed=True)
        for name in ("contrast", "homogeneity", "energy", "correlation"):
            row += graycoprops(counts, name).mean(1).tolist()
        out.append(row)
    return np.array(out)


MADE: dict[str, Callable[[NDArray[np.float32]], Floats]] = {
    "bands": bands_of,
    "ratios": ratios_of,
    "texture": texture_of,
}


# Classifiers


@dataclass(frozen=True)
class Recipe:
    """One trial."""

    name: str
    parts: tuple[Features, ...] = (Features(),)
    mix: str = "join"
    """What becomes of several parts: ``join`` their features, or ``average`` the answers of a classifier of each."""
    learn: str = "first"
    """Views that are learnt from: ``first``, ``all``, or their ``mean``."""
    ask: str = "first"
    """Views that are asked: likewise; of ``all``, probabilities are averaged."""
    weigh: str = "classes"
    """``classes`` count alike, and inside them ``sites``; or ``none``: tiles."""
    gamma: float = 0.0
    """Of the focal loss; 0: the usual one."""
    chain: bool = False
    """Answers of a site are smoothed along its shore."""
    unlabelled: str = ""
    """Tiles without labels that features are whitened by: of ``training`` sites, or ``all``; or ``site``: features are
    standardised by the tile's own site."""
    choose: str = "f1"
    """What the strength is chosen by, of training sites that are left out: ``f1``, or ``loss``."""
    strengths: tuple[float, ...] = STRENGTHS
    epochs: int = 0
    """The network is fine-tuned for so many, and no strength is chosen; 0: a head on frozen features."""


@dataclass
class Fold:
    """What is asked of a classifier, and what it learns from."""

    learn: NDArray[np.int64]
    ask: NDArray[np.int64]


@dataclass
class Result:
    """Answers of one recipe."""

    recipe: Recipe
    answers: Floats
    """(tiles, classes), each by a classifier that never saw the tile's fold."""
    inner: Floats
    """(folds,), macro-F1 among the folds left for training."""
    strengths: Floats
    """(folds,), chosen."""


class Judge:
    """Trials on one set of labelled tiles, divided into folds."""

    def __init__(self, lab: Lab, classes: Sequence[int], folds: NDArray[np.int64], everything: Lab) -> None:
        self.lab, self.folds, self.everything = lab, folds, everything
        self.classes = tuple(classes)
        self.truth = np.searchsorted(classes, lab.coast.table["CATCOA"].to_numpy(np.int64))
        self.sites = lab.coast.sites

    def __call__(self, recipe: Recipe) -> Result:
        """Answers of a recipe; made once, and kept with the features."""
        answers, inner, strengths = self.lab.kept(
            [repr(recipe), self.classes, self.folds.tolist()], lambda: self._answers(recipe)
        )
        return Result(recipe, answers, inner, strengths)

    def _answers(self, recipe: Recipe) -> list[Floats]:
        if recipe.epochs:
            return self._tuned(recipe)
        answers = np.zeros((len(self.truth), len(self.classes)))
        inner, strengths = [], []
        for held in np.unique(self.folds):
            training = self.folds != held
            parts = [self._features(part, training, recipe.unlabelled) for part in recipe.parts]
            if recipe.mix == "join":
                views = max(part.shape[1] for part in parts)
                parts = [np.concatenate([np.broadcast_to(p, (len(p), views, p.shape[2])) for p in parts], 2)]
            left_out = np.zeros((len(recipe.strengths), len(self.truth), len(self.classes)))
            for inside in np.unique(self.folds[training]):
                asked = self.folds == inside
                left_out[:, asked] = self._answer(recipe, parts, training & ~asked, asked)
            scores = [macro_f1(self.truth[training], one[training].argmax(1)) for one in left_out]
            quality = scores if recipe.choose == "f1" else [self._loss(one, training) for one in left_out]
            best = int(np.argmax(np.round(quality, 4)))  # the smallest of equals: the simplest head
            answers[~training] = self._answer(recipe, parts, training, ~training, (recipe.strengths[best],))[0]
            inner.append(scores[best])
            strengths.append(recipe.strengths[best])
        return [answers, np.array(inner), np.array(strengths)]

    def _tuned(self, recipe: Recipe) -> list[Floats]:
        """Fine-tuned with AdamW and one cycle of the rate, up to 5e-4; turned at random; batch norms as they were."""
        (what,) = recipe.parts
        answers = np.zeros((len(self.truth), len(self.classes)))
        for held in np.unique(self.folds):
            training = self.folds != held
            x = scaled(self.lab.coast.tiles(what.placement, what.size), what.scaling, self.sites, training)[:, ::-1]
            tiles, targets = torch.from_numpy(np.ascontiguousarray(x)), torch.from_numpy(self.truth)
            heavy = torch.zeros(len(targets))
            heavy[torch.from_numpy(training)] = torch.from_numpy(balanced(self.truth[training])).float()
            torch.manual_seed(0)
            body = Backbone(self.lab.weights, what.network).body
            layers = [body.conv_stem, body.bn1, body.blocks[: what.layers[0] + 1]]
            channels = 64
            if what.layers == (7,):
                layers, channels = [*layers, body.conv_head, body.bn2], 2560
            net = torch.nn.Sequential(*layers)
            head = torch.nn.Sequential(torch.nn.BatchNorm1d(channels), torch.nn.Linear(channels, len(self.classes)))

            def logits(x: torch.Tensor, net: torch.nn.Module = net, head: torch.nn.Module = head) -> torch.Tensor:
                maps = net(x.contiguous(memory_format=torch.channels_last))
                return head(torch.cat([maps.amax((2, 3)), maps.mean((2, 3))], 1))

            known, size = np.flatnonzero(training), 16
            steps = recipe.epochs * (len(known) // size)
            rate = torch.optim.AdamW([*net.parameters(), *head.parameters()], 5e-4, weight_decay=1e-2)
            cycle = torch.optim.lr_scheduler.OneCycleLR(rate, 5e-4, total_steps=steps)
            rng = np.random.default_rng(0)
            order = np.concatenate([rng.permutation(known)[: len(known) // size * size] for _ in range(recipe.epochs)])
            for chosen in order.reshape(-1, size):
                turned = torch.rot90(tiles[chosen], int(rng.integers(4)), (2, 3))
                right = torch.log_softmax(logits(turned), 1)[torch.arange(size), targets[chosen]]
                loss = -(heavy[chosen] * (1 - right.exp()) ** recipe.gamma * right).mean()
                rate.zero_grad()
                loss.backward()
                rate.step()
                cycle.step()
            head.eval()
            with torch.inference_mode():
                answers[~training] = torch.softmax(logits(tiles[~training]), 1).numpy()
        nothing = np.full(len(np.unique(self.folds)), np.nan)
        return [answers, nothing, nothing]

    def _loss(self, answers: Floats, part: NDArray[np.bool_]) -> float:
        truth = self.truth[part]
        return -log_loss(truth, answers[part], labels=range(len(self.classes)), sample_weight=balanced(truth))

    def _features(self, what: Features, training: NDArray[np.bool_], unlabelled: str) -> Floats:
        own = self.lab.of(what, training)
        if unlabelled == "site":
            every = self.everything.of(what, np.ones(len(self.everything.coast.sites), bool))[:, 0]
            out = np.empty_like(own)
            for site in np.unique(self.sites):
                part = every[self.everything.coast.sites == site]
                out[self.sites == site] = (own[self.sites == site] - part.mean(0)) / (
                    part.std(0) + every.std(0) / 10 + 1e-9
                )
            return out
        if unlabelled:
            every = self.everything.of(what, np.ones(len(self.everything.coast.sites), bool))[:, 0]
            if unlabelled == "training":
                every = every[np.isin(self.everything.coast.sites, np.unique(self.sites[training]))]
            middle, spread = every.mean(0), every.std(0) + 1e-9
            _, values, axes = np.linalg.svd((every - middle) / spread, full_matrices=False)
            keep = slice(0, 40)
            return ((own - middle) / spread) @ axes[keep].T / values[keep]
        return own

    def _answer(
        self,
        recipe: Recipe,
        parts: list[Floats],
        learn: NDArray[np.bool_],
        ask: NDArray[np.bool_],
        strengths: Sequence[float] | None = None,
    ) -> Floats:
        """(strengths, asked, classes)"""
        given = recipe.strengths if strengths is None else strengths
        total = sum(self._one(recipe, part, learn, ask, given) for part in parts) / len(parts)
        if recipe.chain:
            total = np.stack([self._smooth(one, learn, ask) for one in total])
        return total

    def _one(
        self, recipe: Recipe, x: Floats, learn: NDArray[np.bool_], ask: NDArray[np.bool_], strengths: Sequence[float]
    ) -> Floats:
        known, asked = x[learn], x[ask]
        if recipe.learn != "all":
            known = known[:, :1] if recipe.learn == "first" else known.mean(1, keepdims=True)
        if recipe.ask != "all":
            asked = asked[:, :1] if recipe.ask == "first" else asked.mean(1, keepdims=True)
        truth = self.truth[learn]
        weights = {
            "classes": lambda: balanced(truth),
            "sites": lambda: balanced(truth, self.sites[learn]),
            "none": lambda: np.ones(len(truth)),
        }[recipe.weigh]()
        views = known.shape[1]
        rows, targets, weights = known.reshape(-1, x.shape[2]), truth.repeat(views), weights.repeat(views) / views
        middle, spread = rows.mean(0), rows.std(0)
        spread[spread < 1e-9] = 1
        rows = (rows - middle) / spread
        asked = (asked - middle) / spread
        if rows.shape[1] > len(rows):
            # The solution lies in the span of the rows: turning into it changes no answer, and is faster.
            values, axes = np.linalg.eigh(rows @ rows.T)
            keep = values > values[-1] * 1e-9
            turn = rows.T @ (axes[:, keep] / np.sqrt(values[keep]))
            rows, asked = rows @ turn, asked @ turn
        out = []
        for table in logistic(rows, targets, weights, strengths, len(self.classes), recipe.gamma):
            logits = asked @ table[:-1] + table[-1]
            logits -= logits.max(-1, keepdims=True)
            share = np.exp(logits)
            out.append((share / share.sum(-1, keepdims=True)).mean(1))
        return np.stack(out)

    def _smooth(self, answers: Floats, learn: NDArray[np.bool_], ask: NDArray[np.bool_]) -> Floats:
        """Forward and backward along the shore, with the changes of category of the sites that are learnt from."""
        counts = np.ones((len(self.classes),) * 2)
        for one, other, _ in neighbours(self.lab.coast.table):
            if learn[one] and learn[other]:
                counts[self.truth[one], self.truth[other]] += 1
                counts[self.truth[other], self.truth[one]] += 1
        change = counts / counts.sum(1, keepdims=True)
        place = np.full(len(ask), -1)
        place[ask] = np.arange(ask.sum())
        links = [(place[a], place[b], d) for a, b, d in neighbours(self.lab.coast.table) if ask[a] and ask[b]]
        before, after = np.ones_like(answers), np.ones_like(answers)
        for one, other, steps in links:
            message = (before[one] * answers[one]) @ np.linalg.matrix_power(change, steps)
            before[other] = message / message.sum()
        for one, other, steps in reversed(links):
            message = (after[other] * answers[other]) @ np.linalg.matrix_power(change, steps).T
            after[one] = message / message.sum()
        smooth = before * answers * after
        return smooth / smooth.sum(1, keepdims=True)


def neighbours(table: pd.DataFrame) -> list[tuple[int, int, int]]:
    """Pairs of labelled tiles that follow one another along the shore, and how many rectangles they are apart."""
    out = []
    number = table["rect_id"].str[2:].astype(int).to_numpy()
    image, x, y = (table[name].to_numpy() for name in ("image", "x", "y"))
    for one in range(len(table) - 1):
        steps = number[one + 1] - number[one]
        apart = np.hypot(x[one + 1] - x[one], y[one + 1] - y[one])
        if image[one] == image[one + 1] and 0 < steps <= 3 and apart < 1500 * steps:
            out.append((one, one + 1, int(steps)))
    return out


def balanced(truth: NDArray[np.int64], sites: NDArray[np.object_] | None = None) -> Floats:
    """Weights (tiles,) that sum to the tiles, classes alike; and the sites of a class alike."""
    cells = pd.Series(np.ones(len(truth))).groupby([truth] if sites is None else [truth, sites])
    weights = 1 / cells.transform("size").to_numpy()
    if sites is not None:
        weights /= pd.Series(sites).groupby(truth).transform("nunique").to_numpy()
    return weights / weights.mean()


def logistic(
    x: Floats, y: NDArray[np.int64], weights: Floats, strengths: Sequence[float], classes: int, gamma: float = 0.0
) -> list[Floats]:
    """For each strength (scikit-learn's ``C``) the coefficients (features + 1, classes), intercepts last.

    The loss is scikit-learn's, or with ``gamma`` the focal one; this is ten times as fast on so few tiles. A class that
    does not occur is never the answer.
    """
    ones = np.column_stack([x, np.ones(len(x))])
    here = np.eye(classes)[y]
    absent = np.where(np.isin(np.arange(classes), y), 0.0, -1e9)
    start, found = np.zeros(ones.shape[1] * classes), []
    for strength in sorted(strengths):
        penalty = 1 / (strength * weights.sum())

        def loss(flat: Floats, penalty: float = penalty) -> tuple[float, Floats]:
            table = flat.reshape(-1, classes)
            logits = ones @ table + absent
            logits -= logits.max(1, keepdims=True)
            share = np.exp(logits)
            share /= share.sum(1, keepdims=True)
            right = np.clip((share * here).sum(1), 1e-12, 1 - 1e-12)
            rest = (1 - right) ** gamma
            slope = gamma * right * np.log(right) * (1 - right) ** (gamma - 1) - rest if gamma else -rest
            inner = weights * slope / weights.sum()
            gradient = ones.T @ (inner[:, None] * (here - share))
            gradient[:-1] += penalty * table[:-1]
            value = -(weights * rest * np.log(right)).sum() / weights.sum() + penalty / 2 * (table[:-1] ** 2).sum()
            return float(value), gradient.ravel()

        start = minimize(loss, start, jac=True, method="L-BFGS-B", options={"maxiter": 500, "gtol": 1e-5}).x
        table = start.reshape(-1, classes).copy()
        table[-1] += absent
        found.append(table)
    return found


def macro_f1(truth: NDArray[np.int64], answers: NDArray[np.int64]) -> float:
    """Mean F1 of the classes that occur in the truth."""
    return float(_of_counts(_counts(truth, answers, 1 + int(max(truth.max(), answers.max()))))[1])


def _counts(truth: NDArray[np.int64], answers: NDArray[np.int64], classes: int) -> Floats:
    return np.bincount(truth * classes + answers, minlength=classes**2).reshape(classes, classes).astype(float)


def _of_counts(matrix: Floats) -> tuple[Floats, Floats]:
    """Accuracy and macro-F1 (…) of confusion matrices (…, truth, answer)."""
    right, true, said = np.einsum("...ii->...i", matrix), matrix.sum(-1), matrix.sum(-2)
    f1 = 2 * right / np.maximum(true + said, 1)
    return right.sum(-1) / true.sum(-1), (f1 * (true > 0)).sum(-1) / (true > 0).sum(-1)


# Judgement


def intervals(
    judge: Judge, answers: NDArray[np.int64], rival: NDArray[np.int64]
) -> tuple[tuple[float, float], tuple[float, float], tuple[float, float]]:
    """95 % of accuracy, macro-F1, and macro-F1 beyond a rival's, by bootstrap over sites."""
    names = np.unique(judge.sites)
    own, other = (
        np.stack(
            [_counts(judge.truth[here], told[here], len(judge.classes)) for here in (judge.sites == n for n in names)]
        )
        for told in (answers, rival)
    )
    draws = np.random.default_rng(0).integers(len(names), size=(DRAWS, len(names)))
    accuracy, mine = _of_counts(own[draws].sum(1))
    found = np.stack([accuracy, mine, mine - _of_counts(other[draws].sum(1))[1]])
    low, high = np.quantile(found, (0.025, 0.975), axis=1)
    return tuple((float(a), float(b)) for a, b in zip(low, high, strict=True))  # type: ignore[return-value]


# Trials


REFERENCE = Features(150, scaling="tile", layers=(2, 3))
"""What the questions below start from: one thing is changed at a time."""


def trials() -> dict[str, list[Recipe]]:
    """Every trial, by the question it asks; names are unique."""
    ref, start = REFERENCE, Features()
    texture, ratios, bands = (
        Features(256, network="texture"),
        Features(150, network="ratios"),
        Features(network="bands"),
    )
    contexts = (100, 128, 150, 192, 256)
    wide = tuple(replace(ref, size=size) for size in (100, 150, 256))
    plain = replace(ref, scaling="imagenet")
    turned = (replace(ref, turns=tuple(range(8))),)
    along = (replace(ref, placement="oriented", turns=(0, 6)),)
    found = {
        "baseline: logistic regression on mean and deviation of the bands": [
            Recipe(f"bands, {size} px{told}", (replace(bands, size=size),), strengths=strengths)
            for told, strengths in (("", STRENGTHS), (", strength 1", (1.0,)))
            for size in contexts
        ],
        "the start: last layer, training statistics": [
            Recipe(f"last layer, {size} px", (replace(start, size=size),)) for size in contexts
        ],
        "reference": [Recipe("reference", (ref,))],
        "which layers": [
            *(Recipe(f"layer {layer}", (replace(ref, layers=(layer,)),)) for layer in range(8)),
            Recipe("layers 1, 2, 3", (replace(ref, layers=(1, 2, 3)),)),
            Recipe("layers 2, 3, 7", (replace(ref, layers=(2, 3, 7)),)),
        ],
        "standardisation": [
            Recipe("by the training sites", (replace(ref, scaling="train"),)),
            Recipe("absolute reflectance, ImageNet's", (plain,)),
            Recipe("by the scene", (replace(ref, scaling="scene"),)),
            *(
                Recipe(f"layer 2 by the training sites, {size} px", (Features(size, layers=(2,)),))
                for size in (100, 150, 256)
            ),
        ],
        "context": [
            *(Recipe(f"{size} px", (replace(ref, size=size),)) for size in contexts if size != ref.size),
            Recipe("100, 150 and 256 px, joined", wide),
            Recipe("100, 150 and 256 px, answers averaged", wide, mix="average"),
        ],
        "orientation": [
            Recipe(f"oriented, {size} px", (replace(ref, size=size, placement="oriented"),)) for size in (100, 150, 256)
        ],
        "resolution": [Recipe(f"enlarged x {zoom}", (replace(ref, zoom=zoom),)) for zoom in (0.5, 1.5, 2.0)],
        "weights": [
            Recipe("other weights (TF-Slim)", (replace(ref, network="slim"),)),
            Recipe("both weights, joined", (ref, replace(ref, network="slim"))),
            Recipe("both weights, answers averaged", (ref, replace(ref, network="slim")), mix="average"),
        ],
        "pooling": [Recipe("means only", (replace(ref, pool="mean"),))],
        "flips and turns": [
            Recipe("8 turns learnt", turned, learn="all"),
            Recipe("8 turns asked", turned, ask="all"),
            Recipe("8 turns learnt and asked", turned, learn="all", ask="all"),
            Recipe("8 turns, features averaged", turned, learn="mean", ask="mean"),
            Recipe("oriented, mirrored, learnt and asked", along, learn="all", ask="all"),
        ],
        "colour jitter (it leaves tiles that are standardised one by one as they are)": [
            Recipe("absolute, 4 other skies", (replace(plain, jitter=4),), learn="all"),
        ],
        "beside the network": [
            Recipe("with band ratios", (ref, ratios)),
            Recipe("with texture", (ref, texture)),
            Recipe("with band statistics", (ref, bands)),
            Recipe("with all three", (ref, ratios, texture, bands)),
            Recipe("texture alone", (texture,)),
            Recipe("band ratios alone", (ratios,)),
            Recipe("ratios, texture, bands alone", (ratios, texture, bands)),
        ],
        "weights of tiles, losses": [
            Recipe("tiles count alike", (ref,), weigh="none"),
            Recipe("sites of a class count alike", (ref,), weigh="sites"),
            Recipe("focal loss, gamma 2", (ref,), gamma=2.0),
            Recipe("strength chosen by the loss", (ref,), choose="loss"),
        ],
        "the sequence along the shore": [Recipe("smoothed along the shore", (ref,), chain=True)],
        "tiles without labels": [
            Recipe("whitened by the training sites' tiles", (ref,), unlabelled="training"),
            Recipe("whitened by all sites' tiles", (ref,), unlabelled="all"),
            Recipe("features standardised by site", (ref,), unlabelled="site"),
            Recipe("layer 2, for comparison", (replace(ref, layers=(2,)),)),
            Recipe("layer 2 taught by contrast on all tiles", (replace(ref, layers=(2,), network="contrast onnx"),)),
        ],
        "fine-tuning (nothing is chosen inside)": [
            Recipe("whole network fine-tuned, 100 px", (replace(ref, size=100, layers=(7,)),), epochs=4),
            Recipe("first three blocks fine-tuned, 100 px", (replace(ref, size=100, layers=(2,)),), epochs=4),
        ],
        "grid of layer, standardisation and context": [
            Recipe(
                f"layer {'+'.join(map(str, layers))}, {scaling}, {size} px",
                (Features(size, scaling=scaling, layers=layers),),
            )
            for layers in ((1,), (2,), (3,), (2, 3), (4,), (7,))
            for scaling in ("imagenet", "scene", "tile")
            for size in (100, 150, 256)
        ],
    }
    names = [recipe.name for group in found.values() for recipe in group]
    assert len(names) == len(set(names))
    return found


BASELINE, START, *_, GRID = trials()


def chosen_inside(judge: Judge, results: Sequence[Result]) -> tuple[NDArray[np.int64], list[str]]:
    """Answers (tiles,) where each fold is asked of the recipe that did best inside its own training sites."""
    best = np.array([result.inner for result in results]).argmax(0)
    answers = np.empty(len(judge.truth), np.int64)
    for number, fold in enumerate(np.unique(judge.folds)):
        asked = judge.folds == fold
        answers[asked] = results[best[number]].answers[asked].argmax(1)
    return answers, [results[one].recipe.name for one in best]


def voted_inside(judge: Judge, results: Sequence[Result], many: int) -> NDArray[np.int64]:
    """The same with the mean probabilities of the ``many`` best."""
    order = np.argsort([-result.inner for result in results], axis=0, kind="stable")[:many]
    answers = np.empty(len(judge.truth), np.int64)
    for number, fold in enumerate(np.unique(judge.folds)):
        asked = judge.folds == fold
        answers[asked] = sum(results[one].answers[asked] for one in order[:, number]).argmax(1)
    return answers


@dataclass(frozen=True)
class Row:
    """One line of the table."""

    name: str
    accuracy: float
    macro_f1: float
    inner: float
    bounds: tuple[tuple[float, float], tuple[float, float], tuple[float, float]]

    def __str__(self) -> str:
        (a, b), (c, d), (e, f) = self.bounds
        inner = "" if np.isnan(self.inner) else f"{self.inner:.3f}"
        return (
            f"| {self.name} | {self.accuracy:.2f} ({a:.2f}–{b:.2f}) | {self.macro_f1:.3f} ({c:.2f}–{d:.2f}) | "
            f"{inner} | {e:+.2f} to {f:+.2f} |"
        )


def row(judge: Judge, name: str, answers: NDArray[np.int64], rival: NDArray[np.int64], inner: float) -> Row:
    right = float((answers == judge.truth).mean())
    return Row(name, right, macro_f1(judge.truth, answers), inner, intervals(judge, answers, rival))


def by_site(judge: Judge, answers: NDArray[np.int64]) -> Iterator[str]:
    """Right answers and what was said at each site."""
    for site in np.unique(judge.sites):
        here = judge.sites == site
        told = pd.crosstab(judge.truth[here], answers[here])
        said = "; ".join(
            f"{judge.classes[true]}: "
            + ", ".join(f"{count} as {judge.classes[answer]}" for answer, count in counts.items() if count)
            for true, counts in told.iterrows()
        )
        yield f"| {site} | {int((answers[here] == judge.truth[here]).sum())}/{here.sum()} | {said} |"


def make_judge(coast: Coast, weights: Path, keep: Path, classes: Sequence[int], split: str = "site") -> Judge:
    """Trials on the rectangles of some classes, sites held out, or a fifth at random, which leaks."""
    labelled = coast.table["CATCOA"].isin(classes).fillna(False).to_numpy(bool)
    lab = Lab(coast.subset(labelled), weights, keep, coast)
    folds = np.unique(lab.coast.sites, return_inverse=True)[1]
    if split == "random":
        parts = StratifiedKFold(5, shuffle=True, random_state=0).split(folds, lab.coast.table["CATCOA"].astype(int))
        for number, (_, held) in enumerate(parts):
            folds[held] = number
    return Judge(lab, classes, folds, Lab(coast, weights, keep))


def main() -> None:
    """Print the table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[2] / "shared" / "data")
    parser.add_argument("--cache", type=Path, required=True, help="folder for tiles and features")
    parser.add_argument("--only", default="", help="a pattern in the name of a question")
    given = parser.parse_args()
    given.cache.mkdir(parents=True, exist_ok=True)
    coast = read_coast(given.data / "realcoast", given.cache)
    judge = make_judge(coast, given.data / "weights", given.cache, CLASSES)
    heading = "| trial | accuracy | macro-F1 | inside | macro-F1 beyond the baseline, 95 % |\n|---|---|---|---|---|"
    results: dict[str, list[Result]] = {}
    rival = None
    for question, recipes in trials().items():
        if question != BASELINE and not re.search(given.only, question):
            continue
        print(f"\n**{question}**\n\n{heading}", flush=True)
        results[question] = []
        for recipe in recipes:
            results[question].append(judge(recipe))
            if question != BASELINE:
                print(
                    row(
                        judge,
                        recipe.name,
                        results[question][-1].answers.argmax(1),
                        rival,
                        results[question][-1].inner.mean(),
                    ),
                    flush=True,
                )
        if question == BASELINE:
            # The rival is the best of all contexts, picked by the very score: that is in its favour.
            rival = max(results[question], key=lambda one: macro_f1(judge.truth, one.answers.argmax(1))).answers.argmax(
                1
            )
            for result in results[question]:
                print(row(judge, result.recipe.name, result.answers.argmax(1), rival, result.inner.mean()))
            print(row(judge, "the commonest class", np.full(len(judge.truth), 2), rival, np.nan), flush=True)
    if GRID not in results:
        return
    print(f"\n**choices made inside the training sites**\n\n{heading}")
    told, chosen = {}, {}
    every = [one for question, some in results.items() if question != BASELINE for one in some if one.inner[0] >= 0]
    for name, some in {
        "the best of all inside": every,
        "the best of the grid inside": results[GRID],
        "the best baseline inside": results[BASELINE],
    }.items():
        answers, names = chosen_inside(judge, some)
        told[name] = row(judge, f"{name} ({len(some)} recipes)", answers, rival, np.nan)
        chosen[name] = answers
        print(told[name], " ", "; ".join(names))
    simple = chosen["the best baseline inside"]
    print(
        row(
            judge,
            "the best of the grid beside the best baseline, both inside",
            chosen["the best of the grid inside"],
            simple,
            np.nan,
        )
    )
    for many in (5, 15):
        answers = voted_inside(judge, results[GRID], many)
        print(row(judge, f"mean answer of the {many} best of the grid inside", answers, rival, np.nan))
    print("\n**means over the grid**\n")
    grid = pd.DataFrame([
        {"layers": one.recipe.parts[0].layers, "scaling": one.recipe.parts[0].scaling, "size": one.recipe.parts[0].size,
         "f1": macro_f1(judge.truth, one.answers.argmax(1)), "inner": one.inner.mean()} for one in results[GRID]
    ])  # fmt: skip
    for by in ("layers", "scaling", "size"):
        print(grid.groupby(by)[["f1", "inner"]].mean().round(3))
    if given.only:
        return
    print("\nreference, site by site")
    print(*by_site(judge, results["reference"][0].answers.argmax(1)), sep="\n")
    leaky = make_judge(coast, given.data / "weights", given.cache, CLASSES, "random")
    print(f"\n**a random split, which leaks**\n\n{heading}")
    simple = leaky(Recipe("bands, 100 px", (Features(100, network="bands"),)))
    for recipe in (simple.recipe, trials()[START][2], trials()["reference"][0]):
        result = leaky(recipe)
        print(
            row(leaky, recipe.name, result.answers.argmax(1), simple.answers.argmax(1), result.inner.mean()), flush=True
        )
    figures = {
        name: {
            "accuracy": round(one.accuracy, 4),
            "macro_f1": round(one.macro_f1, 4),
            "beyond": [round(b, 3) for b in one.bounds[2]],
        }
        for name, one in told.items()
    }
    print_figures("trials", {"recipes": len(every), "tiles": len(judge.truth), **figures})


if __name__ == "__main__":
    main()
