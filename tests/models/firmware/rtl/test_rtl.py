"""RTL from the integer graph: tools' operation lists and simulated Verilog equal the emulator."""

import numpy as np
import pytest

from l1kd.artefacts import load
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network
from l1kd.errors import ToolError
from l1kd.models.firmware.rtl.rtl import build_rtl, pack, port_map, unpack
from l1kd.models.firmware.rtl.text import with_tables
from l1kd.models.firmware.tools import verilator, yosys
from l1kd.models.firmware.vectors import vectors
from tests.emulators.network.small_networks import dense, network_of
from tests.models.firmware.rtl_networks import cast_grid, flat, random_inputs, random_network

pytest.importorskip("da4ml")
pytest.importorskip("alkaid")

from l1kd.models.firmware.adders.graph import rebuilt
from l1kd.models.firmware.rtl.distributed.adapters import load_tool
from l1kd.models.firmware.rtl.distributed.trace import trace_network

TOOLS = ("da4ml", "alkaid")
simulated = pytest.mark.skipif(verilator.available() is not None, reason=str(verilator.available()))
synthesized = pytest.mark.skipif(yosys.available() is not None, reason=str(yosys.available()))


def physical(network, inputs):
    parts = [
        tensor.format.to_float(raw).reshape(len(raw), -1)
        for tensor, raw in zip(network.inputs, inputs, strict=True)
    ]
    return np.concatenate(parts, axis=1)


def expected(network, inputs):
    raw = flat(network, network.predict_raw(*inputs))
    steps = np.concatenate([np.full(t.size, t.format.step) for t in network.outputs])
    return raw * steps


def assert_equal(got, wanted, inputs):
    bad = np.argwhere(got != wanted)
    first = [(r, c, wanted[r, c], got[r, c], [x[r].tolist() for x in inputs]) for r, c in bad[:5]]
    assert not len(bad), (
        f"{len(bad)} of {wanted.size} differ: (row, column, wanted, got, x) {first}"
    )


@pytest.mark.parametrize("tool", TOOLS)
@pytest.mark.parametrize(
    ("source", "scale", "offset", "relu"),
    [
        (FixedPoint(7, 3, True), 1, 0, False),
        (FixedPoint(7, 3, True), -3, 5, False),
        (FixedPoint(7, 3, True), 1, 0, True),
        (FixedPoint(6, 4, False), -1, 0, False),
    ],
)
def test_every_rounding_and_overflow_for_every_number(tool, source, scale, offset, relu):
    network = cast_grid(source, scale, offset, relu)
    x = [np.arange(source.minimum, source.maximum + 1)[:, None]]
    logic = trace_network(network, load_tool(tool))
    assert_equal(logic.predict(physical(network, x)), expected(network, x), x)


@pytest.mark.parametrize("tool", TOOLS)
def test_large_weights_of_few_bits(tool):
    """Numbers of several scales side by side, as in lists of tables: rows share powers of two."""
    weights = np.array([[17 << 24, -(5 << 24)], [1, 3], [-(3 << 26), 0]])
    form = FixedPoint(40, 40)
    network = network_of(FixedPoint(6, 6), 3, dense("x", weights, [7, -1], form, form))
    x = [np.random.default_rng(1).integers(-32, 32, (500, 3))]
    logic = trace_network(network, load_tool(tool))
    assert_equal(logic.predict(physical(network, x)), expected(network, x), x)
    odd = network_of(FixedPoint(6, 6), 3, dense("x", weights + 1, [7, -1], form, form))
    with pytest.raises(OverflowError, match=f"a weight exceeds what {tool} can multiply with"):
        trace_network(odd, load_tool(tool))


@pytest.mark.parametrize("seed", range(10))
def test_random_networks_and_their_operation_lists(seed, tmp_path):
    network = random_network(seed)
    x = random_inputs(network, 300, seed)
    wanted = expected(network, x)
    for name in TOOLS:
        tool = load_tool(name)
        logic = trace_network(network, tool)
        assert_equal(logic.predict(physical(network, x)), wanted, x)
        tool.save(logic, tmp_path / "operations.json")
        read = Network.from_operation_list(tmp_path / "operations.json")
        assert_equal(read.predict(physical(network, x)), wanted, x)


