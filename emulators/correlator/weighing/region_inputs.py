"""From flat particle columns to the inputs of a network in the correlator, for training.

`correlate` forms the same integers by the same kernels.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from l1kd.emulators.array_types import Codes, Integers, Mask, Shorts
from l1kd.emulators.correlator.linpuppi.linpuppi import LinPuppi
from l1kd.emulators.correlator.regionizer.geometry import BOARDS
from l1kd.emulators.correlator.regionizer.kernels import LOSSES
from l1kd.emulators.correlator.regionizer.regionizer import (
    Batch,
    Regionizer,
    read_particles,
    read_vertices,
)
from l1kd.emulators.correlator.weighing.columns import NAMES, Tracks
from l1kd.emulators.correlator.weighing.former import InputFormer

__all__ = ["RegionInputs", "region_inputs"]

BATCH: Final = 16


@dataclass(frozen=True)
class RegionInputs:
    """Candidates that are weighed, each once, in the region to which its position belongs.

    Attributes
    ----------
    values : ndarray of int16, shape (n, inputs)
        Raw values of `columns.FORMAT`: divide by 16.
    names : tuple of str
        The inputs, one for each column of `values`.
    source : ndarray of int64, shape (n,)
        Index of the particle, for whatever else is known of it (its true share, for instance).
    event : ndarray of int64, shape (n,)
        Number of the event; ascending by batches of 16 and board types, not altogether.
    board, region, slot : ndarray of int8, shape (n,)
        Position in `BOARDS`, region within the board type, slot within the region's tracks or
        neutrals.
    track : ndarray of bool, shape (n,)
        Whether it is a track.
    hw_pt, hw_eta, hw_phi : ndarray of int16, shape (n,)
        Momentum before any weight, 0.25 GeV; global position at the calorimeter, pi/720.
    linpuppi : ndarray of int16, shape (n,)
        LinPUPPI's weight, 1/256; 256 for tracks that it keeps, 0 for others.
    pt_cut : ndarray of int16, shape (n,)
        Smallest weighted momentum [0.25 GeV] that LinPUPPI keeps there; 0 for tracks.
    vertex : ndarray of int16, shape (n_events,)
        z0 of the vertex, 0.05 cm.
    """

    values: Shorts
    names: tuple[str, ...]
    source: Integers
    event: Integers
    board: Codes
    region: Codes
    slot: Codes
    track: Mask
    hw_pt: Shorts
    hw_eta: Shorts
    hw_phi: Shorts
    linpuppi: Shorts
    pt_cut: Shorts
    vertex: Shorts


def region_inputs(
    particles: Mapping[str, Any],
    offsets: Any,
    vertex: Any = None,
    *,
    names: Sequence[str] = NAMES,
    tracks: Tracks = "kept",
    regionizer: Regionizer | None = None,
    puppi: Mapping[str, LinPuppi] | None = None,
) -> RegionInputs:
    """Form the inputs of every candidate that a network in the correlator would weigh.

    Parameters
    ----------
    particles, offsets, vertex, regionizer, puppi
        As for `correlate`.
    names : sequence of str
        Inputs, of `columns.NAMES`; all by default.
    tracks : {"none", "kept", "every"}
        Which tracks are among the candidates: none, those that LinPUPPI keeps, or every one.

    Returns
    -------
    RegionInputs

    Raises
    ------
    ValueError
        If a column is missing or wrong, or an input or a choice of tracks is unknown.
    """
    columns, bounds = read_particles(particles, offsets)
    n = len(bounds) - 1
    vertices = read_vertices(vertex, columns, bounds)
    limits = (regionizer or Regionizer()).limits
    given = puppi or {}
    algorithms = [given.get(b.name) or LinPuppi.preset(b.name) for b in BOARDS]
    lost = np.zeros((n, len(LOSSES)), dtype=np.int64)
    batch = Batch(min(BATCH, max(n, 1)))
    former = InputFormer(batch, algorithms, names, tracks=tracks)
    values, parts = [former.values[:0].copy()], [former.describe(0, 0)]
    for first in range(0, n, batch.n_events):
        last = min(first + batch.n_events, n)
        batch.fill(first, last, bounds, columns, limits, vertices, lost)
        m = former.form()
        values.append(former.values[:m].copy())
        parts.append(former.describe(m, first))
    described: dict[str, Any] = {
        name: np.concatenate([part[name] for part in parts]) for name in parts[0]
    }
    return RegionInputs(np.concatenate(values), tuple(names), vertex=vertices, **described)
