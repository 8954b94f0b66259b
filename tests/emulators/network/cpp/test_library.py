"""The library that a folder carries: versions, older arithmetic, changes by hand."""

import contextlib
import re
import time

import numpy as np
import pytest

from l1kd.emulators.network import FixedPoint, Network
from l1kd.emulators.network.cpp.known import KNOWN
from l1kd.emulators.network.cpp.library import Library, fingerprint, known, read_bodies
from l1kd.emulators.network.cpp.model import FirmwareSourceError

pytest.importorskip("hls4ml")
from tests.emulators.network.firmware import HLS4ML, Firmware, assert_equal, edge_vectors

EVENTS = 10_000
HEADERS = ("activation", "merge")
# What older versions write otherwise, as replacements in the text of 1.3.
TO_1_1 = {
    "nnet_merge.h": [
        (r" % CONFIG_T::n_elem[12]", ""),
        (r"CONFIG_T::n_elem[12]", "CONFIG_T::n_elem"),
        (r"\* ap_ufixed<1, 0>\(0\.5\)", "/ (res_T)2"),
    ],
    "nnet_activation.h": [
        (r"using cache_T = ap_int<2>;", ""),
        (r"cache_T cache;", "res_T cache;"),
        (r"datareg >= 0\)\s+cache = 1;", "datareg > 0) cache = 1;"),
        (r"binary_cast<cache_T, res_T>\(cache\)", "(res_T)cache"),
        (r"n_slice", "n_in"),
        (r", unsigned table_size> inline", ", typename CONFIG_T> inline"),
        (r"ceillog2\(table_size\); //", "ceillog2(CONFIG_T::table_size); //"),
        (r"(data_T), CONFIG_T::(exp|inv)_table_size>", r"\1, CONFIG_T>"),
        (r"(_t), CONFIG_T::(exp|inv)_table_size>", r"\1, CONFIG_T>"),
        (r"CONFIG_T::(exp|inv)_table_size", "CONFIG_T::table_size"),
        (r", bool negative = false", ""),
        (r" \* CONFIG_T::exp_scale", ""),
        (r"if \(negative\) \{[^}]*\}", ""),
        (r"typename CONFIG_T::(accum_t|inv_inp_t)", "typename CONFIG_T::exp_table_t"),
        (r"init_exp_table<typename CONFIG_T::inp_norm_t, CONFIG_T>\(exp_table, true\)",
         "init_exp_table<data_T, CONFIG_T>(exp_table)"),
        (r"typename CONFIG_T::inp_norm_t d_xi",
         "ap_fixed<data_T::width, data_T::iwidth, AP_RND, AP_SAT> d_xi"),
        (r"x_max - data\[i\]", "data[i] - x_max"),
        (r"from_real_val<typename CONFIG_T::inp_norm_t", "from_real_val<data_T"),
    ],
}  # fmt: skip


def age(folder):
    """Turn the functions under test into those of hls4ml 1.1."""
    for name, replacements in TO_1_1.items():
        header = folder / "firmware" / "nnet_utils" / name
        text = header.read_text()
        for old, new in replacements:
            text, count = re.subn(old, new, text)
            assert count, old
        header.write_text(text)


def layers(fw):
    """Add layers that 1.1 computes otherwise than 1.3; return the formats of the inputs."""
    forms = []
    results = ("ap_fixed<8,4>", "ap_ufixed<9,3,AP_RND_CONV,AP_SAT>", "ap_fixed<16,6,AP_RND,AP_SAT>")
    for number, form in enumerate(
        ("ap_fixed<9,4>", "ap_ufixed<8,3>", "ap_fixed<10,4,AP_RND,AP_SAT>")
    ):
        for kind, size in (("binary_tanh", 4), ("latency", 5), ("stable", 5), ("argmax", 5)):
            key = f"{kind}{number}"
            x = fw.input(f"x_{key}", size, form)
            y = fw.output(f"y_{key}", size, results[(number + len(kind)) % 3])
            types = {"exp_table_t": "ap_fixed<18,8,AP_RND,AP_SAT>"}
            types["inv_table_t"] = "ap_fixed<18,8>" if number else "ap_fixed<16,6,AP_RND,AP_SAT>"
            fw.config(f"config_{key}", "activ_config", types, n_in=size, table_size=64)
            if kind != "binary_tanh":
                fw.configs[-1] = fw.configs[-1].replace(
                    "};",
                    "    static const nnet::softmax_implementation implementation = "
                    f"nnet::softmax_implementation::{kind};\n}};",
                )
            function = "binary_tanh" if kind == "binary_tanh" else "softmax"
            fw.call(f"nnet::{function}<{x}_t, {y}_t, config_{key}>({x}, {y}); // {key}")
            forms.append(form)
        x, z = fw.input(f"a{number}", 4, form), fw.input(f"b{number}", 4, "ap_fixed<12,5>")
        y = fw.output(f"c{number}", 4, results[number])
        fw.config(f"merge{number}", "merge_config", n_elem=4)
        fw.call(f"nnet::average<{x}_t, {z}_t, {y}_t, merge{number}>({x}, {z}, {y}); // m{number}")
        forms += [form, "ap_fixed<12,5>"]
    return forms


