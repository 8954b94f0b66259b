"""Synthesis of generated Verilog with Yosys, for LUT counts without a vendor's licence."""

import json
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

from l1kd.errors import ToolError
from l1kd.models.firmware.sum_text import MAPPED

__all__ = ["Resources", "YosysError", "available", "synthesize"]


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
    """

    lut: int
    ff: int
    carry: int
    dsp: int
    bram: float
    logic_depth: int
    seconds: float
    version: str


def available() -> str | None:
    """Return None where Yosys can run, else the reason why not."""
    return None if shutil.which("yosys") else "Yosys is not installed: apt-get install yosys"


def family(part: str) -> str:
    """Return the name that Yosys has for a part's family."""
    return "xc7" if part.lower().startswith("xc7") else "xcup"


def synthesize(sources: Iterable[Path], top: str, out: Path, part: str) -> Resources:
    """Map Verilog sources to a device family and count the cells.

    Parameters
    ----------
    out : Path
        Folder for the script, the log and the cell statistics.

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
    lines += [f"hierarchy -check -top {top}", "proc", "opt_expr", "opt_clean", "wreduce"]
    # Products of two variables are left to the search for DSP blocks, which comes later.
    lines += ["alumacc t:* t:$mul %d", "opt_expr", "flatten", "opt_clean"]
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
    return parse(cells.read_text(), said, depth(netlist.read_text()), seconds)


def parse(cells: str, log: str, levels: int, seconds: float = 0.0) -> Resources:
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
        lut=total(r"LUT[1-6]|INV|LUT6_2") + 2 * total(r"RAM64M.*|RAM32M.*"),
        ff=total(r"FD[RSCP]E(_1)?"),
        carry=total(r"CARRY[48]"),
        dsp=total(r"DSP48E[12]"),
        bram=total(r"RAMB36E[12]") + total(r"RAMB18E[12]") / 2,
        logic_depth=levels,
        seconds=seconds,
        version=version[1] if version else "unknown",
    )


def depth(netlist: str) -> int:
    """Return the number of lookup tables on the longest path of a mapped netlist.

    Paths begin and end at registers, memories, DSP blocks and ports. Carry chains and the
    multiplexers behind lookup tables lie on a path but do not count.

    Parameters
    ----------
    netlist : str
        BLIF, flat.
    """
    drivers: dict[str, tuple[int, list[str]]] = {}
    for cell in _cells(netlist):
        drivers |= _driven(cell)
    levels: dict[str, int] = {}
    for end in drivers:
        waiting = [end]
        while waiting:
            net = waiting[-1]
            own, sources = drivers.get(net, (0, []))
            missing = [source for source in sources if source not in levels]
            if missing and net not in levels:
                waiting += missing
                continue
            levels[net] = own + max((levels[source] for source in sources), default=0)
            waiting.pop()
    return max(levels.values(), default=0)


class _Cell(NamedTuple):
    kind: str
    ports: dict[str, str]
    init: int


def _cells(netlist: str) -> Iterator[_Cell]:
    """Give the cells of a netlist; a buffer is a lookup table without a name."""
    lines = netlist.replace("\\\n", "").splitlines()
    for line, following in zip(lines, [*lines[1:], ""], strict=False):
        words, more = line.split(), following.split()
        if words[:1] == [".names"] and len(words) == 3:
            yield _Cell("", {"I0": words[1], "O": words[2]}, 2)
        elif words[:1] == [".subckt"]:
            init = int(more[2], 2) if words[1] == "LUT6_2" else 0
            yield _Cell(words[1], dict(port.split("=", 1) for port in words[2:]), init)


def _driven(cell: _Cell) -> dict[str, tuple[int, list[str]]]:
    """Return what the nets behind a cell depend on, and how many lookup tables it adds."""
    kind, ports, init = cell
    if kind == "LUT6_2":
        upper, lower = init >> 32, init & 0xFFFFFFFF
        found = {}
        for port, table in (("O6", upper), ("O5", lower)):
            used = [ports[f"I{k}"] for k in range(5) if _reads(table, k)]
            found[ports[port]] = 1, used
        return found
    if re.fullmatch(r"|LUT\d|INV|MUXF\d", kind):
        inputs = [net for port, net in ports.items() if port != "O"]
        return {ports["O"]: (int(kind[:3] in ("LUT", "INV")), inputs)}
    if not kind.startswith("CARRY"):
        return {}
    # A bit of a carry chain depends on those below, and on what is carried in.
    outputs = {port: net for port, net in ports.items() if re.match(r"C?O\[", port)}
    return {
        net: (0, [n for p, n in ports.items() if p not in outputs and _bit(p) <= _bit(port)])
        for port, net in outputs.items()
    }


def _reads(table: int, position: int) -> bool:
    """Return whether an output of a table of five inputs depends on one of them."""
    low = sum(1 << row for row in range(32) if not row >> position & 1)
    return (table & low) != (table >> (1 << position) & low)


def _bit(port: str) -> int:
    """Return the bit of a vector that a port is; -1 for a single one."""
    found = re.search(r"\[(\d+)\]", port)
    return int(found[1]) if found else -1
