"""Verilog and VHDL of a netlist of gates, with registers between its stages."""

from collections.abc import Callable
from functools import partial

from l1kd.models.firmware.gates.netlist import ONE, ZERO, Expression, Netlist, Node, stage_count

__all__ = ["Written", "verilog", "vhdl"]

_VERILOG = {"and": " & ", "or": " | ", "xor": " ^ ", "not": "~"}
_VHDL = {"and": " and ", "or": " or ", "xor": " xor ", "not": "not "}

_VERILOG_PARTS = """
module {top}_sum #(parameter A = 1, parameter B = 1, parameter W = 2) (
    input wire [A-1:0] a, input wire [B-1:0] b, output wire [W-1:0] s
);
    assign s = a + b;
endmodule
"""

_VHDL_PARTS = """library ieee;
use ieee.std_logic_1164.all;
use ieee.numeric_std.all;

entity {top}_sum is
  generic (A_BITS, B_BITS, S_BITS : positive);
  port (
    a : in std_logic_vector(A_BITS - 1 downto 0);
    b : in std_logic_vector(B_BITS - 1 downto 0);
    s : out std_logic_vector(S_BITS - 1 downto 0)
  );
end entity {top}_sum;

architecture rtl of {top}_sum is
begin
  s <= std_logic_vector(resize(unsigned(a), S_BITS) + resize(unsigned(b), S_BITS));
end architecture rtl;

"""


class Written:
    """Names of bits in every stage, and the registers that those names need.

    Parameters
    ----------
    stages : list of int or None
        Stage of every node; None for combinational logic.
    brackets : str
        Around an index: ``[]`` or ``()``.
    constants : tuple of str
        Zero and one.
    """

    def __init__(
        self, netlist: Netlist, stages: list[int] | None, brackets: str, constants: tuple[str, str]
    ) -> None:
        self.clocked = stages is not None
        self.last = stage_count(stages) if stages is not None else 0
        self.stage = stages if stages is not None else [0] * len(netlist.nodes)
        opening, closing = brackets[0], brackets[1]
        self.name: dict[int, str] = {ZERO: constants[0], ONE: constants[1]}
        self.ready: dict[int, int] = {}
        self.registers: dict[str, str] = {}
        for place, bit in enumerate(netlist.inputs):
            self.name[bit], self.ready[bit] = f"data_in{opening}{place}{closing}", 0
        for number, (node, stage) in enumerate(zip(netlist.nodes, self.stage, strict=True)):
            for place, bit in enumerate(node.outputs):
                index = {"gate": "", "ones": f"_{place}"}.get(node.kind)
                index = f"{opening}{place}{closing}" if index is None else index
                self.name[bit], self.ready[bit] = f"{label(node, number)}{index}", stage

    def at(self, bit: int, stage: int) -> str:
        """Return the name of a bit in a stage, held by as many registers as that takes."""
        if bit in (ZERO, ONE) or self.ready[bit] >= stage:
            return self.name[bit]
        before = self.at(bit, stage - 1)
        name = f"b{bit}_q{stage}"
        self.registers.setdefault(name, before)
        return name


def label(node: Node, number: int) -> str:
    """Return the name of what a node drives."""
    return f"{node.kind[0]}{number}"


def _ones(name: str, bits: list[str]) -> list[tuple[str, Expression]]:
    """Return the wires of a counter of ones: two full adders and their carries."""
    if len(bits) < 3:
        return [(f"{name}_0", ("xor", *bits)), (f"{name}_1", ("and", *bits))]
    low, high = bits[:3], bits[3:]
    wires = [(f"{name}_a", ("xor", *low)), (f"{name}_c", _majority(*low))]
    if not high:
        return [(f"{name}_0", wires[0][1]), (f"{name}_1", wires[1][1])]
    a, b, c, d, e = (f"{name}_{letter}" for letter in "abcde")
    wires.append((b, ("xor", *high) if len(high) > 1 else high[0]))
    wires.append((e, ("and", a, b)))
    wires.append((f"{name}_0", ("xor", a, b)))
    carries = [c, e]
    if len(high) > 1:
        wires.append((d, _majority(*high) if len(high) == 3 else ("and", *high)))
        carries.append(d)
    wires.append((f"{name}_1", ("xor", *carries)))
    wires.append((f"{name}_2", _majority(*carries) if len(carries) == 3 else ("and", *carries)))
    return wires


def _majority(a: str, b: str, c: str) -> Expression:
    return ("or", ("and", a, b), ("and", a, c), ("and", b, c))


def _text(expression: Expression, words: dict[str, str], name: Callable[[int], str]) -> str:
    if isinstance(expression, str):
        return expression
    if isinstance(expression, int):
        return name(expression)
    kind, *operands = expression
    parts = [_text(part, words, name) for part in operands]
    if kind == "not":
        return f"{words[kind]}{parts[0]}"
    return f"({words[kind].join(parts)})"


