from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import shapely

from answering_model import PARTS, Touchy, equal, opening
from littoral import open_scene
from littoral.classify import ModelSource, partition, predict_rectangles
from littoral.classify.partition import part_rectangles
from littoral.engines import lone_threads, open_classifier
from littoral.errors import InputError, WriteError
from littoral.imagery import Scene
from littoral.imagery.options import CombineOptions
from littoral.predictions import Predictions
from littoral.tiles import TileSpec, cut_tiles
from platforms import posix_only
from textured_coast import boxes, textured

Writer = Callable[..., Path]
"""Of ``places`` on ``scenes`` where parts are small; the last two on the third scene."""


@pytest.fixture
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(partition, "PART", 20)


def test_each_rectangle_gets_the_answer_of_its_own_tile(scenes: list[Scene], weights: Path) -> None:
    table = boxes([(x, y) for y in range(70, 240, 30) for x in range(20, 230, 25)], [3] * 54)
    model = Touchy(str(weights))
    out = predict_rectangles(scenes[:1], table, model)
    assert out.novelty is not None
    for tile in cut_tiles(scenes[0], table, model.manifest.preprocessing.tile):
        at = tile.position
        assert (out.status[at], out.valid_share[at], out.scene[at]) == (tile.status, tile.valid_share, tile.scene)
        assert out.acquired[at] == tile.acquired
        prepared = model.prepare(tile.values, tile.valid)
        assert out.novelty[at] == prepared.astype(np.float64).std()
    assert np.isnan(out.cloud_share).all()
    assert np.allclose(out.probabilities.sum(axis=1), 1)
    without = predict_rectangles(scenes[:1], table, Touchy(str(weights), novelty=False))
    assert without.novelty is None


