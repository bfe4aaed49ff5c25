"""The page about a classified coast, read as a browser reads it; numbers are worked out by hand."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine
from matplotlib.colors import to_hex

from littoral.categories import CATCOA, UNKNOWN_COLOUR, user_scheme
from littoral.errors import ExistsError, InputError
from littoral.evaluation import Baselines, score
from littoral.imagery import Scene, open_scene
from littoral.package import Manifest, Package, Preprocessing, write_package
from littoral.predictions import UNLIKE
from littoral.progress import silent
from littoral.report import ReportOptions, map_data, plot_classified, write_report
from littoral.report.coast import read_coast
from littoral.report.maps import UNLIKE_COLOUR
from littoral.report.review_list import first_places
from littoral.report.samples import cut_samples
from littoral.tiles import TileSpec
from littoral.vectors import write_vector
from textured_coast import boxes

UTM = "EPSG:32617"
LEFT, TOP = 580_000.0, 2_850_000.0
CLASSES = (CATCOA[3], CATCOA[7])
TRUTH = [3, 7, 7, 7, None, 8, 3, 7]
SAID = [3, 3, 7, 7, 3, 7, None, None]
SANDY = [0.9, 0.8, 0.3, 0.4, 0.6, 0.2, None, None]
STATUS = ["classified"] * 6 + ["nodata", "outside imagery"]
# Scored are the first four: one sandy shore is right; of three mangroves one is taken for sandy shore.
# F1 of sandy shore is 2/3, of mangrove 4/5.
ACCURACY, MACRO_F1 = "0.750", "0.733"
RIGHT = Baselines((0.25, 0.75), (0.0,) * 3, (1.0,) * 3, ((-1.0, 0.0, 0.0), (1.0, 0.0, 0.0)), (150.0, -150.0))
"""Its regression knows that band B02 is 100 on sandy shores and 200 elsewhere."""
WRONG = replace(RIGHT, coefficients=RIGHT.coefficients[::-1], intercepts=RIGHT.intercepts[::-1])


class Page(HTMLParser):
    """Text, tables, addresses and pictures of each section."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.source = path.read_text(encoding="utf-8")
        self.text: dict[str, str] = {"": ""}
        self.rows: dict[str, list[list[str]]] = {"": []}
        self.tags: dict[str, list[str]] = {"": []}
        self.addresses: list[str] = []
        self.scripts: list[str] = []
        self._section = ""
        self._open: list[str] = []
        self.feed(self.source)
        assert self._open == [], "every element is closed"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.text[self._section] += " "
        if tag == "section":
            self._section = str(given["id"])
            self.text[self._section], self.rows[self._section], self.tags[self._section] = "", [], []
        if tag == "tr":
            self.rows[self._section].append([])
        if tag in ("td", "th"):
            self.rows[self._section][-1].append("")
        self.tags[self._section].append(tag)
        self.addresses += [str(value) for name, value in attrs if name in ("src", "href", "xlink:href", "srcset")]
        if tag not in ("meta", "link", "br", "img"):
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[self._section].append(tag)
        self.addresses += [str(value) for name, value in attrs if name in ("src", "href", "xlink:href", "srcset")]

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag
        if tag == "section":
            self._section = ""

    def handle_data(self, data: str) -> None:
        if "script" in self._open:
            self.scripts.append(data)
        if {"style", "script"} & set(self._open):
            return
        self.text[self._section] += data
        if self._open and {"td", "th"} & set(self._open):
            self.rows[self._section][-1][-1] += data

    @property
    def live(self) -> dict[str, Any]:
        """What the script of the map knows."""
        found: dict[str, Any] = json.loads(self.scripts[0])
        return found

    def words(self, section: str = "") -> str:
        return " ".join(self.text[section].split())


@pytest.fixture
def coast() -> gpd.GeoDataFrame:
    """Eight rectangles of 200 m in a row, the last beside the scene; in longitude and latitude."""
    boxes = [shapely.box(LEFT + 200 * i, TOP - 600, LEFT + 200 * i + 200, TOP - 400) for i in range(7)]
    boxes.append(shapely.box(LEFT + 5000, TOP - 600, LEFT + 5200, TOP - 400))
    sandy = pd.Series(SANDY, dtype=float)
    table = {
        "CATCOA": pd.Series(TRUTH, dtype="Int64"),
        "line_m": [1000.0 * (i + 1) for i in range(8)],
        "ClassLabel": pd.Series([None if code is None else CATCOA[code].name for code in SAID], dtype="string"),
        "ClassValue": pd.Series(SAID, dtype="Int64"),
        "Confidence": np.maximum(sandy, 1 - sandy),
        "P_3": sandy,
        "P_7": 1 - sandy,
        "status": STATUS,
    }
    return gpd.GeoDataFrame(table, geometry=boxes, crs=UTM).to_crs(4326)


