"""Layers that hls4ml 1.3 does not write by itself, on its library: against compiled C++."""

import itertools
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("hls4ml")
from tests.emulators.network.firmware import HEADERS, Firmware, check

ACCUMULATORS = ("ap_fixed<20,12>", "ap_fixed<11,6>", "ap_fixed<11,6,AP_TRN,AP_SAT>",
                "ap_fixed<12,5,AP_RND,AP_SAT_SYM>")  # fmt: skip


def record(fw, name, members, rows):
    """Add a header of records, with the type that hls4ml gives them."""
    fields = " ".join(f"{kind} {member};" for member, kind in members)
    fw.types.append(f"typedef struct {name}_t {{ {fields} }} {name}_t;")
    values = ", ".join("{" + ", ".join(f"{v:.12g}" for v in row) + "}" for row in rows)
    text = f"{name}_t {name}[{len(rows)}] = {{{values}}};"
    guard = name.upper()
    fw.weights.append((name, f"#ifndef {guard}_H_\n#define {guard}_H_\n\n{text}\n\n#endif\n"))
    return name


class Repaired:
    """A firmware whose compressed layer compiles: hls4ml's line takes the record for its weight."""

    def __init__(self, firmware):
        self.firmware, self.inputs, self.outputs = firmware, firmware.inputs, firmware.outputs

    def write(self, folder):
        return self.firmware.write(folder)

    def compile(self, folder):
        header = Path(folder) / "firmware" / "nnet_utils" / "nnet_dense_compressed.h"
        broken, fixed = "product<data_T, typename CONFIG_T::weight_t>", "decltype(weight_cache)"
        text = header.read_text()
        assert broken in text
        # only for the compiler: the reader takes functions that it knows
        header.write_text(text.replace(broken, f"product<data_T, {fixed}>"))
        compiled = self.firmware.compile(folder)
        header.write_text(text)
        return compiled