@pytest.mark.slow
def test_parts_hold_each_rectangle_on_a_scene_once(
    scenes: list[Scene], places: gpd.GeoDataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = TileSpec(16, ("B02", "B03", "B04"))
    whole = part_rectangles(scenes, places, spec)
    rows = np.concatenate([part.rows for part in whole])
    alone = {row for scene in scenes for row in np.flatnonzero(places.intersects(shapely.box(*_bounds(scene))))}
    assert sorted(rows.tolist()) == sorted(alone)
    assert all(part.among == (part.own,) for part in whole)
    monkeypatch.setattr(partition, "PART", 7)
    small = part_rectangles(scenes, places, spec)
    assert max(len(part.rows) for part in small) == 7
    for own in range(3):
        joined = [part.rows for part in small if part.own == own]
        assert np.concatenate(joined).tolist() == next(p.rows for p in whole if p.own == own).tolist()
    medians = part_rectangles(scenes, places, spec, combine=CombineOptions("median"))
    assert {part.among for part in medians} == {(0,), (1,), (2,), (0, 1)}
    # Most of what the first scene does not show, the second does.
    both = places[
        places.intersects(shapely.box(*_bounds(scenes[0]))) & places.intersects(shapely.box(*_bounds(scenes[1])))
    ]
    holed = [row for row in both.index if both.geometry[row].centroid.y > 3_000_000 - 400]
    assert holed
    assert set(holed) <= set(next(part.rows.tolist() for part in whole if part.own == 1))


def test_far_scenes_are_told_apart_without_zones(write_scene: Writer, tmp_path: Path) -> None:
    values = textured(size=100)
    east = open_scene(write_scene(tmp_path / "e.tif", values, crs="EPSG:32601", origin=(200_000.0, 100_000.0)))
    west = open_scene(write_scene(tmp_path / "w.tif", values, crs="EPSG:32660", origin=(799_000.0, 100_000.0)))
    pole = open_scene(write_scene(tmp_path / "p.tif", values, crs="EPSG:3995", origin=(-500.0, 500.0)))
    boxes_of = [shapely.box(*_bounds(scene)).buffer(-300) for scene in (east, west, pole)]
    frames = [
        gpd.GeoSeries([box], crs=scene.crs).to_crs(4326)
        for box, scene in zip(boxes_of, (east, west, pole), strict=True)
    ]
    table = gpd.GeoDataFrame(geometry=pd.concat(frames, ignore_index=True))
    parts = part_rectangles([east, west, pole], table, TileSpec(16, ("B02",)))
    assert [(part.own, part.rows.tolist()) for part in parts] == [(0, [0]), (1, [1]), (2, [2])]


def test_nothing_in_sight_is_an_error(scenes: list[Scene], weights: Path) -> None:
    model = Touchy(str(weights))
    with pytest.raises(InputError, match="a_20240101 overlaps none of the rectangles"):
        predict_rectangles(scenes[:1], boxes([(9999.0, 5.0)], [3]), model)
    with pytest.raises(InputError, match="show none of the rectangles"):
        predict_rectangles(scenes, boxes([(9999.0, 5.0)], [3]), model)
    with pytest.raises(InputError, match="a median of one scene"):
        predict_rectangles(scenes[:1], boxes([(100.0, 100.0)], [3]), model, combine=CombineOptions("median"))
    with pytest.raises(InputError, match="is empty"):
        predict_rectangles(scenes[:1], boxes([(100.0, 100.0)], [3]).iloc[:0], model)


def test_what_no_scene_shows_is_nodata_and_what_lies_beside_is_outside(scenes: list[Scene], weights: Path) -> None:
    table = boxes([(50.0, 20.0), (50.0, 100.0), (900.0, 100.0)], [3] * 3)
    out = predict_rectangles(scenes, table, Touchy(str(weights)))
    assert out.status.tolist() == ["nodata", "classified", "outside imagery"]
    assert out.scene.tolist() == ["a_20240101", "a_20240101", ""]
    assert np.isnan(out.probabilities).any(axis=1).tolist() == [True, False, True]


def test_outlines_that_are_there_often_are_asked_once(scenes: list[Scene], weights: Path) -> None:
    one = boxes([(100.0, 100.0), (40.0, 120.0)], [3, 3])
    many = pd.concat([one] * 500, ignore_index=True)
    model = Touchy(str(weights))
    out = predict_rectangles(scenes[:1], many, model)
    assert model.asked == 1
    single = predict_rectangles(scenes[:1], one, model)
    assert (out.probabilities == np.tile(single.probabilities, (500, 1))).all()
    assert (out.status == "classified").all()


@pytest.mark.slow
def test_the_same_bits_from_a_folder_and_without_one(
    scenes: list[Scene], places: gpd.GeoDataFrame, weights: Path, tmp_path: Path, small_parts: None
) -> None:
    plain = predict_rectangles(scenes, places, Touchy(str(weights)))
    steps: list[int] = []

    def track(items: Iterator[object], total: int, description: str) -> Iterator[object]:
        yield from (steps.append(total) or item for item in items)

    kept = predict_rectangles(scenes, places, opening(weights), folder=tmp_path / "parts", track=track)
    assert equal(plain, kept)
    parts = sorted((tmp_path / "parts").iterdir())
    assert len(parts) == PARTS
    assert len(steps) == steps[-1] + 1, "a step for each rectangle, and one for the one group of two scenes"
    table = gpd.read_parquet(parts[0])
    assert table.crs == places.crs
    assert {"P_3", "P_7", "status", "ValidShare", "CloudShare", "Scene", "SceneDate", "Novelty"} < set(table.columns)
    for combine in (CombineOptions("median"), CombineOptions(near="2024-03-01")):
        one = predict_rectangles(scenes, places, Touchy(str(weights)), combine=combine)
        two = predict_rectangles(scenes, places, opening(weights), combine=combine, folder=tmp_path / "more")
        assert equal(one, two)
        assert not equal(one, plain)


@pytest.mark.slow
def test_only_what_changed_is_answered_again(
    scenes: list[Scene], places: gpd.GeoDataFrame, weights: Path, tmp_path: Path, small_parts: None
) -> None:
    moved = [tmp_path / f"{scene.name}.tif" for scene in scenes]
    for scene, path in zip(scenes, moved, strict=True):
        shutil.copy(scene.bands[0].href, path)
    other = tmp_path / "other.txt"
    shutil.copy(weights, other)
    folder = tmp_path / "parts"

    def run(model: Path = weights, table: gpd.GeoDataFrame = places) -> set[str]:
        before = set(folder.iterdir()) if folder.exists() else set()
        predict_rectangles([open_scene(path) for path in moved], table, opening(model), folder=folder)
        return {path.name for path in set(folder.iterdir()) - before}

    assert len(run()) == PARTS
    # The same model and scenes by other names, the table in another order, with other fields.
    assert run(other, places.iloc[::-1].assign(mine=1)) == set()
    with open_scene(moved[2]).bands[0].href and moved[2].open("r+b") as file:
        file.seek(-1, 2)
        last = file.read(1)
        file.seek(-1, 2)
        file.write(bytes([last[0] ^ 1]))
    assert len(run()) == 2
    other.write_text("0.8")
    assert len(run(other)) == PARTS


@pytest.mark.slow
@posix_only
def test_a_run_that_is_killed_goes_on(
    scenes: list[Scene], places: gpd.GeoDataFrame, weights: Path, tmp_path: Path, small_parts: None
) -> None:
    places.to_parquet(tmp_path / "places.parquet")
    deaths = tmp_path / "deaths"
    deaths.mkdir()
    (deaths / "1").touch()
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent)!r})
from pathlib import Path
import geopandas as gpd
from answering_model import opening
from littoral import open_scene
from littoral.classify import partition, predict_rectangles
partition.PART = 20
scenes = [open_scene(path) for path in {[scene.bands[0].href for scene in scenes]!r}]
predict_rectangles(scenes, gpd.read_parquet({str(tmp_path / "places.parquet")!r}),
    opening(Path({str(weights)!r}), deaths={str(deaths)!r}, after=4), folder=Path({str(tmp_path / "parts")!r}))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr
    kept = {path: path.stat().st_mtime_ns for path in (tmp_path / "parts").glob("*.parquet")}
    assert 0 < len(kept) < PARTS
    again = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert again.returncode == 0, again.stderr
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    assert len(list((tmp_path / "parts").glob("*.parquet"))) == PARTS
    resumed = predict_rectangles(
        scenes, places, opening(weights, deaths=str(deaths), after=4), folder=tmp_path / "parts"
    )
    assert equal(resumed, predict_rectangles(scenes, places, Touchy(str(weights))))


