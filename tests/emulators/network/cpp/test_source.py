"""Reading firmware folders: the three layouts, C++'s rules, and refusals with file and line."""

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest

from l1kd.emulators.network.cpp.expressions import Apply, Index, Name, Number
from l1kd.emulators.network.cpp.functions import Assign, Declare, When, parameter_names, statements
from l1kd.emulators.network.cpp.source import FirmwareSourceError, read_project
from tests.emulators.network.damage import damaged

FOLDERS = Path(__file__).parent / "folders"


@pytest.fixture
def tree(tmp_path):
    """Return a copy of hls4ml's own layout that a test may change."""
    return Path(shutil.copytree(FOLDERS / "tree", tmp_path / "tree")) / "firmware"


def change(path, old, new):
    text = path.read_text()
    assert old in text, f"the test replaces {old!r}, which {path.name} no longer holds"
    path.write_text(text.replace(old, new, 1))


def config(folder, member):
    """Return the constants of a structure with one more member."""
    change(folder / "parameters.h", "n_elem = MAX(2, MIN(3, 9));", f"n_elem = 3; {member}")
    return read_project(folder).structs["config7"]


# The three layouts, and streams


def test_own_layout():
    project = read_project(FOLDERS / "tree")
    assert (project.name, project.namespace, project.io_type) == ("toy", "", "io_parallel")
    assert project.inputs == ("x", "extra")
    assert project.outputs == ("layer7_out",)
    assert [call.comment for call in project.calls] == [
        "first", "positive", "gate", "window", "skip",
    ]  # fmt: skip
    first = project.calls[0]
    assert first.function == "nnet::dense"
    assert [str(argument) for argument in first.template_arguments] == [
        "ap_fixed<10,4,AP_RND_CONV,AP_SAT,0>", "ap_fixed<18,8>", "config2",
    ]  # fmt: skip
    assert (first.config, first.weights) == ("config2", ("w2", "b2"))
    assert str(first.location) == "firmware/toy.cpp:31"
    assert project.tensors["x"].size == 4
    assert project.tensors["layer3_out"].type.text == "ap_ufixed<8,4,AP_RND,AP_SAT,0>"
    assert project.tensors["layer3_out"].role == "internal"
    assert project.notes == ()


def test_aliases_and_skip_connections_are_followed():
    project = read_project(FOLDERS / "tree")
    assert project.calls[3].inputs == ("layer4_out",)
    assert project.calls[4].inputs == ("layer6_out", "extra")
    assert "layer8_out" not in project.tensors


def test_flattened_layout_with_a_namespace():
    project = read_project(FOLDERS / "flat")
    assert (project.name, project.namespace) == ("calo", "Calo_v9p1")
    assert project.calls[0].inputs == ("In",)
    assert project.calls[2].weights == ("w5", "b3")
    assert project.types["layer4_t"].text == "ap_ufixed<10,4,AP_RND,AP_SAT,0>"
    assert project.types["bias3_t"].text == "ap_uint<1>"
    assert project.types["conv_accum_t"].name == "conv_accum_t"
    assert project.constants["N_LAYER_5"] == 2
    assert project.structs["config3"].structs["mult_config"] == "config3_mult"


def test_one_weights_header_with_extern_arrays():
    project = read_project(FOLDERS / "single")
    assert project.inputs == ("input_2",)
    assert project.constants["OUT_DOT_4"] == 1
    assert project.structs["config2"].constants["n_in"] == 3
    assert project.weights["w2"].values.tolist() == [0.125, 0, -0.125, -1, 0.875, 0.5]
    assert project.weights["b2"].type.text == "ap_ufixed<3,0>"
    assert project.calls[2].inputs == ("layer3_out", "layer3_out")


