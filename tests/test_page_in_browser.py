"""The report's page in a real browser: what is drawn, what moves, what stays on paper, and that nothing is asked."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
import rasterio
import shapely
from affine import Affine

from littoral.categories import CATCOA
from littoral.evaluation import Baselines, score
from littoral.package import Manifest, Package, Preprocessing
from littoral.report import ReportOptions, write_report
from littoral.report.map_data import MOST
from littoral.tiles import TileSpec

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed (it is in the extra dev)")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(BROWSER is None, reason="no chromium, chromium-browser or google-chrome on PATH"),
]

UTM = "EPSG:32633"
LEFT, TOP = 500_000.0, 5_000_000.0
CODES = [3, 7, 1, 8, 10, 3, 7, None, None, None]
STATUS = ["classified"] * 7 + ["uncertain", "unlike training", "nodata"]
A4_PX = 182 * 96 / 25.4, 269 * 96 / 25.4
"""Of paper without its margins, as the page sets them; 96 pixels are an inch."""
BOUND_MB = 10
"""What write_report promises of a page without imagery."""


def coast() -> gpd.GeoDataFrame:
    """Ten squares of 300 m, 1 km apart in two rows."""
    corners = [(LEFT + 600 + 1000 * (i % 5), TOP - 900 - 1000 * (i // 5)) for i in range(len(CODES))]
    confidence = np.array([0.95, 0.9, 0.8, 0.7, 0.6, 0.5, 0.45, 0.3, 0.99, np.nan])
    codes = [1, 3, 7, 8, 10]
    table: dict[str, Any] = {
        "ID": range(1, 11),
        "kind": pd.Series([None if code is None else CATCOA[code].name for code in CODES], dtype="string"),
        "line_m": 1000.0,
        "ClassLabel": pd.Series([None if code is None else CATCOA[code].name for code in CODES], dtype="string"),
        "ClassValue": pd.Series(CODES, dtype="Int64"),
        "Confidence": confidence,
        "PredictionSet": ["sandy shore; mangrove"] * 9 + [None],
        "Novelty": [0.5] * 8 + [2.4, None],
        "SceneDate": "2024-06-01",
        "status": STATUS,
    }
    for place, code in enumerate(codes):
        meant = np.array([place == 0 if said is None else said == code for said in CODES])
        table[f"P_{code}"] = np.where(meant, confidence, (1 - confidence) / 4)
    return gpd.GeoDataFrame(table, geometry=[shapely.box(x, y - 300, x + 300, y) for x, y in corners], crs=UTM)


def package() -> Package:
    """A model with scores and simple models beside it, so that every part of the page is there."""
    classes = tuple(CATCOA[code] for code in (1, 3, 7, 8, 10))
    simple = Baselines((0.2,) * 5, (0.0,) * 3, (1.0,) * 3, ((0.0,) * 3,) * 5, (1.0, 0.0, 0.0, 0.0, 0.0))
    tile = Preprocessing(TileSpec(64, ("B02", "B03", "B04")), 64, (1.0,) * 3, (1.0,) * 3, "uint16", "as stored")
    manifest = Manifest("resnet18", tile, classes, (10.0, 10.0), 32633, "4 groups apart", (7,), "", simple.to_json(),
                        {"littoral": "0.1.0"})  # fmt: skip
    own = score(np.arange(5), np.full((5, 5), 0.05) + 0.75 * np.eye(5), classes).to_json()
    return Package("shore", manifest, b"weights", {"network": own, "baselines": {"majority": own}})


@pytest.fixture(scope="module")
def page_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    values = np.random.default_rng(0).integers(300, 3000, (3, 300, 600)).astype(np.uint16)
    profile = {"driver": "GTiff", "count": 3, "height": 300, "width": 600, "dtype": "uint16", "crs": UTM}
    with rasterio.open(folder / "bay.tif", "w", transform=Affine(10, 0, LEFT, 0, -10, TOP), **profile) as dataset:
        dataset.write(values)
        dataset.descriptions = ("B02", "B03", "B04")
    return write_report(
        coast(),
        folder / "page.html",
        model=package(),
        scene=folder / "bay.tif",
        options=ReportOptions("kind"),
        title="A <b>bay</b>",
    )


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with api.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        yield opened
        opened.close()


class Seen:
    """A page that is open, and all that it asked for or complained of."""

    def __init__(self, browser: Any, file: Path, width: int = 1280, height: int = 800, **how: Any) -> None:
        self.page = browser.new_page(viewport={"width": width, "height": height}, **how)
        self.asked: list[str] = []
        self.complaints: list[str] = []
        self.page.on("request", lambda request: self.asked.append(request.url))
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.set_default_timeout(15_000)
        self.page.goto(file.as_uri())
        if how.get("java_script_enabled", True):
            self.settle()

    def settle(self) -> None:
        self.page.evaluate("new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))")

    @property
    def data(self) -> dict[str, Any]:
        known: dict[str, Any] = json.loads(self.page.locator("#map-data").text_content())
        return known

    @property
    def tip(self) -> str | None:
        tip = self.page.locator("#live-map .tip")
        return tip.inner_text() if tip.is_visible() else None

    @property
    def box(self) -> dict[str, float]:
        found: dict[str, float] = self.page.locator("canvas").bounding_box()
        return found

    def show(self, number: int) -> None:
        self.page.get_by_role("button", name=f"show rectangle {number} on the map").first.click()
        self.settle()

    def point(self, right: float = 0, down: float = 0) -> None:
        """Put the pointer so many pixels from the middle of the map."""
        box = self.box
        self.page.mouse.move(box["x"] + box["width"] / 2 + right, box["y"] + box["height"] / 2 + down)
        self.settle()

    def degrees(self) -> tuple[float, float]:
        """Latitude and longitude that the map says of the pointer."""
        north, east = re.findall(r"[\d.]+", self.page.locator("canvas").get_attribute("data-at"))
        return float(north), float(east)

    def colour(self, right: float, down: float) -> list[int]:
        """Red, green, blue and opacity on the canvas, so many pixels from its middle."""
        found: list[int] = self.page.evaluate(
            "([right, down]) => { const c = document.querySelector('canvas'), pixel = new OffscreenCanvas(1, 1);"
            "const pen = pixel.getContext('2d'); pen.drawImage(c, -(c.width / 2 + right), -(c.height / 2 + down));"
            "return [...pen.getImageData(0, 0, 1, 1).data]; }",
            [right, down],
        )
        return found


@pytest.fixture
def seen(browser: Any, page_file: Path) -> Iterator[Seen]:
    found = Seen(browser, page_file)
    yield found
    assert found.complaints == []
    found.page.close()


def test_the_page_asks_nothing_of_anyone(seen: Seen) -> None:
    assert len([address for address in seen.asked if address.startswith("file:")]) == 1
    assert all(address.startswith(("file:", "data:", "blob:")) for address in seen.asked)
    assert seen.page.title() == "A <b>bay</b>"
    # Nor could it: what the page itself tries is refused.
    refused = "fetch('http://127.0.0.1:9/').then(() => 'answered', error => 'refused')"
    assert seen.page.evaluate(refused) == "refused"
    assert any("Content Security Policy" in text for text in seen.complaints)
    seen.complaints.clear()


def test_rectangles_have_the_colours_of_their_classes(seen: Seen) -> None:
    seen.page.get_by_role("checkbox", name="imagery").uncheck()
    # Those of the least confidence have a button.
    for number, code in enumerate(CODES[2:7], start=3):
        seen.show(number)
        assert seen.colour(9, 9)[:3] == pytest.approx(CATCOA[code].rgb, abs=4), number
        assert seen.colour(9, 9)[3] > 180
    assert seen.colour(94, 9)[3] == 0
    # A class that is ticked off is not drawn, and comes back when asked for.
    last = CATCOA[CODES[6] or 0].name
    seen.show(7)
    seen.page.get_by_role("checkbox", name=re.compile(last)).uncheck()
    seen.settle()
    assert seen.colour(9, 9)[3] == 0
    seen.show(7)
    assert seen.colour(9, 9)[3] > 180


def test_what_is_not_classified_says_why(seen: Seen) -> None:
    legend = seen.page.locator("#live-map .legend").inner_text()
    for told in ("sandy shore (2)", "uncertain (1)", "unlike training (1)", "nodata (1)"):
        assert told in legend
    # Stripes, of a dark and a light colour.
    seen.page.get_by_role("checkbox", name="imagery").uncheck()
    seen.show(8)
    assert len({tuple(seen.colour(away, 9)) for away in range(-12, 13)}) > 3


def test_pointing_at_a_rectangle_tells_of_it(seen: Seen) -> None:
    seen.show(3)
    said = seen.tip
    assert said is not None
    assert said.split("\n") == [
        "rectangle 3", "steep coast, 80%", "prediction set: sandy shore; mangrove", "true class: steep coast",
        "scene of 2024-06-01",
    ]  # fmt: skip
    seen.page.keyboard.press("Escape")
    assert seen.tip is None
    seen.point()
    assert "rectangle 3" in (seen.tip or "")
    seen.point(right=300, down=200)
    assert seen.tip is None
    seen.show(8)
    assert "uncertain: steep coast, 30%" in (seen.tip or "")
    seen.show(9)
    assert "unlike training" in (seen.tip or "")
    assert "novelty 2.4" in (seen.tip or "")


def test_pointer_wheel_buttons_and_keys_move_the_map(seen: Seen) -> None:
    whole = _degrees_across(seen, 0, 0)
    seen.show(6)
    seen.page.keyboard.press("Escape")
    middle = coast().to_crs(4326).geometry.iloc[5].centroid
    seen.point()
    assert seen.degrees() == pytest.approx((middle.y, middle.x), abs=2e-4)
    # Dragged, it follows the pointer, and the end of a drag chooses nothing.
    seen.page.mouse.down()
    seen.point(right=90, down=60)
    seen.page.mouse.up()
    assert seen.tip is None
    assert seen.degrees() == pytest.approx((middle.y, middle.x), abs=2e-4)
    seen.point(right=91, down=60)
    assert "rectangle 6" in (seen.tip or "")
    # The wheel brings nearer what is under the pointer.
    wide = _degrees_across(seen, 90, 60)
    seen.page.mouse.wheel(0, -400)
    seen.settle()
    assert _degrees_across(seen, 90, 60) == pytest.approx(wide / np.e, rel=0.05)
    seen.point(right=90, down=60)
    assert seen.degrees() == pytest.approx((middle.y, middle.x), abs=2e-4)
    for closer, farther in ((seen.page.get_by_label("closer").click, seen.page.get_by_label("farther").click),
                            (lambda: seen.page.locator("canvas").press("+"),
                             lambda: seen.page.locator("canvas").press("-"))):  # fmt: skip
        before = _degrees_across(seen, 0, 0)
        closer()
        seen.settle()
        assert _degrees_across(seen, 0, 0) == pytest.approx(before / 1.6, rel=0.05)
        farther()
        seen.settle()
        assert _degrees_across(seen, 0, 0) == pytest.approx(before, rel=0.05)
    seen.show(6)
    seen.page.keyboard.press("Escape")
    seen.point()
    north, east = seen.degrees()
    for key, sign in (("ArrowRight", (0, 1)), ("ArrowLeft", (0, 0)), ("ArrowUp", (1, 0)), ("ArrowDown", (0, 0))):
        seen.page.keyboard.press(key)
        seen.settle()
        now = seen.degrees()
        assert np.sign(np.round(np.subtract(now, (north, east)), 4)).tolist() == list(sign), key
    seen.page.keyboard.press("Enter")
    assert "rectangle 6" in (seen.tip or "")
    seen.page.get_by_role("button", name="whole coast").click()
    seen.settle()
    assert seen.tip is None
    assert _degrees_across(seen, 0, 0) == pytest.approx(whole, rel=0.02)


def _degrees_across(seen: Seen, right: float, down: float) -> float:
    """Of longitude, in 300 pixels; the pointer is left between them."""
    places = []
    for away in (150, -150, 0):
        seen.point(right + away, down)
        places.append(seen.degrees()[1])
    return places[0] - places[1]


def test_a_place_to_look_at_leads_to_the_map(seen: Seen) -> None:
    seen.page.get_by_role("button", name="show rectangle 7 on the map").first.scroll_into_view_if_needed()
    seen.page.evaluate("window.scrollTo(0, document.body.scrollHeight)")
    seen.show(7)
    box = seen.box
    assert box["y"] < 800
    assert box["y"] + box["height"] > 0
    assert "rectangle 7" in (seen.tip or "")
    assert seen.page.evaluate("document.activeElement.tagName") == "CANVAS"
    # One click selects the two numbers, as a GIS takes them.
    seen.page.locator("#first code").first.click()
    longitude, latitude = map(float, seen.page.evaluate("getSelection().toString()").split(","))
    row = seen.data["row"][0]
    bounds = coast().to_crs(4326).total_bounds
    assert bounds[0] < longitude < bounds[2], row
    assert bounds[1] < latitude < bounds[3]


def test_confidence_has_a_legend_of_its_own(seen: Seen) -> None:
    seen.page.get_by_role("checkbox", name="imagery").uncheck()
    seen.page.get_by_label("Colours of the map").select_option(label="confidence")
    legend = seen.page.locator("#live-map .legend")
    assert "100% confidence" in legend.inner_text()
    assert legend.locator(".swatch").count() == 0
    assert legend.locator(".ramp").count() == 1
    seen.show(3)
    sure = seen.colour(9, 9)[:3]
    seen.show(7)
    unsure = seen.colour(9, 9)[:3]
    assert sure[2] > sure[0]
    assert unsure[0] > unsure[2]


@pytest.mark.parametrize("dark", [False, True])
def test_a_narrow_window_shows_all_without_moving_sideways(browser: Any, page_file: Path, dark: bool) -> None:
    seen = Seen(browser, page_file, 390, 844, color_scheme="dark" if dark else "light")
    assert seen.page.evaluate("document.documentElement.scrollWidth") <= 390
    # Nothing is cut off inside either: no table has to be moved to be read.
    cut = seen.page.evaluate(
        "[...document.querySelectorAll('.wide')].filter(e => e.scrollWidth > e.clientWidth + 1).map(e => e.innerText)"
    )
    assert cut == []
    assert seen.box["height"] < 844 * 0.7
    assert seen.complaints == []
    assert _too_faint(seen) == []
    seen.page.close()


def _too_faint(seen: Seen) -> list[str]:
    """Texts of the page with less contrast than WCAG 2.1 asks for (1.4.3: 4.5 to 1), figures aside."""
    found: list[str] = seen.page.evaluate("""() => {
      const light = colour => {
        const parts = colour.match(/[\\d.]+/g).map(Number).slice(0, 3).map(c => c / 255);
        const [r, g, b] = parts.map(c => c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4);
        return .2126 * r + .7152 * g + .0722 * b;
      };
      const ground = e => {
        for (; e; e = e.parentElement) {
          const colour = getComputedStyle(e).backgroundColor;
          if (!/, 0\\)$/.test(colour)) return colour;
        }
        return 'rgb(255, 255, 255)';
      };
      const faint = new Set();
      for (const e of document.querySelectorAll('body *')) {
        const own = [...e.childNodes].some(n => n.nodeType === 3 && n.data.trim());
        if (!own || e.closest('svg, script, canvas, option')) continue;
        const [a, b] = [light(getComputedStyle(e).color), light(ground(e))].sort((x, y) => y - x);
        if ((a + .05) / (b + .05) < 4.5) faint.add(e.textContent.trim().slice(0, 40));
      }
      return [...faint];
    }""")
    return found


def test_everything_that_is_seen_has_words(seen: Seen) -> None:
    nameless = seen.page.evaluate("""() => [...document.querySelectorAll('svg, img, canvas, button, select, input')]
      .filter(e => !(e.getAttribute('aria-label') || e.getAttribute('alt') || e.innerText || e.closest('label')))
      .map(e => e.outerHTML.slice(0, 80))""")
    assert nameless == []
    assert seen.page.evaluate("document.documentElement.lang") == "en"
    levels = seen.page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map(e => +e.tagName[1])")
    assert levels[0] == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_paper_has_whole_figures_and_no_controls(browser: Any, page_file: Path) -> None:
    seen = Seen(browser, page_file, round(A4_PX[0]), 900, color_scheme="dark")
    seen.show(7)
    seen.page.emulate_media(media="print")
    assert not seen.page.locator("#live-map").is_visible()
    for control in seen.page.locator("button, select, input").all():
        assert not control.is_visible()
    drawn = [figure.bounding_box() for figure in seen.page.locator("figure svg").all()]
    assert len(drawn) >= 6
    assert "left-out" not in seen.page.locator("main").inner_html()
    for box in drawn:
        assert box is not None, "every figure is on paper"
        assert box["width"] <= A4_PX[0] + 1
        assert 50 < box["height"] <= A4_PX[1]
    tables = "[...document.querySelectorAll('table')].every(t => t.getBoundingClientRect().right <= innerWidth + 1)"
    assert seen.page.evaluate(tables)
    # Dark ink on white, also where the screen is dark.
    assert seen.page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert _too_faint(seen) == []
    paper = seen.page.pdf(format="A4")
    assert paper.startswith(b"%PDF")
    assert 2 <= len(re.findall(rb"/Type\s*/Page\b", paper)) <= 10
    seen.page.close()


def test_without_scripts_the_drawn_map_stands_there(browser: Any, page_file: Path) -> None:
    seen = Seen(browser, page_file, java_script_enabled=False)
    assert seen.page.locator(".still svg").first.is_visible()
    assert not seen.page.locator("canvas").is_visible()
    assert not seen.page.locator("button[data-row]").first.is_visible()
    seen.page.close()


def test_a_long_coast_opens_and_moves(browser: Any, tmp_path: Path) -> None:
    count = 50_000
    along = np.arange(count)
    x, y = LEFT + 400.0 * (along % 500), TOP + 400.0 * (along // 500)
    codes = np.array([3, 7])[along // 7 % 2]
    table = gpd.GeoDataFrame(
        {"ClassValue": codes, "ClassLabel": [CATCOA[code].name for code in codes.tolist()],
         "Confidence": np.where(along == 31_415, 0.2, 0.9), "status": "classified", "SceneDate": "2024-06-01"},
        geometry=shapely.box(x, y, x + 300, y + 300), crs=UTM,
    )  # fmt: skip
    file = write_report(table, tmp_path / "long.html")
    assert file.stat().st_size < BOUND_MB * 1e6
    seen = Seen(browser, file)
    drawn = len(seen.data["outline"])
    assert MOST * 0.5 < drawn <= MOST + 1
    assert f"{drawn} of {count} rectangles are drawn" in seen.page.locator("#map").inner_text()
    # The least certain of all is there, however few are drawn.
    seen.page.locator("button[data-row='31415']").click()
    seen.settle()
    assert "row 31416" in (seen.tip or "")
    assert seen.complaints == []
    seen.page.close()
