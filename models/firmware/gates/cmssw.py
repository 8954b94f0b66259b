"""A CMSSW emulator library of a logic-gate network: its numbers as tables, its loops as C++.

The interface is that of `l1kd.models.firmware.hls.cmssw`; whole numbers are ``ap_uint``, as CMSSW's
calorimeter producers hand them over.
"""

import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.logic import LogicNetwork, LogicStage
from l1kd.models.firmware.hls.cmssw import INTERFACE, POINTER

__all__ = ["write_gates"]

_TYPES = """// Emulator of {name} for CMSSW: `prepare_input` takes a pointer to {inputs}
// elements of type {input_type}, `read_result` one to room for {outputs} of type
// {output_type}.
#include <any>
#include <stdexcept>

#include "ap_fixed.h"
#include "ap_int.h"
#include "emulator.h"

namespace {{

typedef {input_type} input_t;
typedef {output_type} result_t;

// A bit that is one where a number is at least the threshold.
struct Comparison {{
    int number;
    int threshold;
}};

// Bit 2 a + b of the table is the output.
struct Gate {{
    int a, b, table;
}};

template <int N> void compare(const Comparison (&list)[N], const int *numbers, bool *bits) {{
    for (int i = 0; i < N; i++)
        bits[i] = numbers[list[i].number] >= list[i].threshold;
}}

template <int N> void evaluate(const Gate (&list)[N], const bool *before, bool *bits) {{
    for (int i = 0; i < N; i++)
        bits[i] = list[i].table >> (2 * before[list[i].a] + before[list[i].b]) & 1;
}}

template <int BITS, int GROUPS, int OUTPUTS>
void add(const bool *bits, const int (&group)[BITS], const long long (&weight)[OUTPUTS][GROUPS],
         const long long (&offset)[OUTPUTS], long long largest, int *numbers) {{
    int count[GROUPS] = {{}};
    for (int i = 0; i < BITS; i++)
        count[group[i]] += bits[i];
    for (int o = 0; o < OUTPUTS; o++) {{
        long long total = offset[o];
        for (int g = 0; g < GROUPS; g++)
            total += weight[o][g] * count[g];
        numbers[o] = total < 0 ? 0 : total > largest ? largest : total;
    }}
}}
"""

_STAGE = """
const Comparison comparisons{n}[] = {{{comparisons}}};
{gates}const int group{n}[] = {{{group}}};
const long long weight{n}[{outputs}][{groups}] = {{{weight}}};
const long long offset{n}[] = {{{offset}}};

void stage{n}(const int *numbers, int *result) {{
    bool bits0[{bits}];
    compare(comparisons{n}, numbers, bits0);
{steps}    add(bits{last}, group{n}, weight{n}, offset{n}, {largest}LL, result);
}}
"""

_CLASS = """
class {name}_emulator : public hls4mlEmulator::Model {{
private:
    int numbers0[{inputs}] = {{}};
{numbers}
{pointer}
public:
    void prepare_input(std::any input) override {{
        const char *expected = "input: a pointer to the elements expected";
        // Callers may hold their array as const or not.
        const input_t *given = std::any_cast<input_t *>(&input) != nullptr
            ? pointer<input_t>(input, expected)
            : pointer<const input_t>(input, expected);
        for (int i = 0; i < {inputs}; i++)
            numbers0[i] = given[i].to_int();
    }}

    void predict() override {{
{calls}    }}

    void read_result(std::any result) override {{
        result_t *room = pointer<result_t>(result, "result: a pointer to the elements expected");
        for (int i = 0; i < {outputs}; i++)
            room[i].range() = numbers{last}[i];
    }}
}};

}}  // namespace

extern "C" hls4mlEmulator::Model *create_model() {{ return new {name}_emulator; }}

extern "C" void destroy_model(hls4mlEmulator::Model *model) {{ delete model; }}
"""

_MAKEFILE = """# Builds {name}.so for CMSSW: `scram tool info hls` gives AP_TYPES there.
CXX ?= g++
AP_TYPES ?= ap_types
CXXFLAGS ?= -O2 -std=c++17 -w

{name}.so: emulator.cpp
\t$(CXX) $(CXXFLAGS) -fPIC -shared -I$(AP_TYPES) -I. $^ -o $@

clean:
\trm -f {name}.so

.PHONY: clean
"""


def write_gates(network: LogicNetwork, name: str, folder: Path, types: Path) -> None:
    """Write the library's sources.

    Parameters
    ----------
    name : str
        Of the library and its class.
    folder : pathlib.Path
        Gets ``emulator.cpp``, ``emulator.h``, ``Makefile`` and ``ap_types``.
    types : pathlib.Path
        Headers of the fixed-point types.
    """
    folder.mkdir(parents=True, exist_ok=True)
    for header in sorted(types.rglob("*.h")):
        place = folder / "ap_types" / header.relative_to(types)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(header, place)
    (folder / "emulator.h").write_text(INTERFACE, encoding="utf-8")
    (folder / "emulator.cpp").write_text(_source(network, name), encoding="utf-8")
    (folder / "Makefile").write_text(_MAKEFILE.format(name=name), encoding="utf-8")


def _source(network: LogicNetwork, name: str) -> str:
    stages = network.stages
    sizes = {"inputs": stages[0].inputs, "outputs": stages[-1].outputs}
    types = _TYPES.format(
        name=name,
        input_type=_type(network.inputs[0].format),
        output_type=_type(network.outputs[0].format),
        **sizes,
    )
    numbers = [f"    int numbers{n}[{stage.outputs}] = {{}};" for n, stage in enumerate(stages, 1)]
    calls = [f"        stage{n}(numbers{n}, numbers{n + 1});\n" for n in range(len(stages))]
    model = _CLASS.format(
        pointer=POINTER,
        name=name,
        numbers="\n".join(numbers) + "\n",
        calls="".join(calls),
        last=len(stages),
        **sizes,
    )
    return "".join([types, *(_stage(stage, n) for n, stage in enumerate(stages)), model])


def _stage(stage: LogicStage, number: int) -> str:
    gates, steps = [], []
    for depth, layer in enumerate(stage.layers):
        rows = zip(layer.a.tolist(), layer.b.tolist(), layer.table.tolist(), strict=True)
        gates.append(f"const Gate gates{number}_{depth}[] = {{{_rows(rows)}}};\n")
        steps.append(f"    bool bits{depth + 1}[{len(layer)}];\n")
        steps.append(f"    evaluate(gates{number}_{depth}, bits{depth}, bits{depth + 1});\n")
    outputs, groups = stage.weight.shape
    return _STAGE.format(
        n=number,
        comparisons=_rows(zip(stage.source.tolist(), stage.threshold.tolist(), strict=True)),
        gates="".join(gates),
        group=_list(stage.group.tolist()),
        weight=_rows(stage.weight.tolist()),
        offset=_list(stage.offset.tolist()),
        outputs=outputs,
        groups=groups,
        bits=len(stage.source),
        steps="".join(steps),
        last=len(stage.layers),
        largest=(1 << stage.output_width) - 1,
    )


def _rows(rows: Iterable[Iterable[Any]]) -> str:
    return ", ".join(f"{{{_list(row)}}}" for row in rows)


def _list(values: Iterable[Any]) -> str:
    return ", ".join(map(str, values))


def _type(form: FixedPoint) -> str:
    if form.fraction == 0:
        return f"ap_uint<{form.width}>"
    return f"ap_ufixed<{form.width}, {form.integer}>"
