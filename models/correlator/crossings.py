"""Events as a network in the correlator sees them: flat arrays of the candidates of regions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from l1kd._edge import flat
from l1kd.algorithms import Correlator
from l1kd.algorithms.linpuppi import track_z0
from l1kd.datasets import inspect_file
from l1kd.emulators.array_types import AnyArray, Floats, Integers, Mask, Shorts, Singles
from l1kd.emulators.correlator.clusters import Clusterer
from l1kd.emulators.correlator.linpuppi import LinPuppi, LinPuppiParameters
from l1kd.emulators.correlator.regionizer.geometry import BOARDS
from l1kd.emulators.correlator.types import ETA_PHI_LSB, PT_LSB
from l1kd.emulators.correlator.weighing import region_inputs
from l1kd.emulators.correlator.weighing.columns import Tracks
from l1kd.errors import MissingBranchError
from l1kd.truth import event_weight

__all__ = ["REGIONS", "TRACKER", "Crossings", "Raw", "form", "read_raw"]

_CHUNK = 200
_FORMED = 400
"""Events whose clusters and regions are in memory at a time."""
_OF_A_BOARD = 64
REGIONS = _OF_A_BOARD * len(BOARDS)
"""More than any number of a region."""
TRACKER = _OF_A_BOARD * sum(b.name in ("barrel", "hgcal") for b in BOARDS)
"""Numbers of regions with tracks lie below."""


class Raw(NamedTuple):
    """Particles of events, as `correlate` takes them, with `hard_fraction`.

    `offsets`: int64[n + 1]. `weight`: float64[n], event weights.
    """

    particles: dict[str, AnyArray]
    offsets: Integers
    weight: Floats

    @property
    def n_events(self) -> int:
        """Number of events."""
        return len(self.offsets) - 1

    def events(self, chosen: NDArray[np.int64]) -> "Raw":
        """Return these events, in this order; an event may come again."""
        sizes = self.offsets[chosen + 1] - self.offsets[chosen]
        offsets = np.concatenate([[0], np.cumsum(sizes)])
        place = np.arange(offsets[-1]) + np.repeat(self.offsets[chosen] - offsets[:-1], sizes)
        return Raw({k: v[place] for k, v in self.particles.items()}, offsets, self.weight[chosen])

    def followed_by(self, other: "Raw") -> "Raw":
        """Return these events with others behind them."""
        joined = {k: np.concatenate([v, other.particles[k]]) for k, v in self.particles.items()}
        offsets = np.concatenate([self.offsets, self.offsets[-1] + other.offsets[1:]])
        return Raw(joined, offsets, np.concatenate([self.weight, other.weight]))

    def where(self, kept: Mask) -> "Raw":
        """Return the events with some of their particles alone."""
        counts = np.concatenate([[0], np.cumsum(kept)])
        chosen = {k: v[kept] for k, v in self.particles.items()}
        return Raw(chosen, counts[self.offsets], self.weight)


@dataclass(frozen=True)
class Crossings:
    """Candidates of events.

    Attributes
    ----------
    values : ndarray of int16, shape (n, inputs)
        Raw inputs, in 1/16.
    pt, px, py : ndarray of float32, shape (n,)
        Momentum before any weight [GeV]; of tracks at the vertex.
    share : ndarray of float32, shape (n,)
        True share of the hard collision.
    neutral : ndarray of bool, shape (n,)
        Not a track.
    region : ndarray of int16, shape (n,)
        Region to which it belongs, below `REGIONS`.
    start : ndarray of int64, shape (n_events + 1,)
        Bounds of the events.
    half : ndarray of int8, shape (n_events,)
        Half of the data that the event belongs to, 0 or 1.
    original : ndarray of bool, shape (n_events,)
        Not an overlay.
    rate : float
        Rate of this kind of event [Hz]; 0 for signals.
    taught : ndarray of float32, shape (n,)
        Training targets where they are not the true share.
    """

    values: Shorts
    pt: Singles
    px: Singles
    py: Singles
    share: Singles
    neutral: Mask
    region: Shorts
    start: Integers
    half: NDArray[np.int8]
    original: Mask
    rate: float
    taught: Singles | None = None

    @property
    def target(self) -> Singles:
        """What weights are trained for."""
        return self.share if self.taught is None else self.taught

    @property
    def n_events(self) -> int:
        """Number of events."""
        return len(self.start) - 1

    def followed_by(self, other: "Crossings") -> "Crossings":
        """Put overlays of the same kind of event behind these; the rate is that of this kind."""
        both = {
            name: np.concatenate([getattr(self, name), getattr(other, name)])
            for name in (
                "values",
                "pt",
                "px",
                "py",
                "share",
                "neutral",
                "region",
                "half",
                "original",
            )
        }
        start = np.concatenate([self.start, self.start[-1] + other.start[1:]])
        taught = None
        if self.taught is not None or other.taught is not None:
            taught = np.concatenate([self.target, other.target])
        return Crossings(**both, start=start, rate=self.rate, taught=taught)


def read_raw(path: Path) -> Raw:
    """Read the particles of a file with their true shares.

    Raises
    ------
    L1KDError
        If the file cannot be read.
    MissingBranchError
        If it does not store the shares.
    """
    file, parts, weights, sizes = inspect_file(str(path)), [], [], [np.zeros(1, np.int64)]
    algorithm = Correlator()
    for first in range(0, file.entries, _CHUNK):
        events = file.open(first, min(first + _CHUNK, file.entries))
        columns = algorithm.prepare_awkward(events)[1]
        record = algorithm.particles(events)
        if "hard_fraction" not in record.fields:
            raise MissingBranchError(f"{path}: a training needs the true shares of the particles")
        sizes.append(np.diff(columns.pop("offsets")))
        share = flat(record["hard_fraction"], np.float32)
        parts.append({**columns, "z0": track_z0(columns["z0"]), "hard_fraction": share})
        weights.append(event_weight(events))
    joined = {name: np.concatenate([p[name] for p in parts]) for name in parts[0]}
    return Raw(joined, np.cumsum(np.concatenate(sizes)), np.concatenate(weights))


def form(
    raw: Raw, names: Sequence[str], puppi: Mapping[str, LinPuppiParameters],
    half: NDArray[np.int8], *, original: bool = True, rate: float = 0.0,
    clusterer: Clusterer | None = None, tracks: Tracks = "kept",
) -> Crossings:  # fmt: skip
    """Form clusters, regions and inputs of events, with the vertex that the trigger finds.

    Parameters
    ----------
    raw
        Events.
    names
        Inputs.
    puppi
        LinPUPPI's parameters by board type.
    half, original, rate
        As of `Crossings`.
    clusterer
        How clusters are formed; as usual by default.
    tracks
        Which tracks are candidates, as for `region_inputs`.
    """
    parts = []
    for first in range(0, max(raw.n_events, 1), _FORMED):
        some = np.arange(first, min(first + _FORMED, raw.n_events))
        given = (raw.events(some), names, puppi, half[some], original, rate, clusterer, tracks)
        parts.append(_form(*given))
    return reduce(Crossings.followed_by, parts)


def _form(
    raw: Raw, names: Sequence[str], puppi: Mapping[str, LinPuppiParameters],
    half: NDArray[np.int8], original: bool, rate: float, clusterer: Clusterer | None,
    tracks: Tracks,
) -> Crossings:  # fmt: skip
    """Form some events."""
    formed = (clusterer or Clusterer()).run(raw.particles, raw.offsets)
    weighers = {board: LinPuppi(own) for board, own in puppi.items()}
    found = region_inputs(
        formed.particles, formed.offsets, names=names, puppi=weighers, tracks=tracks
    )
    order = np.argsort(found.event, kind="stable")
    pt = (found.hw_pt[order] * PT_LSB).astype(np.float32)
    source = found.source[order]
    # the correlator's sums take tracks where they began, not where they meet the calorimeter
    phi = np.where(
        found.track[order], formed.particles["phi"][source], found.hw_phi[order] * ETA_PHI_LSB
    )
    assert formed.hard_fraction is not None
    return Crossings(
        values=found.values[order],
        pt=pt,
        px=(pt * np.cos(phi)).astype(np.float32),
        py=(pt * np.sin(phi)).astype(np.float32),
        share=formed.hard_fraction[source].astype(np.float32),
        neutral=~found.track[order],
        region=(found.board.astype(np.int16) * _OF_A_BOARD + found.region)[order],
        start=np.searchsorted(found.event[order], np.arange(raw.n_events + 1)).astype(np.int64),
        half=half,
        original=np.full(raw.n_events, original),
        rate=rate,
    )
