"""Compile the HLS C++ of a project and run many vectors through it.

hls4ml's own `predict` calls C++ once for every row. Here a small program reads raw integers in
bulk, so that the comparison sets the bits of the ports and reads them back, without any conversion.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import numpy.typing as npt

from l1kd.emulators.array_types import Integers
from l1kd.emulators.network.cpp.model import Project
from l1kd.emulators.network.cpp.source import read_project
from l1kd.errors import FirmwareError, ToolError

__all__ = [
    "COMPILE_FLAGS",
    "Compiled",
    "bare_environment",
    "compile_project",
    "driver_source",
    "ports_header",
    "run_tool",
    "top_header",
]

COMPILE_FLAGS = ("-O1", "-std=c++17", "-w", "-fno-strict-aliasing")

_SAID = 300
"""Characters of what a tool said that a message shows."""
_PORTS = """// Written for {name}: its top function, and how events go in and out.
#ifndef L1KD_PORTS_H_
#define L1KD_PORTS_H_

#include <cstdint>
#include <tuple>
#include <type_traits>
#include <vector>

#include "{header}"

constexpr long INPUTS = {inputs}, OUTPUTS = {outputs};

template <class F> struct signature;
template <class... A> struct signature<void (*)(A...)> {{
    template <int N>
    using port = typename std::remove_pointer<
        typename std::tuple_element<N, std::tuple<A...>>::type>::type;
}};

template <class T> int64_t raw_bits(const T &value) {{
    T copy = value;
    uint64_t bits = copy.range().to_uint64();
    return T::width < 64 && value < 0 ? (int64_t)(bits | (~0ULL << (T::width % 64)))
                                      : (int64_t)bits;
}}

template <class T> void keep(const T *values, int size, std::vector<int64_t> &out) {{
    for (int i = 0; i < size; i++)
        out.push_back(raw_bits(values[i]));
}}
{trace}
// Computes one event; appends {what} to `out`.
inline void event(const int64_t *in, std::vector<int64_t> &out) {{
    using top = signature<decltype(&{top})>;
{ports}
{fill}
{start}    {top}({names});
{finish}}}

inline void finish(std::vector<int64_t> &) {{}}

#endif
"""


def ports_header(project: Project, trace: bool = False) -> str:
    """Return the C++ header that ties the driver to one network.

    Parameters
    ----------
    project : Project
        The firmware, as it was read.
    trace : bool
        Give the results of all layers instead of the outputs.

    Raises
    ------
    FirmwareError
        The top function has other arguments than arrays of inputs and outputs.
    """
    names = [*project.inputs, *project.outputs]
    sizes = [project.tensors[name].size for name in names]
    if project.io_type != "io_parallel" or None in sizes:
        raise FirmwareError(
            f"{project.name} takes streams; a project is built from io_parallel firmware only"
        )
    count = len(project.inputs)
    fill, offset = [], 0
    for number, size in enumerate(sizes[:count]):
        fill.append(
            f"    for (int i = 0; i < {size}; i++)\n"
            f"        p{number}[i].range() = in[{offset} + i];"
        )
        offset += size or 0
    finish = "".join(
        f"    keep(p{number}, {size}, out);\n"
        for number, size in list(enumerate(sizes))[count:]
        if not trace
    )
    scope = f"{project.namespace}::" if project.namespace else ""
    return _PORTS.format(
        name=project.name,
        header=top_header(project) if not trace else "traced.h",
        inputs=offset,
        outputs=_kept(project) if trace else sum(size or 0 for size in sizes[count:]),
        trace="\n#define L1KD_TRACED\n" if trace else "",
        what="the raw outputs" if not trace else "the raw result of every layer",
        top=f"{scope}{project.name}",
        ports="\n".join(
            f"    static top::port<{number}> p{number}[{size}];"
            for number, size in enumerate(sizes)
        ),
        fill="\n".join(fill),
        start="    l1kd_kept = &out;\n" if trace else "",
        names=", ".join(f"p{number}" for number in range(len(sizes))),
        finish=finish,
    )


def top_header(project: Project) -> str:
    """Return the name of the header that declares the top function: that of its source's name."""
    source = Path(project.location.path)
    names = [Path(name).name for name in project.files]
    own = source.with_suffix(".h").name
    return own if own in names else f"{project.name}.h"


def _kept(project: Project) -> int:
    return sum(project.tensors[call.outputs[0]].size or 0 for call in project.calls)


def driver_source() -> str:
    """Return the program that feeds vectors to HLS C++ or to simulated RTL."""
    driver = resources.files("l1kd.models.firmware.tools") / "driver.cpp"
    return driver.read_text(encoding="utf-8")


