"""What is drawn: pixels against a truth table, and the words and numbers that must stand in each figure."""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import warnings
from xml.etree import ElementTree

import geopandas as gpd
import numpy as np
import pytest
import shapely
from matplotlib.collections import PolyCollection
from matplotlib.colors import to_hex
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager, get_font
from pyproj import Geod

from littoral import figures
from littoral.categories import CATCOA
from littoral.errors import InputError, LittoralWarning
from littoral.evaluation import Bin

SVG = "{http://www.w3.org/2000/svg}"
LONG_NAMES = [category.name for category in CATCOA.values()] + ["a sea wall of large stones", "x", "y", "z"]


def words(figure: Figure) -> list[str]:
    root = ElementTree.fromstring(figures.svg(figure))
    return ["".join(element.itertext()) for element in root.iter(f"{SVG}text")]


def squares(crs: str | int, size: float = 1000, x: float = 500_000, y: float = 4_000_000) -> gpd.GeoDataFrame:
    return gpd.GeoDataFrame(
        geometry=[shapely.box(x + i * size, y, x + (i + 1) * size, y + size) for i in range(4)], crs=crs
    )


# Pixels


def test_stretch_is_common_to_the_bands_and_leaves_out_what_is_missing() -> None:
    values = np.zeros((4, 10, 10), np.uint16)
    values[0], values[1], values[2], values[3] = 1000, 2000, 3000, 9000
    valid = np.ones((10, 10), bool)
    valid[0] = False
    values[:, 0] = 65535
    picture = figures.stretch(values, valid, (2, 1, 0))
    assert picture.dtype == np.uint8
    assert picture.shape == (10, 10, 3)
    assert (picture[0] == figures.MISSING_GREY).all()
    # Band 3 is not shown and does not count: 1000 is black, 3000 white, 2000 in the middle.
    assert (picture[1:] == (255, 127, 0)).all()


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (np.full((1, 3, 3), 7, np.uint8), 127),
        (np.full((2, 3, 3), -5.0, np.float32), 127),
        (np.full((3, 3, 3), np.nan, np.float32), figures.MISSING_GREY),
        (np.zeros((1, 3, 3), bool), 127),
    ],
    ids=["constant", "two bands are shown grey", "valid but not finite", "boolean"],
)
def test_stretch_of_odd_tiles(values: np.ndarray, expected: int) -> None:
    assert (figures.stretch(values, np.ones((3, 3), bool)) == expected).all()


def test_stretch_cuts_two_percent_at_either_end() -> None:
    values = np.arange(101.0).reshape(1, 1, 101)
    grey = figures.stretch(values, np.ones((1, 101), bool))[0, :, 0]
    assert (grey[:3] == 0).all()
    assert (grey[98:] == 255).all()
    assert grey[3] > 0
    assert grey[97] < 255
    assert (np.diff(grey.astype(int)) >= 0).all()


def test_stretch_of_nothing_valid() -> None:
    assert (figures.stretch(np.ones((3, 2, 2)), np.zeros((2, 2), bool)) == figures.MISSING_GREY).all()


@pytest.mark.parametrize(
    ("names", "expected"),
    [
        (["B01", "B02", "B03", "B04"], (3, 2, 1)),
        (["b4", "B3", "b02"], (0, 1, 2)),
        (["B8A", "B08", "B04", "B03", "B02"], (2, 3, 4)),
        (["B04", "B03", "B08"], (0, 1, 2)),
        (["blue", "green", "red", "nir"], (2, 1, 0)),
        (["", "", "", ""], (0, 1, 2)),
        (["B04"], (0, 0, 0)),
    ],
)
def test_rgb_bands(names: list[str], expected: tuple[int, int, int]) -> None:
    assert figures.rgb_bands(names) == expected


# Figures


