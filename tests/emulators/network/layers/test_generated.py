"""Code generated for one network: distributed arithmetic, line buffers, casts of elements."""

import numpy as np
import pytest

from l1kd.emulators.network import FixedPoint, Network
from l1kd.emulators.network.cpp.model import FirmwareSourceError

pytest.importorskip("hls4ml")
from tests.emulators.network.firmware import Firmware, assert_equal, edge_vectors

EVENTS = 10_000
HEADERS = ("da_wrappers", "conv1d", "conv2d", "conv_stream")


def straight_line(name, n_in, n_out, body):
    return (
        f"template <typename inp_t, typename out_t>\n"
        f"void {name}(inp_t inp[{n_in}], out_t out[{n_out}]) {{\n"
        f"    #pragma HLS INLINE\n{body}\n}}"
    )


def random_adders(rng, n_in, n_out, widths, modes):
    """Return straight-line code with random shifts, signs, constants and types.

    The types are drawn at random too, so that many of them round and overflow.
    """
    names = [f"inp[{i}]" for i in range(n_in)]
    lines = []
    for wire in range(2 * n_out):
        one, other = (
            f"{rng.choice(['', '-'])}bit_shift<{rng.integers(-3, 3)}>({rng.choice(names)})"
            for _ in range(2)
        )
        width, integer = rng.integers(*widths), rng.integers(1, 9)
        sign = rng.choice(["", "u"])
        rounding, overflow = modes[rng.integers(len(modes))]
        kind = f"ap_{sign}fixed<{width}, {integer}, AP_{rounding}, AP_{overflow}>"
        constant = rng.choice(["", " + ap_ufixed<3, 0>(0.625)", " - ap_fixed<2, -1>(-0.375)"])
        lines.append(f"    {kind} v{wire} = {one} {rng.choice(['+', '-'])} {other}{constant};")
        names.append(f"v{wire}")
    outputs = rng.choice(names[n_in:], n_out)
    lines += [
        f"    out[{i}] = {sign}{name};"
        for i, (sign, name) in enumerate(zip(rng.choice(["", "-"], n_out), outputs, strict=True))
    ]
    return "\n".join(lines)


def add_adders(fw, forms):
    """Types that hold everything, that round, and that overflow, in every mode."""
    modes = [
        ("TRN", "WRAP"), ("RND", "SAT"), ("RND_CONV", "SAT_SYM"), ("TRN_ZERO", "SAT_ZERO"),
        ("RND_INF", "WRAP"), ("RND_MIN_INF", "SAT"), ("RND_ZERO", "WRAP"),
    ]  # fmt: skip
    for number, form in enumerate(forms):
        rng = np.random.default_rng(number)
        x = fw.input(f"x{number}", 5, form)
        for wide, widths in enumerate([(16, 24), (4, 12)]):
            key = f"{number}{wide}"
            code = random_adders(rng, 5, 5, widths, modes)
            fw.code.append(straight_line(f"dense_da_{key}", 5, 5, code))
            y = fw.output(f"y{key}", 5, ["ap_fixed<12,6>", "ap_ufixed<9,4,AP_RND,AP_SAT>"][wide])
            fw.call(f"nnet::dense_da_{key}<{x}_t, {y}_t>({x}, {y}); // da{key}")
    return forms


def add_integers(fw, forms):
    """``bit_shift`` puts the point of an ``ap_int`` before its first bit."""
    for number, form in enumerate(forms):
        x, y = fw.input(f"i{number}", 2, form), fw.output(f"j{number}", 2, "ap_fixed<24,12>")
        code = (
            "ap_fixed<24,12> v0 = bit_shift<2>(inp[0]) + bit_shift<-1>(inp[1]);\n"
            "out[0] = v0; out[1] = inp[0] - inp[1];"
        )
        fw.code.append(straight_line(f"integers_{number}", 2, 2, code))
        fw.call(f"nnet::integers_{number}<{x}_t, {y}_t>({x}, {y}); // integers{number}")
    return forms


