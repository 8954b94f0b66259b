"""PUPPI with what a trigger has: z0 of tracks, a found vertex, no count of vertices.

The weights are those of `puppi_weights`. Charged particles belong to the vertex by a window in dz
that widens with eta, as the resolution of the tracks does. The threshold on neutrals is a number of
each range in |eta|, since nobody counts the collisions of a crossing for the trigger. Beyond the
tracker everything around counts as a neighbour and makes the pool.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

import numpy as np

from l1kd.emulators.array_types import AnyArray, Codes, Floats, Integers, Singles
from l1kd.emulators.particles.puppi import flagged_association, puppi_weights
from l1kd.emulators.particles.puppi_config import EtaBin, PuppiConfig

__all__ = ["TRIGGER_PUPPI", "TUNED_PUPPI", "RegionPuppi"]

_ELECTRON, _MUON = 1, 2
"""Classes of particles, as the regionizer numbers them."""


@dataclass(frozen=True)
class RegionPuppi:
    """Parameters of PUPPI in a trigger.

    Attributes
    ----------
    config : PuppiConfig
        Ranges of |eta|, cones, thresholds; nothing in it may rise with the number of vertices.
    dz, dz_eta2 : float
        A track belongs to the vertex within dz + dz_eta2 * eta^2 [cm].
    """

    config: PuppiConfig
    dz: float
    dz_eta2: float

    def association(self, particles: Mapping[str, Any], dz: AnyArray) -> Codes:
        """Associate charged particles with the vertex; leptons are bystanders.

        Parameters
        ----------
        particles
            Columns `eta`, `charge`, `pid`, (n,).
        dz
            Distance of tracks from the vertex [cm], (n,).
        """
        eta = np.asarray(particles["eta"], np.float64)
        far = np.abs(dz) > self.dz + self.dz_eta2 * eta**2
        codes = flagged_association(particles["charge"], far)
        return np.where(lepton(particles), -codes, codes).astype(np.int8)

    def weights(self, particles: Mapping[str, Any], offsets: Integers, vertex: Floats) -> Singles:
        """Weights of particles, float32 (n,) in [0, 1].

        Parameters
        ----------
        particles
            Columns `pt` [GeV], `eta`, `phi`, `charge`, `pid`, `z0` [cm].
        offsets
            First particle of every event and, last, their number.
        vertex
            z0 of the vertex of every event [cm].
        """
        dz = np.asarray(particles["z0"], np.float64) - np.repeat(vertex, np.diff(offsets))
        return puppi_weights(
            particles["pt"], particles["eta"], particles["phi"], self.association(particles, dz),
            offsets, np.ones(len(offsets) - 1, np.int64), self.config,
        )  # fmt: skip

    def with_bin(self, number: int, **changes: Any) -> "RegionPuppi":
        """Return parameters of which one range of |eta| has others."""
        bins = list(self.config.bins)
        bins[number] = replace(bins[number], **changes)
        return replace(self, config=replace(self.config, bins=tuple(bins)))


def lepton(particles: Mapping[str, Any]) -> AnyArray:
    """Tell which particles are electrons or muons."""
    return np.isin(particles["pid"], (_ELECTRON, _MUON))


def _bins(*settings: tuple[float, float, float]) -> PuppiConfig:
    """Return four ranges of |eta| with cone, smallest pt of the pool and threshold of neutrals."""
    edges = (0.0, 1.5, 2.4, 4.0, 10.0)
    return PuppiConfig(
        tuple(
            EtaBin(low, high, cone, high <= TRACKER, "charged" if high <= TRACKER else "all",
                   pool, cut, 0.0)
            for low, high, (cone, pool, cut) in zip(edges[:-1], edges[1:], settings, strict=True)
        ),
        weight_min=0.05,
    )  # fmt: skip


TRACKER: Final = 2.4
"""|eta| where the tracker ends."""

TRIGGER_PUPPI: Final = RegionPuppi(
    _bins((0.2, 0.1, 1.04), (0.2, 0.5, 2.02), (0.2, 0.5, 2.02), (0.2, 0.5, 9.88)),
    dz=0.19,
    dz_eta2=0.105,
)
"""Delphes' parameters with 140 counted vertices (70% of 200), and three times the resolution."""

TUNED_PUPPI: Final[Mapping[str, RegionPuppi]] = MappingProxyType(
    {
        "towers": RegionPuppi(
            _bins((0.15, 0.1, 8.54), (0.2, 0.5, 3.02), (0.45, 0.5, 22.02), (0.2, 0.5, 15.88)),
            dz=0.14,
            dz_eta2=0.135,
        ),
        "clusters": RegionPuppi(
            _bins((0.2, 0.1, 16.04), (0.05, 0.5, 0.52), (0.1, 0.5, 0.52), (0.2, 0.5, 9.88)),
            dz=0.14,
            dz_eta2=0.135,
        ),
    }
)
"""Chosen for towers as they are and for clusters of 3 x 3 at pile-up 200, by the efficiency for W,
Z to neutrinos and top pairs at 60 to 500 kHz of zero bias, with the found vertex:

    l1kd tune train_wjets.root train_zinv.root train_ttbarlj.root --zero-bias train_minbias.root
        train_qcd50.root train_qcd80.root train_qcd120.root train_qcd170.root --puppi --rounds 6
        [--no-clusters]

The figure grew from 0.081 to 0.321 on towers (168 changes tried) and from 0.121 to 0.273 on
clusters (186); LinPUPPI's is 0.328 and 0.324.
"""