@pytest.mark.heavy
def test_older_versions_equal_their_compiled_cpp(tmp_path):
    fw = Firmware(HEADERS)
    forms = layers(fw)
    folder = fw.write(tmp_path)
    age(folder)
    inputs = [
        edge_vectors(FixedPoint.parse(form), EVENTS, size, seed)
        for seed, ((_, size, _), form) in enumerate(zip(fw.inputs, forms, strict=True))
    ]
    network = Network.from_hls_project(folder)
    names = [name for name, _, _ in fw.outputs]
    assert_equal(network.predict_raw(*inputs), fw.compile(folder)(*inputs), names)


def test_the_installed_library_is_known():
    unknown = [
        str(body.location)
        for part in ("vivado", "vitis")
        for header in sorted((HLS4ML / "templates" / part / "nnet_utils").glob("nnet_*.h"))
        if header.name not in ("nnet_code_gen.h", "nnet_garnet.h")
        for body in read_bodies(header.read_text(), header.name)
        if fingerprint(body) not in KNOWN
    ]
    assert not unknown


SOURCE = """template <class T, typename CONFIG_T> void one(T data[4], T res[4]) {
    if (CONFIG_T::io_type == io_parallel) {
        #pragma HLS PIPELINE
    }
    // a comment
Loop:
    for (int i = 0; i < 4; i++) { res[i] = data[i] > 0 ? two(data[i]) : T(0); /* another */ }
}

inline float two(float x) { return x + x; }
template <class T> class Three { static void four() {} };
"""


def test_comments_pragmas_and_labels_do_not_count():
    tidy = re.sub(r"if \(.*?\n    \}|// a comment|/\*.*?\*/|Loop:", "", SOURCE, flags=re.S)
    for rough, clean in zip(read_bodies(SOURCE, "a.h"), read_bodies(tidy, "a.h"), strict=True):
        assert (rough.name, rough.text) == (clean.name, clean.text)
    other = list(read_bodies(SOURCE.replace("> 0", ">= 0"), "a.h"))
    names = [body.name for body in other]
    assert names == ["one", "two", "Three"]
    same = [a.text == b.text for a, b in zip(other, read_bodies(SOURCE, "a.h"), strict=True)]
    assert same == [False, True, True]


KNOWN_LOOP = "Accum1:\n    for (int ii = 0; ii < CONFIG_T::n_in; ii++) {"


@pytest.mark.parametrize(
    ("text", "read"),
    [
        ('std::cout << "see http://a.b /* c" << std::endl;\n', True),
        ('std::cout << "a \\" b";\n', False),
        ("#pragma HLS UNROLL\n", True),
        ('std::cout << "//"; acc[0] = 0;\nstd::cout << "//"\n;', False),
        ('std::cout << "\\""; acc[0] = 0; std::cout << "\\"";\n', False),
        ("#if 0\n#endif\n", False),
        ("#ifdef DEBUG\n#endif\n", False),
        ("#  ifndef __SYNTHESIS__\n#endif\n", True),
        ("#define mult biases\n", False),
        ("#undef mult\n", False),
        ('#include "other.h"\n', False),
    ],
)
def test_prints_may_be_added_and_nothing_that_changes_what_is_compiled(text, read):
    header = (HLS4ML / "templates/vivado/nnet_utils/nnet_dense_latency.h").read_text()
    assert header.count(KNOWN_LOOP) == 1
    (body,) = read_bodies(header.replace(KNOWN_LOOP, text + KNOWN_LOOP), "a.h")
    assert known(body) == read


