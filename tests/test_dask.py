"""Workers that are processes, on this machine: killed, lacking files, not there, out of memory; and Ctrl-C."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geopandas as gpd
import pytest

from answering_model import PARTS, Touchy, equal, opening
from littoral import open_scene
from littoral.classify import ModelSource, partition, predict_rectangles
from littoral.errors import InputError, MissingExtraError
from littoral.imagery import Scene
from platforms import posix_only

pytest.importorskip("distributed")
pytestmark = [posix_only, pytest.mark.slow, pytest.mark.enable_socket, pytest.mark.allow_hosts(["127.0.0.1"])]

HERE = Path(__file__).parent
ON_ANY_PORT = "127.0.0.1:0"


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "PART", 20)


@pytest.fixture(scope="module")
def scheduler() -> Iterator[str]:
    """Two workers with a thread each, in processes of their own, which are started again when they die; what two die
    of is not tried again."""
    import dask
    from distributed import LocalCluster

    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 1}),
        LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=ON_ANY_PORT) as cluster,
    ):
        yield cluster.scheduler_address


@pytest.fixture(scope="module")
def here() -> Iterator[Any]:
    """A cluster in this process, so that what its worker does can be made to fail."""
    from distributed import LocalCluster

    with LocalCluster(
        n_workers=1, threads_per_worker=1, processes=False, dashboard_address=ON_ANY_PORT, protocol="tcp"
    ) as cluster:
        yield cluster


def test_workers_answer_as_one_process_does_and_one_that_dies_costs_its_part(
    scheduler: str,
    scenes: list[Scene],
    places: gpd.GeoDataFrame,
    weights: Path,
    tmp_path: Path,
) -> None:
    alone = predict_rectangles(scenes, places, Touchy(str(weights)))
    folder, deaths = tmp_path / "parts", tmp_path / "deaths"
    deaths.mkdir()
    (deaths / "1").touch()
    steps: list[int] = []

    def track(items: Iterator[object], total: int, description: str) -> Iterator[object]:
        for item in items:
            steps.append(total)
            yield item

    dying = opening(weights, deaths=str(deaths), after=1)
    assert equal(alone, predict_rectangles(scenes, places, dying, folder=folder, dask=scheduler, track=track))
    assert list(deaths.iterdir()) == []
    assert len(list(folder.glob("*.parquet"))) == PARTS
    assert len(steps) == steps[-1] + 1
    # What the workers left, one process goes on from, and the other way round.
    first, *kept = sorted(folder.glob("*.parquet"))
    written = [path.stat().st_mtime_ns for path in kept]
    for how in ({}, {"dask": scheduler}):
        first.unlink()
        assert equal(alone, predict_rectangles(scenes, places, dying, folder=folder, **how))
        assert [path.stat().st_mtime_ns for path in kept] == written
        assert first.exists()


def test_a_scene_that_disappears_is_named(
    scheduler: str,
    scenes: list[Scene],
    places: gpd.GeoDataFrame,
    weights: Path,
    tmp_path: Path,
) -> None:
    gone = tmp_path / "c_20240301.tif"
    shutil.copy(scenes[2].bands[0].href, gone)
    given = [*scenes[:2], open_scene(gone)]
    gone.unlink()
    with pytest.raises(InputError, match=rf"{gone} .*{PARTS - 2} of {PARTS} parts are kept in {tmp_path}"):
        predict_rectangles(given, places, opening(weights), folder=tmp_path / "parts", dask=scheduler)
    assert len(list((tmp_path / "parts").iterdir())) == PARTS - 2


def test_a_part_that_kills_every_worker_says_so_and_the_next_is_not_tried(
    scheduler: str,
    scenes: list[Scene],
    places: gpd.GeoDataFrame,
    weights: Path,
    tmp_path: Path,
) -> None:
    deaths = tmp_path / "deaths"
    deaths.mkdir()
    for number in range(100):
        (deaths / str(number)).touch()
    dying = opening(weights, deaths=str(deaths))
    # Two workers take two parts, and either may be the first to end both.
    told = rf"rectangles on \w+ killed every worker.*memory.*0 of {PARTS} parts are kept in"
    with pytest.raises(InputError, match=told):
        predict_rectangles(scenes, places, dying, folder=tmp_path / "parts", dask=scheduler)
    # The workers that are started by now are for others.
    shutil.rmtree(deaths)
    deaths.mkdir()


def test_workers_that_are_still_on_their_way_are_waited_for(
    scenes: list[Scene],
    places: gpd.GeoDataFrame,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from distributed import LocalCluster

    from littoral.classify import dask_backend

    with LocalCluster(n_workers=0, processes=False, dashboard_address=ON_ANY_PORT, protocol="tcp") as empty:
        address = empty.scheduler_address
        with monkeypatch.context() as hurried:
            hurried.setattr(dask_backend, "_PATIENCE_S", 0.3)
            with pytest.raises(InputError, match=rf"the scheduler {address} has no workers: start some: dask worker"):
                predict_rectangles(scenes, places, opening(weights), folder=tmp_path, dask=address)
        late = threading.Timer(0.3, empty.scale, [1])
        late.start()
        out = predict_rectangles(scenes, places, opening(weights), folder=tmp_path, dask=address)
        late.join()
    assert equal(out, predict_rectangles(scenes, places, Touchy(str(weights))))


def test_a_disk_that_is_full_ends_the_run_and_not_every_part(
    here: Any,
    scenes: list[Scene],
    places: gpd.GeoDataFrame,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tried: list[object] = []

    def full(*given: object, **more: object) -> None:
        tried.append(given)
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(partition, "PART", 4)
    monkeypatch.setattr(gpd.GeoDataFrame, "to_parquet", full)
    with pytest.raises(InputError, match=r"could not be written .*free some space .* 0 of \d+ parts are kept"):
        predict_rectangles(scenes, places, opening(weights), folder=tmp_path, dask=here.scheduler_address)
    assert len(tried) <= 5, "those that were sent ahead"
    assert list(tmp_path.iterdir()) == []


def breathless(**given: Any) -> Touchy:
    """A model whose network wants more memory than there is, as torch says it."""

    class Breathless(Touchy):
        def predict_with_novelty(self, batch: Any) -> Any:
            raise RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory")

    return Breathless(**given)


def test_memory_that_lacks_without_killing_is_said(
    here: Any,
    scenes: list[Scene],
    places: gpd.GeoDataFrame,
    weights: Path,
    tmp_path: Path,
) -> None:
    model = ModelSource((str(weights),), breathless, {"file": str(weights)})
    with pytest.raises(InputError, match=r"\d+ rectangles on a_2024.*can't allocate memory.*give each worker more"):
        predict_rectangles(scenes[:1], places.iloc[:15], model, folder=tmp_path, dask=here.scheduler_address)


SCHEDULER = """
from distributed import LocalCluster
import time
if __name__ == "__main__":
    with LocalCluster(n_workers=1, threads_per_worker=1, processes=False, dashboard_address="127.0.0.1:0",
                      protocol="tcp") as cluster:
        print(cluster.scheduler_address, flush=True)
        time.sleep(300)
