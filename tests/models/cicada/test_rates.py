"""Rates of scores on overlaid images: rows that the library does not resolve are withdrawn."""

import numpy as np
import pytest

from l1kd.models.cicada.images import OverlaidTest
from l1kd.models.cicada.rates import rates
from l1kd.statistics import Blocks, shared_fraction

MU, LIBRARY, IMAGES = 10.0, 400, 4000
INPUT_HZ = 2760 * 11246.0


def overlaid(n, seed, hardness):
    """Images of which one region holds the sum of a library's collisions, and those they hold."""
    generator = np.random.default_rng(seed)
    counts = generator.poisson(MU, n)
    offsets = np.concatenate([[0], np.cumsum(counts)])
    picks = generator.integers(0, LIBRARY, offsets[-1])
    images = np.zeros((n, 18, 14), np.uint16)
    images[:, 0, 0] = np.bincount(np.repeat(np.arange(n), counts), hardness[picks], n)
    return images, Blocks.of(picks, offsets, LIBRARY)


@pytest.fixture(scope="module")
def images():
    hardness = np.random.default_rng(1).exponential(2.0, LIBRARY)
    hardness[0] = 400.0
    background, collisions = overlaid(IMAGES, 2, hardness)
    signal, shared = overlaid(500, 3, hardness)
    signal[:, 0, 0] += np.linspace(0, 60, 500).astype(np.uint16)
    return OverlaidTest(background, collisions, {"top": signal}, {"top": shared})


@pytest.fixture(scope="module")
def found(images):
    return rates({"sum": lambda x: x.sum(axis=(1, 2)).astype(np.float64)}, images, MU)


def test_the_limit_is_one_collision(found):
    assert found["limit_hz"] == pytest.approx(INPUT_HZ * MU / LIBRARY, abs=1.0)
    assert (found["library"], found["mu"]) == (LIBRARY, MU)


def test_rows_below_the_limit_or_of_one_collision_are_withdrawn(found):
    rows = {row["target_hz"]: row for row in found["table"]["sum"]}
    for hertz in (300e3, 100e3, 30e3):
        assert not rows[hertz]["resolved"]
        assert rows[hertz]["reason"] == "below the limit"
        assert "value" not in rows[hertz]
        assert "efficiency" not in rows[hertz]
    # the one hard collision makes most of a megahertz
    assert rows[1e6]["causes"] < 3.0
    assert rows[1e6]["reason"] == "fewer than 3 causes"


def test_resolved_rows_have_intervals_of_thresholds_and_efficiencies():
    """Many collisions make the rate; the library's interval is wider than that of the images."""
    hardness = np.random.default_rng(1).exponential(20.0, LIBRARY)
    background, collisions = overlaid(IMAGES, 2, hardness)
    signal, shared = overlaid(500, 3, hardness)
    signal[:, 0, 0] += 100
    images = OverlaidTest(background, collisions, {"top": signal}, {"top": shared})
    (row,) = [
        row
        for row in rates({"sum": lambda x: x.sum(axis=(1, 2)) / 1.0}, images, MU)["table"]["sum"]
        if row["resolved"]
    ]
    assert row["target_hz"] == 1e6
    assert row["low"] < row["value"] < row["high"]
    passed = background[:, 0, 0] >= row["value"]
    assert row["images"] == passed.sum()
    assert row["rate_hz"]["value"] == pytest.approx(passed.mean() * INPUT_HZ)
    assert row["rate_hz"]["value"] <= 1e6 < row["rate_hz"]["high"]
    kept = row["efficiency"]["top"]
    assert kept["value"] == pytest.approx((signal[:, 0, 0] >= row["value"]).mean())
    least = shared_fraction(signal[:, 0, 0] >= row["high"], shared).estimate.low
    assert kept["low"] == pytest.approx(least)
    assert kept["low"] < kept["value"] < kept["high"]
