"""Rates of change from one category to another along the shore, per metre.

The category along a coast is modelled as a continuous Markov process in distance: ``rate[i, j]`` is the probability per
metre that shore of class i changes to class j. On a fully labelled line its maximum-likelihood estimate is the number
of such changes divided by the metres of class i (Albert, 1962, Annals of Mathematical Statistics 33). Over a distance d
the transition probabilities are ``expm(rate * d)``, for any size of rectangles and any gap between them. A coast has no
direction, so each change is counted half in each direction, and the process is reversible.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from littoral.categories import CATCOA, Scheme
from littoral.errors import InputError
from littoral.geodesy import line_lengths
from littoral.predictions.chains import read_chains
from littoral.shoreline import merge_stretches
from littoral.vectors import read_vector, require_column

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class Transitions:
    """Changes of class counted on a labelled coast, including a prior."""

    codes: tuple[int, ...]
    """Codes of the classes."""
    metres: tuple[float, ...]
    """Metres of shore of each class."""
    changes: tuple[tuple[float, ...], ...]
    """(classes, classes), symmetric, zero on the diagonal: half of the changes between two classes, in each place."""

    @property
    def share(self) -> Numbers:
        """(classes,), share of the shore of each class: the stationary distribution."""
        return np.asarray(np.array(self.metres) / np.sum(self.metres))

    def with_share(self, share: Numbers) -> Transitions:
        """The same changes on a coast with other shares of the classes, (classes,). With equal shares, each rate is the
        geometric mean of the rates in both directions.

        >>> two = Transitions((3, 7), (8000.0, 2000.0), ((0.0, 1.0), (1.0, 0.0)))
        >>> even = two.with_share(np.array([0.5, 0.5]))
        >>> even.metres, [round(row[1 - at], 6) for at, row in enumerate(even.changes)]
        ((5000.0, 5000.0), [1.25, 1.25])
        """
        root = np.sqrt(share / share.sum() / self.share)
        changes = np.array(self.changes) * np.outer(root, root)
        metres = share / share.sum() * np.sum(self.metres)
        return Transitions(self.codes, tuple(metres.tolist()), tuple(map(tuple, changes.tolist())))

    def spectrum(self) -> tuple[Numbers, Numbers]:
        """Rates (classes,) per metre, none positive, and vectors (classes, classes) so that ``vectors @
        diag(exp(rates * d)) @ vectors.T`` is the joint probability of two classes d metres apart, divided by that of
        independent ones.
        """
        root = np.sqrt(self.metres)
        changes = np.array(self.changes)
        rates, vectors = np.linalg.eigh((changes - np.diag(changes.sum(axis=1))) / np.outer(root, root))
        rates, vectors = np.minimum(rates, 0.0), vectors / np.sqrt(self.share)[:, None]
        # The stationary mode, known exactly: rate 0, constant vector.
        rates[-1], vectors[:, -1] = 0.0, 1.0
        return rates, vectors

    def matrix(self, step_m: float) -> Numbers:
        """Transition probabilities (from, to) over a distance; rows sum to 1.

        >>> two = Transitions((3, 7), (5000.0, 5000.0), ((0.0, 1.0), (1.0, 0.0)))
        >>> two.matrix(0.0).round(3).tolist(), two.matrix(1000.0).round(3).tolist()
        ([[1.0, 0.0], [0.0, 1.0]], [[0.835, 0.165], [0.165, 0.835]])
        """
        rates, vectors = self.spectrum()
        return np.asarray((vectors * np.exp(rates * step_m)) @ vectors.T * self.share)

    def restricted(self, codes: Iterable[int]) -> Transitions:
        """Transitions between some of the classes, in that order.

        Raises:
            InputError: a class that the transitions lack.
        """
        wanted = tuple(codes)
        missing = [str(code) for code in wanted if code not in self.codes]
        if missing:
            raise InputError(
                "the table of transitions",
                f"lacks class {', '.join(missing)}",
                "count them on a coast with the model's classes",
            )
        at = [self.codes.index(code) for code in wanted]
        changes = tuple(tuple(self.changes[i][j] for j in at) for i in at)
        return Transitions(wanted, tuple(self.metres[i] for i in at), changes)

    def to_json(self) -> dict[str, Any]:
        """As plain JSON values, the form in a package or a file."""
        return {"codes": list(self.codes), "metres": list(self.metres), "changes": [list(row) for row in self.changes]}

    @staticmethod
    def from_json(content: Mapping[str, Any]) -> Transitions:
        """
        Raises:
            InputError: not what :meth:`to_json` wrote.
        """
        try:
            codes = tuple(int(code) for code in content["codes"])
            metres = np.array(content["metres"], float)
            changes = np.array(content["changes"], float)
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("the table of transitions", f"cannot be read ({error})", "count it again") from error
        size = len(codes)
        shaped = size > 0 and metres.shape == (size,) and changes.shape == (size, size) and size == len(set(codes))
        finite = shaped and np.isfinite(metres).all() and np.isfinite(changes).all()
        if not (finite and (metres > 0).all() and (changes >= 0).all() and (changes == changes.T).all()):
            raise InputError("the table of transitions", "is no table of changes and metres", "count it again")
        return Transitions(codes, tuple(metres.tolist()), tuple(map(tuple, changes.tolist())))


def estimate_transitions(
    labelled: gpd.GeoDataFrame,
    class_field: str = "CATCOA",
    *,
    codes: Iterable[int] | None = None,
    prior_stretches: float = 1.0,
    scheme: Scheme = CATCOA,
) -> Transitions:
    """Count changes of category along a labelled coast.

    Args:
        labelled: A charted coastline (lines that meet at their ends), or rectangles along one with ``GroupId``,
            ``SeqId``, ``Previous``, ``Next`` and ``line_m``. Shore without class is not counted, nor is a change across
            it.
        class_field: The class, as code or name.
        codes: Classes to count; None: those of the coast. Others are treated as shore without class.
        prior_stretches: Prior number of stretches of each class, of the mean length, with all other classes equally
            often beside it (a Dirichlet prior), so that changes that do not occur on this coast stay possible.
        scheme: Codes of class names.

    Raises:
        InputError: no such field, no shore with a class, fewer than two classes, or a prior that is not positive.

    >>> from shapely import LineString
    >>> coast = gpd.GeoDataFrame({"CATCOA": [3, 7]}, crs=32631, geometry=[
    ...     LineString([(4e5, 0), (4e5, 6000)]), LineString([(4e5, 6000), (4e5, 9000)])])
    >>> estimate_transitions(coast).matrix(1000).round(2).tolist()
    [[0.91, 0.09], [0.11, 0.89]]
    """
    if not (np.isfinite(prior_stretches) and prior_stretches > 0):
        raise InputError(f"the prior {prior_stretches}", "is no positive number of stretches", "pass e.g. 1")
    polygons = labelled.geom_type.isin(["Polygon", "MultiPolygon"]).any()
    value, metres, one, other = (_on_rectangles if polygons else _on_lines)(labelled, class_field)
    code = {each: scheme.code_of(each) for each in pd.unique(value[pd.notna(value)])}
    wanted = tuple(sorted(set(code.values()))) if codes is None else tuple(codes)
    if len(wanted) < 2:
        raise InputError("the labelled coast", f"has {len(wanted)} classes", "pass one where the class changes")
    place = {c: at for at, c in enumerate(wanted)}
    at = np.array([-1 if pd.isna(each) else place.get(code[each], -1) for each in value], np.int64)
    known = (at >= 0) & np.isfinite(metres)
    length = np.bincount(at[known], weights=metres[known], minlength=len(wanted))
    if length.sum() <= 0:
        raise InputError("the labelled coast", f"has no shore with a class in {class_field}", "choose another field")
    differ = known[one] & known[other] & (at[one] != at[other])
    counts = np.zeros((len(wanted), len(wanted)))
    np.add.at(counts, (at[one][differ], at[other][differ]), 1.0)
    # Mean length of a stretch: each change ends one and begins another.
    mean_m = length.sum() / max(differ.sum(), 1)
    changes = (counts + counts.T) / 2 + prior_stretches / (len(wanted) - 1) * (1 - np.eye(len(wanted)))
    total = length + prior_stretches * mean_m
    return Transitions(wanted, tuple(total.tolist()), tuple(map(tuple, changes.tolist())))


def _on_lines(coast: gpd.GeoDataFrame, field: str) -> tuple[Any, Numbers, NDArray[np.int64], NDArray[np.int64]]:
    """Class and metres of each stretch, and the pairs that follow one another."""
    stretches = merge_stretches(coast, require_column(coast, field, "the labelled coast"))
    chain = stretches.chain
    value = stretches.table[require_column(stretches.table, field, "the labelled coast")].to_numpy(object)
    first = np.flatnonzero(np.diff(chain, prepend=-1)).astype(np.int64)
    last = np.append(first[1:], len(chain)) - 1
    one = np.flatnonzero(chain[1:] == chain[:-1]).astype(np.int64)
    closed = stretches.ring[first] & (last > first)
    pairs = np.append(one, last[closed]), np.append(one + 1, first[closed])
    return value, np.asarray(line_lengths(stretches.table), np.float64), *pairs


def _on_rectangles(table: gpd.GeoDataFrame, field: str) -> tuple[Any, Numbers, NDArray[np.int64], NDArray[np.int64]]:
    chains = read_chains(table, "the labelled coast")
    value = table[require_column(table, field, "the labelled coast")].to_numpy(object)
    metres = pd.to_numeric(table[require_column(table, "line_m", "the labelled coast")]).to_numpy(
        float, na_value=np.nan
    )
    begins = np.isinf(chains.step_m)
    one, other = np.roll(chains.row, 1)[~begins], chains.row[~begins]
    ring = np.isfinite(chains.closing_m)
    first, last = chains.first[:-1][ring], chains.first[1:][ring] - 1
    return value, metres, np.append(one, chains.row[last]), np.append(other, chains.row[first])


def read_transitions(
    path: str | Path, codes: Iterable[int] | None = None, *, class_field: str = "CATCOA", scheme: Scheme = CATCOA
) -> Transitions:
    """Read transitions from JSON, or count them on a labelled coast or labelled rectangles in a vector file.

    Args:
        path: ``.json`` as :meth:`Transitions.to_json` has it, or any vector file.
        codes: Classes wanted; None: all there are.
        class_field: Field of the vector file with the class.
        scheme: Codes of class names.

    Raises:
        InputError: no such file, not of this kind, or a class that it lacks.
    """
    path = Path(path)
    if path.suffix.lower() != ".json":
        return estimate_transitions(read_vector(path), class_field, codes=codes, scheme=scheme)
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(path, f"cannot be read ({error})", "pass transitions as JSON, or a labelled coast") from error
    if not isinstance(content, dict):
        raise InputError(path, "is no table of transitions", "pass transitions as JSON, or a labelled coast")
    found = Transitions.from_json(content)
    return found if codes is None else found.restricted(codes)