def write_scene(path: Path, transform: Affine) -> Path:
    """100 x 160 pixels of 10 m: B02 is 100 under sandy shores, 200 elsewhere."""
    values = np.random.default_rng(0).integers(300, 3000, (3, 100, 160)).astype(np.uint16)
    values[0] = 200
    values[0, :, :20] = 100
    profile = {"driver": "GTiff", "count": 3, "height": 100, "width": 160, "dtype": "uint16", "crs": UTM}
    with rasterio.open(path, "w", transform=transform, **profile) as dataset:
        dataset.write(values)
        dataset.descriptions = ("B02", "B03", "B04")
    return path


@pytest.fixture
def scene_path(tmp_path: Path) -> Path:
    return write_scene(tmp_path / "bay.tif", Affine(10, 0, LEFT, 0, -10, TOP))


@pytest.fixture
def scene(scene_path: Path) -> Scene:
    return open_scene(scene_path)


@pytest.fixture
def package() -> Package:
    preprocessing = Preprocessing(
        TileSpec(16, ("B02", "B03", "B04")), 16, (1.0,) * 3, (1.0,) * 3, "uint16", "as stored"
    )
    manifest = Manifest(
        "resnet18", preprocessing, CLASSES, (10.0, 10.0), 32617, "4 groups apart, 1 for validation", (7,), "",
        RIGHT.to_json(), {"littoral": "0.1.0"},
    )  # fmt: skip
    own = score(np.array([0, 1, 1]), np.array([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]), CLASSES).to_json()
    return Package("shore", manifest, b"weights", {"network": own, "baselines": {"majority": own}})


def full(coast: gpd.GeoDataFrame, out: Path, package: Package, scene: Scene) -> Page:
    return Page(write_report(coast, out, ReportOptions("CATCOA"), model=package, scene=scene))


# The whole page


@pytest.mark.slow
def test_headline_says_how_much_and_how_good(
    coast: gpd.GeoDataFrame, tmp_path: Path, package: Package, scene: Scene
) -> None:
    page = full(coast, tmp_path / "page.html", package, scene)
    words = page.words()
    assert "6 of 8 rectangles classified, 21.0 km of 36.0 km of shoreline, by shore.dlpk." in words
    # (0.9 + 0.8 + 0.7 + 0.6 + 0.6 + 0.8) / 6
    for expected in ("73% mean confidence", f"{ACCURACY} accuracy", f"{MACRO_F1} macro-F1", "75% of the rectangles"):
        assert expected in words
    # Always mangrove: F1 is 6/7 there and 0 for sandy shore. The regression is always right.
    assert "0.429 macro-F1 of a simple model majority" in words
    assert "1.000 macro-F1 of a simple model logistic regression on band means" in words
    assert "left-out" not in page.text


@pytest.mark.slow
def test_shares_in_kilometres(coast: gpd.GeoDataFrame, tmp_path: Path, package: Package, scene: Scene) -> None:
    rows = full(coast, tmp_path / "page.html", package, scene).rows["shares"]
    assert rows[1] == ["sandy shore", "3", "8.0", "38%", "77%"]
    assert rows[2] == ["mangrove", "3", "13.0", "62%", "70%"]
    assert rows[4:] == [
        ["classified", "6", "75%", "21.0"],
        ["outside imagery", "1", "12%", "8.0"],
        ["nodata", "1", "12%", "7.0"],
    ]


@pytest.mark.slow
def test_scores_are_those_of_the_scored(
    coast: gpd.GeoDataFrame, tmp_path: Path, package: Package, scene: Scene
) -> None:
    page = full(coast, tmp_path / "page.html", package, scene)
    assert (
        "4 of 8 rectangles are scored; left out: 2 not classified; 1 without CATCOA; "
        "1 of a class that the model does not have (marshy shore)." in page.words("scores")
    )
    assert page.rows["scores"][1:] == [
        ["sandy shore", "0.500", "1.000", "0.667", "1"],
        ["mangrove", "1.000", "0.667", "0.800", "3"],
    ]
    # The counts of the matrix, row by row, then the names of its columns.
    assert re.search(r"1 0 1 2\b", page.words("scores"))
    # |0.9 - 1| + |0.8 - 0| + |0.7 - 1| + |0.6 - 1|, each alone in its bin, over 4
    assert "Expected calibration error: 0.400 on 4 rectangles" in page.words("reliability")


