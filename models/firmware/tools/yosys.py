"""Synthesis of generated Verilog with Yosys, for LUT counts without a vendor's licence."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterable
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from l1kd.errors import ToolError
from l1kd.models.firmware.adders.text import MAPPED
from l1kd.models.firmware.tools.netlist import Longest, longest

__all__ = ["Resources", "YosysError", "available", "synthesize"]


_MAP_ALONE = "+strash;if -t;mfs2"
"""What is left of ABC's usual script: logic is mapped to tables in the form in which it is written.

The mean depth of the outputs is optimised (``-t``), not the largest: ABC does not see the carry
chains between, and would let all that is not the deepest part become as deep as that.
"""


class YosysError(ToolError):
    """Synthesis failed; the message holds the end of the tool's output."""


class Resources(NamedTuple):
    """Cells after mapping to a device family, unplaced.

    Attributes
    ----------
    carry : int
        Carry blocks of four bits: Yosys takes those for UltraScale+ as well, whose own have eight.
    bram : float
        Blocks of 36 kbit; a block of 18 kbit counts half.
    logic_depth : int
        Lookup tables on the longest path between registers or ports.
    longest_path : float
        Delay of the longest path in adders, as `netlist.Longest` has it.
    """

    lut: int
    ff: int
    carry: int
    dsp: int
    bram: float
    logic_depth: int
    longest_path: float
    seconds: float
    version: str


def available() -> str | None:
    """Return None where Yosys can run, else the reason why not."""
    return None if shutil.which("yosys") else "Yosys is not installed: apt-get install yosys"


def family(part: str) -> str:
    """Return the name that Yosys has for a part's family."""
    return "xc7" if part.lower().startswith("xc7") else "xcup"


def synthesize(
    sources: Iterable[Path],
    top: str,
    out: Path,
    part: str,
    *,
    black: Iterable[str] = (),
    registers_stay: bool = False,
    search_equal: bool = True,
) -> Resources:
    """Map Verilog sources to a device family and count the cells.

    Parameters
    ----------
    out : Path
        Folder for the script, the log and the cell statistics.
    black : iterable of str
        Modules of which nothing is counted.
    registers_stay : bool
        Whether registers before a table stay there. Else Yosys takes a table for a memory, and may
        move them behind it, which makes the path before them longer.
    search_equal : bool
        Whether ABC searches for signals that are equal. It guesses them from random inputs, on
        which thresholds of wide numbers are nearly always passed: whatever is counted of many such
        bits looks constant, and to disprove that takes longer than anyone waits.

    Raises
    ------
    YosysError
        If Yosys is missing or fails.
    """
    reason = available()
    if reason is not None:
        raise YosysError(reason)
    out.mkdir(parents=True, exist_ok=True)
    script, log = out / "synthesis.ys", out / "yosys.log"
    cells, netlist = out / "cells.json", out / "netlist.blif"
    lines = ["read_verilog -lib +/xilinx/cells_sim.v"]
    lines += [f'read_verilog "{MAPPED.get(path.name, path).resolve()}"' for path in sources]
    # Adders are mapped inside their small modules, as they were cut: merged into long sums of many
    # operands, which Yosys does once hierarchy is gone, they take a quarter more LUTs.
    lines += [f"blackbox {name}" for name in black]
    lines.append(f"hierarchy -check -top {top}")
    lines += ["proc -norom" if registers_stay else "proc", "opt_expr", "opt_clean", "wreduce"]
    # Products of two variables are left to the search for DSP blocks, which comes later.
    lines += ["alumacc t:* t:$mul %d", "opt_expr", "flatten", "opt_clean"]
    lines += [] if search_equal else [f'scratchpad -set abc.script "{_MAP_ALONE}"']
    lines.append(f"synth_xilinx -family {family(part)} -top {top} -flatten -noiopad -noclkbuf")
    lines += [f"tee -o {cells.name} stat -json", f"write_blif -param {netlist.name}"]
    script.write_text("\n".join(lines) + "\n")
    start = perf_counter()
    done = subprocess.run(
        ["yosys", "-q", "-l", log.name, "-s", script.name],
        cwd=out,
        capture_output=True,
        text=True,
    )
    seconds = perf_counter() - start
    if done.returncode:
        raise YosysError(f"yosys failed: {(done.stdout + done.stderr)[-4000:]}")
    said = log.read_text(errors="replace")
    return parse(cells.read_text(), said, longest(netlist.read_text()), seconds)


def parse(cells: str, log: str, path: Longest, seconds: float = 0.0) -> Resources:
    """Read cell statistics and a log."""
    modules = json.loads(cells)["modules"]
    counts: dict[str, int] = {}
    for module in modules.values():
        for kind, number in module["num_cells_by_type"].items():
            counts[kind] = counts.get(kind, 0) + number

    def total(pattern: str) -> int:
        return sum(n for kind, n in counts.items() if re.fullmatch(pattern, kind))

    version = re.search(r"Yosys (\d[^\s(]*)", log)
    return Resources(
        lut=total(r"LUT[1-6]|INV|LUT6_2|SRL16E|SRLC32E") + 2 * total(r"RAM64M.*|RAM32M.*"),
        ff=total(r"FD[RSCP]E(_1)?"),
        carry=total(r"CARRY[48]"),
        dsp=total(r"DSP48E[12]"),
        bram=total(r"RAMB36E[12]") + total(r"RAMB18E[12]") / 2,
        logic_depth=path.tables,
        longest_path=path.delay,
        seconds=seconds,
        version=version[1] if version else "unknown",
    )
