"""Batches of whole events: every kind with its rate or share, and mixed crossings of soft ones."""

import numpy as np

from l1kd.models.correlator.batches import Batches, Kind
from l1kd.models.correlator.crossings import Crossings


def crossings(n_events, rate):
    """Events of three candidates each."""
    n = 3 * n_events
    pt = np.arange(1, n + 1, dtype=np.float32)
    return Crossings(
        np.zeros((n, 2), np.int16), pt, pt, 0 * pt, 0 * pt, np.ones(n, bool),
        np.zeros(n, np.int16), 3 * np.arange(n_events + 1), np.zeros(n_events, np.int8),
        np.ones(n_events, bool), rate,
    )  # fmt: skip


def test_every_soft_crossing_is_mixed_with_others_of_its_kind(tf):
    soft, hard = crossings(20, 30e6), crossings(6, 1e6)
    kinds = [Kind(hard, np.arange(6), 6, 0.0), Kind(soft, np.arange(20), 20, 0.0, mixed=3)]
    for epoch in (0, 1):
        for batch in Batches(kinds, 2, seed=1)(epoch):
            event, hertz, pairs, turns = (batch[i].numpy() for i in (8, 9, 12, 13))
            assert hertz.sum() == np.float32(31e6)
            assert (pairs[:, 0] != pairs[:, 1]).all()
            # three hard events come first, and belong to no pair
            assert (np.bincount(pairs[:, 0], minlength=13) == [0] * 3 + [3] * 10).all()
            assert pairs[:, 1].min() >= 3
            assert pairs.max() == event.max() == 12
            np.testing.assert_allclose(np.hypot(*turns.T), 1.0, rtol=1e-6)


def test_nothing_is_mixed_unless_asked(tf):
    (batch,) = Batches([Kind(crossings(4, 30e6), np.arange(4), 4, 0.0)], 1, seed=1)(0)
    assert batch[12].shape == batch[13].shape == (0, 2)
