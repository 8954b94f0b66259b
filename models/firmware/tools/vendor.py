"""Vitis and Vivado: scripts for them, running them where they are installed, reading reports.

Without a licence nothing here runs; the scripts still lie in every project.
"""

import re
import shutil
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path
from typing import Any

from l1kd.errors import FirmwareError
from l1kd.models.firmware.tools.cpp import run_tool

__all__ = [
    "hls_script",
    "hls_tool",
    "read_csynth",
    "read_timing",
    "read_utilization",
    "rtl_script",
    "rtl_tool",
    "synthesize_hls",
    "synthesize_rtl",
]

Command = Callable[[str], list[str]]
MAX_REPORT = 1 << 26

_HLS = """# High-level synthesis of {top}: `l1kd build` runs it where the tool is, or by hand:
#   {usage}
open_project -reset {top}_hls
set_top {scope}{top}
add_files firmware/{top}.cpp -cflags "-std=c++14"
open_solution -reset solution1
set_part {part}
create_clock -period {period:.4f} -name default
set_clock_uncertainty {uncertainty} default
csynth_design
export_design -format ip_catalog
exit
"""

_RTL = """# Synthesis of {top} out of context: vivado -mode batch -source synth.tcl
{reads}
{constraint}
synth_design -top {top} -part {part} -mode out_of_context -flatten_hierarchy rebuilt
opt_design
place_design
route_design
report_utilization -file utilization.rpt
report_timing_summary -file timing.rpt
exit
"""


def hls_tool(backend: str) -> tuple[str, Command] | None:
    """Return name and command line of the installed tool for an HLS backend, or None."""
    if backend == "vitis" and shutil.which("vitis-run"):
        return "Vitis HLS", lambda script: ["vitis-run", "--mode", "hls", "--tcl", script]
    program = "vitis_hls" if backend == "vitis" else "vivado_hls"
    if shutil.which(program):
        name = "Vitis HLS" if backend == "vitis" else "Vivado HLS"
        return name, lambda script: [program, "-f", script]
    return None


def rtl_tool() -> tuple[str, Command] | None:
    """Return name and command line of Vivado, or None where it is not installed."""
    if shutil.which("vivado") is None:
        return None
    return "Vivado", lambda script: ["vivado", "-mode", "batch", "-nojournal", "-source", script]


def hls_script(backend: str, top: str, scope: str, part: str, period: float) -> str:
    """Return the script of high-level synthesis, to be started beside ``firmware``."""
    usage = (
        "vitis-run --mode hls --tcl synth.tcl" if backend == "vitis" else "vivado_hls -f synth.tcl"
    )
    uncertainty = "27%" if backend == "vitis" else "12.5%"
    return _HLS.format(
        top=top,
        scope=f"{scope}::" if scope else "",
        part=part,
        period=period,
        uncertainty=uncertainty,
        usage=usage,
    )


def rtl_script(top: str, part: str, sources: list[str], constraint: str | None) -> str:
    """Return the script of a synthesis out of context; paths are relative to its folder."""
    reads = "\n".join(f"read_verilog {source}" for source in sources)
    line = f"read_xdc {constraint}" if constraint else "# combinational logic: no clock"
    return _RTL.format(top=top, part=part, reads=reads, constraint=line)


def synthesize_hls(hls: Path, backend: str) -> dict[str, Any] | None:
    """Run high-level synthesis where its tool is installed; return the report's numbers."""
    tool = hls_tool(backend)
    if tool is None:
        return None
    name, command = tool
    run_tool(command("synth.tcl"), name, hls)
    reports = sorted(hls.glob("*_hls/solution1/syn/report/csynth.xml"))
    if not reports:
        raise FirmwareError(f"{name} ended without a report below {hls}: see its log")
    return {"tool": name, **read_csynth(reports[0])}


def synthesize_rtl(rtl: Path) -> dict[str, Any] | None:
    """Run Vivado out of context where it is installed; return the reports' numbers."""
    tool = rtl_tool()
    if tool is None:
        return None
    name, command = tool
    run_tool(command("synth.tcl"), name, rtl)
    used = read_utilization(rtl / "utilization.rpt")
    return {"tool": name, **used, **read_timing(rtl / "timing.rpt")}


