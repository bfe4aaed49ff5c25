"""How fast ``fit`` trains, beside a plain PyTorch loop, TorchGeo, and the floor: the bare backbone on data in memory.

256 px tiles of three bands (16 bits, noise on waves, deflated) in a Labeled_Tiles folder, resnet34, batches of 32. Each
way sees the same tiles, one epoch after a first batch or epoch that does not count. The floor is forward and backward
of the backbone alone, in the precision and memory layout of ``fit``, on one batch that is made beforehand; it is read
before and after the others. Prints tiles a second, ratios, the share of the steps' time that waited for tiles, and one
JSON line. Needs the extra ``sentinel2-weights`` for TorchGeo. Run: ``python benchmarks/train.py --tiles 320``.
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import geopandas as gpd
import lightning
import numpy as np
import rasterio
import shapely
import timm
import torch
from figures import print_figures
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset

from littoral import FeatureClassifier, export_tiles, prepare_data, read_tiles
from littoral.learn.data import TileData
from littoral.learn.network import precision
from littoral.tiles.options import CutOptions

BACKBONE, BATCH, BANDS, SIZE_PX = "resnet34", 32, 3, 256
CODES = [1, 3, 4, 7]


class Tiffs(Dataset[tuple[Tensor, int]]):
    """The files as anyone would read them."""

    def __init__(self, data: TileData) -> None:
        self.paths = [data.tiles.name(int(position)) for position in data.split.training]
        self.targets = data.tiles.targets[data.split.training].tolist()
        self.mean, self.std = (
            torch.tensor(numbers)[:, None, None] for numbers in (data.preprocessing.mean, data.preprocessing.std)
        )

    def __len__(self) -> int:
        return len(self.paths)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        with rasterio.open(self.paths[index]) as image:
            values = torch.from_numpy(image.read().astype(np.float32))
        return (values - self.mean) / self.std, self.targets[index]


def named(batch: list[tuple[Tensor, int]]) -> dict[str, Tensor]:
    """A batch as TorchGeo takes it."""
    images, labels = zip(*batch, strict=True)
    return {"image": torch.stack(images), "label": torch.tensor(labels)}


def main() -> None:
    """Print a line for each figure and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", type=int, default=320, help="for training, in whole batches")
    parser.add_argument("--workers", type=int, default=2, help="of the DataLoaders of the others")
    parser.add_argument("--without", action="append", default=[], choices=["plain", "torchgeo"])
    given = parser.parse_args()
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as place:
        data = tiles_of(Path(place), given.tiles)
        figures["tiles"] = len(data.split.training)
        before = floor()
        figures |= ours(data)
        ways: dict[str, Callable[[DataLoader[Any]], float]] = {"plain": plain, "torchgeo": torchgeo}
        for name, way in ways.items():
            if name not in given.without:
                collate = named if name == "torchgeo" else None
                loader = DataLoader(
                    Tiffs(data), BATCH, shuffle=True, num_workers=given.workers, drop_last=True, collate_fn=collate
                )
                figures[f"{name}_tiles_per_s"] = way(loader)
                figures[f"fit_to_{name}"] = figures["fit_tiles_per_s"] / figures[f"{name}_tiles_per_s"]
        figures["floor_tiles_per_s"] = (before + floor()) / 2
        figures["fit_to_floor"] = figures["fit_tiles_per_s"] / figures["floor_tiles_per_s"]
    for name, value in figures.items():
        print(f"{name:<24}{value:>10.3f}")
    threads = torch.get_num_threads()
    told = {"precision": precision(), "threads": threads, "gpu": torch.cuda.is_available()}
    print_figures("train", {**told, **{name: round(value, 3) for name, value in figures.items()}})


def ours(data: TileData) -> dict[str, float]:
    """The second epoch of ``fit``."""
    model = FeatureClassifier(data, BACKBONE, pretrained=False)
    model.fit(2, 1e-3)
    row = model.epochs[-1]
    pace = len(data.split.training) / row.steps_s
    return {"fit_tiles_per_s": pace, "fit_waited_share": row.waited_s / row.steps_s}


