"""Scalar operations that da4ml writes as C++: tables, choices, products and bits."""

import numpy as np
import pytest

from l1kd.emulators.network import FixedPoint, Network
from l1kd.emulators.network.cpp.model import FirmwareSourceError

pytest.importorskip("hls4ml")
pytest.importorskip("da4ml")
from da4ml import trace
from da4ml.codegen import hls as codegen

from tests.emulators.network.firmware import Firmware, check

KINDS = {"ap_fixed<6,3>": (1, 2, 3), "ap_ufixed<5,2>": (0, 2, 3)}


def attention(x):
    """Softmax of scores that are products of the inputs, by tables of exp and of the inverse."""
    scores = (x[:2, None] * x[2:]).quantize(1, 3, 2, overflow_mode="SAT")
    weights = scores.apply(np.exp).quantize(0, 4, 4, overflow_mode="SAT")
    total = np.sum(weights, axis=1).quantize(0, 5, 2)
    share = total.apply(lambda n: 1 / (n + 0.25)).quantize(0, 2, 6, overflow_mode="SAT")
    return (weights * share[:, None]).reshape(-1)


FUNCTIONS = {
    "attention": attention,
    "tables": lambda x: x.apply(np.tanh).quantize(1, 1, 7) - x.apply(np.square).quantize(0, 3, 2),
    "relu": lambda x: (x - 0.5).relu(i=np.full(4, 2), f=np.full(4, 2)) + (-x).relu(),
    "extremes": lambda x: np.stack([np.max(x), np.min(x), np.max(np.abs(x)), np.sum(x)]),
    "choices": lambda x: np.where(x > x[::-1], x * x[::-1], x + 1.25),
    "comparisons": lambda x: np.concatenate([x == x[::-1], x != 0.5, x >= 1.0, x < x[0]]),
    "bits": lambda x: np.concatenate([x & x[::-1], x | x[::-1], x ^ x[::-1], ~x]),
    "saturation": lambda x: (x * 3).quantize(1, 2, 1, overflow_mode="SAT", round_mode="RND"),
}


def add(fw, name, form, number):
    """Let da4ml write a function, and call it."""
    inputs = trace.FixedVariableArrayInput(4)
    bits = KINDS[form]
    inner = inputs.quantize(*(np.full(4, n) for n in bits))
    logic = trace.comb_trace(inputs, FUNCTIONS[name](inner))
    function = f"da_comblogic_{number}"
    code, _ = codegen.hls_logic_and_bridge_gen(logic, function, "vitis", print_latency=True)
    fw.code.append(code)
    x = fw.input(f"x{number}", 4, form)
    y = fw.output(f"y{number}", logic.shape[1], "ap_fixed<24,10>")
    fw.call(f"nnet::{function}<{x}_t, {y}_t>({x}, {y}); // {name} {number}")


def test_logic_of_da4ml_equals_compiled_cpp(tmp_path):
    fw = Firmware(())
    for number, (name, form) in enumerate((n, f) for n in FUNCTIONS for f in KINDS):
        add(fw, name, form, number)
    assert "static const" in "".join(fw.code)
    check(fw, tmp_path)


BODY = """
    static const ap_fixed<5,2> table_a[] = {0.5,-1.0,1.75,0.25,-2.0,1.5,0.0,-0.125};
    ap_fixed<6,3> v0 = model_inp[0];
    ap_ufixed<3,1> v1 = model_inp[1];
    ap_fixed<3,1> v2 = model_inp[2];
    ap_fixed<5,2> v3 = table_a[v1.range()];
    ap_fixed<5,2> v4 = table_a[v2.range()];
    ap_fixed<9,5> v5 = v0[5] ? ap_fixed<9,5>(v3) : ap_fixed<9,5>(-bit_shift<1>(v4));
    ap_fixed<9,5> v6 = v0[2] ? ap_fixed<9,5>(0) : ap_fixed<9,5>(v5);
    ap_ufixed<4,2> v7 = v0 > 0 ? ap_ufixed<4,2>(v0) : ap_ufixed<4,2>(0);
    ap_ufixed<4,2> v8 = v0 > 0 ? ap_ufixed<4,2>(0) : ap_ufixed<4,2>(-v0);
    ap_ufixed<1,1> v9 = (v3 == ap_fixed<5,2>(-1.0));
    ap_ufixed<1,1> v10 = (v4 != 0);
    ap_fixed<8,4> v11 = ~bit_shift<-1>(v0);
    ap_ufixed<3,1> v12 = ~v1;
    ap_fixed<7,4> v13 = ap_fixed<7,4>(v0) ^ ap_fixed<7,4>(-v4);
    ap_fixed<20,10> v14 = v5 * v8 - ap_ufixed<3,0>(0.625);
    ap_fixed<4,2> v15 = 0.75;
    ap_ufixed<3,3> v16 = model_inp[1];
    ap_fixed<5,2> v17 = table_a[v16.range()];
    model_out[0] = ap_fixed<12,6>(-bit_shift<2>(v6));
    model_out[1] = ap_fixed<9,5>(v7 - v9);
    model_out[2] = v10;
    model_out[3] = ap_fixed<8,4>(v11 + v12);
    model_out[4] = v13;
    model_out[5] = ap_fixed<20,10>(v14);
    model_out[6] = 0;
    model_out[7] = v15;
    model_out[8] = v17;
"""