def add_integer_types(fw, form):
    """Wires, casts and results of integer types lose the fraction towards zero."""
    x, y = fw.input("p", 2, form), fw.output("q", 2, "ap_int<5>")
    code = (
        "ap_int<4> v0 = inp[0] - inp[1]; ap_uint<3> v1 = inp[1];\n"
        "out[0] = v0 + ap_int<3>(inp[1]); out[1] = v1 - inp[0];"
    )
    fw.code.append(straight_line("dense_da_integers", 2, 2, code))
    fw.call(f"nnet::dense_da_integers<{x}_t, {y}_t>({x}, {y}); // wires")
    x, y = fw.input("r", 2, form), fw.output("s", 2, "ap_fixed<9,6>")
    fw.code.append(
        "template<typename input_t, typename output_t>\n"
        "void quantizer_integers(input_t *inp, output_t *out) {\n"
        "    out[1] = ap_int<3>(inp[1]);\n    out[0] = ap_uint<3>(inp[0]);\n}"
    )
    fw.call(f"nnet::quantizer_integers<{x}_t, {y}_t>({x}, {y}); // elements")
    return [form, form]


def add_casts(fw, number, modes):
    x, y = fw.input(f"c{number}", 4, "ap_fixed<12,6>"), fw.output(f"d{number}", 4, "ap_fixed<9,5>")
    fw.code.append(
        "template<typename input_t, typename output_t>\n"
        f"void quantizer_{number}(input_t *inp, output_t *out) {{\n"
        f"    out[1] = ap_fixed<6,3,{modes}>(inp[1]);\n    out[0] = 0;\n"
        f"    out[3] = ap_ufixed<4,4,{modes}>(inp[2]);\n    out[2] = inp[2];\n}}"
    )
    fw.call(f"nnet::quantizer_{number}<{x}_t, {y}_t>({x}, {y}); // casts{number}")
    return "ap_fixed<12,6>"


CONVOLUTION = """struct config{key} {{
    static const unsigned in_height = {height};
    static const unsigned in_width = 4;
    static const unsigned n_chan = 1;
    static const unsigned out_height = {height};
    static const unsigned out_width = 2;
    static const unsigned n_filt = 3;
    static const unsigned filt_height = {height};
    static const unsigned filt_width = 2;
    static const unsigned stride_width = 2;
    static const unsigned strategy = nnet::distributed_arithmetic;
    static const unsigned n_partitions = 2;
    static const unsigned n_pixels = {pixels};
    constexpr static auto dense_da = nnet::dense_da_{key}<{x}_t, {y}_t>;
    template<class data_T, class CONFIG_T>
    using fill_buffer = nnet::fill_buffer_{key}<data_T, CONFIG_T>;
}};"""


def add_convolution(fw, key, flat, widths):
    """Windows come from a line buffer, padding included."""
    n_in, pixels, size = (2, 1, 4) if flat else (4, 2, 8)
    windows = np.random.default_rng(1).integers(-1, size, (2, pixels, n_in))
    windows[0, 0, 0] = -1
    buffer = "\n".join(
        f"if (partition == {p}) {{\n"
        + " ".join(
            f"buffer[{i}][{k}] = {0 if w < 0 else f'data[{w}]'};"
            for i, row in enumerate(part)
            for k, w in enumerate(row)
        )
        + "\n}"
        for p, part in enumerate(windows)
    )
    x = fw.input(f"u{key}", size, "ap_fixed<8,4>")
    y = fw.output(f"w{key}", 2 * pixels * 3, "ap_fixed<14,6>")
    rng = np.random.default_rng(5)
    adders = random_adders(rng, n_in, 3, widths, [("RND", "SAT"), ("TRN", "WRAP")])
    fw.code.append(straight_line(f"dense_da_{key}", n_in, 3, adders))
    fw.code.append(
        f"template<class data_T, typename CONFIG_T>\nclass fill_buffer_{key} {{\n  public:\n"
        f"    static void fill_buffer(data_T data[{size}],\n"
        f"    data_T buffer[CONFIG_T::n_pixels][{n_in}], const unsigned partition) {{\n"
        f"{buffer}\n}}\n}};"
    )
    height = -1 if flat else 2
    fw.raw_config(CONVOLUTION.format(key=key, x=x, y=y, pixels=pixels, height=height))
    name = "conv1d_cl" if flat else "conv2d_cl"
    fw.call(f"nnet::{name}<config{key}, {x}_t, {y}_t>({x}, {y}); // convolution{key}")
    return "ap_fixed<8,4>"


