"""Quantities of single pairs at their limits: one unit decides."""

import numpy as np
import pytest

from l1kd.emulators.global_trigger import tables
from l1kd.emulators.global_trigger.combinations import Condition, Relation
from l1kd.emulators.global_trigger.limits import NO_LIMIT
from l1kd.emulators.global_trigger.program import Builder, Column, Leg, PairCut, Place


def passes(kind, cut, first, second):
    """Whether two objects, dicts of fields, pass a cut on their pair."""
    place = Place(kind)
    builder = Builder()
    leg = builder.leg(Leg(place, 1, 1 << 30))
    row = builder.pair((leg, leg), (cut,))
    builder.condition(Condition((leg, leg), (0, 0), (Relation(0, 1, row),)))
    program = builder.program([[0]])
    record = np.zeros((1, program.width), np.int32)
    for slot, one in enumerate((first, second)):
        for field, value in one.items():
            if Column(place, field) in program.columns:
                record[0, program.columns[Column(place, field)] + slot] = value
    return bool(program.evaluate(record)[0, 0])


def objects(rng, kind):
    eta = 110 if kind == "JET" else 220
    phi = 144 if kind == "JET" else 576
    return [
        {
            "pt": int(rng.integers(1, 500)),
            "eta": int(rng.integers(-eta, eta)),
            "phi": int(rng.integers(phi)),
        }
        for _ in range(2)
    ]


def half_square_mass(kind, a, b):
    family, half = ("calo", 72) if kind == "JET" else ("muon", 288)
    momenta = tables.momentum(11, 0) if kind == "JET" else tables.momentum(9, 1)
    phi = abs(a["phi"] - b["phi"])
    phi = min(phi, 2 * half - phi)
    factor = tables.cosh_delta_eta(family)[abs(a["eta"] - b["eta"])]
    factor -= tables.cos_delta_phi(family)[phi]
    return int(momenta[a["pt"]]) * int(momenta[b["pt"]]) * int(factor)


def inverse(kind, a, b):
    drop, half = (0, 72) if kind == "JET" else (1, 144)
    eta = abs((a["eta"] >> drop) - (b["eta"] >> drop))
    phi = abs((a["phi"] >> drop) - (b["phi"] >> drop))
    table = tables.inverse_delta_r_squared("calo" if kind == "JET" else "muon")
    return int(table[256 * eta + min(phi, 2 * half - phi)])


@pytest.mark.parametrize("kind", ["JET", "MU"])
def test_mass_at_both_limits(kind):
    rng = np.random.default_rng(1)
    for _ in range(20):
        a, b = objects(rng, kind)
        mass = half_square_mass(kind, a, b)
        assert passes(kind, PairCut("MASS", mass, mass), a, b)
        assert not passes(kind, PairCut("MASS", mass + 1, NO_LIMIT), a, b)
        assert not passes(kind, PairCut("MASS", 0, mass - 1), a, b)


@pytest.mark.parametrize("kind", ["JET", "MU"])
def test_mass_over_distance_is_the_product_in_full_width(kind):
    """The limit is divided instead of the product taken, and decides as the product does."""
    rng = np.random.default_rng(2)
    decided = 0
    for _ in range(40):
        a, b = objects(rng, kind)
        product = half_square_mass(kind, a, b) * inverse(kind, a, b)
        if product >= NO_LIMIT:
            continue
        decided += 1
        assert passes(kind, PairCut("MASSDR", product), a, b)
        assert not passes(kind, PairCut("MASSDR", product + 1), a, b)
    assert decided > 10


@pytest.mark.parametrize("kind", ["JET", "MU"])
def test_mass_over_distance_in_one_bin_passes(kind):
    one = {"pt": 1, "eta": 4, "phi": 8}
    assert passes(kind, PairCut("MASSDR", NO_LIMIT), one, one)
    near = one | {"eta": 5}
    assert passes(kind, PairCut("MASSDR", NO_LIMIT), one, near) == (kind == "MU")


def test_the_largest_masses_fit_into_64_bits():
    a, b = ({"pt": 2047, "eta": eta, "phi": phi} for eta, phi in ((-115, 0), (114, 72)))
    mass = half_square_mass("JET", a, b)
    assert mass > 2**49
    assert passes("JET", PairCut("MASS", mass, mass), a, b)