def test_training_ground_is_scored_apart(
    coast: gpd.GeoDataFrame, tmp_path: Path, package: Package, scene: Scene
) -> None:
    """The first two rectangles are the model's training area: of the scored four the other two are left."""
    area = shapely.union_all(shapely.buffer(coast.geometry.iloc[:2].to_numpy(), -0.0008))
    seen = replace(package, manifest=replace(package.manifest, training_area=area.wkt))
    page = full(coast, tmp_path / "page.html", seen, scene)
    assert "1.000 accuracy on 2 rectangles outside the training area" in page.words()
    words = page.words("scores")
    assert "2 of 8 rectangles are scored" in words
    assert "2 on the model's training area." in words
    # One sandy shore is right, one mangrove is taken for it: accuracy 1/2, F1 2/3 and 0.
    assert "On the training area the accuracy is 0.500 and macro-F1 0.333" in words
    assert [row[-1] for row in page.rows["scores"][1:]] == ["0", "2"]
    assert "2 rectangles:" in page.words("comparison")
    everything = replace(
        package, manifest=replace(package.manifest, training_area=shapely.box(*coast.total_bounds).wkt)
    )
    page = full(coast, tmp_path / "all.html", everything, scene)
    assert "all 4 rectangles with a true class lie on the model's training area" in page.words("left-out")
    assert "accuracy" not in page.words()
    page = full(coast, tmp_path / "unknown.html", package, scene)
    assert "as the model has no record of its training area" in page.words("scores")
    assert f"{ACCURACY} accuracy on 4 rectangles; training area not known" in page.words()


@pytest.mark.slow
def test_page_says_when_the_network_is_beaten(
    coast: gpd.GeoDataFrame, tmp_path: Path, package: Package, scene: Scene
) -> None:
    page = full(coast, tmp_path / "beaten.html", package, scene)
    beaten = "On the same 4 rectangles the network LOSES to logistic regression on band means in macro-F1 (-0.267"
    assert beaten in page.words()
    rows = page.rows["comparison"]
    assert rows[0] == ["model", "accuracy", "95 %", "macro-F1", "95 %", "kappa", "95 %"]
    # Kappa of the network: (3/4 - 1/2) / (1 - 1/2). All lie in one square, so there are no intervals.
    assert rows[1:] == [
        ["this model", ACCURACY, "–", MACRO_F1, "–", "0.500", "–"],
        ["majority", "0.750", "–", "0.429", "–", "0.000", "–"],
        ["logistic regression on band means", "1.000", "–", "1.000", "–", "1.000", "–"],
    ]
    assert "in one block (squares of 0.8 km), so the scores have no intervals" in page.words("comparison")
    weaker = replace(package, manifest=replace(package.manifest, baselines=WRONG.to_json()))
    page = full(coast, tmp_path / "better.html", weaker, scene)
    assert "LOSES" not in page.words()
    assert page.rows["comparison"][3][1:4:2] == ["0.000", "0.000"]


@pytest.mark.slow
def test_an_equal_network_is_not_shown_to_beat(
    coast: gpd.GeoDataFrame, tmp_path: Path, package: Package, scene: Scene
) -> None:
    coast["P_3"] = [0.9, 0.1, 0.1, 0.1, 0.9, 0.1, None, None]
    coast["P_7"] = 1 - coast["P_3"]
    words = full(coast, tmp_path / "page.html", package, scene).words()
    assert "the network is NOT SIGNIFICANTLY BETTER than logistic regression on band means in macro-F1 (+0.000" in words


@pytest.mark.slow
def test_samples_are_right_and_wrong(coast: gpd.GeoDataFrame, tmp_path: Path, package: Package, scene: Scene) -> None:
    page = full(coast, tmp_path / "page.html", package, scene)
    words = page.words("samples")
    right, wrong = words.index("Right, and most confident"), words.index("Wrong, and most confident")
    assert right < words.index("sandy shore 90%") < words.index("mangrove 70%") < words.index("mangrove 60%") < wrong
    assert words.endswith("mangrove → sandy shore 80%")
    assert page.tags["samples"].count("image") == 4


@pytest.mark.slow
def test_maps_of_answer_and_truth(coast: gpd.GeoDataFrame, tmp_path: Path, package: Package, scene: Scene) -> None:
    page = full(coast, tmp_path / "page.html", package, scene)
    assert page.tags["map"].count("image") == 2
    answers, truth = page.words("map").split("True classes (CATCOA)")
    assert "sandy shore mangrove not classified" in answers
    assert "sandy shore mangrove marshy shore not known" in truth


