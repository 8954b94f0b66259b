"""Numbers of the event, against a model in Python's integers, with z0 up to the limits."""

import numpy as np
import pytest

from l1kd.emulators.correlator.regionizer import Regionizer
from l1kd.emulators.correlator.regionizer.geometry import BOARDS
from l1kd.emulators.correlator.weighing.columns import LOGARITHM
from l1kd.emulators.correlator.weighing.event_numbers import event_numbers
from tests.emulators.correlator.weighing.crowds import crowded
from tests.emulators.correlator.weighing.model import event_of, places_of, track_met_of


def regions_with(z0, n=2, seed=1, filled=0.6, pt=400):
    """Regions of n events, empty but for drawn tracks whose z0 `z0(rng, shape)` gives."""
    rng = np.random.default_rng(seed)
    events, _ = crowded(1, 5, seed=1)
    regions, _ = Regionizer().run({k: v[:0] for k, v in events.items()}, [0] * (n + 1), vertex=0.0)
    for board in BOARDS[:2]:
        inputs = regions[board.name]
        shape = inputs["trk_hwPt"].shape
        inputs["n_trk"] = rng.binomial(shape[1], filled, shape[0]).astype(np.int16)
        inputs["trk_hwPt"] = rng.integers(1, pt, shape, endpoint=True).astype(np.int16)
        inputs["trk_hwEta"] = rng.integers(-200, 200, shape, dtype=np.int16)
        inputs["trk_hwPhi"] = rng.integers(-120, 120, shape, dtype=np.int16)
        inputs["trk_hwZ0"] = z0(rng, shape).astype(np.int16)
        for name in ("hwPt", "hwEta", "hwPhi", "hwZ0"):
            inputs[f"pfch_{name}"] = inputs[f"trk_{name}"]
    return regions


def same_as_the_model(regions, n):
    numbers, places = event_numbers(regions, n)
    expected = [(*event_of(regions, e), 0, 0, *track_met_of(regions, e)) for e in range(n)]
    assert [tuple(row) for row in numbers.tolist()] == expected
    expected = {key: x for e in range(n) for key, x in places_of(regions, e).items()}
    for (board, region, slot), place in expected.items():
        assert places[board][region, slot] == place
    return numbers, places


@pytest.mark.parametrize(
    "z0",
    [
        lambda rng, shape: rng.integers(-512, 512, shape),
        lambda rng, shape: rng.integers(-20, 21, shape),
        lambda rng, shape: rng.choice([-32768, -32765, -32760, 32759, 32763, 32767], shape),
        lambda rng, shape: rng.choice([-9, -8, -5, -4, 0, 4, 5, 8, 9], shape),
    ],
    ids=["10 bits", "near", "limits of 16 bits", "edges of the windows"],
)
def test_places_of_drawn_tracks_equal_the_model(z0):
    numbers, places = same_as_the_model(regions_with(z0), 2)
    assert (numbers > 0).all(axis=0)[[2, 3]].all()
    assert len(np.unique(places["barrel"])) > 3


def test_events_do_not_know_of_each_other():
    regions = regions_with(lambda rng, shape: rng.integers(-50, 51, shape), n=2)
    both, places = event_numbers(regions, 2)
    for board in BOARDS[:2]:
        regions[board.name]["n_trk"][: board.n_regions] = 0
    one, others = same_as_the_model(regions, 2)
    assert (one[0] == 0).all()
    assert (one[1] == both[1]).all()
    for board in BOARDS[:2]:
        second = slice(board.n_regions, None)
        assert (others[board.name][second] == places[board.name][second]).all()


def test_a_sum_saturates_where_its_logarithm_does():
    full = regions_with(lambda _, shape: np.full(shape, 300), n=1, filled=1.0, pt=4000)
    numbers, places = same_as_the_model(full, 1)
    assert numbers[0, 3] == places["hgcal"].max() == LOGARITHM[65535]
    assert numbers[0, 0] == 0


def test_an_event_without_tracks_has_nothing():
    empty = regions_with(lambda _, shape: np.zeros(shape), filled=0.0)
    numbers, places = same_as_the_model(empty, 2)
    assert not numbers.any()
    assert not any(of_board.any() for of_board in places.values())
