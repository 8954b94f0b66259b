"""Anti-kt jets of weighted particles, many events in one call of scikit-hep fastjet."""

from dataclasses import dataclass

import awkward as ak
import fastjet
import numpy as np
from numpy.typing import ArrayLike, NDArray

from l1kd.columns import (
    EventColumns,
    check_offsets,
    event_index,
    offsets_from_counts,
    select_offsets,
)
from l1kd.emulators.array_types import Floats, Offsets
from l1kd.errors import InputError

__all__ = ["RADIUS", "Jets", "anti_kt", "ht", "leading_pt", "no_jets", "sorted_jets"]

RADIUS = 0.4
"""Radius parameter of the trigger's and of CMS's standard jets."""

_PARTICLES_A_CALL = 200_000
# fastjet keeps the whole clustering history of a call in memory, about 0.5 kB a particle


@dataclass(frozen=True)
class Jets(EventColumns):
    """Jets of many events as flat columns, pt-ordered within an event.

    `pt`, `mass` [GeV], `eta`, `phi` [rad, (-pi, pi]] are float64[n]; event i owns the entries
    offsets[i]:offsets[i + 1] of int64 `offsets`.
    """

    pt: Floats
    eta: Floats
    phi: Floats
    mass: Floats
    offsets: Offsets


def no_jets(n_events: int) -> Jets:
    """Return the jets of events that have none."""
    nothing = np.zeros(0)
    return Jets(nothing, nothing, nothing, nothing, np.zeros(n_events + 1, np.int64))


def sorted_jets(
    pt: ArrayLike, eta: ArrayLike, phi: ArrayLike, mass: ArrayLike, offsets: ArrayLike
) -> Jets:
    """Jets from columns in any order (those of a file), sorted by falling pt within each event."""
    columns = [np.asarray(x, dtype=np.float64) for x in (pt, eta, phi, mass)]
    edges = check_offsets(offsets, columns[0].size)
    if any(x.shape != columns[0].shape for x in columns):
        raise InputError(f"jets: columns of different lengths {[x.size for x in columns]}")
    order = np.lexsort((-columns[0], event_index(edges)))
    first, second, third, fourth = (x[order] for x in columns)
    return Jets(first, second, third, fourth, edges)


def anti_kt(
    pt: ArrayLike,
    eta: ArrayLike,
    phi: ArrayLike,
    energy: ArrayLike,
    offsets: ArrayLike,
    weights: ArrayLike | None = None,
    *,
    radius: float = RADIUS,
    min_pt: float = 15.0,
) -> Jets:
    """Cluster weighted particles with the anti-kt algorithm (Cacciari, Salam, Soyez 2008).

    Each particle's four-momentum is multiplied by its weight and the energies are added
    (E scheme). Particles of weight zero are excluded, not clustered as zero vectors.

    Parameters
    ----------
    pt, eta, phi, energy
        float[n], all particles of all events: GeV, pseudorapidity, rad, GeV. An energy below the
        momentum (single precision) is raised to it.
    offsets
        int[n_events + 1]; event i owns the entries offsets[i]:offsets[i + 1].
    weights
        float[n]; None is one for every particle.
    radius, min_pt
        Radius parameter; jets with pt > min_pt [GeV] are returned.

    Returns
    -------
    Jets, of as many events as came in.

    Raises
    ------
    InputError
        If lengths differ, the offsets do not fit, or a value is NaN or infinite.
    """
    columns = [np.asarray(x, dtype=np.float64) for x in (pt, eta, phi, energy)]
    if weights is not None:
        columns.append(np.asarray(weights, dtype=np.float64))
    if any(x.shape != columns[0].shape for x in columns):
        raise InputError(f"anti_kt: columns of different lengths {[x.size for x in columns]}")
    edges = check_offsets(offsets, columns[0].size)
    if not all(np.isfinite(x).all() for x in columns):
        raise InputError("anti_kt: a particle has a value that is NaN or infinite")
    factor = columns[4] if weights is not None else np.ones(columns[0].size)
    kept = factor * columns[0] > 0.0
    edges = select_offsets(edges, kept)
    momentum, pseudorapidity, azimuth, total, factor = (x[kept] for x in (*columns[:4], factor))
    momentum = factor * momentum
    p_z = momentum * np.sinh(pseudorapidity)
    four = (
        momentum * np.cos(azimuth),
        momentum * np.sin(azimuth),
        p_z,
        np.maximum(factor * total, np.hypot(momentum, p_z)),
    )
    definition = fastjet.JetDefinition(fastjet.antikt_algorithm, radius)
    found, counts = [], []
    for first, last in _blocks(edges):
        vectors, n_jets = _cluster(four, edges[first : last + 1], definition, min_pt)
        found.append(vectors)
        counts.append(n_jets)
    vectors = np.concatenate(found, axis=1) if found else np.zeros((4, 0))
    n_jets = np.concatenate(counts) if counts else np.zeros(0, np.int64)
    return _from_vectors(vectors, offsets_from_counts(n_jets), min_pt)