@pytest.mark.parametrize("tool", TOOLS)
def test_operation_list_of_a_shipped_network(tool, tmp_path):
    network = Network.load(load("qdistillnet_hgq-v1").file("network.npz"))
    raw = vectors.make(network, 2000, 1).raw
    x = vectors.split(network, raw)
    adapter = load_tool(tool)
    logic = rebuilt(trace_network(network, adapter), adapter.dialect)
    adapter.save(logic, tmp_path / "operations.json")
    read = Network.from_operation_list(tmp_path / "operations.json")
    assert_equal(read.predict(physical(network, x)), expected(network, x), x)


def test_what_is_no_operation_list_is_refused(tmp_path):
    path = tmp_path / "operations.json"
    for text in ("", "[]", "{}", "[1, 2]", '{"meta": "ALIRModel", "spec_version": 9}', "\x00"):
        path.write_text(text)
        with pytest.raises(ValueError, match=r"list|Expecting|not understood"):
            Network.from_operation_list(path)


def test_ports_hold_every_bit(tmp_path):
    network = random_network(3)
    rows = port_map(network)
    for port, tensors in (("data_in", network.inputs), ("data_out", network.outputs)):
        own = [row for row in rows if row.port == port]
        assert [row.low for row in own[1:]] == [row.high + 1 for row in own[:-1]]
        assert own[0].low == 0
        assert len(own) == sum(tensor.size for tensor in tensors)
    formats = [row.format for row in rows]
    rng = np.random.default_rng(0)
    raw = np.stack([rng.integers(f.minimum, f.maximum + 1, 200) for f in formats], axis=1)
    assert (unpack(pack(raw, formats), formats) == raw).all()


@simulated
@pytest.mark.heavy
@pytest.mark.parametrize(("tool", "cutoff"), [("da4ml", None), ("da4ml", 3), ("alkaid", 3)])
def test_simulated_verilog(tool, cutoff, tmp_path):
    network = random_network(4)
    x = random_inputs(network, 5000)
    design = build_rtl(network, tmp_path, tool=tool, latency_cutoff=cutoff)
    assert (design.latency_cycles > 0) == (cutoff is not None)
    raw = np.concatenate(x, axis=1)
    got = verilator.simulate(tmp_path, design, network, raw, build_dir=tmp_path / "build")
    assert_equal(got, flat(network, network.predict_raw(*x)), x)


@synthesized
@pytest.mark.heavy
def test_cells_are_counted(tmp_path):
    network = random_network(4)
    design = build_rtl(network, tmp_path, tool="da4ml", latency_cutoff=3)
    found = yosys.synthesize(design.sources, design.top, tmp_path / "yosys", "xc7vx690tffg1927-2")
    assert found.lut > 0
    assert 0 < found.ff <= design.estimated_ffs
    assert found.dsp == 0


def test_the_same_network_gives_the_same_bytes(tmp_path):
    network = random_network(5)
    texts = []
    for name in ("one", "two"):
        build_rtl(network, tmp_path / name, tool="da4ml", latency_cutoff=4)
        files = sorted((tmp_path / name).rglob("*"))
        texts.append([(p.name, p.read_bytes()) for p in files if p.is_file()])
    assert texts[0] == texts[1]


def test_tables_in_an_unknown_form_are_refused():
    code = 'lookup_table #(3, 2, "table_a.mem") op_1 (v0, v1);'
    memories = {"table_a.mem": "\n".join("0123")}
    assert "module table_a" in with_tables(code, memories, "verilog")
    for unknown, given in ((code.replace("#(", "# ("), memories), (code, {**memories, "b": "0"})):
        with pytest.raises(ToolError, match="wrote its tables in a form"):
            with_tables(unknown, given, "verilog")
