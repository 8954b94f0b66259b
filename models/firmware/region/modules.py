"""The small modules of a region: distances, terms of LinPUPPI's sum, logarithms and tables."""

from collections.abc import Sequence

import numpy as np

from l1kd.emulators.correlator.weighing.columns import LOGARITHM
from l1kd.models.firmware.region.pipeline import Pipeline, Wire

__all__ = ["DISTANCE", "LOG", "TERM", "distance_module", "log_module", "rom_module", "term_module"]

DISTANCE, TERM, LOG = "l1kd_distance", "l1kd_term", "l1kd_log"
FAR = 127
"""Differences beyond are taken for this: their square is larger than every cone."""


def _table(p: Pipeline, address: Wire, width: int, rows: Sequence[int]) -> Wire:
    """Read a table; a block by itself, which simulators turn into an array that all share."""
    name = f"{address.name}_read"
    p.raw(f"reg [{width - 1}:0] {name};")
    p.raw("always @(*)")
    p.raw(f"  case ({address.name})")
    for k, value in enumerate(rows):
        p.raw(f"    {address.width}'d{k}: {name} = {width}'d{value};")
    p.raw(f"    default: {name} = {width}'d{rows[-1]};")
    p.raw("  endcase")
    return Wire(name, width, address.stage)


def distance_module() -> str:
    """Return the squared distance of two positions, 15 bits, after two cycles; far to itself."""
    p = Pipeline(DISTANCE)
    te, tp, se, sp = (p.input(n, 10, signed=True) for n in ("te", "tp", "se", "sp"))
    same = p.input("same", 1)
    parts = []
    for a, b in ((te, se), (tp, sp)):
        d = p.comb("{0} - {1}", 11, a, b, signed=True)
        size = p.magnitude(d)
        parts.append(p.reg(f"(|{{0}}[9:7] | {{1}}) ? 7'd{FAR} : {{0}}[6:0]", 7, size, same))
    squares = [_table(p, part, 14, [k * k for k in range(FAR + 1)]) for part in parts]
    p.output("dr2", p.reg("{0} + {1}", 15, *squares))
    return p.text()


def term_module(dr2_min: int, dr2_max: int) -> str:
    """Return min(pt^2, ptMax^2)/dR^2 in 1/64, 12 bits, after three cycles; 0 outside the cone."""
    first, last = dr2_min >> 5, dr2_max >> 5
    rows = [
        min(int(np.float32(65536) / np.float32(max(s, first, 1)) + np.float32(0.5)), 65535)
        for s in range(last + 1)
    ]
    width = last.bit_length()
    p = Pipeline(TERM)
    dr2, pt2 = p.input("dr2", 15), p.input("pt2", 15)
    near = p.reg(f"{{0}} <= 15'd{dr2_max}", 1, dr2)
    index = p.comb(f"{{0}}[{5 + width - 1}:5]", width, dr2)
    value = p.reg("{0}", 16, _table(p, index, 16, rows))
    product = p.reg("{0} * {1}", 31, p.reg("{0}", 15, pt2), value)
    term = p.reg(
        "({1} ? ((|{0}[30:22]) ? 12'd4095 : {0}[21:10]) : 12'd0)",
        12,
        product,
        p.reg("{0}", 1, near),
    )
    p.output("term", term)
    return p.text()


def log_module(width: int) -> str:
    """Return 16 log2(1 + v) of v with so many bits, 8 bits, after three cycles."""
    p = Pipeline(f"{LOG}{width}")
    mantissa = [int(LOGARITHM[(64 + k) * 256 - 1]) - 224 for k in range(64)]
    v = p.input("v", width)
    above = max(width, 16) + 1
    more = p.comb(f"{{{{{above - width}'d0, {{0}}}}}} + {above}'d1", above, v)
    large = p.comb(f"|{{0}}[{above - 1}:16]", 1, more)
    x = p.reg("{0}[15:0] | {{16{{{1}}}}}", 16, more, large)
    # The highest one is moved to the upper end by 8, 4, 2 and 1; six bits below it count.
    by8 = p.comb("~|{0}[15:8]", 1, x)
    x8 = p.comb("{1} ? {{{0}[7:0], 6'd0}} : {0}[15:2]", 14, x, by8)
    by4 = p.comb("~|{0}[13:10]", 1, x8)
    x4 = p.reg("{1} ? {0}[9:0] : {0}[13:4]", 10, x8, by4)
    high = p.reg("{{~{0}, ~{1}}}", 2, by8, by4)
    by2 = p.comb("~|{0}[9:8]", 1, x4)
    x2 = p.comb("{1} ? {0}[7:0] : {0}[9:2]", 8, x4, by2)
    x1 = p.comb("{0}[7] ? {0}[6:1] : {0}[5:0]", 6, x2)
    exponent = p.comb("{{1'd0, {0}, ~{1}, {2}[7], 4'd0}}", 9, high, by2, x2)
    code = p.comb("{0} + {1}", 9, exponent, _table(p, x1, 5, mantissa))
    p.output("code", p.reg("{0}[7:0] | {{8{{{0}[8]}}}}", 8, code))
    return p.text()


def rom_module(name: str, width: int, rows: Sequence[int]) -> str:
    """Return a memory that is read one cycle after its address comes."""
    bits = max(len(rows) - 1, 1).bit_length()
    mask = (1 << width) - 1
    lines = [f"    rom[{k}] = {width}'d{int(value) & mask};" for k, value in enumerate(rows)]
    return "\n".join(
        [
            f"module {name} (",
            f"    input wire clk, input wire [{bits - 1}:0] address, "
            f"output reg [{width - 1}:0] value",
            ");",
            f'  (* rom_style = "block" *) reg [{width - 1}:0] rom [0:{(1 << bits) - 1}];',
            "  initial begin",
            *lines,
            "  end",
            "  always @(posedge clk) value <= rom[address];",
            "endmodule",
            "",
        ]
    )


def logarithm(p: Pipeline, v: Wire) -> Wire:
    """Place a logarithm."""
    return p.instance(f"{LOG}{v.width}", [("v", v)], ("code", 8), 3)