def verilog(
    top: str, netlist: Netlist, stages: list[int] | None, outputs: list[int]
) -> tuple[str, int]:
    """Return the Verilog of a netlist, and its number of registers.

    Parameters
    ----------
    stages : list of int or None
        Stage of every node, a register behind each stage; None for combinational logic.
    outputs : list of int
        Bits of ``data_out``, lowest first.
    """
    written = Written(netlist, stages, "[]", ("1'b0", "1'b1"))
    body = []
    for number, node in enumerate(netlist.nodes):
        name, stage = label(node, number), written.stage[number]
        if node.kind == "gate":
            text = _text(node.expression, _VERILOG, partial(written.at, stage=stage))
            body.append(f"    wire {name} = {text};")
            continue
        if node.kind == "ones":
            wires = _ones(name, [written.at(bit, stage) for bit in node.operands[0]])
            body += [f"    wire {wire} = {_text(of, _VERILOG, str)};" for wire, of in wires]
            continue
        joined = [
            "{" + ", ".join(written.at(bit, stage) for bit in reversed(operand)) + "}"
            for operand in node.operands
        ]
        sizes = ", ".join(map(str, (*map(len, node.operands), len(node.outputs))))
        body.append(f"    wire [{len(node.outputs) - 1}:0] {name};")
        ports = f".a({joined[0]}), .b({joined[1]}), .s({name})"
        body.append(f"    {top}_sum #({sizes}) {name}_sum ({ports});")
    result = ", ".join(written.at(bit, written.last) for bit in reversed(outputs))
    held = written.registers
    head = ["`timescale 1ns / 1ps", "", f"module {top} ("]
    head += ["    input wire clk,"] if written.clocked else []
    head += [f"    input wire [{len(netlist.inputs) - 1}:0] data_in,"]
    head += [f"    output wire [{len(outputs) - 1}:0] data_out", ");"]
    head += [f"    reg {name};" for name in held]
    tail = ["    always @(posedge clk) begin"] if held else []
    tail += [f"        {name} <= {value};" for name, value in held.items()]
    tail += ["    end"] if held else []
    tail += [f"    assign data_out = {{{result}}};", "endmodule", ""]
    return "\n".join([*head, *body, *tail]) + _VERILOG_PARTS.format(top=top), len(held)


def vhdl(top: str, netlist: Netlist, stages: list[int] | None, outputs: list[int]) -> str:
    """Return the VHDL of a netlist; arguments as for `verilog`."""
    written = Written(netlist, stages, "()", ("'0'", "'1'"))
    signals, body = [], []
    for number, node in enumerate(netlist.nodes):
        name, stage = label(node, number), written.stage[number]
        if node.kind == "gate":
            text = _text(node.expression, _VHDL, partial(written.at, stage=stage))
            signals.append(f"  signal {name} : std_logic;")
            body.append(f"  {name} <= {text};")
            continue
        if node.kind == "ones":
            wires = _ones(name, [written.at(bit, stage) for bit in node.operands[0]])
            signals += [f"  signal {wire} : std_logic;" for wire, _ in wires]
            body += [f"  {wire} <= {_text(of, _VHDL, str)};" for wire, of in wires]
            continue
        joined = [
            f"{port}({place}) => {written.at(bit, stage)}"
            for port, operand in zip("ab", node.operands, strict=True)
            for place, bit in enumerate(operand)
        ]
        signals.append(f"  signal {name} : std_logic_vector({len(node.outputs) - 1} downto 0);")
        sizes = ", ".join(map(str, (*map(len, node.operands), len(node.outputs))))
        ports = ", ".join([*joined, f"s => {name}"])
        body.append(
            f"  {name}_sum : entity work.{top}_sum generic map ({sizes}) port map ({ports});"
        )
    for place, bit in enumerate(outputs):
        body.append(f"  data_out({place}) <= {written.at(bit, written.last)};")
    held = written.registers
    signals += [f"  signal {name} : std_logic;" for name in held]
    if held:
        body += ["  process (clk)", "  begin", "    if rising_edge(clk) then"]
        body += [f"      {name} <= {value};" for name, value in held.items()]
        body += ["    end if;", "  end process;"]
    clock = ["    clk : in std_logic;"] if written.clocked else []
    lines = ["library ieee;", "use ieee.std_logic_1164.all;", "", f"entity {top} is", "  port ("]
    lines += [*clock, f"    data_in : in std_logic_vector({len(netlist.inputs) - 1} downto 0);"]
    lines += [f"    data_out : out std_logic_vector({len(outputs) - 1} downto 0)", "  );"]
    lines += [f"end entity {top};", "", f"architecture rtl of {top} is", *signals, "begin", *body]
    return _VHDL_PARTS.format(top=top) + "\n".join([*lines, "end architecture rtl;", ""])
