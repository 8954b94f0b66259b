"""L1METML against the caller, event by event."""

import math

import numpy as np
import pytest

from l1kd.emulators.deployed import MissingMomentum
from l1kd.emulators.deployed.single_trigonometry import cosine_and_sine
from l1kd.emulators.fixed_point import FixedPoint
from tests.emulators.deployed.events import candidates
from tests.emulators.deployed.stand_in import StandIn

PASSED = FixedPoint(32, 16)
CODE = FixedPoint(4, 4, False)
LSB = np.float32(np.pi / 720)
PDG = {0: 130, 1: 22, 2: -211, 3: 211, 4: 11, 5: -11, 6: 13, 7: -13}
KIND = {211: 1, 130: 2, 22: 3, 13: 4, 11: 5}


def network():
    sizes = [(400, PASSED), (200, PASSED), (100, CODE), (100, CODE)]
    return MissingMomentum(StandIn(sizes, [(2, PASSED)]))


def fixed(value):
    """Raw ap_fixed<32,16>: round down, wrap."""
    return (math.floor(float(value) * 65536) + 2**31) % 2**32 - 2**31


def caller(c, event):
    """The 800 numbers of one event, in single precision as CMSSW has them."""
    blocks = [[0] * 400, [0] * 200, [0] * 100, [0] * 100]
    for i in range(min(int(c.count[event]), 100)):
        pt = np.float32(c.hwPt[event, i] * 0.25)
        eta, phi = (np.float32(x[event, i]) * LSB for x in (c.hwEta, c.hwPhi))
        code = int(c.hwId[event, i])
        charge = 0 if code < 2 else (1 if code in (3, 5, 7) else -1)
        weight = c.hwPuppiW[event, i] / 256 if code < 2 else 1.0
        cosine, sine = (float(x) for x in cosine_and_sine(phi))
        blocks[0][4 * i : 4 * i + 4] = [fixed(x) for x in (pt, eta, phi, weight)]
        components = [pt * np.float32(cosine), pt * np.float32(sine)]
        blocks[1][2 * i : 2 * i + 2] = [fixed(x) for x in components]
        blocks[2][i] = KIND[abs(PDG[code])]
        blocks[3][i] = charge + 2
    return blocks


@pytest.mark.parametrize("slots", [128, 100, 7])
def test_candidates_are_arranged_as_the_caller_does(slots):
    c = candidates(slots, 12, slots, crowded=False)
    found = network().inputs(c)
    for event in range(c.n_events):
        for block, expected in zip(found, caller(c, event), strict=True):
            assert block[event].tolist() == expected


def test_the_result_is_the_negative_of_the_sum():
    met = network()
    size, azimuth = met.predict(candidates(1, 20))
    raw = met.network.predict_raw(*met.network.seen) / 65536
    np.testing.assert_array_equal(size, np.hypot(-raw[:, 0], -raw[:, 1]))
    np.testing.assert_array_equal(azimuth, np.arctan2(-raw[:, 1], -raw[:, 0]))


def test_sine_and_cosine_are_those_of_the_c_library():
    """Values of glibc 2.36, among them some that are not the rounded true ones."""
    stored = {
        -973: ("-0x1.cce698p-2", None), -243: (None, None), 303: ("0x1.f81f36p-3", None),
        88: ("0x1.dab7d8p-1", None), 720: ("-0x1.000000p+0", None), 0: ("0x1p+0", "0x0p+0"),
    }  # fmt: skip
    for raw, (cosine, _) in stored.items():
        if cosine is not None:
            assert float(cosine_and_sine(np.float32(raw) * LSB)[0]) == float.fromhex(cosine)
    angles = np.arange(-1024, 1024).astype(np.float32) * LSB
    cosine, sine = cosine_and_sine(angles)
    np.testing.assert_allclose(cosine, np.cos(angles.astype(np.float64)), atol=7e-8)
    np.testing.assert_allclose(sine, np.sin(angles.astype(np.float64)), atol=7e-8)


def test_another_network_is_refused():
    with pytest.raises(ValueError, match=r"L1METML: .* inputs of \[400, 200, 100, 100\]"):
        MissingMomentum(StandIn([(400, PASSED)], [(2, PASSED)]))