def test_what_a_function_reaches_is_checked_and_nothing_else():
    library = Library.of(read_bodies(SOURCE, "nnet_some.h"))
    library.check(["absent"], streams=False)
    for name, line in (("one", 1), ("two", 10), ("Three", 11)):
        with pytest.raises(FirmwareSourceError, match="no known version") as caught:
            library.check([name], streams=False)
        assert (caught.value.location.path, caught.value.location.line) == ("nnet_some.h", line)


@pytest.mark.parametrize(
    "text",
    [
        "/*" * 200_000,
        "template <" * 50_000,
        "template <class T> void f() {" * 20_000,
        "template <class T> void f() {}" * 20_000,
        "template <class T> void f() {" + "if ( CONFIG_T::io_type == io_serial ) {" * 10_000,
        "inline " * 100_000,
        "{" * 400_000,
        "#\\\n" * 100_000,
        '"' * 200_000,
        "x" * 2_000_000,
    ],
)
def test_hostile_headers_are_read_quickly_or_refused(text):
    start = time.process_time()
    with contextlib.suppress(FirmwareSourceError):
        Library.of(read_bodies(text, "nnet_a.h")).check(["f"], streams=False)
    assert time.process_time() - start < 3


def test_functions_for_streams_count_in_networks_of_streams():
    library = Library.of(
        [*read_bodies(SOURCE, "nnet_a.h"), *read_bodies(SOURCE, "nnet_a_stream.h")]
    )
    assert len(library.bodies("one", streams=False)) == 1
    assert len(library.bodies("one", streams=True)) == 2
    assert library.says("two", "x + x")
    assert not library.says("two", "x - x")


@pytest.mark.parametrize(
    ("header", "old", "new"),
    [
        ("nnet_activation.h", "else\n            res[ii] = 0;", "else\n            res[ii] = 1;"),
        ("nnet_mult.h", "return a * w;", "return a * w + w;"),
        ("nnet_dense_latency.h", "acc[jj] += mult[index];", "acc[jj] -= mult[index];"),
    ],
)  # fmt: skip
def test_functions_changed_by_hand_are_refused_with_their_place(tmp_path, header, old, new):
    fw = Firmware(("activation", "dense"))
    x, y = fw.input("x", 2, "ap_fixed<8,4>"), fw.output("y", 2, "ap_fixed<16,8>")
    fw.weight("w2", "ap_fixed<6,2>", np.ones(4))
    fw.weight("b2", "ap_fixed<6,2>", np.ones(2))
    types = {"accum_t": "ap_fixed<16,8>", "weight_t": "w2_t", "bias_t": "b2_t"}
    fw.config("config2", "dense_config", types, n_in=2, n_out=2, reuse_factor=1)
    fw.configs[-1] = fw.configs[-1].replace(
        "};",
        "    template<class data_T, class res_T, class CONFIG_T>\n"
        "    using kernel = nnet::DenseLatency<data_T, res_T, CONFIG_T>;\n"
        "    template<class x_T, class y_T>\n"
        "    using product = nnet::product::mult<x_T, y_T>;\n};",
    )
    fw.config("config3", "activ_config", n_in=2)
    fw.call(f"nnet::dense<{x}_t, {x}_t, config2>({x}, z, w2, b2); // dense", f"{x}_t z[2];")
    fw.call(f"nnet::relu<{x}_t, {y}_t, config3>(z, {y}); // relu")
    folder = fw.write(tmp_path)
    Network.from_hls_project(folder)
    path = folder / "firmware" / "nnet_utils" / header
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))
    with pytest.raises(FirmwareSourceError, match="no known version") as caught:
        Network.from_hls_project(folder)
    assert caught.value.location.path.endswith(header)


