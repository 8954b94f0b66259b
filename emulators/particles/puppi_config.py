"""Parameters of PUPPI and the sets of them that l1kd ships."""

from dataclasses import dataclass, replace
from typing import Literal

Pool = Literal["charged_pileup", "charged", "all"]


@dataclass(frozen=True)
class EtaBin:
    """Parameters of PUPPI in one range of absolute pseudorapidity."""

    eta_min: float
    """Lower edge; a particle on an edge belongs to the first bin that has it."""
    eta_max: float
    """Upper edge."""
    cone: float
    """Size of the cone in dR."""
    charged_neighbours: bool
    """Whether alpha sums only charged particles from the primary vertex, or everything."""
    pool: Pool
    """Whose alpha gives median and RMS."""
    pool_pt_min: float
    """Smallest pT in the pool [GeV]."""
    neutral_pt_min: float
    """Weighted pT [GeV] below which neutrals are dropped, without vertices."""
    neutral_pt_slope: float
    """Rise of that threshold with every vertex [GeV]."""
    pool_eta_max: float | None = None
    """Take the pool from all particles below this |eta|; None: from the bin itself."""
    median_scale: float = 1.0
    """Correction of a median from elsewhere in the detector."""
    rms_scale: float = 1.0
    """Correction of an RMS from elsewhere in the detector."""


@dataclass(frozen=True)
class PuppiConfig:
    """Parameters of PUPPI."""

    bins: tuple[EtaBin, ...]
    """Ranges of |eta|; the first that has a particle counts. Neutrals outside all get 0."""
    weight_min: float
    """Smaller weights become 0."""
    vertex_efficiency: float = 1.0
    """Share of the given vertices that the neutral threshold counts."""
    eta_as_rapidity: bool = False
    """Treat pseudorapidity as rapidity as Delphes does; needs the particles' masses.

    The given value then decides on bin and cone, and the true pseudorapidity of a particle of
    such a rapidity enters the distances.
    """


DELPHES = PuppiConfig(
    bins=(
        EtaBin(0.0, 1.5, 0.2, True, "charged", 0.1, 0.2, 0.006),
        EtaBin(1.5, 4.0, 0.2, True, "charged", 0.5, 0.2, 0.013),
        EtaBin(4.0, 10.0, 0.2, False, "all", 0.5, 0.5, 0.067),
    ),
    weight_min=0.05,
    vertex_efficiency=0.7,
    eta_as_rapidity=True,
)
"""What Delphes computes with `RunPUPPI` of the card CMS_PhaseII_200PU_v03.

The pool holds charged particles of every vertex: Delphes never sets the charge that tells them
apart. The vertices to give are all true ones.
"""

CMS_RUN2 = PuppiConfig(
    bins=(
        EtaBin(0.0, 2.5, 0.4, True, "charged_pileup", 0.1, 0.2, 0.015, pool_eta_max=2.0),
        EtaBin(2.5, 3.0, 0.4, False, "charged_pileup", 0.5, 1.7, 0.08, 2.0, 0.90, 1.20),
        EtaBin(3.0, 10.0, 0.4, False, "charged_pileup", 0.5, 2.0, 0.08, 2.0, 0.75, 0.95),
    ),
    weight_min=0.01,
)
"""As in CMS Run-2 reconstruction (tracks to |eta| 2.5); the vertices to give are reconstructed.

The forward pool is extrapolated from central charged pile-up. Later additions (exceptions for
high-pT particles) are excluded.
"""

PHASE2 = replace(DELPHES, eta_as_rapidity=False)
"""The parameters of the Delphes card with pseudorapidity used for what it is: the default."""
