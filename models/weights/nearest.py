"""The nearest particles of every particle."""

import numpy as np
from numpy.typing import NDArray
from scipy.spatial import cKDTree

from l1kd.emulators.particles.local_inputs import LEAST_PT
from l1kd.models.weights.particles import Particles

__all__ = ["nearest"]

_FAR = 1000.0


def nearest(particles: Particles, number: int) -> NDArray[np.int32]:
    """Find the nearest particles of the same event in eta and phi, those above 1 GeV.

    Parameters
    ----------
    particles : Particles
        Events.
    number : int
        Neighbours of each particle, itself not counted.

    Returns
    -------
    numpy.ndarray, shape (n, number), int32
        Positions within the event, the nearest first. Where an event has too few particles, the
        particle itself stands for those that are missing.
    """
    found = np.empty((len(particles), number), np.int32)
    for event in range(particles.n_events):
        inside = slice(particles.offsets[event], particles.offsets[event + 1])
        pt, eta, phi = (x[inside] for x in (particles.pt, particles.eta, particles.phi))
        found[inside] = _in_event(pt, eta, phi, number)
    return found


def _in_event(
    pt: NDArray[np.float32], eta: NDArray[np.float32], phi: NDArray[np.float32], number: int
) -> NDArray[np.int64]:
    own = np.arange(len(pt))[:, None]
    senders = np.flatnonzero(pt >= LEAST_PT)
    result = np.repeat(own, number, axis=1)
    if len(senders) == 0:
        return result
    turned = np.minimum(np.remainder(phi.astype(np.float64), 2 * np.pi), np.nextafter(2 * np.pi, 0))
    # only phi is periodic: eta lies in the middle of a box that is never left
    points = np.stack([eta + _FAR / 2, turned], axis=1)
    tree = cKDTree(points[senders], boxsize=(_FAR, 2 * np.pi))
    _, order = tree.query(points, k=range(1, min(number + 1, len(senders)) + 1))
    order = senders[order]
    # a sender finds itself, as a rule first: it goes to the end of its row, which is cut off
    order = np.take_along_axis(order, np.argsort(order == own, axis=1, kind="stable"), axis=1)
    kept = order[:, :number]
    result[:, : kept.shape[1]] = kept
    return result
