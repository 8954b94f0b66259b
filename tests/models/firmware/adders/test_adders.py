"""Sums of three operands an adder: the same values, as few tables as they say, proved by Yosys."""

import random
import re
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network.graph import Piecewise, Tensor
from l1kd.errors import ToolError
from l1kd.models.firmware.adders import text as sum_text
from l1kd.models.firmware.adders.sharing import Part, anchor_of, share
from l1kd.models.firmware.adders.trees import Term, add_up, lowest_bit, width_of
from tests.emulators.network.small_networks import dense, network_of
from tests.models.firmware.rtl_networks import random_inputs, random_network

pytest.importorskip("da4ml")
pytest.importorskip("alkaid")

from l1kd.models.firmware.adders.graph import inner_sums, rebuilt, retimed
from l1kd.models.firmware.rtl.distributed.adapters import load_tool
from l1kd.models.firmware.rtl.distributed.trace import trace_network

TOOLS = ("da4ml", "alkaid")
yosys = pytest.mark.skipif(shutil.which("yosys") is None, reason="Yosys is not installed")


def random_terms(rng, count):
    """Return terms of random nodes, the first of which gives the sum its scale."""
    terms = []
    for node in range(count):
        low, high = sorted(rng.integers(-200, 200, 2).tolist())
        shift, negative = (0, False) if node == 0 else (int(rng.integers(0, 6)), bool(node % 3))
        bounds = sorted((-1 if negative else 1) * (bound << shift) for bound in (low, high))
        time = float(rng.integers(0, 4))
        terms.append(Term(node, shift, negative, *bounds, shift, time, anchor=node == 0))
    return terms


@pytest.mark.parametrize("seed", range(20))
def test_adders_give_the_sum(seed):
    rng = np.random.default_rng(seed)
    count = int(rng.integers(2, 14))
    terms = random_terms(rng, count)
    constant = int(rng.integers(-500, 500)) * (seed % 2)
    adders = add_up(terms, constant, count)
    operands = count + (constant != 0)
    assert len(adders) == operands // 2
    values = {t.node: Fraction(int(rng.integers(t.low, t.high + 1)) >> t.shift) for t in terms}
    for term in terms:
        values[term.node] *= -1 if term.negative else 1

    def add(operands):
        signs = ((-1 if term.negative else 1, term) for term in operands)
        return sum(sign * values[term.node] * 2**term.shift for sign, term in signs)

    total = add(terms) + constant
    for adder in adders:
        assert not adder.terms[0].negative
        assert len(adder.terms) + (adder.constant != 0) <= 3
        value = add(adder.terms) + adder.constant
        values[adder.result.node] = value / 2 ** adder.terms[0].shift
    assert adders[-1].result.anchor
    assert not adders[-1].result.negative
    assert values[adders[-1].result.node] == total
    assert adders[-1].result.low <= total <= adders[-1].result.high


def test_bits_below_all_others_need_no_table():
    low, high = (Term(0, 0, False, 0, 255, 0, 0.0, anchor=True), Term(1, 4, False, 0, 240, 4, 0.0))
    (adder,) = add_up([low, high], 0, 2)
    assert adder.tables == 9 - 4
    (adder,) = add_up([low, high._replace(negative=True, low=-240, high=0)], 0, 2)
    assert adder.tables == 9 - 4
    (adder,) = add_up([low], 64, 1)
    assert adder.tables == 9 - 6


@pytest.mark.parametrize(
    ("low", "high", "width"),
    [(0, 1, 1), (0, 7, 3), (0, 8, 4), (-1, 0, 1), (-8, 7, 4), (-9, 7, 5), (-1, 8, 5)],
)
def test_width(low, high, width):
    assert width_of(low, high) == width


def test_lowest_bit():
    assert [lowest_bit(value) for value in (1, 2, 12, -1, -8)] == [0, 1, 2, 0, 3]


@pytest.mark.parametrize("name", TOOLS)
@pytest.mark.parametrize("seed", range(6))
def test_rebuilt_lists_are_equal(name, seed):
    tool, network = load_tool(name), random_network(seed)
    logic = trace_network(network, tool)
    new = rebuilt(logic, tool.dialect)
    before, after = (
        sum(tool.dialect.sum_of(op) is not None for op in one.ops) for one in (logic, new)
    )
    assert after - len(inner_sums(new, tool.dialect)) <= before
    parts = [
        tensor.format.to_float(raw).reshape(len(raw), -1)
        for tensor, raw in zip(network.inputs, random_inputs(network, 300, seed), strict=True)
    ]
    x = np.concatenate(parts, axis=1)
    np.testing.assert_array_equal(new.predict(x), logic.predict(x))