def function(body, n_in, n_out):
    return (
        f"template <typename inp_t, typename out_t>\nvoid da_comblogic_1(inp_t model_inp[{n_in}], "
        f"out_t model_out[{n_out}]) {{ // types\n{body}}}\n"
    )


@pytest.mark.parametrize("form", ["ap_fixed<8,4>", "ap_fixed<7,3,AP_RND,AP_SAT>"])
def test_every_operation_equals_compiled_cpp(tmp_path, form):
    fw = Firmware(())
    fw.code.append(function(BODY, 3, 9))
    x, y = fw.input("x", 3, form), fw.output("y", 9, "ap_fixed<10,5,AP_RND_CONV,AP_SAT>")
    fw.call(f"nnet::da_comblogic_1<{x}_t, {y}_t>({x}, {y}); // logic")
    check(fw, tmp_path)


SYMMETRIC = """
    ap_fixed<4,2,AP_TRN,AP_SAT_SYM> v0 = model_inp[0];
    ap_fixed<4,2> v1 = model_inp[1];
    ap_fixed<4,2,AP_TRN,AP_SAT_SYM> v2 = v0;
    ap_fixed<8,4> v3 = v1 * v1;
    ap_fixed<4,2,AP_RND,AP_SAT_SYM> v4 = v1;
    model_out[0] = v0;
    model_out[1] = v2 - v3;
    model_out[2] = v4;
    model_out[3] = ap_ufixed<4,2,AP_TRN,AP_SAT_SYM>(v1);
"""


@pytest.mark.parametrize("form", ["ap_fixed<4,2>", "ap_fixed<4,2,AP_TRN,AP_SAT_SYM>"])
def test_symmetric_saturation_casts_the_lowest_value_and_copies_it(tmp_path, form):
    fw = Firmware(())
    fw.code.append(function(SYMMETRIC, 2, 4))
    x, y = fw.input("x", 2, form), fw.output("y", 4, "ap_fixed<12,6>")
    fw.call(f"nnet::da_comblogic_1<{x}_t, {y}_t>({x}, {y}); // logic")
    check(fw, tmp_path)


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("static const ap_fixed<5,2> t[] = {1.0,0.5};\nap_fixed<4,2> v0 = model_inp[0];\n"
         "model_out[0] = t[v0.range()];", "another size"),
        ("static const ap_fixed<5,2> t[] = {1.0,0.5};\nap_fixed<4,2> v0 = model_inp[0];\n"
         "model_out[0] = t[v0];", "index of a table"),
        ("ap_fixed<4,2> v0 = model_inp[0];\nmodel_out[0] = v0 > 0 ? ap_fixed<4,2>(v0) : "
         "ap_fixed<5,2>(0);", "different types"),
        ("ap_fixed<4,2> v0 = model_inp[0];\nmodel_out[0] = v0 ? ap_fixed<4,2>(v0) : "
         "ap_fixed<4,2>(0);", "condition not understood"),
        ("ap_fixed<4,2> v0 = model_inp[0];\nmodel_out[0] = v0[9] ? ap_fixed<4,2>(v0) : "
         "ap_fixed<4,2>(0);", "bit outside"),
        ("ap_fixed<4,2> v0 = model_inp[0];\nap_fixed<4,2> v1 = v0 / v0;\nmodel_out[0] = ~v1;",
         "expression not understood"),
        ("ap_fixed<4,2> v0 = model_inp[0];\nap_fixed<5,2> v1 = model_inp[0];\n"
         "model_out[0] = v0 & v1;", "bits of different types"),
        ("ap_fixed<4,2> v0 = model_inp[0].length();\nmodel_out[0] = v0;", "member"),
        ("ap_fixed<4,2> v0 = ~model_inp[0];", "does not write"),
    ],
)  # fmt: skip
def test_other_logic_is_refused(tmp_path, body, message):
    fw = Firmware(())
    fw.code.append(function(body, 1, 1))
    x, y = fw.input("x", 1, "ap_fixed<4,2>"), fw.output("y", 1, "ap_fixed<8,4>")
    fw.call(f"nnet::da_comblogic_1<{x}_t, {y}_t>({x}, {y}); // refused")
    with pytest.raises(FirmwareSourceError, match=message) as caught:
        Network.from_hls_project(fw.write(tmp_path))
    assert caught.value.location is not None


