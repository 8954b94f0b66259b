"""Regions, their input, the list of layer 2 and the whole chain on flat columns."""

import json
from pathlib import Path

import numpy as np
import pytest

from l1kd.emulators.correlator.chain import correlate
from l1kd.emulators.correlator.jets.seeded_cone import SeededCone
from l1kd.emulators.correlator.linpuppi import PRESETS, LinPuppi
from l1kd.emulators.correlator.regionizer import LOSSES, Regionizer, deregionize
from l1kd.emulators.correlator.regionizer.geometry import BOARDS, EXTRA, layer2_order, slice_tables
from l1kd.emulators.correlator.sums import ht, met, select_jets
from l1kd.emulators.correlator.vertex import VertexFinder

STEP = np.pi / 720


def particles(*rows: tuple) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Make one event of (pt, raw eta, raw phi, charge, pid, z0)."""
    pt, eta, phi, charge, pid, z0 = (np.array(c, dtype=float) for c in zip(*rows, strict=True))
    columns = {"pt": pt, "eta": eta * STEP, "phi": phi * STEP, "charge": charge, "pid": pid}
    return {**columns, "z0": z0}, np.array([0, len(rows)])


def random_events(n: int, per_event: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 2 * per_event, n)
    total = counts.sum()
    pid = rng.choice(
        [0, 1, 2, 3, 4, 5, 6, 7], total, p=[0.4, 0.02, 0.01, 0.3, 0.2, 0.03, 0.03, 0.01]
    )
    return {
        "pt": 1 + rng.exponential(3, total),
        "eta": rng.uniform(-5.4, 5.4, total),
        "phi": rng.uniform(-np.pi, np.pi, total),
        "charge": np.where(pid <= 2, rng.choice([-1, 1], total), 0),
        "pid": pid,
        "z0": rng.normal(0, 4, total),
        "dxy": rng.exponential(0.01, total),
    }, np.concatenate([[0], np.cumsum(counts)])


def centres() -> np.ndarray:
    return np.concatenate([np.stack(b.geometry()) for b in BOARDS], axis=1).astype(int)


def test_regions_equal_the_reference(shared: Path):
    listed = json.loads((shared / "golden/correlator/region_geometry.json").read_text())
    for board in BOARDS:
        rows = listed[board.name]
        assert [r["globalIndex"] for r in rows] == list(
            range(board.first, board.first + board.n_regions)
        )
        keys = ("hwEtaCenter", "hwPhiCenter", "hwEtaHalfWidth", "hwPhiHalfWidth")
        for key, values in zip(keys, board.geometry(), strict=True):
            assert values.tolist() == [r[key] for r in rows], (board.name, key)
        assert {r["hwEtaExtra"] for r in rows} | {r["hwPhiExtra"] for r in rows} == {EXTRA}


def test_centres_and_half_widths():
    eta, _, half, _ = centres()
    slices = list(zip(eta[::9].tolist(), half[::9].tolist(), strict=True))
    barrel = [(-287, 57), (-172, 58), (-57, 57), (57, 57), (172, 58), (287, 57)]
    endcaps = [(-458, 114), (458, 114), (-630, 58), (630, 58), (-974, 286), (974, 286)]
    assert slices == barrel + endcaps


def test_every_position_belongs_to_one_region():
    eta_c, phi_c, eta_h, phi_h = centres()
    rng = np.random.default_rng(1)
    for eta, phi in zip(
        rng.integers(-1259, 1261, 3000), rng.integers(-719, 721, 3000), strict=True
    ):
        deta, dphi = eta - eta_c, (phi - phi_c + 720) % 1440 - 720
        mine = (-eta_h < deta) & (deta <= eta_h) & (-phi_h < dphi) & (dphi <= phi_h)
        assert mine.sum() == 1


def test_slice_tables_hold_every_overlap():
    eta, phi = slice_tables()
    assert eta[0 + 2048].tolist() == [2, 3, -1]
    assert eta[-57 + 2048].tolist() == [1, 2, 3]
    assert eta[620 + 2048].tolist() == [7, 9, -1]
    assert eta[2047 + 2048 - 2048].tolist() == eta[2047].tolist()
    assert phi[720 + 720].tolist() == [4, 5]
    assert phi[160 + 720].tolist() == [1, -1]


def test_layer2_order():
    order = layer2_order()
    assert len(order) == 54 * 18 + 18 * 18 + 18 * 12 + 18 * 18
    assert len({tuple(row) for row in order.tolist()}) == len(order)
    # first cycle: six links of each barrel board, three of each endcap, four, three of each HF
    barrel = [(0, region, slot) for region in (0, 3, 6) for slot in (0, 3, 6, 9, 12, 15)]
    assert [tuple(r) for r in order[:18].tolist()] == barrel
    endcaps = [(1, region, slot) for region in (0, 9) for slot in (0, 6, 12)]
    assert [tuple(r) for r in order[18:24].tolist()] == endcaps
    assert [tuple(r) for r in order[24:28].tolist()] == [(2, 0, slot) for slot in (0, 3, 6, 9)]


def test_photon_enters_every_region_that_overlaps():
    inputs, info = Regionizer().run(*particles((10, -57, 80, 0, 3, 0)), vertex=0.0)
    barrel = inputs["barrel"]
    rows = np.flatnonzero(barrel["n_neu"])
    assert rows.tolist() == [9 * e + f for e in (1, 2, 3) for f in (0, 1)]
    assert barrel["pfne_hwEta"][rows, 0].tolist() == [115, 115, 0, 0, -114, -114]
    assert barrel["pfne_hwPhi"][rows, 0].tolist() == [80, -80] * 3
    assert (barrel["neu_source"][rows, 0] == 0).all()
    assert (barrel["pfne_hwPt"][rows, 0] == 40).all()
    assert all(info[k].sum() == 0 for k in LOSSES)


def test_track_is_bent_to_the_calorimeter_and_back():
    """At 2 GeV asin(0.3*3.81/2*1.29/2) = 0.378 rad = 87 steps; positive charges turn clockwise."""
    rows = ((2, 57, -700, 1, 0, 0.5), (2, 57, 100, -1, 1, 0.5))
    event, offsets = particles(*rows)
    inputs, _ = Regionizer().run({**event, "dxy": np.array([0.25, 0.0])}, offsets, vertex=0.5)
    barrel = inputs["barrel"]
    for k, (phi, label) in enumerate(((-700 - 87 + 1440, 3), (100 + 87, 4))):
        rows = np.flatnonzero((barrel["trk_source"] == k).any(axis=1))
        for r in rows:
            slot = int(np.flatnonzero(barrel["trk_source"][r] == k)[0])
            local = (phi - barrel["region_hwPhiCenter"][r] + 720) % 1440 - 720
            assert barrel["trk_hwPhi"][r, slot] == local
            assert barrel["pfch_hwDPhi"][r, slot] == 87
            assert barrel["pfch_hwId"][r, slot] == label
            assert barrel["pfch_hwDxy"][r, slot] == (32 if k == 0 else 0)
    result = correlate(event, offsets, vertex=0.5)
    assert result.weights.tolist() == [1, 1]
    n = result.candidates["n_cand"][0]
    order = np.argsort(result.candidates["cand_source"][0, :n])
    assert result.candidates["cand_hwPhi"][0, :n][order].tolist() == [-700, 100]


def test_largest_momenta_enter_first_and_equal_ones_as_they_come():
    rows = [(5 + (i % 3), 57, 0, 0, 3, 0) for i in range(40)]
    inputs, info = Regionizer().run(*particles(*rows), vertex=0.0)
    expected = sorted(range(40), key=lambda i: -rows[i][0])[:25]
    region = 3 * 9
    assert inputs["barrel"]["neu_source"][region].tolist() == expected
    assert info["regionizer_neutrals"].tolist() == [15]


def test_every_loss_is_counted():
    rows = (
        [(9, 57, 0, 1, 0, 0)] * 27  # 25 tracks enter, 22 are read
        + [(9, 57, 100, 0, 4, 0)] * 2
        + [(1.5, 0, 0, 1, 0, 0), (9, 700, 0, -1, 2, 0), (9, 1300, 0, 0, 4, 0), (0.1, 0, 0, 0, 3, 0)]
    )
    result = correlate(*particles(*rows), vertex=0.0)
    losses = {k: int(v[0]) for k, v in result.losses.items()}
    expected = {
        "outside": 2, "soft_tracks": 1, "forward_muons": 1, "regionizer_tracks": 2,
        "puppi_tracks": 3, "final_sort": 4,
    }  # fmt: skip
    assert losses == {k: expected.get(k, 0) for k in LOSSES}
    assert result.weights.sum() == 18 + result.weights[27:29].sum()


def test_full_list_of_layer_2():
    rows = [
        (50, 57 + 115 * (k % 2), 160 * f if f < 5 else 160 * f - 1440, 0, 3, 0)
        for f in range(9)
        for k in range(2)
        for _ in range(10)
    ]
    result = correlate(*particles(*rows), vertex=0.0)
    assert result.candidates["n_cand"][0] == 128
    assert result.losses["layer2_list"][0] == (result.weights > 0).sum() - 128


def test_charged_particles_beyond_the_tracker_are_clusters():
    inputs, _ = Regionizer().run(*particles((9, 640, 0, 1, 0, 3), (8, 640, 0, -1, 1, 3)))
    cluster = inputs["hgcalnotk"]
    row = 9
    assert cluster["calo_hwPt"][row, :2].tolist() == [36, 32]
    assert cluster["calo_hwEmID"][row, :2].tolist() == [0, 1]
    assert inputs["hgcal"]["n_trk"].sum() == 0


def test_vertex_is_found_from_the_tracks_or_given():
    rows = [(3, 0, 40 * i, 1, 0, 5.0 + 0.02 * i) for i in range(6)] + [(10, 0, 0, -1, 0, -8.0)]
    event, offsets = particles(*rows)
    found = VertexFinder().run(event, offsets).z0
    assert abs(found[0] - 5.05) < 0.1
    assert correlate(event, offsets).vertex.tolist() == [round(found[0] / 0.05)]
    assert Regionizer().run(event, offsets)[1]["pv_hwZ0"].tolist() == [round(found[0] / 0.05)]
    assert correlate(event, offsets, vertex=-8.0).vertex.tolist() == [-160]
    # without tracks the finder's word is the lowest, and so is the one of layer 1
    assert correlate(*particles((5, 0, 0, 0, 3, 0))).vertex.tolist() == [-512]


@pytest.mark.parametrize(("n", "per_event"), [(1, 3000), (40, 150), (3, 0)])
def test_chain_equals_its_steps(n: int, per_event: int):
    if per_event:
        event, offsets = random_events(n, per_event, seed=per_event)
    else:
        event, offsets = particles((9, 0, 0, 0, 3, 0))
        event, offsets = {k: v[:0] for k, v in event.items()}, np.zeros(n + 1, dtype=int)
    result = correlate(event, offsets)
    inputs, info = Regionizer().run(event, offsets)
    outputs = {name: LinPuppi.preset(name).run(d) for name, d in inputs.items()}
    listed = deregionize(outputs, n)
    for name in ("n_cand", "cand_hwPt", "cand_hwEta", "cand_hwPhi", "cand_hwId"):
        np.testing.assert_array_equal(listed[name], result.candidates[name])
    np.testing.assert_array_equal(listed["n_lost"], result.losses["layer2_list"])
    np.testing.assert_array_equal(info["pv_hwZ0"], result.vertex)
    for loss in LOSSES[:-2]:
        np.testing.assert_array_equal(info[loss], result.losses[loss])
    jets = SeededCone().run(listed)
    assert all(np.array_equal(jets[k], result.jets[k]) for k in jets)
    assert all(np.array_equal(v, result.met[k]) for k, v in met(listed).items())
    assert all(np.array_equal(v, result.ht[k]) for k, v in ht(select_jets(jets)).items())
    np.testing.assert_array_equal(result.weights, step_by_step_weights(inputs, outputs, event))


def step_by_step_weights(inputs: dict, outputs: dict, event: dict) -> np.ndarray:
    """Look every particle up in the region it belongs to."""
    weights = np.zeros(len(event["pt"]), dtype=np.float32)
    for name, d in inputs.items():
        out = outputs[name]
        for r in np.flatnonzero(out["out_n_puppi"]):
            kept = out["out_all_hwPt"][r] > 0
            used = d["neu_source"][r, : len(kept)]
            weights[used[kept]] = out["out_nocut_hwPuppiW"][r][kept] / np.float32(256)
            if not PRESETS[name].forward:
                charged = out["out_ch_hwPt"][r] > 0
                weights[d["trk_source"][r, : len(charged)][charged]] = 1
            # the final sort excludes the smallest momenta; here it never does
            size = kept.sum() + (0 if PRESETS[name].forward else charged.sum())
            assert size <= 18
    return weights


def test_events_are_independent_of_their_batch():
    event, offsets = random_events(35, 120, seed=9)
    whole = correlate(event, offsets)
    a, b = offsets[17], offsets[20]
    part = correlate({k: v[a:b] for k, v in event.items()}, offsets[17:21] - a)
    np.testing.assert_array_equal(whole.weights[a:b], part.weights)
    np.testing.assert_array_equal(
        whole.candidates["cand_hwPt"][17:20], part.candidates["cand_hwPt"]
    )
    np.testing.assert_array_equal(whole.met["met_hwPhi"][17:20], part.met["met_hwPhi"])


def test_turning_an_event_by_one_sector_turns_its_candidates():
    event, offsets = random_events(5, 200, seed=11)
    event["phi"] = np.round(event["phi"] / STEP) * STEP
    turned = {**event, "phi": (event["phi"] + 160 * STEP + np.pi) % (2 * np.pi) - np.pi}
    a, b = correlate(event, offsets), correlate(turned, offsets)
    np.testing.assert_array_equal(a.weights, b.weights)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"pt": None}, "column pt is missing"),
        ({"pt": [np.nan]}, "pt is not finite in 1 particles"),
        ({"pt": [-1.0]}, "pt is negative in 1 particles"),
        ({"pid": [8]}, "pid runs from 8 to 8"),
        ({"charge": [1], "z0": [np.inf]}, "z0 of a charged particle is not finite"),
        ({"eta": [1.0, 2.0]}, r"column eta has shape \(2,\)"),
    ],
)
def test_wrong_particles(change: dict, message: str):
    event, offsets = particles((5, 0, 0, 0, 3, 0))
    event.update(change)
    with pytest.raises(ValueError, match=message):
        correlate({k: v for k, v in event.items() if v is not None}, offsets)


def test_wrong_offsets_vertices_and_boards():
    event, _ = particles((5, 0, 0, 0, 3, 0))
    with pytest.raises(ValueError, match="run from 0 to the number of particles, 1"):
        correlate(event, [0, 2])
    with pytest.raises(ValueError, match="offsets decrease"):
        correlate(event, [0, 2, 1])
    with pytest.raises(ValueError, match="vertex position is not finite"):
        correlate(event, [0, 1], vertex=[np.nan])
    with pytest.raises(ValueError, match="unknown board types"):
        correlate(event, [0, 1], puppi={"endcap": LinPuppi.preset("hf")})
    with pytest.raises(ValueError, match="LinPuppi of barrel reads 30 tracks"):
        correlate(event, [0, 1], puppi={"barrel": LinPuppi.preset("hgcal")})
