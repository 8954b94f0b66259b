"""MET, HT and missing HT: the reference, floating point, hand-derived cases and wraps."""

from pathlib import Path

import numba as nb
import numpy as np
import pytest

from l1kd.emulators.correlator.floating import ht_float, met_float
from l1kd.emulators.correlator.sums import ht, met, select_jets
from l1kd.emulators.correlator.sums.arc_tangent import atan2_single
from l1kd.emulators.correlator.tables import MET_COS_SIN, MHT_SINE


def load(path: Path) -> dict[str, np.ndarray]:
    with np.load(path, allow_pickle=False) as archive:
        return dict(archive)


def objects(kind: str, *rows: tuple[int, ...]) -> dict[str, np.ndarray]:
    names = ("hwPt", "hwPhi")
    d = {("n_cand" if kind == "cand" else "n_jets"): np.array([len(rows)], dtype=np.int16)}
    for i, name in enumerate(names):
        d[f"{kind}_{name}"] = np.array([[r[i] for r in rows]], dtype=np.int16).reshape(1, -1)
    return d


def value(out: dict[str, np.ndarray], name: str) -> int:
    return int(out[name][0])


@pytest.mark.parametrize(("function", "file"), [(met, "met"), (ht, "htmht")])
def test_every_field_equals_the_reference(shared: Path, function, file: str):
    golden = load(shared / f"golden/correlator/{file}_dev.npz")
    out = function(golden)
    given = ("category", "source", "n_cand", "n_jets", "cand_", "jet_")
    assert sorted(out) == sorted(k for k in golden if not k.startswith(given))
    for name, mine in out.items():
        assert mine.dtype == golden[name].dtype
        bad = np.flatnonzero(mine != golden[name])
        assert not len(bad), f"{name}: {len(bad)} differ, first {bad[:5]}"


def test_floating_point_met_agrees_within_the_quantization(shared: Path):
    """The polynomial is good to 0.0002, each component of a candidate to 1/1024 GeV."""
    golden = load(shared / "golden/correlator/met_dev.npz")
    d = {k: v[np.isin(golden["category"], (0, 100))] for k, v in golden.items()}
    out, ideal = met(d), met_float(d)
    scale = (d["cand_hwPt"] / 4).sum(axis=1)
    bound = 0.0002 * scale + 128 / 1024
    assert (np.abs(out["met_hwPx_raw10"] / 1024 - ideal["px"]) <= bound).all()
    assert (np.abs(out["met_hwPt"] / 4 - ideal["pt"]) <= 2 * bound + 0.25).all()
    turn = (out["met_hwPhi"] * np.pi / 720 - ideal["phi"] + np.pi) % (2 * np.pi) - np.pi
    assert np.abs(turn[ideal["pt"] > 20]).max() < 0.012


def test_floating_point_ht_agrees_within_the_quantization(shared: Path):
    """Sines have 7 bits and steps of half a degree."""
    golden = load(shared / "golden/correlator/htmht_dev.npz")
    total = golden["jet_hwPt"].astype(int).sum(axis=1)
    d = {k: v[(golden["source"] == 0) & (total < 8000)] for k, v in golden.items()}
    out, ideal = ht(d), ht_float(d)
    np.testing.assert_array_equal(out["ht_hwSumPt"] / 4, ideal["sum_pt"])
    bound = (1 / 128 + np.pi / 360) * ideal["sum_pt"] + 16 / 8
    assert (np.abs(out["hwPx_raw3"] / 8 - ideal["px"]) <= bound).all()
    assert (np.abs(out["mht_hwPt"] / 4 - ideal["pt"]) <= 2 * bound).all()


def test_met_points_away_from_a_candidate():
    for phi, expected in ((0, -720), (-720, 0), (360, -360), (-360, 360)):
        out = met(objects("cand", (400, phi)))
        assert abs(value(out, "met_hwPt") - 400) <= 1
        distance = (value(out, "met_hwPhi") - expected + 720) % 1440 - 720
        assert abs(distance) <= 1


def test_met_component_by_hand():
    """100 GeV at phi 0: cos = 1073816985/2^30, (400*cos) >> 22 = 102406 in 1/1024 GeV."""
    out = met(objects("cand", (400, 0)))
    assert value(out, "met_hwPx_raw10") == -((400 * 1073816985) >> 22)
    assert value(out, "met_hwPy_raw10") == -((400 * -564281) >> 22)


def test_met_wraps_beyond_2048_gev():
    out = met(objects("cand", (16383, 0)))
    px = -((16383 * 1073816985) >> 22)
    assert value(out, "met_hwPx_raw10") == px + (1 << 22)


def test_met_of_nothing():
    assert not any(v.any() for v in met(objects("cand")).values())
    empty = {k: v[:0] for k, v in objects("cand", (1, 1)).items()}
    assert all(len(v) == 0 for v in met(empty).values())


