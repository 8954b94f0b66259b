"""Floating-point twins of the inputs and of the network."""

import numpy as np
import pytest

from l1kd.emulators.correlator.linpuppi import PRESETS, LinPuppi
from l1kd.emulators.correlator.regionizer import Regionizer
from l1kd.emulators.correlator.regionizer.geometry import BOARDS
from l1kd.emulators.correlator.weighing import NAMES, region_inputs
from l1kd.emulators.correlator.weighing.floating import network_float, region_inputs_float
from tests.emulators.correlator.weighing.crowds import crowded
from tests.emulators.correlator.weighing.model import numbers_of, places_of
from tests.emulators.correlator.weighing.networks import dense_network
from tests.emulators.network.small_networks import small_network

N = 3


@pytest.fixture(scope="module")
def pairs():
    """Integer and floating rows of the same neutrals, by board type."""
    events, offsets = crowded(N, 900, seed=31)
    regions, _ = Regionizer().run(events, offsets, vertex=0.1)
    found = region_inputs(events, offsets, vertex=0.1, tracks="none")
    words = np.array([numbers_of(regions, e) for e in range(N)])
    places = {key: x for e in range(N) for key, x in places_of(regions, e).items()}
    both = {}
    for kind, board in enumerate(BOARDS):
        inputs = regions[board.name]
        rows = np.repeat(words, board.n_regions, axis=0)
        rows = rows / np.array([1, 1, 1, 16, 16, 1, 16, 1])
        of_tracks = np.zeros(np.shape(inputs.get("trk_hwPt", inputs["neu_source"])))
        for (name, region, slot), place in places.items():
            if name == board.name:
                of_tracks[region, slot] = place / 16
        twin = region_inputs_float(inputs, PRESETS[board.name], rows, places=of_tracks)
        mine = found.board == kind
        region = found.event[mine] * board.n_regions + found.region[mine]
        both[board.name] = found.values[mine] / 16, twin[region, found.slot[mine]]
    return both


@pytest.mark.parametrize("board", [b.name for b in BOARDS])
def test_integers_are_the_twin_rounded(board, pairs):
    raw, twin = pairs[board]
    assert raw.shape == twin.shape
    for i, name in enumerate(NAMES):
        difference = np.abs(raw[:, i] - twin[:, i])
        if name == "linpuppi_weight":
            assert np.median(difference) < 0.1
        elif name == "abs_eta":
            assert difference.max() < 1 / 16
        elif name.startswith("second_pt"):
            # "half as much" is decided by logarithms that are rounded
            assert (difference <= 0.07).mean() > 0.9
        elif "alpha" in name:
            # terms saturate, and distances are kept in steps of 32
            assert np.median(difference) < 0.2
        else:
            assert difference.max() <= 0.07, name


def test_a_network_without_rounding():
    network, _ = dense_network(6, seed=3, gain=2)
    values = np.random.default_rng(2).integers(0, 200, (500, 6))
    exact = network_float(network, values / 16)
    rounded = network.predict(values / 16)
    assert exact.shape == rounded.shape == (500, 1)
    assert np.abs(exact - rounded).max() < 0.02
    assert len(np.unique(exact)) > 257, "finer than the weights"


def test_networks_without_a_twin_are_refused():
    with pytest.raises(ValueError, match="has no floating twin"):
        network_float(small_network(), np.zeros((1, 4)))


def test_presets_are_those_of_linpuppi():
    assert LinPuppi.preset("hf").parameters == PRESETS["hf"]
