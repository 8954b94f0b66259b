"""PUPPI in floating point as an insertable algorithm."""

from typing import Any, Literal

import awkward as ak
import numpy as np

from l1kd._edge import Array, flat, has_branch, offsets_of, read
from l1kd.algorithms.base import CandidateWeight
from l1kd.candidates import PID, source_of
from l1kd.emulators.particles.puppi import (
    CMS_RUN2,
    DELPHES,
    PHASE2,
    PuppiConfig,
    charged_association,
    flagged_association,
    puppi_weights,
)
from l1kd.errors import ConfigurationError, MissingBranchError

__all__ = ["Association", "Puppi", "charged_codes"]

Association = Literal["dz", "truth"]


def charged_codes(particles: ak.Array, association: Association) -> Array:
    """Vertex association of flat candidates, int8, as `l1kd.emulators.particles.puppi` numbers it.

    Electrons and muons are bystanders: weighted by their vertex, but nobody's neighbours, as in
    the Delphes card (a lepton has few hadrons of its vertex around it, and would draw in pile-up).

    "dz" takes the significance of dz. A charged candidate without a track (dz NaN) takes the
    source's own PUPPI weight, which for charged particles is the association of the
    reconstruction; where there is none it counts as pile-up. "truth" takes Delphes' `IsRecoPU`.

    Raises
    ------
    MissingBranchError
        If the source has no dz at all, or no `is_reco_pu` for "truth".
    """
    for name in ("charge", "pid", "dz" if association == "dz" else "is_reco_pu"):
        if name not in particles.fields:
            raise MissingBranchError(
                f"PUPPI needs the candidates' {name!r} to associate charged particles, which this "
                f"source does not have (it has: {', '.join(particles.fields)}); choose another"
            )
    charge = flat(particles.charge, np.int8)
    if association == "truth":
        codes = flagged_association(charge, flat(particles.is_reco_pu, np.bool_))
    else:
        codes = _codes_by_dz(particles, charge)
    pid = flat(particles.pid, np.uint8)
    lepton = (pid == PID["electron"]) | (pid == PID["muon"])
    return np.where(lepton, -codes, codes)


def _codes_by_dz(particles: ak.Array, charge: Array) -> Array:
    dz = flat(particles.dz, np.float64)
    untracked = np.isnan(dz)
    if untracked.any() and untracked[charge != 0].all():
        raise MissingBranchError(
            "PUPPI needs dz to associate charged particles, and no candidate of this source has "
            "one; choose another source or Puppi(association='truth')"
        )
    codes = charged_association(charge, dz, flat(particles.dz_error, np.float64))
    if untracked.any():
        pileup = np.ones(len(dz), np.bool_)
        if "puppi_weight" in particles.fields:
            pileup = flat(particles.puppi_weight, np.float32) < 0.5
        codes[untracked] = flagged_association(charge, pileup)[untracked]
    return codes


def _vertex_count(events: ak.Array) -> Array:
    """Count the vertices of every event, int64."""
    if has_branch(events, "Vertex", "Z"):
        return np.diff(offsets_of(read(events, "Vertex", "Z")))
    if has_branch(events, "PV", "npvs"):
        return np.asarray(ak.to_numpy(read(events, "PV", "npvs")), np.int64)
    if "EFlowTrack" in events.fields or "ParticleFlowCandidate" in events.fields:
        return np.ones(len(events), np.int64)  # a Delphes card without pile-up writes no vertices
    raise MissingBranchError(
        "PUPPI needs the number of vertices for its cut on neutrals: expected 'Vertex.Z' (Delphes) "
        "or 'PV.npvs' (NanoAOD), found neither"
    )


class Puppi(CandidateWeight):
    """PUPPI of Bertolini et al. (2014) in floating point.

    Parameters
    ----------
    source
        Particle source, as for `l1kd.candidates.candidates`.
    config
        Parameters; by default `PHASE2`, and `CMS_RUN2` for PFNano, whose
        tracks end at |eta| 2.5.
    association
        "dz": charged particles belong to the primary vertex by the significance of their dz, as a
        trigger could do it. "truth": by Delphes' `IsRecoPU`, nearly the truth, as Delphes' own
        PUPPI does it.
    from_source
        Take the weight that the source stores (PFNano `puppiWeight`) instead.
    """

    name = "puppi"
    inputs = ("pt", "eta", "phi", "charge", "pid", "dz", "dz_error")
    adds = "L1Cand.puppi_weight"

    def __init__(
        self,
        source: str | None = None,
        *,
        config: PuppiConfig | None = None,
        association: Association = "dz",
        from_source: bool = False,
    ) -> None:
        super().__init__(source)
        if association not in ("dz", "truth"):
            raise ConfigurationError(
                f"unknown charged association {association!r}; expected 'dz' or 'truth'"
            )
        self.config = config
        self.association: Association = association
        self.from_source = from_source

    @property
    def version(self) -> str:
        """Where the weight or its parameters come from."""
        if self.from_source:
            return "from-source"
        parameters = {None: "default", PHASE2: "phase2", DELPHES: "delphes", CMS_RUN2: "cms-run2"}
        return f"{parameters.get(self.config, 'user')}-{self.association}"

    def prepare_awkward(self, events: ak.Array) -> tuple[tuple[()], dict[str, Any]]:
        """Open awkward: momenta, association, and the number of vertices of every event."""
        particles = self.particles(events)
        columns = {"offsets": offsets_of(particles), "pt": self.column(particles, "pt")}
        if self.from_source:
            return (), {**columns, "puppi_weight": self.column(particles, "puppi_weight")}
        config = self.config
        if config is None:
            config = CMS_RUN2 if source_of(events, self.source) == "PFCands" else PHASE2
        for name in ("eta", "phi", *(["energy"] if config.eta_as_rapidity else [])):
            columns[name] = self.column(particles, name)
        codes = charged_codes(particles, self.association)
        return (), {
            **columns,
            "association": codes,
            "n_vertices": _vertex_count(events),
            "config": config,
        }

    def validate_numpy_input(self, *, offsets: Array, **columns: Any) -> None:
        """Check lengths and values, see `CandidateWeight`; the kernel checks the rest."""
        rest = {name: columns[name] for name in columns.keys() - {"n_vertices", "config"}}
        super().validate_numpy_input(offsets=offsets, **rest)

    def numpy_call(self, *, offsets: Array, **columns: Any) -> Array:
        """Weights of all particles, float32 in [0, 1]."""
        if self.from_source:
            return np.asarray(columns["puppi_weight"])
        energy = columns.pop("energy", None)
        mass = None
        if energy is not None:
            momentum = columns["pt"].astype(np.float64) * np.cosh(columns["eta"].astype(np.float64))
            mass = np.sqrt(np.maximum(energy.astype(np.float64) ** 2 - momentum**2, 0.0))
        return puppi_weights(**columns, offsets=offsets, mass=mass)