def test_streams_and_weights_in_memory():
    project = read_project(FOLDERS / "stream")
    assert project.io_type == "io_stream"
    assert project.outputs == ("layer3_out", "layer4_out")
    assert project.tensors["x"].is_stream
    assert project.tensors["x"].type.pack == 2
    assert project.tensors["layer3_out"].type.text == "ap_ufixed<8,2>"
    assert project.weights["w2"].is_port
    assert project.weights["w2"].values.tolist() == [1, 2, 3, 4]
    assert project.calls[2].outputs == ("layer3_out", "layer4_out")
    assert project.calls[2].template_arguments[2] == 2


def test_the_folder_may_be_named_at_any_level(tmp_path):
    shutil.copytree(FOLDERS / "single", tmp_path / "a" / "b")
    for path in (tmp_path, tmp_path / "a", tmp_path / "a/b/NN", tmp_path / "a/b/NN/parameters.h"):
        assert read_project(path).name == "Anomaly_v8"


def test_a_folder_of_several_networks_asks_to_choose(tmp_path):
    shutil.copytree(FOLDERS / "single", tmp_path / "v1")
    shutil.copytree(FOLDERS / "single", tmp_path / "v2")
    with pytest.raises(FirmwareSourceError, match=r"v1/NN/parameters\.h, v2/NN/parameters\.h"):
        read_project(tmp_path)


def test_copies_further_down_do_not_count(tree):
    shutil.copytree(tree, tree / "build" / "copy")
    assert read_project(tree).name == "toy"


def test_empty_and_missing_folders(tmp_path):
    with pytest.raises(FirmwareSourceError, match=r"no parameters\.h"):
        read_project(tmp_path)
    with pytest.raises(FirmwareSourceError, match="not a folder"):
        read_project(tmp_path / "nothing")


# Weights


def test_literals_of_the_header_in_use():
    weights = read_project(FOLDERS / "tree").weights
    assert weights["w2"].values.dtype == np.float64
    assert weights["w2"].values[:8].tolist() == [
        0.125, -0.25, 0.5, 0, 0.1, -0.75, 0.03125, 0.0625,
    ]  # fmt: skip
    assert weights["b2"].values.tolist() == [0, -0.5, -0.5]
    assert str(weights["w2"].location) == "firmware/weights/w2.h:8"
    assert not weights["w2"].values.flags.writeable


def test_a_zero_in_braces_fills_an_array_as_in_cpp():
    assert read_project(FOLDERS / "tree").weights["zeros"].values.tolist() == [0] * 4


def test_records_of_compressed_weights():
    record = read_project(FOLDERS / "tree").weights["p7"]
    assert [name for name, _ in record.type.fields] == ["row_index", "col_index", "weight"]
    assert record.values.tolist() == [[0, 1, 0.5], [2, 3, -0.25]]


def test_stale_text_copies_never_win_and_are_mentioned(tree):
    (tree / "weights/w2.txt").write_text(", ".join(["9"] * 12))
    project = read_project(tree)
    assert project.weights["w2"].values[0] == 0.125
    (note,) = project.notes
    assert "weights/w2.txt differs from weights/w2.h" in note


def test_orphan_headers_are_not_read():
    assert not any("w9.h" in name for name in read_project(FOLDERS / "flat").files)


def test_the_wrong_number_of_values_is_refused(tree):
    change(tree / "weights/w2.h", ", 0.21875", "")
    with pytest.raises(FirmwareSourceError, match=r"w2\.h:8: 11 values for 12 elements: `w2"):
        read_project(tree)


def test_an_array_without_values_is_refused_where_it_is_used(tree):
    change(tree / "weights/b2.h", " = {0x0, -0.5f, (1 - 3) / 4.0}", "")
    with pytest.raises(FirmwareSourceError, match=r"toy\.cpp:31: the array has no values.*`b2`"):
        read_project(tree)