def test_the_map_alone(coast: gpd.GeoDataFrame, package: Package, scene: Scene) -> None:
    bare, full = plot_classified(coast), plot_classified(coast, model=package, scene=scene, width_in=5.0)
    assert [len(figure.axes[0].images) for figure in (bare, full)] == [0, 1]
    for figure in (bare, full):
        names = [text.get_text() for text in figure.legends[0].get_texts()]
        assert names == ["sandy shore", "mangrove", "not classified"]
        faces = figure.axes[0].collections[-1].get_facecolor()[:, :3]
        assert len(faces) == len(SAID)
        for face, code in zip(faces, SAID, strict=True):
            assert to_hex(face) == (UNKNOWN_COLOUR if code is None else CATCOA[code].colour).lower()


@pytest.mark.slow
def test_the_map_tells_apart_what_is_unlike_the_training(
    coast: gpd.GeoDataFrame, tmp_path: Path, package: Package, scene: Scene
) -> None:
    unseen = np.flatnonzero(coast["ClassValue"].isna())
    coast.loc[coast.index[unseen[0]], "status"] = UNLIKE
    figure = plot_classified(coast, scene=scene)
    names = [text.get_text() for text in figure.legends[0].get_texts()]
    assert names[-2:] == ["not classified", UNLIKE]
    faces = figure.axes[0].collections[-1].get_facecolor()[:, :3]
    assert to_hex(faces[unseen[0]]) == UNLIKE_COLOUR.lower()
    assert [to_hex(face) for face in faces[unseen[1:]]] == [UNKNOWN_COLOUR.lower()] * (len(unseen) - 1)
    page = full(coast, tmp_path / "page.html", package, scene)
    answers, truth = page.words("map").split("True classes (CATCOA)")
    assert UNLIKE in answers
    assert UNLIKE not in truth


@pytest.mark.slow
def test_model_says_where_it_comes_from(
    coast: gpd.GeoDataFrame, tmp_path: Path, package: Package, scene: Scene
) -> None:
    page = full(coast, tmp_path / "page.html", package, scene)
    facts = {row[0]: row[1] for row in page.rows["model"] if len(row) == 2}
    assert facts["backbone"] == "resnet18"
    assert facts["bands"] == "B02, B03, B04 (as stored)"
    assert facts["tile"].startswith("16 × 16 pixels of 10 × 10 (EPSG:32617)")
    assert facts["split"] == "4 groups apart, 1 for validation"
    assert facts["only in training"].startswith("mangrove:")
    assert facts["made with"] == "littoral 0.1.0, seed 42"
    assert ["this model", "0.667", "–", "0.667", "–", "0.400", "–"] in page.rows["model"]
    assert "3 validation tiles" in page.words("model")


@pytest.mark.slow
def test_page_needs_nothing_from_outside(
    coast: gpd.GeoDataFrame, tmp_path: Path, package: Package, scene: Scene
) -> None:
    page = full(coast, tmp_path / "page.html", package, scene)
    assert page.addresses
    assert all(address.startswith(("#", "data:")) for address in page.addresses)
    assert not re.search(r"@import|url\((?!#)|<script[^>]* src|<link|<iframe", page.source)
    # A browser is told to refuse what the script does not try anyway.
    assert "default-src 'none'" in page.source
    assert not re.search(r"fetch\(|XMLHttp|WebSocket|import\(|https?:", page.scripts[1])


@pytest.mark.slow
def test_files_and_objects_give_the_same_page(
    coast: gpd.GeoDataFrame, tmp_path: Path, package: Package, scene: Scene, scene_path: Path
) -> None:
    table = write_vector(coast, tmp_path / "coast.gpkg")
    model = write_package(tmp_path / "shore.dlpk", package)
    full(coast, tmp_path / "objects.html", package, scene)
    write_report(table, tmp_path / "files.html", options=ReportOptions("catcoa"), model=model, scene=scene_path)
    files = (tmp_path / "files.html").read_text().replace("catcoa", "CATCOA")
    assert files == (tmp_path / "objects.html").read_text()


# What is missing is named


