"""Answers along the chain: what a rectangle shows, and what its neighbours show, together.

The forward-backward algorithm (Rabiner, 1989, Proceedings of the IEEE 77) over the process of
:mod:`littoral.predictions.transitions`. A rectangle's probabilities are divided by the prior that the model learnt:
what is left is its likelihood but for a factor. The prior matters: a model that saw as many of each class, taken for
one that learnt how rare they are, would find the rarest everywhere. A rectangle without answer says nothing, and its
neighbours meet across the distance; an end, or a break, is an infinite distance, across which nothing is known; so all
chains are one sequence.

Mistakes of neighbours are alike, so what they say of a rectangle is taken to a power below 1: a logarithmic pool
(Genest and Zidek, 1986, Statistical Science 1) of what the rectangle shows, with weight 1, and of all that its
neighbours make of it, with the weight ``trust``. To discount their likelihoods alone, and not how seldom the coast
changes, would wipe out short stretches: the less is seen, the more the transitions decide
(``docs/figures/real-coasts.md``).
"""

from __future__ import annotations

from collections.abc import Mapping

import geopandas as gpd
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from littoral.categories import CATCOA, Scheme
from littoral.errors import InputError
from littoral.predictions.chains import Chains, read_chains
from littoral.predictions.classified_table import SMOOTHED, read_answers
from littoral.predictions.transitions import Transitions
from littoral.vectors import free_names

Numbers = NDArray[np.float64]

TRUST = 0.2
"""Weight of what neighbours say. Where mistakes are correlated as exp(-d / 3 km), each rectangle of a long row brings
(1 - r) / (1 + r) of what an independent one would, r being that of its neighbour: 0.2 at 1.25 km."""
_LEAST = 1e-30
_FAR = 1e15
"""Metres that stand for infinitely many: 0 times infinity is no number."""


def smooth(
    classified: gpd.GeoDataFrame,
    transitions: Transitions,
    *,
    prior: Mapping[int, float] | None = None,
    coast_shares: bool = False,
    trust: float = TRUST,
    class_label_field: str = "ClassLabel",
    scheme: Scheme = CATCOA,
) -> gpd.GeoDataFrame:
    """Add to each answer the one that its neighbours along the coast make likely.

    Neighbours do not err independently: their tiles overlap, and what misleads at one place is there at the next. So
    what they show counts less than what the rectangle itself shows, by ``trust``. Even so, what smoothed probabilities
    are worth must be measured on a coast with labels.

    Args:
        classified: What classifying wrote, with ``GroupId``, ``SeqId``, ``Previous`` and ``Next``; not changed.
        transitions: How the shore changes; of at least the table's classes.
        prior: Share of each class, by code, that the model was trained on; None: equal ones, as where it saw as many of
            each.
        coast_shares: Whether the coast has the shares of ``transitions``: then a class that is rare there becomes less
            likely everywhere. False: it has those of ``prior``, and a rectangle without neighbours keeps its answer.
        trust: Power, above 0 and at most 1, to which what neighbours say is taken; 1: as if they erred independently.
        class_label_field: Field with the names of classes.
        scheme: Names of classes that no row has.

    Returns:
        The same rows, and ``<class label field>Smoothed``, ``ClassValueSmoothed``, ``ConfidenceSmoothed`` and
        ``PS_<code>``, null where there was no answer.

    Raises:
        InputError: not such a table, a class that the transitions lack, or a prior that is none.

    Memory: 40 numbers of 8 bytes per row and class at most; rings take as many passes as there are classes.
    """
    answers = read_answers(classified, class_label_field=class_label_field, scheme=scheme)
    learnt = _prior(dict.fromkeys(answers.codes, 1.0) if prior is None else prior, answers.codes)
    own = transitions.restricted(answers.codes)
    if not coast_shares:
        own = own.with_share(learnt)
    if not 0 < trust <= 1:
        raise InputError(f"the trust {trust:g}", "is not above 0 and at most 1", "pass e.g. 0.2")
    chains = read_chains(classified, "the classified table")
    likelihood = np.where(answers.answered[:, None], np.maximum(answers.probabilities / learnt, _LEAST), 1.0)
    alone = likelihood * own.share
    alone = np.maximum(alone / alone.max(axis=1, keepdims=True), _LEAST)
    posterior = np.empty_like(alone)
    posterior[chains.row] = marginals(alone[chains.row], chains, own)
    # Of itself, a rectangle is to be believed in full; what is left of the posterior is what its neighbours say.
    posterior = alone * (posterior / alone) ** trust
    posterior /= posterior.sum(axis=1, keepdims=True)
    posterior[~answers.answered] = np.nan

    fields = [f"{SMOOTHED}{code}" for code in answers.codes]
    names = [f"{class_label_field}Smoothed", "ClassValueSmoothed", "ConfidenceSmoothed"]
    out, renamed = free_names(classified, [*names, *fields])
    best = np.nan_to_num(posterior, nan=-1.0).argmax(axis=1)
    none = ~answers.answered
    out[names[0]] = pd.Series(np.take([c.name for c in answers.categories], best), out.index, dtype="string").mask(none)
    out[names[1]] = pd.Series(np.take(answers.codes, best), out.index, dtype="Int64").mask(none)
    out[names[2]] = posterior.max(axis=1)
    for field, values in zip(fields, posterior.T, strict=True):
        out[field] = values
    out.attrs["renamed"] = {**classified.attrs.get("renamed", {}), **renamed}
    return out


