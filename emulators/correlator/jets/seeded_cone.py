"""Seeded-cone jets of the Level-1 correlator, bit for bit.

Source: L1Trigger/Phase2L1ParticleFlow/src/jetmet/L1SeedConePFJetEmulator.cc of cms-sw/cmssw, commit
50fcac78d1dfe3440800f3728f181729b958190d.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from l1kd.emulators.array_types import AnyArray, Shorts
from l1kd.emulators.correlator.jets.kernels import JET_FIELDS, cluster, empty_jets
from l1kd.emulators.correlator.named_arrays import GLOBAL, matrices, row_limits, vectors
from l1kd.emulators.correlator.tables import JET_TRIGONOMETRY
from l1kd.emulators.correlator.types import ETA_PHI_LSB

__all__ = ["SeededCone"]


@dataclass(frozen=True)
class SeededCone:
    """Iterative cone jets around the candidate of highest momentum.

    Parameters
    ----------
    cone : float
        Radius; the firmware uses 0.4, and 0.8 for wide jets. At most 0.8, the reach of the tables.
    n_jets : int
        Largest number of jets.
    mass : bool
        Compute the squared mass; 0 otherwise.
    reference : str
        Repository, file and commit of the reference.

    Raises
    ------
    ValueError
        If the cone or the number of jets is outside its range.
    """

    cone: float = 0.4
    n_jets: int = 16
    mass: bool = True
    reference: str = field(
        default="cms-sw/cmssw L1SeedConePFJetEmulator.cc, commit "
        "50fcac78d1dfe3440800f3728f181729b958190d",
        repr=False,
    )

    def __post_init__(self) -> None:
        """Refuse what the tables cannot hold."""
        if not 0 < self.cone <= 0.8:
            raise ValueError(f"cone {self.cone} is outside (0, 0.8], the reach of the tables")
        if self.n_jets < 1:
            raise ValueError(f"n_jets is {self.n_jets}; expected at least 1")

    @property
    def cone2(self) -> int:
        """Squared radius in squared angular steps, a multiple of 32 as the firmware stores it."""
        lsb, cone = np.float32(ETA_PHI_LSB), np.float32(self.cone)
        return int(cone * cone / lsb / lsb) & ~31

    def run(self, inputs: Mapping[str, AnyArray]) -> dict[str, AnyArray]:
        """Cluster the candidates of every event.

        Parameters
        ----------
        inputs : mapping of ndarray of int
            `n_cand` (n,), `cand_hwPt`, `cand_hwEta`, `cand_hwPhi` (n, slots): Puppi candidates in
            global raw units, slots from `n_cand` on ignored; at most 128 slots.

        Returns
        -------
        dict of ndarray
            `n_jets` (n,), `hwPt`, `hwEta`, `hwPhi` (not wrapped to one turn), `hwMassSq` (0.25
            GeV^2), `nConstituents`, `seed_hwPt`, `seed_hwEta`, `seed_hwPhi`, `massTieAmbiguous`
            (n, n_jets), in the order of finding, filled up with zeros. Where `massTieAmbiguous` is
            1 the reference depends on an unstable sort; here the earlier candidates enter the mass.

        Raises
        ------
        ValueError
            If an array is missing, has another shape or holds values outside the firmware's types.
        """
        (n_cand,) = vectors(inputs, "", ("n_cand",))
        candidates = matrices(inputs, "cand_", ("hwPt", "hwEta", "hwPhi"), len(n_cand), GLOBAL)
        slots = candidates[0].shape[1]
        row_limits("n_cand", n_cand, min(slots, 128))
        return self.run_raw(n_cand, candidates)

    def run_raw(self, n_cand: Shorts, candidates: tuple[Shorts, ...]) -> dict[str, AnyArray]:
        """Cluster arrays that are known to be valid: pt, eta, phi, int16 (n, slots)."""
        n_jets, narrow, mass2 = empty_jets(len(n_cand), self.n_jets)
        cluster(n_cand, *candidates, self.cone2, self.mass, JET_TRIGONOMETRY, n_jets, narrow, mass2)
        named = {name: narrow[i] for i, name in enumerate(JET_FIELDS)}
        return {"n_jets": n_jets, **named, "hwMassSq": mass2}