def test_bare_page_names_what_it_leaves_out(coast: gpd.GeoDataFrame, tmp_path: Path) -> None:
    page = Page(write_report(coast, tmp_path / "page.html"))
    assert set(page.text) == {"", "map", "first", "shares", "left-out"}
    assert "6 parts left out" in page.words()
    words = page.words("left-out")
    for named in (
        "left out: imagery under the map needs the imagery: pass --scene PATH.",
        "left out: map of the true classes needs the true classes: pass --truth FIELD.",
        "left out: confusion matrix, scores by class, reliability of the confidence needs the true classes: "
        "pass --truth FIELD.",
        "left out: comparison with simple models needs the true classes, the model, the imagery: "
        "pass --truth FIELD --model FILE --scene PATH.",
        "left out: sample tiles needs the imagery: pass --scene PATH.",
        "left out: the model needs the model: pass --model FILE.",
    ):
        assert named in words
    assert page.rows["shares"][1] == ["sandy shore", "3", "8.0", "38%", "77%"]


@pytest.mark.slow
def test_scene_alone_gives_ground_and_samples(coast: gpd.GeoDataFrame, tmp_path: Path, scene: Scene) -> None:
    page = Page(write_report(coast, tmp_path / "page.html", scene=scene))
    assert page.tags["map"].count("image") == 1
    assert page.tags["samples"].count("image") == 6
    assert page.words("samples").count("Most confident") == 1


def test_without_lengths_rectangles_are_counted(coast: gpd.GeoDataFrame, tmp_path: Path) -> None:
    page = Page(write_report(coast.drop(columns="line_m"), tmp_path / "page.html"))
    assert "no field line_m (metres of shoreline), so rectangles are counted instead of kilometres." in page.words()
    assert page.rows["shares"][1] == ["sandy shore", "3", "50%", "77%"]
    assert " km" not in page.words("shares")


def test_truth_that_knows_other_classes_only(coast: gpd.GeoDataFrame, tmp_path: Path, scene: Scene) -> None:
    coast["CATCOA"] = pd.array([8] * 8, dtype="Int64")
    page = Page(write_report(coast, tmp_path / "page.html", ReportOptions("CATCOA"), scene=scene))
    assert "no classified rectangle has one of the model's classes in CATCOA" in page.words("left-out")
    assert "marshy shore" in page.words("map")


@pytest.mark.slow
def test_table_without_probabilities_names_them(coast: gpd.GeoDataFrame, tmp_path: Path) -> None:
    page = Page(write_report(coast.drop(columns=["P_3", "P_7"]), tmp_path / "page.html", ReportOptions("CATCOA")))
    assert "the table lacks P_3, P_7" in page.words("left-out")


@pytest.mark.slow
def test_turned_scene_is_no_ground_but_gives_samples(coast: gpd.GeoDataFrame, tmp_path: Path) -> None:
    turned = Affine(10, 0, LEFT, 0, -10, TOP) @ Affine.rotation(5)
    page = Page(write_report(coast, tmp_path / "page.html", scene=write_scene(tmp_path / "turned.tif", turned)))
    assert "the grid of turned is turned: pass it north up" in page.words("left-out")
    with pytest.raises(InputError, match="turned is turned: pass it north up, or leave it out"):
        plot_classified(coast, scene=tmp_path / "turned.tif")
    assert "image" not in page.tags["map"]
    assert "image" in page.tags["samples"]


# Other inputs


@pytest.mark.slow
def test_truth_may_be_names(coast: gpd.GeoDataFrame, tmp_path: Path) -> None:
    coast["shore"] = [None if code is None else CATCOA[code].name.upper() for code in TRUTH]
    named, coded = (
        Page(write_report(coast, tmp_path / f"{field}.html", ReportOptions(field))).rows
        for field in ("shore", "CATCOA")
    )
    assert named == coded


def test_own_classes_keep_their_names_and_colours(coast: gpd.GeoDataFrame, tmp_path: Path, package: Package) -> None:
    own = user_scheme({3: "dune", 7: "sea <wall>"}, {3: "#ABCDEF"})
    model = replace(package, manifest=replace(package.manifest, categories=own.categories))
    page = Page(write_report(coast, tmp_path / "page.html", model=model))
    assert [row[0] for row in page.rows["shares"][1:3]] == ["dune", "sea <wall>"]
    assert "background:#ABCDEF" in page.source
    assert "<wall>" not in page.source


def test_names_of_the_table_are_text(coast: gpd.GeoDataFrame, tmp_path: Path) -> None:
    coast["kind"] = pd.Series(["<script>alert(1)</script>" if code == 3 else "b" for code in SAID])
    page = Page(
        write_report(coast, tmp_path / "page.html", ReportOptions(class_label_field="kind"), title="<b>Bay</b>")
    )
    assert "<script>alert" not in page.source
    assert page.live["text"][0][1] == "<script>alert(1)</script>, 90%"
    assert "innerHTML" not in page.scripts[1]
    assert page.rows["shares"][1][0] == "<script>alert(1)</script>"
    assert page.words().startswith("<b>Bay</b>")


