"""Dense layers against compiled C++: formats, roundings, overflows, strategies, reuse factors."""

import itertools

import numpy as np
import pytest

from l1kd.emulators.network import FixedPoint

pytest.importorskip("hls4ml")
from tests.emulators.network.firmware import Firmware, check


def add_dense(
    fw,
    number,
    data,
    n_in,
    n_out,
    kinds,
    kernel="DenseLatency",
    strategy="latency",
    reuse=1,
    product="mult",
):
    """Add a dense layer with random weights; ``kinds`` are weight, bias, accumulator, result."""
    rng = np.random.default_rng(number)
    weight, bias, accumulator, result = kinds
    forms = [FixedPoint.parse(kind) for kind in (weight, bias)]
    values = [
        rng.integers(f.minimum, f.maximum, size, endpoint=True) * f.step
        for f, size in zip(forms, (n_in * n_out, n_out), strict=True)
    ]
    values[0] *= rng.random(n_in * n_out) > 0.3
    # Numbers between the steps and beyond the range are floored and wrapped.
    values[1] = values[1] * 1.37 + 0.01
    w, b = fw.weight(f"w{number}", weight, values[0]), fw.weight(f"b{number}", bias, values[1])
    fw.typedef(f"acc{number}_t", accumulator)
    out = fw.output(f"y{number}", n_out, result)
    fw.raw_config(f"""struct config{number} : nnet::dense_config {{
    static const unsigned n_in = {n_in};
    static const unsigned n_out = {n_out};
    static const unsigned io_type = nnet::io_parallel;
    static const unsigned strategy = nnet::{strategy};
    static const unsigned reuse_factor = {reuse};
    static const unsigned n_zeros = 0;
    static const unsigned n_nonzeros = {n_in * n_out};
    static const unsigned multiplier_limit =
        DIV_ROUNDUP(n_in * n_out, reuse_factor) - n_zeros / reuse_factor;
    static const bool store_weights_in_bram = false;
    typedef acc{number}_t accum_t;
    typedef {b}_t bias_t;
    typedef {w}_t weight_t;
    template<class data_T, class res_T, class CONFIG_T>
    using kernel = nnet::{kernel}<data_T, res_T, CONFIG_T>;
    template<class x_T, class y_T>
    using product = nnet::product::{product}<x_T, y_T>;
}};""")
    fw.call(
        f"nnet::dense<{data}_t, {out}_t, config{number}>({data}, {out}, {w}, {b}); // layer{number}"
    )


def test_accumulators_results_and_order_of_saturation(tmp_path):
    fw = Firmware()
    fw.input("x", 12, "ap_fixed<9,4>")
    number = itertools.count()
    accumulators = [
        "ap_fixed<20,12>",
        "ap_fixed<11,6>",
        "ap_fixed<11,6,AP_TRN,AP_SAT>",
        "ap_fixed<12,5,AP_RND,AP_WRAP>",
        "ap_fixed<12,5,AP_RND_CONV,AP_SAT>",
        "ap_fixed<10,5,AP_RND_INF,AP_SAT_SYM>",
        "ap_fixed<11,5,AP_TRN_ZERO,AP_SAT_ZERO>",
        "ap_ufixed<12,6,AP_RND_ZERO,AP_SAT>",
        "ap_fixed<12,6,AP_RND_MIN_INF,AP_WRAP>",
    ]
    results = ["ap_fixed<8,4>", "ap_ufixed<7,3,AP_RND_CONV,AP_SAT>", "ap_fixed<16,8,AP_RND,AP_SAT>"]
    kernels = [
        ("DenseLatency", "latency", 1),
        ("DenseResource_rf_leq_nin", "resource", 3),
        ("DenseResource_rf_gt_nin_rem0", "resource", 24),
    ]
    for i, accumulator in enumerate(accumulators):
        for j, kernel in enumerate(kernels):
            kinds = ("ap_fixed<6,2>", "ap_fixed<7,3>", accumulator, results[(i + j) % 3])
            add_dense(fw, next(number), "x", 12, 6, kinds, *kernel)
    check(fw, tmp_path)


def test_data_formats_and_products(tmp_path):
    fw = Firmware()
    number = itertools.count()
    forms = ["ap_ufixed<8,3>", "ap_fixed<18,13>", "ap_int<6>", "ap_uint<10>", "ap_fixed<24,9>"]
    for i, form in enumerate(forms):
        data = fw.input(f"x{i}", 10, form)
        wide = "ap_fixed<12,4>" if i < 4 else "ap_fixed<20,7>"
        for weight in ("ap_fixed<6,1>", "ap_ufixed<5,-1>", wide):
            accumulator = ("ap_fixed<30,18>", "ap_fixed<44,24>", "ap_fixed<16,9>")[i % 3]
            kinds = (weight, "ap_uint<1>", accumulator, "ap_fixed<14,7,AP_RND_CONV,AP_SAT>")
            add_dense(fw, next(number), data, 10, 5, kinds)
        kinds = ("ap_int<2>", "ap_fixed<6,3>", "ap_fixed<26,16>", "ap_fixed<12,8>")
        add_dense(fw, next(number), data, 10, 5, kinds, product="weight_ternary")
        kinds = ("ap_uint<1>", "ap_fixed<6,3>", "ap_fixed<26,16>", "ap_fixed<12,8>")
        add_dense(fw, next(number), data, 10, 5, kinds, product="weight_binary")
    bits = fw.input("bits", 10, "ap_uint<1>")
    kinds = ("ap_fixed<6,2>", "ap_fixed<6,3>", "ap_fixed<16,8>", "ap_fixed<12,6>")
    add_dense(fw, next(number), bits, 10, 5, kinds, product="data_binary")
    kinds = ("ap_uint<1>", "ap_int<4>", "ap_int<8>", "ap_int<6>")
    add_dense(fw, next(number), bits, 10, 5, kinds, product="both_binary")
    check(fw, tmp_path)


@pytest.mark.parametrize(("n_in", "n_out"), [(6, 4), (8, 3)])
def test_every_allowed_reuse_factor_saturates_in_order(tmp_path, n_in, n_out):
    fw = Firmware()
    fw.input("x", n_in, "ap_fixed<8,4>")
    number = itertools.count()
    kinds = ("ap_fixed<6,3>", "ap_fixed<6,3>", "ap_fixed<10,6,AP_TRN,AP_SAT>", "ap_fixed<10,6>")
    for reuse in range(1, n_in * n_out + 1):
        block = -(-n_in * n_out // min(n_in, reuse))
        if block % n_out and reuse < n_in:
            continue
        if reuse <= n_in and n_in % reuse:
            continue
        kernel = "DenseResource_rf_leq_nin"
        if reuse > n_in:
            if reuse % n_in or (n_in * n_out) % reuse:
                continue
            kernel = "DenseResource_rf_gt_nin_rem0"
        add_dense(fw, next(number), "x", n_in, n_out, kinds, kernel, "resource", reuse)
    check(fw, tmp_path)
