"""Activations, merges, pooling and movements of elements against compiled C++."""

import itertools

import numpy as np
import pytest

from l1kd.emulators.network import FixedPoint

pytest.importorskip("hls4ml")
from tests.emulators.network.firmware import HEADERS, Firmware, check

DATA = ["ap_fixed<9,4>", "ap_fixed<16,6>", "ap_ufixed<8,3>", "ap_fixed<20,11>", "ap_int<7>"]
RESULTS = [
    "ap_fixed<8,3>",
    "ap_ufixed<7,3,AP_RND_CONV,AP_SAT>",
    "ap_fixed<6,4,AP_RND,AP_SAT_SYM>",
    "ap_fixed<7,2,AP_RND_ZERO,AP_SAT_ZERO>",
    "ap_fixed<10,6,AP_TRN_ZERO,AP_SAT>",
    "ap_ufixed<9,2,AP_RND_INF,AP_WRAP>",
    "ap_fixed<24,9,AP_RND_MIN_INF,AP_SAT>",
]


class Bench:
    """A firmware in which every layer reads one of several inputs of the same size."""

    def __init__(self, size, headers=HEADERS, data=tuple(DATA)):
        self.fw = Firmware(headers)
        self.size = size
        self.inputs = [self.fw.input(f"x{i}", size, form) for i, form in enumerate(data)]
        self.number = itertools.count()

    def pairs(self, results=tuple(RESULTS), every=1):
        """Yield number, input, output name and format for combinations of formats."""
        grid = list(itertools.product(self.inputs, results))
        for data, result in grid[::every]:
            number = next(self.number)
            yield number, data, result

    def output(self, number, result, size=None):
        return self.fw.output(f"y{number}", size or self.size, result)

    def activation(
        self,
        function,
        every=1,
        constants="",
        arguments="",
        results=tuple(RESULTS),
        table="ap_fixed<18,8>",
        kind="",
        entries=1024,
    ):
        for number, data, result in self.pairs(results, every):
            out = self.output(number, result)
            self.fw.raw_config(f"""struct {function}_config{number} : nnet::activ_config {{
    static const unsigned n_in = {self.size};
    static const unsigned table_size = {entries};
    static const unsigned io_type = nnet::io_parallel;
    static const unsigned reuse_factor = 1;
    typedef {table} table_t;
    {constants}
}};""")
            types = f"{data}_t, {kind + ', ' if kind else ''}{out}_t"
            extra = f"{arguments}, " if arguments else ""
            self.fw.call(
                f"nnet::{function}<{types}, {function}_config{number}>({data}, {extra}{out});"
            )


def test_straight_lines(tmp_path):
    bench = Bench(6)
    for function in ("linear", "relu", "relu6", "relu1", "binary_tanh"):
        bench.activation(function, every=2)
    bench.activation("leaky_relu", 3, arguments="0.3", kind="ap_fixed<12,3>")
    bench.activation("thresholded_relu", 4, arguments="0.7", kind="ap_fixed<16,6>")
    bench.activation("elu", 4, arguments="1.3", kind="ap_ufixed<10,2>")
    check(bench.fw, tmp_path)


def test_ternary_and_hard_functions(tmp_path):
    bench = Bench(6, data=tuple(d for d in DATA if "int" not in d))
    bench.activation("ternary_tanh", 3)
    for number, data, result in bench.pairs(every=2):
        out = bench.output(number, result)
        function = ("hard_sigmoid", "hard_tanh")[number % 2]
        form = ("ap_fixed<16,6>", "ap_ufixed<9,1>")[number % 3 == 0]
        bench.fw.raw_config(f"""struct hard_config{number} {{
    static const unsigned n_in = 6;
    static const {form} slope;
    static const {form} shift;
    static const unsigned io_type = nnet::io_parallel;
    static const unsigned reuse_factor = 1;
}};
const {form} hard_config{number}::slope = 0.2;
const {form} hard_config{number}::shift = 0.5;""")
        bench.fw.call(f"nnet::{function}<{data}_t, {out}_t, hard_config{number}>({data}, {out});")
    check(bench.fw, tmp_path)