def _blocks(edges: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Split events into runs of at most `_PARTICLES_A_CALL` particles, at least one event each."""
    blocks, first, n_events = [], 0, edges.size - 1
    while first < n_events:
        limit = edges[first] + _PARTICLES_A_CALL
        last = max(int(np.searchsorted(edges, limit, side="right")) - 1, first + 1)
        last = min(last, n_events)
        blocks.append((first, last))
        first = last
    return blocks


def _cluster(
    four: tuple[Floats, ...],
    edges: NDArray[np.int64],
    definition: fastjet.JetDefinition,
    min_pt: float,
) -> tuple[Floats, NDArray[np.int64]]:
    """Cluster the events between the first and the last edge: float64[4, n_jets] and counts."""
    # fastjet reads buffers as they lie: only a packed list of plain float64 records, which starts
    # at offset zero and has neither options nor indices, is safe
    columns = [np.ascontiguousarray(x[edges[0] : edges[-1]]) for x in four]
    records = ak.contents.RecordArray(
        [ak.contents.NumpyArray(x) for x in columns],
        ["px", "py", "pz", "E"],
        parameters={"__record__": "Momentum4D"},
    )
    packed = ak.contents.ListOffsetArray(ak.index.Index64(edges - edges[0]), records)
    # the banner would go to the standard output, where a caller may be writing JSON
    fastjet._swig.ClusterSequence.set_fastjet_banner_stream(None)
    sequence = fastjet.ClusterSequence(ak.Array(packed), definition)
    jets = sequence.inclusive_jets(min_pt=min_pt).layout
    stops = np.asarray(jets.offsets, dtype=np.int64)
    vectors = np.stack(
        [np.asarray(jets.content.content(name).data) for name in ("px", "py", "pz", "E")]
    )
    return vectors.astype(np.float64), np.diff(stops)


def _from_vectors(vectors: Floats, offsets: NDArray[np.int64], min_pt: float) -> Jets:
    """Jets from the columns px, py, pz, E, sorted and cut."""
    px, py, pz, energy = vectors
    pt = np.hypot(px, py)
    squared = energy * energy - pt * pt - pz * pz
    # every jet has pt > 0: particles without transverse momentum were excluded
    eta = np.arcsinh(np.divide(pz, pt, out=np.zeros(pt.size), where=pt > 0.0))
    mass = np.sqrt(np.maximum(squared, 0.0))
    jets = sorted_jets(pt, eta, np.arctan2(py, px), mass, offsets)
    return jets.select(jets.pt > min_pt)


def leading_pt(jets: Jets) -> Floats:
    """Transverse momentum [GeV] of each event's hardest jet, float64[n_events]; 0 without a jet."""
    result = np.zeros(jets.n_events)
    filled = np.diff(jets.offsets) > 0
    result[filled] = jets.pt[jets.offsets[:-1][filled]]
    return result


def ht(jets: Jets, min_pt: float = 30.0, max_abs_eta: float = 2.4) -> Floats:
    """Scalar sum of the pt [GeV] of jets with pt > min_pt and abs(eta) < max_abs_eta, an event."""
    counted = jets.select((jets.pt > min_pt) & (np.abs(jets.eta) < max_abs_eta))
    event = event_index(counted.offsets)
    return np.bincount(event, weights=counted.pt, minlength=jets.n_events).astype(np.float64)
