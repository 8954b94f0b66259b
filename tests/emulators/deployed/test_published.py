"""Every network against its published wrapper class, compiled from a user's checkout."""

import numpy as np
import pytest

from l1kd.emulators.deployed import (
    Axol1tl,
    Cicada,
    EndcapMuons,
    JetTagger,
    LongLivedJets,
    MissingMomentum,
    Taus,
    Topo,
    axol1tl_inputs,
    topo_inputs,
)
from l1kd.emulators.fixed_point import FixedPoint
from tests.emulators.deployed.wrappers import checkout, compile_wrapper

pytestmark = pytest.mark.heavy

ROWS = 10_000
PAIR = (
    "for (unsigned i = 0; i < result.first.size(); i++) out[i] = raw(result.first[i]);"
    "for (unsigned i = 0; i < result.second.size(); i++)"
    " out[result.first.size() + i] = raw(result.second[i]);"
)


def first(count):
    return f"for (int i = 0; i < {count}; i++) out[i] = raw(result[i]);"


def spread(rng, form, size):
    """Raw numbers of a format: typical ones, all bits at random, and edges."""
    wide = rng.integers(form.minimum, form.maximum + 1, (ROWS, size))
    scale = rng.choice([2.0**-6, 2.0**-3, 1.0], (ROWS, 1)) * 2.0**form.width / 4
    near = np.clip(rng.normal(0, 1, (ROWS, size)) * scale / 8, form.minimum, form.maximum)
    rows = np.where(rng.random((ROWS, 1)) < 0.2, wide, near.astype(np.int64))
    rows[:4] = [[form.minimum], [form.maximum], [0], [1]]
    return rows


