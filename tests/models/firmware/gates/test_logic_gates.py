"""Logic-gate networks as RTL: netlist, pipeline and simulated Verilog equal the emulator."""

import subprocess
from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.logic import GateLayer, LogicNetwork, LogicStage
from l1kd.errors import FirmwareError
from l1kd.models.firmware.build import BuildOptions, build
from l1kd.models.firmware.gates import text as gate_text
from l1kd.models.firmware.gates.cmssw import write_gates
from l1kd.models.firmware.gates.logic_gates import build_logic_rtl, gate_of, netlist_of
from l1kd.models.firmware.gates.netlist import ONE, ZERO, Netlist, cut
from l1kd.models.firmware.hls.hls import library
from l1kd.models.firmware.tools import verilator, yosys
from tests.models.firmware.vhdl import ghdl
from tests.models.firmware.vhdl import simulate as simulate_vhdl

simulated = pytest.mark.skipif(verilator.available() is not None, reason=str(verilator.available()))


def logic_network(seed=0):
    rng = np.random.default_rng(seed)
    stages, inputs = [], 3
    for width, output_width in ((6, 5), (5, 8)):
        sizes = (20, 40, 30)
        layers = tuple(
            GateLayer(
                rng.integers(0, before, now).astype(np.int32),
                rng.integers(0, before, now).astype(np.int32),
                rng.permutation(np.arange(now) % 16).astype(np.uint8),
            )
            for before, now in pairwise(sizes)
        )
        stages.append(
            LogicStage(
                inputs,
                width,
                rng.integers(0, inputs, sizes[0]).astype(np.int32),
                rng.integers(1, 1 << width, sizes[0]),
                layers,
                rng.integers(0, 4, sizes[-1]).astype(np.int32),
                rng.integers(-5, 9, (2, 4)),
                rng.integers(-9, 9, 2),
                output_width,
            )
        )
        inputs = 2
    return LogicNetwork("gates", (3,), stages, FixedPoint(8, 4, False))


def value(expression, bits):
    if not isinstance(expression, tuple):
        return bits[expression]
    kind, *operands = expression
    first, *rest = (value(part, bits) for part in operands)
    for other in rest:
        first = {"and": first & other, "or": first | other, "xor": first ^ other}[kind]
    return 1 - first if kind == "not" else first


def evaluate(netlist, inputs):
    """Return every bit of a netlist, shape (bits, rows), from bits of its inputs."""
    bits = {ZERO: np.zeros(inputs.shape[1], np.int64), ONE: np.ones(inputs.shape[1], np.int64)}
    bits |= dict(zip(netlist.inputs, inputs.astype(np.int64), strict=True))
    for node in netlist.nodes:
        if node.kind == "gate":
            bits[node.outputs[0]] = value(node.expression, bits)
            continue
        total = sum(bits[b] << k for number in node.operands for k, b in enumerate(number))
        if node.kind == "ones":
            total = sum(bits[b] for b in node.reads)
        for place, bit in enumerate(node.outputs):
            bits[bit] = total >> place & 1
    return bits


def run(network, raw):
    netlist, outputs = netlist_of(network)
    width = network.inputs[0].format.width
    inputs = (raw[:, :, None] >> np.arange(width) & 1).reshape(len(raw), -1)
    bits = evaluate(netlist, inputs.T)
    step = network.outputs[0].format.width
    found = np.stack([bits[b] for b in outputs]).reshape(-1, step, len(raw))
    return (found << np.arange(step)[None, :, None]).sum(axis=1).T


@pytest.mark.parametrize("table", range(16))
def test_gates_follow_their_truth_tables(table):
    for a, b in product((0, 1), repeat=2):
        found = value(gate_of(table, "a", "b"), {"a": a, "b": b, ZERO: 0, ONE: 1})
        assert found == table >> (2 * a + b) & 1


