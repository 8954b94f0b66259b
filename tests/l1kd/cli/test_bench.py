"""Verbs for the bench: compare, vectors, emulate, inspect-network."""

import json

import numpy as np
import pytest
import uproot

from l1kd.algorithms import Cicada
from l1kd.algorithms.residuals import network_input
from l1kd.datasets import inspect_file
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network
from l1kd.emulators.network.graph import Graph
from l1kd.models.firmware.vectors import vectors
from l1kd.regions import regions
from tests.models.firmware.networks import dense, make_network


@pytest.fixture
def network(tmp_path):
    network = make_network()
    network.save(tmp_path / "small.npz")
    return network


def test_patterns_go_to_the_bench_and_come_back(l1kd, network, tmp_path):
    folder, file = tmp_path / "bench", tmp_path / "small.npz"
    for kind, suffix in (("emp", "txt"), ("apx", "txt"), ("hex", "hex"), ("csv", "csv")):
        arguments = (file, "--kind", kind, "--count", 200, "--out", folder, "--field", 16)
        done = l1kd("vectors", *arguments, "--links", "4-5")
        assert done.exit_code == 0, done.output
        inputs, outputs = folder / f"inputs.{suffix}", folder / f"outputs.{suffix}"
        same = ("--inputs", inputs, "--field", 16, "--links", "4-5", "--json")
        done = l1kd("compare", file, outputs, *same)
        assert done.exit_code == 0, done.output
        assert json.loads(done.stdout)["rows"] == 200
    text = (folder / "outputs.hex").read_text()
    (folder / "outputs.hex").write_text(("f" if text[0] != "f" else "0") + text[1:])
    done = l1kd("compare", file, folder / "outputs.hex", "--inputs", folder / "inputs.hex",
                "--field", 16, "--out", tmp_path / "report")  # fmt: skip
    assert done.exit_code == 1
    assert "row 0" in done.output or "1 of 200 rows differ" in done.output


def test_files_without_rows_give_none_and_prove_nothing(l1kd, network, tmp_path):
    np.save(tmp_path / "none.npy", np.empty((0, network.inputs[0].size), np.int64))
    none = tmp_path / "none.npy"
    for extra in ((), ("--layers",)):
        out = tmp_path / "results.npz"
        done = l1kd("emulate", tmp_path / "small.npz", none, "--out", out, *extra)
        assert done.exit_code == 0, done.output
        with np.load(out) as results:
            assert {len(results[name]) for name in results} == {0}
    done = l1kd("compare", tmp_path / "small.npz", tmp_path / "small.npz", "--inputs", none)
    assert done.exit_code == 1
    assert "no rows to compare" in done.stderr


def test_a_record_may_stand_first(l1kd, network, tmp_path):
    file, rows = tmp_path / "small.npz", tmp_path / "rows.npy"
    raw = vectors.make(network, 50, 1).raw
    np.save(rows, raw)
    np.save(tmp_path / "results.npy", vectors.emulate(network, raw))
    done = l1kd("compare", tmp_path / "results.npy", file, "--inputs", rows)
    assert done.exit_code == 0, done.output
    assert "0 of 50 rows" in done.output.replace("\n", "")


def test_results_need_their_inputs(l1kd, network, tmp_path):
    np.save(tmp_path / "results.npy", np.zeros((3, 2), np.int64))
    done = l1kd("compare", tmp_path / "small.npz", tmp_path / "results.npy")
    assert done.exit_code == 1
    assert "--inputs" in done.stderr


def test_two_networks_are_compared_with_a_report(l1kd, network, tmp_path):
    inputs = network.inputs[0]
    layers = [*network.graph.layers]
    layers[2] = dense("last", layers[1].output, 2, FixedPoint(9, 6, True, "RND", "WRAP"), seed=5)
    Network(Graph("other", (inputs,), (layers[2].output.name,), tuple(layers))).save(
        tmp_path / "other.npz"
    )
    done = l1kd("compare", tmp_path / "small.npz", tmp_path / "other.npz", "--vectors", 500,
                "--out", tmp_path / "report")  # fmt: skip
    assert done.exit_code == 1
    assert "last" in done.stdout
    found = json.loads((tmp_path / "report" / "comparison.json").read_text())
    assert found["first_layers"] == {"last": found["differing"]}
    assert {d["what"] for d in found["differences"]} >= {"weights", "biases"}
    assert "| last |" in (tmp_path / "report" / "comparison.md").read_text()
    same = l1kd("compare", tmp_path / "small.npz", tmp_path / "small.npz", "--vectors", 500)
    assert same.exit_code == 0, same.output


def test_a_branch_of_nano_is_a_record(l1kd, data, tmp_path):
    source = data / "ttbar2l_PU140_l1nano.root"
    scores = tmp_path / "scores.npy"
    done = l1kd("emulate", "cicada-v1", source, "--out", scores)
    assert done.exit_code == 0, done.output
    with uproot.open(source) as file:
        columns = file["Events"].arrays(library="ak")
    with uproot.recreate(tmp_path / "nano.root") as file:
        names = [n for n in columns.fields if not n.startswith("n")]
        content = {name: columns[name] for name in names}
        file["Events"] = {**content, "CICADA_score": np.load(scores)[:, 0].astype(np.float32)}
    nano = tmp_path / "nano.root"
    done = l1kd("compare", "cicada-v1", nano, "--branch", "CICADA_score", "--json")
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["rows"] == 50
    wrong = l1kd("compare", "cicada-v1", nano, "--branch", "CICADA_scores")
    assert wrong.exit_code == 1
    assert "found CICADA_score" in wrong.stderr


