import json

import numpy as np
import pytest

from l1kd.emulators.deployed import Axol1tl, Cicada, axol1tl_inputs
from l1kd.emulators.fixed_point import FixedPoint
from l1kd.emulators.network import Network
from l1kd.emulators.network.layers.registry import lower_project
from tests.emulators.network.golden import load_project


@pytest.fixture(scope="module", params=["AXOL1TL_v3", "AXOL1TL_v5"])
def axol1tl(request, shared):
    folder = shared / "golden" / "networks"
    network = Network(lower_project(load_project(folder, request.param)))
    facts = json.loads((folder / f"{request.param}_graph.json").read_text())["wrapper"]
    types = [FixedPoint.parse(facts["scale_types"][f"ad_{n}_t"]) for n in ("shift", "offset")]
    wrapper = Axol1tl(network, facts["ad_shift_in_source"], facts["ad_offsets_in_source"], *types)
    return wrapper, np.load(folder / f"{request.param}.npz"), facts


def test_axol1tl_equals_the_deployed_wrapper(axol1tl):
    wrapper, golden, _ = axol1tl
    np.testing.assert_array_equal(wrapper.scale(golden["x_raw"]), golden["x_scaled_raw"])
    np.testing.assert_array_equal(wrapper.score_raw(golden["x_raw"]), golden["loss_raw"])


