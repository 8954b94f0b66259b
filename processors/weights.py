"""What particle weights are: their histograms, agreement with references, sums in eta and phi."""

from collections.abc import Mapping, Sequence
from typing import Any

import awkward as ak
import numpy as np
from coffea import processor
from numpy.typing import NDArray

from l1kd._edge import flat, offsets_of
from l1kd.algorithms import Algorithm
from l1kd.candidates import candidates
from l1kd.emulators.array_types import Floats, Weights
from l1kd.errors import MissingBranchError
from l1kd.physics.agreement import Agreement
from l1kd.physics.maps import cell_sums, cells_by_event
from l1kd.processors.columns import Columns, chunk_key
from l1kd.processors.particles import (
    NO_PILEUP,
    NONE,
    SOFT_TRUTH,
    Particles,
    algorithms_for,
    insert_particles,
)
from l1kd.truth import gen_met, open_without_pileup, require_pairing

__all__ = ["CLASSES", "KINDS", "N_BINS", "WeightProcessor", "agreement_of", "map_of"]

CLASSES = ("charged, hard", "charged, pile-up", "neutral, hard", "neutral, pile-up")
"""Classes of particles by charge and by the larger share of their true energy."""

KINDS = ("all", "neutral")
"""Particles of which agreements are taken."""

N_BINS = 50
"""Bins of the histograms of weights."""


class WeightProcessor(processor.ProcessorABC):
    """Accumulate histograms, agreements and maps of particle weights.

    Parameters
    ----------
    weightings
        `none`, `soft_truth` and weights, see `l1kd.processors.particles.weightings`.
    references
        Weightings with which the others are compared.
    algorithms, source
        As for `ResolutionProcessor`.
    min_pt_without
        Particles of the event without pile-up have pt above this [GeV]: the cut of the stored
        candidates.

    Notes
    -----
    The result is {dataset: {"particles": n, "counts": int64[classes, weightings, bins],
    "columns": Columns, "maps": Columns}}. The columns, one row an event, are for each kind k of
    `KINDS`, weighting w and reference r `bins:k:w` (counts in 20 bins), `agree:k:r:w` (close,
    same side, sum of errors), and, with a paired file, `distance:w`. The maps, one row a chunk,
    are `weight:w` and `momentum:w` (sums in cells), `event:w` and `event_met` (weighted pt of the
    chunk's event of the largest generated MET).
    """

    def __init__(
        self,
        weightings: Sequence[str],
        references: Sequence[str] = (SOFT_TRUTH,),
        *,
        algorithms: Sequence[Algorithm] = (),
        source: str | None = None,
        min_pt_without: float = 0.0,
    ) -> None:
        self.weightings = tuple(weightings)
        self.references = tuple(references)
        self.algorithms = algorithms_for(self.weightings, algorithms)
        self.source = source
        self.min_pt_without = min_pt_without

    def process(self, events: ak.Array) -> dict[str, Any]:
        """Insert the weights into one chunk and compare them."""
        metadata = dict(events.metadata)
        key = chunk_key(metadata)
        events = insert_particles(events, self.algorithms, self.source)
        inserted = events["L1Cand"]
        if "hard_fraction" not in inserted.fields:
            raise MissingBranchError(
                f"{key[0]}: weights are compared with the true share of hard energy, which these "
                "particles do not have; use simulation that stores it, as Delphes' E-Flow does"
            )
        particles = _stored(inserted)
        weights = {w: _weights(inserted, w, len(particles)) for w in self.weightings}
        charge = flat(inserted["charge"], np.int8)
        columns = self._agreements(weights, charge, particles)
        maps = {}
        for w, x in weights.items():
            maps[f"weight:{w}"] = cell_sums(particles.eta, particles.phi, x)
            maps[f"momentum:{w}"] = cell_sums(particles.eta, particles.phi, x * particles.pt)
        without = self._without_pileup(events, metadata)
        if without is not None:
            columns |= _distances(particles, weights, without)
            maps |= _maps_without(without)
            maps |= _one_event(events, particles, weights, without)
        return {
            metadata.get("dataset", "events"): {
                "particles": len(particles),
                "counts": _counts(weights, charge, flat(inserted["hard_fraction"], np.float32)),
                "columns": Columns({key: columns}),
                "maps": Columns({key: {name: x[np.newaxis] for name, x in maps.items()}}),
            }
        }

    def postprocess(self, accumulator: dict[str, Any]) -> dict[str, Any]:
        """Return the accumulator as it is: tables are made by `l1kd.physics`."""
        return accumulator

    def _agreements(
        self, weights: Mapping[str, Weights], charge: NDArray[np.int8], particles: Particles
    ) -> dict[str, NDArray[Any]]:
        chosen = {"all": None, "neutral": charge == 0}
        columns: dict[str, NDArray[Any]] = {}
        for reference in self.references:
            for kind, mask in chosen.items():
                for w, given in weights.items():
                    found = Agreement.of(given, weights[reference], particles.offsets, mask)
                    columns[f"bins:{kind}:{w}"] = found.given.astype(np.int32)
                    columns[f"agree:{kind}:{reference}:{w}"] = np.stack(found[2:], axis=1)
        return columns

    def _without_pileup(self, events: ak.Array, metadata: dict[str, Any]) -> Particles | None:
        """Particles of the same events in the paired file without pile-up, where one is named."""
        path = metadata.get("truth")
        if path is None:
            return None
        start = chunk_key(metadata)[1]
        paired = open_without_pileup(path, start, start + len(events))
        require_pairing(events, paired, str(path), start)
        particles = _stored(candidates(paired))
        return particles.select(particles.pt > self.min_pt_without)


