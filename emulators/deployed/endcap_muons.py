"""EMTF_NN: momentum and displacement of a muon track in the endcap.

Source: cms-sw/cmssw L1Trigger/L1TMuonEndCap/src/PtAssignmentEngineDxy.cc (#49179, #49325).
"""

from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import AnyArray, Integers
from l1kd.emulators.deployed.checks import integers, sizes
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network

__all__ = ["LARGEST", "PAIRS", "EndcapMuons", "endcap_muon_inputs"]

PAIRS: Final = ((1, 2), (1, 3), (1, 4), (2, 3), (2, 4), (3, 4))
"""Stations between which differences are taken, in the order of the inputs."""
INVALID_PHI: Final = 8191
INVALID_THETA: Final = 127
LARGEST: Final = {
    "mode": 15,
    "dphi": 8191,
    "sign_phi": 1,
    "dtheta": 127,
    "sign_theta": 1,
    "pattern": 10,
    "theta": 127,
}
"""Largest value of a track's words, none of which has a sign; CSC patterns of Run 2 end at 10."""
LARGEST_DISPLACEMENT: Final = 127
EXACT: Final = FixedPoint(64, 64)


def _words(name: str, values: npt.ArrayLike, shape: tuple[int, ...]) -> Integers:
    array = integers(name, values)
    if array.shape != shape:
        raise ValueError(f"{name}: shape {shape} expected, not {array.shape}")
    top = LARGEST[name]
    bad = array[(array < 0) | (array > top)]
    if bad.size:
        raise ValueError(f"{name}: expected 0 to {top}, as the hardware has it, found {bad[0]}")
    return array


def endcap_muon_inputs(
    mode: npt.ArrayLike,
    dphi: npt.ArrayLike,
    sign_phi: npt.ArrayLike,
    dtheta: npt.ArrayLike,
    sign_theta: npt.ArrayLike,
    pattern: npt.ArrayLike,
    theta: npt.ArrayLike,
) -> Integers:
    """Arrange the numbers of tracks as the network reads them.

    Parameters
    ----------
    mode : integers, shape (n,)
        Stations with a hit: 8 for the first, 4, 2, 1 for the fourth.
    dphi, dtheta : integers, shape (n, 6)
        Magnitudes of the differences between the stations of `PAIRS`; 8191 and 127 mean that
        there is none.
    sign_phi, sign_theta : integers, shape (n, 6)
        Signs of the differences, 0 or 1.
    pattern : integers, shape (n, 4)
        CSC pattern of each station, 0 to 10 as in Run 2.
    theta : integers, shape (n,)
        Theta of the track.

    Returns
    -------
    int64, shape (n, 29)
        dphi, their signs, dtheta, their signs, patterns, theta. Differences to a station without
        a hit are 0, and so is its pattern; signs are not touched.

    Raises
    ------
    ValueError
        If shapes disagree, or numbers are not integers up to `LARGEST`.
    """
    if np.ndim(mode) != 1:
        raise ValueError(f"mode: shape (n,) expected, not {np.shape(mode)}")
    count = np.shape(mode)[0]
    modes = _words("mode", mode, (count,))
    hit = np.stack([modes >> (4 - station) & 1 for station in (1, 2, 3, 4)], axis=1) == 1
    hit[:, 0] = modes >= 8  # the caller looks at the whole number here
    both = np.stack([hit[:, a - 1] & hit[:, b - 1] for a, b in PAIRS], axis=1)

    def magnitudes(name: str, values: npt.ArrayLike, invalid: int) -> AnyArray:
        found = _words(name, values, (count, 6))
        return np.where(both & (found != invalid), found, 0)

    return np.concatenate(
        [
            magnitudes("dphi", dphi, INVALID_PHI),
            _words("sign_phi", sign_phi, (count, 6)),
            magnitudes("dtheta", dtheta, INVALID_THETA),
            _words("sign_theta", sign_theta, (count, 6)),
            np.where(hit, _words("pattern", pattern, (count, 4)), 0),
            _words("theta", np.asarray(theta).reshape(-1, 1), (count, 1)),
        ],
        axis=1,
    )


class EndcapMuons:
    """EMTF_NN: 29 numbers of a track to its momentum and displacement.

    Raises
    ------
    ValueError
        If the network has other sizes.
    """

    def __init__(self, network: Network) -> None:
        sizes(network, "EMTF_NN", [29], [2])
        self.network = network

    @classmethod
    def from_folder(cls, folder: str | Path) -> "EndcapMuons":
        """Read a version's firmware folder."""
        return cls(Network.from_hls_project(folder))

    def predict(self, inputs: npt.ArrayLike, threads: int = 1) -> tuple[Integers, Integers]:
        """Return momentum and displacement of every track.

        Parameters
        ----------
        inputs : integers, shape (n, 29)
            As `endcap_muon_inputs` arranges them; what does not fit the network's input wraps.

        Returns
        -------
        pt, dxy : int64, shape (n,)
            pt as ``hwPtUnconstrained`` gets it; dxy at most 127.
        """
        values = self.network.inputs[0].format.cast(integers("inputs", inputs), EXACT)
        raw = self.network.predict_raw(values, threads=threads)
        return raw[:, 0], np.minimum(raw[:, 1], LARGEST_DISPLACEMENT)