@pytest.mark.parametrize("cutoff", [2.0, 5.2])
@pytest.mark.parametrize("name", TOOLS)
@pytest.mark.parametrize("seed", range(8))
def test_sums_of_signs_keep_their_step(name, seed, cutoff):
    """Signs are twice a bit less one: where the ones cancel, nothing odd is left in a sum."""
    rng = np.random.default_rng(seed)
    form, size = FixedPoint(6, 3), 7
    each, zero = np.arange(size, dtype=np.int32), np.zeros(size, np.int64)
    signs = Tensor("signs", (size,), FixedPoint(2, 2))
    sign = Piecewise(signs, "x", each, zero, zero, zero + 1, zero, zero - 1, 0)
    weights = rng.integers(-1, 2, (size, 5))
    total = FixedPoint(8, 8)
    network = network_of(form, size, sign, dense("signs", weights, zero[:5], total, total))
    tool = load_tool(name)
    stages = tool.stages(rebuilt(trace_network(network, tool), tool.dialect), cutoff)
    x = rng.integers(form.minimum, form.maximum + 1, (400, size))
    found = form.to_float(x)
    for stage in stages:
        found = stage.predict(found)
    np.testing.assert_array_equal(found, network.predict_raw(x))


@pytest.mark.parametrize("name", TOOLS)
def test_no_operation_crosses_the_end_of_a_stage(name):
    tool = load_tool(name)
    logic = rebuilt(trace_network(random_network(4), tool), tool.dialect)
    cutoff = 3.0
    timed = retimed(logic, tool.dialect, cutoff)
    pairs = inner_sums(timed, tool.dialect)
    assert pairs
    assert pairs == inner_sums(logic, tool.dialect)
    for number, op in enumerate(timed.ops):
        for operand in tool.dialect.operands(op):
            before = timed.ops[operand].latency
            assert before <= op.latency
            if tool.dialect.is_constant(timed.ops[operand]) or pairs.get(number) == operand:
                assert before == op.latency
    stages = tool.stages(logic, cutoff)
    assert len(stages) == int(np.ceil(max(op.latency for op in timed.ops) / cutoff - 1e-6))


@pytest.mark.parametrize("name", TOOLS)
@pytest.mark.parametrize("change", [("op_", "node_"), ("\n", " ")])
def test_modules_in_an_unknown_form_are_refused(name, change, monkeypatch):
    tool = load_tool(name)
    logic = rebuilt(trace_network(random_network(4), tool), tool.dialect)
    write = tool._source
    monkeypatch.setattr(tool, "_source", lambda *given: write(*given).replace(*change))
    with pytest.raises(ToolError, match="in a form that l1kd does not know"):
        tool.source(logic, "stage", "verilog")


def parameters(rng):
    """Return random parameters of an adder, small ones."""
    values = {"OPERANDS": rng.choice([2, 3]), "WIDTH": rng.randint(1, 10)}
    for operand in range(3):
        values |= {
            f"W{operand}": rng.randint(1, 5),
            f"S{operand}": rng.randint(0, 1),
            f"N{operand}": rng.randint(0, 1),
            f"P{operand}": rng.choice([0, 0, 1, 2, 5]),
        }
    values["N0"] &= not (values["N1"] and values["N2"])
    if values["OPERANDS"] == 2:
        values |= {"W2": 1, "CONSTANT": rng.randrange(1 << values["WIDTH"])}
    return values