def test_tables(tmp_path):
    bench = Bench(5)
    fine = ("ap_fixed<18,4>", "ap_ufixed<8,0,AP_RND_CONV,AP_SAT>")
    for function in ("sigmoid", "tanh", "softplus", "softsign", "selu", "elu"):
        one = {"arguments": "1.0", "kind": "ap_uint<1>"} if function == "elu" else {}
        bench.activation(function, 2, results=fine, **one)
        bench.activation(function, 3, results=fine, entries=2048, table="ap_fixed<24,6>", **one)
        rounded = "ap_fixed<16,6,AP_RND,AP_SAT>"
        bench.activation(function, 5, results=fine, entries=512, table=rounded, **one)
    check(bench.fw, tmp_path)


def test_prelu_and_batch_normalisation(tmp_path):
    bench = Bench(6)
    rng = np.random.default_rng(3)
    for number, data, result in bench.pairs(every=3):
        out = bench.output(number, result)
        w = bench.fw.weight(f"a{number}", "ap_fixed<10,3>", rng.normal(0, 2, 6))
        bench.fw.config(f"prelu_config{number}", "activ_config", n_in=6, n_param=6)
        bench.fw.call(
            f"nnet::prelu<{data}_t, {w}_t, {out}_t, prelu_config{number}>({data}, {w}, {out});"
        )
    for number, data, result in bench.pairs(every=2):
        out = bench.output(number, result)
        channels = (6, 3)[number % 2]
        s = bench.fw.weight(f"s{number}", "ap_fixed<11,3>", rng.normal(0, 2, channels))
        b = bench.fw.weight(f"b{number}", "ap_fixed<12,6>", rng.normal(0, 8, channels))
        bench.fw.raw_config(f"""struct bn_config{number} : nnet::batchnorm_config {{
    static const unsigned n_in = 6;
    static const unsigned n_filt = {-1 if channels == 6 else 3};
    static const unsigned n_scale_bias = {channels};
    static const unsigned io_type = nnet::io_parallel;
    static const unsigned reuse_factor = 1;
    static const unsigned multiplier_limit = DIV_ROUNDUP(n_in, reuse_factor);
    static const bool store_weights_in_bram = false;
    typedef {b}_t bias_t;
    typedef {s}_t scale_t;
    template<class x_T, class y_T>
    using product = nnet::product::mult<x_T, y_T>;
}};""")
        bench.fw.call(
            f"nnet::normalize<{data}_t, {out}_t, bn_config{number}>({data}, {out}, {s}, {b});"
        )
    for number, data, _ in bench.pairs(every=9):
        # The upper threshold lies below the lower one where the scale is negative.
        form = dict(zip(bench.inputs, DATA, strict=True))[data]
        high, low = (
            bench.fw.weight(f"{name}{number}", form, rng.normal(0, 2, 6)) for name in ("h", "l")
        )
        out = bench.output(number, "ap_int<2>")
        bench.fw.raw_config(f"""struct tt_config{number} : nnet::batchnorm_quantized_tanh_config {{
    static const unsigned n_in = 6;
    static const unsigned n_scale_bias = 6;
}};""")
        bench.fw.call(
            f"nnet::normalize_ternary_tanh<{data}_t, tt_config{number}>"
            f"({data}, {out}, {high}, {low});"
        )
    check(bench.fw, tmp_path)


def test_integer_types_take_numbers_without_their_fraction(tmp_path):
    """Results of ``ap_int`` and ``ap_uint`` are truncated towards zero, not floored."""
    bench = Bench(6)
    results = ("ap_int<4>", "ap_uint<3>")
    bench.activation("linear", results=results)
    bench.activation("tanh", every=5, results=results)
    check(bench.fw, tmp_path)


