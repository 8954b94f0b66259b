"""A deployed network from its firmware folder to events, on the command line."""

import json

import awkward as ak
import numpy as np
import pytest
import uproot

pytest.importorskip("hls4ml", reason="hls4ml is not installed")
from tests.emulators.network.firmware import Firmware
from tests.l1kd.algorithms.deployed.test_objects import drawn, of_event, opened

EVENTS = 40
N_IN, N_OUT = 57, 4


@pytest.fixture
def weights():
    return np.random.default_rng(4).integers(-20, 21, (N_IN, N_OUT))


@pytest.fixture
def folder(weights, tmp_path):
    """Write AXOL1TL's layout with one layer: 57 numbers to a latent vector of four."""
    fw = Firmware(name="axol1tl")
    x, y = fw.input("x", N_IN, "ap_fixed<18,13>"), fw.output("y", N_OUT, "ap_fixed<20,8>")
    w = fw.weight("w2", "ap_fixed<8,0>", weights / 256.0)
    b = fw.weight("b2", "ap_fixed<8,0>", np.zeros(N_OUT))
    fw.typedef("acc_t", "ap_fixed<40,20>")
    fw.raw_config(f"""struct config2 : nnet::dense_config {{
    static const unsigned n_in = {N_IN};
    static const unsigned n_out = {N_OUT};
    static const unsigned io_type = nnet::io_parallel;
    static const unsigned strategy = nnet::latency;
    static const unsigned reuse_factor = 1;
    static const unsigned n_zeros = 0;
    static const unsigned n_nonzeros = {N_IN * N_OUT};
    static const unsigned multiplier_limit =
        DIV_ROUNDUP(n_in * n_out, reuse_factor) - n_zeros / reuse_factor;
    static const bool store_weights_in_bram = false;
    typedef acc_t accum_t;
    typedef {b}_t bias_t;
    typedef {w}_t weight_t;
    template<class data_T, class res_T, class CONFIG_T>
    using kernel = nnet::DenseLatency<data_T, res_T, CONFIG_T>;
    template<class x_T, class y_T>
    using product = nnet::product::mult<x_T, y_T>;
}};""")
    fw.call(f"nnet::dense<{x}_t, {y}_t, config2>({x}, {y}, {w}, {b}); // dense")
    made = fw.write(tmp_path / "AXOL1TL_v9")
    (made / "scales.h").write_text(
        "typedef ap_fixed<5,5> ad_shift_t;\ntypedef ap_fixed<10,9> ad_offset_t;\n"
        f"static const ad_shift_t ad_shift[57] = {{{', '.join(['3', '2', '2'] * 19)}}};\n"
        f"static const ad_offset_t ad_offsets[57] = {{{', '.join(['0.5', '0', '7'] * 19)}}};\n"
    )
    return made


@pytest.fixture
def nano(tmp_path):
    """Write a small L1 NANO file with objects in hardware integers."""
    events = opened(drawn(EVENTS, seed=7))
    columns = {name: events[name] for name in events.fields}
    columns["run"] = np.ones(EVENTS, np.uint32)
    with uproot.recreate(tmp_path / "nano.root") as file:
        types = {name: ak.Array(x).type.content for name, x in columns.items()}
        file.mktree("Events", types).extend(columns)
    return tmp_path / "nano.root"


def score(row, weights):
    """AXOL1TL's score of 57 numbers, in integers: 1/32, shifts, products, squares."""
    raw = []
    for k, number in enumerate(row):
        steps = int(number * 32) - (16, 0, 224)[k % 3]
        raw.append(((steps + 2**17) % 2**18 - 2**17) >> (3, 2, 2)[k % 3])
    total = 0
    for column in weights.T.tolist():
        value = sum(x * w for x, w in zip(raw, column, strict=True)) >> 1  # 2^-13 to 2^-12
        value = (value + 2**19) % 2**20 - 2**19
        total += (value * value >> 20) % 2**18
    return total % 2**18


def expected(weights):
    collections = drawn(EVENTS, seed=7)
    return [score(of_event(collections, k), weights) for k in range(EVENTS)]


def test_emulate_writes_the_fields_of_a_deployed_network(l1kd, folder, nano, weights, tmp_path):
    done = l1kd("emulate", f"axol1tl={folder}", nano, "--out", tmp_path / "scores.npz")
    assert done.exit_code == 0, done.output
    wanted = expected(weights)
    with np.load(tmp_path / "scores.npz") as found:
        assert found["score"].tolist() == [value / 16 for value in wanted]
        assert found["score_raw"].tolist() == wanted
    assert len(set(wanted)) > 20


def test_compare_takes_a_branch_of_events(l1kd, folder, nano, weights, tmp_path):
    wanted = np.array(expected(weights))
    stored = wanted.astype(np.float32)
    stored[3] += 1
    with uproot.open(nano) as file:
        columns = file["Events"].arrays(library="ak")
    kept = {n: columns[n] for n in columns.fields if not n.startswith("n")}
    with uproot.recreate(tmp_path / "scores.root") as file:
        file["Events"] = {**kept, "AXOL1TL_score": stored}
    done = l1kd("compare", f"axol1tl={folder}", tmp_path / "scores.root",
                "--branch", "AXOL1TL_score", "--json")  # fmt: skip
    assert done.exit_code == 1, done.output
    found = json.loads(done.stdout)
    assert (found["rows"], found["differing"], found["largest"]) == (EVENTS, 1, 1.0)
    np.save(tmp_path / "right.npy", wanted)
    same = l1kd("compare", f"axol1tl={folder}", tmp_path / "right.npy", "--inputs", nano)
    assert same.exit_code == 0, same.output
    np.save(tmp_path / "nan.npy", np.full(EVENTS, np.nan))
    nothing = l1kd("compare", f"axol1tl={folder}", tmp_path / "nan.npy", "--inputs", nano)
    assert nothing.exit_code == 1
    assert f"{EVENTS} rows" in nothing.stdout
    assert "hold NaN" in nothing.stdout
    np.save(tmp_path / "text.npy", np.array(["a"] * EVENTS))
    damaged = l1kd("compare", f"axol1tl={folder}", tmp_path / "text.npy", "--inputs", nano)
    assert "text.npy: expected numbers of shape (n, 1)" in damaged.stderr.replace("\n", " ")
    jagged = l1kd("compare", f"axol1tl={folder}", nano, "--branch", "L1Jet_hwPt")
    assert "branch 'L1Jet_hwPt' holds var * int64, not the same number" in jagged.stderr
    wrong = l1kd("compare", f"axol1tl={folder}", folder)
    assert "reads events: expected a ROOT file with --branch" in wrong.stderr


def test_rates_take_a_deployed_network(l1kd, folder, nano, weights, tmp_path):
    done = l1kd("rates", "--minbias", nano, "--algorithms", f"axol1tl={folder}",
                "--out", tmp_path / "rates", "--json")  # fmt: skip
    assert done.exit_code == 0, done.output
    (study,) = json.loads(done.stdout)["rates"]
    curve = study["curves"]["axol1tl_score"]
    passed = [np.mean(np.array(expected(weights)) / 16 >= t) for t in curve["thresholds"]]
    np.testing.assert_allclose(np.array(curve["rate"]) / study["input_hz"], passed, rtol=1e-6)
