"""A CMSSW emulator library around the firmware: prepare, predict, read.

The interface is the one that CMSSW's `hls4mlEmulatorExtras` loads: a class derived from
`hls4mlEmulator::Model` and two C functions. The firmware sits in a namespace of its own, so that
several versions live in one process.
"""

from pathlib import Path

from l1kd.emulators.network.cpp.model import Project
from l1kd.emulators.network.cpp.source import read_project
from l1kd.errors import FirmwareError
from l1kd.models.firmware.tools.cpp import top_header

__all__ = ["INTERFACE", "POINTER", "write_wrapper"]

INTERFACE = """// The interface that CMSSW declares in a header of this name: there, that
// one is found first.
#ifndef hls4mlEmulator_Model_h
#define hls4mlEmulator_Model_h

#include <any>

namespace hls4mlEmulator {

class Model {
public:
    virtual void prepare_input(std::any input) = 0;
    virtual void predict() = 0;
    virtual void read_result(std::any result) = 0;
    virtual ~Model() = default;
};

}  // namespace hls4mlEmulator

#endif
"""

POINTER = """    template <class T> static T *pointer(std::any &given, const char *what) {
        T **found = std::any_cast<T *>(&given);
        if (found == nullptr || *found == nullptr)
            throw std::invalid_argument(what);
        return *found;
    }
"""

_WRAPPER = """// Emulator of {name} for CMSSW: `prepare_input` takes {inputs},
// `read_result` takes {outputs}.
#include <any>
#include <stdexcept>
#include <tuple>
#include <type_traits>

#include "emulator.h"
#include "../hls/firmware/{header}"

namespace {{

template <class F> struct signature;
template <class... A> struct signature<void (*)(A...)> {{
    template <int N>
    using port = typename std::remove_pointer<
        typename std::tuple_element<N, std::tuple<A...>>::type>::type;
}};
using top = signature<decltype(&{scope}{name})>;

class {name}_emulator : public hls4mlEmulator::Model {{
private:
{members}
{pointer}
public:
    void prepare_input(std::any input) override {{
{prepare}    }}

    void predict() override {{ {scope}{name}({arguments}); }}

    void read_result(std::any result) override {{
{read}    }}
}};

}}  // namespace

extern "C" hls4mlEmulator::Model *create_model() {{ return new {name}_emulator; }}

extern "C" void destroy_model(hls4mlEmulator::Model *model) {{ delete model; }}
"""

_MAKEFILE = """# Builds {name}.so for CMSSW: `scram tool info hls` gives AP_TYPES there.
CXX ?= g++
AP_TYPES ?= ../hls/firmware/ap_types
CXXFLAGS ?= -O2 -std=c++17 -w

{name}.so: emulator.cpp ../hls/firmware/{name}.cpp
\t$(CXX) $(CXXFLAGS) -fPIC -shared -I$(AP_TYPES) -I../hls/firmware -I. $^ -o $@

clean:
\trm -f {name}.so

.PHONY: clean
"""


def write_wrapper(hls: Path, folder: Path) -> None:
    """Write the library's sources.

    Parameters
    ----------
    hls : pathlib.Path
        Holds ``firmware``.
    folder : pathlib.Path
        Gets ``emulator.cpp``, ``emulator.h`` and ``Makefile``; a sibling of `hls`.

    Raises
    ------
    FirmwareError
        The firmware takes streams.
    """
    project = read_project(hls)
    if project.io_type != "io_parallel":
        raise FirmwareError(f"{project.name} takes streams; the emulator library needs arrays")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "emulator.h").write_text(INTERFACE, encoding="utf-8")
    (folder / "emulator.cpp").write_text(_wrapper(project), encoding="utf-8")
    (folder / "Makefile").write_text(_MAKEFILE.format(name=project.name), encoding="utf-8")


def _wrapper(project: Project) -> str:
    ins, outs = list(project.inputs), list(project.outputs)
    names = ins + outs
    sizes = [project.tensors[name].size for name in names]
    members = "".join(
        f"    typename top::port<{number}> p{number}[{size}];\n"
        for number, size in enumerate(sizes)
    )
    return _WRAPPER.format(
        pointer=POINTER,
        name=project.name,
        header=top_header(project),
        scope=f"{project.namespace}::" if project.namespace else "",
        inputs=_described("a pointer to", ins, sizes),
        outputs=_described("a pointer to room for", outs, sizes[len(ins) :]),
        members=members,
        prepare=_copies(range(len(ins)), sizes, "input", inward=True),
        arguments=", ".join(f"p{number}" for number in range(len(names))),
        read=_copies(range(len(ins), len(names)), sizes, "result", inward=False),
    )


def _described(words: str, names: list[str], sizes: list[int | None]) -> str:
    arrays = [f"{size} elements of {name}" for name, size in zip(names, sizes, strict=False)]
    if len(arrays) == 1:
        return f"{words} {arrays[0]}"
    return f"a pointer to a tuple of pointers to {', '.join(arrays)}"


def _copies(ports: range, sizes: list[int | None], name: str, *, inward: bool) -> str:
    """Return the code that copies between a std::any and the ports."""
    lines = []
    kinds = [f"typename top::port<{port}>" for port in ports]
    if len(kinds) == 1:
        kind = f"const {kinds[0]}" if inward else kinds[0]
        expected = f"{name}: a pointer to the elements expected"
        if inward:
            # Callers may hold their array as const or not.
            plain = kinds[0]
            lines.append(f"const {plain} *x0 = std::any_cast<{plain} *>(&{name}) != nullptr")
            lines.append(f'    ? pointer<{plain}>({name}, "{expected}")')
            lines.append(f'    : pointer<{kind}>({name}, "{expected}");')
        else:
            lines.append(f'{kind} *x0 = pointer<{kind}>({name}, "{expected}");')
    else:
        members = ", ".join(f"{kind} *" for kind in kinds)
        lines.append(f"using group = std::tuple<{members}>;")
        lines.append(
            f'group &all = *pointer<group>({name}, "{name}: a pointer to a tuple expected");'
        )
        lines += [f"auto *x{k} = std::get<{k}>(all);" for k in range(len(kinds))]
    for number, port in enumerate(ports):
        here, there = f"p{port}[i]", f"x{number}[i]"
        copy = f"{here} = {there}" if inward else f"{there} = {here}"
        lines += [f"for (int i = 0; i < {sizes[port]}; i++)", f"    {copy};"]
    return "".join(f"        {line}\n" for line in lines)
