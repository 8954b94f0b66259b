import math
from fractions import Fraction

import numpy as np
import pytest

from l1kd.emulators.particles.local_inputs import LOCAL_FEATURES, kinds, local_inputs
from l1kd.emulators.particles.local_inputs_integer import (
    local_inputs_integer,
    log2_integer,
    to_hardware,
)


def event(n, seed):
    rng = np.random.default_rng(seed)
    return {
        "pt": np.minimum(rng.exponential(12.0, n).astype(np.int64), 16383),
        "eta": rng.integers(-250, 250, n),
        "phi": rng.integers(0, 1440, n),
        "kind": rng.integers(0, 4, n),
        "d0": rng.integers(0, 8001, n),
        "dz": rng.integers(0, 6401, n),
    }


def log2_by_hand(value):
    high = value.bit_length() - 1
    mantissa = Fraction(value, 1 << high)
    six = math.floor((mantissa - 1) * 64)
    return 32 * high + round(32 * math.log2(1 + six / 64))


def ratio(value, unit):
    return min(log2_by_hand(value + unit) - log2_by_hand(unit), 480)


def by_hand(p, i):
    """Fill the row of one particle in plain loops over Python integers."""
    inner, outer, density, whole = ([0] * 4 for _ in range(4))
    step = math.pi / 720
    for j in range(len(p["pt"])):
        pt, kind = int(p["pt"][j]), int(p["kind"][j])
        if pt < 4:
            continue
        whole[kind] += pt
        d_phi = abs(int(p["phi"][i] - p["phi"][j]))
        dr2 = int(p["eta"][i] - p["eta"][j]) ** 2 + min(d_phi, 1440 - d_phi) ** 2
        if i == j or dr2 * step**2 > 0.16:
            continue
        outer[kind] += pt
        inner[kind] += pt if dr2 * step**2 <= 0.04 else 0
        if 0.0001 <= dr2 * step**2 <= 0.09:
            density[kind] += (pt * pt * round(2**18 / dr2)) >> 4
    row = []
    for k in range(4):
        row += [ratio(min(inner[k], 65535), 4), ratio(min(outer[k], 65535), 4)]
    for value in (density[0] + density[3], density[1], density[2]):
        # 5 units of the sum are 1 GeV^2; their logarithm is taken off again
        row.append(min(max((log2_by_hand(min(value, 2**40 - 1) + 5) >> 1) - 37, 0), 480))
    row += [ratio(min(whole[k], 65535), 4) for k in (0, 1)]
    if p["kind"][i] == 2:
        return [*row, 0, 0]
    return [*row, ratio(int(p["dz"][i]), 32), ratio(int(p["d0"][i]), 8)]


def test_logarithms_of_all_small_and_of_edge_values():
    values = [*range(1, 5000), *(2**k + d for k in range(6, 44) for d in (-1, 0, 1))]
    for value in values:
        assert log2_integer(value) == log2_by_hand(value)


@pytest.mark.parametrize("seed", [1, 2])
def test_every_bit_is_that_of_plain_integers(seed):
    p = event(200, seed)
    found = local_inputs_integer(**p, offsets=np.array([0, 120, 200]))
    for first, last in ((0, 120), (120, 200)):
        part = {name: column[first:last] for name, column in p.items()}
        wanted = [by_hand(part, i) for i in range(last - first)]
        np.testing.assert_array_equal(found[first:last], wanted)


def test_sums_saturate():
    n = 400
    p = {
        "pt": np.full(n, 16383),
        "eta": np.arange(n) % 20,
        "phi": np.arange(n) // 20,
        "kind": np.arange(n) % 4,
        "d0": np.full(n, 8000),
        "dz": np.full(n, 6400),
    }
    found = local_inputs_integer(**p, offsets=np.array([0, n]))
    wanted = [by_hand(p, i) for i in range(n)]
    np.testing.assert_array_equal(found, wanted)
    assert found[:, :8].max() == ratio(65535, 4)


def test_the_floating_point_counterpart_is_near():
    rng = np.random.default_rng(7)
    n = 600
    charge = rng.integers(-1, 2, n)
    p = {
        "pt": rng.exponential(3.0, n) + 1.0,
        "eta": rng.uniform(-2, 2, n),
        "phi": rng.uniform(-np.pi, np.pi, n),
        "charge": charge,
        "puppi_weight": np.where(charge != 0, rng.integers(0, 2, n), 0.5),
        "d0": rng.normal(0, 0.03, n),
        "dz": rng.normal(0, 1, n),
    }
    offsets = np.array([0, n])
    wanted = local_inputs(**p, offsets=offsets)
    kind = kinds(charge, p["puppi_weight"], p["d0"], p["dz"])
    pt, eta, phi, d0, dz = to_hardware(p["pt"], p["eta"], p["phi"], p["d0"], p["dz"])
    found = local_inputs_integer(pt, eta, phi, kind, d0, dz, offsets) / 32
    difference = np.abs(found - wanted)
    for column, name in enumerate(LOCAL_FEATURES):
        assert np.median(difference[:, column]) < 0.2, name


def test_values_outside_their_range_are_refused():
    p = event(5, 3)
    with pytest.raises(ValueError, match="pt must be from 0 to 16383"):
        local_inputs_integer(**{**p, "pt": np.full(5, 16384)}, offsets=np.array([0, 5]))
    with pytest.raises(ValueError, match="phi must be from 0 to 1439"):
        local_inputs_integer(**{**p, "phi": np.full(5, -1)}, offsets=np.array([0, 5]))
    with pytest.raises(ValueError, match="kind must be from 0 to 3"):
        local_inputs_integer(**{**p, "kind": np.full(5, 4)}, offsets=np.array([0, 5]))