@pytest.mark.slow
def test_a_scene_that_disappears_costs_its_part(
    scenes: list[Scene], places: gpd.GeoDataFrame, weights: Path, tmp_path: Path, small_parts: None
) -> None:
    gone = tmp_path / "c_20240301.tif"
    shutil.copy(scenes[2].bands[0].href, gone)
    given = [*scenes[:2], open_scene(gone)]

    def vanish(items: Iterator[object], total: int, description: str) -> Iterator[object]:
        for item in items:
            if description == "classifying":
                gone.unlink(missing_ok=True)
            yield item

    with pytest.raises(
        InputError, match=rf"{gone}.*run the same command again: {PARTS - 2} of {PARTS} parts are kept in {tmp_path}"
    ):
        predict_rectangles(given, places, opening(weights), folder=tmp_path / "parts", track=vanish)
    shutil.copy(scenes[2].bands[0].href, gone)
    out = predict_rectangles(given, places, opening(weights), folder=tmp_path / "parts")
    assert equal(out, predict_rectangles(scenes, places, Touchy(str(weights))))


@pytest.mark.slow
@pytest.mark.parametrize("how", ["replaced", "overwritten"])
def test_a_scene_that_changes_meanwhile_leaves_no_part_by_the_old_ones_name(
    scenes: list[Scene], places: gpd.GeoDataFrame, weights: Path, tmp_path: Path, small_parts: None, how: str
) -> None:
    mine, folder = tmp_path / "c_20240301.tif", tmp_path / "parts"
    shutil.copy(scenes[2].bands[0].href, mine)
    given = [*scenes[:2], open_scene(mine)]

    def change(items: Iterator[object], total: int, description: str) -> Iterator[object]:
        for item in items:
            if description == "classifying" and mine.stat().st_size == Path(scenes[2].bands[0].href).stat().st_size:
                other = Path(scenes[1].bands[0].href).read_bytes() + b" "
                if how == "overwritten":
                    mine.write_bytes(other)
                else:
                    (tmp_path / "other").write_bytes(other)
                    (tmp_path / "other").replace(mine)
            yield item

    with pytest.raises(InputError, match=rf"{mine} changed while it was read: leave scenes alone.*{PARTS - 2} of"):
        predict_rectangles(given, places, opening(weights), folder=folder, track=change)
    shutil.copy(scenes[2].bands[0].href, mine)
    out = predict_rectangles(given, places, opening(weights), folder=folder)
    assert equal(out, predict_rectangles(scenes, places, Touchy(str(weights))))


def test_a_model_that_changes_while_it_is_opened_is_refused(weights: Path, tmp_path: Path) -> None:
    mine = tmp_path / "weights.txt"
    shutil.copy(weights, mine)
    changing = ModelSource((str(mine),), changed, {"file": str(mine)})
    with pytest.raises(InputError, match=rf"{mine} changed while it was used"):
        _ = changing.model


def changed(file: str) -> Touchy:
    model = Touchy(file)
    Path(file).write_text("0.9")
    return model


