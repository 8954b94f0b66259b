"""Thresholds, windows and limits in hardware integers."""

from math import pi

import pytest

from l1kd.emulators.global_trigger.limits import NO_LIMIT, from_emulator, from_physical
from l1kd.emulators.global_trigger.objects import KINDS, kind_of
from l1kd.emulators.global_trigger.scales import (
    eta_window,
    phi_window,
    threshold,
    unconstrained_window,
)


@pytest.mark.parametrize(
    ("kind", "value", "index"),
    [
        ("MU", 0.0, 1),
        ("MU", 4.5, 10),
        ("MU", 22.0, 45),
        ("EG", 36.0, 72),
        ("EG", 0.0, 1),
        ("JET", 120.0, 240),
        ("ETM", 0.0, 0),
        ("HTT", 360.0, 720),
        ("TOWERCOUNT", 100.0, 100),
    ],
)
def test_threshold_is_the_first_index_that_reaches_it(kind, value, index):
    """An empty slot has index 0: even a threshold of zero asks for an object."""
    assert threshold(KINDS[kind], value) == index


@pytest.mark.parametrize(
    ("kind", "low", "high", "window"),
    [
        ("MU", -0.7993125, 0.7993125, (-73, 73)),
        ("MU", -0.799, 0.799, (-73, 73)),  # as the documentation pages print it
        ("MU", 0.7993125, 1.2451875, (74, 114)),
        ("MU", 1.2451875, 2.45, (115, 225)),
        ("EG", -2.523, 2.523, (-58, 57)),
        ("JET", -5.0, 5.0, (-115, 114)),
    ],
)
def test_eta_windows(kind, low, high, window):
    assert eta_window(KINDS[kind].eta, low, high) == window


def test_phi_windows_may_run_through_zero():
    scale = KINDS["MU"].phi
    assert phi_window(scale, 0.5235987755982989, 2.6179938779914944) == (48, 239)
    assert phi_window(scale, 5.235988, 1.047198) == (480, 95)
    assert phi_window(scale, 5.235988, 2 * pi) == (480, 575)
    assert phi_window(scale, 5.235988, 0.0) == (480, 575)


def test_unconstrained_momentum_has_steps_of_one():
    assert unconstrained_window(10.0, 255.0) == (11, 256)


@pytest.mark.parametrize(
    ("maximum", "squared"),
    [(0.6000000000000001, 0.361), (0.9, 0.81), (1.4000000000000001, 1.961), (0.2, 0.041)],
)
def test_a_maximum_is_rounded_up_after_squaring(maximum, squared):
    """All digits of the menu count: 0.6 entered as 0.6000000000000001 gives 0.361."""
    _, high = from_physical("DR", "calo", 0.0, maximum)
    assert high == round(squared * 1000) * 1000
    assert from_emulator("DR", "calo", 0.0, squared) == (0, high)


def test_units_of_the_limits():
    assert from_physical("DETA", "muon", 0.0, 1.8) == (0, 1800)
    assert from_physical("MASS", "calo", 620.0, 14000.0) == (19220000000, 9800000000000)
    assert from_physical("MASS", "muon", 7.0, 18.0) == (24500000, 162000000)
    assert from_physical("MASSDR", "calo", 20.0, 20.0)[0] == 200 * 10**10
    assert from_physical("TBPT", "muon", 4.0, 4.0)[0] == 16 * 10**10
    assert from_physical("MASS", "mixed", 0.0, 1e9)[1] == NO_LIMIT


def test_kinds_that_are_columns_of_their_own():
    assert kind_of("EXT_BPTX_plus.v0").fields == {"flag": 1}
    assert kind_of("AXO:v4").lead == "score"
    with pytest.raises(KeyError):
        kind_of("FOO")
