"""The C++ header that drives a design in Verilator, for the Makefile of a built project.

It shares `driver.cpp` with the HLS C++: raw integers are packed into ``data_in`` as the port map
says, a new event every clock cycle, and unpacked from ``data_out`` when they are due.
"""

from l1kd.models.firmware.rtl.rtl import RtlDesign
from l1kd.models.firmware.vectors.vectors import Emulator, element_formats

__all__ = ["bench_header"]

_HEADER = """// Written for {top}: how events go into the simulated design and come out of it.
#ifndef L1KD_PORTS_H_
#define L1KD_PORTS_H_

#include <cstdint>
#include <type_traits>
#include <vector>

#include "V{top}.h"
#include "verilated.h"

constexpr long INPUTS = {inputs}, OUTPUTS = {outputs};
constexpr int LATENCY = {latency};
// Width of every element, negative where it is unsigned, element 0 in the lowest bits.
constexpr int WIDTH_IN[] = {{{width_in}}};
constexpr int WIDTH_OUT[] = {{{width_out}}};

// A port of up to 64 bits is one number, a wider one an array of 32-bit words.
template <class P> void put(P &port, int bit, bool value, std::true_type) {{
    if (value)
        port |= P(1) << bit;
}}
template <class P> void put(P &port, int bit, bool value, std::false_type) {{
    if (value)
        port[bit / 32] |= 1u << (bit % 32);
}}
template <class P> bool get(const P &port, int bit, std::true_type) {{ return port >> bit & 1; }}
template <class P> bool get(const P &port, int bit, std::false_type) {{
    return port[bit / 32] >> (bit % 32) & 1;
}}
template <class P> void clear(P &port, std::true_type) {{ port = 0; }}
template <class P> void clear(P &port, std::false_type) {{
    for (unsigned i = 0; i < sizeof(port) / 4; i++)
        port[i] = 0;
}}

struct Bench {{
    VerilatedContext context;
    V{top} dut{{&context}};
    long in = 0, out = 0;

    void tick(std::vector<int64_t> &results) {{
        {tick}
        in++;
        if (in < (LATENCY > 1 ? LATENCY : 1))
            return;
        typedef typename std::remove_reference<decltype(dut.data_out)>::type port;
        int bit = 0;
        for (int width : WIDTH_OUT) {{
            int size = width < 0 ? -width : width;
            uint64_t value = 0;
            for (int i = 0; i < size; i++)
                value |= uint64_t(get(dut.data_out, bit++, std::is_integral<port>())) << i;
            if (width > 0 && width < 64 && value >> (width - 1))
                value |= ~0ULL << width;
            results.push_back((int64_t)value);
        }}
        out++;
    }}
}};

inline Bench &bench() {{
    static Bench one;
    return one;
}}

inline void event(const int64_t *in, std::vector<int64_t> &results) {{
    auto &dut = bench().dut;
    typedef typename std::remove_reference<decltype(dut.data_in)>::type port;
    clear(dut.data_in, std::is_integral<port>());
    int bit = 0;
    for (int width : WIDTH_IN) {{
        int size = width < 0 ? -width : width;
        for (int i = 0; i < size; i++)
            put(dut.data_in, bit++, *in >> i & 1, std::is_integral<port>());
        in++;
    }}
    bench().tick(results);
}}

inline void finish(std::vector<int64_t> &results) {{
    const long events = bench().in;
    while (bench().out < events)
        bench().tick(results);
}}

#endif
"""


def bench_header(network: Emulator, design: RtlDesign) -> str:
    """Return the header for one design."""

    def widths(which: str) -> str:
        formats = element_formats(network, which)
        return ", ".join(str(form.width if form.signed else -form.width) for form in formats)

    clocked = design.latency_cycles > 0
    tick = "dut.clk = 0;\n        dut.eval();\n        dut.clk = 1;\n        dut.eval();"
    return _HEADER.format(
        top=design.top,
        inputs=len(element_formats(network)),
        outputs=len(element_formats(network, "outputs")),
        latency=design.latency_cycles,
        width_in=widths("inputs"),
        width_out=widths("outputs"),
        tick=tick if clocked else "dut.eval();",
    )
