"""What is done to events of objects: turned, mirrored, merged, and scaled for the networks."""

import numpy as np
from numpy.typing import NDArray

from l1kd.objects import KINDS, N_OBJECTS

__all__ = ["N_INPUTS", "augment", "merged", "merged_by_kind", "present"]

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
    parts = _drawn(events, number, rng)
    result = np.zeros_like(events)
    for kind in KINDS:
        if kind != "met":
            _lay(result, kind, parts)
    met = np.stack([part[:, KINDS["met"][0]] for part in parts])
    x = (met[..., 0] * np.cos(met[..., 2])).sum(axis=0)
    y = (met[..., 0] * np.sin(met[..., 2])).sum(axis=0)
    result[:, KINDS["met"][0], 0] = np.hypot(x, y)
    result[:, KINDS["met"][0], 2] = np.arctan2(y, x)
    return result


def merged_by_kind(events: Events, most: int, rng: np.random.Generator) -> Events:
    """Lay events over each other as `merged` does, but of each kind of objects another number.

    Muons, electrons and jets are those of 1 to `most` events, drawn for each kind and event by
    itself: some results have more leptons than the background, and no more jets. MET is that of
    `events`, turned.

    Parameters
    ----------
    events : float32[n, 19, 3]
    most : int
        Events that a kind is taken from at most.
    rng : numpy.random.Generator

    Returns
    -------
    float32[n, 19, 3]
    """
    parts = _drawn(events, most, rng)
    result = np.zeros_like(events)
    result[:, KINDS["met"][0]] = parts[0][:, KINDS["met"][0]]
    for kind in KINDS:
        if kind != "met":
            taken = rng.integers(1, most + 1, (len(events), 1, 1))
            _lay(result, kind, [np.where(k < taken, part, 0.0) for k, part in enumerate(parts)])
    return result


def _drawn(events: Events, number: int, rng: np.random.Generator) -> list[Events]:
    """Return the events, and as often as it takes in another order, all of them turned."""
    parts = [augment(events, rng)]
    parts += [augment(events[rng.permutation(len(events))], rng) for _ in range(number - 1)]
    return parts


def _lay(result: Events, kind: str, parts: list[Events]) -> None:
    """Write the leading objects of a kind from all parts."""
    first, last = KINDS[kind]
    every = np.concatenate([part[:, first:last] for part in parts], axis=1)
    order = np.argsort(-every[..., 0], axis=1, kind="stable")[:, : last - first]
    result[:, first:last] = np.take_along_axis(every, order[..., None], axis=1)
