"""Seeded-cone jets: the reference, a model in plain integers, hand-derived cases, wraps."""

from pathlib import Path

import numpy as np
import pytest

from l1kd.emulators.correlator import tables
from l1kd.emulators.correlator.floating import seeded_cone_float
from l1kd.emulators.correlator.jets.kernels import inverse_pt
from l1kd.emulators.correlator.jets.seeded_cone import SeededCone


def event(*candidates: tuple[int, int, int], slots: int = 128) -> dict[str, np.ndarray]:
    d = {"n_cand": np.array([len(candidates)], dtype=np.int16)}
    for i, name in enumerate(("hwPt", "hwEta", "hwPhi")):
        d[f"cand_{name}"] = np.zeros((1, slots), dtype=np.int16)
        d[f"cand_{name}"][0, : len(candidates)] = [c[i] for c in candidates]
    return d


def random_events(n: int, seed: int, clustered: bool = False) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(seed)
    reach, centre = (60, 700) if clustered else (700, 0)
    phi = rng.integers(-reach, reach + 1, (n, 128)) + centre
    return {
        "n_cand": rng.integers(0, 129, n).astype(np.int16),
        "cand_hwPt": np.minimum(rng.exponential(60, (n, 128)), 16383).astype(np.int16),
        "cand_hwEta": rng.integers(-reach, reach + 1, (n, 128)).astype(np.int16),
        "cand_hwPhi": ((phi + 719) % 1440 - 719).astype(np.int16),
    }


def wrap(v: int, bits: int) -> int:
    return (v + (1 << bits - 1)) % (1 << bits) - (1 << bits - 1)


def model(candidates: list[tuple[int, int, int]], cone2: int) -> list[tuple[int, ...]]:
    """Find jets with Python's unbounded integers: pt, eta, phi, mass^2, constituents."""
    rest, jets, inverse = list(candidates), [], inverse_pt().tolist()
    cosh, cos, sin, sinh = tables.JET_TRIGONOMETRY.tolist()
    while rest and len(jets) < 16:
        seed = max(rest, key=lambda c: c[0])

        def offsets(c: tuple[int, int, int], s: tuple[int, int, int] = seed) -> tuple[int, int]:
            dphi = c[2] - s[2]
            return c[1] - s[1], dphi - 1440 if dphi > 720 else dphi + 1440 * (dphi < -720)

        near = [(c, *offsets(c)) for c in rest if sum(x * x for x in offsets(c)) < cone2]
        rest = [c for c in rest if sum(x * x for x in offsets(c)) >= cone2]
        pt = min(16383, sum(c[0] for c, _, _ in near))
        axis = []
        for k in (1, 2):
            total = wrap(sum(wrap(n[0][0] * n[k] >> 2, 22) for n in near), 22)
            product = total * inverse[pt]
            shift = wrap(abs(product) >> 20 if product >= 0 else -(abs(product) >> 20), 12)
            axis.append(wrap(seed[k] + shift, 12))
        top = sorted(near, key=lambda n: -n[0][0])[:32]
        e = min(2**20 - 1, sum(c[0] * cosh[abs(d)] >> 6 for c, d, _ in top))
        x = min(2**20 - 1, sum(c[0] * cos[abs(f)] >> 6 for c, _, f in top))
        y = z = 0
        for c, d, f in top:
            y = max(-(2**21), min(2**21 - 1, y + ((c[0] * sin[abs(f)] * (-1) ** (f < 0)) >> 6)))
            z = max(-(2**21), min(2**21 - 1, z + ((c[0] * sinh[abs(d)] * (-1) ** (d < 0)) >> 6)))
        mass2 = max(0, min(131071, (e * e - x * x - y * y - z * z) >> 14))
        jets.append((pt, axis[0], wrap(axis[1], 11), mass2, len(near)))
    return jets


