"""Smooth class probabilities along the coast.

The forward-backward algorithm (Rabiner, 1989, Proceedings of the IEEE 77) for the Markov process of
:mod:`littoral.predictions.transitions`. A rectangle's probabilities are divided by the class shares of the training
(the prior), which gives its likelihood up to a constant factor. The prior matters: if a model trained on balanced
classes were treated as trained on the true shares, it would find the rarest class everywhere. A rectangle without a
class adds no evidence; its neighbours are linked over the distance between them. An end or a break of a chain is an
infinite distance, over which there is no dependence, so all chains are computed as one sequence.

Errors of neighbours are correlated, so their evidence is taken to a power below 1: a logarithmic opinion pool (Genest
and Zidek, 1986, Statistical Science 1) of the rectangle's own evidence, with weight 1, and of its neighbours' evidence,
with weight ``trust``. The transitions are discounted with it: discounting the likelihoods alone would let the
transitions dominate and remove short stretches (``docs/figures/real-coasts.md``).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from littoral.errors import InputError
from littoral.predictions.chains import RectangleChains
from littoral.predictions.columns import LINKS
from littoral.predictions.predictions import Predictions
from littoral.predictions.transitions import Transitions
from littoral.tiles import CLASSIFIED

Numbers = NDArray[np.float64]

TRUST = 0.2
"""Weight of the neighbours' evidence. Where errors are correlated as exp(-d / 3 km), each rectangle of a long chain
adds (1 - r) / (1 + r) of the evidence of an independent one, r being the correlation with its neighbour: 0.2 at
1.25 km."""
_LEAST = 1e-30
_FAR = 1e15
"""Metres used in place of infinity, because 0 times infinity is NaN."""


def smooth(
    predictions: Predictions,
    transitions: Transitions,
    *,
    prior: Mapping[int, float] | None = None,
    coast_shares: bool = False,
    trust: float = TRUST,
) -> Predictions:
    """Add probabilities smoothed with those of the neighbours along the coast.

    Errors of neighbours are not independent: their tiles overlap, and conditions such as haze extend over several. So
    their evidence has a smaller weight than the rectangle's own, ``trust``. Smoothed probabilities
    may be miscalibrated; measure their quality on a coast with labels.

    Args:
        predictions: With ``chains``. A class that a person gave has probability 1.
        transitions: How often the class changes along the coast; of at least the predictions' classes.
        prior: Share of each class, by code, that the model was trained on; None: equal shares.
        coast_shares: Assume the class shares of ``transitions``, so that a class that is rare there becomes less
            probable everywhere. False: assume those of ``prior``, so that a rectangle without neighbours keeps its
            probabilities.
        trust: Power, above 0 and at most 1, to which the neighbours' evidence is taken; 1: as if errors
            were independent.

    Returns:
        The predictions with ``smoothed``, which has neither probabilities nor class where there was no class before.

    Raises:
        InputError: predictions without chains, a class that the transitions lack, or a prior that is not positive.

    Memory: 40 numbers of 8 bytes per row and class at most; rings take as many passes as there are classes.
    """
    own = predictions.by_code()
    if own.chains is None:
        raise InputError(
            "the classified table", f"lacks {', '.join(LINKS)}", "make the rectangles with littoral rectangles"
        )
    learnt = _prior(dict.fromkeys(own.codes, 1.0) if prior is None else prior, own.codes)
    process = transitions.restricted(own.codes)
    if not coast_shares:
        process = process.with_share(learnt)
    if not 0 < trust <= 1:
        raise InputError(f"the trust {trust:g}", "is not above 0 and at most 1", "pass e.g. 0.2")
    order, known = own.chains.row, own.chosen >= 0
    likelihood = np.where(known[:, None], np.maximum(own.evidence / learnt, _LEAST), 1.0)
    alone = likelihood * process.share
    alone = np.maximum(alone / alone.max(axis=1, keepdims=True), _LEAST)
    posterior = np.empty_like(alone)
    posterior[order] = marginals(alone[order], own.chains, process)
    # A rectangle's own evidence counts in full; the rest of the posterior is its neighbours'.
    posterior = alone * (posterior / alone) ** trust
    posterior /= posterior.sum(axis=1, keepdims=True)
    posterior[~known] = np.nan
    status = np.where(known, CLASSIFIED, own.status).astype(object)
    smoothed = Predictions(own.categories, posterior, status, chains=own.chains, by_person=own.by_person)
    return replace(own, smoothed=smoothed)


def marginals(weights: Numbers, chains: RectangleChains, transitions: Transitions) -> Numbers:
    """Posterior probability of each class in each rectangle, (rows, classes).

    Args:
        weights: (rows, classes), in the order of ``chains``: likelihood times the share of the class, up to
            a factor.
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


def _around(
    weights: Numbers, chains: RectangleChains, on_ring: NDArray[np.bool_], spectrum: tuple[Numbers, Numbers]
) -> Numbers:
    """Posterior on rings: each is cut at its first rectangle, which is fixed to each class in turn at both ends."""
    ring = np.flatnonzero(np.isfinite(chains.closing_m))
    begin = chains.first[ring]
    size = chains.first[ring + 1] - begin
    # Position of each ring's rows when one row is added to each ring.
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
    """Forward messages of all previous rows: (rows, classes) up to a factor, and (rows,) logarithms of evidence.

    A loop over a million rows is slow, so the sequence is cut into about sqrt(rows) parts of equal length. First the
    transfer matrices of all parts are computed at once, then the message that enters each part, then those inside.
    """
    count, classes = weights.shape
    rates, vectors = spectrum
    length = int(np.ceil(np.sqrt(count)))
    parts = -(-count // length)
    extra = parts * length - count
    step = np.minimum(np.append(step_m, np.full(extra, np.inf)), _FAR)
    reach = np.exp(rates * step[:, None]).reshape(parts, length, classes)
    own = np.concatenate([weights, np.ones((extra, classes))]).reshape(parts, length, classes)

    # In place, because allocating memory for each row would take longer than the products.
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