def test_tiles_stand_in_rows_with_title_and_frame() -> None:
    images = [np.full((8, 8, 3), i, np.uint8) for i in range(7)]
    colours = [CATCOA[3].colour, CATCOA[7].colour] * 3 + [CATCOA[9].colour]
    figure = figures.plot_tiles(images, [f"tile {i}" for i in range(7)], columns=3, colours=colours)
    assert len(figure.axes) == 7
    assert {axes.get_subplotspec().get_gridspec().get_geometry() for axes in figure.axes} == {(3, 3)}
    assert [axes.get_title(loc="left") for axes in figure.axes] == [f"tile {i}" for i in range(7)]
    framed = [to_hex(axes.spines["left"].get_edgecolor()).upper() for axes in figure.axes]
    assert framed == colours
    for axes, image in zip(figure.axes, images, strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), image)


def test_no_tiles_is_an_empty_figure() -> None:
    assert figures.plot_tiles([], []).axes == []


def test_losses_mark_the_lowest_validation() -> None:
    figure = figures.plot_losses([1.0, 0.5, 0.2], [1.1, 0.625, 0.7])
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("epoch", "loss")
    marker = axes.lines[-1]
    assert (marker.get_xdata(), marker.get_ydata()) == ([1], [0.625])
    assert {"training", "validation", "lowest: 0.625"} <= set(words(figure))


@pytest.mark.parametrize("validation", [[], [float("nan"), float("nan")]])
def test_losses_without_validation(validation: list[float]) -> None:
    assert len(figures.plot_losses([1.0, 0.5], validation).axes[0].lines) == 2


def test_learning_rates_mark_the_suggestion() -> None:
    rates = np.logspace(-6, 0, 61)
    figure = figures.plot_learning_rates(rates.tolist(), np.linspace(2, 1, 61).tolist(), 1e-3)
    (axes,) = figure.axes
    assert axes.get_xscale() == "log"
    assert axes.lines[-1].get_xdata()[0] == pytest.approx(1e-3)
    assert "suggested: 1.0e-03" in words(figure)


@pytest.mark.parametrize("size", [2, 15])
def test_confusion_matrix_says_counts_and_names(size: int) -> None:
    matrix = np.arange(size * size).reshape(size, size) * 7
    colours = [f"#{n:02X}8040" for n in range(size)]
    figure = figures.plot_confusion_matrix(matrix, LONG_NAMES[:size], colours)
    (axes,) = figure.axes
    shown = [text.get_text() for text in axes.texts]
    assert shown[: size**2] == [str(n) for n in matrix.ravel()]
    # Below each count but 0 its share of the row.
    shares = (matrix / matrix.sum(axis=1, keepdims=True)).ravel()[1:]
    assert shown[size**2 :] == [f"{share:.0%}" for share in shares]
    for labels in (axes.get_xticklabels(), axes.get_yticklabels()):
        assert [label.get_text().replace("\n", " ") for label in labels] == LONG_NAMES[:size]
    np.testing.assert_allclose(axes.images[0].get_array().sum(axis=1), 1)
    # A square of each class's colour beside its row and below its column.
    assert [[to_hex(c).upper() for c in squares.get_facecolor()] for squares in axes.collections] == [colours] * 2
    # All that is written lies within the figure.
    figure.draw_without_rendering()
    box = figure.get_tightbbox()
    assert box.x0 >= -0.01
    assert box.y0 >= -0.01
    assert box.x1 <= figure.get_figwidth() + 0.01
    assert box.y1 <= figure.get_figheight() + 0.01


def test_confusion_matrix_with_a_row_of_nothing() -> None:
    axes = figures.plot_confusion_matrix([[0, 0], [3, 1]], ["a", "b"]).axes[0]
    np.testing.assert_allclose(axes.images[0].get_array(), [[0, 0], [0.75, 0.25]])


def test_reliability_draws_accuracy_and_says_counts() -> None:
    bins = [Bin(0.5, 0.6, 4, 0.55, 0.25), Bin(0.9, 1.0, 12, 0.97, 1.0)]
    figure = figures.plot_reliability(bins)
    above, below = figure.axes
    assert [(bar.get_x(), bar.get_height()) for bar in above.patches] == [(0.5, 0.25), (0.9, 1.0)]
    assert [text.get_text() for text in below.texts] == ["4", "12"]
    assert len(figures.plot_reliability([]).axes) == 2
    (line,) = (
        line for line in figures.plot_reliability(bins, before=bins[:1]).axes[0].lines if line.get_label() == "before"
    )
    assert (line.get_xdata(), line.get_ydata()) == ([0.55], [0.25])