def test_emulate_takes_an_algorithm_with_its_model(l1kd, data, tmp_path):
    source = data / "ttbar2l_PU140_l1nano.root"
    for name, out in (("cicada=cicada-v1", "new/named.npz"), ("cicada-v1", "plain.npy")):
        done = l1kd("emulate", name, source, "--out", tmp_path / out)
        assert done.exit_code == 0, done.output
    with np.load(tmp_path / "new" / "named.npz") as found:
        np.testing.assert_array_equal(found["score"], np.load(tmp_path / "plain.npy")[:, 0])
    done = l1kd("emulate", "cicada=cicada-v1", tmp_path / "plain.npy", "--out", tmp_path / "x.npz")
    assert done.exit_code == 1
    assert "expected a ROOT file" in done.stderr


def two_outputs(tmp_path):
    inputs = make_network().inputs[0]
    first = dense("first", inputs, 3, FixedPoint(9, 5), seed=1)
    second = dense("second", inputs, 2, FixedPoint(7, 5), seed=2)
    outputs = (first.output.name, second.output.name)
    network = Network(Graph("two", (inputs,), outputs, (first, second)))
    network.save(tmp_path / "two.npz")
    return network


def test_emulate_writes_several_outputs_and_all_layers(l1kd, tmp_path):
    network = two_outputs(tmp_path)
    raw = vectors.make(network, 100, 1).raw.astype(np.int64)
    np.save(tmp_path / "rows.npy", raw)
    arguments = ("emulate", tmp_path / "two.npz", tmp_path / "rows.npy", "--out")
    refused = l1kd(*arguments, tmp_path / "out.npy")
    assert refused.exit_code == 1
    assert "need a file of suffix .npz" in refused.stderr
    assert l1kd(*arguments, tmp_path / "out.npz", "--raw").exit_code == 0
    with np.load(tmp_path / "out.npz") as found:
        for name, expected in zip(network.graph.outputs, network.predict_raw(raw), strict=True):
            np.testing.assert_array_equal(found[name], expected)
    refused = l1kd(*arguments, tmp_path / "none" / "out.xyz")
    assert "expected one of .npy, .npz, .csv," in refused.stderr
    assert not (tmp_path / "none").exists(), "what is refused leaves nothing"
    assert l1kd(*arguments, tmp_path / "layers.npz", "--layers").exit_code == 0
    with np.load(tmp_path / "layers.npz") as found:
        for layer in network.graph.layers:
            expected = layer.output.format.to_float(network.trace(raw)[layer.name])
            np.testing.assert_array_equal(found[layer.name], expected)
    made = tmp_path / "made" / "here" / "out.csv"
    values = network.predict(network.inputs[0].format.to_float(raw))
    for extra, results in ((("--raw",), network.predict_raw(raw)), ((), values)):
        assert l1kd(*arguments, made, *extra).exit_code == 0
        found = np.loadtxt(made, delimiter=",", skiprows=1)
        np.testing.assert_array_equal(found, np.concatenate(results, axis=1))
        done = l1kd("compare", tmp_path / "two.npz", made, "--inputs", tmp_path / "rows.npy")
        assert done.exit_code == 0, done.output


def test_inspect_network_lists_all_and_speaks_json(l1kd, tmp_path):
    two_outputs(tmp_path)
    shown = json.loads(l1kd("inspect-network", tmp_path / "two.npz", "--json").stdout)
    assert [t["shape"] for t in shown["outputs"]] == [[3], [2]]
    assert [layer["formats"]["weight"] for layer in shown["layers"]] == ["ap_fixed<5,2>"] * 2
    assert "output second_out: 2, " in l1kd("inspect-network", tmp_path / "two.npz").stdout
    names = [row["network"] for row in json.loads(l1kd("inspect-network", "--json").stdout)]
    assert {"cicada-v1", "qdistillnet_local-v1", "cicada_logic-v3"} <= set(names)
    assert "cicada-v1" in l1kd("inspect-network").stdout
    logic = json.loads(l1kd("inspect-network", "cicada_logic-v3", "--json").stdout)
    assert logic["kind"] == "logic gates"
    assert Cicada().network.inputs[0].size == 252


def test_inspect_network_lists_the_versions_of_a_checkout(l1kd, tmp_path):
    from tests.l1kd.outside import write_halving_firmware

    for version in ("v1", "v2"):
        write_halving_firmware(tmp_path / version)
    rows = json.loads(l1kd("inspect-network", tmp_path, "--json").stdout)
    assert len(rows) == 2
    assert all("halve" in row["error"] for row in rows)
    assert "…" not in l1kd("inspect-network", tmp_path).stdout


def test_vectors_of_images_are_what_the_network_reads(l1kd, data, tmp_path):
    """A network on residual images is given residuals of the counts in the file."""
    file = data / "minbias_PU140_l1nano.root"
    l1kd("vectors", "cicada_hgq-v4", "--kind", "npy", "--inputs", file, "--count", 5,
         "--out", tmp_path)  # fmt: skip
    image = regions(inspect_file(str(file)).open()[:5])
    score = Cicada("cicada_hgq-v4")
    found = np.load(tmp_path / "outputs.npy")[:, 0] / 256
    np.testing.assert_array_equal(found, score.score(image))
    inputs = np.load(tmp_path / "inputs.npy")
    read, form = network_input(image, score.normalisation)
    wanted = score.network.inputs[0].format.cast(read.reshape(5, 252).astype(np.int64), form)
    np.testing.assert_array_equal(inputs, wanted)
