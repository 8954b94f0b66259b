"""TOoLLiP against the caller, constituent by constituent."""

import math

import numpy as np
import pytest

from l1kd.emulators.deployed import LongLivedJets
from l1kd.emulators.deployed.constituents import hardest_constituents
from l1kd.emulators.fixed_point import FixedPoint
from tests.emulators.deployed.events import candidates, jets_of
from tests.emulators.deployed.stand_in import StandIn

INPUT = FixedPoint(12, 6, True, "TRN", "SAT")
OUTPUT = FixedPoint(14, 8, True, "TRN", "SAT")
LSB = np.float32(np.pi / 720)


def network():
    return LongLivedJets(StandIn([(130, INPUT)], [(1, OUTPUT)]))


def drawn(seed, events=10):
    c = candidates(seed, events)
    jets, jet_of = jets_of(c)
    event, slots = hardest_constituents(c, jet_of, jets["n_jets"], 10)
    kept = np.arange(16) < jets["n_jets"][:, None]
    place = np.nonzero(kept)[1]
    columns = (jets[n][kept].astype(int) for n in ("hwPt", "hwEta", "hwPhi"))
    return c.taken(event, slots), place, *columns


def caller(c, jet, pt, eta, phi):
    """The 130 numbers of one jet: floats, differences of doubles made of floats."""
    numbers = []
    for slot in range(10):
        if slot >= c.count[jet] or c.hwPt[jet, slot] == 0:
            numbers += [0.0] * 13
            continue
        code = int(c.hwId[jet, slot])
        turn = float(np.float32(c.hwPhi[jet, slot]) * LSB) - float(np.float32(phi) * LSB)
        if abs(turn) > math.pi:
            # C's round, halves away from zero; no difference is a half here
            turn -= round(turn / (2 * math.pi)) * 2 * math.pi
        share = float(c.hwPt[jet, slot] * 0.25) / float(np.float32(pt * 0.25))
        charged = code >= 2
        numbers += [float(code == k) for k in (4, 5, 6, 7, 1, 0, 2, 3)]
        numbers += [float(c.dz[jet, slot]) if charged else 0.0]
        numbers += [float(c.d0[jet, slot]) if charged else 0.0]
        deta = float(np.float32(c.hwEta[jet, slot]) * LSB) - float(np.float32(eta) * LSB)
        numbers += [float(np.float32(x)) for x in (share, deta, turn)]
    return numbers


def test_constituents_are_arranged_as_the_caller_does():
    c, _, pt, eta, phi = drawn(1)
    found = network().inputs(c, pt, eta, phi)
    assert len(pt) > 60
    for jet in range(len(pt)):
        assert found[jet].tolist() == caller(c, jet, pt[jet], eta[jet], phi[jet])


def test_the_first_ten_jets_in_range_are_evaluated():
    c, place, pt, eta, phi = drawn(2, 30)
    place[:3], pt[:3], eta[:3] = (9, 10, 0), (80, 80, 79), 0
    eta[3:7], pt[3:7], place[3:7] = (550, 551, -550, -551), 200, 0
    scores = network().predict(c, place, pt, eta, phi)
    for jet in range(len(pt)):
        inside = pt[jet] * 0.25 >= 20 and abs(float(np.float32(eta[jet]) * LSB)) <= 2.4
        assert scores[jet] != -1 or not inside or place[jet] >= 10, jet
        if not inside or place[jet] >= 10:
            assert scores[jet] == -1.0
    evaluated = network().evaluated(place, pt, eta)
    assert evaluated[:7].tolist() == [True, False, False, True, False, True, False]
    assert 0 < evaluated.sum() < len(pt)


def test_scores_are_cast_once_more_on_their_way_out():
    """Floor and wrap: ap_fixed<14,8> holds numbers that ap_fixed<16,6> does not."""
    tooll = network()
    c, place, pt, eta, phi = drawn(3)
    scores = tooll.predict(c, place, pt, eta, phi)
    chosen = tooll.evaluated(place, pt, eta)
    raw = tooll.network.predict_raw(*tooll.network.seen).reshape(-1)
    expected = ((raw * 16 + 32768) % 65536 - 32768) / 1024
    assert scores[chosen].tolist() == expected.tolist()
    assert (np.abs(raw) >= 32 * 64).any(), "some wrap"


def test_inputs_saturate():
    tooll = network()
    c, place, pt, eta, phi = drawn(4)
    c.dz[:] = np.where(c.hwId >= 2, 1000.0, 0)
    pt[:], place[:], eta[:] = 400, 0, 0
    tooll.predict(c, place, pt, eta, phi)
    rows = tooll.network.seen[0].reshape(-1, 10, 13)
    assert set(np.unique(rows[..., 8])) == {0, 2047}


def test_networks_without_a_public_caller_are_refused():
    with pytest.raises(ValueError, match="14 numbers a constituent, and no caller"):
        LongLivedJets(StandIn([(140, FixedPoint(16, 6))], [(1, FixedPoint(16, 6))]))
