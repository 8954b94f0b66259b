"""The small modules of a region: distances, terms of LinPUPPI's sum, logarithms and tables."""

from collections.abc import Sequence

import numpy as np

from l1kd.emulators.correlator.weighing.columns import LOGARITHM
from l1kd.models.firmware.region.pipeline import Pipeline, Wire

__all__ = ["DISTANCE", "LOG", "TERM", "distance_module", "log_module", "rom_module", "term_module"]

DISTANCE, TERM, LOG = "l1kd_distance", "l1kd_term", "l1kd_log"
FAR = 127
"""Differences beyond are taken for this: their square is larger than every cone."""


def _case(name: str, width_in: int, width_out: int, rows: Sequence[int]) -> str:
    """Return a function that is a table."""
    lines = [
        f"      {width_in}'d{k}: {name} = {width_out}'d{value};" for k, value in enumerate(rows)
    ]
    return "\n".join(
        [
            f"  function [{width_out - 1}:0] {name}(input [{width_in - 1}:0] address);",
            "    case (address)",
            *lines,
            f"      default: {name} = {width_out}'d{rows[-1]};",
            "    endcase",
            "  endfunction",
        ]
    )


def distance_module() -> str:
    """Return the squared distance of two positions, 15 bits, after two cycles; none to itself."""
    p = Pipeline(DISTANCE)
    p.raw(_case("square", 7, 14, [k * k for k in range(FAR + 1)]).strip())
    te, tp, se, sp = (p.input(n, 10, signed=True) for n in ("te", "tp", "se", "sp"))
    same = p.input("same", 1)
    parts = []
    for a, b in ((te, se), (tp, sp)):
        d = p.comb("{0} - {1}", 11, a, b, signed=True)
        size = p.comb("{0} < 0 ? -{0} : {0}", 11, d)
        parts.append(p.reg(f"({{0}} > {FAR}) ? 7'd{FAR} : {{0}}[6:0]", 7, size))
    dr2 = p.reg("{2} ? 15'd32767 : square({0}) + square({1})", 15, *parts, p.reg("{0}", 1, same))
    p.output("dr2", dr2)
    return p.text()


def term_module(dr2_min: int, dr2_max: int) -> str:
    """Return min(pt^2, ptMax^2)/dR^2 in 1/64, 12 bits, after three cycles; 0 outside the cone."""
    last = dr2_max >> 5
    table = [0, *(min(int(np.float32(65536) / np.float32(s) + np.float32(0.5)), 65535)
                  for s in range(1, last + 1))]  # fmt: skip
    width = last.bit_length()
    p = Pipeline(TERM)
    p.raw(_case("inverse", width, 16, table).strip())
    dr2, pt2 = p.input("dr2", 15), p.input("pt2", 15)
    near = p.reg(f"{{0}} <= 15'd{dr2_max}", 1, dr2)
    at_least = p.comb(f"({{0}} < 15'd{dr2_min}) ? 15'd{dr2_min} : {{0}}", 15, dr2)
    index = p.comb(f"{{0}}[{5 + width - 1}:5]", width, at_least)
    value = p.reg("inverse({0})", 16, index)
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
    p.raw(_case("mantissa", 6, 5, mantissa).strip())
    v = p.input("v", width)
    wide = p.comb(f"{{{{{17}'d0, {{0}}}}}}", 17 + width, v)
    large = p.comb("{0} > 65534", 1, wide)
    x = p.reg("{1} ? 16'd65535 : {0}[15:0] + 16'd1", 16, wide, large)
    cases = [
        f"({{0}}[{h}]) ? 10'd{h * 64} + " + (f"{{0}}[{h - 1}:{h - 6}]" if h > 6 else _shifted(h))
        for h in range(15, 0, -1)
    ]
    packed = p.reg(" : ".join([*cases, "10'd0"]), 10, x)
    code = p.comb("{{1'd0, {0}[9:6], 4'd0}} + mantissa({0}[5:0])", 9, packed)
    p.output("code", p.reg("({0} > 255) ? 8'd255 : {0}[7:0]", 8, code))
    return p.text()


def _shifted(h: int) -> str:
    """Return the bits below the highest one, at the upper end of six."""
    return f"{{0}}[{h - 1}:0] * {2 ** (6 - h)}" if h < 6 else "{0}[5:0]"


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