def test_coast_across_the_antimeridian_is_one_small_map(coast: gpd.GeoDataFrame, tmp_path: Path) -> None:
    across = (
        coast.to_crs(UTM).translate(-LEFT, -2_849_500).set_crs("+proj=aeqd +lat_0=52 +lon_0=180", allow_override=True)
    )
    coast = coast.set_geometry(across.to_crs(4326))
    page = Page(write_report(coast, tmp_path / "page.html"))
    assert "1 km" in page.words("map")


@pytest.mark.slow
def test_all_unclassified(coast: gpd.GeoDataFrame, tmp_path: Path, package: Package, scene: Scene) -> None:
    coast["status"] = "nodata"
    for column in ("ClassValue", "ClassLabel", "Confidence", "P_3", "P_7"):
        coast[column] = pd.NA
    page = full(coast, tmp_path / "page.html", package, scene)
    assert "0 of 8 rectangles classified" in page.words()
    assert "– mean confidence" in page.words()
    assert "confusion matrix" in page.words("left-out")


# Errors


@pytest.mark.parametrize("column", ["status", "ClassValue", "Confidence"])
def test_table_must_be_classified(coast: gpd.GeoDataFrame, tmp_path: Path, column: str) -> None:
    with pytest.raises(InputError, match=rf"no field '{column}'.*littoral classify"):
        write_report(coast.drop(columns=column), tmp_path / "page.html")


def test_fields_must_be_there(coast: gpd.GeoDataFrame, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no field 'CATCOAST'.*CATCOA"):
        write_report(coast, tmp_path / "page.html", ReportOptions("CATCOAST"))
    with pytest.raises(InputError, match="no field 'Kind'"):
        write_report(coast, tmp_path / "page.html", ReportOptions(class_label_field="Kind"))


def test_scene_must_be_of_this_place(coast: gpd.GeoDataFrame, tmp_path: Path) -> None:
    elsewhere = write_scene(tmp_path / "far.tif", Affine(10, 0, LEFT, 0, -10, TOP + 90_000))
    with pytest.raises(InputError, match="far has none of the rectangles on it"):
        write_report(coast, tmp_path / "page.html", scene=elsewhere)


def test_model_must_be_the_one_that_classified(coast: gpd.GeoDataFrame, tmp_path: Path, package: Package) -> None:
    other = replace(package, manifest=replace(package.manifest, categories=(CATCOA[3], CATCOA[8])))
    with pytest.raises(InputError, match=r"class values \[7\] that are none of the model's classes"):
        write_report(coast, tmp_path / "page.html", model=other)


def test_damaged_package(coast: gpd.GeoDataFrame, tmp_path: Path, package: Package, scene: Scene) -> None:
    with pytest.raises(InputError, match="damaged scores"):
        write_report(coast, tmp_path / "page.html", model=replace(package, scores={"network": {}, "baselines": {}}))
    broken = replace(package, manifest=replace(package.manifest, baselines={"shares": [1.0]}))
    with pytest.raises(InputError, match="damaged baselines"):
        full(coast, tmp_path / "page.html", broken, scene)
    assert not (tmp_path / "page.html").exists()


def test_package_without_scores_or_baselines(
    coast: gpd.GeoDataFrame, tmp_path: Path, package: Package, scene: Scene
) -> None:
    empty = replace(package, scores={}, manifest=replace(package.manifest, baselines={}))
    words = full(coast, tmp_path / "page.html", empty, scene).words("left-out")
    assert "the package holds no scores" in words
    assert "the package holds no simple models" in words


def test_page_is_not_overwritten_unasked(coast: gpd.GeoDataFrame, tmp_path: Path) -> None:
    out = tmp_path / "page.html"
    out.write_text("mine")
    with pytest.raises(ExistsError):
        write_report(coast, out)
    assert out.read_text() == "mine"
    write_report(coast, out, overwrite=True)
    assert out.read_text().startswith("<!DOCTYPE html>")
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]


