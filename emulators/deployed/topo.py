"""TOPO: hardware integers of HT, two muons and four jets to the score of a topology.

Source: cms-sw/cmssw L1Trigger/L1TGlobal/src/TOPOCondition.cc (20 inputs, and 21 since
cms-sw/cmssw#49620), wrapper cms-hls4ml/TOPO ``topo_emulator_*.cpp``, ``scaling.h``.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import Floats, Integers, Singles
from l1kd.emulators.deployed.checks import integers, sizes
from l1kd.emulators.deployed.wrapper_source import WrapperSource
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network

__all__ = ["MUON_FIELDS", "Topo", "topo_inputs"]

UNSCALED: Final = FixedPoint(23, 23)
"""Type of the numbers that the caller passes."""
EXACT: Final = FixedPoint(64, 64)
N_MUONS: Final = 2
N_JETS: Final = 4
MUON_FIELDS: Final = {20: ("pt", "eta", "phi"), 21: ("pt", "etaAtVtx", "phiAtVtx", "quality")}
"""What the two versions, told apart by their number of inputs, read of a muon."""
MENU_SCALE: Final = {20: 1, 21: 1023}
"""By what each version's caller multiplies the output before it compares with the menu."""


def topo_inputs(ht: npt.ArrayLike, muons: npt.ArrayLike, jets: npt.ArrayLike) -> Integers:
    """Arrange hardware integers as TOPO reads them; the muons' fields tell which version.

    Parameters
    ----------
    ht : integers, shape (n,)
        hwPt of the sum of type ``kTotalHt``, 0 where there is none. No other sum stands in for it.
    muons : integers, shape (n, k, 3) or (n, k, 4)
        For 20 inputs hwPt, hwEta, hwPhi (at the second station); for 21 hwPt, hwEtaAtVtx,
        hwPhiAtVtx, hwQual. In the trigger's order; absent ones are zero, those beyond two dropped.
    jets : integers, shape (n, k, 3)
        hwPt, hwEta, hwPhi; those beyond four are dropped.

    Returns
    -------
    int64, shape (n, 20) or (n, 21)
        HT (with 20 inputs a zero behind it), muons, jets; momenta are not halved.

    Raises
    ------
    ValueError
        If shapes disagree or numbers are not integers.
    """
    sums = integers("ht", ht)
    if sums.ndim != 1:
        raise ValueError(f"ht: shape (n,) expected, not {sums.shape}")
    parts = [sums[:, None]]
    for name, most, values, widths in (
        ("muons", N_MUONS, muons, (3, 4)),
        ("jets", N_JETS, jets, (3,)),
    ):
        found = integers(name, values)
        if found.ndim != 3 or len(found) != len(sums) or found.shape[2] not in widths:
            wanted = " or ".join(map(str, widths))
            raise ValueError(
                f"{name}: shape ({len(sums)}, k, {wanted}) expected, not {found.shape}"
            )
        if name == "muons" and found.shape[2] == 3:
            parts.append(np.zeros((len(sums), 1), np.int64))
        kept = found[:, :most]
        padded = np.pad(kept, ((0, 0), (0, most - kept.shape[1]), (0, 0)))
        parts.append(padded.reshape(len(sums), most * found.shape[2]))
    return np.concatenate(parts, axis=1)


class Topo:
    """TOPO: hardware integers of trigger objects to the score.

    Parameters
    ----------
    network : Network
        The network of one version.
    biases, norms : sequence of numbers, as many as inputs
        The constants of the version's wrapper.

    Raises
    ------
    ValueError
        If the network has neither 20 nor 21 inputs, or the constants another number.
    """

    def __init__(self, network: Network, biases: Sequence[float], norms: Sequence[float]) -> None:
        count = network.inputs[0].size
        if count not in MUON_FIELDS:
            raise ValueError(f"TOPO: expected a network with 20 or 21 inputs, found {count}")
        sizes(network, "TOPO", [count], [1])
        if len(biases) != count or len(norms) != count or 0 in norms:
            raise ValueError(
                f"TOPO: expected {count} biases and norms, none of these zero, found "
                f"{len(biases)} and {len(norms)}"
            )
        self.network = network
        self.n_inputs = count
        self.biases = np.asarray(biases, np.float64)
        self.norms = np.asarray(norms, np.float64)

    @classmethod
    def from_folder(cls, folder: str | Path) -> "Topo":
        """Read a version's folder: the network, and ``bias`` and ``norm`` of the wrapper's source.

        Raises
        ------
        ValueError
            If no source defines them.
        FirmwareSourceError
            If the network is not understood.
        """
        source = WrapperSource(Path(folder))
        arrays = (source.array("bias"), source.array("norm"))
        whole = [np.trunc(a.values) if a.type == "int" else np.asarray(a.values) for a in arrays]
        return cls(Network.from_hls_project(folder), *(values.tolist() for values in whole))

    def scale(self, inputs: npt.ArrayLike) -> Integers:
        """Return what the network receives, as raw integers of its input format.

        Parameters
        ----------
        inputs : integers, shape (n, 20) or (n, 21)
            As `topo_inputs` arranges them.
        """
        values = integers("inputs", inputs)
        if values.ndim != 2 or values.shape[1] != self.n_inputs:
            raise ValueError(f"shape (n, {self.n_inputs}) expected, not {values.shape}")
        held = UNSCALED.cast(values, EXACT).astype(np.float64)
        # the wrapper computes in double precision
        return self.network.inputs[0].format.from_float((held - self.biases) / self.norms)

    def output(self, inputs: npt.ArrayLike, threads: int = 1) -> Floats:
        """Return the network's output of every event, a number of [0, 1]; float64, shape (n,)."""
        raw = self.network.predict_raw(self.scale(inputs), threads=threads).reshape(-1)
        return self.network.outputs[0].format.to_float(raw)

    def compared(self, output: npt.ArrayLike) -> Singles:
        """Return what the version's caller compares with a menu's threshold, float32.

        The output itself with 20 inputs, times 1023 with 21; a threshold is passed by a number that
        is at least as large.
        """
        value: Singles = np.asarray(output, np.float32) * np.float32(MENU_SCALE[self.n_inputs])
        return value
