"""LinPuppi: hand-derived results, an independent model in plain integers, limits and symmetries."""

import hashlib
import math

import numpy as np
import pytest

from l1kd.emulators.correlator import tables
from l1kd.emulators.correlator.linpuppi import PRESETS, LinPuppi, LinPuppiParameters
from l1kd.emulators.correlator.linpuppi.weight_kernels import inverse_dr2
from l1kd.emulators.correlator.types import data_word, object_word

TRACKER = ("barrel", "hgcal")
NAMES = tuple(PRESETS)


def random_regions(name: str, n: int, seed: int, spread: int = 150) -> dict[str, np.ndarray]:
    """Make dense regions with ties, vertices near the tracks and every identification."""
    rng = np.random.default_rng(seed)
    p = PRESETS[name]
    centre = {"barrel": 57, "hgcal": -458, "hgcalnotk": 630, "hf": -974}[name]
    half = {"barrel": 57, "hgcal": 114, "hgcalnotk": 58, "hf": 286}[name]

    def ints(low: int, high: int, *shape: int) -> np.ndarray:
        return rng.integers(low, high + 1, shape).astype(np.int16)

    out = {
        "region_hwEtaCenter": np.full(n, centre, dtype=np.int16),
        "region_hwPhiCenter": rng.choice([0, 640, -640], n).astype(np.int16),
        "region_hwEtaHalfWidth": np.full(n, half, dtype=np.int16),
        "region_hwPhiHalfWidth": np.full(n, 80, dtype=np.int16),
        "pv_hwZ0": ints(-100, 100, n),
        "n_neu": ints(0, p.n_in, n),
    }
    objects = {"calo": p.n_in} if p.forward else {"pfne": p.n_in, "trk": 32, "pfch": 32}
    for prefix, slots in objects.items():
        pt = np.minimum(rng.exponential(40, (n, slots)).astype(np.int16), 16383)
        out[f"{prefix}_hwPt"] = np.where(rng.random((n, slots)) < 0.02, 16383, pt).astype(np.int16)
        out[f"{prefix}_hwEta"] = ints(-spread, spread, n, slots)
        out[f"{prefix}_hwPhi"] = ints(-spread, spread, n, slots)
        out[f"{prefix}_hwEmID"] = ints(0, 1, n, slots) * ints(0, 63, n, slots)
        out[f"{prefix}_hwId"] = ints(0, 1, n, slots) if prefix == "pfne" else ints(2, 7, n, slots)
    if not p.forward:
        out["n_trk"] = ints(0, 32, n)
        out["trk_hwZ0"] = out["pv_hwZ0"][:, None] + ints(-30, 30, n, 32)
        out["pfch_hwZ0"] = out["trk_hwZ0"]
        fields = {"hwDxy": 255, "hwDPhi": 127, "hwTkQuality": 7}
        out.update({f"pfch_{k}": ints(0, top, n, 32) for k, top in fields.items()})
        out["pfch_hwDEta"] = ints(-32, 31, n, 32)
    return out


