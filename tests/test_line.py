"""The demo world walked from chart to report, and what must add up on the way."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio

from littoral import read_charts, read_tiles, read_vector
from littoral.demo import TILE_PX, Demo, run_demo
from littoral.demo.world import make_world
from littoral.errors import ExistsError, InputError
from littoral.geodesy import line_lengths
from littoral.package import read_package
from littoral.tiles import ground_pairs, split_tiles
from littoral.verbs.demo import DemoSummary

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Demo, list[str]]:
    folder = tmp_path_factory.mktemp("demo") / "littoral-demo"
    said: list[str] = []
    return folder, run_demo(folder, seed=0, size_px=1536, epochs=2, say=said.append), said


def test_every_step_leaves_its_file(walked: tuple[Path, Demo, list[str]]) -> None:
    folder, demo, said = walked
    for path in (demo.report, demo.classified, demo.model, demo.metrics):
        assert path.is_file()
    assert [line[:5] for line in said if line.startswith("[")] == [f"[{n}/8]" for n in range(1, 9)]
    assert said[-1].startswith("done in ")
    # The command prints where they are.
    lines = str(DemoSummary(demo)).splitlines()
    assert lines[-2].endswith(str(demo.report))
    assert lines[-1].endswith(str(demo.classified))
    assert [p.name for p in folder.iterdir() if p.name.startswith(".")] == [".littoral-demo"]


def test_length_is_kept_from_chart_to_classified_coast(walked: tuple[Path, Demo, list[str]]) -> None:
    folder, demo, _ = walked
    coast = read_charts(folder / "world" / "unseen.000")
    boxes, classified = read_vector(folder / "rectangles-unseen.gpkg"), read_vector(demo.classified)
    assert len(boxes) == len(classified)
    by_class = line_lengths(coast).groupby(coast["CATCOA"]).sum()
    walked_m = boxes["line_m"].groupby(boxes["CATCOA"]).sum()
    assert walked_m.to_dict() == pytest.approx(by_class.to_dict(), rel=1e-4)
    assert classified["line_m"].tolist() == boxes["line_m"].tolist()
    assert classified["ID"].is_unique


def test_scores_and_report_speak_of_the_same_coast(walked: tuple[Path, Demo, list[str]]) -> None:
    _, demo, _ = walked
    record = json.loads(demo.metrics.read_text())
    classified = read_vector(demo.classified)
    judged = classified[classified["ClassValue"].notna() & classified["CATCOA"].notna()]
    assert record["tiles"] == len(judged)
    assert record["set_aside"] == 0
    assert record["network"]["accuracy"] == pytest.approx((judged["ClassValue"] == judged["CATCOA"]).mean())
    page = demo.report.read_text(encoding="utf-8")
    assert f"{record['network']['macro_f1']:.3f}" in page
    assert "logistic regression on band statistics" in page
    for category in read_package(demo.model).manifest.categories:
        assert category.name in page


def test_the_split_of_the_demo_shares_no_ground(walked: tuple[Path, Demo, list[str]]) -> None:
    folder, _, _ = walked
    tiles = read_tiles(folder / "tiles")
    assert tiles.size_px == TILE_PX
    split = split_tiles(tiles, 0.2, seed=0)
    assert ground_pairs(tiles.footprints[split.training], tiles.footprints[split.validation]).shape[1] == 0
    unseen = read_tiles(folder / "tiles-unseen")
    assert ground_pairs(tiles.footprints, unseen.footprints).shape[1] == 0


def test_an_earlier_demo_is_replaced_only_when_asked(walked: tuple[Path, Demo, list[str]], tmp_path: Path) -> None:
    with pytest.raises(ExistsError, match="--overwrite"):
        run_demo(walked[0])
    (tmp_path / "mine.txt").write_text("x")
    (tmp_path / "world").mkdir()
    with pytest.raises(InputError, match="not the folder of an earlier demo"):
        run_demo(tmp_path / "mine.txt", overwrite=True)
    with pytest.raises(InputError, match="not the folder of an earlier demo"):
        run_demo(tmp_path, overwrite=True)
    assert (tmp_path / "mine.txt").exists()


def test_the_world_is_the_same_each_time(tmp_path: Path) -> None:
    worlds = [make_world(tmp_path / name, seed=3, size_px=256) for name in ("a", "b")]
    for one, two in zip((worlds[0].training, worlds[0].unseen), (worlds[1].training, worlds[1].unseen), strict=True):
        assert one.chart.read_bytes() == two.chart.read_bytes()
        assert one.scene.read_bytes() == two.scene.read_bytes()
    other = make_world(tmp_path / "c", seed=4, size_px=256)
    assert other.training.scene.read_bytes() != worlds[0].training.scene.read_bytes()
    with rasterio.open(other.training.scene) as a, rasterio.open(other.unseen.scene) as b:
        assert a.crs != b.crs
        assert a.descriptions == b.descriptions == ("B02", "B03", "B04", "B08")
        assert np.unique(a.read(1)).size > 100