def test_class_shares_read_from_above() -> None:
    figure = figures.plot_class_shares(["mangrove", "sandy shore"], [12.34, 250.0], ["#052D30", "#F7F73C"])
    (axes,) = figure.axes
    assert [bar.get_width() for bar in axes.patches] == [12.34, 250.0]
    bottom, top = axes.get_ylim()
    assert bottom > top
    assert {"12.3 km", "250 km", "mangrove", "sandy shore"} <= set(words(figure))
    assert "0" in [text.strip() for text in words(figures.plot_class_shares(["a"], [0], ["#111111"], unit=""))]


# Maps


def test_map_draws_each_outline_in_its_colour_and_says_what_it_means() -> None:
    outlines = squares(32631)
    outlines.loc[2, "geometry"] = None
    legend = [("sandy shore", "#F7F73C"), ("not classified", "#B4B4B4")]
    figure = figures.plot_map(outlines, ["#F7F73C", "#B4B4B4", "#111111", "#F7F73C"], legend=legend)
    (axes,) = figure.axes
    collections = [c for c in axes.collections if isinstance(c, PolyCollection)]
    assert [to_hex(colour) for colour in collections[-1].get_edgecolor()] == ["#f7f73c", "#b4b4b4", "#f7f73c"]
    assert {"sandy shore", "not classified", "1 km", "N", "middle: 36.149° N, 3.022° E"} <= set(words(figure))


def test_map_of_parts_and_of_nothing() -> None:
    pair = shapely.MultiPolygon([shapely.box(0, 0, 1, 1), shapely.box(5, 5, 6, 6)])
    table = gpd.GeoDataFrame(geometry=[shapely.box(2, 2, 3, 3), pair], crs=4326)
    edges = figures.plot_map(table, ["#000000", "#ff0000"]).axes[0].collections[-1].get_edgecolor()
    assert [to_hex(colour) for colour in edges] == ["#000000", "#ff0000", "#ff0000"]
    nothing = gpd.GeoDataFrame(geometry=gpd.GeoSeries([None], crs=4326))
    assert "N" in words(figures.plot_map(nothing, ["#000000"]))


@pytest.mark.parametrize(
    ("outlines", "label"),
    [
        (squares(32631), "1 km"),
        (squares(32631, size=90), "50 m"),
        # At 60 degrees north Web Mercator shows everything twice as long as it is.
        (squares(3857, size=2000, y=8_399_737), "1 km"),
        (squares(4326, size=0.01, x=4, y=60), "500 m"),
    ],
    ids=["UTM", "small", "Web Mercator", "degrees"],
)
def test_scale_bar_is_true_on_the_ground(outlines: gpd.GeoDataFrame, label: str) -> None:
    figure = figures.plot_map(outlines, ["#000000"] * 4)
    (axes,) = figure.axes
    assert label in words(figure)
    bar = next(text for text in axes.texts if text.get_text() == "" and text.arrow_patch is not None)
    left, right = axes.get_xlim()
    bottom, top = axes.get_ylim()
    y = (bottom + top) / 2
    ends = gpd.GeoSeries.from_xy([left, left + (bar.xyann[0] - bar.xy[0]) * (right - left)], [y, y], crs=outlines.crs)
    lonlat = ends.to_crs(4326)
    length_m = Geod(ellps="WGS84").inv(*lonlat[0].coords[0], *lonlat[1].coords[0])[2]
    wanted_m = float(label.split()[0]) * (1000 if "km" in label else 1)
    assert length_m == pytest.approx(wanted_m, rel=0.01)


def test_north_is_where_it_is() -> None:
    """North of the pole's far side, a polar map has its south up."""
    table = gpd.GeoDataFrame(geometry=[shapely.box(-1e5, 1e6, 1e5, 1.1e6)], crs=3995)
    for outlines, up in ((squares(32631), 1), (table, -1)):
        arrow = next(t for t in figures.plot_map(outlines, ["#000000"] * 4).axes[0].texts if t.get_text() == "N")
        assert np.sign(arrow.xyann[1]) == up


