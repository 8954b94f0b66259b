"""Clusters of trigger towers against a slow model, and what they must conserve."""

from fractions import Fraction
from functools import cache
from math import floor, pi

import awkward as ak
import numpy as np
import pytest

from l1kd.candidates import candidates
from l1kd.emulators.correlator.chain import correlate
from l1kd.emulators.correlator.clusters import Clusterer
from l1kd.emulators.correlator.clusters.floating import cluster_float
from l1kd.emulators.correlator.clusters.geometry import GRIDS, N_SECTORS, tables
from l1kd.emulators.correlator.clusters.kernels import WINDOWS
from l1kd.emulators.correlator.regionizer import Regionizer

STEP = pi / 720
NO_LIMITS = Clusterer(limits=(None, None, None))


def deposits(*rows: tuple) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Make one event of (raw pt, eta, phi, pid, share of the hard collision)."""
    pt, eta, phi, pid, hard = (np.array(c, dtype=float) for c in zip(*rows, strict=True))
    columns = {"pt": pt / 4, "eta": eta, "phi": phi, "pid": pid, "hard_fraction": hard}
    return {**columns, "charge": 0 * pt, "z0": 0 * pt}, np.array([0, len(rows)])


def towers(n: int, per_event: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Events of towers as the trigger has them, tracks and muons among them."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 2 * per_event, n)
    total = counts.sum()
    pid = rng.choice([0, 1, 2, 3, 4, 5, 6], total, p=[0.1, 0.02, 0.02, 0.3, 0.4, 0.08, 0.08])
    return {
        "pt": rng.integers(0, 12, total) / 4 + np.where(rng.random(total) < 0.02, 30, 0),
        "eta": rng.uniform(-5.7, 5.7, total),
        "phi": rng.uniform(-pi, pi, total),
        "charge": np.where(pid <= 2, rng.choice([-1, 1], total), 0),
        "pid": pid,
        "z0": rng.normal(0, 4, total),
        "hard_fraction": rng.random(total),
    }, np.concatenate([[0], np.cumsum(counts)])


def tower_of(eta: float, phi: float) -> tuple[int, int, int] | None:
    """Return grid, ring and column of a position, by its hardware integers."""
    raw = int(np.float64(np.float32(eta) / np.float32(STEP)) + (0.5 if eta >= 0 else -0.5))
    raw_phi = int(np.float64(np.float32(phi) / np.float32(STEP)) + (0.5 if phi >= 0 else -0.5))
    ring = ring_of(raw)
    return ring and (*ring, (raw_phi + 720) % 1440 * GRIDS[ring[0]].columns // 1440)


@cache
def ring_of(raw: int) -> tuple[int, int] | None:
    """Return grid and ring of a raw pseudorapidity; an edge belongs to the outer ring."""
    if abs(raw) > 1260:
        return None
    for number, grid in enumerate(GRIDS):
        for ring in range(grid.rings):
            low, high = grid.edges[ring], grid.edges[ring + 1]
            if (low <= raw * STEP < high) if raw >= 0 else (low < raw * STEP <= high):
                return number, ring
    return None


def model(
    event: dict, seed: int, limits: tuple, em_cut: Fraction, windows: tuple = ("3x3",) * 3
) -> tuple[list[tuple], dict]:
    """Clusters of one event in plain Python: (pt, eta, phi, pid, em, hard), and losses."""
    cells: dict[tuple, list] = {}
    for pt, eta, phi, charge, pid, hard in zip(
        *(event[k] for k in ("pt", "eta", "phi", "charge", "pid", "hard_fraction")), strict=True
    ):
        track = charge != 0 and abs(eta) <= 2.5
        raw, place = floor(4 * pt + 0.5), tower_of(eta, phi)
        if track or pid == 2 or raw == 0 or place is None:
            continue
        cell = cells.setdefault(place, [0, 0, 0.0])
        cell[0 if pid in (1, 3, 6) else 1] += raw
        cell[2] += raw * float(np.float32(hard))

    def around(place: tuple) -> list[tuple]:
        g, ring, column = place
        shifts = [(a, b) for a in (-1, 0, 1) for b in (-1, 0, 1) if (a, b) != (0, 0)]
        columns = GRIDS[g].columns
        return [((g, ring + a, (column + b) % columns), a, b) for a, b in shifts]

    def size(place: tuple) -> int:
        return sum(cells.get(place, (0, 0))[:2])

    def window(place: tuple) -> str:
        return windows[GRIDS[place[0]].detector]

    def takes(place: tuple) -> set[tuple]:
        """Towers that belong to a maximum, beside itself."""
        near = {(a, b): p for p, a, b in around(place)}
        chosen = {
            "towers": set(), "1x1": set(), "cross": {(-1, 0), (0, -1), (0, 1), (1, 0)},
            "3x3": set(near),
        }  # fmt: skip
        if window(place) == "2x2":
            corners = [(-1, -1), (-1, 1), (1, -1), (1, 1)]
            squares = [{(a, 0), (0, b), (a, b)} for a, b in corners]
            return {near[n] for n in max(squares, key=lambda s: sum(size(near[n]) for n in s))}
        return {near[n] for n in chosen[window(place)]}

    def is_peak(place: tuple) -> bool:
        e = size(place)
        if window(place) == "towers":
            return e >= seed
        earlier = [size(p) for p, a, b in around(place) if (a, b) < (0, 0)]
        later = [size(p) for p, a, b in around(place) if (a, b) > (0, 0)]
        return e >= seed and all(x <= e for x in earlier) and all(x < e for x in later)

    peaks = {p for p in cells if is_peak(p)}
    taken = {p: takes(p) for p in peaks}
    made = {p: [*cells[p], 0, 0] for p in sorted(peaks)}
    losses = dict.fromkeys(("unclustered_cells", "unclustered_pt"), 0)
    rings = [np.round(g.centres() / STEP).astype(int) for g in GRIDS]
    for place in sorted(set(cells) - peaks):
        em, had, hard = cells[place]
        mine = [(p, a, b) for p, a, b in around(place) if place in taken.get(p, ())]
        if not mine:
            losses["unclustered_cells"] += 1
            losses["unclustered_pt"] += em + had
            continue
        total = sum(size(p) for p, _, _ in mine)
        shares = [[floor(Fraction(x * size(p), total)) for p, _, _ in mine] for x in (em, had)]
        largest = max(range(len(mine)), key=lambda j: (size(mine[j][0]), -j))
        for share, whole in zip(shares, (em, had), strict=True):
            share[largest] += whole - sum(share)
        for j, (p, a, b) in enumerate(mine):
            part = shares[0][j] + shares[1][j]
            cluster = made[p]
            cluster[0] += shares[0][j]
            cluster[1] += shares[1][j]
            cluster[2] += hard * part / (em + had)
            cluster[3] += part * (rings[place[0]][place[1]] - rings[place[0]][place[1] + a])
            cluster[4] -= part * b * 1440 // GRIDS[place[0]].columns
    sectors: dict[tuple, list] = {}
    for p, (em, had, *_) in made.items():
        grid = GRIDS[p[0]]
        half = p[1] * grid.halves // grid.rings
        sectors.setdefault((p[0], half, p[2] * grid.sectors // grid.columns), []).append(
            (-(em + had), len(sectors), p)
        )
    sent = set()
    for (g, *_), listed in sectors.items():
        limit = limits[GRIDS[g].detector]
        ranked = sorted(listed, key=lambda row: row[0])[:limit]
        sent |= {p for _, _, p in ranked}
    losses["sector_clusters"] = len(made) - len(sent)
    losses["sector_pt"] = sum(made[p][0] + made[p][1] for p in set(made) - sent)
    rows = []
    for p, (em, had, hard, m_eta, m_phi) in made.items():
        if p not in sent:
            continue
        pt, width = em + had, 1440 // GRIDS[p[0]].columns
        eta = rings[p[0]][p[1]] + floor(Fraction(m_eta, pt) + Fraction(1, 2))
        phi = p[2] * width + width // 2 - 720 + floor(Fraction(m_phi, pt) + Fraction(1, 2))
        phi = phi - 1440 if phi > 720 else phi + 1440 if phi <= -720 else phi
        photon = Fraction(em, pt) >= em_cut
        pid = (6 if photon else 5) if abs(eta) > 688 else (3 if photon else 4)
        rows.append((pt, eta, phi, pid, em / pt, hard / pt))
    return rows, losses


@pytest.mark.parametrize(
    ("per_event", "seed_pt", "limits", "em", "windows"),
    [
        (3000, 1.0, (8, 162, 8), 0.75, ("3x3", "3x3", "3x3")),
        (3000, 2.0, (3, 20, None), 0.5, ("3x3", "3x3", "3x3")),
        (300, 0.0, (1, 1, 1), 1.0, ("3x3", "3x3", "3x3")),
        (3000, 1.0, (8, 162, 8), 0.75, ("3x3", "2x2", "cross")),
        (6000, 1.0, (None, None, None), 0.75, ("2x2", "cross", "2x2")),
        (6000, 0.5, (None, 30, 8), 0.75, ("cross", "1x1", "towers")),
        (600, 0.5, (8, None, 8), 0.75, ("towers", "2x2", "1x1")),
    ],
)
def test_every_cluster_equals_the_model(
    per_event: int, seed_pt: float, limits: tuple, em: float, windows: tuple
):
    event, offsets = towers(3, per_event, seed=per_event + int(4 * seed_pt))
    clusterer = Clusterer(seed_pt, min_pt=0.0, limits=limits, em_fraction=em, windows=windows)
    found = clusterer.run(event, offsets)
    for k in range(3):
        mine = slice(offsets[k], offsets[k + 1])
        rows, losses = model(
            {n: v[mine] for n, v in event.items()}, int(4 * seed_pt), limits, Fraction(em), windows
        )
        new = slice(found.offsets[k], found.offsets[k + 1])
        here = found.is_cluster[new]
        columns = {n: v[new][here] for n, v in found.particles.items()}
        pt, eta, phi, pid, em_share, hard = (np.array(c) for c in zip(*rows, strict=True))
        np.testing.assert_array_equal(columns["pt"], pt / 4)
        np.testing.assert_array_equal(np.round(columns["eta"] / STEP), eta)
        np.testing.assert_array_equal(np.round(columns["phi"] / STEP), phi)
        np.testing.assert_array_equal(columns["pid"], pid)
        np.testing.assert_allclose(found.em_fraction[new][here], em_share, rtol=1e-6)
        np.testing.assert_allclose(found.hard_fraction[new][here], hard, rtol=1e-5)
        assert {n: found.losses[n][k] for n in losses} == losses
        # what is no deposit passes as it was, in its order and before the clusters
        source = found.source[new]
        passed = source[source >= 0]
        assert (np.diff(passed) > 0).all()
        assert (source[: len(passed)] >= 0).all()
        for name in ("pt", "eta", "phi", "charge", "pid", "z0"):
            np.testing.assert_array_equal(
                found.particles[name][new][: len(passed)], event[name][passed]
            )


@pytest.mark.parametrize("window", WINDOWS)
def test_momentum_is_conserved_to_the_last_step(window: str):
    event, offsets = towers(8, 2500, seed=5)
    clusterer = Clusterer(limits=(2, 10, 2), min_pt=3.0, windows=(window,) * 3)
    found = clusterer.run(event, offsets)
    assert (found.losses["small_clusters"] > 0).all()
    deposit = np.ones(offsets[-1], dtype=bool)
    deposit[found.source[found.source >= 0]] = False
    raw = np.add.reduceat(np.round(4 * event["pt"]) * deposit, offsets[:-1])
    clusters = 4 * found.particles["pt"] * found.is_cluster
    kept = np.add.reduceat(clusters, found.offsets[:-1])
    lost = sum(v for k, v in found.losses.items() if k.endswith("_pt"))
    np.testing.assert_array_equal(raw, kept + lost)


def test_share_of_the_hard_collision_is_conserved():
    event, offsets = towers(5, 2000, seed=6)
    event["hard_fraction"] = np.where(event["charge"] == 0, 0.25, 1.0)
    found = NO_LIMITS.run(event, offsets)
    shares = found.hard_fraction[found.is_cluster & (np.abs(found.particles["eta"]) < 2.4)]
    np.testing.assert_allclose(shares, 0.25, rtol=1e-6)
    assert "hard_fraction" not in found.particles
    without = NO_LIMITS.run({k: v for k, v in event.items() if k != "hard_fraction"}, offsets)
    assert without.hard_fraction is None


def test_tower_between_two_maxima_is_shared_by_their_size():
    cell = 0.087
    rows = [(30, 0.5 * cell, 0.01, 4, 1.0), (10, 2.5 * cell, 0.01, 4, 0.0)]
    found = Clusterer().run(*deposits(*rows, (9, 1.5 * cell, 0.01, 3, 0.0)))
    # 9 * 10 / 40 is rounded down, the larger maximum takes the rest
    assert (4 * found.particles["pt"]).tolist() == [37, 12]
    np.testing.assert_allclose(found.em_fraction, [7 / 37, 2 / 12])
    np.testing.assert_allclose(found.hard_fraction, [30 / 37, 0])
    np.testing.assert_allclose(found.spread(np.array([1.0, 0.0])), [1, 0, 7 / 9])


@pytest.mark.parametrize(
    ("window", "pt"),
    [
        ("3x3", [37.0]),
        ("cross", [24.0]),
        ("2x2", [30.0]),
        ("1x1", [10.0]),
        ("towers", [10.0, 8.0, 7.0, 6.0, 6.0]),
    ],
)
def test_window_takes_its_towers_of_hf(window: str, pt: list[float]):
    eta, phi, step, column = 3.9, 0.09, 0.175, 2 * pi / 36
    rows = [
        (40, eta, phi, 4, 1.0), (32, eta, phi + column, 4, 0.0), (24, eta - step, phi, 4, 0.0),
        (28, eta + step, phi - column, 4, 0.0), (24, eta - step, phi + column, 4, 0.0),
    ]  # fmt: skip
    found = Clusterer(windows=("3x3", "3x3", window)).run(*deposits(*rows))
    assert sorted(found.particles["pt"], reverse=True) == pt


def test_equal_neighbours_make_one_cluster_and_azimuth_has_no_edge():
    found = Clusterer().run(*deposits((8, 0.04, 3.12, 4, 0), (8, 0.04, -3.12, 4, 0)))
    assert found.particles["pt"].tolist() == [4.0]
    assert abs(abs(found.particles["phi"][0]) - pi) < 1e-9
    assert found.losses["unclustered_cells"].sum() == 0


def test_calorimeters_know_nothing_of_each_other():
    found = Clusterer().run(*deposits((8, 1.47, 0.01, 4, 0), (8, 1.49, 0.01, 4, 0)))
    assert len(found.source) == 2


def test_full_sector_sends_its_largest():
    cell = 0.087
    rows = [(10 + k, (2 * k + 0.5) * cell, 0.01, 4, 0.0) for k in range(8)]
    rows += [(18, 0.5 * cell, 0.01 + 2 * pi / 36, 4, 0.0)]
    found = Clusterer(limits=(5, None, None)).run(*deposits(*rows))
    assert sorted(4 * found.particles["pt"]) == [13, 14, 15, 16, 17, 18][1:]
    assert found.losses["sector_clusters"].tolist() == [4]
    assert found.losses["sector_pt"].tolist() == [10 + 11 + 12 + 13]
    assert found.spread(np.ones(5)).tolist() == [0, 0, 0, 0, 1, 1, 1, 1, 1]


def test_saturated_cluster_counts_what_it_lost():
    rows = [(16383, 0.04, 0.01, 4, 0), (16000, 0.04, 0.1, 4, 0)]
    found = Clusterer().run(*deposits(*rows))
    assert (4 * found.particles["pt"]).tolist() == [16383]
    assert found.losses["saturated_pt"].tolist() == [16000]


@pytest.mark.parametrize(
    "windows", [("3x3", "3x3", "3x3"), ("2x2", "cross", "2x2"), ("cross", "1x1", "towers")]
)
def test_float_twin_agrees_up_to_the_steps(windows: tuple):
    event, offsets = towers(20, 800, seed=7)
    # on steps of the hardware, and on none that is the edge of a tower
    event["eta"] = np.round(event["eta"] / STEP) * STEP
    event["phi"] = (2 * np.floor(event["phi"] / STEP / 2) + 1) * STEP
    inside = np.abs(event["eta"]) < 5.5
    event = {k: v[inside] for k, v in event.items()}
    offsets = np.concatenate([[0], np.cumsum(inside)])[offsets]
    exact = Clusterer(limits=(None, None, None), windows=windows).run(event, offsets)
    ideal = cluster_float(event, offsets, windows=windows)
    mine = exact.is_cluster
    number = np.repeat(np.arange(20), np.diff(exact.offsets))[mine]
    assert number.tolist() == ideal["event"].tolist()
    difference = exact.particles["pt"][mine] - ideal["pt"]
    assert np.abs(difference).max() < 8 * 0.25 * 2
    assert np.mean(np.abs(difference)) < 0.1
    assert np.abs(exact.particles["eta"][mine] - ideal["eta"]).max() < 0.06
    turned = (exact.particles["phi"][mine] - ideal["phi"] + pi) % (2 * pi) - pi
    assert np.abs(turned).max() < 0.12
    np.testing.assert_allclose(exact.losses["unclustered_pt"] / 4, ideal["unclustered"])


def test_chain_on_clusters_equals_the_chain_on_what_was_formed():
    event, offsets = towers(6, 1500, seed=8)
    formed = Clusterer().run(event, offsets)
    whole = correlate(event, offsets, vertex=0.0, clusters=Clusterer())
    alone = correlate(formed.particles, formed.offsets, vertex=0.0)
    np.testing.assert_array_equal(whole.candidates["cand_hwPt"], alone.candidates["cand_hwPt"])
    np.testing.assert_array_equal(whole.weights, formed.spread(alone.weights))
    np.testing.assert_array_equal(whole.met["met_hwPt"], alone.met["met_hwPt"])
    assert whole.clusters is not None
    assert set(whole.losses) == set(alone.losses) | set(formed.losses)
    tracks = (np.abs(event["eta"]) <= 2.5) & (event["charge"] != 0)
    assert set(np.unique(whole.weights[tracks])) <= {0.0, 1.0}


def test_order_of_the_particles_does_not_matter():
    event, offsets = towers(1, 2000, seed=9)
    order = np.random.default_rng(1).permutation(offsets[-1])
    a, b = (
        Clusterer().run(event, offsets),
        Clusterer().run({k: v[order] for k, v in event.items()}, offsets),
    )
    for name in ("pt", "eta", "phi", "pid"):
        np.testing.assert_array_equal(
            a.particles[name][a.is_cluster], b.particles[name][b.is_cluster]
        )


def test_no_events_and_no_particles():
    event, _ = towers(1, 10, seed=1)
    nothing = {k: v[:0] for k, v in event.items()}
    assert Clusterer().run(nothing, [0]).offsets.tolist() == [0]
    found = Clusterer().run(nothing, [0, 0, 0])
    assert found.offsets.tolist() == [0, 0, 0]
    assert found.losses["unclustered_cells"].tolist() == [0, 0]


def test_clusters_bring_most_of_the_momentum_into_the_slots(shared, open_events):
    """On trigger towers of pile-up 200, slots of neighbouring regions included."""
    particles = candidates(open_events(shared / "samples/pu200/train_minbias.root")[:40])
    columns = {name: ak.to_numpy(ak.flatten(particles[name]))
               for name in ("pt", "eta", "phi", "charge", "pid", "z0")}  # fmt: skip
    offsets = np.concatenate([[0], np.cumsum(ak.to_numpy(ak.num(particles.pt)))])
    total = columns["pt"][columns["charge"] == 0].sum()
    formed = Clusterer().run(columns, offsets)
    for given, bounds, low, high in (
        (columns, offsets, 0.40, 0.52), (formed.particles, formed.offsets, 0.78, 0.90),
    ):  # fmt: skip
        inputs, _ = Regionizer().run(given, bounds, 0.0)
        used = np.unique(np.concatenate([d["neu_source"].ravel() for d in inputs.values()]))
        neutral = used[(used >= 0) & (given["charge"][used] == 0)]
        assert low < given["pt"][neutral].sum() / total < high


def test_geometry():
    rows, grids, centres, columns, cells = tables()
    assert N_SECTORS == 36 + 6 + 12
    assert cells == 36 * 74 + 2 * 19 * 74 + 2 * 17 * 38
    assert (grids[:, 3] * grids[:, 2] == 1440).all()
    assert (rows >= 0).all(), "every position of layer 1 is in a tower"
    assert rows[1260].tolist() == [18 * 74, 0]
    assert rows[1260 - 1].tolist() == [17 * 74, 0]
    assert columns[:, [0, 19, 20, 39, 40, 1439]].tolist() == [
        [1, 1, 2, 2, 3, 72],
        [1, 1, 1, 1, 2, 36],
    ]
    np.testing.assert_array_equal(centres[1, 1:18], -centres[2, 1:18][::-1])
    np.testing.assert_array_equal(rows[::-1, 1], rows[:, 1])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"em_fraction": 1.5}, "a share from 0 to 1"),
        ({"seed_pt": -1.0}, "thresholds from 0 on"),
        ({"limits": (8, 8)}, "limits of barrel, HGCal and HF"),
        ({"limits": (0, None, None)}, "each at least 1 or None"),
        ({"windows": ("3x3", "5x5", "3x3")}, "windows of barrel, HGCal and HF, each of towers"),
    ],
)
def test_wrong_parameters(change: dict, message: str):
    with pytest.raises(ValueError, match=message):
        Clusterer(**change)


def test_wrong_columns():
    event, offsets = deposits((8, 0.04, 0.01, 4, 0))
    with pytest.raises(ValueError, match=r"hard_fraction has shape \(2,\)"):
        Clusterer().run({**event, "hard_fraction": [0.0, 0.0]}, offsets)
    with pytest.raises(ValueError, match="expected 1 values"):
        Clusterer().run(event, offsets).spread(np.ones(3))
    with pytest.raises(ValueError, match="pt is not finite"):
        Clusterer().run({**event, "pt": [np.nan]}, offsets)