@pytest.mark.parametrize("cone", [0.4, 0.8])
@pytest.mark.parametrize("clustered", [False, True])
def test_jets_equal_a_model_in_unbounded_integers(cone: float, clustered: bool):
    d = random_events(40, seed=3, clustered=clustered)
    jets = SeededCone(cone)
    out = jets.run(d)
    for i in range(40):
        candidates = [
            tuple(int(d[f"cand_{k}"][i, j]) for k in ("hwPt", "hwEta", "hwPhi"))
            for j in range(d["n_cand"][i])
        ]
        expected = model(candidates, jets.cone2)
        assert out["n_jets"][i] == len(expected)
        fields = ("hwPt", "hwEta", "hwPhi", "hwMassSq", "nConstituents")
        found = list(zip(*(out[k][i, : len(expected)].tolist() for k in fields), strict=True))
        assert found == expected, i


@pytest.mark.parametrize(("cone", "prefix"), [(0.4, "sc4_"), (0.8, "sc8_")])
def test_every_field_equals_the_reference(shared: Path, cone: float, prefix: str):
    with np.load(shared / "golden/correlator/scjets_dev.npz", allow_pickle=False) as archive:
        golden = dict(archive)
    out = SeededCone(cone=cone, n_jets=16, mass=True).run(golden)
    fields = [k for k in golden if k.startswith(prefix)]
    assert sorted(prefix + k for k in out) == sorted(fields)
    defined = golden[prefix + "massTieAmbiguous"] == 0
    for name in fields:
        mine = out[name.removeprefix(prefix)]
        assert mine.dtype == golden[name].dtype, name
        bad = mine != golden[name]
        if name.endswith("hwMassSq"):
            bad &= defined
        assert not bad.any(), f"{name}: {bad.sum()} differ, first {np.argwhere(bad)[:5].tolist()}"


def test_floating_point_agrees_within_the_quantization(shared: Path):
    """Axis within two steps, momentum exact, squared mass within 2% of pt^2."""
    with np.load(shared / "golden/correlator/scjets_dev.npz", allow_pickle=False) as archive:
        golden = dict(archive)
    d = {k: v[golden["category"] == 0] for k, v in golden.items()}
    jets = SeededCone(0.4)
    out, ideal = jets.run(d), seeded_cone_float(d, jets)
    # the firmware's squared radius is a multiple of 32: few candidates change sides
    same = (out["nConstituents"] == ideal["n_constituents"]) & (out["hwPt"] > 16)
    assert same.sum() > 0.99 * (out["hwPt"] > 16).sum()
    np.testing.assert_array_equal(out["hwPt"][same] / 4, ideal["pt"][same])
    step = np.pi / 720
    assert np.abs(out["hwEta"] - ideal["eta"] / step)[same].max() < 2
    assert np.abs(out["hwPhi"] - ideal["phi"] / step)[same].max() < 2
    mass2 = np.abs(out["hwMassSq"] / 4 - ideal["mass"] ** 2)[same]
    assert (mass2 <= 0.02 * np.maximum(ideal["pt"][same], 1) ** 2).all()


def test_two_candidates_by_hand():
    """pt 100 and 300 (raw): the axis moves a quarter of 40 steps, to the seed's side of 10."""
    out = SeededCone().run(event((100, 40, 0), (300, 0, 0)))
    assert out["n_jets"][0] == 1
    assert (out["hwPt"][0, 0], out["nConstituents"][0, 0]) == (400, 2)
    # (100*40 >> 2) = 1000; 1/400: T[576] = floor(2^20/3200) = 327, times 2^5 = 10464
    # 1000*10464 / 2^20 = 9.98, truncated to 9
    assert out["hwEta"][0, 0] == 9
    assert (out["seed_hwPt"][0, 0], out["seed_hwEta"][0, 0]) == (300, 0)


