"""The command line as a user meets it: results on disk, and wrong input in one sentence with exit code 2."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from conftest import boxes, textured
from littoral import read_vector, write_vector
from littoral.cli import main
from littoral.demo.cell import ChartLine, write_cell

Writer = Callable[..., Path]
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process: exit code, standard output, standard error."""

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["littoral", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = capsys.readouterr()
        return int(ended.value.code or 0), out, err

    return call


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory, write_scene: Writer, tiles_folder: Path) -> Path:
    folder = tmp_path_factory.mktemp("inputs")
    write_scene(folder / "scene.tif", textured(size=320), nodata=0)
    write_scene(folder / "nocrs.tif", textured(size=64), crs=None)
    write_scene(folder / "red.tif", textured(size=320)[:1], names=("B04",))
    write_vector(boxes([(40, 40), (200, 40), (280, 40)], [3, 3, None]), folder / "rects.gpkg")
    write_vector(boxes([(40, 40)], [None]), folder / "null.gpkg")
    write_vector(boxes([(99_999, 40)], [3]), folder / "far.gpkg")
    lines = [
        ChartLine(np.array([[-81.0, 27.0], [-81.0, 27.03]]), 7),
        ChartLine(np.array([[-81.0, 27.03], [-81.1, 27.03]]), None),
    ]
    write_cell(folder / "US5TEST1.000", lines, coverage=(-82, 26, -80, 28))
    shore = gpd.GeoDataFrame(geometry=[shapely.LineString([(0, 0), (900, 0)])], crs=32617)
    write_vector(shore, folder / "lines.gpkg")
    (folder / "text.000").write_text("no chart")
    (folder / "text.dlpk").write_text("no model")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, tiles_folder: Path) -> Path:
    from littoral import FeatureClassifier, prepare_data

    data = prepare_data(tiles_folder, batch_size=8, val_split_pct=0.3, seed=1)
    return FeatureClassifier(data, "resnet10t", pretrained=False).save(tmp_path_factory.mktemp("model") / "m.dlpk")


def test_the_verbs_in_order(run: Run, inputs: Path, tiles_folder: Path, tmp_path: Path) -> None:
    code, out, _ = run("charts", inputs / "US5TEST1.000", "-o", tmp_path / "coast.gpkg")
    assert (code, "2 lines of 1 cells" in out, "mangrove" in out) == (0, True, True)
    code, out, _ = run("rectangles", tmp_path / "coast.gpkg", "-o", tmp_path / "rects.gpkg")
    boxes_found = read_vector(tmp_path / "rects.gpkg")
    assert code == 0
    assert set(boxes_found["CATCOA"].dropna()) == {7}
    assert f"{len(boxes_found)} rectangles in 1 groups along 13.2 km" in out
    code, out, _ = run("tiles", inputs / "scene.tif", inputs / "rects.gpkg", "--tile-size", 32, "--bands", "B04,1",
                       "-o", tmp_path / "tiles")  # fmt: skip
    assert code == 0
    assert "2 tiles (sandy shore 2); left out: 1 without CATCOA" in out
    code, out, err = run("train", tiles_folder, "--backbone", "resnet10t", "--weights", "none", "--epochs", 1, "--lr",
                         1e-3, "--batch-size", 8, "-o", tmp_path / "m.dlpk")  # fmt: skip
    assert code == 0, err
    assert "set aside because they share ground" in out
    assert "logistic regression on band means" in out
    code, out, _ = run("evaluate", tmp_path / "m.dlpk", tiles_folder, "-o", tmp_path / "metrics.json")
    assert code == 0
    assert json.loads((tmp_path / "metrics.json").read_text())["network"]["count"] > 0
    code, out, _ = run("classify", inputs / "scene.tif", inputs / "rects.gpkg", tmp_path / "m.dlpk", "-o",
                       tmp_path / "classified.gpkg")  # fmt: skip
    assert code == 0
    assert read_vector(tmp_path / "classified.gpkg")["status"].tolist() == ["classified"] * 3
    code, out, _ = run("report", tmp_path / "classified.gpkg", "--truth", "CATCOA", "--model", tmp_path / "m.dlpk",
                       "--scene", inputs / "scene.tif", "-o", tmp_path / "report.html")  # fmt: skip
    assert code == 0
    assert "</html>" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_help_of_every_verb(run: Run) -> None:
    verbs = ("charts", "rectangles", "tiles", "train", "evaluate", "classify", "report", "demo")
    code, out, _ = run("--help")
    assert code == 0
    assert [verb for verb in verbs if verb not in out] == []
    for verb in verbs:
        code, out, _ = run(verb, "--help")
        assert code == 0
        assert f"The result of {verb} is" in " ".join(out.split())


