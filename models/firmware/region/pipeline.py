"""Verilog of a pipeline: signals know their stage, and registers are put in where stages differ."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

__all__ = ["Pipeline", "Wire"]

_OPERANDS: Final = 4
"""Numbers that are added between two registers."""
_BITS: Final = 6
"""Single bits that are counted between two registers."""


@dataclass(frozen=True)
class Wire:
    """A signal.

    Attributes
    ----------
    name : str
        Its name in the module.
    width : int
        Bits.
    stage : int
        Clock cycles behind the inputs of stage 0.
    signed : bool
        Whether it is a two's complement number.
    """

    name: str
    width: int
    stage: int
    signed: bool = False


class Pipeline:
    """One module under construction.

    Parameters
    ----------
    name : str
        Of the module.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self._ports: list[str] = ["input wire clk"]
        self._body: list[str] = []
        self._delayed: dict[tuple[str, int], Wire] = {}
        self._count = 0

    def input(self, name: str, width: int, stage: int = 0, *, signed: bool = False) -> Wire:
        """Add a port that is valid at a stage."""
        self._ports.append(f"input wire {_kind(width, signed)}{name}")
        return Wire(name, width, stage, signed)

    def output(self, name: str, wire: Wire) -> None:
        """Add a port that shows a signal."""
        self._ports.append(f"output wire {_kind(wire.width, wire.signed)}{name}")
        self._body.append(f"  assign {name} = {wire.name};")

    def at(self, wire: Wire, stage: int) -> Wire:
        """Return a signal at a later stage.

        Raises
        ------
        ValueError
            If the stage lies before the signal's own.
        """
        if stage < wire.stage:
            raise ValueError(f"{wire.name} is known at stage {wire.stage}, not at {stage}")
        for step in range(wire.stage + 1, stage + 1):
            key = wire.name, step
            if key not in self._delayed:
                before = wire if step == wire.stage + 1 else self._delayed[wire.name, step - 1]
                self._delayed[key] = self._register(before.name, wire.width, step, wire.signed)
        return wire if stage == wire.stage else self._delayed[wire.name, stage]

    def reg(self, expression: str, width: int, *wires: Wire, signed: bool = False) -> Wire:
        """Register an expression of signals, `{0}`, `{1}`, ... in it, one stage later."""
        stage = max(wire.stage for wire in wires)
        names = [self.at(wire, stage).name for wire in wires]
        return self._register(expression.format(*names), width, stage + 1, signed)

    def comb(self, expression: str, width: int, *wires: Wire, signed: bool = False) -> Wire:
        """Name an expression of signals, in their latest stage."""
        stage = max(wire.stage for wire in wires)
        names = [self.at(wire, stage).name for wire in wires]
        name = self._fresh()
        text = expression.format(*names)
        self._body.append(f"  wire {_kind(width, signed)}{name} = {text};")
        return Wire(name, width, stage, signed)

    def instance(
        self, module: str, inputs: Sequence[tuple[str, Wire]], output: tuple[str, int],
        latency: int, *, signed: bool = False,
    ) -> Wire:  # fmt: skip
        """Place a module with a clock, whose one output comes so many cycles after its inputs."""
        stage = max(wire.stage for _, wire in inputs)
        port, width = output
        name = self._fresh()
        given = "".join(f", .{p}({self.at(wire, stage).name})" for p, wire in inputs)
        self._body.append(f"  wire {_kind(width, signed)}{name};")
        self._body.append(f"  {module} u_{name} (.clk(clk){given}, .{port}({name}));")
        return Wire(name, width, stage + latency, signed)

    def total(self, wires: Sequence[Wire], width: int) -> Wire:
        """Add unsigned numbers, four between two registers."""
        while len(wires) > 1 or not wires:
            wires = [
                self._sum(wires[k : k + _OPERANDS], width) for k in range(0, len(wires), _OPERANDS)
            ]
        return wires[0]

    def _sum(self, wires: Sequence[Wire], width: int) -> Wire:
        own = min(max(w.width for w in wires) + (len(wires) - 1).bit_length(), width)
        return self.reg(" + ".join(f"{{{k}}}" for k in range(len(wires))), own, *wires)

    def count(self, bits: Sequence[Wire], width: int) -> Wire:
        """Count the bits that are set."""
        parts = [self._sum(bits[k : k + _BITS], min(width, 3)) for k in range(0, len(bits), _BITS)]
        return self.total(parts, width)

    def largest(self, wires: Sequence[Wire], width: int) -> Wire:
        """Return the largest of unsigned numbers, one comparison between two registers."""
        while len(wires) > 1:
            pairs = [wires[k : k + 2] for k in range(0, len(wires), 2)]
            wires = [
                self.reg("({0} < {1}) ? {1} : {0}", width, *pair)
                if len(pair) == 2
                else self.reg("{0}", width, *pair)
                for pair in pairs
            ]
        return wires[0]

    def magnitude(self, wire: Wire) -> Wire:
        """Return the size of a signed number: the sign flips its bits, and is carried in."""
        width, sign = wire.width, f"{wire.name}[{wire.width - 1}]"
        return self.comb(f"({{0}} ^ {{{{{width}{{{{{sign}}}}}}}}}) + {sign}", width, wire)

    def constant(self, value: int, width: int) -> Wire:
        """Return a number that is the same at all stages."""
        name = self._fresh()
        self._body.append(f"  wire {_kind(width, False)}{name} = {width}'d{value};")
        wire = Wire(name, width, 0)
        for stage in range(1, 256):
            self._delayed[name, stage] = Wire(name, width, stage)
        return wire

    def raw(self, line: str) -> None:
        """Add a line of Verilog."""
        self._body.append(f"  {line}")

    def text(self) -> str:
        """Return the module."""
        ports = ",\n".join(f"    {port}" for port in self._ports)
        body = "\n".join(self._body)
        return f"module {self.name} (\n{ports}\n);\n{body}\nendmodule\n"

    def _fresh(self) -> str:
        self._count += 1
        return f"s{self._count}"

    def _register(self, expression: str, width: int, stage: int, signed: bool) -> Wire:
        name = self._fresh()
        self._body.append(f"  reg {_kind(width, signed)}{name};")
        self._body.append(f"  always @(posedge clk) {name} <= {expression};")
        return Wire(name, width, stage, signed)


def _kind(width: int, signed: bool) -> str:
    sign = "signed " if signed else ""
    return f"{sign}[{width - 1}:0] " if width > 1 or signed else sign