@pytest.mark.parametrize("width", [1, 3, 6])
def test_comparisons_with_every_constant(width):
    numbers = np.arange(1 << width)
    netlist = Netlist(width)
    for threshold in range((1 << width) + 1):
        bit = netlist.at_least(list(netlist.inputs), threshold)
        bits = evaluate(netlist, numbers >> np.arange(width)[:, None] & 1)
        np.testing.assert_array_equal(bits[bit], numbers >= threshold)


@given(st.lists(st.lists(st.integers(0, 30), max_size=40), min_size=1, max_size=6))
@settings(max_examples=60, deadline=None)
def test_bits_of_any_weight_are_added(columns):
    netlist = Netlist(29)
    rows = np.random.default_rng(len(columns)).integers(0, 2, (29, 50))
    total = netlist.total([list(column) for column in columns])
    bits = evaluate(netlist, rows)
    wanted = sum(bits[b] << place for place, column in enumerate(columns) for b in column)
    found = sum(bits[b] << place for place, b in enumerate(total))
    np.testing.assert_array_equal(found, wanted % (1 << len(columns)))


@pytest.mark.parametrize("seed", range(5))
def test_netlists_equal_the_emulator(seed):
    network = logic_network(seed)
    raw = np.random.default_rng(seed).integers(0, 64, (2000, 3))
    wanted = network.predict_raw(raw)
    assert len(np.unique(wanted)) > 3
    np.testing.assert_array_equal(run(network, raw), wanted)


@pytest.mark.parametrize("cutoff", [1.0, 2.5, 7.0, 100.0])
def test_stages_are_short_and_every_bit_is_held(cutoff):
    netlist, outputs = netlist_of(logic_network())
    stages = cut(netlist, outputs, cutoff)
    ready = dict.fromkeys([ZERO, ONE, *netlist.inputs], (-1, 0.0))
    for node, stage in zip(netlist.nodes, stages, strict=True):
        reads = [ready[bit] for bit in node.reads]
        assert all(before <= stage for before, _ in reads)
        start = max((time for before, time in reads if before == stage), default=0.0)
        assert start + node.delay <= max(cutoff, 1.2) + 1e-5
        ready |= dict.fromkeys(node.outputs, (stage, start + node.delay))
    total = max(netlist.arrival)
    assert max(stages) + 1 >= total / max(cutoff, 1.2) - 1e-5
    if cutoff >= total:
        assert set(stages) == {0}
        _, registers = gate_text.verilog("top", netlist, stages, outputs)
        assert registers == len({bit for bit in outputs if bit not in (ZERO, ONE)})


@simulated
@pytest.mark.heavy
@pytest.mark.parametrize("cutoff", [None, 2.5])
def test_simulated_gates(cutoff, tmp_path):
    network = logic_network()
    design = build_logic_rtl(network, tmp_path, latency_cutoff=cutoff)
    assert (design.latency_cycles > 1) == (cutoff is not None)
    raw = np.random.default_rng(1).integers(0, 64, (5000, 3))
    found = verilator.simulate(tmp_path, design, network, raw, build_dir=tmp_path / "build")
    np.testing.assert_array_equal(found, network.predict_raw(raw))


@ghdl
@pytest.mark.parametrize("cutoff", [None, 2.5])
def test_simulated_vhdl_of_gates(cutoff, tmp_path):
    network = logic_network()
    design = build_logic_rtl(network, tmp_path, latency_cutoff=cutoff)
    raw = np.random.default_rng(2).integers(0, 64, (500, 3))
    found = simulate_vhdl(tmp_path, design, network, raw)
    np.testing.assert_array_equal(found, network.predict_raw(raw))


