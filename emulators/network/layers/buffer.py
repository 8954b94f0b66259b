"""Windows of convolutions as the generated line buffers spell them out."""

import numpy as np

from l1kd.emulators.array_types import Indices
from l1kd.emulators.network.cpp.expressions import Binary, Expression, Index, Name, Number
from l1kd.emulators.network.cpp.functions import Assign, When, parameter_names, statements
from l1kd.emulators.network.cpp.model import FirmwareSourceError, Function

__all__ = ["line_buffer", "position_in"]


def position_in(node: Expression, array: str) -> int | None:
    """Return the constant position of ``array[position]``, or None for other expressions."""
    if isinstance(node, Index) and node.base == Name(array) and isinstance(node.index, Number):
        return int(node.index.value)
    return None


def line_buffer(
    function: Function, partitions: int, pixels: int, size: int, elements: int
) -> Indices:
    """Return which element of the data every place of every window holds; -1 for zero."""

    def fail() -> FirmwareSourceError:
        return FirmwareSourceError("line buffer not understood", function.location, function.name)

    data, buffer, partition = parameter_names(function)
    windows = np.full((partitions, pixels, size), -2, np.int64)
    for statement in statements(function):
        match statement:
            case When(
                test=Binary(operator="==", left=Name(text=tested), right=Number(value=part))
            ) if tested == partition and 0 <= part < partitions:
                pass
            case _:
                raise fail()
        for inner in statement.body:
            match inner:
                case Assign(
                    target=Index(
                        base=Index(base=Name(text=written), index=Number(value=pixel)),
                        index=Number(value=place),
                    )
                ) if written == buffer and 0 <= pixel < pixels and 0 <= place < size:
                    zero = inner.value == Number(0, "int")
                    origin = -1 if zero else position_in(inner.value, data)
                    if origin is None or origin >= elements or origin < -1:
                        raise fail()
                    windows[int(part), int(pixel), int(place)] = origin
                case _:
                    raise fail()
    if (windows == -2).any():
        raise fail()
    return windows.reshape(-1, size).astype(np.int32)
