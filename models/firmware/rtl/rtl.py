"""Networks as Verilog and VHDL by distributed arithmetic, from l1kd's own integer graph.

Any network that the emulator can run reaches RTL this way, wherever it was trained: its integer
graph is replayed on the symbolic variables of da4ml or alkaid with every rounding and overflow.
"""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import Integers
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network
from l1kd.emulators.network.graph import Tensor
from l1kd.models.firmware.adders.graph import rebuilt
from l1kd.models.firmware.adders.text import library
from l1kd.models.firmware.rtl.distributed.adapters import load_tool
from l1kd.models.firmware.rtl.distributed.tool import Port, Tool
from l1kd.models.firmware.rtl.distributed.trace import trace_network
from l1kd.models.firmware.rtl.text import Slice, Stage, top_module

__all__ = ["PortBits", "RtlDesign", "build_rtl", "pack", "port_map", "unpack"]


@dataclass(frozen=True)
class RtlDesign:
    """What was written.

    Attributes
    ----------
    language : str
        ``verilog`` or ``vhdl``: the language of ``sources``.
    input_bits, output_bits : int
        Widths of the ports ``data_in`` and ``data_out``.
    pipeline_stages : int
        Registers between input and output; 0 for combinational logic, which has no clock.
    latency_cycles : int
        Clock cycles from an input to its output: a register follows every stage, none precedes.
    initiation_interval : int
        Cycles between inputs, always 1.
    ebops_or_cost : float
        The tool's own cost of its operation list.
    estimated_luts, estimated_ffs : int
        That cost in LUT, and the register bits.
    sources : tuple of Path
        Files of the design, the top-level module first.
    """

    top: str
    language: str
    input_bits: int
    output_bits: int
    pipeline_stages: int
    latency_cycles: int
    initiation_interval: int
    ebops_or_cost: float
    estimated_luts: int
    estimated_ffs: int
    sources: tuple[Path, ...]


class PortBits(NamedTuple):
    """Where one element of a tensor lies in a port."""

    port: str
    high: int
    low: int
    tensor: str
    element: int
    format: FixedPoint


def port_map(network: Network) -> list[PortBits]:
    """Return the bits of ``data_in`` and ``data_out``, element 0 of the first tensor lowest."""
    rows = []
    for port, tensors in (("data_in", network.inputs), ("data_out", network.outputs)):
        low = 0
        for tensor in tensors:
            for element in range(tensor.size):
                high = low + tensor.format.width - 1
                rows.append(PortBits(port, high, low, tensor.name, element, tensor.format))
                low = high + 1
    return rows


def build_rtl(
    network: Network,
    out: Path,
    *,
    tool: Literal["da4ml", "alkaid"],
    top: str = "network",
    clock_period_ns: float = 1e3 / 240.0,
    latency_cutoff: float | None = None,
    part: str = "xcvu13p-flga2577-2-e",
) -> RtlDesign:
    """Write a network as RTL.

    Parameters
    ----------
    out : Path
        Folder; receives ``verilog/``, ``vhdl/``, the tool's operation list ``operations.json``
        and a script ``synthesize.tcl`` with the clock's constraint, for Vivado.
    latency_cutoff : float, optional
        Longest delay of a pipeline stage in the tool's own units, about one adder each. None
        gives combinational logic.

    Returns
    -------
    RtlDesign
        The Verilog design; the VHDL one has the same names and ports.

    Raises
    ------
    ValueError, OverflowError
        If the network needs numbers or tables beyond what the tool can hold.
    """
    adapter = load_tool(tool)
    logic: Any = rebuilt(trace_network(network, adapter), adapter.dialect)
    stages = [logic] if latency_cutoff is None else adapter.stages(logic, latency_cutoff)
    clocked = latency_cutoff is not None
    out.mkdir(parents=True, exist_ok=True)
    adapter.save(logic, out / "operations.json")
    sources: tuple[Path, ...] = ()
    for language in ("vhdl", "verilog"):
        sources = _write(network, adapter, stages, out / language, top, language, clocked)
    _write_scripts(out, top, clock_period_ns if clocked else None, part)
    registers = sum(port.width for stage in stages for port in adapter.ports(stage)[1])
    return RtlDesign(
        top=top,
        language="verilog",
        input_bits=_bits(network.inputs),
        output_bits=_bits(network.outputs),
        pipeline_stages=len(stages) if clocked else 0,
        latency_cycles=len(stages) if clocked else 0,
        initiation_interval=1,
        ebops_or_cost=float(logic.cost),
        estimated_luts=ceil(logic.cost),
        estimated_ffs=registers if clocked else 0,
        sources=sources,
    )