def test_axol1tl_scores_whole_hardware_numbers(axol1tl):
    wrapper, golden, _ = axol1tl
    whole = (golden["x_raw"] % 32 == 0).all(axis=1)
    scores = wrapper.score(golden["x_raw"][whole] // 32)
    np.testing.assert_array_equal(scores, golden["loss_float"][whole])


def test_axol1tl_reads_its_constants_from_the_wrapper(axol1tl, tmp_path, monkeypatch):
    wrapper, _, facts = axol1tl
    (tmp_path / "emulator.cpp").write_text(
        f"typedef {facts['scale_types']['ad_shift_t']} ad_shift_t; // typedef int ad_shift_t;\n"
        f"typedef {facts['scale_types']['ad_offset_t']} ad_offset_t;\n"
        f"static const ad_shift_t ad_shift[57] = {{{str(facts['ad_shift_in_source'])[1:-1]}}};\n"
        f"static const ad_offset_t ad_offsets[57] = {{{str(facts['ad_offsets_in_source'])[1:-1]}}};"
    )
    monkeypatch.setattr(Network, "from_hls_project", lambda folder: wrapper.network)
    read = Axol1tl.from_folder(tmp_path)
    np.testing.assert_array_equal(read.shifts, wrapper.shifts)
    np.testing.assert_array_equal(read.offsets, wrapper.offsets)


def test_constants_of_the_wrapper_must_exist(tmp_path):
    with pytest.raises(ValueError, match="no source defines ad_shift"):
        Axol1tl.from_folder(tmp_path)
    (tmp_path / "a.h").write_text("const t ad_shift[2] = {1, 2}; const t ad_offsets[1] = {x};")
    with pytest.raises(ValueError, match="type t of ad_shift"):
        Axol1tl.from_folder(tmp_path)


def objects():
    met = np.array([[101, 7], [0, 0]])
    egammas = np.zeros((2, 1, 3), int)
    egammas[0, 0] = 33, -5, 9
    muons = np.arange(2 * 5 * 3).reshape(2, 5, 3)
    return met, egammas, muons, np.zeros((2, 0, 3), int)


@pytest.mark.parametrize("legacy", [False, True])
def test_objects_are_arranged_and_keep_the_half_gev(legacy):
    table = axol1tl_inputs(*objects(), legacy=legacy)
    half = 0 if legacy else 0.5
    assert table.shape == (2, 57)
    assert table[0, :6].tolist() == [50 + half, 0, 7, 16 + half, -5, 9]
    # Four muons of five: momenta 0, 3, 6, 9 halved, coordinates untouched.
    assert table[0, 15:27].tolist() == [0, 1, 2, 1 + half, 4, 5, 3, 7, 8, 4 + half, 10, 11]
    assert not table[:, 27:].any()


def test_raw_momenta_are_sixteen_times_the_hardware_number():
    """The type of the wrapper's inputs has five fraction bits, and the unit of hwPt is a half."""
    momenta = np.arange(0, 1 << 12)
    met = np.stack([momenta, np.zeros_like(momenta)], 1)
    none = np.zeros((len(met), 0, 3), int)
    table = axol1tl_inputs(met, none, none, none)
    raw = FixedPoint(18, 13).from_float(table)
    np.testing.assert_array_equal(raw[:, 0], momenta * 16)
    whole = FixedPoint(18, 13).from_float(axol1tl_inputs(met, none, none, none, legacy=True))
    np.testing.assert_array_equal(whole[:, 0], momenta // 2 * 32)


def hardware(golden):
    """Return objects whose inputs are given raw values, where there are such."""
    table = golden["x_raw"].reshape(-1, 19, 3)
    fits = (table[..., 0] % 16 == 0).all(axis=1) & (table[..., 1:] % 32 == 0).all(axis=(1, 2))
    fits &= table[:, 0, 1] == 0
    chosen = table[fits] // np.array([16, 32, 32])
    met, egammas, muons, jets = np.split(chosen, [1, 5, 9], axis=1)
    return fits, (met[:, 0, [0, 2]], egammas, muons, jets)


def test_objects_give_the_scores_of_the_deployed_wrapper(axol1tl):
    wrapper, golden, _ = axol1tl
    fits, given = hardware(golden)
    inputs = axol1tl_inputs(*given)
    assert fits.sum() > 1000
    np.testing.assert_array_equal(wrapper.scale(inputs), golden["x_scaled_raw"][fits])
    np.testing.assert_array_equal(wrapper.score_raw(inputs), golden["loss_raw"][fits])
    np.testing.assert_array_equal(wrapper.score(inputs), golden["loss_float"][fits])
    # What a menu compares with its threshold is sixteen times the loss.
    np.testing.assert_array_equal(wrapper.score_raw(inputs), 16 * wrapper.score(inputs))


def test_the_half_gev_changes_scores(axol1tl):
    """The golden vectors have even momenta; one count more is half a GeV that counts."""
    wrapper, golden, _ = axol1tl
    _, given = hardware(golden)
    for group in given:
        group[..., 0] += group[..., 0] > 0
    inputs = axol1tl_inputs(*given)
    raw = FixedPoint(18, 13).from_float(inputs)
    assert (raw[:, ::3] % 32 == 16).any()
    np.testing.assert_array_equal(wrapper.score_raw(inputs), wrapper.score_raw(raw))
    now = wrapper.score_raw(axol1tl_inputs(*given))
    before = wrapper.score_raw(axol1tl_inputs(*given, legacy=True))
    assert (now != before).mean() > 0.1


@pytest.mark.parametrize("broken", [0, 1, 2])
def test_objects_of_wrong_shape_or_type_are_refused(broken):
    arrays = [np.zeros((2, 2), int), np.zeros((2, 4, 3), int), np.zeros((2, 4, 3), int)]
    arrays[broken] = [np.zeros((2, 3), int), np.zeros((3, 4, 3), int), np.zeros((2, 4, 3))][broken]
    with pytest.raises(ValueError, match=r"expected"):
        axol1tl_inputs(*arrays, np.zeros((2, 10, 3), int))


@pytest.mark.parametrize("name", ["CICADA_v1p1", "CICADA_v2p1", "CICADA_v2p1p2"])
def test_cicada_equals_the_deployed_network(shared, name):
    folder = shared / "golden" / "networks"
    cicada = Cicada(Network(lower_project(load_project(folder, name))))
    golden = np.load(folder / f"{name}.npz")
    regions = golden["x"].reshape(-1, 18, 14)
    np.testing.assert_array_equal(cicada.score(regions), golden["y_float"].reshape(-1))
    with pytest.raises(ValueError, match=r"\(n, 18, 14\) expected"):
        cicada.score(regions[:, :, :7])
    with pytest.raises(ValueError, match=r"AXOL1TL: .* inputs of \[57\] numbers"):
        Axol1tl(cicada.network, [0] * 57, [0] * 57, FixedPoint(4, 4), FixedPoint(10, 9))