def test_compressed_weights(tmp_path):
    """Sums of turns are added from zero, which matters where the accumulator saturates."""
    fw = Firmware()
    rng = np.random.default_rng(0)
    number = itertools.count()
    x = fw.input("x", 8, "ap_fixed<9,4>")
    for accumulator, reuse in itertools.product(ACCUMULATORS, (1, 3, 6)):
        key = next(number)
        pairs = rng.permutation(8 * 5)[:18]
        rows = [
            (p // 5, p % 5, rng.integers(-32, 32) / 16)
            for p in sorted(pairs, key=lambda p: (p % 5, p))
        ]
        members = [("row_index", "ap_uint<4>"), ("col_index", "ap_uint<3>")]
        w = record(fw, f"w{key}", [*members, ("weight", "ap_fixed<6,2>")], rows)
        b = fw.weight(f"b{key}", "ap_fixed<7,3>", rng.normal(0, 2, 5))
        out = fw.output(f"y{key}", 5, ("ap_fixed<8,4>", "ap_ufixed<9,4,AP_RND,AP_SAT>")[key % 2])
        fw.raw_config(f"""struct config{key} : nnet::dense_config {{
    static const unsigned n_in = 8;
    static const unsigned n_out = 5;
    static const unsigned strategy = nnet::resource;
    static const unsigned reuse_factor = {reuse};
    static const unsigned n_nonzeros = 18;
    typedef {accumulator} accum_t;
    typedef {b}_t bias_t;
    typedef {w}_t weight_t;
    typedef ap_uint<3> index_t;
    template<class x_T, class y_T>
    using product = nnet::product::mult<x_T, y_T>;
}};""")
        fw.call(f"nnet::dense_compressed<{x}_t, {out}_t, config{key}>({x}, {out}, {w}, {b});")
    check(Repaired(fw), tmp_path)


CONVOLUTION = """struct config{key}_mult : nnet::dense_config {{
    static const unsigned n_in = 6;
    static const unsigned n_out = {filters};
    static const unsigned reuse_factor = 1;
    static const unsigned strategy = nnet::latency;
    static const unsigned multiplier_limit = 12;
    typedef {accumulator} accum_t;
    typedef {bias}_t bias_t;
    typedef {weight}_t weight_t;
    template<class x_T, class y_T>
    using product = nnet::product::{product}<x_T, y_T>;
}};
struct config{key} : nnet::conv1d_config {{
    static const unsigned pad_left = 1;
    static const unsigned pad_right = 1;
    static const unsigned in_width = 4;
    static const unsigned n_chan = 2;
    static const unsigned filt_width = 3;
    static const unsigned kernel_size = 3;
    static const unsigned n_filt = {filters};
    static const unsigned stride_width = 1;
    static const unsigned dilation = {dilation};
    static const unsigned out_width = 4;
    static const unsigned reuse_factor = 1;
    static const unsigned multiplier_limit = 12;
    static const unsigned strategy = nnet::latency;
    static const unsigned n_partitions = 4;
    static const unsigned n_pixels = 1;
    template<class data_T, class CONFIG_T>
    using fill_buffer = nnet::fill_buffer_{key}<data_T, CONFIG_T>;
    typedef {accumulator} accum_t;
    typedef {bias}_t bias_t;
    typedef {weight}_t weight_t;
    typedef config{key}_mult mult_config;
    template<class data_T, class res_T, class CONFIG_T>
    using conv_kernel = nnet::Conv1DLatency<data_T, res_T, CONFIG_T>;
}};"""


def fill_buffer(key, dilation):
    """Return hls4ml's generated line buffer of a kernel of 3 with same padding."""
    lines = []
    for part in range(4):
        values = []
        for place, channel in itertools.product(range(3), range(2)):
            pixel = part + (place - 1) * dilation
            source = f"data[{pixel * 2 + channel}]" if 0 <= pixel < 4 else 0
            values.append(f"buffer[0][{place * 2 + channel}] = {source};")
        lines.append(f"if (partition == {part}) {{\n{' '.join(values)}\n}}")
    body = "\n".join(lines)
    return (
        f"template<class data_T, typename CONFIG_T>\nclass fill_buffer_{key} {{\n  public:\n"
        "    static void fill_buffer(data_T data[8], data_T buffer[1][6],\n"
        f"    const unsigned partition) {{\n{body}\n}}\n}};"
    )


def test_bits_and_powers_outside_an_image_and_dilated_windows(tmp_path):
    """A bit outside the image is zero like any other, which stands for -1."""
    fw = Firmware((*HEADERS, "conv1d", "sepconv1d"))
    rng = np.random.default_rng(1)
    kinds = (
        # data, weights, product, dilation
        ("ap_uint<1>", "ap_fixed<6,2>", "data_binary", 1),
        ("ap_uint<1>", "ap_uint<1>", "both_binary", 1),
        ("ap_fixed<7,3>", "ap_uint<1>", "weight_binary", 1),
        ("ap_fixed<7,3>", "ap_int<2>", "weight_ternary", 1),
        ("ap_fixed<7,3>", "ap_fixed<6,2>", "mult", 2),
    )
    for number, (data, weight, product, dilation) in enumerate(kinds):
        for function, filters in (("conv_1d_cl", 3), ("depthwise_conv_1d_cl", 2)):
            if (product, filters) == ("both_binary", 2):
                continue
            key = f"{number}{filters}"
            x, y = fw.input(f"x{key}", 8, data), fw.output(f"y{key}", 4 * filters, "ap_fixed<9,6>")
            size = 6 * filters if filters == 3 else 6
            one = product in ("both_binary", "weight_binary")
            values = rng.integers(0, 2, size) if one else rng.integers(-1, 2, size)
            w = fw.weight(f"w{key}", weight, values)
            b = fw.weight(f"b{key}", "ap_int<4>", rng.integers(-3, 4, filters))
            accumulator = "ap_int<8>" if product == "both_binary" else "ap_fixed<14,9>"
            fw.code.append(fill_buffer(key, dilation))
            fw.raw_config(
                CONVOLUTION.format(key=key, filters=filters, accumulator=accumulator, bias=b,
                                   weight=w, product=product, dilation=dilation)
            )  # fmt: skip
            fw.call(f"nnet::{function}<{x}_t, {y}_t, config{key}>({x}, {y}, {w}, {b});")
    check(fw, tmp_path)