def test_met_does_not_depend_on_the_order():
    rng = np.random.default_rng(1)
    d = objects("cand", *zip(rng.integers(0, 999, 60), rng.integers(-719, 721, 60), strict=True))
    order = rng.permutation(60)
    shuffled = {k: v[:, order] if v.ndim == 2 else v for k, v in d.items()}
    assert all(np.array_equal(met(d)[k], met(shuffled)[k]) for k in met(d))


def test_met_trigonometry_at_the_edges_of_the_intervals():
    edges = np.arange(-720, 720, 90)
    phi = edges * np.pi / 720
    np.testing.assert_allclose(MET_COS_SIN[0, edges + 1024] / 2**30, np.cos(phi), atol=7e-4)
    np.testing.assert_allclose(MET_COS_SIN[1, edges + 1024] / 2**30, np.sin(phi), atol=7e-4)
    # pi belongs to the last interval, which there ends at its width of 90 steps
    assert MET_COS_SIN[0, 720 + 1024] == -991823913 - 1814121 * 90 + 10038 * 8100


def test_ht_of_two_opposite_jets():
    out = ht(objects("jet", (400, 0), (400, 720)))
    assert value(out, "ht_hwSumPt") == 800
    # cosines 128 and -128; the sine of a rounded pi is just below 0 and its table entry -1
    assert (value(out, "hwPx_raw3"), value(out, "hwPy_raw3")) == (0, (400 * -1) >> 6)
    assert value(out, "mht_hwPt") == 3  # 4 * sqrt(7^2/64) = 3.5


def test_mht_points_along_the_sum_unlike_met():
    out = ht(objects("jet", (400, 360)))
    # sin(90 degrees) = 128; 400*128 >> 6 = 800 in 1/8 GeV
    assert (value(out, "hwPy_raw3"), value(out, "mht_hwPt")) == (800, 400)
    assert abs(value(out, "mht_hwPhi") - 360) <= 1
    below = ht(objects("jet", (400, -360)))
    assert value(below, "hwPy_raw3") == -800


def test_ht_saturates_and_components_wrap():
    out = ht(objects("jet", *[(16383, 0)] * 2))
    assert value(out, "ht_hwSumPt") == 16383
    assert value(out, "hwPx_raw3") == 2 * 32766 - 65536


def test_ht_table():
    assert MHT_SINE[[0, 60, 180, 360, 540]].tolist() == [0, 64, 128, -1, -128]


def test_jets_that_enter_ht():
    jets = {
        "n_jets": np.array([4], dtype=np.int16),
        "hwPt": np.array([[200, 121, 120, 300, 999]], dtype=np.int16),
        "hwEta": np.array([[550, -549, 0, 3, 0]], dtype=np.int16),
        "hwPhi": np.array([[1, 2, 3, 4, 5]], dtype=np.int16),
    }
    chosen = select_jets(jets)
    assert chosen["n_jets"].tolist() == [2]
    assert chosen["jet_hwPt"].tolist() == [[121, 300, 0, 0, 0]]
    assert chosen["jet_hwPhi"].tolist() == [[2, 4, 0, 0, 0]]
    assert value(ht(chosen), "ht_hwSumPt") == 421


@nb.njit
def _angles(y: np.ndarray, x: np.ndarray) -> np.ndarray:
    out = np.empty_like(x)
    for i in range(len(x)):
        out[i] = atan2_single(y[i], x[i])
    return out


def test_arc_tangent_within_two_units_of_the_exact_one():
    rng = np.random.default_rng(2)
    x, y = rng.integers(-(1 << 21), 1 << 21, (2, 200_000)).astype(np.float32) / np.float32(1024)
    exact = np.arctan2(y.astype(np.float64), x.astype(np.float64))
    got = _angles(y, x)
    assert (np.abs(got - exact) <= 2 * np.spacing(np.abs(got))).all()
    # the reference's library does not round correctly: one in six differs in the last bit
    assert 0.1 < np.mean(got != exact.astype(np.float32)) < 0.25


@pytest.mark.parametrize(
    ("y", "x", "angle"),
    [(0, 0, 0), (0, 5, 0), (0, -5, np.pi), (3, 0, np.pi / 2), (-3, 0, -np.pi / 2)],
)
def test_arc_tangent_on_the_axes(y: int, x: int, angle: float):
    assert atan2_single(np.float32(y), np.float32(x)) == np.float32(angle)


def test_wrong_inputs():
    d = objects("cand", (1, 2))
    with pytest.raises(ValueError, match="cand_hwPhi is missing"):
        met({k: v for k, v in d.items() if k != "cand_hwPhi"})
    with pytest.raises(ValueError, match="cand_hwPhi holds values from 1024"):
        met(objects("cand", (1, 1024)))
    with pytest.raises(ValueError, match="n_jets runs from 3 to 3; there are 1 slots"):
        ht({**objects("jet", (1, 2)), "n_jets": np.array([3])})