def _text(path: Path, what: str) -> str:
    try:
        if path.stat().st_size > MAX_REPORT:
            raise FirmwareError(f"{path}: expected {what}, found {path.stat().st_size} bytes")
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise FirmwareError(f"{path}: expected {what}: {error}") from error


def read_csynth(path: Path) -> dict[str, Any]:
    """Read Vitis HLS's ``csynth.xml``.

    Returns
    -------
    dict
        ``version``, ``part``, ``latency_cycles`` (worst case), ``initiation_interval``,
        ``period_ns`` (estimated), and ``lut``, ``ff``, ``dsp``, ``bram`` (of 18 kbit), ``uram``.
        None for what the report does not give.

    Raises
    ------
    FirmwareError
        It is no such report.
    """
    text = _text(path, "csynth.xml of Vitis HLS")
    if "<!ENTITY" in text:
        raise FirmwareError(f"{path}: a report with entities is not read")
    try:
        root = ET.fromstring(text)
    except ET.ParseError as error:
        raise FirmwareError(f"{path}: expected csynth.xml of Vitis HLS: {error}") from error
    if root.find("AreaEstimates/Resources") is None:
        raise FirmwareError(f"{path}: expected AreaEstimates/Resources, found <{root.tag}>")

    def number(place: str) -> float | None:
        found = root.findtext(place)
        try:
            value = float(found) if found is not None else None
        except ValueError:
            return None
        return int(value) if value is not None and value.is_integer() else value

    area, time = "AreaEstimates/Resources", "PerformanceEstimates/SummaryOfOverallLatency"
    return {
        "version": root.findtext("ReportVersion/Version"),
        "part": root.findtext("UserAssignments/Part"),
        "latency_cycles": number(f"{time}/Worst-caseLatency"),
        "initiation_interval": number(f"{time}/Interval-max"),
        "period_ns": number("PerformanceEstimates/SummaryOfTimingAnalysis/EstimatedClockPeriod"),
        "lut": number(f"{area}/LUT"),
        "ff": number(f"{area}/FF"),
        "dsp": number(f"{area}/DSP")
        if number(f"{area}/DSP") is not None
        else number(f"{area}/DSP48E"),
        "bram": number(f"{area}/BRAM_18K"),
        "uram": number(f"{area}/URAM"),
    }


_ROWS = {
    "lut": (r"(?:CLB|Slice) LUTs\*?", 1.0),
    "ff": (r"(?:CLB|Slice) Registers", 1.0),
    "dsp": (r"DSPs", 1.0),
    # Vivado counts blocks of 36 kbit
    "bram": (r"Block RAM Tile", 2.0),
    "carry": (r"CARRY[48]", 1.0),
}


def read_utilization(path: Path) -> dict[str, Any]:
    """Read Vivado's ``report_utilization``.

    Returns
    -------
    dict
        ``lut``, ``ff``, ``dsp``, ``bram`` (of 18 kbit) and ``carry``; None for rows that are not
        there.

    Raises
    ------
    FirmwareError
        It holds neither LUTs nor registers.
    """
    text = _text(path, "a utilization report of Vivado")
    found: dict[str, Any] = {}
    for key, (row, factor) in _ROWS.items():
        match = re.search(rf"^\|\s*{row}\s*\|\s*([\d.]+)\s*\|", text, re.MULTILINE)
        found[key] = int(float(match[1]) * factor) if match else None
    if found["lut"] is None and found["ff"] is None:
        raise FirmwareError(f"{path}: expected rows of LUTs and registers, found none")
    version = re.search(r"Tool Version\s*:\s*Vivado v\.?(\S+)", text)
    return {"version": version[1] if version else None, **found}


def read_timing(path: Path) -> dict[str, Any]:
    """Read Vivado's ``report_timing_summary``.

    Returns
    -------
    dict
        ``wns_ns``, the worst slack [ns], negative where timing is missed; ``met``, whether all
        constraints are met. Both None for a design without a clock.

    Raises
    ------
    FirmwareError
        It is no such report.
    """
    text = _text(path, "a timing summary of Vivado")
    if "Design Timing Summary" not in text:
        raise FirmwareError(f"{path}: expected a Design Timing Summary, found none")
    table = re.search(r"WNS\(ns\).*?\n[\s-]*\n\s*(-?[\d.]+|NA)\s", text, re.DOTALL)
    slack = float(table[1]) if table and table[1] != "NA" else None
    return {"wns_ns": slack, "met": None if slack is None else slack >= 0.0}