def term(p: LinPuppiParameters, a: tuple[int, int], pt: int, b: tuple[int, int]) -> int:
    raw = p.raw()
    dr2 = (a[0] - b[0]) ** 2 + (a[1] - b[1]) ** 2
    if dr2 > raw.dr2_max:
        return 0
    inverse = min(65535, int(65536 / (max(dr2, raw.dr2_min) // 32) + 0.5))
    return min(4095, (min(pt * pt >> 5, raw.pt_max**2 >> 5) * inverse) >> 10)


def weight_of(p: LinPuppiParameters, eta: int, pt: int, em: bool, total: int) -> int:
    """Compute a weight with Python's unbounded integers, from the rules alone."""
    raw, sat = p.raw(), lambda v: max(-2048, min(2047, v))
    b = sum(abs(eta) > e for e in raw.edges.tolist())
    slope, zero, crop = raw.alpha[b].tolist()
    x = sat(-(slope * zero) >> 4)
    if total:
        x = sat(x + (slope * 91 >> 4))
        while total >= 1024:
            total, x = total >> 1, sat(x + slope)
        x = sat(x + (slope * math.floor(16 * math.log2(total) + 0.5) >> 4))
    pt_slope, pt_zero, prior = raw.bins[b].tolist()[1 + 3 * em : 4 + 3 * em]
    x2 = sat(max(-crop, min(crop, x)) + sat(pt_slope * (pt - pt_zero) >> 3) - prior)
    return round(256 / (1 + math.exp(-x2 / 32)))


def model_weights(name: str, d: dict[str, np.ndarray], r: int) -> list[int]:
    p = PRESETS[name]
    prefix = "calo" if p.forward else "pfne"
    pos = [
        (int(e), int(f))
        for e, f in zip(d[f"{prefix}_hwEta"][r], d[f"{prefix}_hwPhi"][r], strict=True)
    ]
    weights = []
    for n in range(d["n_neu"][r]):
        pt = int(d[f"{prefix}_hwPt"][r, n])
        if p.forward:
            sources = [m for m in range(d["n_neu"][r]) if m != n]
            total = sum(term(p, pos[n], int(d["calo_hwPt"][r, m]), pos[m]) for m in sources)
            em = bool(d["calo_hwEmID"][r, n])
        else:
            total = 0
            for t in range(min(int(d["n_trk"][r]), p.n_track)):
                if abs(int(d["trk_hwZ0"][r, t]) - int(d["pv_hwZ0"][r])) <= p.raw().dz:
                    where = int(d["trk_hwEta"][r, t]), int(d["trk_hwPhi"][r, t])
                    total += term(p, pos[n], int(d["trk_hwPt"][r, t]), where)
            em = bool(d["pfne_hwId"][r, n])
        eta = int(d["region_hwEtaCenter"][r]) + pos[n][0]
        weights.append(weight_of(p, eta, pt, em, min(4095, total)) if pt else 0)
    return weights


@pytest.mark.parametrize("name", NAMES)
def test_weights_equal_a_model_in_unbounded_integers(name: str):
    d = random_regions(name, 60, seed=1)
    out = LinPuppi.preset(name).run(d)
    for r in range(60):
        expected = model_weights(name, d, r)
        assert out["out_nocut_hwPuppiW"][r, : len(expected)].tolist() == expected, r
        assert not out["out_nocut_hwPuppiW"][r, len(expected) :].any()


def one_neutral(**fields: int) -> dict[str, np.ndarray]:
    d = {k: np.zeros_like(v) for k, v in random_regions("barrel", 1, seed=0).items()}
    d["region_hwEtaHalfWidth"][:] = 57
    d["region_hwPhiHalfWidth"][:] = 80
    d["region_hwPhiCenter"][:] = 640
    d["n_neu"][:] = 1
    for name, value in fields.items():
        d[name].flat[0] = value
    return d


def test_lone_photon_by_hand():
    """Without tracks x2a = -128 (cropped); x2pt = 19*(160-10) >> 3 = 356; x2 = 356-128-32 = 196."""
    d = one_neutral(pfne_hwPt=160, pfne_hwId=1, pfne_hwPhi=80, pfne_hwEmID=33)
    out = LinPuppi.preset("barrel").run(d)
    assert out["out_n_puppi"][0] == 1
    assert out["out_puppi_hwPuppiW"][0, 0] == 255  # 256/(1+exp(-6.125)) = 255.44
    assert out["out_puppi_hwPt"][0, 0] == 159  # (160*255 + 128) >> 8
    assert out["out_puppi_hwPhi"][0, 0] == 720  # 640 + 80: pi itself stays
    assert out["out_puppi_hwData"][0, 0] == 255 | 33 << 9


def test_lone_soft_hadron_is_dropped_by_hand():
    """x2pt = 19*(40-16) >> 3 = 57; x2 = -128+57-160 = -231; 256/(1+exp(7.2)) = 0.19."""
    out = LinPuppi.preset("barrel").run(one_neutral(pfne_hwPt=40))
    assert out["out_nocut_hwPuppiW"][0, 0] == 0
    assert out["out_n_puppi"][0] == 0
    assert out["out_n_sel"][0] == 1


def test_largest_momentum_saturates_at_half_the_range():
    out = LinPuppi.preset("barrel").run(one_neutral(pfne_hwPt=16383))
    assert out["out_nocut_hwPuppiW"][0, 0] == 256
    assert out["out_puppi_hwPt"][0, 0] == 8191


@pytest.mark.parametrize(
    ("eta", "phi", "kept"), [(-57, 0, 0), (57, 80, 1), (0, -80, 0), (58, 0, 0)]
)
def test_lower_edges_belong_to_the_neighbour(eta: int, phi: int, kept: int):
    d = one_neutral(pfne_hwPt=400, pfne_hwEta=eta, pfne_hwPhi=phi)
    assert LinPuppi.preset("barrel").run(d)["out_n_puppi"][0] == kept


def test_charged_candidate_moves_to_the_vertex_and_across_pi():
    fields = {"hwPt": 8, "hwEta": 10, "hwPhi": 70, "hwZ0": 3}
    d = one_neutral(n_neu=0, n_trk=1, pv_hwZ0=13, **{f"trk_{k}": v for k, v in fields.items()})
    charged = {**fields, "hwId": 3, "hwDEta": -4, "hwDPhi": 100, "hwDxy": 9, "hwTkQuality": 5}
    for name, value in charged.items():
        d[f"pfch_{name}"].flat[0] = value
    out = LinPuppi.preset("barrel").run(d)
    got = {k: int(out[f"out_puppi_{k}"][0, 0]) for k in ("hwPt", "hwEta", "hwPhi", "hwId", "hwZ0")}
    assert got == {"hwPt": 8, "hwEta": 6, "hwPhi": 640 + 170 - 1440, "hwId": 3, "hwZ0": 3}
    d["pv_hwZ0"][:] = 14  # one step too far
    assert LinPuppi.preset("barrel").run(d)["out_n_puppi"][0] == 0
    d["pfch_hwId"].flat[0] = 7  # muons need no vertex
    assert LinPuppi.preset("barrel").run(d)["out_n_puppi"][0] == 1


@pytest.mark.parametrize("name", NAMES)
def test_empty_regions_and_no_regions(name: str):
    d = random_regions(name, 3, seed=2)
    for count in {"n_neu", "n_trk"} & d.keys():
        d[count][:] = 0
    out = LinPuppi.preset(name).run(d)
    assert all(not v.any() for k, v in out.items() if k != "out_assoc")
    none = LinPuppi.preset(name).run({k: v[:0] for k, v in d.items()})
    assert all(len(v) == 0 for v in none.values())


@pytest.mark.parametrize("name", NAMES)
def test_slots_beyond_the_counts_are_ignored(name: str):
    d = random_regions(name, 30, seed=3)
    clean = {k: v.copy() for k, v in d.items()}
    for key, v in clean.items():
        count = "n_trk" if key.startswith(("trk", "pfch")) else "n_neu"
        if v.ndim == 2:
            v[np.arange(v.shape[1]) >= d[count][:, None]] = 0
    a, b = LinPuppi.preset(name).run(d), LinPuppi.preset(name).run(clean)
    assert all(np.array_equal(a[k], b[k]) for k in a)


@pytest.mark.parametrize("name", NAMES)
def test_regions_are_independent_of_their_block(name: str):
    d = random_regions(name, 130, seed=4)
    whole = LinPuppi.preset(name).run(d)
    part = LinPuppi.preset(name).run({k: v[63:67] for k, v in d.items()})
    assert all(np.array_equal(whole[k][63:67], part[k]) for k in whole)


@pytest.mark.parametrize("name", NAMES)
def test_arrays_of_an_earlier_call_can_be_used_again(name: str):
    algorithm = LinPuppi.preset(name)
    out = algorithm.run(random_regions(name, 70, seed=14))
    d = random_regions(name, 70, seed=15)
    again, new = algorithm.run(d, out), algorithm.run(d)
    assert again["out_sel_hwPt"] is out["out_sel_hwPt"]
    assert all(np.array_equal(again[k], new[k]) for k in new)
    with pytest.raises(ValueError, match=r"has shape \(70,.*expected \(69,"):
        algorithm.run({k: v[1:] for k, v in d.items()}, out)
    with pytest.raises(ValueError, match="it is not from this algorithm"):
        algorithm.run(d, {})


@pytest.mark.parametrize("name", NAMES)
def test_weights_follow_a_permutation_of_neutrals(name: str):
    d = random_regions(name, 40, seed=5)
    prefix = "calo_" if PRESETS[name].forward else "pfne_"
    d["n_neu"][:] = PRESETS[name].n_in
    order = np.random.default_rng(0).permutation(PRESETS[name].n_in)
    shuffled = {k: v[:, order] if k.startswith(prefix) else v for k, v in d.items()}
    a, b = LinPuppi.preset(name).run(d), LinPuppi.preset(name).run(shuffled)
    np.testing.assert_array_equal(a["out_nocut_hwPuppiW"][:, order], b["out_nocut_hwPuppiW"])
    np.testing.assert_array_equal(a["out_puppi_hwPt"], b["out_puppi_hwPt"])


def test_equal_momenta_break_the_permutation_symmetry():
    """Two equal photons: the list follows the order of the input, not a property of the photons."""
    d = {k: np.repeat(v, 2, axis=0) for k, v in one_neutral(n_neu=2).items()}
    d["pfne_hwPt"][:, :2], d["pfne_hwId"][:, :2] = 160, 1
    d["pfne_hwEta"][:, :2] = [[-50, 50], [50, -50]]
    out = LinPuppi.preset("barrel").run(d)
    assert out["out_puppi_hwEta"][:, :2].tolist() == [[50, -50], [-50, 50]]  # the later first


@pytest.mark.parametrize("name", TRACKER)
def test_reflection_in_eta_keeps_the_weights(name: str):
    d = random_regions(name, 40, seed=6)
    mirror = {k: -v if k.endswith(("hwEta", "hwEtaCenter", "hwDEta")) else v for k, v in d.items()}
    mirror["pfch_hwDEta"] = np.clip(mirror["pfch_hwDEta"], -32, 31)
    a, b = LinPuppi.preset(name).run(d), LinPuppi.preset(name).run(mirror)
    np.testing.assert_array_equal(a["out_nocut_hwPuppiW"], b["out_nocut_hwPuppiW"])


def test_more_associated_tracks_never_lower_a_weight():
    d = random_regions("barrel", 50, seed=7)
    fewer = {**d, "n_trk": d["n_trk"] // 2}
    a, b = LinPuppi.preset("barrel").run(d), LinPuppi.preset("barrel").run(fewer)
    assert (a["out_nocut_hwPuppiW"] >= b["out_nocut_hwPuppiW"]).all()
    assert (a["out_nocut_hwPuppiW"] > b["out_nocut_hwPuppiW"]).any()


@pytest.mark.parametrize("sort", ["Insertion", "Hybrid", "FoldedHybrid"])
def test_selection_before_the_final_sort(sort: str):
    """With fewer neutrals leaving than entering, the selected list enters the final sort."""
    d = random_regions("barrel", 40, seed=8)
    p = PRESETS["barrel"].replace(n_out=6, n_final=40, final_sort=sort)
    out = LinPuppi(p).run(d)
    assert (out["out_n_sel"] == np.minimum(d["n_neu"], 6)).all()
    for r in range(40):
        n = out["out_n_puppi"][r]
        listed = sorted(out["out_puppi_hwPt"][r, :n].tolist())
        entering = np.concatenate([out["out_ch_hwPt"][r], out["out_sel_hwPt"][r]])
        assert listed == sorted(entering[entering > 0].tolist())
        assert (np.diff(out["out_puppi_hwPt"][r]) <= 0).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"pt_slope": (0.3, 0.3)}, "pt_slope has 2 entries"),
        ({"pt_slope": (1.0,)}, "pt_slope is 64 in firmware units; the firmware type holds 0 to 63"),
        ({"final_sort": "Bubble"}, "unknown sort"),
        ({"n_in": 300}, "at most 255"),
        ({"pt_max": 300.0, "dr_max": 0.7}, "exceeds 32-bit sums"),
    ],
)
def test_parameters_that_the_firmware_cannot_hold(changes: dict, message: str):
    with pytest.raises(ValueError, match=message):
        LinPuppi(PRESETS["barrel"].replace(**changes))