@pytest.mark.parametrize(
    ("literal", "value"),
    [
        ("1", 1.0),
        ("-.5", -0.5),
        ("1.", 1.0),
        ("+2.5e-3", 0.0025),
        ("0x1F", 31.0),
        ("-0x10", -16.0),
        ("7u", 7.0),
        ("0.1f", float(np.float32(0.1))),
        ("9007199254740993.0", 9007199254740992.0),
        ("1e-400", 0.0),
        ("true", 1.0),
        ("5 / 2", 2.0),
        ("-(3)", -3.0),
    ],
)
def test_literals(tree, literal, value):
    change(tree / "weights/b2.h", "0x0", literal)
    assert read_project(tree).weights["b2"].values[0] == value


@pytest.mark.parametrize(
    "literal",
    ["010", "1e999", "9007199254740993", "1 2", "1_000", "nan", "--", "'a'", "0b1"],
)
def test_refused_literals(tree, literal):
    change(tree / "weights/b2.h", "0x0", literal)
    with pytest.raises(FirmwareSourceError, match=r"b2\.h:3"):
        read_project(tree)


# Constants follow C++


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ("7 / 2", 3),
        ("(1 - 8) / 2 + 10", 7),
        ("7 % 4", 3),
        ("1 << 4", 16),
        ("0x10 | 3", 19),
        ("2 + 3 * 4 - 1", 13),
        ("(2 > 1) ? 5 : 6", 5),
        ("true && !false", 1),
        ("1 == 1 || 1 / 0", 1),
        ("-1", 2**32 - 1),
        ("~0u", 2**32 - 1),
        ("DIV_ROUNDUP(7, 2)", 4),
        ("DIV_ROUNDUP(7, 1 + 1)", 9),
        ("MIN(n_elem, 2) + MAX(1, 2)", 4),
        ("MIN(MIN(9, 4), MIN(3, 8))", 3),
        ("config2::n_in * config2::n_out", 12),
        ("(config2::strategy == nnet::latency) ? 1 : 2", 1),
        ("(config6_mult::n_zeros == -1) ? 1 : 2", 1),
        ("0.5 + 2.75", 3),
        ("__cplusplus > 0", 1),
    ],
)
def test_constant_expressions(tree, expression, value):
    struct = config(tree, f"static const unsigned tested = {expression};")
    assert struct.constants["tested"] == value


@pytest.mark.parametrize(
    "expression",
    [
        "1 / 0",
        "2147483647 + 1",
        "undefined_name",
        "nnet::latency + 1",
        "1 << 40",
        "1 >> 1",
        "sizeof(int)",
        "99999999999999999999",
        "f(3)",
        "(1",
        "1)",
        "1 +",
        "1 ? 2",
        "a = 3",
        "1.5 % 1",
        "('a')",
        "exec",
        "+".join(["1"] * 500),
        "(" * 60 + "1" + ")" * 60,
        "-" * 500 + "1",
    ],
)
def test_refused_expressions(tree, expression):
    with pytest.raises(FirmwareSourceError, match=r"parameters\.h:"):
        config(tree, f"static const unsigned tested = {expression};")


def test_constants_of_other_types(tree):
    struct = read_project(tree).structs["config6"]
    assert struct.constants["axis"] == -1
    assert struct.constants["exp_scale"] == np.float32(0.1)
    assert struct.constants["implementation"] == "linebuffer"
    assert struct.constants["n_filt"] == 2**32 - 1
    assert struct.constants["n_scale_bias"] == 2
    assert struct.arrays["pixels"] == (1, 2, 1)
    flags = config(tree, "static const bool flag = 2; static const int16_t small = 3;")
    assert flags.constants["flag"] is True
    assert flags.constants["small"] == 3


def test_members_defined_beside_the_structure():
    structs = read_project(FOLDERS / "tree").structs
    gate = structs["hard_sigmoid_config4"]
    assert (gate.constants["slope"], gate.types["slope"].text) == (0.2, "ap_ufixed<16,0>")
    assert structs["config5"].arrays == {"from_shape": (3, 1), "perm": (1, 0)}
    assert structs["config2"].templates["kernel"] == "nnet::DenseLatency"
    assert structs["config2"].base == "nnet::dense_config"
    assert structs["config2"].constants["multiplier_limit"] == 3
    assert structs["config6"].templates["dense_da"] == "nnet::dense_da_6"


