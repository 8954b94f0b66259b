"""NNPuppiTau against the caller, tau by tau."""

import math

import numpy as np
import pytest

from l1kd.emulators.deployed import Taus
from l1kd.emulators.fixed_point import FixedPoint
from tests.emulators.deployed.events import candidates
from tests.emulators.deployed.stand_in import StandIn

INPUT = FixedPoint(16, 10)
OUTPUT = FixedPoint(16, 6)


def network():
    return Taus(StandIn([(80, INPUT)], [(1, OUTPUT), (1, OUTPUT)]))


class Particle:
    def __init__(self, c, event, slot):
        self.pt, self.eta, self.phi = (int(x[event, slot]) for x in (c.hwPt, c.hwEta, c.hwPhi))
        self.code, self.z0 = int(c.hwId[event, slot]), int(c.hwZ0[event, slot])

    @property
    def narrow(self):
        return self.code in (1, 2, 3, 4, 5)

    @property
    def charge(self):
        return 0 if self.code < 2 else 1 if self.code % 2 else -1


def turned(dphi):
    return dphi - 1440 if dphi > 720 else dphi + 1440 if dphi < -720 else dphi


def distance2(a, b):
    return (a.eta - b.eta) ** 2 + turned(a.phi - b.phi) ** 2


def signed(value, bits):
    return (value + 2 ** (bits - 1)) % 2**bits - 2 ** (bits - 1)


def numbers(seed, parts):
    """The 80 numbers of one tau."""

    def key(p):
        return (p.pt * 64) + ((seed.eta - p.eta) % 8) * 8 + (seed.phi - p.phi) % 8

    row = [0] * 80
    for k, p in enumerate(sorted(parts, key=key, reverse=True)[:10]):
        row[8 * k] = signed(p.pt * 16, 16)
        for at, step in ((1, seed.eta - p.eta), (2, turned(seed.phi - p.phi))):
            row[8 * k + at] = signed(math.floor(signed(step, 9) * 571 / 131072 * 64), 10)
        if p.pt:
            kind = {1: 3, 4: 4, 5: 4, 6: 5, 7: 5, 0: 6, 2: 7, 3: 7}[p.code]
            row[8 * k + kind] = 64
    return row


def caller(c, event):
    """Taus of one event: seeds and cones from a list that shrinks."""
    work = [Particle(c, event, i) for i in range(c.count[event])]
    work.sort(key=lambda p: -p.pt)
    seeds = [p for p in work if p.narrow and abs(p.eta) * math.pi / 720 < 2.5]
    found = []
    while seeds and len(found) < 5:
        seed = seeds[0]
        parts = [p for p in work if distance2(seed, p) < 8403]
        inside = [p for p in parts if p.narrow and distance2(seed, p) < 525]
        pt = min(sum(p.pt for p in inside), 16383)
        z0 = next((p.z0 for p in inside if p.code in (2, 3) and p.z0), 0)
        if pt * 0.25 >= 20:
            tau = (event, pt, seed.eta, seed.phi, seed.charge, seed.pt, z0, len(inside))
            found.append((tau, numbers(seed, parts)))
        work = [p for p in work if distance2(seed, p) >= 8403]
        seeds = [p for p in seeds if distance2(seed, p) >= 8403]
    return found


@pytest.mark.parametrize("crowded", [True, False])
def test_taus_are_found_as_the_caller_does(crowded):
    c = candidates(7, 60, crowded=crowded)
    taus, inputs = network().find(c)
    expected = [tau for event in range(c.n_events) for tau in caller(c, event)]
    assert [tuple(row) for row in taus.tolist()] == [tau for tau, _ in expected]
    assert inputs.tolist() == [row for _, row in expected]
    assert len(expected) > 60


def test_taus_fall_in_momentum_and_factors_apply():
    found = network()
    c = candidates(8, 40, crowded=False)
    taus = found.predict(c)
    for event in range(c.n_events):
        assert (np.diff(taus.pt[taus.event == event]) <= 0).all()
    expected = np.clip((taus.pt * taus.factor) >> 10, 0, 16383)
    assert taus.corrected_pt.tolist() == expected.tolist()
    assert taus.word.tolist() == (taus.identity % 1024).tolist()


def test_events_without_taus():
    c = candidates(9, 3)
    c.count[:] = 0
    taus = network().predict(c)
    assert len(taus.pt) == len(taus.factor) == 0


def test_another_network_is_refused():
    with pytest.raises(ValueError, match=r"NNPuppiTau: .* inputs of \[80\]"):
        Taus(StandIn([(79, INPUT)], [(1, OUTPUT), (1, OUTPUT)]))