"""


def test_a_scheduler_that_dies_is_named_and_what_is_done_is_kept(
    scenes: list[Scene],
    places: gpd.GeoDataFrame,
    weights: Path,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
) -> None:
    deaths, folder = tmp_path / "deaths", tmp_path / "parts"
    deaths.mkdir()
    (deaths / "1").touch()
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    with subprocess.Popen([sys.executable, "-c", SCHEDULER], env=env, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        address = process.stdout.readline().strip()
        dying = opening(weights, deaths=str(deaths), after=8)
        with pytest.raises(
            InputError, match=rf"the scheduler {address} was lost during the run.*of {PARTS} parts are kept"
        ):
            predict_rectangles(scenes, places, dying, folder=folder, dask=address)
    assert "Traceback" not in capfd.readouterr().err
    assert 0 < len(list(folder.glob("*.parquet"))) < PARTS
    assert equal(
        predict_rectangles(scenes, places, dying, folder=folder),
        predict_rectangles(scenes, places, Touchy(str(weights))),
    )


INTERRUPTED = """
import signal, sys
signal.signal(signal.SIGINT, signal.default_int_handler)
from pathlib import Path
import geopandas as gpd
from answering_model import opening
from littoral import open_scene
from littoral.classify import partition, predict_rectangles
if __name__ == "__main__":
    table, folder, weights, *scenes = sys.argv[1:]
    partition.PART = 5
    try:
        predict_rectangles([open_scene(path) for path in scenes], gpd.read_parquet(table),
                          opening(Path(weights), slow=0.2), folder=Path(folder), dask="local")
    except KeyboardInterrupt as stop:
        print(stop)
"""


def test_ctrl_c_reaches_all_of_a_terminals_processes_and_one_of_them_ends_the_others(
    scenes: list[Scene],
    places: gpd.GeoDataFrame,
    weights: Path,
    tmp_path: Path,
) -> None:
    places.to_parquet(tmp_path / "places.parquet")
    script, folder = tmp_path / "run.py", tmp_path / "parts"
    script.write_text(INTERRUPTED)
    given = [script, tmp_path / "places.parquet", folder, weights, *(scene.bands[0].href for scene in scenes)]
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HERE), *sys.path])}
    with subprocess.Popen(
        [sys.executable, *map(str, given)], env=env, stdout=-1, stderr=-1, text=True, start_new_session=True
    ) as process:
        while process.poll() is None and not list(folder.glob("*.parquet")):
            time.sleep(0.02)
        os.killpg(process.pid, signal.SIGINT)
        told, complained = process.communicate()
    assert process.returncode == 0, complained
    assert told.startswith("stopped: at least ")
    assert "Traceback" not in complained
    # All of the session are gone, and no part is half there.
    assert alive(process.pid) == []
    assert all(path.suffix == ".parquet" and path.is_file() for path in folder.iterdir())


def alive(session: int) -> list[str]:
    """Processes of a session that have not ended."""
    listed = subprocess.run(["ps", "-eo", "sid=,stat=,args="], capture_output=True, text=True, check=True)
    rows = [line.split(None, 2) for line in listed.stdout.splitlines()]
    return [args for sid, stat, args in rows if int(sid) == session and not stat.startswith("Z")]


def test_no_scheduler_and_no_dask(
    scenes: list[Scene],
    places: gpd.GeoDataFrame,
    weights: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    from littoral.classify import dask_backend

    monkeypatch.setattr(dask_backend, "_PATIENCE_S", 0.3)
    with pytest.raises(InputError, match=r"the scheduler tcp://127.0.0.1:1 does not respond"):
        predict_rectangles(scenes, places, opening(weights), folder=tmp_path, dask="tcp://127.0.0.1:1")
    monkeypatch.setitem(sys.modules, "distributed", None)
    monkeypatch.delitem(sys.modules, "littoral.classify.dask_backend")
    with pytest.raises(MissingExtraError) as missing:
        predict_rectangles(scenes, places, opening(weights), folder=tmp_path, dask="local")
    assert str(missing.value) == ('a cluster needs a library that is not installed: run: pip install "littoral[dask]".')
