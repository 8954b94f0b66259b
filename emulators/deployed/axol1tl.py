"""AXOL1TL: hardware integers of 19 trigger objects to the anomaly score.

The wrapper scales the integers inside ``ap_fixed<18,13>`` before the network, and turns the latent
vector (or the network's own loss) into the score; see ``docs/deployed-networks.md``.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import AnyFloats, AnyIntegers, Floats, Integers
from l1kd.emulators.deployed.checks import integers, sizes
from l1kd.emulators.deployed.wrapper_source import WrapperSource
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network

__all__ = ["Axol1tl", "axol1tl_inputs"]


UNSCALED = FixedPoint(18, 13)
SCORE = FixedPoint(18, 14, False)
EXACT = FixedPoint(64, 64)
# Objects of one event, in the order of the network's inputs.
MAX_OBJECTS = {"egammas": 4, "muons": 4, "jets": 10}
N_INPUTS = 57


def axol1tl_inputs(
    met: npt.ArrayLike,
    egammas: npt.ArrayLike,
    muons: npt.ArrayLike,
    jets: npt.ArrayLike,
    *,
    legacy: bool = False,
) -> Floats:
    """Arrange hardware integers of trigger objects as AXOL1TL reads them.

    Parameters
    ----------
    met : integers, shape (n, 2)
        hwPt and hwPhi of the MET (``kMissingEt``, without the forward calorimeter).
    egammas, jets : integers, shape (n, k, 3)
        hwPt, hwEta, hwPhi, in the trigger's order; absent objects are zero. Objects beyond 4
        e/gamma, 4 muons and 10 jets are dropped, as in the trigger.
    muons : integers, shape (n, k, 3)
        hwPt, hwEtaAtVtx, hwPhiAtVtx: coordinates extrapolated to the vertex, as the firmware
        takes them. `legacy` emulators took hwEta and hwPhi, those at the second muon station.
    legacy : bool, optional
        Halve momenta to whole GeV, as the emulator of CMSSW did until January 2026 (before
        cms-sw/cmssw#49753), for comparison with scores that it wrote. The firmware never did.

    Returns
    -------
    float64, shape (n, 57)
        hwPt / 2 [GeV], eta and phi in hardware units, of MET (eta 0), e/gamma, muons, jets:
        multiples of 1/2, which ``ap_fixed<18,13>`` holds exactly (raw hwPt * 16).

    Raises
    ------
    ValueError
        If shapes disagree or numbers are not integers.
    """
    missing = integers("met", met)
    if missing.ndim != 2 or missing.shape[1] != 2:
        raise ValueError(f"met: shape (n, 2) expected, not {missing.shape}")
    count = len(missing)
    parts = [np.stack([missing[:, 0], np.zeros(count, np.int64), missing[:, 1]], 1)[:, None]]
    for (name, most), values in zip(MAX_OBJECTS.items(), (egammas, muons, jets), strict=True):
        objects = integers(name, values)
        if objects.ndim != 3 or objects.shape[0] != count or objects.shape[2] != 3:
            raise ValueError(f"{name}: shape ({count}, k, 3) expected, not {objects.shape}")
        kept = objects[:, :most]
        parts.append(np.pad(kept, ((0, 0), (0, most - kept.shape[1]), (0, 0))))
    table = np.concatenate(parts, axis=1).astype(np.float64)
    table[..., 0] /= 2
    if legacy:
        # C++ divides integers towards zero; hardware momenta are never negative.
        table[..., 0] = np.trunc(table[..., 0])
    return table.reshape(count, N_INPUTS)


class Axol1tl:
    """AXOL1TL: hardware numbers of trigger objects to the anomaly score.

    Parameters
    ----------
    network : Network
        The network of one version.
    shifts, offsets : sequence of 57 numbers
        The constants of the version's wrapper, as its source spells them.
    shift_format, offset_format : FixedPoint
        Their types in the wrapper, to which they are cast first.

    Raises
    ------
    ValueError
        If the network or the constants do not have 57 inputs.

    Notes
    -----
    Where the network ends in one number, that is the score (version 5: the loss is part of the
    network); else the score is the sum of the squares of its outputs (versions 1, 3, 4), every
    square and sum held in ``ap_ufixed<18,14>``.
    """

    def __init__(
        self,
        network: Network,
        shifts: Sequence[float],
        offsets: Sequence[float],
        shift_format: FixedPoint,
        offset_format: FixedPoint,
    ) -> None:
        sizes(network, "AXOL1TL", [N_INPUTS], None)
        if len(shifts) != N_INPUTS or len(offsets) != N_INPUTS:
            raise ValueError("57 shifts and offsets expected")
        self.network = network
        whole = FixedPoint(32, 32).cast(shift_format.from_float(shifts), shift_format)
        self.shifts: Integers = whole
        raw = offset_format.from_float(offsets)
        # Differences are exact with the finer of the two fractions.
        self._fraction = max(UNSCALED.fraction, offset_format.fraction)
        self.offsets: Integers = raw << (self._fraction - offset_format.fraction)

    @classmethod
    def from_folder(cls, folder: str | Path) -> "Axol1tl":
        """Read a version's folder: the network, and the wrapper's constants from its source.

        Raises
        ------
        ValueError
            If no source defines ``ad_shift`` and ``ad_offsets`` with their types.
        FirmwareSourceError
            If the network is not understood.
        """
        source = WrapperSource(Path(folder))
        shifts = source.array("ad_shift")
        shift_format = FixedPoint.parse(source.type_of(shifts.type, shifts.name))
        offsets = source.array("ad_offsets")
        offset_format = FixedPoint.parse(source.type_of(offsets.type, offsets.name))
        network = Network.from_hls_project(folder)
        return cls(network, shifts.values, offsets.values, shift_format, offset_format)

    def scale(self, raw: npt.ArrayLike) -> Integers:
        """Return what the network receives, as raw integers of its input format.

        Parameters
        ----------
        raw : integers or floats, shape (n, 57)
            Integers are raw values of ``ap_fixed<18,13>`` (number times 32); floating-point numbers
            are the numbers themselves, see `axol1tl_inputs`, and are cast to that type.
        """
        values = np.asarray(raw)
        values = _raw(values) if values.dtype.kind == "f" else integers("raw", values)
        if values.ndim != 2 or values.shape[1] != N_INPUTS:
            raise ValueError(f"shape (n, 57) expected, not {values.shape}")
        spare = self._fraction - UNSCALED.fraction
        exact = FixedPoint(64, 64 - self._fraction)
        shifted = UNSCALED.cast((values << spare) - self.offsets, exact)
        right = shifted >> np.maximum(self.shifts, 0)
        left = UNSCALED.cast(right << np.maximum(-self.shifts, 0), UNSCALED)
        return self.network.inputs[0].format.cast(left, UNSCALED)

    def score_raw(self, raw: npt.ArrayLike, threads: int = 1) -> Integers:
        """Return the loss in counts of 1/16 for values as in `scale`; int64, shape (n,).

        This is the number that CMSSW calls the score: thresholds of menus and branches of NANO
        files mean it, and a threshold is passed where it is at least as large.
        """
        latent = self.network.predict_raw(self.scale(raw), threads=threads)
        (output,) = self.network.outputs
        latent = latent.reshape(len(latent), output.size)
        form = output.format
        if latent.shape[1] == 1:
            return SCORE.cast(latent[:, 0], form)
        exact = FixedPoint(2 * form.width, 2 * form.integer)
        squares = SCORE.cast(latent * latent, exact)
        return SCORE.cast(squares.sum(axis=1), SCORE)

    def score(self, inputs: npt.ArrayLike, threads: int = 1) -> Floats:
        """Return the loss of hardware numbers, see `axol1tl_inputs`; float64, shape (n,).

        A sixteenth of the number of `score_raw`, with which menus compare.

        Parameters
        ----------
        inputs : integers or floats, shape (n, 57)
            hwPt / 2, eta and phi, as numbers: integers here are no raw values.
        threads : int
            Chunks of events are spread over this many threads.
        """
        values = np.asarray(inputs)
        raw = _raw(values) if values.dtype.kind == "f" else _whole(values)
        return SCORE.to_float(self.score_raw(raw, threads))


def _raw(values: AnyFloats) -> Integers:
    """Return numbers as raw integers of the type that the wrapper takes."""
    return UNSCALED.from_float(values)


def _whole(values: AnyIntegers) -> Integers:
    raw: Integers = UNSCALED.cast(integers("inputs", values), EXACT)
    return raw