def one_relu(tmp_path, old="", new=""):
    """Write a network of one relu, with a piece of the library's text exchanged."""
    fw = Firmware(HEADERS)
    x, y = fw.input("x", 3, "ap_fixed<8,4>"), fw.output("y", 3, "ap_fixed<8,4>")
    fw.config("config1", "activ_config", n_in=3)
    fw.call('std::cout << "begins" << std::endl')
    fw.call('printf("%d inputs\\n", 3)')
    fw.call('std::fprintf(stderr, "begins\\n")')
    fw.call(f"nnet::relu<{x}_t, {y}_t, config1>({x}, {y}); // relu")
    fw.calls = [line if line.endswith(";") or "//" in line else f"{line};" for line in fw.calls]
    folder = fw.write(tmp_path)
    header = folder / "firmware" / "nnet_utils" / "nnet_activation.h"
    text = header.read_text()
    assert old in text
    header.write_text(text.replace(old, new, 1))
    return folder


RELU = "        datareg = data[ii];\n        if (datareg > 0)"
DEBUG = "for (int ii = 0; ii < CONFIG_T::n_in; ii++) { std::cout << data[ii].to_double(); }"


@pytest.mark.parametrize(
    "new",
    [
        f"        std::cout << data[ii] << std::endl;\n{RELU}",
        f'        std::cerr << "relu " << data[ii].to_double() << "\\n";\n{RELU}',
        f'        printf("relu %f\\n", data[ii].to_double());\n{RELU}',
        f'        std::fprintf(stderr, "relu");\n{RELU}',
        "        datareg   =   data[ ii ] ; // a copy\n/* compared */ if( datareg>0 )",
    ],
)
def test_prints_comments_and_spaces_change_nothing(tmp_path, new):
    network = Network.from_hls_project(one_relu(tmp_path, RELU, new))
    assert network.predict_raw([[-3, 0, 5]]).tolist() == [[0, 0, 5]]


def test_line_ends_of_windows_change_nothing(tmp_path):
    pragma = "#pragma HLS ALLOCATION operation \\\n    instances=mul limit=1\n"
    folder = one_relu(tmp_path, RELU, f"{pragma}// a comment \\\n that goes on;\n{RELU}")
    for path in (folder / "firmware").rglob("*"):
        if path.suffix in (".h", ".cpp"):
            path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    network = Network.from_hls_project(folder)
    assert network.predict_raw([[-3, 0, 5]]).tolist() == [[0, 0, 5]]


def test_loops_that_only_print_change_nothing(tmp_path):
    start = "    data_T datareg;"
    Network.from_hls_project(one_relu(tmp_path, start, f"{DEBUG}\n{start}"))


@pytest.mark.parametrize(
    "new",
    [
        f"        std::cout << (data[ii] = 1);\n{RELU}",
        f"        std::cout << data[ii]++;\n{RELU}",
        f"        std::cout << change(data);\n{RELU}",
        f'        printf("%d", data[ii]++);\n{RELU}',
        f'        printf("%n", &ii);\n{RELU}',
        f'        printf("%d", change(data));\n{RELU}',
        RELU.replace("> 0", ">= 1"),
    ],
)
def test_other_changes_are_refused(tmp_path, new):
    with pytest.raises(FirmwareSourceError, match="in no known version") as caught:
        Network.from_hls_project(one_relu(tmp_path, RELU, new))
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize(
    ("backend", "tool"),
    [("quartus", "Intel Quartus HLS"), ("oneapi", "Intel oneAPI"), ("catapult", "Catapult")],
)
def test_firmware_of_other_tools_is_refused_by_name(tmp_path, backend, tool):
    for name in ("defines.h", "parameters.h", "myproject.cpp"):
        text = (HLS4ML / "templates" / backend / "firmware" / name).read_text()
        (tmp_path / name).write_text(text)
    with pytest.raises(FirmwareSourceError, match=f"{tmp_path} holds .*{tool}.*backend='Vitis'"):
        Network.from_hls_project(tmp_path)


def test_messages_are_short():
    assert len(str(FirmwareSourceError("x" * 5000, None, "y" * 5000))) < 450


def test_a_mark_of_bytes_in_front_of_a_source_changes_nothing(tmp_path):
    folder = one_relu(tmp_path)
    for path in folder.rglob("*"):
        if path.suffix in (".h", ".cpp"):
            path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert Network.from_hls_project(folder).predict_raw([[-3, 0, 5]]).tolist() == [[0, 0, 5]]
