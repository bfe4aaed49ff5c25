from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from skimage.color import deltaE_ciede2000, rgb2lab

from littoral.categories import CATCOA, read_categories, user_scheme
from littoral.errors import InputError

# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB.
VISION = {
    "normal": np.eye(3),
    "protanopia": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "deuteranopia": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]],
    "tritanopia": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.303900]],
}


@pytest.mark.parametrize("vision", VISION)
def test_colours_can_be_told_apart(vision: str) -> None:
    rgb = np.array([category.rgb for category in CATCOA.values()]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4) @ np.array(VISION[vision]).T
    linear = linear.clip(0, 1)
    seen = np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)
    lab = rgb2lab(seen[None])[0]
    smallest = min(float(deltaE_ciede2000(lab[i], lab[j])) for i, j in combinations(range(len(lab)), 2))
    assert smallest > 15.5


def test_table_is_that_of_s57() -> None:
    assert list(CATCOA) == [*range(1, 12), 100]
    assert CATCOA.code_of("categoryOfCoastline=7") == 7
    assert CATCOA.code_of("ShorelineConstruction") == 100
    # GDAL's own table of expected values, which stops before Edition 3.1's value 11.
    assert [CATCOA[code].name for code in (1, 3, 7, 10)] == ["steep coast", "sandy shore", "mangrove", "ice coast"]
    moved = {code for code, category in CATCOA.items() if category.s101.startswith("natureOfSurface")}
    assert moved == {3, 4, 5, 9, 11}


def test_user_table(tmp_path: Path) -> None:
    path = tmp_path / "shores.csv"
    for text in (
        "code,name,colour\n20,sea wall,#112233\n10,dune,\n",
        "Code; Name;colour\n20;sea wall;#112233\n\n10; dune\n",
    ):
        path.write_text(text, encoding="utf-8")
        scheme = read_categories(path)
        assert (scheme[20].colour, scheme[10].name) == ("#112233", "dune")
    assert scheme.code_of("Sea Wall") == 20
    with pytest.raises(InputError, match="'rocks' is neither a whole number nor a name"):
        scheme.code_of("rocks")


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("code,name\n", "has no categories"),
        ("code,name\n1.5,x\n", "code '1.5'"),
        ("code,name\n1,x\n1,y\n", "line 3"),
        ("code,name,colour\n1,x,red\n", "colour 'red'"),
        ("code,name\n,x\n", "code ''"),
        ("kode,nom\n1,x\n", "has no column code and no column name: begin it with the line code,name,colour"),
        ("", "has no column code"),
    ],
)
def test_bad_user_table(tmp_path: Path, text: str, complaint: str) -> None:
    path = tmp_path / "shores.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=complaint):
        read_categories(path)


def test_unknown_codes_are_kept_and_named() -> None:
    assert CATCOA.category(703).name == "category 703"
    assert len({category.colour for category in user_scheme({1: "a", 2: "b", 3: "c"}).values()}) == 3
