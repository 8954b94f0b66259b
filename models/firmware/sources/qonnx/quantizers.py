"""Quantizers of QONNX: ``Quant``, ``IntQuant``, ``BipolarQuant`` and ``Trunc`` as plain steps.

Facts of the arithmetic: qonnx, ``custom_op/general/quant.py``, ``bipolar_quant.py`` and
``trunc.py`` (version 1 with five inputs, version 2 with seven).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from l1kd.emulators.array_types import Floats
from l1kd.errors import FirmwareError

__all__ = ["INTEGERS", "QUANTIZERS", "ROUNDINGS", "Step", "steps_of"]

INTEGERS = ("Quant", "IntQuant")
QUANTIZERS = (*INTEGERS, "BipolarQuant", "Trunc")
ROUNDINGS: dict[str, Any] = {"ROUND": np.round, "FLOOR": np.floor, "CEIL": np.ceil}
_FIXED = "Int8WeightPerTensorFixedPoint, Int8ActPerTensorFixedPoint and their relatives"


@dataclass(frozen=True, eq=False)
class Step:
    """Numbers that become integers, and numbers again.

    With n = clip(round(x / scale + zero)), the result is (n - offset) * factor.

    Attributes
    ----------
    scale, zero, factor, offset : float64 arrays
        They broadcast to the numbers; scale and factor are powers of two.
    rounding : str
        ``ROUND`` (ties to even), ``FLOOR``, ``CEIL``, or ``SIGN``: n is 1 from zero on, else -1.
    limits : tuple of int, or None
        Smallest and largest n.
    width : int
        Bits of n, of its type where there are limits.
    """

    scale: Floats
    zero: Floats
    rounding: str
    limits: tuple[int, int] | None
    offset: Floats
    factor: Floats
    width: int = 0

    def of(self, numbers: Floats) -> Floats:
        """Return the results for constants."""
        scaled = numbers / self.scale + self.zero
        if self.rounding == "SIGN":
            whole = np.where(scaled >= 0.0, 1.0, -1.0)
        else:
            whole = ROUNDINGS[self.rounding](scaled)
        if self.limits is not None:
            whole = np.clip(whole, *self.limits)
        return np.asarray((whole - self.offset) * self.factor, np.float64)


def steps_of(onnx: Any, node: Any, constants: Mapping[str, Any]) -> list[Step]:
    """Return what a quantizer computes.

    Parameters
    ----------
    node : onnx.NodeProto
    constants : mapping
        Arrays by name.

    Raises
    ------
    FirmwareError
        Its parameters are computed or no powers of two, or it rounds in another way.
    """
    given = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
    default = "FLOOR" if node.op_type == "Trunc" else "ROUND"
    rounding = given.get("rounding_mode", default.encode()).decode().upper()
    unknown = [name for name in node.input[1:] if name not in constants]
    if unknown or rounding not in ROUNDINGS:
        raise FirmwareError(
            f"node '{node.name}': expected constant parameters and rounding "
            f"{' or '.join(ROUNDINGS)}, found {unknown[0] if unknown else rounding}"
        )
    values = [np.asarray(constants[name], np.float64) for name in node.input[1:]]
    signed, narrow = bool(given.get("signed", 1)), bool(given.get("narrow", 0))
    zero, one = np.zeros(()), np.ones(())
    if node.op_type == "BipolarQuant":
        return [Step(one, zero, "SIGN", None, zero, _power(node, values[0]))]
    scale = _power(node, values[0])
    if node.op_type in INTEGERS:
        width = _bits(node, values[2])
        if width == 1 and signed:
            return [Step(scale, values[1], "SIGN", None, values[1], scale)]
        limits = _limits(width, signed, narrow)
        return [Step(scale, values[1], rounding, limits, values[1], scale, width)]
    whole = Step(scale, values[1], "ROUND", None, zero, one)
    if len(values) == 4:
        less = np.asarray(2.0 ** (_bits(node, values[2]) - _bits(node, values[3])))
        return [whole, Step(less, zero, rounding, None, values[1], scale)]
    if len(values) != 6:
        raise FirmwareError(f"node '{node.name}': a Trunc has 5 or 7 inputs, not {len(values) + 1}")
    width, factor = _bits(node, values[5]), _power(node, values[3])
    less = factor / scale
    limits = _limits(width, signed, narrow)
    return [whole, Step(less, zero, rounding, limits, values[1] / less, factor, width)]


def _power(node: Any, scale: Floats) -> Floats:
    mantissa = np.frexp(scale)[0]
    if not (np.isfinite(scale).all() and (mantissa == 0.5).all()):
        wrong = float(scale[mantissa != 0.5].ravel()[0])
        raise FirmwareError(
            f"node '{node.name}': scale {wrong:.6g} is no power of two, so no fixed-point type "
            f"holds its numbers; train with scales of powers of two (brevitas: {_FIXED})"
        )
    return scale


def _bits(node: Any, width: Floats) -> int:
    if width.size != 1 or not 1 <= float(width.ravel()[0]) <= 32 or width.ravel()[0] % 1:
        raise FirmwareError(f"node '{node.name}': expected 1 to 32 bits, found {width.tolist()}")
    return int(width.ravel()[0])


def _limits(width: int, signed: bool, narrow: bool) -> tuple[int, int]:
    if signed:
        return -(1 << width - 1) + narrow, (1 << width - 1) - 1
    return 0, (1 << width) - 1 - narrow