def prove(folder, values, mapped):
    """Let Yosys prove that both texts of the adder are one function."""
    widths = [values["W0"], values["W1"], values["W2"]]
    given = ", ".join(
        f".{name}({values['WIDTH']}'d{value})" if name == "CONSTANT" else f".{name}({value})"
        for name, value in values.items()
    )
    ports = ", ".join(f"input [{w - 1}:0] in{n}" for n, w in enumerate(widths))
    third = "in2" if values["OPERANDS"] == 3 else "1'b0"
    (folder / "top.v").write_text(
        f"module top ({ports}, output [{values['WIDTH'] - 1}:0] out);\n"
        f"sum_of_three #({given}) adder (in0, in1, {third}, out);\nendmodule\n"
    )
    lines = ["read_verilog -nooverwrite -specify +/xilinx/cells_sim.v", "delete */t:$spec*"]
    lines += ["delete =A:whitebox", "design -stash cells"]
    for name, text in (("gold", sum_text.library("verilog")), ("gate", mapped)):
        lines += [f"read_verilog top.v {text}"]
        if name == "gate":
            lines += ["design -copy-from cells -as LUT6_2 LUT6_2"]
            lines += ["design -copy-from cells -as CARRY4 CARRY4"]
        lines += ["hierarchy -top top", "proc", "flatten", "opt", f"rename top {name}"]
        lines += [f"design -stash {name}"]
    lines += [f"design -copy-from {name} -as {name} {name}" for name in ("gold", "gate")]
    lines += ["miter -equiv -flatten gold gate miter", "sat -verify -prove trigger 0 miter"]
    (folder / "prove.ys").write_text("\n".join(lines) + "\n")
    command = ["yosys", "-q", "-s", "prove.ys"]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@yosys
@pytest.mark.parametrize(
    "seed",
    [*range(8), *(pytest.param(seed, marks=pytest.mark.heavy) for seed in range(8, 200))],
)
def test_cells_of_the_device_are_the_same_function(seed, tmp_path):
    (mapped,) = sum_text.MAPPED.values()
    values = parameters(random.Random(seed))
    done = prove(tmp_path, values, mapped)
    assert done.returncode == 0, (values, done.stdout[-2000:], done.stderr[-2000:])


@yosys
def test_the_proof_sees_a_wrong_table(tmp_path):
    (mapped,) = sum_text.MAPPED.values()
    wrong = tmp_path / "wrong.v"
    text, count = re.subn(r"A \^ B \^ C", "A ^ B ^ ~C", Path(mapped).read_text())
    assert count == 1
    wrong.write_text(text)
    values = {"OPERANDS": 3, "WIDTH": 6}
    values |= {f"{k}{n}": v for n in range(3) for k, v in (("W", 4), ("S", 0), ("N", 0), ("P", n))}
    assert prove(tmp_path, values, mapped).returncode == 0
    done = prove(tmp_path, values, wrong)
    assert done.returncode
    assert "proof did fail" in done.stderr


def table_count(parts, node):
    """Count an adder of eight tables for every two operands but one."""
    if anchor_of(parts) < 0 or len(parts) < 2:
        return -1
    return 8 * (len(parts) // 2)


def value_of(sums, node, values):
    if node not in sums:
        return values[node]
    parts = ((value_of(sums, p.node, values) * 2**p.shift, p.negative) for p in sums[node])
    return sum(-value if negative else value for value, negative in parts)


@pytest.mark.parametrize("seed", range(10))
def test_shared_sums_leave_every_value(seed):
    rng = np.random.default_rng(seed)
    sums = {}
    for node in range(100, 108):
        row = [Part(n, int(rng.integers(0, 3)), bool(rng.integers(2))) for n in range(12)]
        row = [part for part in row if rng.random() < 0.7] + [Part(12, 0, False)]
        sums[node] = row
    values = {n: Fraction(int(rng.integers(-99, 99))) for n in range(13)}
    before = {node: value_of(sums, node, values) for node in sums}
    cost = sum(table_count(parts, 0) for parts in sums.values())
    share(sums, 200, table_count)
    assert {node: value_of(sums, node, values) for node in before} == before
    assert all(sums[node] for node in sums)
    assert sum(table_count(parts, 0) for parts in sums.values()) < cost
    assert len(sums) > len(before)


def test_what_two_sums_share_becomes_one():
    common = [Part(1, 0, False), Part(2, 3, True), Part(3, 1, False)]
    moved = [part.moved(2, True) for part in common]
    sums = {10: [*common, Part(4, 0, False), Part(5, 0, False)], 11: [Part(6, 0, False), *moved]}
    share(sums, 20, table_count)
    assert sorted(sums[20]) == sorted(common)
    assert Part(20, 0, False) in sums[10]
    assert Part(20, 2, True) in sums[11]


def test_a_pair_of_two_sums_is_not_worth_an_adder():
    pair = [Part(1, 0, False), Part(2, 3, True)]
    sums = {10: [*pair, Part(4, 0, False)], 11: [*pair, Part(5, 0, False)]}
    share(sums, 20, table_count)
    assert set(sums) == {10, 11}
