"""The coast is a sequence: order, transitions, and answers along it, held against plain enumeration."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.linalg import expm
from shapely import LineString

from classified_tables import THREE, sequence
from littoral import rectangles_along_lines
from littoral.errors import InputError, LittoralWarning
from littoral.predictions import (
    Predictions,
    RectangleChains,
    Transitions,
    estimate_transitions,
    marginals,
    read_chains,
    read_transitions,
    smooth,
)
from littoral.vectors import write_vector


def smoothed(table: gpd.GeoDataFrame, transitions: Transitions, **how: Any) -> gpd.GeoDataFrame:
    """The table with smoothed probabilities and classes."""
    return smooth(Predictions.from_table(table), transitions, **how).to_table(table)


def enumerated(weights: np.ndarray, steps: list[float], transitions: Transitions, closing: float | None) -> np.ndarray:
    """Posterior by adding up every way the coast could be."""
    count, classes = weights.shape
    share = transitions.share
    lift = [transitions.matrix(step) / share for step in steps]
    out = np.zeros_like(weights)
    for states in itertools.product(range(classes), repeat=count):
        chance = np.prod([weights[i, s] for i, s in enumerate(states)])
        chance *= np.prod([lift[i][states[i], states[i + 1]] for i in range(count - 1)])
        if closing is not None:
            chance *= (transitions.matrix(closing) / share)[states[-1], states[0]]
        for i, s in enumerate(states):
            out[i, s] += chance
    return out / out.sum(axis=1, keepdims=True)


@pytest.mark.slow
@given(st.integers(0, 10_000), st.integers(1, 6), st.booleans())
def test_posterior_equals_enumeration(seed: int, count: int, ring: bool) -> None:
    rng = np.random.default_rng(seed)
    weights = rng.dirichlet([0.3] * 3, count) + 1e-9
    steps = rng.uniform(1, 5000, count - 1).tolist()
    closing = float(rng.uniform(1, 5000)) if ring and count > 1 else None
    chains = RectangleChains(
        np.arange(count), np.zeros(count, int), np.array([np.inf, *steps]), np.array([closing or np.inf])
    )
    found = marginals(weights, chains, THREE)
    assert found == pytest.approx(enumerated(weights, steps, THREE, closing), abs=1e-10)


def test_chains_do_not_touch_each_other() -> None:
    rng = np.random.default_rng(1)
    sizes, closing = [4, 1, 5, 3, 4], [np.inf, np.inf, 700.0, np.inf, 1500.0]
    weights = rng.dirichlet([0.5] * 3, sum(sizes))
    step = rng.uniform(100, 3000, sum(sizes))
    first = np.cumsum([0, *sizes])
    step[first[:-1]] = np.inf
    chains = RectangleChains(np.arange(sum(sizes)), np.repeat(np.arange(5), sizes), step, np.array(closing))
    whole = marginals(weights, chains, THREE)
    for at, (begin, stop) in enumerate(itertools.pairwise(first)):
        end = None if np.isinf(closing[at]) else closing[at]
        alone = enumerated(weights[begin:stop], step[begin + 1 : stop].tolist(), THREE, end)
        assert whole[begin:stop] == pytest.approx(alone, abs=1e-10)


@pytest.mark.slow
@settings(max_examples=12)
@given(st.integers(0, 10_000), st.booleans())
def test_a_reversed_chain_mirrors_the_answers(seed: int, ring: bool) -> None:
    rng = np.random.default_rng(seed)
    one = sequence(rng.dirichlet([0.4] * 3, 7), ring=ring)
    one.loc[3, ["P_2", "P_3", "P_7"]] = np.nan
    one.loc[3, "status"] = "cloud"
    one["line_m"] = rng.uniform(10, 2000, 7)
    other = one.iloc[::-1].rename(columns={"Previous": "Next", "Next": "Previous"})
    columns = [f"PS_{code}" for code in THREE.codes]
    there, back = smoothed(one, THREE), smoothed(other, THREE)
    assert back.index.tolist() == list(range(7))[::-1]
    assert there[columns].to_numpy() == pytest.approx(back[columns].to_numpy()[::-1], abs=1e-12, nan_ok=True)
    assert there["ClassLabelSmoothed"].isna().tolist() == [False] * 3 + [True] + [False] * 3


def test_transitions_without_memory_change_nothing() -> None:
    rng = np.random.default_rng(2)
    table = sequence(rng.dirichlet([0.5] * 3, 30))
    restless = Transitions(
        THREE.codes, (1.0, 1.0, 1.0), tuple(tuple(1e3 * (i != j) for j in range(3)) for i in range(3))
    )
    out = smoothed(table, restless)
    for code in THREE.codes:
        assert out[f"PS_{code}"].to_numpy() == pytest.approx(table[f"P_{code}"].to_numpy(), abs=1e-12)
    assert (out["ClassValueSmoothed"] == table["ClassValue"]).all()


def test_one_odd_rectangle_is_outvoted_and_a_lone_one_is_not() -> None:
    sure, odd = [0.9, 0.05, 0.05], [0.42, 0.08, 0.5]
    lone = sequence(np.array([odd]), group=2)
    table = pd.concat([sequence(np.array([sure, sure, odd, sure, sure])), lone], ignore_index=True)
    out = smoothed(table, THREE)
    assert out["ClassValue"].tolist() == [2, 2, 7, 2, 2, 7]
    assert out["ClassValueSmoothed"].tolist() == [2, 2, 2, 2, 2, 7]
    assert out["ClassLabelSmoothed"].iloc[2] == "class 2"
    assert out["PS_7"].iloc[5] == pytest.approx(0.5)
    # The prior of a model trained on as many of each class gives way to the coast's.
    share = THREE.share
    shifted = smoothed(table, THREE, trust=1, coast_shares=True)
    by_hand = np.array(odd) * share / (np.array(odd) * share).sum()
    assert shifted[["PS_2", "PS_3", "PS_7"]].iloc[5].to_numpy(float) == pytest.approx(by_hand)


def test_a_short_stretch_is_not_wiped_out_by_discounting() -> None:
    """Two that say the same are a stretch, the less so the less neighbours count."""
    sure, other = [0.9, 0.05, 0.05], [0.2, 0.1, 0.7]
    table = sequence(np.array([sure] * 6 + [other] * 2 + [sure] * 6))
    few = Transitions((2, 3, 7), (20_000.0,) * 3, tuple(tuple(1.0 * (i != j) for j in range(3)) for i in range(3)))
    said = [smoothed(table, few, trust=trust)["PS_7"].iloc[6] for trust in (0.4, 0.2, 0.1)]
    assert said == sorted(said)
    assert said[1] > 0.5
    assert smoothed(table, few)["ClassValueSmoothed"].tolist() == [2] * 6 + [7] * 2 + [2] * 6


def test_trust_is_a_power_of_what_neighbours_show() -> None:
    rng = np.random.default_rng(8)
    chance = rng.dirichlet([0.5] * 3, 5)
    table = sequence(chance)
    learnt = dict(zip(THREE.codes, THREE.share, strict=True))
    found = smoothed(table, THREE, trust=0.3, prior=learnt)[["PS_2", "PS_3", "PS_7"]].to_numpy()
    assert found == pytest.approx(smoothed(table, THREE, trust=0.3, prior=learnt, coast_shares=True).filter(like="PS_"))
    for at in range(5):
        # What neighbours say of one that shows nothing; beyond the share, which is everybody's.
        blind = chance.copy()
        blind[at] = THREE.share
        said = enumerated(blind, [1000.0] * 4, THREE, None)[at] / THREE.share
        by_hand = chance[at] * said**0.3
        assert found[at] == pytest.approx(by_hand / by_hand.sum(), abs=1e-10)
    with pytest.raises(InputError, match="the trust 0 "):
        smoothed(table, THREE, trust=0)


def test_a_rare_class_is_not_found_everywhere() -> None:
    """A model that saw as many of each class and knows nothing: its neighbours know nothing either."""
    rare = Transitions((2, 3), (98_000.0, 2000.0), ((0.0, 2.0), (2.0, 0.0)))
    table = sequence(np.full((20, 2), 0.5), codes=rare.codes)
    assert smoothed(table, rare)["PS_3"].to_numpy() == pytest.approx(0.5)
    assert smoothed(table, rare, coast_shares=True)["PS_3"].max() < 0.05


def test_other_shares_leave_the_process_reversible() -> None:
    share = np.array([0.2, 0.3, 0.5])
    other = THREE.with_share(share)
    assert other.share == pytest.approx(share)
    assert share @ other.matrix(900.0) == pytest.approx(share)
    assert np.array(other.with_share(THREE.share).changes) == pytest.approx(np.array(THREE.changes))


def test_a_gap_passes_on_what_the_distance_leaves() -> None:
    sure, unsure, none = [0.98, 0.01, 0.01], [1 / 3] * 3, [np.nan] * 3
    near = smoothed(sequence(np.array([sure, unsure])), THREE)["PS_2"].iloc[1]
    across = smoothed(sequence(np.array([sure, none, unsure])), THREE)
    far = smoothed(sequence(np.array([sure, *[none] * 40, unsure])), THREE)["PS_2"].iloc[-1]
    alone = smoothed(sequence(np.array([unsure])), THREE)["PS_2"].iloc[0]
    assert near > across["PS_2"].iloc[2] > far > alone
    assert far == pytest.approx(alone, abs=0.02)
    assert across[["ClassValueSmoothed", "ConfidenceSmoothed"]].iloc[1].isna().all()
    # Two steps of 1 km with nothing known between them are one of 2 km.
    direct = sequence(np.array([sure, unsure])).assign(line_m=2000.0)
    assert across["PS_2"].iloc[2] == pytest.approx(smoothed(direct, THREE)["PS_2"].iloc[1], abs=1e-12)


def test_order_of_chains_rings_and_breaks() -> None:
    count = 9
    table = sequence(np.full((count, 3), 1 / 3))
    table.loc[3, "Next"] = None  # only one side says so: no link
    table.loc[6, "Next"] = 99  # leads nowhere
    chains = read_chains(table)
    assert np.split(chains.row, chains.first[1:-1])[0].tolist() == [0, 1, 2, 3]
    assert np.diff(chains.first).tolist() == [4, 3, 2]
    assert np.isinf(chains.step_m).tolist() == [True] + [False] * 3 + [True] + [False] * 2 + [True, False]
    assert chains.along_m.tolist() == [0, 1000, 2000, 3000, 0, 1000, 2000, 0, 1000]
    ring = read_chains(sequence(np.full((4, 3), 1 / 3), ring=True).iloc[[2, 3, 0, 1]])
    assert ring.row.tolist() == [0, 1, 2, 3]
    assert ring.closing_m.tolist() == [1000.0]
    itself = sequence(np.full((1, 3), 1 / 3))
    itself["Previous"], itself["Next"] = 1, 1
    assert np.isinf(read_chains(itself).closing_m).all()
    bare = read_chains(table.drop(columns="line_m"))
    assert bare.step_m[1] == pytest.approx(1000, rel=5e-3)


def test_duplicates_stand_alone_with_a_warning() -> None:
    table = sequence(np.tile([0.9, 0.05, 0.05], (4, 1)))
    doubled = pd.concat([table, table.iloc[[1, 2]]], ignore_index=True)
    with pytest.warns(LittoralWarning, match="2 rows with the GroupId and SeqId of an earlier one"):
        chains = read_chains(doubled)
    assert np.diff(chains.first).tolist() == [4, 1, 1]
    assert sorted(chains.row.tolist()) == list(range(6))


def test_chains_of_real_rectangles_are_theirs() -> None:
    angle = np.linspace(0, 2 * np.pi, 73)
    corners = np.column_stack([4e5 + 3000 * np.cos(angle), 3000 * np.sin(angle)])
    round_island = LineString([*corners[:-1], corners[0]])
    lines = gpd.GeoDataFrame(
        {"CATCOA": [3, 3, 7]},
        geometry=[round_island, LineString([(0, 0), (5000, 0)]), LineString([(5000, 0), (9500, 0)])],
        crs=32631,
    )
    boxes = rectangles_along_lines(lines)
    chains = read_chains(boxes)
    assert sorted(np.diff(chains.first).tolist()) == sorted(boxes.groupby("GroupId").size().tolist())
    assert np.isfinite(chains.closing_m).sum() == 1
    total = (
        np.where(np.isfinite(chains.step_m), chains.step_m, 0).sum() + chains.closing_m[np.isfinite(chains.closing_m)]
    )
    island = boxes.loc[boxes.groupby("GroupId")["Previous"].transform(lambda s: s.notna().all()), "line_m"]
    assert chains.closing_m[np.isfinite(chains.closing_m)][0] <= 1100
    assert total[0] > island.sum()


def test_transitions_are_counted_on_lines_and_on_rectangles_alike() -> None:
    x = np.cumsum([0, 3000, 2000, 4000, 1000, 5000])
    line = [LineString([(a, 0), (b, 0)]) for a, b in itertools.pairwise(x)]
    coast = gpd.GeoDataFrame({"CATCOA": pd.array([3, 7, 3, None, 7], dtype="Int64")}, geometry=line, crs=32631)
    counted = estimate_transitions(coast)
    assert counted.codes == (3, 7)
    scale = counted.metres[0] / (7000 + 14000 / 2)  # geodesic metres on a UTM plane
    assert counted.metres == pytest.approx(((7000 + 7000) * scale, (7000 + 7000) * scale), rel=1e-4)
    assert counted.changes == ((0.0, 2.0), (2.0, 0.0))
    boxed = estimate_transitions(rectangles_along_lines(coast))
    assert boxed.changes == counted.changes
    assert boxed.metres == pytest.approx(counted.metres, rel=5e-3)
    named = coast.assign(CATCOA=["sandy shore", "mangrove", "sandy shore", None, "mangrove"])
    assert estimate_transitions(named) == counted
    with_steep = estimate_transitions(coast, codes=(1, 3, 7))
    assert min(with_steep.metres) > 0
    assert with_steep.matrix(1000).sum(axis=1) == pytest.approx([1, 1, 1])
    assert (with_steep.matrix(1000) > 0).all()
    # Changes weigh less the more metres there were.
    more = estimate_transitions(coast, prior_stretches=50)
    assert abs(more.share - 0.5).max() <= abs(counted.share - 0.5).max() + 1e-12


def test_a_ring_changes_where_it_closes() -> None:
    upper = LineString([(0, 0), (0, 3000), (3000, 3000)])
    lower = LineString([(3000, 3000), (3000, 0), (0, 0)])
    coast = gpd.GeoDataFrame({"CATCOA": [3, 7]}, geometry=[upper, lower], crs=32631)
    assert estimate_transitions(coast, prior_stretches=1e-9).changes[0][1] == pytest.approx(1.0)
    assert estimate_transitions(rectangles_along_lines(coast), prior_stretches=1e-9).changes[0][1] == pytest.approx(1.0)


def test_matrices_are_those_of_the_generator() -> None:
    rate = np.array(THREE.changes) / np.array(THREE.metres)[:, None]
    rate -= np.diag(rate.sum(axis=1))
    for step in (0.0, 10.0, 1000.0, 1e6):
        assert THREE.matrix(step) == pytest.approx(expm(rate * step), abs=1e-12)
    assert THREE.share @ THREE.matrix(777.0) == pytest.approx(THREE.share)
    assert Transitions.from_json(json.loads(json.dumps(THREE.to_json()))) == THREE
    assert THREE.restricted((7, 2)).changes == ((0.0, 1.0), (1.0, 0.0))


def test_bad_input() -> None:
    table = sequence(np.full((3, 3), 1 / 3))
    with pytest.raises(InputError, match="has no field 'Next'"):
        read_chains(table.drop(columns="Next"))
    with pytest.raises(InputError, match="no coordinate reference system"):
        read_chains(table.set_crs(None, allow_override=True))
    with pytest.raises(InputError, match="lacks class 7"):
        smoothed(table, THREE.restricted((2, 3)))
    with pytest.raises(InputError, match="has no field P_<code>"):
        smoothed(table.drop(columns=["P_2", "P_3", "P_7"]), THREE)
    with pytest.raises(InputError, match="row 1 classified with no probability"):
        smoothed(table.assign(P_2=[0.3, np.nan, 0.3]), THREE)
    with pytest.raises(InputError, match="the prior"):
        smoothed(table, THREE, prior={2: 0.5, 3: 0.5})
    for wrong in ({}, {"codes": [1], "metres": [0.0], "changes": [[0.0]]}, {"codes": "a", "metres": [], "changes": []}):
        with pytest.raises(InputError, match="the table of transitions"):
            Transitions.from_json(wrong)
    coast = gpd.GeoDataFrame({"CATCOA": [3]}, geometry=[LineString([(0, 0), (1000, 0)])], crs=32631)
    with pytest.raises(InputError, match="has 1 classes"):
        estimate_transitions(coast)
    with pytest.raises(InputError, match="no shore with a class"):
        estimate_transitions(coast, codes=(1, 2))
    with pytest.raises(InputError, match="the prior 0"):
        estimate_transitions(coast, prior_stretches=0)
    empty = smoothed(table.iloc[:0], THREE)
    assert list(empty.columns)[-4:] == ["ConfidenceSmoothed", "PS_2", "PS_3", "PS_7"]


def test_transitions_come_from_json_or_a_coast(tmp_path: Path) -> None:
    path = tmp_path / "t.json"
    path.write_text(json.dumps(THREE.to_json()))
    assert read_transitions(path) == THREE
    assert read_transitions(path, (7, 3)) == THREE.restricted((7, 3))
    line = [LineString([(0, 0), (3000, 0)]), LineString([(3000, 0), (5000, 0)])]
    coast = gpd.GeoDataFrame({"CATCOA": [3, 7]}, geometry=line, crs=32631)
    assert read_transitions(write_vector(coast, tmp_path / "c.gpkg"), (3, 7)) == estimate_transitions(coast)
    for text in ("{", "[1]", "{}"):
        path.write_text(text)
        with pytest.raises(InputError):
            read_transitions(path)
