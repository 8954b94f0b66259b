"""Drawn events for the tests of trainings in the correlator."""

import numpy as np

from l1kd.models.correlator.crossings import Raw


def raw(n_events=6, seed=3, hard=True):
    """Events of some tracks and towers, a few of them from a hard collision."""
    generator = np.random.default_rng(seed)
    sizes = generator.integers(20, 40, n_events)
    n = int(sizes.sum())
    charge = generator.integers(-1, 2, n).astype(np.int8)
    pt = np.where(charge != 0, 2 + generator.exponential(3, n), generator.integers(4, 80, n) / 4)
    share = np.where(charge != 0, generator.integers(0, 2, n), generator.random(n))
    return Raw(
        {
            "pt": pt,
            "eta": generator.uniform(-2.3, 2.3, n),
            "phi": generator.uniform(-np.pi, np.pi, n),
            "charge": charge,
            "pid": np.where(charge != 0, 0, 4).astype(np.int8),
            "z0": np.where(charge != 0, generator.normal(0, 5, n), 0.0),
            "hard_fraction": (share if hard else np.zeros(n)).astype(np.float32),
        },
        np.concatenate([[0], np.cumsum(sizes)]),
        np.ones(n_events),
    )
