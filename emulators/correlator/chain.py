"""The whole correlator on flat particle columns: regions, LinPuppi, jets, MET, HT.

`correlate` runs batches of events through work arrays that stay in the cache; its result equals
`Regionizer.run`, `LinPuppi.run`, `deregionize`, `SeededCone.run`, `met` and `ht` one after another.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from l1kd.emulators.array_types import AnyArray, Integers, Shorts, Singles
from l1kd.emulators.correlator.clusters.clusterer import Clusterer, Clusters
from l1kd.emulators.correlator.jets.seeded_cone import SeededCone
from l1kd.emulators.correlator.linpuppi.linpuppi import LinPuppi
from l1kd.emulators.correlator.linpuppi.output_lists import final_arrays
from l1kd.emulators.correlator.regionizer.geometry import BOARDS, LAYER2_SLOTS, layer2_order
from l1kd.emulators.correlator.regionizer.kernels import LOSSES, collect
from l1kd.emulators.correlator.regionizer.regionizer import (
    PUPPI_TRACKS,
    Batch,
    Regionizer,
    read_particles,
    read_vertices,
)
from l1kd.emulators.correlator.sums.sums import ht_raw, met_raw, select_jets
from l1kd.emulators.correlator.weighing.network_weight import NetworkWeigher, NetworkWeight

__all__ = ["CorrelatorResult", "correlate"]

BATCH: Final = 16
FINAL_SLOTS: Final = 18
ORDER: Final = layer2_order()


@dataclass(frozen=True)
class CorrelatorResult:
    """What the correlator makes of a number of events; raw integers unless stated.

    Attributes
    ----------
    weights : ndarray of float32
        Weight of every source particle, in its order: 0 where dropped, 1 for charged particles
        that are kept (or what a network gives them), the firmware's weight/256 for neutral ones.
        It comes from the region to which the particle's position belongs; copies in the overlap of
        others do not leave layer 1. With clusters a neutral particle has the mean of its clusters'
        by its share in them.
    vertex : ndarray of int16
        z0 of the primary vertex, 0.05 cm.
    candidates : dict of ndarray
        `n_cand` (n,); `cand_hwPt`, `cand_hwEta`, `cand_hwPhi`, `cand_hwPuppiW`, `cand_hwId` and
        `cand_source`, the index of the source particle, (n, 128), as layer 2 receives them. With
        clusters it is the index in `clusters`.
    jets : dict of ndarray
        Output of `SeededCone.run`.
    met, ht : dict of ndarray
        Output of `met` and `ht`, of the jets above 30 GeV within 2.4.
    losses : dict of ndarray of int64
        Particles lost per event: `outside` of acceptance or without a step of momentum,
        `soft_tracks` below the tracker's threshold, `forward_muons` where there is no tracker,
        `regionizer_tracks` and `regionizer_neutrals` beyond the multiplicity limits of the region
        they belong to, `puppi_tracks` that LinPuppi does not read, `final_sort` candidates beyond
        the final list of a region, `layer2_list` candidates beyond the 128th. With clusters those
        of `Clusters` too.
    clusters : Clusters or None
        Tracks and clusters that entered instead of the particles, where clusters were formed.
    """

    weights: Singles
    vertex: Shorts
    candidates: dict[str, AnyArray]
    jets: dict[str, AnyArray]
    met: dict[str, AnyArray]
    ht: dict[str, AnyArray]
    losses: dict[str, Integers]
    clusters: Clusters | None = None


def correlate(
    particles: Mapping[str, Any],
    offsets: Any,
    vertex: Any = None,
    *,
    regionizer: Regionizer | None = None,
    puppi: Mapping[str, LinPuppi] | None = None,
    jets: SeededCone | None = None,
    clusters: Clusterer | None = None,
    weight: NetworkWeight | None = None,
) -> CorrelatorResult:
    """Run the correlator on events given as flat columns.

    Parameters
    ----------
    particles : mapping of array_like
        `pt` [GeV], `eta`, `phi` [rad], `charge`, `pid` (classes 0 to 7), `z0` [cm]; see
        `read_particles`. Other columns are ignored.
    offsets : array_like of int
        Position of the first particle of every event, and the number of particles at the end.
    vertex : array_like of float, optional
        z0 of the primary vertex of every event [cm], or one for all; if not given the one that
        `VertexFinder` finds from the tracks, whose z0 are then relative to the detector's centre.
    regionizer : Regionizer, optional
        Track thresholds other than those of the trigger.
    puppi : mapping of LinPuppi, optional
        Other LinPuppi configurations by board type. They must read as many tracks as the preset,
        and have no more than 18 final candidates, the slots on the links to layer 2.
    jets : SeededCone, optional
        Other jets than 16 of radius 0.4 with mass.
    clusters : Clusterer, optional
        Form clusters of the neutral particles first; without it they enter one by one.
    weight : NetworkWeight, optional
        A network that weighs the candidates in LinPUPPI's place.

    Returns
    -------
    CorrelatorResult

    Raises
    ------
    ValueError
        If a column is missing or wrong, or a LinPuppi configuration or a network does not fit.
    """
    if clusters is not None:
        reach = (regionizer or Regionizer()).track_max_abs_eta
        formed = clusters.run(particles, offsets, track_max_abs_eta=reach)
        result = correlate(
            formed.particles, formed.offsets, vertex, regionizer=regionizer, puppi=puppi,
            jets=jets, weight=weight,
        )  # fmt: skip
        return replace(
            result,
            weights=formed.spread(result.weights),
            losses=result.losses | formed.losses,
            clusters=formed,
        )
    columns, bounds = read_particles(particles, offsets)
    n = len(bounds) - 1
    vertices = read_vertices(vertex, columns, bounds)
    algorithms = _algorithms(puppi or {})
    limits = (regionizer or Regionizer()).limits
    lost = np.zeros((n, len(LOSSES)), dtype=np.int64)
    weights = np.zeros(len(columns[0]), dtype=np.float32)
    lists = _lists(n)
    batch = Batch(min(BATCH, max(n, 1)))
    arguments = [batch.arguments(kind) for kind in range(len(BOARDS))]
    final = final_arrays(batch.rows[-1].stop, FINAL_SLOTS, algorithms[0].parameters)
    parts = [_rows(final, rows) for rows in batch.rows]
    collected = ((*final[0][:3], final[0][5]), final[1][0], *final[3:])
    weigher = None if weight is None else NetworkWeigher(weight, batch, algorithms)
    track_weights = batch.whole if weigher is None else weigher.track_weights
    for first in range(0, n, batch.n_events):
        last = min(first + batch.n_events, n)
        batch.fill(first, last, bounds, columns, limits, vertices, lost)
        if weigher is not None:
            weigher.run(parts)
        else:
            for algorithm, inputs, out in zip(algorithms, arguments, parts, strict=True):
                algorithm.run_final(*inputs, out)
        collect(
            first, last, ORDER, batch.boards, PUPPI_TRACKS, collected, batch.tracks[1],
            batch.neutrals[1], track_weights, weights, lists, lost,
        )  # fmt: skip
    return _result(weights, vertices, lists, jets or SeededCone(), lost)


def _algorithms(puppi: Mapping[str, LinPuppi]) -> list[LinPuppi]:
    """Return one LinPuppi per board type."""
    unknown = set(puppi) - {b.name for b in BOARDS}
    if unknown:
        raise ValueError(f"unknown board types {sorted(unknown)}; known: barrel, hgcal, ...")
    algorithms = [puppi.get(b.name) or LinPuppi.preset(b.name) for b in BOARDS]
    for board, tracks, algorithm in zip(BOARDS, PUPPI_TRACKS, algorithms, strict=True):
        p = algorithm.parameters
        leaving = p.n_out if p.forward else p.n_final
        if p.n_track != tracks or leaving > FINAL_SLOTS or algorithm.variant != "fixed-point":
            raise ValueError(
                f"LinPuppi of {board.name} reads {p.n_track} tracks and gives {leaving} candidates "
                f"({algorithm.variant}); the board has {tracks} tracks, {FINAL_SLOTS} candidates "
                "and the fixed-point variant"
            )
    return algorithms


def _rows(final: tuple[Any, ...], rows: slice) -> tuple[Any, ...]:
    """Return the final arrays of one board type."""
    return (
        tuple(f[rows] for f in final[0]),
        tuple(f[rows] for f in final[1]),
        *(f[rows] for f in final[2:]),
    )


def _lists(n: int) -> tuple[Any, ...]:
    """Allocate the lists of layer 2."""
    return (
        tuple(np.zeros((4, n, LAYER2_SLOTS), dtype=np.int16)),
        np.zeros((n, LAYER2_SLOTS), dtype=np.int8),
        np.zeros(n, dtype=np.int16),
        np.full((n, LAYER2_SLOTS), -1, dtype=np.int64),
    )


def _result(
    weights: Singles, vertices: Shorts, lists: tuple[Any, ...],
    cone: SeededCone, lost: Integers,
) -> CorrelatorResult:  # fmt: skip
    """Compute jets and sums and name everything."""
    (pt, eta, phi, weight), label, n_cand, source = lists
    jets = cone.run_raw(n_cand, (pt, eta, phi))
    chosen = select_jets(jets)
    return CorrelatorResult(
        weights=weights,
        vertex=vertices,
        candidates={
            "n_cand": n_cand,
            "cand_hwPt": pt,
            "cand_hwEta": eta,
            "cand_hwPhi": phi,
            "cand_hwPuppiW": weight,
            "cand_hwId": label,
            "cand_source": source,
        },
        jets=jets,
        met=met_raw(n_cand, pt, phi),
        ht=ht_raw(chosen["n_jets"], chosen["jet_hwPt"], chosen["jet_hwPhi"]),
        losses=dict(zip(LOSSES, lost.T, strict=True)),
    )
