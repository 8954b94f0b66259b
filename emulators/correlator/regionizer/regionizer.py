"""From particles to the 108 regions of layer 1, and from their candidates to the list of layer 2.

Particles in physical units enter, not tracks and clusters: the particle-flow step of layer 1 is
taken as done. `docs/correlator.md` states what this excludes.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np

from l1kd.emulators.array_types import AnyArray, Integers, Shorts
from l1kd.emulators.correlator.linpuppi.parameters import PRESETS
from l1kd.emulators.correlator.regionizer.geometry import (
    BOARDS,
    EXTRA,
    LAYER2_SLOTS,
    layer2_order,
    slice_tables,
)
from l1kd.emulators.correlator.regionizer.kernels import LOSSES, regionize
from l1kd.emulators.correlator.regionizer.particle_columns import read_particles, read_vertices
from l1kd.emulators.correlator.types import dxy_to_raw

__all__ = ["LOSSES", "Batch", "Regionizer", "deregionize", "read_particles", "read_vertices"]

Arrays = tuple[AnyArray, ...]


def _slices() -> tuple[AnyArray, ...]:
    """Return the slice tables and the geometry of every eta slice."""
    rows = []
    for kind, board in enumerate(BOARDS):
        eta, _, half, _ = board.geometry()
        rows += [(eta[i], half[i], kind, i) for i in range(0, board.n_regions, 9)]
    return (*slice_tables(), np.array(rows, dtype=np.int32))


SLICES: Final = _slices()
PUPPI_TRACKS: Final = np.array([PRESETS[b.name].n_track for b in BOARDS], dtype=np.int32)


class Batch:
    """Work arrays for the regions of a number of events, used again for every batch.

    Rows are grouped by board type, then event, then region.

    Parameters
    ----------
    n_events : int
        Number of events.
    """

    def __init__(self, n_events: int) -> None:
        self.n_events = n_events
        sizes = np.array([b.n_regions for b in BOARDS])
        first = np.concatenate([[0], np.cumsum(sizes * n_events)])
        self.rows = [slice(int(a), int(b)) for a, b in pairwise(first)]
        limits = [(b.n_tracks, b.n_neutrals) for b in BOARDS]
        self.boards = np.array(
            [(first[b], sizes[b], *limits[b], PUPPI_TRACKS[b]) for b in range(len(BOARDS))],
            dtype=np.int32,
        )
        n, width_t, width_n = int(first[-1]), max(t for t, _ in limits), max(k for _, k in limits)
        with_tracks = int(first[2])
        self.tracks = _slots(6, with_tracks, width_t)
        self.neutrals = _slots(4, n, width_n)
        self.pv = np.zeros(with_tracks, dtype=np.int16)
        self.nothing = np.zeros((with_tracks, width_t), dtype=np.int16)
        self.whole = np.full((with_tracks, width_t), 256, dtype=np.int16)
        geometry = [np.tile(np.stack(b.geometry()), n_events) for b in BOARDS]
        self.region = tuple(np.ascontiguousarray(np.concatenate(geometry, axis=1)))

    def fill(
        self, first: int, last: int, offsets: Integers, particles: tuple[Any, ...],
        limits: tuple[float, float], vertices: Shorts, lost: Integers,
    ) -> None:  # fmt: skip
        """Distribute the particles of events first to last over the regions."""
        regionize(
            first, last, offsets, particles, limits, vertices, SLICES, self.boards,
            self.tracks, self.neutrals, self.pv, lost,
        )  # fmt: skip

    def arguments(self, kind: int) -> tuple[Arrays, Arrays, Arrays, Arrays, Arrays]:
        """Return track, charged, neutral, region and counts of a board type, as LinPuppi reads."""
        rows = self.rows[kind]
        region = tuple(r[rows] for r in self.region)
        pt, eta, phi, em = (f[rows] for f in self.neutrals[0])
        n_neu = self.neutrals[2][rows]
        if not BOARDS[kind].n_tracks:
            return (), (), (pt, eta, phi, em, em), region, (n_neu, n_neu, n_neu)
        t_pt, t_eta, t_phi, label, z0, bend = (f[rows] for f in self.tracks[0])
        zero = self.nothing[rows]
        charged = (t_pt, t_eta, t_phi, label, z0, zero, zero, bend, zero)
        counts = (self.pv[rows], self.tracks[2][rows], n_neu)
        return (t_pt, t_eta, t_phi, z0), charged, (pt, eta, phi, em, em), region, counts


def _slots(fields: int, rows: int, width: int) -> tuple[Any, ...]:
    """Allocate fields, source and number of the objects in region slots."""
    return (
        tuple(np.zeros((fields, rows, width), dtype=np.int16)),
        np.zeros((rows, width), dtype=np.int32),
        np.zeros(rows, dtype=np.int16),
    )


@dataclass(frozen=True)
class Regionizer:
    """Distribution of particles over the regions of layer 1.

    In every region the particles are ordered by descending raw momentum, equal ones as they come
    in the event, and the first ones up to the multiplicity limits enter: 25 tracks and 25 neutrals
    in the barrel, 30 and 20 in HGCal, 12 and 18 clusters in HGCal without tracks and in HF.

    Parameters
    ----------
    track_min_pt : float
        Charged particles below this momentum make no track [GeV].
    track_max_abs_eta : float
        Charged particles beyond are seen as clusters, muons not at all.
    """

    track_min_pt: float = 2.0
    track_max_abs_eta: float = 2.5

    @property
    def limits(self) -> tuple[float, float]:
        """The parameters, as the kernels take them."""
        return float(self.track_min_pt), float(self.track_max_abs_eta)

    def run(
        self, particles: Mapping[str, Any], offsets: Any, vertex: Any = None
    ) -> tuple[dict[str, dict[str, AnyArray]], dict[str, AnyArray]]:
        """Make the input of every board type.

        Parameters
        ----------
        particles, offsets
            As for `read_particles`, and `dxy` [cm] where there is one.
        vertex : array_like of float, optional
            Position of the primary vertex of every event [cm]; without it the one that
            `VertexFinder` finds.

        Returns
        -------
        dict of dict of ndarray
            For each board type ("barrel", "hgcal", "hgcalnotk", "hf") the input of
            `LinPuppi.preset(...).run`, regions of one event after those of another, with the index
            of the source particle of every slot: `trk_source`, `neu_source` (-1 where empty).
        dict of ndarray
            `pv_hwZ0` int16 and every loss of `LOSSES` int64, per event; the last two, which arise
            later, are 0.
        """
        columns, bounds = read_particles(particles, offsets)
        n = len(bounds) - 1
        vertices = read_vertices(vertex, columns, bounds)
        lost = np.zeros((n, len(LOSSES)), dtype=np.int64)
        batch = Batch(n)
        batch.fill(0, n, bounds, columns, self.limits, vertices, lost)
        dxy = dxy_to_raw(np.nan_to_num(particles["dxy"])) if "dxy" in particles else None
        inputs = {b.name: _named(batch, kind, dxy) for kind, b in enumerate(BOARDS)}
        return inputs, {"pv_hwZ0": vertices, **dict(zip(LOSSES, lost.T, strict=True))}


def _named(batch: Batch, kind: int, dxy: AnyArray | None) -> dict[str, AnyArray]:
    """Name the inputs of one board type; empty slots are zero."""
    board, rows = BOARDS[kind], batch.rows[kind]
    track, charged, neutral, region, counts = batch.arguments(kind)
    named: dict[str, AnyArray] = {}
    names = ("hwEtaCenter", "hwPhiCenter", "hwEtaHalfWidth", "hwPhiHalfWidth")
    named.update({f"region_{name}": r for name, r in zip(names, region, strict=True)})
    named["region_hwEtaExtra"] = named["region_hwPhiExtra"] = np.full_like(region[0], EXTRA)
    slots = board.n_neutrals
    neutral = tuple(f[:, :slots] for f in neutral)
    prefix, fields = ("pfne_", _NEUTRAL) if board.n_tracks else ("calo_", _CLUSTER)
    named["n_neu"] = counts[2]
    named["neu_source"] = _source(batch.neutrals[1][rows, :slots], counts[2])
    named.update({prefix + name: neutral[i] for name, i in fields})
    if not board.n_tracks:
        return named
    named["pv_hwZ0"], named["n_trk"] = counts[:2]
    source = _source(batch.tracks[1][rows, : board.n_tracks], counts[1])
    named["trk_source"] = source
    fields_charged = [f[:, : board.n_tracks] for f in charged]
    if dxy is not None and len(dxy):
        fields_charged[5] = np.where(source >= 0, dxy[source], 0).astype(np.int16)
    named.update({f"pfch_{name}": f for name, f in zip(_CHARGED, fields_charged, strict=True)})
    track = tuple(f[:, : board.n_tracks] for f in track)
    named.update({f"trk_{name}": f for name, f in zip(_TRACK, track, strict=True)})
    return named


_NEUTRAL: Final = (("hwPt", 0), ("hwEta", 1), ("hwPhi", 2), ("hwId", 3), ("hwEmID", 4))
_CLUSTER: Final = (("hwPt", 0), ("hwEta", 1), ("hwPhi", 2), ("hwEmID", 4))
_TRACK: Final = ("hwPt", "hwEta", "hwPhi", "hwZ0")
_CHARGED: Final = (
    "hwPt", "hwEta", "hwPhi", "hwId", "hwZ0", "hwDxy", "hwDEta", "hwDPhi", "hwTkQuality",
)  # fmt: skip


def _source(index: AnyArray, counts: AnyArray) -> Integers:
    """Return source indices with -1 in empty slots."""
    return np.where(np.arange(index.shape[1]) < counts[:, None], index, -1).astype(np.int64)


def deregionize(
    outputs: Mapping[str, Mapping[str, AnyArray]], n_events: int
) -> dict[str, AnyArray]:
    """Collect the candidates of all regions into the list of layer 2.

    Parameters
    ----------
    outputs : mapping
        For each board type the output of `LinPuppi.run`, regions of one event after another.
    n_events : int
        Number of events.

    Returns
    -------
    dict of ndarray
        `n_cand` int16 (n_events,), `cand_hwPt`, `cand_hwEta`, `cand_hwPhi` int16 and `cand_hwId`
        int8 (n_events, 128), in the order of arrival, and `n_lost` int64: candidates behind the
        128th. Candidates without momentum are skipped.
    """
    order = layer2_order()
    fields: dict[str, AnyArray] = {}
    for name in ("hwPt", "hwEta", "hwPhi", "hwId"):
        columns = np.zeros((n_events, len(order)), dtype=np.int16)
        for kind, board in enumerate(BOARDS):
            values = np.asarray(outputs[board.name][f"out_puppi_{name}"])
            mine = order[:, 0] == kind
            shaped = values.reshape(n_events, board.n_regions, values.shape[-1])
            columns[:, mine] = shaped[:, order[mine, 1], order[mine, 2]]
        fields[name] = columns
    present = fields["hwPt"] > 0
    total = present.sum(axis=1)
    first = np.argsort(~present, axis=1, kind="stable")[:, :LAYER2_SLOTS]
    used = np.arange(LAYER2_SLOTS) < total[:, None]
    result: dict[str, AnyArray] = {
        "n_cand": np.minimum(total, LAYER2_SLOTS).astype(np.int16),
        "n_lost": np.maximum(total - LAYER2_SLOTS, 0).astype(np.int64),
    }
    for name, columns in fields.items():
        kind_of = np.int8 if name == "hwId" else np.int16
        listed = np.take_along_axis(columns, first, axis=1)
        result[f"cand_{name}"] = np.where(used, listed, 0).astype(kind_of)
    return result