def test_merges(tmp_path):
    bench = Bench(6)
    results = iter(itertools.cycle(RESULTS))
    functions = ("add", "subtract", "multiply", "average", "maximum", "minimum")
    for first, second in itertools.product(bench.inputs, bench.inputs):
        number = next(bench.number)
        function = functions[number % 6]
        out = bench.output(number, next(results))
        bench.fw.config(
            f"merge_config{number}", "merge_config", n_elem=6, n_elem1=6, n_elem2=6, reuse_factor=1
        )
        bench.fw.call(
            f"nnet::{function}<{first}_t, {second}_t, {out}_t, merge_config{number}>"
            f"({first}, {second}, {out});"
        )
    for first, second in itertools.product(bench.inputs[:3], bench.inputs[:3]):
        number = next(bench.number)
        accumulator = (
            "ap_fixed<20,12>", "ap_fixed<12,7>", "ap_fixed<12,7,AP_TRN,AP_SAT>",
            "ap_fixed<13,7,AP_RND_CONV,AP_SAT>",
        )[number % 4]  # fmt: skip
        out = bench.output(number, RESULTS[number % 7], 1)
        bench.fw.raw_config(f"""struct dot_config{number} : nnet::dot_config {{
    static const unsigned n_in = 6;
    static const unsigned n_out = 1;
    static const unsigned reuse_factor = 1;
    static const unsigned multiplier_limit = 6;
    typedef {accumulator} accum_t;
    template<class x_T, class y_T>
    using product = nnet::product::mult<x_T, y_T>;
}};""")
        bench.fw.call(
            f"nnet::dot1d<{first}_t, {second}_t, {out}_t, dot_config{number}>"
            f"({first}, {second}, {out});"
        )
    shapes = ((6,), 0), ((2, 3), 1), ((2, 3), 2), ((3, 2, 1), 3), ((3, 1, 2), 2), ((1, 3, 2), 1)
    for shape, axis in shapes:
        axes = (shape, shape, axis)
        number = next(bench.number)
        left, right, axis = axes
        out = bench.output(number, "ap_fixed<14,7,AP_RND,AP_SAT>", 12)
        sizes = {f"n_elem{t}_{i}": n for t, s in ((1, left), (2, right)) for i, n in enumerate(s)}
        bench.fw.config(f"concat_config{number}", "concat_config", **sizes, axis=axis)
        bench.fw.call(
            f"nnet::concatenate{len(left)}d<x0_t, x{number % 5}_t, {out}_t, concat_config{number}>"
            f"(x0, x{number % 5}, {out});"
        )
    check(bench.fw, tmp_path)


POOLS = [
    # height, width, channels, pool, stride, pad top and left, out
    (4, 4, 2, (2, 2), (2, 2), (0, 0), (2, 2)),
    (4, 4, 2, (3, 3), (1, 1), (1, 1), (4, 4)),
    (4, 4, 2, (3, 2), (2, 1), (1, 0), (2, 3)),
]


@pytest.mark.parametrize("kind", ["Max", "Average"])
def test_pooling(tmp_path, kind):
    bench = Bench(32, (*HEADERS, "pooling"))
    accumulators = ["ap_fixed<26,14>", "ap_fixed<10,5>", "ap_fixed<12,6,AP_RND_CONV,AP_SAT>"]
    for number, data, result in bench.pairs(every=3):
        h, w, c, pool, stride, pad, out = POOLS[number % 3]
        y = bench.output(number, result, out[0] * out[1] * c)
        bottom = (out[0] - 1) * stride[0] + pool[0] - h - pad[0]
        right = (out[1] - 1) * stride[1] + pool[1] - w - pad[1]
        bench.fw.raw_config(f"""struct pool_config{number} : nnet::pooling2d_config {{
    static const unsigned in_height = {h};
    static const unsigned in_width = {w};
    static const unsigned n_filt = {c};
    static const unsigned stride_height = {stride[0]};
    static const unsigned stride_width = {stride[1]};
    static const unsigned pool_height = {pool[0]};
    static const unsigned pool_width = {pool[1]};
    static const unsigned filt_height = pool_height;
    static const unsigned filt_width = pool_width;
    static const unsigned n_chan = n_filt;
    static const unsigned out_height = {out[0]};
    static const unsigned out_width = {out[1]};
    static const unsigned pad_top = {pad[0]};
    static const unsigned pad_bottom = {max(bottom, 0)};
    static const unsigned pad_left = {pad[1]};
    static const unsigned pad_right = {max(right, 0)};
    static const bool count_pad = {str(number % 2 == 0).lower()};
    static const nnet::Pool_Op pool_op = nnet::{kind};
    static const unsigned reuse_factor = 1;
    typedef {accumulators[number % 3]} accum_t;
}};""")
        bench.fw.call(f"nnet::pooling2d_cl<{data}_t, {y}_t, pool_config{number}>({data}, {y});")
    for number, data, result in bench.pairs(every=6):
        y = bench.output(number, result, 4)
        bench.fw.raw_config(f"""struct global_config{number} : nnet::pooling1d_config {{
    static const unsigned n_in = 8;
    static const unsigned n_out = 1;
    static const unsigned n_filt = 4;
    static const unsigned pool_width = 8;
    static const unsigned stride_width = 8;
    static const unsigned pad_left = 0;
    static const unsigned pad_right = 0;
    static const bool count_pad = false;
    static const unsigned reuse_factor = 1;
    static const nnet::Pool_Op pool_op = nnet::{kind};
    typedef {accumulators[number % 2]} accum_t;
}};""")
        bench.fw.call(
            f"nnet::global_pooling1d_cl<{data}_t, {y}_t, global_config{number}>({data}, {y});"
        )
    check(bench.fw, tmp_path)


