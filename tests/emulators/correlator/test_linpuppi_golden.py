"""LinPuppi against the reference emulators, every field, and against floating point."""

import json
from pathlib import Path

import numpy as np
import pytest

from l1kd.emulators.correlator import tables
from l1kd.emulators.correlator.floating import linpuppi_float
from l1kd.emulators.correlator.jets.seeded_cone import SeededCone
from l1kd.emulators.correlator.linpuppi import PRESETS, LinPuppi
from l1kd.emulators.correlator.linpuppi.weight_kernels import inverse_dr2

NAMES = tuple(PRESETS)


def load(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def assert_equal_fields(out: dict, golden: dict, prefix: str) -> None:
    fields = [k for k in golden if k.startswith(prefix)]
    assert sorted(out) == sorted(fields)
    for name in fields:
        assert out[name].dtype == golden[name].dtype, name
        bad = np.argwhere(out[name] != golden[name])
        assert not len(bad), f"{name}: {len(bad)} differ, first at {bad[:5].tolist()}"


@pytest.mark.parametrize("name", NAMES)
def test_every_field_equals_the_reference(shared: Path, name: str):
    golden = load(shared / f"golden/correlator/linpuppi_{name}_dev.npz")
    assert_equal_fields(LinPuppi.preset(name).run(golden), golden, "out_")


@pytest.mark.parametrize("name", NAMES)
def test_integer_variant_equals_the_older_reference(shared: Path, name: str):
    folder = shared / "golden/correlator"
    inputs = load(folder / f"linpuppi_{name}_dev.npz")
    golden = load(folder / f"linpuppi_{name}_legacyint_dev.npz")
    out = LinPuppi.preset(name, variant="integer").run(inputs)
    assert_equal_fields(out, golden, "legacy_")


@pytest.mark.parametrize("name", NAMES)
def test_parameters_equal_the_reference(shared: Path, name: str):
    described = json.loads((shared / f"golden/correlator/linpuppi_{name}.json").read_text())
    expected, raw = described["parameters"]["raw"], PRESETS[name].raw()
    assert (raw.dr2_min, raw.dr2_max) == (expected["dR2Min"], expected["dR2Max"])
    assert (raw.pt_max, raw.dz) == (expected["iptMax"], expected["dzCut"])
    assert raw.edges.tolist() == expected["absEtaBins"]
    keys = ("ptCut_x4", "ptSlopeNe_x64", "ptZeroNe_x4", "priorNe_x32", "ptSlopePh_x64",
            "ptZeroPh_x4", "priorPh_x32")  # fmt: skip
    alpha = ("alphaSlope_x32", "alphaZero_x16", "alphaCrop_x32")
    assert raw.bins.tolist() == [[b[k] for k in keys] for b in expected["perEtaBin"]]
    assert raw.alpha.tolist() == [[b[k] for k in alpha] for b in expected["perEtaBin"]]


def test_tables_equal_the_reference(shared: Path):
    luts = json.loads((shared / "golden/correlator/luts.json").read_text())
    assert luts["rCone2_0.4"] == SeededCone(0.4).cone2
    assert luts["rCone2_0.8"] == SeededCone(0.8).cone2
    computed = {
        "log2_x16": tables.LOG2,
        "weight_x256_index_x2raw_plus2048": tables.WEIGHT,
        "dr2inv_x65536_index_dr2short": np.array([inverse_dr2(np.int32(s)) for s in range(160)]),
        "jet_inv_pt_raw20": tables.JET_INVERSE_PT,
        "ht_sin_table_raw7": tables.MHT_SINE,
    }
    names = ("cosh", "cos", "sin", "sinh")
    computed.update({f"jet_{k}_x4096": tables.JET_TRIGONOMETRY[i] for i, k in enumerate(names)})
    for name, table in computed.items():
        assert table.tolist() == luts[name], name
    edges = np.array(luts["met_phi_edges"][:-1])
    for k, row in zip("cs", tables.MET_COS_SIN, strict=True):
        assert row[edges + 1024].tolist() == luts[f"met_{k}0_raw30"]


@pytest.mark.parametrize("name", NAMES)
def test_floating_point_agrees_within_the_quantization(shared: Path, name: str):
    """Weights in 1/256, x2 in 1/32, sums in 1/64 of raw units, reciprocals of multiples of 32."""
    golden = load(shared / f"golden/correlator/linpuppi_{name}_dev.npz")
    d = {k: v[golden["category"] == 0] for k, v in golden.items()}
    parameters = PRESETS[name].quantized()
    ideal = linpuppi_float(d, parameters)
    weight = LinPuppi.preset(name).run(d)["out_nocut_hwPuppiW"] / 256
    prefix = "calo_" if parameters.forward else "pfne_"
    used = (d[prefix + "hwPt"] > 0) & (np.arange(weight.shape[1]) < d["n_neu"][:, None])
    difference = np.abs(weight - ideal["weight"])[used]
    alone = ideal["sum"][used] == 0
    # alone: three roundings of x2 and one of the weight
    assert difference[alone].max() <= 3 / 32 / 4 + 0.5 / 256
    assert np.median(difference) < 0.002
    assert np.quantile(difference, 0.99) < 0.08
