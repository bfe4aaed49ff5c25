"""What Python packages decode of a JPEG 2000 block when only a part of it is wanted: see ``docs/figures/decoding.md``.

One block of 1024² of the real-sized product's B02, on the shore, encoded alone and as in the product. Each reader gives
the whole block, 256 of its rows from the middle, and the whole at half the resolution, through its public interface; by
turns, medians of the times. Readers that are not installed are named and passed over. Then, how much of the blocks that
they touch the windows of ``benchmarks/tiles.py`` want.
Run: ``python benchmarks/decoding.py`` (``--rounds 15``).
"""

from __future__ import annotations

import argparse
import io
import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np
import rasterio
import rasterio.shutil
from figures import print_figures
from numpy.typing import NDArray
from product import real_sized_product
from rasterio.windows import Window
from tiles import SIDE, SIZE, windows_of

BLOCK, ROWS = 1024, slice(384, 640)
AT = (5 * BLOCK, 5 * BLOCK)
Read = Callable[[], NDArray[np.uint16]]


def main() -> None:
    """Print a table and one JSON line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        path = Path(place) / "block.jp2"
        whole = _encode(path)
        wanted = {"whole": whole, "256 rows": whole[ROWS], "half resolution": None}
        readers = _readers(path)
        seconds: dict[tuple[str, str], list[float]] = {}
        for turn in range(given.rounds + 1):
            for name, parts in readers.items():
                for part, read in parts.items():
                    begin = time.perf_counter()
                    pixels = read()
                    if turn:  # the first one loads libraries
                        seconds.setdefault((name, part), []).append(time.perf_counter() - begin)
                    elif (expected := wanted[part]) is not None and not np.array_equal(np.squeeze(pixels), expected):
                        raise AssertionError(f"{name} reads other pixels for: {part}")
        size_kb = path.stat().st_size // 1000
    print(f"one block of {BLOCK}², {size_kb} KB; median ms of {given.rounds}, one thread where it can be said")
    print(f"{'':<28}" + "".join(f"{part:>18}" for part in wanted) + f"{'256 rows / whole':>18}")
    rows: dict[str, dict[str, float | None]] = {}
    for name in readers:
        row = {
            part: round(1000 * statistics.median(seconds[name, part]), 1) if (name, part) in seconds else None
            for part in wanted
        }
        row["share"] = None if row["256 rows"] is None else round(row["256 rows"] / (row["whole"] or 1), 2)
        rows[name] = row
        print(f"{name:<28}" + "".join(f"{'-' if value is None else value:>18}" for value in row.values()))
    shares = {}
    with tempfile.TemporaryDirectory() as place:
        for order, fields in windows_of(real_sized_product(), Path(place)).items():
            shares[order] = wanted_shares(np.load(fields["windows"]))
            inside, around = shares[order].values()
            print(f"{order}: of the blocks touched, {inside:.0%} lies in a window, {around:.0%} in the bounds of those")
    print_figures("decoding", {"block_kb": size_kb, "ms": rows, "wanted": shares})


def wanted_shares(windows: NDArray[np.int64]) -> dict[str, float]:
    """Of the blocks of 10 m that windows touch: the share of pixels in a window, and in the rectangle around those."""
    pixels = np.zeros((-(-SIDE // BLOCK) * BLOCK,) * 2, bool)
    for row, column in windows.tolist():
        pixels[row : row + SIZE, column : column + SIZE] = True
    inside, around, touched = 0, 0, 0
    for top in range(0, SIDE, BLOCK):
        for left in range(0, SIDE, BLOCK):
            block = pixels[top : top + BLOCK, left : left + BLOCK]
            if block.any():
                high, wide = (np.ptp(np.flatnonzero(block.any(axis=axis))) + 1 for axis in (1, 0))
                inside, around = inside + int(block.sum()), around + int(high * wide)
                touched += min(BLOCK, SIDE - top) * min(BLOCK, SIDE - left)
    return {"pixels": round(inside / touched, 3), "bounds": round(around / touched, 3)}


def _encode(path: Path) -> NDArray[np.uint16]:
    """Write the block, and give its pixels."""
    with rasterio.open(real_sized_product().cog("B02")) as source:
        window = Window(AT[1], AT[0], BLOCK, BLOCK)
        pixels = source.read(1, window=window)
        place = {"crs": source.crs, "transform": source.window_transform(window)}
    with rasterio.MemoryFile() as memory:
        with memory.open(driver="GTiff", dtype="uint16", count=1, width=BLOCK, height=BLOCK, **place) as plain:
            plain.write(pixels, 1)
        options = {"NBITS": 15, "RESOLUTIONS": 5, "PRECINCTS": ",".join(["{256,256}"] * 5)}
        rasterio.shutil.copy(memory.name, path, driver="JP2OpenJPEG", QUALITY=100, REVERSIBLE="YES", **options)
    return np.asarray(pixels)


def _readers(path: Path) -> dict[str, dict[str, Read]]:
    found: dict[str, dict[str, Read]] = {}
    data = path.read_bytes()
    product = real_sized_product().band("B02")
    every: list[tuple[str, Callable[[], dict[str, Read]]]] = [
        ("rasterio", lambda: _rasterio(path, (0, 0))),
        ("Pillow", lambda: _pillow(data)),
        ("imagecodecs", lambda: _imagecodecs(data)),
        ("pylibjpeg-openjpeg", lambda: _pylibjpeg(data)),
        ("nvidia-nvimgcodec-cu12", lambda: _nvimgcodec(data)),
        ("glymur", lambda: _glymur(path, (0, 0))),
        ("rasterio, in the product", lambda: _rasterio(product, AT)),
        ("glymur, in the product", lambda: _glymur(product, AT)),
    ]
    for package, readers in every:
        try:
            name, _, where = package.partition(",")
            found[f"{name} {version(name)}{where}"] = readers()
        except (PackageNotFoundError, ImportError) as error:
            print(f"without {package}: {error}")
    return found


def _rasterio(path: Path, at: tuple[int, int]) -> dict[str, Read]:
    def read(rows: slice, **options: object) -> NDArray[np.uint16]:
        window = Window(at[1], at[0] + rows.start, BLOCK, rows.stop - rows.start)
        with rasterio.Env(GDAL_NUM_THREADS="1"), rasterio.open(path) as source:
            return np.asarray(source.read(1, window=window, **options))

    return {
        "whole": partial(read, slice(0, BLOCK)),
        "256 rows": partial(read, ROWS),
        "half resolution": partial(read, slice(0, BLOCK), out_shape=(BLOCK // 2, BLOCK // 2)),
    }


def _pillow(data: bytes) -> dict[str, Read]:
    from PIL import Image

    def read(reduce: int) -> NDArray[np.uint16]:
        with Image.open(io.BytesIO(data)) as image:
            # The plugin's own attribute: resolutions to leave out. It spreads 15 bits over 16.
            image.reduce = reduce  # type: ignore[method-assign, assignment]
            return np.asarray(np.asarray(image) >> 1, np.uint16)

    return {
        "whole": partial(read, 0),
        "256 rows": lambda: read(0)[ROWS],
        "half resolution": partial(read, 1),
    }


def _imagecodecs(data: bytes) -> dict[str, Read]:
    import imagecodecs

    return {
        "whole": lambda: imagecodecs.jpeg2k_decode(data, numthreads=1),
        "256 rows": lambda: imagecodecs.jpeg2k_decode(data, numthreads=1)[ROWS],
    }


def _pylibjpeg(data: bytes) -> dict[str, Read]:
    import openjpeg

    return {"whole": lambda: openjpeg.decode(data), "256 rows": lambda: openjpeg.decode(data)[ROWS]}


def _glymur(path: Path, at: tuple[int, int]) -> dict[str, Read]:
    import glymur

    if glymur.version.openjpeg_version == "0.0.0":
        raise ImportError("the wheel has no OpenJPEG in it, and none was found on the system")
    glymur.set_option("lib.num_threads", 1)

    def read(rows: slice, step: int = 1) -> NDArray[np.uint16]:
        where = slice(at[0] + rows.start, at[0] + rows.stop, step), slice(at[1], at[1] + BLOCK, step)
        return np.asarray(glymur.Jp2k(path)[where])

    return {
        "whole": partial(read, slice(0, BLOCK)),
        "256 rows": partial(read, ROWS),
        "half resolution": partial(read, slice(0, BLOCK), 2),
    }


def _nvimgcodec(data: bytes) -> dict[str, Read]:
    from nvidia import nvimgcodec

    decoder = nvimgcodec.Decoder(device_id=nvimgcodec.NVIMGCODEC_DEVICE_CPU_ONLY, max_num_cpu_threads=1)
    params = nvimgcodec.DecodeParams(color_spec=nvimgcodec.ColorSpec.UNCHANGED, allow_any_depth=True)

    def read(region: object = None) -> NDArray[np.uint16]:
        stream = nvimgcodec.CodeStream(data)
        image = decoder.decode(stream if region is None else stream.get_sub_code_stream(0, region), params=params)
        if image is None:
            raise ImportError("it decodes nothing where there is no GPU")
        return np.asarray(image.cpu())

    read()
    return {"whole": read, "256 rows": lambda: read(nvimgcodec.Region(ROWS.start, 0, ROWS.stop, BLOCK))}


if __name__ == "__main__":
    main()