def test_map_lies_on_its_background() -> None:
    picture = np.zeros((10, 20, 3), np.uint8)
    extent = (499_000.0, 505_000.0, 3_999_000.0, 4_002_000.0)
    axes = figures.plot_map(squares(32631), ["#000000"] * 4, background=(picture, extent)).axes[0]
    assert tuple(axes.images[0].get_extent()) == extent
    assert axes.get_aspect() == 1
    left, right = axes.get_xlim()
    assert left < 500_000 < 504_000 < right


def test_many_outlines_become_pixels() -> None:
    many = gpd.GeoDataFrame(geometry=shapely.box(np.arange(5001), 0, np.arange(5001) + 1, 1), crs=32631)
    text = figures.svg(figures.plot_map(many, ["#052D30"] * 5001))
    assert len(text) < 300_000
    assert "<image" in text


def test_map_needs_a_crs() -> None:
    with pytest.raises(InputError, match="coordinate reference system"):
        figures.plot_map(gpd.GeoDataFrame(geometry=[shapely.box(0, 0, 1, 1)]), ["#000000"])


# In a page


def test_svg_stands_in_a_page() -> None:
    text = figures.svg(figures.plot_losses([1, 2], [2, 1]), 'a "loss" & <more>')
    assert text.startswith("<svg")
    assert ElementTree.fromstring(text).get("aria-label") == 'a "loss" & <more>'
    assert text == figures.svg(figures.plot_losses([1, 2], [2, 1]), 'a "loss" & <more>')
    ids = set(re.findall(r' id="([^"]+)"', text))
    assert ids == set(re.findall(r'(?:href="|url\()#([^")]+)', text)), "only names that something refers to"
    assert not re.search(r'(?:src|href)="(?!#|data:)', text)


def test_any_name_can_be_drawn() -> None:
    names = ["$a", r"<script>\frac$", "海岸"]
    assert set(names) <= set(words(figures.plot_class_shares(names, [1, 2, 3], ["#111111"] * 3)))


def characters(font: str) -> set[int]:
    return set(get_font(fontManager.findfont(FontProperties(family=[font]))).get_charmap())


def test_pictures_show_names_in_scripts_that_the_first_font_lacks() -> None:
    """STIX comes with matplotlib and has characters that its first font lacks."""
    lacking = sorted(characters("STIXGeneral") - characters("DejaVu Sans"))
    names = [f"coast {chr(lacking[0])}", "plain"]
    figure = figures.plot_confusion_matrix([[1, 2], [3, 4]], names)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        figures.png_data_uri(figure)
    assert not caught
    (axes,) = figure.axes
    for label in (axes.get_xticklabels()[0], axes.get_yticklabels()[0]):
        drawn = set().union(*(characters(name) for name in label.get_fontfamily()))
        assert ord(chr(lacking[0])) in drawn
    with pytest.warns(LittoralWarning, match="no font on this system has the characters \U0010fffd, which"):
        figures.png_data_uri(figures.plot_confusion_matrix([[1]], ["\U0010fffd"]))


def test_frames_of_two_colours_are_explained() -> None:
    images = [np.zeros((8, 8, 3), np.uint8)] * 2
    told = "frame: true class left and above, predicted class right and below"
    assert told in words(figures.plot_tiles(images, ["a", "b"], colours=[("#111111", "#222222")] * 2))
    assert told not in words(figures.plot_tiles(images, ["a", "b"], colours=["#111111", "#222222"]))
    assert told not in words(figures.plot_tiles(images, ["a", "b"]))


def test_png_is_a_data_address() -> None:
    prefix, encoded = figures.png_data_uri(figures.plot_losses([1], [1])).split(",")
    assert prefix == "data:image/png;base64"
    assert base64.b64decode(encoded).startswith(b"\x89PNG")


def test_show_is_silent_without_a_notebook(capsys: pytest.CaptureFixture[str]) -> None:
    figures.show(figures.plot_losses([1], [1]))
    assert capsys.readouterr().out == ""


def test_page_and_figures_need_neither_pyplot_nor_torch() -> None:
    code = "import sys, littoral.report; print([m for m in ('matplotlib.pyplot', 'torch') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