def marginals(weights: Numbers, chains: Chains, transitions: Transitions) -> Numbers:
    """Posterior probability of each class in each rectangle, (rows, classes).

    Args:
        weights: (rows, classes), in the order of ``chains``: likelihood of what is seen times the share of the class,
            but for a factor.
        chains: Where chains begin, distances, rings.
        transitions: Of the same classes.
    """
    weights = np.maximum(weights / weights.max(axis=1, keepdims=True), _LEAST)
    spectrum = transitions.spectrum()
    on_ring = np.isfinite(chains.closing_m)[chains.chain]
    out = np.empty_like(weights)
    out[~on_ring], _ = _along(weights[~on_ring], chains.step_m[~on_ring], spectrum)
    if on_ring.any():
        out[on_ring] = _around(weights, chains, on_ring, spectrum)
    return out


def _around(weights: Numbers, chains: Chains, on_ring: NDArray[np.bool_], spectrum: tuple[Numbers, Numbers]) -> Numbers:
    """Rings are opened at their first rectangle, which is given each class in turn and comes again at the end."""
    ring = np.flatnonzero(np.isfinite(chains.closing_m))
    begin = chains.first[ring]
    size = chains.first[ring + 1] - begin
    # Where each ring's rows lie when one row is added to each.
    first = np.cumsum(size + 1) - (size + 1)
    last = first + size
    step = np.empty(int((size + 1).sum()))
    inner = np.ones(len(step), bool)
    inner[last] = False
    step[inner], step[last] = chains.step_m[on_ring], chains.closing_m[ring]
    classes = weights.shape[1]
    parts, evidence = np.empty((classes, int(size.sum()), classes)), np.empty((classes, len(ring)))
    for given in range(classes):
        opened = np.empty((len(step), classes))
        opened[inner] = weights[on_ring]
        only = np.arange(classes) == given
        opened[first] *= only
        opened[last] = only
        posterior, scale = _along(opened, step, spectrum)
        parts[given] = posterior[inner]
        evidence[given] = np.add.reduceat(scale, first)
    share = np.exp(evidence - evidence.max(axis=0))
    share = np.repeat(share / share.sum(axis=0), size, axis=1)
    return np.asarray(np.einsum("gr,grc->rc", share, parts))


def _along(weights: Numbers, step_m: Numbers, spectrum: tuple[Numbers, Numbers]) -> tuple[Numbers, Numbers]:
    """Posterior (rows, classes) of open chains, and the logarithm of what each row adds to their evidence."""
    if not len(weights):
        return weights, np.empty(0)
    forward, scale = _incoming(weights, step_m, spectrum)
    backward, _ = _incoming(weights[::-1], np.append(step_m[1:], np.inf)[::-1], spectrum)
    posterior = forward * weights * backward[::-1]
    return posterior / posterior.sum(axis=1, keepdims=True), scale


def _incoming(weights: Numbers, step_m: Numbers, spectrum: tuple[Numbers, Numbers]) -> tuple[Numbers, Numbers]:
    """What all rows before it tell each row: (rows, classes) but for a factor, and (rows,) logarithms of evidence.

    A loop over a million rows is slow, so the sequence is cut into as many parts as each has rows. What a part makes of
    each class that comes in is found for all parts at once; then what comes in; then what happens inside.
    """
    count, classes = weights.shape
    rates, vectors = spectrum
    length = int(np.ceil(np.sqrt(count)))
    parts = -(-count // length)
    extra = parts * length - count
    step = np.minimum(np.append(step_m, np.full(extra, np.inf)), _FAR)
    reach = np.exp(rates * step[:, None]).reshape(parts, length, classes)
    own = np.concatenate([weights, np.ones((extra, classes))]).reshape(parts, length, classes)

    # In place: new memory for each row would take longer than the sums.
    through, turned = np.tile(np.eye(classes), (parts, 1)), np.empty((parts * classes, classes))
    in_part, turned_part = through.reshape(parts, classes, classes), turned.reshape(parts, classes, classes)
    for at in range(length):
        np.matmul(through, vectors, out=turned)
        turned_part *= reach[:, at, None]
        np.matmul(turned, vectors.T, out=through)
        np.maximum(through, 0.0, out=through)
        in_part *= own[:, at, None]
        in_part /= in_part.max(axis=(1, 2), keepdims=True)
    state = np.empty((parts, classes))
    entering = np.full(classes, 1 / classes)
    for part in range(parts):
        state[part] = entering
        entering = entering @ in_part[part]
        entering /= entering.sum()

    incoming, scale = np.empty_like(own), np.empty((parts, length))
    for at in range(length):
        incoming[:, at] = np.maximum((state @ vectors * reach[:, at]) @ vectors.T, 0.0)
        state = incoming[:, at] * own[:, at]
        total = state.sum(axis=1, keepdims=True)
        state /= total
        scale[:, at] = np.log(total[:, 0])
    return incoming.reshape(-1, classes)[:count], scale.reshape(-1)[:count]


def _prior(prior: Mapping[int, float], codes: tuple[int, ...]) -> Numbers:
    shares = np.array([float(prior.get(code, 0.0)) for code in codes])
    if not (np.isfinite(shares).all() and (shares > 0).all()):
        raise InputError(
            f"the prior {dict(prior)}", "is no positive share of each class", f"give one for each of {codes}"
        )
    return np.asarray(shares / shares.sum())
