"""How an event that fired several prescaled seeds is accepted, as probabilities.

A seed with prescale p keeps each event that fires it with probability a = 1 / p, off is a = 0. The
functions take the patterns of a block, bool[n, k], and the acceptances, float64[k], and give
probabilities float64[n, ...]. Multiplied with the patterns' weights they are the expected rates,
whatever the order of the events.
"""

from typing import NamedTuple

import numpy as np

from l1kd.emulators.array_types import Floats, Integers, Mask

__all__ = ["Accepted", "accepted", "any_accepted", "cumulative"]


class Accepted(NamedTuple):
    """Probabilities of the patterns of a block.

    Attributes
    ----------
    each
        float64[n, k], seed accepts the event.
    pure
        float64[n, k], it accepts the event and no other seed does.
    proportional
        float64[n, k], mean of 1 / (number of seeds that accept) where the seed does; they add up
        to `total`.
    total
        float64[n], at least one seed accepts.
    """

    each: Floats
    pure: Floats
    proportional: Floats
    total: Floats


def _refusal(acceptance: Floats) -> tuple[Floats, Mask]:
    """Logarithm of 1 - a, zero where a = 1, and where that is."""
    certain = acceptance >= 1.0
    return np.log1p(-np.where(certain, 0.0, acceptance)), certain


def any_accepted(fired: Mask, acceptance: Floats) -> Floats:
    """Probability that at least one seed accepts, 1 - prod(1 - a): float64[n]."""
    logarithm, certain = _refusal(acceptance)
    open_seeds = fired @ logarithm
    return np.where(fired[:, certain].any(axis=1), 1.0, -np.expm1(open_seeds))


def cumulative(fired: Mask, acceptance: Floats) -> Floats:
    """Probability that one of the seeds up to and including each accepts: float64[n, k]."""
    refused = np.cumprod(np.where(fired, 1.0 - acceptance, 1.0), axis=1, dtype=np.float64)
    return 1.0 - refused


def accepted(fired: Mask, acceptance: Floats) -> Accepted:
    """All probabilities of a block of patterns."""
    each = np.where(fired, acceptance, 0.0)
    total = any_accepted(fired, acceptance)
    n_certain = (fired & (acceptance >= 1.0)).sum(axis=1)
    others = _others_refuse(fired, acceptance, n_certain)
    return Accepted(each, each * others, _shared(fired, acceptance, each), total)


def _others_refuse(fired: Mask, acceptance: Floats, n_certain: Integers) -> Floats:
    """Probability that no other seed accepts, for each seed that fired: float64[n, k]."""
    logarithm, certain = _refusal(acceptance)
    refused = np.exp((fired @ logarithm)[:, None] - np.where(fired, logarithm, 0.0))
    others_certain = n_certain[:, None] - (fired & certain)
    return np.where(others_certain == 0, refused, 0.0)


def _shared(fired: Mask, acceptance: Floats, each: Floats) -> Floats:
    """Mean of 1 / (number of seeds that accept), for each seed: float64[n, k].

    With K other seeds accepting, the mean of 1 / (1 + K) is the integral over t from 0 to 1 of
    prod(1 - a + a t) over the other seeds, a polynomial that Gauss and Legendre integrate exactly.
    """
    active = fired & (acceptance > 0.0)
    counts = active.sum(axis=1)
    most = int(counts.max(initial=0))
    if most == 0:
        return np.zeros(fired.shape)
    if np.all((acceptance == 0.0) | (acceptance == 1.0)):
        return each / np.maximum(counts, 1)[:, None]
    nodes, weights = np.polynomial.legendre.leggauss(most // 2 + 1)
    t, w = (nodes + 1.0) / 2.0, weights / 2.0
    factor = 1.0 - acceptance[:, None] * (1.0 - t)
    product = np.exp(active @ np.log(factor)) * w
    return each * (product @ (1.0 / factor).T)