def test_a_picture_is_of_its_own_row(tmp_path: Path, write_scene: Callable[..., Path]) -> None:
    """Tiles come in the order of the scene's blocks, which is not that of the table."""
    values = np.repeat(np.arange(2000, dtype="uint16")[:, None], 300, axis=1)[None].repeat(3, axis=0)
    scene = open_scene(write_scene(tmp_path / "s.tif", values + 1))
    table = boxes([(150.0, float(row)) for row in (1800, 200, 1000)], [3, 3, 3])
    coast = SimpleNamespace(scene=scene, table=table, package=None)
    means, _ = cut_samples(coast, np.arange(3), [], silent)  # type: ignore[arg-type]
    assert {row: round(float(mean[0]), -2) for row, mean in means.items()} == {0: 1800, 1: 200, 2: 1000}


# The map that can be moved, and what to look at first


def test_the_live_map_knows_what_the_table_says(
    coast: gpd.GeoDataFrame, tmp_path: Path, package: Package, scene: Scene
) -> None:
    coast = coast.assign(
        PredictionSet="sandy shore; mangrove",
        Novelty=[0.2] * 7 + [None],
        ClassValueSmoothed=pd.array([3, 3, 3, 7, 3, 7, None, None], "Int64"),
        ConfidenceSmoothed=0.8,
    )
    live = full(coast, tmp_path / "page.html", package, scene).live
    assert [name for name, _ in live["views"]] == ["class", "class, smoothed along the coast", "true class (CATCOA)"]
    names = [name for name, _, _ in live["categories"]]
    # Where there is no class the status says why, and where there is no truth nothing does.
    for (_, found), codes, others in zip(
        live["views"], (SAID, coast["ClassValueSmoothed"], TRUTH), (STATUS, STATUS, ["not known"] * 8), strict=True
    ):
        wanted = [other if pd.isna(code) else CATCOA[code].name for code, other in zip(codes, others, strict=True)]
        assert [names[at] for at in found] == wanted
    assert {name: hatch for name, _, hatch in live["categories"] if hatch} == {"uncertain": 1, "unlike training": 2}
    assert live["chance"] == 0.5
    assert live["confidence"][:3] == [0.9, 0.8, 0.7]
    assert live["text"][2][1:4] == [
        "mangrove, 70%", "smoothed along the coast: sandy shore", "prediction set: sandy shore; mangrove"
    ]  # fmt: skip
    # Squares of 200 m in a row, 200 m from one to the next; y is down.
    outlines = np.array([np.reshape(outline, (4, 2)) for outline in live["outline"]], float)
    low, high = outlines.min(axis=1), outlines.max(axis=1)
    side = (high - low)[0]
    assert (high - low) == pytest.approx(np.tile(side, (8, 1)), abs=3)
    assert np.diff(low[:7, 0]) == pytest.approx(np.full(6, side[0]), abs=3)
    left, top, width, height = live["ground"]["place"]
    assert (left, top) == pytest.approx((0, 0), abs=1)
    assert width > 7 * side[0]
    assert height > side[1]
    assert live["ground"]["address"].startswith("data:image/jpeg;base64,")
    assert max(live["size"]) == 1_000_000
    # A step is so many metres, and the lattice leads from north to south and from west to east.
    across = coast.to_crs(UTM).total_bounds
    assert live["metres"] * (high.max(axis=0) - low.min(axis=0))[0] == pytest.approx(across[2] - across[0], rel=1e-3)
    lattice = np.reshape(live["lattice"], (17, 17, 2))
    assert lattice[:, :, 0].min() < coast.total_bounds[0] < coast.total_bounds[2] < lattice[:, :, 0].max()
    assert (np.diff(lattice[:, 0, 1]) < 0).all()
    assert (np.diff(lattice[0, :, 0]) > 0).all()


def test_of_very_many_rectangles_the_telling_ones_are_drawn(coast: gpd.GeoDataFrame, monkeypatch: Any) -> None:
    monkeypatch.setattr(map_data, "MOST", 3)
    live = map_data.map_data(read_coast(coast, None, None, None, "ClassLabel"), None, np.array([4]))
    assert live["row"] == [0, 3, 4, 6]
    assert live["of"] == 8


