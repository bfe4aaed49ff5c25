"""The command line as a user meets it: results on disk, and wrong input in one sentence with exit code 2."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path

import geopandas as gpd
import numpy as np
import pytest
import shapely

from littoral import read_vector, write_vector
from littoral.cli.entry import STAGES_OF_CLI, WORDS
from littoral.declarations import read_verb
from littoral.demo.s57 import ChartLine, write_cell
from textured_coast import boxes, textured

Writer = Callable[..., Path]
Run = Callable[..., tuple[int, str, str]]


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
    write_vector(shore.to_crs(4326).assign(CATCOA=[3]), folder / "coast.gpkg")
    beyond = gpd.GeoDataFrame({"CATCOA": [3]}, geometry=[shapely.LineString([(700, 20), (701, 21)])], crs=4326)
    write_vector(beyond, folder / "beyond.gpkg")
    away = gpd.GeoDataFrame({"CATCOA": [3]}, geometry=[shapely.LineString([(9, 50), (9, 51)])], crs=4326)
    write_vector(away, folder / "away.gpkg")
    with np.errstate(invalid="ignore"):
        write_vector(shore.set_geometry([shapely.LineString([(0, 0), (np.nan, 9)])]), folder / "nan.gpkg")
    dot = gpd.GeoDataFrame(geometry=[shapely.LineString([(0, 0), (0, 0)])], crs=32617)
    write_vector(dot.assign(CATCOA=[3]), folder / "dot.gpkg")
    write_vector(shore.assign(KIND=["rock"]), folder / "kind.gpkg")
    write_vector(shore.set_crs(None, allow_override=True), folder / "nocrs.parquet")
    write_cell(folder / "US5EMPTY.000", [], coverage=(-82, 26, -80, 28))
    (folder / "text.000").write_text("no chart")
    (folder / "text.dlpk").write_text("no model")
    return folder


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory, tiles_folder: Path) -> Path:
    from littoral import FeatureClassifier, prepare_data

    data = prepare_data(tiles_folder, batch_size=8, val_split_pct=0.3, seed=1)
    return FeatureClassifier(data, "resnet10t", pretrained=False).save(tmp_path_factory.mktemp("model") / "m.dlpk")


@pytest.mark.slow
def test_the_verbs_in_order(run: Run, inputs: Path, tiles_folder: Path, tmp_path: Path) -> None:
    code, out, _ = run("charts", inputs / "US5TEST1.000", "-o", tmp_path / "coast.gpkg")
    assert (code, "2 lines of 1 cell," in out, "mangrove" in out) == (0, True, True)
    code, out, _ = run("rectangles", tmp_path / "coast.gpkg", "-o", tmp_path / "rects.gpkg")
    boxes_found = read_vector(tmp_path / "rects.gpkg")
    assert code == 0
    assert set(boxes_found["CATCOA"].dropna()) == {7}
    assert f"{len(boxes_found)} rectangles in 1 group along 13.2 km" in out
    code, out, _ = run("tiles", inputs / "scene.tif", inputs / "rects.gpkg", "--tile-size", 32, "--bands", "B04,1",
                       "-o", tmp_path / "tiles")  # fmt: skip
    assert code == 0
    assert "2 tiles (sandy shore 2); left out: 1 without CATCOA" in out
    code, out, err = run("train", tiles_folder, "--backbone", "resnet10t", "--weights", "none", "--epochs", 1, "--lr",
                         1e-3, "--batch-size", 8, "--folds", 2, "-o", tmp_path / "m.dlpk")  # fmt: skip
    assert code == 0, err
    assert "set aside because they share ground" in out
    assert "logistic regression on band statistics" in out
    assert "2 folds of whole squares of 1.3 km" in out
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


@pytest.mark.slow
def test_help_of_every_verb(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    # A library that another test loads may have set it.
    monkeypatch.setenv("COLUMNS", "100")
    code, out, _ = run("--help")
    assert code == 0
    assert [stage for stage in STAGES_OF_CLI if stage not in out] == []
    assert max(map(len, out.splitlines())) <= 100
    for words, function in WORDS.items():
        declared = read_verb(function, "")
        assert len(declared.summary) <= 60
        assert f"{words:<14}{declared.summary}\n" in out
        code, text, _ = run(*words.split(), "--help")
        assert code == 0
        assert declared.summary in text
        assert max(map(len, text.splitlines())) <= 100
        told = "".join(re.sub("[│╭╮╰╯─|]", "", text).split())
        groups = [text.index(f"─ {each} ─") for each in dict.fromkeys(p.group for p in declared.parameters)]
        assert groups == sorted(groups)
        for parameter in declared.parameters:
            assert parameter.help, (words, parameter.name)
            assert (parameter.flag or parameter.name.upper()) in text
            assert "".join(parameter.help.split()) in told.replace("--no-raster-function", ""), (words, parameter.name)
    code, out, _ = run("fetch")
    assert (code, "fetch item" in out, "rectangles" in out) == (0, True, False)


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
    "no format": ("classify {i}/scene.tif {i}/rects.gpkg {m} -o {o}/c.xyz", "the suffix of no known format"),
    "a folder": ("train {t} -o {i} ", "does not end in .dlpk"),
    "no such merge field": ("rectangles {i}/lines.gpkg --merge-by kind -o {o}/r.gpkg", "has no field 'kind'"),
    "no bands": ("tiles {i}/scene.tif {i}/rects.gpkg --bands , -o {o}/t", "is asked for no band"),
    "weights folder": ("train {t} --weights {i} --backbone resnet10t -o {o}/m.dlpk", "does not exist as a file"),
    "no epochs": ("train {t} --weights none --backbone resnet10t --epochs 0 -o {o}/m.dlpk", "epochs 0"),
    "no lines": ("rectangles {i}/rects.gpkg -o {o}/r.gpkg", "rects.gpkg holds Polygon"),
    "no coastline": ("charts {i}/US5EMPTY.000 -o {o}/c.gpkg", "US5EMPTY.000 holds no coastline"),
    "lines in place": ("lines {i}/coast.gpkg -o {i}/coast.gpkg --overwrite", "is to be read and to be written"),
    "rectangles in place": ("rectangles {i}/coast.gpkg -o {i}/coast.gpkg --overwrite", "is to be read and to be"),
    "label in place": ("label {i}/lines.gpkg {i}/coast.gpkg -o {i}/coast.gpkg --overwrite", "is to be read and to be"),
    "charts in place": ("charts {i}/US5TEST1.000 -o {i}/US5TEST1.000 --overwrite", "the suffix of no known format"),
    "classify in place": ("classify {i}/scene.tif {i}/rects.gpkg {m} -o {i}/rects.gpkg --overwrite", "is to be read"),
    "report in place": ("report {i}/rects.gpkg -o {i}/rects.gpkg --overwrite", "is to be read and to be written"),
    "sea in place": ("shoreline {i}/scene.tif --sea {i}/rects.gpkg -o {i}/rects.gpkg --overwrite", "is to be read"),
    "sea without CRS": (
        "shoreline {i}/scene.tif --sea {i}/nocrs.parquet -o {o}/s.gpkg",
        "nocrs.parquet has no coordinate ref",
    ),
    "label: line beyond": ("label {i}/beyond.gpkg {i}/coast.gpkg -o {o}/l.gpkg", "beyond.gpkg has coordinates outside"),
    "label: coast beyond": (
        "label {i}/lines.gpkg {i}/beyond.gpkg -o {o}/l.gpkg",
        "beyond.gpkg has coordinates outside",
    ),
    "label: coast of polygons": ("label {i}/lines.gpkg {i}/rects.gpkg -o {o}/l.gpkg", "rects.gpkg holds Polygon"),
    "label: line without CRS": (
        "label {i}/nocrs.parquet {i}/coast.gpkg -o {o}/l.gpkg",
        "nocrs.parquet has no coordinate",
    ),
    "label: NaN": ("label {i}/nan.gpkg {i}/coast.gpkg -o {o}/l.gpkg", "nan.gpkg has a coordinate that is no number"),
    "label: no field": ("label {i}/lines.gpkg {i}/lines.gpkg -o {o}/l.gpkg", "lines.gpkg has no field 'CATCOA'"),
    "label: no size": ("label {i}/lines.gpkg {i}/coast.gpkg --within -3 -o {o}/l.gpkg", "within -3 is not above 0 m"),
    "label: another coast": ("label {i}/lines.gpkg {i}/away.gpkg -o {o}/l.gpkg", "lies nowhere within 200 m of"),
    "rectangles beyond": ("rectangles {i}/beyond.gpkg -o {o}/r.gpkg", "beyond.gpkg has coordinates outside EPSG:4326"),
    "lines beyond": ("lines {i}/beyond.gpkg -o {o}/l.gpkg", "beyond.gpkg has coordinates outside EPSG:4326"),
    "no length": ("lines {i}/dot.gpkg -o {o}/l.gpkg", "dot.gpkg holds no line longer than zero"),
    "none so long": (
        "lines {i}/coast.gpkg --min-length 1e9 -o {o}/l.gpkg",
        "coast.gpkg holds no line of 1e+09 m or more",
    ),
    "negative length": ("lines {i}/coast.gpkg --min-length -1 -o {o}/l.gpkg", "min length -1 is less than 0 m"),
    "length of nan": ("rectangles {i}/coast.gpkg --min-line nan -o {o}/l.gpkg", "min line nan is not a finite number"),
    "no mapping": ("lines {i}/kind.gpkg --class-field kind -o {o}/l.gpkg", "--mapping"),
    "no mapping file": ("lines {i}/kind.gpkg --class-field kind --mapping {o}/m.csv -o {o}/l.gpkg", "(No such file or"),
    "labelled by nothing": ("rectangles {i}/lines.gpkg --labelled-only -o {o}/r.gpkg", "has no field 'CATCOA'"),
}


@pytest.mark.parametrize("case", CASES)
def test_wrong_input(run: Run, inputs: Path, model: Path, tiles_folder: Path, tmp_path: Path, case: str) -> None:
    command, complaint = CASES[case]
    before = {path: path.stat().st_mtime_ns for path in inputs.iterdir()}
    code, _, err = run(*command.format(i=inputs, m=model, t=tiles_folder, o=tmp_path).split())
    assert code == 2
    assert complaint in err
    assert err.splitlines()[-1].startswith("littoral: ")
    assert [word for word in ("Traceback", "Errno", "RuntimeWarning", "DRIVER") if word in err] == []
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
    assert "1 line, 1.2 km" in out
    assert "2023-06-13" in out
    line = read_vector(tmp_path / "shore.gpkg")
    write_vector(line.translate(30, 0).to_frame("geometry").assign(CATCOA=[3]), tmp_path / "chart.gpkg")
    code, out, _ = run("label", tmp_path / "shore.gpkg", tmp_path / "chart.gpkg", "-o", tmp_path / "labelled.gpkg")
    assert code == 0
    assert "labelled" in out
    labelled = read_vector(tmp_path / "labelled.gpkg")
    assert labelled["CATCOA"].tolist() == [3]
    code, out, _ = run("rectangles", tmp_path / "labelled.gpkg", "--overlap", "0.5", "-o", tmp_path / "rects.gpkg")
    assert (code, "1 group along 1.2 km" in out) == (0, True)
    code, _, err = run(
        "rectangles", tmp_path / "labelled.gpkg", "--overlap", "0.5", "--spacing", "9", "-o", tmp_path / "x.gpkg"
    )
    assert (code, "overlap cannot be given together with spacing" in err) == (2, True)


def test_summary_of_charts(run: Run, inputs: Path) -> None:
    code, out, _ = run("charts", inputs / "US5TEST1.000", "--summary")
    assert code == 0
    assert "US5TEST1" in out.splitlines()[-2]
    code, _, err = run("charts", inputs / "US5TEST1.000")
    assert (code, "charts has nothing to do" in err) == (2, True)


def test_fields_in_lower_case_and_little_line(run: Run, inputs: Path, tmp_path: Path) -> None:
    lines = [shapely.LineString([(0, 500 * n), (100 + 50 * n, 500 * n)]) for n in range(4)]
    table = gpd.GeoDataFrame({"catcoa": [3, 3, None, 7]}, geometry=lines, crs=32617)
    write_vector(table.astype({"catcoa": "Int64"}), tmp_path / "low.gpkg")
    code, out, _ = run("rectangles", tmp_path / "low.gpkg", "-o", tmp_path / "r.gpkg")
    assert code == 0
    assert "purity" in read_vector(tmp_path / "r.gpkg")
    assert "2 of them hold less than 200 m of line: --min-line leaves short lines out" in out
    code, out, _ = run("rectangles", tmp_path / "low.gpkg", "--labelled-only", "-o", tmp_path / "l.gpkg")
    assert (code, len(read_vector(tmp_path / "l.gpkg"))) == (0, 3)
    code, out, _ = run("lines", tmp_path / "low.gpkg", "--min-length", 190, "-o", tmp_path / "line.gpkg")
    assert (code, "line.gpkg: 2 lines in 2 chains, 0.4 km" in out) == (0, True)
    code, out, _ = run("lines", tmp_path / "line.gpkg", "-o", tmp_path / "again.gpkg")
    assert "category" not in out.splitlines()[0]
    assert "the input's fields group, chain, from_m, to_m, length_m are kept as group_in, chain_in," in out


def test_a_broken_cell_can_be_skipped(run: Run, inputs: Path, tmp_path: Path) -> None:
    code, out, err = run(
        "charts", inputs / "US5TEST1.000", inputs / "text.000", "--skip-broken", "-o", tmp_path / "c.gpkg"
    )
    assert (code, "2 lines of 1 cell," in out, "text.000 is not an S-57" in err) == (0, True, True)
    assert len(read_vector(tmp_path / "c.gpkg")) == 2