def _stored(record: ak.Array) -> Particles:
    """Open candidates in the precision in which they are stored."""
    pt, eta, phi, energy = (flat(record[x], np.float32) for x in ("pt", "eta", "phi", "energy"))
    return Particles(pt, eta, phi, energy, offsets_of(record["pt"]))


def _weights(inserted: ak.Array, weighting: str, n: int) -> Weights:
    if weighting == NONE:
        return np.ones(n, np.float32)
    field = "hard_fraction" if weighting == SOFT_TRUTH else f"{weighting}_weight"
    weights: Weights = flat(inserted[field], np.float32)
    return weights


def _counts(
    weights: Mapping[str, Weights], charge: NDArray[np.int8], share: Weights
) -> NDArray[np.int64]:
    """Histogram the weights of each class, int64[classes, weightings, bins]; one is the last."""
    kind = 2 * (charge == 0).astype(np.int64) + (share < 0.5)
    size = len(CLASSES) * N_BINS
    tables = []
    for given in weights.values():
        place = np.minimum((given.astype(np.float64) * N_BINS).astype(np.int64), N_BINS - 1)
        counts = np.bincount(kind * N_BINS + place, minlength=size)
        tables.append(counts.reshape(len(CLASSES), N_BINS))
    return np.stack(tables, axis=1)


def _distances(
    particles: Particles, weights: Mapping[str, Weights], without: Particles
) -> dict[str, Floats]:
    """Relative distance of the weighted momentum in cells from that without pile-up, by event."""
    plain = cells_by_event(without.eta, without.phi, without.pt, without.offsets)
    total = plain.sum(axis=1)
    found = {}
    for w, given in weights.items():
        cells = cells_by_event(
            particles.eta, particles.phi, given * particles.pt, particles.offsets
        )
        off = np.abs(cells - plain).sum(axis=1)
        found[f"distance:{w}"] = np.divide(
            off, total, out=np.full(total.shape, np.nan), where=total > 0
        )
    return found


def _maps_without(without: Particles) -> dict[str, Floats]:
    eta, phi = without.eta, without.phi
    return {
        f"weight:{NO_PILEUP}": cell_sums(eta, phi, np.ones(len(without))),
        f"momentum:{NO_PILEUP}": cell_sums(eta, phi, without.pt),
    }


def _one_event(
    events: ak.Array, particles: Particles, weights: Mapping[str, Weights], without: Particles
) -> dict[str, Any]:
    """Sum the event of the largest generated MET in cells."""
    sizes = ak.to_numpy(gen_met(events).pt).astype(np.float64)
    if not sizes.size:
        empty = cell_sums([], [], [])
        names = [NO_PILEUP, *weights]
        return {"event_met": np.float64(-1.0)} | {f"event:{w}": empty for w in names}
    event = int(np.argmax(sizes))
    mine = slice(particles.offsets[event], particles.offsets[event + 1])
    plain = slice(without.offsets[event], without.offsets[event + 1])
    maps: dict[str, Any] = {"event_met": sizes[event]}
    maps[f"event:{NO_PILEUP}"] = cell_sums(
        without.eta[plain], without.phi[plain], without.pt[plain]
    )
    for w, given in weights.items():
        momentum = (given * particles.pt)[mine]
        maps[f"event:{w}"] = cell_sums(particles.eta[mine], particles.phi[mine], momentum)
    return maps


def agreement_of(
    columns: Mapping[str, NDArray[Any]], kind: str, reference: str, weighting: str
) -> Agreement:
    """Take one agreement out of the joined columns."""
    given, wanted = (columns[f"bins:{kind}:{w}"].astype(np.float64) for w in (weighting, reference))
    rest = columns[f"agree:{kind}:{reference}:{weighting}"]
    return Agreement(given, wanted, *np.ascontiguousarray(rest.T))


def map_of(maps: Mapping[str, NDArray[Any]], name: str, n_events: int) -> dict[str, Floats]:
    """Take the sums an event of all weightings out of the joined maps: "weight" or "momentum"."""
    return {
        column.partition(":")[2]: values.sum(axis=0) / max(n_events, 1)
        for column, values in maps.items()
        if column.startswith(f"{name}:")
    }
