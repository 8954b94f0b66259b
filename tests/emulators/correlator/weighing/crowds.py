"""Events of particles in bunches, so that regions are full."""

import numpy as np


def crowded(n: int, per_event: int, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Return columns and offsets of n events; some particles are very hard."""
    rng = np.random.default_rng(seed)
    counts = rng.integers(0, 2 * per_event, n)
    total = counts.sum()
    pid = rng.choice([0, 1, 2, 3, 4, 5, 6], total, p=[0.4, 0.05, 0.03, 0.3, 0.2, 0.01, 0.01])
    eta = np.where(rng.random(total) < 0.5, rng.uniform(-5, 5, total), rng.normal(1.5, 1.2, total))
    hard = rng.random(total) < 0.03
    return {
        "pt": 1 + rng.exponential(3, total) + np.where(hard, rng.exponential(600, total), 0),
        "eta": np.clip(eta, -5.4, 5.4),
        "phi": np.where(
            rng.random(total) < 0.5, rng.uniform(-3.14, 3.14, total), rng.normal(0.4, 0.3, total)
        ),
        "charge": np.where(pid <= 2, rng.choice([-1, 1], total), 0),
        "pid": pid,
        "z0": np.where(
            rng.random(total) < 0.7,
            rng.choice([0.0, 0.2, 0.4, 0.5, 0.55, 3.0, 3.25, -8.0, -25.6, -25.4, 25.55], total),
            np.clip(rng.normal(0, 5, total), -25.6, 25.55),
        ),
    }, np.concatenate([[0], np.cumsum(counts)])
