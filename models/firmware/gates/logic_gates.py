"""Logic-gate networks as Verilog and VHDL: comparators, two-input gates, and counters of ones.

The numbers of an event are compared with constants, the bits pass through layers of gates, and the
ones of every group are counted, weighted and clipped: the arithmetic of
`l1kd.emulators.logic.network.LogicNetwork`, bit by bit.
"""

from pathlib import Path

import numpy as np

from l1kd.emulators.logic import LogicNetwork, LogicStage, digits
from l1kd.models.firmware.gates import text as gate_text
from l1kd.models.firmware.gates.netlist import ONE, ZERO, Expression, Netlist, cut, stage_count
from l1kd.models.firmware.rtl.rtl import RtlDesign

__all__ = ["build_logic_rtl", "gate_of", "netlist_of"]


def gate_of(table: int, a: Expression, b: Expression) -> Expression:
    """Return a gate by its truth table: bit ``2 a + b`` is the output for inputs a and b."""
    if table > 7:
        return ("not", gate_of(15 - table, a, b))
    return (
        ZERO,
        ("not", ("or", a, b)),
        ("and", ("not", a), b),
        ("not", a),
        ("and", a, ("not", b)),
        ("not", b),
        ("xor", a, b),
        ("not", ("and", a, b)),
    )[table]


def netlist_of(network: LogicNetwork) -> tuple[Netlist, list[int]]:
    """Return the gates of a network and the bits of its outputs.

    The input bits lie as `l1kd.models.firmware.rtl.rtl.port_map` tells, and so do the outputs.
    """
    first = network.stages[0]
    netlist = Netlist(first.inputs * first.width)
    bits = list(netlist.inputs)
    numbers = [bits[k * first.width : (k + 1) * first.width] for k in range(first.inputs)]
    for stage in network.stages:
        numbers = _stage(netlist, stage, numbers)
    return netlist, [bit for number in numbers for bit in number]


def _stage(netlist: Netlist, stage: LogicStage, numbers: list[list[int]]) -> list[list[int]]:
    pairs = zip(stage.source.tolist(), stage.threshold.tolist(), strict=True)
    bits: list[Expression] = [netlist.at_least(numbers[number], least) for number, least in pairs]
    for layer in stage.layers:
        rows = zip(layer.a.tolist(), layer.b.tolist(), layer.table.tolist(), strict=True)
        bits = [netlist.gate(gate_of(table, bits[a], bits[b])) for a, b, table in rows]
    return _sums(netlist, stage, bits)


def _sums(netlist: Netlist, stage: LogicStage, bits: list[int]) -> list[list[int]]:
    """Count the bits of every group, and add the weighted counts to the output numbers."""
    groups: list[list[int]] = [[] for _ in range(stage.weight.shape[1])]
    for bit, group in zip(bits, stage.group.tolist(), strict=True):
        groups[group].append(bit)
    # A group that is used once is added bit by bit; others are counted first.
    uses = [sum(len(digits(int(weight))) for weight in column) for column in stage.weight.T]
    counts = [
        [group] if used < 2 else [[bit] for bit in netlist.count(group)]
        for group, used in zip(groups, uses, strict=True)
    ]
    sizes = np.array([len(group) for group in groups])
    return [
        _clipped(netlist, _weighted(netlist, counts, row, int(offset), sizes), stage.output_width)
        for row, offset in zip(stage.weight, stage.offset, strict=True)
    ]


def _weighted(
    netlist: Netlist,
    counts: list[list[list[int]]],
    weights: "np.ndarray[tuple[int], np.dtype[np.int64]]",
    offset: int,
    sizes: "np.ndarray[tuple[int], np.dtype[np.int64]]",
) -> tuple[list[int], bool]:
    """Return the weighted sum, lowest bit first, and whether its highest bit is a sign.

    A bit that is subtracted is inverted and added, and its weight leaves the constant.
    """
    low = offset + int((np.minimum(weights, 0) * sizes).sum())
    high = offset + int((np.maximum(weights, 0) * sizes).sum())
    signed = low < 0
    width = max(max(high, -low - 1).bit_length() + signed, 1)
    columns: list[list[int]] = [[] for _ in range(width)]
    constant = offset
    for count, weight in zip(counts, weights.tolist(), strict=True):
        for sign, exponent in digits(int(weight)):
            for place, bits in enumerate(count, exponent):
                if place >= width:
                    continue
                if sign < 0:
                    constant -= len(bits) << place
                    bits = [netlist.gate(("not", bit)) for bit in bits]
                columns[place] += bits
    for place in range(width):
        if constant >> place & 1:
            columns[place].append(ONE)
    return netlist.total(columns), signed


def _clipped(netlist: Netlist, total: tuple[list[int], bool], width: int) -> list[int]:
    number, signed = total
    negative = number[-1] if signed else ZERO
    magnitude = number[:-1] if signed else number
    above = netlist.gate(("or", ZERO, ZERO, *magnitude[width:]))
    low = magnitude[:width] + [ZERO] * (width - len(magnitude))
    return [netlist.gate(("and", ("not", negative), ("or", above, bit))) for bit in low]


def build_logic_rtl(
    network: LogicNetwork, out: Path, *, top: str = "network", latency_cutoff: float | None = None
) -> RtlDesign:
    """Write a logic-gate network as Verilog and VHDL.

    Parameters
    ----------
    out : Path
        Folder; receives ``verilog/<top>.v`` and ``vhdl/<top>.vhd`` with ports ``data_in`` and
        ``data_out``, bits as told by `l1kd.models.firmware.rtl.rtl.port_map`.
    latency_cutoff : float, optional
        Longest delay of a pipeline stage: an adder counts 1, a lookup table 0.6. None gives
        combinational logic without a clock.

    Returns
    -------
    RtlDesign
        The Verilog design; the VHDL one has the same names and ports. The estimate is what every
        gate, counter and adder would take alone.
    """
    netlist, outputs = netlist_of(network)
    stages = None if latency_cutoff is None else cut(netlist, outputs, latency_cutoff)
    source, registers = gate_text.verilog(top, netlist, stages, outputs)
    path = out / "verilog" / f"{top}.v"
    texts = {
        path: source,
        out / "vhdl" / f"{top}.vhd": gate_text.vhdl(top, netlist, stages, outputs),
    }
    for target, text in texts.items():
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text, encoding="utf-8")
    luts = sum(node.luts for node in netlist.nodes)
    cycles = 0 if stages is None else stage_count(stages)
    return RtlDesign(
        top=top,
        language="verilog",
        input_bits=len(netlist.inputs),
        output_bits=len(outputs),
        pipeline_stages=cycles,
        latency_cycles=cycles,
        initiation_interval=1,
        ebops_or_cost=float(luts),
        estimated_luts=luts,
        estimated_ffs=registers,
        sources=(path,),
    )
