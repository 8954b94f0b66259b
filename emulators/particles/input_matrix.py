"""The whole input matrix of DistillNet and QDistillNet, as an input set names it.

One home for insertion, training and the vectors of firmware proofs: a network meets in use, bit for
bit, what it was trained and proved on.
"""

from typing import Literal

import numpy as np

from l1kd.emulators.array_types import AnyFloats, AnyIntegers, Integers, Singles
from l1kd.emulators.particles.distillnet_inputs import FEATURES, distillnet_inputs
from l1kd.emulators.particles.local_inputs import LOCAL_FEATURES, local_inputs

__all__ = ["INPUT_SETS", "InputSet", "input_matrix"]

InputSet = Literal["paper", "local"]
INPUT_SETS: dict[InputSet, tuple[str, ...]] = {
    "paper": FEATURES,
    "local": (*FEATURES, *LOCAL_FEATURES),
}
"""Names of the input columns, by input set: the paper's 16, or with the 15 local ones."""


def input_matrix(
    input_set: InputSet,
    *,
    pt: AnyFloats,
    eta: AnyFloats,
    phi: AnyFloats,
    energy: AnyFloats,
    charge: AnyIntegers,
    pid: AnyIntegers,
    puppi_weight: AnyFloats,
    d0: AnyFloats,
    dz: AnyFloats,
    offsets: Integers,
) -> Singles:
    """Build the input matrix of whole events from flat columns.

    Parameters
    ----------
    input_set
        "paper" for `distillnet_inputs` alone, "local" for those and `local_inputs`.
    pt, eta, phi, energy, charge, pid, puppi_weight, d0, dz
        Shape (n,), as in `distillnet_inputs` and `local_inputs`: GeV, rad, cm.
    offsets
        First particle of every event: int64, (n_events + 1,).

    Returns
    -------
    float32, shape (n, inputs), a column for each name in ``INPUT_SETS[input_set]``.

    Raises
    ------
    ValueError
        The input set is unknown, the columns or the offsets do not fit together, or a direction,
        pt or weight is NaN or infinite where local sums need it.
    """
    if input_set not in INPUT_SETS:
        known = ", ".join(INPUT_SETS)
        raise ValueError(f"there is no input set '{input_set}'; known are {known}")
    out = np.empty((len(pt), len(INPUT_SETS[input_set])), np.float32)
    distillnet_inputs(pt, eta, phi, energy, charge, pid, puppi_weight, d0, dz, out)
    if input_set == "local":
        local_inputs(pt, eta, phi, charge, puppi_weight, d0, dz, offsets, out)
    return out