def test_equal_seeds_take_the_first_and_break_the_permutation_symmetry():
    a, b = (100, 0, 0), (100, 60, 0)
    first = SeededCone().run(event(a, b))
    second = SeededCone().run(event(b, a))
    assert first["seed_hwEta"][0, 0] == 0
    assert second["seed_hwEta"][0, 0] == 60


def test_permutation_without_equal_momenta():
    rng = np.random.default_rng(5)
    d = random_events(20, seed=6)
    for row in d["cand_hwPt"]:
        row[:] = rng.permutation(128) + 50
    d["n_cand"][:] = 128
    order = rng.permutation(128)
    shuffled = {k: v[:, order] if v.ndim == 2 else v for k, v in d.items()}
    a, b = SeededCone().run(d), SeededCone().run(shuffled)
    assert all(np.array_equal(a[k], b[k]) for k in a)


def test_cone_is_open_at_its_edge():
    """The squared radius is a multiple of 32, and excluded."""
    assert SeededCone(cone=0.4).cone2 == 8384
    assert SeededCone(cone=0.8).cone2 == 33600
    squares = {x * x + y * y: (x, y) for x in range(184) for y in range(x + 1)}
    radius = next(r for r in range(80, 180) if (r * r) % 32 == 0)
    edge = SeededCone(cone=(radius + 0.01) * np.pi / 720)
    assert edge.cone2 == radius * radius
    below = max(k for k in squares if k < edge.cone2)
    assert edge.run(event((100, 0, 0), (50, *squares[below])))["n_jets"][0] == 1
    assert edge.run(event((100, 0, 0), (50, radius, 0)))["n_jets"][0] == 2
    assert edge.run(event((100, 0, 0), (50, 0, radius)))["n_jets"][0] == 2


def test_jet_across_pi_leaves_the_turn():
    out = SeededCone().run(event((400, 0, 719), (400, 0, -701)))
    assert out["n_jets"][0] == 1
    assert out["hwPhi"][0, 0] == 728  # 719 + 9: a half of 20 steps, not brought back


def test_momenta_of_four_gev_and_less_have_a_wrapped_reciprocal():
    table = inverse_pt()
    assert table[16] == 0
    assert table[400] == 10464
    assert table.min() >= 0
    assert table.max() < 1 << 18


def test_zero_momentum_candidates_make_jets():
    out = SeededCone().run(event((0, 5, 5), (0, 400, 5)))
    assert out["n_jets"][0] == 2
    assert not out["hwPt"].any()
    assert out["hwEta"][0, :2].tolist() == [5, 400]


def test_saturation_and_largest_list():
    out = SeededCone().run(event(*[(16383, 0, 0)] * 128))
    assert (out["n_jets"][0], out["hwPt"][0, 0], out["nConstituents"][0, 0]) == (1, 16383, 128)
    assert out["massTieAmbiguous"][0, 0] == 1
    assert out["hwMassSq"][0, 0] == 0


def test_mass_can_be_left_out_and_jets_be_fewer():
    d = random_events(20, seed=8)
    full, light = SeededCone().run(d), SeededCone(n_jets=3, mass=False).run(d)
    assert not light["hwMassSq"].any()
    np.testing.assert_array_equal(full["hwPt"][:, :3], light["hwPt"])


def test_empty_events():
    out = SeededCone().run(event())
    assert not any(v.any() for v in out.values())
    assert len(SeededCone().run({k: v[:0] for k, v in event().items()})["n_jets"]) == 0


@pytest.mark.parametrize(
    ("arguments", "message"), [({"cone": 0.9}, "cone 0.9 is outside"), ({"n_jets": 0}, "n_jets")]
)
def test_unsupported_configurations(arguments: dict, message: str):
    with pytest.raises(ValueError, match=message):
        SeededCone(**arguments)


def test_too_many_candidates():
    d = event(slots=200)
    d["n_cand"][:] = 129
    with pytest.raises(ValueError, match="there are 128 slots"):
        SeededCone().run(d)
