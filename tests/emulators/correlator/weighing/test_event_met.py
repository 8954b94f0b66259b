"""The sum of LinPUPPI's candidates, against a model in Python's integers and the arc tangent."""

import numpy as np
import pytest

from l1kd.emulators.correlator.linpuppi import LinPuppi, tuned_for
from l1kd.emulators.correlator.regionizer import Regionizer
from l1kd.emulators.correlator.weighing import region_inputs
from l1kd.emulators.correlator.weighing.columns import LOGARITHM
from l1kd.emulators.correlator.weighing.event_met import COSINE, add_momenta, directions
from l1kd.emulators.correlator.weighing.event_numbers import event_numbers
from tests.emulators.correlator.weighing.crowds import crowded
from tests.emulators.correlator.weighing.model import numbers_of

N = 19


def directed(sums):
    out = np.zeros((len(sums), 2), np.int64)
    directions(np.asarray(sums, np.int64), out)
    return out


def test_directions_are_those_of_the_arc_tangent():
    sums = np.random.default_rng(4).integers(-(1 << 22), 1 << 22, (20_000, 2))
    found = directed(sums)
    exact = np.arctan2(sums[:, 1], sums[:, 0]) * 720 / np.pi
    apart = np.abs(found[:, 1] - exact)
    assert np.minimum(apart, 1440 - apart).max() < 1.3  # a step, and cosines of ten bits
    size = np.hypot(*sums.T) / 1024
    assert np.abs(found[:, 0] - 16 * np.log2(1 + size))[size > 20].max() < 1.2


def test_directions_have_no_sign():
    sums = np.random.default_rng(5).integers(1, 1 << 24, (5_000, 2))
    plain = directed(sums)
    assert (directed(sums * [1, -1]) == plain * [1, -1]).all()
    turned = directed(sums * [-1, 1])
    assert (turned[:, 1] == 720 - plain[:, 1]).all()
    assert (turned[:, 0] == plain[:, 0]).all()


@pytest.mark.parametrize(
    ("x", "y", "azimuth"),
    [(0, 0, 0), (7, 0, 0), (0, 7, 360), (-7, 0, 720), (0, -7, -360), (1024, 1024, 180)],
)
def test_directions_along_the_axes(x, y, azimuth):
    (found,) = directed([[1024 * x, 1024 * y]])
    assert found[1] == azimuth


def test_a_sum_beyond_16_bits_saturates():
    (found,) = directed([[70_000 << 10, 0]])
    assert found[0] == LOGARITHM[65535]


def test_what_is_dropped_or_beyond_the_count_adds_nothing():
    pt = np.array([[5, -1, 0, 9]], np.int16)
    phi = np.array([[3, 100, 100, 100]], np.int16)
    sums = np.zeros((1, 2), np.int64)
    add_momenta(1, pt, phi, np.array([3], np.int16), np.array([717], np.int16), sums)
    assert sums.tolist() == [[5 * int(COSINE[720]), 0]]


@pytest.mark.parametrize("windows", [None, ("3x3", "3x3", "towers")])
def test_every_region_counts_with_its_own_parameters(windows):
    events, offsets = crowded(N, 700, seed=12)  # more than a batch
    parameters = tuned_for(windows) if windows else {}
    puppi = {board: LinPuppi(p) for board, p in parameters.items()}
    regions, _ = Regionizer().run(events, offsets, vertex=0.1)
    numbers, _ = event_numbers(regions, N, puppi)
    assert numbers.tolist() == [list(numbers_of(regions, e, puppi)) for e in range(N)]
    assert (event_numbers(regions, N)[0][:, 4:6] == 0).all()
    rows = region_inputs(
        events, offsets, vertex=0.1, names=("event_met",), tracks="every", puppi=puppi
    )
    assert (rows.values[:, 0] == numbers[rows.event, 4]).all()


def test_met_points_away_from_what_makes_it():
    one = {
        "pt": np.array([80.0]), "eta": np.array([0.3]), "phi": np.array([1.0]),
        "charge": np.array([0]), "pid": np.array([1]), "z0": np.array([0.0]),
    }  # fmt: skip
    template, _ = crowded(1, 20, seed=1)
    events = {name: one[name].astype(values.dtype) for name, values in template.items()}
    rows = region_inputs(events, [0, 1], vertex=0.0, names=("pt", "met_away", "met_toward"))
    assert rows.values[0, 1] > 0.9 * rows.values[0, 0]
    assert rows.values[0, 2] == 0
