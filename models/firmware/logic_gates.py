"""Logic-gate networks as Verilog: comparators, two-input gates, and counters of ones.

The numbers of an event are compared with constants, the bits pass through layers of gates, and the
ones of every group are counted, weighted and clipped: the arithmetic of
`l1kd.emulators.logic.LogicNetwork`, bit by bit.
"""

from pathlib import Path

import numpy as np

from l1kd.emulators.logic import LogicNetwork, LogicStage
from l1kd.models.firmware.rtl import RtlDesign

__all__ = ["GATES", "build_logic_rtl"]

GATES = (
    "1'b0",
    "~({a} | {b})",
    "~{a} & {b}",
    "~{a}",
    "{a} & ~{b}",
    "~{b}",
    "{a} ^ {b}",
    "~({a} & {b})",
    "{a} & {b}",
    "~({a} ^ {b})",
    "{b}",
    "~{a} | {b}",
    "{a}",
    "{a} | ~{b}",
    "{a} | {b}",
    "1'b1",
)
"""Verilog of the sixteen gates by truth table: bit ``2 a + b`` is the output for inputs a and b."""


def build_logic_rtl(
    network: LogicNetwork, out: Path, *, top: str = "network", layers_per_stage: int | None = None
) -> RtlDesign:
    """Write a logic-gate network as Verilog.

    Parameters
    ----------
    out : Path
        Folder; receives ``verilog/<top>.v`` with ports ``data_in`` and ``data_out``, bits as told
        by `l1kd.models.firmware.rtl.port_map`.
    layers_per_stage : int, optional
        A register follows every so many layers of gates, and the sums. None gives combinational
        logic without a clock.

    Returns
    -------
    RtlDesign
        The estimated LUTs are half a LUT for each gate that is more than a wire, since a LUT
        holds two gates of common inputs or a chain of several; Yosys tells better.
    """
    writer = _Writer(layers_per_stage)
    first, last = network.stages[0], network.stages[-1]
    numbers = [
        f"data_in[{(i + 1) * first.width - 1}:{i * first.width}]" for i in range(first.inputs)
    ]
    for count, stage in enumerate(network.stages):
        numbers = writer.stage(stage, numbers, f"s{count}")
    input_bits, output_bits = first.inputs * first.width, last.outputs * last.output_width
    head = ["`timescale 1ns / 1ps", "", f"module {top} ("]
    head += ["    input wire clk,"] if layers_per_stage else []
    head += [
        f"    input wire [{input_bits - 1}:0] data_in,",
        f"    output wire [{output_bits - 1}:0] data_out",
        ");",
    ]
    tail = [f"    assign data_out = {{{', '.join(reversed(numbers))}}};", "endmodule", ""]
    path = out / "verilog" / f"{top}.v"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join([*head, *writer.lines, *tail]))
    gates = sum(
        int((~np.isin(layer.table, (0, 3, 5, 10, 12, 15))).sum())
        for stage in network.stages
        for layer in stage.layers
    )
    return RtlDesign(
        top=top,
        language="verilog",
        input_bits=input_bits,
        output_bits=output_bits,
        pipeline_stages=writer.registers,
        latency_cycles=writer.registers,
        initiation_interval=1,
        ebops_or_cost=float(gates),
        estimated_luts=-(-gates // 2),
        estimated_ffs=writer.held_bits,
        sources=(path,),
    )


class _Writer:
    """Collects the statements of one module."""

    def __init__(self, layers_per_stage: int | None) -> None:
        self.layers_per_stage = layers_per_stage
        self.lines: list[str] = []
        self.registers = 0
        self.held_bits = 0

    def stage(self, stage: LogicStage, numbers: list[str], name: str) -> list[str]:
        """Write one stage; return the expressions of its output numbers."""
        bits = [
            f"{numbers[source]} >= {stage.width}'d{threshold}"
            for source, threshold in zip(
                stage.source.tolist(), stage.threshold.tolist(), strict=True
            )
        ]
        vector = self._vector(f"{name}_e", bits, hold=False)
        for depth, layer in enumerate(stage.layers):
            rows = zip(layer.a.tolist(), layer.b.tolist(), layer.table.tolist(), strict=True)
            gates = [
                GATES[table].format(a=f"{vector}[{a}]", b=f"{vector}[{b}]") for a, b, table in rows
            ]
            every = self.layers_per_stage
            hold = bool(every) and (depth + 1) % (every or 1) == 0
            vector = self._vector(f"{name}_g{depth}", gates, hold=hold)
        return self._sums(stage, vector, name)

    def _vector(self, name: str, bits: list[str], *, hold: bool) -> str:
        """Write a vector of bits; return its name, that of a register where it is held."""
        width = max(len(bits), 1)
        self.lines.append(f"    wire [{width - 1}:0] {name};")
        self.lines += [f"    assign {name}[{i}] = {bit};" for i, bit in enumerate(bits)]
        return self._held(name, width) if hold else name

    def _held(self, name: str, width: int) -> str:
        self.registers += 1
        self.held_bits += width
        self.lines.append(f"    reg [{width - 1}:0] {name}_q;")
        self.lines.append(f"    always @(posedge clk) {name}_q <= {name};")
        return f"{name}_q"

    def _sums(self, stage: LogicStage, vector: str, name: str) -> list[str]:
        """Write counts, weighted sums and clips."""
        groups = stage.weight.shape[1]
        counts = np.bincount(stage.group, minlength=groups)
        reach = np.abs(stage.offset) + (np.abs(stage.weight) * counts).sum(axis=1)
        width = max(int(reach.max()), 1 << stage.output_width).bit_length() + 1
        for group in range(groups):
            members = np.flatnonzero(stage.group == group).tolist()
            counted = " + ".join(f"{vector}[{i}]" for i in members) or "1'b0"
            self.lines.append(f"    wire [{width - 1}:0] {name}_c{group} = {counted};")
        most = (1 << stage.output_width) - 1
        parts = []
        for output, row in enumerate(stage.weight.tolist()):
            terms = [_literal(width, int(stage.offset[output]))]
            terms += [
                f"$signed({name}_c{group}) * {_literal(width, weight)}"
                for group, weight in enumerate(row)
                if weight
            ]
            total = f"{name}_t{output}"
            self.lines.append(f"    wire signed [{width - 1}:0] {total} = {' + '.join(terms)};")
            low = f"{total} < 0 ? {stage.output_width}'d0 : "
            high = f"{total} > {_literal(width, most)} ? {stage.output_width}'d{most} : "
            parts.append(f"({low}{high}{total}[{stage.output_width - 1}:0])")
        whole = f"{name}_y"
        bits = stage.output_width * len(parts)
        self.lines.append(f"    wire [{bits - 1}:0] {whole} = {{{', '.join(reversed(parts))}}};")
        if self.layers_per_stage:
            whole = self._held(whole, bits)
        step = stage.output_width
        return [f"{whole}[{(i + 1) * step - 1}:{i * step}]" for i in range(len(parts))]


def _literal(width: int, value: int) -> str:
    return f"-{width}'sd{-value}" if value < 0 else f"{width}'sd{value}"