# The preprocessor


def test_the_sources_are_read_as_the_synthesis_tool_reads_them(tree):
    header = tree / "defines.h"
    header.write_text(
        header.read_text()
        + "#if defined(__SYNTHESIS__) && !defined(OTHER) && (1 + 1 == 2)\n#define PICKED 1\n"
        + "#elif 1\n#define PICKED 2\n#else\n#error never\n#endif\n"
        + "#ifdef OTHER\n#error never\n#if nonsense here )\n#endif\n#else\n#define SECOND PICKED\n"
        + "#endif\n#define LONG 1 + \\\n 2\n#define TWICE(x) ((x) * 2)\n#define USED TWICE(LONG)\n"
        + "#define GONE 1\n#undef GONE\n#define SELF SELF\n#define __hidden 3\n"
    )
    constants = read_project(tree).constants
    assert (constants["PICKED"], constants["SECOND"], constants["LONG"]) == (1, 1, 3)
    assert constants["USED"] == 6
    assert "GONE" not in constants
    assert "SELF" not in constants


def test_the_last_of_several_defines_counts(tree):
    header = tree / "defines.h"
    header.write_text("#define SIZE 1\n#define SIZE 2\n" + header.read_text())
    assert read_project(tree).constants["SIZE"] == 2


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('#include "../../outside.h"', "outside the folder"),
        ('#include "/etc/passwd"', "absolute include"),
        ('#include "missing.h"', "header not found"),
        ("#include NAME", "include not understood"),
        ('#include "defines.h', "include not understood"),
        ("#error broken", "directive not understood"),
        ("#assert x", "directive not understood"),
        ("#endif", "no condition is open"),
        ("#else", "no condition is open"),
        ("#if", "empty condition"),
        ("#ifdef", "not understood"),
        ("#ifdef NEVER", "condition without #endif"),
        ("#define 3", "macro not understood"),
        ("int x = `;", "not a C\\+\\+ token"),
        ("/* never closed", "not a C\\+\\+ token"),
        ('"never closed', "not a C\\+\\+ token"),
        ("int # 3", "stray #"),
        ("#define F(x) x\nint x[F(1];", "unfinished macro call"),
        ("#define F(x) x\nint x[F(1, 2)];", "wrong number of arguments"),
    ],
)
def test_refused_directives(tree, line, message):
    (tree.parent / "outside.h").write_text("int x;")
    header = tree / "weights/b2.h"
    header.write_text(header.read_text() + line + "\n")
    with pytest.raises(FirmwareSourceError, match=message):
        read_project(tree)


def test_links_out_of_the_folder_are_refused(tree, tmp_path):
    secret = tmp_path / "secret.h"
    secret.write_text("weight2_t w2[1] = {1};")
    (tree / "weights/w2.h").unlink()
    (tree / "weights/w2.h").symlink_to(secret)
    with pytest.raises(FirmwareSourceError, match="outside the folder"):
        read_project(tree)


@pytest.mark.parametrize(
    "text",
    [
        '#include "b2.h"\n',
        "#define A B B B B B B B B\n#define B C C C C C C C C\n#define C D D D D D D D D\n"
        "#define D E E E E E E E E\n#define E F F F F F F F F\n#define F 1 1 1 1 1 1 1\nA\n",
        "#define F(x) x x x x x x x x\nF(F(F(F(F(F(F(F(1))))))))\n",
        "namespace a{" * 100_000,
        "{" * 200_000,
        "(" * 200_000,
        "template <" * 50_000,
        "typedef " * 100_000 + ";",
        "int x[" + "[" * 100_000 + ";",
        "unsigned x[4294967296] = {0};",
        "unsigned x[2000000000] = {0};",
        "unsigned x[" + "9" * 100_000 + "] = {0};",
        "unsigned x[] = {" + "9" * 100_000 + "};",
        "static const double x = 1e" + "9" * 5000 + ";",
        "unsigned x[2] = {" + "{" * 50_000 + "};",
        "#if " + "(" * 50_000 + "\n#endif\n",
        "#if 1\n" * 100_000,
        "using x = " + "a::" * 50_000 + "b;",
        "using x = " + "a<" * 50_000 + ";",
    ],
)
def test_hostile_headers_are_refused(tree, text):
    (tree / "weights/b2.h").write_text(text)
    with pytest.raises(FirmwareSourceError):
        read_project(tree)