SOFTMAX_FORMS = [
    # exp table, inverse table, accumulator, address of the inverse, normalised input
    ("ap_fixed<18,8,AP_RND,AP_SAT>", "ap_fixed<18,8,AP_RND,AP_SAT>", "ap_fixed<18,8,AP_RND,AP_SAT>",
     "ap_fixed<18,8,AP_RND,AP_SAT>", "ap_ufixed<10,3,AP_RND,AP_SAT>"),
    ("ap_ufixed<16,2>", "ap_ufixed<17,5>", "ap_ufixed<18,6>", "ap_ufixed<12,3,AP_RND,AP_SAT>",
     "ap_ufixed<11,4>"),
]  # fmt: skip


def test_softmax(tmp_path):
    bench = Bench(6, data=("ap_fixed<16,6>", "ap_fixed<10,4>", "ap_ufixed<11,3>"))
    methods = ("latency", "stable", "legacy", "argmax")
    results = ("ap_fixed<16,6>", "ap_ufixed<9,0,AP_RND_CONV,AP_SAT>")
    for method, forms in itertools.product(methods, SOFTMAX_FORMS):
        for number, data, result in bench.pairs(results):
            out = bench.output(number, result)
            exponential, inverse, accumulator, address, normal = forms
            inner = (1, 2)[number % 2]
            bench.fw.raw_config(f"""struct softmax_config{number} : nnet::activ_config {{
    static const unsigned n_in = 6;
    static const unsigned n_slice = {6 // inner};
    static const unsigned n_outer = 1;
    static const unsigned n_inner = {inner};
    static const unsigned parallelization_factor = 1;
    static const unsigned exp_table_size = 1024;
    static const unsigned inv_table_size = {(1024, 256)[number % 3 == 0]};
    static const unsigned io_type = nnet::io_parallel;
    static const unsigned reuse_factor = 1;
    static const unsigned axis = -1;
    static const nnet::softmax_implementation implementation =
        nnet::softmax_implementation::{method};
    static constexpr float exp_scale = {(1.0, 0.37)[number % 2]};
    typedef {exponential} exp_table_t;
    typedef {inverse} inv_table_t;
    typedef {exponential} table_t;
    typedef {accumulator} accum_t;
    typedef {address} inv_inp_t;
    typedef {normal} inp_norm_t;
}};""")
            name = "softmax_multidim" if inner > 1 else "softmax"
            bench.fw.call(
                f"nnet::{name}<{data}_t, {out}_t, softmax_config{number}>({data}, {out});"
            )
    check(bench.fw, tmp_path)


