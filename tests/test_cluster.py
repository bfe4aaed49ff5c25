"""Workers that are processes, on this machine; they are killed, lack files, and are not there."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import geopandas as gpd
import pytest

from answering_model import Touchy, opening
from littoral import open_scene
from littoral.classify import answer_rectangles, parting
from littoral.errors import InputError
from littoral.imagery import Scene
from test_answering import PARTS, equal, places, scenes, weights  # noqa: F401

pytest.importorskip("distributed")
pytestmark = [pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parting, "PART", 20)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Two workers with a thread each, in processes of their own, which are started again when they die."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as cluster:
        yield cluster.scheduler_address


def test_workers_answer_as_one_process_does_and_one_that_dies_costs_its_part(
    scheduler: str,
    scenes: list[Scene],  # noqa: F811
    places: gpd.GeoDataFrame,  # noqa: F811
    weights: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    alone = answer_rectangles(scenes, places, Touchy(str(weights)))
    folder, deaths = tmp_path / "parts", tmp_path / "deaths"
    assert equal(alone, answer_rectangles(scenes, places, opening(weights), folder=folder, dask=scheduler))
    assert len(list(folder.iterdir())) == PARTS
    deaths.mkdir()
    (deaths / "1").touch()
    again = tmp_path / "again"
    steps: list[int] = []

    def track(items: Iterator[object], total: int, description: str) -> Iterator[object]:
        for item in items:
            steps.append(total)
            yield item

    dying = opening(weights, deaths=str(deaths), after=1)
    assert equal(alone, answer_rectangles(scenes, places, dying, folder=again, dask=scheduler, track=track))
    assert list(deaths.iterdir()) == []
    assert len(list(again.glob("*.parquet"))) == PARTS
    assert len(steps) == steps[-1] + 1
    # What the workers left, one process goes on from, and the other way round.
    first, *kept = sorted(folder.iterdir())
    written = [path.stat().st_mtime_ns for path in kept]
    for how in ({}, {"dask": scheduler}):
        first.unlink()
        assert equal(alone, answer_rectangles(scenes, places, opening(weights), folder=folder, **how))
        assert [path.stat().st_mtime_ns for path in kept] == written
        assert first.exists()


def test_a_part_that_kills_every_worker_says_so(
    scheduler: str,
    scenes: list[Scene],  # noqa: F811
    places: gpd.GeoDataFrame,  # noqa: F811
    weights: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    deaths = tmp_path / "deaths"
    deaths.mkdir()
    for number in range(4):
        (deaths / str(number)).touch()
    # One part, which dask sends to a fourth worker after three died of it.
    table = places.iloc[:15]
    dying = opening(weights, deaths=str(deaths))
    with pytest.raises(
        InputError, match=r"rectangles on a_20240101 ended every worker.*memory.*0 of 1 parts are kept in"
    ):
        answer_rectangles(scenes[:1], table, dying, folder=tmp_path / "parts", dask=scheduler)


def test_a_scene_that_disappears_is_named(
    scheduler: str,
    scenes: list[Scene],  # noqa: F811
    places: gpd.GeoDataFrame,  # noqa: F811
    weights: Path,  # noqa: F811
    tmp_path: Path,
) -> None:
    gone = tmp_path / "c_20240301.tif"
    shutil.copy(scenes[2].bands[0].href, gone)
    given = [*scenes[:2], open_scene(gone)]
    gone.unlink()
    with pytest.raises(InputError, match=rf"{gone} .*{PARTS - 2} of {PARTS} parts are kept in {tmp_path}"):
        answer_rectangles(given, places, opening(weights), folder=tmp_path / "parts", dask=scheduler)
    assert len(list((tmp_path / "parts").iterdir())) == PARTS - 2


def test_no_scheduler_and_no_dask(
    scenes: list[Scene],  # noqa: F811
    places: gpd.GeoDataFrame,  # noqa: F811
    weights: Path,  # noqa: F811
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    import littoral.classify.cluster as cluster

    monkeypatch.setattr(cluster, "_PATIENCE_S", 0.3)
    with pytest.raises(InputError, match=r"the scheduler tcp://127.0.0.1:1 does not answer"):
        answer_rectangles(scenes, places, opening(weights), folder=tmp_path, dask="tcp://127.0.0.1:1")
    code = """
import sys
sys.modules["distributed"] = None
from littoral.errors import MissingExtraError
try:
    import littoral.classify
    import littoral.classify.cluster
except MissingExtraError as error:
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == (
        'a cluster needs a library that is not installed: run: pip install "littoral[dask]".'
    )