def test_tables_are_one_operation_each(tmp_path):
    fw = Firmware(())
    add(fw, "attention", "ap_fixed<6,3>", 1)
    network = Network.from_hls_project(fw.write(tmp_path))
    kinds = [type(operation).__name__ for operation in network.graph.operations]
    assert kinds.count("Lookup") == 2
    assert network.inputs[0].format == FixedPoint(6, 3)


def symbolic(tmp_path, *expressions):
    """Write a project of symbolic regression as hls4ml's symbolic backend does."""
    fw = Firmware(())
    fw.input("x", 3, "ap_fixed<12,6>")
    fw.output("y", len(expressions), "ap_fixed<14,7,AP_RND,AP_SAT>")
    fw.typedef("result_t", "ap_fixed<16,6>")
    for number, expression in enumerate(expressions):
        fw.call(f"y[{number}] = {expression};")
    return fw


def test_symbolic_regression_equals_compiled_cpp(tmp_path):
    fw = symbolic(
        tmp_path,
        "result_t(0.4)*(x[0]*x[0]) + x[1]*x[0] - result_t(1.5)*x[2] + result_t(3)",
        "x[1] + x[0]",
        "-x[2] + result_t(1.0/3.0)*(x[0]*x[1]*x[2])",
        "(x[0] - x[1])*(x[0] + result_t(-2.718281828459045))",
    )
    network = check(fw, tmp_path)
    assert [tensor.name for tensor in (*network.inputs, *network.outputs)] == ["x", "y"]


class Waves(Firmware):
    """A project with hls4ml's tables of sine and cosine; AMD's header has names only."""

    def write(self, folder):
        super().write(folder)
        names = "".join(
            f"template <class T> T {name}(T);" for name in ("sin", "cos", "asin", "acos", "atan")
        )
        header = f"namespace hls {{ {names} template <class T> T atan2(T, T); }}\n"
        (folder / "firmware" / "hls_math.h").write_text(header)
        return folder


TYPES = ("16,6", "12,9", "8,6", "14,2", "18,5", "16,3,AP_RND,AP_SAT", "20,4,AP_RND_CONV", "9,1")


def test_tables_of_sine_and_cosine_equal_compiled_cpp(tmp_path):
    fw = Waves(("math",))
    fw.input("x", 2, "ap_fixed<16,6>")
    fw.output("y", 2 * len(TYPES) + 1, "ap_fixed<32,12>")
    for number, text in enumerate(TYPES):
        name = fw.typedef(f"result{number}_t", f"ap_fixed<{text}>")
        for place, wave in enumerate(("sin", "cos")):
            angle = f"({name})(x[0])" if number else f"({name})(x[0] - x[1]*{name}(0.5))"
            fw.call(f"y[{2 * number + place}] = nnet::{wave}_lut<{name}>({angle});")
    fw.call(f"y[{2 * len(TYPES)}] = result0_t(0.75)*nnet::sin_lut<result0_t>((result0_t)(x[1]));")
    check(fw, tmp_path)


def test_a_changed_table_of_sine_is_refused(tmp_path):
    fw = Waves(("math",))
    fw.input("x", 1, "ap_fixed<16,6>")
    fw.output("y", 1, "ap_fixed<16,6>")
    fw.typedef("result_t", "ap_fixed<16,6>")
    fw.call("y[0] = nnet::sin_lut<result_t>((result_t)(x[0]));")
    header = fw.write(tmp_path) / "firmware" / "nnet_utils" / "nnet_math.h"
    header.write_text(header.read_text().replace("(4 * NTE)", "(8 * NTE)"))
    with pytest.raises(FirmwareSourceError, match=r"no known version of hls4ml.*init_sincos"):
        Network.from_hls_project(tmp_path)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ("hls::sin(x[1])", "hls::sin is of Vitis"),
        ("hls::pow<16, 6>((result_t)(x[1]), result_t(1.0/2.0))", "hls::pow is of Vitis"),
        ("sin_lut(x[1])", "sin_lut: tables of user functions are filled by Vitis' own library"),
    ],
)
def test_functions_of_the_tool_are_refused_by_name(call, message, tmp_path):
    fw = symbolic(tmp_path, f"x[0] + {call}")
    with pytest.raises(FirmwareSourceError, match=message):
        Network.from_hls_project(fw.write(tmp_path))