def test_movements(tmp_path):
    bench = Bench(24, (*HEADERS, "image", "padding", "transpose", "cropping"), DATA[:3])
    for number, data, result in bench.pairs(every=4):
        out = bench.output(number, result, (3 + 3) * (4 + 1) * 2)
        bench.fw.config(
            f"pad_config{number}", "padding2d_config", n_chan=2, in_height=3, in_width=4,
            out_height=6, out_width=5, pad_top=1, pad_bottom=2, pad_left=0, pad_right=1,
        )  # fmt: skip
        bench.fw.call(f"nnet::zeropad2d_cl<{data}_t, {out}_t, pad_config{number}>({data}, {out});")
    number = next(bench.number)
    out = bench.output(number, DATA[0], 7 * 9 * 2)
    bench.fw.config(
        f"resize_config{number}", "resize_config",
        height=3, width=4, n_chan=2, new_height=7, new_width=9,
    )  # fmt: skip
    bench.fw.call(f"nnet::resize_nearest<x0_t, resize_config{number}>(x0, {out});")
    number = next(bench.number)
    out = bench.output(number, RESULTS[0], 2 * 3 * 2)
    bench.fw.config(
        f"crop_config{number}", "cropping2d_config", n_chan=2, in_height=3, in_width=4,
        out_height=2, out_width=3, crop_top=1, crop_bottom=0, crop_left=0, crop_right=1,
    )  # fmt: skip
    bench.fw.call(f"nnet::cropping2d_cl<x1_t, {out}_t, crop_config{number}>(x1, {out});")
    for perm in ((1, 0, 2), (2, 1, 0), (2, 0, 1)):
        number = next(bench.number)
        shape = (2, 3, 4)
        target = [shape[axis] for axis in perm]
        steps = [12, 4, 1]
        strides = [steps[axis] for axis in perm]
        out = bench.output(number, RESULTS[number % 7])
        name = f"transpose_config{number}"
        lists = {
            "from_shape": shape, "to_shape": target, "perm": perm, "perm_strides": strides,
        }  # fmt: skip
        members = "\n".join(f"    static const unsigned* const {key};" for key in lists)
        bench.fw.raw_config(
            "".join(
                f"unsigned {name}_{key}[3] = {{{', '.join(map(str, values))}}};\n"
                for key, values in lists.items()
            )
            + f"struct {name} : nnet::transpose_config {{\n"
            "    static const unsigned dims = 3;\n    static const unsigned N = 24;\n"
            + members
            + "\n};\n"
            + "\n".join(f"const unsigned* const {name}::{key} = {name}_{key};" for key in lists)
        )
        bench.fw.call(f"nnet::transpose<x0_t, {out}_t, {name}>(x0, {out});")
    check(bench.fw, tmp_path)


def test_embedding(tmp_path):
    fw = Firmware((*HEADERS, "embed"))
    rng = np.random.default_rng(1)
    fw.input("x", 5, "ap_uint<4>")
    w = fw.weight("e", "ap_fixed<10,3>", rng.normal(0, 2, 16 * 3))
    out = fw.output("y", 15, "ap_fixed<8,4,AP_RND,AP_SAT>")
    fw.raw_config(f"""struct embed_config1 : nnet::embed_config {{
    static const unsigned n_in = 5;
    static const unsigned n_out = 3;
    static const unsigned vocab_size = 16;
    static const unsigned io_type = nnet::io_parallel;
    static const unsigned reuse_factor = 1;
    typedef {w}_t embeddings_t;
}};""")
    fw.call(f"nnet::embedding<x_t, {out}_t, embed_config1>(x, {out}, {w});")
    check(fw, tmp_path)


def test_formats_of_the_benches_are_valid():
    assert all(str(FixedPoint.parse(form)) for form in (*DATA, *RESULTS))


def test_copies_keep_the_lowest_raw_value_of_symmetric_saturation(tmp_path):
    """No cast gives it, but an input may hold it: only what C++ converts is saturated."""
    form, bench = "ap_fixed<6,3,AP_RND,AP_SAT_SYM>", Firmware()
    data = bench.input("x", 4, form)
    results = (form, "ap_fixed<6,3,AP_TRN,AP_SAT_SYM>", "ap_fixed<7,4,AP_RND,AP_SAT_SYM>")
    for function, result in itertools.product(("linear", "relu"), results):
        out = bench.output(f"y{len(bench.outputs)}", 4, result)
        bench.raw_config(f"""struct {out}_config {{
    static const unsigned n_in = 4;
    static const unsigned io_type = nnet::io_parallel;
    static const unsigned reuse_factor = 1;
}};""")
        bench.call(f"nnet::{function}<{data}_t, {out}_t, {out}_config>({data}, {out});")
    network = check(bench, tmp_path)
    lowest = np.full((1, 4), -32)
    expected = [-32, -31, -32, 0, 0, 0]
    assert [int(y[0, 0]) for y in network.predict_raw(lowest)] == expected
    network.specialise()
    assert [int(y[0, 0]) for y in network.predict_raw(lowest)] == expected