def test_raw_parameters_and_their_physical_values():
    raw = PRESETS["hgcal"].raw()
    assert (raw.dr2_min, raw.dr2_max, raw.pt_max, raw.dz) == (85, 4728, 200, 27)
    assert raw.edges.tolist() == [458]
    assert raw.bins.tolist() == [[4, 19, 20, 160, 25, 12, 48], [8, 19, 28, 160, 25, 16, 48]]
    assert raw.alpha.tolist() == [[33, 138, 96]] * 2
    again = PRESETS["hgcal"].quantized().raw()
    assert np.array_equal(again.bins, raw.bins)
    assert np.array_equal(again.alpha, raw.alpha)
    assert "1c4c42c4" in PRESETS["hgcal"].reference


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pfne_hwPt": None}, "pfne_hwPt is missing"),
        ({"pfne_hwPt": np.zeros((3, 25))}, "float64; expected raw integers"),
        ({"pfne_hwPt": np.zeros((4, 25), int)}, r"shape \(4, 25\); expected \(3, slots\)"),
        ({"pfne_hwEta": np.full((3, 25), 512)}, "pfne_hwEta holds values from 512 to 512"),
        ({"pfne_hwPt": np.full((3, 25), -1)}, "unsigned"),
        ({"trk_hwZ0": np.full((3, 32), 70000)}, "beyond 16 bits"),
        ({"n_neu": np.full(3, 26)}, "n_neu runs from 26 to 26; there are 25 slots"),
    ],
)
def test_wrong_inputs(change: dict, message: str):
    d = random_regions("barrel", 3, seed=9)
    d.update(change)
    with pytest.raises(ValueError, match=message):
        LinPuppi.preset("barrel").run({k: v for k, v in d.items() if v is not None})


