"""TOPO against the caller and the wrapper, number by number."""

from fractions import Fraction
from math import floor

import numpy as np
import pytest

from l1kd.emulators.deployed import Topo, topo_inputs
from l1kd.emulators.fixed_point import FixedPoint
from tests.emulators.deployed.stand_in import StandIn

INPUT = FixedPoint(16, 6)
NORM = [256, 1, 64, 128, 256, 16, 32, 64, 128, 64, 64, 64, 64, 64, 32, 32, 64, 32, 32, 64, 8]
BIAS = [51, 0, 7, 0, 54, 1, 0, 11, 59, 0, 64, 33, 0, 49, 19, 0, 33, 10, 0, 20, -3]


def network(count):
    return Topo(StandIn([(count, INPUT)], [(1, INPUT)]), BIAS[:count], NORM[:count])


def caller(ht, muons, jets, count):
    """The vector of one event, filled as CMSSW fills it."""
    width = 3 if count == 20 else 4
    vector = [ht, 0] if count == 20 else [ht]
    for most, size, objects in ((2, width, muons), (4, 3, jets)):
        block = [0] * (most * size)
        for k, fields in enumerate(objects):
            if k < most:
                block[size * k : size * (k + 1)] = fields
        vector += block
    return vector


def scaled(value, bias, norm):
    """Raw ap_fixed<16,6>: round down, wrap."""
    raw = floor(Fraction(int(value) - bias, norm) * 1024)
    return (raw + 32768) % 65536 - 32768


@pytest.mark.parametrize("count", [20, 21])
@pytest.mark.parametrize("present", [(0, 0), (1, 3), (2, 4), (5, 12)])
def test_objects_are_arranged_as_the_caller_does(count, present):
    rng = np.random.default_rng(count)
    width = 3 if count == 20 else 4
    muons = rng.integers(-225, 576, (50, present[0], width))
    jets = rng.integers(-115, 2048, (50, present[1], 3))
    ht = rng.integers(0, 4096, 50)
    inputs = topo_inputs(ht, muons, jets)
    expected = [caller(*event, count) for event in zip(ht, muons, jets, strict=True)]
    assert inputs.tolist() == [[int(x) for x in row] for row in expected]


@pytest.mark.parametrize("count", [20, 21])
def test_scaling_rounds_down_and_wraps(count):
    rng = np.random.default_rng(3)
    inputs = rng.integers(-5000, 5000, (200, count))
    inputs[0] = 1 << 22  # does not fit the type that the caller passes
    wrapped = (inputs + (1 << 22)) % (1 << 23) - (1 << 22)
    expected = [
        [scaled(x, b, n) for x, b, n in zip(row, BIAS, NORM, strict=False)] for row in wrapped
    ]
    assert network(count).scale(inputs).tolist() == expected


def test_menus_compare_another_number_in_each_version():
    output = np.array([0.0, 0.5, 1.0 - 2.0**-10])
    assert network(20).compared(output).tolist() == output.tolist()
    assert np.floor(network(21).compared(output)).tolist() == [0, 511, 1022]


def test_versions_are_told_by_their_inputs(tmp_path):
    with pytest.raises(ValueError, match="20 or 21 inputs, found 19"):
        Topo(StandIn([(19, INPUT)], [(1, INPUT)]), BIAS[:19], NORM[:19])
    with pytest.raises(ValueError, match="20 biases and norms"):
        Topo(StandIn([(20, INPUT)], [(1, INPUT)]), BIAS[:19], NORM[:20])
    with pytest.raises(ValueError, match=r"shape \(n, 20\) expected"):
        network(20).scale(np.zeros((1, 21), int))
    with pytest.raises(ValueError, match="no source defines bias"):
        Topo.from_folder(tmp_path)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"ht": np.zeros((2, 1), int)}, "ht: shape"),
        ({"muons": np.zeros((2, 1, 5), int)}, "3 or 4"),
        ({"jets": np.zeros((1, 1, 3), int)}, "jets: shape"),
        ({"jets": np.zeros((2, 1, 3))}, "integers"),
    ],
)
def test_wrong_arrays_are_refused(change, message):
    arrays = {"ht": np.zeros(2, int), "muons": np.zeros((2, 1, 3), int),
              "jets": np.zeros((2, 1, 3), int)} | change  # fmt: skip
    with pytest.raises(ValueError, match=message):
        topo_inputs(**arrays)