@pytest.mark.slow
def test_a_part_that_is_damaged_is_named(
    scenes: list[Scene], places: gpd.GeoDataFrame, weights: Path, tmp_path: Path, small_parts: None
) -> None:
    def run() -> Predictions:
        return predict_rectangles(scenes, places, opening(weights), folder=tmp_path)

    whole = run()
    part, other = sorted(tmp_path.iterdir())[:2]
    good = part.read_bytes()
    middle = bytearray(good)
    # Of the first column, so that the footer and all sizes are right.
    middle[40] ^= 255
    pd.DataFrame({"a": [1]}).to_parquet(tmp_path / "foreign")
    fewer = gpd.read_parquet(part).iloc[1:]
    fewer.to_parquet(tmp_path / "fewer")
    for bad in (b"", b"nonsense" * 99, good[:-9], bytes(middle)):
        part.write_bytes(bad)
        with pytest.raises(InputError, match=rf"{part} cannot be read .*delete it and run the same command again"):
            run()
    for name, what in (("foreign", "other columns"), ("fewer", "rows in place of")):
        shutil.copy(tmp_path / name, part)
        with pytest.raises(InputError, match=rf"{part} cannot be read .*{what}"):
            run()
    part.unlink()
    assert equal(run(), whole)
    assert part.read_bytes() == good
    assert other.exists()


@pytest.mark.slow
def test_ctrl_c_says_what_is_kept(
    scenes: list[Scene], places: gpd.GeoDataFrame, weights: Path, tmp_path: Path, small_parts: None
) -> None:
    def pressed(items: Iterator[object], total: int, description: str) -> Iterator[object]:
        for item in items:
            yield item
            if description == "classifying" and list(tmp_path.glob("*.parquet")):
                raise KeyboardInterrupt

    told = rf"stopped: 1 of {PARTS} parts are kept in {tmp_path}, run the same command again to continue"
    with pytest.raises(KeyboardInterrupt, match=told):
        predict_rectangles(scenes, places, opening(weights), folder=tmp_path, track=pressed)
    with pytest.raises(KeyboardInterrupt, match="no parts are saved: with --parts FOLDER"):
        predict_rectangles(scenes, places, Touchy(str(weights)), track=pressed)


def test_a_disk_that_is_full_says_so(
    scenes: list[Scene], places: gpd.GeoDataFrame, weights: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*given: object, **more: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(gpd.GeoDataFrame, "to_parquet", full)
    with pytest.raises(WriteError, match="free some space"):
        predict_rectangles(scenes, places, opening(weights), folder=tmp_path / "parts")
    assert list((tmp_path / "parts").iterdir()) == []
    blocked = tmp_path / "file"
    blocked.touch()
    with pytest.raises(WriteError, match="file could not be written"):
        predict_rectangles(scenes, places, opening(weights), folder=blocked)


def test_what_the_model_raises_travels_and_threads_end(scenes: list[Scene], weights: Path) -> None:
    class Failing(Touchy):
        def predict_with_novelty(self, batch: np.ndarray) -> tuple[np.ndarray, np.ndarray | None]:
            raise KeyboardInterrupt

    before = threading.active_count()
    table = boxes([(x, y) for y in range(70, 240, 10) for x in range(20, 230, 5)], [3] * 714)
    with pytest.raises(KeyboardInterrupt):
        predict_rectangles(scenes[:1], table, Failing(str(weights)))
    assert threading.active_count() == before


def test_an_open_model_has_no_folder(
    scenes: list[Scene], places: gpd.GeoDataFrame, weights: Path, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match="pass the path of its package"):
        predict_rectangles(scenes, places, Touchy(str(weights)), folder=tmp_path)
    with pytest.raises(InputError, match="name one that all its workers see"):
        predict_rectangles(scenes, places, opening(weights), dask="local")


@pytest.mark.parametrize("engine", ["torch", "onnx"])
def test_bits_of_a_network_do_not_depend_on_who_else_is_asked(
    coast: tuple[Path, gpd.GeoDataFrame], with_graph: Path, engine: str, tmp_path: Path, small_parts: None
) -> None:
    scene, table = open_scene(coast[0]), coast[1]
    whole = predict_rectangles([scene], table, ModelSource.of(with_graph, engine))
    kept = predict_rectangles([scene], table, ModelSource.of(with_graph, engine), folder=tmp_path / "parts")
    assert equal(whole, kept)
    some = np.array([3, 11, 30, 50])
    alone = predict_rectangles([scene], table.iloc[some], open_classifier(with_graph, engine))  # type: ignore[arg-type]
    assert (alone.probabilities == whole.probabilities[some]).all()


def test_threads_of_torch_are_given_back() -> None:
    import torch

    torch.set_num_threads(2)
    with lone_threads(2) as pool:
        assert list(pool.map(lambda _: torch.get_num_threads(), range(4))) == [1] * 4
    assert torch.get_num_threads() == 2


def _bounds(scene: Scene) -> tuple[float, float, float, float]:
    left, upper = scene.transform @ (0, 0)
    right, lower = scene.transform @ (scene.width, scene.height)
    return left, lower, right, upper