CASES = {
    "not S-57": ("charts {i}/text.000 -o {o}/a.gpkg", "is not an S-57 cell"),
    "no CRS": ("tiles {i}/nocrs.tif {i}/rects.gpkg -o {o}/t", "--scene-crs"),
    "no overlap": ("tiles {i}/scene.tif {i}/far.gpkg -o {o}/t", "overlaps none of the rectangles"),
    "no overlap to classify": ("classify {i}/scene.tif {i}/far.gpkg {m} -o {o}/c.gpkg", "overlaps none"),
    "no such field": ("tiles {i}/scene.tif {i}/rects.gpkg --class-field kind -o {o}/t", "has no field 'kind'"),
    "all null": ("tiles {i}/scene.tif {i}/null.gpkg -o {o}/t", "is null in every row"),
    "no such band": ("tiles {i}/scene.tif {i}/rects.gpkg --bands B08 -o {o}/t", "has no band B08"),
    "model needs bands": ("classify {i}/red.tif {i}/rects.gpkg {m} -o {o}/c.gpkg", "needs bands B02, B03, B04"),
    "corrupt model": ("classify {i}/scene.tif {i}/rects.gpkg {i}/text.dlpk -o {o}/c.gpkg", "is not a whole .dlpk"),
    "exists": ("charts {i}/US5TEST1.000 -o {i}/rects.gpkg", "exists already: pass --overwrite"),
    "model exists": ("train {t} -o {m}", "exists already: pass --overwrite"),
    "model by another name": ("train {t} -o {o}/m.pt", "does not end in .dlpk"),
    "no tiles": ("train {i} -o {o}/m.dlpk", "no map.txt"),
    "no scores": ("evaluate {i}/text.dlpk {t} -o {o}/m.json", "is not a whole .dlpk"),
    "not classified": ("report {i}/rects.gpkg -o {o}/r.html", "littoral classify"),
    "no file": ("rectangles {i}/none.gpkg -o {o}/r.gpkg", "does not exist"),
    "no format": ("classify {i}/scene.tif {i}/rects.gpkg {m} -o {o}/c.xyz", "stands for no format"),
    "a folder": ("train {t} -o {i} ", "does not end in .dlpk"),
    "no such merge field": ("rectangles {i}/lines.gpkg --merge-by kind -o {o}/r.gpkg", "has no field 'kind'"),
    "no bands": ("tiles {i}/scene.tif {i}/rects.gpkg --bands , -o {o}/t", "is asked for no band"),
    "weights folder": ("train {t} --weights {i} --backbone resnet10t -o {o}/m.dlpk", "does not exist as a file"),
    "no epochs": ("train {t} --weights none --backbone resnet10t --epochs 0 -o {o}/m.dlpk", "epochs 0"),
    "no lines": ("rectangles {i}/rects.gpkg -o {o}/r.gpkg", "holds Polygon"),
}


@pytest.mark.parametrize("case", CASES)
def test_wrong_input(run: Run, inputs: Path, model: Path, tiles_folder: Path, tmp_path: Path, case: str) -> None:
    command, complaint = CASES[case]
    before = {path: path.stat().st_mtime_ns for path in inputs.iterdir()}
    code, _, err = run(*command.format(i=inputs, m=model, t=tiles_folder, o=tmp_path).split())
    assert code == 2
    assert complaint in err
    assert err.splitlines()[-1].startswith("littoral: ")
    assert "Traceback" not in err
    assert list(tmp_path.iterdir()) == []
    assert {path: path.stat().st_mtime_ns for path in inputs.iterdir()} == before


def test_rectangles_in_another_crs_and_layer(run: Run, inputs: Path, model: Path, tmp_path: Path) -> None:
    table = read_vector(inputs / "rects.gpkg").to_crs(4326)
    write_vector(table, tmp_path / "deg.gpkg", layer="here")
    code, *_ = run("classify", inputs / "scene.tif", tmp_path / "deg.gpkg", model, "--layer", "here", "-o",
                   tmp_path / "c.parquet")  # fmt: skip
    assert code == 0
    out = gpd.read_parquet(tmp_path / "c.parquet")
    assert out.crs.to_epsg() == 4326
    assert shapely.equals_exact(out.geometry.to_numpy(), table.geometry.to_numpy(), 1e-12).all()


def test_from_an_image_to_a_labelled_line(run: Run, tmp_path: Path, write_scene: Writer) -> None:
    land = np.zeros((120, 120))
    land[:, :60] = 1
    values = np.stack([800 - 100 * land, 300 + 2700 * land]).astype("uint16")
    scene = write_scene(tmp_path / "S2A_20230613T1558.tif", values, names=("B03", "B08"))
    code, out, _ = run("shoreline", scene, "-o", tmp_path / "shore.gpkg")
    assert code == 0
    assert "1 lines, 1.2 km" in out
    assert "2023-06-13" in out
    line = read_vector(tmp_path / "shore.gpkg")
    write_vector(line.translate(30, 0).to_frame("geometry").assign(CATCOA=[3]), tmp_path / "chart.gpkg")
    code, out, _ = run("label", tmp_path / "shore.gpkg", tmp_path / "chart.gpkg", "-o", tmp_path / "labelled.gpkg")
    assert code == 0
    assert "labelled" in out
    labelled = read_vector(tmp_path / "labelled.gpkg")
    assert labelled["CATCOA"].tolist() == [3]
    code, out, _ = run("rectangles", tmp_path / "labelled.gpkg", "--overlap", "0.5", "-o", tmp_path / "rects.gpkg")
    assert (code, "1 groups along 1.2 km" in out) == (0, True)
    code, _, err = run(
        "rectangles", tmp_path / "labelled.gpkg", "--overlap", "0.5", "--spacing", "9", "-o", tmp_path / "x.gpkg"
    )
    assert (code, "two words for one thing" in err) == (2, True)


def test_summary_of_charts(run: Run, inputs: Path) -> None:
    code, out, _ = run("charts", inputs / "US5TEST1.000", "--summary")
    assert code == 0
    assert "US5TEST1" in out.splitlines()[-2]
    code, _, err = run("charts", inputs / "US5TEST1.000")
    assert (code, "charts has nothing to do" in err) == (2, True)