def test_generated_code_equals_compiled_cpp(tmp_path):
    fw = Firmware(HEADERS)
    forms = add_adders(fw, ["ap_fixed<8,4>", "ap_ufixed<6,3>", "ap_fixed<5,7>"])
    forms += add_integers(fw, ["ap_int<6>", "ap_uint<5>"])
    forms += add_integer_types(fw, "ap_fixed<8,4>")
    for number, modes in enumerate(["AP_RND_CONV,AP_SAT", "AP_TRN,AP_WRAP", "AP_RND,AP_WRAP"]):
        forms.append(add_casts(fw, number, modes))
    for number, widths in enumerate([(4, 12), (16, 24)]):
        forms.append(add_convolution(fw, 100 + number, True, widths))
        forms.append(add_convolution(fw, 200 + number, False, widths))
    net = Network.from_hls_project(fw.write(tmp_path))
    inputs = [
        edge_vectors(FixedPoint.parse(form), EVENTS, size, 3 + i)
        for i, ((_, size, _), form) in enumerate(zip(fw.inputs, forms, strict=True))
    ]
    assert_equal(
        net.predict_raw(*inputs), fw.compile(tmp_path)(*inputs), [name for name, _, _ in fw.outputs]
    )


def test_exact_adders_become_one_matrix(tmp_path):
    fw = Firmware(HEADERS)
    x, y = fw.input("x", 2, "ap_fixed<8,4>"), fw.output("y", 2, "ap_fixed<16,8>")
    code = (
        "ap_fixed<12,7> v0 = bit_shift<1>(inp[0]) - inp[1];\n"
        "ap_fixed<14,8> v1 = v0 + bit_shift<-1>(inp[1]) + ap_ufixed<1,0>(0.5);\n"
        "out[0] = v1; out[1] = -v0;"
    )
    fw.code.append(straight_line("dense_da_2", 2, 2, code))
    fw.call(f"nnet::dense_da_2<{x}_t, {y}_t>({x}, {y}); // matrix")
    (operation,) = Network.from_hls_project(fw.write(tmp_path)).graph.operations
    assert operation.weight[0].T.tolist() == [[4, -1], [-4, 2]]


def test_casts_of_elements_become_one_operation(tmp_path):
    fw = Firmware(HEADERS)
    add_casts(fw, 0, "AP_RND,AP_SAT")
    assert len(list(Network.from_hls_project(fw.write(tmp_path)).graph.operations)) == 1


@pytest.mark.parametrize(
    ("body", "result"),
    [
        ("ap_int<4> v = inp[0]; out[0] = v;", "ap_fixed<16,8>"),
        ("out[0] = ap_int<4>(inp[0]);", "ap_fixed<16,8>"),
        ("out[0] = inp[0];", "ap_int<4>"),
    ],
)
def test_integer_types_of_what_is_below_one_are_refused(tmp_path, body, result):
    """C++ makes -1 of negative numbers whose type has no integer bits, 0 of all others."""
    fw = Firmware(HEADERS)
    x, y = fw.input("x", 1, "ap_fixed<8,0>"), fw.output("y", 1, result)
    fw.code.append(straight_line("dense_da_2", 1, 1, body))
    fw.call(f"nnet::dense_da_2<{x}_t, {y}_t>({x}, {y}); // refused")
    with pytest.raises(FirmwareSourceError, match=r"minus one|without integer bits"):
        Network.from_hls_project(fw.write(tmp_path))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("out[0] = inp[5];", "expression not understood"),
        ("out[0] = missing;", "expression not understood"),
        ("out[0] = inp[0]; out[0] = inp[1];", "assignment not understood"),
        ("inp[0] = 1;", "assignment not understood"),
        ("other(inp, out);", "statement not understood"),
        ("for (int i = 0; i < 2; i++) { out[i] = inp[i]; }", "not understood"),
        ("float v = inp[0]; out[0] = v;", "not a fixed-point type"),
        ("ap_fixed<8,4> v = inp[0]; ap_fixed<8,4> v = inp[1]; out[0] = v;", "declared twice"),
        ("ap_fixed<4,200> v = inp[0]; out[0] = v + inp[1];", "bits"),
        ("out[0] = bit_shift<60>(inp[0]) + inp[1];", "bits"),
        ("", "does not write"),
    ],
)
def test_other_code_is_refused(tmp_path, body, message):
    fw = Firmware(HEADERS)
    x, y = fw.input("x", 2, "ap_fixed<8,4>"), fw.output("y", 1, "ap_fixed<16,8>")
    fw.code.append(straight_line("dense_da_2", 2, 1, body))
    fw.call(f"nnet::dense_da_2<{x}_t, {y}_t>({x}, {y}); // refused")
    with pytest.raises(FirmwareSourceError, match=message):
        Network.from_hls_project(fw.write(tmp_path))
