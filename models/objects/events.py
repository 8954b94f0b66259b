"""What is done to events of objects: turned, mirrored, merged, and scaled for the networks."""

import numpy as np
from numpy.typing import NDArray

from l1kd.objects import KINDS, N_OBJECTS

__all__ = ["N_INPUTS", "augment", "merged", "present"]

N_INPUTS = 3 * N_OBJECTS
Events = NDArray[np.float32]


def present(events: Events) -> NDArray[np.bool_]:
    """Tell which objects are there, bool[n, 19]."""
    return np.asarray(events[..., 0] > 0.0)


def _turned(phi: NDArray[np.floating]) -> NDArray[np.floating]:
    return phi - 2.0 * np.pi * np.ceil((phi - np.pi) / (2.0 * np.pi))


def augment(events: Events, rng: np.random.Generator) -> Events:
    """Turn every event by a random angle, and mirror phi and eta at random.

    Parameters
    ----------
    events : float32[n, 19, 3]
    rng : numpy.random.Generator
    """
    count, there = len(events), present(events)
    signs = rng.choice(np.array([-1.0, 1.0]), (2, count, 1))
    result = events.copy()
    result[..., 1] *= signs[0]
    turn = rng.uniform(-np.pi, np.pi, (count, 1))
    result[..., 2] = np.where(there, _turned(signs[1] * events[..., 2] + turn), 0.0)
    return result


def merged(events: Events, number: int, rng: np.random.Generator) -> Events:
    """Lay several random events over each other, each turned: busier ones than the background.

    Objects of a kind are sorted by pt, and those beyond the last row of their kind are left away;
    missing momenta are added as vectors.

    Parameters
    ----------
    events : float32[n, 19, 3]
    number : int
        Events in each result; the first of them are `events` in their order.
    rng : numpy.random.Generator

    Returns
    -------
    float32[n, 19, 3]
    """
    parts = [augment(events, rng)]
    parts += [augment(events[rng.permutation(len(events))], rng) for _ in range(number - 1)]
    result = np.zeros_like(events)
    for kind, (first, last) in KINDS.items():
        if kind == "met":
            continue
        every = np.concatenate([part[:, first:last] for part in parts], axis=1)
        order = np.argsort(-every[..., 0], axis=1, kind="stable")[:, : last - first]
        result[:, first:last] = np.take_along_axis(every, order[..., None], axis=1)
    met = np.stack([part[:, KINDS["met"][0]] for part in parts])
    x = (met[..., 0] * np.cos(met[..., 2])).sum(axis=0)
    y = (met[..., 0] * np.sin(met[..., 2])).sum(axis=0)
    result[:, KINDS["met"][0], 0] = np.hypot(x, y)
    result[:, KINDS["met"][0], 2] = np.arctan2(y, x)
    return result
