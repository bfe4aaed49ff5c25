"""Recipes for small inputs, made by seeded code; real data is read from ../shared/data where it is there."""

from __future__ import annotations

import os
import signal
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

from sample import make_sample

# Before OpenMP starts: tests compare bits, and for networks as small as theirs a second thread only waits.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine
from hypothesis import settings
from rasterio.errors import NotGeoreferencedWarning

from file_server import Office, serving_files
from littoral import open_scene
from littoral.cli import main
from littoral.imagery import Scene
from littoral.tiles.options import CutOptions
from textured_coast import CRS, ORIGIN, boxes, textured, textured_boxes

# A shell's background job starts with Ctrl-C ignored, and tests press it.
signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("littoral", deadline=None, max_examples=40, derandomize=True)
settings.load_profile("littoral")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what uses a trained model of this file as slow."""
    for item in items:
        if "with_graph" in getattr(item, "fixturenames", ()):
            item.add_marker("slow")


DATA = Path(__file__).parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def data() -> Path:
    """Folder of real charts and imagery."""
    if not DATA.is_dir():
        pytest.skip("the real data (../shared/data) is not on this machine")
    return DATA


@pytest.fixture(scope="session")
def cases() -> Path:
    """Folder of small inputs that went wrong once."""
    folder = DATA.parent / "cases"
    if not folder.is_dir():
        pytest.skip("the small cases (../shared/cases) are not on this machine")
    return folder


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., tuple[int, str, str]]:
    """Runs the command line in this process: exit code, standard output, standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["littoral", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


@pytest.fixture(scope="session", params=["sample", pytest.param("real", marks=pytest.mark.slow)])
def sample_or_real(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Charts and clips in one layout: the small public sample, and the real data where it is on this machine."""
    if request.param == "real":
        return request.getfixturevalue("data")
    return make_sample(tmp_path_factory.mktemp("sample"))


@pytest.fixture(scope="session")
def data_is_real(sample_or_real: Path) -> bool:
    """Whether counts and lengths measured on the real data are to be found."""
    return sample_or_real == DATA


@pytest.fixture(scope="session")
def write_scene() -> Callable[..., Path]:
    """Writes values (bands, height, width) as a GeoTIFF of 10 m pixels."""

    def write(
        path: Path,
        values: np.ndarray,
        *,
        names: tuple[str, ...] | None = ("B02", "B03", "B04"),
        crs: str | None = CRS,
        nodata: float | None = None,
        scales: tuple[float, ...] | None = None,
        offsets: tuple[float, ...] | None = None,
        origin: tuple[float, float] | None = ORIGIN,
        pixel: float = 10.0,
        compress: str = "none",
    ) -> Path:
        count, height, width = values.shape
        place = {} if origin is None else {"transform": Affine(pixel, 0, origin[0], 0, -pixel, origin[1])}
        with ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            warnings.simplefilter("ignore", NotGeoreferencedWarning)
            options = {"dtype": values.dtype, "crs": crs, "nodata": nodata, "compress": compress, **place}
            image = stack.enter_context(
                rasterio.open(path, "w", driver="GTiff", count=count, height=height, width=width, **options)
            )
            image.write(values)
            if names:
                image.descriptions = names
            if scales:
                image.scales = scales
            if offsets:
                image.offsets = offsets
        return path

    return write


@pytest.fixture(scope="session")
def coast(tmp_path_factory: pytest.TempPathFactory, write_scene: Callable[..., Path]) -> tuple[Path, gpd.GeoDataFrame]:
    """A scene of two textures and its labelled rectangles."""
    folder = tmp_path_factory.mktemp("coast")
    return write_scene(folder / "scene.tif", textured(), nodata=0), textured_boxes()


@pytest.fixture(scope="session")
def tiles_folder(tmp_path_factory: pytest.TempPathFactory, coast: tuple[Path, gpd.GeoDataFrame]) -> Path:
    """Labeled_Tiles of 32 pixels cut from it."""
    from littoral import export_tiles

    folder = tmp_path_factory.mktemp("tiles") / "tiles"
    export_tiles(coast[0], coast[1], folder, CutOptions(tile_size=(32, 32)))
    return folder


@pytest.fixture(scope="session")
def with_graph(tmp_path_factory: pytest.TempPathFactory, tiles_folder: Path) -> Path:
    """A package with an ONNX graph and a raster function; its network sees the middle 24 of 32 pixels."""
    from littoral import FeatureClassifier, prepare_data

    data = prepare_data(tiles_folder, batch_size=8, chip_size=24, val_split_pct=0.3, seed=1)
    model = FeatureClassifier(data, "resnet10t", pretrained=False)
    model.fit(4, 3e-3)
    return model.save(tmp_path_factory.mktemp("graph") / "m.dlpk")


@pytest.fixture
def office() -> Iterator[Office]:
    """A server of files on loopback that can misbehave; for test modules that allow that socket."""
    with serving_files() as served:
        yield served


# Of test_classify_run and test_dask


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "weights.txt"
    path.write_text("0.7")
    return path


@pytest.fixture(scope="module")
def scenes(tmp_path_factory: pytest.TempPathFactory, write_scene: Callable[..., Path]) -> list[Scene]:
    """Three scenes: the second begins in the middle of the first; the third is apart."""
    folder = tmp_path_factory.mktemp("scenes")
    values = textured(size=240)
    holed = values.copy()
    holed[:, :60] = 0
    return [
        open_scene(write_scene(folder / "a_20240101.tif", holed, nodata=0)),
        open_scene(write_scene(folder / "b_20240201.tif", values[:, ::-1], nodata=0, origin=(501_200.0, 3_000_000.0))),
        open_scene(write_scene(folder / "c_20240301.tif", values, nodata=0, origin=(560_000.0, 3_000_000.0))),
    ]


@pytest.fixture(scope="module")
def places() -> gpd.GeoDataFrame:
    """120 in no order: on one scene, on two, on none; one without outline, and one that is there three times."""
    rng = np.random.default_rng(0)
    centres = [*rng.uniform((-20, -20), (380, 260), (80, 2)), *rng.uniform((6000, 0), (6240, 240), (36, 2))]
    table = boxes([tuple(each) for each in centres] + [(99_999.0, 5.0)], [3] * 117)
    table = pd.concat([table, table.iloc[[5, 5]], table.iloc[[40]]], ignore_index=True)
    table.loc[116, "geometry"] = None
    table.loc[119, "geometry"] = shapely.box(0, 0, 1, 1)
    return table