def test_huge_files_are_not_read(tree, monkeypatch):
    monkeypatch.setattr("l1kd.emulators.network.cpp.preprocessor.MAX_FILE_BYTES", 300)
    with pytest.raises(FirmwareSourceError, match="file too large"):
        read_project(tree)


# What is not understood


@pytest.mark.parametrize(
    ("file", "old", "new", "construct"),
    [
        ("toy.cpp", "layer4_t layer4_out[3];", "layer4_t layer4_out[3][2];", "layer4_out"),
        ("toy.cpp", "    nnet::relu", "    for (;;) nnet::relu", "for"),
        ("toy.cpp", "    nnet::relu", "    if (1) { } nnet::relu", "if"),
        ("toy.cpp", "layer3_out, 0.25", "layer3_out, missing", "missing"),
        ("toy.cpp", "(layer3_out, 0.25", "(layer6_out, 0.25", "leaky_relu"),
        ("toy.cpp", "(layer2_out, layer3_out)", "(layer2_out)", "nnet::relu"),
        ("toy.cpp", "relu_config3>", "relu_config9>", "relu_config9"),
        ("toy.cpp", "relu_config3>", "relu_config3, config2>", "nnet::relu"),
        ("toy.cpp", "auto& layer9_out", "auto& layer3_out", "layer3_out"),
        ("toy.cpp", "= layer4_out;", "= layer99_out;", "layer99_out"),
        ("toy.cpp", "input_t extra[3]", "input_t *extra", "extra"),
        ("toy.cpp", "input_t extra[3]", "input_t unused[2], input_t extra[3]", "toy"),
        ("parameters.h", "static const unsigned n_in = 4;", "unsigned n_in = 4;", "n_in"),
        ("parameters.h", "static const unsigned n_in = 4;", "int f() { }", "int f()"),
        ("parameters.h", "struct config7 :", "template<> struct config7 :", "template"),
        ("parameters.h", "mult<x_T, y_T>", "mult<y_T, x_T>", "mult"),
        ("parameters.h", "typedef accum_t accum_t", "typedef ap_fixed<8> accum_t", "ap_fixed"),
        ("defines.h", "typedef ap_fixed<10,4,AP_RND_CONV", "typedef ap_fixed<10,4,AP_X", "AP_X"),
        ("defines.h", "ap_uint<1>", "ap_uint<0>", "ap_uint<0>"),
        ("defines.h", "typedef ap_uint<1>", "typedef mystery", "mystery"),
        ("defines.h", "typedef ap_uint<1>", "typedef mystery<1> *", "mystery"),
        ("weights/b2.h", "bias2_t b2[3]", "bias2_t b2[3][1]", "b2"),
        ("weights/b2.h", "bias2_t b2[3]", "goto b2[3]", "goto"),
        ("weights/b2.h", "bias2_t b2[3]", "enum {", "enum"),
        ("weights/b2.h", "bias2_t b2[3]", "bias2_t w2[3]", "w2"),
    ],
)
def test_refusals_name_file_line_and_construct(tree, file, old, new, construct):
    before = (tree / file).read_text().split(old)[0] + new[: len(new) - len(new.lstrip())]
    line = before.count("\n") + 1
    change(tree / file, old, new)
    with pytest.raises(FirmwareSourceError) as caught:
        read_project(tree.parent)
    assert str(caught.value.location) == f"firmware/{file}:{line}"
    assert construct in caught.value.construct
    assert str(caught.value).startswith(f"firmware/{file}:{line}: ")