def plain(loader: DataLoader[Any]) -> float:
    """Tiles a second of the loop of any tutorial: 32 bits, the network's own head, AdamW."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    network = timm.create_model(BACKBONE, in_chans=BANDS, num_classes=len(CODES)).to(device).train()
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3)
    start, seen = 0.0, 0
    for x, y in loader:
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(network(x.to(device)), y.to(device))
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        if start:
            seen += len(y)
        else:
            start = finished()
    return seen / (finished() - start)


def torchgeo(loader: DataLoader[Any]) -> float:
    """Tiles a second of TorchGeo's task under Lightning's trainer, as its documentation shows it."""
    from torchgeo.trainers import ClassificationTask

    class Clock(lightning.Callback):
        start, stop, seen = 0.0, 0.0, 0

        def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, batch: Any, index: int) -> None:
            if index:
                self.stop = finished()
                self.seen += len(batch["label"])
            else:
                self.start = finished()

    clock = Clock()
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        task = ClassificationTask(model=BACKBONE, in_channels=BANDS, task="multiclass", num_classes=len(CODES))
        trainer = lightning.Trainer(
            max_epochs=1,
            logger=False,
            callbacks=[clock],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            num_sanity_val_steps=0,
            limit_val_batches=1,
        )
        trainer.fit(task, loader, loader)
    return clock.seen / (clock.stop - clock.start)


def floor(steps: int = 4) -> float:
    """Tiles a second of forward and backward of the bare backbone."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    body = timm.create_model(BACKBONE, in_chans=BANDS, num_classes=0, global_pool="")
    body = body.to(device).to(memory_format=torch.channels_last).train()
    x = torch.randn(BATCH, BANDS, SIZE_PX, SIZE_PX, device=device).contiguous(memory_format=torch.channels_last)
    number = {"bf16-mixed": torch.bfloat16, "16-mixed": torch.float16, "32-true": torch.float32}[precision()]
    start = 0.0
    for step in range(steps + 1):
        body.zero_grad()
        with torch.autocast(device.type, number, enabled=number != torch.float32):
            answer = body(x)
        answer.float().mean().backward()
        if step == 0:
            start = finished()
    return steps * BATCH / (finished() - start)


def finished() -> float:
    """The time, once the processor has done what it was given."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter()


def tiles_of(folder: Path, count: int) -> TileData:
    """So many training tiles (whole batches) and a fourth as many to validate with, cut anywhere in a scene."""
    rng = np.random.default_rng(0)
    side = 3000
    rows, columns = np.arange(side)[:, None], np.arange(side)[None]
    waves = [1500 + 500 * np.sin(rows / (90 + band)) * np.sin(columns / 70) for band in range(BANDS)]
    options = {"dtype": "uint16", "crs": "EPSG:32617", "nodata": 0, "tiled": True, "compress": "deflate"}
    place = rasterio.Affine(10, 0, 5e5, 0, -10, 3e6)
    with rasterio.open(
        folder / "scene.tif", "w", driver="GTiff", count=BANDS, height=side, width=side, transform=place, **options
    ) as image:
        image.write((np.stack(waves) + rng.normal(0, 25, (BANDS, side, side))).astype("uint16"))
        image.descriptions = ("B02", "B03", "B04")
    training = max(2, count // BATCH) * BATCH
    total = training + training // 4
    x, y = rng.uniform(SIZE_PX * 5, side * 10 - SIZE_PX * 5, (2, total)).round(-1)
    outlines = shapely.box(5e5 + x - 500, 3e6 - y - 500, 5e5 + x + 500, 3e6 - y + 500)
    codes = np.array(CODES)[np.arange(total) % len(CODES)]
    boxes = gpd.GeoDataFrame({"ID": np.arange(total), "CATCOA": codes}, geometry=outlines, crs="EPSG:32617")
    export_tiles(folder / "scene.tif", boxes, folder / "tiles", CutOptions(tile_size=(SIZE_PX, SIZE_PX)))
    return prepare_data(read_tiles(folder / "tiles"), batch_size=BATCH, val_split_pct=0.2, split="random")


if __name__ == "__main__":
    main()
