"""What every deployed network checks of its inputs."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import Integers
from l1kd.emulators.network import Network

__all__ = ["integers", "sizes"]


def integers(name: str, values: npt.ArrayLike) -> Integers:
    """Return integers as int64.

    Raises
    ------
    ValueError
        If they are something else.
    """
    array = np.asarray(values)
    if array.dtype.kind not in "iu":
        raise ValueError(f"{name}: integers expected, not {array.dtype}")
    return array.astype(np.int64)


def sizes(
    network: Network, name: str, inputs: Sequence[int], outputs: Sequence[int] | None
) -> None:
    """Check how many numbers a network takes and gives; None: one output of any size.

    Raises
    ------
    ValueError
        If it has other sizes.
    """
    found = [[tensor.size for tensor in side] for side in (network.inputs, network.outputs)]
    fits = len(found[1]) == 1 if outputs is None else found[1] == list(outputs)
    if found[0] != list(inputs) or not fits:
        wanted = "one output" if outputs is None else f"outputs of {list(outputs)} numbers"
        raise ValueError(
            f"{name}: expected a network with inputs of {list(inputs)} numbers and {wanted}, found "
            f"inputs of {found[0]} and outputs of {found[1]}"
        )