def test_unknown_names():
    with pytest.raises(ValueError, match="unknown LinPuppi preset 'endcap'; known are barrel"):
        LinPuppi.preset("endcap")
    with pytest.raises(ValueError, match="unknown variant"):
        LinPuppi.preset("barrel", variant="float")


def test_words():
    one = np.array([1])
    assert data_word(one, one, one, one, one * 256, one * 63)[0] == 256 | 63 << 9
    assert data_word(one * 3, -one, one * 2, one * 7, one, one)[0] == 1023 | 2 << 10 | 7 << 18
    word = int(object_word(one * 16383, -one, -one, one * 7, one * 0x1FFFFF)[0])
    assert word == 2**61 - 1


def test_tables_have_not_changed():
    digest = hashlib.sha256()
    inverses = [inverse_dr2(np.int32(s)) for s in range(160)]
    for table in (
        tables.LOG2, tables.WEIGHT, inverses, tables.JET_INVERSE_PT, tables.JET_TRIGONOMETRY,
        tables.MHT_SINE, tables.MET_COS_SIN,
    ):  # fmt: skip
        digest.update(np.ascontiguousarray(table, dtype="<i8").tobytes())
    assert tables.JET_TRIGONOMETRY[0, 145] == 4943  # single-precision cosh of NumPy gives 4944
    assert digest.hexdigest() == "cdd27680e2a4ae79d6718617ef1d48aa122e9a2eb8679607e201714a0e09110d"
