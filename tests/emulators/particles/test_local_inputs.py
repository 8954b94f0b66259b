import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from l1kd.emulators.particles.local_inputs import LOCAL_FEATURES, N_LOCAL, kinds, local_inputs


def event(n, seed):
    rng = np.random.default_rng(seed)
    charge = rng.integers(-1, 2, n)
    return {
        "pt": rng.exponential(2.0, n) + 0.2,
        "eta": rng.uniform(-1.5, 1.5, n),
        "phi": rng.uniform(-np.pi, np.pi, n),
        "charge": charge,
        "puppi_weight": np.where(charge != 0, rng.integers(0, 2, n), rng.random(n)),
        "d0": rng.normal(0.0, 0.03, n),
        "dz": rng.normal(0.0, 1.0, n),
    }


def by_hand(p, i):
    """Fill the row of one particle of one event in plain loops."""
    kind = kinds(p["charge"], p["puppi_weight"], p["d0"], p["dz"])
    cones, density, whole = np.zeros((4, 2)), np.zeros(4), np.zeros(4)
    for j in range(len(p["pt"])):
        if p["pt"][j] < 1.0:
            continue
        whole[kind[j]] += p["pt"][j]
        d_phi = math.remainder(p["phi"][i] - p["phi"][j], 2 * math.pi)
        dr = math.hypot(p["eta"][i] - p["eta"][j], d_phi)
        if i != j and dr <= 0.4:
            cones[kind[j]] += p["pt"][j] * np.array([dr <= 0.2, True])
            if 0.01 <= dr <= 0.3:
                density[kind[j]] += (p["pt"][j] / dr) ** 2
    sums = [cones.ravel(), np.log2(1 + density) / 2, whole]
    row = [*np.log2(1 + sums[0])]
    row += [math.log2(1 + density[0] + density[3]) / 2, *(np.log2(1 + density[1:3]) / 2)]
    row += [math.log2(1 + whole[0]), math.log2(1 + whole[1])]
    if p["charge"][i] == 0:
        return [*row, 0.0, 0.0]
    lengths = (min(abs(p["dz"][i]), 2.0) / 0.01, min(abs(p["d0"][i]), 2.0) / 0.002)
    return row + [math.log2(1 + value) for value in lengths]


def test_the_columns_are_what_they_say():
    p = event(150, 1)
    found = local_inputs(**p, offsets=np.array([0, 150]))
    assert found.dtype == np.float32
    assert found.shape == (150, N_LOCAL) == (150, len(LOCAL_FEATURES))
    wanted = np.array([by_hand(p, i) for i in range(150)])
    np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=2e-6)
    assert (wanted.max(axis=0) > 1.0).all()  # every column was put to the test


@pytest.mark.parametrize("n", [1, 7, 8, 9, 63, 64, 65, 130])
def test_any_number_of_particles_may_share_a_cell(n):
    p = event(n, n)
    p["eta"], p["phi"] = 0.05 + p["eta"] / 15, 0.2 + p["phi"] / 60
    found = local_inputs(**p, offsets=np.array([0, n]))
    wanted = np.array([by_hand(p, i) for i in range(n)])
    np.testing.assert_allclose(found, wanted, rtol=2e-6, atol=2e-6)


def test_a_particle_is_not_its_own_neighbour_and_its_twin_is_one():
    p = {name: np.repeat(column, 2) for name, column in event(1, 6).items()}
    p["pt"][:] = 3.0
    p["charge"][:] = 0
    row = dict(zip(LOCAL_FEATURES, local_inputs(**p, offsets=np.array([0, 2]))[0], strict=True))
    assert row["neutral_pt_02"] == row["neutral_pt_04"] == 2.0
    assert row["neutral_density"] == 0.0  # nearer than 0.01


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(0, 12), min_size=1, max_size=5), st.integers(0, 1000))
def test_events_do_not_see_each_other(sizes, seed):
    p = event(sum(sizes), seed)
    offsets = np.concatenate(([0], np.cumsum(sizes)))
    together = local_inputs(**p, offsets=offsets)
    for first, last in pairwise(offsets):
        alone = {name: column[first:last] for name, column in p.items()}
        apart = local_inputs(**alone, offsets=np.array([0, last - first]))
        np.testing.assert_array_equal(together[first:last], apart)


def test_the_seam_in_phi_and_the_far_forward_region_are_no_edge():
    p = event(80, 3)
    turned = {**p, "phi": np.remainder(p["phi"] + 2.0, 2 * np.pi)}
    offsets = np.array([0, 80])
    np.testing.assert_allclose(
        local_inputs(**p, offsets=offsets), local_inputs(**turned, offsets=offsets), atol=1e-5
    )
    forward = {**p, "eta": p["eta"] + 7.0}
    np.testing.assert_allclose(
        local_inputs(**p, offsets=offsets), local_inputs(**forward, offsets=offsets), atol=1e-5
    )


def test_particles_below_one_gev_change_nothing_for_the_others():
    p = event(120, 4)
    soft = p["pt"] < 1.0
    assert 10 < soft.sum() < 110
    hard = {name: column[~soft] for name, column in p.items()}
    whole = local_inputs(**p, offsets=np.array([0, 120]))
    alone = local_inputs(**hard, offsets=np.array([0, (~soft).sum()]))
    np.testing.assert_array_equal(whole[~soft], alone)


def test_an_unmeasured_track_is_pile_up_and_has_no_length():
    nan = np.array([np.nan])
    one = np.ones(1)
    assert kinds(one, 0 * one, nan, nan).tolist() == [1]
    row = local_inputs(one, one, one, one, 0 * one, nan, nan, np.array([0, 1]))
    assert np.isfinite(row).all()
    assert row[0, -2:].tolist() == [0.0, 0.0]


def test_wrong_columns_are_refused():
    p = event(10, 5)
    with pytest.raises(ValueError, match="d0 and dz"):
        local_inputs(**{**p, "d0": p["d0"][:5]}, offsets=np.array([0, 10]))
    with pytest.raises(ValueError, match="pt contains NaN"):
        local_inputs(**{**p, "pt": np.full(10, np.nan)}, offsets=np.array([0, 10]))
