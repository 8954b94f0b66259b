"""The floating-point twin of the clusters: the same maxima and shares in ideal arithmetic."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from l1kd.emulators.array_types import AnyArray, Floats, Integers
from l1kd.emulators.correlator.clusters.geometry import GRIDS, Grid
from l1kd.emulators.correlator.clusters.kernels import Window

__all__ = ["cluster_float"]

NEIGHBOURS = tuple((de, dp) for de in (-1, 0, 1) for dp in (-1, 0, 1) if (de, dp) != (0, 0))


def cluster_float(
    particles: Mapping[str, Any],
    offsets: Any,
    *,
    seed_pt: float = 1.0,
    track_max_abs_eta: float = 2.5,
    windows: tuple[Window, Window, Window] = ("3x3", "3x3", "3x3"),
) -> dict[str, AnyArray]:
    """Form clusters of the deposits of events without rounding and without limits.

    Parameters
    ----------
    particles, offsets
        As for `Clusterer.run`.
    seed_pt : float
        Smallest tower that can be the maximum of a cluster [GeV].
    track_max_abs_eta : float
        Charged particles within are no deposits.
    windows : tuple of str
        As of `Clusterer`.

    Returns
    -------
    dict of ndarray
        Of every cluster, event by event: `event` int64; `pt` [GeV], `eta`, `phi` [rad], the mean
        of the centres of its towers by energy, `em_fraction`, float64. `unclustered` [GeV],
        float64 of shape (n_events,): what touches no maximum.
    """
    bounds = np.asarray(offsets, dtype=np.int64)
    pt, eta, phi = (np.asarray(particles[n], dtype=np.float64) for n in ("pt", "eta", "phi"))
    charge, pid = np.asarray(particles["charge"]), np.asarray(particles["pid"])
    event = np.repeat(np.arange(len(bounds) - 1), np.diff(bounds))
    deposit = ((charge == 0) | (np.abs(eta) > track_max_abs_eta)) & (pid != 2)
    em = np.isin(pid, (1, 3, 6))
    parts, unclustered = [], np.zeros(len(bounds) - 1)
    for grid in GRIDS:
        # a position on an edge belongs to the outer ring, as in the integers
        edges = np.array(grid.edges)
        outward = np.searchsorted(edges, eta, side="right") - 1
        ring = np.where(eta >= 0, outward, np.searchsorted(edges, eta, side="left") - 1)
        mine = deposit & (ring >= 0) & (ring < grid.rings)
        column = np.floor((phi[mine] + np.pi) / (2 * np.pi) * grid.columns).astype(np.int64)
        place = (event[mine], ring[mine], column % grid.columns)
        towers = np.zeros((2, len(unclustered), grid.rings, grid.columns))
        for kind, chosen in enumerate((em[mine], ~em[mine])):
            np.add.at(towers[kind], place, np.where(chosen, pt[mine], 0.0))
        found, lost = _grid_clusters(grid, towers, seed_pt, windows[grid.detector])
        unclustered += lost
        parts.append(found)
    joined = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    order = np.argsort(joined["event"], kind="stable")
    return {name: values[order] for name, values in joined.items()} | {"unclustered": unclustered}


def _moved(values: Floats, de: int, dp: int) -> Floats:
    """Return at every cell what its neighbour holds; nothing lies beyond the rings."""
    turned = np.roll(values, -dp, axis=-1)
    padded = np.pad(turned, [(0, 0)] * (turned.ndim - 2) + [(1, 1), (0, 0)])
    return padded[..., 1 + de : 1 + de + values.shape[-2], :]


def _reach(pt: Floats, window: Window) -> dict[tuple[int, int], AnyArray]:
    """Say for each of the eight towers around, at every cell, whether a maximum there takes it."""
    if window in ("towers", "1x1"):
        return {n: np.zeros(pt.shape, dtype=bool) for n in NEIGHBOURS}
    if window != "2x2":
        near = 1 if window == "cross" else 2
        return {(a, b): np.full(pt.shape, abs(a) + abs(b) <= near) for a, b in NEIGHBOURS}
    squares = [(a, b) for a in (-1, 1) for b in (-1, 1)]
    sums = [_moved(pt, a, 0) + _moved(pt, 0, b) + _moved(pt, a, b) for a, b in squares]
    best = np.argmax(sums, axis=0)
    return {
        (a, b): np.isin(best, [k for k, (c, d) in enumerate(squares) if a * c >= 0 <= b * d])
        for a, b in NEIGHBOURS
    }


def _grid_clusters(
    grid: Grid, towers: Floats, seed: float, window: Window
) -> tuple[dict[str, AnyArray], Floats]:
    """Find the clusters of one grid; `towers` is (2, n_events, rings, columns), em and hadronic."""
    pt = towers.sum(axis=0)
    peak = (pt >= seed) & (pt > 0)
    for de, dp in NEIGHBOURS if window != "towers" else ():
        other = _moved(pt, de, dp)
        peak &= (other <= pt) if (de, dp) < (0, 0) else (other < pt)
    taken = {n: np.where(peak & mine, pt, 0.0) for n, mine in _reach(pt, window).items()}
    total = sum(_moved(taken[-de, -dp], de, dp) for de, dp in NEIGHBOURS)
    shared = np.where(peak | (total == 0), 0.0, 1 / np.where(total > 0, total, 1.0))
    lost = np.where(peak | (total > 0), 0.0, pt).sum(axis=(1, 2))
    sums = towers * peak
    centres = np.broadcast_to(grid.centres()[:, None], pt.shape)
    moments = np.zeros((2, *pt.shape))
    for de, dp in NEIGHBOURS:
        given = _moved(towers * shared, de, dp) * taken[de, dp]
        sums = sums + given
        moments[0] += given.sum(axis=0) * (_moved(centres, de, dp) - centres)
        moments[1] += given.sum(axis=0) * dp * (2 * np.pi / grid.columns)
    where: tuple[Integers, ...] = np.nonzero(peak)
    size = sums.sum(axis=0)[where]
    phi = (where[2] + 0.5) * (2 * np.pi / grid.columns) - np.pi + moments[1][where] / size
    return {
        "event": where[0],
        "pt": size,
        "eta": centres[where] + moments[0][where] / size,
        "phi": np.pi - (np.pi - phi) % (2 * np.pi),
        "em_fraction": sums[0][where] / size,
    }, lost