@dataclass(frozen=True)
class Compiled:
    """A program that computes raw results of the firmware.

    Attributes
    ----------
    program : pathlib.Path
        Reads one file of vectors and writes one of results.
    """

    program: Path

    def run(self, raw: npt.NDArray[np.signedinteger]) -> Integers:
        """Compute all rows.

        Parameters
        ----------
        raw : integer array, shape (n, inputs)

        Returns
        -------
        int64 array, shape (n, outputs)

        Raises
        ------
        ToolError
            The program failed.
        """
        with TemporaryDirectory() as folder:
            source, target = Path(folder, "in.npy"), Path(folder, "out.npy")
            np.save(source, np.ascontiguousarray(raw))
            command = [str(self.program.resolve()), str(source), str(target)]
            run_tool(command, "the compiled firmware", Path(folder), bare_environment())
            result: Integers = np.load(target)
        return result


def bare_environment() -> dict[str, str]:
    """Return the environment of programs made of a project's sources: where libraries are found."""
    names = ("LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH")
    return {name: os.environ[name] for name in names if name in os.environ}


def run_tool(
    command: list[str],
    what: str,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a program; return what it printed.

    Programs that were made of a project's sources are given a folder of their own and
    `bare_environment`: what the user's holds is not their business.

    Raises
    ------
    ToolError
        It is missing or failed; its first error is quoted, else the end of what it says.
    """
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="replace",
            check=False,
            cwd=folder,
            env=environment,
        )
    except OSError as error:
        raise ToolError(f"{what}: '{command[0]}' does not start: {error}") from error
    if done.returncode:
        lines = (done.stderr.strip() or done.stdout.strip() or "it says nothing").splitlines()
        said = next((line for line in lines if "error" in line.lower()), lines[-1]).strip()
        raise ToolError(f"{what} failed with exit code {done.returncode}: {said[:_SAID]}")
    return done.stdout


def compile_project(hls: Path, build: Path, *, trace: bool = False) -> Compiled:
    """Compile the firmware below a folder with the driver.

    Parameters
    ----------
    hls : pathlib.Path
        Holds ``firmware``, as `l1kd.models.firmware.hls.hls` writes it.
    build : pathlib.Path
        Where the program is put; created.
    trace : bool
        Compile a copy of the source that gives the results of all layers, in the order of the
        calls, instead of the outputs.

    Raises
    ------
    ToolError
        There is no compiler, or it refuses the sources.
    """
    compiler = shutil.which("g++") or shutil.which("c++")
    if compiler is None:
        raise ToolError("no C++ compiler: install g++")
    project = read_project(hls)
    build.mkdir(parents=True, exist_ok=True)
    firmware = build / ("traced" if trace else "firmware")
    shutil.copytree(hls / "firmware", firmware, dirs_exist_ok=True)
    for header in sorted((firmware / "weights").glob("*.h")):
        header.write_text(_looped(header.read_text(encoding="utf-8")), encoding="utf-8")
    source = firmware / Path(project.location.path).name
    (build / "driver.cpp").write_text(driver_source(), encoding="utf-8")
    (build / "ports.h").write_text(ports_header(project, trace), encoding="utf-8")
    if trace:
        source = _traced(project, source, build)
    program = build / "driver"
    include = [f"-I{build}", f"-I{firmware}", f"-I{firmware / 'ap_types'}"]
    files = [str(build / "driver.cpp"), str(source)]
    run_tool([compiler, *COMPILE_FLAGS, *include, *files, "-o", str(program)], "the C++ compiler")
    return Compiled(program)


_LITERALS = re.compile(r"(\w+) (\w+)\[(\d+)\] = (\{[^{}]*\});")


def _looped(header: str) -> str:
    """Let a loop convert the literals of a weight header: a third of the time to compile.

    Thousands of constructors in a row occupy the compiler for long. The same literals become
    doubles, and the same constructor turns them into weights when the program starts.
    """

    def replaced(match: re.Match[str]) -> str:
        kind, name, size, values = match.groups()
        return (
            f"static const double {name}_literals[{size}] = {values};\n"
            f"struct {name}_filled {{\n    {kind} values[{size}];\n    {name}_filled() {{\n"
            f"        for (int i = 0; i < {size}; i++)\n"
            f"            values[i] = {name}_literals[i];\n    }}\n"
            f"    operator {kind} *() {{ return values; }}\n}};\nstatic {name}_filled {name};"
        )

    return _LITERALS.sub(replaced, header)


def _traced(project: Project, source: Path, build: Path) -> Path:
    """Copy the source, with a note of its results after the call of every layer."""
    lines = source.read_text(encoding="utf-8").splitlines()
    for call in sorted(project.calls, key=lambda call: -call.location.line):
        name = call.outputs[0]
        size = project.tensors[name].size
        lines.insert(call.location.line, f"    keep({name}, {size}, *l1kd_kept);")
    (build / "traced.h").write_text(
        f'#include <cstdint>\n#include <vector>\n#include "{top_header(project)}"\n'
        "extern std::vector<int64_t> *l1kd_kept;\n",
        encoding="utf-8",
    )
    target = build / "traced.cpp"
    head = '#include "ports.h"\nstd::vector<int64_t> *l1kd_kept = nullptr;\n'
    target.write_text(head + "\n".join(lines) + "\n", encoding="utf-8")
    return target