def test_a_project_of_gates_is_complete(tmp_path, monkeypatch):
    monkeypatch.setattr(verilator, "available", lambda: "skipped in this test")
    monkeypatch.setattr(yosys, "available", lambda: None)
    asked = {}

    def synthesize(*given, **options):
        asked.update(options)
        return yosys.Resources(7, 5, 1, 0, 0.0, 2, 1.1, 9.0, "0.1")

    monkeypatch.setattr(yosys, "synthesize", synthesize)
    logic_network(3).save(tmp_path / "gates.npz")
    options = BuildOptions("da4ml", vectors=500, latency_cutoff=3.0)
    built = build(str(tmp_path / "gates.npz"), tmp_path / "out", options)
    assert asked == {"search_equal": False}
    assert built.figures["resources"]["Yosys 0.1"]["lut"] == 7
    assert built.description["rtl"]["initiation_interval"] == 1
    assert built.description["rtl"]["latency_cycles"] > 1
    text = (tmp_path / "out" / "README.md").read_text()
    assert "`data_in` | 5:0 |" in text
    assert "logic gates" in text
    assert (tmp_path / "out" / "rtl" / "vhdl" / "gates.vhd").is_file()
    listed = subprocess.run(
        ["make", "-n", "all"], cwd=tmp_path / "out", capture_output=True, text=True, check=True
    )
    assert "rtl/verilog/gates.v" in listed.stdout
    assert (tmp_path / "out" / "cmssw" / "emulator.cpp").is_file()


def test_hls_of_gates_is_refused_with_the_way_out(tmp_path):
    logic_network().save(tmp_path / "gates.npz")
    with pytest.raises(FirmwareError, match="--backend da4ml or alkaid"):
        build(str(tmp_path / "gates.npz"), tmp_path / "out", BuildOptions("vitis", vectors=10))
    assert not (tmp_path / "out").exists()


CMSSW = """
#include <any>
#include <cstdio>
#include <dlfcn.h>
#include <stdexcept>
#include "ap_fixed.h"
#include "ap_int.h"
#include "emulator.h"
int main(int, char **argument) {
    void *library = dlopen(argument[1], RTLD_NOW | RTLD_LOCAL);
    if (!library) { std::puts(dlerror()); return 2; }
    auto *create = (hls4mlEmulator::Model * (*)()) dlsym(library, "create_model");
    auto *destroy = (void (*)(hls4mlEmulator::Model *)) dlsym(library, "destroy_model");
    auto *model = create();
    ap_uint<6> in[3];
    ap_ufixed<8, 4> out[2];
    int raw[3];
    while (std::scanf("%d %d %d", raw, raw + 1, raw + 2) == 3) {
        for (int i = 0; i < 3; i++) in[i] = raw[i];
        model->prepare_input((const ap_uint<6> *)in);
        model->predict();
        model->read_result(out + 0);
        for (auto value : out) std::printf("%d ", value.range().to_int());
    }
    model->prepare_input(in + 0);
    try { model->prepare_input(raw + 0); return 3; } catch (const std::invalid_argument &) {}
    try { model->read_result(raw + 0); return 4; } catch (const std::invalid_argument &) {}
    destroy(model);
    return 0;
}
"""


def test_the_cmssw_library_of_gates_gives_the_emulators_bits(tmp_path):
    pytest.importorskip("hls4ml")
    network, folder = logic_network(1), tmp_path / "cmssw"
    write_gates(network, "gates", folder, library() / "vivado" / "ap_types")
    (tmp_path / "user.cpp").write_text(CMSSW)
    include = [f"-I{folder}", f"-I{folder / 'ap_types'}"]
    for command, where in (
        (["make", "CXXFLAGS=-O0 -std=c++17 -w"], folder),
        (["g++", "-O0", "-std=c++17", "-w", *include, "user.cpp", "-o", "user", "-ldl"], tmp_path),
    ):
        subprocess.run(command, cwd=where, check=True, capture_output=True)
    raw = np.random.default_rng(6).integers(0, 64, (20_000, 3))
    text = "\n".join(" ".join(map(str, row)) for row in raw)
    done = subprocess.run(
        ["./user", str(folder / "gates.so")], cwd=tmp_path, input=text, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, (done.returncode, done.stdout[-500:])
    found = np.array(done.stdout.split(), np.int64).reshape(-1, 2)
    np.testing.assert_array_equal(found, network.predict_raw(raw))
