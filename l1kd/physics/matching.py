"""One-to-one matching of measured to generated objects by distance in eta and phi."""

import numpy as np
from numpy.typing import ArrayLike, NDArray

from l1kd.errors import InputError
from l1kd.physics.jets import Jets

__all__ = ["delta_phi", "match_nearest"]


def delta_phi(first: ArrayLike, second: ArrayLike) -> NDArray[np.float64]:
    """Difference of azimuths, first minus second, in [-pi, pi] rad."""
    difference = np.asarray(first, np.float64) - np.asarray(second, np.float64)
    return difference - 2.0 * np.pi * np.round(difference / (2.0 * np.pi))


def match_nearest(
    measured: Jets, generated: Jets, max_dr: float = 0.4
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Match jets one to one, the closest pairs of an event first.

    Of all pairs of one event with dR < max_dr the closest is taken, both its jets are set aside,
    then the closest of what is left, and so on: CMS's matching by match quality with ambiguities
    resolved. It does not look at pt, so it does not bias the response.

    Parameters
    ----------
    measured, generated
        Jets of the same events.
    max_dr
        Largest distance sqrt(d_eta^2 + d_phi^2), exclusive.

    Returns
    -------
    (measured_index, generated_index) as int64[n_matched], positions in the flat columns, ordered
    by the generated jet. Of two pairs at exactly the same distance the one that comes first in
    the columns is taken.

    Raises
    ------
    InputError
        If the numbers of events differ.
    """
    if measured.n_events != generated.n_events:
        raise InputError(
            f"match_nearest: {measured.n_events} events on one side, {generated.n_events} on the "
            "other"
        )
    i, j = _pairs(measured.offsets, generated.offsets)
    d_eta = measured.eta[i] - generated.eta[j]
    distance = np.hypot(d_eta, delta_phi(measured.phi[i], generated.phi[j]))
    near = distance < max_dr
    i, j, distance = i[near], j[near], distance[near]
    order = np.lexsort((j, i, distance))
    i, j = i[order], j[order]
    taken: list[NDArray[np.int64]] = []
    while i.size:
        # a pair that comes first for both its jets cannot be beaten by any other pair
        first_i, first_j = np.unique(i, return_index=True)[1], np.unique(j, return_index=True)[1]
        settled = np.intersect1d(first_i, first_j, assume_unique=True)
        taken.append(np.stack([i[settled], j[settled]]))
        free = ~(np.isin(i, i[settled]) | np.isin(j, j[settled]))
        i, j = i[free], j[free]
    pairs = np.concatenate(taken, axis=1) if taken else np.zeros((2, 0), np.int64)
    pairs = pairs[:, np.argsort(pairs[1], kind="stable")]
    return pairs[0], pairs[1]


def _pairs(
    first: NDArray[np.int64], second: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """All pairs of entries of the same event, from the offsets of both sides."""
    n_first, n_second = np.diff(first), np.diff(second)
    n_pairs = n_first * n_second
    event = np.repeat(np.arange(n_pairs.size), n_pairs)
    within = np.arange(n_pairs.sum()) - np.repeat(np.cumsum(n_pairs) - n_pairs, n_pairs)
    return (
        first[event] + within // n_second[event],
        second[event] + within % n_second[event],
    )
