"""Adders of three operands in the text that the tools write for a stage."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from l1kd.errors import ToolError
from l1kd.models.firmware.adders.graph import Dialect, inner_sums, joined
from l1kd.models.firmware.adders.sharing import Part

__all__ = ["MAPPED", "library", "with_sums_of_three"]

FOLDER = Path(__file__).parent
MAPPED = {"sum_of_three.v": FOLDER / "sum_of_three_xilinx.v"}
"""Modules that synthesis takes as cells of the device instead."""


class Bits(NamedTuple):
    """The bits of a node: its value is the integer of these bits over ``2**fraction``."""

    width: int
    signed: bool
    fraction: int


def library(language: str) -> Path:
    """Return the adder's text in ``verilog`` or ``vhdl``."""
    return FOLDER / ("sum_of_three.v" if language == "verilog" else "sum_of_three.vhd")


def with_sums_of_three(
    code: str, logic: Any, dialect: Dialect, bits: Sequence[Bits], language: str
) -> str:
    """Join the two instances of every adder of three operands, or of two and a constant.

    Parameters
    ----------
    code : str
        One module, a line for every operation, its instance called ``op_`` and its number.
    bits : sequence of Bits
        What the tool takes for every operation.

    Raises
    ------
    ToolError
        The module has not one line for each of these operations.
    """
    pairs = inner_sums(logic, dialect)
    inner = set(pairs.values())
    lines, seen = [], []
    for line in code.split("\n"):
        match = re.search(r"\bop_(\d+)\b", line)
        number = int(match[1]) if match else -1
        seen += [number] if number in pairs or number in inner else []
        if number in pairs:
            parts, constant = joined(logic, dialect, number, pairs[number])
            fixed = int(constant * 2 ** bits[number].fraction)
            write = _verilog if language == "verilog" else _vhdl
            lines.append(write(number, parts, fixed, bits))
        elif number not in inner:
            lines.append(line)
    if sorted(seen) != sorted([*pairs, *inner]):
        raise ToolError(
            "the tool wrote a module in a form that l1kd does not know: expected one line for each "
            f"of {len(pairs) + len(inner)} sums, found {len(seen)}"
        )
    return "\n".join(lines)


def _generics(number: int, parts: Sequence[Part], bits: Sequence[Bits]) -> list[tuple[str, int]]:
    own = bits[number]
    values = [("OPERANDS", len(parts)), ("WIDTH", own.width)]
    for position, (node, shift, negative) in enumerate(parts):
        width, signed, fraction = bits[node]
        above = own.fraction - fraction + shift
        assert above >= 0
        row = (width, int(signed), int(negative), above)
        values += [(f"{name}{position}", v) for name, v in zip("WSNP", row, strict=True)]
    return values if len(parts) == 3 else [*values, ("W2", 1)]


def _verilog(number: int, parts: Sequence[Part], constant: int, bits: Sequence[Bits]) -> str:
    width = bits[number].width
    values = [f".{name}({value})" for name, value in _generics(number, parts, bits)]
    values += [f".CONSTANT({width}'d{constant % (1 << width)})"] if constant else []
    ports = [f"v{part.node}[{bits[part.node].width - 1}:0]" for part in parts]
    ports += ["1'b0"] * (3 - len(parts))
    return (
        f"    wire [{width - 1}:0] v{number}; sum_of_three #({', '.join(values)}) "
        f"op_{number} ({', '.join(ports)}, v{number}[{width - 1}:0]);"
    )


def _vhdl(number: int, parts: Sequence[Part], constant: int, bits: Sequence[Bits]) -> str:
    width = bits[number].width
    values = [f"{name}=>{value}" for name, value in _generics(number, parts, bits)]
    if constant:
        values.append(f'CONSTANT_BITS=>"{constant % (1 << width):0{width}b}"')
    ports = [f"in{position}=>v{part.node}" for position, part in enumerate(parts)]
    ports += ['in2=>"0"'] * (3 - len(parts))
    return (
        f"    op_{number}:entity work.sum_of_three generic map({','.join(values)}) "
        f"port map({','.join(ports)},result=>v{number});"
    )
