from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from hypothesis import given
from hypothesis import strategies as st

from littoral.errors import InputError
from littoral.imagery import Window, open_scene, read_windows, stream_windows, streaming
from littoral.imagery.streaming import most_held_bytes

SIZE = 200
LAYOUTS: dict[str, dict[str, Any]] = {
    "tiles": {"tiled": True, "blockxsize": 64, "blockysize": 48},
    "strips": {"blockysize": 3},
    "pixels": {"tiled": True, "blockxsize": 32, "blockysize": 32, "interleave": "pixel", "nodata": 9},
}
windows_anywhere = st.lists(
    st.builds(
        Window,
        st.integers(-60, SIZE + 10),
        st.integers(-60, SIZE + 10),
        st.integers(1, 120),
        st.integers(1, 120),
    ),
    max_size=25,
)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[Path]]:
    """Scenes of three bands: one file of each layout, and one file per band with blocks of three sizes."""
    folder = tmp_path_factory.mktemp("layouts")
    values = np.random.default_rng(0).integers(0, 3000, (3, SIZE, SIZE), dtype="uint16")
    place = {"driver": "GTiff", "crs": "EPSG:32617", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 3e6)}
    place |= {"height": SIZE, "width": SIZE, "dtype": "uint16"}
    out: dict[str, list[Path]] = {}
    for name, layout in LAYOUTS.items():
        out[name] = [folder / f"{name}.tif"]
        with rasterio.open(out[name][0], "w", count=3, **place, **layout) as image:
            image.write(values)
    out["one each"] = [folder / f"T17_B0{number}.tif" for number in (2, 3, 4)]
    for plane, path, side in zip(values, out["one each"], (16, 64, 128), strict=True):
        with rasterio.open(path, "w", count=1, tiled=True, blockxsize=side, blockysize=side, **place) as image:
            image.write(plane, 1)
    return out


@pytest.mark.parametrize("layout", [*LAYOUTS, "one each"])
@given(windows=windows_anywhere)
def test_windows_are_those_read_one_by_one(files: dict[str, list[Path]], layout: str, windows: list[Window]) -> None:
    scene = open_scene(files[layout] if layout == "one each" else files[layout][0])
    streamed = list(stream_windows(scene, scene.bands, windows, workers=2))
    assert sorted(position for position, *_ in streamed) == list(range(len(windows)))
    plain = list(read_windows(scene, scene.bands, windows))
    for position, values, valid in streamed:
        assert (values == plain[position][0]).all()
        assert (valid == plain[position][1]).all()
    order = [position for position, *_ in stream_windows(scene, scene.bands, windows, workers=1)]
    assert order == [position for position, *_ in streamed]


@pytest.mark.parametrize("layout", [*LAYOUTS, "one each"])
def test_touched_blocks_are_read_once_and_others_not_at_all(
    files: dict[str, list[Path]], layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: dict[str, np.ndarray] = {}
    plain = streaming.read_part

    def counted(dataset: Any, bands: Any, part: Window) -> Any:
        seen = read.setdefault(dataset.name, np.zeros((SIZE, SIZE), int))
        seen[part.row : part.row + part.height, part.column : part.column + part.width] += 1
        return plain(dataset, bands, part)

    monkeypatch.setattr(streaming, "read_part", counted)
    scene = open_scene(files[layout] if layout == "one each" else files[layout][0])
    rng = np.random.default_rng(1)
    windows = [Window(int(row), int(column), 20, 20) for row, column in rng.integers(0, 90, (30, 2))]
    assert len(list(stream_windows(scene, scene.bands, windows))) == 30
    needed = np.zeros((SIZE, SIZE), bool)
    for window in windows:
        needed[window.row : window.row + 20, window.column : window.column + 20] = True
    assert len(read) == len(files[layout])
    for name, seen in read.items():
        with rasterio.open(name) as image:
            height, width = image.block_shapes[0]
        assert seen.max() == 1
        if layout != "strips":
            touched = {(row // height, column // width) for row, column in np.argwhere(needed)}
            assert {(row // height, column // width) for row, column in np.argwhere(seen)} == touched
        assert (seen[needed] == 1).all()


def test_a_broken_file_is_said(files: dict[str, list[Path]], tmp_path: Path) -> None:
    whole = files["tiles"][0].read_bytes()
    cut = tmp_path / "cut.tif"
    cut.write_bytes(whole[: len(whole) // 2])
    scene = open_scene(cut)
    with pytest.raises(InputError, match=r"cut\.tif could not be read"):
        list(stream_windows(scene, scene.bands, [Window(150, 150, 20, 20)]))


@pytest.mark.parametrize(("window", "step"), [(48, 24), (48, 8), (150, 50)])
def test_what_is_held_keeps_within_the_bound(tmp_path: Path, window: int, step: int) -> None:
    """Measured on a dense grid and on one nine times as dense, and with windows larger than blocks."""
    path = tmp_path / "wide.tif"
    place = {"crs": "EPSG:32617", "transform": rasterio.Affine(10, 0, 5e5, 0, -10, 3e6), "dtype": "uint16"}
    with rasterio.open(path, "w", "GTiff", 1200, 500, 3, tiled=True, blockxsize=128, blockysize=128, **place) as image:
        image.write(np.ones((3, 500, 1200), "uint16"))
    scene = open_scene(path)
    windows = [Window(row, column, window, window) for row in range(0, 452, step) for column in range(0, 1152, step)]
    bound = most_held_bytes(scene, scene.bands, window, window) + 300 * len(windows)
    tracemalloc.start()
    try:
        count = sum(1 for _ in stream_windows(scene, scene.bands, windows))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert count == len(windows)
    assert peak < bound
