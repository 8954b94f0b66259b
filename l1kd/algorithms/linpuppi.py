"""LinPUPPI of the Level-1 correlator, and the trigger objects that follow from it."""

from typing import Any

import awkward as ak
import numpy as np

from l1kd._edge import flat, jagged, note, offsets_of
from l1kd.algorithms import layer2
from l1kd.algorithms.base import CandidateWeight, require_source, with_simulated_dz
from l1kd.algorithms.puppi import Association
from l1kd.candidates import candidates, recorded_source, recorded_vertex
from l1kd.emulators.array_types import AnyArray
from l1kd.emulators.correlator.chain import CorrelatorResult, correlate
from l1kd.emulators.correlator.clusters import Clusterer
from l1kd.errors import ConfigurationError, InputError, L1KDError, MissingBranchError
from l1kd.validation import file_of, require_columns
from l1kd.vertices import FOUND, Vertex, no_z0

__all__ = ["LinPuppi", "track_z0"]

LARGEST_Z0 = 25.0
"""Tracks farther from the vertex [cm] are put here: the firmware's z0 would wrap at 25.6 cm."""


def track_z0(z: AnyArray) -> AnyArray:
    """Return positions of tracks along the beam [cm] as the correlator takes them.

    Parameters
    ----------
    z : ndarray of float
        Positions [cm]. A charged particle with NaN has no track and belongs to no vertex: it is put
        as far away as there is room, as is what lies beyond.
    """
    return np.clip(np.nan_to_num(z, nan=LARGEST_Z0), -LARGEST_Z0, LARGEST_Z0)


class LinPuppi(CandidateWeight):
    """LinPUPPI bit for bit, with the correlator's jets, MET and HT.

    The weight is the firmware's of the region to which a particle belongs: 0 where it is dropped
    (also by a full region), 1 for charged particles that are kept. Beside it collections are
    inserted, in physical units and with the firmware's integers (`hw*`): `L1PuppiCand` (up to 128
    an event), `L1SeededConeJet` (radius 0.4, up to 16), `L1PuppiMET` and `L1PuppiHT`.
    `L1PuppiVertex` is the vertex that it used, `L1PuppiLosses` counts the particles that each limit
    of the firmware dropped.

    Parameters
    ----------
    source
        Particle source. Particles, not detector signals, enter: the particle-flow step of layer 1
        is the source's.
    association
        "dz": the firmware's, by z0. "truth": every charged particle is put at the vertex, or as far
        from it as the firmware can say, by Delphes' `IsRecoPU`: what a perfect association gives.
    vertex
        "simulated": the primary vertex is the true one, dz being relative to it. "found": the
        vertex that the trigger finds from the tracks; their z0 and its are rounded each by itself,
        as in the firmware. None: as the candidates' dz, which are there or made.
    clusters
        True: neutral particles become clusters first, as layer 1 has them; a `Clusterer` says how.
        A neutral particle's weight is then the mean of its clusters'. For candidates that are
        trigger towers.
    """

    name = "linpuppi"
    inputs = ("pt", "eta", "phi", "charge", "pid", "dz")
    adds = "L1Cand.linpuppi_weight"
    label = "LinPUPPI"
    finds_vertex = True

    def __init__(
        self,
        source: str | None = None,
        *,
        association: Association = "dz",
        vertex: Vertex | None = None,
        clusters: bool | Clusterer = False,
    ) -> None:
        super().__init__(source, vertex=vertex)
        if association not in ("dz", "truth"):
            raise ConfigurationError(
                f"unknown charged association {association!r}; expected 'dz' or 'truth'"
            )
        self.association: Association = association
        self.clusters = Clusterer() if clusters is True else clusters or None

    @property
    def version(self) -> str:
        """Reference of the firmware and the vertex."""
        ideal = "-truth" if self.association == "truth" else ""
        clusters = "-clusters" if self.clusters else ""
        vertex = f"-{self.vertex}" if self.vertex else ""
        return f"cmssw-1c4c42c4{vertex}{ideal}{clusters}"

    def particles(self, events: ak.Array) -> ak.Array:
        """Candidates already inserted, whatever their dz is relative to, or those of the source."""
        if "L1Cand" not in events.fields:
            return candidates(events, self.source)
        require_source(events["L1Cand"], self.source)
        note("particles", "L1Cand")
        return events["L1Cand"]

    def prepare_awkward(self, events: ak.Array) -> tuple[tuple[()], dict[str, AnyArray]]:
        """Open awkward: the flat columns, with `z0` or `dz` as vertex and association have it."""
        particles = self.particles(events)
        found = self._finds(particles)
        tracking = "z0" if found else "dz"
        if found and "z0" not in particles.fields:
            raise no_z0(recorded_source(particles), file_of(events))
        columns = {name: self.column(particles, name) for name in self.inputs[:-1]}
        tracks = particles if found else with_simulated_dz(events, particles)
        columns[tracking] = self.column(tracks, tracking)
        require_columns(self.name, columns, tuple(columns), file_of(events))
        if self.association == "truth":
            if "is_reco_pu" not in particles.fields:
                raise MissingBranchError(
                    "association 'truth' needs the branch EFlowTrack.IsRecoPU, which these events "
                    "lack; use the association 'dz'"
                )
            pileup = flat(particles["is_reco_pu"], np.bool_) & (columns["charge"] != 0)
            columns["dz"] = np.where(pileup, LARGEST_Z0, 0.0).astype(np.float32)
        return (), {"offsets": offsets_of(particles["pt"]), **columns}

    def _finds(self, particles: ak.Array) -> bool:
        """Whether the vertex is found, and tracks have their z0; else dz is relative to it."""
        vertex = self.vertex or recorded_vertex(particles)
        return vertex == FOUND and self.association == "dz"

    def correlator(self, events: ak.Array) -> CorrelatorResult:
        """Run the whole correlator; raw integers, and the counts of lost particles."""
        _, columns = self.prepare_awkward(events)
        self.validate_numpy_input(**columns)
        try:
            return self._correlate(**columns)
        except ValueError as error:  # the emulator knows nothing of l1kd's errors
            if isinstance(error, L1KDError):
                raise
            raise InputError(f"{self.name}: {error}") from error

    def numpy_call(self, *, offsets: AnyArray, **columns: AnyArray) -> AnyArray:
        """Weights of all particles, float32 in [0, 1]."""
        return self._correlate(offsets=offsets, **columns).weights

    def fields(self, events: ak.Array) -> dict[str, ak.Array]:
        """Return the weight and the collections."""
        result = self.correlator(events)
        offsets = offsets_of(self.particles(events)["pt"])
        return {
            self.adds: jagged(result.weights, offsets),
            "L1PuppiCand": layer2.candidates(result, offsets),
            "L1SeededConeJet": layer2.jets(result.jets),
            "L1PuppiMET": layer2.met(result.met),
            "L1PuppiHT": layer2.ht(result.ht),
            "L1PuppiVertex": layer2.vertex(result, self._finds(self.particles(events))),
            "L1PuppiLosses": ak.zip(dict(result.losses)),
        }

    def _correlate(self, *, offsets: AnyArray, **columns: AnyArray) -> CorrelatorResult:
        vertex = 0.0 if "dz" in columns else None
        z = columns.pop("z0") if vertex is None else columns.pop("dz")
        return correlate({**columns, "z0": track_z0(z)}, offsets, vertex, **self._chain())

    def _chain(self) -> dict[str, Any]:
        """Return what differs from the usual correlator."""
        return {"clusters": self.clusters}
