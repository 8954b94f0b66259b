"""L1METML: missing transverse momentum from the candidates of an event.

Source: cms-sw/cmssw L1Trigger/Phase2L1ParticleFlow/plugins/L1MetPfProducer.cc (``CalcMlMet``),
wrapper cms-hls4ml/L1METML.
"""

from pathlib import Path
from typing import Final

import numpy as np

from l1kd.emulators.array_types import AnyArray, Floats, Integers
from l1kd.emulators.deployed.candidate_arrays import CHARGED, CandidateArrays, angle, momentum
from l1kd.emulators.deployed.checks import sizes
from l1kd.emulators.deployed.single_trigonometry import cosine_and_sine
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network

__all__ = ["N_CANDIDATES", "MissingMomentum"]

N_CANDIDATES: Final = 100
PASSED: Final = FixedPoint(32, 16)
"""Type of the numbers that the caller passes."""
WEIGHT_LSB: Final = 1.0 / 256.0
_CODES: Final = np.array([2, 3, 1, 1, 5, 5, 4, 4])
"""Code of a candidate by its identity."""
_CHARGE_CODES: Final = np.array([2, 2, 1, 3, 1, 3, 1, 3])
"""Charge plus two by identity; absent candidates have the code 0."""


class MissingMomentum:
    """L1METML: 100 candidates of an event to the missing transverse momentum.

    Raises
    ------
    ValueError
        If the network has other sizes.
    """

    def __init__(self, network: Network) -> None:
        n = N_CANDIDATES
        sizes(network, "L1METML", [4 * n, 2 * n, n, n], [2])
        self.network = network

    @classmethod
    def from_folder(cls, folder: str | Path) -> "MissingMomentum":
        """Read a version's firmware folder."""
        return cls(Network.from_hls_project(folder))

    def inputs(self, candidates: CandidateArrays) -> tuple[Integers, ...]:
        """Return what the network receives, raw numbers of the formats of its inputs.

        The first 100 candidates of every event in their order: momentum [GeV], pseudorapidity,
        azimuth, weight; the momentum's components; codes of kind and charge. All pass through
        ``ap_fixed<32,16>``.
        """
        c = candidates
        slots = min(c.hwPt.shape[1], N_CANDIDATES)
        there = np.arange(N_CANDIDATES) < c.count[:, np.newaxis]

        def padded(values: AnyArray) -> AnyArray:
            wide = np.zeros((c.n_events, N_CANDIDATES), values.dtype)
            wide[:, :slots] = values[:, :slots]
            return np.where(there, wide, 0)

        pt, eta, phi = momentum(c.hwPt), angle(c.hwEta), angle(c.hwPhi)
        cosine, sine = cosine_and_sine(phi)
        weight = np.where(c.hwId >= CHARGED, 1.0, c.hwPuppiW * WEIGHT_LSB)
        continuous = [pt, eta, phi, weight]
        blocks = [
            np.stack([padded(PASSED.from_float(x)) for x in continuous], axis=2),
            np.stack([padded(PASSED.from_float(pt * x)) for x in (cosine, sine)], axis=2),
            padded(_CODES[c.hwId] << PASSED.fraction),
            padded(_CHARGE_CODES[c.hwId] << PASSED.fraction),
        ]
        return tuple(
            np.asarray(tensor.format.cast(block.reshape(c.n_events, tensor.size), PASSED), np.int64)
            for tensor, block in zip(self.network.inputs, blocks, strict=True)
        )

    def predict(self, candidates: CandidateArrays, threads: int = 1) -> tuple[Floats, Floats]:
        """Return magnitude [GeV] and azimuth of the missing momentum; float64, shape (n,)."""
        raw = self.network.predict_raw(*self.inputs(candidates), threads=threads)
        components = -self.network.outputs[0].format.to_float(raw.reshape(-1, 2))
        px, py = components[:, 0], components[:, 1]
        return np.hypot(px, py), np.arctan2(py, px)