def test_unknown_functions_are_kept_for_the_next_stage(tree):
    change(tree / "toy.cpp", "nnet::relu<", "nnet::novel<")
    call = read_project(tree).calls[1]
    assert (call.function, call.location.line) == ("nnet::novel", 33)


def test_floating_point_types_are_kept_for_the_next_stage(tree):
    change(tree / "defines.h", "typedef ap_uint<1> layer2_index", "typedef std::float16_t half_t")
    change(tree / "parameters.h", "typedef layer2_index index_t", "typedef half_t index_t")
    assert read_project(tree).types["half_t"].text == "std::float16_t"


def test_two_networks_beside_one_parameters_header_are_refused(tree):
    shutil.copy(tree / "toy.cpp", tree / "toy2.cpp")
    with pytest.raises(FirmwareSourceError, match=r"toy\.cpp, toy2\.cpp"):
        read_project(tree)


# Generated functions


def test_distributed_arithmetic_is_parsed_on_demand():
    function = read_project(FOLDERS / "tree").functions["dense_da_6"]
    assert function.scope == "nnet"
    assert function.template_parameters == ("inp_t", "out_t")
    assert parameter_names(function) == ("inp", "out")
    first, second, *outputs = statements(function)
    assert isinstance(first, Declare)
    assert (first.name, first.type.text) == ("v1", "ap_fixed<16,5>")
    assert isinstance(second, Declare)
    assert second.value.right == Apply("ap_ufixed", ("2", "-1"), (Number(0.375, "double"),))
    assert [output.target for output in outputs] == [
        Index(Name("out"), Number(position, "int")) for position in range(3)
    ]


def test_line_buffers_are_parsed_on_demand():
    first, second = statements(read_project(FOLDERS / "tree").functions["fill_buffer_6"])
    assert isinstance(first, When)
    assert isinstance(second, When)
    assert [type(statement) for statement in first.body] == [Assign, Assign]
    assert first.body[1].value == Number(0, "int")


def test_other_functions_are_refused_when_they_are_asked_for():
    function = read_project(FOLDERS / "tree").functions["toy_emulator"]
    with pytest.raises(FirmwareSourceError, match=r"toy\.h:12"):
        statements(function)


# Damaged folders


@pytest.mark.parametrize("name", ["tree", "flat", "single", "stream"])
def test_damaged_folders_give_a_project_or_a_clear_error(name, tmp_path):
    """500 folders each: no other exception, no hang, no warning."""
    source = FOLDERS / name
    texts = {
        path.relative_to(source): path.read_text() for path in source.rglob("*") if path.is_file()
    }
    for path, text in texts.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    chance = random.Random(f"damage {name}")
    refused = 0
    for _ in range(500):
        victims = chance.choices(sorted(texts), k=chance.choice([1, 1, 2]))
        for path in victims:
            (tmp_path / path).write_text(damaged(texts[path], chance), errors="replace")
        try:
            for function in read_project(tmp_path).functions.values():
                if function.name != "toy_emulator":
                    statements(function)
        except FirmwareSourceError:
            refused += 1
        for path in victims:
            (tmp_path / path).write_text(texts[path])
    assert 100 < refused < 500


# The weights of the deployed networks as C++ saw them


def test_golden_weights_survive_a_round_trip_through_a_header(shared, tree):
    """Write the published literals with 17 digits and read them back: every double is kept."""
    folder = shared / "golden" / "networks"
    names = json.loads((folder / "CICADA_v2p1_graph.json").read_text())["parameter_arrays"]
    with np.load(folder / "CICADA_v2p1_weights.npz") as stored:
        for name, size in names.items():
            values = stored[f"{name}_text"]
            text = ", ".join(f"{value:.17g}" for value in values)
            (tree / "weights/b2.h").write_text(
                f"bias2_t b2[3] = {{0, 0, 0}};\nbias2_t {name}_[{size}] = {{{text}}};\n"
            )
            assert np.array_equal(read_project(tree).weights[f"{name}_"].values, values)