def _write_scripts(out: Path, top: str, period: float | None, part: str) -> None:
    """Write a script with which Vivado synthesizes the design by itself."""
    lines = ["read_verilog [glob verilog/*.v]"]
    if period is not None:
        constraint = f"create_clock -name clk -period {period:.3f} [get_ports clk]\n"
        (out / f"{top}.xdc").write_text(constraint)
        lines.append(f"read_xdc {top}.xdc")
    lines.append(f"synth_design -top {top} -part {part} -mode out_of_context")
    lines += [f"report_{kind} -file {kind}.rpt" for kind in ("utilization", "timing_summary")]
    (out / "synthesize.tcl").write_text("\n".join(lines) + "\n")


def _bits(tensors: tuple[Tensor, ...]) -> int:
    return sum(tensor.size * tensor.format.width for tensor in tensors)


def _write(
    network: Network,
    tool: Tool,
    stages: list[Any],
    folder: Path,
    top: str,
    language: str,
    clocked: bool,
) -> tuple[Path, ...]:
    """Write all modules of one language; return the files, top first."""
    folder.mkdir(parents=True, exist_ok=True)
    suffix = "v" if language == "verilog" else "vhd"
    modules, files = [], []
    for number, stage in enumerate(stages):
        widths, ports = tool.ports(stage)
        name = f"{top}_stage{number}"
        modules.append(Stage(name, sum(widths), sum(port.width for port in ports)))
        files.append(folder / f"{name}.{suffix}")
        files[-1].write_text(tool.source(stage, name, language))
    inputs = _input_slices(network, tool.ports(stages[0])[0])
    outputs = _output_slices(network, tool.ports(stages[-1])[1])
    size = _bits(network.inputs), _bits(network.outputs)
    main = folder / f"{top}.{suffix}"
    main.write_text(top_module(top, modules, inputs, outputs, size, language, clocked))
    for path in (library(language), *tool.library(language)):
        files.append(folder / path.name)
        shutil.copyfile(path, files[-1])
    return (main, *files)


def _input_slices(network: Network, widths: list[int]) -> list[Slice]:
    """Return what the first stage reads: the tool drops inputs that nothing needs."""
    rows = [row for row in port_map(network) if row.port == "data_in"]
    used = [row for row, width in zip(rows, widths, strict=True) if width]
    return [Slice(row.high, row.low, row.high - row.low + 1) for row in reversed(used)]


def _output_slices(network: Network, ports: list[Port]) -> list[Slice]:
    """Return how the output port is made: zeros below, the tool's bits, their sign above."""
    slices, low = [], 0
    rows = [row for row in port_map(network) if row.port == "data_out"]
    for row, port in zip(rows, ports, strict=True):
        form, width = row.format, port.width
        if not width:
            slices.append(Slice(-1, -1, form.width))
            continue
        below = form.fraction - port.fraction
        above = form.width - below - width
        if below:
            slices.append(Slice(-1, -1, below))
        if port.signed or not above:
            slices.append(Slice(low + width - 1, low, width + above))
        else:
            slices += [Slice(low + width - 1, low, width), Slice(-1, -1, above)]
        low += width
    return slices[::-1]


def pack(raw: Integers, formats: list[FixedPoint]) -> npt.NDArray[np.uint32]:
    """Return rows of raw integers as port bits, shape (n, words of 32 bits), lowest word first."""
    total = sum(form.width for form in formats)
    words = np.zeros((-(-total // 64) + 1, len(raw)), np.uint64)
    for column, (word, shift, form) in zip(raw.T, _places(formats), strict=True):
        bits = np.asarray(column, np.int64).view(np.uint64) & _mask(form)
        words[word] |= bits << np.uint64(shift)
        if shift + form.width > 64:
            words[word + 1] |= bits >> np.uint64(64 - shift)
    return np.ascontiguousarray(words.T).view(np.uint32)[:, : -(-total // 32)]


def unpack(words: npt.NDArray[np.uint32], formats: list[FixedPoint]) -> Integers:
    """Return the raw integers of port bits, shape (n, len(formats))."""
    total = sum(form.width for form in formats)
    padded = np.zeros((len(words), 2 * (-(-total // 64) + 1)), np.uint32)
    padded[:, : words.shape[1]] = words
    columns = np.ascontiguousarray(padded.view(np.uint64).T)
    raw = np.zeros((len(words), len(formats)), np.int64)
    for element, (word, shift, form) in enumerate(_places(formats)):
        bits = columns[word] >> np.uint64(shift)
        if shift + form.width > 64:
            bits |= columns[word + 1] << np.uint64(64 - shift)
        value = (bits & _mask(form)).view(np.int64)
        sign = np.int64(1) << np.int64(form.width - 1)
        raw[:, element] = (value ^ sign) - sign if form.signed else value
    return raw


def _places(formats: list[FixedPoint]) -> Iterator[tuple[int, int, FixedPoint]]:
    """Give the word of 64 bits in which every element begins, and its lowest bit there."""
    low = 0
    for form in formats:
        yield low // 64, low % 64, form
        low += form.width


def _mask(form: FixedPoint) -> np.uint64:
    return np.uint64((1 << form.width) - 1)
