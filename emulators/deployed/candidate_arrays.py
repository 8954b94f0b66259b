"""PUPPI candidates of events in the correlator's integers, and their physical numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Final

import numpy as np

from l1kd.emulators.array_types import AnyArray, Integers, Singles
from l1kd.emulators.correlator.types import ETA_PHI_LSB, PT_LSB

__all__ = [
    "CHARGED",
    "ELECTRONS",
    "HADRONS",
    "MUONS",
    "NEUTRAL_HADRON",
    "PHOTON",
    "CandidateArrays",
    "angle",
    "momentum",
]

NEUTRAL_HADRON: Final = 0
PHOTON: Final = 1
CHARGED: Final = 2
"""First of the identities of charged particles."""
HADRONS: Final = (2, 3)
ELECTRONS: Final = (4, 5)
MUONS: Final = (6, 7)
"""Identities of negative and positive charge (l1ct::ParticleID)."""


def momentum(raw: AnyArray) -> Singles:
    """Return transverse momentum [GeV] as CMSSW has it, float32."""
    return np.asarray(raw, np.float32) * np.float32(PT_LSB)


def angle(raw: AnyArray) -> Singles:
    """Return pseudorapidity or azimuth as CMSSW has it: product of floats, float32."""
    return np.asarray(raw, np.float32) * np.float32(ETA_PHI_LSB)


@dataclass(frozen=True)
class CandidateArrays:
    """Candidates of events, padded; int64 arrays of shape (n, slots) unless stated.

    Attributes
    ----------
    count
        Candidates of every event, shape (n,); slots behind them are not looked at.
    hwPt, hwEta, hwPhi
        0.25 GeV; pi / 720.
    hwId
        0 neutral hadron, 1 photon, 2 and 3 hadrons of charge -1 and +1, 4 and 5 electrons, 6 and 7
        muons.
    hwPuppiW, hwEmID
        Weight in 1/256 and electromagnetic identity, of neutral candidates.
    hwZ0, hwDxy, hwTkQuality
        0.05 cm; 64 sqrt(cm); of charged candidates.
    dz, d0
        Distance of a charged candidate's track from the primary vertex along the beam, and size of
        its transverse impact parameter [cm], float32; 0 of neutral candidates.
    """

    count: Integers
    hwPt: Integers  # noqa: N815
    hwEta: Integers  # noqa: N815
    hwPhi: Integers  # noqa: N815
    hwId: Integers  # noqa: N815
    hwPuppiW: Integers  # noqa: N815
    hwEmID: Integers  # noqa: N815
    hwZ0: Integers  # noqa: N815
    hwDxy: Integers  # noqa: N815
    hwTkQuality: Integers  # noqa: N815
    dz: Singles
    d0: Singles

    @classmethod
    def of(cls, columns: Mapping[str, Any]) -> "CandidateArrays":
        """Make them of columns by name.

        Raises
        ------
        ValueError
            If a column is missing, or has another shape than the first.
        """
        given = dict(columns)
        missing = [field.name for field in fields(cls) if field.name not in given]
        if missing:
            raise ValueError(f"candidates lack {', '.join(missing)}")
        shape = np.shape(given["hwPt"])
        made: dict[str, Any] = {}
        for field in fields(cls):
            kind = np.float32 if field.name in ("dz", "d0") else np.int64
            made[field.name] = np.ascontiguousarray(given[field.name], kind)
            wanted = shape[:1] if field.name == "count" else shape
            if made[field.name].shape != wanted:
                raise ValueError(
                    f"{field.name}: shape {wanted} expected, not {made[field.name].shape}"
                )
        return cls(**made)

    @property
    def n_events(self) -> int:
        """Number of events."""
        return len(self.count)

    def taken(self, event: AnyArray, slot: AnyArray) -> "CandidateArrays":
        """Return other events made of these candidates.

        Parameters
        ----------
        event : integers, shape (m,)
            Whose candidates.
        slot : integers, shape (m, k)
            Their slots, -1 behind the last one; what is absent has zeros.
        """
        there = slot >= 0
        rows, columns = event[:, np.newaxis], np.where(there, slot, 0)
        made: dict[str, Any] = {
            field.name: np.where(there, getattr(self, field.name)[rows, columns], 0)
            for field in fields(self)
            if field.name != "count"
        }
        return CandidateArrays(count=there.sum(axis=1), **made)
