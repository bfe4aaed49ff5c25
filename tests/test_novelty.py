"""What is unlike the training stands out, what is like it does not, and the record is small."""

from __future__ import annotations

import json

import numpy as np
import pytest

from littoral.errors import InputError
from littoral.predictions import fit_novelty, novelty_of, novelty_places, novelty_threshold


def features(seed: int, count: int, size: int, *, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Three classes in a few directions of many, and a little noise in all."""
    rng = np.random.default_rng(99)
    basis, centres = rng.normal(size=(6, size)), rng.normal(size=(3, 6)) * 4
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, 3, count)
    inner = centres[kind] + rng.normal(size=(count, 6))
    return inner @ basis + rng.normal(scale=0.2, size=(count, size)) + shift, kind


def test_thresholds_let_pass_what_they_say() -> None:
    seen, kind = features(0, 400, 64)
    record = json.loads(json.dumps(fit_novelty(seen, kind)))
    alike = novelty_of(record, features(1, 2000, 64)[0])
    for level in (95, 99):
        assert (alike <= novelty_threshold(record, level)).mean() == pytest.approx(level / 100, abs=0.02)
    # A direction in which the training never varied, and a place between the classes.
    assert (novelty_of(record, features(2, 200, 64, shift=1.0)[0]) > novelty_threshold(record, 99)).mean() > 0.95
    between = np.tile(seen.mean(axis=0), (5, 1))
    by_class, pooled = novelty_of(record, between), novelty_of(fit_novelty(seen), between)
    assert (by_class > novelty_threshold(record, 99)).all()
    assert (pooled < 1).all()


def test_distance_is_mahalanobis() -> None:
    rng = np.random.default_rng(3)
    seen = rng.normal(size=(5000, 4)) * [1.0, 2.0, 3.0, 4.0]
    record = fit_novelty(seen)
    places = rng.normal(size=(50, 4)) * 5
    by_hand = np.einsum("ni,ij,nj->n", places - seen.mean(0), np.linalg.inv(np.cov(seen.T)), places - seen.mean(0))
    found = novelty_of(record, places)
    assert found / np.median(found / by_hand) == pytest.approx(by_hand, rel=0.1)
    # The median of chi-squared with four degrees of freedom is usual.
    assert np.median(found / by_hand) == pytest.approx(1 / 3.357, rel=0.1)


@pytest.mark.parametrize(("count", "size"), [(20, 2048), (60, 1280), (300, 512), (100, 8)])
def test_record_is_small_and_the_same_each_time(count: int, size: int) -> None:
    seen, kind = features(4, count, size)
    record = fit_novelty(seen, kind, groups=np.arange(count) // 10)
    assert len(json.dumps(record)) < 200_000
    assert record == fit_novelty(seen, kind, groups=np.arange(count) // 10)
    if count >= 60:
        far = novelty_of(record, features(5, 50, size, shift=3.0)[0])
        assert (far > novelty_threshold(record, 99)).all()


def test_whole_places_left_out_raise_the_threshold() -> None:
    rng = np.random.default_rng(6)
    place = np.repeat(np.arange(10), 20)
    seen = rng.normal(size=(10, 16))[place] * 3 + rng.normal(size=(200, 16)) * 0.3
    assert novelty_threshold(fit_novelty(seen, groups=place)) > 1.3 * novelty_threshold(fit_novelty(seen))


def test_the_record_says_how_many_places_it_is_of() -> None:
    seen, kind = features(7, 60, 16)
    assert novelty_places(fit_novelty(seen, kind, groups=np.arange(60) // 10)) == 6
    for none in (fit_novelty(seen, kind), fit_novelty(seen, kind, groups=np.zeros(60)), {}, {"places": "many"}):
        assert novelty_places(none) == 0


def test_a_new_place_is_beyond_all_others_no_more_often_than_one_of_them() -> None:
    """However many tiles a place has: what a note of classifying says."""
    rng = np.random.default_rng(8)
    beyond = []
    for _ in range(120):
        place = np.repeat(np.arange(8), 12)
        tiles = rng.normal(size=(8, 12))[place] * 3 + rng.normal(size=(96, 12)) * 0.2
        known = place < 7
        record = fit_novelty(tiles[known], groups=place[known])
        beyond.append((novelty_of(record, tiles[~known]) > novelty_threshold(record)).any())
    # Often less: places are left out in five folds, so that thresholds are of what knows fewer places.
    assert 0 < np.mean(beyond) < 1 / 8


def test_bad_input() -> None:
    seen, _ = features(0, 40, 16)
    record = fit_novelty(seen)
    with pytest.raises(InputError, match="20 tiles or more"):
        fit_novelty(seen[:5])
    with pytest.raises(InputError, match="20 tiles or more"):
        fit_novelty(np.full((30, 4), np.nan))
    with pytest.raises(InputError, match="are not the 16 of the training"):
        novelty_of(record, seen[:, :5])
    with pytest.raises(InputError, match="is damaged"):
        novelty_of({**record, "mean": 1}, seen)
    with pytest.raises(InputError, match="choose one of 95, 99"):
        novelty_threshold(record, 90)
    # Features that never vary are no error: anything else is unlike them.
    flat = fit_novelty(np.ones((30, 5)))
    assert novelty_of(flat, np.array([[1.0] * 5, [2.0] * 5])).argmax() == 1
