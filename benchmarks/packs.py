"""How fast tiles are read: from an exported folder, and from a pack.

A synthetic scene (three bands of 16 bits, noise on waves, so that it compresses as Sentinel-2 does), 256 px tiles for
rectangles along a winding line. Prints the time to export and to pack, the tiles a second of reading each (a second
pass, so that both are in the disk cache), the peak memory of packing, and one JSON line.
Run: ``python benchmarks/packs.py --tiles 1000``.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import geopandas as gpd
import numpy as np
import rasterio
import shapely
from figures import print_figures
from rasterio.windows import Window

from littoral import export_tiles, read_tiles
from littoral.tiles import TileSet, open_pack, pack_files, split_tiles

SIZE = 10_980
PACK = """
import sys
from pathlib import Path
import geopandas as gpd
from littoral.tiles import open_pack
def peak():
    return next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM"))
before = peak()
open_pack(Path(sys.argv[1]), gpd.read_parquet(sys.argv[2]), cache=sys.argv[3])
print(before, peak())
"""


def main() -> None:
    """Print a line for each figure and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tiles", type=int, default=1000)
    given = parser.parse_args()
    figures: dict[str, float] = {"tiles": given.tiles}
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        scene, boxes = _scene(folder / "scene.tif"), _boxes(given.tiles)
        boxes.to_parquet(folder / "boxes.parquet")
        with _timed(figures, "export_s"):
            export_tiles(scene, boxes, folder / "tiles")
        command = [sys.executable, "-c", PACK, str(scene), str(folder / "boxes.parquet"), str(folder / "cache")]
        with _timed(figures, "pack_s"):
            told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
        figures["pack_mb_before"], figures["pack_mb_peak"] = (int(kilobytes) / 1024 for kilobytes in told)
        with _timed(figures, "open_again_s"):
            packed = open_pack(scene, boxes, cache=folder / "cache")
        files = read_tiles(folder / "tiles")
        with _timed(figures, "pack_files_s"):
            pack_files(files, cache=folder / "cache")
        with _timed(figures, "pack_files_again_s"):
            pack_files(files, cache=folder / "cache")
        for name, tiles in (("files", files), ("pack", packed)):
            _read(tiles)
            with _timed(figures, f"read_{name}_s"):
                _read(tiles)
            figures[f"{name}_tiles_per_s"] = len(tiles) / figures[f"read_{name}_s"]
        with _timed(figures, "split_s"):
            print(split_tiles(files, 0.2).describe())
    for name, value in figures.items():
        print(f"{name:<24}{value:>12.2f}")
    print_figures("packs", {name: round(value, 2) for name, value in figures.items()})


def _scene(path: Path) -> Path:
    rng = np.random.default_rng(0)
    columns = np.arange(SIZE)[None]
    options = {"dtype": "uint16", "crs": "EPSG:32617", "nodata": 0, "tiled": True, "compress": "deflate", "zlevel": 1}
    place = rasterio.Affine(10, 0, 5e5, 0, -10, 3e6)
    with rasterio.open(
        path, "w", driver="GTiff", count=3, height=SIZE, width=SIZE, transform=place, blockxsize=512, blockysize=512,
        interleave="band", **options,
    ) as image:  # fmt: skip
        for top in range(0, SIZE, 512):
            rows = np.arange(top, min(top + 512, SIZE))[:, None]
            waves = [1500 + 500 * np.sin(rows / (90 + band)) * np.sin(columns / 70) for band in range(3)]
            values = np.stack(waves) + rng.normal(0, 25, (3, len(rows), SIZE))
            image.write(values.astype("uint16"), window=Window(0, top, SIZE, len(rows)))
        image.descriptions = ("B02", "B03", "B04")
    return path


def _boxes(count: int) -> gpd.GeoDataFrame:
    """1 km rectangles along a line that winds from the left edge to the right, forth and back."""
    step = np.arange(count)
    x = 5e5 + 5e3 + np.abs((step * 1000) % 200_000 - 100_000)
    y = 3e6 - 8e3 - (step * 1000 // 200_000) * 6e3 - 2e3 * np.sin(step / 8)
    outlines = shapely.box(x - 500, y - 500, x + 500, y + 500)
    codes = np.array([1, 3, 4, 7])[step // 25 % 4]
    return gpd.GeoDataFrame({"ID": step + 1, "CATCOA": codes}, geometry=outlines, crs="EPSG:32617")


def _read(tiles: TileSet) -> None:
    for position in range(len(tiles)):
        tiles.read(position)


@contextmanager
def _timed(figures: dict[str, float], name: str) -> Iterator[None]:
    start = time.perf_counter()
    yield
    figures[name] = time.perf_counter() - start


if __name__ == "__main__":
    main()
