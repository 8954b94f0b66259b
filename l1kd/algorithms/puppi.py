"""PUPPI in floating point as an insertable algorithm."""

from typing import Any, Literal

import awkward as ak
import numpy as np

from l1kd._edge import by_event, flat, offsets_of
from l1kd.algorithms.base import CandidateWeight, blocks
from l1kd.candidates import PID, recorded_source
from l1kd.emulators.array_types import AnyArray
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
from l1kd.formats import known
from l1kd.truth import vertex_count
from l1kd.validation import COUNT, check, file_of
from l1kd.vertices import Vertex

__all__ = ["Association", "Puppi", "charged_codes"]

Association = Literal["dz", "truth"]


def charged_codes(particles: ak.Array, association: Association) -> AnyArray:
    """Vertex association of flat candidates, int8, as `l1kd.emulators.particles.puppi` numbers it.

    Electrons and muons are bystanders: weighted by their vertex, but nobody's neighbours, as in
    the Delphes card (a lepton has few hadrons of its vertex around it, and would draw in pile-up).

    "dz" takes the significance of dz. A charged candidate without a track (dz NaN) takes the
    source's own PUPPI weight, which for charged particles is the association of the
    reconstruction; where there is none it counts as pile-up. "truth" takes Delphes' `IsRecoPU`.
    The columns are those that `Puppi.needs` names.
    """
    charge = flat(particles.charge, np.int8)
    if association == "truth":
        codes = flagged_association(charge, flat(particles.is_reco_pu, np.bool_))
    else:
        codes = _codes_by_dz(particles, charge)
    pid = flat(particles.pid, np.uint8)
    lepton = (pid == PID["electron"]) | (pid == PID["muon"])
    return np.where(lepton, -codes, codes)


def _codes_by_dz(particles: ak.Array, charge: AnyArray) -> AnyArray:
    dz = flat(particles.dz, np.float64)
    untracked = np.isnan(dz)
    error = np.zeros(len(dz))
    if "dz_error" in particles.fields:
        error = flat(particles.dz_error, np.float64)
    codes = charged_association(charge, dz, error)
    if untracked.any():
        pileup = np.ones(len(dz), np.bool_)
        if "puppi_weight" in particles.fields:
            pileup = flat(particles.puppi_weight, np.float32) < 0.5
        codes[untracked] = flagged_association(charge, pileup)[untracked]
    return codes


def _vertex_count(events: ak.Array) -> AnyArray:
    """Count the vertices of every event, int64."""
    if "n_vertices" in events.fields:
        values = by_event(events["n_vertices"], np.float64)
        return check(values, COUNT, "n_vertices", file_of(events)).astype(np.int64)
    counts = vertex_count(events)
    if counts is None:
        file = file_of(events)
        raise MissingBranchError(
            f"{file}{': ' if file else ''}PUPPI needs the number of vertices for its cut on "
            f"neutrals: expected one of {known('vertices')}, or 'n_vertices' beside a hand-made "
            "L1Cand, found none"
        )
    return counts


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
    vertex
        "found" or "simulated", see `l1kd.insert`.
    """

    name = "puppi"
    inputs = ("pt", "eta", "phi", "charge", "pid", "dz", "dz_error")
    optional = ("dz_error",)
    adds = "L1Cand.puppi_weight"
    label = "PUPPI"

    def __init__(
        self,
        source: str | None = None,
        *,
        config: PuppiConfig | None = None,
        association: Association = "dz",
        from_source: bool = False,
        vertex: Vertex | None = None,
    ) -> None:
        super().__init__(source, vertex=vertex)
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
        found = "-found" if self.vertex == "found" else ""
        return f"{parameters.get(self.config, 'user')}-{self.association}{found}"

    @property
    def needs(self) -> tuple[str, ...]:
        """Columns that this kind of association needs."""
        if self.from_source:
            return ("pt", "puppi_weight")
        tracking = "dz" if self.association == "dz" else "is_reco_pu"
        return ("pt", "eta", "phi", "charge", "pid", tracking)

    def prepare_awkward(self, events: ak.Array) -> tuple[tuple[()], dict[str, Any]]:
        """Open awkward: momenta, association, and the number of vertices of every event."""
        particles = self.particles(events)
        read = {name: self.column(particles, name) for name in self.needs}
        self.require(particles, read, events)
        columns = {"offsets": offsets_of(particles["pt"]), "pt": read["pt"]}
        if self.from_source:
            return (), {**columns, "puppi_weight": read["puppi_weight"]}
        config = self.config
        if config is None:
            config = CMS_RUN2 if recorded_source(particles) == "PFCands" else PHASE2
        for name in ("eta", "phi", *(["energy"] if config.eta_as_rapidity else [])):
            columns[name] = self.column(particles, name)
        codes = charged_codes(particles, self.association)
        return (), {
            **columns,
            "association": codes,
            "n_vertices": _vertex_count(events),
            "config": config,
        }

    def validate_numpy_input(self, *, offsets: AnyArray, **columns: Any) -> None:
        """Check lengths and values, see `CandidateWeight`; the kernel checks the rest."""
        rest = {name: columns[name] for name in columns.keys() - {"n_vertices", "config"}}
        super().validate_numpy_input(offsets=offsets, **rest)

    def numpy_call(self, *, offsets: AnyArray, **columns: Any) -> AnyArray:
        """Weights of all particles, float32 in [0, 1]."""
        if self.from_source:
            return np.asarray(columns["puppi_weight"])
        by_particle = {n: x for n, x in columns.items() if n not in ("config", "n_vertices")}
        weights = np.empty(offsets[-1], np.float32)
        for first, last in blocks(offsets):
            block = slice(offsets[first], offsets[last])
            weights[block] = _weights(
                {name: x[block] for name, x in by_particle.items()},
                offsets[first : last + 1] - offsets[first],
                columns["n_vertices"][first:last],
                columns["config"],
            )
        return weights


def _weights(
    columns: dict[str, AnyArray], offsets: AnyArray, n_vertices: AnyArray, config: PuppiConfig
) -> AnyArray:
    energy = columns.pop("energy", None)
    mass = None
    if energy is not None:
        momentum = columns["pt"].astype(np.float64) * np.cosh(columns["eta"].astype(np.float64))
        mass = np.sqrt(np.maximum(energy.astype(np.float64) ** 2 - momentum**2, 0.0))
    return puppi_weights(
        **columns, offsets=offsets, n_vertices=n_vertices, config=config, mass=mass
    )
