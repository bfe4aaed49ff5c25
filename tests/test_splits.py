"""Splits: no pixel on both sides, every class on both sides that can be, the same whatever the order of the tiles."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import product
from pathlib import Path
from typing import Literal

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from pyproj import CRS, Transformer
from scipy.sparse import csr_array

from littoral import CATCOA
from littoral.errors import InputError
from littoral.tiles import ground_pairs, split_tiles
from littoral.tiles.labeled import ImageFiles
from littoral.tiles.splits import Split, UnplacedWarning, split
from littoral.tiles.splits.block_choice import Ground, choose_blocks
from littoral.tiles.splits.shared_ground import common_ground, touching
from littoral.tiles.tileset import TileSet, ground_outlines

CODES = list(CATCOA)


def world(
    footprints: Sequence[shapely.Polygon | None], codes: Sequence[int], regions: Sequence[str] | None = None
) -> TileSet:
    """A set of tiles of which only places and classes are known."""
    present = sorted({CATCOA[code] for code in codes}, key=lambda category: category.name)
    outlines = np.empty(len(footprints), object)
    outlines[:] = footprints
    return TileSet(
        ImageFiles(tuple(Path(f"{number}.tif") for number in range(len(codes)))), np.array(codes), tuple(present),
        ("B02",), 256, "uint16", "as stored", None, outlines, (10.0, 10.0), 32617,
        regions=None if regions is None else np.array(regions, object),
    )  # fmt: skip


def square(lon: float, lat: float = 0.0, side: float = 0.025) -> shapely.Polygon:
    return shapely.box(lon, lat, lon + side, lat + side)


def on_grid(places: Sequence[tuple[int, int]], size: int, epsg: int = 32631) -> np.ndarray:
    """Footprints of tiles whose upper left pixel is at (column, row) of a 10 m grid."""
    x0, y0 = 480_000.0, 5_600_000.0
    corners = [
        [(x0 + 10 * (column + c), y0 - 10 * (row + r)) for c, r in ((0, 0), (size, 0), (size, size), (0, size))]
        for column, row in places
    ]
    return ground_outlines(np.array(corners), CRS.from_epsg(epsg))


# No ground on both sides


@pytest.mark.slow
@given(
    st.lists(st.tuples(st.integers(0, 90), st.integers(0, 90)), min_size=4, max_size=40),
    st.integers(4, 24),
    st.integers(0, 99),
    st.floats(0.05, 2.0),
)
def test_no_pixel_is_on_both_sides(places: list[tuple[int, int]], size: int, seed: int, block_km: float) -> None:
    tiles = world(on_grid(places, size), [CODES[column % 3] for column, _ in places])
    try:
        split = split_tiles(tiles, 0.3, seed=seed, block_km=block_km)
    except InputError as error:
        assert "cannot be split" in str(error) or "all lie in one place" in str(error)  # noqa: PT017
        return
    pixels = [{(column + c, row + r) for c in range(size) for r in range(size)} for column, row in places]
    training = set().union(*(pixels[position] for position in split.training))
    validation = set().union(*(pixels[position] for position in split.validation))
    assert validation
    assert not training & validation
    parts = np.concatenate([split.training, split.validation, split.set_aside])
    assert sorted(parts) == list(range(len(places)))
    # A class that validates can be learnt.
    assert set(tiles.codes[split.validation]) <= set(tiles.codes[split.training])


@pytest.mark.slow
@given(st.integers(0, 30), st.floats(-0.02, 0.02))
def test_tiles_of_two_zones_are_compared(seed: int, shift: float) -> None:
    rng = np.random.default_rng(seed)
    lon, lat = 6 + shift + rng.uniform(-0.1, 0.1, 30), 50 + rng.uniform(0, 0.05, 30)
    outlines = np.empty(30, object)
    for position in range(30):
        epsg = 32631 + position % 2
        x, y = Transformer.from_crs(4326, epsg, always_xy=True).transform(lon[position], lat[position])
        corners = np.array([[(x, y), (x + 640, y), (x + 640, y - 640), (x, y - 640)]])
        outlines[position] = ground_outlines(corners, CRS.from_epsg(epsg))[0]
    split = split_tiles(world(outlines, [3, 7] * 15), 0.3, seed=seed, block_km=1)
    there = Transformer.from_crs(4326, 32631, always_xy=True)
    # By areas in one zone's metres: a sliver of less than a pixel is none.
    plane = shapely.transform(outlines, lambda xy: np.column_stack(there.transform(*xy.T)))
    common = shapely.area(shapely.intersection(plane[split.training][:, None], plane[split.validation]))
    assert common.max() < 100


def test_a_split_that_leaks_is_our_mistake(monkeypatch: pytest.MonkeyPatch) -> None:
    tiles = world([square(number * 0.02) for number in range(40)], [3, 7] * 20)
    split_tiles(tiles, 0.2)
    monkeypatch.setattr(split, "touching", lambda outlines: touching(outlines).multiply(np.eye(40)).tocsr())
    with pytest.raises(RuntimeError, match=r"leaks, please report it: \d+\.tif and \d+\.tif share ground"):
        split_tiles(tiles, 0.2)


@given(
    st.lists(st.tuples(st.floats(-0.2, 0.2), st.floats(-0.2, 0.2), st.booleans()), min_size=2, max_size=12),
    st.sampled_from([0.0, 180.0, -180.0, 90.0]),
)
def test_the_proof_and_the_split_agree(places: list[tuple[float, float, bool]], middle: float) -> None:
    """Two ways to compare outlines, at the antimeridian too, where a place has two longitudes."""
    lon = np.array([middle + x + (360 * np.sign(-middle) if other else 0) for x, _, other in places])
    outlines = np.array([shapely.box(x, y, x + 0.05, y + 0.05) for x, (_, y, _) in zip(lon, places, strict=True)])
    half = len(outlines) // 2
    pairs = ground_pairs(outlines[:half], outlines[half:])
    plain = {
        (a, b)
        for a, b in product(range(half), range(len(outlines) - half))
        if abs(places[a][0] - places[half + b][0]) < 0.05 - 1e-9
        and abs(places[a][1] - places[half + b][1]) < 0.05 - 1e-9
    }
    assert plain <= set(map(tuple, pairs.T.tolist()))
    found = common_ground(outlines[:half], outlines[half:])
    assert (found is not None) >= bool(plain)
    if found is not None:
        assert found in set(map(tuple, pairs.T.tolist()))


def test_across_the_antimeridian() -> None:
    here = np.array([shapely.box(179.99, 0, 180.02, 0.03)])
    there = np.array([shapely.box(-179.99, 0, -179.96, 0.03), shapely.box(-179.97, 0, -179.9, 0.03)])
    assert ground_pairs(here, there).tolist() == ground_pairs(there, here).tolist() == [[0], [0]]


# Classes on both sides


def best_possible(block: np.ndarray, targets: np.ndarray, near: np.ndarray) -> int:
    """Most classes that any choice of blocks has on both sides without losing one from training, by trying them all."""
    most = 0
    classes = set(targets.tolist())
    for bits in range(1, 2 ** (int(block.max()) + 1)):
        validate = (bits >> np.arange(int(block.max()) + 1) & 1).astype(bool)
        trained = set(targets[~(near & validate).any(axis=1)].tolist())
        if trained == classes:
            most = max(most, len(set(targets[validate[block]].tolist())))
    return most


@given(st.data())
def test_as_many_classes_are_on_both_sides_as_can_be(data: st.DataObject) -> None:
    count = data.draw(st.integers(2, 14))
    blocks = data.draw(st.integers(1, 6))
    block = np.array([data.draw(st.integers(0, blocks - 1)) for _ in range(count)])
    block = np.unique(block, return_inverse=True)[1]
    targets = np.array([data.draw(st.integers(0, 4)) for _ in range(count)])
    pairs = data.draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=count))
    touch = np.eye(count, dtype=np.int32)
    for a, b in pairs:
        touch[a, b] = touch[b, a] = 1
    ground = Ground(block, csr_array(touch))
    near = ground.near.toarray() > 0
    possible = best_possible(block, targets, near)
    rng = np.random.default_rng(data.draw(st.integers(0, 5)))
    choice = choose_blocks(ground, targets, 0.2, rng, np.ones(int(block.max()) + 1, bool))
    if not possible:
        assert choice is None
        return
    assert choice is not None
    assert set(targets[choice.training].tolist()) == set(targets.tolist())
    assert len(set(targets[choice.validation].tolist())) == possible


@pytest.mark.parametrize("seed", range(20))
def test_rare_classes_are_on_both_sides_whatever_the_seed(seed: int) -> None:
    """Ten classes in two far places each, among 400 tiles of an eleventh: luck would have to hit ten times at once."""
    rng = np.random.default_rng(seed)
    lons = rng.permutation(np.arange(420)) * 0.3 - 60
    codes = [CODES[11]] * 400 + [code for code in CODES[:10] for _ in range(2)]
    split = split_tiles(world([square(lon) for lon in lons], codes), 0.1, seed=seed)
    assert split.only_training == ()
    assert len(split.training) + len(split.validation) == 420
    tiles = np.array(codes)
    assert set(tiles[split.training]) == set(tiles[split.validation]) == set(codes)


def test_three_classes_in_two_places_each_cannot_all_be_parted() -> None:
    """Places A, B, C with classes at A and B, B and C, C and A: of two places on one side, a class has both."""
    places = [0.0, 1.0, 1.0, 2.0, 2.0, 0.0]
    split = split_tiles(world([square(lon) for lon in places], [1, 1, 3, 3, 7, 7]), 0.3)
    assert len(split.only_training) == 1


def test_a_class_in_one_place_is_named_and_kept() -> None:
    places = [square(number) for number in range(12)]
    tiles = world([*places, square(40), square(40.01)], [3, 7] * 6 + [8, 8])
    split = split_tiles(tiles, 0.3)
    assert split.only_training == (8,)
    assert set(tiles.codes[split.validation]) == {3, 7}
    assert (tiles.codes[split.training] == 8).sum() == 2


def test_shares_are_near_in_every_class() -> None:
    rng = np.random.default_rng(3)
    lons = rng.uniform(-20, 20, 3000)
    codes = np.where(np.sin(lons * 7) > 0.9, 7, np.where(np.sin(lons * 3) > 0, 3, 4))
    tiles = world([square(lon, 10 * np.sin(lon)) for lon in lons], codes.tolist())
    split = split_tiles(tiles, 0.2)
    for code in (3, 4, 7):
        used = (tiles.codes[split.training] == code).sum() + (tiles.codes[split.validation] == code).sum()
        assert 0.12 < (tiles.codes[split.validation] == code).sum() / used < 0.3


# Blocks


def test_blocks_have_the_stated_length() -> None:
    """Isolated tiles, 1.1 km apart: with blocks of 20 km, neighbours stay together."""
    lons = np.arange(400) * 0.01
    tiles = world([square(lon, side=0.003) for lon in lons], [3, 7] * 200)
    split = split_tiles(tiles, 0.3, block_km=20)
    assert split.block_km == 20
    assert "blocks of 20.0 km (squares" in split.describe()
    side = np.isin(np.arange(400), split.validation)
    runs = np.diff(np.flatnonzero(np.diff(side, prepend=~side[0])))
    assert runs[1:-1].min() >= 17
    assert split_tiles(tiles, 0.3).block_km == pytest.approx(4 * 0.003 * 111.2, rel=1e-3)
    assert len(split.set_aside) == 0


@given(st.permutations(range(30)), st.integers(0, 3), st.sampled_from(["spatial", "region"]))
def test_the_order_of_the_tiles_does_not_matter(
    order: list[int], seed: int, kind: Literal["spatial", "region"]
) -> None:
    rng = np.random.default_rng(0)
    outlines = [square(lon) for lon in rng.uniform(178, 182, 30)]
    codes, regions = rng.permutation([3, 7, 8] * 10).tolist(), [f"bay {number // 6}" for number in range(30)]
    one, other = (
        split_tiles(world([outlines[i] for i in rows], [codes[i] for i in rows], [regions[i] for i in rows]), 0.3,
                    kind=kind, seed=seed)
        for rows in (list(range(30)), order)
    )  # fmt: skip
    assert sorted(np.array(order)[other.validation]) == one.validation.tolist()
    assert sorted(np.array(order)[other.training]) == one.training.tolist()


def test_one_place_cannot_be_split() -> None:
    with pytest.raises(InputError, match="all lie in one place"):
        split_tiles(world([square(number * 0.001) for number in range(6)], [3, 7] * 3), 0.2)
    # Across the edge of two squares, too.
    with pytest.raises(InputError, match="all lie in one place"):
        split_tiles(world([square(number * 0.001 - 0.015) for number in range(6)], [3, 7] * 3), 0.2)
    with pytest.raises(InputError, match="each place holds a class that is found nowhere else"):
        split_tiles(world([square(0), square(0), square(5), square(5)], [3, 3, 7, 7]), 0.2)


# Regions


def test_regions_are_held_out_as_a_whole() -> None:
    lons = np.arange(60) * 0.01
    names = ["fjord"] * 20 + ["bay"] * 20 + ["delta"] * 20
    tiles = world([square(lon) for lon in lons], [3, 7] * 30, names)
    split = split_tiles(tiles, 0.2, kind="region", val_regions=["bay"])
    assert split.regions == ("bay",)
    assert set(tiles.regions[split.validation]) == {"bay"}
    assert len(split.validation) == 20
    assert 0 < len(split.set_aside) < 8
    assert "held out as a whole: bay" in split.describe()
    drawn = [split_tiles(tiles, 0.2, kind="region", seed=seed) for seed in range(8)]
    assert {len(one.regions) for one in drawn} == {1}
    assert len({one.regions for one in drawn}) > 1
    for one in drawn:
        assert not set(tiles.regions[one.training]) & set(one.regions)


def test_tiles_without_a_region_only_train() -> None:
    tiles = world([square(lon) for lon in range(30)], [3, 7] * 15, ["a"] * 10 + [""] * 10 + ["b"] * 10)
    for seed in range(6):
        split = split_tiles(tiles, 0.5, kind="region", seed=seed)
        assert set(range(10, 20)) <= set(split.training.tolist())


def test_a_class_that_is_never_learnt_is_named() -> None:
    tiles = world([square(lon) for lon in range(6)], [3, 7, 3, 7, 8, 8], ["a", "a", "b", "b", "c", "c"])
    split = split_tiles(tiles, 0.2, kind="region", val_regions=["c", "a"])
    assert (split.only_training, split.only_validation) == ((), (8,))


# Without georeference, and wrong input


def test_tiles_without_georeference_count_as_places() -> None:
    with pytest.warns(UnplacedWarning, match="20 of 20 tiles have no georeference"):
        split = split_tiles(world([None] * 20, [3, 7] * 10), 0.2)
    assert (len(split.validation), len(split.set_aside), split.unplaced) == (4, 0, 20)
    assert "20 tiles have no georeference, so NOTHING PROVES" in split.describe()
    with pytest.warns(UnplacedWarning, match="5 of 25"):
        split = split_tiles(world([square(lon) for lon in range(20)] + [None] * 5, [3, 7] * 12 + [3]), 0.2)
    assert split.unplaced == 5


def test_a_random_split_leaks_and_says_so() -> None:
    tiles = world([square(number * 0.01) for number in range(100)], [3, 7] * 50)
    split = split_tiles(tiles, 0.2, kind="random")
    assert common_ground(tiles.footprints[split.training], tiles.footprints[split.validation]) is not None
    assert "LEAK" in split.describe()


@pytest.mark.parametrize(
    ("given_wrong", "complaint"),
    [
        ({"val_share": 0.0}, "validation share 0.0"),
        ({"block_km": -1.0}, "block length -1.0"),
        ({"block_km": float("nan")}, "block length nan"),
        ({"kind": "hash"}, "split 'hash' is not known"),
        ({"kind": "region"}, "have no region"),
        ({"kind": "random", "block_km": 3.0}, "block_km 3.0 is of no use to a random split"),
        ({"val_regions": ["a"]}, "of no use to a spatial split"),
    ],
)
def test_wrong_input(given_wrong: dict[str, object], complaint: str) -> None:
    tiles = world([square(lon) for lon in range(10)], [3, 7] * 5)
    with pytest.raises(InputError, match=complaint):
        split_tiles(tiles, **{"val_share": 0.2, **given_wrong})  # type: ignore[arg-type]


def test_wrong_regions() -> None:
    tiles = world([square(lon) for lon in range(4)], [3, 7] * 2, ["a", "a", "b", "b"])
    with pytest.raises(InputError, match="region 'c' is the region of no tile: choose among a, b"):
        split_tiles(tiles, 0.2, kind="region", val_regions=["c"])
    with pytest.raises(InputError, match="is empty"):
        split_tiles(tiles, 0.2, kind="region", val_regions=[])
    with pytest.raises(InputError, match="are all of one region"):
        split_tiles(replace(tiles, regions=np.array(["a"] * 4, object)), 0.2, kind="region")
    with pytest.raises(InputError, match="each holds a class that is found nowhere else"):
        split_tiles(replace(tiles, codes=np.array([3, 3, 7, 7])), 0.2, kind="region")


def test_description_of_a_split() -> None:
    empty = np.empty(0, np.int64)
    assert Split("spatial", empty, empty, empty, (), 0.0).describe() == (
        "0 tiles to train, 0 to validate, 0 set aside because they share ground with validation tiles"
    )
