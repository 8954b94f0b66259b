"""The 16 numbers per particle that DistillNet and QDistillNet read.

One home for training and for insertion: what a network sees is what it was trained on.

Columns: eta, phi, log pt, log E (natural logarithms of GeV), charge, PUPPI weight, the particle's
class one-hot (8 columns), d0, dz (cm, dz relative to the primary vertex).
Source of the list: Bal et al., Mach. Learn.: Sci. Technol. 5 (2024) 025033, section 3.
"""

import math

import numpy as np

from l1kd.emulators.array_types import AnyFloats, AnyIntegers, Singles
from l1kd.emulators.compilation import njit

__all__ = [
    "FEATURES",
    "LARGEST_ETA",
    "LARGEST_LENGTH",
    "LOG_LIMITS",
    "N_FEATURES",
    "distillnet_inputs",
]

FEATURES = (
    "eta",
    "phi",
    "log_pt",
    "log_energy",
    "charge",
    "puppi_weight",
    "charged_hadron",
    "electron",
    "muon",
    "photon",
    "neutral_hadron",
    "forward_hadron",
    "forward_em",
    "other",
    "d0",
    "dz",
)
"""Names of the columns, in order."""
N_FEATURES = 16
N_CLASSES = 8
_FIRST_CLASS = 6

LOG_LIMITS = (-4.0, 12.0)
"""Limits of log pt and log E: 0.018 GeV, so that zero is no infinity, and 163 TeV."""
LARGEST_LENGTH = 2.0
"""|d0| and |dz| are clipped here [cm]: what lies beyond is equally far from the vertex."""
LARGEST_ETA = 8.0
"""|eta| is clipped here, beyond every detector, so that a fixed-point input cannot overflow."""


@njit(nogil=True)
def _log(value: float) -> float:
    if not value > 0.0:
        return LOG_LIMITS[0]
    return min(max(math.log(value), LOG_LIMITS[0]), LOG_LIMITS[1])


@njit(nogil=True)
def _length(value: float) -> float:
    # NaN is "no track parameter in the file": as good as nothing known against the vertex
    if math.isnan(value):
        return 0.0
    return min(max(value, -LARGEST_LENGTH), LARGEST_LENGTH)


@njit(nogil=True)
def _fill(
    pt: AnyFloats,
    eta: AnyFloats,
    phi: AnyFloats,
    energy: AnyFloats,
    charge: AnyIntegers,
    pid: AnyIntegers,
    weight: AnyFloats,
    d0: AnyFloats,
    dz: AnyFloats,
    out: Singles,
) -> None:
    for i in range(len(pt)):
        out[i, 0] = min(max(eta[i], -LARGEST_ETA), LARGEST_ETA)
        out[i, 1] = phi[i]
        out[i, 2] = _log(pt[i])
        out[i, 3] = _log(energy[i])
        out[i, 4] = charge[i]
        out[i, 5] = weight[i]
        for k in range(N_CLASSES):
            out[i, _FIRST_CLASS + k] = 1.0 if pid[i] == k else 0.0
        if charge[i] != 0:
            out[i, 14] = _length(d0[i])
            out[i, 15] = _length(dz[i])
        else:
            out[i, 14] = 0.0
            out[i, 15] = 0.0


def distillnet_inputs(
    pt: AnyFloats,
    eta: AnyFloats,
    phi: AnyFloats,
    energy: AnyFloats,
    charge: AnyIntegers,
    pid: AnyIntegers,
    puppi_weight: AnyFloats,
    d0: AnyFloats,
    dz: AnyFloats,
    out: Singles | None = None,
) -> Singles:
    """Build the input matrix of DistillNet from flat columns.

    Parameters
    ----------
    pt, energy
        Shape (n,), GeV, not negative. Zero gives the lower limit of the logarithm.
    eta, phi
        Shape (n,), phi in radians, (-pi, pi]. |eta| is clipped at 8.
    charge
        Shape (n,), units of the elementary charge.
    pid
        Shape (n,), class 0..7 (charged hadron, electron, muon, photon, neutral hadron, forward
        hadron, forward e.m., other).
    puppi_weight
        Shape (n,), in [0, 1].
    d0, dz
        Shape (n,), cm, dz relative to the primary vertex. Clipped at 2 cm; NaN counts as 0, and
        so does everything that a neutral particle has here.
    out
        Contiguous float32 matrix with a row a particle, whose first 16 columns are written; by
        default a matrix of these alone.

    Returns
    -------
    `out`; its first 16 columns, float32, are in the order of `FEATURES` and finite for finite pt,
    eta, phi, energy and weight.

    Raises
    ------
    ValueError
        The columns differ in length.
    """
    columns = (pt, eta, phi, energy, charge, pid, puppi_weight, d0, dz)
    lengths = {len(column) for column in columns}
    if len(lengths) != 1:
        message = f"the columns of DistillNet's input differ in length: {sorted(lengths)}"
        raise ValueError(message)
    if out is None:
        out = np.empty((len(pt), N_FEATURES), np.float32)
    _fill(*(np.ascontiguousarray(column) for column in columns), out)
    return out