@pytest.mark.parametrize("version", ["v1", "v3", "v4", "v5", "v6"])
def test_axol1tl(version, tmp_path):
    folder = checkout("AXOL1TL", f"AXOL1TL_{version}")
    kind = {"v1": "std::array<ap_fixed<10,7>, 13>"}.get(
        version, "std::array<ap_fixed<10,7,AP_RND_CONV,AP_SAT>, 8>"
    )
    latest = version in ("v5", "v6")
    kind = "ap_fixed<18,14,AP_RND_CONV,AP_SAT>" if latest else kind
    wrapper = compile_wrapper(
        folder, tmp_path, "ap_fixed<18,13>", f"std::pair<{kind}, ap_ufixed<18,14>>",
        "out[0] = raw(result.second);", array="", width=1,
    )  # fmt: skip
    network = Axol1tl.from_folder(folder)
    rng = np.random.default_rng(1)
    hw = lambda n, top: np.stack(  # noqa: E731
        [rng.integers(0, top, (ROWS, n)), rng.integers(-230, 230, (ROWS, n)),
         rng.integers(0, 576, (ROWS, n))], axis=2)  # fmt: skip
    met = hw(1, 4096)[:, 0, [0, 2]]
    inputs = axol1tl_inputs(met, hw(4, 512), hw(4, 512), hw(10, 2048))
    raw = FixedPoint(18, 13).from_float(inputs)
    raw[: ROWS // 5] = spread(rng, FixedPoint(18, 13), 57)[: ROWS // 5]
    np.testing.assert_array_equal(network.score_raw(raw), wrapper(raw)[:, 0])


def test_topo(tmp_path):
    folder = checkout("TOPO", "TOPO_HHbbWW_1mu_v1")
    wrapper = compile_wrapper(
        folder, tmp_path, "ap_fixed<23,23>", "ap_fixed<16,6>", first(1), width=1
    )
    rng = np.random.default_rng(2)
    muons = rng.integers(-230, 576, (ROWS, 2, 3))
    jets = rng.integers(-128, 2048, (ROWS, 4, 3))
    inputs = topo_inputs(rng.integers(0, 4096, ROWS), muons, jets)
    inputs[:2000] = spread(rng, FixedPoint(17, 17), 20)[:2000]
    network = Topo.from_folder(folder)
    output = network.output(inputs)
    np.testing.assert_array_equal(output * 1024, wrapper(inputs)[:, 0])


@pytest.mark.parametrize(
    ("version", "passed", "result"),
    [
        ("CICADA_v1p1", "ap_ufixed<10,10>", "ap_fixed<11,5>"),
        ("CICADA_v2p1", "ap_uint<10>", "ap_ufixed<16,8>"),
        ("CICADA_v2p1p2", "ap_uint<10>", "ap_ufixed<16,8,AP_RND_CONV,AP_SAT>"),
    ],
)
def test_cicada(version, passed, result, tmp_path):
    folder = checkout("CICADA", version)
    wrapper = compile_wrapper(folder, tmp_path, passed, result, first(1), width=1)
    rng = np.random.default_rng(3)
    regions = np.minimum(rng.geometric(0.2, (ROWS, 252)) - 1, 1023)
    regions[:1000] = rng.integers(0, 1024, (1000, 252))
    network = Cicada.from_folder(folder)
    np.testing.assert_array_equal(network.score_raw(regions), wrapper(regions)[:, 0])


def test_endcap_muons(tmp_path):
    folder = checkout("EMTF_NN", "EMTFnn_v1")
    wrapper = compile_wrapper(folder, tmp_path, "ap_uint<13>", "ap_uint<8>", first(2), width=2)
    rng = np.random.default_rng(4)
    inputs = rng.integers(0, [8192] * 6 + [2] * 6 + [128] * 6 + [2] * 6 + [16] * 4 + [128],
                          (ROWS, 29))  # fmt: skip
    inputs[:5000, :6] >>= rng.integers(3, 10, (5000, 1))
    pt, dxy = EndcapMuons.from_folder(folder).predict(inputs)
    expected = wrapper(inputs)
    np.testing.assert_array_equal(pt, expected[:, 0])
    np.testing.assert_array_equal(dxy, np.minimum(expected[:, 1], 127))


def test_taus(tmp_path):
    folder = checkout("NNPuppiTauModel", "NNPuppiTauModel_v1")
    one = "std::array<ap_fixed<16,6>, 1>"
    wrapper = compile_wrapper(
        folder, tmp_path, "ap_fixed<16,10>", f"std::pair<{one}, {one}>", PAIR, array="", width=2
    )
    rows = spread(np.random.default_rng(5), FixedPoint(16, 10), 80)
    network = Taus.from_folder(folder).network
    identity, factor = network.predict_raw(rows)
    np.testing.assert_array_equal(np.concatenate([factor, identity], axis=1), wrapper(rows))


def test_long_lived_jets(tmp_path):
    folder = checkout("TOoLLiP", "TOoLLiP_v3")
    wrapper = compile_wrapper(
        folder, tmp_path, "ap_fixed<12,6,AP_TRN,AP_SAT,0>", "ap_fixed<14,8,AP_TRN,AP_SAT,0>",
        first(1), width=1,
    )  # fmt: skip
    rows = spread(np.random.default_rng(6), FixedPoint(12, 6), 130)
    network = LongLivedJets.from_folder(folder).network
    np.testing.assert_array_equal(network.predict_raw(rows).reshape(-1, 1), wrapper(rows))


@pytest.mark.parametrize("repository", ["L1TSC4NGJetModel", "hls4ml-jettagger"])
def test_jet_tagger(repository, tmp_path):
    folder = checkout(repository, "L1TSC4NGJetModel_v0")
    classes = "std::array<ap_ufixed<24,12,AP_RND,AP_SAT,0>, 8>"
    wrapper = compile_wrapper(
        folder, tmp_path, "ap_fixed<24,12,AP_RND,AP_SAT,0>",
        f"std::pair<std::array<ap_fixed<16,6>, 1>, {classes}>", PAIR, array="", width=9,
    )  # fmt: skip
    rows = spread(np.random.default_rng(7), FixedPoint(24, 12), 320)
    scores, factor = JetTagger.from_folder(folder).network.predict_raw(rows)
    np.testing.assert_array_equal(np.concatenate([factor, scores], axis=1), wrapper(rows))


def test_missing_momentum(tmp_path):
    folder = checkout("L1METML", "L1METML_v1")
    wrapper = compile_wrapper(
        folder, tmp_path, "ap_fixed<32,16>", "ap_fixed<32,16>", first(2), width=2
    )
    rng = np.random.default_rng(8)
    rows = np.zeros((ROWS, 800), np.int64)
    rows[:, :400] = spread(rng, FixedPoint(25, 9), 400)
    rows[:, 400:600] = spread(rng, FixedPoint(25, 9), 200)
    rows[:, 600:700] = rng.integers(0, 6, (ROWS, 100)) << 16
    rows[:, 700:] = rng.integers(0, 4, (ROWS, 100)) << 16
    network = MissingMomentum.from_folder(folder).network
    parts = [rows[:, :400], rows[:, 400:600], rows[:, 600:700] >> 16, rows[:, 700:] >> 16]
    np.testing.assert_array_equal(network.predict_raw(*parts), wrapper(rows))
