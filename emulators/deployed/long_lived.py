"""TOoLLiP: the score of a jet from a long-lived particle.

Source: cms-sw/cmssw L1Trigger/Phase2L1ParticleFlow src/JetId.cc, plugins/TOoLLiPProducer.cc
(22e0a4ca); networks cms-hls4ml/TOoLLiP.
"""

from pathlib import Path
from typing import Final

import numpy as np

from l1kd.emulators.array_types import AnyArray, Floats, Integers, Singles
from l1kd.emulators.deployed.candidate_arrays import (
    CHARGED,
    ELECTRONS,
    HADRONS,
    MUONS,
    NEUTRAL_HADRON,
    PHOTON,
    CandidateArrays,
    angle,
    momentum,
)
from l1kd.emulators.deployed.checks import sizes
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network

__all__ = ["ABSENT", "N_CONSTITUENTS", "LongLivedJets"]

N_CONSTITUENTS: Final = 10
N_FEATURES: Final = 13
MAX_JETS: Final = 10
MIN_PT: Final = 80
"""Raw 20 GeV."""
MAX_ETA: Final = 2.4
ABSENT: Final = -1.0
"""Score of a jet that is not evaluated."""
RETURNED: Final = FixedPoint(16, 6)
"""Type in which the caller returns the score."""
_SPECIES: Final = (*ELECTRONS, *MUONS, PHOTON, NEUTRAL_HADRON, *HADRONS)


class LongLivedJets:
    """TOoLLiP: constituents of jets to the score.

    Parameters
    ----------
    network : Network
        With 10 x 13 inputs. Those of 10 x 14 inputs (versions 1, 2 and tmp_v) are refused: no
        caller that fills them is public.

    Raises
    ------
    ValueError
        If the network has other sizes.
    """

    def __init__(self, network: Network) -> None:
        if [tensor.size for tensor in network.inputs] == [N_CONSTITUENTS * 14]:
            raise ValueError(
                "TOoLLiP: this network reads 14 numbers a constituent, and no caller that gives "
                "them is public (the one of 10 x 14 inputs passes 13); expected version 3, with 13"
            )
        sizes(network, "TOoLLiP", [N_CONSTITUENTS * N_FEATURES], [1])
        self.network = network

    @classmethod
    def from_folder(cls, folder: str | Path) -> "LongLivedJets":
        """Read a version's firmware folder."""
        return cls(Network.from_hls_project(folder))

    def inputs(
        self, constituents: CandidateArrays, pt: AnyArray, eta: AnyArray, phi: AnyArray
    ) -> Singles:
        """Return the numbers of the caller, float32 of shape (jets, 130).

        Parameters
        ----------
        constituents : CandidateArrays
            One "event" a jet, its 10 hardest constituents: `hardest_constituents`.
        pt, eta, phi : integers, shape (jets,)
            hwPt, hwEta, hwPhi of the jets; phi may lie beyond half a turn.
        """
        c = constituents
        # the caller subtracts in double precision what is stored in single
        jet = [angle(np.asarray(x))[:, np.newaxis].astype(np.float64) for x in (eta, phi)]
        size = momentum(np.asarray(pt))[:, np.newaxis].astype(np.float64)
        with np.errstate(divide="ignore", invalid="ignore"):
            share = momentum(c.hwPt).astype(np.float64) / size
        turn = angle(c.hwPhi).astype(np.float64) - jet[1]
        far = np.abs(turn) > np.pi
        turn = np.where(far, turn - np.round(turn / (2 * np.pi)) * (2 * np.pi), turn)
        charged = c.hwId >= CHARGED
        numbers = [
            *(c.hwId == species for species in _SPECIES),
            np.where(charged, c.dz, 0),
            np.where(charged, np.abs(c.d0), 0),
            share,
            angle(c.hwEta).astype(np.float64) - jet[0],
            turn,
        ]
        rows = np.stack([np.asarray(x, np.float32) for x in numbers], axis=2)
        filled = np.arange(c.hwPt.shape[1]) < c.count[:, np.newaxis]
        filled &= rows[..., 10] != 0
        return np.where(filled[..., np.newaxis], rows, np.float32(0)).reshape(
            len(rows), N_CONSTITUENTS * N_FEATURES
        )

    def evaluated(self, place: AnyArray, pt: AnyArray, eta: AnyArray) -> AnyArray:
        """Tell which jets are evaluated, bool: of the first ten those above 20 GeV within 2.4.

        Parameters
        ----------
        place, pt, eta : integers, shape (jets,)
            Position of the jet in its event, hwPt, hwEta.
        """
        inside = np.abs(angle(np.asarray(eta)).astype(np.float64)) <= MAX_ETA
        return inside & (np.asarray(pt) >= MIN_PT) & (np.asarray(place) < MAX_JETS)

    def predict(
        self,
        constituents: CandidateArrays,
        place: AnyArray,
        pt: AnyArray,
        eta: AnyArray,
        phi: AnyArray,
        threads: int = 1,
    ) -> Floats:
        """Return the score of every jet, float64, -1 where it is not evaluated.

        The network's output is cast to ``ap_fixed<16,6>`` on its way out, as the caller does.
        """
        numbers = self.inputs(constituents, pt, eta, phi)
        scores = np.full(len(numbers), ABSENT)
        chosen = np.flatnonzero(self.evaluated(place, pt, eta))
        if len(chosen):
            form = self.network.inputs[0].format
            raw = self._raw(form.from_float(numbers[chosen]), threads)
            scores[chosen] = RETURNED.to_float(RETURNED.cast(raw, self.network.outputs[0].format))
        return scores

    def _raw(self, inputs: Integers, threads: int) -> Integers:
        raw: Integers = self.network.predict_raw(inputs, threads=threads).reshape(-1)
        return raw
