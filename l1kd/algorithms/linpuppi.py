"""LinPUPPI of the Level-1 correlator, and the trigger objects that follow from it."""

from typing import Any, Literal

import awkward as ak
import numpy as np

from l1kd._edge import flat, jagged, offsets_of
from l1kd.algorithms import layer2
from l1kd.algorithms.base import CandidateWeight
from l1kd.algorithms.puppi import Association
from l1kd.emulators.array_types import AnyArray
from l1kd.emulators.correlator.chain import CorrelatorResult, correlate
from l1kd.emulators.correlator.clusters import Clusterer
from l1kd.errors import ConfigurationError, InputError, L1KDError, MissingBranchError

__all__ = ["LinPuppi", "Vertex"]

Vertex = Literal["simulated", "tracks"]

_LARGEST_Z0 = 25.0
"""Tracks farther from the vertex [cm] are put here: the firmware's z0 would wrap at 25.6 cm."""


class LinPuppi(CandidateWeight):
    """LinPUPPI bit for bit, with the correlator's jets, MET and HT.

    The weight is the firmware's of the region to which a particle belongs: 0 where it is dropped
    (also by a full region), 1 for charged particles that are kept. Beside it collections are
    inserted, in physical units and with the firmware's integers (`hw*`): `L1PuppiCand` (up to 128
    an event), `L1SeededConeJet` (radius 0.4, up to 16), `L1PuppiMET` and `L1PuppiHT`.
    `L1PuppiLosses` counts the particles that each limit of the firmware dropped.

    Parameters
    ----------
    source
        Particle source. Particles, not detector signals, enter: the particle-flow step of layer 1
        is the source's.
    association
        "dz": the firmware's, by z0. "truth": every charged particle is put at the vertex, or as far
        from it as the firmware can say, by Delphes' `IsRecoPU`: what a perfect association gives.
    vertex
        "simulated": the primary vertex is the true one, dz being relative to it. "tracks": the
        vertex that the correlator chooses from the tracks.
    clusters
        True: neutral particles become clusters first, as layer 1 has them; a `Clusterer` says how.
        A neutral particle's weight is then the mean of its clusters'. For candidates that are
        trigger towers.
    """

    name = "linpuppi"
    inputs = ("pt", "eta", "phi", "charge", "pid", "dz")
    adds = "L1Cand.linpuppi_weight"
    label = "LinPUPPI"

    def __init__(
        self,
        source: str | None = None,
        *,
        association: Association = "dz",
        vertex: Vertex = "simulated",
        clusters: bool | Clusterer = False,
    ) -> None:
        super().__init__(source)
        if association not in ("dz", "truth"):
            raise ConfigurationError(
                f"unknown charged association {association!r}; expected 'dz' or 'truth'"
            )
        self.association: Association = association
        if vertex not in ("simulated", "tracks"):
            raise ConfigurationError(f"unknown vertex {vertex!r}; expected 'simulated' or 'tracks'")
        self.vertex: Vertex = vertex
        self.clusters = Clusterer() if clusters is True else clusters or None

    @property
    def version(self) -> str:
        """Reference of the firmware and the vertex."""
        ideal = "-truth" if self.association == "truth" else ""
        clusters = "-clusters" if self.clusters else ""
        return f"cmssw-1c4c42c4-{self.vertex}{ideal}{clusters}"

    def prepare_awkward(self, events: ak.Array) -> tuple[tuple[()], dict[str, AnyArray]]:
        """Open awkward: the flat columns, with dz as the association has it."""
        _, columns = super().prepare_awkward(events)
        if self.association == "truth":
            particles = self.particles(events)
            if "is_reco_pu" not in particles.fields:
                raise MissingBranchError(
                    "association 'truth' needs the branch EFlowTrack.IsRecoPU, which these events "
                    "lack; use the association 'dz'"
                )
            pileup = flat(particles["is_reco_pu"], np.bool_) & (columns["charge"] != 0)
            columns["dz"] = np.where(pileup, _LARGEST_Z0, 0.0).astype(np.float32)
        return (), columns

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
        return {
            self.adds: jagged(result.weights, offsets_of(self.particles(events)["pt"])),
            "L1PuppiCand": layer2.candidates(result.candidates),
            "L1SeededConeJet": layer2.jets(result.jets),
            "L1PuppiMET": layer2.met(result.met),
            "L1PuppiHT": layer2.ht(result.ht),
            "L1PuppiLosses": ak.zip(dict(result.losses)),
        }

    def _correlate(
        self, *, offsets: AnyArray, dz: AnyArray, **columns: AnyArray
    ) -> CorrelatorResult:
        # a charged particle without a track cannot be associated: far from every vertex
        z0 = np.clip(np.nan_to_num(dz, nan=_LARGEST_Z0), -_LARGEST_Z0, _LARGEST_Z0)
        vertex = 0.0 if self.vertex == "simulated" else None
        return correlate({**columns, "z0": z0}, offsets, vertex, **self._chain())

    def _chain(self) -> dict[str, Any]:
        """Return what differs from the usual correlator."""
        return {"clusters": self.clusters}