def test_first_are_the_doubtful_the_odd_and_those_at_odds(coast: gpd.GeoDataFrame, tmp_path: Path) -> None:
    table = coast.assign(
        ID=range(11, 19),
        Novelty=[0.2, 1.5, 0.1, 0.3, 3.0, 0.9, None, None],
        ClassValueSmoothed=pd.array([3, 3, 3, 7, 3, 7, None, None], "Int64"),
        ConfidenceSmoothed=[0.9, 0.9, 0.6, 0.9, 0.9, 0.9, None, None],
    )
    table.loc[4, ["status", "ClassLabel", "ClassValue"]] = ["unlike training", None, None]
    found = first_places(read_coast(table, None, "CATCOA", None, "ClassLabel"))
    assert [each.heading for each in found] == [
        "Least certain", "Unlike the training", "Unlike their neighbours", "Wrong, and most confident",
    ]  # fmt: skip
    assert [place.row for place in found[0].places] == [3, 4, 2, 1, 5, 0]
    assert [(place.name, place.why) for place in found[1].places] == [
        ("rectangle 15", "novelty 3.00"), ("rectangle 12", "novelty 1.50")
    ]  # fmt: skip
    assert [(place.row, place.description, place.why) for place in found[2].places] == [
        (2, "mangrove, 70%", "smoothed: sandy shore, 60%")
    ]
    assert [place.row for place in found[3].places] == [1, 5]
    page = Page(write_report(table, tmp_path / "page.html", ReportOptions("CATCOA")))
    assert page.tags["first"].count("button") == 11
    assert "rectangle 15" in page.words("first")
    # The numbers to paste are those of the outline.
    middle = coast.geometry.iloc[3].centroid
    longitude, latitude = map(float, found[0].places[0].pasted.split(", "))
    assert (longitude, latitude) == pytest.approx((middle.x, middle.y), abs=1e-5)
    assert found[0].places[0].pasted in page.words("first")


def test_without_smoothing_both_neighbours_speak(coast: gpd.GeoDataFrame) -> None:
    # Row by row: 3 3 7 7 3 7 and two without; made a chain of 3 7 3 | 3 7 (a break between them), then an end.
    table = coast.assign(
        GroupId=[1, 1, 1, 2, 2, 2, 3, 3],
        SeqId=[1, 2, 3, 1, 2, 3, 1, 2],
        Previous=pd.array([None, 1, 2, None, 1, 2, None, 1], "Int64"),
        Next=pd.array([2, 3, None, 2, 3, None, 2, None], "Int64"),
        ClassValue=pd.array([3, 7, 3, 7, 3, 7, None, None], "Int64"),
        P_3=[0.9, 0.2, 0.7, 0.4, 0.6, 0.2, None, None],
    )
    table["P_7"], table["ClassLabel"] = 1 - table["P_3"], table["ClassValue"].map({3: "sandy shore", 7: "mangrove"})
    (alone,) = [
        each
        for each in first_places(read_coast(table, None, None, None, "ClassLabel"))
        if each.heading == "Unlike their neighbours"
    ]
    # Of row 4 the neighbours are sure by 0.6 and 0.8, of row 1 by 0.9 and 0.7: the surer come first.
    assert [(place.row, place.why) for place in alone.places] == [
        (1, "on either side: sandy shore, 70%"),
        (4, "on either side: mangrove, 60%"),
    ]
    assert alone.explained == "2 rectangles between two of another class."


def test_places_to_look_at_have_pictures_with_their_outline(
    coast: gpd.GeoDataFrame, tmp_path: Path, scene: Scene
) -> None:
    page = Page(write_report(coast, tmp_path / "page.html", scene=scene))
    # The last rectangle lies beside the scene, and two have no confidence.
    assert page.tags["first"].count("image") == 6
    assert page.tags["first"].count("polygon") == 12
    assert page.source.count('aria-label="row 4 in the imagery"') == 1
    read = read_coast(coast, None, None, scene, "ClassLabel")
    picture, outline = cut_samples(read, None, [("", np.array([3]))], silent)[1][3]
    # A square of 20 pixels in the middle of its tile.
    assert np.ptp(outline, axis=0) == pytest.approx([20, 20], abs=0.1)
    assert outline.mean(axis=0) == pytest.approx(np.array(picture.shape[:2])[::-1] / 2, abs=1)


def test_the_uncertain_are_told_with_what_they_may_be(coast: gpd.GeoDataFrame) -> None:
    coast.loc[3, ["status", "ClassLabel", "ClassValue"]] = ["uncertain", None, None]
    coast.loc[4, ["status", "ClassLabel", "ClassValue"]] = ["unlike training", None, None]
    read = read_coast(coast, None, None, None, "ClassLabel")
    assert [read.description(row) for row in (2, 3, 4, 6)] == [
        "mangrove, 70%", "uncertain: mangrove, 60%", "unlike training", "nodata"
    ]  # fmt: skip


def test_a_table_of_no_place_is_refused(coast: gpd.GeoDataFrame, tmp_path: Path) -> None:
    nowhere = coast.set_geometry([shapely.Polygon()] * len(coast), crs=4326)
    with pytest.raises(InputError, match="has no rectangle with an outline"):
        write_report(nowhere, tmp_path / "page.html")
